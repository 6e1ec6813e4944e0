"""Light on moving bodies: they are not in the grid, so they read the probes around them.

Each box-shaped part of a body has 8 corners; at each corner the light from the six directions is interpolated from
the probes that the corner sees, and one ray per lamp says whether that lamp reaches it. A vertex blends the corners
of its part and weighs directions by its squared normal (the ambient cube of McTaggart, "Half-Life 2 / Valve Source
Shading", GDC 2004); lamps use the vertex's own normal."""

import math

import numpy as np
from numba import njit, prange

from engine.light.decode import probe_weights
from engine.light.trace import is_clear


@njit(parallel=True, cache=True)
def corner_light(
    voxels, probe_of_cell, probe_position, side_light, corner, lamp_centre, lamp_size, lamp_reach, cube, reaches
):  # type: ignore[no-untyped-def]
    """Ambient cubes cube [n, 6, 3] at corners [n, 3] (metres) and which lamps reach them, reaches [n, L] uint8."""
    for i in prange(len(corner)):
        index = np.empty(8, np.int32)
        weight = np.empty(8, np.float32)
        x, y, z = corner[i, 0], corner[i, 1], corner[i, 2]
        probe_weights(voxels, probe_of_cell, probe_position, x, y, z, 0.0, 0.0, 0.0, index, weight)
        cube[i] = 0.0
        for j in range(8):
            if weight[j] != 0.0:
                for side in range(6):
                    for c in range(3):
                        cube[i, side, c] += weight[j] * side_light[index[j], side, c]
        for lamp in range(len(lamp_centre)):
            dx, dy, dz = lamp_centre[lamp, 0] - x, lamp_centre[lamp, 1] - y, lamp_centre[lamp, 2] - z
            r = math.sqrt(dx * dx + dy * dy + dz * dz)
            reaches[i, lamp] = 0
            if r < lamp_reach[lamp]:
                short = 0.5 * min(lamp_size[lamp, 0], lamp_size[lamp, 1], lamp_size[lamp, 2])
                reaches[i, lamp] = is_clear(voxels, x, y, z, x + dx, y + dy, z + dz, short)


@njit(parallel=True, cache=True)
def vertex_light(position, normal, first_corner, blend, cube, reaches, lamp_centre, lamp_area, lamp_radiance, e):  # type: ignore[no-untyped-def]
    """e [V, 3] at vertices: `first_corner` [V] is the first of the part's 8 corners, `blend` [V, 3] where in the part
    (0..1).
    """
    for i in prange(len(position)):
        e[i] = 0.0
        for j in range(8):
            w = (
                (blend[i, 0] if j & 1 else 1 - blend[i, 0])
                * (blend[i, 1] if j & 2 else 1 - blend[i, 1])
                * (blend[i, 2] if j & 4 else 1 - blend[i, 2])
            )
            if w == 0.0:
                continue
            k = first_corner[i] + j
            for axis in range(3):
                n = normal[i, axis]
                side = 2 * axis + (1 if n < 0 else 0)
                for c in range(3):
                    e[i, c] += w * n * n * cube[k, side, c]
            for lamp in range(len(lamp_centre)):
                if not reaches[k, lamp]:
                    continue
                dx = lamp_centre[lamp, 0] - position[i, 0]
                dy = lamp_centre[lamp, 1] - position[i, 1]
                dz = lamp_centre[lamp, 2] - position[i, 2]
                r2 = dx * dx + dy * dy + dz * dz
                cosine = (dx * normal[i, 0] + dy * normal[i, 1] + dz * normal[i, 2]) / math.sqrt(r2 + 1e-9)
                if cosine > 0.0:
                    f = w * cosine * lamp_area[lamp] / (math.pi * r2 + lamp_area[lamp])
                    for c in range(3):
                        e[i, c] += f * lamp_radiance[lamp, c]
