"""Reads MagicaVoxel .vox files: bytes in, one grid of palette indices with its colours out. Nothing here knows a world.

The format: "MagicaVoxel-file-format-vox.txt" and "-vox-extension.txt" in the public repository ephtracy/voxel-model. A
file is a tree of chunks: four letters, two sizes, content, children. z is up, as in a world.

Models are put together as their scene graph says: hidden nodes and hidden layers are left out, and where two overlap
the later one counts. Several models without a scene graph are the frames of an animation, of which one is read.
"""

import struct
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import AssetError, LimitError

I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]

MAX_EDGE = 256  # voxels along a model's edge, by the format
MAX_MODELS = 4096
MAX_NODES = 16_384
MAX_INSTANCES = 4096  # models that the scene graph puts down
MAX_DEPTH = 64  # of the scene graph
MAX_VOXELS = 4_000_000  # of all instances together
MAX_BOX = 32_000_000  # voxels, filled or not, of the box around the whole scene
FARTHEST = 100_000  # voxels: of a translation
QUIET = frozenset({"NOTE", "rCAM", "rOBJ", "META", "IMAP"})  # what only MagicaVoxel's window shows
GLASSY = ("_glass", "_blend", "_media", "_cloud")


def default_palette() -> U8:
    """[256, 3] sRGB: what a file without an RGBA chunk means. A cube of six steps, then four ramps of ten."""
    steps, ramp = (255, 204, 153, 102, 51, 0), (238, 221, 187, 170, 136, 119, 85, 68, 34, 17)
    cube = [(r, g, b) for r in steps for g in steps for b in steps][:-1]
    ramps = [tuple(v * c for c in on) for on in ((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1)) for v in ramp]
    return np.array([(0, 0, 0), *cube, *ramps], np.uint8)


@dataclass(frozen=True)
class VoxelModel:
    """A model of coloured voxels; index 0 is air."""

    grid: U8  # [X, Y, Z] palette index, z up
    palette: U8  # [256, 3] sRGB
    glow: F32  # [256] radiance over linear colour, 0 for what does not shine
    roughness: F32  # [256] 0.05..1; 1 is matte
    metal: F32  # [256] 0..1
    notes: tuple[str, ...]  # what the file says and the model leaves out


@dataclass
class _Chunks:
    """What the chunks of a file said, as they stand there."""

    sizes: list[tuple[int, int, int]] = field(default_factory=list)
    voxels: list[U8] = field(default_factory=list)  # of [n, 4]: x, y, z, palette index
    palette: U8 = field(default_factory=default_palette)
    materials: dict[int, dict[str, str]] = field(default_factory=dict)
    nodes: dict[int, tuple[str, "_Node"]] = field(default_factory=dict)
    hidden_layers: set[int] = field(default_factory=set)
    unknown: list[str] = field(default_factory=list)
    packed: int | None = None


@dataclass(frozen=True)
class _Node:
    hidden: bool
    layer: int = -1
    children: tuple[int, ...] = ()  # of nTRN one, of nGRP any
    frames: tuple[dict[str, str], ...] = ()  # of nTRN
    models: tuple[tuple[int, dict[str, str]], ...] = ()  # of nSHP


class _Bytes:
    """A stretch of the file, read from its start; every failure names the asset and the chunk."""

    def __init__(self, data: bytes, asset: str, chunk: str) -> None:
        self.data, self.asset, self.chunk, self.at = data, asset, chunk, 0

    def error(self, message: str) -> AssetError:
        return AssetError(f"{self.asset}: chunk {self.chunk} {message}")

    def take(self, n: int) -> bytes:
        if n < 0 or self.at + n > len(self.data):
            left = len(self.data) - self.at
            raise self.error(f"ends early: {n:,} bytes are announced at byte {self.at:,} and {left:,} are left")
        self.at += n
        return self.data[self.at - n : self.at]

    def number(self) -> int:
        return int(struct.unpack("<i", self.take(4))[0])

    def real(self) -> float:
        return float(struct.unpack("<f", self.take(4))[0])

    def count(self, what: str, most: int) -> int:
        n = self.number()
        if not 0 <= n <= most:
            raise self.error(f"announces {n:,} {what}; 0 to {most:,} are read")
        return n

    def words(self) -> dict[str, str]:
        """A DICT: pairs of strings."""
        pairs = [(self.take(self.number()), self.take(self.number())) for _ in range(self.count("entries", 256))]
        return {key.decode("latin-1"): value.decode("latin-1") for key, value in pairs}


