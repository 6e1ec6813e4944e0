"""What the size of a world costs, and a walk of two minutes through 1024 m of it; see docs/BENCHMARKS.md.

`python -m pytest --slow -s tests/bench/test_large_worlds.py` prints. Times are processor time, which is never asserted;
pixels and memory are.
"""

import time
from pathlib import Path
from statistics import median

import moderngl
import numpy as np
import pytest

from engine.film.camera import Renderer
from engine.script.worldfile import LoadedWorld, load
from engine.sim.actions import set_voxels
from engine.sim.extract import extract
from engine.sim.step import step
from engine.state import snapshot
from engine.state.commands import Command
from engine.state.world import State, new_state
from tests.large_world import text_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

SIZE_PX = (320, 180)
SIZES_M = (32, 128, 512, 1024)
MINUTES_2 = 2 * 60 * 64  # ticks
FRAME_TICKS = 64
SAMPLES = 20


def made(folder: Path, size_m: int) -> LoadedWorld:
    path = folder / f"village{size_m}.star"
    path.write_text(text_of(size_m))
    return load(path)


def resident_mb() -> float:
    """Memory of this process that is in use now; 0 where the system does not tell."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return sum(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def ms(start: float) -> float:
    return (time.process_time() - start) * 1e3


def walked(world: LoadedWorld, state: State, ticks: int) -> None:
    for _ in range(ticks):
        step(world.blueprint, state, (), world.script)


def test_cost_against_the_size_of_the_world(tmp_path: Path, gl: moderngl.Context) -> None:
    names = ("load", "state", "first picture", "tick", "frame", "edit, relit", "digest", "save", "memory MB")
    print("\nsize m |", " | ".join(names))
    made(tmp_path, 32)
    for size_m in SIZES_M:
        row, start = [], time.process_time()
        world = made(tmp_path, size_m)
        row.append(ms(start))
        start = time.process_time()
        state = new_state(world.blueprint, 7)
        row.append(ms(start))
        step(world.blueprint, state, [Command(0, "move", {"forward": 1.0})], world.script)
        renderer = Renderer(SIZE_PX, "neural", context=gl)
        if size_m == SIZES_M[0]:  # compiles what is not compiled yet
            renderer.render(extract(world.blueprint, state))
            renderer.invalidate()
        start = time.process_time()
        renderer.render(extract(world.blueprint, state))
        row.append(ms(start))
        ticks, frames, edits, digests = [], [], [], []
        for _ in range(30):
            start = time.process_time()
            walked(world, state, 2)
            ticks.append(ms(start) / 2)
            start = time.process_time()
            renderer.render(extract(world.blueprint, state))
            frames.append(ms(start))
        for turn in range(10):
            x, y, _ = (int(4 * v) for v in state.columns.position[0])
            set_voxels(world.blueprint, state, (x + 12, y, 16), (x + 14, y + 2, 23), turn % 2)
            start = time.process_time()
            digest = state.digest()
            digests.append(ms(start))
            start = time.process_time()
            renderer.render(extract(world.blueprint, state))
            edits.append(ms(start))
        start = time.process_time()
        data = snapshot.save(world.blueprint, state)
        saved = ms(start)
        assert snapshot.load(world.blueprint, data).digest() == digest
        row += [median(ticks), median(frames), median(edits), median(digests), saved, resident_mb()]
        print(f"{size_m} |", " | ".join(f"{v:.1f}" for v in row), flush=True)
        renderer.release()


@pytest.mark.parametrize("look", ["raster", "neural"])
def test_a_walk_of_two_minutes_through_a_large_world(tmp_path: Path, gl: moderngl.Context, look: str) -> None:
    world = made(tmp_path, 1024)
    state = new_state(world.blueprint, 7)
    renderer = Renderer(SIZE_PX, look, context=gl)
    step(world.blueprint, state, [Command(0, "move", {"forward": 1.0, "run": True})], world.script)
    frames: list[float] = []  # ms, where the window stayed
    moves: list[float] = []  # ms, where it moved
    memory, window = [], np.full(3, -1)
    n_frames = MINUTES_2 // FRAME_TICKS
    for frame in range(n_frames):
        walked(world, state, FRAME_TICKS)
        view = extract(world.blueprint, state)
        start = time.process_time()
        picture = renderer.render(view).rgb.copy()
        (frames if np.array_equal(window, renderer._window.low) else moves).append(ms(start))
        window = renderer._window.low
        memory.append(resident_mb())
        if frame % (n_frames // SAMPLES) == n_frames // SAMPLES - 1:
            fresh = Renderer(SIZE_PX, look, context=gl)
            assert np.array_equal(picture, fresh.render(view).rgb), f"frame {frame}"
            fresh.release()
    halves = median(frames[: len(frames) // 4]), median(frames[-len(frames) // 4 :])
    thirds = [max(part) for part in np.array_split(np.array(memory), 3)]
    print(f"\n{look}: {state.columns.position[0, 0]:.0f} m; a frame {halves[0]:.1f} ms in the first quarter, "
          f"{halves[1]:.1f} in the last; {len(moves)} moves of the window, {median(moves):.0f} ms each; "
          f"memory {thirds[0]:.0f}, {thirds[1]:.0f}, {thirds[2]:.0f} MB by thirds of the way")  # fmt: skip
    assert state.columns.position[0, 0] > 500.0 and len(moves) >= 15
    assert thirds[2] < 1.1 * thirds[1] + 30.0  # what is left is how finely a whole process can be measured
