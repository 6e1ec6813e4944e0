"""The trial picture: it leaves no trace in any picture, and leaves nothing to be loaded for the first one."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import moderngl
import numpy as np
import pytest

from engine.film.camera import Renderer
from engine.film.trial import try_out
from engine.sim.extract import extract
from engine.state.blueprint import Blueprint
from engine.state.bricks import Bricks
from engine.state.world import new_state
from engine.view import View
from tests.worlds_for_tests import STONE, empty_world

ROOT = Path(__file__).parent.parent.parent
SIZE = (160, 90)

FIRST_PICTURE = """
import gc, sys
from numba.core.dispatcher import Dispatcher
from engine.film.camera import Renderer
from engine.film.trial import try_out
from tests.film.test_trial import large, small, seen

def loaded():
    return {k.py_func.__module__ + "." + k.py_func.__name__: len(k.overloads) for k in gc.get_objects()
            if isinstance(k, Dispatcher) and k.py_func.__module__.startswith("engine.")}

renderer = Renderer((160, 90), texels_per_frame=500)
if "tried" in sys.argv:
    try_out(renderer)
before = loaded()
renderer.render(seen(large()))
after = loaded()
print(*sorted(name for name in after if after[name] != before.get(name, 0)))
"""


def large() -> Blueprint:
    """144 x 80 x 24 m of ground with a tower."""
    grid = Bricks((576, 320, 96))
    grid[:, :, :20] = STONE
    grid[300:310, 100:110, 20:60] = STONE
    grid.freeze()
    return replace(empty_world(), voxels=grid, digest=b"large", player_start=(90.0, 40.0, 12.0))


def small() -> Blueprint:
    """16 x 16 x 8 m, kept as one array."""
    return empty_world()


def seen(blueprint: Blueprint) -> View:
    """Its beginning, from its opening shot."""
    return extract(blueprint, new_state(blueprint))


@pytest.mark.parametrize("look", ["neural", "raster"])
@pytest.mark.parametrize("texels_per_frame", [None, 200])
def test_who_was_tried_makes_the_same_pictures(gl: moderngl.Context, look: str, texels_per_frame: int | None) -> None:
    for blueprint in (small(), large()):
        view = seen(blueprint)
        tried = Renderer(SIZE, look, context=gl)
        try_out(tried)
        assert tried.look == look
        tried.texels_per_frame = texels_per_frame
        fresh = Renderer(SIZE, look, context=gl, texels_per_frame=texels_per_frame)
        for _ in range(3):
            assert np.array_equal(tried.render(view).rgb, fresh.render(view).rgb)
        tried.release()
        fresh.release()


def test_nothing_is_left_to_load_for_the_first_picture(gl: moderngl.Context) -> None:
    settings = {**os.environ, "PYTHONPATH": str(ROOT)}
    names = {}
    for argv in (["tried"], []):
        answer = subprocess.run(
            [sys.executable, "-c", FIRST_PICTURE, *argv], env=settings, capture_output=True, text=True, timeout=280
        )
        assert answer.returncode == 0, answer.stderr
        names[bool(argv)] = answer.stdout.split()
    assert names[True] == [] and "engine.raster.far._looks" in names[False]
