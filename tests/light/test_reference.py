"""Light read from pages against light worked out at every pixel."""

import dataclasses

import numpy as np
import pytest

from engine.light.cache import LightCache
from engine.light.network import Network
from engine.light.reference import page_light, pixel_light
from engine.light.trace import first_hit
from engine.state.camera import Camera
from engine.view import View
from tests.light.scenes_for_light import lamps, network_of, plain_network, plaza, sky, view_of


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


def compare(view: View, network: Network | None) -> tuple[np.ndarray, np.ndarray]:
    cache = LightCache(network)
    cache.update(view)
    cache.decode(cache.transport.surface.keys())
    points, sides = pixels(cache, view)
    assert len(points) > 1000
    return page_light(cache, points, sides), pixel_light(cache, view, points, sides, RAYS)


def tone(e: np.ndarray) -> np.ndarray:
    return (1 - np.exp(-e)) ** (1 / 2.2)


CAMERA = Camera((13.0, 14.0, 2.2), -2.3, -0.15)
RAYS = 2048


def difference(view: View, network: Network | None) -> np.ndarray:
    """Differences of tone [n, 3], printed."""
    page, pixel = compare(view, network)
    assert tone(pixel).mean() > 0.05, "there is light to compare"
    apart = np.abs(tone(page) - tone(pixel))
    print(f"tone {tone(pixel).mean():.3f}, mean difference {apart.mean():.5f}, 99 % {np.quantile(apart, 0.99):.4f}")
    return apart


def test_pages_are_the_pixels_by_day_as_far_as_64_rays_tell() -> None:
    """Measured: mean 0.0020, 99 % of pixels within 0.011; the probes' light alone 0.0083 and 0.040."""
    view = dataclasses.replace(view_of(plaza(), outside=sky()), camera=CAMERA)
    gathered, classical = difference(view, plain_network()), difference(view, None)
    assert gathered.mean() < 0.003 and np.quantile(gathered, 0.99) < 0.018
    assert gathered.mean() < 0.5 * classical.mean(), "what the rays are for"


def test_pages_are_the_pixels_by_night_but_for_the_edges_of_shadows() -> None:
    """Measured: mean 0.0007, 99 % of pixels within 0.0039."""
    light = lamps(((5, 4.5, 2.5), 0.3, (30, 20, 10)), ((12.5, 8, 2.2), 0.3, (20, 20, 40)))
    view = dataclasses.replace(view_of(plaza(), light, sky(sun=0.0, blue=0.01)), camera=CAMERA)
    apart = difference(view, plain_network())
    assert apart.mean() < 0.0012 and np.quantile(apart, 0.99) < 0.007


def test_the_mean_over_many_texels_is_without_bias() -> None:
    """A texel's own rays and the thousands of the reference look at the same light: their noise averages out."""
    view = dataclasses.replace(view_of(plaza(), outside=sky()), camera=CAMERA)
    page, pixel = compare(view, network_of(out_bias=np.array([1, 1, 1, 1] + [0] * 8)))
    assert page.mean() == pytest.approx(pixel.mean(), rel=0.01)
