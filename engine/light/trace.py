"""Rays through the voxel grid: a digital differential analyser that leaps, and the directions that probes look in.

Amanatides and Woo, "A Fast Voxel Traversal Algorithm for Ray Tracing", Eurographics 1987; the leaps are those of Cohen
and Sheffer, "Proximity clouds - an acceleration technique for 3D grid traversal", The Visual Computer 11, 1994, for
each octant of directions apart: where n x n x n cubes of 2 x 2 x 2 voxels ahead of a ray hold nothing (see gaps), it
goes on to where it leaves them.

A ray crosses the planes between voxels in one order: by the time of each, which is worked out from the plane alone, and
of those crossed at once z's come first, then y's, then x's. A leap passes the planes that single steps pass, so gaps do
not change where a ray arrives by a bit; nor do voxels that it does not meet, and no fast-math is allowed. That is what
lets a cache trace again only the rays that cross a change. A ray that climbs above the highest occupied brick is gone.

Positions and distances are metres. A *side* is 2 * axis, plus 1 if the face looks towards the negative end of that
axis.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.core.units import BRICK
from engine.light.compiled import leaf
from engine.light.gaps import gaps_of

NOTHING = -1  # the ray left the grid or passed t_max
INSIDE = -2  # the ray began in a solid voxel
NEVER = 1e30  # between crossings of planes that a ray runs along
LEAST_LEAP = 2  # cubes (see gaps): to leap over less costs more than to step

RAYS = 64  # per probe: 128 won 0.8 dB by day and cost twice as much (prototype measurements)


class Voxels(NamedTuple):
    """What rays walk through. A named tuple, so that compiled code takes it as one argument."""

    material: NDArray[np.uint8]  # [X, Y, Z] 0 = air
    occupied: NDArray[np.bool_]  # [BX, BY, n] bricks that hold anything, cut off above the highest
    gap: NDArray[np.uint8]  # [4, X / 2, Y / 2, 4 n] see gaps


def voxels_of(grid: NDArray[np.uint8]) -> Voxels:
    """What rays need to know of a grid [X, Y, Z], whose sizes are multiples of 8."""
    occupied = occupied_bricks(grid)
    return Voxels(grid, occupied, gaps_of(grid, occupied.shape[2]))


def occupied_bricks(grid: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which bricks hold any solid voxel: [BX, BY, n], cut off above the highest (n >= 1)."""
    x, y, z = (n // BRICK for n in grid.shape)
    columns = np.ascontiguousarray(grid).view(np.uint64)  # 8 voxels along z at once
    occupied = (columns.reshape(x, BRICK, y, BRICK, z).max(axis=(1, 3))) != 0
    layers = np.flatnonzero(occupied.any((0, 1)))
    return np.ascontiguousarray(occupied[:, :, : int(layers.max(initial=0)) + 1])


@leaf
def _planes(p, d):
    """How a ray crosses the planes of an axis: which way it steps, and `ahead` and `delta`, such that it leaves the
    cell c at the time (c + ahead) * delta.
    """
    if d == 0.0:
        return 1, 1.0 - p, NEVER
    return (1 if d > 0.0 else -1), (1.0 if d > 0.0 else 0.0) - p, min(max(1.0 / d, -NEVER), NEVER)


@leaf
def _cell_at(p, d, step, ahead, delta, cell, t, is_tie_passed):
    """The cell of an axis that a ray is in at a time t, when it has come as far as `cell`. A plane that is met at just
    that time may be passed or not.
    """
    c = int(math.floor(p + d * t))  # right but for rounding; what counts is when planes are crossed
    while (c + ahead) * delta < t or (is_tie_passed and (c + ahead) * delta == t):
        c += step
    while c != cell and not ((c - step + ahead) * delta < t or (is_tie_passed and (c - step + ahead) * delta == t)):
        c -= step
    return c


@leaf
def first_hit(voxels, ox, oy, oz, dx, dy, dz, t_max):
    """First solid voxel along a ray: (t, side, x, y, z). `d` is of unit length; side is NOTHING or INSIDE if none. A
    ray that meets nothing ends at t_max, in no voxel: -1, -1, -1.
    """
    grid, gap = voxels.material, voxels.gap
    nx, ny, nz = grid.shape
    top = 2 * gap.shape[3]
    px, py, pz = ox * 4.0, oy * 4.0, oz * 4.0
    x, y, z = int(math.floor(px)), int(math.floor(py)), int(math.floor(pz))
    if x < 0 or y < 0 or z < 0 or x >= nx or y >= ny or z >= nz:
        return t_max, NOTHING, -1, -1, -1
    step_x, ahead_x, delta_x = _planes(px, dx)
    step_y, ahead_y, delta_y = _planes(py, dy)
    step_z, ahead_z, delta_z = _planes(pz, dz)
    way, half = (1 if step_x > 0 else 0) + (2 if step_y > 0 else 0), 0 if step_z > 0 else 4
    next_x, next_y, next_z = (x + ahead_x) * delta_x, (y + ahead_y) * delta_y, (z + ahead_z) * delta_z
    t, axis, limit = 0.0, -1, t_max * 4.0
    while True:
        if z < top:
            n = int(gap[way, x >> 1, y >> 1, z >> 1]) >> half & 15
            if n == 0 and grid[x, y, z] != 0:
                break
        elif dz >= 0.0:
            return t_max, NOTHING, -1, -1, -1
        else:
            n = (z - top >> 1) + 1
        if n < LEAST_LEAP:
            if next_x < next_y and next_x < next_z:
                t, axis = next_x, 0
                x += step_x
                next_x = (x + ahead_x) * delta_x
            elif next_y < next_z:
                t, axis = next_y, 1
                y += step_y
                next_y = (y + ahead_y) * delta_y
            else:
                t, axis = next_z, 2
                z += step_z
                next_z = (z + ahead_z) * delta_z
        else:
            m = 2 * (n - 1)  # from the cell's own cube to the last in the box, where the ray leaves along an axis
            last_x = (x | 1) + m if step_x > 0 else (x & -2) - m
            last_y = (y | 1) + m if step_y > 0 else (y & -2) - m
            last_z = (z | 1) + m if step_z > 0 else (z & -2) - m
            tx, ty, tz = (last_x + ahead_x) * delta_x, (last_y + ahead_y) * delta_y, (last_z + ahead_z) * delta_z
            if tx < ty and tx < tz:
                t, axis = tx, 0
                x = last_x + step_x
                y = _cell_at(py, dy, step_y, ahead_y, delta_y, y, t, True)
                z = _cell_at(pz, dz, step_z, ahead_z, delta_z, z, t, True)
            elif ty < tz:
                t, axis = ty, 1
                x = _cell_at(px, dx, step_x, ahead_x, delta_x, x, t, False)
                y = last_y + step_y
                z = _cell_at(pz, dz, step_z, ahead_z, delta_z, z, t, True)
            else:
                t, axis = tz, 2
                x = _cell_at(px, dx, step_x, ahead_x, delta_x, x, t, False)
                y = _cell_at(py, dy, step_y, ahead_y, delta_y, y, t, False)
                z = last_z + step_z
            next_x, next_y, next_z = (x + ahead_x) * delta_x, (y + ahead_y) * delta_y, (z + ahead_z) * delta_z
        if t > limit or x < 0 or y < 0 or z < 0 or x >= nx or y >= ny or z >= nz:
            return t_max, NOTHING, -1, -1, -1
    if axis < 0:
        return 0.0, INSIDE, x, y, z
    step = step_x if axis == 0 else (step_y if axis == 1 else step_z)
    return t * 0.25, 2 * axis + (1 if step > 0 else 0), x, y, z


@leaf
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


@leaf
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


@leaf
def one_over(d):
    """One over a number, or what counts as infinite."""
    return 1.0 / d if abs(d) > 1e-12 else 1e12


@leaf
def distance2_to_box(p, low, high):
    """Squared metres from a point [3] to a box low..high [3]; 0 inside."""
    d2 = 0.0
    for axis in range(3):
        d = max(low[axis] - p[axis], 0.0, p[axis] - high[axis])
        d2 += d * d
    return d2


@leaf
def misses_wider(ox, oy, oz, px, py, pz, t_max, low, high, wide_x, wide_y, wide_z):
    """`misses_box` of a box that is so much wider to all sides."""
    x0, x1 = (low[0] - wide_x - ox) * px, (high[0] + wide_x - ox) * px
    y0, y1 = (low[1] - wide_y - oy) * py, (high[1] + wide_y - oy) * py
    z0, z1 = (low[2] - wide_z - oz) * pz, (high[2] + wide_z - oz) * pz
    first = max(max(min(x0, x1), min(y0, y1)), max(min(z0, z1), 0.0))
    return first > min(min(max(x0, x1), max(y0, y1)), min(max(z0, z1), t_max))


@leaf
def misses_box(ox, oy, oz, px, py, pz, t_max, low, high):
    """Whether a segment from o passes by a box; p is `one_over` its direction, axis by axis. `crosses_box` for many
    boxes on one way: that divides six times for each.
    """
    return misses_wider(ox, oy, oz, px, py, pz, t_max, low, high, 0.0, 0.0, 0.0)


@leaf
def hash3(x, y, z, salt):
    """A 32-bit hash of a place (finaliser of Murmur3): randomness that belongs to a place, not to an order of work."""
    h = (x * 73856093) ^ (y * 19349663) ^ (z * 83492791) ^ (salt * 2654435761)
    h = h & 0xFFFFFFFF
    h = ((h ^ (h >> 16)) * 0x85EBCA6B) & 0xFFFFFFFF
    h = ((h ^ (h >> 13)) * 0xC2B2AE35) & 0xFFFFFFFF
    return h ^ (h >> 16)


@leaf
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
