"""Whether a file can be written, found out before the hours of work that it is the end of."""

import os
from pathlib import Path

from engine.core.errors import OutputError


def check_writable(path: Path) -> None:
    """Make the folder of a file and try to write into it. Raises OutputError."""
    trial = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        trial.touch()
        trial.unlink()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise OutputError(f"cannot write {path}: {reason}; choose a folder that can be written") from None
