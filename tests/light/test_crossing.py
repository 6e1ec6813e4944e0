"""Which rays a change crosses, against all rays asked one by one."""

import numpy as np
import pytest

from engine.light import gather
from engine.light.crossing import (
    CELLS,
    FIRST_NEAR,
    RAYS_NEAR,
    SPIRALS,
    STEPS,
    WIDTH_OF,
    WIDTHS,
    boxes_of,
    code_to_reach,
    rays_cross,
    reach_of,
)
from engine.light.features import SceneFeatures
from engine.light.gather import EDGE_RAYS, TEXEL_RAYS
from engine.light.trace import first_hit
from tests.light.scenes_for_light import materials, packed_as, plaza, ray, traced


@pytest.fixture(scope="module")
def scene() -> SceneFeatures:
    return SceneFeatures(plaza(), materials().albedo, materials().emission)


@pytest.mark.parametrize("spiral", range(len(SPIRALS)))
def test_all_rays_that_lie_near_a_point_of_the_disc_are_noted(spiral: int, rng: np.random.Generator) -> None:
    """And of those that lie far away few are."""
    n, noted, near = SPIRALS[spiral], 0, 0
    for _ in range(2_000):
        u, v = rng.uniform(-1.0, 1.0, 2)
        width, r = int(rng.integers(len(WIDTHS) - 1)), np.sqrt((np.arange(n) + rng.random()) / n)
        far = np.hypot(r * gather.SPIRAL_COS[:n] - u, r * gather.SPIRAL_SIN[:n] - v)
        i, j = int((u + 1.0) * 0.5 * CELLS), int((v + 1.0) * 0.5 * CELLS)
        first, last = FIRST_NEAR[spiral, i, j, width : width + 2]
        rays = RAYS_NEAR[first:last]
        assert len(np.unique(rays)) == len(rays)
        assert set(np.flatnonzero(far <= WIDTHS[width])) <= set(rays.tolist())
        noted, near = noted + len(rays), near + int((far <= WIDTHS[width] + 4.0 / CELLS).sum())
    assert 0 < noted <= near
    assert (FIRST_NEAR[spiral, :, :, -1] - FIRST_NEAR[spiral, :, :, -2] == n).all(), "the widest list has all rays"


def test_rays_that_touch_a_ball_lie_within_its_width(rng: np.random.Generator) -> None:
    for _ in range(5_000):
        towards, direction = rng.normal(size=(2, 3))
        towards /= np.linalg.norm(towards)
        sine = rng.random()
        direction = towards * np.sqrt(1.0 - sine**2) + sine * np.cross(towards, direction / np.linalg.norm(direction))
        direction /= np.linalg.norm(direction)
        if towards @ direction < np.sqrt(1.0 - sine**2):
            continue
        width = WIDTH_OF[int(STEPS * sine)]
        assert width == len(WIDTHS) - 1 or np.hypot(*(towards - direction)[:2]) <= WIDTHS[width] + 1e-9


def test_codes_that_cannot_reach_a_distance_are_those_of_shorter_rays(rng: np.random.Generator) -> None:
    for distance in (*rng.uniform(0.0, 40.0, 500), 0.0, -1.0):
        code = code_to_reach(distance)
        assert code <= 240 and (gather.REACH_OF_CODE[:code] < max(distance, 0.0)).all()
        if distance < 11.0:
            assert gather.REACH_OF_CODE[code + 1] > distance - 0.1, "and not many more are asked"


@pytest.mark.parametrize("rays", [TEXEL_RAYS, EDGE_RAYS])
def test_a_ray_that_touches_a_box_is_never_missed(
    scene: SceneFeatures, rng: np.random.Generator, rays: int
) -> None:  # fmt: skip
    place = scene.surface.place
    texels = rng.choice(scene.texels, 150, replace=False).astype(np.int32)
    hit, code = traced(scene, texels, rays=rays)
    low = rng.uniform(0, [14, 14, 5], (3, 3))
    high = low + rng.uniform(0.25, 1.5, (3, 3))
    void, is_fresh = np.zeros(len(texels), np.uint64), np.zeros(len(place), np.bool_)
    rows, n_rays, met = (
        np.arange(len(texels), dtype=np.int32),
        np.full(len(texels), rays, np.int32),
        packed_as(hit, code),
    )
    rays_cross(place, is_fresh, texels, rows, n_rays, met, boxes_of(low, high), void)
    bit = np.array([gather.bit_of_ray(k, rays) for k in range(rays)], np.uint64)
    crosses = void[:, None] >> bit & np.uint64(1) > 0
    touched = np.zeros((len(texels), rays), np.bool_)
    for i, texel in enumerate(texels):
        for k in range(rays):
            origin, direction = ray(place, texel, k, rays)
            t = first_hit(scene.transport.voxels, *origin, *direction, 30.0)[0]
            points = origin + direction * np.linspace(0, t, 200)[:, None]
            for a, b in zip(low, high, strict=True):
                touched[i, k] |= bool(((points >= a) & (points <= b)).all(1).any())
    assert (crosses[touched]).all()
    assert touched.sum() > 20 and crosses.mean() < 0.2
    # Those alone are traced again.
    hit, code_again = traced(scene, texels, rays=rays, void=void)
    assert ((hit != 99) == crosses).all() and (code_again[crosses] == code[crosses]).all()


def test_a_ray_goes_as_far_as_the_face_that_it_ends_on(scene: SceneFeatures, rng: np.random.Generator) -> None:
    """To 2 mm, where that face is still what it was; else as far as its code says, and those that leave go for ever."""
    place, texels = scene.surface.place, rng.choice(scene.texels, 100, replace=False)
    hit, code = traced(scene, texels)
    met, known, fresh = packed_as(hit, code), np.zeros(len(place), np.bool_), np.ones(len(place), np.bool_)
    gone, coarser = place.copy(), 0
    gone[:, 3] = -1
    for i, texel in enumerate(texels):
        for k in range(0, TEXEL_RAYS, 5):
            origin, direction = ray(place, texel, k, TEXEL_RAYS)
            t, side = first_hit(scene.transport.voxels, *origin, *direction, 1e4)[:2]
            reach = [
                reach_of(at, is_fresh, met[i, k], origin, direction)
                for at, is_fresh in ((place, known), (place, fresh), (gone, known))
            ]
            assert reach[1] == reach[2] >= t
            if hit[i, k] >= 0:
                assert t <= reach[0] <= t + 2e-3
                coarser += reach[1] > reach[0] + 0.05
            else:
                assert reach[0] == reach[1] and (side >= 0 or reach[0] == 1e4)
    assert coarser > 100
