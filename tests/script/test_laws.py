"""The laws hold for the shipped worlds and for hostile ones, and each of them finds what it looks for."""

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.script import assets, laws
from engine.script.laws import LAWS, Broken, Case, case_of
from engine.script.worldfile import LoadedWorld
from engine.sim.script_port import ScriptFailure
from engine.state import snapshot
from engine.state.blueprint import Blueprint
from engine.state.commands import Command
from engine.state.world import State
from tests.script.authoring import loaded, written
from tests.script.bombs import HOSTILE, PING_PONG, as_handler

SHIPPED = [*assets.shipped_worlds(), *(str(p) for p in sorted(assets.worlds_folder().glob("eval/*.star")))]
QUICK = [("courtyard", law) for law in LAWS]


ALL = [
    pytest.param(world, law, marks=() if (world, law) in QUICK else pytest.mark.slow, id=f"{Path(world).stem}-{law}")
    for world in SHIPPED
    for law in LAWS
]


@pytest.mark.parametrize(("world", "law"), ALL)
def test_a_law_holds_in_a_shipped_world(world: str, law: str) -> None:
    LAWS[law](case_of(world, 7, 24))


@pytest.mark.slow
@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("world", ["courtyard", "town"])
def test_a_law_holds_for_long(world: str, law: str) -> None:
    LAWS[law](case_of(world, 11, 2000 if world == "courtyard" else 300))


@pytest.mark.parametrize("law", [law for law in LAWS if law not in ("scripts", "same")])
@pytest.mark.parametrize("bomb", ["ping-pong", "a storm of timers"])
def test_a_law_holds_in_a_hostile_world(tmp_path: Path, bomb: str, law: str) -> None:
    text = PING_PONG if bomb == "ping-pong" else as_handler(HOSTILE[bomb])
    LAWS[law](case_of(str(written(tmp_path, text)), 7, 10))


# --- each law finds what it looks for ---------------------------------------------------------------------------------

Deed = Callable[[Blueprint, State, "Saboteur"], None]


class Saboteur:
    """A script that does one thing every tick, in Python."""

    def __init__(self, deed: Deed) -> None:
        self.deed, self.calls = deed, 0

    def handle(self, blueprint: Blueprint, state: State, handler_name: str, args: object) -> None:
        self.calls += 1
        self.deed(blueprint, state, self)


def sabotaged(folder: Path, deed: Deed) -> Case:
    """A world whose only handler is a deed."""
    world = loaded(folder, "def act(): pass\non('tick', act)\nspawn('crate', at = (4, 4, 1), name = 'bob', speed = 1)")
    script = Saboteur(deed)
    return Case(str(folder / "test.star"), LoadedWorld(world.blueprint, script), 1, 12, ())  # type: ignore[arg-type]


def remembers(blueprint: Blueprint, state: State, script: Saboteur) -> None:
    state.variables["calls"] = script.calls


def hoards(blueprint: Blueprint, state: State, script: Saboteur) -> None:
    state.variables |= {f"v{i}": 0 for i in range(1001)}


def spoils(blueprint: Blueprint, state: State, script: Saboteur) -> None:
    state.columns.speed[1] = float("nan")


def overdoes(blueprint: Blueprint, state: State, script: Saboteur) -> None:
    state.columns.speed[1] = 13.0


def fails(blueprint: Blueprint, state: State, script: Saboteur) -> None:
    raise ScriptFailure("act", "on purpose")


@pytest.mark.parametrize(
    ("law", "deed", "says"),
    [
        ("same", remembers, "another process"),
        ("saves", remembers, "goes on otherwise: variables of calls"),
        ("replay", remembers, "it is not what was recorded: tick 1"),
        ("caps", hoards, "1,001 variables; at most 1,000"),
        ("numbers", spoils, "speed of an entity is not a finite number"),
        ("numbers", overdoes, "speed of an entity left its range 0..12"),
        ("scripts", fails, "handler act failed and was switched off: on purpose"),
    ],
)
def test_a_law_finds_what_breaks_it(tmp_path: Path, law: str, deed: Deed, says: str) -> None:
    with pytest.raises(Broken, match=says) as caught:
        LAWS[law](sabotaged(tmp_path, deed))
    assert caught.value.tick is not None and caught.value.tick <= 2


def test_bytes_that_come_back_otherwise_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forgets(blueprint: Blueprint, data: bytes) -> State:
        state = load(blueprint, data)
        state.subtitle += "."
        return state

    load = snapshot.load
    monkeypatch.setattr(snapshot, "load", forgets)
    with pytest.raises(Broken, match="saved again"):
        LAWS["bytes"](case_of(str(written(tmp_path)), 1, 4))


def test_a_command_that_should_have_been_refused_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(laws, "NONSENSE", (Command(0, "jump", {}),))
    with pytest.raises(Broken, match="'jump' with nonsense in it was not refused"):
        LAWS["refusals"](case_of(str(written(tmp_path)), 1, 4))


def test_a_refusal_that_changes_the_world_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.core.errors import CommandError

    def sloppy(blueprint: Blueprint, state: State, commands: object, script: object) -> State:
        if commands and any(c.kind == "dance" for c in commands):  # type: ignore[attr-defined]
            state.subtitle += "?"
            raise CommandError("no")
        return step(blueprint, state, commands, script)  # type: ignore[arg-type]

    step = laws.step
    monkeypatch.setattr(laws, "step", sloppy)
    with pytest.raises(Broken, match="'dance' changed the world"):
        LAWS["refusals"](case_of(str(written(tmp_path)), 1, 4))


def test_the_made_up_visitor_does_everything_and_is_the_same_every_time() -> None:
    world = case_of("gallery", 3, 1).world
    commands, again, others = (list(laws.made_up_commands(world, seed, 1000)) for seed in (3, 3, 4))
    assert {c.kind for c in commands} >= set(laws.DEEDS) and commands == again != others
