"""What bodies are made of: convex pieces, read from a body's columns and its prefab, with their volume."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.state.blueprint import Blueprint, Prefab
from engine.state.components import AUTO, BOX, CAPSULE, SPHERE, Columns

F64 = NDArray[np.float64]
Vec3 = tuple[float, float, float]
CLOSE_M: Final = 1e-4  # vertices so near to a surface lie on it
ROUND_SIDES: Final = 8  # a prism with fewer sides is no cylinder
THINNEST_M: Final = 0.01


@dataclass(frozen=True)
class Piece:
    """One convex solid in the frame of its body: "box", "ball", "capsule" (upright), "cylinder" or "hull"."""

    kind: str
    centre: Vec3  # metres, body
    half: Vec3  # metres: half extents; ball: three radii alike; capsule, cylinder: radius across, half height along
    axis: int = 2  # of a cylinder
    points: tuple[Vec3, ...] = ()  # metres, body: corners of a hull
    volume: float = 0.0  # m3


def box(low: Vec3, high: Vec3) -> Piece:
    """A box between two corners."""
    centre, half = _middle(low, high)
    return Piece("box", centre, half, volume=8.0 * half[0] * half[1] * half[2])


def ball(centre: Vec3, radius: float) -> Piece:
    """A ball."""
    return Piece("ball", centre, (radius, radius, radius), volume=4.0 / 3.0 * math.pi * radius * radius * radius)


def capsule(centre: Vec3, radius: float, half_height: float) -> Piece:
    """An upright cylinder with round ends; `half_height` includes them."""
    straight = max(half_height - radius, 0.0)
    volume = math.pi * radius * radius * (2.0 * straight + 4.0 / 3.0 * radius)
    return Piece("capsule", centre, (radius, radius, straight + radius), volume=volume)


def pieces_of(blueprint: Blueprint, columns: Columns, index: int) -> tuple[Piece, ...]:
    """The pieces of the body in a slot: a whole shape that stands on its origin, or the parts of its prefab."""
    prefab = int(columns.prefab[index])
    half = [0.5 * v for v in columns.body_size[index].tolist()]
    if not any(half):
        half = blueprint.prefabs[prefab].half_extent.tolist()
    hx, hy, hz = (max(v, 0.5 * THINNEST_M) for v in half)
    shape = int(columns.shape[index])
    if shape == SPHERE:
        return (ball((0.0, 0.0, hz), hz),)
    if shape == CAPSULE:
        return (capsule((0.0, 0.0, hz), min(hx, hz), hz),)
    if shape == AUTO and prefab >= 0 and not columns.body_size[index].any():
        return parts_of(_Same(blueprint.prefabs[prefab]))
    assert shape in (AUTO, BOX)
    return (box((-hx, -hy, 0.0), (hx, hy, 2.0 * hz)),)


def mass_of(blueprint: Blueprint, columns: Columns, index: int) -> float:
    """Kilograms of the body in a slot."""
    return float(columns.density[index]) * sum(p.volume for p in pieces_of(blueprint, columns, index))


def reach_of(pieces: tuple[Piece, ...]) -> float:
    """Metres from a body's origin within which it lies, however it turns."""
    farthest = 0.0
    for p in pieces:
        corners = p.points or [
            tuple(c + s * h for c, h, s in zip(p.centre, p.half, signs, strict=True)) for signs in _CORNERS
        ]
        farthest = max(farthest, *(x * x + y * y + z * z for x, y, z in corners))
    return math.sqrt(farthest)


_CORNERS: Final = tuple((x, y, z) for x in (-1.0, 1.0) for y in (-1.0, 1.0) for z in (-1.0, 1.0))


class _Same:
    """A prefab as a key of a cache: prefabs hold arrays, and are the same only if they are one object."""

    def __init__(self, prefab: Prefab) -> None:
        self.prefab = prefab

    def __hash__(self) -> int:
        return id(self.prefab)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.prefab is other.prefab


@lru_cache(maxsize=2048)
def parts_of(same: _Same) -> tuple[Piece, ...]:
    """A piece for each part of a prefab: a box, a ball or a cylinder where the part is one, else its hull."""
    prefab = same.prefab
    found = []
    for part in range(len(prefab.part_low)):
        mine = np.flatnonzero(prefab.part == part)
        if not len(mine):
            continue
        points = np.unique(prefab.position[mine].astype(np.float64), axis=0)
        triangles = prefab.triangles[np.isin(prefab.triangles[:, 0], mine)]
        found.append(_piece(points, prefab.position.astype(np.float64)[triangles]))
    return tuple(found)


def _piece(points: F64, triangles: F64) -> Piece:
    low, high = points.min(0), points.max(0)
    low, high = np.minimum(low, (low + high - THINNEST_M) / 2), np.maximum(high, (low + high + THINNEST_M) / 2)
    centre, half = _middle(_vec(low), _vec(high))
    away = np.abs(points - centre)
    on_face = (np.abs(away - half) < CLOSE_M).sum(1)
    if on_face.min() >= 1 and (on_face == 3).sum() == 8:
        return box(_vec(low), _vec(high))
    for axis in range(3):
        u, v = (axis + 1) % 3, (axis + 2) % 3
        across = np.sqrt(away[:, u] * away[:, u] + away[:, v] * away[:, v])
        ends = np.abs(away[:, axis] - half[axis]) < CLOSE_M
        if ends.sum() < 2 * ROUND_SIDES or np.ptp(across[ends]) > CLOSE_M:
            continue
        r = float(across[ends].max())
        if across.max() <= r + CLOSE_M:  # what was cut across has corners in its mantle too
            sizes = [r, r, r]
            sizes[axis] = half[axis]
            volume = math.pi * r * r * 2.0 * half[axis]
            return Piece("cylinder", centre, _vec(np.array(sizes)), axis, volume=volume)
    radius = np.sqrt((away * away).sum(1))
    if len(points) > 2 * ROUND_SIDES and np.ptp(radius) < CLOSE_M:
        return ball(centre, float(radius.max()))
    return Piece("hull", centre, half, points=tuple(_vec(p) for p in points), volume=_volume(triangles - centre))


def _volume(triangles: F64) -> float:
    """Volume inside a closed mesh [I, 3, 3]: the sum of signed tetrahedra to the origin, by the divergence theorem."""
    a, b, c = triangles[:, 0], triangles[:, 1], triangles[:, 2]
    x = a[:, 0] * (b[:, 1] * c[:, 2] - b[:, 2] * c[:, 1])
    y = a[:, 1] * (b[:, 2] * c[:, 0] - b[:, 0] * c[:, 2])
    z = a[:, 2] * (b[:, 0] * c[:, 1] - b[:, 1] * c[:, 0])
    return max(math.fsum((x + y + z).tolist()) / 6.0, 1e-6)


def _vec(v: F64) -> Vec3:
    x, y, z = v.tolist()
    return x, y, z


def _middle(low: Vec3, high: Vec3) -> tuple[Vec3, Vec3]:
    (a, b, c), (d, e, f) = low, high
    return ((a + d) / 2, (b + e) / 2, (c + f) / 2), ((d - a) / 2, (e - b) / 2, (f - c) / 2)
