"""Expressions of a world file, turned into functions over frames; evaluator.py does the same for statements."""

import ast
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Final, NoReturn

from engine.core.errors import DaguerreError, WorldFileError
from engine.script import containers, library, texts
from engine.script.budget import Budget, Fault, Spot, raise_at
from engine.script.calls import invoke, plainly
from engine.script.objects import (
    Dict,
    Frame,
    List,
    a_kind,
    check_length,
    key,
    kind_of,
    new_list,
    written,
)
from engine.script.operators import BINARY, COMPARISON, PLAIN, sliced, subscript, unary
from engine.script.reading import MAX_INTEGER, Source, error_at
from engine.script.scopes import Scope, bound_names, targets_of
from engine.script.values import hint
from engine.state.events import KINDS

Code = Callable[[Frame], Any]
Store = Callable[[Frame, Any], None]
Loader = Callable[[Budget, str], Mapping[str, Any]]
_METHODS: Final[dict[type, dict[str, containers.Method]]] = {
    str: texts.TEXT,
    List: containers.LIST,
    Dict: containers.DICT,
}  # of values that have methods
NUMBERS: Final = frozenset((int, float))
PRICE_OF_THREE: Final = 6  # what new_list takes for a tuple of three
_MISSING_WORDS: Final = {
    "print": "say(text) shows a line in the world, put(name, value) keeps a value",
    "open": "a world file opens nothing",
    "input": "events bring what visitors do: on('use', handler)",
    "sum": "add up in a for loop",
    "round": "int(x + 0.5) rounds to a whole number",
    "set": "there are no sets; use a list, or a dict with the values as keys",
    "map": "write a list comprehension: [f(x) for x in items]",
    "filter": "write a list comprehension: [x for x in items if f(x)]",
    "eval": "text is never run",
    "exec": "text is never run",
    "getattr": "attributes cannot be named by a text",
}


