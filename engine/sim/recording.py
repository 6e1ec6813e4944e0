"""Recordings: where a run began, what was commanded, and digests along the way; played again, they are compared."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from engine.core.digest import digest_text, first_difference
from engine.sim.script_port import Script
from engine.sim.step import step
from engine.state import snapshot
from engine.state.blueprint import Blueprint
from engine.state.commands import Command
from engine.state.world import State


@dataclass
class Recording:
    """A run from a tick on."""

    start: bytes  # snapshot
    every: int = 1  # ticks between digests
    commands: list[Command] = field(default_factory=list)
    digests: dict[int, int] = field(default_factory=dict)  # tick -> digest of the state at it


@dataclass(frozen=True)
class Difference:
    """Where a replay left its recording."""

    tick: int
    recorded: int
    replayed: int

    def __str__(self) -> str:
        return f"tick {self.tick}: recorded {digest_text(self.recorded)}, replayed {digest_text(self.replayed)}"


def begin(blueprint: Blueprint, state: State, every: int = 1) -> Recording:
    """A recording that starts at this state."""
    return Recording(snapshot.save(blueprint, state), every, [], {state.tick: state.digest()})


def note(recording: Recording, commands: Iterable[Command], state: State) -> None:
    """Adds a step that was made: its commands, and the digest after it where one is due."""
    recording.commands.extend(commands)
    if state.tick % recording.every == 0:
        recording.digests[state.tick] = state.digest()


def commands_by_tick(commands: Iterable[Command]) -> dict[int, list[Command]]:
    """Commands in their order under the tick they belong to."""
    by_tick: dict[int, list[Command]] = {}
    for command in commands:
        by_tick.setdefault(command.tick, []).append(command)
    return by_tick


def run(
    blueprint: Blueprint, state: State, ticks: int, commands: Sequence[Command] = (), script: Script | None = None
) -> State:
    """Makes so many steps with the commands that belong to them."""
    by_tick = commands_by_tick(commands)
    for _ in range(ticks):
        step(blueprint, state, by_tick.get(state.tick, ()), script)
    return state


def replay(blueprint: Blueprint, recording: Recording, script: Script | None = None) -> Difference | None:
    """Plays a recording again; the first tick whose digest differs, None where all agree."""
    state = snapshot.load(blueprint, recording.start)
    by_tick = commands_by_tick(recording.commands)
    last = max(recording.digests)
    while True:
        if state.tick in recording.digests and (now := state.digest()) != recording.digests[state.tick]:
            return Difference(state.tick, recording.digests[state.tick], now)
        if state.tick >= last:
            return None
        step(blueprint, state, by_tick.get(state.tick, ()), script)


def synctest(blueprint: Blueprint, state: State, ticks: int, script: Script | None = None) -> str | None:
    """Saves and loads before every tick and steps both; the first section that differs, None where none does."""
    for _ in range(ticks):
        data = snapshot.save(blueprint, state)
        other = snapshot.load(blueprint, data)
        if snapshot.save(blueprint, other) != data:
            return f"tick {state.tick}: saved again, it is not the same bytes"
        step(blueprint, state, (), script)
        step(blueprint, other, (), script)
        if name := first_difference(state.sections(), other.sections()):
            return f"tick {state.tick}: {name}"
    return None
