"""Tables that grow without being moved: memory for all that they may become is set aside at once, and costs nothing
until it is written to. To copy them would hold up a frame.
"""

from copy import deepcopy
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray


class SetAside:
    """What has such tables as attributes, all of as many rows."""

    _room: dict[str, NDArray[Any]]  # [limit, ...] of each table, by name

    def set_aside(self, limit: int, *names: str) -> None:
        """So many rows for each of the tables `names` [0, ...], which are empty."""
        tables = {name: getattr(self, name) for name in names}
        self._room = {name: np.zeros((limit, *table.shape[1:]), table.dtype) for name, table in tables.items()}
        self.make_room(0)

    def make_room(self, n: int) -> None:
        """Make it n rows: those that come hold zeros, or what was there before."""
        for name, room in self._room.items():
            if n > len(room):  # more than the limit
                self._room[name] = room = np.concatenate([room, np.zeros((n - len(room), *room.shape[1:]), room.dtype)])
            setattr(self, name, room[:n])

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """As any other, but that its tables get room of their own."""
        copy = object.__new__(type(self))
        memo[id(self)] = copy
        others = {name: thing for name, thing in vars(self).items() if name != "_room" and name not in self._room}
        vars(copy).update(deepcopy(others, memo))
        copy._room = {}
        for name, room in self._room.items():
            copy._room[name] = np.zeros(room.shape, room.dtype)  # `zeros_like` would write them
            rows = getattr(self, name)
            copy._room[name][: len(rows)] = rows
            setattr(copy, name, copy._room[name][: len(rows)])
        return copy
