"""What the latent cache saves: the same pictures with it, without it, with masks in place of comparing, and by a
filter that skips whole frames.

In every row a share of the world's bricks changes, one voxel in each, and the processor time of the picture after it
is taken. Masks stand for block-sparse networks (SIGE, Li et al. 2022): what reads something that was done again is
done again, pass by pass, whether it differs or not. The filter stands for caches that compare whole frames
(StreamDiffusion's similarity filter): it shows the old picture as long as the new one is similar enough, which costs
nothing and is wrong; its stale pixels are counted. What *returns* changes back and forth, and has done so before;
where a world is *read again*, every picture is of another one with the same content.
"""

import dataclasses
import statistics
import time
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.units import BRICK
from engine.film.camera import Renderer
from engine.play.cameras import touring_camera
from engine.play.stopwatch import DUSK_H, WARM_UP_TICKS
from engine.script.worldfile import LoadedWorld
from engine.sim.extract import extract
from engine.sim.step import step
from engine.state.world import new_state
from engine.view import View, VoxelView

SHARES = (0.0, 0.01, 0.05, 0.15, 0.5, 1.0)  # of the bricks that hold any voxel
RETURNS = 1 << 40  # in the stamp of a brick that does
AGAIN = "read again"
SIMILAR = 0.98  # cosine of two pictures from which on the filter shows the old one

Ints = NDArray[np.signedinteger[Any]]


def reuse(
    world: LoadedWorld,
    size_px: tuple[int, int],
    rounds: int,
    say: Callable[[str], None],
    shares: tuple[float, ...] = SHARES,
) -> list[dict[str, Any]]:
    """Rows {camera, changed, share, bricks, ours_ms, full_ms, ratio, masks_ms, masks_ratio, max_error, filter_skips,
    filter_stale_px, cache_mb, tables {name: bytes}} for 0 to 100 % of the bricks changed, together or scattered, for
    the least of these shares that returns, and for a world that is read again, under a still and a moving camera.

    Times are medians of the processor time of `rounds` pictures, each made in turn by all; ratios are what the others
    take against ours; errors are in steps of 255.
    """
    blueprint = dataclasses.replace(world.blueprint, start_hour=DUSK_H, day_rate=0.0)
    state = new_state(blueprint, 1)
    for _ in range(WARM_UP_TICKS):
        step(blueprint, state, (), world.script)
    rail = next(c for c in blueprint.cameras if c.name == touring_camera(blueprint))
    cached, masks, full = Renderer(size_px), Renderer(size_px, compares=False), Renderer(size_px, cache=False)
    camera = rail.at(0.0)
    start = extract(blueprint, state, camera=camera, previous_camera=camera)
    versions = _Versions(start.voxels, np.asarray(camera.position))
    one_edit = dataclasses.replace(start, voxels=versions.changed(1.0 / versions.count(1.0), "together"))
    for renderer in (cached, masks, full):
        renderer.render(start)
        renderer.render(one_edit)  # the first that follows a change loads what it takes for that
    kinds = [("together", shares), ("scattered", shares), ("returns", shares[1:2]), (AGAIN, (0.0,))]
    rows, second = [], 0.0
    for moving in (False, True):
        for changed, shares_of in kinds:
            for share in shares_of:
                name = f"{'moving' if moving else 'still'}, {share:.0%} {changed}"
                say(f"{world.blueprint.name}: {name}")
                times: dict[Renderer, list[float]] = {cached: [], masks: [], full: []}
                worst, stale, skips = 0, [], 0
                eye = rail.at(second)
                still = dataclasses.replace(start, camera=eye, previous_camera=eye, voxels=versions.now)
                masks.render(still)
                before = cached.render(still).rgb.copy()
                for _ in range(2 if changed == "returns" else 0):
                    before = cached.render(
                        dataclasses.replace(still, voxels=versions.changed(share, changed))
                    ).rgb.copy()
                for _ in range(rounds):
                    second += 1 / 30 if moving else 0.0
                    eye = rail.at(second)
                    view = dataclasses.replace(
                        start, camera=eye, previous_camera=eye, voxels=versions.changed(share, changed)
                    )
                    view = _read_again(view) if changed == AGAIN else view
                    pictures = []
                    for renderer, took in times.items():
                        begin = time.process_time()
                        pictures.append(renderer.render(view).rgb)
                        took.append((time.process_time() - begin) * 1e3)
                    right = pictures[-1]
                    worst = max(worst, *(int(np.abs(p.astype(int) - right).max()) for p in pictures[:-1]))
                    similar = _cosine(before, right) >= SIMILAR
                    skips += similar
                    stale.append(int((before != right).any(-1).sum()) if similar else 0)
                    before = before if similar else right.copy()
                ours_ms, masks_ms, full_ms = (statistics.median(took) for took in times.values())
                rows.append(
                    {
                        "camera": "moving" if moving else "still",
                        "changed": changed,
                        "share": share,
                        "bricks": versions.count(share),
                        "ours_ms": round(ours_ms, 3),
                        "full_ms": round(full_ms, 3),
                        "ratio": round(full_ms / ours_ms, 3),
                        "masks_ms": round(masks_ms, 3),
                        "masks_ratio": round(masks_ms / ours_ms, 3),
                        "max_error": worst,
                        "filter_skips": f"{skips} of {rounds}",
                        "filter_stale_px": round(statistics.mean(stale)),
                        "cache_mb": round(cached.light.bytes / 1e6, 1) if cached.light else 0.0,
                        "tables": cached.light.tables() if cached.light else {},
                    }
                )
    for renderer in (cached, masks, full):
        renderer.release()
    return rows


