"""Dialogues, goals, endings and carried things, as a world file has them."""

from pathlib import Path

import pytest

from engine.core.errors import WorldFileError
from engine.core.ids import PLAYER
from engine.sim.step import step
from engine.state.world import new_state
from tests.script.authoring import BASE, loaded

HUNT = """
spawn("crate", at = (4, 4, 1), name = "lantern", lamp = lamp(on = False))
spawn("crate", at = (6, 6, 1), name = "Ada", speed = 1)
spawn("crate", carrier = "Ada", carried_at = (0.3, 0, 1), name = "basket")
goal("find", "Find the lanterns", count = 2)
goal("home", "Go home", after = "find")
var("log", "")

def note(word):
    put("log", get("log") + word + " ")

def begin():
    note("%s" % carries(find("Ada"), find("basket")))
    carry(find("lantern"))
    note("%s" % carries(find("player"), find("lantern")))
    dialogue([("Ada", "Good evening."), "It is dark.", ("Ada", "Go!", 0.5)], name = "opening")

def told(name):
    note(name)
    progress("find")
    progress("find")
    note("%d %s %s" % (progress_of("find"), is_reached("find"), is_reached("home")))

def reached(name):
    note(name)
    if name == "find":
        drop(find("lantern"))
        progress("home")
    else:
        end("Home again", "All lanterns burn.")

def ended(title, won):
    note("%s %s %d %d" % (title, won, carrier_of(find("lantern")), len(carried_by(find("Ada")))))

on("start", begin)
on("told", told)
on("goal", reached)
on("ending", ended)
"""


def test_a_story_from_its_first_line_to_its_ending(tmp_path: Path) -> None:
    world = loaded(tmp_path, HUNT)
    state = new_state(world.blueprint, 1)
    seen = []
    for _ in range(600):
        step(world.blueprint, state, (), world.script)
        if state.subtitle and seen[-1:] != [(state.story.speaker, state.subtitle)]:
            seen.append((state.story.speaker, state.subtitle))
    assert not state.disabled
    assert seen == [("Ada", "Good evening."), ("", "It is dark."), ("Ada", "Go!")]
    assert state.variables["log"] == "True True opening 2 True False find home Home again True 0 1 "
    assert state.story.ending is not None and state.story.ending.title == "Home again"
    assert state.columns.carrier[: state.n_slots].tolist() == [0, 0, 0, state.id_by_name["Ada"]]


def test_a_torch_may_be_in_the_hand_from_the_beginning(tmp_path: Path) -> None:
    world = loaded(tmp_path, 'spawn("crate", carrier = "player", name = "torch", lamp = lamp(size = 0.1))')
    state = new_state(world.blueprint)
    assert state.columns.carrier[1] == PLAYER
    assert state.columns.position[1].tolist() == pytest.approx([2.45, 1.72, 2.05])


GOAL = 'goal("find")\ndef act():\n    '


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ('goal("a")\ngoal("a")', "there is already a goal named 'a'"),
        ('goal("")', "a goal needs a name"),
        ('goal("find")\ngoal("home", after = "fnid")', "there is no goal named 'fnid'; did you mean 'find'?"),
        ('goal("find", count = 0)', "count must lie between 1 and"),
        ('spawn("crate", at = (1, 1, 1), name = "torch", carrier = "Eva")', "is carried by 'Eva', which is never"),
        ('spawn("crate", at = (1, 1, 1), carrier = "player", behaviour = "wander")', "cannot be carried"),
        ('spawn("crate", carrier = "player", carried_at = 3)', "carried_at must be three numbers"),
    ],
)
def test_a_wrong_declaration_is_answered(tmp_path: Path, lines: str, why: str) -> None:
    with pytest.raises(WorldFileError, match=why):
        loaded(tmp_path, lines)


@pytest.mark.parametrize(
    ("call", "why"),
    [
        ('progress("fnid")', "there is no goal named 'fnid'; did you mean 'find'?"),
        ('dialogue("Hello")', "takes a list of (who, text)"),
        ('dialogue([("Ada", "Hello", 1, 2)])', "line 0 must be (who, text) or (who, text, seconds)"),
        ('dialogue([("Ada", 5)])', "line 0 must be a string"),
        ("dialogue([])", "lines must hold at least one"),
        ('end("x", won = 1)', "won must be True or False"),
        ('carry(find("player"))', "cannot be carried"),
        ("carry(77)", "names no living entity"),
        ('say("x", who = 3)', "who is 3, it must be a string"),
    ],
)
def test_a_wrong_call_is_answered(tmp_path: Path, call: str, why: str) -> None:
    world = loaded(tmp_path, f'{GOAL}{call}\non("start", act)', BASE)
    state = new_state(world.blueprint)
    step(world.blueprint, state, (), world.script)
    assert why in str(state.queue[-1].args[1])
