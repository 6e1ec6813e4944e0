"""Doors: open at once for bodies, swing for eyes, shut only on nobody."""

import numpy as np
import pytest

from engine.core.ids import PLAYER
from engine.sim import actions
from engine.sim.extract import extract
from engine.sim.recording import run
from engine.sim.step import step
from engine.state.blueprint import Blueprint, Spawn
from engine.state.commands import Command
from engine.state.components import DOOR_SWING_TICKS
from engine.state.world import State, new_state
from tests.worlds_for_tests import LEAF_OF_DOOR, STONE, WOOD, empty_world

IN_THE_DOORWAY = (8.125, 8.0, 0.5)


def house(**components: object) -> Blueprint:
    """A wall along y at x = 8 m with a door 1 m wide in it; the player stands 1.5 m before it."""
    wall = [((32, 0, 2), (33, 64, 16), STONE)]
    gate = Spawn("gate", LEAF_OF_DOOR, (8.125, 8.0, 0.5), np.pi / 2,
                 {"door_low": (32, 30, 2), "door_high": (33, 34, 10), "door_material": WOOD, **components})  # fmt: skip
    return empty_world(spawns=(gate,), boxes=wall, player_start=(6.5, 8.0, 0.5))


def gate_of(state: State) -> int:
    return state.id_by_name["gate"]


def is_solid(state: State) -> bool:
    return bool((state.voxels.material[32:33, 30:34, 2:10] == WOOD).all())


def test_a_shut_door_is_voxels_and_an_open_one_is_air() -> None:
    assert is_solid(new_state(house()))
    state = new_state(house(door_open=True))
    assert not state.voxels.material[32:33, 30:34, 2:10].any()


def test_opening_clears_at_once_and_swings_for_six_tenths_of_a_second() -> None:
    blueprint = house()
    state = run(blueprint, new_state(blueprint), 5)
    assert not len(extract(blueprint, state).bodies.entity)  # shut: its voxels are what one sees
    actions.open_door(blueprint, state, gate_of(state), True)
    assert not state.voxels.material[32:33, 30:34, 2:10].any()
    yaws = []
    for _ in range(DOOR_SWING_TICKS):
        step(blueprint, state)
        yaws.append(float(extract(blueprint, state).bodies.yaw[0]))
    assert (np.diff(yaws) > 0).all()
    assert yaws[-1] == pytest.approx(np.pi)
    # a quarter turn around the hinge, the low corner of its box at (8, 7.5)
    assert extract(blueprint, state).bodies.position[0] == pytest.approx((7.5, 7.625, 0.5), abs=1e-5)


def test_closing_swings_back_and_leaves_the_blueprint_as_it_was() -> None:
    blueprint = house()
    state = new_state(blueprint)
    stamps = state.voxels.stamp.copy()
    actions.open_door(blueprint, state, gate_of(state), True)
    run(blueprint, state, 50)
    actions.open_door(blueprint, state, gate_of(state), False)
    run(blueprint, state, DOOR_SWING_TICKS - 1)
    assert not is_solid(state)
    run(blueprint, state, 1)
    assert is_solid(state)
    np.testing.assert_array_equal(state.voxels.stamp, stamps)


def test_a_door_waits_for_who_stands_in_it() -> None:
    blueprint = house(door_open=True)
    state = new_state(blueprint)
    step(blueprint, state, [Command(0, "teleport", {"position": IN_THE_DOORWAY, "yaw": 0.0, "pitch": 0.0})])
    actions.open_door(blueprint, state, gate_of(state), False)
    run(blueprint, state, 200)
    assert not is_solid(state)
    assert not actions.door_is_open(blueprint, state, gate_of(state))
    away = Command(state.tick, "teleport", {"position": (3.0, 3.0, 0.5), "yaw": 0.0, "pitch": 0.0})
    step(blueprint, state, [away])
    run(blueprint, state, DOOR_SWING_TICKS)
    assert is_solid(state)


def test_use_opens_what_the_player_faces_and_lets_through() -> None:
    blueprint = house()
    state = run(blueprint, new_state(blueprint), 4)
    walk = Command(state.tick, "move", {"forward": 1.0})
    step(blueprint, state, [walk])
    run(blueprint, state, 128)
    assert state.columns.position[0, 0] < 8.0  # stopped by the door
    step(blueprint, state, [Command(state.tick, "use")])
    assert [(e.kind, e.args) for e in state.events] == [("use", (gate_of(state),)), ("door", (gate_of(state), True))]
    run(blueprint, state, 64)
    assert state.columns.position[0, 0] > 8.5


@pytest.mark.parametrize(
    ("yaw", "position"), [(np.pi, (6.5, 8.0, 0.5)), (0.0, (4.0, 8.0, 0.5)), (0.0, (6.5, 3.0, 0.5))]
)
def test_use_reaches_neither_behind_nor_far_nor_beside(yaw: float, position: tuple[float, float, float]) -> None:
    blueprint = house()
    state = new_state(blueprint)
    there = Command(0, "teleport", {"position": position, "yaw": yaw, "pitch": 0.0})
    step(blueprint, state, [there, Command(0, "use")])
    assert [e.kind for e in state.events] == ["start"]


def test_use_does_not_reach_through_walls() -> None:
    wall = [((28, 0, 2), (29, 64, 16), STONE)]
    lamp = Spawn("lamp", -1, (7.6, 8.0, 2.0), 0.0, {"lamp_size": (0.3, 0.3, 0.3)})
    for boxes, reached in ((wall, False), ([], True)):
        blueprint = empty_world(spawns=(lamp,), boxes=boxes, player_start=(6.0, 8.0, 0.5))
        state = new_state(blueprint)
        step(blueprint, state, [Command(0, "use")])
        assert ("use" in [e.kind for e in state.events]) is reached


def test_a_switch_works_what_it_names() -> None:
    switch = Spawn("switch", 1, (8.0, 8.0, 1.2), 0.0, {"switches": "bulb"})
    bulb = Spawn("bulb", -1, (3.0, 3.0, 2.0), 0.0, {"lamp_size": (0.3, 0.3, 0.3)})
    blueprint = empty_world(spawns=(switch, bulb), player_start=(6.5, 8.0, 0.5))
    state = new_state(blueprint)
    bulb_id = state.id_by_name["bulb"]
    for on in (False, True):
        step(blueprint, state, [Command(state.tick, "use")])
        assert actions.lamp_is_on(blueprint, state, bulb_id) is on
        assert ("lamp", (bulb_id, on)) in [(e.kind, e.args) for e in state.events]


def test_walkers_hold_a_door_too() -> None:
    blueprint = house(door_open=True)
    state = new_state(blueprint)
    person = actions.spawn(blueprint, state, "person", IN_THE_DOORWAY, components={"behaviour": "none"})
    actions.open_door(blueprint, state, gate_of(state), False)
    run(blueprint, state, 100)
    assert not is_solid(state)
    actions.despawn(blueprint, state, person)
    run(blueprint, state, 100)
    assert is_solid(state)
    assert state.alive(PLAYER)
