"""How soon a person sees what they saved, and what they started; see docs/BENCHMARKS.md.

`python -m pytest --slow -s tests/bench/test_authoring.py` prints. Times are never asserted.
"""

import gc
import os
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
STARTS = 5
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


READ = """
import sys, time
from engine.script.worldfile import load
from engine.state.world import new_state
start = time.perf_counter()
new_state(load(sys.argv[1]).blueprint, 1)
print(time.perf_counter() - start)
"""
PLAY = [sys.executable, "-m", "engine", "play", "--seconds", "0.1"]


@pytest.mark.parametrize("name", ["courtyard", "town", "village"])
def test_from_the_command_to_the_first_picture(tmp_path: Path, name: str) -> None:
    """From the start of `daguerre play` until its window shows a picture, the rehearsal of a world that is not shipped
    included; and how long a reading alone takes. The village is the generated one of 1024 x 1024 x 32 m.
    """
    path = name
    if name == "village":
        (tmp_path / "village.star").write_text(text_of(1024))
        path = str(tmp_path / "village.star")
    settings = {**os.environ, "DISPLAY": ":0", "SDL_VIDEODRIVER": "offscreen", "XDG_DATA_HOME": str(tmp_path)}
    rows = []
    for _ in range(STARTS):
        read = subprocess.run([sys.executable, "-c", READ, path], capture_output=True, text=True, check=True)
        start, cpu = time.perf_counter(), _children_cpu_s()
        with subprocess.Popen([*PLAY, path], stderr=subprocess.PIPE, text=True, env=settings) as playing:
            assert playing.stderr is not None
            took = [time.perf_counter() - start for line in playing.stderr if line.startswith("First picture")]
        assert took, f"{path}: play ended without a picture"
        rows.append((float(read.stdout), took[0], _children_cpu_s() - cpu))
    for what, column in zip(
        ("read", "first picture", "processor, until it ends"), zip(*rows, strict=True), strict=True
    ):
        print(f"\n{name}: {what} {min(column):.2f} s at least, {median(column):.2f} in the middle", end="")


def _children_cpu_s() -> float:
    """Processor time of all processes that were begun here and have ended."""
    took = os.times()
    return took.children_user + took.children_system
