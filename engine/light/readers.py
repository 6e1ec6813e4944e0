"""Which rays read which page, backwards: a change of a page's light then finds them without asking every ray.

Each list holds exactly the rays that read its page: a ray that reads another page is moved. The order of a list
decides nothing.
"""

import numpy as np
from numpy.typing import NDArray

from engine.light.compiled import leaf

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]


@leaf
def _fill(rays, rows, start, count, items):
    for i in range(len(rows)):
        row = rows[i]
        if row >= 0:
            items[start[row] + count[row]] = rays[i]
            count[row] += 1


@leaf
def _move(rays, before, now, start, count, room, items, used):
    """Move some rays from their lists `before` [n] to those `now` [n], -1 none; returns (how many were dealt with,
    entries in use): fewer than all if there is no room left in `items`.
    """
    for i in range(len(rays)):
        old, new = before[i], now[i]
        if new >= 0 and old != new and count[new] == room[new]:
            more = 2 * room[new] + 4
            if used + more > len(items):
                return i, used
            for k in range(count[new]):
                items[used + k] = items[start[new] + k]
            start[new], room[new] = used, more
            used += more
        if old >= 0 and old != new:
            for k in range(start[old], start[old] + count[old]):
                if items[k] == rays[i]:
                    count[old] -= 1
                    items[k] = items[start[old] + count[old]]
                    break
        if new >= 0 and old != new:
            items[start[new] + count[new]] = rays[i]
            count[new] += 1
    return len(rays), used


class RaysOfPages:
    """The rays that read each page."""

    def __init__(self, rows: I32, n_rows: int, is_empty: bool = False) -> None:
        """`rows` [n] is the page that each ray reads, -1 none. If it `is_empty`, `fill` lists them."""
        self.start: I64 = np.zeros(n_rows, np.int64)  # [n_rows] where in `rays` a list begins
        self.count: I32 = np.bincount(rows[rows >= 0], minlength=n_rows).astype(np.int32)  # [n_rows] its length
        self.room: I32 = np.zeros(n_rows, np.int32)  # [n_rows] how long it may get where it is
        self.rays: I32 = np.zeros(0, np.int32)
        self._used = self._lay_out()
        self.count[:] = 0
        if not is_empty:
            self.fill(np.arange(len(rows), dtype=np.int32), rows)

    def fill(self, rays: I32, rows: I32) -> None:
        """List some rays [n], which read the pages `rows` [n], once each."""
        _fill(rays, rows, self.start, self.count, self.rays)

    def _lay_out(self) -> int:
        """Give every list its room, with some to spare; returns how much that is."""
        self.room = self.count + self.count // 16 + 1
        ends = np.cumsum(self.room.astype(np.int64))
        self.start = ends - self.room
        used = int(ends[-1]) if len(ends) else 0
        self.rays = np.empty(used + used // 16 + 64, np.int32)
        return used

    def of(self, rows: I32) -> I32:
        """All rays that read some pages [n]."""
        count = self.count[rows].astype(np.int64)
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        return np.asarray(self.rays[np.repeat(self.start[rows], count) + within])

    def empty(self, rows: I32) -> None:
        """Nobody reads some pages [n] any more."""
        self.count[rows] = 0

    def move(self, rays: I32, before: I32, now: I32, n_rows: int) -> None:
        """Some rays [n], each once, read pages `now` [n], and `before` [n] until now; -1 none. `n_rows` may have grown.
        A ray that is not in its list `before` is only added.
        """
        more = n_rows - len(self.count)
        if more > 0:
            self.start = np.concatenate([self.start, np.zeros(more, np.int64)])
            self.count = np.concatenate([self.count, np.zeros(more, np.int32)])
            self.room = np.concatenate([self.room, np.zeros(more, np.int32)])
        done = 0
        while done < len(rays):
            n, self._used = _move(
                rays[done:], before[done:], now[done:], self.start, self.count, self.room, self.rays, self._used
            )
            done += n
            if done < len(rays):  # lists that moved away left holes: all are laid out afresh
                self._lay_out_afresh(now[done:])

    def _lay_out_afresh(self, coming: I32) -> None:
        lists = self.of(np.arange(len(self.count), dtype=np.int32))
        count = self.count.copy()
        self.count = count + np.bincount(coming[coming >= 0], minlength=len(count)).astype(np.int32)
        self._used = self._lay_out()
        self.count = count
        within = np.arange(len(lists)) - np.repeat(np.cumsum(count) - count, count)
        self.rays[np.repeat(self.start, count) + within] = lists
