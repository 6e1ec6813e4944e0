"""Views for tests of the picture: a small courtyard with bodies, and a town of boxes."""

import dataclasses
import math

import numpy as np

from engine.state.blueprint import Materials, Prefab
from engine.state.camera import Camera
from engine.view import Bodies, Lamps, SkyView, View, VoxelView

MATERIALS = {  # name: albedo, emission, pattern
    "air": ((0, 0, 0), 0, 0),
    "plaster": ((0.72, 0.62, 0.48), 0, 5),
    "brick": ((0.45, 0.20, 0.13), 0, 1),
    "planks": ((0.36, 0.23, 0.13), 0, 2),
    "paving": ((0.42, 0.40, 0.37), 0, 3),
    "grass": ((0.16, 0.30, 0.08), 0, 4),
    "tiles": ((0.30, 0.42, 0.50), 0, 6),
    "leaves": ((0.10, 0.26, 0.06), 0, 4),
    "cloth": ((0.55, 0.10, 0.12), 0, 0),
    "skin": ((0.60, 0.42, 0.32), 0, 0),
    "glass": ((0.80, 0.80, 0.80), 1, 0),
}
INDEX = {name: i for i, name in enumerate(MATERIALS)}


def materials() -> Materials:
    """The table above."""
    rows = list(MATERIALS.values())
    return Materials(
        tuple(MATERIALS),
        np.array([r[0] for r in rows], np.float32),
        np.array([[r[1]] * 3 for r in rows], np.float32),
        np.array([r[2] for r in rows], np.uint8),
    )


def ball(centre: tuple[float, float, float], radius: float, n: int = 10):
    """Position, normal, triangles of a ball."""
    rows, columns = n, 2 * n
    theta = np.linspace(0, math.pi, rows + 1)
    phi = np.arange(columns) * 2 * math.pi / columns
    normal = np.stack(
        [
            np.sin(theta)[:, None] * np.cos(phi),
            np.sin(theta)[:, None] * np.sin(phi),
            np.cos(theta)[:, None] * np.ones(columns),
        ],
        -1,
    ).reshape(-1, 3)
    triangles = []
    for i in range(rows):
        for j in range(columns):
            a, b = i * columns + j, i * columns + (j + 1) % columns
            c, d = a + columns, b + columns
            triangles += [(a, c, d)]
            triangles += [(a, d, b)] if i > 0 else []
    return np.array(centre) + radius * normal, normal, np.array(triangles)


def box(low: tuple[float, float, float], high: tuple[float, float, float]):
    """Position, normal, triangles of a box."""
    positions, normals, triangles = [], [], []
    size = np.array(high) - np.array(low)
    for axis in range(3):
        for sign in (1, -1):
            u, v = (axis + 1) % 3, (axis + 2) % 3
            corners = np.zeros((4, 3))
            corners[:, axis] = 1 if sign > 0 else 0
            corners[[1, 2], u] = 1
            corners[[2, 3], v] = 1
            first = len(positions) * 4
            order = [(0, 1, 2), (0, 2, 3)] if sign > 0 else [(0, 2, 1), (0, 3, 2)]
            triangles += [[first + i for i in t] for t in order]
            positions.append(np.array(low) + corners * size)
            normals.append(np.tile(np.eye(3)[axis] * sign, (4, 1)))
    return np.concatenate(positions), np.concatenate(normals), np.array(triangles)


def prefab(name: str, parts: list) -> Prefab:
    """A prefab of (mesh, material name) parts."""
    position = np.concatenate([m[0] for m, _ in parts]).astype(np.float32)
    counts = [len(m[0]) for m, _ in parts]
    first = np.concatenate([[0], np.cumsum(counts)])
    return Prefab(
        name,
        position,
        np.concatenate([m[1] for m, _ in parts]).astype(np.float32),
        np.repeat([INDEX[k] for _, k in parts], counts).astype(np.uint16),
        np.repeat(np.arange(len(parts)), counts).astype(np.uint16),
        np.concatenate([m[2] + f for (m, _), f in zip(parts, first[:-1], strict=True)]).astype(np.int32),
        np.array([m[0].min(0) for m, _ in parts], np.float32),
        np.array([m[0].max(0) for m, _ in parts], np.float32),
        np.array([0.3, 0.3, 0.9], np.float32),
    )


