"""Company: walkers mind each other and the player. They yield to who is in their way, and never stand in one another.

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

from engine.state.blueprint import F64

I32 = NDArray[np.int32]
Rows = NDArray[np.int32] | NDArray[np.intp]
Bool = NDArray[np.bool_]

NEAR_M: Final = 0.75  # begins to mind the other
TOUCH_M: Final = 0.5  # nobody wants to be nearer: shoulders are half a metre wide
PUSH_HZ: Final = 32.0  # by how much of their overlap two part in a second: by half of it in a tick
YIELDS: Final = 0.6  # of the ways that several in front ask for, how much is taken of each, when they are many
FASTEST_PUSH_M_S: Final = 1.5
TALL_M: Final = 1.75  # who is higher than this above another is on another floor
PERSONAL_M: Final = 0.7  # nobody comes closer to the player
FEW: Final = 96  # so many compare all with all
MOST_IN_RUN: Final = 24  # others in two or three cells that a walker minds; more only stand there in one another
MOST_CELLS: Final = 1 << 16  # of the folded grid: a cell's number fits into 16 bits


def mind(position: F64, velocity: F64, stands: Bool) -> F64:
    """Velocities [2, n] m/s that walkers at `position` [3, n] metres take, who want to go with `velocity` [2, n].

    Those of `stands` [n] are not pushed: others make all the room.
    """
    if position.shape[1] <= FEW:
        i, j = pairs(position)
        if not len(i):
            return velocity
        sums = asks(position, velocity, stands, i, j)
    else:
        from engine.sim.systems import throng

        sums = throng.asks(position, velocity, stands, NEAR_M, TOUCH_M, PUSH_HZ, TALL_M, MOST_IN_RUN, MOST_CELLS)
    new = velocity + sums[1:3] / np.maximum(YIELDS * sums[0], 1.0) + sums[3:5]
    square, speed = new * new, velocity * velocity
    most = np.maximum(speed[0] + speed[1], FASTEST_PUSH_M_S**2)
    slower: F64 = new * np.sqrt(most / np.maximum(square[0] + square[1], most))
    return slower


def asks(position: F64, velocity: F64, stands: Bool, i: Rows, j: Rows) -> F64:
    """What pairs (i, j) [p] ask of walkers, summed over all that one is in [5, n]: weight of those in front, velocity
    to give for them (x, y), push (x, y); m/s. The sums over pairs where one is i and where one is j are added last.
    """
    (x, y, _), (vx, vy) = position, velocity
    dx, dy = x[j] - x[i], y[j] - y[i]
    distance = np.sqrt(dx * dx + dy * dy)
    same = distance < 1e-6  # in one another: the one with the lower slot goes west
    distance = np.where(same, 1.0, distance)
    dx, dy = np.where(same, 1.0, dx / distance), dy / distance
    distance = np.where(same, 0.0, distance)

    ahead_i = vx[i] * dx + vy[i] * dy  # m/s towards the other
    ahead_j = -(vx[j] * dx + vy[j] * dy)
    closing = np.maximum(ahead_i + ahead_j, 0.0)
    weight = np.minimum((NEAR_M - distance) / (NEAR_M - TOUCH_M), 1.0)
    yield_i = np.minimum(np.maximum(ahead_i, 0.0), closing) * weight
    yield_j = np.minimum(np.maximum(ahead_j, 0.0), closing) * weight
    side_i = np.where(dx * vy[i] - dy * vx[i] < 0.0, -yield_i, yield_i)
    side_j = np.where(dy * vx[j] - dx * vy[j] < 0.0, -yield_j, yield_j)

    push = PUSH_HZ * np.maximum(TOUCH_M - distance, 0.0) * 0.5
    push_i = np.where(stands[i], 0.0, np.where(stands[j], 2.0 * push, push))
    push_j = np.where(stands[j], 0.0, np.where(stands[i], 2.0 * push, push))

    of_i = (
        weight * (yield_i > 0.0),
        -dx * yield_i - dy * side_i,
        -dy * yield_i + dx * side_i,
        -dx * push_i,
        -dy * push_i,
    )
    of_j = (weight * (yield_j > 0.0), dx * yield_j + dy * side_j, dy * yield_j - dx * side_j, dx * push_j, dy * push_j)
    n = len(x)
    return np.array([np.bincount(i, a, n) + np.bincount(j, b, n) for a, b in zip(of_i, of_j, strict=True)])


def pairs(position: F64) -> tuple[Rows, Rows]:
    """All pairs (i, j) [p] of walkers nearer than NEAR_M and on the same floor, each once, in an order of their own.

    For more than FEW it is the slow definition of what `throng.py` goes through.
    """
    x, y, z = position
    i: Rows
    j: Rows
    if len(x) <= FEW:
        dx, dy = x[:, None] - x, y[:, None] - y
        dx *= dx
        dy *= dy
        i, j = (dx + dy < NEAR_M * NEAR_M).nonzero()
        if len(i) == len(x):
            return i[:0], j[:0]  # each only itself
        keep = i < j
    else:
        i, j = _neighbours(x, y)
        dx, dy = x[j] - x[i], y[j] - y[i]
        keep = dx * dx + dy * dy < NEAR_M * NEAR_M
    i, j = i[keep], j[keep]
    keep = np.abs(z[i] - z[j]) < TALL_M
    return i[keep], j[keep]


def _neighbours(x: F64, y: F64) -> tuple[I32, I32]:
    """All pairs of walkers in the same cell of the grid or in cells next to each other, each pair once."""
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
    count = np.minimum(np.concatenate([start[cell + 2], start[north + 2]]) - begin, MOST_IN_RUN)
    some = np.flatnonzero(count > 0)
    begin, count = begin[some], count[some]
    last = np.cumsum(count, dtype=np.int32)
    first = np.repeat(order[some % n], count)
    second = order[np.arange(last[-1] if len(last) else 0, dtype=np.int32) + np.repeat(begin + count - last, count)]
    return first, second


def around_player(player: F64, position: F64, velocity: F64) -> F64:
    """Velocities [2, n] of walkers; who would walk into the player (at `player` [3]) goes around at the same speed, on
    the shorter side, and who stands in the player steps back.
    """
    dx, dy, dz = player[:, None] - position
    square = dx * dx + dy * dy
    near = (square < PERSONAL_M * PERSONAL_M) & (np.abs(dz) < TALL_M)
    if not np.count_nonzero(near):
        return velocity
    vx, vy = velocity
    distance = np.sqrt(np.where(square > 0.0, square, 1.0))
    meets = near & (dx * vx + dy * vy > 0.0)
    speed = np.sqrt(vx * vx + vy * vy)
    along = np.where(dx * vy - dy * vx < 0.0, -speed, speed) / distance
    back = np.where(near, PUSH_HZ * np.maximum(TOUCH_M - distance, 0.0) / distance, 0.0)
    return np.array([np.where(meets, -dy * along, vx) - dx * back, np.where(meets, dx * along, vy) - dy * back])
