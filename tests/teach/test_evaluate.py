import json

import numpy as np
import pytest
from PIL import Image

from engine.core.errors import OutputError
from engine.film.camera import Renderer
from engine.light.network import classical
from engine.teach import evaluate as module
from engine.teach import metrics, teacher
from engine.teach.evaluate import CONDITIONS, compare, evaluate, sheet, shots

SIZE = (64, 36)
WORLD = """
world("tiny", size = (8, 8, 4), hour = 12, latitude = 45)
material("stone", "#a09080", pattern = "brick")
material("red", "#b03020")
material("glow", "#ffe0a0", emission = (2, 1.5, 1))
fill((0, 0, 0), (8, 8, 1), "stone")
fill((5, 2, 1), (6, 6, 3), "red")
prefab("lantern", [box((-0.1, -0.1, 0), (0.1, 0.1, 0.2), "glow")])
light = lamp(size = (0.2, 0.2, 0.2), colour = (1, 0.7, 0.4), power = 40, offset = (0, 0, 0.1))
spawn("lantern", at = (3, 4, 2.5), lamp = light)
camera("opening", at = (1, 1.5, 2.2), look_at = (5, 4.5, 1.2), fov_deg = 60)
camera("other", at = (1, 6.5, 2.2), look_at = (5, 4, 1.2), fov_deg = 60)
player(at = (2, 2, 1))
"""


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A small world file, and a cache folder of its own."""
    monkeypatch.setattr(module, "user_cache_dir", lambda name: str(tmp_path / "cache" / name))
    path = tmp_path / "tiny.star"
    path.write_text(WORLD)
    return str(path)


@pytest.fixture
def renderer(gl_context):
    return Renderer(SIZE, context=gl_context, weights=classical())


@pytest.fixture
def shot(world):
    return next(shot for shot in shots([world], one_camera=True) if shot.condition == "day")


def test_shots_are_every_camera_at_every_hour(world):
    found = [(shot.world, shot.camera, shot.condition) for shot in shots([world], one_camera=False)]
    assert found == [("tiny", camera, hour) for hour in CONDITIONS for camera in ("opening", "other")]
    assert len(list(shots([world], one_camera=True))) == 3


def test_day_is_brighter_than_night(world):
    day, _, night = shots([world], one_camera=True)
    assert day.view.sky.sun.max() > 0.1 and night.view.sky.sun.max() == 0
    assert day.view.sky.exposure < night.view.sky.exposure


def teacher_that_says(renderer, shot, look):
    """A Picture of what one look shows, as if the teacher had traced it on plain albedo."""
    renderer.set_look(look)
    linear, seen = renderer.render_linear(shot.view), renderer.gbuffer(shot.view)
    rays = shot.view.camera.rays(*SIZE)
    emission = np.where(seen.entity[..., None] < 0, shot.view.materials.emission[seen.material], 0.0).astype(np.float32)
    plain = shot.view.materials.albedo[seen.material]
    light = (linear - emission) / np.maximum(seen.albedo, 1e-6)
    distance = seen.depth * np.linalg.norm(rays, axis=-1)
    return teacher.Picture(light * plain + emission, plain, emission, seen.normal, distance, 0.01, 0.0)


def test_a_look_held_against_itself_is_perfect(world, renderer, shot, monkeypatch):
    """Demodulation, pattern, sky and masks cancel: only light is compared."""
    truth = teacher_that_says(renderer, shot, "raster")
    monkeypatch.setattr(module, "_cached_picture", lambda *_: truth)
    result = compare(shot, renderer, 4)
    assert result.scores["psnr"]["raster"] > 60
    assert result.scores["psnr"]["equal_time"] == 100
    assert result.scores["psnr"]["classical"] < 40
    assert 0.6 < result.compared < 1
    assert result.equal_time_spp == max(1, int(result.frame_ms / 1e3 / (0.01 / 4)))


def test_pixels_that_cannot_be_compared_are_equal_in_all_pictures(renderer, shot, monkeypatch):
    truth = teacher_that_says(renderer, shot, "raster")
    nothing = np.full_like(truth.distance, np.inf)
    missed = teacher.Picture(truth.radiance, truth.albedo, truth.emission, truth.normal, nothing, 0.01, 0.0)
    monkeypatch.setattr(module, "_cached_picture", lambda *_: missed)
    result = compare(shot, renderer, 4)
    assert result.compared == 0
    assert all(value == 100 for value in result.scores["psnr"].values())


def test_the_report_has_the_promised_form_and_the_teacher_is_asked_once(world, tmp_path, monkeypatch):
    lines = []
    first = evaluate([world], quick=True, size_px=SIZE, spp=16, report=lines.append)
    assert len(lines) == 3 and "PSNR dB net" in lines[0]
    assert json.loads(json.dumps(first)) == first
    names = {"net", "classical", "raster", "equal_time"}
    assert [view["condition"] for view in first["views"]] == list(CONDITIONS)
    for view in first["views"]:
        assert view["world"] == "tiny" and view["view"] == "opening"
        assert all(view[metric].keys() == names for metric in ("psnr", "ssim", "flip"))
        assert view["psnr"]["classical"] > view["psnr"]["raster"] - 3 and view["psnr"]["classical"] > 18
    assert first["mean"].keys() == names
    psnr = [view["psnr"]["net"] for view in first["views"]]
    assert first["mean"]["net"]["psnr"] == pytest.approx(np.mean(psnr), abs=1e-3)

    monkeypatch.setattr(teacher, "picture", None)  # the reference now comes from the disk
    again = compare(next(shots([world], one_camera=True)), Renderer(SIZE), 16, with_equal_time=False)
    assert again.scores["psnr"]["classical"] == first["views"][0]["psnr"]["classical"]


def test_a_damaged_cached_picture_is_traced_again(world, shot, tmp_path):
    picture = module._cached_picture(shot.view, (8, 8), 2, False, 0)
    (path,) = (tmp_path / "cache").rglob("*.npz")
    path.write_bytes(path.read_bytes()[:200])
    again = module._cached_picture(shot.view, (8, 8), 2, False, 0)
    np.testing.assert_allclose(again.radiance, picture.radiance, rtol=1e-5)
    other = module._cached_picture(shot.view, (8, 8), 2, False, 1)
    assert (other.radiance != picture.radiance).any()


def test_the_sheet_has_a_row_for_every_hour(world, tmp_path):
    out = sheet([world], tmp_path / "docs" / "sheet.png", SIZE, 4)
    with Image.open(out) as image:
        assert image.size == (4 * SIZE[0], 18 + 3 * SIZE[1])
        picture = np.asarray(image.convert("RGB"))
    columns = picture[18 : 18 + SIZE[1]].reshape(SIZE[1], 4, SIZE[0], 3)
    assert (columns.std((0, 2, 3)) > 5).all()
    assert metrics.psnr(columns[:, 0], columns[:, 2]) > 15  # classical is like the teacher


def test_a_sheet_that_cannot_be_written_is_one_sentence(world, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(module, "shots", lambda *_, **__: iter(()))
    with pytest.raises(OutputError, match="the sheet of pictures cannot be written"):
        sheet([world], tmp_path / "file" / "sheet.png", SIZE, 1)
