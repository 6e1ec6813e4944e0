"""Timings of pictures side by side: renderers draw the same views in turn, so that a busy machine slows all alike."""

import dataclasses
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

from engine.film.camera import Renderer
from engine.play.cameras import touring_camera
from engine.script.worldfile import LoadedWorld
from engine.sim.extract import extract
from engine.sim.step import step
from engine.state.world import new_state
from engine.view import View

DUSK_H = 20.0  # every lamp is on
WARM_UP_TICKS = 200
TICKS_PER_FRAME = 2


def views(world: LoadedWorld, frames: int, moving: bool, lives: bool = True) -> Iterator[View]:
    """A world at dusk, seen along its tour while people walk. Not `moving` the camera rests, and where nothing `lives`
    the world does.
    """
    blueprint = dataclasses.replace(world.blueprint, start_hour=DUSK_H, day_rate=0.0)
    state = new_state(blueprint, 1)
    for _ in range(WARM_UP_TICKS):
        step(blueprint, state, (), world.script)
    rail = next(c for c in blueprint.cameras if c.name == touring_camera(blueprint))
    for frame in range(frames):
        camera = rail.at(frame / 30 if moving else 0.0)
        yield extract(blueprint, state, camera=camera, previous_camera=camera)
        for _ in range(TICKS_PER_FRAME if lives else 0):
            step(blueprint, state, (), world.script)


def bench(
    world: LoadedWorld, size_px: tuple[int, int], frames: int, say: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Rows {name, ours_ms, other, other_ms, ratio}: medians of frames after the first; ratio = other_ms / ours_ms."""
    name = world.blueprint.name
    rows = []
    for title, other, looks, caches, moving, lives in (
        ("moving camera, neural", "raster", ("neural", "raster"), (True, True), True, True),
        ("moving camera alone, neural", "raster", ("neural", "raster"), (True, True), True, False),
        ("moving camera, neural", "classical", ("neural", "classical"), (True, True), True, True),
        ("nothing changes, cached", "the same without the cache", ("neural", "neural"), (True, False), False, False),
    ):
        say(f"{name}: {title} against {other}")
        # Without the cache every frame builds all light anew: a few are enough.
        count = frames if all(caches) else min(frames, 4)
        renderers = [Renderer(size_px, look, cache) for look, cache in zip(looks, caches, strict=True)]
        took_ms: list[list[float]] = [[] for _ in renderers]
        for view in views(world, count + 1, moving, lives):
            for renderer, times in zip(renderers, took_ms, strict=True):
                start = time.perf_counter()
                renderer.render(view)
                times.append((time.perf_counter() - start) * 1e3)
        for renderer in renderers:
            renderer.release()
        ours_ms, other_ms = (statistics.median(times[1:]) for times in took_ms)
        rows.append(
            {
                "name": f"{name}: {title}",
                "ours_ms": round(ours_ms, 3),
                "other": other,
                "other_ms": round(other_ms, 3),
                "ratio": round(other_ms / ours_ms, 3),
            }
        )
    return rows
