"""Tables with room: they grow in place, and a copy has room of its own."""

from copy import deepcopy

import numpy as np

from engine.light.setaside import SetAside


class Rows(SetAside):
    def __init__(self, limit: int) -> None:
        self.count = np.zeros(0, np.int32)
        self.e = np.zeros((0, 3), np.float32)
        self.other = np.arange(4)
        self.set_aside(limit, "count", "e")


def test_rows_grow_where_they_are_and_past_the_limit_elsewhere() -> None:
    rows = Rows(8)
    assert rows.count.shape == (0,) and rows.e.shape == (0, 3)
    rows.make_room(2)
    rows.e[:] = 7.0
    before = rows.e.__array_interface__["data"][0]
    rows.make_room(8)
    assert rows.e.__array_interface__["data"][0] == before
    rows.make_room(11)
    assert rows.e.shape == (11, 3) and rows.count.shape == (11,)
    np.testing.assert_array_equal(rows.e, np.where(np.arange(11)[:, None] < 2, np.full((11, 3), 7.0), 0.0))


def test_a_copy_grows_by_itself() -> None:
    rows = Rows(8)
    rows.make_room(3)
    rows.count[:] = (1, 2, 3)
    copy = deepcopy(rows)
    copy.count[0], copy.other[0] = 9, 9
    copy.make_room(5)
    rows.make_room(4)
    assert rows.count.tolist() == [1, 2, 3, 0] and copy.count.tolist() == [9, 2, 3, 0, 0]
    assert rows.other.tolist() == [0, 1, 2, 3]
    copy.e[3] = 1.0
    assert not rows.e.any()
    copy.make_room(7)
    assert copy.count.tolist() == [9, 2, 3, 0, 0, 0, 0] and copy.e[3].all()
