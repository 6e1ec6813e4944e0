"""Reverse lists: nobody who reads a key is ever missing from its list, and lists do not grow with edits."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.light.readers import Readers

N_KEYS, N_ITEMS = 7, 40


def random_keys(random: np.random.Generator, n: int, n_keys: int) -> np.ndarray:
    """[n, 3] keys, none of them twice in a row; some are -1."""
    rows = random.permuted(np.tile(np.arange(n_keys), (n, 1)), axis=1)[:, :3].astype(np.int32)
    rows[random.random(rows.shape) < 0.2] = -1
    return rows


def readers_of(readers: Readers, key: int) -> list[int]:
    first = int(readers.start[key])
    return readers.items[first : first + int(readers.count[key])].tolist()


def assert_complete(readers: Readers, keys: np.ndarray, n_keys: int) -> None:
    for key in range(n_keys):
        found = readers_of(readers, key)
        assert set(np.flatnonzero((keys == key).any(1)).tolist()) <= set(found)
        assert len(found) == len(set(found)), "everyone once"


@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_whatever_is_read_anew_is_found(seed: int, rounds: int) -> None:
    random = np.random.default_rng(seed)
    keys = random_keys(random, N_ITEMS, N_KEYS)
    readers, n_keys = Readers(keys, N_KEYS), N_KEYS
    assert_complete(readers, keys, n_keys)
    for _ in range(rounds):
        n_keys += int(random.integers(0, 2))
        changed = random.choice(N_ITEMS, 9, replace=False).astype(np.int32)
        keys[changed] = random_keys(random, 9, n_keys)
        readers.add(changed, keys, n_keys)
        assert_complete(readers, keys, n_keys)


def test_items_that_go_to_and_fro_take_no_more_room() -> None:
    random = np.random.default_rng(0)
    keys = random.integers(0, N_KEYS, (N_ITEMS, 1)).astype(np.int32)
    readers = Readers(keys, N_KEYS)
    first = readers.bytes
    for _ in range(3000):
        changed = random.choice(N_ITEMS, 5, replace=False).astype(np.int32)
        keys[changed] = random.integers(0, N_KEYS, (5, 1))
        readers.add(changed, keys, N_KEYS)
        assert readers.bytes < 3 * first
