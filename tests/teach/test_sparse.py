from dataclasses import replace

import numpy as np

from engine.teach.sparse import enlarged
from engine.teach.teacher import Picture

SHAPE, FEW = (24, 40), (6, 10)


def room(shape, light):
    """A wall at 2 m to the left of an edge and one at 6 m that faces elsewhere, in stripes; each in its own light."""
    height, width = shape
    left = (np.arange(width) < width / 2)[None, :].repeat(height, 0)
    normal = np.where(left[..., None], (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)).astype(np.float32)
    stripes = 0.2 + 0.6 * (np.arange(height) % 2)[:, None, None] * np.ones((height, width, 3))
    radiance = stripes * np.where(left, *light)[..., None]
    channels = (a.astype(np.float32) for a in (radiance, stripes, np.zeros_like(stripes), normal, np.where(left, 2, 6)))
    return Picture(*channels, 0.5, 0.25)


def test_light_is_spread_over_stripes_and_stops_at_edges():
    few, surface = room(FEW, (1.0, 3.0)), room(SHAPE, (0.0, 0.0))
    found = enlarged(few, surface)
    np.testing.assert_allclose(found.radiance, room(SHAPE, (1.0, 3.0)).radiance, rtol=1e-3)
    assert (found.trace_s, found.denoise_s) == (0.5, 0.25)


def test_light_between_two_samples_is_between_them():
    few, surface = room(FEW, (1.0, 1.0)), room(SHAPE, (0.0, 0.0))
    rising = few.albedo * np.arange(FEW[0], dtype=np.float32)[:, None, None]
    light = enlarged(replace(few, radiance=rising), surface).radiance / surface.albedo
    np.testing.assert_allclose(light[2:-2, 5, 0], np.arange(2, 22) / 4 + 0.125 - 0.5, rtol=1e-3)


def test_sky_takes_nothing_and_gives_nothing():
    few, surface = room(FEW, (1.0, 3.0)), room(SHAPE, (0.0, 0.0))
    for picture in (few, surface):  # in the large picture, surfaces begin where the small has sky yet
        picture.distance[:2], picture.normal[:2], picture.albedo[:2] = np.inf, 0.0, 0.0
    few.radiance[:2] = 100.0
    found = enlarged(few, surface).radiance
    assert np.isfinite(found).all() and (found[:2] == 0.0).all() and found[2:].max() < 3.0