def read(data: bytes, asset: str, frame: int = 0) -> VoxelModel:
    """The model of a .vox file, as it looks at a frame of its animation.

    Raises AssetError for a file that is not what it says, LimitError for one that is too large; both name `asset`.
    """
    chunks = _chunks(data, asset)
    if not chunks.sizes:
        raise AssetError(f"{asset}: there is no model in it (no SIZE and XYZI chunk)")
    notes: list[str] = []
    for name in sorted(set(chunks.unknown)):
        notes.append(f"{asset}: chunk {name} is not known here and was left out")
    if chunks.nodes:
        placed = _placed(chunks, asset, frame, notes)
    else:
        placed = [(_frame_model(chunks, asset, frame, notes), np.eye(3, dtype=np.int64), np.zeros(3, np.int64))]
    grid = _grid(chunks, placed, asset)
    glow, roughness, metal = _finish(chunks, np.flatnonzero(np.bincount(grid.reshape(-1), minlength=256)), asset, notes)
    return VoxelModel(grid, chunks.palette, glow, roughness, metal, tuple(notes))


# --- chunks -----------------------------------------------------------------------------------------------------------


def _chunks(data: bytes, asset: str) -> _Chunks:
    if data[:4] != b"VOX " or len(data) < 20:
        raise AssetError(f"{asset}: this is no .vox file: it must begin with 'VOX ', a version and a MAIN chunk")
    found = _Chunks()
    whole = _Bytes(data, asset, "MAIN")
    whole.at = 8
    name, content, children = _header(whole)
    if name != "MAIN":
        raise whole.error(f"is missing: the file begins with '{name}'")
    whole.take(content)
    inside = _Bytes(whole.take(children), asset, "MAIN")
    while inside.at < len(inside.data):
        inside.chunk = "MAIN"
        name, content, children = _header(inside)
        inside.chunk = name
        body = _Bytes(inside.take(content), asset, name)
        inside.take(children)  # no chunk but MAIN has any
        if name in _READERS:
            _READERS[name](found, body)
        elif name not in QUIET:
            found.unknown.append(name)
    if len(found.sizes) != len(found.voxels):
        raise AssetError(f"{asset}: {len(found.sizes)} SIZE chunks but {len(found.voxels)} XYZI chunks; each has one")
    if found.packed is not None and found.packed != len(found.sizes):
        raise AssetError(f"{asset}: chunk PACK announces {found.packed:,} models and there are {len(found.sizes):,}")
    return found


def _header(of: _Bytes) -> tuple[str, int, int]:
    name = of.take(4).decode("latin-1")
    return (name if name.isprintable() else repr(name)), of.number(), of.number()


def _pack(found: _Chunks, body: _Bytes) -> None:
    found.packed = body.count("models", MAX_MODELS)


def _size(found: _Chunks, body: _Bytes) -> None:
    size = (body.number(), body.number(), body.number())
    if not all(0 < n <= MAX_EDGE for n in size):
        raise body.error(f"says {size[0]} x {size[1]} x {size[2]} voxels; each edge is 1 to {MAX_EDGE}")
    if len(found.sizes) >= MAX_MODELS:
        raise LimitError(f"{body.asset}: more than {MAX_MODELS:,} models (SIZE chunks) are not read")
    found.sizes.append(size)


