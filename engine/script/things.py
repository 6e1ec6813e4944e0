"""What a world file says about things: what is spawned, with which abilities."""

import math

from engine.core.errors import WorldFileError
from engine.core.rotations import of_yaw, product
from engine.core.trig import sine_cosine
from engine.core.units import VOXELS_PER_M
from engine.script.draft import Draft
from engine.script.imports import lamp_parts
from engine.script.values import colour as colour_of
from engine.script.values import flag, hint, number, one_of, point, said, text, voxel
from engine.script.walks import walking
from engine.sim.stories import IN_HAND
from engine.state.blueprint import Spawn
from engine.state.components import BODY, COLUMN_BY_NAME, DOOR, FASTEST_M_S, FASTEST_RAD_S, LAMP, SHAPES
from engine.state.entities import LINKS, ComponentError, row_of

PARTS = {"lamp": LAMP, "door": DOOR, "body": BODY}  # which columns may stand in what these functions give


class Things:
    """Entities of a draft."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft

    # --- entities -----------------------------------------------------------------------------------------------------

    def lamp(
        self,
        size: object = 0.3,
        colour: object = (1.0, 0.62, 0.3),
        power: object = 40.0,
        on: object = True,
        dusk: object = False,
        offset: object = (0, 0, 0),
    ) -> dict[str, object]:
        """For spawn(lamp=...): a box that shines. `dusk` lamps switch themselves on at dusk and off at dawn.

        >>> spawn("crate", at = (6, 6, 1), lamp = lamp(size = 0.2, power = 60, dusk = True, offset = (0, 0, 1)))
        """
        edges = size if isinstance(size, list | tuple) else (size, size, size)
        return {
            "lamp_size": point(edges, "size", 0.05, 4.0),
            "lamp_colour": colour_of(colour, "colour", 100.0),
            "lamp_power": number(power, "power", 0.0, 1e5),
            "lamp_on": flag(on, "on"),
            "lamp_dusk": flag(dusk, "dusk"),
            "lamp_offset": point(offset, "offset", -64.0, 64.0),
        }

    def door(
        self, low: object, high: object, material: object, open: object = False, slide: object = (0, 0, 0)
    ) -> dict[str, object]:
        """For spawn(door=...): a box of voxels, solid while shut. It swings around its low corner, or goes as far aside
        as `slide` (x, y, z) says.

        >>> spawn(door = door((12, 10, 1), (13, 10.25, 3), "oak"), name = "front door")
        """
        lo, hi = voxel(low, "low"), voxel(high, "high")
        self.draft.window(lo, hi, cut=False)
        return {
            "door_low": lo,
            "door_high": hi,
            "door_material": self.draft.material(material),
            "door_open": flag(open, "open"),
            "door_slide": point(slide, "slide", -64.0, 64.0),
        }

    def body(
        self,
        shape: object = "auto",
        size: object = None,
        density: object = 300.0,
        friction: object = 0.6,
        bounce: object = 0.0,
        tilt_deg: object = 0.0,
        velocity: object = (0, 0, 0),
        spin: object = (0, 0, 0),
        kinematic: object = False,
        asleep: object = False,
        contacts: object = False,
        hinge: object = None,
    ) -> dict[str, object]:
        """For spawn(body=...): a rigid body that falls, rolls and is pushed. "auto" is as the prefab's parts are.

        `size` (x, y, z) of another shape, else that of the prefab's collider; density in kg/m3. What is `kinematic`
        only goes as its velocity says. `asleep` waits until something touches it; `contacts` sends "contact" (entity,
        other, impulse). `tilt_deg` leans it forward.

        >>> spawn("crate", at = (9, 9, 3), body = body(density = 400, bounce = 0.2))
        """
        made: dict[str, object] = {
            "shape": one_of(shape, "shape", SHAPES),
            "density": number(density, "density (kg/m3)", 1.0, 20_000.0),
            "friction": number(friction, "friction", 0.0, 4.0),
            "bounce": number(bounce, "bounce", 0.0, 1.0),
            "linear_velocity": point(velocity, "velocity (m/s)", -FASTEST_M_S, FASTEST_M_S),
            "angular_velocity": point(spin, "spin (rad/s)", -FASTEST_RAD_S, FASTEST_RAD_S),
            "kinematic": flag(kinematic, "kinematic"),
            "asleep": flag(asleep, "asleep"),
            "tells": flag(contacts, "contacts"),
        }
        if size is not None:
            if made["shape"] == "auto":
                raise WorldFileError("size needs shape='box', 'sphere' or 'capsule'; 'auto' is as large as its parts")
            made["body_size"] = point(size, "size", 0.01, 64.0)
        sin, cos = sine_cosine(0.5 * math.radians(number(tilt_deg, "tilt_deg", -360.0, 360.0)))
        made["orientation"] = (0.0, sin, 0.0, cos)
        if hinge is not None:
            if not isinstance(hinge, dict) or "hinge_at" not in hinge:
                raise WorldFileError(f"hinge must be given as hinge=hinge(...), not {said(hinge)}")
            made |= {"hinged": True} | hinge
        return made

    def hinge(self, at: object = (0, 0, 0), axis: object = (0, 0, 1), to: object = "") -> dict[str, object]:
        """For body(hinge=...): it turns around an axis through a point of its own frame, on the world or a body.

        >>> spawn("crate", at = (9, 9, 3), body = body(hinge = hinge(at = (0, 0, 0.8), axis = (1, 0, 0))))
        """
        x, y, z = point(axis, "axis")
        length = math.sqrt(x * x + y * y + z * z)
        if length < 1e-6:
            raise WorldFileError("axis must point somewhere, such as (0, 0, 1)")
        return {
            "hinge_at": point(at, "at", -64.0, 64.0),
            "hinge_axis": (x / length, y / length, z / length),
            "hinge_to": text(to, "to"),
        }

    def spawn(
        self,
        prefab: object = None,
        at: object = None,
        name: object = "",
        yaw_deg: object = 0.0,
        behaviour: object = "none",
        path: object = None,
        speed: object = None,
        follows: object = None,
        seeks: object = None,
        flees: object = None,
        place: object = None,
        radius: object = None,
        schedule: object = None,
        lamp: object = None,
        door: object = None,
        switches: object = None,
        solid: object = False,
        body: object = None,
        carrier: object = None,
        carried_at: object = IN_HAND,
    ) -> None:
        """Puts a thing into the world. Its parts (walking, lamp, door, switch, body) are given when it is made.

        Walkers: behaviour "patrol" (path), "wander" (place, radius), "follow" (follows: a name, else the player),
        "seek" (seeks: a place or a name), "flee" (flees: a name, else the player; radius),
        "schedule" (schedule) or "none". What has a `carrier` (a name, or "player") goes with it, `carried_at` metres
        before, left of and above its feet.

        >>> spawn("person", at = (8, 12, 1), name = "Eva", behaviour = "wander", place = "market", radius = 6)
        >>> spawn("crate", name = "basket", carrier = "Eva")
        """
        d = self.draft
        d.count("spawn", len(d.spawns))
        label = text(name, "name", 60)
        if label and (label in d.spawn_names or label == "player"):
            raise WorldFileError(f"there is already something named '{label}'")
        index = -1
        if prefab is not None:
            if prefab not in d.prefabs:
                raise WorldFileError(f"there is no prefab named {said(prefab)}{hint(str(prefab), d.prefabs)}")
            index = list(d.prefabs).index(str(prefab))
        parts = walking(
            d, behaviour, speed, path, follows,
            {"seeks": seeks, "flees": flees, "place": place, "radius": radius, "schedule": schedule},
        )  # fmt: skip
        for value, what, first in (
            (lamp, "lamp", "lamp_size"),
            (door, "door", "door_low"),
            (body, "body", "orientation"),
        ):
            if value is not None:
                if not isinstance(value, dict) or first not in value:
                    raise WorldFileError(f"{what} must be given as {what}={what}(...), not {said(value)}")
                parts.update(_components(value, what))
        if lamp is not None:
            d.count("lamp", sum("lamp_size" in s.components for s in d.spawns))
        if switches is not None:
            parts["switches"] = text(switches, "switches")
        if flag(solid, "solid"):
            parts["solid"] = True
        if carrier is not None:
            parts |= {"carrier": text(carrier, "carrier"), "carried_at": point(carried_at, "carried_at", -64.0, 64.0)}
            if door is not None or body is not None or "behaviour" in parts or "speed" in parts:
                raise WorldFileError("people, doors and rigid bodies cannot be carried; leave out carrier")
        if at is None and carrier is not None:
            at = self.draft.player_start or (0.0, 0.0, 0.0)  # its carrier takes it from there
        if at is None and door is not None:
            low = parts["door_low"]
            assert isinstance(low, list | tuple)
            at = tuple(v / VOXELS_PER_M for v in low)
        position = self.draft.place(at, "at")
        yaw = math.radians(number(yaw_deg, "yaw_deg", -3600.0, 3600.0))
        if body is not None:
            if "behaviour" in parts or "speed" in parts or door is not None:
                raise WorldFileError("a body cannot be a walker or a door too; leave out behaviour, speed and door")
            if index < 0 and "body_size" not in parts:
                raise WorldFileError("a body without a prefab needs body(shape='box', size=(x, y, z))")
            parts["orientation"] = leaning(parts["orientation"], yaw)
            other = str(parts.get("hinge_to", ""))
            bodies = {n for n, i in d.spawn_names.items() if "density" in d.spawns[i].components} if other else set()
            if other and other not in bodies:
                raise WorldFileError(f"hinge to='{other}' must name a body spawned before{hint(other, bodies)}")
            d.count("body", sum("density" in s.components for s in d.spawns))
        if label:
            d.spawn_names[label] = len(d.spawns)
        lights, (sine, cosine) = d.lights.get(str(prefab), ()), sine_cosine(yaw)
        if lights and lamp is None:  # of the lamps that come with a model, the first is carried by the body itself
            parts.update(lamp_parts(lights[0], lights[0].place))
        d.spawns.append(Spawn(name=label, prefab=index, position=position, yaw=yaw, components=parts))
        for light in lights[1:]:
            x, y, z = light.place
            x, y = cosine * x - sine * y, sine * x + cosine * y
            d.count("spawn", len(d.spawns))
            at_lamp = d.place((position[0] + x, position[1] + y, position[2] + z), light.name)
            d.spawns.append(Spawn("", -1, at_lamp, yaw, lamp_parts(light, (0.0, 0.0, 0.0))))


def leaning(orientation: object, yaw: float) -> tuple[float, float, float, float]:
    """How body(...) leans, turned by a yaw in radians."""
    assert isinstance(orientation, list | tuple)
    x, y, z, w = (float(v) for v in orientation)
    return product(of_yaw(yaw), (x, y, z, w))


def _components(given: dict[str, object], what: str) -> dict[str, object]:
    """What lamp(...), door(...) or body(...) gave, checked again: an author may have changed it, or made it up."""
    for name, value in given.items():
        try:
            column = COLUMN_BY_NAME.get(name)
            if column is None or not column.author or column.part != PARTS[what]:
                raise ComponentError(f"{said(name)} is nothing that {what}(...) gives")
            if name in LINKS:
                text(value, name)
            else:
                row_of(name, value)
        except ComponentError as error:
            raise WorldFileError(f"{what} must be given as {what}={what}(...): {error}") from None
    return given
