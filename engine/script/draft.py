"""A world being written: what the declarations of a world file have said so far, and the blueprint made from it."""

import pathlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from engine.core.errors import LimitError, WorldFileError
from engine.core.units import BRICK, VOXEL_M
from engine.script.budget import Spot
from engine.script.canvas import Canvas, Drawing
from engine.script.shells import Light
from engine.script.values import colour, hint, point, said
from engine.state.blueprint import Blueprint, Goal, Materials, Path, Place, Prefab, Schedule, Sky, Spawn, Trigger
from engine.state.bricks import Grid
from engine.state.camera import CameraRail
from engine.state.components import MAX_BODIES, MAX_ENTITIES
from engine.state.story import MAX_GOALS
from engine.state.world import MAX_TRIGGERS, MAX_VARIABLES

PATTERNS = ("plain", "brick", "planks", "paving", "grass", "plaster", "tiles", "wood", "marble", "rock")

MAX_VOXELS = 2048 * 1024 * 1024  # 1024 x 1024 x 32 m; a snapshot tells them by 31 bits
MAX_DENSE = 64 * 1024 * 1024  # 128 x 128 x 64 m: a larger world is kept by brick
MAX_VOXELS_WRITTEN = 1024 * 1024 * 1024  # by all shapes together
ROUND = 4  # what a voxel of a round shape counts for
RAGGED = 16  # and of one that draws a number for each
MOST_SHAPES = 100_000  # that are kept to compare them with at the next reading
MAX_VERTICES = 500_000  # of all prefabs together; the town has 15,000
MAX_MATERIALS = 255  # voxels store an index in one byte, 0 is air
MAX_COUNTS = {
    "prefab": 1024,
    "spawn": MAX_ENTITIES,
    "body": MAX_BODIES,
    "path": 4096,
    "place": 4096,
    "schedule": 4096,
    "trigger": MAX_TRIGGERS,
    "goal": MAX_GOALS,
    "lamp": 512,
    "camera": 256,
    "sky": 96,
    "variable": MAX_VARIABLES,
    "handler": 4096,
}

Colour = tuple[float, float, float]
Voxel = tuple[int, int, int]
Shape = Callable[..., None]  # that writes itself into a grid: see shapes.py


@dataclass(frozen=True)
class Drawn:
    """The voxels of a world file and the shapes that they are a function of, its prefabs and what they were made of."""

    size: Voxel
    shapes: list[tuple[Shape, tuple[Any, ...]]] | None  # None: the file looked at its voxels while it drew
    voxels: Grid
    prefabs: dict[tuple[Any, ...], Prefab]


