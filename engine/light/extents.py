"""How far the rays of a page go: boxes that hold them, so that a change need not be asked about by every ray.

The rays that light bounces along (bounces.py) are eight of every texel, millions in a large world, and a block that is
put somewhere lies far from where most of them go. So a page knows of its rays, in bands by their angle to the normal, a
box around all that end somewhere, and how steeply those climb at least that leave the world, by where they go. Of a
page whose extents a change does not touch no ray is asked. Extents may be too wide, never too narrow.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from engine.core.units import BRICK
from engine.light.compiled import leaf
from engine.light.faces import PAGES_PER_BRICK, texels_of
from engine.light.gather import REACH_OF_CODE, bounce_turn, texel_direction

BANDS = 2  # nearer to the normal and farther from it
SECTORS = 8  # of directions seen from above
SLACK_M = 0.01  # a ray begins before its voxel's face, and boxes of changes are a little widened
CLIMB = 32.0  # steps of `Extents.climb` for a slope of 1
NEVER = 127  # `Extents.climb` where no ray leaves the world
ANYHOW = -128  # and where one does that falls steeply
EVERYWHERE = 1 << 14  # voxels: more than any world is wide


class Extents(NamedTuple):
    """A named tuple, so that compiled code takes it as one argument."""

    low: NDArray[np.int16]  # [n_pages, BANDS, 3] voxels: boxes around where rays begin and end, if they do
    high: NDArray[np.int16]  # [n_pages, BANDS, 3]
    climb: NDArray[np.int8]  # [n_pages, BANDS, SECTORS] least slope of those that leave the world


def no_extents(n_pages: int) -> Extents:
    """Of pages without any ray."""
    shape = (n_pages, BANDS, 3)
    return Extents(
        np.ones(shape, np.int16), np.zeros(shape, np.int16), np.full((n_pages, BANDS, SECTORS), NEVER, np.int8)
    )


def with_room(extents: Extents, n_pages: int) -> Extents:
    """The same for more pages; as they are if they are so many."""
    more = n_pages - len(extents.climb)
    if more <= 0:
        return extents
    old, new = extents, no_extents(more)
    return Extents(
        np.concatenate([old.low, new.low]),
        np.concatenate([old.high, new.high]),
        np.concatenate([old.climb, new.climb]),
    )


@leaf
def _length(x, y):
    return math.sqrt(x * x + y * y)


@leaf
def _sector(is_east, is_north, is_more_across):
    """The number of an eighth of all directions: signs of x and y, and whether x is the larger."""
    return 4 * np.int64(is_east) + 2 * np.int64(is_north) + np.int64(is_more_across)


@leaf
def _include(place, t, margin, low, high):
    """Widen a box low..high [3] so that it holds the voxel of texel t and as many around it as `margin`."""
    for c in range(3):
        low[c] = min(low[c], max(place[t, c] - margin, -EVERYWHERE))
        high[c] = max(high[c], min(place[t, c] + 1 + margin, EVERYWHERE))


@leaf
def _measure_page(row, faces, place, met, sky, blocked, extents, direction):
    """`measure` one page; direction [3] is scratch."""
    rays, low, high, climb = met.shape[1], extents.low[row], extents.high[row], extents.climb[row]
    low[:] = EVERYWHERE
    high[:] = -EVERYWHERE
    climb[:] = NEVER
    of_page = texels_of(faces, row)
    for t in faces.texel[of_page[0] : of_page[1]]:
        turn, is_turned = (0.0, 0.0, 0.0, 0.0), False
        for k in range(rays):
            band, end, code = k * BANDS // rays, np.int64(met[t, k] >> np.uint32(8)), met[t, k] & np.uint32(0xFF)
            if end == sky:
                if not is_turned:
                    turn, is_turned = bounce_turn(place, t), True
                texel_direction(place[t, 3], turn, k, rays, direction)
                slope = direction[2] / max(_length(direction[0], direction[1]), 1e-9)
                sector = _sector(direction[0] >= 0.0, direction[1] >= 0.0, abs(direction[0]) >= abs(direction[1]))
                steps = np.int8(max(min(math.floor(CLIMB * slope), NEVER - 1), ANYHOW))
                climb[band, sector] = min(climb[band, sector], steps)
                continue
            _include(place, t, 0, low[band], high[band])
            if end < blocked:
                _include(place, end, 0, low[band], high[band])
            else:
                margin = EVERYWHERE if code >= 240 else int(REACH_OF_CODE[code] * 4.0) + 1
                _include(place, t, margin, low[band], high[band])


@njit(parallel=True, cache=True)
def measure(rows, faces, place, met, sky, blocked, extents):
    """Extents of the rays met [T, K] (bounces.py; `sky` and `blocked` are ends that are no texels) of some pages."""
    for i in prange(len(rows)):
        _measure_page(rows[i], faces, place, met, sky, blocked, extents, np.empty(3, np.float64))


@leaf
def _sectors_towards(x0, x1, y0, y1):
    """The sectors of all directions x0..x1, y0..y1, as bits."""
    sectors = 0
    for is_east in (False, True):
        a0, a1 = (max(x0, 0.0), x1) if is_east else (max(-x1, 0.0), -x0)
        for is_north in (False, True):
            b0, b1 = (max(y0, 0.0), y1) if is_north else (max(-y1, 0.0), -y0)
            if a1 >= 0.0 and b1 >= 0.0:
                sectors |= np.int64(a1 >= b0) << _sector(is_east, is_north, True)
                sectors |= np.int64(b1 >= a0) << _sector(is_east, is_north, False)
    return sectors


@leaf
def bands_in_reach(extents, row, key, ny_bricks, nz_bricks, low, high):
    """Which bands of a page have a ray that may touch the box low..high [3] metres, as bits: of the rays that end
    somewhere, and of those that leave the world. And how far any ray must go to get there, metres.
    """
    brick, side, layer = key // PAGES_PER_BRICK, key % PAGES_PER_BRICK // BRICK, key % BRICK
    column = brick // nz_bricks
    x, y, z = 2.0 * (column // ny_bricks), 2.0 * (column % ny_bricks), 2.0 * (brick % nz_bricks)
    axis, sign = side // 2, 1.0 - 2.0 * (side % 2)
    plane = (x if axis == 0 else (y if axis == 1 else z)) + 0.25 * (layer + (1 - side % 2))
    ending, leaving = 0, 0
    if ((high[axis] if sign > 0.0 else low[axis]) - plane) * sign < -SLACK_M:
        return 0, 0, 0.0  # it lies behind the page
    for band in range(BANDS):
        touches = True
        for c in range(3):
            touches &= 0.25 * extents.low[row, band, c] - SLACK_M <= high[c]
            touches &= 0.25 * extents.high[row, band, c] + SLACK_M >= low[c]
        if touches:
            ending |= 1 << band
    # From anywhere on the page to anywhere in the box, seen from above, and how much that rises at most.
    x0, x1, y0, y1 = low[0] - x - 2.0, high[0] - x, low[1] - y - 2.0, high[1] - y
    near = _length(max(x0, -x1, 0.0), max(y0, -y1, 0.0)) - SLACK_M
    far = _length(max(-x0, x1), max(-y0, y1)) + SLACK_M
    rise = CLIMB * (high[2] - (plane if axis == 2 else z) + SLACK_M)
    sectors = _sectors_towards(x0 - SLACK_M, x1 + SLACK_M, y0 - SLACK_M, y1 + SLACK_M)
    for band in range(BANDS):
        for sector in range(SECTORS):
            climb = extents.climb[row, band, sector]
            if climb == NEVER or not sectors >> sector & 1:
                continue
            if climb == ANYHOW or climb * (near if climb >= 0 else far) <= rise:
                leaving |= 1 << band
    return ending, leaving, _length(near, max(low[2] - z - 2.0, z - high[2], 0.0)) - SLACK_M
