"""Fetch many inner chunks of shards: the indices first, then the ranges of bytes that they name.

A batch of shards is read in stages, one effect each however many inner chunks are wanted: the indices
(`shard_index`), for nested shards the indices of the entries, and the entries themselves, neighbours
together.
Small shards of which much is wanted are read whole instead, in the one stage there is then.  A shard that is
replaced under its reader again, though its index was new, is read whole, too: one answer cannot be torn.
Where a range does not fit its value and the index is still the same, it is not to be believed, and the value
is not read whole, however large somebody made it.

Law: equals reading whole values and decoding them (`CodecChain.words`), whatever else writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tegula.codecs.codec import SLACK, Buffer, owned
from tegula.codecs.shard import Level
from tegula.effects.control import All, Compute
from tegula.effects.effect import Call
from tegula.effects.storage import UNCHANGED, Loaded, ReadMany
from tegula.effects.world import Now
from tegula.errors import Aborted, DataLoss, FailedPrecondition, OutOfRange, TegulaError, annotated
from tegula.kv.spec import ByteRange, describe, is_far
from tegula.plan.blocks import BLOCK_BYTES, FAR_BYTES, block_rows, even_rows, far_pace
from tegula.plan.ranges import GAP, coalesce
from tegula.plan.refine import Entries, RowError, index_ranges, refine
from tegula.programs.shard_index import ANY, Index, Places, ShardNames, indices_of, inner_indices
from tegula.record import Record
from tegula.row import NamedTuple
from tegula.source import ALWAYS, Chunked

__all__ = [
    "SMALL",
    "Lot",
    "Pace",
    "Sink",
    "fetch_entries",
    "load_entries",
    "shards_of",
    "stored_entries",
    "too_long",
]

SMALL = 64 << 10
"""Bytes of a decoded shard up to which it is read whole, whatever is wanted of it."""

ATTEMPTS = 64
"""How often a shard may be replaced while it is looked into."""

Ints = NDArray[np.int64]


class Lot(Record, eq=False):
    """Some inner chunks: `rows` int64[n] are their numbers in what was asked for.

    `cells` int64[n, r] are those of the fine grid, `owners` int64[n] say in which shard each is; the shards
    have `keys` and are at `corners`.  `generations` are those of the shards' indices, once they are known.
    """

    rows: Ints
    cells: Ints
    owners: Ints
    keys: Sequence[str]
    corners: Ints
    generations: Sequence[bytes] = ()

    def __len__(self) -> int:
        return len(self.rows)

    def part(self, chosen: Any) -> Lot:
        """Return some of the rows, with the same shards."""
        return Lot(
            self.rows[chosen],
            self.cells[chosen],
            self.owners[chosen],
            self.keys,
            self.corners,
            self.generations,
        )

    def only(self, owners: Sequence[int]) -> Lot:
        """Return the rows of some shards, which are numbered anew."""
        chosen = np.array(sorted(owners), np.int64)
        rows = np.flatnonzero(np.isin(self.owners, chosen))
        mine = np.searchsorted(chosen, self.owners[rows])
        return Lot(
            self.rows[rows], self.cells[rows], mine, [self.keys[i] for i in chosen], self.corners[chosen]
        )


def too_long(length: int, most: int) -> FailedPrecondition:
    """Return the error of an inner chunk that is longer than any can be."""
    return FailedPrecondition(f"Shard entry of {length} bytes exceeds the limit of {most} bytes")


class Pace(NamedTuple):
    """How much is fetched at once: `width` tasks of blocks of `rows` entries and about `size` stored bytes.

    `rows`: None for as many as decode to what a core's cache holds.
    """

    rows: int | None = None
    size: int | None = None
    width: int = 1


class Sink(Protocol):
    """What takes the stored bytes of inner chunks, in any order."""

    def scratch(self) -> Any:
        """Return memory to work in, for one task."""

    def put(self, lot: Lot, names: ShardNames, stored: Sequence[Any], scratch: Any) -> None:
        """Take the stored bytes of the inner chunks of a lot."""

    def absent(self, lot: Lot, names: ShardNames) -> None:
        """Hear that the inner chunks of a lot are not stored."""


class _Job(Record, eq=False):
    """What every stage of one fetch shares."""

    source: Chunked
    levels: Sequence[Level]
    sink: Sink
    pace: Pace

    def names(self, lot: Lot) -> ShardNames:
        return ShardNames(self.source.store, lot.keys, lot.owners, lot.cells, self.levels)


class _Values(Record, eq=False):
    """What is known of the stored values of a lot: their generations, and those that were read whole."""

    keys: Sequence[str]
    generations: Sequence[bytes]
    held: Sequence[Buffer | None]


def _whole(size: int, wanted: int, finest: int, most: int) -> bool:
    """Whether a shard of so many decoded bytes is better read whole; `most` bytes are read at once.

    `wanted` of the `finest` chunks in it are asked for.
    """
    return size <= SMALL or (size <= most and 2 * wanted >= finest)


async def fetch_entries(
    source: Chunked, cells: Ints, corners: Ints, owners: Ints, sink: Sink, pace: Pace | None = None
) -> None:
    """Fetch what is stored of inner chunks, given by their `cells` int64[n, r] of the fine grid.

    `owners` int64[n] says in which of the shards at `corners` each of them is.
    """
    layout = source.layout
    levels = layout.chain.levels
    keys = layout.keys.keys(corners, source.path)
    lot = Lot(np.arange(len(cells)), cells, owners, keys, corners)
    levels[0].sharding.admit()
    pace = pace or Pace()
    count = np.bincount(owners, minlength=len(keys)).tolist()
    most = pace.size or BLOCK_BYTES
    finest = prod(levels[0].within)
    whole = [_whole(layout.chain.nbytes, each, finest, most) for each in count]
    if whole == [False] and len(levels) == 1 and len(cells) and not is_far(source.store):
        from tegula.programs.one_shard import fetch_from_one

        left = await fetch_from_one(source, cells, corners, keys[0], sink, pace)
        if left is None:
            return
        lot = lot.part(left)
    await _fetch_lot(_Job(source, levels, sink, pace), lot, whole, ANY)


async def _fetch_lot(
    job: _Job,
    lot: Lot,
    whole: Sequence[bool],
    bound: float,
    outside: tuple[Sequence[bytes], str] | None = None,
) -> None:
    """Fetch the rows of shards, the `whole` ones in one piece, the others by indices as new as `bound`.

    `outside`: an entry did not fit its value; the generations of the indices then, and what the store said.
    """
    source, count = job.source, len(lot.keys)
    me = object()
    held: list[Any] = [None] * count
    indices: list[Any] = [None] * count
    generations = [b""] * count
    entire = [owner for owner in range(count) if whole[owner]]
    rest = [owner for owner in range(count) if not whole[owner]]
    if entire:
        got = await ReadMany(source.store, [lot.keys[owner] for owner in entire])
        for owner, value, generation in zip(entire, got.values, got.generations, strict=True):
            held[owner], generations[owner] = value, generation
    if rest:
        found = await indices_of(source, lot.corners if not entire else lot.corners[rest], bound, me)
        for owner, index in zip(rest, found, strict=True):
            indices[owner], generations[owner] = index, index.generation
    if outside is not None and generations == list(outside[0]):
        where = job.names(lot).where(0)  # the same indices twice: one is not to be believed
        raise DataLoss(f"Error reading {where}, or one of its neighbours: {outside[1]}")
    lot = Lot(lot.rows, lot.cells, lot.owners, lot.keys, lot.corners, generations)
    values = _Values(lot.keys, generations, held)
    torn: set[int] = set()
    try:
        entries: Entries = await Compute(Call(_top, job, lot, held, indices), source.compute)
        for depth in range(1, len(job.levels)):
            sharding = job.levels[depth].sharding
            starts, stops = index_ranges(sharding, entries)
            inner = await _inner(job, lot, values, depth, entries, starts, stops, torn)
            entries = await Compute(Call(_deeper, job, lot, depth, entries, inner), source.compute)
        await _confirm(job, lot, indices, entries, me, torn)
        await _fetch_rows(job, lot, values, entries, torn)
    except RowError as fault:
        index = indices[int(lot.owners[fault.row])]
        if index is None or bound == ALWAYS or index.asker is me:
            where = job.names(lot).where(fault.row)
            raise annotated(fault.error, f"Error reading {where}: ") from None
        await _fetch_lot(job, lot, whole, ALWAYS)  # what an old index says is no error yet
        return
    except OutOfRange as error:
        if not rest:
            raise
        await _fetch_lot(job, lot, whole, ALWAYS, (generations, error.message))
        return
    if torn:
        again = lot.only(list(torn))
        await _fetch_lot(job, again, [whole[owner] or bound == ALWAYS for owner in sorted(torn)], ALWAYS)


def _top(job: _Job, lot: Lot, held: Sequence[Any], indices: Sequence[Any]) -> Entries:
    """Return the outermost entries of all rows."""
    level = job.levels[0]
    count = len(held)
    sizes = [-1 if value is None else len(value) for value in held]
    shards = Entries(np.arange(count), np.zeros(count, np.int64), np.array(sizes, np.int64), lot.owners)
    spans: list[Any] = []
    for owner, (value, index) in enumerate(zip(held, indices, strict=True)):
        try:
            if index is not None:
                if index.fault is not None:
                    raise index.fault
                spans.append(index.spans)
            else:
                spans.append(None if value is None else level.sharding.spans_of(value))
        except TegulaError as error:
            raise RowError(int((lot.owners == owner).argmax()), error) from None
    return refine(level.sharding, shards, spans, level.numbers(lot.cells))


async def _inner(
    job: _Job,
    lot: Lot,
    values: _Values,
    depth: int,
    entries: Entries,
    starts: Ints,
    stops: Ints,
    torn: set[int],
) -> list[Any]:
    """Return the indices of entries that are shards, None where a value was replaced: that goes to `torn`.

    Those of values that were read whole are their stored bytes, the others are remembered ones (`Index`).
    """
    found, ask = _of_held(values, entries.owners, starts, stops)
    if not ask:
        return found
    present = np.flatnonzero(entries.rows >= 0)[::-1]
    some = np.empty(len(starts), np.int64)
    some[entries.rows[present]] = present  # a row of each entry: the first
    rows = np.array(ask, np.int64)
    cells = lot.cells[some[rows]] // np.array(job.levels[depth].within, np.int64)
    places = Places(
        depth, cells, values.keys, entries.owners[rows], starts[rows], stops[rows], values.generations
    )
    for row, index in zip(ask, await inner_indices(job.source, places), strict=True):
        found[row] = index
        if index is None:
            torn.add(int(entries.owners[row]))
    return found


def _deeper(job: _Job, lot: Lot, depth: int, entries: Entries, known: Sequence[Any]) -> Entries:
    """Return the entries of all rows one level further down, given the indices or what is stored of them."""
    level = job.levels[depth]
    indices: list[Any] = []
    for entry, index in enumerate(known):
        try:
            if isinstance(index, Index):
                if index.fault is not None:
                    raise index.fault
                indices.append(index.spans)
            else:
                indices.append(None if index is None else level.sharding.spans(index))
        except TegulaError as error:
            raise RowError(int((entries.rows == entry).argmax()), error) from None
    return refine(level.sharding, entries, indices, level.numbers(lot.cells))


async def _confirm(
    job: _Job, lot: Lot, indices: Sequence[Any], entries: Entries, me: object, torn: set[int]
) -> None:
    """Ask whether shards still have the indices by which entries are not there; others go to `torn`.

    Not asked is what was read just now, and where entries that are read of the same shard will tell, unless
    an entry that is not there is an error.
    """
    absent = np.unique(lot.owners[entries.rows < 0]).tolist()
    if not absent:
        return
    told = set(lot.owners[entries.rows >= 0].tolist()) if job.source.fill_missing else set()
    old = [
        owner
        for owner in absent
        if owner not in told and indices[owner] is not None and indices[owner].asker is not me
    ]
    if old:
        found = await indices_of(job.source, lot.corners[old], ALWAYS)
        for owner, index in zip(old, found, strict=True):
            if index.generation != indices[owner].generation:
                torn.add(owner)


def _of_held(values: _Values, owners: Ints, starts: Ints, stops: Ints) -> tuple[list[Any], list[int]]:
    """Return ranges of the values that were read whole, None for those of others, and the rows of these."""
    found: list[Any] = [None] * len(owners)
    ask = []
    for row, (owner, start, stop) in enumerate(
        zip(owners.tolist(), starts.tolist(), stops.tolist(), strict=True)
    ):
        whole = values.held[owner]
        if whole is None:
            ask.append(row)
        else:
            found[row] = memoryview(whole)[start:stop]
    return found, ask


async def _fetch(
    job: _Job, values: _Values, owners: Ints, starts: Ints, stops: Ints, torn: set[int]
) -> list[Any]:
    """Return ranges of bytes of stored values, None where a value was replaced: that goes to `torn`."""
    found, ask = _of_held(values, owners, starts, stops)
    if not ask:
        return found
    requests = coalesce(owners[ask], starts[ask], stops[ask], GAP, BLOCK_BYTES)
    ranges = list(map(ByteRange, requests.starts, requests.stops))
    keys = [values.keys[owner] for owner in requests.owners]
    answers = await ReadMany(job.source.store, keys, ranges)
    same = [
        generation == values.generations[owner]
        for generation, owner in zip(answers.generations, requests.owners, strict=True)
    ]
    torn.update(owner for owner, kept in zip(requests.owners, same, strict=True) if not kept)
    for row, request in zip(ask, requests.request.tolist(), strict=True):
        if same[request]:
            first = requests.starts[request]
            piece = memoryview(answers.values[request])
            found[row] = piece[int(starts[row]) - first : int(stops[row]) - first]
    return found


async def _fetch_rows(job: _Job, lot: Lot, values: _Values, entries: Entries, torn: set[int]) -> None:
    """Fetch the entries of all rows, and hand them to the sink."""
    source = job.source
    kept = np.ones(len(lot), bool)
    if torn:
        kept = ~np.isin(lot.owners, list(torn))
    absent = np.flatnonzero((entries.rows < 0) & kept)
    if len(absent):
        part = lot.part(absent)
        await Compute(Call(job.sink.absent, part, job.names(part)), source.compute)
    present = np.flatnonzero((entries.rows >= 0) & kept)
    if not len(present):
        return
    which = entries.rows[present]
    order = np.lexsort((entries.starts[which], entries.owners[which]))
    present, which = present[order], which[order]
    starts, stops = entries.starts[which], entries.stops[which]
    lengths = stops - starts
    finest = source.layout.chain.finest
    most = finest.most + SLACK
    if int(lengths.max()) > most:
        row = int((lengths > most).argmax())
        raise RowError(int(present[row]), too_long(int(lengths[row]), most))
    lot = lot.part(present)
    width = job.pace.width
    rows = job.pace.rows or even_rows(len(lengths), block_rows(finest.nbytes), width)
    blocks = _blocks(lengths, rows, job.pace.size or BLOCK_BYTES)
    count = min(len(blocks), 4 * width) if width > 1 else 1
    if count > 1:
        edges = [len(blocks) * part // count for part in range(count + 1)]
        calls = [
            Call(_fetch_blocks, job, lot, values, starts, stops, blocks[a:b], torn)
            for a, b in pairwise(edges)
        ]
        await All(calls, limit=width)
    else:
        await _fetch_blocks(job, lot, values, starts, stops, blocks, torn)


def _blocks(lengths: Ints, rows: int, most: int) -> list[slice]:
    """Cut rows into runs of at most `rows` rows, and of about `most` stored bytes."""
    found = []
    first = held = 0
    for row, length in enumerate(lengths.tolist()):
        if row > first and (row - first >= rows or held + length > most):
            found.append(slice(first, row))
            first, held = row, 0
        held += length
    found.append(slice(first, len(lengths)))
    return found


async def _fetch_blocks(
    job: _Job,
    lot: Lot,
    values: _Values,
    starts: Ints,
    stops: Ints,
    blocks: Sequence[slice],
    torn: set[int],
) -> None:
    scratch = job.sink.scratch()
    for rows in blocks:
        part = lot.part(rows)
        stored = await _fetch(job, values, part.owners, starts[rows], stops[rows], torn)
        kept = [row for row, value in enumerate(stored) if value is not None]
        if len(kept) < len(stored):
            part, stored = part.part(np.array(kept, np.int64)), [stored[row] for row in kept]
        if stored:
            names = job.names(part)
            await Compute(Call(job.sink.put, part, names, stored, scratch), job.source.compute)
        del stored  # so that the store may read the next block into the same memory


async def stored_entries(source: Chunked, cells: Ints) -> NDArray[np.bool_]:
    """Return which inner chunks are stored, given by their `cells` int64[n, r] of the fine grid.

    The indices say so, which are asked for anew; entries are not read.

    Raises:
        DataLoss: an index is not to be believed.
        Aborted: a shard was replaced too often meanwhile.
    """
    layout = source.layout
    levels = layout.chain.levels
    levels[0].sharding.admit()
    found = np.zeros(len(cells), bool)
    rows = np.arange(len(cells))
    for _ in range(ATTEMPTS):
        corners, owners = shards_of(source, cells[rows])
        keys = layout.keys.keys(corners, source.path)
        lot = Lot(rows, cells[rows], owners, keys, corners)
        job = _Job(source, levels, _Words(source, [], []), Pace())
        indices = await indices_of(source, corners, ALWAYS)
        values = _Values(keys, [index.generation for index in indices], [None] * len(keys))
        torn: set[int] = set()
        try:
            entries: Entries = await Compute(Call(_top, job, lot, values.held, indices), source.compute)
            for depth in range(1, len(levels)):
                starts, stops = index_ranges(levels[depth].sharding, entries)
                inner = await _inner(job, lot, values, depth, entries, starts, stops, torn)
                entries = await Compute(Call(_deeper, job, lot, depth, entries, inner), source.compute)
        except RowError as fault:
            raise annotated(fault.error, f"Error reading {job.names(lot).where(fault.row)}: ") from None
        found[rows] = entries.rows >= 0
        rows = rows[np.isin(owners, list(torn))]
        if not len(rows):
            return found
    raise Aborted(f"looking into {describe(source.store, keys[0])} lost the race against its writers")


# ---------------------------------------------------------------- as columns of decoded chunks


class _Words(Record, eq=False):
    """Decodes inner chunks: their words and the generations of their shards, a row each."""

    source: Chunked
    words: list[Any]
    generations: list[bytes]

    def scratch(self) -> Any:
        return None

    def put(self, lot: Lot, names: ShardNames, stored: Sequence[Any], scratch: Any) -> None:  # noqa: ARG002
        chain = self.source.layout.chain.finest
        for at, (row, owner, value) in enumerate(
            zip(lot.rows.tolist(), lot.owners.tolist(), stored, strict=True)
        ):
            try:
                words = chain.words(owned(value) if chain.raw else value, None)
            except TegulaError as error:
                raise annotated(error, f"Error reading {names.where(at)}: ") from None
            words.flags.writeable = False
            self.words[row] = words
            self.generations[row] = lot.generations[owner]

    def absent(self, lot: Lot, names: ShardNames) -> None:  # noqa: ARG002
        for row, owner in zip(lot.rows.tolist(), lot.owners.tolist(), strict=True):
            self.words[row] = None
            self.generations[row] = lot.generations[owner]


def shards_of(source: Chunked, cells: Ints) -> tuple[Ints, Ints]:
    """Return where the shards of inner chunks are, int64[k, rank], and in which of them each row is."""
    corners = cells // np.array(source.layout.chain.levels[0].within, np.int64)
    if len(corners) and (corners == corners[0]).all():
        return corners[:1], np.zeros(len(corners), np.int64)
    assert source.indices is not None
    numbers = np.array(source.indices.numbers(corners))
    _, first, owners = np.unique(numbers, return_index=True, return_inverse=True)
    return corners[first], owners.astype(np.int64)


async def load_entries(source: Chunked, cells: Ints, known: Sequence[bytes] | None) -> Loaded:
    """Read and decode inner chunks, of `cells` int64[n, rank] of the fine grid: what `Decoded` asks for.

    The words of one whose shard still has the generation `known` are `UNCHANGED`.
    """
    time = await Now()
    corners, owners = shards_of(source, cells)
    count = len(cells)
    sink = _Words(source, [UNCHANGED] * count, [b""] * count)
    rows = np.arange(count)
    if known is not None:
        indices = await indices_of(source, corners, ALWAYS)
        now = [indices[owner].generation for owner in owners.tolist()]
        same = [had == is_now for had, is_now in zip(known, now, strict=True)]
        sink.generations[:] = now
        rows = np.flatnonzero(~np.array(same, bool))
        if not len(rows):
            return Loaded(sink.words, sink.generations, time)
        if len(rows) < count:
            corners, owners = shards_of(source, cells[rows])
    pace = None
    if is_far(source.store):
        most, _, width = far_pace(len(rows), source.layout.chain.finest.nbytes)
        pace = Pace(most, FAR_BYTES, width)
    await fetch_entries(source, cells[rows], corners, owners, _Part(sink, rows), pace)
    return Loaded(sink.words, sink.generations, time)


class _Part(Record, eq=False):
    """A sink for some of another's rows."""

    sink: Sink
    rows: Ints

    def scratch(self) -> Any:
        return self.sink.scratch()

    def _lot(self, lot: Lot) -> Lot:
        return Lot(self.rows[lot.rows], lot.cells, lot.owners, lot.keys, lot.corners, lot.generations)

    def put(self, lot: Lot, names: ShardNames, stored: Sequence[Any], scratch: Any) -> None:
        self.sink.put(self._lot(lot), names, stored, scratch)

    def absent(self, lot: Lot, names: ShardNames) -> None:
        self.sink.absent(self._lot(lot), names)
