"""Quaternions: the same turns as matrices, to the bit on every machine where the simulation uses them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.rotations import UPRIGHT, between, inverse, matrices, of_yaw, of_yaws, product, turn, turned

finite = st.floats(-1.0, 1.0).filter(lambda v: abs(v) > 1e-3)
quaternions = st.tuples(finite, finite, finite, finite).map(
    lambda q: tuple(v / math.sqrt(sum(w * w for w in q)) for v in q)
)
vectors = st.tuples(*[st.floats(-100.0, 100.0)] * 3)


@given(quaternions, vectors)
def test_one_vector_turns_as_its_matrix_says_and_back_again(q, v) -> None:
    expected = matrices(np.array(q)) @ np.array(v)
    np.testing.assert_allclose(turn(q, v), expected, atol=1e-9)
    np.testing.assert_allclose(turned(np.array(q), np.array(v)), expected, atol=1e-9)
    np.testing.assert_allclose(turn(inverse(q), turn(q, v)), v, atol=1e-9)


@given(quaternions, quaternions, vectors)
def test_products_turn_twice(a, b, v) -> None:
    np.testing.assert_allclose(turn(product(a, b), v), turn(a, turn(b, v)), atol=1e-9)


@pytest.mark.parametrize("yaw", [-3.0, -0.5, 0.0, 1.0, math.pi, 7.0])
def test_a_yaw_turns_counter_clockwise_seen_from_above(yaw: float) -> None:
    np.testing.assert_allclose(turn(of_yaw(yaw), (1.0, 0.0, 2.0)), (math.cos(yaw), math.sin(yaw), 2.0), atol=1e-12)
    np.testing.assert_allclose(of_yaws(np.array([yaw])), [of_yaw(yaw)], atol=1e-12)


@given(quaternions, st.floats(-1.0, 2.0))
def test_between_goes_on_at_one_rate(a, t) -> None:
    step = of_yaw(0.4)
    b = product(step, a)
    got = between(np.array([a]), np.array([b]), t)
    assert abs(float((got[0] * np.array(product(of_yaw(0.4 * t), a))).sum())) == pytest.approx(1.0, abs=1e-9)


def test_between_takes_the_short_way_and_keeps_what_rests() -> None:
    a, b = np.array([UPRIGHT, of_yaw(1.0)]), np.array([UPRIGHT, of_yaw(1.0)])
    np.testing.assert_array_equal(between(a, b, 0.37), b)
    half = between(np.array([of_yaw(0.2)]), -np.array([of_yaw(0.4)]), 0.5)[0]
    assert abs(float((half * np.array(of_yaw(0.3))).sum())) == pytest.approx(1.0)
    np.testing.assert_array_equal(between(np.array([of_yaw(0.2)]), np.array([of_yaw(0.4)]), 1.0), [of_yaw(0.4)])
