"""Arguments that several commands share, and what their texts mean."""

from pathlib import Path
from typing import Annotated

import typer

from engine.core.errors import CommandError
from engine.core.looks import LOOKS

MAX_SIDE_PX = 8192
MAX_SECONDS = 86_400.0

World = Annotated[
    str, typer.Argument(metavar="WORLD", help="The name of a world that is shipped, or the path of a .star file.")
]
Output = Annotated[Path | None, typer.Option(metavar="FILE", help="A .png or an .mp4; out/WORLD.png if left out.")]
CameraName = Annotated[str | None, typer.Option(help="One of the world's cameras, or eyes; its first if left out.")]
Load = Annotated[
    str | None,
    typer.Option(metavar="SAVE", help="Go on from a save, by its name, or from a .snap file, not from tick 0."),
]
RecordingFile = Annotated[Path, typer.Argument(metavar="FILE", help="A recording.")]
WorldFile = Annotated[
    str | None,
    typer.Option("--world", metavar="WORLD", help="The recorded world's file, where it is not found by its name."),
]
Ticks = Annotated[int, typer.Option(min=0, help="The tick at which to stop; a second has 64.")]
Seed = Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Where every chance in the world comes from.")]
Size = Annotated[str, typer.Option(metavar="WxH", help="Size of the picture in pixels.")]
Look = Annotated[str, typer.Option(help="neural, or a baseline without the network: classical, raster.")]
Inputs = Annotated[Path | None, typer.Option(metavar="FILE", help="Commands for the world, one JSON object a line.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else on standard output.")]


def size_from_text(text: str) -> tuple[int, int]:
    """Width and height of a text such as 640x360. Raises CommandError."""
    width, cross, height = text.lower().partition("x")
    if cross and width.isascii() and width.isdigit() and height.isascii() and height.isdigit():
        size_px = int(width[:6]), int(height[:6])
        if all(1 <= side <= MAX_SIDE_PX for side in size_px):
            return size_px
    raise CommandError(f"--size is {text!r}; it must be two whole numbers from 1 to {MAX_SIDE_PX} such as 640x360")


def look_from_text(text: str) -> str:
    """A known look. Raises CommandError."""
    if text not in LOOKS:
        raise CommandError(f"--look is {text!r}; it must be one of {', '.join(LOOKS)}")
    return text
