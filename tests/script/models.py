"""Small .vox and .glb files, written byte by byte for tests, and a seeded mutator of them."""

import io
import json
import struct
from collections.abc import Iterator

import numpy as np
from PIL import Image

Voxel = tuple[int, int, int, int]


# --- MagicaVoxel ------------------------------------------------------------------------------------------------------


def chunk(name: str, content: bytes = b"", children: bytes = b"") -> bytes:
    return name.encode() + struct.pack("<ii", len(content), len(children)) + content + children


def words(**pairs: object) -> bytes:
    out = struct.pack("<i", len(pairs))
    for key, value in pairs.items():
        for text in (key, str(value)):
            out += struct.pack("<i", len(text)) + text.encode()
    return out


def model(size: tuple[int, int, int], *voxels: Voxel) -> bytes:
    """SIZE and XYZI."""
    content = struct.pack("<i", len(voxels)) + b"".join(bytes(v) for v in voxels)
    return chunk("SIZE", struct.pack("<iii", *size)) + chunk("XYZI", content)


def transform(index: int, child: int, layer: int = -1, hidden: bool = False, frames: list[dict] | None = None) -> bytes:
    attributes = words(_hidden=1) if hidden else words()
    body = struct.pack("<iiii", child, -1, layer, len(frames or [{}])) + b"".join(words(**f) for f in frames or [{}])
    return chunk("nTRN", struct.pack("<i", index) + attributes + body)


def group(index: int, *children: int) -> bytes:
    return chunk(
        "nGRP", struct.pack("<i", index) + words() + struct.pack(f"<i{len(children)}i", len(children), *children)
    )


def shape(index: int, *models: tuple[int, dict]) -> bytes:
    body = b"".join(struct.pack("<i", m) + words(**f) for m, f in models)
    return chunk("nSHP", struct.pack("<i", index) + words() + struct.pack("<i", len(models)) + body)


def palette(colours: dict[int, tuple[int, int, int]]) -> bytes:
    table = np.full((256, 4), 255, np.uint8)
    for index, colour in colours.items():
        table[index - 1, :3] = colour
    return chunk("RGBA", table.tobytes())


def material(index: int, **pairs: object) -> bytes:
    return chunk("MATL", struct.pack("<i", index) + words(**pairs))


def vox(*chunks: bytes, version: int = 150) -> bytes:
    return b"VOX " + struct.pack("<i", version) + chunk("MAIN", b"", b"".join(chunks))


def everything() -> bytes:
    """A file with every kind of chunk that is read."""
    return vox(
        chunk("PACK", struct.pack("<i", 2)),
        model((3, 4, 5), (0, 0, 0, 1), (2, 3, 4, 2), (1, 1, 1, 3)),
        model((2, 2, 2), (0, 0, 0, 4), (1, 1, 1, 5)),
        transform(0, 1),
        group(1, 2, 4, 6),
        transform(2, 3, layer=0, frames=[{"_t": "1 2 3", "_r": 4 + 16}]),
        shape(3, (0, {})),
        transform(4, 5, layer=1),
        shape(5, (1, {})),
        transform(6, 7, frames=[{"_t": "0 0 9"}, {"_t": "0 0 12", "_f": 5}]),
        shape(7, (1, {}), (0, {"_f": 3})),
        chunk("LAYR", struct.pack("<i", 0) + words(_name="a") + struct.pack("<i", -1)),
        chunk("LAYR", struct.pack("<i", 1) + words(_hidden=1) + struct.pack("<i", -1)),
        palette({1: (255, 0, 0), 2: (0, 255, 0), 3: (0, 0, 255), 4: (9, 9, 9), 5: (200, 100, 50)}),
        material(1, _type="_emit", _emit=0.5, _flux=1),
        material(2, _type="_metal", _metal=0.8, _rough=0.2),
        material(3, _type="_glass"),
        chunk("IMAP", bytes(range(1, 256)) + b"\0"),
        chunk("MATT", struct.pack("<iifi", 5, 1, 0.7, 2) + struct.pack("<f", 0.4)),
        chunk("NOTE", b"abcd"),
    )


# --- glTF -------------------------------------------------------------------------------------------------------------


class Glb:
    """A glTF document that grows."""

    CODES = {"int8": 5120, "uint8": 5121, "int16": 5122, "uint16": 5123, "uint32": 5125, "float32": 5126}

    def __init__(self) -> None:
        self.json: dict = {"asset": {"version": "2.0"}}
        self.binary = b""

    def add(self, kind: str, thing: dict) -> int:
        self.json.setdefault(kind, []).append(thing)
        return len(self.json[kind]) - 1

    def view(self, data: bytes, **more: int) -> int:
        self.binary += b"\0" * (-len(self.binary) % 4)
        start = len(self.binary)
        self.binary += data
        return self.add("bufferViews", {"buffer": 0, "byteOffset": start, "byteLength": len(data), **more})

    def accessor(self, values: np.ndarray, **more: object) -> int:
        values = np.ascontiguousarray(values)
        kind = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4", 16: "MAT4"}[values.shape[1] if values.ndim > 1 else 1]
        head = {"componentType": self.CODES[values.dtype.name], "count": len(values), "type": kind}
        return self.add("accessors", {"bufferView": self.view(values.tobytes()), **head, **more})

    def picture(self, rgba: np.ndarray) -> int:
        """A texture of a picture [H, W, 4]."""
        file = io.BytesIO()
        Image.fromarray(rgba).save(file, "PNG")
        image = self.add("images", {"bufferView": self.view(file.getvalue()), "mimeType": "image/png"})
        return self.add("textures", {"source": image})

    def mesh(self, attributes: dict[str, np.ndarray], indices: np.ndarray | None = None, **more: object) -> int:
        primitive: dict = {"attributes": {k: self.accessor(v) for k, v in attributes.items()}, **more}
        if indices is not None:
            primitive["indices"] = self.accessor(indices)
        return self.add("meshes", {"primitives": [primitive]})

    def bytes(self) -> bytes:
        """As a .glb."""
        out = dict(self.json)
        if self.binary:
            out["buffers"] = [{"byteLength": len(self.binary)}]
        text = json.dumps(out).encode()
        text += b" " * (-len(text) % 4)
        body = struct.pack("<I4s", len(text), b"JSON") + text
        if self.binary:
            padded = self.binary + b"\0" * (-len(self.binary) % 4)
            body += struct.pack("<I4s", len(padded), b"BIN\0") + padded
        return b"glTF" + struct.pack("<II", 2, 12 + len(body)) + body


