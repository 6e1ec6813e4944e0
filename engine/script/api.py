"""The declarations of a world file: every function that an author may call while the file is read."""

from engine.script.draft import Draft
from engine.script.ground import Ground
from engine.script.imports import Imports
from engine.script.parts import Parts
from engine.script.sandbox import Host
from engine.script.stage import Stage
from engine.script.terrain import Terrain
from engine.script.things import Things
from engine.script.walks import Walks

SECTIONS = (Ground, Terrain, Parts, Things, Imports, Walks, Stage)


def declarations(draft: Draft) -> dict[str, Host]:
    """Every declaration by the name that authors use, writing into `draft`."""
    words: dict[str, Host] = {}
    for section in (kind(draft) for kind in SECTIONS):
        words |= {name: getattr(section, name) for name in vars(type(section)) if not name.startswith("_")}
    return words
