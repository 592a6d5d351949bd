"""Read inner chunks of shards: the indices first, then the ranges of bytes that they name.

A batch of shards is read in stages, one effect each however many inner chunks are wanted: the indices,
for nested shards the indices of the entries, and the entries themselves, neighbours together.  Small
shards of which much is wanted are read whole instead, in the one stage there is then.

The stages of one shard must be about one value.  Every answer says of which generation it is; where an
entry is of another than its index, the shard was replaced in between, and the rows of that shard are read
again from its whole value, which is one answer and cannot be torn.  Where a range does not fit its value the
index is read again: if it still is the same it is not to be believed, and the value is not read whole,
however large somebody made it.

Law: equals reading whole values and decoding them (`CodecChain.words`), whatever else writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from operator import floordiv
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tegula.codecs.codec import SLACK, Buffer
from tegula.codecs.shard import Level
from tegula.effects.control import All, Compute, Room
from tegula.effects.effect import Call
from tegula.effects.storage import UNCHANGED, Read, ReadMany, Unchanged
from tegula.errors import DataLoss, FailedPrecondition, OutOfRange, TegulaError, annotated
from tegula.kv.spec import ByteRange, StoreRef, describe, is_far
from tegula.plan.blocks import BLOCK_BYTES, EXPANDED_ROWS, FAR_BYTES, block_rows, far_pace, span_count
from tegula.plan.budget import reading_bytes
from tegula.plan.grid import on_grid
from tegula.plan.nested import Nested, nest
from tegula.plan.ranges import GAP, coalesce
from tegula.plan.refine import Entries, RowError, index_ranges, refine
from tegula.plan.table import Block, Table, c_strides
from tegula.plan.transfer import fill, memory, slab_pays, stream_of, stream_rows
from tegula.programs.chunked import Reading, missing, place_encoded
from tegula.programs.room import within
from tegula.record import Record
from tegula.source import Chunked, MemoryLimit
from tegula.view import View

__all__ = ["entry_place", "read_entry", "read_sharded"]

ATTEMPTS = 8
"""How often a shard may be replaced under a reader before it is read whole."""
SMALL = 64 << 10
"""Bytes of a decoded shard up to which it is read whole, whatever is wanted of it."""
MOST_ROWS = 1 << 16
"""How many inner chunks are looked up at once."""


class _Job(Record, eq=False):
    """What every task of one read shares; a block is of about `block_bytes` stored bytes."""

    reading: Reading
    levels: Sequence[Level]
    block_bytes: int = BLOCK_BYTES


async def read_entry(source: Chunked, cell: tuple[int, ...]) -> NDArray[Any] | None:
    """Return one inner chunk, given by its cell of the fine grid, or None where there is none.

    What `read_sharded` does, without columns.
    """
    layout = source.layout
    piece = await _entry(source, _key(source, cell), cell)
    if piece is None:
        return None
    try:
        return layout.chain.finest.decode(piece)
    except TegulaError as error:
        raise annotated(error, f"Error reading {entry_place(source, cell)[1]}: ") from None


def entry_place(source: Chunked, cell: tuple[int, ...]) -> tuple[list[int], str]:
    """Return the cell of an inner chunk in its shard, and its name in errors."""
    levels = source.layout.chain.levels
    return _innermost(levels, cell), _named(describe(source.store, _key(source, cell)), levels, cell)


def _key(source: Chunked, cell: tuple[int, ...]) -> str:
    layout = source.layout
    return source.path + layout.keys.key(tuple(map(floordiv, cell, layout.chain.levels[0].within)))


async def _entry(source: Chunked, key: str, cell: tuple[int, ...]) -> Buffer | None:
    """Return the stored bytes of one inner chunk."""
    chain, store = source.layout.chain, source.store
    if chain.nbytes > SMALL:
        seen = None
        for _ in range(ATTEMPTS):
            try:
                found = await _entry_by_range(source, key, cell)
            except _OutsideError as outside:
                if outside.generation == seen:  # the same index twice: it is not to be believed
                    where = _named(describe(store, key), chain.levels, cell)
                    raise DataLoss(f"Error reading {where}: {outside.message}") from None
                seen = outside.generation
                continue
            except OutOfRange:  # the value is shorter than an index
                break
            if isinstance(found, Unchanged):
                break
            return found
    answer = await Read(store, key)
    if answer.state == "missing":
        return None
    value = answer.value
    try:
        for level in chain.levels:
            (piece,) = level.sharding.pieces(value, np.array([level.number(cell)]))
            if piece is None:
                return None
            value = piece
    except TegulaError as error:
        where = _named(describe(store, key), chain.levels, cell)
        raise annotated(error, f"Error reading {where}: ") from None
    return value


async def _entry_by_range(source: Chunked, key: str, cell: tuple[int, ...]) -> Buffer | Unchanged | None:
    """Return the stored bytes of one inner chunk, `UNCHANGED` where the value was replaced on the way."""
    store, levels = source.store, source.layout.chain.levels
    generation = b""
    start = stop = 0
    for depth, (sharding, _, _) in enumerate(levels):
        sharding.admit()
        size = sharding.index_bytes
        try:
            if not depth:
                wanted = ByteRange(0, size) if sharding.start else ByteRange(-size)
            elif stop - start < size:
                raise sharding.too_short(stop - start)
            else:
                wanted = ByteRange(start, start + size) if sharding.start else ByteRange(stop - size, stop)
            answer = await Read(store, key, wanted)
            if answer.state == "missing" and not depth:
                return None
            if depth and answer.generation != generation:
                return UNCHANGED
            generation = answer.generation
            spans = sharding.spans(answer.value)
            first, last = sharding.span(spans, levels[depth].number(cell), stop - start if depth else None)
        except OutOfRange as error:
            if not depth:
                raise
            raise _OutsideError(generation, error.message) from None
        except TegulaError as error:
            where, shard = (_named(describe(store, key), levels[:end], cell) for end in (None, depth))
            raise annotated(error, f"Error reading {where}: Error reading shard index in {shard}: ") from None
        if first < 0:
            return None
        start, stop = start + first, start + last
    most = source.layout.chain.finest.most + SLACK
    if stop - start > most:
        where = _named(describe(store, key), levels, cell)
        raise annotated(_too_long(stop - start, most), f"Error reading {where}: ")
    try:
        answer = await Read(store, key, ByteRange(start, stop))
    except OutOfRange as error:
        raise _OutsideError(generation, error.message) from None
    return answer.value if answer.generation == generation else UNCHANGED


class _OutsideError(Exception):
    """An entry does not fit its value; the generation is the index's, the message the store's."""

    def __init__(self, generation: bytes, message: str) -> None:
        super().__init__(message)
        self.generation = generation
        self.message = message


def _too_long(length: int, most: int) -> FailedPrecondition:
    return FailedPrecondition(f"Shard entry of {length} bytes exceeds the limit of {most} bytes")


async def read_sharded(
    source: Chunked, view: View, out: NDArray[Any], width: int, counted: MemoryLimit | None = None
) -> None:
    """Read a view of a sharded array into `out`, with at most `width` tasks at a time.

    `counted`: the caller has counted what this needs (`plan.budget`) under that limit.
    """
    layout = source.layout
    finest = layout.chain.finest
    if not finest.raw:
        width = max(1, width - 1)  # decoding keeps the cores busy: no task to spare for waiting
    target = memory(out)
    shape = finest.chunk_shape
    nested = nest(on_grid(view), layout.chunk_shape, shape, c_strides(shape, finest.order), target.strides)
    size = finest.nbytes
    slab = finest.raw and not finest.swap and slab_pays(len(nested.table), size)
    stream = None if size % 8 else stream_of(nested.table, target)
    room = None
    if source.memory is not None and counted is None:
        room = Room(source.memory.pool, source.memory.size, reading_bytes(layout.chain, 1))
    rows, count, block_bytes = block_rows(size), span_count(len(nested.table), size, width), BLOCK_BYTES
    if is_far(source.store):
        far_rows, count, width = far_pace(len(nested.table), size)
        if room is None and counted is None:  # else what a task needs is counted by the block of a near store
            rows, block_bytes = far_rows, FAR_BYTES
    reading = Reading(source, finest, target, nested.table, rows, slab, stream)
    job = _Job(reading, layout.chain.levels, block_bytes)
    spans = nested.spans(count)
    if len(spans) == 1:
        await within(room, Call(_read_span, job, spans[0], width if room is None else 1))
    else:
        inner = max(1, width // len(spans))
        await All([Call(within, room, Call(_read_span, job, span, inner)) for span in spans], limit=width)


async def _read_span(job: _Job, nested: Nested, width: int) -> None:
    tables: list[Table] = []
    rows = 0
    for number in range(len(nested)):
        table = nested.group(number)
        if tables and rows + len(table) > EXPANDED_ROWS:
            await _read_batch(job, tables, width)
            tables, rows = [], 0
        if len(table) > MOST_ROWS:
            for part in table.blocks(MOST_ROWS):
                await _read_batch(job, [part], width)
            continue
        tables.append(table)
        rows += len(table)
    if tables:
        await _read_batch(job, tables, width)


class ShardNames(Record, eq=False):
    """How errors call rows of inner chunks.

    `cells` int64[n, r] are those of the fine grid, `owners` int64[n] say in which of `keys` each is.
    """

    store: StoreRef
    keys: Sequence[str]
    owners: NDArray[np.int64]
    cells: NDArray[np.int64]
    levels: Sequence[Level]

    def where(self, row: int) -> str:
        """Return how errors call the value of a row."""
        key = describe(self.store, self.keys[int(self.owners[row])])
        return _named(key, self.levels, self.cells[row].tolist())

    def cell(self, row: int) -> list[int]:
        """Return the cell of a row in the innermost shard."""
        return _innermost(self.levels, self.cells[row].tolist())


def _named(found: str, levels: Sequence[Level], cell: Sequence[int]) -> str:
    """Return how errors call an inner chunk of the value that they call `found`."""
    for level in levels:
        found = f"{level.sharding.name(level.number(cell))} in {found}"
    return found


def _innermost(levels: Sequence[Level], cell: Sequence[int]) -> list[int]:
    level = levels[-1]
    return list(level.sharding.cell(level.number(cell)))


class _Batch(Record, eq=False):
    """The rows of some shards: `owners` int64[n] is the shard of each, `keys` are the shards' keys."""

    keys: list[str]
    block: Block
    owners: NDArray[np.int64]

    def names(self, job: _Job) -> ShardNames:
        """Return how errors call the rows."""
        return ShardNames(job.reading.source.store, self.keys, self.owners, self.block.cells, job.levels)

    def part(self, rows: NDArray[np.int64]) -> _Batch:
        """Return some of the rows, with the same shards."""
        return _Batch(self.keys, self.block[rows], self.owners[rows])

    def only(self, owners: Sequence[int]) -> _Batch:
        """Return the rows of some shards, which are numbered anew."""
        chosen = np.array(sorted(owners), np.int64)
        part = self.part(np.flatnonzero(np.isin(self.owners, chosen)))
        return _Batch([self.keys[i] for i in chosen], part.block, np.searchsorted(chosen, part.owners))


