"""A stranger's world file is read and run in a process of its own first, with limits on memory and processor time.

The limits inside the language are counted and end every bomb that we know; this is for those we do not know. It ends a
process that is there for nothing else: what is refused here may differ between machines, but nothing that runs does.
"""

import subprocess
import sys
from pathlib import Path
from typing import Final

from engine.core.errors import DaguerreError, WorldFileError

MEMORY_MIB: Final = 1024  # more than the process has when it begins
CPU_S: Final = 60
TICKS: Final = 4
OUT_OF_MEMORY: Final = 77  # exit code


def rehearse(path: str | Path, lint: bool = False) -> None:
    """Reads a world file and runs a few ticks of it elsewhere. WorldFileError where that takes too much.

    What is merely wrong with the file is left for whoever loads it to tell. `lint` also tries the linter on it.
    """
    program = f"from engine.script.rehearsal import _perform; _perform({str(path)!r}, {lint})"
    import_path = [p for p in sys.path if p]
    command = [sys.executable, "-c", f"import sys; sys.path[:0] = {import_path!r}; {program}"]
    try:
        code = subprocess.run(command, capture_output=True, timeout=4 * CPU_S).returncode
    except subprocess.TimeoutExpired:
        code = -1
    if code == OUT_OF_MEMORY:
        raise WorldFileError(f"it needs more than {MEMORY_MIB:,} MiB of memory and was not loaded", str(path))
    if code != 0:
        raise WorldFileError(
            f"reading it took more than {CPU_S} s, or ended the process, so it was not loaded", str(path)
        )


def _perform(path: str, lint: bool) -> None:
    """What the other process does."""
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
        world = load(path)
        state = new_state(world.blueprint)
        for _ in range(TICKS):
            step(world.blueprint, state, (), world.script)
    except MemoryError:
        sys.exit(OUT_OF_MEMORY)
    except DaguerreError:
        pass
