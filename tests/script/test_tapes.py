"""A world file that is read again: calls of its libraries' functions are not evaluated twice, and nobody can tell."""

from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.errors import WorldFileError
from engine.script import tapes, worldfile
from engine.script.assets import shipped_worlds, worlds_folder
from engine.script.worldfile import LoadedWorld
from engine.state.reload import _equal
from tests.script.authoring import BASE as BARE

BASE = "WIDE = 0.5\ndef wide(x):\n    return x + WIDE\n"
LIBRARY = """\
load("base.star", "wide")
material("clay", "#a06040")
CORNER = snap(1.1)
HIGH = [1, 2, 3]
BLOCK = box((0, 0, 1), (1, 1, 2), "clay")  # its number depends on the materials before it

def tower(x, y, height = 2, what = "clay", *more, **named):
    for i in range(height):
        fill((x, y, 1 + i), (x + CORNER, y + CORNER, 2 + i), what)
    return lid(x, y, 1 + height)

def lid(x, y, z):
    if z > HIGH[-1]:
        return z
    clear((x, y, z), (x + 1, y + 1, z + 1))
    return ("open", z)

def thing(name, colour):
    return prefab(name, [BLOCK, box((0, 0, 0), (1, 1, 1), colour)])

def block(name):
    return prefab(name, [BLOCK])

def on_the_ground(x, y):
    z = ground_at(x, y)
    fill((x, y, snap(z)), (x + 0.5, y + 0.5, snap(z) + 0.5), "clay")
    return [z]

def post(x, y):
    lid(x, y, 1)
    low, lower = ground_at(x, y), ground_at(x + 3, y)
    fill((x, y, low), (wide(x), y + 0.5, low + 1), "clay")
    lid(x, y, 2)
    fill((x, y, lower), (x + 0.5, y + 0.5, ground_at(x, y + 4) + 0.5), "clay")

def probe(x):
    return ground_at(x, 14)

def twice(x):
    low = probe(x)
    fill((x, 14, low), (x + 0.5, 14.5, low + 1), "clay")
    high = probe(x)  # the same call, another answer
    fill((x, 14, high), (x + 0.5, 14.5, high + 0.5), "clay")
    beside = ground_at(x + 2, 14)
    fill((x + 1, 14, beside), (x + 1.5, 14.5, beside + 0.5), "clay")

def heap(spots, seed = 1):
    for x, y in spots:
        tower(x, y, height = 1 + seed % 2)

def deep(n, x = 0):
    return [lambda: deeper(n, x)][0]()

def deeper(n, x):
    return tower(x, 9) if n == 0 else None

def when(event, x):
    on(event, glow)
    tower(x, 3)

def glow():
    say("x")
"""
WORLD = """\
load("lib.star", "block", "deep", "glow", "heap", "on_the_ground", "post", "thing", "tower", "twice", "when")
world("test", size = (16, 16, 8))
material("stone", "#888888", pattern = "paving")
fill((0, 0, 0), (16, 16, 1), "stone")
# here
tower(2, 2)
at = tower(4.0, 4, 3)
tower(4, 4, what = "stone")
tower(4, 4, height = True and 1)
block("block")
thing("red", "#aa2020")
thing("green", "stone")
spawn("red", at = (8, 8, 1))
on_the_ground(6, 6)
post(4, 6)
twice(9)
heap([(8, 2), (8, 4)])
heap(((10, 2), (10, 4)), seed = 3)
deep(0, x = 12)
when("dusk", 12)
camera("main", at = (1, 1, 3), look_at = (8, 8, 1))
player(at = (1, 1, 1))
"""


