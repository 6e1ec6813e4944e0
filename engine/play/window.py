"""The backend with a screen: a pygame window on the main thread, while loading, ticks and pictures run on another.

The picture is rendered off screen and scaled into the window, so the window needs no OpenGL of its own. It never
freezes: its thread only moves events one way and finished frames the other.
"""

import contextlib
import os
import threading
from collections.abc import Callable, Sequence

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")

import pygame

from engine.core.errors import GraphicsError
from engine.play import hud
from engine.play.loop import Input
from engine.view import Frame

RADIANS_PER_PX = 0.0022
LOOK_LIMIT = 3.0  # radians in one poll; a jump of the pointer is not a pirouette
IDLE_MS = 100  # the window wakes at least this often
CLOSING_S = 5.0  # how long a closed window waits for the work to notice
FRAME_READY = pygame.event.custom_type()
REDRAWS = (pygame.VIDEOEXPOSE, pygame.VIDEORESIZE, pygame.WINDOWSIZECHANGED)

# Walking keys by place on the keyboard, not by letter, so that they lie together on every layout.
WALK = {
    pygame.KSCAN_W: ("forward", 1.0),
    pygame.KSCAN_S: ("forward", -1.0),
    pygame.KSCAN_D: ("right", 1.0),
    pygame.KSCAN_A: ("right", -1.0),
    pygame.KSCAN_SPACE: ("up", 1.0),
    pygame.KSCAN_LSHIFT: ("run", 1.0),
    pygame.KSCAN_RSHIFT: ("run", 1.0),
}
TAPS = {
    pygame.K_e: "use",
    pygame.K_SPACE: "jump",
    pygame.K_p: "pause",
    pygame.K_r: "restart",
    pygame.K_PERIOD: "single step",
    pygame.K_TAB: "next look",
    pygame.K_n: "network",
    pygame.K_c: "next camera",
    pygame.K_F1: "help",
    pygame.K_F3: "stats",
    pygame.K_F5: "save",
    pygame.K_F6: "freeze light",
    pygame.K_F7: "forget light",
    pygame.K_F8: "forget light often",
    pygame.K_F9: "load",
    pygame.K_F12: "screenshot",
    pygame.K_BACKSPACE: "back",
}
RELEASES = {pygame.K_BACKSPACE: "forth"}
UNSEEN = ("offscreen", "dummy")  # drivers that SDL falls back to where the display that is named is not there


class Closed(Exception):
    """The window was closed while the work was still loading."""


