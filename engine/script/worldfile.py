"""World files: Starlark text in, a blueprint and its script out."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import starlark

from engine.core import garbage
from engine.core.errors import DaguerreError, WorldFileError
from engine.script import assets, lint, remarks
from engine.script.api import declarations
from engine.script.budget import Budget
from engine.script.draft import Draft, Drawn
from engine.script.dryrun import Tried, tried
from engine.script.handlers import Hands
from engine.script.objects import Function
from engine.script.sandbox import Sandbox, friendly
from engine.script.tapes import Tapes
from engine.sim.script_port import CALL_STEPS, HANDLER_STEPS, TICK_STEPS, ScriptFailure
from engine.state.blueprint import Blueprint
from engine.state.world import State

ANY_TIME = frozenset({"body", "hinge"})  # what says something about a thing, and nothing about the world
NAMING = ("name", "event", "handler")  # arguments by which remarks find the call again
LOAD_STEPS = 4_000_000  # for reading a whole world file; the town, which is the greediest, takes 540,000

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
        budget = Budget(min(HANDLER_STEPS, TICK_STEPS - state.script_steps))
        budget.spent = CALL_STEPS
        self._hands.hold(blueprint, state, budget)
        try:
            self._box.call(handler_name, args, budget)
        except DaguerreError as error:
            raise ScriptFailure(handler_name, str(error)) from error
        finally:
            self._hands.let_go()
            state.script_steps += budget.spent
            state.steps_by_handler[handler_name] = state.steps_by_handler.get(handler_name, 0) + budget.spent


@dataclass(frozen=True)
class LoadedWorld:
    """A world file that was read: its constant part, and what answers its events."""

    blueprint: Blueprint
    script: WorldScript
    notes: tuple[str, ...] = ()  # what imported models say and the world leaves out
    files: tuple[Path, ...] = ()  # all that was read: the world file first, then what it loads and its assets
    drawn: Drawn | None = None  # for the next reading of the same file, as is
    tapes: Tapes | None = None  # what functions of its libraries told


@dataclass(frozen=True)
class _Read:
    """All that reading a world file brings to light."""

    path: Path
    draft: Draft
    box: Sandbox
    loaded: LoadedWorld


def load(path_or_name: str | Path, before: LoadedWorld | None = None, drawn: Drawn | None = None) -> LoadedWorld:
    """Reads a world file, or a shipped world by its bare name. WorldFileError says where it is wrong.

    `before` is what an earlier reading gave: shapes that are the same are not drawn again, and calls of functions of
    libraries that are the same are not evaluated again. `drawn` is what a rehearsal drew, where that is all there is.
    What comes of it is the same as without.
    """
    return _read(path_or_name, before, drawn).loaded


def _read(path_or_name: str | Path, before: LoadedWorld | None = None, drawn: Drawn | None = None) -> _Read:
    path = assets.find_world(path_or_name)
    files = [path]
    try:
        with garbage.left_alone():  # what a script makes is bounded by its steps
            return _read_from(path, files, before, drawn)
    except DaguerreError as error:
        error.files = tuple(files)
        raise


def _read_from(path: Path, files: list[Path], before: LoadedWorld | None, drawn: Drawn | None) -> _Read:
    """Adds to `files` whatever else is opened or looked for."""
    shown = str(path)
    main = assets.read_text(path, shown)
    known = before.drawn if before else drawn
    draft, hands = Draft(name=path.stem, folder=path.parent, known=known), Hands()

    def read(wanted: str) -> str:
        files.append(path.parent / wanted)
        files[-1] = assets.loadable(path.parent, wanted)
        return assets.read_text(files[-1], wanted)

    box = Sandbox({}, read)
    box.hosts = _hosts(draft, hands, box)
    try:
        box.run(shown, main, LOAD_STEPS, before.tapes if before else None)
    except WorldFileError as error:
        raise remarks.with_line_of_later(error, shown, main) from None
    remarks.check_handlers(draft, box, shown)
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
    files += [path.parent / name for name in draft.assets]
    notes = tuple(dict.fromkeys(draft.notes))
    world = LoadedWorld(blueprint, WorldScript(box, hands), notes, tuple(files), draft.drawn, box.tapes)
    return _Read(path, draft, box, world)


def _hosts(draft: Draft, hands: Hands, box: Sandbox) -> dict[str, Host]:
    """All functions that world files may call, each answering only at its own time."""

    def while_reading(name: str, function: Host) -> Host:
        def call(*args: object, **kwargs: object) -> object:
            if hands.is_holding() and name not in ANY_TIME:
                raise WorldFileError(f"{name}(...) describes the world while its file is read; a handler cannot use it")
            result = function(*args, **kwargs)
            if hands.is_holding():
                return result
            named = [*args[:2], *(kwargs[key] for key in NAMING if key in kwargs)] if kwargs else args[:2]
            words = [a.name if isinstance(a, Function) else a for a in named if isinstance(a, str | Function)]
            draft.said_at.setdefault((name, *words), box.budget.place)
            return result

        return call

    hosts = {n: while_reading(n, friendly(n, f)) for n, f in declarations(draft).items()}
    for name, function in hands.functions().items():
        hosts[name] = friendly(name, function)
    return hosts


@dataclass(frozen=True)
class Findings:
    """What a world file looks like to who checks it."""

    problems: list[Problem]
    tried: Tried = field(default_factory=Tried)  # its handlers
    notes: tuple[str, ...] = ()  # what imported models say and the world leaves out


def check(path_or_name: str | Path) -> list[Problem]:
    """All that is wrong with a world file, see `examine`."""
    return examine(path_or_name).problems


@garbage.left_alone()
def examine(path_or_name: str | Path, drawn: Drawn | None = None) -> Findings:
    """All that is wrong with a world file: what keeps it from loading, handlers that fail when they are tried, what
    looks like a mistake, and what linter and type checker say. `drawn` is as for `load`.
    """
    found: list[Problem] = []
    handlers = Tried()
    read: _Read | None = None
    try:
        path = assets.find_world(path_or_name)
        text = assets.read_text(path, str(path))
    except DaguerreError as error:
        return Findings([Problem(str(path_or_name), 0, 0, str(error))])
    known = {*declarations(Draft()), *Hands().functions()}
    try:
        read = _read(path, drawn=drawn)
        found += [_problem(e, path) for e in remarks.suspicions(read.loaded.blueprint, read.draft, read.box, str(path))]
    except WorldFileError as error:
        found.append(_problem(error, path))
    except DaguerreError as error:
        found.append(Problem(str(path), 0, 0, str(error)))
    queue, seen = [(str(path), text)], {str(path)}
    while queue:
        shown, body = queue.pop(0)
        interfaces: dict[str, starlark.Interface] = {}
        for problem in lint.problems_of(shown, body, known, interfaces):
            row = _problem(problem, path)
            if not any((p.file, p.line) == (row.file, row.line) for p in found):
                found.append(row)
        for wanted in lint.loads_of(shown, body):
            if wanted not in seen:
                seen.add(wanted)
                try:
                    queue.append((wanted, assets.read_text(assets.loadable(path.parent, wanted), wanted)))
                except DaguerreError:
                    continue  # load() above has told
    if read is not None:
        trees = [source.tree for source in remarks.sources(read.box)]
        try:
            handlers = tried(read.loaded.blueprint, read.loaded.script, trees)
        except DaguerreError as error:  # it cannot begin: mostly for a reason that was found above
            found += [] if found else [Problem(str(path), 0, 0, str(error))]
        for row in (_problem(error, path) for error in handlers.failures):
            if not any((p.file, p.line) == (row.file, row.line) for p in found):
                found.append(row)
    return Findings(found, handlers, () if read is None else read.loaded.notes)


def _problem(error: WorldFileError, path: Path) -> Problem:
    return Problem(error.file or str(path), error.line or 0, error.column or 0, error.message)
