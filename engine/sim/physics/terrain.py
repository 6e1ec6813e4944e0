"""Ground for bodies: the voxels of a brick as few boxes, for the bricks that bodies are near, and walls at the end."""

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.core.units import BRICK, VOXEL_M
from engine.sim.physics.shapes import Piece, box

U8 = NDArray[np.uint8]
F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
FIRST_WALL: Final = 1 << 19  # keys of bricks are their numbers, which stay below
WALL_M: Final = 8.0  # thickness of the ground that lies around the grid
SKY_M: Final = 64.0  # the walls reach so far above the grid


def bricks_near(low: F64, high: F64, shape: tuple[int, ...]) -> tuple[I64, I64]:
    """First and last brick [n, 3] that boxes [n, 3] metres touch, cut to a grid of so many bricks."""
    edge = BRICK * VOXEL_M
    first = np.maximum(np.floor(low / edge).astype(np.int64), 0)
    last = np.minimum(np.floor(high / edge).astype(np.int64), np.array(shape) - 1)
    return first, last


@lru_cache(maxsize=4096)
def boxes_in(solid: bytes) -> tuple[Piece, ...]:
    """The solid voxels of a brick (8 x 8 x 8 bytes, C order, not 0 = solid) as boxes in metres from its low corner.

    Greedy: each box grows along z, then y, then x as far as all of it is solid and free.
    """
    left = np.frombuffer(solid, np.uint8).reshape(BRICK, BRICK, BRICK) != 0
    left = left.copy()
    found = []
    while left.any():
        x, y, z = np.unravel_index(int(np.argmax(left)), left.shape)
        x1, y1, z1 = x + 1, y + 1, z + 1
        while z1 < BRICK and left[x, y, z1]:
            z1 += 1
        while y1 < BRICK and left[x, y1, z:z1].all():
            y1 += 1
        while x1 < BRICK and left[x1, y:y1, z:z1].all():
            x1 += 1
        left[x:x1, y:y1, z:z1] = False
        low, high = ([float(v) * VOXEL_M for v in corner] for corner in ((x, y, z), (x1, y1, z1)))
        found.append(box((low[0], low[1], low[2]), (high[0], high[1], high[2])))
    return tuple(found)


def walls(size_m: tuple[float, float, float]) -> list[tuple[int, Piece]]:
    """Keys and pieces of the solid ground below and around a grid of this size."""
    (x, y, z), t = size_m, WALL_M
    top = z + SKY_M
    around = [
        ((-t, -t, -t), (x + t, y + t, 0.0)),
        ((-t, -t, 0.0), (0.0, y + t, top)),
        ((x, -t, 0.0), (x + t, y + t, top)),
        ((0.0, -t, 0.0), (x, 0.0, top)),
        ((0.0, y, 0.0), (x, y + t, top)),
    ]
    return [(FIRST_WALL + i, box(low, high)) for i, (low, high) in enumerate(around)]
