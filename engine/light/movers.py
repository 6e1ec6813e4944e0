"""Movers: people, doors, things that roll, and the light that they keep from the surfaces around them.

They move too often for rays that are kept, so what they take away is worked out anew in every picture, from what
texels know: of each lamp's light the share that a few rays find blocked, of all other light the share of a texel's
half space that the body fills, as if it came the same from everywhere. What a body throws back in its place is its
albedo's part of that. Only texels on the screen are asked, and only those near a body or behind one from a lamp.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from engine.core.rotations import matrices
from engine.light.formfactor import FAINT, LampShapes
from engine.light.furniture import Furniture, no_furniture, parts_of
from engine.light.pages import page_origin
from engine.light.solids import Solids, joined, parts_that
from engine.light.surface import face_centre
from engine.light.trace import crosses_box
from engine.state.blueprint import Materials, Prefab
from engine.view import View

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I32 = NDArray[np.int32]
Bool = NDArray[np.bool_]

SEEN_M = 40.0  # from the camera: the shade of bodies beyond is smaller than a few pixels
AMBIENT_M = 1.0  # from a body: there a person, 0.5 x 1.75 m, fills 6 % of what a floor sees
DIM = 2e-3  # e of a lamp, fully on, below which nobody sees a shadow in it; at twice that it is whole
BRIGHT = 1e-2  # and up to which a face has one shadow instead of four
LAMP_SHARE = math.sqrt(FAINT / DIM)  # of a lamp's reach on surfaces: farther away it is DIM
RAYS = 9  # from each quarter of a face to a lamp
FIRST_RAYS = 3  # of them, which may agree
FEW_RAYS = 6  # of a whole face
NEAR_M = 0.35  # from a body: so near quarters of a face are told apart in what it fills of their view
SMALL_SHARE = 0.04  # of a body's surface: smaller parts fill nothing
MOST_FILLED = 0.9  # of a half space, by what is taken for balls
MOST_BALLS = 3  # for one part
MOST_LISTED = 64  # bodies that a page is asked about, and pairs of a lamp and a body
# Places in a lamp's box where rays end, [RAYS, 3]: the same for all texels, so that a shadow's edge is even.
# Roberts, "The Unreasonable Effectiveness of Quasirandom Sequences", 2018: the sequence R3.
TARGETS = (0.5 + np.outer(np.arange(RAYS), 1.2207440846057596 ** -np.arange(1.0, 4.0))) % 1.0


class Movers(NamedTuple):
    """B bodies that move, as they stand in one view; a named tuple, as kernels take it whole."""

    low: F64  # [B, 3] metres, world: box around each body
    high: F64  # [B, 3]
    entity: I32  # [B]
    at: F64  # [B, 3] metres, world: the origin of the body's own frame
    turn: F64  # [B, 3, 3] world from body
    taken: F64  # [B] share of the light that meets the body which it does not throw back
    part: F64  # [N, 2, 3] metres, body: low and high corner of a box for each of its parts
    first_part: I32  # [B + 1] the parts of body b are first_part[b] : first_part[b + 1]
    ball: F64  # [K, 4] metres and square metres, body: middle and squared radius of balls in place of the parts
    first_ball: I32  # [B + 1]


class _Home(NamedTuple):
    """What of a prefab keeps light away, in its own frame."""

    part: F64  # [n, 2, 3] metres
    ball: F64  # [k, 4]
    taken: float
    solids: Solids  # its dark parts as they are
    albedo: F32  # [n, 3] of these


def no_movers() -> Movers:
    """Nobody."""
    none = np.zeros((0, 3))
    return _posed([], none, np.zeros((0, 3, 3)), np.zeros(0, np.int32))


class Cast:
    """Poses the bodies that move in view after view; keeps the parts of their prefabs."""

    def __init__(self) -> None:
        self._home: dict[int, _Home] = {}
        self._of: tuple[object, object] = (None, None)  # prefabs and materials that `_home` is of
        self._last: tuple[object, list[_Home], Movers] = (None, [], no_movers())  # and what they were made of

    def of(self, view: View) -> Movers:
        """The bodies of a view that move, no farther than SEEN_M from its camera: the same object as long as they are
        where they were.
        """
        bodies = view.bodies
        away = np.linalg.norm(bodies.position - np.asarray(view.camera.position, np.float32), axis=1)
        moves = away < SEEN_M
        if len(bodies.stands):
            moves &= bodies.stands == 0
        if self._of[0] is not view.prefabs or self._of[1] is not view.materials:
            self._home, self._of, self._last = {}, (view.prefabs, view.materials), (None, [], no_movers())
        fields = (bodies.entity, bodies.prefab, bodies.position, bodies.orientation)
        made_of = tuple(field[moves].tobytes() for field in fields)
        if made_of != self._last[0]:
            prefabs = bodies.prefab[moves].tolist()
            for key in set(prefabs) - self._home.keys():
                self._home[key] = _home(view.prefabs[key], view.materials)
            homes = [self._home[key] for key in prefabs]
            turn = matrices(bodies.orientation[moves].astype(np.float64))
            posed = _posed(homes, bodies.position[moves].astype(np.float64), turn, bodies.entity[moves])
            self._last = made_of, [home for home in homes if len(home.part)], posed
        return self._last[2]

    def furniture(self) -> tuple[Furniture, F32]:
        """The last movers as what stands is described, and the mean albedo [N, 3] of their parts."""
        _, homes, movers = self._last
        if not homes:
            return no_furniture(), np.zeros((0, 3), np.float32)
        n_parts, n_planes = [len(home.part) for home in homes], [len(home.solids.plane) for home in homes]
        box, plane, first = joined([home.solids for home in homes])
        of_part, of_plane = np.repeat(np.arange(len(homes)), n_parts), np.repeat(np.arange(len(homes)), n_planes)
        normal = np.einsum("nij,nj->ni", movers.turn[of_plane], plane[:, :3])
        plane = np.column_stack([normal, plane[:, 3] + (normal * movers.at[of_plane]).sum(1)])
        box = _boxes_around(box, movers.turn[of_part], movers.at[of_part])
        start = movers.first_part[:-1]
        low, high = np.minimum.reduceat(box[:, 0], start), np.maximum.reduceat(box[:, 1], start)
        found = Furniture(low, high, movers.entity, movers.first_part, box, plane, first)
        return found, np.concatenate([home.albedo for home in homes])


def _home(prefab: Prefab, materials: Materials) -> _Home:
    solids, albedo = parts_of(prefab, materials, np.array([0.0, 0.0, 0.0, 1.0], np.float32))
    parts, balls = solids.box.copy(), []
    areas = np.zeros(len(parts))
    dark = np.flatnonzero(parts_that(prefab, materials.emission, shine=False))
    for i, (low, high) in enumerate(solids.box):
        x, y, z = size = np.maximum(high - low, 1e-3)
        areas[i] = 2.0 * (x * y + y * z + z * x)
        if prefab.skin is None:
            mine = prefab.triangles[prefab.part[prefab.triangles[:, 0]] == dark[i]]
            corner = prefab.position[mine].astype(np.float64)
            area = np.linalg.norm(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=1).sum() / 2
            # A round part is a box of the same surface, which is also the same profile on average (Cauchy).
            parts[i] = (low + high) / 2 + np.array([[-0.5], [0.5]]) * size * math.sqrt(min(area / areas[i], 1.0))
            areas[i] = min(area, areas[i])
    for (low, high), area in zip(parts, areas, strict=True):
        if area < SMALL_SHARE * areas.sum():
            continue
        size = high - low
        longest = int(size.argmax())
        n = int(np.clip(round(2.0 * size[longest] / max(size.sum() - size[longest], 1e-3)), 1, MOST_BALLS))
        for k in range(n):
            middle = (low + high) / 2
            middle[longest] = low[longest] + (k + 0.5) / n * size[longest]
            balls.append([*middle, area / (4.0 * math.pi * n)])
    taken = 1.0 - float(np.mean(albedo)) if albedo else 1.0
    mean = np.array(albedo, np.float32).reshape(-1, 3)
    return _Home(parts, np.array(balls, np.float64).reshape(-1, 4), taken, solids, mean)


def _boxes_around(box: F64, turn: F64, at: F64) -> F64:
    """Upright boxes [n, 2, 3] around boxes of bodies' frames, turned [n, 3, 3] and moved [n, 3]."""
    middle = np.einsum("nij,nj->ni", turn, box.mean(1)) + at
    half = np.einsum("nij,nj->ni", np.abs(turn), (box[:, 1] - box[:, 0]) / 2)
    return np.stack([middle - half, middle + half], 1)


