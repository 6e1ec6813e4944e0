"""The day passes; at dusk lamps come on, one after another."""

from typing import Final

import numpy as np

from engine.core.rng import bits, stream_key
from engine.sim import actions
from engine.state import daylight, events
from engine.state.blueprint import Blueprint
from engine.state.components import LAMP
from engine.state.world import State

SPREAD_TICKS: Final = 256  # within 4 s every lamp has followed
DELAYS: Final = stream_key("lamp.dusk_delay")


def advance(blueprint: Blueprint, state: State) -> None:
    """Moves the clock, sends "dusk" and "dawn", switches the lamps that mind them."""
    state.clock += daylight.units_per_tick(blueprint.day_rate)
    dark = daylight.is_dark(blueprint.sky, state.clock)
    if dark != state.dark:
        state.dark, state.dark_since = dark, state.tick
        events.emit(state, "dusk" if dark else "dawn")
    since = state.tick - state.dark_since
    if 0 <= since < SPREAD_TICKS:
        c, n = state.columns, state.n_slots
        rows = np.flatnonzero(((c.parts[:n] & LAMP) != 0) & c.lamp_dusk[:n])
        ids = state.ids(rows)
        for entity in ids[bits(state.seed, 0, DELAYS, ids) % np.uint64(SPREAD_TICKS) == since].tolist():
            actions.set_lamp(blueprint, state, entity, dark)
