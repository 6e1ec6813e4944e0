"""The sandbox: runs Starlark text with counted steps and turns its failures into errors that say where.

Starlark has no input or output, no `while` and frozen globals. What remains is work without end, which is cut after a
counted number of steps (never after a time, so that a cut repeats exactly), and memory, which Starlark does not bound:
run strangers' worlds in a process with an address-space limit.
"""

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import starlark

from engine.core.errors import DaguerreError, WorldFileError
from engine.script.values import hint

STEPS_PER_CHECK = 1000  # Starlark calls check_cancelled once in so many bytecodes
MAX_CALL_DEPTH = 64
MAX_NESTING = 200  # brackets or signs in one another: the parser recurses, and 3,000 end the process
HOST_CALL_STEPS = 20  # what a call of a host function costs, measured against plain bytecodes

# Starlark hands no functions to its host, so the prelude turns them into their names.
PRELUDE = """
def _name_of(handler):
    return str(handler) if type(handler) == "function" else handler
def on(event, handler):
    _on(event, _name_of(handler))
"""
PRELUDE_FILE = "<prelude>"

Host = Callable[..., object]


class Budget:
    """Counts steps; the same work costs the same count in every run."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.spent = 0

    def spend(self, steps: int) -> bool:
        """Adds to the count; True when it is used up."""
        self.spent += steps
        return self.spent > self.steps

    def options(self) -> starlark.EvalOptions:
        """Evaluation options that cancel once the budget is used up."""
        return starlark.EvalOptions(
            check_cancelled=lambda: self.spend(STEPS_PER_CHECK), max_callstack_size=MAX_CALL_DEPTH
        )


def dialect() -> starlark.Dialect:
    """Starlark with f-strings, keyword-only arguments and type hints."""
    d = starlark.Dialect.extended()
    d.enable_f_strings = True
    return d


def library() -> starlark.Globals:
    """The standard functions; nothing here can reach outside."""
    return starlark.Globals.extended_by([starlark.LibraryExtension.StructType])


def friendly(name: str, function: Host) -> Host:
    """A host function whose wrong arguments are answered in the author's terms."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def call(*args: object, **kwargs: object) -> object:
        try:
            return function(*args, **kwargs)
        except TypeError:
            try:
                signature.bind(*args, **kwargs)
            except TypeError as error:
                unknown = next((k for k in kwargs if k not in signature.parameters), None)
                if unknown is not None:
                    near = hint(unknown, signature.parameters)
                    raise WorldFileError(f"{name}() takes no argument '{unknown}'{near}") from None
                takes = ", ".join(signature.parameters)
                raise WorldFileError(f"{name}(): {error}; it takes ({takes})") from None
            raise
        except DaguerreError:
            raise
        except Exception as error:  # not the author's fault, and the text must not look as if it were
            raise WorldFileError(f"{name}() failed inside the engine: {type(error).__name__}: {error}") from error

    return call


_NESTS = re.compile(
    r'"""(?:\\.|[^\\])*?"""'  # strings and comments, in which brackets mean nothing
    r"|'''(?:\\.|[^\\])*?'''"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'(?:\\.|[^'\\\n])*'"
    r"|#[^\n]*"
    r"|(?P<open>[(\[{])|(?P<close>[)\]}])"
    rf"|(?P<signs>(?:[-+~]\s*|not\s+){{{MAX_NESTING},}})",
    re.DOTALL,
)


def parsed(name: str, text: str) -> starlark.AstModule:
    """The text as Starlark reads it. Raises WorldFileError where it is nested too deeply, or StarlarkError."""
    depth = 0
    for token in _NESTS.finditer(text):
        depth += (token["open"] is not None) - (token["close"] is not None)
        if depth > MAX_NESTING or token["signs"] is not None:
            line = text.count("\n", 0, token.start()) + 1
            column = token.start() - text.rfind("\n", 0, token.start())
            raise WorldFileError(f"this is nested more than {MAX_NESTING} deep", name, line, column)
    return starlark.parse(name, text, dialect())


_LOCATION = re.compile(r"^ *--> (?P<file>.+):(?P<line>\d+):(?P<column>\d+)$", re.MULTILINE)
_MESSAGE = re.compile(r"^error: (?P<message>.*?)(?=^ *-->|\Z)", re.MULTILINE | re.DOTALL)
_FRAME = re.compile(r"^  \* (?P<file>.+):(?P<line>\d+), in .*$", re.MULTILINE)


def located(error: BaseException, texts: Mapping[str, str], budget: Budget | None = None) -> WorldFileError:
    """The error of a Starlark failure: message, file:line:column and the source line with a caret below it."""
    report = str(error)
    found = _MESSAGE.search(report)
    message = " ".join(found["message"].split()) if found else report.strip()
    message = re.sub(r"^(?:[A-Za-z]+Error|Parse error): ", "", message)
    if message == "Evaluation cancelled" and budget is not None:
        message = f"this ran longer than {budget.steps:,} steps and was stopped"
    file, line, column = "", 0, 0
    place = _LOCATION.search(report)
    if place:
        file, line, column = place["file"], int(place["line"]), int(place["column"])
    if not place or file == PRELUDE_FILE:  # the author's own line is the innermost one outside the prelude
        frames = [f for f in _FRAME.finditer(report) if f["file"] in texts]
        if not frames:
            return WorldFileError(message)
        file, line, column = frames[-1]["file"], int(frames[-1]["line"]), 0
    source = texts.get(file, "").splitlines()
    shown = source[line - 1] if 0 < line <= len(source) else ""
    if column == 0:
        column = len(shown) - len(shown.lstrip()) + 1
    return WorldFileError(message, file, line, column, caret(shown, line, column))


