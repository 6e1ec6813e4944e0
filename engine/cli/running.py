"""`daguerre run` and `daguerre check`: worlds without pictures."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.options import Inputs, Json, Seed, Snapshot, World
from engine.cli.speech import answer, say
from engine.cli.worlds import load_world, new_state, read_inputs, run_to
from engine.core.errors import SnapshotError, WorldFileError

if TYPE_CHECKING:
    from engine.state.world import State


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
