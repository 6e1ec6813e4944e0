"""What a picture costs: `tools/test --all tests/bench/test_picture.py` prints medians (see docs/BENCHMARKS.md)."""

from collections.abc import Iterator
from dataclasses import replace

import moderngl
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from engine.core.looks import LOOKS
from engine.film.camera import Renderer
from engine.light.cache import LightCache
from engine.light.network import load as load_network
from engine.script.worldfile import load
from engine.sim.extract import extract
from engine.sim.step import step
from engine.state.world import State, new_state
from engine.view import View

pytestmark = pytest.mark.slow

SIZE_PX = (640, 360)
DUSK = 20.0  # every lamp is on


def started(name: str) -> tuple[State, Iterator[View]]:
    """A world at dusk and views along its tour, two ticks apart."""
    loaded = load(name)
    blueprint = replace(loaded.blueprint, start_hour=DUSK, day_rate=0.0)
    state = new_state(blueprint, 7)
    for _ in range(200):
        step(blueprint, state, (), loaded.script)
    tour = next(camera for camera in blueprint.cameras if camera.name == "tour")

    def views() -> Iterator[View]:
        while True:
            for frame in range(240):
                for _ in range(2):
                    step(blueprint, state, (), loaded.script)
                yield extract(blueprint, state, camera=tour.at(frame / 30))

    return state, views()


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", ["courtyard", "gallery", "town"])
def test_a_frame_with_a_moving_camera(
    benchmark: BenchmarkFixture, gl_context: moderngl.Context, name: str, look: str
) -> None:
    _, views = started(name)
    renderer = Renderer(SIZE_PX, look, context=gl_context)
    renderer.render(next(views))
    benchmark.group = f"{name}, moving camera, 640x360"
    benchmark.pedantic(lambda view: renderer.render(view), setup=lambda: ((next(views),), {}), rounds=60)
    renderer.release()


@pytest.mark.parametrize("name", ["courtyard", "gallery", "town"])
def test_light_of_a_whole_world(benchmark: BenchmarkFixture, name: str) -> None:
    """Everything but the decode: probes, rays, weights, lamps, relight."""
    _, views = started(name)
    view, network = next(views), load_network()
    benchmark.group = "light from nothing"
    benchmark.pedantic(lambda: LightCache(network).update(view), rounds=3, warmup_rounds=1)


@pytest.mark.parametrize("name", ["courtyard", "town"])
def test_a_relight(benchmark: BenchmarkFixture, name: str) -> None:
    """Lamps change their colour: no ray is traced."""
    _, views = started(name)
    view, cache = next(views), LightCache(load_network())
    cache.update(view)
    dim = [1.0]

    def dimmed() -> tuple[tuple[View], dict[str, object]]:
        dim[0] *= 0.99
        return (replace(view, lamps=replace(view.lamps, radiance=view.lamps.radiance * dim[0])),), {}

    benchmark.group = "relight"
    benchmark.pedantic(cache.update, setup=dimmed, rounds=10, warmup_rounds=1)


@pytest.mark.parametrize("name", ["courtyard", "town"])
def test_a_person_sized_block_put_in_and_taken_out(benchmark: BenchmarkFixture, name: str) -> None:
    """Rays, weights, lamps and relight of what the block touches."""
    _, views = started(name)
    view, cache = next(views), LightCache(load_network())
    cache.update(view)
    x, y, z = (int(v * 4) for v in view.camera.position)
    boxes = [view.voxels.material, view.voxels.material.copy()]
    boxes[1][x + 8 : x + 10, y + 8 : y + 10, z - 6 : z + 1] = 1
    stamps = [view.voxels.stamp, view.voxels.stamp.copy()]
    stamps[1][(x + 8) // 8 : (x + 9) // 8 + 1, (y + 8) // 8 : (y + 9) // 8 + 1, (z - 6) // 8 : z // 8 + 1] = 99
    turn = [0]

    def edited() -> tuple[tuple[View], dict[str, object]]:
        turn[0] ^= 1
        return (replace(view, voxels=replace(view.voxels, material=boxes[turn[0]], stamp=stamps[turn[0]])),), {}

    benchmark.group = "a block of 0.5 x 0.5 x 1.75 m"
    benchmark.pedantic(cache.update, setup=edited, rounds=10, warmup_rounds=2)
