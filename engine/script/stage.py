"""What a world file says about what happens and who looks: triggers, handlers, variables, cameras, the player."""

import math

import numpy as np

from engine.core.errors import WorldFileError
from engine.script.draft import Draft
from engine.script.objects import Function
from engine.script.values import hint, integer, number, point, triple
from engine.script.values import text as read_text
from engine.sim.stories import MAX_COUNT
from engine.state.blueprint import Goal, Trigger
from engine.state.camera import CameraRail

MAX_KEYS = 256  # of one camera rail
NEAREST_LOOK_M = 1e-3


class Stage:
    """Triggers, handlers, variables and viewpoints of a draft."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft

    def trigger(self, name: object, low: object, high: object) -> str:
        """A box that says when somebody comes in or leaves: events "enter" and "leave" (name, entity).

        >>> trigger("doorstep", (12, 8, 1), (14, 10, 3))
        """
        label = read_text(name, "the trigger's name", 60)
        if not label or label in self.draft.triggers:
            raise WorldFileError(f"there is already a trigger named '{label}'" if label else "a trigger needs a name")
        self.draft.count("trigger", len(self.draft.triggers))
        lo, hi = point(low, "low"), point(high, "high")
        if any(a >= b for a, b in zip(lo, hi, strict=True)):
            raise WorldFileError(f"trigger low {lo} must be below high {hi} on every axis")
        self.draft.triggers[label] = Trigger(label, lo, hi)
        return label

    # --- stories ------------------------------------------------------------------------------------------------------

    def goal(self, name: object, text: object = "", count: object = 1, after: object = "") -> str:
        """Something to do, shown to the player until it is reached: progress(name) in a handler brings it nearer.

        `count` is how often it must be done, `text` what is shown in place of the name. A goal `after` another is shown
        once that one is reached.

        >>> goal("fish", "Catch three fish", count = 3)
        >>> goal("dinner", "Bring them home", after = "fish")
        """
        label = read_text(name, "the goal's name", 60)
        if not label or label in self.draft.goals:
            raise WorldFileError(f"there is already a goal named '{label}'" if label else "a goal needs a name")
        self.draft.count("goal", len(self.draft.goals))
        before = read_text(after, "after", 60)
        if before and before not in self.draft.goals:
            raise WorldFileError(f"there is no goal named '{before}'{hint(before, self.draft.goals)}")
        shown = read_text(text, "text", 100) or label
        self.draft.goals[label] = Goal(label, shown, integer(count, "count", 1, MAX_COUNT), before)
        return label

    # --- who looks ----------------------------------------------------------------------------------------------------

    def camera(
        self,
        name: object,
        at: object = None,
        look_at: object = None,
        keys: object = None,
        fov_deg: object = 60.0,
    ) -> None:
        """A view: still (at, look_at), or a rail with keys=[(seconds, at, look_at), ...] that starts at 0 s.

        >>> camera("well", at = (20, 4, 3), look_at = (20, 12, 1), fov_deg = 50)
        >>> camera("flight", keys = [(0, (4, 4, 3), (16, 16, 1)), (6, (28, 4, 3), (16, 16, 1))])
        """
        label = read_text(name, "the camera's name", 60)
        if not label or label in self.draft.cameras:
            raise WorldFileError(f"there is already a camera named '{label}'" if label else "a camera needs a name")
        self.draft.count("camera", len(self.draft.cameras))
        if (keys is None) == (at is None or look_at is None):
            raise WorldFileError(
                f"camera '{label}' needs either at= and look_at=, or keys=[(seconds, at, look_at), ...]"
            )
        stops = [(0.0, at, look_at)] if keys is None else keys
        if not isinstance(stops, list | tuple) or not 1 <= len(stops) <= MAX_KEYS:
            raise WorldFileError(f"keys must be a list of 1 to {MAX_KEYS} (seconds, at, look_at)")
        rows = []
        for i, stop in enumerate(stops):
            seconds, eye, target = triple(stop, f"key {i}")
            a, b = np.asarray(point(eye, "at")), np.asarray(point(target, "look_at"))
            ahead = b - a
            if np.linalg.norm(ahead) < NEAREST_LOOK_M:
                raise WorldFileError(f"camera '{label}' looks at the very point where it stands")
            level = math.hypot(ahead[0], ahead[1])
            turn, tilt = math.atan2(ahead[1], ahead[0]), math.atan2(ahead[2], level)
            rows.append([number(seconds, "seconds", 0.0, 3600.0), *a, turn, tilt])
        table = np.asarray(rows, np.float64)
        if table[0, 0] != 0.0 or np.any(np.diff(table[:, 0]) <= 0.0):
            raise WorldFileError(f"the keys of camera '{label}' must start at 0 seconds and grow")
        fov = math.radians(number(fov_deg, "fov_deg", 10.0, 120.0))
        yaw = np.unwrap(table[:, 4])
        self.draft.cameras[label] = CameraRail(label, table[:, 0], table[:, 1:4], yaw, table[:, 5], fov)

    def player(self, at: object, yaw_deg: object = 0.0) -> None:
        """Where the visitor stands at first (the feet), and where it looks.

        >>> player(at = (4, 16, 1), yaw_deg = 45)
        """
        if self.draft.player_start is not None:
            raise WorldFileError("player(...) may be said once; this is the second")
        place = self.draft.place(at, "at")
        self.draft.player_start = place
        self.draft.player_yaw = math.radians(number(yaw_deg, "yaw_deg", -3600.0, 3600.0))

    # --- what happens -------------------------------------------------------------------------------------------------

    def on(self, event: object, handler: object) -> None:
        """Calls a top-level function of the world file for every event of that name, with the event's arguments.

        >>> def lights_out():
        ...     set_lamp(find("lantern"), False)
        >>> on("dawn", lights_out)
        """
        kind = read_text(event, "event", 60)
        name = handler.name if isinstance(handler, Function) else read_text(handler, "handler", 200)
        names = self.draft.handlers.setdefault(kind, [])
        self.draft.count("handler", sum(len(v) for v in self.draft.handlers.values()))
        if name in names:
            raise WorldFileError(f"'{name}' already handles '{kind}'")
        names.append(name)

    def var(self, name: object, value: object) -> None:
        """A variable that handlers read with get(name) and change with put(name, value).

        >>> var("coins", 3)
        """
        label = read_text(name, "the variable's name", 60)
        if not label or label in self.draft.variables:
            raise WorldFileError(f"there is already a variable named '{label}'" if label else "a variable needs a name")
        self.draft.count("variable", len(self.draft.variables))
        if isinstance(value, str):
            self.draft.variables[label] = read_text(value, "value", 1000)
        elif isinstance(value, bool):
            self.draft.variables[label] = value
        elif isinstance(value, int):
            self.draft.variables[label] = integer(value, "value", -(2**63), 2**63 - 1)
        else:
            self.draft.variables[label] = number(value, "value", -1e300, 1e300)
