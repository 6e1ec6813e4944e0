"""Keeps the poses of the last tick, between which pictures interpolate."""

from engine.state.world import State


def remember(state: State) -> None:
    """Copies every pose into its `previous_` column."""
    c, n, p = state.columns, state.n_slots, state.player
    c.previous_position[:n] = c.position[:n]
    c.previous_yaw[:n] = c.yaw[:n]
    c.previous_orientation[:n] = c.orientation[:n]
    c.previous_swing[:n] = c.door_swing[:n]
    p.previous_pitch, p.previous_eye_lag = p.pitch, p.eye_lag
