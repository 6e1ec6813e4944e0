"""Every error that a person may meet. Each is one sentence that says where, what was wrong and what would be right."""

from pathlib import Path


class DaguerreError(Exception):
    """Base of all expected failures; the command line prints it as one line and exits with `exit_code`."""

    exit_code = 1
    files: tuple[Path, ...] = ()  # of a world that could not be read: what was opened, and what was looked for


class WorldFileError(DaguerreError):
    """A world file that cannot be used. `file`, `line` and `column` say where, when known (1-based)."""

    exit_code = 2

    def __init__(
        self,
        message: str,
        file: str | None = None,
        line: int | None = None,
        column: int | None = None,
        excerpt: str = "",
    ) -> None:
        where = ":".join(str(part) for part in (file, line, column) if part is not None)
        text = f"{where}: {message}" if where else message
        super().__init__(f"{text}\n{excerpt}" if excerpt else text)
        self.message, self.file, self.line, self.column, self.excerpt = message, file, line, column, excerpt


class AssetError(DaguerreError):
    """A model or picture that a world file names and that cannot be used; the message begins with the asset's name."""

    exit_code = 2


class SnapshotError(DaguerreError):
    """Bytes that are not a whole, valid snapshot of this version and world."""


class RecordingError(DaguerreError):
    """Bytes that are no recording, or one that this program or this world cannot play."""


class CommandError(DaguerreError):
    """A command from a player, a file or a test that is malformed."""


class LimitError(DaguerreError):
    """A hard cap was asked to be exceeded; the message names the cap and its number."""


class WeightsError(DaguerreError):
    """Network weights that are missing, damaged or of another shape."""


class GraphicsError(DaguerreError):
    """No usable OpenGL."""

    exit_code = 3


class OutputError(DaguerreError):
    """A file or folder that cannot be written."""
