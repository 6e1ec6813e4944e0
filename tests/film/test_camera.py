import dataclasses
import math

import moderngl
import numpy as np
import pytest

from engine.core.errors import WeightsError
from engine.core.looks import LOOKS
from engine.film.camera import Renderer
from engine.light.cache import LightCache
from engine.light.network import SHIPPED
from engine.light.pool import ROW_BYTES
from engine.state.camera import Camera
from tests.light.scenes_for_light import even_sky, lamps, view_of
from tests.raster import views

SIZE = (320, 180)


@pytest.fixture(scope="module", params=["classical", "raster"])
def pair(request, gl):
    """A renderer that reuses what it can, and one that draws every frame whole."""
    kept, fresh = (Renderer(SIZE, look=request.param, context=gl) for _ in range(2))

    def whole(view):
        fresh._canvas._drawn = None
        return fresh.render(view).rgb

    yield kept, whole
    kept.release()
    fresh.release()


def moved_person(view, x: float):
    bodies = view.bodies
    position = bodies.position.copy()
    position[0, 0] += x
    return dataclasses.replace(
        view, bodies=dataclasses.replace(bodies, position=position, previous_position=bodies.position)
    )


def without_a_step(view):
    grid = view.voxels.material.copy()
    grid[68:70, 24:26, 6] = 0
    return views.with_voxels(view, grid)


def dimmer(view):
    lamps = view.lamps
    return dataclasses.replace(view, lamps=dataclasses.replace(lamps, radiance=lamps.radiance * np.float32(0.5)))


def later(view):
    return dataclasses.replace(view, sky=views.sky("night"))


def glowing(view):
    glow = view.bodies.glow.copy()
    glow[3] = (1.0, 2.0, 3.0)
    return dataclasses.replace(view, bodies=dataclasses.replace(view.bodies, glow=glow))


def fewer_bodies(view):
    return dataclasses.replace(view, bodies=views.bodies([(0, (12.0, 7.5, 0.5), 0.4, None)]))


def turned(view):
    return dataclasses.replace(view, camera=dataclasses.replace(view.camera, yaw=view.camera.yaw + 0.1))


