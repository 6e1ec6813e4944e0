"""Snapshots: the bytes of a state at a tick boundary, and back.

A header (magic, version, length, SHA-256 of what follows, digest of the world) and the state's canonical sections
as msgpack. The digest finds accidents, the checks after it find forgeries; `load` gives a whole, valid state or
SnapshotError, and touches nothing else.
"""

import math
import struct
from collections.abc import Iterable, Iterator
from dataclasses import fields
from hashlib import sha256
from typing import Any, Final, NoReturn

import msgpack
import numpy as np

from engine.core.errors import LimitError, SnapshotError
from engine.core.ids import INDEX_MASK, LAST_GENERATION, PLAYER, index_of
from engine.state.blueprint import Blueprint
from engine.state.components import (
    ALIVE,
    BODY,
    COLUMNS,
    DOOR,
    MAX_BODIES,
    MAX_SLOTS,
    PATROL,
    SCHEDULE,
    SWITCH,
    WALKS,
    Column,
)
from engine.state.entities import LONGEST_NAME
from engine.state.events import MAX_ARGUMENTS, MAX_EVENTS, MAX_TEXT, Event, Value, value_problem
from engine.state.story import LONGEST_LINE, MAX_LINES, Ending, Line, Story
from engine.state.voxels import VoxelGrid
from engine.state.world import MAX_TIMERS, MAX_VARIABLES, EngineBytes, Player, State, Timer, empty_state, pack

MAGIC: Final = b"DAGUERRE"
VERSION: Final = 1
HEADER: Final = struct.Struct(
    "<8sHxxxxxxQ32s16s"
)  # magic, version, bytes that follow, their digest, the world's digest
MAX_BYTES: Final = 64 << 20  # of a snapshot: 10,000 entities take about 2 MB
MAX_SECTIONS: Final = 256
MAX_ROW_BYTES: Final = (MAX_ARGUMENTS + 1) * (4 * MAX_TEXT + 16)  # of the longest event
MAX_HANDLERS: Final = 10_000
MAX_STORY_BYTES: Final = MAX_LINES * (12 * LONGEST_LINE + 32)  # of its longest part: lines of three texts that wait
LAST_TICK: Final = 2**61  # a world that has run for a thousand million years is a forgery
LAST_CLOCK: Final = 2**61
ROUNDING: Final = 1e-3  # of the square of a unit vector's or quaternion's length
PLAYER_RANGES: Final = {  # of every number of a Player
    "pitch": 1.6,
    "previous_pitch": 1.6,
    "forward": 1.0,
    "right": 1.0,
    "up": 1.0,
    "fall_speed": 100.0,
    "eye_lag": 10.0,
    "previous_eye_lag": 10.0,
}


def save(blueprint: Blueprint, state: State) -> bytes:
    """The bytes of a state; equal states give equal bytes. LimitError beyond MAX_BYTES."""
    payload = pack([[name, data] for name, data in state.sections()])
    if HEADER.size + len(payload) > MAX_BYTES:
        raise LimitError(f"the state takes {len(payload):,} bytes: a snapshot holds at most {MAX_BYTES:,}")
    return HEADER.pack(MAGIC, VERSION, len(payload), _content_digest(payload), blueprint.digest) + payload


