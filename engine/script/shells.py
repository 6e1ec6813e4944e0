"""Shells: the drawn surface of an imported model, from any format, and the prefab made of it.

A shell is a list of triangles in metres, z up. Each belongs to a look: what a material of the model says.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import AssetError, LimitError
from engine.script import coverage
from engine.script.vox import VoxelModel
from engine.state.blueprint import Coat, Picture, Prefab, Skin

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]
Bool = NDArray[np.bool_]

MAX_VERTICES = 500_000  # of one prefab
CELL_M = 1.0  # metres: edge of the lattice at whose corners a mesh is lit; larger for meshes beyond 16 m
CELLS_ALONG = 16
EDGE_M, LAMP_EDGE_M = 0.4, 0.15  # metres: longest edge of a triangle, the same of what shines: light is per vertex
EDGES_ALONG = 48  # of a large mesh: its edges may be longer
WHOLE_M = 2.0  # metres: up to this size a body is lit at the corners of one box (engine/light/bodies.py)
MOST_SOLIDS = 96  # boxes that stop light; a ray may have to ask each of them
SOLID_CELLS = (24, 20, 16, 12, 10, 8, 6, 4)  # cells along the longest edge, tried until the boxes are few enough
SEAM = 0.004  # of a voxel: how far a face grows in its plane, so that no light shows between faces that meet at a T


@dataclass(frozen=True)
class Look:
    """What a material of a model says, in the terms of a world's materials."""

    name: str
    albedo: tuple[float, float, float]  # linear RGB: the mean where vertices or pictures vary it
    emission: tuple[float, float, float] = (0.0, 0.0, 0.0)  # radiance
    roughness: float = 1.0
    metal: float = 0.0
    picture: Picture | None = None
    glow: Picture | None = None
    is_cut_out: bool = False
    is_double: bool = False  # seen from behind as well


@dataclass(frozen=True)
class Light:
    """A lamp that comes with a model."""

    name: str
    place: tuple[float, float, float]  # metres
    colour: tuple[float, float, float]  # linear RGB
    candela: float


@dataclass(frozen=True)
class Shell:
    """Triangles of a model; metres, z up."""

    position: F64  # [V, 3] metres
    normal: F64  # [V, 3] unit
    tint: F64  # [V, 3] linear RGB, without the picture's part
    uv: F64  # [V, 2]
    triangles: I64  # [I, 3] counter-clockwise seen from outside
    look: I64  # [I] index into looks
    looks: tuple[Look, ...]
    lights: tuple[Light, ...] = ()
    notes: tuple[str, ...] = field(default_factory=tuple)


def linear_from_srgb(srgb: NDArray[np.generic]) -> F64:
    """sRGB 0..255 to linear light 0..1, any shape (IEC 61966-2-1)."""
    c = np.arange(256) / 255.0
    table = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    return np.asarray(table[np.asarray(srgb, np.uint8)], np.float64)


# --- voxel models -----------------------------------------------------------------------------------------------------


