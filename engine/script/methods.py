"""Methods of texts, lists and dicts, each by name in a table: nothing that is not in it can be called."""

from collections.abc import Callable
from typing import Any, Final

from engine.script.budget import Budget, Fault
from engine.script.objects import (
    CHARACTERS_PER_STEP,
    Dict,
    List,
    a_kind,
    check_length,
    check_mutable,
    finite,
    integer,
    key,
    new_list,
    same,
    text,
    written,
)

Method = Callable[..., Any]


def _texts(name: str, *values: object) -> None:
    for value in values:
        if not isinstance(value, str):
            raise Fault(f".{name}() takes texts, not {a_kind(value)}")


def _whole(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise Fault(f".{name}() takes a whole number, not {a_kind(value)}")
    return value


# --- texts ------------------------------------------------------------------------------------------------------------


def _question(name: str) -> Method:
    def ask(run: Budget, s: str) -> bool:
        run.charge(len(s) // CHARACTERS_PER_STEP)
        return bool(getattr(str, name)(s))

    return ask


def _changed(name: str) -> Method:
    def change(run: Budget, s: str) -> str:
        return text(run, getattr(str, name)(s))

    return change


def _stripped(name: str) -> Method:
    def strip(run: Budget, s: str, chars: str | None = None) -> str:
        if chars is not None:
            _texts(name, chars)
            run.charge(len(s) * (1 + len(chars) // 64) // 64)
        return text(run, getattr(str, name)(s, chars))

    return strip


def _sought(name: str) -> Method:
    def seek(run: Budget, s: str, sub: str, start: int = 0, end: int | None = None) -> int:
        _texts(name, sub)
        run.charge((len(s) + len(sub)) // CHARACTERS_PER_STEP)
        stop = len(s) if end is None else _whole(name, end)
        try:
            return int(getattr(str, name)(s, sub, _whole(name, start), stop))
        except ValueError:
            raise Fault(f".{name}() does not find {written(run, sub, True):.40} in this text") from None

    return seek


def _begins(name: str) -> Method:
    def ask(run: Budget, s: str, what: str | tuple[str, ...]) -> bool:
        _texts(name, *(what if isinstance(what, tuple) else (what,)))
        run.charge(len(what))
        return bool(getattr(str, name)(s, what))

    return ask


def _split(name: str) -> Method:
    def split(run: Budget, s: str, sep: str | None = None, most: int = -1) -> List:
        if sep is not None:
            _texts(name, sep)
            if not sep:
                raise Fault(f".{name}() needs a separator that is not empty")
        new_list(run, (len(s.split()) if sep is None else s.count(sep)) + 1)
        run.charge(len(s) // 4)
        return List(getattr(str, name)(s, sep, _whole(name, most)), run.era)

    return split


def _cut(name: str) -> Method:
    def part(run: Budget, s: str, sep: str) -> tuple[str, ...]:
        _texts(name, sep)
        if not sep:
            raise Fault(f".{name}() needs a separator that is not empty")
        run.charge(4 + len(s) // CHARACTERS_PER_STEP)
        return tuple(getattr(str, name)(s, sep))

    return part


def _without(name: str) -> Method:
    def remove(run: Budget, s: str, what: str) -> str:
        _texts(name, what)
        return text(run, getattr(str, name)(s, what))

    return remove


def _elems(run: Budget, s: str) -> List:
    new_list(run, len(s))
    return List(s, run.era)


def _splitlines(run: Budget, s: str, keepends: bool = False) -> List:
    lines = s.splitlines(bool(keepends))
    run.charge(len(s) // 4)
    new_list(run, len(lines))
    return List(lines, run.era)


def _join(run: Budget, s: str, items: Any) -> str:
    if not isinstance(items, list | tuple):
        raise Fault(f".join() takes a list of texts, not {a_kind(items)}")
    run.charge(len(items))
    _texts("join", *items)
    check_length("text", sum(map(len, items)) + len(s) * max(0, len(items) - 1))
    return text(run, s.join(items))


def _replace(run: Budget, s: str, old: str, new: str, count: int = -1) -> str:
    _texts("replace", old, new)
    run.charge(len(s) // CHARACTERS_PER_STEP)
    times = s.count(old)
    if (most := _whole("replace", count)) >= 0:
        times = min(times, most)
    check_length("text", len(s) + times * (len(new) - len(old)))
    return text(run, s.replace(old, new, most))


def _format(run: Budget, s: str, *args: Any, **kwargs: Any) -> str:
    pieces: list[str] = []
    length, at, next_one = 0, 0, 0
    while at < len(s):
        sign = s[at]
        if sign in "{}" and s[at : at + 2] == sign * 2:
            piece, at = sign, at + 2
        elif sign == "{":
            end = s.find("}", at)
            if end < 0:
                raise Fault(".format() finds a { without its }; write {{ for the sign itself")
            name, at = s[at + 1 : end], end + 1
            if not name:
                name, next_one = str(next_one), next_one + 1
            if name.isascii() and name.isdigit():
                if int(name[:6]) >= len(args):
                    raise Fault(f".format() got {len(args)} values; there is none for {{{name[:20]}}}")
                value = args[int(name[:6])]
            elif name in kwargs:
                value = kwargs[name]
            else:
                raise Fault(f".format() got no value for {{{name[:40]}}}; between the braces stands a number or a name")
            piece = written(run, value, False)
        elif sign == "}":
            raise Fault(".format() finds a } without its {; write }} for the sign itself")
        else:
            stop = min((i for i in (s.find("{", at), s.find("}", at)) if i >= 0), default=len(s))
            piece, at = s[at:stop], stop
        length += len(piece)
        check_length("text", length)
        run.charge(1 + len(piece) // CHARACTERS_PER_STEP)
        pieces.append(piece)
    return "".join(pieces)


def percent(run: Budget, s: str, values: object) -> str:
    """What `text % values` gives: %s %r %d %x %X %o %e %f %g and %%, without widths."""
    args = list(values) if isinstance(values, tuple) else [values]
    named = values if isinstance(values, Dict) else None
    pieces: list[str] = []
    length, at, used = 0, 0, 0
    while at < len(s):
        stop = s.find("%", at)
        piece, at = (s[at:], len(s)) if stop < 0 else (s[at:stop], stop + 1)
        if stop >= 0:
            name = None
            if s[at : at + 1] == "(" and (end := s.find(")", at)) >= 0:
                name, at = s[at + 1 : end], end + 1
            sign, at = s[at : at + 1], at + 1
            if sign == "%":
                piece += "%"
            else:
                if name is not None:
                    if named is None or name not in named:
                        raise Fault(f"% finds no value for %({name[:40]})")
                    value = named[name]
                else:
                    if used >= len(args):
                        raise Fault(f"% got {len(args)} values, and the text has more places than that")
                    value, used = args[used], used + 1
                piece += _conversion(run, sign, value)
        length += len(piece)
        check_length("text", length)
        run.charge(1 + len(piece) // CHARACTERS_PER_STEP)
        pieces.append(piece)
    if named is None and used < len(args):
        raise Fault(f"% got {len(args)} values, and the text has {used} places for them")
    return "".join(pieces)


def _conversion(run: Budget, sign: str, value: Any) -> str:
    if sign in ("s", "r"):
        return written(run, value, sign == "r")
    if not sign or sign not in "dioxXeEfFgG":
        raise Fault(f"% knows %s, %r, %d, %x, %o, %e, %f, %g and %%, without widths, not %{sign}")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Fault(f"%{sign} takes a number, not {a_kind(value)}")
    if sign in "diu":
        return str(integer(int(value)))
    if sign in "oxX":
        if not isinstance(value, int):
            raise Fault(f"%{sign} takes a whole number, not {a_kind(value)}")
        return format(value, sign)
    return format(finite(float(value)), sign)


# --- lists ------------------------------------------------------------------------------------------------------------


def _append(run: Budget, items: List, value: object) -> None:
    check_mutable(run, items)
    check_length("list", len(items) + 1)
    run.charge(1)
    items.append(value)


def extend(run: Budget, items: List, more: Any) -> None:
    """Puts every element of another sequence at the end."""
    check_mutable(run, items)
    found = sequence(run, more, ".extend()")
    check_length("list", len(items) + len(found))
    run.charge(len(found))
    items.extend(found)


def _insert(run: Budget, items: List, index: int, value: object) -> None:
    check_mutable(run, items)
    check_length("list", len(items) + 1)
    run.charge(1 + len(items) // 64)
    items.insert(_whole("insert", index), value)


def _pop(run: Budget, items: List, index: int = -1) -> Any:
    check_mutable(run, items)
    run.charge(1 + len(items) // 64)
    if not -len(items) <= _whole("pop", index) < len(items):
        raise Fault(f".pop({index}) of a list with {len(items)} elements")
    return items.pop(index)


def _index(run: Budget, items: List, value: object) -> int:
    for i, item in enumerate(items):
        run.charge(1)
        if same(run, item, value):
            return i
    raise Fault(f"this list does not hold {written(run, value, True):.40}")


def _remove(run: Budget, items: List, value: object) -> None:
    check_mutable(run, items)
    items.pop(_index(run, items, value))


def _clear(run: Budget, items: List | Dict) -> None:
    check_mutable(run, items)
    items.clear()


def sequence(run: Budget, value: Any, who: str) -> Any:
    """A list, tuple, or what else can be walked, as a Python sequence; long ranges are refused."""
    if isinstance(value, Dict):
        new_list(run, len(value))
        return list(value)
    if isinstance(value, list | tuple | range):
        check_length("list", len(value))
        run.charge(len(value))
        return value
    hint = "; a text is walked by .elems()" if isinstance(value, str) else ""
    raise Fault(f"{who} needs a list, a tuple, a dict or a range, not {a_kind(value)}{hint}")


# --- dicts ------------------------------------------------------------------------------------------------------------


def put(run: Budget, d: Dict, name: object, value: object) -> None:
    """What `d[name] = value` does."""
    check_mutable(run, d)
    k = key(run, name, len(d))
    if k not in d:
        check_length("dict", len(d) + 1)
        run.charge(6)
    d[k] = value


def update(run: Budget, d: Dict, more: Any = (), **named: object) -> None:
    """Puts all pairs of another dict, or of a list of pairs, into a dict."""
    check_mutable(run, d)
    pairs = list(more.items()) if isinstance(more, Dict) else sequence(run, more, ".update()")
    for pair in (*pairs, *named.items()):
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise Fault("a dict is updated by a dict, or by a list of pairs (key, value)")
        run.charge(1)
        put(run, d, pair[0], pair[1])


def _get(run: Budget, d: Dict, name: object, default: object = None) -> Any:
    return d.get(key(run, name, len(d)), default)


def _set_default(run: Budget, d: Dict, name: object, default: object = None) -> Any:
    if (k := key(run, name, len(d))) not in d:
        put(run, d, k, default)
    return d[k]


_NOTHING: Final = object()


def _take(run: Budget, d: Dict, name: object, default: object = _NOTHING) -> Any:
    check_mutable(run, d)
    k = key(run, name, len(d))
    if k not in d and default is _NOTHING:
        raise Fault(f"this dict has no key {written(run, k, True):.40}")
    return d.pop(k, default)


def _take_first(run: Budget, d: Dict) -> tuple[Any, Any]:
    check_mutable(run, d)
    if not d:
        raise Fault("this dict is empty")
    run.charge(1 + len(d) // 8)
    first = next(iter(d))
    return first, d.pop(first)


def _keys(run: Budget, d: Dict) -> List:
    new_list(run, len(d))
    return List(d, run.era)


def _values(run: Budget, d: Dict) -> List:
    new_list(run, len(d))
    return List(d.values(), run.era)


def _items(run: Budget, d: Dict) -> List:
    new_list(run, len(d))
    run.charge(4 * len(d))
    return List(d.items(), run.era)


_QUESTIONS = ("isalnum", "isalpha", "isdigit", "islower", "isspace", "istitle", "isupper")
TEXT: Final[dict[str, Method]] = {
    **{name: _question(name) for name in _QUESTIONS},
    **{name: _changed(name) for name in ("capitalize", "lower", "title", "upper")},
    **{name: _stripped(name) for name in ("strip", "lstrip", "rstrip")},
    **{name: _sought(name) for name in ("count", "find", "index", "rfind", "rindex")},
    **{name: _begins(name) for name in ("startswith", "endswith")},
    **{name: _split(name) for name in ("split", "rsplit")},
    **{name: _cut(name) for name in ("partition", "rpartition")},
    **{name: _without(name) for name in ("removeprefix", "removesuffix")},
    "elems": _elems,
    "splitlines": _splitlines,
    "join": _join,
    "replace": _replace,
    "format": _format,
}
LIST: Final[dict[str, Method]] = {
    "append": _append,
    "clear": _clear,
    "extend": extend,
    "index": _index,
    "insert": _insert,
    "pop": _pop,
    "remove": _remove,
}
DICT: Final[dict[str, Method]] = {
    "clear": _clear,
    "get": _get,
    "items": _items,
    "keys": _keys,
    "pop": _take,
    "popitem": _take_first,
    "setdefault": _set_default,
    "update": update,
    "values": _values,
}


def methods_of(value: object) -> dict[str, Method]:
    """The table of a value's methods; empty for what has none."""
    if isinstance(value, str):
        return TEXT
    return LIST if isinstance(value, List) else DICT if isinstance(value, Dict) else {}
