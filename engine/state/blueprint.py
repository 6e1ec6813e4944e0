"""The blueprint: the constant part of a world, made from a world file. State refers to it; nothing changes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from engine.core.units import AIR, BRICK, VOXEL_M
from engine.state.bricks import Bricks, Grid
from engine.state.camera import CameraRail
from engine.state.components import PATROL

F64 = NDArray[np.float64]
F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
U16 = NDArray[np.uint16]
U8 = NDArray[np.uint8]


def _unsaid() -> F32:
    return np.zeros(0, np.float32)


@dataclass(frozen=True)
class Materials:
    """Materials by index; index 0 is air and is never drawn.

    What comes after the patterns may be left out: then all are matte, and patterns as they are drawn.
    """

    names: tuple[str, ...]  # [M]
    albedo: F32  # [M, 3] linear RGB, 0..1
    emission: F32  # [M, 3] linear RGB radiance
    pattern: U8  # [M] index into engine/raster/patterns.py NAMES, 0 plain: how the raster varies the albedo
    roughness: F32 = field(default_factory=_unsaid)  # [M] 0.05..1: GGX alpha is its square; 1 is matte, without a lobe
    metal: F32 = field(default_factory=_unsaid)  # [M] 0 a varnish over the colour .. 1 bare metal of that colour
    pattern_scale: F32 = field(default_factory=_unsaid)  # [M] how many times as large as it is drawn
    pattern_shift: F32 = field(default_factory=_unsaid)  # [M] metres by which it is moved

    def __post_init__(self) -> None:
        for name, plain in (("roughness", 1.0), ("metal", 0.0), ("pattern_scale", 1.0), ("pattern_shift", 0.0)):
            if not len(getattr(self, name)):
                object.__setattr__(self, name, np.full(len(self.names), plain, np.float32))

    @property
    def glossy(self) -> NDArray[np.bool_]:
        """[M] materials with a specular lobe; what shines by itself has none."""
        return np.asarray((self.roughness < 1.0) & ~self.emission.any(-1))


@dataclass(frozen=True)
class Picture:
    """A picture on the surface of an imported mesh."""

    rgba: U8  # [H, W, 4] sRGB and coverage: below 128 nothing is drawn; row 0 is v = 0
    repeats: tuple[bool, bool] = (True, True)  # along u and v beyond 0..1; else its last texel goes on


@dataclass(frozen=True)
class Coat:
    """Consecutive triangles that share their pictures."""

    first: int  # triangle
    last: int  # triangle, exclusive
    picture: Picture | None  # a factor on the tint; None is white
    glow: Picture | None  # a factor on the material's emission; None: it shines evenly, if at all
    is_cut_out: bool  # whether the picture has holes


@dataclass(frozen=True)
class Skin:
    """How an imported mesh is coloured, and what of it stops light."""

    uv: F32  # [V, 2] place in the pictures
    tint: F32  # [V, 3] linear RGB: the albedo where there is no picture
    coats: tuple[Coat, ...]  # all triangles in order
    solid: (
        F32  # [S, 2, 3] metres, prefab: boxes about as large as what they stand for; they stop light, the mesh does not
    )
    solid_albedo: F32  # [S, 3] linear RGB


@dataclass(frozen=True)
class Prefab:
    """A mesh in its own frame (metres, z up, looking along +x, the origin on the ground under its centre).

    Its parts (boxes, cylinders, balls; of an imported mesh the cells of a lattice) are the unit in which it is lit.
    """

    name: str
    position: F32  # [V, 3] metres, prefab
    normal: F32  # [V, 3] unit, prefab
    material: U16  # [V] index into Materials
    part: U16  # [V] which part a vertex belongs to, 0..n_parts-1
    triangles: I32  # [I, 3] vertex indices, counter-clockwise seen from outside
    part_low: F32  # [n_parts, 3] metres, prefab: bounding box of each part
    part_high: F32  # [n_parts, 3]
    half_extent: F32  # [3] metres: half of the collider box whose bottom centre is the origin
    skin: Skin | None = None  # None: every vertex has its material's colour


@dataclass(frozen=True)
class Trigger:
    """A box that tells when entities with a collider enter or leave it."""

    name: str
    low: tuple[float, float, float]  # metres, world
    high: tuple[float, float, float]  # metres, world


@dataclass(frozen=True)
class Goal:
    """Something that the player is asked to do."""

    name: str
    text: str  # as it is shown
    count: int = 1  # how often it must be done
    after: str = ""  # the goal that must be reached before this one is known, "" for none


@dataclass(frozen=True)
class Sky:
    """How the sky of a world is made; renderers derive radiance from it and the hour (engine/view.py)."""

    latitude_deg: float = 45.0
    sun_azimuth_offset_deg: float = 0.0  # turns the whole path of the sun around the vertical
    exposure: float = (
        1.0  # lets a world that is mostly indoors open the camera by day; at night it is fully open anyway
    )
    haze: float = 0.25  # 0 clear .. 1 overcast: sun fades, sky whitens
    night: tuple[float, float, float] = (0.010, 0.016, 0.034)  # linear RGB radiance of the night sky
    fog_density: float = 0.0  # 1/m, exponential


@dataclass(frozen=True)
class Spawn:
    """One entity to be made when the world starts; `components` holds column values by column name."""

    name: str  # unique, may be ""
    prefab: int  # index into Blueprint.prefabs, -1 for none
    position: tuple[float, float, float]  # metres, world
    yaw: float = 0.0  # radians
    components: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Path:
    """Points that a patrolling entity visits in a ring."""

    points: F64  # [n, 3] metres, world


@dataclass(frozen=True)
class Place:
    """A named disc on the ground where walkers gather: each goes to a spot of its own in it."""

    name: str
    position: tuple[float, float, float]  # metres, world: its centre, on the ground
    radius: float  # metres


@dataclass(frozen=True)
class Schedule:
    """What a walker does from which hour on, round the clock; the last entry holds until the first one's hour."""

    entries: tuple[tuple[float, int, int], ...]  # (hour 0..24 and growing, index into BEHAVIOURS, place or -1)

    @property
    def patrols(self) -> bool:
        """Whether who keeps it needs a path."""
        return any(behaviour == PATROL for _, behaviour, _ in self.entries)


