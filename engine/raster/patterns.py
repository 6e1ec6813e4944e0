"""What walls look made of: factors on the albedo, one layer per value of Materials.pattern, whose mean is exactly one.

Made from integer hashes of place, so every machine has the same ones. They repeat every 4 m and are filtered down with
distance by coarser levels, so they fade to the plain albedo that the light is computed with.
"""

import functools

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]

NAMES = ("plain", "brick", "planks", "paving", "grass", "plaster", "tiles", "wood", "marble", "rock")
PATTERN_M = 4.0  # metres until a pattern repeats
TEXELS = 512  # along each edge: 7.8 mm
SHIFT_V = 0.618034  # how far a shift moves a pattern along v for a metre along u
LEVELS = 7  # mip levels that are used; beyond the last one a pixel sees half a metre: plain
ATLAS_PX = 2 * TEXELS + 2 * LEVELS, len(NAMES) * (TEXELS + 2)  # columns and rows of `pattern_atlas`


def _hash01(x: NDArray[np.int64], y: NDArray[np.int64], salt: int) -> F64:
    """Evenly spread numbers in 0..1 from integer places (the finaliser of MurmurHash3)."""

    def low_bits(v: NDArray[np.int64]) -> NDArray[np.uint32]:
        return (v & 0xFFFFFFFF).astype(np.uint32)

    h: NDArray[np.uint32] = low_bits(x * 0x9E3779B1 + salt * 0xC2B2AE3D) + low_bits(y * 0x85EBCA77)
    h = (h ^ h >> np.uint32(16)) * np.uint32(0x85EBCA6B)
    h = (h ^ h >> np.uint32(13)) * np.uint32(0xC2B2AE35)
    return np.asarray((h ^ h >> np.uint32(16)) / 0xFFFFFFFF)


def _noise(size_m: tuple[float, float], salt: int) -> F64:
    """Smooth periodic noise [T, T] of mean 0 and deviation 1; `size_m` is the size of its features along u and v."""
    index = np.arange(TEXELS)
    white = _hash01(index[None, :], index[:, None], salt) - 0.5
    along_u = np.exp(-2.0 * (np.fft.rfftfreq(TEXELS, PATTERN_M / TEXELS) * size_m[0]) ** 2)
    along_v = np.exp(-2.0 * (np.fft.fftfreq(TEXELS, PATTERN_M / TEXELS) * size_m[1]) ** 2)
    smooth = np.fft.irfft2(np.fft.rfft2(white) * along_v[:, None] * along_u, white.shape)
    smooth -= smooth.mean()
    return np.asarray(smooth / smooth.std())


def _cells(size_m: tuple[float, float], shift: float, joint_m: float) -> tuple[I64, I64, F64]:
    """Rows of stones: column [T, T] and row [T, 1] of each texel, and how much of it is stone, not joint (0..1).

    `shift` moves every second row by that part of a stone.
    """
    metres = (np.arange(TEXELS) + 0.5) * PATTERN_M / TEXELS
    row = (metres / size_m[1]).astype(np.int64)
    along = (metres - shift * size_m[0] * np.arange(2)[:, None]) % PATTERN_M  # in rows that are not moved, and that are
    column = (along / size_m[0]).astype(np.int64)
    to_u = np.minimum(along % size_m[0], size_m[0] - along % size_m[0])
    across = metres[:, None] % size_m[1]
    to_v = np.minimum(across, size_m[1] - across)
    texel = PATTERN_M / TEXELS
    stone = np.minimum(to_u[row % 2], to_v)
    stone -= joint_m / 2
    stone /= texel
    stone += 0.5
    return column[row % 2], row[:, None], np.clip(stone, 0.0, 1.0, out=stone)


def _hash_of_cells(column: I64, row: I64, salt: int) -> F64:
    """`_hash01` of the cells that texels lie in, worked out once for each: [rows, columns]."""
    return _hash01(np.arange(column.max() + 1), np.arange(row.max() + 1)[:, None], salt)


def _stones(size_m: tuple[float, float], shift: float, joint_m: float, joint: float, spread: float, salt: int) -> F64:
    column, row, stone = _cells(size_m, shift, joint_m)
    tone = 1.0 + spread * (_hash_of_cells(column, row, salt) - 0.5)
    warm = 0.35 * spread * (_hash_of_cells(column, row, salt + 1) - 0.5)
    tint = tone + warm * _of_channels(1.0, 0.0, -1.0)
    factor = (tint - joint)[:, row, column]
    factor *= stone
    factor += joint
    return factor


def _of_channels(*rgb: float) -> F64:
    """[3, 1, 1]: a number for each channel."""
    return np.array(rgb)[:, None, None]


