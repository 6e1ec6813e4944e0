"""Saves that chance or malice has changed: refused in our own words, quickly, in little memory, and without effect.

The full numbers (20,000 of each kind) run with --slow; a few hundred always.
"""

import random
import resource
import sys
import time
import tracemalloc
from collections.abc import Callable
from functools import cache

import msgpack
import numpy as np
import pytest

from engine.core.errors import DaguerreError, SnapshotError
from engine.script.worldfile import load as load_world
from engine.sim.step import step
from engine.sim.ways import ways_of
from engine.state.components import COLUMN_BY_NAME
from engine.state.snapshot import HEADER, MAGIC, MAX_BYTES, VERSION, _content_digest, load, save
from engine.state.world import new_state
from tests.state.test_snapshot import DATA, WORLD, busy_state, sealed, sections

FAST, FULL = 300, 20_000
MOST_S = 1.0  # of processor time for one mutant
MOST_BYTES = 256 << 20
how_many = pytest.mark.parametrize("n", [FAST, pytest.param(FULL, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])])

Mutate = Callable[[random.Random], bytes]


def survive(mutate: Mutate, n: int) -> int:
    """Loads so many mutants; how many were refused. Those that were not are whole states that go on."""
    running = busy_state()
    ways_of(running).towards(0, np.zeros(1, np.int64))  # compiles what finds ways: no mutant is charged with that
    before, refused, slowest_s = running.digest(), 0, 0.0
    for seed in range(n):
        mutant = mutate(random.Random(seed))
        started = time.process_time()
        try:
            state = load(WORLD, mutant)
        except SnapshotError as error:
            refused += 1
            assert "\n" not in str(error) and len(str(error)) < 600, seed
        else:
            assert save(WORLD, state) == mutant, seed
            step(WORLD, state)
            load(WORLD, save(WORLD, state))
        slowest_s = max(slowest_s, time.process_time() - started)
        assert slowest_s < MOST_S, f"mutant {seed} took {slowest_s:.2f} s"
    assert running.digest() == before
    print(f"{n} mutants, {refused} refused, the slowest took {slowest_s * 1e3:.1f} ms", file=sys.stderr)
    return refused


def damaged(rng: random.Random) -> bytes:
    """Flipped bits, cuts, splices and doubled blocks."""
    data = bytearray(DATA)
    while bytes(data) == DATA:
        for _ in range(rng.randint(1, 4)):
            a = rng.randrange(len(data) + 1)
            b = min(a + rng.choice([1, 2, 7, 64, 500]), len(data))
            how = rng.randrange(6)
            if how == 0 and a < len(data):
                data[a] ^= 1 << rng.randrange(8)
            elif how == 1:
                del data[a:]
            elif how == 2:
                del data[a:b]
            elif how == 3:
                data[b:b] = data[a:b]
            elif how == 4:
                other = rng.randrange(len(DATA))
                data[a:b] = DATA[other : other + b - a]
            elif how == 5:
                data[a:b] = rng.randbytes(b - a)
    return bytes(data)


ODD = [
    None, True, False, -1, 0, 1, 2**31, 2**32, 2**53, 2**62, 2**63 - 1, 2**64 - 1, -(2**63), 999 << 20 | 2, 1 << 20,
    2 << 20, 0.0, -0.0, 1.5, 1e308, 5e-324, float("nan"), float("inf"), float("-inf"),
    "", "x", "player", "\ud7ff", "x" * 5000, b"", b"x" * 50, [], [[]], {}, {"a": 1}, [None] * 300,
]  # fmt: skip


def deep(rng: random.Random) -> bytes:
    return rng.choice([b"\x91", b"\x92\x90", b"\x81\x01"]) * rng.choice([5, 500, 1100, 50_000]) + b"\xc0"


