"""The command line: exit codes, one clear sentence for each mistake, and JSON that machines can rely on."""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import moderngl
import pytest
from PIL import Image

from engine import cli

ROOT = Path(__file__).parent.parent
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
    return subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True, timeout=120)


# ---- run


def test_run_prints_one_object_and_the_same_digest_in_other_processes(daguerre: Daguerre) -> None:
    answer = daguerre("run", WORLD, "--ticks", "200", "--seed", "7", "--json")
    assert answer.code == 0 and answer.err == "" and answer.out.count("\n") == 1
    result = json.loads(answer.out)
    assert set(result) == {"world", "seed", "ticks", "digest", "ticks_per_second"}
    assert (result["world"], result["seed"], result["ticks"]) == ("courtyard", 7, 200)
    assert len(result["digest"]) == 16 and int(result["digest"], 16) and result["ticks_per_second"] > 0
    for seed in ("0", "1"):
        other = in_a_process("run", "courtyard", "--ticks", "200", "--seed", "7", "--json", PYTHONHASHSEED=seed)
        assert json.loads(other.stdout)["digest"] == result["digest"]
    changed = json.loads(daguerre("run", WORLD, "--ticks", "200", "--seed", "8", "--json").out)
    assert changed["digest"] != result["digest"]


@pytest.mark.parametrize("at", [1, 77, 199])
def test_run_goes_on_from_a_snapshot_as_if_nothing_had_happened(daguerre: Daguerre, at: int) -> None:
    whole = json.loads(daguerre("run", "courtyard", "--ticks", "200", "--seed", "7", "--json").out)
    daguerre("run", "courtyard", "--ticks", str(at), "--seed", "7", "--save", "s.snap")
    rest = json.loads(daguerre("run", "courtyard", "--ticks", "200", "--load", "s.snap", "--json").out)
    assert (rest["digest"], rest["seed"]) == (whole["digest"], 7)


def test_run_follows_inputs_and_prints_digests_on_the_way(daguerre: Daguerre, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"tick": 3, "kind": "move", "args": {"forward": 1.0}}\n')
    plain = json.loads(daguerre("run", "courtyard", "--ticks", "64", "--json").out)
    walked = daguerre("run", "courtyard", "--ticks", "64", "--inputs", "in.jsonl", "--every", "32", "--json")
    assert json.loads(walked.out)["digest"] != plain["digest"]
    assert [line.split()[:2] for line in walked.err.splitlines()] == [["tick", "32"], ["tick", "64"]]
    assert walked.err.split()[-1] == json.loads(walked.out)["digest"]


def test_a_handler_that_fails_is_named_and_the_world_goes_on(daguerre: Daguerre, tmp_path: Path) -> None:
    text = Path(WORLD).read_text() + '\ndef stumble():\n    fail("ouch")\n\non("start", "stumble")\n'
    (tmp_path / "limping.star").write_text(text)
    answer = daguerre("run", "limping.star", "--ticks", "20", "--json")
    assert answer.code == 0 and json.loads(answer.out)["ticks"] == 20
    assert answer.err.count("\n") >= 1 and "stumble" in answer.err and "switched off" in answer.err


# ---- mistakes


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


