"""The window with SDL's dummy driver: keys and mouse become inputs, frames reach the screen, closing ends the work."""

import sys
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from engine.core.errors import GraphicsError
from engine.play.hud import Overlay
from engine.play.loop import Input
from engine.view import Frame

pygame = pytest.importorskip("pygame")

from engine.play.window import RADIANS_PER_PX, Closed, Window  # noqa: E402


@pytest.fixture
def window(monkeypatch: pytest.MonkeyPatch) -> Iterator[Window]:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    pygame.display.quit()
    opened = Window("courtyard", (320, 180))
    pygame.event.clear()
    yield opened
    pygame.display.quit()


def key(kind: int, key: int, scancode: int) -> object:
    return pygame.event.Event(kind, key=key, scancode=scancode, mod=0, unicode="")


def kinds(inputs: list[Input]) -> list[str]:
    return [one.kind for one in inputs]


def test_the_window_opens_with_words_on_it(window: Window) -> None:
    shown = pygame.surfarray.array3d(pygame.display.get_surface())
    assert shown.shape == (320, 180, 3) and shown.max() > 200


def test_walking_keys_are_held_by_place_on_the_keyboard(window: Window) -> None:
    window._take(key(pygame.KEYDOWN, pygame.K_z, pygame.KSCAN_W))  # a French keyboard has Z there
    window._take(key(pygame.KEYDOWN, pygame.K_d, pygame.KSCAN_D))
    window._take(key(pygame.KEYDOWN, pygame.K_LSHIFT, pygame.KSCAN_LSHIFT))
    window._take(key(pygame.KEYUP, pygame.K_z, pygame.KSCAN_W))
    moves = list(window.poll())
    assert kinds(moves) == ["move"] * 4
    assert moves[2].args == {"forward": 1.0, "right": 1.0, "up": 0.0, "run": True}
    assert moves[3].args == {"forward": 0.0, "right": 1.0, "up": 0.0, "run": True}
    assert list(window.poll()) == []


def test_opposite_keys_cancel_and_both_shifts_are_one(window: Window) -> None:
    for name in ("KSCAN_W", "KSCAN_S", "KSCAN_LSHIFT", "KSCAN_RSHIFT"):
        window._take(key(pygame.KEYDOWN, 0, getattr(pygame, name)))
    window._take(key(pygame.KEYUP, 0, pygame.KSCAN_LSHIFT))
    assert window.poll()[-1].args == {"forward": 0.0, "right": 0.0, "up": 0.0, "run": True}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("K_e", "use"),
        ("K_p", "pause"),
        ("K_PERIOD", "single step"),
        ("K_TAB", "next look"),
        ("K_n", "network"),
        ("K_c", "next camera"),
        ("K_F1", "help"),
        ("K_F3", "stats"),
        ("K_F12", "screenshot"),
    ],
)
def test_every_key_has_its_meaning(window: Window, name: str, kind: str) -> None:
    window._take(key(pygame.KEYDOWN, getattr(pygame, name), 0))
    assert kinds(list(window.poll())) == [kind]


def test_the_mouse_looks_only_while_it_is_held(window: Window) -> None:
    motion = pygame.event.Event(pygame.MOUSEMOTION, pos=(0, 0), rel=(10, -4), buttons=(0, 0, 0))
    window._take(motion)
    assert list(window.poll()) == []
    window._take(pygame.event.Event(pygame.MOUSEBUTTONDOWN, pos=(5, 5), button=1))
    window._take(motion)
    window._take(motion)
    (look,) = window.poll()
    assert look.kind == "look"
    assert look.args == {"yaw": pytest.approx(-20 * RADIANS_PER_PX), "pitch": pytest.approx(8 * RADIANS_PER_PX)}
    window._take(key(pygame.KEYDOWN, pygame.K_ESCAPE, 0))
    window._take(motion)
    assert list(window.poll()) == [] and not window._closed
    window._take(key(pygame.KEYDOWN, pygame.K_ESCAPE, 0))
    assert window._closed


