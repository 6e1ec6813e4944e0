"""Decoded pages: the camera side of the latent cache. What a camera sees is made current here, and nothing else.

Pages are read from decoded texels (pool.py), these from the light of the world (worldlight.py). In play a decode does
so many texels, and says which pages wait.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.light import pages
from engine.light.distinct import each_once
from engine.light.furniture import FurnitureChange
from engine.light.lamps import LampChange
from engine.light.lightstats import LightStats
from engine.light.movers import Movers
from engine.light.network import Network
from engine.light.pool import ROW_BYTES, TexelPool
from engine.light.shade import Shade
from engine.light.transport import FEW_BOXES, Change, change_of_boxes
from engine.light.worldlight import WorldLight

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
Bool = NDArray[np.bool_]

FIRST = 3  # so many times more is done of the first light, of a world or in view: nothing else is to be done then
UNLIT = 0.1  # of the picture: while more than that has no light of its own it is the first light in view
TAKEN_UP = 2  # pages show so many times the texels that a decode works out: they share some, and want some beside them
OLDEST = 8  # one in so many of these is of pages that have waited longest
SLOT_BYTES = pages.PAGE_PX**2 * 16


class Budget(NamedTuple):
    """What a decode in play may do."""

    most_texels: int
    may_have_more: bool  # for the first light in view
    is_light_coming: bool  # all pages will be looked at again when it has come


class DecodedPages:
    """Pages of one world's light for one set of weights: atlas, table, and the texels that they show."""

    def __init__(self, world: WorldLight, network: Network | None, budget_bytes: int) -> None:
        """`network` None gives the classical look. Texels and atlas may take half of `budget_bytes` each."""
        self.world = world
        self.network = network
        surface = world.transport.surface
        self.pool = TexelPool(surface.capacity, max(budget_bytes // 2 // ROW_BYTES, 1))
        self.table = pages.PageTable(surface.has_texels.size, max(budget_bytes // 2 // SLOT_BYTES, 1))
        self.shade = Shade()  # what moves keeps from texels
        self._shaded: tuple[object, int, I32] = (None, -1, np.zeros(0, np.int32))  # movers, light and pages of `shade`
        self._dirty_slots: list[I32] = []  # slots [n] whose pages look different

    # ---- what the world did ----

    def follow(self, change: Change) -> None:
        """Void what a change of voxels makes void; before lamps follow it."""
        world, table = self.world, self.table
        surface = world.transport.surface
        self.pool.follow(change, world.transport, world.lamps)
        gone = np.flatnonzero((table.key_of_slot >= 0) & (surface.rows_of(np.maximum(table.key_of_slot, 0)) < 0))
        if len(gone):
            table.drop(gone.astype(np.int32))
        table.void(change.low, change.high, surface.n_bricks)
        table.look_again()

    def follow_furniture(self, moved: FurnitureChange) -> None:
        """Void what furniture that came, went or moved makes void; before lamps follow it."""
        low, high = moved.low, moved.high
        if len(low) > FEW_BOXES:
            low, high = low.min(0, keepdims=True), high.max(0, keepdims=True)
        self.pool.follow(change_of_boxes(low, high), self.world.transport, self.world.lamps, moved.part)
        self.table.look_again()

    def follow_lamps(self, change: LampChange) -> None:
        """Void what lamps that came, went or are others make void."""
        self.pool.follow_lamps(change, self.world.transport, self.world.lamps)
        self.table.look_again()

    def follow_later(self) -> None:
        """Void what lamps make void that followed changes of before by now, and stand-ins that are others."""
        self.pool.follow_later(self.world.lamps, self.world.transport)
        if self.world.stand_ins_differ:
            self.table.look_again()
            self.world.stand_ins_differ = False

    # ---- what a camera wants ----

    def decode(
        self, keys: I32, movers: Movers, stats: LightStats, budget: Budget | None = None, area: I32 | None = None
    ) -> bool:  # fmt: skip
        """Make the pages `keys` [n] current, in the shade of what moves; counts them in `stats`. Keys without any lit
        face are left out.

        With a budget rays and lamp shadows are worked out for at most so many texels. The others show a stand-in
        meanwhile, light as it bounces and of coarse lamps, or what was there before a change; their pages count as
        stale. Stand-ins are made at once and again after every change, and left alone until their turn comes: first
        that of what a change made void, then of what fills most pixels, area [n], and some each time of what has waited
        longest. While much of the picture has never had light of its own that has FIRST times as much, if it may: then
        this returns True. Pages that a change does not touch from near, or hide more than a few rays
        of, and where every lamp is as bright as it was, show the light of before until their turn comes: a third as
        many pages in a decode as it does texels, less those that cannot wait.
        """
        surface, table, stamp, most_texels = self.world.transport.surface, self.table, self.world.relit.stamp, None
        area = np.ones(len(keys), np.int32) if area is None else area
        shows = surface.rows_of(keys) >= 0
        keys, area = keys[shows], area[shows]
        stats.pages, stats.pages_stale = len(keys), 0
        table.admit(keys, self.pool.now + 1)
        slots = table.slots(keys)
        stale = table.checked[slots] != stamp
        if budget is not None:
            most_texels, waits = self._share_out(keys, slots, area, stale, budget)
            stale[waits] = False
            stats.pages_stale = len(waits)
        is_lent = budget is not None and most_texels != budget.most_texels
        is_empty = table.filled_at[slots] < 0
        if not (stale | is_empty).any() and self._is_shaded(movers, keys):
            return is_lent
        near = self._near_movers(movers, keys, slots) | is_empty
        pool, work = self.pool, stale | near
        asked = np.flatnonzero(work)  # among the pages that `_near_movers` was asked about
        keys, slots, area, stale, near = keys[work], slots[work], area[work], stale[work], near[work]
        texels = self.texels_of(keys)
        pool.keep(texels[near])
        stale |= near & ((pool.row_of_texel[texels] < 0) & (texels >= 0)).any((1, 2))
        to_fill = table.filled_at[slots] < 0
        if stale.any():
            stats.pages_stale += self._decode_pages(texels[stale], slots[stale], area[stale], most_texels)
            newest = np.append(pool.changed_at, -1)[pool.row_of_texel[texels[stale]]].max((1, 2))
            to_fill[stale] |= newest > table.filled_at[slots[stale]]
            stats.pages_regenerated += int(to_fill[stale].sum())
        to_fill |= self._shade_pages(movers, texels[near], asked[near], slots)
        slots, texels = slots[to_fill], texels[to_fill]
        differs = table.filled_at[slots] < 0
        pages.fill_pages(
            slots, texels, pool.row_of_texel, pool.e_indirect, pool.e_near, pool.crease, pool.e_lamp,
            self.shade.of_rows(pool.row_of_texel, len(pool.moment)), self.shade.lost, self.shade.left, table.atlas,
            differs,
        )  # fmt: skip
        table.filled_at[slots] = pool.now
        self._dirty_slots.append(slots[differs])
        return is_lent

    def _share_out(self, keys: I32, slots: I32, area: I32, stale: Bool, budget: Budget) -> tuple[int, I32]:
        """Of how many texels a decode with a budget does the rays and shadows, and which of some pages [n] wait for
        another one.
        """
        table, most = self.table, budget.most_texels
        at_once = max(most // 16, 1)
        stand_in = np.flatnonzero(table.checked[slots] == pages.STANDS_IN)
        waiting = self.texels_of(keys[stand_in])
        self.pool.keep(waiting)
        n_waiting, is_unlit, is_caused, since = self.pool.waiting_of_pages(waiting)
        unlit_px = area[stand_in][is_unlit & ~is_caused].sum()
        if unlit_px > UNLIT * area.sum() and budget.may_have_more:
            most *= FIRST
        waits, key, px = np.ones(len(stand_in), np.bool_), keys[stand_in], area[stand_in]
        for order, texels in (
            (np.lexsort((key, -px, ~is_caused)), TAKEN_UP * most),
            (np.lexsort((key, -px, since)), TAKEN_UP * most // OLDEST),
        ):
            waits[order[np.cumsum(n_waiting[order]) - n_waiting[order] < texels]] = False
        before = np.flatnonzero(stale & (table.checked[slots] >= 0) & (table.filled_at[slots] >= 0))
        before = before[self._stand_as_they_did(slots[before])]
        if not budget.is_light_coming and not len(stand_in):  # else they would be looked at again when it has come
            at_once = max(most // 3 - (int(stale.sum()) - len(before)), most // 8, 1)
        before = before[np.lexsort((keys[before], -area[before], table.checked[slots[before]]))][at_once:]
        return most, np.concatenate([stand_in[waits], before])

    def _is_shaded(self, movers: Movers, keys: I32) -> bool:
        """Whether what moves, light and pages are those of the last look."""
        moved, stamp, shown = self._shaded
        return moved is movers and stamp == self.world.relit.stamp and np.array_equal(keys, shown)

    def _near_movers(self, movers: Movers, keys: I32, slots: I32) -> Bool:
        """Which pages [n] what moves may darken, or darkened."""
        world = self.world
        self._shaded = movers, world.relit.stamp, keys
        near = self.shade.look(movers, keys, world.transport.grid.shape, world.lamps.shapes, world.lamp_radiance)
        return near | self._showing(self.shade.texels)[slots]

    def _shade_pages(self, movers: Movers, texels: I32, page: NDArray[np.intp], slots: I32) -> Bool:
        """Bring up to date what moves keeps from the texels of some pages [m, PX, PX], which are page [m] of those last
        asked about. Returns in which of the slots [n], of pages in the picture, that differs; others are filled anew
        when they are seen again.
        """
        pool, world = self.pool, self.world
        found, page_of = pool.distinct.with_largest(texels.reshape(-1, pages.TEXELS_PX**2), page.astype(np.int32))
        changed = self.shade.update(
            movers, found, page_of, pool.row_of_texel[found], world.transport.surface.place, world.lamps.shapes,
            world.lamp_radiance, pool.lamp_of, pool.factor_of, pool.glow_of, pool.lamps_wait,
        )  # fmt: skip
        shows = self._showing(changed)
        in_picture = np.zeros(len(shows), np.bool_)
        in_picture[slots] = True
        self.table.filled_at[shows & ~in_picture] = -1
        return np.asarray(shows[slots])

    def _showing(self, texels: I32) -> Bool:
        """Slots [S] whose pages show some texels [n], those that are still there, or have one in their border."""
        surface = self.world.transport.surface
        place = surface.place[texels]
        return self.table.showing(place[place[:, 3] >= 0], surface.n_bricks)

    def _decode_pages(self, texels: I32, slots: I32, area: I32, most_texels: int | None) -> int:
        """Work out the light of some pages' texels [n, PX, PX], or of `most_texels`, and note which still wait; returns
        how many do.
        """
        pool = self.pool
        wanted, area_of_texel = pool.distinct.with_largest(texels.reshape(-1, pages.TEXELS_PX**2), np.maximum(area, 1))
        self.decode_texels(wanted, most_texels, area_of_texel)
        rows = pool.row_of_texel[texels]
        waits = np.append(pool.waits(), False)[rows].any((1, 2))
        self.table.checked[slots] = np.where(waits, pages.STANDS_IN, self.world.relit.stamp)
        return int(waits.sum())

    def texels_of(self, keys: I32) -> I32:
        """The texels [n, PX, PX] that pages show, with those around them."""
        transport, texels = self.world.transport, np.empty((len(keys), pages.TEXELS_PX, pages.TEXELS_PX), np.int32)
        pages.page_texels(keys, transport.surface.faces, np.array(transport.grid.shape), texels)
        return texels

    def _stand_as_they_did(self, slots: I32) -> Bool:
        """On which pages, in slots [n], only indirect light may differ, and not for what is near."""
        pool, surface = self.pool, self.world.transport.surface
        stands = pool.stands(self.world.lamp_radiance, self.world.lamp_changed_at)
        others = pool.texel_of_row[~stands & (pool.texel_of_row >= 0)]
        return np.asarray(~self.table.showing(surface.place[others], surface.n_bricks)[slots])

    def decode_texels(self, texels: I32, most: int | None = None, area: I32 | None = None) -> tuple[F32, F32]:
        """Make the light of some texels [n] current; returns indirect e [n, 3] and lamp e [n, 4, 3] (quarters v * 2 +
        u). Rays and lamp factors that are void are worked out for at most `most` texels, if given: see `decode`.
        """
        pool, world = self.pool, self.world
        pool.now += 1
        pool.admit(texels, world.transport.surface.place)
        if self.network is None:
            pool.take_from_probes(texels, world.probe_light, world.relit.stamp, world.sky)
        else:
            pool.gather(texels, world.transport, world.standing, world.relit, world.sky, self.network, most, area)
        pool.light_lamps(
            texels, world.transport, world.lamps, world.lamp_radiance, world.lamp_changed_at, world.relit.stamp, most,
            area,
        )  # fmt: skip
        rows = pool.row_of_texel[texels]
        return pool.e_indirect[rows], pool.e_lamp[rows]

    @property
    def stale_slots(self) -> I32:
        """Slots [n] whose pages show a stand-in, or light from before the last relight."""
        table = self.table
        stale = (table.key_of_slot >= 0) & (table.last_seen == table.last_seen.max(initial=0))
        return np.flatnonzero(stale & (table.checked != self.world.relit.stamp)).astype(np.int32)

    def take_dirty_slots(self) -> I32:
        """Slots [n] whose pages look different since the last call."""
        found, self._dirty_slots = self._dirty_slots, []
        return each_once(np.zeros(0, np.int32), *found)
