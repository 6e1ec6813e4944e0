"""Disks that fail, and disks that remember, for tests of everything that is written."""

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, combinations, product
from pathlib import Path

from engine.core.disk import Disk


class FailingDisk(Disk):
    """A real disk whose n-th call of one operation fails, or takes only half of what it is given and then fails."""

    def __init__(self, operation: str, at: int = 0, error: int = errno.ENOSPC, short: bool = False) -> None:
        self.operation, self.at, self.error, self.short = operation, at, error, short
        self.calls = self.failed = 0

    def _may_fail(self, operation: str) -> None:
        if operation == self.operation:
            self.calls += 1
            if self.calls - 1 == self.at:
                self.failed += 1
                raise OSError(self.error, os.strerror(self.error))

    def create(self, path: Path) -> int:
        self._may_fail("create")
        return super().create(path)

    def open(self, path: Path) -> int:
        self._may_fail("open")
        return super().open(path)

    def write(self, file: int, data: memoryview) -> int:
        if self.operation == "write" and self.short and self.calls == self.at and len(data) > 1:
            super().write(file, data[: len(data) // 2])
        self._may_fail("write")
        return super().write(file, data)

    def sync(self, file: int) -> None:
        self._may_fail("sync")
        super().sync(file)

    def truncate(self, file: int, n_bytes: int) -> None:
        self._may_fail("truncate")
        super().truncate(file, n_bytes)

    def rename(self, old: Path, new: Path) -> None:
        self._may_fail("rename")
        super().rename(old, new)

    def remove(self, path: Path) -> None:
        self._may_fail("remove")
        super().remove(path)

    def sync_folder(self, folder: Path) -> None:
        self._may_fail("sync_folder")
        super().sync_folder(folder)

    def lock(self, file: int) -> bool:
        self._may_fail("lock")
        return super().lock(file)


class SmallBites(Disk):
    """A disk that takes at most seven bytes at a time."""

    def write(self, file: int, data: memoryview) -> int:
        return super().write(file, data[:7])


@dataclass
class Inode:
    """A file's bytes: what is surely on the disk, and what is as well but not yet."""

    synced: bytes = b""
    written: bytes = b""
    is_synced: bool = True


@dataclass
class RememberingDisk(Disk):
    """A disk in memory that remembers every operation, so that the disk after a crash can be drawn at any point.

    A crash loses or tears what was written since a file's last sync, and any of the changes of names since the last
    sync of the folder, in any combination (more than a journalling file system would do).
    """

    inodes: list[Inode] = field(default_factory=list)
    durable: dict[str, int] = field(default_factory=dict)  # name -> inode, on the disk
    pending: list[tuple[str, str, int]] = field(default_factory=list)  # (name that goes, name that comes, inode)
    crashes: list["RememberingDisk"] = field(default_factory=list)  # the disk after every operation so far

    def names(self) -> dict[str, int]:
        """Names as a running program sees them."""
        found = dict(self.durable)
        for old, new, inode in self.pending:
            _change(found, old, new, inode)
        return found

    def _done(self) -> None:
        copies = [Inode(i.synced, i.written, i.is_synced) for i in self.inodes]
        self.crashes.append(RememberingDisk(copies, dict(self.durable), list(self.pending)))

    def create(self, path: Path) -> int:
        super().close(super().create(path))  # also for real, so that folders can be listed
        self.inodes.append(Inode(is_synced=True))
        self.pending.append(("", path.name, len(self.inodes) - 1))
        self._done()
        return len(self.inodes) - 1

    def open(self, path: Path) -> int:
        return self.create(path) if path.name not in self.names() else self.names()[path.name]

    def write(self, file: int, data: memoryview) -> int:
        half = max(1, len(data) // 2)  # two writes, so that there is a crash between
        self.inodes[file].written += bytes(data[:half])
        self.inodes[file].is_synced = False
        self._done()
        return half

    def sync(self, file: int) -> None:
        inode = self.inodes[file]
        inode.synced, inode.is_synced = inode.written, True
        self._done()

    def close(self, file: int) -> None:
        pass

    def rename(self, old: Path, new: Path) -> None:
        super().rename(old, new)
        self.pending.append((old.name, new.name, self.names()[old.name]))
        self._done()

    def remove(self, path: Path) -> None:
        super().remove(path)
        self.pending.append((path.name, "", -1))
        self._done()

    def sync_folder(self, folder: Path) -> None:
        self.durable, self.pending = self.names(), []
        self._done()

    def lock(self, file: int) -> bool:
        return True

    def images(self) -> Iterator[dict[str, bytes]]:
        """Every disk that may be found after a crash now: files by name."""
        n = len(self.pending)
        for kept in chain.from_iterable(combinations(range(n), k) for k in range(n + 1)):
            names = dict(self.durable)
            for i in kept:
                _change(names, *self.pending[i])
            files = sorted(names)
            for contents in product(*(self._contents(names[name]) for name in files)):
                yield dict(zip(files, contents, strict=True))

    def _contents(self, inode: int) -> list[bytes]:
        one = self.inodes[inode]
        if one.is_synced:
            return [one.synced]
        torn = one.written[: len(one.written) // 3]
        holes = bytes(len(one.written))
        return [one.synced, torn, holes, one.written]


def _change(names: dict[str, int], old: str, new: str, inode: int) -> None:
    names.pop(old, None)
    if new:
        names[new] = inode
