"""How walkers mind each other and go: plain functions over plain sequences, one walker after another.

A few walkers are run as it stands here, in lists; many are compiled from the same text (`throng.py`), in arrays. Both
come to the same bits: there is nothing but + - * / and sqrt, and no fast-math.
"""

import math
from typing import Any, Final

from engine.core.units import BRICK, TICK_S, VOXEL_M, VOXELS_PER_M

FEW: Final = 24  # so many are walked by Python as it is; more are compiled
NEAR_M: Final = 0.75  # begins to mind the other
TOUCH_M: Final = 0.5  # nobody wants to be nearer: shoulders are half a metre wide
PUSH_HZ: Final = 32.0  # by how much of their overlap two part in a second: by half of it in a tick
YIELDS: Final = 0.6  # of the ways that several in front ask for, how much is taken of each, when they are many
FASTEST_PUSH_M_S: Final = 1.5
TALL_M: Final = 1.75  # who is higher than this above another is on another floor
PERSONAL_M: Final = 0.7  # nobody comes closer to the player

RADIUS_M: Final = 0.25
STEP_VOXELS: Final = 2  # 0.5 m up or down in one stride
BELOW: Final = STEP_VOXELS + 1  # voxels under the feet that matter
CLIMB_M_S: Final = 3.0  # how fast feet follow the ground
TURN_RAD_S: Final = 5.0
NOWHERE: Final = 127  # change of level where one cannot stand

TURN: Final = 2.0 * math.pi

Numbers = Any  # [n] a list, or a float64 array; likewise below


def mind(
    x: Numbers, y: Numbers, z: Numbers, vx: Numbers, vy: Numbers, stands: Any, order: Any, begin: Any, end: Any,
    in_front: Numbers, give_x: Numbers, give_y: Numbers, push_x: Numbers, push_y: Numbers,
    player_x: float, player_y: float, player_z: float,
) -> None:  # fmt: skip
    """Changes velocities vx, vy [n] m/s of walkers at (x, y, z) [n] metres so that they mind each other and the player.

    Those of `stands` [n] are not pushed by others, who make all the room. Walker `order[r % n]` meets
    `order[begin[r]:end[r]]`, for every r, each pair once. The five after that are room for sums, [n] zeros.
    """
    n, met = len(x), False
    for r in range(len(begin)):
        i = order[r % n]
        for m in range(begin[r], end[r]):
            j = order[m]
            dx, dy = x[j] - x[i], y[j] - y[i]
            square = dx * dx + dy * dy
            if square >= NEAR_M * NEAR_M or abs(z[i] - z[j]) >= TALL_M:
                continue
            met = True
            distance = math.sqrt(square)
            if distance < 1e-6:  # in one another: the first goes west
                dx, distance = 1.0, 0.0
            else:
                dx, dy = dx / distance, dy / distance
            ahead_i, ahead_j = vx[i] * dx + vy[i] * dy, -(vx[j] * dx + vy[j] * dy)  # m/s towards the other
            closing = max(ahead_i + ahead_j, 0.0)
            weight = min((NEAR_M - distance) / (NEAR_M - TOUCH_M), 1.0)
            push = PUSH_HZ * max(TOUCH_M - distance, 0.0) * 0.5
            if ahead_i > 0.0 and closing > 0.0:
                ahead = min(ahead_i, closing) * weight
                aside = -ahead if dx * vy[i] - dy * vx[i] < 0.0 else ahead
                in_front[i] += weight
                give_x[i] -= dx * ahead + dy * aside
                give_y[i] -= dy * ahead - dx * aside
            if ahead_j > 0.0 and closing > 0.0:
                ahead = min(ahead_j, closing) * weight
                aside = -ahead if dy * vx[j] - dx * vy[j] < 0.0 else ahead
                in_front[j] += weight
                give_x[j] += dx * ahead + dy * aside
                give_y[j] += dy * ahead - dx * aside
            if not stands[i]:
                share = 2.0 * push if stands[j] else push
                push_x[i] -= dx * share
                push_y[i] -= dy * share
            if not stands[j]:
                share = 2.0 * push if stands[i] else push
                push_x[j] += dx * share
                push_y[j] += dy * share

    for k in range(n):
        if met:
            crowd = max(YIELDS * in_front[k], 1.0)
            new_x, new_y = vx[k] + give_x[k] / crowd + push_x[k], vy[k] + give_y[k] / crowd + push_y[k]
            square = new_x * new_x + new_y * new_y
            most = max(vx[k] * vx[k] + vy[k] * vy[k], FASTEST_PUSH_M_S * FASTEST_PUSH_M_S)
            slower = math.sqrt(most / max(square, most))
            vx[k], vy[k] = new_x * slower, new_y * slower
        dx, dy = player_x - x[k], player_y - y[k]
        square = dx * dx + dy * dy
        if square >= PERSONAL_M * PERSONAL_M or abs(z[k] - player_z) >= TALL_M:
            continue
        distance = math.sqrt(square) if square > 0.0 else 1.0
        if dx * vx[k] + dy * vy[k] > 0.0:  # goes around at the same speed, on the shorter side
            along = math.sqrt(vx[k] * vx[k] + vy[k] * vy[k]) / distance
            if dx * vy[k] - dy * vx[k] < 0.0:
                along = -along
            vx[k], vy[k] = -dy * along, dx * along
        back = PUSH_HZ * max(TOUCH_M - distance, 0.0) / distance  # who stands in the player steps back
        vx[k], vy[k] = vx[k] - dx * back, vy[k] - dy * back


