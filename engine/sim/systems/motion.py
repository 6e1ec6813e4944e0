"""Walkers on the ground: they go where they want as far as others, walls and drops let them."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.core.units import BRICK, TICK_S, VOXEL_M, VOXELS_PER_M
from engine.sim.angles import wrapped_array, yaw_of
from engine.sim.systems import company, gait
from engine.state.blueprint import F64
from engine.state.components import NONE, WALKS
from engine.state.voxels import VoxelGrid
from engine.state.world import State

F32 = NDArray[np.float32]
I64 = NDArray[np.int64]
Bool = NDArray[np.bool_]


def walk(state: State) -> None:
    """One tick of every walker (`gait.py`): what it makes of its wish for the others' sake, and how far it gets."""
    c, voxels = state.columns, state.voxels
    rows = state.span(WALKS)
    stands = c.behaviour[rows] == NONE
    n = len(stands)
    if not n:
        return
    position, wanted = c.position[rows].T, c.velocity[rows].T
    walkers: list[Any] = [c.ground[rows], c.yaw[rows], stands]
    way: Any
    order: Any
    begin: Any
    end: Any
    sums: Any
    ringed: Any
    changes: Any
    if n <= gait.FEW:
        way, ringed, changes = gait, voxels.ringed.data, _FEW_CHANGES
        walkers = [*position.tolist(), *wanted.tolist(), *wanted.tolist(), *(each.tolist() for each in walkers)]
        blocked: Any = [False] * n
        order, begin, end, sums = range(n), range(1, n + 1), [n] * n, [[0.0] * n for _ in range(5)]
    else:
        from engine.sim.systems import throng

        position, wanted = np.array(position, order="C"), np.array(wanted, order="C")
        way, ringed, changes = throng, voxels.ringed, _CHANGES
        walkers = [
            *position,
            *wanted,
            *wanted.copy(),
            walkers[0].astype(np.int64),
            walkers[1].astype(np.float64),
            stands,
        ]
        blocked = np.zeros(n, np.bool_)
        (order, begin, end), sums = company.neighbours(position[0], position[1]), np.zeros((5, n))
    x, y, z, wanted_x, wanted_y, vx, vy, ground, yaw, stands = walkers
    way.mind(x, y, z, vx, vy, stands, order, begin, end, *sums, *c.position[0].tolist())
    if voxels.solid is None:
        (x, y, z), ground, blocked, yaw = strides(
            voxels, position, wanted, np.array([vx, vy]), np.array(ground), c.yaw[rows]
        )
    else:
        nx, ny, n_bytes = voxels.solid.shape
        way.strides(ringed, nx, ny, n_bytes, changes, x, y, z, wanted_x, wanted_y, vx, vy, ground, yaw, blocked)
    for axis, value in enumerate((x, y, z)):
        c.position[rows, axis] = value
    c.ground[rows], c.yaw[rows], c.blocked[rows] = ground, yaw, blocked


def strides(
    voxels: VoxelGrid, position: F64, wanted: F64, velocity: F64, ground: I64, yaw: F32
) -> tuple[F64, I64, Bool, F64]:
    """Where walkers at `position` [3, n] come who go with `velocity` [2, n]: their positions, the levels [n] (voxels)
    that they stand on, whether the ground kept them [n], and their yaws [n].

    First x, then y (so that they slide along walls), then the ground under them. They turn towards where they go and
    where they `wanted` to go [2, n]. `gait.strides` does the same where bytes of columns are: not in large worlds.
    """
    old, z = position[:2], position[2]
    step = velocity * TICK_S
    byte, bit = depth(voxels, ground)

    aim = old + step
    ahead = aim + np.copysign(gait.RADIUS_M, step)
    place = position.copy()
    flat = place[:2]
    flat[0] = ahead[0]
    flat[0] = np.where(_change(voxels, flat, byte, bit) != gait.NOWHERE, aim[0], old[0])
    flat[1] = ahead[1]
    flat[1] = np.where(_change(voxels, flat, byte, bit) != gait.NOWHERE, aim[1], old[1])
    change = _change(voxels, flat, byte, bit)
    if len(slips := (change == gait.NOWHERE).nonzero()[0]):
        falls = columns(voxels, old[:, slips], byte[slips], bit[slips]) & ((1 << gait.BELOW) - 1) == 0
        change[slips] = np.where(falls, -1, 0)
        flat[:, slips] = old[:, slips]
    ground = ground + change

    rise = gait.CLIMB_M_S * TICK_S
    place[2] = z + np.minimum(np.maximum(ground * VOXEL_M - z, -rise), rise)
    moved = flat - old
    moved *= moved
    step *= step
    blocked = moved[0] + moved[1] < 0.25 * (step[0] + step[1])  # less than half as fast

    facing, most = wanted + velocity, gait.TURN_RAD_S * TICK_S
    turn = np.minimum(np.maximum(wrapped_array(yaw_of(facing[0], facing[1]) - yaw), -most), most)
    turn *= (wanted != 0.0).any(0)
    return place, ground, blocked, wrapped_array(turn + yaw)


def _change(voxels: VoxelGrid, place: F64, byte: I64, bit: I64) -> I64:
    """The change of level [n] of those who go to points `place`; gait.NOWHERE where they cannot stand."""
    change: I64 = _CHANGES[columns(voxels, place, byte, bit)]
    return change


def depth(voxels: VoxelGrid, ground: I64) -> tuple[I64, I64]:
    """Byte and bit [n] of a column from which on columns matter to those who stand on levels `ground` [n]."""
    lowest = np.minimum(np.maximum(ground + (BRICK - gait.BELOW), 0), (voxels.n_bytes - 3) * 8)
    return lowest >> 3, lowest & 7


def columns(voxels: VoxelGrid, place: F64, byte: I64, bit: I64) -> I64:
    """Columns of voxels at points `place` [2, n] metres as words [n]: bit b of twelve is set where the voxel b levels
    above that of `depth` is solid. All bits are set beyond the grid's sides.
    """
    cell = np.floor(place * VOXELS_PER_M).astype(np.int64)
    cell = np.minimum(np.maximum(cell, -1), voxels.n_columns)
    word = voxels.bytes_at(cell, byte) | voxels.bytes_at(cell, byte + 1) << 8 | voxels.bytes_at(cell, byte + 2) << 16
    return word >> bit & 0xFFF


def change_table() -> NDArray[np.int64]:
    """For twelve voxels above one another, as the bits of a word, which step (voxels) finds one solid voxel with seven
    of air above it; bit gait.BELOW - 1 is the voxel under the feet, and the highest place counts. NOWHERE for none.
    """
    table = np.full(1 << 12, gait.NOWHERE, np.int64)
    for word in range(1 << 12):
        for up in range(gait.STEP_VOXELS, -gait.STEP_VOXELS - 1, -1):
            if word >> (up + gait.BELOW - 1) & 0xFF == 1:
                table[word] = up
                break
    return table


_CHANGES: Final = change_table()  # [4096] voxels
_FEW_CHANGES: Final[list[int]] = _CHANGES.tolist()
