#!/usr/bin/env python3
"""Builds the models of worlds/pagoda.star by rule: writes worlds/assets/pagoda.vox and stone_lantern.vox.

A pagoda looks the same from four sides, so a quarter of it is stored, and the scene graph puts it down four times.
"""

import struct
from pathlib import Path

PALETTE = {  # index: sRGB, and what shines: emit, flux
    1: ((128, 122, 112), None),  # stone
    2: ((158, 150, 136), None),  # light stone
    3: ((150, 48, 34), None),  # vermilion wood
    4: ((228, 216, 190), None),  # plaster
    5: ((62, 40, 28), None),  # dark wood
    6: ((52, 84, 86), None),  # tiles
    7: ((70, 106, 104), None),  # lit rows of tiles
    8: ((206, 160, 62), None),  # gilt
    9: ((255, 204, 136), (0.35, 0.0)),  # paper before a lamp
    10: ((255, 190, 110), (1.0, 1.0)),  # flame
    11: ((92, 110, 84), None),  # moss
}
HALF = 22  # voxels from the middle to the eaves
TIERS = ((12, 11), (9, 9), (6, 8))  # half width and height of the walls


def quarter() -> dict[tuple[int, int, int], int]:
    """The quarter x, y >= 0 of the pagoda, alike when x and y change places."""
    out: dict[tuple[int, int, int], int] = {}

    def put(x: int, y: int, z: int, colour: int) -> None:
        for a, b in ((x, y), (y, x)):
            if 0 <= a < HALF and 0 <= b < HALF:
                out[a, b, z] = colour

    for z in range(3):  # steps all round
        for x in range(20 - z):
            for y in range(x + 1):
                if x >= 17 - z or z == 2:
                    put(x, y, z, 2 if x == 19 - z else 1)
    z = 3
    for tier, (half, height) in enumerate(TIERS):
        for h in range(height):
            for y in range(half + 1):
                is_post = y in (half, half - 1, 3) or (tier < 2 and y == half - 5)
                is_door = tier == 0 and y < 3 and h < 7
                is_paper = 2 <= h < height - 3 and not is_post and (tier > 0 or y > 3)
                if is_door:
                    continue
                colour = 3 if is_post or h in (height - 1, height - 2) else 9 if is_paper else 4
                if is_paper and (h % 3 == 1 or y % 4 == 2):
                    colour = 5  # the lattice before the paper
                put(half, y, z + h, colour)
        for x in range(half):  # the floor of a tier, and its ceiling
            for y in range(x + 1):
                put(x, y, z - 1, 5)
        z += height
        reach = half + 7 - tier
        for x in range(reach + 1):  # the roof: steep near the middle, flat at the eaves, its corners turned up
            out_by = reach - x
            rise = (out_by * out_by) // 14 + out_by // 3
            if x < (half - 3 if tier < 2 else 0):
                continue
            for y in range(x + 1):
                lift = max(0, y - reach + 4) * max(0, x - reach + 4) // 6
                top = z - 1 + rise + lift
                colour = 8 if x == reach else 7 if y % 4 == 0 else 6
                put(x, y, top, colour)
                put(x, y, top - 1, 3 if x == reach else 5 if out_by < 3 else colour)
                if out_by and (out_by * out_by) // 14 + out_by // 3 - ((out_by - 1) ** 2 // 14 + (out_by - 1) // 3) > 1:
                    put(x, y, top - 2, colour)
        z += 4
    top = max(z for _, _, z in out)
    for h in range(9):  # the spire
        put(0, 0, top + h, 8)
        if h % 2 == 0 and h < 7:
            put(1, 0, top + h, 8)
    return out


def lantern() -> dict[tuple[int, int, int], int]:
    """A stone lantern of 13 x 13 x 19 voxels, its flame open to four sides."""
    out: dict[tuple[int, int, int], int] = {}

    def block(half: int, low: int, high: int, colour: int) -> None:
        for z in range(low, high):
            for x in range(6 - half, 7 + half):
                for y in range(6 - half, 7 + half):
                    out[x, y, z] = colour

    block(4, 0, 2, 1)
    block(1, 2, 9, 2)
    block(3, 9, 11, 1)
    for z in range(11, 15):
        for x in (4, 8):
            for y in (4, 8):
                out[x, y, z] = 2
    block(1, 11, 14, 10)
    block(5, 15, 16, 1)
    block(4, 16, 17, 2)
    block(2, 17, 18, 1)
    block(0, 18, 19, 8)
    for x, y in ((2, 3), (9, 2), (3, 10), (10, 10), (2, 9)):
        out[x, y, 1] = 11
    return out


def chunk(name: str, content: bytes, children: bytes = b"") -> bytes:
    return name.encode() + struct.pack("<ii", len(content), len(children)) + content + children


def words(**pairs: object) -> bytes:
    texts = [str(text).encode() for pair in pairs.items() for text in pair]
    return struct.pack("<i", len(pairs)) + b"".join(struct.pack("<i", len(t)) + t for t in texts)


def file_of(voxels: dict[tuple[int, int, int], int], corners: bool) -> bytes:
    """A .vox file; with `corners` the model is put down four times around its low corner, each a quarter turn on."""
    size = [max(place[axis] for place in voxels) + 1 for axis in range(3)]
    size[:2] = [HALF, HALF] if corners else size[:2]
    body = chunk("SIZE", struct.pack("<iii", *size))
    content = b"".join(bytes((*place, colour)) for place, colour in sorted(voxels.items()))
    body += chunk("XYZI", struct.pack("<i", len(voxels)) + content)
    if corners:
        half = HALF // 2
        # rows of the rotation, and signs: x y, -y x, -x -y, y -x
        turns = ((4, half, half), (1 | 1 << 4, -half, half), (4 | 3 << 4, -half, -half), (1 | 2 << 4, half, -half))
        body += node("nTRN", 0, struct.pack("<iiii", 1, -1, -1, 1) + words())
        body += node("nGRP", 1, struct.pack("<5i", 4, 2, 4, 6, 8))
        for i, (rotation, x, y) in enumerate(turns):
            frame = words(_r=rotation, _t=f"{x} {y} {size[2] // 2}")
            body += node("nTRN", 2 + 2 * i, struct.pack("<iiii", 3 + 2 * i, -1, -1, 1) + frame)
            body += node("nSHP", 3 + 2 * i, struct.pack("<ii", 1, 0) + words())
    table = bytearray(1024)
    for index, (colour, shine) in PALETTE.items():
        table[4 * index - 4 : 4 * index] = bytes((*colour, 255))
        if shine:
            body += chunk("MATL", struct.pack("<i", index) + words(_type="_emit", _emit=shine[0], _flux=shine[1]))
    return b"VOX " + struct.pack("<i", 150) + chunk("MAIN", b"", body + chunk("RGBA", bytes(table)))


def node(name: str, index: int, rest: bytes) -> bytes:
    return chunk(name, struct.pack("<i", index) + words() + rest)


def main() -> None:
    folder = Path(__file__).resolve().parent.parent / "worlds" / "assets"
    folder.mkdir(exist_ok=True)
    for name, data in (("pagoda", file_of(quarter(), True)), ("stone_lantern", file_of(lantern(), False))):
        (folder / f"{name}.vox").write_bytes(data)
        print(f"{name}.vox: {len(data):,} bytes")


if __name__ == "__main__":
    main()
