"""How pictures are made: what whoever plays or measures may choose."""

from dataclasses import dataclass

from engine.light.archive import Archive

BRICKS_PER_FRAME = 4096  # that a new hour's light takes through a pass: about 15 ms on two cores


@dataclass(eq=False)
class Settings:
    """How pictures are made; may be set between any two of them."""

    look: str = ""
    cache: bool = True  # else light and tiles are forgotten before every frame
    texels_per_frame: int | None = None  # the budget mode; None is the exact mode
    antialias: bool = True
    archive: Archive | None = None  # of transport; not used without `cache`
    frozen: bool = False  # debugging: light stays what it was, whatever happens to the world
    profile: bool = False  # waits for the GPU after every stage, so that its time is told apart

    @property
    def most_bricks(self) -> int | None:
        """That an update of light may take through a pass."""
        return None if self.texels_per_frame is None or not self.cache else BRICKS_PER_FRAME
