"""Walkers on the ground: they go where they want as far as walls and drops let them. All at once, as columns."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.core.units import BRICK, TICK_S, VOXEL_M, VOXELS_PER_M
from engine.sim.angles import wrapped_array, yaw_of
from engine.sim.systems import company
from engine.state.blueprint import F64
from engine.state.components import NONE, WALKS
from engine.state.voxels import VoxelGrid
from engine.state.world import State

I64 = NDArray[np.int64]
Bool = NDArray[np.bool_]

RADIUS_M: Final = 0.25
STEP_VOXELS: Final = 2  # 0.5 m up or down in one stride
BELOW: Final = STEP_VOXELS + 1  # voxels under the feet that matter
CLIMB_M_S: Final = 3.0  # how fast feet follow the ground
TURN_RAD_S: Final = 5.0


def walk(state: State) -> None:
    """One tick of every walker: x, then y (so that it slides along walls), then the ground under it, then its yaw."""
    c, voxels = state.columns, state.voxels
    rows = state.span(WALKS)
    if not len(c.ground[rows]):
        return
    old_x, old_y, z = np.array(c.position[rows].T, order="C")
    wanted_x, wanted_y = np.array(c.velocity[rows].T, order="C")
    ground = c.ground[rows].astype(np.int64)
    stands = c.behaviour[rows] == NONE
    velocity_x, velocity_y = company.mind(old_x, old_y, z, wanted_x, wanted_y, stands)
    velocity_x, velocity_y = company.around_player(c.position[0], old_x, old_y, z, velocity_x, velocity_y)
    step_x, step_y = velocity_x * TICK_S, velocity_y * TICK_S
    lowest = depth(voxels, ground)

    x = old_x + step_x
    x = np.where(_footing(voxels, x + np.copysign(RADIUS_M, step_x), old_y, lowest)[1], x, old_x)
    y = old_y + step_y
    y = np.where(_footing(voxels, x, y + np.copysign(RADIUS_M, step_y), lowest)[1], y, old_y)
    change, holds = _footing(voxels, x, y, lowest)
    if len(slips := (~holds).nonzero()[0]):
        falls = columns(voxels, old_x[slips], old_y[slips], lowest[slips]) & ((1 << BELOW) - 1) == 0
        change[slips] = np.where(falls, -1, 0)
        x[slips], y[slips] = old_x[slips], old_y[slips]
    ground += change

    rise = CLIMB_M_S * TICK_S
    z = z + np.minimum(np.maximum(ground * VOXEL_M - z, -rise), rise)
    for axis, value in enumerate((x, y, z)):
        c.position[rows, axis] = value
    c.ground[rows] = ground
    dx, dy = x - old_x, y - old_y
    c.blocked[rows] = dx * dx + dy * dy < 0.25 * (step_x * step_x + step_y * step_y)  # less than half as fast

    turn = wrapped_array(yaw_of(wanted_x + velocity_x, wanted_y + velocity_y) - c.yaw[rows])
    most = TURN_RAD_S * TICK_S
    turn = np.where((wanted_x != 0.0) | (wanted_y != 0.0), np.minimum(np.maximum(turn, -most), most), 0.0)
    c.yaw[rows] = wrapped_array(c.yaw[rows] + turn)


def footing(voxels: VoxelGrid, x: F64, y: F64, ground: I64) -> tuple[I64, Bool]:
    """Where one may stand at points (x, y) [n] metres when coming from levels `ground` [n] voxels.

    Returns the change of level [n] and whether one may stand at all: solid right below, seven voxels (1.75 m) of air
    above, at most STEP_VOXELS up or down; the highest place counts. Beyond the grid's sides there is none.
    """
    return _footing(voxels, x, y, depth(voxels, ground))


def _footing(voxels: VoxelGrid, x: F64, y: F64, lowest: I64) -> tuple[I64, Bool]:
    change = _CHANGE[columns(voxels, x, y, lowest)]
    return change, change != _NOWHERE


def depth(voxels: VoxelGrid, ground: I64) -> I64:
    """The lowest bits [n] of columns that matter to those who stand on levels `ground` [n]; the first bit of a column
    lies a byte below level 0.
    """
    lowest: I64 = np.minimum(np.maximum(ground + (BRICK - BELOW), 0), (voxels.solid.shape[2] - 3) * 8)
    return lowest


def columns(voxels: VoxelGrid, x: F64, y: F64, lowest: I64) -> I64:
    """Columns of voxels as words [n]: bit b of twelve is set where the voxel b levels above `lowest` [n] is solid.

    All bits are set beyond the grid's sides.
    """
    nx, ny, n_bytes = voxels.solid.shape
    i, j = np.floor(x * VOXELS_PER_M).astype(np.int64), np.floor(y * VOXELS_PER_M).astype(np.int64)
    at = (i * ny + j) * n_bytes + (lowest >> 3)
    flat = voxels.solid.reshape(-1)
    word: I64 = flat.take(at, mode="clip").astype(np.int64)
    word |= flat.take(at + 1, mode="clip").astype(np.int64) << 8
    word |= flat.take(at + 2, mode="clip").astype(np.int64) << 16
    outside = (i.view(np.uint64) >= nx) | (j.view(np.uint64) >= ny)  # a negative number is a huge one
    word = ((word >> (lowest & 7)) | -outside.astype(np.int64)) & 0xFFF
    return word


def _change_table() -> NDArray[np.int64]:
    """For every word of `columns` the change of level that finds one solid voxel with seven of air above it."""
    table = np.full(1 << 12, _NOWHERE, np.int64)
    for word in range(1 << 12):
        for up in range(STEP_VOXELS, -STEP_VOXELS - 1, -1):
            if word >> (up + BELOW - 1) & 0xFF == 1:
                table[word] = up
                break
    return table


_NOWHERE: Final = 127
_CHANGE: Final = _change_table()  # [4096] voxels
