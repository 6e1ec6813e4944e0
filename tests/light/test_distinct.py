"""Texels told apart against numpy's own way, few and many of them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.light.distinct import FEW, Distinct, each_once


@given(st.integers(0, 2**32 - 1), st.integers(0, 12), st.integers(1, 9), st.booleans())
def test_each_is_found_once_and_in_order_with_the_largest_of_its_values(seed: int, n: int, k: int, few: bool) -> None:
    random = np.random.default_rng(seed)
    n_texels = FEW * n * k + 1 if few else max(n * k // 2, 1)
    texels = random.integers(-1, min(n_texels, 2 * n * k + 1), (n, k)).astype(np.int32)
    value = random.integers(0, 5, n).astype(np.int32)
    distinct = Distinct(n_texels)
    for _ in range(2):  # the second finds the scratch as the first left it
        wanted = np.unique(texels[texels >= 0])
        assert np.array_equal(distinct.among(texels), wanted)
        found, largest = distinct.with_largest(texels, value)
        assert np.array_equal(found, wanted) and found.dtype == largest.dtype == np.int32
        assert largest.tolist() == [value[(texels == t).any(1)].max() for t in wanted]


@given(st.lists(st.lists(st.integers(0, 50), max_size=30), min_size=1, max_size=4))
def test_numbers_of_some_arrays_are_each_there_once(parts: list[list[int]]) -> None:
    arrays = [np.array(part, np.int32) for part in parts]
    found = each_once(*arrays)
    assert np.array_equal(found, np.unique(np.concatenate(arrays))) and found.dtype == np.int32


def test_a_world_may_get_more_texels() -> None:
    distinct = Distinct(4)
    distinct.make_room(1000)
    assert distinct.among(np.array([[999, -1, 3, 999]], np.int32)).tolist() == [3, 999]


def test_of_nothing_nothing_is_found() -> None:
    assert not len(Distinct(0).among(np.zeros((0, 9), np.int32)))
    found, largest = Distinct(1).with_largest(np.zeros((0, 100), np.int32), np.zeros(0, np.int32))
    assert not len(found) and not len(largest)