def test_a_damaged_or_foreign_snapshot_is_refused(daguerre: Daguerre, tmp_path: Path) -> None:
    daguerre("run", "courtyard", "--ticks", "5", "--save", "good.snap")
    good = (tmp_path / "good.snap").read_bytes()
    flipped = bytearray(good)
    flipped[len(good) // 2] ^= 1
    for name, data in (("short.snap", good[:-7]), ("flipped.snap", bytes(flipped)), ("text.snap", b"hello")):
        (tmp_path / name).write_bytes(data)
        answer = daguerre("run", "courtyard", "--ticks", "9", "--load", name)
        assert answer.code == 1 and answer.err.startswith("daguerre: ") and answer.err.count("\n") == 1
    assert daguerre("run", "courtyard", "--ticks", "4", "--load", "good.snap").code == 1


def test_an_unknown_command_is_a_usage_error(daguerre: Daguerre) -> None:
    answer = daguerre("fly")
    assert answer.code == 2 and answer.out == "" and "fly" in answer.err


def test_interrupting_is_no_traceback(daguerre: Daguerre, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(world: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "load_world", interrupt)
    answer = daguerre("run", "courtyard")
    assert answer.code == 130 and "Traceback" not in answer.err


# ---- check


def test_check_lists_problems_with_their_places(daguerre: Daguerre, tmp_path: Path) -> None:
    good = daguerre("check", "courtyard", "--json")
    assert good.code == 0 and json.loads(good.out) == {"ok": True, "errors": []}
    (tmp_path / "bad.star").write_text("x = 1\ny = = 2\n")
    bad = daguerre("check", "bad.star", "--json")
    result = json.loads(bad.out)
    assert bad.code == 2 and result["ok"] is False
    assert set(result["errors"][0]) == {"file", "line", "column", "message"}
    assert result["errors"][0]["file"] == "bad.star" and result["errors"][0]["line"] == 2
    assert daguerre("check", "bad.star").out.startswith("bad.star:2:")


# ---- pictures


def test_render_makes_the_picture_of_a_tick(daguerre: Daguerre, tmp_path: Path, opengl: None) -> None:
    arguments = ("render", "courtyard", "--at-tick", "30", "--size", "96x54", "--look", "raster", "--seed", "7")
    answer = daguerre(*arguments, "--out", "deep/a.png", "--json")
    result = json.loads(answer.out)
    assert answer.code == 0 and answer.out.count("\n") == 1
    assert {"file", "tick", "digest", "frame_ms", "tiles"} <= set(result)
    assert result["file"] == "deep/a.png" and result["tick"] == 30
    assert set(result["tiles"]) == {"reused", "regenerated"} and result["tiles"]["regenerated"] > 0
    with Image.open(tmp_path / "deep" / "a.png") as image:
        assert image.size == (96, 54) and len(image.getcolors(9999) or []) > 20
        assert (image.info["world"], image.info["seed"], image.info["tick"]) == ("courtyard", "7", "30")
    plain = json.loads(daguerre("run", "courtyard", "--ticks", "30", "--seed", "7", "--json").out)
    assert result["digest"] == plain["digest"]  # pictures do not touch the state
    daguerre(*arguments, "--out", "b.png")
    with Image.open(tmp_path / "deep" / "a.png") as one, Image.open(tmp_path / "b.png") as two:
        assert one.tobytes() == two.tobytes()


def test_play_without_a_display_films_and_says_why(daguerre: Daguerre, tmp_path: Path, opengl: None) -> None:
    answer = daguerre("play", "courtyard", "--seconds", "0.2", "--size", "96x54", "--look", "raster")
    assert answer.code == 0
    assert "neither DISPLAY nor WAYLAND_DISPLAY is set" in answer.err and "out/courtyard.mp4" in answer.err
    import av

    with av.open(str(tmp_path / "out" / "courtyard.mp4")) as film:
        assert sum(1 for _ in film.decode(video=0)) == 6


def test_missing_weights_mean_the_classical_look_and_a_notice(
    daguerre: Daguerre, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, opengl: None
) -> None:
    monkeypatch.setattr("engine.film.camera.SHIPPED", tmp_path / "irradiance.safetensors")
    for data in (None, b"\x10" * 50):
        if data is not None:
            (tmp_path / "irradiance.safetensors").write_bytes(data)
        answer = daguerre("render", "courtyard", "--size", "16x9", "--out", "a.png", "--json")
        assert answer.code == 0 and json.loads(answer.out)["look"] == "classical"
        assert "irradiance.safetensors" in answer.err and "the look is classical" in answer.err


def test_no_opengl_is_one_sentence(daguerre: Daguerre, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**settings: object) -> None:
        raise Exception("libEGL.so.1 not found")

    monkeypatch.setattr(moderngl, "create_context", refuse)
    answer = daguerre("render", "courtyard", "--size", "16x9", "--look", "raster")
    assert answer.code == 3 and answer.err.startswith("daguerre: ") and answer.err.count("\n") == 1
    assert "OpenGL" in answer.err


# ---- eval and teach


@pytest.mark.parametrize(
    "arguments",
    [
        ("eval", "--spp", "0"),
        ("eval", "--spp", "many"),
        ("eval", "--views", "9"),
        ("eval", "--views", "0"),
        ("teach", "--scenes", "0"),
        ("teach", "--minutes", "0"),
        ("teach", "--seed", "-1"),
    ],
)
def test_a_number_out_of_range_is_a_usage_error(daguerre: Daguerre, arguments: tuple[str, ...]) -> None:
    answer = daguerre(*arguments)
    assert answer.code == 2 and answer.out == "" and arguments[1] in answer.err and "Traceback" not in answer.err


@pytest.mark.parametrize(
    ("arguments", "module"),
    [
        (("eval", "--quick"), "mitsuba"),
        (("eval", "--quick"), "mitsuba_oidn"),
        (("eval", "--quick"), "flip_evaluator"),
        (("teach", "lessons"), "mitsuba"),
        (("teach", "train"), "torch"),
        (("teach",), "torch"),
    ],
)
def test_a_missing_extra_is_one_sentence(
    daguerre: Daguerre, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], module: str
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == module else find(name, *rest))
    answer = daguerre(*arguments)
    assert answer.code == 1 and answer.out == ""
    assert answer.err == f"daguerre: {arguments[0]} needs {module}; install it with: pip install 'daguerre[teach]'\n"


ROOM = """
world("room", size = (8, 8, 4), hour = 12, latitude = 45)
material("stone", "#a09080")
fill((0, 0, 0), (8, 8, 1), "stone")
fill((5, 2, 1), (6, 6, 3), "stone")
camera("opening", at = (1, 1.5, 2.2), look_at = (5, 4.5, 1.2), fov_deg = 60)
player(at = (2, 2, 1))
"""


def test_eval_prints_tables_or_one_object_and_writes_a_page(
    daguerre: Daguerre, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, opengl: None
) -> None:
    monkeypatch.setattr("engine.teach.reference.user_cache_dir", lambda name: str(tmp_path / "cache"))
    monkeypatch.setattr("engine.teach.evaluate.CONDITIONS", {"day": 11.0})
    monkeypatch.setenv("NO_COLOR", "1")
    (tmp_path / "room.star").write_text(ROOM)
    arguments = ("eval", "--worlds", "room.star", "--quick", "--spp", "1", "--views", "2")
    first = daguerre(*arguments, "--report", "deep/page", "--json")
    result = json.loads(first.out)
    assert first.code == 0 and first.out.count("\n") == 1
    assert "room / opening / day: PSNR dB net" in first.err and "Wrote deep/page/index.html" in first.err
    assert result["spp"] == 1 and result["size_px"] == [320, 180] and len(result["views"]) == 1
    assert (tmp_path / "deep" / "page" / "room-day-opening-net.jpg").exists()
    table = daguerre(*arguments, "--sources")
    assert table.code == 0 and "mean of all shots" in table.out and "sources of the network" in table.out
    assert f"{result['mean']['net']['psnr']:.2f}" in table.out and "\x1b" not in table.out + table.err


def test_teach_hands_its_options_on(daguerre: Daguerre, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from engine.teach import course

    asked: list[object] = []
    monkeypatch.setattr(course, "lessons", lambda *given: asked.append(("lessons", *given)))

    def train(*given: object) -> dict[str, object]:
        asked.append(("train", *given))
        return {"seed": given[3]}

    monkeypatch.setattr(course, "train", train)
    options = ("--scenes", "3", "--held-out", "2", "--minutes", "1.5", "--seed", "9", "--folder", "f")
    answer = daguerre("teach", *options, "--out", "w.safetensors")
    command = "daguerre teach all --scenes 3 --held-out 2 --minutes 1.5 --seed 9"
    assert answer.code == 0 and json.loads(answer.out) == {"seed": 9}
    lessons = ("lessons", Path("f"), 3, 2)
    assert asked == [lessons, ("train", Path("f"), Path("w.safetensors"), 1.5, 9, command)]
    asked.clear()
    assert daguerre("teach", "lessons", *options).code == 0 and asked == [lessons]
    asked.clear()
    from engine.light.network import SHIPPED

    assert daguerre("teach", "train", "--folder", "f").code == 0
    assert [given[:3] for given in asked] == [("train", Path("f"), SHIPPED)]  # type: ignore[index]


# ---- the machine


def test_doctor_names_everything(daguerre: Daguerre) -> None:
    answer = daguerre("doctor", "--json")
    found = json.loads(answer.out)
    assert answer.code == 0
    assert {"opengl", "gpu", "display", "weights", "teacher", "packages", "processor"} <= set(found)
    assert found["packages"]["numpy"][0].isdigit()
    text = daguerre("doctor").out
    assert all(name in text for name in found) and "\x1b" not in text


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
        [sys.executable, "-c", code], cwd=tmp_path, env=settings, capture_output=True, text=True, timeout=120
    )
    assert answer.returncode == 0 and answer.stdout.strip() == "False False"


def test_bench_times_side_by_side(daguerre: Daguerre, opengl: None) -> None:
    answer = daguerre("bench", "gallery", "--size", "64x36", "--frames", "3", "--json")
    assert answer.code == 0 and answer.out.count("\n") == 1
    rows = json.loads(answer.out)["rows"]
    assert [row["other"] for row in rows] == ["raster", "classical", "the same without the cache"]
    for row in rows:
        assert set(row) == {"name", "ours_ms", "other", "other_ms", "ratio"}
        assert row["ratio"] == pytest.approx(row["other_ms"] / row["ours_ms"], rel=0.05)
    assert rows[2]["ratio"] > 10, "a frame in which nothing changes costs next to nothing"
