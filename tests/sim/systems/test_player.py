"""The player's body: walls hold, stairs are climbed, falls end on the ground."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.units import TICK_HZ
from engine.sim.recording import run
from engine.sim.step import step
from engine.sim.systems.player import HALF_WIDTH_M, HEIGHT_M, JUMP_M_S
from engine.state.blueprint import Blueprint, Spawn
from engine.state.commands import Command
from engine.state.world import State, new_state
from tests.worlds_for_tests import CRATE, STONE, box_prefab, empty_world


def settled(blueprint: Blueprint) -> State:
    state = run(blueprint, new_state(blueprint), 4)
    assert state.player.on_ground
    return state


def feet(state: State) -> tuple[float, float, float]:
    x, y, z = state.columns.position[0].tolist()
    return x, y, z


def walk(blueprint: Blueprint, state: State, ticks: int, **args: object) -> State:
    step(blueprint, state, [Command(state.tick, "move", args)])
    return run(blueprint, state, ticks - 1)


@pytest.mark.parametrize(("args", "speed"), [({"forward": 1.0}, 2.2), ({"forward": 1.0, "run": True}, 4.5)])
def test_walking_and_running_have_their_speeds(args: dict[str, object], speed: float) -> None:
    blueprint = empty_world((16, 16, 4))
    state = settled(blueprint)
    x, y, z = feet(state)
    walk(blueprint, state, TICK_HZ, **args)
    assert feet(state) == pytest.approx((x + speed, y, z), abs=1e-6)


def test_diagonals_are_not_faster_and_yaw_turns_the_way() -> None:
    blueprint = empty_world(player_yaw=math.pi / 2)
    state = settled(blueprint)
    x, y, z = feet(state)
    walk(blueprint, state, TICK_HZ, forward=1.0, right=1.0)
    s = 2.2 / math.sqrt(2.0)
    assert feet(state) == pytest.approx((x + s, y + s, z), abs=1e-6)  # looking along +y, right is +x


def test_a_wall_stops_and_can_be_slid_along() -> None:
    blueprint = empty_world(boxes=[((40, 0, 2), (42, 64, 12), STONE)])
    state = settled(blueprint)
    walk(blueprint, state, 2 * TICK_HZ, forward=1.0, right=1.0, run=True)
    x, y, _ = feet(state)
    assert 10.0 - HALF_WIDTH_M - 0.01 < x <= 10.0 - HALF_WIDTH_M
    assert y < 8.0 - 4.0  # went on to the right all the while


@settings(max_examples=15, deadline=None)
@given(st.floats(-math.pi, math.pi), st.booleans(), st.lists(st.floats(-1.0, 1.0), min_size=3, max_size=6))
def test_no_walk_ever_enters_anything_solid(yaw: float, run_fast: bool, turns: list[float]) -> None:
    boxes = [((36, 20, 2), (37, 44, 12), STONE), ((20, 36, 2), (44, 37, 4), STONE), ((25, 25, 7), (40, 40, 9), STONE)]
    blueprint = empty_world(boxes=boxes, player_yaw=yaw, player_start=(8.0, 5.5, 0.5))
    state = settled(blueprint)
    step(blueprint, state, [Command(state.tick, "move", {"forward": 1.0, "run": run_fast, "up": 1.0})])
    for turn in turns:
        step(blueprint, state, [Command(state.tick, "look", {"yaw": turn})])
        for _ in range(25):
            step(blueprint, state)
            x, y, z = feet(state)
            low = (x - HALF_WIDTH_M, y - HALF_WIDTH_M, z)
            assert not state.voxels.solid_in(low, (x + HALF_WIDTH_M, y + HALF_WIDTH_M, z + HEIGHT_M))


def test_stairs_of_a_voxel_are_walked_up_and_down() -> None:
    boxes = [((40 + 2 * i, 24, 2), (64, 40, 3 + i), STONE) for i in range(6)]
    blueprint = empty_world(boxes=boxes)
    state = settled(blueprint)
    heights = [feet(state)[2]]
    step(blueprint, state, [Command(state.tick, "move", {"forward": 1.0})])
    for _ in range(3 * TICK_HZ):
        step(blueprint, state)
        heights.append(feet(state)[2])
        assert abs(state.player.eye_lag) < 0.6
    assert heights[-1] == pytest.approx(0.5 + 6 * 0.25, abs=0.01)
    step(blueprint, state, [Command(state.tick, "move", {"forward": -1.0})])
    for _ in range(3 * TICK_HZ):
        step(blueprint, state)
        assert state.player.on_ground  # stays on the stairs, does not fall from step to step
    assert feet(state)[2] == pytest.approx(0.5, abs=0.01)


def test_the_eye_glides_where_the_feet_jump() -> None:
    boxes = [((40 + 2 * i, 24, 2), (64, 40, 3 + i), STONE) for i in range(6)]
    blueprint = empty_world(boxes=boxes)
    state = settled(blueprint)
    step(blueprint, state, [Command(state.tick, "move", {"forward": 1.0})])
    eye = [feet(state)[2]]
    for _ in range(2 * TICK_HZ):
        step(blueprint, state)
        eye.append(feet(state)[2] - state.player.eye_lag)
    assert max(b - a for a, b in zip(eye, eye[1:], strict=False)) < 0.08
    assert eye[-1] > 1.2


def test_a_step_of_half_a_metre_is_jumped_not_walked() -> None:
    blueprint = empty_world(boxes=[((40, 0, 2), (64, 64, 4), STONE)])
    state = settled(blueprint)
    walk(blueprint, state, 2 * TICK_HZ, forward=1.0)
    assert feet(state)[2] == pytest.approx(0.5, abs=0.01)
    step(blueprint, state, [Command(state.tick, "jump")])
    run(blueprint, state, TICK_HZ)
    assert feet(state)[2] == pytest.approx(1.0, abs=0.01)


def test_a_jump_rises_about_a_metre_and_lands() -> None:
    blueprint = empty_world()
    state = settled(blueprint)
    step(blueprint, state, [Command(state.tick, "jump")])
    heights = [feet(state)[2]]
    for _ in range(2 * TICK_HZ):
        step(blueprint, state)
        heights.append(feet(state)[2])
    assert max(heights) - 0.5 == pytest.approx(JUMP_M_S**2 / (2 * 9.81), abs=0.06)
    assert heights[-1] == pytest.approx(0.5, abs=0.01)
    assert state.player.on_ground


def test_a_fall_ends_on_the_ground() -> None:
    blueprint = empty_world((16, 16, 8), player_start=(8.0, 8.0, 300.0))
    state = run(blueprint, new_state(blueprint), 20 * TICK_HZ)
    assert feet(state)[2] == pytest.approx(0.5, abs=0.05)


def test_the_world_has_an_edge() -> None:
    blueprint = empty_world()
    state = settled(blueprint)
    walk(blueprint, state, 5 * TICK_HZ, forward=1.0, run=True)
    assert feet(state)[0] <= 16.0 - HALF_WIDTH_M


def test_solid_things_stop_but_never_hold() -> None:
    blueprint = empty_world(spawns=(Spawn("crate", CRATE, (10.0, 8.0, 0.5), 0.5, {"solid": True}),))
    state = settled(blueprint)
    walk(blueprint, state, 2 * TICK_HZ, forward=1.0)
    assert feet(state)[0] < 10.0 - 0.4 - HALF_WIDTH_M
    run(blueprint, state, 1)
    step(blueprint, state, [Command(state.tick, "teleport", {"position": [10.0, 8.0, 0.5], "yaw": 0.0, "pitch": 0.0})])
    run(blueprint, state, 2 * TICK_HZ)
    assert feet(state)[0] > 11.0  # put inside of it, the player walks out


def test_a_thing_far_larger_than_a_room_stops_too() -> None:
    hall = box_prefab("hall", (8.0, 8.0, 2.0))
    blueprint = empty_world((48, 16, 8), (Spawn("hall", 4, (36.0, 8.0, 0.5), 0.0, {"solid": True}),))
    blueprint = replace(blueprint, prefabs=(*blueprint.prefabs, hall))
    state = settled(blueprint)
    walk(blueprint, state, 12 * TICK_HZ, forward=1.0)
    assert 26.0 < feet(state)[0] < 28.0 - HALF_WIDTH_M


def test_a_wall_built_over_the_player_lets_out() -> None:
    blueprint = empty_world()
    state = settled(blueprint)
    box = {"low": [28, 28, 2], "high": [36, 36, 6], "material": STONE}
    step(blueprint, state, [Command(state.tick, "set_voxels", box)])
    run(blueprint, state, TICK_HZ)
    assert feet(state)[2] == pytest.approx(1.5, abs=0.06)


def test_looking_is_clamped_upwards_and_wrapped_around() -> None:
    blueprint = empty_world()
    state = new_state(blueprint)
    step(blueprint, state, [Command(0, "look", {"yaw": 10.0, "pitch": 10.0})])
    assert state.player.pitch == math.radians(89.0)
    assert state.columns.yaw[0] == pytest.approx(10.0 - 4 * math.pi)
