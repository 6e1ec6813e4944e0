"""What scripts do with a story: things that are carried, lines that are said, goals and the ending.

As in `actions.py`, each function checks all it is given before it changes anything.
"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from engine.core.errors import LimitError
from engine.core.ids import NOBODY, PLAYER
from engine.core.units import TICK_HZ, VOXELS_PER_M
from engine.sim.actions import ActionError, Vec3, index_with, number, position_of, triple
from engine.state import carrying, entities, events
from engine.state.blueprint import Blueprint, Goal
from engine.state.components import FARTHEST_M
from engine.state.story import LONGEST_LINE, MAX_LINES, Ending, Line
from engine.state.world import State

IN_HAND: Final = (0.45, -0.28, 1.05)  # metres before, left of and above the feet: the right hand
FARTHEST_DROP_M: Final = 32.0
READING_S: Final = 1.5  # a line is noticed,
READ_PER_S: Final = 15.0  # then read, so many characters a second
MAX_COUNT: Final = 1_000_000

# --- what is carried --------------------------------------------------------------------------------------------------


def carry(blueprint: Blueprint, state: State, entity: int, by: int = PLAYER, at: Vec3 = IN_HAND) -> None:
    """Gives a thing to a carrier: from now on it goes with it, `at` metres before, left of and above its feet.

    Who carried it before has it no more. Sends "carried" (entity, carrier).
    """
    index, _ = index_with(state, entity), index_with(state, by)
    if why := carrying.problem(state, int(state.columns.parts[index]), by, entity):
        raise ActionError(f"entity {entity} ({state.names.get(entity, 'unnamed')}): {why}")
    state.columns.carried_at[index] = triple("at", at, 64.0, "metres")
    state.columns.carrier[index] = by
    carrying.hold(state, np.array([index]))
    entities.place(state, index, position_of(blueprint, state, entity))
    events.emit(state, "carried", entity, by)


def drop(blueprint: Blueprint, state: State, entity: int, position: Vec3 | None = None) -> None:
    """Puts down what is carried: at a position, else on the ground below where it is held. Sends "dropped".

    Nothing happens to what nobody carries.
    """
    index, c = index_with(state, entity), state.columns
    carrier = int(c.carrier[index])
    if carrier == NOBODY:
        return
    x, y, z = c.position[index].tolist() if position is None else triple("position", position, FARTHEST_M, "metres")
    if position is None:
        grid = state.voxels
        low, high = (math.floor(v * VOXELS_PER_M) for v in (z - FARTHEST_DROP_M, z))
        level = next((k for k in range(high, low, -1) if grid.solid_at(x, y, (k - 0.5) / VOXELS_PER_M)), None)
        z = z if level is None else level / VOXELS_PER_M
    c.carrier[index] = NOBODY
    entities.place(state, index, (x, y, z))
    events.emit(state, "dropped", entity, carrier)


def carrier_of(blueprint: Blueprint, state: State, entity: int) -> int:
    """Who carries a thing, 0 for nobody."""
    return int(state.columns.carrier[index_with(state, entity)])


def carried_by(blueprint: Blueprint, state: State, entity: int) -> list[int]:
    """Everything that an entity carries, by slot."""
    index_with(state, entity)
    rows = np.flatnonzero(state.columns.carrier[: state.n_slots] == entity)
    return [int(i) for i in state.ids(rows)]


# --- what is told -----------------------------------------------------------------------------------------------------


def say(blueprint: Blueprint, state: State, text: str, seconds: float = 4.0, who: str = "") -> None:
    """Shows a line of text for a while; a new one replaces it, and what else waits to be said comes after it."""
    ticks = math.ceil(number("seconds", seconds, 0.0, 3600.0) * TICK_HZ)
    line, speaker = _line("text", text), _line("who", who)
    state.subtitle, state.subtitle_until, state.story.speaker = line, state.tick + ticks, speaker


def _line(what: str, text: object) -> str:
    if not isinstance(text, str):
        raise ActionError(f"{what} is {text!r}, it must be a string")
    return text[:LONGEST_LINE]


def tell(blueprint: Blueprint, state: State, lines: Sequence[tuple[str, str, float | None]], name: str = "") -> None:
    """Shows lines (who, text, seconds) one after another, when what is being said is over; then sends "told" (name).

    Without seconds a line stays as long as it takes to read. LimitError beyond MAX_LINES that wait.
    """
    if not lines:
        raise ActionError("there is nothing to tell: lines must hold at least one")
    label, made = _line("name", name), []
    for i, (who, text, seconds) in enumerate(lines):
        shown = _line("text", text)
        wanted = READING_S + len(shown) / READ_PER_S if seconds is None else number("seconds", seconds, 0.0, 3600.0)
        ends = label if i == len(lines) - 1 else ""
        made.append(Line(_line("who", who), shown, max(1, math.ceil(wanted * TICK_HZ)), ends))
    if len(state.story.lines) + len(made) > MAX_LINES:
        raise LimitError(f"{len(made)} lines are too many: {MAX_LINES} may wait to be said")
    state.story.lines += made


def progress(blueprint: Blueprint, state: State, goal: str, by: int = 1) -> None:
    """Brings a goal nearer, or farther off with a negative `by`; sends "goal" (name) when that reaches it."""
    found = _goal(blueprint, goal)
    if isinstance(by, bool) or not isinstance(by, int) or abs(by) > MAX_COUNT:
        raise ActionError(f"by is {by!r}, it must be a whole number from -{MAX_COUNT} to {MAX_COUNT}")
    before = state.story.progress.get(goal, 0)
    after = min(max(before + by, 0), found.count)
    if after:
        state.story.progress[goal] = after
    else:
        state.story.progress.pop(goal, None)
    if before < found.count == after:
        events.emit(state, "goal", goal)


def progress_of(blueprint: Blueprint, state: State, goal: str) -> int:
    """How much of a goal's count is done."""
    _goal(blueprint, goal)
    return state.story.progress.get(goal, 0)


def is_reached(blueprint: Blueprint, state: State, goal: str) -> bool:
    """Whether nothing of a goal is left to do."""
    return progress_of(blueprint, state, goal) >= _goal(blueprint, goal).count


def _goal(blueprint: Blueprint, name: str) -> Goal:
    known = {g.name: g for g in blueprint.goals}
    if name not in known:
        raise ActionError(f"there is no goal {name!r}; there are {', '.join(known) or 'none'}")
    return known[name]


def end(blueprint: Blueprint, state: State, title: str, text: str = "", won: bool = True) -> None:
    """Ends the story: a card is shown and "ending" (title, won) is sent. The first ending counts."""
    made = Ending(_line("title", title), _line("text", text), won, state.tick)
    if state.story.ending is None:
        state.story.ending = made
        events.emit(state, "ending", made.title, made.won)
