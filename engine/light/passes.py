"""One pass of light along the kept transport: from probes to texels and patches, from these to probes.

Whatever differs is told apart (`changed`, `sides`), so that a pass over a few pages knows what the next must look at.
"""

import numpy as np
from numba import njit, prange

from engine.core.units import BRICK
from engine.light.faces import PAGE_TEXELS, PAGES_PER_BRICK, page_key, row_of, texels_of
from engine.light.interpolate import NEAR_WHOLE, WHOLE, bricks_around, cell_around, cell_step
from engine.light.keeping import pack, unpack
from engine.light.probes import OWN_SHARE
from engine.light.skylight import SUN_WHOLE
from engine.light.surface import LEVELS
from engine.light.trace import RAYS

NEAR_LAMPS = 0.75  # of the lamps' light on a texel falls on what is near it: not all of that faces them
PART_OF_SUN = np.float32(1 / SUN_WHOLE)
BLOCK = 64  # pages, or probes, that a thread works through with the same scratch
MOST_PATCHES = 96  # of a page: 32 on each level, where texels only touch at corners


@njit(cache=True)
def _texel_light(
    t, m, side, seen, cell, steps, where, weight, near, probe_of_cell, albedo, emission, lamps, sun, shared, is_first,
    indirect, out,
):  # fmt: skip
    """Light that leaves texel t, of material m, before it is rounded: out [3]. In the last bounces indirect [T],
    packed, is what it gathered by itself (bounces.py); else that is empty, and probes tell.

    Probes stand in the open and know nothing of a texel's niche. So `near` of its light comes from surfaces that are
    taken to be as it is itself and to get as much: e = (1 - near) * probes + near * (emission + albedo * (direct + e)),
    solved for e (Jimenez et al., "Practical Realtime Strategies for Accurate Indirect Occlusion", 2016, do so on the
    screen). Of direct light most of the lamps' counts there; the sun's ends too suddenly to tell of what is near.
    """
    lamp = unpack(lamps[t])
    if len(indirect) > 0:
        out[0], out[1], out[2] = unpack(indirect[t])
        for c in range(3):
            out[c] = emission[m, c] + albedo[m, c] * ((lamp[c] + seen * sun[c]) + out[c])
        return
    out[:] = 0.0
    if not is_first:
        for j in range(8):
            w = np.float32(weight[t, j])
            if w != 0.0:
                r, g, b = unpack(shared[probe_of_cell[np.uint64(cell + steps[where[t, j]])], side])
                out[0] += w * r
                out[1] += w * g
                out[2] += w * b
    for c in range(3):
        out[c] /= np.float32(WHOLE)
        beside = near * (emission[m, c] + albedo[m, c] * np.float32(NEAR_LAMPS) * lamp[c])
        e = ((1 - near) * out[c] + beside) / (1 - near * albedo[m, c])
        out[c] = emission[m, c] + albedo[m, c] * ((lamp[c] + seen * sun[c]) + e)


@njit(cache=True)
def _reads_any(t, side, cell, steps, where, weight, sides):
    """Whether texel t reads a side of a probe that is noted at its cell."""
    found = np.uint8(0)
    for j in range(8):
        has = np.int64(weight[t, j] != 0)  # no branches: nobody could guess them
        found |= sides[np.uint64(has * (cell + steps[where[t, j]]))] * np.uint8(has)
    return found >> side & 1 != 0