class _Values(Record, eq=False):
    """What is known of the stored values of a batch: their generations, and those that were read whole."""

    keys: Sequence[str]
    generations: Sequence[bytes]
    held: Sequence[Buffer | None]


async def _read_batch(job: _Job, tables: Sequence[Table], width: int) -> None:
    blocks = [table.expand() for table in tables]
    block = blocks[0] if len(blocks) == 1 else _joined(blocks)
    owners = np.repeat(np.arange(len(blocks)), [len(each) for each in blocks])
    layout = job.reading.source.layout
    corners = np.stack([each.cells[0] for each in blocks]) // np.array(job.levels[0].within, np.int64)
    batch = _Batch(layout.keys.keys(corners, job.reading.source.path), block, owners)
    entries = job.levels[0].sharding.entries
    most = job.block_bytes
    whole = [_whole(layout.chain.nbytes, len(each), entries, most) for each in blocks]
    await _read_rows(job, batch, whole, width)


def _whole(size: int, wanted: int, entries: int, most: int) -> bool:
    """Whether a shard of so many decoded bytes is better read whole; `most` bytes are read at once."""
    return size <= SMALL or (size <= most and 2 * wanted >= entries)


def _joined(blocks: Sequence[Block]) -> Block:
    columns = ("cells", "chunk_offsets", "array_offsets", "counts", "begins", "whole")
    return Block(*(np.concatenate([getattr(each, name) for each in blocks]) for name in columns))


