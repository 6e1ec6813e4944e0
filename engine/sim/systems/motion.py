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

F32 = NDArray[np.float32]
I64 = NDArray[np.int64]
U32 = NDArray[np.uint32]
Bool = NDArray[np.bool_]

RADIUS_M: Final = 0.25
STEP_VOXELS: Final = 2  # 0.5 m up or down in one stride
BELOW: Final = STEP_VOXELS + 1  # voxels under the feet that matter
CLIMB_M_S: Final = 3.0  # how fast feet follow the ground
TURN_RAD_S: Final = 5.0


def walk(state: State) -> None:
    """One tick of every walker."""
    c = state.columns
    rows = state.span(WALKS)
    ground, yaw = c.ground[rows].astype(np.int64), c.yaw[rows]
    if not len(ground):
        return
    position = np.array(c.position[rows].T, order="C")
    wanted = np.array(c.velocity[rows].T, order="C")
    velocity = company.mind(position, wanted, c.behaviour[rows] == NONE)
    velocity = company.around_player(c.position[0], position, velocity)
    if len(ground) <= company.FEW or state.voxels.solid is None:
        position, c.ground[rows], c.blocked[rows], c.yaw[rows] = strides(
            state.voxels, position, wanted, velocity, ground, yaw
        )
    else:
        from engine.sim.systems import throng

        position, c.ground[rows], c.blocked[rows], c.yaw[rows] = throng.strides(
            state.voxels.ringed, state.voxels.column_bytes, state.voxels.n_columns, _CHANGE,
            position, wanted, velocity, ground, yaw, RADIUS_M, CLIMB_M_S * TICK_S, TURN_RAD_S * TICK_S, TICK_S
        )  # fmt: skip
    c.position[rows] = position.T


def strides(
    voxels: VoxelGrid, position: F64, wanted: F64, velocity: F64, ground: I64, yaw: F32
) -> tuple[F64, I64, Bool, F64]:
    """Where walkers at `position` [3, n] come who go with `velocity` [2, n]: their positions, the levels [n] (voxels)
    that they stand on, whether the ground kept them [n], and their yaws [n].

    First x, then y (so that they slide along walls), then the ground under them. They turn towards where they go and
    where they `wanted` to go [2, n]. `throng.strides` does the same for many.
    """
    old, z = position[:2], position[2]
    step = velocity * TICK_S
    byte, bit = depth(voxels, ground)

    aim = old + step
    ahead = aim + np.copysign(RADIUS_M, step)
    place = position.copy()
    flat = place[:2]
    flat[0] = ahead[0]
    flat[0] = np.where(_change(voxels, flat, byte, bit) != NOWHERE, aim[0], old[0])
    flat[1] = ahead[1]
    flat[1] = np.where(_change(voxels, flat, byte, bit) != NOWHERE, aim[1], old[1])
    change = _change(voxels, flat, byte, bit)
    if len(slips := (change == NOWHERE).nonzero()[0]):
        falls = columns(voxels, old[:, slips], byte[slips], bit[slips]) & ((1 << BELOW) - 1) == 0
        change[slips] = np.where(falls, -1, 0)
        flat[:, slips] = old[:, slips]
    ground = ground + change

    rise = CLIMB_M_S * TICK_S
    place[2] = z + np.minimum(np.maximum(ground * VOXEL_M - z, -rise), rise)
    moved = flat - old
    moved *= moved
    step *= step
    blocked = moved[0] + moved[1] < 0.25 * (step[0] + step[1])  # less than half as fast

    facing, most = wanted + velocity, TURN_RAD_S * TICK_S
    turn = np.minimum(np.maximum(wrapped_array(yaw_of(facing[0], facing[1]) - yaw), -most), most)
    turn *= (wanted != 0.0).any(0)
    return place, ground, blocked, wrapped_array(turn + yaw)


def footing(voxels: VoxelGrid, place: F64, ground: I64) -> tuple[I64, Bool]:
    """Where one may stand at points `place` [2, n] metres when coming from levels `ground` [n] voxels.

    Returns the change of level [n] and whether one may stand at all: solid right below, seven voxels (1.75 m) of air
    above, at most STEP_VOXELS up or down; the highest place counts. Beyond the grid's sides there is none.
    """
    change = _change(voxels, place, *depth(voxels, ground))
    return change, change != NOWHERE


def _change(voxels: VoxelGrid, place: F64, byte: I64, bit: U32) -> I64:
    """The change of level [n] of those who go to points `place`; NOWHERE where they cannot stand."""
    change: I64 = _CHANGE[columns(voxels, place, byte, bit)]
    return change


def depth(voxels: VoxelGrid, ground: I64) -> tuple[I64, U32]:
    """Byte and bit [n] of column (0, 0) from which on columns matter to those who stand on levels `ground` [n]."""
    lowest = np.minimum(np.maximum(ground + (BRICK - BELOW), 0), (voxels.n_bytes - 3) * 8)
    return (lowest >> 3) + voxels.column_bytes.sum(), (lowest & 7).astype(np.uint32)


def columns(voxels: VoxelGrid, place: F64, byte: I64, bit: U32) -> U32:
    """Columns of voxels at points `place` [2, n] metres as words [n]: bit b of twelve is set where the voxel b levels
    above that of `depth` is solid. All bits are set beyond the grid's sides.
    """
    cell = np.floor(place * VOXELS_PER_M).astype(np.int64)
    cell = np.minimum(np.maximum(cell, -1), voxels.n_columns)
    word = voxels.words_at(cell, byte)
    word >>= bit
    word &= np.uint32(0xFFF)
    return word


def _change_table() -> NDArray[np.int64]:
    """For every word of `columns` the change of level that finds one solid voxel with seven of air above it."""
    table = np.full(1 << 12, NOWHERE, np.int64)
    for word in range(1 << 12):
        for up in range(STEP_VOXELS, -STEP_VOXELS - 1, -1):
            if word >> (up + BELOW - 1) & 0xFF == 1:
                table[word] = up
                break
    return table


NOWHERE: Final = 127
_CHANGE: Final = _change_table()  # [4096] voxels
