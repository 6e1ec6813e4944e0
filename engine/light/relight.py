"""Relight: light travels along the kept transport. No ray is traced here but those that texels bounce light along.

Radiance of a texel = emission + albedo * (direct + indirect); indirect is gathered along rays of its own (bounces.py).
Some passes from zero, the more the whiter the world, so a picture depends on the state alone, never on the frames
before. Every source enters one sum: light is linear.

The light of every pass is kept (keeping.py), by spot. A change is followed pass by pass: what reads something that
differs is worked out again, and where the rounded result is what it was the change has ended. So light after a change
is the same bits as light from nothing, and costs what the change reaches.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.light import passes as one_pass
from engine.light.surface import exposed_faces
from engine.light.transport import Transport
from engine.view import SkyView, VoxelView

F32 = NDArray[np.float32]
U32 = NDArray[np.uint32]
I32 = NDArray[np.int32]
Bool = NDArray[np.bool_]

LEFT_OUT = 0.3  # of the light in a closed room so much may be lost with the bounces not made
PASSES = (8, 24)  # least and most
NO_PAGES = np.zeros(0, np.int32)
NOBODY_ASKS = np.zeros(0, np.bool_)
NO_LIGHT = np.zeros(0, np.uint32)
UNFINISHED = np.iinfo(np.int32).max  # stands for the number of a relight in parts until it is through
MANY = 0.4  # a change of more than this part of all texels is followed as a change of everything


class Direct(NamedTuple):
    """Light that texels get straight from sources."""

    lamps: U32  # [T] e, packed
    sun_share: NDArray[np.uint8]  # [T] how much of them the sun shines on, of SUN_WHOLE
    sun: F32  # [3] e of the sun on a surface that faces it
    sun_direction: F32  # [3] unit, world


class Scene(NamedTuple):
    """What light there is and what it falls on, in one relight."""

    transport: Transport
    albedo: F32  # [M, 3] for light straight from sources
    bounced: F32  # [M, 3] for light from everywhere
    emission: F32  # [M, 3]
    direct: Direct
    sky: SkyView


def passes_for(albedo: F32) -> int:
    """How often to gather in a world whose texels have albedos [n, 3]: enough for a room of the upper quartile's. Light
    has no part in it, so that sources add.
    """
    grey = albedo.mean(1)
    bright = float(np.partition(grey, 3 * len(grey) // 4)[3 * len(grey) // 4]) if len(grey) else 0.0
    wanted = math.ceil(math.log(LEFT_OUT) / math.log(min(max(bright, 1e-3), 0.999)))
    return min(max(wanted, PASSES[0]), PASSES[1])


def passes_for_world(voxels: VoxelView, albedo: F32) -> int:
    """`passes_for` the faces that a world shows as it was made, of materials with albedos [M, 3]: edits never change
    how often light is gathered.
    """
    faces = exposed_faces(np.ascontiguousarray(voxels.base if voxels.base.size else voxels.material))
    return passes_for(np.repeat(albedo, faces[: len(albedo)], axis=0))


@dataclass
class Dirty:
    """What reads something else than it did at the last relight, beside the light itself."""

    texels: NDArray[np.int32]  # [n] whose material or direct light may differ


class Relight:
    """Radiance on texels for one state of the lights, and all passes that led to it."""

    def __init__(self, stamp: int = 0, compares: bool = True) -> None:
        """`stamp` is where the count of relights goes on from.

        `compares` False passes on what may differ instead of what does, pass by pass, as block-sparse networks do with
        their masks (SIGE, Li et al. 2022): the same light, to measure against.
        """
        self._compares = compares
        self.stamp = stamp  # number of the last relight
        self.spread_at = stamp  # its number when anything but lamps themselves last differed
        self.changed_at = np.zeros(0, np.int32)  # [S] relight in which the radiance of a spot was last another
        self.sky_changed_at = stamp
        self.texels_done = 0  # texels worked out in the last relight, all passes together
        self._passes = 0
        self._sky_e = np.zeros(0, np.uint32)  # [T] packed, what it brings along texels' rays
        self._sky = b""
        self._radiance = np.zeros((0, 0), np.uint32)  # [passes + 1, S] packed, by spot
        self._shown: U32 | None = None  # radiance of before, while new is worked out
        self._writes = stamp  # what `changed_at` gets in the relight that is going on
        self._n_texels = 0  # T of the tables by spot: the spots behind are patches

    @property
    def radiance(self) -> U32:
        """[S] packed, of every spot."""
        return np.asarray(self._radiance[self._passes]) if self._shown is None else self._shown

    def run(self, scene: Scene, passes: int, dirty: Dirty | None = None, rows: I32 = NO_PAGES) -> None:
        """Bring light up to date; `rows` [n] are the pages whose texels differ.

        `dirty` None gathers everything anew. The result is the same bits.
        """
        for _ in self.parts(scene, passes, dirty, rows):
            pass

    def parts(
        self, scene: Scene, passes: int, dirty: Dirty | None = None, rows: I32 = NO_PAGES,
        most_bricks: int | None = None,
    ) -> Iterator[int]:  # fmt: skip
        """`run` in parts of about `most_bricks` each, if given; yields how many. The transport must stay as it is
        meanwhile. Until the last part is done all that is read here is light of before, or what `stand_in` made.
        """
        surface = scene.transport.surface
        if most_bricks is not None and self._passes and self._shown is None:
            self._shown = self._radiance[self._passes].copy()
        self._writes = self.stamp + 1 if self._shown is None else UNFINISHED
        is_of_other_passes = passes != self._passes
        if is_of_other_passes:
            self._passes, dirty = passes, None
            self._radiance = np.zeros((passes + 1, 0), np.uint32)
            self._n_texels, self.changed_at = 0, np.zeros(0, np.int32)
        self._grow(scene.transport)
        if is_of_other_passes:  # what was shown is not there any more to be compared with
            self.changed_at[:] = self._writes
        anew = np.zeros(len(surface.page_key_of_row), np.bool_)
        anew[rows] = True
        is_other_sky = _sky_key(scene.sky) != self._sky
        if is_other_sky or (dirty is not None and len(dirty.texels) > MANY * surface.n_texels):
            dirty = None
        retraced = np.zeros(surface.capacity, np.bool_)  # texels with a ray that may end elsewhere
        yield from scene.transport.trace(retraced, most_bricks)
        if dirty is None or scene.transport.bounce_rays.readers is None:
            yield from self._gather(scene, anew, most_bricks)
        else:
            yield from self._follow(scene, dirty, retraced, anew)
        self.stamp += 1
        self.spread_at = self.stamp
        if self._shown is not None:  # others may have counted on meanwhile
            self._shown = None
            self.changed_at[self.changed_at == UNFINISHED] = self.stamp
        if is_other_sky:
            self._sky, self.sky_changed_at = _sky_key(scene.sky), self.stamp

    def stand_in(self, scene: Scene, rows: I32) -> None:
        """Before `parts` after a change: what is new is shown in the light that it gets from light of before; `rows`
        [n] are the pages whose texels differ.
        """
        self._grow(scene.transport)
        self.stamp += 1
        self._writes = self.spread_at = self.stamp
        transport, radiance = scene.transport, self._radiance[self._passes].copy()
        anew = np.zeros(len(transport.surface.page_key_of_row), np.bool_)
        anew[rows] = True
        new = transport.bounce_rays.trace_new(transport.voxels, transport.surface)
        transport.bounce_rays.look_at_sky(new, transport.surface, scene.sky, self._sky_e)
        for before in (NO_LIGHT, radiance, radiance):  # they see each other, and what was there before is another's
            self._light_texels(scene, self._passes, new, before=before.copy(), radiance=radiance)
            self._light_patches(scene, self._passes, rows, anew, radiance=radiance)
        self._shown = radiance

    def _grow(self, transport: Transport) -> None:
        n_texels = transport.surface.capacity
        if len(self._sky_e) < n_texels:
            self._sky_e = np.concatenate([self._sky_e, np.zeros(n_texels - len(self._sky_e), np.uint32)])
        n_spots, before = transport.surface.n_spots, self._n_texels
        if len(self.changed_at) < n_spots:
            for name in ("_radiance", "changed_at"):
                old = getattr(self, name)  # [..., S]
                grown = np.zeros((*old.shape[:-1], n_spots), old.dtype)
                grown[..., :before] = old[..., :before]
                grown[..., n_texels : n_texels + old.shape[-1] - before] = old[..., before:]
                setattr(self, name, grown)
            self._n_texels = n_texels

    def _light_texels(
        self, scene: Scene, step: int, texels: I32, before: U32 | None = None, radiance: U32 | None = None,
        changed: Bool = NOBODY_ASKS, told: Bool = NOBODY_ASKS, differs: Bool = NOBODY_ASKS,
    ) -> None:  # fmt: skip
        transport, surface = scene.transport, scene.transport.surface
        if before is None:
            before = self._radiance[step - 1] if step > 0 else NO_LIGHT
        one_pass.light_texels(
            texels, surface.place, surface.faces, surface.n_bricks, transport.grid, transport.bounce_rays.met,
            self._sky_e, surface.patch_spot, scene.albedo, scene.bounced, scene.emission, *scene.direct, before,
            self._radiance[step] if radiance is None else radiance, self._compares, changed, told, differs,
            step == self._passes, self._writes, self.changed_at,
        )  # fmt: skip

    def _light_patches(
        self, scene: Scene, step: int, rows: I32, anew: Bool, radiance: U32 | None = None,
        changed: Bool = NOBODY_ASKS, told: Bool = NOBODY_ASKS,
    ) -> None:  # fmt: skip
        surface = scene.transport.surface
        one_pass.light_patches(
            rows, surface.faces, surface.patch_spot, surface.patch_first, surface.patch_count, surface.capacity,
            self._radiance[step] if radiance is None else radiance, self._compares, changed, told,
            step == self._passes, self._writes, anew, self.changed_at,
        )  # fmt: skip

    def _gather(self, scene: Scene, anew: Bool, most_bricks: int | None) -> Iterator[int]:
        """All passes over all there is, in parts of at most so many bricks; yields how many."""
        transport, surface = scene.transport, scene.transport.surface
        rows = np.flatnonzero(surface.page_key_of_row >= 0).astype(np.int32)
        n_parts = 1 if most_bricks is None else max(-(-surface.n_with_texels // max(most_bricks, 1)), 1)
        bricks = -(-surface.n_with_texels // n_parts)
        self.texels_done = (self._passes + 1) * surface.n_texels
        texels = surface.alive()
        for part in np.array_split(texels, n_parts):
            transport.bounce_rays.look_at_sky(part, surface, scene.sky, self._sky_e)
            yield bricks
        for step in range(self._passes + 1):
            for part in np.array_split(texels, n_parts):
                self._light_texels(scene, step, part)
                yield bricks
            self._light_patches(scene, step, rows, anew)

    def _follow(self, scene: Scene, dirty: Dirty, retraced: Bool, anew: Bool) -> Iterator[int]:
        """All passes, each over what is dirty, what has a ray `retraced` [T] and what reads something that passes
        before it changed; yields about how many bricks' work was done.
        """
        transport, surface = scene.transport, scene.transport.surface
        again = np.flatnonzero(retraced).astype(np.int32)
        transport.bounce_rays.look_at_sky(again, surface, scene.sky, self._sky_e)
        wanted = retraced
        wanted[dirty.texels] = True
        changed = np.zeros(surface.n_spots, np.bool_)  # in this pass, or one before
        told = anew & (surface.page_key_of_row >= 0)  # [n_pages] with something that did not change before this pass
        rows = np.flatnonzero(told).astype(np.int32)  # who reads them read another's light before
        one_pass.note_spots(rows, surface.faces, surface.patch_first, surface.patch_count, surface.capacity, changed)
        per_texel = surface.n_with_texels / max(surface.n_texels, 1)
        self.texels_done = 0
        for step in range(self._passes + 1):
            texels, differs = np.flatnonzero(wanted).astype(np.int32), anew.copy()
            self._light_texels(scene, step, texels, changed=changed, told=told, differs=differs)
            rows = np.flatnonzero(differs & (surface.page_key_of_row >= 0)).astype(np.int32)
            self._light_patches(scene, step, rows, anew, changed=changed, told=told)
            self.texels_done += len(texels)
            yield math.ceil(len(texels) * per_texel)
            if step < self._passes:
                transport.bounce_rays.mark_readers(np.flatnonzero(told).astype(np.int32), surface, changed, wanted)
            told[:] = False


def _sky_key(sky: SkyView) -> bytes:
    """What rays that leave the world see of a sky."""
    fields = (sky.sun_direction, sky.zenith, sky.horizon, sky.glow, sky.ground)
    return b"".join(np.asarray(v, np.float32).tobytes() for v in fields)
