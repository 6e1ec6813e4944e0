"""From the name of a world to a state that runs: what every command begins with."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli.speech import say
from engine.core.errors import DaguerreError, RecordingError, WorldFileError

if TYPE_CHECKING:
    from engine.script.draft import Drawn
    from engine.script.worldfile import LoadedWorld
    from engine.sim.recordingfile import Head
    from engine.state.commands import Command
    from engine.state.world import State


def load_world(world: str) -> "LoadedWorld":
    """Blueprint and script of a world by name or path. Raises WorldFileError."""
    drawn = rehearsed(world)
    from engine.script.worldfile import load

    loaded = load(world, drawn=drawn)
    noted(loaded.notes)
    return loaded


def noted(notes: Iterable[str]) -> None:
    """Says what imported models say and a world leaves out."""
    for note in notes:
        say(f"note: {note}")


def rehearsed(world: str, lint: bool = False) -> "Drawn | None":
    """Tries a file that is no shipped world in a process of its own, and gives what was drawn there, for `load`.

    WorldFileError where it takes too much there.
    """
    from engine.script.assets import find_world, worlds_folder
    from engine.script.rehearsal import rehearse

    path = find_world(world).resolve()
    return None if path.is_relative_to(worlds_folder().resolve()) else rehearse(path, lint)


def new_state(loaded: "LoadedWorld", seed: int) -> "State":
    """The world at tick 0."""
    from engine.state.world import new_state as born

    return born(loaded.blueprint, seed)


def world_of(head: "Head", recording: Path, world: str | None) -> "LoadedWorld":
    """The world of a recording: the one named, else the file of its name beside the recording, here, or shipped.

    RecordingError where there is none, or where it is not the world that was recorded.
    """
    name = Path(head.file).name  # a stranger's recording names no folder
    places = [world] if world is not None else [str(recording.parent / name), name]
    if world is None and not name.endswith(".star"):
        places = [name]
    problem: DaguerreError | None = None
    for place in places:
        try:
            loaded = load_world(place)
        except WorldFileError as error:
            problem = problem or error
            continue
        if loaded.blueprint.digest == head.world_digest:
            return loaded
        problem = RecordingError(
            f"{recording} was recorded in another version of {place}; give its file with --world, or record again"
        )
    if world is None and isinstance(problem, WorldFileError):
        raise RecordingError(f"{recording} was recorded in {name!r}, which is not here; give its file with --world")
    assert problem is not None
    raise problem


def file_name(world: str) -> str:
    """How a recording names its world: a shipped one by its bare name, others by their file, without the folder."""
    from engine.script.assets import find_world, worlds_folder

    path = find_world(world)
    return path.stem if path.parent.resolve() == worlds_folder().resolve() else path.name


def save_folder(text: str) -> Path | None:
    """The folder of a save: a bare name lies among the user's own data, a path where it says. None for a file.

    What has a suffix is a file, so `monday` and `out/monday` are saves, `monday.snap` is a single snapshot.
    """
    path = Path(text)
    if path.suffix or path.is_file():
        return None
    return own_save(text) if path.name == text else path


def own_save(name: str) -> Path:
    """The folder of a save among the user's own data."""
    from platformdirs import user_data_path

    return user_data_path("daguerre") / "saves" / name


def load_state(loaded: "LoadedWorld", text: str) -> "State":
    """The state in a save, by its name or the path of a file. SnapshotError; an older one than the newest is told."""
    from engine.state import saves

    folder = save_folder(text)
    if folder is None:
        return saves.read(loaded.blueprint, Path(text))
    state, path, problems = saves.newest(loaded.blueprint, folder)
    for problem in problems:
        say(f"{problem}; going back to {path.name} of tick {state.tick}")
    return state


def save_state(loaded: "LoadedWorld", state: "State", text: str) -> Path:
    """Keeps a state in a save, by its name or the path of a file; returns the file. Raises OutputError."""
    from engine.core.disk import write_whole
    from engine.state.saves import SaveFolder
    from engine.state.snapshot import save

    data, folder = save(loaded.blueprint, state), save_folder(text)
    if folder is None:
        write_whole(Path(text), data)
        return Path(text)
    with SaveFolder(folder) as saved:
        return saved.write(data)


def report_failures(state: "State") -> None:
    """Says which script handlers failed in the last tick."""
    for event in state.events:
        if event.kind == "script_error":
            say(f"tick {state.tick}: script handler {event.args[0]} failed and is switched off: {event.args[1]}")


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
    """The state at `last_tick`, with each command given at its tick; a script that fails on the way is reported, and so
    are commands of other ticks.
    """
    from engine.sim.recording import commands_by_tick
    from engine.sim.step import step

    by_tick = commands_by_tick(recorded)
    tell_left_out(recorded, state.tick, last_tick)
    while state.tick < last_tick:
        state = step(loaded.blueprint, state, by_tick.get(state.tick, []), loaded.script)
        report_failures(state)
        after_tick(state)
    return state


def tell_left_out(given: "list[Command]", first_tick: int, last_tick: int) -> None:
    """Says of commands that no tick from the first to before the last takes."""
    late = sum(command.tick >= last_tick for command in given)
    early = sum(command.tick < first_tick for command in given)
    if early:
        noted([f"commands of ticks before {first_tick} were not given ({early} of {len(given)})"])
    if late:
        end, which = max(command.tick for command in given) + 1, f"{late} of {len(given)}"
        noted([f"commands of tick {last_tick} and later were not given ({which}); with {end} ticks all are"])
