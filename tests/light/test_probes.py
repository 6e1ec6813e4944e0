"""Probes and how texels see them."""

import numpy as np

from engine.light.cache import LightCache
from engine.light.crossing import boxes_of
from engine.light.features import SceneFeatures
from engine.light.probes import (
    BACKWARDS,
    DISTANCE_UNIT,
    FARTHEST,
    FARTHEST_READER_M,
    LEAST_HEIGHT_M,
    PER_PROBE,
    PER_ROW,
    SKY,
    WEIGHT_UNIT,
    cell_rays,
    rows_crossing,
)
from tests.light.scenes_for_light import materials, plaza, view_of, weights_of


def scene() -> SceneFeatures:
    return SceneFeatures(plaza(), materials().albedo, materials().emission)


def traced() -> SceneFeatures:
    """With the rays of all probes."""
    found = scene()
    alive = np.flatnonzero(found.probes.alive).astype(np.int32)
    found.probes.look(found.transport.voxels, found.surface, alive)
    return found


def test_every_texel_of_the_plaza_sees_a_probe_in_front() -> None:
    cache = LightCache()
    cache.update(view_of(plaza()))
    texels = cache.transport.surface.alive()
    index, weight = weights_of(cache.transport, texels)
    np.testing.assert_allclose(weight.sum(1), 1.0, rtol=1e-5)
    place = cache.transport.surface.place[texels]
    axis, sign = place[:, 3] // 2, 1 - 2 * (place[:, 3] % 2)
    n = np.arange(len(texels))
    plane = (place[n, axis] + (sign > 0)) * 0.25
    position = cache.transport.probes.position[index]
    ahead = (position[n, :, axis] - plane[:, None]) * sign[:, None]
    assert (ahead[weight > 0] > 0).all()


def test_every_array_over_probes_grows_with_them() -> None:
    probes = traced().probes
    arrays = {k: v for k, v in vars(probes).items() if isinstance(v, np.ndarray)}
    assert {k for k in arrays if k not in ("fibonacci", "probe_of_cell")} == {*PER_PROBE, *PER_ROW}
    assert {len(arrays[k]) for k in PER_PROBE} == {len(probes.alive)}
    assert {len(arrays[k]) for k in PER_ROW} == {len(probes.probe)}


def test_linked_probes_see_each_other() -> None:
    probes = scene().probes
    p, side = np.nonzero((probes.link >= 0) & probes.alive[:, None])
    assert len(p) > 100
    q = probes.link[p, side]
    np.testing.assert_array_equal(probes.link[q, side ^ 1], p)
    assert (np.abs(probes.cell[p] - probes.cell[q]).sum(1) == 1).all()


def test_walls_of_a_room_see_one_another_as_much_as_form_factors_say() -> None:
    """In an empty cube each wall has a fifth of every other's view (Howell's catalogue, C-11 and C-14). Probes stand
    before the walls: with plain cosines a wall was told 0.245 of the one that it faces.
    """
    grid = np.ones((24, 24, 24), np.uint8)
    grid[4:20, 4:20, 4:20] = 0
    features = SceneFeatures(grid, np.zeros((2, 3), np.float32), np.zeros((2, 3), np.float32))
    transport = features.transport
    probes, alive = transport.probes, np.flatnonzero(transport.probes.alive).astype(np.int32)
    probes.look(transport.voxels, features.surface, alive)
    rows = probes.row_of[alive]
    walls = features.surface.place[features.texels, 3]
    index, weight = weights_of(transport, features.texels)
    told = np.zeros((6, 6))
    for shining in range(6):
        met = probes.met[rows]
        arriving = (met >= 0) & (features.surface.place[met, 3] == shining)
        light = np.zeros((len(probes.alive), 6))
        light[alive] = np.einsum("pks,pk->ps", probes.weight[rows].astype(np.float64), arriving)
        light[alive] /= probes.weight_sum[rows]
        e = (weight * light[index, walls[:, None]]).sum(1)
        told[shining] = [e[walls == wall].mean() for wall in range(6)]
    others = told[~np.eye(6, dtype=bool)]
    assert np.abs(told.diagonal()).max() < 0.02, "a flat wall does not see itself"
    np.testing.assert_allclose(others, 0.2, atol=0.02)
    assert abs(others.mean() - 0.2) < 0.002


