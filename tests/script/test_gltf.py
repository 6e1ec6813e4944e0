"""glTF files written here, read back: every feature that docs/WORLDS.md names, and every way to be wrong."""

import base64
import io
import json
import resource
import time

import numpy as np
import pytest
from PIL import Image

from engine.core.errors import AssetError, DaguerreError, LimitError
from engine.script import gltf, gltf_data
from engine.script.shells import Shell
from tests.script import models
from tests.script.models import CORNERS, SQUARE, TWO, Glb, checker, square

UP = np.tile(np.float32((0, 0, 1)), (4, 1))


def nothing(name: str) -> bytes:
    raise AssetError(f"{name} is not there")


def read(glb: Glb, beside=nothing) -> Shell:  # noqa: ANN001
    return gltf.read(glb.bytes(), "thing.glb", beside)


def placed(node: dict, parent: dict | None = None) -> Shell:
    glb = square()
    glb.json["nodes"] = [node | {"mesh": 0}] if parent is None else [parent | {"children": [1]}, node | {"mesh": 0}]
    return read(glb)


def test_y_up_becomes_z_up_and_the_front_looks_along_x() -> None:
    shell = read(square())
    assert shell.position.min(0).tolist() == [0, 0, 0] and shell.position.max(0).tolist() == [0, 1, 1]
    assert shell.normal.tolist() == [[1, 0, 0]] * 4
    a, b, c = shell.position[shell.triangles[0]]
    np.testing.assert_allclose(np.cross(b - a, c - a), (1, 0, 0))


def test_nodes_multiply_matrices_and_translation_rotation_scale() -> None:
    half = [0, 0, 0.7071067811865476, 0.7071067811865476]  # a quarter turn about the file's z: x to y
    one = placed({"translation": [5, 0, 0], "rotation": half, "scale": [2, 1, 1]})
    # x in 0..1 becomes 0..2 along y, y becomes -1..0 along x, then 5 along x; here: y, z
    np.testing.assert_allclose(one.position.min(0), (0, 4, 0), atol=1e-12)
    np.testing.assert_allclose(one.position.max(0), (0, 5, 2), atol=1e-12)
    matrix = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 3, 1]
    two = placed({"scale": [2, 2, 2]}, {"matrix": matrix})
    np.testing.assert_allclose(two.position.max(0), (3, 2, 2))
    np.testing.assert_allclose(two.normal, [[1, 0, 0]] * 4)


def test_a_mirrored_node_keeps_its_faces_outside() -> None:
    shell = placed({"scale": [-1, 1, 1]})
    a, b, c = shell.position[shell.triangles[0]]
    assert np.cross(b - a, c - a) @ shell.normal[0] > 0 and shell.normal[0].tolist() == [1, 0, 0]
    slanted = placed({"scale": [1, 1, -2]})
    a, b, c = slanted.position[slanted.triangles[0]]
    assert np.cross(b - a, c - a) @ slanted.normal[0] > 0 and slanted.normal[0].tolist() == [-1, 0, 0]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32"])
def test_indices_of_every_size_and_none(dtype: str) -> None:
    glb = Glb()
    glb.mesh({"POSITION": SQUARE, "NORMAL": UP}, TWO.astype(dtype))
    glb.add("nodes", {"mesh": 0})
    assert read(glb).triangles.tolist() == [[0, 1, 2], [0, 2, 3]]
    glb = Glb()
    glb.mesh({"POSITION": SQUARE[TWO]})
    glb.add("nodes", {"mesh": 0})
    assert len(read(glb).triangles) == 2


def test_strips_and_fans() -> None:
    for mode, order in ((5, [0, 1, 3, 2]), (6, [0, 1, 2, 3])):
        glb = Glb()
        glb.mesh({"POSITION": SQUARE[order]}, mode=mode)
        glb.add("nodes", {"mesh": 0})
        shell = read(glb)
        assert len(shell.triangles) == 2 and (shell.normal == (1, 0, 0)).all()


