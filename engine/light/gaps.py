"""Gaps: how far a ray may leap through open air.

A *gap* is kept for every cube of 2 x 2 x 2 voxels and each of the eight octants that rays head into: the largest n, at
most FARTHEST, such that the n x n x n cubes from this one on, in that octant, hold nothing solid; 0 = it does itself.
What lies behind a ray has no part in it, and most rays begin on a surface: with one gap for all octants, to the nearest
solid cube on any side, they took twice as many steps (docs/BENCHMARKS.md). Gaps of voxels take four to eight times the
memory. The table ends with the highest layer of bricks that holds anything; beyond its ends is air.

The cubes from one on are that one and those from its seven neighbours in the octant on: a gap is one more than the
least of theirs, so all are found in one pass, from the far end of the octant to the near one.
"""

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from engine.core.units import BRICK
from engine.light.compiled import leaf

U8 = NDArray[np.uint8]
I64 = NDArray[np.int64]

FARTHEST = 15  # cubes: what four bits hold
REACH = FARTHEST - 1  # cubes: how far a solid one is told of
HALF = BRICK // 2  # cubes along a brick
WAYS = 4  # that rays head in along x and y: + 1 where x grows, + 2 where y does


def gaps_of(grid: U8, layers: int) -> U8:
    """Gaps of a grid [X, Y, Z] with nothing above its lowest `layers` layers of bricks: [WAYS, X / 2, Y / 2, 4 layers],
    for rays that rise in the lower four bits and for those that fall in the upper four.
    """
    gap = np.empty((WAYS, grid.shape[0] // 2, grid.shape[1] // 2, layers * HALF), np.uint8)
    _measure(grid, gap, np.zeros((1, 3), np.int64), np.array([gap.shape[1:]]))
    return gap


def follow_gaps(grid: U8, gap: U8, layers: int, low: I64, high: I64) -> U8:
    """Gaps of a grid that differs in the boxes low..high [n, 3] voxels from when `gap` was made, and has nothing above
    its lowest `layers` layers of bricks now. The table is written to, unless it is made anew.
    """
    low, high = (np.clip(end, 0, gap.shape[1:]) for end in (low // 2, (high + 1) // 2))
    reached = np.minimum(high + REACH, gap.shape[1:]) - np.maximum(low - REACH, 0)
    some = (reached > 0).all(1)  # others lie high above all that is solid
    if gap.shape[3] != layers * HALF or reached[some].prod(1).sum() > gap[0].size:
        return gaps_of(grid, layers)
    _measure(grid, gap, low[some], high[some])
    return gap


@leaf
def _note_solid(grid, x, y, low, high, solid):
    """Which of the cubes low..high - 1 of a column hold anything: solid [n]."""
    for z in range(low, high):
        below = grid[2 * x, 2 * y, 2 * z] | grid[2 * x, 2 * y + 1, 2 * z]
        below |= grid[2 * x + 1, 2 * y, 2 * z] | grid[2 * x + 1, 2 * y + 1, 2 * z]
        above = grid[2 * x, 2 * y, 2 * z + 1] | grid[2 * x, 2 * y + 1, 2 * z + 1]
        above |= grid[2 * x + 1, 2 * y, 2 * z + 1] | grid[2 * x + 1, 2 * y + 1, 2 * z + 1]
        solid[z] = (below | above) != 0


@leaf
def _note_column(column, rises, falls):
    """Note of a column's gaps [n] the least so far, of rays that rise and of those that fall."""
    for z in range(len(column)):
        rises[z] = min(rises[z], column[z] & 15)
        falls[z] = min(falls[z], column[z] >> 4)


@leaf
def _finish_column(solid, column, low, high, rises, falls):
    """Gaps of a column [n] of cubes, of which low..high - 1 differ: rises, falls [n] are the least of three columns
    ahead.
    """
    n = len(column)
    first, last = max(low - REACH, 0), min(high, n)
    own = ahead = FARTHEST
    if last < n:
        own, ahead = column[last] & 15, rises[last]
    for z in range(last - 1, first - 1, -1):
        own = 0 if solid[z] else min(min(own, ahead), min(rises[z], REACH)) + 1
        ahead, rises[z] = rises[z], own
    for z in range(first, last):
        column[z] = (column[z] & 240) | rises[z]
    first, last = max(low, 0), min(high + REACH, n)
    own = ahead = FARTHEST
    if first > 0:
        own, ahead = column[first - 1] >> 4, falls[first - 1]
    for z in range(first, last):
        own = 0 if solid[z] else min(min(own, ahead), min(falls[z], REACH)) + 1
        ahead, falls[z] = falls[z], own
    for z in range(first, last):
        column[z] = (column[z] & 15) | falls[z] << 4


@njit(parallel=True, cache=True)
def _measure(grid, gap, low, high):
    """Work out the gaps that depend on boxes low..high [n, 3] cubes, of which others are known."""
    _, n_x, n_y, n_z = gap.shape
    solid = np.empty((n_x, n_y, n_z), np.bool_)  # what is not asked about takes no memory
    for b in range(len(low)):
        for x in prange(max(low[b, 0] - REACH, 0), min(high[b, 0] + REACH, n_x)):
            for y in range(max(low[b, 1] - REACH, 0), min(high[b, 1] + REACH, n_y)):
                _note_solid(grid, x, y, max(low[b, 2] - REACH, 0), min(high[b, 2] + REACH, n_z), solid[x, y])
    for way in prange(WAYS):
        rises, falls = np.empty(n_z, np.uint8), np.empty(n_z, np.uint8)
        step_x, step_y = 1 if way & 1 else -1, 1 if way & 2 else -1
        for b in range(len(low)):
            x0, x1 = max(low[b, 0] - REACH * (step_x > 0), 0), min(high[b, 0] + REACH * (step_x < 0), n_x)
            y0, y1 = max(low[b, 1] - REACH * (step_y > 0), 0), min(high[b, 1] + REACH * (step_y < 0), n_y)
            for i in range(x1 - x0):
                x = x1 - 1 - i if step_x > 0 else x0 + i
                for j in range(y1 - y0):
                    y = y1 - 1 - j if step_y > 0 else y0 + j
                    rises[:], falls[:] = FARTHEST, FARTHEST
                    is_x, is_y = 0 <= x + step_x < n_x, 0 <= y + step_y < n_y
                    if is_x:
                        _note_column(gap[way, x + step_x, y], rises, falls)
                    if is_y:
                        _note_column(gap[way, x, y + step_y], rises, falls)
                    if is_x and is_y:
                        _note_column(gap[way, x + step_x, y + step_y], rises, falls)
                    _finish_column(solid[x, y], gap[way, x, y], low[b, 2], high[b, 2], rises, falls)
