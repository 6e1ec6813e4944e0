"""`daguerre verify`: the laws of the simulation, run on any world file."""

from dataclasses import replace
from typing import Annotated, Any

import typer

from engine.cli.options import Json, Seed, World
from engine.cli.speech import answer
from engine.cli.worlds import rehearsed
from engine.core.errors import CommandError, DaguerreError

BROKEN = 1  # exit code


def verify(
    world: World,
    ticks: Annotated[int, typer.Option(min=1, max=1_000_000, help="How long each law is tried.")] = 300,
    seed: Seed = 1,
    law: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only this law; may be given again.")] = None,
    as_json: Json = False,
) -> None:
    """Try the laws of the simulation on a world: the same everywhere, saved and replayed exactly, within its caps.

    A made-up visitor walks, uses, builds and digs in it; the seed says how.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from engine.script.laws import LAWS, Broken, case_of

    chosen = law or list(LAWS)
    for name in chosen:
        if name not in LAWS:
            raise CommandError(f"there is no law {name!r}; there are {', '.join(LAWS)}")
    rehearsed(world)
    base = case_of(world, seed, ticks)
    rows: list[dict[str, Any]] = []
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        for name in chosen:
            task = progress.add_task(name, total=ticks)
            case = replace(base, tell=lambda task=task: progress.advance(task))  # type: ignore[misc]
            row: dict[str, Any] = {"law": name, "ok": True, "says": (LAWS[name].__doc__ or "").strip().splitlines()[0]}
            try:
                LAWS[name](case)
            except DaguerreError as error:
                tick = error.tick if isinstance(error, Broken) else None
                again = (
                    f"daguerre verify {world} --law {name} --seed {seed} --ticks {ticks if tick is None else tick + 1}"
                )
                row |= {"ok": False, "problem": str(error), "tick": tick, "again": again}
            progress.remove_task(task)
            rows.append(row)
    good = all(row["ok"] for row in rows)
    lines = []
    for row in rows:
        lines.append(f"{'holds ' if row['ok'] else 'BROKEN'}  {row['law']:<9} {row['says']}")
        if not row["ok"]:
            where = "" if row["tick"] is None else f"tick {row['tick']}: "
            lines += [f"        {where}{row['problem']}", f"        again: {row['again']}"]
    summary = {"world": world, "seed": seed, "ticks": ticks, "ok": good, "laws": rows}
    answer(as_json, summary, "\n".join(lines))
    if not good:
        raise typer.Exit(BROKEN)
