"""Where shipped worlds lie, and which files a world may load."""

from pathlib import Path

from engine.core.errors import LimitError, WorldFileError
from engine.script.values import hint

SUFFIX = ".star"
MAX_TEXT_BYTES = 1_000_000  # of one file: the largest shipped world has about 12,000

MAX_ASSET_BYTES = 32 * 1024 * 1024  # of one model or picture


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
            raise WorldFileError(
                f"the world file {shown} {kind}; shipped worlds go by name, as in `daguerre play courtyard`"
            )
        if path.stat().st_size > MAX_TEXT_BYTES:
            raise WorldFileError(f"the world file {shown} is larger than {MAX_TEXT_BYTES:,} bytes")
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise WorldFileError(f"the world file {shown} is not UTF-8 text (byte {error.start})") from None
    except OSError as error:
        raise WorldFileError(f"the world file {shown} cannot be read: {error.strerror}") from None


def _parts(wanted: str, verb: str, example: str) -> list[str]:
    """The parts of a path that stays inside the folder it is taken from."""
    parts = wanted.replace("\\", "/").split("/")
    if not wanted or not wanted.isprintable() or ":" in wanted or any(part in ("", ".", "..") for part in parts):
        raise WorldFileError(f"{verb}({wanted!r}) must name a file inside the world's folder, such as '{example}'")
    return parts


def _inside(root: Path, parts: list[str], verb: str, wanted: str) -> Path | None:
    """The file of these parts under a folder, None where there is none; links that lead outside are refused."""
    path = root.joinpath(*parts)
    try:
        found = path.is_file()
    except OSError as error:  # longer than a file's name may be
        raise WorldFileError(f"{verb}('{wanted}') cannot be read: {error.strerror}") from None
    if found and not path.resolve().is_relative_to(root.resolve()):
        raise WorldFileError(f"{verb}('{wanted}') follows a link out of the world's folder; copy the file instead")
    return path if found else None


def loadable(folder: Path, wanted: str) -> Path:
    """The file that load(wanted) means: inside the world's own folder, or in the shipped worlds' lib.

    Absolute paths, `..`, NUL, other suffixes and links that lead outside are refused.
    """
    parts = _parts(wanted, "load", "lib/trees.star")
    if not wanted.endswith(SUFFIX):
        raise WorldFileError(f"load('{wanted}') must name a {SUFFIX} file")
    roots = [folder] + ([worlds_folder()] if parts[0] == "lib" else [])
    for root in roots:
        path = _inside(root, parts, "load", wanted)
        if path is not None:
            return path
    near = {p.relative_to(root).as_posix() for root in roots for p in root.glob("lib/*" + SUFFIX)}
    near |= {p.name for p in folder.glob("*" + SUFFIX)}
    raise WorldFileError(f"load('{wanted}') finds no such file{hint(wanted, near)}")


def asset(folder: Path, wanted: str, verb: str, suffixes: tuple[str, ...]) -> bytes:
    """The bytes of a model or picture inside the world's own folder, under the same rules as `loadable`."""
    parts = _parts(wanted, verb, f"assets/ship{suffixes[0]}")
    if not wanted.lower().endswith(suffixes):
        raise WorldFileError(f"{verb}('{wanted}') must name a file that ends in {', '.join(suffixes)}")
    path = _inside(folder, parts, verb, wanted)
    if path is None:
        near = {p.relative_to(folder).as_posix() for s in suffixes for p in folder.glob("*/*" + s)}
        near |= {p.name for s in suffixes for p in folder.glob("*" + s)}
        raise WorldFileError(f"{verb}('{wanted}') finds no such file in the world's folder{hint(wanted, near)}")
    try:
        size = path.stat().st_size
        if size > MAX_ASSET_BYTES:
            raise LimitError(f"{wanted}: {size:,} bytes are too many; an asset has at most {MAX_ASSET_BYTES:,}")
        return path.read_bytes()
    except OSError as error:
        raise WorldFileError(f"{verb}('{wanted}') cannot be read: {error.strerror}") from None
