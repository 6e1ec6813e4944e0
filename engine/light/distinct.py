"""Which texels there are among many, each once.

Of few of them that costs as much as they are, of many as much as the world has: to mark those in a table and to look
through it is faster then. Both give the same.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

I32 = NDArray[np.int32]

FEW = 24  # fewer than one in so many of a world's texels


def each_once(*parts: I32) -> I32:
    """All numbers of some arrays, each once, in order. As numpy's `unique`, which hashes integers (2.4): of a thousand
    that takes 4 times as long, of five million 20 times (3.8 s; medians of five, in turns).
    """
    found = np.sort(np.concatenate(parts))
    return found[np.append(True, found[1:] != found[:-1])] if len(found) else found


@njit(cache=True)
def _tell_apart(texels, value, place, found, largest):
    """Texels [n, k] but for -1, each once, and the largest value [n] that it comes with: found, largest [n k], of which
    so many are written to. place [T] is 0 everywhere, before and after.
    """
    n = 0
    for i in range(texels.shape[0]):
        for k in range(texels.shape[1]):
            t = texels[i, k]
            if t < 0:
                continue
            if place[t] == 0:
                found[n], largest[n] = t, value[i]
                n += 1
                place[t] = n
            else:
                largest[place[t] - 1] = max(largest[place[t] - 1], value[i])
    for i in range(n):
        place[found[i]] = 0
    return n


class Distinct:
    """Tells the texels of one world apart, of which there may become more."""

    def __init__(self, n_texels: int) -> None:
        self._place = np.zeros(n_texels, np.int32)  # [T] scratch, 0 between calls

    def make_room(self, n_texels: int) -> None:
        """There are so many texels now."""
        if n_texels > len(self._place):
            self._place = np.zeros(n_texels, np.int32)

    def among(self, texels: I32) -> I32:
        """Those [m] among some texels [n, k], -1 none, in order."""
        if texels.size * FEW < len(self._place):
            return np.sort(self._found(texels, np.zeros(len(texels), np.int32))[0])
        is_there = np.zeros(len(self._place) + 1, np.bool_)
        is_there[texels] = True
        return np.flatnonzero(is_there[:-1]).astype(np.int32)

    def with_largest(self, texels: I32, value: I32) -> tuple[I32, I32]:
        """The same, and the largest value [n], 0 or more, that each comes with: both [m]."""
        if texels.size * FEW < len(self._place):
            found, largest = self._found(texels, value)
            both = np.sort(found.astype(np.int64) << 32 | largest)  # faster than to sort the places of one
            return (both >> 32).astype(np.int32), both.astype(np.int32)
        largest, least_first = np.full(len(self._place) + 1, -1, np.int32), np.argsort(value, kind="stable")
        largest[texels[least_first]] = value[least_first, None]
        found = np.flatnonzero(largest[:-1] >= 0).astype(np.int32)
        return found, largest[found]

    def _found(self, texels: I32, value: I32) -> tuple[I32, I32]:
        found, largest = np.empty((2, texels.size), np.int32)
        n = _tell_apart(texels, value, self._place, found, largest)
        return found[:n], largest[:n]
