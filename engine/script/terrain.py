"""What a world file says about its land (hills, roads, rivers, clearings), and where on it things go."""

import math

from engine.core.errors import LimitError, WorldFileError
from engine.core.trig import sine_cosine
from engine.core.units import VOXEL_M, VOXELS_PER_M
from engine.script import land
from engine.script.draft import RAGGED, Draft
from engine.script.objects import MAX_LENGTH
from engine.script.values import integer, number, one_of, point, said, voxel, voxels

MAX_CORNERS = 256  # of one road
STYLES = ("hills", "mountains")
Metres = tuple[float, float, float]


class Terrain:
    """Land of a draft, and places on it."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft

    # --- land ---------------------------------------------------------------------------------------------------------

    def terrain(
        self,
        low: object,
        high: object,
        material: object,
        under: object = None,
        steep: object = None,
        style: object = "hills",
        lowest: object = None,
        scale: object = 48.0,
        octaves: object = 4,
        roughness: object = 0.5,
        seed: object = 0,
    ) -> None:
        """Land of hills or "mountains" that fills a box from below. Its ground lies between `lowest` and the box's top.

        `scale` is how wide the largest hills are, in metres; each of the `octaves` is half as wide and `roughness`
        times as high as the one before. The upper 0.5 m are of `material`, what lies below `under`, slopes of more than
        45 degrees `steep`. Without `lowest` the ground begins 1 m above the box's floor.

        >>> terrain((0, 0, 0), (32, 32, 6), "grass", under = "stone", scale = 24, seed = 7)
        """
        d, m = self.draft, self.draft.material
        lo, hi = voxel(low, "low"), voxel(high, "high")
        d.window(lo, hi, cut=False)
        base = lo[2] + VOXELS_PER_M if lowest is None else voxels(lowest, "lowest")
        if not lo[2] < base <= hi[2]:
            raise WorldFileError(
                f"lowest = {base * VOXEL_M:g} must lie above the box's floor and not above its top "
                f"({lo[2] * VOXEL_M:g}..{hi[2] * VOXEL_M:g})"
            )
        crust = m(material)
        below, slopes = (crust if v is None else m(v, what) for v, what in ((under, "under"), (steep, "steep")))
        noise = (
            integer(seed, "seed", 0, 2**31),
            number(scale, "scale (m)", 1.0, 4096.0) * VOXELS_PER_M,
            integer(octaves, "octaves", 1, 8),
            number(roughness, "roughness", 0.0, 1.0),
            one_of(style, "style", STYLES) == "mountains",
        )
        land.raise_land(d.voxels(), lo, hi, base, (crust, below, slopes), noise)

    def flatten(
        self, at: object, radius: object, material: object = None, height: object = None, blend: object = 4.0
    ) -> float:
        """A level disc of ground for a house or a square, and its height in metres.

        `at` is (x, y); `height` is that of the ground there unless it is given; over `blend` metres around it the land
        rises or falls to what it was. Without a material the ground keeps its own.

        >>> height = flatten((16, 16), radius = 4, material = "stone")
        """
        grid, (x, y) = self.draft.voxels(), self._column(at, "at")
        r, soft = number(radius, "radius", 0.25, 256.0), number(blend, "blend (m)", 0.0, 64.0)
        reach = math.ceil((r + soft) * VOXELS_PER_M)
        self.draft.window((x - reach, y - reach, 0), (x + reach, y + reach, grid.shape[2]), True)
        level = land.top(grid, x, y)[0] if height is None else voxels(height, "height")
        made = None if material is None else self.draft.material(material)
        land.clearing(grid, (x, y), r * VOXELS_PER_M, soft * VOXELS_PER_M, level, made)
        return level * VOXEL_M

    def road(self, points: object, material: object, width: object = 2.0, blend: object = 2.0) -> None:
        """A way over the land through points (x, y), as wide as `width` metres; it cuts and fills to rise gently.

        Over `blend` metres on both sides the land meets it.

        >>> road([(2, 2), (16, 12), (30, 30)], "stone", width = 2)
        """
        self._strip(points, material, width, blend, 0, False)

    def river(
        self, points: object, material: object, width: object = 4.0, depth: object = 0.5, blend: object = 3.0
    ) -> None:
        """Water along points (x, y) from spring to end, `depth` metres below the land; it never flows upwards.

        >>> river([(2, 30), (16, 20), (30, 4)], "stone", width = 3, depth = 0.5)
        """
        sink = voxels(depth, "depth")
        if sink < 0:
            raise WorldFileError(f"depth is how far the water lies below the land: 0 m or more, not {sink * VOXEL_M:g}")
        self._strip(points, material, width, blend, sink, True)

    def _strip(self, points: object, material: object, width: object, blend: object, sink: int, falls: bool) -> None:
        grid = self.draft.voxels()
        if not isinstance(points, list | tuple) or not 2 <= len(points) <= MAX_CORNERS:
            raise WorldFileError(f"points must be a list of 2 to {MAX_CORNERS} places (x, y)")
        wide, soft = number(width, "width (m)", 0.25, 64.0), number(blend, "blend (m)", 0.0, 64.0)
        corners = [self._column(p, f"point {i}") for i, p in enumerate(points)]
        if any(a == b for a, b in zip(corners, corners[1:], strict=False)):
            raise WorldFileError("two points that follow one another are the same place")
        reach = (wide + 2 * soft) * VOXELS_PER_M
        length = sum(math.dist(a, b) for a, b in zip(corners, corners[1:], strict=False))
        self.draft.work(math.ceil(length * (4 * reach * reach + land.WORK_OF_SAMPLE)))
        made = self.draft.material(material)
        land.strip(grid, corners, wide * VOXELS_PER_M, soft * VOXELS_PER_M, sink, falls, made)

    # --- places -------------------------------------------------------------------------------------------------------

    def _column(self, value: object, what: str) -> tuple[int, int]:
        if not isinstance(value, list | tuple) or len(value) not in (2, 3):
            raise WorldFileError(f"{what} must be two numbers (x, y), not {said(value)}")
        nx, ny, _ = self.draft.size
        x, y, *_ = (math.floor(number(v, f"{what} {a}") * VOXELS_PER_M) for v, a in zip(value, "xyz", strict=False))
        if not (0 <= x <= nx and 0 <= y <= ny):
            raise WorldFileError(
                f"{what} = ({value[0]:g}, {value[1]:g}) lies outside the world "
                f"(0..{nx * VOXEL_M:g}, 0..{ny * VOXEL_M:g} metres)"
            )
        return min(x, nx - 1), min(y, ny - 1)

    def ground_at(self, x: object, y: object) -> float:
        """How high the ground is at a place, in metres: the top of its highest voxel, 0 where there is none.

        >>> spawn("crate", at = (10, 10, ground_at(10, 10)))
        """
        self.draft.work(RAGGED)
        return land.top(self.draft.voxels(), *self._column((x, y), "the place"))[0] * VOXEL_M

    def scatter(
        self,
        low: object,
        high: object,
        spacing: object = 4.0,
        on: object = None,
        seed: object = 0,
        count: object = MAX_LENGTH,
    ) -> list[Metres]:
        """Places on the ground between two corners (x, y), no two nearer than `spacing` metres, in a list.

        `on` are the materials that may be there: one, or a list. At most `count` are found.

        >>> for x, y, z in scatter((2, 2), (30, 30), spacing = 5, on = "grass", seed = 3):
        ...     blob((x, y, z), 0.75, "grass")
        """
        lo, hi = self._column(low, "low"), self._column(high, "high")
        if lo[0] >= hi[0] or lo[1] >= hi[1]:
            raise WorldFileError("low must be below high in x and in y")
        names = None if on is None else on if isinstance(on, list | tuple) else [on]
        kinds = None if names is None else frozenset(self.draft.material(name, "material") for name in names)
        gap = number(spacing, "spacing (m)", 0.25, 256.0) * VOXELS_PER_M
        most, key = integer(count, "count", 1, MAX_LENGTH), integer(seed, "seed", 0, 2**31)
        self.draft.work(land.WORK_OF_TRY * land.tries_of(lo, hi, gap))
        found = land.scattered(self.draft.voxels(), lo, hi, gap, key, kinds, most)
        return [(x * VOXEL_M, y * VOXEL_M, z * VOXEL_M) for x, y, z in found]

    def repeat(self, at: object, step: object, count: object, then: object = None, rows: object = 1) -> list[Metres]:
        """Places in a row: `count` of them, `step` (x, y, z) apart, the first at `at`; in `rows` rows, `then` apart.

        >>> for at in repeat((4, 4, 1), step = (3, 0, 0), count = 5, then = (0, 6, 0), rows = 2):
        ...     column(at, 0.3, 3, "stone")
        """
        first, one = point(at, "at"), point(step, "step")
        other = (0.0, 0.0, 0.0) if then is None else point(then, "then")
        n, m = integer(count, "count", 1, MAX_LENGTH), integer(rows, "rows", 1, MAX_LENGTH)
        if n * m > MAX_LENGTH:
            raise LimitError(f"repeat(...) may give {MAX_LENGTH:,} places, not {n * m:,}")
        if m > 1 and then is None:
            raise WorldFileError("rows = ... needs then=(x, y, z), how far the rows are apart")

        def place(i: int, j: int) -> Metres:
            x, y, z = (a + i * b + j * c for a, b, c in zip(first, one, other, strict=True))
            return x, y, z

        return [place(i, j) for j in range(m) for i in range(n)]

    def ring(
        self, centre: object, radius: object, count: object, start_deg: object = 0.0
    ) -> list[tuple[Metres, float]]:
        """Places around a centre, each with the angle yaw_deg under which one looks from there to the centre.

        >>> for at, yaw_deg in ring((16, 16, 1), radius = 4, count = 8):
        ...     spawn("crate", at = at, yaw_deg = yaw_deg)
        """
        x, y, z = point(centre, "centre")
        r, n = number(radius, "radius (m)", 0.0, 4096.0), integer(count, "count", 1, MAX_LENGTH)
        start, made = number(start_deg, "start_deg", -3600.0, 3600.0), []
        for i in range(n):
            degrees = start + 360.0 * i / n
            sin, cos = sine_cosine(math.radians(degrees))
            made.append(((x + r * cos, y + r * sin, z), degrees + 180.0))
        return made

    def snap(self, value: object) -> float | Metres:
        """The nearest multiple of 0.25 m: of a number, or of each number of (x, y, z).

        >>> fill((2, 2, 1), snap((4.1, 4.2, 3)), "stone")
        """

        def nearest(v: object) -> float:
            return math.floor(number(v, "value") * VOXELS_PER_M + 0.5) * VOXEL_M

        if isinstance(value, list | tuple):
            x, y, z = (nearest(v) for v in point(value, "value"))
            return x, y, z
        return nearest(value)
