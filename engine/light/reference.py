"""The slow reference of decoding: light worked out at the pixel itself, with nothing kept, beside light read from
pages.

What pages approximate by one texel per voxel face (four for lamps), 128 or 256 rays, a network and a bilinear filter,
`pixel_light` does for every single point with thousands of rays and no network.
"""

import math

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from engine.core.units import BRICK, VOXELS_PER_M
from engine.light import pages
from engine.light.cache import LightCache
from engine.light.faces import page_key, texel_at
from engine.light.keeping import unpack
from engine.light.lamps import point_factor
from engine.light.skylight import sky_towards
from engine.light.trace import NOTHING, first_hit
from engine.view import View

F32 = NDArray[np.float32]
LAMP_RAYS = 64


@njit(parallel=True, cache=True)
def _gather_at(
    voxels, faces, radiance, point, side, rays, sun, zenith, horizon, glow, ground, e
):  # fmt: skip
    """Indirect e [n, 3] at points [n, 3] of faces: the plain mean over `rays` rays by the cosine law."""
    shape = voxels.material.shape
    for i in prange(len(point)):
        axis, sign = side[i] // 2, 1.0 - 2.0 * (side[i] % 2)
        u, v = (axis + 1) % 3, (axis + 2) % 3
        origin, d, light = point[i].copy(), np.empty(3, np.float64), np.empty(3, np.float32)
        origin[axis] += 1e-3 * sign
        e[i] = 0.0
        for k in range(rays):
            r2 = (k + 0.5) / rays
            angle = 2.0 * math.pi * ((k * 0.6180339887498949) % 1.0)
            d[u], d[v] = math.sqrt(r2) * math.cos(angle), math.sqrt(r2) * math.sin(angle)
            d[axis] = sign * math.sqrt(1.0 - r2)
            _, face, x, y, z = first_hit(voxels, origin[0], origin[1], origin[2], d[0], d[1], d[2], 1e4)
            if face == NOTHING:
                sky_towards(
                    np.float32(d[0]), np.float32(d[1]), np.float32(d[2]), sun, zenith, horizon, glow, ground, light
                )
            elif face >= 0:
                t = texel_at(faces, x, y, z, face, shape[1] >> 3, shape[2] >> 3)
                if t < 0:
                    continue
                light[0], light[1], light[2] = unpack(radiance[t])
            else:
                continue
            for c in range(3):
                e[i, c] += light[c] / rays


def pixel_light(
    cache: LightCache, view: View, point: NDArray[np.float64], side: NDArray[np.int64], rays: int = 4096
) -> F32:
    """e [n, 3] (indirect and lamps) at points [n, 3] metres on voxel faces looking to `side` [n]."""
    transport, shapes, sky = cache.transport, cache.lamp_shapes, view.sky
    factor, corner, buffer = np.empty(6), np.empty((4, 3)), np.empty((10, 3))
    e = np.zeros((len(point), 3), np.float32)
    _gather_at(
        transport.voxels, transport.surface.faces, cache.radiance, point, side,
        rays, sky.sun_direction, sky.zenith, sky.horizon, sky.glow, sky.ground, e,
    )  # fmt: skip
    for i, (p, s) in enumerate(zip(point, side.tolist(), strict=True)):
        normal = np.zeros(3)
        normal[s // 2] = 1 - 2 * (s % 2)
        for lamp, radiance in enumerate(view.lamps.radiance):
            if radiance.any() and math.dist(p, (shapes.low[lamp] + shapes.high[lamp]) / 2) < shapes.reach[lamp]:
                (px, py, pz), (nx, ny, nz) = p.tolist(), normal.tolist()
                f, glow = point_factor(
                    transport.voxels, cache.furniture, px, py, pz, nx, ny, nz, shapes, lamp, LAMP_RAYS,
                    factor, corner, buffer,
                )  # fmt: skip
                e[i] += (np.float32(f) + np.float32(glow) * shapes.tint[lamp]) * radiance
    return e


def page_light(cache: LightCache, point: NDArray[np.float64], side: NDArray[np.int64]) -> F32:
    """e [n, 3] at the same points, read from the pages as the resolve shader reads them. Pages must be decoded."""
    e = np.zeros((len(point), 3), np.float32)
    for i, (p, s) in enumerate(zip(point, side.tolist(), strict=True)):
        axis, sign = s // 2, 1 - 2 * (s % 2)
        inside = p.copy()
        inside[axis] -= 0.01 * sign
        voxel = np.floor(inside * VOXELS_PER_M).astype(np.int64)
        _, ny, nz = cache.transport.surface.n_bricks
        key = page_key(voxel[0], voxel[1], voxel[2], s, ny, nz)
        slot = int(cache.slots(np.array([key], np.int32))[0])
        u, v = (axis + 1) % 3, (axis + 2) % 3
        at = np.array(
            [p[v] * VOXELS_PER_M - voxel[v] // BRICK * BRICK, p[u] * VOXELS_PER_M - voxel[u] // BRICK * BRICK]
        )
        band, column = slot // pages.SLOTS_PER_BAND, slot % pages.SLOTS_PER_BAND
        page = cache.atlas[band, :, column * pages.PAGE_PX : (column + 1) * pages.PAGE_PX]
        e[i] = _bilinear(page, 1 + 2 * at - 0.5)
    return e


def _bilinear(page: F32, at: NDArray[np.float64]) -> F32:
    """Colour over validity of a page [size, size, 4] at (v, u) in texels from the first texel's centre."""
    v, u = (int(math.floor(x)) for x in at)
    fv, fu = at[0] - v, at[1] - u
    texel = (1 - fv) * ((1 - fu) * page[v, u] + fu * page[v, u + 1]) + fv * (
        (1 - fu) * page[v + 1, u] + fu * page[v + 1, u + 1]
    )
    return np.asarray(texel[:3] / max(texel[3], 1e-6), np.float32)