def shell_of_voxels(model: VoxelModel, voxel_m: float, asset: str) -> Shell:
    """The exposed faces of a model of voxels, joined where colours agree, with flat normals."""
    colour = linear_from_srgb(model.palette)
    looks, look_of = _looks_of_voxels(model, colour)
    cell = max(1, round(CELL_M / voxel_m))
    padded = np.pad(model.grid, 1)
    size = np.array(model.grid.shape)
    lows, highs, keys = [], [], []
    for face in range(6):
        across = face // 2
        ahead = [slice(1, -1)] * 3
        ahead[across] = slice(2, None) if face % 2 == 0 else slice(0, -2)
        place = np.argwhere((model.grid != 0) & (padded[tuple(ahead)] == 0)).astype(np.int64)
        index = model.grid[tuple(place.T)].astype(np.int64)
        # Faces are not joined across the lattice at whose corners they are lit.
        lattice = place // cell
        key = ((lattice[:, 0] * (size[1] + 1) + lattice[:, 1]) * (size[2] + 1) + lattice[:, 2]) * 256 + index
        low, high = place, place + 1
        for along in ((across + 1) % 3, (across + 2) % 3):
            low, high, key = coverage.merged(low, high, key, along)
        lows.append(low)
        highs.append(high)
        keys.append((key % 256) * 8 + face)
    low, high, code = np.concatenate(lows).astype(np.float64), np.concatenate(highs), np.concatenate(keys)
    if 4 * len(low) > MAX_VERTICES:
        raise LimitError(f"{asset}: its surface needs {4 * len(low):,} vertices; a model has at most {MAX_VERTICES:,}")
    side, index = code % 8, code // 8
    axis, negative, row = side // 2, side % 2, np.arange(len(low))
    u, v = (axis + 1) % 3, (axis + 2) % 3
    position: F64 = np.repeat(low[:, None], 4, axis=1)
    position[row, :, axis] += (1 - negative)[:, None]
    for corner, (iu, iv) in enumerate(((0, 0), (1, 0), (1, 1), (0, 1))):
        cu, cv = np.where(negative == 1, iv, iu), np.where(negative == 1, iu, iv)
        position[row, corner, u] = np.where(cu == 1, high[row, u] + SEAM, low[row, u] - SEAM)
        position[row, corner, v] = np.where(cv == 1, high[row, v] + SEAM, low[row, v] - SEAM)
    normal = np.zeros((len(low), 4, 3))
    normal[row, :, axis] = (1.0 - 2.0 * negative)[:, None]
    triangles = (row[:, None, None] * 4 + np.array([[0, 1, 2], [0, 2, 3]])).reshape(-1, 3)
    return Shell(
        position=np.asarray(position.reshape(-1, 3) * voxel_m, np.float64),
        normal=normal.reshape(-1, 3),
        tint=np.repeat(colour[index], 4, axis=0),
        uv=np.zeros((4 * len(low), 2)),
        triangles=triangles.astype(np.int64),
        look=np.repeat(look_of[index], 2),
        looks=looks,
        notes=model.notes,
    )


def _looks_of_voxels(model: VoxelModel, colour: F64) -> tuple[tuple[Look, ...], I64]:
    """The looks of a voxel model and which one each palette entry [256] has: one for each finish, and one for each
    colour that shines.
    """
    count = np.bincount(model.grid.reshape(-1), minlength=256)
    count[0] = 0
    groups: dict[tuple[float, float, float, int], list[int]] = {}  # glow, roughness, metal, colour if it shines
    for index in np.flatnonzero(count).tolist():
        glow, rough, metal = (float(finish[index]) for finish in (model.glow, model.roughness, model.metal))
        groups.setdefault((glow, rough, metal, index if glow else 0), []).append(index)
    looks: list[Look] = []
    look_of = np.zeros(256, np.int64)
    for (glow, rough, metal, _), members in groups.items():
        mean = (colour[members] * count[members, None]).sum(0) / count[members].sum()
        r, g, b = mean.tolist()
        look_of[members] = len(looks)
        looks.append(Look(f"colour {members[0]}", (r, g, b), (glow * r, glow * g, glow * b), rough, metal))
    return tuple(looks), look_of


# --- meshes -----------------------------------------------------------------------------------------------------------


def colours_at(shell: Shell, triangle: I64, weight: F64) -> tuple[F64, F64]:
    """Linear albedo [P, 3] at points of a shell, and whether the surface is there [P] (holes of pictures are not)."""
    corners = shell.triangles[triangle]
    albedo = (shell.tint[corners] * weight[..., None]).sum(1)
    uv = (shell.uv[corners] * weight[..., None]).sum(1)
    there = np.ones(len(triangle))
    for i, look in enumerate(shell.looks):
        rows = np.flatnonzero(shell.look[triangle] == i)
        if look.picture is not None and len(rows):
            texel = texels_at(look.picture, uv[rows])
            albedo[rows] *= linear_from_srgb(texel[:, :3])
            if look.is_cut_out:
                there[rows] = texel[:, 3] >= 128
    return albedo, there


def texels_at(picture: Picture, uv: F64) -> U8:
    """The nearest texels [P, 4] at uv [P, 2]."""
    at = []
    for axis, n in ((0, picture.rgba.shape[1]), (1, picture.rgba.shape[0])):
        t = uv[:, axis]
        if picture.repeats[axis]:
            t = t - np.floor(t)
        at.append(np.clip(np.floor(t * n), 0, n - 1).astype(np.int64))
    return np.asarray(picture.rgba[at[1], at[0]], np.uint8)


