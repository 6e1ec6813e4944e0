"""Files that leave the program: pictures and films, each written whole or not at all."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.core.disk import DISK, cannot_write, create_beside
from engine.core.errors import OutputError

U8 = NDArray[np.uint8]


@contextmanager
def replacing(path: Path, keep: bool = True) -> Iterator[Path]:
    """A temporary path in the same folder that takes the place of `path` when the block ends well, and vanishes if not.

    With `keep` false nothing is replaced. Raises OutputError when the folder cannot be made or written, or when `path`
    is no ordinary file.
    """
    temporary, file = create_beside(path)
    DISK.close(file)
    try:
        yield temporary
        if keep:
            file = DISK.open(temporary)  # whoever wrote it did not wait until it was on the disk
            try:
                DISK.sync(file)
            finally:
                DISK.close(file)
            DISK.rename(temporary, path)
            DISK.sync_folder(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def check_writable(path: Path) -> None:
    """Find out before the work, not after it, that a file cannot be written. Raises OutputError."""
    with replacing(path, keep=False):
        pass


def write_png(path: Path, rgb: U8, text: Mapping[str, str] | None = None) -> None:
    """Write [H, W, 3] sRGB as PNG with text entries: what makes the same picture again. Raises OutputError."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    for key, value in (text or {}).items():
        info.add_text(key, value)
    with replacing(path) as temporary:
        Image.fromarray(rgb).save(temporary, format="PNG", pnginfo=info)


@contextmanager
def film(path: Path, frames_per_s: int, text: Mapping[str, str] | None = None) -> Iterator[Callable[[U8], None]]:
    """An mp4 (H.264, yuv420p); yields a function that appends one [H, W, 3] sRGB frame.

    The file appears when all went well. All frames have the size of the first; an odd last row or column is dropped, as
    H.264 wants even sizes. Raises OutputError.
    """
    import av

    with (
        replacing(path) as temporary,
        av.open(str(temporary), "w", format="mp4", options={"movflags": "+faststart+use_metadata_tags"}) as container,
    ):
        container.metadata.update(text or {})
        stream = container.add_stream("libx264", rate=frames_per_s)
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": "18", "preset": "veryfast"}
        stream.width = stream.height = 0

        def add(rgb: U8) -> None:
            height, width = rgb.shape[0] & ~1, rgb.shape[1] & ~1
            if not width or not height:
                raise OutputError(f"cannot write {path}: a film needs at least 2 x 2 pixels")
            if stream.width == 0:
                stream.width, stream.height = width, height
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb[:height, :width]), format="rgb24")
            container.mux(stream.encode(frame))

        yield add
        if stream.width:
            container.mux(stream.encode())
