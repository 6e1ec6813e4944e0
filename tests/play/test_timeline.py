"""A run goes on, back, into a file and into saves; what cannot be written is said and does not stop it."""

import errno
from pathlib import Path

import pytest

from engine.core.disk import Growing
from engine.core.errors import OutputError
from engine.play.timeline import Keeping, Timeline
from engine.script.worldfile import LoadedWorld
from engine.sim.recording import replay, state_at
from engine.sim.recordingfile import MAGIC, read
from engine.state.commands import Command
from engine.state.saves import SaveFolder, generations
from engine.state.world import new_state
from tests.core.disks import FailingDisk
from tests.worlds_for_tests import lively_world

WORLD = lively_world()


class Player:
    """Somebody who walks about in a timeline."""

    def __init__(self, keeping: Keeping) -> None:
        self.said: list[str] = []
        world = LoadedWorld(WORLD, None)  # type: ignore[arg-type]
        self.timeline = Timeline(world, new_state(WORLD, 3), keeping, self.said.append)
        self.digests = {0: self.timeline.state.digest()}

    def play(self, ticks: int, turn: float = 0.02) -> None:
        for _ in range(ticks):
            tick = self.timeline.state.tick
            self.timeline.tick([Command(tick, "look", {"yaw": turn, "pitch": 0.0})])
            self.digests[tick + 1] = self.timeline.state.digest()


def test_it_goes_back_to_what_it_was_and_on_to_something_else(tmp_path: Path) -> None:
    player = Player(Keeping(past=True, recording=tmp_path / "a.rec"))
    timeline = player.timeline
    player.play(200)
    assert timeline.go_back(10) == "<< 0.2 s back in time" and timeline.state.digest() == player.digests[190]
    assert timeline.go_back(90) == "<< 1.6 s back in time" and timeline.state.digest() == player.digests[100]
    timeline.go_on()
    player.play(50, turn=-0.05)
    assert timeline.state.tick == 150
    assert timeline.go_back(1000) == "<< 2.3 s back in time, no earlier past is kept"
    assert timeline.state.digest() == player.digests[0]
    timeline.go_on()
    player.play(30)
    timeline.close()
    recording = read((tmp_path / "a.rec").read_bytes())
    assert recording.complete and recording.last_tick == 30 and replay(WORLD, recording) is None
    assert state_at(WORLD, recording, 30).digest() == timeline.state.digest() and player.said == []


def test_going_back_and_nowhere_changes_nothing(tmp_path: Path) -> None:
    player = Player(Keeping(past=True, recording=tmp_path / "a.rec"))
    player.play(70)
    player.timeline.go_back(0)
    player.timeline.go_on()
    player.timeline.go_on()
    player.play(10)
    player.timeline.close()
    recording = read((tmp_path / "a.rec").read_bytes())
    assert recording.last_tick == 80 and replay(WORLD, recording) is None
    assert Player(Keeping()).timeline.go_back(5) == "the past is not kept here"


def test_a_save_is_fetched_again_and_begins_a_new_recording(tmp_path: Path) -> None:
    player = Player(Keeping(True, tmp_path / "a.rec", tmp_path / "monday"))
    timeline = player.timeline
    assert "there is no save here" in timeline.load() and timeline.state.tick == 0
    player.play(90)
    assert timeline.save() == "saved tick 90 (monday, 1)"
    player.play(60)
    assert timeline.load() == "back at tick 90" and timeline.state.digest() == player.digests[90]
    player.play(20, turn=0.3)
    assert timeline.go_back(500).endswith("no earlier past is kept") and timeline.state.tick == 90
    timeline.go_on()
    player.play(5)
    timeline.close()
    first, second = (read((tmp_path / name).read_bytes()) for name in ("a.rec", "a-2.rec"))
    assert (first.head.first_tick, first.last_tick, first.complete) == (0, 150, True)
    assert (second.head.first_tick, second.last_tick, second.complete) == (90, 95, True)
    assert replay(WORLD, first) is None and replay(WORLD, second) is None
    generations(tmp_path / "monday")[0].write_bytes(b"")
    assert "no older generation" in timeline.load()
    nothing = Player(Keeping()).timeline
    assert nothing.save() == nothing.load() == "nothing is saved here"


@pytest.mark.parametrize("operation", ["create", "open", "write", "sync", "rename", "sync_folder", "lock"])
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
def test_a_save_that_fails_is_one_line_and_the_world_goes_on(tmp_path: Path, operation: str, error: int) -> None:
    player = Player(Keeping(past=True, save=tmp_path / "a"))
    timeline = player.timeline
    player.play(10)
    timeline._saves = SaveFolder(tmp_path / "a", FailingDisk(operation, 0, error, short=True))
    before = timeline.state.digest()
    said = timeline.save()
    assert said.startswith("not saved: cannot write ") and "\n" not in said
    assert timeline.state.digest() == before
    player.play(10)
    assert timeline.save().startswith("saved tick 20")
    assert timeline.load() == "back at tick 20"


@pytest.mark.parametrize("at", [0, 1, 2, 3, 5])
def test_a_recording_that_cannot_go_on_is_said_once_and_keeps_its_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    path = tmp_path / "a.rec"
    disk = FailingDisk("write", at, errno.ENOSPC, short=True)
    monkeypatch.setattr("engine.play.timeline.Growing", lambda path, magic: Growing(path, magic, disk))
    if at < 2:  # the head and the first snapshot
        with pytest.raises(OutputError, match="no space left"):
            Player(Keeping(recording=path))
        return
    player, plain = Player(Keeping(recording=path)), Player(Keeping())
    player.play(640)
    plain.play(640)
    player.timeline.close()
    assert player.digests == plain.digests
    assert len(player.said) == 1 and "the recording stopped: cannot write" in player.said[0]
    recording = read(path.read_bytes())
    assert not recording.complete and recording.last_tick == 64 * (at - 2) and replay(WORLD, recording) is None


def test_a_recording_that_cannot_be_synced_at_its_end_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = FailingDisk("sync", 0, errno.EIO)
    monkeypatch.setattr("engine.play.timeline.Growing", lambda path, magic: Growing(path, magic, disk))
    player = Player(Keeping(recording=tmp_path / "a.rec"))
    player.play(5)
    player.timeline.close()
    assert len(player.said) == 1 and player.said[0].startswith("the recording is not whole: cannot write")


def test_a_recording_elsewhere_is_refused_at_once(tmp_path: Path) -> None:
    held = Growing(tmp_path / "a.rec", MAGIC)
    with pytest.raises(OutputError, match="another process is writing it"):
        Player(Keeping(recording=tmp_path / "a.rec"))
    held.close()


def test_a_state_too_large_to_keep_goes_on_without_a_past(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    player, plain = Player(Keeping(past=True, save=tmp_path / "a")), Player(Keeping())
    monkeypatch.setattr("engine.state.snapshot.MAX_BYTES", 100)
    player.play(100)
    plain.play(100)
    assert player.digests == plain.digests and len(player.said) == 1
    assert player.said[0].startswith("the past is no longer kept: the state takes")
    assert player.timeline.go_back(1) == "the past is not kept here"
    assert player.timeline.save().startswith("not saved: the state takes") and not generations(tmp_path / "a")
