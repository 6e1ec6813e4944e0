"""Commands: all that comes into a world. Each is checked field by field before anything changes."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from engine.core.errors import CommandError
from engine.state.components import FARTHEST_M


@dataclass(frozen=True)
class Command:
    """What shall happen at the beginning of the step that leaves tick `tick` (so 0 is the first step)."""

    tick: int
    kind: str
    args: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class _Number:
    low: float
    high: float
    whole: bool = False

    def problem(self, value: object) -> str | None:
        kinds = int if self.whole else int | float
        noun = "a whole number" if self.whole else "a number"
        if isinstance(value, bool) or not isinstance(value, kinds) or not self.low <= value <= self.high:
            return f"must be {noun} from {self.low:g} to {self.high:g}"
        return None


@dataclass(frozen=True)
class _Triple:
    of: _Number

    def problem(self, value: object) -> str | None:
        if not isinstance(value, list | tuple) or len(value) != 3 or any(self.of.problem(v) for v in value):
            return f"must be three numbers, each of which {self.of.problem(None)}"
        return None


class _Flag:
    def problem(self, value: object) -> str | None:
        return None if isinstance(value, bool) else "must be true or false"


class _Entity:
    def problem(self, value: object) -> str | None:
        good = isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool) and value >= 0)
        return None if good else "must be an entity's name or id"


_AXIS: Final = _Number(-1.0, 1.0)
_TURN: Final = _Number(-64.0, 64.0)
_VOXEL: Final = _Triple(_Number(0, 65_536, whole=True))

KINDS: Final[Mapping[str, Mapping[str, _Number | _Triple | _Flag | _Entity]]] = {
    "move": {"forward": _AXIS, "right": _AXIS, "up": _AXIS, "run": _Flag()},  # held until the next "move"
    "look": {"yaw": _TURN, "pitch": _TURN},  # radians, added to where the player looks
    "use": {},  # the door, lamp or switch that the player faces within reach
    "jump": {},
    "teleport": {"position": _Triple(_Number(-FARTHEST_M, FARTHEST_M)), "yaw": _TURN, "pitch": _TURN},
    # a box of voxels of 0.25 m, `high` beyond the last; an index into Blueprint.materials.names, 0 for air
    "set_voxels": {"low": _VOXEL, "high": _VOXEL, "material": _Number(0, 255, whole=True)},
    "set_lamp": {"entity": _Entity(), "on": _Flag()},
    "set_clock": {"hour": _Number(0.0, 24.0)},
}
OPTIONAL: Final[Mapping[str, Mapping[str, object]]] = {
    "move": {"forward": 0.0, "right": 0.0, "up": 0.0, "run": False},
    "look": {"yaw": 0.0, "pitch": 0.0},
}


def check(command: Command) -> Command:
    """The command with its defaults filled in, or CommandError that names the field and what it must be."""
    where = f"command {command.kind!r} at tick {command.tick!r}"
    if isinstance(command.tick, bool) or not isinstance(command.tick, int) or not 0 <= command.tick < 2**62:
        raise CommandError(f"{where}: tick must be a whole number from 0")
    if not isinstance(command.kind, str) or command.kind not in KINDS:
        raise CommandError(f"{where}: there is no such command; there are {', '.join(KINDS)}")
    if not isinstance(command.args, Mapping):
        raise CommandError(f"{where}: args must be an object with fields by name")
    fields = KINDS[command.kind]
    args = {**OPTIONAL.get(command.kind, {}), **command.args}
    for name in args:
        if name not in fields:
            raise CommandError(f"{where}: it has no field {name!r}; it has {', '.join(fields) or 'none'}")
    for name, rule in fields.items():
        if name not in args:
            raise CommandError(f"{where}: field {name!r} is missing, it {rule.problem(None)}")
        if problem := rule.problem(args[name]):
            raise CommandError(f"{where}: {name} is {args[name]!r}, it {problem}")
        args[name] = _without_negative_zero(args[name])
    return Command(command.tick, command.kind, args)


def _without_negative_zero(value: object) -> object:
    """The same value with 0.0 for -0.0, whose sign would show in angles."""
    if isinstance(value, list | tuple):
        return tuple(_without_negative_zero(v) for v in value)
    return value + 0.0 if isinstance(value, float) else value


def commands_from_lines(lines: Iterable[str], source: str) -> list[Command]:
    """Commands from JSON lines like {"tick": 3, "kind": "move", "args": {"forward": 1}}, in order of tick."""
    commands: list[Command] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{source}:{number}"
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise CommandError(
                f'{where}: not a line of JSON ({_reason(error)}); one is {{"tick": 0, "kind": "jump", "args": {{}}}}'
            ) from None
        if not isinstance(entry, dict) or not {"tick", "kind"} <= entry.keys() <= {"tick", "kind", "args"}:
            raise CommandError(f"{where}: must be an object with tick, kind and args")
        try:
            command = check(Command(entry["tick"], entry["kind"], entry.get("args", {})))
        except (CommandError, TypeError) as error:
            raise CommandError(f"{where}: {error}") from None
        if commands and command.tick < commands[-1].tick:
            raise CommandError(f"{where}: tick {command.tick} comes after tick {commands[-1].tick}; ticks must grow")
        commands.append(command)
    return commands


def commands_from_file(path: str | Path) -> list[Command]:
    """Reads a file of JSON lines. CommandError says which line is wrong, or why the file cannot be read."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{path}: cannot read commands: {(error.strerror or str(error)).lower()}") from None
    except UnicodeDecodeError as error:
        raise CommandError(f"{path}: cannot read commands: byte {error.start} is no UTF-8 text") from None
    return commands_from_lines(text.splitlines(), str(path))


def _reason(error: Exception) -> str:
    """What json says, without a line number of its own: it was given one line."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg[:1].lower()}{error.msg[1:]} at column {error.colno}"
    return str(error)
