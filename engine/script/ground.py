"""What a world file says about its ground: the world itself, its materials, and voxel shapes.

Lengths are metres, z is up, and shapes lie on the 0.25 m grid. A material is a name or a colour "#rrggbb".
"""

import math
from dataclasses import replace
from typing import Any

from engine.core.errors import WorldFileError
from engine.core.rng import stream_key, uniform
from engine.core.units import AIR, VOXELS_PER_M
from engine.script import shapes
from engine.script.draft import PATTERNS, RAGGED, ROUND, Draft, grid_of
from engine.script.values import colour, integer, number, one_of, text, voxel, voxels
from engine.script.values import hour as read_hour
from engine.state.blueprint import Sky

Voxel = tuple[int, int, int]
PATTERNS_MOVED = stream_key("material.pattern")
FARTHEST_MOVED_M = 64.0


class Ground:
    """Verbs that write voxels into a draft, after `world` has made its grid."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft

    # --- the world ----------------------------------------------------------------------------------------------------

    def world(
        self,
        name: object,
        size: object,
        hour: object = 12.0,
        day_rate: object = 0.0,
        latitude: object = 45.0,
        sun_turn: object = 0.0,
        haze: object = 0.25,
        exposure: object = 1.0,
        night: object = (0.010, 0.016, 0.034),
        fog: object = 0.0,
    ) -> None:
        """Says first of all how large the world is (multiples of 2 m) and under what sky it lies.

        `hour` is when it begins (18.5, or "18:30"), `day_rate` how many seconds of its day pass in one (0: the sun is
        fixed). `latitude` and `sun_turn` are in degrees, `haze` goes from 0, clear, to 1, overcast, `fog` is in 1/m,
        `exposure` opens the camera, `night` is the colour of the dark sky. sky(...) says how these change over the day.

        >>> world("home", size = (32, 32, 16), hour = "18:30", day_rate = 60)
        """
        d = self.draft
        if d.grid is not None:
            raise WorldFileError("world(...) may be said once; this is the second")
        d.name = text(name, "name", 40)
        d.grid = grid_of(voxel(size, "size"))
        d.start_hour = read_hour(hour, "hour") % 24.0
        d.day_rate = number(day_rate, "day_rate (seconds of world time a second)", 0.0, 3600.0)
        d.sky = Sky(
            latitude_deg=number(latitude, "latitude", -66.0, 66.0),
            sun_azimuth_offset_deg=number(sun_turn, "sun_turn", -360.0, 360.0),
            haze=number(haze, "haze", 0.0, 1.0),
            exposure=number(exposure, "exposure", 0.25, 4.0),
            night=colour(night, "night"),
            fog_density=number(fog, "fog (1/m)", 0.0, 1.0),
        )

    def sky(
        self, at: object, haze: object = None, fog: object = None, exposure: object = None, night: object = None
    ) -> None:
        """Weather: what the sky is like at an hour of day (7.5, or "7:30"); between two of these it changes evenly.

        The last one of a day leads over to the first one of the next. `haze` is 0, clear, to 1, overcast; `fog` in
        1/m (0.02 hides what is 100 m away), `exposure` opens the camera. What is not given is as world(...) says.

        >>> sky(at = "6:00", fog = 0.02, haze = 0.8)
        >>> sky(at = "9:30", fog = 0, haze = 0.2)
        """
        d = self.draft
        _ = d.size  # world(...) comes first
        hour = read_hour(at, "at") % 24.0
        if any(hour == key for key, _ in d.sky_keys):
            raise WorldFileError(f"sky(at={hour:g}) is said twice")
        d.count("sky", len(d.sky_keys))
        given: dict[str, Any] = {}
        if haze is not None:
            given["haze"] = number(haze, "haze", 0.0, 1.0)
        if fog is not None:
            given["fog_density"] = number(fog, "fog (1/m)", 0.0, 1.0)
        if exposure is not None:
            given["exposure"] = number(exposure, "exposure", 0.25, 4.0)
        if night is not None:
            given["night"] = colour(night, "night")
        if not given:
            raise WorldFileError("sky(at=...) needs something that it changes: haze, fog, exposure or night")
        d.sky_keys = sorted([*d.sky_keys, (hour, replace(d.sky, **given))], key=lambda key: key[0])

    def material(
        self,
        name: object,
        albedo: object,
        emission: object = (0, 0, 0),
        pattern: object = "plain",
        roughness: object = 1.0,
        metal: object = 0.0,
        scale: object = 1.0,
        seed: object = 0,
    ) -> str:
        """Gives a surface a name: its colour, the radiance it shines with, how its colour varies, and its polish.

        `pattern` is "plain", "brick", "planks", "paving", "grass", "plaster", "tiles", "wood", "marble" or "rock", on
        voxels; `scale` makes it larger or smaller, another `seed` moves it. `roughness` 1 is matte, 0.05 nearly a
        mirror; `metal` 1 reflects in its own colour and has no other.

        >>> material("copper", "#b87333", roughness = 0.3, metal = 1)
        >>> material("embers", "#401008", emission = (6, 1.5, 0.3))
        """
        label = text(name, "the material's name", 60)
        if not label or label.startswith("#") or label == "air":
            raise WorldFileError(f"a material cannot be named {label!r}")
        if label in self.draft.materials:
            raise WorldFileError(f"there is already a material named '{label}'")
        kind = one_of(pattern, "pattern", PATTERNS)
        shine = colour(emission, "emission", 1e4)
        rough, share = number(roughness, "roughness", 0.05, 1.0), number(metal, "metal", 0.0, 1.0)
        if share > 0.0 and rough >= 1.0:
            raise WorldFileError(f"metal = {share:g} needs a roughness below 1: what is matte reflects nothing")
        size, key = number(scale, "scale", 0.125, 16.0), integer(seed, "seed", 0, 2**31)
        self.draft.add_material(label, colour(albedo, "albedo"), shine, kind, rough, share)
        if size != 1.0 or key:
            self.draft.cuts[label] = size, uniform(key, 0, PATTERNS_MOVED, 0) * FARTHEST_MOVED_M if key else 0.0
        return label

    # --- voxels -------------------------------------------------------------------------------------------------------

    def _box(self, low: object, high: object, work: int = 1) -> tuple[Voxel, Voxel]:
        lo, hi = voxel(low, "low"), voxel(high, "high")
        self.draft.window(lo, hi, False, work)
        return lo, hi

    def fill(self, low: object, high: object, material: object) -> None:
        """A solid box of voxels.

        >>> fill((4, 4, 1), (8, 8, 3), "stone")
        """
        lo, hi = self._box(low, high)
        self.draft.draw(shapes.fill, lo, hi, self.draft.material(material))

    def clear(self, low: object, high: object) -> None:
        """Air in a box: a window, a passage.

        >>> clear((5, 4, 1), (6, 5, 3))
        """
        lo, hi = self._box(low, high)
        self.draft.draw(shapes.fill, lo, hi, AIR)

    def room(
        self,
        low: object,
        high: object,
        wall: object,
        floor: object = None,
        roof: object = None,
        thickness: object = 0.25,
    ) -> None:
        """A hollow box: walls, and a floor and a roof where they are given.

        >>> room((10, 10, 1), (18, 16, 4.25), wall = "stone", floor = "oak", roof = "oak")
        """
        lo, hi = self._box(low, high)
        t = voxels(thickness, "thickness")
        if not 0 < 2 * t < min(hi[0] - lo[0], hi[1] - lo[1]):
            raise WorldFileError(f"thickness = {t / VOXELS_PER_M:g} m leaves no room between the walls")
        m = self.draft.material
        under = None if floor is None else m(floor, "floor")
        above = None if roof is None else m(roof, "roof")
        self.draft.draw(shapes.room, lo, hi, m(wall, "wall"), under, above, t)

    def column(self, base: object, radius: object, height: object, material: object) -> None:
        """An upright round column or disc of voxels; its axis stands on the grid point `base`.

        >>> column((6, 6, 1), radius = 0.5, height = 4, material = "stone")
        """
        b, h = voxel(base, "base"), voxels(height, "height")
        r = number(radius, "radius", 0.05, 256.0) * VOXELS_PER_M
        reach = math.ceil(r)
        self.draft.window((b[0] - reach, b[1] - reach, b[2]), (b[0] + reach, b[1] + reach, b[2] + h), cut=True)
        self.draft.draw(shapes.column, b, r, h, self._or_air(material))

    def sphere(self, centre: object, radius: object, material: object) -> None:
        """A ball of voxels around a grid point; material "air" hollows one out.

        >>> sphere((16, 16, 4), radius = 3, material = "air")
        """
        c, r = voxel(centre, "centre"), number(radius, "radius", 0.05, 256.0) * VOXELS_PER_M
        reach = math.ceil(r)
        low, high = (c[0] - reach, c[1] - reach, c[2] - reach), (c[0] + reach, c[1] + reach, c[2] + reach)
        self.draft.window(low, high, True, ROUND)
        self.draft.draw(shapes.sphere, c, r, self._or_air(material))

    def _or_air(self, material: object) -> int:
        return AIR if material == "air" else self.draft.material(material)

    def arch(self, low: object, high: object, through: object = None, material: object = "air") -> None:
        """A round-headed opening in a box; it passes along `through`, "x" or "y", or else along the shorter side.

        >>> arch((12, 10, 1), (14, 10.25, 3.5))
        """
        lo, hi = self._box(low, high, ROUND)
        shorter = "x" if hi[0] - lo[0] <= hi[1] - lo[1] else "y"
        axis = shapes.AXES[one_of(shorter if through is None else through, "through", shapes.AXES)]
        self.draft.draw(shapes.arch, lo, hi, self._or_air(material), axis)

    def stairs(self, low: object, high: object, material: object, rises: object) -> None:
        """A solid flight of 0.25 m steps that fills a box and rises towards "+x", "-x", "+y" or "-y".

        >>> stairs((4, 4, 1), (8, 6, 3), "stone", rises = "+x")
        """
        lo, hi = self._box(low, high)
        axis, sign = shapes.RISES[one_of(rises, "rises", shapes.RISES)]
        self.draft.draw(shapes.stairs, lo, hi, self.draft.material(material), axis, sign)

    def gable(self, low: object, high: object, material: object, ridge: object = "x", end_wall: object = None) -> None:
        """A hollow pitched roof over a box, its ridge along "x" or "y"; `end_wall` closes its two gables.

        >>> gable((9, 9, 4), (19, 17, 8), "oak", ridge = "x", end_wall = "stone")
        """
        lo, hi = self._box(low, high)
        axis = shapes.AXES[one_of(ridge, "ridge", shapes.AXES)]
        end = None if end_wall is None else self.draft.material(end_wall, "end_wall")
        self.draft.draw(shapes.gable, lo, hi, self.draft.material(material), axis, end)

    def pyramid(self, low: object, high: object, material: object) -> None:
        """A solid stepped pyramid in a box, its tip up.

        >>> pyramid((20, 20, 1), (28, 28, 5), "stone")
        """
        lo, hi = self._box(low, high)
        self.draft.draw(shapes.pyramid, lo, hi, self.draft.material(material))

    def blob(self, centre: object, radius: object, materials: object, density: object = 0.85, seed: object = 0) -> None:
        """Foliage in air only: a ragged ball that mixes some materials; `radius` is a number or (x, y, z).

        >>> blob((6, 6, 6), 2, ["grass", "stone"], seed = 3)
        """
        c = voxel(centre, "centre")
        rx, ry, rz = radius if isinstance(radius, list | tuple) and len(radius) == 3 else (radius, radius, radius)
        r = tuple(number(v, "radius", 0.25, 32.0) * VOXELS_PER_M for v in (rx, ry, rz))
        names = materials if isinstance(materials, list | tuple) else [materials]
        if not names:
            raise WorldFileError("materials must name at least one material")
        which = tuple(self.draft.material(name) for name in names)
        reach = [math.ceil(v * 1.2) for v in r]
        self.draft.window(
            (c[0] - reach[0], c[1] - reach[1], c[2] - reach[2]),
            (c[0] + reach[0], c[1] + reach[1], c[2] + reach[2]),
            True,
            RAGGED,
        )
        share, key = number(density, "density", 0.0, 1.0), integer(seed, "seed", 0, 2**31)
        self.draft.draw(shapes.blob, c, (r[0], r[1], r[2]), which, share, key)

    def weather(
        self, low: object, high: object, old: object, new: object, amount: object = 0.2, seed: object = 0
    ) -> None:
        """Turns patches of one material into another: moss, worn plaster, a path through grass.

        >>> weather((0, 0, 0.75), (32, 32, 1), "grass", "stone", amount = 0.3)
        """
        lo, hi = self._box(low, high, RAGGED)
        m = self.draft.material
        share, key = number(amount, "amount", 0.0, 1.0), integer(seed, "seed", 0, 2**31)
        self.draft.draw(shapes.weather, lo, hi, m(old, "material"), m(new, "material"), share, key)
