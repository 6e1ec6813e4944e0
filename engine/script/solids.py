"""Solids: parts joined and cut, written into a grid of voxels whose centres lie inside.

A solid is a tree of parts as engine/script/parts.py checks them; lengths are metres in its own frame.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.units import AIR, VOXEL_M, VOXELS_PER_M
from engine.script.canvas import Drawing
from engine.script.shapes import RISES, centres, parts_of

U8 = NDArray[np.uint8]
F64 = NDArray[np.float64]
Voxel = tuple[int, int, int]
UNNAMED = 255  # a part without a material of its own: `write` is given one for the whole


def bounds(parts: Sequence[dict[str, Any]]) -> tuple[Voxel, Voxel]:
    """The box of voxels, low and high exclusive, around some parts."""
    corners = [_corners(part) for part in parts]
    low = [min(c[0][axis] for c in corners) for axis in range(3)]
    high = [max(c[1][axis] for c in corners) for axis in range(3)]
    a, b, c = (math.floor(v * VOXELS_PER_M) for v in low)
    d, e, f = (math.ceil(v * VOXELS_PER_M) for v in high)
    return (a, b, c), (max(d, a + 1), max(e, b + 1), max(f, c + 1))


def _corners(p: dict[str, Any]) -> tuple[Sequence[float], Sequence[float]]:
    if p["part"] in ("box", "wedge"):
        return p["low"], p["high"]
    if p["part"] == "ball":
        c, r = p["centre"], p["radius"]
        return [a - b for a, b in zip(c, r, strict=True)], [a + b for a, b in zip(c, r, strict=True)]
    wide = max(p["radius"], p["top"])
    low = [v - wide for v in p["base"]]
    high = [v + wide for v in p["base"]]
    low[p["axis"]], high[p["axis"]] = p["base"][p["axis"]], p["base"][p["axis"]] + p["height"]
    return low, high


def write(
    grid: Drawing, root: dict[str, Any], base: Voxel, box: tuple[Voxel, Voxel], material: int | None, only: str
) -> None:
    """Writes a solid whose origin lies at a corner of the grid; `box` bounds it. Without a material: its parts' own."""
    low, high = (tuple(b + v for b, v in zip(base, corner, strict=True)) for corner in box)
    for window, voxels in parts_of(grid, (low[0], low[1], low[2]), (high[0], high[1], high[2])):
        place = [(c - b) * VOXEL_M for c, b in zip(centres(window), base, strict=True)]
        made = _made(root, place)
        inside = made != AIR
        if only != "everywhere":
            inside = inside & ((voxels == AIR) == (only == "air"))
        np.copyto(voxels, made if material is None else np.uint8(material), where=inside)


def _made(solid: dict[str, Any], place: list[F64]) -> U8:
    """What stands at some places [x, y, z]: a material, AIR outside of the solid."""
    kind = solid["part"]
    if kind in ("union", "difference", "intersection"):
        first, *others = (_made(part, place) for part in solid["of"])
        for other in others:
            if kind == "union":
                first = np.where(other != AIR, other, first)
            else:
                first = np.where((other != AIR) == (kind == "intersection"), first, np.uint8(AIR))
        return first
    material = UNNAMED if solid["material"] is None else solid["material"]
    return np.where(_inside(solid, place), np.uint8(material), np.uint8(AIR))


def _inside(p: dict[str, Any], place: list[F64]) -> NDArray[np.bool_]:
    x, y, z = place
    if p["part"] == "ball":
        squares = [((v - c) / r) ** 2 for v, c, r in zip(place, p["centre"], p["radius"], strict=True)]
        return np.asarray(squares[0] + squares[1] + squares[2] <= 1.0)
    if p["part"] == "cylinder":
        axis = p["axis"]
        along = place[axis] - p["base"][axis]
        a, b = (place[k] - p["base"][k] for k in range(3) if k != axis)
        radius = p["radius"] + (p["top"] - p["radius"]) * (along / p["height"])
        return np.asarray((along >= 0.0) & (along < p["height"]) & (a * a + b * b <= radius * radius))
    (x0, y0, z0), (x1, y1, z1) = p["low"], p["high"]
    inside = (x >= x0) & (x < x1) & (y >= y0) & (y < y1) & (z >= z0) & (z < z1)
    if p["part"] == "wedge":
        axis, sign = RISES[p["rises"]]
        share = (place[axis] - p["low"][axis]) / (p["high"][axis] - p["low"][axis])
        inside = inside & (z <= z0 + (z1 - z0) * (share if sign > 0 else 1.0 - share))
    return np.asarray(inside)
