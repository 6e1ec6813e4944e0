"""Shafts against segments one by one."""

import numpy as np

from engine.light.shafts import SHAFT, in_shaft, lay_shaft, list_in_shaft
from engine.light.trace import crosses_box

N = 40  # boxes held against each shaft


def test_a_shaft_holds_every_box_that_its_segments_meet() -> None:
    random, shaft, n_met, n_held = np.random.default_rng(3), np.empty(SHAFT), 0, 0
    found, stands = np.empty(N + 2, np.int32), np.empty(N, np.bool_)
    for _ in range(80):
        p, half = random.uniform(-3, 3, 3), random.uniform(0, 1, 3) * (random.random(3) < 0.7)
        low = random.uniform(-3, 3, 3)
        high = low + random.uniform(0, 1, 3)
        corner = random.uniform(-3, 3, (3, N))
        box = np.stack([corner, corner + random.uniform(0, 2, (3, N))])
        lay_shaft(p, half, low, high, shaft)
        begin, end = p + half * random.uniform(-1, 1, (40, 3)), low + (high - low) * random.random((40, 3))
        ways = list(zip(begin, end, strict=True))
        met = [any(crosses_box(*a, *(b - a), 1.0, *box[:, :, k].copy()) for a, b in ways) for k in range(N)]
        held = [in_shaft(shaft, box, k) for k in range(N)]
        assert not (np.array(met) & ~np.array(held)).any()
        found[0] = 99  # of a list that goes on
        n = list_in_shaft(shaft, box, 5, N - 3, stands, found, 1)
        assert found[:n].tolist() == [99, *(k for k in range(5, N - 3) if held[k])]
        n_met, n_held = n_met + sum(met), n_held + sum(held)
    assert 100 < n_met < n_held < 0.5 * 80 * N


def test_a_shaft_to_a_wall_that_it_lies_in_is_no_division_by_nothing() -> None:
    shaft, flat = np.empty(SHAFT), np.array([1.0, 1.0, 0.0])
    lay_shaft(np.zeros(3), flat, np.array([-1.0, -1.0, 0.0]), np.array([1.0, 1.0, 0.0]), shaft)
    corner = np.array([[[0.0, 0.0], [0.0, 0.0], [-0.1, 0.1]], [[0.5, 0.5], [0.5, 0.5], [0.1, 0.2]]])
    assert np.isfinite(shaft).all()
    assert in_shaft(shaft, corner, 0) and not in_shaft(shaft, corner, 1)
