"""What a change costs, exact and in play; see docs/BENCHMARKS.md.

`python -m pytest --slow -s tests/bench/test_edits.py` prints. Times are processor time and never asserted.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median

import moderngl
import numpy as np
import pytest

from engine.film.camera import Renderer
from engine.light.cache import LightCache
from engine.light.network import load as load_network
from engine.script.worldfile import load
from engine.sim.extract import extract
from engine.sim.step import step
from engine.state.camera import Camera
from engine.state.world import new_state
from engine.view import View

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

Edit = Callable[[np.ndarray], None]


def opening(name: str) -> View:
    """What the camera of a world sees after four ticks."""
    world = load(name)
    state = new_state(world.blueprint, 1)
    for _ in range(4):
        step(world.blueprint, state, (), world.script)
    return extract(world.blueprint, state)


def edited(view: View, edit: Edit) -> View:
    material, stamp = view.voxels.material.copy(), view.voxels.stamp.copy()
    edit(material)
    bricks = np.unique(np.argwhere(material != view.voxels.material) // 8, axis=0)
    stamp[tuple(bricks.T)] += 1
    return replace(view, voxels=replace(view.voxels, material=material, stamp=stamp))


def ahead(camera: Camera, metres: float) -> tuple[int, int, int]:
    """The voxel so far before a camera."""
    forward = camera.axes()[0]
    x, y, z = (int(v / 0.25) for v in camera.position)
    return x + int(metres / 0.25 * forward[0]), y + int(metres / 0.25 * forward[1]), z


def ms(start: float) -> float:
    return (time.process_time() - start) * 1e3


def test_a_room_in_the_town(gl_context: moderngl.Context) -> None:
    """4 x 4 x 3 m, 6 m before the camera: light and all pages in view, exact, against making them from nothing."""
    view = opening("town")
    renderer = Renderer((320, 180), "neural", context=gl_context)
    renderer.render(view)
    light = renderer.light
    assert light is not None
    keys = light.table.key_of_slot[light.table.key_of_slot >= 0].astype(np.int32)
    x, y, z = ahead(view.camera, 6.0)
    before, ground = view.voxels.material.copy(), z - 6
    room = (slice(x - 8, x + 8), slice(y - 8, y + 8), slice(ground, ground + 12))
    inside = (slice(x - 7, x + 7), slice(y - 7, y + 7), slice(ground + 1, ground + 11))
    block = (slice(x - 1, x + 1), slice(y - 1, y + 1), slice(ground + 1, ground + 8))
    beside = (slice(x + 12, x + 14), slice(y - 1, y + 1), slice(ground, ground + 7))

    def filled(box: tuple[slice, ...], material: int | None) -> Edit:
        def edit(grid: np.ndarray) -> None:
            grid[box] = before[box] if material is None else material

        return edit

    edits = {
        "a block beside it": filled(beside, 1), "and out": filled(beside, None), "a room put in": filled(room, 1),
        "made hollow": filled(inside, 0), "a block put into it": filled(block, 1), "taken out": filled(block, 0),
        "filled again": filled(inside, 1), "all of it taken out": filled(room, None),
    }  # fmt: skip
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in edits}
    for _ in range(4):
        for name, edit in edits.items():
            view = edited(view, edit)
            start = time.process_time()
            light.update(view)
            update, start = ms(start), time.process_time()
            light.decode(keys)
            took[name].append((update, ms(start)))
    anew = LightCache(load_network())
    start = time.process_time()
    anew.update(view)
    update, start = ms(start), time.process_time()
    anew.decode(keys)
    decode = ms(start)
    print(f"\nfrom nothing: {update:.0f} + {decode:.0f} ms, {len(keys)} pages")
    for name, times in took.items():
        of_update, of_decode = (median(t[k] for t in times[1:]) for k in range(2))  # the first loads kernels
        print(f"{name} | {of_update:.0f} + {of_decode:.0f} | {(update + decode) / (of_update + of_decode):.0f} times")


@pytest.mark.parametrize("name", ["courtyard", "town"])
def test_a_block_in_play(name: str, gl_context: moderngl.Context) -> None:
    """Person-sized, put in and taken out 4 m before a camera that turns, 640x360: frames over a plain one."""
    view = opening(name)
    renderer = Renderer((640, 360), "neural", context=gl_context, texels_per_frame=500)
    x, y, z = ahead(view.camera, 4.0)
    before = view.voxels.material.copy()
    turned = 0

    def frame() -> tuple[float, bool]:
        nonlocal turned
        turned += 1
        camera = replace(view.camera, yaw=view.camera.yaw + 0.002 * (turned % 40))
        start = time.process_time()
        film = renderer.render(replace(view, camera=camera, previous_camera=camera))
        return ms(start), any(film.stats[key] for key in ("pages_stale", "bodies_stale", "light_behind"))

    for _ in range(1000):
        if not frame()[1] and turned > 160:
            break
    plain = median(frame()[0] for _ in range(40))
    extras = []
    for k in range(12):

        def edit(grid: np.ndarray, material: int | None = 1 if k % 2 == 0 else None) -> None:
            box = (slice(x, x + 2), slice(y, y + 2), slice(z - 6, z + 1))
            grid[box] = before[box] if material is None else material

        view = edited(view, edit)
        extras.append([frame()[0] - plain for _ in range(24)])
    extras = extras[2:]
    first, dearest, together = (median(of(extra) for extra in extras) for of in (lambda e: e[0], max, sum))
    print(
        f"\n{name}: plain {plain:.0f} ms; over it the first {first:.0f}, the dearest {dearest:.0f}, all {together:.0f}"
    )
