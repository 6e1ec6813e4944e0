"""All commands: one clear sentence and an exit code for each mistake, and nothing imported that is not needed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, Daguerre, in_a_process


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("run", "nowhere"), 2, "nowhere"),
        (("run", "missing/file.star"), 2, "missing/file.star"),
        (("run", "courtyard", "--inputs", "none.jsonl"), 1, "none.jsonl"),
        (("run", "courtyard", "--load", "none.snap"), 1, "none.snap: the snapshot cannot be read"),
        (("run", "courtyard", "--ticks", "0", "--save", "/dev/null/x"), 1, "cannot write /dev/null/x"),
        (("render", "courtyard", "--size", "0x9"), 1, "--size is '0x9'"),
        (("render", "courtyard", "--size", "640"), 1, "such as 640x360"),
        (("render", "courtyard", "--look", "oil"), 1, "neural, classical, raster"),
        (("render", "courtyard", "--cache", "maybe"), 1, "on or off"),
        (("render", "courtyard", "--out", "a.gif"), 1, "only .png and .mp4"),
        (("render", "courtyard", "--camera", "moon"), 1, "no camera 'moon'; it has eyes"),
        (("render", "courtyard", "--out", "/dev/null/x.png", "--look", "raster"), 1, "cannot write /dev/null/x.png"),
        (("play", "nowhere"), 2, "nowhere"),
        (("eval", "--worlds", "nowhere"), 2, "nowhere"),
        (("eval", "--worlds", "courtyard,nowhere"), 2, "nowhere"),
        (("eval", "--size", "0x9"), 1, "--size is '0x9'"),
        (("eval", "--report", "/dev/null/page"), 1, "cannot write /dev/null/page"),
        (("eval", "--sheet", "/dev/null/sheet.png"), 1, "cannot write /dev/null/sheet.png"),
        (("eval", "--sheet", "sheet.gif"), 1, "a sheet is a .png"),
        (("teach", "everything"), 1, "lessons, train or all"),
        (("teach", "train", "--out", "weights.txt"), 1, "weights are .safetensors files"),
        (("teach", "train", "--folder", "empty", "--out", "w.safetensors"), 1, "no lessons"),
        (("teach", "train", "--out", "/dev/null/w.safetensors"), 1, "cannot write /dev/null/w.safetensors"),
        (("teach", "lessons", "--folder", "/dev/null/lessons"), 1, "cannot write /dev/null/lessons"),
    ],
)
def test_a_mistake_is_one_sentence_and_an_exit_code(
    daguerre: Daguerre, arguments: tuple[str, ...], code: int, said: str
) -> None:
    answer = daguerre(*arguments)
    assert answer.code == code and answer.out == ""
    lines = [line for line in answer.err.splitlines() if not line.startswith("No window")]
    assert len(lines) == 1 and lines[0].startswith("daguerre: ") and said in lines[0]


def test_an_unknown_command_is_a_usage_error(daguerre: Daguerre) -> None:
    answer = daguerre("fly")
    assert answer.code == 2 and answer.out == "" and "fly" in answer.err


def test_python_m_engine_is_the_same_command_and_keeps_colours_to_itself() -> None:
    answer = in_a_process("--help", NO_COLOR="1", TERM="xterm-256color")
    assert answer.returncode == 0 and "render" in answer.stdout and "\x1b" not in answer.stdout


def test_what_commands_never_import() -> None:
    program = (
        "import sys; from engine import cli; sys.argv = {argv!r}\n"
        "try:\n    cli.main()\nexcept SystemExit as stop:\n    assert not stop.code, stop.code\n"
        "print(*[m for m in {never!r} if m in sys.modules], file=sys.stderr)"
    )
    cases = [
        (["daguerre", "run", "courtyard", "--ticks", "3"], ["torch", "moderngl", "numba", "pygame", "PIL", "av"]),
        (["daguerre", "check", "courtyard"], ["torch", "moderngl", "numba", "pygame"]),
    ]
    for argv, never in cases:
        code = program.format(argv=argv, never=never)
        answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert answer.returncode == 0 and answer.stderr.strip() == ""


def test_playing_never_imports_torch(tmp_path: Path, opengl: None) -> None:
    code = (
        "import sys; from engine import cli\n"
        "sys.argv = ['daguerre', 'play', 'courtyard', '--seconds', '0.1', '--size', '32x18']\n"
        "try:\n    cli.main()\nexcept SystemExit as stop:\n    assert not stop.code, stop.code\n"
        "print('torch' in sys.modules, 'mitsuba' in sys.modules)"
    )
    settings = {**os.environ, "SDL_VIDEODRIVER": "dummy", "PYTHONPATH": str(ROOT)}
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=settings, capture_output=True, text=True, timeout=280
    )
    assert answer.returncode == 0 and answer.stdout.strip() == "False False"
