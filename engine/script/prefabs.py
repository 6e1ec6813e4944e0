"""Prefab meshes from parts (boxes, cylinders, balls, wedges), in metres, wound counter-clockwise from outside."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from engine.state.blueprint import Prefab

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Point = tuple[float, float, float]
KEPT = 128  # shapes of parts: people are made of few, and a file that is read again of the same
SLENDER = 8.0  # parts so many times longer than thick are cut across


@dataclass(frozen=True)
class Part:
    """One closed convex piece of a prefab; the unit in which it is lit."""

    position: F64  # [V, 3] metres, prefab
    normal: F64  # [V, 3] unit, prefab
    triangles: I64  # [I, 3] vertex indices
    material: int
    is_sliced: bool = False  # whether `sliced` has seen it


def _outward(position: F64, normal: F64, triangles: I64) -> I64:
    """Turns triangles so that their winding agrees with their vertices' normals."""
    a, b, c = (position[triangles[:, k]] for k in range(3))
    facing = np.einsum("ij,ij->i", np.cross(b - a, c - a), normal[triangles].mean(axis=1))
    return np.asarray(np.where((facing < 0.0)[:, None], triangles[:, ::-1], triangles), np.int64)


def box(low: Point, high: Point, material: int) -> Part:
    """A box with flat faces: 24 vertices, 12 triangles."""
    lo, hi = np.asarray(low, np.float64), np.asarray(high, np.float64)
    positions: list[F64] = []
    normals: list[F64] = []
    triangles: list[tuple[int, int, int]] = []
    for axis in range(3):
        u, v = (axis + 1) % 3, (axis + 2) % 3
        for sign, level in ((-1.0, lo[axis]), (1.0, hi[axis])):
            first = len(positions) * 4
            corners = np.empty((4, 3))
            corners[:, axis] = level
            corners[:, u] = lo[u], hi[u], hi[u], lo[u]
            corners[:, v] = lo[v], lo[v], hi[v], hi[v]
            normal = np.zeros((4, 3))
            normal[:, axis] = sign
            positions.append(corners)
            normals.append(normal)
            triangles += [(first, first + 1, first + 2), (first, first + 2, first + 3)]
    position, normal_all = np.concatenate(positions), np.concatenate(normals)
    return Part(position, normal_all, _outward(position, normal_all, np.asarray(triangles, np.int64)), material)


def wedge(low: Point, high: Point, material: int, axis: int, sign: int) -> Part:
    """A slope that rises along an axis (0 x, 1 y): five flat faces."""
    whole = box(low, high, material)
    position = whole.position.copy()
    foot = low[axis] if sign > 0 else high[axis]
    sunk = (position[:, axis] == foot) & (position[:, 2] == high[2])
    position[sunk, 2] = low[2]
    normal = whole.normal.copy()
    slope = np.zeros(3)
    slope[axis], slope[2] = -sign * (high[2] - low[2]), high[axis] - low[axis]
    normal[whole.normal[:, 2] > 0.5] = slope / np.linalg.norm(slope)
    kept = [t for t in whole.triangles if len({tuple(p) for p in position[t].tolist()}) == 3]
    flat = [t for t in kept if np.linalg.norm(np.cross(*np.diff(position[t], axis=0))) > 1e-12]
    triangles = np.asarray(flat, np.int64)
    used, index = np.unique(_outward(position, normal, triangles), return_inverse=True)
    return Part(position[used], normal[used], index.reshape(-1, 3).astype(np.int64), material)


