import math
from dataclasses import replace

import numpy as np
import pytest

from engine.state.camera import Camera
from engine.teach import teacher
from engine.teach.scenes import lamps_from_boxes, plain_materials, view_of
from engine.teach.teacher import Source, TeacherError
from engine.view import SkyView, sky_radiance

UP = np.array([[0.0, 0.0, 1.0]], np.float32)
NO_LAMPS = lamps_from_boxes(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros((0, 3)))


def _slab(height=1):
    voxels = np.zeros((64, 64, 24), np.uint8)
    voxels[:, :, :height] = 1
    return voxels


def _sky(**changes):
    one, dark = np.ones(3, np.float32), np.zeros(3, np.float32)
    plain = SkyView(np.array([0.6, 0.0, 0.8], np.float32), dark, one, one, dark, one, 1.0, 0.0)
    return replace(plain, **{key: np.asarray(value, np.float32) for key, value in changes.items()})


GREY = plain_materials([[0, 0, 0], [0.5, 0.5, 0.5]])


def parallel_square(side_m, distance_m):
    """Form factor from a point to a facing square centred on its normal (Howell, catalogue of factors, B-4)."""
    x = side_m / 2 / distance_m
    root = math.sqrt(1 + x * x)
    return 4 / (2 * math.pi) * 2 * (x / root) * math.atan(x / root)


def test_open_ground_under_a_uniform_sky_has_e_of_one():
    view = view_of(_slab(), GREY, NO_LAMPS, _sky())
    points = np.array([[8, 8, 0.25], [5, 9, 0.25], [11, 3, 0.25], [7, 7, 0.25]], np.float32)
    e = teacher.trace_points(view, points, np.repeat(UP, 4, 0), [Source("sky", "all", _sky())], spp=2048)
    np.testing.assert_allclose(e.mean((0, 1)), 1.0, atol=0.01)


def test_white_furnace_keeps_all_light():
    """In a box of albedo a with a lid of uniform light, e is 1 wherever only light of the sky comes back."""
    voxels = _slab()
    voxels[20:44, 20, 1:13] = voxels[20:44, 43, 1:13] = voxels[20, 20:44, 1:13] = voxels[43, 20:44, 1:13] = 1
    white = plain_materials([[0, 0, 0], [1, 1, 1]])
    view = view_of(voxels, white, NO_LAMPS, _sky())
    e = teacher.trace_points(view, np.array([[8, 8, 0.25]], np.float32), UP, [Source("sky", "all", _sky())], 4096, 64)
    np.testing.assert_allclose(e, 1.0, atol=0.02)


def test_sun_lights_by_cosine_and_a_wall_shades_it():
    voxels = _slab()
    voxels[36, :, 1:20] = 1
    sun = _sky(sun=[2.0, 1.0, 0.5])
    points = np.array([[12.0, 8, 0.25], [8.8, 8, 0.25], [9.4, 8, 0.25]], np.float32)  # open, in the shade, by the wall
    view = view_of(voxels, GREY, NO_LAMPS, sun)
    parts = [Source("sun", part, sun) for part in ("all", "direct", "indirect")]
    whole, direct, indirect = teacher.trace_points(view, points, np.repeat(UP, 3, 0), parts, 256)
    np.testing.assert_allclose(direct[[0, 2]], [0.8 * np.array([2.0, 1.0, 0.5])] * 2, rtol=1e-3)
    np.testing.assert_allclose(direct[1], 0.0, atol=1e-6)
    # The sunny wall (e = 0.6 sun, albedo 1/2) fills almost a quarter-sphere, half the irradiance, beside it.
    np.testing.assert_allclose(indirect[2] / [2.0, 1.0, 0.5], 0.5 * 0.6 * 0.5 * 0.9, rtol=0.4)
    np.testing.assert_allclose(whole[2], direct[2] + indirect[2], rtol=0.15)


