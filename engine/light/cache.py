"""The latent cache: world-space light that is kept until something that it read changes.

Tiers, each keyed by what it read and none by the camera: transport (rays and weights read voxels), radiance (reads
transport, lamps, sky), decoded texels (their rays read voxels, their latents radiance), surface pages (read texels).
`update` brings the world side (worldlight.py) up to date with a view; `decode` makes pages (decoded.py) current for
what the camera sees. Everything that is dirty is done before the frame and light is gathered from zero: a cached frame
equals a fresh one bit for bit. In play both have a budget, and come to the same light over some frames.
"""

import sys
from collections.abc import Generator, Iterator
from copy import deepcopy
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.light import pages
from engine.light.archive import Archive
from engine.light.bodies import BodyLight
from engine.light.decoded import FIRST, Budget, DecodedPages
from engine.light.extents import Extents
from engine.light.faces import Faces
from engine.light.formfactor import LampShapes
from engine.light.furniture import Furniture, both, no_furniture
from engine.light.lightstats import LightStats
from engine.light.movers import Cast, no_movers
from engine.light.network import Network
from engine.light.relight import Relight
from engine.light.transport import Change, Transport
from engine.light.worldlight import WorldLight
from engine.raster.bodies import PosedBodies
from engine.view import View

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]

BUDGET_BYTES = 256 * 2**20  # atlases and decoded texels, half each
ANEW = 0.3  # a change of more than this part of all bricks costs more to follow than to begin anew
MOST_LENT = 3  # while light in view is the first, other light rests for so many updates before it goes on for one
IDLE = 4  # an idle update does a quarter of what it may
UNLIKE = sys.maxsize  # bricks
AFTER_EDIT = 4  # an update in which the light of an edit goes on does a quarter too, and so do its bodies and pages


