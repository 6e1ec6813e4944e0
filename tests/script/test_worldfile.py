"""Loading a world file: what it becomes, and what each bad one is answered."""

from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import WorldFileError
from engine.raster.patterns import NAMES
from engine.script import assets, draft, shapes
from engine.script.draft import PATTERNS
from engine.script.worldfile import LoadedWorld, check, load
from engine.state.reload import _equal
from tests.script.authoring import BASE, NEXT_LINE, loaded, written

BAD_LINES = [
    ('spawn("crat", at = (1, 1, 1))', "no prefab named 'crat'; did you mean 'crate'?"),
    ('fill((0, 0, 0), (1, 1, 1), "stnoe")', "no material named 'stnoe'; did you mean 'stone'?"),
    ('fill((0, 0, 0), (1.1, 1, 1), "stone")', "multiple of 0.25 m; the nearest to 1.1 is 1"),
    ('fill((0, 0, 0), (1, 17, 1), "stone")', "y = 0..17 reaches outside the world (0..16 metres)"),
    ('fill((1, 0, 0), (1, 1, 1), "stone")', "low x = 1 must be below high x = 1"),
    ('fill((0, 0), (1, 1, 1), "stone")', "low must be three numbers (x, y, z)"),
    ('fill((0, 0, "a"), (1, 1, 1), "stone")', "low z must be a number, not 'a'"),
    ('fill((0, 0, 1e400), (1, 1, 1), "stone")', "this number is too large"),
    ('fill((0, 0, 0), (1, 1, 1), "stone", colour = 3)', "fill() takes no argument 'colour'"),
    ("fill((0, 0, 0))", "it takes (low, high, material)"),
    ('material("stone", "#999999")', "already a material named 'stone'"),
    ('material("x", "#99999")', "albedo must be '#rrggbb' or three linear numbers"),
    ('material("x", (2, 0, 0))', "albedo x must lie between 0 and 1, not 2"),
    ('material("x", "#999999", pattern = "brik")', "pattern cannot be 'brik'; did you mean 'brick'?"),
    ('material("x", "#999999", roughness = 0)', "roughness must lie between 0.05 and 1, not 0"),
    ('material("x", "#999999", roughness = 1.5)', "roughness must lie between 0.05 and 1, not 1.5"),
    ('material("x", "#999999", roughness = "low")', "roughness must be a number, not 'low'"),
    ('material("x", "#999999", roughness = 0.3, metal = 2)', "metal must lie between 0 and 1, not 2"),
    ('material("x", "#999999", metal = 1)', "metal = 1 needs a roughness below 1"),
    ('prefab("crate", [box((0, 0, 0), (1, 1, 1), "stone")])', "already a prefab named 'crate'"),
    ('prefab("x", [])', "needs parts="),
    ('prefab("x", [3])', "must be box(...), cylinder(...), ball(...) or wedge(...), not 3"),
    ('prefab("x", [{"part": "box"}])', "must be box(...), cylinder(...), ball(...) or wedge(...), not {'part': 'box'}"),
    ('p = box((0, 0, 0), (1, 1, 1), "stone"); p["material"] = 99; prefab("x", [p])', "between 1 and 2, not 99"),
    ('spawn("crate", at = (1, 1, 1), name = "a"); spawn("crate", at = (1, 1, 1), name = "a")', "named 'a'"),
    ('spawn("crate", at = (99, 1, 1))', "lies outside the world"),
    ('spawn("crate", at = (1, 1, 1), behaviour = "patrol")', "needs path=path([...])"),
    ('spawn("crate", at = (1, 1, 1), behaviour = "wonder")', "did you mean 'wander'?"),
    ('spawn("crate", at = (1, 1, 1), lamp = 3)', "lamp must be given as lamp=lamp(...)"),
    ('spawn("crate", at = (1, 1, 1), lamp = lamp(power = -1))', "power must lie between 0 and 100000, not -1"),
    ("path([(1, 1, 1)])", "list of 2 to 1024 points"),
    ('camera("main", at = (1, 1, 1), look_at = (2, 2, 2))', "already a camera named 'main'"),
    ('camera("b", at = (1, 1, 1))', "needs either at= and look_at="),
    ('camera("b", at = (1, 1, 1), look_at = (1, 1, 1))', "looks at the very point where it stands"),
    ('camera("b", keys = [(1, (1, 1, 1), (2, 2, 2))])', "must start at 0 seconds and grow"),
    ('trigger("t", (1, 1, 1), (1, 2, 2))', "must be below high"),
    ("player(at = (1, 1, 1))", "may be said once"),
    ('world("again", size = (8, 8, 8))', "may be said once"),
    ('var("a", 1); var("a", 2)', "already a variable named 'a'"),
    ('stairs((0, 0, 1), (2, 2, 2), "stone", rises = "up")', "rises cannot be 'up'"),
    ('say("hello")', "works in handlers only"),
    ('on("use", "nobody")', "names the handler 'nobody', which is no function of this file"),
    ('on("use", lambda who: 1)', "on('use', ...) takes a handler with a name"),
    ("def light_up(): pass\ndef hi(): light_upp()", "there is no 'light_upp'; did you mean 'light_up'?"),
    ("x = 1 +", "the line ends too early"),
    (f'sphere((1, 1, 1), 1{"0" * 40}, "stone")', "does not fit into 64 bits"),
    ("fil()", "there is no 'fil'; did you mean 'fill'?"),
    ("fail('on purpose')", "on purpose"),
    ("for i in range(1000000000): pass", "ran longer than 4,000,000 steps"),
    ("def f(n): return f(n)\nf(1)", "nested too deeply"),
]


