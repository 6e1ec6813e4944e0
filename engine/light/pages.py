"""Surface pages: where decoded light waits for the camera.

An atlas, one slot per resident page: light of lamps and of all that bounces at 2 x 2 points per voxel face (16 x 16 and
a border of one). Borders hold the neighbours' values, so a picture needs one filtered fetch. What bounced is known
per face: it runs from one to the next, and within a face as creases.py tells. Colour is multiplied by validity and
validity is the fourth channel: dividing after filtering leaves
out texels that are not there. Those beside others are made up: there light goes on as it came, up to the corner.
"""

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from engine.core.units import BRICK, VOXEL_M
from engine.light.compiled import leaf
from engine.light.faces import PAGES_PER_BRICK, page_key, row_of, texel_at, texel_of
from engine.light.setaside import SetAside

SLOTS_PER_BAND = 56  # a band is one row of slots, uploaded as a whole; 56 lamp pages fill a texture 1024 wide
BRICK_M = BRICK * VOXEL_M
RELEASE_TO = 0.85  # part of the slots that is left in use when pages must be thrown out
TEXELS_PX = 10  # edge of a page with its border, in texels
PAGE_PX = 18  # in quarters of them, as the atlas has it
STANDS_IN = -2  # a page shows a stand-in, as good as there is, until its turn comes
LEAST_PART = np.float32(0.02)  # of a view, near or far, that light is divided by


