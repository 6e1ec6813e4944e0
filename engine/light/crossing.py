"""Which rays of texels a change crosses: found by where it lies, so that most of them are never asked.

The rays of a texel follow Fibonacci's spiral on a disc, lifted to the half space before its face and turned by an angle
of the texel's own (`gather.texel_direction`). Seen from there, turned back by that angle, the ball around a box covers
a round part of the disc. Which rays begin near each point of it is the same for all texels, so it is noted beforehand:
a spiral turned inside out, by a table where Keinert et al., "Spherical Fibonacci Mapping", ACM Transactions on Graphics
34 (6), 2015, work it out. Two or three rays are left for a box in place of 128; of those it is asked in turn whether
they go so far, whether they touch the ball, and whether they touch the box.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from engine.light.compiled import leaf
from engine.light.gather import (
    BLOCK,
    BOUNCE_RAYS,
    EDGE_RAYS,
    FIRST_PART,
    REACH_OF_CODE,
    SPIRAL_COS,
    SPIRAL_SIN,
    TEXEL_RAYS,
    bit_of_ray,
    bounce_turn,
    met_code,
    texel_phase,
    texel_ray,
    texel_turn,
)
from engine.light.trace import crosses_box

SPIRALS = (BOUNCE_RAYS, TEXEL_RAYS, EDGE_RAYS)  # how many rays a texel has
CELLS = 12  # of the disc, along either side: twice as many leave fewer rays and take as long
WIDTHS = 0.03 * 2.0 ** np.arange(7)  # radii on the disc for which rays are noted; in the last all are
STEPS = 256  # of a ball's radius over its distance
TURNS = 1024  # angles of which cosine and sine are kept
ASTRAY = math.pi / TURNS  # so far from its angle, or as far on the disc, one of these is at most
HALF_FACE_M = 0.18  # from the middle of a face to its corners, and to where rays begin
FAR_M = 11.3  # rays that go farther may go anywhere


class Boxes(NamedTuple):
    """Boxes that changed, metres. A named tuple, so that compiled code takes it as one argument."""

    low: NDArray[np.float64]  # [m, 3]
    high: NDArray[np.float64]  # [m, 3]
    middle: NDArray[np.float64]  # [m, 3]
    radius: NDArray[
        np.float64
    ]  # [m] of a ball around the middle that rays touch which touch the box, moved to begin in the middle of their face


def boxes_of(low: NDArray[np.float64], high: NDArray[np.float64]) -> Boxes:
    """Boxes low..high [m, 3] metres."""
    return Boxes(low, high, 0.5 * (low + high), 0.5 * np.sqrt(((high - low) ** 2).sum(1)) + HALF_FACE_M)


def _rays_near_cells() -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """For each of SPIRALS, cell of the disc and one of WIDTHS where the list of rays begins [3, CELLS, CELLS, 7 + 1]
    that may lie so near to some point of the cell; and all lists.
    """
    u, v = np.meshgrid(*[(np.arange(CELLS) + 0.5) / CELLS * 2.0 - 1.0] * 2, indexing="ij")
    first, rays, n_found = np.zeros((len(SPIRALS), CELLS, CELLS, len(WIDTHS) + 1), np.int32), [], 0
    for spiral, n in enumerate(SPIRALS):
        k = np.arange(n)  # ray k lies between these distances from the middle: the texel's own number says where
        along = u[..., None] * SPIRAL_COS[k] + v[..., None] * SPIRAL_SIN[k]
        along = np.clip(along, np.sqrt(k / n), np.sqrt((k + 1) / n))
        far = np.hypot(u[..., None] - along * SPIRAL_COS[k], v[..., None] - along * SPIRAL_SIN[k])
        near = far[..., None, :] <= np.append(WIDTHS[:-1] + math.sqrt(2.0) / CELLS + ASTRAY, np.inf)[:, None]
        ends = n_found + np.cumsum(near.sum(-1)).reshape(near.shape[:3])
        first[spiral, ..., 1:] = ends
        first[spiral, ..., 0] = ends[..., 0] - near[..., 0, :].sum(-1)
        rays.append(np.nonzero(near)[3].astype(np.uint8))
        n_found += len(rays[-1])
    return first, np.concatenate(rays)


def _widths_of_balls() -> NDArray[np.int64]:
    """Which of WIDTHS a ball is that takes up so many STEPS: [STEPS]. Rays that touch it lie on the half sphere within
    a chord of twice the sine of half its angle, and on the disc no farther.
    """
    sine = (np.arange(STEPS) + 1.0) / STEPS
    chord = np.sqrt(2.0 - 2.0 * np.sqrt(1.0 - sine * sine))
    return np.minimum(np.searchsorted(WIDTHS[:-1], chord), len(WIDTHS) - 1)


FIRST_NEAR, RAYS_NEAR = _rays_near_cells()
WIDTH_OF = _widths_of_balls()
_ANGLES = 2.0 * math.pi * (np.arange(TURNS) + 0.5) / TURNS
COS_NEAR, SIN_NEAR = np.cos(_ANGLES), np.sin(_ANGLES)
NEAREST_CODE = np.searchsorted(REACH_OF_CODE[:240], np.arange(16 * FAR_M) / 16).astype(np.uint8)  # per 6 cm of distance


@leaf
def code_to_reach(distance):
    """The least code (`gather.packed_met`) that a ray may have which goes so far, metres."""
    return np.int64(NEAREST_CODE[min(int(max(distance, 0.0) * 16.0), len(NEAREST_CODE) - 1)])


@leaf
def _plane_of(place, t):
    """Where the face of a texel lies along its axis, metres."""
    return 0.25 * (place[t, place[t, 3] // 2] + 1 - place[t, 3] % 2)


@leaf
def reach_of(place, is_fresh, met, origin, direction):
    """How far a ray goes, or a little farther: to the face that it ends on, if that is none of those that are fresh [T]
    (another may have had its number when the ray was traced), else as far as its code says.
    """
    code, end = met_code(met), met >> np.uint32(8)
    if end < FIRST_PART and place[end, 3] >= 0 and not is_fresh[end]:
        axis = place[end, 3] // 2
        return (_plane_of(place, end) - origin[axis]) / direction[axis] + 1e-3
    return 1e4 if code >= 240 else REACH_OF_CODE[code]


@leaf
def is_before(place, t, boxes, b):
    """Whether some of a box lies before the face of a texel."""
    side, plane = place[t, 3], _plane_of(place, t)
    return boxes.low[b, side // 2] <= plane if side % 2 else boxes.high[b, side // 2] >= plane


@leaf
def look_at(place, t, boxes, b):
    """From the middle of a texel's face to that of a box: the distance, and the way along u, v and, as the face looks,
    its axis; metres.
    """
    side = place[t, 3]
    axis, u, v = side // 2, (side // 2 + 1) % 3, (side // 2 + 2) % 3
    along_u, along_v = boxes.middle[b, u] - (place[t, u] + 0.5) * 0.25, boxes.middle[b, v] - (place[t, v] + 0.5) * 0.25
    ahead = (boxes.middle[b, axis] - _plane_of(place, t)) * (1.0 - 2.0 * (side % 2))
    return math.sqrt(along_u * along_u + along_v * along_v + ahead * ahead), along_u, along_v, ahead


@leaf
def rays_that_touch(place, is_fresh, t, phase, spiral, met, asked, boxes, b, way, room):
    """The rays of texel t that touch box b, by bits, of those asked about, by bits too. `way` leads to the box
    (`look_at`), `phase` is the texel's, for the spiral that its rays met [rays] follow; is_fresh [T] says what they
    cannot have ended on; room [2, 3] is scratch.
    """
    touching, rays, r, (d, along_u, along_v, ahead) = np.uint64(0), len(met), boxes.radius[b], way
    near = int(phase[1] * TURNS)  # cosine and sine of so many angles do for those that are far away
    u, v = along_u * COS_NEAR[near] + along_v * SIN_NEAR[near], along_v * COS_NEAR[near] - along_u * SIN_NEAR[near]
    origin, direction = room[0], room[1]
    width, i, j, least = len(WIDTHS) - 1, 0, 0, -d - 1.0
    if d > r:
        width = WIDTH_OF[int(STEPS * r / d)]
        i = min(int((u / d + 1.0) * (0.5 * CELLS)), CELLS - 1)
        j = min(int((v / d + 1.0) * (0.5 * CELLS)), CELLS - 1)
        # Of the way to the middle a ray that touches goes so much, or less by what it may be astray.
        least = math.sqrt(d * d - r * r) - (r + d * ASTRAY) * ASTRAY
    code = code_to_reach(d - r)
    for n in range(FIRST_NEAR[spiral, i, j, width], FIRST_NEAR[spiral, i, j, width + 1]):
        k = np.int64(RAYS_NEAR[n])
        r2 = (k + phase[0]) / rays
        across = math.sqrt(r2) * (SPIRAL_COS[k] * u + SPIRAL_SIN[k] * v)
        if across + math.sqrt(max(1.0 - r2, 1e-6)) * ahead < least:
            continue
        bit = np.uint64(k) if spiral == 0 else bit_of_ray(k, rays)
        if met_code(met[k]) < code or not asked >> bit & np.uint64(1):
            continue
        # Worked out here, for these few: of what is known before the loop a compiler would do so for all.
        turn = bounce_turn(place, t) if spiral == 0 else texel_turn(place, t)
        texel_ray(place, t, turn, k, rays, origin, direction)
        far = reach_of(place, is_fresh, met[k], origin, direction)
        if far >= d - r and crosses_box(
            origin[0], origin[1], origin[2], direction[0], direction[1], direction[2], far, boxes.low[b], boxes.high[b]
        ):
            touching |= np.uint64(1) << bit
    return touching


@leaf
def _cross_some(first, last, place, is_fresh, texels, rows, n_rays, met, boxes, void, room):
    """`rays_cross` of texels first .. last - 1, in the room [2, 3] that a thread has."""
    for i in range(first, last):
        t, row = texels[i], rows[i]
        if n_rays[row] == 0:
            continue
        own, phase, spiral = met[row, : n_rays[row]], texel_phase(place, t), 1 if n_rays[row] <= TEXEL_RAYS else 2
        for b in range(len(boxes.low)):
            if is_before(place, t, boxes, b):
                way = look_at(place, t, boxes, b)
                void[row] |= rays_that_touch(
                    place, is_fresh, t, phase, spiral, own, ~void[row], boxes, b, way, room
                )  # fmt: skip


@njit(parallel=True, cache=True)
def rays_cross(place, is_fresh, texels, rows, n_rays, met, boxes, void):
    """Set the bits in void [R] of those rays of some texels [n] that touch one of some boxes; is_fresh [T] are faces
    that came with what is in the boxes.
    """
    for block in prange((len(texels) + BLOCK - 1) // BLOCK):
        room = np.empty((2, 3))
        last = min(block * BLOCK + BLOCK, len(texels))
        _cross_some(block * BLOCK, last, place, is_fresh, texels, rows, n_rays, met, boxes, void, room)
