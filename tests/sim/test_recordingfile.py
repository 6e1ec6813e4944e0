"""The file of a recording: what goes in comes out, a beginning of it is readable, and nothing forged is played."""

import random
import zlib
from functools import cache

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.errors import DaguerreError, LimitError, RecordingError
from engine.sim import recordingfile
from engine.sim.recording import first_parting, replay, run, state_at
from engine.sim.recordingfile import BACK, BLOCK, END, HEAD, MAGIC, SNAP, TICKS, Recorder, _digest, read
from engine.sim.step import SIM_VERSION, step
from engine.state import snapshot
from engine.state.commands import Command, check
from engine.state.world import new_state, pack
from tests.sim.test_step import COMMANDS
from tests.worlds_for_tests import empty_world, lively_world

WORLD = lively_world()
LAST = 300
GIVEN = [c for c in COMMANDS if c.tick < LAST] + [Command(250, "look", {"yaw": 0.1, "pitch": 0.0}), Command(250, "use")]


def record(commands: list[Command], last: int = LAST, every: int = 100, end: bool = True) -> tuple[bytes, list[int]]:
    """A recording's bytes, and the digest of every tick."""
    state, data = new_state(WORLD, 7), bytearray()
    recorder = Recorder(WORLD, state, "lively.star", data.extend, every)
    digests = [state.digest()]
    while state.tick < last:
        now = [c for c in commands if c.tick == state.tick]
        step(WORLD, state, now)
        recorder.note(now, state)
        digests.append(state.digest())
    if end:
        recorder.end()
    return bytes(data), digests


@cache
def recorded() -> tuple[bytes, list[int]]:
    return record(GIVEN)


def blocks(data: bytes) -> list[tuple[bytes, bytes, int]]:
    """Kind, content and place of every block."""
    at, found = HEAD.size + HEAD.unpack_from(data)[2], []
    while at < len(data):
        kind, n_bytes, _ = BLOCK.unpack_from(data, at)
        found.append((kind, data[at + BLOCK.size : at + BLOCK.size + n_bytes], at))
        at += BLOCK.size + n_bytes
    return found


def sealed(head: bytes, parts: list[tuple[bytes, bytes]], version: int = recordingfile.VERSION) -> bytes:
    """A file with these contents and right digests, as a forger would write it."""
    chain = _digest(b"", head)
    data = HEAD.pack(MAGIC, version, len(head), chain) + head
    for kind, content in parts:
        chain = _digest(chain, kind + content)
        data += BLOCK.pack(kind, len(content), chain) + content
    return data


def head_of(data: bytes) -> bytes:
    return data[HEAD.size : HEAD.size + HEAD.unpack_from(data)[2]]


def test_what_was_recorded_is_read() -> None:
    data, digests = recorded()
    recording = read(data)
    head = recording.head
    assert (head.world, head.file, head.seed, head.first_tick, head.simulation) == (
        "test",
        "lively.star",
        7,
        0,
        SIM_VERSION,
    )
    assert recording.complete and recording.flaw == "" and recording.last_tick == LAST
    assert [recording.digest(t) for t in range(LAST + 1)] == digests
    for tick in range(LAST + 5):
        assert recording.commands(tick) == [check(c) for c in GIVEN if c.tick == tick]
    assert sorted(recording.snapshots) == [0, 100, 200, 300]
    assert len(data) < LAST * 8 + 4 * 2000 + 2000, "8 bytes a tick beside snapshots and commands"


def test_a_replay_agrees_and_every_tick_can_be_reached() -> None:
    data, digests = recorded()
    recording, ticks = read(data), []
    assert replay(WORLD, recording, after_tick=lambda state: ticks.append(state.tick)) is None
    assert ticks == list(range(1, LAST + 1))
    for tick in (0, 1, 99, 100, 101, 250, LAST):
        assert state_at(WORLD, recording, tick).digest() == digests[tick]
    for tick in (-1, LAST + 1):
        with pytest.raises(RecordingError, match="has ticks 0 to 300"):
            state_at(WORLD, recording, tick)


