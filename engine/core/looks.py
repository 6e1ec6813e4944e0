"""How pictures may be made."""

from typing import Final

LOOKS: Final = ("neural", "classical", "raster")  # by the network, or by a baseline without it
