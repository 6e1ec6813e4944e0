import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.light.trace import (
    NOTHING,
    Voxels,
    crosses_box,
    fibonacci_directions,
    first_hit,
    first_hit_reference,
    occupied_bricks,
)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_hits_are_those_of_the_slow_march(seed: int) -> None:
    random = np.random.default_rng(seed)
    grid = (random.random((16, 24, 16)) < 0.04).astype(np.uint8)
    grid[:, :, 12:] = 0
    voxels = Voxels(grid, occupied_bricks(grid))
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


def test_rays_do_not_depend_on_empty_bricks_being_known() -> None:
    random = np.random.default_rng(0)
    grid = (random.random((32, 32, 32)) < 0.01).astype(np.uint8)
    grid[:, :, 16:] = 0
    fast = Voxels(grid, occupied_bricks(grid))
    slow = Voxels(grid, np.ones((4, 4, 4), np.bool_))
    assert fast.occupied.shape == (4, 4, 2)
    for d in fibonacci_directions(300).astype(np.float64):
        assert first_hit(fast, 4.03, 4.01, 3.02, *d, 1e4)[:2] == first_hit(slow, 4.03, 4.01, 3.02, *d, 1e4)[:2]


def test_a_ray_stops_at_its_length() -> None:
    grid = np.zeros((16, 16, 16), np.uint8)
    grid[12, :, :] = 1
    voxels = Voxels(grid, occupied_bricks(grid))
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


def test_fibonacci_directions_are_even() -> None:
    d = fibonacci_directions(64)
    np.testing.assert_allclose(np.linalg.norm(d, axis=1), 1, rtol=1e-6)
    assert np.abs(d.mean(0)).max() < 0.01
