"""Walkers: they follow the ground, respect walls, and go where their behaviour sends them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.sim import actions
from engine.sim.angles import HEADINGS, wrapped, wrapped_array
from engine.sim.recording import run
from engine.sim.step import step
from engine.sim.systems import gait, motion
from engine.state.blueprint import Path, Spawn
from engine.state.bricks import Bricks
from engine.state.commands import Command
from engine.state.voxels import VoxelGrid
from engine.state.world import State, new_state
from tests.worlds_for_tests import PERSON, STONE, empty_world, lively_world


def walker(**components: object) -> Spawn:
    return Spawn("walker", PERSON, (4.0, 8.0, 0.5), 0.0, components)


def place(state: State, name: str = "walker") -> np.ndarray:
    return state.columns.position[state.id_by_name[name] & 0xFFFFF]


PATH = Path(np.array([[4.0, 8.0, 0.5], [12.0, 8.0, 0.5], [12.0, 12.0, 0.5]]))


def test_a_patrol_visits_its_points_in_a_ring() -> None:
    blueprint = empty_world(spawns=(walker(behaviour="patrol", path=0, speed=2.0),), paths=(PATH,))
    state = new_state(blueprint)
    visits = []
    for _ in range(64 * 16):
        step(blueprint, state)
        d = np.linalg.norm(PATH.points[:, :2] - place(state)[:2], axis=1)
        if d.min() < 0.45 and (not visits or visits[-1] != d.argmin()):
            visits.append(int(d.argmin()))
    assert visits[:5] == [0, 1, 2, 0, 1]


def test_a_patrol_that_is_walled_off_goes_on_with_the_next_point() -> None:
    wall = [((32, 0, 2), (34, 64, 12), STONE)]
    paths = (Path(np.array([[12.0, 8.0, 0.5], [4.0, 4.0, 0.5]])),)
    blueprint = empty_world(spawns=(walker(behaviour="patrol", path=0, speed=2.0),), paths=paths, boxes=wall)
    state = new_state(blueprint)
    nearest = min(
        float(np.linalg.norm(place(run(blueprint, state, 1))[:2] - paths[0].points[1, :2])) for _ in range(64 * 20)
    )
    assert nearest < 0.5


def test_followers_come_close_and_keep_their_distance() -> None:
    blueprint = empty_world(spawns=(walker(behaviour="follow", speed=3.0),))
    state = run(blueprint, new_state(blueprint), 64 * 5)
    distance = float(np.linalg.norm(place(state)[:2] - state.columns.position[0, :2]))
    assert distance == pytest.approx(1.5, abs=0.1)
    before = place(state).copy()
    run(blueprint, state, 64)
    assert np.linalg.norm(place(state) - before) < 0.05


def test_nobody_walks_into_the_player() -> None:
    paths = (Path(np.array([[14.0, 8.0, 0.5], [4.0, 8.0, 0.5]])),)
    blueprint = empty_world(spawns=(walker(behaviour="patrol", path=0),), paths=paths)
    state, nearest = new_state(blueprint), 9.0
    for _ in range(64 * 20):
        step(blueprint, state)
        nearest = min(nearest, float(np.linalg.norm((place(state) - state.columns.position[0])[:2])))
    assert 0.6 < nearest < 0.75


def test_wanderers_cover_ground_and_stay_out_of_walls_and_in_the_world() -> None:
    boxes = [((20, 8, 2), (22, 56, 12), STONE), ((44, 8, 2), (46, 56, 12), STONE)]
    spawns = tuple(Spawn("", PERSON, (2.0 + i, 8.0, 0.5), 0.0, {"behaviour": "wander"}) for i in (0, 5, 12))
    blueprint = empty_world(spawns=spawns, boxes=boxes)
    state = new_state(blueprint, 4)
    begin = state.columns.position[1:4].copy()
    reach = np.zeros(3)
    for _ in range(64 * 20):
        step(blueprint, state)
        p = state.columns.position[1:4]
        reach = np.maximum(reach, np.linalg.norm(p - begin, axis=1))
        assert not any(state.voxels.solid_at(x, y, z + 0.1) for x, y, z in p.tolist())
        assert (np.abs(p[:, 2] - 0.5) < 1e-9).all()
    assert (reach > 2.0).all()


def test_no_wanderer_falls_from_a_platform() -> None:
    blueprint = empty_world(spawns=(Spawn("walker", PERSON, (8.0, 8.0, 2.0), 0.0, {"behaviour": "wander"}),),
                            boxes=[((24, 24, 2), (40, 40, 8), STONE)], player_start=(1.0, 1.0, 0.5))  # fmt: skip
    state = new_state(blueprint, 1)
    for _ in range(64 * 20):
        step(blueprint, state)
        assert place(state)[2] == 2.0


def test_walkers_climb_steps_smoothly() -> None:
    boxes = [((24 + 2 * i, 0, 2), (64, 64, 3 + i), STONE) for i in range(8)]
    paths = (Path(np.array([[14.0, 8.0, 0.5], [13.0, 8.0, 0.5]])),)
    blueprint = empty_world(
        spawns=(walker(behaviour="patrol", path=0),), paths=paths, boxes=boxes, player_start=(1.0, 1.0, 0.5)
    )
    state, z = new_state(blueprint), [0.5]
    for _ in range(64 * 9):
        step(blueprint, state)
        z.append(float(place(state)[2]))
    assert z[-1] == pytest.approx(2.5)
    assert max(b - a for a, b in zip(z, z[1:], strict=False)) < 0.05


def test_a_walker_sinks_when_its_floor_is_taken() -> None:
    blueprint = empty_world(
        spawns=(Spawn("walker", PERSON, (8.0, 12.0, 3.0), 0.0, {"behaviour": "none"}),),
        boxes=[((24, 40, 11), (40, 56, 12), STONE)],
    )
    state = run(blueprint, new_state(blueprint), 10)
    assert place(state)[2] == 3.0
    step(blueprint, state, [Command(10, "set_voxels", {"low": [24, 40, 11], "high": [40, 56, 12], "material": 0})])
    run(blueprint, state, 64 * 2)
    assert place(state)[2] == 0.5


def test_walkers_turn_to_where_they_go_the_short_way() -> None:
    spawn = Spawn("walker", PERSON, (12.0, 8.0, 0.5), 3.0, {"behaviour": "follow", "speed": 1.0})
    blueprint = empty_world(spawns=(spawn,), player_start=(4.0, 6.0, 0.5))
    state = run(blueprint, new_state(blueprint), 64)
    yaw = float(state.columns.yaw[1])
    dx, dy = (state.columns.position[0] - place(state))[:2]
    assert wrapped(yaw - float(np.arctan2(dy, dx))) == pytest.approx(0.0, abs=0.01)


def test_behaviours_change_at_run_time() -> None:
    blueprint = empty_world(spawns=(walker(behaviour="none"),), paths=(PATH,))
    state = run(blueprint, new_state(blueprint), 64)
    assert place(state)[0] == 4.0
    actions.set_behaviour(blueprint, state, state.id_by_name["walker"], "patrol", path=0, speed=2.0)
    run(blueprint, state, 64 * 2)
    assert place(state)[0] > 6.0


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(8, 24).filter(lambda n: n % 8 == 0))
def test_footing_is_what_a_plain_search_finds(seed: int, height: int) -> None:
    random = np.random.default_rng(seed)
    voxels = (random.random((8, 8, height)) < 0.12).astype(np.uint8)
    voxels[:, :, 0] = random.random((8, 8)) < 0.5
    grid = VoxelGrid(voxels)
    x, y = random.uniform(-0.5, 2.5, (2, 40)).tolist()
    ground = random.integers(-4, height + 12, 40).tolist()
    still, came, level = [0.0] * 40, ground.copy(), [0.25 * g for g in ground]
    gait.strides(
        grid.ringed.data, *grid.solid.shape, motion.change_table().tolist(), x.copy(), y.copy(), level, still, still,
        still, still, came, still.copy(), [False] * 40,
    )  # fmt: skip
    for k in range(40):
        i, j = int(np.floor(x[k] * 4)), int(np.floor(y[k] * 4))
        expected = plain_footing(voxels, i, j, ground[k])
        if expected is None:  # falls where nothing is near below, else stays
            falls = 0 <= i < 8 and 0 <= j < 8 and not any(solid(voxels, i, j, ground[k] - d) for d in (1, 2, 3))
            expected = -1 if falls else 0
        assert came[k] - ground[k] == expected


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_ground_of_a_large_world_lets_walkers_as_far(seed: int) -> None:
    """Bricks and numpy on the one side, bytes of columns and one walker after another on the other: the same bits."""
    random = np.random.default_rng(seed)
    voxels = (random.random((24, 24, 24)) < 0.02).astype(np.uint8)
    voxels[:, :, :2] = random.random((24, 24, 1)) < 0.9
    large = Bricks((24, 24, 24))
    large[:, :, :] = voxels
    small, n = VoxelGrid(voxels), 60
    ground = random.integers(0, 5, n)
    position = np.stack([*random.uniform(-0.2, 6.2, (2, n)), ground * 0.25 + random.uniform(-0.2, 0.2, n)])
    velocity, wanted = random.normal(0.0, 3.0, (2, n)), random.normal(0.0, 1.0, (2, n)) * (random.random(n) < 0.8)
    yaw = random.uniform(-3.0, 3.0, n).astype(np.float32)
    found = motion.strides(VoxelGrid(large), position, wanted, velocity, ground, yaw)
    x, y, z = position.tolist()
    came, turned, blocked = ground.tolist(), yaw.astype(np.float64).tolist(), [False] * n
    gait.strides(
        small.ringed.data, *small.solid.shape, motion.change_table().tolist(), x, y, z, *wanted.tolist(),
        *velocity.tolist(), came, turned, blocked,
    )  # fmt: skip
    for mine, theirs in zip(found, (np.array([x, y, z]), came, blocked, turned), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def solid(voxels: np.ndarray, i: int, j: int, k: int) -> bool:
    return k < 0 or (k < voxels.shape[2] and bool(voxels[i, j, k]))


def plain_footing(voxels: np.ndarray, i: int, j: int, ground: int) -> int | None:
    nx, ny, _ = voxels.shape
    if not (0 <= i < nx and 0 <= j < ny):
        return None
    for up in (2, 1, 0, -1, -2):
        level = ground + up
        if solid(voxels, i, j, level - 1) and not any(solid(voxels, i, j, k) for k in range(level, level + 7)):
            return up
    return None


def test_walkers_turn_to_where_they_go() -> None:
    grid, angles = VoxelGrid(np.zeros((32, 32, 8), np.uint8)), np.linspace(-3.1415, 3.1415, 501)
    n, speed = len(angles), 10.0 ** np.linspace(-6, 1, len(angles))
    vx, vy, still = (np.cos(angles) * speed).tolist(), (np.sin(angles) * speed).tolist(), [0.0] * n
    there, yaw = [4.0] * n, (angles + np.where(np.arange(n) % 2, 0.05, -0.05)).tolist()
    gait.strides(
        grid.ringed.data, *grid.solid.shape, motion.change_table().tolist(), there, there, still, vx, vy, vx, vy,
        [0] * n, yaw, [False] * n,
    )  # fmt: skip
    assert np.abs(wrapped_array(np.array(yaw) - angles)).max() < 2e-5
    np.testing.assert_allclose((HEADINGS**2).sum(1), 1.0)


def test_the_lively_world_is_lively() -> None:
    blueprint = lively_world()
    state = new_state(blueprint, 3)
    names = ("ann", "bob", "cat", "dog")
    before = {n: place(state, n).copy() for n in names}
    run(blueprint, state, 640)
    assert all(np.linalg.norm(place(state, n) - before[n]) > 0.3 for n in names)
