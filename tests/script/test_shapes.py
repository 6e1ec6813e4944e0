"""Voxel shapes: each against the plain description of what it should be."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine.script import shapes

SIDE = 24


def empty() -> NDArray[np.uint8]:
    return np.zeros((SIDE, SIDE, SIDE), np.uint8)


corner = st.tuples(*[st.integers(-6, SIDE + 6)] * 3)


@settings(max_examples=60, deadline=None)
@given(corner, corner)
def test_a_box_holds_exactly_its_voxels(a: tuple[int, int, int], b: tuple[int, int, int]) -> None:
    low, high = tuple(map(min, a, b)), tuple(map(max, a, b))
    grid = empty()
    shapes.fill(grid, low, high, 3)  # type: ignore[arg-type]
    x, y, z = np.indices(grid.shape)
    inside = np.ones(grid.shape, bool)
    for v, lo, hi in zip((x, y, z), low, high, strict=True):
        inside &= (v >= lo) & (v < hi)
    assert ((grid == 3) == inside).all()


def test_a_room_is_hollow_and_closed() -> None:
    grid = empty()
    shapes.room(grid, (2, 2, 2), (12, 14, 10), wall=1, floor=2, roof=3, thickness=1)
    assert (grid[3:11, 3:13, 3:9] == 0).all()
    assert (grid[2:12, 2:14, 2] == 2).all() and (grid[2:12, 2:14, 9] == 3).all()
    assert (grid[2, 2:14, 3:9] == 1).all() and np.count_nonzero(grid) == 10 * 12 * 8 - 8 * 10 * 6


@settings(max_examples=30, deadline=None)
@given(st.floats(0.5, 9.0))
def test_round_shapes_are_symmetric_and_of_the_right_size(radius: float) -> None:
    disc, ball = empty(), empty()
    shapes.column(disc, (12, 12, 0), radius, 1, 1)
    shapes.sphere(ball, (12, 12, 12), radius, 1)
    for grid in (disc, ball):
        assert (grid == grid[::-1]).all() and (grid == grid.transpose(1, 0, 2)).all()
    assert np.count_nonzero(disc) == pytest.approx(np.pi * radius**2, rel=0.35, abs=6)
    assert np.count_nonzero(ball) == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.35, abs=10)


def test_an_arch_is_widest_below_and_cuts_only_its_box() -> None:
    grid = np.ones((SIDE, SIDE, SIDE), np.uint8)
    shapes.arch(grid, (4, 8, 2), (14, 10, 14), 0, through=1)
    width = [int((grid[4:14, 8, z] == 0).sum()) for z in range(2, 14)]
    assert width[0] == 10 and all(a >= b for a, b in zip(width, width[1:], strict=False)) and 0 < width[-1] < 10
    assert (grid[:, 8] == grid[:, 9]).all()
    assert np.count_nonzero(grid == 0) == 2 * sum(width)


def test_stairs_rise_one_voxel_at_a_time() -> None:
    for axis, sign in shapes.RISES.values():
        grid = empty()
        shapes.stairs(grid, (2, 2, 0), (10, 10, 4), 1, axis, sign)
        height = (grid[2:10, 2:10] > 0).sum(axis=2).astype(int)
        profile = height[:, 0] if axis == 0 else height[0]
        assert (profile[::sign] == [1, 1, 2, 2, 3, 3, 4, 4]).all()


def test_a_gable_covers_its_whole_plan_and_is_closed_at_its_ends() -> None:
    for ridge in (0, 1):
        grid = empty()
        shapes.gable(grid, (2, 2, 4), (14, 14, 10), 1, ridge, 2)
        assert (grid[2:14, 2:14].max(axis=2) > 0).all()
        assert np.count_nonzero(grid[8, 8]) == 1  # hollow below the ridge
        assert (grid == 2).any() and grid[2:14, 2:14, 9].any()
        hit = grid[3, :, 5] if ridge == 0 else grid[:, 3, 5]
        assert (hit[4:12] == 2).all()


def test_a_pyramid_has_its_tip_in_the_middle() -> None:
    grid = empty()
    shapes.pyramid(grid, (2, 2, 0), (12, 12, 5), 1)
    areas = (grid > 0).sum(axis=(0, 1))
    assert areas[0] == 100 and (np.diff(areas[:5].astype(int)) < 0).all() and grid[7, 7, 4] == 1


SIZES = st.tuples(*[st.integers(1, 9)] * 3)
SOME = st.sampled_from([None, 2])
IN_A_BOX = st.one_of(
    st.tuples(st.just(shapes.room), st.tuples(st.just(1), SOME, SOME, st.integers(1, 9))),
    st.tuples(st.just(shapes.gable), st.tuples(st.just(1), st.integers(0, 1), SOME)),
    st.tuples(st.just(shapes.arch), st.tuples(st.just(1), st.integers(0, 1))),
    st.tuples(st.just(shapes.stairs), st.tuples(st.just(1), st.integers(0, 1), st.sampled_from([-1, 1]))),
    st.tuples(st.just(shapes.pyramid), st.tuples(st.just(1))),
    st.tuples(st.just(shapes.weather), st.tuples(st.just(0), st.just(1), st.just(0.5), st.integers(0, 9))),
)


@given(SIZES, IN_A_BOX)
@settings(max_examples=400)
def test_a_shape_in_a_box_writes_nothing_outside_of_it(
    size: tuple[int, int, int], drawn: tuple[Callable[..., None], tuple[object, ...]]
) -> None:
    """Also a room as low as its floor is thick, and a roof as short as its gables are deep."""
    shape, args = drawn
    low = (10, 10, 10)
    high = (low[0] + size[0], low[1] + size[1], low[2] + size[2])
    grid = np.zeros((30, 30, 30), np.uint8)
    shape(grid, low, high, *args)
    grid[low[0] : high[0], low[1] : high[1], low[2] : high[2]] = 0
    assert not grid.any()


def test_foliage_keeps_to_the_air_mixes_and_repeats() -> None:
    first, second = empty(), empty()
    for grid in (first, second):
        shapes.fill(grid, (0, 0, 0), (24, 24, 12), 9)
        shapes.blob(grid, (12, 12, 12), (8.0, 8.0, 8.0), (1, 2), 0.8, seed=5)
    assert (first == second).all() and (first[:, :, :12] == 9).all()
    assert {1, 2} <= set(np.unique(first).tolist())
    third = empty()
    shapes.blob(third, (12, 12, 12), (8.0, 8.0, 8.0), (1, 2), 0.8, seed=6)
    assert (third[:, :, 12:] != first[:, :, 12:]).any()


def test_weather_changes_only_its_material_and_about_its_share() -> None:
    grid = np.full((SIDE, SIDE, SIDE), 1, np.uint8)
    grid[0] = 2
    shapes.weather(grid, (0, 0, 0), (SIDE, SIDE, SIDE), 1, 3, 0.5, seed=1)
    assert (grid[0] == 2).all()
    assert 0.3 < (grid[1:] == 3).mean() < 0.7


def hashed(x: int, y: int, z: int, seed: int) -> float:
    """The definition of `hash_of_place`, one place at a time."""
    low = 2**32 - 1
    h = (x * 73856093 ^ seed * 2654435761) & low ^ y * 19349663 & low ^ z * 83492791 & low
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B), (16, 1)):
        h = (h ^ h >> shift) * factor & low
    return h / 2**32


@pytest.mark.parametrize("seed", range(6))
def test_foliage_and_weather_are_what_their_definitions_say_voxel_by_voxel(seed: int) -> None:
    random = np.random.default_rng(seed)
    before = np.where(random.random((SIDE, SIDE, SIDE)) < 0.8, 0, 9).astype(np.uint8)
    centre, radius = tuple(random.integers(-2, SIDE + 2, 3).tolist()), tuple(random.uniform(1.0, SIDE / 2, 3).tolist())
    materials, density = tuple(range(1, 2 + seed % 3)), [0.0, 0.3, 0.8, 0.85, 1.0, 1.0][seed]
    grid = before.copy()
    shapes.blob(grid, centre, radius, materials, density, seed)
    shapes.weather(grid, (1, 0, 2), (SIDE, SIDE, SIDE - 1), 9, 7, 0.4, seed)
    for x, y, z in np.ndindex(before.shape):
        wanted = int(before[x, y, z])
        far = math.sqrt(sum(((p + 0.5 - c) / r) ** 2 for p, c, r in zip((x, y, z), centre, radius, strict=True)))
        rim = 0.8 + 0.4 * hashed(x // 3, y // 3, z // 3, seed)
        if wanted == 0 and far <= rim and hashed(x, y, z, seed + 1) < density:
            wanted = materials[int(hashed(x // 2, y // 2, z // 2, seed + 2) * len(materials))]
        patch = 0.6 * hashed(x // 3, y // 3, z // 3, seed) + 0.4 * hashed(x, y, z, seed + 1)
        if x >= 1 and 2 <= z < SIDE - 1 and wanted == 9 and patch < 0.4:
            wanted = 7
        assert grid[x, y, z] == wanted, (x, y, z)
    assert (grid != before).any()


def test_places_hash_evenly() -> None:
    x, y, z = np.indices((16, 16, 16), np.int64)
    h = shapes.hash_of_place(x, y, z, 3)
    assert h.min() >= 0.0 and h.max() < 1.0
    counts, _ = np.histogram(h, bins=16, range=(0, 1))
    assert counts.min() > 200 and counts.max() < 312  # 256 expected, 3.5 sigma
