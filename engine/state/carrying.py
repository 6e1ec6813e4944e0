"""What is carried goes where its carrier goes: a torch in a hand, a lantern on a cart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.core.ids import INDEX_MASK, NOBODY, PLAYER, index_of
from engine.core.rotations import turned
from engine.core.trig import sine_cosine
from engine.state.components import BODY, DOOR, WALKS

if TYPE_CHECKING:
    from engine.state.world import State


def problem(state: State, parts: int, carrier: int, entity: int = NOBODY) -> str | None:
    """Why something made of these parts cannot be carried by another; None where it can.

    Without an entity it is about to be made.
    """
    c = state.columns
    if entity == PLAYER or parts & (WALKS | DOOR | BODY):
        return "people, doors and rigid bodies cannot be carried"
    if entity == carrier:
        return "nothing carries itself"
    if c.carrier[index_of(carrier)] != NOBODY:
        return "its carrier is carried itself"
    if entity != NOBODY and (c.carrier[: state.n_slots] == entity).any():
        return "it carries something itself"
    return None


def hold(state: State, rows: NDArray[np.intp] | None = None) -> None:
    """Puts what is carried (all of it, or some slots) to its place at its carrier, turned as the carrier is.

    On a rigid body things lean to their place but stay upright themselves.
    """
    c = state.columns
    rows = c.carrier[: state.n_slots].nonzero()[0] if rows is None else rows
    if not len(rows):
        return
    holders = c.carrier[rows] & INDEX_MASK
    at = c.carried_at[rows].astype(np.float64)
    sin, cos = np.array([sine_cosine(yaw) for yaw in c.yaw[holders].tolist()]).T
    offset = np.stack([at[:, 0] * cos - at[:, 1] * sin, at[:, 0] * sin + at[:, 1] * cos, at[:, 2]], -1)
    leaning = (c.parts[holders] & BODY) != 0
    offset[leaning] = turned(c.orientation[holders[leaning]].astype(np.float64), at[leaning])
    c.position[rows] = c.position[holders] + offset
    c.yaw[rows] = np.where(leaning, c.yaw[rows], c.yaw[holders])
