"""Running commands: in this process with a fixture, or in one of their own."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import moderngl
import pytest

from engine import cli

ROOT = Path(__file__).parent.parent.parent
WORLD = str(ROOT / "worlds" / "courtyard.star")


@dataclass(frozen=True)
class Answer:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str


Daguerre = Callable[..., Answer]


@pytest.fixture
def daguerre(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Daguerre:
    """Run a command in this process, in an empty folder without a display."""
    monkeypatch.chdir(tmp_path)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("engine.cli.picturing.user_cache_dir", lambda name: str(tmp_path / "kept"))

    def run(*arguments: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["daguerre", *arguments])
        code: object = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code or 0
        captured = capsys.readouterr()
        assert isinstance(code, int)
        return Answer(code, captured.out, captured.err)

    return run


@pytest.fixture
def opengl(gl_context: moderngl.Context) -> None:
    """For commands that open a context of their own: there must be OpenGL."""


def in_a_process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m engine` with changed environment variables."""
    settings = {**os.environ, **environment}
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        settings.pop(name, None)
    command = [sys.executable, "-m", "engine", *arguments]
    return subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True, timeout=280)
