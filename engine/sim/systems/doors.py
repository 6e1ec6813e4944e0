"""Doors: an opening leaf swings or slides while its voxels are gone already; a closing one becomes voxels when shut.

A leaf pushes rigid bodies, and waits while it presses against one that does not give way. It never shuts on anybody.
"""

import numpy as np

from engine.core.units import VOXEL_M
from engine.sim.systems import bodies
from engine.sim.systems.gait import RADIUS_M
from engine.sim.systems.leaves import leaf_box
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
    span = state.span(DOOR)
    is_open, swing = c.door_open[span], c.door_swing[span]
    if (swing == is_open * DOOR_SWING_TICKS).all():
        return
    for index in rows[is_open & (swing < DOOR_SWING_TICKS)].tolist():
        if not bodies.leaf_is_stuck(state, index):
            c.door_swing[index] += 1
    for index in rows[~is_open & (swing > 0)].tolist():
        if somebody_in_the_way(state, index) or bodies.leaf_is_stuck(state, index):
            continue
        if c.door_swing[index] == 1 and not bodies.box_is_free(state, *leaf_box(c, index)):
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
