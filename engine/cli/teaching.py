"""`daguerre eval` and `daguerre teach`: the network against the path tracer, and how it learns from it."""

import importlib.util
import sys
from pathlib import Path
from typing import Annotated

import typer

from engine.cli.options import Json, Seed, size_from_text
from engine.cli.speech import answer, say
from engine.core.errors import CommandError, DaguerreError, OutputError

TABLE_COLUMNS = 150  # of a table that goes to a file or a pipe


def evaluate(
    worlds: Annotated[
        list[str] | None,
        typer.Option(metavar="WORLD[,WORLD...]", help="Only these; may be given again. All twelve if left out."),
    ] = None,
    report: Annotated[Path | None, typer.Option(metavar="DIR", help="Write a page with all pictures.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="One small view of each world, for a first look.")] = False,
    size: Annotated[str | None, typer.Option(metavar="WxH", help="Of the pictures; 640x360, quick 320x180.")] = None,
    spp: Annotated[int | None, typer.Option(min=1, max=1 << 20, help="Samples of the teacher; 1024, quick 64.")] = None,
    views: Annotated[int | None, typer.Option(min=1, max=8, help="Views of each world; 4, quick 1.")] = None,
    sources: Annotated[bool, typer.Option("--sources", help="Also rank where the error comes from.")] = False,
    ladder: Annotated[
        bool, typer.Option("--ladder", help="With --quick too: the path tracer's quality against time.")
    ] = False,
    sheet: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Only draw one PNG of all looks side by side.")
    ] = None,
    flicker: Annotated[
        bool, typer.Option("--flicker", help="Only measure how much the light flickers on a slow walk.")
    ] = False,
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

    size_px = None if size is None else size_from_text(size)
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
    if flicker:
        from engine.teach.flicker import SPP, measure

        rows = measure(chosen, spp or SPP, say)
        words = [f"{row['world']}, {row['condition']}: {row['times']} x the path tracer's flicker" for row in rows]
        answer(as_json, {"flicker": rows}, "\n".join(words))
        return
    page = None if report is None else Report(report)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        result = evaluation.evaluate(
            chosen,
            quick,
            size_px=size_px,
            spp=spp,
            views=views,
            with_sources=sources,
            with_ladder=ladder,
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


def teach(
    stage: Annotated[str, typer.Argument(metavar="STAGE", help="lessons, train, or all: one after the other.")] = "all",
    folder: Annotated[Path | None, typer.Option(metavar="DIR", help="Where lessons are kept.")] = None,
    scenes: Annotated[int, typer.Option(min=1, max=9000, help="Generated scenes to train on.")] = 240,
    held_out: Annotated[int, typer.Option(min=0, max=1000, help="Scenes kept for the score.")] = 10,
    minutes: Annotated[float, typer.Option(min=0.001, max=1e5, help="Of processor time for training.")] = 6.0,
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


def need(command: str, *modules: str) -> None:
    """Find out before the work which module of the extra `teach` is missing. Raises DaguerreError."""
    for name in modules:
        if importlib.util.find_spec(name) is None:
            raise DaguerreError(f"{command} needs {name}; install it with: pip install 'daguerre[teach]'")
