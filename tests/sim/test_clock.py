"""The clock pays out whole ticks, exactly, whatever time does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.units import TICK_NS
from engine.sim.clock import MOST_TICKS, FixedClock


@given(st.lists(st.integers(0, 200_000_000), max_size=100))
def test_no_nanosecond_is_lost(frames: list[int]) -> None:
    clock, ticks = FixedClock(), 0
    for elapsed in frames:
        beat = clock.advance(elapsed)
        ticks += beat.ticks
        assert 0 <= beat.ticks <= MOST_TICKS
        assert 0.0 <= beat.alpha < 1.0
    assert (ticks + clock.dropped) * TICK_NS + clock.remainder_ns == sum(frames)


def test_half_a_tick_is_alpha_one_half() -> None:
    assert FixedClock().advance(TICK_NS * 5 // 2).alpha == 0.5


def test_a_second_in_uneven_frames_is_64_ticks() -> None:
    clock = FixedClock()
    assert sum(clock.advance(n).ticks for n in [7_000_000, 33_333_333, 59_666_667] * 10) == 64


def test_a_long_freeze_drops_ticks_and_says_so() -> None:
    clock = FixedClock()
    beat = clock.advance(10_000_000_000)
    assert (beat.ticks, beat.dropped) == (MOST_TICKS, 640 - MOST_TICKS)
    assert clock.advance(TICK_NS).ticks == 1  # nothing is left to catch up with


def test_overload_slows_down_and_never_piles_up() -> None:
    clock = FixedClock()
    assert all(clock.advance(20 * TICK_NS).ticks == MOST_TICKS for _ in range(100))
    assert clock.remainder_ns < TICK_NS


def test_time_that_jumps_back_counts_as_none() -> None:
    clock = FixedClock()
    clock.advance(TICK_NS // 2)
    assert clock.advance(-(10**12)).ticks == 0
    assert clock.advance(TICK_NS // 2 + 1).ticks == 1


@pytest.mark.parametrize(
    ("frames", "ticks", "dropped"),
    [
        ([3600 * 10**9], MOST_TICKS, 3600 * 64 - MOST_TICKS),  # an hour forward
        ([-3600 * 10**9], 0, 0),  # an hour back
        ([0] * 1000, 0, 0),  # frozen
        ([TICK_NS, -(10**12), TICK_NS, 8 * 3600 * 10**9, TICK_NS], 3 + MOST_TICKS, 8 * 3600 * 64 - MOST_TICKS),
    ],
    ids=["an hour forward", "an hour back", "frozen", "jumps and a suspend"],
)
def test_whatever_time_does_a_frame_has_at_most_eight_ticks(frames: list[int], ticks: int, dropped: int) -> None:
    clock, made = FixedClock(), 0
    for elapsed in frames:
        beat = clock.advance(elapsed)
        assert 0 <= beat.ticks <= MOST_TICKS and 0.0 <= beat.alpha < 1.0
        made += beat.ticks
    assert (made, clock.dropped) == (ticks, dropped)


def test_nanosecond_by_nanosecond_a_tick_comes_when_it_is_due() -> None:
    clock = FixedClock()
    clock.advance(TICK_NS - 1000)
    assert [clock.advance(1).ticks for _ in range(1001)] == [0] * 999 + [1, 0]
