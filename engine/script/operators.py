"""What operators, indices and slices do, each counted and each checked before it makes anything large."""

import ast
import operator
from collections.abc import Callable
from typing import Any, Final

from engine.script import containers, library, texts
from engine.script.budget import Budget, Fault
from engine.script.objects import (
    Dict,
    List,
    a_kind,
    before,
    check_length,
    check_mutable,
    contains,
    finite,
    integer,
    key,
    new_list,
    same,
    text,
    written,
)


def _are_numbers(a: object, b: object) -> bool:
    return type(a) in (int, float) and type(b) in (int, float)


def _refused(sign: str, a: object, b: object) -> Fault:
    near = ""
    if sign == "+" and (isinstance(a, str) or isinstance(b, str)):
        near = '; str(x) makes a text of a number, or write "%d" % x'
    elif a is None or b is None:
        near = "; a function without `return` gives None"
    return Fault(f"{a_kind(a)} {sign} {a_kind(b)} makes no sense{near}")


def _add(run: Budget, a: Any, b: Any) -> Any:
    if _are_numbers(a, b):
        return integer(a + b) if type(a) is int and type(b) is int else finite(a + b)
    if isinstance(a, str) and isinstance(b, str):
        check_length("text", len(a) + len(b))
        return text(run, a + b)
    if isinstance(a, list | tuple) and type(a) is type(b):
        new_list(run, len(a) + len(b))
        return (*a, *b) if isinstance(a, tuple) else List([*a, *b], run.era)
    raise _refused("+", a, b)


def _subtract(run: Budget, a: Any, b: Any) -> Any:
    if _are_numbers(a, b):
        return integer(a - b) if type(a) is int and type(b) is int else finite(a - b)
    raise _refused("-", a, b)


def _multiply(run: Budget, a: Any, b: Any) -> Any:
    if _are_numbers(a, b):
        return integer(a * b) if type(a) is int and type(b) is int else finite(a * b)
    if type(a) is int:
        a, b = b, a
    if type(b) is int and isinstance(a, str | list | tuple):
        length = len(a) * max(b, 0)
        if isinstance(a, str):
            check_length("text", length)
            return text(run, a * b)
        new_list(run, length)
        return a * b if isinstance(a, tuple) else List(list(a) * b, run.era)
    raise _refused("*", a, b)


def _divide(run: Budget, a: Any, b: Any) -> float:
    if not _are_numbers(a, b):
        raise _refused("/", a, b)
    if b == 0:
        raise Fault("division by zero")
    return finite(a / b)


