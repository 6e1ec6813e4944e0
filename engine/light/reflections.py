"""Reflections in glossy surfaces, pixel by pixel: a function of the view alone.

A pixel's lobe (ggx.py) is sampled by a few rays through the voxel grid, the same ones for every pixel in the frame of
its own normal and eye, so that there is no grain. A ray reads the radiance of the texels where it arrives, as wide as
its share of the lobe is there (filtered importance sampling; Krivanek and Colbert, "Real-time Shading with Filtered
Importance Sampling", EGSR 2008), and the sky beyond. What the rays bring is averaged and weighed by the lobe's sum
(split sum; Karis, "Real Shading in Unreal Engine 4", SIGGRAPH 2013). Lamps are too small for so few rays: each gives
a highlight from the point of a ball of its size that lies nearest to the mirror direction (ibid.), with four shadow
rays. The sun's highlight is the resolve shader's, which has its shadow map.

Rough lobes are traced on a grid of every second pixel both ways, of every fourth where the lobe is wide enough, a part
of their rays at each of 4 x 4 such pixels in turn (interleaved sampling; Keller and Heidrich, EGWR 2001), and blended
by a tent in which all sixteen parts weigh the same. Pixels that have too few of their kind around them for one grid
take the next finer one, and at last trace for themselves.
Bodies are seen with one radiance for each side of a part. Limit: what is seen is matte.
"""

import math

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from engine.light.compiled import leaf
from engine.light.faces import texel_at
from engine.light.furniture import bodies_along, first_part_met, side_met
from engine.light.ggx import VARNISH_F0, distribution, lobe_sum, lobe_table, shadowing, visible_facet
from engine.light.glossy import BLOCK, Pixels, Surroundings, stand
from engine.light.highlights import Balls, balls_of, light_lobes
from engine.light.keeping import unpack
from engine.light.skylight import sky_towards
from engine.light.surface import LEVELS, spot_of
from engine.light.trace import INSIDE, NOTHING, crosses_box, first_hit
from engine.state.blueprint import Materials
from engine.view import Lamps

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I32 = NDArray[np.int32]

SHARP = 0.1  # roughness up to which a lobe is one ray at every pixel
RAYS_OF = ((SHARP, 1), (0.4, 2), (1.0, 3))  # rays of a lobe at each pixel of a grid, by roughness
STEPS = (4, 2)  # pixels from one pixel of a grid to the next
TURNS = 4  # a grid's pixels take turns in blocks of 4 x 4, and a tent reaches 4 of them
LEAST_LOBE = 0.7  # alpha over the tent's reach (radians) below which a tent would blur what a lobe shows
ALONE_RAYS = 8  # of a rough pixel that has no neighbours to share with
ALIKE = 0.97  # cosine between normals of pixels that share what they see
LEAST_SHARE = 0.25  # part of the tent: a pixel with less traces for itself
FARTHEST = 1e4  # metres
FEW = 32  # pixels whose rays a thread traces with the same scratch
READS = 8  # texels that a ray reads at most: four of each of two widths
ELSEWHERE, NO_RAY, ON_BODY = -1, -2, -3  # in place of a level: no texel is read, no ray went out, a body is read
AMBIENT = 0.45  # part of the sky that the raster look takes to be open, as in its diffuse light


def rays_of(roughness: float) -> int:
    """How many rays a lobe is traced with."""
    return next(rays for most, rays in RAYS_OF if roughness <= most + 1e-6)


def widest_step(roughness: float, pixel_angle: float) -> int:
    """The coarsest grid whose tent a lobe hides; 1 is every pixel. `pixel_angle` in radians."""
    if rays_of(roughness) == 1:
        return 1
    return next((step for step in STEPS if roughness**2 >= step * TURNS * pixel_angle * LEAST_LOBE), 1)


