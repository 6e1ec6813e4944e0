"""A running world goes on in another version of its world file: what the author changed is new, all else is as it was.

An entity is known by its name, one without a name by its prefab and the place where it began. Of a known one each
column keeps its value, unless the file says something else about it than before; what was moved in the file, or has
other parts, or is another door or body than it was, or stood where the world is no more, is made anew. Physics is built
again from poses and velocities. Numbers of entities follow the order of the file, so they may change.
"""

from collections.abc import Hashable, Iterable
from copy import deepcopy
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Final

import numpy as np

from engine.core.ids import INDEX_MASK, NOBODY, PLAYER, index_of, pack
from engine.state import entities
from engine.state.blueprint import Blueprint, Spawn
from engine.state.bricks import same_voxels
from engine.state.components import COLUMNS, DOOR, NONE
from engine.state.world import State, new_state

WALKING: Final = frozenset(
    {"behaviour", "path", "path_point", "place", "schedule", "follows", "radius"}
)  # one decision
MADE_ANEW: Final = ("door_", "hinge", "shape", "body_size", "orientation", "density", "kinematic")  # if these change
TABLES: Final = {"prefab": "prefab", "path": "path", "place": "place", "schedule": "schedule"} | {
    "door_material": "material"
}  # columns that point into the blueprint, and at what
OF_THEIR_OWN: Final = frozenset(  # fields of a state that are not simply copied
    {"voxels", "clock", "columns", "n_slots", "free", "names", "id_by_name", "queue", "variables", "disabled"}
    | {"physics", "derived", "_rows"}
)
HEIGHT_M: Final = 1.75  # of the player


def sharing(old: Blueprint, new: Blueprint) -> Blueprint:
    """`new` with the very objects of `old` where both are equal: whoever knows a thing by its identity keeps it."""
    shared: dict[str, object] = {}
    if same_voxels(old.voxels, new.voxels):
        shared["voxels"] = old.voxels
    if _equal(old.materials, new.materials):
        shared["materials"] = old.materials
    if len(old.prefabs) == len(new.prefabs) and all(map(_equal, old.prefabs, new.prefabs)):
        shared["prefabs"] = old.prefabs
    made = replace(new, **shared)  # type: ignore[arg-type]
    if made.voxels is old.voxels:
        vars(made)["ringed"] = old.ringed  # what the cached property would work out again
    return made


def _equal(a: object, b: object) -> bool:
    """Whether two records, tuples, arrays or plain values hold the same."""
    if a is b:
        return True
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b)
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(_equal, a, b))
    if is_dataclass(a) and type(a) is type(b):
        return all(_equal(getattr(a, f.name), getattr(b, f.name)) for f in fields(a))
    return bool(a == b)


def reloaded(old: Blueprint, new: Blueprint, state: State) -> tuple[State, tuple[str, ...]]:
    """The state of `new` that goes on from `state`, one of `old`, and what could not be kept. `state` stays as it is.

    Raises what new_state raises.
    """
    voxels = state.voxels.shared() if state.voxels.base is new.voxels else None
    reload = _Reload(old, new, state, new_state(new, state.seed, voxels), _tables(old, new), {PLAYER: PLAYER}, [])
    reload.find_entities()
    reload.keep_columns()
    reload.keep_voxels()
    reload.keep_the_rest()
    reload.seat_player()
    return reload.made, tuple(reload.said)


def _tables(old: Blueprint, new: Blueprint) -> dict[str, list[int]]:
    """For each index into a list of the old blueprint the one in the new blueprint, -1 where it is gone."""

    def where(before: Iterable[Hashable], after: Iterable[Hashable]) -> list[int]:
        place: dict[Hashable, int] = {}
        for index, key in enumerate(after):
            place.setdefault(key, index)
        return [place.get(key, -1) for key in before]

    def plans(world: Blueprint) -> list[Hashable]:
        names = [*(place.name for place in world.places), ""]  # -1 is no place
        return [tuple((hour, what, names[place]) for hour, what, place in s.entries) for s in world.schedules]

    return {
        "prefab": where((p.name for p in old.prefabs), (p.name for p in new.prefabs)),
        "path": where((p.points.tobytes() for p in old.paths), (p.points.tobytes() for p in new.paths)),
        "place": where((p.name for p in old.places), (p.name for p in new.places)),
        "schedule": where(plans(old), plans(new)),
        "material": where(old.materials.names, new.materials.names),
        "trigger": where((t.name for t in old.triggers), (t.name for t in new.triggers)),
    }


