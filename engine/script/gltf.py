"""glTF 2.0 as a shell: nodes, meshes, materials and lamps of the default scene, z up, looking along +x.

glTF has y up and its front towards +z; the cyclic change (x, y, z) -> (z, x, y) keeps handedness. What is read and what
is not stands in docs/WORLDS.md; whatever a file says beyond that is named in the shell's notes.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import AssetError, LimitError
from engine.script.gltf_data import Document
from engine.script.gltf_materials import Paints
from engine.script.shells import MAX_VERTICES, Light, Shell

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

KNOWN = frozenset({
    "KHR_lights_punctual", "KHR_materials_emissive_strength", "KHR_mesh_quantization", "KHR_texture_transform",
})  # fmt: skip
COMPRESSION = {
    "KHR_draco_mesh_compression": "compressed meshes", "EXT_meshopt_compression": "compressed buffers",
    "KHR_texture_basisu": "KTX2 pictures",
}  # fmt: skip
MAX_TRIANGLES = 2_000_000
MAX_PRIMITIVES = 4096  # that nodes put down, each as often as it is named


def read(data: bytes, asset: str, beside: Callable[[str], bytes]) -> Shell:
    """The shell of a .glb or .gltf file; `beside(name)` gives the bytes of a file in its folder.

    Raises AssetError for a file that is not what it says, LimitError for one that is too large; both name `asset`.
    """
    return _Scene(Document(data, asset, beside), asset).shell()


class _Scene:
    def __init__(self, document: Document, asset: str) -> None:
        self.document, self.asset = document, asset
        self.notes: list[str] = []
        self._paints = Paints(document, self.note)
        self._pieces: list[Shell] = []
        self._lights: list[Light] = []
        self._world: dict[int, F64] = {}  # node -> [4, 4] scene from node
        self._vertices = self._triangles = self._primitives = 0

    def note(self, text: str) -> None:
        said = f"{self.asset}: {text}"
        if said not in self.notes:
            self.notes.append(said)

    def shell(self) -> Shell:
        d = self.document
        for name in d.many(d.json, "extensionsRequired", "the document"):
            if name not in KNOWN:
                what = COMPRESSION.get(str(name), "something that is not read")
                raise AssetError(f"{self.asset}: it requires {str(name)[:60]} ({what}); export it without")
        for name in d.many(d.json, "extensionsUsed", "the document"):
            if name not in KNOWN:
                self.note(f"extension {str(name)[:60]} is not read")
        if d.many(d.json, "animations", "the document"):
            self.note("its animations are left out")
        self._walk()
        for index in self._world:
            self._node(index)
        if not self._pieces:
            raise AssetError(f"{self.asset}: its scene shows no triangles")
        start = np.cumsum([0, *(len(p.position) for p in self._pieces)])
        turn = [2, 0, 1]  # z, x, y of the file are x, y, z here

        def all_of(name: str) -> Any:
            return np.concatenate([getattr(p, name) for p in self._pieces])

        return Shell(
            position=all_of("position")[:, turn],
            normal=all_of("normal")[:, turn],
            tint=all_of("tint"),
            uv=all_of("uv"),
            triangles=np.concatenate([p.triangles + s for p, s in zip(self._pieces, start[:-1], strict=True)]),
            look=all_of("look"),
            looks=tuple(self._paints.looks),
            lights=tuple(self._lights),
            notes=tuple(self.notes),
        )

    # --- nodes --------------------------------------------------------------------------------------------------------

    def _walk(self) -> None:
        """The matrices of all nodes of the default scene, roots first."""
        d = self.document
        nodes = d.many(d.json, "nodes", "the document")
        if d.many(d.json, "scenes", "the document"):
            index = d.whole(d.json, "scene", "the document", 0)
            roots = d.many(d.thing("scenes", index, "scene"), "nodes", f"scenes[{index}]")
        else:
            below = {c for i in range(len(nodes)) for c in d.many(d.thing("nodes", i, "nodes"), "children", "nodes")
                     if isinstance(c, int)}  # fmt: skip
            roots = [i for i in range(len(nodes)) if i not in below]
        todo: list[tuple[Any, F64, str]] = [(root, np.eye(4), "the scene") for root in reversed(roots)]
        while todo:
            index, parent, where = todo.pop()
            node = d.thing("nodes", index, where)
            if index in self._world:
                raise d.error(f"nodes[{index}]", "stands in the scene twice; each node has one parent")
            self._world[index] = _product(parent, self._matrix(node, f"nodes[{index}]"))
            children = d.many(node, "children", f"nodes[{index}]")
            todo += [(child, self._world[index], f"nodes[{index}]") for child in reversed(children)]

    def _matrix(self, node: dict[str, Any], where: str) -> F64:
        d = self.document
        if "matrix" in node:
            return np.array(d.numbers(node, "matrix", where, (0.0,) * 16)).reshape(4, 4).T
        x, y, z, w = d.numbers(node, "rotation", where, (0.0, 0.0, 0.0, 1.0))
        length = x * x + y * y + z * z + w * w
        if not 1e-12 < length < 1e12:
            raise d.error(f"{where}.rotation", "is no rotation: its length is zero")
        s = 2.0 / length
        out = np.eye(4)
        out[:3, :3] = [
            [1 - s * (y * y + z * z), s * (x * y - z * w), s * (x * z + y * w)],
            [s * (x * y + z * w), 1 - s * (x * x + z * z), s * (y * z - x * w)],
            [s * (x * z - y * w), s * (y * z + x * w), 1 - s * (x * x + y * y)],
        ]
        out[:3, :3] *= np.array(d.numbers(node, "scale", where, (1.0, 1.0, 1.0)))
        out[:3, 3] = d.numbers(node, "translation", where, (0.0, 0.0, 0.0))
        return out

    def _node(self, index: int) -> None:
        d, node, where = self.document, self.document.thing("nodes", index, "the scene"), f"nodes[{index}]"
        world = self._world[index]
        light = d.extension(node, "KHR_lights_punctual", where)
        if "light" in light:
            self._light(light["light"], world[:3, 3], where)
        if "mesh" not in node:
            return
        mesh = d.thing("meshes", node["mesh"], where)
        skin = self._skin(node["skin"], where) if "skin" in node else None
        for i, primitive in enumerate(d.many(mesh, "primitives", f"meshes[{node['mesh']}]")):
            here = f"meshes[{node['mesh']}].primitives[{i}]"
            if not isinstance(primitive, dict):
                raise d.error(here, "must be an object")
            self._primitive(primitive, here, world, skin)

    def _light(self, index: object, place: F64, where: str) -> None:
        d = self.document
        lights = d.many(d.extension(d.json, "KHR_lights_punctual", "the document"), "lights", "KHR_lights_punctual")
        if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < len(lights):
            raise d.error(where, f"names light {str(index)[:20]}, and there are {len(lights)}")
        light, here = lights[index], f"KHR_lights_punctual.lights[{index}]"
        if not isinstance(light, dict):
            raise d.error(here, "must be an object")
        kind, name = d.text(light, "type", here, ""), d.text(light, "name", here, f"light {index}")[:60]
        if kind not in ("point", "spot"):
            self.note(f"light '{name}' is {kind[:20] or 'of no type'}: only point and spot lights become lamps")
            return
        if kind == "spot":
            self.note(f"light '{name}' is a spot: here it shines to all sides")
        r, g, b = d.numbers(light, "color", here, (1.0, 1.0, 1.0), 0.0, 100.0)
        candela = d.number(light, "intensity", here, 1.0, 0.0, 1e9)
        self._lights.append(Light(name, (float(place[2]), float(place[0]), float(place[1])), (r, g, b), candela))

    def _skin(self, index: object, where: str) -> F64:
        """Matrices of a skin's joints [J, 4, 4], scene from mesh, as the file's nodes stand."""
        d, skin, here = self.document, self.document.thing("skins", index, where), f"skins[{index}]"
        self.note("its skin is shown as it was bound, without animation")
        joints = d.many(skin, "joints", here)
        inverse = np.tile(np.eye(4), (len(joints), 1, 1))
        if "inverseBindMatrices" in skin:
            found = d.accessor(skin["inverseBindMatrices"], here, (16,))
            if len(found) < len(joints):
                raise d.error(here, f"has {len(joints)} joints and {len(found)} inverseBindMatrices")
            inverse = found[: len(joints)].reshape(-1, 4, 4).transpose(0, 2, 1)
        out = []
        for joint, matrix in zip(joints, inverse, strict=True):
            d.thing("nodes", joint, here)
            if joint not in self._world:
                raise d.error(here, f"has joint {joint}, which is not in the scene")
            out.append(_product(self._world[joint], matrix))
        return np.array(out, np.float64).reshape(-1, 4, 4)

    # --- meshes -------------------------------------------------------------------------------------------------------

    def _primitive(self, primitive: dict[str, Any], where: str, world: F64, skin: F64 | None) -> None:
        d = self.document
        self._primitives += 1
        if self._primitives > MAX_PRIMITIVES:
            raise LimitError(f"{self.asset}: its nodes put down more than {MAX_PRIMITIVES:,} primitives")
        attributes = d.map(primitive, "attributes", where)
        mode = d.whole(primitive, "mode", where, 4, 6)
        if mode < 4:
            self.note(f"{where} is made of points or lines, which are left out")
            return
        if "KHR_draco_mesh_compression" in d.map(primitive, "extensions", where):
            self.note(f"{where} is compressed (Draco) and read from its plain copy")
        if d.many(primitive, "targets", where):
            self.note("its morph targets are left out")
        if "POSITION" not in attributes:
            raise d.error(where, "has no POSITION")
        position = d.accessor(attributes["POSITION"], f"{where}.POSITION", (3,))
        n = len(position)
        triangles = self._indices(primitive, where, n, mode)
        self._vertices += max(n, len(triangles) * 3 if "NORMAL" not in attributes else 0)
        self._triangles += len(triangles)
        if self._vertices > MAX_VERTICES or self._triangles > MAX_TRIANGLES:
            raise LimitError(
                f"{self.asset}: at {where} it has {self._vertices:,} vertices and {self._triangles:,} triangles; "
                f"{MAX_VERTICES:,} and {MAX_TRIANGLES:,} are read"
            )

        def attribute(name: str, widths: tuple[int, ...]) -> F64 | None:
            if name not in attributes:
                return None
            found = d.accessor(attributes[name], f"{where}.{name}", widths)
            if len(found) != n:
                raise d.error(f"{where}.{name}", f"has {len(found):,} elements and POSITION {n:,}")
            return found

        paint = self._paints.paint(primitive.get("material"), where)
        normal, colour = attribute("NORMAL", (3,)), attribute("COLOR_0", (3, 4))
        uv = attribute(f"TEXCOORD_{paint.texcoord}", (2,))
        if uv is None and paint.needs_uv:
            self.note(f"{where} has a picture but no TEXCOORD_{paint.texcoord}: one texel colours all of it")
        joints, weights = attribute("JOINTS_0", (4,)), attribute("WEIGHTS_0", (4,))
        if skin is not None and joints is not None and weights is not None:
            position, normal = _skinned(position, normal, joints, weights, skin, where, d)
            world = np.eye(4)
        tint = np.tile(np.array(paint.tint), (n, 1)) * (1.0 if colour is None else np.clip(colour[:, :3], 0.0, 1.0))
        uv = np.zeros((n, 2)) if uv is None else uv
        u, v = (row[0] * uv[:, 0] + row[1] * uv[:, 1] + row[2] for row in paint.uv_from)
        placed = _apply(world, position)
        if not np.isfinite(placed).all() or np.abs(placed).max(initial=0.0) > 1e9:
            raise d.error(where, "has vertices too far away to be drawn")
        a, b, c = (world[:3, (k + 1) % 3] for k in range(3))
        cofactor = np.stack([np.cross(a, b), np.cross(b, c), np.cross(c, a)], 1)  # of columns 0, 1, 2
        if float((world[:3, 0] * cofactor[:, 0]).sum()) < 0.0:  # a mirror turns triangles inside out
            triangles, cofactor = triangles[:, ::-1], -cofactor
        if normal is not None:
            normal = (cofactor[None] * normal[:, None]).sum(2)
        piece = Shell(placed, placed, tint, np.stack([u, v], 1), triangles, np.full(len(triangles), paint.look), ())
        if len(triangles):
            self._pieces.append(_with_normals(piece, normal))

    def _indices(self, primitive: dict[str, Any], where: str, n: int, mode: int) -> I64:
        d = self.document
        if "indices" in primitive:
            order = d.accessor(primitive["indices"], f"{where}.indices", (1,), is_index=True)[:, 0].astype(np.int64)
            if len(order) and order.max() >= n:
                raise d.error(f"{where}.indices", f"names vertex {order.max():,} of {n:,}")
        else:
            order = np.arange(n)
        if mode == 4:
            return order[: len(order) // 3 * 3].reshape(-1, 3)
        k = np.arange(max(len(order) - 2, 0))
        if mode == 6:
            return np.stack([order[k + 1], order[k + 2], np.full(len(k), order[0] if len(order) else 0)], 1)
        odd = k % 2
        return np.stack([order[k], order[k + 1 + odd], order[k + 2 - odd]], 1)


def _product(a: F64, b: F64) -> F64:
    """Of matrices [4, 4], as sums in a fixed order: no BLAS, the same on every machine."""
    return np.asarray((a[:, :, None] * b[None]).sum(1))


def _apply(matrix: F64, points: F64) -> F64:
    """Points [n, 3] through a matrix [4, 4]."""
    x, y, z = points.T
    return np.stack([m[0] * x + m[1] * y + m[2] * z + m[3] for m in matrix[:3]], 1)


def _skinned(
    position: F64, normal: F64 | None, joints: F64, weights: F64, skin: F64, where: str, d: Document
) -> tuple[F64, F64 | None]:
    """Vertices moved by the joints that hold them."""
    index = joints.astype(np.int64)
    if index.size and index.max() >= len(skin):
        raise d.error(f"{where}.JOINTS_0", f"names joint {index.max()} of {len(skin)}")
    total = weights.sum(1, keepdims=True)
    share = np.where(total > 1e-9, weights / np.maximum(total, 1e-9), 0.25)
    out, turned = np.zeros_like(position), None if normal is None else np.zeros_like(position)
    for k in range(4):
        matrix = skin[index[:, k]]
        out += share[:, k : k + 1] * ((matrix[:, :3, :3] * position[:, None]).sum(2) + matrix[:, :3, 3])
        if turned is not None and normal is not None:
            turned += share[:, k : k + 1] * (matrix[:, :3, :3] * normal[:, None]).sum(2)
    return out, turned


def _with_normals(piece: Shell, normal: F64 | None) -> Shell:
    """The piece with unit normals: the file's where they are any, else those of its flat faces."""
    corner = piece.position[piece.triangles]
    face = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    length = np.sqrt((face * face).sum(1))
    kept = length > 1e-18  # triangles without area are not drawn
    triangles, look, face = piece.triangles[kept], piece.look[kept], face[kept] / length[kept, None]
    if normal is None:
        order = triangles.reshape(-1)
        return replace(
            piece,
            position=piece.position[order],
            normal=np.repeat(face, 3, axis=0),
            tint=piece.tint[order],
            uv=piece.uv[order],
            triangles=np.arange(len(order)).reshape(-1, 3),
            look=look,
        )
    size = np.sqrt((normal * normal).sum(1, keepdims=True))
    flat = np.zeros_like(piece.position)
    flat[:, 2] = 1.0
    flat[triangles.reshape(-1)] = np.repeat(face, 3, axis=0)
    normal = np.where(size > 1e-9, normal / np.maximum(size, 1e-300), flat)
    return replace(piece, normal=normal, triangles=triangles, look=look)
