"""Which texel each exposed face has: the index of pages.

A *page* is one 8 x 8 slice of a brick seen from one side; its key is ((bx * BY + by) * BZ + bz) * 48 + side * 8 +
slice. Few of them show anything, and those mostly little: so a brick that shows something has a block of 48 rows, and
a row has 64 bits and a list of as many texels as are set.
"""

from typing import NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from engine.core.units import BRICK
from engine.light.compiled import leaf

PAGES_PER_BRICK = 6 * BRICK
PAGE_TEXELS = BRICK * BRICK

_ONE = np.uint64(1)
_PAIRS, _NIBBLES, _BYTES = np.uint64(0x5555555555555555), np.uint64(0x3333333333333333), np.uint64(0x0F0F0F0F0F0F0F0F)
_SUM, _1, _2, _4, _TOP = np.uint64(0x0101010101010101), np.uint64(1), np.uint64(2), np.uint64(4), np.uint64(56)


class Faces(NamedTuple):
    """The index; a named tuple, so that compiled code takes it as one argument."""

    block: NDArray[np.int32]  # [n_bricks] block of a brick, -1 none
    row: NDArray[np.int32]  # [n_blocks, 48] rows of its pages, -1 none
    bits: NDArray[np.uint64]  # [n_pages] which of its faces, v * 8 + u, have a texel
    first: NDArray[np.int32]  # [n_pages] where in `texel` they begin
    texel: NDArray[np.int32]  # [n] texels of pages, in the order of their bits


@leaf
def count_bits(x):
    """How many bits of a u64 are set (Warren, "Hacker's Delight", section 5-1)."""
    x = x - (x >> _1 & _PAIRS)
    x = (x & _NIBBLES) + (x >> _2 & _NIBBLES)
    return np.int64(((x + (x >> _4)) & _BYTES) * _SUM >> _TOP)


@leaf
def page_key(x, y, z, side, ny_bricks, nz_bricks):
    """The key of the page that holds the face `side` of voxel (x, y, z)."""
    axis = side // 2
    c = x if axis == 0 else (y if axis == 1 else z)
    return (((x >> 3) * ny_bricks + (y >> 3)) * nz_bricks + (z >> 3)) * PAGES_PER_BRICK + side * BRICK + (c & 7)


@leaf
def row_of(faces, key):
    """The row of a page, -1 if it shows nothing."""
    block = faces.block[key // PAGES_PER_BRICK]
    return faces.row[block, key % PAGES_PER_BRICK] if block >= 0 else np.int32(-1)


@leaf
def texel_of(faces, row, place):
    """The texel at a place, v * 8 + u, of a page, -1 none."""
    bit = _ONE << np.uint64(place)
    bits = faces.bits[row]
    return faces.texel[faces.first[row] + count_bits(bits & (bit - _ONE))] if bits & bit else np.int32(-1)


@leaf
def texels_of(faces, row):
    """Where in `Faces.texel` the texels of a page lie: first and last + 1."""
    first = np.int64(faces.first[row])
    return first, first + count_bits(faces.bits[row])


@leaf
def texel_at(faces, x, y, z, side, ny_bricks, nz_bricks):
    """Texel of a voxel's face, or -1 if that face is not exposed."""
    row = row_of(faces, page_key(x, y, z, side, ny_bricks, nz_bricks))
    if row < 0:
        return np.int32(-1)
    axis = side // 2
    if axis == 0:
        u, v = y, z
    elif axis == 1:
        u, v = z, x
    else:
        u, v = x, y
    return texel_of(faces, row, (v & 7) * BRICK + (u & 7))


@njit(parallel=True, cache=True)
def mark_rows(texels, place, faces, ny_bricks, nz_bricks, mark):
    """Mark the pages of some texels [n]: mark [n_pages]."""
    for i in prange(len(texels)):
        t = texels[i]
        key = page_key(place[t, 0], place[t, 1], place[t, 2], place[t, 3], ny_bricks, nz_bricks)
        mark[row_of(faces, key)] = True
