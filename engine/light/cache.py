"""The latent cache: world-space light that is kept until something that it read changes.

Tiers, each keyed by what it read and none by the camera: transport (rays read voxels), decode weights (visibility,
occupancy and clearance read voxels), radiance and latents (read transport, lamps, sky), surface pages (read latents
and weights). `update` brings the world side up to date with a view; `decode` makes pages current for what the camera
sees. In this version everything that is dirty is done before the frame, so a cached frame equals a fresh one bit for
bit.

What a change of voxels dirties, with `box` the voxels that differ:
- probes of cells whose candidates can see the box: placed again; those that move are traced whole;
- rays that cross the box: traced again; clearances that come out different dirty the texels that use them;
- texels within REACH_M of the box: weights (their rays to probes, their occupancy patch) are done again;
- texels whose ray to the sun, and texel-lamp pairs whose rays, may cross the box;
- all radiance: gathered again over the kept transport, from zero."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.core.units import BRICK, VOXEL_M
from engine.light import decode, lamps, pages
from engine.light.bodies import corner_light, vertex_light
from engine.light.latents import probe_latents
from engine.light.network import Network, classical
from engine.light.probes import CELL_VOXELS, NEAR_VOXELS, Probes
from engine.light.relight import Relight, sun_crosses, sun_visibility
from engine.light.surface import Surface
from engine.light.trace import Voxels, occupied_bricks
from engine.raster.bodies import PosedBodies
from engine.view import SkyView, View

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I32 = NDArray[np.int32]
Bool = NDArray[np.bool_]

REACH_M = 3.25  # how far from a texel its weights may look: probes two cells on (2.8 m), patch (1.5 m), with a margin
BOX_MARGIN_M = 2e-3  # rays that graze a changed box count as crossing it
BUDGET_BYTES = 256 * 2**20  # atlases and decoded rows
SLOT_BYTES = (pages.INDIRECT_PX**2 + pages.LAMP_PX**2) * 16
ROW_BYTES = 4 * (18 + 16 + 64 + 3 + 12)


@dataclass
class LightStats:
    """What one update and the decodes after it did and what they could reuse."""

    probes: int = 0  # in use
    probes_regenerated: int = 0  # at least one ray traced
    rays_traced: int = 0
    texels: int = 0  # in use
    texels_regenerated: int = 0  # decode weights worked out again
    bricks: int = 0  # with any texel
    bricks_regenerated: int = 0  # with a probe or texel worked out again
    relit: bool = False
    pages: int = 0  # visible in the last decode
    pages_regenerated: int = 0  # decoded again in it


class LightCache:
    """Light of one world for one set of weights. Not shared between worlds; one thread at a time."""

    def __init__(self, network: Network | None = None, budget_bytes: int = BUDGET_BYTES) -> None:
        """`network` None gives the classical look."""
        self.network = network or classical()
        self.budget_bytes = budget_bytes
        self.stats = LightStats()
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next update builds it again from the view alone."""
        self._grid: NDArray[np.uint8] | None = None  # [X, Y, Z] what the cache has read so far
        self._light_stamp = 0
        self._body_light: dict[int, tuple[tuple[object, ...], F32]] = {}

    # ---- world side ----

    def update(self, view: View) -> LightStats:
        """Bring transport, weights and radiance up to date with the view."""
        self.stats = LightStats()
        low, high, dirty_bricks, fresh = self._update_voxels(view)
        lamps_moved = self.lamps.update(view.lamps, self._voxels, self.surface.place, low, high, fresh)
        if lamps_moved:
            self._row_lamps_valid[:] = False
        light = (
            view.lamps.radiance.tobytes(), _sky_key(view.sky), view.materials.albedo.tobytes(),
            view.materials.emission.tobytes(),
        )  # fmt: skip
        sun = view.sky.sun_direction.tobytes()
        sun_is_up = bool(view.sky.sun.any())
        if sun_is_up and sun != self._sun:
            x, y, z = (float(v) for v in view.sky.sun_direction)
            sun_visibility(self._voxels, self.surface.place, x, y, z, self.surface.alive(), self._sun_visible)
            self._sun = sun
        elif sun_is_up and len(low):
            x, y, z = (float(v) for v in view.sky.sun_direction)
            dirty = np.zeros(self.surface.capacity, np.bool_)
            dirty[fresh] = True
            sun_crosses(self.surface.place, x, y, z, low, high, dirty)
            sun_visibility(
                self._voxels, self.surface.place, x, y, z, np.flatnonzero(dirty).astype(np.int32), self._sun_visible
            )
        elif len(low):
            self._sun = b""  # not kept in step at night: worked out whole at dawn
        if lamps_moved or len(low) or light != self._light:
            self._light = light
            self._relight(view, sun_is_up)
        self.stats.probes = int(self.probes.alive.sum())
        self.stats.texels = int((self.surface.place[:, 3] >= 0).sum())
        self.stats.bricks = int(self._voxels.occupied.sum())
        self.stats.bricks_regenerated = int(dirty_bricks.sum())
        return self.stats

    def _build(self, view: View) -> None:
        self._grid = view.voxels.material.copy()
        self._stamp = view.voxels.stamp.copy()
        self._voxels = Voxels(self._grid, occupied_bricks(self._grid))
        self.surface = Surface(self._voxels)
        self.probes = Probes(self._voxels, self.surface)
        self.lamps = lamps.LampTransport()
        self._relit = Relight()
        n = self.surface.capacity
        self._index = np.zeros((n, 8), np.int32)  # [T, 8] probes that a texel sees
        self._weight = np.zeros((n, 8), np.float32)  # [T, 8]
        self._sun_visible = np.zeros(n, np.float32)  # [T] cosine times visibility
        self._row_of_texel = np.full(n, -1, np.int32)  # [T] row of the decoded pool, -1 not decoded
        self._material = np.zeros(n, np.uint8)  # [T]
        self._sun = b""
        self._light: tuple[object, ...] = ()
        self._latent = np.zeros((0, 6, 3, 3), np.float32)  # [P, 6, 3, 3]
        self._latent_stamp = np.zeros(0, np.int64)  # [P] light stamp of each latent
        self._empty_rows()
        half = self.budget_bytes // 2
        self.table = pages.PageTable(len(self.surface.page_row), max(half // SLOT_BYTES, 1))
        self._rows_limit = max(half // ROW_BYTES, 1)
        self._decodes = 0
        self._seen: I32 = np.zeros(0, np.int32)
        self._table_changed = True
        self._dirty_bands: set[int] = set()

    def _empty_rows(self) -> None:
        """Forget decoded texels (their weights stay)."""
        self._row_of_texel[:] = -1
        self._n_rows = 0
        self._residual = np.zeros((0, 18), np.float32)  # [R, 18]
        self._lamp_of = np.zeros((0, lamps.LAMPS_PER_TEXEL), np.int16)  # [R, 16]
        self._factor_of = np.zeros((0, lamps.LAMPS_PER_TEXEL, 4), np.float32)  # [R, 16, 4]
        self._e_indirect = np.zeros((0, 3), np.float32)  # [R, 3]
        self._e_lamp = np.zeros((0, 4, 3), np.float32)  # [R, 4, 3]
        self._row_weights_valid = np.zeros(0, np.bool_)  # [R]
        self._row_lamps_valid = np.zeros(0, np.bool_)  # [R]
        self._row_stamp = np.zeros(0, np.int64)  # [R] light stamp of e

    def _update_voxels(self, view: View) -> tuple[F64, F64, Bool, I32]:
        """Follow changed voxels; returns their boxes [n, 3] x 2 (metres, widened), dirty bricks [BX, BY, BZ], fresh
        texels.
        """
        grid = self._grid
        if grid is None or grid.shape != view.voxels.material.shape:
            self._build(view)
            return self._everything()
        dirty_bricks = np.zeros(view.voxels.stamp.shape, np.bool_)
        none = np.zeros((0, 3), np.float64)
        changed = np.argwhere(view.voxels.stamp != self._stamp)
        boxes = []
        for brick in changed:
            part = tuple(slice(b * BRICK, b * BRICK + BRICK) for b in brick)
            differs = np.argwhere(grid[part] != view.voxels.material[part])
            if len(differs):
                boxes.append((brick * BRICK + differs.min(0), brick * BRICK + differs.max(0) + 1))
            grid[part] = view.voxels.material[part]
        self._stamp[:] = view.voxels.stamp
        if not boxes:
            return none, none, dirty_bricks, np.zeros(0, np.int32)
        low_vox = np.array([a for a, _ in boxes])
        high_vox = np.array([b for _, b in boxes])
        if len(boxes) > 16:  # many boxes cost more to test than one that holds them all
            low_vox, high_vox = low_vox.min(0, keepdims=True), high_vox.max(0, keepdims=True)
        low = low_vox * VOXEL_M - BOX_MARGIN_M
        high = high_vox * VOXEL_M + BOX_MARGIN_M
        return low, high, dirty_bricks, self._follow(low, high, low_vox, high_vox, changed, dirty_bricks)

    def _everything(self) -> tuple[F64, F64, Bool, I32]:
        """After a build: all is fresh. The one box is the whole world."""
        texels = self.surface.alive()
        self._weigh(texels)
        self.stats.probes_regenerated = int(self.probes.alive.sum())
        self.stats.rays_traced = self.stats.probes_regenerated * self.probes.hit.shape[1]
        self.stats.texels_regenerated = len(texels)
        low, high = np.full((1, 3), -1.0), np.array(self._grid.shape)[None] * VOXEL_M + 1.0
        return low, high, self._has_pages(), texels

    def _follow(self, low: F64, high: F64, low_vox: I32, high_vox: I32, changed: I32, dirty_bricks: Bool) -> I32:
        grid, surface, probes = self._grid, self.surface, self.probes
        self._voxels = voxels = Voxels(grid, self._occupied(changed))
        touched = np.zeros(dirty_bricks.shape, np.bool_)
        for brick in changed:  # a face is exposed by its neighbour, who may lie in the next brick
            touched[tuple(slice(max(b - 1, 0), b + 2) for b in brick)] = True
        has_voxels = np.zeros(dirty_bricks.shape, np.bool_)
        has_voxels[:, :, : self._voxels.occupied.shape[2]] = self._voxels.occupied
        touched &= has_voxels | self._has_pages()
        fresh = surface.rebuild(grid, np.argwhere(touched).astype(np.int32))
        self._grow_texels()
        self._row_of_texel[surface.place[:, 3] < 0] = -1
        self._row_of_texel[fresh] = -1

        cells = np.zeros(probes.n_cells, np.bool_)
        for a, b in zip(low_vox, high_vox, strict=True):
            first = np.maximum((a - NEAR_VOXELS - CELL_VOXELS) // CELL_VOXELS, 0)
            last = (b + NEAR_VOXELS) // CELL_VOXELS + 1
            cells[tuple(slice(f, e) for f, e in zip(first, last, strict=True))] = True
        moved = probes.place(voxels, np.argwhere(cells).astype(np.int32))
        crossed = probes.retrace(voxels, surface, low, high)
        probes.trace(voxels, surface, moved)
        crossed[moved] = probes.hit.shape[1]
        again = np.flatnonzero((crossed > 0) & probes.alive).astype(np.int32)
        reseen = again[probes.measure(again)]
        self.stats.probes_regenerated, self.stats.rays_traced = len(again), int(crossed[again].sum())

        place = surface.place
        centre = (place[:, :3] + 0.5) * VOXEL_M
        near = np.zeros(len(place), np.bool_)
        for a, b in zip(low, high, strict=True):
            near |= ((centre >= a - REACH_M) & (centre <= b + REACH_M)).all(1)
        near[fresh] = True
        near &= place[:, 3] >= 0
        self._weigh(np.flatnonzero(near).astype(np.int32))
        self.stats.texels_regenerated = int(near.sum())
        flag = np.zeros(len(probes.alive), np.bool_)
        flag[reseen] = True
        reread = near | (flag[self._index] & (self._weight != 0)).any(1)
        rows = self._row_of_texel[reread & (place[:, 3] >= 0)]
        self._row_weights_valid[rows[rows >= 0]] = False
        self._forget_lamp_rows(low, high, near)
        table_keys = self.table.key_of_slot
        gone = np.flatnonzero((table_keys >= 0) & (surface.page_row[np.maximum(table_keys, 0)] < 0))
        if len(gone):
            self.table.drop(gone.astype(np.int32))
            self._table_changed = True

        for p in again:
            dirty_bricks[tuple(np.minimum(probes.cell[p] * CELL_VOXELS // BRICK, np.array(dirty_bricks.shape) - 1))] = (
                True
            )
        dirty_bricks[tuple((place[near, :3] // BRICK).T)] = True
        return fresh

    def _occupied(self, changed: I32) -> Bool:
        """Occupied bricks after some have changed."""
        old = self._voxels.occupied
        occupied = np.zeros(self.surface.n_bricks, np.bool_)
        occupied[:, :, : old.shape[2]] = old
        for brick in changed:
            occupied[tuple(brick)] = self._grid[tuple(slice(b * BRICK, b * BRICK + BRICK) for b in brick)].any()
        layers = np.flatnonzero(occupied.any((0, 1)))
        return np.ascontiguousarray(occupied[:, :, : int(layers.max(initial=0)) + 1])

    def _has_pages(self) -> Bool:
        shape = self.surface.n_bricks
        return np.asarray((self.surface.page_row.reshape(*shape, -1) >= 0).any(-1))

    def _forget_lamp_rows(self, low: F64, high: F64, near: Bool) -> None:
        """Fine factors whose shadow rays may cross a changed box are void."""
        texels = np.flatnonzero(self._row_of_texel >= 0)
        rows = self._row_of_texel[texels]
        place = self.surface.place[texels]
        hull_low, hull_high = place[:, :3] * VOXEL_M - 0.01, place[:, :3] * VOXEL_M + VOXEL_M + 0.01
        lamp_of = self._lamp_of[rows]
        lit = lamp_of >= 0
        if len(self.lamps.low) == 0 or not len(texels):
            return
        lamp_low = np.minimum(self.lamps.low[np.maximum(lamp_of, 0)], hull_low[:, None])  # [n, 16, 3]
        lamp_high = np.maximum(self.lamps.high[np.maximum(lamp_of, 0)], hull_high[:, None])
        dirty = near[texels].copy()
        for a, b in zip(low, high, strict=True):
            dirty |= (((lamp_low <= b) & (lamp_high >= a)).all(2) & lit).any(1)
        self._row_lamps_valid[rows[dirty]] = False

    def _grow_texels(self) -> None:
        more = self.surface.capacity - len(self._weight)
        if more <= 0:
            return
        for name, fill in (("_index", 0), ("_weight", 0), ("_sun_visible", 0), ("_row_of_texel", -1), ("_material", 0)):
            array = getattr(self, name)
            setattr(self, name, np.concatenate([array, np.full((more, *array.shape[1:]), fill, array.dtype)]))

    def _weigh(self, texels: I32) -> None:
        probes = self.probes
        decode.texel_weights(
            self._voxels, self.surface.place, probes.probe_of_cell, probes.position, texels, self._index, self._weight
        )

    def _relight(self, view: View, sun_is_up: bool) -> None:
        self._light_stamp += 1
        self.stats.relit = True
        place = self.surface.place
        alive = self.surface.alive()
        self._material[alive] = self._grid[place[alive, 0], place[alive, 1], place[alive, 2]]
        direct = self.lamps.direct(len(place), view.lamps.radiance)
        if sun_is_up:
            direct += self._sun_visible[:, None] * view.sky.sun
        self._relit.run(
            self.probes, place, self._index, self._weight, self._material, view.materials.albedo,
            view.materials.emission, direct, view.sky,
        )  # fmt: skip

    # ---- camera side ----

    def decode(self, keys: I32) -> None:
        """Make the pages `keys` [n] current. Keys without any lit face are left out."""
        self._decodes += 1
        keys = keys[self.surface.page_row[keys] >= 0]
        self.stats.pages = len(keys)
        slots = self.table.table[keys]
        if (slots >= 0).all() and (self.table.stamp[slots] == self._light_stamp).all():
            self.table.last_seen[slots] = self._decodes
            return
        self._table_changed |= self.table.admit(keys, self._decodes)
        keys = keys[self.table.table[keys] >= 0]
        slots = self.table.table[keys]
        stale = self.table.stamp[slots] != self._light_stamp
        keys, slots = keys[stale], slots[stale]
        self.stats.pages_regenerated += len(keys)
        texels = np.empty((len(keys), pages.INDIRECT_PX, pages.INDIRECT_PX), np.int32)
        surface = self.surface
        pages.page_texels(keys, surface.page_row, surface.page_texel, np.array(self._grid.shape), texels)
        wanted = np.unique(texels)
        self._decode_texels(wanted[wanted >= 0])
        pages.fill_pages(
            slots, texels, self._row_of_texel, self._e_indirect, self._e_lamp, self.table.indirect, self.table.lamp
        )
        self.table.stamp[slots] = self._light_stamp
        self._dirty_bands.update(np.unique(slots // pages.SLOTS_PER_BAND).tolist())

    def _decode_texels(self, texels: I32) -> None:
        """Make light of some texels [n] current: residuals and lamp factors where geometry changed, then light."""
        missing = texels[self._row_of_texel[texels] < 0]
        if self._n_rows + len(missing) > max(self._rows_limit, len(texels)):
            self._empty_rows()
            missing = texels
        self._row_of_texel[missing] = np.arange(self._n_rows, self._n_rows + len(missing), dtype=np.int32)
        self._n_rows += len(missing)
        self._grow_rows()
        rows = self._row_of_texel[texels]

        void = ~self._row_weights_valid[rows]
        if void.any():
            n, p = self.network, self.probes
            decode.texel_residuals(
                self._grid,
                self.surface.place,
                self._index,
                self._weight,
                p.position,
                p.clearance,
                texels[void],
                rows[void],
                n.w1,
                n.b1,
                n.w2,
                n.b2,
                n.w3,
                n.b3,
                self._residual,
            )
            self._row_weights_valid[rows[void]] = True
            self._row_stamp[rows[void]] = -1
        void = ~self._row_lamps_valid[rows]
        if void.any():
            lamp = self.lamps
            lamps.fine_factors(
                self._voxels,
                self.surface.place,
                texels[void],
                rows[void],
                lamp.low,
                lamp.high,
                lamp.reach,
                lamp.strength,
                self._lamp_of,
                self._factor_of,
            )
            self._row_lamps_valid[rows[void]] = True
            self._row_stamp[rows[void]] = -1
        old = self._row_stamp[rows] != self._light_stamp
        if old.any():
            self._make_latents(texels[old])
            decode.texel_light(
                self.surface.place, self._index, self._weight, self._latent, self._residual, texels[old], rows[old],
                self._e_indirect,
            )  # fmt: skip
            lamps.fine_light(rows[old], self._lamp_of, self._factor_of, self._radiance(), self._e_lamp)
            self._row_stamp[rows[old]] = self._light_stamp

    def _radiance(self) -> F32:
        return np.frombuffer(self._light[0], np.float32).reshape(-1, 3)  # type: ignore[arg-type]

    def _grow_rows(self) -> None:
        more = self._n_rows - len(self._residual)
        if more <= 0:
            return
        more = max(more, len(self._residual) // 2)
        for name in (
            "_residual", "_lamp_of", "_factor_of", "_e_indirect", "_e_lamp", "_row_weights_valid", "_row_lamps_valid",
            "_row_stamp",
        ):  # fmt: skip
            array = getattr(self, name)
            setattr(self, name, np.concatenate([array, np.zeros((more, *array.shape[1:]), array.dtype)]))

    def _make_latents(self, texels: I32) -> None:
        """Latents of the probes that some texels see, where they are older than the light."""
        probes = self.probes
        if len(self._latent) != len(probes.alive):
            self._latent = np.zeros((len(probes.alive), 6, 3, 3), np.float32)
            self._latent_stamp = np.full(len(probes.alive), -1, np.int64)
        seen = np.zeros(len(probes.alive), np.bool_)
        seen[self._index[texels][self._weight[texels] != 0]] = True
        old = np.flatnonzero(seen & (self._latent_stamp != self._light_stamp)).astype(np.int32)
        relit = self._relit
        probe_latents(
            probes.direction, probes.cosine_sum, probes.hit, probes.bin_at, relit.sky, relit.texel_radiance,
            self.network.theta, old, self._latent,
        )  # fmt: skip
        self._latent_stamp[old] = self._light_stamp

    # ---- what the picture reads ----

    @property
    def page_table(self) -> I32:
        """[n_keys] slot of each page, -1 where none is resident."""
        return self.table.table

    @property
    def indirect(self) -> F32:
        """Atlas [bands, 10, 1280, 4] of indirect e."""
        return self.table.indirect

    @property
    def lamp(self) -> F32:
        """Atlas [bands, 18, 2304, 4] of direct lamp e."""
        return self.table.lamp

    def take_dirty_bands(self) -> list[int]:
        """Bands of both atlases that changed since the last call."""
        bands = sorted(self._dirty_bands)
        self._dirty_bands.clear()
        return bands

    def take_table_changed(self) -> bool:
        """Whether `page_table` changed since the last call."""
        changed, self._table_changed = self._table_changed, False
        return changed

    @property
    def light_stamp(self) -> int:
        """Grows whenever any light in the world may have changed."""
        return self._light_stamp

    def body_light(self, view: View, posed: PosedBodies) -> F32:
        """e [V, 3] at the vertices of posed bodies, for indirect and lamp light; bodies that did not move keep
        theirs.
        """
        e = np.zeros((len(posed.position), 3), np.float32)
        bodies = view.bodies
        todo = []
        keys = {}
        for b, entity in enumerate(bodies.entity.tolist()):
            key = (
                self._light_stamp, bodies.prefab[b], bodies.position[b].tobytes(), float(bodies.yaw[b]),
            )  # fmt: skip
            kept = self._body_light.get(entity)
            if kept is not None and kept[0] == key:
                e[posed.first_vertex[b] : posed.first_vertex[b + 1]] = kept[1]
            else:
                todo.append(b)
                keys[b] = (entity, key)
        if todo:
            is_todo = np.zeros(len(bodies.entity), np.bool_)
            is_todo[todo] = True
            vertices = np.flatnonzero(is_todo[posed.body])
            e[vertices] = self._light_vertices(view, posed, vertices, np.flatnonzero(is_todo[posed.part_body]))
            for b in todo:
                entity, key = keys[b]
                self._body_light[entity] = (key, e[posed.first_vertex[b] : posed.first_vertex[b + 1]].copy())
        if len(self._body_light) > 4 * len(bodies.entity) + 64:
            here = set(bodies.entity.tolist())
            self._body_light = {k: v for k, v in self._body_light.items() if k in here}
        return e

    def _light_vertices(self, view: View, posed: PosedBodies, vertices: I32, parts: I32) -> F32:
        yaw = view.bodies.yaw
        corner_of = np.full(len(posed.part_body), -1, np.int32)
        corner_of[parts] = np.arange(len(parts), dtype=np.int32) * 8
        cos, sin = np.cos(yaw[posed.part_body[parts]]), np.sin(yaw[posed.part_body[parts]])
        sign = np.array([[(1 if j & 1 << a else -1) for a in range(3)] for j in range(8)], np.float32)
        offset = sign[None] * posed.part_half[parts][:, None]  # [n, 8, 3]
        turned = np.stack(
            [cos[:, None] * offset[..., 0] - sin[:, None] * offset[..., 1],
             sin[:, None] * offset[..., 0] + cos[:, None] * offset[..., 1], offset[..., 2]], -1,
        )  # fmt: skip
        corner = (posed.part_centre[parts][:, None] + turned).reshape(-1, 3).astype(np.float32)
        on = view.lamps.radiance.any(1)
        centre, size, radiance = view.lamps.centre[on], view.lamps.size[on], view.lamps.radiance[on]
        cube = np.zeros((len(corner), 6, 3), np.float32)
        reaches = np.zeros((len(corner), len(centre)), np.uint8)
        probes = self.probes
        corner_light(
            self._voxels, probes.probe_of_cell, probes.position, self._relit.side_light, corner, centre, size,
            self.lamps.reach[on], cube, reaches,
        )  # fmt: skip
        part = posed.part[vertices]
        local = posed.position[vertices] - posed.part_centre[part]
        c, s = np.cos(yaw[posed.body[vertices]]), np.sin(yaw[posed.body[vertices]])
        local = np.stack([c * local[:, 0] + s * local[:, 1], c * local[:, 1] - s * local[:, 0], local[:, 2]], 1)
        blend = np.clip(local / np.maximum(posed.part_half[part], 1e-6) * 0.5 + 0.5, 0, 1).astype(np.float32)
        area = ((size[:, 0] * size[:, 1] + size[:, 1] * size[:, 2] + size[:, 2] * size[:, 0]) / 1.5).astype(np.float32)
        e = np.zeros((len(vertices), 3), np.float32)
        vertex_light(
            posed.position[vertices],
            posed.normal[vertices],
            corner_of[part],
            blend,
            cube,
            reaches,
            centre,
            area,
            radiance,
            e,
        )
        return e


def _sky_key(sky: SkyView) -> bytes:
    return b"".join(
        np.asarray(v, np.float32).tobytes()
        for v in (sky.sun_direction, sky.sun, sky.zenith, sky.horizon, sky.glow, sky.ground)
    )