class LightCache:
    """Light of one world for one set of weights. One thread at a time."""

    def __init__(self, network: Network | None = None, budget_bytes: int = BUDGET_BYTES, compares: bool = True) -> None:
        """`network` None gives the classical look. `compares` False is only to measure against: see Relight."""
        self.network = network
        self._compares = compares
        self.budget_bytes = budget_bytes
        self.stats = LightStats()
        self.is_built = False  # what is declared here without a value is made by `_first_light`
        self.world: WorldLight
        self.decoded: DecodedPages
        self._body_light: BodyLight
        self._relit = Relight(compares=compares)
        self._going: Iterator[int] | None = None  # first light or a relight that is spread over updates
        self._looking: Iterator[None] | None = None  # what lamps that are off will light, found out in idle updates
        self._share = 1  # part that it may do in an update of what is allowed: one in so many
        self._behind = 0  # updates that it has taken so far
        self._is_lent = False  # the first light in view had the part of what goes on in the last decode,
        self._lent = 0  # and of so many updates before
        self._cast, self._movers = Cast(), no_movers()
        self._met: tuple[object, object, Furniture] = (None, None, no_furniture())  # furniture, movers, all of both

    def is_of(self, view: View) -> bool:
        """Whether light of the view's world is there at all."""
        return self.is_built and self.transport.origin is view.voxels.origin

    def can_follow(self, view: View) -> bool:
        """Whether there is light that to bring up to date is no more work than to make it from nothing."""
        if not self.is_of(view):
            return False
        transport = self.transport
        n_most = ANEW * transport.surface.n_with_texels
        return transport.is_like(view.voxels) and transport.changed_bricks(view.voxels) <= n_most

    @property
    def is_being_made(self) -> bool:
        """Whether light is on its way that is spread over updates."""
        return self._going is not None

    def bricks_apart(self, view: View) -> int:
        """In how many bricks voxels of the view may be others than those of the light; UNLIKE if that cannot follow."""
        return self.transport.changed_bricks(view.voxels) if self.can_follow(view) else UNLIKE

    def twin(self, view: View) -> "LightCache":
        """Another cache that knows all that this one does, and goes on from there by itself: with the view first, whose
        world, materials and prefabs both share. Not while light is being made.
        """
        looking, self._looking = self._looking, None
        voxels = (self.world.base, self.transport.origin, view.voxels.base)
        shared = (self.network, *voxels, view.materials, view.prefabs, *view.prefabs)
        twin = deepcopy(self, {id(thing): thing for thing in shared})
        self._looking = looking
        return twin

    def reset(self) -> None:
        """Forget everything; the next update builds it again from the view alone."""
        self.is_built, self._going = False, None

    # ---- world side ----

    def update(self, view: View, most_bricks: int | None = None, archive: Archive | None = None) -> LightStats:
        """Bring transport and radiance up to date with the view.

        With `most_bricks` some work is spread over updates, each of which brings about so many bricks through one pass.
        The first light: until then `is_built` is False, and nothing can be decoded. Other light: until then that of
        before. What lamps throw on things shows at once, and new voxels show what light of before makes of them in one
        pass; bounces follow. What stands differently while something waits has the rest done in its update.

        Of a world that is another the transport is looked for in the archive, if given, and kept there.
        """
        self.stats = LightStats()
        self._movers = self._cast.of(view)
        rests = self._is_lent and most_bricks is not None
        self._is_lent, self._lent = False, self._lent + 1 if rests else 0
        if self._begins_anew(view):
            self.is_built, self._origin, self._behind = False, view.voxels.origin, 0
            self._drop()
            self._looking, self._share, self._going = None, 1, self._first_light(view, most_bricks, archive)
        if most_bricks is not None and not self.is_built:
            most_bricks *= FIRST
        if self._going is not None:
            waits = not self.is_built or self.world.stands(view)
            if not (rests and waits):
                self._go_on(most_bricks if waits else None)
        if self._going is not None:
            if self.is_built:
                self.world.show_lamps(view)
            return self._ended()
        change, moved = self._follow(view)
        at_once = change is not None or moved or self.world.is_lit_otherwise(view)
        if at_once or (self.world.waits(view) and not rests):
            self._looking, self._share = None, 1 if change is None else AFTER_EDIT
            self._going = self.world.relight(view, change, most_bricks, moved)
            self._go_on(most_bricks)
        else:
            self.world.show_lamps(view)  # they may have been others while the light that is there was made
            if most_bricks is not None and not rests:
                self._look_ahead(most_bricks // IDLE)
        return self._ended(self.world.waits(view))

    def _drop(self) -> None:
        """Let go of the tables of a world before those of the next are made: there is not room for both."""
        self._going = self._looking = None
        self._relit = Relight(self._relit.stamp, self._compares)
        for name in ("world", "decoded", "_body_light"):
            vars(self).pop(name, None)

    def _begins_anew(self, view: View) -> bool:
        """Whether what there is, or is being made, is of no use for the view."""
        if self.is_built:
            return not self.can_follow(view) or self.transport.is_scattered(view.voxels)
        return self._going is None or self._origin is not view.voxels.origin

    def _first_light(self, view: View, most_bricks: int | None, archive: Archive | None) -> Iterator[int]:
        """Make all there is of a view from nothing; yields the work done, in bricks that go through a pass."""
        if most_bricks is not None:
            view = replace(view, voxels=view.voxels.copy())  # the grid moves on with its world, and the stamps may not
            yield FIRST * most_bricks  # the first frame waits for nothing
        transport = yield from self._transport(view, most_bricks, archive)
        self.world = world = WorldLight(view, transport, self._relit)
        self.decoded, self._body_light = DecodedPages(world, self.network, self.budget_bytes), BodyLight()
        change = transport.first_change()
        world.follow_furniture(view)
        world.follow_lamps(view, change)
        yield from world.relight(view, change, most_bricks)
        if most_bricks is not None:
            yield FIRST * most_bricks  # the frame that shows it first has enough to do
        self.is_built = world.is_lit = True
        self._count_change(change)

    @staticmethod
    def _transport(view: View, most_bricks: int | None, archive: Archive | None) -> Generator[int, None, Transport]:
        """The transport of a view from the archive, or made and kept there; yields the work done."""
        work = most_bricks or 0
        if archive is not None and (kept := (yield from archive.read(view.voxels, work))) is not None:
            return kept
        transport = Transport(view.voxels, most_bricks)
        if most_bricks is not None:
            yield FIRST * most_bricks  # the voxels were copied and measured
            yield from transport.making(most_bricks)
        transport.bounce_rays.keeps_readers = True
        if archive is not None:
            yield from transport.trace(np.zeros(transport.surface.capacity, np.bool_), most_bricks)
            yield from archive.write(transport, work)
        return transport

    def _follow(self, view: View) -> tuple[Change | None, bool]:
        """Note what stands otherwise than it did, and void what that makes void. Returns the change of voxels, and
        whether furniture or lamps are others.
        """
        world = self.world
        change = world.follow_voxels(view)
        if change is not None:
            self.decoded.follow(change)
            self._count_change(change)
        moved, lamps_moved = world.follow_furniture(view), not world.lamps_stand(view)
        if moved is not None:
            self.decoded.follow_furniture(moved)
        if lamps_moved or change is not None or moved is not None:
            lamp_change = world.follow_lamps(view, change)
            if lamp_change is not None:
                self.decoded.follow_lamps(lamp_change)
        return change, moved is not None or lamps_moved

    def _go_on(self, most_bricks: int | None) -> None:
        """Go on with the relight that is spread over updates: with at most so many bricks, or to its end."""
        assert self._going is not None
        done, most_bricks = 0, None if most_bricks is None else max(most_bricks // self._share, 1)
        for bricks in self._going:
            done += bricks
            if most_bricks is not None and done + bricks > most_bricks:
                return
        self._going, self._behind, self.stats.relit = None, 0, True

    def _look_ahead(self, most_bricks: int) -> None:
        """Find out in an idle moment what lamps that are off will light, or do by now, so that dusk need not."""
        if self._looking is None:
            lamps = self.world.lamps
            if owing := lamps.owing():
                lamps.catch_up(owing[:1])
                return
            self._looking = self.world.look_ahead(most_bricks)
        next(self._looking, None)

    def _ended(self, waits: bool = False) -> LightStats:
        """Pass on what lamps found out, and count what there is at the end of an update; other light may wait."""
        stats = self.stats
        if self.is_built:
            surface = self.transport.surface
            stats.texels = surface.n_texels
            stats.rays_traced = self.transport.bounce_rays.take_traced()
            stats.bricks = surface.n_with_texels
            self.decoded.follow_later()
            self._count_probes()
        self._behind = self._behind + 1 if waits or self._going is not None else 0
        stats.behind = self._behind
        return stats

    def _count_change(self, change: Change) -> None:
        self.stats.texels_regenerated, self.stats.bricks_regenerated = len(change.texels), change.bricks

    def rest(self) -> LightStats:
        """In place of `update`, where light stays what it was: what is done after it is counted anew."""
        before = self.stats
        self.stats = LightStats(texels=before.texels, bricks=before.bricks, behind=before.behind)
        self._count_probes()
        return self.stats

    def _count_probes(self) -> None:
        self.stats.probes = self.transport.probes.n_known
        self.stats.probes_regenerated += self.world.probe_light.take_traced()

    # ---- camera side ----

    def decode(self, keys: I32, most_texels: int | None = None, area: I32 | None = None) -> None:
        """`DecodedPages.decode`: make the pages `keys` [n] current, with at most so many texels worked out. While what
        it does is the first light in view, what `update` spreads over frames rests, but for one update in some.
        """
        is_going, budget = self._going is not None, None
        if most_texels is not None:
            may_lend = self._lent < MOST_LENT and not (is_going and self._share == AFTER_EDIT)
            budget = Budget(most_texels, may_lend, is_going)
        self._is_lent |= self.decoded.decode(keys, self._movers, self.stats, budget, area)
        self._count_probes()

    def decode_texels(self, texels: I32, most: int | None = None, area: I32 | None = None) -> tuple[F32, F32]:
        """`DecodedPages.decode_texels`."""
        return self.decoded.decode_texels(texels, most, area)

    def body_light(
        self, view: View, posed: PosedBodies, most: int | None = None, seen: NDArray[np.bool_] | None = None
    ) -> F32:  # fmt: skip
        """e [V, 3] at the vertices of those posed bodies that are seen [B]; bodies that did not move keep theirs while
        light is as it was, and all but `most` of them until their turn comes, if every lamp near them is and was as
        bright as it is.
        """
        world = self.world
        if most is not None and self._going is not None:  # they would be looked at again when it has come
            most = max(most // AFTER_EDIT, 1)
        e = self._body_light.at(
            view,
            posed,
            world.transport,
            world.relit,
            world.probe_light,
            world.direct(),
            world.sky,
            world.lamps.shapes,
            most,
            seen,
        )
        self.stats.bodies_stale = self._body_light.n_waiting
        self._count_probes()
        return e

    # ---- what the picture reads ----

    @property
    def transport(self) -> Transport:
        """The geometry side of the world's light."""
        return self.world.transport

    @property
    def light_stamp(self) -> int:
        """Grows whenever any light in the world may have changed."""
        return self._relit.stamp

    @property
    def lamp_shapes(self) -> LampShapes:
        """Boxes and shades of the lamps as they are now."""
        return self.world.lamps.shapes

    @property
    def radiance(self) -> NDArray[np.uint32]:
        """[S] radiance, packed, of every texel, and behind them of the patches that they are joined to."""
        return self._relit.radiance

    @property
    def furniture(self) -> Furniture:
        """The bodies that stand."""
        return self.world.standing.furniture

    @property
    def bodies_met(self) -> Furniture:
        """All bodies, as reflections meet them: the same object as long as all are where they were."""
        if self._met[0] is not self.furniture or self._met[1] is not self._movers:
            self._met = self.furniture, self._movers, both(self.furniture, self._cast.furniture()[0])
        return self._met[2]

    def body_radiance(self, view: View) -> F32:
        """Radiance [N, 6, 3] of the sides of the parts of `bodies_met`."""
        found = np.concatenate([self.world.standing.sides, self.world.shine(view, *self._cast.furniture())])
        self._count_probes()
        return found

    @property
    def table(self) -> pages.PageTable:
        """Where pages are in the atlas."""
        return self.decoded.table

    @property
    def atlas(self) -> F32:
        """Atlas [bands, 18, 1008, 4] of e but for the sun's own."""
        return self.table.atlas

    def slots(self, keys: I32) -> I32:
        """The slots of some pages [n], -1 where none is resident."""
        return self.table.slots(keys)

    @property
    def stale_slots(self) -> I32:
        """`DecodedPages.stale_slots`."""
        return self.decoded.stale_slots

    def take_dirty_slots(self) -> I32:
        """`DecodedPages.take_dirty_slots`."""
        return self.decoded.take_dirty_slots()

    def tables(self) -> dict[str, int]:
        """Bytes of every table that is kept, by name."""
        if not self.is_built:
            return {}
        world, transport = self.world, self.transport
        parts: dict[str, object] = {
            "transport": transport, "surface": transport.surface, "probes": transport.probes,
            "probe_light": world.probe_light, "bounces": transport.bounce_rays,
            "readers": transport.bounce_rays.readers, "relight": self._relit, "lamps": world.lamps,
            "sun": world.sun, "furniture": world.standing, "world": world, "texels": self.decoded.pool,
            "distinct": self.decoded.pool.distinct, "pages": self.table,
        }  # fmt: skip
        found = {}
        for part, thing in parts.items():
            for name, table in vars(thing).items() if thing is not None else ():
                if isinstance(table, Faces | Extents):
                    found[f"{part}.{name}"] = sum(array.nbytes for array in table)
                elif isinstance(table, np.ndarray) and table is not transport.origin and table is not world.base:
                    found[f"{part}.{name.strip('_')}"] = table.nbytes
        voxels = transport.voxels
        found["transport.occupied"], found["transport.gap"] = voxels.occupied.nbytes, voxels.gap.nbytes
        lit = [known for known in world.lamps.lit if known is not None]
        found["lamps.texels"], found["lamps.factor"] = (sum(known[k].nbytes for known in lit) for k in (0, 1))
        return found

    @property
    def bytes(self) -> int:
        """Memory of everything that is kept."""
        return sum(self.tables().values())
