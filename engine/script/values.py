"""What authors write, read strictly: every refusal is one sentence that says what was wrong and what would be right."""

import difflib
import re
from collections.abc import Iterable

from engine.core.errors import WorldFileError
from engine.core.units import VOXELS_PER_M

_NUMBERS = frozenset((int, float))
Point = tuple[float, float, float]
Voxel = tuple[int, int, int]
MOST_COMPARED = 500  # names, when the nearest is looked for
LONGEST_COMPARED = 60  # characters
CLOCK = re.compile(r"(\d\d?):([0-5]\d)", re.ASCII)


def hint(name: str, known: Iterable[str]) -> str:
    """ "; did you mean 'x'?" when a known name is near, else the first few known names."""
    options = sorted(known)[:MOST_COMPARED]
    near = difflib.get_close_matches(name[:LONGEST_COMPARED], options, n=1, cutoff=0.5)
    if near:
        return f"; did you mean '{near[0]}'?"
    if not options:
        return "; there are none yet"
    return "; there is " + ", ".join(f"'{o}'" for o in options[:8]) + (" ..." if len(options) > 8 else "")


def said(value: object) -> str:
    """How a value is quoted in a message, cut short."""
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def number(value: object, what: str, low: float = -1e6, high: float = 1e6) -> float:
    """A finite number within [low, high]."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        plain = f"; write {value} without quotes" if isinstance(value, str) and _reads_as_number(value) else ""
        raise WorldFileError(f"{what} must be a number, not {said(value)}{plain}")
    if not low <= value <= high:  # a whole number may be larger than any float
        shown = f"{value:g}" if isinstance(value, float) else said(value)
        raise WorldFileError(f"{what} must lie between {low:g} and {high:g}, not {shown}")
    return float(value) + 0.0  # no -0.0, whose sign would show in angles


def _reads_as_number(value: str) -> bool:
    return len(value) < 40 and value.isascii() and value.strip().lstrip("-").replace(".", "", 1).isdigit()


def hour(value: object, what: str) -> float:
    """An hour of day, 0..24: a number such as 18.5, or a text such as "18:30"."""
    if isinstance(value, str):
        found = CLOCK.fullmatch(value)
        if found is None:
            raise WorldFileError(f'{what} must be an hour such as 18.5 or "18:30", not {said(value)}')
        value = int(found[1]) + int(found[2]) / 60
    return number(value, what, 0.0, 24.0)


def integer(value: object, what: str, low: int, high: int) -> int:
    """A whole number within [low, high]."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise WorldFileError(f"{what} must be a whole number, not {said(value)}")
    if not low <= value <= high:
        raise WorldFileError(f"{what} must lie between {low} and {high}, not {value}")
    return value


def text(value: object, what: str, longest: int = 200) -> str:
    """A string without control characters."""
    if not isinstance(value, str):
        raise WorldFileError(f"{what} must be a string, not {said(value)}")
    if len(value) > longest:
        raise WorldFileError(f"{what} must be at most {longest} characters long, not {len(value)}")
    if not value.isprintable():
        raise WorldFileError(f"{what} must hold printable characters only, not {said(value)}")
    return value


def flag(value: object, what: str) -> bool:
    """True or False, nothing that merely looks like it."""
    if not isinstance(value, bool):
        raise WorldFileError(f"{what} must be True or False, not {said(value)}")
    return value


def one_of(value: object, what: str, known: Iterable[str]) -> str:
    """One of a few words."""
    options = tuple(known)
    if not isinstance(value, str) or value not in options:
        raise WorldFileError(f"{what} cannot be {said(value)}{hint(str(value), options)}")
    return value


def triple(value: object, what: str) -> tuple[object, object, object]:
    """Three things in a tuple or list."""
    if not isinstance(value, list | tuple) or len(value) != 3:
        raise WorldFileError(f"{what} must be three numbers (x, y, z), not {said(value)}")
    return value[0], value[1], value[2]


def point(value: object, what: str, low: float = -1e6, high: float = 1e6) -> Point:
    """Three finite numbers."""
    x, y, z = triple(value, what)
    return number(x, what + " x", low, high), number(y, what + " y", low, high), number(z, what + " z", low, high)


def voxels(metres: object, what: str) -> int:
    """A length on the voxel grid, in voxels."""
    if type(metres) in _NUMBERS and -1e6 <= metres <= 1e6 and metres * VOXELS_PER_M % 1 == 0:  # type: ignore[operator]
        return int(metres * VOXELS_PER_M)  # type: ignore[operator]
    length = number(metres, what)
    count = round(length * VOXELS_PER_M)
    if abs(length * VOXELS_PER_M - count) > 1e-6:
        nearest = count / VOXELS_PER_M
        raise WorldFileError(
            f"{what} must be a multiple of {1 / VOXELS_PER_M:g} m; the nearest to {length:g} is {nearest:g}"
        )
    return count


def voxel(value: object, what: str) -> Voxel:
    """A point on the voxel grid, in voxels."""
    x, y, z = triple(value, what)
    return voxels(x, what + " x"), voxels(y, what + " y"), voxels(z, what + " z")


def linear_from_srgb(c: float) -> float:
    """One sRGB channel, 0..1, to linear light (IEC 61966-2-1)."""
    return c / 12.92 if c <= 0.04045 else float(((c + 0.055) / 1.055) ** 2.4)


def colour(value: object, what: str, brightest: float = 1.0) -> Point:
    """Linear RGB from "#rrggbb" (sRGB) or from three linear numbers."""
    if isinstance(value, str):
        digits = value[1:]
        if len(value) != 7 or value[0] != "#" or any(c not in "0123456789abcdefABCDEF" for c in digits):
            raise WorldFileError(f"{what} must be '#rrggbb' or three linear numbers, not {said(value)}")
        r, g, b = (linear_from_srgb(int(digits[i : i + 2], 16) / 255.0) for i in (0, 2, 4))
        return r, g, b
    if isinstance(value, list | tuple) and len(value) == 3:
        return point(value, what, 0.0, brightest)
    raise WorldFileError(f"{what} must be '#rrggbb' or three linear numbers, not {said(value)}")
