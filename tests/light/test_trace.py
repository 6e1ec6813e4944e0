import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from engine.light.gaps import WAYS
from engine.light.trace import (
    LEAST_LEAP,
    NOTHING,
    Voxels,
    crosses_box,
    fibonacci_directions,
    first_hit,
    first_hit_reference,
    misses_box,
    one_over,
    voxels_of,
)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_hits_are_those_of_the_slow_march(seed: int) -> None:
    random = np.random.default_rng(seed)
    grid = (random.random((16, 24, 16)) < 0.04).astype(np.uint8)
    grid[:, :, 12:] = 0
    voxels = voxels_of(grid)
    for _ in range(4):
        origin = random.uniform(0.1, [3.9, 5.9, 3.9])
        direction = random.normal(size=3)
        direction /= np.linalg.norm(direction)
        t, side, x, y, z = first_hit(voxels, *origin, *direction, 1e4)
        slow = first_hit_reference(grid, origin, direction)
        if side == NOTHING:
            # The march may cut a corner that the ray passes by less than its step, never the other way round.
            assert math.isinf(slow)
        elif side >= 0:
            assert t <= slow + 1e-9
            assert grid[x, y, z] != 0
            if not math.isinf(slow):
                assert slow - t < 0.3
            face = origin[side // 2] + t * direction[side // 2]
            assert abs(face * 4 - round(face * 4)) < 1e-6
            assert direction[side // 2] * (1 - 2 * (side % 2)) < 0


def rays(random: np.random.Generator, size: tuple[int, ...], n: int) -> np.ndarray:
    """Rays (origin, direction, t_max) through a grid and past it [n, 7]: many on planes, along axes and diagonals."""
    metres = np.array(size) / 4
    origin = random.uniform(-0.1, 1.1, (n, 3)) * metres
    to_plane = random.random((n, 3)) < 0.3
    origin[to_plane] = np.round(origin * 4)[to_plane] / 4
    middle = random.random(n) < 0.3
    origin[middle] = np.floor(origin[middle] * 4) / 4 + random.choice([0.125, 0.0625], (middle.sum(), 1))
    direction = random.normal(size=(n, 3))
    even = random.random(n) < 0.5
    direction[even] = random.choice([-1.0, 1.0], (even.sum(), 3)) * random.choice([1.0, 2.0, 4.0], (even.sum(), 3))
    direction[random.random((n, 3)) < 0.15] = 0.0
    direction[~direction.any(1)] = (0, 0, -1)
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    direction[(direction == 0) & (random.random((n, 3)) < 0.5)] = -0.0
    direction[random.random((n, 3)) < 0.02] *= 1e-300
    t_max = np.where(random.random(n) < 0.3, random.uniform(0, 4, n), 1e4)
    t_max = np.where(random.random(n) < 0.1, np.round(t_max * 4) / 4, t_max)
    return np.concatenate([origin, direction, t_max[:, None]], 1)


@njit
def _hits(voxels, rays, t, found):
    for i in range(len(rays)):
        ray = rays[i]
        t[i], side, x, y, z = first_hit(voxels, ray[0], ray[1], ray[2], ray[3], ray[4], ray[5], ray[6])
        found[i, 0], found[i, 1], found[i, 2], found[i, 3] = side, x, y, z


def hits(voxels: Voxels, rays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What rays [n, 7] meet: t as bits [n], and side, x, y, z [n, 4]."""
    t, found = np.empty(len(rays)), np.empty((len(rays), 4), np.int64)
    _hits(voxels, rays, t, found)
    return t.view(np.int64), found


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.0005, 0.003, 0.02]), st.sampled_from([8, 24, 40]))
def test_gaps_do_not_change_where_a_ray_arrives_by_a_bit(seed: int, density: float, filled: int) -> None:
    """A table that never lets a ray leap, not even down to the highest brick, and one that lets it leap less far than
    it may, give the same.
    """
    random = np.random.default_rng(seed)
    grid = (random.random((48, 32, 40)) < density).astype(np.uint8)
    grid[:, :, filled:] = 0
    leaps = voxels_of(grid)
    gap = leaps.gap
    rises, falls = gap & 15, gap >> 4
    one = np.full((WAYS, *(n // 2 for n in grid.shape)), 0x11, np.uint8)  # as high as the grid
    one[..., : gap.shape[3]] = np.minimum(rises, 1) | np.minimum(falls, 1) << 4
    steps = leaps._replace(gap=one)
    fewer = [random.integers(np.minimum(far, 1), far + 1).astype(np.uint8) for far in (rises, falls)]
    some = leaps._replace(gap=fewer[0] | fewer[1] << 4)
    assert gap.max() >= LEAST_LEAP
    these = rays(random, grid.shape, 10_000)
    by_steps = hits(steps, these)
    for others in (leaps, some):
        for mine, right in zip(hits(others, these), by_steps, strict=True):
            np.testing.assert_array_equal(mine, right)


def test_a_ray_from_above_the_highest_brick_comes_down() -> None:
    grid = np.zeros((16, 16, 64), np.uint8)
    grid[9, 8, 3] = 1
    voxels = voxels_of(grid)
    assert voxels.gap.shape == (WAYS, 8, 8, 4)
    assert first_hit(voxels, 2.3, 2.1, 15.9, 0.0, 0.0, -1.0, 1e4) == (15.9 - 1.0, 4, 9, 8, 3)
    assert first_hit(voxels, 2.3, 2.1, 15.9, 0.0, 0.0, -1.0, 14.8)[1] == NOTHING
    assert first_hit(voxels, 2.3, 2.1, 2.1, 0.0, 0.0, 1.0, 1e4) == (1e4, NOTHING, -1, -1, -1)
    assert first_hit(voxels, 2.3, 2.1, 16.1, 0.0, 0.0, -1.0, 1e4)[1] == NOTHING, "it began outside of the grid"


def test_a_ray_stops_at_its_length() -> None:
    grid = np.zeros((16, 16, 16), np.uint8)
    grid[12, :, :] = 1
    voxels = voxels_of(grid)
    assert first_hit(voxels, 1.1, 2.1, 2.1, 1.0, 0.0, 0.0, 1.5)[1] == NOTHING
    t, side, x, _, _ = first_hit(voxels, 1.1, 2.1, 2.1, 1.0, 0.0, 0.0, 3.0)
    assert (round(t, 6), side, x) == (1.9, 1, 12)


def test_slab_test_never_misses_a_crossing() -> None:
    random = np.random.default_rng(1)
    for _ in range(500):
        o, d = random.uniform(-2, 2, 3), random.normal(size=3)
        d /= np.linalg.norm(d)
        low = random.uniform(-1, 0.5, 3)
        high = low + random.uniform(0.1, 1, 3)
        points = o + d * np.linspace(0, 3, 600)[:, None]
        sampled = bool(((points >= low) & (points <= high)).all(1).any())
        if sampled:
            assert crosses_box(*o, *d, 3.0, low, high)


def test_one_over_a_way_tells_what_the_slab_test_tells() -> None:
    rng, crossed = np.random.default_rng(6), 0
    for _ in range(2000):
        o, low = rng.uniform(-2, 2, 3), rng.uniform(-2, 0, 3)
        high, d, t_max = low + rng.uniform(1, 3, 3), rng.normal(size=3), rng.uniform(0.1, 4)
        d[rng.random(3) < 0.2] = 0.0
        crosses = crosses_box(*o, *d, t_max, low, high)
        assert misses_box(*o, *(one_over(v) for v in d), t_max, low, high) != crosses
        crossed += crosses
    assert 200 < crossed < 1800


def test_fibonacci_directions_are_even() -> None:
    d = fibonacci_directions(64)
    np.testing.assert_allclose(np.linalg.norm(d, axis=1), 1, rtol=1e-6)
    assert np.abs(d.mean(0)).max() < 0.01
