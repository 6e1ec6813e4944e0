"""Sine and cosine from + - * alone: near the library's, and pinned to the bit."""

import math
import random

from engine.core.digest import digest_of
from engine.core.trig import sine_cosine


def test_it_is_sine_and_cosine() -> None:
    chance = random.Random(1)
    angles = [chance.uniform(-10.0, 10.0) for _ in range(20_000)] + [chance.uniform(-1e6, 1e6) for _ in range(20_000)]
    for angle in [0.0, math.pi, -math.pi, math.pi / 2, *angles]:
        sine, cosine = sine_cosine(angle)
        assert abs(sine - math.sin(angle)) < 1e-9 / 4 and abs(cosine - math.cos(angle)) < 1e-9 / 4
        if abs(angle) <= 10.0:
            assert abs(sine - math.sin(angle)) < 1e-15 and abs(cosine - math.cos(angle)) < 1e-15
    assert sine_cosine(0.0) == (0.0, 1.0)


def test_its_bits_are_the_same_everywhere() -> None:
    chance = random.Random(2)
    said = [f"{v.hex()}" for _ in range(10_000) for v in sine_cosine(chance.uniform(-7.0, 7.0))]
    assert f"{digest_of([('bits', ' '.join(said).encode())]):016x}" == "d3815ca50de06f55"
