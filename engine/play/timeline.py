"""The run of a world in play: it goes on tick by tick, back in time, away into a file, and is kept and fetched again.

What fails to be written never stops the world: it is said once, and the run goes on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.core.disk import Growing
from engine.core.errors import DaguerreError, OutputError
from engine.core.units import TICK_S
from engine.script.worldfile import LoadedWorld
from engine.sim.history import History
from engine.sim.recordingfile import MAGIC, Recorder
from engine.sim.step import step
from engine.sim.systems import bodies
from engine.sim.ways import Ways, lend
from engine.state import saves, snapshot
from engine.state.commands import Command
from engine.state.saves import SaveFolder
from engine.state.world import State


@dataclass(frozen=True)
class Keeping:
    """What is kept of a run, and where."""

    past: bool = False  # the last ten minutes, to go back to
    recording: Path | None = None
    save: Path | None = None  # the folder that quick saves go to
    world_file: str = ""  # name of the world file, for the recording


class Timeline:
    """A state and the ways to change which it is."""

    def __init__(self, world: LoadedWorld, state: State, keeping: Keeping, say: Callable[[str], None]) -> None:
        """`say` tells the player. OutputError where the recording cannot be begun."""
        self.world, self.state = world, state
        self._keeping, self._say = keeping, say
        self._saves = None if keeping.save is None else SaveFolder(keeping.save)
        self._file: Growing | None = None
        self._recorder: Recorder | None = None
        self._recordings = 0
        self._is_back_from: int | None = None  # the tick at which it began to go back
        self._history: History | None = None
        self._begin()

    def tick(self, commands: Sequence[Command]) -> None:
        """Makes one step."""
        step(self.world.blueprint, self.state, commands, self.world.script)
        if self._history is not None:
            try:
                self._history.note(commands, self.state)
            except DaguerreError as error:  # a state too large for a snapshot
                self._history = None
                self._say(f"the past is no longer kept: {error}")
        if self._recorder is not None:
            try:
                self._recorder.note(commands, self.state)
            except DaguerreError as error:
                self._stop_recording(error)

    # ---- back in time

    def go_back(self, ticks: int) -> str:
        """Goes back so many ticks, or as far as the past is kept; returns what to say meanwhile."""
        if self._history is None:
            return "the past is not kept here"
        if self._is_back_from is None:
            self._is_back_from = self.state.tick
        target = max(self.state.tick - ticks, self._history.first_tick)
        if target != self.state.tick:
            self.state = self._history.state_at(target, self.state)
        back_s = (self._is_back_from - target) * TICK_S
        end = ", no earlier past is kept" if target == self._history.first_tick else ""
        return f"<< {back_s:.1f} s back in time{end}"

    def go_on(self) -> None:
        """What came after this tick is no longer: the world goes on from here."""
        if self._history is not None and self._is_back_from not in (None, self.state.tick):
            self._history.forget_after(self.state.tick)
            if self._recorder is not None:
                try:
                    self._recorder.back(self.state.tick)
                except DaguerreError as error:
                    self._stop_recording(error)
        self._is_back_from = None

    def go_on_in(self, world: LoadedWorld, state: State) -> None:
        """Goes on with a state of another version of the world; its past and its recording begin there."""
        ways = self.state.derived.get("ways")
        if isinstance(ways, Ways) and world.blueprint.voxels is self.world.blueprint.voxels:
            lend(ways, state)
        self.world, self.state = world, state
        self._begin()

    # ---- saves

    def save(self) -> str:
        """Keeps this state in the save; returns what to say."""
        if self._saves is None:
            return "nothing is saved here"
        try:
            path = self._saves.write(snapshot.save(self.world.blueprint, self.state))
        except DaguerreError as error:
            return f"not saved: {error}"
        return f"saved tick {self.state.tick} ({path.parent.name}, {path.stem.lstrip('0')})"

    def load(self) -> str:
        """Goes on from the newest save; returns what to say. Where there is none, nothing changes."""
        if self._keeping.save is None:
            return "nothing is saved here"
        try:
            state, _, problems = saves.newest(self.world.blueprint, self._keeping.save)
            bodies.of(state)  # physics that is no physics is refused here, not in the middle of play
        except DaguerreError as error:
            return str(error)
        self.state = state
        self._begin()
        older = "; an older save, the newest is damaged" if problems else ""
        return f"back at tick {state.tick}{older}"

    def close(self) -> None:
        """Ends the recording and lets the save go."""
        self._end_recording()
        if self._saves is not None:
            self._saves.close()

    # ---- the recording

    def _begin(self) -> None:
        """A new run from this state: a past of its own, and a recording of its own."""
        self._is_back_from = None
        if self._keeping.past:
            self._history = History(self.world.blueprint, self.state, self.world.script)
        if self._keeping.recording is None:
            return
        self._end_recording()
        self._recordings += 1
        path = self._keeping.recording
        if self._recordings > 1:
            path = path.with_stem(f"{path.stem}-{self._recordings}")
        try:
            self._file = Growing(path, MAGIC)
            self._recorder = Recorder(self.world.blueprint, self.state, self._keeping.world_file, self._file.append)
        except DaguerreError as error:
            if self._recordings == 1:
                raise
            self._stop_recording(error)

    def _end_recording(self) -> None:
        try:
            if self._recorder is not None:
                self._recorder.end()
            if self._file is not None:
                self._file.close()
        except DaguerreError as error:
            self._say(f"the recording is not whole: {error}")
        self._file = self._recorder = None

    def _stop_recording(self, error: DaguerreError) -> None:
        """What was written so far stays; the world goes on without a recording."""
        self._recorder = None
        self._say(f"the recording stopped: {error}")
        try:
            if self._file is not None:
                self._file.close()
        except OutputError:
            pass  # said already
        self._file = None
