"""Writing a world while it is played: a save changes what the author changed, a mistake is shown, nothing else."""

import os
from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import LimitError, WorldFileError
from engine.play import authoring
from engine.play.authoring import Author, told
from engine.play.loop import Input
from engine.play.session import Session
from engine.script.worldfile import load
from engine.state.world import new_state
from tests.play.test_session import Sketches

WORLD = """world("yard", size = (16, 16, 8), hour = 20)
load("things.star", "POWER")
material("stone", "#888888")
fill((0, 0, 0), (16, 16, 1), "stone")
prefab("post", [cylinder((0, 0, 0), 0.1, 2, "stone")])
prefab("man", [cylinder((0, 0, 0), 0.2, 1.7, "#aa4433")], collider = (0.5, 0.5, 1.8))
spawn("post", at = (4, 4, 1), name = "lamp", lamp = lamp(power = POWER, offset = (0, 0, 2)))
spawn("man", at = (8, 8, 1), name = "Ada", behaviour = "patrol", path = path([(12, 8, 1), (8, 8, 1)]))
var("seen", 0)
def count():
    put("seen", get("seen") + 1)
on("tick", count)
camera("opening", at = (2, 2, 3), look_at = (8, 8, 2))
player(at = (8, 3, 1), yaw_deg = 90)
"""
FRAME_NS = 50_000_000


