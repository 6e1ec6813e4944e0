"""The text of a generated world of any size: a village without end."""

BLOCK_M = 32


def text_of(size_m: int, height_m: int = 32) -> str:
    """A world file of size_m x size_m x height_m: terraces, houses with a lamp, trees, lanes to walk along."""
    lane = size_m // BLOCK_M // 2 * BLOCK_M + 16
    return f"""
world("village", size = ({size_m}, {size_m}, {height_m}), hour = 15, fog = 0.006)
material("earth", "#6b5a45")
material("grass", "#5f8238", pattern = "grass")
material("lane", "#8d8474", pattern = "paving")
material("plaster", "#e8ddc6", pattern = "plaster")
material("brick", "#96513a", pattern = "brick")
material("tiles", "#a5502e", pattern = "tiles")
material("wood", "#5d4630", pattern = "planks")
material("leaf", "#4c7a2d")
material("fresh leaf", "#6d9434")
material("glass", "#ffe9c0", emission = (6, 4, 2))

BLOCKS = {size_m // BLOCK_M}
G = 4.0
lantern = prefab("lantern", parts = [cylinder((0, 0, 0), radius = 0.15, height = 0.4, material = "glass")])

fill((0, 0, 0), ({size_m}, {size_m}, G - 0.5), "earth")
fill((0, 0, G - 0.5), ({size_m}, {size_m}, G), "grass")
for j in range(BLOCKS):  # lanes along x, so that somebody can walk straight through the world
    fill((0, j * 32 + 14, G - 0.25), ({size_m}, j * 32 + 18, G), "lane")

for i in range(BLOCKS):
    for j in range(BLOCKS):
        x, y, n = i * 32, j * 32, i * 7 + j * 13 + i * j
        for k in range(1 + n % 4):  # a terrace of up to four steps
            fill((x + 1 + k, y + 19 + k, G + 0.5 * k), (x + 15 - k, y + 31 - k, G + 0.5 * k + 0.5), "grass")
        column((x + 8, y + 7, G), radius = 0.4, height = 4, material = "wood")
        crown = (2.5 + 0.25 * (n % 3), 2.5, 2.25)
        blob((x + 8, y + 7, G + 5), radius = crown, materials = ["leaf", "fresh leaf"], density = 0.8, seed = n)
        if n % 3 == 1:
            continue
        w, d, h = 6 + n % 3, 5 + n % 4, 3 + n % 2
        hx, hy = x + 17, y + 1
        wall = "brick" if n % 2 else "plaster"
        room((hx, hy, G), (hx + w, hy + d, G + h), wall = wall, floor = "wood", thickness = 0.25)
        clear((hx + 2, hy + d - 0.25, G + 0.25), (hx + 3.25, hy + d, G + 2.5))
        clear((hx + 4, hy + d - 0.25, G + 1), (hx + 5, hy + d, G + 2))
        pyramid((hx - 0.25, hy - 0.25, G + h), (hx + w + 0.25, hy + d + 0.25, G + h + 2), "tiles")
        if n % 4 == 0 and (i + j) % 2 == 0:
            spawn(lantern, at = (hx + 3, hy + d + 1, G), lamp = lamp(size = 0.3, colour = (1, 0.6, 0.3), power = 60))

player(at = (8, {lane}, G), yaw_deg = 0)
camera("opening", at = (20, {lane}, 8), look_at = (60, {lane - 4}, 5))
"""
