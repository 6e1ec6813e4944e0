"""Keeps the poses of the last tick, between which pictures interpolate."""

from engine.state.components import BODY, DOOR
from engine.state.world import State


def remember(state: State) -> None:
    """Copies every pose into its `previous_` column."""
    c, n, p = state.columns, state.n_slots, state.player
    c.previous_position[:n] = c.position[:n]
    c.previous_yaw[:n] = c.yaw[:n]
    if len(state.rows(BODY)):
        bodies = state.span(BODY)
        c.previous_orientation[bodies] = c.orientation[bodies]
    if len(doors := state.rows(DOOR)):
        c.previous_swing[doors] = c.door_swing[doors]
    p.previous_pitch, p.previous_eye_lag = p.pitch, p.eye_lag
