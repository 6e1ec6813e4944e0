import numpy as np
import pytest

from engine.film.camera import Renderer
from engine.teach import flicker as module
from engine.teach import teacher
from engine.teach.evaluate import Shot
from engine.teach.flicker import flicker, of_shot, walk
from tests.teach.views_for_tests import tiny_view

SIZE = (64, 36)


def test_a_walk_goes_forward_and_turns_and_knows_the_camera_before():
    view = tiny_view()
    views = walk(view, 3)
    assert len(views) == 3 and views[0].camera == view.camera
    assert all(b.previous_camera == a.camera for a, b in zip(views[:-1], views[1:], strict=True))
    step = np.subtract(views[2].camera.position, views[1].camera.position)
    np.testing.assert_allclose(step, view.camera.axes()[0] / 30, atol=1e-9)
    assert views[1].camera.yaw - views[0].camera.yaw == pytest.approx(0.009)


def test_the_teacher_flickers_and_the_light_of_one_look_against_itself_does_the_same(gl_context, monkeypatch):
    """Teacher and network are measured alike: where the teacher shows what the network shows, the ratio is 1."""
    view = tiny_view()
    renderer = Renderer(SIZE, context=gl_context)
    shake = [1.0]

    def picture(view, size_px, spp, seed):
        linear, seen = renderer.render_linear(view), renderer.gbuffer(view)
        emission = np.where(seen.entity[..., None] < 0, view.materials.emission[seen.material], 0.0)
        plain = view.materials.albedo[seen.material]
        light = (linear - emission) / np.maximum(seen.albedo, 1e-6) * shake[0] ** seed
        distance = seen.depth * np.linalg.norm(view.camera.rays(*SIZE), axis=-1)
        parts = (light * plain + emission, plain, emission, seen.normal, distance)
        return teacher.Picture(*(part.astype(np.float32) for part in parts), 0.0, 0.0)

    monkeypatch.setattr(teacher, "picture", picture)
    monkeypatch.setattr(module.reference, "denoised", lambda it: it)
    shot = Shot("tiny", "opening", "day", view)
    alike = of_shot(shot, renderer, 1, 3)
    assert alike["net"] > 0 and alike["times"] == pytest.approx(1, abs=0.02)
    shake[0] = 1.05
    shaken = of_shot(shot, renderer, 1, 3)
    assert shaken["net"] == alike["net"] and shaken["teacher"] > 1.5 * alike["teacher"]
    renderer.release()


def test_frames_that_share_nothing_are_refused(gl_context):
    views = walk(tiny_view(), 2)
    renderer = Renderer(SIZE, "raster", context=gl_context)
    pictures, buffers = [renderer.render_linear(v) for v in views], [renderer.gbuffer(v) for v in views]
    nothing = [np.zeros((36, 64), bool)] * 2
    assert flicker(views, pictures, buffers) >= 0
    with pytest.raises(ValueError, match="0 % of its pixels"):
        flicker(views, pictures, buffers, nothing)
    renderer.release()
