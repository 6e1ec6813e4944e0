"""A save opens as the old or the new world, whatever happens while it is written; what was acknowledged is not lost."""

import contextlib
import errno
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.core.errors import OutputError, SnapshotError
from engine.state import saves
from engine.state.saves import GENERATIONS, SaveFolder, generations, newest
from engine.state.snapshot import save
from engine.state.world import new_state
from tests.core.disks import FailingDisk, RememberingDisk
from tests.worlds_for_tests import empty_world

ROOT = Path(__file__).parent.parent.parent
WORLD = empty_world()


def data_at(tick: int) -> bytes:
    """A snapshot that is told by its tick."""
    state = new_state(WORLD, 1)
    state.tick = tick
    return save(WORLD, state)


def tick_of(folder: Path) -> int:
    return newest(WORLD, folder)[0].tick


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "lock")


def test_the_newest_of_a_few_generations_is_the_save(tmp_path: Path) -> None:
    with SaveFolder(tmp_path / "a") as folder:
        for tick in range(6):
            folder.write(data_at(tick))
            assert tick_of(tmp_path / "a") == tick
    assert names(tmp_path / "a") == ["00000004.snap", "00000005.snap", "00000006.snap"]
    assert len(generations(tmp_path / "a")) == GENERATIONS


@pytest.mark.parametrize("damage", [b"", b"hello", None])
def test_a_damaged_generation_falls_back_to_the_one_before_and_says_so(tmp_path: Path, damage: bytes | None) -> None:
    with SaveFolder(tmp_path) as folder:
        files = [folder.write(data_at(tick)) for tick in (10, 20, 30)]
    files[2].write_bytes(files[2].read_bytes()[:-1] if damage is None else damage)
    state, path, problems = newest(WORLD, tmp_path)
    assert (state.tick, path) == (20, files[1]) and len(problems) == 1 and files[2].name in problems[0]
    files[1].unlink()
    files[1].mkdir()
    assert tick_of(tmp_path) == 10
    files[0].write_bytes(b"")
    with pytest.raises(SnapshotError, match="00000003.snap: .* no older generation"):
        newest(WORLD, tmp_path)
    with SaveFolder(tmp_path) as folder:
        folder.write(data_at(40))
    assert tick_of(tmp_path) == 40


