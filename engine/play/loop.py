"""The frame: look at the clock, take what came in, run whole ticks, show a picture. The only reader of the wall clock.

A window and a film are two backends with the same two methods, so whatever is played can be filmed and the reverse.
"""

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from engine.play.hud import Overlay
from engine.view import Frame

NowNs = Callable[[], int]


@dataclass(frozen=True)
class Input:
    """Something that came in: a command of the world ("move", "look", "use", "jump") or a wish about the playing."""

    kind: str
    args: Mapping[str, float | bool] = field(default_factory=dict)


class Backend(Protocol):
    """Where inputs come from and frames go."""

    def poll(self) -> Sequence[Input]:
        """Everything that came in since the last call, in order."""

    def present(self, frame: Frame, overlay: Overlay) -> None:
        """Show or keep a frame with its words."""


class Playable(Protocol):
    """What the loop drives: see engine.play.session.Session."""

    finished: bool

    def take(self, inputs: Sequence[Input]) -> None:
        """Take in what a backend polled."""

    def advance(self, elapsed_ns: int) -> None:
        """Run the whole ticks that fit into the time that passed."""

    def picture(self) -> tuple[Frame, Overlay]:
        """Make the picture of this moment."""


@dataclass(frozen=True)
class Pace:
    """How a loop went."""

    frames: int
    seconds: float  # by the clock that the loop was given


def wall_ns() -> int:
    """The wall clock in nanoseconds, monotonic."""
    return time.perf_counter_ns()


class SteadyClock:
    """A clock that moves by one frame each time it is read: films get the same frames however long a frame takes."""

    def __init__(self, frames_per_s: int) -> None:
        self.frames_per_s, self._reads = frames_per_s, 0

    def __call__(self) -> int:
        now_ns = self._reads * 1_000_000_000 // self.frames_per_s
        self._reads += 1
        return now_ns


def loop(
    backend: Backend,
    playable: Playable,
    now_ns: NowNs = wall_ns,
    frames: int | None = None,
    frames_per_s: int | None = None,
    seconds: float | None = None,
) -> Pace:
    """Play until the playable is finished, for so many frames, or for so many seconds of the given clock.

    With `frames_per_s` it rests when it is faster than that; a film has no reason to.
    """
    earlier = now = played_ns = shown = 0
    try:
        while not playable.finished and (frames is None or shown < frames):
            playable.take(backend.poll())
            if shown:
                now = now_ns()
                played_ns += max(now - earlier, 0)  # a clock that was set back has not unplayed anything
            playable.advance(now - earlier)
            backend.present(*playable.picture())
            shown += 1
            if shown == 1:  # time begins with the first picture: it shows the state as it is and takes longest to light
                gc.enable()  # up to here it was left alone
                gc.collect()
                gc.freeze()  # kernels and modules stay: to look through them is a pause of a tenth of a second
                now = now_ns()
            earlier = now
            if seconds is not None and played_ns >= seconds * 1e9:
                break
            if frames_per_s is not None:
                time.sleep(max(0.0, 1.0 / frames_per_s - max(now_ns() - now, 0) / 1e9))
    finally:
        gc.unfreeze()
    return Pace(shown, played_ns / 1e9)
