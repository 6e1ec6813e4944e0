"""Meshes on the GPU: vertex buffers of which any part is drawn into any pass."""

from collections.abc import Iterator
from itertools import pairwise

import moderngl
import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from engine.raster.bodies import PosedBodies
from engine.raster.meshes import VERTEX, Meshes, PageTable, vertices_of_quads
from engine.raster.programs import set_uniforms
from engine.state.blueprint import Picture

F32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

SRGB8_ALPHA8 = 0x8C43  # OpenGL's name: filtered as linear light
BODY_VERTEX = np.dtype(
    [
        ("position", "<f4", 3),
        ("previous", "<f4", 3),
        ("normal", "<f4", 3),
        ("light", "<f4", 3),
        ("entity", "<u4"),
        ("material", "<u4"),
    ]
)


@njit(cache=True, nogil=True)
def _indices_of_pages(quads, seen, first, last, out, written):  # type: ignore[no-untyped-def]
    """Write the indices of the quads of the chosen pages among rows first:last; returns how many `out` then holds."""
    for page in range(first, last):
        if seen[page]:
            for quad in range(quads[page, 0], quads[page, 1]):
                for k, corner in enumerate((0, 1, 2, 0, 2, 3)):
                    out[written + k] = 4 * quad + corner
                written += 6
    return written


