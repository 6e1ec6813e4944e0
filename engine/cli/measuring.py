"""`daguerre bench` and `daguerre doctor`: how fast, and with what."""

from typing import Annotated

import typer

from engine.cli.options import Json, Size, size_from_text
from engine.cli.speech import answer, say
from engine.cli.worlds import load_world

CHANGES = 3  # pictures of each row of `bench cache`


def bench(
    world: Annotated[
        str, typer.Argument(metavar="WORLD", help="A world, or `cache`: what reuse saves when parts of it change.")
    ] = "courtyard",
    on: Annotated[str, typer.Option(metavar="WORLD", help="The world that `bench cache` measures.")] = "courtyard",
    size: Size = "640x360",
    frames: Annotated[int, typer.Option(min=2, max=10_000, help="Frames of each row; of `bench cache` three.")] = 60,
    as_json: Json = False,
) -> None:
    """Time pictures side by side: network against baselines, the cache against none."""
    size_px = size_from_text(size)
    if world == "cache":
        _bench_cache(on, size_px, as_json)
        return
    loaded = load_world(world)
    from engine.play.stopwatch import bench as timed

    rows = timed(loaded, size_px, frames, say)
    lines = ["{name:<46} {ours_ms:8.1f} ms   {other}: {other_ms:.1f} ms, {ratio:.2f} times".format(**r) for r in rows]
    answer(as_json, {"rows": rows}, "\n".join(lines))


def _bench_cache(world: str, size_px: tuple[int, int], as_json: bool) -> None:
    from engine.play.reuse import reuse

    rows = reuse(load_world(world), size_px, CHANGES, say)
    line = "{camera:<7} {changed:<10} {share:4.0%} {bricks:5} bricks {ours_ms:9.1f} ms   full: {full_ms:9.1f} ms, "
    line += "{ratio:7.2f} times   masks: {masks_ms:9.1f} ms, {masks_ratio:.2f} times   error {max_error}   "
    line += "filter: {filter_skips} skipped, "
    line += "{filter_stale_px} px stale   {cache_mb} MB"
    answer(as_json, {"world": world, "rows": rows}, "\n".join(line.format(**row) for row in rows))


def doctor(
    compiles: Annotated[
        bool, typer.Option("--compile", help="First compile all kernels that play needs, as tools/play does once.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Tell what this machine has: OpenGL, engines, GPU, weights, display."""
    from engine.play.machine import findings

    if compiles:
        from engine.play.kernels import compile_all

        for what in compile_all():
            say(f"compiling kernels: {what}")
    found = findings()
    width = max(len(name) for name in found)
    lines = []
    for name, value in found.items():
        shown = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
        lines.append(f"{name:<{width}}  {shown}")
    answer(as_json, found, "\n".join(lines))
