"""Final gather: the rays that a decoded texel sends out itself, and what they bring home.

Probes stand a metre apart; what happens between them (a bench's shadow on the floor, the glow of a sunlit sill on the
wall beside it) they cannot tell. So every texel that a camera wants sends 128 rays of its own or more, by the cosine
law over the half space before it and over its face. They end on texels whose radiance relight has worked out, so a
single bounce is enough (Jensen, "Global Illumination using Photon Maps", 1996, calls this final gathering). Like a
probe's rays they are transport: traced when geometry changes, read again when only light does.

128 rays are noisy, and the noise sits mostly in far light, which hardly differs from one texel to the next. So what the
rays bring is kept apart in soft bins of distance (a texel's *latents*), and a texel also knows the means over the 3 x 3
texels around it and over the 5 x 5: the network (decode.py) says from geometry how far to trust each of them. A texel
at an *edge*, with fewer than eight around it, has few to share noise with: it sends EDGE_RAYS.
"""

import math

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from engine.light.compiled import leaf
from engine.light.faces import page_key, row_of, texel_at, texel_of
from engine.light.furniture import NEAR_M, bodies_between, first_part_met, side_met
from engine.light.keeping import unpack
from engine.light.pages import page_neighbour
from engine.light.skylight import sky_towards
from engine.light.surface import LEVELS, face_centre, spot_of
from engine.light.trace import first_hit, unit_hash

BOUNCE_RAYS = 8  # of a texel, that light bounces along (bounces.py)
TEXEL_RAYS = 128
EDGE_RAYS = 256
BITS = 64  # rays with the same bit are traced again together: neighbours on the spiral, for changes hide many such
BESIDE = 13  # rays that lie beside each other on the spiral are a Fibonacci number apart, here mostly this one
BINS = 4  # of distance: soft, around 0.5, 1.4, 4 and 11.3 m
BLOCKED = -2  # what a ray meets that ends on a face without a texel
SKY = -1  # what a ray meets that leaves the world
PART = -3  # what a ray meets that ends on side s of part n of the furniture is PART - (6 * n + s)
ENDS = 1 << 24  # numbers there are for what rays meet, as they are kept
FIRST_PART = ENDS - (6 << 17)  # from here on they stand for those below 0: there are fewer texels
CODE = 80.0  # steps of `met_code` for one bin
ENOUGH = 16  # with a row for every so many texels radiance is laid out for their rays first
BLOCK = 64  # texels that a thread works through with the same scratch
NEIGHBOURS = 9  # a texel and the eight around it in its plane
ACROSS = np.array([0, 2, 1, 4, 3, 8, 7, 6, 5])  # which of them lies opposite to each
ALL_RAYS = np.uint64(2**64 - 1)
SPIRAL = 2.0 * math.pi * (np.arange(EDGE_RAYS) * 0.6180339887498949 % 1.0)
BIN_OF_CODE = np.minimum((np.arange(256) / CODE).astype(np.int64), BINS - 2)  # the nearer of the two bins of a code
FAR_OF_CODE = (np.arange(256) / CODE - BIN_OF_CODE).astype(np.float32)  # and the share of the other
LEVEL_OF_CODE = np.searchsorted([106, 160, 213], np.arange(256)).astype(np.uint8)  # up to 2, 4, 8 m and beyond
REACH_OF_CODE = 0.5 * 2.0 ** (1.5 * np.arange(256) / CODE) + 1e-3  # metres
SPIRAL_COS, SPIRAL_SIN = np.cos(SPIRAL), np.sin(SPIRAL)


def _bits_of(rays: int) -> NDArray[np.uint64]:
    """Which bit each of so many rays has: [EDGE_RAYS], of which those behind the last ray mean nothing."""
    together = rays // BITS
    group, within = np.divmod(np.arange(EDGE_RAYS), together * BESIDE)
    first = group * BESIDE
    return np.asarray(first + within % np.clip(BITS - first, 1, BESIDE), np.uint64)


