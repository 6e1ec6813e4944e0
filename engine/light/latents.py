"""Latents: a probe's light, summed up by side, lobe and distance, in the three channels that the decoder mixes.

The moments of a probe are the sums over its rays of radiance, per side, in 4 soft bins of distance (0.5, 1.4, 4 and
11.3 m) times two lobes (cos and 2 cos^3), divided by the sum of cosines. A learned table theta [8, 3] folds the 8
moments into 3 channels. With the classical table (channel 0 = sum over the cos bins) channel 0 of a side is the
classical irradiance of that side.
"""

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from engine.light.probes import BLOCKED, SKY

MOMENTS = 8
CHANNELS = 3


def classical_theta() -> NDArray[np.float32]:
    """[8, 3] the table that makes channel 0 the plain cosine-weighted light and leaves the others empty."""
    theta = np.zeros((MOMENTS, CHANNELS), np.float32)
    theta[:4, 0] = 1.0
    return theta


@njit(cache=True)
def _ray_light(hit, level, sky, texel_radiance, p, k, out):
    t = hit[p, k]
    if t >= 0:
        patch = texel_radiance[t, level[p, k]]
        out[0], out[1], out[2] = patch[0], patch[1], patch[2]
    elif t == SKY:
        out[0], out[1], out[2] = sky[p, k, 0], sky[p, k, 1], sky[p, k, 2]
    else:
        out[0], out[1], out[2] = 0.0, 0.0, 0.0


@njit(parallel=True, cache=True)
def probe_moments(direction, cosine_sum, hit, level, bin_at, sky, texel_radiance, probes, moment):
    """Moments [n, 6, 8, 3] of some probes: what the network is trained on."""
    for i in prange(len(probes)):
        p = probes[i]
        light = np.empty(3, np.float32)
        moment[i] = 0.0
        for k in range(direction.shape[1]):
            if hit[p, k] == BLOCKED:
                continue
            _ray_light(hit, level, sky, texel_radiance, p, k, light)
            b = min(int(bin_at[p, k]), 2)
            share = bin_at[p, k] - b
            for axis in range(3):
                d = direction[p, k, axis]
                side = 2 * axis
                if d < 0:
                    d = -d
                    side += 1
                lobe = 2 * d * d * d
                for c in range(3):
                    moment[i, side, b, c] += d * (1 - share) * light[c]
                    moment[i, side, b + 1, c] += d * share * light[c]
                    moment[i, side, 4 + b, c] += lobe * (1 - share) * light[c]
                    moment[i, side, 5 + b, c] += lobe * share * light[c]
        for side in range(6):
            for q in range(8):
                for c in range(3):
                    moment[i, side, q, c] /= max(cosine_sum[p, side], 1e-6)


@njit(parallel=True, cache=True)
def probe_latents(direction, cosine_sum, hit, level, bin_at, sky, texel_radiance, theta, probes, latent):
    """Latents of some probes, written into latent [P, 6, 3, 3]: moments times theta, folded ray by ray."""
    for i in prange(len(probes)):
        p = probes[i]
        light = np.empty(3, np.float32)
        near = np.empty(3, np.float32)
        lobed = np.empty(3, np.float32)
        latent[p] = 0.0
        for k in range(direction.shape[1]):
            if hit[p, k] == BLOCKED:
                continue
            _ray_light(hit, level, sky, texel_radiance, p, k, light)
            b = min(int(bin_at[p, k]), 2)
            share = bin_at[p, k] - np.float32(b)
            for q in range(3):
                near[q] = (1 - share) * theta[b, q] + share * theta[b + 1, q]
                lobed[q] = (1 - share) * theta[4 + b, q] + share * theta[5 + b, q]
            for axis in range(3):
                d = direction[p, k, axis]
                side = 2 * axis
                if d < 0:
                    d = -d
                    side += 1
                for q in range(3):
                    gain = d * near[q] + 2 * d * d * d * lobed[q]
                    for c in range(3):
                        latent[p, side, q, c] += gain * light[c]
        for side in range(6):
            inverse = 1 / max(cosine_sum[p, side], np.float32(1e-6))
            for q in range(3):
                for c in range(3):
                    latent[p, side, q, c] *= inverse