CHANGES = {
    "nothing": (lambda v: v, 0.0),
    "a person steps": (lambda v: moved_person(v, 0.1), 0.5),
    "a person leaves": (lambda v: moved_person(v, 300.0), 0.9),
    "a voxel goes": (without_a_step, 1.0),
    "lamps dim": (dimmer, 1.0),
    "a lamp changes colour": (glowing, 0.9),
    "night falls": (later, 1.0),
    "bodies go": (fewer_bodies, 1.0),
    "the camera turns": (turned, 1.0),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", ["day", "dusk"])
def test_a_frame_with_reused_tiles_is_bitwise_a_whole_frame(pair, kind, change):
    kept, whole = pair
    apply, most = CHANGES[change]
    before = views.courtyard(kind)
    after = apply(before)
    kept.render(before)
    kept.render(before)
    frame = kept.render(after)
    tiles = frame.stats["tiles"]
    assert np.array_equal(frame.rgb, whole(after))
    assert tiles["regenerated"] <= most * (tiles["reused"] + tiles["regenerated"])
    assert np.array_equal(kept.render(before).rgb, whole(before))  # and back


def test_a_resting_frame_draws_nothing_and_changes_draw_little(pair):
    kept, _ = pair
    view = views.courtyard("day")
    kept.render(view)
    assert kept.render(view).stats["tiles"]["regenerated"] == 0
    stepped = kept.render(moved_person(view, 0.05)).stats["tiles"]
    assert 0 < stepped["regenerated"] < 0.4 * (stepped["reused"] + stepped["regenerated"])


def test_walking_away_and_coming_back_gives_the_same_pixels(pair):
    kept, _ = pair
    view = views.courtyard("dusk")
    first = kept.render(view).rgb.copy()
    for step in range(1, 6):
        away = Camera((20.0 - 2 * step, 4.5 + step, 2.4), 2.3 + step, 0.1)
        kept.render(dataclasses.replace(view, camera=away, previous_camera=away))
    assert np.array_equal(kept.render(view).rgb, first)


def states():
    """Views of one world in states that may return, all from one place."""
    dusk = views.courtyard("dusk")
    return [dusk, without_a_step(dusk), dimmer(dusk), fewer_bodies(dusk), later(dusk), dimmer(without_a_step(dusk))]


@pytest.mark.parametrize("look", ["neural", "classical"])
def test_a_state_that_returns_costs_nothing_from_then_on(gl, look):
    renderer, fresh = (Renderer(SIZE, look, context=gl) for _ in range(2))
    dusk, stepped = states()[:2]
    right = []
    for view in (dusk, stepped):
        fresh.invalidate()
        right.append(fresh.render(view).rgb.copy())
    assert (right[0] != right[1]).any()
    renderer.render(dusk)
    for turn in range(1, 8):
        frame = renderer.render((dusk, stepped)[turn % 2])
        np.testing.assert_array_equal(frame.rgb, right[turn % 2])
        if turn > 2:  # the third is the first that was there before and whose place somebody else has
            assert frame.stats["tiles"]["regenerated"] == frame.stats["pages"]["regenerated"] == 0
            assert renderer.light.stats.rays_traced == 0 and not renderer.light.stats.relit
    renderer.release()
    fresh.release()


def test_whatever_returns_the_pictures_are_those_of_a_new_renderer(gl):
    """States, places of a person and cameras in any order; now and then one canvas follows to what another was."""
    size, random = (96, 54), np.random.default_rng(2)
    renderer, fresh = (Renderer(size, "neural", context=gl) for _ in range(2))
    known, right, canvases = states(), {}, set()
    for _ in range(80):
        state, step, way = int(random.integers(len(known))), int(random.integers(2)), int(random.integers(2))
        view = moved_person(known[state], 0.5) if step else known[state]
        view = turned(view) if way else view
        if (state, step, way) not in right:
            fresh.invalidate()
            right[state, step, way] = fresh.render(view).rgb.copy()
        np.testing.assert_array_equal(renderer.render(view).rgb, right[state, step, way])
        canvases.add(id(renderer._canvas))
    assert len(canvases) > 1
    renderer.release()
    fresh.release()


def test_a_renderer_gives_back_all_that_it_made(gl, monkeypatch):
    """Also of canvases and sizes that went before."""
    made = []
    for kind in ("texture", "depth_texture", "texture3d", "buffer", "framebuffer", "renderbuffer", "depth_renderbuffer",
                 "program", "vertex_array"):  # fmt: skip
        real = getattr(moderngl.Context, kind, None)
        if real is not None:
            monkeypatch.setattr(
                moderngl.Context, kind, lambda *a, _real=real, **k: made.append(_real(*a, **k)) or made[-1]
            )
    dusk, stepped = states()[:2]
    renderer = Renderer((96, 54), "classical", context=gl)
    for _ in range(2):
        for view in (dusk, stepped, dusk, stepped):
            renderer.render(view)
        assert renderer._other is not None
        renderer.size_px = (64, 36) if renderer.size_px == (96, 54) else (96, 54)
    renderer.render(dusk)
    assert len(made) > 50
    renderer.release()
    left = [thing for thing in made if type(thing.mglo).__name__ != "InvalidObject"]
    assert not left


def test_a_far_state_keeps_its_canvas_while_two_near_ones_take_turns(gl, monkeypatch):
    """Three states in turns: no turn makes a canvas of its own for ever."""
    monkeypatch.setattr("engine.film.camera.BRICKS_APART", -1)  # one brick is far from none
    dusk = views.courtyard("dusk")
    far, known = without_a_step(dusk), [dusk, dimmer(dusk)]
    renderer, fresh = (Renderer((96, 54), "classical", context=gl) for _ in range(2))
    right = [fresh.render(view).rgb.copy() for view in (far, *known)]
    canvases = set()
    for _ in range(5):
        for view, picture in zip((far, *known), right, strict=True):
            np.testing.assert_array_equal(renderer.render(view).rgb, picture)
            canvases.add(renderer._canvas)
    assert len(canvases) == 2
    renderer.release()
    fresh.release()


def test_where_light_is_frozen_no_change_of_the_world_melts_it(gl):
    day = views.courtyard("day")
    grid = day.voxels.material.copy()
    grid[:, :, 2:6] = 1  # more than is ever followed
    renderer = Renderer((96, 54), "classical", context=gl)
    renderer.render(day)
    renderer.frozen, transport, stamp = True, renderer.light.transport, renderer.light.light_stamp
    renderer.render(views.with_voxels(day, grid))
    assert renderer.light.transport is transport and renderer.light.light_stamp == stamp
    renderer.frozen = False
    renderer.render(views.with_voxels(day, grid))
    assert renderer.light.transport is not transport
    renderer.release()


def test_what_returns_while_light_is_on_its_way_is_followed(gl, monkeypatch):
    """The budget mode leaves light half made; the exact one that comes after it makes it whole."""
    dusk, stepped = states()[:2]
    renderer, fresh = (Renderer((96, 54), "neural", context=gl) for _ in range(2))
    right = fresh.render(dusk).rgb.copy()
    for view in (dusk, stepped):
        renderer.render(view)
    monkeypatch.setattr("engine.film.settings.BRICKS_PER_FRAME", 20)
    renderer.texels_per_frame = 50
    renderer.render(later(stepped))
    renderer.render(later(stepped))
    assert renderer.light.is_being_made
    renderer.texels_per_frame = None
    np.testing.assert_array_equal(renderer.render(dusk).rgb, right)
    for view in (stepped, dusk, stepped):
        renderer.render(view)
    np.testing.assert_array_equal(renderer.render(dusk).rgb, right)
    renderer.release()
    fresh.release()


def test_what_returns_is_kept_within_the_budget_and_only_where_light_is_exact(gl, monkeypatch):
    dusk, stepped = states()[:2]

    def turns(renderer):
        """Whether it keeps another state after some turns."""
        for view in (dusk, stepped, dusk, stepped):
            renderer.render(view)
        return renderer._other is not None

    renderer = Renderer((96, 54), "classical", context=gl)
    assert turns(renderer)
    pictures = [renderer.render(view).rgb.copy() for view in (dusk, stepped)]
    renderer.size_px = (64, 36)
    assert renderer._other is None and renderer.render(dusk).rgb.shape == (36, 64, 3) and turns(renderer)
    renderer.size_px = (96, 54)
    assert turns(renderer)
    np.testing.assert_array_equal([renderer.render(view).rgb for view in (dusk, stepped)], pictures)
    renderer.set_look("raster")
    assert renderer._other is None and not turns(renderer)
    renderer.set_look("classical")
    assert turns(renderer)
    renderer.invalidate()
    assert renderer._other is None and turns(renderer)
    renderer.frozen = True
    assert not turns(renderer)
    renderer.frozen, renderer.texels_per_frame = False, 500
    assert not turns(renderer)
    renderer.texels_per_frame = None
    monkeypatch.setattr("engine.film.camera.KEPT_TWICE_BYTES", renderer.light.bytes // 2)
    assert not turns(renderer)
    renderer.release()
    cold = Renderer((96, 54), "classical", cache=False, context=gl)
    assert not turns(cold)
    cold.release()


def test_without_the_cache_the_pixels_are_the_same(gl):
    kept, cold = (Renderer(SIZE, look="classical", cache=c, context=gl) for c in (True, False))
    for view in (views.courtyard("dusk"), without_a_step(views.courtyard("dusk")), dimmer(views.courtyard("dusk"))):
        warm = kept.render(view)
        again = cold.render(view)
        assert np.array_equal(warm.rgb, again.rgb)
        assert again.stats["probes"]["reused"] == 0 and again.stats["tiles"]["reused"] == 0
    kept.release()
    cold.release()


def test_looks_differ_and_can_be_changed_on_the_way(gl):
    looks = [look for look in LOOKS if look != "neural" or SHIPPED.exists()]
    renderer = Renderer(SIZE, look="raster", context=gl)
    view = views.courtyard("dusk")
    pictures = {}
    for look in looks + looks[::-1]:
        renderer.set_look(look)
        frame = renderer.render(view).rgb
        if look in pictures:
            assert np.array_equal(frame, pictures[look])
        pictures[look] = frame.copy()
    assert np.abs(pictures["raster"].astype(int) - pictures["classical"]).mean() > 1
    renderer.release()


def test_the_size_can_be_changed(gl):
    renderer = Renderer((96, 64), look="classical", context=gl)
    view = views.courtyard("day")
    small = renderer.render(view).rgb.copy()
    assert small.shape == (64, 96, 3) and small.dtype == np.uint8
    renderer.size_px = (161, 91)  # not whole tiles
    assert renderer.render(view).rgb.shape == (91, 161, 3)
    renderer.size_px = (96, 64)
    assert np.array_equal(renderer.render(view).rgb, small)
    for bad in ((0, 10), (10, 10**6)):
        with pytest.raises(ValueError, match="size_px"):
            renderer.size_px = bad
    renderer.release()


def test_stats_say_what_a_frame_cost(gl):
    renderer = Renderer(SIZE, look="classical", context=gl)
    stats = renderer.render(views.courtyard("day")).stats
    assert stats["frame_ms"] > 0 and {"world", "light", "gbuffer", "decode", "resolve", "read"} <= set(stats["ms"])
    assert sum(stats["ms"].values()) <= stats["frame_ms"] * 1.05
    for name in ("probes", "bricks", "pages", "tiles"):
        assert set(stats[name]) == {"reused", "regenerated"} and stats[name]["regenerated"] > 0
    renderer.release()


def test_a_frame_does_not_change_under_its_owner(gl):
    renderer = Renderer(SIZE, look="raster", context=gl)
    first = renderer.render(views.courtyard("day"))
    copy = first.rgb.copy()
    renderer.render(views.courtyard("night"))
    assert np.array_equal(first.rgb, copy)
    with pytest.raises(ValueError):
        first.rgb[0, 0] = 0
    renderer.release()


def test_bad_look_and_bad_weights_are_refused(gl, tmp_path):
    with pytest.raises(ValueError, match="not one of neural, classical, raster"):
        Renderer(SIZE, look="pretty", context=gl)
    broken = tmp_path / "weights.safetensors"
    broken.write_bytes(b"\x00" * 40)
    with pytest.raises(WeightsError, match=r"weights\.safetensors"):
        Renderer(SIZE, look="neural", context=gl, weights=broken)
    renderer = Renderer(SIZE, look="classical", context=gl, weights=tmp_path / "missing.safetensors")
    with pytest.raises(WeightsError):
        renderer.set_look("neural")
    assert renderer.look == "classical"
    assert renderer.render(views.courtyard("day")).rgb.max() > 0
    renderer.release()


def test_linear_pictures_do_not_disturb_reuse(gl):
    renderer = Renderer(SIZE, look="raster", context=gl)
    view = views.courtyard("day")
    first = renderer.render(view).rgb.copy()
    other = Camera((10.0, 10.0, 3.0), 1.0, 0.0)
    linear = renderer.render_linear(dataclasses.replace(view, camera=other))
    assert linear.shape == (SIZE[1], SIZE[0], 3) and linear.dtype == np.float32 and np.isfinite(linear).all()
    assert np.array_equal(renderer.render(view).rgb, first)
    assert math.isfinite(float(linear.mean())) and linear.min() >= 0
    renderer.release()


def behind_a_wall(person_x: float = 6.0, wall: bool = True):
    """A person behind a wall before the camera, and one beside it."""
    view = views.courtyard("dusk")
    grid = np.zeros_like(view.voxels.material)
    grid[:, :, :2] = 4
    if wall:
        grid[14:16, 12:36, 2:14] = 2
    view = views.with_voxels(view, grid)
    places = [(0, (person_x, 6.0, 0.5), 0.4, None), (0, (3.0, 4.8, 0.5), 0.4, None)]
    camera = Camera((1.0, 6.0, 1.7), 0.0, -0.05)
    return dataclasses.replace(view, bodies=views.bodies(places), camera=camera, previous_camera=camera)


def test_hidden_bodies_are_not_lit_until_they_may_show(gl):
    """Not while the camera moves, and without a tile that is drawn for it when it rests; when the wall goes, or they
    step out from behind it, the picture is that of a fresh renderer.
    """
    kept = Renderer(SIZE, look="classical", context=gl)

    def fresh(view):
        renderer = Renderer(SIZE, look="classical", context=gl)
        rgb = renderer.render(view).rgb
        renderer.release()
        return rgb

    def are_lit():
        return [kept._canvas._drawn.body_light[kept._canvas._drawn.posed.body == b].any() for b in range(2)]

    view = behind_a_wall()
    for _ in range(2):  # the first picture knows of no wall yet
        kept._canvas._drawn = None
        assert np.array_equal(kept.render(view).rgb, fresh(view))
    assert are_lit() == [False, True]
    assert kept.render(view).stats["tiles"]["regenerated"] == 0
    holes = [view.voxels.material.copy() for _ in range(2)]
    holes[0][10, 20, 1] = 0  # in the ground before the wall
    holes[1][14:16, 23:25, 4:8] = 0  # in the wall, before the person
    for hole, lit in zip(holes, ([False, True], [True, True]), strict=True):
        holed = views.with_voxels(view, hole)
        assert np.array_equal(kept.render(holed).rgb, fresh(holed)) and are_lit() == lit
        assert np.array_equal(kept.render(view).rgb, fresh(view))
        kept._canvas._drawn = None
        assert np.array_equal(kept.render(view).rgb, fresh(view)) and are_lit() == [False, True]
    open_ground = views.with_voxels(view, behind_a_wall(wall=False).voxels.material)
    assert np.array_equal(kept.render(open_ground).rgb, fresh(open_ground))
    assert np.array_equal(kept.render(view).rgb, fresh(view))
    stepped = dataclasses.replace(view, bodies=behind_a_wall(person_x=2.5).bodies)
    assert np.array_equal(kept.render(stepped).rgb, fresh(stepped))
    assert not np.array_equal(fresh(stepped), fresh(view)) and not np.array_equal(fresh(open_ground), fresh(view))
    kept.release()


def test_who_fills_the_picture_leaves_nothing_behind_when_it_steps_aside(gl):
    """The camera rests, so what hid things is known, but not what bodies hid: most tiles are drawn again at once."""
    kept, fresh = (Renderer(SIZE, look="raster", context=gl) for _ in range(2))
    view = views.courtyard("dusk")
    view = dataclasses.replace(view, camera=Camera((6.0, 6.0, 1.2), 0.0, 0.0))
    for across in (0.0, 0.6, -0.7, 3.0):
        stands = views.bodies([(0, (6.7, 6.0 + across, 0.1), 0.4, None)])
        view = dataclasses.replace(view, bodies=stands, previous_camera=view.camera)
        fresh._canvas._drawn = None
        picture = kept.render(view)
        assert np.array_equal(picture.rgb, fresh.render(view).rgb)
        if across:
            assert picture.stats["tiles"]["regenerated"] > picture.stats["tiles"]["reused"]
    kept.release()
    fresh.release()


def test_standing_bodies_that_begin_or_end_to_shine_are_lit_as_if_they_always_had(gl):
    dark = views.courtyard("night")
    stands = np.ones(len(dark.bodies.entity), np.uint8)
    dark = dataclasses.replace(dark, bodies=dataclasses.replace(dark.bodies, stands=stands))
    emission = dark.materials.emission.copy()
    emission[views.INDEX["cloth"]] = (0.02, 0.01, 0.0)
    shining = dataclasses.replace(dark, materials=dataclasses.replace(dark.materials, emission=emission))
    kept = Renderer((160, 90), context=gl)
    for view in (dark, shining, dark):
        fresh = Renderer((160, 90), context=gl)
        assert np.array_equal(kept.render(view).rgb, fresh.render(view).rgb)
        fresh.release()
    kept.release()


def test_a_page_whose_texels_were_thrown_out_shows_no_lamp_that_went_out_meanwhile(gl):
    """Its texels come back in rows of others, which happen to hold the same light: none."""
    grid = np.zeros((256, 64, 16), np.uint8)
    grid[:, :, :2] = 1
    lamp = lamps(((32.0, 8.0, 3.8), 0.4, (40.0, 30.0, 20.0)))
    off = dataclasses.replace(lamp, radiance=np.zeros_like(lamp.radiance))
    night = view_of(grid, off, even_sky(0.0))

    def above(x: float, light):
        camera = Camera((x, 8.0, 5.0), 0.0, math.radians(-89.0), far=100.0)
        return dataclasses.replace(night, lamps=light, camera=camera, previous_camera=camera)

    size = (64, 48)
    one = Renderer(size, context=gl)
    one.render(above(32.0, lamp))
    n_rows = one.light.decoded.pool.n_rows
    one.release()
    few = Renderer(size, context=gl)
    few._canvas.use(LightCache(few._network, budget_bytes=int(2 * ROW_BYTES * n_rows * 2.1)))
    for x, light in ((10.0, off), (30.0, lamp), (20.0, off), (45.0, off), (30.0, off)):
        picture = few.render(above(x, light)).rgb
        assert picture.any() == (light is lamp), x
    assert few.light.decoded.pool.evicted > n_rows
    few.release()
