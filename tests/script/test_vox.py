"""MagicaVoxel files: every kind of chunk, every rotation, every way to be wrong."""

import itertools
import resource
import struct
import time

import numpy as np
import pytest

from engine.core.errors import AssetError, DaguerreError, LimitError
from engine.script import vox
from tests.script import models
from tests.script.models import chunk, group, material, model, palette, shape, transform, words

SMALL = model((3, 4, 5), (0, 0, 0, 1), (2, 3, 4, 2), (1, 1, 1, 3))


def read(*chunks: bytes, frame: int = 0) -> vox.VoxelModel:
    return vox.read(models.vox(*chunks), "thing.vox", frame)


def filled(found: vox.VoxelModel) -> set[tuple[int, ...]]:
    return {(*at, int(found.grid[tuple(at)])) for at in np.argwhere(found.grid).tolist()}


def test_a_model_stands_as_it_is_written() -> None:
    found = read(SMALL)
    assert found.grid.shape == (3, 4, 5) and found.notes == ()
    assert filled(found) == {(0, 0, 0, 1), (2, 3, 4, 2), (1, 1, 1, 3)}


def test_the_palette_counts_from_one_and_has_a_default() -> None:
    found = read(SMALL, palette({1: (10, 20, 30), 255: (1, 2, 3)}))
    assert found.palette[1].tolist() == [10, 20, 30] and found.palette[255].tolist() == [1, 2, 3]
    plain = read(SMALL).palette
    # 0xffccffff and 0xff0000ee as the format's own table has them: alpha, blue, green, red
    assert plain[2].tolist() == [255, 255, 204] and plain[216].tolist() == [238, 0, 0]
    assert plain[215].tolist() == [0, 0, 51] and plain[255].tolist() == [17, 17, 17] and len(plain) == 256


def test_imap_changes_the_order_of_the_palette_window_only() -> None:
    assert filled(read(SMALL, chunk("IMAP", bytes(range(256))))) == filled(read(SMALL))


def rotations() -> list[tuple[int, np.ndarray]]:
    out = []
    for order, signs in itertools.product(itertools.permutations(range(3)), itertools.product((0, 1), repeat=3)):
        matrix = np.zeros((3, 3), int)
        for row in range(3):
            matrix[row, order[row]] = -1 if signs[row] else 1
        out.append((order[0] | order[1] << 2 | signs[0] << 4 | signs[1] << 5 | signs[2] << 6, matrix))
    return out