@pytest.fixture
def evaluated(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Functions of libraries that are evaluated, one after another."""
    names: list[str] = []
    call = tapes.Teller.call

    def counted(self, run, function, args, named, evaluate):  # type: ignore[no-untyped-def]
        def noted(run, function, args, named):  # type: ignore[no-untyped-def]
            names.append(function.name)
            return evaluate(run, function, args, named)

        return call(self, run, function, args, named, noted)

    monkeypatch.setattr(tapes.Teller, "call", counted)
    yield names


def read(
    folder: Path, text: str, before: LoadedWorld | None = None, library: str = LIBRARY, base: str = BASE
) -> worldfile._Read:
    (folder / "base.star").write_text(base)
    (folder / "lib.star").write_text(library)
    (folder / "test.star").write_text(text)
    return worldfile._read(folder / "test.star", before)


def assert_same(a: worldfile._Read, b: worldfile._Read) -> None:
    """The same world by all that reading brings to light, counted steps too; `b` was read from nothing."""
    assert _equal(a.loaded.blueprint, b.loaded.blueprint)
    assert a.draft.said_at == b.draft.said_at
    assert a.box.budget.spent == b.box.budget.spent > 0
    assert (a.loaded.files, a.loaded.notes, a.box.texts) == (b.loaded.files, b.loaded.notes, b.box.texts)
    assert a.draft.voxels_written == b.draft.voxels_written and a.draft.vertices == b.draft.vertices
    assert [t for t in a.box.tapes.told if t.host != "on"] == [t for t in b.box.tapes.told if t.host != "on"]
    for key, tape in a.box.tapes.calls.items():  # calls in one that was told again are missing: nobody keeps them apart
        if tape.begin == b.box.tapes.calls[key].begin:  # of several that are equal the last one is kept
            assert tape._replace(depth=0) == b.box.tapes.calls[key]._replace(depth=0)


@pytest.mark.parametrize("name", sorted(shipped_worlds()))
def test_a_world_read_again_is_the_world_read_from_nothing(tmp_path: Path, name: str, evaluated: list[str]) -> None:
    """With another material before all others, which gives all of them other numbers, and with one line more."""
    path = copytree(worlds_folder(), tmp_path / "worlds") / f"{name}.star"
    text = path.read_text()
    first = worldfile._read(path)
    n_evaluated, world = len(evaluated), first.loaded
    for changed in (
        text.replace("world(", 'material("first", "#123456")\nworld(', 1),
        text + 'material("last", "#fff000")\n',
    ):
        path.write_text(changed)
        evaluated.clear()
        again = worldfile._read(path, world)
        assert len(evaluated) <= n_evaluated
        assert_same(again, worldfile._read(path))
        world = again.loaded
    evaluated.clear()
    worldfile._read(path, world)
    assert len(evaluated) < n_evaluated or n_evaluated == 0


def test_only_what_may_differ_is_evaluated_again(tmp_path: Path, evaluated: list[str]) -> None:
    first = read(tmp_path, WORLD)
    assert evaluated.count("tower") == 4 + 4 + 2 and "thing" in evaluated
    takes_lists = ["on_the_ground", "heap", "deep"]  # or gives one: these are evaluated every time
    evaluated.clear()
    read(tmp_path, WORLD, first.loaded)
    assert [name for name in evaluated if name in takes_lists] == ["on_the_ground", "heap"]
    assert "thing" not in evaluated and "tower" not in evaluated
    evaluated.clear()
    again = read(tmp_path, WORLD.replace("tower(2, 2)", "tower(2, 2.5)"), first.loaded)
    assert (evaluated.count("tower"), evaluated.count("lid")) == (1, 1)
    evaluated.clear()
    read(tmp_path, WORLD, again.loaded, LIBRARY.replace("CORNER = snap(1.1)", "CORNER = 1"))
    assert evaluated.count("tower") == 10  # whatever was changed in a library


CHANGES = [
    ("# here", 'material("new", "#102030")'),  # other numbers of materials
    ('load("lib', 'material("new", "#302010")\nload("lib'),
    ("# here", "fill((11, 13, 1), (12, 15, 3), 'stone')"),
    ("# here", "fill((7, 5, 1), (8, 8, 2.5), 'stone')"),
    ("# here", "fill((4, 9, 1), (5, 11, 3), 'stone')"),
    ("# here", "fill((5, 5, 1), (8, 8, 2.5), 'stone')"),  # another ground
    ("# here", 'thing("blue", "#2020aa")'),
    ("(16, 16, 8)", "(24, 16, 10)"),
    ("world(", 'glow2 = glow\nworld('),
    ("tower(2, 2)", "tower(2.0, 2)"),
    ("tower(2, 2)", "tower(x = 2, y = 2)"),
    ("tower(2, 2)", "tower(2, y = 2, more = 3)"),
    ("4.0, 4, 3", "4.0, 4, 4"),
    ("tower(2, 2)", "tower(2, 2)\ntower(2, 2)"),
    ("True and 1", "True"),
    ('"#aa2020"', '"#aa2021"'),
    ('thing("red"', 'thing("rot"'),
    ('spawn("red"', 'spawn("green"'),
    ("deep(0", "deep(1"),
    ('"dusk"', '"dawn"'),
    ("tower(2, 2)\n", ""),
    ("(2, 2)", "(-1, 2)"),  # outside, in the library
    ("(16, 16, 8)", "(16, 16, 2)"),  # what the library did well is outside now
    ('"stone")\ntower', '"ston")\ntower'),
    ('material("stone"', 'material("clay"'),
    ("seed = 3", "sed = 3"),
    ('thing("green"', 'thing("red"'),
    ("at = tower", "at = 1 + tower"),
]  # fmt: skip


def outcome(
    folder: Path, text: str, before: LoadedWorld | None, library: str, base: str = BASE
) -> worldfile._Read | str:
    try:
        return read(folder, text, before, library, base)
    except WorldFileError as error:
        assert error.file is not None and error.line is not None
        return str(error)


def assert_nobody_can_tell(
    folder: Path, text: str, before: LoadedWorld, library: str = LIBRARY, base: str = BASE
) -> LoadedWorld | None:
    """Whether the file gives the same read after another and read alone, errors with file, line and column too."""
    alone, again = (outcome(folder, text, known, library, base) for known in (None, before))
    if isinstance(alone, str) or isinstance(again, str):
        assert again == alone
        return None
    assert_same(again, alone)
    return again.loaded


def test_every_change_gives_what_it_gives_from_nothing(tmp_path: Path) -> None:
    before = read(tmp_path, WORLD).loaded
    read_well = [assert_nobody_can_tell(tmp_path, WORLD.replace(*change), before) is not None for change in CHANGES]
    assert 5 < sum(read_well) < len(CHANGES) - 5
    for library, base in (
        (LIBRARY.replace("1.1", "1.6"), BASE),
        (LIBRARY.replace("height = 2", "height = 3"), BASE),
        (LIBRARY + "\nX = 1\n", BASE),
        (LIBRARY, BASE.replace("0.5", "0.75")),
        ("\n" + LIBRARY, BASE),
    ):
        assert_nobody_can_tell(tmp_path, WORLD, before, library, base)
        assert_nobody_can_tell(tmp_path, WORLD.replace("(16, 16, 8)", "(16, 16, 2)"), before, library, base)


@settings(max_examples=10)
@given(st.lists(st.lists(st.sampled_from(CHANGES), max_size=3), min_size=1, max_size=4))
def test_changes_upon_changes_give_what_they_give_from_nothing(
    tmp_path_factory: pytest.TempPathFactory, changes: list[list[tuple[str, str]]]
) -> None:
    """After an error the next is read as if it had not been."""
    folder = tmp_path_factory.mktemp("worlds")
    before = read(folder, WORLD).loaded
    for some in changes:
        text = WORLD
        for old, new in some:
            text = text.replace(old, new)
        before = assert_nobody_can_tell(folder, text, before) or before


def test_steps_are_counted_as_if_all_had_been_evaluated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A budget is used up at the same step, and said in the same place."""
    first = read(tmp_path, WORLD)
    spent = first.box.budget.spent
    for steps in (spent, *range(spent - 40, 60, -97)):
        monkeypatch.setattr(worldfile, "LOAD_STEPS", steps)
        alone, again = (outcome(tmp_path, WORLD, known, LIBRARY) for known in (None, first.loaded))
        assert isinstance(alone, str) == (steps < spent)
        if isinstance(alone, str):
            assert again == alone and f"{steps:,} steps" in alone


def test_calls_nested_too_deeply_are_refused_as_from_nothing(tmp_path: Path) -> None:
    """Though the same call was none elsewhere."""
    library = "def leaf(x):\n    return twig(x)\ndef twig(x):\n    return x\n"
    first, n_refused, depths = None, 0, range(20, 60, 3)
    for depth in depths:
        nest = "".join(f"def f{n}():\n    return {f'f{n - 1}()' if n else 'leaf(1)'}\n" for n in range(depth))
        text = f'load("lib.star", "leaf")\n{BARE}leaf(1)\n{nest}f{depth - 1}()\n'
        alone, again = (outcome(tmp_path, text, known, library) for known in (None, first))
        if isinstance(alone, str) or isinstance(again, str):
            assert again == alone and "nested too deeply" in str(alone)
            n_refused += 1
        else:
            first = first or again.loaded
    assert 0 < n_refused < len(depths)


def test_what_is_kept_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = read(tmp_path, WORLD)
    for name, most in (("MOST_TOLD", 20), ("MOST_TOLD", 0), ("MOST_CALLS", 3), ("MOST_VALUES", 3), ("LONGEST_TEXT", 4)):
        with monkeypatch.context() as patch:
            patch.setattr(tapes, name, most)
            few = read(tmp_path, WORLD)
            assert len(few.box.tapes.told) <= tapes.MOST_TOLD + 1 and len(few.box.tapes.calls) <= tapes.MOST_CALLS
            assert len(few.box.tapes.calls) < len(whole.box.tapes.calls)
            assert _equal(read(tmp_path, WORLD, few.loaded).loaded.blueprint, whole.loaded.blueprint)
    twice = "t = (1, 2)\n" + 40 * "t = (t, t)\n" + "def f():\n    return t\n"  # 2**40 values by two names
    text = WORLD.replace("# here", 'load("twice.star", "f", "g")\ng(f())')
    (tmp_path / "twice.star").write_text(twice + "def g(t):\n    return None\n")
    with_many = read(tmp_path, text)
    assert with_many.box.tapes.calls.keys() == whole.box.tapes.calls.keys()
    np.testing.assert_array_equal(with_many.loaded.blueprint.voxels, whole.loaded.blueprint.voxels)


def test_a_reading_keeps_nothing_of_those_before_the_last(tmp_path: Path) -> None:
    world, sizes = read(tmp_path, WORLD).loaded, []
    for i in range(4):
        world = read(tmp_path, WORLD.replace("tower(2, 2)", f"tower(2, {2 + i})"), world).loaded
        assert world.tapes is not None
        sizes.append((len(world.tapes.told), len(world.tapes.calls)))
    assert len(set(sizes[1:])) == 1
    assert read(tmp_path, WORLD, world).box.budget.teller is None


@pytest.mark.parametrize("one", [1, 1.0, True, None, "1", (1,), [1], {"a": 1}, {"a": 1.0}, 0.0, -0.0, {1}])
def test_answers_are_compared_by_kind_and_bits(one: object) -> None:
    others = [1, 1.0, True, None, "1", (1,), [1], {"a": 1}, {"a": 1.0}, 0.0, -0.0]
    assert [repr(one) == repr(other) for other in others] == [tapes._are_same(one, other) for other in others]
    assert tapes._are_same(one, one) and not tapes._are_same(object(), object())
