"""`run`: digests that repeat, snapshots that go on, stories that end."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import WORLD, Daguerre, in_a_process
from tests.script.authoring import written


def test_run_prints_one_object_and_the_same_digest_in_other_processes(daguerre: Daguerre) -> None:
    answer = daguerre("run", WORLD, "--ticks", "200", "--seed", "7", "--json")
    assert answer.code == 0 and answer.err == "" and answer.out.count("\n") == 1
    result = json.loads(answer.out)
    assert set(result) == {"world", "seed", "ticks", "digest", "ticks_per_second", "goals"}
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


def test_commands_that_no_tick_takes_are_told_of(daguerre: Daguerre, tmp_path: Path) -> None:
    lines = [f'{{"tick": {tick}, "kind": "move", "args": {{"forward": 1.0}}}}\n' for tick in (3, 63, 64, 90)]
    (tmp_path / "in.jsonl").write_text("".join(lines))
    answer = daguerre("run", "gallery", "--ticks", "64", "--inputs", "in.jsonl", "--save", "s.snap", "--json")
    late = "note: commands of tick 64 and later were not given (2 of 4); with 91 ticks all are\n"
    assert answer.code == 0 and answer.err == late
    answer = daguerre("run", "gallery", "--ticks", "91", "--load", "s.snap", "--inputs", "in.jsonl", "--json")
    assert answer.err == "note: commands of ticks before 64 were not given (2 of 4)\n"
    assert daguerre("run", "gallery", "--ticks", "91", "--inputs", "in.jsonl", "--json").err == ""


def test_recordings_tell_of_commands_that_no_tick_takes_too(daguerre: Daguerre, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"tick": 3, "kind": "jump"}\n{"tick": 64, "kind": "jump"}\n')
    answer = daguerre("record", "gallery", "--ticks", "64", "--inputs", "in.jsonl", "--out", "a.rec", "--json")
    late = "note: commands of tick 64 and later were not given (1 of 2); with 65 ticks all are\n"
    assert answer.code == 0 and answer.err == late
    answer = daguerre("fork", "a.rec", "--at-tick", "10", "--inputs", "in.jsonl", "--out", "b.rec", "--json")
    assert answer.err == "note: commands of ticks before 10 were not given (1 of 2)\n" + late
    assert daguerre("fork", "a.rec", "--at-tick", "10", "--ticks", "20", "--out", "c.rec", "--json").err == ""


def test_a_handler_that_fails_is_named_and_the_world_goes_on(daguerre: Daguerre, tmp_path: Path) -> None:
    text = Path(WORLD).read_text() + '\ndef stumble():\n    fail("ouch")\n\non("start", "stumble")\n'
    (tmp_path / "limping.star").write_text(text)
    answer = daguerre("run", "limping.star", "--ticks", "20", "--json")
    assert answer.code == 0 and json.loads(answer.out)["ticks"] == 20
    assert answer.err.count("\n") >= 1 and "stumble" in answer.err and "switched off" in answer.err


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


def test_interrupting_is_no_traceback(daguerre: Daguerre, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(world: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("engine.cli.running.load_world", interrupt)
    answer = daguerre("run", "courtyard")
    assert answer.code == 130 and "Traceback" not in answer.err


def test_run_tells_goals_and_the_ending(daguerre: Daguerre, tmp_path: Path) -> None:
    lines = """
goal("find", "Find both", count = 2)
def act():
    progress("find")
    end("Over", won = False)
on("start", act)
"""
    written(tmp_path, lines)
    result = json.loads(daguerre("run", str(tmp_path / "test.star"), "--ticks", "3", "--json").out)
    assert result["goals"] == {"find": {"text": "Find both", "done": 1, "count": 2, "reached": False}}
    assert result["ending"] == {"title": "Over", "text": "", "won": False, "tick": 0}
