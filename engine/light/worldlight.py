"""The light of one world: the world side of the latent cache, which knows of no camera.

Transport, lamps, the sun, furniture, and the radiance that follows from them. `LightCache.update` says when what is
done; here is how. Only what its sources are may be late (`relight`), where voxels and bodies stand never is.
"""

import hashlib
from collections.abc import Generator, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.light.fixtures import Throws, lamp_shapes
from engine.light.furniture import Furniture, FurnitureChange, part_light
from engine.light.ggx import bounced_albedo
from engine.light.lamps import LampChange, LampTransport
from engine.light.probelight import ProbeLight
from engine.light.relight import NO_PAGES, Direct, Dirty, Relight, Scene, passes_for_world
from engine.light.standing import StandingBodies, standing_key
from engine.light.sunshine import NO_TEXELS, Sunshine
from engine.light.transport import Change, Transport
from engine.view import SkyView, View

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]

SUN_PASSES = 3  # a ray to the sun from every texel costs as much as so many passes


class _Sources(NamedTuple):
    """What radiance is gathered from, beside geometry, as bytes that tell one state of it from another."""

    lamps: bytes
    sky: bytes
    sun: bytes  # of the sky, what texels get straight from it
    materials: bytes


class WorldLight:
    """Light of one world. What it is made of, and its radiance, are brought up to date apart."""

    def __init__(self, view: View, transport: Transport, relit: Relight) -> None:
        """Of a world of which nothing but the transport is known; `relit` holds no light yet."""
        self.transport = transport
        self.relit = relit
        self.bounced = bounced_albedo(view.materials)  # [M, 3]
        self.base = view.voxels.base
        self.passes = passes_for_world(view.voxels, self.bounced)
        self.lamps = LampTransport()
        self.lamp_radiance = np.zeros((0, 3), np.float32)  # [L, 3] that is shown
        self.lamp_changed_at = np.zeros(0, np.int32)  # [L] relight at which its light last changed
        self.sun = Sunshine(transport.surface.capacity)
        self.standing = StandingBodies()
        self.probe_light = ProbeLight(transport, relit)
        self.sky = view.sky  # that is shown
        self.is_lit = False  # the first light is there
        self.stand_ins_differ = False  # what stand-ins are made of is another: for the camera side to take note of
        self._sources: _Sources | None = None  # of the radiance that is there
        self._lamps_key: tuple[object, ...] = ()
        self._throws: Throws = {}

    def waits(self, view: View) -> bool:
        """Whether radiance is not that of the view's lamps, sky and materials."""
        return _sources(view) != self._sources

    def is_lit_otherwise(self, view: View) -> bool:
        """Whether lamps are brighter or darker than in the radiance that is there."""
        return self._sources is None or _sources(view).lamps != self._sources.lamps

    def stands(self, view: View) -> bool:
        """Whether all that light falls on or comes from is where it was."""
        voxels_stand = self.transport.changed_bricks(view.voxels) == 0
        return voxels_stand and self.standing.stand(view) and self.lamps_stand(view)

    def lamps_stand(self, view: View) -> bool:
        """Whether the lamps are what and where they were."""
        return _lamps_key(view) == self._lamps_key

    def follow_voxels(self, view: View) -> Change | None:
        """Bring transport up to date; None if no voxel differs."""
        change = self.transport.follow(view.voxels)
        if self.base is not view.voxels.base:
            self.base = view.voxels.base
            passes, self.passes = self.passes, passes_for_world(view.voxels, self.bounced)
            if passes != self.passes:
                self._sources = None
        if change is not None:
            self.sun.make_room(self.transport.surface.capacity)
        return change

    def follow_furniture(self, view: View) -> FurnitureChange | None:
        """Note which furniture came, went or was moved; None if all stands as it did."""
        moved = self.standing.follow(view)
        if moved is not None:
            self.sun.note(moved)
        return moved

    def follow_lamps(self, view: View, change: Change | None) -> LampChange | None:
        """Note which lamps came, went or are others, and what changed voxels and furniture do to their light. Returns
        what became of the lamps, None if they are what and where they were.
        """
        shapes = self.lamps.shapes
        if not self.lamps_stand(view):
            self._lamps_key = _lamps_key(view)
            shapes = lamp_shapes(view.lamps, view.bodies, view.prefabs, view.materials, self._throws)
        transport = self.transport
        found = self.lamps.update(shapes, transport.voxels, transport.surface, change, self.standing.furniture)
        if found is not None:
            self.lamp_radiance = np.zeros((0, 3), np.float32)
        return found

    def show_lamps(self, view: View, anyway: bool = False) -> None:
        """From now on things are lit by the lamps as they are, though what these throw on them has not bounced yet;
        `anyway` also if all are as bright as they were, as where furniture moved or a lamp went.
        """
        radiance = view.lamps.radiance
        if not anyway and np.array_equal(radiance, self.lamp_radiance):
            return
        if len(radiance) == len(self.lamps.lit):
            self.lamps.catch_up([lamp for lamp in self.lamps.owing() if radiance[lamp].any()])
        self.relit.stamp += 1
        self._note_lamps(radiance)
        self._light_furniture(view)

    def look_ahead(self, most_bricks: int) -> Iterator[None]:
        """Find out what lamps that are off will light, in parts."""
        dark = [lamp for lamp, lit in enumerate(self.lamps.lit) if lit is None]
        return self.lamps.look(dark, self._parts(most_bricks))

    def relight(
        self, view: View, change: Change | None, most_bricks: int | None, moved: bool = False
    ) -> Iterator[int]:  # fmt: skip
        """Bring radiance up to date, in parts if given `most_bricks`; yields how many bricks went through a pass. What
        is seen meanwhile is light of before, by the lamps as they are; `moved` if lamps or furniture are others.
        """
        late = most_bricks if change is None or not self.is_lit else None  # else new voxels would wait for light
        sources, before, sky = _sources(view), self._sources, view.sky
        if before is None or sources.materials != before.materials:
            self.bounced = bounced_albedo(view.materials)
            self.passes = passes_for_world(view.voxels, self.bounced)
        if late is not None and self.is_lit:
            self.show_lamps(view, moved)
        lit = yield from self._lit_by_lamps(view.lamps.radiance, late)
        sun_share, sunlit = yield from self._lit_by_sun(sky, change, late)
        dirty = None
        if before is not None and (sources.materials, sources.sun) == (before.materials, before.sun):
            dirty = self._dirty([*lit, sunlit], change)
        direct = Direct(self.lamps.e, sun_share, sky.sun, sky.sun_direction)
        scene = Scene(self.transport, view.materials.albedo, self.bounced, view.materials.emission, direct, sky)
        rows = NO_PAGES if change is None else change.rows
        if change is not None and most_bricks is not None and self.is_lit:
            self.relit.stand_in(scene, rows)
            self.show_lamps(view, True)
            yield most_bricks  # that is enough for this update
        yield from self.relit.parts(scene, self.passes, dirty, rows, most_bricks)
        self._sources, self.sky, self.sun.share = sources, sky, sun_share
        self.stand_ins_differ |= change is not None
        if most_bricks is None or not self.is_lit:
            self._note_lamps(view.lamps.radiance)
        self._light_furniture(view)

    def _lit_by_lamps(self, radiance: F32, late: int | None) -> Generator[int, None, list[I32]]:
        """Bring coarse light of lamps up to date; returns the texels [n] where it differs, some more than once. Where
        it may be late lamps that never shone look about first, over some updates.
        """
        found = []
        if late is not None and (unseen := self.lamps.unseen(radiance)):
            if self.is_lit:  # those that went are gone at once; the new ones shine on what asks (`from_unseen`)
                found.append(self._shine_coarsely(radiance, whole=False))
                yield late  # that is enough for this update
            for lamp in unseen:
                for _ in self.lamps.look([lamp], self._parts(late)):
                    yield late
                if self.is_lit:
                    found.append(self._shine_coarsely(radiance, whole=False))
        return [*found, self._shine_coarsely(radiance)]

    def _lit_by_sun(
        self, sky: SkyView, change: Change | None, late: int | None
    ) -> Generator[int, None, tuple[NDArray[np.uint8], I32]]:
        """The sun's share of texels [T], and those where it may differ. Where it may be late, all are asked over some
        updates if the sun has moved; bodies ask the share of before meanwhile, beside the light that is shown.
        """
        if late is None or not self.sun.has_moved(sky):
            texels = self.sun.update(sky, change, self.transport, self.standing.furniture)
            return self.sun.share, texels
        share, parts = self.sun.share.copy(), SUN_PASSES * self._parts(late)
        for _ in self.sun.follow(sky, self.transport, self.standing.furniture, share, parts):
            yield late
        return share, NO_TEXELS  # with the sun all light is gathered anew

    def _parts(self, most_bricks: int) -> int:
        """In how many parts one pass over all texels is about so much work as `most_bricks`."""
        return max(-(-self.transport.surface.n_with_texels // max(most_bricks, 1)), 1)

    def _shine_coarsely(self, radiance: F32, whole: bool = True) -> I32:
        """`LampTransport.shine`; stand-ins are made of that."""
        texels = self.lamps.shine(self.transport.surface.capacity, radiance, whole)
        self.stand_ins_differ |= len(texels) > 0
        return texels

    def _dirty(self, lit: list[I32], change: Change | None) -> Dirty:
        """What reads something else than it did: texels whose direct light differs, and what a change touched."""
        place = self.transport.surface.place
        found = np.zeros(len(place), np.bool_)
        for texels in lit if change is None else [*lit, change.texels]:
            found[texels] = True
        texels = np.flatnonzero(found & (place[:, 3] >= 0)).astype(np.int32)
        return Dirty(texels)

    def _note_lamps(self, radiance: F32) -> None:
        """Note that lamps shine as they do now, and which of them did not before."""
        self.stand_ins_differ |= not np.array_equal(radiance, self.lamp_radiance)
        stamp = self.relit.stamp
        if len(radiance) == len(self.lamp_radiance) == len(self.lamp_changed_at):
            differs = (radiance != self.lamp_radiance).any(1)
            self.lamp_changed_at[differs] = stamp
        else:
            self.lamp_changed_at = np.full(len(radiance), stamp, np.int32)
        self.lamp_radiance = radiance.copy()

    def _light_furniture(self, view: View) -> None:
        """Work out what the parts of furniture shine with."""
        standing = self.standing
        standing.shine(self.shine(view, standing.furniture, standing.albedo), self.relit.stamp)

    def shine(self, view: View, bodies: Furniture, albedo: F32) -> F32:
        """Radiance [N, 6, 3] of the sides of some bodies' parts, of albedo [N, 3]."""
        sky, on, shapes = view.sky, self.lamp_radiance.any(1), self.lamps.shapes
        shine = self.probe_light.at(bodies.part_box.mean(1), self.sky)
        part_light(
            self.transport.voxels, bodies, sky.sun_direction, sky.sun, np.stack([shapes.low[on], shapes.high[on]], 1),
            shapes.entity[on], self.lamp_radiance[on], shine,
        )  # fmt: skip
        return shine * albedo[:, None]

    def direct(self) -> Direct:
        """Light that texels get straight from sources, as it is shown."""
        return Direct(self.lamps.e, self.sun.share, self.sky.sun, self.sky.sun_direction)


def state_key(view: View) -> bytes:
    """128 bits that tell all that the light of a view is made of, but for what moves. Origin of the voxels, materials
    and prefabs go by object: equal ones are one (film/knownworlds.py).
    """
    told = hashlib.blake2b(digest_size=16)
    voxels = id(view.voxels.origin), view.voxels.stamp.tobytes()
    for field in (*voxels, *_sources(view), *_lamps_key(view), *standing_key(view)):
        content = field if isinstance(field, bytes) else repr(field).encode()
        told.update(b"%d:" % len(content) + content)
    return told.digest()


def _sources(view: View) -> _Sources:
    sky, materials = view.sky, view.materials
    fields = (sky.sun_direction, sky.sun, sky.zenith, sky.horizon, sky.glow, sky.ground)
    return _Sources(
        view.lamps.radiance.tobytes(),
        b"".join(np.asarray(v, np.float32).tobytes() for v in fields),
        sky.sun.tobytes() + (sky.sun_direction.tobytes() if sky.sun.any() else b""),
        b"".join(a.tobytes() for a in (materials.albedo, materials.emission, materials.roughness, materials.metal)),
    )


def _lamps_key(view: View) -> tuple[object, ...]:
    """What the shapes of lamps depend on: their boxes, and which bodies carry them, how they stand and are coloured."""
    lamps, bodies, carries = view.lamps, view.bodies, np.isin(view.bodies.entity, view.lamps.entity)
    carriers = (a[carries] for a in (bodies.entity, bodies.prefab, bodies.position, bodies.orientation))
    boxes = (lamps.entity, lamps.centre, lamps.size, lamps.full_radiance, *carriers)
    return (id(view.prefabs), id(view.materials), *(a.tobytes() for a in boxes))
