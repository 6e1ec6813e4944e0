"""Reads the text of a world file into a syntax tree, and refuses in plain words whatever is no part of the language.

The language is Starlark, whose grammar is a part of Python's: Python's own parser reads it, into a tree only (nothing
is ever compiled to code), with its good messages, and what Starlark leaves out is refused here, node by node.
"""

import ast
import re
import warnings
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

from engine.core.errors import LimitError, WorldFileError
from engine.script.budget import Spot

MAX_WORDS: Final = 60_000  # words and signs of a world with all it loads; the town has about 7,000
MAX_NESTING: Final = 64  # levels of a tree
MAX_TEXT_LENGTH: Final = 65_536  # characters of one string
LONGEST_SHOWN: Final = 160  # characters of a line in an error
KEPT: Final = 16  # texts: of a world that is read again most are the same
MAX_INTEGER: Final = 2**63 - 1  # as in the state

REFUSED: Final[dict[str, str]] = {
    "While": "there is no `while`; use `for i in range(...)`, or on('tick', handler) for what goes on and on",
    "Import": "there is no `import`; functions of another file come by load('lib/things.star', 'lantern')",
    "ImportFrom": "there is no `import`; functions of another file come by load('lib/things.star', 'lantern')",
    "ClassDef": "there are no classes; use functions, lists and dicts",
    "Try": "there is no `try`; ask first, as in `if exists('lamp'):`",
    "Raise": "there is no `raise`; stop with fail('why')",
    "Assert": "there is no `assert`; stop with `if not ...: fail('why')`",
    "With": "there is no `with`; a world file opens nothing",
    "Global": "there is no `global`; keep what changes with put(name, value) and get(name)",
    "Nonlocal": "there is no `nonlocal`; keep what changes with put(name, value) and get(name)",
    "Delete": "there is no `del`; use list.pop(i) or dict.pop(key)",
    "Match": "there is no `match`; use `if` and `elif`",
    "AnnAssign": "variables have no type; write `name = value`",
    "Yield": "there is no `yield`; collect in a list and return it",
    "YieldFrom": "there is no `yield`; collect in a list and return it",
    "NamedExpr": "there is no `:=`; write an assignment of its own above",
    "Set": "there are no sets; use a list, or a dict with the values as keys",
    "SetComp": "there are no sets; use a list comprehension in [...]",
    "GeneratorExp": "write a list comprehension, with [...] around it",
    "Starred": "a * can stand only before an argument of a call",
    "Pow": "there is no `**`; write x * x",
    "MatMult": "there is no `@`",
    "Is": "there is no `is`; use ==",
    "IsNot": "there is no `is not`; use !=",
}


@dataclass(frozen=True)
class Source:
    """One file of a world, read."""

    name: str
    text: str
    tree: ast.Module
    lines: tuple[str, ...]

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """All nodes of the tree, in no order."""
        return tuple(ast.walk(self.tree))

    def place(self, node: ast.AST) -> Spot:
        """Where a node begins: file, line, column, 1-based and counted in characters."""
        line, offset = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
        shown = self.lines[line - 1] if line <= len(self.lines) else ""
        return self.name, line, len(shown.encode()[:offset].decode(errors="replace")) + 1


