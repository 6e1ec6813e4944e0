"""Company: who is near whom. What walkers do about it stands in `gait.mind`.

A walker that comes up to another within NEAR_M gives up the part of its velocity that brings the two together, the more
the nearer, and turns it sideways, on the side that it passes anyway; two that meet head-on pass each other on the same
hand. Walkers nearer than TOUCH_M push each other apart. Everything is worked out from where all stand at the beginning
of the tick, so nobody goes first; sums run in the order of pairs, which depends on the places alone and then on slots.

Pairs come from a uniform grid whose rows are folded over one another, so that its table stays small however large the
world is; who falls into the same cell from afar is sorted out by the distance.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.sim.systems.gait import NEAR_M
from engine.state.blueprint import F64

I32 = NDArray[np.int32]

MOST_IN_RUN: Final = 24  # others in two or three cells that a walker minds; more only stand there in one another
MOST_CELLS: Final = 1 << 16  # of the folded grid: a cell's number fits into 16 bits


def neighbours(x: F64, y: F64) -> tuple[I32, I32, I32]:
    """All pairs of walkers at (x, y) [n] metres in the same cell of the grid or in cells next to each other, once each.

    Returns (order [n], begin [2n], end [2n]): walker `order[r % n]` is paired with `order[begin[r]:end[r]]`.
    """
    n = len(x)
    ix, iy = np.floor(x * (1.0 / NEAR_M)).astype(np.int32), np.floor(y * (1.0 / NEAR_M)).astype(np.int32)
    ix -= ix.min() - 1
    width = int(ix.max()) + 2  # an empty column on either side
    wanted, most = math.ceil(2 * n / width), MOST_CELLS // width
    height = max(4, min(1 << (wanted - 1).bit_length(), 1 << (most.bit_length() - 1)))  # a power of two: rows fold
    iy &= height - 1
    cell = iy * width + ix
    order = np.argsort(cell.astype(np.uint16), kind="stable").astype(np.int32)  # 16 bits are sorted by radix
    cell = cell[order]
    start = np.zeros(height * width + 1, np.int32)
    np.cumsum(np.bincount(cell, minlength=height * width), out=start[1:])
    north = cell + width
    north[north >= height * width] -= height * width
    # Cells side by side in a row are one run of `order`: the rest of the own cell and the next, then three further up.
    begin = np.concatenate([np.arange(1, n + 1, dtype=np.int32), start[north - 1]])
    end = np.minimum(np.concatenate([start[cell + 2], start[north + 2]]), begin + MOST_IN_RUN)
    return order, begin, end
