"""What light keeps of a world is bounded by how much surface that has, and of pictures by a budget."""

import dataclasses
from pathlib import Path

import pytest

from engine.light.cache import BUDGET_BYTES, LightCache
from engine.light.network import load as load_network
from engine.script.worldfile import load
from engine.sim.extract import extract
from engine.state.world import new_state
from tests.light.scenes_for_light import lamps, plaza, random_network, view_of

WORLDS = sorted(path.stem for path in Path("worlds").glob("*.star"))
MOST_PER_TEXEL = 250  # bytes, with nine passes; lamps apart. In the town it is 180
MOST_PER_WORLD = 250e6  # the town by night


def of_the_world(cache: LightCache) -> dict[str, int]:
    """Bytes of what the budget does not bound."""
    return {name: n for name, n in cache.tables().items() if not name.startswith(("texels.", "pages."))}


def test_what_a_world_takes_grows_with_its_surface_alone() -> None:
    cache = LightCache(random_network())
    cache.update(view_of(plaza(), lamps(((5, 4.5, 2.5), 0.3, (30, 20, 10)))))
    tables = of_the_world(cache)
    apart = sum(tables.pop(name) for name in ("transport.grid", "transport.gap", "lamps.texels", "lamps.factor"))
    assert sum(tables.values()) < MOST_PER_TEXEL * cache.stats.texels
    surface = cache.transport.surface
    faces = sum(array.nbytes for array in surface.faces)
    assert tables["surface.faces"] == faces > 4 * surface.n_texels, "all that is kept is counted"
    assert cache.bytes > apart + sum(tables.values())


@pytest.mark.slow
@pytest.mark.parametrize("name", WORLDS)
def test_light_of_every_world_stays_within_250_mb(name: str) -> None:
    """By night, when every lamp that will shine does; decoded texels and pages have the budget beside it."""
    world = load(name)
    blueprint = dataclasses.replace(world.blueprint, start_hour=22.0)
    view = extract(blueprint, new_state(blueprint, 1))
    assert view.land is None, "of a large world only a window is lit"
    on = dataclasses.replace(view.lamps, radiance=view.lamps.full_radiance)
    cache = LightCache(load_network())
    cache.update(dataclasses.replace(view, lamps=on))
    cache.decode(cache.transport.surface.keys()[:500])
    tables = cache.tables()
    assert sum(of_the_world(cache).values()) < MOST_PER_WORLD
    assert sum(tables.values()) - sum(of_the_world(cache).values()) < BUDGET_BYTES
