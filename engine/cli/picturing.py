"""`daguerre render`: a picture or a film of a world."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from platformdirs import user_cache_dir

from engine.cli.options import (
    MAX_SECONDS,
    CameraName,
    Inputs,
    Json,
    Look,
    Output,
    Seed,
    Size,
    World,
    look_from_text,
    size_from_text,
)
from engine.cli.speech import answer, say
from engine.cli.worlds import load_world, new_state, read_inputs, run_to
from engine.core.errors import CommandError, OutputError, WeightsError

if TYPE_CHECKING:
    from engine.film.camera import Renderer

FILM_S = 10.0


def render(
    world: World,
    at_tick: Annotated[int, typer.Option(min=0, help="The tick of the picture, or of a film's first frame.")] = 0,
    size: Size = "640x360",
    out: Output = None,
    camera: CameraName = None,
    look: Look = "neural",
    seed: Seed = 1,
    inputs: Inputs = None,
    seconds: Annotated[float, typer.Option(min=0.04, max=MAX_SECONDS, help="Length of a film.")] = FILM_S,
    cache: Annotated[str, typer.Option(help="on, or off to make every frame's light anew.")] = "on",
    stats: Annotated[bool, typer.Option("--stats", help="Print what was reused and what was made anew.")] = False,
    as_json: Json = False,
) -> None:
    """Make a picture or a film of a world."""
    size_px, look = size_from_text(size), look_from_text(look)
    if cache not in ("on", "off"):
        raise CommandError(f"--cache is {cache!r}; it must be on or off")
    out = Path("out") / f"{Path(world).stem}.png" if out is None else out
    if out.suffix.lower() not in (".png", ".mp4"):
        raise OutputError(f"cannot write {out}: only .png and .mp4 are known")
    loaded = load_world(world)
    from engine.play.cameras import camera_at
    from engine.play.session import stat_rows

    camera = loaded.blueprint.cameras[0].name if camera is None else camera
    camera_at(loaded.blueprint, camera, 0.0)
    recorded = read_inputs(inputs)
    state = new_state(loaded, seed)
    from engine.play.camerawork import film_to, picture_to

    state = run_to(at_tick, loaded, state, recorded)
    renderer = renderer_for(size_px, look, cache == "on")
    if out.suffix.lower() == ".mp4":
        result = film_to(out, loaded, state, renderer, camera, seconds, recorded)
    else:
        result = picture_to(out, loaded, state, renderer, camera)
    lines = [f"{result['file']}: {loaded.blueprint.name} at tick {result['tick']}, {result['frame_ms']:.1f} ms"]
    if stats:
        lines += [
            f"  {name:<24}{value}"
            for name, value in stat_rows(result)
            if name not in ("file", "tick", "digest", "look")
        ]
    answer(as_json, result, "\n".join(lines))


def renderer_for(size_px: tuple[int, int], look: str, cache: bool = True, try_out: bool = False) -> "Renderer":
    """What makes pictures; classical, and says so, where the network cannot be had. With `try_out` its kernels are
    loaded and its shaders compiled: to be made while the world is read.

    Raises GraphicsError.
    """
    from engine.film import trial
    from engine.film.camera import Renderer
    from engine.light.archive import Archive

    try:
        renderer = Renderer(size_px, look, cache)
    except WeightsError as error:
        say(f"{error}; the look is classical")
        renderer = Renderer(size_px, "classical", cache)
    if try_out:  # before there is an archive: what is found in one is not done, and so not tried
        trial.try_out(renderer)
    renderer.archive = Archive(Path(user_cache_dir("daguerre"), "transport"))
    return renderer