@dataclass(frozen=True)
class Cells:
    """A shell in cells of a grid: what voxels are made of."""

    low: F64  # [3] metres: the grid's corner
    solid: Bool  # [X, Y, Z]
    look: I64  # [X, Y, Z] the look with the largest surface in the cell, -1 for none
    albedo: F64  # [X, Y, Z, 3] linear RGB


def cells_of(shell: Shell, cell_m: float, low: F64, size: tuple[int, int, int]) -> Cells:
    """Cells that a shell's surface passes through, and those that it encloses; the grid holds all of the shell."""
    corner = shell.position[shell.triangles]
    triangle, weight, point, area = coverage.surface_points(corner, shell.normal[shell.triangles].mean(1), cell_m)
    albedo, there = colours_at(shell, triangle, weight)
    # A little below the surface may be outside: a floor that is all there is of the lowest cells
    cell = np.clip(np.floor((point - low) / cell_m).astype(np.int64), 0, np.array(size) - 1)
    inside = there > 0
    flat = np.ravel_multi_index(tuple(cell[inside].T), size)
    n = size[0] * size[1] * size[2]
    area = area[inside]
    total = np.bincount(flat, area, n)
    solid = (total >= coverage.SURFACE * cell_m * cell_m).reshape(size)
    sums = np.stack([np.bincount(flat, area * albedo[inside, c], n) for c in range(3)], 1)
    mean = sums / np.maximum(total, 1e-300)[:, None]
    largest, look = np.zeros(n), np.full(n, -1, np.int64)
    for i in range(len(shell.looks)):
        mine = shell.look[triangle[inside]] == i
        share = np.bincount(flat[mine], area[mine], n)
        better = share > largest
        largest[better], look[better] = share[better], i
    shape = (*size, 3)
    enclosed = ~coverage.is_outside(solid) & ~solid
    return Cells(
        low, solid | enclosed, np.where(solid, look.reshape(size), -1), np.asarray(mean.reshape(shape), np.float64)
    )


def solids_of_shell(shell: Shell) -> tuple[F64, F64]:
    """Boxes [S, 2, 3] (metres) that stop light as the shell does, and their albedo [S, 3]."""
    low, high = shell.position.min(0), shell.position.max(0)
    shines = np.array([any(look.emission) and look.glow is None for look in shell.looks])
    dark = replace(shell, triangles=shell.triangles[~shines[shell.look]], look=shell.look[~shines[shell.look]])
    mean = np.full(3, 0.5)
    for along in SOLID_CELLS:
        cell = float((high - low).max()) / along
        size = np.maximum(np.ceil((high - low) / cell - 1e-6), 1).astype(np.int64)
        start = (low + high) / 2 - size * cell / 2
        cells = cells_of(dark, cell, start, (int(size[0]), int(size[1]), int(size[2])))
        solid = cells.solid.copy()
        for light in shell.lights:  # a lamp inside its lantern must get out
            at = np.floor((np.array(light.place) - start) / cell).astype(np.int64)
            a, b = np.maximum(at - 1, 0), np.maximum(at + 2, 0)
            solid[a[0] : b[0], a[1] : b[1], a[2] : b[2]] = False
        box_low, box_high = coverage.boxes_of(solid)
        if len(box_low) <= MOST_SOLIDS:
            break
    keep = np.argsort(-(box_high - box_low).prod(1), kind="stable")[:MOST_SOLIDS]
    box_low, box_high = box_low[keep], box_high[keep]
    albedo = []
    for a, b in zip(box_low, box_high, strict=True):
        window = tuple(slice(i, j) for i, j in zip(a, b, strict=True))
        seen = cells.albedo[window][cells.look[window] >= 0]
        albedo.append(seen.mean(0) if len(seen) else mean)
    box = start + np.stack([box_low, box_high], 1) * cell
    return np.clip(box, low, high), np.array(albedo, np.float64).reshape(-1, 3)


