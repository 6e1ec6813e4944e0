"""Compiled floods over walkable ground: the nodes where one can stand, and the ways from all of them to a goal.

Only `engine/sim/ways.py` imports this file, and only when somebody first needs a way: importing numba takes half a
second, and most small worlds never do. There is no fast-math here and nothing but + - * / and sqrt, so the results are
the same bits on every processor; `engine/sim/ways.py` keeps the slow definitions that the tests hold these against.
"""

import math

import numpy as np
from numba import njit

STEP = 2  # voxels up or down in one stride (engine.sim.systems.gait.STEP_VOXELS)
BESIDE_WALL = 2.0  # times slower: people keep off walls where there is room
UNKNOWN = -128  # in a field: no way is known from here
SPREAD = 127.0  # a direction's components are kept in bytes, times this


@njit(cache=True)
def nodes(solid):
    """Where one can stand: (first [X*Y + 1], level [N] voxels). Nodes of a column lie at first[c]..first[c + 1] - 1.

    `solid` is VoxelGrid.solid: one stands on a solid voxel below seven of air, as `gait.strides` has it.
    """
    nx, ny, n_bytes = solid.shape
    first = np.zeros(nx * ny + 1, np.int32)
    for turn in range(2):
        if turn == 1:
            for c in range(nx * ny):
                first[c + 1] += first[c]
            level = np.empty(first[nx * ny], np.int16)
        for i in range(nx):
            for j in range(ny):
                c = i * ny + j
                count = 0
                for b in range(n_bytes - 1):
                    if solid[i, j, b] == 0:
                        continue
                    word = int(solid[i, j, b]) | int(solid[i, j, b + 1]) << 8
                    for k in range(8):
                        if (word >> k) & 0xFF == 1:
                            if turn == 1:
                                level[first[c] + count] = 8 * b + k - 7
                            count += 1
                if turn == 0:
                    first[c + 1] = count
    return first, level


@njit(cache=True)
def links(first, level, ny):
    """[N, 4] the node next to each one towards +x, -x, +y, -y, at most STEP higher or lower; -1 where there is none."""
    n_columns = len(first) - 1
    link = np.full((len(level), 4), -1, np.int32)
    for c in range(n_columns):
        j = c % ny
        for side in range(4):
            other = c
            if side == 0:
                other = c + ny
            elif side == 1:
                other = c - ny
            elif side == 2 and j + 1 < ny:
                other = c + 1
            elif side == 3 and j > 0:
                other = c - 1
            if other == c or other < 0 or other >= n_columns:
                continue
            for a in range(first[c], first[c + 1]):
                for b in range(first[other], first[other + 1]):
                    if abs(level[a] - level[b]) <= STEP:
                        link[a, side] = b
    return link


@njit(cache=True)
def kinds(link):
    """[N] 0 in the open, 1 beside a wall or a drop, 2 between two of them: too narrow to pass."""
    kind = np.zeros(len(link), np.uint8)
    for a in range(len(link)):
        if (link[a, 0] < 0 and link[a, 1] < 0) or (link[a, 2] < 0 and link[a, 3] < 0):
            kind[a] = 2
        elif link[a, 0] < 0 or link[a, 1] < 0 or link[a, 2] < 0 or link[a, 3] < 0:
            kind[a] = 1
    return kind


@njit(cache=True)
def joined(link, goal, reach):
    """Nodes, growing, that steps join to a goal without going farther from it than `reach` columns."""
    seen = np.zeros(len(link), np.bool_)
    seen[goal] = True
    found = np.empty(2 * (2 * reach + 1) * (2 * reach + 1), np.int32)
    di, dj = np.zeros(len(found), np.int32), np.zeros(len(found), np.int32)
    found[0], count, at = goal, 1, 0
    while at < count:
        for side in range(4):
            b = link[found[at], side]
            i = di[at] + (1 if side == 0 else (-1 if side == 1 else 0))
            j = dj[at] + (1 if side == 2 else (-1 if side == 3 else 0))
            if b >= 0 and not seen[b] and i * i + j * j <= reach * reach and count < len(found):
                seen[b] = True
                found[count], di[count], dj[count] = b, i, j
                count += 1
        at += 1
    return np.sort(found[:count])


