"""Scenes under the open sky or in the rock, and what stands about anywhere. Lengths are whole voxels."""

import math
from collections.abc import Callable

import numpy as np

from engine.core.units import AIR
from engine.teach.scenes.site import GROUND, Site


def ruins(site: Site) -> None:
    """Arcades, free walls, overhangs, steps and trees, close together."""
    ground(site)
    scatter(site, 1.8)


def pillars(site: Site) -> None:
    """A hall of pillars on a podium, round or square, with beams and half a roof."""
    x, y, z = site.voxels.shape
    ground(site)
    margin, podium = site.whole(4, 9), site.whole(0, 3)
    ax, ay, dx, dy = margin, margin, x - 2 * margin, y - 2 * margin
    site.built.append((ax, ay, dx, dy))
    for step in range(podium):
        site.box(ax - 3 + step, ay - 3 + step, GROUND + step, dx + 6 - 2 * step, dy + 6 - 2 * step, 1, site.paint())
    low, height, gap = GROUND + podium, site.whole(12, 22), site.whole(8, 13)
    top = min(low + height, z - 5)
    radius, is_round, taper = site.rng.uniform(0.8, 2.6), site.chance(0.65), site.rng.uniform(0.7, 1.0)
    paints, edge = [site.paint() for _ in range(site.whole(1, 3))], int(radius) + 2
    columns, rows = range(ax + edge, ax + dx - edge + 1, gap), range(ay + edge, ay + dy - edge + 1, gap)
    for i, px in enumerate(columns):
        for j, py in enumerate(rows):
            if site.chance(0.07):
                continue  # a fallen one
            tall, half = top - low, int(radius)
            if site.chance(0.08):
                tall = site.whole(2, tall - 2)
            if is_round:
                site.column(px + 0.5, py + 0.5, low, radius, tall, paints[(i + j) % len(paints)], taper)
            else:
                site.box(px - half, py - half, low, 2 * half + 1, 2 * half + 1, tall, paints[(i + j) % len(paints)])
    beam, roof = site.paint(), site.paint()
    for py in rows:
        site.box(columns[0], py - 1, top, columns[-1] - columns[0] + 1, 3, 2, beam)
    for px in columns[:: site.whole(1, 2)]:
        site.box(px - 1, rows[0], top, 3, rows[-1] - rows[0] + 1, 2, beam)
    for i in range(len(columns) - 1):
        for j in range(len(rows) - 1):
            if site.chance(0.55):
                site.box(columns[i], rows[j], top + 2, gap + 1, gap + 1, 1, roof)
            if site.chance(0.12):
                site.lamp(columns[i] + gap / 2, rows[j] + gap / 2, top - site.whole(0, 6))
            if site.chance(0.08):
                site.box(columns[i], rows[j], low, gap, 1, top - low if site.chance(0.6) else 5, site.paint())
    for _ in range(site.whole(2, 6)):
        _statue(site, ax + site.whole(4, dx - 8), ay + site.whole(4, dy - 8), low)
    scatter(site, 0.3)


def cave(site: Site) -> None:
    """Solid rock with balls carved out of it, some open to the sky, with stones hanging and standing."""
    rng = site.rng
    x, y, z = site.voxels.shape
    site.voxels[:, :, : z - 4] = site.paint()
    for _ in range(site.whole(1, 3)):
        band = site.whole(4, z - 8)
        site.voxels[:, :, band : band + site.whole(1, 4)] = site.paint()
    centre = np.array([x / 2, y / 2, z / 3])
    for ball in range(site.whole(8, 22)):
        radius = rng.uniform([6, 6, 4], [16, 16, 9]) if ball % 4 else rng.uniform([5, 5, 8], [10, 10, z])
        site.ball(centre, radius, AIR, carve=True)
        if site.chance(0.5):
            site.lamp(centre[0], centre[1], centre[2] + 2)
        if site.chance(0.6):
            at = centre + rng.normal(0, 3, 3)
            site.column(at[0], at[1], GROUND, rng.uniform(1, 3), site.whole(3, 12), site.paint(), top=0.0)
        centre = np.clip(centre + rng.normal(0, [12, 12, 3]), [8, 8, 6], [x - 8, y - 8, z - 8])
    site.voxels[:, :, :GROUND] = site.paint()
    for _ in range(site.whole(2, 8)):
        _crate(site)
    if site.chance(0.5):
        _bridge(site)


def ground(site: Site) -> None:
    """The ground in one to four colours, perhaps with a terrace, perhaps with walls around the world."""
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
    if site.chance(0.4):  # walls around the world
        height, paint, thick = site.whole(6, 20), site.paint(), site.whole(1, 2)
        for ax, ay, dx, dy in ((0, 0, x, thick), (0, y - thick, x, thick), (0, 0, thick, y), (x - thick, 0, thick, y)):
            if site.chance(0.6):
                site.box(ax, ay, GROUND, dx, dy, height, paint if site.chance(0.7) else site.paint())