def _posed(homes: list[_Home], at: F64, turn: F64, entity: NDArray[np.integer[Any]]) -> Movers:
    """Bodies at some places [B, 3], turned by turn [B, 3, 3]."""
    some = [b for b, home in enumerate(homes) if len(home.part)]
    homes, at, turn = [homes[b] for b in some], at[some], turn[some]
    whole = np.array([(home.part[:, 0].min(0), home.part[:, 1].max(0)) for home in homes]).reshape(-1, 2, 3)
    low, high = np.ascontiguousarray(_boxes_around(whole, turn, at).transpose(1, 0, 2))
    return Movers(
        low, high, entity[some].astype(np.int32), at, turn, np.array([home.taken for home in homes]),
        np.concatenate([np.zeros((0, 2, 3)), *(home.part for home in homes)]),
        np.cumsum([0, *(len(home.part) for home in homes)]).astype(np.int32),
        np.concatenate([np.zeros((0, 4)), *(home.ball for home in homes)]),
        np.cumsum([0, *(len(home.ball) for home in homes)]).astype(np.int32),
    )  # fmt: skip


@njit(cache=True)
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


@njit(cache=True)
def _gap2(middle, half, low, high):
    """Squared metres between two boxes, one by its middle and half extents [3]."""
    d2 = 0.0
    for c in range(3):
        d = max(low[c] - middle[c] - half[c], 0.0, middle[c] - half[c] - high[c])
        d2 += d * d
    return d2


