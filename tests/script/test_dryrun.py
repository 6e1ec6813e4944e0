"""What trying the handlers of a world brings to light, and what it leaves in peace."""

from pathlib import Path

import pytest

from engine.script.worldfile import check, examine, load
from tests.script.authoring import written

THINGS = """
prefab("post", [cylinder((0, 0, 0), 0.1, 1, "stone")])
prefab("man", [cylinder((0, 0, 0), 0.2, 1.7, "stone")], collider = (0.5, 0.5, 1.8))
spawn("post", at = (4, 4, 1), name = "lamp 1", lamp = lamp(power = 5))
spawn("post", at = (5, 4, 1), name = "lamp 2", lamp = lamp(power = 5))
spawn("man", at = (6, 6, 1), name = "Ada", behaviour = "wander")
spawn(name = "gate", door = door((8, 8, 1), (8.25, 9, 3), "stone"))
trigger("yard", (1, 1, 1), (9, 9, 3))
"""
FAILS = 'fail("so")'
CASES = {  # event: a handler, and how its call is told
    "start": ("def act():\n    {}", "act() fails: "),
    "tick": ("def act():\n    {}", "act() fails: "),
    "use": ('def act(e):\n    if name_of(e) == "Ada":\n        {}', "act('Ada') fails on 'use': "),
    "enter": ("def act(name, who):\n    {}", "act('yard', 'player') fails on 'enter': "),
    "timer": ("def act(name):\n    {}", "act('bell') fails on 'timer': "),
    "lamp": ("def act(e, is_on):\n    if not is_on:\n        {}", "act('lamp 1', False) fails on 'lamp': "),
    "door": ("def act(e, is_open):\n    {}", "act('gate', True) fails on 'door': "),
    "ring": ("def act(n):\n    if n == 3:\n        {}", "act(3) fails on 'ring': "),
}
SENDS = """
def send(name):
    emit("ring", 3)
on("timer", send)
def arm():
    start_timer("bell", 3600)
on("dusk", arm)
"""


@pytest.mark.parametrize("event", CASES)
def test_a_handler_that_fails_is_named_with_its_line_before_it_is_played(event: str, tmp_path: Path) -> None:
    handler, told = CASES[event]
    text = THINGS + SENDS + handler.format(FAILS) + f'\non("{event}", act)\n'
    path = written(tmp_path, text)
    (problem,) = [p for p in check(path) if "fails" in p.message]
    assert problem.message.startswith(told) and "so" in problem.message
    lines = path.read_text().split("\n")
    assert FAILS in lines[problem.line - 1]


def test_a_good_world_has_no_failures_and_tells_who_is_greedy(tmp_path: Path) -> None:
    text = THINGS + 'def act(e):\n    for i in range(3000):\n        e = e + 1\non("use", act)\n'
    text = text.replace('trigger("yard", (1, 1, 1), (9, 9, 3))', "")
    found = examine(written(tmp_path, text))
    assert found.problems == [] and found.tried.greediest == "act" and 0.02 < found.tried.share < 0.5


def test_every_call_begins_from_the_same_state(tmp_path: Path) -> None:
    """A handler that takes away what it is called with would fail at the second call of the next one otherwise."""
    text = THINGS + (
        'def away(e):\n    despawn(e)\non("use", away)\n'
        'def look(e, is_on):\n    position_of(find("lamp 1"))\non("lamp", look)\n'
    )
    assert [p for p in check(written(tmp_path, text)) if "fails" in p.message] == []


def test_trying_changes_nothing_of_the_world_that_is_played(tmp_path: Path) -> None:
    path = written(tmp_path, THINGS + 'def act(e):\n    despawn(e)\non("use", act)\n')
    before = load(path).blueprint.digest
    check(path)
    assert load(path).blueprint.digest == before


UNUSED = {
    "material": 'material("gold", "#ffcc00")',
    "prefab": 'prefab("idol", [box((0, 0, 0), (1, 1, 1), "stone")])',
    "var": 'var("count", 0)',
    "trigger": 'trigger("nowhere", (1, 1, 1), (2, 2, 2))',
    "place": 'place("well", (3, 3, 1))',
    "goal": 'goal("win", "Win")',
}


@pytest.mark.parametrize("kind", UNUSED)
def test_what_nothing_uses_is_named(kind: str, tmp_path: Path) -> None:
    path = written(tmp_path, UNUSED[kind] + "\n")
    (problem,) = check(path)
    assert problem.message.startswith(f"{kind} '") and path.read_text().split("\n")[problem.line - 1] == UNUSED[kind]


def test_what_is_used_by_a_made_up_name_is_not_called_unused(tmp_path: Path) -> None:
    text = 'for c in ("red", "blue"):\n    material(c + " wall", "#336699")\nfill((6, 6, 1), (7, 7, 2), "red wall")\n'
    assert check(written(tmp_path, text)) == []
    text = 'idol = prefab("idol", [box((0, 0, 0), (1, 1, 1), "stone")])\nspawn(idol, at = (4, 4, 1))\n'
    assert check(written(tmp_path, text)) == []
