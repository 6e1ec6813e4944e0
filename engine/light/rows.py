"""What is asked of all rows of decoded texels at once (pool.py): which of them a change makes void, and which wait."""

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from engine.light import gather
from engine.light.compiled import leaf
from engine.light.faces import count_bits
from engine.light.lamps import LIST
from engine.light.surface import LEVELS, face_centre, spot_of
from engine.light.trace import distance2_to_box

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]

MANY = 64  # with a row for every so many texels, to look at all of these first takes less than it saves
ANY_LEVEL = np.uint8(0xFF)  # a bit for each level of patches (surface.py), of what has none
FEW_BITS = 10  # void, of 64: what so few of a texel's rays bring may come a little later


@njit(parallel=True, cache=True)
def _newer_texels(patch_spot, changed_at, since, newer):
    """Of which levels what rays read at each texel has changed since a relight: bits in newer [T]."""
    for t in prange(len(patch_spot)):
        found = np.uint8(changed_at[t] > since)
        for level in range(1, LEVELS):
            found |= np.uint8(changed_at[patch_spot[t, level - 1]] > since) << np.uint8(level)
        newer[t] = found


def _newer(patch_spot: I32, changed_at: I32, sky_at: int, part_at: I32, since: int) -> NDArray[np.uint8]:
    """The same of all that rays end on: [T + 3 + 6 N], of texels, and behind them backwards from the number ENDS, that
    is of what is none, the sky, BLOCKED, and the sides of parts.
    """
    newer = np.zeros(len(patch_spot) + 3 + len(part_at), np.uint8)
    _newer_texels(patch_spot, changed_at, since, newer)
    newer[len(patch_spot) - gather.SKY] = ANY_LEVEL * (sky_at > since)
    newer[len(patch_spot) - gather.PART :] = ANY_LEVEL * (part_at > since)
    return newer


@leaf
def _reads_newer(own, newer, n_texels):
    """Whether one of a row's own [n] rays ends on what is newer (`_newer`) on its level. Of all rays without a choice
    in between: that is faster than to stop at the first.
    """
    found, behind = np.uint8(0), np.uint32(n_texels + gather.ENDS)
    for met in own:
        end = met >> np.uint32(8)
        found |= newer[end if end < gather.FIRST_PART else behind - end] >> gather.LEVEL_OF_CODE[met & np.uint32(0xFF)]
    return found & np.uint8(1) != 0


@leaf
def _reads(own, patch_spot, since, changed_at, sky_at, part_at):
    """Whether one of a row's own [n] rays brings other light than at the relight `since`."""
    for met in own:
        hit = gather.met_end(met)
        if hit >= 0:
            if changed_at[spot_of(hit, gather.patch_level(gather.met_code(met)), patch_spot)] > since:
                return True
        elif (hit == gather.SKY and sky_at > since) or (hit <= gather.PART and part_at[gather.PART - hit] > since):
            return True
    return False