def test_a_lamp_matches_its_form_factor_and_indirect_is_what_is_left():
    low, side = 2.0, 0.5
    lamp = lamps_from_boxes([[8, 8, low + 0.25]], [[side, side, 0.5]], [[10, 5, 1]])
    points = np.array([[8, 8, 0.25]], np.float32)
    view = view_of(_slab(), GREY, lamp, _sky())
    parts = [Source("lamps", "all"), Source("lamps", "direct"), Source("lamps", "indirect")]
    whole, direct, indirect = teacher.trace_points(view, points, UP, parts, 8192)
    expected = np.array([10, 5, 1]) * parallel_square(side, low - 0.25)
    np.testing.assert_allclose(direct[0], expected, rtol=0.02)
    np.testing.assert_allclose(indirect, 0.0, atol=1e-5)  # nothing but flat ground to bounce off
    np.testing.assert_allclose(whole[0], expected, rtol=0.02)


def test_lamps_are_no_obstacle():
    lamp = lamps_from_boxes([[8, 8, 1.0]], [[1, 1, 0.5]], [[1, 1, 1]])
    view = view_of(_slab(), GREY, lamp, _sky())
    points = np.array([[8, 8, 0.25]], np.float32)
    picture = teacher.picture(
        view_of(_slab(), GREY, lamp, _sky(), Camera((8, 8, 4), 0.0, -1.57)), (9, 9), 16, antialias=False
    )
    e = teacher.trace_points(view, points, UP, [Source("sky", "all", _sky())], 1024)
    np.testing.assert_allclose(e, 1.0, atol=0.03)
    assert picture.distance[4, 4] == pytest.approx(3.75, abs=0.02)  # the ground, through the lamp


@pytest.mark.parametrize(("yaw", "pitch"), [(1.3, 0.2), (-2.0, -0.05)])
def test_the_sky_stands_the_right_way_round(yaw, pitch):
    sky = _sky(zenith=[0.2, 0.3, 0.9], horizon=[0.8, 0.6, 0.4], glow=[1, 0.5, 0.1], ground=[0.1, 0.2, 0.05])
    camera = Camera((8, 8, 5.5), yaw, pitch)
    picture = teacher.picture(view_of(_slab(), GREY, NO_LAMPS, sky, camera), (24, 12), 1)
    rays = camera.rays(24, 12)
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    away = np.isinf(picture.distance) & (np.abs(rays[..., 2]) > 0.01)  # the map blurs the horizon's step
    assert away.mean() > 0.4
    np.testing.assert_allclose(picture.radiance[away], sky_radiance(sky, rays.astype(np.float32))[away], atol=5e-3)


def test_a_picture_shows_albedo_and_radiance_of_the_ground():
    paint = plain_materials([[0, 0, 0], [0.6, 0.3, 0.1]])
    view = view_of(_slab(), paint, NO_LAMPS, _sky(), Camera((8, 8, 3), 0.0, -1.2))
    picture = teacher.picture(view, (16, 9), 256)
    np.testing.assert_allclose(picture.albedo[4, 8], [0.6, 0.3, 0.1], atol=1e-6)
    np.testing.assert_allclose(picture.normal[4, 8], [0, 0, 1], atol=1e-6)
    np.testing.assert_allclose(picture.radiance.mean((0, 1)), [0.6, 0.3, 0.1], rtol=0.03)


def test_shining_voxels_shine_once_beside_lamps():
    voxels = _slab()
    voxels[40:44, 40:44, 1:5] = 2
    glow = plain_materials([[0, 0, 0], [0.5, 0.5, 0.5], [0.2, 0.2, 0.2]], [[0, 0, 0], [0, 0, 0], [3, 2, 1]])
    lamp = lamps_from_boxes([[2, 2, 3]], [[0.3, 0.3, 0.3]], [[5, 5, 5]])
    dark = _sky(zenith=[0, 0, 0], horizon=[0, 0, 0], ground=[0, 0, 0])
    camera = Camera((6, 6, 2.5), math.pi / 4, -0.28)
    with_lamp = teacher.picture(view_of(voxels, glow, lamp, dark, camera), (33, 17), 64)
    without = teacher.picture(view_of(voxels, glow, NO_LAMPS, dark, camera), (33, 17), 64)
    box = with_lamp.emission.max(-1) > 0
    assert box.any()
    assert without.radiance[box].min() > 0.9
    np.testing.assert_allclose(with_lamp.radiance[box].mean(0), [3, 2, 1], rtol=0.05)


