"""Imported meshes in the G-buffer: tints, pictures, holes and glow, held against the slow reference."""

import math
from dataclasses import replace
from pathlib import Path

import moderngl
import numpy as np
import pytest

from engine.film.camera import Renderer
from engine.raster import reference
from engine.script.worldfile import load
from engine.sim.extract import extract
from engine.state.camera import Camera
from engine.state.world import new_state
from engine.view import View
from tests.script import models
from tests.script.models import checker, square

SIZE = (96, 72)
STAGE = """\
world("stage", size = (16, 16, 8), hour = 9.5, latitude = 20)
fill((0, 0, 0), (16, 16, 1), "#808080")
camera("c", at = (11, 8, 2), look_at = (8, 8, 2))
player(at = (1, 1, 1))
"""


def view_of(folder: Path, name: str, data: bytes, line: str) -> View:
    (folder / name).write_bytes(data)
    (folder / "stage.star").write_text(STAGE + line)
    loaded = load(folder / "stage.star")
    return extract(loaded.blueprint, new_state(loaded.blueprint, 1), camera=loaded.blueprint.cameras[0].at(0.0))


@pytest.fixture(scope="module")
def renderer(gl: moderngl.Context):  # noqa: ANN201
    made = Renderer(SIZE, "raster", context=gl)
    yield made
    made.release()


def test_a_picture_lies_on_its_mesh_as_in_the_reference(renderer: Renderer, tmp_path: Path) -> None:
    glb = square(pbrMetallicRoughness={"baseColorTexture": {"index": 0}, "baseColorFactor": [0.8, 0.9, 1, 1]})
    glb.picture(checker(4))
    view = view_of(tmp_path, "a.glb", glb.bytes(), 'spawn(model("a.glb", scale = 2), at = (8, 8, 1))')
    fast, slow = renderer.gbuffer(view), reference.channels(view, SIZE)
    both = (fast.entity >= 0) & (slow.entity >= 0)
    assert both.sum() > 1000
    error = np.abs(fast.albedo[both] - slow.albedo[both]).max(1)
    assert np.median(error) < 0.01 and (error < 0.06).mean() > 0.97
    rows, columns = np.nonzero(both)
    top, left = rows.min(), columns.min()
    reddest = fast.albedo[top + 3 : top + 6, left + 8 : -8][both[top + 3 : top + 6, left + 8 : -8]].mean(0)
    assert reddest[0] > 0.7 and reddest[1] < 0.05, "the first row of the picture is on top"


def test_voxel_models_have_their_own_colours_without_seams(renderer: Renderer, tmp_path: Path) -> None:
    voxels = [(x, y, z, 1 + (x + y + z) % 2) for x in range(6) for y in range(6) for z in range(6)]
    data = models.vox(models.model((6, 6, 6), *voxels), models.palette({1: (255, 0, 0), 2: (0, 0, 255)}))
    view = view_of(tmp_path, "a.vox", data, 'spawn(model("a.vox", height = 2, yaw_deg = 30), at = (8, 8, 1))')
    fast, slow = renderer.gbuffer(view), reference.channels(view, SIZE)
    both = (fast.entity >= 0) & (slow.entity >= 0)
    assert (both == (slow.entity >= 0)).mean() > 0.99
    assert (np.abs(fast.albedo[both] - slow.albedo[both]).max(1) < 0.02).mean() > 0.93, "but for edges"
    inner = both.copy()
    for axis, step in ((0, 1), (0, -1), (1, 1), (1, -1)):
        inner &= np.roll(slow.entity >= 0, step, axis)
    assert (fast.entity[inner] >= 0).all(), "no pinhole between joined faces"


def test_holes_are_not_drawn_and_throw_no_shadow(renderer: Renderer, tmp_path: Path) -> None:
    fence = np.full((4, 4, 4), 255, np.uint8)
    fence[:, 2:, 3] = 0  # the right half, seen from the front, is open
    bodies, shades = [], []
    for mode in ("OPAQUE", "MASK"):
        glb = square(pbrMetallicRoughness={"baseColorTexture": {"index": 0}}, alphaMode=mode, doubleSided=True)
        glb.picture(fence)
        view = view_of(tmp_path, "a.glb", glb.bytes(), 'spawn(model("a.glb", scale = 2), at = (8, 8, 1), yaw_deg = 40)')
        bodies.append(int((renderer.gbuffer(view).entity >= 0).sum()))
        above = Camera((8.0, 8.0, 7.5), 0.0, -math.pi / 2 + 0.01, math.radians(60))
        view = replace(view, camera=above, previous_camera=above)
        brightness, body = renderer.render_linear(view).sum(-1), renderer.gbuffer(view).entity >= 0
        shades.append(int((brightness[~body] < 0.8 * np.median(brightness)).sum()))
    assert 0.3 < bodies[1] / bodies[0] < 0.7
    assert shades[0] > 50 and shades[1] == pytest.approx(shades[0] / 2, rel=0.25)


def test_a_double_sided_mesh_is_seen_from_behind(renderer: Renderer, tmp_path: Path) -> None:
    for double, seen in ((True, True), (False, False)):
        glb = square(doubleSided=double)
        view = view_of(tmp_path, "a.glb", glb.bytes(), 'spawn(model("a.glb", scale = 2), at = (8, 8, 1))')
        behind = Camera((5.0, 8.0, 2.0), 0.0, 0.0, math.radians(60))
        found = renderer.gbuffer(replace(view, camera=behind, previous_camera=behind))
        assert bool((found.entity >= 0).any()) is seen
        assert not seen or (found.normal[found.entity >= 0][:, 0] < 0).all()


def test_a_glow_picture_shines_where_it_is_bright(renderer: Renderer, tmp_path: Path) -> None:
    halves = np.zeros((16, 16, 4), np.uint8)
    halves[..., 3] = 255
    halves[:8, :, :3] = 255  # the upper half
    strength = {"KHR_materials_emissive_strength": {"emissiveStrength": 8}}
    glb = square(emissiveFactor=[1, 0.5, 0], emissiveTexture={"index": 0}, extensions=strength,
                 pbrMetallicRoughness={"baseColorFactor": [0.1, 0.1, 0.1, 1]})  # fmt: skip
    glb.picture(halves)
    view = view_of(tmp_path, "a.glb", glb.bytes(), 'spawn(model("a.glb", scale = 2), at = (8, 8, 1))')
    linear, body = renderer.render_linear(view), renderer.gbuffer(view).entity >= 0
    rows = np.nonzero(body)[0]
    low, high = rows.min() + 6, rows.max() - 6
    np.testing.assert_allclose(linear[low][body[low]].mean(0), (8, 4, 0), atol=0.3)
    assert linear[high][body[high]].max() < 1.0


def test_pictures_are_the_same_whatever_was_drawn_before(gl: moderngl.Context, tmp_path: Path) -> None:
    view = view_of(tmp_path, "a.glb", models.rich(), 'spawn(model("a.glb"), at = (8, 8, 1))')
    one, two = Renderer(SIZE, "raster", context=gl), Renderer(SIZE, "raster", context=gl)
    turned = Camera((11.0, 8.5, 2.2), math.pi, 0.0)
    one.render(replace(view, camera=turned, previous_camera=turned))
    np.testing.assert_array_equal(one.render(view).rgb, two.render(view).rgb)
    one.release()
    two.release()
