"""Light read from pages against light worked out at every pixel."""

import dataclasses

import numpy as np

from engine.light.cache import LightCache
from engine.light.network import load
from engine.light.reference import page_light, pixel_light
from engine.light.trace import first_hit
from engine.state.camera import Camera
from engine.view import View
from tests.light.scenes_for_light import lamps, plaza, sky, view_of


def pixels(cache: LightCache, view: View) -> tuple[np.ndarray, np.ndarray]:
    """Points and sides that the camera's rays hit, away from the border of the world."""
    rays = view.camera.rays(64, 36).reshape(-1, 3)
    points, sides = [], []
    for ray in rays / np.linalg.norm(rays, axis=1, keepdims=True):
        t, side, *voxel = first_hit(cache.transport.voxels, *view.camera.position, *ray, 100.0)
        if side >= 0 and min(voxel) > 0 and max(voxel) < 63:
            points.append(np.asarray(view.camera.position) + t * ray)
            sides.append(side)
    return np.array(points), np.array(sides)


def compare(view: View) -> tuple[np.ndarray, np.ndarray]:
    cache = LightCache(load())
    cache.update(view)
    cache.decode(np.flatnonzero(cache.transport.surface.page_row >= 0).astype(np.int32))
    points, sides = pixels(cache, view)
    assert len(points) > 1000
    return page_light(cache, points, sides), pixel_light(cache, view.lamps.radiance, points, sides)


def tone(e: np.ndarray) -> np.ndarray:
    return (1 - np.exp(-e)) ** (1 / 2.2)


CAMERA = Camera((13.0, 14.0, 2.2), -2.3, -0.15)


def test_pages_are_the_pixels_by_day() -> None:
    """Indirect light is smooth: texels of 0.25 m cost a thousandth of the tone."""
    view = dataclasses.replace(view_of(plaza(), outside=sky()), camera=CAMERA)
    page, pixel = compare(view)
    assert np.abs(tone(page) - tone(pixel)).mean() < 0.002
    assert np.quantile(np.abs(tone(page) - tone(pixel)), 0.99) < 0.015


def test_pages_are_the_pixels_by_night_but_for_the_edges_of_shadows() -> None:
    light = lamps(((5, 4.5, 2.5), 0.3, (30, 20, 10)), ((12.5, 8, 2.2), 0.3, (20, 20, 40)))
    view = dataclasses.replace(view_of(plaza(), light, sky(sun=0.0, blue=0.01)), camera=CAMERA)
    page, pixel = compare(view)
    difference = np.abs(tone(page) - tone(pixel))
    assert difference.mean() < 0.001
    assert np.quantile(difference, 0.99) < 0.01
    assert tone(pixel).mean() > 0.05, "there is light to compare"
