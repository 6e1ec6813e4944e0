"""The world's clock, exact in integers, and where its sun stands.

The clock counts units of 1/65536 s of world time since the midnight before the start, so a tick at rate 1 is 1024 units
and nothing is ever rounded while time passes.
"""

import math
from dataclasses import replace
from functools import lru_cache
from typing import Final

from engine.core.trig import sine_cosine
from engine.core.units import DAY_S, TICK_HZ
from engine.state.blueprint import Blueprint, Sky

UNITS_PER_S: Final = 65_536
UNITS_PER_DAY: Final = UNITS_PER_S * DAY_S
SUN_STEP: Final = 120 * UNITS_PER_S  # the sun moves in steps of two world minutes, so caches see few values
DECLINATION_RAD: Final = math.radians(10.0)  # of the sun: mid-April, the same every day
DUSK_SIN: Final = sine_cosine(math.radians(4.0))[0]  # lamps come on when the sun stands below 4 degrees


def clock_at(hour: float) -> int:
    """Clock units at an hour of the first day."""
    return round(hour * 3600 * UNITS_PER_S) % UNITS_PER_DAY


def units_per_tick(day_rate: float) -> int:
    """How far the clock moves in a tick, for so many seconds of world time per second."""
    return round(day_rate * (UNITS_PER_S // TICK_HZ))


def hour_of(clock: int) -> float:
    """The hour of day, 0..24."""
    return clock % UNITS_PER_DAY / (3600 * UNITS_PER_S)


def sun_direction(sky: Sky, clock: int) -> tuple[float, float, float]:
    """Unit vector towards the sun: east is +x and north +y before the world's own turn of the sun's path.

    Spherical astronomy with a fixed declination; z is the sine of the elevation.
    """
    angle = (hour_of(clock // SUN_STEP * SUN_STEP) - 12.0) * math.pi / 12.0  # hour angle, growing westwards
    sin_h, cos_h = sine_cosine(angle)
    sin_l, cos_l = sine_cosine(math.radians(sky.latitude_deg))
    sin_d, cos_d = sine_cosine(DECLINATION_RAD)
    east = -cos_d * sin_h
    north = cos_l * sin_d - sin_l * cos_d * cos_h
    up = sin_l * sin_d + cos_l * cos_d * cos_h
    sin_t, cos_t = sine_cosine(math.radians(sky.sun_azimuth_offset_deg))
    return east * cos_t - north * sin_t, east * sin_t + north * cos_t, up


def sky_of(blueprint: Blueprint, clock: int) -> Sky:
    """What the sky is like: between two of the world's keys by the hour, in the sun's steps; the day is a ring."""
    keys = blueprint.sky_keys
    if not keys:
        return blueprint.sky
    hour = hour_of(clock // SUN_STEP * SUN_STEP)
    after = next((i for i, (at, _) in enumerate(keys) if at > hour), 0)
    (from_hour, a), (to_hour, b) = keys[after - 1], keys[after]
    span = (to_hour - from_hour) % 24.0
    t = (hour - from_hour) % 24.0 / span if span else 0.0

    def between(x: float, y: float) -> float:
        return x + (y - x) * t

    r, g, blue = (between(x, y) for x, y in zip(a.night, b.night, strict=True))
    return replace(
        blueprint.sky,
        haze=between(a.haze, b.haze),
        exposure=between(a.exposure, b.exposure),
        fog_density=between(a.fog_density, b.fog_density),
        night=(r, g, blue),
    )


def is_dark(sky: Sky, clock: int) -> bool:
    """Whether lamps that mind the dusk are on at this time."""
    return _is_dark(sky, clock // SUN_STEP * SUN_STEP)


@lru_cache(64)  # asked once a tick, and the sun moves in steps
def _is_dark(sky: Sky, clock: int) -> bool:
    return sun_direction(sky, clock)[2] < DUSK_SIN
