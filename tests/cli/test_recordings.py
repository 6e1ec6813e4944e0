"""`record`, `replay`, `fork`, `diff`, and saves by name: runs as files, and what is said about them."""

import json
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import pytest

from engine.script.worldfile import load
from engine.sim.recordingfile import BLOCK, HEAD, Recorder, read
from engine.sim.step import step
from engine.state.saves import SaveFolder, generations
from engine.state.world import new_state
from tests.cli.conftest import ROOT, WORLD, Daguerre

WALK = '{"tick": 20, "kind": "move", "args": {"forward": 1.0}}\n'


@cache
def gallery_recorded(ticks: int) -> bytes:
    """The bytes of a recording of the gallery."""
    world, data = load("gallery"), bytearray()
    state = new_state(world.blueprint, 1)
    recorder = Recorder(world.blueprint, state, "gallery", data.extend)
    for _ in range(ticks):
        recorder.note((), step(world.blueprint, state, (), world.script))
    recorder.end()
    return bytes(data)


@pytest.fixture(autouse=True)
def own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Saves by name go into this test's folder."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    (tmp_path / "walk.jsonl").write_text(WALK)


def test_a_recording_is_made_and_replayed_at_any_speed(daguerre: Daguerre, tmp_path: Path) -> None:
    options = ("gallery", "--ticks", "90", "--seed", "7", "--inputs", "walk.jsonl", "--json")
    made = daguerre("record", *options, "--out", "a.rec")
    result = json.loads(made.out)
    assert made.code == 0 and made.err == "" and made.out.count("\n") == 1
    assert set(result) == {"file", "world", "seed", "first_tick", "ticks", "digest", "bytes"}
    assert result["bytes"] == (tmp_path / "a.rec").stat().st_size
    plain = daguerre("run", *options)
    assert json.loads(plain.out)["digest"] == result["digest"]
    for speed in ("max", "4", "1000"):
        started = time.perf_counter()
        played = daguerre("replay", "a.rec", "--speed", speed, "--json")
        took_s = time.perf_counter() - started
        answer = json.loads(played.out)
        assert played.code == 0 and played.err == "" and played.out.count("\n") == 1
        assert (answer["agrees"], answer["complete"], answer["difference"], answer["ticks"]) == (True, True, None, 90)
        assert speed != "4" or took_s >= 90 / 64 / 4
    assert "every digest agrees, ticks 0 to 90" in daguerre("replay", "a.rec").out


def test_the_first_tick_that_differs_is_named_and_the_code_says_so(daguerre: Daguerre, tmp_path: Path) -> None:
    from tests.sim.test_recordingfile import blocks, head_of, sealed

    data = gallery_recorded(70)
    parts = [(kind, content) for kind, content, _ in blocks(data)]
    kind, content = parts[1]
    digests_at = content.index(b"\xc5") + 3  # the packed bytes of the digests
    changed = bytearray(content)
    changed[digests_at + 8 * 30] ^= 1  # of tick 31
    parts[1] = (kind, bytes(changed))
    (tmp_path / "b.rec").write_bytes(sealed(head_of(data), parts))
    answer = daguerre("replay", "b.rec", "--json")
    result = json.loads(answer.out)
    assert answer.code == 1 and result["agrees"] is False and result["difference"]["tick"] == 31
    assert "differs at tick 31" in daguerre("replay", "b.rec").out


def test_a_cut_and_a_damaged_recording_are_told_apart(daguerre: Daguerre, tmp_path: Path) -> None:
    data = gallery_recorded(200)
    (tmp_path / "cut.rec").write_bytes(data[:-40])
    cut = daguerre("replay", "cut.rec", "--json")
    result = json.loads(cut.out)
    assert cut.code == 0 and result["agrees"] and not result["complete"] and 128 <= result["ticks"] < 200
    assert cut.err.count("\n") == 1 and "it breaks off" in cut.err
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 1
    (tmp_path / "bad.rec").write_bytes(flipped)
    bad = daguerre("replay", "bad.rec")
    assert bad.code == 1 and "it is damaged from byte" in bad.err
    for name, content in (("head.rec", data[:10]), ("text.rec", b"hello"), ("snap.rec", b"DAGUERRE" + bytes(90))):
        (tmp_path / name).write_bytes(content)
        answer = daguerre("replay", name)
        assert answer.code == 1 and answer.out == "" and answer.err.startswith(f"daguerre: {name}: ")


