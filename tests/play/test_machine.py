"""What doctor finds."""

from pathlib import Path

import pytest

from engine.play import machine


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