@pytest.mark.parametrize(("code", "matrix"), rotations(), ids=lambda v: str(v) if isinstance(v, int) else "")
def test_every_rotation_turns_about_the_middle_and_negative_ones_mirror(code: int, matrix: np.ndarray) -> None:
    found = read(
        SMALL, transform(0, 1), group(1, 2), transform(2, 3, frames=[{"_r": code, "_t": "7 -3 2"}]), shape(3, (0, {}))
    )
    places = np.array([(0, 0, 0), (2, 3, 4), (1, 1, 1)])
    middle = (places + 0.5 - np.array([3, 4, 5]) // 2) @ matrix.T + [7, -3, 2]
    wanted = np.floor(middle).astype(int)
    wanted -= wanted.min(0)
    assert filled(found) == {(*at, i + 1) for i, at in enumerate(wanted.tolist())}


def test_transforms_multiply_down_the_graph() -> None:
    quarter = 1 | 0 << 2 | 1 << 4  # x' = -y, y' = x
    chunks = (
        model((1, 1, 1), (0, 0, 0, 1)), transform(0, 1, frames=[{"_r": quarter, "_t": "10 0 0"}]), group(1, 2, 4),
        transform(2, 3, frames=[{"_t": "5 0 0"}]), shape(3, (0, {})), transform(4, 5), shape(5, (0, {})),
    )  # fmt: skip
    assert read(*chunks).grid.shape == (1, 6, 1), "the child's x became y"


def test_where_models_overlap_the_later_counts() -> None:
    one, two = model((1, 1, 1), (0, 0, 0, 1)), model((1, 1, 1), (0, 0, 0, 2))
    graph = (transform(0, 1), group(1, 2, 4), transform(2, 3), shape(3, (0, {})), transform(4, 5), shape(5, (1, {})))
    assert filled(read(one, two, *graph)) == {(0, 0, 0, 2)}


def test_hidden_layers_and_nodes_are_left_out() -> None:
    one, two = model((1, 1, 1), (0, 0, 0, 1)), model((1, 1, 1), (0, 0, 0, 2))
    graph = (group(1, 2, 4), shape(3, (0, {})), shape(5, (1, {})), transform(0, 1))
    layer = chunk("LAYR", struct.pack("<i", 3) + words(_hidden=1, _name="x") + struct.pack("<i", -1))
    assert filled(read(one, two, *graph, transform(2, 3, layer=3), transform(4, 5), layer)) == {(0, 0, 0, 2)}
    assert filled(read(one, two, *graph, transform(2, 3, hidden=True), transform(4, 5))) == {(0, 0, 0, 2)}
    with pytest.raises(AssetError, match="every model is hidden"):
        read(one, two, *graph, transform(2, 3, hidden=True), transform(4, 5, layer=3), layer)


def test_frames_of_old_and_new_files() -> None:
    pack = chunk("PACK", struct.pack("<i", 2))
    two = (pack, model((1, 1, 1), (0, 0, 0, 1)), model((1, 1, 1), (0, 0, 0, 2)))
    assert filled(read(*two)) == {(0, 0, 0, 1)} and filled(read(*two, frame=1)) == {(0, 0, 0, 2)}
    assert "of its 2 frames only frame 1" in read(*two, frame=1).notes[0]
    with pytest.raises(AssetError, match="no frame 2; it has 2"):
        read(*two, frame=2)
    graph = (transform(0, 1), shape(1, (0, {}), (1, {"_f": 4})))
    assert filled(read(*two, *graph, frame=3)) == {(0, 0, 0, 1)}
    assert filled(read(*two, *graph, frame=4)) == {(0, 0, 0, 2)}


def test_materials_new_and_old() -> None:
    shine = material(1, _type="_emit", _emit=0.5, _flux=1)
    found = read(SMALL, shine, material(2, _type="_metal", _metal=0.8, _rough=0.2), material(3, _type="_glass"))
    assert found.glow[1] == pytest.approx(2 * 0.5 * 4) and found.glow[2] == 0
    assert found.roughness[2] == pytest.approx(0.2) and found.metal[2] == pytest.approx(0.8)
    assert found.notes == ("thing.vox: chunk MATL: colours 3 are glass or cloud there and solid here",)
    old = chunk("MATT", struct.pack("<iifi", 1, 3, 0.5, 1 << 5) + struct.pack("<f", 1.0))
    assert read(SMALL, old).glow[1] == pytest.approx(4.0)


def test_an_unknown_chunk_is_named() -> None:
    assert read(SMALL, chunk("WHAT", b"123")).notes == ("thing.vox: chunk WHAT is not known here and was left out",)


def test_every_chunk_at_once() -> None:
    found = vox.read(models.everything(), "all.vox", frame=4)
    assert found.glow.any() and found.metal.any() and any("animation" in note for note in found.notes)


WRONG = {
    "no vox": (b"PNG", "must begin with 'VOX '"),
    "no main": (b"VOX " + struct.pack("<i", 150) + chunk("SIZE"), "chunk MAIN is missing: the file begins with 'SIZE'"),
    "empty": (models.vox(), "there is no model in it"),
    "cut": (models.vox(SMALL)[:-5], "chunk MAIN ends early"),
    "size 0": (models.vox(model((0, 1, 1))), "chunk SIZE says 0 x 1 x 1"),
    "size 300": (models.vox(model((300, 1, 1))), "chunk SIZE says 300 x 1 x 1"),
    "outside": (models.vox(model((1, 1, 1), (1, 0, 0, 1))), r"chunk XYZI has a voxel at \(1, 0, 0\)"),
    "air": (models.vox(model((1, 1, 1))), "chunk XYZI holds no voxel"),
    "lonely": (models.vox(chunk("XYZI", struct.pack("<i", 0))), "chunk XYZI stands before its SIZE"),
    "unpaired": (models.vox(SMALL, chunk("SIZE", struct.pack("<iii", 1, 1, 1))), "2 SIZE chunks but 1 XYZI"),
    "count": (models.vox(SMALL[:24], chunk("XYZI", struct.pack("<i", 9))), "chunk XYZI ends early"),
    "pack": (models.vox(chunk("PACK", struct.pack("<i", 3)), SMALL), "PACK announces 3 models and there are 1"),
    "palette": (models.vox(SMALL, chunk("RGBA", b"123")), "chunk RGBA ends early"),
    "rotation": (models.vox(SMALL, transform(0, 1, frames=[{"_r": 0}]), shape(1, (0, {}))), "nTRN 0 has rotation 0"),
    "letters": (models.vox(SMALL, transform(0, 1, frames=[{"_t": "a b"}])), "nTRN 0 has translation .a."),
    "far": (models.vox(SMALL, transform(0, 1, frames=[{"_t": "999999 0 0"}]), shape(1, (0, {}))), "within 100,000"),
    "no node": (models.vox(SMALL, transform(0, 1)), "names node 1, which is not in the file"),
    "no model": (models.vox(SMALL, transform(0, 1), shape(1, (7, {}))), "nSHP 1 names model 7; there are 1"),
    "twice": (models.vox(SMALL, transform(0, 1), transform(0, 1)), "nTRN is the second one with the number 0"),
    "matt": (models.vox(SMALL, chunk("MATT", struct.pack("<iifi", 1, 9, 0.5, 0))), "chunk MATT has kind 9"),
    "dict": (models.vox(SMALL, chunk("MATL", struct.pack("<ii", 1, 10**6))), "chunk MATL announces 1,000,000 entries"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_told_with_the_asset_and_the_chunk(name: str) -> None:
    data, message = WRONG[name]
    with pytest.raises(AssetError, match=message) as caught:
        vox.read(data, "thing.vox")
    assert str(caught.value).startswith("thing.vox: ")


def test_rings_crowds_and_deserts_are_refused_by_number() -> None:
    with pytest.raises(LimitError, match="runs in a ring"):
        read(SMALL, transform(0, 1), group(1, 0))
    fans = [group(i, *[i + 1] * 8) for i in range(1, 8)]  # 8^7 models
    with pytest.raises(LimitError, match="more than 4,096 models|larger than"):
        read(SMALL, transform(0, 1), *fans, shape(8, (0, {})))
    ends = (group(1, 2, 4), transform(2, 3, frames=[{"_t": "9999 9999 0"}]), shape(3, (0, {})), transform(4, 3))
    with pytest.raises(LimitError, match="32,000,000 together are read"):
        read(SMALL, transform(0, 1), *ends)


def harmed(count: int, seed: int) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    read_whole = 0
    for data in models.mutants(models.everything(), count, seed):
        start = time.process_time()
        try:
            vox.read(data, "harmed.vox")
            read_whole += 1
        except DaguerreError as error:
            assert str(error).startswith("harmed.vox: ")
        assert time.process_time() - start < 1.0
    assert 0 < read_whole < count
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000, "kilobytes"


def test_harmed_files_are_read_or_refused() -> None:
    harmed(400, 1)


@pytest.mark.slow
def test_ten_thousand_harmed_files_are_read_or_refused() -> None:
    harmed(10_000, 2)