async def _read_rows(
    job: _Job,
    batch: _Batch,
    whole: Sequence[bool],
    width: int,
    outside: tuple[Sequence[bytes], str] | None = None,
) -> None:
    """Read rows of shards, the `whole` ones in one piece.

    `outside`: an entry did not fit its value; the generations of the indices then, and what the store said.
    """
    top = job.levels[0].sharding
    index = ByteRange(0, top.index_bytes) if top.start else ByteRange(-top.index_bytes)
    top.admit()
    try:
        ranges = [None if one else index for one in whole]
        found = await ReadMany(job.reading.source.store, batch.keys, ranges)
    except OutOfRange:
        if all(whole):
            raise
        await _read_rows(job, batch, [True] * len(whole), width)  # one is shorter than an index
        return
    if outside is not None and list(found.generations) == list(outside[0]):
        where = batch.names(job).where(0)  # the same indices twice: one is not to be believed
        raise DataLoss(f"Error reading {where}, or one of its neighbours: {outside[1]}")
    held: list[Any] = [value if one else None for value, one in zip(found.values, whole, strict=True)]
    values = _Values(batch.keys, found.generations, held)
    torn: set[int] = set()
    try:
        entries: Entries = await Compute(
            Call(_top, job, batch, found.values, whole), job.reading.source.compute
        )
        for depth in range(1, len(job.levels)):
            sharding = job.levels[depth].sharding
            starts, stops = index_ranges(sharding, entries)
            indices = await _fetch(job, values, entries.owners, starts, stops, torn)
            entries = await Compute(
                Call(_deeper, job, batch, depth, entries, indices), job.reading.source.compute
            )
        await _read_entries(job, batch, values, entries, torn, width)
    except RowError as fault:
        where = batch.names(job).where(fault.row)
        raise annotated(fault.error, f"Error reading {where}: ") from None
    except OutOfRange as error:
        if all(whole):
            raise
        await _read_rows(job, batch, whole, width, (found.generations, error.message))
        return
    if torn:
        again = batch.only(list(torn))
        await _read_rows(job, again, [True] * len(again.keys), width)


