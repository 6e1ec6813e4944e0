"""The last bounces: what every texel gathers along a few rays of its own.

Light bounces along probes (passes.py). They stand a metre apart and share with their neighbours, so what they tell a
texel is smooth and a little too much beside windows and in corners; and what a camera sees is mostly that, at the ends
of its own rays (gather.py). So in the last passes a texel asks no probe: it reads along LAST_RAYS rays what the pass
before left on other texels. Few are enough, because 128 such texels or more are read at a time. Over six worlds by day
FLIP came from .0545 to .0499 with 8 rays, .0475 with 16 and .0458 with 64 in every pass, all of it behind 1,024 rays of
what is seen (docs/TRAINING.md, also on how many passes).

These rays too are transport: they are traced when voxels change, and only those that cross the change. Things that
stand about are not met by them; what is seen asks about them (gather.py).
"""

import math
from collections.abc import Iterator

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from engine.light import gather
from engine.light.extents import (
    BANDS,
    bands_ending_in,
    bands_in_reach,
    lies_between,
    measure,
    no_extents,
    sums_of,
    with_room,
)
from engine.light.faces import PAGES_PER_BRICK, texels_of
from engine.light.gather import (
    CODE,
    REACH_OF_CODE,
    bin_of_distance,
    end_of_ray,
    last_turn,
    patch_level,
    rays_crossing,
    texel_direction,
    texel_ray,
)
from engine.light.keeping import pack, unpack
from engine.light.passes import mark_rows
from engine.light.skylight import sky_towards
from engine.light.surface import Surface, spot_of
from engine.light.trace import Voxels
from engine.view import SkyView

Bool = NDArray[np.bool_]
I32 = NDArray[np.int32]
F64 = NDArray[np.float64]

LAST_RAYS = 8
ALL_RAYS = np.uint8(2**LAST_RAYS - 1)
SKY = gather.SKY & 0xFFFFFF  # what a ray meets that leaves the world
BLOCKED = gather.BLOCKED & 0xFFFFFF  # what one meets that ends on a face without a texel, or past the last that fits
ASKED = 32  # texels whose rays are asked whether they cross a box cost as much as one whose rays are traced
BLOCK = 64  # texels, or pages, that a thread works through with the same scratch


@njit(parallel=True, cache=True)
def _trace(voxels, faces, place, texels, void, met):
    """Trace the rays of some texels that have a bit in void [T]: met [T, LAST_RAYS], the texel where a ray ends in 24
    bits and how far that is in 8, as in gather.trace_texels.
    """
    for i in prange(len(texels)):
        t = texels[i]
        origin, direction, turn = np.empty(3, np.float64), np.empty(3, np.float64), last_turn(place, t)
        for k in range(LAST_RAYS):
            if not void[t] >> k & 1:
                continue
            texel_ray(place, t, turn, k, LAST_RAYS, origin, direction)
            far, end = end_of_ray(voxels, faces, origin, direction)
            end = min(end, BLOCKED) & SKY  # the numbers below 0 become the two highest
            met[t, k] = np.uint32(end << 8 | int(math.ceil(bin_of_distance(far) * CODE)))


