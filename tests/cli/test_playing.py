"""Play in a window, by a backend that shows nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.cli.playing import Begun, play_in_window
from engine.play import hud
from engine.play.timeline import Keeping
from engine.view import Frame
from tests.cli.conftest import WORLD


class Blind:
    """A window as `play_in_window` knows it."""

    def say(self, stage: str, share: float) -> None: ...

    def poll(self) -> tuple[()]:
        return ()

    def present(self, frame: Frame, overlay: hud.Overlay) -> None: ...

    def run(self, work: Callable[["Blind"], None], first_picture: Callable[[], None]) -> None:
        work(self)


def test_a_handler_that_fails_is_told_where_it_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = tmp_path / "limping.star"
    world.write_text(Path(WORLD).read_text() + '\ndef stumble():\n    fail("ouch")\n\non("start", "stumble")\n')
    begun = Begun(str(world), (64, 36), "raster")
    play_in_window(Blind(), str(world), begun, 1, "raster", None, 0.5, None, Keeping())  # type: ignore[arg-type]
    begun.renderer.result().release()
    said = capsys.readouterr().err
    assert said.count("script handler stumble failed and is switched off") == 1 and "limping.star:" in said
