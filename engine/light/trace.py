"""Rays through the voxel grid: a plain digital differential analyser, and the directions that probes look in.

Amanatides and Woo, "A Fast Voxel Traversal Algorithm for Ray Tracing", Eurographics 1987. The steps never depend on
what other voxels hold, and no fast-math is allowed, so a ray's result is the same bits however many rays are traced
with it: that is what lets a cache trace again only the rays that cross a change.

Empty bricks are stepped through without reading their voxels, and a ray that climbs above the highest occupied brick
is gone; neither changes where a ray arrives. Positions and distances are metres. A *side* is 2 * axis, plus 1 if the
face looks towards the negative end of that axis.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.core.units import BRICK

NOTHING = -1  # the ray left the grid or passed t_max
INSIDE = -2  # the ray began in a solid voxel

RAYS = 64  # per probe: 128 won 0.8 dB by day and cost twice as much (prototype measurements)


class Voxels(NamedTuple):
    """What rays walk through. A named tuple, so that compiled code takes it as one argument."""

    material: NDArray[np.uint8]  # [X, Y, Z] 0 = air
    occupied: NDArray[np.bool_]  # [BX, BY, n] bricks that hold anything, cut off above the highest


def occupied_bricks(grid: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which bricks hold any solid voxel: [BX, BY, n], cut off above the highest (n >= 1)."""
    x, y, z = (n // BRICK for n in grid.shape)
    columns = np.ascontiguousarray(grid).view(np.uint64)  # 8 voxels along z at once
    occupied = (columns.reshape(x, BRICK, y, BRICK, z).max(axis=(1, 3))) != 0
    layers = np.flatnonzero(occupied.any((0, 1)))
    return np.ascontiguousarray(occupied[:, :, : int(layers.max(initial=0)) + 1])


@njit(cache=True)
def first_hit(voxels, ox, oy, oz, dx, dy, dz, t_max):
    """First solid voxel along a ray: (t, side, x, y, z). `d` is of unit length; side is NOTHING or INSIDE if none."""
    grid, occupied = voxels.material, voxels.occupied
    nx, ny, nz = grid.shape
    top = occupied.shape[2] * 8
    px, py, pz = ox * 4.0, oy * 4.0, oz * 4.0
    x, y, z = int(math.floor(px)), int(math.floor(py)), int(math.floor(pz))
    if x < 0 or y < 0 or z < 0 or x >= nx or y >= ny or z >= nz:
        return t_max, NOTHING, x, y, z
    if grid[x, y, z] != 0:
        return 0.0, INSIDE, x, y, z
    far = 1e30
    step_x, step_y, step_z = 1, 1, 1
    next_x, next_y, next_z = far, far, far
    delta_x, delta_y, delta_z = far, far, far
    if dx > 0.0:
        delta_x = 1.0 / dx
        next_x = (x + 1 - px) * delta_x
    elif dx < 0.0:
        step_x = -1
        delta_x = -1.0 / dx
        next_x = (px - x) * delta_x
    if dy > 0.0:
        delta_y = 1.0 / dy
        next_y = (y + 1 - py) * delta_y
    elif dy < 0.0:
        step_y = -1
        delta_y = -1.0 / dy
        next_y = (py - y) * delta_y
    if dz > 0.0:
        delta_z = 1.0 / dz
        next_z = (z + 1 - pz) * delta_z
    elif dz < 0.0:
        step_z = -1
        delta_z = -1.0 / dz
        next_z = (pz - z) * delta_z
    limit = t_max * 4.0
    while True:
        if next_x < next_y and next_x < next_z:
            t, side = next_x, (1 if step_x > 0 else 0)
            x += step_x
            next_x += delta_x
            if t > limit or x < 0 or x >= nx:
                return t_max, NOTHING, x, y, z
        elif next_y < next_z:
            t, side = next_y, (3 if step_y > 0 else 2)
            y += step_y
            next_y += delta_y
            if t > limit or y < 0 or y >= ny:
                return t_max, NOTHING, x, y, z
        else:
            t, side = next_z, (5 if step_z > 0 else 4)
            z += step_z
            next_z += delta_z
            if t > limit or z < 0 or z >= nz or (step_z > 0 and z >= top):
                return t_max, NOTHING, x, y, z
        if z < top and occupied[x >> 3, y >> 3, z >> 3] and grid[x, y, z] != 0:
            return t * 0.25, side, x, y, z


@njit(cache=True)
def is_clear(voxels, ox, oy, oz, tx, ty, tz, short):
    """Whether nothing solid lies between a point and a target; the last `short` metres are not looked at."""
    dx, dy, dz = tx - ox, ty - oy, tz - oz
    r = math.sqrt(dx * dx + dy * dy + dz * dz)
    if r <= short:
        return True
    _, side, _, _, _ = first_hit(voxels, ox, oy, oz, dx / r, dy / r, dz / r, r - short)
    return side == NOTHING


def first_hit_reference(
    grid: NDArray[np.uint8], origin: NDArray[np.float64], direction: NDArray[np.float64], step_m: float = 1e-3
) -> float:
    """Slow definition of `first_hit`: march in tiny steps until a solid voxel; metres, or inf. For tests."""
    t = 0.0
    while True:
        cell = np.floor((origin + direction * t) * 4).astype(int)
        if (cell < 0).any() or (cell >= grid.shape).any():
            return math.inf
        if grid[tuple(cell)]:
            return t
        t += step_m


@njit(cache=True)
def crosses_box(ox, oy, oz, dx, dy, dz, t_max, low, high):
    """Whether a segment touches a box (slab test, Kay and Kajiya 1986); the caller widens the box by its own margin."""
    t0, t1 = 0.0, t_max
    for axis in range(3):
        o = ox if axis == 0 else (oy if axis == 1 else oz)
        d = dx if axis == 0 else (dy if axis == 1 else dz)
        if abs(d) < 1e-12:
            if o < low[axis] or o > high[axis]:
                return False
            continue
        a, b = (low[axis] - o) / d, (high[axis] - o) / d
        t0, t1 = max(t0, min(a, b)), min(t1, max(a, b))
    return t0 <= t1


@njit(cache=True)
def hash3(x, y, z, salt):
    """A 32-bit hash of a place (finaliser of Murmur3): randomness that belongs to a place, not to an order of work."""
    h = (x * 73856093) ^ (y * 19349663) ^ (z * 83492791) ^ (salt * 2654435761)
    h = h & 0xFFFFFFFF
    h = ((h ^ (h >> 16)) * 0x85EBCA6B) & 0xFFFFFFFF
    h = ((h ^ (h >> 13)) * 0xC2B2AE35) & 0xFFFFFFFF
    return h ^ (h >> 16)


@njit(cache=True)
def unit_hash(x, y, z, salt):
    """A number in [0, 1) that belongs to a place."""
    return hash3(x, y, z, salt) / 4294967296.0


def fibonacci_directions(n: int) -> NDArray[np.float32]:
    """n unit vectors spread evenly over the sphere (Fibonacci lattice): [n, 3]."""
    i = np.arange(n) + 0.5
    z = 1 - 2 * i / n
    angle = i * np.pi * (3 - 5**0.5)
    r = np.sqrt(1 - z * z)
    return np.stack([r * np.cos(angle), r * np.sin(angle), z], 1).astype(np.float32)
