"""The laws that every world keeps, as checks that run on any world file: the shipped ones, and a stranger's.

Each law is a function of a `Case` (a world, a seed, ticks, commands) that raises Broken where the law does not hold.
`daguerre verify` and the tests run the same list.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from engine.core.digest import digest_text
from engine.core.errors import CommandError, DaguerreError
from engine.core.rng import stream_key, uniform
from engine.core.units import AIR
from engine.script.worldfile import LoadedWorld, load
from engine.sim import recording, recordingfile
from engine.sim.step import step
from engine.state import compare, snapshot
from engine.state.commands import Command
from engine.state.components import ALIVE, BODY, COLUMNS, MAX_BODIES, MAX_ENTITIES
from engine.state.entities import player_fits
from engine.state.events import MAX_EVENTS
from engine.state.world import MAX_TIMERS, MAX_VARIABLES, State, new_state

COMMANDS_EVERY: Final = 8  # ticks between two commands of a made-up player, on average
DEEDS: Final = ("move", "move", "look", "look", "use", "jump", "teleport", "set_voxels", "set_clock")
VARIANTS: Final[tuple[dict[str, str], ...]] = (
    {"PYTHONHASHSEED": "0"},
    {"PYTHONHASHSEED": "1", "NPY_DISABLE_CPU_FEATURES": "X86_V3 AVX2 FMA3", "TZ": "Asia/Tokyo"},
)
PROCESS_TIMEOUT_S: Final = 600


class Broken(DaguerreError):
    """A law that does not hold; `tick` is where it showed, where that is known."""

    def __init__(self, message: str, tick: int | None = None) -> None:
        super().__init__(message)
        self.tick = tick


@dataclass(frozen=True)
class Case:
    """What the laws are tried on."""

    file: str  # path or name of the world file
    world: LoadedWorld
    seed: int
    ticks: int
    commands: tuple[Command, ...]  # what a made-up player does
    tell: Callable[[], None] = field(default=lambda: None)  # called after every tick of work

    def start(self) -> State:
        """The world at tick 0."""
        return new_state(self.world.blueprint, self.seed)

    def by_tick(self) -> dict[int, list[Command]]:
        """The commands under their ticks."""
        return recording.commands_by_tick(self.commands)

    def states(self, state: State) -> Iterator[State]:
        """Steps a state with the commands to the end; yields it after every tick."""
        by_tick = self.by_tick()
        while state.tick < self.ticks:
            step(self.world.blueprint, state, by_tick.get(state.tick, ()), self.world.script)
            self.tell()
            yield state


def case_of(file: str, seed: int, ticks: int) -> Case:
    """A world file with a player made up from the seed. WorldFileError where the file cannot be used."""
    world = load(file)
    return Case(file, world, seed, ticks, tuple(made_up_commands(world, seed, ticks)))


def made_up_commands(world: LoadedWorld, seed: int, ticks: int) -> Iterator[Command]:
    """What a restless visitor does: walks, looks, uses, jumps, is put elsewhere, builds and digs."""
    blueprint, key = world.blueprint, stream_key("laws")

    def chance(tick: int, n: int) -> float:
        return uniform(seed, tick, key, n)

    sizes = blueprint.voxels.shape
    for tick in range(ticks):
        if chance(tick, 0) * COMMANDS_EVERY >= 1.0:
            continue
        kind = DEEDS[int(chance(tick, 1) * len(DEEDS))]
        a, b, c = (chance(tick, 2 + i) for i in range(3))
        if kind == "move":
            yield Command(tick, kind, {"forward": 2 * a - 1, "right": 2 * b - 1, "up": c - 0.5, "run": c > 0.5})
        elif kind == "look":
            yield Command(tick, kind, {"yaw": 2 * a - 1, "pitch": b - 0.5})
        elif kind == "teleport":
            x, y, z = (r * s for r, s in zip((a, b, c), blueprint.size_m, strict=True))
            if player_fits(blueprint, (x, y, z)):
                yield Command(tick, kind, {"position": (x, y, z), "yaw": a, "pitch": 0.0})
        elif kind == "set_voxels":
            low = tuple(int(r * (n - 2)) for r, n in zip((a, b, c), sizes, strict=True))
            material = int(chance(tick, 5) * len(blueprint.materials.names)) if c > 0.5 else AIR
            yield Command(tick, kind, {"low": low, "high": tuple(v + 2 for v in low), "material": material})
        elif kind == "set_clock":
            yield Command(tick, kind, {"hour": 24.0 * a})
        else:
            yield Command(tick, kind, {})


# --- the laws ---------------------------------------------------------------------------------------------------------


def same_everywhere(case: Case) -> None:
    """The same file, seed and commands give the same digest at every tick, in other processes and on other machines."""
    here = {state.tick: digest_text(state.digest()) for state in case.states(case.start())}
    with tempfile.TemporaryDirectory() as folder:
        inputs = Path(folder) / "commands.jsonl"
        inputs.write_text("".join(line + "\n" for line in map(_json_line, case.commands)), encoding="utf-8")
        for variant in VARIANTS:
            there = _digests_of_a_process(case, inputs, variant)
            for tick, digest in here.items():
                if there.get(tick) != digest:
                    settings = " ".join(f"{k}='{v}'" for k, v in variant.items())
                    raise Broken(f"another process ({settings}) has another digest", tick)


def _json_line(command: Command) -> str:
    return json.dumps({"tick": command.tick, "kind": command.kind, "args": dict(command.args)})


def _digests_of_a_process(case: Case, inputs: Path, variant: dict[str, str]) -> dict[int, str]:
    arguments = [case.file, "--ticks", str(case.ticks), "--seed", str(case.seed), "--inputs", str(inputs)]
    answer = subprocess.run(
        [sys.executable, "-m", "engine", "run", *arguments, "--every", "1", "--json"],
        env={**os.environ, **variant, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        capture_output=True,
        text=True,
        timeout=PROCESS_TIMEOUT_S,
    )
    if answer.returncode != 0:
        raise Broken(f"another process ended with code {answer.returncode}: {answer.stderr.strip()[-200:]}")
    return {int(t): d for t, d in re.findall(r"^tick (\d+) digest ([0-9a-f]{16})$", answer.stderr, re.MULTILINE)}


def saves_change_nothing(case: Case) -> None:
    """Saved and loaded before every tick, the world goes on as if nothing had been."""
    blueprint, by_tick = case.world.blueprint, case.by_tick()
    state = case.start()
    while state.tick < case.ticks:
        other = snapshot.load(blueprint, snapshot.save(blueprint, state))
        for one in (state, other):
            step(blueprint, one, by_tick.get(one.tick, ()), case.world.script)
        if found := compare.parting(state, other):
            raise Broken(f"a saved and loaded world goes on otherwise: {found}", state.tick)
        case.tell()


def saved_bytes_are_one(case: Case) -> None:
    """A state that is saved, loaded and saved again gives the same bytes."""
    blueprint = case.world.blueprint
    for state in case.states(case.start()):
        data = snapshot.save(blueprint, state)
        if snapshot.save(blueprint, snapshot.load(blueprint, data)) != data:
            raise Broken("saved again, it is not the same bytes", state.tick)


def recordings_replay(case: Case) -> None:
    """A recorded run gives the recorded digest at every tick when it is played again, from its start and its middle."""
    blueprint, kept = case.world.blueprint, bytearray()
    state = case.start()
    recorder, by_tick = recordingfile.Recorder(blueprint, state, "world", kept.extend), case.by_tick()
    for now in case.states(state):
        recorder.note(by_tick.get(now.tick - 1, ()), now)
    recorder.end()
    played = recordingfile.read(bytes(kept))
    difference = recording.replay(blueprint, played, case.world.script, lambda state: case.tell())
    if difference is not None:
        raise Broken(f"played again, it is not what was recorded: {difference}", difference.tick)
    recording.state_at(blueprint, played, case.ticks // 2, case.world.script)


def caps_hold(case: Case) -> None:
    """No count of the state ever exceeds its cap."""
    for state in case.states(case.start()):
        counts = {
            "entities": (state.n_entities, MAX_ENTITIES),
            "events": (len(state.events), 2 * MAX_EVENTS),
            "events to come": (len(state.queue), 2 * MAX_EVENTS),
            "timers": (len(state.timers), MAX_TIMERS),
            "variables": (len(state.variables), MAX_VARIABLES),
            "bodies": (len(state.rows(BODY)), MAX_BODIES),
        }
        for what, (count, most) in counts.items():
            if count > most:
                raise Broken(f"there are {count:,} {what}; at most {most:,} are allowed", state.tick)


def numbers_are_numbers(case: Case) -> None:
    """Every number of every entity is finite and within the range of its column."""
    for state in case.states(case.start()):
        n = state.n_slots
        for column in COLUMNS:
            rows = slice(n) if column.part == ALIVE else np.flatnonzero(state.columns.parts[:n] & column.part)
            values = state.columns[column.name][rows]
            if values.dtype.kind == "f" and not np.isfinite(values).all():
                raise Broken(f"{column.name} of an entity is not a finite number", state.tick)
            if not ((values >= column.low) & (values <= column.high)).all():
                raise Broken(f"{column.name} of an entity left its range {column.low:g}..{column.high:g}", state.tick)


def scripts_do_not_fail(case: Case) -> None:
    """No handler of the world fails."""
    for state in case.states(case.start()):
        for event in state.events:
            if event.kind == "script_error":
                first = str(event.args[1]).splitlines()[0]
                raise Broken(f"handler {event.args[0]} failed and was switched off: {first}", state.tick - 1)


NONSENSE: Final = (
    Command(0, "dance", {}),
    Command(0, "move", {"forward": float("nan")}),
    Command(0, "teleport", {"position": (float("inf"), 0.0, 0.0), "yaw": 0.0, "pitch": 0.0}),
    Command(0, "set_voxels", {"low": (0, 0, 0), "high": (65_536, 1, 1), "material": 1}),
    Command(0, "set_lamp", {"entity": "nobody of this name", "on": True}),
    Command(1, "jump", {}),
)


def refusals_change_nothing(case: Case) -> None:
    """A command that is refused leaves the digest as it was."""
    for state in case.states(case.start()):
        if state.tick % max(1, case.ticks // 8):
            continue
        before = state.digest()
        for wrong in NONSENSE:
            command = Command(state.tick + wrong.tick, wrong.kind, wrong.args)
            try:
                step(case.world.blueprint, state, [command], case.world.script)
            except CommandError:
                if state.digest() != before:
                    raise Broken(f"the refused command {command.kind!r} changed the world", state.tick) from None
                continue
            raise Broken(f"the command {command.kind!r} with nonsense in it was not refused", state.tick)


LAWS: Final[dict[str, Callable[[Case], None]]] = {
    "same": same_everywhere,
    "saves": saves_change_nothing,
    "bytes": saved_bytes_are_one,
    "replay": recordings_replay,
    "caps": caps_hold,
    "numbers": numbers_are_numbers,
    "scripts": scripts_do_not_fail,
    "refusals": refusals_change_nothing,
}
