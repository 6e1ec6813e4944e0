"""A changed world file under a running world: what the file says anew is new, the rest is as it was."""

import dataclasses

import numpy as np
import pytest

from engine.core.ids import pack
from engine.sim import actions, stories
from engine.sim.step import step
from engine.state import entities
from engine.state.blueprint import Blueprint, Goal, Spawn, Trigger
from engine.state.commands import Command
from engine.state.components import DOOR_SWING_TICKS
from engine.state.reload import reloaded
from engine.state.snapshot import load, save
from engine.state.world import State, new_state
from tests.worlds_for_tests import CRATE, LANTERN, STONE, WOOD, empty_world, lively_world


def played(world: Blueprint, ticks: int = 100) -> State:
    state = new_state(world, 5)
    for tick in range(ticks):
        step(world, state, [Command(tick, "move", {"forward": 1.0})] if tick == 3 else [])
    return state


def again(world: Blueprint, **changes: object) -> Blueprint:
    """The same world read again from a file in which something was changed."""
    return dataclasses.replace(world, digest=b"another version!", **changes)  # type: ignore[arg-type]


def with_spawn(world: Blueprint, name: str, **changes: object) -> tuple[Spawn, ...]:
    return tuple(
        dataclasses.replace(s, components={**s.components, **changes}) if s.name == name else s for s in world.spawns
    )


def where(state: State, name: str) -> list[float]:
    position: list[float] = state.columns.position[state.id_by_name[name] & 0xFFFFF].tolist()
    return position


def names_of(world: Blueprint) -> list[str]:
    return [s.name for s in world.spawns if s.name]


def test_a_file_that_says_the_same_leaves_the_world_as_it_was() -> None:
    world = lively_world()
    state = played(world)
    made, said = reloaded(world, again(world), state)
    assert said == () and made.digest() == state.digest()
    assert load(again(world), save(again(world), made)).digest() == made.digest()


def test_the_running_state_is_not_touched() -> None:
    world = lively_world()
    state = played(world)
    before = state.digest()
    made, _ = reloaded(world, again(world), state)
    for _ in range(20):
        step(again(world), made, ())
    assert state.digest() == before


def test_a_world_without_edits_copies_no_voxels_and_what_is_built_later_is_its_own() -> None:
    world = empty_world()
    state = played(world)
    made, _ = reloaded(world, dataclasses.replace(world, start_hour=9.0), state)
    assert made.voxels.material is state.voxels.material
    before = state.digest()
    made.voxels.fill((4, 4, 8), (6, 6, 10), STONE)
    assert state.digest() == before and not state.voxels.material[4:6, 4:6, 8:10].any()
    later, _ = reloaded(world, world, made)  # with edits
    assert later.voxels.material is not made.voxels.material
    np.testing.assert_array_equal(later.voxels.material, made.voxels.material)


def test_a_changed_lamp_is_new_and_walkers_stay_where_they_were() -> None:
    world = lively_world()
    state = played(world)
    name = next(s.name for s in world.spawns if "lamp_size" in s.components and s.name)
    new = again(world, spawns=with_spawn(world, name, lamp_power=7.0))
    made, said = reloaded(world, new, state)
    row = made.id_by_name[name] & 0xFFFFF
    assert made.columns.lamp_power[row] == 7.0 and said == ()
    for other in names_of(world):
        assert where(made, other) == where(state, other)
    assert made.tick == state.tick and made.clock == state.clock


def test_a_lamp_that_was_switched_stays_switched() -> None:
    world = lively_world()
    state = played(world)
    name = next(s.name for s in world.spawns if "lamp_size" in s.components and s.name)
    lamp = state.id_by_name[name]
    now = not actions.lamp_is_on(world, state, lamp)
    actions.set_lamp(world, state, lamp, now)
    made, _ = reloaded(world, again(world, spawns=with_spawn(world, name, lamp_power=7.0)), state)
    assert actions.lamp_is_on(world, made, made.id_by_name[name]) is now


def test_a_thing_put_before_all_others_moves_their_numbers_and_nothing_else() -> None:
    world = lively_world()
    state = played(world)
    state.variables["who"] = state.id_by_name[names_of(world)[-1]]
    made, said = reloaded(world, again(world, spawns=(Spawn("post", LANTERN, (3.0, 3.0, 0.5)), *world.spawns)), state)
    for name in ("player", *names_of(world)):
        assert where(made, name) == where(state, name)
    assert made.id_by_name["post"] == pack(1, 1)
    assert any("number of an entity" in line for line in said)
    follows = made.columns.follows[: made.n_slots]
    assert all(made.alive(int(f)) for f in follows if f)


def test_what_the_file_moved_stands_at_its_new_place_and_what_it_left_out_is_gone() -> None:
    world = lively_world()
    state = played(world)
    first, *rest = names_of(world)
    moved = tuple(dataclasses.replace(s, position=(2.0, 9.0, 0.5)) if s.name == first else s for s in world.spawns)
    made, _ = reloaded(world, again(world, spawns=moved), state)
    assert where(made, first) == [2.0, 9.0, 0.5]
    linked = {v for s in world.spawns for v in s.components.values() if isinstance(v, str)}
    last = next(n for n in reversed(rest) if n not in linked)
    made, _ = reloaded(world, again(world, spawns=tuple(s for s in world.spawns if s.name != last)), state)
    assert last not in made.id_by_name and made.n_entities == state.n_entities - 1


