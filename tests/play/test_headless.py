"""Where no window can open, and what the film backend does instead."""

import numpy as np
import pytest

from engine.play.headless import FilmBackend, missing_display
from engine.play.hud import Overlay
from engine.view import Frame


@pytest.mark.parametrize(
    ("environment", "platform", "reason"),
    [
        ({}, "linux", "neither DISPLAY nor WAYLAND_DISPLAY is set"),
        ({"DISPLAY": ""}, "linux", "neither DISPLAY nor WAYLAND_DISPLAY is set"),
        ({"DISPLAY": ":0"}, "linux", None),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", None),
        ({}, "darwin", None),
        ({"DISPLAY": ":0", "SDL_VIDEODRIVER": "dummy"}, "linux", "SDL_VIDEODRIVER=dummy asks for none"),
    ],
)
def test_why_there_is_no_display(environment: dict[str, str], platform: str, reason: str | None) -> None:
    assert missing_display(environment, platform) == reason


def test_the_film_backend_keeps_frames_with_their_words_and_nobody_at_the_keys() -> None:
    kept: list[np.ndarray] = []
    ticks: list[int] = []
    backend = FilmBackend(kept.append, lambda frame: ticks.append(frame.tick))
    frame = Frame(np.full((90, 160, 3), 90, np.uint8), tick=5)
    assert list(backend.poll()) == []
    backend.present(frame, Overlay())
    backend.present(frame, Overlay(subtitle="Good evening."))
    assert ticks == [5, 5]
    assert (kept[0] == 90).all() and (kept[1] != 90).any()
