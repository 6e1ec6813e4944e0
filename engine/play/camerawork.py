"""Pictures and films of a world without anybody at the keys: what `daguerre render` makes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from engine.core.units import TICK_S
from engine.film.camera import Renderer
from engine.play import files
from engine.play.cameras import camera_at
from engine.play.headless import FilmBackend
from engine.play.loop import SteadyClock, loop
from engine.play.session import Session
from engine.play.timeline import Keeping
from engine.script.worldfile import LoadedWorld
from engine.sim.extract import extract
from engine.state.commands import Command
from engine.state.world import State
from engine.view import Frame

FRAMES_PER_S = 30


def picture_to(path: Path, world: LoadedWorld, state: State, renderer: Renderer, camera: str) -> dict[str, Any]:
    """Write the picture of a state as PNG; returns what `render --json` prints. Raises OutputError."""
    files.check_writable(path)
    shown = camera_at(world.blueprint, camera, state.tick * TICK_S)
    frame = renderer.render(extract(world.blueprint, state, camera=shown, previous_camera=shown))
    files.write_png(path, frame.rgb, provenance(world, state, camera))
    return result_of(path, state, renderer, frame.stats)


def film_to(
    path: Path,
    world: LoadedWorld,
    state: State,
    renderer: Renderer,
    camera: str,
    seconds: float,
    recorded: Sequence[Command] = (),
    keeping: Keeping | None = None,
) -> dict[str, Any]:
    """Film a world from a state on as mp4, with a progress bar on standard error; returns what `render --json` prints.

    `frame_ms` is the median; probes and tiles are sums over all frames. Raises OutputError.
    """
    files.check_writable(path)
    session = Session(world, state, renderer, camera=camera, recorded=recorded, keeping=keeping)
    frames = max(1, round(seconds * FRAMES_PER_S))
    stats: list[Mapping[str, object]] = []
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} frames"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    with files.film(path, FRAMES_PER_S, provenance(world, state, camera)) as add, bar:
        task = bar.add_task(f"Filming {world.blueprint.name}", total=frames)

        def shown(frame: Frame) -> None:
            stats.append(frame.stats)
            bar.advance(task)

        try:
            loop(FilmBackend(add, shown), session, SteadyClock(FRAMES_PER_S), frames)
        finally:
            session.timeline.close()
    return {**result_of(path, session.state, renderer, summed(stats)), "frames": frames}


def provenance(world: LoadedWorld, state: State, camera: str) -> dict[str, str]:
    """What a picture says about itself: enough to make it again."""
    return {"world": world.blueprint.name, "seed": str(state.seed), "tick": str(state.tick), "camera": camera}


def result_of(path: Path, state: State, renderer: Renderer, stats: Mapping[str, object]) -> dict[str, Any]:
    """The object that `render --json` prints: the file, the state, the look, and the renderer's own counts."""
    return {"file": str(path), "tick": state.tick, "digest": f"{state.digest():016x}", "look": renderer.look, **stats}


def summed(stats: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Statistics of many frames as one: medians of milliseconds, sums of counts, the last of anything else."""
    total: dict[str, Any] = {}
    for key, last in stats[-1].items():
        values = [frame[key] for frame in stats if key in frame]
        if isinstance(last, Mapping):
            total[key] = summed(values)
        elif isinstance(last, float):
            total[key] = sorted(values)[len(values) // 2]
        elif isinstance(last, int) and not isinstance(last, bool):
            total[key] = sum(values)
        else:
            total[key] = last
    return total