@leaf
def _read_patches(faces, shape, x, y, z, side, px, py, pz, level, share, texel, weight):
    """Where the light of patches of one width is read, blended in the plane of the face that was hit: texel [4], -1
    none, and weight [4], which add up to `share`.

    `p` is the place in voxels. A patch is read at its texel nearest to the place; hidden ones are left out.
    """
    axis = side // 2
    if axis == 0:
        cu, cv, pu, pv = y, z, py, pz
    elif axis == 1:
        cu, cv, pu, pv = z, x, pz, px
    else:
        cu, cv, pu, pv = x, y, px, py
    pu, pv = min(max(pu, float(cu)), cu + 1.0), min(max(pv, float(cv)), cv + 1.0)
    width = 1 << level
    gu, gv = pu / width - 0.5, pv / width - 0.5
    iu, iv = int(math.floor(gu)), int(math.floor(gv))
    fu, fv = gu - iu, gv - iv
    total = 0.0
    for k in range(4):
        texel[k], weight[k] = -1, 0.0
        w = (fu if k & 1 else 1.0 - fu) * (fv if k & 2 else 1.0 - fv)
        if w <= 0.0:
            continue
        low_u, low_v = (iu + (k & 1)) * width, (iv + (k >> 1)) * width
        u, v = min(max(cu, low_u), low_u + width - 1), min(max(cv, low_v), low_v + width - 1)
        if axis == 0:
            a, c, d = x, u, v
        elif axis == 1:
            a, c, d = v, y, u
        else:
            a, c, d = u, v, z
        if a < 0 or c < 0 or d < 0 or a >= shape[0] or c >= shape[1] or d >= shape[2]:
            continue
        texel[k] = texel_at(faces, a, c, d, side, shape[1] >> 3, shape[2] >> 3)
        if texel[k] >= 0:
            weight[k] = w * share
            total += w
    for k in range(4):
        if total > 0.0:
            weight[k] /= total


@leaf
def _look(voxels, faces, bodies, scene, ox, oy, oz, dx, dy, dz, angle, own, texel, weight, end, out, near):
    """What a ray of unit direction and of some width (metres a metre) reads: texel [8] and weight [8], half of them of
    patches of a level that is returned, the others one level wider; and what it brings besides, out [3]. Returns
    ELSEWHERE if it meets no voxel, ON_BODY if a body before one. end [3] metres is as far as it looked; near [B] is
    scratch.
    """
    out[:] = 0.0
    texel[:] = -1
    weight[:] = 0.0
    if scene.traced:
        t, side, x, y, z = first_hit(voxels, ox, oy, oz, dx, dy, dz, FARTHEST)
        end[0], end[1], end[2] = ox + t * dx, oy + t * dy, oz + t * dz
        if side == INSIDE:
            for c in range(3):
                out[c] = own[c]
            return ELSEWHERE
        t_max = min(t, FARTHEST)
        count = bodies_along(scene.body, scene.group_box, ox, oy, oz, dx, dy, dz, t_max, near)
        met, part = first_part_met(bodies, near, count, ox, oy, oz, dx, dy, dz, t_max)
        if part >= 0:
            end[0], end[1], end[2] = ox + met * dx, oy + met * dy, oz + met * dz
            side = side_met(bodies, part, end[0], end[1], end[2])
            for c in range(3):
                out[c] = scene.part_radiance[part, side, c]
            return ON_BODY
        if side != NOTHING:
            level = min(max(math.log2(max(t * angle * 4.0, 1.0)), 0.0), LEVELS - 1.0)
            low = min(int(level), LEVELS - 2)
            shape = voxels.material.shape
            px, py, pz = (ox + t * dx) * 4.0, (oy + t * dy) * 4.0, (oz + t * dz) * 4.0
            _read_patches(faces, shape, x, y, z, side, px, py, pz, low, 1.0 - (level - low), texel[:4], weight[:4])
            if level > low:
                _read_patches(faces, shape, x, y, z, side, px, py, pz, low + 1, level - low, texel[4:], weight[4:])
            return low
    f = np.float32
    sky_towards(f(dx), f(dy), f(dz), scene.sun, scene.zenith, scene.horizon, scene.glow, scene.ground, out)
    if not scene.traced:
        for c in range(3):
            out[c] *= f(AMBIENT)
    return ELSEWHERE