def test_denoising_brings_a_noisy_picture_nearer_to_a_clean_one():
    voxels = _slab()
    voxels[36, 20:50, 1:12] = voxels[20:36, 20, 1:12] = 1
    view = view_of(voxels, GREY, NO_LAMPS, _sky(zenith=[0.1, 0.3, 0.9]), Camera((7.0, 7.5, 1.5), 0.3, -0.1))
    clean = teacher.picture(view, (64, 36), 512, seed=3).radiance
    noisy = teacher.picture(view, (64, 36), 2).radiance
    denoised = teacher.picture(view, (64, 36), 2, denoise=True).radiance
    assert ((denoised - clean) ** 2).mean() < 0.3 * ((noisy - clean) ** 2).mean()


def test_what_holds_no_noise_is_told_apart():
    voxels = _slab()
    voxels[36, :, 1:20] = 1
    view = view_of(voxels, GREY, NO_LAMPS, _sky(sun=[2.0, 1.0, 0.5]), Camera((2, 8, 2.2), 0.0, -0.2))
    one, other = (teacher.picture(view, (32, 18), 2, seed=seed, exact=True) for seed in (0, 1))
    np.testing.assert_array_equal(one.exact, other.exact)
    assert np.abs(one.radiance - other.radiance).max() > 0.1
    assert (one.radiance - one.exact).min() > -1e-5
    assert (one.normal[-1, :, 2] > 0.5).all()
    np.testing.assert_allclose(one.exact[-1], 0.5 * 0.8 * np.array([[2.0, 1.0, 0.5]] * 32), rtol=1e-4)
    wall = one.normal[..., 0] < -0.5
    np.testing.assert_allclose(one.exact[wall].min(0), 0.0, atol=1e-6)  # the sun is behind it
    away = np.isinf(one.distance)
    np.testing.assert_allclose(one.exact[away], one.radiance[away], rtol=1e-5)
    for wrong in ("antialias", "denoise"):
        with pytest.raises(ValueError, match=wrong):
            teacher.picture(view, (32, 18), 2, exact=True, **{wrong: True})


def _hall(roughness=1.0):
    """A hall in the dark, lit by two lamps: one stands free, behind a pillar, one hangs close under a shelf."""
    voxels = _slab()
    voxels[48, 16:48, 1:20] = voxels[16:49, 48, 1:20] = voxels[30:32, 30:32, 1:12] = voxels[40:48, 24:30, 12] = 1
    lamps = lamps_from_boxes([[9.6, 8, 1.6], [10.8, 6.8, 2.9]], [[0.4, 0.4, 0.4], [0.3, 0.3, 0.1]],
                             [[10, 5, 1], [6, 8, 12]])  # fmt: skip
    dark = _sky(zenith=[0, 0, 0], horizon=[0, 0, 0], ground=[0, 0, 0])
    materials = replace(GREY, roughness=np.array([1, roughness], np.float32))
    return view_of(voxels, materials, lamps, dark, Camera((5.5, 6, 2.5), 0.2, -0.2))


@pytest.mark.parametrize("roughness", [1.0, 0.3])
def test_light_of_lamps_is_the_path_tracers_with_less_noise(roughness):
    view = _hall(roughness)
    mine = [teacher.picture(view, (32, 18), 64, seed=seed, exact=True) for seed in (0, 1)]
    plain = [teacher.picture(view, (32, 18), 1024, seed=seed, max_depth=depth) for seed, depth in ((2, 64), (2, 2))]
    lamps = np.maximum(mine[0].radiance, plain[0].radiance).max(-1) > 3  # seen straight: they let half of all rays pass
    bounced, direct = plain[0].radiance - plain[1].radiance, plain[1].radiance

    def off(a, b):
        return float(np.sqrt((((a - b)[~lamps]) ** 2).mean()))

    exact = (mine[0].exact + mine[1].exact) / 2
    rest = (mine[0].radiance + mine[1].radiance) / 2 - exact
    assert exact[~lamps].mean() == pytest.approx(direct[~lamps].mean(), rel=0.01)
    assert rest[~lamps].mean() == pytest.approx(bounced[~lamps].mean(), rel=0.03)
    # as near to 1,024 samples of `path` as those are to the truth, and each other with a sixteenth of them
    assert off(mine[0].exact, mine[1].exact) < off(exact, direct)
    assert off(mine[0].radiance - mine[0].exact, mine[1].radiance - mine[1].exact) < 3 * off(rest, bounced)
    assert mine[0].exact[lamps].max() == pytest.approx(12, rel=0.1)