def test_where_there_is_no_save_that_is_said(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(SnapshotError, match="there is no save here"):
            newest(WORLD, place)
    with pytest.raises(SnapshotError, match="cannot be read"):
        saves.read(WORLD, tmp_path / "nul\0.snap")
    with pytest.raises(SnapshotError, match="of another world"):
        with SaveFolder(tmp_path) as folder:
            folder.write(data_at(1))
        newest(empty_world(size_m=(8, 8, 8)), tmp_path)


def test_a_second_writer_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    first, second = SaveFolder(tmp_path / "monday"), SaveFolder(tmp_path / "monday")
    first.write(data_at(1))
    with pytest.raises(OutputError, match="the save 'monday' is in use by another process"):
        second.write(data_at(2))
    first.write(data_at(3))
    assert tick_of(tmp_path / "monday") == 3
    first.close()
    second.write(data_at(4))
    second.close()
    assert tick_of(tmp_path / "monday") == 4


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("operation", ["create", "open", "write", "sync", "rename", "sync_folder", "lock", "remove"])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_every_operation_may_fail_once(tmp_path: Path, operation: str, error: int, at: int) -> None:
    """The old save is there, no temporary file is, the failure is one line, and the next save works."""
    disk = FailingDisk(operation, at, error, short=True)
    folder, kept = SaveFolder(tmp_path / "a", disk), -1
    for tick in range(6):
        try:
            folder.write(data_at(tick))
        except OutputError as failure:
            assert "\n" not in str(failure) and os.strerror(error).lower() in str(failure)
            if generations(tmp_path / "a"):
                assert tick_of(tmp_path / "a") in (kept, tick)
        else:
            kept = tick
            assert tick_of(tmp_path / "a") == tick
        assert not list(tmp_path.glob("a/.*"))
    folder.close()
    assert kept == 5
    assert disk.failed == (1 if at < disk.calls else 0)
    assert disk.failed == 1 or operation in ("open", "lock"), "these happen once for a run"


def test_after_a_crash_at_any_point_the_save_is_the_old_or_the_new(tmp_path: Path) -> None:
    """Every prefix of what a disk was asked, with anything that was not synced lost, torn or kept."""
    disk, acknowledged = RememberingDisk(), []
    folder = SaveFolder(tmp_path / "live", disk)
    for tick in range(1, 6):
        folder.write(data_at(tick))
        acknowledged.append(len(disk.crashes))
    seen: dict[tuple[tuple[str, bytes], ...], int] = {}
    images = 0
    for done, crash in enumerate(disk.crashes, 1):
        promised = sum(count <= done for count in acknowledged)
        under_way = promised + 1
        for image in crash.images():
            images += 1
            key = tuple(sorted(image.items()))
            if key not in seen:
                place = tmp_path / f"crash{len(seen)}"
                place.mkdir()
                for name, content in image.items():
                    (place / name).write_bytes(content)
                try:
                    seen[key] = tick_of(place)
                except SnapshotError as error:
                    assert "no save here" in str(error) or "no older generation" in str(error)
                    seen[key] = 0
            assert seen[key] in (promised, under_way), (done, image.keys())
    assert images > 400 and len(seen) > 100


WRITER = """
import os, sys
from pathlib import Path
from engine.state.saves import SaveFolder
from tests.state.test_saves import data_at
for line in sys.stdin:  # each line is a tick from which a child saves until it is killed
    child = os.fork()
    if child == 0:
        print("pid", os.getpid(), flush=True)
        folder = SaveFolder(Path(sys.argv[1]))
        for tick in range(int(line), 1 << 30):
            data = data_at(tick)
            print("begin", tick, flush=True)
            folder.write(data)
            print("done", tick, flush=True)
    os.waitpid(child, 0)
    print("dead", 0, flush=True)
"""


@contextlib.contextmanager
def writers(folder: Path) -> Iterator[Callable[[int, float], list[tuple[str, int]]]]:
    """Yields what saves from a tick on in another process for so many seconds, kills it, and tells what it said."""
    command = [sys.executable, "-c", WRITER, str(folder)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None and process.stdout is not None

    def write_and_die(first_tick: int, after_s: float) -> list[tuple[str, int]]:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(f"{first_tick}\n")
        process.stdin.flush()
        child = int(process.stdout.readline().split()[1])
        assert process.stdout.readline().startswith("begin")
        time.sleep(after_s)
        os.kill(child, signal.SIGKILL)
        said = [("begin", first_tick)]  # the last word of who is killed may be half a line
        while not (line := process.stdout.readline()).endswith("dead 0\n"):
            assert line, "the writers' own process ended"
            word, number = line.split()
            said.append((word, int(number)))
        return said

    with process:
        yield write_and_die
        process.stdin.close()


@pytest.mark.parametrize("kills", [10, pytest.param(100, marks=[pytest.mark.slow, pytest.mark.timeout(1200)])])
def test_kills_lose_nothing_that_was_acknowledged(tmp_path: Path, kills: int) -> None:
    """Saves in another process, killed at a random moment; then looks what is there, and goes on from that."""
    rng, last = random.Random(7), 0
    with writers(tmp_path / "a") as write_and_die:
        for _ in range(kills):
            said = write_and_die(last + 1, rng.uniform(0.0, 0.03))
            promised = max((tick for word, tick in said if word == "done"), default=last)
            begun = max(tick for word, tick in said if word == "begin")
            if generations(tmp_path / "a"):
                state, _, problems = newest(WORLD, tmp_path / "a")
                assert not problems, "a file of its name is always whole"
                found = state.tick
            else:
                found = 0
            assert promised <= found <= begun
            last = found
    assert last > 0
    with SaveFolder(tmp_path / "a") as folder:  # the killed one's lock is gone
        folder.write(data_at(last + 1))
    assert not list(tmp_path.glob("a/.*")), "nor are its unfinished files there"


def test_readers_never_see_half_a_save(tmp_path: Path) -> None:
    """Reading goes on while another process writes and is killed."""
    with SaveFolder(tmp_path / "a") as folder:
        folder.write(data_at(0))
    last, reads, stop = 0, 0, threading.Event()

    def write() -> None:
        with writers(tmp_path / "a") as write_and_die:
            while not stop.is_set():
                write_and_die(tick_of(tmp_path / "a") + 1, 0.1)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        while last < 20 and thread.is_alive():
            with contextlib.suppress(SnapshotError):  # all three went while they were looked at
                tick, reads = tick_of(tmp_path / "a"), reads + 1
                assert tick >= last
                last = tick
    finally:
        stop.set()
        thread.join()
    assert last >= 20 and reads > 0
