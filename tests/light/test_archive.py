"""A world that returns traces nothing, and its light is the same to the bit; whatever happens to the files."""

import errno
import os
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import msgpack
import numpy as np
import pytest

from engine.core.disk import Disk
from engine.film.knownworlds import KnownWorlds
from engine.light.archive import CHUNK_BYTES, MAGIC, Archive, _chunks, _told
from engine.light.cache import LightCache
from engine.light.transport import Transport
from engine.view import View
from tests.light.scenes_for_light import lamps, plaza, sky, view_of, with_voxels

LAMPS = lamps(((9.4, 8.0, 2.2), 0.3, (30, 20, 10)), ((10.4, 11.5, 1.9), 0.3, (20, 20, 40)))


def dusk() -> View:
    return view_of(plaza(), LAMPS, sky(sun=0.3, direction=(0.7, 0.4, 0.35), blue=0.15))


def edited(view: View, k: int) -> View:
    """With a pillar put in and another dug out."""
    material, stamp = view.voxels.material.copy(), view.voxels.stamp.copy()
    x, y = 20 + 3 * k, 26 + 2 * k
    material[x : x + 2, y : y + 2, 2:10] = 1 - material[x : x + 2, y : y + 2, 2:10].clip(0, 1)
    for brick in np.unique(np.argwhere(material != view.voxels.material) // 8, axis=0):
        stamp[tuple(brick)] += 1
    return replace(view, voxels=replace(view.voxels, material=material, stamp=stamp))


def lit(view: View, archive: Archive | None, most_bricks: int | None = None) -> tuple[LightCache, int]:
    """A cache with the light of a view, and how many rays that took."""
    cache, rays = LightCache(), 0
    for _ in range(10000):
        cache.update(view, most_bricks, archive)
        if cache.is_built:
            rays += cache.stats.rays_traced
            return cache, rays
    raise AssertionError("no light")


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


@pytest.mark.parametrize(("most_bricks", "chunk_bytes"), [(None, CHUNK_BYTES), (4, 1000)])
def test_a_world_that_returns_traces_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most_bricks: int | None, chunk_bytes: int
) -> None:
    """In one update or in parts, at another hour, and edited afterwards: all as if it had been made."""
    monkeypatch.setattr("engine.light.archive.CHUNK_BYTES", chunk_bytes)
    view = dusk()
    plain, _ = lit(view, None, most_bricks)
    first, rays = lit(view, Archive(tmp_path), most_bricks)
    again, none = lit(view, Archive(tmp_path), most_bricks)
    assert rays > 0 and none == 0
    assert len(files(tmp_path)) == 1
    assert again.transport.bounce_rays.keeps_readers
    noon = replace(view, sky=sky(sun=2.0, direction=(0.2, 0.3, 0.9), blue=0.4))
    by_day, none = lit(noon, Archive(tmp_path), most_bricks)
    assert none == 0
    np.testing.assert_array_equal(by_day.radiance, lit(noon, None, most_bricks)[0].radiance)
    for k in range(4):
        for cache in (first, again):
            np.testing.assert_array_equal(cache.radiance, plain.radiance)
        view = edited(view, k)
        for cache in (plain, first, again):
            cache.update(view)
        assert again.stats.rays_traced == plain.stats.rays_traced > 0
    assert again.tables() == first.tables()


