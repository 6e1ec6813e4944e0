"""Relight: light travels along the kept transport. No ray is traced here but towards the sun.

Radiance of a texel = emission + albedo * (direct + indirect); indirect is gathered from the probes around it; a
probe's light is the weighted sum over its rays (probes.py). Some passes from zero, the more the whiter the world, so a
picture depends on the state alone, never on the frames before. Every source enters one sum: light is linear.

The light of every pass is kept, rounded to KEPT_BITS. A change is followed pass by pass: what reads something that
differs is worked out again, and where the rounded result is what it was the change has ended. So light after a change
is the same bits as light from nothing, and costs what the change reaches. Rounding is relative and to even: twice the
light is exactly twice, and errors (1 in 1000, the noise of 64 rays is 1 in 20) do not lean to one side.
"""

import math
from dataclasses import dataclass, field

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from engine.light.probes import OWN_SHARE
from engine.light.surface import LEVELS, PAGE_TEXELS, PAGES_PER_BRICK, exposed_faces, face_centre, page_key
from engine.light.trace import NOTHING, crosses_box, first_hit
from engine.light.transport import Transport
from engine.state.blueprint import Materials
from engine.view import SkyView, VoxelView

F32 = NDArray[np.float32]

# Of the light in a closed room so much may be lost with the bounces not made. Interpolated probes gain 1 to 2 % with
# every bounce (the gallery: 5 % over the path tracer after 19): more passes are not nearer to the truth.
LEFT_OUT = 0.3
PASSES = (5, 24)  # least and most
KEPT_BITS = 9  # significant bits of light between two passes
ANY_LEVEL, ANY_SIDE = (1 << LEVELS) - 1, (1 << 6) - 1  # as bits
MANY = 0.4  # a change of more than this part of all texels is followed as a change of everything

_BIAS = (
    96 << 10
)  # kept light is the upper part of a float32 from 2^-31 to 2^33, in 6 bits of exponent and 10 of mantissa


@njit(cache=True)
def sky_towards(dx, dy, dz, sun, zenith, horizon, glow, ground, out):
    """`view.sky_radiance` for one direction."""
    if dz < 0.0:
        out[0], out[1], out[2] = ground[0], ground[1], ground[2]
        return
    root = np.sqrt(min(dz, np.float32(1.0)))
    towards = min(max(dx * sun[0] + dy * sun[1] + dz * sun[2], np.float32(0.0)), np.float32(1.0))
    t2 = towards * towards
    t8 = t2 * t2 * t2 * t2 * (1 - min(dz, np.float32(1.0)))
    for c in range(3):
        out[c] = horizon[c] + (zenith[c] - horizon[c]) * root + glow[c] * t8


@njit(parallel=True, cache=True)
def _sky_of_rays(probes, direction, hit, weight, sun, zenith, horizon, glow, ground, sky_side):
    """Weighted sum of the sky along the rays of some probes that leave the world, by side: sky_side [P, 6, 3]."""
    for i in prange(len(probes)):
        p = probes[i]
        sky = np.empty(3, np.float32)
        sky_side[p] = 0.0
        for k in range(hit.shape[1]):
            if hit[p, k] != -1:
                continue
            sky_towards(
                direction[p, k, 0],
                direction[p, k, 1],
                direction[p, k, 2],
                sun,
                zenith,
                horizon,
                glow,
                ground,
                sky,
            )
            for side in range(6):
                w = np.float32(weight[p, k, side])
                for c in range(3):
                    sky_side[p, side, c] += w * sky[c]


@njit(cache=True)
def pack(x):
    """Light (>= 0) rounded to KEPT_BITS, as 16 bits; 0 below 2^-31."""
    drop = 24 - KEPT_BITS
    bits = np.int64(np.float32(x).view(np.uint32))
    bits = ((bits + (1 << (drop - 1)) - 1 + ((bits >> drop) & 1)) >> drop) << (drop - 13)
    return np.uint16(0 if bits < _BIAS else 65535 if bits > _BIAS + 65535 else bits - _BIAS)


@njit(cache=True)
def unpack(u):
    """The float32 that `pack` kept."""
    return np.uint32((np.int64(u) + _BIAS) << 13).view(np.float32) if u != 0 else np.float32(0.0)


