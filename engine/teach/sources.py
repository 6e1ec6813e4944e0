"""Where the error of a picture comes from: its squared error, shared out among causes that can be told from geometry.

A pixel belongs to the first cause in the order of CAUSES that holds for it; a cause is a guess from where the pixel
lies, not a proof. Pixels that are the same in all pictures by construction have no error and still count as pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from engine.core.rotations import matrices
from engine.core.units import VOXEL_M, VOXELS_PER_M
from engine.light.trace import NOTHING, Voxels, first_hit, is_clear, voxels_of
from engine.raster.gbuffer import GBufferArrays
from engine.view import View

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Bool = NDArray[np.bool_]

CAUSES = {
    "edges": "depth or normal jumps within 1 px",
    "bodies": "people, lanterns and other bodies",
    "near bodies": "within 0.5 m of a body",
    "sun borders": "the sun's shadow ends within 2 px",
    "glossy": "materials with a specular lobe",
    "contact": "within 0.5 m of a concave corner",
    "lamp light": "lamps' direct light is more than half of what arrives",
    "rest": "everything else: bounced light and the sky",
}
NEAR_M = 0.5  # how far contact and bodies reach
EDGE_PX, BORDER_PX = 1, 2
EDGE_DEPTH = 0.05  # depth jumps by this share of the depth, beyond what the surface's slope explains
EDGE_COSINE = 0.9  # of the angle between the normals of two pixels at an edge
LIFT_M = 1e-3  # how far before the surface its rays start


@dataclass(frozen=True)
class Share:
    """What one cause has of the error."""

    cause: str
    error: float  # share of the total squared error, 0..1
    pixels: float  # share of the pixels, 0..1
    rmse: float  # root mean squared error of its pixels, sRGB 0..1


def causes(view: View, seen: GBufferArrays, picture: F32) -> NDArray[np.int64]:
    """The cause that each pixel belongs to: [H, W], index into CAUSES.

    `picture` is the linear radiance [H, W, 3] that the lamps' direct light is compared with.
    """
    height, width = seen.depth.shape
    hit = np.isfinite(seen.depth)
    depth = np.where(hit, seen.depth, 0.0)
    place = np.asarray(view.camera.position) + depth[..., None] * view.camera.rays(width, height)
    voxels = voxels_of(view.voxels.material)
    lifted = place + LIFT_M * seen.normal
    found = {
        "edges": near(_edges(seen), EDGE_PX),
        "bodies": seen.entity >= 0,
        "near bodies": hit & _near_bodies(view, place),
        "sun borders": hit & _sun_borders(view, voxels, lifted, seen.normal),
        "glossy": hit & view.materials.glossy[seen.material],
        "contact": hit & (seen.entity < 0) & _contact(view.voxels.material, place, seen.normal),
        "lamp light": hit & _lamp_lit(view, voxels, lifted, seen, picture),
        "rest": np.ones_like(hit),
    }
    cause = np.full(hit.shape, -1, np.int64)
    for index, name in enumerate(CAUSES):
        cause[(cause < 0) & found[name]] = index
    return cause


def shares(parts: Sequence[tuple[NDArray[np.int64], F32]]) -> list[Share]:
    """All causes, the worst first, over pictures given as (cause [H, W], squared error [H, W])."""
    n = len(CAUSES)
    error, pixels = np.zeros(n), np.zeros(n)
    for cause, squared in parts:
        error += np.bincount(cause.ravel(), squared.ravel().astype(np.float64), n)
        pixels += np.bincount(cause.ravel(), minlength=n)
    rmse = np.sqrt(error / np.maximum(pixels, 1))
    error, pixels = error / max(error.sum(), 1e-30), pixels / max(pixels.sum(), 1)
    found = [
        Share(name, float(e), float(p), float(r)) for name, e, p, r in zip(CAUSES, error, pixels, rmse, strict=True)
    ]
    return sorted(found, key=lambda share: -share.error)


def near(mask: Bool, reach_px: int) -> Bool:
    """Whether any pixel of a square of `reach_px` around it is in the mask: [H, W]."""
    height, width = mask.shape
    padded = np.pad(mask, reach_px)
    out = np.zeros_like(mask)
    for dy in range(2 * reach_px + 1):
        for dx in range(2 * reach_px + 1):
            out |= padded[dy : dy + height, dx : dx + width]
    return out


def _edges(seen: GBufferArrays) -> Bool:
    """Pixels that differ from a neighbour by a fold, or by a depth that the two surfaces' planes do not explain."""
    out = np.zeros(seen.depth.shape, np.bool_)
    depth = np.where(np.isfinite(seen.depth), seen.depth, 1e6)
    for axis in (0, 1):
        one = (slice(None, -1), slice(None)) if axis == 0 else (slice(None), slice(None, -1))
        two = (slice(1, None), slice(None)) if axis == 0 else (slice(None), slice(1, None))
        fold = (seen.normal[one] * seen.normal[two]).sum(-1) < EDGE_COSINE
        fold &= (depth[one] < 1e6) & (depth[two] < 1e6)
        # 1 / depth is linear over a plane on the screen: its second difference shows a jump at any slant.
        inverse = 1.0 / depth
        second = np.abs(np.diff(inverse, 2, axis))
        least = np.minimum(inverse[one], inverse[two])
        before = np.pad(second, [(1, 0) if a == axis else (0, 0) for a in (0, 1)], constant_values=0.0)
        after = np.pad(second, [(0, 1) if a == axis else (0, 0) for a in (0, 1)], constant_values=0.0)
        jump = np.minimum(before, after) > EDGE_DEPTH * np.maximum(least, 1e-6)
        different = fold | jump | (seen.entity[one] != seen.entity[two])
        out[one] |= different
        out[two] |= different
    return out


