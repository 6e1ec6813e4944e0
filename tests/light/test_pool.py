"""Rows of the pool stay where they are, and there is room for what one picture needs."""

import numpy as np

from engine.light.pool import TexelPool

PLACE = np.zeros((100, 4), np.int16)


def rows_of(pool: TexelPool) -> dict[str, np.ndarray]:
    """The arrays that have one entry for each row."""
    by_texel = ("row_of_texel", "_is_new")
    return {name: a for name, a in vars(pool).items() if isinstance(a, np.ndarray) and name not in by_texel}


def test_rows_do_not_move_when_more_are_wanted() -> None:
    pool = TexelPool(100, 40)
    first = pool.admit(np.arange(10, dtype=np.int32), PLACE)
    pool.met[first] = np.arange(10)[:, None]
    before = rows_of(pool)
    pool.admit(np.arange(30, dtype=np.int32), PLACE)
    now = rows_of(pool)
    assert len(now) > 30 and {len(a) for a in now.values()} == {30}
    for name, rows in before.items():
        assert np.shares_memory(rows, now[name]), name
    assert (pool.met[first] == np.arange(10)[:, None]).all()
    assert sorted(pool.texel_of_row) == list(range(30))


def test_one_picture_may_need_more_than_there_is_room_for() -> None:
    pool = TexelPool(100, 8)
    first = pool.admit(np.arange(6, dtype=np.int32), PLACE)
    pool.e_lamp[first] = np.arange(6, dtype=np.float32)[:, None, None]
    many = pool.admit(np.arange(60, dtype=np.int32), PLACE)
    assert len(set(many.tolist())) == 60 and pool.n_rows == 60
    assert (pool.e_lamp[many[:6], 0, 0] == np.arange(6)).all()
    assert {len(a) for a in rows_of(pool).values()} == {len(pool.texel_of_row)}
    assert (pool.texel_of_row[many] == np.arange(60)).all()
