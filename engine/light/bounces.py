"""How light bounces: along a few rays of every texel's own.

In every pass of a relight (relight.py) each texel reads along N_RAYS rays what the pass before left on other texels, or
on the patches that stand for many of them far away. Few rays are enough, because 128 such texels or more are read at a
time by what is seen (gather.py). Light that went from probe to probe instead, a metre apart, was smooth and a little
too much beside windows and in corners: over six worlds by day FLIP was .0545 with it, and .0458 with 64 rays in every
pass (docs/TRAINING.md).

These rays are transport: they are traced when voxels change, and only those that cross the change. Things that stand
about are not met by them; what is seen asks about them (gather.py).
"""

from collections.abc import Iterator

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from engine.light import gather
from engine.light.compiled import leaf
from engine.light.crossing import boxes_of, code_to_reach, look_at, rays_that_touch
from engine.light.distinct import each_once
from engine.light.extents import (
    BANDS,
    bands_in_reach,
    measure,
    no_extents,
    with_room,
)
from engine.light.faces import mark_rows, page_key, row_of, texels_of
from engine.light.gather import (
    bounce_phase,
    bounce_turn,
    end_of_ray,
    met_code,
    packed_met,
    patch_level,
    texel_direction,
    texel_ray,
)
from engine.light.keeping import pack, unpack
from engine.light.readers import RaysOfPages
from engine.light.skylight import sky_towards
from engine.light.surface import Surface, spot_of
from engine.light.trace import Voxels
from engine.view import SkyView

Bool = NDArray[np.bool_]
I32 = NDArray[np.int32]
F64 = NDArray[np.float64]

