"""What a script may use, counted: the same work costs the same in every run and on every machine.

A step is one node of the syntax tree that is evaluated. Whatever makes or walks a value of some size pays for the size
as well, before the memory is taken, so that a budget of steps bounds memory too: no step buys more than about 32 bytes.
"""

from typing import TYPE_CHECKING, Final, NoReturn

from engine.core.errors import DaguerreError, WorldFileError

if TYPE_CHECKING:
    from engine.script.tapes import Teller

MAX_FRAMES: Final = 400  # levels of calls, statements and expressions inside one another, while a script runs
HOST_CALL_STEPS: Final = 40  # what a call of a host function costs, measured against plain nodes

Spot = tuple[str, int, int]  # file, line, column, 1-based


class Fault(DaguerreError):
    """Something that a script did wrong; on its way out it learns where."""

    def __init__(self, message: str, place: Spot | None = None) -> None:
        super().__init__(message)
        self.message, self.place = message, place


def raise_at(fault: DaguerreError, place: Spot) -> NoReturn:
    """Lets a failure go on, with the place where it happened if it has none yet."""
    if isinstance(fault, Fault):
        if fault.place is None:
            fault.place = place
        raise fault
    if isinstance(fault, WorldFileError):
        if fault.line is not None:
            raise fault
        raise Fault(fault.message, place) from None
    raise Fault(str(fault), place) from None


class Budget:
    """Counts steps and nesting for one evaluation of a script."""

    __slots__ = ("depth", "era", "place", "spent", "steps", "teller")

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.spent = 0
        self.depth = 0
        self.era = object()  # lists and dicts of another era are frozen
        self.place: Spot = ("", 0, 0)  # of the call that reached a host function last
        self.teller: Teller | None = None  # while a world file is read

    def charge(self, steps: int) -> None:
        """Adds to the count. Fault when it is used up."""
        self.spent += steps
        if self.spent > self.steps:
            raise self.used_up()

    def used_up(self) -> Fault:
        """What a script is told that ran too long."""
        return Fault(f"this ran longer than {self.steps:,} steps and was stopped")
