"""`daguerre new` and `daguerre check`: for who writes worlds."""

from pathlib import Path
from typing import Annotated

import typer

from engine.cli.options import Json, World
from engine.cli.speech import answer
from engine.cli.worlds import noted, rehearsed
from engine.core.errors import WorldFileError

Name = Annotated[str, typer.Argument(metavar="NAME", help="What the world is called; its file is NAME.star, here.")]


def new(name: Name) -> None:
    """Write a small world to begin with: NAME.star, explained line by line."""
    from engine.script.firstworld import write_first_world

    path = write_first_world(name, Path())
    answer(
        False,
        {},
        f"Wrote {path}. Play it with `daguerre play {path}` and keep it open in an editor: "
        "what you save shows in the window.",
    )


def check(world: World, as_json: Json = False) -> None:
    """List everything that is wrong with a world file: reads it, tries every handler, looks for what nobody uses."""
    from engine.script.worldfile import examine

    findings = examine(world, rehearsed(world, lint=True))
    errors = [
        {"file": p.file, "line": p.line or None, "column": p.column or None, "message": p.message}
        for p in findings.problems
    ]
    lines = [
        ":".join(str(part) for part in (p.file, p.line, p.column) if part) + f": {p.message}" for p in findings.problems
    ]
    if not errors:
        noted(findings.notes)
    tried = findings.tried
    good = f"{world}: ok"
    if tried.calls:
        good += f" ({tried.calls} calls of handlers tried; '{tried.greediest}' took {tried.share:.0%} of what one may)"
    handlers = {"calls": tried.calls, "greediest": tried.greediest, "share": round(tried.share, 3)}
    answer(as_json, {"ok": not errors, "errors": errors, "handlers": handlers}, "\n".join(lines) if lines else good)
    if errors:
        raise typer.Exit(WorldFileError.exit_code)
