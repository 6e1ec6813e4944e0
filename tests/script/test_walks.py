"""Where walkers go, as world files say it: places, schedules, behaviours, and what is wrong with them."""

from pathlib import Path

import pytest

from engine.core.errors import DaguerreError
from engine.script.walks import MAX_SCHEDULE_ENTRIES
from engine.sim.recording import run
from engine.sim.script_port import ScriptFailure
from engine.state.components import BEHAVIOURS
from engine.state.world import new_state
from tests.script.authoring import NEXT_LINE, loaded

TOWN = """
place("market", at = (12, 12, 1), radius = 2)
place("home", at = (3, 3, 1))
day = schedule([(6, "market"), (12.5, "wander"), (20, "home")])
spawn("crate", name = "ann", at = (4, 4, 1), behaviour = "schedule", schedule = day, place = "home", radius = 4)
spawn("crate", name = "bob", at = (5, 4, 1), behaviour = "seek", seeks = "market", speed = 2)
spawn("crate", name = "cat", at = (6, 4, 1), behaviour = "seek", seeks = "dog")
spawn("crate", name = "dog", at = (7, 4, 1), behaviour = "flee", flees = "cat", radius = 3)
spawn("crate", name = "eve", at = (8, 4, 1), behaviour = "wander", place = "home")
spawn("crate", name = "fox", at = (9, 4, 1), behaviour = "flee")
"""


