"""The state: everything about a world that can change, explicit, and its canonical bytes."""

from dataclasses import dataclass, field, fields
from typing import Final, Protocol

import msgpack
import numpy as np
from numpy.typing import NDArray

from engine.core import ids
from engine.core.digest import Section, canonical_bytes, digest_of
from engine.core.errors import LimitError, WorldFileError
from engine.core.ids import INDEX_MASK, generation_of, index_of
from engine.state import daylight, entities
from engine.state.blueprint import Blueprint
from engine.state.components import ALIVE, BODY, COLUMNS, WALKS, Columns
from engine.state.events import MAX_TEXT, Event, Value, emit, value_problem
from engine.state.story import Story
from engine.state.voxels import VoxelGrid

MAX_VARIABLES: Final = 1_000
MAX_TIMERS: Final = 1_000
MAX_TRIGGERS: Final = 64  # bits of Columns.inside
_BODIED: Final = -1  # a key of State._rows, beside the parts
_SOLIDS: Final = -2  # likewise


@dataclass
class Player:
    """What only the player has; its place is in slot 0 of the columns."""

    pitch: float = 0.0  # radians
    previous_pitch: float = 0.0  # one tick earlier
    forward: float = 0.0  # -1..1, held since the last "move"
    right: float = 0.0  # -1..1
    up: float = 0.0  # -1..1; more than 0 jumps, again and again
    run: bool = False
    jump: bool = False  # asked for, not yet done
    on_ground: bool = False
    fall_speed: float = 0.0  # m/s, upwards is positive
    eye_lag: float = 0.0  # metres by which the eye still trails after a step up
    previous_eye_lag: float = 0.0


@dataclass
class Timer:
    """Rings at tick `due`; then again every `period` ticks, 0 = only once."""

    due: int
    period: int


class Engine(Protocol):
    """Physics that runs, as the state sees it: bytes that go on alike wherever they are restored."""

    @property
    def name(self) -> str:
        """Which engine and version wrote the bytes, "rapier3d 0.36.1"."""

    def to_bytes(self) -> bytes:
        """All that the engine remembers."""


@dataclass(frozen=True)
class EngineBytes:
    """Physics as a snapshot holds it; engine/sim/systems/bodies.py wakes it when the next tick needs it."""

    name: str
    data: bytes

    def to_bytes(self) -> bytes:
        """The bytes as they were read."""
        return self.data


