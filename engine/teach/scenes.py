"""Worlds to learn from: seeded, varied boxes of voxels with lamps, never the worlds that are shipped.

Lengths inside this file are whole voxels (0.25 m) unless a name says metres, so that every plane lies on the grid.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from engine.core.units import AIR, BRICK, VOXEL_M
from engine.state.blueprint import Materials
from engine.state.camera import Camera
from engine.view import Bodies, Lamps, SkyView, View, VoxelView

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I32 = NDArray[np.int32]
U8 = NDArray[np.uint8]

GROUND = 2  # voxels of ground under everything


@dataclass(frozen=True)
class Scene:
    """One world to learn from."""

    seed: int
    voxels: U8  # [X, Y, Z] material index, 0 = air
    materials: Materials
    lamps: Lamps


def scene_from_seed(seed: int) -> Scene:
    """The training world of this number: 16 to 32 m wide, 8 or 10 m high."""
    site = _Site(seed)
    rng = site.rng
    kind = rng.choice(["village", "hall", "ruins", "cave"], p=[0.5, 0.22, 0.18, 0.1])
    if kind == "cave":
        _cave(site)
    else:
        _ground(site)
        if kind == "hall":
            _hall(site)
        elif kind == "village":
            area = site.voxels.shape[0] * site.voxels.shape[1] / 4096
            for _ in range(int(rng.integers(1, 3) * area**0.7 + 0.5)):
                _building(site)
        _scatter(site, kind)
    return Scene(seed, site.voxels, site.materials(), site.lamps())


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
    return View(0, 1.0, materials, (), VoxelView(voxels, stamps), no_bodies(), shining, sky, eye, eye)


def no_bodies() -> Bodies:
    """An empty list of bodies."""
    vectors, numbers = np.zeros((0, 3), np.float32), np.zeros(0, np.float32)
    flags = np.zeros(0, np.uint8)
    return Bodies(np.zeros(0, np.uint32), np.zeros(0, np.int32), vectors, numbers, vectors, numbers, vectors, flags)


def lamps_from_boxes(centre_m: F32, size_m: F32, radiance: F32) -> Lamps:
    """Lamps [L] from box centres and sizes [L, 3] in metres and radiances [L, 3]."""
    centre, size, light = (np.asarray(a, np.float32).reshape(-1, 3) for a in (centre_m, size_m, radiance))
    return Lamps(np.arange(len(centre), dtype=np.uint32), centre, size, light, light)


def plain_materials(albedo: F32, emission: F32 | None = None) -> Materials:
    """Unpatterned materials [M] from albedos [M, 3] (row 0 is air) and, if any shine, emissions [M, 3]."""
    colours = np.asarray(albedo, np.float32).reshape(-1, 3)
    glow = np.zeros_like(colours) if emission is None else np.asarray(emission, np.float32)
    names = ("air", *(f"colour{i}" for i in range(1, len(colours))))
    return Materials(names, colours, glow, np.zeros(len(colours), np.uint8))


class _Site:
    """A scene under construction: the grid, its palette, its lamps and the ground already built on."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng([seed, 0xDA6])
        x, y = (int(self.rng.choice([64, 80, 96, 128], p=[0.35, 0.3, 0.2, 0.15])) for _ in range(2))
        self.voxels: U8 = np.zeros((x, y, int(self.rng.choice([32, 40]))), np.uint8)
        self.palette = [np.zeros(3), *(_colour(self.rng) for _ in range(int(self.rng.integers(8, 25))))]
        self.built: list[tuple[int, int, int, int]] = []
        self.boxes: list[tuple[F64, F64, F64]] = []  # centre m, size m, radiance

    def paint(self) -> int:
        """Any material of the palette."""
        return int(self.rng.integers(1, len(self.palette)))

    def whole(self, low: float, high: float) -> int:
        """A whole number in [low, high], even where the interval is empty (then `low`)."""
        return int(self.rng.integers(int(low), max(int(low), int(high)) + 1))

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def box(self, x: int, y: int, z: int, dx: int, dy: int, dz: int, material: int) -> None:
        """Fill a box, clipped to the grid."""
        low = [max(0, v) for v in (x, y, z)]
        self.voxels[low[0] : max(0, x + dx), low[1] : max(0, y + dy), low[2] : max(0, z + dz)] = material

    def lamp(self, x: float, y: float, z_top: float) -> None:
        """Hang a lamp whose top is at `z_top`; `lamps` drops it again if something solid came to stand there."""
        size = self.rng.uniform(0.2, 0.5, 3) if self.chance(0.5) else np.full(3, self.rng.uniform(0.2, 0.5))
        centre = np.array([x, y, z_top]) * VOXEL_M - [0, 0, size[2] / 2 + 0.06]
        hue = self.rng.choice(3, p=[0.6, 0.2, 0.2])
        colour: F64 = [np.array([1.0, 0.6, 0.28]), np.array([1.0, 0.95, 0.85]), self.rng.uniform(0.08, 1.0, 3)][hue]
        area = 2 * (size[0] * size[1] + size[1] * size[2] + size[0] * size[2])
        self.boxes.append((centre, size, colour * self.rng.uniform(6, 40) / area))

    def materials(self) -> Materials:
        return plain_materials(np.array(self.palette, np.float32))

    def lamps(self) -> Lamps:
        """At most eight of the lamps that hang free."""
        free = [box for box in self.boxes if self._is_free(box[0] - box[1] / 2 - 0.02, box[0] + box[1] / 2 + 0.02)]
        chosen = [free[i] for i in self.rng.permutation(len(free))[:8]]
        columns = zip(*chosen, strict=True) if chosen else (np.zeros((0, 3)),) * 3
        return lamps_from_boxes(*(np.array(column, np.float32) for column in columns))

    def _is_free(self, low_m: F64, high_m: F64) -> bool:
        low, high = np.floor(low_m / VOXEL_M).astype(int), np.floor(high_m / VOXEL_M).astype(int) + 1
        if (low < 0).any() or (high > self.voxels.shape).any():
            return False
        return not self.voxels[low[0] : high[0], low[1] : high[1], low[2] : high[2]].any()


