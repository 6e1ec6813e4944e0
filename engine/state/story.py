"""The story of a world: lines that wait to be said, how far goals have come, and how it ended. All of it is state."""

from dataclasses import dataclass, field
from typing import Final

from engine.state.blueprint import Blueprint, Goal

MAX_LINES: Final = 64  # that wait
MAX_GOALS: Final = 64  # of one world
LONGEST_LINE: Final = 200  # characters: a line on the screen, a speaker, a title


@dataclass(frozen=True)
class Line:
    """Something that is said after what is being said now."""

    speaker: str  # "" for nobody
    text: str
    ticks: int  # how long it is shown
    ends: str  # the dialogue that is over after it, "" for none


@dataclass(frozen=True)
class Ending:
    """How a story ended. The world goes on all the same."""

    title: str
    text: str
    won: bool
    tick: int


@dataclass
class Story:
    """What has been told so far; the line that is shown is State.subtitle."""

    speaker: str = ""  # of the subtitle
    ends: str = ""  # the dialogue that is over after the subtitle
    lines: list[Line] = field(default_factory=list)  # that wait, the next one first
    progress: dict[str, int] = field(default_factory=dict)  # goal -> how much of its count is done, from 1 on
    ending: Ending | None = None

    def rows(self) -> list[object]:
        """All of it as plain values, for the state's canonical bytes."""
        end = self.ending
        return [
            self.speaker,
            self.ends,
            [[line.speaker, line.text, line.ticks, line.ends] for line in self.lines],
            [[name, done] for name, done in sorted(self.progress.items())],
            [] if end is None else [end.title, end.text, end.won, end.tick],
        ]


@dataclass(frozen=True)
class Standing:
    """How far a goal has come."""

    goal: Goal
    done: int  # 0..goal.count

    @property
    def is_reached(self) -> bool:
        """Whether nothing is left to do."""
        return self.done >= self.goal.count


def standings(blueprint: Blueprint, story: Story) -> list[Standing]:
    """Every goal that the player knows of: those that wait for another are unknown until it is reached."""
    reached = {g.name for g in blueprint.goals if story.progress.get(g.name, 0) >= g.count}
    return [Standing(g, story.progress.get(g.name, 0)) for g in blueprint.goals if not g.after or g.after in reached]
