"""Scenes between houses: villages, streets, courtyards. Lengths are whole voxels."""

from engine.core.units import AIR
from engine.teach.scenes.houses import cut_wall, furnish, house, line, openings, partition, pitched_roof, windows
from engine.teach.scenes.outdoors import arches, ground, lamp_post, scatter, tree
from engine.teach.scenes.site import GROUND, Plan, Site


def village(site: Site) -> None:
    """Houses that stand alone, and what stands between them."""
    x, y, z = site.voxels.shape
    ground(site)
    for _ in range(int(site.whole(1, 3) * (x * y / 4096) ** 0.7 + 0.5)):
        for _ in range(20):
            dx, dy = min(site.whole(14, 40), x - 6), min(site.whole(14, 40), y - 6)
            plan = site.whole(2, x - dx - 2), site.whole(2, y - dy - 2), dx, dy
            if site.is_vacant(plan):
                height = site.whole(10, 15)
                top = house(site, plan, 2 if site.chance(0.3) and 2 * height + 8 < z else 1, height)
                if site.chance(0.5):  # a lamp outside, beside the house
                    beside = plan[0] - 2 if site.chance(0.5) else plan[0] + dx + 2
                    site.lamp(beside, plan[1] + dy / 2, top - site.whole(1, 5))
                break
    scatter(site)


