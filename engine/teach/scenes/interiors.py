"""Scenes that are mostly indoors: flats of several rooms, halls, towers with stairs. Lengths are whole voxels."""

import math

from engine.core.units import AIR
from engine.teach.scenes.houses import cut_wall, door, furnish, line, openings, partition, room, windows
from engine.teach.scenes.outdoors import ground, scatter
from engine.teach.scenes.site import GROUND, Plan, Site

SMALLEST_ROOM = 9  # voxels


def flat(site: Site) -> None:
    """One or two storeys of rooms behind partitions, with doors, windows, skylights, furniture and ceiling lamps."""
    x, y, z = site.voxels.shape
    ground(site)
    margin, wall = site.whole(2, 7), site.whole(1, 3)
    plan = margin, margin, x - 2 * margin, y - 2 * margin
    site.built.append(plan)
    height = site.whole(10, 13)
    storeys = 2 if GROUND + 2 * height + 3 < z and site.chance(0.4) else 1
    for storey in range(storeys):
        low = GROUND + storey * (height + 1)
        inside = plan[0] + wall, plan[1] + wall, plan[2] - 2 * wall, plan[3] - 2 * wall
        room(site, inside, low, height, wall, site.paint())
        site.box(*plan[:2], low + height, *plan[2:], 1, site.paint())
        rooms: list[Plan] = []
        _divide(site, inside, low, height, rooms)
        for side in range(4):
            if site.chance(0.9):
                windows(site, plan, side, wall, low, height)
        door(site, plan, site.whole(0, 3), wall, low)
        for part in rooms:
            furnish(site, part, low)
            _light_room(site, part, plan, low + height, skylights=storey + 1 == storeys)
    scatter(site, 0.5, large=False)


def _divide(site: Site, part: Plan, low: int, height: int, rooms: list[Plan]) -> None:
    """Split a rectangle into rooms by walls one or two voxels thick, paint each room, and cut the doorways."""
    x, y, dx, dy = part
    along_x, thick = dx + site.whole(-6, 6) > dy, site.whole(1, 2)
    length, depth = (dx, dy) if along_x else (dy, dx)
    if length < 2 * SMALLEST_ROOM + 2 or (dx * dy < 700 and site.chance(0.3)):
        if site.chance(0.7):
            line(site, part, low, height)
        site.box(x, y, low, dx, dy, height, AIR)
        site.box(x, y, low - 1, dx, dy, 1, site.paint())
        rooms.append(part)
        return
    corridor = site.chance(0.2) and length > 40  # cut off a narrow strip
    at = site.whole(5, 7) if corridor else site.whole(SMALLEST_ROOM, length - SMALLEST_ROOM - thick)
    paint = site.paint()
    if along_x:
        site.box(x + at, y, low, thick, dy, height, paint)
        halves = (x, y, at, dy), (x + at + thick, y, dx - at - thick, dy)
    else:
        site.box(x, y + at, low, dx, thick, height, paint)
        halves = (x, y, dx, at), (x, y + at + thick, dx, dy - at - thick)
    if corridor:
        rooms.append(halves[0])
        line(site, halves[0], low, height)
    else:
        _divide(site, halves[0], low, height, rooms)
    _divide(site, halves[1], low, height, rooms)
    for _ in range(3 if corridor else site.whole(1, 2)):
        width, tall = site.whole(3, 5), 8 if site.chance(0.8) else height
        for _ in range(8):
            start = site.whole(1, depth - width - 1)
            px, py, wx, wy = (x + at, y + start, thick, width) if along_x else (x + start, y + at, width, thick)
            sides = site.voxels[px - (1 if along_x else 0) : px + wx + (1 if along_x else 0),
                                py - (0 if along_x else 1) : py + wy + (0 if along_x else 1), low + 1]  # fmt: skip
            ends = (sides[0], sides[-1]) if along_x else (sides[:, 0], sides[:, -1])
            if not ends[0].any() and not ends[1].any():
                site.box(px, py, low, wx, wy, tall, AIR)
                break


def _light_room(site: Site, part: Plan, plan: Plan, ceiling: int, skylights: bool) -> None:
    """Perhaps a lamp and, under the roof, perhaps a small skylight; a room without outer walls gets one of the two."""
    x, y, dx, dy = part
    inner = x > plan[0] + 4 and y > plan[1] + 4 and x + dx < plan[0] + plan[2] - 4 and y + dy < plan[1] + plan[3] - 4
    skylight = skylights and site.chance(0.4 if inner else 0.15)
    if skylight:
        width, depth = min(site.whole(1, 6), dx - 2), min(site.whole(1, 6), dy - 2)
        site.box(x + site.whole(1, dx - width), y + site.whole(1, dy - depth), ceiling, width, depth, 1, AIR)
    if site.chance(0.75) or (inner and not skylight):
        drop = site.whole(0, 3) if site.chance(0.3) else 0
        at = x + dx * site.rng.uniform(0.3, 0.7), y + dy * site.rng.uniform(0.3, 0.7)
        site.lamp(*at, ceiling - drop, wide=0.5)


