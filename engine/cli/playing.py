"""`daguerre play`: a world in a window, or in a film where there is no display."""

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.options import MAX_SECONDS, Inputs, Look, Seed, Size, World, look_from_text, size_from_text
from engine.cli.picturing import FILM_S, renderer_for
from engine.cli.speech import say
from engine.cli.worlds import load_world, new_state, read_inputs
from engine.core.errors import GraphicsError

if TYPE_CHECKING:
    from engine.play.window import Window

STARTED = time.perf_counter()
PLAY_FRAMES_PER_S = 60  # no display that we know of shows the difference beyond
TEXELS_PER_FRAME = 500  # in a window: about 20 ms on two cores; films and pictures work all of them out


def play(
    world: World = "courtyard",
    seed: Seed = 1,
    size: Size = "640x360",
    look: Look = "neural",
    inputs: Inputs = None,
    seconds: Annotated[
        float | None, typer.Option(min=0.1, max=MAX_SECONDS, help="Stop after so many seconds (a film has 10).")
    ] = None,
    film: Annotated[bool, typer.Option("--film", help="Write a film even where a window could open.")] = False,
) -> None:
    """Play a world in a window; without a display, film ten seconds of it to out/WORLD.mp4."""
    from engine.play.headless import missing_display

    size_px, look = size_from_text(size), look_from_text(look)
    reason = "--film asks for a film" if film else missing_display(dict(os.environ), sys.platform)
    title = Path(world).stem
    if reason is None:
        try:
            from engine.play.window import Window

            opened = Window(title, window_size(size_px))
        except GraphicsError as error:
            reason = str(error)
        else:
            play_in_window(opened, world, seed, size_px, look, inputs, seconds)
            return
    path = Path("out") / f"{title}.mp4"
    say(f"No window ({reason}): filming {seconds or FILM_S:g} s of {title} to {path}.")
    from engine.play.cameras import touring_camera
    from engine.play.camerawork import film_to

    loaded = load_world(world)
    state = new_state(loaded, seed)
    camera = touring_camera(loaded.blueprint)
    recorded = read_inputs(inputs)
    renderer = renderer_for(size_px, look)
    result = film_to(path, loaded, state, renderer, camera, seconds or FILM_S, recorded)
    say(f"Wrote {path} ({result['frames']} frames, {result['frame_ms']:.0f} ms each).")


def play_in_window(
    window: "Window",
    world: str,
    seed: int,
    size_px: tuple[int, int],
    look: str,
    inputs: Path | None,
    seconds: float | None,
) -> None:
    """Load and play on the window's working thread; the window shows what is being done."""

    def work(window: "Window") -> None:
        window.say(f"Reading {Path(world).name}", 0.1)
        loaded = load_world(world)
        recorded = read_inputs(inputs)
        window.say("Placing people and things", 0.3)
        state = new_state(loaded, seed)
        window.say("Starting the camera", 0.4)
        from engine.play.loop import loop
        from engine.play.machine import kernels_are_compiled
        from engine.play.session import Session

        renderer = renderer_for(size_px, look)
        renderer.texels_per_frame = TEXELS_PER_FRAME
        notice = "" if renderer.look == look else f"no usable weights: the look is {renderer.look}"
        session = Session(loaded, state, renderer, recorded=recorded, notice=notice)
        window.say("Tracing light" if kernels_are_compiled() else "Compiling light kernels (first start only)", 0.6)
        pace = loop(window, session, frames_per_s=PLAY_FRAMES_PER_S, seconds=seconds)
        say(f"{pace.frames} frames in {pace.seconds:.1f} s, {pace.frames / max(pace.seconds, 1e-3):.1f} a second.")

    window.run(work, lambda: say(f"First picture after {time.perf_counter() - STARTED:.1f} s."))


def window_size(size_px: tuple[int, int]) -> tuple[int, int]:
    """A window twice as large as a small picture, so that words over it stay sharp."""
    scale = max(1, min(1280 // size_px[0], 720 // size_px[1]))
    return size_px[0] * scale, size_px[1] * scale
