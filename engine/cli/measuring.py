"""`daguerre bench` and `daguerre doctor`: how fast, and with what."""

from typing import Annotated

import typer

from engine.cli.options import Json, Size, World, size_from_text
from engine.cli.speech import answer, say
from engine.cli.worlds import load_world


def bench(
    world: World = "courtyard",
    size: Size = "640x360",
    frames: Annotated[int, typer.Option(min=2, max=10_000, help="Frames of each row.")] = 60,
    as_json: Json = False,
) -> None:
    """Time pictures side by side: network against baselines, the cache against none."""
    size_px = size_from_text(size)
    loaded = load_world(world)
    from engine.play.stopwatch import bench as timed

    rows = timed(loaded, size_px, frames, say)
    lines = ["{name:<46} {ours_ms:8.1f} ms   {other}: {other_ms:.1f} ms, {ratio:.2f} times".format(**r) for r in rows]
    answer(as_json, {"rows": rows}, "\n".join(lines))


def doctor(as_json: Json = False) -> None:
    """Tell what this machine has: OpenGL, engines, GPU, weights, display."""
    from engine.play.machine import findings

    found = findings()
    width = max(len(name) for name in found)
    lines = []
    for name, value in found.items():
        shown = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
        lines.append(f"{name:<{width}}  {shown}")
    answer(as_json, found, "\n".join(lines))
