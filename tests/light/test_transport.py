"""What follows a change: boxes of changed voxels."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.light.transport import joined_boxes


def filled(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """How many of some boxes each voxel is in."""
    count = np.zeros((24, 24, 24), np.int32)
    for a, b in zip(low, high, strict=True):
        count[tuple(slice(x, y) for x, y in zip(a, b, strict=True))] += 1
    return count


def in_bricks(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A box cut at every eighth voxel."""
    bricks = np.argwhere(np.ones((3, 3, 3))) * 8
    lows, highs = np.maximum(bricks, low), np.minimum(bricks + 8, high)
    inside = (lows < highs).all(1)
    return lows[inside], highs[inside]


@given(st.lists(st.tuples(st.integers(0, 23), st.integers(1, 24)), min_size=3, max_size=3))
def test_a_box_that_bricks_cut_up_is_one_again(sides: list[tuple[int, int]]) -> None:
    low = np.array([a for a, _ in sides])
    high = np.minimum(low + [n for _, n in sides], 24)
    joined = joined_boxes(*in_bricks(low, high))
    np.testing.assert_array_equal(joined, [[low], [high]])


@given(st.integers(0, 2**32 - 1), st.integers(1, 27))
def test_joined_boxes_hold_the_same_voxels_once(seed: int, n: int) -> None:
    random = np.random.default_rng(seed)
    bricks = random.permutation(np.argwhere(np.ones((3, 3, 3))))[:n] * 8
    low = bricks + random.choice([0, 0, 0, 3], (n, 3))
    high = bricks + random.choice([8, 8, 8, 5], (n, 3))
    joined = joined_boxes(low, high)
    assert len(joined[0]) <= n
    np.testing.assert_array_equal(filled(*joined), filled(low, high))
