"""Where shipped worlds lie, and which files a world may load."""

from pathlib import Path

from engine.core.errors import WorldFileError
from engine.script.values import hint

SUFFIX = ".star"
MAX_TEXT_BYTES = 1_000_000  # of one file: the largest shipped world has about 12,000


def worlds_folder() -> Path:
    """The folder of shipped worlds: beside `engine` in a checkout, inside it in an installed wheel."""
    engine = Path(__file__).resolve().parent.parent
    inside = engine / "worlds"
    return inside if inside.is_dir() else engine.parent / "worlds"


def shipped_worlds() -> list[str]:
    """Bare names of the worlds that come with the package."""
    return sorted(p.stem for p in worlds_folder().glob("*" + SUFFIX))


def world_path(name: str) -> Path:
    """The file of a shipped world by its bare name."""
    path = worlds_folder() / (name + SUFFIX)
    if name not in shipped_worlds():
        raise WorldFileError(f"there is no world named '{name}'{hint(name, shipped_worlds())}")
    return path


def find_world(path_or_name: str | Path) -> Path:
    """A path as it is given, or a shipped world for a bare name."""
    path = Path(path_or_name)
    if "\0" in str(path_or_name):
        raise WorldFileError("the path of a world file holds a NUL character; give a plain path")
    try:
        is_name = path.suffix != SUFFIX and len(path.parts) == 1 and not path.exists()
    except OSError as error:  # longer than a file's name may be
        raise WorldFileError(f"the world file {path_or_name} cannot be read: {error.strerror}") from None
    return world_path(str(path_or_name)) if is_name else path


def read_text(path: Path, shown: str) -> str:
    """The text of a world file, UTF-8."""
    try:
        if not path.is_file():
            kind = "is a folder" if path.is_dir() else "does not exist"
            raise WorldFileError(f"the world file {shown} {kind}; `daguerre play` without a name opens the courtyard")
        if path.stat().st_size > MAX_TEXT_BYTES:
            raise WorldFileError(f"the world file {shown} is larger than {MAX_TEXT_BYTES:,} bytes")
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise WorldFileError(f"the world file {shown} is not UTF-8 text (byte {error.start})") from None
    except OSError as error:
        raise WorldFileError(f"the world file {shown} cannot be read: {error.strerror}") from None


def loadable(folder: Path, wanted: str) -> Path:
    """The file that load(wanted) means: inside the world's own folder, or in the shipped worlds' lib.

    Absolute paths, `..`, NUL, other suffixes and links that lead outside are refused.
    """
    parts = wanted.replace("\\", "/").split("/")
    if not wanted or "\0" in wanted or ":" in wanted or any(part in ("", ".", "..") for part in parts):
        raise WorldFileError(f"load({wanted!r}) must name a file inside the world's folder, such as 'lib/trees.star'")
    if not wanted.endswith(SUFFIX):
        raise WorldFileError(f"load('{wanted}') must name a {SUFFIX} file")
    roots = [folder] + ([worlds_folder()] if parts[0] == "lib" else [])
    for root in roots:
        path = root.joinpath(*parts)
        try:
            found = path.is_file()
        except OSError as error:  # longer than a file's name may be
            raise WorldFileError(f"load('{wanted}') cannot be read: {error.strerror}") from None
        if found:
            if not path.resolve().is_relative_to(root.resolve()):
                raise WorldFileError(
                    f"load('{wanted}') follows a link out of the world's folder; copy the file instead"
                )
            return path
    near = {p.relative_to(root).as_posix() for root in roots for p in root.glob("lib/*" + SUFFIX)}
    near |= {p.name for p in folder.glob("*" + SUFFIX)}
    raise WorldFileError(f"load('{wanted}') finds no such file{hint(wanted, near)}")
