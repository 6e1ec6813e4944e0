"""Reverse lists: they hold exactly the rays that read a page, and do not grow with edits."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.light.readers import RaysOfPages

N_ROWS, N_RAYS = 7, 40


def assert_exact(readers: RaysOfPages, rows: np.ndarray, n_rows: int) -> None:
    for row in range(n_rows):
        found = readers.of(np.array([row], np.int32)).tolist()
        assert sorted(found) == np.flatnonzero(rows == row).tolist()
    everything = readers.of(np.arange(n_rows, dtype=np.int32))
    assert sorted(everything.tolist()) == np.flatnonzero(rows >= 0).tolist()


@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_lists_follow_what_rays_read(seed: int, rounds: int) -> None:
    random = np.random.default_rng(seed)
    rows = random.integers(-1, N_ROWS, N_RAYS).astype(np.int32)
    readers, n_rows = RaysOfPages(rows, N_ROWS), N_ROWS
    in_parts = RaysOfPages(rows, N_ROWS, is_empty=True)
    for rays in np.array_split(np.arange(N_RAYS, dtype=np.int32), 7):
        in_parts.fill(rays, rows[rays])
    np.testing.assert_array_equal(in_parts.count, readers.count)
    np.testing.assert_array_equal(in_parts.of(np.arange(N_ROWS)), readers.of(np.arange(N_ROWS)))
    assert_exact(readers, rows, n_rows)
    for _ in range(rounds):
        n_rows += int(random.integers(0, 2))
        if random.random() < 0.3:  # a page is given up: its rays are told as coming from nowhere
            row = np.array([random.integers(0, len(readers.count))], np.int32)
            strayed = readers.of(row)
            readers.empty(row)
            rows[strayed] = -1
        rays = random.choice(N_RAYS, 9, replace=False).astype(np.int32)
        before, now = rows[rays], random.integers(-1, n_rows, 9).astype(np.int32)
        readers.move(rays, before, now, n_rows)
        rows[rays] = now
        assert_exact(readers, rows, n_rows)


def test_rays_that_go_to_and_fro_take_no_more_room() -> None:
    random = np.random.default_rng(0)
    rows = random.integers(0, N_ROWS, N_RAYS).astype(np.int32)
    readers = RaysOfPages(rows, N_ROWS)
    first = len(readers.rays)
    for _ in range(3000):
        rays = random.choice(N_RAYS, 5, replace=False).astype(np.int32)
        now = random.integers(0, N_ROWS, 5).astype(np.int32)
        readers.move(rays, rows[rays], now, N_ROWS)
        rows[rays] = now
        assert len(readers.rays) < 3 * first
