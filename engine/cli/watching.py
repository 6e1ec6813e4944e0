"""`daguerre replay --window`: a recording that is watched."""

from typing import TYPE_CHECKING

from engine.cli.picturing import renderer_for
from engine.cli.playing import PLAY_FRAMES_PER_S, TEXELS_PER_FRAME, window_size

if TYPE_CHECKING:
    from engine.script.worldfile import LoadedWorld
    from engine.sim.recording import Difference
    from engine.sim.recordingfile import Recording
    from engine.state.world import State

FASTEST = 1000.0  # in a window, which shows at most eight ticks a frame


def watch(
    loaded: "LoadedWorld", recorded: "Recording", size_px: tuple[int, int], look: str, speed: float | None
) -> "tuple[int, Difference | None]":
    """Shows a recording in a window until it is closed; the last tick that was shown, and what differed on the way.

    Raises GraphicsError where no window can open.
    """
    from engine.play.loop import loop, wall_ns
    from engine.play.session import Session
    from engine.play.timeline import Keeping
    from engine.play.window import Window
    from engine.sim.recording import difference, start_of

    found: list[Difference] = []
    reached = recorded.head.first_tick
    last = recorded.last_tick

    def after_tick(state: "State") -> str | None:
        nonlocal reached
        if state.tick <= last:
            reached = max(reached, state.tick)
            if differs := difference(recorded, state):
                found.append(differs)
                return f"the replay differs from the recording at tick {state.tick}"
        return None if state.tick < last else f"the recording ends here, at tick {last}"

    def work(window: Window) -> None:
        window.say("Starting the camera", 0.4)
        state = start_of(loaded.blueprint, recorded, recorded.head.first_tick)
        if differs := difference(recorded, state):
            found.append(differs)
            return
        renderer = renderer_for(size_px, look)
        renderer.texels_per_frame = TEXELS_PER_FRAME
        commands = [c for tick in range(state.tick, last) for c in recorded.commands(tick)]
        session = Session(
            loaded, state, renderer, recorded=commands, keeping=Keeping(past=True), watching=True, after_tick=after_tick
        )
        window.say("Tracing light", 0.6)
        times = FASTEST if speed is None else speed
        loop(window, session, now_ns=lambda: int(wall_ns() * times), frames_per_s=PLAY_FRAMES_PER_S)

    Window(f"{loaded.blueprint.name}, recorded", window_size(size_px)).run(work)
    return (found[0].tick, found[0]) if found else (reached, None)
