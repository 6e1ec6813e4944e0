"""Shade: what bodies that move keep from the texels on the screen, worked out anew in every picture.

Of each lamp's light a body takes the share that a few rays find blocked, of all other light the share of a texel's half
space that it fills, as if that light came the same from everywhere. What it throws back in its place is its albedo's
part of that. Most bodies are far from most texels, and out of the way of most lamps: pages find out who may matter to
them first (`_find_near`), then each texel does (`_shaft`); both only leave out whom no ray can meet.
"""

import math

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from engine.light.compiled import leaf
from engine.light.formfactor import FAINT, LampShapes
from engine.light.movers import Movers
from engine.light.pages import page_origin
from engine.light.shafts import SHAFT, in_shaft, lay_shaft, list_in_shaft
from engine.light.surface import face_centre
from engine.light.trace import distance2_to_box, misses_box, one_over

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I32 = NDArray[np.int32]
Bool = NDArray[np.bool_]

AMBIENT_M = 1.0  # from a body: there a person, 0.5 x 1.75 m, fills 6 % of what a floor sees
DIM = 2e-3  # e of a lamp, fully on, below which nobody sees a shadow in it; at twice that it is whole
BRIGHT = 1e-2  # and up to which a face has one shadow instead of four
LAMP_SHARE = math.sqrt(FAINT / DIM)  # of a lamp's reach on surfaces: farther away it is DIM
RAYS = 9  # from each quarter of a face to a lamp
FIRST_RAYS = 3  # of them, which may agree
FEW_RAYS = 6  # of a whole face
NEAR_M = 0.35  # from a body: so near quarters of a face are told apart in what it fills of their view
MOST_FILLED = 0.9  # of a half space, by what is taken for balls
HALF_FACE = 0.0625  # metres: points of a face that rays begin at lie so far from its middle
BLOCK = 64  # texels that a thread works through with the same scratch
WORD = 64  # bodies in a word of a mask
PAGES = 8  # that are asked about together
# Places in a lamp's box where rays end, [RAYS, 3]: the same for all texels, so that a shadow's edge is even.
# Roberts, "The Unreasonable Effectiveness of Quasirandom Sequences", 2018: the sequence R3.
TARGETS = (0.5 + np.outer(np.arange(RAYS), 1.2207440846057596 ** -np.arange(1.0, 4.0))) % 1.0


@leaf
def ball_share(dx, dy, dz, radius2, nx, ny, nz):
    """Share of what a surface of unit normal n sees that a ball fills, cosines counted; d is its middle from there.

    Quilez, "sphere ambient occlusion" (iquilezles.org/articles/sphereao), with what the horizon cuts off.
    """
    d2 = dx * dx + dy * dy + dz * dz
    h2 = d2 / radius2
    if h2 <= 1.001:
        return 1.0
    cosine = (nx * dx + ny * dy + nz * dz) / math.sqrt(d2)
    k2 = 1.0 - h2 * cosine * cosine
    if k2 <= 1e-6:
        return max(cosine, 0.0) / h2
    up = min(max(-cosine * math.sqrt((h2 - 1.0) / max(1.0 - cosine * cosine, 1e-9)), -1.0), 1.0)
    found = (cosine * math.acos(up) - math.sqrt(k2 * (h2 - 1.0))) / h2 + math.atan(math.sqrt(k2 / (h2 - 1.0)))
    return max(found, 0.0) / math.pi


@leaf
def _gap2(middle, half, low, high):
    """Squared metres between two boxes, one by its middle and half extents [3]."""
    d2 = 0.0
    for c in range(3):
        d = max(low[c] - middle[c] - half[c], 0.0, middle[c] - half[c] - high[c])
        d2 += d * d
    return d2


@leaf
def _page_box(key, ny_bricks, nz_bricks, middle, half):
    """A page with its border: middle [3] and half extents [3] metres; the axis that it is turned to, and its sign."""
    side, x, y, z = page_origin(key, ny_bricks, nz_bricks)
    axis, sign = side // 2, 1.0 - 2.0 * (side % 2)
    for c in range(3):
        at = x if c == 0 else (y if c == 1 else z)
        half[c] = 0.0 if c == axis else 1.25
        middle[c] = at * 0.25 + (0.125 * (1.0 + sign) if c == axis else 1.0)
    return axis, sign


