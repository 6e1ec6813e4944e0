"""What handlers of a world file may do while the world runs: thin names over engine/sim/actions.py.

Entities are whole numbers, positions metres. A handler remembers nothing itself: `put` and `get` keep values in the
state.
"""

import math
from collections.abc import Callable

from engine.core.errors import LimitError, WorldFileError
from engine.core.ids import PLAYER
from engine.core.units import AIR, TICK_S, VOXEL_M
from engine.script import values
from engine.script.budget import Budget
from engine.script.things import leaning
from engine.sim import actions
from engine.state import events
from engine.state.blueprint import Blueprint
from engine.state.components import BEHAVIOURS
from engine.state.world import State

Host = Callable[..., object]
Value = int | float | str | bool

RAY_STEPS = 200  # what a ray costs beside a plain call: it may walk a thousand voxels
VOXELS_PER_STEP = 64  # a handler that builds pays one step for so many voxels
MAX_SPAWNS = 500  # by handlers, in one tick
COMING_STEPS = 200  # what it pays more for making an entity or taking one away


class Hands:
    """Public methods are the functions of handlers; they act on the world given to `hold`."""

    def __init__(self) -> None:
        self._held: tuple[Blueprint, State, Budget] | None = None

    def functions(self) -> dict[str, Host]:
        """Every function by the name that authors use."""
        return {name: getattr(self, name) for name in dir(self) if not name.startswith("_") and name not in PYTHON_ONLY}

    def hold(self, blueprint: Blueprint, state: State, budget: Budget) -> None:
        """The world that the next handler acts on."""
        self._held = (blueprint, state, budget)

    def let_go(self) -> None:
        """No handler runs any more."""
        self._held = None

    def is_holding(self) -> bool:
        """Whether a handler runs now."""
        return self._held is not None

    def _world(self, steps: int = 0) -> tuple[Blueprint, State]:
        """The world that runs; what costs more than other calls pays for it first."""
        if self._held is None:
            raise WorldFileError("this works in handlers only; while the file is read the world does not run yet")
        blueprint, state, budget = self._held
        budget.charge(steps)
        return blueprint, state

    def _sending(self) -> tuple[Blueprint, State]:
        """The world, for what may send an event: handlers must leave room for the events of the world itself."""
        blueprint, state = self._world()
        events.check_room(state, "by a handler", events.MAX_EVENTS)
        return blueprint, state

    # --- who is there -------------------------------------------------------------------------------------------------

    def find(self, name: str) -> int:
        """The entity of that name ("player" is one); an unknown name fails with the nearest one."""
        blueprint, state = self._world()
        entity = actions.find(blueprint, state, name)
        if entity == 0:
            raise WorldFileError(
                f"there is nothing named {values.said(name)}{values.hint(str(name), state.id_by_name)}"
            )
        return entity

    def exists(self, name: str) -> bool:
        """Whether something of that name is in the world."""
        return actions.find(*self._world(), name) != 0

    def name_of(self, entity: int) -> str:
        """The name of an entity, "" for none."""
        return self._world()[1].names.get(entity, "")

    def position_of(self, entity: int) -> tuple[float, float, float]:
        """Where an entity stands."""
        return actions.position_of(*self._world(), entity)

    def distance(self, entity: int, other: int) -> float:
        """Metres between two entities."""
        world = self._world()
        return math.dist(actions.position_of(*world, entity), actions.position_of(*world, other))

    def move_to(self, entity: int, position: tuple[float, float, float]) -> None:
        """Puts an entity somewhere at once."""
        actions.move_to(*self._world(), entity, values.point(position, "position"))

    def spawn_at(
        self,
        prefab: str,
        position: tuple[float, float, float],
        name: str = "",
        yaw_deg: float = 0.0,
        body: dict[str, object] | None = None,
    ) -> int:
        """Makes an entity from a prefab and returns it; body=body(...) makes it a rigid body."""
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
        """Takes an entity out of the world."""
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
        """Pushes a body; 1 N s makes 1 kg faster by 1 m/s."""
        actions.push(*self._world(), entity, values.point(impulse, "impulse"))

    def set_velocity(
        self, entity: int, velocity: tuple[float, float, float], spin: tuple[float, float, float] | None = None
    ) -> None:
        """Gives a body a velocity (m/s), and a spin (rad/s)."""
        turn = None if spin is None else values.point(spin, "spin")
        actions.set_velocity(*self._world(), entity, values.point(velocity, "velocity"), turn)

    def velocity_of(self, entity: int) -> tuple[float, float, float]:
        """How fast something goes, m/s."""
        return actions.velocity_of(*self._world(), entity)

    def raycast(
        self,
        origin: tuple[float, float, float],
        direction: tuple[float, float, float],
        reach: float = 50.0,
        ignore: int = 0,
    ) -> dict[str, object] | None:
        """What a ray meets first: {"entity" (0 = the ground), "point", "normal", "distance"}, None for nothing."""
        blueprint, state = self._world(RAY_STEPS)
        start, way = values.point(origin, "origin"), values.point(direction, "direction")
        skipped = values.integer(ignore, "ignore", 0, 2**63 - 1)
        met = actions.raycast(blueprint, state, start, way, reach, skipped)
        return None if met is None else vars(met)

    # --- lamps, doors, voxels -----------------------------------------------------------------------------------------

    def set_lamp(self, entity: int, on: bool) -> None:
        """Switches a lamp."""
        actions.set_lamp(*self._sending(), entity, values.flag(on, "on"))

    def lamp_is_on(self, entity: int) -> bool:
        """Whether a lamp is switched on."""
        return actions.lamp_is_on(*self._world(), entity)

    def dim_lamp(self, entity: int, factor: float) -> None:
        """Dims a lamp, 0..1."""
        actions.dim_lamp(*self._world(), entity, factor)

    def open_door(self, entity: int, open: bool = True) -> None:
        """Opens or shuts a door."""
        actions.open_door(*self._sending(), entity, values.flag(open, "open"))

    def door_is_open(self, entity: int) -> bool:
        """Whether a door is open or opening."""
        return actions.door_is_open(*self._world(), entity)

    def toggle(self, entity: int) -> None:
        """Switches a lamp or opens or shuts a door, whichever it is."""
        actions.toggle(*self._sending(), entity)

    def build(self, low: object, high: object, material: str) -> None:
        """Fills a box of voxels (metres, on the 0.25 m grid) with a material; "air" digs."""
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
        """The material at a place, "air" where nothing is."""
        blueprint, state = self._world()
        x, y, z = (math.floor(v / VOXEL_M) for v in values.point(position, "position"))
        grid = state.voxels.material
        if not all(0 <= v < n for v, n in zip((x, y, z), grid.shape, strict=True)):
            return "air"
        return blueprint.materials.names[int(grid[x, y, z])]

    # --- time, chance, memory, words ----------------------------------------------------------------------------------

    def hour(self) -> float:
        """The hour of day, 0..24."""
        return actions.hour(*self._world())

    def seconds(self) -> float:
        """Seconds since the world began."""
        return self._world()[1].tick * TICK_S

    def random(self, stream: str = "script") -> float:
        """A number in [0, 1); the same run draws the same numbers."""
        return actions.random(*self._world(), stream)

    def start_timer(self, name: str, seconds: float, repeat: bool = False) -> None:
        """Sends the event "timer" (name) later, once or again and again."""
        actions.start_timer(*self._world(), name, seconds, values.flag(repeat, "repeat"))

    def stop_timer(self, name: str) -> None:
        """Stops a timer."""
        actions.stop_timer(*self._world(), name)

    def get(self, name: str) -> Value:
        """A variable."""
        blueprint, state = self._world()
        if name not in state.variables:
            raise WorldFileError(
                f"there is no variable named {values.said(name)}{values.hint(str(name), state.variables)}"
            )
        return actions.get_var(blueprint, state, name)

    def put(self, name: str, value: Value) -> None:
        """Keeps a value under a name."""
        actions.set_var(*self._world(), name, value)

    def emit(self, event: str, *args: Value) -> None:
        """Sends an event of one's own; it is handled in the next tick."""
        actions.emit(*self._world(), event, *args)

    # --- stories ------------------------------------------------------------------------------------------------------

    def say(self, line: str, seconds: float = 4.0, who: str = "") -> None:
        """Shows a line for a while, with the name of `who` says it; it takes the place of the one that is shown."""
        actions.say(*self._world(), line, seconds, who)

    def dialogue(self, lines: list[object], name: str = "") -> None:
        """Says lines one after another: a text, (who, text) or (who, text, seconds) each.

        Without seconds a line stays as long as it takes to read. After the last one the event "told" (name) is sent.
        """
        if not isinstance(lines, list | tuple):
            raise WorldFileError(f"dialogue(...) takes a list of (who, text), not {values.said(lines)}")
        rows: list[tuple[str, str, float | None]] = []
        for i, line in enumerate(lines):
            parts = ("", line) if isinstance(line, str) else line
            if not isinstance(parts, list | tuple) or len(parts) not in (2, 3):
                raise WorldFileError(f"line {i} must be (who, text) or (who, text, seconds), not {values.said(line)}")
            who, text = (values.text(part, f"line {i}") for part in parts[:2])
            seconds = values.number(parts[2], f"the seconds of line {i}", 0.0, 3600.0) if len(parts) == 3 else None
            rows.append((who, text, seconds))
        actions.tell(*self._world(), rows, name)

    def progress(self, goal: str, by: int = 1) -> None:
        """Brings a goal nearer by a count; the event "goal" (name) is sent when it is reached."""
        self._goal(goal)
        actions.progress(*self._sending(), goal, by)

    def progress_of(self, goal: str) -> int:
        """How much of a goal's count is done."""
        self._goal(goal)
        return actions.progress_of(*self._world(), goal)

    def is_reached(self, goal: str) -> bool:
        """Whether a goal is reached."""
        self._goal(goal)
        return actions.is_reached(*self._world(), goal)

    def _goal(self, name: str) -> None:
        known = [g.name for g in self._world()[0].goals]
        if name not in known:
            raise WorldFileError(f"there is no goal named {values.said(name)}{values.hint(str(name), known)}")

    def end(self, title: str, text: str = "", won: bool = True) -> None:
        """Ends the story with a card that says how; sends "ending" (title, won). The world goes on behind it."""
        actions.end(*self._sending(), values.text(title, "title"), values.text(text, "text"), values.flag(won, "won"))

    # --- what is carried ----------------------------------------------------------------------------------------------

    def carry(self, entity: int, by: int | None = None, at: tuple[float, float, float] = actions.IN_HAND) -> None:
        """Gives a thing into the hand of the player, or of whom `by` names; from then on it goes with them.

        `at` is its place in metres before, left of and above the carrier's feet. Sends "carried" (entity, carrier).
        """
        blueprint, state = self._sending()
        actions.carry(blueprint, state, entity, PLAYER if by is None else by, values.point(at, "at"))

    def drop(self, entity: int, position: tuple[float, float, float] | None = None) -> None:
        """Puts down what is carried, on the ground or at a position. Sends "dropped" (entity, who carried it)."""
        place = None if position is None else values.point(position, "position")
        actions.drop(*self._sending(), entity, place)

    def carrier_of(self, entity: int) -> int:
        """Who carries a thing: an entity, 0 for nobody."""
        return actions.carrier_of(*self._world(), entity)

    def carried_by(self, entity: int) -> list[int]:
        """All that an entity carries."""
        return actions.carried_by(*self._world(), entity)

    def carries(self, entity: int, thing: int) -> bool:
        """Whether an entity carries a thing: carries(find("player"), find("torch"))."""
        return actions.carrier_of(*self._world(), thing) == entity


PYTHON_ONLY = frozenset({"functions", "hold", "let_go", "is_holding"})
