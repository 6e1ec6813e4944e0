"""Where the leaf of a door is while it is off its latch: it swings around its low corner, or slides."""

import math
from typing import Final, TypeVar

from engine.core.rotations import UPRIGHT, of_yaw
from engine.core.units import VOXEL_M
from engine.state.blueprint import F64
from engine.state.components import DOOR_SWING_TICKS, Columns

T = TypeVar("T", float, F64)
Vec3 = tuple[float, float, float]
DOOR_OPENS_RAD: Final = math.pi / 2  # counter-clockwise seen from above, around the low corner of the door's box


def opened(part: T) -> T:
    """How far a leaf is on its way at a part 0..1 of its time: it starts and ends gently."""
    return part * part * (3.0 - 2.0 * part)


def leaf_box(c: Columns, index: int) -> tuple[Vec3, Vec3]:
    """Low and high corner of a shut door, metres."""
    low, high = (tuple(VOXEL_M * v for v in corner[index].tolist()) for corner in (c.door_low, c.door_high))
    return (low[0], low[1], low[2]), (high[0], high[1], high[2])


def leaf_pose(c: Columns, index: int) -> tuple[float, ...]:
    """The pose (place of the shut leaf's low corner, quaternion) in which a door's leaf is now."""
    (x, y, z), _ = leaf_box(c, index)
    way = opened(min(int(c.door_swing[index]) / DOOR_SWING_TICKS, 1.0))
    slide = c.door_slide[index].tolist()
    if any(slide):
        return (x + way * slide[0], y + way * slide[1], z + way * slide[2], *UPRIGHT)
    return (x, y, z, *of_yaw(DOOR_OPENS_RAD * way))