def _colour(rng: Generator) -> F64:
    """Linear albedo: greys, dark tones, saturated tones, near white."""
    kind = rng.choice(4, p=[0.4, 0.15, 0.35, 0.1])
    if kind == 0:
        return np.clip(rng.uniform(0.2, 0.7) + rng.normal(0, 0.04, 3), 0.1, 0.85)
    if kind == 1:
        return rng.uniform(0.03, 0.12, 3)
    if kind == 3:
        return rng.uniform(0.75, 0.88, 3)
    colour = rng.uniform(0.05, 0.25, 3)
    strong = rng.integers(3)
    colour[strong] = rng.uniform(0.45, 0.85)
    if rng.random() < 0.5:
        colour[(strong + 1) % 3] = rng.uniform(0.25, 0.75)
    return colour


def _ground(site: _Site) -> None:
    x, y, _ = site.voxels.shape
    cut_x, cut_y = site.whole(0.3 * x, 0.7 * x), site.whole(0.3 * y, 0.7 * y)
    one = site.chance(0.4)
    paints = [site.paint()] * 4 if one else [site.paint() for _ in range(4)]
    site.box(0, 0, 0, cut_x, cut_y, GROUND, paints[0])
    site.box(cut_x, 0, 0, x, cut_y, GROUND, paints[1])
    site.box(0, cut_y, 0, cut_x, y, GROUND, paints[2])
    site.box(cut_x, cut_y, 0, x, y, GROUND, paints[3])
    if site.chance(0.25):  # a raised terrace
        site.box(cut_x, 0, GROUND, x, site.whole(8, cut_y), site.whole(1, 3), site.paint())
    if site.chance(0.5):  # walls around the world
        height, paint, thick = site.whole(6, 20), site.paint(), site.whole(1, 2)
        sides = [(0, 0, x, thick), (0, y - thick, x, thick), (0, 0, thick, y), (x - thick, 0, thick, y)]
        for ax, ay, dx, dy in sides:
            if site.chance(0.6):
                site.box(ax, ay, GROUND, dx, dy, height, paint if site.chance(0.7) else site.paint())