def subdivided(shell: Shell, longest_m: float, asset: str) -> Shell:
    """The same surface with no edge longer than that: light is known at vertices only. Neighbours stay joined."""
    position, normal, tint, uv = shell.position, shell.normal, shell.tint, shell.uv
    triangles, look = shell.triangles, shell.look
    while True:
        pairs = np.stack([triangles, np.roll(triangles, -1, axis=1)], -1)  # [I, 3 edges, 2]
        across = position[pairs[..., 1]] - position[pairs[..., 0]]
        is_long = (across * across).sum(2) > longest_m * longest_m
        if not is_long.any():
            return replace(shell, position=position, normal=normal, tint=tint, uv=uv, triangles=triangles, look=look)
        edges = np.sort(pairs[is_long], axis=1)
        unique, which = np.unique(edges, axis=0, return_inverse=True)
        if len(position) + len(unique) > MAX_VERTICES:
            raise LimitError(f"{asset}: a mesh so large needs more than {MAX_VERTICES:,} vertices to be lit")
        middle = np.full(triangles.shape, -1, np.int64)
        middle[is_long] = len(position) + which.reshape(-1)
        a, b = unique.T
        position, tint, uv = (np.concatenate([x, (x[a] + x[b]) / 2]) for x in (position, tint, uv))
        normal = np.concatenate([normal, _unit(normal[a] + normal[b], normal[a])])
        triangles, look = _split(triangles, middle, look)


def _split(triangles: I64, middle: I64, look: I64) -> tuple[I64, I64]:
    """Triangles cut where their edges have a middle vertex (-1 for none): into two, three or four."""
    out, looks = [triangles[(middle < 0).all(1)]], [look[(middle < 0).all(1)]]
    count = (middle >= 0).sum(1)
    for turn in range(3):
        t, m = np.roll(triangles, -turn, axis=1), np.roll(middle, -turn, axis=1)
        one = (count == 1) & (m[:, 0] >= 0)
        two = (count == 2) & (m[:, 2] < 0)
        for rows, pieces in (
            (one, (("t0", "m0", "t2"), ("m0", "t1", "t2"))),
            (two, (("m0", "t1", "m1"), ("t0", "m0", "m1"), ("t0", "m1", "t2"))),
        ):
            names = {f"t{k}": t[rows, k] for k in range(3)} | {f"m{k}": m[rows, k] for k in range(3)}
            for piece in pieces:
                out.append(np.stack([names[name] for name in piece], 1))
                looks.append(look[rows])
    t, m = triangles[count == 3], middle[count == 3]
    for piece in (
        (t[:, 0], m[:, 0], m[:, 2]), (m[:, 0], t[:, 1], m[:, 1]), (m[:, 2], m[:, 1], t[:, 2]),
        (m[:, 0], m[:, 1], m[:, 2]),
    ):  # fmt: skip
        out.append(np.stack(piece, 1))
        looks.append(look[count == 3])
    return np.concatenate(out), np.concatenate(looks)


def _unit(vector: F64, fallback: F64) -> F64:
    length = np.sqrt((vector * vector).sum(-1, keepdims=True))
    return np.where(length > 1e-9, vector / np.maximum(length, 1e-300), fallback)


def moved(shell: Shell, scale: float, origin: F64) -> Shell:
    """The shell scaled, then with `origin` (in the scaled frame) at its origin."""
    lights = tuple(
        replace(light, place=tuple((np.array(light.place) * scale - origin).tolist())) for light in shell.lights
    )
    return replace(shell, position=shell.position * scale - origin, lights=lights)


def turned(shell: Shell, cos: float, sin: float) -> Shell:
    """The shell turned counter-clockwise about the vertical."""

    def turn(v: F64) -> F64:
        return np.stack([cos * v[..., 0] - sin * v[..., 1], sin * v[..., 0] + cos * v[..., 1], v[..., 2]], -1)

    lights = tuple(replace(light, place=tuple(turn(np.array(light.place)).tolist())) for light in shell.lights)
    return replace(shell, position=turn(shell.position), normal=turn(shell.normal), lights=lights)


# --- prefabs ----------------------------------------------------------------------------------------------------------


