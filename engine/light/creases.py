"""Creases: how much nearby hides of what each quarter of a face looks at.

A texel's own rays say what light comes to a face in all, not that the half of a stair beside the next step gets less of
it than the edge. What changes within a face is what is near. So each quarter sends a few short rays more, and where one
sees more that is near than its face does in the mean, it takes as much more of the light that comes from near and less
of that from afar (pages.py). Light stays linear, and never falls below 0: the rays know of geometry alone.
"""

import math

import numpy as np
from numba import njit, prange

from engine.light.compiled import leaf
from engine.light.crossing import HALF_FACE_M, is_before
from engine.light.furniture import MOST_NEAR, bodies_between, first_part_met
from engine.light.gather import CODE, bin_of_distance, met_code
from engine.light.surface import face_centre
from engine.light.trace import NOTHING, distance2_to_box, first_hit

QUARTER_RAYS = 32
REACH_M = 0.5 * 2.0**1.5  # where the nearest bin of distance ends
RADIUS = np.sqrt((np.arange(QUARTER_RAYS) + 0.5) / QUARTER_RAYS)
TURN = 2.0 * math.pi * (np.arange(QUARTER_RAYS) * 0.6180339887498949 % 1.0)
# Malley's points and places on the quarter (gather.py), the same on every face: what they miss they miss everywhere.
ALONG_U, ALONG_V, UP = RADIUS * np.cos(TURN), RADIUS * np.sin(TURN), np.sqrt(1.0 - RADIUS**2)
PLACE_U = 0.125 * (np.arange(QUARTER_RAYS) * 0.7548776662466927 % 1.0)
PLACE_V = 0.125 * (np.arange(QUARTER_RAYS) * 0.5698402909980532 % 1.0)


@leaf
def _nearest(met):
    """The least code of some rays."""
    nearest = 255
    for k in range(len(met)):
        nearest = min(nearest, met_code(met[k]))
    return nearest


@njit(parallel=True, cache=True)
def look_near(voxels, furniture, place, texels, rows, n_rays, met, crease):
    """The share of the view of each quarter (v * 2 + u) of some texels that is near: crease [R, 4] at `rows`.

    Near is what the nearest of the soft bins of distance holds. met [R, EDGE_RAYS] are the texels' own rays, n_rays [R]
    of them: where none of those ends near, nothing is.
    """
    for i in prange(len(texels)):
        row = rows[i]
        crease[row] = 0.0
        if _nearest(met[row, : n_rays[row]]) >= CODE:
            continue
        centre, origin, direction = np.empty(3, np.float64), np.empty(3, np.float64), np.empty(3, np.float64)
        bodies = np.empty(MOST_NEAR, np.int32)
        axis, sign = face_centre(place, texels[i], centre)
        ua, va = (axis + 1) % 3, (axis + 2) % 3
        n = bodies_between(furniture, centre, centre, REACH_M + 0.18, bodies)
        for s in range(4):
            near = 0.0
            for k in range(QUARTER_RAYS):
                origin[axis] = centre[axis] + 1e-3 * sign
                origin[ua] = centre[ua] + PLACE_U[k] - (0.0 if s & 1 else 0.125)
                origin[va] = centre[va] + PLACE_V[k] - (0.0 if s & 2 else 0.125)
                direction[axis], direction[ua], direction[va] = sign * UP[k], ALONG_U[k], ALONG_V[k]
                t, side, _, _, _ = first_hit(
                    voxels, origin[0], origin[1], origin[2], direction[0], direction[1], direction[2], REACH_M
                )
                if side == NOTHING:
                    t = REACH_M
                if n > 0:
                    t, _ = first_part_met(
                        furniture, bodies, n, origin[0], origin[1], origin[2], direction[0], direction[1],
                        direction[2], t,
                    )  # fmt: skip
                near += 1.0 - min(bin_of_distance(t), 1.0)
            crease[row, s] = near / QUARTER_RAYS


@njit(parallel=True, cache=True)
def may_see(place, texels, boxes, near):
    """Which of some texels [n] may have a quarter that sees one of some boxes near: near [n]."""
    for i in prange(len(texels)):
        p, t = np.empty(3), texels[i]
        face_centre(place, t, p)
        near[i] = False
        for b in range(len(boxes.low)):
            d2 = distance2_to_box(p, boxes.low[b], boxes.high[b])
            near[i] |= d2 <= (REACH_M + HALF_FACE_M) ** 2 and is_before(place, t, boxes, b)
