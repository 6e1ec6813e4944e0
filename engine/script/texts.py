"""Methods of texts by name, and `text % values`."""

from typing import Any, Final

from engine.script.budget import Budget, Fault
from engine.script.containers import Method, whole
from engine.script.objects import (
    CHARACTERS_PER_STEP,
    Dict,
    List,
    a_kind,
    check_length,
    finite,
    integer,
    new_list,
    text,
    written,
)


def _texts(name: str, *values: object) -> None:
    for value in values:
        if not isinstance(value, str):
            raise Fault(f".{name}() takes texts, not {a_kind(value)}")


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
        stop = len(s) if end is None else whole(name, end)
        try:
            return int(getattr(str, name)(s, sub, whole(name, start), stop))
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
        return List(getattr(str, name)(s, sep, whole(name, most)), run.era)

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
    if (most := whole("replace", count)) >= 0:
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
