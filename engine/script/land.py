"""Land: columns of voxels up to a height that noise, roads and clearings decide. Coordinates are whole voxels."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.core.rng import stream_key, uniform
from engine.core.units import AIR
from engine.script.noise import fractal
from engine.state.bricks import Grid

I64 = NDArray[np.int64]
F64 = NDArray[np.float64]
Bool = NDArray[np.bool_]
Voxel = tuple[int, int, int]

TILE = 128  # columns along an edge of what is written at once
CRUST = 2  # voxels of the upper material
STEEP_RISE = 4  # voxels over four: 45 degrees
HEADROOM = 16  # voxels of air that are cleared above what is levelled
SMOOTHED = 24  # samples of a road, a voxel each, to either side, over which its height is averaged
SCATTER = stream_key("scatter")
TRIES = 6  # places tried for each that fits


def _tiles(low: Sequence[int], high: Sequence[int]) -> Iterator[tuple[slice, slice]]:
    for x in range(low[0] // TILE * TILE, high[0], TILE):
        for y in range(low[1] // TILE * TILE, high[1], TILE):
            yield slice(max(x, low[0]), min(x + TILE, high[0])), slice(max(y, low[1]), min(y + TILE, high[1]))


def raise_land(
    grid: Grid,
    low: Voxel,
    high: Voxel,
    lowest: int,
    materials: tuple[int, int, int],
    noise: tuple[int, float, int, float, bool],
) -> None:
    """Fills a box from below up to heights between `lowest` and its top. `materials`: crust, below it, steep slopes.

    `noise` is what `fractal` takes after the places.
    """
    crust, under, steep = materials
    for x, y in _tiles(low, high):
        # two columns more on every side, so that slopes do not depend on how the land is cut
        wide = [np.arange(s.start - 2, s.stop + 2, dtype=np.int64) for s in (x, y)]
        share = fractal(wide[0], wide[1], *noise)
        level = lowest + np.floor(share * (high[2] - lowest) + 0.5).astype(np.int64)
        rise_x, rise_y = np.abs(level[4:, 2:-2] - level[:-4, 2:-2]), np.abs(level[2:-2, 4:] - level[2:-2, :-4])
        level = level[2:-2, 2:-2]
        upper = np.where(np.maximum(rise_x, rise_y) >= STEEP_RISE, steep, crust).astype(np.uint8)
        full = max(int(level.min()) - CRUST, low[2])
        grid[x, y, low[2] : full] = under
        top = int(level.max())
        z = np.arange(full, top)
        before = grid[x, y, full:top]
        below = z < (level - CRUST)[..., None]
        made = np.where(below, np.uint8(under), upper[..., None])
        grid[x, y, full:top] = np.where(z < level[..., None], made, before)


def tops(grid: Grid, x: slice, y: slice) -> I64:
    """[n, m] the level of the ground of some columns: above their highest voxel, 0 where there is none."""
    solid = np.asarray(grid[x, y, :]) != AIR
    return np.where(solid.any(-1), solid.shape[2] - np.argmax(solid[..., ::-1], -1), 0).astype(np.int64)


def top(grid: Grid, x: int, y: int) -> tuple[int, int]:
    """The level of the ground of a column, and its material; (0, AIR) where there is none."""
    column = np.asarray(grid[x : x + 1, y : y + 1, :]).reshape(-1)
    solid = np.flatnonzero(column)
    return (int(solid[-1]) + 1, int(column[solid[-1]])) if len(solid) else (0, AIR)


def level(grid: Grid, x: slice, y: slice, wanted: F64, inside: Bool, touched: Bool, material: int | None) -> None:
    """Brings columns to a height [n, m]: what is above goes, what is missing is filled.

    `touched` columns change their height, `inside` ones get the material too, the others keep that of their ground.
    """
    if not touched.any():
        return
    before = tops(grid, x, y)
    to = np.clip(np.floor(wanted + 0.5).astype(np.int64), 1, grid.shape[2])
    low = max(0, int(np.minimum(before, to)[touched].min()) - CRUST)
    high = min(grid.shape[2], int(np.maximum(before, to)[touched].max()) + HEADROOM)
    part = np.asarray(grid[x, y, low:high])
    z = np.arange(low, high)
    at_top = np.clip(before - 1 - low, 0, high - low - 1)[..., None]
    own = np.take_along_axis(part, at_top, -1)
    new = own if material is None else np.where(inside[..., None], np.uint8(material), own)
    below = z < to[..., None]
    crust = below & (z >= (to - CRUST)[..., None])
    made = np.where(crust | (below & (part == AIR)), new, np.where(below, part, np.uint8(AIR)))
    grid[x, y, low:high] = np.where(touched[..., None], made, part)


def clearing(
    grid: Grid, centre: tuple[int, int], radius: float, blend: float, height: int, material: int | None
) -> None:
    """A level disc of ground; over `blend` voxels around it the land rises or falls to what it was."""
    reach = math.ceil(radius + blend)
    x, y = (slice(max(0, c - reach), min(n, c + reach)) for c, n in zip(centre, grid.shape, strict=False))
    if x.start >= x.stop or y.start >= y.stop:
        return
    far = _far(x, y, centre[0], centre[1])
    _blend(grid, x, y, np.full(far.shape, float(height)), far, radius, blend, material)


def _far(x: slice, y: slice, to_x: float, to_y: float) -> F64:
    dx, dy = np.arange(x.start, x.stop)[:, None] + 0.5 - to_x, np.arange(y.start, y.stop)[None, :] + 0.5 - to_y
    return np.sqrt(dx * dx + dy * dy)


def _blend(
    grid: Grid, x: slice, y: slice, height: F64, far: F64, radius: float, blend: float, material: int | None
) -> None:
    t = np.clip((far - radius) / blend, 0.0, 1.0) if blend > 1e-6 else (far > radius).astype(np.float64)
    t = t * t * (3.0 - 2.0 * t)
    ground = tops(grid, x, y)
    level(grid, x, y, height + (ground - height) * t, far <= radius, t < 1.0, material)


def strip(
    grid: Grid, points: Sequence[tuple[float, float]], width: float, blend: float, sink: int, falls: bool, material: int
) -> None:
    """A road or a river along points: its height is that of the ground, averaged along it, `sink` voxels lower.

    One that `falls` never rises from its beginning to its end.
    """
    samples = np.concatenate([_samples(a, b) for a, b in zip(points, points[1:], strict=False)])
    heights = np.array([top(grid, *_inside(grid, p))[0] for p in samples.tolist()], np.float64)
    heights = _averaged(heights) - sink
    if falls:
        heights = np.minimum.accumulate(heights)
    reach = width / 2 + blend
    low = np.floor(samples.min(0) - reach).astype(int)
    high = np.ceil(samples.max(0) + reach).astype(int)
    for x, y in _tiles(np.maximum(low, 0).tolist(), np.minimum(high, grid.shape[:2]).tolist()):
        near = (
            (samples[:, 0] > x.start - reach)
            & (samples[:, 0] < x.stop + reach)
            & (samples[:, 1] > y.start - reach)
            & (samples[:, 1] < y.stop + reach)
        )
        if not near.any():
            continue
        far = np.full((x.stop - x.start, y.stop - y.start), np.inf)
        height = np.zeros_like(far)
        for (px, py), h in zip(samples[near].tolist(), heights[near].tolist(), strict=True):
            i, j = (
                slice(max(math.floor(p - reach), s.start), min(math.ceil(p + reach), s.stop))
                for p, s in ((px, x), (py, y))
            )
            here = slice(i.start - x.start, i.stop - x.start), slice(j.start - y.start, j.stop - y.start)
            away = _far(i, j, px, py)
            closer = away < far[here]
            far[here], height[here] = np.where(closer, away, far[here]), np.where(closer, h, height[here])
        _blend(grid, x, y, height, far, width / 2, blend, material)


def _samples(a: tuple[float, float], b: tuple[float, float]) -> F64:
    """Points every voxel from a to b, [n, 2]."""
    n = max(1, math.ceil(math.sqrt((b[0] - a[0]) ** 2 + (b[1] - a[1]) ** 2)))
    t = np.arange(n + 1)[:, None] / n
    return np.asarray(np.array(a) + (np.array(b) - np.array(a)) * t)


def _inside(grid: Grid, p: Sequence[float]) -> tuple[int, int]:
    x, y = (min(max(math.floor(v), 0), n - 1) for v, n in zip(p, grid.shape, strict=False))
    return x, y


def _averaged(heights: F64) -> F64:
    """Running means over SMOOTHED samples to either side, fewer at the ends."""
    total = np.concatenate([[0.0], np.cumsum(heights)])
    at = np.arange(len(heights))
    low, high = np.maximum(at - SMOOTHED, 0), np.minimum(at + SMOOTHED + 1, len(heights))
    return np.asarray((total[high] - total[low]) / (high - low))


def scattered(
    grid: Grid,
    low: tuple[int, int],
    high: tuple[int, int],
    spacing: float,
    seed: int,
    on: frozenset[int] | None,
    most: int,
) -> list[Voxel]:
    """Places on the ground, at least `spacing` apart, in the order in which they were found; at most so many.

    `on` are the materials that the ground may have there.
    """
    width, depth = high[0] - low[0], high[1] - low[1]
    tries = tries_of(low, high, spacing)
    number = np.arange(tries, dtype=np.int64)
    xs = low[0] + np.floor(uniform(seed, 0, SCATTER, number) * width).astype(np.int64)
    ys = low[1] + np.floor(uniform(seed, 1, SCATTER, number) * depth).astype(np.int64)
    cell = max(1, math.floor(spacing))
    taken: dict[tuple[int, int], list[tuple[int, int]]] = {}
    found: list[Voxel] = []
    for x, y in zip(xs.tolist(), ys.tolist(), strict=True):
        i, j = x // cell, y // cell
        around = (p for a in range(i - 2, i + 3) for b in range(j - 2, j + 3) for p in taken.get((a, b), ()))
        if any((x - a) ** 2 + (y - b) ** 2 < spacing * spacing for a, b in around):
            continue
        height, material = top(grid, x, y)
        if material == AIR or (on is not None and material not in on):
            continue
        taken.setdefault((i, j), []).append((x, y))
        found.append((x, y, height))
        if len(found) == most:
            break
    return found


WORK_OF_TRY = 4096  # how many voxels could be written instead
WORK_OF_SAMPLE = 20_000


def tries_of(low: tuple[int, int], high: tuple[int, int], spacing: float) -> int:
    """How many places `scattered` looks at."""
    return 1 + math.ceil(TRIES * (high[0] - low[0]) * (high[1] - low[1]) / (spacing * spacing))