class _Versions:
    """Grids in which more and more bricks differ from a first one, each by a voxel that is there or not."""

    def __init__(self, voxels: VoxelView, eye: NDArray[np.float64]) -> None:
        self._material, self._stamp, self._base = voxels.material.copy(), voxels.stamp.copy(), voxels.base
        n = self._stamp.shape
        whole = self._material.reshape(n[0], BRICK, n[1], BRICK, n[2], BRICK)
        bricks = np.argwhere(whole.any(axis=(1, 3, 5)))
        self._near = bricks[np.argsort((((bricks + 0.5) * 2.0 - eye) ** 2).sum(1), kind="stable")]
        self._far = np.random.default_rng(0).permutation(bricks)
        self._first = self._material.copy()

    @property
    def now(self) -> VoxelView:
        """The grid as the last turn left it."""
        return VoxelView(self._material, self._stamp, self._base)

    def count(self, share: float) -> int:
        """How many bricks a share of all of them is."""
        return round(share * len(self._near))

    def changed(self, share: float, how: str) -> VoxelView:
        """The grid after one more turn, "together", "scattered" or "returns": in each brick a voxel is gone, or back
        again. The stamps of what returns say that it does.
        """
        for brick in (self._near if how == "together" else self._far)[: self.count(share)]:
            box = tuple(slice(b * BRICK, (b + 1) * BRICK) for b in brick)
            at = tuple(np.argwhere(self._first[box])[-1])
            now = self._material[box]
            now[at] = 0 if now[at] else self._first[box][at]
            self._stamp[tuple(brick)] ^= RETURNS if how == "returns" else 0
            self._stamp[tuple(brick)] += how != "returns"
        return self.now


def _read_again(view: View) -> View:
    """The same view of another world with the same content."""
    voxels = dataclasses.replace(view.voxels, base=view.voxels.base.copy())
    return dataclasses.replace(
        view, voxels=voxels, materials=deepcopy(view.materials), prefabs=deepcopy(view.prefabs)
    )  # fmt: skip


def _cosine(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    # Sums, not dot products: a library's threads would wait busily for more of these while the next picture is timed.
    x, y = a.astype(np.float64), b.astype(np.float64)
    return float((x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum()))