def cylinder(
    base: Point, radius: float, height: float, material: int, top_radius: float, sides: int, axis: int, smooth: bool
) -> Part:
    """A cylinder or a frustum from `base` along an axis (0 x, 1 y, 2 z), capped at both ends."""
    angle = 2.0 * math.pi * np.arange(sides + 1) / sides
    slope = (radius - top_radius) / height  # of the mantle: how far its normal tips along the axis
    positions: list[F64] = []
    normals: list[F64] = []
    triangles: list[tuple[int, int, int]] = []
    count = 0
    for i in range(sides):
        for_normal = angle[i : i + 2] if smooth else np.full(2, (angle[i] + angle[i + 1]) / 2)
        ring = np.stack([np.cos(angle[i : i + 2]), np.sin(angle[i : i + 2])], axis=1)
        out = np.stack([np.cos(for_normal), np.sin(for_normal), np.full(2, slope)], axis=1)
        out /= np.linalg.norm(out, axis=1, keepdims=True)
        low = np.column_stack([ring * radius, np.zeros(2)])
        high = np.column_stack([ring * top_radius, np.full(2, height)])
        positions += [low, high]
        normals += [out, out]
        triangles += [(count, count + 1, count + 3), (count, count + 3, count + 2)]
        count += 4
    for level, r, sign in ((0.0, radius, -1.0), (height, top_radius, 1.0)):
        if r > 0.0:
            rim = np.column_stack([np.cos(angle[:-1]) * r, np.sin(angle[:-1]) * r, np.full(sides, level)])
            positions.append(rim)
            normals.append(np.tile((0.0, 0.0, sign), (sides, 1)))
            triangles += [(count, count + i, count + i + 1) for i in range(1, sides - 1)]
            count += sides
    # a cyclic shift of the axes is a rotation, so it keeps the handedness
    order = [(2 - axis + k) % 3 for k in range(3)]
    position = np.concatenate(positions)[:, order] + np.asarray(base, np.float64)
    normal = np.concatenate(normals)[:, order]
    index = np.asarray(triangles, np.int64)
    corners = position[index]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    return Part(position, normal, _outward(position, normal, index[area > 1e-12]), material)


