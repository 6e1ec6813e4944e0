"""Models in world files: model(...) and stamp(...), their sizes, colours, lamps, limits and errors."""

from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import WorldFileError
from engine.core.units import VOXEL_M
from engine.script import coverage
from engine.script.worldfile import LoadedWorld, check
from engine.state.world import new_state
from tests.script import authoring, models
from tests.script.models import square


def folder(path: Path, **files: bytes) -> Path:
    for name, data in files.items():
        (path / name.replace("_", ".")).write_bytes(data)
    return path


def column(size: tuple[int, int, int], index: int = 1) -> bytes:
    """A full box of voxels of one colour."""
    x, y, z = size
    return models.model(size, *((i, j, k, index) for i in range(x) for j in range(y) for k in range(z)))


TOWER = models.vox(column((2, 4, 6)), models.palette({1: (200, 100, 50)}))


def loaded(path: Path, more: str, **files: bytes) -> LoadedWorld:
    return authoring.loaded(folder(path, **files), more)


def refused(path: Path, more: str, message: str, **files: bytes) -> None:
    with pytest.raises(WorldFileError, match=message) as caught:
        loaded(path, more, **files)
    assert caught.value.line == authoring.NEXT_LINE


def test_a_model_is_a_prefab_that_stands_on_its_origin(tmp_path: Path) -> None:
    made = loaded(tmp_path, 'spawn(model("a.vox", height = 3), at = (8, 8, 1))', a_vox=TOWER)
    prefab = made.blueprint.prefabs[-1]
    assert prefab.name == "a.vox" and prefab.skin is not None
    np.testing.assert_allclose(prefab.position.min(0), (-0.5, -1, 0), atol=0.005)
    np.testing.assert_allclose(prefab.position.max(0), (0.5, 1, 3), atol=0.005)
    np.testing.assert_allclose(prefab.half_extent, (0.5, 1, 1.5), atol=0.005)
    np.testing.assert_allclose(prefab.skin.tint, np.tile((0.578, 0.127, 0.032), (len(prefab.position), 1)), atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(prefab.normal, axis=1), 1)
    corner = prefab.position[prefab.triangles]
    flat = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    assert ((flat * prefab.normal[prefab.triangles[:, 0]]).sum(1) > 0).all()
    assert (flat * corner.mean(1)).sum() / 6 == pytest.approx(1 * 2 * 3, rel=0.02), "closed, with its volume"
    box = prefab.skin.solid
    assert (box[:, 1] - box[:, 0]).prod(1).sum() == pytest.approx(6, rel=0.2), "light is stopped by as much"
    assert len(new_state(made.blueprint, 1).columns) > 0


def test_scale_yaw_collider_and_name(tmp_path: Path) -> None:
    text = 'model("a.vox", name = "t", scale = 0.5, yaw_deg = 90, collider = (1, 1, 1))'
    prefab = loaded(tmp_path, text, a_vox=TOWER).blueprint.prefabs[-1]
    np.testing.assert_allclose(np.ptp(prefab.position, axis=0), (2, 1, 3), atol=0.01)
    np.testing.assert_allclose(prefab.half_extent, 0.5)
    both = 'model("a.vox")\nmodel("a.vox")'
    with pytest.raises(WorldFileError, match=r"already a prefab named 'a.vox'; say model\('a.vox', name=...\)"):
        loaded(tmp_path, both)


def test_a_placed_model_is_voxels_one_for_one(tmp_path: Path) -> None:
    made = loaded(tmp_path, 'stamp("a.vox", at = (8, 8, 1))', a_vox=TOWER).blueprint
    above = made.voxels[:, :, 4:]
    places = np.argwhere(above)
    assert places.min(0).tolist() == [31, 30, 0] and places.max(0).tolist() == [32, 33, 5] and len(places) == 48
    assert made.materials.names[above.max()] == "#c86432"
    np.testing.assert_allclose(made.materials.albedo[above.max()], (0.578, 0.127, 0.032), atol=1e-3)


def test_quarter_turns_go_counter_clockwise(tmp_path: Path) -> None:
    ell = models.vox(models.model((3, 2, 1), (0, 0, 0, 1), (1, 0, 0, 1), (2, 0, 0, 1), (0, 1, 0, 2)))
    for turns, marked in ((0, (0, 1)), (1, (0, 0)), (2, (2, 0)), (3, (1, 2))):
        made = loaded(tmp_path, f'stamp("a.vox", at = (8, 8, 1), turns = {turns})', a_vox=ell).blueprint
        above = made.voxels[:, :, 4]
        places = np.argwhere(above)
        low = places.min(0)
        (one,) = [p for p in places.tolist() if (above == above[tuple(p)]).sum() == 1]
        assert tuple(one - low) == marked


