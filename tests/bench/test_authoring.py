"""How soon a person sees what they saved, and what they started; see docs/BENCHMARKS.md.

`python -m pytest --slow -s tests/bench/test_authoring.py` prints. Times are never asserted.
"""

import gc
import subprocess
import sys
import time
from pathlib import Path
from shutil import copytree
from statistics import median

import moderngl
import numpy as np
import pytest

from engine.film.camera import Renderer
from engine.play.authoring import Author
from engine.play.session import Session
from engine.script.assets import find_world
from engine.script.worldfile import load
from engine.sim.step import step
from engine.state.world import new_state
from tests.large_world import text_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

SIZE_PX = (640, 360)  # a window's own
TEXELS_PER_FRAME = 500  # as in a window
TURNS = 3
WALKED = 130  # ticks before: everybody is on the way

GLOW = "lamp(size = (0.28, 0.28, 0.38), colour = WARM, power = 85, dusk = True, offset = (0, 0, 3.43))"
SPAWN = 'spawn("street lamp", name = "lamp %d" % n, at = (x, y, G), solid = True, lamp = glow)'
CORNERS = "CORNERS = ["
CHANGES = {  # what an author does to a lamp of the town, and how
    "brighter": (GLOW, GLOW.replace("85", "140 if n == 5 else 85")),
    "another colour": (GLOW, GLOW.replace("WARM", '"#ff4020" if n == 5 else WARM')),
    "moved by 0.4 m": (SPAWN, SPAWN.replace("(x, y, G)", "(x + 0.4 if n == 5 else x, y, G)")),
    "put in before the others": (
        CORNERS, f'spawn("street lamp", name = "another", at = (62.5, 49, G), solid = True, lamp = {GLOW})\n{CORNERS}',
    ),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_lamp_of_the_town_saved_at_night(gl_context: moderngl.Context, tmp_path: Path, change: str) -> None:
    """From the save to the picture that shows it; the lamp and its square in view."""
    path = copytree(find_world("town").parent, tmp_path / "worlds") / "town.star"
    before = path.read_text().replace("hour = 16.7, day_rate = 60", "hour = 21.0, day_rate = 0")
    assert all(before.count(text) == 1 for text, _ in CHANGES.values())
    after = before.replace(*CHANGES[change])
    path.write_text(before)
    world = load(path)
    state = new_state(world.blueprint, 7)
    for _ in range(WALKED):
        step(world.blueprint, state, (), world.script)
    renderer = Renderer(SIZE_PX, "neural", context=gl_context)
    author = Author(world, lambda known: load(path, known))
    session = Session(world, state, renderer, camera="market", author=author)
    session.picture()
    gc.freeze()  # as the loop does
    renderer.texels_per_frame = TEXELS_PER_FRAME
    took: list[tuple[float, float, int]] = []
    clock = time.perf_counter_ns()

    def stats() -> dict[str, object]:
        """What the next picture says of itself: one turn of the loop."""
        nonlocal clock
        before, clock = clock, time.perf_counter_ns()
        session.advance(clock - before)
        return session.picture()[0].stats

    for text in TURNS * (after, before):
        while (now := stats())["light_behind"] or now["pages_stale"]:
            pass
        shown, people = session.world, session.state.columns.position.copy()
        path.write_text(text)
        wall, cpu, frames = time.perf_counter(), time.process_time(), 0
        while session.world is shown:
            stats()
            frames += 1
        took.append((time.perf_counter() - wall, time.process_time() - cpu, frames))
        now_at = session.state.columns.position
        nearest = [float(np.abs(now_at - at).max(1).min()) for at in people]
        assert np.quantile(nearest, 0.9) < 1.0  # who walks goes on, whatever numbers they have now
    gc.unfreeze()
    renderer.release()
    columns = list(zip(*took, strict=True))
    print(
        f"\n{change}: the picture after {median(columns[0]):.2f} s ({min(columns[0]):.2f} to {max(columns[0]):.2f}), "
        f"{median(columns[1]):.2f} s of processor time, in frame {median(columns[2])}"
    )


PLAYED = """
import time
start, cpu = time.perf_counter(), time.process_time()
import sys
import engine.cli
from engine.script.worldfile import load
from engine.sim.extract import extract
from engine.state.world import new_state
before = time.perf_counter()
world = load(sys.argv[1])
state = new_state(world.blueprint, 1)
read = time.perf_counter() - before
from engine.film.camera import Renderer
renderer = Renderer((640, 360), texels_per_frame=500)
renderer.render(extract(world.blueprint, state))
took, cpu = time.perf_counter() - start, time.process_time() - cpu
print(f"read in {read:.2f} s, first picture after {took:.2f} s, {cpu:.2f} s of processor time")
"""


@pytest.mark.parametrize("name", ["courtyard", "town", "village"])
def test_from_the_start_of_a_process_to_the_first_picture(tmp_path: Path, name: str) -> None:
    """As `daguerre play` does it, without a window: the village is the generated one of 1024 x 1024 x 32 m."""
    path = name
    if name == "village":
        (tmp_path / "village.star").write_text(text_of(1024))
        path = str(tmp_path / "village.star")
    for _ in range(TURNS):
        done = subprocess.run([sys.executable, "-c", PLAYED, path], capture_output=True, text=True, check=True)
        print(f"\n{name}: {done.stdout.strip()}")