@leaf
def page_origin(key, ny_bricks, nz_bricks):
    """(side, and the voxel at u = v = 0) of a page."""
    brick, rest = key // PAGES_PER_BRICK, key % PAGES_PER_BRICK
    side, layer = rest // 8, rest % 8
    bz = brick % nz_bricks
    by = (brick // nz_bricks) % ny_bricks
    bx = brick // (nz_bricks * ny_bricks)
    x, y, z = bx * 8, by * 8, bz * 8
    axis = side // 2
    if axis == 0:
        x += layer
    elif axis == 1:
        y += layer
    else:
        z += layer
    return side, x, y, z


@leaf
def page_neighbour(faces, shape, side, x, y, z, u, v):
    """Texel at (u, v) of a page's plane, -1..8; -1 if there is none."""
    axis = side // 2
    if axis == 0:
        y += u
        z += v
    elif axis == 1:
        z += u
        x += v
    else:
        x += u
        y += v
    if x < 0 or y < 0 or z < 0 or x >= shape[0] or y >= shape[1] or z >= shape[2]:
        return -1
    return texel_at(faces, x, y, z, side, shape[1] >> 3, shape[2] >> 3)


@leaf
def _row_beside(faces, shape, side, x, y, z, u, v):
    """Row of the page so many pages on in the plane of one with the origin (x, y, z), -1 if it shows nothing."""
    axis = side // 2
    if axis == 0:
        y += 8 * u
        z += 8 * v
    elif axis == 1:
        z += 8 * u
        x += 8 * v
    else:
        x += 8 * u
        y += 8 * v
    if x < 0 or y < 0 or z < 0 or x >= shape[0] or y >= shape[1] or z >= shape[2]:
        return np.int32(-1)
    return row_of(faces, page_key(x, y, z, side, shape[1] >> 3, shape[2] >> 3))


@leaf
def _border(part):
    """First and last + 1 of the 10 columns of a page that lie in the page before it, in itself or in the next."""
    return (0, 1) if part < 0 else ((1, 9) if part == 0 else (9, 10))


@njit(parallel=True, cache=True)
def page_texels(keys, faces, shape, texels):
    """Texels of some pages with their borders: texels [n, 10, 10] int32 (v, u), -1 where none."""
    for i in prange(len(keys)):
        side, x, y, z = page_origin(keys[i], shape[1] >> 3, shape[2] >> 3)
        texels[i] = -1
        for part in range(9):  # the page, and what borders on it in the eight around it
            part_v, part_u = part // 3 - 1, part % 3 - 1
            row = _row_beside(faces, shape, side, x, y, z, part_u, part_v)
            if row < 0:
                continue
            first_u, last_u = _border(part_u)
            first_v, last_v = _border(part_v)
            for v in range(first_v, last_v):
                for u in range(first_u, last_u):
                    at = (v - 1 - 8 * part_v) * 8 + u - 1 - 8 * part_u
                    texels[i, v, u] = texel_of(faces, row, at)


@leaf
def _put(atlas, band, v, u, c, value):
    """Write a number into an atlas; true if pictures, which read half floats, see another one (small ones may not)."""
    old, new = np.float32(atlas[band, v, u, c]).view(np.uint32), np.float32(value).view(np.uint32)
    atlas[band, v, u, c] = value
    # Rounded to 10 bits of mantissa, ties to even
    return (old + np.uint32(0xFFF) + (old >> 13 & 1)) >> 13 != (new + np.uint32(0xFFF) + (new >> 13 & 1)) >> 13


@njit(cache=True)
def _go_on(page, n_slopes):
    """Let light go on past the last texel before a corner as it came: page [n, n, C], validity is the last channel.

    Else it would be even from the middle of that texel to the corner, where light changes most. So do the first
    n_slopes channels; the others stay even, as light of lamps must: where a shadow ends it would soon be below nothing.
    """
    n, there, last = len(page), page[:, :, -1].copy(), page.shape[2] - 1
    for v in range(n):
        for u in range(n):
            if there[v, u] > 0.0:
                continue
            count = np.float32(0.0)
            for k in range(4):
                du, dv = (1 if k == 0 else -1 if k == 1 else 0), (1 if k == 2 else -1 if k == 3 else 0)
                if not (0 <= u + 2 * du < n and 0 <= v + 2 * dv < n):
                    continue
                near, far = page[v + dv, u + du], page[v + 2 * dv, u + 2 * du]
                if there[v + dv, u + du] > 0.0 and there[v + 2 * dv, u + 2 * du] > 0.0:
                    count += np.float32(1.0)
                    for c in range(last):
                        page[v, u, c] += 2 * near[c] - far[c] if c < n_slopes else near[c]
            if count > 0.0:
                page[v, u, last] = 1.0
                for c in range(last):
                    page[v, u, c] /= count


@leaf
def _between(page, v, u, out):
    """Light [7] of a page of whole texels [10, 10, 8] at texel (v, u) of the atlas, in the middle of a quarter."""
    near_v, near_u = (v + 1) // 2, (u + 1) // 2
    far_v, far_u = near_v + (-1 if v & 1 else 1), near_u + (-1 if u & 1 else 1)
    out[:] = 0.0
    whole = np.float32(0.0)
    for k in range(4):
        y, x = (far_v if k & 2 else near_v), (far_u if k & 1 else near_u)
        if 0 <= y < TEXELS_PX and 0 <= x < TEXELS_PX and page[y, x, 7] > 0.0:
            weight = np.float32((0.25 if k & 2 else 0.75) * (0.25 if k & 1 else 0.75))
            whole += weight
            for c in range(7):
                out[c] += weight * page[y, x, c]
    for c in range(7):
        out[c] /= whole


@leaf
def _part(share):
    """A share of a view that light may be divided by, and its rest."""
    return min(max(share, LEAST_PART), np.float32(1.0) - LEAST_PART)


@njit(parallel=True, cache=True)
def fill_pages(
    slots, texels, row_of_texel, e_indirect, e_near, crease, e_lamp, shade_of_row, lost, left, atlas, differs
):  # fmt: skip
    """Write some pages into the atlas from per-row light: e_indirect [R, 3], what of it comes from near, e_near [R, 3],
    how much of what a quarter sees is near, crease [R, 4], and e_lamp [R, 4, 3]. Rows with a shade_of_row [R] lose
    lost [., 4, 3] of lamps to what moves, and of all other light left [., 4] is left.

    differs [n] becomes true for pages that look different than what lay in their slots.
    """
    for i in prange(len(slots)):
        band, x = slots[i] // SLOTS_PER_BAND, slots[i] % SLOTS_PER_BAND
        whole, between = np.zeros((TEXELS_PX, TEXELS_PX, 8), np.float32), np.empty(7, np.float32)
        for v in range(TEXELS_PX):
            for u in range(TEXELS_PX):
                t = texels[i, v, u]
                row = row_of_texel[t] if t >= 0 else -1
                if row >= 0:
                    for c in range(3):
                        e = max(e_indirect[row, c], np.float32(0.0))
                        whole[v, u, c] = min(max(e_near[row, c], np.float32(0.0)), e)
                        whole[v, u, 3 + c] = e - whole[v, u, c]
                    whole[v, u, 6], whole[v, u, 7] = crease[row].mean(), 1.0
        _go_on(whole, 7)
        page = np.zeros((PAGE_PX, PAGE_PX, 7), np.float32)
        for v in range(PAGE_PX):
            for u in range(PAGE_PX):
                t = texels[i, (v + 1) // 2, (u + 1) // 2]
                row = row_of_texel[t] if t >= 0 else -1
                if row < 0:
                    continue
                # Column 1 is the page's first half texel: odd columns are the lower quarter of a face.
                quarter = (1 - (v & 1)) * 2 + (1 - (u & 1))
                _between(whole, v, u, between)
                own, mean = _part(crease[row, quarter]), _part(between[6])
                near, far = own / mean, (1 - own) / (1 - mean)
                page[v, u, 6] = 1.0
                shade, stays = shade_of_row[row], np.float32(1.0)
                if shade >= 0:
                    stays = left[shade, quarter]
                for c in range(3):
                    lamp = e_lamp[row, quarter, c]
                    if shade >= 0:
                        lamp = max(lamp - lost[shade, quarter, c], np.float32(0.0))
                    page[v, u, c], page[v, u, 3 + c] = stays * (near * between[c] + far * between[3 + c]), lamp
        _go_on(page, 3)
        for v in range(PAGE_PX):
            for u in range(PAGE_PX):
                for c in range(3):
                    differs[i] |= _put(atlas, band, v, x * PAGE_PX + u, c, page[v, u, c] + page[v, u, 3 + c])
                differs[i] |= _put(atlas, band, v, x * PAGE_PX + u, 3, page[v, u, 6])


@njit(cache=True)
def _pages_showing(place, n_bricks, block, slot, mark):
    """Mark the slots [S] of the pages that show some texels, at places [n, 4], or have them in their border."""
    at = np.empty(3, np.int64)
    for i in range(len(place)):
        side = np.int64(place[i, 3])
        axis = side // 2
        for part in range(9):
            outside, is_same = False, False
            for c in range(3):
                at[c] = place[i, c]
                if c != axis:
                    aside = (part // 3 if c == (axis + 1) % 3 else part % 3) - 1
                    is_same |= aside != 0 and (at[c] + aside) >> 3 == at[c] >> 3  # as that page that is less aside
                    at[c] += aside
                outside |= at[c] < 0 or at[c] >= n_bricks[c] * 8
            if not outside and not is_same:
                key = page_key(at[0], at[1], at[2], side, n_bricks[1], n_bricks[2])
                found = slot[block[key // PAGES_PER_BRICK], key % PAGES_PER_BRICK]
                if found >= 0:
                    mark[found] = True


class PageTable(SetAside):
    """Which page lies in which slot, and the atlas."""

    def __init__(self, n_bricks: int, n_slots: int) -> None:
        """Pages of `n_bricks`, room for `n_slots` (rounded up to whole bands), or one picture if that is more."""
        self._most_bands = -(-n_slots // SLOTS_PER_BAND)
        self._block = np.zeros(n_bricks, np.int32)  # [n_bricks] block of a brick, 0 that of bricks never seen
        self._slot = np.full((1, PAGES_PER_BRICK), -1, np.int32)  # [n_blocks, 48] slots of pages, -1 not resident
        self._n_blocks = 1
        self.key_of_slot = np.zeros(0, np.int32)  # [S] key, -1 free
        self.last_seen = np.zeros(0, np.int32)  # [S] number of the decode that last asked for it
        self.filled_at = np.zeros(0, np.int32)  # [S] decode that wrote its content, -1 void
        self.checked = np.zeros(0, np.int32)  # [S] relight at which its content was right, -1 void, or STANDS_IN
        self.evicted = 0  # pages thrown out so far
        self.atlas = np.zeros((0, PAGE_PX, SLOTS_PER_BAND * PAGE_PX, 4), np.float32)  # [bands, 18, 1008, 4] e
        self.set_aside(self._most_bands, "atlas")
        self._free: list[int] = []

    def _grow(self, n_bands: int) -> None:
        old, more = len(self.key_of_slot), n_bands * SLOTS_PER_BAND
        self.make_room(len(self.atlas) + n_bands)
        for name in ("key_of_slot", "last_seen", "filled_at", "checked"):
            setattr(self, name, np.concatenate([getattr(self, name), np.full(more, -1, np.int32)]))
        self._free = list(range(old + more - 1, old - 1, -1)) + self._free

    @property
    def n_slots(self) -> int:
        """How many pages there is room for; what they take is given to them when they come."""
        return max(self._most_bands * SLOTS_PER_BAND, len(self.key_of_slot))

    @property
    def n_pages(self) -> int:
        """How many pages are resident."""
        return len(self.key_of_slot) - len(self._free)

    @property
    def bytes(self) -> int:
        """Memory of the atlas."""
        return self.atlas.nbytes

    def admit(self, keys: NDArray[np.int32], now: int) -> None:
        """Give every key [n] a slot, taking those of the least recently seen pages if it must."""
        resident = self.slots(keys)
        self.last_seen[resident[resident >= 0]] = now
        missing = keys[resident < 0]
        if self.n_pages + len(missing) > self.n_slots:
            old = np.flatnonzero((self.key_of_slot >= 0) & (self.last_seen < now))
            old = old[np.lexsort((self.key_of_slot[old], self.last_seen[old]))]
            # More than it must, so that a camera that moves does not pay for this in every frame.
            old = old[: max(self.n_pages + len(missing) - int(RELEASE_TO * self.n_slots), 0)]
            self.drop(old.astype(np.int32))
            self.evicted += len(old)
        short = len(missing) - len(self._free)
        if short > 0:
            bands = len(self.atlas)  # as many again, so that this is seldom
            self._grow(max(-(-short // SLOTS_PER_BAND), min(max(bands, 1), self._most_bands - bands)))
        slots = np.array([self._free.pop() for _ in range(len(missing))], np.int32)
        blocks = self._blocks_for(missing)
        self._slot[blocks, missing % PAGES_PER_BRICK] = slots
        self.key_of_slot[slots], self.last_seen[slots] = missing, now
        self.filled_at[slots] = self.checked[slots] = -1

    def slots(self, keys: NDArray[np.int32]) -> NDArray[np.int32]:
        """The slots of some pages [n], -1 where none is resident."""
        return np.asarray(self._slot[self._block[keys // PAGES_PER_BRICK], keys % PAGES_PER_BRICK])

    def _blocks_for(self, keys: NDArray[np.int32]) -> NDArray[np.int32]:
        """The blocks of some pages [n], new ones where a brick has none."""
        bricks = keys // PAGES_PER_BRICK
        new = np.unique(bricks[self._block[bricks] == 0])
        self._block[new] = self._n_blocks + np.arange(len(new))
        self._n_blocks += len(new)
        if self._n_blocks > len(self._slot):
            more = self._n_blocks + self._n_blocks // 4 - len(self._slot)
            self._slot = np.concatenate([self._slot, np.full((more, PAGES_PER_BRICK), -1, np.int32)])
        return self._block[bricks]

    def showing(self, place: NDArray[np.int16], n_bricks: tuple[int, ...]) -> NDArray[np.bool_]:
        """Slots [S] whose pages show any of the texels at some places [n, 4], or have one in their border."""
        mark = np.zeros(len(self.key_of_slot), np.bool_)
        _pages_showing(place, np.array(n_bricks), self._block, self._slot, mark)
        return mark

    def look_again(self) -> None:
        """What stand-ins were made of is another: pages that show one are void."""
        self.checked[self.checked == STANDS_IN] = -1

    def void(self, low: NDArray[np.float64], high: NDArray[np.float64], n_bricks: tuple[int, ...]) -> None:
        """Fill pages anew whose bricks boxes low..high [n, 3] metres touch or nearly touch: texels came or went."""
        corner = np.stack(np.unravel_index(np.maximum(self.key_of_slot, 0) // PAGES_PER_BRICK, n_bricks), 1) * BRICK_M
        for box_low, box_high in zip(low - VOXEL_M, high + VOXEL_M, strict=True):
            self.filled_at[((corner <= box_high) & (corner + BRICK_M >= box_low)).all(1)] = -1

    def drop(self, slots: NDArray[np.int32]) -> None:
        """Free some slots [n]."""
        keys = self.key_of_slot[slots]
        self._slot[self._block[keys // PAGES_PER_BRICK], keys % PAGES_PER_BRICK] = -1
        self.key_of_slot[slots] = -1
        self._free.extend(int(s) for s in slots[::-1])