@njit(parallel=True, cache=True)
def _find_near(
    keys, ny_bricks, nz_bricks, body_low, body_high, low, high, reach, pair_lamp, pair_body, near_bodies, near_pairs
):
    """What may darken some pages [n] with their borders: near_bodies [n, MOST_LISTED], and of the pairs [p] of a lamp
    and a body before it those in near_pairs [n, MOST_LISTED]; -1 after the last.
    """
    for i in prange(len(keys)):
        side, x, y, z = page_origin(keys[i], ny_bricks, nz_bricks)
        axis, sign = side // 2, 1.0 - 2.0 * (side % 2)
        middle, half = np.empty(3), np.empty(3)
        wide_low, wide_high = np.empty(3), np.empty(3)
        for c in range(3):
            at = x if c == 0 else (y if c == 1 else z)
            half[c] = 0.0 if c == axis else 1.25
            middle[c] = at * 0.25 + (0.125 * (1.0 + sign) if c == axis else 1.0)
        near_bodies[i], near_pairs[i] = -1, -1
        n = 0
        for b in range(len(body_low)):
            above = body_high[b, axis] - middle[axis] if sign > 0 else middle[axis] - body_low[b, axis]
            d2 = _gap2(middle, half, body_low[b], body_high[b])
            if above > 0.0 and d2 < AMBIENT_M * AMBIENT_M and n < MOST_LISTED:
                near_bodies[i, n] = b
                n += 1
        n, last, in_reach = 0, -1, False
        for j in range(len(pair_lamp)):
            lamp, b = pair_lamp[j], pair_body[j]
            if lamp != last:
                last = lamp
                above = high[lamp, axis] - middle[axis] if sign > 0 else middle[axis] - low[lamp, axis]
                d2 = _gap2(middle, half, low[lamp], high[lamp])
                in_reach = above > 0.0 and d2 < (LAMP_SHARE * reach[lamp]) ** 2
            if not in_reach or n == MOST_LISTED:
                continue
            for c in range(3):
                stray = half[c] + 0.5 * (high[lamp, c] - low[lamp, c])
                wide_low[c], wide_high[c] = body_low[b, c] - stray, body_high[b, c] + stray
            dx = 0.5 * (low[lamp, 0] + high[lamp, 0]) - middle[0]
            dy = 0.5 * (low[lamp, 1] + high[lamp, 1]) - middle[1]
            dz = 0.5 * (low[lamp, 2] + high[lamp, 2]) - middle[2]
            if crosses_box(middle[0], middle[1], middle[2], dx, dy, dz, 1.0, wide_low, wide_high):
                near_pairs[i, n] = j
                n += 1


