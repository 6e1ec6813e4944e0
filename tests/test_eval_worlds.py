"""Laws of the evaluation's own worlds: they load, repeat, and can be photographed from four places."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from engine.core.units import VOXEL_M
from engine.script.assets import shipped_worlds, worlds_folder
from engine.script.worldfile import LoadedWorld, check, load
from engine.sim.step import step
from engine.state.world import new_state

FILES = sorted((worlds_folder() / "eval").glob("*.star"))
NAMES = {"arcade", "cavern", "cornell", "corridor", "furniture", "pillars", "stairwell", "street", "window"}
RUN_TICKS = 100
CLEARANCE_M = 0.1  # the nearest that a wall may come to an eye, along each axis
every_world = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


@cache
def world(path: Path) -> LoadedWorld:
    return load(path)


def digest_after(path: Path, ticks: int) -> int:
    w = world(path)
    state = new_state(w.blueprint, 7)
    for _ in range(ticks):
        state = step(w.blueprint, state, (), w.script)
    assert not state.disabled, "a handler failed"
    return state.digest()


def test_the_nine_are_there_and_are_not_among_the_shipped_names() -> None:
    assert {path.stem for path in FILES} == NAMES
    assert not NAMES & set(shipped_worlds())


@every_world
def test_it_is_free_of_problems_and_says_when_it_is_looked_at(path: Path) -> None:
    assert check(path) == []
    assert world(path).blueprint.name == path.stem
    said = next(line for line in path.read_text().splitlines() if line.startswith("# Conditions: "))
    conditions = said.removeprefix("# Conditions: ").split(".")[0].split(", ")
    assert conditions and set(conditions) <= {"day", "dusk", "night"}


@every_world
def test_its_digest_repeats(path: Path) -> None:
    assert digest_after(path, RUN_TICKS) == digest_after(path, RUN_TICKS)


@every_world
def test_four_cameras_stand_in_the_air(path: Path) -> None:
    b = world(path).blueprint
    assert len(b.cameras) == 4
    steps = np.vstack([np.zeros((1, 3)), CLEARANCE_M * np.eye(3), -CLEARANCE_M * np.eye(3)])
    for rail in b.cameras:
        voxels = np.floor((np.asarray(rail.at(0.0).position) + steps) / VOXEL_M).astype(int)
        assert ((voxels >= 0) & (voxels < b.voxels.shape)).all(), f"{rail.name} stands outside the world"
        assert (b.voxels[tuple(voxels.T)] == 0).all(), f"{rail.name} stands in a wall"


@every_world
def test_its_lamps_hang_in_the_air(path: Path) -> None:
    b = world(path).blueprint
    lamps = [s for s in b.spawns if "lamp_size" in s.components]
    assert lamps, "every world can be seen at night"
    for s in lamps:
        offset = np.asarray(s.components["lamp_offset"], float)
        voxel = np.floor((np.asarray(s.position) + offset) / VOXEL_M).astype(int)
        assert b.voxels[tuple(voxel)] == 0, s.name