@dataclass(frozen=True)
class Blueprint:
    """Everything about a world that never changes while it runs."""

    name: str
    digest: bytes  # 16 bytes: blake2b-128 of the world file's text and of everything it loaded
    voxels: Grid  # [X, Y, Z] material index at the start, 0 = air; X, Y, Z multiples of 8
    materials: Materials
    prefabs: tuple[Prefab, ...]
    spawns: tuple[Spawn, ...]
    paths: tuple[Path, ...]
    triggers: tuple[Trigger, ...]
    cameras: tuple[CameraRail, ...]  # at least one; the first is the opening shot
    sky: Sky
    start_hour: float  # 0..24, the hour of day at tick 0
    day_rate: float  # seconds of world time per second of simulation; 0 freezes the sun
    player_start: tuple[float, float, float]  # metres, world: the feet
    player_yaw: float  # radians
    handlers: Mapping[str, tuple[str, ...]]  # event name -> names of script functions, in the order of on(...)
    variables: Mapping[str, int | float | str | bool]  # script variables at tick 0
    places: tuple[Place, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    goals: tuple[Goal, ...] = ()
    sky_keys: tuple[tuple[float, Sky], ...] = ()  # hours 0..24, growing, and what the sky is like then; else `sky`

    @cached_property
    def path_points(self) -> tuple[F64, NDArray[np.int64], NDArray[np.int64]]:
        """All points of all paths in one row [n, 3] metres, where each path begins in it, and its length."""
        lengths = np.array([len(p.points) for p in self.paths], np.int64)
        points = np.concatenate([p.points for p in self.paths]) if self.paths else np.zeros((0, 3))
        return points, np.cumsum(lengths) - lengths, lengths

    @cached_property
    def ringed(self) -> U8:
        """`ringed_columns` of the voxels: a state's grid begins as a copy of it."""
        ringed = ringed_columns(self.voxels)
        ringed.setflags(write=False)
        return ringed

    @cached_property
    def place_centres(self) -> F64:
        """Where the places are, [n, 2] metres."""
        return np.array([p.position[:2] for p in self.places], np.float64).reshape(-1, 2)

    @cached_property
    def trigger_boxes(self) -> tuple[F64, F64]:
        """Low and high corners [t, 3] of all triggers, metres; feet that stand a centimetre deep count as inside."""
        corners = np.array([(t.low, t.high) for t in self.triggers], np.float64).reshape(-1, 2, 3)
        return corners[:, 0] - (0.0, 0.0, 0.01), corners[:, 1]

    @cached_property
    def few_trigger_boxes(self) -> list[tuple[float, ...]]:
        """`trigger_boxes` as (x0, y0, z0, x1, y1, z1) each: without numpy, for few points."""
        low, high = self.trigger_boxes
        return [tuple(row) for row in np.concatenate([low, high], axis=1).tolist()]

    @cached_property
    def farthest_reach_m(self) -> float:
        """How far along x or y the widest prefab reaches from its origin, however it is turned."""
        return max((float(p.half_extent[0] + p.half_extent[1]) for p in self.prefabs), default=0.0)

    @property
    def size_m(self) -> tuple[float, float, float]:
        """Extent of the voxel grid in metres; the grid's low corner is the world's origin."""
        x, y, z = self.voxels.shape
        return x * VOXEL_M, y * VOXEL_M, z * VOXEL_M


def ringed_columns(voxels: Grid) -> U8:
    """What is solid of voxels [X, Y, Z] as bits, column by column: [X, Y, 1 + Z/8 + 4] bytes in a ring of solid ground
    one column wide, flat, with four bytes more at the end.

    Bit k of byte b says whether level 8 (b - 1) + k is solid: a byte of ground below, four of air above. Of a large
    world it is only the end.
    """
    if isinstance(voxels, Bricks):
        return np.full(4, 0xFF, np.uint8)
    x, y, z = voxels.shape
    ringed = np.full((x + 2) * (y + 2) * (z // BRICK + 5) + 4, 0xFF, np.uint8)
    solid = solid_in_ring(ringed, voxels.shape)
    solid[:, :, 1:-4] = np.packbits(voxels != AIR, axis=2, bitorder="little")
    solid[:, :, -4:] = 0
    return ringed


def solid_in_ring(ringed: U8, shape: tuple[int, ...]) -> U8:
    """The columns [X, Y, 1 + Z/8 + 4] within `ringed_columns` of voxels of this shape; a view."""
    x, y, z = shape
    return ringed[:-4].reshape(x + 2, y + 2, z // BRICK + 5)[1:-1, 1:-1]