def _xyzi(found: _Chunks, body: _Bytes) -> None:
    if len(found.voxels) >= len(found.sizes):
        raise body.error("stands before its SIZE chunk")
    n = body.count("voxels", MAX_VOXELS)
    voxels = np.frombuffer(body.take(4 * n), np.uint8).reshape(-1, 4)
    size = found.sizes[len(found.voxels)]
    outside = np.flatnonzero((voxels[:, :3] >= np.array(size)).any(1))
    if len(outside):
        x, y, z = voxels[outside[0], :3].tolist()
        raise body.error(f"has a voxel at ({x}, {y}, {z}), outside its model of {size[0]} x {size[1]} x {size[2]}")
    found.voxels.append(voxels)


def _rgba(found: _Chunks, body: _Bytes) -> None:
    colours = np.frombuffer(body.take(1024), np.uint8).reshape(256, 4)
    found.palette = np.concatenate([np.zeros((1, 3), np.uint8), colours[:255, :3]])


def _matl(found: _Chunks, body: _Bytes) -> None:
    index = body.count("as a material's number", 256)
    found.materials[index % 256] = body.words()


def _matt(found: _Chunks, body: _Bytes) -> None:
    """The material of old files, told in the words of the new ones."""
    index, kind, weight = body.count("as a material's number", 256), body.number(), body.real()
    bits = body.number()
    names = ("plastic", "_rough", "_spec", "_ior", "_att", "_flux", "glow")
    words = {name: repr(body.real()) for i, name in enumerate(names) if bits >> i & 1}
    words["_type"] = {0: "_diffuse", 1: "_metal", 2: "_glass", 3: "_emit"}.get(kind, "")
    if not words["_type"]:
        raise body.error(f"has kind {kind}; 0 diffuse, 1 metal, 2 glass and 3 emissive are known")
    words |= {"_emit": repr(weight), "_metal": repr(weight)}
    found.materials[index % 256] = words


def _node_head(found: _Chunks, body: _Bytes) -> tuple[int, bool]:
    index, words = body.number(), body.words()
    if index in found.nodes:
        raise body.error(f"is the second one with the number {index}")
    if len(found.nodes) >= MAX_NODES:
        raise LimitError(f"{body.asset}: more than {MAX_NODES:,} scene nodes are not read")
    return index, words.get("_hidden") == "1"


def _ntrn(found: _Chunks, body: _Bytes) -> None:
    index, hidden = _node_head(found, body)
    child, _, layer = body.number(), body.number(), body.number()
    frames = tuple(body.words() for _ in range(body.count("frames", 65_536)))
    found.nodes[index] = "nTRN", _Node(hidden, layer, (child,), frames)


def _ngrp(found: _Chunks, body: _Bytes) -> None:
    index, hidden = _node_head(found, body)
    children = tuple(body.number() for _ in range(body.count("children", MAX_NODES)))
    found.nodes[index] = "nGRP", _Node(hidden, children=children)


def _nshp(found: _Chunks, body: _Bytes) -> None:
    index, hidden = _node_head(found, body)
    models = tuple((body.number(), body.words()) for _ in range(body.count("models", MAX_MODELS)))
    found.nodes[index] = "nSHP", _Node(hidden, models=models)


def _layr(found: _Chunks, body: _Bytes) -> None:
    index, words = body.number(), body.words()
    if words.get("_hidden") == "1":
        found.hidden_layers.add(index)


_READERS = {
    "PACK": _pack, "SIZE": _size, "XYZI": _xyzi, "RGBA": _rgba, "MATL": _matl, "MATT": _matt, "nTRN": _ntrn,
    "nGRP": _ngrp, "nSHP": _nshp, "LAYR": _layr,
}  # fmt: skip


# --- the scene --------------------------------------------------------------------------------------------------------


def _frame_model(chunks: _Chunks, asset: str, frame: int, notes: list[str]) -> int:
    n = len(chunks.sizes)
    if frame >= n:
        raise AssetError(f"{asset}: there is no frame {frame}; it has {n}, counted from 0")
    if n > 1:
        notes.append(f"{asset}: of its {n} frames only frame {frame} is shown")
    return frame


