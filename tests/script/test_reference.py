"""The reference is what the functions say of themselves, and every example in it runs."""

import shutil
from pathlib import Path

import pytest

from engine.script.assets import worlds_folder
from engine.script.reference import Entry, entries, page
from engine.script.worldfile import load
from engine.sim.step import step
from engine.state.world import new_state
from tests.script import models

ENTRIES = entries()
WORLD = 'world("example", size = (32, 32, 16), hour = 18)'
PLAYER = "player(at = (4, 16, 1))"
BASE = """
material("stone", "#8a8378", pattern = "paving")
material("grass", "#5f7a3c", pattern = "grass")
material("oak", "#8a5f38", pattern = "planks")
fill((0, 0, 0), (32, 32, 1), "grass")
prefab("crate", [box((-0.4, -0.4, 0), (0.4, 0.4, 0.8), "oak")])
prefab("person", [box((-0.2, -0.25, 0), (0.2, 0.25, 1.75), "stone")])
place("market", at = (16, 16, 1), radius = 3)
spawn("crate", at = (25, 25, 1), name = "crate")
spawn("crate", at = (26, 20, 1), name = "lantern", lamp = lamp())
spawn("crate", at = (20, 26, 1), name = "ball", body = body())
spawn("person", at = (24, 16, 1), name = "Ada", speed = 1)
spawn(door = door((28, 28, 1), (29, 28.25, 3), "oak"), name = "gate")
goal("find", "Find the lanterns", count = 3)
var("n", 0)
camera("main", at = (1, 1, 3), look_at = (8, 8, 1))
"""


def text_of(entry: Entry) -> str:
    """A world that runs the example of an entry."""
    if entry.in_handlers:
        handler = "".join(f"    {line}\n" for line in entry.example.splitlines())
        return f'{WORLD}{BASE}{PLAYER}\ndef example():\n{handler}on("start", example)\n'
    head = "" if entry.name == "world" else WORLD
    tail = "" if entry.name == "player" else PLAYER
    lines = entry.example.replace("\non(", "\n\non(")
    return f"{lines}{BASE}{tail}" if entry.name == "world" else f"{head}{BASE}{tail}\n{lines}\n"


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.name)
def test_every_example_runs_and_uses_what_it_explains(tmp_path: Path, entry: Entry) -> None:
    assert f"{entry.name}(" in entry.example, "each function has an example of itself"
    (tmp_path / "assets").mkdir()
    if entry.name in ("model", "stamp"):
        shutil.copy(worlds_folder() / "assets" / "stone_lantern.vox", tmp_path / "assets")
        (tmp_path / "assets" / "cart.glb").write_bytes(models.rich())
    path = tmp_path / "example.star"
    path.write_text(text_of(entry), encoding="utf-8")
    world = load(path)
    state = new_state(world.blueprint)
    for _ in range(3):
        step(world.blueprint, state, (), world.script)
        assert not state.disabled, [e.args for e in state.events if e.kind == "script_error"]


def test_the_page_is_in_step() -> None:
    written = (Path(__file__).parents[2] / "docs" / "REFERENCE.md").read_text(encoding="utf-8")
    assert written == page(), "docs/REFERENCE.md is out of date: run tools/make_reference.py"


def test_every_function_is_in_it_and_says_something() -> None:
    assert len({e.name for e in ENTRIES}) == len(ENTRIES) > 80
    assert all(e.text.endswith((".", ")")) and len(e.text) > 12 for e in ENTRIES)
