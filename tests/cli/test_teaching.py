"""`eval` and `teach`: tables, pages, options, and what is missing."""

import importlib.util
import json
from pathlib import Path

import pytest

from tests.cli.conftest import Daguerre


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
    arguments = ("eval", "--worlds", "room.star", "--quick", "--size", "160x90", "--spp", "1", "--views", "2")
    first = daguerre(*arguments, "--report", "deep/page", "--json")
    result = json.loads(first.out)
    assert first.code == 0 and first.out.count("\n") == 1
    assert "room / opening / day: PSNR dB net" in first.err and "Wrote deep/page/index.html" in first.err
    assert result["spp"] == 1 and result["size_px"] == [160, 90] and len(result["views"]) == 1
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
