"""Files that must survive: the operations of the operating system that writing consists of, and how they are combined.

Everything that is kept goes through a `Disk`, so that tests can hand in one that fails or remembers what it was asked.
The order is the one that survives a crash at any point: a new file under a name of its own, all bytes, fsync, rename,
fsync of the folder (Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014). What failed to be synced is
thrown away and never synced again (Rebello et al., "Can Applications Recover from fsync Failures?", ATC 2020).
"""

import contextlib
import errno
import os
import stat
import sys
from pathlib import Path

from engine.core.errors import OutputError

if sys.platform != "win32":
    import fcntl

MAX_ATTEMPTS = 1000  # at a temporary name that nobody else uses


class Disk:
    """The operating system's own operations. Each may raise OSError; `write` may take fewer bytes than it is given."""

    def create(self, path: Path) -> int:
        """A new file for writing; FileExistsError where there is one."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o666)

    def open(self, path: Path) -> int:
        """A file for reading and writing, made if there is none."""
        return os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)

    def write(self, file: int, data: memoryview) -> int:
        """Writes bytes, and says how many."""
        return os.write(file, data)

    def sync(self, file: int) -> None:
        """Returns when the file's bytes are on the disk."""
        os.fsync(file)

    def truncate(self, file: int, n_bytes: int) -> None:
        """Cuts a file."""
        os.ftruncate(file, n_bytes)

    def close(self, file: int) -> None:
        """Lets a file go."""
        os.close(file)

    def rename(self, old: Path, new: Path) -> None:
        """Gives a file another name, whose earlier file vanishes in the same instant."""
        os.replace(old, new)

    def remove(self, path: Path) -> None:
        """Takes a file out of its folder."""
        os.unlink(path)

    def sync_folder(self, folder: Path) -> None:
        """Returns when the names in a folder are on the disk."""
        if sys.platform == "win32":
            return  # folders cannot be opened there; renaming is durable by itself
        file = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)

    def lock(self, file: int) -> bool:
        """Keeps other processes from locking the same file until this one closes it or dies; False if one has it."""
        if sys.platform == "win32":
            return True
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


DISK = Disk()


def write_whole(path: Path, data: bytes, disk: Disk = DISK) -> None:
    """Writes a file whole or not at all, in a folder that is made if need be; then the bytes survive a loss of power.

    OutputError where that fails: the earlier file is as it was, and nothing else is left behind.
    """
    temporary, file = create_beside(path, disk)
    try:
        try:
            write_all(file, data, disk)
            disk.sync(file)
        finally:
            disk.close(file)
        disk.rename(temporary, path)
        disk.sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            disk.remove(temporary)
        raise cannot_write(path, error) from error


def create_beside(path: Path, disk: Disk = DISK) -> tuple[Path, int]:
    """A new hidden file that shall become `path`, open for writing, under a name that no process or thread has.

    OutputError where it cannot be made, or where `path` is a folder, a device or a pipe, which would be destroyed.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        kind = path.stat().st_mode if path.exists() else stat.S_IFREG
        if stat.S_ISDIR(kind):
            raise OutputError(f"cannot write {path}: it is a folder; name a file")
        if not stat.S_ISREG(kind):
            raise OutputError(f"cannot write {path}: it is no ordinary file; name one")
        for number in range(MAX_ATTEMPTS):
            temporary = path.with_name(f".{path.name}.{os.getpid()}-{number}.tmp")
            with contextlib.suppress(FileExistsError):
                return temporary, disk.create(temporary)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise cannot_write(path, error) from error
    raise OutputError(f"cannot write {path}: its folder is full of unfinished files; remove the .tmp files in it")


def write_all(file: int, data: bytes | memoryview, disk: Disk = DISK) -> None:
    """Writes all bytes, however few the system takes at a time. OSError."""
    rest = memoryview(data)
    while rest:
        taken = disk.write(file, rest)
        if taken <= 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        rest = rest[taken:]


def cannot_write(path: Path, error: OSError | ValueError) -> OutputError:
    """The sentence for a write that failed."""
    return OutputError(f"cannot write {path}: {(getattr(error, 'strerror', None) or str(error)).lower()}")


class Growing:
    """A file that only grows and that one process holds, so that whatever kills it leaves a readable beginning."""

    def __init__(self, path: Path, magic: bytes, disk: Disk = DISK) -> None:
        """Begins an empty file; one that is there is replaced if it begins with `magic`. OutputError."""
        self.path, self._disk = path, disk
        self._file = -1
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = disk.open(path)
            if not disk.lock(self._file):
                raise OutputError(f"cannot write {path}: another process is writing it")
            if stat.S_ISREG(os.fstat(self._file).st_mode):
                if os.pread(self._file, len(magic), 0) not in (b"", magic):
                    raise OutputError(f"cannot write {path}: there is a file of another kind; name a new one")
                disk.truncate(self._file, 0)
        except (OSError, ValueError) as error:
            self._let_go()
            raise cannot_write(path, error) from error
        except OutputError:
            self._let_go()
            raise

    def append(self, data: bytes) -> None:
        """Adds bytes. OutputError where they do not all fit; what was there before stays readable."""
        try:
            write_all(self._file, data, self._disk)
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def close(self) -> None:
        """Returns when everything is on the disk. OutputError where that fails; the file is let go in any case."""
        if self._file < 0:
            return
        try:
            self._disk.sync(self._file)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # a device or pipe has nothing to sync
                raise cannot_write(self.path, error) from error
        finally:
            self._let_go()

    def _let_go(self) -> None:
        if self._file >= 0:
            with contextlib.suppress(OSError):
                self._disk.close(self._file)
        self._file = -1
