"""The slow reference of decoding: light worked out at the pixel itself, with nothing kept, beside light read from
pages.

What pages approximate by one texel per voxel face (four for lamps) and a bilinear filter, `pixel_light` does for
every single point.
"""

import math

import numpy as np
from numpy.typing import NDArray

from engine.core.units import BRICK, VOXELS_PER_M
from engine.light import decode, pages
from engine.light.cache import LightCache
from engine.light.lamps import point_factor
from engine.light.surface import page_key

F32 = NDArray[np.float32]
RAY_SHIFT = 0.37


def pixel_light(cache: LightCache, lamp_radiance: F32, point: NDArray[np.float64], side: NDArray[np.int64]) -> F32:
    """e [n, 3] (indirect and lamps) at points [n, 3] metres on voxel faces looking to `side` [n]."""
    transport, network = cache.transport, cache.network
    probes, shapes = transport.probes, cache.lamp_shapes
    latent = cache.latents()
    factor, corner, buffer = np.empty(6), np.empty((4, 3)), np.empty((10, 3))
    e = np.zeros((len(point), 3), np.float32)
    for i, (p, s) in enumerate(zip(point, side.tolist(), strict=True)):
        axis, sign = s // 2, 1 - 2 * (s % 2)
        normal = np.zeros(3)
        normal[axis] = sign
        px, py, pz = p.tolist()
        nx, ny, nz = normal.tolist()
        x, y, z = np.floor((p - 0.01 * normal) * VOXELS_PER_M).astype(np.int64).tolist()
        index, weight = np.zeros(8, np.int32), np.zeros(8, np.float32)
        decode.probe_weights(
            transport.voxels, probes.probe_of_cell, probes.position, px, py, pz, nx, ny, nz, index, weight
        )
        patch = np.zeros(decode.PATCH, np.float32)
        decode.occupancy_patch(transport.grid, x, y, z, s, patch)
        world_side = [decode.local_side(axis, sign, f) for f in range(6)]
        clearance = weight @ probes.clearance[index][:, world_side]
        away = weight @ (probes.position[index] - p) * (weight.sum() > 0)
        offset = np.array([away[(axis + 1) % 3], away[(axis + 2) % 3], away[axis] * sign], np.float32)
        gain = network.forward(patch[None], clearance[None], offset[None])[0].reshape(6, 3)
        gain[4, 0] += 1
        mixed = np.einsum("j,jfkc->fkc", weight, latent[index][:, world_side])
        e[i] = np.maximum(np.einsum("fk,fkc->c", gain, mixed), 0.0)
        for lamp, radiance in enumerate(lamp_radiance):
            if radiance.any() and math.dist(p, (shapes.low[lamp] + shapes.high[lamp]) / 2) < shapes.reach[lamp]:
                f = point_factor(
                    transport.voxels, px, py, pz, nx, ny, nz, shapes, lamp, RAY_SHIFT, factor, corner, buffer
                )
                e[i] += np.float32(f) * radiance
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
        slot = int(cache.page_table[page_key(voxel[0], voxel[1], voxel[2], s, ny, nz)])
        u, v = (axis + 1) % 3, (axis + 2) % 3
        at = np.array(
            [p[v] * VOXELS_PER_M - voxel[v] // BRICK * BRICK, p[u] * VOXELS_PER_M - voxel[u] // BRICK * BRICK]
        )
        band, column = slot // pages.SLOTS_PER_BAND, slot % pages.SLOTS_PER_BAND
        for atlas, size, scale in ((cache.indirect, pages.INDIRECT_PX, 1), (cache.lamp, pages.LAMP_PX, 2)):
            page = atlas[band, :, column * size : (column + 1) * size]
            e[i] += _bilinear(page, 1 + scale * at - 0.5)
    return e


def _bilinear(page: F32, at: NDArray[np.float64]) -> F32:
    """Colour over validity of a page [size, size, 4] at (v, u) in texels from the first texel's centre."""
    v, u = (int(math.floor(x)) for x in at)
    fv, fu = at[0] - v, at[1] - u
    texel = (1 - fv) * ((1 - fu) * page[v, u] + fu * page[v, u + 1]) + fv * (
        (1 - fu) * page[v + 1, u] + fu * page[v + 1, u + 1]
    )
    return np.asarray(texel[:3] / max(texel[3], 1e-6), np.float32)