@njit(parallel=True, cache=True)
def _cross(rows, faces, page_key_of_row, n_bricks, place, extents, met, low, high, void):
    """Set the bits in void [T] of those rays of some pages that touch one of the boxes [m, 3] (metres)."""
    for block in prange((len(rows) + BLOCK - 1) // BLOCK):
        scratch = np.empty(3, np.float64), np.empty(3, np.float64), np.empty(3, np.float64)
        code = np.empty(LAST_RAYS, np.uint8)
        for i in range(block * BLOCK, min(block * BLOCK + BLOCK, len(rows))):
            row = rows[i]
            ending, leaving, least = bands_in_reach(
                extents, row, page_key_of_row[row], n_bricks[1], n_bricks[2], low, high
            )  # fmt: skip
            if ending | leaving == 0:
                continue
            of_page = texels_of(faces, row)
            for t in faces.texel[of_page[0] : of_page[1]]:
                asked = np.uint64(0)
                for k in range(LAST_RAYS):
                    code[k] = met[t, k] & np.uint32(0xFF)
                    end, band = met[t, k] >> np.uint32(8), k * BANDS // LAST_RAYS
                    if not (leaving if end == SKY else ending) >> band & 1 or void[t] >> k & 1:
                        continue
                    if code[k] < 240 and REACH_OF_CODE[code[k]] < least:
                        continue
                    # Where a texel is new, another may have been that the ray ended on.
                    is_other = end >= BLOCKED or place[end, 3] < 0 or void[end] == ALL_RAYS
                    if is_other or lies_between(place, t, end, low, high):
                        asked |= np.uint64(1) << np.uint64(k)
                if asked != 0:
                    void[t] |= np.uint8(rays_crossing(place, t, code, asked, True, low, high, scratch))


@njit(cache=True)
def _spot_met(met, patch_spot):
    """What a ray that ends on a texel reads there: a spot (surface.py)."""
    return spot_of(np.int64(met >> np.uint32(8)), patch_level(np.int64(met & np.uint32(0xFF))), patch_spot)


@njit(cache=True)
def _gathered(t, place, met, patch_spot, radiance, sun, zenith, horizon, glow, ground, direction, light, total):
    """What texel t gathers: total [3]; direction [3] and light [3] are scratch."""
    total[:] = 0.0
    turn, is_turned = (0.0, 0.0, 0.0, 0.0), False
    for k in range(LAST_RAYS):
        end = met[t, k] >> np.uint32(8)
        if end == BLOCKED:
            continue
        if end == SKY:
            if not is_turned:
                turn = last_turn(place, t)
                is_turned = True
            texel_direction(place[t, 3], turn, k, LAST_RAYS, direction)
            sky_towards(
                np.float32(direction[0]), np.float32(direction[1]), np.float32(direction[2]), sun, zenith, horizon,
                glow, ground, light,
            )  # fmt: skip
        else:
            light[0], light[1], light[2] = unpack(radiance[_spot_met(met[t, k], patch_spot)])
        for c in range(3):
            total[c] += light[c] / np.float32(LAST_RAYS)


@njit(parallel=True, cache=True)
def gather_last(texels, place, met, patch_spot, radiance, sun, zenith, horizon, glow, ground, e, differs):
    """Indirect light of some texels [n] by what their rays read, radiance [S] packed by spot, and the sky they see:
    packed, e [T]. differs [n] where it is another than before.
    """
    for block in prange((len(texels) + BLOCK - 1) // BLOCK):
        direction, light, total = np.empty(3, np.float64), np.empty(3, np.float32), np.empty(3, np.float32)
        for i in range(block * BLOCK, min(block * BLOCK + BLOCK, len(texels))):
            t = texels[i]
            _gathered(t, place, met, patch_spot, radiance, sun, zenith, horizon, glow, ground, direction, light, total)
            now = pack(total[0], total[1], total[2])
            differs[i] = now != e[t]
            e[t] = now


@njit(parallel=True, cache=True)
def _mark_readers(rows, faces, extents, sums, met, patch_spot, changed, beside, mark):
    """Mark the texels of some pages with a ray that reads something that changed [S], all of it on pages whose texels
    are set in beside [T], in bricks that are counted in sums (`sums_of`): mark [T].
    """
    for i in prange(len(rows)):
        bands = bands_ending_in(extents, rows[i], sums)
        if bands == 0:
            continue
        of_page = texels_of(faces, rows[i])
        for t in faces.texel[of_page[0] : of_page[1]]:
            for k in range(LAST_RAYS):
                end = met[t, k] >> np.uint32(8)
                if not bands >> (k * BANDS // LAST_RAYS) & 1 or end >= BLOCKED or not beside[end]:
                    continue
                if changed[_spot_met(met[t, k], patch_spot)]:
                    mark[t] = True
                    break


@njit(cache=True)
def _set_texels(rows, faces, mark):
    """Mark the texels of some pages: mark [T]."""
    for row in rows:
        of_page = texels_of(faces, row)
        for t in faces.texel[of_page[0] : of_page[1]]:
            mark[t] = True


class LastRays:
    """The rays of the last bounces, of all texels. They are brought up to date when they are wanted."""

    def __init__(self) -> None:
        self.met = np.zeros((0, LAST_RAYS), np.uint32)  # [T, K] where a ray ends and how far away, see `_trace`
        self._void = np.zeros(0, np.uint8)  # [T] bits: rays to be traced
        self._extents = no_extents(0)  # of all pages, for rays that are not to be traced
        self._boxes: list[tuple[F64, F64]] = []  # low, high [n, 3] metres: changes that no ray was asked about yet

    def make_room(self, more: int) -> None:
        """For more texels."""
        self.met = np.concatenate([self.met, np.zeros((more, LAST_RAYS), np.uint32)])
        self._void = np.concatenate([self._void, np.zeros(more, np.uint8)])

    def note(self, fresh: I32, low: F64 | None = None, high: F64 | None = None) -> None:
        """Some texels are new, and voxels differ in boxes low..high [n, 3] metres."""
        self._void[fresh] = ALL_RAYS
        if low is not None and high is not None:
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
            low, high = (np.concatenate(corners) for corners in zip(*self._boxes, strict=True))
            per_page = surface.n_texels / max(len(rows), 1)
            for part in _parts(rows, most_texels and int(ASKED * most_texels / per_page) + 1):
                _cross(
                    part, surface.faces, surface.page_key_of_row, surface.n_bricks, surface.place, self._extents,
                    self.met, low, high, self._void,
                )  # fmt: skip
                yield
            self._boxes.clear()
        void = np.flatnonzero((self._void != 0) & (surface.place[:, 3] >= 0)).astype(np.int32)
        for part in _parts(void, most_texels):
            _trace(voxels, surface.faces, surface.place, part, self._void, self.met)
            self._measure(part, surface)  # also of pages of which some is still to be traced, and then again
            yield
        found[void] = True
        self._void[:] = 0

    def _measure(self, texels: I32, surface: Surface) -> None:
        """Measure the extents of the pages of some texels [n] anew."""
        mark = np.zeros(len(surface.page_key_of_row), np.bool_)
        mark_rows(texels, surface.place, surface.faces, surface.n_bricks[1], surface.n_bricks[2], mark)
        rows = np.flatnonzero(mark).astype(np.int32)
        measure(rows, surface.faces, surface.place, self.met, SKY, BLOCKED, self._extents)

    def mark_readers(self, surface: Surface, changed: Bool, mark: Bool) -> None:
        """Mark the texels with a ray that reads something that changed [S]: mark [T]. No patch may have changed without
        a texel of its page.
        """
        rows = np.flatnonzero(surface.page_key_of_row >= 0).astype(np.int32)
        pages, bricks = np.zeros(len(surface.page_key_of_row), np.bool_), np.zeros(surface.n_bricks, np.bool_)
        texels = np.flatnonzero(changed[: surface.capacity] & (surface.place[:, 3] >= 0)).astype(np.int32)
        mark_rows(texels, surface.place, surface.faces, surface.n_bricks[1], surface.n_bricks[2], pages)
        keys = surface.page_key_of_row[pages]
        bricks.reshape(-1)[keys // PAGES_PER_BRICK] = True
        beside = np.zeros(surface.capacity, np.bool_)
        _set_texels(np.flatnonzero(pages).astype(np.int32), surface.faces, beside)
        _mark_readers(
            rows, surface.faces, self._extents, sums_of(bricks), self.met, surface.patch_spot, changed, beside, mark
        )  # fmt: skip

    def gather(
        self, texels: I32, surface: Surface, radiance: NDArray[np.uint32], sky: SkyView, e: NDArray[np.uint32]
    ) -> NDArray[np.bool_]:
        """`gather_last`: e [T] of some texels [n]; returns where it differs."""
        differs = np.empty(len(texels), np.bool_)
        gather_last(
            texels, surface.place, self.met, surface.patch_spot, radiance, sky.sun_direction, sky.zenith, sky.horizon,
            sky.glow, sky.ground, e, differs,
        )  # fmt: skip
        return differs


def _parts(texels: I32, most: int | None) -> list[I32]:
    return np.array_split(texels, max(-(-len(texels) // most), 1) if most else 1)
