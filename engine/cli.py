"""The command `daguerre`: play, run, render, check, eval, teach, bench, doctor.

Heavy imports wait inside the commands, so that `run` needs neither graphics nor numba and `play` never meets torch.
With --json exactly one object goes to standard output; everything else that is said goes to standard error.
"""

import importlib.util
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.core.errors import (
    CommandError,
    DaguerreError,
    GraphicsError,
    OutputError,
    SnapshotError,
    WeightsError,
    WorldFileError,
)

if TYPE_CHECKING:
    from engine.film.camera import Renderer
    from engine.play.window import Window
    from engine.script.worldfile import LoadedWorld
    from engine.state.commands import Command
    from engine.state.world import State

STARTED = time.perf_counter()
FILM_S = 10.0
PLAY_FRAMES_PER_S = 60  # no display that we know of shows the difference beyond
TEXELS_PER_FRAME = 500  # in a window: about 20 ms on two cores; films and pictures work all of them out
MAX_SIDE_PX = 8192
MAX_SECONDS = 86_400.0
TABLE_COLUMNS = 150  # of a table that goes to a file or a pipe

app = typer.Typer(
    name="daguerre",
    help="A world simulator with a neural camera.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

World = Annotated[str, typer.Argument(metavar="WORLD", help="courtyard, gallery, town, or the path of a .star file.")]
Output = Annotated[Path | None, typer.Option(metavar="FILE", help="A .png or an .mp4; out/WORLD.png if left out.")]
CameraName = Annotated[str | None, typer.Option(help="One of the world's cameras, or eyes; its first if left out.")]
Snapshot = Annotated[Path | None, typer.Option(metavar="FILE", help="Go on from a snapshot instead of from tick 0.")]
Seed = Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Where every chance in the world comes from.")]
Size = Annotated[str, typer.Option(metavar="WxH", help="Size of the picture in pixels.")]
Look = Annotated[str, typer.Option(help="neural, or a baseline without the network: classical, raster.")]
Inputs = Annotated[Path | None, typer.Option(metavar="FILE", help="Commands for the world, one JSON object a line.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else on standard output.")]


def main() -> None:
    """Run the command line; expected failures are one sentence on standard error and an exit code."""
    try:
        app()
    except DaguerreError as error:
        say(f"daguerre: {error}")
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        say("daguerre: stopped")
        raise SystemExit(130) from None
    except BrokenPipeError:  # `daguerre run ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None


def say(text: str) -> None:
    """A line for people: standard error."""
    print(text, file=sys.stderr, flush=True)


def answer(as_json: bool, result: dict[str, Any], text: str) -> None:
    """The result of a command, as an object for machines or as text for people: standard output."""
    print(json.dumps(result, allow_nan=False) if as_json else text, flush=True)


# -------------------------------------------------------------------------------------------- commands


@app.command()
def play(
    world: World = "courtyard",
    seed: Seed = 1,
    size: Size = "640x360",
    look: Look = "neural",
    inputs: Inputs = None,
    seconds: Annotated[
        float | None, typer.Option(min=0.1, max=MAX_SECONDS, help="Stop after so many seconds (a film has 10).")
    ] = None,
    film: Annotated[bool, typer.Option("--film", help="Write a film even where a window could open.")] = False,
) -> None:
    """Play a world in a window; without a display, film ten seconds of it to out/WORLD.mp4."""
    from engine.play.headless import missing_display

    size_px, look = size_from_text(size), look_from_text(look)
    reason = "--film asks for a film" if film else missing_display(dict(os.environ), sys.platform)
    title = Path(world).stem
    if reason is None:
        try:
            from engine.play.window import Window

            opened = Window(title, window_size(size_px))
        except GraphicsError as error:
            reason = str(error)
        else:
            play_in_window(opened, world, seed, size_px, look, inputs, seconds)
            return
    path = Path("out") / f"{title}.mp4"
    say(f"No window ({reason}): filming {seconds or FILM_S:g} s of {title} to {path}.")
    from engine.play.cameras import touring_camera
    from engine.play.camerawork import film_to

    loaded = load_world(world)
    state = new_state(loaded, seed)
    camera = touring_camera(loaded.blueprint)
    recorded = read_inputs(inputs)
    renderer = renderer_for(size_px, look)
    result = film_to(path, loaded, state, renderer, camera, seconds or FILM_S, recorded)
    say(f"Wrote {path} ({result['frames']} frames, {result['frame_ms']:.0f} ms each).")


@app.command()
def run(
    world: World,
    ticks: Annotated[int, typer.Option(min=0, help="The tick at which to stop; a second has 64.")] = 640,
    seed: Seed = 1,
    inputs: Inputs = None,
    load: Snapshot = None,
    save: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a snapshot of the last tick.")] = None,
    every: Annotated[int, typer.Option(min=0, help="Also print a digest every so many ticks.")] = 0,
    as_json: Json = False,
) -> None:
    """Run a world without pictures and print the digest of its state."""
    loaded = load_world(world)
    if load is None:
        state = new_state(loaded, seed)
    else:
        from engine.state.snapshot import load as state_from_snapshot

        try:
            data = load.read_bytes()
        except OSError as error:
            raise SnapshotError(f"{load}: the snapshot cannot be read ({error.strerror})") from None
        state = state_from_snapshot(loaded.blueprint, data)
    first = state.tick
    if ticks < first:
        raise SnapshotError(f"{load}: the snapshot is of tick {first}, after --ticks {ticks}; ask for a later tick")
    recorded = read_inputs(inputs)

    def print_digest(state: "State") -> None:
        if every and state.tick % every == 0:
            say(f"tick {state.tick} digest {state.digest():016x}")

    started = time.perf_counter()
    state = run_to(ticks, loaded, state, recorded, print_digest)
    took_s = time.perf_counter() - started
    if save is not None:
        from engine.play.files import write_bytes
        from engine.state.snapshot import save as snapshot_of

        write_bytes(save, snapshot_of(loaded.blueprint, state))
    result: dict[str, Any] = {
        "world": loaded.blueprint.name,
        "seed": state.seed,
        "ticks": state.tick,
        "digest": f"{state.digest():016x}",
        "ticks_per_second": round((state.tick - first) / took_s, 1) if state.tick > first else 0.0,
    }
    text = "{world} seed {seed}: tick {ticks}, digest {digest}, {ticks_per_second:.0f} ticks/s".format(**result)
    answer(as_json, result, text)


@app.command()
def render(
    world: World,
    at_tick: Annotated[int, typer.Option(min=0, help="The tick of the picture, or of a film's first frame.")] = 0,
    size: Size = "640x360",
    out: Output = None,
    camera: CameraName = None,
    look: Look = "neural",
    seed: Seed = 1,
    inputs: Inputs = None,
    seconds: Annotated[float, typer.Option(min=0.04, max=MAX_SECONDS, help="Length of a film.")] = FILM_S,
    cache: Annotated[str, typer.Option(help="on, or off to make every frame's light anew.")] = "on",
    stats: Annotated[bool, typer.Option("--stats", help="Print what was reused and what was made anew.")] = False,
    as_json: Json = False,
) -> None:
    """Make a picture or a film of a world."""
    size_px, look = size_from_text(size), look_from_text(look)
    if cache not in ("on", "off"):
        raise CommandError(f"--cache is {cache!r}; it must be on or off")
    out = Path("out") / f"{Path(world).stem}.png" if out is None else out
    if out.suffix.lower() not in (".png", ".mp4"):
        raise OutputError(f"cannot write {out}: only .png and .mp4 are known")
    loaded = load_world(world)
    from engine.play.cameras import camera_at
    from engine.play.session import stat_rows

    camera = loaded.blueprint.cameras[0].name if camera is None else camera
    camera_at(loaded.blueprint, camera, 0.0)
    recorded = read_inputs(inputs)
    state = new_state(loaded, seed)
    from engine.play.camerawork import film_to, picture_to

    state = run_to(at_tick, loaded, state, recorded)
    renderer = renderer_for(size_px, look, cache == "on")
    if out.suffix.lower() == ".mp4":
        result = film_to(out, loaded, state, renderer, camera, seconds, recorded)
    else:
        result = picture_to(out, loaded, state, renderer, camera)
    lines = [f"{result['file']}: {loaded.blueprint.name} at tick {result['tick']}, {result['frame_ms']:.1f} ms"]
    if stats:
        lines += [
            f"  {name:<24}{value}"
            for name, value in stat_rows(result)
            if name not in ("file", "tick", "digest", "look")
        ]
    answer(as_json, result, "\n".join(lines))


@app.command()
def check(world: World, as_json: Json = False) -> None:
    """Read a world file and list everything that is wrong with it."""
    from engine.script.worldfile import check as problems_of

    problems = problems_of(world)
    errors = [
        {"file": p.file, "line": p.line or None, "column": p.column or None, "message": p.message} for p in problems
    ]
    lines = [":".join(str(part) for part in (p.file, p.line, p.column) if part) + f": {p.message}" for p in problems]
    answer(as_json, {"ok": not errors, "errors": errors}, "\n".join(lines) if lines else f"{world}: ok")
    if errors:
        raise typer.Exit(WorldFileError.exit_code)


@app.command("eval")
def evaluate(
    worlds: Annotated[
        list[str] | None,
        typer.Option(metavar="WORLD[,WORLD...]", help="Only these; may be given again. All twelve if left out."),
    ] = None,
    report: Annotated[Path | None, typer.Option(metavar="DIR", help="Write a page with all pictures.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="One small view of each world, for a first look.")] = False,
    spp: Annotated[int | None, typer.Option(min=1, max=1 << 20, help="Samples of the teacher; 1024, quick 64.")] = None,
    views: Annotated[int | None, typer.Option(min=1, max=8, help="Views of each world; 4, quick 1.")] = None,
    sources: Annotated[bool, typer.Option("--sources", help="Also rank where the error comes from.")] = False,
    sheet: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Only draw one PNG of all looks side by side.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare network, classical and raster with the path tracer, on worlds that were never trained on.

    The path tracer's pictures are kept: a broken run goes on where it stopped, and more samples add to those there are.
    """
    need("eval", "mitsuba", "mitsuba_oidn", "flip_evaluator")
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.text import Text

    from engine.teach import evaluate as evaluation
    from engine.teach.report import Report
    from engine.teach.tables import score_tables

    chosen = [name for group in worlds or [] for name in group.split(",") if name]
    chosen = chosen or list(evaluation.SHEET_SET if sheet else evaluation.EVALUATION_SET)
    for world in chosen:
        evaluation.world_at(world)  # what is wrong with the last should not come out after hours of tracing
    if sheet is not None:
        if sheet.suffix.lower() != ".png":
            raise OutputError(f"cannot write {sheet}: a sheet is a .png")
        evaluation.sheet(chosen, sheet, spp=spp or evaluation.SHEET_SPP, report=say)
        answer(as_json, {"sheet": str(sheet)}, str(sheet))
        return
    page = None if report is None else Report(report)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        result = evaluation.evaluate(
            chosen,
            quick,
            spp=spp,
            views=views,
            with_sources=sources,
            report=lambda line: progress.console.print(Text(line), soft_wrap=True),
            watch=None if page is None else page.add,
            progress=progress,
        )
    if page is not None:
        say(f"Wrote {page.finish(result)}")
    if as_json:
        answer(True, result, "")
    else:
        Console(width=None if sys.stdout.isatty() else TABLE_COLUMNS).print(score_tables(result))


@app.command()
def teach(
    stage: Annotated[str, typer.Argument(metavar="STAGE", help="lessons, train, or all: one after the other.")] = "all",
    folder: Annotated[Path | None, typer.Option(metavar="DIR", help="Where lessons are kept.")] = None,
    scenes: Annotated[int, typer.Option(min=1, max=9000, help="Generated scenes to train on.")] = 126,
    held_out: Annotated[int, typer.Option(min=0, max=1000, help="Scenes kept for the score.")] = 12,
    minutes: Annotated[float, typer.Option(min=0.001, max=1e5, help="Of processor time for training.")] = 20.0,
    seed: Seed = 0,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="The weights; the shipped ones if left out.")] = None,
) -> None:
    """Make lessons with the path tracer and train the network on them; a broken run goes on where it stopped."""
    if stage not in ("lessons", "train", "all"):
        raise CommandError(f"the stage is {stage!r}; it must be lessons, train or all")
    if out is not None and out.suffix != ".safetensors":
        raise OutputError(f"cannot write {out}: weights are .safetensors files")
    need("teach", *(("mitsuba",) if stage != "train" else ()), *(("torch",) if stage != "lessons" else ()))
    from engine.light.network import SHIPPED
    from engine.teach import course, dataset

    folder, out = folder or dataset.default_folder(), out or SHIPPED
    if stage != "train":
        course.lessons(folder, scenes, held_out)
        say(f"Lessons lie in {folder}.")
    if stage != "lessons":
        command = f"daguerre teach {stage} --scenes {scenes} --held-out {held_out} --minutes {minutes:g} --seed {seed}"
        record = course.train(folder, out, minutes, seed, command)
        answer(True, record, "")
        say(f"Wrote {out}, its digest and its record.")


@app.command()
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


@app.command()
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


# ------------------------------------------------------------------------------------- what they share


def load_world(world: str) -> "LoadedWorld":
    """Blueprint and script of a world by name or path. Raises WorldFileError."""
    from engine.script.worldfile import load

    return load(world)


def new_state(loaded: "LoadedWorld", seed: int) -> "State":
    """The world at tick 0."""
    from engine.state.world import new_state as born

    return born(loaded.blueprint, seed)


def renderer_for(size_px: tuple[int, int], look: str, cache: bool = True) -> "Renderer":
    """What makes pictures, on the thread that shall use it; classical, and says so, where the network cannot be had.

    Raises GraphicsError.
    """
    from engine.film.camera import Renderer

    try:
        return Renderer(size_px, look, cache)
    except WeightsError as error:
        say(f"{error}; the look is classical")
        return Renderer(size_px, "classical", cache)


def play_in_window(
    window: "Window",
    world: str,
    seed: int,
    size_px: tuple[int, int],
    look: str,
    inputs: Path | None,
    seconds: float | None,
) -> None:
    """Load and play on the window's working thread; the window shows what is being done."""

    def work(window: "Window") -> None:
        window.say(f"Reading {Path(world).name}", 0.1)
        loaded = load_world(world)
        recorded = read_inputs(inputs)
        window.say("Placing people and things", 0.3)
        state = new_state(loaded, seed)
        window.say("Starting the camera", 0.4)
        from engine.play.loop import loop
        from engine.play.machine import kernels_are_compiled
        from engine.play.session import Session

        renderer = renderer_for(size_px, look)
        renderer.texels_per_frame = TEXELS_PER_FRAME
        notice = "" if renderer.look == look else f"no usable weights: the look is {renderer.look}"
        session = Session(loaded, state, renderer, recorded=recorded, notice=notice)
        window.say("Tracing light" if kernels_are_compiled() else "Compiling light kernels (first start only)", 0.6)
        pace = loop(window, session, frames_per_s=PLAY_FRAMES_PER_S, seconds=seconds)
        say(f"{pace.frames} frames in {pace.seconds:.1f} s, {pace.frames / max(pace.seconds, 1e-3):.1f} a second.")

    window.run(work, lambda: say(f"First picture after {time.perf_counter() - STARTED:.1f} s."))


def read_inputs(path: Path | None) -> "list[Command]":
    """The commands of a file, none without one. Raises CommandError."""
    if path is None:
        return []
    from engine.state.commands import commands_from_file

    return commands_from_file(path)


def run_to(
    last_tick: int,
    loaded: "LoadedWorld",
    state: "State",
    recorded: "list[Command]",
    after_tick: "Callable[[State], None]" = lambda state: None,
) -> "State":
    """The state at `last_tick`, with each command given at its tick; a script that fails on the way is reported."""
    from engine.sim.step import step

    by_tick: dict[int, list[Command]] = {}
    for command in recorded:
        by_tick.setdefault(command.tick, []).append(command)
    while state.tick < last_tick:
        state = step(loaded.blueprint, state, by_tick.get(state.tick, []), loaded.script)
        for event in state.events:
            if event.kind == "script_error":
                say(f"tick {state.tick}: script handler {event.args[0]} failed and is switched off: {event.args[1]}")
        after_tick(state)
    return state


def need(command: str, *modules: str) -> None:
    """Find out before the work which module of the extra `teach` is missing. Raises DaguerreError."""
    for name in modules:
        if importlib.util.find_spec(name) is None:
            raise DaguerreError(f"{command} needs {name}; install it with: pip install 'daguerre[teach]'")


def size_from_text(text: str) -> tuple[int, int]:
    """Width and height of a text such as 640x360. Raises CommandError."""
    width, cross, height = text.lower().partition("x")
    if cross and width.isascii() and width.isdigit() and height.isascii() and height.isdigit():
        size_px = int(width[:6]), int(height[:6])
        if all(1 <= side <= MAX_SIDE_PX for side in size_px):
            return size_px
    raise CommandError(f"--size is {text!r}; it must be two whole numbers from 1 to {MAX_SIDE_PX} such as 640x360")


def look_from_text(text: str) -> str:
    """A known look. Raises CommandError."""
    from engine.view import LOOKS

    if text not in LOOKS:
        raise CommandError(f"--look is {text!r}; it must be one of {', '.join(LOOKS)}")
    return text


def window_size(size_px: tuple[int, int]) -> tuple[int, int]:
    """A window twice as large as a small picture, so that words over it stay sharp."""
    scale = max(1, min(1280 // size_px[0], 720 // size_px[1]))
    return size_px[0] * scale, size_px[1] * scale