def test_strided_and_normalised_accessors() -> None:
    glb = Glb()
    mixed = np.zeros(4, [("position", "<f4", 3), ("uv", "<u2", 2), ("colour", "u1", 4)])
    mixed["position"], mixed["uv"], mixed["colour"] = SQUARE, CORNERS * 65535, (255, 51, 0, 255)
    view = glb.view(mixed.tobytes(), byteStride=mixed.itemsize)
    names = {
        "POSITION": ("VEC3", 5126, 0, False),
        "TEXCOORD_0": ("VEC2", 5123, 12, True),
        "COLOR_0": ("VEC4", 5121, 16, True),
    }
    attributes = {
        name: glb.add("accessors", {"bufferView": view, "componentType": code, "count": 4, "type": kind,
                                    "byteOffset": offset, "normalized": norm})
        for name, (kind, code, offset, norm) in names.items()
    }  # fmt: skip
    glb.add("meshes", {"primitives": [{"attributes": attributes, "indices": glb.accessor(TWO)}]})
    glb.add("nodes", {"mesh": 0})
    shell = read(glb)
    np.testing.assert_allclose(shell.uv, CORNERS[TWO])
    np.testing.assert_allclose(shell.tint, np.tile((1.0, 0.2, 0.0), (6, 1)))
    signed = glb.accessor(np.array([[-32768], [32767], [0]], np.int16), normalized=True)
    document = gltf_data.Document(glb.bytes(), "thing.glb", nothing)
    np.testing.assert_allclose(document.accessor(signed, "here", (1,))[:, 0], (-1, 1, 0))


def test_sparse_accessors() -> None:
    glb = square()
    index, value = glb.view(np.array([2], np.uint16).tobytes()), glb.view(np.array([9, 9, 0], np.float32).tobytes())
    glb.json["accessors"][0]["sparse"] = {
        "count": 1, "indices": {"bufferView": index, "componentType": 5123}, "values": {"bufferView": value},
    }  # fmt: skip
    assert read(glb).position.max(0).tolist() == [0, 9, 9]
    del glb.json["accessors"][0]["bufferView"]
    assert read(glb).position.tolist().count([0, 0, 0]) == 3, "all others are zero"


def test_missing_normals_are_flat_and_given_ones_stay() -> None:
    glb = Glb()
    bent = np.float32([(0, 0, 1), (0, 0.6, 0.8), (0, 0, 2), (0, 0, 0)])
    glb.mesh({"POSITION": SQUARE, "NORMAL": bent}, TWO)
    glb.add("nodes", {"mesh": 0})
    np.testing.assert_allclose(read(glb).normal, [(1, 0, 0), (0.8, 0, 0.6), (1, 0, 0), (1, 0, 0)], atol=1e-6)
    del glb.json["meshes"][0]["primitives"][0]["attributes"]["NORMAL"]
    assert len(read(glb).position) == 6


def test_base_colour_and_picture_and_its_mean() -> None:
    glb = square(
        pbrMetallicRoughness={"baseColorFactor": [0.5, 1, 1, 1], "baseColorTexture": {"index": 0}, "metallicFactor": 0}
    )
    glb.picture(np.full((2, 2, 4), (188, 255, 0, 255), np.uint8))
    shell = read(glb)
    (look,) = shell.looks
    assert look.picture is not None and look.picture.rgba[0, 0].tolist() == [188, 255, 0, 255]
    np.testing.assert_allclose(look.albedo, (0.5 * 0.5029, 1, 0), atol=1e-3)
    np.testing.assert_allclose(shell.tint, np.tile((0.5, 1, 1), (4, 1)))
    np.testing.assert_allclose(shell.uv, CORNERS)


