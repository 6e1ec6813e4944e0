"""Houses and what is in them: walls, openings, storeys, roofs, partitions, furniture. Lengths are whole voxels."""

from engine.core.units import AIR
from engine.teach.scenes.site import GROUND, Plan, Site


def house(site: Site, plan: Plan, storeys: int = 1, height: int | None = None, front: int | None = None) -> int:
    """A house with walls one or two voxels thick, doors, windows and a roof; returns the top of its walls.

    `front` is the side (0 -y, 1 +y, 2 -x, 3 +x) that must have a door and windows.
    """
    ax, ay, dx, dy = plan
    site.built.append(plan)
    height, wall = height or site.whole(10, 15), site.whole(1, 2)
    floor, inside = GROUND + site.whole(0, 1), (ax + wall, ay + wall, dx - 2 * wall, dy - 2 * wall)
    site.box(ax, ay, GROUND, dx, dy, floor - GROUND, site.paint())
    facade, top = site.paint(), floor
    for storey in range(storeys):
        low, top = floor + storey * (height + 1), floor + storey * (height + 1) + height
        room(site, inside, low, height, wall, facade if site.chance(0.7) else site.paint())
        cut = 0
        for side in range(4):
            if side == front:
                cut += windows(site, plan, side, wall, low, height)
                if storey == 0:
                    door(site, plan, side, wall, low)
            else:
                cut += openings(site, plan, side, wall, low, height, with_door=storey == 0)
        if site.chance(0.35):
            partition(site, inside, low, height)
        furnish(site, inside, low)
        if storey + 1 < storeys or site.chance(0.88):
            if storey + 1 < storeys or site.chance(0.6):
                eaves = site.whole(0, 2) if storey + 1 == storeys else 0
                part = dx if storey + 1 < storeys or site.chance(0.85) else dx // 2
                site.box(ax - eaves, ay - eaves, top, part + 2 * eaves, dy + 2 * eaves, 1, site.paint())
            else:
                pitched_roof(site, plan, top)
            for _ in range(max(site.whole(0, 2), cut == 0)):
                site.lamp(ax + site.whole(4, dx - 5) + 0.5, ay + site.whole(4, dy - 5) + 0.5, top)
    return top


def room(site: Site, inside: Plan, low: int, height: int, wall: int, outer: int) -> None:
    """A hollow block on a floor, painted inside in one, two or four colours of its own, or in none."""
    x, y, dx, dy = inside
    site.box(x - wall, y - wall, low, dx + 2 * wall, dy + 2 * wall, height, outer)
    if site.chance(0.6):
        line(site, inside, low, height)
    site.box(x, y, low, dx, dy, height, AIR)
    site.box(x, y, low - 1, dx, dy, 1, site.paint())


def line(site: Site, inside: Plan, low: int, height: int) -> None:
    """Paint the voxels around a rectangle, a side at a time."""
    x, y, dx, dy = inside
    one, paint = site.chance(0.5), site.paint()
    for ax, ay, width, depth in ((x - 1, y, 1, dy), (x, y + dy, dx, 1), (x + dx, y, 1, dy), (x, y - 1, dx, 1)):
        site.box(ax, ay, low, width, depth, height, paint if one else site.paint())


def cut_wall(
    site: Site, plan: Plan, side: int, wall: int, start: int, width: int, low: int, tall: int, material: int = AIR
) -> None:
    """Put a material, or air, in a part of one wall of a plan; `start` runs along the wall."""
    ax, ay, dx, dy = plan
    if side < 2:
        site.box(ax + start, ay if side == 0 else ay + dy - wall, low, width, wall, tall, material)
    else:
        site.box(ax if side == 2 else ax + dx - wall, ay + start, low, wall, width, tall, material)


def openings(site: Site, plan: Plan, side: int, wall: int, low: int, height: int, with_door: bool) -> int:
    """A door, a row of windows, no wall at all or nothing; returns how many openings that made."""
    kind = site.rng.random()
    if kind < 0.06:
        cut_wall(site, plan, side, wall, 2, (plan[2] if side < 2 else plan[3]) - 4, low, height)
        return 1
    if kind < 0.35 and with_door:
        door(site, plan, side, wall, low)
        return 1
    return windows(site, plan, side, wall, low, height) if kind < 0.8 else 0


