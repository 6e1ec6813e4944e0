"""Events: what comes out of a tick. The world's handlers get them in order; they are kept for one tick for others."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from engine.core.errors import LimitError

if TYPE_CHECKING:
    from engine.state.world import State

Value = int | float | str | bool

MAX_EVENTS: Final = 10_000  # in one tick, sent by the world's handlers; the world itself may send as many again
MAX_TEXT: Final = 4096  # characters of one string value
MAX_ARGUMENTS: Final = 16

KINDS: Final = {
    "start": "()",
    "enter": "(trigger name, entity)",
    "leave": "(trigger name, entity)",
    "use": "(entity)",
    "timer": "(name)",
    "dusk": "()",
    "dawn": "()",
    "door": "(entity, is open)",
    "lamp": "(entity, is on)",
    "contact": "(entity, what it touched: an entity or 0 for the ground, impulse in N s)",
    "lost": "(entity) a body that left the world and was taken out",
    "told": "(name) of a dialogue whose last line is over",
    "goal": "(name) of a goal that is reached",
    "ending": "(title, won)",
    "carried": "(entity, who carries it now)",
    "dropped": "(entity, who carried it)",
    "script_error": "(handler, message)",
}
"""Events that the simulation sends itself, with their arguments. "tick" is none of them: handlers of on("tick", ...)
are called once a tick without arguments. Scripts may send events of any other name."""


@dataclass(frozen=True)
class Event:
    """One thing that happened."""

    kind: str
    args: tuple[Value, ...] = ()


def value_problem(value: object) -> str | None:
    """Why something cannot be an event's argument or a variable; None where it can."""
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value} is not a finite number"
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**63:
        return f"{value} does not fit into 64 bits"
    if isinstance(value, str) and len(value) > MAX_TEXT:
        return f"a text of {len(value)} characters is longer than {MAX_TEXT}"
    if not isinstance(value, int | float | str | bool):
        return f"a {type(value).__name__} is neither a number, a text nor a truth value"
    return None


def check_room(state: State, kind: str, most: int) -> None:
    """LimitError where this tick's queue holds so many events already."""
    if len(state.queue) >= most:
        raise LimitError(f"event {kind!r} is one too many: a tick holds at most {most} events")


def emit(state: State, kind: str, *args: Value) -> None:
    """Appends an event to this tick's queue. LimitError beyond twice MAX_EVENTS, or for what no event may carry."""
    check_room(state, kind, 2 * MAX_EVENTS)
    if not isinstance(kind, str) or not kind or len(kind) > MAX_TEXT or len(args) > MAX_ARGUMENTS:
        raise LimitError(f"event {kind!r}: a kind is a short text, and it has at most {MAX_ARGUMENTS} arguments")
    for arg in args:
        if problem := value_problem(arg):
            raise LimitError(f"event {kind!r}: {problem}")
    state.queue.append(Event(kind, args))
