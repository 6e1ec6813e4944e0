"""Shafts: all segments from one box to another, and which boxes stand in them.

Shadows of many bodies in the light of many lamps are mostly nobody's: what keeps no light away is to be found out for
whole pages, faces and bodies, before any ray is asked (shade.py). A box stands in a shaft if at some part t of the way
it touches the box that the segments go through there, which is another pair of slabs along each axis. (Haines and
Wallace, "Shaft Culling for Efficient Ray-Cast Radiosity", 1991, hold boxes against planes around the shaft instead.)
"""

import numpy as np

from engine.light.compiled import leaf

TOUCH_M = 1e-6  # so near to a shaft counts as in it: more than rounding is off
SHAFT = (4, 2, 3)  # of the memory that `lay_shaft` writes


@leaf
def lay_shaft(p, half, low, high, shaft):
    """Lay the shaft of all segments from a box around p [3] of half extents half [3] to the box low..high [3] (metres):
    shaft [4, 2, 3], by side (lower, upper) and axis where it begins; and the gain and offset with which what lies
    between there and a box tells from which part of the way on, or up to which, the box is on this side of it.
    """
    for c in range(3):
        for side in range(2):
            start = p[c] + (half[c] if side else -half[c])
            way = (high[c] if side else low[c]) - start
            per_m = 1.0 / (way if abs(way) > 1e-9 else 1e-9)
            # The shaft's upper side must be above the box's bottom, and its lower side below the box's top.
            is_from = (per_m > 0.0) == (side == 1)
            shaft[0, side, c] = start + (TOUCH_M if side else -TOUCH_M)
            shaft[1, side, c] = per_m if is_from else 0.0
            shaft[2, side, c] = 0.0 if is_from else per_m
            shaft[3, side, c] = 1.0 if is_from else 0.0


@leaf
def in_shaft(shaft, box, k):
    """Whether box k of box [2, 3, N] touches a shaft; may say so of one that just misses it. Without a choice: a
    compiler takes several boxes at once.
    """
    first, last = 0.0, 1.0
    for c in range(3):
        below, above = box[0, c, k] - shaft[0, 1, c], box[1, c, k] - shaft[0, 0, c]
        first = max(first, below * shaft[1, 1, c], above * shaft[1, 0, c])
        last = min(last, below * shaft[2, 1, c] + shaft[3, 1, c], above * shaft[2, 0, c] + shaft[3, 0, c])
    return first <= last


@leaf
def list_in_shaft(shaft, box, begin, end, stands, found, n):
    """Append to found [:n] those of boxes begin .. end - 1 of box [2, 3, N] that touch a shaft; returns how many it
    holds then. stands [N] is scratch.
    """
    for k in range(np.uint64(begin), np.uint64(end)):  # what is no signed number is not asked whether it is below 0
        stands[k] = in_shaft(shaft, box, k)
    for k in range(begin, end):
        found[n] = k
        n += stands[k]
    return n
