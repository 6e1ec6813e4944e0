"""Coverage: which cells of a coarser grid a model fills, and with what.

Whole numbers and + - * / sqrt of float64 only: which voxels are solid is part of the world, and must be the same
everywhere.
"""

import numpy as np
from numpy.typing import NDArray

I64 = NDArray[np.int64]
F64 = NDArray[np.float64]
U8 = NDArray[np.uint8]
Bool = NDArray[np.bool_]

SAMPLES = 4  # along each edge of a cell's face
MAX_POINTS = 6_000_000  # on the surface of one mesh
MOST_COLOURS = 512  # that merging starts from
SURFACE = 0.25  # of a cell's face: a surface of that size inside makes it solid; every slope then stays closed


def merged(low: I64, high: I64, key: I64, axis: int) -> tuple[I64, I64, I64]:
    """Boxes low..high [n, 3] joined along one axis where they touch and agree in key [n] and in all other edges."""
    if not len(low):
        return low, high, key
    others = [a for a in range(low.shape[1]) if a != axis]
    columns = [key, *(low[:, a] for a in others), *(high[:, a] for a in others)]
    order = np.lexsort((low[:, axis], *columns))
    low, high, key = low[order], high[order], key[order]
    same = np.ones(len(low) - 1, np.bool_)
    for column in columns:
        same &= column[order][1:] == column[order][:-1]
    first = np.flatnonzero(np.concatenate([[True], ~(same & (high[:-1, axis] == low[1:, axis]))]))
    last = np.concatenate([first[1:], [len(low)]]) - 1
    joined = high[first].copy()
    joined[:, axis] = high[last, axis]
    return low[first], joined, key[first]


def boxes_of(solid: Bool) -> tuple[I64, I64]:
    """Solid cells as few boxes low..high [n, 3]: runs along x, joined along y, joined along z."""
    low = np.argwhere(solid).astype(np.int64)
    high, key = low + 1, np.zeros(len(low), np.int64)
    for axis in range(3):
        low, high, key = merged(low, high, key, axis)
    return low, high


def is_outside(solid: Bool) -> Bool:
    """Air that is reached from beyond the grid through faces, by sweeps along all axes until nothing changes."""
    reached = ~np.pad(np.ones_like(solid), 1)
    free = ~np.pad(solid, 1)
    before = -1
    while before != (before := int(reached.sum())):
        for axis in range(3):
            r, f = np.moveaxis(reached, axis, 0), np.moveaxis(free, axis, 0)
            for order in (range(1, len(r)), range(len(r) - 2, -1, -1)):
                step = 1 if order.step > 0 else -1
                for i in order:
                    r[i] |= r[i - step] & f[i]
    return reached[1:-1, 1:-1, 1:-1]


def enlarged(grid: U8, voxel_cells: float) -> U8:
    """A grid of indices in smaller cells, low corners together: what lies at the middle of each.

    A voxel is `voxel_cells` cells long, 1 or more.
    """
    at = []
    for n in grid.shape:
        cells = int(np.ceil(n * voxel_cells - 1e-9))
        at.append(np.minimum(np.floor((np.arange(cells) + 0.5) / voxel_cells).astype(np.int64), n - 1))
    return grid[np.ix_(*at)]


def surface_points(corner: F64, normal: F64, cell: float) -> tuple[I64, F64, F64, F64]:
    """Points spread over triangles [I, 3 corners, 3], a little below the surface, about 16 for each cell's face.

    Returns the triangle of each point [P], weights of its corners [P, 3], the point [P, 3], and the area that it
    stands for [P].
    """
    edge, other = corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]
    across = np.cross(edge, other)
    area = np.sqrt((across * across).sum(1)) / 2
    wanted = area * (SAMPLES * SAMPLES / (cell * cell))
    total = wanted.sum()
    if total > MAX_POINTS:
        wanted = wanted * (MAX_POINTS / total)
    count = np.ceil(wanted).astype(np.int64)
    triangle = np.repeat(np.arange(len(corner)), count)
    k = np.arange(len(triangle)) - np.repeat(np.cumsum(count) - count, count) + 1
    u, v = (k * 0.7548776662466927) % 1.0, (k * 0.5698402909980532) % 1.0  # R2 sequence, Roberts 2018
    beyond = u + v > 1.0
    u, v = np.where(beyond, 1.0 - u, u), np.where(beyond, 1.0 - v, v)
    weight = np.stack([1.0 - u - v, u, v], 1)
    place = corner[triangle, 0] + u[:, None] * edge[triangle] + v[:, None] * other[triangle]
    facing = np.where(((across * normal).sum(1) < 0.0)[:, None], -across, across)
    down = facing / np.maximum(2.0 * area, 1e-300)[:, None]
    return triangle, weight, place - 0.02 * cell * down[triangle], area[triangle] / np.maximum(count, 1)[triangle]


def merged_colours(colour: I64, weight: I64, most: int) -> tuple[I64, I64]:
    """At most `most` colours that stand for many: label [n] and mean [m, 3], from sRGB [n, 3] 0..255 and weights [n].

    The two whose union loses least are joined, again and again (Ward, "Hierarchical grouping to optimize an objective
    function", 1963); of equals, those that come first.
    """
    bits = 8
    while True:  # too many to compare all with all: drop the lowest bits
        code = colour >> (8 - bits)
        unique, label = np.unique(code, axis=0, return_inverse=True)
        label = label.reshape(-1)
        if len(unique) <= max(MOST_COLOURS, 1) or bits == 1:
            break
        bits -= 1
    mass = np.bincount(label, weight).astype(np.float64)
    mean = np.stack([np.bincount(label, weight * colour[:, c]) for c in range(3)], 1) / np.maximum(mass, 1.0)[:, None]
    owner = np.arange(len(unique))
    cost = _cost(mean, mass, mean, mass)
    np.fill_diagonal(cost, np.inf)
    for _ in range(max(len(unique) - most, 0)):
        i, j = sorted(divmod(int(cost.argmin()), len(unique)))
        mean[i] = (mean[i] * mass[i] + mean[j] * mass[j]) / (mass[i] + mass[j])
        mass[i] += mass[j]
        owner[owner == j] = i
        cost[j], cost[:, j] = np.inf, np.inf
        row = _cost(mean[i : i + 1], mass[i : i + 1], mean, mass)[0]
        alive = np.isin(np.arange(len(unique)), owner)
        row[~alive], row[i] = np.inf, np.inf
        cost[i], cost[:, i] = row, row
    kept, short = np.unique(owner, return_inverse=True)
    return short[label], np.floor(mean[kept] + 0.5).astype(np.int64)


def _cost(a: F64, a_mass: F64, b: F64, b_mass: F64) -> F64:
    """What joining colours loses: [n, m]."""
    far = ((a[:, None] - b[None]) ** 2).sum(2)
    return np.asarray(a_mass[:, None] * b_mass[None] / (a_mass[:, None] + b_mass[None]) * far)