def load(blueprint: Blueprint, data: bytes, spare: State | None = None) -> State:
    """The state that `save` wrote. SnapshotError says what is wrong with bytes that are not one of this world.

    `spare`, a state of this world that nobody needs any more, lends its voxels and what was derived from them: going
    back in time makes many states, and most of the time would go to copying a large world's grid.
    """
    if len(data) > MAX_BYTES:
        raise SnapshotError(f"the snapshot is too large: it holds at most {MAX_BYTES:,} bytes")
    if len(data) < HEADER.size or data[:8] != MAGIC:
        raise SnapshotError("these bytes are no snapshot: they do not begin with the header of one")
    _, version, length, digest, world = HEADER.unpack_from(data)
    payload = data[HEADER.size :]
    if version != VERSION:
        raise SnapshotError(f"the snapshot has version {version}, this program reads version {VERSION}")
    if length != len(payload):
        raise SnapshotError(
            f"the snapshot is incomplete: {len(payload)} bytes follow its header, it announces {length}"
        )
    if digest != _content_digest(payload):
        raise SnapshotError("the snapshot is damaged: its content does not match its digest")
    if world != blueprint.digest:
        raise SnapshotError(f"the snapshot is of another world, or of another version of {blueprint.name!r}")
    try:
        state = _state_from(blueprint, _sections(payload), spare)
    except KeyError as error:
        raise SnapshotError(f"the snapshot's content is no state: it has no section {error}") from error
    except (ValueError, TypeError, OverflowError, AttributeError, RecursionError) as error:
        raise SnapshotError(f"the snapshot's content is no state: {str(error)[:200]}") from error
    if save(blueprint, state) != data:
        raise SnapshotError("the snapshot's content is not in canonical form")
    return state


def _content_digest(payload: bytes) -> bytes:
    return sha256(payload).digest()


def rows_in(data: bytes, most: int, most_bytes: int = MAX_ROW_BYTES) -> Iterator[Any]:
    """The elements of a packed list, one at a time; each is measured before it is unpacked, so that a few bytes never
    become many objects. ValueError where it is no list, holds more than `most`, or is followed by something."""
    reader = msgpack.Unpacker(None, raw=False, use_list=True, strict_map_key=True, max_buffer_size=MAX_BYTES)
    reader.feed(data)
    try:
        count = reader.read_array_header()
        if count > most:
            raise ValueError(f"a list is too long: {count}, at most {most}")
        start = reader.tell()
        for _ in range(count):
            reader.skip()
            end = reader.tell()
            if end - start > most_bytes:
                raise ValueError("an entry is too long")
            yield msgpack.unpackb(data[start:end], raw=False, use_list=True, strict_map_key=True)
            start = end
    except msgpack.OutOfData:
        raise ValueError("a list ends too early") from None
    if start != len(data):
        raise ValueError("something follows a list")


def _short(value: object) -> str:
    """A value as an error shows it."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _refuse(section: str, why: str) -> NoReturn:
    raise SnapshotError(f"the snapshot's section {section!r} is wrong: {why}")


def _sections(payload: bytes) -> dict[str, bytes]:
    """The payload's sections by name. They are framed by hand: msgpack would copy each before it could be refused."""
    reader = msgpack.Unpacker(None, raw=False, use_list=True, strict_map_key=True, max_buffer_size=MAX_BYTES)
    reader.feed(payload)
    sections: dict[str, bytes] = {}
    try:
        count = reader.read_array_header()
        if count > MAX_SECTIONS:
            raise ValueError("there are too many sections")
        for _ in range(count):
            if reader.read_array_header() != 2:
                raise ValueError("a section is not a name with bytes")
            start = reader.tell()
            reader.skip()
            if reader.tell() - start > 100:
                raise ValueError("a section's name is too long")
            name = msgpack.unpackb(payload[start : reader.tell()], raw=False)
            start = reader.tell()
            reader.skip()
            data = _bytes_at(payload, start, reader.tell())
            if not isinstance(name, str) or data is None or name in sections:
                raise ValueError("a section is not a new name with bytes")
            sections[name] = data
    except msgpack.OutOfData:
        raise ValueError("it ends in the middle of a section") from None
    if reader.tell() != len(payload):
        raise ValueError("something follows the last section")
    return sections


def _bytes_at(payload: bytes, start: int, end: int) -> bytes | None:
    """The content of a packed bin object that lies at start..end; None where something else lies there."""
    lengths = {0xC4: 1, 0xC5: 2, 0xC6: 4}  # the first byte of a bin 8, 16, 32 -> bytes of its length
    size = lengths.get(payload[start])
    return None if size is None else payload[start + 1 + size : end]