def test_a_window_that_loses_the_focus_lets_go_of_keys_and_mouse(window: Window) -> None:
    window._take(key(pygame.KEYDOWN, pygame.K_w, pygame.KSCAN_W))
    window._take(pygame.event.Event(pygame.MOUSEBUTTONDOWN, pos=(5, 5), button=1))
    window._take(pygame.event.Event(pygame.WINDOWFOCUSLOST))
    assert window.poll()[-1].args["forward"] == 0.0 and not window._grabbed


def test_frames_are_scaled_and_letterboxed(window: Window) -> None:
    pictures: list[np.ndarray] = []

    def work(window: Window) -> None:
        window.say("Tracing light", 0.5)
        for _ in range(3):
            window.present(Frame(np.full((90, 90, 3), 200, np.uint8), 1), Overlay())

    def first_picture() -> None:
        pictures.append(pygame.surfarray.array3d(pygame.display.get_surface()))

    window.run(work, first_picture)
    (shown,) = pictures
    assert (shown[70:250] == 200).all()  # 180 px wide, in the middle of 320
    assert (shown[:70] == 0).all() and (shown[250:] == 0).all()


def test_what_the_work_raises_comes_out_of_run(window: Window) -> None:
    def work(window: Window) -> None:
        raise GraphicsError("no OpenGL")

    with pytest.raises(GraphicsError, match="no OpenGL"):
        window.run(work)


def test_closing_while_loading_ends_the_work_quietly(window: Window) -> None:
    ended = threading.Event()

    def work(window: Window) -> None:
        try:
            while True:
                window.say("Tracing light", 0.5)
                pygame.event.post(pygame.event.Event(pygame.QUIT))
                ended.wait(0.01)
        except Closed:
            ended.set()
            raise

    window.run(work)
    assert ended.is_set()


def test_closing_while_playing_asks_to_quit(window: Window) -> None:
    polled: list[str] = []

    def work(window: Window) -> None:
        while "quit" not in polled:
            polled.extend(kinds(list(window.poll())))
            window.present(Frame(np.zeros((9, 16, 3), np.uint8), 1), Overlay())
            pygame.event.post(pygame.event.Event(pygame.QUIT)) if not window._closed else None

    window.run(work)
    assert polled[-1] == "quit"


def test_no_window_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "nonsense")
    pygame.display.quit()
    with pytest.raises(GraphicsError, match="^no window could be opened: [^\n]*$"):
        Window("courtyard", (320, 180))


@pytest.mark.skipif(sys.platform != "linux", reason="X11 is asked for by name")
def test_a_display_that_does_not_answer_is_no_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """SDL alone would fall back to a driver that nobody sees."""
    monkeypatch.delenv("SDL_VIDEODRIVER", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", ":991")
    pygame.display.quit()
    with pytest.raises(GraphicsError, match="^no window could be opened: [^\n]*$"):
        Window("courtyard", (320, 180))
    pygame.display.quit()


def test_backspace_is_held_and_the_keys_of_saves_are_taps(window: Window) -> None:
    window._take(key(pygame.KEYDOWN, pygame.K_BACKSPACE, pygame.KSCAN_BACKSPACE))
    assert kinds(list(window.poll())) == ["back"]
    window._take(key(pygame.KEYUP, pygame.K_BACKSPACE, pygame.KSCAN_BACKSPACE))
    window._take(key(pygame.KEYDOWN, pygame.K_F5, pygame.KSCAN_F5))
    window._take(key(pygame.KEYDOWN, pygame.K_F9, pygame.KSCAN_F9))
    assert kinds(list(window.poll())) == ["forth", "save", "load"]
    window._take(key(pygame.KEYDOWN, pygame.K_BACKSPACE, pygame.KSCAN_BACKSPACE))
    window._take(pygame.event.Event(pygame.WINDOWFOCUSLOST))
    assert kinds(list(window.poll()))[:2] == ["back", "forth"]


def test_the_first_frame_is_on_the_screen_before_the_work_goes_on(window: Window) -> None:
    steps: list[str] = []

    def work(window: Window) -> None:
        for _ in range(2):
            window.present(Frame(np.zeros((9, 16, 3), np.uint8), 1), Overlay())
            steps.append("presented")

    window.run(work, lambda: steps.append("on the screen"))
    assert steps == ["on the screen", "presented", "presented"]
