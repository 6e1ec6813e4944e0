"""`new` and `check`: a first world that is good and is never written over, problems with their places."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from engine.script import worldfile
from engine.script.draft import Drawn
from tests.cli.conftest import Daguerre


def test_new_writes_a_world_that_passes_check_and_runs(daguerre: Daguerre, tmp_path: Path) -> None:
    made = daguerre("new", "garden")
    assert made.code == 0 and "garden.star" in made.out
    text = (tmp_path / "garden.star").read_text()
    assert text.startswith('"""garden: ') and 'world("garden"' in text and "NAME" not in text
    checked = daguerre("check", "garden.star", "--json")
    assert checked.code == 0 and json.loads(checked.out)["errors"] == []
    ran = daguerre("run", "garden.star", "--ticks", "64", "--json")
    assert ran.code == 0 and ran.err == ""


def test_new_never_writes_over_a_file_and_refuses_what_is_no_name(daguerre: Daguerre, tmp_path: Path) -> None:
    (tmp_path / "mine.star").write_text("precious")
    for name in ("mine", "mine.star"):
        again = daguerre("new", name)
        assert again.code != 0 and "is there already" in again.err
    assert (tmp_path / "mine.star").read_text() == "precious"
    for wrong in ("", "../up", "a/b", ".hidden", "x" * 41, "new\nline", "-x ", "a b", "a "):
        refused = daguerre("new", "--", wrong)
        assert refused.code == 2 and "cannot be named" in refused.err
    assert [p.name for p in tmp_path.iterdir()] == ["mine.star"]


def test_check_lists_problems_with_their_places(daguerre: Daguerre, tmp_path: Path) -> None:
    good = daguerre("check", "courtyard", "--json")
    result = json.loads(good.out)
    assert good.code == 0 and result["ok"] is True and result["errors"] == []
    assert result["handlers"]["calls"] > 5 and 0 < result["handlers"]["share"] < 0.5
    (tmp_path / "bad.star").write_text("x = 1\ny = = 2\n")
    bad = daguerre("check", "bad.star", "--json")
    result = json.loads(bad.out)
    assert bad.code == 2 and result["ok"] is False
    assert set(result["errors"][0]) == {"file", "line", "column", "message"}
    assert result["errors"][0]["file"] == "bad.star" and result["errors"][0]["line"] == 2
    assert daguerre("check", "bad.star").out.startswith("bad.star:2:")


def test_check_names_a_handler_that_would_fail_in_play(daguerre: Daguerre, tmp_path: Path) -> None:
    daguerre("new", "garden")
    path = tmp_path / "garden.star"
    whole = path.read_text()

    def found(call: str) -> list[str]:
        path.write_text(whole.replace('end("A light', f'{call}\n    end("A light'))
        return [e["message"] for e in json.loads(daguerre("check", "garden.star", "--json").out)["errors"]]

    (message,) = found('set_lamp(find("latern %d" % 1), True)')  # only running it tells
    assert message.startswith("reached('lights') fails on 'goal'") and "did you mean 'lantern 1'?" in message
    (message,) = found('set_lamp(find("latern 1"), True)')  # reading tells, and trying does not say it again
    assert "did you mean 'lantern 1'?" in message


def test_check_reads_a_world_once_and_says_what_its_models_leave_out(
    daguerre: Daguerre, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[object] = []
    read = worldfile._read

    def noted(path: Path, drawn: Drawn | None = None) -> worldfile._Read:
        reads.append(path)
        found = read(path, drawn=drawn)
        return replace(found, loaded=replace(found.loaded, notes=("ship.vox: 3 cameras are left out",)))

    monkeypatch.setattr(worldfile, "_read", noted)
    checked = daguerre("check", "gallery")
    assert checked.code == 0 and len(reads) == 1
    assert checked.err == "note: ship.vox: 3 cameras are left out\n"
