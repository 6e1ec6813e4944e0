"""Interpolation: the probes that a point sees, their weights, and the light that these give.

Trilinear over the 8 probes of the cells around the point, probes behind the surface cut, and only probes that it really
sees (an exact ray each), so that closed rooms stay dark. Moving bodies and the classical look are lit by them.
"""

import math

import numpy as np
from numba import njit, prange

from engine.light.compiled import leaf
from engine.light.surface import face_centre
from engine.light.trace import is_clear

MOST_DOWN_M = 64  # how far below a point in the air its probes may lie
LIFT_M = 0.25  # the point that looks for its cell is lifted off the surface, so that cells inside walls count less


@leaf
def probe_weights(voxels, probe_of_cell, position, px, py, pz, nx, ny, nz, index, weight):
    """The 8 probes that a point with a normal sees, -1 where it sees none, and their weights (sum 1, or all 0).

    A zero normal is allowed: a point in the air, which has no back.
    """
    cx, cy, cz = probe_of_cell.shape
    qx, qy, qz = px + LIFT_M * nx - 0.5, py + LIFT_M * ny - 0.5, pz + LIFT_M * nz - 0.5
    bx, by, bz = int(math.floor(qx)), int(math.floor(qy)), int(math.floor(qz))
    fx, fy, fz = qx - bx, qy - by, qz - bz
    ox, oy, oz = px + 0.02 * nx, py + 0.02 * ny, pz + 0.02 * nz
    total = 0.0
    for j in range(8):
        index[j] = -1
        weight[j] = 0.0
        ix, iy, iz = j & 1, (j >> 1) & 1, j >> 2
        x, y, z = bx + ix, by + iy, bz + iz
        if x < 0 or y < 0 or z < 0 or x >= cx or y >= cy or z >= cz:
            continue
        p = probe_of_cell[x, y, z]
        if p < 0:
            continue
        w = (fx if ix else 1 - fx) * (fy if iy else 1 - fy) * (fz if iz else 1 - fz)
        w = max(w, 1e-3)
        vx, vy, vz = position[p, 0] - px, position[p, 1] - py, position[p, 2] - pz
        if nx != 0.0 or ny != 0.0 or nz != 0.0:
            ahead = vx * nx + vy * ny + vz * nz
            if ahead < 0.05:
                continue
            facing = (ahead / math.sqrt(vx * vx + vy * vy + vz * vz) + 1) * 0.5
            w *= facing * facing + 0.1  # Majercik et al., "Dynamic Diffuse GI with Ray-Traced Irradiance Fields", 2019
        if is_clear(voxels, ox, oy, oz, position[p, 0], position[p, 1], position[p, 2], 0.0):
            index[j] = p
            weight[j] = w
            total += w
    if total > 1e-6:
        for j in range(8):
            weight[j] /= total
        return
    # None of the 8 is seen (a niche, a crack): those seen within two cells, by inverse square distance.
    n = 0
    total = 0.0
    index[:], weight[:] = -1, 0.0
    for x in range(max(bx - 1, 0), min(bx + 3, cx)):
        for y in range(max(by - 1, 0), min(by + 3, cy)):
            for z in range(max(bz - 1, 0), min(bz + 3, cz)):
                p = probe_of_cell[x, y, z]
                if p < 0 or n == 8:
                    continue
                vx, vy, vz = position[p, 0] - px, position[p, 1] - py, position[p, 2] - pz
                if vx * nx + vy * ny + vz * nz < 0.0:
                    continue
                if is_clear(voxels, ox, oy, oz, position[p, 0], position[p, 1], position[p, 2], 0.0):
                    index[n] = p
                    weight[n] = 1.0 / (vx * vx + vy * vy + vz * vz + 0.05)
                    total += weight[n]
                    n += 1
    for j in range(n):
        weight[j] /= total


@njit(parallel=True, cache=True)
def air_probes(voxels, probe_of_cell, position, places, index, weight):
    """`probe_weights` of places [n, 3] (metres) in the air: index and weight [n, 8]. High up, where there are no
    probes, those of the first place below it that sees any: the light there is that of open air over the same ground.
    """
    for i in prange(len(places)):
        x, y, z = places[i, 0], places[i, 1], places[i, 2]
        index[i], weight[i] = -1, 0.0
        for down in range(MOST_DOWN_M):
            if z - down < 0.0 or weight[i].max() > 0.0:
                break
            probe_weights(voxels, probe_of_cell, position, x, y, z - down, 0.0, 0.0, 0.0, index[i], weight[i])


@njit(parallel=True, cache=True)
def texel_probes(voxels, place, probe_of_cell, position, texels, index, weight):
    """`probe_weights` of some texels [n]: index and weight [n, 8]."""
    for i in prange(len(texels)):
        p = np.empty(3, np.float64)
        axis, sign = face_centre(place, texels[i], p)
        nx = sign if axis == 0 else 0.0
        ny = sign if axis == 1 else 0.0
        nz = sign if axis == 2 else 0.0
        probe_weights(voxels, probe_of_cell, position, p[0], p[1], p[2], nx, ny, nz, index[i], weight[i])
