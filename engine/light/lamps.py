"""Direct light of box lamps: shadow rays, and one number per texel and lamp.

Probe rays cannot see a lamp of 30 cm (few would hit it), so lamps are analytic: e = radiance * form factor
(formfactor.py) * the share that its fixture lets pass (fixtures.py) * the share that shadow rays see, and what the
fixture throws back besides. All but the radiance is geometry: dimming, colour and switching never trace a ray. Coarse
factors at texel centres feed the bounces, fine ones on 2 x 2 points per face are what the camera sees.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from engine.light.compiled import leaf
from engine.light.distinct import each_once
from engine.light.fixtures import fixture_share, is_unshaded, point_on_face, rays_to_face
from engine.light.formfactor import FAINT, NODES, LampShapes, box_factors
from engine.light.furniture import MOST_NEAR, Furniture, body_keys, is_unblocked, no_furniture
from engine.light.keeping import packed
from engine.light.shadows import mark_shadows
from engine.light.solids import joined
from engine.light.surface import Surface, face_centre
from engine.light.trace import Voxels, distance2_to_box, is_clear, unit_hash
from engine.light.transport import Change

F32 = NDArray[np.float32]

FAINT_BOUNCE = 1e-3  # e below which a lamp's light fades out where it only bounces; half of it costs half more rays
DIM = 4e-3  # e up to which the first rays say enough about a lamp's shadow
LAMPS_PER_TEXEL = 16  # the strongest are kept
ALL = -1  # a row of which everything is void: as bits, all its lamps and the list of them
LIST = 1 << LAMPS_PER_TEXEL  # a bit: other lamps may reach the row; those that stay keep their factors
RAYS = 32  # from each point, where the first ones disagree
FEW = 8  # texels that share the rest of it
CHUNK = 256  # texels that share the memory in which a lamp's factors are worked out
FIRST_PICK = (0.1, 0.6, 0.85, 0.35)  # the first ray of each quarter goes to the face that this picks,
AT_ONCE = 4  # lamps that never shone come on in one go so many at most, where the rest of the light may wait
MOST_OWED = 16  # changes of voxels that lamps which are off need not follow until they shine
FIRST_PLACE = (8, 41, 23, 58)  # and there to this one of 64 places: each to another corner


@leaf
def _fade(strength, faint):
    """1 for light well above `faint`, smoothly 0 at it, so that the reach of a lamp has no edge."""
    if strength <= faint:
        return 0.0
    x = min((strength - faint) / faint, 1.0)
    return x * x * (3 - 2 * x)


@leaf
def _bodies_before(furniture, shapes, lamp, px, py, pz, margin, near):
    """Bodies that may stand between a point (metres, give or take a margin) and a lamp: their number, and which."""
    n = 0
    for b in range(len(furniture.low)):
        touches = n < len(near)
        for axis in range(3):
            p = px if axis == 0 else (py if axis == 1 else pz)
            touches &= furniture.low[b, axis] <= max(p, shapes.high[lamp, axis]) + margin
            touches &= furniture.high[b, axis] >= min(p, shapes.low[lamp, axis]) - margin
        if touches:
            near[n] = b
            n += 1
    return n


@leaf
def _reaches(voxels, furniture, near, n, px, py, pz, shapes, lamp, tx, ty, tz):
    """Whether the world lets light pass from a place on a lamp to a point. `near` [n] are the bodies that may stand in
    the way.
    """
    return is_clear(voxels, px, py, pz, tx, ty, tz, 2e-3) and (
        n == 0 or is_unblocked(furniture, near, n, shapes.entity[lamp], px, py, pz, tx, ty, tz)
    )


@leaf
def _seen_share(voxels, furniture, near, n, px, py, pz, shapes, lamp, factor, rays):
    """Share of a lamp's light that the world lets pass to a point, given the form factors [6] of its faces."""
    total, passes = factor.sum(), 0.0
    for face in range(6):
        count, clear = rays_to_face(factor, face, total, rays), 0
        for k in range(count):
            tx, ty, tz = point_on_face(shapes, lamp, face, k, count)
            clear += _reaches(voxels, furniture, near, n, px, py, pz, shapes, lamp, tx, ty, tz)
        if count > 0:
            passes += factor[face] * clear / count
    return passes / total if total > 0.0 else 0.0


