"""A tiny world for tests of world files: what every one needs, and a place for one line more."""

from pathlib import Path

from engine.script.worldfile import LoadedWorld, load

BASE = """\
world("test", size = (16, 16, 8))
material("stone", "#888888", pattern = "paving")
fill((0, 0, 0), (16, 16, 1), "stone")
crate = prefab("crate", [box((-0.4, -0.4, 0), (0.4, 0.4, 0.8), "#8a5f38")])
camera("main", at = (1, 1, 3), look_at = (8, 8, 1))
player(at = (2, 2, 1))
"""
NEXT_LINE = BASE.count("\n") + 1


def written(folder: Path, more: str = "", base: str = BASE) -> Path:
    """The file of a world with some lines more."""
    path = folder / "test.star"
    path.write_text(base + more + "\n", encoding="utf-8")
    return path


def loaded(folder: Path, more: str = "", base: str = BASE) -> LoadedWorld:
    """The same world, loaded."""
    return load(written(folder, more, base))
