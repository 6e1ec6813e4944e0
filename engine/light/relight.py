"""Relight: light travels along the kept transport. No ray is traced here but towards the sun.

Radiance of a texel = emission + albedo * (direct + indirect); indirect is gathered from the probes around it; a
probe's light is the cosine-weighted sum over its rays. Some passes from zero, the more the whiter the world, so a
picture depends on the state alone, never on the frames before. Every source enters one sum: light is linear.
"""

import math

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from engine.light.probes import share
from engine.light.surface import LEVELS, average_patches, face_centre
from engine.light.trace import NOTHING, crosses_box, first_hit
from engine.light.transport import Transport
from engine.view import SkyView

# Of the light in a closed room so much may be lost with the bounces not made. Interpolated probes gain 1 to 2 % with
# every bounce (the gallery: 5 % over the path tracer after 19): more passes are not nearer to the truth.
LEFT_OUT = 0.3
PASSES = (5, 24)  # least and most


@njit(cache=True)
def sky_towards(dx, dy, dz, sun, zenith, horizon, glow, ground, out):
    """`view.sky_radiance` for one direction."""
    if dz < 0.0:
        out[0], out[1], out[2] = ground[0], ground[1], ground[2]
        return
    root = np.sqrt(min(dz, np.float32(1.0)))
    towards = min(max(dx * sun[0] + dy * sun[1] + dz * sun[2], np.float32(0.0)), np.float32(1.0))
    t2 = towards * towards
    t8 = t2 * t2 * t2 * t2 * (1 - min(dz, np.float32(1.0)))
    for c in range(3):
        out[c] = horizon[c] + (zenith[c] - horizon[c]) * root + glow[c] * t8


@njit(parallel=True, cache=True)
def _sky_of_rays(direction, hit, sun, zenith, horizon, glow, ground, sky_side):
    """Sum of the sky's radiance along the rays that leave the world, by side: sky_side [P, 6, 3]."""
    for p in prange(len(hit)):
        sky = np.empty(3, np.float32)
        sky_side[p] = 0.0
        for k in range(hit.shape[1]):
            if hit[p, k] != -1:
                continue
            sky_towards(
                direction[p, k, 0],
                direction[p, k, 1],
                direction[p, k, 2],
                sun,
                zenith,
                horizon,
                glow,
                ground,
                sky,
            )
            for axis in range(3):
                d = direction[p, k, axis]
                side = 2 * axis
                if d < 0:
                    d = -d
                    side += 1
                for c in range(3):
                    sky_side[p, side, c] += d * sky[c]


@njit(parallel=True, cache=True)
def _probe_sides(direction, hit, level, cosine_sum, sky_side, texel_radiance, side_light):
    """Light of every probe by side: side_light [P, 6, 3]."""
    for p in prange(len(hit)):
        total = sky_side[p].copy()
        for k in range(hit.shape[1]):
            t = hit[p, k]
            if t < 0:
                continue
            for axis in range(3):
                d = direction[p, k, axis]
                side = 2 * axis
                if d < 0:
                    d = -d
                    side += 1
                for c in range(3):
                    total[side, c] += d * texel_radiance[t, level[p, k], c]
        for side in range(6):
            for c in range(3):
                side_light[p, side, c] = total[side, c] / max(cosine_sum[p, side], np.float32(1e-6))


@njit(parallel=True, cache=True)
def _texel_radiance(place, index, weight, material, albedo, emission, direct, side_light, texel_radiance):
    for t in prange(len(place)):
        side = place[t, 3]
        if side < 0:
            continue
        m = material[t]
        for c in range(3):
            gathered = np.float32(0.0)
            for j in range(8):
                w = weight[t, j]
                if w != 0.0:
                    gathered += w * side_light[index[t, j], side, c]
            texel_radiance[t, 0, c] = emission[m, c] + albedo[m, c] * (direct[t, c] + gathered)


@njit(parallel=True, cache=True)
def sun_visibility(voxels, place, sx, sy, sz, texels, visible):
    """Cosine times visibility of the sun at the centres of some texels, into visible [T]."""
    for i in prange(len(texels)):
        t = texels[i]
        p = np.empty(3, np.float64)
        axis, sign = face_centre(place, t, p)
        cosine = (sx if axis == 0 else (sy if axis == 1 else sz)) * sign
        visible[t] = 0.0
        if cosine <= 0.0:
            continue
        p[axis] += 1e-3 * sign
        _, side, _, _, _ = first_hit(voxels, p[0], p[1], p[2], sx, sy, sz, 1e4)
        if side == NOTHING:
            visible[t] = cosine


@njit(parallel=True, cache=True)
def sun_crosses(place, sx, sy, sz, low, high, dirty):
    """Marks the texels whose ray to the sun touches one of the boxes [n, 3] (metres)."""
    for t in prange(len(place)):
        if place[t, 3] < 0:
            continue
        p = np.empty(3, np.float64)
        face_centre(place, t, p)
        for b in range(len(low)):
            if crosses_box(p[0], p[1], p[2], sx, sy, sz, 1e4, low[b], high[b]):
                dirty[t] = True
                break


def passes_for(albedo: NDArray[np.float32]) -> int:
    """How often to gather in a world whose texels have albedos [n, 3]: enough for a room of the upper quartile's. Light
    has no part in it, so that sources add.
    """
    grey = albedo.mean(1)
    bright = float(np.partition(grey, 3 * len(grey) // 4)[3 * len(grey) // 4]) if len(grey) else 0.0
    wanted = math.ceil(math.log(LEFT_OUT) / math.log(min(max(bright, 1e-3), 0.999)))
    return min(max(wanted, PASSES[0]), PASSES[1])


class Relight:
    """Radiance on texels and rays for one state of the lights."""

    def __init__(self) -> None:
        self.side_light = np.zeros((0, 6, 3), np.float32)  # [P, 6, 3] e of each probe by side
        self.texel_radiance = np.zeros(
            (0, LEVELS, 3), np.float32
        )  # [T, 4, 3] of the texel, and means of patches around

    def run(
        self, transport: Transport, material: NDArray[np.uint8], albedo: NDArray[np.float32],
        emission: NDArray[np.float32], direct: NDArray[np.float32], sky: SkyView,
    ) -> None:  # fmt: skip
        """Gather from zero. `direct` [T, 3] is e from sun and lamps; `material` [T] indexes albedo [M,
        3].
        """
        probes, place = transport.probes, transport.surface.place
        index, weight = transport.index, transport.weight
        n_probes = len(probes.hit)
        self.side_light = np.zeros((n_probes, 6, 3), np.float32)
        self.texel_radiance = np.zeros((len(place), LEVELS, 3), np.float32)
        sky_side = np.zeros_like(self.side_light)
        _sky_of_rays(
            probes.direction, probes.hit, sky.sun_direction, sky.zenith, sky.horizon, sky.glow, sky.ground,
            sky_side,
        )  # fmt: skip
        surface, alive = transport.surface, np.flatnonzero(probes.alive).astype(np.int32)
        own = np.zeros_like(self.side_light)
        passes = passes_for(albedo[material[surface.alive()]])
        for last in (False,) * passes + (True,):
            _texel_radiance(
                place, index, weight, material, albedo, emission, direct, self.side_light, self.texel_radiance
            )
            average_patches(surface.page_texel, surface.page_label, self.texel_radiance)
            if not last:
                _probe_sides(
                    probes.direction, probes.hit, probes.level, probes.cosine_sum, sky_side, self.texel_radiance, own
                )
                share(probes.link, alive, own.reshape(n_probes, 18), self.side_light.reshape(n_probes, 18))