_Placed = tuple[int, I64, I64]  # model, rotation [3, 3] (scene from model), translation [3] voxels


def _placed(chunks: _Chunks, asset: str, frame: int, notes: list[str]) -> list[_Placed]:
    """The models that the scene graph shows, from node 0 down."""
    out: list[_Placed] = []
    todo: list[tuple[int, I64, I64, int]] = [(0, np.eye(3, dtype=np.int64), np.zeros(3, np.int64), 0)]
    visits, moves = 0, False
    while todo:
        index, rotation, translation, depth = todo.pop()
        if index not in chunks.nodes:
            raise AssetError(f"{asset}: the scene graph names node {index}, which is not in the file")
        kind, node = chunks.nodes[index]
        visits += 1
        if depth > MAX_DEPTH or visits > 2 * MAX_NODES:
            why = f"deeper than {MAX_DEPTH}" if depth > MAX_DEPTH else f"larger than {2 * MAX_NODES:,} nodes"
            raise LimitError(f"{asset}: chunk {kind} {index}: the scene graph is {why}, or runs in a ring")
        if node.hidden or node.layer in chunks.hidden_layers:
            continue
        if kind == "nTRN":
            moves |= len(node.frames) > 1
            words = _at_frame([(0, f) for f in node.frames], frame)[1] if node.frames else {}
            own, shift = _rotation(words, asset, index), _translation(words, asset, index)
            translation = translation + (rotation * shift).sum(1)
            rotation = (rotation[:, :, None] * own[None]).sum(1)
        elif kind == "nSHP" and node.models:
            moves |= len(node.models) > 1
            model = _at_frame(list(node.models), frame)[0]
            if not 0 <= model < len(chunks.sizes):
                raise AssetError(f"{asset}: chunk nSHP {index} names model {model}; there are {len(chunks.sizes)}")
            if len(out) >= MAX_INSTANCES:
                raise LimitError(f"{asset}: the scene graph puts down more than {MAX_INSTANCES:,} models")
            out.append((model, rotation, translation))
        todo += [(child, rotation, translation, depth + 1) for child in reversed(node.children)]
    if moves:
        notes.append(f"{asset}: of its animation only frame {frame} is shown")
    if not out:
        raise AssetError(f"{asset}: its scene graph shows nothing: every model is hidden")
    return out


def _at_frame(choices: list[tuple[int, dict[str, str]]], frame: int) -> tuple[int, dict[str, str]]:
    """The last of some keyed choices that begins at or before a frame; the first where none does."""
    chosen, begins = choices[0], -1
    for choice in choices:
        try:
            at = int(choice[1].get("_f", "0"))
        except ValueError:
            at = 0
        if begins < at <= frame:
            chosen, begins = choice, at
    return chosen


def _rotation(words: dict[str, str], asset: str, index: int) -> I64:
    """[3, 3] from the byte `_r`: bits 0-1 and 2-3 say where two rows are not 0, bits 4-6 which are negative."""
    code = _whole(words.get("_r", "4"), f"{asset}: chunk nTRN {index} has rotation")
    first, second = code & 3, code >> 2 & 3
    if not 0 <= code < 128 or first == 3 or second == 3 or first == second:
        raise AssetError(f"{asset}: chunk nTRN {index} has rotation {code}, which is none")
    out = np.zeros((3, 3), np.int64)
    for row, column in enumerate((first, second, 3 - first - second)):
        out[row, column] = -1 if code >> 4 + row & 1 else 1
    return out


def _translation(words: dict[str, str], asset: str, index: int) -> I64:
    said = words.get("_t", "0 0 0")
    parts = [_whole(part, f"{asset}: chunk nTRN {index} has translation") for part in said.split()[:4]]
    if len(parts) != 3 or max(map(abs, parts)) > FARTHEST:
        shown = said[:40]
        raise AssetError(f"{asset}: chunk nTRN {index} has translation '{shown}'; three numbers within {FARTHEST:,}")
    return np.array(parts, np.int64)


