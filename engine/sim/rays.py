"""What a ray, or a moving box, meets first: voxels, rigid bodies, solid things and people. Asking changes nothing.

Bodies are met where the last step of physics left them; one that came or was moved since is met there from the next
tick on. The world ends as the voxel grid says: air above, solid ground below and beyond its sides.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from engine.core.ids import NOBODY
from engine.core.trig import sine_cosine
from engine.core.units import VOXEL_M
from engine.sim.physics.solver import BODIES
from engine.sim.systems import bodies
from engine.sim.systems.player import HALF_WIDTH_M, HEIGHT_M
from engine.state.blueprint import Blueprint
from engine.state.components import BODY, WALKS
from engine.state.voxels import VoxelGrid
from engine.state.world import State

Vec3 = tuple[float, float, float]
FARTHEST_M: Final = 256.0  # no ray reaches farther
_STRIDE_M: Final = 0.5 * VOXEL_M  # of a moving box through voxels: nothing is thinner than a voxel


@dataclass(frozen=True)
class Met:
    """The first thing on the way."""

    entity: int  # 0 = the ground
    point: Vec3  # metres, world; of a moving box: its centre
    normal: Vec3  # unit, world: out of what was met
    distance: float  # metres


def raycast(
    blueprint: Blueprint, state: State, origin: Vec3, direction: Vec3, reach: float, ignore: int = NOBODY
) -> Met | None:
    """The first thing within `reach` metres that a ray meets; `direction` is a unit vector, `ignore` an entity."""
    found = voxel_on(state.voxels, origin, direction, reach)
    best = Met(NOBODY, *found) if found is not None else None
    mirror = bodies.of(state)
    if mirror is not None:
        length = best.distance if best is not None else reach
        way = (direction[0] * length, direction[1] * length, direction[2] * length)
        hit = mirror.solver.cast_ray(origin, way, BODIES, (ignore,))
        if hit is not None and state.alive(hit.key):
            best = Met(hit.key, hit.point, hit.normal, hit.share * length)
    for index, low, high, yaw in _boxes(blueprint, state, origin, direction, reach, ignore):
        x, y, z = state.columns.position[index].tolist()
        sin, cos = sine_cosine(-yaw)
        start = _turned((origin[0] - x, origin[1] - y, origin[2] - z), sin, cos)
        entry = _enter(low, high, start, _turned(direction, sin, cos), best.distance if best is not None else reach)
        if entry is not None:
            distance, normal = entry
            normal = _turned(normal, -sin, cos)
            best = Met(state.entity_at(index), _along(origin, direction, distance), normal, distance)
    return best


def sweep(blueprint: Blueprint, state: State, low: Vec3, high: Vec3, way: Vec3, ignore: int = NOBODY) -> Met | None:
    """What an upright box low..high (metres) meets first on a straight way (metres): found to 1 mm among voxels."""
    length = math.sqrt(way[0] * way[0] + way[1] * way[1] + way[2] * way[2])
    if length == 0.0:
        return None
    direction = (way[0] / length, way[1] / length, way[2] / length)
    centre, half = _middle(low, high)
    share = _voxels_ahead(state.voxels, low, high, way, length)
    backwards = (-direction[0], -direction[1], -direction[2])
    best = None if share is None else Met(NOBODY, _along(centre, way, share), backwards, share * length)
    mirror = bodies.of(state)
    if mirror is not None:
        hit = mirror.solver.cast_box(centre, half, way, BODIES, 0.0, (ignore,))
        if hit is not None and state.alive(hit.key) and (best is None or hit.share * length < best.distance):
            best = Met(hit.key, _along(centre, way, hit.share), hit.normal, hit.share * length)
    for index, a, b, yaw in _boxes(blueprint, state, centre, direction, length, ignore, max(half) * math.sqrt(3.0)):
        sin, cos = (abs(v) for v in sine_cosine(yaw))  # what is turned counts as the upright box around it
        x, y, z = state.columns.position[index].tolist()
        wx, wy = b[0] * cos + b[1] * sin + half[0], b[0] * sin + b[1] * cos + half[1]
        entry = _enter(
            (x - wx, y - wy, z + a[2] - half[2]), (x + wx, y + wy, z + b[2] + half[2]), centre, direction,
            best.distance if best is not None else length,
        )  # fmt: skip
        if entry is not None:
            best = Met(state.entity_at(index), _along(centre, direction, entry[0]), entry[1], entry[0])
    return best


def voxel_on(voxels: VoxelGrid, origin: Vec3, direction: Vec3, reach: float) -> tuple[Vec3, Vec3, float] | None:
    """Point, normal and distance of the first solid voxel on a ray of unit direction.

    Amanatides and Woo, "A fast voxel traversal algorithm for ray tracing", Eurographics 1987.
    """
    shape, material = voxels.material.shape, voxels.material
    cell = [math.floor(o / VOXEL_M) for o in origin]
    step = [1 if d > 0.0 else -1 for d in direction]
    rate = [abs(VOXEL_M / d) if d != 0.0 else math.inf for d in direction]  # metres of the ray per voxel
    border = [(c + (s > 0)) * VOXEL_M - o for c, s, o in zip(cell, step, origin, strict=True)]
    until = [b / d if d != 0.0 else math.inf for b, d in zip(border, direction, strict=True)]
    distance, axis = 0.0, -1
    while distance <= reach:
        x, y, z = cell
        outside = not (0 <= x < shape[0] and 0 <= y < shape[1] and z >= 0)
        if outside or (z < shape[2] and material[x, y, z]):
            normal = [-float(step[i]) if i == axis else 0.0 for i in range(3)]
            if axis < 0:
                normal = [-d for d in direction]
            return _along(origin, direction, distance), (normal[0], normal[1], normal[2]), distance
        axis = until.index(min(until))
        distance = until[axis]
        until[axis] += rate[axis]
        cell[axis] += step[axis]
    return None


def _voxels_ahead(voxels: VoxelGrid, low: Vec3, high: Vec3, way: Vec3, length: float) -> float | None:
    """The share of its way after which a box touches voxels; None where none lie on it."""

    def blocked(share: float) -> bool:
        return voxels.solid_in(_along(low, way, share), _along(high, way, share))

    good, n = 0.0, math.ceil(length / _STRIDE_M)
    if blocked(0.0):
        return 0.0
    for i in range(1, n + 1):
        bad = i / n
        if blocked(bad):
            while (bad - good) * length > 1e-3:
                half = 0.5 * (good + bad)
                good, bad = (good, half) if blocked(half) else (half, bad)
            return good
        good = bad
    return None


def _boxes(
    blueprint: Blueprint, state: State, origin: Vec3, direction: Vec3, reach: float, ignore: int, margin: float = 0.0
) -> list[tuple[int, Vec3, Vec3, float]]:
    """Solid things and people near a ray: slot, corners in their own upright frame (metres), yaw; by slot."""
    c, n = state.columns, state.n_slots
    rows = np.flatnonzero(
        (c.in_the_way(n) | ((c.parts[:n] & WALKS) != 0)) & ((c.parts[:n] & BODY) == 0) & (c.prefab[:n] >= 0)
    )
    found: list[tuple[int, Vec3, Vec3, float]] = []
    if ignore != state.entity_at(0):
        w = HALF_WIDTH_M
        found.append((0, (-w, -w, 0.0), (w, w, HEIGHT_M), 0.0))
    if len(rows):
        half = np.array([p.half_extent for p in blueprint.prefabs], np.float64)[c.prefab[rows]]
        away = c.position[rows] + half * (0.0, 0.0, 1.0) - origin
        along = away[:, 0] * direction[0] + away[:, 1] * direction[1] + away[:, 2] * direction[2]
        square = (away * away).sum(1)
        wide = np.sqrt((half * half).sum(1)) + margin
        near = (square - along * along < wide * wide) & (along > -wide) & (along < reach + wide)
        for index, (x, y, z) in zip(rows[near].tolist(), half[near].tolist(), strict=True):
            if index and state.entity_at(index) != ignore:
                found.append((index, (-x, -y, 0.0), (x, y, 2.0 * z), float(c.yaw[index])))
    return found


def _enter(low: Vec3, high: Vec3, origin: Vec3, direction: Vec3, reach: float) -> tuple[float, Vec3] | None:
    """Distance and normal where a ray enters a box; None where it misses it, or begins in it."""
    near, far, axis = -math.inf, reach, 0
    for i in range(3):
        if direction[i] == 0.0:
            if not low[i] < origin[i] < high[i]:
                return None
            continue
        a, b = (low[i] - origin[i]) / direction[i], (high[i] - origin[i]) / direction[i]
        if min(a, b) > near:
            near, axis = min(a, b), i
        far = min(far, max(a, b))
    if near < 0.0 or near > far:
        return None
    normal = [0.0, 0.0, 0.0]
    normal[axis] = -1.0 if direction[axis] > 0.0 else 1.0
    return near, (normal[0], normal[1], normal[2])


def _turned(v: Vec3, sin: float, cos: float) -> Vec3:
    return v[0] * cos - v[1] * sin, v[0] * sin + v[1] * cos, v[2]


def _along(origin: Vec3, direction: Vec3, distance: float) -> Vec3:
    x, y, z = (o + d * distance for o, d in zip(origin, direction, strict=True))
    return x, y, z


def _middle(low: Vec3, high: Vec3) -> tuple[Vec3, Vec3]:
    (a, b, c), (d, e, f) = low, high
    return ((a + d) / 2, (b + e) / 2, (c + f) / 2), ((d - a) / 2, (e - b) / 2, (f - c) / 2)
