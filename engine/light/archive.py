"""Transport kept on disk by content: a world that returns traces nothing.

The latent cache has two keys. Stamps of bricks tell at once what changed in a world that is there, and end with the
process. This is the other one: 128 bits of SHA-256 over all that transport is a function of, the voxels, the code that
reads them, and what compiled it. Lamps, sun, furniture and weights have no part in transport, so that a world is found
again at any hour, by any look and with other lamps.

An archive only saves time. What cannot be read is traced, what cannot be written is not kept, and nobody is told.
"""

import contextlib
import functools
import os
import platform
from collections.abc import Generator, Iterator
from hashlib import sha256
from io import BufferedReader
from pathlib import Path
from typing import Any

import msgpack
import numba
import numpy as np
from numpy.typing import NDArray

from engine.core.disk import DISK, Disk, create_beside, write_all
from engine.core.errors import OutputError
from engine.light.bounces import BounceRays
from engine.light.extents import Extents
from engine.light.faces import Faces
from engine.light.probes import Probes
from engine.light.readers import RaysOfPages
from engine.light.surface import Surface
from engine.light.trace import Voxels
from engine.light.transport import Transport
from engine.view import VoxelView

Array = NDArray[Any]

MAGIC = b"daguerre transport\n"
ENDING = ".transport"
KEY_BYTES = 16  # of the name of a file
DIGEST_BYTES = 32
MOST_BYTES = 2**30  # of all files together
CHUNK_BYTES = 2**24  # read or written between two yields: about 15 ms
HARMED = (ValueError, LookupError, TypeError, AttributeError, SyntaxError)  # what reading a file that is none raises
KINDS: dict[str, Any] = {
    kind.__name__: kind for kind in (Transport, Surface, Probes, BounceRays, RaysOfPages, Voxels, Faces, Extents)
}

LEFT_OUT = {"origin"}  # of the world that a transport is of: whoever reads it has that


class Archive:
    """A folder of transports. Those least recently used go when all together are larger than `most_bytes`."""

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES, disk: Disk = DISK) -> None:
        """The folder is made when something is kept."""
        self.folder = folder
        self._most_bytes = most_bytes
        self._disk = disk

    def path_of(self, material: NDArray[np.uint8]) -> Path:
        """Where the transport of a grid [X, Y, Z] is, if it is kept."""
        key = sha256(_code() + repr(material.shape).encode())
        key.update(np.ascontiguousarray(material).data)
        return self.folder / (key.digest()[:KEY_BYTES].hex() + ENDING)

    def read(self, voxels: VoxelView, work: int = 0) -> Generator[int, None, Transport | None]:
        """The transport of a grid with all its rays, None where there is none; yields `work` every CHUNK_BYTES."""
        path = self.path_of(voxels.material)
        try:
            if not path.is_file():  # a pipe would be waited for
                return None
            with path.open("rb") as file:
                transport = yield from _read(file, path.stat().st_size, work)
            if not np.array_equal(transport.grid, voxels.material):
                raise ValueError("another world")
            transport.stands_at(voxels)
            with contextlib.suppress(OSError):
                os.utime(path)
            return transport
        except OSError:
            return None
        except HARMED:
            with contextlib.suppress(OSError):
                self._disk.remove(path)
            return None

    def write(self, transport: Transport, work: int = 0) -> Iterator[int]:
        """Keep a transport of which all rays are traced; yields `work` every CHUNK_BYTES. Until the end it must stay as
        it is.
        """
        path = self.path_of(transport.grid)
        try:
            temporary, file = create_beside(path, self._disk)
        except OutputError:
            return
        try:
            try:
                n_bytes, n_yielded = 0, 0
                for chunk in _chunks(transport):
                    n_bytes += len(chunk)
                    if n_bytes > self._most_bytes:
                        return
                    write_all(file, chunk, self._disk)
                    if n_bytes - n_yielded >= CHUNK_BYTES:
                        n_yielded = n_bytes
                        yield work
            finally:
                self._disk.close(file)
            self._disk.rename(temporary, path)
            self._make_room()
        except OSError:
            pass
        finally:
            with contextlib.suppress(OSError):
                self._disk.remove(temporary)  # where it was not renamed

    def _make_room(self) -> None:
        """Remove what was used least recently, and what an ended process left unfinished, down to the budget."""
        ours = [p for pattern in (f"*{ENDING}", f".*{ENDING}.*.tmp") for p in self.folder.glob(pattern) if p.is_file()]
        n_bytes = 0
        for _, size, path in sorted(((p.stat().st_mtime_ns, p.stat().st_size, p) for p in ours), reverse=True):
            n_bytes += size
            if n_bytes > self._most_bytes:
                with contextlib.suppress(OSError):
                    self._disk.remove(path)