def _top(job: _Job, batch: _Batch, found: Sequence[Any], whole: Sequence[bool]) -> Entries:
    """Return the outermost entries of all rows."""
    level = job.levels[0]
    count = len(found)
    sizes = [-1 if value is None or not one else len(value) for value, one in zip(found, whole, strict=True)]
    shards = Entries(np.arange(count), np.zeros(count, np.int64), np.array(sizes, np.int64), batch.owners)
    indices: list[Any] = []
    for owner, (value, one) in enumerate(zip(found, whole, strict=True)):
        try:
            if value is None:
                indices.append(None)
            else:
                indices.append(level.sharding.spans_of(value) if one else level.sharding.spans(value))
        except TegulaError as error:
            raise RowError(int((batch.owners == owner).argmax()), error) from None
    return refine(level.sharding, shards, indices, level.numbers(batch.block.cells))


def _deeper(job: _Job, batch: _Batch, depth: int, entries: Entries, stored: Sequence[Any]) -> Entries:
    """Return the entries of all rows one level further down, given the stored indices."""
    level = job.levels[depth]
    indices: list[Any] = []
    for entry, index in enumerate(stored):
        try:
            indices.append(None if index is None else level.sharding.spans(index))
        except TegulaError as error:
            raise RowError(int((entries.rows == entry).argmax()), error) from None
    return refine(level.sharding, entries, indices, level.numbers(batch.block.cells))


