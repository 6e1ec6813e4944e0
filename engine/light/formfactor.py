"""The shapes of lamps, and how much of what a surface point sees is a lamp: exact form factors of boxes.

The form factor of a box is the sum over its faces turned to the point of the clipped-polygon form factor (Lambert's
formula; Baum, Rushmeier and Winget, "Improving Radiosity Solutions Through the Use of Analytically Determined Form
Factors", 1989). For a lamp of radiance L it gives e = L * F before anything stands in the way.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.light.compiled import leaf

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

FAINT = 2.5e-4  # e below which a lamp's light fades out on what the camera sees
NODES = 13  # directions along each edge of a cube's face, see fixtures.py
FAR_SIZES = 8.0  # beyond so many edges a face of the box counts as a point: under 1 % off


class LampShapes(NamedTuple):
    """Where lamps are and what their own bodies do to their light; a named tuple, as kernels take it whole."""

    low: F64  # [L, 3] metres, world: the box that shines
    high: F64  # [L, 3]
    strength: F64  # [L] brightest channel of the radiance when fully on
    reach: F64  # [L] metres at which a lamp is fainter than FAINT
    shade_box: F64  # [S, 2, 3] dark parts of the bodies that carry lamps, as Solids has them
    shade_plane: F64  # [M, 4]
    shade_first_plane: NDArray[np.int32]  # [S + 1]
    first_shade: NDArray[np.int32]  # [L + 1] shades of lamp i are first_shade[i] : first_shade[i + 1]
    entity: NDArray[np.int32]  # [L] the body that carries the lamp
    throw: F32  # [L, 6, NODES, NODES, 2] by direction: `thrown` reads it
    tint: F32  # [L, 3] colour of what the fixture throws back


@leaf
def _rectangle_factor(corner, nx, ny, nz, buffer):
    """Form factor from a point at the origin with normal n to a rectangle `corner` [4, 3], clipped by the horizon."""
    m = 0
    for i in range(4):
        j = (i + 1) & 3
        d = corner[i, 0] * nx + corner[i, 1] * ny + corner[i, 2] * nz
        e = corner[j, 0] * nx + corner[j, 1] * ny + corner[j, 2] * nz
        if d >= 0:
            for c in range(3):
                buffer[m, c] = corner[i, c]
            m += 1
        if (d > 0 and e < 0) or (d < 0 and e > 0):
            t = d / (d - e)
            for c in range(3):
                buffer[m, c] = corner[i, c] + t * (corner[j, c] - corner[i, c])
            m += 1
    if m < 3:
        return 0.0
    for i in range(m):
        r = 1.0 / math.sqrt(buffer[i, 0] ** 2 + buffer[i, 1] ** 2 + buffer[i, 2] ** 2 + 1e-12)
        for c in range(3):
            buffer[i, c] *= r
    total = 0.0
    for i in range(m):
        j = (i + 1) % m
        x = buffer[i, 1] * buffer[j, 2] - buffer[i, 2] * buffer[j, 1]
        y = buffer[i, 2] * buffer[j, 0] - buffer[i, 0] * buffer[j, 2]
        z = buffer[i, 0] * buffer[j, 1] - buffer[i, 1] * buffer[j, 0]
        length = math.sqrt(x * x + y * y + z * z)
        if length < 1e-9:
            continue
        cosine = buffer[i, 0] * buffer[j, 0] + buffer[i, 1] * buffer[j, 1] + buffer[i, 2] * buffer[j, 2]
        total += math.atan2(length, cosine) * (x * nx + y * ny + z * nz) / length
    return abs(total) / (2 * math.pi)


@leaf
def far_factor(px, py, pz, nx, ny, nz, low, high):
    """Whether a box is so far from a point with a normal that it counts as a point, and its form factor then: what
    `box_factors` returns, to the bit, without the factors of single faces.
    """
    sx, sy, sz = high[0] - low[0], high[1] - low[1], high[2] - low[2]
    dx, dy, dz = 0.5 * (low[0] + high[0]) - px, 0.5 * (low[1] + high[1]) - py, 0.5 * (low[2] + high[2]) - pz
    r2 = dx * dx + dy * dy + dz * dz
    if r2 <= FAR_SIZES * FAR_SIZES * max(sx * sx, sy * sy, sz * sz):
        return False, 0.0
    ahead = dx * nx + dy * ny + dz * nz
    if ahead <= 0.0:
        return True, 0.0
    scale = ahead / (math.pi * r2 * r2)
    return True, abs(dx) * sy * sz * scale + abs(dy) * sz * sx * scale + abs(dz) * sx * sy * scale


@leaf
def box_factors(px, py, pz, nx, ny, nz, low, high, factor, corner, buffer):
    """Form factors from a point with a normal to the six faces of a box into factor[6]; returns their sum, no
    shadows.
    """
    total = 0.0
    sx, sy, sz = high[0] - low[0], high[1] - low[1], high[2] - low[2]
    dx, dy, dz = 0.5 * (low[0] + high[0]) - px, 0.5 * (low[1] + high[1]) - py, 0.5 * (low[2] + high[2]) - pz
    r2 = dx * dx + dy * dy + dz * dz
    if r2 > FAR_SIZES * FAR_SIZES * max(sx * sx, sy * sy, sz * sz):
        ahead = dx * nx + dy * ny + dz * nz
        if ahead <= 0.0:
            factor[:] = 0.0
            return 0.0
        scale = ahead / (math.pi * r2 * r2)
        factor[0], factor[1] = max(-dx, 0.0) * sy * sz * scale, max(dx, 0.0) * sy * sz * scale
        factor[2], factor[3] = max(-dy, 0.0) * sz * sx * scale, max(dy, 0.0) * sz * sx * scale
        factor[4], factor[5] = max(-dz, 0.0) * sx * sy * scale, max(dz, 0.0) * sx * sy * scale
        return factor[0] + factor[1] + factor[2] + factor[3] + factor[4] + factor[5]
    for face in range(6):
        factor[face] = 0.0
        axis = face >> 1
        p = px if axis == 0 else (py if axis == 1 else pz)
        plane = high[axis] if face & 1 == 0 else low[axis]
        if (face & 1 == 0 and p <= plane) or (face & 1 == 1 and p >= plane):
            continue
        u, v = (axis + 1) % 3, (axis + 2) % 3
        for k in range(4):
            corner[k, axis] = plane
            corner[k, u] = high[u] if k == 1 or k == 2 else low[u]
            corner[k, v] = high[v] if k >= 2 else low[v]
            corner[k, 0] -= px
            corner[k, 1] -= py
            corner[k, 2] -= pz
        factor[face] = _rectangle_factor(corner, nx, ny, nz, buffer)
        total += factor[face]
    return total
