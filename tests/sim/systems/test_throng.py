"""Many walkers, compiled, do to the last bit what the slow definitions in numpy say."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.units import TICK_S
from engine.sim.systems import company, motion, throng
from engine.state.voxels import VoxelGrid


def test_the_numbers_that_it_repeats() -> None:
    assert (throng.BELOW, throng.NOWHERE) == (motion.BELOW, motion.NOWHERE)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(company.FEW + 1, 2000), st.sampled_from([3.0, 20.0, 60.0, 4000.0]))
def test_a_throng_asks_what_its_pairs_ask(seed: int, n: int, size_m: float) -> None:
    random = np.random.default_rng(seed)
    position = np.concatenate([random.uniform(-size_m, size_m, (2, n)), random.choice([0.5, 3.0], (1, n))])
    position[:2, ::7] = position[:2, :1]  # some stand in one another
    velocity, stands = random.uniform(-2.0, 2.0, (2, n)), random.random(n) < 0.2
    velocity[:, ::5] = 0.0
    slow = company.asks(position, velocity, stands, *company.pairs(position))
    fast = throng.asks(
        position, velocity, stands, company.NEAR_M, company.TOUCH_M, company.PUSH_HZ, company.TALL_M,
        company.MOST_IN_RUN, company.MOST_CELLS,
    )  # fmt: skip
    np.testing.assert_array_equal(fast, slow)
    assert slow[0].any() and slow[3].any()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.02, 0.2]), st.integers(0, 6), st.integers(0, 8))
def test_a_throng_strides_as_few_do(seed: int, filled: float, west: int, east: int) -> None:
    random, n = np.random.default_rng(seed), 300
    voxels = (random.random((32, 32, 32)) < filled).astype(np.uint8)
    voxels[:, :, :west] = voxels[16:, :, :east] = 1
    grid = VoxelGrid(voxels)
    ground = random.integers(-3, 36, n)
    position = np.concatenate([random.uniform(-0.6, 8.6, (2, n)), [ground * 0.25 + random.uniform(-0.2, 0.2, n)]])
    wanted = random.uniform(-6.0, 6.0, (2, n))
    wanted[:, ::5], wanted[0, ::7] = 0.0, -0.0
    velocity = wanted + random.uniform(-1.0, 1.0, (2, n)) * (random.random(n) < 0.5)
    yaw = random.uniform(-3.2, 3.2, n).astype(np.float32)
    slow = motion.strides(grid, position, wanted, velocity, ground, yaw)
    fast = throng.strides(
        grid.ringed, grid.column_bytes, grid.n_columns, motion._CHANGE, position, wanted, velocity, ground, yaw,
        motion.RADIUS_M, motion.CLIMB_M_S * TICK_S, motion.TURN_RAD_S * TICK_S, TICK_S,
    )  # fmt: skip
    for a, b in zip(fast, slow, strict=True):
        np.testing.assert_array_equal(a, b)
    assert slow[2].any() and not slow[2].all()  # some are kept by the ground, some are not
