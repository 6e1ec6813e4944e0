"""Interpolation: the probes that a point sees, their weights, and the light that these give.

Trilinear over the 8 probes of the cells around the point, probes behind the surface cut, and only probes that it really
sees (an exact ray each), so that closed rooms stay dark. Light bounces along these weights; the classical look and
moving bodies are lit by them.
"""

import math

import numpy as np
from numba import njit, prange

from engine.light.surface import face_centre
from engine.light.trace import NOTHING, first_hit, is_clear, unit_hash

MOST_DOWN_M = 64  # how far below a point in the air its probes may lie
NEAR_M = 0.5  # what lies nearer before a texel no probe tells it of: they stand a metre apart
NEAR_VOXELS = 2  # the same in voxels
NEAR_RAYS = 32
NEAR_WHOLE = NEAR_RAYS + 1
WHOLE = 255  # what the weights of a texel add up to
LIFT_M = 0.25  # the point that looks for its cell is lifted off the surface, so that cells inside walls count less


@njit(cache=True)
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


@njit(cache=True)
def air_weights(voxels, probe_of_cell, position, px, py, pz, index, weight):
    """`probe_weights` of a point in the air; high up, where there are no probes, those of the first place below it that
    sees any: the light there is that of open air over the same ground.
    """
    for down in range(MOST_DOWN_M):
        if pz - down < 0.0:
            return
        probe_weights(voxels, probe_of_cell, position, px, py, pz - down, 0.0, 0.0, 0.0, index, weight)
        for j in range(8):
            if weight[j] != 0.0:
                return


@njit(cache=True)
def _first_cell(place, t, axis):
    """The lowest of the cells around texel t along an axis: what `probe_weights` rounds down, in eighths of a metre."""
    side = place[t, 3]
    towards = 3 - 6 * (side % 2) if side // 2 == axis else 0  # half a voxel and LIFT_M along the normal
    return (2 * place[t, axis] + 1 + towards - 4) >> 3


@njit(cache=True)
def cell_around(place, t, shape):
    """Where in a flat table of cells of some shape the cells around texel t lie: `cell_step` leads from there."""
    return (_first_cell(place, t, 0) * shape[1] + _first_cell(place, t, 1)) * shape[2] + _first_cell(place, t, 2)


@njit(cache=True)
def cell_step(code, shape):
    """From `cell_around` to the cell that a byte of `where` says."""
    return (((code >> 4) - 1) * shape[1] + (code >> 2 & 3) - 1) * shape[2] + (code & 3) - 1


@njit(cache=True)
def bricks_around(cell):
    """The first and the last brick along an axis with a texel around which a cell may lie: a brick is two cells, its
    texels' first cells begin one before it and end on its last, and `cell_step` leads from one before to two behind.
    """
    return (cell - 2) // 2, (cell + 2) // 2


@njit(cache=True)
def probe_seen(where, place, probe_of_cell, t, j):
    """The probe that the weight j of texel t belongs to; where [T, 8] says in which cell around the texel it is."""
    shape = probe_of_cell.shape
    return probe_of_cell.reshape(-1)[cell_around(place, t, shape) + cell_step(where[t, j], shape)]


@njit(parallel=True, cache=True)
def texel_weights(voxels, place, probe_of_cell, position, cell, texels, where, weight):
    """`probe_weights` of some texels: weight [T, 8] u8 in 1 / WHOLE, 0 where they see none, and where [T, 8] u8
    (`probe_seen`).
    """
    for i in prange(len(texels)):
        t = texels[i]
        p, index, exact = np.empty(3, np.float64), np.empty(8, np.int32), np.empty(8, np.float32)
        axis, sign = face_centre(place, t, p)
        nx = sign if axis == 0 else 0.0
        ny = sign if axis == 1 else 0.0
        nz = sign if axis == 2 else 0.0
        probe_weights(voxels, probe_of_cell, position, p[0], p[1], p[2], nx, ny, nz, index, exact)
        total, given = 0.0, 0
        for j in range(8):
            total += exact[j]
            upto = int(total * WHOLE + 0.5)  # what one is rounded up by the next go short of: the sum stays whole
            weight[t, j] = upto - given
            given = upto
            where[t, j] = 0
            if index[j] >= 0:
                for c in range(3):  # -1..2 along each axis
                    where[t, j] = where[t, j] * 4 + cell[index[j], c] - _first_cell(place, t, c) + 1


