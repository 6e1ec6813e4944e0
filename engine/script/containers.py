"""Methods of lists and dicts, each by name in a table, and what else is done to them. Nothing beyond is ever called."""

from collections.abc import Callable
from typing import Any, Final

from engine.script.budget import Budget, Fault
from engine.script.objects import (
    Dict,
    List,
    a_kind,
    check_length,
    check_mutable,
    key,
    new_list,
    same,
    written,
)

Method = Callable[..., Any]


def whole(name: str, value: object) -> int:
    """An argument of the method of that name that must be a whole number."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise Fault(f".{name}() takes a whole number, not {a_kind(value)}")
    return value


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
    items.insert(whole("insert", index), value)


def _pop(run: Budget, items: List, index: int = -1) -> Any:
    check_mutable(run, items)
    run.charge(1 + len(items) // 64)
    if not -len(items) <= whole("pop", index) < len(items):
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
