"""Bodies that rays meet: groups of them hide none, and who is asked first makes no difference."""

import numpy as np
import pytest

from engine.light.furniture import (
    COVERED_M,
    GROUP,
    Furniture,
    bodies_along,
    first_part_met,
    furniture_of,
    grouped,
    is_unblocked,
    no_furniture,
)
from engine.light.trace import crosses_box
from tests.light.scenes_for_light import view_of, with_crates
from tests.light.test_cache import plaza


def crates(*places: tuple[float, float, float]) -> Furniture:
    return furniture_of(with_crates(view_of(plaza()), *places))[0]


def scattered(n: int, rng: np.random.Generator) -> Furniture:
    return crates(*(tuple(place) for place in rng.uniform([0, 0, 0.5], [16, 14, 4], (n, 3))))


def part_met_plainly(bodies: Furniture, o: np.ndarray, d: np.ndarray, t_max: float) -> tuple[float, int]:
    """Slow definition of `first_part_met`: every part in turn, by its planes alone."""
    best, part = t_max, -1
    for p in range(len(bodies.part_box)):
        plane = bodies.part_plane[bodies.part_first_plane[p] : bodies.part_first_plane[p + 1]]
        ahead, beyond = plane[:, :3] @ d, plane[:, 3] - plane[:, :3] @ o
        enters, leaves = (beyond[ahead < 0] / ahead[ahead < 0]).max(), (beyond[ahead > 0] / ahead[ahead > 0]).min()
        if COVERED_M < enters < min(leaves, best):
            best, part = enters, p
    return best, part


@pytest.mark.parametrize("n", [1, GROUP, GROUP + 1, 70])
def test_groups_hold_every_body_once(n: int, rng: np.random.Generator) -> None:
    bodies = scattered(n, rng)
    body, box = grouped(bodies)
    assert sorted(body.tolist()) == list(range(n)) and len(box) == -(-n // GROUP)
    for group in range(len(box)):
        members = body[GROUP * group : GROUP * (group + 1)]
        assert (box[group, 0] == bodies.low[members].min(0)).all() and (
            box[group, 1] == bodies.high[members].max(0)
        ).all()


def test_nobody_makes_no_group() -> None:
    body, box = grouped(no_furniture())
    assert len(body) == 0 and box.shape == (0, 2, 3)


def test_groups_are_small_and_no_body_on_the_way_is_left_out(rng: np.random.Generator) -> None:
    bodies = scattered(70, rng)
    body, box = grouped(bodies)
    near, asked, on_the_way = np.empty(len(body), np.int32), [], 0
    for _ in range(600):
        o, d = rng.uniform([0, 0, 0], [16, 14, 4]), rng.normal(size=3)
        d, t_max = d / np.linalg.norm(d), rng.uniform(0.5, 20.0)
        n = bodies_along(body, box, *o, *d, t_max, near)
        met = {b for b in range(70) if crosses_box(*o, *d, t_max, bodies.low[b], bodies.high[b])}
        assert met <= set(near[:n].tolist())
        assert len(set(near[:n].tolist())) == n
        asked.append(n)
        on_the_way += len(met)
        assert first_part_met(bodies, near, n, *o, *d, t_max) == pytest.approx(part_met_plainly(bodies, o, d, t_max))
        assert is_unblocked(bodies, near, n, -1, *o, *(o + t_max * d)) == (part_met_plainly(bodies, o, d, t_max)[1] < 0)
    assert on_the_way > 100 and np.mean(asked) < 35


def test_of_parts_that_are_met_at_once_the_first_counts_whichever_is_asked_first() -> None:
    """Two crates whose fronts lie in one plane and overlap."""
    bodies = crates((8.0, 7.0, 1.0), (8.0, 7.3, 1.0))
    for order in ([0, 1], [1, 0]):
        t, part = first_part_met(bodies, np.array(order, np.int32), 2, 4.0, 7.15, 1.1, 1.0, 0.0, 0.0, 20.0)
        assert part == 0 and t == pytest.approx(bodies.low[0, 0] - 4.0)
