"""From elapsed time to whole ticks. The only place where real time meets the simulation, and it is handed in."""

from dataclasses import dataclass
from typing import Final

from engine.core.units import TICK_NS

MOST_TICKS: Final = (
    8  # in one frame: a machine that cannot keep up slows the world down instead of falling behind for ever
)


@dataclass(frozen=True)
class Beat:
    """What a frame has to do."""

    ticks: int  # steps to make now, 0..MOST_TICKS
    alpha: float  # 0..1: how far the picture lies between the last two ticks
    dropped: int  # ticks given up because too much time had passed


class FixedClock:
    """Collects elapsed nanoseconds and pays them out in whole ticks; exact, the remainder stays for the next frame."""

    def __init__(self) -> None:
        self.remainder_ns = 0  # 0..TICK_NS - 1
        self.dropped = 0  # ticks given up so far

    def advance(self, elapsed_ns: int) -> Beat:
        """The ticks that are due after so much time. Time that runs backwards counts as none."""
        owed, self.remainder_ns = divmod(self.remainder_ns + max(elapsed_ns, 0), TICK_NS)
        ticks = min(owed, MOST_TICKS)
        self.dropped += owed - ticks
        return Beat(ticks, self.remainder_ns / TICK_NS, owed - ticks)
