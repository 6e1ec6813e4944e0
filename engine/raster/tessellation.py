"""Prefab meshes cut finer: light is worked out at vertices, and corners cannot tell what a lamp does to its posts."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.state.blueprint import Materials, Prefab

F32 = NDArray[np.float32]
I64 = NDArray[np.int64]

EDGE_M = 0.4  # longest edge of a triangle
LAMP_EDGE_M = 0.1  # of prefabs that shine: their own light changes within a hand's breadth
MOST_TRIANGLES = 20_000  # of one prefab: beyond, it is fine enough as it is


def refined(prefabs: tuple[Prefab, ...], materials: Materials) -> tuple[Prefab, ...]:
    """Every prefab with no edge longer than EDGE_M, or LAMP_EDGE_M where any of it shines; parts stay what they are.

    Imported meshes come cut (engine/script/shells.py).
    """
    shines = materials.emission.max(1) > 0
    return tuple(
        p if p.skin is not None else _cut(p, LAMP_EDGE_M if np.any(shines[p.material]) else EDGE_M) for p in prefabs
    )


def _cut(prefab: Prefab, longest_m: float) -> Prefab:
    """Halve every edge longer than `longest_m` until none is left.

    Whether an edge is halved depends on that edge alone, so triangles that share it stay joined.
    """
    place, normal, material, part = prefab.position, prefab.normal, prefab.material, prefab.part
    triangles = prefab.triangles.astype(np.int64)
    while 0 < len(triangles) <= MOST_TRIANGLES:
        edges = np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]], -1)  # [I, 3, 2]
        length = np.linalg.norm(place[edges[..., 0]] - place[edges[..., 1]], axis=-1)
        long = length > longest_m * (1 + 1e-5)
        if not long.any():
            break
        cut, which = np.unique(edges[long], axis=0, return_inverse=True)
        middle = np.full(long.shape, -1, np.int64)
        middle[long] = len(place) + which
        place = np.concatenate([place, place[cut].mean(1, dtype=np.float32)])
        between = normal[cut].sum(1)
        between /= np.maximum(np.linalg.norm(between, axis=1, keepdims=True), 1e-6)
        normal = np.concatenate([normal, between.astype(np.float32)])
        material, part = np.concatenate([material, material[cut[:, 0]]]), np.concatenate([part, part[cut[:, 0]]])
        triangles = _split(triangles, middle, length)
    return replace(
        prefab, position=place, normal=normal, material=material, part=part, triangles=triangles.astype(np.int32)
    )


def _split(triangles: I64, middle: I64, length: F32) -> I64:
    """Triangles [I, 3] cut at the middles [I, 3] of their edges (corner k to k + 1; -1: not cut) of lengths [I, 3]."""
    n_cut = (middle >= 0).sum(1)
    done = [triangles[n_cut == 0]]
    # Turned so that the first edge is the longest, which is cut wherever any is.
    turn = (np.argmax(length, 1)[:, None] + np.arange(3)) % 3
    corner, cut = np.take_along_axis(triangles, turn, 1), np.take_along_axis(middle, turn, 1)
    (a, b, c), (ab, bc, ca) = corner.T, cut.T
    for also_bc in (False, True):
        for also_ca in (False, True):
            k = (ab >= 0) & ((bc >= 0) == also_bc) & ((ca >= 0) == also_ca)
            pieces = [(a, ab, ca), (ab, c, ca)] if also_ca else [(a, ab, c)]
            pieces += [(ab, b, bc), (ab, bc, c)] if also_bc else [(ab, b, c)]
            done += [np.stack([x[k] for x in piece], 1) for piece in pieces]
    return np.concatenate(done)
