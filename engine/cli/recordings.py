"""`daguerre record`, `replay`, `fork` and `diff`: runs as files to play again, to change from a tick on, to compare."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.options import (
    Inputs,
    Json,
    Look,
    RecordingFile,
    Seed,
    Size,
    Ticks,
    World,
    WorldFile,
    look_from_text,
    size_from_text,
)
from engine.cli.speech import answer, say
from engine.cli.watching import watch
from engine.cli.worlds import (
    file_name,
    load_world,
    new_state,
    read_inputs,
    report_failures,
    tell_left_out,
    world_of,
)
from engine.core.errors import CommandError, RecordingError

if TYPE_CHECKING:
    from engine.script.worldfile import LoadedWorld
    from engine.sim.recordingfile import Recording
    from engine.state.commands import Command
    from engine.state.world import State

DIFFERS = 1  # exit code of a replay or a comparison that found a difference

WROTE = "{file}: {world} seed {seed}, ticks {first_tick} to {ticks}, digest {digest}"

NewFile = Annotated[Path, typer.Option("--out", metavar="FILE", help="The new recording, by custom a .rec file.")]


def record(
    world: World,
    out: NewFile,
    ticks: Ticks = 640,
    seed: Seed = 1,
    inputs: Inputs = None,
    as_json: Json = False,
) -> None:
    """Run a world without pictures and write a recording: everything needed to play it again, exactly.

    It holds the commands, a digest of the state at every tick, and a snapshot every ten seconds.
    """
    loaded = load_world(world)
    state = new_state(loaded, seed)
    given = read_inputs(inputs)
    tell_left_out(given, state.tick, ticks)
    result = write_recording(out, loaded, state, file_name(world), ticks, given)
    answer(
        as_json, result, "{file}: {world} seed {seed}, ticks {first_tick} to {ticks}, digest {digest}".format(**result)
    )


def replay(
    recording: RecordingFile,
    world: WorldFile = None,
    speed: Annotated[
        str | None, typer.Option(metavar="X|max", help="Times as fast as it was; max without a window, 1 in one.")
    ] = None,
    window: Annotated[bool, typer.Option("--window/--headless", help="Watch it, or only check it.")] = False,
    size: Size = "640x360",
    look: Look = "neural",
    as_json: Json = False,
) -> None:
    """Play a recording again and compare the digest of every tick; the first that differs is named.

    The exit code is 0 where all agree and the file is whole or was merely cut off, 1 where something differs.
    """
    size_px, look, pace = size_from_text(size), look_from_text(look), speed_from_text(speed, window)
    from engine.sim.recording import replay as play_again

    recorded = read_recording(recording)
    loaded = world_of(recorded.head, recording, world)
    started = time.perf_counter()
    if window:
        last, found = watch(loaded, recorded, size_px, look, pace)
    else:
        found = play_again(loaded.blueprint, recorded, loaded.script, in_time(recorded, pace))
        last = recorded.last_tick if found is None else found.tick
    took_s = time.perf_counter() - started
    result: dict[str, Any] = {
        "file": str(recording),
        "world": loaded.blueprint.name,
        "seed": recorded.head.seed,
        "first_tick": recorded.head.first_tick,
        "ticks": last,
        "agrees": found is None,
        "difference": None
        if found is None
        else {"tick": found.tick, "recorded": f"{found.recorded:016x}", "replayed": f"{found.replayed:016x}"},
        "complete": recorded.complete,
        "flaw": recorded.flaw or None,
        "ticks_per_second": round((last - recorded.head.first_tick) / took_s, 1),
    }
    if recorded.flaw:
        say(f"{recording}: {recorded.flaw}; the ticks up to {recorded.last_tick} are good")
    verdict = f"differs at {found}" if found else f"every digest agrees, ticks {recorded.head.first_tick} to {last}"
    answer(as_json, result, f"{recording}: {verdict}")
    if found is not None or recorded.damaged:
        raise typer.Exit(DIFFERS)


def fork(
    recording: RecordingFile,
    at_tick: Annotated[int, typer.Option(min=0, help="The tick at which the new recording begins.")],
    out: NewFile,
    ticks: Annotated[
        int | None, typer.Option(min=0, help="The tick at which to stop; where the old one ends, if left out.")
    ] = None,
    inputs: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Commands from there on; the recorded ones if left out.")
    ] = None,
    world: WorldFile = None,
    as_json: Json = False,
) -> None:
    """Go on from any tick of a recording, into a new recording: what if?"""
    from engine.sim.recording import state_at

    recorded = read_recording(recording)
    if out.exists() and out.samefile(recording):
        raise RecordingError(f"--out is {out}, the recording itself; name another file")
    last = recorded.last_tick if ticks is None else ticks
    if last < at_tick:
        raise CommandError(f"--ticks is {last}, before --at-tick {at_tick}; it is the tick at which to stop")
    loaded = world_of(recorded.head, recording, world)
    state = state_at(loaded.blueprint, recorded, at_tick, loaded.script)
    if inputs is None:
        given = [c for tick in range(at_tick, recorded.last_tick) for c in recorded.commands(tick)]
    else:
        given = read_inputs(inputs)
        tell_left_out(given, at_tick, last)
    result = write_recording(out, loaded, state, recorded.head.file, last, given)
    answer(as_json, result, WROTE.format(**result))


def diff(
    first: RecordingFile,
    second: RecordingFile,
    world: WorldFile = None,
    as_json: Json = False,
) -> None:
    """Find the first tick at which two recordings part, and what in the world is the first to differ there.

    The exit code is 0 where they agree as far as both go, 1 where they part.
    """
    from engine.sim.recording import first_parting, state_at
    from engine.state.compare import parting

    a, b = read_recording(first), read_recording(second)
    if a.head.world_digest != b.head.world_digest:
        raise RecordingError(f"{first} and {second} are of two worlds, or of two versions of one")
    from_tick, to_tick = max(a.head.first_tick, b.head.first_tick), min(a.last_tick, b.last_tick)
    if from_tick > to_tick:
        raise RecordingError(f"{first} and {second} have no tick in common")
    tick, commands_tick = first_parting(a, b)
    result: dict[str, Any] = {
        "first": str(first),
        "second": str(second),
        "from_tick": from_tick,
        "to_tick": to_tick,
        "agree": tick is None,
        "tick": tick,
        "commands_differ_at": commands_tick,
    }
    if tick is None:
        text = f"they agree, ticks {from_tick} to {to_tick}"
        if a.last_tick != b.last_tick:
            text += f"; {first if a.last_tick > b.last_tick else second} goes on to {max(a.last_tick, b.last_tick)}"
        answer(as_json, {**result, "difference": None}, text)
        return
    loaded = world_of(a.head, first, world)
    states = [state_at(loaded.blueprint, r, tick, loaded.script) for r in (a, b)]
    found = parting(*states)
    assert found is not None, "states with different digests differ"
    result["difference"] = {
        "section": found.section,
        "what": found.what,
        "first": found.first,
        "second": found.second,
    }
    lines = [f"they part at tick {tick}: {found}"]
    if commands_tick is not None:
        lines.append(f"the commands of tick {commands_tick} are not the same")
    answer(as_json, result, "\n".join(lines))
    raise typer.Exit(DIFFERS)


# ------------------------------------------------------------------------------------- what they share


def read_recording(path: Path) -> "Recording":
    """A recording from its file. RecordingError."""
    from engine.sim import recordingfile

    try:
        with path.open("rb") as file:
            data = file.read(recordingfile.MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise RecordingError(f"{path}: the recording cannot be read ({reason})") from None
    try:
        return recordingfile.read(data)
    except RecordingError as error:
        raise RecordingError(f"{path}: {error}") from None


def write_recording(
    out: Path, loaded: "LoadedWorld", state: "State", file: str, last_tick: int, given: "list[Command]"
) -> dict[str, Any]:
    """Runs a state to a tick and records it; what the command answers. Raises OutputError."""
    from engine.core.disk import Growing
    from engine.sim.recording import commands_by_tick
    from engine.sim.recordingfile import MAGIC, Recorder
    from engine.sim.step import step

    first, by_tick = state.tick, commands_by_tick(given)
    growing = Growing(out, MAGIC)
    try:
        recorder = Recorder(loaded.blueprint, state, file, growing.append)
        while state.tick < last_tick:
            commands = by_tick.get(state.tick, [])
            step(loaded.blueprint, state, commands, loaded.script)
            report_failures(state)
            recorder.note(commands, state)
        recorder.end()
    finally:
        growing.close()
    return {
        "file": str(out),
        "world": loaded.blueprint.name,
        "seed": state.seed,
        "first_tick": first,
        "ticks": state.tick,
        "digest": f"{state.digest():016x}",
        "bytes": out.stat().st_size,
    }


def speed_from_text(text: str | None, window: bool) -> float | None:
    """Times as fast as recorded, None as fast as it goes. Raises CommandError."""
    if text is None:
        return 1.0 if window else None
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0.01 <= speed <= 1000.0:
        raise CommandError(f"--speed is {text!r}; it must be max or a number from 0.01 to 1000")
    return speed


def in_time(recording: "Recording", speed: float | None) -> "Callable[[State], None]":
    """What rests after a tick until it is due."""
    from engine.core.units import TICK_S

    started = time.perf_counter()

    def after_tick(state: "State") -> None:
        if speed is not None:
            due = started + (state.tick - recording.head.first_tick) * TICK_S / speed
            time.sleep(max(0.0, due - time.perf_counter()))

    return after_tick