def test_the_dead_stay_dead_and_what_handlers_made_lives_on() -> None:
    world = lively_world()
    state = played(world)
    linked = {v for s in world.spawns for v in s.components.values() if isinstance(v, str)}
    victim = next(n for n in names_of(world) if n not in linked)
    actions.despawn(world, state, state.id_by_name[victim])
    actions.spawn(world, state, CRATE, (4.0, 5.0, 0.5), 0.3, "made")
    made, said = reloaded(world, again(world), state)
    assert victim not in made.id_by_name and where(made, "made") == [4.0, 5.0, 0.5] and said == ()
    assert made.n_entities == state.n_entities
    gone = tuple(p for i, p in enumerate(world.prefabs) if i != CRATE)
    fewer = again(world, prefabs=gone, spawns=())
    made, said = reloaded(world, fewer, state)
    assert "made" not in made.id_by_name and any("gone with its prefab" in line for line in said)


def test_what_a_handler_made_is_no_thing_of_the_file_whichever_slot_it_gets() -> None:
    world = lively_world()
    state = played(world)
    linked = {v for s in world.spawns for v in s.components.values() if isinstance(v, str)}
    victim = next(n for n in names_of(world) if n not in linked)
    actions.spawn(world, state, CRATE, (4.0, 5.0, 0.5), 0.3, "before")  # gets a slot of its own, then that of the dead
    actions.despawn(world, state, state.id_by_name[victim])
    actions.spawn(world, state, CRATE, (6.0, 5.0, 0.5), 0.3, "after")
    moved = tuple(dataclasses.replace(s, position=(7.0, 7.0, 0.5)) if s.name == victim else s for s in world.spawns)
    for new in (again(world), again(world, spawns=moved)):
        made, said = reloaded(world, new, state)
        assert victim not in made.id_by_name
        assert where(made, "before") == [4.0, 5.0, 0.5] and where(made, "after") == [6.0, 5.0, 0.5]
        assert made.columns.prefab[made.id_by_name["after"] & 0xFFFFF] == CRATE


def test_who_stood_where_the_world_is_no_more_is_back_at_the_start() -> None:
    spawns = (Spawn("pot", CRATE, (2.0, 2.0, 0.5)), Spawn("cup", CRATE, (3.0, 2.0, 0.5)))
    large, small = empty_world((32, 32, 8), spawns), empty_world((16, 16, 8), spawns, digest=b"another version!")
    state = new_state(large, 1)
    actions.move_to(large, state, state.id_by_name["pot"], (20.0, 5.0, 0.5))
    actions.move_to(large, state, state.id_by_name["cup"], (5.0, 6.0, 0.5))
    actions.spawn(large, state, CRATE, (25.0, 25.0, 0.5), 0.0, "made")
    made, said = reloaded(large, small, state)
    assert where(made, "pot") == [2.0, 2.0, 0.5] and where(made, "cup") == [5.0, 6.0, 0.5]
    assert "made" not in made.id_by_name and any("gone with the ground" in line for line in said)


def test_a_door_made_from_python_is_gone_with_its_ground_or_its_material() -> None:
    large, small = empty_world((32, 32, 8)), empty_world((16, 16, 8), digest=b"another version!")
    state = new_state(large, 1)
    for name, x in (("near", 40), ("half", 63), ("far", 100)):
        box = {"door_low": (x, 20, 2), "door_high": (x + 2, 21, 8), "door_material": WOOD}
        entities.spawn(large, state, Spawn(name, CRATE, (3.0, 5.0, 0.5), 0.0, box))  # all hinges stand in both worlds
    made, said = reloaded(large, small, state)
    assert {"near", "half", "far"} & made.id_by_name.keys() == {"near"}
    assert sum("gone with the ground" in line for line in said) == 2
    assert (made.voxels.material[40:42, 20:21, 2:8] == WOOD).all()
    step(small, made, ())
    names = tuple("another" if i == WOOD else name for i, name in enumerate(large.materials.names))
    other = again(large, materials=dataclasses.replace(large.materials, names=names))
    made, said = reloaded(large, other, state)
    assert not {"near", "half", "far"} & made.id_by_name.keys() and len(said) == 3
    assert (made.voxels.material[40:42, 20:21, 2:8] == 0).all() and "gone with its material" in said[0]


def test_what_carries_something_and_is_carried_in_the_new_file_drops_it() -> None:
    def world(**pot: object) -> Blueprint:
        spawns = (
            Spawn("bag", CRATE, (2.0, 2.0, 0.5), 0.0, pot), Spawn("cup", CRATE, (3.0, 2.0, 0.5)),
            Spawn("cart", CRATE, (4.0, 2.0, 0.5)),
        )  # fmt: skip
        return empty_world(spawns=spawns, digest=repr(pot).encode())

    old, new = world(), world(carrier="cart")
    state = new_state(old, 1)
    stories.carry(old, state, state.id_by_name["cup"], state.id_by_name["bag"])
    made, _ = reloaded(old, new, state)
    assert stories.carrier_of(new, made, made.id_by_name["bag"]) == made.id_by_name["cart"]
    assert stories.carrier_of(new, made, made.id_by_name["cup"]) == 0
    assert load(new, save(new, made)).digest() == made.digest()