def scatter(site: Site, often: float = 1.0, large: bool = True) -> None:
    """What stands about: arcades, walls, overhangs, bridges, steps, round things, crates, plants, street lamps.

    Without `large`, only what fits into a narrow margin or a room.
    """
    area = site.voxels.shape[0] * site.voxels.shape[1] / 4096
    things: list[tuple[Callable[[Site], None], int, int]] = [
        (_arcade, 0, 1), (_free_wall, 0, 3), (_overhang, 0, 3), (_steps, 0, 2), (_bridge, 0, 1),
        (_round_thing, 0, 2), (_hedge, 0, 2), (tree, 0, 3), (_street_lamp, 1, 3), (_crate, 1, 6),
    ]  # fmt: skip
    for make, low, high in things if large else things[-2:]:
        for _ in range(int(site.whole(low, high) * area**0.7 * often + site.rng.random())):
            make(site)


def arches(site: Site, x: int, y: int, z: int, along_x: bool, bays: int, sizes: tuple[int, int, int, int]) -> int:
    """A wall with round-headed arches; `sizes` are pier, span, rise to the springing and thickness; returns its top."""
    pier, span, rise, thick = sizes
    paint, height, length = site.paint(), rise + span // 2 + 2, bays * (span + pier) + pier

    def put(start: int, width: int, low: int, tall: int, material: int) -> None:
        if along_x:
            site.box(x + start, y, low, width, thick, tall, material)
        else:
            site.box(x, y + start, low, thick, width, tall, material)

    put(0, length, z, height, paint)
    for bay in range(bays):
        start = pier + bay * (span + pier)
        for across in range(span):
            offset = across + 0.5 - span / 2
            put(start + across, 1, z, rise + int(math.sqrt(span**2 / 4 - offset**2)), AIR)
    return z + height


def _arcade(site: Site) -> None:
    """A row of arches, perhaps roofed towards one side."""
    sizes = pier, span, _, thick = site.whole(1, 3), site.whole(6, 10), site.whole(7, 10), site.whole(1, 3)
    bays, along_x = site.whole(2, 5), site.chance(0.5)
    length = bays * (span + pier) + pier
    x, y = site.spot(length if along_x else 10, 10 if along_x else length)
    top = arches(site, x, y, GROUND, along_x, bays, sizes)
    for bay in range(bays):
        if site.chance(0.3):
            along, across = pier + bay * (span + pier) + span / 2, thick + 2.0
            site.lamp(x + (along if along_x else across), y + (across if along_x else along), top - 1)
    if site.chance(0.6):
        depth = site.whole(8, 14)
        site.box(x, y, top, length if along_x else depth, depth if along_x else length, 1, site.paint())


