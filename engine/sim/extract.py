"""From a state to a View: the one place where the simulation turns into something to look at. It only reads."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.rotations import between, of_yaws, turned
from engine.core.units import VOXEL_M
from engine.sim.angles import wrapped, wrapped_array
from engine.sim.sky import sky_at
from engine.sim.systems.leaves import DOOR_OPENS_RAD, opened
from engine.sim.systems.player import EYE_M
from engine.state import daylight
from engine.state.blueprint import F32, F64, Blueprint
from engine.state.bricks import Bricks
from engine.state.camera import Camera
from engine.state.components import BODY, DOOR, DOOR_SWING_TICKS, LAMP, WALKS
from engine.state.story import standings
from engine.state.world import State
from engine.view import Bodies, Lamps, Land, SkyView, View, VoxelView

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class _Poses:
    """Where everything is at some moment, by slot."""

    position: F64  # [n, 3] metres
    yaw: F64  # [n] radians
    orientation: F64  # [n, 4] unit quaternions: of rigid bodies, the others stand upright
    swing: F64  # [n] ticks of a door's swing
    eye: tuple[float, float, float]  # metres
    look: tuple[float, float]  # yaw, pitch


def extract(
    blueprint: Blueprint,
    state: State,
    previous: State | None = None,
    alpha: float = 1.0,
    camera: Camera | None = None,
    previous_camera: Camera | None = None,
) -> View:
    """The view between the last two ticks (alpha 0..1), through the player's eye unless a camera is given.

    The earlier poses are those that the state keeps of its last tick, or those of `previous` where it is given. The
    voxel grid and its stamps are shared, not copied: both are read-only here and change with the next step.
    """
    alpha = min(max(alpha, 0.0), 1.0)
    now = _now(state)
    before = _before(state) if previous is None else _known(state, previous, now)
    # Motion is between this picture and the one a tick earlier; this tick's motion stands for the earlier one's.
    at, earlier = _between(before, now, alpha), _between(before, now, alpha - 1.0)

    eye = camera or Camera(at.eye, at.look[0], at.look[1])
    if previous_camera is None:
        previous_camera = camera or Camera(earlier.eye, earlier.look[0], earlier.look[1])
    return View(
        tick=state.tick,
        alpha=alpha,
        materials=blueprint.materials,
        prefabs=blueprint.prefabs,
        voxels=_voxels(state),
        bodies=_bodies(state, at, earlier),
        lamps=_lamps(state, at),
        sky=SkyView(**sky_at(daylight.sky_of(blueprint, state.clock), state.clock)._asdict()),
        camera=eye,
        previous_camera=previous_camera,
        subtitle=state.subtitle,
        speaker=state.story.speaker,
        goals=tuple(standings(blueprint, state.story)),
        ending=state.story.ending,
        land=_land(state),
    )


def _voxels(state: State) -> VoxelView:
    grid, base = state.voxels.material, state.voxels.base
    if isinstance(grid, Bricks) or isinstance(base, Bricks):
        return VoxelView(np.zeros((0, 0, 0), np.uint8), np.zeros((0, 0, 0), np.int64))
    return VoxelView(_read_only(grid), _read_only(state.voxels.stamp), base)


def _land(state: State) -> Land | None:
    grid, base = state.voxels.material, state.voxels.base
    if isinstance(grid, Bricks) and isinstance(base, Bricks):
        return Land(grid, _read_only(state.voxels.stamp), base, state.voxels.version)
    return None


def _now(state: State) -> _Poses:
    c, n, p = state.columns, state.n_slots, state.player
    position, yaw = c.position[:n], c.yaw[:n].astype(np.float64)
    swing, orientation = c.door_swing[:n].astype(np.float64), c.orientation[:n].astype(np.float64)
    return _Poses(position, yaw, orientation, swing, _eye(position, p.eye_lag), (float(yaw[0]), p.pitch))


def _before(state: State) -> _Poses:
    c, n, p = state.columns, state.n_slots, state.player
    position, yaw = c.previous_position[:n], c.previous_yaw[:n].astype(np.float64)
    swing, eye = c.previous_swing[:n].astype(np.float64), _eye(position, p.previous_eye_lag)
    orientation = c.previous_orientation[:n].astype(np.float64)
    return _Poses(position, yaw, orientation, swing, eye, (float(yaw[0]), p.previous_pitch))


def _known(state: State, previous: State, now: _Poses) -> _Poses:
    """Poses in another state of the same world; who did not live there yet stands where it is now."""
    n = min(state.n_slots, previous.n_slots)
    same = np.zeros(state.n_slots, np.bool_)
    same[:n] = state.columns.generation[:n] == previous.columns.generation[:n]
    position, yaw, swing, turn = now.position.copy(), now.yaw.copy(), now.swing.copy(), now.orientation.copy()
    for mine, theirs in ((position, "position"), (yaw, "yaw"), (swing, "door_swing"), (turn, "orientation")):
        mine[same] = previous.columns[theirs][: state.n_slots][same[: len(previous.columns)]]
    lag, pitch = previous.player.eye_lag, previous.player.pitch
    return _Poses(position, yaw, turn, swing, _eye(position, lag), (float(yaw[0]), pitch))


def _eye(position: F64, lag: float) -> tuple[float, float, float]:
    x, y, z = position[0].tolist()
    return x, y, z + EYE_M - lag


def _between(a: _Poses, b: _Poses, t: float) -> _Poses:
    """Poses at t between two moments; yaws turn the short way. Exactly `b` where nothing moved, and at t = 1."""
    s = 1.0 - t
    x, y, z = (q - s * (q - p) for p, q in zip(a.eye, b.eye, strict=True))
    return _Poses(
        b.position - s * (b.position - a.position),
        b.yaw - s * wrapped_array(b.yaw - a.yaw),
        between(a.orientation, b.orientation, t) if (a.orientation != b.orientation).any() else b.orientation,
        b.swing - s * (b.swing - a.swing),
        (x, y, z),
        (b.look[0] - s * wrapped(b.look[0] - a.look[0]), b.look[1] - s * (b.look[1] - a.look[1])),
    )


def _bodies(state: State, at: _Poses, earlier: _Poses) -> Bodies:
    c, n = state.columns, state.n_slots
    # A shut door is drawn by its voxels; its leaf shows while it is off its latch.
    shown = (c.prefab[:n] >= 0) & (((c.parts[:n] & DOOR) == 0) | (c.door_swing[:n] > 0))
    rows = np.flatnonzero(shown)
    position, yaw, orientation = _swung(state, at, rows)
    previous_position, previous_yaw, previous_orientation = _swung(state, earlier, rows)
    shines = (c.parts[rows] & LAMP) != 0
    return Bodies(
        entity=rows.astype(np.uint32),
        prefab=c.prefab[rows].astype(np.int32),
        position=position,
        yaw=yaw,
        previous_position=previous_position,
        previous_yaw=previous_yaw,
        glow=_radiance(state, rows)[0] * shines[:, None],
        glows=shines.astype(np.uint8),
        stands=((c.parts[rows] & (WALKS | DOOR | BODY)) == 0).astype(np.uint8) * (rows > 0) * (c.carrier[rows] == 0),
        orientation=orientation,
        previous_orientation=previous_orientation,
    )


def _swung(state: State, poses: _Poses, rows: Rows) -> tuple[F32, F32, F32]:
    """Positions [B, 3], yaws [B] and orientations [B, 4]; door leaves are turned around their hinges, or have slid."""
    c, position, yaw = state.columns, poses.position[rows], poses.yaw[rows]
    doors = np.flatnonzero(c.parts[rows] & DOOR)
    if len(doors):
        part = np.clip(poses.swing[rows][doors] / DOOR_SWING_TICKS, 0.0, 1.0)
        slide = c.door_slide[rows][doors]
        angle = np.where(slide.any(1), 0.0, DOOR_OPENS_RAD * opened(part))
        hinge = c.door_low[rows][doors][:, :2] * VOXEL_M
        arm = position[doors, :2] - hinge
        position[doors, :2] = hinge + _turned(arm, angle)
        position[doors] += slide * opened(part)[:, None]
        yaw[doors] += angle
    orientation = of_yaws(yaw)
    bodies = (c.parts[rows] & BODY) != 0
    orientation[bodies] = poses.orientation[rows][bodies]
    return position.astype(np.float32), yaw.astype(np.float32), orientation.astype(np.float32)


def _lamps(state: State, at: _Poses) -> Lamps:
    c, n = state.columns, state.n_slots
    rows = np.flatnonzero(c.parts[:n] & LAMP)
    turn = of_yaws(at.yaw[rows])
    bodies = (c.parts[rows] & BODY) != 0
    turn[bodies] = at.orientation[rows][bodies]
    centre = at.position[rows] + turned(turn, c.lamp_offset[rows].astype(np.float64))
    radiance, full = _radiance(state, rows)
    return Lamps(rows.astype(np.uint32), centre.astype(np.float32), c.lamp_size[rows], radiance, full)


def _radiance(state: State, rows: Rows) -> tuple[F32, F32]:
    """Linear RGB now and when fully on, [n, 3] each."""
    c = state.columns
    full = c.lamp_colour[rows] * c.lamp_power[rows][:, None]
    return full * (c.lamp_level[rows] * c.lamp_on[rows])[:, None], full


def _turned(vector: F64, angle: F64) -> F64:
    """Vectors [n, 2] turned counter-clockwise by angles [n]."""
    cos, sin = np.cos(angle), np.sin(angle)
    x, y = vector[:, 0], vector[:, 1]
    return np.stack([x * cos - y * sin, x * sin + y * cos], -1)


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    view = array.view()
    view.setflags(write=False)
    return view