def _building(site: _Site) -> None:
    """A house with walls one or two voxels thick, doors, windows, a roof, perhaps a partition or an upper floor."""
    x, y, z = site.voxels.shape
    for _ in range(20):
        dx, dy = min(site.whole(14, 40), x - 6), min(site.whole(14, 40), y - 6)
        ax, ay = site.whole(2, x - dx - 2), site.whole(2, y - dy - 2)
        if all(ax >= bx + ex or bx >= ax + dx or ay >= by + ey or by >= ay + dy for bx, by, ex, ey in site.built):
            break
    else:
        return
    site.built.append((ax, ay, dx, dy))
    height, wall = site.whole(10, 15), site.whole(1, 2)
    floor = GROUND + (site.whole(0, 1))
    site.box(ax, ay, GROUND, dx, dy, floor - GROUND, site.paint())
    storeys = 2 if site.chance(0.2) and floor + 2 * height + 2 < z else 1
    for storey in range(storeys):
        low = floor + storey * (height + 1)
        site.box(ax, ay, low, dx, dy, height, site.paint())
        site.box(ax + wall, ay + wall, low, dx - 2 * wall, dy - 2 * wall, height, AIR)
        if site.chance(0.4):  # walls painted inside, one side each
            site.box(ax + wall - 1, ay + wall, low, 1, dy - 2 * wall, height, site.paint())
            site.box(ax + wall, ay + dy - wall, low, dx - 2 * wall, 1, height, site.paint())
        site.box(ax + wall, ay + wall, low - 1, dx - 2 * wall, dy - 2 * wall, 1, site.paint())
        for side in range(4):
            _openings(site, (ax, ay, dx, dy), side, wall, low, height, door=storey == 0)
        if site.chance(0.35):
            _partition(site, ax + wall, ay + wall, dx - 2 * wall, dy - 2 * wall, low, height)
        _furnish(site, ax + wall, ay + wall, dx - 2 * wall, dy - 2 * wall, low)
        top = low + height
        if storey + 1 < storeys or site.chance(0.85):
            eaves = site.whole(0, 2) if storey + 1 == storeys else 0
            whole_roof = storey + 1 < storeys or site.chance(0.8)
            width = (dx if whole_roof else dx // 2) + 2 * eaves
            site.box(ax - eaves, ay - eaves, top, width, dy + 2 * eaves, 1, site.paint())
            for _ in range(site.whole(0, 2)):
                site.lamp(ax + site.whole(4, dx - 4), ay + site.whole(4, dy - 4), top - site.whole(0, 3))
            if whole_roof and storey + 1 == storeys and site.chance(0.4):
                _gable(site, ax - eaves, ay - eaves, dx + 2 * eaves, dy + 2 * eaves, top + 1)
    if site.chance(0.5):  # a lamp outside, beside the house
        site.lamp(ax - 2 if site.chance(0.5) else ax + dx + 1.5, ay + dy / 2, floor + site.whole(8, height))


def _openings(
    site: _Site, plan: tuple[int, int, int, int], side: int, wall: int, low: int, height: int, door: bool
) -> None:
    """Cut a door, a window or a row of windows into one wall of a house, or take the wall away."""
    ax, ay, dx, dy = plan
    length = dx if side < 2 else dy

    def cut(start: int, width: int, sill: int, tall: int, material: int = AIR) -> None:
        if side < 2:
            site.box(ax + start, ay if side == 0 else ay + dy - wall, low + sill, width, wall, tall, material)
        else:
            site.box(ax if side == 2 else ax + dx - wall, ay + start, low + sill, wall, width, tall, material)

    kind = site.rng.random()
    if kind < 0.08:
        cut(2, length - 4, 0, height)
    elif kind < 0.45 and door:
        width = site.whole(4, 8)
        cut(site.whole(wall, length - width - wall), width, 0, site.whole(8, 10))
    elif kind < 0.85:
        width, sill, tall = site.whole(3, 10), site.whole(2, 5), site.whole(3, 7)
        gap = site.whole(2, 8)
        for start in range(wall + site.whole(0, 4), length - wall - width, width + gap):
            cut(start, width, sill, min(tall, height - sill - 1))
            if width > 6 and site.chance(0.5):  # a mullion
                cut(start + width // 2, 1, sill, min(tall, height - sill - 1), site.paint())


def _partition(site: _Site, x: int, y: int, dx: int, dy: int, low: int, height: int) -> None:
    """A one-voxel wall across a room, with a doorway."""
    paint, tall = site.paint(), height if site.chance(0.8) else height // 2
    if dx > dy:
        at = x + site.whole(dx // 3, 2 * dx // 3)
        site.box(at, y, low, 1, dy, tall, paint)
        site.box(at, y + site.whole(0, dy - 6), low, 1, site.whole(4, 6), 8, AIR)
    else:
        at = y + site.whole(dy // 3, 2 * dy // 3)
        site.box(x, at, low, dx, 1, tall, paint)
        site.box(x + site.whole(0, dx - 6), at, low, site.whole(4, 6), 1, 8, AIR)


def _furnish(site: _Site, x: int, y: int, dx: int, dy: int, low: int) -> None:
    """Tables, benches, shelves and chests on the floor of a room."""
    for _ in range(site.whole(0, 5)):
        width, depth = site.whole(2, 7), site.whole(2, 5)
        px, py, paint = x + site.whole(0, dx - width), y + site.whole(0, dy - depth), site.paint()
        kind = site.rng.integers(3)
        if kind == 0:  # a table
            site.box(px, py, low + 2, width, depth, 1, paint)
            for leg in ((0, 0), (width - 1, 0), (0, depth - 1), (width - 1, depth - 1)):
                site.box(px + leg[0], py + leg[1], low, 1, 1, 2, paint)
        elif kind == 1:  # a chest
            site.box(px, py, low, width, depth, site.whole(1, 4), paint)
        else:  # shelves against a wall
            for shelf in range(3):
                site.box(x, py, low + 2 + 3 * shelf, 2, width, 1, paint)


def _gable(site: _Site, x: int, y: int, dx: int, dy: int, z: int) -> None:
    """A stepped roof."""
    paint = site.paint()
    for step in range(1, min(dx, dy) // 4):
        site.box(x + 2 * step, y, z + step - 1, dx - 4 * step, dy, 1, paint)


def _hall(site: _Site) -> None:
    """One large room under a roof: tall windows or skylights, coloured walls, pillars, free walls inside."""
    x, y, z = site.voxels.shape
    margin, wall = site.whole(1, 6), site.whole(1, 2)
    ax, ay, dx, dy, height = margin, margin, x - 2 * margin, y - 2 * margin, min(site.whole(14, 26), z - GROUND - 3)
    site.built.append((ax, ay, dx, dy))
    site.box(ax, ay, GROUND, dx, dy, height, site.paint())
    site.box(ax + wall, ay + wall, GROUND, dx - 2 * wall, dy - 2 * wall, height, AIR)
    site.box(ax + wall - 1, ay + wall, GROUND, 1, dy - 2 * wall, height, site.paint())
    site.box(ax + wall, ay + wall - 1, GROUND, dx - 2 * wall, 1, height, site.paint())
    for side in range(4):
        _openings(site, (ax, ay, dx, dy), side, wall, GROUND + site.whole(0, 4), height - 4, door=True)
    top = GROUND + height
    site.box(ax, ay, top, dx, dy, site.whole(1, 2), site.paint())
    for _ in range(site.whole(0, 3)):  # skylights
        at_x, at_y = ax + site.whole(4, dx - 12), ay + site.whole(4, dy - 12)
        site.box(at_x, at_y, top, site.whole(3, 10), site.whole(3, 10), 2, AIR)
    for _ in range(site.whole(0, 4)):
        _partition(site, ax + wall, ay + wall, dx - 2 * wall, dy - 2 * wall, GROUND, height - site.whole(0, 8))
    if site.chance(0.4):
        size, paint = site.whole(1, 3), site.paint()
        for px in range(ax + 8, ax + dx - 8, site.whole(8, 14)):
            for py in (ay + dy // 4, ay + 3 * dy // 4):
                site.box(px, py, GROUND, size, size, height, paint)
    _furnish(site, ax + wall, ay + wall, dx - 2 * wall, dy - 2 * wall, GROUND)
    for _ in range(site.whole(1, 5)):
        site.lamp(ax + site.rng.uniform(4, dx - 4), ay + site.rng.uniform(4, dy - 4), top - site.whole(0, 6))


def _cave(site: _Site) -> None:
    """Solid rock with balls carved out of it, some open to the sky."""
    rng = site.rng
    x, y, z = site.voxels.shape
    site.voxels[:, :, : z - 4] = site.paint()
    band = site.whole(4, z // 2)
    site.voxels[:, :, band : band + 3] = site.paint()
    cells = np.stack(np.meshgrid(*(np.arange(n) for n in (x, y, z)), indexing="ij"), -1) + 0.5
    centre = np.array([x / 2, y / 2, z / 3])
    for ball in range(site.whole(8, 22)):
        radius = rng.uniform([6, 6, 4], [16, 16, 9]) if ball % 4 else rng.uniform([5, 5, 8], [10, 10, z])
        site.voxels[(((cells - centre) / radius) ** 2).sum(-1) < 1] = AIR
        if site.chance(0.5):
            site.lamp(centre[0], centre[1], centre[2] + 2)
        centre = np.clip(centre + rng.normal(0, [12, 12, 3]), [8, 8, 6], [x - 8, y - 8, z - 8])
    site.voxels[:, :, :GROUND] = site.paint()
    for _ in range(site.whole(2, 8)):
        _crate(site)


def _scatter(site: _Site, kind: str) -> None:
    """What stands about: arcades, walls, pillars, overhangs, steps, crates, trees, street lamps."""
    area = site.voxels.shape[0] * site.voxels.shape[1] / 4096
    often = 1.8 if kind == "ruins" else 0.5 if kind == "hall" else 1.0
    things: list[tuple[Callable[[_Site], None], int, int]] = [
        (_arcade, 0, 1), (_free_wall, 0, 3), (_overhang, 0, 3), (_steps, 0, 2),
        (_tree, 0, 3), (_street_lamp, 1, 3), (_crate, 1, 6),
    ]  # fmt: skip
    for make, low, high in things:
        for _ in range(int(site.whole(low, high) * area**0.7 * often + 0.5)):
            make(site)


def _spot(site: _Site, width: int, depth: int) -> tuple[int, int]:
    x, y, _ = site.voxels.shape
    return site.whole(1, x - width - 1), site.whole(1, y - depth - 1)


def _arcade(site: _Site) -> None:
    """A row of round-headed arches, perhaps roofed towards one side."""
    pier, span, rise, thick = site.whole(2, 3), site.whole(6, 10), site.whole(7, 10), site.whole(2, 3)
    count = site.whole(2, 5)
    length = count * (span + pier) + pier
    along_x = site.chance(0.5)
    x, y = _spot(site, length if along_x else 10, 10 if along_x else length)
    paint, height = site.paint(), rise + span // 2 + 2

    def put(start: int, width: int, depth: int, low: int, tall: int, material: int) -> None:
        if along_x:
            site.box(x + start, y, low, width, depth, tall, material)
        else:
            site.box(x, y + start, low, depth, width, tall, material)

    put(0, length, thick, GROUND, height, paint)
    for arch in range(count):
        start = pier + arch * (span + pier)
        put(start, span, thick, GROUND, rise, AIR)
        for across in range(span):
            offset = across + 0.5 - span / 2
            put(start + across, 1, thick, GROUND + rise, int(math.sqrt(span**2 / 4 - offset**2)), AIR)
        if site.chance(0.3):
            site.lamp(
                x + (start + span / 2 if along_x else thick + 2.0), y + (thick + 2.0 if along_x else start + span / 2),
                GROUND + height - 1,
            )  # fmt: skip
    if site.chance(0.6):
        put(0, length, site.whole(8, 14), GROUND + height, 1, site.paint())


def _free_wall(site: _Site) -> None:
    length, thick, height, paint = site.whole(8, 26), site.whole(1, 2), site.whole(4, 16), site.paint()
    x, y = _spot(site, length, length)
    dx, dy = (length, thick) if site.chance(0.5) else (thick, length)
    site.box(x, y, GROUND, dx, dy, height, paint)
    if site.chance(0.4):  # a hole in it
        site.box(x + dx // 3, y + dy // 3, GROUND + 3, max(1, dx // 3), max(1, dy // 3), site.whole(3, 6), AIR)


def _overhang(site: _Site) -> None:
    """Two pillars, perhaps with a slab and a lamp under it."""
    size, gap, height, paint = site.whole(1, 4), site.whole(6, 16), site.whole(8, 18), site.paint()
    x, y = _spot(site, gap + size, 16)
    site.box(x, y, GROUND, size, size, height, paint)
    if site.chance(0.6):
        site.box(x + gap, y, GROUND, size, size, height, paint)
        site.box(x - 1, y - 1, GROUND + height, gap + size + 2, site.whole(4, 16), site.whole(1, 2), site.paint())
        if site.chance(0.5):
            site.lamp(x + gap / 2 + size / 2, y + 3, GROUND + height)


def _steps(site: _Site) -> None:
    count, width, tread, paint = site.whole(3, 8), site.whole(5, 14), site.whole(1, 3), site.paint()
    x, y = _spot(site, count * tread, width)
    for step in range(count):
        site.box(x + step * tread, y, GROUND, (count - step) * tread, width, step + 1, paint)


def _tree(site: _Site) -> None:
    """A trunk and a crown with holes in it."""
    x, y = _spot(site, 10, 10)
    trunk, leaves = site.paint(), site.paint()
    height, radius = site.whole(6, 12), site.rng.uniform(4, 8)
    site.box(x + 5, y + 5, GROUND, 1, 1, height + 2, trunk)
    reach = int(radius) + 1
    for cell in np.ndindex(2 * reach, 2 * reach, 2 * reach):
        offset = np.array(cell) - reach + 0.5
        if (offset**2).sum() < radius**2 * site.rng.uniform(0.55, 1.0):
            low = np.array([x + 5, y + 5, GROUND + height + reach // 2]) + np.array(cell) - reach
            site.box(int(low[0]), int(low[1]), int(low[2]), 1, 1, 1, leaves)


def _street_lamp(site: _Site) -> None:
    x, y = _spot(site, 4, 4)
    height = site.whole(6, 15)
    site.box(x, y, GROUND, 1, 1, height, site.paint())
    site.lamp(x + 0.5 + 2.2, y + 0.5, GROUND + height)


def _crate(site: _Site) -> None:
    size = site.whole(1, 6)
    x, y = _spot(site, size, size)
    column = site.voxels[x, y]
    low = int(np.flatnonzero(column[:-1] > 0).max(initial=GROUND - 1)) + 1 if site.chance(0.3) else GROUND
    site.box(x, y, low if site.chance(0.9) else low + site.whole(2, 10), size, size, site.whole(2, 6), site.paint())