@pytest.mark.parametrize("height", [0.5, 1.0, 3.25])
def test_a_placed_model_of_another_size_has_no_holes(tmp_path: Path, height: float) -> None:
    grid = np.ones((20, 20, 20), bool)
    grid[1:-1, 1:-1, 1:-1] = False  # a thin hollow box
    thin = models.vox(models.model((20, 20, 20), *((*p, 1) for p in np.argwhere(grid).tolist())))
    made = loaded(tmp_path, f'stamp("a.vox", at = (8, 8, 1), height = {height})', a_vox=thin).blueprint
    solid = made.voxels[:, :, 4:] != 0
    places = np.argwhere(solid)
    n = round(height / VOXEL_M)
    assert (np.ptp(places, axis=0) + 1).tolist() == [n, n, n]
    window = tuple(slice(a, b + 1) for a, b in zip(places.min(0), places.max(0), strict=True))
    box = solid[window]
    assert box[0].all() and box[-1].all() and box[:, 0].all() and box[:, -1].all() and box[:, :, 0].all()


def test_a_placed_mesh_fills_what_it_encloses(tmp_path: Path) -> None:
    glb = models.Glb()
    corner = np.array([(x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1)], np.float32)
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    index = np.array([i for q in quads for i in (q[0], q[1], q[2], q[0], q[2], q[3])], np.uint16)
    glb.mesh({"POSITION": corner}, index, material=0)
    glb.add("materials", {"pbrMetallicRoughness": {"baseColorFactor": [0.5, 0.25, 0, 1]}})
    glb.add("nodes", {"mesh": 0})
    made = loaded(tmp_path, 'stamp("a.glb", at = (8, 8, 1), scale = 2)', a_glb=glb.bytes()).blueprint
    above = made.voxels[:, :, 4:]
    assert (above[28:36, 28:36, :8] != 0).all() and (above != 0).sum() == 512
    np.testing.assert_allclose(made.materials.albedo[above.max()], (0.5, 0.25, 0), atol=0.005)


def test_what_shines_shines_as_prefab_and_as_voxels(tmp_path: Path) -> None:
    lit = models.vox(column((2, 2, 2)), models.palette({1: (255, 188, 0)}), models.material(1, _type="_emit", _emit=1))
    text = 'spawn(model("a.vox", glow = 3), at = (4, 4, 1))\nstamp("a.vox", at = (8, 8, 1))'
    made = loaded(tmp_path, text, a_vox=lit).blueprint
    shine = made.materials.emission[made.prefabs[-1].material[0]]
    np.testing.assert_allclose(shine, (6, 6 * 0.503, 0), atol=0.01)
    placed = made.materials.emission[made.voxels[:, :, 4:].max()]
    np.testing.assert_allclose(placed, (2, 2 * 0.503, 0), atol=0.01)
    assert len(made.prefabs[-1].skin.solid) == 0, "light passes what shines"


def test_colours_share_materials_where_they_must_and_the_notes_say_so(tmp_path: Path) -> None:
    many = models.vox(
        models.model((255, 1, 1), *((i, 0, 0, i + 1) for i in range(255))),
        models.palette({i: (i, 255 - i, (7 * i) % 256) for i in range(1, 256)}),
    )
    text = 'stamp("a.vox", at = (8, 8, 1), height = 0.25, colours = {})'
    wide = authoring.BASE.replace("size = (16, 16, 8)", "size = (66, 16, 8)").replace("(16, 16, 1)", "(66, 16, 1)")
    for colours, most in ((255, 255 - 2 - 16), (10, 10)):
        path = authoring.written(folder(tmp_path, a_vox=many), text.format(colours).replace("(8, ", "(33, "), wide)
        from engine.script.worldfile import load

        made = load(path)
        assert len(np.unique(made.blueprint.voxels[:, :, 4])) == most + 1
        assert f"its 255 colours share {most} materials" in made.notes[0]
        assert (load(path).blueprint.voxels == made.blueprint.voxels).all()


def test_merging_keeps_what_is_far_apart_and_leans_to_what_is_common() -> None:
    colour = np.array([(0, 0, 0), (4, 4, 4), (250, 0, 0), (0, 0, 250)])
    label, mean = coverage.merged_colours(colour, np.array([3, 1, 5, 5]), 3)
    assert label[0] == label[1] and len({*label.tolist()}) == 3
    assert mean[label[0]].tolist() == [1, 1, 1] and mean[label[2]].tolist() == [250, 0, 0]


def test_lamps_of_a_model_are_spawned_with_it(tmp_path: Path) -> None:
    text = 'spawn(model("a.glb"), at = (8, 8, 1), name = "m")\nstamp("a.glb", at = (4, 4, 1))'
    made = loaded(tmp_path, text, a_glb=models.rich()).blueprint
    one, two = made.spawns
    assert one.components["lamp_power"] == pytest.approx(50 / 12 / 0.06) and one.components["lamp_on"] is True
    assert two.prefab == -1 and two.components["lamp_colour"] == (1, 0.5, 0.25)
    dark = 'spawn(model("a.glb", lamps = 0), at = (8, 8, 1))'
    assert loaded(tmp_path, dark).blueprint.spawns[0].components["lamp_power"] == 0


