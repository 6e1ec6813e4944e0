"""The floors of the house: a file imports only from lower floors, and some things are imported in one place only."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ENGINE = ROOT / "engine"
FLOORS = ("core", "state", "sim", "script", "view", "raster", "light", "film", "teach", "play", "envs", "cli")
FILES = sorted(ENGINE.rglob("*.py"))
PURE = ("core", "state", "sim", "script")
COMPILED = ("engine.sim.floods", "engine.sim.systems.throng")  # imported when a flow field or a throng needs them


def module_of(file: Path) -> str:
    """engine/core/rng.py -> engine.core.rng"""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def floor_of(module: str) -> str:
    """engine.core.rng -> core; engine and engine.__main__ stand above everything."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in FLOORS else "roof"


def imports_of(text: str, module: str, is_package: bool = False) -> Iterator[tuple[str, int]]:
    """Absolute names of everything that a file imports anywhere in it, with the line; also under `if TYPE_CHECKING`."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                here = module.split(".") if is_package else module.split(".")[:-1]
                base = ".".join([*here[: len(here) - node.level + 1], *([base] if base else [])])
            for alias in node.names:
                yield f"{base}.{alias.name}", node.lineno


def broken_floors(text: str, module: str, is_package: bool = False) -> list[str]:
    """What a file imports from a higher floor than its own."""
    order = {name: i for i, name in enumerate(FLOORS)} | {"roof": len(FLOORS)}
    own = floor_of(module)
    found = []
    for name, line in imports_of(text, module, is_package):
        if not name.startswith("engine.") or floor_of(name) == "roof" and name.count(".") == 1:
            continue
        if order[floor_of(name)] > order[own] and not (module == "engine.sim.extract" and floor_of(name) == "view"):
            found.append(f"line {line}: {module} imports {name}")
    return found


def wrong_imports(text: str, module: str, is_package: bool = False) -> list[str]:
    """Imports that belong elsewhere: windows, torch, clocks, chance, and loaders that run code."""
    floor, found = floor_of(module), []
    for name, line in imports_of(text, module, is_package):
        top = name.split(".")[0]
        forbidden = (
            (top == "pygame" and module != "engine.play.window")
            or (top in ("torch", "mitsuba", "drjit") and floor != "teach")
            or (top == "rapier3d" and module != "engine.sim.physics.rapier")
            or (top in ("moderngl", "rich", "typer") and floor in PURE)
            or (top == "numba" and floor in PURE and module not in COMPILED)
            or (top in ("time", "datetime", "random", "secrets", "uuid") and floor in PURE)
            or (name.startswith("numpy.random") and floor in PURE)
            or top in ("pickle", "marshal", "shelve", "dill", "cloudpickle", "yaml")
        )
        if forbidden:
            found.append(f"line {line}: {module} imports {name}")
    return found


def wrong_calls(text: str, module: str) -> list[str]:
    """Calls that run text as code, read pickles, or draw numbers outside the addressed generator."""
    pure, found = floor_of(module) in PURE, []
    for node in ast.walk(ast.parse(text)):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("eval", "exec", "compile")
        ):
            found.append(f"line {node.lineno}: {module} calls {node.func.id}")
        if isinstance(node, ast.Call) and any(k.arg == "allow_pickle" and _is_true(k.value) for k in node.keywords):
            found.append(f"line {node.lineno}: {module} allows pickles")
        if pure and isinstance(node, ast.Attribute) and ast.unparse(node).startswith(("np.random", "numpy.random")):
            found.append(f"line {node.lineno}: {module} uses {ast.unparse(node)}")
    return found


def _is_true(node: ast.expr) -> bool:
    return not (isinstance(node, ast.Constant) and node.value is False)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ENGINE)))
def test_a_file_keeps_to_its_floor(file: Path) -> None:
    text, module, package = file.read_text(encoding="utf-8"), module_of(file), file.name == "__init__.py"
    assert broken_floors(text, module, package) == []
    assert wrong_imports(text, module, package) == []
    assert wrong_calls(text, module) == []


@pytest.mark.parametrize("file", [f for f in FILES if f.stat().st_size], ids=lambda file: str(file.relative_to(ENGINE)))
def test_a_file_says_what_it_is(file: Path) -> None:
    assert ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))


def test_every_folder_has_a_floor() -> None:
    folders = {child.name for child in ENGINE.iterdir() if (child / "__init__.py").exists()}
    assert folders <= set(FLOORS)


def test_the_checks_find_what_they_look_for() -> None:
    assert broken_floors("from engine.light import cache", "engine.sim.step")
    assert broken_floors("from ..light import cache", "engine.sim.step")
    assert broken_floors("from .. import light", "engine.sim.step")
    assert broken_floors("def f():\n    import engine.cli", "engine.play.loop")
    assert not broken_floors("from engine.view import View", "engine.sim.extract")
    assert broken_floors("from engine.view import View", "engine.sim.step")
    assert not broken_floors("from engine.core.rng import uniform\nfrom engine import __version__", "engine.sim.step")
    for line in ("import pygame", "import torch", "from time import time", "from numpy.random import default_rng"):
        assert wrong_imports(line, "engine.sim.step")
    assert wrong_imports("import rapier3d", "engine.sim.systems.bodies")
    assert wrong_imports("from numpy import random", "engine.core.rng")
    assert wrong_imports("import pickle", "engine.teach.dataset")
    assert wrong_calls("exec('1')", "engine.play.loop")
    assert wrong_calls("np.random.rand()", "engine.sim.step")
    assert wrong_calls("np.load(f, allow_pickle=True)", "engine.teach.dataset")


@pytest.mark.parametrize(
    ("imported", "never"),
    [
        (
            "engine.sim.step engine.sim.ways engine.script.worldfile engine.state.snapshot engine.cli",
            "torch moderngl pygame numba PIL av rapier3d",
        ),
        ("engine.play.session engine.play.camerawork engine.film.camera engine.light.cache", "torch mitsuba pygame"),
        ("engine.play.window engine.play.loop engine.cli", "torch mitsuba numba moderngl"),
    ],
)
def test_what_an_import_brings_along(imported: str, never: str) -> None:
    program = f"import sys, {imported.replace(' ', ', ')}; print(*[m for m in {never.split()} if m in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == ""