def ball(centre: Point, radius: Point, material: int, sides: int, smooth: bool) -> Part:
    """An ellipsoid of `sides` meridians and half as many rows."""
    rows = max(3, sides // 2)
    theta = math.pi * np.arange(rows + 1) / rows
    phi = 2.0 * math.pi * np.arange(sides + 1) / sides
    r = np.asarray(radius, np.float64)
    t, p = np.meshgrid(theta, phi, indexing="ij")
    unit = np.stack([np.sin(t) * np.cos(p), np.sin(t) * np.sin(p), np.cos(t)], axis=-1).reshape(-1, 3)
    unit[np.abs(unit) < 1e-12] = 0.0
    position = unit * r
    normal = unit / r
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    triangles = []
    for i in range(rows):
        for j in range(sides):
            a, b = i * (sides + 1) + j, (i + 1) * (sides + 1) + j
            if i > 0:
                triangles.append((a, b, a + 1))
            if i < rows - 1:
                triangles.append((a + 1, b, b + 1))
    index = np.asarray(triangles, np.int64)
    if not smooth:
        position = position[index].reshape(-1, 3)
        face = position.reshape(-1, 3, 3)
        flat = np.cross(face[:, 1] - face[:, 0], face[:, 2] - face[:, 0])
        flat *= np.sign(np.einsum("ij,ij->i", flat, face.mean(axis=1)))[:, None]
        normal = np.repeat(flat / np.linalg.norm(flat, axis=1, keepdims=True), 3, axis=0)
        index = np.arange(len(position), dtype=np.int64).reshape(-1, 3)
    index = _outward(position, normal, index)
    return Part(position + np.asarray(centre, np.float64), normal, index, material)


def sliced(part: Part) -> Part:
    """The same part, cut across if it is slender: bodies are lit at their vertices, and a lamp post is bright only next
    to its lamp.
    """
    size = np.ptp(part.position, axis=0)
    axis = int(np.argmax(size))
    if part.is_sliced or size[axis] < SLENDER * np.delete(size, axis).max():
        return part
    low, height, cuts = float(part.position[:, axis].min()), float(size[axis]), 6 if size[axis] < 1.0 else 12
    position, normal = part.position.tolist(), part.normal.tolist()  # plain numbers: arrays of three are slow here
    triangles = [tuple(t) for t in part.triangles.tolist()]
    for level in (low + height * (k + 1) / cuts for k in range(cuts - 1)):
        side = [(p[axis] > level + 1e-9) - (p[axis] < level - 1e-9) for p in position]  # 1 above, 0 on it, -1 below
        between: dict[tuple[int, int], int] = {}

        def crossing(i: int, j: int, level: float = level, between: dict[tuple[int, int], int] = between) -> int:
            key = (min(i, j), max(i, j))
            if key not in between:
                p, q, n, m = position[key[0]], position[key[1]], normal[key[0]], normal[key[1]]
                t = (level - p[axis]) / (q[axis] - p[axis])
                between[key] = len(position)
                position.append([a + t * (b - a) for a, b in zip(p, q, strict=True)])
                mixed = [a + t * (b - a) for a, b in zip(n, m, strict=True)]
                length = math.hypot(*mixed)
                normal.append([v / length for v in mixed])
            return between[key]

        cut: list[tuple[int, ...]] = []
        for triangle in triangles:
            sides = [side[i] for i in triangle]
            if 1 not in sides or -1 not in sides:
                cut.append(triangle)
                continue
            # Turned so that the first corner is alone on its side of the plane, or lies on it.
            k = sides.index(1 if sides.count(1) == 1 else -1)
            a, b, c = triangle[k], triangle[k - 2], triangle[k - 1]
            if side[b] == 0:
                cut += [(a, b, crossing(a, c)), (crossing(a, c), b, c)]
            elif side[c] == 0:
                cut += [(a, crossing(a, b), c), (crossing(a, b), b, c)]
            else:
                p, q = crossing(a, b), crossing(a, c)
                cut += [(a, p, q), (p, b, c), (p, c, q)]
        triangles = cut
    return Part(np.array(position), np.array(normal), np.array(triangles, np.int64), part.material, True)


@lru_cache(maxsize=KEPT)
def shaped(make: Callable[..., Part], *arguments: object) -> Part:
    """The part that a function above makes of some arguments, sliced. Its arrays are shared and cannot be written."""
    part = replace(sliced(make(*arguments)), is_sliced=True)
    for array in (part.position, part.normal, part.triangles):
        array.flags.writeable = False
    return part


def assemble(name: str, parts: Sequence[Part]) -> Prefab:
    """The prefab made of some parts; its collider is the smallest box around them that stands on the origin."""
    parts = [sliced(part) for part in parts]
    offset = np.cumsum([0, *(len(p.position) for p in parts)])
    position = np.concatenate([p.position for p in parts])
    reach = np.abs(position[:, :2]).max(axis=0)
    height = max(float(position[:, 2].max()), 0.05)
    return Prefab(
        name=name,
        position=position.astype(np.float32),
        normal=np.concatenate([p.normal for p in parts]).astype(np.float32),
        material=np.concatenate([np.full(len(p.position), p.material) for p in parts]).astype(np.uint16),
        part=np.concatenate([np.full(len(p.position), i) for i, p in enumerate(parts)]).astype(np.uint16),
        triangles=np.concatenate([p.triangles + o for p, o in zip(parts, offset[:-1], strict=True)]).astype(np.int32),
        part_low=np.stack([p.position.min(axis=0) for p in parts]).astype(np.float32),
        part_high=np.stack([p.position.max(axis=0) for p in parts]).astype(np.float32),
        half_extent=np.asarray([max(reach[0], 0.05), max(reach[1], 0.05), height / 2], np.float32),
    )


def with_collider(prefab: Prefab, half_extent: Point) -> Prefab:
    """The same prefab with another collider box."""
    return replace(prefab, half_extent=np.asarray(half_extent, np.float32))
