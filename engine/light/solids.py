"""Solids: the parts of bodies as convex pieces that stop rays, kept as the planes of their faces.

A part of a prefab is closed and convex (script/prefabs.py), so a ray is inside it where it is behind all planes: that
makes round lamp shades round.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.core.rotations import matrices
from engine.light.compiled import leaf
from engine.light.trace import misses_box
from engine.state.blueprint import Prefab

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]


class Solids(NamedTuple):
    """N convex pieces in the world."""

    box: F64  # [N, 2, 3] metres, world: low and high corner of the box around each
    plane: F64  # [M, 4] unit normal outwards, and its product with any point of the face in metres
    first_plane: NDArray[np.int32]  # [N + 1] the planes of piece i are first_plane[i] : first_plane[i + 1]


def solids_of(prefab: Prefab, parts: NDArray[np.bool_], position: F32, orientation: F32) -> Solids:
    """The chosen parts [n_parts] of a prefab where a body has them: at a position in metres, turned by a quaternion.

    The parts of an imported mesh are the boxes of its skin.
    """
    world_from_prefab = matrices(orientation.astype(np.float64))
    if prefab.skin is not None:
        return _boxes(prefab.skin.solid[parts].astype(np.float64), world_from_prefab, position.astype(np.float64))
    corner = prefab.position.astype(np.float64) @ world_from_prefab.T + position.astype(np.float64)
    boxes, planes = [], []
    for part in np.flatnonzero(parts):
        inside = prefab.part == part
        boxes.append([corner[inside].min(0), corner[inside].max(0)])
        a, b, c = (corner[prefab.triangles[inside[prefab.triangles[:, 0]], k]] for k in range(3))
        normal = np.cross(b - a, c - a)
        length = np.linalg.norm(normal, axis=1, keepdims=True)
        found = np.column_stack([normal / np.maximum(length, 1e-12), np.zeros(len(a))])[length[:, 0] > 1e-12]
        found[:, 3] = (found[:, :3] * a[length[:, 0] > 1e-12]).sum(1)
        planes.append(found[np.sort(np.unique(found.round(5), axis=0, return_index=True)[1])])
    return _joined(boxes, planes)


def _boxes(box: F64, world_from_prefab: F64, position: F64) -> Solids:
    """Boxes [S, 2, 3] of a prefab's frame as pieces in the world."""
    corner = np.stack([box[:, (i >> 2 & 1, i >> 1 & 1, i & 1), (0, 1, 2)] for i in range(8)], 1)
    corner = corner @ world_from_prefab.T + position
    planes = []
    for low, high in box @ world_from_prefab.T + position:
        normal = np.concatenate([world_from_prefab.T, -world_from_prefab.T])
        planes.append(
            np.column_stack([normal, np.concatenate([(normal[:3] * high).sum(1), (normal[3:] * low).sum(1)])])
        )
    return _joined(np.stack([corner.min(1), corner.max(1)], 1), planes)


def moved(solids: Solids, by: F64) -> Solids:
    """Pieces moved by some metres [3]."""
    plane = solids.plane.copy()
    plane[:, 3] += (plane[:, :3] * by).sum(1)
    return Solids(solids.box + by, plane, solids.first_plane)


def joined(pieces: Sequence[Solids]) -> Solids:
    """All pieces of some lists in one."""
    boxes = [box for solids in pieces for box in solids.box]
    planes = [
        solids.plane[solids.first_plane[i] : solids.first_plane[i + 1]]
        for solids in pieces
        for i in range(len(solids.box))
    ]
    return _joined(boxes, planes)


def _joined(boxes: Sequence[object] | F64, planes: Sequence[F64]) -> Solids:
    first = np.cumsum([0, *(len(p) for p in planes)]).astype(np.int32)
    return Solids(
        np.array(boxes, np.float64).reshape(-1, 2, 3),
        np.concatenate(planes) if planes else np.zeros((0, 4), np.float64),
        first,
    )


def parts_that(prefab: Prefab, emission: F32, shine: bool) -> NDArray[np.bool_]:
    """Which parts [n_parts] of a prefab shine, or do not, given the emission of materials [M, 3].

    Of an imported mesh its solid boxes [S], none of which shines.
    """
    if prefab.skin is not None:
        return np.full(len(prefab.skin.solid), not shine, np.bool_)
    parts = range(len(prefab.part_low))
    return np.array([bool(emission[prefab.material[prefab.part == p]].any()) == shine for p in parts], np.bool_)


@leaf
def distance_to_solid(box, plane, first_plane, i, ox, oy, oz, dx, dy, dz, px, py, pz, t_max):
    """Where a ray enters piece i of Solids, in lengths of its direction; inf if it misses, or begins inside, or its box
    is farther than t_max. p is `one_over` the direction, axis by axis.

    The fields of Solids come one by one: numba runs no tuple within a tuple in parallel.

    Clipping by half spaces (Cyrus and Beck, "Generalized two- and three-dimensional clipping", 1978).
    """
    if misses_box(ox, oy, oz, px, py, pz, t_max, box[i, 0], box[i, 1]):
        return math.inf
    t0, t1 = -math.inf, math.inf
    for k in range(first_plane[i], first_plane[i + 1]):
        nx, ny, nz = plane[k, 0], plane[k, 1], plane[k, 2]
        ahead = nx * dx + ny * dy + nz * dz
        beyond = plane[k, 3] - (nx * ox + ny * oy + nz * oz)
        if abs(ahead) < 1e-12:
            if beyond < 0.0:
                return math.inf
            continue
        t = beyond / ahead
        if ahead < 0.0:
            t0 = max(t0, t)
        else:
            t1 = min(t1, t)
        if t0 > t1:
            return math.inf
    return t0 if t0 > 0.0 else math.inf


@leaf
def is_inside(plane, first_plane, i, x, y, z):
    """Whether a point (metres) lies in piece i of Solids."""
    for k in range(first_plane[i], first_plane[i + 1]):
        if plane[k, 0] * x + plane[k, 1] * y + plane[k, 2] * z > plane[k, 3]:
            return False
    return True
