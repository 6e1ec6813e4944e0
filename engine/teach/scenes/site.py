"""A scene under construction: the grid, its palette, its lamps, and the plain and round shapes it is made of.

Lengths are whole voxels (0.25 m) unless a name says metres, so that every plane lies on the grid.
"""

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from engine.core.units import AIR, VOXEL_M

F64 = NDArray[np.float64]
U8 = NDArray[np.uint8]

GROUND = 2  # voxels of ground under everything
LAMPS = 12  # of one scene, at most

Plan = tuple[int, int, int, int]  # x, y, dx, dy of a rectangle on the ground


class Site:
    """A grid of air with a palette, filled by whoever builds on it; all chance comes from its one generator."""

    def __init__(self, rng: Generator, shape: Sequence[int]) -> None:
        """`shape` is X, Y, Z in voxels, each a multiple of 8."""
        self.rng = rng
        x, y, z = shape
        self.voxels: U8 = np.zeros((x, y, z), np.uint8)
        mood = str(rng.choice(["mixed", "muted", "white", "dark"], p=[0.55, 0.2, 0.15, 0.1]))
        self.palette = [np.zeros(3), *(colour(rng, mood) for _ in range(int(rng.integers(8, 25))))]
        self.built: list[Plan] = []
        self.boxes: list[tuple[F64, F64, F64]] = []  # centre m, size m, radiance

    # ---- chance ----

    def paint(self) -> int:
        """Any material of the palette."""
        return int(self.rng.integers(1, len(self.palette)))

    def whole(self, low: float, high: float) -> int:
        """A whole number in [low, high], even where the interval is empty (then `low`)."""
        return int(self.rng.integers(int(low), max(int(low), int(high)) + 1))

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return bool(self.rng.random() < probability)

    def spot(self, width: int, depth: int) -> tuple[int, int]:
        """The corner of a rectangle inside the grid, off what is built if a few tries find such a place."""
        x, y, _ = self.voxels.shape
        at = 1, 1
        for _ in range(8):
            at = self.whole(1, x - width - 1), self.whole(1, y - depth - 1)
            if self.is_vacant((*at, width, depth)):
                break
        return at

    def is_vacant(self, plan: Plan) -> bool:
        """Whether nothing is built on a rectangle."""
        x, y, dx, dy = plan
        return all(x >= bx + ex or bx >= x + dx or y >= by + ey or by >= y + dy for bx, by, ex, ey in self.built)

    # ---- shapes ----

    def box(self, x: int, y: int, z: int, dx: int, dy: int, dz: int, material: int) -> None:
        """Fill a box, clipped to the grid."""
        low = [max(0, v) for v in (x, y, z)]
        self.voxels[low[0] : max(0, x + dx), low[1] : max(0, y + dy), low[2] : max(0, z + dz)] = material

    def ball(
        self,
        centre: Sequence[float] | F64,
        radius: Sequence[float] | F64,
        material: int,
        ragged: float = 0.0,
        carve: bool = False,
    ) -> None:
        """Fill an ellipsoid's air, or with `carve` all of it; `ragged` 0..1 leaves that much of its rim to chance."""
        middle, reach = np.asarray(centre, float), np.asarray(radius, float)
        low = np.maximum(np.floor(middle - reach), 0).astype(int)
        high = np.minimum(np.ceil(middle + reach), self.voxels.shape).astype(int)
        if (low >= high).any():
            return
        x, y, z = (((np.arange(a, b) + 0.5 - m) / r) ** 2 for a, b, m, r in zip(low, high, middle, reach, strict=True))
        distance = x[:, None, None] + y[None, :, None] + z[None, None, :]
        inside = distance < (1.0 - ragged * self.rng.random(distance.shape) if ragged else 1.0)
        part = self.voxels[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
        part[inside if carve else inside & (part == AIR)] = material

    def column(self, x: float, y: float, z: int, radius: float, height: int, material: int, top: float = 1.0) -> None:
        """A round column about the axis (x, y); at its top it is `top` times as wide, so that 0 is a cone."""
        for step in range(height):
            r = radius * (1 + (top - 1) * step / max(height - 1, 1))
            low_x, low_y = max(0, int(x - r)), max(0, int(y - r))
            part = self.voxels[low_x : int(x + r) + 1, low_y : int(y + r) + 1, z + step : z + step + 1]
            if part.size:
                across = (np.arange(part.shape[0]) + low_x + 0.5 - x) ** 2
                along = (np.arange(part.shape[1]) + low_y + 0.5 - y) ** 2
                part[across[:, None] + along[None, :] <= max(r, 0.75) ** 2] = material

    # ---- lamps ----

    def lamp(self, x: float, y: float, z: float, standing: bool = False, wide: float = 0.25) -> None:
        """Hang a lamp whose top is at `z`, or stand one there; with the chance `wide` it is a panel or a tube.

        `lamps` drops it again if something solid is in its place at the end.
        """
        rng = self.rng
        if self.chance(wide):
            size = np.array([rng.uniform(0.5, 1.3), rng.choice([0.15, 0.6, 1.2]), rng.uniform(0.15, 0.3)])
            size = size[[1, 0, 2]] if self.chance(0.5) else size
        elif self.chance(0.5):
            size = rng.uniform(0.15, 0.6, 3)
        else:
            size = np.full(3, rng.uniform(0.15, 0.6))
        up = 1 if standing else -1
        centre = np.array([x, y, z]) * VOXEL_M + [0, 0, up * (size[2] / 2 + 0.06)]
        tones = [np.array([1.0, 0.6, 0.28]), np.array([1.0, 0.95, 0.85]), rng.uniform(0.08, 1.0, 3)]
        tone: F64 = tones[int(rng.choice(3, p=[0.5, 0.25, 0.25]))]
        area = 2 * (size[0] * size[1] + size[1] * size[2] + size[0] * size[2])
        self.boxes.append((centre, size, tone * float(np.exp(rng.uniform(np.log(5), np.log(50)))) / area))

    def lamps(self) -> tuple[F64, F64, F64]:
        """Centres m, sizes m and radiances [L, 3] of at most LAMPS of the lamps that hang free."""
        free = [box for box in self.boxes if self._is_free(box[0] - box[1] / 2 - 0.02, box[0] + box[1] / 2 + 0.02)]
        chosen = [free[i] for i in self.rng.permutation(len(free))[:LAMPS]]
        centre, size, radiance = (np.array([box[i] for box in chosen]).reshape(-1, 3) for i in range(3))
        return centre, size, radiance

    def _is_free(self, low_m: F64, high_m: F64) -> bool:
        low, high = np.floor(low_m / VOXEL_M).astype(int), np.floor(high_m / VOXEL_M).astype(int) + 1
        if (low < 0).any() or (high > self.voxels.shape).any():
            return False
        return not self.voxels[low[0] : high[0], low[1] : high[1], low[2] : high[2]].any()


def colour(rng: Generator, mood: str = "mixed") -> F64:
    """Linear albedo [3] of a mood: "white" (0.7 to 0.88), "dark", "muted" (stone and plaster) or "mixed" (any)."""
    if mood == "white":
        return np.clip(rng.uniform(0.72, 0.86) + rng.normal(0, 0.02, 3), 0.7, 0.88)
    if mood == "muted":
        return np.clip(rng.uniform(0.2, 0.75) * np.array([1.0, 0.92, 0.8]) ** rng.uniform(-0.5, 3), 0.08, 0.85)
    kind = 1 if mood == "dark" and rng.random() < 0.6 else rng.choice(4, p=[0.35, 0.12, 0.38, 0.15])
    if kind == 0:
        grey = np.clip(rng.uniform(0.2, 0.7) + rng.normal(0, 0.04, 3), 0.1, 0.85)
        return grey * (0.4 if mood == "dark" else 1.0)
    if kind == 1:
        return rng.uniform(0.03, 0.12, 3)
    if kind == 3 and mood != "dark":
        return rng.uniform(0.7, 0.88, 3)
    tone = rng.uniform(0.05, 0.25, 3)
    strong = rng.integers(3)
    tone[strong] = rng.uniform(0.45, 0.85)
    if rng.random() < 0.5:
        tone[(strong + 1) % 3] = rng.uniform(0.25, 0.75)
    return tone * (0.5 if mood == "dark" else 1.0)
