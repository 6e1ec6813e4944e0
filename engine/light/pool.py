"""The pool of decoded texels: what the camera has asked for so far, one row each.

A row keeps what geometry decides (where its rays end, form factors of the lamps that reach it) and what light decides
(what its rays bring, means of that over its neighbours, indirect and lamp e). Geometry's part stays valid until a voxel
that it read changes; light's part is a sum over it.
"""

import numpy as np
from numpy.typing import NDArray

from engine.light import creases, decode, gather
from engine.light.crossing import Boxes, boxes_of, rays_cross
from engine.light.distinct import Distinct, each_once
from engine.light.keeping import unpacked
from engine.light.lamps import ALL, LAMPS_PER_TEXEL, LIST, LampChange, LampTransport, fine_factors, fine_light
from engine.light.network import Network
from engine.light.probelight import ProbeLight
from engine.light.relight import Relight
from engine.light.rows import (
    gather_newer,
    in_reach,
    lit_lamps_void,
    mean_around,
    renumber_parts,
    spread,
    stand,
    state_around,
    waiting_of_pages,
)
from engine.light.setaside import SetAside
from engine.light.shadows import lamps_cross
from engine.light.standing import StandingBodies
from engine.light.transport import Change, Transport
from engine.view import SkyView

F32 = NDArray[np.float32]
I16 = NDArray[np.int16]
I32 = NDArray[np.int32]
Bool = NDArray[np.bool_]

ROW_BYTES = gather.EDGE_RAYS * 4 + 4 * (2 * 16 + 2 * 12 + 2 + LAMPS_PER_TEXEL * 6 + 3 + 12 + 11 + 7 + 9) + 8 + 5
BESIDE_M = 0.85  # from a change to a texel whose 5 x 5 has another beside it: faces come and go a voxel from it
RELEASE_TO = 0.85  # part of the limit that is left in use when rows must be thrown out
GATHERING = 64  # to read what a texel's rays bring takes as long as tracing so many of them
AGE_CAP = 8  # decodes after which a row that waits comes before all that wait for less long
URGENT = 1 << 24  # urgency of a row whose light a change made void, beside its area in pixels