@njit(cache=True)
def _in_body(movers, b, x, y, z, out):
    """A direction of the world in the frame of body b: out [3]."""
    m = movers.turn[b]
    for c in range(3):
        out[c] = m[0, c] * x + m[1, c] * y + m[2, c] * z


@njit(cache=True)
def _is_blocked(movers, near, n, q, tx, ty, tz, o, d):
    """Whether a part of the bodies near[:n] lies between a point q [3] and a target (metres); o, d [3] are scratch."""
    dx, dy, dz = tx - q[0], ty - q[1], tz - q[2]
    for i in range(n):
        b = near[i]
        if not crosses_box(q[0], q[1], q[2], dx, dy, dz, 1.0, movers.low[b], movers.high[b]):
            continue
        _in_body(movers, b, q[0] - movers.at[b, 0], q[1] - movers.at[b, 1], q[2] - movers.at[b, 2], o)
        _in_body(movers, b, dx, dy, dz, d)
        for p in range(movers.first_part[b], movers.first_part[b + 1]):
            if crosses_box(o[0], o[1], o[2], d[0], d[1], d[2], 1.0, movers.part[p, 0], movers.part[p, 1]):
                return True
    return False


@njit(cache=True)
def _blocked_rays(movers, near, n, low, high, q, first, last, o, d):
    """Of the rays first..last - 1 from a point q [3] to a lamp's box low..high [3] the number that bodies near[:n]
    stop.
    """
    blocked = 0
    for k in range(first, last):
        tx = low[0] + TARGETS[k, 0] * (high[0] - low[0])
        ty = low[1] + TARGETS[k, 1] * (high[1] - low[1])
        tz = low[2] + TARGETS[k, 2] * (high[2] - low[2])
        blocked += _is_blocked(movers, near, n, q, tx, ty, tz, o, d)
    return blocked


@njit(cache=True)
def _hide(movers, near, n, low, high, p, q, is_dim, share, o, d):
    """Shares [4] of a lamp's box low..high [3] that bodies near[:n] hide from the quarters q [4, 3] of a face, or where
    it is dim from its middle p [3].
    """
    if is_dim:
        share[:] = _blocked_rays(movers, near, n, low, high, p, 0, FEW_RAYS, o, d) / FEW_RAYS
        return
    for s in range(4):  # a few rays from each first: where all agree no more are needed
        share[s] = _blocked_rays(movers, near, n, low, high, q[s], 0, FIRST_RAYS, o, d)
    rays = FIRST_RAYS
    if 0.0 < share.sum() < 4 * FIRST_RAYS:
        rays = RAYS
        for s in range(4):
            share[s] += _blocked_rays(movers, near, n, low, high, q[s], FIRST_RAYS, RAYS, o, d)
    share /= rays