BIT_OF_RAY = np.stack([_bits_of(TEXEL_RAYS), _bits_of(EDGE_RAYS)])  # [2, 256] of a texel's rays, of one at an edge


@leaf
def bit_of_ray(k, rays):
    """The bit of ray k of `rays` of a texel."""
    return BIT_OF_RAY[0 if rays <= TEXEL_RAYS else 1, k]


@leaf
def bin_of_distance(t):
    """Place of a distance in metres among the bins: 0..3."""
    return min(max(math.log2(max(t, 1e-3) / 0.5) / 1.5, 0.0), 3.0)


@leaf
def texel_phase(place, t):
    """What tells the rays of texel t from those of the others: two numbers in [0, 1).

    Means over 3 x 3 and 5 x 5 texels are taken (decode.py), so phases are spread evenly over every 4 x 4, in the order
    of a dither matrix (Bayer 1973) along Roberts' R2 sequence; planes differ by a hash. Pillars by day: FLIP .054 with
    hashes alone, .046 so.
    """
    side = place[t, 3]
    axis = side // 2
    u, v, w = place[t, (axis + 1) % 3], place[t, (axis + 2) % 3], place[t, axis]
    i, j = u & 3, v & 3
    n = 4 * (2 * ((i ^ j) & 1) + (j & 1)) + 2 * ((i ^ j) >> 1) + (j >> 1)
    a = (unit_hash(0, 0, w, 2 * side + 21) + n * 0.7548776662466927) % 1.0
    b = (unit_hash(0, 0, w, 2 * side + 22) + n * 0.5698402909980532) % 1.0
    return a, b


@leaf
def bounce_phase(place, t):
    """`texel_phase` of the rays that light bounces along: two hashes of the face, for who reads it reads many."""
    x, y, z, side = place[t, 0], place[t, 1], place[t, 2], place[t, 3]
    return unit_hash(x, y, z, 2 * side + 41), unit_hash(x, y, z, 2 * side + 42)


@leaf
def turn_of(phase):
    """How rays are turned: both numbers a, b of a phase, and cosine and sine of 2 pi b."""
    a, b = phase
    return a, b, math.cos(2.0 * math.pi * b), math.sin(2.0 * math.pi * b)


@leaf
def texel_turn(place, t):
    """How the rays of texel t are turned."""
    return turn_of(texel_phase(place, t))


@leaf
def bounce_turn(place, t):
    """How those are that light bounces along."""
    return turn_of(bounce_phase(place, t))


@leaf
def texel_direction(side, turn, k, rays, direction):
    """Unit direction [3] of ray k of `rays` of a texel on a side, by Fibonacci's spiral turned by a hash of the face.

    Malley's method: points spread evenly over a disc, lifted to the half sphere, follow the cosine law (Pharr, Jakob
    and Humphreys, "Physically Based Rendering", 4th edition, section A.5.3).
    """
    a, _, cos_b, sin_b = turn
    axis = side // 2
    r2 = (k + a) / rays
    r = math.sqrt(r2)
    direction[(axis + 1) % 3] = r * (SPIRAL_COS[k] * cos_b - SPIRAL_SIN[k] * sin_b)
    direction[(axis + 2) % 3] = r * (SPIRAL_SIN[k] * cos_b + SPIRAL_COS[k] * sin_b)
    direction[axis] = (1.0 - 2.0 * (side % 2)) * math.sqrt(max(1.0 - r2, 1e-6))


@leaf
def texel_ray(place, t, turn, k, rays, origin, direction):
    """Ray k of `rays` of texel t: origin [3] metres, somewhere on its face, and unit direction [3]."""
    texel_direction(place[t, 3], turn, k, rays, direction)
    axis, sign = face_centre(place, t, origin)
    u, v = k * 0.7548776662466927 + turn[1], k * 0.5698402909980532 + turn[0]  # R2 sequence, Roberts 2018
    origin[(axis + 1) % 3] += 0.25 * (u - math.floor(u) - 0.5)
    origin[(axis + 2) % 3] += 0.25 * (v - math.floor(v) - 0.5)
    origin[axis] += 1e-3 * sign


