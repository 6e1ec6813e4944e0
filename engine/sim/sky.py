"""The light from outside at an hour: sun, sky and exposure as smooth functions of the sun's elevation and the haze.

The sun is attenuated per colour by the air it crosses (air mass by Kasten and Young, "Revised optical air mass
tables and approximation formula", Applied Optics 28, 1989). The sky's colours are keyframes by elevation, interpolated
in their logarithms: clear blue, golden low sun, an orange and violet dusk, the world's own night below -8 degrees.
"""

import math
from typing import Final, NamedTuple

import numpy as np

from engine.state import daylight
from engine.state.blueprint import Sky

F32 = np.ndarray[tuple[int], np.dtype[np.float32]]
RGB = tuple[float, float, float]

NOON_SUN: Final[RGB] = (4.0, 3.7, 3.2)  # e of a white surface facing a clear high sun
OPTICAL_DEPTH: Final[RGB] = (0.065, 0.115, 0.215)  # of one air mass, per colour: what reddens a low sun
NIGHT_DEG: Final = -8.0
# elevation of the sun in degrees: zenith, horizon, glow around the sun
SKY_KEYS: Final[tuple[tuple[float, RGB, RGB, RGB], ...]] = (
    (-5.0, (0.022, 0.040, 0.110), (0.085, 0.070, 0.105), (0.190, 0.070, 0.035)),
    (-2.0, (0.050, 0.085, 0.215), (0.260, 0.170, 0.170), (0.700, 0.260, 0.085)),
    (1.0, (0.085, 0.145, 0.320), (0.460, 0.320, 0.260), (1.250, 0.480, 0.130)),
    (5.0, (0.130, 0.230, 0.480), (0.610, 0.520, 0.460), (1.150, 0.590, 0.220)),
    (12.0, (0.185, 0.335, 0.700), (0.690, 0.710, 0.750), (0.700, 0.480, 0.280)),
    (30.0, (0.235, 0.425, 0.880), (0.740, 0.830, 0.960), (0.260, 0.220, 0.180)),
    (55.0, (0.250, 0.450, 0.950), (0.750, 0.850, 1.000), (0.120, 0.110, 0.090)),
)

WIDEST_EXPOSURE: Final = 3.5


class SkyLight(NamedTuple):
    """What engine.view.SkyView holds, field by field."""

    sun_direction: F32  # [3] unit, towards the sun
    sun: F32  # [3] e of a white surface facing it
    zenith: F32  # [3] radiance
    horizon: F32  # [3] radiance
    glow: F32  # [3] radiance
    ground: F32  # [3] radiance
    exposure: float
    fog_density: float  # 1/m


def sky_at(sky: Sky, clock: int) -> SkyLight:
    """The sky of a world at a clock's time; constant within each of the sun's steps of two world minutes."""
    direction = daylight.sun_direction(sky, clock)
    elevation = math.degrees(math.asin(min(max(direction[2], -1.0), 1.0)))
    haze = min(max(sky.haze, 0.0), 1.0)
    zenith, horizon, glow = _clear_sky(elevation, sky.night)
    pale = _luminance(horizon)
    zenith = _blend(zenith, (0.94 * pale, 0.97 * pale, pale), 0.75 * haze)
    horizon = _blend(horizon, (pale, pale, pale), 0.6 * haze)
    glow = _scaled(glow, 1.0 - 0.85 * haze)
    sun = _scaled(_clear_sun(elevation), 1.0 - 0.94 * haze)
    around = _blend(horizon, zenith, 0.55)  # e of a white level surface under the sky, to a few per cent
    level = tuple(a + max(direction[2], 0.0) * s for a, s in zip(around, sun, strict=True))
    ground = tuple(a * e for a, e in zip((0.21, 0.20, 0.17), level, strict=True))
    return SkyLight(
        sun_direction=_f32(direction),
        sun=_f32(sun),
        zenith=_f32(zenith),
        horizon=_f32(horizon),
        glow=_f32(glow),
        ground=_f32(ground),
        exposure=min(sky.exposure * _exposure(_luminance((level[0], level[1], level[2]))), WIDEST_EXPOSURE),
        fog_density=sky.fog_density,
    )


def _clear_sun(elevation: float) -> RGB:
    """e of a white surface facing the sun; fades while the disc sinks below the horizon."""
    shows = _smooth(elevation, -0.6, 2.0)
    if shows == 0.0:
        return 0.0, 0.0, 0.0
    mass = _air_mass(max(elevation, 0.0)) - _air_mass(55.0)
    r, g, b = (e * math.exp(-depth * mass) * shows for e, depth in zip(NOON_SUN, OPTICAL_DEPTH, strict=True))
    return r, g, b


def _air_mass(elevation: float) -> float:
    return 1.0 / (math.sin(math.radians(elevation)) + 0.50572 * math.pow(elevation + 6.07995, -1.6364))


def _clear_sky(elevation: float, night: RGB) -> tuple[RGB, RGB, RGB]:
    """Zenith, horizon and glow between the two nearest keys."""
    keys = [(NIGHT_DEG, _scaled(night, 0.8), _scaled(night, 1.5), (1e-4, 1e-4, 1e-4)), *SKY_KEYS]
    if elevation <= NIGHT_DEG:
        return keys[0][1], keys[0][2], (0.0, 0.0, 0.0)
    after = next((i for i, key in enumerate(keys) if key[0] > elevation), len(keys) - 1)
    a, b = keys[after - 1], keys[after]
    t = min((elevation - a[0]) / (b[0] - a[0]), 1.0)
    return _blend_log(a[1], b[1], t), _blend_log(a[2], b[2], t), _blend_log(a[3], b[3], t)


def _exposure(luminance: float) -> float:
    """What the eye settles to: a power of the light on the ground, 0.75 under a clear noon, 3.5 in the night."""
    return min(max(1.09 * math.pow(max(luminance, 1e-4), -0.295), 0.7), WIDEST_EXPOSURE)


def _luminance(c: RGB) -> float:
    return 0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2]


def _smooth(x: float, low: float, high: float) -> float:
    t = min(max((x - low) / (high - low), 0.0), 1.0)
    return t * t * (3.0 - 2.0 * t)


def _scaled(c: RGB, by: float) -> RGB:
    return c[0] * by, c[1] * by, c[2] * by


def _blend(a: RGB, b: RGB, t: float) -> RGB:
    x, y, z = (p + (q - p) * t for p, q in zip(a, b, strict=True))
    return x, y, z


def _blend_log(a: RGB, b: RGB, t: float) -> RGB:
    x, y, z = (max(p, 1e-6) ** (1.0 - t) * max(q, 1e-6) ** t for p, q in zip(a, b, strict=True))
    return x, y, z


def _f32(c: tuple[float, ...]) -> F32:
    return np.array(c, np.float32)
