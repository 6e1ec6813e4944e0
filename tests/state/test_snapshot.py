"""Snapshots come back whole or not at all."""

import dataclasses

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.errors import SnapshotError
from engine.sim import actions, stories
from engine.sim.step import step
from engine.state import snapshot
from engine.state.blueprint import Blueprint
from engine.state.components import COLUMN_BY_NAME
from engine.state.snapshot import HEADER, MAGIC, VERSION, _content_digest, load, save
from engine.state.world import State, new_state
from tests.worlds_for_tests import empty_world, lively_world

WORLD = lively_world()


def busy_state(blueprint: Blueprint = WORLD) -> State:
    """A state in which every section holds something."""
    state = new_state(blueprint, 3)
    for _ in range(40):
        step(blueprint, state)
    actions.spawn(blueprint, state, "crate", (2.0, 2.0, 0.5), name="box")
    actions.despawn(blueprint, state, actions.spawn(blueprint, state, "crate", (2.0, 2.0, 0.5)))
    actions.set_voxels(blueprint, state, (30, 30, 2), (33, 33, 5), 3)
    actions.open_door(blueprint, state, state.id_by_name["gate"], True)
    actions.set_var(blueprint, state, "greeting", "hello")
    actions.set_var(blueprint, state, "x", -0.0)
    actions.start_timer(blueprint, state, "beat", 0.5, repeat=True)
    stories.say(blueprint, state, "hm", 3.0)
    actions.emit(blueprint, state, "custom", 1, 2.5, "three", True)
    state.disabled.add("broken")
    return state


DATA = save(WORLD, busy_state())


def test_save_and_load_are_inverse() -> None:
    state = busy_state()
    again = load(WORLD, DATA)
    assert again.digest() == state.digest()
    assert save(WORLD, again) == DATA
    np.testing.assert_array_equal(again.voxels.material, state.voxels.material)
    np.testing.assert_array_equal(again.voxels.stamp, state.voxels.stamp)


@pytest.mark.parametrize("ticks", [1, 777])
def test_a_loaded_world_goes_on_like_the_first(ticks: int) -> None:
    state = new_state(WORLD, 7)
    for _ in range(ticks):
        step(WORLD, state)
    other = load(WORLD, save(WORLD, state))
    for _ in range(100):
        step(WORLD, state)
        step(WORLD, other)
    assert other.digest() == state.digest()


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 8 * len(DATA) - 1))
def test_every_flipped_bit_is_found(bit: int) -> None:
    data = bytearray(DATA)
    data[bit // 8] ^= 1 << bit % 8
    with pytest.raises(SnapshotError):
        load(WORLD, bytes(data))


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(DATA) - 1))
def test_every_truncation_is_found(length: int) -> None:
    with pytest.raises(SnapshotError):
        load(WORLD, DATA[:length])


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_refused(data: bytes) -> None:
    for forged in (data, DATA + data + b"x", sealed(data)):
        with pytest.raises(SnapshotError):
            load(WORLD, forged)


def sealed(payload: bytes) -> bytes:
    """A payload under a header that fits it, as a forger would write it."""
    return HEADER.pack(MAGIC, VERSION, len(payload), _content_digest(payload), WORLD.digest) + payload


def sections() -> dict[str, bytes]:
    return dict(msgpack.unpackb(DATA[HEADER.size :]))


def forged(name: str, data: bytes) -> bytes:
    entries = sections()
    assert name in entries
    entries[name] = data
    return sealed(msgpack.packb([[k, v] for k, v in entries.items()]))


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(sorted(sections())), st.data())
def test_forged_sections_are_refused_or_are_whole_states(name: str, draw: st.DataObject) -> None:
    """With the digest mended, a changed section is either refused or a state that can be stepped and saved again."""
    data = bytearray(sections()[name])
    if data and draw.draw(st.booleans()):
        data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    else:
        data = bytearray(draw.draw(st.binary(max_size=40)))
    mutant = forged(name, bytes(data))
    try:
        state = load(WORLD, mutant)
    except SnapshotError:
        return
    assert save(WORLD, state) == mutant
    step(WORLD, state)
    load(WORLD, save(WORLD, state))


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("world", [1, 2], "no state"),
        ("world", [1, -1, 0, False, 0, 1], "must be a whole number"),
        ("free", [1], "list every free slot once"),
        ("names", [[123456, "ghost"]], "new name of a living entity"),
        ("names", [], "the player is not named"),
        ("player", [0.0] * 11, "player"),
        ("queue", [["a", [float("nan")]]], "finite"),
        ("queue", [["a", [None]]], "neither a number"),
        ("variables", [["a", 1], ["a", 2]], "canonical"),
        ("variables", [["a", [1]]], "neither a number"),
        ("timers", [["a", -1, 0]], "whole number"),
        ("disabled", [1], "list of names"),
        ("subtitle", [1, 1], "must be a text"),
    ],
)
def test_forged_values_are_named(name: str, value: object, why: str) -> None:
    with pytest.raises(SnapshotError, match=why):
        load(WORLD, forged(name, msgpack.packb(value)))


@pytest.mark.parametrize("name", ["position", "yaw", "speed", "velocity", "lamp_colour"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -1e30])
def test_numbers_that_are_none_are_refused(name: str, bad: float) -> None:
    dtype = COLUMN_BY_NAME[name].dtype
    values = np.frombuffer(sections()[name], dtype).copy()
    values[-1] = bad
    with pytest.raises(SnapshotError, match=f"'{name}' is wrong"):
        load(WORLD, forged(name, values.tobytes()))


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(SnapshotError):
        load(WORLD, sealed(b"\x91" * 100_000 + b"\xc0"))
    with pytest.raises(SnapshotError):
        load(WORLD, forged("variables", b"\x91" * 100_000 + b"\xc0"))


def test_dangling_ids_are_refused() -> None:
    values = np.frombuffer(sections()["follows"], "<i8").copy()
    values[-1] = 999 << 20 | 2
    with pytest.raises(SnapshotError, match="no living entity"):
        load(WORLD, forged("follows", values.tobytes()))


def test_snapshots_of_other_worlds_and_versions_are_refused() -> None:
    other = empty_world()
    with pytest.raises(SnapshotError, match="of another world"):
        load(other, DATA)
    version = bytearray(DATA)
    version[8] = 9
    with pytest.raises(SnapshotError, match="version 9"):
        load(WORLD, bytes(version))


def test_a_refused_load_touches_nothing() -> None:
    state = busy_state()
    before, voxels = state.digest(), WORLD.voxels.copy()
    for bad in (DATA[:-1], forged("world", msgpack.packb([1, 2]))):
        with pytest.raises(SnapshotError):
            load(WORLD, bad)
    assert state.digest() == before
    np.testing.assert_array_equal(WORLD.voxels, voxels)


def test_order_of_names_and_variables_does_not_matter() -> None:
    a, b = new_state(WORLD), new_state(WORLD)
    for key in ("p", "q"):
        actions.set_var(WORLD, a, key, 1)
    for key in ("q", "p"):
        actions.set_var(WORLD, b, key, 1)
    assert save(WORLD, a) == save(WORLD, b)
    assert dataclasses.asdict(a.player) == dataclasses.asdict(b.player)
    assert snapshot.VERSION == 1