@njit(cache=True)
def goings(link, level):
    """[N, 4] the node that a walker reaches from each one towards +x, -x, +y, -y; N where the ground stops it.

    Walkers look RADIUS_M, one column, ahead of themselves: behind the node that they enter there must be another.
    """
    n = len(link)
    goes = np.full((n, 4), n, np.int32)
    for a in range(n):
        for side in range(4):
            b = link[a, side]
            if b >= 0:
                beyond = link[b, side]
                if beyond >= 0 and abs(level[beyond] - level[a]) <= STEP:
                    goes[a, side] = b
    return goes


@njit(cache=True)
def arrival(x, y, cost):
    """Time to the goal from a node whose neighbours along x and y need times x and y, infinity for none."""
    low, high = min(x, y), max(x, y)
    gap = high - low
    if not gap < cost:
        return low + cost
    return 0.5 * (low + high + math.sqrt(2.0 * cost * cost - gap * gap))


@njit(cache=True)
def flood(link, goes, kind, goal, limit, direction):
    """Fast marching (Sethian, "A fast marching level set method", PNAS 93, 1996) from a goal outwards.

    Writes into `direction` [N, 2] where to walk from every node whose way is at most `limit` long (in columns of open
    ground), UNKNOWN elsewhere, (0, 0) at the goal. True when the limit kept it from going on. What is written does not
    depend on the limit: nodes are settled in the order of their ways.
    """
    n = len(link)
    way = np.full(n, math.inf)
    led = np.full(n + 1, math.inf)  # the way of settled nodes that are wide enough to pass; infinity for others
    settled = np.zeros(n, np.bool_)
    direction[:, 0] = UNKNOWN
    direction[:, 1] = 0
    before = np.empty(4, np.int32)
    for side in range(4):  # at the goal it is enough to have come up to it
        b = link[goal, side]
        if b >= 0:
            before[side] = goes[b, side ^ 1]
            goes[b, side ^ 1] = goal
    key = np.empty(1024)
    item = np.empty(1024, np.int32)
    key[0], item[0], size = 0.0, goal, 1
    way[goal] = 0.0
    cut = False
    while size:
        a, now = item[0], key[0]
        size -= 1
        last_key, last_item, hole = key[size], item[size], 0
        while True:
            child = 2 * hole + 1
            if child >= size:
                break
            if child + 1 < size and key[child + 1] < key[child]:
                child += 1
            if key[child] >= last_key:
                break
            key[hole], item[hole] = key[child], item[child]
            hole = child
        key[hole], item[hole] = last_key, last_item
        if settled[a]:
            continue
        if now > limit:
            cut = True
            break
        settled[a] = True
        if a == goal:
            direction[a, 0] = 0
        else:
            e, w, n_, s = led[goes[a, 0]], led[goes[a, 1]], led[goes[a, 2]], led[goes[a, 3]]
            along_x, along_y = max(now - min(e, w), 0.0), max(now - min(n_, s), 0.0)
            length = math.sqrt(along_x * along_x + along_y * along_y)
            along_x = along_x if e <= w else -along_x
            along_y = along_y if n_ <= s else -along_y
            direction[a, 0] = int(math.floor(along_x / length * SPREAD + 0.5))
            direction[a, 1] = int(math.floor(along_y / length * SPREAD + 0.5))
            if kind[a] == 2:
                continue  # one may leave it, not pass it
        led[a] = now
        for side in range(4):
            b = link[a, side]
            if b < 0 or settled[b] or goes[b, side ^ 1] != a:
                continue
            x = min(led[goes[b, 0]], led[goes[b, 1]])
            y = min(led[goes[b, 2]], led[goes[b, 3]])
            time = arrival(x, y, BESIDE_WALL if kind[b] else 1.0)
            if not time < way[b]:
                continue
            way[b] = time
            if size == len(key):
                more_key, more_item = np.empty(2 * size), np.empty(2 * size, np.int32)
                more_key[:size], more_item[:size] = key, item
                key, item = more_key, more_item
            hole = size
            size += 1
            while hole and key[(hole - 1) >> 1] > time:
                key[hole], item[hole] = key[(hole - 1) >> 1], item[(hole - 1) >> 1]
                hole = (hole - 1) >> 1
            key[hole], item[hole] = time, b
    for side in range(4):
        b = link[goal, side]
        if b >= 0:
            goes[b, side ^ 1] = before[side]
    return cut
