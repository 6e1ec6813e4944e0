"""What Starlark's own linter and type checker say about a file, without running it: `daguerre check` lists it too."""

import re
from collections.abc import Mapping
from typing import Final

import starlark

from engine.core.errors import DaguerreError, WorldFileError
from engine.script.reading import error_at, read
from engine.script.scopes import loaded_by

QUIET_LINTS: Final = frozenset(
    {"duplicate-top-level-assign", "unused-argument", "unused-assign", "missing-return-expression"}
)
_LOCATION = re.compile(r"^ *--> (?P<file>.+):(?P<line>\d+):(?P<column>\d+)$", re.MULTILINE)
_MESSAGE = re.compile(r"^error: (?P<message>.*?)(?=^ *-->|\Z)", re.MULTILINE | re.DOTALL)


def problems_of(name: str, text: str, known: set[str], loads: Mapping[str, starlark.Interface]) -> list[WorldFileError]:
    """The findings about one file, names in `known` being those of the engine. The text must have been read already."""
    dialect = starlark.Dialect.extended()
    dialect.enable_f_strings = True
    try:
        read(name, text)  # refuses what the other parser would take minutes for
        ast = starlark.parse(name, text, dialect)
    except DaguerreError as error:
        return [error] if isinstance(error, WorldFileError) else [WorldFileError(str(error), name)]
    except starlark.StarlarkError as error:
        return [_located(str(error), name, text)]
    found = []
    for lint in ast.lint():
        if lint.short_name in QUIET_LINTS or lint.original in known:
            continue
        begin = lint.resolved_location.span.begin
        found.append(error_at(lint.problem, (name, begin.line + 1, begin.column + 1), text))
    errors, _, _ = ast.typecheck(starlark.Globals.standard(), dict(loads))
    for finding in errors:
        problem = _located(str(finding), name, text)
        missing = re.match(r"Variable `(\w+)` not found", problem.message)
        if not (missing and missing[1] in known):
            found.append(problem)
    return found


def _located(report: str, name: str, text: str) -> WorldFileError:
    """A report of Starlark's as one of our errors."""
    found, place = _MESSAGE.search(report), _LOCATION.search(report)
    message = " ".join(found["message"].split()) if found else report.strip()
    message = re.sub(r"^(?:[A-Za-z]+Error|Parse error): ", "", message)
    if place is None:
        return WorldFileError(message, name)
    return error_at(message, (name, int(place["line"]), int(place["column"])), text)


def loads_of(name: str, text: str) -> list[str]:
    """The files that a text loads; none when it cannot be read."""
    try:
        tree = read(name, text).tree
    except DaguerreError:
        return []
    return [load[0] for statement in tree.body if (load := loaded_by(statement)) is not None and load[0]]
