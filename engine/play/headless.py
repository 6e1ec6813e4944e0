"""The backend without a screen: frames go into a film, nothing comes in."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.play import hud
from engine.play.loop import Input
from engine.view import Frame

U8 = NDArray[np.uint8]


class FilmBackend:
    """Writes each frame, with its words, into a film and reports progress after each."""

    def __init__(self, add: Callable[[U8], None], shown: Callable[[Frame], None] | None = None) -> None:
        self._add, self._shown = add, shown

    def poll(self) -> Sequence[Input]:
        """Nobody is at the keys."""
        return ()

    def present(self, frame: Frame, overlay: hud.Overlay) -> None:
        """Append the frame to the film."""
        self._add(hud.draw(frame.rgb, overlay))
        if self._shown is not None:
            self._shown(frame)


def missing_display(environment: dict[str, str], platform: str) -> str | None:
    """Why no window can open here, as the end of a sentence, or None where one may."""
    if environment.get("SDL_VIDEODRIVER") == "dummy":
        return "SDL_VIDEODRIVER=dummy asks for none"
    if platform.startswith("linux") and not (environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY")):
        return "neither DISPLAY nor WAYLAND_DISPLAY is set"
    return None