@njit(parallel=True, cache=True)
def _texel_pass(texels, place, index, weight, grid, albedo, emission, direct, shared, first, radiance, changed):
    """Level 0 of radiance [T, 4, 3] on some texels, from the probes' light shared [P, 6, 3] of the last pass; bit 0 of
    changed [T] is set where it differs.
    """
    for i in prange(len(texels)):
        t = texels[i]
        side = place[t, 3]
        m = grid[place[t, 0], place[t, 1], place[t, 2]]
        gathered = np.zeros(3, np.float32)
        if not first:
            for j in range(8):
                w = weight[t, j]
                if w != 0.0:
                    for c in range(3):
                        gathered[c] += w * unpack(shared[index[t, j], side, c])
        for c in range(3):
            now = pack(emission[m, c] + albedo[m, c] * (direct[t, c] + gathered[c]))
            if now != radiance[t, 0, c]:
                radiance[t, 0, c] = now
                changed[t] |= 1


@njit(parallel=True, cache=True)
def _mark_rows(texels, place, page_row, ny_bricks, nz_bricks, changed, mark):
    for i in prange(len(texels)):
        t = texels[i]
        if changed[t]:
            mark[page_row[page_key(place[t, 0], place[t, 1], place[t, 2], place[t, 3], ny_bricks, nz_bricks)]] = True


@njit(parallel=True, cache=True)
def _patch_pass(rows, page_texel, page_label, radiance, changed):
    """Levels 1 to 3 of radiance [T, 4, 3] on some pages: means of level 0 over patches of 2, 4 and 8 texels."""
    for i in prange(len(rows)):
        row = rows[i]
        light = np.empty((PAGE_TEXELS, 3), np.float32)
        for place in range(PAGE_TEXELS):
            t = page_texel[row, place]
            if t >= 0:
                for c in range(3):
                    light[place, c] = unpack(radiance[t, 0, c])
        total = np.empty((PAGE_TEXELS, 3), np.float32)
        count = np.empty(PAGE_TEXELS, np.float32)
        for level in range(1, LEVELS):
            total[:] = 0.0
            count[:] = 0.0
            for place in range(PAGE_TEXELS):
                if page_texel[row, place] >= 0:
                    label = page_label[row, level - 1, place]
                    count[label] += 1
                    for c in range(3):
                        total[label, c] += light[place, c]
            for place in range(PAGE_TEXELS):
                t = page_texel[row, place]
                if t >= 0:
                    label = page_label[row, level - 1, place]
                    for c in range(3):
                        now = pack(total[label, c] / count[label])
                        if now != radiance[t, level, c]:
                            radiance[t, level, c] = now
                            changed[t] |= 1 << level


@njit(parallel=True, cache=True)
def _mark_probes(rows, start, count, items, hit, level, changed, mark):
    """Mark the probes with a ray into some pages that reads something that changed."""
    rays = hit.shape[1]
    for i in prange(len(rows)):
        first = start[rows[i]]
        for k in range(first, first + count[rows[i]]):
            p, ray = items[k] // rays, items[k] % rays
            if not mark[p] and hit[p, ray] >= 0 and changed[hit[p, ray]] >> level[p, ray] & 1:
                mark[p] = True


@njit(parallel=True, cache=True)
def _probe_pass(probes, weight, weight_sum, hit, level, sky_side, radiance, own, is_last, own_light, differs):
    """Light of some probes by side: own [P, 6, 3]; differs [n] where it is not what it was.

    In the last pass own_light [P, 6, 3] gets it too, before it is rounded.
    """
    for i in prange(len(probes)):
        p = probes[i]
        total = sky_side[p].copy()
        for k in range(hit.shape[1]):
            t = hit[p, k]
            if t < 0:
                continue
            w = level[p, k]
            r, g, b = unpack(radiance[t, w, 0]), unpack(radiance[t, w, 1]), unpack(radiance[t, w, 2])
            for side in range(6):
                q = np.float32(weight[p, k, side])
                total[side, 0] += q * r
                total[side, 1] += q * g
                total[side, 2] += q * b
        differs[i] = False
        for side in range(6):
            for c in range(3):
                light = total[side, c] / max(weight_sum[p, side], np.float32(1.0))
                now = pack(light)
                if now != own[p, side, c]:
                    own[p, side, c] = now
                    differs[i] = True
                if is_last and light != own_light[p, side, c]:
                    own_light[p, side, c] = light
                    differs[i] = True


@njit(parallel=True, cache=True)
def _mark_linked(probes, differs, link, mark):
    for i in prange(len(probes)):
        if differs[i]:
            p = probes[i]
            mark[p] = True
            for side in range(6):
                if link[p, side] >= 0:
                    mark[link[p, side]] = True


