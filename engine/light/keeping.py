"""Light as it is kept: three colours in 32 bits, KEPT_BITS of the brightest and what remains of the others.

One exponent for all three (Ward, "Real Pixels", Graphics Gems II, 1991; layout of OpenGL's RGB9_E5). Rounding is to
even and relative to the brightest: twice the light is exactly twice, and errors (1 in 500 at most, the noise of 64 rays
is 1 in 20) do not lean to one side. There is room for 9 bits; with 8 of them a change of light ends sooner, and the
pictures are as near to the path tracer's (docs/BENCHMARKS.md).
"""

import numpy as np
from numpy.typing import NDArray

from engine.light.compiled import leaf

KEPT_BITS = 8  # significant bits of the brightest colour, at most 9

_MOST = (1 << KEPT_BITS) - 1
_LOWEST, _HIGHEST = -16, 15  # exponents of two: light from 2^-24, the last bit of the faintest, to 2^16


@leaf
def _power_of_two(n):
    return np.int32((n + 127) << 23).view(np.float32)


@leaf
def pack(r, g, b):
    """Light (>= 0) in 32 bits."""
    most = np.float32(max(r, g, b))
    exponent = int(min(max((int(most.view(np.int32)) >> 23) - 127, _LOWEST), _HIGHEST))
    if np.rint(most * _power_of_two(KEPT_BITS - 1 - exponent)) > _MOST and exponent < _HIGHEST:
        exponent += 1
    scale = _power_of_two(KEPT_BITS - 1 - exponent)
    red, green, blue = (
        np.int64(min(np.rint(np.float32(r) * scale), _MOST)), np.int64(min(np.rint(np.float32(g) * scale), _MOST)),
        np.int64(min(np.rint(np.float32(b) * scale), _MOST)),
    )  # fmt: skip
    return np.uint32(exponent - _LOWEST << 27 | red << 18 | green << 9 | blue)


@leaf
def unpack(kept):
    """The three float32 that `pack` kept."""
    bits = np.int64(kept)
    scale = _power_of_two((bits >> 27) + _LOWEST - KEPT_BITS + 1)
    return (
        np.float32(bits >> 18 & _MOST) * scale, np.float32(bits >> 9 & _MOST) * scale, np.float32(bits & _MOST) * scale
    )  # fmt: skip


def packed(light: NDArray[np.float32]) -> NDArray[np.uint32]:
    """Much light [n, 3] at once: [n]."""
    kept = np.empty(len(light), np.uint32)
    _pack_all(light, kept)
    return kept


def unpacked(kept: NDArray[np.uint32]) -> NDArray[np.float32]:
    """What `packed` kept, [...]: [..., 3]."""
    light = np.empty((*kept.shape, 3), np.float32)
    _unpack_all(np.ascontiguousarray(kept).reshape(-1), light.reshape(-1, 3))
    return light


@leaf
def _pack_all(light, kept):
    for i in range(len(light)):
        kept[i] = pack(light[i, 0], light[i, 1], light[i, 2])


@leaf
def _unpack_all(kept, light):
    for i in range(len(kept)):
        light[i, 0], light[i, 1], light[i, 2] = unpack(kept[i])