def street(site: Site) -> None:
    """Two rows of fronts with doors, windows, awnings and balconies; a road between kerbs, lamps on posts, trees."""
    x, y, z = site.voxels.shape
    along_x = site.chance(0.5)
    length, breadth = (x, y) if along_x else (y, x)
    ground(site)
    road, pavement = site.whole(10, 22), site.whole(3, 7)
    first, last = (breadth - road) // 2 - pavement, (breadth + road) // 2 + pavement
    paint = site.paint()

    def turned(start: int, across: int, width: int, depth: int) -> Plan:
        return (start, across, width, depth) if along_x else (across, start, depth, width)

    def put(start: int, across: int, low: int, width: int, depth: int, tall: int, material: int) -> None:
        px, py, dx, dy = turned(start, across, width, depth)
        site.box(px, py, low, dx, dy, tall, material)

    put(0, first, 0, length, last - first, GROUND, site.paint())
    put(0, first, GROUND, length, pavement, 1, paint)
    put(0, last - pavement, GROUND, length, pavement, 1, paint)
    site.built.append(turned(0, first + pavement, length, road))
    for near in (True, False):
        start, face = site.whole(0, 4), first if near else last
        while start + 14 < length:
            width, depth, height = min(site.whole(14, 30), length - start), site.whole(14, 26), site.whole(9, 12)
            depth = max(6, min(depth, (first if near else breadth - last) - 1))
            front = (1 if near else 0) if along_x else (3 if near else 2)
            plan = turned(start, first - depth if near else last, width, depth)
            storeys = site.whole(1, min(3, (z - 6) // (height + 1)))
            top = house(site, plan, storeys, height, front)
            _dress(site, plan, front, storeys, height)
            start += width + (site.whole(3, 8) if site.chance(0.3) else 0)
            if site.chance(0.1) and top > 14:  # a bridge across, from house to house
                put(start - width // 2, face, top - 3, 5, last - first if near else first - last, 1, site.paint())
    for start in range(site.whole(3, 12), length - 6, site.whole(16, 28)):
        for across in (first + 2, last - 3):
            at = turned(start + site.whole(0, 4), across, 1, 1)[:2]
            if site.chance(0.5):
                lamp_post(site, *at)
            elif site.chance(0.4):
                tree(site, (at[0] - 5, at[1] - 5))
    scatter(site, 0.25)


def _dress(site: Site, plan: Plan, front: int, storeys: int, height: int) -> None:
    """Awnings, balconies and a lamp on a front."""
    ax, ay, dx, dy = plan
    length = dx if front < 2 else dy

    def stick_out(start: int, width: int, low: int, tall: int, reach: int, material: int) -> None:
        if front < 2:
            site.box(ax + start, ay - reach if front == 0 else ay + dy, low, width, reach, tall, material)
        else:
            site.box(ax - reach if front == 2 else ax + dx, ay + start, low, reach, width, tall, material)

    if site.chance(0.5):
        start = site.whole(0, length // 3)
        stick_out(start, site.whole(4, length - start), GROUND + site.whole(8, 10), 1, site.whole(2, 5), site.paint())
    for storey in range(1, storeys):
        if site.chance(0.5):
            start, paint = site.whole(1, length // 2), site.paint()
            width, low = site.whole(4, length - start - 1), GROUND + storey * (height + 1)
            stick_out(start, width, low, 1, 3, paint)
            stick_out(start, width, low + 1, 3, 3, paint)
            stick_out(start, width, low + 1, 3, 2, AIR)
    if site.chance(0.4):
        out = -1.5 if front in (0, 2) else 1.5
        middle = length * site.rng.uniform(0.2, 0.8)
        edge = (ay + (dy if front == 1 else 0)) if front < 2 else (ax + (dx if front == 3 else 0))
        at = (ax + middle, edge + out) if front < 2 else (edge + out, ay + middle)
        site.lamp(*at, GROUND + site.whole(9, 13), wide=0.1)


def courtyard(site: Site) -> None:
    """A ring of rooms around an open yard, towards which it has arches, columns or windows; a well or a tree in it."""
    x, y, z = site.voxels.shape
    ground(site)
    margin, ring, wall = site.whole(1, 5), site.whole(9, 14), site.whole(1, 2)
    plan = ax, ay, dx, dy = margin, margin, x - 2 * margin, y - 2 * margin
    yard = bx, by, ex, ey = ax + ring, ay + ring, dx - 2 * ring, dy - 2 * ring
    site.built.append(plan)
    height = site.whole(10, 13)
    storeys = 2 if site.chance(0.5) and 2 * height + 8 < z else 1
    top = GROUND
    for storey in range(storeys):
        low, top = GROUND + storey * (height + 1), GROUND + storey * (height + 1) + height
        site.box(ax, ay, low, dx, dy, height, site.paint())
        wings: list[Plan] = [
            (ax + wall, ay + wall, dx - 2 * wall, ring - 2 * wall),
            (ax + wall, by + ey + wall, dx - 2 * wall, ring - 2 * wall),
            (ax + wall, by - wall + 1, ring - 2 * wall, ey + 2 * wall - 2),
            (bx + ex + wall, by - wall + 1, ring - 2 * wall, ey + 2 * wall - 2),
        ]
        for wing in wings:
            line(site, wing, low, height)
        for wing in wings:
            site.box(*wing[:2], low, *wing[2:], height, AIR)
            site.box(*wing[:2], low - 1, *wing[2:], 1, site.paint())
            for _ in range(site.whole(0, 2)):
                partition(site, wing, low, height)
            furnish(site, wing, low)
            for _ in range(site.whole(0, 2)):
                site.lamp(
                    wing[0] + wing[2] * site.rng.uniform(0.1, 0.9), wing[1] + wing[3] * site.rng.uniform(0.2, 0.8), top
                )
        for side in range(4):
            openings(site, plan, side, wall, low, height, with_door=storey == 0)
        site.box(ax, ay, top, dx, dy, 1, site.paint())
        site.box(*yard[:2], low, *yard[2:], z, AIR)
        inner = bx - wall, by - wall, ex + 2 * wall, ey + 2 * wall
        for side in range(4):
            _open_to_yard(site, inner, side, wall, low, height)
    if site.chance(0.4):
        for wing in ((ax, ay, dx, ring), (ax, by + ey, dx, ring)):
            pitched_roof(site, wing, top + 1)
    site.box(*yard[:2], 1, *yard[2:], 1, site.paint())
    _plant_yard(site, yard)
    scatter(site, 0.4, large=False)


def _open_to_yard(site: Site, inner: Plan, side: int, wall: int, low: int, height: int) -> None:
    """The wall of one wing towards the yard: an arcade, a row of posts, windows, or nothing but a door."""
    length, kind = inner[2] if side < 2 else inner[3], site.rng.random()
    if kind < 0.5:
        pier, span = site.whole(1, 2), site.whole(4, 8)
        bays = (length - 2 * wall - pier) // (span + pier)
        x = inner[0] + (inner[2] - wall if side == 3 else 0 if side == 2 else wall)
        y = inner[1] + (inner[3] - wall if side == 1 else 0 if side == 0 else wall)
        rise = max(2, min(height - span // 2 - 2, 8))
        cut_wall(site, inner, side, wall, wall, length - 2 * wall, low, height, site.paint())
        arches(site, x, y, low, side < 2, bays, (pier, span, rise, wall))
    elif kind < 0.7:
        gap, paint = site.whole(4, 9), site.paint()
        cut_wall(site, inner, side, wall, wall, length - 2 * wall, low, height)
        cut_wall(site, inner, side, wall, wall, length - 2 * wall, low, site.whole(0, 4), site.paint())
        for start in range(wall + gap, length - wall, gap):
            cut_wall(site, inner, side, wall, start, 1, low, height, paint)
    else:
        windows(site, inner, side, wall, low, height)
        cut_wall(site, inner, side, wall, length // 2, 5, low, 9)


def _plant_yard(site: Site, yard: Plan) -> None:
    """A well, a tree, a statue's column or crates in a yard, and a lamp."""
    x, y, dx, dy = yard
    for _ in range(site.whole(1, 2 + dx * dy // 900)):
        px, py = x + site.whole(3, dx - 8), y + site.whole(3, dy - 8)
        kind = site.rng.integers(4)
        if kind == 0:  # a well
            site.column(px + 2, py + 2, GROUND, 3.2, 3, site.paint())
            site.column(px + 2, py + 2, GROUND + 1, 2.2, 2, AIR)
        elif kind == 1:
            tree(site, (px - 3, py - 3))
        elif kind == 2:
            site.column(px + 2, py + 2, GROUND, 1.5, site.whole(5, 12), site.paint(), top=0.7)
        else:
            furnish(site, yard, GROUND, most=4)
    if site.chance(0.7):
        lamp_post(site, x + site.whole(2, dx - 6), y + site.whole(2, dy - 3))