@leaf
def end_of_ray(voxels, faces, origin, direction):
    """How far a ray from a texel goes, and the texel that it ends on, SKY or BLOCKED."""
    shape = voxels.material.shape
    t, side, x, y, z = first_hit(voxels, origin[0], origin[1], origin[2], direction[0], direction[1], direction[2], 1e4)
    if side == SKY:
        return t, SKY
    texel = texel_at(faces, x, y, z, side, shape[1] >> 3, shape[2] >> 3) if side >= 0 else -1
    return t, texel if texel >= 0 else BLOCKED


@leaf
def packed_met(hit, far):
    """What a ray meets after `far` metres, in 32 bits: texel, SKY, BLOCKED or a side of a part (from PART downwards) in
    24, and in 8 the place among the bins of distance times CODE, rounded up; 240 is 11.3 m and beyond.
    """
    if hit >= FIRST_PART or hit < FIRST_PART - ENDS:
        hit = BLOCKED  # more than there are numbers for
    return np.uint32((hit & (ENDS - 1)) << 8 | int(math.ceil(bin_of_distance(far) * CODE)))


@leaf
def met_end(met):
    """What a ray meets, from `packed_met`."""
    end = np.int64(met >> np.uint32(8))
    return end if end < FIRST_PART else end - ENDS


@leaf
def met_code(met):
    """And after how far."""
    return np.int64(met & np.uint32(0xFF))


