"""A world that is played while its file is written: when a file of it is saved, the world is read again.

Where it cannot be read, the last good world goes on and `problem` says what is wrong, until a save mends it.
"""

import time
from collections.abc import Callable, Iterable
from pathlib import Path

from engine.core.errors import DaguerreError, WorldFileError
from engine.script.worldfile import LoadedWorld

SETTLE_S = 0.02  # a save is taken up when two looks so far apart find the same, so that no half file is read
Trace = tuple[tuple[int, int], ...]  # of each file when it was written, ns, and its bytes; -1 where there is none


class Author:
    """Looks at the files of one world."""

    def __init__(self, world: LoadedWorld, read: Callable[[LoadedWorld], LoadedWorld]) -> None:
        """`read` reads the world file anew, given what it was; it raises DaguerreError where that is wrong."""
        self.problem = ""
        self._read, self._world, self._files = read, world, world.files
        self._known = _trace(self._files)

    def look(self) -> LoadedWorld | None:
        """The world as it is written now, once after every save that can be read; else None."""
        found = _trace(self._files)
        if found == self._known:
            return None
        time.sleep(SETTLE_S)  # the next look would be later: a frame of a large world takes longer
        if _trace(self._files) != found:
            return None
        self._known = found
        try:
            world = self._world = self._read(self._world)
        except DaguerreError as error:
            self.refuse(error)
            if new := tuple(file for file in error.files if file not in self._files):  # the mistake may be in these
                self._watch(self._files + new)
            return None
        if world.files != self._files:
            self._watch(world.files)
        self.problem = ""
        return world

    def _watch(self, files: tuple[Path, ...]) -> None:
        """Look at these files from now on. What was known of one before it was read is kept: it may have been saved
        again meanwhile.
        """
        known = dict(zip(self._files, self._known, strict=True))
        self._known = tuple(known[file] if file in known else _trace((file,))[0] for file in files)
        self._files = files

    def refuse(self, error: DaguerreError) -> None:
        """Says from now on that the file as it is cannot be played."""
        self.problem = told(error)


def told(error: DaguerreError) -> str:
    """An error in the words of an overlay: the file without its folder, the place, what is wrong, the line itself."""
    if not isinstance(error, WorldFileError) or error.file is None:
        return str(error)
    place = ":".join(str(part) for part in (Path(error.file).name, error.line, error.column) if part)
    line = error.excerpt.split("\n")[0].strip()
    return f"{place}: {error.message}" + (f"\n{line}" if line else "")


def _trace(files: Iterable[Path]) -> Trace:
    def of(path: Path) -> tuple[int, int]:
        try:
            found = path.stat()
        except (OSError, ValueError):  # not there yet, or taken away for a moment by an editor that saves; or no path
            return (-1, -1)
        return found.st_mtime_ns, found.st_size

    return tuple(of(path) for path in files)