@dataclass(eq=False)
class _Reload:
    """One reload on its way; `made` becomes the new state."""

    old: Blueprint
    new: Blueprint
    state: State
    made: State
    tables: dict[str, list[int]]
    ids: dict[int, int]  # of entities in both states: what it was -> what it is
    said: list[str]

    def find_entities(self) -> None:
        """Who is who. What was taken out of the world stays out, what handlers made is made again."""
        free: dict[Hashable, list[int]] = {}
        for i in reversed(range(len(self.old.spawns))):
            free.setdefault(_key(self.old, self.old.spawns[i]), []).append(i)
        for j, spawn in enumerate(self.new.spawns):
            if found := free.get(_key(self.new, spawn)):
                was, now = pack(found.pop() + 1, 1), pack(j + 1, 1)
                if self.state.alive(was):
                    self.ids[was] = now
                else:
                    entities.despawn(self.made, now)
        for index in np.flatnonzero(self.state.columns.parts[: self.state.n_slots]).tolist():
            entity = self.state.entity_at(index)
            if entity != pack(index, 1) or index > len(self.old.spawns):
                self._make_again(entity)

    def _make_again(self, entity: int) -> None:
        name, prefab = self.state.names.get(entity, ""), int(self.state.columns.prefab[index_of(entity)])
        if prefab >= 0 and self.tables["prefab"][prefab] < 0:
            self.said.append(f"{name or 'something'} made by a handler is gone with its prefab")
        elif name in self.made.id_by_name:
            self.said.append(f"{name} made by a handler gives way to the one in the file")
        elif self._fell_out(index_of(entity)) or self._hangs_out(index_of(entity)):
            self.said.append(f"{name or 'something'} made by a handler is gone with the ground below it")
        elif self._moved("door_material", int(self.state.columns.door_material[index_of(entity)])) < 0:
            self.said.append(f"{name or 'something'} made by a handler is gone with its material")
        else:
            self.ids[entity] = entities.spawn(self.new, self.made, Spawn(name, -1, (0.0, 0.0, 0.0)))

    def keep_columns(self) -> None:
        """Gives every known entity the values it had, but for those of which the file now says something else."""
        c, before = self.made.columns, self.state.columns
        for was, now in self.ids.items():
            i, j = index_of(was), index_of(now)
            changed = self._changed(i, j)
            if changed is None:
                continue
            c.parts[j] = before.parts[i]
            kept = {column.name for column in COLUMNS[2:]} - changed  # all but generation and parts
            for name in kept:
                c[name][j] = before[name][i]
            for name in kept & TABLES.keys():
                c[name][j] = self._moved(name, int(before[name][i]))
            for name in kept & set(entities.LINKS):
                target = int(before[name][i])
                c[name][j] = self.ids.get(target, NOBODY)
                if name == "follows" and target and not c[name][j]:
                    c.behaviour[j] = NONE  # as when it is despawned
            inside = np.uint64(0)
            for t, moved in enumerate(self.tables["trigger"]):
                if moved >= 0:
                    inside |= (before.inside[i] >> np.uint64(t) & np.uint64(1)) << np.uint64(moved)
            c.inside[j] = inside
        carrier = c.carrier[: self.made.n_slots]
        carrier[(carrier != NOBODY) & (carrier[carrier & INDEX_MASK] != NOBODY)] = NOBODY  # the file hands on a carrier
        self.made.parts_changed()

    def _changed(self, i: int, j: int) -> set[str] | None:
        """Columns of which the file says something else than before; None where the entity is to be made anew."""
        changed: set[str] = set()
        if j == 0:
            start = (self.new.player_start, self.new.player_yaw)
            return changed if start == (self.old.player_start, self.old.player_yaw) else None
        if j <= len(self.new.spawns) and self.made.entity_at(j) == pack(j, 1):  # no handler's in a dead one's slot
            was, now = self.old.spawns[i - 1], self.new.spawns[j - 1]
            if (was.position, was.yaw) != (now.position, now.yaw) or self._fell_out(i):
                return None
            if entities.parts_of(was.components) != entities.parts_of(now.components):
                return None
            if self._moved("prefab", was.prefab) != now.prefab:
                changed.add("prefab")
            for name in was.components.keys() | now.components.keys():
                value = was.components.get(name)
                if name in TABLES and isinstance(value, int):
                    value = self._moved(name, value)
                if value != now.components.get(name):
                    if name.startswith(MADE_ANEW):
                        return None
                    changed |= WALKING if name in WALKING else {name}
        gone = (int(self.state.columns[name][i]) >= 0 > self._moved(name, int(self.state.columns[name][i]))
                for name in ("path", "place", "schedule"))  # fmt: skip
        return changed | WALKING if any(gone) else changed

    def _fell_out(self, index: int) -> bool:
        """Whether something stood over the old world's ground and the new one does not reach there."""
        x, y, _ = self.state.columns.position[index].tolist()
        (old_x, old_y, _), (new_x, new_y, _) = self.old.size_m, self.new.size_m
        return 0.0 <= x < old_x and 0.0 <= y < old_y and not (x < new_x and y < new_y)

    def _hangs_out(self, index: int) -> bool:
        """Whether something is a door of voxels that the new world does not have."""
        is_door = int(self.state.columns.parts[index]) & DOOR
        return bool(is_door and (self.state.columns.door_high[index] > self.new.voxels.shape).any())

    def _moved(self, column: str, index: int) -> int:
        table = self.tables[TABLES[column]]
        return table[index] if 0 <= index < len(table) else index

    def keep_voxels(self) -> None:
        """What was built and dug stays, where the file has under it what it had. Doors stand as their columns say."""
        state, made = self.state, self.made
        index, material = state.voxels.edits()
        if self.old.voxels.shape == self.new.voxels.shape:
            renamed = np.array(self.tables["material"])
            place = np.stack(np.unravel_index(index, self.old.voxels.shape), -1)
            own = np.ones(len(index), np.bool_)
            for row in state.rows(DOOR).tolist():
                low, high = state.columns.door_low[row].tolist(), state.columns.door_high[row].tolist()
                own &= ~((place >= low) & (place < high)).all(1)
            index, material = index[own], renamed[material[own]]
            kept = (material >= 0) & (renamed[self.old.voxels.take(index)] == self.new.voxels.take(index))
            lost = len(index) - int(kept.sum())
            if kept.any():
                made.voxels.apply(index[kept], material[kept].astype(np.uint8))
        else:
            lost = len(index)
        if lost:
            self.said.append(f"{lost} voxels that were built or dug are as the file has them")
        c = made.columns
        for row in made.rows(DOOR).tolist():
            entities.fill_door(made, row, solid=not c.door_open[row] and c.door_swing[row] == 0)

    def keep_the_rest(self) -> None:
        """The clock, variables, timers, words and whatever else a state has. Handlers that had failed get a chance."""
        old, new, state, made = self.old, self.new, self.state, self.made
        for field in fields(State):
            if field.name not in OF_THEIR_OWN:
                setattr(made, field.name, deepcopy(getattr(state, field.name)))
        counts = {goal.name: goal.count for goal in new.goals}
        progress = made.story.progress
        made.story.progress = {name: min(done, counts[name]) for name, done in progress.items() if name in counts}
        if old.start_hour == new.start_hour:
            made.clock = state.clock
        for name, value in state.variables.items():
            if old.variables.get(name) == new.variables.get(name):  # both have it, or neither: a handler's own
                made.variables[name] = value
        moved = {was for was, now in self.ids.items() if was != now}
        made.queue = [] if moved else list(state.queue)
        if moved and state.queue:
            self.said.append("events that were under way are lost")
        if any(type(value) is int and value in moved for value in state.variables.values()):
            self.said.append("a variable may hold the number of an entity that has another one now")

    def seat_player(self) -> None:
        """Puts the player back to the start where a wall stands now, or nothing any more."""
        x, y, z = (float(v) for v in self.made.columns.position[0])
        inside = self.made.voxels.solid_in((x - 0.2, y - 0.2, z + 0.3), (x + 0.2, y + 0.2, z + HEIGHT_M))
        if inside or not entities.player_fits(self.new, (x, y, z)):
            entities.place(self.made, 0, self.new.player_start)
            self.made.player = type(self.made.player)()
            self.said.append("where you stood is no room any more; you are back at the start")


def _key(world: Blueprint, spawn: Spawn) -> Hashable:
    return spawn.name or (world.prefabs[spawn.prefab].name if spawn.prefab >= 0 else "", spawn.position)