def leaves(met: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Which rays, by `packed_met`, leave the world."""
    return np.asarray(met >> 8 == ENDS + SKY)


@njit(parallel=True, cache=True)
def trace_texels(voxels, furniture, place, faces, texels, rows, n_rays, void, met):
    """Trace the rays of some texels whose bits (`bit_of_ray`) are set in void [R], at `rows`, of the n_rays [R] that
    each has: met [R, EDGE_RAYS], see `packed_met`.
    """
    for i in prange(len(texels)):
        origin, direction = np.empty(3, np.float64), np.empty(3, np.float64)
        row = rows[i]
        near = np.empty(len(furniture.low), np.int32)
        face_centre(place, texels[i], origin)
        n = bodies_between(furniture, origin, origin, NEAR_M, near)
        turn = texel_turn(place, texels[i])
        for k in range(n_rays[row]):
            if not void[row] >> bit_of_ray(k, n_rays[row]) & np.uint64(1):
                continue
            texel_ray(place, texels[i], turn, k, n_rays[row], origin, direction)
            t, hit = end_of_ray(voxels, faces, origin, direction)
            if n > 0:
                away, part = first_part_met(
                    furniture, near, n, origin[0], origin[1], origin[2], direction[0], direction[1], direction[2],
                    min(t, NEAR_M),
                )  # fmt: skip
                if part >= 0:
                    side = side_met(
                        furniture, part, origin[0] + away * direction[0], origin[1] + away * direction[1],
                        origin[2] + away * direction[2],
                    )  # fmt: skip
                    t, hit = away, PART - 6 * part - side
            met[row, k] = packed_met(hit, t)


@leaf
def patch_level(code):
    """Width of the patch that a ray reads (surface.py): a quarter of its distance across, for of 128 that share a half
    space one stands for about so much. Half of that and twice as much are no better, so 256 read the same.
    """
    return np.int64(LEVEL_OF_CODE[code])


@leaf
def _add_to_bins(code, red, green, blue, bins):
    """Add light to the two bins [4, 3] between which a code lies."""
    b, far = BIN_OF_CODE[code], FAR_OF_CODE[code]
    near = np.float32(1.0) - far
    bins[b, 0] += near * red
    bins[b, 1] += near * green
    bins[b, 2] += near * blue
    bins[b + 1, 0] += far * red
    bins[b + 1, 1] += far * green
    bins[b + 1, 2] += far * blue


@njit(cache=True)
def _add_sky(place, t, met, sun, zenith, horizon, glow, ground, bins):
    """Add to bins [4, 3] what the rays of texel t that leave the world bring, of all that it has."""
    direction, light = np.empty(3, np.float64), np.empty(3, np.float32)
    turn, is_turned = (0.0, 0.0, 0.0, 0.0), False
    for k in range(len(met)):
        if met_end(met[k]) != SKY:
            continue
        if not is_turned:
            turn, is_turned = texel_turn(place, t), True
        texel_direction(place[t, 3], turn, k, len(met), direction)
        x, y, z = np.float32(direction[0]), np.float32(direction[1]), np.float32(direction[2])
        sky_towards(x, y, z, sun, zenith, horizon, glow, ground, light)
        _add_to_bins(met_code(met[k]), light[0], light[1], light[2], bins)


@njit(parallel=True, cache=True)
def gather_sky(place, texels, rows, n_rays, met, sun, zenith, horizon, glow, ground, sky):
    """What the rays of some texels that leave the world bring, by bin: sky [R, 4, 3] at `rows`, summed over rays."""
    for i in prange(len(texels)):
        row, n = rows[i], n_rays[rows[i]]
        sky[row] = 0.0
        _add_sky(place, texels[i], met[row, :n], sun, zenith, horizon, glow, ground, sky[row])


@njit(parallel=True, cache=True)
def _by_level(patch_spot, radiance, table):
    for t in prange(len(table)):
        table[t, 0] = radiance[t]
        for level in range(1, table.shape[1]):
            table[t, level] = radiance[patch_spot[t, level - 1]]


def by_level(patch_spot: NDArray[np.int32], radiance: NDArray[np.uint32], n_rows: int) -> NDArray[np.uint32]:
    """Radiance [S] by spot as `gather_light` is to read it for so many rows: for many laid out by texel and level, [T,
    4], so that each of their rays looks up one place and not two.
    """
    if n_rows * ENOUGH < len(patch_spot):
        return radiance
    table = np.empty((len(patch_spot), LEVELS), np.uint32)
    _by_level(patch_spot, radiance, table)
    return table


@leaf
def _radiance_at(hit, level, patch_spot, radiance):
    """Packed radiance of a texel's patch of a level, from radiance [S] or `by_level`: which of both is compiled in."""
    if radiance.ndim == 2:
        return radiance[hit, level]
    return radiance[spot_of(hit, level, patch_spot)]


@leaf
def light_of_row(row, n_rays, met, patch_spot, radiance, side_radiance, sky, moment, bins):
    """`gather_light` of one row, with the bins [4, 3] that a thread has."""
    for b in range(BINS):
        for c in range(3):
            bins[b, c] = sky[row, b, c]
    for k in range(n_rays[row]):
        hit, code = met_end(met[row, k]), met_code(met[row, k])
        if hit >= 0:
            r, g, b = unpack(_radiance_at(hit, patch_level(code), patch_spot, radiance))
            _add_to_bins(code, r, g, b, bins)
        elif hit <= PART:
            side = PART - hit
            _add_to_bins(code, side_radiance[side, 0], side_radiance[side, 1], side_radiance[side, 2], bins)
    for b in range(BINS):
        for c in range(3):
            moment[row, b, c] = bins[b, c] / np.float32(n_rays[row])


@njit(parallel=True, cache=True)
def gather_light(rows, n_rays, met, patch_spot, radiance, side_radiance, sky, moment):
    """What the rays of some rows bring, by bin: moment [R, 4, 3] e; their sum is the gathered light.

    radiance is packed (keeping.py), as `by_level` gave it; side_radiance [6 N, 3] is what the six sides of each part of
    the furniture shine with, sky [R, 4, 3] what `gather_sky` found.
    """
    for block in prange((len(rows) + BLOCK - 1) // BLOCK):
        bins = np.empty((BINS, 3), np.float32)
        for i in range(block * BLOCK, min(block * BLOCK + BLOCK, len(rows))):
            light_of_row(rows[i], n_rays, met, patch_spot, radiance, side_radiance, sky, moment, bins)


@njit(parallel=True, cache=True)
def ray_shares(rows, n_rays, met, share):
    """Share of the rays that end in each bin: share [R, 4] at `rows`; less than 1 in all where some are blocked."""
    for i in prange(len(rows)):
        row = rows[i]
        of_one = np.float32(1.0) / np.float32(n_rays[row])
        share[row] = 0.0
        for k in range(n_rays[row]):
            if met_end(met[row, k]) == BLOCKED:
                continue
            code = met_code(met[row, k])
            b, far = BIN_OF_CODE[code], FAR_OF_CODE[code]
            share[row, b] += (np.float32(1.0) - far) * of_one
            share[row, b + 1] += far * of_one


@njit(parallel=True, cache=True)
def find_neighbours(place, faces, shape, texels, around):
    """The texels around some texels in their plane: around [n, 9], the texel itself first, -1 where there is none.

    A diagonal one counts only where a texel beside both joins it, so that light does not slip past the end of a wall.
    And each counts only with the one across, so that means are about the texel in their middle: where light falls off
    towards a corner, a mean over one side alone leans to that side.
    """
    for i in prange(len(texels)):
        t = texels[i]
        x, y, z, side = place[t, 0], place[t, 1], place[t, 2], place[t, 3]
        row = row_of(faces, page_key(x, y, z, side, shape[1] >> 3, shape[2] >> 3))
        own_u, own_v = place[t, (side // 2 + 1) % 3] & 7, place[t, (side // 2 + 2) % 3] & 7
        around[i, 0] = t
        for k in range(8):
            if k < 4:
                u, v = (1 if k == 0 else -1 if k == 1 else 0), (1 if k == 2 else -1 if k == 3 else 0)
            else:
                u, v = (-1 if k & 1 else 1), (-1 if k & 2 else 1)
                if around[i, 2 if k & 1 else 1] < 0 and around[i, 4 if k & 2 else 3] < 0:
                    around[i, 1 + k] = -1
                    continue
            if 0 <= own_u + u < 8 and 0 <= own_v + v < 8:
                around[i, 1 + k] = texel_of(faces, row, (own_v + v) * 8 + own_u + u)
            else:
                around[i, 1 + k] = page_neighbour(faces, shape, side, x, y, z, u, v)
        for k in range(1, NEIGHBOURS):
            if around[i, ACROSS[k]] < 0:
                around[i, k] = -1


def rays_wanted(around: NDArray[np.int32]) -> NDArray[np.int32]:
    """How many rays some texels send, by their neighbours [n, 9]: [n]."""
    return np.where((around < 0).any(1), EDGE_RAYS, TEXEL_RAYS).astype(np.int32)


@njit(parallel=True, cache=True)
def average_around(rows, around, row_of_texel, moment, share, mean_moment, mean_share):
    """Means over 3 x 3 texels: mean_moment [R, 4, 3] and mean_share [R, 4] at `rows` [n], from `around` [n, 9]."""
    for i in prange(len(rows)):
        row = rows[i]
        mean_moment[row] = 0.0
        mean_share[row] = 0.0
        n = np.float32(0.0)
        for k in range(NEIGHBOURS):
            if around[i, k] < 0:
                continue
            other = row_of_texel[around[i, k]]
            n += np.float32(1.0)
            for b in range(BINS):
                mean_share[row, b] += share[other, b]
                for c in range(3):
                    mean_moment[row, b, c] += moment[other, b, c]
        for b in range(BINS):
            mean_share[row, b] /= n
            for c in range(3):
                mean_moment[row, b, c] /= n
