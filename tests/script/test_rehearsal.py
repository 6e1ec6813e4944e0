"""A stranger's world is tried in a process of its own: what ends that process is refused in one sentence."""

import sys
from pathlib import Path

import pytest

from engine.core.errors import WorldFileError
from engine.script import rehearsal
from tests.script.authoring import written


def test_a_good_world_passes_and_one_that_is_merely_wrong_is_left_to_its_reader(tmp_path: Path) -> None:
    rehearsal.rehearse(written(tmp_path))
    rehearsal.rehearse(written(tmp_path, "fil()"))
    rehearsal.rehearse(tmp_path / "missing.star")


@pytest.mark.parametrize(
    ("deed", "says"),
    [
        ("list(range(300 << 20))", "needs more than 1,024 MiB of memory and was not loaded"),
        ("__import__('os').abort()", "or ended the process, so it was not loaded"),
        ("__import__('ctypes').string_at(0)", "or ended the process, so it was not loaded"),
    ],
)
def test_what_ends_the_process_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deed: str, says: str
) -> None:
    """The world itself cannot do any of this, so the other process is made to do it when it loads the file."""
    (tmp_path / "sitecustomize.py").write_text(
        "import engine.script.worldfile as w\nold = w.load\n"
        f"def load(path):\n    {deed}\n    return old(path)\nw.load = load\n"
    )
    monkeypatch.setattr(sys, "executable", _with_prelude(tmp_path))
    with pytest.raises(WorldFileError, match=says) as caught:
        rehearsal.rehearse(written(tmp_path))
    assert str(tmp_path / "test.star") in str(caught.value) and "\n" not in str(caught.value)


def _with_prelude(folder: Path) -> str:
    """A Python that meets the folder's sitecustomize first."""
    python = folder / "python"
    root = Path(__file__).parent.parent.parent
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{folder}:{root}" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    return str(python)