def _rows(section: str, data: bytes, *kinds: type, limit: int) -> list[list[Any]]:
    """A section that is a list of rows of these types."""
    rows = []
    for row in rows_in(data, limit):
        if (
            not isinstance(row, list)
            or len(row) != len(kinds)
            or any(type(v) is not k for v, k in zip(row, kinds, strict=True))
        ):
            _refuse(section, f"each row must hold {', '.join(k.__name__ for k in kinds)}")
        rows.append(row)
    return rows


def _whole(section: str, value: object, low: int, high: int) -> int:
    if type(value) is not int or not low <= value <= high:
        _refuse(section, f"{_short(value)} must be a whole number from {low} to {high}")
    return value


def _state_from(blueprint: Blueprint, sections: dict[str, bytes], spare: State | None) -> State:
    seed, tick, clock, dark, dark_since, n_slots = rows_in(sections["world"], 6)
    state = empty_state(
        blueprint, 0, VoxelGrid(np.zeros((0, 0, 0), np.uint8))
    )  # the real grid comes when all else is right
    state.seed = _whole("world", seed, 0, 2**63 - 1)
    state.tick = _whole("world", tick, 0, LAST_TICK)
    state.clock = _whole("world", clock, -LAST_CLOCK, LAST_CLOCK)
    state.dark_since = _whole("world", dark_since, -LAST_TICK, state.tick)
    state.n_slots = _whole("world", n_slots, 1, MAX_SLOTS)
    if not isinstance(dark, bool):
        _refuse("world", "dark must be true or false")
    state.dark = dark
    _read_columns(blueprint, state, sections)
    _read_slots(state, sections)
    _read_player(state, list(rows_in(sections["player"], len(fields(Player)))))
    _read_script_side(blueprint, state, sections)
    _read_voxels(blueprint, state, sections["voxels.index"], sections["voxels.material"], spare)
    return state


def _read_columns(blueprint: Blueprint, state: State, sections: dict[str, bytes]) -> None:
    c, n = state.columns, state.n_slots
    c.resize(max(n, len(c)))
    for column in COLUMNS:
        rows = np.arange(n) if column.part == ALIVE else np.flatnonzero(c.parts[:n] & column.part)
        if not (column.late and column.name not in sections):
            c[column.name][rows] = _column(column, sections[column.name], len(rows))
    free = c.parts[:n] == 0
    for column in COLUMNS[2:]:  # all but generation and parts
        if column.part == ALIVE and (c[column.name][:n][free] != np.array(column.default, column.dtype)).any():
            _refuse(column.name, "a free slot holds something")

    def demand(section: str, good: Any, why: str) -> None:
        if not np.all(good):
            _refuse(section, why)

    parts = c.parts[:n]
    demand("generation", c.generation[:n] >= 1, "a used slot has no generation")
    demand("parts", (parts == 0) | ((parts & ALIVE) != 0), "a slot has parts but does not live")
    demand("parts", parts[0] == ALIVE and c.generation[0] == index_of(PLAYER) + 1, "slot 0 is not the player")
    demand("prefab", c.prefab[:n] < len(blueprint.prefabs), "there is no such prefab")
    demand("inside", c.inside[:n] >> np.uint64(min(len(blueprint.triggers), 63)) <= (len(blueprint.triggers) == 64),
           "there is no such trigger")  # fmt: skip
    demand("path", c.path[:n] < len(blueprint.paths), "there is no such path")
    demand("place", c.place[:n] < len(blueprint.places), "there is no such place")
    demand("schedule", c.schedule[:n] < len(blueprint.schedules), "there is no such schedule")
    demand("behaviour", (c.behaviour[:n] != PATROL) | (c.path[:n] >= 0), "a patrol has no path")
    scheduled = c.behaviour[:n] == SCHEDULE
    demand("behaviour", ~scheduled | (c.schedule[:n] >= 0), "a schedule is missing")
    patrolling = np.array([s.patrols for s in blueprint.schedules], np.bool_)[c.schedule[:n][scheduled]]
    demand("behaviour", ~patrolling | (c.path[:n][scheduled] >= 0), "a schedule's patrol has no path")
    bodies = (parts & BODY) != 0
    demand("parts", bodies.sum() <= MAX_BODIES, f"a world holds at most {MAX_BODIES:,} bodies")
    for section in ("orientation", "previous_orientation", "hinge_axis", "hinge_axis_other"):
        length = (c[section][:n][bodies].astype(np.float64) ** 2).sum(-1)
        demand(section, np.abs(length - 1.0) < ROUNDING, "its length is not 1")
    links = (("follows", WALKS), ("switches", SWITCH), ("hinge_to", BODY), ("carrier", ALIVE))
    for section, rows in ((name, parts & part) for name, part in links):
        targets = c[section][:n][rows != 0].tolist()
        demand(section, [t == 0 or state.alive(t) for t in targets], "an id names no living entity")
    carried = c.carrier[:n] != 0
    plain = (np.arange(n) > 0) & ((parts & (WALKS | DOOR | BODY)) == 0)
    demand("carrier", plain[carried] & ~carried[c.carrier[:n][carried] & INDEX_MASK], "this cannot be carried")
    doors = (parts & DOOR) != 0
    low, high = c.door_low[:n][doors], c.door_high[:n][doors]
    demand("door_high", (low < high) & (high <= blueprint.voxels.shape), "a door's box is empty or leaves the world")
    demand("door_material", c.door_material[:n] < max(len(blueprint.materials.names), 2), "there is no such material")


