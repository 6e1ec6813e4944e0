"""From probes to surfaces: the weights with which a texel sees the probes around it.

Classical part: trilinear over the 8 probes of the cells around the texel, probes behind the surface cut, and only
probes that the texel really sees (an exact ray each): closed rooms stay dark. Learned part: a small network looks at
the occupancy around the texel and at its probes' room and offsets, and gives 18 numbers that say how much of each
latent channel of each local side to add. Its inputs are geometry only, so its outputs are cached like the weights.

"""

import math

import numpy as np
from numba import njit, prange

from engine.light.surface import face_centre
from engine.light.trace import is_clear

LIFT_M = 0.25  # the point that looks for its cell is lifted off the surface, so that cells inside walls count less
PATCH_BINS = np.array([0, 0, 1, 1, 2, 3, 4, 5, 5, 6, 6], np.int32)  # of voxel offsets -5..5 along u and v: 7 bins
PATCH_BIN_WIDTH = np.array([2, 2, 1, 1, 1, 2, 2], np.float32)
HEIGHT_BINS = np.array([0, 1, 2, 2, 3, 3], np.int32)  # of voxels 0..5 above the surface: 4 bins
HEIGHT_BIN_WIDTH = np.array([1, 1, 2, 2], np.float32)
PATCH = 7 * 7 * 4


@njit(cache=True)
def probe_weights(voxels, probe_of_cell, position, px, py, pz, nx, ny, nz, index, weight):
    """The 8 probes that a point with a normal sees and their weights (sum 1, or all 0 if it sees none).

    A zero normal is allowed: a point in the air, which has no back.
    """
    cx, cy, cz = probe_of_cell.shape
    qx, qy, qz = px + LIFT_M * nx - 0.5, py + LIFT_M * ny - 0.5, pz + LIFT_M * nz - 0.5
    bx, by, bz = int(math.floor(qx)), int(math.floor(qy)), int(math.floor(qz))
    fx, fy, fz = qx - bx, qy - by, qz - bz
    ox, oy, oz = px + 0.02 * nx, py + 0.02 * ny, pz + 0.02 * nz
    total = 0.0
    for j in range(8):
        index[j] = 0
        weight[j] = 0.0
        ix, iy, iz = j & 1, (j >> 1) & 1, j >> 2
        x, y, z = bx + ix, by + iy, bz + iz
        if x < 0 or y < 0 or z < 0 or x >= cx or y >= cy or z >= cz:
            continue
        p = probe_of_cell[x, y, z]
        if p < 0:
            continue
        index[j] = p
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
            weight[j] = w
            total += w
    if total > 1e-6:
        for j in range(8):
            weight[j] /= total
        return
    # None of the 8 is seen (a niche, a crack): those seen within two cells, by inverse square distance.
    n = 0
    total = 0.0
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
def texel_weights(voxels, place, probe_of_cell, position, texels, index, weight):
    """`probe_weights` of some texels: fills index [T, 8] int32 and weight [T, 8] f32 at their rows."""
    for i in prange(len(texels)):
        t = texels[i]
        p = np.empty(3, np.float64)
        axis, sign = face_centre(place, t, p)
        nx = sign if axis == 0 else 0.0
        ny = sign if axis == 1 else 0.0
        nz = sign if axis == 2 else 0.0
        probe_weights(voxels, probe_of_cell, position, p[0], p[1], p[2], nx, ny, nz, index[t], weight[t])


@njit(cache=True)
def occupancy_patch(grid, x, y, z, side, out):
    """Share of solid voxels in 7 x 7 x 4 bins above a face ([u][v][height], flattened); beyond the grid is air."""
    nx, ny, nz = grid.shape
    axis, sign = side // 2, 1 - 2 * (side % 2)
    ua, va = (axis + 1) % 3, (axis + 2) % 3
    out[:] = 0.0
    at = np.empty(3, np.int64)
    for h in range(6):
        for du in range(-5, 6):
            for dv in range(-5, 6):
                at[0], at[1], at[2] = x, y, z
                at[axis] += sign * (h + 1)
                at[ua] += du
                at[va] += dv
                if at[0] < 0 or at[1] < 0 or at[2] < 0 or at[0] >= nx or at[1] >= ny or at[2] >= nz:
                    continue
                if grid[at[0], at[1], at[2]] != 0:
                    u, v, k = PATCH_BINS[du + 5], PATCH_BINS[dv + 5], HEIGHT_BINS[h]
                    out[(u * 7 + v) * 4 + k] += 1.0 / (PATCH_BIN_WIDTH[u] * PATCH_BIN_WIDTH[v] * HEIGHT_BIN_WIDTH[k])


