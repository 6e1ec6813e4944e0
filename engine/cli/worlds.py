"""From the name of a world to a state that runs: what every command begins with."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli.speech import say

if TYPE_CHECKING:
    from engine.script.worldfile import LoadedWorld
    from engine.state.commands import Command
    from engine.state.world import State


def load_world(world: str) -> "LoadedWorld":
    """Blueprint and script of a world by name or path. Raises WorldFileError."""
    from engine.script.worldfile import load

    return load(world)


def new_state(loaded: "LoadedWorld", seed: int) -> "State":
    """The world at tick 0."""
    from engine.state.world import new_state as born

    return born(loaded.blueprint, seed)


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
