"""What a rehearsal drew, handed on: the world is the same, and a file that is not whole is nothing."""

import io
from pathlib import Path

import numpy as np
import pytest

from engine.script import drawnfile, rehearsal, shapes
from engine.script.draft import Drawn
from engine.script.worldfile import LoadedWorld, load
from engine.state.bricks import UNIFORM, Bricks, same_voxels
from engine.state.world import new_state
from tests.large_world import text_of
from tests.script.authoring import written

SOME = """
room((2, 2, 1), (7, 8, 4), wall = "stone", roof = "#805030")
gable((2, 2, 4), (7, 8, 6), "#805030", ridge = "y")
pyramid((10, 10, 1), (14, 14, 3), "stone")
column((9, 3, 1), radius = 0.8, height = 3, material = "stone")
sphere((9, 3, 5), radius = 1.2, material = "#305080")
arch((2, 4, 1), (2.25, 6, 3))
stairs((10, 6, 1), (13, 8, 3), "stone", rises = "+x")
blob((13, 4, 4), (1.5, 1.5, 1.25), ["stone", "#4c7a2d"], density = 0.7, seed = 5)
weather((0, 0, 0), (16, 16, 1), "stone", "#406030", amount = 0.3, seed = 2)
"""


def handed_on(world: LoadedWorld) -> bytes:
    """The file as bytes."""
    file = io.BytesIO()
    assert world.drawn is not None
    drawnfile.write(world.drawn, file)
    return file.getvalue()


def reread(data: bytes, folder: Path) -> Drawn | None:
    """What such a file gives."""
    path = folder / "drawn"
    path.write_bytes(data)
    with path.open("rb") as file:
        return drawnfile.read(file)


def worlds(folder: Path) -> list[Path]:
    """One that is kept as an array, and one that is kept by brick."""
    (folder / "village.star").write_text(text_of(160))
    return [written(folder, SOME), folder / "village.star"]


def test_a_world_whose_voxels_were_handed_on_is_the_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in worlds(tmp_path):
        alone, drawn = load(path), rehearsal.rehearse(path)
        assert drawn is not None and alone.drawn is not None
        assert drawn.shapes == alone.drawn.shapes and same_voxels(drawn.voxels, alone.blueprint.voxels)
        with monkeypatch.context() as patch:
            patch.setattr(Bricks, "__setitem__", None)  # nobody draws
            patch.setattr(shapes, "window_of", None)
            again = load(path, drawn=drawn)
        assert again.blueprint.voxels is drawn.voxels
        if isinstance(drawn.voxels, np.ndarray):
            assert not drawn.voxels.flags.writeable
        assert new_state(again.blueprint).digest() == new_state(alone.blueprint).digest()
        assert again.blueprint.digest == alone.blueprint.digest


def test_all_shapes_of_the_ground_can_be_handed_on(tmp_path: Path) -> None:
    drawn = load(written(tmp_path, SOME)).drawn
    assert drawn is not None and drawn.shapes is not None
    assert {shape.__name__ for shape, _ in drawn.shapes} == drawnfile.BY_NAME.keys()


def test_a_file_that_was_saved_since_is_drawn(tmp_path: Path) -> None:
    drawn = rehearsal.rehearse(written(tmp_path, SOME))
    path = written(tmp_path, SOME.replace("radius = 1.2", "radius = 1.5"))
    assert same_voxels(load(path, drawn=drawn).blueprint.voxels, load(path).blueprint.voxels)


def test_voxels_that_do_not_follow_from_shapes_are_not_handed_on(tmp_path: Path) -> None:
    assert rehearsal.rehearse(written(tmp_path, "assert_that = ground_at(4, 4)")) is None


def test_voxels_that_take_too_much_room_are_not_handed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = load(written(tmp_path, SOME))
    monkeypatch.setattr(drawnfile, "MAX_VOXEL_BYTES", world.blueprint.voxels.nbytes)
    assert len(handed_on(world)) > drawnfile.MAX_VOXEL_BYTES
    monkeypatch.setattr(drawnfile, "MAX_VOXEL_BYTES", world.blueprint.voxels.nbytes - 1)
    assert handed_on(world) == b""


def test_a_file_that_is_not_whole_is_nothing(tmp_path: Path) -> None:
    for path in worlds(tmp_path):
        data = handed_on(load(path))
        assert reread(data, tmp_path) is not None
        cuts = [*range(40), len(data) // 2, len(data) - 1]
        assert all(reread(data[:cut], tmp_path) is None for cut in cuts)
        assert reread(data + b"\0", tmp_path) is None
        assert reread(data.replace(b"fill", b"feel", 1), tmp_path) is None


@pytest.mark.parametrize("row", [-1, 10_000])
def test_bricks_show_rows_that_are_there(row: int) -> None:
    good = Bricks((16, 16, 8))
    table, pool = good.rows()
    table = table.copy()
    table[1, 0, 0] = row
    with pytest.raises(ValueError, match="not in the pool"):
        Bricks.of_rows(table, pool.copy())
    with pytest.raises(ValueError, match="uniform"):
        Bricks.of_rows(good.rows()[0], pool[: UNIFORM - 1].copy())
