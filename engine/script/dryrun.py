"""Every handler of a world is tried in a throw-away world: what would fail in play is known before it is played.

Each is called as the world itself would call it: with one entity of every kind of name, every trigger, every goal, the
timers and dialogues that the files name. Each call begins from the same state, a moment after the start.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from engine.core.errors import WorldFileError
from engine.core.ids import PLAYER
from engine.sim.script_port import HANDLER_STEPS, Script, ScriptFailure
from engine.sim.step import step
from engine.state import events, snapshot
from engine.state.blueprint import Blueprint
from engine.state.components import BODY, DOOR, LAMP, WALKS
from engine.state.world import State, new_state

FIRST_TICKS: Final = 2  # "start" is handled, people stand
LATER_TICKS: Final = 64  # a second, with what handlers of "tick" and timers do in it
MOST_CALLS: Final = 120  # in all: the town has 30
MOST_OF_ONE: Final = 24  # of one handler
Value = int | float | str | bool
Args = tuple[Value, ...]


@dataclass
class Tried:
    """What came of it."""

    failures: list[WorldFileError] = field(default_factory=list)
    calls: int = 0
    greediest: str = ""  # the handler that took the largest part of what a call may take
    steps: int = 0  # so many

    @property
    def share(self) -> float:
        """What the greediest handler took of its budget, 0..1."""
        return self.steps / HANDLER_STEPS


def tried(blueprint: Blueprint, script: Script, sources: Iterable[ast.Module]) -> Tried:
    """Tries every handler; `sources` are the trees of the world's files. Raises what new_state raises."""
    found, failed = Tried(), set[str]()
    state = new_state(blueprint, 1)
    for _ in range(FIRST_TICKS):
        _stepped(blueprint, state, script, found, failed)
    start = snapshot.save(blueprint, state)
    waiting = list(_calls(blueprint, state, list(sources)))
    per_handler: dict[str, int] = {}
    sent: set[tuple[str, Args]] = set()
    while waiting and found.calls < MOST_CALLS:
        event, args = waiting.pop(0)
        for handler in blueprint.handlers.get(event, ()):
            if handler in failed or per_handler.get(handler, 0) >= MOST_OF_ONE:
                continue
            state = snapshot.load(blueprint, start, state)
            per_handler[handler] = per_handler.get(handler, 0) + 1
            found.calls += 1
            try:
                script.handle(blueprint, state, handler, args)
            except ScriptFailure as failure:
                failed.add(handler)
                found.failures.append(_told(failure, event, _shown(state, args)))
            _note_steps(state, found)
            for one in state.queue:  # events of the author's own, as handlers send them
                if one.kind not in events.KINDS and (one.kind, one.args) not in sent:
                    sent.add((one.kind, one.args))
                    waiting.append((one.kind, one.args))
    state = snapshot.load(blueprint, start, state)
    for _ in range(LATER_TICKS):
        _stepped(blueprint, state, script, found, failed)
    return found


def _stepped(blueprint: Blueprint, state: State, script: Script, found: Tried, failed: set[str]) -> None:
    watched = _Watched(script)
    step(blueprint, state, (), watched)
    _note_steps(state, found)
    for failure in watched.failures:
        if failure.handler not in failed:
            failed.add(failure.handler)
            found.failures.append(_told(failure, "", ""))


class _Watched:
    """A script whose failures are kept, with their places, on their way to the world that switches handlers off."""

    def __init__(self, script: Script) -> None:
        self._script, self.failures = script, list[ScriptFailure]()

    def handle(self, blueprint: Blueprint, state: State, handler_name: str, args: Args) -> None:
        try:
            self._script.handle(blueprint, state, handler_name, args)
        except ScriptFailure as failure:
            self.failures.append(failure)
            raise


def _note_steps(state: State, found: Tried) -> None:
    for handler, steps in state.steps_by_handler.items():
        if steps > found.steps:
            found.greediest, found.steps = handler, steps


def _told(failure: ScriptFailure, event: str, args: str) -> WorldFileError:
    cause = failure.__cause__
    message = f"{failure.handler}({args}) fails" + (f" on '{event}'" if event else "")
    if not isinstance(cause, WorldFileError):
        return WorldFileError(f"{message}: {failure.message}")
    return WorldFileError(f"{message}: {cause.message}", cause.file, cause.line, cause.column, cause.excerpt)


def _shown(state: State, args: Args) -> str:
    """The arguments of a call, entities by their names."""
    return ", ".join(
        f"'{state.names[a]}'" if not isinstance(a, bool) and isinstance(a, int) and a in state.names else repr(a)
        for a in args
    )


# --- what to call them with -------------------------------------------------------------------------------------------


def _calls(blueprint: Blueprint, state: State, sources: list[ast.Module]) -> Iterator[tuple[str, Args]]:
    """Events as this world may send them, with their arguments."""
    things = _kinds(state, range(1, state.n_slots))
    doors, lamps, walkers = (_kinds(state, state.rows(part).tolist()) for part in (DOOR, LAMP, WALKS))
    tell = _kinds(state, [row for row in state.rows(BODY).tolist() if state.columns.tells[row]])
    who = [PLAYER, *walkers[:1]]
    bound: dict[str, Iterable[Args]] = {
        "start": [()],
        "tick": [()],
        "dusk": [()],
        "dawn": [()],
        "enter": [(t.name, w) for t in blueprint.triggers for w in who],
        "leave": [(t.name, w) for t in blueprint.triggers for w in who],
        "use": [(entity,) for entity in things],
        "timer": [(name,) for name in sorted({*_words(sources, "start_timer"), *state.timers})],
        "door": [(entity, is_open) for entity in doors for is_open in (True, False)],
        "lamp": [(entity, is_on) for entity in lamps for is_on in (True, False)],
        "contact": [(entity, other, 5.0) for entity in tell for other in (0, *who)],
        "told": [(name,) for name in sorted(_words(sources, "dialogue", 1))],
        "goal": [(goal.name,) for goal in blueprint.goals],
        "ending": [("The end", True), ("The end", False)],
        "carried": [(entity, PLAYER) for entity in things if entity not in walkers],
        "dropped": [(entity, PLAYER) for entity in things if entity not in walkers],
        "script_error": [("a handler", "it failed")],
    }
    for event in blueprint.handlers:
        for args in bound.get(event, ()):  # the author's own are called as handlers send them
            yield event, args


def _kinds(state: State, rows: Iterable[int]) -> list[int]:
    """One living entity for every kind of name: "lamp 1" and "lamp 2" are of one kind."""
    found: dict[str, int] = {}
    for row in rows:
        entity = state.entity_at(row)
        if state.alive(entity):
            found.setdefault(re.sub(r"\d+", "", state.names.get(entity, "")), entity)
    return list(found.values())


def _words(sources: Iterable[ast.Module], function: str, place: int = 0) -> set[str]:
    """The texts that calls of a function have at a place, or as `name`."""
    found = set()
    for source in sources:
        for node in ast.walk(source):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == function:
                values = [k.value for k in node.keywords if k.arg == "name"] + node.args[place : place + 1]
                found |= {v.value for v in values if isinstance(v, ast.Constant) and isinstance(v.value, str)}
    return found