def caret(shown: str, line: int, column: int) -> str:
    """A source line with its number and a caret below the column."""
    number = str(line)
    return f"{number} | {shown}\n{' ' * len(number)} | {' ' * (column - 1)}^"


@dataclass
class Sandbox:
    """Evaluates one world file and what it loads; afterwards its functions can be called by name."""

    hosts: Mapping[str, Host]
    read: Callable[[str], str]  # text of a loaded file; raises WorldFileError for what may not be loaded
    texts: dict[str, str] = field(default_factory=dict)  # every text that was read, by the name errors use
    _modules: dict[str, starlark.FrozenModule] = field(default_factory=dict)
    _loading: list[str] = field(default_factory=list)
    _main: starlark.Module | None = None
    _frozen: starlark.FrozenModule | None = None

    def run(self, name: str, text: str, steps: int) -> Callable[[str], bool]:
        """Evaluates the main file; the function returned tells whether a name is a function written in Starlark."""
        budget = Budget(steps)
        self.texts[name] = text
        try:
            module = self._module(name, text, budget)
        except starlark.StarlarkError as error:
            raise located(error, self.texts, budget) from None
        self._main = module

        def is_function(wanted: str) -> bool:
            if not wanted.isidentifier() or wanted.startswith("_"):  # frozen modules hide names with an underscore
                return False
            query = f"type({wanted}) == 'function' and '.' in str({wanted})"  # built-in ones print without a file
            try:
                return starlark.eval(module, parsed("<query>", query), library()) is True
            except starlark.StarlarkError:
                return False

        return is_function

    def freeze(self) -> None:
        """Closes the main module: from now on only `call` runs anything, and nothing it runs can change a global."""
        if self._main is None:
            raise RuntimeError("freeze() before run()")
        self._frozen = self._main.freeze()

    def call(self, handler: str, args: tuple[int | float | str | bool, ...], budget: Budget) -> object:
        """Calls a function of the frozen main file; failures are WorldFileErrors that say where."""
        if self._frozen is None:
            raise RuntimeError("call() before freeze()")
        try:
            return self._frozen.call_with(budget.options(), handler, *args).value
        except starlark.StarlarkError as error:
            raise located(error, self.texts, budget) from None

    def _module(self, name: str, text: str, budget: Budget) -> starlark.Module:
        module = starlark.Module()
        for host, function in self.hosts.items():
            module.add_callable(host, function)
        starlark.eval(module, parsed(PRELUDE_FILE, PRELUDE), library())
        loader = starlark.FileLoader(lambda wanted: self._load(wanted, budget))
        starlark.eval_with(budget.options(), module, parsed(name, text), library(), file_loader=loader)
        return module

    def _load(self, wanted: str, budget: Budget) -> starlark.FrozenModule:
        if wanted in self._loading:
            raise WorldFileError(f"'{wanted}' loads itself, by way of {' -> '.join(self._loading)}")
        if wanted not in self._modules:
            text = self.read(wanted)
            self.texts[wanted] = text
            self._loading.append(wanted)
            try:
                self._modules[wanted] = self._module(wanted, text, budget).freeze()
            finally:
                self._loading.pop()
        return self._modules[wanted]


def problems_of(name: str, text: str, known: set[str], loads: Mapping[str, starlark.Interface]) -> list[WorldFileError]:
    """What Starlark's own linter and type checker say about one file (without running it), host names being known."""
    try:
        ast = parsed(name, text)
    except WorldFileError as error:
        return [error]
    except starlark.StarlarkError as error:
        return [located(error, {name: text})]
    found = []
    for lint in ast.lint():
        if lint.short_name in QUIET_LINTS or lint.original in known:
            continue
        begin = lint.resolved_location.span.begin
        line, column = begin.line + 1, begin.column + 1
        shown = text.splitlines()[line - 1] if line <= len(text.splitlines()) else ""
        found.append(WorldFileError(lint.problem, name, line, column, caret(shown, line, column)))
    errors, _, _ = ast.typecheck(library(), dict(loads))
    for finding in errors:
        problem = located(DaguerreError(str(finding)), {name: text})
        missing = re.match(r"Variable `(\w+)` not found", problem.message)
        if not (missing and missing[1] in known):
            found.append(problem)
    return found


QUIET_LINTS = frozenset({"duplicate-top-level-assign", "unused-argument", "unused-assign", "missing-return-expression"})


def loads_of(name: str, text: str) -> list[str]:
    """The files that a text loads; none when it cannot be parsed."""
    try:
        return [load.module_id for load in parsed(name, text).loads()]
    except (WorldFileError, starlark.StarlarkError):
        return []
