"""Leaves of compiled code: they say the same, and make no arrays, for they count no references."""

from typing import NamedTuple

import numpy as np
import pytest
from numba import njit
from numba.core.errors import NumbaError

from engine.light.compiled import leaf


class Two(NamedTuple):
    """Two arrays in one argument."""

    one: np.ndarray
    other: np.ndarray


def picked(two, flags, i):
    row = two.one[i] if flags[i] else two.other[i]
    return row[0] + row[1]


@leaf
def picked_by_leaf(two, flags, i):
    row = two.one[i] if flags[i] else two.other[i]
    return row[0] + row[1]


@leaf
def makes_an_array(n):
    return np.zeros(n).sum()


def test_a_leaf_says_what_its_function_says() -> None:
    two, flags = Two(np.arange(6.0).reshape(3, 2), np.ones((3, 2))), np.array([True, False, True])
    counting = njit(picked)
    for i in range(3):
        assert picked_by_leaf(two, flags, i) == counting(two, flags, i) == picked(two, flags, i)


def test_a_leaf_that_makes_an_array_is_refused() -> None:
    with pytest.raises(NumbaError):
        makes_an_array(3)
