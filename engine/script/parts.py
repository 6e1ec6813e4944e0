"""What a world file says about shapes: parts, the prefabs made of them, and parts joined and cut into solids of voxels.

Parts are nouns (box, cylinder, ball, wedge); they lie anywhere in the frame of their prefab or solid, metres, z up.
"""

from dataclasses import replace
from typing import Any

from engine.core.errors import LimitError, WorldFileError
from engine.core.units import AIR
from engine.script import prefabs, solids
from engine.script.draft import MAX_VERTICES, ROUND, Draft
from engine.script.shapes import RISES
from engine.script.values import flag, integer, number, one_of, point, said, text, voxel
from engine.state.blueprint import Prefab

MAX_PARTS = 200  # of one prefab, or of one solid
MAX_JOINS_DEEP = 12  # unions of unions
FARTHEST_M = 1024.0  # of a part from the origin of its solid
FARTHEST_IN_PREFAB_M = 64.0
Shape = dict[str, object]


class Parts:
    """Parts, prefabs and solids of a draft."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft

    # --- parts --------------------------------------------------------------------------------------------------------

    def _material(self, material: object) -> int | None:
        return None if material is None else self.draft.material(material)

    def box(self, low: object, high: object, material: object = None) -> Shape:
        """A part: a box with flat faces.

        >>> prefab("step", [box((-0.5, -0.5, 0), (0.5, 0.5, 0.2), "stone")])
        """
        lo, hi = point(low, "low", -FARTHEST_M, FARTHEST_M), point(high, "high", -FARTHEST_M, FARTHEST_M)
        if any(a >= b for a, b in zip(lo, hi, strict=True)):
            raise WorldFileError(f"box low {lo} must be below high {hi} on every axis")
        return {"part": "box", "low": lo, "high": hi, "material": self._material(material)}

    def cylinder(
        self,
        base: object,
        radius: object,
        height: object,
        material: object = None,
        top: object = None,
        sides: object = 12,
        along: object = "z",
        smooth: object = True,
    ) -> Shape:
        """A part: a cylinder from `base` along an axis; `top` is its other radius (0 makes a cone).

        >>> prefab("cone", [cylinder((0, 0, 0), radius = 0.3, height = 0.8, material = "oak", top = 0)])
        """
        r = number(radius, "radius", 0.001, FARTHEST_M)
        return {
            "part": "cylinder",
            "base": point(base, "base", -FARTHEST_M, FARTHEST_M),
            "radius": r,
            "height": number(height, "height", 0.001, FARTHEST_M),
            "material": self._material(material),
            "top": r if top is None else number(top, "top", 0, FARTHEST_M),
            "sides": integer(sides, "sides", 3, 64),
            "axis": "xyz".index(one_of(along, "along", "xyz")),
            "smooth": flag(smooth, "smooth"),
        }

    def ball(
        self, centre: object, radius: object, material: object = None, sides: object = 10, smooth: object = True
    ) -> Shape:
        """A part: a low-poly ball, or an ellipsoid when `radius` is (x, y, z).

        >>> prefab("egg", [ball((0, 0, 0.5), radius = (0.3, 0.3, 0.5), material = "stone")])
        """
        three = radius if isinstance(radius, list | tuple) else (radius, radius, radius)
        return {
            "part": "ball",
            "centre": point(centre, "centre", -FARTHEST_M, FARTHEST_M),
            "radius": point(three, "radius", 0.001, FARTHEST_M),
            "material": self._material(material),
            "sides": integer(sides, "sides", 3, 64),
            "smooth": flag(smooth, "smooth"),
        }

    def wedge(self, low: object, high: object, material: object = None, rises: object = "+x") -> Shape:
        """A part: a slope that fills a box, from nothing at one side to its full height at "+x", "-x", "+y" or "-y".

        >>> prefab("ramp", [wedge((-1, -0.5, 0), (1, 0.5, 0.5), "oak", rises = "+x")])
        """
        made = self.box(low, high, material)
        return made | {"part": "wedge", "rises": one_of(rises, "rises", RISES)}

    # --- solids -------------------------------------------------------------------------------------------------------

    def union(self, *shapes: object) -> Shape:
        """A solid: all that lies in one shape or another; where they meet, the later one's material counts.

        >>> sculpt(union(ball((8, 8, 2), 2), ball((10, 8, 2), 2)), "stone")
        """
        return {"part": "union", "of": list(shapes)}

    def difference(self, shape: object, *less: object) -> Shape:
        """A solid: the first shape without all that lies in the others.

        >>> sculpt(difference(ball((8, 8, 1), 5), ball((8, 8, 1), 4), box((7, 2, 1), (9, 8, 3))), "stone")
        """
        return {"part": "difference", "of": [shape, *less]}

    def intersection(self, *shapes: object) -> Shape:
        """A solid: what lies in all the shapes, made of what the first one is made of.

        >>> sculpt(intersection(box((4, 4, 1), (12, 12, 9)), ball((8, 8, 5), 5)), "stone")
        """
        return {"part": "intersection", "of": list(shapes)}

    def sculpt(
        self, shape: object, material: object = None, at: object = (0, 0, 0), only: object = "everywhere"
    ) -> None:
        """Fills the voxels whose centres lie inside a part or a solid. Its origin is put at `at`, on the 0.25 m grid.

        `material` is that of the whole (else each part's own); "air" carves. `only` "air" leaves what is there, "solid"
        changes only what is there.

        >>> sculpt(cylinder((0, 8, 0), radius = 1.5, height = 12, along = "x"), "air", at = (4, 4, 2))
        """
        leaves: list[Shape] = []
        root = _checked(shape, leaves, len(self.draft.materials), 0)
        all_of = None if material is None else AIR if material == "air" else self.draft.material(material)
        if all_of is None and any(leaf["material"] is None for leaf in leaves):
            raise WorldFileError('sculpt(...) needs material=, or parts that have one each; "air" carves')
        base = voxel(at, "at")
        low, high = solids.bounds(leaves)
        lo, hi = (tuple(b + v for b, v in zip(base, corner, strict=True)) for corner in (low, high))
        self.draft.window((lo[0], lo[1], lo[2]), (hi[0], hi[1], hi[2]), True, ROUND * len(leaves))
        kind = one_of(only, "only", ("everywhere", "air", "solid"))
        solids.write(self.draft.voxels(), root, base, (low, high), all_of, kind)

    # --- prefabs ------------------------------------------------------------------------------------------------------

    def prefab(self, name: object, parts: object, collider: object = None) -> str:
        """A thing to spawn, made of parts around its origin on the ground, looking along +x.

        `collider` (x, y, z) is the full size of the box that bumps into things; without it, the box around all parts.

        >>> prefab("stool", [box((-0.2, -0.2, 0), (0.2, 0.2, 0.45), "oak")], collider = (0.4, 0.4, 0.45))
        """
        label = text(name, "the prefab's name", 60)
        if not label or label in self.draft.prefabs:
            raise WorldFileError(f"there is already a prefab named '{label}'" if label else "a prefab needs a name")
        self.draft.count("prefab", len(self.draft.prefabs))
        if not isinstance(parts, list | tuple) or not parts:
            raise WorldFileError(f"prefab '{label}' needs parts=[box(...), cylinder(...), ball(...)]")
        if len(parts) > MAX_PARTS:
            raise LimitError(f"a prefab may have {MAX_PARTS} parts, not {len(parts)}")
        pieces, recipe = list[prefabs.Part](), list[Any]()
        for part in parts:
            piece, numbers = _part(part, label, len(self.draft.materials))
            pieces.append(piece)
            recipe.append(tuple(numbers.items()))
            self.draft.vertices += len(pieces[-1].position)
            if self.draft.vertices > MAX_VERTICES:
                raise LimitError(f"the prefabs of a world may have {MAX_VERTICES:,} vertices together, not more")
        full = None if collider is None else point(collider, "collider", 0.01, 64)

        def make() -> Prefab:
            made = prefabs.assemble(label, pieces)
            return made if full is None else prefabs.with_collider(made, (full[0] / 2, full[1] / 2, full[2] / 2))

        self.draft.prefabs[label] = self.draft.assembled((label, full, *recipe), make)
        return label


def _checked(shape: object, leaves: list[Shape], n_materials: int, depth: int) -> Shape:
    """A shape as its nouns gave it, checked again: an author may have changed the dict. Adds its parts to `leaves`."""
    what = "sculpt(...) takes a box, cylinder, ball, wedge, union, difference or intersection"
    if not isinstance(shape, dict) or "part" not in shape:
        raise WorldFileError(f"{what}, not {said(shape)}")
    if depth > MAX_JOINS_DEEP or len(leaves) >= MAX_PARTS:
        raise LimitError(f"a solid may have {MAX_PARTS} parts, joined {MAX_JOINS_DEEP} deep, not more")
    if shape["part"] in ("union", "difference", "intersection"):
        of = shape.get("of")
        if not isinstance(of, list | tuple) or not of:
            raise WorldFileError(f"{shape['part']}(...) needs shapes to join")
        return {"part": shape["part"], "of": [_checked(s, leaves, n_materials, depth + 1) for s in of]}
    try:
        made = _numbers(shape)
        if shape["material"] is not None:
            integer(shape["material"], "material", 1, n_materials)
    except (KeyError, TypeError, ValueError, IndexError):
        raise WorldFileError(f"{what}, not {said(shape)}") from None
    leaves.append(made)
    return made


def _numbers(p: Shape) -> dict[str, Any]:
    """A part with all its numbers checked."""
    most = FARTHEST_M

    def three(name: str) -> tuple[float, float, float]:
        return point(p[name], name, -most, most)

    kind = p["part"]
    made: dict[str, Any] = {"part": kind, "material": p["material"]}
    if kind in ("box", "wedge"):
        made |= {"low": three("low"), "high": three("high")}
        if any(a >= b for a, b in zip(made["low"], made["high"], strict=True)):
            raise ValueError
        return made if kind == "box" else made | {"rises": one_of(p["rises"], "rises", RISES)}
    made |= {"sides": integer(p["sides"], "sides", 3, 64), "smooth": flag(p["smooth"], "smooth")}
    if kind == "cylinder":
        axis = integer(p["axis"], "axis", 0, 2)
        radius, height = (number(p[name], name, 0.001, most) for name in ("radius", "height"))
        top = number(p["top"], "top", 0, most)
        return made | {"base": three("base"), "axis": axis, "radius": radius, "height": height, "top": top}
    if kind == "ball":
        return made | {"centre": three("centre"), "radius": point(p["radius"], "radius", 0.001, most)}
    raise KeyError(kind)


def _part(part: object, prefab: str, n_materials: int) -> tuple[prefabs.Part, dict[str, Any]]:
    """The mesh of what box, cylinder, ball or wedge gave, and its numbers; a dict that an author made up is refused."""
    refused = WorldFileError(
        f"the parts of prefab '{prefab}' must be box(...), cylinder(...), ball(...) or wedge(...), not {said(part)}"
    )
    if not isinstance(part, dict):
        raise refused
    if "of" in part:
        raise WorldFileError(f"{said(part.get('part'))} is for sculpt(...); prefab '{prefab}' takes its parts alone")
    if part.get("part") in ("box", "cylinder", "ball", "wedge") and part.get("material", 0) is None:
        raise WorldFileError(f"a {part['part']} of prefab '{prefab}' needs a material")
    try:
        integer(part["material"], "material", 1, n_materials)
        numbers = _numbers(part)
        return _mesh(numbers), numbers
    except (KeyError, TypeError, ValueError, IndexError):
        raise refused from None


def _mesh(p: dict[str, Any]) -> prefabs.Part:
    kind, material = p["part"], p["material"]
    corners = [p[name] for name in ("low", "high", "base", "centre") if name in p]
    if any(abs(v) > FARTHEST_IN_PREFAB_M for corner in corners for v in corner):
        raise WorldFileError(f"a part of a prefab lies within {FARTHEST_IN_PREFAB_M:g} m of its origin")
    return replace(_shape(kind, p), material=material)


def _shape(kind: str, p: dict[str, Any]) -> prefabs.Part:
    """The part, of no material yet: things of many colours have few shapes."""
    if kind == "box":
        return prefabs.shaped(prefabs.box, p["low"], p["high"], AIR)
    if kind == "wedge":
        return prefabs.shaped(prefabs.wedge, p["low"], p["high"], AIR, *RISES[p["rises"]])
    if kind == "cylinder":
        numbers = p["radius"], p["height"], AIR, p["top"], p["sides"], p["axis"], p["smooth"]
        return prefabs.shaped(prefabs.cylinder, p["base"], *numbers)
    return prefabs.shaped(prefabs.ball, p["centre"], p["radius"], AIR, p["sides"], p["smooth"])
