"""What each channel means, by casting one exact ray per pixel in numpy. Slow; for tests and for judging the fast path.

Static faces come from walking the voxel grid (Amanatides and Woo, "A Fast Voxel Traversal Algorithm", 1987), bodies
from intersecting every triangle (Moeller and Trumbore, 1997). What the OpenGL passes add to this is rounding and
edges only.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.core.units import BRICK, VOXEL_M
from engine.raster import patterns
from engine.raster.bodies import PosedBodies, pose
from engine.raster.gbuffer import GBufferArrays
from engine.raster.visibility import clip_from_world
from engine.state.blueprint import Materials
from engine.state.camera import Camera
from engine.view import SkyView, View, sky_radiance

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I64 = NDArray[np.int64]


@dataclass(frozen=True)
class VoxelHits:
    """Where rays first meet a voxel."""

    distance: F64  # [N] in lengths of the direction; inf where nothing was hit
    voxel: I64  # [N, 3]
    side: I64  # [N] 0..5, -1 where nothing was hit


def cast_voxels(material: NDArray[np.uint8], origin: F64, direction: F64) -> VoxelHits:
    """Walk rays with directions [N, 3] (of any length) from `origin` [3] or [N, 3] (metres) through the grid.

    A voxel that holds the origin is not hit.
    """
    n, size = len(direction), np.array(material.shape)
    safe = np.where(np.abs(direction) < 1e-12, 1e-12, direction)
    slabs = np.stack([-origin / safe, (size * VOXEL_M - origin) / safe])
    near, far = slabs.min(0), slabs.max(0)
    start = np.maximum(near.max(1), 0.0)
    alive = start < far.min(1)
    inside = origin + direction * (start + 1e-9)[:, None]
    cell = np.clip(np.floor(inside / VOXEL_M).astype(np.int64), 0, size - 1)
    step = np.where(safe > 0, 1, -1)
    crossing = (
        (cell + (step > 0)) * VOXEL_M - origin
    ) / safe  # distance at which the ray leaves its cell along each axis
    axis = np.where(start > 0, near.argmax(1), -1)
    at = start.copy()
    distance, side, voxel = np.full(n, np.inf), np.full(n, -1), np.zeros((n, 3), np.int64)
    rows = np.flatnonzero(alive)
    while len(rows):
        c = cell[rows]
        filled = (material[c[:, 0], c[:, 1], c[:, 2]] != 0) & (axis[rows] >= 0)
        hit = rows[filled]
        distance[hit], voxel[hit] = at[hit], cell[hit]
        side[hit] = 2 * axis[hit] + (step[hit, axis[hit]] > 0)
        rows = rows[~filled]
        nearest = crossing[rows].argmin(1)
        at[rows], axis[rows] = crossing[rows, nearest], nearest
        cell[rows, nearest] += step[rows, nearest]
        crossing[rows, nearest] += VOXEL_M / np.abs(safe[rows, nearest])
        rows = rows[((cell[rows] >= 0) & (cell[rows] < size)).all(1)]
    return VoxelHits(distance, voxel, side)


def cast_triangles(posed: PosedBodies, origin: F64, direction: F64, front_only: bool = True) -> tuple[F64, I64, F64]:
    """Nearest triangle met by rays [N, 3]: distance [N] (inf: none), triangle [N], weights of its corners [N, 3]."""
    n = len(direction)
    distance, triangle, weights = np.full(n, np.inf), np.full(n, -1), np.zeros((n, 3))
    corner = posed.position.astype(np.float64)
    origins = np.broadcast_to(origin, direction.shape)
    for index, (a, b, c) in enumerate(posed.triangles):
        e1, e2 = corner[b] - corner[a], corner[c] - corner[a]
        p = np.cross(direction, e2)
        det = p @ e1
        usable = det > 1e-12 if front_only else np.abs(det) > 1e-12
        inverse = 1.0 / np.where(usable, det, 1.0)
        to = origins - corner[a]
        u = (to * p).sum(1) * inverse
        q = np.cross(to, e1)
        v = (direction * q).sum(1) * inverse
        t = (q @ e2) * inverse
        hit = usable & (u >= 0) & (v >= 0) & (u + v <= 1) & (t > 1e-9) & (t < distance)
        distance[hit], triangle[hit] = t[hit], index
        weights[hit] = np.stack([1 - u[hit] - v[hit], u[hit], v[hit]], 1)
    return distance, triangle, weights


def channels(view: View, size_px: tuple[int, int], body_light: F32 | None = None) -> GBufferArrays:
    """The G-buffer of a view; `body_light` is e [V, 3] at the vertices of `pose(view)`, None for none."""
    width, height = size_px
    n = width * height
    camera, posed = view.camera, pose(view)
    eye, rays = np.asarray(camera.position), view.camera.rays(width, height).reshape(-1, 3)
    static = cast_voxels(view.voxels.material, eye, rays)
    body_at, triangle, weights = cast_triangles(posed, eye, rays)
    of_body = body_at < static.distance
    of_voxel = ~of_body & (static.side >= 0)
    depth = np.minimum(static.distance, body_at)
    place = eye + rays * np.where(np.isfinite(depth), depth, 0.0)[:, None]
    before, normal, e = place.copy(), np.zeros((n, 3)), np.zeros((n, 3))
    material, entity, page = np.zeros(n, np.uint8), np.full(n, -1), np.full(n, -1)

    x, y, z = static.voxel[of_voxel].T
    side = static.side[of_voxel]
    material[of_voxel] = view.voxels.material[x, y, z]
    normal[np.flatnonzero(of_voxel), side // 2] = 1 - 2 * (side % 2)
    _, by, bz = (s // BRICK for s in view.voxels.material.shape)
    brick = (x // BRICK * by + y // BRICK) * bz + z // BRICK
    page[of_voxel] = brick * 48 + side * 8 + static.voxel[of_voxel][np.arange(len(side)), side // 2] % BRICK

    rows = np.flatnonzero(of_body)
    corner, share = posed.triangles[triangle[rows]], weights[rows][..., None]
    before[rows] = (posed.previous_position[corner] * share).sum(1)
    turned = (posed.normal[corner] * share).sum(1)
    normal[rows] = turned / np.linalg.norm(turned, axis=1, keepdims=True)
    material[rows], entity[rows] = posed.material[corner[:, 0]], posed.entity[corner[:, 0]]
    if body_light is not None:
        e[rows] = (body_light[corner] * share).sum(1)

    clip = clip_from_world(view.previous_camera, width / height)
    was = before @ clip[[0, 1, 3], :3].T + clip[[0, 1, 3], 3]
    was_px = (was[:, :2] / np.maximum(was[:, 2:], 1e-3) * 0.5 + 0.5) * np.array([width, height])
    row, column = np.divmod(np.arange(n), width)
    motion = np.stack([column + 0.5, row + 0.5], 1) - was_px
    seen = of_body | of_voxel
    albedo = view.materials.albedo[material].astype(np.float64)
    slant = np.abs((rays[of_voxel] * normal[of_voxel]).sum(1)) / np.linalg.norm(rays[of_voxel], axis=1)
    pixel_m = 2.0 * math.tan(camera.fov_y / 2) / height
    if of_body.any():
        skinned = np.flatnonzero(of_body)[posed.dress.has_skin[posed.body[posed.triangles[triangle[of_body], 0]]]]
        albedo[skinned] = _skin_albedo(posed, triangle[skinned], weights[skinned])
    albedo[of_voxel] *= pattern_factor(
        view.materials, material[of_voxel], place[of_voxel], side // 2, depth[of_voxel] * pixel_m, slant
    )
    return GBufferArrays(
        albedo=np.where(seen[:, None], np.clip(albedo, 0, 1), 0).reshape(height, width, 3).astype(np.float32),
        normal=normal.reshape(height, width, 3).astype(np.float32),
        depth=depth.reshape(height, width).astype(np.float32),
        motion=np.where(seen[:, None], motion, 0).reshape(height, width, 2).astype(np.float32),
        entity=entity.reshape(height, width).astype(np.int64),
        material=material.reshape(height, width),
        page=page.reshape(height, width).astype(np.int64),
        body_light=e.reshape(height, width, 3).astype(np.float32),
    )


def _skin_albedo(posed: PosedBodies, triangle: I64, weights: F64) -> F64:
    """Albedo [n, 3] of bodies with skins: tint times picture, filtered in linear light, on its finest level."""
    corner, dress = posed.triangles[triangle], posed.dress
    uv, out = (dress.uv[corner] * weights[..., None]).sum(1), (dress.tint[corner] * weights[..., None]).sum(1)
    for body, coat in dress.coats:
        mine = np.flatnonzero(posed.body[posed.triangles[:, 0]] == body)
        first = int(mine[0]) if len(mine) else 0
        rows = np.flatnonzero((triangle >= first + coat.first) & (triangle < first + coat.last))
        if coat.picture is None or not len(rows):
            continue
        c = coat.picture.rgba[..., :3] / 255.0
        linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
        size = np.array(linear.shape[1::-1])
        at = uv[rows] * size - 0.5
        low = np.floor(at).astype(np.int64)
        share = at - low
        value = np.zeros((len(rows), 3))
        for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
            texel = low + (dx, dy)
            texel = np.where(coat.picture.repeats, texel % size, np.clip(texel, 0, size - 1))
            weight = np.abs(1 - dx - share[:, 0]) * np.abs(1 - dy - share[:, 1])
            value += weight[:, None] * linear[texel[:, 1], texel[:, 0]]
        out[rows] *= value
    return np.asarray(out, np.float64)


def pattern_factor(
    materials: Materials, material: NDArray[np.uint8], place: F64, axis: I64, pixel_m: F64, slant: F64
) -> F64:
    """Factor on the albedo [N, 3] of faces across `axis` at `place` (metres).

    `pixel_m` is the width of a pixel there, `slant` the cosine under which it is seen.
    """
    layer = materials.pattern[material]
    u, v = np.where(axis == 0, place[:, 1], place[:, 0]), np.where(axis == 2, place[:, 1], place[:, 2])
    scale = materials.pattern_scale[material].astype(np.float64)
    shift = materials.pattern_shift[material].astype(np.float64)
    u, v = u / scale + shift, v / scale + shift * patterns.SHIFT_V
    wanted = pixel_m / np.sqrt(np.maximum(slant, 0.02)) * (patterns.TEXELS / (patterns.PATTERN_M * scale))
    level = np.maximum(np.round(np.log2(wanted)), 0).astype(np.int64)
    out = np.ones((len(place), 3))
    for index, texels in enumerate(patterns.pattern_levels()):
        rows = np.flatnonzero((level == index) & (layer > 0))
        n = texels.shape[1]
        x, y = u[rows] / patterns.PATTERN_M % 1.0 * n - 0.5, v[rows] / patterns.PATTERN_M % 1.0 * n - 0.5
        x0, y0 = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
        fx, fy = (x - x0)[:, None], (y - y0)[:, None]
        four = [texels[layer[rows], (y0 + j) % n, (x0 + i) % n] for j in (0, 1) for i in (0, 1)]
        top, bottom = four[0] * (1 - fx) + four[1] * fx, four[2] * (1 - fx) + four[3] * fx
        out[rows] = (top * (1 - fy) + bottom * fy) / 127.5
    return out


def sunlight(view: View, arrays: GBufferArrays) -> F64:
    """e of direct sunlight [H, W, 3], by one exact shadow ray per pixel."""
    height, width = arrays.depth.shape
    seen = np.isfinite(arrays.depth).reshape(-1)
    rays = view.camera.rays(width, height).reshape(-1, 3)
    towards = np.asarray(view.sky.sun_direction, np.float64)
    facing = np.maximum(arrays.normal.reshape(-1, 3).astype(np.float64) @ towards, 0.0) * seen
    rows = np.flatnonzero(facing > 0)
    place = np.asarray(view.camera.position) + rays[rows] * arrays.depth.reshape(-1)[rows, None].astype(np.float64)
    place += 1e-3 * arrays.normal.reshape(-1, 3)[rows]
    direction = np.tile(towards, (len(rows), 1))
    free = ~np.isfinite(cast_voxels(view.voxels.material, place, direction).distance)
    free &= ~np.isfinite(cast_triangles(pose(view), place, direction, front_only=False)[0])
    amount = np.zeros(len(facing))
    amount[rows] = facing[rows] * free
    return (amount[:, None] * view.sky.sun).reshape(height, width, 3)


def sky_pixels(sky: SkyView, camera: Camera, size_px: tuple[int, int]) -> F32:
    """Radiance of the sky [H, W, 3] in every pixel, without disc and stars."""
    rays = camera.rays(*size_px)
    return sky_radiance(sky, (rays / np.linalg.norm(rays, axis=-1, keepdims=True)).astype(np.float32))


def tone(radiance: F32, exposure: float) -> F32:
    """Linear radiance to sRGB 0..1: srgb(1 - exp(-exposure * L)), IEC 61966-2-1."""
    c = 1.0 - np.exp(-exposure * np.maximum(radiance, 0.0))
    return np.where(c < 0.0031308, 12.92 * c, 1.055 * c ** (1 / 2.4) - 0.055).astype(np.float32)
