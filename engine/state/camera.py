"""Cameras: a pose with a lens, the matrices made from it, and rails along which a camera travels."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]


@dataclass(frozen=True)
class Camera:
    """A pinhole camera. Looks along +x at yaw 0, pitch 0; image x grows to the right, y downwards."""

    position: tuple[float, float, float]  # metres, world: the eye
    yaw: float  # radians, counter-clockwise seen from above
    pitch: float  # radians, upwards
    fov_y: float = math.radians(60.0)  # radians, full vertical angle
    near: float = 0.05  # metres
    far: float = 400.0  # metres

    def axes(self) -> F64:
        """Rows forward, right, up as unit vectors in the world: [3, 3]."""
        cy, sy, cp, sp = math.cos(self.yaw), math.sin(self.yaw), math.cos(self.pitch), math.sin(self.pitch)
        return np.array([[cy * cp, sy * cp, sp], [sy, -cy, 0.0], [-cy * sp, -sy * sp, cp]])

    def view_from_world(self) -> F64:
        """[4, 4], acts on column vectors; view space is x right, y up, z backwards (OpenGL)."""
        forward, right, up = self.axes()
        matrix = np.eye(4)
        matrix[:3, :3] = np.stack([right, up, -forward])
        matrix[:3, 3] = -matrix[:3, :3] @ np.asarray(self.position)
        return matrix

    def clip_from_view(self, aspect: float) -> F64:
        """[4, 4] perspective matrix (OpenGL clip space); `aspect` is width over height."""
        f = 1.0 / math.tan(self.fov_y / 2)
        n, r = self.near, self.far
        matrix = np.zeros((4, 4))
        matrix[0, 0], matrix[1, 1] = f / aspect, f
        matrix[2, 2], matrix[2, 3], matrix[3, 2] = (r + n) / (n - r), 2 * r * n / (n - r), -1.0
        return matrix

    def clip_from_world(self, aspect: float) -> F64:
        """[4, 4] world to OpenGL clip space."""
        return self.clip_from_view(aspect) @ self.view_from_world()

    def rays(self, width_px: int, height_px: int) -> F64:
        """Directions through the pixel centres, scaled so that t is linear depth: [H, W, 3], world."""
        forward, right, up = self.axes()
        t = math.tan(self.fov_y / 2)
        x = ((np.arange(width_px) + 0.5) / width_px * 2 - 1) * t * width_px / height_px
        y = (1 - (np.arange(height_px) + 0.5) / height_px * 2) * t
        rays: F64 = forward + x[None, :, None] * right + y[:, None, None] * up
        return rays


@dataclass(frozen=True)
class CameraRail:
    """A named camera, still (one key) or travelling through its keys (Catmull-Rom, constant time per segment)."""

    name: str
    time_s: F64  # [K] seconds, growing from 0
    position: F64  # [K, 3] metres, world
    yaw: F64  # [K] radians, unwrapped
    pitch: F64  # [K] radians
    fov_y: float = math.radians(60.0)

    def at(self, time_s: float) -> Camera:
        """The camera at a time; before the first key and after the last it stands still."""
        if len(self.time_s) == 1:
            p, y, t = self.position[0], float(self.yaw[0]), float(self.pitch[0])
            return Camera((float(p[0]), float(p[1]), float(p[2])), y, t, self.fov_y)
        s = min(max(time_s, float(self.time_s[0])), float(self.time_s[-1]))
        i = min(int(np.searchsorted(self.time_s, s, side="right")) - 1, len(self.time_s) - 2)
        u = (s - self.time_s[i]) / (self.time_s[i + 1] - self.time_s[i])
        keys = np.column_stack([self.position, self.yaw, self.pitch])
        p0, p1, p2, p3 = (keys[min(max(j, 0), len(keys) - 1)] for j in range(i - 1, i + 3))
        v = 0.5 * (2 * p1 + (p2 - p0) * u + (2 * p0 - 5 * p1 + 4 * p2 - p3) * u**2 + (3 * p1 - p0 - 3 * p2 + p3) * u**3)
        return Camera((float(v[0]), float(v[1]), float(v[2])), float(v[3]), float(v[4]), self.fov_y)