def test_what_was_read_follows_a_world_that_is_saved_again(tmp_path: Path) -> None:
    """A file holds voxels once, and does not know what their stamps are of: that is told by who reads it."""
    known = KnownWorlds()
    view = known.of(dusk())
    first, _ = lit(view, Archive(tmp_path))
    voxels = view.voxels.base.tobytes()
    assert sum(bytes(chunk) == voxels for chunk in _chunks(first.transport)) == 1
    again, none = lit(view, Archive(tmp_path))
    assert none == 0 and again.transport.origin is view.voxels.origin
    grid = plaza()
    grid[50:56, 30, 2:10] = 2
    saved = view_of(grid, LAMPS, view.sky)
    for cache in (first, again):
        transport = cache.transport
        cache.update(known.of(saved))
        assert cache.transport is transport
        np.testing.assert_array_equal(cache.radiance, first.radiance)
    plain, _ = lit(saved, None)
    keys = plain.transport.surface.keys()
    pictures = []
    for cache in (plain, again):
        cache.decode(keys)
        slots = cache.slots(keys)
        pictures.append([cache.atlas[s // 56, :, s % 56 * 18 : s % 56 * 18 + 18] for s in slots.tolist()])
    np.testing.assert_array_equal(*pictures)


def test_an_edited_world_is_another(tmp_path: Path) -> None:
    lit(dusk(), Archive(tmp_path))
    view = edited(dusk(), 0)
    cache, rays = lit(view, Archive(tmp_path))
    assert rays > 0 and len(files(tmp_path)) == 2
    np.testing.assert_array_equal(cache.radiance, lit(view, None)[0].radiance)
    as_a_file_says_it = with_voxels(dusk(), view.voxels.material)
    for same in (view, as_a_file_says_it, dusk()):
        cache, rays = lit(same, Archive(tmp_path))
        assert rays == 0
        cache.update(same)
        assert cache.transport.n_changes == 0


@pytest.mark.parametrize(
    "harm",
    [
        lambda b: b"",
        lambda b: b[: len(b) // 2],
        lambda b: b[:-1],
        lambda b: b + b"x",
        lambda b: b"another file",
        lambda b: b[: len(b) // 2] + bytes([b[len(b) // 2] ^ 1]) + b[len(b) // 2 + 1 :],
        lambda b: b[:30] + bytes(64) + b[94:],
        lambda b: b[:19] + b"\xff" * 8 + b[27:],
    ],
    ids=["empty", "half", "cut", "longer", "another", "a bit", "head", "length"],
)
def test_a_harmed_file_is_traced_anew(tmp_path: Path, harm: Callable[[bytes], bytes]) -> None:
    view = dusk()
    plain, rays = lit(view, Archive(tmp_path))
    (path,) = files(tmp_path)
    path.write_bytes(harm(path.read_bytes()))
    cache, again = lit(view, Archive(tmp_path))
    assert again == rays
    np.testing.assert_array_equal(cache.radiance, plain.radiance)
    assert lit(view, Archive(tmp_path))[1] == 0


@pytest.mark.parametrize(
    "tree",
    [
        7,
        {"array": 999},
        {"array": 0},
        {"kind": "Transport", "fields": {}},
        {"kind": "Transport", "fields": ["grid"]},
        {"kind": "Path", "fields": {}},
        {"kind": "Faces", "fields": {"row": None}},
    ],
)
@pytest.mark.parametrize("kind", ["|u1", "(,", "|O", "nothing"])
def test_a_file_that_somebody_made_up_is_traced_anew(tmp_path: Path, tree: object, kind: str) -> None:
    """With digests that are right."""
    archive, voxels = Archive(tmp_path), dusk().voxels
    head = msgpack.packb([tree, [[kind, [4]]]])
    path = archive.path_of(voxels.material)
    path.write_bytes(
        MAGIC + len(head).to_bytes(8, "little") + sha256(head).digest() + head + b"grid" + sha256(b"grid").digest()
    )
    assert list(archive.read(voxels)) == []
    assert lit(dusk(), archive)[1] > 0
    assert lit(dusk(), archive)[1] == 0


def test_a_folder_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"in the way")
    _, rays = lit(dusk(), Archive(tmp_path / "file"))
    assert rays > 0 and (tmp_path / "file").read_bytes() == b"in the way"


def test_what_was_used_least_recently_goes(tmp_path: Path) -> None:
    views = [dusk(), edited(dusk(), 0), edited(dusk(), 1)]
    lit(views[0], Archive(tmp_path))
    size = files(tmp_path)[0].stat().st_size
    archive = Archive(tmp_path, most_bytes=int(2.5 * size))
    lit(views[1], archive)
    lit(views[0], archive)  # used again
    lit(views[2], archive)
    kept = {p.name for p in files(tmp_path)}
    assert kept == {archive.path_of(view.voxels.material).name for view in (views[0], views[2])}


class Stuck(Disk):
    """One file cannot be removed."""

    def remove(self, path: Path) -> None:
        if path.name == "stuck.transport":
            raise PermissionError(path)
        super().remove(path)


def test_what_is_others_stays_and_what_sticks_stops_nothing(tmp_path: Path) -> None:
    views = [dusk(), edited(dusk(), 0)]
    lit(views[0], Archive(tmp_path))
    size = files(tmp_path)[0].stat().st_size
    for name in ("thesis.doc", "stuck.transport"):
        (tmp_path / name).write_bytes(bytes(size))
        os.utime(tmp_path / name, (0, 0))
    archive = Archive(tmp_path, int(1.5 * size), Stuck())
    lit(views[1], archive)
    kept = {"thesis.doc", "stuck.transport", archive.path_of(views[1].voxels.material).name}
    assert {p.name for p in files(tmp_path)} == kept


class Full(Disk):
    """One operation fails, the writing of a file not at once."""

    def __init__(self, operation: str) -> None:
        self.operation, self.n_writes = operation, 0

    def write(self, file: int, data: memoryview) -> int:
        self.n_writes += 1
        if self.operation == "write" and self.n_writes > 20:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(file, data)

    def rename(self, old: Path, new: Path) -> None:
        if self.operation == "rename":
            raise PermissionError(new)
        super().rename(old, new)


@pytest.mark.parametrize("operation", ["write", "rename"])
def test_a_disk_that_fails_costs_nothing_but_time(tmp_path: Path, operation: str) -> None:
    disk = Full(operation)
    cache, rays = lit(dusk(), Archive(tmp_path, disk=disk))
    assert rays > 0 and disk.n_writes > 20 and files(tmp_path) == []
    np.testing.assert_array_equal(cache.radiance, lit(dusk(), None)[0].radiance)


def test_the_key_tells_grids_and_code_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive, grid = Archive(tmp_path), dusk().voxels.material
    turned = grid.reshape(grid.shape[1] * 2, grid.shape[0] // 2, grid.shape[2])
    names = {archive.path_of(grid).name, archive.path_of(turned).name}
    monkeypatch.setattr("engine.light.archive._code", lambda: b"another")
    names.add(archive.path_of(grid).name)
    assert len(names) == 3 and all(len(name.removesuffix(".transport")) == 32 for name in names)


def test_what_is_larger_than_the_budget_is_not_kept(tmp_path: Path) -> None:
    assert lit(dusk(), Archive(tmp_path, most_bytes=100_000))[1] > 0
    assert files(tmp_path) == []


def test_what_is_given_up_midway_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.light.archive.CHUNK_BYTES", 1000)
    writing = Archive(tmp_path).write(Transport(dusk().voxels))
    next(iter(writing))
    assert len(files(tmp_path)) == 1
    writing.close()  # type: ignore[attr-defined]
    assert files(tmp_path) == []


def test_two_who_keep_the_same_world_at_once_do_not_mix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As two windows do that are opened on one world: each writes a file of its own, and the last to end stays."""
    monkeypatch.setattr("engine.light.archive.CHUNK_BYTES", 1000)
    view = dusk()
    plain, _ = lit(view, None)
    transport = plain.transport
    transport.bounce_rays.keeps_readers = True
    for _ in transport.trace(np.zeros(transport.surface.capacity, np.bool_)):
        pass
    writers, n_turns = [Archive(tmp_path).write(transport) for _ in range(2)], 0
    while writers:
        writers = [writer for writer in writers if next(writer, None) is not None]
        n_turns += len(writers) == 2
    assert n_turns > 10, "one was through before the other began"
    assert len(files(tmp_path)) == 1
    again, none = lit(view, Archive(tmp_path))
    assert none == 0
    np.testing.assert_array_equal(again.radiance, plain.radiance)


def test_no_array_of_a_transport_lies_in_another() -> None:
    """They are kept one by one: what was written into both at once would come apart."""
    cache, _ = lit(dusk(), None)
    arrays: list[np.ndarray] = []
    _told(cache.transport, arrays)
    assert len(arrays) > 20
    for i, a in enumerate(arrays):
        assert not any(np.shares_memory(a, b) for b in arrays[:i])
    assert max(len(chunk) for chunk in _chunks(cache.transport)) <= CHUNK_BYTES
