"""The camera: frames of a world, view after view.

A frame is a function of the view and the weights alone. What a canvas keeps from one frame to the next
(engine/film/canvas.py) changes how long one takes, never a pixel; which canvas is gone on from is decided here.
"""

import time
from collections import deque
from pathlib import Path

import moderngl
import numpy as np
from numpy.typing import NDArray

from engine.core.looks import LOOKS
from engine.film.canvas import Canvas
from engine.film.knownworlds import KnownWorlds
from engine.film.settings import Settings
from engine.film.window import Window
from engine.light.cache import UNLIKE, LightCache
from engine.light.network import SHIPPED, Network, load
from engine.light.worldlight import state_key
from engine.raster.context import open_context
from engine.raster.gbuffer import GBufferArrays
from engine.view import Frame, View

BRICKS_AHEAD = 2048  # that the light of the next window takes through a pass in a frame: nothing is seen of it yet
LEAST_AROUND_M = 16.0  # that a window shows around the camera while the next one is lit
KEPT_TWICE_BYTES = 512 * 2**20  # light that takes more is not kept twice: that of a town of 128 m takes 390 MB
STATES_LEFT = 64  # so many of the states that were gone on from are known when they return
LEFT_ASIDE = 8  # states that are left before a canvas that nobody came back to is given up for another
BRICKS_APART = 32  # a canvas that differs from a view in so many more than twice those of another is of no use for it

F32 = NDArray[np.float32]


