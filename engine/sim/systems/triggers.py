"""Triggers notice who enters and leaves their box."""

from typing import Final

from engine.state import events
from engine.state.blueprint import Blueprint
from engine.state.entities import inside_bits
from engine.state.world import MAX_TIMERS, MAX_TRIGGERS, State

# With so many events in a tick, one entity may still enter or leave all triggers, and all timers may ring.
LAST_ROOM: Final = 2 * events.MAX_EVENTS - MAX_TRIGGERS - MAX_TIMERS


def notice(blueprint: Blueprint, state: State) -> None:
    """Sends "enter" and "leave" by entity slot, then by trigger; those for whom a tick has no room, in the next one."""
    if not blueprint.triggers:
        return
    inside = state.columns.inside
    rows, now = inside_bits(blueprint, state)
    before = inside[rows]
    changed = (now != before).nonzero()[0].tolist()
    if not changed:
        return
    for at in changed:
        if len(state.queue) > LAST_ROOM:
            now[at:] = before[at:]
            break
        index, is_in, was_in = int(rows[at]), int(now[at]), int(before[at])
        for t, trigger in enumerate(blueprint.triggers):
            if (is_in ^ was_in) >> t & 1:
                events.emit(state, "enter" if is_in >> t & 1 else "leave", trigger.name, state.entity_at(index))
    inside[rows] = now
