"""What the light cache says of its work."""

from dataclasses import dataclass


@dataclass
class LightStats:
    """What one update and the decodes after it did, beside how much there is."""

    probes: int = 0  # that were asked about
    probes_regenerated: int = 0  # of them traced
    rays_traced: int = 0  # along which light bounces
    texels: int = 0  # in use
    texels_regenerated: int = 0  # new, or of voxels that are others
    bricks: int = 0  # with any texel
    bricks_regenerated: int = 0  # with a texel that is new, or of voxels that are others
    relit: bool = False
    pages: int = 0  # asked for by the last decode
    pages_regenerated: int = 0  # of them decoded again
    behind: int = 0  # updates since which other light, or the first, is on its way
    pages_stale: int = 0  # of them still with a stand-in, or with light of before
    bodies_stale: int = 0  # in the light of before
