"""Where two states of one world part: the first section, and in it the first entity, name or place."""

from dataclasses import dataclass, fields
from hashlib import blake2b
from typing import Any

import numpy as np

from engine.core.digest import first_difference
from engine.state.components import ALIVE, COLUMN_BY_NAME
from engine.state.world import Engine, Player, State


@dataclass(frozen=True)
class Parting:
    """The first thing in which two states differ."""

    section: str  # a column of components, or another section of the state
    what: str  # the entity, variable, voxel ... ; "" where the section alone is known
    first: str  # what the first state holds there, as text
    second: str

    def __str__(self) -> str:
        of = f" of {self.what}" if self.what else ""
        return f"{self.section}{of}: {self.first} in the first, {self.second} in the second"


def parting(a: State, b: State) -> Parting | None:
    """The first difference in the order of the state's sections, None where there is none."""
    section = first_difference(a.sections(), b.sections())
    if section is None:
        return None
    if section in COLUMN_BY_NAME:
        return _column_parting(section, a, b)
    if section == "player":
        for f in fields(Player):
            one, other = getattr(a.player, f.name), getattr(b.player, f.name)
            if one != other:
                return Parting(section, f.name, repr(one), repr(other))
    if section.startswith("voxels"):
        places = np.union1d(a.voxels.edits()[0], b.voxels.edits()[0])
        differs = a.voxels.material.take(places) != b.voxels.material.take(places)
        x, y, z = (int(v) for v in np.unravel_index(int(places[differs][0]), a.voxels.material.shape))
        one, other = a.voxels.material[x, y, z], b.voxels.material[x, y, z]
        return Parting("voxels", f"voxel {x} {y} {z}", f"material {one}", f"material {other}")
    if section == "world":
        for name in ("seed", "tick", "clock", "dark", "dark_since", "n_slots"):
            if getattr(a, name) != getattr(b, name):
                return Parting(section, name, repr(getattr(a, name)), repr(getattr(b, name)))
    if section in ("names", "variables", "timers"):
        left: dict[Any, Any] = getattr(a, section)
        right: dict[Any, Any] = getattr(b, section)
        for key in sorted({**left, **right}):
            if left.get(key) != right.get(key):
                return Parting(section, str(key), _shown(left.get(key)), _shown(right.get(key)))
    if section in ("queue", "events", "free"):
        one_list, other_list = getattr(a, section), getattr(b, section)
        for n in range(max(len(one_list), len(other_list))):
            pair = [_shown(every[n] if n < len(every) else None) for every in (one_list, other_list)]
            if pair[0] != pair[1]:
                return Parting(section, f"number {n}", *pair)
    if section == "physics":
        return Parting(section, "contacts and islands", *(_bytes_shown(s.physics) for s in (a, b)))
    return Parting(section, "", _shown(getattr(a, section, "another")), _shown(getattr(b, section, "another")))


def entity_text(state: State, index: int) -> str:
    """An entity as people know it: its name, or its id."""
    if not _lives(state, index):
        return f"slot {index}"
    entity = state.entity_at(index)
    return state.names.get(entity) or f"entity {entity} (slot {index})"


def _lives(state: State, index: int) -> bool:
    return index < state.n_slots and bool(state.columns.parts[index])


def _column_parting(name: str, a: State, b: State) -> Parting:
    column, n = COLUMN_BY_NAME[name], max(a.n_slots, b.n_slots)
    rows = []
    for state in (a, b):
        values = np.full((n, *column.shape), column.default, column.dtype)
        here, used = np.zeros(n, bool), slice(state.n_slots)
        here[used] = True if column.part == ALIVE else (state.columns.parts[used] & column.part) != 0
        values[here] = state.columns[name][used][here[used]]
        rows.append((here, values))
    (here_a, values_a), (here_b, values_b) = rows
    differs = (here_a != here_b) | (values_a != values_b).reshape(n, -1).any(axis=1)
    index = int(np.flatnonzero(differs)[0])
    shown = [_shown(v[index].tolist()) if h[index] else "nothing" for h, v in rows]
    return Parting(name, entity_text(a if _lives(a, index) else b, index), *shown)


def _bytes_shown(physics: Engine | None) -> str:
    """Bytes that only the engine can read."""
    if physics is None:
        return "nothing"
    data = physics.to_bytes()
    return f"{len(data):,} bytes of {physics.name}, blake2b {blake2b(data, digest_size=8).hexdigest()}"


def _shown(value: object) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 100 else text[:97] + "..."
