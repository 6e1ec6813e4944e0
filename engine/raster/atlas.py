"""The pages of a light cache on the GPU: half floats, filtered."""

import moderngl
import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

HALF_MOST = np.float32(65504.0)  # largest half float: brighter light is white anyway
PAGES_PER_BAND = 56  # pages side by side in an atlas row
NEAR_SLOTS = 3  # dirty pages so near each other are sent in one go
PAGE_PX = 18  # edge of a page with its border, texels
_ROW = PAGE_PX * 4  # numbers in a row of a page
_LEAST_NORMAL = np.uint32(0x38800000)  # 2^-14 as the bits of a float: below it halves have fewer bits
_REBIAS = np.uint32((127 - 15) << 23)  # between the exponents of floats and of halves
_HALF = np.float32(0.5)


@njit(cache=True, inline="always")
def _half(value):  # type: ignore[no-untyped-def]
    """The bits of the half float nearest to a float, ties to even; at most HALF_MOST."""
    cut = min(max(value, -HALF_MOST), HALF_MOST)
    bits = np.float32(cut).view(np.uint32)
    size = bits & np.uint32(0x7FFFFFFF)
    normal = (size + np.uint32(0xFFF) + (size >> np.uint32(13) & np.uint32(1)) - _REBIAS) >> np.uint32(13)
    # Half of one ends where halves of this size do: adding it rounds, and the bits above it are what is left.
    small = np.float32(abs(cut) + _HALF).view(np.uint32) - np.uint32(0x3F000000)
    sign = bits >> np.uint32(16) & np.uint32(0x8000)
    return np.uint16(sign | (small if size < _LEAST_NORMAL else normal))


@njit(parallel=True, cache=True)
def _write_halves(pages, slots, at, step, out):  # type: ignore[no-untyped-def]
    """The pages of some slots [n] as bits of half floats: row v of page i from at[i] + v * step[i] on in out."""
    for i in prange(len(slots)):
        band, x = slots[i] // PAGES_PER_BAND, slots[i] % PAGES_PER_BAND
        for v in range(PAGE_PX):
            row, into = pages[band, v, x], out[at[i] + v * step[i] : at[i] + v * step[i] + _ROW]
            for k in range(_ROW):
                into[k] = _half(row[k])


class Atlas:
    """A copy of a light cache's pages on the GPU: half floats, filtered.

    Sizes are powers of two and the shader rounds places in a page to 1/256 texel, so that texture coordinates are exact
    and a page gives the same light to the last bit wherever in the atlas it lies.
    """

    def __init__(self, context: moderngl.Context) -> None:
        self.context = context
        self.texture = self._of(1)
        self._bands = 0  # how many bands the texture has, 0 before the first write

    def _of(self, bands: int) -> moderngl.Texture:
        width, height = (1 << (n - 1).bit_length() for n in (PAGES_PER_BAND * PAGE_PX, bands * PAGE_PX))
        texture = self.context.texture((width, height), 4, dtype="f2")
        texture.filter = (moderngl.LINEAR, moderngl.LINEAR)
        texture.repeat_x = texture.repeat_y = False
        return texture

    def write(self, pages: NDArray[np.float32], dirty: NDArray[np.integer], last_slot: int) -> None:
        """Send the dirty slots [n], in growing order, of pages [bands, 18, 1008, 4].

        The texture has as many bands as slots in use need (rounded up to a power of two), not as the cache might have.
        """
        needed = last_slot // PAGES_PER_BAND + 1
        if needed > self._bands:
            self._bands = min(1 << (needed - 1).bit_length(), len(pages))
            self.texture.release()
            self.texture = self._of(self._bands)
            dirty = np.arange(needed * PAGES_PER_BAND)
        dirty = dirty[dirty < self._bands * PAGES_PER_BAND]
        if not len(dirty):
            return
        apart = (np.diff(dirty) > NEAR_SLOTS) | (np.diff(dirty // PAGES_PER_BAND) > 0)
        first, last = dirty[np.append(True, apart)], dirty[np.append(apart, True)]
        n_sent = last - first + 1  # slots of each run, which lie beside each other
        starts = np.cumsum(n_sent) - n_sent
        slots = np.repeat(first - starts, n_sent) + np.arange(n_sent.sum())
        at, step = np.repeat(starts * (PAGE_PX - 1), n_sent) + np.arange(len(slots)), np.repeat(n_sent, n_sent)
        halves = np.empty(len(slots) * PAGE_PX * _ROW, np.uint16)
        of_slot = pages.reshape(len(pages), PAGE_PX, PAGES_PER_BAND, _ROW)
        _write_halves(of_slot, slots, at * _ROW, step * _ROW, halves)
        for slot, n, start in zip(first.tolist(), n_sent.tolist(), (starts * PAGE_PX * _ROW).tolist(), strict=True):
            place = (slot % PAGES_PER_BAND * PAGE_PX, slot // PAGES_PER_BAND * PAGE_PX, n * PAGE_PX, PAGE_PX)
            self.texture.write(halves[start : start + n * PAGE_PX * _ROW], place)

    def release(self) -> None:
        """Give the texture back."""
        self.texture.release()
