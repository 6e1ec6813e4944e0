"""Who reads what, backwards: for every key (a page, a probe) the items (rays, texels) that read it.

A change then finds those that it concerns without asking everybody. The lists may hold items that no longer read their
key: to look at one too many costs time and never light. An item that is added twice is kept once, and a list that is
full drops what is stale before it takes more room, so that lists do not grow with the number of edits.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]


@njit(cache=True)
def _count(keys, count):
    for item in range(len(keys)):
        for j in range(keys.shape[1]):
            if keys[item, j] >= 0:
                count[keys[item, j]] += 1


@njit(cache=True)
def _fill(keys, start, count, items):
    count[:] = 0
    for item in range(len(keys)):
        for j in range(keys.shape[1]):
            key = keys[item, j]
            if key >= 0:
                items[start[key] + count[key]] = item
                count[key] += 1


@njit(cache=True)
def _add(added, keys, start, count, room, items, used):
    """Add some items under all their keys; returns (how many were dealt with, entries in use): fewer than all if there
    is no room left in `items`.
    """
    for i in range(len(added)):
        item = added[i]
        for j in range(keys.shape[1]):
            key = keys[item, j]
            if key < 0:
                continue
            first, n = start[key], count[key]
            known = False
            for k in range(first, first + n):
                if items[k] == item:
                    known = True
                    break
            if known:
                continue
            if n == room[key]:
                kept = 0
                for k in range(n):
                    other = items[first + k]
                    for m in range(keys.shape[1]):
                        if keys[other, m] == key:
                            items[first + kept] = other
                            kept += 1
                            break
                n = kept
                if 4 * n >= 3 * room[key]:
                    more = 2 * room[key] + 4
                    if used + more > len(items):
                        count[key] = n
                        return i, used
                    items[used : used + n] = items[first : first + n]
                    start[key], room[key] = used, more
                    used += more
            items[start[key] + n] = item
            count[key] = n + 1
    return len(added), used


class Readers:
    """Lists of items by key."""

    def __init__(self, keys: I32, n_keys: int) -> None:
        """`keys` [n, m] are what each item reads, none of them twice, -1 nothing."""
        self.start: I64 = np.zeros(n_keys, np.int64)  # [n_keys] where in `items` a list begins
        self.count: I32 = np.zeros(n_keys, np.int32)  # [n_keys] its length
        self.room: I32 = np.zeros(n_keys, np.int32)  # [n_keys] how long it may get where it is
        self.items: I32 = np.zeros(0, np.int32)
        self._used = 0
        self._build(keys)

    def _build(self, keys: I32) -> None:
        self.count[:] = 0
        _count(keys, self.count)
        self.room = self.count + self.count // 4 + 2
        ends = np.cumsum(self.room.astype(np.int64))
        self.start = ends - self.room
        self._used = int(ends[-1]) if len(ends) else 0
        self.items = np.empty(self._used + self._used // 4 + 64, np.int32)
        _fill(keys, self.start, self.count, self.items)

    def add(self, added: I32, keys: I32, n_keys: int) -> None:
        """Note what some items [k] read now. `keys` as above, of all items; `n_keys` may have grown."""
        more = n_keys - len(self.count)
        if more > 0:
            self.start = np.concatenate([self.start, np.zeros(more, np.int64)])
            self.count = np.concatenate([self.count, np.zeros(more, np.int32)])
            self.room = np.concatenate([self.room, np.zeros(more, np.int32)])
        done, self._used = _add(added, keys, self.start, self.count, self.room, self.items, self._used)
        if done < len(added):
            self._build(keys)  # the lists that moved away left holes: all are laid out afresh

    @property
    def bytes(self) -> int:
        """Memory of the lists."""
        return self.start.nbytes + self.count.nbytes + self.room.nbytes + self.items.nbytes
