import dataclasses

import numpy as np
import pytest

from engine.film.bodyglow import UNLIT_SHARE, BodyGlow
from engine.raster.bodies import pose
from tests.raster import views


@pytest.mark.parametrize("is_lit", [True, False])
def test_vertices_that_shine_send_out_their_own_light_and_what_they_throw_back(is_lit: bool) -> None:
    view, glow = views.courtyard(), BodyGlow()
    everything = dataclasses.replace(view.materials, emission=view.materials.emission + np.float32(0.25))
    for materials in (view.materials, everything):
        lit = dataclasses.replace(view, materials=materials)
        posed = pose(lit)
        before = np.random.default_rng(1).random((len(posed.position), 3)).astype(np.float32)
        e = before.copy()
        glow.put_into(e, lit, posed, is_lit)
        n_shine = 0
        for v, (material, b) in enumerate(zip(posed.material, posed.body, strict=True)):
            own = materials.emission[material]
            if not own.any():
                assert np.array_equal(e[v], before[v])
                continue
            n_shine += 1
            if view.bodies.glows[b]:
                own = view.bodies.glow[b]
            met = before[v] if is_lit else UNLIT_SHARE * view.sky.horizon
            assert np.allclose(e[v], own + materials.albedo[material] * met, rtol=1e-6)
        assert n_shine > 0
    assert view.bodies.glows.any() and not view.bodies.glows.all()