def test_a_fork_goes_on_from_any_tick_and_diff_finds_where_it_parts(daguerre: Daguerre) -> None:
    daguerre("record", "gallery", "--ticks", "100", "--seed", "3", "--inputs", "walk.jsonl", "--out", "a.rec")
    same = daguerre("fork", "a.rec", "--at-tick", "33", "--out", "same.rec", "--json")
    assert same.code == 0 and json.loads(same.out)["first_tick"] == 33 and json.loads(same.out)["ticks"] == 100
    agree = daguerre("diff", "a.rec", "same.rec", "--json")
    result = json.loads(agree.out)
    assert agree.code == 0 and result["agree"] and (result["from_tick"], result["to_tick"]) == (33, 100)
    Path("turn.jsonl").write_text('{"tick": 50, "kind": "look", "args": {"yaw": 1.0}}\n')
    longer = ("fork", "a.rec", "--at-tick", "40", "--ticks", "120", "--inputs", "turn.jsonl", "--out", "other.rec")
    assert daguerre(*longer).code == 0
    parted = daguerre("diff", "a.rec", "other.rec", "--json")
    result = json.loads(parted.out)
    assert parted.code == 1 and (result["tick"], result["commands_differ_at"]) == (51, 50)
    assert set(result["difference"]) == {"section", "what", "first", "second"}
    assert (result["difference"]["section"], result["difference"]["what"]) == ("position", "player")
    text = daguerre("diff", "a.rec", "other.rec").out
    assert "they part at tick 51: position of player: " in text and "commands of tick 50" in text
    assert daguerre("replay", "other.rec").code == 0


def test_a_recording_finds_its_world_beside_it_and_refuses_another_version(daguerre: Daguerre, tmp_path: Path) -> None:
    text = (ROOT / "worlds" / "gallery.star").read_text()
    folder = tmp_path / "shared"
    folder.mkdir()
    (folder / "mine.star").write_text(text)
    assert daguerre("record", "shared/mine.star", "--ticks", "5", "--out", "shared/a.rec").code == 0
    assert read((folder / "a.rec").read_bytes()).head.file == "mine.star", "no folder of this machine is in it"
    assert daguerre("replay", "shared/a.rec").code == 0
    (folder / "mine.star").write_text(text + "\n# changed\n")
    changed = daguerre("replay", "shared/a.rec")
    assert changed.code == 1 and "another version of shared/mine.star" in changed.err
    (tmp_path / "old.star").write_text(text)
    assert daguerre("replay", "shared/a.rec", "--world", "old.star").code == 0
    (folder / "mine.star").unlink()
    missing = daguerre("replay", "shared/a.rec")
    assert missing.code == 1 and "'mine.star', which is not here; give its file with --world" in missing.err


def test_a_killed_recorder_leaves_what_can_be_replayed(daguerre: Daguerre, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "engine",
        "record",
        "gallery",
        "--ticks",
        "1000000",
        "--out",
        str(tmp_path / "a.rec"),
    ]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if (tmp_path / "a.rec").exists() and (tmp_path / "a.rec").stat().st_size > 3000:
                break
            time.sleep(0.02)
        held = daguerre("record", "gallery", "--ticks", "1", "--out", "a.rec")
        assert held.code == 1 and "another process is writing it" in held.err
    finally:
        process.kill()
        process.wait()
    answer = json.loads(daguerre("replay", "a.rec", "--json").out)
    assert answer["agrees"] and not answer["complete"] and answer["ticks"] >= 64
    data = (tmp_path / "a.rec").read_bytes()
    assert HEAD.size + BLOCK.size < len(data)


