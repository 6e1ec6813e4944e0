"""A run of a world in a process of its own, for tests that change everything about the process and nothing else.

`python -m tests.environments WORLD TICKS [render]` prints the digest of every thousandth tick and of the last.
"""

import os
import subprocess
import sys
from pathlib import Path

from engine.script.worldfile import load
from engine.sim.step import step
from engine.state.commands import Command
from engine.state.world import new_state

ROOT = Path(__file__).parent.parent
FRAME_TICKS = 250  # between pictures, where there are any


def commands_at(tick: int) -> list[Command]:
    """Somebody who wanders about, looks round, uses things and jumps, in any world."""
    if tick % 97 == 0:
        return [Command(tick, "move", {"forward": 1.0, "right": (tick % 3 - 1) / 2, "run": tick % 2 == 0})]
    if tick % 31 == 0:
        return [Command(tick, "look", {"yaw": 0.7 - (tick % 13) / 10, "pitch": 0.01})]
    if tick % 211 == 0:
        return [Command(tick, "use"), Command(tick, "jump")]
    return []


def digests(name: str, ticks: int, render: bool) -> list[str]:
    """The digests of a run; with `render`, of one that is looked at."""
    world = load(name)
    state, found = new_state(world.blueprint, 7), []
    renderer = None
    if render:
        from engine.film.camera import Renderer

        renderer = Renderer((32, 18), "classical")
    while state.tick < ticks:
        step(world.blueprint, state, commands_at(state.tick), world.script)
        if renderer is not None and state.tick % FRAME_TICKS == 0:
            from engine.sim.extract import extract

            renderer.render(extract(world.blueprint, state, alpha=0.5))
        if state.tick % 1000 == 0 or state.tick == ticks:
            found.append(f"{state.digest():016x}")
    return found


def digests_elsewhere(
    name: str,
    ticks: int,
    python: str = sys.executable,
    flags: tuple[str, ...] = (),
    render: bool = False,
    cwd: Path = ROOT,
    **environment: str,
) -> list[str]:
    """The same from another process with changed environment variables."""
    command = [python, *flags, "-m", "tests.environments", name, str(ticks), *(["render"] if render else [])]
    settings = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    answer = subprocess.run(command, cwd=cwd, env=settings, capture_output=True, text=True, timeout=3600)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.split()


if __name__ == "__main__":
    print(*digests(sys.argv[1], int(sys.argv[2]), "render" in sys.argv[3:]))
