"""Actions check all they are given and then do it, or refuse and change nothing."""

from collections.abc import Callable

import pytest

from engine.core.errors import DaguerreError, LimitError
from engine.core.ids import NOBODY, PLAYER
from engine.sim import actions, stories
from engine.sim.actions import ActionError
from engine.state.blueprint import Blueprint
from engine.state.world import State, new_state
from tests.worlds_for_tests import lively_world

WORLD = lively_world()
NAN = float("nan")
Deed = Callable[[Blueprint, State, dict[str, int]], object]


def test_what_they_read_is_what_they_wrote() -> None:
    state = new_state(WORLD)
    lamp, gate, ann = (actions.find(WORLD, state, n) for n in ("bulb", "gate", "ann"))
    assert actions.find(WORLD, state, "nobody") == NOBODY
    assert actions.find(WORLD, state, "player") == PLAYER
    actions.set_lamp(WORLD, state, lamp, True)
    assert actions.lamp_is_on(WORLD, state, lamp)
    actions.open_door(WORLD, state, gate, True)
    assert actions.door_is_open(WORLD, state, gate)
    actions.move_to(WORLD, state, ann, (3.0, 4.0, 1.0))
    assert actions.position_of(WORLD, state, ann) == (3.0, 4.0, 1.0)
    actions.set_var(WORLD, state, "n", 3)
    assert actions.get_var(WORLD, state, "n") == 3
    assert actions.hour(WORLD, state) == pytest.approx(17.9)
    new = actions.spawn(WORLD, state, "crate", (1.0, 1.0, 0.5), 0.3, "box", {"solid": True})
    assert actions.find(WORLD, state, "box") == new
    actions.despawn(WORLD, state, new)
    assert actions.find(WORLD, state, "box") == NOBODY