@njit(parallel=True, cache=True)
def _share_pass(probes, link, own, shared, sides, is_last, own_light, side_light, stamp, changed_at):
    """Mean of some probes' light with that of the probes that they are linked to, into shared [P, 6, 3]; sides [P] gets
    a bit for every side where it differs. In the last pass side_light [P, 6, 3] gets it from own_light, unrounded, and
    changed_at [P] the stamp where that differs.

    64 rays are noisy where light comes through a window; neighbours see nearly the same light through other rays.
    """
    for i in prange(len(probes)):
        p = probes[i]
        total = np.float32(OWN_SHARE)
        light = np.empty((6, 3), np.float32)
        for side in range(6):
            for c in range(3):
                light[side, c] = np.float32(OWN_SHARE) * unpack(own[p, side, c])
        for towards in range(6):
            q = link[p, towards]
            if q >= 0:
                total += np.float32(1.0)
                for side in range(6):
                    for c in range(3):
                        light[side, c] += unpack(own[q, side, c])
        sides[p] = 0
        for side in range(6):
            for c in range(3):
                now = pack(light[side, c] / total)
                if now != shared[p, side, c]:
                    shared[p, side, c] = now
                    sides[p] |= 1 << side
        if not is_last:
            continue
        for side in range(6):
            for c in range(3):
                exact = np.float32(OWN_SHARE) * own_light[p, side, c]
                for towards in range(6):
                    if link[p, towards] >= 0:
                        exact += own_light[link[p, towards], side, c]
                exact /= total
                if exact != side_light[p, side, c]:
                    side_light[p, side, c] = exact
                    changed_at[p] = stamp


@njit(parallel=True, cache=True)
def _mark_texels(probes, sides, start, count, items, place, mark):
    """Mark the texels that read a side that differs of some probes."""
    for i in prange(len(probes)):
        p = probes[i]
        if sides[p]:
            for k in range(start[p], start[p] + count[p]):
                t = items[k]
                if place[t, 3] >= 0 and sides[p] >> place[t, 3] & 1:
                    mark[t] = True


@njit(parallel=True, cache=True)
def _unpack_texels(rows, page_texel, packed, changed, stamp, light, changed_at):
    for i in prange(len(rows)):
        for place in range(PAGE_TEXELS):
            t = page_texel[rows[i], place]
            if t >= 0 and changed[t]:
                for level in range(LEVELS):
                    if changed[t] >> level & 1:
                        changed_at[t, level] = stamp
                        for c in range(3):
                            light[t, level, c] = unpack(packed[t, level, c])


@njit(parallel=True, cache=True)
def _clear(rows, page_texel, changed):
    for i in prange(len(rows)):
        for place in range(PAGE_TEXELS):
            if page_texel[rows[i], place] >= 0:
                changed[page_texel[rows[i], place]] = 0


@njit(parallel=True, cache=True)
def sun_visibility(voxels, place, sx, sy, sz, texels, visible):
    """Cosine times visibility of the sun at the centres of some texels, into visible [T]."""
    for i in prange(len(texels)):
        t = texels[i]
        p = np.empty(3, np.float64)
        axis, sign = face_centre(place, t, p)
        cosine = (sx if axis == 0 else (sy if axis == 1 else sz)) * sign
        visible[t] = 0.0
        if cosine <= 0.0:
            continue
        p[axis] += 1e-3 * sign
        _, side, _, _, _ = first_hit(voxels, p[0], p[1], p[2], sx, sy, sz, 1e4)
        if side == NOTHING:
            visible[t] = cosine


@njit(parallel=True, cache=True)
def sun_crosses(place, page_row, page_texel, has_texels, sx, sy, sz, low, high, dirty):
    """Marks the texels whose ray to the sun touches one of the boxes [n, 3] (metres)."""
    nx, ny, nz = has_texels.shape
    for column in prange(nx * ny):
        p, wide_low, wide_high = np.empty(3, np.float64), np.empty(3, np.float64), np.empty(3, np.float64)
        bx, by = column // ny, column % ny
        for bz in range(nz):
            if not has_texels[bx, by, bz]:
                continue
            for b in range(len(low)):
                for axis in range(3):  # rays of a brick stray from the one through its middle by half a brick
                    wide_low[axis], wide_high[axis] = low[b, axis] - 1.01, high[b, axis] + 1.01
                if not crosses_box(
                    2.0 * bx + 1.0, 2.0 * by + 1.0, 2.0 * bz + 1.0, sx, sy, sz, 1e4, wide_low, wide_high
                ):  # fmt: skip
                    continue
                first = ((bx * ny + by) * nz + bz) * PAGES_PER_BRICK
                for key in range(first, first + PAGES_PER_BRICK):
                    if page_row[key] < 0:
                        continue
                    for i in range(PAGE_TEXELS):
                        t = page_texel[page_row[key], i]
                        if t < 0:
                            continue
                        face_centre(place, t, p)
                        if crosses_box(p[0], p[1], p[2], sx, sy, sz, 1e4, low[b], high[b]):
                            dirty[t] = True


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
    faces = exposed_faces(voxels.base if voxels.base.size else voxels.material)
    return passes_for(np.repeat(materials.albedo, faces[: len(materials.albedo)], axis=0))


