import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from engine.core.errors import OutputError, WorldFileError
from engine.film.camera import Renderer
from engine.state.camera import CameraRail
from engine.teach import evaluate as module
from engine.teach import metrics, teacher
from engine.teach import reference as kept
from engine.teach.evaluate import (
    CONDITIONS,
    EVALUATION_SET,
    affordable,
    as_seen,
    compare,
    evaluate,
    places,
    rungs,
    sheet,
    shots,
    world_at,
)
from engine.teach.reference import Traced
from tests.light.scenes_for_light import lamps
from tests.teach.views_for_tests import TINY

SIZE = (64, 36)


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A small world file, and a cache folder of its own."""
    monkeypatch.setattr(kept, "user_cache_dir", lambda name: str(tmp_path / "cache" / name))
    path = tmp_path / "tiny.star"
    path.write_text(TINY)
    return str(path)


@pytest.fixture
def renderer(gl_context):
    return Renderer(SIZE, context=gl_context)


@pytest.fixture
def shot(world):
    return next(shot for shot in shots([world], 1) if shot.condition == "day")


def test_shots_are_every_camera_at_every_hour(world):
    found = [(shot.world, shot.camera, shot.condition) for shot in shots([world], 2)]
    assert found == [("tiny", camera, hour) for hour in CONDITIONS for camera in ("opening", "other")]
    assert len(list(shots([world], 1))) == 3


def test_day_is_brighter_than_night(world):
    day, _, night = shots([world], 1)
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


def answers(picture, monkeypatch):
    """Whatever is asked of the teacher, this is the answer: a picture that took 0.01 s."""
    monkeypatch.setattr(module, "reference", lambda view, size_px, spp, watch=None: Traced(picture, spp))
    monkeypatch.setattr(module, "rival", lambda view, size_px, spp, denoise=True: Traced(picture, spp))


def test_a_look_held_against_itself_is_perfect(world, renderer, shot, monkeypatch):
    """Demodulation, pattern, sky and masks cancel: only light is compared."""
    truth = teacher_that_says(renderer, shot, "raster")
    answers(truth, monkeypatch)
    result = compare(shot, renderer, 4)
    assert result.scores["psnr"]["raster"] > 60
    assert result.scores["psnr"]["equal_time"] == 100
    assert result.scores["psnr"]["classical"] < 40
    assert 0.6 < result.compared < 1
    assert result.equal_time_spp == affordable(result.frame_ms / 1e3, truth) and result.equal_time_ms == 10.0


def test_a_glossy_pixel_of_which_the_teacher_saw_another_material_is_not_compared(renderer, shot, monkeypatch):
    truth = teacher_that_says(renderer, shot, "raster")
    seen = renderer.gbuffer(shot.view)
    truth = replace(truth, albedo=np.where(truth.albedo > 0, seen.albedo, truth.albedo).astype(np.float32))
    rough = np.where(np.arange(len(shot.view.materials.names)) == seen.material[-1, 0], 0.3, 1.0).astype(np.float32)
    view = replace(shot.view, materials=replace(shot.view.materials, roughness=rough))
    one = module.same_surface(view, seen, truth)
    albedo = truth.albedo.copy()
    albedo[-1] += 0.2
    other = module.same_surface(view, seen, replace(truth, albedo=albedo))
    glossy = view.materials.glossy[seen.material]
    assert one[-1].any() and glossy[-1].any()
    assert not (other & glossy)[-1].any()
    np.testing.assert_array_equal(other[:-1], one[:-1])
    np.testing.assert_array_equal(other & ~glossy, one & ~glossy)


@pytest.mark.parametrize("radiance", [0.0, 30.0])
def test_what_a_shining_lamp_hides_from_the_teacher_is_not_compared(renderer, shot, radiance):
    """Its box is not in the pictures; one that is off, or behind what is seen, hides nothing."""
    truth = teacher_that_says(renderer, shot, "raster")
    seen, camera = renderer.gbuffer(shot.view), shot.view.camera
    middle = seen.depth.shape[0] // 2, seen.depth.shape[1] // 2
    plain = module.same_surface(replace(shot.view, lamps=lamps()), seen, truth)
    row, column = np.argwhere(plain)[np.abs(np.argwhere(plain) - middle).sum(1).argmin()]
    ray = camera.rays(*seen.depth.shape[::-1])[row, column]

    def compared_with_a_lamp_at(depth_m):
        box = tuple(camera.position + depth_m * ray), 0.1, (radiance,) * 3
        return module.same_surface(replace(shot.view, lamps=lamps(box)), seen, truth)

    before = compared_with_a_lamp_at(seen.depth[row, column] / 2)
    assert before[row, column] == (radiance == 0)
    assert before.sum() > plain.sum() / 2
    np.testing.assert_array_equal(compared_with_a_lamp_at(seen.depth[row, column] + 0.5), plain)


def test_pixels_that_cannot_be_compared_are_equal_in_all_pictures(renderer, shot, monkeypatch):
    truth = teacher_that_says(renderer, shot, "raster")
    nothing = np.full_like(truth.distance, np.inf)
    missed = teacher.Picture(truth.radiance, truth.albedo, truth.emission, truth.normal, nothing, 0.01, 0.0)
    answers(missed, monkeypatch)
    result = compare(shot, renderer, 4)
    assert result.compared == 0
    assert all(value == 100 for value in result.scores["psnr"].values())


def test_glossy_pixels_are_compared_as_they_are(renderer, shot, monkeypatch):
    """What a polished stone mirrors is not divided by its albedo; light on matte stone is."""
    truth = teacher_that_says(renderer, shot, "raster")
    plain = replace(truth, radiance=truth.radiance * 0 + np.float32(0.25))
    answers(plain, monkeypatch)
    matte = compare(shot, renderer, 4, False)
    view = shot.view
    polished = replace(view.materials, roughness=np.full_like(view.materials.roughness, 0.3))
    glossy = compare(replace(shot, view=replace(view, materials=polished)), renderer, 4, False)
    seen = renderer.gbuffer(view)
    floor = (view.materials.emission[seen.material].max(-1) == 0) & np.isfinite(seen.depth) & (seen.entity < 0)
    wanted = metrics.tone_mapped(np.full((1, 1, 3), 0.25, np.float32), view.sky.exposure)[0, 0]
    np.testing.assert_allclose(glossy.teacher[floor].mean(0), wanted, atol=0.02)
    assert matte.teacher[floor].std() > 3 * glossy.teacher[floor].std()  # bricks show in one, not in the other


def test_the_ladder_climbs_from_shared_samples_in_powers_of_two():
    shared = [0.01, 0.04, 0.25]
    assert rungs(1024) == [*shared, 1, 2, 4, 8, 16, 32, 64, 128, 256] == rungs(99_999)
    assert rungs(64) == [*shared, 1, 2, 4, 8, 16] and rungs(60) == [*shared, 1, 2, 4, 8] and rungs(1) == [*shared, 1]


@pytest.mark.parametrize(
    ("seconds", "wanted"),
    [(9.0, 8), (2.5, 1), (2.0, 1), (1.9, 0.25), (0.5, 0.25), (0.1, 0.04), (0.03, 0.01), (0, 0.01)],
)
def test_as_many_samples_as_fit(seconds, wanted):
    one = teacher.Picture(*(np.zeros((1, 1, 3), np.float32),) * 4, np.zeros((1, 1), np.float32), 1.0, 1.0)
    assert affordable(seconds, one) == wanted


def test_the_evaluation_set_is_twelve_worlds_that_load():
    assert len(EVALUATION_SET) == 12
    for world, conditions in EVALUATION_SET.items():
        assert set(conditions) <= set(CONDITIONS) and conditions
        cameras = places(world_at(world).blueprint.cameras, 4)
        assert len({camera for _, camera in cameras}) == 4, world
    with pytest.raises(WorldFileError, match="nowhere"):
        world_at("nowhere")
    with pytest.raises(WorldFileError, match="nowhere"):
        evaluate(["courtyard", "nowhere"])


def test_places_are_taken_along_rails_where_cameras_are_few():
    def rail(name, keys):
        steps = np.arange(keys, dtype=float)
        return CameraRail(name, 10 * steps, np.stack([steps, 0 * steps, 0 * steps], 1), 0 * steps, 0 * steps)

    still, tour = rail("still", 1), rail("tour", 4)
    assert [name for name, _ in places([still, still, tour], 2)] == ["still", "still"]
    found = places([still, tour], 4)
    assert [name for name, _ in found] == ["still", "tour", "tour 10 s", "tour 20 s"]
    assert [camera.position[0] for _, camera in found] == pytest.approx([0, 0, 1, 2])
    assert [name for name, _ in places([tour, tour], 5)][2:] == ["tour 10 s", "tour 15 s", "tour 20 s"]
    assert len(places([still], 4)) == 1


def test_the_result_has_the_promised_form_and_the_teacher_is_asked_once(world, tmp_path, monkeypatch):
    lines, shown = [], []
    first = evaluate([world], size_px=SIZE, spp=16, views=1, with_sources=True, report=lines.append, watch=shown.append)
    assert len(lines) == 3 == len(shown) and "PSNR dB net" in lines[0]
    assert json.loads(json.dumps(first)) == first
    names = {"net", "classical", "raster", "equal_time"}
    assert [view["condition"] for view in first["views"]] == list(CONDITIONS)
    for view in first["views"]:
        assert view["world"] == "tiny" and view["view"] == "opening" and view["teacher_spp"] == 16
        assert all(view[metric].keys() == names for metric in ("psnr", "ssim", "flip"))
        assert view["psnr"]["classical"] > view["psnr"]["raster"] - 3 and view["psnr"]["classical"] > 18
        assert [rung["spp"] for rung in view["ladder"]] == [0.01, 0.04, 0.25, 1, 2, 4]
        assert view["as_seen"]["psnr"].keys() == {"net", "classical", "raster", "unfiltered"}
        assert view["ladder"][5]["psnr"] > view["ladder"][3]["psnr"] > view["raw_ladder"][3]["psnr"]
        assert view["ladder"][3]["psnr"] > view["ladder"][0]["psnr"]
        assert all(a["ms"] > b["ms"] > 0 for a, b in zip(view["ladder"], view["raw_ladder"], strict=True))
    assert first["mean"].keys() == names == first["worlds"]["tiny"].keys() == first["conditions"]["day"].keys()
    psnr = [view["psnr"]["net"] for view in first["views"]]
    assert first["mean"]["net"]["psnr"] == pytest.approx(np.mean(psnr), abs=1e-3)
    assert first["ladder"]["factor"].keys() == {"psnr", "flip"} and len(first["sources"]) == 8
    assert sum(share["error"] for share in first["sources"]) == pytest.approx(1)

    monkeypatch.setattr(teacher, "picture", None)  # the pictures now come from the disk
    again = evaluate([world], quick=True, size_px=SIZE, spp=16)
    assert again["views"][0]["psnr"]["classical"] == first["views"][0]["psnr"]["classical"]
    assert again["ladder"] == {} and again["as_seen"] == {} and again["sources"] == []
    asked = evaluate([world], quick=True, size_px=SIZE, spp=16, with_ladder=True)["ladder"]
    assert [rung["flip"] for rung in asked["rungs"]] == [rung["flip"] for rung in first["ladder"]["rungs"]]


def test_the_frame_as_seen_is_held_against_averaged_pixels(renderer, shot, monkeypatch):
    """Where the teacher's light is the raster look's own, what is left of its error is jagged edges."""
    big = Renderer(tuple(3 * side for side in SIZE), context=renderer.context)
    view = replace(shot.view, sky=replace(shot.view.sky, fog_density=0.0))

    def traced(view, size_px, spp, watch=None):
        assert size_px == big.size_px and spp == 4
        big.set_look("raster")
        linear, seen = big.render_linear(view), big.gbuffer(view)
        emission = np.where(seen.entity[..., None] < 0, view.materials.emission[seen.material], 0.0)
        plain = view.materials.albedo[seen.material]
        light = (linear - emission) / np.maximum(seen.albedo, 1e-6) * plain + emission
        distance = seen.depth * np.linalg.norm(view.camera.rays(*size_px), axis=-1)
        channels = (light, plain, emission, seen.normal, distance)
        return Traced(teacher.Picture(*(c.astype(np.float32) for c in channels), 0.01, 0.0), spp)

    monkeypatch.setattr(module, "reference", traced)
    scores = as_seen(view, renderer, 36)
    assert renderer.size_px == SIZE
    assert scores["psnr"]["raster"] > scores["psnr"]["classical"] + 3
    assert 20 < scores["psnr"]["unfiltered"] < 60 and scores["psnr"]["raster"] > scores["psnr"]["unfiltered"] - 3


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
    monkeypatch.setattr(module, "shots", None)  # found out before any work
    with pytest.raises(OutputError, match="cannot write .*sheet.png"):
        sheet([world], tmp_path / "file" / "sheet.png", SIZE, 1)
    monkeypatch.setattr(module, "shots", lambda *_, **__: iter(()))
    with pytest.raises(OutputError, match="the sheet of pictures cannot be written"):
        sheet([world], tmp_path / "sheet.unknown", SIZE, 1)
