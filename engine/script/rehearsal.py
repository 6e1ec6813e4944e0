"""A stranger's world file is read and run in a process of its own first, with limits on memory and processor time.

The limits inside the language are counted and end every bomb that we know; this is for those we do not know. It ends a
process that is there for nothing else: what is refused here may differ between machines, but nothing that runs does.
The voxels that it drew it hands on, so that nobody need draw them twice.
"""

import gc
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from engine.core import garbage
from engine.core.errors import DaguerreError, WorldFileError

if TYPE_CHECKING:
    from engine.script.draft import Drawn

MEMORY_MIB: Final = 1024  # more than the process has when it begins
CPU_S: Final = 60
TICKS: Final = 4
OUT_OF_MEMORY: Final = 77  # exit code


def rehearse(path: str | Path, lint: bool = False) -> "Drawn | None":
    """Reads a world file and runs a few ticks of it elsewhere. WorldFileError where that takes too much.

    Gives what was drawn there, for `load`. What is merely wrong with the file is left for whoever loads it to tell.
    `lint` also tries the linter on it.
    """
    program = f"from engine.script.rehearsal import _perform; _perform({str(path)!r}, {lint})"
    import_path = [p for p in sys.path if p]
    command = [sys.executable, "-c", f"import sys; sys.path[:0] = {import_path!r}; {program}"]
    with tempfile.TemporaryFile() as answer:
        process = subprocess.Popen(command, stdout=answer, stderr=subprocess.DEVNULL)
        try:
            from engine.script import drawnfile, worldfile  # noqa: F401 - who rehearses will read: ready when it is over

            code = process.wait(4 * CPU_S)
        except subprocess.TimeoutExpired:
            code = -1
        finally:
            process.kill()
            process.wait()
        if code == 0:
            answer.seek(0)
            return drawnfile.read(answer)
    if code == OUT_OF_MEMORY:
        raise WorldFileError(f"it needs more than {MEMORY_MIB:,} MiB of memory and was not loaded", str(path))
    raise WorldFileError(f"reading it took more than {CPU_S} s, or ended the process, so it was not loaded", str(path))


@garbage.left_alone()
def _perform(path: str, lint: bool) -> None:
    """What the other process does."""
    from engine.script import drawnfile
    from engine.script.worldfile import check, load
    from engine.sim.step import step
    from engine.state.world import new_state

    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + (MEMORY_MIB << 20)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, OSError):
        pass  # no such limits here: what is left is a process of its own
    try:
        if lint:
            check(path)
            gc.collect()  # what it read need not fit in beside the next reading
        world = load(path)
        state = new_state(world.blueprint)
        for _ in range(TICKS):
            step(world.blueprint, state, (), world.script)
        if world.drawn is not None:
            drawnfile.write(world.drawn, sys.stdout.buffer)
            sys.stdout.buffer.flush()
            os._exit(0)  # somebody waits: to take such a world apart takes a twentieth of a second
    except MemoryError:
        sys.exit(OUT_OF_MEMORY)
    except (DaguerreError, OSError):
        pass  # wrong in some way, which its reader tells, or there is no room to hand on what it drew
