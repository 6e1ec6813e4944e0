"""The past of a world that is being played: any tick of the last minutes again, exactly, in a bounded memory.

Every second a snapshot is kept, packed against an older one; what lies between is simulated again with the commands
that were given. Going back tick by tick, a second of states is made at a time and kept until another is asked for.
"""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from engine.core.errors import RecordingError
from engine.core.units import TICK_HZ
from engine.sim.script_port import Script
from engine.sim.step import step
from engine.state import snapshot
from engine.state.blueprint import Blueprint
from engine.state.commands import Command
from engine.state.world import State, pack

KEPT_TICKS: Final = 600 * TICK_HZ  # ten minutes
KEPT_BYTES: Final = 256 << 20
SPACING_TICKS: Final = TICK_HZ
GROUP: Final = 16  # snapshots that are packed against the same one
SECOND_BYTES: Final = 300  # that a kept snapshot takes in memory beside its packed bytes, about
COMMAND_BYTES: Final = 200  # that a command takes in memory beside its packed bytes, about


@dataclass
class _Second:
    """A snapshot and what was commanded until the next."""

    tick: int
    base: int  # tick of the snapshot it is packed against; its own where it is whole
    packed: bytes
    commands: list[Command] = field(default_factory=list)
    n_bytes: int = 0  # of memory


class History:
    """Keeps the last ticks of one run. Give it every step that is made."""

    def __init__(
        self,
        blueprint: Blueprint,
        state: State,
        script: Script | None = None,
        kept_ticks: int = KEPT_TICKS,
        kept_bytes: int = KEPT_BYTES,
    ) -> None:
        """Begins at this state; nothing before it can be reached."""
        self._blueprint, self._script = blueprint, script
        self._kept_ticks, self._kept_bytes = kept_ticks, kept_bytes
        self.last_tick = state.tick
        self.n_bytes = 0  # of memory that the past takes
        self._seconds: list[_Second] = []
        self._base: tuple[int, bytes] = (-1, b"")  # the snapshot that new ones are packed against
        self._second: tuple[int, bytes, list[bytes]] = (
            -1,
            b"",
            [],
        )  # its tick and snapshot, and of every tick from it on
        self._keep(state)

    @property
    def first_tick(self) -> int:
        """The earliest tick that can be reached."""
        return self._seconds[0].tick

    def note(self, commands: Iterable[Command], state: State) -> None:
        """Adds a step that was made: what was commanded in it, and where it led."""
        second = self._seconds[-1]
        for command in commands:
            second.commands.append(command)
            n_bytes = COMMAND_BYTES + len(pack([command.kind, dict(command.args)]))
            second.n_bytes += n_bytes
            self.n_bytes += n_bytes
        self.last_tick = state.tick
        if self.n_bytes > self._kept_bytes:
            self._drop_oldest()
        if state.tick - second.tick >= SPACING_TICKS:
            self._keep(state)

    def state_at(self, tick: int, spare: State | None = None) -> State:
        """The state at a tick from first to last. RecordingError for others.

        `spare` is a state of this world that is no longer needed: see snapshot.load.
        """
        if not self.first_tick <= tick <= self.last_tick:
            raise RecordingError(f"the past that is kept has ticks {self.first_tick} to {self.last_tick}, not {tick}")
        second = next(s for s in reversed(self._seconds) if s.tick <= tick)
        if self._second[0] != second.tick or len(self._second[2]) <= tick - second.tick:
            spare = self._simulate(second, tick, spare)
        _, base, packed = self._second
        data = _unpacked(packed[tick - second.tick], base)
        return snapshot.load(self._blueprint, data, spare)

    def forget_after(self, tick: int) -> None:
        """What came after a tick is no longer the past: the world goes on from there."""
        while self._seconds[-1].tick > tick:
            self.n_bytes -= self._seconds.pop().n_bytes
        second = self._seconds[-1]
        second.commands = [command for command in second.commands if command.tick < tick]
        self.last_tick = tick
        self._second = (-1, b"", [])
        if self._base[0] > tick:
            self._base = (-1, b"")

    def _simulate(self, second: _Second, tick: int, spare: State | None) -> State:
        """Goes from a second's snapshot to a tick and keeps every state on the way; returns the last."""
        base = self._data_of(second)
        state = snapshot.load(self._blueprint, base, spare)
        by_tick: dict[int, list[Command]] = {}
        for command in second.commands:
            by_tick.setdefault(command.tick, []).append(command)
        packed = [_packed(base, base)]
        while state.tick < tick:
            step(self._blueprint, state, by_tick.get(state.tick, ()), self._script)
            packed.append(_packed(snapshot.save(self._blueprint, state), base))
        self._second = second.tick, base, packed
        return state

    def _keep(self, state: State) -> None:
        data = snapshot.save(self._blueprint, state)
        base_tick, base = self._base
        if base_tick < 0 or state.tick - base_tick >= GROUP * SPACING_TICKS:
            self._base = base_tick, base = state.tick, data
            packed = _packed(data, b"")
        else:
            packed = _packed(data, base)
        second = _Second(state.tick, base_tick, packed, n_bytes=len(packed) + SECOND_BYTES)
        self._seconds.append(second)
        self.n_bytes += second.n_bytes
        self._drop_oldest()

    def _drop_oldest(self) -> None:
        """Whole groups go, since their members are packed against the first."""
        while True:
            group = [s for s in self._seconds if s.base == self._seconds[0].base]
            rest = len(self._seconds) - len(group)
            if not rest:
                return
            too_old = self._seconds[len(group)].tick <= self.last_tick - self._kept_ticks
            if not too_old and self.n_bytes <= self._kept_bytes:
                return
            self.n_bytes -= sum(s.n_bytes for s in group)
            del self._seconds[: len(group)]

    def _data_of(self, second: _Second) -> bytes:
        if second.base == second.tick:
            return _unpacked(second.packed, b"")
        base = next(s for s in self._seconds if s.tick == second.base)
        return _unpacked(second.packed, _unpacked(base.packed, b""))


def _packed(data: bytes, base: bytes) -> bytes:
    """A snapshot packed against another one: what both agree in becomes zeros, and zeros take next to no room."""
    return zlib.compress(_xor(data, base), 1)


def _unpacked(packed: bytes, base: bytes) -> bytes:
    return _xor(zlib.decompress(packed), base)


def _xor(data: bytes, base: bytes) -> bytes:
    """Bytes as many as in `data`, each XOR the byte of `base` at its place where there is one."""
    n = min(len(data), len(base))
    return (np.frombuffer(data[:n], np.uint8) ^ np.frombuffer(base[:n], np.uint8)).tobytes() + data[n:]
