"""Where each walker wants to go, one after the other: a plain function over plain sequences, like those of `gait.py`.

`behaviours.py` says what every behaviour is, and asks the flow fields for those who must be led.
"""

import math
from typing import Any, Final

from engine.core.ids import INDEX_MASK
from engine.sim.systems.gait import Numbers
from engine.state.components import FLEE, FOLLOW, NONE, PATROL, SEEK, WANDER

ARRIVED_M: Final = 0.4
COMPANY_M: Final = 1.5  # followers keep this distance
GREET_M: Final = 0.8  # seekers this
SLOW_DOWN_HZ: Final = 3.0  # who comes to rest slows down to this times the distance that is left

# What somebody walks to, in one number: a place, a point of a path, or an entity by its slot.
POINTS: Final = 1 << 24
ENTITIES: Final = 1 << 48


def want(
    behaviour: Any, place: Any, path: Any, follows: Any, chance: Any, x: Numbers, y: Numbers, speed: Numbers,
    radius: Numbers, blocked: Any, spot_x: Numbers, spot_y: Numbers, entities: Any, points: Any, first_point: Any,
    n_points: Any, centres: Any, vx: Numbers, vy: Numbers, path_point: Any, detour: Any, lost: Any, goal: Any,
    toward_x: Numbers, toward_y: Numbers, pace: Numbers,
) -> int:  # fmt: skip
    """Sets velocities vx, vy [n] m/s of walkers at (x, y) [n] metres; how many of them cannot be told so simply.

    Those have a `goal` [n] that is not -1: from 0 on a number as above, to which a flow field leads them, else straight
    on (toward_x, toward_y) [n] as fast as `pace` [n] m/s; -2 for wanderers who turn. Their velocity is as it was.
    `chance` [n] says who turns or gives a point up, (spot_x, spot_y) [n] metres where those who seek a place have their
    spot. Tables: places of `entities` by slot [., 3], `points` of all paths [., 3], where each path begins in them and
    its length, `centres` of places [., 2].
    """
    untold = 0
    for k in range(len(x)):
        what, goal[k] = behaviour[k], -1
        if what == NONE:
            vx[k], vy[k], detour[k], lost[k] = 0.0, 0.0, False, False
            continue
        to, from_m, target_x, target_y = place[k], 0.0, 0.0, 0.0
        if what == PATROL:
            point = int(first_point[path[k]]) + path_point[k] % int(n_points[path[k]])
            to, target_x, target_y = POINTS + point, float(points[point, 0]), float(points[point, 1])
        elif what in (FOLLOW, FLEE) or (what == SEEK and to < 0):
            other = follows[k] & INDEX_MASK  # nobody is slot 0: the player
            to, target_x, target_y = ENTITIES + other, float(entities[other, 0]), float(entities[other, 1])
            from_m = COMPANY_M if what == FOLLOW else GREET_M
        elif what == SEEK:
            target_x, target_y = spot_x[k], spot_y[k]
        elif to >= 0:
            target_x, target_y = float(centres[to, 0]), float(centres[to, 1])
        way_x, way_y = target_x - x[k], target_y - y[k]
        distance = math.sqrt(way_x * way_x + way_y * way_y)
        rests = vx[k] == 0.0 and vy[k] == 0.0

        if what == WANDER:
            if to >= 0:
                detour[k], lost[k] = False, False
            if to < 0 or distance <= radius[k]:
                if chance[k] or rests or blocked[k]:
                    goal[k], untold = -2, untold + 1
                continue
            quick = speed[k]
        elif what == PATROL:
            quick = speed[k]
            if distance < ARRIVED_M or (lost[k] and chance[k]):
                path_point[k], quick = (path_point[k] + 1) % int(n_points[path[k]]), 0.0
        elif what == FLEE:
            quick = speed[k] if distance < radius[k] else 0.0
        else:
            quick = min(speed[k], max(distance - from_m, 0.0) * SLOW_DOWN_HZ)
            if what == SEEK and to < POINTS:
                calm = rests and not blocked[k] and not lost[k] and distance < 2.5 * ARRIVED_M
                if calm or distance < 0.5 * ARRIVED_M:
                    quick = 0.0

        length = distance if distance > 1e-9 else 1.0
        if what == FLEE:
            length = -length
        straight = to >= POINTS
        stopped = detour[k] or blocked[k]
        # A patrol that once had to go round something knows its way from then on, others go straight after a rest.
        detour[k] = straight and stopped and (quick > 0.0 or what == PATROL)
        if quick > 0.0 and (detour[k] or not straight):
            goal[k], untold = to, untold + 1
            toward_x[k], toward_y[k], pace[k] = way_x / length, way_y / length, quick
        else:
            vx[k], vy[k], lost[k] = way_x / length * quick, way_y / length * quick, False
    return untold