@functools.cache
def _code() -> bytes:
    """What transport is a function of beside voxels: the text of this floor and of the one at the bottom, numba, and
    the family of the processor.
    """
    light = Path(__file__).parent
    digest = sha256(f"{numba.__version__} {np.__version__} {platform.machine()}".encode())
    for path in [*sorted(light.glob("*.py")), *sorted((light.parent / "core").glob("*.py"))]:
        digest.update(path.read_bytes())
    return digest.digest()


def _chunks(transport: Transport) -> Iterator[bytes | memoryview]:
    """The bytes of a file: the magic, length and digest of the head, the head, the arrays and their digest."""
    arrays: list[Array] = []
    tree = _told(transport, arrays)
    head = msgpack.packb([tree, [[a.dtype.str, list(a.shape)] for a in arrays]])
    yield MAGIC + len(head).to_bytes(8, "little") + sha256(head).digest() + head
    digest = sha256()
    for array in arrays:
        for part in _parts(array):
            digest.update(part)
            yield part
    yield digest.digest()


def _read(file: BufferedReader, size: int, work: int) -> Generator[int, None, Transport]:
    """What `_chunks` wrote; one of HARMED where it is something else."""
    magic, n_head, digest_of_head = (
        file.read(len(MAGIC)),
        int.from_bytes(file.read(8), "little"),
        file.read(DIGEST_BYTES),
    )
    if magic != MAGIC or n_head > size:
        raise ValueError("no transport")
    head = file.read(n_head)
    if sha256(head).digest() != digest_of_head:
        raise ValueError("changed")
    tree, shapes = msgpack.unpackb(head, strict_map_key=False)
    n_bytes = sum(np.dtype(kind).itemsize * int(np.prod(shape, dtype=np.int64)) for kind, shape in shapes)
    if file.tell() + n_bytes + DIGEST_BYTES != size:
        raise ValueError("cut")
    digest = sha256()
    arrays, n_bytes = [], 0
    for kind, shape in shapes:
        array = np.empty(shape, np.dtype(kind))
        arrays.append(array)
        for part in _parts(array):
            if file.readinto(part) != len(part):
                raise ValueError("cut")
            digest.update(part)
            n_bytes += len(part)
            if n_bytes >= CHUNK_BYTES:
                n_bytes = 0
                yield work
    if file.read() != digest.digest():
        raise ValueError("changed")
    transport = _made(tree, arrays)
    if not isinstance(transport, Transport):
        raise ValueError("no transport")
    return transport


def _parts(array: Array) -> Iterator[memoryview]:
    """The bytes of an array in C order, a chunk at a time."""
    whole = array.reshape(-1).view(np.uint8).data if array.size else memoryview(b"")
    for at in range(0, len(whole), CHUNK_BYTES):
        yield whole[at : at + CHUNK_BYTES]


def _told(thing: Any, arrays: list[Array]) -> Any:
    """A thing as msgpack can tell it; arrays become numbers in `arrays`, the same array the same number."""
    if isinstance(thing, np.ndarray):
        for number, array in enumerate(arrays):
            if array is thing:
                return {"array": number}
        if not thing.flags.c_contiguous:
            raise TypeError("an array of a transport lies in pieces")
        arrays.append(thing)
        return {"array": len(arrays) - 1}
    if type(thing).__name__ in KINDS:
        fields = thing._asdict() if hasattr(thing, "_asdict") else vars(thing)
        told = {k: _told(v, arrays) for k, v in fields.items() if k not in LEFT_OUT}
        return {"kind": type(thing).__name__, "fields": told}
    if isinstance(thing, dict):
        return {"pairs": [[_told(k, arrays), _told(v, arrays)] for k, v in thing.items()]}
    if isinstance(thing, list | tuple):
        return {type(thing).__name__: [_told(item, arrays) for item in thing]}
    return thing.item() if isinstance(thing, np.generic) else thing


def _made(told: Any, arrays: list[Array]) -> Any:
    """The thing that `_told` told."""
    if not isinstance(told, dict):
        return told
    if "array" in told:
        return arrays[told["array"]]
    if "pairs" in told:
        return {_made(k, arrays): _made(v, arrays) for k, v in told["pairs"]}
    if "list" in told:
        return [_made(item, arrays) for item in told["list"]]
    if "tuple" in told:
        return tuple(_made(item, arrays) for item in told["tuple"])
    kind, fields = KINDS[told["kind"]], {k: _made(v, arrays) for k, v in told["fields"].items()}
    if issubclass(kind, tuple):
        return kind(**fields)
    thing = kind.__new__(kind)
    vars(thing).update(fields)
    return thing
