"""The latent cache: world-space light that is kept until something that it read changes.

Tiers, each keyed by what it read and none by the camera: transport (rays and weights read voxels), radiance (reads
transport, lamps, sky), decoded texels (their rays read voxels, their latents radiance), surface pages (read texels).
`update` brings the world side up to date with a view; `decode` makes pages current for what the camera sees. Everything
that is dirty is done before the frame and light is gathered from zero: a cached frame equals a fresh one bit for bit.
In play both have a budget, and come to the same light over some frames.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.light import pages
from engine.light.bodies import BodyLight
from engine.light.faces import Faces
from engine.light.fixtures import Throws, lamp_shapes
from engine.light.formfactor import LampShapes
from engine.light.furniture import AtHome, Furniture, both, furniture_change, furniture_of, no_furniture, part_light
from engine.light.lamps import LampTransport
from engine.light.movers import Cast, Shade, no_movers
from engine.light.network import Network
from engine.light.pool import ROW_BYTES, TexelPool
from engine.light.relight import NO_PAGES, Direct, Dirty, Relight, Scene, passes_for_world
from engine.light.skylight import look_for_sun, sun_crosses
from engine.light.transport import MOST_BOXES, Change, Transport, change_of_boxes
from engine.raster.bodies import PosedBodies
from engine.view import SkyView, View

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
Bool = NDArray[np.bool_]

BUDGET_BYTES = 256 * 2**20  # atlases and decoded texels, half each
ANEW = 0.3  # a change of more than this part of all bricks costs more to follow than to begin anew
FIRST = 3  # so many times more is done of the first light, of a world or in view: nothing else is to be done then
UNLIT = 0.1  # of the picture: while more than that has no light of its own it is the first light in view,
MOST_LENT = 3  # for which other light rests for so many updates before it goes on for one
TAKEN_UP = 2  # pages show so many times the texels that a decode works out: they share some, and want some beside them
OLDEST = 8  # one in so many of these is of pages that have waited longest
IDLE = 4  # an idle update does a quarter of what it may
AFTER_EDIT = 4  # an update in which the light of an edit goes on does a quarter too, and so do its bodies and pages
SUN_PASSES = 3  # a ray to the sun from every texel costs as much as so many passes
SLOT_BYTES = pages.PAGE_PX**2 * 16


@dataclass
class LightStats:
    """What one update and the decodes after it did, beside how much there is."""

    probes: int = 0  # in use
    probes_regenerated: int = 0  # at least one ray traced
    rays_traced: int = 0
    texels: int = 0  # in use
    texels_regenerated: int = 0  # weights worked out again
    bricks: int = 0  # with any texel
    bricks_regenerated: int = 0  # with a probe or texel worked out again
    relit: bool = False
    pages: int = 0  # asked for by the last decode
    pages_regenerated: int = 0  # of them decoded again
    behind: int = 0  # updates since which other light, or the first, is on its way
    pages_stale: int = 0  # of them still with a stand-in, or with light of before
    bodies_stale: int = 0  # in the light of before


class LightCache:
    """Light of one world for one set of weights. One thread at a time."""

    def __init__(self, network: Network | None = None, budget_bytes: int = BUDGET_BYTES, compares: bool = True) -> None:
        """`network` None gives the classical look. `compares` False is only to measure against: see Relight."""
        self.network = network
        self._compares = compares
        self.budget_bytes = budget_bytes
        self.stats = LightStats()
        self.is_built = False  # what is declared here without a value is made by `_begin`
        self.transport: Transport
        self.table: pages.PageTable
        self._passes: int
        self._pool: TexelPool
        self._lamps: LampTransport
        self._sun_share: NDArray[np.uint8]
        self._light: tuple[bytes, ...]
        self._sun_light = self._sun = b""
        self.furniture: Furniture
        self._lamps_key: tuple[object, ...]
        self._relit = Relight(compares=compares)
        self._going: Iterator[int] | None = None  # first light or a relight that is spread over updates
        self._looking: Iterator[None] | None = None  # what lamps that are off will light, found out in idle updates
        self._share = 1  # part that it may do in an update of what is allowed: one in so many
        self._behind = 0  # updates that it has taken so far
        self._is_lent = False  # the first light in view had the part of what goes on in the last decode,
        self._lent = 0  # and of so many updates before
        self._cast, self._movers = Cast(), no_movers()

    def is_of(self, view: View) -> bool:
        """Whether light of the view's world is there at all."""
        return self.is_built and self._base is view.voxels.base

    def reset(self) -> None:
        """Forget everything; the next update builds it again from the view alone."""
        self.is_built, self._going = False, None

    # ---- world side ----

    def update(self, view: View, most_bricks: int | None = None) -> LightStats:
        """Bring transport and radiance up to date with the view.

        With `most_bricks` some work is spread over updates, each of which brings about so many bricks through one pass.
        The first light: until then `is_built` is False, and nothing can be decoded. Other light: until then that of
        before. What lamps throw on things shows at once, and new voxels show what light of before makes of them in one
        pass; bounces follow. What stands differently while something waits has the rest done in its update.
        """
        self.stats = LightStats()
        self._movers = self._cast.of(view)
        rests = self._is_lent and most_bricks is not None
        self._is_lent, self._lent = False, self._lent + 1 if rests else 0
        if self._is_another_world(view):
            self.is_built, self._base, self._shape, self._behind = False, view.voxels.base, view.voxels.stamp.shape, 0
            self._looking, self._share, self._going = None, 1, self._first_light(view, most_bricks)
        if most_bricks is not None and not self.is_built:
            most_bricks *= FIRST
        if self._going is not None:
            waits = not self.is_built or self._stands(view)
            if not (rests and waits):
                self._go_on(most_bricks if waits else None)
        if self._going is not None:
            if self.is_built:
                self._show_lamps(view)
            return self._ended()
        transport = self.transport
        change = transport.follow(view.voxels)
        if change is not None:
            self._follow(change)
            self._count_change(change)
        moved = self._follow_furniture(view)
        lamps_moved = self._follow_lamps(view, change, moved)
        light = (view.lamps.radiance.tobytes(), _sky_key(view.sky), _material_key(view))
        things_differ = change is not None or moved or lamps_moved or light[0] != self._light[0]
        waits = light != self._light or not self._relit.is_close
        if things_differ or (waits and not rests):
            self._looking, self._share = None, 1 if change is None else AFTER_EDIT
            self._going = self._relight(view, change, light, most_bricks, moved or lamps_moved)
            self._go_on(most_bricks)
        elif most_bricks is not None and not rests:
            self._look_ahead(most_bricks)
        return self._ended(light != self._light or not self._relit.is_close)

    def _count_change(self, change: Change) -> None:
        stats = self.stats
        stats.probes_regenerated, stats.rays_traced = len(change.retraced), change.rays
        stats.texels_regenerated, stats.bricks_regenerated = len(change.reweighed), change.bricks

    def _follow_lamps(self, view: View, change: Change | None, moved: bool) -> bool:
        """Note which lamps came, went or are others, and what changed voxels and furniture do to their light; false if
        the lamps are what and where they were.
        """
        lamps_key, shapes = _lamps_key(view), self._lamps.shapes
        lamps_moved = lamps_key != self._lamps_key
        if lamps_moved or change is not None or moved:
            self._lamps_key = lamps_key
            if lamps_moved:
                shapes = lamp_shapes(view.lamps, view.bodies, view.prefabs, view.materials, self._throws)
            lamp_change = self._lamps.update(
                shapes, self.transport.voxels, self.transport.surface, change, self.furniture
            )  # fmt: skip
            if lamp_change is not None:
                self._pool.follow_lamps(lamp_change, self.transport, self._lamps)
                self.table.look_again()
                self._lamp_radiance = np.zeros((0, 3), np.float32)
        return lamps_moved

    def _look_ahead(self, most_bricks: int) -> None:
        """Find out in an idle moment what lamps that are off will light, or do by now, so that dusk need not."""
        if self._looking is None:
            if owing := self._lamps.owing():
                self._lamps.catch_up(owing[:1])
                return
            dark = [lamp for lamp, lit in enumerate(self._lamps.lit) if lit is None]
            self._looking = self._lamps.look(dark, self._parts(most_bricks // IDLE))
        next(self._looking, None)

    def _parts(self, most_bricks: int) -> int:
        """In how many parts one pass over all texels is about so much work as `most_bricks`."""
        return max(-(-self.transport.surface.n_with_texels // max(most_bricks, 1)), 1)

    def _ended(self, waits: bool = False) -> LightStats:
        """Pass on what lamps found out, and count what there is at the end of an update; other light may wait."""
        stats = self.stats
        if self.is_built:
            surface = self.transport.surface
            stats.probes, stats.texels = self.transport.probes.n_alive, surface.n_texels
            stats.bricks = surface.n_with_texels
            self._pool.follow_later(self._lamps, self.transport)
        self._behind = self._behind + 1 if waits or self._going is not None else 0
        stats.behind = self._behind
        return stats

    def _stands(self, view: View) -> bool:
        """Whether all that light falls on or comes from is where it was."""
        keys = _furniture_key(view), _lamps_key(view)
        return self.transport.changed_bricks(view.voxels) == 0 and keys == (self._furniture_key, self._lamps_key)

    def _go_on(self, most_bricks: int | None) -> None:
        """Go on with the relight that is spread over updates: with at most so many bricks, or to its end."""
        assert self._going is not None
        done, most_bricks = 0, None if most_bricks is None else max(most_bricks // self._share, 1)
        for bricks in self._going:
            done += bricks
            if most_bricks is not None and done + bricks > most_bricks:
                return
        self._going, self._behind = None, 0

    def _relight(
        self, view: View, change: Change | None, light: tuple[bytes, ...], most_bricks: int | None, moved: bool = False
    ) -> Iterator[int]:
        """Bring radiance up to date, in parts if given `most_bricks`; yields how many bricks went through a pass. What
        is seen meanwhile is light of before, by the lamps as they are; `moved` if lamps or furniture are others.
        """
        transport, place, sky, radiance = self.transport, self.transport.surface.place, view.sky, view.lamps.radiance
        late = most_bricks if change is None or not self.is_built else None  # else new voxels would wait for light
        everything = not self._light or light[2] != self._light[2] or _sun_key(sky) != self._sun_light
        if self._light and light[2] != self._light[2]:
            self._passes = passes_for_world(view.voxels, view.materials)
        if late is not None and self.is_built:
            self._show_lamps(view, moved)
        texels = []
        if late is not None and (unseen := self._lamps.unseen(radiance)):
            if self.is_built:  # those that went are gone at once; the new ones shine on what asks (`from_unseen`)
                texels = [self._shine_coarsely(radiance, whole=False)]
                yield late  # that is enough for this update
            for lamp in unseen:
                for _ in self._lamps.look([lamp], self._parts(late)):
                    yield late
                if self.is_built:
                    texels.append(self._shine_coarsely(radiance, whole=False))
        texels.append(self._shine_coarsely(radiance))
        sun_share = self._sun_share  # bodies ask it beside the light that is shown
        if late is not None and sky.sun.any() and sky.sun_direction.tobytes() != self._sun:
            sun_share, (x, y, z) = sun_share.copy(), (float(v) for v in sky.sun_direction)
            for part in np.array_split(transport.surface.alive(), SUN_PASSES * self._parts(late)):
                look_for_sun(transport.voxels, self.furniture, place, x, y, z, part, sun_share)
                yield late
            self._sun = sky.sun_direction.tobytes()
        else:
            texels.append(self._update_sun(sky, change))
        dirty = None if everything else self._dirty(texels, change)
        rows = NO_PAGES if change is None else change.rows
        materials = view.materials
        direct = Direct(self._lamps.e, sun_share, sky.sun, sky.sun_direction)
        scene = Scene(transport, materials.albedo, materials.emission, direct, sky)
        if change is not None and most_bricks is not None and self.is_built:
            self._relit.stand_in(scene, change.probes, rows)
            self._show_lamps(view, True)
            yield most_bricks  # that is enough for this update
        closely = most_bricks is None or self.is_built  # first light comes without the rays of its last bounce
        yield from self._relit.parts(scene, self._passes, dirty, rows, most_bricks, closely)
        self.stats.relit = True
        self._light, self._sun_light, self._sky, self._sun_share = light, _sun_key(sky), sky, sun_share
        if most_bricks is None or not self.is_built:
            self._note_lamps(radiance)
        self._light_furniture(view)

    def _shine_coarsely(self, radiance: F32, whole: bool = True) -> I32:
        """`LampTransport.shine`; stand-ins are made of that."""
        texels = self._lamps.shine(self.transport.surface.capacity, radiance, whole)
        if len(texels):
            self.table.look_again()
        return texels

    def _dirty(self, lit: list[I32], change: Change | None) -> Dirty:
        """What reads something else than it did: texels whose direct light differs, and what a change touched."""
        place = self.transport.surface.place
        found = np.zeros(len(place), np.bool_)
        for texels in lit if change is None else [*lit, change.texels]:
            found[texels] = True
        texels = np.flatnonzero(found & (place[:, 3] >= 0)).astype(np.int32)
        return Dirty(texels) if change is None else Dirty(texels, change.probes, change.linked)

    def _show_lamps(self, view: View, anyway: bool = False) -> None:
        """From now on things are lit by the lamps as they are, though what these throw on them has not bounced yet;
        `anyway` also if all are as bright as they were, as where furniture moved or a lamp went.
        """
        if not anyway and np.array_equal(view.lamps.radiance, self._lamp_radiance):
            return
        if len(view.lamps.radiance) == len(self._lamps.lit):
            self._lamps.catch_up([lamp for lamp in self._lamps.owing() if view.lamps.radiance[lamp].any()])
        self._relit.stamp += 1
        self._note_lamps(view.lamps.radiance)
        self._light_furniture(view)

    def _is_another_world(self, view: View) -> bool:
        """Stamps of bricks tell the edits of one world; another one has another blueprint. One that is edited all over
        is as good as another.
        """
        voxels = view.voxels
        if not self.is_built and self._going is None:
            return True
        if self._base is not voxels.base or self._shape != voxels.stamp.shape:
            return True
        return self.is_built and self.transport.changed_bricks(voxels) > ANEW * self.transport.surface.n_with_texels

    def _first_light(self, view: View, most_bricks: int | None) -> Iterator[int]:
        """Make all there is of a view from nothing; yields the work done, in bricks that go through a pass."""
        if most_bricks is not None:
            yield FIRST * most_bricks  # the first frame waits for nothing
        transport = Transport(view.voxels, most_bricks)
        if most_bricks is not None:
            yield from transport.making(most_bricks)
        transport.keep_readers()
        self._begin(view, transport)
        change = transport.first_change()
        self._follow_furniture(view)
        self._follow_lamps(view, change, False)
        light = (view.lamps.radiance.tobytes(), _sky_key(view.sky), _material_key(view))
        yield from self._relight(view, change, light, most_bricks)
        self.is_built = True
        self._count_change(change)

    def _begin(self, view: View, transport: Transport) -> None:
        """Take up the transport of a world of which nothing else is known."""
        self.transport = transport
        self._passes = passes_for_world(view.voxels, view.materials)
        n = self.transport.surface.capacity
        self._lamps = LampTransport()
        self._lamps_key = ()
        self._throws: Throws = {}
        self._relit = Relight(self._relit.stamp, self._compares)
        self._lamp_radiance = np.zeros((0, 3), np.float32)  # [L, 3]
        self._lamp_changed_at = np.zeros(0, np.int32)  # [L] relight at which its light last changed
        self._sun = b""  # direction that `_sun_share` is for
        self._sun_share = np.zeros(n, np.uint8)  # [T] of SUN_WHOLE
        self._light = ()  # what the radiance was gathered from
        self.furniture = no_furniture()
        self._furniture_key: tuple[object, ...] = ()
        self._sun_boxes: list[NDArray[np.float64]] = []  # [2, 3] metres: bodies that came or went since the last look
        self._made_of: tuple[object, object] = (None, None)  # prefabs and materials of what is at home
        self._at_home: AtHome = {}
        self._part_albedo = np.zeros((0, 3), np.float32)  # [N, 3] of the furniture's parts
        self._part_sides = np.zeros((0, 6, 3), np.float32)  # [N, 6, 3] they shine with, to each side
        self._part_changed_at = np.zeros((0, 6), np.int32)  # [N, 6] relight at which that last changed
        self._pool = TexelPool(n, max(self.budget_bytes // 2 // ROW_BYTES, 1))
        self.table = pages.PageTable(
            self.transport.surface.has_texels.size, max(self.budget_bytes // 2 // SLOT_BYTES, 1)
        )
        self._body_light = BodyLight()
        self._shade = Shade()
        self._shaded: tuple[object, int, I32] = (None, -1, np.zeros(0, np.int32))  # movers, light and pages of `_shade`
        self._dirty_slots: list[I32] = []  # slots [n] whose pages look different
        self._met: tuple[object, object, Furniture] = (None, None, no_furniture())  # furniture, movers, all of both

    def _follow(self, change: Change) -> None:
        transport = self.transport
        more = transport.surface.capacity - len(self._sun_share)
        if more:
            self._sun_share = np.concatenate([self._sun_share, np.zeros(more, np.uint8)])
        self._pool.follow(change, transport, self._lamps)
        keys = self.table.key_of_slot
        gone = np.flatnonzero((keys >= 0) & (transport.surface.rows_of(np.maximum(keys, 0)) < 0))
        if len(gone):
            self.table.drop(gone.astype(np.int32))
        self.table.void(change.low, change.high, transport.surface.n_bricks)
        self.table.look_again()

    def _follow_furniture(self, view: View) -> bool:
        """Note which furniture came, went or was moved; false if all stands as it did."""
        key = _furniture_key(view)
        if key == self._furniture_key:
            return False
        made_of, self._made_of = self._made_of, (view.prefabs, view.materials)
        same = made_of[0] is view.prefabs and made_of[1] is view.materials
        old, self._furniture_key = self.furniture, key
        self.furniture, self._part_albedo, self._at_home = furniture_of(view, self._at_home if same else None)
        moved = furniture_change(old, self.furniture)
        low, high = moved.low, moved.high
        self._sun_boxes += [*np.stack([low, high], 1)]
        if len(low) > MOST_BOXES:
            low, high = low.min(0, keepdims=True), high.max(0, keepdims=True)
        self._pool.follow(change_of_boxes(low, high), self.transport, self._lamps, moved.part)
        self.table.look_again()
        stays, was = moved.part >= 0, (self._part_sides, self._part_changed_at)
        self._part_sides = np.full((len(self._part_albedo), 6, 3), np.nan, np.float32)
        self._part_changed_at = np.full((len(self._part_albedo), 6), -1, np.int32)
        for now, before in zip((self._part_sides, self._part_changed_at), was, strict=True):
            now[moved.part[stays]] = before[stays]
        return True

    def _update_sun(self, sky: SkyView, change: Change | None) -> I32:
        """Bring the sun's visibility up to date; returns the texels on which it may have changed."""
        none, surface = np.zeros(0, np.int32), self.transport.surface
        boxes = np.array(self._sun_boxes, np.float64).reshape(-1, 2, 3)
        self._sun_boxes = []
        if not sky.sun.any():
            if change is not None or len(boxes):
                self._sun = b""  # not kept in step at night: worked out whole at dawn
            return none
        x, y, z = (float(v) for v in sky.sun_direction)
        if sky.sun_direction.tobytes() != self._sun:
            self._sun = sky.sun_direction.tobytes()
            texels = surface.alive()
        elif change is not None or len(boxes):
            low, high, dirty = boxes[:, 0], boxes[:, 1], np.zeros(surface.capacity, np.bool_)
            if change is not None:
                low, high = np.concatenate([low, change.low]), np.concatenate([high, change.high])
                dirty[change.fresh] = True
            sun_crosses(surface.place, surface.faces, surface.has_texels, x, y, z, low, high, dirty)
            texels = np.flatnonzero(dirty).astype(np.int32)
        else:
            return none
        look_for_sun(self.transport.voxels, self.furniture, surface.place, x, y, z, texels, self._sun_share)
        return texels

    def _note_lamps(self, radiance: F32) -> None:
        """Note that lamps shine as they do now, and which of them did not before."""
        if not np.array_equal(radiance, self._lamp_radiance):
            self.table.look_again()
        stamp = self._relit.stamp
        if len(radiance) == len(self._lamp_radiance) == len(self._lamp_changed_at):
            differs = (radiance != self._lamp_radiance).any(1)
            self._lamp_changed_at[differs] = stamp
        else:
            self._lamp_changed_at = np.full(len(radiance), stamp, np.int32)
        self._lamp_radiance = radiance.copy()

    def _light_furniture(self, view: View) -> None:
        """Work out what the parts of furniture shine with, and remember where that changed."""
        before = self._part_sides
        self._part_sides = self._shine(view, self.furniture, self._part_albedo)
        self._part_changed_at[(before != self._part_sides).any(2)] = self._relit.stamp

    def _shine(self, view: View, bodies: Furniture, albedo: F32) -> F32:
        """Radiance [N, 6, 3] of the sides of some bodies' parts, of albedo [N, 3]."""
        probes, sky, on = self.transport.probes, view.sky, self._lamp_radiance.any(1)
        shine = np.zeros((len(albedo), 6, 3), np.float32)
        lamps = np.stack([self.lamp_shapes.low[on], self.lamp_shapes.high[on]], 1)
        part_light(
            self.transport.voxels, bodies, probes.probe_of_cell, probes.position, self._relit.side_light,
            sky.sun_direction, sky.sun, lamps, self.lamp_shapes.entity[on], self._lamp_radiance[on], shine,
        )  # fmt: skip
        return shine * albedo[:, None]

    # ---- camera side ----

    def decode(self, keys: I32, most_texels: int | None = None, area: I32 | None = None) -> None:
        """Make the pages `keys` [n] current. Keys without any lit face are left out.

        With `most_texels` rays and lamp shadows are worked out for at most so many texels. The others show a stand-in
        meanwhile, the light of probes and of coarse lamps, or what was there before a change; their pages count as
        stale. Stand-ins are made at once and again after every change, and left alone until their turn comes: first
        that of what a change made void, then of what fills most pixels, area [n], and some each time of what has waited
        longest. While much of the picture has never had light of its own that has FIRST times as much, and what
        `update` spreads over frames rests. Pages that a change does not touch from near, or hide more than a few rays
        of, and where every lamp is as bright as it was, show the light of before until their turn comes: a third as
        many pages in a decode as it does texels, less those that cannot wait.
        """
        surface, table, stamp = self.transport.surface, self.table, self._relit.stamp
        area = np.ones(len(keys), np.int32) if area is None else area
        shows = surface.rows_of(keys) >= 0
        keys, area = keys[shows], area[shows]
        self.stats.pages = len(keys)
        table.admit(keys, self._pool.now + 1)
        slots = table.slots(keys)
        stale = table.checked[slots] != stamp
        self.stats.pages_stale = 0
        if most_texels is not None:
            most_texels, waits = self._share_out(keys, slots, area, stale, most_texels)
            stale[waits] = False
            self.stats.pages_stale = len(waits)
        is_empty = table.filled_at[slots] < 0
        if not (stale | is_empty).any() and self._is_shaded(keys):
            return
        near = self._near_movers(keys, slots) | is_empty
        pool, work = self._pool, stale | near
        asked = np.flatnonzero(work)  # among the pages that `_near_movers` was asked about
        keys, slots, area, stale, near = keys[work], slots[work], area[work], stale[work], near[work]
        texels = self._texels_of(keys)
        rows = np.append(pool.row_of_texel, -1)[texels]
        pool.last_wanted[rows[near[:, None, None] & (rows >= 0)]] = pool.now + 1
        stale |= near & ((rows < 0) & (texels >= 0)).any((1, 2))
        to_fill = table.filled_at[slots] < 0
        if stale.any():
            self._decode_pages(texels[stale], slots[stale], area[stale], most_texels)
            newest = np.append(pool.changed_at, -1)[np.append(pool.row_of_texel, -1)[texels]].max((1, 2))
            to_fill |= stale & (newest > table.filled_at[slots])
            self.stats.pages_regenerated += int((to_fill & stale).sum())
        to_fill |= self._shade_pages(texels[near], asked[near], slots)
        slots, texels = slots[to_fill], texels[to_fill]
        differs = table.filled_at[slots] < 0
        pages.fill_pages(
            slots, texels, pool.row_of_texel, pool.e_indirect, pool.e_near, pool.crease, pool.e_lamp,
            self._shade.of_rows(pool.row_of_texel, len(pool.moment)), self._shade.lost, self._shade.left, table.atlas,
            differs,
        )  # fmt: skip
        table.filled_at[slots] = pool.now
        self._dirty_slots.append(slots[differs])

    def _share_out(self, keys: I32, slots: I32, area: I32, stale: Bool, most: int) -> tuple[int, I32]:
        """Of how many texels a decode does the rays and shadows that may do `most`, and which of some pages [n] wait
        for another one.
        """
        table, at_once = self.table, max(most // 16, 1)
        stand_in = np.flatnonzero(table.checked[slots] == pages.STANDS_IN)
        n_waiting, is_unlit, is_caused, since = self._pool.waiting_of_pages(self._texels_of(keys[stand_in]))
        after_edit = self._going is not None and self._share == AFTER_EDIT
        unlit_px = area[stand_in][is_unlit & ~is_caused].sum()
        if unlit_px > UNLIT * area.sum() and self._lent < MOST_LENT and not after_edit:
            self._is_lent, most = True, most * FIRST
        waits, key, px = np.ones(len(stand_in), np.bool_), keys[stand_in], area[stand_in]
        for order, texels in (
            (np.lexsort((key, -px, ~is_caused)), TAKEN_UP * most),
            (np.lexsort((key, -px, since)), TAKEN_UP * most // OLDEST),
        ):
            waits[order[np.cumsum(n_waiting[order]) - n_waiting[order] < texels]] = False
        before = np.flatnonzero(stale & (table.checked[slots] >= 0) & (table.filled_at[slots] >= 0))
        before = before[self._stand_as_they_did(slots[before])]
        if self._going is None and not len(stand_in):  # else they would be looked at again when it has come
            at_once = max(most // 3 - (int(stale.sum()) - len(before)), most // 8, 1)
        before = before[np.lexsort((keys[before], -area[before], table.checked[slots[before]]))][at_once:]
        return most, np.concatenate([stand_in[waits], before])

    def _is_shaded(self, keys: I32) -> bool:
        """Whether what moves, light and pages are those of the last look."""
        movers, stamp, shown = self._shaded
        return movers is self._movers and stamp == self._relit.stamp and np.array_equal(keys, shown)

    def _near_movers(self, keys: I32, slots: I32) -> Bool:
        """Which pages [n] what moves may darken, or darkened."""
        self._shaded = self._movers, self._relit.stamp, keys
        grid, lamps = self.transport.grid, self._lamps
        near = self._shade.look(self._movers, keys, grid.shape, lamps.shapes, self._lamp_radiance)
        return near | self._showing(self._shade.texels)[slots]

    def _shade_pages(self, texels: I32, page: NDArray[np.intp], slots: I32) -> Bool:
        """Bring up to date what moves keeps from the texels of some pages [m, PX, PX], which are page [m] of those last
        asked about. Returns in which of the slots [n], of pages in the picture, that differs; others are filled anew
        when they are seen again.
        """
        pool, surface = self._pool, self.transport.surface
        page_of = np.full(surface.capacity + 1, -1, np.int32)
        page_of[texels] = page[:, None, None]
        found = np.flatnonzero(page_of[:-1] >= 0).astype(np.int32)
        changed = self._shade.update(
            self._movers, found, page_of[found], pool.row_of_texel[found], surface.place, self._lamps.shapes,
            self._lamp_radiance, pool.lamp_of, pool.factor_of, pool.glow_of, pool.lamps_wait,
        )  # fmt: skip
        shows = self._showing(changed)
        in_picture = np.zeros(len(shows), np.bool_)
        in_picture[slots] = True
        self.table.filled_at[shows & ~in_picture] = -1
        return np.asarray(shows[slots])

    def _showing(self, texels: I32) -> Bool:
        """Slots [S] whose pages show some texels [n], those that are still there, or have one in their border."""
        place = self.transport.surface.place[texels]
        return self.table.showing(place[place[:, 3] >= 0], self.transport.surface.n_bricks)

    def _decode_pages(self, texels: I32, slots: I32, area: I32, most_texels: int | None) -> None:
        """Work out the light of some pages' texels [n, PX, PX], or of `most_texels`, and note which still wait."""
        pool, capacity = self._pool, self.transport.surface.capacity
        area_of_texel = np.zeros(capacity + 1, np.int32)
        least_first = np.argsort(area, kind="stable")  # a texel in the borders of several pages counts for the largest
        area_of_texel[texels[least_first]] = np.maximum(area[least_first], 1)[:, None, None]
        wanted = np.flatnonzero(area_of_texel[:-1]).astype(np.int32)
        self.decode_texels(wanted, most_texels, area_of_texel[wanted])
        rows = np.append(pool.row_of_texel, -1)[texels]
        waits = np.append(pool.waits(np.arange(len(pool.moment), dtype=np.int32)), False)[rows].any((1, 2))
        self.table.checked[slots] = np.where(waits, pages.STANDS_IN, self._relit.stamp)
        self.stats.pages_stale += int(waits.sum())

    def _texels_of(self, keys: I32) -> I32:
        """The texels [n, PX, PX] that pages show, with those around them."""
        surface, texels = self.transport.surface, np.empty((len(keys), pages.TEXELS_PX, pages.TEXELS_PX), np.int32)
        pages.page_texels(keys, surface.faces, np.array(self.transport.grid.shape), texels)
        return texels

    def _stand_as_they_did(self, slots: I32) -> Bool:
        """On which pages, in slots [n], only indirect light may differ, and not for what is near."""
        pool, surface = self._pool, self.transport.surface
        stands = pool.stands(self._lamp_radiance, self._lamp_changed_at)
        others = pool.texel_of_row[~stands & (pool.texel_of_row >= 0)]
        return np.asarray(~self.table.showing(surface.place[others], surface.n_bricks)[slots])

    def decode_texels(self, texels: I32, most: int | None = None, area: I32 | None = None) -> tuple[F32, F32]:
        """Make the light of some texels [n] current; returns indirect e [n, 3] and lamp e [n, 4, 3] (quarters v * 2 +
        u). Rays and lamp factors that are void are worked out for at most `most` texels, if given: see `decode`.
        """
        pool, transport = self._pool, self.transport
        pool.now += 1
        pool.admit(texels, transport.surface.place)
        if self.network is None:
            pool.take_from_probes(texels, transport, self._relit)
        else:
            pool.gather(
                texels, transport, self.furniture, self._relit, self._part_sides, self._part_changed_at, self._sky,
                self.network, most, area,
            )  # fmt: skip
        pool.light_lamps(
            texels, transport, self._lamps, self._lamp_radiance, self._lamp_changed_at, self._relit.stamp, most, area
        )  # fmt: skip
        rows = pool.row_of_texel[texels]
        return pool.e_indirect[rows], pool.e_lamp[rows]

    def tables(self) -> dict[str, int]:
        """Bytes of every table that is kept, by name."""
        if not self.is_built:
            return {}
        transport = self.transport
        parts: dict[str, object] = {
            "transport": transport, "surface": transport.surface, "probes": transport.probes,
            "rays_of_pages": transport.readers, "last_rays": transport.last_rays,
            "relight": self._relit, "lamps": self._lamps, "texels": self._pool, "pages": self.table, "cache": self,
        }  # fmt: skip
        found = {}
        for part, thing in parts.items():
            for name, table in vars(thing).items() if thing is not None else ():
                if isinstance(table, Faces):
                    found[f"{part}.{name}"] = sum(array.nbytes for array in table)
                elif isinstance(table, np.ndarray) and name != "_base":  # that is the blueprint's
                    found[f"{part}.{name.strip('_')}"] = table.nbytes
        lamps = self._lamps
        lit = [known for known in lamps.lit if known is not None]
        found["lamps.texels"], found["lamps.factor"] = (sum(known[k].nbytes for known in lit) for k in (0, 1))
        return found

    @property
    def bytes(self) -> int:
        """Memory of everything that is kept."""
        return sum(self.tables().values())

    @property
    def light_stamp(self) -> int:
        """Grows whenever any light in the world may have changed."""
        return self._relit.stamp

    @property
    def lamp_shapes(self) -> LampShapes:
        """Boxes and shades of the lamps as they are now."""
        return self._lamps.shapes

    @property
    def radiance(self) -> NDArray[np.uint32]:
        """[S] radiance, packed, of every texel, and behind them of the patches that they are joined to."""
        return self._relit.radiance

    # ---- what the picture reads ----

    def slots(self, keys: I32) -> I32:
        """The slots of some pages [n], -1 where none is resident."""
        return self.table.slots(keys)

    @property
    def atlas(self) -> F32:
        """Atlas [bands, 18, 1008, 4] of e but for the sun's own."""
        return self.table.atlas

    @property
    def bodies_met(self) -> Furniture:
        """All bodies, as reflections meet them: the same object as long as all are where they were."""
        if self._met[0] is not self.furniture or self._met[1] is not self._movers:
            self._met = self.furniture, self._movers, both(self.furniture, self._cast.furniture()[0])
        return self._met[2]

    def body_radiance(self, view: View) -> F32:
        """Radiance [N, 6, 3] of the sides of the parts of `bodies_met`."""
        return np.concatenate([self._part_sides, self._shine(view, *self._cast.furniture())])

    @property
    def stale_slots(self) -> I32:
        """Slots [n] whose pages show a stand-in, or light from before the last relight."""
        table = self.table
        stale = (table.key_of_slot >= 0) & (table.last_seen == table.last_seen.max(initial=0))
        return np.flatnonzero(stale & (table.checked != self._relit.stamp)).astype(np.int32)

    def take_dirty_slots(self) -> I32:
        """Slots [n] whose pages look different since the last call."""
        found, self._dirty_slots = self._dirty_slots, []
        return np.unique(np.concatenate([np.zeros(0, np.int32), *found]))

    def body_light(self, view: View, posed: PosedBodies, most: int | None = None) -> F32:
        """e [V, 3] at the vertices of posed bodies; bodies that did not move keep theirs while light is as it was, and
        all but `most` of them until their turn comes, if every lamp near them is and was as bright as it is.
        """
        direct = Direct(self._lamps.e, self._sun_share, self._sky.sun, self._sky.sun_direction)
        if most is not None and self._going is not None:  # they would be looked at again when it has come
            most = max(most // AFTER_EDIT, 1)
        e = self._body_light.at(view, posed, self.transport, self._relit, direct, self._sky, self._lamps.shapes, most)
        self.stats.bodies_stale = self._body_light.n_waiting
        return e


def _furniture_key(view: View) -> tuple[object, ...]:
    """What furniture depends on."""
    bodies, stands = view.bodies, np.flatnonzero(view.bodies.stands)
    poses = (bodies.entity[stands], bodies.prefab[stands], bodies.position[stands], bodies.orientation[stands])
    return (id(view.prefabs), id(view.materials), *(a.tobytes() for a in poses))


def _sun_key(sky: SkyView) -> bytes:
    return sky.sun.tobytes() + (sky.sun_direction.tobytes() if sky.sun.any() else b"")


def _lamps_key(view: View) -> tuple[object, ...]:
    """What the shapes of lamps depend on: their boxes, and which bodies carry them, how they stand and are coloured."""
    lamps, bodies, carries = view.lamps, view.bodies, np.isin(view.bodies.entity, view.lamps.entity)
    carriers = (a[carries] for a in (bodies.entity, bodies.prefab, bodies.position, bodies.orientation))
    boxes = (lamps.entity, lamps.centre, lamps.size, lamps.full_radiance, *carriers)
    return (id(view.prefabs), id(view.materials), *(a.tobytes() for a in boxes))


def _sky_key(sky: SkyView) -> bytes:
    fields = (sky.sun_direction, sky.sun, sky.zenith, sky.horizon, sky.glow, sky.ground)
    return b"".join(np.asarray(v, np.float32).tobytes() for v in fields)


def _material_key(view: View) -> bytes:
    return view.materials.albedo.tobytes() + view.materials.emission.tobytes()