class Expressions(ABC):
    """Compiles the expressions of one file."""

    def __init__(self, source: Source, words: Mapping[str, Any], names: dict[str, Any], load: Loader) -> None:
        self.source, self.words, self.load = source, words, load
        self.globals = names
        self.scope = Scope(None, bound_names(source.tree.body))
        self.cost = 0  # nodes since the statement began
        self.level = self.deepest = 0  # Python frames inside one another
        self.loops = 0
        self.comprehensions = 0

    def _error(self, message: str, node: ast.AST) -> WorldFileError:
        return error_at(message, self.source.place(node), self.source.text)

    @abstractmethod
    def _function(self, name: str, args: ast.arguments, body: list[ast.stmt] | ast.expr) -> Code:
        """Makes a function; the statements in it are evaluator.py's."""

    @abstractmethod
    def _target(self, node: ast.expr) -> Store:
        """Where an assignment goes, a comprehension's too."""

    def _expr(self, node: ast.expr) -> Code:
        self.cost += 1
        self.level += 1
        self.deepest = max(self.deepest, self.level)
        make = getattr(self, f"_get_{type(node).__name__.lower()}", None)
        if make is None:
            raise self._error(f"there is no {type(node).__name__} in this language", node)
        code: Code = make(node)
        self.level -= 1
        return code

    def _get_constant(self, node: ast.Constant) -> Code:
        value = node.value
        return lambda f: value

    def _get_name(self, node: ast.Name) -> Code:
        return self._name(node)

    def _name(self, node: ast.Name) -> Code:
        name, place = node.id, self.source.place(node)
        scope: Scope | None = self.scope
        hops = 0
        while scope is not None:
            label = scope.key_of(name)
            if label is not None and (scope.up is not None or label != name):
                return self._local(name, label, hops, place)
            if label is not None:
                break
            scope, hops = scope.up, hops + 1
        if scope is not None:
            names = self.globals

            def global_(f: Frame) -> Any:
                try:
                    return names[name]
                except KeyError:
                    raise Fault(f"'{name}' is used before it has a value", place) from None

            return global_
        if name in self.words:
            word = self.words[name]
            return lambda f: word
        known, scope = {*self.words, *self.globals}, self.scope
        while scope is not None:
            known.update(scope.names)
            scope = scope.up
        more = f"; {_MISSING_WORDS[name]}" if name in _MISSING_WORDS else hint(name, known)
        if name in KINDS:
            more = f"; the name of an event is a text: '{name}'"
        raise self._error(f"there is no '{name}'{more}", node)

    def _local(self, name: str, label: str, hops: int, place: Spot) -> Code:
        is_global = name in self.globals or self._is_global(name)
        why = "; a function cannot change a global: keep what changes with put and get" if is_global else ""

        def missing() -> NoReturn:
            raise Fault(f"'{name}' is used before it has a value{why}", place) from None

        if hops == 0:

            def local(f: Frame) -> Any:
                try:
                    return f.vars[label]
                except KeyError:
                    missing()

            return local

        def outer(f: Frame) -> Any:
            for _ in range(hops):
                assert f.up is not None
                f = f.up
            try:
                return f.vars[label]
            except KeyError:
                missing()

        return outer

    def _is_global(self, name: str) -> bool:
        scope = self.scope
        while scope.up is not None:
            scope = scope.up
        return name in scope.names

    def _get_tuple(self, node: ast.Tuple) -> Code:
        parts, place = tuple(self._expr(e) for e in node.elts), self.source.place(node)

        def pay(f: Frame) -> None:
            try:
                new_list(f.run, len(parts))
            except Fault as fault:
                raise_at(fault, place)

        def build(f: Frame) -> tuple[Any, ...]:
            pay(f)
            return tuple([part(f) for part in parts])

        if len(parts) != 3:
            return build
        one, two, three = parts

        def build_three(f: Frame) -> tuple[Any, ...]:  # places are most of what a world file says
            run = f.run
            run.spent += PRICE_OF_THREE
            if run.spent > run.steps:
                run.spent -= PRICE_OF_THREE
                pay(f)
            return one(f), two(f), three(f)

        return build_three

    def _get_list(self, node: ast.List) -> Code:
        parts, place = tuple(self._expr(e) for e in node.elts), self.source.place(node)

        def build(f: Frame) -> List:
            run = f.run
            try:
                new_list(run, 4 + len(parts))
            except Fault as fault:
                raise_at(fault, place)
            return List([part(f) for part in parts], run.era)

        return build

    def _get_dict(self, node: ast.Dict) -> Code:
        if any(k is None for k in node.keys):
            raise self._error("a dict is joined to another by |, not by **", node)
        rows = tuple((self._expr(k), self._expr(v)) for k, v in zip(node.keys, node.values, strict=True) if k)
        place = self.source.place(node)

        def build(f: Frame) -> Dict:
            run = f.run
            try:
                run.charge(8)
                made = Dict((), run.era)
                for k, v in rows:
                    name = k(f)
                    if key(run, name, len(made)) in made:
                        raise Fault(f"this dict has the key {written(run, name, True):.40} twice")
                    containers.put(run, made, name, v(f))
            except DaguerreError as error:
                raise_at(error, place)
            return made

        return build

    def _get_unaryop(self, node: ast.UnaryOp) -> Code:
        kind, value, place = type(node.op), self._expr(node.operand), self.source.place(node)

        def changed(f: Frame) -> Any:
            operand = value(f)
            try:
                return unary(kind, operand)
            except Fault as fault:
                raise_at(fault, place)

        return changed

    def _get_binop(self, node: ast.BinOp) -> Code:
        deed = BINARY[type(node.op)]
        plain = PLAIN.get(type(node.op))
        return self._of_two(deed, node.left, node.right, node) if plain is None else self._of_numbers(plain, deed, node)

    def _of_numbers(self, plain: Callable[[Any, Any], Any], deed: Callable[..., Any], node: ast.BinOp) -> Code:
        """What mostly has numbers to do with: small ones need no more than a look whether they are any."""
        left, right, place = self._expr(node.left), self._expr(node.right), self.source.place(node)

        def binary(f: Frame) -> Any:
            a, b = left(f), right(f)
            if type(a) in NUMBERS and type(b) in NUMBERS:
                made = plain(a, b)
                if -MAX_INTEGER <= made <= MAX_INTEGER:  # no NaN and no infinity either
                    return made
            try:
                return deed(f.run, a, b)
            except Fault as fault:
                raise_at(fault, place)

        return binary

    def _get_compare(self, node: ast.Compare) -> Code:
        return self._of_two(COMPARISON[type(node.ops[0])], node.left, node.comparators[0], node)

    def _of_two(self, deed: Callable[..., Any], one: ast.expr, other: ast.expr, node: ast.expr) -> Code:
        left, right, place = self._expr(one), self._expr(other), self.source.place(node)

        def binary(f: Frame) -> Any:
            a, b = left(f), right(f)
            try:
                return deed(f.run, a, b)
            except Fault as fault:
                raise_at(fault, place)

        return binary

    def _get_boolop(self, node: ast.BoolOp) -> Code:
        values, stops_at = tuple(self._expr(v) for v in node.values), isinstance(node.op, ast.Or)
        truth = library.truth

        def choose(f: Frame) -> Any:
            value: Any = None
            for code in values:
                value = code(f)
                if truth(value) is stops_at:
                    return value
            return value

        return choose

    def _get_ifexp(self, node: ast.IfExp) -> Code:
        test, then, other = self._expr(node.test), self._expr(node.body), self._expr(node.orelse)
        truth = library.truth
        return lambda f: then(f) if truth(test(f)) else other(f)

    def _get_subscript(self, node: ast.Subscript) -> Code:
        container, place = self._expr(node.value), self.source.place(node)
        if isinstance(node.slice, ast.Slice):
            parts = (node.slice.lower, node.slice.upper, node.slice.step)
            bounds = [None if part is None else self._expr(part) for part in parts]

            def cut(f: Frame) -> Any:
                whole = container(f)
                low, high, step = (None if b is None else b(f) for b in bounds)
                try:
                    return sliced(f.run, whole, low, high, step)
                except Fault as fault:
                    raise_at(fault, place)

            return cut
        index = self._expr(node.slice)

        def element(f: Frame) -> Any:
            whole, where = container(f), index(f)
            try:
                return subscript(f.run, whole, where)
            except Fault as fault:
                raise_at(fault, place)

        return element

    def _get_attribute(self, node: ast.Attribute) -> Code:
        raise self._error(f".{node.attr} can only be called: value.{node.attr}(...)", node)

    def _get_lambda(self, node: ast.Lambda) -> Code:
        return self._function("lambda", node.args, node.body)

    def _get_joinedstr(self, node: ast.JoinedStr) -> Code:
        place = self.source.place(node)
        parts: list[Code] = []
        for value in node.values:
            part = value.value if isinstance(value, ast.FormattedValue) else value
            try:
                parts.append(self._expr(part))
            except WorldFileError as error:  # places inside an f-string are not known exactly
                raise error_at(error.message, place, self.source.text) from None
        pieces = tuple(parts)

        def build(f: Frame) -> str:
            run, made, length = f.run, [], 0
            try:
                for piece in pieces:
                    made.append(library.written_out(run, piece(f)))
                    length += len(made[-1])
                    check_length("text", length)
            except DaguerreError as error:
                raise_at(error, place)
            return "".join(made)

        return build

    def _get_listcomp(self, node: ast.ListComp) -> Code:
        walk = self._comprehension(node, [node.elt])

        def build(f: Frame) -> List:
            f.run.charge(8)
            made = List((), f.run.era)
            walk(f, lambda values: made.append(values[0]), made)
            return made

        return build

    def _get_dictcomp(self, node: ast.DictComp) -> Code:
        walk = self._comprehension(node, [node.key, node.value])

        def build(f: Frame) -> Dict:
            f.run.charge(8)
            made = Dict((), f.run.era)
            walk(f, lambda values: containers.put(f.run, made, values[0], values[1]), made)
            return made

        return build

    def _comprehension(
        self, node: ast.ListComp | ast.DictComp, elements: list[ast.expr]
    ) -> Callable[[Frame, Callable[[list[Any]], None], Any], None]:
        place = self.source.place(node)
        outer_cost, depth = self.cost, len(self.scope.renamed)
        clauses: list[tuple[Code, Store, tuple[Code, ...], int]] = []
        for clause in node.generators:
            items = self._expr(clause.iter)
            self.comprehensions += 1
            self.scope.renamed.append({n: f"{n} {self.comprehensions}" for n in targets_of(clause.target)})
            self.cost = 1
            store = self._target(clause.target)
            clauses.append((items, store, tuple(self._expr(test) for test in clause.ifs), self.cost))
        self.cost = 1
        self.level += 2 * len(node.generators)
        values = tuple(self._expr(e) for e in elements)
        self.level -= 2 * len(node.generators)
        element_cost = self.cost
        del self.scope.renamed[depth:]
        self.cost = outer_cost
        truth = library.truth

        def level(f: Frame, n: int, give: Callable[[list[Any]], None], made: Any) -> None:
            run = f.run
            if n == len(clauses):
                run.charge(element_cost)
                check_length(kind_of(made), len(made) + 1)
                give([value(f) for value in values])
                return
            items, store, tests, cost = clauses[n]
            walked = items(f)
            if not isinstance(walked, list | tuple | range | dict):
                raise Fault(f"`for` walks over a list, tuple, dict or range, not over {a_kind(walked)}")
            for item in tuple(walked) if isinstance(walked, List | Dict) else walked:
                run.charge(cost)
                store(f, item)
                if all(truth(test(f)) for test in tests):
                    level(f, n + 1, give, made)

        def walk(f: Frame, give: Callable[[list[Any]], None], made: Any) -> None:
            try:
                level(f, 0, give, made)
            except DaguerreError as error:
                raise_at(error, place)

        return walk

    def _get_call(self, node: ast.Call) -> Code:
        place = self.source.place(node)
        args = tuple(self._expr(a.value if isinstance(a, ast.Starred) else a) for a in node.args)
        starred = {i for i, a in enumerate(node.args) if isinstance(a, ast.Starred)}
        named = tuple((k.arg, self._expr(k.value)) for k in node.keywords)
        is_plain = not starred and all(name is not None for name, _ in named)

        def given(f: Frame) -> tuple[tuple[Any, ...], dict[Any, Any]]:
            if is_plain:
                return tuple([a(f) for a in args]), {k: v(f) for k, v in named} if named else {}
            run = f.run
            values: list[Any] = []
            words: dict[str, Any] = {}
            for i, arg in enumerate(args):
                value = arg(f)
                values.extend(containers.sequence(run, value, "*") if i in starred else (value,))
            for k, v in named:
                value = v(f)
                if k is None and not (isinstance(value, Dict) and all(isinstance(n, str) for n in value)):
                    raise Fault("** takes a dict with texts as keys", place)
                words.update(value if k is None else {str(k): value})
            check_length("list", len(values) + len(words))
            run.charge(len(values) + len(words))
            return tuple(values), words

        if isinstance(node.func, ast.Attribute):
            return self._method_call(node.func, given, place)
        function = self._expr(node.func)

        def call(f: Frame) -> Any:
            callee = function(f)
            values, words = given(f)
            try:
                f.run.place = place
                return invoke(f.run, callee, values, words)
            except DaguerreError as error:
                raise_at(error, place)

        return call

    def _method_call(self, node: ast.Attribute, given: Callable[[Frame], Any], place: Spot) -> Code:
        owner, name = self._expr(node.value), node.attr

        def call(f: Frame) -> Any:
            value = owner(f)
            values, words = given(f)
            try:
                table = _METHODS.get(type(value), {})
                if name not in table:
                    raise Fault(f"{a_kind(value)} has no .{name}(){hint(name, table) if table else ''}")
                return plainly(table[name], f".{name}()", f.run, (value, *values), words)
            except DaguerreError as error:
                raise_at(error, place)

        return call
