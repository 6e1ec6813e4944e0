"""The frame's order, its clock, and when it ends, with a backend and a world made of lists."""

import random
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from engine.core.units import TICK_NS
from engine.play.hud import Overlay
from engine.play.loop import Input, SteadyClock, loop
from engine.sim.clock import FixedClock
from engine.sim.step import step
from engine.state.world import new_state
from engine.view import Frame
from tests.worlds_for_tests import lively_world


class Tape:
    """A backend and a playable in one, that writes down what happens in which order."""

    def __init__(self, finish_at: int = -1) -> None:
        self.finished, self.finish_at = False, finish_at
        self.calls: list[str] = []
        self.elapsed: list[int] = []

    def poll(self) -> Sequence[Input]:
        self.calls.append("poll")
        return [Input("use")]

    def take(self, inputs: Sequence[Input]) -> None:
        self.calls.append("take " + ",".join(one.kind for one in inputs))

    def advance(self, elapsed_ns: int) -> None:
        self.calls.append("advance")
        self.elapsed.append(elapsed_ns)

    def picture(self) -> tuple[Frame, Overlay]:
        self.calls.append("picture")
        self.finished = len(self.elapsed) == self.finish_at
        return Frame(np.zeros((1, 1, 3), np.uint8), 0), Overlay()

    def present(self, frame: Frame, overlay: Overlay) -> None:
        self.calls.append("present")


def test_a_frame_is_poll_take_advance_picture_present() -> None:
    tape = Tape()
    loop(tape, tape, SteadyClock(30), frames=2)
    assert tape.calls == ["poll", "take use", "advance", "picture", "present"] * 2


@pytest.mark.parametrize("frames_per_s", [24, 30, 60, 7])
def test_a_steady_clock_loses_no_nanosecond(frames_per_s: int) -> None:
    tape = Tape()
    pace = loop(tape, tape, SteadyClock(frames_per_s), frames=frames_per_s + 1)
    assert tape.elapsed[0] == 0  # the first picture shows the state as it is
    assert sum(tape.elapsed) == 1_000_000_000
    assert pace.frames == frames_per_s + 1 and pace.seconds == 1.0


def test_the_time_that_the_first_picture_takes_is_not_played() -> None:
    now = [0]

    class Slow(Tape):
        def picture(self) -> tuple[Frame, Overlay]:
            now[0] += 9_000_000_000 if len(self.elapsed) == 1 else 20_000_000
            return super().picture()

    tape = Slow()
    pace = loop(tape, tape, lambda: now[0], frames=3)
    assert tape.elapsed == [0, 0, 20_000_000] and pace.seconds == 0.02


def test_it_ends_when_the_playable_is_finished_or_the_time_is_up() -> None:
    tape = Tape(finish_at=3)
    assert loop(tape, tape, SteadyClock(30)).frames == 3
    assert loop(tape := Tape(), tape, SteadyClock(10), seconds=0.5).frames == 6  # 0.0, 0.1, ... 0.5


def test_it_rests_when_it_is_faster_than_it_must_be(monkeypatch: pytest.MonkeyPatch) -> None:
    now, slept = [0], []

    def rest(seconds: float) -> None:
        slept.append(seconds)
        now[0] += int(seconds * 1e9)

    monkeypatch.setattr("engine.play.loop.time.sleep", rest)
    tape = Tape()
    loop(tape, tape, lambda: now[0], frames=4, frames_per_s=50)
    assert slept == pytest.approx([0.02] * 4)
    assert tape.elapsed == pytest.approx([0, 2e7, 2e7, 2e7])


class Worked(Tape):
    """A world that takes a while: every tick and every picture cost time by the clock that it is given."""

    def __init__(self, now: list[int], tick_cost_ns: Callable[[int], int]) -> None:
        super().__init__()
        self.now, self.tick_cost_ns = now, tick_cost_ns
        self.blueprint = lively_world()
        self.state = new_state(self.blueprint, 7)
        self.clock = FixedClock()
        self.ticks: list[tuple[int, int]] = []  # when a frame began, ticks in it
        self.digests = [self.state.digest()]

    def advance(self, elapsed_ns: int) -> None:
        super().advance(elapsed_ns)
        beat = self.clock.advance(elapsed_ns)
        self.ticks.append((self.now[0], beat.ticks))
        for _ in range(beat.ticks):
            step(self.blueprint, self.state)
            self.digests.append(self.state.digest())
            self.now[0] += self.tick_cost_ns(self.now[0])

    def picture(self) -> tuple[Frame, Overlay]:
        self.now[0] += 2_000_000
        return super().picture()


S = 1_000_000_000


def test_ticks_three_times_too_slow_for_ten_seconds_slow_the_world_and_are_over_within_one() -> None:
    now = [0]
    world = Worked(now, lambda ns: 3 * TICK_NS if 5 * S <= ns < 15 * S else TICK_NS // 10)
    loop(world, world, lambda: now[0], seconds=20.0)
    assert max(n for _, n in world.ticks) == 8, "never more in a frame"
    busy = [n for ns, n in world.ticks if 6 * S <= ns < 15 * S]
    assert set(busy) == {8} and len(busy) == pytest.approx(9 * S / (8 * 3 * TICK_NS), abs=2)
    after = [(ns, n) for ns, n in world.ticks if ns >= 15 * S]
    settled = next(ns for ns, n in after[1:] if n <= 1)
    assert settled < 16 * S, "one frame after the load is gone it is in time again"
    late = [n for ns, n in after if 16 * S <= ns < 19 * S]
    assert sum(late) == pytest.approx(3 * 64, abs=2)
    assert world.clock.dropped > 0
    plain = new_state(world.blueprint, 7)
    for digest in world.digests[1:]:
        step(world.blueprint, plain)
        assert plain.digest() == digest, "tick by tick the same world"


def test_clocks_that_jump_stop_or_crawl_change_when_but_never_what(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("engine.play.loop.time.sleep", slept.append)
    rng = random.Random(3)
    now, frames, crawl = [10 * S], 0, 0

    def jumping() -> int:
        nonlocal frames, crawl
        frames += 1
        kind = rng.random()
        if kind < 0.02:
            now[0] += rng.choice([-3600 * S, 3600 * S, 8 * 3600 * S])
        elif kind < 0.10:
            crawl = 50  # reads of one nanosecond
        elif crawl:
            crawl -= 1
            now[0] += 1
        else:
            now[0] += rng.choice([0, S // 60, S // 30])
        return now[0]

    world = Worked(now, lambda ns: 0)
    pace = loop(world, world, jumping, frames=400, frames_per_s=60)
    assert all(0 <= n <= 8 for _, n in world.ticks) and len(world.digests) > 50
    assert all(0.0 <= s <= 1 / 60 for s in slept), "a clock that was set back is no reason to sleep for an hour"
    assert pace.seconds >= 0.0
    plain = new_state(world.blueprint, 7)
    for digest in world.digests[1:]:
        step(world.blueprint, plain)
        assert plain.digest() == digest
