"""What docs/WORLDS.md shows must load as it stands, and its tutorial must end with a game that can be won."""

import math
import re
import shutil
from pathlib import Path

import pytest

from engine.core.ids import PLAYER
from engine.script.assets import worlds_folder
from engine.script.worldfile import check, load
from engine.sim import actions, stories
from engine.sim.step import step
from engine.sim.systems.player import EYE_M
from engine.state.commands import Command
from engine.state.world import new_state
from tests.script import models

PAGE = (Path(__file__).parents[1] / "docs" / "WORLDS.md").read_text(encoding="utf-8")
TUTORIAL, IMPORTS = PAGE.split("## Bringing in models")
BLOCKS = re.findall(r"```python\n(.*?)```", IMPORTS, re.DOTALL)
GAME = "".join(re.findall(r"```python\n(.*?)```", TUTORIAL, re.DOTALL))


@pytest.mark.parametrize("text", BLOCKS, ids=lambda text: text.split('"')[1])
def test_an_example_is_a_world(tmp_path: Path, text: str) -> None:
    shutil.copytree(worlds_folder() / "assets", tmp_path / "assets")
    (tmp_path / "assets" / "cart.glb").write_bytes(models.rich())
    path = tmp_path / "example.star"
    path.write_text(text)
    assert check(path) == []
    assert load(path).blueprint.voxels.any()


def test_the_tutorial_ends_with_a_game_of_20_lines_that_can_be_won(tmp_path: Path) -> None:
    assert len([line for line in GAME.splitlines() if line.strip()]) <= 20
    shutil.copytree(worlds_folder() / "lib", tmp_path / "lib")
    path = tmp_path / "watch.star"
    path.write_text(GAME)
    assert check(path) == []
    world = load(path)
    state = new_state(world.blueprint, 1)
    for number in range(3):
        lantern = state.id_by_name[f"lantern {number}"]
        x, y, z = actions.position_of(world.blueprint, state, lantern)
        actions.move_to(world.blueprint, state, PLAYER, (x, y - 1.25, z - 0.5))
        yaw = math.pi / 2 - float(state.columns.yaw[0])
        pitch = math.atan2(0.2 - (EYE_M - 0.5), 1.25) - state.player.pitch
        step(world.blueprint, state, [Command(state.tick, "look", {"yaw": yaw, "pitch": pitch})], world.script)
        step(world.blueprint, state, [Command(state.tick, "use", {})], world.script)
        step(world.blueprint, state, (), world.script)
        assert stories.progress_of(world.blueprint, state, "lanterns") == number + 1
    step(world.blueprint, state, (), world.script)
    assert state.story.ending is not None and state.story.ending.won and not state.disabled
