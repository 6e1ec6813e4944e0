"""How far rays may leap: against the definition, and after edits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.light.gaps import FARTHEST, REACH, WAYS, follow_gaps, gaps_of
from engine.light.trace import occupied_bricks


def gaps_reference(grid: np.ndarray) -> np.ndarray:
    """Slow definition of `gaps_of`: every cube against every one that holds anything."""
    x, y, z = (n // 2 for n in grid.shape)
    solid = grid.reshape(x, 2, y, 2, z, 2).any((1, 3, 5))
    place, gap = np.stack(np.indices(solid.shape), -1), np.empty((WAYS, *solid.shape), np.uint8)
    for way in range(WAYS):
        found = []
        for rises in (1, -1):
            towards = np.array([1 if way & 1 else -1, 1 if way & 2 else -1, rises])
            least = np.full(solid.shape, FARTHEST)
            for cube in np.argwhere(solid):
                away = (cube - place) * towards
                least = np.where((away >= 0).all(-1), np.minimum(least, away.max(-1)), least)
            found.append(least.astype(np.uint8))
        gap[way] = found[0] | found[1] << 4
    return gap


def layers_of(grid: np.ndarray) -> int:
    return occupied_bricks(grid).shape[2]


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 60),
    st.sampled_from([(88, 16, 24), (8, 40, 48), (40, 48, 8), (24, 24, 64)]),
)
def test_gaps_are_those_of_the_definition(seed: int, n: int, size: tuple[int, ...]) -> None:
    random = np.random.default_rng(seed)
    grid = np.zeros(size, np.uint8)
    some = tuple(random.integers(0, size, (n, 3)).T)
    grid[some] = random.choice([1, 2, 127, 128, 255], n)
    layers = layers_of(grid)
    np.testing.assert_array_equal(gaps_of(grid, layers), gaps_reference(grid)[..., : layers * 4])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([3, 40]))
def test_after_edits_gaps_are_those_of_a_fresh_table(seed: int, n: int) -> None:
    """Edits of a few boxes each, put in and taken out, here and there above all that was."""
    random = np.random.default_rng(seed)
    grid = np.zeros((104, 96, 72), np.uint8)
    grid[tuple(random.integers(0, (*grid.shape[:2], 24), (n, 3)).T)] = 1
    gap, heights, is_kept = gaps_of(grid, layers_of(grid)), set(), False
    for _ in range(8):
        low = random.integers(0, (*grid.shape[:2], random.choice([20, 20, 70])), (random.integers(1, 4), 3))
        high = np.minimum(low + random.integers(1, 9, low.shape), grid.shape)
        for a, b in zip(low, high, strict=True):
            grid[tuple(slice(x, y) for x, y in zip(a, b, strict=True))] = random.choice([0, 3])
        before, gap = gap, follow_gaps(grid, gap, layers_of(grid), low, high)
        np.testing.assert_array_equal(gap, gaps_of(grid, layers_of(grid)))
        is_kept |= gap is before
        heights.add(gap.shape[3])
    assert is_kept or len(heights) > 1


@pytest.mark.parametrize("at", [(0, 0, 0), (60, 60, 10), (95, 95, 47)])
def test_an_edit_writes_all_that_it_reaches_and_no_more(at: tuple[int, int, int]) -> None:
    """Wrong on purpose, the table is put right where the voxel could be told of, and stays wrong far away."""
    grid = np.zeros((96, 96, 48), np.uint8)
    grid[:, :, 0] = grid[0, 0, 47] = 1
    right, low = gaps_of(grid, 6), np.array([at])
    ahead = low // 2 - np.stack(np.indices(right.shape[1:]), -1)  # of each cube, up to the voxel's own
    is_far = np.abs(ahead).max(-1) > FARTHEST  # what is nearer may be read
    wrong = np.where(is_far, 0x77, right).astype(np.uint8)
    for way in range(WAYS):
        for rises, half in ((1, 0x0F), (-1, 0xF0)):
            along = ahead * [1 if way & 1 else -1, 1 if way & 2 else -1, rises]
            wrong[way, ((along >= 0) & (along <= REACH)).all(-1)] ^= half
    gap = follow_gaps(grid, wrong, 6, low, low + 1)
    np.testing.assert_array_equal(gap, np.where(is_far, 0x77, right))