@njit(cache=True)
def local_side(axis, sign, f):
    """World side of a face's local side f in the order +u, -u, +v, -v, +n, -n."""
    if f < 2:
        return 2 * ((axis + 1) % 3) + f
    if f < 4:
        return 2 * ((axis + 2) % 3) + (f - 2)
    outward = 2 * axis + (0 if sign > 0 else 1)
    return outward if f == 4 else outward ^ 1


@njit(cache=True)
def probe_means(place, t, index, weight, position, clearance, mean_clearance, mean_offset):
    """Means over a texel's probes, in its local frame: clearance by local side [6] and offset (u, v, n) [3] metres."""
    p = np.empty(3, np.float64)
    axis, sign = face_centre(place, t, p)
    ua, va = (axis + 1) % 3, (axis + 2) % 3
    mean_clearance[:] = 0.0
    mean_offset[:] = 0.0
    for j in range(8):
        w = weight[t, j]
        if w == 0.0:
            continue
        q = index[t, j]
        for f in range(6):
            mean_clearance[f] += w * clearance[q, local_side(axis, sign, f)]
        mean_offset[0] += w * (position[q, ua] - p[ua])
        mean_offset[1] += w * (position[q, va] - p[va])
        mean_offset[2] += w * (position[q, axis] - p[axis]) * sign


@njit(parallel=True, cache=True)
def texel_features(grid, place, index, weight, position, clearance, texels, patch, mean_clearance, mean_offset):
    """What the network sees of some texels: patch [n, 196], clearance [n, 6], offset [n, 3]."""
    for i in prange(len(texels)):
        t = texels[i]
        occupancy_patch(grid, place[t, 0], place[t, 1], place[t, 2], place[t, 3], patch[i])
        probe_means(place, t, index, weight, position, clearance, mean_clearance[i], mean_offset[i])


@njit(parallel=True, cache=True)
def texel_residuals(grid, place, index, weight, position, clearance, texels, rows, w1, b1, w2, b2, w3, b3, residual):
    """Run the network on some texels; residual [R, 18] is written at `rows`. Weights are [in, out].

    196 -> 16 -> (+ 6 clearances + 3 offsets) -> 24 -> 18, leaky rectifier 0.1: what `network.forward` does in numpy.
    """
    for i in prange(len(texels)):
        t = texels[i]
        patch = np.empty(PATCH, np.float32)
        clear = np.empty(6, np.float32)
        offset = np.empty(3, np.float32)
        occupancy_patch(grid, place[t, 0], place[t, 1], place[t, 2], place[t, 3], patch)
        probe_means(place, t, index, weight, position, clearance, clear, offset)
        n1, n2, n3 = len(b1), len(b2), len(b3)
        x = np.empty(n1 + 9, np.float32)
        for o in range(n1):
            x[o] = b1[o]
        for k in range(PATCH):
            if patch[k] != 0.0:
                for o in range(n1):
                    x[o] += patch[k] * w1[k, o]
        for o in range(n1):
            x[o] = max(x[o], np.float32(0.1) * x[o])
        for f in range(6):
            x[n1 + f] = clear[f]
        for f in range(3):
            x[n1 + 6 + f] = offset[f]
        y = b2.copy()
        for k in range(n1 + 9):
            for o in range(n2):
                y[o] += x[k] * w2[k, o]
        for o in range(n2):
            y[o] = max(y[o], np.float32(0.1) * y[o])
        out = residual[rows[i]]
        for o in range(n3):
            out[o] = b3[o]
        for k in range(n2):
            for o in range(n3):
                out[o] += y[k] * w3[k, o]


@njit(parallel=True, cache=True)
def texel_light(place, index, weight, latent, residual, texels, rows, e):
    """Indirect e of some texels: e [R, 3] at `rows`, from latents [P, 6, 3, 3] and residuals [R, 18].

    e = sum over probes, local sides f and channels c of weight * (residual[f, c] + [f is outward and c is 0]) *
    latent: linear in light.
    """
    for i in prange(len(texels)):
        t, row = texels[i], rows[i]
        side = place[t, 3]
        axis, sign = side // 2, 1 - 2 * (side % 2)
        red, green, blue = np.float32(0.0), np.float32(0.0), np.float32(0.0)
        for f in range(6):
            world_side = local_side(axis, sign, f)
            for c in range(3):
                gain = residual[row, f * 3 + c]
                if f == 4 and c == 0:
                    gain += np.float32(1.0)
                if gain == 0.0:
                    continue
                for j in range(8):
                    w = weight[t, j] * gain
                    p = index[t, j]
                    red += w * latent[p, world_side, c, 0]
                    green += w * latent[p, world_side, c, 1]
                    blue += w * latent[p, world_side, c, 2]
        e[row, 0] = red
        e[row, 1] = green
        e[row, 2] = blue