class Renderer(Settings):
    """Makes frames of one size in one look; follows a world from view to view.

    Several may live side by side: each makes its own context current while it works.
    """

    def __init__(
        self,
        size_px: tuple[int, int] = (640, 360),
        look: str = "neural",
        cache: bool = True,
        context: moderngl.Context | None = None,
        weights: Path | Network | None = None,
        texels_per_frame: int | None = None,
        compares: bool = True,
    ) -> None:
        """`cache` False forgets light and tiles before every frame, `compares` False is for measuring: see
        LightCache. `weights` is a file or a network; None is the
        shipped one.

        `texels_per_frame` None is the exact mode: all light is worked out before the frame. A number is the budget
        mode for play: lamp shadows new to the camera arrive over some frames, and `pages_stale` and `bodies_stale` in
        the stats say how many pages and bodies still wait; so does light after a change, and the first light of a
        world, before which pictures are the raster look's. `light_behind` says for how many frames.

        In exact mode a state of the world that returns (a door that opens and shuts again) is kept beside the one that
        it takes turns with, where its light takes no more than KEPT_TWICE_BYTES: from then on it costs nothing.

        Raises GraphicsError without OpenGL, WeightsError if the look is neural and the weights cannot be used.
        """
        super().__init__(cache=cache, texels_per_frame=texels_per_frame)
        self.reset_every = 0  # debugging: forget all light before every so many frames; 0 never
        self._frames = 0
        self._compares = compares
        self._owns_context = context is None
        self.context = open_context() if context is None else context
        self._network = weights if isinstance(weights, Network) else None
        self._weights = weights if isinstance(weights, Path) else SHIPPED
        self._window, self._known = Window(), KnownWorlds()
        self._ahead: tuple[Window, LightCache] | None = None  # the next window, lit before it is shown
        self._size_px = self._checked(size_px)
        with self.context:
            self._canvas = Canvas(self.context, self, self._size_px, None)
        self._other: Canvas | None = None  # that keeps a state which was seen to return
        self._left: deque[bytes] = deque(maxlen=STATES_LEFT)  # states that no canvas is of any more
        self._n_left = 0  # so far
        self._aside = 0  # of them when the other canvas was put aside
        self.set_look(look)

    # ---- settings ----

    def set_look(self, look: str) -> None:
        """Change the look: "neural", "classical" or "raster". Raises WeightsError if the network cannot be had."""
        if look not in LOOKS:
            raise ValueError(f"look: {look!r} is not one of {', '.join(LOOKS)}")
        if look == "neural" and self._network is None:
            self._network = load(self._weights)
        self.look = look
        with self.context:
            self._forget_other()
            if look != "raster" and self._canvas.light is None:
                self._canvas.use(self._new_light())
        self._canvas.wipe()
        self._ahead = None

    def _new_light(self) -> LightCache:
        return LightCache(self._network if self.look == "neural" else None, compares=self._compares)

    def _checked(self, size_px: tuple[int, int]) -> tuple[int, int]:
        width, height = int(size_px[0]), int(size_px[1])
        with self.context:
            limit = int(self.context.info["GL_MAX_TEXTURE_SIZE"])
        if not (1 <= width <= limit and 1 <= height <= limit):
            raise ValueError(f"size_px: {width} x {height} is not between 1 x 1 and {limit} x {limit}")
        return width, height

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height of frames."""
        return self._size_px

    @size_px.setter
    def size_px(self, size_px: tuple[int, int]) -> None:
        size_px = self._checked(size_px)
        if size_px == self._size_px:
            return
        self._size_px = size_px
        with self.context:
            self._forget_other()
            self._canvas.resize(size_px)

    @property
    def light(self) -> LightCache | None:
        """The light cache that the last frame was made with, None for the raster look."""
        return self._canvas.light

    def invalidate(self) -> None:
        """Forget all light of the look and the last picture: the next one is made from nothing."""
        self._ahead = None
        with self.context:
            self._forget_other()
        self._canvas.wipe(light_too=True)

    # ---- pictures ----

    def render(self, view: View) -> Frame:
        """The picture of a view.

        Frame.stats: frame_ms; ms {stage: ms}; probes, bricks, pages, reflections (glossy pixels) and tiles {reused,
        regenerated}.
        """
        start = time.perf_counter()
        view = self._through_window(self._begin(view))
        with self.context:
            frame = self._canvas_for(view).picture(view, self._window)
        frame.stats["frame_ms"] = (time.perf_counter() - start) * 1e3
        return frame

    def render_linear(self, view: View, decorated: bool = False) -> F32:
        """Linear radiance [H, W, 3] before exposure and tone curve, one sample per pixel, edges as they are.

        `decorated` adds what a path tracer of the same scene does not have: the sun's disc, stars and fog.
        """
        view = self._window.of(self._begin(view))
        with self.context:
            return self._canvas_for(view).linear(view, self._window, decorated)

    def gbuffer(self, view: View) -> GBufferArrays:
        """All channels of a view's G-buffer (engine/raster/gbuffer.py has the table)."""
        view = self._window.of(self._begin(view))
        with self.context:
            return self._canvas_for(view).gbuffer(view, self._window)

    def reflections(self, view: View) -> F32:
        """What glossy pixels reflect but for the sun, and the part of diffuse light that is left to them: [H, W, 4]."""
        view = self._window.of(self._begin(view))
        with self.context:
            return self._canvas_for(view).reflections(view, self._window)

    def _begin(self, view: View) -> View:
        """The view as it is known (knownworlds.py)."""
        self._frames += 1
        if not self.cache or (self.reset_every and self._frames % self.reset_every == 0):
            self.invalidate()
        return self._known.of(view)

    def _through_window(self, view: View) -> View:
        """The view through the window. In play the next window is lit over frames, and shown when it is done or the
        camera comes too near to the edge of this one.
        """
        light = self.light
        waits = self.most_bricks is not None and light is not None and light.is_built and not self.frozen
        if not waits or not self._window.reaches(view, LEAST_AROUND_M) or self._window.lies_right(view):
            self._ahead = None
            return self._window.of(view)
        if self._ahead is None:
            self._ahead = Window(), self._new_light()
        next_window, next_light = self._ahead
        through_next = next_window.of(view)
        next_light.update(through_next, BRICKS_AHEAD)
        if not next_light.is_built:
            return self._window.of(view, stays=True)
        self._window, self._ahead = next_window, None
        with self.context:
            self._canvas.use(next_light)
        return through_next

    # ---- which canvas ----

    def _canvas_for(self, view: View) -> Canvas:
        """The canvas that the view's picture goes on from: one of a state like it, if there is one. A state that was
        left before and is there again may well do so often: it gets a canvas, and the one that was shown keeps its own.
        """
        light = self._canvas.light
        is_exact = self.cache and not self.frozen and self.texels_per_frame is None
        if light is None or not is_exact or view.land is not None:  # one window of a large world takes enough memory
            self._forget_other()
            return self._canvas
        key, before = state_key(view), self._canvas.state
        if key != before:
            if self._other is not None and self._other.state == key:
                self._swap(self._other)
            elif not (key in self._left and self._keep_both(view, light)):
                self._leave(before)
            self._canvas.state = key
        return self._canvas

    def _keep_both(self, view: View, light: LightCache) -> bool:
        """Show the view on another canvas than the last one: on the one that there is beside it, if following the view
        is hardly more work for that, or on a new one that knows what the last one does. Returns whether it could be: a
        canvas that keeps something else stays for a while.
        """
        if light.is_being_made or light.bytes > KEPT_TWICE_BYTES:
            return False
        if (other := self._other) is not None:
            apart = UNLIKE if other.light is None else other.light.bricks_apart(view)
            if apart <= 2 * light.bricks_apart(view) + BRICKS_APART:
                self._leave(other.state)
                self._swap(other)
                return True
            if self._n_left - self._aside < LEFT_ASIDE:
                return False
        self._forget_other()
        knows = light.twin(view) if light.can_follow(view) else self._new_light()
        self._swap(Canvas(self.context, self, self._size_px, knows))
        return True

    def _swap(self, shown: Canvas) -> None:
        self._canvas, self._other, self._aside = shown, self._canvas, self._n_left

    def _leave(self, state: bytes) -> None:
        self._left.append(state)
        self._n_left += 1

    def _forget_other(self) -> None:
        if self._other is not None:
            self._leave(self._other.state)
            self._other.release()
            self._other = None

    def release(self) -> None:
        """Give all GPU memory back."""
        with self.context:
            self._forget_other()
            self._canvas.release()
        if self._owns_context:
            self.context.release()
