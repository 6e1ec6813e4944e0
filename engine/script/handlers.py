"""What handlers of a world file may do while the world runs: thin names over engine/sim/actions.py.

Entities are whole numbers, positions metres. A handler remembers nothing itself: `put` and `get` keep values in the
state.
"""

import math
from collections.abc import Callable

from engine.core.errors import LimitError, WorldFileError
from engine.core.units import AIR, TICK_S, VOXEL_M
from engine.script import values
from engine.script.stories import Stories
from engine.script.things import leaning
from engine.sim import actions
from engine.state.components import BEHAVIOURS

Host = Callable[..., object]
Value = int | float | str | bool

RAY_STEPS = 200  # what a ray costs beside a plain call: it may walk a thousand voxels
VOXELS_PER_STEP = 64  # a handler that builds pays one step for so many voxels
MAX_SPAWNS = 500  # by handlers, in one tick
COMING_STEPS = 200  # what it pays more for making an entity or taking one away


class Hands(Stories):
    """Public methods are the functions of handlers; they act on the world given to `hold`."""

    def functions(self) -> dict[str, Host]:
        """Every function by the name that authors use."""
        words = [name for kind in (Hands, Stories) for name in vars(kind) if not name.startswith("_")]
        return {name: getattr(self, name) for name in words if name != "functions"}

    # --- who is there -------------------------------------------------------------------------------------------------

    def find(self, name: str) -> int:
        """The entity of that name ("player" is one); an unknown name fails with the nearest one.

        >>> lantern = find("lantern")
        """
        blueprint, state = self._world()
        entity = actions.find(blueprint, state, name)
        if entity == 0:
            raise WorldFileError(
                f"there is nothing named {values.said(name)}{values.hint(str(name), state.id_by_name)}"
            )
        return entity

    def exists(self, name: str) -> bool:
        """Whether something of that name is in the world.

        >>> if exists("Ada"):
        ...     say("She is here.")
        """
        return actions.find(*self._world(), name) != 0

    def name_of(self, entity: int) -> str:
        """The name of an entity, "" for none.

        >>> put("last", name_of(find("Ada")))
        """
        return self._world()[1].names.get(entity, "")

    def position_of(self, entity: int) -> tuple[float, float, float]:
        """Where an entity stands.

        >>> x, y, z = position_of(find("Ada"))
        """
        return actions.position_of(*self._world(), entity)

    def distance(self, entity: int, other: int) -> float:
        """Metres between two entities.

        >>> near = distance(find("Ada"), find("player")) < 3
        """
        world = self._world()
        return math.dist(actions.position_of(*world, entity), actions.position_of(*world, other))

    def move_to(self, entity: int, position: tuple[float, float, float]) -> None:
        """Puts an entity somewhere at once.

        >>> move_to(find("crate"), (10, 10, 1))
        """
        actions.move_to(*self._world(), entity, values.point(position, "position"))

    def spawn_at(
        self,
        prefab: str,
        position: tuple[float, float, float],
        name: str = "",
        yaw_deg: float = 0.0,
        body: dict[str, object] | None = None,
    ) -> int:
        """Makes an entity from a prefab and returns it; body=body(...) makes it a rigid body.

        >>> ball = spawn_at("crate", (10, 10, 4), name = "dropped", body = body())
        """
        place, turn = values.point(position, "position"), math.radians(values.number(yaw_deg, "yaw_deg"))
        components: dict[str, object] = {}
        if body is not None:
            if not isinstance(body, dict) or "orientation" not in body:
                raise WorldFileError(f"body must be given as body=body(...), not {values.said(body)}")
            components = body | {"orientation": leaning(body["orientation"], turn)}
        blueprint, state = self._world(COMING_STEPS)
        if state.spawns >= MAX_SPAWNS:
            raise LimitError(f"one entity too many: handlers may make {MAX_SPAWNS:,} in one tick, not more")
        entity = actions.spawn(blueprint, state, prefab, place, turn, name, components)
        state.spawns += 1
        return entity

    def despawn(self, entity: int) -> None:
        """Takes an entity out of the world.

        >>> despawn(find("crate"))
        """
        actions.despawn(*self._world(COMING_STEPS), entity)

    def set_behaviour(
        self,
        entity: int,
        behaviour: str,
        path: int = -1,
        speed: float | None = None,
        follows: int = 0,
        seeks: str | int | None = None,
        flees: int = 0,
        place: str | None = None,
        radius: float | None = None,
        schedule: int = -1,
    ) -> None:
        """Makes a walker "patrol", "wander" (about `place`), "follow" (the player, or `follows`), "seek" (a place by
        name, or an entity), "flee" (the player, or `flees`), keep a "schedule", or stand ("none").

        >>> set_behaviour(find("Ada"), "seek", seeks = "market", speed = 1.4)
        """
        blueprint, state = self._world()
        kind = values.one_of(behaviour, "behaviour", BEHAVIOURS)
        names = [p.name for p in blueprint.places]
        goal = seeks if place is None else place
        where = None if goal is None else -1
        if isinstance(goal, str):
            if goal not in names:
                raise WorldFileError(f"there is no place named {goal!r}{values.hint(goal, names)}")
            where = names.index(goal)
        elif isinstance(goal, int):
            follows = goal
        actions.set_behaviour(blueprint, state, entity, kind, path, speed, flees or follows, where, radius, schedule)

    # --- rigid bodies -------------------------------------------------------------------------------------------------

    def push(self, entity: int, impulse: tuple[float, float, float]) -> None:
        """Pushes a body; 1 N s makes 1 kg faster by 1 m/s.

        >>> push(find("ball"), (0, 0, 120))
        """
        actions.push(*self._world(), entity, values.point(impulse, "impulse"))

    def set_velocity(
        self, entity: int, velocity: tuple[float, float, float], spin: tuple[float, float, float] | None = None
    ) -> None:
        """Gives a body a velocity (m/s), and a spin (rad/s).

        >>> set_velocity(find("ball"), (2, 0, 3), spin = (0, 4, 0))
        """
        turn = None if spin is None else values.point(spin, "spin")
        actions.set_velocity(*self._world(), entity, values.point(velocity, "velocity"), turn)

    def velocity_of(self, entity: int) -> tuple[float, float, float]:
        """How fast something goes, m/s.

        >>> put("fast", velocity_of(find("ball"))[0] > 1)
        """
        return actions.velocity_of(*self._world(), entity)

    def raycast(
        self,
        origin: tuple[float, float, float],
        direction: tuple[float, float, float],
        reach: float = 50.0,
        ignore: int = 0,
    ) -> dict[str, object] | None:
        """What a ray meets first: {"entity" (0 = the ground), "point", "normal", "distance"}, None for nothing.

        >>> met = raycast(position_of(find("ball")), (0, 0, -1), reach = 20, ignore = find("ball"))
        >>> if met != None and met["entity"] == 0:
        ...     put("above ground", met["distance"])
        """
        blueprint, state = self._world(RAY_STEPS)
        start, way = values.point(origin, "origin"), values.point(direction, "direction")
        skipped = values.integer(ignore, "ignore", 0, 2**63 - 1)
        met = actions.raycast(blueprint, state, start, way, reach, skipped)
        return None if met is None else vars(met)

    # --- lamps, doors, voxels -----------------------------------------------------------------------------------------

    def set_lamp(self, entity: int, on: bool) -> None:
        """Switches a lamp on or off.

        >>> set_lamp(find("lantern"), True)
        """
        actions.set_lamp(*self._sending(), entity, values.flag(on, "on"))

    def lamp_is_on(self, entity: int) -> bool:
        """Whether a lamp is switched on.

        >>> put("lit", lamp_is_on(find("lantern")))
        """
        return actions.lamp_is_on(*self._world(), entity)

    def dim_lamp(self, entity: int, factor: float) -> None:
        """Dims a lamp, 0..1.

        >>> dim_lamp(find("lantern"), 0.5)
        """
        actions.dim_lamp(*self._world(), entity, factor)

    def open_door(self, entity: int, open: bool = True) -> None:
        """Opens or shuts a door.

        >>> open_door(find("gate"))
        """
        actions.open_door(*self._sending(), entity, values.flag(open, "open"))

    def door_is_open(self, entity: int) -> bool:
        """Whether a door is open or opening.

        >>> put("open", door_is_open(find("gate")))
        """
        return actions.door_is_open(*self._world(), entity)

    def toggle(self, entity: int) -> None:
        """Switches a lamp or opens or shuts a door, whichever it is.

        >>> toggle(find("gate"))
        """
        actions.toggle(*self._sending(), entity)

    def build(self, low: object, high: object, material: str) -> None:
        """Fills a box of voxels (metres, on the 0.25 m grid) with a material; "air" digs.

        >>> build((10, 10, 1), (11, 11, 3), "stone")
        """
        lo, hi = values.voxel(low, "low"), values.voxel(high, "high")
        volume = math.prod(max(b - a, 0) for a, b in zip(lo, hi, strict=True))
        blueprint, state = self._world(volume // VOXELS_PER_STEP)
        names = blueprint.materials.names
        if material not in names:
            raise WorldFileError(
                f"there is no material named {values.said(material)}{values.hint(str(material), names)}"
            )
        actions.set_voxels(blueprint, state, lo, hi, AIR if material == "air" else names.index(material))

    def voxel_at(self, position: object) -> str:
        """The material at a place, "air" where nothing is.

        >>> put("under", voxel_at((10, 10, 0.5)))
        """
        blueprint, state = self._world()
        x, y, z = (math.floor(v / VOXEL_M) for v in values.point(position, "position"))
        grid = state.voxels.material
        if not all(0 <= v < n for v, n in zip((x, y, z), grid.shape, strict=True)):
            return "air"
        return blueprint.materials.names[int(grid[x, y, z])]

    # --- time, chance, memory, words ----------------------------------------------------------------------------------

    def hour(self) -> float:
        """The hour of day, 0..24.

        >>> if hour() > 20:
        ...     say("It is late.")
        """
        return actions.hour(*self._world())

    def seconds(self) -> float:
        """Seconds since the world began.

        >>> put("began", seconds())
        """
        return self._world()[1].tick * TICK_S

    def random(self, stream: str = "script") -> float:
        """A number in [0, 1); the same run draws the same numbers.

        >>> put("dice", 1 + int(6 * random()))
        """
        return actions.random(*self._world(), stream)

    def start_timer(self, name: str, seconds: float, repeat: bool = False) -> None:
        """Sends the event "timer" (name) later, once or again and again.

        >>> start_timer("tea", 90)
        """
        actions.start_timer(*self._world(), name, seconds, values.flag(repeat, "repeat"))

    def stop_timer(self, name: str) -> None:
        """Stops a timer.

        >>> stop_timer("tea")
        """
        actions.stop_timer(*self._world(), name)

    def get(self, name: str) -> Value:
        """The value of a variable.

        >>> put("n", get("n") + 1)
        """
        blueprint, state = self._world()
        if name not in state.variables:
            raise WorldFileError(
                f"there is no variable named {values.said(name)}{values.hint(str(name), state.variables)}"
            )
        return actions.get_var(blueprint, state, name)

    def put(self, name: str, value: Value) -> None:
        """Keeps a value under a name.

        >>> put("found", True)
        """
        actions.set_var(*self._world(), name, value)

    def emit(self, event: str, *args: Value) -> None:
        """Sends an event of one's own; it is handled in the next tick.

        >>> emit("alarm", "gate", 3)
        """
        actions.emit(*self._world(), event, *args)
