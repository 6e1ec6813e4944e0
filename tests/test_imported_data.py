"""Real models by other people, where there are any: DAGUERRE_DATA names a folder that holds .vox and glTF files.

They are no part of the project. Each must load, stand upright on its ground, have a sensible size and be lit.
"""

import os
import shutil
from pathlib import Path

import moderngl
import numpy as np
import pytest

from engine.film.camera import Renderer
from engine.script.worldfile import load
from engine.sim.extract import extract
from engine.state.world import new_state

FOLDER = Path(os.environ.get("DAGUERRE_DATA", "") or "/nonexistent")
FILES = sorted(p for p in FOLDER.rglob("*") if p.suffix in (".vox", ".glb", ".gltf")) if FOLDER.is_dir() else []
pytestmark = pytest.mark.skipif(not FILES, reason="DAGUERRE_DATA names no folder with models")
STAGE = """\
world("stage", size = (16, 16, 12), hour = 13)
fill((0, 0, 0), (16, 16, 1), "#808080")
camera("c", at = (15.5, 15.5, 6), look_at = (8, 8, 3))
player(at = (1, 1, 1))
"""
every_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)


def staged(folder: Path, file: Path, line: str):  # noqa: ANN201
    for beside in file.parent.glob(file.stem + ".*"):
        shutil.copy(beside, folder / beside.name)
    (folder / "stage.star").write_text(STAGE + line.replace("FILE", file.name))
    return load(folder / "stage.star")


@every_file
def test_it_stands_on_the_ground_with_a_sensible_size_and_is_lit(
    tmp_path: Path, file: Path, gl_context: moderngl.Context
) -> None:
    fit = staged(tmp_path, file, 'model("FILE")').blueprint.prefabs[-1]
    size = np.ptp(fit.position, axis=0)
    assert 0.3 < size.max() < 20, "metres, as the file has them"
    scale = (0.1 if file.suffix == ".vox" else 1.0) * 5.0 / float(size.max())
    loaded = staged(tmp_path, file, f'spawn(model("FILE", scale = {scale}), at = (8, 8, 1))')
    prefab = loaded.blueprint.prefabs[-1]
    assert prefab.position[:, 2].min() == pytest.approx(0, abs=0.01)
    assert np.abs(prefab.position[:, :2].max(0) + prefab.position[:, :2].min(0)).max() < 0.01, "over its origin"
    assert np.isfinite(prefab.position).all() and np.allclose(np.linalg.norm(prefab.normal, axis=1), 1, atol=1e-4)
    assert prefab.skin is not None and len(prefab.skin.solid)
    view = extract(loaded.blueprint, new_state(loaded.blueprint, 1), camera=loaded.blueprint.cameras[0].at(0.0))
    renderer = Renderer((96, 72), "classical", context=gl_context)
    seen = renderer.gbuffer(view)
    body = seen.entity >= 0
    assert body.sum() > 40
    light = seen.body_light[body].max(-1)
    assert (light > 0.02).mean() > 0.99, "no black vertices"
    renderer.release()


@every_file
def test_its_voxels_keep_its_shape(tmp_path: Path, file: Path) -> None:
    fit = staged(tmp_path, file, 'model("FILE")').blueprint.prefabs[-1]
    scale = (0.1 if file.suffix == ".vox" else 1.0) * 6.0 / float(np.ptp(fit.position, axis=0).max())
    loaded = staged(tmp_path, file, f'stamp("FILE", at = (8, 8, 1), scale = {scale})').blueprint
    places = np.argwhere(loaded.voxels[:, :, 4:])
    size = (np.ptp(places, axis=0) + 1) * 0.25
    np.testing.assert_allclose(
        size, np.ptp(fit.position, axis=0) * scale / (0.1 if file.suffix == ".vox" else 1.0), atol=0.5
    )
    assert places[:, 2].min() == 0, "on the ground"
