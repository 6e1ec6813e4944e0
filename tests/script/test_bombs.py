"""Hostile worlds: each bomb is cut at the same count, takes little memory and is named, and the world goes on."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.core.errors import DaguerreError, LimitError, WorldFileError
from engine.script.worldfile import HANDLER_STEPS, load
from engine.sim.script_port import TICK_STEPS
from engine.sim.step import step
from engine.state.world import State, new_state
from tests.script.authoring import BASE, loaded, written
from tests.script.bombs import HOSTILE, MEMORY, PING_PONG, as_handler

ALL = {**MEMORY, **HOSTILE}
SLOWEST_TICK_S = 0.5  # of processor time, on any machine; docs/BENCHMARKS.md has what was measured
MOST_GROWTH_MIB = 64
ROOT = Path(__file__).parent.parent.parent


def four_ticks(folder: Path, text: str) -> tuple[State, list[tuple[str, str]], float]:
    """A world after four ticks, what its script errors said, and the processor time of the slowest tick."""
    world = loaded(folder, text)
    state, said, slowest = new_state(world.blueprint, 7), [], 0.0
    for _ in range(4):
        began = time.process_time()
        step(world.blueprint, state, (), world.script)
        slowest = max(slowest, time.process_time() - began)
        said += [(str(e.args[0]), str(e.args[1])) for e in state.queue if e.kind == "script_error"]
    return state, said, slowest


@pytest.mark.parametrize("bomb", ALL)
def test_a_bomb_in_a_handler_is_cut_at_the_same_count_and_the_world_goes_on(tmp_path: Path, bomb: str) -> None:
    runs = [four_ticks(tmp_path, as_handler(ALL[bomb])) for _ in range(3)]
    assert len({state.digest() for state, _, _ in runs}) == 1
    assert min(slowest for _, _, slowest in runs) < SLOWEST_TICK_S
    for state, said, _ in runs:
        assert [handler for handler, _ in said] == ["act"] and ("test.star:" in said[0][1] or "..." in said[0][1])
        assert state.disabled == {"act"} and state.variables["n"] == 4 and state.tick == 4


@pytest.mark.parametrize("bomb", ALL)
def test_a_bomb_while_a_file_is_read_is_refused_by_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bomb: str
) -> None:
    monkeypatch.setattr("engine.script.worldfile.LOAD_STEPS", 400_000)  # the cut is the same, and comes sooner
    text = f"def act():\n    {ALL[bomb].replace(chr(10), chr(10) + '    ')}\nfor again in range(200):\n    act()\n"
    with pytest.raises(DaguerreError) as caught:
        loaded(tmp_path, text)
    assert isinstance(caught.value, LimitError) or str(caught.value).startswith(str(tmp_path / "test.star"))


def test_bombs_take_little_memory(tmp_path: Path) -> None:
    """All of them, in handlers and at the top of a file, in one process with a limit on its address space."""
    program = f"""
import json, resource, sys
from pathlib import Path
from tests.script.test_bombs import ALL, DaguerreError, as_handler, four_ticks, loaded
folder = Path({str(tmp_path)!r})
four_ticks(folder, "")
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (256 << 20),) * 2)
before, grown = peak(), {{}}
for name, body in ALL.items():
    four_ticks(folder, as_handler(body))
    grown[name] = peak() - before
print(json.dumps(grown))
"""
    if not Path("/proc/self/statm").exists():
        pytest.skip("needs /proc")
    answer = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert answer.returncode == 0, answer.stderr
    assert max(json.loads(answer.stdout).values()) < MOST_GROWTH_MIB


def test_events_that_multiply_are_cut_for_the_whole_tick(tmp_path: Path) -> None:
    digests = []
    for _ in range(3):
        world = loaded(tmp_path, PING_PONG)
        state = new_state(world.blueprint, 7)
        for _ in range(20):
            step(world.blueprint, state, (), world.script)
        assert state.tick == 20 and state.disabled and state.disabled <= {"ping", "pong"}
        digests.append(state.digest())
    assert len(set(digests)) == 1


def test_the_greediest_handler_of_a_full_tick_is_the_one_that_is_named(tmp_path: Path) -> None:
    assert 2 * HANDLER_STEPS <= TICK_STEPS
    modest = 'def modest():\n    for i in range(100): hour()\non("tick", modest)\n'
    greedy = "def greedy(n):\n    for i in range(30000): pass\n"
    send = 'def send():\n    for i in range(10): emit("more", i)\non("tick", send)\non("more", greedy)\n'
    world = loaded(tmp_path, modest + greedy + send)
    state = new_state(world.blueprint, 7)
    for _ in range(3):
        step(world.blueprint, state, (), world.script)
    assert state.disabled == {"greedy"}
    (error,) = [e for e in (*state.events, *state.queue) if e.kind == "script_error"]
    assert "all handlers together ran longer than 200,000 steps in one tick, this one" in str(error.args[1])


def test_two_handlers_that_both_run_too_long_are_both_named(tmp_path: Path) -> None:
    endless = "".join(f"def {n}():\n    for i in range(1000000): pass\non('tick', {n})\n" for n in "zab")
    world = loaded(tmp_path, endless)
    state = new_state(world.blueprint, 7)
    for _ in range(3):
        step(world.blueprint, state, (), world.script)
    assert state.disabled == {"z", "a", "b"}


PARSE_BOMBS = {
    "a sum of a hundred thousand": "x = " + "+".join(["1"] * 100_000),
    "a sum of ten thousand": "x = " + "+".join(["1"] * 10_000),
    "brackets in brackets": "x = " + "[" * 50_000 + "]" * 50_000,
    "calls of calls": "x = len" + "(1)" * 20_000,
    "minus minus": "x = " + "-" * 50_000 + "1",
    "not not": "x = " + "not " * 20_000 + "1",
    "lambdas of lambdas": "x = " + "lambda: " * 10_000 + "1",
    "attributes of attributes": "x = 1" + ".a" * 20_000,
    "else if": "if 1: pass\n" + "elif 2: pass\n" * 10_000,
    "one or the other": "x = " + "1 if 2 else " * 10_000 + "3",
    "blocks in blocks": "".join("  " * i + "if 1:\n" for i in range(99)) + "  " * 99 + "pass",
    "a list of everything": "x = [" + "1, " * 200_000 + "]",
    "a long text": 'x = "' + "a" * 500_000 + '"',
    "a long number": "x = 1" + "0" * 100_000,
    "a file of a megabyte": "#" * 1_000_001,
}


@pytest.mark.parametrize("bomb", PARSE_BOMBS)
def test_a_bomb_for_the_parser_is_refused_at_once(tmp_path: Path, bomb: str) -> None:
    path = written(tmp_path, PARSE_BOMBS[bomb])
    began = time.process_time()
    with pytest.raises((WorldFileError, LimitError)):
        load(path)
    assert time.process_time() - began < 2.0


def test_a_shape_as_large_as_the_world_works_in_slabs(tmp_path: Path) -> None:
    big = BASE.replace("(16, 16, 8)", "(128, 128, 32)")
    grid = loaded(tmp_path, 'sphere((64, 64, 16), 256, "stone")', big).blueprint.voxels
    assert grid.all()
    with pytest.raises(WorldFileError, match="may write 1,073,741,824 voxels together"):
        loaded(tmp_path, 'for i in range(40): sphere((64, 64, 16), 256, "stone")', big)
