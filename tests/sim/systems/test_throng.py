"""Many walkers are compiled from the text that a few are run by: both come to the same bits."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.sim.systems import company, gait, motion, throng, wishes
from engine.state.components import FLEE
from engine.state.voxels import VoxelGrid


def both(name: str, *args: Any) -> tuple[list[Any], list[Any]]:
    """The arguments after a function of wishes or gait has changed them: compiled, in arrays; as it is, in lists."""
    arrays = [each.copy() if isinstance(each, np.ndarray) else each for each in args]
    lists = [each.tolist() if isinstance(each, np.ndarray) and each.ndim == 1 else each for each in args]
    getattr(throng, name)(*arrays)
    getattr(wishes if name == "want" else gait, name)(*lists)
    return arrays, lists


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 400))
def test_a_throng_wants_as_a_few_do(seed: int, n: int) -> None:
    random, spread = np.random.default_rng(seed), 4.0
    entities, points = random.uniform(0.0, spread, (n + 1, 3)), random.uniform(0.0, spread, (9, 3))
    points[3], points[4, 0] = entities[1], entities[1, 0]  # some are there already
    first_point, n_points, centres = np.array([0, 2, 3]), np.array([2, 1, 6]), random.uniform(0.0, spread, (4, 2))
    x, y = entities[1:, :2].T
    velocity = random.uniform(-2.0, 2.0, (n, 2))
    velocity[::3] = 0.0
    spot_x, spot_y = random.uniform(0.0, spread, (2, n))

    def flags() -> Any:
        return random.random(n) < 0.3

    fast, slow = both(
        "want", random.integers(0, FLEE + 1, n, np.uint8), random.integers(-1, 4, n, np.int16),
        random.integers(0, 3, n, np.int16), random.integers(0, n + 1, n), flags(), x, y,
        random.uniform(0.0, 3.0, n).astype(np.float32), random.uniform(0.5, 4.0, n).astype(np.float32), flags(),
        spot_x, spot_y, entities, points, first_point, n_points, centres, velocity[:, 0], velocity[:, 1],
        random.integers(0, 9, n, np.int16), flags(), flags(), np.full(n, 5), *np.zeros((3, n)),
    )  # fmt: skip
    for a, b in zip(fast, slow, strict=True):
        np.testing.assert_array_equal(a, b)
    goal = fast[22]
    assert n < 100 or ((goal >= 0).any() and (goal == -1).any() and (goal == -2).any())


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 600), st.sampled_from([3.0, 20.0, 60.0, 4000.0]))
def test_a_throng_minds_as_a_few_do(seed: int, n: int, size_m: float) -> None:
    random = np.random.default_rng(seed)
    x, y = random.uniform(-size_m, size_m, (2, n))
    x[::7], y[::7] = x[0], y[0]  # some stand in one another
    vx, vy = random.uniform(-2.0, 2.0, (2, n))
    vx[::5] = 0.0
    sums, player = np.zeros((5, n)), (float(x[-1]) + 0.3, float(y[-1]), 0.5)
    args = (x, y, random.choice([0.5, 3.0], n), vx, vy, random.random(n) < 0.2, *company.neighbours(x, y), *sums)
    fast, slow = both("mind", *args, *player)
    for a, b in zip(fast, slow, strict=True):
        np.testing.assert_array_equal(a, b)
    assert n < 20 or (fast[3] != vx).any()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.02, 0.2]), st.integers(0, 6), st.integers(0, 8))
def test_a_throng_strides_as_a_few_do(seed: int, filled: float, west: int, east: int) -> None:
    random, n = np.random.default_rng(seed), 200
    voxels = (random.random((32, 32, 32)) < filled).astype(np.uint8)
    voxels[:, :, :west] = voxels[16:, :, :east] = 1
    grid = VoxelGrid(voxels)
    ground = random.integers(-3, 36, n)
    x, y = random.uniform(-0.6, 8.6, (2, n))
    wanted_x, wanted_y = random.uniform(-6.0, 6.0, (2, n))
    wanted_x[::5], wanted_y[::5], wanted_x[::7] = 0.0, 0.0, -0.0
    vx, vy = wanted_x + random.uniform(-1.0, 1.0, n), wanted_y * random.choice([1.0, 0.5], n)
    yaw, blocked = random.uniform(-3.1, 3.1, n), np.zeros(n, np.bool_)
    fast, slow = both(
        "strides", grid.ringed, *grid.solid.shape, motion.change_table(), x, y, ground * 0.25, wanted_x, wanted_y, vx,
        vy, ground, yaw, blocked,
    )  # fmt: skip
    for a, b in zip(fast, slow, strict=True):
        np.testing.assert_array_equal(a, b)
    assert fast[-1].any() and not fast[-1].all()  # some are kept by the ground, some are not
