"""Light from outside: the sky along rays that leave the world, and how much of a texel sees the sun."""

import numpy as np
from numba import njit, prange

from engine.light.compiled import leaf
from engine.light.faces import PAGES_PER_BRICK, row_of, texels_of
from engine.light.furniture import first_part_met
from engine.light.surface import face_centre
from engine.light.trace import NOTHING, crosses_box, first_hit

SUN_ACROSS = 4  # places of a face, each way, at which it is asked whether the sun shines
SUN_WHOLE = SUN_ACROSS**2
BLOCK = 64  # texels, mostly neighbours, for which it is asked together which furniture may keep the sun from them


@leaf
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


@leaf
def _sun_reaches(voxels, furniture, near, n, p, axis, u, v, sx, sy, sz):
    """Whether the sun shines on place u, v of the face around p [3]: 0 or 1; near [n] are bodies that may be ahead."""
    x, y, z = p[0], p[1], p[2]
    du, dv = 0.25 * ((u + 0.5) / SUN_ACROSS - 0.5), 0.25 * ((v + 0.5) / SUN_ACROSS - 0.5)
    if axis == 0:
        y, z = y + du, z + dv
    elif axis == 1:
        z, x = z + du, x + dv
    else:
        x, y = x + du, y + dv
    _, side, _, _, _ = first_hit(voxels, x, y, z, sx, sy, sz, 1e4)
    if side != NOTHING:
        return 0
    return 1 if n == 0 or first_part_met(furniture, near, n, x, y, z, sx, sy, sz, 1e4)[1] < 0 else 0


@njit(cache=True)
def _bodies_ahead(furniture, place, texels, sx, sy, sz, near):
    """Bodies that a ray to the sun from one of some texels may meet: their number, and which in near."""
    if len(furniture.low) == 0 or len(texels) == 0:
        return 0
    low, high, p = np.full(3, np.inf), np.full(3, -np.inf), np.empty(3, np.float64)
    for i in range(len(texels)):
        face_centre(place, texels[i], p)
        for c in range(3):
            low[c], high[c] = min(low[c], p[c] - 0.13), max(high[c], p[c] + 0.13)
    half, n = (high - low) / 2.0, 0
    for b in range(len(furniture.low)):
        if crosses_box(
            low[0] + half[0], low[1] + half[1], low[2] + half[2], sx, sy, sz, 1e4, furniture.low[b] - half,
            furniture.high[b] + half,
        ):  # fmt: skip
            near[n] = b
            n += 1
    return n


@njit(parallel=True, cache=True)
def look_for_sun(voxels, furniture, place, sx, sy, sz, texels, sun_share):
    """On how much of some texels the sun shines, past voxels and furniture: sun_share [T], of SUN_WHOLE.

    Bounces tell: a strip of sun at the edge of a face, taken for all of it or for none, made a corridor under a
    skylight 7 % too dark (docs/TRAINING.md). Where the corners of a face agree, the rest is taken to.
    """
    last = SUN_ACROSS - 1
    for block in prange((len(texels) + BLOCK - 1) // BLOCK):
        first, end = block * BLOCK, min(block * BLOCK + BLOCK, len(texels))
        p, near = np.empty(3, np.float64), np.empty(len(furniture.low), np.int32)
        n = _bodies_ahead(furniture, place, texels[first:end], sx, sy, sz, near)
        for i in range(first, end):
            t = texels[i]
            axis, sign = face_centre(place, t, p)
            cosine = (sx if axis == 0 else (sy if axis == 1 else sz)) * sign
            sun_share[t] = 0
            if cosine <= 0.0:
                continue
            p[axis] += 1e-3 * sign
            total = 0
            for u in (0, last):
                for v in (0, last):
                    total += _sun_reaches(voxels, furniture, near, n, p, axis, u, v, sx, sy, sz)
            if total == 4:
                total = SUN_WHOLE
            elif total > 0:
                for u in range(SUN_ACROSS):
                    for v in range(SUN_ACROSS):
                        if 0 < u < last or 0 < v < last:
                            total += _sun_reaches(voxels, furniture, near, n, p, axis, u, v, sx, sy, sz)
            sun_share[t] = total


@njit(parallel=True, cache=True)
def sun_crosses(place, faces, has_texels, sx, sy, sz, low, high, dirty):
    """Marks the texels with a ray to the sun that may touch one of the boxes [n, 3] (metres)."""
    nx, ny, nz = has_texels.shape
    for column in prange(nx * ny):
        p, wide_low, wide_high = np.empty(3, np.float64), np.empty(3, np.float64), np.empty(3, np.float64)
        bx, by = column // ny, column % ny
        for bz in range(nz):
            if not has_texels[bx, by, bz]:
                continue
            for b in range(len(low)):
                for axis in range(3):  # rays of a brick stray from the one through its middle by half a brick
                    wide_low[axis], wide_high[axis] = low[b, axis] - 1.01, high[b, axis] + 1.01
                if not crosses_box(
                    2.0 * bx + 1.0, 2.0 * by + 1.0, 2.0 * bz + 1.0, sx, sy, sz, 1e4, wide_low, wide_high
                ):  # fmt: skip
                    continue
                first = ((bx * ny + by) * nz + bz) * PAGES_PER_BRICK
                for key in range(first, first + PAGES_PER_BRICK):
                    row = row_of(faces, key)
                    if row < 0:
                        continue
                    of_page = texels_of(faces, row)
                    for t in faces.texel[of_page[0] : of_page[1]]:
                        face_centre(place, t, p)
                        for axis in range(3):  # rays of a face stray from the one through its middle by half of it
                            wide_low[axis], wide_high[axis] = low[b, axis] - 0.125, high[b, axis] + 0.125
                        if crosses_box(p[0], p[1], p[2], sx, sy, sz, 1e4, wide_low, wide_high):
                            dirty[t] = True