def _column(column: Column, data: bytes, n_rows: int) -> Any:
    dtype = np.dtype(column.dtype).newbyteorder("<")
    count = n_rows * math.prod(column.shape)
    if len(data) != count * dtype.itemsize:
        _refuse(column.name, f"{len(data)} bytes are not {count} values")
    if column.dtype == "?" and any(b > 1 for b in set(data)):
        _refuse(column.name, "a truth value is neither 0 nor 1")
    values = np.frombuffer(data, dtype).reshape(n_rows, *column.shape)
    if not ((values >= column.low) & (values <= column.high)).all():  # NaN fails both
        _refuse(column.name, f"a value lies outside {column.low:g} to {column.high:g}")
    if dtype.kind == "f" and not np.isfinite(values).all():
        _refuse(column.name, "a value is not finite")
    return values


def _read_slots(state: State, sections: dict[str, bytes]) -> None:
    c, n = state.columns, state.n_slots
    free = list(rows_in(sections["free"], MAX_SLOTS))
    empty = np.flatnonzero((c.parts[:n] == 0) & (c.generation[:n] < LAST_GENERATION)).tolist()
    if any(type(f) is not int for f in free) or sorted(free) != empty:
        _refuse("free", "it must list every free slot once")
    state.free = free
    for entity, name in _rows("names", sections["names"], int, str, limit=MAX_SLOTS):
        if not state.alive(entity) or name in state.id_by_name or not 0 < len(name) <= LONGEST_NAME:
            _refuse("names", f"{_short(name)} is no new name of a living entity")
        state.names[entity] = name
        state.id_by_name[name] = entity
    if state.id_by_name.get("player") != PLAYER:
        _refuse("names", "the player is not named so")


def _read_player(state: State, values: Iterable[object]) -> None:
    for f, value in zip(fields(Player), values, strict=True):
        limit = PLAYER_RANGES.get(f.name)
        if not (isinstance(value, bool) if limit is None else isinstance(value, float) and -limit <= value <= limit):
            _refuse("player", f"{f.name} is {_short(value)}")
        setattr(state.player, f.name, value)