class Window:
    """A window; satisfies engine.play.loop.Backend for the thread that `run` starts."""

    def __init__(self, title: str, size_px: tuple[int, int]) -> None:
        """Open the window at once. Raises GraphicsError where none can open."""
        try:
            pygame.display.init()
            driver = pygame.display.get_driver()
            if driver in UNSEEN and os.environ.get("SDL_VIDEODRIVER") != driver:  # SDL would draw for nobody
                raise GraphicsError("no window could be opened: no display answers")
            pygame.display.set_caption(f"Daguerre: {title}")
            self._screen = pygame.display.set_mode(size_px, pygame.RESIZABLE)
        except pygame.error as error:
            raise GraphicsError(f"no window could be opened: {error}") from error
        pygame.key.set_repeat(0)
        self._title = title
        self._lock = threading.Lock()
        self._shown = threading.Condition(self._lock)
        self._stage, self._share, self._stage_is_new = "Starting", 0.0, True
        self._newest: tuple[Frame, hud.Overlay] | None = None  # the frame that is on its way to the screen
        self._frame: tuple[Frame, hud.Overlay] | None = None  # the frame that is on the screen
        self._events: list[Input] = []
        self._yaw = self._pitch = 0.0  # radians turned since the last poll
        self._down: set[int] = set()  # scancodes of walking keys that are held
        self._closed = self._grabbed = self._has_shown_one = False
        self._show()

    # ---- called on the working thread

    def say(self, stage: str, share: float) -> None:
        """Show what is being done before the first picture; `share` of it is done. Raises Closed if the window is."""
        if self._closed:
            raise Closed
        self._stage, self._share, self._stage_is_new = stage, share, True
        self._wake()

    def poll(self) -> Sequence[Input]:
        """What the keys and the mouse did since the last call."""
        with self._lock:
            events, self._events = self._events, []
            yaw, pitch = self._yaw, self._pitch
            self._yaw = self._pitch = 0.0
        if yaw or pitch:
            limited = {"yaw": _limited(yaw), "pitch": _limited(pitch)}
            events.append(Input("look", limited))
        return events

    def present(self, frame: Frame, overlay: hud.Overlay) -> None:
        """Hand a frame to the window; waits until the one before has been taken, so that no frame is made in vain.

        The first one it waits to see shown, so that nothing that is done after it holds it back.
        """
        with self._shown:
            self._shown.wait_for(lambda: self._newest is None or self._closed)
            self._newest = (frame, overlay)
        self._wake()
        with self._shown:
            self._shown.wait_for(lambda: self._has_shown_one or self._closed)

    # ---- called on the main thread

    def run(self, work: Callable[["Window"], None], first_picture: Callable[[], None] = lambda: None) -> None:
        """Run `work` on its own thread and serve the window until it ends; raises what the work raised."""
        failure: list[BaseException] = []

        def working() -> None:
            try:
                work(self)
            except Closed:
                pass
            except BaseException as error:  # it is raised again below, on the thread that can tell the user
                failure.append(error)
            self._wake()

        thread = threading.Thread(target=working, name="daguerre", daemon=True)
        thread.start()
        try:
            while thread.is_alive() and not self._closed:
                self._serve(first_picture)
        finally:
            with self._shown:
                self._closed = True
                self._events.append(Input("quit"))
                self._shown.notify_all()
            pygame.display.quit()
            thread.join(CLOSING_S)
        if failure:
            raise failure[0]

    def _serve(self, first_picture: Callable[[], None]) -> None:
        events = [pygame.event.wait(IDLE_MS), *pygame.event.get()]
        for event in events:
            self._take(event)
        with self._shown:
            newest, self._newest = self._newest, None
            self._shown.notify_all()
        first = newest is not None and self._frame is None
        if newest is not None:
            self._frame = newest
        if newest is not None or self._stage_is_new or any(e.type in REDRAWS for e in events):
            self._show()
        if first:
            first_picture()
            with self._shown:
                self._has_shown_one = True
                self._shown.notify_all()
            self._grab(pygame.mouse.get_focused() and pygame.key.get_focused())

    def _take(self, event: pygame.event.Event) -> None:
        if event.type == pygame.QUIT:
            self._closed = True
        elif event.type == pygame.KEYDOWN and event.key == pygame.K_ESCAPE:
            if self._grabbed:
                self._grab(False)
            else:
                self._closed = True
        elif event.type == pygame.KEYDOWN:
            self._walk(event.scancode, True)
            if event.key in TAPS:
                self._send(Input(TAPS[event.key]))
        elif event.type == pygame.KEYUP:
            self._walk(event.scancode, False)
            if event.key in RELEASES:
                self._send(Input(RELEASES[event.key]))
        elif event.type == pygame.MOUSEBUTTONDOWN and not self._grabbed:
            self._grab(True)
        elif event.type == pygame.MOUSEMOTION and self._grabbed:
            with self._lock:
                self._yaw -= event.rel[0] * RADIANS_PER_PX
                self._pitch -= event.rel[1] * RADIANS_PER_PX
        elif event.type == pygame.WINDOWFOCUSLOST:
            self._grab(False)
            for kind in RELEASES.values():
                self._send(Input(kind))
            for scancode in tuple(self._down):
                self._walk(scancode, False)

    def _walk(self, scancode: int, down: bool) -> None:
        if scancode not in WALK:
            return
        (self._down.add if down else self._down.discard)(scancode)
        axes = {"forward": 0.0, "right": 0.0, "up": 0.0, "run": 0.0}
        for held in self._down:
            axis, amount = WALK[held]
            axes[axis] += amount
        self._send(Input("move", {**axes, "run": axes["run"] > 0}))

    def _send(self, one: Input) -> None:
        with self._lock:
            self._events.append(one)

    def _grab(self, take: bool) -> None:
        """Hidden and held, the pointer reports how far it moved, not where it is."""
        self._grabbed = take
        pygame.event.set_grab(take)
        pygame.mouse.set_visible(not take)

    def _wake(self) -> None:
        with contextlib.suppress(pygame.error):  # the window may have just closed
            pygame.event.post(pygame.event.Event(FRAME_READY))

    def _show(self) -> None:
        """Draw the newest frame, letterboxed, or the loading screen."""
        self._stage_is_new = False
        size = width, height = self._screen.get_size()
        if self._frame is None:
            rgb = hud.loading_screen(width, height, self._title, self._stage, self._share)
            self._screen.blit(pygame.image.frombuffer(rgb.tobytes(), size, "RGB"), (0, 0))
        else:
            frame, overlay = self._frame
            rows, columns = frame.rgb.shape[:2]
            scale = min(width / columns, height / rows)
            fitted = (max(round(columns * scale), 1), max(round(rows * scale), 1))
            picture = pygame.image.frombuffer(frame.rgb.tobytes(), (columns, rows), "RGB")
            picture = picture.convert(self._screen)  # 4 bytes a pixel: scales in 2.2 ms, with 3 bytes in 5.4 ms
            if fitted != (columns, rows):
                picture = pygame.transform.smoothscale(picture, fitted)
            if fitted != size:
                self._screen.fill((0, 0, 0))
            self._screen.blit(picture, ((width - fitted[0]) // 2, (height - fitted[1]) // 2))
            for panel in hud.panels(overlay, width, height):
                tall, wide = panel.rgba.shape[:2]
                words = pygame.image.frombuffer(panel.rgba.tobytes(), (wide, tall), "RGBA")
                self._screen.blit(words, (panel.left_px, panel.top_px))
        pygame.display.flip()


def _limited(angle: float) -> float:
    return min(max(angle, -LOOK_LIMIT), LOOK_LIMIT)
