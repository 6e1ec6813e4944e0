"""What is carried goes with its carrier, in the state, in the snapshot and in pictures."""

import math

import numpy as np
import pytest

from engine.core.errors import SnapshotError, WorldFileError
from engine.core.ids import PLAYER, index_of
from engine.sim import actions, stories
from engine.sim.actions import ActionError
from engine.sim.extract import extract
from engine.sim.step import step
from engine.sim.stories import IN_HAND
from engine.sim.systems.use import faced
from engine.state import snapshot
from engine.state.blueprint import Spawn
from engine.state.commands import Command
from engine.state.world import State, new_state
from tests.worlds_for_tests import CRATE, LANTERN, PERSON, empty_world

TORCH = Spawn("torch", LANTERN, (3.0, 3.0, 0.5), 0.0, {"lamp_size": (0.1, 0.1, 0.1), "solid": True})
WALKER = Spawn("Ada", PERSON, (10.0, 10.0, 0.5), 0.0, {"behaviour": "wander"})
BOX = Spawn("box", CRATE, (12.0, 4.0, 0.5), 0.0, {})
BODY = Spawn("ball", CRATE, (4.0, 12.0, 0.5), 0.0, {"density": 300.0})
WORLD = empty_world(spawns=(TORCH, WALKER, BOX, BODY))


def started() -> tuple[State, int]:
    state = new_state(WORLD, 3)
    return state, state.id_by_name["torch"]


def at_hand(state: State, carrier: int) -> list[float]:
    """Where something in the carrier's hand must be."""
    c, i = state.columns, index_of(carrier)
    x, y, z = c.position[i].tolist()
    yaw, (ahead, left, up) = float(c.yaw[i]), IN_HAND
    return [x + ahead * math.cos(yaw) - left * math.sin(yaw), y + ahead * math.sin(yaw) + left * math.cos(yaw), z + up]


def test_a_torch_goes_with_the_player_who_walks_and_turns() -> None:
    state, torch = started()
    stories.carry(WORLD, state, torch)
    assert actions.position_of(WORLD, state, torch) == pytest.approx(at_hand(state, PLAYER))
    for tick in range(100):
        orders = [Command(tick, "look", {"yaw": 0.05, "pitch": 0.0}), Command(tick, "move", {"forward": 1.0})]
        step(WORLD, state, orders)
        assert actions.position_of(WORLD, state, torch) == pytest.approx(at_hand(state, PLAYER), abs=1e-6)
    assert state.columns.yaw[index_of(torch)] == state.columns.yaw[0]
    view = extract(WORLD, state)
    assert view.lamps.centre[0].tolist() == pytest.approx(at_hand(state, PLAYER), abs=1e-5)
    row = int(np.flatnonzero(view.bodies.entity == index_of(torch))[0])
    assert not view.bodies.stands[row], "what is carried does not stand still"


def test_a_torch_in_the_hand_of_who_stands_is_at_rest_for_pictures_whatever_the_moment_between_ticks() -> None:
    """Light is worked out anew for a lamp that moved, by any bit: one that is held still must cost nothing."""
    state, torch = started()
    stories.carry(WORLD, state, torch)
    step(WORLD, state, [Command(0, "look", {"yaw": 0.7, "pitch": 0.1}), Command(0, "move", {"forward": 1.0})])
    for tick in range(1, 200):
        step(WORLD, state, [Command(tick, "move", {"forward": 0.0})] if tick == 20 else [])
    views = []
    for alpha in (1.0, 0.13, 0.77):
        step(WORLD, state, [])
        views.append(extract(WORLD, state, None, alpha))
    for view in views[1:]:
        rows = [np.flatnonzero(v.bodies.entity == index_of(torch))[0] for v in (views[0], view)]
        np.testing.assert_array_equal(view.lamps.centre, views[0].lamps.centre)
        for name in ("position", "orientation", "previous_position"):
            one, two = (getattr(v.bodies, name)[row] for v, row in zip((views[0], view), rows, strict=True))
            np.testing.assert_array_equal(one, two)


def test_it_is_no_obstacle_nor_faced_while_it_is_carried() -> None:
    state, torch = started()
    actions.move_to(WORLD, state, torch, (9.2, 8.0, 0.5))
    assert faced(WORLD, state) == index_of(torch)
    stories.carry(WORLD, state, torch, at=(0.7, 0.0, 0.5))
    assert faced(WORLD, state) is None
    x = state.columns.position[0, 0]
    for tick in range(32):
        step(WORLD, state, [Command(tick, "move", {"forward": 1.0})])
    assert state.columns.position[0, 0] > x + 0.9


