"""Many walkers, compiled: what `company.asks` for `company.pairs` and `motion.strides` say, to the last bit.

Only these two import this file, and only for more than company.FEW: importing numba takes half a second. There is no
fast-math here and nothing but + - * / and sqrt.
"""

import math

import numpy as np
from numba import njit

BELOW = 3  # engine.sim.systems.motion.BELOW
NOWHERE = 127  # engine.sim.systems.motion.NOWHERE
TURN = 2.0 * math.pi


@njit(cache=True)
def asks(position, velocity, stands, near, touch, push_hz, tall, most_in_run, most_cells):
    """See company.asks; the numbers are company.NEAR_M, TOUCH_M, PUSH_HZ, TALL_M, MOST_IN_RUN and MOST_CELLS."""
    x, y, z = position
    vx, vy = velocity
    n = len(x)
    cell, width, height = cells(x, y, near, most_cells)
    n_cells = width * height
    start = np.zeros(n_cells + 1, np.int32)
    for k in range(n):
        start[cell[k] + 1] += 1
    for c in range(n_cells):
        start[c + 1] += start[c]
    order, filled = np.empty(n, np.int32), start[:-1].copy()
    for k in range(n):
        order[filled[cell[k]]] = k
        filled[cell[k]] += 1

    of_first, of_second = np.zeros((n, 5)), np.zeros((n, 5))
    for run in range(2):  # the rest of the own cell and the next, then three further up
        for k in range(n):
            i = order[k]
            c = cell[i]
            if run == 0:
                begin, end = k + 1, start[c + 2]
            else:
                north = c + width if c + width < n_cells else c + width - n_cells
                begin, end = start[north - 1], start[north + 2]
            for m in range(begin, min(end, begin + most_in_run)):
                j = order[m]
                dx, dy = x[j] - x[i], y[j] - y[i]
                square = dx * dx + dy * dy
                if not square < near * near or not abs(z[i] - z[j]) < tall:
                    continue
                distance = math.sqrt(square)
                if distance < 1e-6:
                    dx, dy, distance = 1.0, dy, 0.0
                else:
                    dx, dy = dx / distance, dy / distance
                ahead_i, ahead_j = vx[i] * dx + vy[i] * dy, -(vx[j] * dx + vy[j] * dy)
                closing = max(ahead_i + ahead_j, 0.0)
                weight = min((near - distance) / (near - touch), 1.0)
                yield_i = min(max(ahead_i, 0.0), closing) * weight
                yield_j = min(max(ahead_j, 0.0), closing) * weight
                side_i = -yield_i if dx * vy[i] - dy * vx[i] < 0.0 else yield_i
                side_j = -yield_j if dy * vx[j] - dx * vy[j] < 0.0 else yield_j
                push = push_hz * max(touch - distance, 0.0) * 0.5
                push_i = 0.0 if stands[i] else 2.0 * push if stands[j] else push
                push_j = 0.0 if stands[j] else 2.0 * push if stands[i] else push
                of_first[i, 0] += weight if yield_i > 0.0 else 0.0
                of_first[i, 1] += -dx * yield_i - dy * side_i
                of_first[i, 2] += -dy * yield_i + dx * side_i
                of_first[i, 3] += -dx * push_i
                of_first[i, 4] += -dy * push_i
                of_second[j, 0] += weight if yield_j > 0.0 else 0.0
                of_second[j, 1] += dx * yield_j + dy * side_j
                of_second[j, 2] += dy * yield_j - dx * side_j
                of_second[j, 3] += dx * push_j
                of_second[j, 4] += dy * push_j
    return (of_first + of_second).T


@njit(cache=True)
def cells(x, y, near, most_cells):
    """The cell [n] of every walker in a grid of so many columns and rows, whose rows are folded over one another."""
    n = len(x)
    cell, row = np.empty(n, np.int32), np.empty(n, np.int32)
    for k in range(n):
        cell[k], row[k] = math.floor(x[k] * (1.0 / near)), math.floor(y[k] * (1.0 / near))
    west = cell.min() - 1
    width = int(cell.max()) - west + 2  # an empty column on either side
    height, most = 4, most_cells // width
    while height < 2 * n / width and 2 * height <= most:
        height *= 2  # a power of two
    for k in range(n):
        cell[k] = (row[k] & (height - 1)) * width + cell[k] - west
    return cell, width, height


