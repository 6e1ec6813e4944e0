from dataclasses import replace

import numpy as np
import pytest

from engine.film.camera import Renderer
from engine.teach.sources import CAUSES, NEAR_M, causes, near, shares
from tests.teach.views_for_tests import tiny_view

SIZE = (256, 144)
NAMES = list(CAUSES)


@pytest.fixture
def view():
    return tiny_view()


@pytest.fixture
def renderer(gl_context):
    return Renderer(SIZE, "classical", context=gl_context)


def found(view, renderer):
    """The causes of a view's pixels, with their places in the world."""
    seen = renderer.gbuffer(view)
    cause = causes(view, seen, renderer.render_linear(view))
    depth = np.where(np.isfinite(seen.depth), seen.depth, 0)
    return cause, seen, np.asarray(view.camera.position) + depth[..., None] * view.camera.rays(*SIZE)


def test_near_is_a_square_around_each_pixel():
    mask = np.zeros((7, 9), bool)
    mask[0, 4] = True
    assert np.argwhere(near(mask, 1)).tolist() == [[y, x] for y in (0, 1) for x in (3, 4, 5)]
    assert near(mask, 2).sum() == 15


def test_causes_lie_where_they_should(view, renderer):
    cause, seen, place = found(view, renderer)
    of = {name: cause == k for k, name in enumerate(NAMES)}
    sky = ~np.isfinite(seen.depth)
    static = ~sky & (seen.entity < 0)
    body_edge = near(seen.entity != seen.entity[0, 0], 1) & near(seen.entity == seen.entity[0, 0], 1)
    assert of["edges"][body_edge].all() and of["edges"].mean() < 0.3
    border = near(sky, 1) & near(~sky, 1)
    assert of["edges"][border].mean() > 0.9
    assert (seen.entity[of["bodies"]] >= 0).all() and of["bodies"].any()
    # on the floor, contact is what lies within NEAR_M of the red block, which stands on x 5..6, y 2..6
    floor = static & (seen.normal[..., 2] > 0.9) & (np.abs(place[..., 2] - 1) < 0.01) & ~of["edges"]
    gap = np.maximum(np.maximum([5, 2] - place[..., :2], place[..., :2] - [6, 6]), 0)
    close = np.hypot(gap[..., 0], gap[..., 1]) < NEAR_M - 1e-3
    far = np.hypot(gap[..., 0], gap[..., 1]) > NEAR_M + 1e-3
    decided = of["sun borders"] | of["near bodies"]
    assert (floor & close).sum() > 20 and (of["contact"] | decided)[floor & close].all()
    assert not of["contact"][floor & far].any() and (floor & far).sum() > 100
    assert of["rest"].any() and not of["glossy"].any()


def test_the_suns_border_is_between_light_and_shadow(view, renderer):
    cause, seen, _ = found(view, renderer)
    border = cause == NAMES.index("sun borders")
    assert 0 < border.mean() < 0.2
    night = replace(view, sky=replace(view.sky, sun=np.zeros(3, np.float32)))
    assert not (found(night, renderer)[0] == NAMES.index("sun borders")).any()


def test_lamp_light_goes_out_with_the_lamp(view, renderer):
    dark = np.zeros(3, np.float32)
    night = replace(view.sky, sun=dark, zenith=dark + 1e-3, horizon=dark + 1e-3, glow=dark, ground=dark)
    lit = replace(view, sky=night)
    lamp = NAMES.index("lamp light")
    assert (found(lit, renderer)[0] == lamp).mean() > 0.2
    off = replace(lit, lamps=replace(view.lamps, radiance=np.zeros_like(view.lamps.radiance)))
    assert not (found(off, renderer)[0] == lamp).any()
    none = replace(lit, lamps=replace(view.lamps, **{k: v[:0] for k, v in vars(view.lamps).items()}))
    assert not (found(none, renderer)[0] == lamp).any()


def test_glossy_pixels_are_told_apart(view, renderer):
    polished = replace(view.materials, roughness=np.full_like(view.materials.roughness, 0.3))
    cause, seen, _ = found(replace(view, materials=polished), renderer)
    glossy = cause == NAMES.index("glossy")
    assert glossy.any() and polished.glossy[seen.material[glossy]].all()


def test_shares_are_of_all_pictures_and_the_worst_comes_first():
    cause = np.array([[0, 0, 5, 7]])
    error = np.array([[0.1, 0.1, 0.6, 0.0]], np.float32)
    ranked = shares([(cause, error), (cause, 3 * error)])
    assert [share.cause for share in ranked[:2]] == ["contact", "edges"] and len(ranked) == len(CAUSES)
    assert ranked[0].error == pytest.approx(0.75) and ranked[0].pixels == 0.25
    assert ranked[1].rmse == pytest.approx(np.sqrt(0.8 / 4))
    assert sum(share.error for share in ranked) == pytest.approx(1)
    assert all(share.error == 0 for share in shares([(cause, 0 * error)]))
