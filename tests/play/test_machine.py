"""What doctor finds, and whether the kernels have to be compiled."""

import os
from pathlib import Path

import pytest

from engine.play import machine


def test_kernels_count_as_compiled_only_when_they_are_newer_than_every_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert not machine.kernels_are_compiled()
    sources = [p for p in Path(machine.__file__).parent.parent.rglob("*.py") if b"\n@njit" in p.read_bytes()]
    for source in sources:
        (tmp_path / f"{source.stem}.kernel-1.py311.nbi").touch()
    assert sources and machine.kernels_are_compiled()
    os.utime(tmp_path / f"{sources[0].stem}.kernel-1.py311.nbi", (0, 0))
    assert not machine.kernels_are_compiled()


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