@njit(cache=True)
def _filled_share(movers, b, q, n, o, d):
    """Share of what a place q [3] with the normal n [3] sees that body b fills."""
    _in_body(movers, b, q[0] - movers.at[b, 0], q[1] - movers.at[b, 1], q[2] - movers.at[b, 2], o)
    _in_body(movers, b, n[0], n[1], n[2], d)
    filled = 0.0
    for k in range(movers.first_ball[b], movers.first_ball[b + 1]):
        ball = movers.ball[k]
        filled += ball_share(ball[0] - o[0], ball[1] - o[1], ball[2] - o[2], ball[3], d[0], d[1], d[2])
    return min(filled, MOST_FILLED)


@njit(parallel=True, cache=True)
def shade_texels(
    place, texels, rows, page, movers, shapes, pair_lamp, pair_body, near_bodies, near_pairs, lamp_of, factor_of,
    glow_of, waits, radiance, lost, left,
):  # fmt: skip
    """What movers keep from some texels: lost [n, 4, 3] e of lamps by quarter of the face, and left [n, 4], the part
    of all other light that stays.

    page [n] is the row of near_bodies and near_pairs that tells who may. Lamps of rows that still wait [R] for their
    factors are let be.
    """
    for i in prange(len(texels)):
        t, row = texels[i], rows[i]
        p, q, normal = np.empty(3, np.float64), np.empty((4, 3), np.float64), np.zeros(3, np.float64)
        no_size = np.zeros(3, np.float64)
        wide_low, wide_high = np.empty(3, np.float64), np.empty(3, np.float64)
        o, d = np.empty(3, np.float64), np.empty(3, np.float64)
        near, share = np.empty(MOST_LISTED, np.int32), np.empty(4, np.float64)
        axis, sign = face_centre(place, t, p)
        p[axis] += 1e-3 * sign
        normal[axis] = sign
        for s in range(4):
            q[s] = p
            q[s, (axis + 1) % 3] += 0.0625 if s & 1 else -0.0625
            q[s, (axis + 2) % 3] += 0.0625 if s & 2 else -0.0625
        lost[i] = 0.0
        left[i] = 1.0
        for b in near_bodies[page[i]]:
            if b < 0:
                break
            gap = math.sqrt(_gap2(p, no_size, movers.low[b], movers.high[b]))
            fade = min(2.0 - 2.0 * gap / AMBIENT_M, 1.0)  # over the farther half, so that its end is no edge
            if fade <= 0.0:
                continue
            if gap > NEAR_M:
                left[i] *= 1.0 - _filled_share(movers, b, p, normal, o, d) * fade * movers.taken[b]
            else:
                for s in range(4):
                    left[i, s] *= 1.0 - _filled_share(movers, b, q[s], normal, o, d) * fade * movers.taken[b]
        if waits[row]:
            continue
        j = 0
        while j < MOST_LISTED and near_pairs[page[i], j] >= 0:
            # All bodies before one lamp together: their shadows lie in each other.
            lamp, first = pair_lamp[near_pairs[page[i], j]], j
            while j < MOST_LISTED and near_pairs[page[i], j] >= 0 and pair_lamp[near_pairs[page[i], j]] == lamp:
                j += 1
            slot = 0
            while slot < lamp_of.shape[1] and lamp_of[row, slot] != lamp:
                slot += 1
            if slot == lamp_of.shape[1]:
                continue
            # By its full power, so that light stays linear.
            bright = (factor_of[row, slot].max() + glow_of[row, slot]) * shapes.strength[lamp]
            weight = min(max(bright / DIM - 1.0, 0.0), 1.0)
            if weight == 0.0:
                continue
            low, high, n = shapes.low[lamp], shapes.high[lamp], 0
            dx = 0.5 * (low[0] + high[0]) - p[0]
            dy = 0.5 * (low[1] + high[1]) - p[1]
            dz = 0.5 * (low[2] + high[2]) - p[2]
            for k in range(first, j):
                b = pair_body[near_pairs[page[i], k]]
                for c in range(3):
                    stray = 0.07 + 0.5 * (high[c] - low[c])
                    wide_low[c], wide_high[c] = movers.low[b, c] - stray, movers.high[b, c] + stray
                if crosses_box(p[0], p[1], p[2], dx, dy, dz, 1.0, wide_low, wide_high):
                    near[n] = b
                    n += 1
            if n == 0:
                continue
            _hide(movers, near, n, low, high, p, q, bright < BRIGHT, share, o, d)
            for s in range(4):
                own, glow = weight * share[s] * factor_of[row, slot, s], weight * share[s] * glow_of[row, slot]
                for c in range(3):
                    lost[i, s, c] += (own + glow * shapes.tint[lamp, c]) * radiance[lamp, c]


