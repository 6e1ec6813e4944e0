"""The file of a recording: a head, then blocks that are only ever added, so that a killed program leaves a beginning.

    head    magic, format version, length and digest of what follows: program, simulation, world, seed, first tick
    ticks   first tick, a 64-bit digest for every tick, and the commands that led there
    snap    a whole snapshot, compressed, every few seconds: where a replay may begin
    back    the player went back in time to a tick; what was recorded after it is void
    end     the recording was closed, not cut off

Every block carries its length and the digest of itself and the block before, so none can be changed, moved, doubled or
left out. Numbers are little-endian, contents are msgpack. What a hostile file can cost is bounded by its size.
"""

import importlib.metadata
import struct
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final

import msgpack

from engine import __version__
from engine.core.errors import CommandError, LimitError, RecordingError
from engine.sim.step import SIM_VERSION
from engine.state import snapshot
from engine.state.blueprint import Blueprint
from engine.state.commands import Command, check
from engine.state.components import COLUMNS
from engine.state.world import State, pack

MAGIC: Final = b"DAGUREC\0"
VERSION: Final = 1
HEAD: Final = struct.Struct("<8sHxxI16s")  # magic, version, bytes that follow, their digest
BLOCK: Final = struct.Struct("<4sI16s")  # kind, bytes that follow, digest of the digest before, the kind, and them
TICKS, SNAP, BACK, END = b"tick", b"snap", b"back", b"end "
DIGEST_BYTES: Final = 8  # of a tick

SNAPSHOT_TICKS: Final = 640  # between snapshots: ten seconds
FLUSH_TICKS: Final = 64  # a killed program loses at most a second
MAX_BYTES: Final = 256 << 20  # of a file: about two days of a small world
MAX_HEAD_BYTES: Final = 4096
MAX_BLOCKS: Final = 1_000_000
MAX_BLOCK_TICKS: Final = 4096
MAX_COMMAND_BYTES: Final = 1 << 20  # in one block


def layout() -> bytes:
    """8 bytes that change whenever the columns of a state do, or the version of the physics engine."""
    table = [(c.name, c.dtype, c.shape, c.default, c.low, c.high, c.part) for c in COLUMNS]
    try:
        engine = importlib.metadata.version("rapier3d")
    except importlib.metadata.PackageNotFoundError:
        engine = ""
    return blake2b(repr((snapshot.VERSION, table, engine)).encode(), digest_size=8).digest()


@dataclass(frozen=True)
class Head:
    """What a recording is of."""

    program: str  # version that made it
    simulation: int  # SIM_VERSION of it
    layout: bytes
    world: str  # its name
    file: str  # the world file's name, or the bare name of a shipped world
    world_digest: bytes  # Blueprint.digest
    seed: int
    first_tick: int
    first_digest: int  # of the state at first_tick
    every: int  # ticks between snapshots


@dataclass
class Recording:
    """A recording that was read. Commands stay packed until they are asked for."""

    head: Head
    digests: bytearray = field(default_factory=bytearray)  # DIGEST_BYTES for every tick after the first
    snapshots: dict[int, tuple[int, bytes]] = field(default_factory=dict)  # tick -> bytes unpacked, zlib
    complete: bool = False  # it was closed, and nothing follows
    flaw: str = ""  # why what follows the last good block cannot be read, or that no end does
    damaged: bool = False  # and that is more than having been cut off
    _blocks: list[tuple[int, int, bytes]] = field(default_factory=list)  # first tick, end, packed commands
    _found: tuple[int, dict[int, list[Command]]] = (-1, {})  # the last block that was asked for, unpacked

    @property
    def last_tick(self) -> int:
        """The last tick whose digest is known."""
        return self.head.first_tick + len(self.digests) // DIGEST_BYTES

    def digest(self, tick: int) -> int:
        """The digest of the state at a tick from first to last."""
        n = tick - self.head.first_tick
        if n == 0:
            return self.head.first_digest
        return int.from_bytes(self.digests[(n - 1) * DIGEST_BYTES : n * DIGEST_BYTES], "little")

    def commands(self, tick: int) -> list[Command]:
        """What was commanded in the step that left a tick. RecordingError where a forger wrote what is no command."""
        n = bisect_right(self._blocks, tick, key=lambda block: block[1])
        if n == len(self._blocks) or tick < self._blocks[n][0]:
            return []
        if self._found[0] != n:
            first, _, packed = self._blocks[n]
            self._found = n, _commands_in(first, packed)
        return self._found[1].get(tick, [])

    def snapshot_before(self, tick: int) -> tuple[int, bytes]:
        """The last snapshot at or before a tick, with its tick. RecordingError where it is none."""
        at = max((t for t in self.snapshots if t <= tick), default=-1)
        if at < 0:
            raise RecordingError(f"the recording has no snapshot at or before tick {tick}")
        n_bytes, packed = self.snapshots[at]
        try:
            unpacker = zlib.decompressobj()
            data = unpacker.decompress(packed, n_bytes)
        except zlib.error as error:
            raise RecordingError(f"the recording's snapshot of tick {at} cannot be unpacked ({error})") from None
        if len(data) != n_bytes or not unpacker.eof or unpacker.unused_data:
            raise RecordingError(f"the recording's snapshot of tick {at} is not as long as it says")
        return at, data

    def refuse_other(self, blueprint: Blueprint) -> None:
        """RecordingError where this is a recording of another world, or of another version of it."""
        if self.head.world_digest != blueprint.digest:
            raise RecordingError(
                f"the recording is of {self.head.world!r} as its file was then; {blueprint.name!r} as it is now is "
                "another world, and would be played wrong"
            )

    def _forget_after(self, tick: int) -> None:
        del self.digests[(tick - self.head.first_tick) * DIGEST_BYTES :]
        self.snapshots = {t: s for t, s in self.snapshots.items() if t <= tick}
        while self._blocks and self._blocks[-1][0] >= tick:
            self._blocks.pop()
        if self._blocks and self._blocks[-1][1] > tick:
            first, _, packed = self._blocks.pop()
            self._blocks.append((first, tick, packed))


