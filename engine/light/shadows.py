"""Which light of lamps a change may cut off or let through: ways from texels to lamps that boxes touch.

A lamp's shadow rays run from anywhere on a texel's face to anywhere on the lamp. They stray from the way between the
two middles by no more than half of both, so this way is asked, and boxes are as much wider.
"""

import math

import numpy as np
from numba import njit, prange

from engine.core.units import BRICK
from engine.light.compiled import leaf
from engine.light.faces import PAGES_PER_BRICK, row_of, texels_of
from engine.light.surface import face_centre
from engine.light.trace import misses_wider, one_over

BLOCK = 64  # texels that are asked together first


@leaf
def _way_touches(x, y, z, middle, box_low, box_high, wide_x, wide_y, wide_z):
    """Whether the way from a point to a lamp's middle touches a box, widened so much."""
    px, py, pz = one_over(middle[0] - x), one_over(middle[1] - y), one_over(middle[2] - z)
    return not misses_wider(x, y, z, px, py, pz, 1.0, box_low, box_high, wide_x, wide_y, wide_z)


@leaf
def _mark_page(place, faces, row, middle, half, box_low, box_high, mark, number, found, n):
    """`mark_shadows` of the texels of a page, for one box."""
    p, of_page = half[1], texels_of(faces, row)
    for t in faces.texel[of_page[0] : of_page[1]]:
        if mark[t] < 0 or mark[t] == number:
            continue
        face_centre(place, t, p)
        if _way_touches(p[0], p[1], p[2], middle, box_low, box_high, half[0, 0], half[0, 1], half[0, 2]):
            mark[t] = number
            found[n] = t
            n += 1
    return n


@njit(cache=True)
def mark_shadows(place, faces, has_texels, low, high, reach, box_low, box_high, mark, number, found):
    """Set mark [T] to a number on texels whose shadow rays to a lamp may touch one of the boxes [m, 3] (metres), but
    for those below 0 and those that face away from it. They are found [T]; returns how many.
    """
    middle, half, n = 0.5 * (low + high), np.empty((2, 3)), 0
    first, last = np.empty(3, np.int64), np.empty(3, np.int64)
    half[0] = 0.5 * (high - low) + 2e-3  # rays stray from the one to the middle by half the lamp
    for b in range(len(box_low)):
        for axis in range(3):  # where a box lies to one side of the lamp only what is behind it is in its shadow
            near, far = low[axis] - reach, high[axis] + reach
            if box_low[b, axis] - half[0, axis] > middle[axis]:
                near = max(near, box_low[b, axis] - half[0, axis])
            elif box_high[b, axis] + half[0, axis] < middle[axis]:
                far = min(far, box_high[b, axis] + half[0, axis])
            first[axis] = max(int(math.floor(near * 0.5 - 0.01)), 0)
            last[axis] = min(int(math.floor(far * 0.5 + 0.01)), has_texels.shape[axis] - 1)
        wide = half[0] + 1.01  # and those of a brick from the one through its middle by half a brick
        for bx in range(first[0], last[0] + 1):
            for by in range(first[1], last[1] + 1):
                for bz in range(first[2], last[2] + 1):
                    x, y, z = 2.0 * bx + 1.0, 2.0 * by + 1.0, 2.0 * bz + 1.0
                    if not has_texels[bx, by, bz] or not _way_touches(
                        x, y, z, middle, box_low[b], box_high[b], wide[0], wide[1], wide[2]
                    ):
                        continue
                    key = ((bx * has_texels.shape[1] + by) * has_texels.shape[2] + bz) * PAGES_PER_BRICK
                    for page in range(PAGES_PER_BRICK):
                        row, side = row_of(faces, key + page), page // BRICK
                        axis = side // 2
                        plane = 2.0 * (bx if axis == 0 else by if axis == 1 else bz)
                        plane += 0.25 * (page % BRICK + 1 - side % 2)
                        if row >= 0 and (low[axis] < plane if side % 2 else high[axis] > plane):
                            n = _mark_page(
                                place, faces, row, middle, half, box_low[b], box_high[b], mark, number, found, n
                            )
    return n


@leaf
def _may_shade(place, texels, middle, stray, asked, boxes, shades, room):
    """Which boxes may lie between some texels [n] and each lamp that is asked [L]: shades [L, m]. A way from anywhere
    in the box around the texels is no farther from that of its middle than the box is wide, or the lamp.
    """
    p, low, high = room[0], room[1], room[2]
    low[:] = np.inf
    high[:] = -np.inf
    for t in texels:
        face_centre(place, t, p)
        for axis in range(3):
            low[axis], high[axis] = min(low[axis], p[axis]), max(high[axis], p[axis])
    x, y, z = 0.5 * (low[0] + high[0]), 0.5 * (low[1] + high[1]), 0.5 * (low[2] + high[2])
    for lamp in range(len(middle)):
        for b in range(len(boxes.low)):
            shades[lamp, b] = asked[lamp] and _way_touches(
                x, y, z, middle[lamp], boxes.low[b], boxes.high[b],
                stray[lamp, 0] + high[0] - x, stray[lamp, 1] + high[1] - y, stray[lamp, 2] + high[2] - z,
            )  # fmt: skip


@leaf
def _lamps_cross_some(place, texels, rows, lamp_of, middle, stray, asked, boxes, void, shades, room):
    """`lamps_cross` of some texels [n], with what a thread has: shades [L, m], and room [3, 3]."""
    _may_shade(place, texels, middle, stray, asked, boxes, shades, room)
    p = room[0]
    for i in range(len(texels)):
        face_centre(place, texels[i], p)
        for k in range(lamp_of.shape[1]):
            lamp = lamp_of[rows[i], k]
            if lamp < 0 or not asked[lamp] or void[rows[i]] >> k & 1:
                continue  # it may have gone, and those after it keep their factors
            for b in range(len(boxes.low)):
                # From any point of the face to any of the lamp: astray from the middles by no more than this.
                if shades[lamp, b] and _way_touches(
                    p[0], p[1], p[2], middle[lamp], boxes.low[b], boxes.high[b], stray[lamp, 0], stray[lamp, 1],
                    stray[lamp, 2],
                ):  # fmt: skip
                    void[rows[i]] |= 1 << k
                    break


@njit(parallel=True, cache=True)
def lamps_cross(place, texels, rows, lamp_of, lamp_low, lamp_high, asked, boxes, void):
    """Mark the lamps that are asked [L] and whose shadow rays may touch one of some boxes: a bit each in void [R]."""
    middle, stray = 0.5 * (lamp_low + lamp_high), 0.13 + 0.5 * (lamp_high - lamp_low)
    for block in prange((len(texels) + BLOCK - 1) // BLOCK):
        shades, room = np.empty((len(middle), len(boxes.low)), np.bool_), np.empty((3, 3))
        first, last = block * BLOCK, min(block * BLOCK + BLOCK, len(texels))
        _lamps_cross_some(
            place, texels[first:last], rows[first:last], lamp_of, middle, stray, asked, boxes, void, shades, room
        )