def strides(
    ringed: Any, nx: int, ny: int, n_bytes: int, change_of: Any, x: Numbers, y: Numbers, z: Numbers, wanted_x: Numbers,
    wanted_y: Numbers, vx: Numbers, vy: Numbers, ground: Any, yaw: Numbers, blocked: Any,
) -> None:  # fmt: skip
    """Moves walkers at (x, y, z) [n] metres with velocities (vx, vy) [n] m/s as far as the ground lets them.

    First x, then y (so that they slide along walls), then the ground under them: `ground` [n] voxels is the level that
    they stand on, `blocked` [n] whether it kept them. `yaw` [n] turns towards where they go and where they `wanted` to.
    The first four are a VoxelGrid's `ringed` and the shape of its `solid`; `change_of` is motion.change_table.

    The arctangent, within 1e-5 rad, is the polynomial of Abramowitz and Stegun, Handbook of Mathematical Functions,
    4.4.49, folded into the octants.
    """
    rise, most_turn = CLIMB_M_S * TICK_S, TURN_RAD_S * TICK_S
    for k in range(len(x)):
        old_x, old_y, step_x, step_y = x[k], y[k], vx[k] * TICK_S, vy[k] * TICK_S
        lowest = min(max(ground[k] + BRICK - BELOW, 0), (n_bytes - 3) * 8)
        first, bit = (ny + 3) * n_bytes + (lowest >> 3), lowest & 7
        change = word = 0
        new_x, new_y = old_x, old_y
        for stage in range(4):  # x, y, where that leads, and back where it leads nowhere
            at_x, at_y = new_x, new_y
            if stage == 0:
                at_x = old_x + step_x + math.copysign(RADIUS_M, step_x)
            elif stage == 1:
                at_y = old_y + step_y + math.copysign(RADIUS_M, step_y)
            i, j = math.floor(at_x * VOXELS_PER_M), math.floor(at_y * VOXELS_PER_M)
            at = (min(max(i, -1), nx) * (ny + 2) + min(max(j, -1), ny)) * n_bytes + first
            word = (int(ringed[at]) | int(ringed[at + 1]) << 8 | int(ringed[at + 2]) << 16) >> bit & 0xFFF
            change = change_of[word]
            if stage == 0 and change != NOWHERE:
                new_x = old_x + step_x
            elif stage == 1 and change != NOWHERE:
                new_y = old_y + step_y
            elif stage == 2:
                if change != NOWHERE:
                    break
                new_x, new_y = old_x, old_y
            elif stage == 3:
                change = -1 if word & ((1 << BELOW) - 1) == 0 else 0  # falls, or stays
        level = ground[k] + change
        dx, dy = new_x - old_x, new_y - old_y
        blocked[k] = dx * dx + dy * dy < 0.25 * (step_x * step_x + step_y * step_y)  # less than half as fast
        x[k], y[k], ground[k] = new_x, new_y, level
        z[k] += min(max(level * VOXEL_M - z[k], -rise), rise)

        if wanted_x[k] != 0.0 or wanted_y[k] != 0.0:
            to_x, to_y = wanted_x[k] + vx[k], wanted_y[k] + vy[k]
            ax, ay = abs(to_x), abs(to_y)
            larger = max(ax, ay)
            t = min(ax, ay) / (larger if larger > 0.0 else 1.0)
            s = t * t
            facing = t * ((((0.0208351 * s - 0.0851330) * s + 0.1801410) * s - 0.3302995) * s + 0.9998660)
            if ay > ax:
                facing = math.pi / 2 - facing
            if to_x < 0.0:
                facing = math.pi - facing
            if to_y < 0.0:
                facing = -facing
            turn = facing - yaw[k]
            turn -= math.floor((turn + math.pi) / TURN) * TURN
            turned = yaw[k] + min(max(turn, -most_turn), most_turn)
            yaw[k] = turned - math.floor((turned + math.pi) / TURN) * TURN