def test_assets_are_part_of_the_world(tmp_path: Path) -> None:
    one = loaded(tmp_path, 'stamp("a.vox", at = (8, 8, 1))', a_vox=TOWER).blueprint
    same = loaded(tmp_path, 'stamp("a.vox", at = (8, 8, 1))', a_vox=TOWER).blueprint
    other = loaded(tmp_path, 'stamp("a.vox", at = (8, 8, 1))', a_vox=TOWER + b"\0").blueprint
    assert one.digest == same.digest != other.digest


def test_notes_reach_the_loader_and_are_no_problems(tmp_path: Path) -> None:
    path = authoring.written(folder(tmp_path, a_vox=models.everything()), 'model("a.vox")')
    assert check(path) == []
    assert len(loaded(tmp_path, 'model("a.vox")\nstamp("a.vox", at = (8, 8, 1))').notes) >= 2


@pytest.mark.parametrize("file", ["../a.vox", "/a.vox", "C:/a.vox", "x/../a.vox", "", "a\0.vox", "./a.vox"])
def test_assets_stay_in_the_folder_of_the_world(tmp_path: Path, file: str) -> None:
    inner = tmp_path / "world"
    inner.mkdir()
    folder(tmp_path, a_vox=TOWER)
    with pytest.raises(WorldFileError, match="must name a file inside the world's folder|file must hold"):
        loaded(inner, f"model({file!r})".replace("\\x00", "\\0"))


def test_links_out_of_the_folder_are_refused(tmp_path: Path) -> None:
    inner = tmp_path / "world"
    inner.mkdir()
    folder(tmp_path, a_vox=TOWER)
    (inner / "a.vox").symlink_to(tmp_path / "a.vox")
    refused(inner, 'model("a.vox")', "follows a link out of the world's folder")


WRONG = {
    'model("b.vox")': r"model\('b.vox'\) finds no such file in the world's folder; did you mean",
    'model("a.obj")': "must name a file that ends in .vox, .glb, .gltf",
    'model("a.vox", height = 2, scale = 1)': "height and scale say the same thing twice",
    'model("a.vox", height = 0)': "height must lie between 0.01 and 256",
    'model("a.vox", scale = 100)': "600 m is no size for a model",
    'model("a.vox", frame = 3)': "no frame 3; it has 1",
    'model("a.vox", hight = 3)': "takes no argument 'hight'; did you mean 'height'",
    'stamp("a.vox", at = (8, 8, 7))': "z = 7..8.5 reaches outside the world",
    'stamp("a.vox", at = (8.1, 8, 1))': "at x must be a multiple of 0.25 m",
    'stamp("a.vox", at = (8, 8, 1), colours = 0)': "colours must lie between 1 and 255",
    'stamp("a.vox", at = (8, 8, 1), height = 0.02)': "does not fill a voxel of 0.25 m",
    'stamp("flat.glb", at = (8, 8, 1), height = 3)': "is flat, so it has no height",
    'stamp("bad.vox", at = (8, 8, 1))': "bad.vox: chunk MAIN ends early",
    'model("bad.glb")': "bad.glb: its JSON cannot be read",
}


@pytest.mark.parametrize("line", WRONG)
def test_what_is_wrong_is_told_where_it_is_written(tmp_path: Path, line: str) -> None:
    flat = square()
    flat.json["nodes"][0]["rotation"] = [0.7071067811865476, 0, 0, 0.7071067811865476]
    (tmp_path / "flat.glb").write_bytes(flat.bytes())
    (tmp_path / "bad.vox").write_bytes(TOWER[:-3])
    (tmp_path / "bad.glb").write_bytes(b"glTf")
    refused(tmp_path, line, WRONG[line], a_vox=TOWER)


def test_all_models_of_a_world_are_bounded_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.script import imports

    monkeypatch.setattr(imports, "MAX_VERTICES", 100)
    many = 'for i in range(9):\n    model("a.vox", name = str(i))'
    with pytest.raises(WorldFileError, match="may have 100 vertices together"):
        loaded(tmp_path, f"def f():\n    {many}\nf()".replace("\n    model", "\n        model"), a_vox=TOWER)
    monkeypatch.setattr(imports, "MAX_BYTES", 1000)
    refused(tmp_path, 'model("a.vox")', "may have 1,000 bytes together", a_vox=TOWER)


def test_handlers_cannot_place_models(tmp_path: Path) -> None:
    from engine.sim.script_port import ScriptFailure

    text = 'def boom():\n    stamp("a.vox", at = (8, 8, 1))\non("start", boom)'
    made = loaded(tmp_path, text, a_vox=TOWER)
    with pytest.raises(ScriptFailure, match="describes the world while its file is read"):
        made.script.handle(made.blueprint, new_state(made.blueprint, 1), "boom", ())
