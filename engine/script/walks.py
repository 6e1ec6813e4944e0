"""What a world file says about where walkers go: paths, places, schedules, and the behaviours that `spawn` gives."""

import numpy as np

from engine.core.errors import WorldFileError
from engine.script.draft import Draft
from engine.script.values import hint, integer, number, one_of, point, said, text
from engine.script.values import hour as read_hour
from engine.state.blueprint import Path, Place, Schedule
from engine.state.components import BEHAVIOURS
from engine.state.entities import SCHEDULED

MAX_PATH_POINTS = 1024
MAX_SCHEDULE_ENTRIES = 48  # one every half hour
WIDEST_PLACE_M = 32.0
# Which behaviours an option of spawn(...) is for. `path` and `follows` may be given to others, for set_behaviour later.
GOES_WITH = {
    "seeks": ("seek",),
    "flees": ("flee",),
    "place": ("wander", "schedule"),
    "radius": ("wander", "flee", "schedule"),
    "schedule": ("schedule",),
}


class Walks:
    """Paths, places and schedules of a draft."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft

    def path(self, points: object) -> int:
        """A ring of points to patrol; its number goes into spawn(path=...).

        >>> spawn("person", at = (4, 4, 1), behaviour = "patrol", path = path([(4, 4, 1), (20, 4, 1), (20, 20, 1)]))
        """
        self.draft.count("path", len(self.draft.paths))
        if not isinstance(points, list | tuple) or not 2 <= len(points) <= MAX_PATH_POINTS:
            raise WorldFileError(f"path(...) takes a list of 2 to {MAX_PATH_POINTS} points (x, y, z)")
        stops = np.asarray([point(p, f"point {i}") for i, p in enumerate(points)], np.float64)
        self.draft.paths.append(Path(stops))
        return len(self.draft.paths) - 1

    def place(self, name: object, at: object, radius: object = 1.0) -> str:
        """A named disc on the ground that walkers seek, each its own spot in it; `at` is its centre.

        >>> place("well", at = (20, 12, 1), radius = 2)
        """
        label = text(name, "the place's name", 60)
        if not label or label in self.draft.places:
            raise WorldFileError(f"there is already a place named '{label}'" if label else "a place needs a name")
        if label in BEHAVIOURS:
            raise WorldFileError(f"a place cannot be named '{label}': that is a behaviour")
        self.draft.count("place", len(self.draft.places))
        centre, reach = self.draft.place(at, "at"), number(radius, "radius (m)", 0.0, WIDEST_PLACE_M)
        self.draft.places[label] = Place(label, centre, reach)
        return label

    def schedule(self, entries: object) -> int:
        """What to do from which hour on: [(6, "market"), ("20:30", "home")]; its number goes into spawn(schedule=...).

        Each entry names a place to seek, or one of the behaviours none, patrol, wander and follow.

        >>> day = schedule([(6, "market"), ("12:30", "wander"), (20.5, "none")])
        >>> spawn("person", at = (8, 12, 1), behaviour = "schedule", schedule = day, place = "market")
        """
        self.draft.count("schedule", len(self.draft.schedules))
        if not isinstance(entries, list | tuple) or not 1 <= len(entries) <= MAX_SCHEDULE_ENTRIES:
            raise WorldFileError(
                f"schedule(...) takes a list of 1 to {MAX_SCHEDULE_ENTRIES} (hour, place or behaviour)"
            )
        rows: list[tuple[float, int, int]] = []
        for i, entry in enumerate(entries):
            if not isinstance(entry, list | tuple) or len(entry) != 2:
                raise WorldFileError(f"entry {i} must be (hour, place or behaviour), not {said(entry)}")
            hour, word = read_hour(entry[0], f"the hour of entry {i}"), entry[1]
            if rows and hour <= rows[-1][0]:
                raise WorldFileError(f"the hours of a schedule must grow; {hour:g} comes after {rows[-1][0]:g}")
            if word in SCHEDULED:
                rows.append((hour, BEHAVIOURS.index(str(word)), -1))
            else:
                rows.append((hour, BEHAVIOURS.index("seek"), self.draft.place_number(word, (*SCHEDULED,))))
        self.draft.schedules.append(Schedule(tuple(rows)))
        return len(self.draft.schedules) - 1


def walking(
    draft: Draft,
    behaviour: object,
    speed: object,
    path: object,
    follows: object,
    options: dict[str, object],
) -> dict[str, object]:
    """The components of a walker; `options` are those of GOES_WITH, None where they were not given."""
    parts: dict[str, object] = {}
    kind = one_of(behaviour, "behaviour", BEHAVIOURS)
    if kind != "none":
        parts["behaviour"] = kind
    if kind != "none" or speed is not None:  # who has a speed can walk, even if it stands at first
        parts["speed"] = number(1.2 if speed is None else speed, "speed (m/s)", 0.0, 12.0)
    given = {name: value for name, value in options.items() if value is not None}
    for name in given:
        if kind not in GOES_WITH[name]:
            allowed = " or ".join(f"behaviour='{b}'" for b in GOES_WITH[name])
            raise WorldFileError(f"{name}= goes with {allowed}, not with '{kind}'")
    if path is not None:
        parts["path"] = integer(path, "path (what path(...) gave)", 0, len(draft.paths) - 1)
    elif kind == "patrol":
        raise WorldFileError("behaviour='patrol' needs path=path([...])")
    if follows is not None:
        parts["follows"] = text(follows, "follows")
    if "flees" in given:
        parts["follows"] = text(given["flees"], "flees")
    if "radius" in given:
        parts["radius"] = number(given["radius"], "radius (m)", 0.5, 1000.0)
    if "place" in given:
        parts["place"] = draft.place_number(given["place"])
    if kind == "seek":
        if "seeks" not in given:
            raise WorldFileError(
                f"behaviour='seek' needs seeks=, the name of a place or an entity{hint('', draft.places)}"
            )
        goal = text(given["seeks"], "seeks")
        parts |= {"place": draft.place_number(goal)} if goal in draft.places else {"follows": goal}
    if kind == "schedule":
        if "schedule" not in given:
            raise WorldFileError("behaviour='schedule' needs schedule=schedule([(hour, place or behaviour), ...])")
        number_of = integer(given["schedule"], "schedule (what schedule(...) gave)", 0, len(draft.schedules) - 1)
        parts["schedule"] = number_of
        if draft.schedules[number_of].patrols and path is None:
            raise WorldFileError("this schedule says 'patrol', which needs path=path([...])")
    return parts
