"""The worlds that docs/WORLDS.md shows must load as they stand."""

import re
import shutil
from pathlib import Path

import pytest

from engine.script.assets import worlds_folder
from engine.script.worldfile import check, load
from tests.script import models

PAGE = (Path(__file__).parents[1] / "docs" / "WORLDS.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("text", BLOCKS, ids=lambda text: text.split('"')[1])
def test_an_example_is_a_world(tmp_path: Path, text: str) -> None:
    shutil.copytree(worlds_folder() / "assets", tmp_path / "assets")
    (tmp_path / "assets" / "cart.glb").write_bytes(models.rich())
    path = tmp_path / "example.star"
    path.write_text(text)
    assert check(path) == []
    assert load(path).blueprint.voxels.any()
