"""Movers: people, doors, things that roll, as what keeps light from the surfaces around them (shade.py).

They move too often for rays that are kept. To lamps they are boxes, one for each part, to all other light a few balls.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.core.rotations import matrices
from engine.light.furniture import Furniture, no_furniture, parts_of
from engine.light.solids import Solids, joined, parts_that
from engine.state.blueprint import Materials, Prefab
from engine.view import View

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I32 = NDArray[np.int32]

SEEN_M = 40.0  # from the camera: the shade of bodies beyond is smaller than a few pixels
SMALL_SHARE = 0.04  # of a body's surface: smaller parts fill nothing
MOST_BALLS = 3  # for one part


class Movers(NamedTuple):
    """B bodies that move, as they stand in one view; a named tuple, as kernels take it whole."""

    box: F64  # [2, 3, B] metres, world: low and high corner of a box around each body, axis by axis as shafts.py reads
    entity: I32  # [B]
    at: F64  # [B, 3] metres, world: the origin of the body's own frame
    turn: F64  # [B, 3, 3] world from body
    taken: F64  # [B] share of the light that meets the body which it does not throw back
    part: F64  # [2, 3, N] metres, body: low and high corner of a box for each of its parts
    first_part: I32  # [B + 1] the parts of body b are first_part[b] : first_part[b + 1]
    body: I32  # [N] the body of each part
    ball: F64  # [K, 4] metres and square metres, body: middle and squared radius of balls in place of the parts
    first_ball: I32  # [B + 1]


class _Home(NamedTuple):
    """What of a prefab keeps light away, in its own frame."""

    part: F64  # [n, 2, 3] metres
    whole: F64  # [2, 3] metres: a box around all of them
    ball: F64  # [k, 4]
    taken: float
    solids: Solids  # its dark parts as they are
    albedo: F32  # [n, 3] of these


def no_movers() -> Movers:
    """Nobody."""
    none = np.zeros((0, 3))
    return _posed([], none, np.zeros((0, 3, 3)), np.zeros(0, np.int32))


class Cast:
    """Poses the bodies that move in view after view; keeps the parts of their prefabs."""

    def __init__(self) -> None:
        self._home: dict[int, _Home] = {}
        self._of: tuple[object, object] = (None, None)  # prefabs and materials that `_home` is of
        self._last: tuple[object, list[_Home], Movers] = (None, [], no_movers())  # and what they were made of

    def of(self, view: View) -> Movers:
        """The bodies of a view that move, no farther than SEEN_M from its camera: the same object as long as they are
        where they were.
        """
        bodies = view.bodies
        away = np.linalg.norm(bodies.position - np.asarray(view.camera.position, np.float32), axis=1)
        moves = away < SEEN_M
        if len(bodies.stands):
            moves &= bodies.stands == 0
        if self._of[0] is not view.prefabs or self._of[1] is not view.materials:
            self._home, self._of, self._last = {}, (view.prefabs, view.materials), (None, [], no_movers())
        fields = (bodies.entity, bodies.prefab, bodies.position, bodies.orientation)
        made_of = tuple(field[moves].tobytes() for field in fields)
        if made_of != self._last[0]:
            prefabs = bodies.prefab[moves].tolist()
            for key in set(prefabs) - self._home.keys():
                self._home[key] = _home(view.prefabs[key], view.materials)
            homes = [self._home[key] for key in prefabs]
            turn = matrices(bodies.orientation[moves].astype(np.float64))
            posed = _posed(homes, bodies.position[moves].astype(np.float64), turn, bodies.entity[moves])
            self._last = made_of, [home for home in homes if len(home.part)], posed
        return self._last[2]

    def furniture(self) -> tuple[Furniture, F32]:
        """The last movers as what stands is described, and the mean albedo [N, 3] of their parts."""
        _, homes, movers = self._last
        if not homes:
            return no_furniture(), np.zeros((0, 3), np.float32)
        n_parts, n_planes = [len(home.part) for home in homes], [len(home.solids.plane) for home in homes]
        box, plane, first = joined([home.solids for home in homes])
        of_part, of_plane = np.repeat(np.arange(len(homes)), n_parts), np.repeat(np.arange(len(homes)), n_planes)
        normal = np.einsum("nij,nj->ni", movers.turn[of_plane], plane[:, :3])
        plane = np.column_stack([normal, plane[:, 3] + (normal * movers.at[of_plane]).sum(1)])
        box = _boxes_around(box, movers.turn[of_part], movers.at[of_part])
        start = movers.first_part[:-1]
        low, high = np.minimum.reduceat(box[:, 0], start), np.maximum.reduceat(box[:, 1], start)
        found = Furniture(low, high, movers.entity, movers.first_part, box, plane, first)
        return found, np.concatenate([home.albedo for home in homes])


def _home(prefab: Prefab, materials: Materials) -> _Home:
    solids, albedo = parts_of(prefab, materials, np.array([0.0, 0.0, 0.0, 1.0], np.float32))
    parts, balls = solids.box.copy(), []
    areas = np.zeros(len(parts))
    dark = np.flatnonzero(parts_that(prefab, materials.emission, shine=False))
    for i, (low, high) in enumerate(solids.box):
        x, y, z = size = np.maximum(high - low, 1e-3)
        areas[i] = 2.0 * (x * y + y * z + z * x)
        if prefab.skin is None:
            mine = prefab.triangles[prefab.part[prefab.triangles[:, 0]] == dark[i]]
            corner = prefab.position[mine].astype(np.float64)
            area = np.linalg.norm(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=1).sum() / 2
            # A round part is a box of the same surface, which is also the same profile on average (Cauchy).
            parts[i] = (low + high) / 2 + np.array([[-0.5], [0.5]]) * size * math.sqrt(min(area / areas[i], 1.0))
            areas[i] = min(area, areas[i])
    for (low, high), area in zip(parts, areas, strict=True):
        if area <= SMALL_SHARE * areas.sum():  # or none has any
            continue
        size = high - low
        longest = int(size.argmax())
        n = int(np.clip(round(2.0 * size[longest] / max(size.sum() - size[longest], 1e-3)), 1, MOST_BALLS))
        for k in range(n):
            middle = (low + high) / 2
            middle[longest] = low[longest] + (k + 0.5) / n * size[longest]
            balls.append([*middle, area / (4.0 * math.pi * n)])
    taken = 1.0 - float(np.mean(albedo)) if albedo else 1.0
    mean = np.array(albedo, np.float32).reshape(-1, 3)
    whole = np.stack([parts[:, 0].min(0, initial=np.inf), parts[:, 1].max(0, initial=-np.inf)])
    return _Home(parts, whole, np.array(balls, np.float64).reshape(-1, 4), taken, solids, mean)


def _boxes_around(box: F64, turn: F64, at: F64) -> F64:
    """Upright boxes [n, 2, 3] around boxes of bodies' frames, turned [n, 3, 3] and moved [n, 3]."""
    middle = np.einsum("nij,nj->ni", turn, box.mean(1)) + at
    half = np.einsum("nij,nj->ni", np.abs(turn), (box[:, 1] - box[:, 0]) / 2)
    return np.stack([middle - half, middle + half], 1)


def _posed(homes: list[_Home], at: F64, turn: F64, entity: NDArray[np.integer[Any]]) -> Movers:
    """Bodies at some places [B, 3], turned by turn [B, 3, 3]."""
    some = [b for b, home in enumerate(homes) if len(home.part)]
    homes, at, turn = [homes[b] for b in some], at[some], turn[some]
    whole = np.array([home.whole for home in homes]).reshape(-1, 2, 3)
    part = np.concatenate([np.zeros((0, 2, 3)), *(home.part for home in homes)])
    box, part = (np.ascontiguousarray(np.moveaxis(a, 0, 2)) for a in (_boxes_around(whole, turn, at), part))
    return Movers(
        box, entity[some].astype(np.int32), at, turn, np.array([home.taken for home in homes]), part,
        np.cumsum([0, *(len(home.part) for home in homes)]).astype(np.int32),
        np.repeat(np.arange(len(homes), dtype=np.int32), [len(home.part) for home in homes]),
        np.concatenate([np.zeros((0, 4)), *(home.ball for home in homes)]),
        np.cumsum([0, *(len(home.ball) for home in homes)]).astype(np.int32),
    )  # fmt: skip
