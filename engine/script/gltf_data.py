"""What lies in a glTF 2.0 file: its JSON, buffers, accessors and pictures. engine/script/gltf.py makes a model of it.

Written after the Khronos specification "glTF 2.0" (ISO/IEC 12113:2022). JSON and numpy do nearly all of it, so no
library is asked: one would have to be bounded and watched as closely. Pictures are decoded by Pillow, within bounds.
"""

import base64
import binascii
import io
import json
import math
import struct
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import AssetError, DaguerreError, LimitError

F64 = NDArray[np.float64]
U8 = NDArray[np.uint8]

MAX_JSON_BYTES = 8_000_000
MAX_THINGS = 16_384  # nodes, meshes, accessors, ... of each kind
MAX_COUNT = 3_000_000  # elements of one accessor
MAX_DECODED = 24_000_000  # numbers, of all accessors together
MAX_PICTURE_PX = 16_000_000  # of one picture, before it is decoded
MAX_PICTURES_PX = 32_000_000  # of all pictures of a model
MAX_EDGE_PX = 2048  # larger pictures are made smaller

COMPONENTS = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
LARGEST = {5120: 127.0, 5121: 255.0, 5122: 32767.0, 5123: 65535.0, 5125: 4294967295.0}  # of normalised ones
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}
KINDS = {dict: "an object", list: "a list", str: "a string", int: "a whole number", bool: "true or false"}