class StaticMesh:
    """The chunks of a grid as vertex buffers, of which any pages are drawn into any pass."""

    def __init__(self, context: moderngl.Context) -> None:
        self.context = context
        self._indices = np.empty(0, np.uint32)
        self._index: moderngl.Buffer | None = None
        self._buffers: dict[tuple[int, int], tuple[int, moderngl.Buffer]] = {}
        self._arrays: dict[tuple[tuple[int, int], moderngl.Program], moderngl.VertexArray] = {}

    def update(self, meshes: Meshes) -> None:
        """Send the chunks whose quads changed."""
        for place, chunk in meshes.chunks.items():
            kept = self._buffers.get(place)
            if kept is not None and kept[0] == chunk.version:
                continue
            self._forget(place)
            if len(chunk.quads):
                buffer = self.context.buffer(vertices_of_quads(chunk.quads).tobytes())
                self._buffers[place] = (chunk.version, buffer)
        for place in [p for p in self._buffers if p not in meshes.chunks]:
            self._forget(place)
        needed = 6 * sum(len(chunk.quads) for chunk in meshes.chunks.values())
        if needed > len(self._indices):
            for array in self._arrays.values():
                array.release()
            self._arrays.clear()
            if self._index is not None:
                self._index.release()
            self._indices = np.empty(needed + needed // 4, np.uint32)
            self._index = self.context.buffer(reserve=self._indices.nbytes, dynamic=True)

    def _forget(self, place: tuple[int, int]) -> None:
        for key in [key for key in self._arrays if key[0] == place]:
            self._arrays.pop(key).release()
        if place in self._buffers:
            self._buffers.pop(place)[1].release()

    def draw(self, target: moderngl.Program, table: PageTable, seen: Bool) -> None:
        """Draw some of the table's pages [P], always in the table's order."""
        ends = [0]
        for first, last in pairwise(table.chunk_first.tolist()):
            ends.append(_indices_of_pages(table.quads, seen, first, last, self._indices, ends[-1]))
        if not ends[-1]:
            return
        assert self._index is not None
        self._index.write(self._indices[: ends[-1]])
        for place, (first, last) in zip(table.places, pairwise(ends), strict=True):
            if last > first:
                self._array(target, place).render(moderngl.TRIANGLES, vertices=last - first, first=first)

    def _array(self, target: moderngl.Program, place: tuple[int, int]) -> moderngl.VertexArray:
        key = (place, target)
        if key not in self._arrays:
            named = [("3u2", "in_position"), ("1u2", "in_packed"), ("1u4", "in_key")]
            layout = " ".join(form if name in target else _skipped(form) for form, name in named)
            names = [name for _, name in named if name in target]
            self._arrays[key] = self.context.vertex_array(
                target, [(self._buffers[place][1], layout, *names)], self._index, index_element_size=4
            )
        return self._arrays[key]

    def release(self) -> None:
        """Give the buffers back."""
        for place in list(self._buffers):
            self._forget(place)
        if self._index is not None:
            self._index.release()
        self._index, self._indices = None, np.empty(0, np.uint32)


def _skipped(form: str) -> str:
    """The padding that stands in for an attribute that a program does not read."""
    count, size = int(form[0]), int(form[2])
    return f"{count * size}x"


@njit(parallel=True, cache=True, nogil=True)
def _bring(first, position, previous, normal, light, sent, differs):  # type: ignore[no-untyped-def]
    """Bring what changes of the vertices of bodies, sent [V, 14] as BODY_VERTEX has it, up to date, and say of which
    bodies that was another: differs [B].
    """
    for b in prange(len(differs)):
        differs[b] = False
        for v in range(first[b], first[b + 1]):
            own, same = sent[v], True
            for a in range(3):
                same &= own[a] == position[v, a] and own[3 + a] == previous[v, a]
                same &= own[6 + a] == normal[v, a] and own[9 + a] == light[v, a]
            if not same:
                differs[b] = True
                for a in range(3):
                    own[a], own[3 + a], own[6 + a], own[9 + a] = (
                        position[v, a],
                        previous[v, a],
                        normal[v, a],
                        light[v, a],
                    )


def _runs(which: Bool) -> Iterator[tuple[int, int]]:
    """Where those that are true lie together: first and last + 1 of each run."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], which, [False]]).astype(np.int8))).tolist()
    return zip(edges[::2], edges[1::2], strict=True)


class BodyMesh:
    """The posed bodies as one vertex buffer, drawn into any pass."""

    def __init__(self, context: moderngl.Context) -> None:
        self.context = context
        self.count = 0  # indices to draw
        self._posed: PosedBodies | None = None
        self._sent = np.zeros((0, BODY_VERTEX.itemsize // 4), np.float32)  # [V, 14] what the buffer holds
        self._first_index = np.zeros(1, np.int64)  # [B + 1] body b has the indices first_index[b] : first_index[b + 1]
        self._vertices: moderngl.Buffer | None = None
        self._index: moderngl.Buffer | None = None
        self._arrays: dict[moderngl.Program, moderngl.VertexArray] = {}
        self._skin: moderngl.Buffer | None = None  # uv and tint
        self._pictures: dict[int, tuple[Picture, moderngl.Texture]] = {}
        self._white: moderngl.Texture | None = None

    def update(self, posed: PosedBodies, light: F32) -> None:
        """Send the vertices; `light` is e [V, 3], for emissive materials the radiance that leaves them."""
        is_laid_out = self._posed is not None and self._posed.triangles is posed.triangles
        if not is_laid_out:
            self._lay_out(posed)
        self._posed = posed
        if self._vertices is None:
            return
        first, differs = posed.first_vertex, np.empty(len(posed.first_vertex) - 1, np.bool_)
        _bring(first, posed.position, posed.previous_position, posed.normal, light, self._sent, differs)
        if not is_laid_out:
            differs[:] = True
        for begin, end in _runs(differs):
            rows = slice(int(first[begin]), int(first[end]))
            self._vertices.write(self._sent[rows], offset=rows.start * BODY_VERTEX.itemsize)

    def _lay_out(self, posed: PosedBodies) -> None:
        """Make room for other bodies, and send what never changes of them."""
        self.release()
        self.count = 3 * len(posed.triangles)
        self._first_index = 3 * posed.first_triangle.astype(np.int64)
        data = np.zeros(len(posed.position), BODY_VERTEX)
        data["entity"], data["material"] = posed.entity, posed.material
        self._sent = data.view(np.float32).reshape(-1, BODY_VERTEX.itemsize // 4)
        if not self.count:
            return
        self._vertices = self.context.buffer(reserve=data.nbytes, dynamic=True)
        self._index = self.context.buffer(np.ascontiguousarray(posed.triangles, np.uint32).tobytes())
        if posed.dress.has_skin.any():
            skin = np.concatenate([posed.dress.uv, posed.dress.tint], 1)
            self._skin = self.context.buffer(np.ascontiguousarray(skin, np.float32).tobytes())

    @property
    def boxes(self) -> tuple[F32, F32]:
        """Low and high corners [B, 3] of the bodies, metres."""
        empty = np.empty((0, 3), np.float32)
        return (empty, empty) if self._posed is None else (self._posed.low, self._posed.high)

    @property
    def has_skin(self) -> Bool:
        """Which bodies [B] have a skin."""
        return np.zeros(0, np.bool_) if self._posed is None else self._posed.dress.has_skin

    @property
    def has_holes(self) -> Bool:
        """Which bodies [B] have a skin with holes."""
        return np.zeros(0, np.bool_) if self._posed is None else self._posed.dress.has_holes

    def draw(self, target: moderngl.Program, seen: Bool) -> None:
        """Draw some of the bodies [B], as if they had no skins."""
        array = self._array(target)
        if array is None:
            return
        for begin, end in _runs(seen):
            first, last = int(self._first_index[begin]), int(self._first_index[end])
            if last > first:
                array.render(moderngl.TRIANGLES, vertices=last - first, first=first)

    def draw_coats(self, target: moderngl.Program, seen: Bool) -> None:
        """Draw those of some bodies [B] that have skins, coat after coat, with pictures in units 2 and 3."""
        array = self._array(target) if (seen & self.has_skin).any() else None
        if array is None:
            return
        assert self._posed is not None
        for body, coat in self._posed.dress.coats:
            if seen[body]:
                self._picture(coat.picture).use(2)
                if "glow_picture" in target:
                    set_uniforms(target, glows=int(coat.glow is not None))
                    self._picture(coat.glow).use(3)
                first = int(self._first_index[body]) + 3 * coat.first
                array.render(moderngl.TRIANGLES, vertices=3 * (coat.last - coat.first), first=first)

    def _picture(self, picture: Picture | None) -> moderngl.Texture:
        """The texture of a picture, with all its levels; white for None."""
        if picture is None:
            if self._white is None:
                self._white = self.context.texture((1, 1), 4, b"\xff" * 4)
            return self._white
        if id(picture) not in self._pictures:
            height, width = picture.rgba.shape[:2]
            data = np.ascontiguousarray(picture.rgba).tobytes()
            texture = self.context.texture((width, height), 4, data, internal_format=SRGB8_ALPHA8)
            texture.build_mipmaps()
            texture.filter = (moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR)
            texture.repeat_x, texture.repeat_y = picture.repeats
            self._pictures[id(picture)] = picture, texture
        return self._pictures[id(picture)][1]

    def _array(self, target: moderngl.Program) -> moderngl.VertexArray | None:
        if not self.count or self._vertices is None:
            return None
        array = self._arrays.get(target)
        if array is None:
            named = [
                ("3f4", "in_position"),
                ("3f4", "in_previous"),
                ("3f4", "in_normal"),
                ("3f4", "in_light"),
                ("1u4", "in_entity"),
                ("1u4", "in_material"),
            ]
            layout = " ".join(form if name in target else _skipped(form) for form, name in named)
            names = [name for _, name in named if name in target]
            content = [(self._vertices, layout, *names)]
            if "in_uv" in target and self._skin is not None:
                tinted = "in_tint" in target
                content.append((self._skin, "2f4 3f4" if tinted else "2f4 12x", *("in_uv", "in_tint")[: 1 + tinted]))
            array = self.context.vertex_array(target, content, self._index, index_element_size=4)
            self._arrays[target] = array
        return array

    def release(self) -> None:
        """Give the buffers back."""
        for array in self._arrays.values():
            array.release()
        self._arrays.clear()
        textures = [texture for _, texture in self._pictures.values()]
        for thing in (self._vertices, self._index, self._skin, self._white, *textures):
            if thing is not None:
                thing.release()
        self._pictures.clear()
        self._vertices = self._index = self._posed = self._skin = self._white = None


assert VERTEX.itemsize == 12
