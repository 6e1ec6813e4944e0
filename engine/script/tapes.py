"""What functions of libraries told the engine, kept from one reading of a world to the next.

A function of a library that was read to its end, given plain values, reaches nothing that changes: what it does follows
from the library, its arguments and what the engine answers it. So when a changed world file is read again, such a call
is not evaluated once more: the engine is told the same again, and steps are counted as they were. Where it answers
otherwise than it did, the call is evaluated after all, and hears first what has been answered already.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final, NamedTuple

from engine.core.errors import DaguerreError
from engine.script.budget import Budget, Spot, raise_at
from engine.script.objects import Builtin, Function

MOST_TOLD: Final = 50_000  # calls of the engine that are kept; the town makes 4,000
MOST_CALLS: Final = 50_000  # of functions
MOST_VALUES: Final = 32  # that a call which is kept is given, and as many that it gives
LONGEST_TEXT: Final = 64  # among them
PLAIN: Final = frozenset((int, float, bool, type(None)))
Evaluate = Callable[[Budget, Function, tuple[Any, ...], dict[str, Any]], Any]


class Told(NamedTuple):
    """One call of the engine, and where in which file it stands."""

    host: str
    args: tuple[Any, ...]
    named: dict[str, Any]
    place: Spot
    answer: Any


class Tape(NamedTuple):
    """One call of a library's function, that came to its end."""

    begin: int  # of what it told: told[begin:end]
    end: int
    steps: int  # that it took
    depth: int  # at which it was called
    place: Spot | None  # of the last call in it; None where there was none
    value: Any  # that it gave


@dataclass
class Tapes:
    """All that was told in one reading, and what of it which calls told."""

    told: list[Told] = field(default_factory=list)
    calls: dict[bytes, Tape] = field(default_factory=dict)


class Teller:
    """Tells the engine what a world file says while it is read, and calls the functions of its libraries."""

    def __init__(self, hosts: Mapping[str, Builtin], known: Tapes) -> None:
        """`known` is what an earlier reading has told."""
        self.tapes = Tapes()
        self._hosts, self._known = hosts, known
        self._heard: list[Any] = []  # answers that were given already, the first one last

    def tell(self, run: Budget, host: Builtin, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Calls a function of the engine, and gives its answer."""
        answer = self._heard.pop() if self._heard else host.call(*args, **named)
        if len(self.tapes.told) <= MOST_TOLD:
            self.tapes.told.append(Told(host.name, args, named, run.place, answer))
        return answer

    def call(
        self, run: Budget, function: Function, args: tuple[Any, ...], named: dict[str, Any], evaluate: Evaluate
    ) -> Any:
        """Calls a function that has a `label`."""
        if not _is_plain((args, *named, *named.values())):
            return evaluate(run, function, args, named)
        key = sha256(repr((function.label, args, named)).encode()).digest()
        begin, spent, depth, place = len(self.tapes.told), run.spent, run.depth, run.place
        known = self._known.calls.get(key)
        if (
            known is not None
            and depth <= known.depth  # so that it goes no deeper than it did
            and spent + known.steps <= run.steps
            and self._told_again(run, known)
        ):
            run.spent, run.place, depth, value = spent + known.steps, known.place or place, known.depth, known.value
        else:
            value = evaluate(run, function, args, named)
        end = len(self.tapes.told)
        if end <= MOST_TOLD and len(self.tapes.calls) < MOST_CALLS and _is_plain((value,)):
            last = None if run.place is place else run.place
            self.tapes.calls[key] = Tape(begin, end, run.spent - spent, depth, last, value)
        return value

    def _told_again(self, run: Budget, tape: Tape) -> bool:
        """Tells what a call told, as long as the answers are those of then; else they wait to be heard."""
        begin, answers = len(self.tapes.told), []
        for was in self._known.told[tape.begin : tape.end]:
            run.place = was.place
            try:
                answers.append(self.tell(run, self._hosts[was.host], was.args, was.named))
            except DaguerreError as error:
                raise_at(error, was.place)
            if not _are_same(answers[-1], was.answer):
                self._heard += reversed(answers)
                del self.tapes.told[begin:]
                return False
        return True


def _are_same(a: Any, b: Any) -> bool:
    """Whether two answers are the same by kind and bits: 1 is not 1.0, and 0.0 not -0.0."""
    return a is b or repr(a) == repr(b)


def _is_plain(values: tuple[Any, ...]) -> bool:
    """Whether some values are few, short, and can never change."""
    waiting, seen = [values], 0
    while waiting:
        some = waiting.pop()
        seen += len(some)
        if seen > MOST_VALUES:
            return False
        for value in some:
            kind = type(value)
            if kind is tuple:
                waiting.append(value)
            elif kind is str:
                if len(value) > LONGEST_TEXT:
                    return False
            elif kind not in PLAIN:
                return False
    return True