@dataclass
class Dirty:
    """What reads something else than it did at the last relight, beside the light itself."""

    texels: NDArray[np.int32]  # [n] whose material, direct light or weights may differ
    probes: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))  # [n] with a ray traced again
    linked: NDArray[np.int32] = field(
        default_factory=lambda: np.zeros(0, np.int32)
    )  # [n] that may see other neighbours
    rows: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))  # [n] pages whose texels differ


class Relight:
    """Radiance on texels and light on probes for one state of the lights, and all passes that led to it."""

    def __init__(self, stamp: int = 0, compares: bool = True) -> None:
        """`stamp` is where the count of relights goes on from.

        `compares` False passes on what may differ instead of what does, pass by pass, as block-sparse networks do with
        their masks (SIGE, Li et al. 2022): the same light, to measure against.
        """
        self._compares = compares
        self.side_light = np.zeros((0, 6, 3), np.float32)  # [P, 6, 3] e of each probe by side
        self.texel_radiance = np.zeros(
            (0, LEVELS, 3), np.float32
        )  # [T, 4, 3] of the texel, and means of patches around
        self.stamp = stamp  # number of the last relight
        self.texel_changed_at = np.zeros((0, LEVELS), np.int32)  # [T, 4] relight in which it was last another
        self.probe_changed_at = np.zeros(0, np.int32)  # [P]
        self.sky_changed_at = stamp
        self.texels_done = 0  # texels worked out in the last relight, all passes together
        self._passes = 0
        self._own_light = np.zeros((0, 6, 3), np.float32)  # [P, 6, 3] what a probe's own rays bring in the last pass
        self._sky_side = np.zeros((0, 6, 3), np.float32)  # [P, 6, 3] what the sky brings
        self._sky = b""
        self._radiance = np.zeros((0, 0, LEVELS, 3), np.uint16)  # [passes + 1, T, 4, 3] packed
        self._own = np.zeros((0, 0, 6, 3), np.uint16)  # [passes, P, 6, 3] packed: what a probe's own rays bring
        self._shared = np.zeros((0, 0, 6, 3), np.uint16)  # [passes, P, 6, 3] packed: shared with its neighbours

    @property
    def bytes(self) -> int:
        """Memory of all passes."""
        arrays = (
            self.side_light, self.texel_radiance, self.texel_changed_at, self.probe_changed_at, self._sky_side,
            self._own_light, self._radiance, self._own, self._shared,
        )  # fmt: skip
        return sum(a.nbytes for a in arrays)

    def run(
        self, transport: Transport, albedo: F32, emission: F32, direct: F32, sky: SkyView, passes: int,
        dirty: Dirty | None = None,
    ) -> None:  # fmt: skip
        """Bring light up to date. `direct` [T, 3] is e from sun and lamps; voxels index albedo [M, 3].

        `dirty` None gathers everything anew. The result is the same bits.
        """
        surface, probes = transport.surface, transport.probes
        self.stamp += 1
        if passes != self._passes:
            self._passes, dirty = passes, None
            self._radiance, self._own = (
                np.zeros((passes + 1, 0, LEVELS, 3), np.uint16),
                np.zeros((passes, 0, 6, 3), np.uint16),
            )
            self._shared = self._own.copy()
        self._grow(len(surface.place), len(probes.alive))
        sky_fields = (sky.sun_direction, sky.zenith, sky.horizon, sky.glow, sky.ground)
        sky_key = b"".join(np.asarray(v, np.float32).tobytes() for v in sky_fields)
        if sky_key != self._sky:
            self._sky, self.sky_changed_at, dirty = sky_key, self.stamp, None
        everything = Dirty(
            surface.alive(), *(np.flatnonzero(probes.alive).astype(np.int32),) * 2,
            np.flatnonzero(surface.page_key_of_row >= 0).astype(np.int32),
        )  # fmt: skip
        if dirty is None or transport.readers is None or len(dirty.texels) > MANY * len(everything.texels):
            dirty = everything
        _sky_of_rays(dirty.probes, probes.direction, probes.hit, probes.weight, *sky_fields, self._sky_side)
        self._follow(transport, albedo, emission, direct, dirty, everything)

    def _grow(self, n_texels: int, n_probes: int) -> None:
        for name, axis, n in (
            ("texel_radiance", 0, n_texels), ("texel_changed_at", 0, n_texels), ("_radiance", 1, n_texels),
            ("side_light", 0, n_probes),
            ("_own_light", 0, n_probes), ("probe_changed_at", 0, n_probes), ("_sky_side", 0, n_probes),
            ("_own", 1, n_probes), ("_shared", 1, n_probes),
        ):  # fmt: skip
            array = getattr(self, name)
            if array.shape[axis] < n:
                shape = (*array.shape[:axis], n, *array.shape[axis + 1 :])
                grown = np.zeros(shape, array.dtype)
                grown[(slice(None),) * axis + (slice(array.shape[axis]),)] = array
                setattr(self, name, grown)

    def _follow(
        self, transport: Transport, albedo: F32, emission: F32, direct: F32, dirty: Dirty, everything: Dirty
    ) -> None:
        """All passes, each over what is dirty and what reads what the pass before it changed."""
        surface, probes = transport.surface, transport.probes
        place, link = surface.place, probes.link
        changed = np.zeros(len(place), np.uint8)  # [T] bits: levels that differ in this pass
        sides = np.zeros(len(probes.alive), np.uint8)  # [P] bits: sides that differ in this pass
        texels, nothing = dirty.texels, np.zeros((0, 6, 3), np.uint16)
        self.texels_done = 0
        for step in range(self._passes + 1):
            self.texels_done += len(texels)
            radiance = self._radiance[step]
            _texel_pass(
                texels, place, transport.index, transport.weight, transport.grid, albedo, emission, direct,
                self._shared[step - 1] if step else nothing, step == 0, radiance, changed,
            )  # fmt: skip
            if not self._compares:
                changed[texels] = ANY_LEVEL
            mark = np.zeros(len(surface.page_texel), np.bool_)
            mark[dirty.rows] = True
            _mark_rows(texels, place, surface.page_row, surface.n_bricks[1], surface.n_bricks[2], changed, mark)
            rows = np.flatnonzero(mark).astype(np.int32)
            _patch_pass(rows, surface.page_texel, surface.page_label, radiance, changed)
            if not self._compares:
                in_rows = surface.page_texel[rows]
                changed[in_rows[in_rows >= 0]] = ANY_LEVEL
            if step == self._passes:
                _unpack_texels(
                    rows, surface.page_texel, radiance, changed, self.stamp, self.texel_radiance, self.texel_changed_at
                )
                break
            if dirty is everything:
                todo = dirty.probes
            else:
                assert transport.readers is not None
                mark = np.zeros(len(probes.alive), np.bool_)
                mark[dirty.probes] = True
                rays = transport.readers.of_row
                _mark_probes(rows, rays.start, rays.count, rays.items, probes.hit, probes.level, changed, mark)
                todo = np.flatnonzero(mark & probes.alive).astype(np.int32)
            _clear(rows, surface.page_texel, changed)
            differs, is_last = np.empty(len(todo), np.bool_), step == self._passes - 1
            _probe_pass(
                todo, probes.weight, probes.weight_sum, probes.hit, probes.level, self._sky_side, radiance,
                self._own[step], is_last, self._own_light, differs,
            )  # fmt: skip
            if dirty is everything:
                todo = dirty.linked
            else:
                differs |= not self._compares
                mark = np.zeros(len(probes.alive), np.bool_)
                mark[dirty.linked] = True
                _mark_linked(todo, differs, link, mark)
                todo = np.flatnonzero(mark & probes.alive).astype(np.int32)
            _share_pass(
                todo, link, self._own[step], self._shared[step], sides, is_last, self._own_light, self.side_light,
                self.stamp, self.probe_changed_at,
            )  # fmt: skip
            if dirty is not everything:
                assert transport.readers is not None
                if not self._compares:
                    sides[todo] = ANY_SIDE
                mark = np.zeros(len(place), np.bool_)
                mark[dirty.texels] = True
                of_probe = transport.readers.of_probe
                _mark_texels(todo, sides, of_probe.start, of_probe.count, of_probe.items, place, mark)
                texels = np.flatnonzero(mark).astype(np.int32)