def test_metal_roughness_and_what_is_too_rough_to_shine() -> None:
    polished = read(square(pbrMetallicRoughness={"metallicFactor": 0.9, "roughnessFactor": 0.2})).looks[0]
    assert (polished.metal, polished.roughness) == (0.9, 0.2)
    plain = read(square(pbrMetallicRoughness={})).looks[0]
    assert (plain.metal, plain.roughness) == (0.0, 1.0)


def test_emission_its_strength_and_its_picture() -> None:
    glb = square(
        emissiveFactor=[1, 0.5, 0], emissiveTexture={"index": 0},
        extensions={"KHR_materials_emissive_strength": {"emissiveStrength": 4}},
    )  # fmt: skip
    glb.picture(checker())
    (look,) = read(glb).looks
    assert look.emission == (4, 2, 0) and look.glow is not None and look.picture is None


def test_alpha_is_cut_kept_or_named() -> None:
    ramp = np.zeros((1, 4, 4), np.uint8)
    ramp[0, :, 3] = (0, 60, 130, 255)
    base = {"baseColorTexture": {"index": 0}}

    def coverage(**more: object) -> tuple[list[bool], Shell]:
        glb = square(pbrMetallicRoughness=base, **more)
        glb.picture(ramp)
        shell = read(glb)
        assert shell.looks[0].picture is not None
        return (shell.looks[0].picture.rgba[0, :, 3] >= 128).tolist(), shell

    assert coverage()[0] == [True] * 4
    assert coverage(alphaMode="MASK")[0] == [False, False, True, True]
    assert coverage(alphaMode="MASK", alphaCutoff=0.2)[0] == [False, True, True, True]
    cut, shell = coverage(alphaMode="BLEND")
    assert cut == [False, False, True, True] and "cut out at one half" in shell.notes[0] and shell.looks[0].is_cut_out
    glass = read(square(pbrMetallicRoughness={"baseColorFactor": [1, 1, 1, 0.2]}, alphaMode="BLEND"))
    assert glass.notes == ("thing.glb: materials[0] is see-through there and solid here",)


def test_wrap_modes_and_texture_transform() -> None:
    moved = {"KHR_texture_transform": {"offset": [0.5, 0], "scale": [2, 2], "rotation": 0}}
    glb = square(pbrMetallicRoughness={"baseColorTexture": {"index": 0, "extensions": moved}})
    glb.json["textures"] = []
    glb.picture(checker())
    np.testing.assert_allclose(read(glb).uv, CORNERS * 2 + (0.5, 0))
    glb.add("samplers", {"wrapS": 33648, "wrapT": 33071})
    glb.json["textures"][0]["sampler"] = 0
    shell = read(glb)
    picture = shell.looks[0].picture
    assert picture is not None and picture.rgba.shape == (8, 16, 4) and picture.repeats == (True, False)
    np.testing.assert_array_equal(picture.rgba[:, 8:], picture.rgba[:, 7::-1])
    np.testing.assert_allclose(shell.uv, (CORNERS * 2 + (0.5, 0)) * (0.5, 1))


def test_lamps_come_along() -> None:
    shell = gltf.read(models.rich(), "rich.glb", nothing)
    (light,) = shell.lights
    assert light.candela == 50 and light.colour == (1, 0.5, 0.25)
    glb = square()
    glb.json["extensions"] = {"KHR_lights_punctual": {"lights": [{"type": "directional"}, {"type": "spot"}]}}
    for i in range(2):
        glb.add("nodes", {"extensions": {"KHR_lights_punctual": {"light": i}}})
    shell = read(glb)
    assert len(shell.lights) == 1 and "is directional" in shell.notes[0] and "is a spot" in shell.notes[1]


