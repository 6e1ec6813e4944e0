"""Glossy surfaces by the path tracer and by the engine: the same model, so nearly the same picture."""

import dataclasses

import numpy as np
import pytest

from engine.film.camera import Renderer
from engine.teach import teacher
from engine.teach.teacher import Source
from tests.light import glossy_scenes, scenes_for_light
from tests.light.glossy_scenes import BALL, FLOOR

SIZE_PX = (64, 36)
LAMP = scenes_for_light.lamps(((5.0, 2.0, 2.2), 0.4, (40.0, 34.0, 24.0)))
NIGHT = scenes_for_light.sky(0.0, blue=0.05)
CASES = [  # roughness, metal, colour, sky, lamps, most that the floor's mean and its pixels may be off
    (0.15, 1.0, (0.8, 0.8, 0.8), None, None, 0.06, 0.14),  # its light bounces as if it were matte: 5 % too little
    (0.3, 1.0, (0.9, 0.7, 0.3), None, None, 0.05, 0.13),
    (0.3, 0.5, (0.8, 0.6, 0.3), None, None, 0.12, 0.14),
    (0.25, 0.0, (0.5, 0.3, 0.15), None, None, 0.12, 0.14),
    (0.3, 1.0, (0.8, 0.8, 0.8), NIGHT, LAMP, 0.12, 0.35),
    (0.3, 0.0, (0.3, 0.2, 0.1), NIGHT, LAMP, 0.12, 0.3),
]


@pytest.mark.parametrize(("roughness", "metal", "colour", "sky", "lamps", "mean", "pixel"), CASES)
def test_engine_and_path_tracer_agree(gl_context, roughness, metal, colour, sky, lamps, mean, pixel):
    view = glossy_scenes.yard(glossy_scenes.materials(roughness, metal, colour), sky, lamps, with_ball=True)
    truth = teacher.picture(view, SIZE_PX, 128)
    renderer = Renderer(SIZE_PX, "classical", context=gl_context)
    got, material = renderer.render_linear(view), renderer.gbuffer(view).material
    renderer.release()
    for kind, scale in ((FLOOR, 1.0), (BALL, 2.0)):
        seen = (material == kind) & np.isfinite(truth.distance)
        a, b = got[seen], truth.radiance[seen]
        assert abs(a.mean() / b.mean() - 1) < scale * mean
        assert np.abs(a - b).mean() < scale * pixel * b.mean()


@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (2.0, 0.0), (1.0, 7.3)])
def test_the_path_tracer_sees_the_planks_of_a_polished_floor(gl_context, scale, shift):
    """Under a sky that is the same everywhere only the pattern varies on a floor that has nothing about it."""
    polish = glossy_scenes.materials(0.6, 0.0, (0.5, 0.3, 0.15))
    pattern, scales, shifts = (a.copy() for a in (polish.pattern, polish.pattern_scale, polish.pattern_shift))
    pattern[FLOOR], scales[FLOOR], shifts[FLOOR] = 2, scale, shift
    cut = dataclasses.replace(polish, pattern=pattern, pattern_scale=scales, pattern_shift=shifts)
    view = glossy_scenes.yard(cut, glossy_scenes.uniform())
    view.voxels.material[:, :, 1:] = 0
    truth = teacher.picture(view, SIZE_PX, 1024)
    renderer = Renderer(SIZE_PX, "classical", context=gl_context)
    seen, got = renderer.gbuffer(view), renderer.render_linear(view)
    renderer.release()
    near = np.isfinite(truth.distance) & (seen.depth < 6.0)
    planks, traced, ours = (a[near].mean(-1) for a in (seen.albedo, truth.radiance, got))
    assert planks.std() > 0.03 * planks.mean()
    np.testing.assert_allclose(truth.albedo[near].mean(-1), planks, atol=0.01)
    assert np.corrcoef(planks, traced)[0, 1] > 0.8
    assert np.corrcoef(ours, traced)[0, 1] > 0.8


def test_white_varnish_and_smooth_white_metal_keep_all_light():
    for roughness, metal in ((0.2, 0.0), (0.6, 0.0), (0.15, 1.0)):
        white = glossy_scenes.materials(roughness, metal, (1.0, 1.0, 1.0))
        view = glossy_scenes.yard(white, glossy_scenes.uniform())
        view.voxels.material[:, :, 1:] = 0
        picture = teacher.picture(view, (32, 18), 256)
        floor = np.isfinite(picture.distance)
        assert picture.radiance[floor].mean() == pytest.approx(1.0, abs=0.03)


def test_light_on_points_is_that_of_a_matte_world():
    points, normals = np.array([[4.0, 4.0, 0.25]], np.float32), np.array([[0, 0, 1]], np.float32)
    e = []
    for roughness in (1.0, 0.2):
        view = glossy_scenes.yard(glossy_scenes.materials(roughness, 1.0 - (roughness == 1.0)))
        e.append(teacher.trace_points(view, points, normals, [Source("sky", "all", view.sky)], 64))
    np.testing.assert_array_equal(e[0], e[1])


def test_the_scalar_backend_knows_gloss_too(monkeypatch):
    monkeypatch.setattr(teacher, "variants", lambda timed: ["scalar_rgb"])
    view = glossy_scenes.yard(glossy_scenes.materials(0.3, 0.5, (1.0, 1.0, 1.0)), glossy_scenes.uniform())
    view.voxels.material[:, :, 1:] = 0
    picture = teacher.picture(view, (12, 7), 32)
    assert picture.radiance[np.isfinite(picture.distance)].mean() == pytest.approx(0.98, abs=0.04)