SQUARE = np.array([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)], np.float32)  # in the file's own x and y
TWO = np.array([0, 1, 2, 0, 2, 3], np.uint16)
CORNERS = np.array([(0, 1), (1, 1), (1, 0), (0, 0)], np.float32)  # uv of its corners: v runs down


def square(**material: object) -> Glb:
    """An upright square of one metre that looks along the file's +z."""
    glb = Glb()
    more: dict = {}
    if material:
        more["material"] = glb.add("materials", material)
    glb.mesh({"POSITION": SQUARE, "NORMAL": np.tile(np.float32((0, 0, 1)), (4, 1)), "TEXCOORD_0": CORNERS}, TWO, **more)
    glb.add("nodes", {"mesh": 0})
    return glb


def checker(n: int = 8) -> np.ndarray:
    """[n, n, 4]: dark and bright squares, the first row red."""
    rgba = np.full((n, n, 4), 255, np.uint8)
    rgba[..., :3] = np.where((np.indices((n, n)).sum(0) % 2 == 0)[..., None], (40, 60, 80), (220, 200, 180))
    rgba[0, :, :3] = (255, 0, 0)
    return rgba


def rich() -> bytes:
    """A .glb with most of what is read."""
    glb = Glb()
    picture = glb.picture(checker())
    base = {"baseColorTexture": {"index": picture}, "metallicFactor": 0.5, "roughnessFactor": 0.4}
    glb.add("samplers", {"wrapS": 33648, "wrapT": 33071})
    glb.json["textures"][0]["sampler"] = 0
    glb.add("materials", {"pbrMetallicRoughness": base, "alphaMode": "MASK", "doubleSided": True})
    strength = {"KHR_materials_emissive_strength": {"emissiveStrength": 3}}
    glb.add("materials", {"emissiveFactor": [1, 0.5, 0], "emissiveTexture": {"index": picture}, "extensions": strength})
    normals = np.tile(np.float32((0, 0, 1)), (4, 1))
    glb.mesh({"POSITION": SQUARE, "NORMAL": normals, "TEXCOORD_0": CORNERS}, TWO, material=0)
    colours = np.array([(255, 0, 0, 255)] * 4, np.uint8)
    glb.mesh({"POSITION": SQUARE, "TEXCOORD_0": CORNERS}, TWO.astype(np.uint8), material=1)
    glb.json["meshes"][1]["primitives"][0]["attributes"]["COLOR_0"] = glb.accessor(colours, normalized=True)
    light = {"KHR_lights_punctual": {"lights": [{"type": "point", "intensity": 50, "color": [1, 0.5, 0.25]}]}}
    glb.json["extensions"], glb.json["extensionsUsed"] = light, ["KHR_lights_punctual"]
    lamp = {"KHR_lights_punctual": {"light": 0}}
    glb.add("nodes", {"mesh": 0, "children": [1, 2], "rotation": [0, 0.7071068, 0, 0.7071068], "scale": [1, 2, 1]})
    glb.add("nodes", {"mesh": 1, "matrix": [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 2, 0, 0, 1]})
    glb.add("nodes", {"extensions": lamp, "translation": [0, 1, 1]})
    glb.add("scenes", {"nodes": [0]})
    return glb.bytes()


# --- harm -------------------------------------------------------------------------------------------------------------


def mutants(whole: bytes, count: int, seed: int) -> Iterator[bytes]:
    """Damaged copies: bits turned, numbers replaced, stretches cut, doubled or swapped, ends missing."""
    rng = np.random.default_rng(seed)
    ends = [0, 1, 255, 0x7FFFFFFF, 0xFFFFFFFF, 0x80000000, 1 << 16, 1 << 24]
    for _ in range(count):
        data = bytearray(whole)
        for _ in range(int(rng.integers(1, 4))):
            at, kind = int(rng.integers(0, len(data) or 1)), int(rng.integers(0, 7))
            stretch = int(rng.integers(1, 40))
            if kind == 0 and data:
                data[at] ^= 1 << int(rng.integers(0, 8))
            elif kind == 1 and data:
                data[at] = int(rng.integers(0, 256))
            elif kind == 2:
                data[at : at + 4] = struct.pack("<I", ends[int(rng.integers(0, len(ends)))])
            elif kind == 3:
                del data[at : at + stretch]
            elif kind == 4:
                data[at:at] = data[at : at + stretch]
            elif kind == 5:
                del data[at:]
            else:  # a digit of the JSON, a count
                digits = [i for i in range(len(data)) if 48 <= data[i] <= 57][:400]
                if digits:
                    data[digits[int(rng.integers(0, len(digits)))]] = 48 + int(rng.integers(0, 10))
        yield bytes(data)
