"""The past comes back exactly, tick by tick or at random, in a bounded memory, and another future can follow it."""

import random

import pytest

from engine.core.errors import RecordingError
from engine.script.worldfile import load
from engine.sim.history import KEPT_BYTES, KEPT_TICKS, SPACING_TICKS, History
from engine.sim.step import step
from engine.state.blueprint import Blueprint
from engine.state.commands import Command
from engine.state.world import State, new_state
from tests.worlds_for_tests import lively_world

WORLD = lively_world()


def busy(rng: random.Random, tick: int) -> list[Command]:
    """What a lively player does."""
    if rng.random() < 0.7:
        return []
    kinds: list[tuple[str, dict[str, object]]] = [
        ("move", {"forward": rng.choice([0.0, 1.0]), "right": rng.uniform(-1, 1)}),
        ("look", {"yaw": rng.uniform(-0.3, 0.3)}),
        ("use", {}),
        ("jump", {}),
        ("set_voxels", {"low": [30, 30, 2], "high": [32, 32, rng.randint(3, 9)], "material": rng.randint(0, 3)}),
    ]
    return [Command(tick, *rng.choice(kinds)) for _ in range(rng.randint(1, 3))]


def played(ticks: int, **limits: int) -> tuple[History, State, list[int]]:
    """A busy run, its past, and the digest of every tick."""
    rng, state = random.Random(5), new_state(WORLD, 7)
    history, digests = History(WORLD, state, **limits), [state.digest()]
    go_on(history, state, digests, ticks, rng)
    return history, state, digests


def go_on(history: History, state: State, digests: list[int], ticks: int, rng: random.Random) -> None:
    for _ in range(ticks):
        commands = busy(rng, state.tick)
        step(WORLD, state, commands)
        history.note(commands, state)
        digests.append(state.digest())


def test_any_of_500_ticks_comes_back_and_leads_forward_again() -> None:
    history, state, digests = played(600)
    rng, spare = random.Random(1), None
    anywhere = [rng.randint(0, 600) for _ in range(500)]
    # The first as they come; the others by the second that they lie in, each of which is simulated once.
    for tick in anywhere[:20] + sorted(anywhere[20:], key=lambda t: (-(t // SPACING_TICKS), -t)):
        spare = history.state_at(tick, spare)
        assert spare.digest() == digests[tick]
    assert state.digest() == digests[600], "looking back has changed nothing"
    for tick in rng.sample(range(530), 3):
        again = history.state_at(tick)
        for later in range(tick, tick + 70):
            assert again.digest() == digests[later]
            second = next(s for s in reversed(history._seconds) if s.tick <= later)
            step(WORLD, again, [c for c in second.commands if c.tick == later])


def test_going_back_tick_by_tick_simulates_each_second_once(monkeypatch: pytest.MonkeyPatch) -> None:
    history, state, digests = played(130)
    steps = 0

    def counted(*given: object) -> State:
        nonlocal steps
        steps += 1
        return step(*given)  # type: ignore[arg-type]

    monkeypatch.setattr("engine.sim.history.step", counted)
    for tick in range(130, -1, -1):
        state = history.state_at(tick, state)
        assert state.digest() == digests[tick]
    assert steps <= 130


@pytest.fixture
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four snapshots against one, so that a few hundred ticks have many groups."""
    monkeypatch.setattr("engine.sim.history.GROUP", 4)


@pytest.mark.parametrize("back_to", [0, SPACING_TICKS, 4 * SPACING_TICKS + 3])
def test_another_future_follows_from_any_tick(small_groups: None, back_to: int) -> None:
    history, state, digests = played(300)
    state = history.state_at(back_to, state)
    history.forget_after(back_to)
    digests = digests[: back_to + 1]
    with pytest.raises(RecordingError, match="the past that is kept"):
        history.state_at(back_to + 1)
    go_on(history, state, digests, 130, random.Random(99))
    for tick in range(back_to + 130, -1, -37):
        assert history.state_at(tick).digest() == digests[tick]
    assert history.n_bytes == sum(s.n_bytes for s in history._seconds)


def test_the_past_is_bounded_in_time_and_memory(small_groups: None) -> None:
    history, _, digests = played(700, kept_ticks=100)
    assert 100 <= 700 - history.first_tick <= 100 + 5 * SPACING_TICKS
    assert history.state_at(history.first_tick).digest() == digests[history.first_tick]
    small, _, digests = played(700, kept_bytes=50_000)
    assert small.n_bytes <= 50_000 and small.first_tick > 0
    assert small.state_at(small.first_tick).digest() == digests[small.first_tick]
    with pytest.raises(RecordingError, match=f"ticks {small.first_tick} to 700"):
        small.state_at(small.first_tick - 1)


def town_in_play(ticks: int) -> tuple[Blueprint, History, dict[int, int]]:
    """The town, in which somebody walks, looks about and builds."""
    world = load("town")
    state, rng, digests = new_state(world.blueprint, 7), random.Random(2), {}
    history = History(world.blueprint, state, world.script)
    for tick in range(ticks):
        commands = [Command(tick, "look", {"yaw": rng.uniform(-0.1, 0.1), "pitch": 0.0})]
        if tick % 64 == 0:
            x, y = rng.randrange(500), rng.randrange(500)
            commands.append(Command(tick, "set_voxels", {"low": [x, y, 60], "high": [x + 4, y + 4, 64], "material": 1}))
        step(world.blueprint, state, commands, world.script)
        history.note(commands, state)
        if tick % 101 == 0:
            digests[state.tick] = state.digest()
    return world.blueprint, history, digests


def test_seconds_of_the_town_take_their_share_of_memory() -> None:
    _, history, digests = town_in_play(130)
    assert history.first_tick == 0
    assert history.n_bytes * KEPT_TICKS / 130 < KEPT_BYTES / 2, "with room for what ten minutes of building add"
    spare = None
    for tick in reversed(digests):
        spare = history.state_at(tick, spare)
        assert spare.digest() == digests[tick]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_ten_minutes_of_the_town_fit_into_256_mib() -> None:
    import tracemalloc

    tracemalloc.start()
    _, history, digests = town_in_play(10)
    before = tracemalloc.get_traced_memory()[0]
    _, history, digests = town_in_play(KEPT_TICKS)
    held = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert history.first_tick == 0 and history.n_bytes < KEPT_BYTES
    assert held < KEPT_BYTES, "all that Python and numpy hold, the town itself among it"
    print(f"ten minutes of the town: counted {history.n_bytes / 2**20:.1f} MiB, held {held / 2**20:.1f} MiB")
    rng = random.Random(4)
    for tick in rng.sample(sorted(digests), 100):
        assert history.state_at(tick).digest() == digests[tick]