@njit(parallel=True, cache=True)
def light_pages(
    rows, faces, patch_spot, patch_first, patch_count, page_key_of_row, place, grid, where, weight, near,
    probe_of_cell, albedo, emission, lamps, sun_share, sun, sun_direction, shared, is_first, indirect, wanted, cells,
    radiance, compares, changed, done, is_last, stamp, anew, changed_at,
):  # fmt: skip
    """Light of the texels and patches of some pages, from the probes' light shared [P, 6] of the last pass: packed,
    radiance [S] by spot; in the last bounces from what they gathered by themselves, indirect [T]. Of texels those that
    are wanted [T] or read a side that is noted in cells [CX, CY, CZ] (bits), all if wanted is empty: done [n_pages] is
    how many. changed [S] says which spots differ (those worked out, if not `compares`); nobody asks for either if it is
    empty.

    In the last pass changed_at [S] gets the stamp where a spot differs, and in all of a page whose spots were given out
    `anew` [n_pages]: what was there before is another's.
    """
    shape, flat, noted = probe_of_cell.shape, probe_of_cell.reshape(-1), cells.reshape(-1)
    everyone, is_asked = len(wanted) == 0, len(changed) > 0
    for block in prange((len(rows) + BLOCK - 1) // BLOCK):
        texel, steps = np.empty(PAGE_TEXELS, np.int64), np.empty(64, np.int64)
        for code in range(64):
            steps[code] = cell_step(code, shape)
        light, out = np.empty((PAGE_TEXELS, 3), np.float32), np.empty(3, np.float32)
        total, count = np.empty((MOST_PATCHES, 3), np.float32), np.empty(MOST_PATCHES, np.float32)
        for i in range(block * BLOCK, min(block * BLOCK + BLOCK, len(rows))):
            row = rows[i]
            side = page_key_of_row[row] % PAGES_PER_BRICK // BRICK
            cosine = sun_direction[side // 2] * np.float32(1 - 2 * (side % 2))
            n, n_done, differs = 0, 0, everyone or anew[row]
            of_page = texels_of(faces, row)
            for t in faces.texel[of_page[0] : of_page[1]]:
                texel[n] = t
                n += 1
                cell = cell_around(place, t, shape)
                if everyone or wanted[t] or _reads_any(t, side, cell, steps, where, weight, noted):
                    n_done += 1
                    m = grid[place[t, 0], place[t, 1], place[t, 2]]
                    seen = cosine * np.float32(sun_share[t]) * PART_OF_SUN
                    share = np.float32(near[t] / NEAR_WHOLE)
                    _texel_light(
                        t, m, side, seen, cell, steps, where, weight, share, flat, albedo, emission, lamps, sun, shared,
                        is_first, indirect, out,
                    )  # fmt: skip
                    if _keep(out, radiance, t):
                        differs = True
                        if is_last:
                            changed_at[t] = stamp
                        elif is_asked:
                            changed[t] = True
                    elif is_asked and not compares:
                        differs = changed[t] = True
                if is_last and anew[row]:
                    changed_at[t] = stamp
            if is_asked:
                done[row] = n_done
            if not differs:
                continue
            for k in range(n):
                light[k, 0], light[k, 1], light[k, 2] = unpack(radiance[texel[k]])
            first = len(place) + patch_first[row]
            n_patches = patch_count[row]
            total[:n_patches] = 0.0
            count[:n_patches] = 0.0
            known = 0
            for level in range(LEVELS - 1):
                new = known
                for k in range(n):
                    patch = patch_spot[texel[k], level] - first
                    if patch >= new:  # the others are texels, or patches of a smaller block
                        known = max(known, patch + 1)
                        count[patch] += 1
                        for c in range(3):
                            total[patch, c] += light[k, c]
            for patch in range(n_patches):
                for c in range(3):
                    out[c] = total[patch, c] / count[patch]
                if _keep(out, radiance, first + patch) or (is_last and anew[row]):
                    if is_last:
                        changed_at[first + patch] = stamp
                    elif is_asked:
                        changed[first + patch] = True
                elif is_asked and not compares:
                    changed[first + patch] = True


@njit(cache=True)
def _keep(light, kept, at):
    """Pack light [3] into kept [n]; whether it is another than before."""
    now = pack(light[0], light[1], light[2])
    differs = now != kept[at]
    kept[at] = now
    return differs


@njit(parallel=True, cache=True)
def mark_rows(texels, place, faces, ny_bricks, nz_bricks, mark):
    """Mark the pages of some texels."""
    for i in prange(len(texels)):
        t = texels[i]
        key = page_key(place[t, 0], place[t, 1], place[t, 2], place[t, 3], ny_bricks, nz_bricks)
        mark[row_of(faces, key)] = True


@njit(parallel=True, cache=True)
def mark_probes(rows, start, count, rays, reads, changed, mark):
    """Mark the probes with a ray into some pages that reads something that changed."""
    for i in prange(len(rows)):
        first = start[rows[i]]
        for k in range(first, first + count[rows[i]]):
            ray = np.uint32(rays[k])
            p = ray // np.uint32(RAYS)
            if not mark[p] and changed[reads[p, ray % np.uint32(RAYS)]]:
                mark[p] = True


@njit(parallel=True, cache=True)
def light_probes(probes, weight, weight_sum, reads, sky_side, radiance, own, is_last, own_light, differs):
    """Light of some probes by side, packed: own [P, 6]; differs [n] where it is not what it was.

    In the last pass own_light [P, 6, 3] gets it too, before it is rounded.
    """
    for i in prange(len(probes)):
        p = probes[i]
        total = sky_side[p].T.copy()  # [3, 6]: one colour of all sides at a time is faster
        for k in range(RAYS):
            spot = reads[p, k]
            if spot < 0:
                continue
            r, g, b = unpack(radiance[spot])
            for side in range(6):
                q = np.float32(weight[p, k, side])
                total[0, side] += q * r
                total[1, side] += q * g
                total[2, side] += q * b
        differs[i] = False
        light = np.empty(3, np.float32)
        for side in range(6):
            for c in range(3):
                light[c] = total[c, side] / max(np.float32(weight_sum[p, side]), np.float32(1.0))
                if is_last and light[c] != own_light[p, side, c]:
                    own_light[p, side, c] = light[c]
                    differs[i] = True
            if _keep(light, own[p], side):
                differs[i] = True


@njit(parallel=True, cache=True)
def mark_linked(probes, differs, link, mark):
    for i in prange(len(probes)):
        if differs[i]:
            p = probes[i]
            mark[p] = True
            for side in range(6):
                if link[p, side] >= 0:
                    mark[link[p, side]] = True


@njit(parallel=True, cache=True)
def share_probes(probes, link, own, shared, sides, is_last, own_light, side_light, stamp, changed_at):
    """Mean of some probes' light with that of the probes that they are linked to, into shared [P, 6]; sides [P] gets
    a bit for every side where it differs. In the last pass side_light [P, 6, 3] gets it from own_light, unrounded, and
    changed_at [P] the stamp where that differs.

    64 rays are noisy where light comes through a window; neighbours see nearly the same light through other rays.
    """
    for i in prange(len(probes)):
        p = probes[i]
        total = np.float32(OWN_SHARE)
        light = np.empty((6, 3), np.float32)
        for side in range(6):
            r, g, b = unpack(own[p, side])
            light[side, 0], light[side, 1], light[side, 2] = r, g, b
            for c in range(3):
                light[side, c] *= np.float32(OWN_SHARE)
        for towards in range(6):
            q = link[p, towards]
            if q >= 0:
                total += np.float32(1.0)
                for side in range(6):
                    r, g, b = unpack(own[q, side])
                    light[side, 0] += r
                    light[side, 1] += g
                    light[side, 2] += b
        sides[p] = 0
        for side in range(6):
            for c in range(3):
                light[side, c] /= total
            if _keep(light[side], shared[p], side):
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


@njit(cache=True)
def mark_bricks(probes, sides, cell, cells, mark):
    """Note the sides [P] (bits) of some probes at their cells [CX, CY, CZ], and in the bricks [BX, BY, BZ] that hold
    every texel that may see them.
    """
    first, last = np.empty(3, np.int64), np.empty(3, np.int64)
    for i in range(len(probes)):
        p = probes[i]
        cells[cell[p, 0], cell[p, 1], cell[p, 2]] = sides[p]
        if not sides[p]:
            continue
        for axis in range(3):
            first[axis], last[axis] = bricks_around(cell[p, axis])
            first[axis], last[axis] = max(first[axis], 0), min(last[axis], mark.shape[axis] - 1)
        for x in range(first[0], last[0] + 1):
            for y in range(first[1], last[1] + 1):
                for z in range(first[2], last[2] + 1):
                    mark[x, y, z] |= sides[p]


@njit(cache=True)
def mark_pages(bricks, sides, faces, mark):
    """Mark the pages of some bricks that look to one of the sides (bits) noted there, sides [bricks of the world]."""
    for brick in bricks:
        block = faces.block[brick]
        if block < 0:
            continue
        for side in range(6):
            if sides[brick] >> side & 1:
                for row in faces.row[block, side * BRICK : side * BRICK + BRICK]:
                    if row >= 0:
                        mark[row] = True


@njit(parallel=True, cache=True)
def note_spots(rows, faces, patch_first, patch_count, n_texels, has_changed, changed):
    """Note that everything in some pages has changed, or nothing: changed [S]."""
    for i in prange(len(rows)):
        row = rows[i]
        of_page = texels_of(faces, row)
        for t in faces.texel[of_page[0] : of_page[1]]:
            changed[t] = has_changed
        first = n_texels + patch_first[row]
        changed[first : first + patch_count[row]] = has_changed
