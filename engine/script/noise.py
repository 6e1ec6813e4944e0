"""Fractal gradient noise over the plane, the same on every machine: hashed lattices, and + - * / alone.

Perlin, "Improving noise", SIGGRAPH 2002: unit gradients at the corners of a lattice, blended by 6t^5 - 15t^4 + 10t^3.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.core.rng import bits, stream_key

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

LANDS: Final = stream_key("land")
_D: Final = 0.7071067811865476
_X: Final = np.array([1, _D, 0, -_D, -1, -_D, 0, _D])  # eight directions
_Y: Final = np.array([0, _D, 1, _D, 0, -_D, -1, -_D])
STEEPEST: Final = 1.0 / _D  # one octave of it lies within +-0.71


def fractal(x: I64, y: I64, seed: int, scale: float, octaves: int, roughness: float, is_ridged: bool = False) -> F64:
    """[n, m] heights 0..1 at whole places x [n] and y [m]; `scale` is the size of the largest hills in the same unit.

    Each octave is half as large and `roughness` times as high as the one before; those finer than the places are left
    out, as their lattices would only cost. Ridged noise has crests where plain
    noise crosses its mean (Musgrave, in "Texturing and Modeling", 1994).
    """
    total, weight, height = np.zeros((len(x), len(y))), 1.0, 0.0
    for octave in range(octaves):
        if scale < 1.0:
            break
        one = _gradient_noise(x, y, seed, octave, scale)
        if is_ridged:
            crest = 1.0 - np.abs(one)
            one = crest * crest
        total += weight * one
        height += weight
        weight *= roughness
        scale *= 0.5
    total /= height
    return np.asarray(np.clip(total if is_ridged else 0.5 + 0.9 * total, 0.0, 1.0))


def _gradient_noise(x: I64, y: I64, seed: int, octave: int, scale: float) -> F64:
    """[n, m] within -1..1, 0 at the corners of its lattice."""
    (i, u, u_smooth), (j, v, v_smooth) = _cells(x, scale), _cells(y, scale)
    first_i, first_j = int(i[0]), int(j[0])
    corners_i = np.arange(first_i, int(i[-1]) + 2, dtype=np.int64)
    corners_j = np.arange(first_j, int(j[-1]) + 2, dtype=np.int64)
    address = (corners_i[:, None] & 0xFFFFFFFF) << 32 | (corners_j[None, :] & 0xFFFFFFFF)
    way = (bits(seed, octave, LANDS, address) >> np.uint64(61)).astype(np.int64)
    slope_x, slope_y = _X[way], _Y[way]
    i, j, u, v = i - first_i, j - first_j, u[:, None], v[None, :]

    def towards(a: int, b: int) -> F64:
        here = np.ix_(i + a, j + b)
        return np.asarray(slope_x[here] * (u - a) + slope_y[here] * (v - b))

    def across(b: int) -> F64:
        near = towards(0, b)
        return np.asarray(near + u_smooth[:, None] * (towards(1, b) - near))

    low = across(0)
    return np.asarray((low + v_smooth[None, :] * (across(1) - low)) * STEEPEST)


def _cells(place: I64, scale: float) -> tuple[I64, F64, F64]:
    """The cell of a lattice that each place lies in, how far in it (0..1), and that smoothed."""
    at = (place + 0.5) / scale
    cell = np.floor(at)
    t = at - cell
    return cell.astype(np.int64), t, t * t * t * (t * (t * 6.0 - 15.0) + 10.0)