def test_a_replay_names_the_first_tick_that_differs() -> None:
    data, _ = recorded()
    parts = [(kind, content) for kind, content, _ in blocks(data)]
    first, digests, commands = msgpack.unpackb(parts[2][1])
    assert parts[2][0] == TICKS and first == 64
    changed = bytearray(digests)
    changed[8 * 10] ^= 1  # the digest of tick 75
    parts[2] = (TICKS, pack([first, bytes(changed), commands]))
    found = replay(WORLD, read(sealed(head_of(data), parts)))
    assert found is not None and found.tick == 75 and str(found).startswith("tick 75: recorded ")
    with pytest.raises(RecordingError, match="it differs at tick 75"):
        state_at(WORLD, read(sealed(head_of(data), parts)), 80)


def test_two_recordings_part_at_the_first_tick_and_the_command_is_named() -> None:
    one = read(recorded()[0])
    assert first_parting(one, read(record(GIVEN, 200, 50)[0])) == (None, None)
    other = [c if c.tick != 90 else Command(90, "look", {"yaw": 0.5}) for c in GIVEN]
    assert first_parting(one, read(record(other)[0])) == (91, 90)


def test_a_killed_program_leaves_a_readable_beginning() -> None:
    """Every prefix reads as the ticks that are whole in it; none is played wrong."""
    data, digests = recorded()
    start = blocks(data)[1][2]  # after the first snapshot
    for length in [*range(start, len(data), 97), len(data) - 1]:
        recording = read(data[:length])
        assert not recording.complete and recording.flaw and not recording.damaged
        last = recording.last_tick
        assert last <= LAST and [recording.digest(t) for t in range(last + 1)] == digests[: last + 1]
    assert replay(WORLD, read(data[: len(data) // 2])) is None
    assert read(data[: blocks(data)[3][2]]).flaw == "it was cut off: the program that wrote it did not end it"
    for length in range(start):
        try:
            recording = read(data[:length])
        except RecordingError:
            continue
        with pytest.raises(RecordingError, match="no snapshot"):
            replay(WORLD, recording)


def test_going_back_in_time_makes_what_followed_void() -> None:
    for back_to in (0, 64, 100, 149):
        state, data = new_state(WORLD, 7), bytearray()
        recorder = Recorder(WORLD, state, "w", data.extend, 100)
        for tick in range(150):
            now = [Command(tick, "look", {"yaw": 0.01})]
            step(WORLD, state, now)
            recorder.note(now, state)
        recorder.back(back_to)
        state = run(WORLD, new_state(WORLD, 7), back_to, [Command(t, "look", {"yaw": 0.01}) for t in range(back_to)])
        while state.tick < 190:
            now = [Command(state.tick, "move", {"forward": 1.0})] if state.tick == back_to else []
            step(WORLD, state, now)
            recorder.note(now, state)
        recorder.end()
        recording = read(bytes(data))
        assert recording.complete and recording.last_tick == 190 and replay(WORLD, recording) is None
        assert state_at(WORLD, recording, 190).digest() == state.digest()
        assert len(recording.commands(back_to)) == 1 and recording.commands(back_to + 1) == []


def test_recordings_of_others_are_refused_by_name() -> None:
    data, _ = recorded()
    head = msgpack.unpackb(head_of(data))
    for index, value in ((1, SIM_VERSION + 1), (2, b"12345678")):
        other = [*head[:index], value, *head[index + 1 :]]
        with pytest.raises(RecordingError, match="would play it wrong"):
            read(sealed(pack(other), []))
    with pytest.raises(RecordingError, match="format 9"):
        read(sealed(pack(head), [], version=9))
    with pytest.raises(RecordingError, match="another world, and would be played wrong"):
        replay(empty_world(), read(data))


@pytest.mark.parametrize("bad", [b"", b"hello", MAGIC, MAGIC + bytes(40), b"DAGUERRE" + bytes(100)])
def test_bytes_that_are_no_recording_are_refused(bad: bytes) -> None:
    with pytest.raises(RecordingError):
        read(bad)


@pytest.mark.parametrize(
    ("kind", "content", "why"),
    [
        (TICKS, [0, b"", b"\x90"], "too many or none"),
        (TICKS, [0, bytes(9), b"\x90"], "too many or none"),
        (TICKS, [0, bytes(8 * 5000), b"\x90"], "too many or none"),
        (TICKS, [0, bytes(8), bytes(2 << 20)], "too many or none"),
        (TICKS, [1, bytes(8), b"\x90"], "do not follow"),
        (TICKS, [-1, bytes(8), b"\x90"], "do not follow"),
        (TICKS, [0, [], b"\x90"], "ticks that are none"),
        (TICKS, {"a": 1}, "ticks that are none"),
        (SNAP, [5, 10, b"x"], "a snapshot that is none"),
        (SNAP, [0, 1 << 40, b"x"], "a snapshot that is none"),
        (SNAP, [True, 10, b"x"], "a snapshot that is none"),
        (BACK, [7], "a tick that was not recorded"),
        (BACK, [-1], "a tick that was not recorded"),
        (END, ["x"], "a tick that was not recorded"),
        (b"evil", [1], "does not know"),
    ],
)
def test_forged_blocks_are_named(kind: bytes, content: object, why: str) -> None:
    data, _ = recorded()
    start = blocks(data)[0]
    recording = read(sealed(head_of(data), [(start[0], start[1]), (kind, pack(content))]))
    assert (
        recording.damaged
        and recording.flaw.startswith("it is damaged from byte")
        and why in recording.flaw
        and recording.last_tick == 0
    )


@pytest.mark.parametrize(
    ("commands", "why"),
    [
        ([[0, [["fly", {}]]]], "no such command"),
        ([[0, [["look", {"yaw": float("nan")}]]]], "yaw"),
        ([[0, [["look", {"yaw": 1e300}]]]], "yaw"),
        ([[0, [["look"]]]], "unpack"),
        ([[0, [["look", 5]]]], "args"),
        ([[-1, []]], "out of range"),
        ([[True, []]], "out of range"),
        ([[0, []], [0, []]], "out of range"),
        ([[0, [["teleport", {"position": [-3.0, 1.0, 1.0], "yaw": 0.0, "pitch": 0.0}]]]], "cannot be followed"),
        (7, "wrong"),
        ([7], "wrong"),
        (["\U0001f600" * 9], "wrong"),
    ],
)
def test_forged_commands_are_refused(commands: object, why: str) -> None:
    data, digests = recorded()
    start = blocks(data)[0]
    block = (TICKS, pack([0, digests[1].to_bytes(8, "little"), pack(commands)]))
    with pytest.raises(RecordingError, match=why):
        replay(WORLD, read(sealed(head_of(data), [(start[0], start[1]), block])))


def test_a_snapshot_that_unpacks_to_something_else_is_refused() -> None:
    data, _ = recorded()
    bomb = zlib.compress(bytes(100 << 20), 9)
    whole = snapshot.save(WORLD, new_state(WORLD, 7))
    other_seed = snapshot.save(WORLD, new_state(WORLD, 8))
    later = run(WORLD, new_state(WORLD, 7), 5)
    for n_bytes, packed, why in [
        (1000, bomb, "not as long as it says"),
        (50 << 20, bomb, "not as long as it says"),
        (1000, b"garbage", "cannot be unpacked"),
        (1000, b"", "not as long"),
        (len(whole), zlib.compress(whole) + b"x", "not as long"),
        (5, zlib.compress(b"hello"), "no snapshot"),
        (len(other_seed), zlib.compress(other_seed), "of another run"),
        (len(snapshot.save(WORLD, later)), zlib.compress(snapshot.save(WORLD, later)), "of another run"),
    ]:
        recording = read(sealed(head_of(data), [(SNAP, pack([0, n_bytes, packed]))]))
        with pytest.raises(DaguerreError, match=why):
            replay(WORLD, recording)


@settings(max_examples=150)
@given(st.data())
def test_mutants_are_refused_or_cut_short_never_played_wrong(draw: st.DataObject) -> None:
    """Flips, cuts, splices and doubled blocks: what is read is a true beginning of the recording."""
    data, digests = recorded()
    mutant = bytearray(data)
    for _ in range(draw.draw(st.integers(1, 3))):
        a, b = sorted(draw.draw(st.tuples(st.integers(0, len(mutant)), st.integers(0, len(mutant)))))
        how = draw.draw(st.sampled_from(["flip", "cut", "splice", "double", "tail"]))
        if how == "flip" and a < len(mutant):
            mutant[a] ^= 1 << draw.draw(st.integers(0, 7))
        elif how == "cut":
            del mutant[a:b]
        elif how == "splice":
            mutant[a:b] = data[-(b - a) :] if b > a else b""
        elif how == "double":
            mutant[b:b] = mutant[a:b]
        else:
            del mutant[b:]
    try:
        recording = read(bytes(mutant))
    except RecordingError:
        return
    last = recording.last_tick
    assert [recording.digest(t) for t in range(last + 1)] == digests[: last + 1]
    assert recording.complete == (bytes(mutant) == data)


def test_a_recording_that_something_follows_is_not_complete() -> None:
    data, digests = recorded()
    for tail in (b"x", data):
        recording = read(data + tail)
        assert not recording.complete and "something follows its end" in recording.flaw
        assert [recording.digest(t) for t in range(recording.last_tick + 1)] == digests


def mutated_value(rng: random.Random, value: object) -> object:
    """Something like a value, but wrong."""
    odd = [
        None,
        -1,
        0,
        2**31,
        2**63 - 1,
        2**64 - 1,
        -(2**63),
        1.5,
        float("nan"),
        "",
        "x" * 5000,
        b"",
        bytes(999),
        [],
        {},
    ]
    return rng.choice([*odd, [value], [[]] * 50, True])


@pytest.mark.parametrize("n", [150, pytest.param(5_000, marks=pytest.mark.slow)])
def test_forged_mutants_only_raise_our_own_errors(n: int) -> None:
    """With all digests right: values of other types and sizes, blocks moved, doubled, left out."""
    data, _ = recorded()
    rng, head = random.Random(3), msgpack.unpackb(head_of(data))
    running = new_state(WORLD, 7)
    before, refused = running.digest(), 0
    for _ in range(n):
        parts, own = [(kind, content) for kind, content, _ in blocks(data)], list(head)
        for _ in range(rng.randint(1, 2)):
            i, how = rng.randrange(len(parts)), rng.random()
            if how < 0.6:
                values = msgpack.unpackb(parts[i][1])
                j = rng.randrange(len(values))
                values[j] = mutated_value(rng, values[j])
                if how < 0.2 and isinstance(values[-1], bytes) and parts[i][0] == TICKS:
                    values[-1] = pack([[rng.choice([0, 1, 5, 70, -1]), mutated_value(rng, [["use", {}]])]])
                parts[i] = (parts[i][0], msgpack.packb(values))
            elif how < 0.7:
                parts[i:i] = [rng.choice(parts)]
            elif how < 0.8:
                del parts[i]
            elif how < 0.9:
                parts[i] = (rng.choice([TICKS, SNAP, BACK, END]), parts[i][1])
            else:
                own[rng.randrange(len(own))] = mutated_value(rng, 1)
            parts = parts or [(END, pack([0]))]
        try:
            recording = read(sealed(msgpack.packb(own), parts))
            for tick in (0, 70, recording.last_tick):
                recording.commands(tick)
            state_at(WORLD, recording, min(recording.last_tick, 3))
        except DaguerreError:
            refused += 1
    assert running.digest() == before and 0.1 * n < refused < n


def test_a_recorder_stops_at_the_caps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recordingfile, "MAX_BYTES", 5_000)
    with pytest.raises(LimitError, match="the recording is full"):
        record(GIVEN, 1000)
    with pytest.raises(RecordingError, match="too large"):
        read(bytes(5_001))
    many = [Command(0, "look", {"yaw": 0.0})] * 60_000
    with pytest.raises(LimitError, match="in a tick cannot be recorded"):
        record(many, 1)


def test_a_block_is_flushed_early_where_there_are_many_commands() -> None:
    busy = [Command(tick, "look", {"yaw": 0.001}) for tick in range(20) for _ in range(1500)]
    recording = read(record(busy, 20)[0])
    assert recording.complete and len(recording._blocks) > 1 and replay(WORLD, recording) is None
    assert len(recording.commands(19)) == 1500
