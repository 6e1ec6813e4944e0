"""Laws that hold in every shipped world."""

from functools import cache

import numpy as np
import pytest

from engine.core.units import TICK_HZ, VOXEL_M
from engine.script import assets
from engine.script.worldfile import LoadedWorld, check, load
from engine.sim import actions
from engine.sim.step import step
from engine.state import snapshot
from engine.state.commands import Command
from engine.state.components import ALIVE, COLUMNS, WALKS
from engine.state.world import State, new_state

WORLDS = assets.shipped_worlds()
RUN_TICKS = 200
every_world = pytest.mark.parametrize("name", WORLDS)


@cache
def world(name: str) -> LoadedWorld:
    return load(name)


def run(name: str, ticks: int, state: State | None = None) -> State:
    w = world(name)
    state = new_state(w.blueprint, 7) if state is None else state
    for _ in range(ticks):
        state = step(w.blueprint, state, (), w.script)
    return state


def air_at(grid: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Whether points [n, 3] in metres lie inside the grid and in air."""
    v = np.floor(points / VOXEL_M).astype(int)
    inside = ((v >= 0) & (v < grid.shape)).all(axis=1)
    free = np.zeros(len(v), bool)
    free[inside] = grid[tuple(v[inside].T)] == 0
    return free


def test_there_are_three_worlds_to_start_with() -> None:
    assert {"courtyard", "gallery", "town"} <= set(WORLDS)


@every_world
def test_it_is_free_of_problems(name: str) -> None:
    assert check(name) == []


@every_world
def test_two_loads_are_one_blueprint(name: str) -> None:
    first, second = world(name).blueprint, load(name).blueprint
    assert first.digest == second.digest and (first.voxels == second.voxels).all()
    assert first.spawns == second.spawns


@every_world
def test_its_digest_repeats_and_its_scripts_do_not_fail(name: str) -> None:
    first, second = run(name, RUN_TICKS), run(name, RUN_TICKS)
    assert first.digest() == second.digest() and not first.disabled


@every_world
def test_it_goes_on_from_a_snapshot_as_if_nothing_had_been(name: str) -> None:
    state = run(name, RUN_TICKS // 2)
    copy = snapshot.load(world(name).blueprint, snapshot.save(world(name).blueprint, state))
    assert run(name, RUN_TICKS // 2, copy).digest() == run(name, RUN_TICKS // 2, state).digest()


@every_world
def test_no_number_is_lost(name: str) -> None:
    b, state = world(name).blueprint, run(name, RUN_TICKS)
    for c in COLUMNS:
        assert np.isfinite(state.columns[c.name][: state.n_slots].astype(np.float64)).all(), c.name
    for prefab in b.prefabs:
        assert np.isfinite(prefab.position).all()
        np.testing.assert_allclose(np.linalg.norm(prefab.normal, axis=1), 1.0, atol=1e-5)


@every_world
def test_names_are_unique_and_cross_references_hold(name: str) -> None:
    b = world(name).blueprint
    names = [s.name for s in b.spawns if s.name]
    assert len(names) == len(set(names)) and "player" not in names
    assert all(s.components.get("switches", names[0]) in names for s in b.spawns)
    assert len({c.name for c in b.cameras}) == len(b.cameras) >= 4
    assert int(b.voxels.max()) < len(b.materials.names)


@every_world
def test_everyone_stands_on_the_ground_and_walks(name: str) -> None:
    b = world(name).blueprint
    state = new_state(b, 7)
    c = state.columns
    everyone = np.flatnonzero((c.parts[: state.n_slots] & WALKS) != 0)
    feet = np.concatenate([c.position[everyone], [b.player_start]])
    up = np.array([0.0, 0.0, 1.0])
    assert not air_at(b.voxels, feet - 0.1 * up).any(), "ground below the feet"
    for height in (0.1, 0.9, 1.6):
        assert air_at(b.voxels, feet + height * up).all(), "air where the body is"
    before = feet[:-1].copy()
    state = run(name, 20 * TICK_HZ)
    moved = np.linalg.norm(state.columns.position[everyone] - before, axis=1)
    assert not len(moved) or (moved > 0.1).mean() > 0.9
    assert (state.columns.parts[: state.n_slots] & ALIVE).all()


@every_world
def test_people_can_walk_their_rounds(name: str) -> None:
    b = world(name).blueprint
    for path in b.paths:
        ends = np.roll(path.points, -1, axis=0)
        for a, e in zip(path.points, ends, strict=True):
            n = max(2, int(np.linalg.norm(e - a) / 0.1))
            way = a + (e - a) * np.linspace(0, 1, n)[:, None] + (0.0, 0.0, 1.0)
            assert air_at(b.voxels, way).all(), f"path {path.points.tolist()} from {a} to {e}"


@every_world
def test_cameras_look_from_the_air_and_rails_cut_no_wall(name: str) -> None:
    b = world(name).blueprint
    for rail in b.cameras:
        seconds = np.arange(0.0, float(rail.time_s[-1]) + 0.02, 0.02)
        eyes = np.array([rail.at(float(t)).position for t in seconds])
        for offset in np.vstack([np.zeros((1, 3)), 0.15 * np.eye(3), -0.15 * np.eye(3)]):
            free = air_at(b.voxels, eyes + offset)
            assert free.all(), f"camera {rail.name} at {seconds[~free][:3]} s, {eyes[~free][:1]}"
        speed = np.linalg.norm(np.diff(eyes, axis=0), axis=1) / 0.02
        assert (speed < 6.0).all()
    tour = next(c for c in b.cameras if c.name == "tour")
    assert 10.0 <= tour.time_s[-1] <= 20.0


@every_world
def test_nothing_stands_in_front_of_the_opening_shot(name: str) -> None:
    b = world(name).blueprint
    camera = b.cameras[0].at(0.0)
    assert 1.5 <= camera.position[2] <= 5.0 and 50 <= np.degrees(camera.fov_y) <= 65
    ahead = np.asarray(camera.position) + camera.axes()[0] * np.linspace(0.2, 3.0, 15)[:, None]
    assert air_at(b.voxels, ahead).all()


@every_world
def test_lamps_hang_in_the_air(name: str) -> None:
    b = world(name).blueprint
    for s in b.spawns:
        if "lamp_size" in s.components:
            offset = np.asarray(s.components["lamp_offset"], float)
            turn = np.array([[np.cos(s.yaw), -np.sin(s.yaw), 0], [np.sin(s.yaw), np.cos(s.yaw), 0], [0, 0, 1]])
            assert air_at(b.voxels, (np.asarray(s.position) + turn @ offset)[None]).all(), s.name


def used_from(name: str, position: tuple[float, float, float], yaw: float, pitch: float, then_ticks: int = 64) -> State:
    """A second after the player has stood somewhere and used what it faced."""
    w = world(name)
    state = new_state(w.blueprint, 7)
    teleport = Command(0, "teleport", {"position": position, "yaw": yaw, "pitch": pitch})
    state = step(w.blueprint, state, [teleport, Command(0, "use", {})], w.script)
    return run(name, then_ticks, state)


def test_the_green_door_of_the_courtyard_opens_by_use() -> None:
    b = world("courtyard").blueprint
    state = used_from("courtyard", (30.0, 11.9, 1.0), 0.0, -0.2)
    door = state.id_by_name["green door"]
    assert actions.door_is_open(b, state, door)
    assert state.voxels.material[125, 47, 6] == 0, "the doorway is free"
    assert new_state(b, 7).voxels.material[125, 47, 6] != 0, "and was shut before"


def test_the_switch_of_the_courtyard_room_puts_its_lamp_out() -> None:
    b = world("courtyard").blueprint
    state = used_from("courtyard", (32.5, 10.6, 1.0), np.pi, -0.35)
    assert not actions.lamp_is_on(b, state, state.id_by_name["room lamp"])


def test_the_switch_of_the_gallery_lights_every_picture() -> None:
    b = world("gallery").blueprint
    state = used_from("gallery", (2.5, 7.75, 0.5), np.pi, -0.35)
    lamps = [i for n, i in state.id_by_name.items() if n.startswith("track")]
    assert len(lamps) == 6 and all(actions.lamp_is_on(b, state, i) for i in lamps)
    assert state.subtitle == "The pictures step forward."


def test_chiara_follows_who_greets_her() -> None:
    w = world("courtyard")
    state = new_state(w.blueprint, 7)
    chiara = state.id_by_name["Chiara"]
    w.script.handle(w.blueprint, state, "used", (chiara,))
    assert state.story.speaker == "Chiara" and state.story.progress["greet"] == 1
    before = np.linalg.norm(state.columns.position[0] - actions.position_of(w.blueprint, state, chiara))
    state = run("courtyard", 8 * TICK_HZ, state)
    assert np.linalg.norm(state.columns.position[0] - actions.position_of(w.blueprint, state, chiara)) < before - 3.0


def test_lanterns_of_the_courtyard_come_on_while_you_watch() -> None:
    b = world("courtyard").blueprint
    state = new_state(b, 7)
    lanterns = [i for n, i in state.id_by_name.items() if "lantern" in n]
    assert len(lanterns) >= 12 and not any(actions.lamp_is_on(b, state, i) for i in lanterns)
    state = run("courtyard", 45 * TICK_HZ, state)
    assert all(actions.lamp_is_on(b, state, i) for i in lanterns)


def test_in_the_playground_one_push_fells_the_row_and_the_tower_stands() -> None:
    w = world("playground")
    state = new_state(w.blueprint, 7)
    assert sum(name.startswith("crate") for name in state.id_by_name) == 50
    top = state.id_by_name["crate 50"]
    before = actions.position_of(w.blueprint, state, top)
    actions.push(w.blueprint, state, state.id_by_name["tile 1"], (120.0, 0.0, 0.0))
    state = run("playground", 6 * TICK_HZ, state)
    last = state.columns.orientation[state.id_by_name["tile 12"] & 0xFFFFF]
    assert abs(last[0]) + abs(last[1]) > 0.3 and state.story.progress["tiles"] == 1
    np.testing.assert_allclose(actions.position_of(w.blueprint, state, top), before, atol=0.05)


def test_the_balls_of_the_playground_roll_down_the_steps_when_the_gate_slides() -> None:
    w = world("playground")
    state = new_state(w.blueprint, 7)
    balls = [i for n, i in state.id_by_name.items() if n.startswith("ball")]
    for ball in balls:
        actions.push(w.blueprint, state, ball, (-25.0, 0.0, 0.0))
    run("playground", 2 * TICK_HZ, state)
    assert all(actions.position_of(w.blueprint, state, ball)[2] > 3.0 for ball in balls), "the gate holds them"
    actions.open_door(w.blueprint, state, state.id_by_name["gate"], True)
    run("playground", TICK_HZ, state)
    for ball in balls:
        actions.push(w.blueprint, state, ball, (-25.0, 0.0, 0.0))
    run("playground", 3 * TICK_HZ, state)
    assert sum(actions.position_of(w.blueprint, state, ball)[2] < 2.5 for ball in balls) >= 3


def test_the_town_has_its_lamps_and_its_people() -> None:
    b = world("town").blueprint
    assert b.size_m == (128.0, 128.0, 24.0)
    assert sum(s.name.startswith("lamp ") for s in b.spawns) == 40
    assert sum("behaviour" in s.components for s in b.spawns) == 60
