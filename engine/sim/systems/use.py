"""Use: what the player faces within reach is opened, switched, or told to the world's handlers."""

from typing import Final

import numpy as np

from engine.core.ids import NOBODY, PLAYER
from engine.core.rotations import matrices
from engine.core.trig import sine_cosine
from engine.core.units import VOXEL_M
from engine.sim import actions
from engine.sim.rays import voxel_on
from engine.sim.systems.player import EYE_M
from engine.state import events
from engine.state.blueprint import F64, Blueprint
from engine.state.components import BODY, DOOR, LAMP
from engine.state.world import State

REACH_M: Final = 2.5
MARGIN_M: Final = 0.12  # small things count as a little larger


def use_what_is_faced(blueprint: Blueprint, state: State) -> None:
    """Sends "use" for what the player faces; toggles what it switches, else the thing itself."""
    index = faced(blueprint, state)
    if index is None:
        return
    entity, other = state.entity_at(index), int(state.columns.switches[index])
    events.emit(state, "use", entity)
    actions.toggle(blueprint, state, other if other != NOBODY else entity)


def faced(blueprint: Blueprint, state: State) -> int | None:
    """The slot of the first thing whose box the player's gaze meets within reach, with no voxel in between."""
    c, n = state.columns, state.n_slots
    sin_yaw, cos_yaw = sine_cosine(float(c.yaw[0]))
    sin_pitch, cos_pitch = sine_cosine(state.player.pitch)
    gaze = (cos_yaw * cos_pitch, sin_yaw * cos_pitch, sin_pitch)
    eye = c.position[0] + (0.0, 0.0, EYE_M)
    low, high, usable = _boxes(blueprint, state)
    near = np.full(n, 0.0)
    far = np.full(n, REACH_M)
    for axis in range(3):
        if abs(gaze[axis]) < 1e-9:
            usable &= (low[:, axis] < eye[axis]) & (high[:, axis] > eye[axis])
            continue
        a, b = (low[:, axis] - eye[axis]) / gaze[axis], (high[:, axis] - eye[axis]) / gaze[axis]
        near, far = np.maximum(near, np.minimum(a, b)), np.minimum(far, np.maximum(a, b))
    hits = np.flatnonzero(usable & (near <= far))
    if not len(hits):
        return None
    index = int(hits[np.argmin(near[hits])])
    # Look along the gaze up to just before the box: what hangs on a wall may lie half inside it.
    x, y, z = eye.tolist()
    wall = voxel_on(state.voxels, (x, y, z), gaze, float(near[index]) - VOXEL_M)
    return index if wall is None else None


def _boxes(blueprint: Blueprint, state: State) -> tuple[F64, F64, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """Low and high corners [n, 3] of everything in metres, and which of it may be used."""
    c, n = state.columns, state.n_slots
    half = half_extents(blueprint)[c.prefab[:n]]
    sin, cos = np.abs([sine_cosine(yaw) for yaw in c.yaw[:n].tolist()]).T
    centre = c.position[:n] + half * (0.0, 0.0, 1.0)
    body = state.rows(BODY)  # they lean: the upright box around them
    turn = matrices(c.orientation[body].astype(np.float64))
    centre[body] = c.position[body] + turn[:, :, 2] * half[body, 2:]
    leaning = (np.abs(turn) * half[body, None]).sum(2)
    half[:, 0], half[:, 1] = half[:, 0] * cos + half[:, 1] * sin, half[:, 0] * sin + half[:, 1] * cos
    half[body] = leaning
    lamp = ((c.parts[:n] & LAMP) != 0) & (c.prefab[:n] < 0)  # a lamp without a body is reached at its light
    half[lamp] = c.lamp_size[:n][lamp] * 0.5
    centre[lamp] = c.position[:n][lamp] + c.lamp_offset[:n][lamp]
    door = (c.parts[:n] & DOOR) != 0
    half[door] = (c.door_high[:n][door] - c.door_low[:n][door]) * (VOXEL_M * 0.5)
    centre[door] = (c.door_high[:n][door] + c.door_low[:n][door]) * (VOXEL_M * 0.5)
    usable = (c.parts[:n] != 0) & (half[:, 0] > 0.0)
    usable[0] = False
    usable &= c.carrier[:n] != PLAYER  # what is in the hand is not faced
    return centre - half - MARGIN_M, centre + half + MARGIN_M, usable


def half_extents(blueprint: Blueprint) -> F64:
    """[n_prefabs + 1, 3] metres: colliders by prefab index; the last row, which index -1 reads, is empty."""
    return np.array([p.half_extent for p in blueprint.prefabs] + [np.zeros(3)], np.float64)