def hall(site: Site) -> None:
    """One large room under a roof: tall windows or skylights, coloured walls, pillars, free walls inside."""
    x, y, z = site.voxels.shape
    ground(site)
    margin, wall = site.whole(1, 6), site.whole(1, 3)
    plan = ax, ay, dx, dy = margin, margin, x - 2 * margin, y - 2 * margin
    height, inside = min(site.whole(14, 26), z - GROUND - 3), (ax + wall, ay + wall, dx - 2 * wall, dy - 2 * wall)
    site.built.append(plan)
    room(site, inside, GROUND, height, wall, site.paint())
    sill = site.whole(0, 4)
    cut = sum(openings(site, plan, side, wall, GROUND + sill, height - 4, with_door=True) for side in range(4))
    top = GROUND + height
    site.box(ax, ay, top, dx, dy, site.whole(1, 2), site.paint())
    for _ in range(max(site.whole(0, 3), cut == 0)):
        at = ax + site.whole(4, dx - 14), ay + site.whole(4, dy - 14)
        site.box(*at, top, site.whole(3, 10), site.whole(3, 10), 2, AIR)
    for _ in range(site.whole(0, 4)):
        partition(site, inside, GROUND, height - site.whole(0, 8))
    if site.chance(0.5):
        size, paint, is_round = site.whole(1, 3), site.paint(), site.chance(0.5)
        for px in range(ax + 8, ax + dx - 8, site.whole(8, 14)):
            for py in (ay + dy // 4, ay + 3 * dy // 4):
                if is_round:
                    site.column(px, py, GROUND, size, height, paint)
                else:
                    site.box(px, py, GROUND, size, size, height, paint)
    if site.chance(0.3):  # a gallery along one side, on beams
        site.box(ax + wall, ay + wall, GROUND + height // 2, dx - 2 * wall, site.whole(5, 9), 1, site.paint())
    furnish(site, inside, GROUND, most=12)
    for _ in range(site.whole(1, 6)):
        drop = site.whole(1, 6) if site.chance(0.5) else 0
        site.lamp(ax + site.rng.uniform(4, dx - 4), ay + site.rng.uniform(4, dy - 4), top - drop, wide=0.4)
    scatter(site, 0.5, large=False)


def stairwell(site: Site) -> None:
    """Towers with stairs around a shaft, with landings, windows and lamps on the way up."""
    x, y, z = site.voxels.shape
    ground(site)
    for _ in range(max(2, round(x * y / 2500))):
        for _ in range(10):
            size = site.whole(18, 28)
            ax, ay = site.whole(1, x - size - 1), site.whole(1, y - size - 1)
            if site.is_vacant((ax, ay, size, size)):
                _tower(site, (ax, ay, size, size), min(site.whole(26, 42), z - GROUND - 2))
                break
    scatter(site, 0.4)


def _tower(site: Site, plan: Plan, height: int) -> None:
    ax, ay, size, _ = plan
    site.built.append(plan)
    wall, width, tread = site.whole(1, 2), site.whole(4, 5), site.whole(1, 2)
    inner, top = size - 2 * wall, GROUND + height
    room(site, (ax + wall, ay + wall, inner, inner), GROUND, height, wall, site.paint())
    run = inner - 2 * width
    flights = 8 if tread == 1 else 12
    thick, steps, landings, z = site.whole(1, 2), site.paint(), site.paint(), GROUND
    shaft = site.chance(0.25)  # a core wall instead of an open shaft
    for flight in range(flights):
        side = (0, 3, 1, 2)[flight % 4]  # once round: -y, +x, +y, -x
        for step in range(0, run, tread):
            z += 1
            along = width + step if side in (0, 3) else inner - width - step - tread
            px, py = (along, 0 if side == 0 else inner - width) if side < 2 else (
                0 if side == 2 else inner - width, along)  # fmt: skip
            wx, wy = (tread, width) if side < 2 else (width, tread)
            if z + 7 < top:
                site.box(ax + wall + px, ay + wall + py, z - thick, wx, wy, thick, steps)
        if z + 7 >= top:
            break
        lx, ly = ((inner - width, 0), (inner - width, inner - width), (0, inner - width), (0, 0))[flight % 4]
        site.box(ax + wall + lx, ay + wall + ly, z - thick, width, width, thick, landings)
        tall = site.whole(4, 6)
        if site.chance(0.6):
            start = site.whole(wall, size - wall - 5)
            cut_wall(site, plan, side, wall, start, site.whole(2, 5), z + 2, tall)
        if site.chance(0.5):  # under the landing
            middle = width / 2
            site.lamp(ax + wall + lx + middle, ay + wall + ly + middle, z - thick, wide=0.1)
    if shaft:
        at, core = wall + width, site.paint()
        for px, py, dx, dy in ((0, 0, run, 1), (0, run - 1, run, 1), (0, 0, 1, run), (run - 1, 0, 1, run)):
            site.box(ax + at + px, ay + at + py, GROUND, dx, dy, height - site.whole(0, 12), core)
            site.box(ax + at + run // 3, ay + at + py, GROUND + site.whole(4, 14), run // 3, dy, 6, AIR)
    else:
        site.lamp(ax + size / 2, ay + size / 2, top - site.whole(0, height - 8), wide=0.2)
    door(site, plan, 1, wall, GROUND)
    if site.chance(0.75):
        site.box(ax, ay, top, size, size, 1, site.paint())
        hole = math.ceil(run / 2)
        if site.chance(0.4):
            site.box(ax + size // 2 - hole // 2, ay + size // 2 - hole // 2, top, hole, hole, 1, AIR)
