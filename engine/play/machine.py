"""What this machine has, for `daguerre doctor` and for the loading screen; packages are looked up, not imported."""

import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from engine.core.errors import DaguerreError
from engine.play.headless import missing_display

PACKAGES = ("numpy", "numba", "msgpack", "starlark-pyo3", "moderngl", "pygame", "av", "pillow", "safetensors")
TEACHER = ("torch", "mitsuba", "mitsuba-oidn", "flip-evaluator")

Finding = str | dict[str, str]


def findings() -> dict[str, Finding]:
    """Everything worth knowing when a picture does not come, by topic. What fails is said in its place."""
    import numba

    compiled = "compiled" if kernels_are_compiled() else "not all compiled yet; `daguerre doctor --compile` does it"
    return {
        "daguerre": version_of("daguerre"),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}, Python {platform.python_version()}",
        "processor": f"{os.cpu_count()} threads, numba uses {numba.get_num_threads()}; light kernels {compiled}",
        "opengl": opengl(),
        "gpu": gpu(),
        "display": display(),
        "weights": weights(),
        "teacher": {name: version_of(name) for name in TEACHER},
        "packages": {name: version_of(name) for name in PACKAGES},
    }


def version_of(distribution: str) -> str:
    """The installed version of a package, or that it is not installed."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def opengl() -> Finding:
    """Who draws."""
    from engine.raster.context import device_of, open_context

    try:
        context = open_context()
    except DaguerreError as error:
        return str(error)
    device = device_of(context)
    context.release()
    speed = "software" if "llvmpipe" in device.renderer or "softpipe" in device.renderer else "hardware"
    return {"renderer": device.renderer, "vendor": device.vendor, "version": device.version, "kind": speed}


def gpu() -> str:
    """NVIDIA GPUs by name; others draw through OpenGL and show there."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return "no NVIDIA GPU found"
    try:
        query = [program, "--query-gpu=name,memory.total", "--format=csv,noheader"]
        answer = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        return f"nvidia-smi does not answer: {error}"
    return "; ".join(line.strip() for line in answer.stdout.splitlines()) or "no NVIDIA GPU found"


def display() -> str:
    """Whether a window may open."""
    reason = missing_display(dict(os.environ), sys.platform)
    if reason is not None:
        return f"none ({reason}); `daguerre play` films instead"
    return os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY") or "the system's own"


def weights() -> Finding:
    """The network's weights and their digest."""
    from engine.light import network

    try:
        return {"file": network.SHIPPED.name, "digest": network.load(network.SHIPPED).digest}
    except DaguerreError as error:
        return f"{error}; pictures use the classical look"


def kernels_are_compiled() -> bool:
    """Whether numba kept compiled kernels of an earlier start that are newer than their source."""
    engine = Path(__file__).parent.parent
    kept: dict[str, float] = {}  # name of the source file -> when its newest kernel was compiled
    own = os.environ.get("NUMBA_CACHE_DIR")
    for folder in [Path(own)] if own else [engine, Path.home() / ".cache" / "numba"]:
        for kernel in folder.rglob("*.nbi"):
            name = kernel.name.split(".")[0]
            kept[name] = max(kept.get(name, 0.0), kernel.stat().st_mtime)
    return all(kept.get(path.stem, 0.0) >= path.stat().st_mtime for path in kernel_sources(engine))


def kernel_sources(engine: Path) -> list[Path]:
    """The files with kernels that play needs: not the teacher's, nor slow definitions."""
    return [
        path
        for path in engine.rglob("*.py")
        if "teach" not in path.parts and "reference" not in path.stem and b"\n@njit" in path.read_bytes()
    ]
