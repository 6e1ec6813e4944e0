import dataclasses
import math

import pytest

from engine.sim.step import step
from engine.sim.systems.use import faced
from engine.state.blueprint import Blueprint, Spawn
from engine.state.commands import Command
from engine.state.world import new_state
from tests.worlds_for_tests import LEAF_OF_DOOR, empty_world


def beside_a_plank(yaw: float) -> Blueprint:
    """A plank (1 x 0.25 m, 2 m high) 1 m ahead of the player and 0.45 m to the left of where it looks."""
    x, y, z = empty_world().player_start
    plank = Spawn("plank", LEAF_OF_DOOR, (x + 1.0, y + 0.45, z), yaw)
    return dataclasses.replace(empty_world(spawns=(plank,)), player_yaw=0.0)


@pytest.mark.parametrize("yaw, reached", [(0.0, False), (math.pi / 2, True)])
def test_the_reach_of_a_turned_thing_turns_with_it(yaw: float, reached: bool) -> None:
    blueprint = beside_a_plank(yaw)
    state = new_state(blueprint)
    assert (faced(blueprint, state) is not None) == reached


def test_using_nothing_tells_nothing() -> None:
    blueprint = empty_world()
    state = new_state(blueprint)
    step(blueprint, state, [Command(0, "use")])
    assert all(event.kind != "use" for event in state.events)