def prefab_of(shell: Shell, name: str, material: list[int], asset: str) -> Prefab:
    """The prefab of a shell that stands on its origin; `material` is the world's material of each look."""
    solid, solid_albedo = solids_of_shell(shell)
    edge = LAMP_EDGE_M if any(any(look.emission) for look in shell.looks) else EDGE_M
    shell = subdivided(shell, max(edge, float(np.ptp(shell.position, axis=0).max()) / EDGES_ALONG), asset)
    double = np.array([look.is_double for look in shell.looks])[shell.look]
    if double.any():
        shell = _with_backs(shell, double)
    if len(shell.position) > MAX_VERTICES:
        raise LimitError(f"{asset}: {len(shell.position):,} vertices are too many; a prefab has {MAX_VERTICES:,}")
    order = np.argsort(shell.look, kind="stable")
    triangles, look = shell.triangles[order], shell.look[order]
    # A vertex has one material: those that two looks share are made twice.
    used, index = np.unique(np.stack([np.repeat(look, 3), triangles.reshape(-1)], 1), axis=0, return_inverse=True)
    vertex, vertex_look = used[:, 1], used[:, 0]
    position = shell.position[vertex]
    part, low, high = _lattice(position)
    edges = np.searchsorted(look, np.arange(len(shell.looks) + 1))
    coats = tuple(
        Coat(int(edges[i]), int(edges[i + 1]), one.picture, one.glow, one.is_cut_out)
        for i, one in enumerate(shell.looks)
        if edges[i + 1] > edges[i]
    )
    reach = np.abs(position[:, :2]).max(axis=0)
    return Prefab(
        name=name,
        position=position.astype(np.float32),
        normal=shell.normal[vertex].astype(np.float32),
        material=np.array(material, np.uint16)[vertex_look],
        part=part.astype(np.uint16),
        triangles=index.reshape(-1, 3).astype(np.int32),
        part_low=low.astype(np.float32),
        part_high=high.astype(np.float32),
        half_extent=np.array([*np.maximum(reach, 0.05), max(position[:, 2].max(), 0.05) / 2], np.float32),
        skin=Skin(
            uv=shell.uv[vertex].astype(np.float32),
            tint=shell.tint[vertex].astype(np.float32),
            coats=coats,
            solid=solid.astype(np.float32).reshape(-1, 2, 3),
            solid_albedo=solid_albedo.astype(np.float32).reshape(-1, 3),
        ),
    )


def _with_backs(shell: Shell, double: Bool) -> Shell:
    """The shell with the marked triangles once more, seen from behind."""
    chosen = shell.triangles[double]
    vertex, index = np.unique(chosen, return_inverse=True)
    backs = len(shell.position) + index.reshape(-1, 3)[:, ::-1]
    return replace(
        shell,
        position=np.concatenate([shell.position, shell.position[vertex]]),
        normal=np.concatenate([shell.normal, -shell.normal[vertex]]),
        tint=np.concatenate([shell.tint, shell.tint[vertex]]),
        uv=np.concatenate([shell.uv, shell.uv[vertex]]),
        triangles=np.concatenate([shell.triangles, backs]),
        look=np.concatenate([shell.look, shell.look[double]]),
    )


def _lattice(position: F64) -> tuple[I64, F64, F64]:
    """The cell of each vertex [V], and low and high corners of the cells [n, 3]: where a large mesh asks for light.

    Neighbouring cells share their corners, so that light runs on smoothly from one to the next.
    """
    low, high = position.min(0), position.max(0)
    size = high - low
    longest = float(size.max())
    cell = longest if longest <= WHOLE_M else max(CELL_M, longest / CELLS_ALONG)
    along = np.maximum(np.ceil(size / max(cell, 1e-9) - 1e-6), 1).astype(np.int64)
    step = np.maximum(size / along, 1e-6)
    index = np.minimum((position - low) / step, along - 1).astype(np.int64)
    cells, part = np.unique(index, axis=0, return_inverse=True)
    return part.reshape(-1), low + cells * step, low + (cells + 1) * step


def measured(shell: Shell, asset: str) -> tuple[F64, F64]:
    """Low and high corner of a shell; refuses one without size."""
    used = shell.position[np.unique(shell.triangles)] if len(shell.triangles) else np.zeros((0, 3))
    if not len(used) or not np.isfinite(used).all() or float(np.ptp(used, axis=0).max()) <= 0.0:
        raise AssetError(f"{asset}: there is no surface in it that could be drawn")
    return used.min(0), used.max(0)
