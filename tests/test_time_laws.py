"""Laws of time over every world in worlds/: saved, loaded, repeated elsewhere and for long, it is the same world."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from engine.script.worldfile import load
from engine.sim.recording import synctest
from engine.sim.step import step
from engine.state.world import new_state
from tests.environments import ROOT, commands_at, digests_elsewhere

WORLDS = sorted(
    str(path.relative_to(ROOT)) for path in (ROOT / "worlds").glob("**/*.star") if path.parent.name != "lib"
)
LARGE_VOXELS = 1_000_000  # to make their grid takes most of the time
PYTHONS = os.environ.get("DAGUERRE_PYTHONS", "python3.12:python3.13:python3.14")  # others to try where they are

VARIANTS: Mapping[str, Mapping[str, str]] = {
    "hash seed 0": {"PYTHONHASHSEED": "0"},
    "hash seed 1": {"PYTHONHASHSEED": "1"},
    "hash seed random": {"PYTHONHASHSEED": "random"},
    "no AVX2": {"NPY_DISABLE_CPU_FEATURES": "X86_V3 AVX2 FMA3"},
    "another BLAS": {"OPENBLAS_CORETYPE": "Sandybridge", "OPENBLAS_NUM_THREADS": "1"},
    "threads": {"OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2", "NUMBA_NUM_THREADS": "1"},
    "time zone": {"TZ": "Pacific/Kiritimati"},
    "locale": {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"},
    "another folder": {"cwd": "/"},
    "python -O": {"flags": "-O"},
    "with pictures": {"render": "yes"},
}


def variant(name: str, ticks: int, settings: Mapping[str, str], python: str = sys.executable) -> list[str]:
    """The digests of a world under a variant."""
    environment = {k: v for k, v in settings.items() if k.isupper()}
    flags = tuple(settings.get("flags", "").split())
    cwd = Path(settings.get("cwd", ROOT))
    path = str(ROOT / name)
    return digests_elsewhere(path, ticks, python, flags, "render" in settings, cwd, **environment)


def other_pythons() -> list[str]:
    """Interpreters of other versions that have what the simulation needs."""
    found = []
    for name in PYTHONS.split(":"):
        program = "import sys, numpy, msgpack, starlark; print(sys.version_info[:2])"
        path = shutil.which(name)
        if path is None:
            continue
        answer = subprocess.run([path, "-c", program], capture_output=True, text=True)
        if answer.returncode == 0 and answer.stdout.strip() != str(sys.version_info[:2]):
            found.append(path)
    return found


def sync(name: str, before: int, ticks: int) -> None:
    world = load(ROOT / name)
    state = new_state(world.blueprint, 7)
    while state.tick < before:
        step(world.blueprint, state, commands_at(state.tick), world.script)
    assert synctest(world.blueprint, state, ticks, world.script) is None


@pytest.mark.parametrize("name", WORLDS)
def test_saved_and_loaded_before_every_tick_it_is_the_same_world(name: str) -> None:
    large = load(ROOT / name).blueprint.voxels.size > LARGE_VOXELS
    sync(name, 20, 10 if large else 30)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", WORLDS)
def test_saved_and_loaded_two_thousand_times_it_is_the_same_world(name: str) -> None:
    sync(name, 0, 2000)


def test_the_digest_does_not_depend_on_the_process() -> None:
    at_once = {**VARIANTS["no AVX2"], **VARIANTS["another folder"], **VARIANTS["locale"], **VARIANTS["time zone"]}
    runs = [variant("worlds/gallery.star", 100, s) for s in (VARIANTS["hash seed 0"], at_once, VARIANTS["python -O"])]
    assert runs[0] == runs[1] == runs[2]


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("name", ["worlds/courtyard.star", "worlds/playground.star", "worlds/town.star"])
def test_ten_thousand_ticks_are_the_same_in_every_environment(name: str) -> None:
    runs = {label: variant(name, 10_000, settings) for label, settings in VARIANTS.items()}
    runs |= {python: variant(name, 10_000, {}, python) for python in other_pythons()}
    assert len(set(map(tuple, runs.values()))) == 1, runs
    assert len(next(iter(runs.values()))) == 10
    print(f"{name}: {len(runs)} environments ({', '.join(runs)}), digest {next(iter(runs.values()))[-1]}")


@pytest.mark.slow
@pytest.mark.timeout(24 * 3600)
@pytest.mark.skipif("DAGUERRE_MILLION" not in os.environ, reason="an hour or so: set DAGUERRE_MILLION=1")
def test_a_million_ticks_are_the_same_in_two_processes() -> None:
    command = [sys.executable, "-m", "engine", "run", "courtyard", "--ticks", "1000000", "--seed", "7", "--json"]
    processes = [
        subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": seed}, stdout=subprocess.PIPE)
        for seed in ("0", "1")
    ]
    first, second = (json.loads(process.communicate()[0]) for process in processes)
    assert first["ticks"] == 1_000_000 and first["digest"] == second["digest"]
    print(f"a million ticks of the courtyard: digest {first['digest']}, {first['ticks_per_second']} ticks/s")