@leaf
def _lobe(
    voxels, faces, bodies, scene, o, n, v, roughness, own, first, step, count, light, texel, weight, level, end, rest,
    near,
):  # fmt: skip
    """What the lobe at a place reads for its mean radiance towards the eye, without its Fresnel term: by ray texel
    [count, 8], weight, level [count] and end [count, 3], see `_look`, and rest [3] of what is no texel's.

    o, n, v [3]: where rays begin, the normal, the direction to the eye. Of `step * count` points the ones `first`,
    `first + step`... are traced; one ray alone goes in the mirror's direction.
    """
    alpha = roughness * roughness
    nv = min(max(n[0] * v[0] + n[1] * v[1] + n[2] * v[2], 0.01), 1.0)
    rest[:] = 0.0
    if count == 1:
        angle = math.sqrt(4.0 * nv / max(distribution(1.0, alpha) * shadowing(nv, alpha), 1e-9))
        dx, dy, dz = 2.0 * nv * n[0] - v[0], 2.0 * nv * n[1] - v[1], 2.0 * nv * n[2] - v[2]
        level[0] = _look(
            voxels, faces, bodies, scene, o[0], o[1], o[2], dx, dy, dz, angle, own, texel[0], weight[0], end[0], rest,
            near,
        )  # fmt: skip
        return
    tx, ty, tz = v[0] - nv * n[0], v[1] - nv * n[1], v[2] - nv * n[2]
    length = math.sqrt(tx * tx + ty * ty + tz * tz)
    if length < 1e-4:
        tx, ty, tz = (0.0, 1.0, 0.0) if abs(n[1]) < 0.9 else (1.0, 0.0, 0.0)
        along = tx * n[0] + ty * n[1] + tz * n[2]
        tx, ty, tz = tx - along * n[0], ty - along * n[1], tz - along * n[2]
        length = math.sqrt(tx * tx + ty * ty + tz * tz)
    tx, ty, tz = tx / length, ty / length, tz / length
    bx, by, bz = n[1] * tz - n[2] * ty, n[2] * tx - n[0] * tz, n[0] * ty - n[1] * tx
    side = math.sqrt(max(1.0 - nv * nv, 0.0))
    total = np.float32(0.0)
    for k in range(count):
        point = first + step * k
        hx, hy, hz = visible_facet(nv, alpha, (point + 0.5) / (step * count), point * 0.6180339887498949 % 1.0)
        vh = hx * side + hz * nv
        lx, ly, lz = 2.0 * vh * hx - side, 2.0 * vh * hy, 2.0 * vh * hz - nv
        texel[k], level[k] = -1, NO_RAY
        if lz <= 0.0:
            continue
        density = distribution(hz, alpha) * shadowing(nv, alpha) / (4.0 * nv)
        angle = 1.0 / math.sqrt(max(count * density, 1e-6))
        dx, dy, dz = lx * tx + ly * bx + lz * n[0], lx * ty + ly * by + lz * n[1], lx * tz + ly * bz + lz * n[2]
        level[k] = _look(
            voxels, faces, bodies, scene, o[0], o[1], o[2], dx, dy, dz, angle, own, texel[k], weight[k], end[k], light,
            near,
        )  # fmt: skip
        w = np.float32(shadowing(lz, alpha))
        total += w
        for j in range(READS):
            weight[k, j] *= w
        for c in range(3):
            rest[c] += w * light[c]
    for c in range(3):
        rest[c] = rest[c] / total if total > 0.0 else own[c]
    for k in range(count):
        for j in range(READS):
            if texel[k, j] >= 0:
                weight[k, j] /= total