def huge_count(rng: random.Random) -> bytes:
    """A head that announces more than there is."""
    head = rng.choice([b"\xdd", b"\xdb", b"\xc6", b"\xdf", b"\xc9"])
    return (
        head
        + rng.choice([b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x00\x0f\xff\xff"])
        + rng.randbytes(rng.choice([0, 5, 50]))
    )


def changed_value(rng: random.Random, value: object) -> object:
    """A packed value with something in it that is wrong, however deep."""
    if isinstance(value, list) and value and rng.random() < 0.8:
        value, i, how = list(value), rng.randrange(len(value)), rng.random()
        if how < 0.7:
            value[i] = changed_value(rng, value[i])
        elif how < 0.8:
            value.insert(i, value[i])
        elif how < 0.9:
            del value[i]
        else:
            rng.shuffle(value)
        return value
    return rng.choice(ODD)


@cache
def packed_sections() -> frozenset[str]:
    return frozenset(n for n in sections() if n not in COLUMN_BY_NAME and not n.startswith("voxels"))


def forged(rng: random.Random) -> bytes:
    """A save whose digest is right and whose content is not: it knows how a save is made."""
    entries = [[name, data] for name, data in sections().items()]
    for _ in range(rng.randint(1, 3)):
        entry = rng.choice(entries)
        name, data, how = entry[0], entry[1], rng.random()
        if how < 0.08:
            entries.append(entry)
        elif how < 0.14 and len(entries) > 1:
            entries.remove(entry)
        elif how < 0.18:
            entry[0] = rng.choice(["", "x" * 200, "parts", 7, None])
        elif how < 0.22:
            entry[1] = rng.choice([deep, huge_count])(rng)
        elif how < 0.25:
            entry[1] = rng.choice(ODD)
        elif not isinstance(data, bytes) or not isinstance(name, str):
            continue
        elif name in COLUMN_BY_NAME and data:
            dtype = np.dtype(COLUMN_BY_NAME[name].dtype)
            values = np.frombuffer(data[: len(data) // dtype.itemsize * dtype.itemsize], dtype).copy()
            i = rng.randrange(len(values)) if len(values) else 0
            if how < 0.5:
                raw = bytearray(values.tobytes())
                raw[rng.randrange(len(raw))] = rng.choice([0, 1, 2, 3, 127, 128, 255])
                entry[1] = bytes(raw)
            elif how < 0.85 and dtype.kind == "f":
                values[i] = rng.choice([np.nan, np.inf, -np.inf, -0.0, 1e38, -1.0, 0.5])
                entry[1] = values.tobytes()
            elif how < 0.85 and dtype.kind in "iu":
                info = np.iinfo(dtype)
                values[i] = rng.choice([info.min, info.max, 0, 1, min(37, info.max)])
                entry[1] = values.tobytes()
            else:
                entry[1] = rng.choice([data[:-1], data + b"\0", data + data, b""])
        elif name.startswith("voxels"):
            raw = bytearray(data or b"\0")
            raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
            entry[1] = bytes(raw) if how < 0.8 else data + data
        elif name in packed_sections():
            try:
                entry[1] = msgpack.packb(changed_value(rng, msgpack.unpackb(data)))
            except (ValueError, TypeError, UnicodeError):
                entry[1] = b"\xc1"
    return sealed(msgpack.packb(entries))


@how_many
def test_damaged_saves_are_refused(n: int) -> None:
    assert survive(damaged, n) == n


@how_many
def test_forged_saves_are_refused_or_are_whole_worlds(n: int) -> None:
    assert 0.6 * n < survive(forged, n) < n


BOMBS = {
    "a megabyte of empty lists": lambda: b"\xdd" + (60 << 20).to_bytes(4, "big") + b"\x90" * (60 << 20),
    "a list that announces 2^32": lambda: b"\xdd\xff\xff\xff\xff",
    "sections without end": lambda: b"\xdd" + (20 << 20).to_bytes(4, "big") + b"\x92\xa1x" * (20 << 20),
    "a nest of lists": lambda: b"\x91" * (60 << 20),
    "wide and deep": lambda: (b"\xdc\x04\x00" + b"\x91" * 1000 + b"\xc0") * 60_000,
    "zeros": lambda: bytes(60 << 20),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_costs_little_time_and_memory(name: str) -> None:
    """Also the bytes of the largest save that is looked at, 64 MiB, never become more than they are four times over."""
    for mutant in (
        sealed(BOMBS[name]()),
        with_section("variables", BOMBS[name]()),
        with_section("events", BOMBS[name]()),
    ):
        tracemalloc.start()
        started = time.process_time()
        with pytest.raises(SnapshotError):
            load(WORLD, mutant)
        took_s = time.process_time() - started
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert took_s < MOST_S and most < MOST_BYTES, f"{took_s:.2f} s, {most / 2**20:.0f} MiB"


def with_section(name: str, data: bytes) -> bytes:
    entries = sections()
    entries[name] = data
    return sealed(msgpack.packb([[k, v] for k, v in entries.items()]))


def test_what_is_too_large_is_not_even_looked_at() -> None:
    started = time.process_time()
    with pytest.raises(SnapshotError, match="too large"):
        load(WORLD, DATA[: HEADER.size] + bytes(MAX_BYTES))
    assert time.process_time() - started < 0.2


def test_the_memory_of_a_process_that_loads_mutants_stays_bounded() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    survive(forged, 100)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown * 1024 < MOST_BYTES


def test_the_mutants_are_what_they_claim_to_be() -> None:
    """Forged ones reach every section's checks: the errors name most of them."""
    said = set()
    for seed in range(800):
        try:
            load(WORLD, forged(random.Random(seed)))
        except SnapshotError as error:
            said.add(str(error).split(" is wrong")[0])
    named = {text for text in said if text.startswith("the snapshot's section ")}
    assert len(named) >= 25


@pytest.mark.parametrize("n", [40, pytest.param(2_000, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])])
def test_forged_bytes_of_the_physics_engine_are_our_own_errors_too(n: int) -> None:
    """Only the engine can read them, so some are refused no sooner than the next tick."""
    world = load_world("playground")
    state = new_state(world.blueprint, 7)
    for _ in range(20):
        step(world.blueprint, state, (), world.script)
    before, data = state.digest(), save(world.blueprint, state)
    entries = dict(msgpack.unpackb(data[HEADER.size :]))
    engine, physics = msgpack.unpackb(entries["physics"])
    own, calls = msgpack.unpackb(physics)  # rapier's bytes, and what was done since
    assert len(calls) > 0
    refused, spare = 0, None
    for seed in range(n):
        rng, mutant = random.Random(seed), bytearray(own)
        for _ in range(rng.randint(1, 4)):
            a, how = rng.randrange(len(mutant)), rng.randrange(5)
            if how == 0:
                mutant[a] ^= 1 << rng.randrange(8)
            elif how == 1:
                mutant[a : a + 8] = (2 ** rng.choice([20, 31, 40, 62])).to_bytes(8, "little")
            elif how == 2:
                mutant[a : a + 8] = b"\xff" * 8
            elif how == 3:
                del mutant[a : a + rng.randrange(64)]
            else:
                mutant[a:a] = mutant[a : a + 64]
        entries["physics"] = msgpack.packb([engine, msgpack.packb([bytes(mutant), calls])])
        payload = msgpack.packb([[k, v] for k, v in entries.items()])
        head = HEADER.pack(MAGIC, VERSION, len(payload), _content_digest(payload), world.blueprint.digest)
        started = time.process_time()
        try:
            spare = load(world.blueprint, head + payload, spare)
            step(world.blueprint, spare, (), world.script)
        except DaguerreError:
            refused += 1
        assert time.process_time() - started < MOST_S, seed
    assert 0.3 * n < refused and state.digest() == before
