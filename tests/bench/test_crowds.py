"""What a tick costs an agent, from a hundred to fifty thousand, and what the same job costs with another library.

`python -m pytest --slow tests/bench/test_crowds.py -s` prints the table of docs/BENCHMARKS.md. Times are of the process
(not of the wall), so a busy machine disturbs them less.
"""

import math
import random
import statistics
import time
from collections.abc import Callable

import numpy as np
import pytest

from engine.sim.extract import extract
from engine.sim.step import step
from engine.state import snapshot
from engine.state.blueprint import Blueprint
from engine.state.world import State, new_state
from tests.worlds_for_tests import crowd

pytestmark = pytest.mark.slow
NUMBERS = (100, 1_000, 10_000, 50_000)
WARM_UP, TICKS = 10, 40


def size_m(n: int) -> int:
    """Edge of a plain with 0.6 walkers on a square metre, whatever their number; whole bricks."""
    return max(16, 2 * math.ceil(math.sqrt(n / 0.61) / 2))


def median_ms(deed: Callable[[], object], rounds: int) -> float:
    """Process time of one call."""
    times = []
    for _ in range(rounds):
        began = time.process_time()
        deed()
        times.append(time.process_time() - began)
    return 1e3 * statistics.median(times)


class Position:
    __slots__ = ("x", "y", "z", "ground")

    def __init__(self, x: float, y: float, z: float) -> None:
        self.x, self.y, self.z, self.ground = x, y, z, int(z * 4.0 + 0.5)


class Velocity:
    __slots__ = ("x", "y", "new_x", "new_y", "in_front", "push_x", "push_y", "blocked")

    def __init__(self) -> None:
        self.x = self.y = self.new_x = self.new_y = self.in_front = self.push_x = self.push_y = 0.0
        self.blocked = True


class Facing:
    __slots__ = ("yaw",)

    def __init__(self) -> None:
        self.yaw = 0.0