@pytest.mark.parametrize(
    ("deed", "why"),
    [
        (lambda b, s, e: actions.set_lamp(b, s, e["ann"], True), r"\(ann\) is no lamp"),
        (lambda b, s, e: actions.open_door(b, s, e["bulb"], True), "is no door"),
        (lambda b, s, e: actions.position_of(b, s, 999), "999 names no living entity"),
        (lambda b, s, e: actions.position_of(b, s, -1), "names no living entity"),
        (lambda b, s, e: actions.position_of(b, s, True), "names no living entity"),
        (lambda b, s, e: actions.position_of(b, s, 2**70), "names no living entity"),
        (lambda b, s, e: actions.despawn(b, s, PLAYER), "the player cannot be despawned"),
        (lambda b, s, e: actions.dim_lamp(b, s, e["bulb"], NAN), "factor is nan"),
        (lambda b, s, e: actions.dim_lamp(b, s, e["bulb"], 1.5), "from 0 to 1"),
        (lambda b, s, e: actions.move_to(b, s, e["ann"], (NAN, 0.0, 0.0)), "position x is nan"),
        (lambda b, s, e: actions.move_to(b, s, e["ann"], (0.0, 0.0)), "three numbers"),
        (lambda b, s, e: actions.move_to(b, s, PLAYER, (-9.0, 0.0, 0.0)), "outside of this world"),
        (lambda b, s, e: actions.spawn(b, s, "tower", (0.0, 0.0, 0.0)), "no prefab 'tower'; there are person, crate"),
        (lambda b, s, e: actions.spawn(b, s, 77, (0.0, 0.0, 0.0)), "prefab is 77"),
        (lambda b, s, e: actions.spawn(b, s, "crate", (0.0, 0.0, 0.0), NAN), "yaw is nan"),
        (lambda b, s, e: actions.spawn(b, s, "crate", (0.0, 0.0, 0.0), name="ann"), "another entity named 'ann'"),
        (lambda b, s, e: actions.spawn(b, s, "crate", (0, 0, 0), components={"speed": -1.0}), "speed is -1.0"),
        (lambda b, s, e: actions.set_behaviour(b, s, e["ann"], "dance"), "no behaviour 'dance'"),
        (lambda b, s, e: actions.set_behaviour(b, s, e["bob"], "patrol"), "path is -1, this world has paths 0 to 0"),
        (lambda b, s, e: actions.set_behaviour(b, s, e["bob"], "patrol", path=5), "path is 5"),
        (lambda b, s, e: actions.set_behaviour(b, s, e["bob"], "follow", follows=999), "names no living"),
        (lambda b, s, e: actions.set_behaviour(b, s, e["bob"], "wander", speed=NAN), "speed is nan"),
        (lambda b, s, e: actions.set_behaviour(b, s, e["bulb"], "wander"), "is no walker"),
        (lambda b, s, e: actions.set_voxels(b, s, (0, 0, 0), (1, 1, 1000), 1), "not inside this world"),
        (lambda b, s, e: actions.set_voxels(b, s, (0.5, 0, 0), (1, 1, 1), 1), "three whole numbers"),
        (lambda b, s, e: actions.set_voxels(b, s, (0, 0, 0), (1, 1, 1), 200), "materials 0 to 4"),
        (lambda b, s, e: stories.say(b, s, "x", NAN), "seconds is nan"),
        (lambda b, s, e: stories.say(b, s, 5), "must be a string"),
        (lambda b, s, e: actions.get_var(b, s, "nix"), "no variable 'nix'; there are seen"),
        (lambda b, s, e: actions.set_var(b, s, "x", NAN), "nan is not a finite number"),
        (lambda b, s, e: actions.set_var(b, s, "x", 2**70), "64 bits"),
        (lambda b, s, e: actions.set_var(b, s, "x", "y" * 5000), "longer than 4096"),
        (lambda b, s, e: actions.set_var(b, s, "x", [1]), "neither a number"),
        (lambda b, s, e: actions.start_timer(b, s, "t", -1.0), "seconds is -1.0"),
        (lambda b, s, e: actions.start_timer(b, s, "", 1.0), "its name must be a text"),
        (lambda b, s, e: actions.emit(b, s, "x", None), "neither a number"),
        (lambda b, s, e: actions.emit(b, s, ""), "a kind is a short text"),
        (lambda b, s, e: actions.emit(b, s, "script_error"), "'script_error' is sent by the world itself"),
        (lambda b, s, e: actions.emit(b, s, "tick", 5), "'tick' is sent by the world itself"),
        (lambda b, s, e: actions.random(b, s, "x" * 5000), "at most 4096 characters"),
        (lambda b, s, e: actions.set_behaviour(b, s, e["bob"], "wander", path=40_000), "path is 40000"),
        (lambda b, s, e: actions.set_behaviour(b, s, e["bob"], "wander", path=0.5), "path is 0.5"),
    ],
)
def test_nonsense_is_refused_and_changes_nothing(deed: Deed, why: str) -> None:
    state = new_state(WORLD)
    before = state.digest()
    with pytest.raises(DaguerreError, match=why):
        deed(WORLD, state, state.id_by_name)
    assert state.digest() == before


def test_an_old_id_does_nothing_to_a_newer_entity() -> None:
    state = new_state(WORLD)
    old = actions.spawn(WORLD, state, "crate", (1.0, 1.0, 0.5))
    actions.despawn(WORLD, state, old)
    new = actions.spawn(WORLD, state, "crate", (2.0, 2.0, 0.5))
    assert new & 0xFFFFF == old & 0xFFFFF
    with pytest.raises(ActionError, match="names no living entity"):
        actions.move_to(WORLD, state, old, (5.0, 5.0, 0.5))
    assert actions.position_of(WORLD, state, new) == (2.0, 2.0, 0.5)


def test_a_thousand_timers_are_enough() -> None:
    state = new_state(WORLD)
    for i in range(1000):
        actions.start_timer(WORLD, state, f"t{i}", 1.0)
    with pytest.raises(LimitError, match="'more' is one too many: a world holds at most 1000"):
        actions.start_timer(WORLD, state, "more", 1.0)
    actions.start_timer(WORLD, state, "t5", 2.0)  # one that runs may start anew


def test_turning_a_lamp_on_twice_is_said_once() -> None:
    state = new_state(WORLD)
    bulb = state.id_by_name["bulb"]
    actions.set_lamp(WORLD, state, bulb, True)
    actions.set_lamp(WORLD, state, bulb, True)
    assert [e.kind for e in state.queue] == ["start", "lamp"]