def test_somebody_else_can_carry_it_and_events_tell() -> None:
    state, torch = started()
    ada = state.id_by_name["Ada"]
    stories.carry(WORLD, state, torch, ada)
    assert stories.carrier_of(WORLD, state, torch) == ada and stories.carried_by(WORLD, state, ada) == [torch]
    step(WORLD, state)
    assert ("carried", (torch, ada)) in [(e.kind, e.args) for e in state.events]
    stories.carry(WORLD, state, torch)
    assert stories.carried_by(WORLD, state, ada) == [] and stories.carried_by(WORLD, state, PLAYER) == [torch]
    stories.drop(WORLD, state, torch)
    stories.drop(WORLD, state, torch)
    step(WORLD, state)
    assert [(e.kind, e.args) for e in state.events if e.kind == "dropped"] == [("dropped", (torch, PLAYER))]
    assert actions.position_of(WORLD, state, torch)[2] == 0.5, "it lies on the ground"
    assert stories.carrier_of(WORLD, state, torch) == 0


def test_it_falls_to_where_it_is_put() -> None:
    state, torch = started()
    stories.carry(WORLD, state, torch)
    stories.drop(WORLD, state, torch, (5.0, 5.0, 3.0))
    assert actions.position_of(WORLD, state, torch) == (5.0, 5.0, 3.0)


def test_it_rides_on_a_rolling_body() -> None:
    state, torch = started()
    stories.carry(WORLD, state, torch, state.id_by_name["ball"], at=(0.0, 0.0, 1.0))
    actions.set_velocity(WORLD, state, state.id_by_name["ball"], (1.0, 0.0, 0.0))
    for _ in range(30):
        step(WORLD, state)
    ball = np.array(actions.position_of(WORLD, state, state.id_by_name["ball"]))
    assert np.linalg.norm(actions.position_of(WORLD, state, torch) - ball) == pytest.approx(1.0, abs=1e-4)


def test_who_leaves_the_world_carries_nothing() -> None:
    state, torch = started()
    stories.carry(WORLD, state, torch, state.id_by_name["Ada"])
    actions.despawn(WORLD, state, state.id_by_name["Ada"])
    assert stories.carrier_of(WORLD, state, torch) == 0


@pytest.mark.parametrize(
    ("thing", "by", "why"),
    [
        ("player", "Ada", "cannot be carried"),
        ("Ada", "player", "cannot be carried"),
        ("ball", "player", "cannot be carried"),
        ("torch", "torch", "nothing carries itself"),
        ("box", "torch", "carried itself"),
    ],
)
def test_what_cannot_be_carried_is_refused(thing: str, by: str, why: str) -> None:
    state, torch = started()
    if thing == "box":
        stories.carry(WORLD, state, torch)
    before = state.digest()
    with pytest.raises(ActionError, match=why):
        stories.carry(WORLD, state, state.id_by_name[thing], state.id_by_name[by])
    assert state.digest() == before


def test_what_carries_something_is_not_carried() -> None:
    state, torch = started()
    stories.carry(WORLD, state, torch, state.id_by_name["box"])
    with pytest.raises(ActionError, match="it carries something itself"):
        stories.carry(WORLD, state, state.id_by_name["box"])
    with pytest.raises(ActionError, match="at x is"):
        stories.carry(WORLD, state, torch, at=(100.0, 0.0, 0.0))
    with pytest.raises(ActionError, match="names no living entity"):
        stories.carry(WORLD, state, torch, 12345)


def test_a_world_may_begin_with_it_in_hand() -> None:
    held = Spawn("lamp", LANTERN, (1.0, 1.0, 1.0), 0.0, {"carrier": "player", "carried_at": (0.5, 0.0, 1.0)})
    world = empty_world(spawns=(held,))
    state = new_state(world)
    assert actions.position_of(world, state, state.id_by_name["lamp"]) == (8.5, 8.0, 1.5)
    assert (state.columns.previous_position[1] == state.columns.position[1]).all()
    with pytest.raises(WorldFileError, match="carried"):
        new_state(empty_world(spawns=(Spawn("x", PERSON, (1.0, 1.0, 0.5), 0.0, {"speed": 1.0, "carrier": "player"}),)))


def test_it_is_in_the_snapshot_and_a_forged_one_is_refused() -> None:
    state, torch = started()
    stories.carry(WORLD, state, torch)
    again = snapshot.load(WORLD, snapshot.save(WORLD, state))
    assert again.digest() == state.digest() and stories.carrier_of(WORLD, again, torch) == PLAYER
    for slot in (0, 2, 4):  # the player, a walker, a body
        forged = snapshot.load(WORLD, snapshot.save(WORLD, state))
        forged.columns.carrier[slot] = state.id_by_name["box"]
        with pytest.raises(SnapshotError, match="cannot be carried"):
            snapshot.load(WORLD, snapshot.save(WORLD, forged))
    forged = snapshot.load(WORLD, snapshot.save(WORLD, state))
    forged.columns.carrier[3] = torch
    with pytest.raises(SnapshotError, match="cannot be carried"):
        snapshot.load(WORLD, snapshot.save(WORLD, forged))
