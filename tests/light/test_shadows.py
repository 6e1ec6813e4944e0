"""Which light of lamps a change may cut off, against every way asked one by one."""

import numpy as np
import pytest

from engine.light.crossing import boxes_of
from engine.light.shadows import lamps_cross, mark_shadows
from engine.light.surface import Surface, face_centre
from engine.light.trace import crosses_box
from tests.light.scenes_for_light import room_with_pillars


def test_shadows_are_looked_for_wherever_a_ray_meets_the_box() -> None:
    voxels, random = room_with_pillars(), np.random.default_rng(2)
    surface, low, high = Surface(voxels), np.array([3.9, 4.1, 3.2]), np.array([4.2, 4.4, 3.5])
    boxes, n_crossed = random.uniform((1.0, 1.0, 0.5), (6.0, 6.0, 2.5), (6, 3)).round(2), 0
    for box in boxes:
        box_low, box_high = box[None], box[None] + (0.5, 0.25, 0.75)
        mark, found = np.zeros(surface.capacity, np.int32), np.empty(surface.capacity, np.int32)
        mark[::7] = -1
        n = mark_shadows(
            surface.place, surface.faces, surface.has_texels, low, high, 20.0, box_low, box_high, mark, 3, found
        )
        assert (np.sort(found[:n]) == np.flatnonzero(mark == 3)).all() and (mark[::7] == -1).all()
        target = random.uniform(low, high, (64, 3))
        centre, crossed = np.empty(3), np.zeros(surface.capacity, np.bool_)
        for t in surface.alive():
            face_centre(surface.place, t, centre)
            with np.errstate(divide="ignore"):
                a, b = (box_low - centre) / (target - centre), (box_high - centre) / (target - centre)
            enter, leave = np.minimum(a, b).max(1), np.maximum(a, b).min(1)
            crossed[t] = ((enter <= leave) & (leave >= 0.0) & (enter <= 1.0)).any()
        axis, looks_back = surface.place[:, 3] // 2, surface.place[:, 3] % 2 == 1
        plane = 0.25 * (np.take_along_axis(surface.place, axis[:, None].astype(int), 1)[:, 0] + ~looks_back)
        crossed &= np.where(looks_back, low[axis] < plane, high[axis] > plane)
        crossed[::7] = False
        assert (mark[crossed] == 3).all()
        n_crossed += crossed.sum()
        assert (mark == 3).sum() < 3 * crossed.sum() + 60  # and not everywhere
    assert n_crossed > 50


@pytest.mark.parametrize("n_boxes", [0, 1, 5])
def test_lamps_whose_light_a_box_may_cut_are_found_by_asking_every_way(n_boxes: int, rng: np.random.Generator) -> None:
    """Texels that lie together are asked together first."""
    n, n_lamps = 300, 6
    corner = np.repeat(rng.integers(0, 60, (n // 60 + 1, 3)), 60, 0)[:n]
    place = np.concatenate([corner + rng.integers(0, 8, (n, 3)), rng.integers(0, 6, (n, 1))], 1).astype(np.int16)
    lamp_low = rng.uniform(0.0, 16.0, (n_lamps, 3))
    lamp_high = lamp_low + rng.uniform(0.05, 0.6, (n_lamps, 3))
    low = rng.uniform(0.0, 15.0, (n_boxes, 3))
    boxes = boxes_of(low, low + rng.uniform(0.1, 2.0, (n_boxes, 3)))
    lamp_of = np.stack([rng.permutation(n_lamps) for _ in range(n)]).astype(np.int32)
    lamp_of[rng.random(lamp_of.shape) < 0.2] = -1
    asked, texels, row = rng.random(n_lamps) < 0.7, np.arange(n, dtype=np.int32), rng.permutation(n).astype(np.int32)
    before = (rng.random(n) < 0.1).astype(np.int32)
    void, found = before.copy(), 0
    lamps_cross(place, texels, row, lamp_of, lamp_low, lamp_high, asked, boxes, void)
    middle, stray, p = 0.5 * (lamp_low + lamp_high), 0.13 + 0.5 * (lamp_high - lamp_low), np.empty(3)
    for t in range(n):
        face_centre(place, t, p)
        for k, lamp in enumerate(lamp_of[row[t]]):
            is_cut = lamp >= 0 and any(
                crosses_box(*p, *(middle[lamp] - p), 1.0, boxes.low[b] - stray[lamp], boxes.high[b] + stray[lamp])
                for b in range(n_boxes)
            )
            assert bool(void[row[t]] >> k & 1) == (bool(before[row[t]] >> k & 1) or (is_cut and asked[lamp]))
            found += is_cut and asked[lamp]
    assert (found > 20) == (n_boxes > 0) and found < 0.8 * n * n_lamps
