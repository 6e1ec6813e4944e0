"""Worlds to learn from: seeded, varied boxes of voxels with lamps, never the worlds that are shipped."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from engine.core.units import BRICK, VOXEL_M
from engine.state.blueprint import Materials
from engine.state.camera import Camera
from engine.teach.scenes import interiors, outdoors, streets
from engine.teach.scenes.site import GROUND, Site
from engine.view import Bodies, Lamps, SkyView, View, VoxelView

__all__ = [
    "GROUND", "KINDS", "Scene", "kind_of_seed", "lamps_from_boxes", "no_bodies", "plain_materials", "random_sky",
    "scene_from_seed", "view_of",
]  # fmt: skip

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]

# How often each kind of scene comes, and who builds it.
KINDS: dict[str, tuple[float, Callable[[Site], None]]] = {
    "interior": (0.21, interiors.flat),
    "village": (0.19, streets.village),
    "street": (0.11, streets.street),
    "courtyard": (0.11, streets.courtyard),
    "hall": (0.1, interiors.hall),
    "stairwell": (0.07, interiors.stairwell),
    "pillars": (0.08, outdoors.pillars),
    "ruins": (0.05, outdoors.ruins),
    "cave": (0.08, outdoors.cave),
}


@dataclass(frozen=True)
class Scene:
    """One world to learn from."""

    seed: int
    kind: str  # one of KINDS
    voxels: U8  # [X, Y, Z] material index, 0 = air
    materials: Materials
    lamps: Lamps


def kind_of_seed(seed: int) -> str:
    """Which of KINDS the training world of this number is."""
    return _kind(_generator(seed))


def scene_from_seed(seed: int) -> Scene:
    """The training world of this number: 16 to 32 m wide, 8 to 12 m high."""
    rng = _generator(seed)
    kind = _kind(rng)
    x, y = (int(rng.choice([64, 80, 96, 128], p=[0.4, 0.3, 0.2, 0.1])) for _ in range(2))
    site = Site(rng, (x, y, 48 if kind == "stairwell" else int(rng.choice([32, 40]))))
    KINDS[kind][1](site)
    return Scene(seed, kind, site.voxels, plain_materials(np.array(site.palette)), lamps_from_boxes(*site.lamps()))


def _generator(seed: int) -> Generator:
    return np.random.default_rng([seed, 0xDA6])


def _kind(rng: Generator) -> str:
    return str(rng.choice(list(KINDS), p=[weight for weight, _ in KINDS.values()]))


def random_sky(rng: Generator, elevation_rad: float | None = None) -> SkyView:
    """A sky of any hour: the channels differ on purpose, so that each colour is another lesson."""
    elevation = elevation_rad if elevation_rad is not None else math.radians(rng.uniform(2, 85))
    azimuth = rng.uniform(0, 2 * math.pi)
    horizontal = math.cos(elevation)
    direction = [math.cos(azimuth) * horizontal, math.sin(azimuth) * horizontal, math.sin(elevation)]
    tone = rng.uniform(0.3, 1.2)
    return SkyView(
        sun_direction=np.array(direction, np.float32),
        sun=(np.array([1.0, 0.9, 0.75]) * rng.uniform(0.5, 4.0)).astype(np.float32),
        zenith=(tone * rng.uniform(0.3, 1.0, 3)).astype(np.float32),
        horizon=(tone * rng.uniform(0.4, 1.4, 3)).astype(np.float32),
        glow=(tone * rng.uniform(0.0, 0.8, 3)).astype(np.float32),
        ground=(tone * rng.uniform(0.05, 0.4, 3)).astype(np.float32),
        exposure=1.0,
        fog_density=0.0,
    )


def view_of(
    voxels: U8, materials: Materials, lamps: Lamps, sky: SkyView, camera: Camera | None = None, lamps_on: bool = True
) -> View:
    """A View of bare voxels and lamps, without bodies; the camera defaults to one in the middle, looking along +x."""
    x, y, z = voxels.shape
    eye = camera or Camera((x * VOXEL_M / 2, y * VOXEL_M / 2, z * VOXEL_M * 0.75), 0.0, -0.4)
    stamps = np.zeros((x // BRICK, y // BRICK, z // BRICK), np.int64)
    shining = lamps if lamps_on else replace(lamps, radiance=lamps.radiance * 0)
    return View(0, 1.0, materials, (), VoxelView(voxels, stamps, voxels), no_bodies(), shining, sky, eye, eye)


def no_bodies() -> Bodies:
    """An empty list of bodies."""
    vectors, numbers = np.zeros((0, 3), np.float32), np.zeros(0, np.float32)
    flags = np.zeros(0, np.uint8)
    return Bodies(np.zeros(0, np.uint32), np.zeros(0, np.int32), vectors, numbers, vectors, numbers, vectors, flags)


def lamps_from_boxes(centre_m: ArrayLike, size_m: ArrayLike, radiance: ArrayLike) -> Lamps:
    """Lamps [L] from box centres and sizes [L, 3] in metres and radiances [L, 3]."""
    centre, size, light = (np.asarray(a, np.float32).reshape(-1, 3) for a in (centre_m, size_m, radiance))
    return Lamps(np.arange(len(centre), dtype=np.uint32), centre, size, light, light)


def plain_materials(albedo: ArrayLike, emission: ArrayLike | None = None) -> Materials:
    """Unpatterned materials [M] from albedos [M, 3] (row 0 is air) and, if any shine, emissions [M, 3]."""
    colours = np.asarray(albedo, np.float32).reshape(-1, 3)
    glow = np.zeros_like(colours) if emission is None else np.asarray(emission, np.float32)
    names = ("air", *(f"colour{i}" for i in range(1, len(colours))))
    return Materials(names, colours, glow, np.zeros(len(colours), np.uint8))
