"""Units, axes and dimension letters that every other file relies on.

Metres, seconds, radians, z up, right-handed. Colour is linear RGB radiance until the tone curve. Yaw 0 looks along +x
and grows counter-clockwise seen from above; pitch 0 is level and grows upwards.

Letters in shape comments: E entity slots, B bodies (drawn entities), L lamps, M materials, P probes, K rays of one
probe, T texels, S slots of a pool, V vertices, I triangles, H W pixels, X Y Z voxels.
"""

from typing import Final

TICK_HZ: Final = 64  # 1/64 s is exact in binary and does not beat against 60 Hz screens (see Bevy's fixed.rs)
TICK_S: Final = 1.0 / TICK_HZ
TICK_NS: Final = 1_000_000_000 // TICK_HZ  # 15_625_000, exact

VOXEL_M: Final = 0.25  # edge of a voxel
VOXELS_PER_M: Final = 4
BRICK: Final = 8  # voxels along a brick's edge: 2 m, the unit of storage, change and streaming

DAY_S: Final = 86_400  # seconds of world time in a day
AIR: Final = 0  # the material index of an empty voxel
