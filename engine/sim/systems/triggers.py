"""Triggers notice who enters and leaves their box."""

import numpy as np

from engine.state import events
from engine.state.blueprint import Blueprint
from engine.state.entities import inside_bits
from engine.state.world import State


def notice(blueprint: Blueprint, state: State) -> None:
    """Sends "enter" and "leave" by entity slot, then by trigger."""
    if not blueprint.triggers:
        return
    c, n = state.columns, state.n_slots
    now = inside_bits(blueprint, state)
    changed = now ^ c.inside[:n]
    for index in np.flatnonzero(changed).tolist():
        for t, trigger in enumerate(blueprint.triggers):
            if int(changed[index]) >> t & 1:
                events.emit(
                    state, "enter" if int(now[index]) >> t & 1 else "leave", trigger.name, state.entity_at(index)
                )
    c.inside[:n] = now
