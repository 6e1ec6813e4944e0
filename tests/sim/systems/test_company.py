"""Company: every pair is found once, nobody goes first, and who stands in another steps aside."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.sim.systems import gait
from engine.sim.systems.company import neighbours
from engine.sim.systems.gait import NEAR_M, TOUCH_M

FAR = 1e6  # where no player disturbs


def pairs(x: np.ndarray, y: np.ndarray) -> list[tuple[int, int]]:
    order, begin, end = (each.tolist() for each in neighbours(x, y))
    n = len(x)
    return [(order[r % n], order[m]) for r in range(2 * n) for m in range(begin[r], end[r])]


def mind(place: np.ndarray, velocity: np.ndarray, stands: np.ndarray) -> np.ndarray:
    """What walkers make of the velocities [2, n] that they want."""
    (vx, vy), n = velocity.tolist(), place.shape[1]
    sums = [[0.0] * n for _ in range(5)]
    gait.mind(*place.tolist(), vx, vy, stands.tolist(), range(n), range(1, n + 1), [n] * n, *sums, FAR, FAR, 0.0)
    return np.array([vx, vy])


def places(seed: int, n: int, size_m: float) -> np.ndarray:
    random = np.random.default_rng(seed)
    return np.concatenate([random.uniform(-size_m, size_m, (2, n)), random.choice([0.5, 3.0], (1, n))])


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 2, 100, 400]), st.sampled_from([2.0, 30.0, 4000.0]))
def test_every_pair_that_is_near_is_found_once(seed: int, n: int, size_m: float) -> None:
    x, y = places(seed, n, max(size_m, 0.1 * n))[:2]
    x[::3] = x[0] + 0.01 * np.arange(len(x[::3]))  # a few who stand close together, also far out
    y[::3] = y[0]
    met = [(min(a, b), max(a, b)) for a, b in pairs(x, y) if np.hypot(x[b] - x[a], y[b] - y[a]) < NEAR_M]
    near = np.hypot(x[:, None] - x, y[:, None] - y) < NEAR_M
    wanted = {(a, b) for a, b in np.argwhere(near).tolist() if a < b}
    assert len(set(met)) == len(met)
    crowded = len(x[::3]) > 24  # a run of so many is cut
    assert set(met) <= wanted if crowded else set(met) == wanted


def test_a_throng_in_one_point_costs_no_more_than_its_number() -> None:
    n = 20_000
    _, begin, end = neighbours(np.full(n, 3.0), np.full(n, 3.0))
    assert n < np.maximum(end - begin, 0).sum() <= 48 * n


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