def _free_wall(site: Site) -> None:
    length, thick, height, paint = site.whole(8, 26), site.whole(1, 2), site.whole(4, 16), site.paint()
    dx, dy = (length, thick) if site.chance(0.5) else (thick, length)
    x, y = site.spot(dx, dy)
    site.box(x, y, GROUND, dx, dy, height, paint)
    if site.chance(0.4):  # a hole in it
        site.box(x + dx // 3, y + dy // 3, GROUND + 3, max(1, dx // 3), max(1, dy // 3), site.whole(3, 6), AIR)


def _overhang(site: Site) -> None:
    """Two pillars, perhaps with a slab and a lamp under it."""
    size, gap, height, paint = site.whole(1, 4), site.whole(6, 16), site.whole(8, 18), site.paint()
    x, y = site.spot(gap + size, 16)
    site.box(x, y, GROUND, size, size, height, paint)
    if site.chance(0.6):
        site.box(x + gap, y, GROUND, size, size, height, paint)
        site.box(x - 1, y - 1, GROUND + height, gap + size + 2, site.whole(4, 16), site.whole(1, 2), site.paint())
        if site.chance(0.5):
            site.lamp(x + gap / 2 + size / 2, y + 3, GROUND + height)


def _bridge(site: Site) -> None:
    """A deck on an arch, with parapets."""
    length, width, paint = site.whole(18, 34), site.whole(5, 9), site.paint()
    along_x, rise = site.chance(0.5), site.whole(6, 10)
    x, y = site.spot(length if along_x else width, width if along_x else length)
    for i in range(length):
        offset = abs(i + 0.5 - length / 2) / (length / 2)
        under = int(rise * math.sqrt(max(0.0, 1 - (offset * 1.15) ** 2)))
        px, py, dx, dy = (x + i, y, 1, width) if along_x else (x, y + i, width, 1)
        site.box(px, py, GROUND + under, dx, dy, rise + 2 - under, paint)
        for edge in (0, width - 1):
            rail = (px, py + edge) if along_x else (px + edge, py)
            site.box(*rail, GROUND + rise + 2, 1, 1, 2, paint)


def _steps(site: Site) -> None:
    count, width, tread, paint = site.whole(3, 8), site.whole(5, 14), site.whole(1, 3), site.paint()
    x, y = site.spot(count * tread, width)
    for step in range(count):
        site.box(x + step * tread, y, GROUND, (count - step) * tread, width, step + 1, paint)


def _round_thing(site: Site) -> None:
    """A ball, a column, a cone or a dome."""
    radius, paint = site.rng.uniform(2, 6), site.paint()
    x, y = (v + radius for v in site.spot(int(2 * radius) + 1, int(2 * radius) + 1))
    kind = site.rng.integers(4)
    if kind == 0:
        site.ball((x, y, GROUND + radius * site.rng.uniform(0.3, 1.3)), (radius,) * 3, paint)
    elif kind == 1:
        site.column(x, y, GROUND, radius / 2, site.whole(8, 20), paint)
    elif kind == 2:
        site.column(x, y, GROUND, radius, site.whole(6, 16), paint, top=0.0)
    else:
        site.ball((x, y, GROUND), (radius + 2, radius + 2, radius + 3), paint)
        site.ball((x, y, GROUND), (radius + 1, radius + 1, radius + 2), AIR, carve=True)
        site.column(x, y, 0, radius + 2, GROUND, site.paint())
        site.box(int(x), int(y), GROUND, int(radius) + 4, 4, 6, AIR)
        site.lamp(x, y, GROUND + radius)


def _statue(site: Site, x: int, y: int, z: int) -> None:
    """A ball on a plinth."""
    radius = site.rng.uniform(1.2, 2.5)
    site.box(x, y, z, 3, 3, 3, site.paint())
    site.ball((x + 1.5, y + 1.5, z + 3 + radius * 0.8), (radius, radius, radius * 1.3), site.paint())


def _hedge(site: Site) -> None:
    """A clipped hedge, or a shrub."""
    length, leaves = site.whole(6, 20), site.paint()
    if site.chance(0.5):
        radius = site.rng.uniform(2, 4)
        x, y = site.spot(8, 8)
        site.ball((x + 4, y + 4, GROUND + radius / 2), (radius, radius, radius), leaves, ragged=0.7)
        return
    dx, dy = (length, site.whole(2, 3)) if site.chance(0.5) else (site.whole(2, 3), length)
    x, y = site.spot(dx, dy)
    part = site.voxels[x : x + dx, y : y + dy, GROUND : GROUND + site.whole(3, 7)]
    part[(part == AIR) & (site.rng.random(part.shape) < 0.9)] = leaves


def tree(site: Site, at: tuple[int, int] | None = None) -> None:
    """A trunk and a crown of one to four blobs with holes in them, or a cone."""
    x, y = at or site.spot(10, 10)
    trunk, leaves, height = site.paint(), site.paint(), site.whole(6, 12)
    site.box(x + 5, y + 5, GROUND, 1, 1, height + 2, trunk)
    if site.chance(0.2):
        site.column(x + 5.5, y + 5.5, GROUND + 4, site.rng.uniform(2.5, 5), site.whole(12, 22), leaves, top=0.0)
        return
    for _ in range(site.whole(1, 4)):
        radius = site.rng.uniform(2.5, 6.5)
        shift = site.rng.normal(0, 2, 3)
        centre = x + 5.5 + shift[0], y + 5.5 + shift[1], GROUND + height + radius * 0.5 + shift[2]
        site.ball(centre, (radius, radius, radius * 0.8), leaves, ragged=0.75)


def _street_lamp(site: Site) -> None:
    lamp_post(site, *site.spot(6, 6))


def lamp_post(site: Site, x: int, y: int) -> None:
    """A post with a lamp on its top or on an arm towards +x."""
    height, paint = site.whole(6, 15), site.paint()
    site.box(x, y, GROUND, 1, 1, height, paint)
    if site.chance(0.5):
        site.lamp(x + 0.5, y + 0.5, GROUND + height, standing=True, wide=0.0)
    else:
        site.box(x, y, GROUND + height, 4, 1, 1, paint)
        site.lamp(x + 3.0, y + 0.5, GROUND + height, wide=0.1)


def _crate(site: Site) -> None:
    size = site.whole(1, 6)
    x, y = site.spot(size, size)
    column = site.voxels[x, y]
    low = int(np.flatnonzero(column[:-1] > 0).max(initial=GROUND - 1)) + 1 if site.chance(0.3) else GROUND
    site.box(x, y, low if site.chance(0.9) else low + site.whole(2, 10), size, size, site.whole(2, 6), site.paint())
