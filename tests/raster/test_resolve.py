import dataclasses
import math

import numpy as np
import pytest

from engine.film.camera import Renderer
from engine.film.tiles import PagesOnScreen
from engine.raster import reference, resolve
from engine.raster.atlas import Atlas
from engine.raster.buffers import BodyMesh, StaticMesh
from engine.raster.gbuffer import GBuffer, material_texture
from engine.raster.meshes import Meshes
from engine.raster.shadow import SunShadow
from engine.state.camera import Camera
from tests.raster import views
from tests.raster.test_gbuffer import away_from_edges

SIZE = (128, 72)


@pytest.fixture(scope="module")
def renderer(gl):
    made = Renderer(SIZE, look="raster", context=gl)
    yield made
    made.release()


@pytest.mark.parametrize("kind", ["day", "dusk", "night"])
def test_the_sky_is_the_formula_of_the_view(renderer, kind):
    camera = Camera((12.0, 6.0, 3.0), math.radians(40), math.radians(25))
    view = views.courtyard(kind, camera)
    view = dataclasses.replace(view, sky=dataclasses.replace(view.sky, glow=np.array([0.5, 0.3, 0.1], np.float32)))
    sky = np.isinf(renderer.gbuffer(view).depth)
    got, wanted = renderer.render_linear(view), reference.sky_pixels(view.sky, camera, SIZE)
    assert sky.mean() > 0.2
    assert np.abs(got - wanted)[sky].max() < 1e-4 * max(1.0, wanted.max())


def test_below_the_horizon_is_ground(renderer):
    camera = Camera((12.0, -30.0, 3.0), math.radians(-90), math.radians(-20))  # away from the world
    view = views.courtyard("day", camera)
    lower = renderer.render_linear(view)[-1]
    assert np.allclose(lower, view.sky.ground, atol=1e-6)


@pytest.mark.parametrize("fog", [0.0, 0.1])
def test_the_plain_around_a_world_is_lost_in_the_sky_at_the_horizon(renderer, fog):
    camera = Camera((12.0, -30.0, 3.0), math.radians(-90), math.radians(-40), fov_y=math.radians(100))
    view = views.courtyard("day", camera)
    view = dataclasses.replace(view, sky=dataclasses.replace(view.sky, fog_density=fog))
    rays = camera.rays(*SIZE)
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    below = rays[..., 2] < 0
    flat = rays * np.array([1.0, 1.0, 0.0])
    flat /= np.linalg.norm(flat, axis=-1, keepdims=True)
    horizon = reference.sky_radiance(view.sky, flat.astype(np.float32))
    left = np.exp(max(fog, resolve.PLAIN_HAZE) * 3.0 / np.minimum(rays[..., 2:], -1e-9))
    wanted = horizon + (view.sky.ground - horizon) * left
    got = renderer.render_linear(view, decorated=True)
    assert 0.5 < below.mean() < 1.0
    assert np.abs(got - wanted)[below].max() < 1e-4


def test_disc_and_stars_are_decoration(renderer):
    day = views.courtyard("day")
    x, y, z = (float(v) for v in day.sky.sun_direction)
    at_sun = Camera((12.0, 6.0, 3.0), math.atan2(y, x), math.asin(z))
    day = views.courtyard("day", at_sun)
    plain, decorated = renderer.render_linear(day), renderer.render_linear(day, decorated=True)
    assert decorated[36, 64].max() > 20 * plain[36, 64].max()
    assert np.array_equal(plain[0, 0], decorated[0, 0])
    night = views.courtyard("night", Camera((12.0, 6.0, 3.0), 0.5, math.radians(60)))
    stars = renderer.render_linear(night, decorated=True) - renderer.render_linear(night)
    bright = (stars.max(-1) > 0.01).mean()
    assert 0 < bright < 0.1
    assert resolve.star_radiance(day.sky) == 0.0


@pytest.mark.parametrize("kind", ["day", "night"])
def test_the_picture_is_the_tone_curve_of_the_linear_one(renderer, kind):
    view = views.courtyard(kind)
    renderer.antialias = False
    picture = renderer.render(view).rgb / 255.0
    linear = renderer.render_linear(view, decorated=True)
    renderer.antialias = True
    assert np.abs(picture - reference.tone(linear, view.sky.exposure)).max() < 1.01 / 255