def _whole(text: str, what: str) -> int:
    if not text.lstrip("-").isdecimal() or len(text) > 9:
        raise AssetError(f"{what} '{text[:40]}', which is no whole number")
    return int(text)


def _grid(chunks: _Chunks, placed: list[_Placed], asset: str) -> U8:
    """All placed models in one grid; its low corner is that of the filled voxels."""
    total = sum(len(chunks.voxels[model]) for model, _, _ in placed)
    if total > MAX_VOXELS:
        raise LimitError(f"{asset}: {total:,} voxels are too many; {MAX_VOXELS:,} are read")
    places, colours = [np.empty((0, 3), np.int64)], [np.empty(0, np.uint8)]
    for model, rotation, translation in placed:
        voxels = chunks.voxels[model]
        # A model turns about the corner at half its size, rounded down; in half voxels its centres are odd.
        centre = 2 * voxels[:, :3].astype(np.int64) + 1 - 2 * (np.array(chunks.sizes[model]) // 2)
        turned = (rotation[None] * centre[:, None]).sum(2) + 2 * translation
        filled = voxels[:, 3] != 0
        places.append((turned[filled] - 1) // 2)
        colours.append(voxels[filled, 3])
    place, colour = np.concatenate(places), np.concatenate(colours)
    if not len(place):
        raise AssetError(f"{asset}: chunk XYZI holds no voxel: there is nothing to show")
    low = place.min(0)
    size = place.max(0) - low + 1
    if int(size[0]) * int(size[1]) * int(size[2]) > MAX_BOX:
        raise LimitError(
            f"{asset}: the scene spans {size[0]:,} x {size[1]:,} x {size[2]:,} voxels; {MAX_BOX:,} together are read"
        )
    grid = np.zeros(tuple(size), np.uint8)
    x, y, z = (place - low).T
    flat = (x * size[1] + y) * size[2] + z
    # numpy leaves open which of several equal indices wins, so the last one is chosen here
    _, last = np.unique(flat[::-1], return_index=True)
    keep = len(flat) - 1 - last
    grid.reshape(-1)[flat[keep]] = colour[keep]
    return grid


def _finish(chunks: _Chunks, used: I64, asset: str, notes: list[str]) -> tuple[F32, F32, F32]:
    """Glow, roughness and metal [256] by palette index.

    MagicaVoxel gives emission as a share `_emit` and a power `_flux`; it publishes no unit. Here the radiance is the
    linear colour times 2 * _emit * (1 + _flux)^2: a full share is as bright as a lit window, each power a lamp's step.
    """
    glow, roughness, metal = np.zeros(256, np.float32), np.ones(256, np.float32), np.zeros(256, np.float32)
    glassy = []
    for index in used.tolist():
        words = chunks.materials.get(index, {})
        kind = words.get("_type", "_diffuse")

        def share(name: str, plain: float, most: float = 1.0, words: dict[str, str] = words) -> float:
            try:
                value = float(words.get(name, plain))
            except ValueError:
                value = plain
            return min(max(value, 0.0), most) if value == value else plain

        if kind == "_emit":
            glow[index] = 2.0 * share("_emit", 1.0) * (1.0 + share("_flux", 0.0, 5.0)) ** 2
        elif kind in ("_metal", "_plastic"):
            rough = share("_rough", 0.3)
            if rough < 0.9:
                roughness[index] = max(rough, 0.05)
                metal[index] = share("_metal", share("_weight", 1.0)) if kind == "_metal" else 0.0
        elif kind in GLASSY:
            glassy.append(index)
    if glassy:
        shown = ", ".join(map(str, glassy[:8])) + (" ..." if len(glassy) > 8 else "")
        notes.append(f"{asset}: chunk MATL: colours {shown} are glass or cloud there and solid here")
    return glow, roughness, metal
