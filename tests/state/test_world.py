"""New worlds, entities and their ids, and what an author may not write."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.errors import LimitError, WorldFileError
from engine.core.ids import PLAYER
from engine.sim import actions
from engine.state import entities
from engine.state.blueprint import Spawn, Trigger
from engine.state.components import COLUMNS, MAX_ENTITIES
from engine.state.world import new_state
from tests.worlds_for_tests import CRATE, PERSON, crowd, empty_world, lively_world


def test_a_new_world_holds_the_player_and_every_spawn() -> None:
    state = new_state(lively_world(), 5)
    assert state.tick == 0
    assert state.n_entities == 8
    assert state.id_by_name["player"] == PLAYER
    assert [e.kind for e in state.queue] == ["start"]
    gate = state.id_by_name["gate"]
    switch = state.id_by_name["switch"] & 0xFFFFF
    assert state.columns.switches[switch] == gate
    assert state.voxels.solid_at(5.1, 7.5, 1.0)  # a shut door stands in its voxels


def test_equal_worlds_have_equal_digests_and_seeds_count() -> None:
    assert new_state(lively_world(), 5).digest() == new_state(lively_world(), 5).digest()
    assert new_state(lively_world(), 5).digest() != new_state(lively_world(), 6).digest()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 5), max_size=60))
def test_ids_never_alias(deeds: list[int]) -> None:
    """0..2 spawn, 3..5 despawn one of the living; every id ever given stays unique and dead ones stay dead."""
    blueprint = empty_world()
    state = new_state(blueprint)
    living: list[int] = []
    dead: set[int] = set()
    for deed in deeds:
        if deed < 3 or not living:
            entity = actions.spawn(blueprint, state, CRATE, (1.0, 1.0, 0.5))
            assert entity not in dead
            assert entity not in living
            living.append(entity)
        else:
            entity = living.pop(deed % len(living))
            actions.despawn(blueprint, state, entity)
            dead.add(entity)
    assert all(state.alive(e) for e in living)
    assert not any(state.alive(e) for e in dead)
    assert state.n_entities == len(living)


def test_despawning_forgets_everything_about_an_entity() -> None:
    blueprint = lively_world()
    state = new_state(blueprint)
    ann = state.id_by_name["ann"]
    dog = state.id_by_name["dog"] & 0xFFFFF
    assert state.columns.follows[dog] == ann
    actions.despawn(blueprint, state, ann)
    assert state.columns.follows[dog] == 0
    assert "ann" not in state.id_by_name
    index = ann & 0xFFFFF
    for column in COLUMNS:
        if column.name != "generation":
            assert (state.columns[column.name][index] == np.array(column.default, column.dtype)).all(), column.name
    actions.spawn(blueprint, state, "crate", (1.0, 1.0, 0.5), name="ann")  # the name is free again


def test_the_cap_on_entities_is_named() -> None:
    blueprint = crowd(MAX_ENTITIES)
    state = new_state(blueprint)
    before = state.digest()
    with pytest.raises(LimitError, match="at most 50,000"):
        actions.spawn(blueprint, state, CRATE, (1.0, 1.0, 0.5))
    assert state.digest() == before


@pytest.mark.parametrize(
    ("components", "why"),
    [
        ({"colour": 1}, "there is no component 'colour'"),
        ({"position": (0, 0, 0)}, "there is no component 'position'"),
        ({"behaviour": "dance"}, "behaviour is 'dance', it must be one of none, patrol"),
        ({"behaviour": "patrol"}, "a patrol needs a path"),
        ({"path": 3}, "path is 3"),
        ({"speed": float("nan")}, "speed is nan"),
        ({"speed": "fast"}, "speed is 'fast'"),
        ({"speed": True}, "speed is True"),
        ({"lamp_on": True}, "a lamp needs lamp_size"),
        ({"lamp_size": (1.0, 1.0)}, "lamp_size is"),
        ({"lamp_size": (1.0, 1.0, -1.0)}, "lamp_size is"),
        ({"lamp_size": 1.0}, "lamp_size is"),
        ({"lamp_size": (1.0, 1.0, 1.0), "lamp_on": 1}, "lamp_on is 1, it must be true or false"),
        ({"lamp_size": (1.0, 1.0, 1.0), "lamp_power": float("inf")}, "lamp_power is inf"),
        ({"door_low": (0, 0, 0)}, "a door needs door_low and door_high"),
        ({"door_low": (5, 5, 5), "door_high": (5, 6, 6)}, "the door's box .* is empty"),
        ({"door_low": (5, 5, 5), "door_high": (6, 6, 9999)}, "the door's box .* leaves the world"),
        ({"door_low": (5.5, 5, 5), "door_high": (6, 6, 9)}, "door_low is"),
        ({"door_low": (5, 5, 5), "door_high": (6, 6, 9), "door_material": 99}, "door_material is 99"),
        ({"switches": "nobody"}, "switches is 'nobody'"),
        ({"behaviour": "follow", "follows": "nobody"}, "follows is 'nobody'"),
        ({"solid": "yes"}, "solid is 'yes'"),
    ],
)
def test_bad_components_are_named_with_their_spawn(components: dict[str, object], why: str) -> None:
    blueprint = empty_world(spawns=(Spawn("thing", PERSON, (1.0, 1.0, 0.5), 0.0, components),))
    with pytest.raises(WorldFileError, match=rf"spawn 0 \(thing\): {why}"):
        new_state(blueprint)


@pytest.mark.parametrize(
    ("spawn", "why"),
    [
        (Spawn("a", 99, (1.0, 1.0, 0.5)), "prefab is 99"),
        (Spawn("a", CRATE, (float("nan"), 1.0, 0.5)), "position is"),
        (Spawn("a", CRATE, (1e9, 1.0, 0.5)), "position is"),
        (Spawn("a", CRATE, (1.0, 1.0, 0.5), float("inf")), "yaw is inf"),
        (Spawn("player", CRATE, (1.0, 1.0, 0.5)), "another entity named 'player'"),
        (Spawn("x" * 300, CRATE, (1.0, 1.0, 0.5)), "at most 200 characters"),
    ],
)
def test_bad_spawns_are_named(spawn: Spawn, why: str) -> None:
    with pytest.raises(WorldFileError, match=why):
        new_state(empty_world(spawns=(spawn,)))


@pytest.mark.parametrize("seed", [-1, 2**63, 1.0, True, "7"])
def test_seeds_are_whole_numbers_in_range(seed: object) -> None:
    with pytest.raises(LimitError, match="seed"):
        new_state(empty_world(), seed)  # type: ignore[arg-type]


def test_the_player_starts_inside_the_world() -> None:
    with pytest.raises(WorldFileError, match="the player starts at"):
        new_state(empty_world(player_start=(99.0, 1.0, 1.0)))


def test_more_than_64_triggers_and_1000_variables_are_refused() -> None:
    triggers = tuple(Trigger(str(i), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)) for i in range(65))
    with pytest.raises(LimitError, match="65 triggers: a world holds at most 64"):
        new_state(empty_world(triggers=triggers))
    with pytest.raises(LimitError, match="at most 1000"):
        new_state(empty_world(variables={str(i): i for i in range(1001)}))


def test_few_are_sought_in_triggers_as_many_are(monkeypatch: pytest.MonkeyPatch) -> None:
    corners = np.random.default_rng(3).integers(0, 9, (64, 2, 3)).astype(float)
    triggers = tuple(
        Trigger(f"t{i}", tuple(np.minimum(a, b).tolist()), tuple(np.maximum(a, b).tolist()))
        for i, (a, b) in enumerate(corners)
    )
    blueprint = dataclasses.replace(crowd(40, 16), triggers=triggers)
    state = new_state(blueprint, 1)
    state.columns.position[:41] = np.random.default_rng(4).integers(0, 18, (41, 3)) / 2.0  # on faces too
    found = []
    for most in (0, 1 << 20):
        monkeypatch.setattr(entities, "FEW_TESTS", most)
        found.append(entities.inside_bits(blueprint, state)[1])
    np.testing.assert_array_equal(found[0], found[1])
    assert found[0].any() and found[0].dtype == np.uint64


def test_dusk_lamps_begin_as_the_hour_wants_them() -> None:
    for hour, on in ((12.0, False), (23.0, True)):
        state = new_state(dataclasses.replace(lively_world(), start_hour=hour))
        assert bool(state.columns.lamp_on[state.id_by_name["lamp"] & 0xFFFFF]) is on


def test_every_section_matters_to_the_digest() -> None:
    """Nudging any value of any column, or anything beside the columns, changes the digest."""
    lively = lively_world()
    blueprint = dataclasses.replace(
        lively, spawns=(*lively.spawns, Spawn("body", CRATE, (3.0, 3.0, 0.5), 0.0, {"density": 200.0}))
    )
    for column in COLUMNS:
        state = new_state(blueprint)
        before = state.digest()
        rows = np.flatnonzero(state.columns.parts[: state.n_slots] & column.part)
        assert len(rows), column.name
        value = state.columns[column.name][rows[-1]]
        state.columns[column.name][rows[-1]] = ~value if column.dtype == "?" else value + 1
        assert state.digest() != before, column.name