def test_edits_stay_where_the_file_has_the_same_under_them() -> None:
    world = lively_world()
    state = played(world)
    state.voxels.fill((4, 4, 10), (6, 6, 12), WOOD)
    state.voxels.fill((50, 50, 10), (52, 52, 12), STONE)
    voxels = world.voxels.copy()
    voxels[50, 50, 10] = WOOD
    made, said = reloaded(world, again(world, voxels=voxels), state)
    assert (made.voxels.material[4:6, 4:6, 10:12] == WOOD).all()
    assert made.voxels.material[50, 50, 10] == WOOD and made.voxels.material[51, 51, 11] == STONE
    assert any("1 voxels" in line for line in said)
    made, said = reloaded(world, again(world, voxels=np.zeros((96, 96, 32), np.uint8)), state)
    assert not made.voxels.material.any() or len(said)


def test_an_open_door_stays_open_and_a_moved_one_leaves_no_ghost() -> None:
    world = lively_world()
    name = next(s.name for s in world.spawns if "door_low" in s.components)
    state = played(world)
    door = state.id_by_name[name]
    row = door & 0xFFFFF
    low, high = (tuple(v.tolist()) for v in (state.columns.door_low[row], state.columns.door_high[row]))
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    actions.open_door(world, state, door, True)
    for _ in range(DOOR_SWING_TICKS + 1):
        step(world, state, ())
    made, _ = reloaded(world, again(world), state)
    assert made.columns.door_swing[row] == DOOR_SWING_TICKS and (made.voxels.material[box] == 0).all()
    shut = played(world)
    higher = {"door_low": (low[0], low[1], low[2] + 1), "door_high": (high[0], high[1], high[2] + 1)}
    made, said = reloaded(world, again(world, spawns=with_spawn(world, name, **higher)), shut)
    assert (made.voxels.material[box][:, :, 0] == world.voxels[box][:, :, 0]).all() and said == ()


def test_variables_of_handlers_stay_and_those_that_the_file_changed_are_new() -> None:
    world = again(lively_world(), variables={"a": 1, "b": 2, "gone": 3})
    state = played(world, 10)
    state.variables |= {"a": 10, "b": 20, "own": 5}
    made, _ = reloaded(world, again(world, variables={"a": 1, "b": 3, "new": 4}), state)
    assert made.variables == {"a": 10, "b": 3, "new": 4, "own": 5}


def test_goals_keep_how_far_they_have_come_within_their_new_counts() -> None:
    world = again(lively_world(), goals=(Goal("find", "Find", 5), Goal("gone", "Go", 1)))
    state = new_state(world, 1)
    stories.progress(world, state, "find", 3)
    stories.progress(world, state, "gone")
    made, _ = reloaded(world, again(world, goals=(Goal("find", "Find two", 2), Goal("new", "New", 1))), state)
    assert made.story.progress == {"find": 2}
    assert state.story.progress == {"find": 3, "gone": 1}


def test_a_new_hour_is_taken_and_a_handler_that_failed_gets_a_chance() -> None:
    world = lively_world()
    state = played(world)
    state.disabled.add("broken")
    made, _ = reloaded(world, again(world, start_hour=(world.start_hour + 5) % 24), state)
    assert made.hour == pytest.approx((world.start_hour + 5) % 24) and not made.disabled


def test_whoever_stands_in_a_trigger_has_not_come_in_again_but_a_new_trigger_tells() -> None:
    world = again(lively_world(), triggers=())
    x, y, z = world.player_start
    around = Trigger("here", (x - 3, y - 3, z - 1), (x + 3, y + 3, z + 2))
    old = again(world, triggers=(around,))
    state = new_state(old, 1)
    step(old, state, ())
    new = again(world, triggers=(dataclasses.replace(around, name="also"), around))
    made, _ = reloaded(old, new, state)
    step(new, made, ())
    entered = [e.args[0] for e in [*made.events, *made.queue] if e.kind == "enter" and e.args[1] == pack(0, 1)]
    assert entered == ["also"]


def test_a_player_in_a_new_wall_is_put_back_to_the_start() -> None:
    world = lively_world()
    state = played(world)
    x, y, _ = (int(4 * v) for v in state.columns.position[0])
    voxels = world.voxels.copy()
    voxels[x - 2 : x + 3, y - 2 : y + 3, :12] = STONE
    x0, y0, _ = (int(4 * v) for v in world.player_start)
    assert not voxels[x0, y0, 4:10].any(), "the test needs a start that stays free"
    made, said = reloaded(world, again(world, voxels=voxels), state)
    assert tuple(made.columns.position[0].tolist()) == world.player_start and any("start" in s for s in said)