N_RAYS = gather.BOUNCE_RAYS
ALL_RAYS = np.uint8(2**N_RAYS - 1)
SHARE = np.float32(1 / N_RAYS)  # of what a texel gathers that a ray brings
SKY = gather.ENDS + gather.SKY  # as rays are kept
BLOCKED = gather.ENDS + gather.BLOCKED
LISTED = 8  # texels whose rays are listed by where they end cost as much as one whose rays are traced
ASKED = 32  # texels whose rays are asked whether they cross a box cost as much as one whose rays are traced
BLOCK = 64  # texels, or pages, that a thread works through with the same scratch
FOLLOWED = 0.1  # beyond this part of all rays to list readers anew takes less than to move them
RAYS_OF_BANDS = np.array(
    [sum(1 << k for k in range(N_RAYS) if bands >> k * BANDS // N_RAYS & 1) for bands in range(1 << BANDS)]
)  # [4] as bits, of bands, as bits too
NOWHERE = np.uint32(BLOCKED << 8)  # `met` of a ray that was never traced


@njit(parallel=True, cache=True)
def _trace(voxels, faces, place, texels, void, met):
    """Trace the rays of some texels that have a bit in void [T]: met [T, N_RAYS], see gather.packed_met."""
    for i in prange(len(texels)):
        t = texels[i]
        origin, direction, turn = np.empty(3, np.float64), np.empty(3, np.float64), bounce_turn(place, t)
        for k in range(N_RAYS):
            if not void[t] >> k & 1:
                continue
            texel_ray(place, t, turn, k, N_RAYS, origin, direction)
            far, end = end_of_ray(voxels, faces, origin, direction)
            met[t, k] = packed_met(end, far)


@leaf
def _asked_of(met, ending, leaving, least):
    """Which of a texel's rays [N_RAYS] may touch a box, as bits: those of the bands that have one that does
    (`bands_in_reach`) and that go so far, `least` metres.
    """
    reach, leave, code = np.int64(0), np.int64(0), code_to_reach(least)
    for k in range(N_RAYS):
        reach |= np.int64(met_code(met[k]) >= code) << k
        leave |= np.int64(met[k] >> np.uint32(8) == SKY) << k
    return np.uint64(reach & (leave & RAYS_OF_BANDS[leaving] | ~leave & RAYS_OF_BANDS[ending]))


@leaf
def _cross_some(
    first, last, rows, faces, page_key_of_row, n_bricks, place, is_fresh, extents, met, boxes, void, room
):  # fmt: skip
    """`_cross` of pages first .. last - 1, in the room [2, 3] that a thread has."""
    for i in range(first, last):
        row = rows[i]
        of_page = texels_of(faces, row)
        for b in range(len(boxes.low)):
            ending, leaving, least = bands_in_reach(
                extents, row, page_key_of_row[row], n_bricks[1], n_bricks[2], boxes.low[b], boxes.high[b]
            )  # fmt: skip
            if ending | leaving == 0:
                continue
            for t in faces.texel[of_page[0] : of_page[1]]:
                way = look_at(place, t, boxes, b)
                asked = _asked_of(met[t], ending, leaving, max(least, way[0] - boxes.radius[b])) & ~np.uint64(void[t])
                if asked != 0:
                    phase = bounce_phase(place, t)
                    touching = rays_that_touch(place, is_fresh, t, phase, 0, met[t], asked, boxes, b, way, room)
                    void[t] |= np.uint8(touching)


@njit(parallel=True, cache=True)
def _cross(rows, faces, page_key_of_row, n_bricks, place, is_fresh, extents, met, boxes, void):
    """Set the bits in void [T] of those rays of some pages that touch one of some boxes; is_fresh [T] are faces that
    came with what is in the boxes.
    """
    for block in prange((len(rows) + BLOCK - 1) // BLOCK):
        room, last = np.empty((2, 3)), min(block * BLOCK + BLOCK, len(rows))
        _cross_some(
            block * BLOCK, last, rows, faces, page_key_of_row, n_bricks, place, is_fresh, extents, met, boxes, void,
            room,
        )  # fmt: skip


@leaf
def _spot_met(met, patch_spot):
    """What a ray that ends on a texel reads there: a spot (surface.py)."""
    return spot_of(np.int64(met >> np.uint32(8)), patch_level(met_code(met)), patch_spot)


@leaf
def gathered(t, met, sky, patch_spot, radiance, e):
    """What the rays of texel t bring: e [3], from radiance [S], packed by spot, and sky [T] (`sky_of_texels`)."""
    e[0], e[1], e[2] = unpack(sky[t])
    for k in range(N_RAYS):
        if met[t, k] >> np.uint32(8) < BLOCKED:
            r, g, b = unpack(radiance[_spot_met(met[t, k], patch_spot)])
            e[0] += r * SHARE
            e[1] += g * SHARE
            e[2] += b * SHARE


@leaf
def _sky_of(t, place, met, sun, zenith, horizon, glow, ground, direction, light, total):
    turn, is_turned = (0.0, 0.0, 0.0, 0.0), False
    total[:] = 0.0
    for k in range(N_RAYS):
        if met[t, k] >> np.uint32(8) != SKY:
            continue
        if not is_turned:
            turn, is_turned = bounce_turn(place, t), True
        texel_direction(place[t, 3], turn, k, N_RAYS, direction)
        sky_towards(
            np.float32(direction[0]), np.float32(direction[1]), np.float32(direction[2]), sun, zenith, horizon, glow,
            ground, light,
        )  # fmt: skip
        for c in range(3):
            total[c] += light[c] * SHARE


@njit(parallel=True, cache=True)
def sky_of_texels(texels, place, met, sun, zenith, horizon, glow, ground, sky):
    """What the rays of some texels [n] bring that leave the world: sky [T], packed."""
    for block in prange((len(texels) + BLOCK - 1) // BLOCK):
        direction, light, total = np.empty(3, np.float64), np.empty(3, np.float32), np.empty(3, np.float32)
        for i in range(block * BLOCK, min(block * BLOCK + BLOCK, len(texels))):
            t = texels[i]
            _sky_of(t, place, met, sun, zenith, horizon, glow, ground, direction, light, total)
            sky[t] = pack(total[0], total[1], total[2])


@njit(parallel=True, cache=True)
def _bounced(texels, place, met, sky, patch_spot, radiance, e):
    """`gathered` by some texels [n]: e [n, 3]. Rays may be out of date: where the texel went that one ended on, it
    brings nothing.
    """
    for i in prange(len(texels)):
        t = texels[i]
        e[i, 0], e[i, 1], e[i, 2] = unpack(sky[t])
        for k in range(N_RAYS):
            end = np.int64(met[t, k] >> np.uint32(8))
            if end < BLOCKED and place[end, 3] >= 0:
                r, g, b = unpack(radiance[_spot_met(met[t, k], patch_spot)])
                e[i, 0] += r * SHARE
                e[i, 1] += g * SHARE
                e[i, 2] += b * SHARE


@njit(parallel=True, cache=True)
def _rows_met(rays, met, place, faces, ny_bricks, nz_bricks, rows):
    """The page on which each of some rays [n] (t * N_RAYS + k) ends: rows [n], -1 none."""
    for i in prange(len(rays)):
        rows[i], end = -1, np.int64(met[rays[i] // N_RAYS, rays[i] % N_RAYS] >> np.uint32(8))
        if end < BLOCKED and place[end, 3] >= 0:
            x, y, z, side = place[end, 0], place[end, 1], place[end, 2], place[end, 3]
            rows[i] = row_of(faces, page_key(x, y, z, side, ny_bricks, nz_bricks))


@leaf
def _mark_readers_of(rays, met, patch_spot, changed, mark):
    for ray in rays:
        t = ray // N_RAYS
        if not mark[t] and changed[_spot_met(met[t, ray % N_RAYS], patch_spot)]:
            mark[t] = True


@njit(parallel=True, cache=True)
def _mark_readers(rows, start, count, rays, met, patch_spot, changed, mark):
    """Mark the texels with a ray into some pages [n] that reads something that changed [S]: mark [T]."""
    for i in prange(len(rows)):
        first = start[rows[i]]
        _mark_readers_of(rays[first : first + count[rows[i]]], met, patch_spot, changed, mark)


class BounceRays:
    """The rays of all texels that light bounces along. They are brought up to date when they are wanted."""

    def __init__(self) -> None:
        self.met = np.zeros((0, N_RAYS), np.uint32)  # [T, K] where a ray ends and how far away
        self.keeps_readers = False  # whether to know, once all are traced, which of them end on a page
        self.readers: RaysOfPages | None = None
        self._void = np.zeros(0, np.uint8)  # [T] bits: rays to be traced
        self._extents = no_extents(0)  # of all pages, for rays that are not to be traced
        self._boxes: list[tuple[F64, F64]] = []  # low, high [n, 3] metres: changes that no ray was asked about yet
        self._rows: list[I32] = []  # [n] pages that gained or lost texels meanwhile
        self._early = np.zeros(0, np.int32)  # [n] new texels that `trace_new` was about
        self._n_traced = 0

    def take_traced(self) -> int:
        """How many rays were traced since the last call."""
        n, self._n_traced = self._n_traced, 0
        return n

    def make_room(self, more: int) -> None:
        """For more texels."""
        self.met = np.concatenate([self.met, np.full((more, N_RAYS), NOWHERE)])
        self._void = np.concatenate([self._void, np.zeros(more, np.uint8)])

    def note(self, fresh: I32) -> None:
        """Some texels are new."""
        self._void[fresh] = ALL_RAYS

    def note_change(self, fresh: I32, gone: I32, rows: I32, low: F64, high: F64, surface: Surface) -> None:
        """Voxels differ in boxes low..high [n, 3] metres, so that some texels are new, some went, and some pages differ
        by these.
        """
        texels = each_once(fresh, gone)
        if self.readers is not None:
            rays = (texels[:, None] * N_RAYS + np.arange(N_RAYS)).ravel().astype(np.int32)
            nowhere = np.full(len(rays), -1, np.int32)
            self.readers.move(rays, self._rows_of(rays, surface), nowhere, len(surface.page_key_of_row))
        self.met[texels] = NOWHERE
        self._void[gone] = 0
        self._void[fresh] = ALL_RAYS
        self._rows.append(rows)
        self._boxes.append((low, high))

    def trace(
        self, voxels: Voxels, surface: Surface, found: NDArray[np.bool_], most_texels: int | None = None
    ) -> Iterator[None]:
        """Trace what changes made void and mark in found [T] the texels of such rays; in parts of about `most_texels`,
        if given.
        """
        rows = np.flatnonzero(surface.page_key_of_row >= 0).astype(np.int32)
        self._extents = with_room(self._extents, len(surface.page_key_of_row))
        if self._boxes:
            boxes = boxes_of(*(np.concatenate(corners) for corners in zip(*self._boxes, strict=True)))
            per_page, is_fresh = surface.n_texels / max(len(rows), 1), self._void == ALL_RAYS
            for part in _parts(rows, most_texels and int(ASKED * most_texels / per_page) + 1):
                _cross(
                    part, surface.faces, surface.page_key_of_row, surface.n_bricks, surface.place, is_fresh,
                    self._extents, self.met, boxes, self._void,
                )  # fmt: skip
                yield
            self._boxes.clear()
        self.met[self._early] = NOWHERE
        void = np.flatnonzero(self._void).astype(np.int32)
        rays = None if self.readers is None else self._rays_of(void)
        before = None if rays is None else self._rows_of(rays, surface)
        for part in _parts(void, most_texels):
            _trace(voxels, surface.faces, surface.place, part, self._void, self.met)
            self._n_traced += int(np.bitwise_count(self._void[part]).sum())
            self._measure(part, surface)  # also of pages of which some is still to be traced, and then again
            yield
        found[void] = True
        self._void[:] = 0
        if rays is not None and before is not None and self._can_follow(rays, surface):
            self._follow_readers(rays, before, surface)
        elif self.keeps_readers:
            yield from self._list_readers(surface, most_texels and LISTED * most_texels)
        self._rows.clear()
        self._early = np.zeros(0, np.int32)

    def _list_readers(self, surface: Surface, most_texels: int | None) -> Iterator[None]:
        """List the rays of all texels by the pages that they end on, in parts."""
        parts = _parts(np.arange(self.met.size, dtype=np.int32), most_texels and N_RAYS * most_texels)
        rows = np.empty(self.met.size, np.int32)
        for rays in parts:
            rows[rays] = self._rows_of(rays, surface)
            yield
        readers = RaysOfPages(rows, len(surface.page_key_of_row), is_empty=True)
        for rays in parts:
            readers.fill(rays, rows[rays])
            yield
        self.readers = readers

    def _rays_of(self, texels: I32) -> I32:
        """The void rays of some texels: [n] t * N_RAYS + k."""
        which, k = np.nonzero(self._void[texels, None] >> np.arange(N_RAYS, dtype=np.uint8) & 1)
        return (texels[which] * N_RAYS + k).astype(np.int32)

    def _rows_of(self, rays: I32, surface: Surface) -> I32:
        """The page on which each of some rays [n] ends, -1 none."""
        rows, (_, ny, nz) = np.empty(len(rays), np.int32), surface.n_bricks
        _rows_met(rays, self.met, surface.place, surface.faces, ny, nz, rows)
        return rows

    def _pages_that_differ(self, surface: Surface) -> Bool:
        """Which pages [n_pages] gained or lost texels since readers were up to date."""
        differs = np.zeros(len(surface.page_key_of_row), np.bool_)
        for rows in self._rows:
            differs[rows] = True
        return differs

    def _can_follow(self, rays: I32, surface: Surface) -> bool:
        """Whether, with some rays [n] traced again, to bring readers up to date takes less than to list them."""
        assert self.readers is not None
        known = np.flatnonzero(self._pages_that_differ(surface)[: len(self.readers.count)])
        return len(rays) + int(self.readers.count[known].sum()) < FOLLOWED * self.met.size

    def _follow_readers(self, rays: I32, before: I32, surface: Surface) -> None:
        """Some rays [n] ended on pages `before` [n] until now, unless these differ: of those all rays are listed anew,
        for who knows what a number that was given out anew belonged to.
        """
        readers, differs = self.readers, self._pages_that_differ(surface)
        assert readers is not None
        known = np.flatnonzero(differs[: len(readers.count)]).astype(np.int32)
        read = readers.of(known)
        strayed = np.sort(read[~np.isin(read, rays)])
        readers.empty(known)
        before = np.where((before >= 0) & differs[before], -1, before)
        before = np.concatenate([before, np.full(len(strayed), -1, np.int32)])
        rays = np.concatenate([rays, strayed])
        readers.move(rays, before, self._rows_of(rays, surface), len(differs))

    def trace_new(self, voxels: Voxels, surface: Surface) -> I32:
        """Trace the rays of new texels before `trace`, which then does so again. Returns these [n]."""
        self._early = np.flatnonzero(self._void == ALL_RAYS).astype(np.int32)
        _trace(voxels, surface.faces, surface.place, self._early, self._void, self.met)
        return self._early

    def _measure(self, texels: I32, surface: Surface) -> None:
        """Measure the extents of the pages of some texels [n] anew."""
        mark = np.zeros(len(surface.page_key_of_row), np.bool_)
        mark_rows(texels, surface.place, surface.faces, surface.n_bricks[1], surface.n_bricks[2], mark)
        rows = np.flatnonzero(mark).astype(np.int32)
        measure(rows, surface.faces, surface.place, self.met, SKY, BLOCKED, self._extents)

    def mark_readers(self, rows: I32, surface: Surface, changed: Bool, mark: Bool) -> None:
        """Mark the texels with a ray that ends on one of some pages [n] and reads something that changed [S]: mark [T].
        Readers must be kept.
        """
        readers = self.readers
        assert readers is not None
        _mark_readers(
            rows, readers.start, readers.count, readers.rays, self.met, surface.patch_spot, changed, mark
        )  # fmt: skip

    def look_at_sky(self, texels: I32, surface: Surface, sky: SkyView, e: NDArray[np.uint32]) -> None:
        """`sky_of_texels`: e [T]."""
        sky_of_texels(
            texels, surface.place, self.met, sky.sun_direction, sky.zenith, sky.horizon, sky.glow, sky.ground, e
        )  # fmt: skip

    def bounced(self, texels: I32, surface: Surface, radiance: NDArray[np.uint32], sky: SkyView) -> NDArray[np.float32]:
        """What the rays of some texels [n] bring by now, e [n, 3], from radiance [S], packed by spot, and a sky."""
        from_sky, e = np.empty(surface.capacity, np.uint32), np.empty((len(texels), 3), np.float32)
        self.look_at_sky(texels, surface, sky, from_sky)
        _bounced(texels, surface.place, self.met, from_sky, surface.patch_spot, radiance, e)
        return e


def _parts(texels: I32, most: int | None) -> list[I32]:
    return np.array_split(texels, max(-(-len(texels) // most), 1) if most else 1)
