"""Runs and replays: a world run with commands, a recording played again and compared, the state at any of its ticks."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from engine.core.digest import digest_text, first_difference
from engine.core.errors import DaguerreError, RecordingError
from engine.sim.recordingfile import Recording
from engine.sim.script_port import Script
from engine.sim.step import step
from engine.sim.ways import Ways, lend, ways_of
from engine.state import snapshot
from engine.state.blueprint import Blueprint
from engine.state.commands import Command
from engine.state.world import State

OWN_WAYS_TICKS: Final = 64


@dataclass(frozen=True)
class Difference:
    """Where a replay left its recording."""

    tick: int
    recorded: int
    replayed: int

    def __str__(self) -> str:
        return f"tick {self.tick}: recorded {digest_text(self.recorded)}, replayed {digest_text(self.replayed)}"


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


def start_of(blueprint: Blueprint, recording: Recording, tick: int) -> State:
    """The state of the last snapshot at or before a tick. RecordingError, SnapshotError."""
    recording.refuse_other(blueprint)
    at, data = recording.snapshot_before(tick)
    state = snapshot.load(blueprint, data)
    if state.tick != at or state.seed != recording.head.seed:
        raise RecordingError(f"the recording's snapshot of tick {at} is of another run")
    return state


def followed(
    blueprint: Blueprint, recording: Recording, script: Script | None, state: State, last_tick: int
) -> Iterator[Difference | None]:
    """Plays a recording from a state on, in place: after every tick, what it differs in, None where it agrees.

    RecordingError where a command cannot be given: a recording that is true can be.
    """
    while state.tick < last_tick:
        tick = state.tick
        try:
            step(blueprint, state, recording.commands(tick), script)
        except RecordingError:
            raise
        except DaguerreError as error:
            raise RecordingError(f"the recording cannot be followed beyond tick {tick}: {error}") from None
        yield difference(recording, state)


def difference(recording: Recording, state: State) -> Difference | None:
    """How a state differs from what was recorded at its tick."""
    recorded, now = recording.digest(state.tick), state.digest()
    return None if now == recorded else Difference(state.tick, recorded, now)


def replay(
    blueprint: Blueprint,
    recording: Recording,
    script: Script | None = None,
    after_tick: Callable[[State], None] = lambda state: None,
) -> Difference | None:
    """Plays a recording again from its first tick; the first tick whose digest differs, None where all agree.

    Raises RecordingError where it is of another world, or was forged.
    """
    state = start_of(blueprint, recording, recording.head.first_tick)
    if found := difference(recording, state):
        return found
    for found in followed(blueprint, recording, script, state, recording.last_tick):
        if found:
            return found
        after_tick(state)
    return None


def state_at(blueprint: Blueprint, recording: Recording, tick: int, script: Script | None = None) -> State:
    """The state at a tick of a recording. RecordingError where there is none, or where it came out differently."""
    first, last = recording.head.first_tick, recording.last_tick
    if not first <= tick <= last:
        raise RecordingError(f"the recording has ticks {first} to {last}; there is no tick {tick} in it")
    state = start_of(blueprint, recording, tick)
    for found in followed(blueprint, recording, script, state, tick):
        if found:
            raise RecordingError(f"the recording cannot be followed to tick {tick}; it differs at {found}")
    if found := difference(recording, state):
        raise RecordingError(f"the recording's snapshot is not the state it recorded; it differs at {found}")
    return state


def first_parting(a: Recording, b: Recording) -> tuple[int | None, int | None]:
    """The first common tick at which the digests of two recordings differ, None where none does.

    With it the tick before, where their commands for that differ: most often the cause.
    """
    first, last = max(a.head.first_tick, b.head.first_tick), min(a.last_tick, b.last_tick)
    for tick in range(first, last + 1):
        if a.digest(tick) != b.digest(tick):
            commanded = tick > first and a.commands(tick - 1) != b.commands(tick - 1)
            return tick, tick - 1 if commanded else None
    return None, None


def synctest(blueprint: Blueprint, state: State, ticks: int, script: Script | None = None) -> str | None:
    """Saves and loads before every tick and steps both; the first section that differs, None where none does.

    Each other world is made from the bytes alone. Only its flow fields, which follow from the voxels, are those of the
    one before it, but for every 64th, which has none: in a large world nearly all of the time would go to making them.
    """
    ways: Ways | None = None
    for i in range(ticks):
        data = snapshot.save(blueprint, state)
        other = snapshot.load(blueprint, data)
        if snapshot.save(blueprint, other) != data:
            return f"tick {state.tick}: saved again, it is not the same bytes"
        if ways is not None and i % OWN_WAYS_TICKS:
            lend(ways, other)
        step(blueprint, state, (), script)
        step(blueprint, other, (), script)
        if name := first_difference(state.sections(), other.sections()):
            return f"tick {state.tick}: {name}"
        ways = ways_of(other)
    return None
