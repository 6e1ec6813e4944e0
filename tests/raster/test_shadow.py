import dataclasses
import math

import numpy as np
import pytest

from engine.film.camera import Renderer
from engine.raster import reference, shadow
from engine.raster.resolve import sky_e
from engine.state.camera import Camera
from engine.view import VoxelView
from tests.raster import views
from tests.raster.test_gbuffer import away_from_edges

SIZE = (128, 72)


def sun_at(height_deg: float, azimuth: float = 0.6):
    """A sky of sun alone."""
    h, none = math.radians(height_deg), np.zeros(3, np.float32)
    d = np.array([math.cos(h) * math.cos(azimuth), math.cos(h) * math.sin(azimuth), math.sin(h)], np.float32)
    return dataclasses.replace(
        views.sky("day"), sun_direction=d, sun=np.ones(3, np.float32), zenith=none, horizon=none, glow=none, ground=none
    )


@pytest.fixture(scope="module")
def renderer(gl):
    made = Renderer(SIZE, look="raster", context=gl)
    yield made
    made.release()


def field(shape=(256, 256, 32)):
    """A wide open field of one voxel's height."""
    grid = np.zeros(shape, np.uint8)
    grid[:, :, 0] = 1
    return VoxelView(grid, np.zeros(tuple(n // 8 for n in shape), np.int64))


@pytest.mark.parametrize("height", [5.0, 12.0, 40.0, 70.0, 90.0])
def test_an_open_field_is_lit_everywhere_alike(renderer, height):
    """Acne and striping would darken some of it."""
    camera = Camera((20.0, 20.0, 1.9), math.radians(50), math.radians(-8))
    view = dataclasses.replace(
        views.courtyard("day", camera), voxels=field(), bodies=views.bodies([]), sky=sun_at(height)
    )
    arrays = renderer.gbuffer(view)
    lit = renderer.render_linear(view)
    seen = np.isfinite(arrays.depth)
    expected = arrays.albedo[seen] * math.sin(math.radians(height))
    assert seen.mean() > 0.3
    assert np.abs(lit[seen] - expected).max() < 1e-3


@pytest.mark.parametrize(("height", "share"), [(5.0, 0.97), (30.0, 0.98), (75.0, 0.98)])
def test_shadows_of_walls_and_bodies_fall_where_exact_rays_say(renderer, height, share):
    view = dataclasses.replace(views.courtyard("day"), sky=sun_at(height))
    got = renderer.render_linear(view)
    arrays = reference.channels(view, SIZE)
    bounce = 0.45 * sky_e(view.sky)[1] * (0.5 - 0.5 * arrays.normal[..., 2:])  # the raster look's only ambient here
    wanted = arrays.albedo * (reference.sunlight(view, arrays) + bounce)
    inner = away_from_edges(arrays) & np.isfinite(arrays.depth)
    off = np.abs(got - wanted).max(-1)[inner]
    assert (off < 0.03).mean() >= share  # the rest are the soft edges of shadows
    assert off.mean() < 0.01
    lit = (wanted - arrays.albedo * bounce).max(-1)[inner] > 0
    assert 0.02 < lit.mean() < 0.98


@pytest.mark.parametrize("height", [10.0, 30.0, 60.0])
def test_shadows_of_voxels_end_where_the_voxels_do(renderer, height):
    """To the pixel, but for a few in a thousand at borders where rounding decides."""
    view = dataclasses.replace(views.courtyard("day"), sky=sun_at(height), bodies=views.bodies([]))
    got, arrays = renderer.render_linear(view), renderer.gbuffer(view)
    bounce = 0.45 * sky_e(view.sky)[1] * (0.5 - 0.5 * arrays.normal[..., 2:])
    sun = reference.sunlight(view, arrays)
    wanted = arrays.albedo * (sun + bounce)
    seen = np.isfinite(arrays.depth)
    off = np.abs(got - wanted).max(-1)[seen] > 0.03
    lit = sun.max(-1) > 0
    border = (lit[1:] != lit[:-1])[:, 1:] | (lit[:, 1:] != lit[:, :-1])[1:]
    assert border.sum() > 200
    assert off.sum() <= 0.005 * border.sum()


@pytest.mark.parametrize(("height", "azimuth"), [(45.0, -0.2), (65.0, -0.3), (65.0, -0.6)])
def test_a_wall_that_the_sun_rakes_is_not_taken_for_its_own_shadow(renderer, height, azimuth):
    """In the map such a wall hides parts of itself, which beside what a bar hides looked like a whole shadow."""
    world = field()
    world.material[:, 128:, :24] = 1
    world.material[100:130, 126:127, 14] = 1
    camera = Camera((27.5, 30.2, 1.9), math.radians(90), 0.0)
    sky, bodies = sun_at(height, azimuth), views.bodies([])
    view = dataclasses.replace(views.courtyard("day", camera), voxels=world, sky=sky, bodies=bodies)
    got, arrays = renderer.render_linear(view), renderer.gbuffer(view)
    sun = reference.sunlight(view, arrays).max(-1)
    wall = np.isfinite(arrays.depth) & (arrays.normal[..., 1] < -0.5)
    whole = arrays.albedo * np.maximum(arrays.normal @ sky.sun_direction, 0)[..., None]
    bounce = arrays.albedo * 0.45 * sky_e(sky)[1] * (0.5 - 0.5 * arrays.normal[..., 2:])
    lit = (got - bounce).max(-1) > 0.5 * whole.max(-1)
    assert 0.1 < (sun[wall] > 0).mean() < 0.9
    assert (lit != (sun > 0))[wall].sum() <= 2  # hundreds, before what may be the wall itself was told apart


def test_a_body_casts_a_shadow_and_takes_it_along(renderer):
    camera = Camera((8.0, 8.0, 12.0), 0.0, math.radians(-89))
    base = dataclasses.replace(views.courtyard("day", camera), voxels=field((64, 64, 16)), sky=sun_at(45))

    def dark(place):
        view = dataclasses.replace(base, bodies=views.bodies([(0, place, 0.0, None)]))
        arrays = renderer.gbuffer(view)
        ground = (arrays.entity < 0) & np.isfinite(arrays.depth)
        return (renderer.render_linear(view).max(-1) < 0.01) & ground

    here, there = dark((8.0, 8.0, 0.25)), dark((9.5, 9.0, 0.25))
    assert here.sum() > 20 and there.sum() > 20
    assert (here & ~there).sum() > 10
    alone = dataclasses.replace(base, bodies=views.bodies([]))
    ground = np.isfinite(renderer.gbuffer(alone).depth)
    assert renderer.render_linear(alone)[ground].min() > 0.05


def maps(renderer):
    """Both maps as they are: [2, px, px]."""
    with renderer.context:
        shadow = renderer._canvas._shadow
        return [np.frombuffer(m.read(), np.uint32).copy() for m in (shadow.static_map, shadow.body_map)]


def test_maps_that_follow_bodies_and_edits_hold_what_whole_ones_would(renderer, gl):
    camera = Camera((8.0, 8.0, 14.0), 0.0, math.radians(-89))
    base = dataclasses.replace(views.courtyard("day", camera), voxels=field((64, 64, 24)), sky=sun_at(45))
    places = [(6.0, 8.0, 0.25), (8.0, 8.0, 0.25), (8.4, 8.2, 0.25)]  # the last two stand in each other's shadow
    material, stamp = base.voxels.material.copy(), base.voxels.stamp.copy()
    random = np.random.default_rng(4)
    renderer.render(dataclasses.replace(base, sky=sun_at(50)))
    for turn in range(6):
        moved = places[turn % 3]
        places[turn % 3] = (moved[0] + 0.3, moved[1] - 0.2, moved[2])
        low = random.integers([24, 24, 1], [40, 40, 12])
        material, stamp = material.copy(), stamp.copy()
        material[tuple(slice(a, a + 3) for a in low)] = turn % 2
        stamp[tuple(slice(a // 8, (a + 2) // 8 + 1) for a in low)] += 1
        bodies = views.bodies([(0, place, 0.0, None) for place in places[: 2 + turn // 2]])
        view = dataclasses.replace(base, bodies=bodies, voxels=VoxelView(material, stamp, base.voxels.base))
        renderer.render(view)
        other = Renderer(SIZE, look="raster", context=gl)
        other.render(view)
        for followed, whole in zip(maps(renderer), maps(other), strict=True):
            np.testing.assert_array_equal(followed, whole)
        other.release()


def test_a_flat_thing_on_the_ground_has_its_shadow_where_it_lies(renderer):
    """A plate of 3 cm throws a shadow of 8 cm under a sun at 20 degrees; it must not begin farther off."""
    plate = views.prefab("plate", [(views.box((-0.3, -0.3, 0.0), (0.3, 0.3, 0.03)), "planks")])
    sky = sun_at(20, azimuth=0.0)
    camera = Camera((7.2, 8.0, 1.6), 0.0, math.radians(-75))
    view = dataclasses.replace(
        views.courtyard("day", camera), voxels=field((64, 64, 16)), sky=sky, prefabs=(plate,),
        bodies=views.bodies([(0, (8.0, 8.0, 0.25), 0.0, (0.0, 0.0, 0.0))]),
    )  # fmt: skip
    arrays = renderer.gbuffer(view)
    depth = np.where(np.isfinite(arrays.depth), arrays.depth, 0.0)
    place = np.asarray(camera.position) + depth[..., None] * camera.rays(*SIZE)
    beside = (arrays.entity < 0) & (depth > 0) & (np.abs(place[..., 1] - 8.0) < 0.25) & (place[..., 0] < 7.7)
    shadowed = beside & (place[..., 0] > 7.66)  # the sun stands at +x, so the shadow falls from 7.70 down to 7.62
    assert shadowed.sum() > 10
    lit = renderer.render_linear(view).max(-1)
    assert lit[shadowed].mean() < 0.3 * lit[beside & (place[..., 0] < 7.55)].mean()


def test_the_window_of_a_large_world_moves_in_whole_texels():
    low, high = np.zeros(3), np.array([400.0, 400.0, 24.0])
    sun = sun_at(40).sun_direction
    frames = [shadow.shadow_frame(sun, low, high, np.array([200.0 + d, 200.0, 2.0])) for d in (0.0, 3.0, 40.0)]
    assert frames[0].equals(shadow.shadow_frame(sun, low, high, np.array([200.0, 200.0, 2.0])))
    for frame in frames:
        assert np.allclose((frame.high - frame.low)[0], shadow.WINDOW_M)
    step = (frames[2].low - frames[0].low)[:2] / frames[0].texel_m
    assert np.abs(step).max() > 1
    per_step = shadow.STEP_M / (shadow.WINDOW_M / shadow.MAP_PX)
    assert per_step == pytest.approx(round(per_step)) or shadow.WINDOW_M % shadow.STEP_M == 0


def test_the_whole_world_fits_and_the_sun_looks_along_depth():
    low, high = np.array([0.0, 0.0, 0.0]), np.array([24.0, 24.0, 8.0])
    for height in (3.0, 45.0, 90.0):
        frame = shadow.shadow_frame(sun_at(height).sun_direction, low, high, np.zeros(3))
        corners = np.array([[x, y, z, 1.0] for x in (0, 24) for y in (0, 24) for z in (0, 8)])
        at = corners @ frame.map_from_world.T
        assert (at[:, :2] > 0).all() and (at[:, :2] < shadow.MAP_PX).all()
        assert (at[:, 2] > 0).all() and (at[:, 2] < 1).all()
        towards = frame.map_from_world[:3, :3] @ sun_at(height).sun_direction
        assert np.allclose(towards[:2], 0, atol=1e-4) and towards[2] < 0  # nearer the sun is nearer
        assert frame.offset_m < 0.125  # below half a voxel: nothing floats
