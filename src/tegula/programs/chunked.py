"""Read the chunks of an array: blocks of rows, one request and one scatter a block.

The program decides which keys are asked for and in which order; the decoding and copying of a block
are pure functions run by `Compute`.  A view in one chunk takes `read_one`, which needs no columns;
its definition is `read_chunked` on the same view, and the two agree (tested).

Missing chunks read as the fill value, or are an error where the array says so.  An error of a chunk
names the chunk.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tegula.codecs.chain import CodecChain
from tegula.effects.control import All, Compute, Room
from tegula.effects.effect import Call
from tegula.effects.storage import Decoded, Read, ReadMany
from tegula.errors import NotFound, TegulaError, annotated
from tegula.kv.spec import StoreRef, describe, is_far
from tegula.plan.blocks import EXPANDED_ROWS, block_rows, far_pace, span_count
from tegula.plan.budget import reading_bytes
from tegula.plan.gather import Spot
from tegula.plan.partition import partition
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
from tegula.record import Record
from tegula.source import Chunked, MemoryLimit
from tegula.view import View

__all__ = [
    "Names",
    "Naming",
    "Reading",
    "fill_value",
    "missing",
    "place_decoded",
    "place_encoded",
    "read_chunked",
    "read_one",
]


async def read_one(source: Chunked, spot: Spot, shape: tuple[int, ...], order: str = "C") -> NDArray[Any]:
    """Return the elements, of `shape`, of a view that lies in one chunk."""
    layout = source.layout
    if layout.chain.levels:
        from tegula.programs.sharded import read_entry

        inner, at, where = await read_entry(source, spot.cell)
        return _elements(source, inner, spot, shape, order, at, where)
    key = source.path + layout.keys.key(spot.cell)
    chunk: Any = None
    if source.cache is not None:
        (found,) = await Decoded(source.store, (key,), layout.chain, source.cache, source.recheck_before)
        if found is not None:
            chunk = layout.chain.array_of(found)
    else:
        try:
            answer = await Read(source.store, key)
            if answer.state == "value":
                chunk = layout.chain.decode(answer.value)
        except TegulaError as error:
            raise annotated(error, f"Error reading {describe(source.store, key)}: ") from None
    return _elements(source, chunk, spot, shape, order, spot.cell, describe(source.store, key))


def _elements(
    source: Chunked,
    chunk: Any,
    spot: Spot,
    shape: tuple[int, ...],
    order: str,
    cell: Sequence[int],
    where: str,
) -> NDArray[Any]:
    """Return the elements of a chunk that a view is; of a missing chunk (None), its `cell` and its place."""
    if chunk is None:
        value = missing(source, cell, where)
        return np.full(shape, value, value.dtype, order="F" if order == "F" else "C")
    elements = chunk[spot.index]
    if spot.axes is not None:
        elements = elements.transpose(spot.axes)
    return np.array(elements, order="F" if order == "F" else "C")


def missing(source: Chunked, cell: Sequence[int], where: str) -> NDArray[Any]:
    """Return what a missing chunk reads as; `where` is how errors call its place.

    Raises:
        NotFound: the array says that a missing chunk is an error.
    """
    if not source.fill_missing:
        raise NotFound(f"chunk {{{', '.join(map(str, cell))}}} stored at {where} is missing")
    return fill_value(source)


def fill_value(source: Chunked) -> NDArray[Any]:
    """Return the fill value of an array, zero where it has none; rank 0."""
    value = source.layout.fill_value
    return np.zeros((), source.dtype.numpy_dtype) if value is None else value


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


class Naming(Protocol):
    """How errors call the rows of a block."""

    def where(self, row: int) -> str:
        """Return how errors call the stored bytes of a row."""

    def cell(self, row: int) -> list[int]:
        """Return the cell of a row."""


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
    layout = source.layout
    if not layout.chain.raw:
        width = max(1, width - 1)  # decoding keeps the cores busy: no task to spare for waiting
    target = memory(out)
    part = partition(view.transform, layout.chunk_shape)
    table = bind(part, c_strides(layout.chunk_shape, layout.chain.order), target.strides)
    chunk_bytes = layout.chain.nbytes
    slab = layout.chain.raw and not layout.chain.swap and slab_pays(len(table), chunk_bytes)
    stream = None if chunk_bytes % 8 else stream_of(table, target)
    limit = counted or source.memory
    rows, count = block_rows(chunk_bytes, limit and limit.size), span_count(len(table), chunk_bytes, width)
    if is_far(source.store):
        rows, count, width = far_pace(len(table), chunk_bytes, limit and limit.size)
    room = None
    if limit is not None and counted is None:
        room = Room(limit.pool, limit.size, reading_bytes(layout.chain, min(rows, len(table)), slab))
    job = Reading(source, layout.chain, target, table, rows, slab, stream, room)
    spans = table.spans(count)
    if len(spans) == 1:
        await _read_span(job, spans[0])
    else:
        await All([Call(_read_span, job, span) for span in spans], limit=width)


async def _read_span(job: Reading, span: Table) -> None:
    if job.room is None:
        await _read_rows(job, span)
    else:
        with await job.room:
            await _read_rows(job, span)


async def _read_rows(job: Reading, span: Table) -> None:
    source = job.source
    layout = source.layout
    scratch = np.empty(0 if layout.chain.raw else layout.chain.nbytes, np.uint8)
    for rows in span.blocks(EXPANDED_ROWS):
        columns = rows.expand()
        lines = None if job.stream is None else stream_rows(job.stream, columns, job.memory)
        names = layout.keys.keys(columns.cells, source.path)
        for at in range(0, len(columns), job.block_rows):
            block = columns[at : at + job.block_rows]
            keys = names[at : at + job.block_rows]
            boxes = None if lines is None else lines[at : at + job.block_rows]
            named = Names(source.store, keys, block.cells)
            if source.cache is not None:
                bound = source.recheck_before
                chunks = await Decoded(source.store, keys, layout.chain, source.cache, bound)
                await Compute(Call(place_decoded, job, block, named, chunks, boxes), source.compute)
            else:
                try:
                    values = (await ReadMany(source.store, keys)).values
                except TegulaError as error:
                    if error.row is None:
                        raise
                    raise annotated(error, f"Error reading {named.where(error.row)}: ") from None
                await Compute(Call(place_encoded, job, block, named, values, boxes, scratch), source.compute)
                del values  # so that the store may read the next block into the same memory


def _length(value: Any) -> int:
    return -1 if value is None else len(value)


def place_decoded(job: Reading, block: Block, names: Names, chunks: Sequence[Any], boxes: Any) -> None:
    """Copy the words of each chunk to its place; None is a missing chunk."""
    for row, chunk in enumerate(chunks):
        if chunk is None:
            fill(job.table, block, row, missing(job.source, names.cell(row), names.where(row)), job.memory)
        else:
            _place(job, block, row, chunk, boxes)


def _place(job: Reading, block: Block, row: int, chunk: NDArray[Any], boxes: Any) -> None:
    box = None if boxes is None else boxes[row]
    if box is None or job.stream is None or not place_stream(job.stream, box, chunk):
        place(job.table, block, row, chunk, job.memory)


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
    if job.slab:
        size = chain.nbytes
        if set(map(_length, values)) == {size}:
            slab = np.frombuffer(b"".join(values), job.memory.words.dtype)
            place_slab(job.table, block, slab, size // slab.dtype.itemsize, job.memory)
            return
    for row, value in enumerate(values):
        if value is None:
            fill(job.table, block, row, missing(job.source, names.cell(row), names.where(row)), job.memory)
            continue
        try:
            chunk = chain.words(value, scratch)
        except TegulaError as error:
            raise annotated(error, f"Error reading {names.where(row)}: ") from None
        _place(job, block, row, chunk, boxes)
