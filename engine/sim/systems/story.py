"""What is said comes and goes: a line ends when its time is over, and the next one that waits takes its place."""

from engine.state import events
from engine.state.world import State


def go_on(state: State) -> None:
    """Ends the subtitle, sends "told" after the last line of a dialogue, shows the next line."""
    story = state.story
    if state.tick < state.subtitle_until:
        return
    if story.ends:
        events.emit(state, "told", story.ends)
    state.subtitle = story.speaker = story.ends = ""
    if story.lines:
        line = story.lines.pop(0)
        state.subtitle, state.subtitle_until = line.text, state.tick + line.ticks
        story.speaker, story.ends = line.speaker, line.ends
