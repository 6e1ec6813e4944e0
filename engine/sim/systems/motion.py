"""Walkers on the ground: they go where they want as far as walls and drops let them. All at once, as columns."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.core.units import BRICK, TICK_S, VOXEL_M, VOXELS_PER_M
from engine.sim.angles import wrapped_array, yaw_of
from engine.state.blueprint import F64
from engine.state.components import WALKS
from engine.state.voxels import VoxelGrid
from engine.state.world import State

I64 = NDArray[np.int64]
Bool = NDArray[np.bool_]

RADIUS_M: Final = 0.25
PERSONAL_M: Final = 0.7  # nobody comes closer to the player
STEP_VOXELS: Final = 2  # 0.5 m up or down in one stride
BELOW: Final = STEP_VOXELS + 1  # voxels under the feet that matter
CLIMB_M_S: Final = 3.0  # how fast feet follow the ground
TURN_RAD_S: Final = 5.0


def walk(state: State) -> None:
    """One tick of every walker: x, then y (so that it slides along walls), then the ground under it, then its yaw."""
    c, voxels = state.columns, state.voxels
    rows = np.flatnonzero(c.parts[: state.n_slots] & WALKS)
    if not len(rows):
        return
    old_x, old_y, z = np.ascontiguousarray(c.position[rows].T)
    velocity_x, velocity_y = np.ascontiguousarray(c.velocity[rows].T)
    ground = c.ground[rows].astype(np.int64)
    velocity_x, velocity_y = _around_player(state, old_x, old_y, z, velocity_x, velocity_y)
    step_x, step_y = velocity_x * TICK_S, velocity_y * TICK_S

    x = old_x + step_x
    x = np.where(footing(voxels, x + np.sign(step_x) * RADIUS_M, old_y, ground)[1], x, old_x)
    y = old_y + step_y
    y = np.where(footing(voxels, x, y + np.sign(step_y) * RADIUS_M, ground)[1], y, old_y)
    change, stands = footing(voxels, x, y, ground)
    if not stands.all():
        falls = columns(voxels, old_x, old_y, ground) & ((1 << BELOW) - 1) == 0
        change = np.where(stands, change, np.where(falls, -1, 0))
        x, y = np.where(stands, x, old_x), np.where(stands, y, old_y)
    ground += change

    rise = CLIMB_M_S * TICK_S
    z = z + np.minimum(np.maximum(ground * VOXEL_M - z, -rise), rise)
    c.position[rows] = np.stack([x, y, z], -1)
    c.ground[rows] = ground
    dx, dy = x - old_x, y - old_y
    went, wanted = dx * dx + dy * dy, step_x * step_x + step_y * step_y
    c.blocked[rows] = went < 0.25 * wanted  # less than half as fast as it wants

    turn = wrapped_array(yaw_of(velocity_x, velocity_y) - c.yaw[rows])
    most = TURN_RAD_S * TICK_S
    turn = np.where(wanted > 0.0, np.minimum(np.maximum(turn, -most), most), 0.0)
    c.yaw[rows] = wrapped_array(c.yaw[rows] + turn)


def _around_player(state: State, x: F64, y: F64, z: F64, velocity_x: F64, velocity_y: F64) -> tuple[F64, F64]:
    """Velocities [n] of walkers; who would walk into the player goes around at the same speed, on the shorter side."""
    player_x, player_y, player_z = state.columns.position[0].tolist()
    dx, dy = player_x - x, player_y - y
    square = dx * dx + dy * dy
    meets = (
        (square < PERSONAL_M * PERSONAL_M) & (np.abs(z - player_z) < 1.75) & (dx * velocity_x + dy * velocity_y > 0.0)
    )
    if not meets.any():
        return velocity_x, velocity_y
    speed = np.sqrt(velocity_x * velocity_x + velocity_y * velocity_y)
    along = np.where(dx * velocity_y - dy * velocity_x < 0.0, -speed, speed) / np.sqrt(
        np.where(square > 0.0, square, 1.0)
    )
    return np.where(meets, -dy * along, velocity_x), np.where(meets, dx * along, velocity_y)


def footing(voxels: VoxelGrid, x: F64, y: F64, ground: I64) -> tuple[I64, Bool]:
    """Where one may stand at points (x, y) [n] metres when coming from levels `ground` [n] voxels.

    Returns the change of level [n] and whether one may stand at all: solid right below, seven voxels (1.75 m) of air
    above, at most STEP_VOXELS up or down; the highest place counts. Beyond the grid's sides there is none.
    """
    change = _CHANGE[columns(voxels, x, y, ground)]
    return change, change != _NOWHERE


def columns(voxels: VoxelGrid, x: F64, y: F64, ground: I64) -> I64:
    """Columns of voxels as words [n]: bit b of twelve is set where the voxel at level ground - BELOW + b is solid.

    All bits are set beyond the grid's sides.
    """
    nx, ny, n_bytes = voxels.solid.shape
    i, j = np.floor(x * VOXELS_PER_M).astype(np.int64), np.floor(y * VOXELS_PER_M).astype(np.int64)
    lowest = np.minimum(np.maximum(ground + (BRICK - BELOW), 0), (n_bytes - 3) * 8)  # the first byte lies below level 0
    at = (i * ny + j) * n_bytes + (lowest >> 3)
    flat = voxels.solid.reshape(-1)
    word: I64 = flat.take(at, mode="clip").astype(np.int64)
    word |= flat.take(at + 1, mode="clip").astype(np.int64) << 8
    word |= flat.take(at + 2, mode="clip").astype(np.int64) << 16
    outside = (i < 0) | (i >= nx) | (j < 0) | (j >= ny)
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