def test_what_a_world_file_says_stands_in_the_columns(tmp_path: Path) -> None:
    world = loaded(tmp_path, TOWN)
    assert [(p.name, p.radius) for p in world.blueprint.places] == [("market", 2.0), ("home", 1.0)]
    assert world.blueprint.schedules[0].entries == ((6.0, 4, 0), (12.5, 2, -1), (20.0, 4, 1))
    state = new_state(world.blueprint)
    c = state.columns
    row = {name: state.id_by_name[name] & 0xFFFFF for name in ("ann", "bob", "cat", "dog", "eve", "fox")}
    assert [BEHAVIOURS[c.behaviour[i]] for i in row.values()] == ["schedule", "seek", "seek", "flee", "wander", "flee"]
    assert [int(c.place[i]) for i in row.values()] == [1, 0, -1, -1, 1, -1]
    assert c.follows[row["cat"]] == state.id_by_name["dog"] and c.follows[row["dog"]] == state.id_by_name["cat"]
    assert c.radius[row["dog"]] == 3.0 and c.radius[row["fox"]] == 6.0 and c.follows[row["fox"]] == 0
    assert run(world.blueprint, state, 64, (), world.script).tick == 64


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('spawn("crate", at = (4, 4, 1), behaviour = "seak", seeks = "market")', "did you mean 'seek'?"),
        ('spawn("crate", at = (4, 4, 1), behaviour = "seek", seeks = "markt")', "did you mean 'market'?"),
        ('spawn("crate", at = (4, 4, 1), behaviour = "seek")', "behaviour='seek' needs seeks="),
        ('spawn("crate", at = (4, 4, 1), behaviour = "flee", flees = "wulf")\nspawn("crate", at = (4, 4, 1), '
         'name = "wolf")', "flees 'wulf', which is never spawned; did you mean 'wolf'?"),
        ('spawn("crate", at = (4, 4, 1), behaviour = "wander", seeks = "market")', "seeks= goes with behaviour='seek'"),
        ('spawn("crate", at = (4, 4, 1), behaviour = "wander", place = "hom")', "named 'hom'; did you mean 'home'?"),
        ('spawn("crate", at = (4, 4, 1), place = "home")', "place= goes with behaviour='wander' or"),
        ('spawn("crate", at = (4, 4, 1), behaviour = "flee", radius = 0)', "radius (m) must lie between 0.5"),
        ('spawn("crate", at = (4, 4, 1), behaviour = "flee", radius = "wide")', "radius (m) must be a number"),
        ('spawn("crate", at = (4, 4, 1), behaviour = "schedule")', "needs schedule=schedule("),
        ('spawn("crate", at = (4, 4, 1), behaviour = "schedule", schedule = 3)', "must lie between 0 and 0"),
        ('spawn("crate", at = (4, 4, 1), behaviour = "schedule", schedule = schedule([(1, "patrol")]))',
         "this schedule says 'patrol', which needs path="),
        ('spawn("crate", at = (4, 4, 1), behavior = "wander")', "no argument 'behavior'; did you mean 'behaviour'?"),
        ('schedule([(6, "marked")])', "no place named 'marked'; did you mean 'market'?"),
        ('schedule([(6, "wonder")])', "did you mean 'wander'?"),
        ('schedule([(6, "market"), (6, "home")])', "the hours of a schedule must grow; 6 comes after 6"),
        ('schedule([(25, "market")])', "the hour of entry 0 must lie between 0 and 24, not 25"),
        ('schedule([("six", "market")])', "the hour of entry 0 must be an hour"),
        ('schedule([6, "market"])', "entry 0 must be (hour, place or behaviour), not 6"),
        ("schedule([])", f"a list of 1 to {MAX_SCHEDULE_ENTRIES}"),
        ('place("market", at = (1, 1, 1))', "already a place named 'market'"),
        ('place("flee", at = (1, 1, 1))', "cannot be named 'flee': that is a behaviour"),
        ('place("", at = (1, 1, 1))', "a place needs a name"),
        ('place("x", at = (1, 1, 99))', "outside the world"),
        ('place("x", at = (1, 1, 1), radius = 99)', "radius (m) must lie between 0 and 32"),
    ],
)  # fmt: skip
def test_mistakes_are_named_with_the_nearest_right_word(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(DaguerreError) as caught:
        loaded(tmp_path, TOWN + line)
    assert message in str(caught.value)
    if "never spawned" not in message and "markt" not in line:
        assert f"test.star:{NEXT_LINE + TOWN.count(chr(10))}:" in str(caught.value)


def handled(folder: Path, body: str) -> object:
    world = loaded(folder, TOWN + f"def act():\n    {body}\n")
    state = new_state(world.blueprint)
    before = state.digest()
    try:
        world.script.handle(world.blueprint, state, "act", ())
    except ScriptFailure as failure:
        assert state.digest() == before
        return failure.message
    return state


@pytest.mark.parametrize(
    ("call", "column", "value"),
    [
        ('find("eve"), "seek", seeks = "market"', "place", 0),
        ('find("eve"), "seek", seeks = find("dog")', "place", -1),
        ('find("eve"), "flee", flees = find("dog"), radius = 9', "radius", 9.0),
        ('find("eve"), "wander", place = "market"', "place", 0),
        ('find("eve"), "schedule", schedule = day', "schedule", 0),
    ],
)
def test_handlers_change_behaviours(tmp_path: Path, call: str, column: str, value: float) -> None:
    state = handled(tmp_path, f"set_behaviour({call})")
    assert state.columns[column][state.id_by_name["eve"] & 0xFFFFF] == value  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ('find("eve"), "sek"', "behaviour cannot be 'sek'; did you mean 'seek'?"),
        ('find("eve"), "seek", seeks = "martet"', "no place named 'martet'; did you mean 'market'?"),
        ('find("eve"), "seek", seeks = 77', "77 names no living entity"),
        ('find("eve"), "flee", radius = 1e9', "radius is 1000000000.0, it must be a number from 0.5 to 4096"),
        ('find("eve"), "schedule"', "needs a schedule"),
        ('find("eve"), "schedule", schedule = 4', "schedule is 4"),
        ('find("eve"), "wander", plaice = "home"', "no argument 'plaice'; did you mean 'place'?"),
    ],
)
def test_handlers_are_told_what_would_be_right(tmp_path: Path, call: str, message: str) -> None:
    assert message in str(handled(tmp_path, f"set_behaviour({call})"))
