"""The last bounce: what every texel gathers along a few rays of its own.

Light bounces along probes (passes.py). They stand a metre apart and share with their neighbours, so what they tell a
texel is smooth and a little too much beside windows and in corners; and what a camera sees is mostly that, at the ends
of its own rays (gather.py). So in the last pass a texel asks no probe: it reads along LAST_RAYS rays what the pass
before it left on other texels. Few are enough, because 128 such texels are read at a time. Over six worlds by day FLIP
came from .0545 to .0499 with 8 rays, .0475 with 16 and .0458 with 64 in every pass, all of it behind 1,024 rays of what
is seen (docs/TRAINING.md).

These rays too are transport: they are traced when voxels change, and only those that cross the change. Things that
stand about are not met by them; a texel's 128 are.
"""

import math
from collections.abc import Iterator

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from engine.light import gather
from engine.light.gather import (
    CODE,
    bin_of_distance,
    end_of_ray,
    last_turn,
    patch_level,
    rays_crossing,
    texel_direction,
    texel_ray,
)
from engine.light.keeping import pack, unpack
from engine.light.skylight import sky_towards
from engine.light.surface import Surface, spot_of
from engine.light.trace import Voxels
from engine.view import SkyView

I32 = NDArray[np.int32]
F64 = NDArray[np.float64]

LAST_RAYS = 8
ALL_RAYS = np.uint8(2**LAST_RAYS - 1)
SKY = gather.SKY & 0xFFFFFF  # what a ray meets that leaves the world
BLOCKED = gather.BLOCKED & 0xFFFFFF  # what one meets that ends on a face without a texel, or past the last that fits
ASKED = 32  # texels whose rays are asked whether they cross a box cost as much as one whose rays are traced
BLOCK = 64  # texels that a thread works through with the same scratch


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
def _cross(place, texels, met, low, high, void):
    """Set the bits in void [T] of those rays of some texels that touch one of the boxes [m, 3] (metres)."""
    for block in prange((len(texels) + BLOCK - 1) // BLOCK):
        scratch = np.empty(3, np.float64), np.empty(3, np.float64), np.empty(3, np.float64)
        code = np.empty(LAST_RAYS, np.uint8)
        for i in range(block * BLOCK, min(block * BLOCK + BLOCK, len(texels))):
            t = texels[i]
            for k in range(LAST_RAYS):
                code[k] = met[t, k] & np.uint32(0xFF)
            void[t] |= np.uint8(rays_crossing(place, t, code, True, low, high, scratch))


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
def mark_last(texels, met, patch_spot, changed, mark):
    """Mark those of some texels with a ray that reads something that changed [S]: mark [T]."""
    for i in prange(len(texels)):
        t = texels[i]
        for k in range(LAST_RAYS):
            if met[t, k] >> np.uint32(8) < BLOCKED and changed[_spot_met(met[t, k], patch_spot)]:
                mark[t] = True
                break


class LastRays:
    """The rays of the last bounce, of all texels. They are brought up to date when they are wanted."""

    def __init__(self) -> None:
        self.met = np.zeros((0, LAST_RAYS), np.uint32)  # [T, K] where a ray ends and how far away, see `_trace`
        self._void = np.zeros(0, np.uint8)  # [T] bits: rays to be traced
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
        if self._boxes:
            low, high = (np.concatenate(corners) for corners in zip(*self._boxes, strict=True))
            alive = surface.alive()
            for part in _parts(alive[self._void[alive] != ALL_RAYS], most_texels and ASKED * most_texels):
                _cross(surface.place, part, self.met, low, high, self._void)
                yield
            self._boxes.clear()
        void = np.flatnonzero((self._void != 0) & (surface.place[:, 3] >= 0)).astype(np.int32)
        for part in _parts(void, most_texels):
            _trace(voxels, surface.faces, surface.place, part, self._void, self.met)
            yield
        found[void] = True
        self._void[:] = 0

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
