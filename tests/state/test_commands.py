"""Commands are refused field by field, with a sentence that names the field."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.errors import CommandError
from engine.state.commands import KINDS, Command, check, commands_from_file, commands_from_lines

GOOD: dict[str, dict[str, object]] = {
    "move": {"forward": 1.0, "right": -0.5, "up": 0.0, "run": True},
    "look": {"yaw": 0.1, "pitch": -0.1},
    "use": {},
    "jump": {},
    "teleport": {"position": [1.0, 2.0, 3.0], "yaw": 0.0, "pitch": 0.0},
    "set_voxels": {"low": [0, 0, 0], "high": [1, 1, 1], "material": 0},
    "set_lamp": {"entity": "lamp", "on": True},
    "set_clock": {"hour": 12.5},
}
FIELDS = [(kind, name) for kind, args in GOOD.items() for name in args]


@pytest.mark.parametrize("kind", KINDS)
def test_good_commands_pass(kind: str) -> None:
    frozen = {name: tuple(v) if isinstance(v, list) else v for name, v in GOOD[kind].items()}
    assert dict(check(Command(3, kind, GOOD[kind])).args) == frozen


@pytest.mark.parametrize(("kind", "name"), FIELDS)
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -1e30, None, [], {}, "no", 10**400])
def test_every_field_refuses_what_it_is_not(kind: str, name: str, bad: object) -> None:
    if (kind, name) == ("set_lamp", "entity") and (isinstance(bad, str) or bad == 10**400):
        return  # any name and any id may be asked for; the step says whether it is there
    with pytest.raises(CommandError, match=name):
        check(Command(0, kind, {**GOOD[kind], name: bad}))


@pytest.mark.parametrize(("kind", "name"), [f for f in FIELDS if f[0] not in ("move", "look")])
def test_missing_fields_are_named(kind: str, name: str) -> None:
    args = {k: v for k, v in GOOD[kind].items() if k != name}
    with pytest.raises(CommandError, match=f"'{name}' is missing"):
        check(Command(0, kind, args))


def test_triples_refuse_nan_in_each_place() -> None:
    for i in range(3):
        position = [1.0, 1.0, 1.0]
        position[i] = float("nan")
        with pytest.raises(CommandError, match="position"):
            check(Command(0, "teleport", {"position": position, "yaw": 0.0, "pitch": 0.0}))


def test_unknown_kinds_and_fields_are_refused() -> None:
    with pytest.raises(CommandError, match="there is no such command"):
        check(Command(0, "fly"))
    with pytest.raises(CommandError, match="no field 'sideways'"):
        check(Command(0, "move", {"sideways": 1.0}))


@pytest.mark.parametrize("tick", [-1, 1.5, True, "3", 2**70])
def test_ticks_are_whole_and_not_negative(tick: object) -> None:
    with pytest.raises(CommandError, match="tick"):
        check(Command(tick, "use"))  # type: ignore[arg-type]


def test_lines_become_commands_in_order() -> None:
    lines = [json.dumps({"tick": t, "kind": k, "args": GOOD[k]}) for t, k in enumerate(GOOD)]
    commands = commands_from_lines(["", *lines, "  "], "f")
    assert [(c.tick, c.kind) for c in commands] == list(enumerate(GOOD))


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", r"not a line of JSON \(expecting .* at column 2\); one is"),
        ("[" * 100_000, "not a line of JSON"),
        ("[]", "must be an object"),
        ('{"tick": 0}', "must be an object"),
        ('{"tick": 0, "kind": "use", "extra": 1}', "must be an object"),
        ('{"tick": 0, "kind": ["use"]}', "no such command"),
        ('{"tick": 0, "kind": "look", "args": {"yaw": NaN}}', "yaw"),
        ('{"tick": 0, "kind": "look", "args": 5}', "args"),
        ('{"tick": "5", "kind": "use"}', "at tick '5': tick must be a whole number"),
    ],
)
def test_bad_lines_are_named_by_number(line: str, why: str) -> None:
    good = '{"tick": 0, "kind": "use"}'
    with pytest.raises(CommandError, match=f"^f:2: .*({why})"):
        commands_from_lines([good, line], "f")


def test_ticks_in_a_file_grow() -> None:
    with pytest.raises(CommandError, match="f:2: tick 1 comes after tick 2"):
        commands_from_lines(['{"tick": 2, "kind": "use"}', '{"tick": 1, "kind": "use"}'], "f")


def test_files_are_read_and_missing_ones_named(tmp_path: Path) -> None:
    file = tmp_path / "inputs.jsonl"
    file.write_text('{"tick": 5, "kind": "jump"}\n')
    assert commands_from_file(file) == [Command(5, "jump", {})]
    with pytest.raises(CommandError, match="nowhere.jsonl: cannot read"):
        commands_from_file(tmp_path / "nowhere.jsonl")
    with pytest.raises(CommandError, match="cannot read commands: is a directory"):
        commands_from_file(tmp_path)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(CommandError, match="cannot read commands: byte 0 is no UTF-8 text"):
        commands_from_file(file)


@given(st.text(max_size=60))
def test_any_text_is_commands_or_a_command_error(text: str) -> None:
    try:
        commands_from_lines([text], "f")
    except CommandError:
        pass
    else:
        assert not text.strip() or json.loads(text)["kind"] in KINDS