class Shade:
    """What movers keep from the texels on the screen, as of the last picture."""

    def __init__(self) -> None:
        self.texels = np.zeros(0, np.int32)  # [n] in order
        self.lost = np.zeros((0, 4, 3), np.float32)  # [n, 4, 3] e of lamps
        self.left = np.ones((0, 4), np.float32)  # [n, 4] part of the other light
        none = np.zeros(0, np.int32)
        self._lamp, self._body = none, none  # [p] pairs of a lamp and a body
        self._near_bodies, self._near_pairs = (np.zeros((0, MOST_LISTED), np.int32) for _ in range(2))  # by page

    def look(self, movers: Movers, keys: I32, shape: tuple[int, ...], shapes: LampShapes, radiance: F32) -> Bool:
        """Find out which pages [n] of a world of some voxels `shape` movers may darken now: `update` is about these."""
        self._lamp, self._body = _pairs(movers, shapes, radiance)
        self._near_bodies, self._near_pairs = (np.full((len(keys), MOST_LISTED), -1, np.int32) for _ in range(2))
        if len(movers.low):
            _find_near(
                keys, shape[1] >> 3, shape[2] >> 3, movers.low, movers.high, shapes.low, shapes.high, shapes.reach,
                self._lamp, self._body, self._near_bodies, self._near_pairs,
            )  # fmt: skip
        return np.asarray((self._near_bodies[:, 0] >= 0) | (self._near_pairs[:, 0] >= 0))

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
        lost, left = np.zeros((len(texels), 4, 3), np.float32), np.ones((len(texels), 4), np.float32)
        if len(texels):
            shade_texels(
                place, texels, rows, page, movers, shapes, self._lamp, self._body, self._near_bodies, self._near_pairs,
                lamp_of, factor_of, glow_of, waits, radiance, lost, left,
            )  # fmt: skip
        dark = lost.any((1, 2)) | (left != 1.0).any(1)
        before = self.texels, self.lost, self.left
        self.texels, self.lost, self.left = texels[dark], lost[dark], left[dark]
        either = np.union1d(before[0], self.texels)
        was, now = (np.searchsorted(either, some) for some in (before[0], self.texels))
        changes = np.zeros((len(either), 16), np.float32)
        changes[was] = _flat(*before[1:])
        changes[now] -= _flat(self.lost, self.left)
        return np.asarray(either[changes.any(1)])


def _flat(lost: F32, left: F32) -> F32:
    """Both in one, [n, 16], 0 where nothing is kept away."""
    return np.concatenate([lost.reshape(-1, 12), 1.0 - left], 1)


def _pairs(movers: Movers, shapes: LampShapes, radiance: F32) -> tuple[I32, I32]:
    """Pairs of a lamp and a body that it shines on, [p] each: lamp after lamp."""
    on = np.flatnonzero(radiance.any(1))
    gap = np.maximum(movers.low[None] - shapes.high[on, None], shapes.low[on, None] - movers.high[None])
    near = (np.maximum(gap, 0.0) ** 2).sum(2) < (LAMP_SHARE * shapes.reach[on, None]) ** 2
    near &= shapes.entity[on, None] != movers.entity[None]
    lamp, body = np.nonzero(near)
    return on[lamp].astype(np.int32), body.astype(np.int32)
