"""Saves: a folder that keeps the last few snapshots of a world, each a generation with a number of its own.

A generation is never written over. The newest that is whole is the save; older ones stay until two newer are on the
disk, so that a crash, a full disk or a damaged file costs the newest at most.
"""

import contextlib
import re
from pathlib import Path
from types import TracebackType
from typing import Final

from engine.core.disk import DISK, Disk, cannot_write, write_whole
from engine.core.errors import OutputError, SnapshotError
from engine.state import snapshot
from engine.state.blueprint import Blueprint
from engine.state.world import State

GENERATIONS: Final = 3  # kept
SUFFIX: Final = ".snap"
_NAME: Final = re.compile(r"\d{8,12}\.snap")


class SaveFolder:
    """The right to write into a save; from the first write until `close`, or death, no other process has it."""

    def __init__(self, folder: Path, disk: Disk = DISK) -> None:
        self.folder, self._disk = folder, disk
        self._lock = -1

    def write(self, data: bytes) -> Path:
        """Adds a generation and returns its file; when it returns, the snapshot survives a loss of power.

        OutputError where that fails, or where another process writes this save; earlier generations are as they were.
        """
        self._hold()
        numbers = [int(path.stem) for path in generations(self.folder)]
        path = self.folder / f"{max(numbers, default=0) + 1:08d}{SUFFIX}"
        write_whole(path, data, self._disk)
        for old in generations(self.folder)[GENERATIONS:]:
            with contextlib.suppress(OSError):  # an old one too many harms nobody
                self._disk.remove(old)
        return path

    def close(self) -> None:
        """Lets other processes write."""
        if self._lock >= 0:
            with contextlib.suppress(OSError):
                self._disk.close(self._lock)
            self._lock = -1

    def __enter__(self) -> "SaveFolder":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _hold(self) -> None:
        if self._lock >= 0:
            return
        lock = self.folder / "lock"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            file = self._disk.open(lock)
        except (OSError, ValueError) as error:
            raise cannot_write(self.folder, error) from error
        try:
            held = self._disk.lock(file)
        except OSError as error:
            self._disk.close(file)
            raise cannot_write(self.folder, error) from error
        if not held:
            self._disk.close(file)
            raise OutputError(f"the save {self.folder.name!r} is in use by another process; close it, or name another")
        self._lock = file
        for unfinished in self.folder.glob(".*.tmp"):  # of a process that was killed: no living one writes here
            with contextlib.suppress(OSError):
                self._disk.remove(unfinished)


def generations(folder: Path) -> list[Path]:
    """The files of a save, newest first."""
    try:
        found = [path for path in folder.iterdir() if _NAME.fullmatch(path.name)]
    except OSError:
        return []
    return sorted(found, key=lambda path: int(path.stem), reverse=True)


def newest(blueprint: Blueprint, folder: Path) -> tuple[State, Path, list[str]]:
    """The newest whole state of a save, its file, and a sentence about every newer file that is not whole.

    SnapshotError where no generation can be used: what is wrong with the newest.
    """
    problems: list[str] = []
    for path in generations(folder):
        try:
            return read(blueprint, path), path, problems
        except SnapshotError as error:
            problems.append(str(error))
    if problems:
        raise SnapshotError(f"{problems[0]} (and no older generation can be used)")
    raise SnapshotError(f"{folder}: there is no save here")


def read(blueprint: Blueprint, path: Path) -> State:
    """The state in a file. SnapshotError names the file and what is wrong."""
    try:
        with path.open("rb") as file:
            data = file.read(snapshot.MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SnapshotError(f"{path}: the snapshot cannot be read ({reason})") from None
    try:
        return snapshot.load(blueprint, data)
    except SnapshotError as error:
        raise SnapshotError(f"{path}: {error}") from None