@pytest.mark.parametrize("line", ["x = " + "[" * 3000 + "]" * 3000, "x = " + "-" * 50_000 + "1"])
def test_what_is_nested_too_deeply_does_not_end_the_process(tmp_path: Path, line: str) -> None:
    path = written(tmp_path, '# (((\ny = "[[["\n' + line)
    with pytest.raises(WorldFileError, match="nested more than 64 deep") as caught:
        load(path)
    assert caught.value.line == NEXT_LINE + 2
    assert "nested" in check(path)[0].message


@pytest.mark.parametrize("name", ["a" * 300, "a" * 300 + ".star"])
def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(WorldFileError, match="cannot be read: File name too long"):
        load(name)
    with pytest.raises(WorldFileError, match="File name too long|must name"):
        loaded(tmp_path, f'load("{name}", "x")')


@pytest.mark.parametrize(("line", "message"), BAD_LINES)
def test_every_bad_line_is_answered_with_file_line_column_and_a_caret(tmp_path: Path, line: str, message: str) -> None:
    path = written(tmp_path, line)
    with pytest.raises(WorldFileError) as caught:
        load(path)
    error = caught.value
    assert message in error.message
    assert error.file == str(path) and error.line is not None and error.line >= NEXT_LINE and error.column
    first, source, marker = str(error).splitlines()
    assert first.startswith(f"{path}:{error.line}:{error.column}: ")
    assert path.read_text().splitlines()[error.line - 1] in source
    assert marker.strip("| ^") == "" and marker.index("^") - source.index("|") == error.column + 1


def test_two_bad_sizes_name_the_nearest_right_one(tmp_path: Path) -> None:
    with pytest.raises(WorldFileError, match="multiple of 2 m; the nearest to 15 is 16"):
        loaded(tmp_path, base='world("w", size = (15, 16, 8))')
    with pytest.raises(WorldFileError, match="a world may hold"):
        loaded(tmp_path, base='world("w", size = (4000, 4000, 80))')