class TexelPool(SetAside):
    """Rows of decoded light; at most `limit` of them unless one picture needs more.

    Every row says at which relight its light was last found right, and in which decode it last changed, so that a
    decode does again only what reads something that changed since. Where a decode may only do so much, rows that have
    waited for AGE_CAP decodes come first, then what a change made void, then what fills most of the picture.
    """

    def __init__(self, n_texels: int, limit: int) -> None:
        self.limit = limit
        self.row_of_texel = np.full(n_texels + 1, -1, np.int32)  # [T + 1] -1 not decoded; the last is of no texel, -1
        self.now = 0  # number of the decode that is going on
        self.evicted = 0  # rows thrown out so far
        self._free: list[int] = []
        self.texel_of_row = np.zeros(0, np.int32)  # [R] -1 free
        self.last_wanted = np.zeros(0, np.int32)  # [R] decode that last asked for it, or for a texel beside it
        self.around = np.zeros((0, gather.NEIGHBOURS), np.int32)  # [R, 9] texels around, -1 none, itself first
        self.around_void = np.zeros(0, np.bool_)  # [R] whose `around` must be looked up
        self.n_rays = np.zeros(0, np.int32)  # [R] EDGE_RAYS, TEXEL_RAYS where it is surrounded, 0 not known yet
        self.met = np.zeros((0, gather.EDGE_RAYS), np.uint32)  # [R, EDGE_RAYS] where rays end and how far that is
        self.rays_void = np.zeros(0, np.uint64)  # [R] a bit for each of its rays that must be traced, see gather.py
        self.rays_wait = np.zeros(0, np.bool_)  # [R] shows a stand-in until rays around it are traced
        self.share = np.zeros((0, gather.BINS), np.float32)  # [R, 4] of its rays that end in each bin
        self.sky = np.zeros((0, gather.BINS, 3), np.float32)  # [R, 4, 3] what its rays to the sky bring
        self.sky_checked = np.zeros(0, np.int32)  # [R] relight since which `sky` is right, -1 none
        self.moment = np.zeros((0, gather.BINS, 3), np.float32)  # [R, 4, 3] e that its rays bring from each bin
        self.checked = np.zeros(0, np.int32)  # [R] relight at which `moment` (or the probes' light) was right, -1 none
        self.gathered_at = np.zeros((0, 2), np.int32)  # [R, 2] decodes in which `moment` and `share` changed
        self.near_share = np.zeros((0, gather.BINS), np.float32)  # [R, 4] means over 3 x 3 texels
        self.near_moment = np.zeros((0, gather.BINS, 3), np.float32)  # [R, 4, 3]
        self.gain = np.zeros((0, 3 * gather.BINS), np.float32)  # [R, 12] the network's, see decode.py
        self.gain_at = np.zeros(0, np.int32)  # [R] decode since which `gain` is right, -1 void
        self.lamp_of = np.zeros((0, LAMPS_PER_TEXEL), np.int32)  # [R, 16] lamp, -1 none
        self.factor_of = np.zeros((0, LAMPS_PER_TEXEL, 4), np.float32)  # [R, 16, 4]
        self.glow_of = np.zeros((0, LAMPS_PER_TEXEL), np.float32)  # [R, 16] factor of what fixtures throw back
        # [R] a bit for every lamp whose factors are void, and LIST; ALL for new rows. Those of lamps that are not lit
        # wait until they are.
        self.lamps_void = np.zeros(0, np.int32)
        self.lamps_wait = np.zeros(0, np.bool_)  # [R] shows coarse lamp light until its factors are worked out
        self.lit_checked = np.zeros(0, np.int32)  # [R] relight at which `e_lamp` was right, -1 none
        self.e_indirect = np.zeros((0, 3), np.float32)  # [R, 3]
        self.crease = np.zeros((0, 4), np.float32)  # [R, 4] share of what each quarter of the face sees that is near
        self.crease_void = np.zeros(0, np.bool_)  # [R] whose `crease` must be worked out
        self.e_near = np.zeros((0, 3), np.float32)  # [R, 3] what of `e_indirect` comes from near
        self.e_lamp = np.zeros((0, 4, 3), np.float32)  # [R, 4, 3]
        self.e_at = np.zeros(0, np.int32)  # [R] decode in which `e_indirect` was worked out, -1 never
        self.changed_at = np.zeros(0, np.int32)  # [R] decode in which `e_indirect` or `e_lamp` changed
        self.is_caused = np.zeros(0, np.bool_)  # [R] void because the world changed, not new to the camera
        self.waits_since = np.zeros(0, np.int32)  # [R] decode that first left it void, -1 none
        rows = [name for name, rows in vars(self).items() if isinstance(rows, np.ndarray) and name != "row_of_texel"]
        self.set_aside(limit, *rows)
        self._is_new = np.zeros(n_texels, np.bool_)  # [T] came with a change, and nobody asked for it yet
        self.distinct = Distinct(n_texels)

    @property
    def n_rows(self) -> int:
        """Rows in use."""
        return len(self.texel_of_row) - len(self._free)

    def follow(
        self, change: Change, transport: Transport, lamps: LampTransport, part_now: I32 | None = None
    ) -> None:  # fmt: skip
        """Void what a change of voxels or of furniture makes void. `lamps` as they were when the factors were made.

        Where furniture changed, part_now [N before] is the number of each of its parts now, -1 none.
        """
        place = transport.surface.place
        more = len(place) + 1 - len(self.row_of_texel)
        if more:
            self.row_of_texel = np.concatenate([self.row_of_texel, np.full(more, -1, np.int32)])
            self._is_new = np.concatenate([self._is_new, np.zeros(more, np.bool_)])
            self.distinct.make_room(len(place))
        rows = np.flatnonzero(self.texel_of_row >= 0).astype(np.int32)
        texels = self.texel_of_row[rows]
        is_fresh = np.zeros(len(place), np.bool_)
        is_fresh[change.fresh] = self._is_new[change.fresh] = True
        gone = (place[texels, 3] < 0) | is_fresh[texels]
        self._drop(rows[gone])
        rows, texels = rows[~gone], texels[~gone]
        if not len(texels):
            return
        rays_before, lamps_before = self.rays_void[rows], self.lamps_void[rows]
        boxes = boxes_of(change.low, change.high)
        rays_cross(place, is_fresh, texels, rows, self.n_rays, self.met, boxes, self.rays_void)
        if part_now is not None:
            renumber_parts(rows, self.n_rays, self.met, part_now, self.rays_void)
        beside = change.fresh
        if len(change.rows):
            beside = transport.surface.within(change.low - BESIDE_M, change.high + BESIDE_M)
        around = self.row_of_texel[each_once(beside, change.texels)]
        around = around[around >= 0]
        self.around_void[around] = True
        self.checked[around] = self.e_at[around] = self.gain_at[around] = -1  # other texels are beside them
        near = np.empty(len(texels), np.bool_)
        creases.may_see(place, texels, boxes, near)
        self.crease_void[rows[near]] = True
        asked = ~lamps.follows_later() if part_now is None else np.ones(len(lamps.lit), np.bool_)
        self._void_shadows(place, rows, lamps, asked, boxes)
        more_void = (self.rays_void[rows] != rays_before) | (self.lamps_void[rows] != lamps_before)
        self.is_caused[rows[more_void]] = True

    def follow_later(self, lamps: LampTransport, transport: Transport) -> None:
        """Void the shadows of lamps that were off while voxels changed."""
        rows = np.flatnonzero(self.texel_of_row >= 0).astype(np.int32)
        for lamp, changes in lamps.take_followed():
            low, high = (np.concatenate([getattr(change, name) for change in changes]) for name in ("low", "high"))
            asked = np.arange(len(lamps.lit)) == lamp
            self._void_shadows(transport.surface.place, rows, lamps, asked, boxes_of(low, high))

    def _void_shadows(self, place: I16, rows: I32, lamps: LampTransport, asked: Bool, boxes: Boxes) -> None:
        if asked.any():
            lamps_cross(
                place, self.texel_of_row[rows], rows, self.lamp_of, lamps.shapes.low, lamps.shapes.high, asked, boxes,
                self.lamps_void,
            )  # fmt: skip

    def follow_lamps(self, change: LampChange, transport: Transport, lamps: LampTransport) -> None:
        """Void the factors of lamps that went and of texels that new ones reach; the others keep theirs."""
        rows = np.flatnonzero(self.texel_of_row >= 0).astype(np.int32)
        if not change.in_order:  # a row keeps its lamps in their order
            self.lamps_void[rows] |= LIST
        if not len(rows):
            return
        place, texels, near = transport.surface.place, self.texel_of_row[rows], np.zeros(len(rows), np.bool_)
        lamp_of = self.lamp_of[rows]
        number = np.append(change.number, -1).astype(np.int32)
        renumbered = np.where(lamp_of >= 0, number[np.minimum(lamp_of, len(change.number))], -1)
        void = ((lamp_of >= 0) & (renumbered < 0)).any(1)
        in_reach(place, texels, change.gone_low, change.gone_high, change.gone_reach, near)
        void |= near & (lamp_of[:, -1] >= 0)  # full: one that was left out may now be in
        shapes = lamps.shapes
        in_reach(place, texels, shapes.low[change.new], shapes.high[change.new], shapes.reach[change.new], near)
        self.lamp_of[rows] = renumbered
        self.lamps_void[rows[void | near]] |= LIST

    def _drop(self, rows: I32) -> None:
        self.row_of_texel[self.texel_of_row[rows]] = -1
        self.texel_of_row[rows], self.lamp_of[rows] = -1, -1  # nobody renumbers the lamps of rows that are free
        self._free.extend(rows[::-1].tolist())

    def admit(self, texels: I32, place: I16) -> I32:
        """Rows [n] of some texels, new ones where they have none. Those that nobody wanted for longest make room."""
        rows = self.row_of_texel[texels]
        missing = texels[rows < 0]
        self.last_wanted[rows[rows >= 0]] = self.now
        if self.n_rows + len(missing) > self.limit:
            old = np.flatnonzero((self.texel_of_row >= 0) & (self.last_wanted < self.now)).astype(np.int32)
            where = place[self.texel_of_row[old]]
            old = old[np.lexsort((*where.T[::-1], self.last_wanted[old]))]
            # More than it must, so that a camera that moves does not pay for this in every frame.
            old = old[: self.n_rows + len(missing) - int(RELEASE_TO * self.limit)]
            self._drop(old)
            self.evicted += len(old)
        more = len(missing) - len(self._free)
        if more > 0:
            size = len(self.texel_of_row)
            more = max(more, min(size // 2, self.limit - size))
            self.make_room(size + more)
            self.texel_of_row[size:] = -1
            self._free = list(range(size + more - 1, size - 1, -1)) + self._free
        fresh = np.array([self._free.pop() for _ in range(len(missing))], np.int32)
        self.row_of_texel[missing], self.texel_of_row[fresh] = fresh, missing
        self.last_wanted[fresh] = self.now
        self.rays_void[fresh], self.rays_wait[fresh], self.lamps_void[fresh] = gather.ALL_RAYS, False, ALL
        self.checked[fresh] = self.sky_checked[fresh] = self.lit_checked[fresh] = -1
        self.e_at[fresh] = self.gain_at[fresh] = -1
        self.changed_at[fresh] = self.now  # a page may still show what they held when they were thrown out
        self.waits_since[fresh], self.around_void[fresh], self.n_rays[fresh] = -1, True, 0
        self.lamps_wait[fresh], self.is_caused[fresh] = False, self._is_new[missing]
        self.crease[fresh], self.crease_void[fresh] = 0.0, True
        self._is_new[missing] = False
        return self.row_of_texel[texels]

    def waits(self) -> Bool:
        """Which rows [R] show a stand-in for light that is still to be worked out."""
        return self.rays_wait | self.lamps_wait

    def keep(self, texels: I32) -> None:
        """Texels [...], -1 none, that are not asked for in the next decode shall not make room in it."""
        rows = self.row_of_texel[texels]
        self.last_wanted[rows[rows >= 0]] = self.now + 1

    def waiting_of_pages(self, texels: I32) -> tuple[I32, Bool, Bool, I32]:
        """Of some pages' texels [n, PX, PX]: how many wait, whether any never had what its rays bring, whether any
        waits for what the world did, and the decode that first left one void; all [n].
        """
        count, since = np.zeros(len(texels), np.int32), np.full(len(texels), self.now, np.int32)
        unlit, caused = np.zeros((2, len(texels)), np.bool_)
        waiting_of_pages(
            texels, self.row_of_texel, self.rays_wait, self.lamps_wait, self.e_at, self.is_caused, self.waits_since,
            count, unlit, caused, since,
        )  # fmt: skip
        return count, unlit, caused, since

    def stands(self, radiance: F32, changed_at: I32) -> Bool:
        """Rows [R] whose light can be that of before for a while: at most what their rays bring is another."""
        stands = np.empty(len(self.moment), np.bool_)
        stand(
            self.checked, self.e_at, self.rays_void, self.lamps_void, self.lamp_of, self.lit_checked, radiance.any(1),
            changed_at, stands,
        )  # fmt: skip
        return stands

    def gather(
        self, texels: I32, transport: Transport, standing: StandingBodies, relit: Relight, sky: SkyView,
        network: Network, most: int | None, area: I32 | None = None,
    ) -> None:  # fmt: skip
        """Indirect light of some texels [n] from their rays, tracing those that are void: as many as `most` texels
        have, if given, those first whose page takes up most area [n] in pixels.

        Texels around which rays are still missing are marked as waiting: they keep what their rays brought before, or
        get a stand-in if those are their first, or other texels are beside them.
        """
        surface = transport.surface
        around, ring = self._around(texels, transport)
        self.admit(ring, surface.place)
        around_ring, outer = self._around(ring, transport)
        rows = self.admit(outer, surface.place)
        self._look_around(outer, transport)
        void = np.flatnonzero(self.rays_void[rows])
        rays_of_bit = self.n_rays[rows[void]] // gather.BITS
        work = np.bitwise_count(self.rays_void[rows[void]]).astype(np.int64) * rays_of_bit + GATHERING
        if most is not None and work.sum() > most * (gather.TEXEL_RAYS + GATHERING):
            urgency = self._urgency(texels, area)
            spread(around, self.row_of_texel, urgency)
            spread(around_ring, self.row_of_texel, urgency)
            void = void[self._first(rows[void], urgency, work, most * (gather.TEXEL_RAYS + GATHERING))]
        if len(void):
            met_sky = gather.leaves(self.met[rows[void]])
            gather.trace_texels(
                transport.voxels, standing.furniture, surface.place, surface.faces, outer[void],
                rows[void], self.n_rays, self.rays_void, self.met,
            )  # fmt: skip
            gather.ray_shares(rows[void], self.n_rays, self.met, self.share)
            self.rays_void[rows[void]] = 0
            self.checked[rows[void]], self.gathered_at[rows[void], 1] = -1, self.now
            self.sky_checked[rows[void][(gather.leaves(self.met[rows[void]]) != met_sky).any(1)]] = -1
        is_traced = self.rays_void[rows] == 0
        self._note_waiting(rows)
        old = np.flatnonzero(is_traced & (self.checked[rows] != relit.stamp))
        other = old[self.sky_checked[rows[old]] != relit.sky_changed_at]
        gather.gather_sky(
            surface.place, outer[other], rows[other], self.n_rays, self.met, sky.sun_direction,
            sky.zenith, sky.horizon, sky.glow, sky.ground, self.sky,
        )  # fmt: skip
        self.sky_checked[rows[other]] = relit.sky_changed_at
        reads = gather_newer(
            rows[old], self.n_rays, self.met, surface.patch_spot, self.checked, relit.changed_at,
            relit.sky_changed_at, standing.changed_at.ravel(), relit.radiance, standing.sides.reshape(-1, 3), self.sky,
            self.moment,
        )  # fmt: skip
        self.checked[rows[old]] = relit.stamp
        self.gathered_at[rows[old[reads]], 0] = self.now

        n = len(self.texel_of_row)
        traced, whole, ring_whole = np.zeros((3, n), np.bool_)
        ring_at, newest = np.zeros((2, n, 2), np.int32)
        traced[rows] = is_traced
        state_around(around_ring, self.row_of_texel, self.gathered_at, traced, ring_at, ring_whole)
        state_around(around, self.row_of_texel, ring_at, ring_whole, newest, whole)
        rows = self.row_of_texel[texels]
        is_void = self.crease_void[rows] & (self.rays_void[rows] == 0)
        void, before = rows[is_void], self.crease[rows[is_void]]
        creases.look_near(
            transport.voxels, standing.furniture, surface.place, texels[is_void], void, self.n_rays, self.met,
            self.crease,
        )  # fmt: skip
        self.crease_void[void] = False
        self._note(void, before, self.crease)
        done = whole[rows]
        todo = done & ((self.e_at[rows] < newest[rows, 0]) | self.rays_wait[rows])
        working, beside = rows[todo], around[todo]

        needed = np.zeros(n, np.bool_)
        needed[self.row_of_texel[beside[beside >= 0]]] = True
        needed = needed[self.row_of_texel[ring]]
        gather.average_around(
            self.row_of_texel[ring[needed]], around_ring[needed], self.row_of_texel, self.moment, self.share,
            self.near_moment, self.near_share,
        )  # fmt: skip
        stands_in = ~done & (self.e_at[rows] < 0)  # others that are not done show the light of before
        others = rows[todo | stands_in]
        light, light_near = self.e_indirect[others], self.e_near[others]
        decode.gathered_light(
            working, beside, self.row_of_texel, self.moment, self.share, self.near_moment, self.near_share,
            network.w1, network.b1, network.w2, network.b2, self.gain_at[working] < newest[working, 1], self.gain,
            self.e_indirect, self.e_near,
        )  # fmt: skip
        self.e_at[working] = self.gain_at[working] = self.now
        self.rays_wait[rows] = ~done
        self._stand_in(texels[stands_in], transport, relit, sky)
        self._note(others, light, self.e_indirect)
        self._note(others, light_near, self.e_near)

    def _stand_in(self, texels: I32, transport: Transport, relit: Relight, sky: SkyView) -> None:
        """Indirect light of some texels until they have rays of their own: what light that bounces brings to them, the
        mean over 5 x 5 texels, peaked in the middle.
        """
        if not len(texels):
            return
        around, ring = self._around(texels, transport)
        around_ring, outer = self._around(ring, transport)
        own, near = np.zeros((2, len(self.texel_of_row), 3), np.float32)
        own[self.row_of_texel[outer]] = transport.bounce_rays.bounced(outer, transport.surface, relit.radiance, sky)
        mean_around(around_ring, self.row_of_texel, own, near)
        mean_around(around, self.row_of_texel, near, self.e_indirect)
        self._note_plain(texels)

    def take_from_probes(self, texels: I32, probe_light: ProbeLight, stamp: int, sky: SkyView) -> None:
        """Indirect light of some texels as the classical look has it, at a relight."""
        rows = self.row_of_texel[texels]
        before, old = self.e_indirect[rows], self.checked[rows] != stamp
        self.e_indirect[rows[old]] = probe_light.on(texels[old], sky)
        self.checked[rows] = stamp
        self._note_plain(texels[old])
        self._note(rows, before, self.e_indirect)

    def _note_plain(self, texels: I32) -> None:
        """Indirect light of some texels is of one kind: near is as bright as far."""
        rows = self.row_of_texel[texels]
        self.e_at[rows] = -1
        self.e_near[rows] = self.e_indirect[rows] * self.crease[rows].mean(1)[:, None]

    def light_lamps(
        self, texels: I32, transport: Transport, lamps: LampTransport, radiance: F32, changed_at: I32, stamp: int,
        most: int | None, area: I32 | None = None,
    ) -> None:  # fmt: skip
        """Lamp light of some texels [n] for radiance [L, 3] that last changed at relight changed_at [L]. Void factors
        are worked out, of `most` texels if given; the others get the coarse lamp light that bounces are made of.
        """
        rows = self.row_of_texel[texels]
        is_void, is_lit = np.empty(len(rows), np.bool_), radiance.any(1)
        lit_lamps_void(rows, self.lamps_void, self.lamp_of, is_lit, is_void)
        void = np.flatnonzero(is_void)
        if most is not None and len(void) > most:
            void = void[self._first(rows[void], self._urgency(texels, area), np.ones(len(void), np.int64), most)]
        fine_factors(
            transport.voxels, lamps.furniture, transport.surface.place, texels[void], rows[void], lamps.shapes,
            is_lit, self.lamps_void, self.lamp_of, self.factor_of, self.glow_of,
        )  # fmt: skip
        self.lit_checked[rows[void]] = -1
        is_void[void] = False
        self.lamps_wait[rows] = is_void
        self._note_waiting(rows)
        valid, since, at = ~is_void, self.lit_checked[rows], np.append(changed_at, -1)  # the last entry is for no lamp
        again = since < at.max()
        again[again] = at[self.lamp_of[rows[again]]].max(1) > since[again]
        again = valid & (again | (since < 0))
        differing = rows[again | ~valid]
        before = self.e_lamp[differing]
        fine_light(
            rows[again], self.lamp_of, self.factor_of, self.glow_of, lamps.shapes.tint, radiance, self.e_lamp
        )  # fmt: skip
        self.lit_checked[rows] = np.where(valid, stamp, -1)
        others = texels[~valid]
        self.e_lamp[rows[~valid]] = (unpacked(lamps.e[others]) + lamps.from_unseen(others, radiance))[:, None]
        self._note(differing, before, self.e_lamp)

    def _note(self, rows: I32, before: F32, light: F32) -> None:
        """Remember in which rows light differs from what it was."""
        differs = (light[rows] != before).any(tuple(range(1, light.ndim)))
        self.changed_at[rows[differs]] = self.now

    def _urgency(self, texels: I32, area: I32 | None) -> I32:
        """How much it matters to the picture that rows are done, [R]: 0 for those that it does not show."""
        urgency, rows = np.zeros(len(self.texel_of_row), np.int32), self.row_of_texel[texels]
        urgency[rows] = np.minimum(1 if area is None else area, URGENT - 1) + URGENT * self.is_caused[rows]
        return urgency

    def _first(self, rows: I32, urgency: I32, work: NDArray[np.int64], most: int) -> NDArray[np.intp]:
        """Places in `rows` [n], in order, of those to be done first: `most` of all work [n]. Ties go by texel."""
        since = np.where(self.waits_since[rows] < 0, self.now, self.waits_since[rows])
        overdue = np.where(self.now - since >= AGE_CAP, since, self.now)
        order = np.lexsort((self.texel_of_row[rows], since, -urgency[rows], overdue))
        fits = np.cumsum(work[order]) <= most
        fits[:1] = True  # the dearest alone may be more
        return np.sort(order[fits])

    def _note_waiting(self, rows: I32) -> None:
        """Remember since when rows have waited for what is void in them."""
        waits, since = (self.rays_void[rows] != 0) | self.lamps_wait[rows], self.waits_since[rows]
        self.waits_since[rows] = np.where(waits, np.where(since < 0, self.now, since), -1)
        self.is_caused[rows] &= waits

    def _around(self, texels: I32, transport: Transport) -> tuple[I32, I32]:
        """Neighbours [n, 9] of some texels, -1 where there is none, and all texels among them."""
        self._look_around(texels, transport)
        around = self.around[self.row_of_texel[texels]]
        return around, self.distinct.among(around)

    def _look_around(self, texels: I32, transport: Transport) -> None:
        """Find out which neighbours some texels have, where that may be others, and so how many rays they send."""
        surface, rows = transport.surface, self.row_of_texel[texels]
        void = self.around_void[rows]
        texels, rows = texels[void], rows[void]
        around = np.empty((len(texels), gather.NEIGHBOURS), np.int32)
        gather.find_neighbours(surface.place, surface.faces, np.array(transport.grid.shape), texels, around)
        self.around[rows], self.around_void[rows] = around, False
        n_rays = gather.rays_wanted(around)
        others = rows[n_rays != self.n_rays[rows]]
        self.is_caused[others] |= self.n_rays[others] > 0  # an edit took or gave a neighbour; else it is new
        self.n_rays[rows] = n_rays
        self.rays_void[others] = gather.ALL_RAYS
        self.sky_checked[others] = -1
