"""Company: every pair is found once, nobody goes first, and who stands in another steps aside."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.sim.systems import company
from engine.sim.systems.company import FEW, NEAR_M, TOUCH_M, mind, pairs


def places(seed: int, n: int, size_m: float) -> np.ndarray:
    random = np.random.default_rng(seed)
    return np.concatenate([random.uniform(-size_m, size_m, (2, n)), random.choice([0.5, 3.0], (1, n))])


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.sampled_from([2, FEW, FEW + 1, 400]), st.sampled_from([2.0, 30.0, 4000.0]))
def test_every_pair_that_is_near_is_found_once(seed: int, n: int, size_m: float) -> None:
    x, y, z = position = places(seed, n, max(size_m, 0.1 * n))
    x[::3] = x[0] + 0.01 * np.arange(len(x[::3]))  # a few who stand close together, also far out
    y[::3] = y[0]
    i, j = pairs(position)
    found = {(min(a, b), max(a, b)) for a, b in zip(i.tolist(), j.tolist(), strict=True)}
    near = (np.hypot(x[:, None] - x, y[:, None] - y) < NEAR_M) & (np.abs(z[:, None] - z) < company.TALL_M)
    wanted = {(a, b) for a, b in np.argwhere(near).tolist() if a < b}
    assert len(found) == len(i)
    crowded = len(x[::3]) > 24  # a run of so many is cut
    assert found <= wanted if crowded else found == wanted


def test_a_throng_in_one_point_costs_no_more_than_its_number() -> None:
    n = 20_000
    i, _ = pairs(np.array([[3.0], [3.0], [0.0]]).repeat(n, 1))
    assert n < len(i) <= 48 * n


def test_who_stands_in_another_steps_aside_and_a_standing_one_stays() -> None:
    place, still = np.array([[1.0, 1.0], [2.0, 2.0], [0.0, 0.0]]), np.zeros((2, 2))
    vx, vy = mind(place, still, np.array([False, False]))
    assert vx[0] == -vx[1] < 0.0 and not vy.any()
    vx, vy = mind(place, still, np.array([True, False]))
    assert vx[0] == 0.0 < vx[1]
    place[1, 1] += 0.55
    vx, vy = mind(place, still, np.array([False, False]))
    assert not vx.any() and not vy.any()  # shoulder to shoulder is room enough


def test_two_that_meet_pass_each_other_on_the_same_hand() -> None:
    place = np.array([[0.0, 0.6], [0.0, 0.0], [0.0, 0.0]])
    vx, vy = mind(place, np.array([[1.2, -1.2], [0.0, 0.0]]), np.zeros(2, bool))
    assert vx[0] == pytest.approx(-vx[1]) and 0.0 <= vx[0] < 1.2
    assert vy[0] == pytest.approx(-vy[1]) and abs(vy[0]) > 0.3


def test_who_walks_behind_another_at_the_same_pace_is_not_held_up() -> None:
    place = np.array([[0.0, 0.55], [0.0, 0.0], [0.0, 0.0]])
    vx, vy = mind(place, np.array([[1.2, 1.2], [0.0, 0.0]]), np.zeros(2, bool))
    assert vx.tolist() == [1.2, 1.2] and vy.tolist() == [0.0, 0.0]


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.sampled_from([20, 300]))
def test_nobody_goes_first(seed: int, n: int) -> None:
    """Numbered the other way round, everybody does the same, but for the rounding of sums."""
    random = np.random.default_rng(seed)
    place = np.concatenate([random.uniform(0.0, np.sqrt(n) * 0.6, (2, n)), np.zeros((1, n))])
    velocity, stands = random.uniform(-1.5, 1.5, (2, n)), random.random(n) < 0.1
    a = mind(place, velocity, stands)
    b = mind(place[:, ::-1].copy(), velocity[:, ::-1].copy(), stands[::-1].copy())[:, ::-1]
    np.testing.assert_allclose(a, b, atol=1e-12)
    assert np.isfinite(a).all() and np.hypot(*a).max() < 2.2
    assert TOUCH_M < NEAR_M