@pytest.mark.parametrize(
    ("base", "message"),
    [
        ('fill((0, 0, 0), (1, 1, 1), "#ffffff")', "world.* must come first"),
        ("", "world.* must come first"),
        ('world("w", size = (8, 8, 8))\nplayer(at = (1, 1, 1))', "at least one camera"),
        ('world("w", size = (8, 8, 8))\ncamera("a", at = (1, 1, 1), look_at = (2, 2, 2))', "needs player"),
        (
            BASE + 'spawn("crate", at = (1, 1, 1), switches = "lmp")\nspawn(at = (1, 1, 1), name = "lamp")',
            "never spawned",
        ),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, base: str, message: str) -> None:
    with pytest.raises(WorldFileError, match=message):
        loaded(tmp_path, base=base)


def test_caps_are_named_with_their_numbers(tmp_path: Path) -> None:
    with pytest.raises(WorldFileError, match="255 materials"):
        loaded(tmp_path, 'for i in range(300):\n  material("m%d" % i, "#ffffff")')
    with pytest.raises(WorldFileError, match="64 of kind 'trigger'"):
        loaded(tmp_path, 'for i in range(65):\n  trigger("t%d" % i, (0, 0, 0), (1, 1, 1))')
    with pytest.raises(WorldFileError, match="200 parts, not 201"):
        loaded(tmp_path, 'prefab("p", [ball((0, 0, 1), 1, "stone")] * 201)')


@pytest.mark.parametrize("name", ["no/such/file.star", "courtyrd", "/"])
def test_a_file_that_is_not_there(name: str) -> None:
    with pytest.raises(WorldFileError) as caught:
        load(name)
    assert "\n" not in str(caught.value)


def test_a_near_miss_of_a_shipped_name_is_answered_with_the_name() -> None:
    with pytest.raises(WorldFileError, match="did you mean 'courtyard'"):
        load("courtyrd")
    with pytest.raises(WorldFileError, match="NUL"):
        load("a\0b")


def test_text_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "bytes.star"
    path.write_bytes(b"world(\xff\xfe)")
    with pytest.raises(WorldFileError, match="not UTF-8 text"):
        load(path)
    path.write_bytes(b"#" * (assets.MAX_TEXT_BYTES + 1))
    with pytest.raises(WorldFileError, match="larger than"):
        load(path)


@pytest.mark.parametrize(
    "wanted", ["../secret.star", "/etc/passwd", "a/../../secret.star", "..\\\\secret.star", "a\\0.star", "", "c:x.star"]
)
def test_load_stays_in_its_folder(tmp_path: Path, wanted: str) -> None:
    (tmp_path / "secret.star").write_text("x = 1")
    world = tmp_path / "world"
    world.mkdir()
    with pytest.raises(WorldFileError, match="inside the world's folder|must name a .star file"):
        loaded(world, f'load("{wanted}", "x")')


def test_load_follows_no_link_out_and_no_circle(tmp_path: Path) -> None:
    (tmp_path / "secret.star").write_text("x = 1")
    world = tmp_path / "world"
    world.mkdir()
    (world / "link.star").symlink_to(tmp_path / "secret.star")
    with pytest.raises(WorldFileError, match="out of the world's folder"):
        loaded(world, 'load("link.star", "x")')
    (world / "a.star").write_text('load("b.star", "y")\nx = 1')
    (world / "b.star").write_text('load("a.star", "x")\ny = 1')
    with pytest.raises(WorldFileError, match="loads itself"):
        loaded(world, 'load("a.star", "x")')


def test_an_error_in_a_loaded_file_names_that_file(tmp_path: Path) -> None:
    (tmp_path / "trees.star").write_text('def oak():\n    fill((0, 0, 0), (1, 1, 1), "oka")\n')
    with pytest.raises(WorldFileError) as caught:
        loaded(tmp_path, 'load("trees.star", "oak")\noak()')
    assert (caught.value.file, caught.value.line, caught.value.column) == ("trees.star", 2, 5)


def test_a_world_becomes_its_blueprint(tmp_path: Path) -> None:
    b = loaded(
        tmp_path,
        """
lamps = path([(1, 1, 1), (2, 2, 1)])
spawn("crate", at = (4, 4, 1), name = "bob", yaw_deg = 90, behaviour = "patrol", path = lamps, speed = 2)
spawn(at = (4, 4, 3), name = "lamp", lamp = lamp(size = 0.25, colour = (1, 0.5, 0.25), power = 30, dusk = True))
spawn("crate", name = "gate", door = door((4, 4, 1), (4.25, 5, 3), "stone"))
spawn("crate", at = (1, 1, 1), name = "button", switches = "lamp")
def greet(entity): pass
on("use", greet)
on("use", "greet2")
def greet2(entity): pass
var("n", 3)
""",
    ).blueprint
    assert b.name == "test" and b.voxels.shape == (64, 64, 32) and not b.voxels.flags.writeable
    assert (b.voxels[:, :, :4] == 1).all() and (b.voxels[:, :, 4:] == 0).all()
    assert b.materials.names == ("air", "stone", "#8a5f38") and b.materials.pattern.tolist() == [0, 3, 0]
    np.testing.assert_allclose(b.materials.albedo[1], 0.2462, atol=1e-3)  # sRGB 0x88
    bob, lamp, gate, button = b.spawns
    assert bob.components == {"behaviour": "patrol", "speed": 2.0, "path": 0} and bob.yaw == pytest.approx(np.pi / 2)
    assert lamp.prefab == -1 and lamp.components["lamp_power"] == 30.0 and lamp.components["lamp_dusk"] is True
    assert gate.position == (4, 4, 1) and list(gate.components["door_high"]) == [17, 20, 12]  # type: ignore[call-overload]
    assert button.components == {"switches": "lamp"}
    assert b.handlers == {"use": ("greet", "greet2")} and b.variables == {"n": 3}


def test_polish_is_said_by_material_and_else_there_is_none(tmp_path: Path) -> None:
    more = 'material("marble", "#eeeeee", roughness = 0.2)\nmaterial("gilt", "#d9a441", roughness = 0.3, metal = 1)'
    m = loaded(tmp_path, more).blueprint.materials
    assert m.names[-2:] == ("marble", "gilt") and m.roughness.dtype == m.metal.dtype == np.float32
    np.testing.assert_allclose(m.roughness[-2:], [0.2, 0.3])
    assert m.metal[-2:].tolist() == [0, 1] and m.glossy[-2:].all()
    assert (m.roughness[:-2] == 1).all() and (m.metal[:-2] == 0).all() and not m.glossy[:-2].any()


def test_the_digest_follows_the_text_not_the_place(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = loaded(tmp_path / "a").blueprint, loaded(tmp_path / "b").blueprint
    assert first.digest == second.digest and len(first.digest) == 16
    assert loaded(tmp_path / "b", "# a comment").blueprint.digest != first.digest


def test_check_reports_every_kind_of_problem(tmp_path: Path) -> None:
    assert check(written(tmp_path)) == []
    (problem,) = check(written(tmp_path, 'fill((0, 0, 0), (1, 1, 1), "stnoe")'))
    assert problem.line == NEXT_LINE and problem.column == 1 and "did you mean 'stone'" in problem.message
    (problem,) = check(written(tmp_path, 'def f():\n    return [1]["a"]\non("start", f)'))
    assert problem.line == NEXT_LINE + 1 and "[]" in problem.message
    (problem,) = check(written(tmp_path, "x = 1 +"))
    assert problem.line >= NEXT_LINE
    (problem,) = check(written(tmp_path, 'on("use", "nobody")'))
    assert "nobody" in problem.message
    (problem,) = check(tmp_path / "missing.star")
    assert "does not exist" in problem.message
    (tmp_path / "lib.star").write_text("def f():\n    return len()\n")
    problems = check(written(tmp_path, 'load("lib.star", "f")\nf'))
    assert any(p.file == "lib.star" and p.line == 2 for p in problems)


def test_shipped_worlds_are_found_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert {"courtyard", "gallery", "town"} <= set(assets.shipped_worlds())
    assert assets.world_path("town").is_file()


def test_in_a_wheel_the_worlds_lie_inside_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "engine" / "script").mkdir(parents=True)
    (tmp_path / "engine" / "worlds").mkdir()
    written(tmp_path / "engine" / "worlds")
    monkeypatch.setattr(assets, "__file__", str(tmp_path / "engine" / "script" / "assets.py"))
    assert assets.shipped_worlds() == ["test"] and load("test").blueprint.name == "test"


def test_a_fault_of_the_engine_is_not_blamed_on_the_author(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.script.shapes.fill", lambda *_: 1 // 0)
    with pytest.raises(WorldFileError, match=r"fill\(\) failed inside the engine: ZeroDivisionError"):
        loaded(tmp_path)


def test_a_material_says_how_its_pattern_is_cut(tmp_path: Path) -> None:
    lines = 'material("a", "#888888", pattern = "marble", scale = 2, seed = 7)\nmaterial("b", "#888888", seed = 8)'
    m = loaded(tmp_path, lines).blueprint.materials
    a, b, stone = (m.names.index(name) for name in ("a", "b", "stone"))
    assert (m.pattern_scale[a], m.pattern_scale[b], m.pattern_scale[stone]) == (2, 1, 1)
    assert m.pattern_shift[a] != m.pattern_shift[b] != 0.0 == m.pattern_shift[stone]
    assert NAMES == PATTERNS and m.pattern[a] == NAMES.index("marble")
    for wrong, why in (("scale = 0", "scale must lie between 0.125 and 16"), ("seed = -1", "seed must lie between 0")):
        with pytest.raises(WorldFileError, match=why):
            loaded(tmp_path, f'material("c", "#888888", {wrong})')


DRAWN = """world("yard", size = (16, 16, 8))
material("stone", "#888888")
material("leaf", "#448844")
fill((0, 0, 0), (16, 16, 1), "stone")
blob((8, 8, 4), 2, "leaf", seed = 3)
camera("opening", at = (2, 2, 3), look_at = (8, 8, 2))
player(at = (8, 3, 1))
"""


def test_a_file_that_says_the_same_shapes_has_the_same_voxels_without_drawing_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And one that says others, in another order or size or of another material, has those."""
    path, drawn = tmp_path / "yard.star", []
    blob = shapes.blob
    monkeypatch.setattr(shapes, "blob", lambda *args: (drawn.append(args), blob(*args)))

    def read(text: str, before: LoadedWorld | None = None) -> LoadedWorld:
        path.write_text(text, encoding="utf-8")
        drawn.clear()
        return load(path, before)

    first = read(DRAWN)
    assert len(drawn) == 1
    same = read(DRAWN.replace("#888888", "#777777") + "spawn(at = (4, 4, 2), lamp = lamp(power = 40))\n", first)
    assert not drawn and same.blueprint.voxels is first.blueprint.voxels
    assert same.blueprint.spawns and not np.array_equal(
        same.blueprint.materials.albedo, first.blueprint.materials.albedo
    )
    for text in (
        DRAWN.replace("seed = 3", "seed = 4"),
        DRAWN.replace('(16, 16, 1), "stone"', '(16, 16, 1), "leaf"'),
        DRAWN.replace("camera(", "clear((7, 7, 3), (8, 8, 5))\ncamera("),
        DRAWN.replace("(16, 16, 8)", "(16, 16, 10)"),
        DRAWN.replace("player(at", 'fill((1, 1, ground_at(8, 3)), (2, 2, 2), "stone")\nplayer(at'),
    ):  # fmt: skip
        again = read(text, first)
        assert len(drawn) == 1
        alone = read(text)
        np.testing.assert_array_equal(again.blueprint.voxels, alone.blueprint.voxels)
        assert again.blueprint.digest == alone.blueprint.digest
        assert not np.array_equal(again.blueprint.voxels, first.blueprint.voxels)
    looked = read(DRAWN + 'fill((1, 1, ground_at(1, 1)), (2, 2, 3), "stone")\n')
    assert looked.drawn is not None and looked.drawn.shapes is None  # what it looked at is no part of its shapes
    read(DRAWN + 'fill((1, 1, ground_at(1, 1)), (2, 2, 3), "stone")\n', looked)
    assert len(drawn) == 1


def test_a_prefab_of_the_same_parts_is_the_same_object_and_any_other_is_made(tmp_path: Path) -> None:
    parts = '[box((-0.4, -0.4, 0), (0.4, 0.4, 0.8), "#8a5f38"), ball((0, 0, 1), 0.3, "stone")]'
    line = f'prefab("thing", {parts}, collider = (1, 1, 1.5))'
    first = loaded(tmp_path, line)
    again = load(written(tmp_path, 'fill((4, 4, 1), (5, 5, 2), "stone")\n' + line), first).blueprint
    assert all(a is b for a, b in zip(again.prefabs, first.blueprint.prefabs, strict=True))
    for old, new in (
        ("0.8", "0.9"), ("0.3", "0.4"), ('"stone")', '"#8a5f38")'), ("1.5", "1.25"), ("thing", "other"),
        (", collider = (1, 1, 1.5)", ""), ('0.3, "stone"', '0.3, "stone", smooth = False'),
    ):  # fmt: skip
        changed = line.replace(old, new)
        one, other = load(written(tmp_path, changed), first).blueprint, loaded(tmp_path, changed).blueprint
        assert _equal(one.prefabs, other.prefabs) and one.prefabs[0] is first.blueprint.prefabs[0]
        assert not _equal(one.prefabs[1], first.blueprint.prefabs[1])


def test_shapes_that_are_kept_are_not_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = tmp_path / "yard.star"
    whole.write_text(DRAWN, encoding="utf-8")
    voxels = load(whole).blueprint.voxels
    monkeypatch.setattr(draft, "MOST_SHAPES", 1)
    few = load(whole)
    assert few.drawn is not None and few.drawn.shapes is None
    np.testing.assert_array_equal(few.blueprint.voxels, voxels)