class Recorder:
    """Writes a recording while a world runs."""

    def __init__(
        self,
        blueprint: Blueprint,
        state: State,
        file: str,
        append: Callable[[bytes], None],
        every: int = SNAPSHOT_TICKS,
    ) -> None:
        """Begins at this state. `append` keeps bytes and may raise OutputError; so may every method here."""
        self._blueprint, self._append, self._every = blueprint, append, every
        self.first_tick, self.tick, self._n_bytes = state.tick, state.tick, 0
        head = [__version__, SIM_VERSION, layout(), blueprint.name[:200], file[:200], blueprint.digest, state.seed]
        data = pack([*head, state.tick, state.digest().to_bytes(8, "little"), every])
        self._chain = _digest(b"", data)
        self._write(HEAD.pack(MAGIC, VERSION, len(data), self._chain) + data)
        self._forget()
        self._snapshot(state)

    def note(self, commands: Iterable[Command], state: State) -> None:
        """Adds a step that was made: what was commanded in it, and where it led."""
        given = pack([[command.kind, dict(command.args)] for command in commands])
        if len(given) > 1:
            self._commands.append((self.tick - self._from, given))
            self._command_bytes += len(given) + 8
        self.tick = state.tick
        self._digests += state.digest().to_bytes(DIGEST_BYTES, "little")
        due = (state.tick - self.first_tick) % self._every == 0
        full = len(self._digests) >= FLUSH_TICKS * DIGEST_BYTES or self._command_bytes > MAX_COMMAND_BYTES // 4
        if due or full:
            self.flush()
        if due:
            self._snapshot(state)

    def back(self, tick: int) -> None:
        """The world went back to a tick of this recording; what was recorded after it is void."""
        self.flush()
        self._block(BACK, [tick])
        self.tick = tick
        self._forget()

    def flush(self) -> None:
        """Writes what was noted so far."""
        if self._digests:
            commands = b"".join(_array(2) + pack(tick) + given for tick, given in self._commands)
            packed = _array(len(self._commands)) + commands
            if len(packed) > MAX_COMMAND_BYTES:
                raise LimitError(f"more than {MAX_COMMAND_BYTES:,} bytes of commands in a tick cannot be recorded")
            self._block(TICKS, [self._from, bytes(self._digests), packed])
        self._forget()

    def end(self) -> None:
        """Writes the rest, and that this is the end."""
        self.flush()
        self._block(END, [self.tick])

    def _forget(self) -> None:
        self._from, self._digests = self.tick, bytearray()
        self._commands: list[tuple[int, bytes]] = []
        self._command_bytes = 0

    def _snapshot(self, state: State) -> None:
        data = snapshot.save(self._blueprint, state)
        self._block(SNAP, [state.tick, len(data), zlib.compress(data, 6)])

    def _block(self, kind: bytes, content: Sequence[object]) -> None:
        data = pack(content)
        self._chain = _digest(self._chain, kind + data)
        self._write(BLOCK.pack(kind, len(data), self._chain) + data)

    def _write(self, data: bytes) -> None:
        self._n_bytes += len(data)
        if self._n_bytes > MAX_BYTES:
            raise LimitError(f"the recording is full: a file holds at most {MAX_BYTES:,} bytes")
        self._append(data)


def read(data: bytes) -> Recording:
    """A recording from its bytes, as far as they are good: `flaw` says what comes after.

    RecordingError where not even the head is good, or where another version of the format or the simulation wrote it.
    """
    if len(data) > MAX_BYTES:
        raise RecordingError(f"the recording is too large: a file holds at most {MAX_BYTES:,} bytes")
    recording, chain, at = _read_head(data)
    for _ in range(MAX_BLOCKS):
        if recording.complete or at == len(data):
            break
        if len(data) - at < BLOCK.size:
            recording.flaw = "it breaks off in the middle of a block"
            return recording
        kind, n_bytes, digest = BLOCK.unpack_from(data, at)
        content = data[at + BLOCK.size : at + BLOCK.size + n_bytes]
        if len(content) < n_bytes:
            recording.flaw = "it breaks off in the middle of a block"
            return recording
        chain = _digest(chain, kind + content)
        problem = "its digest does not match" if chain != digest else _take(recording, kind, content)
        if problem:
            return _damaged(recording, at, problem)
        at += BLOCK.size + n_bytes
    if at < len(data):
        return _damaged(recording, at, "something follows its end")
    if not recording.complete:
        recording.flaw = "it was cut off: the program that wrote it did not end it"
    return recording


