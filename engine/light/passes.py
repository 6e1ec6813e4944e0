"""One pass of light along the kept transport: from texels and patches to these.

Whatever differs is told apart (`changed`), so that a pass over a few pages knows what the next must look at.
"""

import numpy as np
from numba import njit, prange

from engine.light.bounces import gathered
from engine.light.compiled import leaf
from engine.light.faces import PAGE_TEXELS, page_key, row_of, texels_of
from engine.light.keeping import pack, unpack
from engine.light.skylight import SUN_WHOLE
from engine.light.surface import LEVELS

PART_OF_SUN = np.float32(1 / SUN_WHOLE)
BLOCK = 64  # texels, or pages, that a thread works through with the same scratch
MOST_PATCHES = 96  # of a page: 32 on each level, where texels only touch at corners


@njit(parallel=True, cache=True)
def light_texels(
    texels, place, faces, n_bricks, grid, met, sky, patch_spot, albedo, bounced, emission, lamps, sun_share, sun,
    sun_direction, before, radiance, compares, changed, told, differs, is_last, stamp, changed_at,
):  # fmt: skip
    """Light of some texels [n]: packed, radiance [S] by spot, from that of the last pass, before [S], along texels'
    rays, met [T, K] and sky [T] (bounces.py); straight from sources alone if before is empty. What comes straight from
    sources leaves again with albedo [M, 3], what comes from everywhere with bounced [M, 3].

    differs [n_pages] says on which pages a texel is another than it was. What is (or what was worked out, if not
    `compares`) is noted in changed [S], and in told [n_pages] the page of what was not yet. Nobody asks for any of
    these if they are empty. In the last pass changed_at [S] gets the stamp.
    """
    is_asked = len(changed) > 0
    for block in prange((len(texels) + BLOCK - 1) // BLOCK):
        out, e = np.empty(3, np.float32), np.zeros(3, np.float32)
        for i in range(block * BLOCK, min(block * BLOCK + BLOCK, len(texels))):
            t = texels[i]
            side, m = place[t, 3], grid[place[t, 0], place[t, 1], place[t, 2]]
            seen = sun_direction[side // 2] * np.float32(1 - 2 * (side % 2)) * np.float32(sun_share[t]) * PART_OF_SUN
            out[0], out[1], out[2] = unpack(lamps[t])
            if len(before) > 0:
                gathered(t, met, sky, patch_spot, before, e)
            for c in range(3):
                out[c] = emission[m, c] + (albedo[m, c] * (out[c] + seen * sun[c]) + bounced[m, c] * e[c])
            is_other = _keep(out, radiance, t)
            if is_other and is_last:
                changed_at[t] = stamp
            if is_asked and (is_other or not compares):
                key = page_key(place[t, 0], place[t, 1], place[t, 2], place[t, 3], n_bricks[1], n_bricks[2])
                row = row_of(faces, key)
                differs[row] = True
                if not changed[t]:
                    changed[t] = told[row] = True


@njit(parallel=True, cache=True)
def light_patches(
    rows, faces, patch_spot, patch_first, patch_count, n_texels, radiance, compares, changed, told, is_last, stamp,
    anew, changed_at,
):  # fmt: skip
    """Means over the patches of some pages [n], of which texels differ, into radiance [S]; the rest as in
    `light_texels`. In the last pass changed_at [S] gets the stamp also in all of a page whose spots were given out
    `anew` [n_pages]: what was there before is another's.
    """
    is_asked = len(changed) > 0
    for block in prange((len(rows) + BLOCK - 1) // BLOCK):
        texel, light = np.empty(PAGE_TEXELS, np.int64), np.empty((PAGE_TEXELS, 3), np.float32)
        total, count = np.empty((MOST_PATCHES, 3), np.float32), np.empty(MOST_PATCHES, np.float32)
        mean = np.empty(3, np.float32)
        for i in range(block * BLOCK, min(block * BLOCK + BLOCK, len(rows))):
            row, n = rows[i], 0
            of_page = texels_of(faces, row)
            for t in faces.texel[of_page[0] : of_page[1]]:
                texel[n] = t
                light[n, 0], light[n, 1], light[n, 2] = unpack(radiance[t])
                n += 1
                if is_last and anew[row]:
                    changed_at[t] = stamp
            first = n_texels + patch_first[row]
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
                    mean[c] = total[patch, c] / count[patch]
                is_other = _keep(mean, radiance, first + patch)
                if is_last and (is_other or anew[row]):
                    changed_at[first + patch] = stamp
                if is_asked and (is_other or anew[row] or not compares) and not changed[first + patch]:
                    changed[first + patch] = told[row] = True


@leaf
def _keep(light, kept, at):
    """Pack light [3] into kept [n]; whether it is another than before."""
    now = pack(light[0], light[1], light[2])
    differs = now != kept[at]
    kept[at] = now
    return differs


@njit(parallel=True, cache=True)
def note_spots(rows, faces, patch_first, patch_count, n_texels, changed):
    """Note that everything in some pages has changed: changed [S]."""
    for i in prange(len(rows)):
        row = rows[i]
        of_page = texels_of(faces, row)
        for t in faces.texel[of_page[0] : of_page[1]]:
            changed[t] = True
        first = n_texels + patch_first[row]
        changed[first : first + patch_count[row]] = True
