"""A small world for tests of the teacher's pictures."""

import tempfile
from pathlib import Path

from engine.script.worldfile import load
from engine.sim.extract import extract
from engine.state.world import new_state

TINY = """
world("tiny", size = (8, 8, 4), hour = 12, latitude = 45)
material("stone", "#a09080", pattern = "brick")
material("red", "#b03020")
material("glow", "#ffe0a0", emission = (2, 1.5, 1))
fill((0, 0, 0), (8, 8, 1), "stone")
fill((5, 2, 1), (6, 6, 3), "red")
prefab("lantern", [box((-0.1, -0.1, 0), (0.1, 0.1, 0.2), "glow")])
light = lamp(size = (0.2, 0.2, 0.2), colour = (1, 0.7, 0.4), power = 40, offset = (0, 0, 0.1))
spawn("lantern", at = (3, 4, 2.5), lamp = light)
camera("opening", at = (1, 1.5, 2.2), look_at = (5, 4.5, 1.2), fov_deg = 60)
camera("other", at = (1, 6.5, 2.2), look_at = (5, 4, 1.2), fov_deg = 60)
player(at = (2, 2, 1))
"""


def tiny_view():
    """The tiny world at noon from its first camera."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "tiny.star")
        path.write_text(TINY)
        blueprint = load(path).blueprint
    return extract(blueprint, new_state(blueprint, 7), camera=blueprint.cameras[0].at(0.0))
