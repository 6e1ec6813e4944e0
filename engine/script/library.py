"""The functions that every world file can use: Starlark's own, each counted, none of which reaches outside."""

from collections.abc import Callable, Iterable
from functools import cmp_to_key
from typing import Any, Final

from engine.script import containers
from engine.script.budget import Budget, Fault
from engine.script.objects import (
    MAX_RANGE,
    SCALARS,
    Builtin,
    Dict,
    List,
    a_kind,
    before,
    finite,
    integer,
    kind_of,
    new_list,
    text,
    written,
)

Invoke = Callable[[Budget, Any, tuple[Any, ...], dict[str, Any]], Any]
MAX_DIGITS: Final = 64  # of a text that int() or float() reads


def truth(value: object) -> bool:
    """What `if` makes of a value."""
    return bool(value) if isinstance(value, SCALARS + (str, list, tuple, dict, range)) else True


def _number(name: str, value: object) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Fault(f"{name}() takes a number, not {a_kind(value)}")
    return value


def _abs(run: Budget, x: object) -> int | float:
    value = abs(_number("abs", x))
    return integer(value) if isinstance(value, int) else value


def _all(run: Budget, items: object) -> bool:
    return all(truth(v) for v in containers.sequence(run, items, "all()"))


def _any(run: Budget, items: object) -> bool:
    return any(truth(v) for v in containers.sequence(run, items, "any()"))


def _bool(run: Budget, x: object = False) -> bool:
    return truth(x)


def _chr(run: Budget, i: object) -> str:
    if type(i) is not int or not 0 <= i <= 0x10FFFF or 0xD800 <= i <= 0xDFFF:
        raise Fault(f"chr() takes the number of a character, not {written(run, i, True):.40}")
    return chr(i)


def _ord(run: Budget, s: object) -> int:
    if not isinstance(s, str) or len(s) != 1:
        raise Fault("ord() takes a text of one character")
    return ord(s)


def _dict(run: Budget, pairs: object = (), **named: object) -> Dict:
    run.charge(8)
    made = Dict((), run.era)
    containers.update(run, made, pairs, **named)
    return made


def _list(run: Budget, items: object = ()) -> List:
    found = containers.sequence(run, items, "list()")
    new_list(run, len(found))
    return List(found, run.era)


def _tuple(run: Budget, items: object = ()) -> tuple[Any, ...]:
    found = containers.sequence(run, items, "tuple()")
    new_list(run, len(found))
    return tuple(found)


def _enumerate(run: Budget, items: object, start: int = 0) -> List:
    found = containers.sequence(run, items, "enumerate()")
    new_list(run, len(found))
    run.charge(4 * len(found))
    if type(start) is not int:
        raise Fault(f"enumerate() starts at a whole number, not at {a_kind(start)}")
    integer(start + len(found))
    return List(enumerate(found, start), run.era)


def _zip(run: Budget, *many: object) -> List:
    found = [containers.sequence(run, items, "zip()") for items in many]
    shortest = min((len(f) for f in found), default=0)
    new_list(run, shortest)
    run.charge(shortest * (2 + len(many)))
    return List(zip(*found, strict=False), run.era)


def _reversed(run: Budget, items: object) -> List:
    found = containers.sequence(run, items, "reversed()")
    new_list(run, len(found))
    return List(list(found)[::-1], run.era)


def _range(run: Budget, *bounds: object) -> range:
    if not 1 <= len(bounds) <= 3 or any(type(b) is not int for b in bounds):
        raise Fault("range() takes one, two or three whole numbers: range(stop), range(start, stop), and a step")
    start, stop, step = ((0, bounds[0], 1), (*bounds, 1), bounds)[len(bounds) - 1]
    if step == 0:
        raise Fault("range() cannot go in steps of 0")
    assert isinstance(start, int) and isinstance(stop, int) and isinstance(step, int)
    if abs(stop - start) // abs(step) > MAX_RANGE:
        raise Fault(f"a range may have {MAX_RANGE:,} numbers, not more")
    return range(start, stop, step)


def _len(run: Budget, x: object) -> int:
    if isinstance(x, str | list | tuple | dict | range):
        return len(x)
    raise Fault(f"len() takes a text, list, tuple, dict or range, not {a_kind(x)}")


def _fail(run: Budget, *what: object) -> None:
    raise Fault(" ".join(written(run, w, False) for w in what)[:500] or "fail() was called")


def _type(run: Budget, x: object) -> str:
    return kind_of(x)


def _str(run: Budget, x: object = "") -> str:
    return written(run, x, False)


def _repr(run: Budget, x: object) -> str:
    return written(run, x, True)


def _int(run: Budget, x: object = 0, base: int = 10) -> int:
    if isinstance(x, str):
        try:
            if len(x) > MAX_DIGITS:
                raise ValueError
            return integer(int(x, base))
        except (ValueError, TypeError):
            raise Fault(f"int() cannot read {written(run, x, True):.60} as a whole number") from None
    if isinstance(x, bool | int | float):
        return integer(int(x))
    raise Fault(f"int() takes a number or a text, not {a_kind(x)}")


def _float(run: Budget, x: object = 0.0) -> float:
    if isinstance(x, str):
        try:
            if len(x) > MAX_DIGITS:
                raise ValueError
            return finite(float(x))
        except ValueError:
            raise Fault(f"float() cannot read {written(run, x, True):.60} as a number") from None
    if isinstance(x, bool | int | float):
        return float(x)
    raise Fault(f"float() takes a number or a text, not {a_kind(x)}")


PLAIN: Final[dict[str, Callable[..., Any]]] = {
    "abs": _abs,
    "all": _all,
    "any": _any,
    "bool": _bool,
    "chr": _chr,
    "dict": _dict,
    "enumerate": _enumerate,
    "fail": _fail,
    "float": _float,
    "int": _int,
    "len": _len,
    "list": _list,
    "ord": _ord,
    "range": _range,
    "repr": _repr,
    "reversed": _reversed,
    "str": _str,
    "tuple": _tuple,
    "type": _type,
    "zip": _zip,
}


def library(invoke: Invoke) -> dict[str, Builtin]:
    """Every function by name; `invoke` calls what is given as `key`."""

    def keys(run: Budget, found: Any, key: Any) -> list[Any]:
        return list(found) if key is None else [invoke(run, key, (item,), {}) for item in found]

    def _sorted(run: Budget, items: object, *, key: object = None, reverse: object = False) -> List:
        found = list(containers.sequence(run, items, "sorted()"))
        new_list(run, len(found))
        by = keys(run, found, key)

        def order(i: int, j: int) -> int:
            run.charge(4)
            return before(run, by[i], by[j])

        places = sorted(range(len(found)), key=cmp_to_key(order), reverse=truth(reverse))
        return List([found[i] for i in places], run.era)

    def extreme(name: str, sign: int) -> Callable[..., Any]:
        def choose(run: Budget, *items: Any, key: object = None) -> Any:
            found: Iterable[Any] = containers.sequence(run, items[0], f"{name}()") if len(items) == 1 else items
            found = list(found)
            if not found:
                raise Fault(f"{name}() of nothing")
            by = keys(run, found, key)
            best = 0
            for i in range(1, len(found)):
                run.charge(4)
                if sign * before(run, by[i], by[best]) > 0:
                    best = i
            return found[best]

        return choose

    words = {**PLAIN, "sorted": _sorted, "max": extreme("max", 1), "min": extreme("min", -1)}
    return {name: Builtin(name, function) for name, function in words.items()}


def written_out(run: Budget, value: object) -> str:
    """What an f-string puts in place of a name."""
    return text(run, written(run, value, False))