def _read_voxels(
    blueprint: Blueprint, state: State, index_data: bytes, material_data: bytes, spare: State | None
) -> None:
    index, material = np.frombuffer(index_data, "<i4"), np.frombuffer(material_data, np.uint8)
    n = blueprint.voxels.size
    if len(index) != len(material) or (
        len(index) and not (index[0] >= 0 and index[-1] < n and (index[1:] > index[:-1]).all())
    ):
        _refuse("voxels.index", "places must grow and lie in the world, one for each material")
    if (material >= len(blueprint.materials.names)).any():
        _refuse("voxels.material", "there is no such material")
    if (material == blueprint.voxels.take(index)).any():
        _refuse("voxels.material", "an edit changes nothing")
    if spare is None or spare.voxels.base is not blueprint.voxels:
        state.voxels = VoxelGrid(blueprint.voxels, blueprint.ringed)
    else:
        state.voxels, state.derived = spare.voxels, spare.derived
        here_index, here_material = state.voxels.edits()
        if np.array_equal(index, here_index) and np.array_equal(material, here_material):
            return
        state.voxels.revert()
    state.voxels.apply(index, material)


def _value(section: str, value: object) -> Value:
    if (problem := value_problem(value)) or not isinstance(value, int | float | str | bool):
        _refuse(section, str(problem))
    return value


def _story(blueprint: Blueprint, state: State, rows: list[Any]) -> Story:
    def line(text: object) -> str:
        if not isinstance(text, str) or len(text) > LONGEST_LINE:
            _refuse("story", f"{_short(text)} is no line")
        return text

    speaker, ends, waiting, progress, ending = rows
    story = Story(line(speaker), line(ends))
    if len(waiting) > MAX_LINES:
        _refuse("story", "too many lines wait")
    for who, text, ticks, last in waiting:
        story.lines.append(Line(line(who), line(text), _whole("story", ticks, 0, LAST_TICK), line(last)))
    counts = {goal.name: goal.count for goal in blueprint.goals}
    for name, done in progress:
        if name not in counts:
            _refuse("story", f"there is no goal {_short(name)}")
        story.progress[name] = _whole("story", done, 1, counts[name])
    if ending:
        title, text, won, tick = ending
        if not isinstance(won, bool):
            _refuse("story", "an ending is won or lost")
        story.ending = Ending(line(title), line(text), won, _whole("story", tick, 0, state.tick))
    return story


def _read_script_side(blueprint: Blueprint, state: State, sections: dict[str, bytes]) -> None:
    for section, queue in (("queue", state.queue), ("events", state.events)):
        for kind, args in _rows(section, sections[section], str, list, limit=2 * MAX_EVENTS):
            queue.append(Event(kind, tuple(_value(section, a) for a in args)))
    for row in rows_in(sections["variables"], MAX_VARIABLES):
        name, value = row
        if not isinstance(name, str) or not 0 < len(name) <= MAX_TEXT:
            _refuse("variables", f"{_short(name)} is no name")
        state.variables[name] = _value("variables", value)
    for name, due, period in _rows("timers", sections["timers"], str, int, int, limit=MAX_TIMERS):
        state.timers[name] = Timer(_whole("timers", due, 0, 2**62), _whole("timers", period, 0, 2**62))
    disabled = list(rows_in(sections["disabled"], MAX_HANDLERS))
    if any(not isinstance(d, str) for d in disabled):
        _refuse("disabled", "it must be a list of names")
    state.disabled = set(disabled)
    subtitle, until = rows_in(sections["subtitle"], 2)
    if not isinstance(subtitle, str) or len(subtitle) > MAX_TEXT:
        _refuse("subtitle", "it must be a text")
    state.subtitle, state.subtitle_until = subtitle, _whole("subtitle", until, 0, 2**62)
    if "story" in sections:
        state.story = _story(blueprint, state, list(rows_in(sections["story"], 5, MAX_STORY_BYTES)))
    if "physics" in sections:
        engine, data = rows_in(sections["physics"], 2, MAX_BYTES)
        if not isinstance(engine, str) or len(engine) > MAX_TEXT or not isinstance(data, bytes):
            _refuse("physics", "it must be an engine's name and its bytes")
        state.physics = EngineBytes(engine, data)
