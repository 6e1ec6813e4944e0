"""What is told: lines one after another, goals, an ending, and that all of it is in the snapshot."""

import msgpack
import pytest

from engine.core.errors import LimitError, SnapshotError
from engine.core.units import TICK_HZ
from engine.sim import stories
from engine.sim.actions import ActionError
from engine.sim.step import step
from engine.state import snapshot
from engine.state.blueprint import Blueprint, Goal
from engine.state.snapshot import HEADER, MAGIC, VERSION, _content_digest
from engine.state.story import LONGEST_LINE, MAX_LINES, standings
from engine.state.world import State, new_state
from tests.worlds_for_tests import empty_world

GOALS = (Goal("find", "Find the lanterns", 3), Goal("home", "Go home", after="find"))
WORLD = empty_world(goals=GOALS)


def heard(state: State, ticks: int) -> list[tuple[int, str]]:
    """(tick, event) of all that happened in so many ticks."""
    found = []
    for _ in range(ticks):
        step(WORLD, state)
        found += [(state.tick, f"{e.kind} {e.args}") for e in state.events if e.kind != "start"]
    return found


def test_lines_follow_one_another_and_the_last_one_tells() -> None:
    state = new_state(WORLD)
    stories.tell(WORLD, state, [("Ada", "Good evening.", 1.0), ("", "Silence.", 0.5)], "greeting")
    assert state.subtitle == ""
    assert heard(state, 1) == [] and (state.story.speaker, state.subtitle) == ("Ada", "Good evening.")
    assert heard(state, TICK_HZ - 1) == [] and state.subtitle == "Good evening."
    heard(state, 1)
    assert (state.story.speaker, state.subtitle) == ("", "Silence.")
    assert [e for _, e in heard(state, TICK_HZ)] == ["told ('greeting',)"] and state.subtitle == ""


def test_a_line_stays_as_long_as_it_takes_to_read() -> None:
    state = new_state(WORLD)
    stories.tell(WORLD, state, [("", "x" * 150, None)])
    assert state.story.lines[0].ticks == (1.5 + 150 / 15) * TICK_HZ


def test_what_is_said_in_between_does_not_lose_the_end_of_a_dialogue() -> None:
    state = new_state(WORLD)
    stories.tell(WORLD, state, [("Ada", "One.", 1.0)], "one")
    stories.tell(WORLD, state, [("Ben", "Two.", 1.0)], "two")
    heard(state, 5)
    stories.say(WORLD, state, "Hush!", 0.5, who="Eve")
    assert (state.subtitle, state.story.speaker) == ("Hush!", "Eve")
    assert [e for _, e in heard(state, 3 * TICK_HZ)] == ["told ('one',)", "told ('two',)"]


def test_more_lines_than_may_wait_are_refused_and_none_is_taken() -> None:
    state = new_state(WORLD)
    before = state.digest()
    with pytest.raises(LimitError, match=f"{MAX_LINES} may wait"):
        stories.tell(WORLD, state, [("", "x", 1.0)] * (MAX_LINES + 1))
    for wrong in ([], [("", 3, 1.0)], [("", "x", -1.0)]):
        with pytest.raises(ActionError):
            stories.tell(WORLD, state, wrong)  # type: ignore[arg-type]
    assert state.digest() == before


def test_a_goal_is_reached_once_and_makes_the_next_one_known() -> None:
    state = new_state(WORLD)
    assert [s.goal.name for s in standings(WORLD, state.story)] == ["find"]
    stories.progress(WORLD, state, "find")
    stories.progress(WORLD, state, "find", -5)
    assert stories.progress_of(WORLD, state, "find") == 0 and state.story.progress == {}
    stories.progress(WORLD, state, "find", 2)
    assert not stories.is_reached(WORLD, state, "find") and heard(state, 2) == []
    stories.progress(WORLD, state, "find", 7)
    stories.progress(WORLD, state, "find", 1)
    assert [e for _, e in heard(state, 2)] == ["goal ('find',)"]
    assert [(s.goal.name, s.done, s.is_reached) for s in standings(WORLD, state.story)] == [
        ("find", 3, True),
        ("home", 0, False),
    ]


@pytest.mark.parametrize("by", [True, 1.5, 10**7])
def test_a_goal_comes_nearer_in_whole_steps(by: object) -> None:
    state = new_state(WORLD)
    with pytest.raises(ActionError, match="by is"):
        stories.progress(WORLD, state, "find", by)  # type: ignore[arg-type]
    with pytest.raises(ActionError, match="there is no goal 'fnid'; there are find, home"):
        stories.progress(WORLD, state, "fnid")


def test_the_first_ending_counts_and_the_world_goes_on() -> None:
    state = new_state(WORLD)
    heard(state, 3)
    stories.end(WORLD, state, "Home again", "All lanterns burn.")
    stories.end(WORLD, state, "Lost", won=False)
    assert [e for _, e in heard(state, 5)] == ["ending ('Home again', True)"]
    ending = state.story.ending
    assert ending is not None and (ending.title, ending.won, ending.tick) == ("Home again", True, 3)
    assert state.tick == 8


def told() -> State:
    state = new_state(WORLD)
    stories.tell(WORLD, state, [("Ada", "One.", 1.0), ("Ben", "Two.", None)], "talk")
    step(WORLD, state)
    stories.progress(WORLD, state, "find", 2)
    stories.end(WORLD, state, "Over", won=False)
    return state


def test_a_story_is_in_the_snapshot_and_goes_on_from_it() -> None:
    state = told()
    again = snapshot.load(WORLD, snapshot.save(WORLD, state))
    assert again.story == state.story and again.digest() == state.digest()
    assert heard(again, 200) == heard(state, 200) and again.digest() == state.digest()


def test_the_longest_story_can_be_loaded_again() -> None:
    state, wide = new_state(WORLD), "\N{GRINNING FACE}" * LONGEST_LINE  # four bytes each
    for _ in range(MAX_LINES):
        stories.tell(WORLD, state, [(wide, wide, 3600.0)], wide)
    assert snapshot.load(WORLD, snapshot.save(WORLD, state)).story == state.story


def test_a_world_without_a_story_has_the_digest_that_it_had() -> None:
    assert "story" not in dict(new_state(WORLD).sections())


ROWS = ["", "", [], [], []]


@pytest.mark.parametrize(
    ("place", "value", "why"),
    [
        (0, 3, "no line"),
        (1, "x" * 201, "no line"),
        (2, [["", "x", -1, ""]], "whole number"),
        (2, [["", "x", 1, ""]] * 65, "too many lines"),
        (2, [["x"]], "no state"),
        (3, [["treasure", 1]], "there is no goal"),
        (3, [["find", 4]], "whole number"),
        (3, [["find", 0]], "whole number"),
        (4, ["a", "b", 1, 0], "won or lost"),
        (4, ["a", "b", True, 99], "whole number"),
    ],
)
def test_a_forged_story_is_refused(place: int, value: object, why: str) -> None:
    blueprint: Blueprint = WORLD
    sections = dict(msgpack.unpackb(snapshot.save(blueprint, told())[HEADER.size :]))
    rows = list(ROWS)
    rows[place] = value  # type: ignore[call-overload]
    sections["story"] = msgpack.packb(rows)
    payload = msgpack.packb([[k, v] for k, v in sections.items()])
    data = HEADER.pack(MAGIC, VERSION, len(payload), _content_digest(payload), blueprint.digest) + payload
    with pytest.raises(SnapshotError, match=why):
        snapshot.load(blueprint, data)
