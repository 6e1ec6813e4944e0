"""One pass of light along the kept transport: from texels and patches to these.

Whatever differs is told apart (`changed`), so that a pass over a few pages knows what the next must look at.
"""

import numpy as np
from numba import njit, prange

from engine.core.units import BRICK
from engine.light.bounces import gathered
from engine.light.faces import PAGE_TEXELS, PAGES_PER_BRICK, texels_of
from engine.light.keeping import pack, unpack
from engine.light.skylight import SUN_WHOLE
from engine.light.surface import LEVELS

PART_OF_SUN = np.float32(1 / SUN_WHOLE)
BLOCK = 64  # pages that a thread works through with the same scratch
MOST_PATCHES = 96  # of a page: 32 on each level, where texels only touch at corners


@njit(parallel=True, cache=True)
def light_pages(
    rows, faces, patch_spot, patch_first, patch_count, page_key_of_row, place, grid, met, sky, albedo, bounced,
    emission, lamps, sun_share, sun, sun_direction, before, wanted, radiance, compares, changed, told, done, is_last,
    stamp, anew, changed_at,
):  # fmt: skip
    """Light of the texels and patches of some pages: packed, radiance [S] by spot, from that of the last pass, before
    [S], along texels' rays, met [T, K] and sky [T] (bounces.py); straight from sources alone if before is empty. What
    comes straight from sources leaves again with albedo [M, 3], what comes from everywhere with bounced [M, 3]. Of
    texels those that are wanted [T], all if wanted is empty: done [n_pages] is how many. What differs (what was worked
    out, if not `compares`) is noted in changed [S], and in told [n_pages] the page of what was not yet; nobody asks for
    any of these if they are empty.

    In the last pass changed_at [S] gets the stamp where a spot differs, and in all of a page whose spots were given out
    `anew` [n_pages]: what was there before is another's.
    """
    everyone, is_asked = len(wanted) == 0, len(changed) > 0
    for block in prange((len(rows) + BLOCK - 1) // BLOCK):
        texel, light = np.empty(PAGE_TEXELS, np.int64), np.empty((PAGE_TEXELS, 3), np.float32)
        out, e = np.empty(3, np.float32), np.zeros(3, np.float32)
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
                if everyone or wanted[t]:
                    n_done += 1
                    seen = cosine * np.float32(sun_share[t]) * PART_OF_SUN
                    m = grid[place[t, 0], place[t, 1], place[t, 2]]
                    out[0], out[1], out[2] = unpack(lamps[t])
                    if len(before) > 0:
                        gathered(t, met, sky, patch_spot, before, e)
                    for c in range(3):
                        out[c] = emission[m, c] + (albedo[m, c] * (out[c] + seen * sun[c]) + bounced[m, c] * e[c])
                    if _keep(out, radiance, t):
                        differs = True
                        if is_last:
                            changed_at[t] = stamp
                        if is_asked and not changed[t]:
                            changed[t] = told[row] = True
                    elif is_asked and not compares and not changed[t]:
                        differs = changed[t] = told[row] = True
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
                    if is_asked and not changed[first + patch]:
                        changed[first + patch] = told[row] = True
                elif is_asked and not compares and not changed[first + patch]:
                    changed[first + patch] = told[row] = True


@njit(cache=True)
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