def _damaged(recording: Recording, at: int, problem: str) -> Recording:
    recording.damaged, recording.complete = True, False
    recording.flaw = f"it is damaged from byte {at:,} on: {problem}"
    return recording


def _read_head(data: bytes) -> tuple[Recording, bytes, int]:
    if len(data) < HEAD.size or data[:8] != MAGIC:
        raise RecordingError("these bytes are no recording: they do not begin with the head of one")
    _, version, n_bytes, digest = HEAD.unpack_from(data)
    if version != VERSION:
        raise RecordingError(f"the recording has format {version}, this program reads format {VERSION}")
    content = data[HEAD.size : HEAD.size + n_bytes]
    if n_bytes > MAX_HEAD_BYTES or len(content) < n_bytes or _digest(b"", content) != digest:
        raise RecordingError("the recording's head is damaged: its digest does not match")
    kinds = (str, int, bytes, str, str, bytes, int, int, bytes, int)
    values = _unpacked(content, *kinds)
    if values is None:
        raise RecordingError("the recording's head does not hold what it must")
    program, simulation, columns, world, file, world_digest, seed, first_tick, first_digest, every = values
    first = int.from_bytes(first_digest, "little")
    head = Head(program, simulation, columns, world, file, world_digest, seed, first_tick, first, every)
    if head.simulation != SIM_VERSION or head.layout != layout():
        raise RecordingError(
            f"the recording was made by Daguerre {head.program[:20]!r} with simulation {head.simulation}; this is "
            f"{__version__} with simulation {SIM_VERSION}, which would play it wrong"
        )
    if not (0 <= seed < 2**63 and 0 <= first_tick < 2**62 and len(first_digest) == 8 and 1 <= every < 2**31):
        raise RecordingError("the recording's head holds a number that is out of range")
    return Recording(head), digest, HEAD.size + n_bytes


def _take(recording: Recording, kind: bytes, content: bytes) -> str:
    """Adds a block to a recording; what is wrong with it, "" if nothing."""
    if kind == TICKS:
        values = _unpacked(content, int, bytes, bytes)
        if values is None:
            return "ticks that are none"
        first, digests, commands = values
        n_ticks, odd = divmod(len(digests), DIGEST_BYTES)
        if odd or not 0 < n_ticks <= MAX_BLOCK_TICKS or len(commands) > MAX_COMMAND_BYTES:
            return "ticks that are too many or none"
        if first != recording.last_tick or not recording.snapshots:
            return "ticks that do not follow the ones before"
        recording._blocks.append((first, first + n_ticks, commands))
        recording.digests += digests
    elif kind == SNAP:
        values = _unpacked(content, int, int, bytes)
        if values is None or values[0] != recording.last_tick or not 0 < values[1] <= snapshot.MAX_BYTES:
            return "a snapshot that is none"
        recording.snapshots[values[0]] = values[1], values[2]
    elif kind in (BACK, END):
        values = _unpacked(content, int)
        if values is None or not recording.head.first_tick <= values[0] <= recording.last_tick:
            return "a tick that was not recorded"
        if kind == BACK:
            recording._forget_after(values[0])
        else:
            recording.complete = values[0] == recording.last_tick
            return "" if recording.complete else "an end at another tick"
    else:
        return "a kind of block that this program does not know"
    return ""


def _commands_in(first_tick: int, packed: bytes) -> dict[int, list[Command]]:
    """The commands of a block by tick."""
    found: dict[int, list[Command]] = {}
    try:
        for offset, given in snapshot.rows_in(packed, MAX_BLOCK_TICKS, MAX_COMMAND_BYTES):
            if type(offset) is not int or not 0 <= offset < MAX_BLOCK_TICKS or first_tick + offset in found:
                raise ValueError("a tick is out of range")
            tick = first_tick + offset
            found[tick] = [check(Command(tick, kind, args)) for kind, args in given]
    except (ValueError, TypeError, CommandError) as error:
        raise RecordingError(
            f"the recording's commands from tick {first_tick} on are wrong: {str(error)[:300]}"
        ) from None
    return found


def _unpacked(content: bytes, *kinds: type) -> list[Any] | None:
    """A packed list of values of these types; None where it is another."""
    try:
        values = msgpack.unpackb(content, raw=False, use_list=True, max_array_len=len(kinds), max_map_len=0)
    except (ValueError, RecursionError):
        return None
    good = isinstance(values, list) and [type(v) for v in values] == list(kinds)
    return values if good else None


def _array(n: int) -> bytes:
    """The head of a packed list."""
    data: bytes = msgpack.Packer().pack_array_header(n)
    return data


def _digest(before: bytes, content: bytes) -> bytes:
    return blake2b(before + content, digest_size=16).digest()
