"""Voxel shapes: each function writes one shape into a grid of material indices.

Coordinates are whole voxels, boxes are half-open [low, high), z is up, and what lies outside the grid is cut off.
"""

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.core.units import AIR
from engine.script.canvas import Canvas, Drawing

U8 = NDArray[np.uint8]
I64 = NDArray[np.int64]
U32 = NDArray[np.uint32]
F64 = NDArray[np.float64]
Voxel = tuple[int, int, int]
Window = tuple[slice, slice, slice]
Some = TypeVar("Some", bound=np.generic)

SLAB = 1 << 18  # voxels that are worked on at once
AXES = {"x": 0, "y": 1}
RISES = {"+x": (0, 1), "-x": (0, -1), "+y": (1, 1), "-y": (1, -1)}


def window_of(grid: Drawing, low: Voxel, high: Voxel) -> Window:
    """The part of a box low..high that lies in the grid."""
    (x0, y0, z0), (x1, y1, z1), (nx, ny, nz) = low, high, grid.shape
    return (
        slice(max(x0, 0), max(min(x1, nx), 0)),
        slice(max(y0, 0), max(min(y1, ny), 0)),
        slice(max(z0, 0), max(min(z1, nz), 0)),
    )


def parts_of(grid: Drawing, low: Voxel, high: Voxel) -> Iterator[tuple[Window, U8]]:
    """The part of a box low..high that lies in the grid, in pieces of about SLAB voxels, so that the arrays over one
    stay small: where each lies, and its voxels, a view to be written before the next piece is asked for.
    """
    x, y, z = window_of(grid, low, high)
    if y.stop <= y.start or z.stop <= z.start:
        return
    depth = max(1, SLAB // ((y.stop - y.start) * (z.stop - z.start)))
    for start in range(x.start, x.stop, depth):
        slab = slice(start, min(start + depth, x.stop)), y, z
        if isinstance(grid, Canvas):
            yield from grid.pieces(slab)
        else:
            yield slab, grid[slab]


def centres(window: Window) -> tuple[F64, F64, F64]:
    """Coordinates of the voxel centres of a window, one broadcastable array for each axis."""
    x, y, z = (np.arange(s.start, max(s.stop, s.start), dtype=np.float64) + 0.5 for s in window)
    return x[:, None, None], y[None, :, None], z[None, None, :]


def fill(grid: Drawing, low: Voxel, high: Voxel, material: int) -> None:
    """A solid box; with air it cuts one out."""
    if isinstance(grid, Canvas):
        grid.fill(low, high, material)
    else:
        grid[window_of(grid, low, high)] = material


def room(
    grid: Drawing, low: Voxel, high: Voxel, wall: int, floor: int | None, roof: int | None, thickness: int
) -> None:
    """A hollow box: walls all round, a slab below and above (None leaves that side open), air inside.

    A slab is no higher than the box.
    """
    t = thickness
    fill(grid, low, high, wall)
    inside_low = (low[0] + t, low[1] + t, low[2] + (t if floor is not None else 0))
    inside_high = (high[0] - t, high[1] - t, high[2] - (t if roof is not None else 0))
    fill(grid, inside_low, inside_high, AIR)
    if floor is not None:
        fill(grid, low, (high[0], high[1], min(low[2] + t, high[2])), floor)
    if roof is not None:
        fill(grid, (low[0], low[1], max(high[2] - t, low[2])), high, roof)


def column(grid: Drawing, base: Voxel, radius: float, height: int, material: int) -> None:
    """An upright cylinder whose axis stands on the corner `base`."""
    reach = math.ceil(radius)
    low = (base[0] - reach, base[1] - reach, base[2])
    for window, voxels in parts_of(grid, low, (base[0] + reach, base[1] + reach, base[2] + height)):
        x, y, _ = centres(window)
        inside = (x - base[0]) ** 2 + (y - base[1]) ** 2 <= radius**2
        np.copyto(voxels, np.uint8(material), where=inside)


def sphere(grid: Drawing, centre: Voxel, radius: float, material: int) -> None:
    """A ball around a corner of the grid."""
    reach = math.ceil(radius)
    low = (centre[0] - reach, centre[1] - reach, centre[2] - reach)
    for window, voxels in parts_of(grid, low, (centre[0] + reach, centre[1] + reach, centre[2] + reach)):
        x, y, z = centres(window)
        inside = (x - centre[0]) ** 2 + (y - centre[1]) ** 2 + (z - centre[2]) ** 2 <= radius**2
        np.copyto(voxels, np.uint8(material), where=inside)


def arch(grid: Drawing, low: Voxel, high: Voxel, material: int, through: int) -> None:
    """An opening with a round head that passes along axis `through`; the head is at most half as high as wide."""
    across = 1 - through
    half = (high[across] - low[across]) / 2
    rise = min(half, float(high[2] - low[2]))
    for window, voxels in parts_of(grid, low, high):
        middles = centres(window)
        from_middle = (middles[across] - (low[across] + high[across]) / 2) / half
        head = high[2] - rise + rise * np.sqrt(np.clip(1.0 - from_middle**2, 0.0, 1.0))
        np.copyto(voxels, np.uint8(material), where=middles[2] <= head)


def stairs(grid: Drawing, low: Voxel, high: Voxel, material: int, axis: int, sign: int) -> None:
    """A solid flight that rises along one axis, one voxel a step; a longer box has deeper treads."""
    run, steps = high[axis] - low[axis], high[2] - low[2]
    for i in range(run):
        place = low[axis] + i if sign > 0 else high[axis] - 1 - i
        top = low[2] + (i * steps) // run + 1
        a, b = list(low), list(high)
        a[axis], b[axis], b[2] = place, place + 1, top
        fill(grid, (a[0], a[1], a[2]), (b[0], b[1], b[2]), material)


def gable(grid: Drawing, low: Voxel, high: Voxel, material: int, ridge: int, end_wall: int | None) -> None:
    """A pitched roof, one voxel thick and hollow, its ridge along axis `ridge`; `end_wall` closes the two gables.

    The gable walls stand one voxel inside the roof's ends, so the roof overhangs them, if it is longer than that.
    """
    across = 1 - ridge
    width, height = high[across] - low[across], high[2] - low[2]
    top_before = low[2]
    for i in range((width + 1) // 2):
        top = low[2] + max(1, round((i + 1) * height / ((width + 1) // 2)))
        for place in (low[across] + i, high[across] - 1 - i):
            a, b = list(low), list(high)
            a[across], b[across] = place, place + 1
            a[2], b[2] = min(top - 1, top_before), top
            fill(grid, (a[0], a[1], a[2]), (b[0], b[1], b[2]), material)
            if end_wall is not None and top_before > low[2]:
                for end in (min(low[ridge] + 1, high[ridge] - 1), max(high[ridge] - 2, low[ridge])):
                    a[ridge], b[ridge] = end, end + 1
                    a[2], b[2] = low[2], min(top - 1, top_before)
                    fill(grid, (a[0], a[1], a[2]), (b[0], b[1], b[2]), end_wall)
        top_before = top


def pyramid(grid: Drawing, low: Voxel, high: Voxel, material: int) -> None:
    """A solid stepped pyramid over the box's floor, its tip at the box's top."""
    half = min(high[0] - low[0], high[1] - low[1]) / 2
    steps = high[2] - low[2]
    for i in range(steps):
        inset = int(i * half / steps)
        fill(
            grid,
            (low[0] + inset, low[1] + inset, low[2] + i),
            (high[0] - inset, high[1] - inset, low[2] + i + 1),
            material,
        )


def hash_of_place(x: I64, y: I64, z: I64, seed: int) -> F64:
    """A number in [0, 1) that depends on the place and the seed alone."""
    return np.asarray(_hash_bits(x, y, z, seed) / 2.0**32)


def _hash_bits(x: I64, y: I64, z: I64, seed: int) -> U32:
    """A whole number below 2**32 for a place (integer mixing after Jenkins' one-at-a-time)."""
    h: U32 = _low_bits(x * 73856093 ^ seed * 2654435761) ^ _low_bits(y * 19349663) ^ _low_bits(z * 83492791)
    moved = np.empty_like(h)  # new memory costs more than what is done in it
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):  # lowbias32, Chris Wellons 2018
        h ^= np.right_shift(h, shift, out=moved)
        h *= np.uint32(factor)
    h ^= np.right_shift(h, 16, out=moved)
    return h


def _low_bits(x: I64) -> U32:
    return x.astype(np.uint32)


def blob(
    grid: Drawing,
    centre: Voxel,
    radius: tuple[float, float, float],
    materials: tuple[int, ...],
    density: float,
    seed: int,
) -> None:
    """Foliage: a ragged ball in air only, lumps of a metre mixing its materials, `density` of its voxels present."""
    reach = tuple(math.ceil(r * 1.2) for r in radius)
    low = (centre[0] - reach[0], centre[1] - reach[1], centre[2] - reach[2])
    some = np.asarray(materials, np.uint8)
    for window, voxels in parts_of(grid, low, (centre[0] + reach[0], centre[1] + reach[1], centre[2] + reach[2])):
        far = _far(*((s.start - c, s.stop - c, r) for s, c, r in zip(window, centre, radius, strict=True)))
        # 0.75 m lumps push the surface in and out. All that is the same over a lump is worked out once for it.
        inside = far <= _spread(0.8 + 0.4 * _lumps(window, 3, seed), window, 3)
        inside &= voxels == AIR
        if (limit := math.ceil(density * 2.0**32)) < 2**32:
            inside &= _hash_bits(*_places(window, 1), seed + 1) < np.uint32(limit)
        which = some[(_lumps(window, 2, seed + 2) * len(some)).astype(np.int64)]
        voxels |= _spread(which, window, 2) * inside  # in air, which is 0: three times as fast as to copy where inside


@lru_cache(8)  # trees are many and alike; one holds at most about SLAB numbers
def _far(*axes: tuple[int, int, float]) -> F64:
    """[n, m, k] how far voxel centres lie from a corner of the grid, in radii; an axis is (first, end, radius)."""
    x, y, z = (((np.arange(low, high) + 0.5) / radius) ** 2 for low, high, radius in axes)
    far = np.sqrt(x[:, None, None] + y[:, None] + z)
    far.setflags(write=False)
    return np.asarray(far)


def _places(window: Window, edge: int) -> tuple[I64, I64, I64]:
    """Which lumps of edge^3 voxels a window touches, one broadcastable array for each axis."""
    x, y, z = (np.arange(s.start // edge, (s.stop - 1) // edge + 1, dtype=np.int64) for s in window)
    return x[:, None, None], y[None, :, None], z[None, None, :]


def _lumps(window: Window, edge: int, seed: int) -> F64:
    """`hash_of_place` of the lumps of edge^3 voxels that a window touches."""
    return hash_of_place(*_places(window, edge), seed)


def _spread(lumps: NDArray[Some], window: Window, edge: int) -> NDArray[Some]:
    """What lumps of edge^3 voxels have, for every voxel of a window."""
    for axis in (2, 1, 0):  # the most is copied at last, whole planes at once
        s = window[axis]
        lumps = lumps.take(np.arange(s.start, s.stop) // edge - s.start // edge, axis)
    return lumps


def weather(grid: Drawing, low: Voxel, high: Voxel, old: int, new: int, amount: float, seed: int) -> None:
    """Turns a share of one material into another, in patches: worn plaster, moss between stones."""
    for window, voxels in parts_of(grid, low, high):
        patch = _spread(0.6 * _lumps(window, 3, seed), window, 3) + 0.4 * _lumps(window, 1, seed + 1)
        np.copyto(voxels, np.uint8(new), where=(voxels == old) & (patch < amount))
