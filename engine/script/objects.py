"""The values that scripts work with, and what walks through them: every walk is counted, and its depth is bounded.

None, True and False, whole numbers of 64 bits, finite floats, texts, tuples and ranges are Python's own. Lists and
dicts know the era they were made in: when a file has been read, or a handler has returned, they are frozen.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from engine.script.budget import Budget, Fault
from engine.script.reading import MAX_INTEGER, MAX_TEXT_LENGTH

MAX_LENGTH: Final = 10_000  # elements of one list, tuple or dict
MAX_VALUE_DEPTH: Final = 32  # of lists in lists
MAX_RANGE: Final = 2**31
CHARACTERS_PER_STEP: Final = 8
SCALARS: Final = (int, float, str, bool, type(None))


class List(list[Any]):
    """A list; `era` says until when it may change, `walked` how many loops run over it now."""

    __slots__ = ("era", "walked")

    def __init__(self, items: Any, era: object) -> None:
        super().__init__(items)
        self.era, self.walked = era, 0


class Dict(dict[Any, Any]):
    """A dict; keys keep the order in which they came."""

    __slots__ = ("era", "walked")

    def __init__(self, items: Any, era: object) -> None:
        super().__init__(items)
        self.era, self.walked = era, 0


class Frame:
    """The variables of one running function, or of one file."""

    __slots__ = ("run", "up", "vars")

    def __init__(self, run: Budget, up: "Frame | None", names: dict[str, Any]) -> None:
        self.run, self.up, self.vars = run, up, names


class Builtin:
    """A function of the library or of the engine, by the name that authors use."""

    __slots__ = ("call", "is_host", "name")

    def __init__(self, name: str, call: Callable[..., Any], is_host: bool = False) -> None:
        self.name, self.call, self.is_host = name, call, is_host


class Function:
    """A function written in a world file."""

    __slots__ = ("body", "defaults", "extra", "frames", "is_plain", "keywords", "label", "more", "name", "names", "up")

    def __init__(
        self,
        name: str,
        names: tuple[str, ...],
        keywords: tuple[str, ...],
        defaults: Mapping[str, Any],
        more: str | None,
        extra: str | None,
        body: Callable[[Frame], Any],
        frames: int,
        up: Frame,
    ) -> None:
        self.name, self.names, self.keywords, self.defaults = name, names, keywords, defaults
        self.more, self.extra = more, extra  # the names of *args and **kwargs
        self.body, self.frames, self.up = body, frames, up
        self.label: tuple[bytes, str] | None = None  # what a function of a library that was read to its end is known by
        self.is_plain = not keywords and more is None and extra is None

    def takes(self) -> str:
        """Its parameters, as a message quotes them."""
        return f"{self.name}({', '.join((*self.names, *self.keywords))})"

    def accepts(self, count: int) -> bool:
        """Whether it can be called with so many values."""
        needed = sum(name not in self.defaults for name in self.names)
        required = all(name in self.defaults for name in self.keywords)
        return required and needed <= count and (self.more is not None or count <= len(self.names))


def kind_of(value: object) -> str:
    """The type of a value, by Starlark's name for it."""
    if isinstance(value, Function | Builtin):
        return "function"
    if value is None:
        return "NoneType"
    if isinstance(value, str):
        return "string"
    return type(value).__name__.lower()  # List and Dict are named like Python's


def a_kind(value: object) -> str:
    """A value's type as a message names it."""
    names = {
        "string": "a text",
        "int": "a whole number",
        "float": "a number",
        "NoneType": "None",
        "bool": "a truth value",
    }
    kind = kind_of(value)
    return names.get(kind, f"a {kind}")


def integer(value: int) -> int:
    """A whole number that fits. Fault where it does not."""
    if -MAX_INTEGER - 1 <= value <= MAX_INTEGER:
        return value
    raise Fault("this gives a whole number that does not fit into 64 bits")


def finite(value: float) -> float:
    """A float that is a number. Fault for infinities and NaN, which no script can ever hold."""
    if math.isfinite(value):
        return value
    raise Fault("this gives no finite number")


