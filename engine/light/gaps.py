"""Gaps: how far the nearest solid voxel is, so that rays can leap through open air.

A *gap* is kept for every cube of 2 x 2 x 2 voxels: how many cubes away, along the axis on which that is most, the
nearest cube is that holds anything solid; FARTHEST if it is farther, 0 = it does itself. All cubes less than a gap away
are air. Gaps of voxels take four to eight times the memory (docs/BENCHMARKS.md). The table ends with the highest layer
of bricks that holds anything.

What is solid grows by one cube along every axis, again and again. A gap is how often, until a cube is reached.
"""

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from engine.core.units import BRICK
from engine.light.compiled import leaf

U8 = NDArray[np.uint8]
I64 = NDArray[np.int64]

FARTHEST = 8  # cubes
REACH = FARTHEST - 1  # cubes: how far a solid one is told of
HALF = BRICK // 2  # cubes along a brick
BLOCK = 32  # cubes along x that one thread works out together


def gaps_of(grid: U8, layers: int) -> U8:
    """Gaps of a grid [X, Y, Z] with nothing above its lowest `layers` layers of bricks: [X / 2, Y / 2, 4 * layers]."""
    gap = np.empty((grid.shape[0] // 2, grid.shape[1] // 2, layers * HALF), np.uint8)
    _measure(grid, gap, *_blocks([(0, 0, 0)], [gap.shape]))
    return gap


def follow_gaps(grid: U8, gap: U8, layers: int, low: I64, high: I64) -> U8:
    """Gaps of a grid that differs in the boxes low..high [n, 3] voxels from when `gap` was made, and has nothing above
    its lowest `layers` layers of bricks now. The table is written to, unless it is made anew.
    """
    low, high = np.maximum(low // 2 - REACH, 0), np.minimum((high + 1) // 2 + REACH, gap.shape)
    some = (low < high).all(1)  # others lie above all that is solid
    low, high = low[some], high[some]
    if gap.shape[2] != layers * HALF or (high - low).prod(1).sum() > gap.size:
        return gaps_of(grid, layers)
    _measure(grid, gap, *_blocks(low.tolist(), high.tolist()))
    return gap


def _blocks(low: list[tuple[int, ...]], high: list[tuple[int, ...]]) -> tuple[I64, I64]:
    """Boxes low..high [n, 3] in pieces of at most BLOCK along x."""
    pieces = [
        ((x, a[1], a[2]), (min(x + BLOCK, b[0]), b[1], b[2]))
        for a, b in zip(low, high, strict=True)
        for x in range(a[0], b[0], BLOCK)
    ]
    found = np.array(pieces, np.int64).reshape(-1, 2, 3)
    return found[:, 0].copy(), found[:, 1].copy()


@njit(parallel=True, cache=True)
def _measure(grid, gap, low, high):
    """Work out the gaps of boxes low..high [n, 3] cubes."""
    for i in prange(len(low)):
        _measure_box(grid, gap, low[i, 0], low[i, 1], low[i, 2], high[i, 0], high[i, 1], high[i, 2])


@njit(cache=True)
def _measure_box(grid, gap, x0, y0, z0, x1, y1, z1):
    n_x, n_y, n_z = gap.shape
    ax, ay, az = max(x0 - REACH, 0), max(y0 - REACH, 0), max(z0 - REACH, 0)  # what can be told of starts here
    bx, by, bz = min(x1 + REACH, n_x), min(y1 + REACH, n_y), min(z1 + REACH, n_z)  # and ends here
    # All cubes in one row: columns lie end to end, and so far apart that none grows into the next.
    column = bz - az + REACH
    slice_ = (by - ay + REACH) * column
    n = (bx - ax) * slice_
    solid, gaps = np.zeros(n, np.uint8), np.zeros(n, np.uint8)
    for x in range(ax, bx):
        for y in range(ay, by):
            first = (x - ax) * slice_ + (y - ay) * column
            for z in range(az, bz):
                below = grid[2 * x, 2 * y, 2 * z] | grid[2 * x, 2 * y + 1, 2 * z]
                below |= grid[2 * x + 1, 2 * y, 2 * z] | grid[2 * x + 1, 2 * y + 1, 2 * z]
                above = grid[2 * x, 2 * y, 2 * z + 1] | grid[2 * x, 2 * y + 1, 2 * z + 1]
                above |= grid[2 * x + 1, 2 * y, 2 * z + 1] | grid[2 * x + 1, 2 * y + 1, 2 * z + 1]
                solid[first + z - az] = (below | above) != 0
    one, two = np.zeros(slice_ + n + slice_, np.uint8), np.zeros(slice_ + n + slice_, np.uint8)  # 0 before and after
    for _ in range(FARTHEST):
        _count(gaps, solid, one[slice_ : slice_ + n])
        _grow(two[slice_ : slice_ + n], one[slice_ - 1 :], one[slice_:], one[slice_ + 1 :])
        _grow(one[slice_ : slice_ + n], two[slice_ - column :], two[slice_:], two[slice_ + column :])
        _grow(solid, one, one[slice_:], one[2 * slice_ :])
    for x in range(x0, x1):
        for y in range(y0, y1):
            first = (x - ax) * slice_ + (y - ay) * column + z0 - az
            gap[x, y, z0:z1] = gaps[first : first + z1 - z0]


@leaf
def _count(gaps, solid, copy):
    """Count one more for all cubes [n] that are not reached yet, and copy which are."""
    for i in range(len(gaps)):
        gaps[i] += 1 - solid[i]
        copy[i] = solid[i]


@leaf
def _grow(grown, before, here, after):
    """What is solid of cubes [n], where those before and after them along an axis are given, grown by one along it."""
    for i in range(len(grown)):
        grown[i] = before[i] | here[i] | after[i]