class Document:
    """The JSON of a file, read strictly: every failure names the asset and the place in it."""

    def __init__(self, data: bytes, asset: str, beside: Callable[[str], bytes]) -> None:
        """`beside` gives the bytes of a file that lies in the same folder."""
        self.asset, self._beside = asset, beside
        text, self._binary = _container(data, asset)
        if len(text) > MAX_JSON_BYTES:
            raise LimitError(f"{asset}: {len(text):,} bytes of JSON are too many; {MAX_JSON_BYTES:,} are read")
        try:
            found = json.loads(text.decode("utf-8"), parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise AssetError(f"{asset}: its JSON cannot be read: {str(error)[:120]}") from None
        if not isinstance(found, dict):
            raise AssetError(f"{asset}: its JSON is no object")
        self.json: dict[str, Any] = found
        version = self.text(self.map(found, "asset", "asset"), "version", "asset", "")
        if not version.startswith("2"):
            raise AssetError(f"{asset}: asset.version is '{version[:20]}'; glTF 2.0 is read")
        self._buffers: dict[int, bytes] = {}
        self._pictures: dict[int, U8] = {}
        self._picture_px = 0
        self._decoded = 0

    def error(self, where: str, message: str) -> AssetError:
        return AssetError(f"{self.asset}: {where} {message}")

    # --- values -------------------------------------------------------------------------------------------------------

    def _typed(self, of: dict[str, Any], key: str, kind: type, where: str, plain: Any) -> Any:
        value = of.get(key, plain)
        if value is not plain and (not isinstance(value, kind) or (kind is not bool and isinstance(value, bool))):
            raise self.error(f"{where}.{key}", f"must be {KINDS[kind]}")
        return value

    def map(self, of: dict[str, Any], key: str, where: str) -> dict[str, Any]:
        """A member that is an object; an empty one where there is none."""
        found: dict[str, Any] = self._typed(of, key, dict, where, {})
        return found

    def many(self, of: dict[str, Any], key: str, where: str) -> list[Any]:
        """A member that is a list; an empty one where there is none."""
        found: list[Any] = self._typed(of, key, list, where, [])
        if len(found) > MAX_THINGS:
            raise LimitError(f"{self.asset}: {where}.{key} has {len(found):,} entries; {MAX_THINGS:,} are read")
        return found

    def text(self, of: dict[str, Any], key: str, where: str, plain: str) -> str:
        """A member that is a string."""
        return str(self._typed(of, key, str, where, plain))

    def flag(self, of: dict[str, Any], key: str, where: str) -> bool:
        """A member that is true or false; false where there is none."""
        return bool(self._typed(of, key, bool, where, False))

    def whole(self, of: dict[str, Any], key: str, where: str, plain: int, most: int = 2**31) -> int:
        """A member that is a whole number from 0 to `most`."""
        value: int = self._typed(of, key, int, where, plain)
        if value is not plain and not 0 <= value <= most:
            raise self.error(f"{where}.{key}", f"is {str(value)[:20]}; 0 to {most:,} would be right")
        return value

    def number(self, of: dict[str, Any], key: str, where: str, plain: float, low: float, high: float) -> float:
        """A member that is a number within bounds."""
        return self.numbers({key: [of[key]]} if key in of else {}, key, where, (plain,), low, high)[0]

    def numbers(
        self, of: dict[str, Any], key: str, where: str, plain: tuple[float, ...], low: float = -1e9, high: float = 1e9
    ) -> tuple[float, ...]:
        """A member that is a list of as many finite numbers as `plain`."""
        value = self.many(of, key, where) if key in of else plain
        ok = len(value) == len(plain) and all(isinstance(v, int | float) and not isinstance(v, bool) for v in value)
        if not ok or not all(low <= v <= high for v in value):
            raise self.error(f"{where}.{key}", f"must be {len(plain)} numbers between {low:g} and {high:g}")
        return tuple(float(v) for v in value)

    def thing(self, kind: str, index: object, where: str) -> dict[str, Any]:
        """An entry of one of the document's lists, such as 'meshes'."""
        things = self.many(self.json, kind, "the document")
        if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < len(things):
            raise self.error(where, f"names {kind} {str(index)[:20]}, and there are {len(things)}")
        if not isinstance(things[index], dict):
            raise self.error(f"{kind}[{index}]", "must be an object")
        found: dict[str, Any] = things[index]
        return found

    def extension(self, of: dict[str, Any], name: str, where: str) -> dict[str, Any]:
        """What an extension says about a thing; empty where it says nothing."""
        return self.map(self.map(of, "extensions", where), name, f"{where}.extensions")

    # --- bytes --------------------------------------------------------------------------------------------------------

    def _uri(self, uri: str, where: str) -> bytes:
        if not uri.startswith("data:"):
            try:
                return self._beside(unquote(uri))
            except DaguerreError as error:
                raise self.error(where, f"cannot be used: {error}") from None
        head, comma, body = uri.partition(",")
        if not comma or not head.endswith(";base64"):
            raise self.error(where, "must be a base64 data: URI or a file beside the model")
        try:
            return base64.b64decode(body, validate=True)
        except (binascii.Error, ValueError):
            raise self.error(where, "is no base64") from None

    def _buffer(self, index: int, where: str) -> bytes:
        if index not in self._buffers:
            buffer = self.thing("buffers", index, where)
            here = f"buffers[{index}]"
            length = self.whole(buffer, "byteLength", here, 0)
            if "uri" in buffer:
                data = self._uri(self.text(buffer, "uri", here, ""), f"{here}.uri")
            elif index == 0 and self._binary is not None:
                data = self._binary
            else:
                raise self.error(here, "has no uri, and the file has no BIN chunk for it")
            if len(data) < length:
                raise self.error(here, f"announces {length:,} bytes and has {len(data):,}")
            self._buffers[index] = data[:length]
        return self._buffers[index]

    def view(self, index: object, where: str) -> tuple[bytes, int]:
        """The bytes of a bufferView and its stride, 0 for none."""
        view = self.thing("bufferViews", index, where)
        here = f"bufferViews[{index}]"
        if "EXT_meshopt_compression" in self.map(view, "extensions", here):
            raise self.error(here, "is compressed (EXT_meshopt_compression), which is not read: export it without")
        data = self._buffer(self.whole(view, "buffer", here, 0), here)
        offset, length = self.whole(view, "byteOffset", here, 0), self.whole(view, "byteLength", here, 0)
        if offset + length > len(data):
            raise self.error(here, f"ends at byte {offset + length:,} of a buffer of {len(data):,}")
        return data[offset : offset + length], self.whole(view, "byteStride", here, 0, 255)

    def accessor(self, index: object, where: str, widths: tuple[int, ...], is_index: bool = False) -> F64:
        """The numbers of an accessor: float64 [count, width], normalised where it says so; exact for indices."""
        accessor = self.thing("accessors", index, where)
        here = f"accessors[{index}]"
        kind, code = self.text(accessor, "type", here, ""), self.whole(accessor, "componentType", here, 0)
        width, dtype = WIDTHS.get(kind, 0), COMPONENTS.get(code, "")
        if width not in widths or not dtype:
            raise self.error(here, f"is {kind[:12] or 'without type'} of componentType {code}, which {where} cannot be")
        if is_index and code not in (5121, 5123, 5125):
            raise self.error(here, "must hold unsigned whole numbers to be indices")
        count = self.whole(accessor, "count", here, 0)
        self._decoded += count * width
        if count > MAX_COUNT or self._decoded > MAX_DECODED:
            raise LimitError(
                f"{self.asset}: {here} has {count:,} elements; {MAX_COUNT:,} are read of one accessor and "
                f"{MAX_DECODED:,} numbers of all"
            )
        if kind.startswith("MAT") and code != 5126:
            raise self.error(here, "holds matrices that are not floats, which are not read")
        if "bufferView" in accessor:
            offset = self.whole(accessor, "byteOffset", here, 0)
            raw = self._elements(accessor["bufferView"], here, dtype, count, width, offset)
        else:
            raw = np.zeros((count, width), dtype)
        if "sparse" in accessor:
            raw = self._sparse(self.map(accessor, "sparse", here), here, raw.copy(), dtype)
        values = raw.astype(np.float64)
        if self.flag(accessor, "normalized", here) and code != 5126:
            values = np.maximum(values / LARGEST[code], -1.0)
        if not np.isfinite(values).all():
            raise self.error(here, "holds a number that is not finite")
        return values

    def _elements(
        self, view: object, where: str, dtype: str, count: int, width: int, offset: int
    ) -> NDArray[np.generic]:
        data, stride = self.view(view, where)
        item = np.dtype(dtype).itemsize
        step = stride or item * width
        if step < item * width or offset + (count - 1) * step + item * width > len(data) or count < 1:
            raise self.error(where, f"reads {count:,} elements beyond its bufferView of {len(data):,} bytes")
        return np.ndarray((count, width), dtype, data, offset, (step, item))

    def _sparse(self, sparse: dict[str, Any], where: str, raw: NDArray[np.generic], dtype: str) -> NDArray[np.generic]:
        here = f"{where}.sparse"
        count = self.whole(sparse, "count", here, 0, len(raw))
        indices, values = self.map(sparse, "indices", here), self.map(sparse, "values", here)
        kind = COMPONENTS.get(self.whole(indices, "componentType", here, 0), "")
        if kind not in ("<u1", "<u2", "<u4"):
            raise self.error(here, "needs indices of unsigned whole numbers")
        offset = self.whole(indices, "byteOffset", here, 0)
        at = self._elements(indices.get("bufferView"), here, kind, count, 1, offset)[:, 0].astype(np.int64)
        if len(at) and at.max() >= len(raw):
            raise self.error(here, f"replaces element {at.max():,} of {len(raw):,}")
        offset = self.whole(values, "byteOffset", here, 0)
        raw[at] = self._elements(values.get("bufferView"), here, dtype, count, raw.shape[1], offset)
        return raw

    # --- pictures -----------------------------------------------------------------------------------------------------

    def picture(self, index: object, where: str) -> U8:
        """An image as sRGB and alpha [H, W, 4]. Raises LimitError for one of too many pixels before it decodes it."""
        image = self.thing("images", index, where)
        assert isinstance(index, int)
        if index not in self._pictures:
            here = f"images[{index}]"
            if "uri" in image:
                data = self._uri(self.text(image, "uri", here, ""), f"{here}.uri")
            else:
                data = self.view(image.get("bufferView"), here)[0]
            self._pictures[index] = self._decode(data, here)
        return self._pictures[index]

    def _decode(self, data: bytes, where: str) -> U8:
        from PIL import Image  # only worlds with such models need it

        try:
            with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as picture:
                width, height = picture.size
                self._picture_px += width * height
                if width * height > MAX_PICTURE_PX or self._picture_px > MAX_PICTURES_PX:
                    raise LimitError(
                        f"{self.asset}: {where} has {width:,} x {height:,} pixels; {MAX_PICTURE_PX:,} are read of one "
                        f"picture and {MAX_PICTURES_PX:,} of all"
                    )
                picture.draft("RGB", (MAX_EDGE_PX, MAX_EDGE_PX))
                decoded = picture.convert("RGBA")
        except DaguerreError:
            raise
        except Exception as error:  # whatever a decoder says of a stranger's bytes
            raise self.error(where, f"is no PNG or JPEG that can be read: {str(error)[:80]}") from None
        if max(decoded.size) > MAX_EDGE_PX:
            shrink = math.ceil(max(decoded.size) / MAX_EDGE_PX)
            decoded = decoded.reduce(shrink)
        return np.asarray(decoded, np.uint8)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number in JSON")


def _container(data: bytes, asset: str) -> tuple[bytes, bytes | None]:
    """The JSON text, and the binary chunk of a .glb."""
    if data[:4] != b"glTF":
        return data, None
    if len(data) < 20:
        raise AssetError(f"{asset}: the file ends inside its header")
    version, length = struct.unpack("<II", data[4:12])
    if version != 2 or length > len(data):
        why = f"version {version}" if version != 2 else f"a length of {length:,} bytes, and it has {len(data):,}"
        raise AssetError(f"{asset}: the header says {why}; glTF 2.0 is read")
    found: dict[bytes, bytes] = {}
    at = 12
    while at + 8 <= length:
        size, kind = struct.unpack("<I4s", data[at : at + 8])
        if at + 8 + size > length:
            name = kind.rstrip(b"\0").decode("latin-1")
            raise AssetError(f"{asset}: chunk {name!r} announces {size:,} bytes and {length - at - 8:,} are left")
        found.setdefault(kind, data[at + 8 : at + 8 + size])
        at += 8 + size
    if b"JSON" not in found:
        raise AssetError(f"{asset}: there is no JSON chunk in it")
    return found[b"JSON"], found.get(b"BIN\0")
