"""Laws of the picture over every shipped world: reuse never changes a pixel, and pictures never change the world."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import moderngl
import numpy as np
import pytest

from engine.film.camera import Renderer
from engine.script.assets import shipped_worlds
from engine.script.worldfile import LoadedWorld, load
from engine.sim.extract import extract
from engine.sim.step import step
from engine.state.commands import Command
from engine.state.world import State, new_state
from engine.view import View

SIZE_PX = (192, 108)
WORLDS = sorted(shipped_worlds())
# The town takes a minute a law on two cores; of the others three stand for all in the fast suite.
FAST = ("courtyard", "gallery", "playground")
SMALL = [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in WORLDS]


def at_hour(name: str, hour: float) -> LoadedWorld:
    loaded = load(name)
    return replace(loaded, blueprint=replace(loaded.blueprint, start_hour=hour, day_rate=0.0))


def started(loaded: LoadedWorld, ticks: int = 130) -> State:
    """A state some ticks in: lamps that dusk switches are on by then."""
    state = new_state(loaded.blueprint, 7)
    for _ in range(ticks):
        step(loaded.blueprint, state, (), loaded.script)
    return state


def opening(loaded: LoadedWorld, state: State) -> View:
    return extract(loaded.blueprint, state, camera=loaded.blueprint.cameras[0].at(0.0))


@pytest.fixture
def renderer(gl_context: moderngl.Context) -> Iterator[Renderer]:
    made = Renderer(SIZE_PX, "neural", context=gl_context)
    yield made
    made.release()


def fresh(gl_context: moderngl.Context, view: View) -> np.ndarray:
    """The picture by a renderer that has never seen anything."""
    renderer = Renderer(SIZE_PX, "neural", context=gl_context)
    rgb = renderer.render(view).rgb.copy()
    renderer.release()
    return rgb


@pytest.mark.parametrize("name", WORLDS)
def test_the_opening_shot_is_a_picture(name: str, renderer: Renderer) -> None:
    loaded = at_hour(name, 11.0)
    rgb = renderer.render(opening(loaded, started(loaded))).rgb.astype(np.int32)
    histogram = np.bincount(rgb.sum(2).reshape(-1) // 3, minlength=256)
    assert (histogram > 0).sum() > 100, "a picture has many levels"
    assert histogram.max() < 0.5 * histogram.sum(), "and none of them fills it"


@pytest.mark.parametrize("name", SMALL)
def test_an_orbit_in_a_frozen_world_regenerates_no_brick(name: str, renderer: Renderer) -> None:
    """Bodies that come into view may ask probes that nobody asked before, once."""
    loaded = at_hour(name, 20.0)
    state = started(loaded)
    renderer.render(opening(loaded, state))
    camera = loaded.blueprint.cameras[0].at(0.0)
    for turn in range(1, 11):
        turned = replace(camera, yaw=camera.yaw + turn % 5)
        stats = renderer.render(extract(loaded.blueprint, state, camera=turned)).stats
        assert stats["bricks"]["regenerated"] == 0  # type: ignore[index]
        assert turn <= 5 or stats["probes"]["regenerated"] == 0  # type: ignore[index]


@pytest.mark.parametrize("name", SMALL)
def test_walking_away_and_coming_back_gives_the_identical_picture(name: str, renderer: Renderer) -> None:
    """30 s of ticks elsewhere; the world is frozen but for its tick, so walkers and the clock stand still."""
    loaded = at_hour(name, 20.0)
    state = started(loaded)
    view = opening(loaded, state)
    first = renderer.render(view).rgb.copy()
    for tick in range(0, 1920, 240):
        rail = loaded.blueprint.cameras[-1]
        renderer.render(replace(view, tick=view.tick + tick, camera=rail.at(tick / 64)))
    again = renderer.render(replace(view, tick=view.tick + 1920)).rgb
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("name", SMALL)
def test_a_lamp_off_and_on_again_gives_the_identical_picture(
    name: str, renderer: Renderer, gl_context: moderngl.Context
) -> None:
    loaded = at_hour(name, 22.0)
    state = started(loaded)
    on = opening(loaded, state)
    assert on.lamps.radiance.any(), "lamps are on at night"
    radiance = on.lamps.radiance.copy()
    radiance[np.argmax(radiance.any(1))] = 0.0
    off = replace(on, lamps=replace(on.lamps, radiance=radiance))
    first = renderer.render(on).rgb.copy()
    dark = renderer.render(off).rgb.copy()
    again = renderer.render(on)
    assert again.stats["probes"]["regenerated"] == 0  # type: ignore[index]
    np.testing.assert_array_equal(first, again.rgb)
    np.testing.assert_array_equal(dark, fresh(gl_context, off))


@pytest.mark.parametrize("name", SMALL)
def test_a_removed_voxel_regenerates_what_read_it_and_equals_a_fresh_picture(
    name: str, renderer: Renderer, gl_context: moderngl.Context
) -> None:
    loaded = at_hour(name, 20.0)
    state = started(loaded)
    view = opening(loaded, state)
    whole = renderer.render(view).stats
    gbuffer = renderer.gbuffer(view)
    y, x = 92, 60  # on the ground before the camera
    point = np.asarray(view.camera.position) + gbuffer.depth[y, x] * view.camera.rays(*SIZE_PX)[y, x]
    low = tuple(((point - 0.05 * gbuffer.normal[y, x]) * 4).astype(int))
    assert state.voxels.material[low]
    edit = {"low": [int(v) for v in low], "high": [int(v) + 1 for v in low], "material": 0}
    step(loaded.blueprint, state, [Command(state.tick, "set_voxels", edit)], loaded.script)
    after = opening(loaded, state)
    assert not after.voxels.material[low]
    cached = renderer.render(after)
    bricks, probes = cached.stats["bricks"], cached.stats["probes"]
    assert 0 < bricks["regenerated"] < 0.5 * whole["bricks"]["regenerated"]  # type: ignore[index]
    assert 0 < probes["regenerated"] < 0.5 * whole["probes"]["regenerated"]  # type: ignore[index]
    np.testing.assert_array_equal(cached.rgb, fresh(gl_context, after))


@pytest.mark.parametrize("name", SMALL)
def test_a_live_world_seen_with_the_cache_is_the_world_seen_without(
    name: str, renderer: Renderer, gl_context: moderngl.Context
) -> None:
    """Dusk with people walking: every 20th tick equals a picture from nothing."""
    loaded = load(name)
    loaded = replace(loaded, blueprint=replace(loaded.blueprint, start_hour=18.9, day_rate=240.0))
    state = started(loaded, 10)
    for _ in range(4):
        for _ in range(20):
            step(loaded.blueprint, state, (), loaded.script)
        view = opening(loaded, state)
        np.testing.assert_array_equal(renderer.render(view).rgb, fresh(gl_context, view))


def test_pictures_do_not_change_the_world(renderer: Renderer) -> None:
    loaded = load("courtyard")
    seen, unseen = new_state(loaded.blueprint, 7), new_state(loaded.blueprint, 7)
    for tick in range(60):
        step(loaded.blueprint, seen, (), loaded.script)
        step(loaded.blueprint, unseen, (), loaded.script)
        if tick % 6 == 0:
            renderer.render(extract(loaded.blueprint, seen, alpha=0.5))
        assert seen.digest() == unseen.digest()


def test_a_budget_shows_a_picture_at_once_and_ends_with_the_exact_one(gl_context: moderngl.Context) -> None:
    """First the raster look, then light that refines: never a black picture, never one that waits for light."""
    loaded = at_hour("courtyard", 22.0)
    view = opening(loaded, started(loaded))
    renderer = Renderer(SIZE_PX, "neural", context=gl_context, texels_per_frame=2000)
    raster = Renderer(SIZE_PX, "raster", context=gl_context)
    plain, exact = raster.render(view).rgb, fresh(gl_context, view)
    assert renderer.light is not None
    unlit = 0
    while True:
        frame = renderer.render(view)
        if renderer.light.is_built:
            break
        unlit += 1
        np.testing.assert_array_equal(frame.rgb, plain)
        assert frame.stats["light_behind"] == unlit and frame.stats["pages_stale"]
    assert 3 < unlit < 60
    frames = [frame, *(renderer.render(view) for _ in range(20))]
    stale = [int(frame.stats["pages_stale"]) for frame in frames]  # type: ignore[call-overload]
    assert stale[0] > stale[2] > 0 and stale[-1] == 0
    np.testing.assert_array_equal(frames[-1].rgb, exact)
    assert np.abs(frames[0].rgb.astype(int) - exact).mean() < 6, "coarse lamp light is close from the first frame"
    renderer.set_look("raster")
    np.testing.assert_array_equal(renderer.render(view).rgb, plain)
    renderer.set_look("neural")
    np.testing.assert_array_equal(renderer.render(view).rgb, exact)
    renderer.invalidate()
    np.testing.assert_array_equal(renderer.render(view).rgb, plain)
    renderer.texels_per_frame = None
    np.testing.assert_array_equal(renderer.render(view).rgb, exact)
    renderer.release()
    raster.release()


def test_two_renderers_with_contexts_of_their_own_do_not_meet(gl_context: moderngl.Context) -> None:
    loaded = at_hour("gallery", 14.0)
    state = started(loaded, 5)
    view, other = opening(loaded, state), extract(loaded.blueprint, state)
    alone = fresh(gl_context, view)
    one, two = Renderer(SIZE_PX, "neural"), Renderer((100, 33), "classical")
    one.render(other)
    two.render(view)
    np.testing.assert_array_equal(one.render(view).rgb, alone)
    two.release()
    one.set_look("classical")
    one.set_look("neural")
    np.testing.assert_array_equal(one.render(view).rgb, alone)
    one.release()
    np.testing.assert_array_equal(fresh(gl_context, view), alone)


EMPTY = 'world("empty", size = (8, 8, 4))\nplayer(at = (4, 4, 1))\ncamera("c", at = (1, 1, 1), look_at = (4, 4, 1))\n'


@pytest.mark.parametrize(
    "more", ["", 'fill((0, 0, 0), (8, 8, 4), "#808080")\n', "spawn(None, at = (4, 4, 1), lamp = lamp(size = 0.3))\n"]
)
@pytest.mark.parametrize("look", ["neural", "classical", "raster"])
def test_a_world_of_nothing_or_of_nothing_but_stone_has_a_picture(
    gl_context: moderngl.Context, tmp_path: Path, more: str, look: str
) -> None:
    path = tmp_path / "empty.star"
    first, rest = EMPTY.split("\n", 1)
    if "fill" in more:
        rest = rest.replace("player(at = (4, 4, 1))", "player(at = (4, 4, 4))")
    path.write_text(f"{first}\n{more}{rest}")
    loaded = load(str(path))
    renderer = Renderer((48, 27), look, context=gl_context)
    state = new_state(loaded.blueprint, 1)
    played = Renderer((48, 27), look, context=gl_context, texels_per_frame=10)
    while played.render(opening(loaded, state)).stats.get("light_behind"):
        pass
    played.release()
    assert renderer.render(opening(loaded, state)).rgb.shape == (27, 48, 3)
    size = [int(n) for n in state.voxels.material.shape]
    for low, material in (([0, 0, 0], 0), ([0, 0, 8], 1), ([0, 0, 0], 0)):
        edit = {"low": low, "high": size, "material": material if len(loaded.blueprint.materials.names) > 1 else 0}
        step(loaded.blueprint, state, [Command(state.tick, "set_voxels", edit)], loaded.script)
        renderer.render(opening(loaded, state))
    renderer.release()


def test_a_lamp_brighter_than_half_floats_is_white(gl_context: moderngl.Context, tmp_path: Path) -> None:
    path = tmp_path / "bright.star"
    lamp = "lamp(size = 1, power = 100000, colour = (100, 100, 100))"
    bright = f'fill((0, 0, 0), (8, 8, 1), "#808080")\nspawn(None, at = (4, 4, 1.5), lamp = {lamp})\n'
    first, rest = EMPTY.split("\n", 1)
    path.write_text(f"{first}\n{bright}{rest.replace('(1, 1, 1)', '(1, 1, 2.5)')}")
    loaded = load(str(path))
    renderer = Renderer((48, 27), "neural", context=gl_context)
    linear = renderer.render_linear(opening(loaded, new_state(loaded.blueprint, 1)))
    assert np.isfinite(linear).all() and linear.max() > 1000
    renderer.release()
