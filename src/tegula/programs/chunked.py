"""Read the chunks of an array: blocks of rows, one request and one scatter a block.

The program decides which keys are asked for and in which order; the decoding and copying of a block
are pure functions run by `Compute`.  A view in one chunk takes `read_one`, which needs no columns;
its definition is `read_chunked` on the same view, and the two agree (tested).

Missing chunks read as the fill value, or are an error where the array says so.  An error of a chunk
names the chunk.

Where a pool keeps decoded chunks, `known` reads what it may answer, at once and with no effect; its
definition is `read_chunked` on the same view, and the two agree (tested).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tegula.codecs.chain import CodecChain
from tegula.codecs.codec import destination, owned
from tegula.effects.control import All, Compute, Room
from tegula.effects.effect import Call
from tegula.effects.storage import UNCHANGED, Decoded, Loaded, Read, ReadColumns, ReadMany
from tegula.errors import NotFound, TegulaError, annotated
from tegula.kernels._jit import sparing
from tegula.kv.spec import StoreRef, describe, is_far
from tegula.plan.blocks import EXPANDED_ROWS, FAR_BYTES, block_rows, far_pace, far_width, span_count
from tegula.plan.budget import reading_bytes
from tegula.plan.gather import Spot
from tegula.plan.grid import on_grid
from tegula.plan.nested import nest
from tegula.plan.partition import partition
from tegula.plan.results import SMALL, result
from tegula.plan.table import Block, Table, bind, c_strides
from tegula.plan.transfer import (
    Memory,
    Stream,
    fill,
    memory,
    place,
    place_slab,
    place_stream,
    slab_pays,
    stream_of,
    stream_rows,
)
from tegula.record import Record, replace
from tegula.source import Chunked, MemoryLimit
from tegula.view import View

__all__ = [
    "Names",
    "Naming",
    "Reading",
    "columns_of",
    "decoded",
    "fill_value",
    "fill_words",
    "load",
    "missing",
    "missing_place",
    "one",
    "place_decoded",
    "place_encoded",
    "read_chunked",
    "read_one",
    "reading",
    "words_of",
]


async def read_one(source: Chunked, spot: Spot, shape: tuple[int, ...], order: str = "C") -> NDArray[Any]:
    """Return the elements, of `shape`, of a view that lies in one chunk."""
    layout = source.layout
    if layout.chain.levels and source.chunks is None:
        from tegula.programs.entry import read_entry

        out = _room(source, layout.chain.finest, spot, order)
        inner = await read_entry(source, spot.cell, out)
        place = missing_place(source, spot.cell) if inner is None else (spot.cell, "")
        return _elements(source, inner, spot, shape, order, *place, out)
    if source.chunks is not None:
        cells = np.array([spot.cell], np.int64).reshape(1, len(spot.cell))
        (words,) = await decoded(source, cells)
        return one(source, spot, shape, order, words)
    chain = layout.chain_of(spot.cell)
    chunk: Any = None
    out = _room(source, chain, spot, order)
    if layout.minishards is not None:
        chunk, name = await _member(source, spot.cell, chain, out)
        return _elements(source, chunk, spot, shape, order, spot.cell, name, out)
    (key,) = layout.keys.keys(np.array([spot.cell], np.int64).reshape(1, len(spot.cell)), source.path)
    try:
        answer = await Read(source.store, key)
        if answer.state == "value":
            chunk = chain.decode(answer.value, out)
    except TegulaError as error:
        raise annotated(error, f"Error reading {describe(source.store, key)}: ") from None
    where = describe(source.store, key) if chunk is None else ""
    return _elements(source, chunk, spot, shape, order, spot.cell, where, out)


def _room(source: Chunked, chain: CodecChain, spot: Spot, order: str) -> NDArray[Any] | None:
    """Return the array of a view that is a whole chunk as it is decoded: it may be decoded there."""
    if chain.nbytes < SMALL or spot.index != chain.whole or spot.axes is not None or order == "F":
        return None
    dtype = source.dtype.numpy_dtype
    return result(chain.chunk_shape, dtype) if dtype == chain.dtype else None


async def _member(
    source: Chunked, cell: Sequence[int], chain: CodecChain, out: NDArray[Any] | None
) -> tuple[Any, str]:
    """Return one chunk of a shard, None where it is missing, and how errors call it."""
    from tegula.programs.minishards import fetch, locate_chunks, where

    found = await locate_chunks(source, np.array([cell], np.int64))
    (value,), _ = await fetch(source, found, slice(0, 1))
    name = where(source, found.keys[0], int(found.numbers[0]))
    if value is None:
        return None, name
    try:
        return chain.decode(value, out), name
    except TegulaError as error:
        raise annotated(error, f"Error reading {name}: ") from None


def one(source: Chunked, spot: Spot, shape: tuple[int, ...], order: str, words: Any) -> NDArray[Any]:
    """Return the elements, of `shape`, of a view that lies in a chunk of `words` (None: there is none)."""
    if words is None:
        return _elements(source, None, spot, shape, order, *missing_place(source, spot.cell))
    return _elements(source, source.layout.chain.finest.array_of(words), spot, shape, order, spot.cell, "")


def missing_place(source: Chunked, cell: Sequence[int]) -> tuple[Sequence[int], str]:
    """Return the cell of a chunk, in its shard where it lies in one, and how errors call its place."""
    if source.layout.chain.levels:
        from tegula.programs.shard_index import entry_place

        return entry_place(source, cell)
    rule = source.layout.minishards
    if rule is not None:
        from tegula.programs.minishards import where

        numbers = rule.numbers(np.array([cell], np.int64))
        shards, _ = rule.places(numbers)
        return cell, where(source, source.shard_key(int(shards[0])), int(numbers[0]))
    return cell, describe(source.store, source.path + source.layout.keys.key(tuple(cell)))


def _elements(
    source: Chunked,
    chunk: Any,
    spot: Spot,
    shape: tuple[int, ...],
    order: str,
    cell: Sequence[int],
    where: str,
    out: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """Return the elements of a chunk that a view is; of a missing chunk (None), its `cell` and its place.

    `out` is an array for them, in which they may be already.
    """
    if chunk is None:
        value = missing(source, cell, where)
        if value.ndim:
            return _elements(
                source,
                source.layout.chain.finest.array_of(fill_words(source)),
                spot,
                shape,
                order,
                cell,
                where,
            )
        return np.full(shape, value, value.dtype, order="F" if order == "F" else "C")
    if out is not None and np.may_share_memory(chunk, out):
        return out
    elements = chunk[spot.index]
    if spot.axes is not None:
        elements = elements.transpose(spot.axes)
    if elements.nbytes < SMALL:
        return np.array(elements, order="F" if order == "F" else "C")
    made = result(shape, elements.dtype, order) if out is None else out
    made[...] = elements
    return made


def decoded(source: Chunked, cells: NDArray[np.int64]) -> Decoded:
    """Ask for the words of chunks of an array that a pool keeps."""
    return Decoded(source.chunks, cells, Call(load, source), source.cache, source.recheck_before)


async def load(source: Chunked, cells: NDArray[np.int64], known: Sequence[bytes] | None) -> Loaded:
    """Read and decode the chunks of `cells`, int64[n, rank]: what `Decoded` asks for.

    The words of a chunk that still has the generation `known` are `UNCHANGED`.
    """
    if source.layout.chain.levels:
        from tegula.programs.entries import load_entries

        return await load_entries(source, cells, known)
    if source.layout.minishards is not None:
        from tegula.programs.minishards import load_members

        return await load_members(source, cells, known)
    keys = source.layout.keys.keys(cells, source.path)
    columns = await columns_of(source, keys, known)
    if all(value is None or value is UNCHANGED for value in columns.values):
        return Loaded(columns.values, columns.generations, columns.time)
    words = await Compute(Call(words_of, source, keys, cells, columns.values), source.compute)
    return Loaded(words, columns.generations, columns.time)


async def columns_of(
    source: Chunked, keys: Sequence[str], known: Sequence[bytes] | None = None
) -> ReadColumns:
    """Read a block of chunks; an error of one of them names it."""
    try:
        return await ReadMany(source.store, keys, None, known)
    except TegulaError as error:
        if error.row is None:
            raise
        where = describe(source.store, keys[error.row])
        raise annotated(error, f"Error reading {where}: ") from None


def words_of(
    source: Chunked, keys: Sequence[str], cells: NDArray[np.int64], values: Sequence[Any]
) -> list[Any]:
    """Return the words of stored values, not to be written to; an error names the key."""
    found: list[Any] = []
    chains = source.layout.chains_of(cells) or [source.layout.chain] * len(keys)
    for key, chain, value in zip(keys, chains, values, strict=True):
        if value is None or value is UNCHANGED:
            found.append(value)
            continue
        try:
            words = chain.words(owned(value) if chain.raw else value, None)
        except TegulaError as error:
            raise annotated(error, f"Error reading {describe(source.store, key)}: ") from None
        words.flags.writeable = False
        found.append(words)
    return found


def missing(source: Chunked, cell: Sequence[int], where: str) -> NDArray[Any]:
    """Return what a missing chunk reads as; `where` is how errors call its place.

    Raises:
        NotFound: the array says that a missing chunk is an error.
    """
    if not source.fill_missing:
        raise NotFound(f"chunk {{{', '.join(map(str, cell))}}} stored at {where} is missing")
    return fill_value(source)


def fill_value(source: Chunked) -> NDArray[Any]:
    """Return the fill value of an array, zero where it has none; with the dimensions of an element."""
    value = source.layout.fill_value
    return np.zeros((), source.dtype.array_dtype) if value is None else value


class Reading(Record, eq=False):
    """What every task of one read shares; the rows of `table` are chunks that `chain` decodes."""

    source: Chunked
    chain: CodecChain
    memory: Memory
    table: Table
    block_rows: int
    slab: bool
    stream: Stream | None
    room: Room | None = None
    clipped: bool = False


class Naming(Protocol):
    """How errors call the rows of a block."""

    def where(self, row: int) -> str:
        """Return how errors call the stored bytes of a row."""

    def cell(self, row: int) -> list[int]:
        """Return the cell of a row."""


class CellNames(Record, eq=False):
    """How errors call the rows of a block of cells: the keys are made only then."""

    source: Chunked
    cells: NDArray[np.int64]

    def where(self, row: int) -> str:
        """Return how errors call the value of a row."""
        return missing_place(self.source, self.cells[row].tolist())[1]

    def cell(self, row: int) -> list[int]:
        """Return the cell of a row, in its shard where it lies in one."""
        return list(missing_place(self.source, self.cells[row].tolist())[0])


class Names(Record, eq=False):
    """How errors call the rows of a block of keys, and which cells of the grid they are."""

    store: StoreRef
    keys: Sequence[str]
    cells: NDArray[np.int64]

    def where(self, row: int) -> str:
        """Return how errors call the value of a row."""
        return describe(self.store, self.keys[row])

    def cell(self, row: int) -> list[int]:
        """Return the cell of a row."""
        found: list[int] = self.cells[row].tolist()
        return found


async def read_chunked(
    source: Chunked, view: View, out: NDArray[Any], width: int, counted: MemoryLimit | None = None
) -> None:
    """Read a view of stored chunks into `out`, at most `width` chunks at a time.

    `counted`: the caller has counted what this needs (`plan.budget`) under that limit.
    """
    if not source.layout.chain.finest.raw:
        width = max(1, width - 1)  # decoding keeps the cores busy: no task to spare for waiting
    job = reading(source, view, out, counted)
    size = job.chain.nbytes
    count = span_count(len(job.table), size, width, not job.chain.light)
    spans: Sequence[Table] = ()
    if is_far(source.store):
        limit = counted or source.memory
        _, count, width = far_pace(len(job.table), size, limit and limit.size)
        if source.layout.chain.levels and limit is None:
            job, spans = _by_shards(job, view)
            width = max(width, far_width(job.block_rows * size))
    spans = spans or job.table.spans(count)
    if len(spans) == 1:
        await _read_span(job, spans[0])
    else:
        await All([Call(_read_span, job, span) for span in spans], limit=width)


def reading(source: Chunked, view: View, out: NDArray[Any], counted: MemoryLimit | None = None) -> Reading:
    """Return what the tasks share that read a view into `out`."""
    layout = source.layout
    chain = layout.chain.finest
    target = memory(out)
    part = partition(on_grid(view), chain.chunk_shape)
    table = bind(part, c_strides(chain.chunk_shape, chain.order), target.strides)
    chunk_bytes = chain.nbytes
    slab = slab_pays(len(table), chunk_bytes)
    stream = None if chunk_bytes % 8 else stream_of(table, target)
    limit = counted or source.memory
    rows = block_rows(chunk_bytes, limit and limit.size)
    if is_far(source.store):
        rows, _, _ = far_pace(len(table), chunk_bytes, limit and limit.size)
    room = None
    if limit is not None and counted is None:
        room = Room(limit.pool, limit.size, reading_bytes(layout.chain, min(rows, len(table)), slab))
    clipped = layout.clipped is not None
    return Reading(source, chain, target, table, rows, slab, stream, room, clipped)


def _by_shards(job: Reading, view: View) -> tuple[Reading, Sequence[Table]]:
    """Return the rows of each shard for itself, so that each is read once and whole.

    None where that is no gain: where little of them is wanted, many fit into a block, or they are too large.
    """
    layout, chain = job.source.layout, job.chain
    inner = prod(layout.chain.levels[0].within)
    if not job.block_rows // 4 < inner <= min(EXPANDED_ROWS, FAR_BYTES // max(1, chain.nbytes)):
        return job, ()
    strides = c_strides(chain.chunk_shape, chain.order)
    nested = nest(on_grid(view), layout.chunk_shape, chain.chunk_shape, strides, job.memory.strides)
    if 2 * len(job.table) < inner * len(nested):
        return job, ()
    return replace(job, block_rows=inner), [nested.group(number) for number in range(len(nested))]


async def _read_span(job: Reading, span: Table) -> None:
    if job.room is None:
        await _read_rows(job, span)
    else:
        with await job.room:
            await _read_rows(job, span)


async def _read_rows(job: Reading, span: Table) -> None:
    source = job.source
    layout = source.layout
    spare = not job.chain.raw or job.clipped
    scratch = np.empty(job.chain.nbytes if spare else 0, np.uint8)
    for rows in span.blocks(EXPANDED_ROWS):
        columns = rows.expand()
        lines = None if job.stream is None else stream_rows(job.stream, columns, job.memory)
        if layout.minishards is not None and source.chunks is None:
            await _read_members(job, columns, lines, scratch)
            continue
        names = [] if source.chunks is not None else layout.keys.keys(columns.cells, source.path)
        for at in range(0, len(columns), job.block_rows):
            block = columns[at : at + job.block_rows]
            boxes = None if lines is None else lines[at : at + job.block_rows]
            if source.chunks is not None:
                chunks = await decoded(source, block.cells)
                cells = CellNames(source, block.cells)
                await Compute(Call(place_decoded, job, block, cells, chunks, boxes), source.compute)
            else:
                keys = names[at : at + job.block_rows]
                named = Names(source.store, keys, block.cells)
                values = (await columns_of(source, keys)).values
                await Compute(Call(place_encoded, job, block, named, values, boxes, scratch), source.compute)
                del values  # so that the store may read the next block into the same memory


async def _read_members(job: Reading, columns: Block, lines: Any, scratch: NDArray[np.uint8]) -> None:
    """Read rows that are chunks of shards."""
    from tegula.programs.minishards import ShardNames, fetch, locate_chunks

    source = job.source
    found = await locate_chunks(source, columns.cells)
    for at in range(0, len(columns), job.block_rows):
        some = slice(at, min(at + job.block_rows, len(columns)))
        block = columns[some]
        boxes = None if lines is None else lines[some]
        values, _ = await fetch(source, found, some)
        named = ShardNames(source, found, at, block.cells)
        await Compute(Call(place_encoded, job, block, named, values, boxes, scratch), source.compute)
        del values  # so that the store may read the next block into the same memory


def place_decoded(job: Reading, block: Block, names: Naming, chunks: Sequence[Any], boxes: Any) -> None:
    """Copy the words of each chunk to its place; None is a missing chunk."""
    if job.slab and all(chunk is not None for chunk in chunks):
        _place_all(job, block, chunks)
        return
    for row, chunk in enumerate(chunks):
        if chunk is None:
            _place_missing(job, block, row, names, boxes)
        else:
            _place(job, block, row, chunk, boxes)


def _place_missing(job: Reading, block: Block, row: int, names: Naming, boxes: Any) -> None:
    value = missing(job.source, names.cell(row), names.where(row))
    if value.ndim:
        _place(job, block, row, fill_words(job.source), boxes)
    else:
        fill(job.table, block, row, value, job.memory)


def fill_words(source: Chunked, chain: CodecChain | None = None) -> NDArray[Any]:
    """Return the words of a chunk of fill values that have dimensions: those of an element lie together.

    `chain` is how the chunk is stored, one of the smallest where it is not given.
    """
    chain = source.layout.chain.finest if chain is None else chain
    value = fill_value(source)
    words = np.frombuffer(value.tobytes(), chain.word)
    found = np.frombuffer(destination(prod(chain.chunk_shape) * words.itemsize), words.dtype)
    found.reshape(-1, value.size)[...] = words
    return found


def _place(job: Reading, block: Block, row: int, chunk: NDArray[Any], boxes: Any) -> None:
    box = None if boxes is None else boxes[row]
    if box is None or job.stream is None or not place_stream(job.stream, box, chunk):
        place(job.table, block, row, chunk, job.memory)


def _place_all(job: Reading, block: Block, chunks: Sequence[Any]) -> None:
    """Place a block of chunks, none of them missing, by one kernel call; they are words, or raw values."""
    slab = np.frombuffer(b"".join(chunks), job.memory.words.dtype)
    place_slab(job.table, block, slab, job.chain.nbytes // slab.dtype.itemsize, job.memory)


def _decode_all(chain: CodecChain, names: Naming, values: Sequence[Any]) -> NDArray[Any]:
    """Return the words of small chunks, shape (chunks, elements), decoded one by one."""
    slab = np.empty((len(values), chain.nbytes), np.uint8)
    words = slab.view(chain.word)
    for row, value in enumerate(values):
        words[row] = _decode(chain, names, row, value, slab[row])
    return words


def _decode(
    chain: CodecChain, names: Naming, row: int, value: Any, scratch: NDArray[np.uint8]
) -> NDArray[Any]:
    try:
        return chain.words(value, scratch)
    except TegulaError as error:
        raise annotated(error, f"Error reading {names.where(row)}: ") from None


def place_encoded(
    job: Reading,
    block: Block,
    names: Naming,
    values: Sequence[Any],
    boxes: Any,
    scratch: NDArray[np.uint8],
) -> None:
    """Decode the stored bytes of each chunk, None for a missing one, and copy it to its place."""
    chain = job.chain
    chains = job.source.layout.chains_of(block.cells) if job.clipped else None
    if chains is None and None not in values:
        if job.slab and chain.raw and not chain.swap and set(map(len, values)) == {chain.nbytes}:
            _place_all(job, block, values)
            return
        slab = chain.slab(values)
        if slab is None and job.slab:
            slab = _decode_all(chain, names, values)
        if slab is not None:
            if job.slab or (boxes is None and not sparing()):
                place_slab(job.table, block, slab.reshape(-1), slab.shape[1], job.memory)
            else:
                for row in range(len(slab)):
                    _place(job, block, row, slab[row], boxes)
            return
    for row, value in enumerate(values):
        if value is None:
            _place_missing(job, block, row, names, boxes)
            continue
        chunk = _decode(chain if chains is None else chains[row], names, row, value, scratch)
        _place(job, block, row, chunk, boxes)