def _layer(name: str) -> F64:
    """Factors on the albedo [C, T, T], before they are held to a mean of one; grey ones have one channel for all."""
    if name == "brick":
        return _stones((0.25, PATTERN_M / 48), 0.5, 0.014, 0.72, 0.42, 11) + 0.035 * _noise((0.06, 0.06), 12)
    if name == "planks":
        column, row, board = _cells((2.0, 0.2), 0.37, 0.008)
        grain = 0.05 * _noise((1.2, 0.02), 21) + 0.03 * _noise((0.5, 0.05), 22)
        tone = (1.0 + 0.26 * (_hash_of_cells(column, row, 23) - 0.5))[row, column] + grain
        return (0.5 + (tone - 0.5) * board)[None]
    if name == "paving":
        worn = 0.03 * _noise((0.5, 0.5), 32) + 0.025 * _noise((0.05, 0.05), 33)
        return _stones((0.5, 0.5), 0.5, 0.018, 0.68, 0.22, 31) + worn
    if name == "grass":
        blades, patches = _noise((0.035, 0.035), 41), _noise((0.8, 0.8), 42)
        dry = _noise((0.4, 0.4), 43) * _of_channels(0.07, 0.0, -0.02)
        return (1.0 + 0.14 * blades + 0.08 * patches) + dry
    if name == "plaster":
        tone = (
            1.0 + 0.022 * _noise((0.9, 0.9), 51) + 0.014 * _noise((0.16, 0.16), 52) + 0.012 * _noise((0.03, 0.03), 53)
        )
        return tone[None]
    if name == "wood":
        grain = 0.10 * _noise((1.6, 0.045), 81) + 0.05 * _noise((0.9, 0.016), 82) + 0.03 * _noise((0.12, 0.02), 83)
        return (1.0 + grain) + grain * _of_channels(0.1, 0.0, -0.1)
    if name == "marble":
        broad, fine = _noise((0.9, 0.9), 91), _noise((0.22, 0.22), 92)
        veins = np.exp(-(((broad + 0.45 * fine) / 0.13) ** 2)) + 0.5 * np.exp(-(((broad - 1.1 * fine) / 0.09) ** 2))
        return np.asarray(1.05 - 0.32 * veins + 0.02 * _noise((0.5, 0.5), 93))[None]
    if name == "rock":
        layers = 0.10 * _noise((1.1, 0.14), 101) + 0.07 * _noise((0.2, 0.09), 102) + 0.05 * _noise((0.04, 0.04), 103)
        return (1.0 + layers) + _noise((0.6, 0.3), 104) * _of_channels(0.03, 0.0, -0.03)
    if name == "tiles":
        return _stones((0.25, 0.25), 0.0, 0.010, 0.7, 0.13, 61)
    return np.ones((1, TEXELS, TEXELS))


@functools.cache
def _thresholds() -> tuple[F64, ...]:
    """What levels are dithered by, [n, n] each."""
    places = [np.arange(TEXELS >> level) for level in range(LEVELS)]
    return tuple(_hash01(at[None, :], at[:, None], 71) for at in places)


@functools.cache
def levels_of(name: str) -> tuple[U8, ...]:
    """Mip levels [n, n, 3] of one pattern, n = 512, 256, ...: half the factor on the albedo as unorm8 (127.5 is a
    factor of 1).

    Row is v, column is u. Each level is the mean of four texels of the one before, dithered, so that it keeps the
    mean of one.
    """
    factor = _layer(name)
    np.clip(factor, 0.3, 1.7, out=factor)
    factor /= factor.mean((1, 2))[:, None, None]
    levels, room = [], np.empty_like(factor)  # one for all: memory that is new costs more than the sums
    for threshold in _thresholds():
        scaled = np.multiply(factor, 127.5, out=room[:, : len(threshold), : len(threshold)])
        scaled += threshold
        level = np.empty((*threshold.shape, 3), np.uint8)
        level[...] = np.moveaxis(scaled.astype(np.uint8), 0, -1)
        level.setflags(write=False)
        levels.append(level)
        factor = (factor[:, ::2, ::2] + factor[:, 1::2, ::2] + factor[:, ::2, 1::2] + factor[:, 1::2, 1::2]) / 4
    return tuple(levels)


def pattern_levels() -> tuple[U8, ...]:
    """The levels of all patterns: [layers, n, n, 3] each."""
    return tuple(np.stack(of_all) for of_all in zip(*map(levels_of, NAMES), strict=True))


def atlas_of(name: str) -> U8:
    """All levels of one pattern in one image [T + 2, columns, 4], each with a border of one texel that wraps round.

    Level l starts at column 2 * T - (2 * T >> l) + 2 * l, border included. Software rasterisers filter plain eight-bit
    images several times faster than mipmapped arrays.
    """
    out = np.full((TEXELS + 2, ATLAS_PX[0], 4), 128, np.uint8)
    for level, texels in enumerate(levels_of(name)):
        size, x = TEXELS >> level, 2 * TEXELS - (2 * TEXELS >> level) + 2 * level
        out[: size + 2, x : x + size + 2, :3] = np.pad(texels, ((1, 1), (1, 1), (0, 0)), mode="wrap")
    return out


def pattern_atlas() -> U8:
    """The images of all patterns below one another: a layer starts at row layer * (T + 2)."""
    return np.concatenate([atlas_of(name) for name in NAMES])
