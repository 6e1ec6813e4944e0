"""The voxels that one process drew and the shapes that they follow from, as a file for another process.

A stranger's world is read twice, once where it can do no harm; most of a reading is drawing. So the rehearsal hands its
voxels on, and who reads the world next draws only where its shapes are others (`Draft.known`). The file is a header of
msgpack behind its length, then the voxels: an array, or the table and the mixed rows of bricks.
"""

import struct
from typing import IO, Any, Final

import msgpack
import numpy as np

from engine.core.units import BRICK
from engine.script import shapes
from engine.script.draft import MAX_VOXELS, MOST_SHAPES, Drawn, Shape
from engine.state.bricks import Bricks, Grid

MAGIC: Final = b"drawn 1\n"
LENGTH: Final = struct.Struct("<Q")
MAX_HEADER: Final = 64 << 20  # bytes; of 100,000 shapes it takes 6 MB
MAX_VOXEL_BYTES: Final = 256 << 20  # a temporary file may lie in memory; the village of 1024 m takes 33 MB
BY_NAME: Final[dict[str, Shape]] = {
    shape.__name__: shape
    for shape in (
        shapes.arch,
        shapes.blob,
        shapes.column,
        shapes.fill,
        shapes.gable,
        shapes.pyramid,
        shapes.room,
        shapes.sphere,
        shapes.stairs,
        shapes.weather,
    )
}


def write(drawn: Drawn, file: IO[bytes]) -> None:
    """Writes what was drawn; nothing where the voxels do not follow from shapes alone, or are too many."""
    parts = drawn.voxels.rows() if isinstance(drawn.voxels, Bricks) else (drawn.voxels,)
    if drawn.shapes is None or sum(part.nbytes for part in parts) > MAX_VOXEL_BYTES:
        return
    header = msgpack.packb(
        {
            "size": drawn.size,
            "shapes": [(shape.__name__, args) for shape, args in drawn.shapes],
            "rows": len(parts[1]) if len(parts) > 1 else None,
        }
    )
    file.write(MAGIC + LENGTH.pack(len(header)) + header)
    for part in parts:
        file.write(np.ascontiguousarray(part).data)


def read(file: IO[bytes]) -> Drawn | None:
    """What was written, or None where that is nothing, or not whole."""
    try:
        if file.read(len(MAGIC)) != MAGIC:
            return None
        (length,) = LENGTH.unpack(file.read(LENGTH.size))
        if length > MAX_HEADER:
            return None
        header = msgpack.unpackb(file.read(length), use_list=False, max_array_len=MOST_SHAPES)
        x, y, z = header["size"]
        if x * y * z > MAX_VOXELS:
            return None
        told: list[tuple[Shape, tuple[Any, ...]]] = [(BY_NAME[name], args) for name, args in header["shapes"]]
        return Drawn((x, y, z), told, _voxels(file, (x, y, z), header["rows"]), {})
    except (ValueError, KeyError, TypeError, struct.error):  # msgpack's own are ValueErrors
        return None


def _voxels(file: IO[bytes], size: tuple[int, int, int], rows: int | None) -> Grid:
    """Raises ValueError where there are other voxels than so many."""
    if rows is None:
        voxels = np.fromfile(file, np.uint8).reshape(size)
        voxels.flags.writeable = False
        return voxels
    x, y, z = (n // BRICK for n in size)
    row = np.fromfile(file, np.int32, x * y * z).reshape(x, y, z)
    return Bricks.of_rows(row, np.fromfile(file, np.uint8).reshape(rows, BRICK, BRICK, BRICK))
