"""Voxels of a large world, kept by brick: what is there costs memory, not the volume around it.

`Bricks` reads and writes like an array [X, Y, Z] of material indices, by voxels and boxes: `bricks[x, y, z]`, a copy
`bricks[a:b, c:d, e:f]`, and assignments to either. A table says for every brick which row of a pool holds its voxels.
The first 256 rows are bricks of one material throughout, so air and the inside of the ground take four bytes a brick.

Copies share the rows that were there when `freeze` was last called; what a copy writes goes into rows of its own, which
are counted and used again when no brick shows them any more.
"""

from collections.abc import Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray

from engine.core.rng import bits, stream_key
from engine.core.units import AIR, BRICK

U8 = NDArray[np.uint8]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
U64 = NDArray[np.uint64]
Key = tuple[int | slice, ...]

UNIFORM = 256  # rows of the pool that hold one material throughout; row m is material m
VOLUME = BRICK**3
FEW = 64  # bricks: so many are written faster one by one
FEW_AT_ONCE = 1 << 11  # bricks whose voxels are read again and again, in the cache of a processor
ODD: U64 = bits(0, 0, stream_key("bricks"), np.arange(64)) | np.uint64(1)
AT_ONCE = 1 << 14  # bricks that are worked on together, so that the arrays over them stay small


