"""Addressed randomness: a number is a pure function of (seed, tick, stream, entity), so there is no generator to save.

The mixer is the finaliser of SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA
2014, constants by Stafford, variant 13), applied once for every word of the address.
"""

from functools import lru_cache
from hashlib import blake2b
from typing import Final, overload

import numpy as np
from numpy.typing import NDArray

U64 = NDArray[np.uint64]
I64 = NDArray[np.int64]
F64 = NDArray[np.float64]

_MASK: Final = (1 << 64) - 1
_STEP: Final = 0x9E3779B97F4A7C15  # 2^64 / golden ratio: keeps addresses of zeros from mapping to zero
_A: Final = 0xBF58476D1CE4E5B9
_B: Final = 0x94D049BB133111EB
_WORDS: Final = tuple(np.uint64(v) for v in (_STEP, 30, _A, 27, _B, 31))  # for arrays


@lru_cache(1024)  # scripts choose the names
def stream_key(name: str) -> int:
    """The 64-bit key of a named stream; different purposes draw from different streams."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little")


def _mix(word: int) -> int:
    word = (word + _STEP) & _MASK
    word = ((word ^ (word >> 30)) * _A) & _MASK
    word = ((word ^ (word >> 27)) * _B) & _MASK
    return word ^ (word >> 31)


def _place(seed: int, tick: int, stream: int) -> int:
    return _mix(_mix(_mix(seed & _MASK) ^ (tick & _MASK)) ^ stream)


@overload
def bits(seed: int, tick: int, stream: int, entity: int) -> int: ...
@overload
def bits(seed: int, tick: int, stream: int, entity: I64) -> U64: ...
def bits(seed: int, tick: int, stream: int, entity: int | I64) -> int | U64:
    """64 random bits for one entity, or for an array of them (same numbers either way)."""
    place = _place(seed, tick, stream)
    if isinstance(entity, int):
        return _mix(place ^ (entity & _MASK))
    word = entity.astype(np.uint64)
    word ^= np.uint64(place)
    word += _WORDS[0]
    for shift, factor in ((_WORDS[1], _WORDS[2]), (_WORDS[3], _WORDS[4])):
        word ^= word >> shift
        word *= factor
    word ^= word >> _WORDS[5]
    return word


@overload
def uniform(seed: int, tick: int, stream: int, entity: int) -> float: ...
@overload
def uniform(seed: int, tick: int, stream: int, entity: I64) -> F64: ...
def uniform(seed: int, tick: int, stream: int, entity: int | I64) -> float | F64:
    """Numbers in [0, 1) with 53 random bits."""
    if isinstance(entity, int):
        return (bits(seed, tick, stream, entity) >> 11) * 2.0**-53
    return (bits(seed, tick, stream, entity) >> np.uint64(11)).astype(np.float64) * 2.0**-53
