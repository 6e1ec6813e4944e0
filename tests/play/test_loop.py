"""The frame's order, its clock, and when it ends, with a backend and a world made of lists."""

from collections.abc import Sequence

import numpy as np
import pytest

from engine.play.hud import Overlay
from engine.play.loop import Input, SteadyClock, loop
from engine.view import Frame


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