def test_saves_by_name_have_generations_and_fall_back(daguerre: Daguerre, tmp_path: Path) -> None:
    for ticks in ("10", "20", "30"):
        assert daguerre("run", "gallery", "--ticks", ticks, "--seed", "7", "--save", "monday").code == 0
    folder = tmp_path / "data" / "daguerre" / "saves" / "monday"
    assert len(generations(folder)) == 3
    whole = json.loads(daguerre("run", "gallery", "--ticks", "60", "--seed", "7", "--json").out)
    loaded = daguerre("run", "gallery", "--ticks", "60", "--load", "monday", "--json")
    assert json.loads(loaded.out)["digest"] == whole["digest"] and loaded.err == ""
    generations(folder)[0].write_bytes(b"torn")
    older = daguerre("run", "gallery", "--ticks", "60", "--load", "monday", "--json")
    assert json.loads(older.out)["digest"] == whole["digest"]
    assert older.err.count("\n") == 1 and "going back to 00000002.snap of tick 20" in older.err
    with SaveFolder(folder) as held:
        held.write(generations(folder)[1].read_bytes())
        refused = daguerre("run", "gallery", "--ticks", "5", "--save", "monday")
        assert refused.code == 1 and "the save 'monday' is in use by another process" in refused.err
    assert daguerre("run", "gallery", "--ticks", "5", "--save", "here/tuesday").code == 0
    assert generations(tmp_path / "here" / "tuesday")
    assert daguerre("run", "gallery", "--ticks", "5", "--load", str(folder / "00000002.snap")).code == 1  # later than 5


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("record", "gallery", "--out", "/dev/full"), "cannot write /dev/full: no space left on device"),
        (("record", "gallery", "--out", "/dev/null/a.rec"), "cannot write /dev/null/a.rec"),
        (("record", "gallery", "--out", "walk.jsonl"), "a file of another kind"),
        (("record", "gallery", "--out", "."), "cannot write"),
        (("record", "gallery", "--out", "a.rec", "--inputs", "none.jsonl"), "none.jsonl"),
        (("run", "gallery", "--ticks", "1", "--save", "/dev/full"), "cannot write /dev/full"),
        (("run", "gallery", "--load", "never"), "there is no save here"),
        (("replay", "none.rec"), "none.rec: the recording cannot be read"),
        (("replay", "good.rec", "--speed", "fast"), "--speed is 'fast'; it must be max or a number"),
        (("replay", "good.rec", "--speed", "-1"), "--speed is '-1'"),
        (("replay", "good.rec", "--speed", "nan"), "--speed is 'nan'"),
        (("replay", "good.rec", "--world", "courtyard"), "another version of courtyard"),
        (("fork", "good.rec", "--at-tick", "99", "--out", "b.rec", "--ticks", "100"), "has ticks 0 to 8"),
        (("fork", "good.rec", "--at-tick", "5", "--out", "b.rec", "--ticks", "3"), "--ticks is 3, before --at-tick 5"),
        (("fork", "good.rec", "--at-tick", "5", "--out", "good.rec"), "name another file"),
        (("diff", "good.rec", "none.rec"), "none.rec: the recording cannot be read"),
        (("diff", "good.rec", "other.rec"), "of two worlds"),
        (("play", "gallery", "--save", "a.snap"), "--save is 'a.snap', a file"),
    ],
)
def test_a_mistake_is_one_sentence(daguerre: Daguerre, arguments: tuple[str, ...], said: str) -> None:
    Path("good.rec").write_bytes(gallery_recorded(8))
    if "other.rec" in arguments:
        daguerre("record", WORLD, "--ticks", "2", "--out", "other.rec")
    before = Path("good.rec").read_bytes()
    answer = daguerre(*arguments)
    assert answer.code == 1 and answer.out == ""
    assert answer.err.count("\n") == 1 and answer.err.startswith("daguerre: ") and said in answer.err
    assert Path("good.rec").read_bytes() == before and Path("walk.jsonl").read_text() == WALK


def test_a_recording_is_watched_in_a_window(
    daguerre: Daguerre, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, opengl: None
) -> None:
    from engine.play.session import Session

    picture, notices = Session.picture, []

    def picture_until_it_ends(session: Session) -> object:
        frame, overlay = picture(session)
        notices.append(overlay.notice)
        session.finished = session.paused
        return frame, overlay

    monkeypatch.setattr(Session, "picture", picture_until_it_ends)
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    (tmp_path / "a.rec").write_bytes(gallery_recorded(8))
    answer = daguerre("replay", "a.rec", "--window", "--speed", "max", "--size", "32x18", "--look", "raster", "--json")
    result = json.loads(answer.out)
    assert answer.code == 0 and result["agrees"] and result["ticks"] == 8
    assert notices[-1] == "the recording ends here, at tick 8"


def test_help_is_there_for_strangers(daguerre: Daguerre) -> None:
    for command, words in (("record", "digest"), ("replay", "max"), ("fork", "what if"), ("diff", "part")):
        answer = daguerre(command, "--help")
        assert answer.code == 0 and words in answer.out
