"""Quads of the static world: exposed voxel faces of a brick, merged greedily where material and side agree.

A quad never leaves its brick, so that it lies on exactly one surface page, and a changed voxel touches only its own
brick and the neighbours that see it. What is below the world counts as solid, so its underside is never drawn; beyond
the other borders is air. Merging is the greedy method of Lysenko, "Meshing in a Minecraft Game" (2012).

Merged quads meet at T-junctions, where rounding to the rasteriser's sub-pixel grid may leave pinholes. The vertex
shader therefore grows each quad in its plane by a hundredth of a pixel (see shaders/voxels.vert); `corner` says which
way.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.core.units import BRICK, VOXEL_M
from engine.view import VoxelView

CHUNK = 8  # bricks along a chunk's edge, in x and y; a chunk reaches through the whole height
# Part of the bricks with quads beyond which all quads are made anew. A raster frame of the town takes .4 s then; to
# follow 2, 10 and 20 % of its bricks took .26 to .38, .42 to .58 and .66 to .93 s, together or scattered.
FOLLOWED = 0.05
FEW_BRICKS = 64  # are followed in any world
MANY_QUADS = 16384  # that come or go: to draw all of the picture takes less than to find out where they are in it
SIDES = 6  # 0 +x, 1 -x, 2 +y, 3 -y, 4 +z, 5 -z

VERTEX = np.dtype(
    [
        ("position", "<u2", 3),  # voxels: exact on the grid
        ("packed", "<u2"),  # side | corner u << 3 | corner v << 4 | material << 8
        ("key", "<u4"),  # surface page
    ]
)
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
F64 = NDArray[np.float64]
Bool = NDArray[np.bool_]


@njit(cache=True, nogil=True)
def _mesh_bricks(material, bricks, first, out):  # type: ignore[no-untyped-def]
    """Write quads of bricks[first:] to `out` until it may be full; returns (first brick not done, quads written)."""
    nx, ny, nz = material.shape
    by, bz = ny // 8, nz // 8
    mask = np.empty((8, 8), np.uint8)
    stride = np.array((ny * nz, nz, 1), np.int64)
    limit = np.array((nx, ny, nz), np.int64)
    flat = material.reshape(-1)
    low = np.empty(3, np.int64)
    corner = np.empty(3, np.int64)
    written = 0
    for brick in range(first, len(bricks)):
        if written + 3072 > len(out):  # 6 sides x 8 slices x 64 faces: the most one brick can have
            return brick, written
        bx0, by0, bz0 = bricks[brick, 0], bricks[brick, 1], bricks[brick, 2]
        low[0], low[1], low[2] = 8 * bx0, 8 * by0, 8 * bz0
        page0 = ((bx0 * by + by0) * bz + bz0) * 48
        base = low[0] * stride[0] + low[1] * stride[1] + low[2]
        for axis in range(3):
            u, v = (axis + 1) % 3, (axis + 2) % 3
            for negative in range(2):
                step = -stride[axis] if negative else stride[axis]
                for slice_ in range(8):
                    along = low[axis] + slice_ + (-1 if negative else 1)
                    outside = along < 0 or along >= limit[axis]
                    if outside and negative and axis == 2:
                        continue  # the underside of the world
                    any_face = False
                    row = base + slice_ * stride[axis]
                    for j in range(8):
                        for i in range(8):
                            at = row + i * stride[u] + j * stride[v]
                            m = flat[at]
                            if m != 0 and not outside and flat[at + step] != 0:
                                m = np.uint8(0)
                            mask[j, i] = m
                            any_face = any_face or m != 0
                    if not any_face:
                        continue
                    for j in range(8):
                        i = 0
                        while i < 8:
                            m = mask[j, i]
                            if m == 0:
                                i += 1
                                continue
                            width = 1
                            while i + width < 8 and mask[j, i + width] == m:
                                width += 1
                            height = 1
                            grows = True
                            while j + height < 8 and grows:
                                for k in range(width):
                                    if mask[j + height, i + k] != m:
                                        grows = False
                                        break
                                if grows:
                                    height += 1
                            for jj in range(height):
                                for ii in range(width):
                                    mask[j + jj, i + ii] = 0
                            corner[axis] = low[axis] + slice_ + (0 if negative else 1)
                            corner[u] = low[u] + i
                            corner[v] = low[v] + j
                            out[written, 0] = page0 + (2 * axis + negative) * 8 + slice_
                            out[written, 1], out[written, 2], out[written, 3] = corner[0], corner[1], corner[2]
                            out[written, 4], out[written, 5] = width, height
                            out[written, 6], out[written, 7] = 2 * axis + negative, m
                            written += 1
                            i += width
    return len(bricks), written


@njit(cache=True, nogil=True)
def _filled_bricks(material, out):  # type: ignore[no-untyped-def]
    nx, ny, nz = material.shape
    for bx in range(nx // 8):
        for by in range(ny // 8):
            for x in range(8 * bx, 8 * bx + 8):
                for y in range(8 * by, 8 * by + 8):
                    for z in range(nz):
                        if material[x, y, z] != 0:
                            out[bx, by, z >> 3] = True


def filled_bricks(material: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which bricks hold any voxel at all: [X/8, Y/8, Z/8]."""
    out = np.zeros(tuple(n // BRICK for n in material.shape), np.bool_)
    _filled_bricks(material, out)
    return out


def quads_of_bricks(material: NDArray[np.uint8], bricks: I32) -> I32:
    """Merged exposed faces of bricks [n, 3].

    Returns [Q, 8]: page key, low corner x y z (voxels), extent along u and v (voxels), side, material; in the order
    of `bricks`.
    """
    out = np.empty((max(4096, min(6 * len(bricks), 1 << 18) + 3072), 8), np.int32)
    material, first = np.ascontiguousarray(material), 0
    parts: list[I32] = []
    while first < len(bricks):
        first, written = _mesh_bricks(material, bricks, first, out)
        parts.append(out[:written].copy())
    return np.concatenate(parts) if parts else np.empty((0, 8), np.int32)


@njit(cache=True)
def _fill_vertices(quads, words):  # type: ignore[no-untyped-def]
    for q in range(len(quads)):
        side, material, key = quads[q, 6], quads[q, 7], quads[q, 0]
        axis, is_negative = side >> 1, side & 1
        for corner in range(4):  # (0, 0), (1, 0), (1, 1), (0, 1); a face that looks the other way runs round so too
            first, second = np.int32(corner == 1 or corner == 2), np.int32(corner >= 2)
            u, v = (second, first) if is_negative else (first, second)
            vertex = words[4 * q + corner]
            vertex[0], vertex[1], vertex[2] = quads[q, 1], quads[q, 2], quads[q, 3]
            vertex[(axis + 1) % 3] += u * quads[q, 4]
            vertex[(axis + 2) % 3] += v * quads[q, 5]
            vertex[3] = side | u << 3 | v << 4 | material << 8
            vertex[4], vertex[5] = key & 0xFFFF, key >> 16


def vertices_of_quads(quads: I32) -> NDArray[np.void]:
    """Four vertices per quad [4 Q] of dtype VERTEX, counter-clockwise seen from outside."""
    words = np.empty((4 * len(quads), VERTEX.itemsize // 2), np.uint16)
    _fill_vertices(quads, words)
    return words.view(VERTEX).reshape(-1)


@dataclass(frozen=True)
class Chunk:
    """The quads of 8 x 8 columns of bricks, sorted by page and so by brick."""

    quads: I32  # [Q, 8]
    page: I32  # [P] keys of the surface pages that have quads
    page_first: I32  # [P + 1] the quads of row p are page_first[p] : page_first[p + 1]
    low: F64  # [P, 3] metres: the box round them
    high: F64  # [P, 3]
    brick_first: I32  # [N] the first row of each brick
    brick_low: F64  # [N, 3] metres: the box round the quads of a brick
    brick_high: F64  # [N, 3]
    version: int  # grows whenever the quads change


def _boxes_of_quads(quads: I32) -> tuple[F64, F64]:
    """Low and high corners [Q, 3] in metres."""
    low, high, axis, row = quads[:, 1:4], quads[:, 1:4].copy(), quads[:, 6] >> 1, np.arange(len(quads))
    high[row, (axis + 1) % 3] += quads[:, 4]
    high[row, (axis + 2) % 3] += quads[:, 5]
    return np.multiply(low, VOXEL_M), np.multiply(high, VOXEL_M)


def _in_order(quads: I32) -> I32:
    """Quads sorted by page, and within one by place: independent of edit history."""
    return quads[np.lexsort((quads[:, 2], quads[:, 1], quads[:, 3], quads[:, 0]))]


def _chunk_of_quads(quads: I32, version: int) -> Chunk:
    """A chunk of quads that are in order."""
    first = np.flatnonzero(np.diff(quads[:, 0], prepend=-1))
    page = quads[first, 0]
    if not len(quads):
        none, no_box = np.empty(0, np.int32), np.empty((0, 3))
        return Chunk(quads, page, np.zeros(1, np.int32), no_box, no_box, none, no_box, no_box, version)
    corner, opposite = _boxes_of_quads(quads)
    low: F64 = np.minimum.reduceat(corner, first)
    high: F64 = np.maximum.reduceat(opposite, first)
    bricks = np.flatnonzero(np.diff(page // 48, prepend=-1))
    box = np.minimum.reduceat(low, bricks), np.maximum.reduceat(high, bricks)
    page_first = np.append(first, len(quads)).astype(np.int32)
    return Chunk(quads, page, page_first, low, high, bricks.astype(np.int32), *box, version)


@dataclass(frozen=True)
class PageTable:
    """All surface pages that have quads, by chunk and brick: what decides which quads are drawn."""

    places: tuple[tuple[int, int], ...]  # [C] of the chunks, in their fixed order
    chunk_first: I32  # [C + 1] the pages of chunk c are rows chunk_first[c] : chunk_first[c + 1]
    page: I32  # [P] key
    quads: I32  # [P, 2] first quad in the chunk and the first beyond
    low: F64  # [P, 3] metres: the box round the quads of a page
    high: F64  # [P, 3]
    brick_first: I32  # [N + 1] the pages of brick n are rows brick_first[n] : brick_first[n + 1]
    brick_low: F64  # [N, 3] metres: the box round the quads of a brick
    brick_high: F64  # [N, 3]

    @property
    def n_bricks(self) -> int:
        """How many bricks have quads."""
        return len(self.brick_low)

    def rows(self, keys: NDArray[np.integer]) -> I64:
        """The rows of those among some pages that have quads."""
        marked = np.zeros(max(int(keys.max(initial=0)), int(self.page.max(initial=0))) + 1, np.bool_)
        marked[keys] = True
        return np.flatnonzero(marked[self.page])


def _table_of_chunks(chunks: dict[tuple[int, int], Chunk]) -> PageTable:
    places = tuple(sorted(place for place, chunk in chunks.items() if len(chunk.quads)))
    used = [chunks[place] for place in places]
    chunk_first = np.cumsum([0, *(len(chunk.page) for chunk in used)]).astype(np.int32)
    if not used:
        none, no_box = np.empty(0, np.int32), np.empty((0, 3))
        return PageTable((), chunk_first, none, none.reshape(0, 2), no_box, no_box, chunk_first, no_box, no_box)
    page, low, high, brick_low, brick_high = (
        np.concatenate([getattr(chunk, name) for chunk in used])
        for name in ("page", "low", "high", "brick_low", "brick_high")
    )
    quads = np.concatenate([np.stack([chunk.page_first[:-1], chunk.page_first[1:]], -1) for chunk in used])
    starts = [chunk.brick_first + first for chunk, first in zip(used, chunk_first[:-1], strict=True)]
    brick_first = np.concatenate([*starts, chunk_first[-1:]])
    return PageTable(places, chunk_first, page, quads, low, high, brick_first, brick_low, brick_high)


@dataclass(frozen=True)
class Remeshed:
    """What a change of voxels did to the quads."""

    bricks: I32  # [n, 3] those that changed, and their neighbours
    low: F64  # [m, 3] metres: boxes round the quads that went and those that came
    high: F64


def _either(old: I32, new: I32) -> I32:
    """The quads that are in one of two lists and not in the other; no list holds one twice."""
    both, count = np.unique(np.concatenate([old, new]), axis=0, return_counts=True)
    return np.asarray(both[count == 1], np.int32)


class Meshes:
    """The quads of a whole grid by chunk, kept in step with the stamps of its bricks."""

    def __init__(self) -> None:
        self.chunks: dict[tuple[int, int], Chunk] = {}
        self.table = _table_of_chunks({})
        self._stamp: I64 | None = None
        self._version = 0

    def update(self, voxels: VoxelView) -> Remeshed | None:
        """Bring the quads up to date. Returns what became of them, or None where all may differ: at the start, and
        where so much changed that to tell takes longer.
        """
        stamp = voxels.stamp
        if (
            self._stamp is None
            or self._stamp.shape != stamp.shape
            or np.count_nonzero(self._stamp != stamp) > max(FOLLOWED * self.table.n_bricks, FEW_BRICKS)
        ):
            self._stamp = stamp.copy()
            self._fill(voxels.material)
            self.table = _table_of_chunks(self.chunks)
            return None
        if np.array_equal(self._stamp, stamp):
            return Remeshed(np.empty((0, 3), np.int32), np.empty((0, 3)), np.empty((0, 3)))
        changed = np.argwhere(self._stamp != stamp)
        self._stamp = stamp.copy()
        steps = np.concatenate([np.zeros((1, 3), np.int64), np.eye(3, dtype=np.int64), -np.eye(3, dtype=np.int64)])
        bricks = np.unique((changed[:, None] + steps).reshape(-1, 3), axis=0)
        bricks = bricks[((bricks >= 0) & (bricks < stamp.shape)).all(1)].astype(np.int32)
        self._version += 1
        index = np.ravel_multi_index(tuple(bricks.T), stamp.shape)
        lists: list[tuple[I32, I32]] = []  # of quads before and now
        for cx, cy in {(int(x), int(y)) for x, y in bricks[:, :2] // CHUNK}:
            ours = bricks[(bricks[:, 0] // CHUNK == cx) & (bricks[:, 1] // CHUNK == cy)]
            quads = quads_of_bricks(voxels.material, ours)
            if (cx, cy) in self.chunks:
                old = self.chunks[cx, cy].quads
                meshed_again = np.isin(old[:, 0] // 48, index)
                lists.append((old[meshed_again], quads))
                stays, quads = old[~meshed_again], _in_order(quads)  # these are of other pages
                quads = np.insert(stays, np.searchsorted(stays[:, 0], quads[:, 0]), quads, axis=0)
            else:
                lists.append((quads[:0], quads))
                quads = _in_order(quads)
            self.chunks[cx, cy] = _chunk_of_quads(quads, self._version)
        self.table = _table_of_chunks(self.chunks)
        if sum(len(old) + len(new) for old, new in lists) > MANY_QUADS:
            return None
        differing = [_either(old, new) for old, new in lists]
        return Remeshed(bricks, *_boxes_of_quads(np.concatenate([np.empty((0, 8), np.int32), *differing])))

    def _fill(self, material: NDArray[np.uint8]) -> None:
        self._version += 1
        filled = filled_bricks(material)
        self.chunks = {}
        for cx in range(0, filled.shape[0], CHUNK):
            for cy in range(0, filled.shape[1], CHUNK):
                bricks = np.argwhere(filled[cx : cx + CHUNK, cy : cy + CHUNK]).astype(np.int32)
                if len(bricks):
                    quads = _in_order(quads_of_bricks(material, bricks + np.array([cx, cy, 0], np.int32)))
                    self.chunks[cx // CHUNK, cy // CHUNK] = _chunk_of_quads(quads, self._version)

    def bounds(self) -> tuple[F64, F64]:
        """Low and high corner of everything drawn, in metres; a unit box when there is nothing."""
        table = self.table
        if not len(table.page):
            return np.zeros(3), np.ones(3)
        return table.brick_low.min(0), table.brick_high.max(0)