def test_antialiasing_changes_edges_only(renderer):
    view = views.courtyard("day")
    softened = renderer.render(view).rgb.astype(int)
    renderer.antialias = False
    sharp = renderer.render(view).rgb.astype(int)
    renderer.antialias = True
    changed = np.abs(softened - sharp).max(-1) > 0
    assert 0.01 < changed.mean() < 0.5
    luma = np.pad(sharp @ np.array([0.299, 0.587, 0.114]) / 255, 1, mode="edge")
    around = np.stack([luma[1 + dy : 73 + dy, 1 + dx : 129 + dx] for dy in (-1, 0, 1) for dx in (-1, 0, 1)])
    assert np.ptp(around, axis=0)[changed].min() > 0.04


def test_fog_fades_to_the_sky_at_the_horizon(renderer):
    view = views.courtyard("day")
    thick = dataclasses.replace(view, sky=dataclasses.replace(view.sky, fog_density=0.5))
    arrays, clear = renderer.gbuffer(view), renderer.render_linear(view, decorated=True)
    foggy = renderer.render_linear(thick, decorated=True)
    rays = view.camera.rays(*SIZE)
    flat = rays * np.array([1.0, 1.0, 0.0])
    flat /= np.linalg.norm(flat, axis=-1, keepdims=True)
    horizon = reference.sky_radiance(view.sky, flat.astype(np.float32))
    seen = np.isfinite(arrays.depth)
    through = np.exp(-0.5 * np.where(seen, arrays.depth, 0) * np.linalg.norm(rays, axis=-1))[..., None]
    wanted = horizon + (clear - horizon) * through
    assert np.abs(foggy - wanted)[seen].max() < 2e-3
    assert np.array_equal(foggy[~seen], clear[~seen])


def test_point_lamps_follow_the_inverse_square_near_by_and_end(renderer):
    place, power = resolve.point_lamps(views.lamps(True), np.zeros(3))
    assert len(place) == len(power) == 4  # three lit lamps in the next size up
    assert (power[3, :3] == 0).all()
    side = views.lamps(True).size[2].astype(float)
    surface = 2 * (side[0] * side[1] + side[1] * side[2] + side[2] * side[0])
    row = int(np.argmin(np.abs(place[:3, :3] - views.lamps(True).centre[2]).sum(1)))
    assert np.allclose(power[row, :3], views.lamps(True).radiance[2] * surface / (4 * math.pi), rtol=1e-5)
    dark, _ = resolve.point_lamps(views.lamps(False), np.zeros(3))
    assert len(dark) == 0


def test_no_more_lamps_than_the_raster_look_knows_and_the_nearest_ones():
    rng = np.random.default_rng(1)
    many = dataclasses.replace(
        views.lamps(True),
        entity=np.arange(60, dtype=np.uint32),
        centre=rng.uniform(0, 50, (60, 3)).astype(np.float32),
        size=np.full((60, 3), 0.3, np.float32),
        radiance=np.ones((60, 3), np.float32),
        full_radiance=np.ones((60, 3), np.float32),
    )
    place, _ = resolve.point_lamps(many, np.zeros(3))
    assert len(place) == resolve.LAMPS[-1]
    nearest = np.sort(np.linalg.norm(many.centre, axis=1))[: len(place)]
    assert np.allclose(np.sort(np.linalg.norm(place[:, :3], axis=1)), nearest, atol=1e-4)


def test_lamps_of_the_raster_look_light_what_faces_them(renderer):
    dark, lit = views.courtyard("night"), views.courtyard("night")
    dark = dataclasses.replace(dark, lamps=views.lamps(False))
    gain = (renderer.render_linear(lit) - renderer.render_linear(dark)).max(-1)
    seen = renderer.gbuffer(lit).entity < 0
    assert gain[seen].max() > 0.02 and gain.min() > -1e-5