@dataclass
class Draft:
    """Everything declared so far. Names are unique among their kind."""

    name: str = ""
    folder: pathlib.Path | None = None  # of the world file: where its models and pictures lie
    assets: dict[str, bytes] = field(default_factory=dict)  # what was read of it, by path
    notes: list[str] = field(default_factory=list)  # what imported models say and the world leaves out
    lights: dict[str, tuple[Light, ...]] = field(default_factory=dict)  # prefab -> lamps that came with its model
    finishes: dict[tuple[object, ...], int] = field(default_factory=dict)  # look of an imported surface -> material
    grid: Drawing | None = None
    shapes: list[tuple[Shape, tuple[Any, ...]]] | None = field(default_factory=list)  # None: they are not all there is
    known: Drawn | None = None  # what the last reading of the file drew
    drawn: Drawn | None = None  # what this one did, once it is finished
    sky: Sky = field(default_factory=Sky)
    sky_keys: list[tuple[float, Sky]] = field(default_factory=list)  # by hour
    start_hour: float = 12.0
    day_rate: float = 0.0
    materials: dict[str, tuple[Colour, Colour, int, float, float]] = field(
        default_factory=dict
    )  # albedo, emission, pattern, roughness, metal
    cuts: dict[str, tuple[float, float]] = field(default_factory=dict)  # material -> scale and shift of its pattern
    prefabs: dict[str, Prefab] = field(default_factory=dict)
    made_of: dict[tuple[Any, ...], Prefab] = field(default_factory=dict)  # prefabs of parts, by all that makes them
    spawns: list[Spawn] = field(default_factory=list)
    paths: list[Path] = field(default_factory=list)
    places: dict[str, Place] = field(default_factory=dict)
    schedules: list[Schedule] = field(default_factory=list)
    triggers: dict[str, Trigger] = field(default_factory=dict)
    goals: dict[str, Goal] = field(default_factory=dict)
    cameras: dict[str, CameraRail] = field(default_factory=dict)
    player_start: tuple[float, float, float] | None = None
    player_yaw: float = 0.0
    handlers: dict[str, list[str]] = field(default_factory=dict)
    variables: dict[str, int | float | str | bool] = field(default_factory=dict)
    spawn_names: dict[str, int] = field(default_factory=dict)  # name -> index into spawns
    voxels_written: int = 0
    vertices: int = 0
    said_at: dict[tuple[str, ...], Spot] = field(default_factory=dict)  # (function, texts) -> where in which file

    waits: bool = field(init=False)  # no shape was drawn yet: so far all are those of `known`

    def __post_init__(self) -> None:
        self.waits = self.known is not None and self.known.shapes is not None

    @property
    def size(self) -> Voxel:
        """Of the grid in voxels, once world(...) has made one."""
        if self.grid is None:
            raise WorldFileError("world(...) must come first: it says how large the world is")
        x, y, z = self.grid.shape
        return x, y, z

    def voxels(self) -> Drawing:
        """The grid, once world(...) has made one, for who looks at it or writes it otherwise than by `draw`."""
        _ = self.size
        self._draw_waiting()
        self.shapes = None
        assert self.grid is not None
        return self.grid

    def draw(self, shape: Shape, *args: Any) -> None:
        """Writes a shape into the grid; not yet, as long as all shapes are those that the last reading drew."""
        if self.shapes is not None:
            self.shapes.append((shape, args))
            n, known = len(self.shapes), self.known
            if self.waits and known is not None and known.shapes is not None:
                if self.size == known.size and n <= len(known.shapes) and self.shapes[-1] == known.shapes[n - 1]:
                    return
                self._draw_waiting()
                return
            if n > MOST_SHAPES:
                self.shapes = None
        shape(self.grid, *args)

    def _draw_waiting(self) -> None:
        if self.waits:
            self.waits = False
            for shape, args in self.shapes or ():
                shape(self.grid, *args)

    def assembled(self, recipe: tuple[Any, ...], make: Callable[[], Prefab]) -> Prefab:
        """The prefab that follows from a recipe, that of the last reading if it had the same one."""
        made = self.known.prefabs.get(recipe) if self.known is not None else None
        self.made_of[recipe] = made = made or make()
        return made

    def _drawn(self) -> Drawn:
        """All voxels, finished. They are a function of the shapes alone if nobody has looked at them: the same shapes
        as at the last reading, the same voxels.
        """
        known = self.known
        if self.waits and known is not None and (self.size, self.shapes) == (known.size, known.shapes):
            return replace(known, prefabs=self.made_of)
        self._draw_waiting()
        assert self.grid is not None
        if isinstance(self.grid, Canvas):
            return Drawn(self.size, self.shapes, self.grid.finished(), self.made_of)
        self.grid.flags.writeable = False
        return Drawn(self.size, self.shapes, self.grid, self.made_of)

    def count(self, kind: str, present: int) -> None:
        """Refuses one more of a kind beyond its cap."""
        if present >= MAX_COUNTS[kind]:
            raise LimitError(f"a world may hold {MAX_COUNTS[kind]:,} of kind '{kind}', not more")

    def window(self, low: Voxel, high: Voxel, cut: bool, work: int = 1) -> None:
        """Checks a box of voxels before a shape is written there; `cut` shapes may reach outside.

        Each voxel counts `work` times: how much longer it takes than one of a plain box.
        """
        size = self.size
        (x0, y0, z0), (x1, y1, z1), (x, y, z) = low, high, size
        if 0 <= x0 < x1 <= x and 0 <= y0 < y1 <= y and 0 <= z0 < z1 <= z:  # as nearly all are
            self.work(work * (x1 - x0) * (y1 - y0) * (z1 - z0))
            return
        for axis, a, b, n in zip("xyz", low, high, size, strict=True):
            if a >= b:
                raise WorldFileError(
                    f"low {axis} = {a * VOXEL_M:g} must be below high {axis} = {b * VOXEL_M:g} (metres)"
                    + ("; are the two corners swapped?" if a > b else "")
                )
            if not cut and (a < 0 or b > n):
                raise WorldFileError(
                    f"{axis} = {a * VOXEL_M:g}..{b * VOXEL_M:g} reaches outside the world (0..{n * VOXEL_M:g} metres)"
                )
        inside = [max(0, min(b, n) - max(a, 0)) for a, b, n in zip(low, high, size, strict=True)]
        self.work(work * inside[0] * inside[1] * inside[2])

    def work(self, voxels: int) -> None:
        """Counts what a shape writes, or what takes as long as writing so many voxels."""
        self.voxels_written += voxels
        if self.voxels_written > MAX_VOXELS_WRITTEN:
            raise LimitError(f"the shapes of a world may write {MAX_VOXELS_WRITTEN:,} voxels together, not more")

    def place(self, value: object, what: str) -> tuple[float, float, float]:
        """A point inside the world, metres."""
        x, y, z = (n * VOXEL_M for n in self.size)
        p = point(value, what)
        if not all(0.0 <= v <= s for v, s in zip(p, (x, y, z), strict=True)):
            raise WorldFileError(f"{what} = {p} lies outside the world (0..{x:g}, 0..{y:g}, 0..{z:g} metres)")
        return p

    def place_number(self, name: object, others: Iterable[str] = ()) -> int:
        """Index of a named place; `others` are words that could have been meant as well."""
        if isinstance(name, str) and name in self.places:
            return list(self.places).index(name)
        raise WorldFileError(f"there is no place named {said(name)}{hint(str(name), (*self.places, *others))}")

    def add_material(
        self,
        name: str,
        albedo: Colour,
        emission: Colour = (0.0, 0.0, 0.0),
        pattern: str = "plain",
        roughness: float = 1.0,
        metal: float = 0.0,
    ) -> int:
        """Index of a new material."""
        if len(self.materials) >= MAX_MATERIALS:
            raise LimitError(f"a world may hold {MAX_MATERIALS} materials, not more (each '#rrggbb' counts as one)")
        self.materials[name] = (albedo, emission, PATTERNS.index(pattern), roughness, metal)
        return len(self.materials)

    def material(self, name: object, what: str = "material") -> int:
        """Index of a material by name; a colour such as "#c0a080" is a plain material of its own."""
        if isinstance(name, str) and name in self.materials:
            return list(self.materials).index(name) + 1
        if isinstance(name, str) and name.startswith("#"):
            return self.add_material(name, colour(name, what))
        raise WorldFileError(f"there is no {what} named {name!r}{hint(str(name), self.materials)}")

    def finish(self, digest: bytes) -> Blueprint:
        """The blueprint, or what is still missing."""
        _ = self.size  # world(...) must have made one
        if not self.cameras:
            raise WorldFileError("a world needs at least one camera(...); the first one is its opening shot")
        if self.player_start is None:
            raise WorldFileError("a world needs player(at=...): where the visitor stands at first")
        spawns = tuple(self.spawns)
        for spawn in spawns:
            for column in ("switches", "follows", "carrier"):
                other = spawn.components.get(column, "")
                if other and other not in self.spawn_names and other != "player":
                    verb = "is carried by" if column == "carrier" else column
                    verb = {"seek": "seeks", "flee": "flees"}.get(str(spawn.components.get("behaviour")), verb)
                    near = hint(str(other), [*self.spawn_names, *(self.places if verb == "seeks" else ())])
                    raise WorldFileError(f"spawn '{spawn.name}' {verb} '{other}', which is never spawned{near}")
        self.drawn = self._drawn()
        black = (0.0, 0.0, 0.0)
        cuts = [self.cuts.get(name, (1.0, 0.0)) for name in self.materials]
        table = [(black, black, 0, 1.0, 0.0), *self.materials.values()]
        return Blueprint(
            name=self.name,
            digest=digest,
            voxels=self.drawn.voxels,
            materials=Materials(
                names=("air", *self.materials),
                albedo=np.asarray([m[0] for m in table], np.float32),
                emission=np.asarray([m[1] for m in table], np.float32),
                pattern=np.asarray([m[2] for m in table], np.uint8),
                roughness=np.asarray([m[3] for m in table], np.float32),
                metal=np.asarray([m[4] for m in table], np.float32),
                pattern_scale=np.asarray([1.0, *(cut[0] for cut in cuts)], np.float32),
                pattern_shift=np.asarray([0.0, *(cut[1] for cut in cuts)], np.float32),
            ),
            prefabs=tuple(self.prefabs.values()),
            spawns=spawns,
            paths=tuple(self.paths),
            triggers=tuple(self.triggers.values()),
            cameras=tuple(self.cameras.values()),
            sky=self.sky,
            sky_keys=tuple(self.sky_keys),
            start_hour=self.start_hour,
            day_rate=self.day_rate,
            player_start=self.player_start,
            player_yaw=self.player_yaw,
            handlers={event: tuple(names) for event, names in self.handlers.items()},
            variables=dict(self.variables),
            places=tuple(self.places.values()),
            schedules=tuple(self.schedules),
            goals=tuple(self.goals.values()),
        )


def grid_of(size_voxels: Voxel) -> Drawing:
    """An empty grid; its edges are whole bricks."""
    for axis, n in zip("xyz", size_voxels, strict=True):
        if n <= 0 or n % BRICK:
            nearest = max(1, round(n / BRICK)) * BRICK * VOXEL_M
            raise WorldFileError(
                f"size {axis} must be a positive multiple of {BRICK * VOXEL_M:g} m; "
                f"the nearest to {n * VOXEL_M:g} is {nearest:g}"
            )
    total = size_voxels[0] * size_voxels[1] * size_voxels[2]
    if total > MAX_VOXELS:
        raise LimitError(f"a world may hold {MAX_VOXELS:,} voxels, not {total:,}")
    return Canvas(size_voxels) if total > MAX_DENSE else np.zeros(size_voxels, np.uint8)