@dataclass(eq=False)
class State:
    """A running world at a tick boundary. Two states with equal `sections` are the same world and go on alike."""

    seed: int
    voxels: VoxelGrid
    clock: int  # units of engine.state.daylight
    dark: bool  # the sun stands below the dusk line
    dark_since: int = -1_000_000  # tick of the last dusk or dawn
    tick: int = 0  # steps done
    columns: Columns = field(default_factory=Columns)
    n_slots: int = 0  # slots ever used
    free: list[int] = field(default_factory=list)  # free slots, the last one is taken next
    names: dict[int, str] = field(default_factory=dict)  # entity id -> name
    player: Player = field(default_factory=Player)
    queue: list[Event] = field(default_factory=list)  # sent, not yet handled
    events: list[Event] = field(default_factory=list)  # handled in the last tick, for whoever listens
    variables: dict[str, Value] = field(default_factory=dict)
    timers: dict[str, Timer] = field(default_factory=dict)
    disabled: set[str] = field(default_factory=set)  # handlers that failed
    subtitle: str = ""
    subtitle_until: int = 0  # tick
    story: Story = field(default_factory=Story)
    physics: Engine | None = None  # contacts and islands of bodies; None in a world without any

    id_by_name: dict[str, int] = field(default_factory=dict)  # derived from names
    draws: int = 0  # numbers drawn by scripts in this tick; 0 between ticks, so it is not saved
    spawns: int = 0  # entities made by scripts in this tick; likewise
    script_steps: int = 0  # spent by all handlers in this tick; likewise
    steps_by_handler: dict[str, int] = field(default_factory=dict)  # the same by name
    derived: dict[str, object] = field(default_factory=dict)  # worked out from the rest; may be emptied at any time
    _rows: dict[int, NDArray[np.intp]] = field(default_factory=dict)  # derived from columns.parts, see rows()

    def alive(self, entity: int) -> bool:
        """Whether an id names an entity that lives now."""
        if isinstance(entity, bool) or not isinstance(entity, int) or entity < 0:
            return False
        index = index_of(entity)
        c = self.columns
        return index < self.n_slots and bool(c.parts[index]) and int(c.generation[index]) == generation_of(entity)

    def entity_at(self, index: int) -> int:
        """The id of the entity in a slot."""
        return ids.pack(index, int(self.columns.generation[index]))

    def rows(self, part: int) -> NDArray[np.intp]:
        """Slots of the entities that have a part, growing. Kept until `parts_changed`; not to be written to."""
        rows = self._rows.get(part)
        if rows is None:
            rows = self._rows[part] = np.flatnonzero(self.columns.parts[: self.n_slots] & part)
            rows.setflags(write=False)
        return rows

    def bodied(self) -> NDArray[np.intp]:
        """Slots of the player, walkers, bodies and what the player cannot walk through, growing; kept as `rows` are."""
        rows = self._rows.get(_BODIED)
        if rows is None:
            c, n = self.columns, self.n_slots
            bodied = ((c.parts[:n] & (WALKS | BODY)) != 0) | c.solid[:n]
            bodied[0] = True
            rows = self._rows[_BODIED] = np.flatnonzero(bodied)
            rows.setflags(write=False)
        return rows

    def solids(self) -> NDArray[np.intp]:
        """Slots of what the player cannot walk through and no physics moves, growing; kept as `rows` are."""
        rows = self._rows.get(_SOLIDS)
        if rows is None:
            c, n = self.columns, self.n_slots
            rows = self._rows[_SOLIDS] = np.flatnonzero(c.solid[:n] & ((c.parts[:n] & BODY) == 0))
            rows.setflags(write=False)
        return rows

    def span(self, part: int) -> slice | NDArray[np.intp]:
        """The same as `rows`, but as a slice where they lie side by side: columns[span] is then no copy, but a view."""
        rows = self.rows(part)
        if len(rows) and rows[-1] - rows[0] == len(rows) - 1:
            return slice(int(rows[0]), int(rows[-1]) + 1)
        return rows

    def parts_changed(self) -> None:
        """Says that somebody came or went; whoever writes to `columns.parts` must."""
        self._rows.clear()

    def ids(self, rows: NDArray[np.intp]) -> NDArray[np.int64]:
        """Ids of the entities in an array of slots."""
        return self.columns.generation[rows].astype(np.int64) << 20 | (rows & INDEX_MASK)

    @property
    def hour(self) -> float:
        """The hour of day, 0..24."""
        return daylight.hour_of(self.clock)

    @property
    def n_entities(self) -> int:
        """How many entities live, besides the player."""
        return self.n_slots - 1 - len(self.free)

    def sections(self) -> list[Section]:
        """The canonical bytes of the whole state, by name: what is hashed, compared and saved."""
        result = [("world", pack([self.seed, self.tick, self.clock, self.dark, self.dark_since, self.n_slots]))]
        n = self.n_slots
        for c in COLUMNS:
            rows = slice(n) if c.part == ALIVE else self.span(c.part)
            values = self.columns[c.name][rows]
            if not (c.late and (values == np.array(c.default, c.dtype)).all()):
                result.append((c.name, canonical_bytes(values)))
        index, material = self.voxels.edits()
        result += [
            ("free", pack(self.free)),
            ("names", pack(sorted(self.names.items()))),
            ("player", pack([_plain(getattr(self.player, f.name)) for f in fields(Player)])),
            ("voxels.index", canonical_bytes(index)),
            ("voxels.material", canonical_bytes(material)),
            ("queue", pack([[e.kind, [_plain(a) for a in e.args]] for e in self.queue])),
            ("events", pack([[e.kind, [_plain(a) for a in e.args]] for e in self.events])),
            ("variables", pack([[k, _plain(v)] for k, v in sorted(self.variables.items())])),
            ("timers", pack([[k, t.due, t.period] for k, t in sorted(self.timers.items())])),
            ("disabled", pack(sorted(self.disabled))),
            ("subtitle", pack([self.subtitle, self.subtitle_until])),
        ]
        if self.story != Story():  # came after the first saves, like late columns
            result.append(("story", pack(self.story.rows())))
        if self.physics is not None:
            result.append(("physics", pack([self.physics.name, self.physics.to_bytes()])))
        return result

    def digest(self) -> int:
        """64 bits that name this state."""
        return digest_of(self.sections())