def check_length(what: str, length: int) -> None:
    """Fault for a text, list or dict that would be too long."""
    most = MAX_TEXT_LENGTH if what == "text" else MAX_LENGTH
    if length > most:
        raise Fault(f"this makes a {what} of {length:,}; it may be {most:,} long, not more")


def text(run: Budget, value: str) -> str:
    """A text that was made, paid for. Its length was checked, or is known to be a few times a checked one."""
    if len(value) > MAX_TEXT_LENGTH:
        check_length("text", len(value))
    run.charge(1 + len(value) // CHARACTERS_PER_STEP)
    return value


def new_list(run: Budget, length: int) -> None:
    """Pays for a list or tuple of that length that is about to be made."""
    check_length("list", length)
    run.charge(3 + length)


def check_mutable(run: Budget, value: List | Dict) -> None:
    """Fault for what is frozen, or being walked."""
    kind = kind_of(value)
    if value.era is not run.era:
        raise Fault(
            f"this {kind} is immutable: it was made while the file was read; keep what changes with put and get"
        )
    if value.walked:
        raise Fault(f"this {kind} cannot change while a loop walks over it; walk over list(...) of it")


def key(run: Budget, value: object, room: int = 0, depth: int = 0) -> Any:
    """A value that can be a key. Tuples pay for the table they are sought in: their hashes can be made to collide."""
    if isinstance(value, tuple):
        if depth > MAX_VALUE_DEPTH:
            raise Fault(f"this is nested more than {MAX_VALUE_DEPTH} deep")
        run.charge(len(value) + room // 8)
        for part in value:
            key(run, part, 0, depth + 1)
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | str | None):
        raise Fault(f"{a_kind(value)} cannot be a key; a text, a number or a tuple of them can")
    if isinstance(value, str):
        run.spent += len(value) // 256
    return value


def same(run: Budget, a: object, b: object, depth: int = 0) -> bool:
    """Whether two values are equal; True is not 1."""
    if isinstance(a, SCALARS) or isinstance(b, SCALARS):
        if isinstance(a, bool) or isinstance(b, bool):
            return a is b
        if isinstance(a, str) and isinstance(b, str) and len(a) == len(b):
            run.charge(len(a) // 256)
        return a == b if isinstance(a, SCALARS) and isinstance(b, SCALARS) else False
    if depth > MAX_VALUE_DEPTH:
        raise Fault(f"these are nested more than {MAX_VALUE_DEPTH} deep and cannot be compared")
    if isinstance(a, list | tuple) and type(a) is type(b) and isinstance(b, list | tuple):
        run.charge(8 * min(len(a), len(b)))
        return len(a) == len(b) and all(same(run, x, y, depth + 1) for x, y in zip(a, b, strict=True))
    if isinstance(a, Dict) and isinstance(b, Dict):
        run.charge(8 * min(len(a), len(b)))
        return len(a) == len(b) and all(k in b and same(run, v, b[k], depth + 1) for k, v in a.items())
    if isinstance(a, range) and isinstance(b, range):
        return a == b
    return a is b


def before(run: Budget, a: Any, b: Any, depth: int = 0) -> int:
    """-1, 0 or 1: how two values of one kind are ordered. Fault for what has no order."""
    if isinstance(a, str) and isinstance(b, str):
        run.charge(min(len(a), len(b)) // 256)
        return int(a > b) - int(a < b)
    if type(a) in (int, float) and type(b) in (int, float) or isinstance(a, bool) and isinstance(b, bool):
        return int(a > b) - int(a < b)
    if isinstance(a, list | tuple) and type(a) is type(b):
        if depth > MAX_VALUE_DEPTH:
            raise Fault(f"these are nested more than {MAX_VALUE_DEPTH} deep and cannot be compared")
        run.charge(8 * min(len(a), len(b)))
        for x, y in zip(a, b, strict=False):
            if order := before(run, x, y, depth + 1):
                return order
        return (len(a) > len(b)) - (len(a) < len(b))
    raise Fault(f"{a_kind(a)} and {a_kind(b)} have no order")


def contains(run: Budget, container: object, value: object) -> bool:
    """What `in` answers."""
    if isinstance(container, str):
        if not isinstance(value, str):
            raise Fault(f"`in` looks for a text in a text, not for {a_kind(value)}")
        run.charge((len(container) + len(value)) // 64)
        return value in container
    if isinstance(container, Dict):
        return key(run, value, len(container)) in container
    if isinstance(container, range):
        return type(value) is int and value in container
    if isinstance(container, list | tuple):
        run.charge(2 * len(container))
        return any(same(run, value, item) for item in container)
    raise Fault(f"`in` looks into a text, list, tuple, dict or range, not into {a_kind(container)}")


def written(run: Budget, value: object, quoted: bool, depth: int = 0) -> str:
    """A value as text: what str() (not quoted) and repr() give."""
    if isinstance(value, str):
        if not quoted:
            return value
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
        return text(run, f'"{escaped.replace(chr(13), chr(92) + "r")}"')
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    if isinstance(value, range):
        step = "" if value.step == 1 else f", {value.step}"
        start = "" if value.start == 0 and not step else f"{value.start}, "
        return f"range({start}{value.stop}{step})"
    if isinstance(value, Function):
        return f"<function {value.name}>"
    if isinstance(value, Builtin):
        return f"<built-in function {value.name}>"
    if depth > MAX_VALUE_DEPTH:
        raise Fault(f"this is nested more than {MAX_VALUE_DEPTH} deep and cannot be written as text")
    pieces: list[str] = []
    length = 2
    items: Any = value.items() if isinstance(value, dict) else value
    for item in items:
        if isinstance(value, dict):
            piece = f"{written(run, item[0], True, depth + 1)}: {written(run, item[1], True, depth + 1)}"
        else:
            piece = written(run, item, True, depth + 1)
        length += len(piece) + 2
        check_length("text", length)
        run.charge(3 + len(piece) // CHARACTERS_PER_STEP)
        pieces.append(piece)
    inside = ", ".join(pieces)
    if isinstance(value, dict):
        return "{" + inside + "}"
    if isinstance(value, tuple):
        return f"({inside},)" if len(pieces) == 1 else f"({inside})"
    return f"[{inside}]"


def outward(run: Budget, value: object, depth: int = 0) -> Any:
    """A value as the engine's functions take it: plain copies, so that nobody changes them later. -0.0 becomes 0.0."""
    kind = type(value)
    if kind is float:
        return value + 0.0  # type: ignore[operator]
    if kind is int:
        return value
    if isinstance(value, str):
        run.charge(len(value) // CHARACTERS_PER_STEP)
        return value
    if isinstance(value, SCALARS):
        return value
    if depth > MAX_VALUE_DEPTH:
        raise Fault(f"this is nested more than {MAX_VALUE_DEPTH} deep")
    if isinstance(value, list | tuple | range):
        run.charge(1 + len(value))
        parts = [outward(run, part, depth + 1) for part in value]
        return tuple(parts) if isinstance(value, tuple) else parts
    if isinstance(value, Dict):
        run.charge(1 + 4 * len(value))
        return {k: outward(run, v, depth + 1) for k, v in value.items()}
    name = value.name if isinstance(value, Function | Builtin) else "this"
    raise Fault(f"{name} is a function, and only on(event, handler) takes one; to call it write {name}(...)")


def inward(run: Budget, value: Any) -> Any:
    """What a function of the engine gave, as a value of the script."""
    if type(value) is float:
        return finite(value) + 0.0
    if isinstance(value, str):
        return text(run, value)
    if isinstance(value, SCALARS):
        return integer(value) if type(value) is int else value
    if isinstance(value, list | tuple):
        new_list(run, len(value))
        parts = [inward(run, part) for part in value]
        return tuple(parts) if isinstance(value, tuple) else List(parts, run.era)
    if isinstance(value, dict):
        run.charge(8 + 6 * len(value))
        return Dict({k: inward(run, v) for k, v in value.items()}, run.era)
    raise TypeError(f"a {type(value).__name__} is no value of a script")