def test_skins_stand_as_they_were_bound() -> None:
    glb = square()
    attributes = glb.json["meshes"][0]["primitives"][0]["attributes"]
    attributes["JOINTS_0"] = glb.accessor(np.array([(0, 1, 0, 0)] * 4, np.uint8))
    attributes["WEIGHTS_0"] = glb.accessor(np.float32([(0.5, 0.5, 0, 0)] * 4))
    inverse = np.tile(np.eye(4, dtype=np.float32).reshape(1, 16), (2, 1))
    glb.json["skins"] = [{"joints": [1, 2], "inverseBindMatrices": glb.accessor(inverse)}]
    glb.json["nodes"] = [
        {"mesh": 0, "skin": 0, "translation": [99, 0, 0]},
        {"translation": [2, 0, 0]},
        {"translation": [4, 0, 0]},
    ]
    shell = read(glb)
    assert shell.position.min(0).tolist() == [0, 3, 0], "between its joints, wherever its own node stands"
    assert "as it was bound" in shell.notes[0]


def test_files_beside_it_and_data_uris() -> None:
    glb = square(pbrMetallicRoughness={"baseColorTexture": {"index": 0}})
    file = io.BytesIO()
    Image.fromarray(checker()).save(file, "PNG")
    glb.add("images", {"uri": "colours%20of%20it.png"})
    glb.add("textures", {"source": 0})
    document = glb.json | {"buffers": [{"byteLength": len(glb.binary), "uri": "thing.bin"}]}
    files = {"thing.bin": glb.binary, "colours of it.png": file.getvalue()}
    shell = gltf.read(json.dumps(document).encode(), "thing.gltf", files.__getitem__)
    assert shell.looks[0].picture is not None
    document["buffers"][0]["uri"] = "data:application/octet-stream;base64," + base64.b64encode(glb.binary).decode()
    document["images"][0]["uri"] = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
    assert gltf.read(json.dumps(document).encode(), "thing.gltf", nothing).looks[0].picture is not None


def test_what_is_not_read_is_named() -> None:
    glb = square(normalTexture={"index": 0})
    glb.json["animations"], glb.json["extensionsUsed"] = [{}], ["KHR_materials_clearcoat"]
    glb.json["meshes"][0]["primitives"].append({"attributes": {"POSITION": 0}, "mode": 0})
    glb.json["meshes"][0]["primitives"][0]["targets"] = [{"POSITION": 0}]
    notes = " ".join(read(glb).notes)
    for said in ("KHR_materials_clearcoat", "animations", "normalTexture", "points or lines", "morph targets"):
        assert said in notes


def changed(path: str, value: object) -> bytes:
    """The rich file with one value of its JSON put in place of another."""
    text = gltf_data._container(models.rich(), "rich.glb")[0]
    document = json.loads(text)
    *way, last = [int(p) if p.isdigit() else p for p in path.split(".")]
    at = document
    for part in way:
        at = at[part]
    at[last] = value
    glb = Glb()
    glb.json, glb.binary = document, gltf_data._container(models.rich(), "rich.glb")[1] or b""
    return glb.bytes()