@leaf
def _one_ray(voxels, furniture, near, n, px, py, pz, shapes, lamp, factor, pick, k):
    """Whether place k of 64 is seen on a face of a lamp that a number in 0..1 picks by the form factors [6]."""
    pick *= factor.sum()
    face, passed = 0, factor[0]
    while passed <= pick and face < 5:
        face += 1
        passed += factor[face]
    tx, ty, tz = point_on_face(shapes, lamp, face, k, 64)
    return _reaches(voxels, furniture, near, n, px, py, pz, shapes, lamp, tx, ty, tz)


@njit(parallel=True, cache=True)
def coarse_factors(voxels, furniture, place, texels, shapes, lamp, factor_out):
    """Factors (one shadow ray) from the centres of some texels to one lamp and to what its fixture throws back:
    factor_out [n, 2] f32.

    Light fainter than FAINT_BOUNCE is let go.
    """
    for chunk in prange((len(texels) + CHUNK - 1) // CHUNK):
        p, factor = np.empty(3, np.float64), np.empty(6, np.float64)
        corner, buffer, nobody = np.empty((4, 3), np.float64), np.empty((10, 3), np.float64), np.empty(0, np.int32)
        low, high = shapes.low[lamp], shapes.high[lamp]
        for i in range(chunk * CHUNK, min((chunk + 1) * CHUNK, len(texels))):
            t = texels[i]
            factor_out[i] = 0.0
            axis, sign = face_centre(place, t, p)
            p[axis] += 1e-3 * sign
            nx = sign if axis == 0 else 0.0
            ny = sign if axis == 1 else 0.0
            nz = sign if axis == 2 else 0.0
            total = box_factors(p[0], p[1], p[2], nx, ny, nz, low, high, factor, corner, buffer)
            fade = _fade(total * shapes.strength[lamp], FAINT_BOUNCE)
            if fade <= 0.0:
                continue
            pick = unit_hash(place[t, 0], place[t, 1], place[t, 2], place[t, 3])
            k = int(64.0 * unit_hash(place[t, 0], place[t, 1], place[t, 2], place[t, 3] + 6))
            # What furniture hides here it would throw back itself: light bounces as if it were not there.
            if _one_ray(voxels, furniture, nobody, 0, p[0], p[1], p[2], shapes, lamp, factor, pick, k):
                share, glow = fixture_share(shapes, lamp, p[0], p[1], p[2], factor)
                factor_out[i, 0], factor_out[i, 1] = total * fade * share, total * fade * glow


@njit(cache=True)
def point_factor(voxels, furniture, px, py, pz, nx, ny, nz, shapes, lamp, rays, factor, corner, buffer):
    """The slow reference of factors at any surface point: of a lamp's own light, where each of many rays meets world
    and fixture, and of what the fixture throws back.
    """
    ox, oy, oz = px + 1e-3 * nx, py + 1e-3 * ny, pz + 1e-3 * nz
    total = box_factors(ox, oy, oz, nx, ny, nz, shapes.low[lamp], shapes.high[lamp], factor, corner, buffer)
    full = total * _fade(total * shapes.strength[lamp], FAINT)
    if full <= 0.0:
        return 0.0, 0.0
    near = np.empty(MOST_NEAR, np.int32)
    n = _bodies_before(furniture, shapes, lamp, ox, oy, oz, 0.0, near)
    own, seen = 0.0, 0.0
    for face in range(6):
        count = rays_to_face(factor, face, total, rays)
        for k in range(count):
            tx, ty, tz = point_on_face(shapes, lamp, face, k, count)
            if _reaches(voxels, furniture, near, n, ox, oy, oz, shapes, lamp, tx, ty, tz):
                seen += factor[face] / total / count
                if is_unshaded(shapes, lamp, ox, oy, oz, tx, ty, tz):
                    own += factor[face] / total / count
    _, glow = fixture_share(shapes, lamp, ox, oy, oz, factor)
    return full * own, full * seen * glow


@leaf
def _quarter(p, ua, va, s):
    """Centre of the quarter s = v * 2 + u of a face with centre p [3] and tangent axes ua, va."""
    du, dv = (0.0625 if s & 1 else -0.0625), (0.0625 if s & 2 else -0.0625)
    x = p[0] + (du if ua == 0 else (dv if va == 0 else 0.0))
    y = p[1] + (du if ua == 1 else (dv if va == 1 else 0.0))
    z = p[2] + (du if ua == 2 else (dv if va == 2 else 0.0))
    return x, y, z


@leaf
def _list_lamps(
    p, nx, ny, nz, shapes, row, void, lamp_of, factor_of, glow_of, factor, corner, buffer, bright, listed, known
):  # fmt: skip
    """Find the lamps that may light a texel with the middle p [3]: how many. Factors stay with lamps that were listed
    before. Besides those of `fine_factors` all is scratch: bright [16], and of lamps listed before which, listed [16],
    and their factors and glow, known [16, 5].
    """
    low, high, reach, strength = shapes.low, shapes.high, shapes.reach, shapes.strength
    known_void, seen = void[row], 0
    for slot in range(LAMPS_PER_TEXEL):
        bright[slot], listed[slot], known[slot, 4] = 0.0, lamp_of[row, slot], glow_of[row, slot]
        for s in range(4):
            known[slot, s] = factor_of[row, slot, s]
    lamp_of[row, :] = -1
    for lamp in range(len(low)):
        dx = max(low[lamp, 0] - p[0], 0.0, p[0] - high[lamp, 0])
        dy = max(low[lamp, 1] - p[1], 0.0, p[1] - high[lamp, 1])
        dz = max(low[lamp, 2] - p[2], 0.0, p[2] - high[lamp, 2])
        if dx * dx + dy * dy + dz * dz > reach[lamp] * reach[lamp]:
            continue
        found = strength[lamp] * box_factors(
            p[0], p[1], p[2], nx, ny, nz, low[lamp], high[lamp], factor, corner, buffer
        )  # fmt: skip
        if found <= 0.5 * FAINT:
            continue
        slot = seen
        if seen < LAMPS_PER_TEXEL:
            seen += 1
        else:
            slot = 0
            for k in range(1, LAMPS_PER_TEXEL):
                if bright[k] < bright[slot]:
                    slot = k
            if bright[slot] >= found:
                continue
        bright[slot] = found
        lamp_of[row, slot] = lamp
    void[row] = (1 << seen) - 1
    for was in range(LAMPS_PER_TEXEL):
        for slot in range(seen):
            if listed[was] == lamp_of[row, slot] and not known_void >> was & 1:
                glow_of[row, slot] = known[was, 4]
                for s in range(4):
                    factor_of[row, slot, s] = known[was, s]
                void[row] &= ~(1 << slot)
    return seen


@leaf
def _fine_some(
    first, last, voxels, furniture, place, texels, rows, shapes, is_lit, void, lamp_of, factor_of, glow_of, room, faces,
    bright, listed, known, near,
):  # fmt: skip
    """`fine_factors` of texels first .. last - 1, in the room [15, 3] and the lists that a thread has."""
    low, high, strength = shapes.low, shapes.high, shapes.strength
    p, corner, buffer, factor, full = room[0], room[1:5], room[5:15], faces[4], faces[5]
    for i in range(first, last):
        t, row = texels[i], rows[i]
        axis, sign = face_centre(place, t, p)
        nx = sign if axis == 0 else 0.0
        ny = sign if axis == 1 else 0.0
        nz = sign if axis == 2 else 0.0
        ua, va = (axis + 1) % 3, (axis + 2) % 3
        seen = 0
        if void[row] & LIST:
            seen = _list_lamps(
                p, nx, ny, nz, shapes, row, void, lamp_of, factor_of, glow_of, factor, corner, buffer, bright,
                listed, known,
            )  # fmt: skip
        else:
            while seen < LAMPS_PER_TEXEL and lamp_of[row, seen] >= 0:
                seen += 1
        for slot in range(seen):
            if not void[row] >> slot & 1:
                continue
            lamp = lamp_of[row, slot]
            if not is_lit[lamp]:
                factor_of[row, slot], glow_of[row, slot] = 0.0, 0.0
                continue
            void[row] &= ~(1 << slot)
            n = _bodies_before(furniture, shapes, lamp, p[0], p[1], p[2], 0.125, near)
            # One ray from each quarter first: where they agree the texel is lit or dark, else each gets its own share.
            rays, clear, brightest = 0, 0, 0.0
            for s in range(4):
                px, py, pz = _quarter(p, ua, va, s)
                px, py, pz = px + 1e-3 * nx, py + 1e-3 * ny, pz + 1e-3 * nz
                total = box_factors(px, py, pz, nx, ny, nz, low[lamp], high[lamp], faces[s], corner, buffer)
                full[s] = total * _fade(total * strength[lamp], FAINT)
                brightest = max(brightest, full[s])
                if full[s] > 0.0:
                    rays += 1
                    clear += _one_ray(
                        voxels, furniture, near, n, px, py, pz, shapes, lamp, faces[s], FIRST_PICK[s], FIRST_PLACE[s]
                    )
            glow_of[row, slot] = 0.0
            for s in range(4):
                factor_of[row, slot, s] = 0.0
                if clear == 0 or full[s] <= 0.0:
                    continue
                px, py, pz = _quarter(p, ua, va, s)
                px, py, pz = px + 1e-3 * nx, py + 1e-3 * ny, pz + 1e-3 * nz
                share, glow = fixture_share(shapes, lamp, px, py, pz, faces[s])
                open_share = clear / rays
                if clear < rays and brightest * strength[lamp] > DIM:
                    open_share = _seen_share(voxels, furniture, near, n, px, py, pz, shapes, lamp, faces[s], RAYS)
                factor_of[row, slot, s] = full[s] * open_share * share
                glow_of[row, slot] += 0.25 * full[s] * open_share * glow


@njit(parallel=True, cache=True)
def fine_factors(voxels, furniture, place, texels, rows, shapes, is_lit, void, lamp_of, factor_of, glow_of):
    """Lamps that light some texels, on 2 x 2 points each: lamp_of [R, 16] lamp or -1, factor_of [R, 16, 4] at `rows`,
    and glow_of [R, 16] of what their fixtures throw back, for the whole face.

    void [R] says what is to be done: a bit for every lamp of a row whose factors are void, LIST where it may be reached
    by others, ALL for both.
    Those of lamps that are not lit (is_lit [L]) stay void: nobody sees them. Points are in the order v * 2 + u, at a
    quarter and three quarters of the face along u and v.
    """
    for block in prange((len(texels) + FEW - 1) // FEW):
        room, faces, bright = np.empty((15, 3)), np.empty((6, 6)), np.empty(LAMPS_PER_TEXEL)
        listed, known = np.empty(LAMPS_PER_TEXEL, np.int32), np.empty((LAMPS_PER_TEXEL, 5), np.float32)
        near = np.empty(MOST_NEAR, np.int32)
        _fine_some(
            block * FEW, min((block + 1) * FEW, len(texels)), voxels, furniture, place, texels, rows, shapes, is_lit,
            void, lamp_of, factor_of, glow_of, room, faces, bright, listed, known, near,
        )  # fmt: skip


@njit(parallel=True, cache=True)
def fine_light(rows, lamp_of, factor_of, glow_of, tint, radiance, e):
    """Direct lamp light of some rows: e [R, 4, 3], one point per quarter of the face."""
    for i in prange(len(rows)):
        row = rows[i]
        e[row] = 0.0
        for slot in range(lamp_of.shape[1]):
            lamp = lamp_of[row, slot]
            if lamp < 0:
                break
            for s in range(4):
                f = factor_of[row, slot, s]
                for c in range(3):
                    e[row, s, c] += (f + glow_of[row, slot] * tint[lamp, c]) * radiance[lamp, c]


@njit(cache=True)
def _in_reach(place, texels, low, high, reach, out):
    """Those of some texels [n] that get more than the faint light that a lamp sheds straight on at `reach`, if nothing
    stands between, and some that do not; returns how many are in out [n].
    """
    n = 0
    p = np.empty(3, np.float64)
    for i in range(len(texels)):
        t = texels[i]
        if place[t, 3] < 0:
            continue
        axis, sign = face_centre(place, t, p)
        above = high[axis] - p[axis] if sign > 0 else p[axis] - low[axis]
        if above <= 0.0:
            continue
        d2 = distance2_to_box(p, low, high)
        # Light falls off with the squared distance and the cosine, which is at most above / distance.
        if d2 > reach * reach or d2 * math.sqrt(d2) > reach * reach * above:
            continue
        out[n] = t
        n += 1
    return n


@njit(cache=True)
def _mended(texels, factor, mark, number, more, more_factor):
    """Those of some texels [n] whose mark [T] is neither below 0 nor this number, and more behind them, with factors
    [., 2]; and those that have the number.
    """
    kept, kept_factor = np.empty(len(texels) + len(more), np.int32), np.empty((len(texels) + len(more), 2), np.float32)
    void, n, n_void = np.empty(len(texels), np.int32), 0, 0
    for i in range(len(texels)):
        marked = mark[texels[i]]
        if marked == number:
            void[n_void] = texels[i]
            n_void += 1
        elif marked >= 0:
            kept[n], kept_factor[n, 0], kept_factor[n, 1] = texels[i], factor[i, 0], factor[i, 1]
            n += 1
    kept[n : n + len(more)], kept_factor[n : n + len(more)] = more, more_factor
    return kept[: n + len(more)], kept_factor[: n + len(more)], void[:n_void]


@leaf
def _add_light(texels, factor, tint, radiance, row, e):
    """Add what a lamp sheds on some texels [n] to e [m, 3] at their rows [T], -1 none."""
    for i in range(len(texels)):
        at = row[texels[i]]
        if at >= 0:
            for c in range(3):
                e[at, c] += (factor[i, 0] + factor[i, 1] * tint[c]) * radiance[c]


@dataclass(frozen=True)
class LampChange:
    """What became of the lamps in an update."""

    number: NDArray[np.int32]  # [L before] number that each lamp has now, -1 gone
    new: NDArray[np.int32]  # [n] lamps that came
    gone_low: NDArray[np.float64]  # [n, 3] metres: the boxes of those that went
    gone_high: NDArray[np.float64]  # [n, 3]
    gone_reach: NDArray[np.float64]  # [n]
    in_order: bool  # the lamps that stayed follow each other as before


class LampTransport:
    """Coarse factors of every lamp on every texel that it reaches: what relight uses for direct light."""

    def __init__(self) -> None:
        no = np.zeros((0, 3), np.float64)
        none = np.zeros(0, np.float64)
        numbers = np.zeros(0, np.int32)
        throw, tint = np.zeros((0, 6, NODES, NODES, 2), np.float32), np.zeros((0, 3), np.float32)
        self.shapes = LampShapes(no, no, none, none, *joined([]), np.zeros(1, np.int32), numbers, throw, tint)
        self.furniture = no_furniture()
        self._keys: list[tuple[object, ...]] = []  # [L] what the factors of each lamp depend on
        # [L] of [n] texels that a lamp lights, one in ten of those in reach, and of factors [n, 2] of its own light and
        # of what its fixture throws back; None until it first shines.
        self.lit: list[tuple[NDArray[np.int32], F32] | None] = []
        self._changes: list[Change] = []  # that some lamp, off since before, has not followed
        self._owed: list[int] = []  # [L] how many of the last of them
        self._followed: list[tuple[int, list[Change]]] = []  # lamps that have by now, since `take_followed`
        self._voxels: Voxels
        self._surface: Surface
        self._radiance = np.zeros((0, 3), np.float32)  # [L, 3] that `e` is for
        self.e = np.zeros(0, np.uint32)  # [T] packed, of all lamps at texel centres, as of the last `shine`
        self._dirty: list[NDArray[np.int32]] = []  # texels whose e is void

    def update(
        self, shapes: LampShapes, voxels: Voxels, surface: Surface, change: Change | None,
        furniture: Furniture | None = None,
    ) -> LampChange | None:  # fmt: skip
        """Bring factors up to date with the lamps and with a change of voxels.

        Returns what became of the lamps if any came, went, moved, or changed its size, shades or full power.
        """
        furniture = furniture or no_furniture()
        same = shapes is self.shapes and furniture is self.furniture
        before, keys = self._keys, self._keys if same else _keys(shapes, furniture)
        known = {key: i for i, key in enumerate(before)}
        old, self.shapes, self.furniture, self._keys = self.shapes, shapes, furniture, keys
        self._voxels, self._surface = voxels, surface
        old_lit, old_radiance, self.lit = self.lit, self._radiance, []
        old_owed, self._owed = self._owed, []
        number, radiance = np.full(len(before), -1, np.int32), np.zeros((len(keys), 3), np.float32)
        for lamp, key in enumerate(keys):
            was = known.pop(key, None)
            self.lit.append(None if was is None else old_lit[was])
            self._owed.append(0 if was is None else old_owed[was])
            if was is not None:
                number[was], radiance[lamp] = lamp, old_radiance[was]
        self._radiance = radiance
        if change is not None:
            self._dirty.append(change.fresh)
            self._changes.append(change)
            self._owed = [owed + 1 for owed in self._owed]
            self.catch_up([lamp for lamp in self.owing() if radiance[lamp].any() or len(self._changes) > MOST_OWED])
        gone = number < 0
        self._dirty += [lit[0] for lit, went in zip(old_lit, gone, strict=True) if went and lit is not None]
        stayed = number[~gone]
        new = np.setdiff1d(np.arange(len(keys)), stayed).astype(np.int32)
        in_order = bool((np.diff(stayed) > 0).all())
        if not in_order:
            self._dirty += [lit[0] for lit in self.lit if lit is not None]  # sums run in another order
        if not gone.any() and not len(new) and in_order:
            return None
        return LampChange(number, new, old.low[gone], old.high[gone], old.reach[gone], in_order)

    def owing(self) -> list[int]:
        """Lamps whose factors are those of voxels of before."""
        return [lamp for lamp, lit in enumerate(self.lit) if lit is not None and self._owed[lamp]]

    def follows_later(self) -> NDArray[np.bool_]:
        """Which lamps [L] will not follow a change of voxels before they shine."""
        return ~self._radiance.any(1) & np.array([lit is not None for lit in self.lit], np.bool_)

    def take_followed(self) -> list[tuple[int, list[Change]]]:
        """Lamps that since the last call followed changes later than these came, and which."""
        found, self._followed = self._followed, []
        return found

    def catch_up(self, lamps: list[int]) -> None:
        """Let some lamps follow the changes that they have not followed."""
        marks: dict[int, NDArray[np.int32]] = {}
        found = np.empty(len(self._surface.place), np.int32)
        for lamp in lamps:
            owed, lit = self._owed[lamp], self.lit[lamp]
            if owed not in marks:
                marks[owed] = np.zeros(len(self._surface.place), np.int32)
                for change in self._changes[-owed:]:
                    marks[owed][change.fresh] = marks[owed][change.gone] = -1
            assert lit is not None
            if not self._radiance[lamp].any():  # those that shine follow at once, and so do rows of the pool
                self._followed.append((lamp, self._changes[-owed:]))
            self.lit[lamp], self._owed[lamp] = self._mend(*lit, lamp, self._changes[-owed:], marks[owed], found), 0
        self._owed = [0 if lit is None else owed for lit, owed in zip(self.lit, self._owed, strict=True)]
        self._changes = self._changes[len(self._changes) - max(self._owed, default=0) :]

    def _reach(self, lamp: int) -> float:
        """Metres at which a lamp is fainter than FAINT_BOUNCE."""
        return float(self.shapes.reach[lamp]) * math.sqrt(FAINT / FAINT_BOUNCE)

    def unseen(self, radiance: F32) -> list[int]:
        """Lamps that shine, radiance [L, 3], and never have."""
        return [lamp for lamp, lit in enumerate(self.lit) if lit is None and radiance[lamp].any()]

    def look(self, lamps: list[int], n_parts: int) -> Iterator[None]:
        """Find out what some lamps light, each in some parts; nothing may be updated in between."""
        for lamp in lamps:
            found = []
            for part in np.array_split(np.arange(len(self._surface.place), dtype=np.int32), n_parts):
                found.append(self._light(lamp, part))
                yield
            texels, factor = (np.concatenate(parts) for parts in zip(*found, strict=True))
            self.lit[lamp] = texels, factor
            self._dirty.append(texels)

    def _light(self, lamp: int, texels: NDArray[np.int32]) -> tuple[NDArray[np.int32], F32]:
        """Those of some texels that a lamp lights, and its factors there."""
        place, found = self._surface.place, np.empty(len(texels), np.int32)
        n = _in_reach(place, texels, self.shapes.low[lamp], self.shapes.high[lamp], self._reach(lamp), found)
        factor = np.empty((n, 2), np.float32)
        coarse_factors(self._voxels, self.furniture, place, found[:n], self.shapes, lamp, factor)
        lit = factor.any(1)
        return found[:n][lit], factor[lit]

    def _mend(
        self, texels: NDArray[np.int32], factor: F32, lamp: int, changes: list[Change], mark: NDArray[np.int32],
        found: NDArray[np.int32],
    ) -> tuple[NDArray[np.int32], F32]:  # fmt: skip
        """Do again only the texels whose shadow rays may cross a changed box, and fresh ones. Those and the gone are -1
        in mark [T]; found [T] is scratch.
        """
        surface, low, high, reach = self._surface, self.shapes.low[lamp], self.shapes.high[lamp], self._reach(lamp)
        boxes = np.concatenate([np.hstack([change.low, change.high]) for change in changes])
        if len(changes) > 1:  # the same place may have changed again and again
            boxes = np.unique(boxes, axis=0)
        near = (boxes[:, :3] <= high + reach + 1.0).all(1) & (boxes[:, 3:] >= low - reach - 1.0).all(1)
        if not near.any():
            return texels, factor
        n = mark_shadows(
            surface.place, surface.faces, surface.has_texels, low, high, reach, boxes[near, :3], boxes[near, 3:], mark,
            lamp + 1, found,
        )  # fmt: skip
        fresh = each_once(*(change.fresh for change in changes))
        lit, redone = self._light(lamp, np.concatenate([found[:n], fresh]))
        now, factor_now, void = _mended(texels, factor, mark, lamp + 1, lit, redone)
        self._dirty += [void, lit]
        return now, factor_now

    def from_unseen(self, texels: NDArray[np.int32], radiance: F32) -> F32:
        """What `e` of some texels [n] lacks of those lamps that shine, radiance [L, 3], and never have which are looked
        at next: [n, 3].
        """
        e, unseen = np.zeros((len(texels), 3), np.float32), self.unseen(radiance)[:AT_ONCE]
        if not len(texels) or not unseen:
            return e
        row = np.zeros(len(self._surface.place), np.int32)
        row[texels] = np.arange(len(texels))
        for lamp in unseen:
            lit, factor = self._light(lamp, texels)
            e[row[lit]] += (factor[:, :1] + factor[:, 1:] * self.shapes.tint[lamp]) * radiance[lamp]
        return e

    def shine(self, n_texels: int, radiance: F32, whole: bool = True) -> NDArray[np.int32]:
        """Bring e [T] of all lamps at texel centres up to date for radiance [L, 3]; returns the texels that it may
        have changed on. Not `whole` leaves out lamps that never shone.
        """
        if len(self.e) < n_texels:
            self.e = np.concatenate([self.e, np.zeros(n_texels - len(self.e), np.uint32)])
        for _ in self.look(self.unseen(radiance) if whole else [], 1):
            pass
        self.catch_up([lamp for lamp in self.owing() if radiance[lamp].any()])
        turned = (radiance != self._radiance).any(1)
        known = [lit[0] for lit, other in zip(self.lit, turned, strict=True) if other and lit is not None]
        dirty = np.concatenate([np.zeros(0, np.int32), *self._dirty, *known])
        self._radiance, self._dirty = radiance.copy(), []
        if not len(dirty):
            return dirty
        wanted = np.zeros(n_texels, np.bool_)
        wanted[dirty] = True
        dirty = np.flatnonzero(wanted).astype(np.int32)
        row, e = np.full(n_texels, -1, np.int32), np.zeros((len(dirty), 3), np.float32)
        row[dirty] = np.arange(len(dirty))
        for lit, tint, colour in zip(self.lit, self.shapes.tint, radiance, strict=True):
            if lit is not None and colour.any():
                _add_light(*lit, tint, colour, row, e)
        before, self.e[dirty] = self.e[dirty], packed(e)
        return np.asarray(dirty[self.e[dirty] != before])

    def direct(self, n_texels: int, radiance: F32) -> NDArray[np.uint32]:
        """e [T], packed, of all lamps at texel centres for radiance [L, 3]."""
        self.shine(n_texels, radiance)
        return self.e[:n_texels]


def _shade(shapes: LampShapes, lamp: int) -> tuple[bytes, bytes]:
    """All that is known of a lamp's shade."""
    first, last = shapes.first_shade[lamp : lamp + 2]
    cut = shapes.shade_first_plane[first : last + 1]
    return shapes.shade_plane[cut[0] : cut[-1]].tobytes(), (cut - cut[0]).tobytes()


def _keys(shapes: LampShapes, furniture: Furniture) -> list[tuple[object, ...]]:
    """What the factors of each lamp depend on, beside voxels and other furniture; the number of its body is no part."""
    bodies = dict(zip(furniture.entity.tolist(), body_keys(furniture), strict=True))  # no shadow of its own one
    own = [bodies.get(entity) for entity in shapes.entity.tolist()]
    return [(shapes.strength[i].tobytes(), own[i], *key) for i, key in enumerate(shape_keys(shapes))]


def shape_keys(shapes: LampShapes) -> list[tuple[bytes, ...]]:
    """What each lamp is but for its power: box, shades, and what the body that carries it throws back."""
    return [
        (
            shapes.low[i].tobytes(), shapes.high[i].tobytes(), *_shade(shapes, i),
            blake2b(shapes.throw[i].tobytes() + shapes.tint[i].tobytes(), digest_size=16).digest(),
        )
        for i in range(len(shapes.low))
    ]  # fmt: skip
