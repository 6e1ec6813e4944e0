"""`daguerre run`: a world without pictures."""

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.options import Inputs, Json, Load, Seed, Ticks, World
from engine.cli.speech import answer, say
from engine.cli.worlds import load_state, load_world, new_state, read_inputs, run_to, save_state
from engine.core.errors import SnapshotError

if TYPE_CHECKING:
    from engine.state.story import Ending, Standing
    from engine.state.world import State


def run(
    world: World,
    ticks: Ticks = 640,
    seed: Seed = 1,
    inputs: Inputs = None,
    load: Load = None,
    save: Annotated[
        str | None, typer.Option(metavar="SAVE", help="Keep the last tick as a save, by a name, or as a .snap file.")
    ] = None,
    every: Annotated[int, typer.Option(min=0, help="Also print a digest every so many ticks.")] = 0,
    as_json: Json = False,
) -> None:
    """Run a world without pictures and print the digest of its state."""
    from engine.state.story import standings

    loaded = load_world(world)
    state = new_state(loaded, seed) if load is None else load_state(loaded, load)
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
        save_state(loaded, state, save)
    result: dict[str, Any] = {
        "world": loaded.blueprint.name,
        "seed": state.seed,
        "ticks": state.tick,
        "digest": f"{state.digest():016x}",
        "ticks_per_second": round((state.tick - first) / took_s, 1) if state.tick > first else 0.0,
    }
    result |= told(standings(loaded.blueprint, state.story), state.story.ending)
    text = "{world} seed {seed}: tick {ticks}, digest {digest}, {ticks_per_second:.0f} ticks/s".format(**result)
    answer(as_json, result, text)


def told(goals: "list[Standing]", ending: "Ending | None") -> dict[str, Any]:
    """What `run --json` says of a world's story; nothing where there is none."""
    found: dict[str, Any] = {}
    if goals:
        found["goals"] = {
            s.goal.name: {"text": s.goal.text, "done": s.done, "count": s.goal.count, "reached": s.is_reached}
            for s in goals
        }
    if ending is not None:
        found["ending"] = {"title": ending.title, "text": ending.text, "won": ending.won, "tick": ending.tick}
    return found