WRONG = {
    "empty": (b"", "JSON cannot be read"),
    "no json": (b"hello", "JSON cannot be read"),
    "deep": (b"[" * 100_000, "JSON cannot be read"),
    "version": (changed("asset.version", "1.0"), "asset.version is '1.0'"),
    "cut": (models.rich()[:-40], "the header says a length of"),
    "chunk": (models.rich()[:12] + b"\xff\xff\xff\x7fJSON" + models.rich()[20:], "chunk 'JSON' announces"),
    "mesh": (changed("nodes.0.mesh", 7), r"nodes\[0\] names meshes 7, and there are 2"),
    "mesh -1": (changed("nodes.0.mesh", -1), "names meshes -1"),
    "mesh text": (changed("nodes.0.mesh", "x"), "names meshes x"),
    "ring": (changed("nodes.1.children", [0]), r"nodes\[0\] stands in the scene twice"),
    "matrix": (changed("nodes.1.matrix", [1, 2]), r"nodes\[1\].matrix must be 16 numbers"),
    "rotation": (changed("nodes.0.rotation", [0, 0, 0, 0]), r"nodes\[0\].rotation is no rotation"),
    "accessor": (changed("accessors.0.count", 10**6), r"accessors\[0\] reads 1,000,000 elements beyond"),
    "kind": (changed("accessors.0.type", "VEC2"), r"accessors\[0\] is VEC2 of componentType 5126"),
    "view": (changed("bufferViews.0.byteLength", 10**9), r"bufferViews\[0\] ends at byte"),
    "stride": (changed("bufferViews.1.byteStride", 1), "elements beyond its bufferView"),
    "indices": (changed("meshes.0.primitives.0.indices", 0), "must hold unsigned whole numbers|cannot be"),
    "wrap": (changed("samplers.0.wrapS", 5), "has wrap modes"),
    "alpha": (changed("materials.0.alphaMode", "HALF"), "alphaMode must be OPAQUE, MASK or BLEND"),
    "colour": (changed("materials.1.emissiveFactor", [1, 2, "x"]), "emissiveFactor must be 3 numbers"),
    "draco": (changed("extensionsRequired", ["KHR_draco_mesh_compression"]), "compressed meshes.; export it without"),
    "nothing": (changed("scenes.0.nodes", [2]), "shows no triangles"),
    "picture": (changed("images.0.bufferView", 1), r"images\[0\] is no PNG or JPEG"),
    "outside": (changed("images.0", {"uri": "../x.png"}), r"images\[0\].uri cannot be used"),
    "light": (changed("nodes.2.extensions.KHR_lights_punctual.light", 4), "names light 4, and there are 1"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_told_with_the_asset_and_the_place(name: str) -> None:
    data, message = WRONG[name]
    with pytest.raises(AssetError, match=message) as caught:
        gltf.read(data, "rich.glb", nothing)
    assert str(caught.value).startswith("rich.glb: ")


def test_what_is_too_large_is_refused_by_number() -> None:
    with pytest.raises(LimitError, match="4,000,000 elements; 3,000,000 are read"):
        gltf.read(changed("accessors.0.count", 4_000_000), "rich.glb", nothing)
    file = io.BytesIO()
    Image.new("1", (5000, 5000)).save(file, "PNG")  # 3 kB that would become 100 MB
    glb = square(pbrMetallicRoughness={"baseColorTexture": {"index": 0}})
    glb.add("images", {"bufferView": glb.view(file.getvalue())})
    glb.add("textures", {"source": 0})
    with pytest.raises(LimitError, match="5,000 x 5,000 pixels; 16,000,000 are read"):
        read(glb)
    glb = square()
    glb.json["nodes"] = [{"mesh": 0}] * 5_000
    with pytest.raises(LimitError, match="more than 4,096 primitives"):
        read(glb)
    glb = Glb()
    glb.mesh({"POSITION": np.zeros((300_000, 3), np.float32)})
    glb.json["nodes"] = [{"mesh": 0}] * 2
    with pytest.raises(LimitError, match="600,000 vertices and 200,000 triangles; 500,000"):
        read(glb)


def test_a_large_picture_is_made_smaller() -> None:
    glb = square(pbrMetallicRoughness={"baseColorTexture": {"index": 0}})
    glb.picture(np.full((64, 4096, 4), 200, np.uint8))
    picture = read(glb).looks[0].picture
    assert picture is not None and picture.rgba.shape == (32, 2048, 4)


def harmed(count: int, seed: int) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    read_whole = 0
    for data in models.mutants(models.rich(), count, seed):
        start = time.process_time()
        try:
            gltf.read(data, "harmed.glb", nothing)
            read_whole += 1
        except DaguerreError as error:
            assert str(error).startswith("harmed.glb: ")
        assert time.process_time() - start < 1.0
    assert 0 < read_whole < count
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000, "kilobytes"


def test_harmed_files_are_read_or_refused() -> None:
    harmed(400, 3)


@pytest.mark.slow
def test_ten_thousand_harmed_files_are_read_or_refused() -> None:
    harmed(10_000, 4)
