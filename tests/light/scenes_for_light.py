"""Small scenes for tests of light, as views."""

import dataclasses

import numpy as np

from engine.film.knownworlds import bricks_that_differ
from engine.light import gather
from engine.light.features import SceneFeatures
from engine.light.furniture import no_furniture
from engine.light.gather import ALL_RAYS, TEXEL_RAYS
from engine.light.interpolate import probe_weights
from engine.light.network import SHAPES, Network
from engine.light.surface import face_centre
from engine.light.trace import Voxels, voxels_of
from engine.light.transport import Transport
from engine.state.blueprint import Materials
from engine.state.camera import Camera
from engine.state.voxels import stamp_of
from engine.view import Bodies, Lamps, SkyView, View, VoxelView
from tests.worlds_for_tests import STONE, box_prefab


def materials() -> Materials:
    """0 air, 1 grey, 2 red, 3 white."""
    albedo = np.array([[0, 0, 0], [0.5, 0.5, 0.5], [0.7, 0.15, 0.1], [0.85, 0.85, 0.85]], np.float32)
    return Materials(("air", "grey", "red", "white"), albedo, np.zeros((4, 3), np.float32), np.zeros(4, np.uint8))


def sky(sun: float = 3.0, direction: tuple[float, float, float] = (0.4, 0.3, 0.866), blue: float = 0.5) -> SkyView:
    d = np.array(direction, np.float32)
    one = np.ones(3, np.float32)
    return SkyView(d / np.linalg.norm(d), one * sun, one * blue, one * blue, one * 0, one * 0, 1.0, 0.0)


def even_sky(radiance: float) -> SkyView:
    """The same radiance from everywhere, from below too."""
    return dataclasses.replace(sky(sun=0.0, blue=radiance), ground=np.full(3, radiance, np.float32))


def lamps(*boxes: tuple[tuple[float, float, float], float, tuple[float, float, float]]) -> Lamps:
    """Lamps from (centre, edge, radiance)."""
    n = len(boxes)
    radiance = np.array([b[2] for b in boxes], np.float32).reshape(n, 3)
    return Lamps(
        np.arange(n, dtype=np.uint32), np.array([b[0] for b in boxes], np.float32).reshape(n, 3),
        np.array([[b[1]] * 3 for b in boxes], np.float32).reshape(n, 3), radiance, radiance.copy(),
    )  # fmt: skip


def no_bodies() -> Bodies:
    z = np.zeros((0, 3), np.float32)
    f = np.zeros(0, np.float32)
    i = np.zeros(0, np.int32)
    return Bodies(i.astype(np.uint32), i, z, f, z, f, z, i.astype(np.uint8))


