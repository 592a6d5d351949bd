"""Read a view of a sharded array: rows of inner chunks, grouped by shard, fetched and put into their places.

Law: equals reading whole values and decoding them (`CodecChain.words`), whatever else writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tegula.effects.control import All, Room
from tegula.effects.effect import Call
from tegula.kv.spec import is_far
from tegula.plan.blocks import EXPANDED_ROWS, FAR_BYTES, block_rows, far_pace, span_count
from tegula.plan.budget import reading_bytes
from tegula.plan.grid import on_grid
from tegula.plan.nested import Nested, nest
from tegula.plan.table import Block, Table, c_strides
from tegula.plan.transfer import fill, memory, place, slab_pays, stream_of, stream_rows
from tegula.programs.chunked import Reading, fill_words, missing, place_encoded
from tegula.programs.entries import Lot, Pace, fetch_entries
from tegula.programs.room import within
from tegula.programs.shard_index import ShardNames
from tegula.record import Record
from tegula.source import Chunked, MemoryLimit
from tegula.view import View

__all__ = ["read_sharded"]

MOST_ROWS = 1 << 16
"""How many inner chunks are looked up at once."""


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
    slab = slab_pays(len(nested.table), size)
    stream = None if size % 8 else stream_of(nested.table, target)
    room = None
    if source.memory is not None and counted is None:
        room = Room(source.memory.pool, source.memory.size, reading_bytes(layout.chain, 1))
    pace, count = Pace(), span_count(len(nested.table), size, width, not finest.light)
    if is_far(source.store):
        rows, count, width = far_pace(len(nested.table), size)
        if room is None and counted is None:  # else what a task needs is counted by the block of a near store
            pace = Pace(rows, FAR_BYTES)
    reading = Reading(source, finest, target, nested.table, block_rows(size), slab, stream)
    spans = nested.spans(count)
    if len(spans) == 1:
        pace = pace._replace(width=width if room is None else 1)
        await within(room, Call(_read_span, reading, spans[0], pace))
    else:
        pace = pace._replace(width=max(1, width // len(spans)))
        await All([Call(within, room, Call(_read_span, reading, span, pace)) for span in spans], limit=width)


async def _read_span(reading: Reading, nested: Nested, pace: Pace) -> None:
    tables: list[Table] = []
    rows = 0
    for number in range(len(nested)):
        table = nested.group(number)
        if tables and rows + len(table) > EXPANDED_ROWS:
            await _read_batch(reading, tables, pace)
            tables, rows = [], 0
        if len(table) > MOST_ROWS:
            for part in table.blocks(MOST_ROWS):
                await _read_batch(reading, [part], pace)
            continue
        tables.append(table)
        rows += len(table)
    if tables:
        await _read_batch(reading, tables, pace)


async def _read_batch(reading: Reading, tables: Sequence[Table], pace: Pace) -> None:
    blocks = [table.expand() for table in tables]
    block = blocks[0] if len(blocks) == 1 else _joined(blocks)
    owners = np.repeat(np.arange(len(blocks)), [len(each) for each in blocks])
    shard = np.array(reading.source.layout.chain.levels[0].within, np.int64)
    corners = np.stack([each.cells[0] for each in blocks]) // shard
    await fetch_entries(reading.source, block.cells, corners, owners, _Placing(reading, block), pace)


def _joined(blocks: Sequence[Block]) -> Block:
    columns = ("cells", "chunk_offsets", "array_offsets", "counts", "begins", "whole")
    return Block(*(np.concatenate([getattr(each, name) for each in blocks]) for name in columns))


class _Placing(Record, eq=False):
    """Decodes inner chunks and copies them to their places; those that are not stored are filled."""

    reading: Reading
    block: Block

    def scratch(self) -> NDArray[np.uint8]:
        """Return memory to decode into."""
        chain = self.reading.chain
        return np.empty(0 if chain.raw else chain.nbytes, np.uint8)

    def put(self, lot: Lot, names: ShardNames, stored: Sequence[Any], scratch: NDArray[np.uint8]) -> None:
        """Place the inner chunks of a lot."""
        reading, block = self.reading, self.block[lot.rows]
        boxes = None if reading.stream is None else stream_rows(reading.stream, block, reading.memory)
        place_encoded(reading, block, names, stored, boxes, scratch)

    def absent(self, lot: Lot, names: ShardNames) -> None:
        """Fill the places of a lot."""
        reading, block = self.reading, self.block[lot.rows]
        value = None
        for row in range(len(block)):
            if value is None:
                value = missing(reading.source, names.cell(row), names.where(row))
            if value.ndim:
                place(reading.table, block, row, fill_words(reading.source), reading.memory)
            else:
                fill(reading.table, block, row, value, reading.memory)
