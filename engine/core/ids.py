"""Entity ids: a slot's index and its generation packed into one integer, so an old id never names a newer entity."""

from typing import Final

INDEX_BITS: Final = 20  # room for 1,048,576 slots; the cap on entities lies far below
INDEX_MASK: Final = (1 << INDEX_BITS) - 1
LAST_GENERATION: Final = (1 << 32) - 1  # a slot that reaches it is retired, never used again

NOBODY: Final = 0  # generations start at 1, so no entity ever has this id
PLAYER: Final = 1 << INDEX_BITS  # the player is slot 0, generation 1, from the first tick to the last


def pack(index: int, generation: int) -> int:
    """The id of a slot's tenant: generation above, index in the low 20 bits."""
    return generation << INDEX_BITS | index


def index_of(entity: int) -> int:
    """The slot that an id points at."""
    return entity & INDEX_MASK


def generation_of(entity: int) -> int:
    """Which tenant of its slot an id means."""
    return entity >> INDEX_BITS