def esper_crowd(blueprint: Blueprint) -> Callable[[], None]:
    """A tick of the same job written with esper, entities and processors: wander, mind each other, walk on the voxels.

    What ours does and this does not: triggers, doors, clock, events, the poses of the last tick, the player's body.
    """
    esper = pytest.importorskip("esper")
    esper.switch_world(f"{len(blueprint.spawns)}")
    chance = random.Random(1)
    nx, ny, _ = blueprint.voxels.shape
    packed = np.packbits(blueprint.voxels != 0, axis=2, bitorder="little").reshape(nx * ny, -1)
    # one whole number a column, with a byte of ground below and the sky open above
    solid = [int.from_bytes(column.tobytes(), "little") << 8 | 0xFF for column in packed]
    for spawn in blueprint.spawns:
        esper.create_entity(Position(*spawn.position), Velocity(), Facing())

    class Wanders(esper.Processor):  # type: ignore[name-defined,misc]
        def process(self) -> None:
            for _, (v,) in esper.get_components(Velocity):
                if v.blocked or chance.random() < 1.0 / 256.0:
                    heading = chance.uniform(0.0, 2.0 * math.pi)
                    v.x, v.y = 1.2 * math.cos(heading), 1.2 * math.sin(heading)

    class MindsOthers(esper.Processor):  # type: ignore[name-defined,misc]
        def process(self) -> None:
            cells: dict[tuple[int, int], list[tuple[Position, Velocity]]] = {}
            for _, (p, v) in esper.get_components(Position, Velocity):
                v.new_x = v.new_y = v.in_front = v.push_x = v.push_y = 0.0
                cells.setdefault((int(p.x / 0.75), int(p.y / 0.75)), []).append((p, v))
            for (i, j), own in cells.items():
                for di, dj in ((0, 0), (1, 0), (-1, 1), (0, 1), (1, 1)):
                    others = cells.get((i + di, j + dj), ())
                    for k, (p, v) in enumerate(own):
                        for q, w in own[k + 1 :] if di == dj == 0 else others:
                            dx, dy = q.x - p.x, q.y - p.y
                            square = dx * dx + dy * dy
                            if 1e-12 < square < 0.5625 and abs(p.z - q.z) < 1.75:
                                self.meet(p, v, w, dx, dy, math.sqrt(square))
            for _, (v,) in esper.get_components(Velocity):
                crowd = max(0.6 * v.in_front, 1.0)
                v.new_x, v.new_y = v.x + v.new_x / crowd + v.push_x, v.y + v.new_y / crowd + v.push_y
                square, most = v.new_x * v.new_x + v.new_y * v.new_y, max(v.x * v.x + v.y * v.y, 2.25)
                if square > most:
                    slower = math.sqrt(most / square)
                    v.new_x, v.new_y = v.new_x * slower, v.new_y * slower

        def meet(self, p: Position, v: Velocity, w: Velocity, dx: float, dy: float, distance: float) -> None:
            dx, dy = dx / distance, dy / distance
            mine, theirs = v.x * dx + v.y * dy, -(w.x * dx + w.y * dy)
            closing, weight = max(mine + theirs, 0.0), min((0.75 - distance) * 4.0, 1.0)
            push = 16.0 * max(0.5 - distance, 0.0)
            for one, ahead, sign in ((v, mine, 1.0), (w, theirs, -1.0)):
                x, y = sign * dx, sign * dy
                one.push_x, one.push_y = one.push_x - x * push, one.push_y - y * push
                if ahead > 0.0 and closing > 0.0:
                    gives = min(ahead, closing) * weight
                    side = -gives if x * one.y - y * one.x < 0.0 else gives
                    one.new_x, one.new_y = one.new_x - x * gives - y * side, one.new_y - y * gives + x * side
                    one.in_front += weight

    class Walks(esper.Processor):  # type: ignore[name-defined,misc]
        def footing(self, x: float, y: float, ground: int) -> int | None:
            i, j = int(x * 4.0), int(y * 4.0)
            if x < 0.0 or y < 0.0 or i >= nx or j >= ny:
                return None
            word = solid[i * ny + j] >> ground + 5
            for up in (2, 1, 0, -1, -2):
                if word >> up + 2 & 0xFF == 1:
                    return up
            return None

        def process(self) -> None:
            for _, (p, v, f) in esper.get_components(Position, Velocity, Facing):
                step_x, step_y, ground, old_x, old_y = v.new_x / 64.0, v.new_y / 64.0, p.ground, p.x, p.y
                x, y = old_x + step_x, old_y + step_y
                if self.footing(x + math.copysign(0.25, step_x), old_y, ground) is None:
                    x = old_x
                if self.footing(x, y + math.copysign(0.25, step_y), ground) is None:
                    y = old_y
                up = self.footing(x, y, ground)
                if up is None:
                    x, y, up = old_x, old_y, 0
                p.x, p.y, p.ground = x, y, ground + up
                p.z += min(max(p.ground * 0.25 - p.z, -3.0 / 64.0), 3.0 / 64.0)
                dx, dy = x - old_x, y - old_y
                v.blocked = dx * dx + dy * dy < 0.25 * (step_x * step_x + step_y * step_y)
                turn = math.atan2(v.y + v.new_y, v.x + v.new_x) - f.yaw
                turn -= math.floor((turn + math.pi) / (2.0 * math.pi)) * 2.0 * math.pi
                f.yaw += min(max(turn, -5.0 / 64.0), 5.0 / 64.0)

    for priority, processor in enumerate((Walks(), MindsOthers(), Wanders())):
        esper.add_processor(processor, priority=priority)
    name = esper.current_world

    def tick() -> None:
        esper.switch_world(name)
        esper.process()

    return tick


def test_a_tick_of_a_crowd_and_of_the_same_crowd_with_esper(capsys: pytest.CaptureFixture[str]) -> None:
    """Prints ms a tick, microseconds an agent, and how many times faster; both run in turns, in this one process."""
    lines = [
        "| agents | tick | of it an agent | with esper | times faster | digest | save | extract |",
        "|" + "---|" * 8,
    ]
    for n in NUMBERS:
        blueprint = crowd(n, size_m(n))
        state, plain = new_state(blueprint, 1), esper_crowd(blueprint)
        for _ in range(WARM_UP):
            step(blueprint, state)
        plain()
        rounds = TICKS if n < 50_000 else 12
        ours, theirs = [], []
        for _ in range(4):
            ours.append(median_ms(lambda b=blueprint, s=state: step(b, s), rounds // 4))
            theirs.append(median_ms(plain, max(1, rounds // 16)))
        tick, other = statistics.median(ours), statistics.median(theirs)
        rest = [median_ms(lambda d=d, b=blueprint, s=state: d(b, s), 12) for d in DEEDS]
        lines.append(
            f"| {n:,} | {tick:.2f} ms | {1e3 * tick / n:.2f} us | {other:.1f} ms | {other / tick:.0f} | "
            + " | ".join(f"{ms:.2f} ms" for ms in rest) + " |"
        )  # fmt: skip
        assert state.n_entities == n
    with capsys.disabled():
        print("\n" + "\n".join(lines))


def digest(blueprint: Blueprint, state: State) -> int:
    return state.digest()


DEEDS: tuple[Callable[[Blueprint, State], object], ...] = (digest, snapshot.save, extract)