def door(site: Site, plan: Plan, side: int, wall: int, low: int) -> None:
    """A doorway, open or with a leaf that stands half open."""
    length, width = plan[2] if side < 2 else plan[3], site.whole(3, 7)
    start = site.whole(wall + 1, length - width - wall - 1)
    cut_wall(site, plan, side, wall, start, width, low, site.whole(8, 10))
    if site.chance(0.3):
        cut_wall(site, plan, side, wall, start, width // 2, low, 8, site.paint())


def windows(site: Site, plan: Plan, side: int, wall: int, low: int, height: int) -> int:
    """A row of like windows with sills, mullions or shutters; returns how many."""
    length = plan[2] if side < 2 else plan[3]
    width, sill = site.whole(2, 10), site.whole(2, 5)
    tall, gap, count = min(site.whole(3, 9), height - sill - 1), site.whole(2, 9), 0
    mullion, paint = width > 5 and site.chance(0.5), site.paint()
    for start in range(wall + site.whole(1, 4), length - wall - width, width + gap):
        cut_wall(site, plan, side, wall, start, width, low + sill, tall)
        if mullion:
            cut_wall(site, plan, side, wall, start + width // 2, 1, low + sill, tall, paint)
        count += 1
        if site.chance(0.1):
            break
    return count


def partition(site: Site, inside: Plan, low: int, height: int) -> None:
    """A one-voxel wall across a room, with a doorway."""
    x, y, dx, dy = inside
    paint, tall = site.paint(), height if site.chance(0.8) else height // 2
    if dx > dy:
        at = x + site.whole(dx // 3, 2 * dx // 3)
        site.box(at, y, low, 1, dy, tall, paint)
        site.box(at, y + site.whole(0, dy - 6), low, 1, site.whole(4, 6), 8, AIR)
    else:
        at = y + site.whole(dy // 3, 2 * dy // 3)
        site.box(x, at, low, dx, 1, tall, paint)
        site.box(x + site.whole(0, dx - 6), at, low, site.whole(4, 6), 1, 8, AIR)


def furnish(site: Site, inside: Plan, low: int, most: int = 6) -> None:
    """Tables, chests, shelves, beds, wardrobes, seats, round things and plants on the floor of a room."""
    x, y, dx, dy = inside
    for _ in range(site.whole(0, most)):
        width, depth = min(site.whole(2, 8), dx), min(site.whole(2, 5), dy)
        px, py, paint = x + site.whole(0, dx - width), y + site.whole(0, dy - depth), site.paint()
        if site.chance(0.5):  # against a wall
            px, py = (x if site.chance(0.5) else x + dx - width, py) if site.chance(0.5) else (px, y)
        kind = site.rng.integers(8)
        if kind == 0:  # a table on legs, with something on it
            site.box(px, py, low + 2, width, depth, 1, paint)
            for leg in ((0, 0), (width - 1, 0), (0, depth - 1), (width - 1, depth - 1)):
                site.box(px + leg[0], py + leg[1], low, 1, 1, 2, paint)
            site.box(px + width // 2, py + depth // 2, low + 3, 1, 1, site.whole(0, 2), site.paint())
        elif kind == 1:  # a chest
            site.box(px, py, low, width, depth, site.whole(1, 4), paint)
        elif kind == 2:  # shelves
            for shelf in range(3):
                site.box(px, py, low + 1 + 3 * shelf, 2, depth, 1, paint)
            site.box(px, py, low, 2, 1, 8, paint)
        elif kind == 3:  # a bed
            site.box(px, py, low, width, depth, 1, paint)
            site.box(px, py, low + 1, width, depth, 1, site.paint())
            site.box(px, py, low, 1, depth, 4, paint)
        elif kind == 4:  # a wardrobe
            site.box(px, py, low, min(width, 4), min(depth, 3), 8, paint)
        elif kind == 5:  # a seat
            site.box(px, py, low, width, 3, 2, paint)
            site.box(px, py, low, width, 1, 4, paint)
        elif kind == 6:  # a ball or a cone
            radius = min(site.rng.uniform(1, 2.5), dx / 2, dy / 2)
            middle = px + radius, py + radius
            if site.chance(0.5):
                site.ball((*middle, low + radius), (radius,) * 3, paint)
            else:
                site.column(*middle, low, radius, site.whole(2, 7), paint, top=site.rng.uniform(0, 1))
        else:  # a plant in a pot
            site.box(px, py, low, 1, 1, 2, paint)
            site.ball((px + 0.5, py + 0.5, low + 3.5), (2, 2, 2.2), site.paint(), ragged=0.8)


def pitched_roof(site: Site, plan: Plan, z: int) -> None:
    """A roof with its ridge along x or y, or hipped; steep or flat in its slope, with eaves."""
    x, y, dx, dy = plan
    along_x, hipped, run, paint = site.chance(0.5), site.chance(0.25), site.whole(1, 2), site.paint()
    for step in range((min(dx, dy) if hipped else dy if along_x else dx) // (2 * run) + 2):
        inset = run * step - 1  # eaves of one voxel
        inset_x, inset_y = (inset if hipped or not along_x else 0), (inset if hipped or along_x else 0)
        if dx > 2 * inset_x and dy > 2 * inset_y:
            site.box(x + inset_x, y + inset_y, z + step, dx - 2 * inset_x, dy - 2 * inset_y, 1, paint)
