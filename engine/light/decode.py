"""Decode: the network, which makes a texel's indirect light from what rays brought home (gather.py).

It looks at how far the rays of a texel go, its own and those around it, and gives 12 gains: how much of the light of
each bin of distance to take from its own rays, from the mean over 3 x 3 texels and from that over 5 x 5. The gains are
scaled so that light which is the same from everywhere stays what it is: no network makes light, or loses it.
"""

import numpy as np
from numba import njit, prange

from engine.light.compiled import leaf
from engine.light.gather import BINS, BLOCK, NEIGHBOURS

LEAK = np.float32(0.1)  # slope of the leaky rectifier below 0
LEAST_TAKEN = np.float32(0.25)  # light that is taken in all is not scaled up from less


@leaf
def _gains(own, near, wide, w1, b1, w2, b2, x, y, gain):
    """The network: shares of rays by bin [4] of a texel, of 3 x 3 and of 5 x 5 around it -> gain [12] on their
    light.
    """
    for b in range(BINS):
        x[b], x[BINS + b], x[2 * BINS + b] = own[b], near[b], wide[b]
    for o in range(len(b1)):
        y[o] = b1[o]
    for k in range(3 * BINS):
        for o in range(len(b1)):
            y[o] += x[k] * w1[k, o]
    for o in range(len(b1)):
        y[o] = max(y[o], LEAK * y[o])
    for o in range(3 * BINS):
        gain[o] = b2[o]
    for k in range(len(b1)):
        for o in range(3 * BINS):
            gain[o] += y[k] * w2[k, o]
    whole, taken = np.float32(0.0), np.float32(0.0)
    for k in range(3 * BINS):
        taken += gain[k] * x[k]
    for b in range(BINS):
        whole += own[b]
    for o in range(3 * BINS):
        gain[o] *= whole / max(taken, LEAST_TAKEN)


@leaf
def _find_gains(row, around, row_of_texel, share, near_share, w1, b1, w2, b2, gain, wide_share, x, y):
    """`_gains` of a row with the neighbours `around` [9]: gain [12]."""
    n = np.float32(0.0)
    wide_share[:] = 0.0
    for k in range(NEIGHBOURS):
        if around[k] >= 0:
            n += np.float32(1.0)
            for b in range(BINS):
                wide_share[b] += near_share[row_of_texel[around[k]], b]
    for b in range(BINS):
        wide_share[b] /= n
    _gains(share[row], near_share[row], wide_share, w1, b1, w2, b2, x, y, gain)


@leaf
def _take(row, around, row_of_texel, moment, near_moment, gain, e, e_near, wide_moment):
    """Light of a row with the neighbours `around` [9] by its gains [12]."""
    n = np.float32(0.0)
    wide_moment[:] = 0.0
    for k in range(NEIGHBOURS):
        if around[k] >= 0:
            n += np.float32(1.0)
            for b in range(BINS):
                for c in range(3):
                    wide_moment[b, c] += near_moment[row_of_texel[around[k]], b, c]
    for c in range(3):
        total = np.float32(0.0)
        for b in range(BINS):
            total += gain[b] * moment[row, b, c] + gain[BINS + b] * near_moment[row, b, c]
            total += gain[2 * BINS + b] * (wide_moment[b, c] / n)
        e[row, c] = total
        e_near[row, c] = gain[0] * moment[row, 0, c] + gain[BINS] * near_moment[row, 0, c]
        e_near[row, c] += gain[2 * BINS] * (wide_moment[0, c] / n)


@leaf
def _gathered_some(
    rows, around, row_of_texel, moment, share, near_moment, near_share, w1, b1, w2, b2, is_void, gain, e, e_near,
    wide_moment, wide_share, x, y,
):  # fmt: skip
    """`gathered_light`, in the room that a thread has."""
    for i in range(len(rows)):
        row = rows[i]
        if is_void[i]:
            _find_gains(row, around[i], row_of_texel, share, near_share, w1, b1, w2, b2, gain[row], wide_share, x, y)
        _take(row, around[i], row_of_texel, moment, near_moment, gain[row], e, e_near, wide_moment)


@njit(parallel=True, cache=True)
def gathered_light(
    rows, around, row_of_texel, moment, share, near_moment, near_share, w1, b1, w2, b2, is_void, gain, e, e_near
):  # fmt: skip
    """Indirect e [R, 3] at `rows` [n]: gains of the network times the light that came home, bin by bin; linear in
    light. e_near [R, 3] is what of it comes from the nearest bin. The network looks at geometry alone: it is asked
    where gain [R, 12] is_void [n], and only there shares need to be those of now.

    `around` [n, 9] says where the means over 3 x 3 texels lie whose mean is that over 5 x 5 (peaked in the middle).
    """
    for block in prange((len(rows) + BLOCK - 1) // BLOCK):
        first, last = block * BLOCK, min(block * BLOCK + BLOCK, len(rows))
        wide_moment, wide_share = np.empty((BINS, 3), np.float32), np.empty(BINS, np.float32)
        x, y = np.empty(3 * BINS, np.float32), np.empty(len(b1), np.float32)
        _gathered_some(
            rows[first:last], around[first:last], row_of_texel, moment, share, near_moment, near_share, w1, b1, w2, b2,
            is_void[first:last], gain, e, e_near, wide_moment, wide_share, x, y,
        )  # fmt: skip
