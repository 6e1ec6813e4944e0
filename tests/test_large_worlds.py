"""Worlds too large for an array: they load, live, are saved and drawn by what is in them, not by their volume."""

from pathlib import Path

import numpy as np
import pytest

from engine.script.laws import player_fits
from engine.script.worldfile import LoadedWorld, load
from engine.sim.actions import ActionError, set_voxels
from engine.sim.step import step
from engine.state import snapshot
from engine.state.bricks import Bricks
from engine.state.commands import Command
from engine.state.compare import parting
from engine.state.world import new_state
from tests.large_world import text_of

MB = 1e6


@pytest.fixture(scope="module")
def village(tmp_path_factory: pytest.TempPathFactory) -> LoadedWorld:
    """512 x 512 x 64 m: 268 million voxels."""
    path: Path = tmp_path_factory.mktemp("worlds") / "village.star"
    path.write_text(text_of(512, 64))
    return load(path)


def test_a_large_world_takes_the_memory_of_what_is_in_it(village: LoadedWorld) -> None:
    grid = village.blueprint.voxels
    assert isinstance(grid, Bricks) and grid.size == 2048 * 2048 * 256
    assert grid.nbytes < 20 * MB
    assert set(np.unique(grid[0:256, 0:256, :])) <= set(range(len(village.blueprint.materials.names)))
    assert player_fits(village.blueprint, (511.0, 511.0, 30.0))


def test_a_large_world_is_the_same_after_a_save_in_the_middle(village: LoadedWorld) -> None:
    blueprint = village.blueprint
    one = new_state(blueprint, seed=3)
    step(blueprint, one, [Command(0, "move", {"forward": 1.0, "run": True})], village.script)
    for tick in range(60):
        if tick % 7 == 0:
            set_voxels(blueprint, one, (2000 - tick, 2040, 10), (2003, 2048, 30), tick % 3)
        step(blueprint, one, (), village.script)
    data = snapshot.save(blueprint, one)
    other = snapshot.load(blueprint, data)
    spared = snapshot.load(blueprint, data, new_state(blueprint, seed=3))
    assert one.digest() == other.digest() == spared.digest()
    assert isinstance(other.voxels.material, Bricks)
    assert len(data) < 100_000
    for state in (one, other, spared):
        for _ in range(60):
            step(blueprint, state, (), village.script)
    assert one.digest() == other.digest() == spared.digest()
    assert one.columns.position[0, 0] > 12.0  # it walks on ground that is there

    set_voxels(blueprint, other, (2047, 2047, 255), (2048, 2048, 256), 1)
    found = parting(one, other)
    assert found is not None and "voxel 2047 2047 255" in str(found)


def test_a_refused_edit_leaves_a_large_world_as_it_was(village: LoadedWorld) -> None:
    state = new_state(village.blueprint, seed=3)
    before = state.digest()
    with pytest.raises(ActionError):
        set_voxels(village.blueprint, state, (2040, 0, 0), (2049, 1, 1), 1)
    assert state.digest() == before