class Bricks:
    """A grid of material indices, by brick; each edge is a multiple of 8."""

    dtype = np.dtype(np.uint8)
    ndim = 3

    def __init__(self, shape: tuple[int, int, int]) -> None:
        """All air."""
        if any(n <= 0 or n % BRICK for n in shape):
            raise ValueError(f"shape: {shape} must be positive multiples of {BRICK}")
        self.shape = shape
        x, y, z = shape
        self._row: I32 = np.zeros((x // BRICK, y // BRICK, z // BRICK), np.int32)  # of each brick in the pool
        # The pool [R, 8, 8, 8] is two arrays: rows below len(_shared) are never written, the others are _own.
        self._shared: U8 = np.repeat(np.arange(UNIFORM, dtype=np.uint8), VOLUME).reshape(-1, BRICK, BRICK, BRICK)
        self._shared.flags.writeable = False
        self._own: U8 = np.zeros((0, BRICK, BRICK, BRICK), np.uint8)
        self._shown: I64 = np.zeros(0, np.int64)  # how many bricks show each own row
        self._free: list[int] = []  # own rows that none shows

    @classmethod
    def of_rows(cls, row: I32, pool: U8) -> "Bricks":
        """Frozen ones with a table and a pool as `rows` gives them, both taken over. ValueError if they are none."""
        bricks = cls((row.shape[0] * BRICK, row.shape[1] * BRICK, row.shape[2] * BRICK))
        if pool.shape[1:] != (BRICK, BRICK, BRICK) or not np.array_equal(pool[:UNIFORM], bricks._shared):
            raise ValueError("pool: it does not begin with the uniform bricks")
        if row.min() < 0 or row.max() >= len(pool):
            raise ValueError("row: some bricks show a row that is not in the pool")
        pool.flags.writeable = False
        bricks._row, bricks._shared = row, pool
        return bricks

    @property
    def size(self) -> int:
        """How many voxels there are."""
        x, y, z = self.shape
        return x * y * z

    @property
    def nbytes(self) -> int:
        """Memory of all of it, shared rows included."""
        return self._row.nbytes + self._shared.nbytes + self._own.nbytes + self._shown.nbytes

    def copy(self) -> "Bricks":
        """The same voxels, to be written on their own."""
        other = Bricks.__new__(Bricks)
        other.shape, other._row, other._shared = self.shape, self._row.copy(), self._shared
        other._own, other._shown, other._free = self._own.copy(), self._shown.copy(), self._free.copy()
        return other

    # --- reading ------------------------------------------------------------------------------------------------------

    def __getitem__(self, key: Key) -> U8:
        """A voxel, or a copy of a box of them (slices without steps)."""
        if all(not isinstance(k, slice) for k in key):
            x, y, z = (int(k) for k in key if not isinstance(k, slice))
            if not (0 <= x < self.shape[0] and 0 <= y < self.shape[1] and 0 <= z < self.shape[2]):
                raise IndexError(f"voxel {(x, y, z)} is outside of {self.shape}")
            row = int(self._row[x >> 3, y >> 3, z >> 3]) - len(self._shared)
            pool = self._shared if row < 0 else self._own
            return pool[row, x & 7, y & 7, z & 7]  # type: ignore[no-any-return]
        low, high = self._box(key)
        out: U8 = np.empty([max(b - a, 0) for a, b in zip(low, high, strict=True)], np.uint8)
        if not out.size:
            return out
        first, last = [a // BRICK for a in low], [(b - 1) // BRICK + 1 for b in high]
        depth = max(1, AT_ONCE // ((last[1] - first[1]) * (last[2] - first[2])))
        for bx in range(first[0], last[0], depth):
            end = min(bx + depth, last[0])
            rows = self._row[bx:end, first[1] : last[1], first[2] : last[2]]
            dense = _dense(self._blocks(rows), rows.shape)
            a, b = max(low[0], bx * BRICK), min(high[0], end * BRICK)
            out[a - low[0] : b - low[0]] = dense[
                a - bx * BRICK : b - bx * BRICK,
                low[1] - first[1] * BRICK : high[1] - first[1] * BRICK,
                low[2] - first[2] * BRICK : high[2] - first[2] * BRICK,
            ]
        return out

    def take(self, index: NDArray[np.integer]) -> U8:
        """Voxels at flat indices [n] (C order)."""
        x, y, z = np.unravel_index(np.asarray(index, np.int64), self.shape)
        row, n = self._row[x >> 3, y >> 3, z >> 3], len(self._shared)
        out: U8 = self._shared[np.minimum(row, n - 1), x & 7, y & 7, z & 7]
        own = row >= n
        if own.any():
            out[own] = self._own[row[own] - n, x[own] & 7, y[own] & 7, z[own] & 7]
        return out

    def solid_bytes(self, i: I64, j: I64, level: I64) -> I64:
        """Columns [n] (i, j) of the bricks on `level`, as bytes: bit k is set where the k-th voxel is solid.

        i and j are held inside; there is ground below the grid and air above it.
        """
        nx, ny, nz = self._row.shape
        bx, by = np.clip(i >> 3, 0, nx - 1), np.clip(j >> 3, 0, ny - 1)
        row = self._row[bx, by, np.clip(level, 0, nz - 1)]
        column, n = (i & 7) * BRICK + (j & 7), len(self._shared)
        word = words_of(self._shared)[np.minimum(row, n - 1), column]
        own = row >= n
        if own.any():
            word[own] = words_of(self._own)[row[own] - n, column[own]]
        byte = _solid_bits(word)
        return np.where(level < 0, 0xFF, np.where(level >= nz, 0, byte))

    def rows(self) -> tuple[I32, U8]:
        """The table [X/8, Y/8, Z/8] and the pool [R, 8, 8, 8] that it points into; neither may be written."""
        return self._row, np.concatenate([self._shared, self._own]) if len(self._own) else self._shared

    def distinct_blocks(self) -> U8:
        """Blocks [n, 8, 8, 8] of which every brick shows one, and of which each is shown."""
        return self._blocks(np.unique(self._row))

    def holds_same(self, other: "Bricks") -> bool:
        """Whether bricks of one shape hold the same: each pair of rows that two of them show is compared once."""
        pairs = np.unique(self._row.astype(np.int64) << 32 | other._row)
        mine, others = (pairs >> 32).astype(np.int32), (pairs & 0xFFFFFFFF).astype(np.int32)
        parts = (slice(start, start + AT_ONCE) for start in range(0, len(pairs), AT_ONCE))
        return all(np.array_equal(self._blocks(mine[part]), other._blocks(others[part])) for part in parts)

    def _box(self, key: Key) -> tuple[list[int], list[int]]:
        low, high = [], []
        for k, n in zip(key, self.shape, strict=True):
            a, b, step = (k if isinstance(k, slice) else slice(k, int(k) + 1)).indices(n)
            if step != 1:
                raise IndexError("a box of voxels is read without steps")
            low.append(a)
            high.append(b)
        return low, high

    def _blocks(self, rows: I32) -> U8:
        """The voxels of rows [...] of the pool, [..., 8, 8, 8]."""
        n = len(self._shared)
        own = rows >= n
        if own.all():
            return self._own[rows - n]
        blocks: U8 = self._shared[np.minimum(rows, n - 1)]
        if own.any():
            blocks[own] = self._own[rows[own] - n]
        return blocks

    # --- writing ------------------------------------------------------------------------------------------------------

    def __setitem__(self, key: Key, value: U8 | int) -> None:
        """Writes one material, or an array as large as the box."""
        low, high = self._box(key)
        if any(a >= b for a, b in zip(low, high, strict=True)):
            return
        if np.ndim(value) == 0:
            self._fill(low, high, int(value))
            return
        values = np.broadcast_to(value, [b - a for a, b in zip(low, high, strict=True)])
        x0, x1 = low[0] // BRICK, (high[0] - 1) // BRICK + 1
        across = np.prod([(b - 1) // BRICK + 1 - a // BRICK for a, b in zip(low[1:], high[1:], strict=True)])
        depth = max(1, AT_ONCE // int(across))
        for bx in range(x0, x1, depth):
            a, b = max(low[0], bx * BRICK), min(high[0], (bx + depth) * BRICK)
            self._paste([a, *low[1:]], [b, *high[1:]], values[a - low[0] : b - low[0]])

    def put(self, index: NDArray[np.integer], value: U8) -> None:
        """Writes voxels [n] at flat indices [n] (C order), each once."""
        x, y, z = np.unravel_index(np.asarray(index, np.int64), self.shape)
        brick = np.ravel_multi_index((x >> 3, y >> 3, z >> 3), self._row.shape)
        bricks, which = np.unique(brick, return_inverse=True)
        blocks = self._blocks(self._row.reshape(-1)[bricks])
        blocks.reshape(-1, VOLUME)[which, ((x & 7) * BRICK + (y & 7)) * BRICK + (z & 7)] = value
        self._show(np.unravel_index(bricks, self._row.shape), blocks)

    def freeze(self) -> None:
        """Moves all rows to where copies share them, equal ones once, and forgets those that no brick shows."""
        is_used = np.zeros(len(self._shared) + len(self._own), np.bool_)
        is_used[self._row] = True
        mixed = UNIFORM + np.flatnonzero(is_used[UNIFORM:]).astype(np.int32)
        row_of, kept = _distinct(self._blocks(mixed))
        shared = np.concatenate([self._shared[:UNIFORM], kept])
        shared.flags.writeable = False
        new = np.arange(len(is_used), dtype=np.int32)  # uniform ones stay where they are
        new[mixed] = row_of
        self._row = new[self._row]
        self._shared = shared
        self._own, self._shown, self._free = self._own[:0].copy(), self._shown[:0].copy(), []

    def _fill(self, low: list[int], high: list[int], material: int) -> None:
        """Bricks that lie wholly inside become uniform; of the others only distinct ones are worked out."""
        for bricks, inside in _parts(low, high):
            rows = self._row[bricks]
            is_whole = all(s.start == 0 and s.stop == BRICK for s in inside)
            if rows.size <= FEW:
                for at in product(*(range(s.start, s.stop) for s in bricks)):
                    self._fill_one(at, inside, material, is_whole)
                continue
            if is_whole:
                self._release(rows)
                self._row[bricks] = material
                continue
            distinct, which = np.unique(rows, return_inverse=True)
            blocks = self._blocks(distinct)
            blocks[(slice(None), *inside)] = material
            counts = np.bincount(which.reshape(-1), minlength=len(distinct))
            self._release(rows)
            self._row[bricks] = self._rows_for(blocks, counts)[which].reshape(rows.shape)

    def _fill_one(self, at: tuple[int, ...], inside: tuple[slice, ...], material: int, is_whole: bool) -> None:
        row, n = int(self._row[at]), len(self._shared)
        if row == material:
            return
        if is_whole:
            self._row[at] = material
        elif row < n or self._shown[row - n] != 1:  # others show it as well
            block = (self._shared[row] if row < n else self._own[row - n]).copy()
            if not self._free:
                self._add_rows(1)
            own = self._free.pop()
            block[inside] = material
            self._own[own], self._shown[own] = block, 1
            self._row[at] = own + n
        else:
            self._own[row - n][inside] = material
            return
        if row >= n:
            self._shown[row - n] -= 1
            if not self._shown[row - n]:
                self._free.append(row - n)

    def _paste(self, low: list[int], high: list[int], values: U8) -> None:
        first, last = [a // BRICK for a in low], [(b - 1) // BRICK + 1 for b in high]
        bricks = tuple(slice(a, b) for a, b in zip(first, last, strict=True))
        shape = self._row[bricks].shape
        blocks = self._blocks(self._row[bricks])
        dense = _dense(blocks, shape)
        inside = (slice(a - f * BRICK, b - f * BRICK) for a, b, f in zip(low, high, first, strict=True))
        dense[tuple(inside)] = values
        words = words_by_brick(dense).reshape(-1, BRICK, BRICK, 1)
        blocks = words.view(np.uint8)
        at = np.mgrid[bricks].reshape(3, -1)
        self._show((at[0], at[1], at[2]), blocks)

    def _show(self, at: tuple[NDArray[np.intp], ...], blocks: U8) -> None:
        """Gives distinct bricks [n] new voxels [n, 8, 8, 8]."""
        changed = np.flatnonzero((words_of(self._blocks(self._row[at])) != words_of(blocks)).any(1))
        at = tuple(a[changed] for a in at)
        self._release(self._row[at])
        self._row[at] = self._rows_for(blocks[changed], np.ones(len(changed), np.int64))

    def _release(self, rows: I32) -> None:
        own = rows[rows >= len(self._shared)] - len(self._shared)
        if len(own):
            np.subtract.at(self._shown, own, 1)
            gone = np.unique(own)
            self._free += gone[self._shown[gone] == 0].tolist()

    def _rows_for(self, blocks: U8, shown: I64) -> I32:
        """Rows [n] that hold blocks [n, 8, 8, 8], each shown by so many bricks."""
        rows = blocks[:, 0, 0, 0].astype(np.int32)
        mixed = np.flatnonzero((words_of(blocks) != _uniform(blocks)).any(1))
        if len(mixed) > len(self._free):
            self._add_rows(len(mixed) - len(self._free))
        if len(mixed):
            own = np.array(self._free[-len(mixed) :], np.int64)
            del self._free[-len(mixed) :]
            self._own[own], self._shown[own] = blocks[mixed], shown[mixed]
            rows[mixed] = own + len(self._shared)
        return rows

    def _add_rows(self, least: int) -> None:
        old, more = len(self._own), max(least, len(self._own), 16)
        own = np.empty((old + more, BRICK, BRICK, BRICK), np.uint8)  # free rows hold anything, and cost nothing yet
        own[:old] = self._own
        self._own = own
        self._shown = np.concatenate([self._shown, np.zeros(more, np.int64)])
        self._free += range(old + more - 1, old - 1, -1)


def _parts(low: list[int], high: list[int]) -> Iterator[tuple[tuple[slice, ...], tuple[slice, ...]]]:
    """A box of voxels as boxes of bricks, each with the part of its bricks that lies inside: at most 27."""
    axes = []
    for a, b in zip(low, high, strict=True):
        first, last = a // BRICK, (b - 1) // BRICK
        if first == last:
            axes.append([(slice(first, first + 1), slice(a % BRICK, b - first * BRICK))])
            continue
        parts = []
        if a % BRICK:
            parts.append((slice(first, first + 1), slice(a % BRICK, BRICK)))
            first += 1
        if b % BRICK:
            parts.append((slice(last, last + 1), slice(0, b % BRICK)))
            last -= 1
        if first <= last:
            parts.append((slice(first, last + 1), slice(0, BRICK)))
        axes.append(parts)
    for x, y, z in product(*axes):
        yield (x[0], y[0], z[0]), (x[1], y[1], z[1])


def words_by_brick(voxels: U8) -> U64:
    """Voxels [X, Y, Z] by brick [X/8, Y/8, Z/8, 8, 8], eight above one another in each word: a view."""
    x, y, z = (n // BRICK for n in voxels.shape)
    return voxels.view(np.uint64).reshape(x, BRICK, y, BRICK, z).transpose(0, 2, 4, 1, 3)


def _dense(blocks: U8, shape: tuple[int, ...]) -> U8:
    """The voxels [X, Y, Z] of blocks [X/8 * Y/8 * Z/8, 8, 8, 8]: moved by words, which is faster than one by one."""
    x, y, z = shape
    words = np.ascontiguousarray(words_of(blocks).reshape(x, y, z, BRICK, BRICK).transpose(0, 3, 1, 4, 2))
    return words.view(np.uint8).reshape(x * BRICK, y * BRICK, z * BRICK)


def words_of(pool: U8) -> U64:
    """Each column of eight voxels of blocks [R, 8, 8, 8] as one number: [R, 64]."""
    return pool.reshape(-1, VOLUME).view("<u8")


def _uniform(blocks: U8) -> U64:
    """[n, 1] what all words of blocks would be, if all voxels were like the first one."""
    return np.asarray(blocks[:, 0, 0, :1] * np.uint64(0x0101010101010101))


def _solid_bits(word: U64) -> I64:
    """Which of the eight bytes of words [n] are not 0, as bits [n]: all bits of a byte are joined in its lowest, then
    one multiplication gathers those (Warren, Hacker's Delight, 2nd ed., section 7-2)."""
    for shift in (4, 2, 1):
        word = word | word >> np.uint64(shift)
    word = word & np.uint64(0x0101010101010101)
    return np.asarray((word * np.uint64(0x0102040810204080)) >> np.uint64(56)).astype(np.int64)


def hashes_of(words: U64) -> U64:
    """A number for each block of words [n, 64]: their sum, each times an odd number of its own (multilinear hashing,
    Lemire and Kaser, "Strongly universal string hashing is fast", 2014)."""
    mixed = words ^ words >> np.uint64(29)  # so that a word's highest voxels are not in its highest bits alone
    mixed *= ODD
    return np.asarray(mixed.sum(1, dtype=np.uint64))


def _distinct(blocks: U8) -> tuple[I32, U8]:
    """Rows [n] for blocks [n, 8, 8, 8] in a pool that begins with the uniform ones, and what follows those: each once.

    Blocks are told apart by a hash and then compared, so that two with one hash stay two.
    """
    n = len(blocks)
    if not n:
        return np.zeros(0, np.int32), blocks
    words = words_of(blocks)
    key, uniform, same = np.zeros(n, np.uint64), np.zeros(n, np.bool_), np.zeros(n, np.bool_)
    parts = [slice(start, start + FEW_AT_ONCE) for start in range(0, n, FEW_AT_ONCE)]
    for part in parts:
        key[part] = hashes_of(words[part])
        uniform[part] = (words[part] == _uniform(blocks[part])).all(1)
    _, first, which = np.unique(key, return_index=True, return_inverse=True)
    like = first[which.reshape(-1)]
    for part in parts:
        same[part] = (words[part] == words[like[part]]).all(1)
    like = np.where(same, like, np.arange(n))
    keeps = (like == np.arange(n)) & ~uniform
    row = np.where(keeps, UNIFORM - 1 + np.cumsum(keeps), blocks[:, 0, 0, 0])
    return row[like].astype(np.int32), blocks[keeps]


Grid = U8 | Bricks  # [X, Y, Z] material indices: an array, or bricks where the world is large


def materials_in(grid: Grid) -> list[int]:
    """The materials that a grid shows anywhere, air among them, in order."""
    shown: U8 = (grid.distinct_blocks() if isinstance(grid, Bricks) else grid).reshape(-1)
    is_shown = np.zeros(256, np.bool_)
    for start in range(0, len(shown), FEW_AT_ONCE * VOLUME):
        piece = shown[start : start + FEW_AT_ONCE * VOLUME]
        solid = piece[piece != AIR]  # few: most of a world is air
        is_shown[solid] = True
        is_shown[AIR] |= len(solid) < len(piece)
    return [int(material) for material in np.flatnonzero(is_shown)]


def same_voxels(a: Grid, b: Grid) -> bool:
    """Whether two grids hold the same."""
    if a is b or a.shape != b.shape:
        return a is b
    if isinstance(a, Bricks) and isinstance(b, Bricks):
        return a.holds_same(b)
    return all(np.array_equal(a[x : x + BRICK, :, :], b[x : x + BRICK, :, :]) for x in range(0, a.shape[0], BRICK))