def pack(value: object) -> bytes:
    """msgpack, whose bytes depend on the value alone (no sets or mappings are packed here)."""
    data: bytes = msgpack.packb(value)
    return data


def _plain(value: Value) -> Value:
    return value + 0.0 if isinstance(value, float) else value  # -0.0 and 0.0 are one number


def set_variable(state: State, name: str, value: Value) -> None:
    """Keeps a script variable. LimitError for too many, too long, or a value that is not one."""
    if not isinstance(name, str) or not 0 < len(name) <= MAX_TEXT:
        raise LimitError(f"variable {name!r}: its name must be a text of 1 to {MAX_TEXT} characters")
    if problem := value_problem(value):
        raise LimitError(f"variable {name!r}: {problem}")
    if name not in state.variables and len(state.variables) >= MAX_VARIABLES:
        raise LimitError(f"variable {name!r} is one too many: a world holds at most {MAX_VARIABLES}")
    state.variables[name] = value


def set_timer(state: State, name: str, timer: Timer) -> None:
    """Starts a timer. LimitError for too many."""
    if not isinstance(name, str) or not 0 < len(name) <= MAX_TEXT:
        raise LimitError(f"timer {name!r}: its name must be a text of 1 to {MAX_TEXT} characters")
    if name not in state.timers and len(state.timers) >= MAX_TIMERS:
        raise LimitError(f"timer {name!r} is one too many: a world holds at most {MAX_TIMERS}")
    state.timers[name] = timer


def empty_state(blueprint: Blueprint, seed: int, voxels: VoxelGrid | None = None) -> State:
    """A state with the blueprint's voxels, or the given ones, and nobody in it, not even the player."""
    clock = daylight.clock_at(blueprint.start_hour)
    voxels = VoxelGrid(blueprint.voxels, blueprint.ringed) if voxels is None else voxels
    return State(seed, voxels, clock, daylight.is_dark(blueprint.sky, clock))


def new_state(blueprint: Blueprint, seed: int = 0, voxels: VoxelGrid | None = None) -> State:
    """The world at tick 0: the player, every spawn, doors shut or open, lamps as the hour wants them, "start" queued.

    `voxels` is a grid of the blueprint's voxels without edits, where somebody has one.
    WorldFileError names the spawn that is wrong; LimitError names a cap and its number.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63:
        raise LimitError(f"seed is {seed!r}, it must be a whole number from 0 to 2^63 - 1")
    if len(blueprint.triggers) > MAX_TRIGGERS:
        raise LimitError(f"{len(blueprint.triggers)} triggers: a world holds at most {MAX_TRIGGERS}")
    if not entities.player_fits(blueprint, blueprint.player_start):
        raise WorldFileError(f"the player starts at {blueprint.player_start}, outside of {blueprint.size_m} m")
    state = empty_state(blueprint, seed, voxels)
    for name, value in blueprint.variables.items():
        set_variable(state, name, value)
    entities.seat_player(blueprint, state)
    for number, wanted in enumerate(blueprint.spawns):
        try:
            entities.spawn(blueprint, state, wanted, links=False)
        except entities.ComponentError as error:
            raise WorldFileError(f"spawn {number} ({wanted.name or 'unnamed'}): {error}") from error
    try:
        for index, wanted in enumerate(blueprint.spawns, 1):
            entities.link(state, index, wanted.components)
    except entities.ComponentError as error:
        raise WorldFileError(f"spawn {index - 1} ({wanted.name or 'unnamed'}): {error}") from error
    entities.settle(blueprint, state)
    emit(state, "start")
    return state