@njit(cache=True)
def strides(
    ringed, column_bytes, n_columns, change_of, position, wanted, velocity, ground, yaw, radius, rise, most_turn, tick_s
):
    """See motion.strides; of a VoxelGrid the fields of these names, `change_of` is motion's table of words."""
    n = len(ground)
    place, level, blocked, facing = np.empty((3, n)), np.empty(n, np.int64), np.empty(n, np.bool_), np.empty(n)
    nx, ny, stride_x, stride_y = n_columns[0, 0], n_columns[1, 0], column_bytes[0, 0], column_bytes[1, 0]
    for k in range(n):
        old_x, old_y, z = position[0, k], position[1, k], position[2, k]
        step_x, step_y = velocity[0, k] * tick_s, velocity[1, k] * tick_s
        lowest = min(max(ground[k] + 8 - BELOW, 0), (stride_y - 3) * 8)
        base, bit = (lowest >> 3) + stride_x + stride_y, lowest & 7

        x, y = old_x + step_x, old_y + step_y
        if (
            change_of[column(ringed, x + math.copysign(radius, step_x), old_y, nx, ny, stride_x, stride_y, base, bit)]
            == NOWHERE
        ):
            x = old_x
        if (
            change_of[column(ringed, x, y + math.copysign(radius, step_y), nx, ny, stride_x, stride_y, base, bit)]
            == NOWHERE
        ):
            y = old_y
        change = change_of[column(ringed, x, y, nx, ny, stride_x, stride_y, base, bit)]
        if change == NOWHERE:
            x, y = old_x, old_y
            under = column(ringed, x, y, nx, ny, stride_x, stride_y, base, bit) & ((1 << BELOW) - 1)
            change = -1 if under == 0 else 0
        level[k] = ground[k] + change
        place[0, k], place[1, k] = x, y
        place[2, k] = z + min(max(level[k] * 0.25 - z, -rise), rise)
        dx, dy = x - old_x, y - old_y
        blocked[k] = dx * dx + dy * dy < 0.25 * (step_x * step_x + step_y * step_y)

        turn = 0.0
        if wanted[0, k] != 0.0 or wanted[1, k] != 0.0:
            turn = wrapped(yaw_of(wanted[0, k] + velocity[0, k], wanted[1, k] + velocity[1, k]) - yaw[k])
            turn = min(max(turn, -most_turn), most_turn)
        facing[k] = wrapped(yaw[k] + turn)
    return place, level, blocked, facing


@njit(cache=True)
def column(ringed, x, y, nx, ny, stride_x, stride_y, base, bit):
    """See motion.columns."""
    i, j = min(max(math.floor(x * 4.0), -1), nx), min(max(math.floor(y * 4.0), -1), ny)
    at = i * stride_x + j * stride_y + base
    word = int(ringed[at]) | int(ringed[at + 1]) << 8 | int(ringed[at + 2]) << 16
    return word >> bit & 0xFFF


@njit(cache=True)
def wrapped(angle):
    """See angles.wrapped."""
    return angle - math.floor((angle + math.pi) / TURN) * TURN


@njit(cache=True)
def yaw_of(x, y):
    """See angles.yaw_of."""
    ax, ay = abs(x), abs(y)
    larger = max(ax, ay)
    t = min(ax, ay) / (larger if larger > 0.0 else 1.0)
    s = t * t
    a = (((0.0208351 * s - 0.0851330) * s + 0.1801410) * s - 0.3302995) * s + 0.9998660
    a *= t
    if ay > ax:
        a = math.pi / 2 - a
    if x < 0.0:
        a = math.pi - a
    return -a if y < 0.0 else a