def prefabs() -> tuple[Prefab, ...]:
    """A person and a lantern."""
    person = prefab(
        "person",
        [
            (box((-0.12, -0.22, 0.0), (0.12, -0.04, 0.85)), "planks"),
            (box((-0.12, 0.04, 0.0), (0.12, 0.22, 0.85)), "planks"),
            (box((-0.15, -0.26, 0.85), (0.15, 0.26, 1.45)), "cloth"),
            (ball((0.0, 0.0, 1.65), 0.16), "skin"),
        ],
    )
    lantern = prefab(
        "lantern",
        [(box((-0.04, -0.04, 0.0), (0.04, 0.04, 2.3)), "planks"), (ball((0.0, 0.0, 2.45), 0.18, 8), "glass")],
    )
    return person, lantern


def bodies(rows: list[tuple[int, tuple[float, float, float], float, tuple[float, float, float] | None]]) -> Bodies:
    """Bodies from (prefab, position, yaw, glow or None); each came 4 cm along its yaw within the last tick."""
    n = len(rows)
    position = np.array([r[1] for r in rows], np.float32).reshape(n, 3)
    yaw = np.array([r[2] for r in rows], np.float32)
    walks = np.array([r[3] is None for r in rows])
    step = 0.04 * np.stack([np.cos(yaw), np.sin(yaw), np.zeros(n)], -1).astype(np.float32) * walks[:, None]
    return Bodies(
        np.arange(5, 5 + n, dtype=np.uint32),
        np.array([r[0] for r in rows], np.int32),
        position,
        yaw,
        (position - step).astype(np.float32),
        yaw.copy(),
        np.array([r[3] or (0, 0, 0) for r in rows], np.float32).reshape(n, 3),
        np.array([r[3] is not None for r in rows], np.uint8),
    )


def sky(kind: str = "day") -> SkyView:
    """Day, dusk (a sun of 5 degrees) or night."""

    def rgb(*x: float) -> np.ndarray:
        return np.array(x, np.float32)

    if kind == "day":
        direction = np.array([0.45, 0.30, 0.84])
        light = (rgb(3.2, 3.0, 2.6), rgb(0.20, 0.36, 0.75), rgb(0.60, 0.72, 0.90), rgb(0.3, 0.25, 0.15), 0.9)
    elif kind == "dusk":
        e = math.radians(5)
        direction = np.array([math.cos(e) * 0.8, math.cos(e) * 0.6, math.sin(e)])
        light = (rgb(1.1, 0.55, 0.22), rgb(0.10, 0.16, 0.34), rgb(0.45, 0.32, 0.26), rgb(0.9, 0.45, 0.15), 1.8)
    else:
        direction = np.array([0.3, 0.2, -0.9])
        light = (rgb(0, 0, 0), rgb(0.004, 0.007, 0.016), rgb(0.010, 0.015, 0.028), rgb(0, 0, 0), 6.0)
    direction = (direction / np.linalg.norm(direction)).astype(np.float32)
    sun, zenith, horizon, glow, exposure = light
    return SkyView(direction, sun, zenith, horizon, glow, rgb(0.12, 0.11, 0.10) * float(zenith[2]), exposure, 0.0)


def courtyard_grid() -> np.ndarray:
    """24 x 24 x 8 m: paving and grass, arcades, a house with a door, a tree, steps."""
    g = np.zeros((96, 96, 32), np.uint8)
    g[:, :, :2] = INDEX["paving"]
    g[36:60, 36:60, :2] = INDEX["grass"]
    for low, high in ((0, 4), (92, 96)):
        g[low:high, :, 2:20] = INDEX["plaster"]
        g[:, low:high, 2:20] = INDEX["brick"]
    for x in range(10, 86, 12):  # an arcade along the north wall
        g[x : x + 3, 76:79, 2:14] = INDEX["plaster"]
    g[4:92, 76:92, 14:16] = INDEX["plaster"]
    g[4:92, 75:92, 16:17] = INDEX["tiles"]
    g[4:30, 4:28, 2:16] = INDEX["brick"]  # a house
    g[6:28, 6:26, 2:14] = 0
    g[6:28, 6:26, 1:2] = INDEX["planks"]
    g[28:30, 14:19, 2:11] = 0
    g[12:20, 26:28, 6:11] = 0
    g[2:32, 2:30, 16:17] = INDEX["tiles"]
    for i in range(5):
        g[60 + 2 * i : 74, 20:32, 2 + i : 3 + i] = INDEX["paving"]
    g[46:49, 46:49, 2:14] = INDEX["planks"]  # a tree
    x, y, z = np.meshgrid(np.arange(96), np.arange(96), np.arange(32), indexing="ij")
    wobble = (x * 7 + y * 13 + z * 5) % 11
    g[((x - 47) ** 2 + (y - 47) ** 2 + 1.3 * (z - 18) ** 2 + 4 * wobble < 140) & (z > 12)] = INDEX["leaves"]
    return g


