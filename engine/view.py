"""The bridge: a View is all that renderers ever see of a world. Nothing above this file sees the state.

`engine.sim.extract.extract(blueprint, state, ...)` makes one: a frozen copy, but for the voxel grid, which is shared
read-only and moves on with the next step. Light is given as *radiance of a white diffuse surface*, e = irradiance / pi,
so that a surface of albedo a shines with a * e.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.core.rotations import of_yaws
from engine.state.blueprint import Materials, Prefab
from engine.state.bricks import Bricks
from engine.state.camera import Camera
from engine.state.story import Ending, Standing

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
U32 = NDArray[np.uint32]
U8 = NDArray[np.uint8]
I64 = NDArray[np.int64]

REUSED, REGENERATED, STALE = 0, 1, 2  # what became of a tile of the last picture


_UNSAID = np.zeros((0, 0, 0), np.uint8)


@dataclass(frozen=True)
class VoxelView:
    """The static grid as it is now. A brick's `stamp` tells its content: same `origin`, equal stamps, equal voxels."""

    material: U8  # [X, Y, Z] material index, 0 = air; read-only
    stamp: I64  # [X/8, Y/8, Z/8] of each brick: 0 = as in `origin`, else a 63-bit hash of its voxels
    # [X, Y, Z] as in the blueprint: the same array as long as it is the same world. Left out, all are of one world.
    base: U8 = field(default_factory=lambda: _UNSAID)
    origin: U8 = field(init=False)  # [X, Y, Z] what stamps are of: `base`, but in a view that was `told`

    def __post_init__(self) -> None:
        object.__setattr__(self, "origin", self.base)

    @classmethod
    def told(cls, material: U8, stamp: I64, base: U8, origin: U8) -> "VoxelView":
        """A grid with stamps that are of another world, which it resembles (engine/film/knownworlds.py)."""
        view = cls(material, stamp, base)
        object.__setattr__(view, "origin", origin)
        return view

    def copy(self) -> "VoxelView":
        """The same as it is now, which no step of its world changes."""
        return self.told(self.material.copy(), self.stamp.copy(), self.base, self.origin)


@dataclass(frozen=True)
class Land:
    """The voxels of a large world: too many for an array, so renderers cut a window (engine/film/window.py)."""

    material: Bricks  # [X, Y, Z] as it is now; read-only, moves on with the next step
    stamp: I64  # as of a VoxelView
    base: Bricks  # as in the blueprint: the same object as long as it is the same world
    version: int  # another one whenever a stamp may be another; of this `material` alone


@dataclass(frozen=True)
class Bodies:
    """Everything drawn from a prefab mesh: people, lanterns, swinging doors. Poses are interpolated by alpha."""

    entity: U32  # [B] entity index (not the whole id), unique within a view
    prefab: I32  # [B] index into View.prefabs
    position: F32  # [B, 3] metres, world: the prefab's origin
    yaw: F32  # [B] radians: read `orientation`, which also holds how rigid bodies lean
    previous_position: F32  # [B, 3] one tick earlier, for the motion channel
    previous_yaw: F32  # [B]
    glow: F32  # [B, 3] radiance in place of the emission of this body's emissive materials; 0 is a lamp that is off
    glows: U8  # [B] 1 where `glow` counts
    stands: U8 = field(default_factory=lambda: np.zeros(0, np.uint8))  # [B] 1 where it stays put; [0] if none does
    # How each is turned, as unit quaternions x, y, z, w; left out, all stand upright, turned by their yaw.
    orientation: F32 = field(default_factory=lambda: np.zeros((0, 4), np.float32))  # [B, 4]
    previous_orientation: F32 = field(default_factory=lambda: np.zeros((0, 4), np.float32))  # [B, 4]

    def __post_init__(self) -> None:
        for name, yaw in (("orientation", self.yaw), ("previous_orientation", self.previous_yaw)):
            if len(getattr(self, name)) != len(yaw):
                object.__setattr__(self, name, of_yaws(yaw).astype(np.float32))


@dataclass(frozen=True)
class Lamps:
    """Box-shaped emitters. Not in the voxel grid and no obstacle to rays. Zero radiance is a lamp that is off."""

    entity: U32  # [L]
    centre: F32  # [L, 3] metres, world
    size: F32  # [L, 3] metres, full extents of the box
    radiance: F32  # [L, 3] linear RGB, now
    full_radiance: F32  # [L, 3] linear RGB when fully on: what culling may rely on


@dataclass(frozen=True)
class SkyView:
    """Light from outside at this hour, already in its small fixed steps (so that caches see few values)."""

    sun_direction: F32  # [3] unit, towards the sun
    sun: F32  # [3] e of a white surface facing the sun; 0 below the horizon
    zenith: F32  # [3] radiance straight up
    horizon: F32  # [3] radiance at the horizon
    glow: F32  # [3] radiance added around the sun near the horizon (dawn, dusk)
    ground: F32  # [3] radiance seen below the horizon where the world ends
    exposure: float  # multiplies radiance before the tone curve; a function of the state, never of pixels
    fog_density: float  # 1/m


@dataclass(frozen=True)
class View:
    """What one camera may see of the world between two ticks."""

    tick: int
    alpha: float  # 0..1 between `tick - 1` and `tick`
    materials: Materials
    prefabs: tuple[Prefab, ...]
    voxels: VoxelView
    bodies: Bodies
    lamps: Lamps
    sky: SkyView
    camera: Camera
    previous_camera: Camera  # of the previous frame or tick, for the motion channel
    subtitle: str = ""  # a line that the world wants shown
    speaker: str = ""  # who says it, "" for nobody
    goals: tuple[Standing, ...] = ()  # that the player knows of
    ending: Ending | None = None
    land: Land | None = None  # of a large world; `voxels` is empty then, until a window is cut


def sky_radiance(sky: SkyView, direction: F32) -> F32:
    """Radiance of the sky without the sun's disc, for unit directions [..., 3] -> [..., 3] linear RGB.

    A gradient from horizon to zenith by the square root of height, a glow around the sun, and a plain ground below the
    horizon. light/relight.py (numba) and raster/shaders/sky.glsl hold the same formula; tests keep the three in step.
    """
    d = np.asarray(direction, np.float32)
    height = np.clip(d[..., 2], 0.0, 1.0)[..., None]
    colour = sky.horizon + (sky.zenith - sky.horizon) * np.sqrt(height)
    towards = np.clip(d @ sky.sun_direction, 0.0, 1.0)[..., None]
    colour = colour + sky.glow * towards**8 * (1.0 - height)
    return np.where(d[..., 2:3] < 0.0, sky.ground, colour).astype(np.float32)


@dataclass(frozen=True)
class Frame:
    """One picture and what it cost."""

    rgb: U8  # [H, W, 3] sRGB
    tick: int
    stats: dict[str, object] = field(default_factory=dict)  # frame_ms, probes/tiles {reused, regenerated}, ms per stage
    # [rows, columns] of 16 px tiles: REUSED, REGENERATED or STALE; empty where nobody keeps tiles
    tiles: U8 = field(default_factory=lambda: np.zeros((0, 0), np.uint8))