@njit(parallel=True, cache=True)
def _find_near(keys, order, ny_bricks, nz_bricks, movers, shapes, on, shines, near, before):
    """Who may darken some pages [n] with their borders, as masks of bodies: near [n, W] fill something of their view,
    before [n, m, W] may stand between them and lamp on [m] that shines [m, B] on them.

    Pages with numbers close by lie close by. Taken in their order [n] a few are asked about together first, and most
    bodies are out by then.
    """
    near[:], before[:] = 0, 0
    for block in prange((len(keys) + PAGES - 1) // PAGES):
        first, last = block * PAGES, min((block + 1) * PAGES, len(keys))
        middle, half = np.empty((PAGES, 3)), np.empty((PAGES, 3))
        axis, sign = np.empty(PAGES, np.int64), np.empty(PAGES)
        low, high, shaft, n_bodies = np.full(3, np.inf), np.full(3, -np.inf), np.empty(SHAFT), len(movers.at)
        some, stands = np.empty(n_bodies + 1, np.int32), np.empty(n_bodies, np.bool_)
        for i in range(last - first):
            axis[i], sign[i] = _page_box(keys[order[first + i]], ny_bricks, nz_bricks, middle[i], half[i])
            low, high = np.minimum(low, middle[i] - half[i]), np.maximum(high, middle[i] + half[i])
        whole, wide = (low + high) / 2, (high - low) / 2
        for b in range(n_bodies):
            if _gap2(whole, wide, movers.box[0, :, b], movers.box[1, :, b]) >= AMBIENT_M * AMBIENT_M:
                continue
            for i in range(last - first):
                a, at = axis[i], middle[i, axis[i]]
                above = movers.box[1, a, b] - at if sign[i] > 0 else at - movers.box[0, a, b]
                gap2 = _gap2(middle[i], half[i], movers.box[0, :, b], movers.box[1, :, b])
                if above > 0.0 and gap2 < AMBIENT_M * AMBIENT_M:
                    near[order[first + i], b // WORD] |= np.uint64(1) << np.uint64(b % WORD)
        for m in range(len(on)):
            lamp_low, lamp_high, reach = shapes.low[on[m]], shapes.high[on[m]], LAMP_SHARE * shapes.reach[on[m]]
            if _gap2(whole, wide, lamp_low, lamp_high) >= reach * reach:
                continue
            lay_shaft(whole, wide, lamp_low, lamp_high, shaft)
            n_some, n = list_in_shaft(shaft, movers.box, 0, n_bodies, stands, some, 0), 0
            for k in range(n_some):
                some[n] = some[k]
                n += shines[m, some[k]]
            for i in range(last - first if n > 0 else 0):
                a, at = axis[i], middle[i, axis[i]]
                above = lamp_high[a] - at if sign[i] > 0 else at - lamp_low[a]
                if above <= 0.0 or _gap2(middle[i], half[i], lamp_low, lamp_high) >= reach * reach:
                    continue
                lay_shaft(middle[i], half[i], lamp_low, lamp_high, shaft)
                for b in some[:n]:
                    if in_shaft(shaft, movers.box, b):
                        before[order[first + i], m, b // WORD] |= np.uint64(1) << np.uint64(b % WORD)


@leaf
def _in_body(movers, b, x, y, z, out):
    """A direction of the world in the frame of body b: out [3]."""
    m = movers.turn[b]
    for c in range(3):
        out[c] = m[0, c] * x + m[1, c] * y + m[2, c] * z


@leaf
def _parts_in_shaft(movers, b, p, face, lamp_box, o, shaft, stands, parts, n):
    """Append to parts [:n] those of body b in the shaft from a face with the middle p [3] to a lamp, of which the half
    extents of the one and the box around the other in the body's frame are face [3] and lamp_box [2, 3] (`_frames`);
    returns how many there are. o [3], shaft and stands are scratch.
    """
    _in_body(movers, b, p[0] - movers.at[b, 0], p[1] - movers.at[b, 1], p[2] - movers.at[b, 2], o)
    lay_shaft(o, face, lamp_box[0], lamp_box[1], shaft)
    return list_in_shaft(shaft, movers.part, movers.first_part[b], movers.first_part[b + 1], stands, parts, n)


def _frames(movers: Movers, low: F64, high: F64) -> tuple[F64, F64]:
    """How wide a face of each axis is in the frame of each body, half extents [B, 3, 3] metres, and the boxes there
    [m, B, 2, 3] around boxes low..high [m, 3] of the world.
    """
    wide = np.abs(movers.turn)  # [B, 3, 3]
    face = np.einsum("bkc,ak->bac", wide, HALF_FACE * (1.0 - np.eye(3)))
    middle = np.einsum("bkc,mbk->mbc", movers.turn, (low + high)[:, None] / 2 - movers.at)
    half = np.einsum("bkc,mk->mbc", wide, (high - low) / 2)
    return face, np.stack([middle - half, middle + half], 2)


@leaf
def _is_blocked(movers, parts, n, q, tx, ty, tz, o, d):
    """Whether one of parts[:n] lies between a point q [3] and a target (metres); o, d [3] are scratch."""
    b, x, y, z = -1, 0.0, 0.0, 0.0
    for k in range(n):
        part = parts[k]
        if movers.body[part] != b:
            b = movers.body[part]
            _in_body(movers, b, q[0] - movers.at[b, 0], q[1] - movers.at[b, 1], q[2] - movers.at[b, 2], o)
            _in_body(movers, b, tx - q[0], ty - q[1], tz - q[2], d)
            x, y, z = one_over(d[0]), one_over(d[1]), one_over(d[2])
        if not misses_box(o[0], o[1], o[2], x, y, z, 1.0, movers.part[0, :, part], movers.part[1, :, part]):
            return True
    return False


@leaf
def _blocked_rays(movers, parts, n, low, high, q, first, last, o, d):
    """Of the rays first..last - 1 from a point q [3] to a lamp's box low..high [3] the number that parts[:n] stop."""
    blocked = 0
    for k in range(first, last):
        tx = low[0] + TARGETS[k, 0] * (high[0] - low[0])
        ty = low[1] + TARGETS[k, 1] * (high[1] - low[1])
        tz = low[2] + TARGETS[k, 2] * (high[2] - low[2])
        blocked += _is_blocked(movers, parts, n, q, tx, ty, tz, o, d)
    return blocked


@leaf
def _hide(movers, parts, n, low, high, p, q, is_dim, share, o, d):
    """Shares [4] of a lamp's box low..high [3] that parts[:n] hide from the quarters q [4, 3] of a face, or where it
    is dim from its middle p [3].
    """
    if is_dim:
        share[:] = _blocked_rays(movers, parts, n, low, high, p, 0, FEW_RAYS, o, d) / FEW_RAYS
        return
    for s in range(4):  # a few rays from each first: where all agree no more are needed
        share[s] = _blocked_rays(movers, parts, n, low, high, q[s], 0, FIRST_RAYS, o, d)
    rays = FIRST_RAYS
    if 0.0 < share.sum() < 4 * FIRST_RAYS:
        rays = RAYS
        for s in range(4):
            share[s] += _blocked_rays(movers, parts, n, low, high, q[s], FIRST_RAYS, RAYS, o, d)
    share /= rays


@leaf
def _filled_share(movers, b, q, n, o, d):
    """Share of what a place q [3] with the normal n [3] sees that body b fills."""
    _in_body(movers, b, q[0] - movers.at[b, 0], q[1] - movers.at[b, 1], q[2] - movers.at[b, 2], o)
    _in_body(movers, b, n[0], n[1], n[2], d)
    filled = 0.0
    for k in range(movers.first_ball[b], movers.first_ball[b + 1]):
        ball = movers.ball[k]
        filled += ball_share(ball[0] - o[0], ball[1] - o[1], ball[2] - o[2], ball[3], d[0], d[1], d[2])
    return min(filled, MOST_FILLED)


@leaf
def _has_any(mask):
    """Whether a mask [W] holds any body."""
    some = np.uint64(0)
    for word in mask:
        some |= word
    return some != 0


@leaf
def _bodies_in(mask, bodies):
    """The bodies of a mask [W]: bodies [B], and how many."""
    n = 0
    for w in range(len(mask)):
        bits, b = mask[w], w * WORD
        while bits:
            if not bits & np.uint64(0xFF):
                bits, b = bits >> np.uint64(8), b + 8
                continue
            if bits & np.uint64(1):
                bodies[n] = b
                n += 1
            bits >>= np.uint64(1)
            b += 1
    return n


@leaf
def _shade_some(
    first, last, place, texels, rows, page, movers, face, lamp_box, shapes, column, near, before, lamp_of, factor_of,
    glow_of, waits, radiance, room, shafts, share, bodies, parts, stands, lost, left, dark,
):  # fmt: skip
    """`shade_texels` of texels first .. last - 1, in the room [9, 3] and the lists that a thread has."""
    p, normal, half, o, d, q = room[0], room[1], room[2], room[3], room[4], room[5:9]
    shaft, own_shaft = shafts
    for i in range(first, last):
        t, row = texels[i], rows[i]
        axis, sign = face_centre(place, t, p)
        p[axis] += 1e-3 * sign
        normal[:], half[:] = 0.0, HALF_FACE
        normal[axis], half[axis] = sign, 0.0
        for s in range(4):
            q[s, axis] = p[axis]
            q[s, (axis + 1) % 3] = p[(axis + 1) % 3] + (HALF_FACE if s & 1 else -HALF_FACE)
            q[s, (axis + 2) % 3] = p[(axis + 2) % 3] + (HALF_FACE if s & 2 else -HALF_FACE)
        lost[i], left[i] = 0.0, 1.0
        for k in range(_bodies_in(near[page[i]], bodies)):
            b = bodies[k]
            gap = math.sqrt(distance2_to_box(p, movers.box[0, :, b], movers.box[1, :, b]))
            fade = min(2.0 - 2.0 * gap / AMBIENT_M, 1.0)  # over the farther half, so that its end is no edge
            if fade <= 0.0:
                continue
            if gap > NEAR_M:
                whole = 1.0 - _filled_share(movers, b, p, normal, o, d) * fade * movers.taken[b]
                for s in range(4):
                    left[i, s] *= whole
            else:
                for s in range(4):
                    left[i, s] *= 1.0 - _filled_share(movers, b, q[s], normal, o, d) * fade * movers.taken[b]
        for slot in range(0 if waits[row] else lamp_of.shape[1]):
            lamp = lamp_of[row, slot]
            if lamp < 0:
                break
            if column[lamp] < 0 or not _has_any(before[page[i], column[lamp]]):
                continue
            bright = 0.0
            for s in range(4):
                bright = max(bright, factor_of[row, slot, s])
            bright = (bright + glow_of[row, slot]) * shapes.strength[lamp]  # fully on, so that light stays linear
            weight = min(max(bright / DIM - 1.0, 0.0), 1.0)
            if weight == 0.0:
                continue
            # All bodies before one lamp together: their shadows lie in each other.
            low, high, n = shapes.low[lamp], shapes.high[lamp], 0
            lay_shaft(p, half, low, high, shaft)
            for k in range(_bodies_in(before[page[i], column[lamp]], bodies)):
                b = bodies[k]
                if in_shaft(shaft, movers.box, b):
                    n = _parts_in_shaft(
                        movers, b, p, face[b, axis], lamp_box[column[lamp], b], o, own_shaft, stands, parts, n
                    )  # fmt: skip
            if n == 0:
                continue
            _hide(movers, parts, n, low, high, p, q, bright < BRIGHT, share, o, d)
            for s in range(4):
                own, glow = weight * share[s] * factor_of[row, slot, s], weight * share[s] * glow_of[row, slot]
                for c in range(3):
                    lost[i, s, c] += (own + glow * shapes.tint[lamp, c]) * radiance[lamp, c]
        dark[i] = False
        for s in range(4):
            dark[i] |= left[i, s] < 1.0 or lost[i, s, 0] > 0.0 or lost[i, s, 1] > 0.0 or lost[i, s, 2] > 0.0


@njit(parallel=True, cache=True)
def shade_texels(
    place, texels, rows, page, movers, face, lamp_box, shapes, column, near, before, lamp_of, factor_of, glow_of, waits,
    radiance, lost, left, dark,
):  # fmt: skip
    """What movers keep from some texels: lost [n, 4, 3] e of lamps by quarter of the face, and left [n, 4], the part
    of all other light that stays; dark [n] says on which that is not nothing.

    page [n] is the row of near and before (see `_find_near`) that tells who may, column [L] that of a lamp there and in
    lamp_box (see `_frames`, as of face), -1 none. Lamps of rows that still wait [R] for their factors are let be.
    """
    for block in prange((len(texels) + BLOCK - 1) // BLOCK):
        room, shafts, share = np.empty((9, 3)), np.empty((2, *SHAFT)), np.empty(4)
        bodies, n_parts = np.empty(len(movers.at), np.int32), len(movers.body)
        parts, stands = np.empty(n_parts + 1, np.int32), np.empty(n_parts, np.bool_)
        _shade_some(
            block * BLOCK, min((block + 1) * BLOCK, len(texels)), place, texels, rows, page, movers, face, lamp_box,
            shapes, column, near, before, lamp_of, factor_of, glow_of, waits, radiance, room, shafts, share, bodies,
            parts, stands, lost, left, dark,
        )  # fmt: skip


@njit(cache=True)
def _differing(texels, lost, left, others, others_lost, others_left, found):
    """Those of two lists of texels in order on which it is not the same that is kept away, or only by one: found, and
    how many.
    """
    i, j, n = 0, 0, 0
    while i < len(texels) or j < len(others):
        is_first = j == len(others) or (i < len(texels) and texels[i] < others[j])
        if is_first or i == len(texels) or others[j] < texels[i]:
            found[n] = texels[i] if is_first else others[j]
            i, j, n = i + is_first, j + (not is_first), n + 1
            continue
        if (lost[i] != others_lost[j]).any() or (left[i] != others_left[j]).any():
            found[n] = texels[i]
            n += 1
        i, j = i + 1, j + 1
    return n


class Shade:
    """What movers keep from the texels on the screen, as of the last picture."""

    def __init__(self) -> None:
        self.texels = np.zeros(0, np.int32)  # [n] in order
        self.lost = np.zeros((0, 4, 3), np.float32)  # [n, 4, 3] e of lamps
        self.left = np.ones((0, 4), np.float32)  # [n, 4] part of the other light
        self._on = np.zeros(0, np.int32)  # [m] lamps that shine on somebody
        self._near, self._before = np.zeros((0, 1), np.uint64), np.zeros((0, 0, 1), np.uint64)  # `_find_near`, by page

    def look(self, movers: Movers, keys: I32, shape: tuple[int, ...], shapes: LampShapes, radiance: F32) -> Bool:
        """Find out which pages [n] of a world of some voxels `shape` movers may darken now: `update` is about these."""
        self._on, shines = _shines_on(movers, shapes, radiance)
        words = max(-(-len(movers.at) // WORD), 1)
        self._near = np.zeros((len(keys), words), np.uint64)
        self._before = np.zeros((len(keys), len(self._on), words), np.uint64)
        if len(movers.at):
            _find_near(
                keys, np.argsort(keys), shape[1] >> 3, shape[2] >> 3, movers, shapes, self._on, shines, self._near,
                self._before,
            )  # fmt: skip
        return np.asarray(self._near.any(1) | self._before.any((1, 2)))

    def of_rows(self, row_of_texel: I32, n_rows: int) -> I32:
        """Where the shade of each row of the pool [R] stands, -1 none."""
        of_row = np.full(n_rows, -1, np.int32)
        of_row[row_of_texel[self.texels]] = np.arange(len(self.texels), dtype=np.int32)
        return of_row

    def update(
        self, movers: Movers, texels: I32, page: I32, rows: I32, place: NDArray[np.int16], shapes: LampShapes,
        radiance: F32, lamp_of: I32, factor_of: F32, glow_of: F32, waits: Bool,
    ) -> I32:  # fmt: skip
        """Work out what movers keep from some texels [n], in order, from others nothing. Each lies in a page [n], or in
        its border, of those that `look` was asked for, and in a row [n] of the pool.

        Returns the texels on which that differs from what it was.
        """
        lost, left = np.empty((len(texels), 4, 3), np.float32), np.empty((len(texels), 4), np.float32)
        dark = np.empty(len(texels), np.bool_)
        if len(texels):
            column = np.full(len(shapes.low), -1, np.int32)
            column[self._on] = np.arange(len(self._on))
            frames = _frames(movers, shapes.low[self._on], shapes.high[self._on])
            shade_texels(
                place, texels, rows, page, movers, *frames, shapes, column, self._near, self._before, lamp_of,
                factor_of, glow_of, waits, radiance, lost, left, dark,
            )  # fmt: skip
        before = self.texels, self.lost, self.left
        self.texels, self.lost, self.left = now = texels[dark], lost[dark], left[dark]
        found = np.empty(len(before[0]) + len(now[0]), np.int32)
        return found[: _differing(*before, *now, found)]


def _shines_on(movers: Movers, shapes: LampShapes, radiance: F32) -> tuple[I32, Bool]:
    """Lamps [m] that are on with somebody in reach, and on whom each shines [m, B]: never on who carries it."""
    on = np.flatnonzero(radiance.any(1)).astype(np.int32)
    low, high = movers.box.transpose(0, 2, 1)
    gap = np.maximum(low[None] - shapes.high[on, None], shapes.low[on, None] - high[None])
    near = (np.maximum(gap, 0.0) ** 2).sum(2) < (LAMP_SHARE * shapes.reach[on, None]) ** 2
    near &= shapes.entity[on, None] != movers.entity[None]
    some = near.any(1)
    return on[some], near[some]