@leaf
def _trace_some(
    first_row, last_row, voxels, faces, bodies, scene, pixels, roughness, rays, rows, grid_step, slot, texel, weight,
    level, end, rest, room, light, near,
):  # fmt: skip
    """`trace_lobes` of rows first_row .. last_row - 1, in the room [3, 3] that a thread has."""
    o, n, v = room[0], room[1], room[2]
    for k in range(first_row, last_row):
        i = rows[k]
        m, s = pixels.kind[i], slot[i]
        stand(pixels, i, o, n, v)
        count, first, step = rays[m], 0, 1
        if grid_step > 1:
            x, y = i % pixels.width, i // pixels.width
            first, step = _turn(x // grid_step, y // grid_step), TURNS * TURNS
        elif count > 1:
            count = ALONE_RAYS
        level[s] = NO_RAY
        _lobe(
            voxels, faces, bodies, scene, o, n, v, roughness[m], pixels.own[i], first, step, count, light, texel[s],
            weight[s], level[s], end[s], rest[s], near,
        )  # fmt: skip


@njit(parallel=True, cache=True)
def trace_lobes(
    voxels, faces, bodies, scene, pixels, roughness, rays, rows, grid_step, slot, texel, weight, level, end, rest
):  # fmt: skip
    """Find what some rows read, see `_lobe`, in their slots [n]: their part of the rays on a grid of some step; at step
    1 each stands alone.
    """
    for block in prange((len(rows) + FEW - 1) // FEW):
        room, light, near = np.empty((3, 3)), np.empty(3, np.float32), np.empty(len(scene.body), np.int32)
        _trace_some(
            block * FEW, min((block + 1) * FEW, len(rows)), voxels, faces, bodies, scene, pixels, roughness, rays, rows,
            grid_step, slot, texel, weight, level, end, rest, room, light, near,
        )  # fmt: skip


@njit(parallel=True, cache=True)
def gather_lobes(scene, rows, slot, texel, weight, level, rest, incoming):
    """Fill incoming [n, 3] at some rows: mean radiance of what they read."""
    for k in prange(len(rows)):
        i = rows[k]
        s = slot[i]
        red, green, blue = rest[s, 0], rest[s, 1], rest[s, 2]
        for ray in range(level.shape[1]):
            if level[s, ray] < 0:
                continue
            for j in range(READS):
                if texel[s, ray, j] >= 0:
                    spot = spot_of(texel[s, ray, j], level[s, ray] + j // 4, scene.patch_spot)
                    r, g, b = unpack(scene.radiance[spot])
                    red += weight[s, ray, j] * r
                    green += weight[s, ray, j] * g
                    blue += weight[s, ray, j] * b
        incoming[i, 0], incoming[i, 1], incoming[i, 2] = red, green, blue


@njit(parallel=True, cache=True)
def cross_lobes(pixels, rows, slot, level, end, balls, asked, low, high, holds, lamps_hold):
    """Mark pixels among some rows that may read something else since voxels changed in boxes low..high [m, 3] metres:
    they no longer hold [n], or their lamps do not. asked [slots] are the lamps that shadow rays were sent to.
    """
    for k in prange(len(rows)):
        i = rows[k]
        s = slot[i]
        o, n, v = np.empty(3), np.empty(3), np.empty(3)
        wide_low, wide_high = np.empty(3), np.empty(3)
        stand(pixels, i, o, n, v)
        for b in range(len(low)):
            for ray in range(level.shape[1]):
                if level[s, ray] == NO_RAY:
                    continue
                x, y, z = end[s, ray, 0], end[s, ray, 1], end[s, ray, 2]
                # Of a patch the texel nearest to the place is read: from there to the voxel before its face.
                margin = 0.25 * ((1 << level[s, ray]) + 2.0) if level[s, ray] >= 0 else 0.0
                beside = True
                for c in range(3):
                    beside &= low[b, c] - margin <= end[s, ray, c] <= high[b, c] + margin
                if beside or crosses_box(
                    o[0], o[1], o[2], x - o[0], y - o[1], z - o[2], 1.0, low[b], high[b]
                ):  # fmt: skip
                    holds[i] = False
                    break
            for lamp in range(len(balls.radius)):
                if not asked[s] >> np.uint64(min(lamp, 63)) & np.uint64(1):
                    continue
                for c in range(3):
                    wide_low[c], wide_high[c] = low[b, c] - balls.radius[lamp], high[b, c] + balls.radius[lamp]
                if crosses_box(
                    o[0], o[1], o[2], balls.centre[lamp, 0] - o[0], balls.centre[lamp, 1] - o[1],
                    balls.centre[lamp, 2] - o[2], 1.0, wide_low, wide_high,
                ):  # fmt: skip
                    lamps_hold[i] = False
                    break


@leaf
def _turn(x, y):
    """Which part of the rays a pixel of a grid traces: neighbours' parts are far apart (Bayer's matrix)."""
    a, b = (x ^ y) & 1, y & 1
    c, d = (x >> 1 ^ y >> 1) & 1, y >> 1 & 1
    return 8 * a + 4 * b + 2 * c + d


@leaf
def _is_alike(pixels, i, j, most):
    """Whether two pixels lie on one smooth surface; `most` metres off the plane."""
    if pixels.kind[j] != pixels.kind[i]:
        return False
    turn, off = 0.0, 0.0
    for c in range(3):
        turn += pixels.normal[i, c] * pixels.normal[j, c]
        off += pixels.normal[i, c] * (pixels.place[j, c] - pixels.place[i, c])
    return turn >= ALIKE and abs(off) <= most


@leaf
def _most_off(pixels, i):
    away = 0.0
    for c in range(3):
        away += (pixels.place[i, c] - pixels.eye[c]) ** 2
    return 0.01 + 0.005 * math.sqrt(away)


@njit(parallel=True, cache=True)
def blend(pixels, on_grid, step, rows, traced, blended, share):
    """Give rows of blended [n, 3] the tent-weighted mean of `traced` at those `on_grid` [n] pixels that are alike.

    share [n] is the part of the tent's weight that these have.
    """
    width, height = pixels.width, len(pixels.kind) // pixels.width
    for k in prange(len(rows)):
        i = rows[k]
        x, y = (i % width) // step, (i // width) // step
        most = _most_off(pixels, i)
        total, r, g, b = 0.0, 0.0, 0.0, 0.0
        for ay in range(max(y - TURNS + 1, 0), min(y + TURNS, (height + step - 1) // step)):
            for ax in range(max(x - TURNS + 1, 0), min(x + TURNS, (width + step - 1) // step)):
                j = step * (ay * width + ax)
                if on_grid[j] and _is_alike(pixels, i, j, most):
                    w = float((TURNS - abs(ax - x)) * (TURNS - abs(ay - y)))
                    total += w
                    r += w * traced[j, 0]
                    g += w * traced[j, 1]
                    b += w * traced[j, 2]
        share[i] = total / TURNS**4
        blended[i, 0], blended[i, 1], blended[i, 2] = r / total, g / total, b / total


@njit(parallel=True, cache=True)
def spread(pixels, on_grid, step, rows, blended, grid_lamps, grid_share, incoming, lamps, share):
    """Give rows of incoming [n, 3], lamps [n, 6] and share what lies between the alike pixels of a grid."""
    width, height = pixels.width, len(pixels.kind) // pixels.width
    for k in prange(len(rows)):
        i = rows[k]
        x, y = i % width, i // width
        most = _most_off(pixels, i)
        total, held, r, g, b = 0.0, 0.0, 0.0, 0.0, 0.0
        lamps[i] = 0.0
        for ay in range(y - y % step, height, step):
            wy = 1.0 - abs(ay - y) / step
            if wy <= 0.0:
                break
            for ax in range(x - x % step, width, step):
                w = wy * (1.0 - abs(ax - x) / step)
                if w <= 0.0:
                    break
                j = ay * width + ax
                if on_grid[j] and _is_alike(pixels, i, j, most):
                    total += w
                    held += w * grid_share[j]
                    for c in range(6):
                        lamps[i, c] += w * grid_lamps[j, c]
                    r += w * blended[j, 0]
                    g += w * blended[j, 1]
                    b += w * blended[j, 2]
        share[i] = 0.0
        if total > 0.0:
            share[i] = held / total
            incoming[i, 0], incoming[i, 1], incoming[i, 2] = r / total, g / total, b / total
            for c in range(6):
                lamps[i, c] /= total


@njit(parallel=True, cache=True)
def shade(pixels, roughness, metal, table, rows, incoming, lamps, out, tiles):
    """Fill rows of out [n, 4]: radiance of the lobe, and what is left of diffuse light (of 1).

    tiles [H, W] of 16 pixels are marked where a pixel's value is another than before.
    """
    for block in prange((len(rows) + BLOCK - 1) // BLOCK):
        o, n, v = np.empty(3), np.empty(3), np.empty(3)
        for k in range(block * BLOCK, min(block * BLOCK + BLOCK, len(rows))):
            i = rows[k]
            m = pixels.kind[i]
            stand(pixels, i, o, n, v)
            nv = min(max(n[0] * v[0] + n[1] * v[1] + n[2] * v[2], 0.01), 1.0)
            a, b = lobe_sum(table, nv, roughness[m])
            differs = False
            for c in range(4):
                if c < 3:
                    f0 = VARNISH_F0 * (1.0 - metal[m]) + metal[m] * pixels.albedo[i, c]
                    value = np.float32(incoming[i, c] * (f0 * a + b) + lamps[i, c] + f0 * lamps[i, 3 + c])
                else:
                    value = np.float32((1.0 - metal[m]) * (1.0 - (VARNISH_F0 * a + b)))
                differs |= value != out[i, c]
                out[i, c] = value
            if differs:
                tiles[i // pixels.width >> 4, i % pixels.width >> 4] = True


class _Traced:
    """What pixels of one grid traced: what their rays read, kept while the pixel and the voxels are the same, and the
    light there, while that is.
    """

    def __init__(self, n: int, step: int, rays: int) -> None:
        self.step = step  # pixels; 1 is those that trace for themselves
        self.incoming = np.zeros((n, 3), np.float32)
        self.lamps = np.zeros((n, 6), np.float32)
        self.holds = np.zeros(n, np.bool_)  # where what rays read is what tracing would give
        self.lamps_hold = np.zeros(n, np.bool_)
        self.is_lit = np.zeros(n, np.bool_)  # where `incoming` is the light of what is read
        self.slot = np.full(n, -1, np.int32)  # [n] where the following are kept, -1 nowhere
        self._used = 0
        self.texel = np.zeros((0, rays, READS), np.int32)  # see `_look`
        self.weight = np.zeros((0, rays, READS), np.float32)
        self.level = np.zeros((0, rays), np.int8)
        self.end = np.zeros((0, rays, 3), np.float32)
        self.rest = np.zeros((0, 3), np.float32)
        self.asked = np.zeros(0, np.uint64)  # lamps that shadow rays went to, a bit each, the last for all others

    def forget(self) -> None:
        """Nothing holds."""
        self.holds[:] = self.lamps_hold[:] = False
        self.slot[:] = -1
        self._used = 0

    def admit(self, rows: I32) -> None:
        """Give slots to those of some rows [n] that have none."""
        new = rows[self.slot[rows] < 0]
        self.slot[new] = np.arange(self._used, self._used + len(new))
        self._used += len(new)
        more = self._used - len(self.level)
        if more > 0:
            for name in ("texel", "weight", "level", "end", "rest", "asked"):
                array = getattr(self, name)
                room = np.zeros((max(more, len(array) // 4), *array.shape[1:]), array.dtype)
                setattr(self, name, np.concatenate([array, room]))


class Reflections:
    """The reflections of one picture, kept from frame to frame where a pixel and what it reads are the same."""

    def __init__(self, n: int) -> None:
        """`n` pixels."""
        self.values = np.zeros((n, 4), np.float32)  # what `shade` makes; the resolve shader reads it
        self._grids = [_Traced(n, step, RAYS_OF[-1][1]) for step in STEPS]
        self._mirrors, self._alone = _Traced(n, 1, 1), _Traced(n, 1, ALONE_RAYS)
        self._kept = (*self._grids, self._mirrors, self._alone)
        self._blended, self._incoming = np.zeros((n, 3), np.float32), np.zeros((n, 3), np.float32)
        self._lamps = np.zeros((n, 6), np.float32)
        self._grid_share, self._share = np.zeros(n, np.float32), np.zeros(n, np.float32)
        self._balls = b""  # lamps that highlights are of
        self.traced = 0  # pixels that traced rays in the last update

    def forget(self, pixels: NDArray[np.bool_] | None = None) -> None:
        """What some pixels [n] traced no longer holds; None is all of them."""
        for kept in self._kept:
            if pixels is None:
                kept.forget()
            else:
                kept.holds[pixels] = kept.lamps_hold[pixels] = False

    def forget_light(self) -> None:
        """What rays read has other light."""
        for kept in self._kept:
            kept.is_lit[:] = False
            rows = np.flatnonzero(kept.holds)
            kept.holds[rows] = ~(kept.level[kept.slot[rows]] == ON_BODY).any(1)

    def forget_across(self, pixels: Pixels, lamps: Lamps, low: F64, high: F64) -> None:
        """What was traced across boxes low..high [n, 3] metres no longer holds."""
        balls = balls_of(lamps)  # if they are others by now `update` forgets all highlights
        for kept in self._kept:
            rows = np.flatnonzero(kept.holds | kept.lamps_hold).astype(np.int32)
            cross_lobes(
                pixels, rows, kept.slot, kept.level, kept.end, balls, kept.asked, low, high, kept.holds,
                kept.lamps_hold,
            )  # fmt: skip

    def update(
        self, world: Surroundings, lamps: Lamps, pixels: Pixels, pixel_angle: float, materials: Materials, rows: I32,
        tiles: NDArray[np.bool_],
    ) -> None:  # fmt: skip
        """Fill `values` at the glossy pixels `rows`, in growing order, and mark the `tiles` in which any differs.

        `pixel_angle` is a pixel's width in radians.
        """
        balls = balls_of(lamps)
        if _key(balls) != self._balls:
            self._balls = _key(balls)
            for kept in self._kept:
                kept.lamps_hold[:] = False
        rough = np.where(materials.glossy, materials.roughness, 1.0).astype(np.float32)
        rays = np.array([rays_of(float(r)) for r in rough], np.int64)
        widest = np.array([widest_step(float(r), pixel_angle) for r in rough])[pixels.kind[rows]]
        parts = (world, balls, pixels, rough, materials.metal, rays)
        column, line = rows % pixels.width, rows // pixels.width
        on_grid = np.empty(len(pixels.kind), np.bool_)
        self._share[rows] = 0.0
        self.traced = 0
        for grid in self._grids:
            step = grid.step
            wanted = (widest >= step) & (self._share[rows] < LEAST_SHARE)
            at = rows[wanted & (column % step == 0) & (line % step == 0)]
            self._trace(parts, at, grid)
            on_grid[:] = False
            on_grid[at] = True
            blend(pixels, on_grid, step, at, grid.incoming, self._blended, self._grid_share)
            spread(
                pixels, on_grid, step, rows[wanted], self._blended, grid.lamps, self._grid_share, self._incoming,
                self._lamps, self._share,
            )  # fmt: skip
        alone, is_mirror = self._share[rows] < LEAST_SHARE, rays[pixels.kind[rows]] == 1
        for kept, at in ((self._mirrors, rows[alone & is_mirror]), (self._alone, rows[alone & ~is_mirror])):
            self._trace(parts, at, kept)
            self._incoming[at], self._lamps[at] = kept.incoming[at], kept.lamps[at]
        shade(pixels, rough, materials.metal, lobe_table(), rows, self._incoming, self._lamps, self.values, tiles)

    def _trace(
        self, parts: tuple[Surroundings, Balls, Pixels, F32, F32, NDArray[np.int64]], rows: I32, kept: _Traced
    ) -> None:
        """Bring what some rows see up to date: trace what is not kept, and read the light of what is read."""
        world, balls, pixels, rough, metal, rays = parts
        kept.admit(rows)
        todo = rows[~kept.holds[rows]]
        if len(todo):
            trace_lobes(
                *world, pixels, rough, rays, todo, kept.step, kept.slot, kept.texel, kept.weight, kept.level, kept.end,
                kept.rest,
            )  # fmt: skip
            kept.holds[todo], kept.is_lit[todo] = True, False
            self.traced += len(todo)
        todo = rows[~kept.is_lit[rows]]
        gather_lobes(world.scene, todo, kept.slot, kept.texel, kept.weight, kept.level, kept.rest, kept.incoming)
        kept.is_lit[todo] = True
        todo = rows[~kept.lamps_hold[rows]]
        light_lobes(
            world.voxels, world.bodies, world.scene, balls, pixels, rough, metal, todo, kept.lamps, kept.slot,
            kept.asked,
        )  # fmt: skip
        kept.lamps_hold[todo] = True


def _key(balls: Balls) -> bytes:
    return b"".join(part.tobytes() for part in balls)
