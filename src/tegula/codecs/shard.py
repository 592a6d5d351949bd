"""The layout of a shard: a table of inner chunks, and their bytes one after the other.

What this file knows: where the index of a shard lies and how it is stored, which entry of it is which
inner chunk, and what of it may be believed.  What it must not know: keys, stores, views, and how a
document spells `sharding_indexed` (`sharding.py`).

A shard is one stored value.  Its index is an array of unsigned 64-bit integers of shape ``(*grid, 2)``:
where each inner chunk begins in the value and how many bytes it has, both 2**64 - 1 where there is none.
An inner chunk that is not there reads as the fill value.

Laws:
    pieces(pack(p)) == p: what is packed comes out again, entry by entry
    pack(pieces(v)) reads as v does; entries that `replaced` was not told of keep their bytes
    no entry is followed outside the value, whatever the index says: it raises a `TegulaError`
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import prod
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tegula.codecs.codec import Buffer
from tegula.errors import DataLoss, ResourceExhausted, TegulaError, annotated
from tegula.record import Record, derived
from tegula.row import NamedTuple

if TYPE_CHECKING:  # a chain holds a sharding and a sharding holds chains
    from tegula.codecs.chain import CodecChain

__all__ = ["INDEX_LIMIT", "MAX_ENTRIES", "MISSING", "Level", "Sharding", "Spans", "levels"]

MISSING = 2**64 - 1
MAX_ENTRIES = 1 << 30
"""How many inner chunks a shard may have."""
INDEX_LIMIT = 256 << 20
"""How many bytes of an index are held at once: a shard with a larger one can be opened, but not read."""
_LARGEST = 2**63 - 1
# inner chunks up to the first size, of shards up to the second, are gathered by one copy
SMALL, SLAB = 32 << 10, 4 << 20
MOST_DIMS = 16  # NumPy has twice as many axes, in all its versions
JOINED = 64 << 10  # pieces up to so many bytes together are put in their place by one copy

Spans: TypeAlias = NDArray[np.uint64]
"""The decoded index, shape (entries, 2): offset and length in bytes."""
Memory: TypeAlias = Callable[[int], memoryview]


class Sharding(Record):
    """How one shard is laid out.

    grid       inner chunks along each dimension of the array
    order      entries are counted in C order of `grid` permuted by `order`
    index      how the index is stored; always of one size
    start      the index comes before the inner chunks, not after them
    inner      how one inner chunk is stored; its shape is in the order of the array's dimensions
    fill       one native element, or one of several dimensions of its own: what an inner chunk that is not
               there is made of
    entries    the number of inner chunks
    strides    how far the number of an entry moves with one step along each dimension of the array
    """

    grid: tuple[int, ...]
    order: tuple[int, ...]
    index: CodecChain
    start: bool
    inner: CodecChain
    fill: bytes
    entries: int = derived()
    index_bytes: int = derived()
    strides: tuple[int, ...] = derived()

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "entries", prod(self.grid))
        put(self, "index_bytes", self.index.stored_size)
        strides, step = [0] * len(self.grid), 1
        for dim in reversed(self.order):
            strides[dim] = step
            step *= self.grid[dim]
        put(self, "strides", tuple(strides))

    # ------------------------------------------------------------ the index

    def none(self) -> Spans:
        """Return the index of a shard without inner chunks.

        Raises:
            ResourceExhausted: it is larger than `INDEX_LIMIT`.
        """
        self.admit()
        return np.full((self.entries, 2), MISSING, np.uint64)

    def admit(self) -> None:
        """Raise ResourceExhausted where the index is too large to be held."""
        if self.entries * 16 > INDEX_LIMIT:
            raise ResourceExhausted(
                f"A shard index of {self.entries} entries exceeds the limit of {INDEX_LIMIT} bytes"
            )

    def spans(self, stored: Buffer) -> Spans:
        """Return the index that its stored bytes mean; the entries are not checked.

        Raises:
            DataLoss: a checksum does not match.
        """
        try:
            found = self.index.decode(stored)
        except TegulaError as error:
            raise annotated(error, "Error decoding shard index: ") from None
        return found.reshape(self.entries, 2)

    def spans_of(self, value: Buffer) -> Spans:
        """Return the index of a whole shard.

        Raises:
            DataLoss: the value is too short, or a checksum does not match.
        """
        self.admit()
        size = len(value)
        if size < self.index_bytes:
            raise self.too_short(size)
        view = memoryview(value)
        return self.spans(view[: self.index_bytes] if self.start else view[size - self.index_bytes :])

    def checked(
        self, spans: Spans, numbers: NDArray[np.int64] | None, size: int | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return where entries begin and end in the shard, int64[n] each, -1 where there is none.

        `numbers` are the entries asked for (None: all), `size` the size of the shard where it is known.

        Raises:
            DataLoss: an entry is no range of bytes, or not one of a shard of that size.
        """
        chosen = spans if numbers is None else spans[numbers]
        offsets, lengths = chosen[:, 0], chosen[:, 1]
        missing = np.uint64(MISSING)
        absent = (offsets == missing) & (lengths == missing)
        largest = np.uint64(_LARGEST)
        bad = (offsets > largest) | (lengths > largest) | (offsets + lengths > largest)
        bad &= ~absent
        if bad.any():
            row = int(bad.argmax())
            number = row if numbers is None else int(numbers[row])
            raise DataLoss(
                f"Invalid shard index entry {number} with offset={offsets[row]}, length={lengths[row]}"
            )
        starts = offsets.astype(np.int64)
        stops = (offsets + lengths).astype(np.int64)
        starts[absent] = -1
        stops[absent] = -1
        if size is not None and len(stops) and int(stops.max()) > size:
            row = int((stops > size).argmax())
            number = row if numbers is None else int(numbers[row])
            raise self.outside(number, int(starts[row]), int(stops[row]), size)
        return starts, stops

    def too_short(self, size: int) -> DataLoss:
        """Return the error of a shard that cannot hold its index."""
        return DataLoss(
            f"Existing shard has size of {size} bytes, but expected at least {self.index_bytes} bytes"
        )

    def span(self, spans: Spans, number: int, size: int | None = None) -> tuple[int, int]:
        """Return where one entry begins and ends, (-1, -1) where there is none: `checked` for one."""
        start, length = spans[number].tolist()
        if start + length <= _LARGEST and (size is None or start + length <= size):
            return start, start + length
        starts, stops = self.checked(spans, np.array([number]), size)
        return int(starts[0]), int(stops[0])

    @staticmethod
    def outside(number: int, start: int, stop: int, size: int) -> DataLoss:
        """Return the error of an entry that does not lie in its shard."""
        return DataLoss(
            f"Shard index entry {number} with byte range [{start}, {stop}) "
            f"is invalid for shard of size {size}"
        )

    def numbers(self, cells: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the entries of inner chunks given by their coordinates in the shard, int64[n, rank]."""
        return cells @ np.array(self.strides, np.int64) if cells.shape[1] else np.zeros(len(cells), np.int64)

    def cell(self, number: int) -> tuple[int, ...]:
        """Return the coordinates of an entry, in the order in which the index counts them."""
        found = []
        for dim in reversed(self.order):
            number, at = divmod(number, self.grid[dim])
            found.append(at)
        return tuple(reversed(found))

    # ------------------------------------------------------------ whole shards

    def pack(self, pieces: Iterable[Buffer | None], memory: Memory | None = None) -> Buffer | None:
        """Return the shard of all its inner chunks, in the order of their numbers; None where all are None.

        `memory` gives so many bytes to write into, on which the result then is a view.
        """
        lengths = np.full(self.entries, MISSING, np.uint64)
        if memory is None:
            parts = []
            for number, piece in enumerate(pieces):
                if piece is not None:
                    lengths[number] = len(piece)
                    parts.append(piece)
            return self._joined(lengths, parts) if parts else None
        stored = self.inner.stored_size
        # memory that is never touched costs nothing, growing costs a copy
        guess = self.inner.nbytes + self.inner.nbytes // 64 + 64 if stored is None else stored
        room = memory(self.index_bytes + self.entries * guess)
        first = at = self.index_bytes if self.start else 0
        sizes: list[int] = []
        some: list[Buffer] = []
        stop = first
        for piece in pieces:
            if piece is None:
                sizes.append(-1)
                continue
            sizes.append(len(piece))
            some.append(piece)
            stop += sizes[-1]
            if stop - at >= JOINED:
                room = self._put(room, at, stop, some, memory)
                at, some = stop, []
        if max(sizes, default=-1) < 0:
            return None
        room = self._put(room, at, stop, some, memory)
        at = stop
        lengths[: len(sizes)] = np.array(sizes, np.int64).view(np.uint64)  # -1 is `MISSING`
        index = self._index(lengths)
        if self.start:
            room[:first] = index
            return room[:at]
        room[at : at + len(index)] = index
        return room[: at + len(index)]

    def _put(self, room: memoryview, at: int, stop: int, pieces: list[Buffer], memory: Memory) -> memoryview:
        """Put pieces into `room` from `at` to `stop`; return it, or what is larger in its place."""
        if stop + self.index_bytes > len(room):
            more = memory(2 * (stop + self.index_bytes))
            more[:at] = room[:at]
            room = more
        room[at:stop] = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        return room

    def packed(self, room: memoryview, lengths: Spans) -> memoryview | None:
        """Return the shard of inner chunks that lie in `room` one after the other; None where there are none.

        `lengths` has the size of each, `MISSING` for none.  For shards whose index comes last.
        """
        present = lengths[lengths != np.uint64(MISSING)]
        if not len(present):
            return None
        at = int(present.sum())
        index = self._index(lengths)
        room[at : at + len(index)] = index
        return room[: at + len(index)]

    def _index(self, lengths: Spans) -> Buffer:
        """Return the stored index of inner chunks that follow each other."""
        spans = np.empty((self.entries, 2), np.uint64)
        present = lengths != np.uint64(MISSING)
        sizes = np.where(present, lengths, np.uint64(0))
        first = np.uint64(self.index_bytes if self.start else 0)
        spans[:, 0] = np.where(present, np.cumsum(sizes) - sizes + first, np.uint64(MISSING))
        spans[:, 1] = lengths
        return self.index.encode(spans.reshape(self.index.chunk_shape))

    def _joined(self, lengths: Spans, parts: list[Buffer]) -> bytes:
        stored = self._index(lengths)
        return b"".join([stored, *parts] if self.start else [*parts, stored])

    def replaced(
        self, value: Buffer | None, numbers: Sequence[int], pieces: Sequence[Buffer | None]
    ) -> bytes | None:
        """Return a shard with some of its entries, ascending, replaced; None where none is left.

        The other inner chunks are copied as they are stored, in the order of their numbers.

        Raises:
            DataLoss: the index of `value` is not to be believed.
        """
        spans = self.none() if value is None else self.spans_of(value)
        starts, stops = self.checked(spans, None, None if value is None else len(value))
        parts = self.edited(starts, stops, numbers, pieces)
        if parts is None:
            return None
        view = memoryview(b"" if value is None else value)
        return b"".join([view[part] if isinstance(part, slice) else part for part in parts])

    def edited(
        self,
        starts: NDArray[np.int64],
        stops: NDArray[np.int64],
        numbers: Sequence[int],
        pieces: Sequence[Buffer | None],
    ) -> list[Buffer | slice] | None:
        """Return of what a shard consists in which some entries, ascending, are replaced; None for nothing.

        `starts` and `stops` are where all its entries are, as `checked` returns them.  What stays as it is
        is a slice of the shard: neighbours that are to stay neighbours are one.
        """
        lengths = np.where(starts < 0, np.uint64(MISSING), (stops - starts).astype(np.uint64))
        changed = np.array(numbers, np.int64)
        lengths[changed] = [MISSING if piece is None else len(piece) for piece in pieces]
        if not (lengths != np.uint64(MISSING)).any():
            return None
        kept = starts >= 0
        kept[changed] = False
        rows = np.flatnonzero(kept)
        runs: list[tuple[int, int, int]] = []
        if len(rows):
            breaks = (stops[rows[:-1]] != starts[rows[1:]]) | (np.diff(np.searchsorted(changed, rows)) != 0)
            firsts = np.concatenate([[0], np.flatnonzero(breaks) + 1])
            lasts = np.concatenate([firsts[1:], [len(rows)]]) - 1
            at = rows[firsts]
            runs = list(zip(at.tolist(), starts[at].tolist(), stops[rows[lasts]].tolist(), strict=True))
        parts: list[Buffer | slice] = []
        turn = 0
        for number, piece in zip(numbers, pieces, strict=True):
            while turn < len(runs) and runs[turn][0] < number:
                parts.append(slice(*runs[turn][1:]))
                turn += 1
            if piece is not None:
                parts.append(piece)
        parts += [slice(first, last) for _, first, last in runs[turn:]]
        stored = self._index(lengths)
        return [stored, *parts] if self.start else [*parts, stored]

    def pieces(self, value: Buffer, numbers: NDArray[np.int64] | None = None) -> list[memoryview | None]:
        """Return the stored bytes of some inner chunks (None: of all) of a whole shard, None where missing.

        Raises:
            DataLoss: the index is not to be believed.
        """
        starts, stops = self.checked(self.spans_of(value), numbers, len(value))
        view = memoryview(value)
        return [
            None if start < 0 else view[start:stop]
            for start, stop in zip(starts.tolist(), stops.tolist(), strict=True)
        ]

    def assemble(self, value: Buffer, out: NDArray[Any]) -> None:
        """Decode a whole shard into an array of its shape.

        Raises:
            FailedPrecondition: an inner chunk is not valid.
            DataLoss: the index is not to be believed, or a checksum does not match.
        """
        element = self._element(out.dtype)
        for number, piece in enumerate(self.pieces(value)):
            box = out[self._box(number)]
            if piece is None:
                box[...] = element
                continue
            try:
                box[...] = self.inner.array_of(self.inner.words(piece)).view(out.dtype)
            except TegulaError as error:
                raise self.placed(error, number) from None

    def disassemble(self, array: NDArray[Any], keep: bool) -> bytes:
        """Return the shard of an array of its shape; unless `keep`, chunks of fill are left out."""
        element = np.frombuffer(self.fill, self.inner.word)
        pieces: list[Buffer | None]
        small = self.inner.nbytes <= SMALL and array.nbytes <= SLAB and array.ndim <= MOST_DIMS
        if len(element) == 1 and small:
            pieces = self.inner.encode_all(self._slab(array), None if keep else element.reshape(()), keep)
        else:
            pieces = [self._encoded(array, number, element, keep) for number in range(self.entries)]
        return self._joined(
            np.array([MISSING if piece is None else len(piece) for piece in pieces], np.uint64),
            [piece for piece in pieces if piece is not None],
        )

    def _encoded(self, array: NDArray[Any], number: int, element: NDArray[Any], keep: bool) -> Buffer | None:
        """Return one inner chunk of a shard, None where it is all fill value, unless `keep`."""
        from tegula.kernels.fill import all_equal

        chunk = self.inner.words_of(array[self._box(number)])
        if not keep:
            if len(element) > 1:
                empty = bool((chunk.reshape(-1, len(element)) == element).all())
            else:
                empty = all_equal(chunk, element.reshape(()))
            if empty:
                return None
        return self.inner.encode_words(chunk, keep)

    def _slab(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return the words of all inner chunks of a shard, shape (entries, words of one)."""
        rank, inner = len(self.grid), self.inner
        sides = [extent for pair in zip(self.grid, inner.chunk_shape, strict=True) for extent in pair]
        axes = [*(2 * dim for dim in self.order), *(2 * dim + 1 for dim in inner.order)]
        slab = np.ascontiguousarray(array.reshape(sides).transpose(axes)) if rank else array
        return slab.reshape(self.entries, -1).view(inner.word)

    def merged(self, array: NDArray[Any], value: Buffer | None, drop: bool) -> Buffer | None:
        """Return a shard of items of which `array` is a part, the rest as in `value`, None where it is empty.

        Raises:
            FailedPrecondition, DataLoss: `value` is not a shard.
        """
        stored = [None] * self.entries if value is None else self.pieces(value)
        pieces = [
            self.inner.encode_into(self.inner.words_of(array[self._box(number)]), piece, drop)
            for number, piece in enumerate(stored)
        ]
        return self.pack(pieces)

    def _element(self, dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return what a missing inner chunk is made of."""
        element: NDArray[Any] = np.frombuffer(self.fill, np.uint8).view(dtype)
        sizes = self.inner.chunk_shape
        shape: tuple[int, ...] = ()
        while prod(shape) < element.size:
            shape = sizes[len(sizes) - len(shape) - 1 :]
        return element.reshape(shape) if shape else element

    def _box(self, number: int) -> tuple[Any, ...]:
        cell = self.cell(number)
        at = dict(zip(self.order, cell, strict=True))
        shape = self.inner.chunk_shape
        corner = [slice(at[dim] * extent, (at[dim] + 1) * extent) for dim, extent in enumerate(shape)]
        return (*corner, ...)

    def placed(self, error: TegulaError, number: int) -> TegulaError:
        """Return an error with the entry it is about."""
        return annotated(error, f"Error reading {self.name(number)}: ")

    def name(self, number: int) -> str:
        """Return how errors call an entry: its cell of the index, and the shape of the index.

        An example is ``shard entry {0, 1}/{2, 2}``.
        """
        shape = [self.grid[dim] for dim in self.order]
        return f"shard entry {{{', '.join(map(str, self.cell(number)))}}}/{{{', '.join(map(str, shape))}}}"


class Level(NamedTuple):
    """One sharding of a chain of them.

    `within` and `per` count the finest chunks along a shard and along one entry of it.
    """

    sharding: Sharding
    within: tuple[int, ...]
    per: tuple[int, ...]

    def number(self, cell: Sequence[int]) -> int:
        """Return the entry in which the finest chunk at a cell of the grid lies."""
        steps = zip(cell, self.within, self.per, self.sharding.strides, strict=True)
        return sum(at % within // per * stride for at, within, per, stride in steps)

    def numbers(self, cells: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the entries in which the finest chunks at `cells` int64[n, r] lie, int64[n]."""
        if not self.within:
            return np.zeros(len(cells), np.int64)
        return self.sharding.numbers(cells % self.within // self.per)


def levels(chain: CodecChain) -> tuple[Level, ...]:
    """Return the shardings from a stored value down to its finest chunks."""
    found = []
    finest = chain.finest.chunk_shape
    while chain.shard is not None and not chain.steps:
        inner = chain.shard.inner
        shapes = [
            tuple(size // unit for size, unit in zip(each.chunk_shape, finest, strict=True))
            for each in (chain, inner)
        ]
        found.append(Level(chain.shard, *shapes))
        chain = inner
    return tuple(found)