def test_pages_are_fetched_at_the_right_place(gl):
    """An atlas that holds the position of each texel: the picture must be the position of each pixel."""
    view = views.courtyard("night")
    view = dataclasses.replace(view, bodies=views.bodies([]))
    meshes = Meshes()
    meshes.update(view.voxels)
    static, bodies = StaticMesh(gl), BodyMesh(gl)
    static.update(meshes)
    buffer, passes, shadow = GBuffer(gl, SIZE), resolve.Resolve(gl, SIZE), SunShadow(gl)
    white = dataclasses.replace(
        view.materials, albedo=np.ones_like(view.materials.albedo), pattern=np.zeros_like(view.materials.pattern)
    )
    table = material_texture(gl, white)
    buffer.follow_patterns(white)
    shadow.rest(True)
    sight = buffer.look(view.camera, meshes, static, [(0, 0, *SIZE)], np.empty(0, np.int32))
    buffer.draw(sight, view.camera, meshes, static, bodies, table, [(0, 0, *SIZE)], whole=True)
    arrays = buffer.arrays()
    screen = PagesOnScreen(SIZE)
    bricks = view.voxels.stamp.shape
    n_pages = 48 * view.voxels.stamp.size
    screen.see(buffer.read()[1], n_pages)
    assert sorted(screen.keys.tolist()) == sorted(set(arrays.page[arrays.page >= 0].tolist()))

    page_table = np.full(n_pages, -1, np.int32)
    left_out = screen.keys[::7]
    kept = np.setdiff1d(screen.keys, left_out)
    page_table[kept] = np.arange(len(kept))[::-1]  # more than one band
    bands = -(-len(kept) // 56)
    pages = np.zeros((bands, 18, 1008, 4), np.float32)
    for key in kept.tolist():
        slot, brick, axis = page_table[key], key // 48, key % 48 // 16
        low = np.array([brick // (bricks[1] * bricks[2]), brick // bricks[2] % bricks[1], brick % bricks[2]]) * 2.0
        local = (np.arange(18) - 0.5) * 0.125  # centre of texel i: (i + 0.5 - border) texels
        page = np.zeros((18, 18, 4), np.float32)
        page[..., (axis + 1) % 3] = low[(axis + 1) % 3] + local[None, :]
        page[..., (axis + 2) % 3] = low[(axis + 2) % 3] + local[:, None]
        page[..., 3] = 1
        pages[slot // 56, :, slot % 56 * 18 : slot % 56 * 18 + 18] = page
    atlas = Atlas(gl)
    atlas.write(pages, np.arange(len(kept)), int(page_table.max()))
    screen.place(page_table[screen.keys], bricks, np.empty(0, np.int32))
    passes.write_slots(screen.slots)
    got = passes.linear(view, buffer, shadow, table, atlas)

    place = (
        np.asarray(view.camera.position)
        + view.camera.rays(*SIZE) * np.where(np.isfinite(arrays.depth), arrays.depth, 0)[..., None]
    )
    across = np.abs(arrays.normal) > 0.5
    resident = np.isin(arrays.page, kept)
    wanted = np.where(across, 0.0, place)
    assert resident.sum() > 1000
    assert np.abs(got - wanted)[resident & away_from_edges(arrays)].max() < 0.06  # half floats near 48: steps of 1/32
    assert np.abs(got - wanted)[resident].max() < 0.2
    fallback = np.isin(arrays.page, left_out)
    up, _ = resolve.sky_e(view.sky)
    assert fallback.any() and (got[fallback] <= up * 0.46).all() and (got[fallback] > 0).all()
    for thing in (static, bodies, buffer, passes, shadow, atlas, table):
        thing.release()


def test_the_mean_of_the_sky_is_its_cosine_weighted_integral():
    sky = dataclasses.replace(views.sky("day"), glow=np.zeros(3, np.float32))
    rng = np.random.default_rng(0)
    u, v = rng.random(200_000), rng.random(200_000)
    r, phi = np.sqrt(u), 2 * math.pi * v
    d = np.stack([r * np.cos(phi), r * np.sin(phi), np.sqrt(1 - u)], -1).astype(np.float32)
    assert np.allclose(reference.sky_radiance(sky, d).mean(0), resolve.sky_e(sky)[0], rtol=5e-3)