@njit(parallel=True, cache=True)
def _gather_newer(
    rows, n_rays, met, newer, floor, patch_spot, checked, changed_at, sky_at, part_at, radiance, side_radiance, sky,
    moment, reads,
):  # fmt: skip
    """`gather_newer`; newer is of what changed after the relight `floor`, and says nothing if that is -1."""
    for block in prange((len(rows) + gather.BLOCK - 1) // gather.BLOCK):
        bins = np.empty((gather.BINS, 3), np.float32)
        for i in range(block * gather.BLOCK, min(block * gather.BLOCK + gather.BLOCK, len(rows))):
            row = rows[i]
            own, since = met[row, : n_rays[row]], checked[row]
            reads[i] = since < 0 or floor < 0 or _reads_newer(own, newer, len(patch_spot))
            if reads[i] and since > floor:
                reads[i] = _reads(own, patch_spot, since, changed_at, sky_at, part_at)
            if reads[i]:  # at once, while its rays are at hand
                gather.light_of_row(row, n_rays, met, patch_spot, radiance, side_radiance, sky, moment, bins)


def gather_newer(
    rows: I32, n_rays: I32, met: NDArray[np.uint32], patch_spot: I32, checked: I32, changed_at: I32, sky_at: int,
    part_at: I32, radiance: NDArray[np.uint32], side_radiance: F32, sky: F32, moment: F32,
) -> NDArray[np.bool_]:  # fmt: skip
    """Gather light (`gather.gather_light`) for those of some rows [n] that have a ray that brings other light than when
    they were last looked at; returns which [n].
    """
    since, floor, newer = checked[rows], -1, np.zeros(0, np.uint8)
    if len(rows) * MANY >= len(patch_spot):
        floor = int(since[since >= 0].min(initial=np.iinfo(np.int32).max))
        newer = _newer(patch_spot, changed_at, sky_at, part_at, floor)
    reads, radiance = np.empty(len(rows), np.bool_), gather.by_level(patch_spot, radiance, len(rows))
    _gather_newer(
        rows, n_rays, met, newer, floor, patch_spot, checked, changed_at, sky_at, part_at, radiance, side_radiance, sky,
        moment, reads,
    )  # fmt: skip
    return reads


@leaf
def spread(around, row_of_texel, urgency):
    """Rows around some texels [n, 9] are as urgent as those: without them there is no light there."""
    for i in range(len(around)):
        own = urgency[row_of_texel[around[i, 0]]]
        for k in range(1, around.shape[1]):
            if around[i, k] >= 0:
                row = row_of_texel[around[i, k]]
                urgency[row] = max(urgency[row], own)


@njit(parallel=True, cache=True)
def state_around(around, row_of_texel, at, ok, newest, whole):
    """Over the texels around some texels, at the row of each: the largest at [R, 2], and whether all are ok [R]: newest
    [R, 2] and whole [R].
    """
    for i in prange(len(around)):
        row = row_of_texel[around[i, 0]]
        one, two, every = np.int32(-1), np.int32(-1), True
        for k in range(around.shape[1]):
            if around[i, k] >= 0:
                other = row_of_texel[around[i, k]]
                one, two, every = max(one, at[other, 0]), max(two, at[other, 1]), every and ok[other]
        newest[row, 0], newest[row, 1], whole[row] = one, two, every


@njit(parallel=True, cache=True)
def mean_around(around, row_of_texel, light, mean):
    """Means of light [R, 3] over the texels around some texels [n, 9], -1 none: mean [R, 3] at the row of each."""
    for i in prange(len(around)):
        row, n = row_of_texel[around[i, 0]], np.float32(0.0)
        mean[row] = 0.0
        for k in range(around.shape[1]):
            if around[i, k] >= 0:
                n += np.float32(1.0)
                for c in range(3):
                    mean[row, c] += light[row_of_texel[around[i, k]], c]
        for c in range(3):
            mean[row, c] /= n


@njit(parallel=True, cache=True)
def renumber_parts(rows, n_rays, met, part_now, void):
    """Give parts their new numbers, part_now [N before], -1 gone. Rays to those are void: a bit in void [R]."""
    for i in prange(len(rows)):
        row = rows[i]
        for k in range(n_rays[row]):
            bit, hit = np.uint64(1) << gather.bit_of_ray(k, n_rays[row]), gather.met_end(met[row, k])
            if void[row] & bit != 0 or hit > gather.PART:  # of void rays what they met says nothing
                continue
            part, side = (gather.PART - hit) // 6, (gather.PART - hit) % 6
            if part_now[part] >= 0:
                now = gather.PART - 6 * part_now[part] - side
                met[row, k] = np.uint32((now & (gather.ENDS - 1)) << 8 | gather.met_code(met[row, k]))
            else:
                void[row] |= bit


@njit(parallel=True, cache=True)
def lit_lamps_void(rows, void, lamp_of, is_lit, out):
    """Which of some rows [n] want factors: all of them, or those of a lamp that is lit. Others can wait until it is."""
    for i in prange(len(rows)):
        row = rows[i]
        out[i] = void[row] & LIST != 0
        for k in range(lamp_of.shape[1]):
            if void[row] >> k & 1 and lamp_of[row, k] >= 0 and is_lit[lamp_of[row, k]]:
                out[i] = True


@njit(parallel=True, cache=True)
def stand(checked, e_at, rays_void, void, lamp_of, lit_checked, is_lit, changed_at, stands):
    """Rows whose texel sees nearly what it saw, and whose lamps [L] are as bright as they were: stands [R]."""
    for row in prange(len(stands)):
        stands[row] = checked[row] >= 0 and e_at[row] >= 0 and lit_checked[row] >= 0 and void[row] & LIST == 0
        stands[row] &= count_bits(rays_void[row]) <= FEW_BITS
        for k in range(lamp_of.shape[1]):
            lamp = lamp_of[row, k]
            if lamp >= 0 and (changed_at[lamp] > lit_checked[row] or (is_lit[lamp] and void[row] >> k & 1)):
                stands[row] = False


@njit(parallel=True, cache=True)
def waiting_of_pages(
    texels, row_of_texel, rays_wait, lamps_wait, e_at, is_caused, waits_since, count, unlit, caused, since
):  # fmt: skip
    """See `TexelPool.waiting_of_pages`."""
    for i in prange(len(texels)):
        for v in range(texels.shape[1]):
            for u in range(texels.shape[2]):
                row = row_of_texel[texels[i, v, u]] if texels[i, v, u] >= 0 else -1
                if row >= 0 and (rays_wait[row] or lamps_wait[row]):
                    count[i] += 1
                    unlit[i] |= rays_wait[row] and e_at[row] < 0
                    caused[i] |= is_caused[row]
                    if waits_since[row] >= 0:
                        since[i] = min(since[i], waits_since[row])


@njit(parallel=True, cache=True)
def in_reach(place, texels, low, high, reach, near):
    """Which of some texels [n] are no farther than `reach` [m] from one of the boxes low..high [m, 3] metres."""
    for i in prange(len(texels)):
        p = np.empty(3)
        face_centre(place, texels[i], p)
        near[i] = False
        for b in range(len(low)):
            near[i] |= distance2_to_box(p, low[b], high[b]) <= (reach[b] + 0.1) * (reach[b] + 0.1)
