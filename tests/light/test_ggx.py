import math

import numpy as np
import pytest

from engine.light import ggx
from engine.state.blueprint import Materials


def lobe_by_quadrature(nv, roughness):
    """Uniform light of 1 through D G F / (4 nl nv), by a grid over facets: (a, b) of F0 * a + b."""
    a2 = roughness**4
    # Facets: nh by equal parts of D nh, turns evenly.
    u, phi = np.meshgrid((np.arange(400) + 0.5) / 400, (np.arange(180) + 0.5) / 180 * math.pi, indexing="ij")
    nh = np.sqrt((1 - u) / (1 + (a2 - 1) * u))
    vh = np.sqrt(1 - nh**2) * np.cos(phi) * math.sqrt(1 - nv * nv) + nh * nv
    nl = 2 * vh * nh - nv
    ok = (nl > 0) & (vh > 0)
    nl, vh = np.where(ok, nl, 1.0), np.where(ok, vh, 1.0)
    seen = 2 * nl / (nl + np.sqrt(a2 + (1 - a2) * nl**2)) * 2 * nv / (nv + math.sqrt(a2 + (1 - a2) * nv**2))
    weight = np.where(ok, seen * vh / (nv * nh), 0.0)
    fresnel = (1 - vh) ** 5
    return (weight * (1 - fresnel)).mean(), (weight * fresnel).mean()


@pytest.mark.parametrize("roughness", [0.12, 0.3, 0.55, 0.9])
@pytest.mark.parametrize("nv", [0.15, 0.4, 0.8, 0.98])
def test_the_table_holds_the_lobes_integral(roughness, nv):
    got = ggx.lobe_sum(ggx.lobe_table(), nv, roughness)
    np.testing.assert_allclose(got, lobe_by_quadrature(nv, roughness), atol=0.006)


def test_distribution_is_a_density_of_facets():
    cosine = (np.arange(200_000) + 0.5) / 200_000
    for alpha in (0.05, 0.3, 1.0):
        area = np.mean([ggx.distribution(c, alpha) * c for c in cosine]) * 2 * math.pi
        assert area == pytest.approx(1.0, abs=1e-3)


def test_visible_facets_are_unit_and_face_the_eye():
    for nv in (0.02, 0.5, 1.0):
        for k in range(64):
            x, y, z = ggx.visible_facet(nv, 0.25, (k + 0.5) / 64, k * 0.618 % 1)
            assert x * x + y * y + z * z == pytest.approx(1.0) and z > 0
            assert x * math.sqrt(1 - nv * nv) + z * nv > -1e-9


def test_the_table_is_read_beyond_its_ends_as_at_them():
    table = ggx.lobe_table()
    assert ggx.lobe_sum(table, -1.0, 0.0) == ggx.lobe_sum(table, 0.0, ggx.SMOOTHEST)
    assert ggx.lobe_sum(table, 2.0, 3.0) == ggx.lobe_sum(table, 1.0, 1.0)


def lobe_value(nl, nv, vh, nh, alpha, f0):
    """D G F / (4 nl nv) as the module's head has it."""
    seen = ggx.shadowing(nl, alpha) * ggx.shadowing(nv, alpha)
    return ggx.distribution(nh, alpha) * seen * (f0 + (1 - f0) * (1 - vh) ** 5) / (4 * nl * nv)


@pytest.mark.parametrize(("colour", "roughness", "metal"), [(0.15, 0.45, 0.0), (0.6, 0.8, 0.0), (0.7, 0.5, 1.0)])
def test_what_bounces_is_all_that_leaves_under_light_from_everywhere(colour, roughness, metal):
    """Lobe and diffuse part, summed over pairs of directions that lie evenly by the cosine law."""
    made = materials_of((colour, roughness, metal))
    n, f0 = 300_000, 0.04 * (1 - metal) + colour * metal
    u = (np.arange(n) + 0.5)[:, None] * [0.8566748838, 0.7338918566, 0.6287067210] % 1.0  # R3, Roberts 2018
    nl, nv, phi = np.sqrt(u[:, 0]), np.sqrt(u[:, 1]), 2 * math.pi * u[:, 2]
    across = np.sqrt(1 - nl**2) * np.sqrt(1 - nv**2) * np.cos(phi)
    half = np.sqrt(np.maximum(2 + 2 * (across + nl * nv), 1e-12))
    nh, vh = (nl + nv) / half, half / 2
    lobe = np.mean([lobe_value(*row, roughness**2, f0) for row in zip(nl, nv, vh, nh, strict=True)]) * math.pi
    varnish = np.mean([lobe_value(*row, roughness**2, 0.04) for row in zip(nl, nv, vh, nh, strict=True)]) * math.pi
    wanted = lobe + colour * (1 - metal) * (1 - varnish)
    np.testing.assert_allclose(ggx.bounced_albedo(made)[1], wanted, atol=0.006)


def test_matte_bounces_its_colour_and_white_varnish_all_light():
    made = materials_of((0.3, 1.0, 0.0), (1.0, 0.2, 0.0), (0.3, 0.2, 0.0))
    matte, white, dark = ggx.bounced_albedo(made)[1:, 0]
    assert matte == np.float32(0.3) and white == pytest.approx(1.0, abs=1e-6) and dark > 0.34


def materials_of(*kinds):
    colour, roughness, metal = np.array([(0.0, 1.0, 0.0), *kinds], np.float32).T
    albedo, n = np.repeat(colour[:, None], 3, 1), len(colour)
    return Materials(
        tuple(map(str, range(n))), albedo, np.zeros((n, 3), np.float32), np.zeros(n, np.uint8), roughness, metal
    )