def test_light_of_lamps_is_the_same_one_ray_at_a_time(monkeypatch):
    view = _hall(0.3)
    many = teacher.picture(view, (8, 5), 4096, exact=True)
    monkeypatch.setattr(teacher, "variants", lambda timed: ["scalar_rgb"])
    single = teacher.picture(view, (8, 5), 64, exact=True)
    np.testing.assert_allclose(single.exact, many.exact, rtol=0.2, atol=0.01)
    np.testing.assert_allclose(single.exact.mean((0, 1)), many.exact.mean((0, 1)), rtol=0.01)
    rest = [(picture.radiance - picture.exact).mean() for picture in (single, many)]
    assert rest[0] == pytest.approx(rest[1], rel=0.3)  # 2,560 samples


def test_scalar_backend_agrees(monkeypatch):
    monkeypatch.setattr(teacher, "variants", lambda timed: ["scalar_rgb"])
    voxels = _slab()
    voxels[36, :, 1:20] = 1
    view = view_of(voxels, GREY, lamps_from_boxes([[4, 8, 2]], [[0.5, 0.5, 0.5]], [[10, 5, 1]]), _sky())
    points, sun = np.array([[4.0, 8, 0.25]], np.float32), _sky(sun=[1, 1, 1])
    sky, lit, lamp = teacher.trace_points(
        view, points, UP, [Source("sky", "all", _sky()), Source("sun", "direct", sun), Source("lamps", "direct")], 1024
    )
    assert 0.7 < sky[0, 0] < 0.95  # a wall takes part of the sky
    np.testing.assert_allclose(lit[0], 0.8, rtol=1e-3)
    np.testing.assert_allclose(lamp[0, 0], 10 * parallel_square(0.5, 1.5), rtol=0.05)


def test_a_point_in_the_air_is_refused():
    view = view_of(_slab(), GREY, NO_LAMPS, _sky())
    with pytest.raises(TeacherError, match=r"point 0 .* lies on no surface"):
        teacher.trace_points(view, np.array([[-5, 8, 0.25]], np.float32), UP, [Source("sky", "all", _sky())], 1)


def test_a_sky_source_needs_a_sky():
    view = view_of(_slab(), GREY, NO_LAMPS, _sky())
    with pytest.raises(TeacherError, match="source 0 is a sun, which needs a SkyView"):
        teacher.trace_points(view, np.array([[8, 8, 0.25]], np.float32), UP, [Source("sun", "all")], 1)


def test_a_missing_path_tracer_is_one_sentence(monkeypatch):
    monkeypatch.setattr(teacher, "available", lambda: False)
    with pytest.raises(TeacherError, match="needs Mitsuba"):
        teacher.picture(view_of(_slab(), GREY, NO_LAMPS, _sky()), (8, 8), 1)


def test_a_failing_worker_is_one_sentence(monkeypatch):
    monkeypatch.setattr(teacher, "variants", lambda timed: ["scalar_rgb"])
    monkeypatch.setattr(teacher, "sky_map", lambda sky: np.zeros(3, np.float32))  # not a picture: Mitsuba refuses it
    with pytest.raises(TeacherError, match="the path tracer's process ended with status 1") as caught:
        teacher.picture(view_of(_slab(), GREY, NO_LAMPS, _sky()), (8, 8), 1)
    assert "\n" not in str(caught.value)


def test_the_teacher_never_enters_this_process():
    import sys

    teacher.picture(view_of(_slab(), GREY, NO_LAMPS, _sky()), (8, 8), 1)
    assert "mitsuba" not in sys.modules
    assert "drjit" not in sys.modules
