"""Rays and sweeps: voxels, bodies, furniture and people, each met where it is."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.ids import PLAYER
from engine.sim import actions, rays
from engine.sim.rays import raycast, sweep, voxel_on
from engine.sim.recording import run
from engine.state import snapshot
from engine.state.blueprint import Spawn
from engine.state.voxels import VoxelGrid
from engine.state.world import new_state
from tests.worlds_for_tests import CRATE, PERSON, STONE, empty_world

X, DOWN = (1.0, 0.0, 0.0), (0.0, 0.0, -1.0)
WORLD = empty_world(
    spawns=(
        Spawn("body", CRATE, (4.0, 4.0, 0.5), 0.0, {"density": 300.0}),
        Spawn("stone", CRATE, (8.0, 4.0, 0.5), math.pi / 4, {"solid": True}),
        Spawn("ann", PERSON, (12.0, 4.0, 0.5), 0.0, {"speed": 1.0}),
        Spawn("air", CRATE, (4.0, 12.0, 0.5)),
    ),
    boxes=[((40, 48, 2), (41, 64, 10), STONE)],
)


@pytest.fixture(scope="module")
def state():
    return run(WORLD, new_state(WORLD), 3)


def test_each_kind_of_thing_is_met_where_it_is(state) -> None:
    ids = state.id_by_name
    met = raycast(WORLD, state, (1.0, 4.0, 1.0), X, 20.0)
    assert met is not None and met.entity == ids["body"]
    assert met.distance == pytest.approx(2.6, abs=1e-3) and met.point == pytest.approx((3.6, 4.0, 1.0), abs=1e-3)
    assert met.normal == pytest.approx((-1.0, 0.0, 0.0), abs=1e-3)
    met = raycast(WORLD, state, (6.0, 4.1, 1.0), X, 20.0)
    assert met is not None and met.entity == ids["stone"]
    assert met.distance == pytest.approx(2.1 - 0.4 * math.sqrt(2.0), abs=1e-4)
    assert met.normal == pytest.approx((-math.sqrt(0.5), math.sqrt(0.5), 0.0), abs=1e-6)
    met = raycast(WORLD, state, (10.0, 4.0, 1.0), X, 20.0)
    assert met is not None and met.entity == ids["ann"] and met.distance == pytest.approx(1.8, abs=1e-6)
    met = raycast(WORLD, state, (1.0, 12.0, 1.0), X, 20.0)  # what is not solid is passed
    assert met is not None and met.entity == 0 and met.point == pytest.approx((10.0, 12.0, 1.0))
    assert raycast(WORLD, state, (1.0, 4.0, 1.0), X, 2.0) is None
    assert raycast(WORLD, state, (1.0, 4.0, 1.0), (0.0, 0.0, 1.0), 200.0) is None
    met = raycast(WORLD, state, (8.0, 8.0, 5.0), DOWN, 20.0)
    assert met is not None and met.entity == PLAYER
    met = raycast(WORLD, state, (8.0, 8.0, 5.0), DOWN, 20.0, ignore=PLAYER)
    assert met is not None and met.entity == 0 and met.normal == (0.0, 0.0, 1.0) and met.distance == 4.5


def test_asking_changes_nothing_and_a_restored_world_answers_alike(state) -> None:
    digest = state.digest()
    other = snapshot.load(WORLD, snapshot.save(WORLD, state))
    for origin in ((1.0, 4.0, 1.0), (6.0, 4.1, 1.0), (3.9, 3.7, 4.0)):
        for way in (X, DOWN):
            assert raycast(WORLD, other, origin, way, 9.0) == raycast(WORLD, state, origin, way, 9.0)
    assert state.digest() == other.digest() == digest
    fresh = new_state(WORLD)
    digest = fresh.digest()
    met = raycast(WORLD, fresh, (1.0, 4.0, 1.0), X, 20.0)
    assert met is not None and met.entity == fresh.id_by_name["stone"], "bodies are met from their first tick on"
    assert fresh.digest() == digest and fresh.physics is None


def test_a_box_is_swept_to_what_it_meets(state) -> None:
    ids = state.id_by_name
    low, high = (0.75, 3.75, 0.75), (1.25, 4.25, 1.25)
    met = sweep(WORLD, state, low, high, (9.0, 0.0, 0.0))
    assert met is not None and met.entity == ids["body"] and met.distance == pytest.approx(2.35, abs=2e-3)
    met = sweep(WORLD, state, low, high, (9.0, 0.0, 0.0), ignore=ids["body"])
    assert met is not None and met.entity == ids["stone"]
    assert met.distance == pytest.approx(8.0 - 0.4 * math.sqrt(2.0) - 0.25 - 1.0, abs=1e-6)
    met = sweep(WORLD, state, low, high, (0.0, 0.0, -3.0))
    assert met is not None and met.entity == 0 and met.distance == pytest.approx(0.25, abs=2e-3)
    assert (
        sweep(WORLD, state, low, high, (0.0, 0.0, 3.0)) is None and sweep(WORLD, state, low, high, (0.0,) * 3) is None
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_voxels_are_met_where_small_steps_meet_them(seed: int) -> None:
    rng = np.random.default_rng(seed)  # places at random hit no edge exactly: what is met there is a matter of taste
    grid = VoxelGrid((rng.random((16, 16, 16)) < 0.05).astype(np.uint8))
    origin, direction = tuple(rng.uniform(0.1, 3.9, 3).tolist()), rng.normal(size=3)
    way = tuple((direction / np.linalg.norm(direction)).tolist())
    found = voxel_on(grid, origin, way, 6.0)
    for i in range(6000):
        if grid.solid_at(*(o + w * 1e-3 * i for o, w in zip(origin, way, strict=True))):
            assert found is not None and found[2] <= 1e-3 * i + 1e-6
            break
    if found is not None:
        beyond = (o + w * (found[2] + 1e-7) for o, w in zip(origin, way, strict=True))
        assert grid.solid_at(*beyond)
        before = [o + w * max(found[2] - 1e-6, 0.0) for o, w in zip(origin, way, strict=True)]
        assert found[2] == 0.0 or not grid.solid_at(*before)
        assert sum(n * w for n, w in zip(found[1], way, strict=True)) < 0.0


def test_directions_of_any_length_will_do_but_none(state) -> None:
    a = actions.raycast(WORLD, state, (1.0, 4.0, 1.0), (7.0, 0.0, 0.0), 20.0)
    assert a == raycast(WORLD, state, (1.0, 4.0, 1.0), X, 20.0)
    with pytest.raises(actions.ActionError, match="it must point somewhere"):
        actions.raycast(WORLD, state, (1.0, 4.0, 1.0), (0.0, 0.0, 0.0))
    with pytest.raises(actions.ActionError, match="reach is 1000.0, it must be a number from 0 to 256"):
        actions.raycast(WORLD, state, (1.0, 4.0, 1.0), X, 1000.0)
    assert rays.FARTHEST_M == 256.0