def caret(shown: str, line: int, column: int) -> str:
    """A source line with its number and a caret below the column; of a long line the part around it."""
    number = str(line)
    if len(shown) > LONGEST_SHOWN:
        start = max(0, column - LONGEST_SHOWN // 2)
        shown, column = shown[start : start + LONGEST_SHOWN], column - start
    return f"{number} | {shown}\n{' ' * len(number)} | {' ' * (column - 1)}^"


def error_at(message: str, place: Spot, text: str) -> WorldFileError:
    """The error that shows its line."""
    file, line, column = place
    lines = text.split("\n")
    shown = lines[line - 1].rstrip("\r") if 0 < line <= len(lines) else ""
    column = min(max(column, 1), len(shown) + 1)
    return WorldFileError(message, file, line, column, caret(shown, line, column))


@lru_cache(maxsize=KEPT)
def words_of(text: str) -> int:
    """How many words and signs a text has, those in strings and comments counted too."""
    return sum(1 for _ in re.finditer(r"\w+|[^\w\s]", text))


@lru_cache(maxsize=KEPT)
def read(name: str, text: str) -> Source:
    """The tree of a text, which nobody changes. WorldFileError says where it is none, or no part of the language."""
    if words_of(text) > MAX_WORDS:
        raise LimitError(f"{name} has more than {MAX_WORDS:,} words and signs; a world holds that many, not more")
    for sign, why in (("\0", "a NUL character"), ("\\N{", "\\N{...}; write the character itself")):
        if (at := text.find(sign)) >= 0:
            line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
            raise error_at(f"a world file cannot hold {why}", (name, line, column), text)
    lines = tuple(text.split("\n"))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            tree = ast.parse(text, name)
    except SyntaxError as error:
        raise _unreadable(name, text, error) from None
    except (RecursionError, MemoryError):
        raise _nested(name, text) from None
    source = Source(name, text, tree, lines)
    _refuse(source)
    return source


def _unreadable(name: str, text: str, error: SyntaxError) -> WorldFileError:
    """A syntax error in our own words."""
    line, column, message = error.lineno or 1, error.offset or 1, error.msg
    if "too many nested parentheses" in message or "too many levels of indentation" in message:
        message = f"this is nested more than {MAX_NESTING} deep"
    lines = text.split("\n")
    shown = lines[line - 1] if 0 < line <= len(lines) else ""
    word = re.match(r"\w+|\S?", shown[column - 1 :])
    found = word[0] if word else ""
    first = re.match(r"\s*(\w*)", shown)
    begins = first[1] if first else ""
    if "Perhaps you forgot a comma" in message:
        message = "a comma is missing here, or after this"
    elif "instead of '='" in message:
        message = "to compare two values write ==; a single = gives a name its value"
    elif message.startswith("f-string"):
        message = f"this f-string cannot be read ({message[9:].strip(' :')}); between {{ and }} stands one name"
    elif "inconsistent use of tabs" in message or "unindent does not match" in message:
        message = "this line is indented otherwise than the lines around it; use four spaces a level, and no tabs"
    elif "invalid escape sequence" in message:
        message = f"{message.split(' sequence ')[-1]} is no escape; a backslash itself is written \\\\"
    elif begins in ("while", "import", "from", "class", "try", "raise", "assert", "with", "del"):
        kinds = {"while": "While", "class": "ClassDef", "try": "Try", "raise": "Raise", "assert": "Assert"}
        kinds |= {"with": "With", "del": "Delete"}
        message = REFUSED[kinds.get(begins, "Import")]
    elif "was never closed" in message or "unterminated" in message:
        message = message.split(" (")[0]
    elif message.startswith("invalid syntax"):
        message = f"{found!r} cannot stand here" if found else "the line ends too early"
    return error_at(message, (name, line, column), text)


def _nested(name: str, text: str) -> WorldFileError:
    """Too much for the parser, which does not say where: most likely in a very long line, if there is one."""
    message = f"this is nested more than {MAX_NESTING} deep"
    lines = text.split("\n")
    line = max(range(len(lines)), key=lambda i: len(lines[i]))
    if len(lines[line]) <= LONGEST_SHOWN:
        return WorldFileError(message, name)
    return error_at(message, (name, line + 1, len(lines[line]) - len(lines[line].lstrip()) + 1), text)


def _refuse(source: Source) -> None:
    """WorldFileError for the first node, in the order of the text, that is no part of the language."""
    found: list[tuple[Spot, str]] = []
    stack: list[tuple[ast.AST, int]] = [(source.tree, 0)]
    allowed_stars = {id(a) for n in source.nodes if isinstance(n, ast.Call) for a in n.args}
    while stack:
        node, depth = stack.pop()
        if (why := _why_not(node, depth, allowed_stars)) is not None:
            found.append((source.place(node), why))
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.operator | ast.cmpop) and type(child).__name__ in REFUSED:
                found.append((source.place(node), REFUSED[type(child).__name__]))
            stack.append((child, depth + 1))
    if found:
        place, why = min(found)
        raise error_at(why, place, source.text)


def _why_not(node: ast.AST, depth: int, allowed_stars: set[int]) -> str | None:
    kind = type(node).__name__
    if depth > MAX_NESTING:
        return f"this is nested more than {MAX_NESTING} deep"
    if isinstance(node, ast.Starred) and id(node) in allowed_stars:
        return None
    if kind in REFUSED and not isinstance(node, ast.operator | ast.cmpop):
        return REFUSED[kind]
    if kind.startswith("Async") or kind in ("Await", "TryStar"):
        return "there is no `async`; what happens later is answered by on(...)"
    if isinstance(node, ast.FunctionDef):
        if node.decorator_list:
            return "there are no decorators"
        if node.args.posonlyargs:
            return "a / cannot stand among parameters"
        if node.returns is not None:
            return "functions have no types; write `def name(a, b):`"
    if isinstance(node, ast.arg) and node.annotation is not None:
        return "parameters have no types; write `def name(a, b):`"
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Tuple | ast.List | ast.Dict | ast.Constant):
        return "a comma is missing after this"
    if isinstance(node, ast.For) and node.orelse:
        return "a `for` has no `else`"
    if isinstance(node, ast.Compare) and len(node.ops) > 1:
        return "comparisons cannot be chained; write `a < b and b < c`"
    if isinstance(node, ast.Assign) and len(node.targets) > 1:
        return "write one assignment a line; `a = b = 1` is none"
    if isinstance(node, ast.Name | ast.arg | ast.FunctionDef):
        name = node.id if isinstance(node, ast.Name) else node.arg if isinstance(node, ast.arg) else node.name
        if not name.isascii():
            return f"the name {name!r} must be made of plain letters, digits and _"
    if isinstance(node, ast.Constant):
        return _why_no_constant(node.value)
    if isinstance(node, ast.FormattedValue) and (
        not isinstance(node.value, ast.Name) or node.conversion != -1 or node.format_spec is not None
    ):
        return "between { and } of an f-string stands one name, such as f'{n}'; work the value out before"
    return None


def _why_no_constant(value: object) -> str | None:
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int):
        return None if value <= MAX_INTEGER else "this whole number does not fit into 64 bits"
    if isinstance(value, float):
        return None if abs(value) != float("inf") else "this number is too large; the largest is about 1.8e308"
    if isinstance(value, str):
        if len(value) > MAX_TEXT_LENGTH:
            return f"a text may have {MAX_TEXT_LENGTH:,} characters, not {len(value):,}"
        if any("\ud800" <= c <= "\udfff" for c in value):
            return "this text holds half a character (a surrogate)"
        return None
    return f"there is no {type(value).__name__} in this language"
