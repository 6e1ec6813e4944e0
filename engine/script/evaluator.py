"""Runs a world file: its syntax tree becomes nested Python functions, one a node, that count what they do.

Nothing of the text is ever compiled to code. A node reaches values only by what is written in operators.py and by the
tables of containers.py, texts.py and library.py; no attribute of a Python object can be named.
"""

import ast
from typing import Any, Final

from engine.core.errors import DaguerreError
from engine.script import library
from engine.script.budget import Fault, Spot, raise_at
from engine.script.calls import CALL_FRAMES
from engine.script.expressions import Code, Expressions, Store
from engine.script.objects import Dict, Frame, Function, List, a_kind
from engine.script.operators import put_element, subscript, update
from engine.script.scopes import Scope, bound_names, loaded_by
from engine.script.values import hint

STATEMENT_FRAMES: Final = 2  # levels of Python that one nested statement takes
_BREAK, _CONTINUE = object(), object()


class _Return:
    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class Compiler(Expressions):
    """Turns the tree of one file into functions over frames."""

    def module(self) -> Code:
        """The whole file."""
        return self._block(self.source.tree.body)

    # statements

    def _block(self, body: list[ast.stmt]) -> Code:
        rows: list[tuple[int, Code, Spot]] = []
        self.level += STATEMENT_FRAMES
        for statement in body:
            outer, self.cost = self.cost, 0
            make = getattr(self, f"_do_{type(statement).__name__.lower()}", None)
            if make is None:
                raise self._error(f"there is no {type(statement).__name__} in this language", statement)
            code = make(statement)
            rows.append((self.cost + 1, code, self.source.place(statement)))
            self.cost = outer
        self.deepest = max(self.deepest, self.level)
        self.level -= STATEMENT_FRAMES
        steps = tuple(rows)

        def block(f: Frame) -> Any:
            run = f.run
            for cost, code, place in steps:
                run.spent += cost
                if run.spent > run.steps:
                    raise_at(run.used_up(), place)
                signal = code(f)
                if signal is not None:
                    return signal
            return None

        return block

    def _do_pass(self, node: ast.Pass) -> Code:
        return lambda f: None

    def _do_break(self, node: ast.Break) -> Code:
        if not self.loops:
            raise self._error("`break` stands in a `for` only", node)
        return lambda f: _BREAK

    def _do_continue(self, node: ast.Continue) -> Code:
        if not self.loops:
            raise self._error("`continue` stands in a `for` only", node)
        return lambda f: _CONTINUE

    def _do_return(self, node: ast.Return) -> Code:
        if self.scope.up is None:
            raise self._error("`return` stands in a function only", node)
        if node.value is None:
            return lambda f: _Return(None)
        value = self._expr(node.value)
        return lambda f: _Return(value(f))

    def _do_expr(self, node: ast.Expr) -> Code:
        load = loaded_by(node)
        if load is not None:
            return self._do_load(node, *load)
        value = self._expr(node.value)

        def evaluate(f: Frame) -> None:
            value(f)

        return evaluate

    def _do_load(self, node: ast.Expr, file: str, names: dict[str, str]) -> Code:
        if self.scope.up is not None:
            raise self._error("load(...) stands at the top of a file, outside of functions", node)
        if not names:
            raise self._error(
                "load('file.star', 'name', ...) names a file and what to take from it, as plain texts", node
            )
        place, load, here = self.source.place(node), self.load, self.globals

        def take(f: Frame) -> None:
            try:
                there = load(f.run, file)
                for name, wanted in names.items():
                    if wanted not in there or wanted.startswith("_"):
                        known = [k for k in there if not k.startswith("_")]
                        raise Fault(f"'{file}' has no '{wanted}'{hint(wanted, known)}")
                    here[name] = there[wanted]
            except DaguerreError as error:
                raise_at(error, place)

        return take

    def _do_if(self, node: ast.If) -> Code:
        test, then = self._expr(node.test), self._block(node.body)
        other = self._block(node.orelse) if node.orelse else None
        truth = library.truth

        def choose(f: Frame) -> Any:
            if truth(test(f)):
                return then(f)
            return None if other is None else other(f)

        return choose

    def _do_for(self, node: ast.For) -> Code:
        items, store, place = self._expr(node.iter), self._target(node.target), self.source.place(node)
        self.loops += 1
        body = self._block(node.body)
        self.loops -= 1

        def loop(f: Frame) -> Any:
            run, walked = f.run, items(f)
            if not isinstance(walked, list | tuple | range | dict):
                hint = "; a text is walked by .elems()" if isinstance(walked, str) else ""
                many = "; range(n) counts to a number" if isinstance(walked, int) else ""
                raise Fault(
                    f"`for` walks over a list, tuple, dict or range, not over {a_kind(walked)}{hint}{many}", place
                )
            guarded = walked if isinstance(walked, List | Dict) else None
            if guarded is not None:
                guarded.walked += 1
            try:
                for item in walked:
                    run.spent += 1
                    store(f, item)
                    signal = body(f)
                    if signal is not None:
                        if signal is _BREAK:
                            break
                        if signal is not _CONTINUE:
                            return signal
            finally:
                if guarded is not None:
                    guarded.walked -= 1
            return None

        return loop

    def _do_assign(self, node: ast.Assign) -> Code:
        value, store = self._expr(node.value), self._target(node.targets[0])
        return lambda f: store(f, value(f))

    def _do_augassign(self, node: ast.AugAssign) -> Code:
        kind, value, place = type(node.op), self._expr(node.value), self.source.place(node)
        target = node.target
        if isinstance(target, ast.Subscript) and not isinstance(target.slice, ast.Slice):
            container, index = self._expr(target.value), self._expr(target.slice)

            def change_element(f: Frame) -> None:
                run, inside, where = f.run, container(f), index(f)
                try:
                    put_element(run, inside, where, update(kind, run, subscript(run, inside, where), value(f)))
                except DaguerreError as error:
                    raise_at(error, place)

            return change_element
        if not isinstance(target, ast.Name):
            raise self._error("only a name or an element can be changed in place", target)
        read, store = self._name(target), self._target(target)

        def change(f: Frame) -> None:
            old, new = read(f), value(f)
            try:
                result = update(kind, f.run, old, new)
            except DaguerreError as error:
                raise_at(error, place)
            store(f, result)

        return change

    def _do_functiondef(self, node: ast.FunctionDef) -> Code:
        make = self._function(node.name, node.args, node.body)
        store = self._store_name(node.name)
        return lambda f: store(f, make(f))

    # targets

    def _store_name(self, name: str) -> Store:
        if self.scope.up is None and self.scope.key_of(name) == name:
            names = self.globals

            def put_global(f: Frame, value: Any) -> None:
                names[name] = value

            return put_global
        label = self.scope.key_of(name) or name

        def put(f: Frame, value: Any) -> None:
            f.vars[label] = value

        return put

    def _target(self, node: ast.expr) -> Store:
        place = self.source.place(node)
        if isinstance(node, ast.Name):
            if node.id in ("True", "False", "None"):
                raise self._error(f"{node.id} cannot be given another value", node)
            return self._store_name(node.id)
        if isinstance(node, ast.Tuple | ast.List):
            stores = tuple(self._target(e) for e in node.elts)

            def unpack(f: Frame, value: Any) -> None:
                if not isinstance(value, list | tuple | range):
                    raise Fault(f"{a_kind(value)} cannot be taken apart into {len(stores)} names", place)
                if len(value) != len(stores):
                    raise Fault(f"{len(value)} values cannot be taken apart into {len(stores)} names", place)
                for store, item in zip(stores, value, strict=True):
                    store(f, item)

            return unpack
        if isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Slice):
            container, index = self._expr(node.value), self._expr(node.slice)

            def put(f: Frame, value: Any) -> None:
                inside, where = container(f), index(f)
                try:
                    put_element(f.run, inside, where, value)
                except DaguerreError as error:
                    raise_at(error, place)

            return put
        raise self._error("only a name or an element such as items[0] can be given a value", node)

    # functions

    def _function(self, name: str, args: ast.arguments, body: list[ast.stmt] | ast.expr) -> Code:
        defaults: dict[str, Code] = {}
        for arg, default in zip(args.args[len(args.args) - len(args.defaults) :], args.defaults, strict=True):
            defaults[arg.arg] = self._expr(default)
        for arg, given in zip(args.kwonlyargs, args.kw_defaults, strict=True):
            if given is not None:
                defaults[arg.arg] = self._expr(given)
        names, keywords = tuple(a.arg for a in args.args), tuple(a.arg for a in args.kwonlyargs)
        more, extra = args.vararg.arg if args.vararg else None, args.kwarg.arg if args.kwarg else None
        own = {*names, *keywords, *(n for n in (more, extra) if n is not None)}
        scope = Scope(self.scope, own | (bound_names(body) if isinstance(body, list) else set()))
        outer = self.scope, self.cost, self.level, self.deepest, self.loops
        self.scope, self.cost, self.level, self.deepest, self.loops = scope, 0, 0, 0, 0
        if isinstance(body, list):
            block = self._block(body)

            def call(f: Frame) -> Any:
                signal = block(f)
                return signal.value if signal is not None else None

        else:
            value, cost = self._expr(body), self.cost

            def call(f: Frame) -> Any:
                f.run.charge(cost)
                return value(f)

        frames = self.deepest + CALL_FRAMES
        self.scope, self.cost, self.level, self.deepest, self.loops = outer
        rows = tuple(defaults.items())

        def make(f: Frame) -> Function:
            f.run.charge(4 + len(rows))
            kept = {name: code(f) for name, code in rows}
            return Function(name, names, keywords, kept, more, extra, call, frames, f)

        return make