def test_weights_of_rays_are_what_the_geometry_says() -> None:
    """In numpy, from points and vectors: the cosine and the solid angle of each hit, seen from the foot of the
    perpendicular on the surface behind the probe.
    """
    features = traced()
    probes = features.probes
    with_room = 0
    for p in np.flatnonzero(probes.alive)[::11]:
        direction = probes.directions(np.array([p], np.int32))[0].astype(np.float64)
        row = probes.row_of[p]
        far, hits = probes.distance[row] * DISTANCE_UNIT, probes.met[row] >= 0
        facing = np.where(hits, features.surface.place[probes.met[row], 3], -1)  # side of what a ray hits
        for side in range(6):
            normal = np.zeros(3)
            normal[side // 2] = 1 - 2 * (side % 2)
            behind = hits & (facing == side) & (-direction @ normal > BACKWARDS)
            share = (direction[behind] @ normal) ** 2
            room = (share * -(direction[behind] @ normal) * far[behind]).sum() / share.sum() if behind.any() else 0.0
            wanted = np.maximum(direction @ normal, 0.0)
            if 0.0 < room < FARTHEST_READER_M:
                with_room += 1
                for k in np.flatnonzero(hits):
                    seen = far[k] * direction[k] + room * normal  # from the foot to the hit
                    away = np.linalg.norm(seen)
                    of_hit = np.eye(3)[facing[k] // 2]
                    slant = max(abs(direction[k] @ of_hit), 0.05 if facing[k] // 2 == side // 2 else 0.0)
                    larger = (far[k] / away) ** 2 * abs(seen @ of_hit) / away / slant
                    wanted[k] = max(seen @ normal, 0.0) / away * larger if seen @ normal > LEAST_HEIGHT_M else 0.0
            assert (probes.met[row][~hits] <= SKY).all()
            got = probes.weight[row, :, side] * WEIGHT_UNIT
            np.testing.assert_allclose(got, np.minimum(wanted, 255 * WEIGHT_UNIT), atol=0.51 * WEIGHT_UNIT)
            assert probes.weight_sum[row, side] == probes.weight[row, :, side].sum()
    assert with_room > 50


def test_probes_of_which_a_ray_crosses_a_box_are_found_by_asking_every_ray(rng: np.random.Generator) -> None:
    probes = traced().probes
    known = np.flatnonzero(probes.row_of >= 0)
    rows, share = probes.row_of[known], []
    directions = np.empty((len(known), *probes.fibonacci.shape), np.float32)
    for i, p in enumerate(known):
        cell_rays(*probes.cell[p].tolist(), probes.fibonacci, directions[i])
    for n_boxes in (1, 1, 1, 4):
        low = rng.uniform([0.0, 0.0, 0.3], [15.0, 15.0, 5.0], (n_boxes, 3))
        boxes, crosses = boxes_of(low, low + rng.uniform(0.1, 0.7, (n_boxes, 3))), np.empty(len(known), np.bool_)
        rows_crossing(
            rows, probes.probe, probes.position, probes.cell, probes.fibonacci, probes.distance, boxes, crosses
        )
        for i, p in enumerate(known):
            far = np.where(probes.distance[rows[i]] == FARTHEST, 1e4, probes.distance[rows[i]] * DISTANCE_UNIT) + 1e-3
            with np.errstate(divide="ignore"):
                one = (boxes.low[:, None] - probes.position[p]) / directions[i].astype(np.float64)
                two = (boxes.high[:, None] - probes.position[p]) / directions[i].astype(np.float64)
            first = np.maximum(np.minimum(one, two).max(-1), 0.0)
            assert crosses[i] == (first <= np.minimum(np.maximum(one, two).min(-1), far)).any()
        share.append(crosses.mean())
    assert min(share) > 0.0 and max(share) < 0.9
