"""What handlers may do to a story: say, set goals forward, end it; and who carries what."""

from engine.core.errors import WorldFileError
from engine.core.ids import PLAYER
from engine.script import values
from engine.script.holding import Holding
from engine.sim import actions, stories


class Stories(Holding):
    """Public methods are functions of handlers."""

    # --- stories ------------------------------------------------------------------------------------------------------

    def say(self, line: str, seconds: float = 4.0, who: str = "") -> None:
        """Shows a line for a while, with the name of `who` says it; it takes the place of the one that is shown.

        >>> say("Good evening.", 3, who = "Ada")
        """
        stories.say(*self._world(), line, seconds, who)

    def dialogue(self, lines: list[object], name: str = "") -> None:
        """Says lines one after another: a text, (who, text) or (who, text, seconds) each.

        Without seconds a line stays as long as it takes to read. After the last one the event "told" (name) is sent.

        >>> dialogue([("Ada", "Have you seen my lamp?"), "She points at the hill.", ("Ada", "There!", 2)])
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
        stories.tell(*self._world(), rows, name)

    def progress(self, goal: str, by: int = 1) -> None:
        """Brings a goal nearer by a count; the event "goal" (name) is sent when it is reached.

        >>> progress("find")
        """
        self._goal(goal)
        stories.progress(*self._sending(), goal, by)

    def progress_of(self, goal: str) -> int:
        """How much of a goal's count is done.

        >>> say("%d found" % progress_of("find"))
        """
        self._goal(goal)
        return stories.progress_of(*self._world(), goal)

    def is_reached(self, goal: str) -> bool:
        """Whether a goal is reached.

        >>> if is_reached("find"):
        ...     end("Home")
        """
        self._goal(goal)
        return stories.is_reached(*self._world(), goal)

    def _goal(self, name: str) -> None:
        known = [g.name for g in self._world()[0].goals]
        if name not in known:
            raise WorldFileError(f"there is no goal named {values.said(name)}{values.hint(str(name), known)}")

    def end(self, title: str, text: str = "", won: bool = True) -> None:
        """Ends the story with a card that says how; sends "ending" (title, won). The world goes on behind it.

        >>> end("Home again", "All lanterns burn.")
        """
        stories.end(*self._sending(), values.text(title, "title"), values.text(text, "text"), values.flag(won, "won"))

    # --- what is carried ----------------------------------------------------------------------------------------------

    def carry(self, entity: int, by: int | None = None, at: tuple[float, float, float] = stories.IN_HAND) -> None:
        """Gives a thing into the hand of the player, or of whom `by` names; from then on it goes with them.

        `at` is its place in metres before, left of and above the carrier's feet. Sends "carried" (entity, carrier).

        >>> carry(find("crate"))
        """
        blueprint, state = self._sending()
        stories.carry(blueprint, state, entity, PLAYER if by is None else by, values.point(at, "at"))

    def drop(self, entity: int, position: tuple[float, float, float] | None = None) -> None:
        """Puts down what is carried, on the ground or at a position. Sends "dropped" (entity, who carried it).

        >>> drop(find("crate"))
        """
        place = None if position is None else values.point(position, "position")
        stories.drop(*self._sending(), entity, place)

    def carrier_of(self, entity: int) -> int:
        """Who carries a thing: an entity, 0 for nobody.

        >>> put("held", carrier_of(find("crate")) != 0)
        """
        return stories.carrier_of(*self._world(), entity)

    def carried_by(self, entity: int) -> list[int]:
        """All that an entity carries.

        >>> put("things", len(carried_by(find("Ada"))))
        """
        return stories.carried_by(*self._world(), entity)

    def carries(self, entity: int, thing: int) -> bool:
        """Whether an entity carries a thing: carries(find("player"), find("torch")).

        >>> if carries(find("player"), find("crate")):
        ...     say("Put it down, please.")
        """
        blueprint, state = self._world()
        actions.index_with(state, entity)
        return stories.carrier_of(blueprint, state, thing) == entity