def _near_bodies(view: View, place: F64) -> Bool:
    """Pixels within NEAR_M of the box of any part of a body: [H, W]."""
    out = np.zeros(place.shape[:2], np.bool_)
    points = place.reshape(-1, 3)
    flat = out.reshape(-1)
    for kind, at, turn in zip(view.bodies.prefab, view.bodies.position, view.bodies.orientation, strict=True):
        prefab = view.prefabs[int(kind)]
        if not len(prefab.part_low):
            continue
        away = points - at
        corners = np.abs(np.concatenate([prefab.part_low, prefab.part_high]))
        close = np.flatnonzero((away**2).sum(1) < (float(np.linalg.norm(corners.max(0))) + NEAR_M) ** 2)
        local = away[close] @ matrices(turn)
        for low, high in zip(prefab.part_low, prefab.part_high, strict=True):
            gap = np.maximum(np.maximum(low - local, local - high), 0.0)
            flat[close] |= (gap**2).sum(1) < NEAR_M**2
    return out


def _sun_borders(view: View, voxels: Voxels, lifted: F64, normal: F32) -> Bool:
    """Pixels near which the sun's direct light begins or ends, by rays through the voxels (bodies throw none here)."""
    if not view.sky.sun.any():
        return np.zeros(lifted.shape[:2], np.bool_)
    towards = np.asarray(view.sky.sun_direction, np.float64)
    lit = np.zeros(lifted.shape[:2], np.bool_)
    _sunlit(voxels, lifted.reshape(-1, 3), normal.reshape(-1, 3), towards, lit.reshape(-1))
    return np.asarray(near(lit, BORDER_PX) & near(~lit, BORDER_PX))


def _contact(grid: NDArray[np.uint8], place: F64, normal: F32) -> Bool:
    """Pixels of voxel faces that have something solid before them within NEAR_M: [H, W]."""
    padded = np.pad(grid != 0, 4)  # so that every cell looked at is inside
    air = place + 0.5 * VOXEL_M * normal
    cell = np.clip(np.floor(air * VOXELS_PER_M).astype(np.int64), -1, np.asarray(grid.shape))
    out = np.zeros(place.shape[:2], np.bool_)
    reach = int(np.ceil(NEAR_M / VOXEL_M))
    steps = range(-reach, reach + 1)
    for step in ((x, y, z) for x in steps for y in steps for z in steps):
        before = normal @ np.asarray(step, np.float64) > -0.5  # not the layer of the surface itself, nor behind it
        there = cell + np.asarray(step)
        low = there * VOXEL_M
        gap = np.maximum(np.maximum(low - place, place - low - VOXEL_M), 0.0)
        x, y, z = np.moveaxis(there + 4, -1, 0)
        out |= before & padded[x, y, z] & ((gap**2).sum(-1) < NEAR_M**2)
    return out


def _lamp_lit(view: View, voxels: Voxels, lifted: F64, seen: GBufferArrays, picture: F32) -> Bool:
    """Pixels where lamps, taken as points with one shadow ray each, give more than half of the light: [H, W]."""
    lamps = view.lamps
    lit = np.flatnonzero(lamps.radiance.max(-1, initial=0.0) > 0)
    e = np.zeros(seen.depth.size, np.float64)
    size = lamps.size[lit].astype(np.float64)
    # A convex body of surface S shows S / 4 on average: e = L S / (4 pi d^2).
    surface = 2 * (size[:, 0] * size[:, 1] + size[:, 1] * size[:, 2] + size[:, 2] * size[:, 0])
    power = lamps.radiance[lit].mean(-1).astype(np.float64) * surface / (4 * np.pi)
    centre = lamps.centre[lit].astype(np.float64)
    _lamp_light(voxels, lifted.reshape(-1, 3), seen.normal.reshape(-1, 3), centre, size.max(-1, initial=0.0), power, e)
    albedo = np.maximum(seen.albedo, 1e-3)
    arrives = (picture / albedo).mean(-1)
    return np.asarray(e.reshape(seen.depth.shape) > 0.5 * np.maximum(arrives, 1e-6))


@njit(parallel=True, cache=True)
def _sunlit(voxels, place, normal, towards, lit):  # type: ignore[no-untyped-def]
    for i in prange(len(place)):
        if normal[i, 0] * towards[0] + normal[i, 1] * towards[1] + normal[i, 2] * towards[2] <= 0.0:
            continue
        _, side, _, _, _ = first_hit(
            voxels, place[i, 0], place[i, 1], place[i, 2], towards[0], towards[1], towards[2], 1e4
        )
        lit[i] = side == NOTHING


@njit(parallel=True, cache=True)
def _lamp_light(voxels, place, normal, centre, size, power, e):  # type: ignore[no-untyped-def]
    for i in prange(len(place)):
        px, py, pz = place[i, 0], place[i, 1], place[i, 2]
        for lamp in range(len(power)):
            x, y, z = centre[lamp, 0] - px, centre[lamp, 1] - py, centre[lamp, 2] - pz
            d2 = x * x + y * y + z * z
            facing = (x * normal[i, 0] + y * normal[i, 1] + z * normal[i, 2]) / np.sqrt(d2 + 1e-12)
            strength = power[lamp] * facing / max(d2, 0.25 * size[lamp] * size[lamp])
            if strength > 1e-4 and is_clear(
                voxels, px, py, pz, centre[lamp, 0], centre[lamp, 1], centre[lamp, 2], 0.5 * size[lamp]
            ):
                e[i] += strength