def _floor_divide(run: Budget, a: Any, b: Any) -> Any:
    if not _are_numbers(a, b):
        raise _refused("//", a, b)
    if b == 0:
        raise Fault("division by zero")
    return integer(a // b) if type(a) is int and type(b) is int else finite(a // b)


def _modulo(run: Budget, a: Any, b: Any) -> Any:
    if isinstance(a, str):
        return texts.percent(run, a, b)
    if not _are_numbers(a, b):
        raise _refused("%", a, b)
    if b == 0:
        raise Fault("division by zero")
    return a % b if type(a) is int and type(b) is int else finite(a % b)


def _or(run: Budget, a: Any, b: Any) -> Any:
    if isinstance(a, Dict) and isinstance(b, Dict):
        run.charge(8 + 6 * (len(a) + len(b)))
        both = {**a, **b}
        check_length("dict", len(both))
        return Dict(both, run.era)
    return _bits("|", operator.or_, a, b)


def _bits(sign: str, deed: Callable[[int, int], int], a: Any, b: Any) -> int:
    if type(a) is not int or type(b) is not int:
        raise _refused(sign, a, b)
    return integer(deed(a, b))


def _shift(sign: str, a: Any, b: Any) -> int:
    if type(a) is not int or type(b) is not int:
        raise _refused(sign, a, b)
    if not 0 <= b < 64:
        raise Fault(f"a number can be shifted by 0 to 63 bits, not by {b}")
    return integer(a << b) if sign == "<<" else a >> b


PLAIN: Final[dict[type[ast.operator], Callable[[Any, Any], Any]]] = {  # on numbers, before anybody looks at the outcome
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
}
BINARY: Final[dict[type[ast.operator], Callable[[Budget, Any, Any], Any]]] = {
    ast.Add: _add,
    ast.Sub: _subtract,
    ast.Mult: _multiply,
    ast.Div: _divide,
    ast.FloorDiv: _floor_divide,
    ast.Mod: _modulo,
    ast.BitOr: _or,
    ast.BitAnd: lambda run, a, b: _bits("&", operator.and_, a, b),
    ast.BitXor: lambda run, a, b: _bits("^", operator.xor, a, b),
    ast.LShift: lambda run, a, b: _shift("<<", a, b),
    ast.RShift: lambda run, a, b: _shift(">>", a, b),
}
COMPARISON: Final[dict[type[ast.cmpop], Callable[[Budget, Any, Any], bool]]] = {
    ast.Eq: same,
    ast.NotEq: lambda run, a, b: not same(run, a, b),
    ast.Lt: lambda run, a, b: before(run, a, b) < 0,
    ast.LtE: lambda run, a, b: before(run, a, b) <= 0,
    ast.Gt: lambda run, a, b: before(run, a, b) > 0,
    ast.GtE: lambda run, a, b: before(run, a, b) >= 0,
    ast.In: lambda run, a, b: contains(run, b, a),
    ast.NotIn: lambda run, a, b: not contains(run, b, a),
}


def update(kind: type[ast.operator], run: Budget, a: Any, b: Any) -> Any:
    """What `a += b` leaves in a: lists and dicts change in place, everything else is made anew."""
    if kind is ast.Add and isinstance(a, List):
        containers.extend(run, a, b)
        return a
    if kind is ast.BitOr and isinstance(a, Dict) and isinstance(b, Dict):
        containers.update(run, a, b)
        return a
    return BINARY[kind](run, a, b)


def unary(kind: type[ast.unaryop], value: Any) -> Any:
    if kind is ast.Not:
        return not library.truth(value)
    if type(value) is int:
        return value if kind is ast.UAdd else ~value if kind is ast.Invert else integer(-value)
    if type(value) is float and kind is not ast.Invert:
        return -value if kind is ast.USub else value
    sign = {ast.USub: "-", ast.UAdd: "+", ast.Invert: "~"}[kind]
    raise Fault(f"{sign} {a_kind(value)} makes no sense")


def _whole_index(value: Any, what: str) -> int:
    if type(value) is not int:
        raise Fault(f"an index of {what} is a whole number, not {a_kind(value)}")
    return value


def subscript(run: Budget, container: Any, index: Any) -> Any:
    """What `container[index]` is."""
    if isinstance(container, Dict):
        if (k := key(run, index, len(container))) not in container:
            raise Fault(f"this dict has no key {written(run, k, True):.40}")
        return container[k]
    if isinstance(container, str | list | tuple | range):
        i = _whole_index(index, a_kind(container))
        if not -len(container) <= i < len(container):
            raise Fault(f"there is no [{i}] in {a_kind(container)} of length {len(container)}")
        return container[i]
    raise Fault(f"{a_kind(container)} has no elements to take by [...]")


def sliced(run: Budget, container: Any, low: Any, high: Any, step: Any) -> Any:
    """What `container[low:high:step]` is."""
    if not isinstance(container, str | list | tuple | range):
        raise Fault(f"{a_kind(container)} cannot be sliced")
    for bound in (low, high, step):
        if bound is not None:
            _whole_index(bound, "a slice")
    if step == 0:
        raise Fault("a slice cannot go in steps of 0")
    where = slice(low, high, step)
    if isinstance(container, range):
        return container[where]
    count = len(range(*where.indices(len(container))))
    if isinstance(container, str):
        return text(run, container[where])
    new_list(run, count)
    return (
        tuple(container[where]) if isinstance(container, tuple) else List(list.__getitem__(container, where), run.era)
    )


def put_element(run: Budget, container: Any, index: Any, value: Any) -> None:
    """What `container[index] = value` does."""
    if isinstance(container, Dict):
        containers.put(run, container, index, value)
        return
    if not isinstance(container, List):
        raise Fault(f"{a_kind(container)} cannot change; only the elements of lists and dicts can")
    check_mutable(run, container)
    i = _whole_index(index, "a list")
    if not -len(container) <= i < len(container):
        raise Fault(f"there is no [{i}] in a list of length {len(container)}")
    container[i] = value
