"""`daguerre play`: a world in a window, or in a film where there is no display."""

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.options import MAX_SECONDS, Inputs, Load, Look, Seed, Size, World, look_from_text, size_from_text
from engine.cli.picturing import FILM_S, renderer_for
from engine.cli.speech import say
from engine.cli.worlds import (
    file_name,
    load_state,
    load_world,
    new_state,
    own_save,
    read_inputs,
    report_failures,
    save_folder,
)
from engine.core import garbage
from engine.core.errors import CommandError, GraphicsError
from engine.play.ahead import Ahead

if TYPE_CHECKING:
    from engine.play.timeline import Keeping
    from engine.play.window import Window

STARTED = time.perf_counter()
PLAY_FRAMES_PER_S = 60  # no display that we know of shows the difference beyond
TEXELS_PER_FRAME = 500  # in a window: about 20 ms on two cores; films and pictures work all of them out


@garbage.left_alone()  # until the first picture: engine/play/loop.py
def play(
    world: World = "courtyard",
    seed: Seed = 1,
    size: Size = "640x360",
    look: Look = "neural",
    inputs: Inputs = None,
    seconds: Annotated[
        float | None, typer.Option(min=0.1, max=MAX_SECONDS, help="Stop after so many seconds (a film has 10).")
    ] = None,
    record: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a recording while playing, for `daguerre replay`.")
    ] = None,
    save: Annotated[
        str | None, typer.Option(metavar="NAME", help="Where F5 saves and F9 loads; the world's name if left out.")
    ] = None,
    load: Load = None,
    film: Annotated[bool, typer.Option("--film", help="Write a film even where a window could open.")] = False,
) -> None:
    """Play a world in a window; without a display, film ten seconds of it to out/WORLD.mp4."""
    size_px, look = size_from_text(size), look_from_text(look)
    title = Path(world).stem
    folder = own_save(title) if save is None else save_folder(save)
    if folder is None:
        raise CommandError(f"--save is {save!r}, a file; give a save's name or its folder, such as monday")
    begun = Begun(world, size_px, look)
    from engine.play.headless import missing_display

    reason = "--film asks for a film" if film else missing_display(dict(os.environ), sys.platform)
    if reason is None:
        try:
            from engine.play.window import Window

            opened = Window(title, window_size(size_px))
        except GraphicsError as error:
            reason = str(error)
        else:
            from engine.play.timeline import Keeping

            keeping = Keeping(True, record, folder, file_name(world))
            play_in_window(opened, world, begun, seed, look, inputs, seconds, load, keeping)
            return
    path = Path("out") / f"{title}.mp4"
    say(f"No window ({reason}): filming {seconds or FILM_S:g} s of {title} to {path}.")
    from engine.play.cameras import touring_camera
    from engine.play.camerawork import film_to
    from engine.play.timeline import Keeping

    loaded = begun.world.result()
    state = new_state(loaded, seed) if load is None else load_state(loaded, load)
    camera = touring_camera(loaded.blueprint)
    recorded = read_inputs(inputs)
    renderer = begun.renderer.result()
    keeping = Keeping(recording=record, world_file=file_name(world))
    result = film_to(path, loaded, state, renderer, camera, seconds or FILM_S, recorded, keeping)
    say(f"Wrote {path} ({result['frames']} frames, {result['frame_ms']:.0f} ms each).")


class Begun:
    """What is made at once from the first moment on: the world, and what makes pictures of it.

    A stranger's world is rehearsed in another process, which leaves this one time for everything else.
    """

    def __init__(self, world: str, size_px: tuple[int, int], look: str) -> None:
        """Begins to make both."""
        self.world = Ahead(lambda: load_world(world))
        from engine.play.machine import kernels_are_compiled

        self.kernels_are_compiled = kernels_are_compiled()  # before the renderer compiles them
        self.renderer = Ahead(lambda: renderer_for(size_px, look, try_out=True))


def play_in_window(
    window: "Window",
    world: str,
    begun: Begun,
    seed: int,
    look: str,
    inputs: Path | None,
    seconds: float | None,
    load: str | None,
    keeping: "Keeping",
) -> None:
    """Load and play on the window's working thread; the window shows what is being done."""

    def work(window: "Window") -> None:
        window.say(f"Reading {Path(world).name}", 0.1)
        from engine.play.authoring import Author
        from engine.play.loop import loop
        from engine.play.session import Session
        from engine.script.worldfile import load as read_world

        loaded = begun.world.result()
        recorded = read_inputs(inputs)
        window.say("Placing people and things", 0.3)
        state = new_state(loaded, seed) if load is None else load_state(loaded, load)
        compiling = "" if begun.kernels_are_compiled else "Compiling light kernels (first start only)"
        window.say(compiling or "Starting the camera", 0.4)
        renderer = begun.renderer.result()
        renderer.texels_per_frame = TEXELS_PER_FRAME
        notice = "" if renderer.look == look else f"no usable weights: the look is {renderer.look}"
        # Without a rehearsal: who saves it has just written it.
        author = Author(loaded, lambda before: read_world(world, before))
        session = Session(
            loaded,
            state,
            renderer,
            recorded=recorded,
            notice=notice,
            keeping=keeping,
            author=author,
            after_tick=report_failures,
        )
        window.say(compiling or "Tracing light", 0.6)
        try:
            pace = loop(window, session, frames_per_s=PLAY_FRAMES_PER_S, seconds=seconds)
        finally:
            session.timeline.close()
        say(f"{pace.frames} frames in {pace.seconds:.1f} s, {pace.frames / max(pace.seconds, 1e-3):.1f} a second.")

    window.run(work, lambda: say(f"First picture after {time.perf_counter() - STARTED:.1f} s."))


def window_size(size_px: tuple[int, int]) -> tuple[int, int]:
    """A window twice as large as a small picture, so that words over it stay sharp."""
    scale = max(1, min(1280 // size_px[0], 720 // size_px[1]))
    return size_px[0] * scale, size_px[1] * scale
