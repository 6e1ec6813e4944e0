"""The sun: on how much of every texel it shines, kept in step with where it stands, with voxels and furniture."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from engine.light.furniture import Furniture, FurnitureChange
from engine.light.skylight import look_for_sun, sun_crosses
from engine.light.transport import Change, Transport
from engine.view import SkyView

F64 = NDArray[np.float64]
I32 = NDArray[np.int32]
U8 = NDArray[np.uint8]

NO_TEXELS = np.zeros(0, np.int32)


class Sunshine:
    """The sun's share of all texels. At night it is not kept in step, and is worked out whole at dawn."""

    def __init__(self, n_texels: int) -> None:
        self.share = np.zeros(n_texels, np.uint8)  # [T] of SUN_WHOLE
        self._direction = b""  # that `share` is for, or is being worked out for
        self._moved: list[tuple[F64, F64]] = []  # low, high [n, 3] metres: furniture that came or went since

    def make_room(self, n_texels: int) -> None:
        """For more texels."""
        self.share = np.concatenate([self.share, np.zeros(n_texels - len(self.share), np.uint8)])

    def note(self, moved: FurnitureChange) -> None:
        """Furniture came, went or was moved."""
        self._moved.append((moved.low, moved.high))

    def has_moved(self, sky: SkyView) -> bool:
        """Whether the sun is up, and not where it was."""
        return bool(sky.sun.any()) and sky.sun_direction.tobytes() != self._direction

    def update(self, sky: SkyView, change: Change | None, transport: Transport, furniture: Furniture) -> I32:
        """Bring the share up to date; returns the texels on which it may have changed."""
        surface, texels = transport.surface, np.zeros(0, np.int32)
        boxes, self._moved = self._moved, []
        if change is not None:
            boxes.append((change.low, change.high))
        if not sky.sun.any():
            if boxes:
                self._direction = b""
            return texels
        x, y, z = (float(v) for v in sky.sun_direction)
        if self.has_moved(sky):
            self._direction = sky.sun_direction.tobytes()
            texels = surface.alive()
        elif boxes:
            low, high = (np.concatenate(corners) for corners in zip(*boxes, strict=True))
            dirty = np.zeros(surface.capacity, np.bool_)
            dirty[NO_TEXELS if change is None else change.fresh] = True
            sun_crosses(surface.place, surface.faces, surface.has_texels, x, y, z, low, high, dirty)
            texels = np.flatnonzero(dirty).astype(np.int32)
        if len(texels):
            look_for_sun(transport.voxels, furniture, surface.place, x, y, z, texels, self.share)
        return texels

    def follow(
        self, sky: SkyView, transport: Transport, furniture: Furniture, share: U8, n_parts: int
    ) -> Iterator[None]:  # fmt: skip
        """After the sun has moved: work its share out in parts, into share [T]. `self.share` stays what it was, for
        others ask it meanwhile.
        """
        x, y, z = (float(v) for v in sky.sun_direction)
        for part in np.array_split(transport.surface.alive(), n_parts):
            look_for_sun(transport.voxels, furniture, transport.surface.place, x, y, z, part, share)
            yield
        self._direction = sky.sun_direction.tobytes()