def town_grid(x: int = 512, y: int = 512, z: int = 96) -> np.ndarray:
    """Streets with houses of varying height, windows cut in."""
    g = np.zeros((x, y, z), np.uint8)
    g[:, :, :4] = INDEX["paving"]
    for i, x0 in enumerate(range(12, x - 40, 56)):
        for j, y0 in enumerate(range(12, y - 40, 52)):
            height = 24 + (i * 37 + j * 53) % 40
            kind = (INDEX["brick"], INDEX["plaster"], INDEX["tiles"])[(i + 2 * j) % 3]
            g[x0 : x0 + 38, y0 : y0 + 34, 4:height] = kind
            g[x0 + 2 : x0 + 36, y0 + 2 : y0 + 32, 4 : height - 2] = 0
            for floor in range(8, height - 8, 12):
                for k in range(4, 34, 8):
                    g[x0 + k : x0 + k + 4, y0 : y0 + 2, floor : floor + 5] = 0
                    g[x0 : x0 + 2, y0 + k - 2 : y0 + k + 2, floor : floor + 5] = 0
            for k in range(6):
                g[x0 - 1 + 2 * k : x0 + 39 - 2 * k, y0 - 1 : y0 + 35, height + k] = INDEX["planks"]
    return g


def lamps(on: bool) -> Lamps:
    """Two lanterns in the courtyard and a lamp in the house."""
    centre = np.array([[9.0, 14.0, 2.95], [15.0, 9.0, 2.95], [4.2, 4.0, 2.9]], np.float32)
    size = np.array([[0.3, 0.3, 0.3], [0.3, 0.3, 0.3], [0.5, 0.5, 0.1]], np.float32)
    full = np.array([[14, 9, 4.5], [14, 9, 4.5], [9, 7, 4.5]], np.float32)
    return Lamps(np.array([40, 41, 42], np.uint32), centre, size, full * on, full)


def courtyard(kind: str = "day", camera: Camera | None = None) -> View:
    """The courtyard at an hour, with three people and two lanterns."""
    grid = courtyard_grid()
    glow = (14.0, 9.0, 4.5) if kind != "day" else (0.0, 0.0, 0.0)
    people = [(0, (12.0, 7.5, 0.5), 0.4, None), (0, (9.5, 11.5, 0.5), 2.0, None), (0, (16.0, 13.0, 0.5), -1.2, None)]
    lanterns = [(1, (9.0, 14.0, 0.5), 0.0, glow), (1, (15.0, 9.0, 0.5), 0.0, glow)]
    camera = camera or Camera((20.0, 4.5, 2.4), math.radians(135), math.radians(-3))
    return View(
        10,
        1.0,
        materials(),
        prefabs(),
        VoxelView(grid, np.zeros(tuple(n // 8 for n in grid.shape), np.int64)),
        bodies(people + lanterns),
        lamps(kind != "day"),
        sky(kind),
        camera,
        camera,
    )


def town(kind: str = "day", camera: Camera | None = None, people: int = 60) -> View:
    """The town at an hour."""
    grid = town_grid()
    rows = [(0, (3.0 + (i * 7.3) % 120, 2.0 + 13.0 * (i % 9), 1.0), 0.7 * i, None) for i in range(people)]
    camera = camera or Camera((2.0, 1.5, 2.7), math.radians(40), math.radians(2))
    base = courtyard(kind)
    return dataclasses.replace(
        base,
        voxels=VoxelView(grid, np.zeros(tuple(n // 8 for n in grid.shape), np.int64)),
        bodies=bodies(rows),
        camera=camera,
        previous_camera=camera,
    )


def with_voxels(view: View, grid: np.ndarray) -> View:
    """The view after its grid became `grid`; stamps of bricks that differ change."""
    old = view.voxels
    n = old.stamp.shape
    differs = (old.material != grid).reshape(n[0], 8, n[1], 8, n[2], 8).any(axis=(1, 3, 5))
    return dataclasses.replace(view, voxels=VoxelView(grid, old.stamp + differs * (int(old.stamp.max()) + 1)))
