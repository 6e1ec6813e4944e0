import dataclasses
import math

import numpy as np
import pytest

from engine.film.camera import Renderer
from engine.light import ggx, lobe_reference, reflections
from engine.state.camera import Camera
from engine.view import VoxelView
from tests.light import glossy_scenes, scenes_for_light
from tests.light.glossy_scenes import BALL, FLOOR, RED
from tests.worlds_for_tests import box_prefab

SIZE_PX = (96, 54)


@pytest.fixture(scope="module")
def renderer(gl_context):
    made = Renderer(SIZE_PX, "classical", context=gl_context)
    yield made
    made.release()


def bare_floor(view):
    """The view without its walls."""
    grid = view.voxels.material.copy()
    grid[:, :, 1:] = 0
    stamp = np.full_like(view.voxels.stamp, 1 + view.materials.roughness[1] * 100)
    return dataclasses.replace(view, voxels=VoxelView(grid, stamp))


def points_of(view, arrays):
    """World places [H, W, 3] of pixels."""
    rays = view.camera.rays(*SIZE_PX)
    depth = np.where(np.isfinite(arrays.depth), arrays.depth, 0.0)
    return np.asarray(view.camera.position) + depth[..., None] * rays


@pytest.mark.parametrize(("roughness", "metal"), [(0.05, 1.0), (0.15, 1.0), (0.2, 0.0), (0.6, 0.0)])
def test_white_furnace(renderer, roughness, metal):
    """White metal (of little roughness: what bounces twice between facets is lost) and white varnish are uniform."""
    white = glossy_scenes.materials(roughness, metal, (1.0, 1.0, 1.0))
    view = bare_floor(glossy_scenes.yard(white, glossy_scenes.uniform()))
    floor = renderer.gbuffer(view).material == FLOOR
    assert floor.sum() > 1000
    np.testing.assert_allclose(renderer.render_linear(view)[floor], 1.0, atol=0.03)


@pytest.mark.parametrize(("roughness", "least"), [(0.35, 0.9), (0.8, 0.85)])
def test_rough_white_metal_keeps_the_part_of_light_that_the_lobe_says(renderer, roughness, least):
    white = glossy_scenes.materials(roughness, 1.0, (1.0, 1.0, 1.0))
    view = bare_floor(glossy_scenes.yard(white, glossy_scenes.uniform()))
    arrays = renderer.gbuffer(view)
    rays = view.camera.rays(*SIZE_PX)
    nv = -rays[..., 2] / np.linalg.norm(rays, axis=-1)
    floor = arrays.material == FLOOR
    wanted = [sum(ggx.lobe_sum(ggx.lobe_table(), c, roughness)) for c in nv[floor]]
    assert min(wanted) < least
    np.testing.assert_allclose(renderer.render_linear(view)[floor][:, 0], wanted, atol=0.01)


def test_a_smooth_metal_floor_mirrors_the_wall_and_the_sky_over_it(renderer):
    view = glossy_scenes.yard(glossy_scenes.materials(0.05, 1.0, (1.0, 1.0, 1.0)))
    arrays, picture = renderer.gbuffer(view), renderer.render_linear(view)
    point = points_of(view, arrays)
    ray = view.camera.rays(*SIZE_PX) * np.array([1.0, 1.0, -1.0])  # after the mirror
    at_wall = point + ray * ((7.0 - point[..., :1]) / ray[..., :1])
    floor = arrays.material == FLOOR
    low, high = at_wall[..., 2] > 0.4, at_wall[..., 2] < 3.1
    on_wall = floor & low & high & (at_wall[..., 1] > 1.4) & (at_wall[..., 1] < 6.1)
    over_it = floor & (at_wall[..., 2] > 3.6) & (at_wall[..., 1] > 1.4) & (at_wall[..., 1] < 6.1)
    assert on_wall.sum() > 150 and over_it.sum() > 20
    np.testing.assert_allclose(picture[over_it], 0.6, rtol=0.02)  # the sky
    clip = view.camera.clip_from_world(SIZE_PX[0] / SIZE_PX[1])
    off = []
    for y, x in np.argwhere(on_wall):  # the same place of the wall, seen straight
        h = clip @ np.append(at_wall[y, x], 1.0)
        column, row = (h[:2] / h[3] * [0.5, -0.5] + 0.5) * SIZE_PX
        if 0 <= row < SIZE_PX[1] and 0 <= column < SIZE_PX[0] and arrays.material[int(row), int(column)] == RED:
            off.append(picture[y, x] / picture[int(row), int(column)])
    assert len(off) > 100
    np.testing.assert_allclose(np.mean(off, 0), 1.0, atol=0.06)
    assert np.std(off) < 0.12


