"""World files: Starlark text in, a blueprint and its script out."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import starlark

from engine.core.errors import DaguerreError, WorldFileError
from engine.script import assets, sandbox
from engine.script.api import declarations
from engine.script.draft import Draft
from engine.script.handlers import Hands
from engine.script.sandbox import Budget, Sandbox, friendly
from engine.script.values import hint
from engine.sim.script_port import ScriptFailure
from engine.state.blueprint import Blueprint
from engine.state.world import State

LOAD_STEPS = 20_000_000  # for reading a whole world file; the shipped town takes 12,000
ANY_TIME = frozenset({"body", "hinge"})  # what says something about a thing, and nothing about the world
HANDLER_STEPS = 100_000  # for one call of one handler

Host = Callable[..., object]


@dataclass(frozen=True)
class Problem:
    """Something wrong in a world file, where it is known (1-based)."""

    file: str
    line: int
    column: int
    message: str


class WorldScript:
    """The handlers of one world file. Holds no state of the world: it acts on the one that `handle` is given."""

    def __init__(self, box: Sandbox, hands: Hands) -> None:
        self._box, self._hands = box, hands

    def handle(
        self, blueprint: Blueprint, state: State, handler_name: str, args: tuple[int | float | str | bool, ...]
    ) -> None:
        """Calls one handler within its step budget. What it did before it failed stays done. Raises ScriptFailure."""
        budget = Budget(HANDLER_STEPS)
        self._hands.hold(blueprint, state, budget)
        try:
            self._box.call(handler_name, args, budget)
        except DaguerreError as error:
            raise ScriptFailure(handler_name, str(error)) from None
        finally:
            self._hands.let_go()


@dataclass(frozen=True)
class LoadedWorld:
    """A world file that was read: its constant part, and what answers its events."""

    blueprint: Blueprint
    script: WorldScript
    notes: tuple[str, ...] = ()  # what imported models say and the world leaves out


def load(path_or_name: str | Path) -> LoadedWorld:
    """Reads a world file, or a shipped world by its bare name. WorldFileError says where it is wrong."""
    path = assets.find_world(path_or_name)
    shown = str(path)
    main = assets.read_text(path, shown)
    draft, hands = Draft(name=path.stem, folder=path.parent), Hands()

    def read(wanted: str) -> str:
        return assets.read_text(assets.loadable(path.parent, wanted), wanted)

    box = Sandbox(_hosts(draft, hands), read)
    is_function = box.run(shown, main, LOAD_STEPS)
    for event, names in draft.handlers.items():
        for name in names:
            if not is_function(name):
                raise _unknown_handler(shown, main, event, name)
    box.freeze()
    digest = hashlib.blake2b(digest_size=16)
    for name, text in sorted(box.texts.items()):
        for piece in ("" if name == shown else name, text):  # where the world file lies is no part of the world
            data = piece.encode()
            digest.update(len(data).to_bytes(8, "little") + data)
    for name, content in sorted(draft.assets.items()):
        for data in (name.encode(), content):
            digest.update(len(data).to_bytes(8, "little") + data)
    try:
        blueprint = draft.finish(digest.digest())
    except WorldFileError as error:
        raise WorldFileError(error.message, shown) from None
    return LoadedWorld(blueprint, WorldScript(box, hands), tuple(dict.fromkeys(draft.notes)))


def _unknown_handler(shown: str, main: str, event: str, name: str) -> WorldFileError:
    """The place of the on(...) that names a handler which is no top-level function."""
    functions = [line[4:].split("(")[0].strip() for line in main.splitlines() if line.startswith("def ")]
    why = "starts with an underscore, which hides it" if name.startswith("_") else "is no function of this file"
    message = f"on('{event}', ...) names the handler '{name}', which {why}{hint(name, functions)}"
    for i, line in enumerate(main.splitlines(), 1):
        if line.lstrip().startswith("on(") and name in line:
            column = line.index(name) + 1
            return WorldFileError(message, shown, i, column, sandbox.caret(line, i, column))
    return WorldFileError(message, shown)


def _hosts(draft: Draft, hands: Hands) -> dict[str, Host]:
    """All functions that Starlark text may call, each answering only at its own time."""

    def while_reading(name: str, function: Host) -> Host:
        def call(*args: object, **kwargs: object) -> object:
            if hands.is_holding() and name not in ANY_TIME:
                raise WorldFileError(f"{name}(...) describes the world while its file is read; a handler cannot use it")
            return function(*args, **kwargs)

        return call

    hosts = {n: while_reading(n.lstrip("_"), friendly(n, f)) for n, f in declarations(draft).items()}
    for name, function in hands.functions().items():
        hosts[name] = friendly(name, function)
    return hosts


def check(path_or_name: str | Path) -> list[Problem]:
    """All that is wrong with a world file: what keeps it from loading, then what linter and type checker say."""
    found: list[Problem] = []
    try:
        path = assets.find_world(path_or_name)
        text = assets.read_text(path, str(path))
    except DaguerreError as error:
        return [Problem(str(path_or_name), 0, 0, str(error))]
    known = {"on", *declarations(Draft()), *Hands().functions()}
    try:
        load(path)
    except WorldFileError as error:
        found.append(Problem(error.file or str(path), error.line or 0, error.column or 0, error.message))
    except DaguerreError as error:
        found.append(Problem(str(path), 0, 0, str(error)))
    queue, seen = [(str(path), text)], {str(path)}
    while queue:
        shown, body = queue.pop(0)
        interfaces: dict[str, starlark.Interface] = {}
        for problem in sandbox.problems_of(shown, body, known, interfaces):
            row = Problem(shown, problem.line or 0, problem.column or 0, problem.message)
            if not any((p.file, p.line, p.message) == (row.file, row.line, row.message) for p in found):
                found.append(row)
        for wanted in sandbox.loads_of(shown, body):
            if wanted not in seen:
                seen.add(wanted)
                try:
                    queue.append((wanted, assets.read_text(assets.loadable(path.parent, wanted), wanted)))
                except DaguerreError:
                    continue  # load() above has told
    return found