@njit(parallel=True, cache=True)
def look_into(place, texels, low, high, out):
    """Which of some texels [n] look for probes in a box, or through one: low..high [m, 3] metres. All that they read is
    in the cells around them, or between these and them.
    """
    for i in prange(len(texels)):
        t = texels[i]
        first, last = np.empty(3, np.float64), np.empty(3, np.float64)
        for axis in range(3):
            cell, here = _first_cell(place, t, axis), 0.25 * place[t, axis]
            first[axis], last[axis] = min(cell - 1.0, here), max(cell + 3.0, here + 0.25)
        out[i] = False
        for b in range(len(low)):
            apart = False
            for axis in range(3):
                apart |= low[b, axis] > last[axis] or high[b, axis] < first[axis]
            out[i] |= not apart


@njit(cache=True)
def _is_open(grid, x, y, z, axis, step):
    """Whether nothing stands so near before a face of voxel (x, y, z) that a ray of NEAR_M could meet it."""
    low, high = np.array((x, y, z)) - NEAR_VOXELS, np.array((x, y, z)) + NEAR_VOXELS
    at = (x, y, z)[axis]
    low[axis], high[axis] = min(at + step, at + NEAR_VOXELS * step), max(at + step, at + NEAR_VOXELS * step)
    for i in range(max(low[0], 0), min(high[0] + 1, grid.shape[0])):
        for j in range(max(low[1], 0), min(high[1] + 1, grid.shape[1])):
            for k in range(max(low[2], 0), min(high[2] + 1, grid.shape[2])):
                if grid[i, j, k] != 0:
                    return False
    return True


@njit(parallel=True, cache=True)
def near_shares(voxels, place, texels, near):
    """Share of what some texels see, by the cosine law, that lies nearer than NEAR_M: near [T] u8, so many of
    NEAR_WHOLE; never all, something always comes from afar.
    """
    for i in prange(len(texels)):
        t = texels[i]
        near[t] = 0
        p, d = np.empty(3, np.float64), np.empty(3, np.float64)
        axis, sign = face_centre(place, t, p)
        if _is_open(voxels.material, place[t, 0], place[t, 1], place[t, 2], axis, int(sign)):
            continue
        turn = unit_hash(place[t, 0], place[t, 1], place[t, 2], place[t, 3] + 31)
        hits = 0
        for k in range(NEAR_RAYS):
            axis, sign = face_centre(place, t, p)
            u, v = (axis + 1) % 3, (axis + 2) % 3
            r2, angle = (k + 0.5) / NEAR_RAYS, 2.0 * math.pi * (k * 0.6180339887498949 + turn)
            d[u], d[v], d[axis] = (
                math.sqrt(r2) * math.cos(angle),
                math.sqrt(r2) * math.sin(angle),
                sign * math.sqrt(1.0 - r2),
            )
            p[u] += 0.25 * ((k * 0.7548776662466927 + turn) % 1.0 - 0.5)  # R2 sequence, as in gather.texel_ray
            p[v] += 0.25 * ((k * 0.5698402909980532 + turn) % 1.0 - 0.5)
            p[axis] += 1e-3 * sign
            _, side, _, _, _ = first_hit(voxels, p[0], p[1], p[2], d[0], d[1], d[2], NEAR_M)
            hits += side != NOTHING
        near[t] = hits


@njit(parallel=True, cache=True)
def probe_light(place, where, weight, probe_of_cell, side_light, texels, rows, e):
    """Indirect e [R, 3] at `rows` as the classical look has it: side_light [P, 6, 3] of the probes it sees."""
    for i in prange(len(texels)):
        t, row = texels[i], rows[i]
        e[row] = 0.0
        for j in range(8):
            w = np.float32(weight[t, j]) / np.float32(WHOLE)
            if w != 0.0:
                p = probe_seen(where, place, probe_of_cell, t, j)
                for c in range(3):
                    e[row, c] += w * side_light[p, place[t, 3], c]