@pytest.mark.parametrize(("roughness", "metal"), [(0.08, 1.0), (0.25, 1.0), (0.25, 0.0), (0.6, 1.0)])
@pytest.mark.parametrize("material", [FLOOR, BALL])
def test_the_lobe_agrees_with_its_slow_definition(renderer, roughness, metal, material):
    colour = (0.9, 0.6, 0.3)
    view = glossy_scenes.yard(glossy_scenes.materials(roughness, metal, colour), with_ball=True)
    arrays = renderer.gbuffer(view)
    point = points_of(view, arrays)
    values = renderer.reflections(view)
    where = np.argwhere(arrays.material == material)
    chosen = where[:: max(1, len(where) // 40)]
    normal = arrays.normal.astype(np.float64)
    facing = [-(view.camera.rays(*SIZE_PX)[y, x] @ normal[y, x]) > 0.25 for y, x in chosen]
    chosen = chosen[np.array(facing)]
    slow = [
        lobe_reference.reflected(
            view, renderer.light, point[y, x], normal[y, x], roughness, metal, np.array(colour), 1500
        )
        for y, x in chosen
    ]
    fast = values[chosen[:, 0], chosen[:, 1], :3]
    assert len(slow) > 15
    np.testing.assert_allclose(fast.mean(0), np.mean(slow, 0), rtol=0.06)
    assert np.abs(fast - slow).mean() < 0.12 * np.mean(slow)


def test_the_suns_highlight_is_the_formula(renderer):
    """Black varnish under a black sky shows nothing but the sun."""
    sky = scenes_for_light.sky(2.0, (0.8, 0.05, 0.45), blue=0.0)
    view = bare_floor(glossy_scenes.yard(glossy_scenes.materials(0.4, 0.0, (0.0, 0.0, 0.0)), sky))
    floor = renderer.gbuffer(view).material == FLOOR
    got = renderer.render_linear(view)[floor][:, 0]
    to_eye = -view.camera.rays(*SIZE_PX)[floor]
    to_eye /= np.linalg.norm(to_eye, axis=-1, keepdims=True)
    half = to_eye + sky.sun_direction
    half /= np.linalg.norm(half, axis=-1, keepdims=True)
    wanted = []
    for v, h in zip(to_eye, half, strict=True):
        nl, alpha = float(sky.sun_direction[2]), 0.16
        f = 0.04 + 0.96 * ggx.schlick(float(h @ v))
        lobe = ggx.distribution(h[2], alpha) * ggx.shadowing(nl, alpha) * ggx.shadowing(v[2], alpha) * f
        wanted.append(2.0 * math.pi * lobe / (4 * nl * v[2]) * nl)
    assert max(wanted) > 10 * min(wanted) > 0
    np.testing.assert_allclose(got, wanted, rtol=0.02, atol=1e-4)


def test_a_lamps_highlight_stands_where_the_mirror_shows_it_and_a_wall_hides_it(renderer):
    dark = glossy_scenes.uniform(0.0)
    lamp = scenes_for_light.lamps(((5.0, 3.5, 1.7), 0.4, (20.0, 20.0, 20.0)))
    view = bare_floor(glossy_scenes.yard(glossy_scenes.materials(0.15, 1.0), dark, lamp))
    lit = renderer.reflections(view)[..., 0]
    point = points_of(view, renderer.gbuffer(view))
    y, x = np.unravel_index(np.argmax(lit), lit.shape)
    np.testing.assert_allclose(point[y, x, :2], [3.0, 3.5], atol=0.25)  # half way: eye and lamp are as high
    assert 0.5 * 0.8 * 20 < lit.max() < 1.3 * 20, "about the lamp's own radiance"
    grid = view.voxels.material.copy()
    grid[15:17, :, 1:13] = RED
    stamp = view.voxels.stamp + 1
    behind = dataclasses.replace(view, voxels=VoxelView(grid, stamp))
    assert renderer.reflections(behind)[y, x, 0] < 0.05


@pytest.mark.parametrize("stands", [0, 1])
def test_a_body_is_seen_in_a_mirror_and_hides_what_lies_behind_it(renderer, stands):
    dark = glossy_scenes.uniform(0.0)
    lamp = scenes_for_light.lamps(((5.0, 3.5, 1.7), 0.4, (20.0, 20.0, 20.0)))
    view = bare_floor(glossy_scenes.yard(glossy_scenes.materials(0.08, 1.0), dark, lamp))
    alone = renderer.reflections(view)
    crate = scenes_for_light.with_crates(view, (4.0, 3.5, 0.25))
    crate = dataclasses.replace(crate, bodies=dataclasses.replace(crate.bodies, stands=np.array([stands], np.uint8)))
    seen, point = renderer.reflections(crate), points_of(crate, renderer.gbuffer(crate))
    # Rays from 0.6 m before the crate go up to the eye as steeply as they come down from its near side.
    before = (np.abs(point[..., 1] - 3.5) < 0.2) & (np.abs(point[..., 0] - 3.2) < 0.1) & (point[..., 2] < 0.26)
    bodies, shine = renderer.light.bodies_met, renderer.light.body_radiance(crate)
    assert len(bodies.low) == len(shine) == 1
    np.testing.assert_allclose(seen[before][:, :3].mean(0), 0.8 * shine[0, 1], rtol=0.15)  # the side towards -x
    tall = dataclasses.replace(crate, prefabs=(box_prefab("post", (0.1, 0.4, 1.5), FLOOR),))
    y, x = np.unravel_index(np.argmax(alone[..., 0]), alone.shape[:2])
    assert renderer.reflections(tall)[y, x, 0] < 0.2 * alone[y, x, 0]


def test_matte_worlds_have_no_reflections(gl_context):
    view = glossy_scenes.yard(glossy_scenes.materials(1.0, 0.0))
    renderer = Renderer(SIZE_PX, "classical", context=gl_context)
    assert not view.materials.glossy.any()
    renderer.render(view)
    assert renderer.reflections(view).max() == 0
    renderer.release()


def test_what_shines_by_itself_has_no_lobe():
    polish = glossy_scenes.materials(0.2, 1.0)
    emission = polish.emission.copy()
    emission[BALL] = (0.0, 2.0, 0.0)
    assert polish.glossy.tolist() == [False, True, False, False, False, True]
    assert dataclasses.replace(polish, emission=emission).glossy.tolist() == [False, True, False, False, False, False]


def test_the_raster_look_mirrors_a_part_of_the_sky_and_traces_nothing(gl_context):
    renderer = Renderer(SIZE_PX, "raster", context=gl_context)
    view = glossy_scenes.yard(glossy_scenes.materials(0.05, 1.0, (1.0, 1.0, 1.0)))
    floor = renderer.gbuffer(view).material == FLOOR
    np.testing.assert_allclose(renderer.render_linear(view)[floor], 0.45 * 0.6, rtol=0.03)
    renderer.release()


# ---- reuse ----


def fresh(gl_context, view, look="classical"):
    made = Renderer(SIZE_PX, look, context=gl_context)
    rgb = made.render(view).rgb.copy()
    made.release()
    return rgb


@pytest.mark.parametrize("look", ["classical", "raster"])
@pytest.mark.parametrize("roughness", [0.08, 0.3])
def test_reuse_never_changes_a_pixel(gl_context, look, roughness):
    """Lamps, sky, a body that walks, voxels and the camera change one after another; nothing else is drawn anew."""
    lamp = scenes_for_light.lamps(((5.0, 3.0, 1.7), 0.4, (20.0, 15.0, 9.0)))
    first = glossy_scenes.yard(glossy_scenes.materials(roughness, 0.7), None, lamp, with_ball=True)
    off = dataclasses.replace(first, lamps=dataclasses.replace(lamp, radiance=lamp.radiance * 0))
    bodies = first.bodies
    views = [first, off]
    for shift in (0.02, 0.3, 0.8):
        moved = dataclasses.replace(bodies, position=bodies.position + np.array([0.0, shift, 0.0], np.float32))
        views.append(dataclasses.replace(off, bodies=moved))
    views.append(dataclasses.replace(views[-1], sky=scenes_for_light.sky(3.0, blue=0.4)))
    grid = first.voxels.material.copy()
    grid[20:22, 8:10, 1:7] = RED
    views.append(scenes_for_light.with_voxels(views[-1], grid))
    turned = Camera((1.0, 3.5, 1.7), 0.3, -0.25, math.radians(60.0))
    views += [dataclasses.replace(views[-1], camera=turned, previous_camera=turned), first]
    renderer = Renderer(SIZE_PX, look, context=gl_context)
    for number, view in enumerate(views):
        np.testing.assert_array_equal(renderer.render(view).rgb, fresh(gl_context, view, look), err_msg=str(number))
    assert renderer.render(views[-1]).stats["tiles"]["regenerated"] == 0
    renderer.release()


def test_a_body_that_walks_by_makes_few_pixels_trace_again(gl_context):
    renderer = Renderer(SIZE_PX, "classical", context=gl_context)
    view = glossy_scenes.yard(glossy_scenes.materials(0.3, 1.0), with_ball=True)
    whole = renderer.render(view).stats["reflections"]
    step = view.bodies.position + np.array([0.0, 0.05, 0.0], np.float32)
    some = renderer.render(dataclasses.replace(view, bodies=dataclasses.replace(view.bodies, position=step))).stats
    assert 0 < some["reflections"]["regenerated"] < 0.35 * whole["regenerated"]
    same = dataclasses.replace(view, bodies=dataclasses.replace(view.bodies, position=step), tick=9)
    assert renderer.render(same).stats["reflections"]["regenerated"] == 0
    renderer.release()


def test_only_pixels_whose_rays_cross_a_changed_voxel_trace_again(gl_context):
    """Though all light is another; one by one, so that what was kept of each change is asked about the next."""
    rng = np.random.default_rng(3)
    lamp = scenes_for_light.lamps(((5.0, 3.0, 1.7), 0.4, (20.0, 15.0, 9.0)))
    view = glossy_scenes.yard(glossy_scenes.materials(0.3, 0.7), None, lamp, with_ball=True)
    renderer = Renderer(SIZE_PX, "classical", context=gl_context)
    whole = renderer.render(view).stats["reflections"]["regenerated"]
    traced = []
    for _ in range(6):
        grid = view.voxels.material.copy()
        x, y, z = rng.integers((10, 4, 1), (27, 26, 14))
        grid[x, y, z] = 0 if grid[x, y, z] else RED
        view = scenes_for_light.with_voxels(view, grid)
        frame = renderer.render(view)
        traced.append(frame.stats["reflections"]["regenerated"])
        np.testing.assert_array_equal(frame.rgb, fresh(gl_context, view))
    assert max(traced) > 0 and np.mean(traced) < 0.3 * whole
    renderer.release()


def test_rays_that_forgot_a_wall_would_be_seen(gl_context, monkeypatch):
    """The comparisons above can fail."""
    view = glossy_scenes.yard(glossy_scenes.materials(0.08, 1.0))
    grid = view.voxels.material.copy()
    grid[20:22, 8:10, 1:7] = RED
    walled = scenes_for_light.with_voxels(view, grid)
    renderer = Renderer(SIZE_PX, "classical", context=gl_context)
    renderer.render(view)
    monkeypatch.setattr(reflections, "cross_lobes", lambda *arguments: None)
    assert (renderer.render(walled).rgb != fresh(gl_context, walled)).any()
    renderer.release()
