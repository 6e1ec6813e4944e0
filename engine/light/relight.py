"""Relight: light travels along the kept transport. No probe's ray is traced here.

Radiance of a texel = emission + albedo * (direct + indirect); indirect is gathered from the probes around it, the last
RAY_BOUNCES times along rays of its own (bounces.py); a probe's light is the weighted sum over its rays (probes.py).
Some passes from zero, the more the whiter the world, so a picture depends on the state alone, never on the frames
before. Every source enters one sum: light is linear.

The light of every pass is kept (keeping.py), by spot. A change is followed pass by pass: what reads something that
differs is worked out again, and where the rounded result is what it was the change has ended. So light after a change
is the same bits as light from nothing, and costs what the change reaches.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.light import passes as one_pass
from engine.light.skylight import sky_of_probes
from engine.light.surface import exposed_faces
from engine.light.transport import Transport
from engine.state.blueprint import Materials
from engine.view import SkyView, VoxelView

F32 = NDArray[np.float32]
U32 = NDArray[np.uint32]
I32 = NDArray[np.int32]
Bool = NDArray[np.bool_]

# Of the light in a closed room so much may be lost with the bounces not made. Interpolated probes gain a little with
# every bounce, rays of texels' own do not: the more of the last bounces are theirs, the more bounces are nearer to the
# truth (docs/TRAINING.md).
LEFT_OUT = 0.3
PASSES = (7, 24)  # least and most
RAY_BOUNCES = 2  # as many of the last
ANY_SIDE = (1 << 6) - 1  # as bits
NO_PAGES = np.zeros(0, np.int32)
EVERYONE = NOBODY_ASKS = np.zeros(0, np.bool_)
BY_PROBES = np.zeros(0, np.uint32)
LAST_PASSES = 4  # to trace the rays of the last bounces costs as much as so many passes
NO_CELLS = np.zeros((0, 0, 0), np.uint8)
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
    albedo: F32  # [M, 3]
    emission: F32  # [M, 3]
    direct: Direct
    sky: SkyView


def passes_for(albedo: NDArray[np.float32]) -> int:
    """How often to gather in a world whose texels have albedos [n, 3]: enough for a room of the upper quartile's. Light
    has no part in it, so that sources add.
    """
    grey = albedo.mean(1)
    bright = float(np.partition(grey, 3 * len(grey) // 4)[3 * len(grey) // 4]) if len(grey) else 0.0
    wanted = math.ceil(math.log(LEFT_OUT) / math.log(min(max(bright, 1e-3), 0.999)))
    return min(max(wanted, PASSES[0]), PASSES[1])


def passes_for_world(voxels: VoxelView, materials: Materials) -> int:
    """`passes_for` the faces that a world shows as it was made: edits never change how often light is gathered."""
    faces = exposed_faces(np.ascontiguousarray(voxels.base if voxels.base.size else voxels.material))
    return passes_for(np.repeat(materials.albedo, faces[: len(materials.albedo)], axis=0))


@dataclass
class Dirty:
    """What reads something else than it did at the last relight, beside the light itself."""

    texels: NDArray[np.int32]  # [n] whose material, direct light or weights may differ
    probes: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))  # [n] with a ray traced again
    linked: NDArray[np.int32] = field(
        default_factory=lambda: np.zeros(0, np.int32)
    )  # [n] that may see other neighbours


class Relight:
    """Radiance on texels and light on probes for one state of the lights, and all passes that led to it."""

    def __init__(self, stamp: int = 0, compares: bool = True) -> None:
        """`stamp` is where the count of relights goes on from.

        `compares` False passes on what may differ instead of what does, pass by pass, as block-sparse networks do with
        their masks (SIGE, Li et al. 2022): the same light, to measure against.
        """
        self._compares = compares
        self._side_light = np.zeros((0, 6, 3), np.float32)  # [P, 6, 3] e of each probe by side
        self.stamp = stamp  # number of the last relight
        self.spread_at = stamp  # its number when anything but lamps themselves last differed
        self.changed_at = np.zeros(0, np.int32)  # [S] relight in which the radiance of a spot was last another
        self.probe_changed_at = np.zeros(0, np.int32)  # [P]
        self.sky_changed_at = stamp
        self.texels_done = 0  # texels worked out in the last relight, all passes together
        self._passes = 0
        self._own_light = np.zeros((0, 6, 3), np.float32)  # [P, 6, 3] what a probe's own rays bring in the last pass
        self._sky_side = np.zeros((0, 6, 3), np.float32)  # [P, 6, 3] what the sky brings
        self._sky = b""
        self._radiance = np.zeros((0, 0), np.uint32)  # [passes + 1, S] packed, by spot
        self._shown: tuple[U32, F32] | None = None  # radiance and side light of before, while new ones are worked out
        self._writes = stamp  # what `changed_at` gets in the relight that is going on
        # [RAY_BOUNCES, T] packed: what texels gathered by themselves in the last passes.
        self._indirect = np.zeros((RAY_BOUNCES, 0), np.uint32)
        self.is_close = False  # whether the last bounces are those of texels' own rays
        self._n_texels = 0  # T of the tables by spot: the spots behind are patches
        # [passes by probes + 1, P, 6] packed: what a probe's own rays bring, and that shared with its neighbours. The
        # last is of the last pass, for whoever asks probes; while not close, of all those that are to be by rays.
        self._own = np.zeros((0, 0, 6), np.uint32)
        self._shared = np.zeros((0, 0, 6), np.uint32)

    @property
    def radiance(self) -> U32:
        """[S] packed, of every spot."""
        return np.asarray(self._radiance[self._passes]) if self._shown is None else self._shown[0]

    @property
    def side_light(self) -> F32:
        """[P, 6, 3] e of each probe by side."""
        return self._side_light if self._shown is None else self._shown[1]

    def run(
        self, transport: Transport, albedo: F32, emission: F32, direct: Direct, sky: SkyView, passes: int,
        dirty: Dirty | None = None, rows: I32 = NO_PAGES,
    ) -> None:  # fmt: skip
        """Bring light up to date. Voxels index albedo [M, 3] and emission [M, 3]; `rows` [n] are the pages whose texels
        differ.

        `dirty` None gathers everything anew. The result is the same bits.
        """
        for _ in self.parts(Scene(transport, albedo, emission, direct, sky), passes, dirty, rows):
            pass

    def parts(
        self,
        scene: Scene,
        passes: int,
        dirty: Dirty | None = None,
        rows: I32 = NO_PAGES,
        most_bricks: int | None = None,
        closely: bool = True,
    ) -> Iterator[int]:
        """`run` in parts of about `most_bricks` each, if given; yields how many. If not `closely`, the last bounces are
        those of probes like the others, and `is_close` says that they are still to be had. The transport must stay as
        it is meanwhile. Until the last part is done all that is read here is light of before, or what `stand_in` made.
        """
        surface = scene.transport.surface
        if most_bricks is not None and self._passes and self._shown is None:
            self._shown = self._radiance[self._passes].copy(), self._side_light.copy()
        self._writes = self.stamp + 1 if self._shown is None else UNFINISHED
        if passes != self._passes:
            self._passes, dirty = passes, None
            self._radiance = np.zeros((passes + 1, 0), np.uint32)
            by_probes = max(passes - RAY_BOUNCES, 0) + 1
            self._own, self._shared = (np.zeros((by_probes, 0, 6), np.uint32) for _ in range(2))
            self._n_texels, self.changed_at = 0, np.zeros(0, np.int32)
        self._grow(scene.transport)
        anew = np.zeros(len(surface.page_key_of_row), np.bool_)
        anew[rows] = True
        is_other_sky = _sky_key(scene.sky) != self._sky
        self.is_close, was_close = closely, self.is_close
        if is_other_sky or not closely or not was_close:  # several passes share their probes' light while not close
            dirty = None
        if dirty is not None and len(dirty.texels) > MANY * surface.n_texels:
            dirty = None
        if dirty is None or scene.transport.readers is None:
            yield from self._gather(scene, anew, most_bricks)
        else:
            yield from self._follow(scene, dirty, anew, most_bricks)
        self.stamp += 1
        self.spread_at = self.stamp
        if self._shown is not None:  # others may have counted on meanwhile
            self._shown = None
            for changed_at in (self.changed_at, self.probe_changed_at):
                changed_at[changed_at == UNFINISHED] = self.stamp
        if is_other_sky:
            self._sky, self.sky_changed_at = _sky_key(scene.sky), self.stamp

    def stand_in(self, scene: Scene, fresh: I32, rows: I32) -> None:
        """Before `parts` after a change: what is new is shown in the light that one pass makes of light of before.

        `fresh` [n] are the probes with new rays, `rows` [n] the pages whose texels differ.
        """
        self._grow(scene.transport)
        self.stamp += 1
        self._writes = self.spread_at = self.stamp
        self._shown = self._radiance[self._passes].copy(), self._side_light.copy()
        radiance, side_light = self._shown
        probes, last = scene.transport.probes, len(self._own) - 1
        anew = np.zeros(len(scene.transport.surface.page_key_of_row), np.bool_)
        anew[rows] = True
        shared, own, own_light = self._shared[last].copy(), self._own[last].copy(), side_light.copy()
        self._look_at_sky(scene.transport, scene.sky, fresh)
        for _ in range(2):  # new texels want the light of new probes, and these that of new texels
            self._light_pages(scene, self._passes, rows, anew, radiance=radiance, shared=shared)
            one_pass.light_probes(
                fresh, probes.weight, probes.weight_sum, probes.reads, self._sky_side, radiance, own, True, own_light,
                np.empty(len(fresh), np.bool_),
            )  # fmt: skip
            shared[fresh] = own[fresh]
        self._light_pages(scene, self._passes, rows, anew, radiance=radiance, shared=shared)
        side_light[fresh] = own_light[fresh]
        self.probe_changed_at[fresh] = self.stamp

    def _grow(self, transport: Transport) -> None:
        n_texels, n_probes = transport.surface.capacity, len(transport.probes.alive)
        for name, axis, n in (
            ("_side_light", 0, n_probes),
            ("_own_light", 0, n_probes), ("probe_changed_at", 0, n_probes), ("_sky_side", 0, n_probes),
            ("_own", 1, n_probes), ("_shared", 1, n_probes), ("_indirect", 1, n_texels),
        ):  # fmt: skip
            array = getattr(self, name)
            if array.shape[axis] < n:
                shape = (*array.shape[:axis], n, *array.shape[axis + 1 :])
                grown = np.zeros(shape, array.dtype)
                grown[(slice(None),) * axis + (slice(array.shape[axis]),)] = array
                setattr(self, name, grown)
        n_spots, before = transport.surface.n_spots, self._n_texels
        if len(self.changed_at) < n_spots:
            for name in ("_radiance", "changed_at"):
                old = getattr(self, name)  # [..., S]
                grown = np.zeros((*old.shape[:-1], n_spots), old.dtype)
                grown[..., :before] = old[..., :before]
                grown[..., n_texels : n_texels + old.shape[-1] - before] = old[..., before:]
                setattr(self, name, grown)
            self._n_texels = n_texels

    def _ray_bounce(self, step: int) -> int | None:
        """Which of the bounces along texels' own rays a pass is, None if texels ask probes in it."""
        if not self.is_close or step == 0 or step + RAY_BOUNCES <= self._passes:
            return None
        return step + RAY_BOUNCES - self._passes - 1

    def _asks_probes(self, step: int) -> bool:
        """Whether anybody wants to know what probes gather from the light of a pass."""
        return step == self._passes - 1 or self._ray_bounce(step + 1) is None

    def _of_probes(self, step: int) -> int:
        """Where the probes' light of a pass is kept."""
        return min(step, len(self._own) - 1)

    def _light_pages(
        self, scene: Scene, step: int, rows: I32, anew: Bool, wanted: Bool = EVERYONE,
        cells: NDArray[np.uint8] = NO_CELLS, changed: Bool = NOBODY_ASKS, done: I32 = NO_PAGES,
        radiance: U32 | None = None, shared: U32 | None = None,
    ) -> None:  # fmt: skip
        transport, surface, ray = scene.transport, scene.transport.surface, self._ray_bounce(step)
        one_pass.light_pages(
            rows, surface.faces, surface.patch_spot, surface.patch_first, surface.patch_count,
            surface.page_key_of_row, surface.place, transport.grid, transport.where, transport.weight, transport.near,
            transport.probes.probe_of_cell, scene.albedo, scene.emission, *scene.direct,
            self._shared[self._of_probes(max(step - 1, 0))] if shared is None else shared, step == 0,
            BY_PROBES if ray is None or shared is not None else self._indirect[ray], wanted, cells,
            self._radiance[step] if radiance is None else radiance, self._compares, changed, done,
            step == self._passes, self._writes, anew, self.changed_at,
        )  # fmt: skip

    def _light_probes(self, transport: Transport, step: int, todo: I32) -> Bool:
        probes, differs = transport.probes, np.empty(len(todo), np.bool_)
        one_pass.light_probes(
            todo, probes.weight, probes.weight_sum, probes.reads, self._sky_side, self._radiance[step],
            self._own[self._of_probes(step)], step == self._passes - 1, self._own_light, differs,
        )  # fmt: skip
        return differs

    def _share_probes(self, transport: Transport, step: int, todo: I32, sides: NDArray[np.uint8]) -> None:
        one_pass.share_probes(
            todo, transport.probes.link, self._own[self._of_probes(step)], self._shared[self._of_probes(step)], sides,
            step == self._passes - 1, self._own_light, self._side_light, self._writes, self.probe_changed_at,
        )  # fmt: skip

    def _gather_by_rays(self, scene: Scene, step: int, ray: int, texels: I32) -> Bool:
        """What some texels gather by themselves in a pass; returns where it differs."""
        transport, radiance = scene.transport, self._radiance[step - 1]
        return transport.last_rays.gather(texels, transport.surface, radiance, scene.sky, self._indirect[ray])

    def _look_at_sky(self, transport: Transport, sky: SkyView, todo: I32) -> None:
        probes = transport.probes
        sky_of_probes(
            todo, probes.cell, probes.fibonacci, probes.reads, probes.weight, *_fields(sky), self._sky_side
        )  # fmt: skip

    def _trace_last(self, scene: Scene, found: Bool, most_bricks: int | None) -> Iterator[int]:
        """Bring the rays of the last bounces up to date, those of found [T]; yields bricks of work."""
        surface, most = scene.transport.surface, None
        if most_bricks is not None:
            most = max(most_bricks * surface.n_texels // (LAST_PASSES * max(surface.n_with_texels, 1)), 1)
        for _ in scene.transport.last_rays.trace(scene.transport.voxels, surface, found, most):
            yield most_bricks or 0

    def _gather(self, scene: Scene, anew: Bool, most_bricks: int | None) -> Iterator[int]:
        """All passes over all there is, in parts of at most so many bricks; yields how many."""
        transport, surface = scene.transport, scene.transport.surface
        alive = np.flatnonzero(transport.probes.alive).astype(np.int32)
        rows = np.flatnonzero(surface.page_key_of_row >= 0).astype(np.int32)
        sides = np.zeros(len(transport.probes.alive), np.uint8)
        n_parts = 1 if most_bricks is None else max(-(-surface.n_with_texels // max(most_bricks, 1)), 1)
        bricks = -(-surface.n_with_texels // n_parts)
        self.texels_done = (self._passes + 1) * surface.n_texels
        self._look_at_sky(transport, scene.sky, alive)
        yield bricks
        for step in range(self._passes + 1):
            ray = self._ray_bounce(step)
            if ray is not None:
                if self._ray_bounce(step - 1) is None:
                    yield from self._trace_last(scene, np.zeros(surface.capacity, np.bool_), most_bricks)
                for part in np.array_split(surface.alive(), n_parts):
                    self._gather_by_rays(scene, step, ray, part)
                    yield bricks
            for part in np.array_split(rows, n_parts):
                self._light_pages(scene, step, part, anew)
                yield bricks
            if step == self._passes:
                break
            if not self._asks_probes(step):
                continue
            for part in np.array_split(alive, n_parts):
                self._light_probes(transport, step, part)
                yield bricks
            self._share_probes(transport, step, alive, sides)

    def _follow(self, scene: Scene, dirty: Dirty, anew: Bool, most_bricks: int | None) -> Iterator[int]:
        """All passes, each over what is dirty and what reads what the pass before it changed; yields about how many
        bricks' work was done.
        """
        transport = scene.transport
        surface, probes, readers = transport.surface, transport.probes, transport.readers
        assert readers is not None
        self._look_at_sky(transport, scene.sky, dirty.probes)
        n_texels, (_, ny, nz) = surface.capacity, surface.n_bricks
        changed = np.zeros(surface.n_spots, np.bool_)  # in this pass
        sides = np.zeros(len(probes.alive), np.uint8)  # [P] bits: sides that differ in this pass
        cells, bricks = np.zeros(probes.probe_of_cell.shape, np.uint8), np.zeros(surface.n_bricks, np.uint8)
        wanted, always = np.zeros(n_texels, np.bool_), anew.copy()
        wanted[dirty.texels] = True
        one_pass.mark_rows(dirty.texels, surface.place, surface.faces, ny, nz, always)
        done = np.zeros(len(anew), np.int32)  # [n_pages] texels worked out in this pass
        self.texels_done, todo = 0, np.zeros(0, np.int32)
        per_page = surface.n_with_texels / max(int((surface.page_key_of_row >= 0).sum()), 1)
        per_probe = surface.n_with_texels / max(probes.n_alive, 1)
        retraced = np.zeros(n_texels, np.bool_)  # with a ray of the last bounces that ends elsewhere
        if self.is_close:
            yield from self._trace_last(scene, retraced, most_bricks)
        by_rays = retraced.copy()  # whose rays read something else
        for step in range(self._passes + 1):
            cells[:], bricks[:], marked, asked, ray = 0, 0, always.copy(), wanted, self._ray_bounce(step)
            if ray is None:
                one_pass.mark_bricks(todo, sides, probes.cell, cells, bricks)
                near = np.flatnonzero((bricks != 0) & surface.has_texels)
                one_pass.mark_pages(near, bricks.reshape(-1), surface.faces, marked)
            else:
                again = np.flatnonzero(by_rays).astype(np.int32)
                again = again[self._gather_by_rays(scene, step, ray, again) | (not self._compares)]
                asked = wanted.copy()
                asked[again] = True
                one_pass.mark_rows(again, surface.place, surface.faces, ny, nz, marked)
            sides[todo] = 0
            rows = np.flatnonzero(marked & (surface.page_key_of_row >= 0)).astype(np.int32)
            self._light_pages(scene, step, rows, anew, asked, cells, changed, done)
            rows = rows[(done[rows] > 0) | anew[rows]]
            self.texels_done += int(done[rows].sum())
            yield math.ceil(len(rows) * per_page)
            if step == self._passes:
                break
            mark, asks_probes = np.zeros(len(probes.alive), np.bool_), self._asks_probes(step)
            mark[dirty.probes] = True
            if asks_probes:
                one_pass.mark_probes(rows, readers.start, readers.count, readers.rays, probes.reads, changed, mark)
            spots = (surface.faces, surface.patch_first, surface.patch_count, n_texels)
            # What reads a spot that was given out anew read another before.
            if self._ray_bounce(step + 1) is not None:
                again = np.flatnonzero(anew & (surface.page_key_of_row >= 0)).astype(np.int32)
                one_pass.note_spots(again, *spots, True, changed)
                by_rays[:] = retraced
                transport.last_rays.mark_readers(surface, changed, by_rays)
            one_pass.note_spots(rows, *spots, False, changed)
            if not asks_probes:
                todo = todo[:0]
                continue
            todo = np.flatnonzero(mark & probes.alive).astype(np.int32)
            differs = self._light_probes(transport, step, todo) | (not self._compares)
            yield math.ceil(len(todo) * per_probe)
            mark[:] = False
            mark[dirty.linked] = True
            one_pass.mark_linked(todo, differs, probes.link, mark)
            todo = np.flatnonzero(mark & probes.alive).astype(np.int32)
            self._share_probes(transport, step, todo, sides)
            if not self._compares:
                sides[todo] = ANY_SIDE


def _fields(sky: SkyView) -> tuple[F32, F32, F32, F32, F32]:
    """What rays that leave the world see of a sky."""
    return (sky.sun_direction, sky.zenith, sky.horizon, sky.glow, sky.ground)


def _sky_key(sky: SkyView) -> bytes:
    return b"".join(np.asarray(v, np.float32).tobytes() for v in _fields(sky))
