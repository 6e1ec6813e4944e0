"""Files are whole or as they were, whatever the disk does."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.core.disk import Growing, write_whole
from engine.core.errors import OutputError
from tests.core.disks import FailingDisk, SmallBites

ROOT = Path(__file__).parent.parent.parent
ERRORS = (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS)
one_line = pytest.mark.parametrize("error", ERRORS, ids=[errno.errorcode[e] for e in ERRORS])


@one_line
@pytest.mark.parametrize("operation", ["create", "write", "short write", "sync", "rename"])
def test_what_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path, operation: str, error: int) -> None:
    path = tmp_path / "a.snap"
    write_whole(path, b"old")
    disk = FailingDisk(operation.split()[-1], 0, error, short=operation.startswith("short"))
    with pytest.raises(OutputError, match=r"^cannot write [^\n]*a\.snap: [^\n]+$"):
        write_whole(path, b"new" * 1000, disk)
    assert disk.failed == 1
    assert path.read_bytes() == b"old" and [p.name for p in tmp_path.iterdir()] == ["a.snap"]
    write_whole(path, b"new", disk)  # it failed once; now it works
    assert path.read_bytes() == b"new"


def test_a_folder_that_cannot_be_synced_is_an_error_but_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "a.snap"
    write_whole(path, b"old")
    with pytest.raises(OutputError):
        write_whole(path, b"new", FailingDisk("sync_folder"))
    assert path.read_bytes() in (b"old", b"new") and [p.name for p in tmp_path.iterdir()] == ["a.snap"]


def test_a_disk_that_takes_little_at_a_time_gets_everything(tmp_path: Path) -> None:
    write_whole(tmp_path / "a", bytes(range(256)), SmallBites())
    assert (tmp_path / "a").read_bytes() == bytes(range(256))


def test_unfinished_files_of_others_are_left_alone(tmp_path: Path) -> None:
    other = tmp_path / f".a.{os.getpid()}-0.tmp"  # a killed process with the same number
    other.write_bytes(b"theirs")
    write_whole(tmp_path / "a", b"x")
    assert other.read_bytes() == b"theirs" and (tmp_path / "a").read_bytes() == b"x"


def test_devices_and_pipes_are_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (Path("/dev/null"), Path("/dev/full"), pipe, tmp_path):
        with pytest.raises(OutputError, match="it is (no ordinary file|a folder)"):
            write_whole(path, b"x")
    assert pipe.is_fifo() and Path("/dev/null").is_char_device()


def test_a_full_device_is_one_line_for_a_growing_file() -> None:
    growing = Growing(Path("/dev/full"), b"MAGIC")
    with pytest.raises(OutputError, match="cannot write /dev/full: no space left on device"):
        growing.append(b"x")
    growing.close()


LIMITED = """
import resource, sys
from pathlib import Path
from engine.core.disk import Growing, write_whole
from engine.core.errors import OutputError
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
folder = Path(sys.argv[1])
write_whole(folder / "a", b"old")
for write in (lambda: write_whole(folder / "a", b"x" * 5000), lambda: Growing(folder / "b", b"x").append(b"x" * 5000)):
    try:
        write()
    except OutputError as error:
        print(error)
"""


def test_a_limit_on_the_size_of_files_is_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LIMITED, str(tmp_path)]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert answer.returncode == 0 and answer.stderr == ""
    assert answer.stdout.splitlines() == [f"cannot write {tmp_path / name}: file too large" for name in ("a", "b")]
    assert (tmp_path / "a").read_bytes() == b"old" and sorted(p.name for p in tmp_path.iterdir()) == ["a", "b"]


def test_a_growing_file_is_held_by_one_process_and_replaces_only_its_own_kind(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.rec"
    first = Growing(path, b"MAGIC")
    first.append(b"MAGIC one")
    with pytest.raises(OutputError, match="another process is writing it"):
        Growing(path, b"MAGIC")
    first.close()
    second = Growing(path, b"MAGIC")
    second.append(b"MAGIC two")
    second.close()
    second.close()
    assert path.read_bytes() == b"MAGIC two"
    text = tmp_path / "town.star"
    text.write_text("world()")
    with pytest.raises(OutputError, match="a file of another kind"):
        Growing(text, b"MAGIC")
    assert text.read_text() == "world()"


@one_line
@pytest.mark.parametrize("operation", ["open", "lock", "truncate"])
def test_a_growing_file_that_cannot_begin_is_one_line(tmp_path: Path, operation: str, error: int) -> None:
    with pytest.raises(OutputError, match=r"^cannot write [^\n]*a\.rec: [^\n]+$"):
        Growing(tmp_path / "a.rec", b"MAGIC", FailingDisk(operation, 0, error))


@one_line
def test_a_growing_file_that_fails_keeps_what_it_had(tmp_path: Path, error: int) -> None:
    growing = Growing(tmp_path / "a.rec", b"MAGIC", FailingDisk("write", 1, error, short=True))
    growing.append(b"MAGIC")
    with pytest.raises(OutputError):
        growing.append(b"more")
    growing.close()
    assert (tmp_path / "a.rec").read_bytes() == b"MAGICmo"
    with pytest.raises(OutputError):
        Growing(tmp_path / "b.rec", b"MAGIC", FailingDisk("sync", 0, error)).close()
