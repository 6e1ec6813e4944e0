"""What doctor finds, and whether kernels have to be compiled."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.play import machine


def test_kernels_count_as_compiled_only_when_they_are_newer_than_every_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert not machine.kernels_are_compiled()
    sources = machine.kernel_sources(Path(machine.__file__).parent.parent)
    for source in sources:
        (tmp_path / f"{source.stem}.kernel-1.py311.nbi").touch()
    assert sources and machine.kernels_are_compiled()
    os.utime(tmp_path / f"{sources[0].stem}.kernel-1.py311.nbi", (0, 0))
    assert not machine.kernels_are_compiled()


def test_asking_what_there_is_loads_nothing_that_draws() -> None:
    """It is asked where pictures do not come, and before the window stands."""
    asked = (
        "import sys; from engine.play.machine import kernels_are_compiled as k; k(); print('moderngl' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, timeout=100, check=True)
    assert done.stdout.strip() == "False"


def test_packages_that_are_missing_are_said_so() -> None:
    assert machine.version_of("numpy")[0].isdigit()
    assert machine.version_of("no-such-distribution") == "not installed"


def test_weights_that_are_damaged_are_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.light.network.SHIPPED", tmp_path / "none.safetensors")
    said = machine.weights()
    assert isinstance(said, str) and said.endswith("pictures use the classical look")


@pytest.mark.parametrize("script", ["#!/bin/sh\nexit 9\n", "#!/bin/sh\necho 'NVIDIA H200, 143771 MiB'\n", None])
def test_the_gpu_is_asked_for_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin" if script else str(tmp_path))
    if script:
        (tmp_path / "nvidia-smi").write_text(script)
        (tmp_path / "nvidia-smi").chmod(0o755)
    said = machine.gpu()
    if script is None:
        assert said == "no NVIDIA GPU found"
    elif "exit 9" in script:
        assert said.startswith("nvidia-smi does not answer")
    else:
        assert said == "NVIDIA H200, 143771 MiB"
