"""The layout of a Neuroglancer shard: chunks by their number, found by two indices.

What this file knows: in which shard and minishard a chunk of a grid lies, where the index of a minishard
is and what it says, and what of that may be believed.  What it must not know: stores, views, how chunks are
encoded.

A chunk has a number, the compressed Morton code of its cell.  The number without its lowest bits, hashed,
says the minishard and the shard.  A shard begins with the shard index, one range of bytes a minishard; there
lies the minishard's own index: numbers, offsets and sizes of its chunks.  All offsets count from the end of
the shard index.

Laws:
    pieces(pack(p)) == p, number by number
    replaced keeps the bytes of the chunks that it was not told of
    no entry is followed outside the value, whatever the indices say: it raises a `TegulaError`
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tegula.codecs.codec import Buffer
from tegula.codecs.deflate import GZIP, deflate, inflate
from tegula.errors import DataLoss, FailedPrecondition, ResourceExhausted, TegulaError, annotated
from tegula.kernels.morton import bits_of, cells_of, codes_of, murmurhash
from tegula.record import Record, derived

__all__ = ["ENTRY", "Index", "Minishards"]

ENTRY = 16
"""Bytes of one entry of a shard index."""
INDEX_LIMIT = 256 << 20
"""How many bytes of an index are held at once."""
UNPACKED = 4 << 20
"""How long the index of a minishard may be however little it takes as gzip: that of 170,000 chunks."""
_FAR = 1 << 62
_LEVEL = 6

Index: TypeAlias = tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.int64]]
"""What a minishard holds: numbers, ascending, and where each chunk begins and ends in the shard; n each."""


def _unpacked(stored: int) -> int:
    """Return how long the index of a minishard may be that takes `stored` bytes as gzip."""
    return max(UNPACKED, 16 * stored)


def _too_long(stored: int) -> ResourceExhausted:
    return ResourceExhausted(
        f"The index of a minishard, {stored} bytes as gzip, is longer than {_unpacked(stored)} bytes"
    )


class Minishards(Record):
    """How the chunks of a grid are put into shards.

    grid                chunks along x, y, z
    preshift, mini, shard   how many bits of a number are left out, say the minishard, say the shard
    hashed              whether numbers are hashed (murmurhash3_x86_128), not taken as they are
    packed              whether the index of a minishard is gzip
    directory           in front of the shards' names
    index_bytes         size of the shard index
    """

    grid: tuple[int, int, int]
    preshift: int
    mini: int
    shard: int
    hashed: bool
    packed: bool
    directory: str
    index_bytes: int = derived()
    _bits: tuple[int, ...] = derived()

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "index_bytes", ENTRY << self.mini)
        put(self, "_bits", bits_of(self.grid))

    @property
    def chunks(self) -> int:
        """How many chunks the grid has."""
        return prod(self.grid)

    @property
    def most(self) -> int:
        """How many chunks a minishard may have.

        >>> Minishards((8, 8, 8), 1, 2, 6, False, False, "").most
        2
        """
        if self.hashed:
            return self.chunks
        beyond = max(0, sum(self._bits) - self.preshift - self.mini - self.shard)
        return min(self.chunks, 1 << min(64, self.preshift + beyond))

    # ------------------------------------------------------------ numbers

    def numbers(self, cells: NDArray[np.int64]) -> NDArray[np.uint64]:
        """Return the numbers of chunks given by their cells, int64[n, 3 or more]."""
        return codes_of(cells[:, :3], self._bits)

    def places(self, numbers: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        """Return the shards and the minishards in which chunks are."""
        shifted = numbers >> np.uint64(self.preshift) if self.preshift < 64 else np.zeros_like(numbers)
        if self.hashed:
            shifted = murmurhash(shifted)
        minis = shifted & np.uint64((1 << self.mini) - 1)
        rest = shifted >> np.uint64(self.mini)
        return rest & np.uint64((1 << self.shard) - 1), minis.astype(np.int64)

    def key(self, shard: int) -> str:
        """Return the name of a shard.

        >>> Minishards((8, 8, 8), 1, 2, 6, False, False, "k/").key(10)
        'k/0a.shard'
        """
        digits = -(-self.shard // 4)
        return f"{self.directory}{shard:0{digits}x}.shard" if digits else f"{self.directory}0.shard"

    @property
    def box(self) -> tuple[int, int, int] | None:
        """How many chunks a shard has along x, y, z; None where shards are no boxes.

        >>> Minishards((8, 8, 4), 1, 3, 4, False, False, "").box
        (4, 2, 2)
        """
        if self.hashed or sum(self._bits) > self.preshift + self.mini + self.shard:
            return None
        within = [0, 0, 0]
        left = self.preshift + self.mini
        for bit in range(max(self._bits, default=0)):
            for dim, count in enumerate(self._bits):
                if bit < count and left:
                    within[dim] += 1
                    left -= 1
        return tuple([min(1 << bits, size) for bits, size in zip(within, self.grid, strict=True)])  # type: ignore[return-value]

    def count(self, shard: int) -> int | None:
        """Return how many chunks a shard has, None where that is not simply told."""
        box = self.box
        if box is None:
            return None
        low = self.preshift + self.mini
        first = np.array([shard << low if low < 64 else 0], np.uint64)
        corner = cells_of(first, self._bits)[0].tolist()
        return prod(max(0, min(size, end - at)) for size, end, at in zip(box, self.grid, corner, strict=True))

    def box_of(self, name: str) -> tuple[tuple[int, ...], tuple[int, ...]] | tuple[()] | None:
        """Return the first cell and the extents of the shard called `name`, without its directory.

        Empty where a shard is no box, None where that is no shard.

        >>> rule = Minishards((8, 8, 8), 1, 2, 6, False, False, "")
        >>> rule.box_of("0a.shard"), rule.box_of("info")
        (((4, 2, 0), (2, 2, 2)), None)
        """
        text = name.removesuffix(".shard")
        if text == name or not text or any(digit not in "0123456789abcdef" for digit in text):
            return None
        box, low, shard = self.box, self.preshift + self.mini, int(text, 16)
        if box is None or shard >> self.shard:
            return ()
        first = np.array([shard << low if low < 64 else 0], np.uint64)
        return tuple(cells_of(first, self._bits)[0].tolist()), box

    # ------------------------------------------------------------ indices

    def entry(self, stored: Buffer) -> tuple[int, int]:
        """Return where the index of a minishard lies in its shard, given its entry; equal ends for none.

        Raises:
            DataLoss: that is no range of bytes.
        """
        start, stop = np.frombuffer(stored, "<u8").tolist()
        if start > stop or stop > _FAR or (stop - start) > INDEX_LIMIT:
            raise DataLoss(f"Invalid shard index entry: [{start}, {stop})")
        return start + self.index_bytes, stop + self.index_bytes

    def index(self, stored: Buffer) -> Index:
        """Return what the stored index of a minishard says.

        Raises:
            DataLoss, FailedPrecondition: it is damaged.
        """
        if self.packed:
            most = 24 * min(self.most, INDEX_LIMIT // 24)
            room = min(most, _unpacked(len(stored)))
            try:
                stored = inflate(stored, room, False, GZIP)
            except FailedPrecondition:
                if room < most:
                    raise _too_long(len(stored)) from None
                raise
        if len(stored) % 24:
            raise DataLoss(f"Invalid minishard index length: {len(stored)}")
        deltas, gaps, sizes = np.frombuffer(stored, "<u8").reshape(3, -1)
        if (deltas[1:] == 0).any():
            raise DataLoss("Invalid minishard index: numbers do not ascend")
        numbers = np.cumsum(deltas, dtype=np.uint64)
        if (gaps > np.uint64(_FAR)).any() or (sizes > np.uint64(_FAR)).any():
            raise DataLoss("Invalid minishard index: a chunk is out of range")
        if float(np.sum(gaps, dtype=np.float64)) + float(np.sum(sizes, dtype=np.float64)) > _FAR / 2:
            raise DataLoss("Invalid minishard index: a chunk is out of range")
        stops = np.cumsum(gaps, dtype=np.uint64)
        stops += np.cumsum(sizes, dtype=np.uint64)
        stops += np.uint64(self.index_bytes)
        starts = stops - sizes
        if (numbers[1:] <= numbers[:-1]).any():
            raise DataLoss("Invalid minishard index: numbers do not ascend")
        return numbers, starts.view(np.int64), stops.view(np.int64)

    @staticmethod
    def within(index: Index, wanted: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return where wanted chunks begin and end, -1 where they are not there; int64[n] each."""
        numbers, starts, stops = index
        none = np.full(len(wanted), -1, np.int64)
        if not len(numbers):
            return none, none
        at = np.minimum(np.searchsorted(numbers, wanted), len(numbers) - 1)
        there = numbers[at] == wanted
        return np.where(there, starts[at], none), np.where(there, stops[at], none)

    # ------------------------------------------------------------ whole shards

    def admit(self) -> None:
        """Raise ResourceExhausted where the shard index is too large to be held."""
        if self.index_bytes > INDEX_LIMIT:
            raise ResourceExhausted(
                f"A shard index of {self.index_bytes} bytes exceeds the limit of {INDEX_LIMIT} bytes"
            )

    def pieces(self, value: Buffer) -> dict[int, memoryview]:
        """Return the stored bytes of every chunk of a whole shard, by number.

        Raises:
            DataLoss, FailedPrecondition: an index is damaged.
        """
        self.admit()
        view = memoryview(value)
        size = len(view)
        if size < self.index_bytes:
            raise DataLoss(
                f"Existing shard has size of {size} bytes, but expected at least {self.index_bytes}"
            )
        found: dict[int, memoryview] = {}
        table = np.frombuffer(view[: self.index_bytes], "<u8").reshape(-1, 2)
        for mini in np.flatnonzero(table[:, 0] != table[:, 1]).tolist():
            try:
                start, stop = self.entry(view[ENTRY * mini : ENTRY * (mini + 1)])
                if stop > size:
                    raise DataLoss(f"Invalid shard index entry: [{start}, {stop}) of {size} bytes")
                numbers, starts, stops = self.index(view[start:stop])
                if len(stops) and (int(stops.max()) > size or int(starts.min()) < 0):
                    raise DataLoss(f"a chunk lies outside of a shard of {size} bytes")
            except TegulaError as error:
                raise annotated(error, f"Error decoding minishard {mini}: ") from None
            for number, first, last in zip(numbers.tolist(), starts.tolist(), stops.tolist(), strict=True):
                found[number] = view[first:last]
        return found

    def pack(self, pieces: Mapping[int, Buffer]) -> bytes | None:
        """Return the shard of some chunks, None for none."""
        if not pieces:
            return None
        self.admit()
        numbers = np.array(sorted(pieces), np.uint64)
        minis = self.places(numbers)[1]
        order = np.lexsort((numbers, minis))
        table = np.zeros((1 << self.mini, 2), "<u8")
        parts: list[Buffer] = []
        end = 0
        edges = np.flatnonzero(np.diff(minis[order], prepend=-1, append=-1))
        for first, last in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            mine = numbers[order[first:last]]
            held = [pieces[number] for number in mine.tolist()]
            index = np.zeros((3, len(mine)), "<u8")
            index[0] = np.diff(mine, prepend=np.uint64(0))
            index[1, 0] = end
            index[2] = [len(piece) for piece in held]
            parts += held
            end += int(index[2].sum())
            stored: Buffer = index.tobytes()
            if self.packed:
                stored = deflate(stored, _LEVEL, GZIP)
                if index.nbytes > _unpacked(len(stored)):
                    raise _too_long(len(stored))  # it could not be read again
            parts.append(stored)
            table[int(minis[order[first]])] = (end, end + len(stored))
            end += len(stored)
        return b"".join([table.tobytes(), *parts])