async def _fetch(
    job: _Job,
    values: _Values,
    owners: NDArray[np.int64],
    starts: NDArray[np.int64],
    stops: NDArray[np.int64],
    torn: set[int],
) -> list[Any]:
    """Return ranges of bytes of stored values, None where a value was replaced: that goes to `torn`."""
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
    if not ask:
        return found
    requests = coalesce(owners[ask], starts[ask], stops[ask], GAP, BLOCK_BYTES)
    ranges = list(map(ByteRange, requests.starts, requests.stops))
    keys = [values.keys[owner] for owner in requests.owners]
    answers = await ReadMany(job.reading.source.store, keys, ranges)
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


async def _read_entries(
    job: _Job, batch: _Batch, values: _Values, entries: Entries, torn: set[int], width: int
) -> None:
    """Read the entries of all rows, decode them and put them into their places."""
    absent = np.flatnonzero(entries.rows < 0)
    if len(absent):
        await Compute(Call(_fill, job, batch.part(absent)), job.reading.source.compute)
    present = np.flatnonzero(entries.rows >= 0)
    if not len(present):
        return
    which = entries.rows[present]
    order = np.lexsort((entries.starts[which], entries.owners[which]))
    present, which = present[order], which[order]
    lengths = (entries.stops - entries.starts)[which]
    most = job.reading.chain.most + SLACK
    if int(lengths.max()) > most:
        row = int((lengths > most).argmax())
        raise RowError(int(present[row]), _too_long(int(lengths[row]), most))
    batch = batch.part(present)
    starts, stops = entries.starts[which], entries.stops[which]
    blocks = _blocks(lengths, job.reading.block_rows, job.block_bytes)
    count = min(len(blocks), 4 * width) if width > 1 else 1
    if count > 1:
        edges = [len(blocks) * part // count for part in range(count + 1)]
        calls = [
            Call(_read_blocks, job, batch, values, starts, stops, blocks[a:b], torn)
            for a, b in pairwise(edges)
        ]
        await All(calls, limit=width)
    else:
        await _read_blocks(job, batch, values, starts, stops, blocks, torn)


def _blocks(lengths: NDArray[np.int64], rows: int, most: int) -> list[slice]:
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


def _fill(job: _Job, batch: _Batch) -> None:
    names = batch.names(job)
    reading = job.reading
    value = None
    for row in range(len(batch.block)):
        if value is None:
            value = missing(reading.source, names.cell(row), names.where(row))
        fill(reading.table, batch.block, row, value, reading.memory)


async def _read_blocks(
    job: _Job,
    batch: _Batch,
    values: _Values,
    starts: NDArray[np.int64],
    stops: NDArray[np.int64],
    blocks: Sequence[slice],
    torn: set[int],
) -> None:
    reading = job.reading
    scratch = np.empty(0 if reading.chain.raw else reading.chain.nbytes, np.uint8)
    for rows in blocks:
        part = _Batch(batch.keys, batch.block[rows], batch.owners[rows])
        stored = await _fetch(job, values, part.owners, starts[rows], stops[rows], torn)
        kept = [row for row, value in enumerate(stored) if value is not None]
        if len(kept) < len(stored):
            part, stored = part.part(np.array(kept, np.int64)), [stored[row] for row in kept]
        if stored:
            await Compute(Call(_place, job, part, stored, scratch), job.reading.source.compute)
        del stored  # so that the store may read the next block into the same memory


def _place(job: _Job, part: _Batch, stored: Sequence[Any], scratch: NDArray[np.uint8]) -> None:
    reading = job.reading
    boxes = None if reading.stream is None else stream_rows(reading.stream, part.block, reading.memory)
    place_encoded(reading, part.block, part.names(job), stored, boxes, scratch)
