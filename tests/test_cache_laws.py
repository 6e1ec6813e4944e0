"""Laws of the latent cache over every shipped world: it changes speed and never a pixel."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import moderngl
import numpy as np
import pytest

from engine.film.camera import KEPT_TWICE_BYTES, Renderer
from engine.light import gather
from engine.light.cache import LightCache
from engine.light.pages import SLOTS_PER_BAND
from engine.script.assets import shipped_worlds
from engine.script.worldfile import LoadedWorld, load
from engine.sim.extract import extract
from engine.sim.step import step
from engine.state.commands import Command
from engine.state.world import State, new_state
from engine.view import View

SIZE_PX = (128, 72)
WORLDS = sorted(shipped_worlds())
# First light takes the town seconds, and every law needs it several times.
SMALL = [name if name == "gallery" else pytest.param(name, marks=pytest.mark.slow) for name in WORLDS]


def started(name: str, hour: float, day_rate: float = 0.0, ticks: int = 130) -> tuple[LoadedWorld, State]:
    """A world some ticks in: lamps that dusk switches are on by then."""
    loaded = load(name)
    loaded = replace(loaded, blueprint=replace(loaded.blueprint, start_hour=hour, day_rate=day_rate))
    state = new_state(loaded.blueprint, 7)
    for _ in range(ticks):
        step(loaded.blueprint, state, (), loaded.script)
    return loaded, state


def opening(loaded: LoadedWorld, state: State) -> View:
    return extract(loaded.blueprint, state, camera=loaded.blueprint.cameras[0].at(0.0))


@pytest.fixture
def make(gl_context: moderngl.Context) -> Iterator[Callable[..., Renderer]]:
    """Makes renderers, which end with the test."""
    made: list[Renderer] = []

    def one(**options: object) -> Renderer:
        made.append(Renderer(SIZE_PX, context=gl_context, **options))  # type: ignore[arg-type]
        return made[-1]

    yield one
    for renderer in made:
        renderer.release()


def random_commands(random: np.random.Generator, loaded: LoadedWorld, state: State) -> list[Command]:
    """A box filled or dug out, mostly before the opening shot, at times in a corner of the world."""
    size = np.array(state.voxels.material.shape)
    camera = loaded.blueprint.cameras[0].at(0.0)
    ahead = np.asarray(camera.position) + camera.axes()[0] * random.uniform(2.0, 9.0) + random.uniform(-2.5, 2.5, 3)
    low = (ahead * 4).astype(int) if random.random() < 0.8 else random.integers(0, 2, 3) * (size - 6)
    low = np.clip(low, 0, size - 7)
    high = low + random.integers(1, 7, 3)
    material = int(random.choice([0, 0, random.integers(1, len(loaded.blueprint.materials.names))]))
    edit = {"low": low.tolist(), "high": high.tolist(), "material": material}
    return [Command(state.tick, "set_voxels", edit)]


def follow_edits(
    make: Callable[..., Renderer], name: str, hour: float, ticks: int, compare_every: int, day_rate: float = 0.0
) -> None:
    loaded, state = started(name, hour, day_rate)
    random = np.random.default_rng(ticks)
    cached, before = make(), []
    for tick in range(ticks):
        commands = random_commands(random, loaded, state) if random.random() < 0.6 else []
        step(loaded.blueprint, state, commands, loaded.script)
        view = opening(loaded, state)
        if before and random.random() < 0.3:  # what was there a while ago returns, for this picture
            view = replace(view, voxels=before[random.integers(len(before))])
        else:
            before = [
                replace(view.voxels, material=view.voxels.material.copy(), stamp=view.voxels.stamp.copy()),
                *before[:3],
            ]
        frame = cached.render(view)
        if tick % compare_every == compare_every - 1:
            np.testing.assert_array_equal(frame.rgb, make().render(view).rgb)


@pytest.mark.parametrize("name", SMALL)
def test_random_edits_equal_full_pictures(name: str, make: Callable[..., Renderer]) -> None:
    follow_edits(make, name, 20.0, 8, 4)


@pytest.mark.slow
@pytest.mark.parametrize("day_rate", [0.0, 240.0])
@pytest.mark.parametrize("name", WORLDS)
def test_two_hundred_ticks_of_random_edits_equal_full_pictures(
    name: str, day_rate: float, make: Callable[..., Renderer]
) -> None:
    follow_edits(make, name, 18.5, 200, 100 if name == "town" else 20, day_rate)


@pytest.mark.parametrize("name", SMALL)
def test_a_block_put_in_and_taken_out_and_then_nothing(name: str, make: Callable[..., Renderer]) -> None:
    """The picture is what it was, and the tick after the change costs nothing; nor does what was there twice before,
    where light is small enough to be kept twice.
    """
    loaded, state = started(name, 14.0)
    renderer, first = make(), opening(loaded, state)
    before = renderer.render(first).rgb.copy()
    camera = first.camera
    low = ((np.asarray(camera.position) + 4.0 * camera.axes()[0]) * 4).astype(int)
    pictures = []
    for material in (1, 0, 1, 0):
        box = state.voxels.material[low[0] : low[0] + 2, low[1] : low[1] + 2, low[2] : low[2] + 4]
        assert not box.any() if material else box.all()
        edit = {"low": low.tolist(), "high": (low + [2, 2, 4]).tolist(), "material": material}
        step(loaded.blueprint, state, [Command(state.tick, "set_voxels", edit)], loaded.script)
        voxels = opening(loaded, state).voxels
        frame = renderer.render(replace(first, voxels=voxels))
        pictures.append(frame.rgb.copy())
        assert renderer.light is not None
        if len(pictures) > 2 and renderer.light.bytes <= KEPT_TWICE_BYTES:
            assert frame.stats["tiles"]["regenerated"] == 0  # type: ignore[index]
        still = renderer.render(replace(first, voxels=voxels, tick=first.tick + 1)).stats
        for kind in ("bricks", "probes", "pages", "tiles"):
            assert still[kind]["regenerated"] == 0, kind  # type: ignore[index]
    assert (pictures[0] != before).any()
    np.testing.assert_array_equal(pictures[1::2], [before] * 2)
    np.testing.assert_array_equal(pictures[2], pictures[0])


@pytest.mark.parametrize("name", SMALL)
def test_a_day_goes_by_without_a_ray(name: str, make: Callable[..., Renderer], monkeypatch: pytest.MonkeyPatch) -> None:
    """The sun and the sky of every hour over one world: neither probes nor texels trace again."""
    loaded, state = started(name, 0.0, ticks=5)
    renderer, first = make(), opening(loaded, state)
    pictures = [renderer.render(first).rgb.copy()]
    traced: list[int] = []
    relit = 0
    monkeypatch.setattr(gather, "trace_texels", lambda *arguments: traced.append(len(arguments[5])))
    for hour in range(1, 25):
        blueprint = replace(loaded.blueprint, start_hour=float(hour % 24))
        sky = extract(blueprint, new_state(blueprint, 7), camera=first.camera).sky
        pictures.append(renderer.render(replace(first, sky=sky)).rgb.copy())
        assert renderer.light is not None
        assert renderer.light.stats.rays_traced == 0
        relit += renderer.light.stats.pages_regenerated > 0
    assert not traced
    assert relit >= 12 and (pictures[12] != pictures[0]).any()


@pytest.mark.parametrize("name", SMALL)
def test_pools_of_one_band_give_the_same_pixels(name: str, make: Callable[..., Renderer]) -> None:
    """The smallest budget there is, far below what one picture shows."""
    loaded, state = started(name, 20.0, ticks=5)
    small, large = make(), make()
    with small.context:
        small._canvas.use(LightCache(small._network, budget_bytes=1))
    rail = loaded.blueprint.cameras[-1]
    for second in (0.0, 2.0, 0.5):
        view = extract(loaded.blueprint, state, camera=rail.at(second))
        np.testing.assert_array_equal(small.render(view).rgb, large.render(view).rgb)
    assert small.light is not None and large.light is not None
    assert small.light.table.n_slots < large.light.table.n_slots
    if name == "gallery":  # others may show the same pages from all three places
        assert small.light.table.evicted > 0
    assert small.light.table.n_slots % SLOTS_PER_BAND == 0


@pytest.mark.parametrize("name", SMALL)
def test_a_budget_replays_identically(name: str, make: Callable[..., Renderer]) -> None:
    films = []
    for _ in range(2):
        loaded, state = started(name, 20.0, ticks=20)
        random, renderer, film = np.random.default_rng(3), make(texels_per_frame=600), []
        for _ in range(6):
            step(loaded.blueprint, state, random_commands(random, loaded, state), loaded.script)
            frame = renderer.render(opening(loaded, state))
            film.append((frame.rgb.copy(), frame.stats["pages_stale"]))
        films.append(film)
    for one, two in zip(*films, strict=True):
        np.testing.assert_array_equal(one[0], two[0])
        assert one[1] == two[1]
    assert films[0][0][1], "the budget is short of what the first frame needs"


def test_two_worlds_of_one_shape_take_turns(make: Callable[..., Renderer]) -> None:
    """Their bricks carry the same stamps: only their blueprints tell them apart."""
    loaded, state = started("gallery", 14.0, ticks=5)
    voxels = np.ascontiguousarray(loaded.blueprint.voxels[::-1])
    other = replace(loaded, blueprint=replace(loaded.blueprint, voxels=voxels))
    views = [opening(loaded, state), opening(other, new_state(other.blueprint, 7))]
    renderer = make()
    alone = [make().render(view).rgb.copy() for view in views]
    assert (alone[0] != alone[1]).any()
    for n, turn in enumerate((0, 1, 0, 1, 0)):
        frame = renderer.render(views[turn])
        np.testing.assert_array_equal(frame.rgb, alone[turn])
        assert (frame.stats["tiles"]["regenerated"] == 0) == (n > 2), "there is a canvas for each by then"  # type: ignore[index]


@pytest.mark.parametrize("name", SMALL)
def test_a_second_identical_world_costs_nothing(name: str, make: Callable[..., Renderer]) -> None:
    """Another reading of its file, with a life of its own: as it was opened, and after the same was built in both."""
    renderer = make()
    worlds = [started(name, 20.0) for _ in range(2)]
    camera = opening(*worlds[0]).camera
    low = ((np.asarray(camera.position) + 4.0 * camera.axes()[0]) * 4).astype(int)
    edit = {"low": low.tolist(), "high": (low + [2, 2, 4]).tolist(), "material": 1}
    for is_built in (False, True):
        pictures, rays = [], []
        for loaded, state in worlds:
            commands = [Command(state.tick, "set_voxels", edit)] if is_built else []
            step(loaded.blueprint, state, commands, loaded.script)
            pictures.append(renderer.render(opening(loaded, state)))
            assert renderer.light is not None
            rays.append(renderer.light.stats.rays_traced)
        assert rays[0] > 0 == rays[1]
        for kind in ("bricks", "probes", "pages", "tiles"):
            assert pictures[1].stats[kind]["regenerated"] == 0, kind  # type: ignore[index]
        np.testing.assert_array_equal(pictures[0].rgb, make().render(opening(*worlds[1])).rgb)
        np.testing.assert_array_equal(pictures[0].rgb, pictures[1].rgb)
