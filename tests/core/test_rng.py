"""Addressed randomness: repeatable, the same for scalars and arrays, and random enough."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.core.rng import bits, stream_key, uniform

WORD = st.integers(0, 2**63 - 1)
STREAM = stream_key("test")


def test_known_numbers_never_change() -> None:
    """Recordings made by an older version must still replay."""
    assert stream_key("behaviour.turn") == 0xAF66572327BD8D2D
    assert bits(7, 100, 12345, 3) == 0xA4182EE9F306A3D2


@given(WORD, WORD, st.lists(WORD, min_size=1, max_size=20))
def test_arrays_and_scalars_agree(seed: int, tick: int, entities: list[int]) -> None:
    array = np.array(entities, np.int64)
    assert bits(seed, tick, STREAM, array).tolist() == [bits(seed, tick, STREAM, e) for e in entities]
    assert uniform(seed, tick, STREAM, array).tolist() == [uniform(seed, tick, STREAM, e) for e in entities]


@given(WORD, WORD, WORD)
def test_every_word_of_the_address_counts(seed: int, tick: int, entity: int) -> None:
    here = bits(seed, tick, STREAM, entity)
    assert here != bits(seed ^ 1, tick, STREAM, entity)
    assert here != bits(seed, tick ^ 1, STREAM, entity)
    assert here != bits(seed, tick, STREAM ^ 1, entity)
    assert here != bits(seed, tick, STREAM, entity ^ 1)


def test_uniform_numbers_fill_their_range_evenly() -> None:
    u = uniform(1, 2, STREAM, np.arange(100_000))
    assert u.min() >= 0.0
    assert u.max() < 1.0
    counts = np.histogram(u, 64, (0.0, 1.0))[0]
    chi_square = ((counts - counts.mean()) ** 2 / counts.mean()).sum()
    assert 25.0 < chi_square < 115.0  # 63 degrees of freedom: both tails far beyond 1 in 10,000


def test_neighbours_in_entity_and_tick_are_not_correlated() -> None:
    grid = np.stack([uniform(1, tick, STREAM, np.arange(500)) for tick in range(200)]) - 0.5
    for a, b in ((grid[1:], grid[:-1]), (grid[:, 1:], grid[:, :-1])):
        correlation = (a * b).mean() / (grid**2).mean()
        assert abs(correlation) < 4.0 / np.sqrt(a.size)


def test_flipping_one_bit_of_the_address_flips_half_of_the_result() -> None:
    e = np.arange(2000, dtype=np.int64)
    for bit in (0, 7, 20, 40):
        flipped = bits(3, 4, STREAM, e) ^ bits(3, 4, STREAM, e ^ (1 << bit))
        ones = np.unpackbits(flipped.view(np.uint8)).mean()
        assert abs(ones - 0.5) < 0.01
