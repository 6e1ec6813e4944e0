"""The world that `daguerre new` writes: small, played in two minutes, and explained line by line, to be changed."""

import re
from pathlib import Path
from typing import Final

from engine.core.disk import write_whole
from engine.core.errors import OutputError, WorldFileError
from engine.script.assets import SUFFIX

LONGEST_NAME: Final = 40

TEXT: Final = '''"""NAME: a garden at dusk. Three lanterns are dark; walk up to each of them and press E."""

load("lib/things.star", "bench", "tree")

# How large it is (metres, multiples of 2), the hour at which it begins, and the seconds of its day in one of ours.
world("NAME", size = (24, 24, 10), hour = 18.5, day_rate = 20)

# What things are made of: a name, a colour, a pattern. What has an emission shines.
material("meadow", "#64863f", pattern = "grass")
material("path", "#b3a68c", pattern = "paving")
material("wall", "#d8b98a", pattern = "plaster")
material("glass", "#ffe9c0", emission = (8, 5, 2.5))

G = 1.0  # the level of the ground. Whatever is built lies on a grid of 0.25 m; z is up.

fill((0, 0, 0), (24, 24, G), "meadow")
fill((11, 0, G - 0.25), (13, 20, G), "path")
fill((4, 14, G), (20, 14.5, G + 2.5), "wall")
arch((11, 14, G), (13, 14.5, G + 2.25))  # a shape without a material cuts
tree(6, 7, G, seed = 2)
tree(18, 19, G, height = 4.5, seed = 5)

# A prefab is made of parts around its own origin; spawn puts one into the world and may give it a light.
bench()
spawn("bench", at = (14.5, 9, G), yaw_deg = 180, solid = True)
prefab("lantern", [
    cylinder((0, 0, 0), radius = 0.06, height = 1, material = "#33302c"),
    ball((0, 0, 1.1), radius = 0.16, material = "glass"),
])
for i, (x, y) in enumerate([(9.5, 6), (15, 12), (12, 19)]):
    glow = lamp(size = 0.25, colour = (1, 0.65, 0.3), power = 60, on = False, offset = (0, 0, 1.1))
    spawn("lantern", at = (x, y, G), name = "lantern %d" % (i + 1), solid = True, lamp = glow)

# What there is to do, and what happens. The world calls a handler for each event that `on` gives it.
goal("lights", text = "Light the lanterns", count = 3)

def begin():
    say("It is getting dark. Where are the lanterns?")

def switched(lantern, is_on):
    progress("lights", 1 if is_on else -1)

def reached(goal):
    end("A light in the garden", "Now it is yours: open the file, change something, save it.")

on("start", begin)
on("lamp", switched)
on("goal", reached)

# Who looks: the first camera is the opening shot. The player begins here and looks north, along +y.
camera("opening", at = (5, 3, 3.25), look_at = (13, 13, 1.75))
player(at = (12, 2, G), yaw_deg = 90)
'''


def write_first_world(name: str, folder: Path) -> Path:
    """Writes NAME.star into a folder and returns its path. OutputError where a file of that name lies there already."""
    stem = name.removesuffix(SUFFIX)
    if not re.fullmatch(r"\w[\w-]*", stem) or len(stem) > LONGEST_NAME:
        raise WorldFileError(
            f"a world cannot be named {name!r}: take up to {LONGEST_NAME} letters, digits, '-' and '_', such as garden"
        )
    path = folder / (stem + SUFFIX)
    if path.exists():
        raise OutputError(f"{path} is there already and stays as it is; give another name, or move it away")
    write_whole(path, TEXT.replace("NAME", stem).encode())
    return path
