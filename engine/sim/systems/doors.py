"""Doors: an opening leaf turns while its voxels are gone already; a closing one becomes voxels when it is shut."""

import numpy as np

from engine.core.units import VOXEL_M
from engine.sim.systems.motion import RADIUS_M
from engine.sim.systems.player import HALF_WIDTH_M, HEIGHT_M
from engine.state import entities
from engine.state.blueprint import Blueprint
from engine.state.components import DOOR, DOOR_SWING_TICKS, WALKS
from engine.state.world import State


def swing(blueprint: Blueprint, state: State) -> None:
    """One tick of every door that moves."""
    c, rows = state.columns, state.rows(DOOR)
    if not len(rows):
        return
    is_open, swing = c.door_open[rows], c.door_swing[rows]
    c.door_swing[rows] += is_open & (swing < DOOR_SWING_TICKS)
    for index in rows[~is_open & (swing > 0)].tolist():
        if somebody_in_the_way(state, index):
            continue
        c.door_swing[index] -= 1
        if c.door_swing[index] == 0:
            entities.fill_door(state, index, solid=True)


def somebody_in_the_way(state: State, index: int) -> bool:
    """Whether the player or a walker stands in a door's box."""
    c, n = state.columns, state.n_slots
    low, high = c.door_low[index] * VOXEL_M, c.door_high[index] * VOXEL_M
    width = np.where(c.parts[:n] & WALKS, RADIUS_M, -np.inf)  # nothing else is ever in the way
    width[0] = HALF_WIDTH_M
    p = c.position[:n]
    within = (p[:, 2] < high[2]) & (p[:, 2] + HEIGHT_M > low[2])
    for axis in range(2):
        within &= (p[:, axis] + width > low[axis]) & (p[:, axis] - width < high[axis])
    return bool(within.any())