class Desk:
    """A world in a folder, in play; `saved` writes a file of it and plays until that must have been seen."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._writes = folder, 0
        self._write("yard.star", WORLD)
        self._write("things.star", "POWER = 40\n")
        path = folder / "yard.star"
        world = load(path)
        self.pictures = Sketches()
        self.session = Session(
            world, new_state(world.blueprint, 1), self.pictures, author=Author(world, lambda before: load(path, before))
        )
        self.play(10)

    def _write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        self._writes += 1
        os.utime(path, ns=(self._writes * 10**9, self._writes * 10**9))  # two saves within the clock's grain differ

    def play(self, frames: int) -> str:
        """Plays on; returns the notice over the last picture."""
        for _ in range(frames):
            self.session.advance(FRAME_NS)
        return self.session.picture()[1].notice

    def saved(self, text: str, name: str = "yard.star") -> str:
        self._write(name, text)
        return self.play(1)

    @property
    def problem(self) -> str:
        return self.session.picture()[1].problem

    @property
    def lamp(self) -> float:
        """Radiance of the lamp in the newest picture."""
        self.session.picture()
        return float(self.pictures.views[-1].lamps.radiance[0].max())

    def where(self, name: str) -> np.ndarray:
        state = self.session.state
        return state.columns.position[state.id_by_name[name] & 0xFFFFF].copy()


def test_a_changed_lamp_shines_otherwise_and_walkers_go_on_from_where_they_were(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    before, lamp, seen, tick = (
        desk.where("Ada"),
        desk.lamp,
        desk.session.state.variables["seen"],
        desk.session.state.tick,
    )
    notice = desk.saved(WORLD.replace("power = POWER", "power = 2 * POWER"))
    assert "saved" in notice and desk.problem == ""
    assert desk.lamp == 2 * lamp
    assert desk.session.state.tick > tick and desk.session.state.variables["seen"] > seen
    assert 0 < np.linalg.norm(desk.where("Ada") - before) < 1.2 * FRAME_NS / 1e9 + 0.1


def test_what_did_not_change_is_the_very_same_object_for_renderers(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.session.picture()
    desk.saved(WORLD.replace("power = POWER", "power = 2 * POWER"))
    desk.session.picture()
    before, after = desk.pictures.views[0], desk.pictures.views[-1]
    assert after.voxels.base is before.voxels.base
    assert after.materials is before.materials and after.prefabs is before.prefabs
    desk.saved(WORLD.replace("#888888", "#887766").replace("(16, 16, 1)", "(16, 15, 1)"))
    desk.session.picture()
    assert desk.pictures.views[-1].voxels.base is not before.voxels.base
    assert desk.pictures.views[-1].materials is not before.materials


def test_a_loaded_file_is_followed_too(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    lamp = desk.lamp
    desk.saved("POWER = 80\n", "things.star")
    assert desk.lamp == 2 * lamp


def test_a_mistake_in_a_file_that_the_last_good_world_did_not_load_is_mended_there(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    lamp = desk.lamp
    desk.saved(WORLD.replace('"things.star"', '"new.star"'))
    assert "finds no such file" in desk.problem
    desk.saved("POWER = = 80\n", "new.star")
    assert desk.problem.startswith("new.star:1:")
    desk.saved("POWER = 80\n", "new.star")
    assert desk.problem == "" and desk.lamp == 2 * lamp


def test_a_mistake_is_shown_with_its_place_while_the_last_good_world_goes_on(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    tick, lamp = desk.session.state.tick, desk.lamp
    desk.saved(WORLD.replace('"stone")\nprefab', '"stoen")\nprefab').replace("power = POWER", "power = 99"))
    assert desk.problem.startswith("yard.star:4:1: there is no material named 'stoen'; did you mean 'stone'?")
    assert 'fill((0, 0, 0), (16, 16, 1), "stoen")' in desk.problem
    assert desk.session.state.tick > tick and desk.lamp == lamp
    desk.saved(WORLD)
    assert desk.problem == "" and desk.lamp == lamp


def test_a_world_that_cannot_begin_is_refused_too(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.saved(WORLD.replace("player(at = (8, 3, 1)", "player(at = (0.1, 3, 1)"))
    assert "the player starts at" in desk.problem
    before = desk.session.state.tick
    desk.play(5)
    assert desk.session.state.tick > before


def test_a_file_that_is_gone_for_a_moment_is_no_mistake(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    (tmp_path / "yard.star").rename(tmp_path / "away")
    desk.play(1)
    (tmp_path / "away").rename(tmp_path / "yard.star")
    desk.play(1)
    assert desk.problem == ""


def test_nothing_is_read_while_nothing_is_saved_and_each_save_once(tmp_path: Path) -> None:
    (tmp_path / "yard.star").write_text(WORLD, encoding="utf-8")
    (tmp_path / "things.star").write_text("POWER = 40\n", encoding="utf-8")
    reads = []

    def read(before):  # type: ignore[no-untyped-def]
        reads.append(1)
        return load(tmp_path / "yard.star", before)

    author = Author(load(tmp_path / "yard.star"), read)
    assert not any(author.look() for _ in range(10)) and not reads
    (tmp_path / "yard.star").write_text(WORLD + "\n", encoding="utf-8")
    found = [author.look() for _ in range(10)]
    assert len(reads) == 1 and sum(w is not None for w in found) == 1


def test_a_file_that_is_still_being_written_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "yard.star"
    path.write_text(WORLD, encoding="utf-8")
    (tmp_path / "things.star").write_text("POWER = 40\n", encoding="utf-8")
    reads: list[str] = []

    def read(before):  # type: ignore[no-untyped-def]
        reads.append(path.read_text(encoding="utf-8"))
        return load(path, before)

    author = Author(load(path), read)
    whole = WORLD + "# written in two goes\n"
    rest = [whole]
    monkeypatch.setattr(authoring.time, "sleep", lambda s: rest and path.write_text(rest.pop(), encoding="utf-8"))
    path.write_text(whole[:100], encoding="utf-8")
    assert author.look() is None and not reads and not rest
    assert author.look() is not None and reads == [whole]


def test_from_the_beginning(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.session.take([Input("restart")])
    assert desk.session.state.tick == 0 and desk.session.picture()[1].notice == "from the beginning"


def test_an_error_without_a_place_is_told_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.star").write_text('load("b.star", "x")\n', encoding="utf-8")
    with pytest.raises(WorldFileError) as missing:
        load(tmp_path / "a.star")
    assert told(missing.value).startswith("a.star:1:1: load('b.star') finds no such file")
    assert told(LimitError("too much")) == "too much"
