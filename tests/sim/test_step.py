"""The same world, seed and commands give the same digest, everywhere and from every starting point."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.core.errors import CommandError
from engine.sim.extract import extract
from engine.sim.recording import run, synctest
from engine.sim.step import step
from engine.state.commands import Command
from engine.state.world import new_state
from tests.worlds_for_tests import crowd, lively_world

ROOT = Path(__file__).parent.parent.parent
PROGRAM = """
from tests.sim.test_step import COMMANDS
from tests.worlds_for_tests import lively_world
from engine.sim.recording import run
from engine.state.world import new_state
print(run(lively_world(), new_state(lively_world(), 7), 1500, COMMANDS).digest())
"""
COMMANDS = [
    Command(3, "move", {"forward": 1.0, "run": True}),
    Command(60, "look", {"yaw": 0.7}),
    Command(90, "jump"),
    Command(200, "set_voxels", {"low": [30, 30, 2], "high": [34, 34, 6], "material": 2}),
    Command(400, "look", {"yaw": 2.0}),
    Command(500, "set_clock", {"hour": 3.0}),
    Command(700, "teleport", {"position": [6.0, 7.5, 0.5], "yaw": 3.14, "pitch": 0.0}),
    Command(701, "use"),
    Command(702, "set_lamp", {"entity": "bulb", "on": True}),
]


def digest_elsewhere(**environment: str) -> int:
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(result.stdout)


def test_other_processes_hash_seeds_and_processors_agree() -> None:
    here = run(lively_world(), new_state(lively_world(), 7), 1500, COMMANDS).digest()
    assert digest_elsewhere(PYTHONHASHSEED="0") == here
    assert digest_elsewhere(PYTHONHASHSEED="1", NPY_DISABLE_CPU_FEATURES="X86_V3 AVX2 FMA3") == here


def test_looking_changes_nothing() -> None:
    blueprint = lively_world()
    seen, unseen = new_state(blueprint, 7), new_state(blueprint, 7)
    for _ in range(200):
        step(blueprint, seen)
        extract(blueprint, seen, alpha=0.3)
        step(blueprint, unseen)
    assert seen.digest() == unseen.digest()


def test_saving_and_loading_before_every_tick_changes_nothing() -> None:
    blueprint = lively_world()
    state = run(blueprint, new_state(blueprint, 1), 100, COMMANDS)
    assert synctest(blueprint, state, 200) is None


def test_synctest_finds_what_is_not_saved() -> None:
    """A script that remembers something outside the state is found out, by the name of the section it spoils."""

    class Forgetful:
        calls = 0

        def handle(self, blueprint: object, state: object, handler_name: str, args: object) -> None:
            self.calls += 1
            state.variables["calls"] = self.calls  # type: ignore[attr-defined]

    blueprint = lively_world()
    object.__setattr__(blueprint, "handlers", {"tick": ("count",)})
    assert synctest(blueprint, new_state(blueprint), 3, Forgetful()) == "tick 1: variables"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (Command(5, "use"), "belongs to tick 5, but this is tick 0"),
        (Command(0, "look", {"yaw": float("nan")}), "yaw"),
        (Command(0, "teleport", {"position": [-3.0, 1.0, 1.0], "yaw": 0.0, "pitch": 0.0}), "outside of this world"),
        (Command(0, "set_lamp", {"entity": "nobody", "on": True}), "nothing named .nobody."),
        (Command(0, "set_lamp", {"entity": "ann", "on": True}), "is no lamp"),
        (Command(0, "set_voxels", {"low": [0, 0, 0], "high": [99, 1, 1], "material": 1}), "not inside this world"),
        (Command(0, "set_voxels", {"low": [0, 0, 0], "high": [0, 1, 1], "material": 1}), "is empty"),
        (Command(0, "set_voxels", {"low": [0, 0, 0], "high": [1, 1, 1], "material": 9}), "materials 0 to 4"),
    ],
)
def test_a_refused_command_leaves_the_whole_tick_undone(command: Command, why: str) -> None:
    blueprint = lively_world()
    state = new_state(blueprint)
    before = state.digest()
    with pytest.raises(CommandError, match=why):
        step(blueprint, state, [Command(0, "move", {"forward": 1.0}), command])
    assert state.digest() == before
    assert state.tick == 0


@pytest.mark.slow
def test_a_crowd_of_ten_thousand_is_deterministic() -> None:
    blueprint = crowd()
    assert run(blueprint, new_state(blueprint, 1), 50).digest() == run(blueprint, new_state(blueprint, 1), 50).digest()