def view_of(grid: np.ndarray, light: Lamps | None = None, outside: SkyView | None = None) -> View:
    camera = Camera((1.0, 1.0, 1.7), 0.7, -0.2)
    return View(
        0, 1.0, materials(), (), VoxelView(grid, np.zeros(tuple(n // 8 for n in grid.shape), np.int64), grid),
        no_bodies(),
        light or lamps(), outside or sky(), camera, camera,
    )  # fmt: skip


def with_voxels(view: View, grid: np.ndarray) -> View:
    """The view after its grid became `grid`."""
    old = view.voxels
    if not old.base.size:
        differs = bricks_that_differ(old.material, grid)
        return dataclasses.replace(view, voxels=VoxelView(grid, old.stamp + differs * (old.stamp.max() + 1)))
    stamp = np.zeros(old.stamp.shape, np.int64)
    for brick in np.argwhere(bricks_that_differ(old.base, grid)).tolist():
        stamp[tuple(brick)] = stamp_of(grid[tuple(slice(8 * b, 8 * b + 8) for b in brick)])
    return dataclasses.replace(view, voxels=VoxelView(grid, stamp, old.base))


def plaza() -> np.ndarray:
    """16 x 16 x 6 m: a floor, a house with a door and a window, a free wall, a pillar, an overhang."""
    grid = np.zeros((64, 64, 24), np.uint8)
    grid[:, :, :2] = 1
    grid[8:32, 8:28, 2:14] = 3
    grid[10:30, 10:26, 2:12] = 0
    grid[30:32, 14:19, 2:10] = 0
    grid[14:22, 8:10, 6:10] = 0
    grid[44:46, 10:50, 2:12] = 2
    grid[36:38, 40:42, 2:12] = 1
    grid[32:40, 36:44, 12:13] = 1
    return grid


def closed_room(wall_voxels: int = 2) -> np.ndarray:
    """A 4 m room without any opening in a 12 m world."""
    grid = np.zeros((48, 48, 32), np.uint8)
    grid[:, :, :2] = 1
    w = wall_voxels
    grid[12 - w : 28 + w, 12 - w : 28 + w, 2 : 16 + w] = 3
    grid[12:28, 12:28, 4:16] = 0
    return grid


def open_ground(size: int = 48) -> np.ndarray:
    """A plain of 12 x 12 m under 4 m of air."""
    grid = np.zeros((size, size, 16), np.uint8)
    grid[:, :, :2] = 1
    return grid


def with_crates(view: View, *places: tuple[float, float, float], yaw: float = 0.0) -> View:
    """The view with a crate of 0.8 m that stands still at each place."""
    n = len(places)
    at, turned = np.array(places, np.float32).reshape(n, 3), np.full(n, yaw, np.float32)
    bodies = Bodies(
        np.arange(100, 100 + n, dtype=np.uint32), np.zeros(n, np.int32), at, turned, at, turned, np.zeros_like(at),
        np.zeros(n, np.uint8), np.ones(n, np.uint8),
    )  # fmt: skip
    return dataclasses.replace(view, prefabs=CRATES, bodies=bodies)


CRATES = (box_prefab("crate", (0.4, 0.4, 0.4), STONE),)


def network_of(**arrays: np.ndarray) -> Network:
    """A network of some tensors as weights files have them; the others are 0."""
    whole = {name: np.zeros(shape, np.float32) for name, shape in SHAPES.items()}
    whole |= {name.replace("_", "."): np.asarray(array, np.float32) for name, array in arrays.items()}
    w1, w2 = (np.ascontiguousarray(whole[f"{name}.weight"].T) for name in ("hidden", "out"))
    return Network(w1, whole["hidden.bias"], w2, whole["out.bias"], "test")


def plain_network() -> Network:
    """Near light from a texel's own rays, far light from the 3 x 3 and 5 x 5 around it: gains that do not depend on
    geometry and keep all light.
    """
    return network_of(out_bias=np.array([1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]))


def random_network(seed: int = 3) -> Network:
    """Random weights: whatever the network is, reuse must be exact and light linear."""
    random = np.random.default_rng(seed)
    return network_of(**{name.replace(".", "_"): random.normal(0, 0.3, shape) for name, shape in SHAPES.items()})


def brightening_network(seed: int = 3) -> Network:
    """Random weights none of which is negative: no light is taken away, so pages have nothing to cut off at 0."""
    random = np.random.default_rng(seed)
    return network_of(**{name.replace(".", "_"): random.uniform(0, 0.1, shape) for name, shape in SHAPES.items()})


def weights_of(transport: Transport, texels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The probes that some texels [n] see, -1 none, and their weights: both [n, 8]."""
    probes, place = transport.probes, transport.surface.place
    index, weight, centre = np.empty((len(texels), 8), np.int32), np.empty((len(texels), 8), np.float32), np.empty(3)
    for i, t in enumerate(texels):
        axis, sign = face_centre(place, t, centre)
        normal = np.where(np.arange(3) == axis, sign, 0.0)
        probe_weights(
            transport.voxels, probes.probe_of_cell, probes.position, *centre, *normal, index[i], weight[i]
        )  # fmt: skip
    return index, weight


def told_of(met: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What rays meet, and the code of how far away, from `gather.packed_met`."""
    end = (met >> 8).astype(np.int32)
    return np.where(end >= gather.FIRST_PART, end - gather.ENDS, end), (met & 255).astype(np.int64)


def packed_as(hit: np.ndarray, code: np.ndarray) -> np.ndarray:
    """The other way round."""
    return ((hit & (gather.ENDS - 1)).astype(np.uint32) << np.uint32(8)) | code.astype(np.uint32)


def moving(view: View, *places: tuple[float, float, float], yaw: float = 0.0) -> View:
    """The view with a crate of 0.8 m that moves at each place."""
    found = with_crates(view, *places, yaw=yaw)
    return dataclasses.replace(found, bodies=dataclasses.replace(found.bodies, stands=np.zeros(len(places), np.uint8)))


def ray(place: np.ndarray, texel: int, k: int, rays: int = TEXEL_RAYS) -> tuple[np.ndarray, np.ndarray]:
    origin, direction = np.empty(3), np.empty(3)
    gather.texel_ray(place, texel, gather.texel_turn(place, texel), k, rays, origin, direction)
    return origin, direction


def traced(
    scene: SceneFeatures, texels: np.ndarray, furniture=None, rays: int = TEXEL_RAYS, void: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """What rays meet and after how far, [n, rays], of some texels; 99 and 0 where the bit in void [n] is not set."""
    n, surface = len(texels), scene.surface
    met = np.full((n, rays), 99 << 8, np.uint32)
    gather.trace_texels(
        scene.transport.voxels, furniture or no_furniture(), surface.place, surface.faces, texels,
        np.arange(n, dtype=np.int32), np.full(n, rays, np.int32), np.full(n, ALL_RAYS) if void is None else void, met,
    )  # fmt: skip
    return told_of(met)


def room_with_pillars() -> Voxels:
    grid = np.zeros((32, 32, 24), np.uint8)
    grid[:, :, :2] = 1
    for x, y in ((8, 8), (20, 10), (12, 22), (24, 24)):
        grid[x : x + 2, y : y + 2, 2:12] = 1
    grid[10:18, 14:15, 8:9] = 1
    return voxels_of(grid)
