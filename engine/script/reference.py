"""The reference of the language, made from its functions' own signatures and docstrings: docs/REFERENCE.md.

Every docstring ends with an example; a test runs them all, and another one keeps the page in step.
"""

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from engine.script.api import SECTIONS
from engine.script.assets import worlds_folder
from engine.script.handlers import Hands
from engine.script.stories import Stories
from engine.state.events import KINDS

RULER: Final = re.compile(r"    # --- (?P<title>[^-].*?) -+$")
METHOD: Final = re.compile(r"    def (?P<name>[a-z]\w*)\(")
INTRODUCTION: Final = """# Reference

What world files are made of, from the functions' own signatures and docstrings; `tools/make_reference.py` writes this
page. Lengths are metres, angles degrees, times seconds, hours of day 0 to 24 (18.5 or "18:30"), z is up. A colour is
"#rrggbb", or three numbers of linear light. What is voxels lies on a grid of 0.25 m. Arguments with a default may be
left out. [WORLDS.md](WORLDS.md) is the tutorial.
"""


@dataclass(frozen=True)
class Entry:
    """One function as the reference shows it."""

    name: str
    signature: str
    text: str  # of its docstring, without the example
    example: str
    section: str
    in_handlers: bool  # works while the world runs, else while the file is read


def entries() -> list[Entry]:
    """Every function of the language, in the order of the source."""
    return [
        *(entry for kind in SECTIONS for entry in _of(kind, False)),
        *(entry for kind in (Hands, Stories) for entry in _of(kind, True)),
    ]


def _of(kind: type, in_handlers: bool) -> Iterator[Entry]:
    title = re.split(r"[:.(]| that | of a ", inspect.getdoc(kind) or "")[0].strip()
    for line in inspect.getsource(kind).splitlines():
        if ruler := RULER.match(line):
            title = ruler["title"]
        found = METHOD.match(line)
        if found and found["name"] != "functions":
            text, example = _split(inspect.getdoc(getattr(kind, found["name"])) or "")
            signature = signature_of(getattr(kind, found["name"]))
            yield Entry(found["name"], signature, text, example, title[0].upper() + title[1:], in_handlers)


def signature_of(function: Callable[..., object]) -> str:
    """A signature as authors write it: names and defaults."""
    words = []
    for p in list(inspect.signature(function).parameters.values())[1:]:
        star = "*" if p.kind == p.VAR_POSITIONAL else ""
        words.append(star + p.name + ("" if p.default is p.empty else f" = {_written(p.default)}"))
    return ", ".join(words)


def _written(value: object) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, float) and value == int(value):
        return str(int(value))
    if isinstance(value, tuple):
        return "(" + ", ".join(_written(v) for v in value) + ")"
    return str(value)


def _split(docstring: str) -> tuple[str, str]:
    """Text and example of a docstring."""
    lines = docstring.splitlines()
    example = [line[4:] for line in lines if line.startswith((">>> ", "... "))]
    text = [line for line in lines if not line.startswith((">>> ", "... "))]
    return "\n".join(text).strip(), "\n".join(example)


def page() -> str:
    """The whole reference as Markdown."""
    parts, section, found = [INTRODUCTION], "", entries()
    for in_handlers, title in (
        (False, "While the file is read"),
        (True, "In handlers, while the world runs"),
    ):
        parts.append(f"## {title}\n")
        for entry in (e for e in found if e.in_handlers == in_handlers):
            if entry.section != section:
                section = entry.section
                parts.append(f"### {section}\n")
            parts.append(f"**`{entry.name}({entry.signature})`**\n\n{entry.text}\n")
            parts.append(f"```python\n{entry.example}\n```\n")
    parts.append("## Events\n\n`on(event, handler)` calls a function for each. `emit(...)` sends events of your own.\n")
    rows = [f'| `"{kind}"` | {described} |' for kind, described in {**KINDS, "tick": "() 64 times a second"}.items()]
    parts.append("\n".join(["| event | gives (and means) |", "|---|---|", *rows]) + "\n")
    parts.append('## Libraries\n\nLoad what you need: `load("lib/things.star", "lantern", "bench")`.\n')
    for path in sorted((worlds_folder() / "lib").glob("*.star")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        parts.append(f"### lib/{path.name}\n\n{ast.get_docstring(tree)}\n")
        rows = []
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and (about := ast.get_docstring(node)):
                takes = ast.unparse(node.args).replace("=", " = ").replace("'", '"')
                rows.append(f"- `{node.name}({takes})`: {' '.join(about.split())}")
        parts.append("\n".join(rows) + "\n")
    return "\n".join(parts)
