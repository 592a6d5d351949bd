"""Write into shards: whole ones blindly, others by reading, replacing inner chunks, and writing on condition.

A shard that the view covers from edge to edge is encoded inner chunk by inner chunk and written without
being read.  Any other is read with its generation; the inner chunks that the view touches are encoded, or
merged with what is stored of them, and all others are copied as they are stored, never decoded; the
shard is written back only if it is still what was read, and the rows that lost that race start again.  A
shard without inner chunks is deleted.

At most one shard a task is held, encoded; of a decoded shard never more than a block of inner chunks.  Where
there are fewer shards than tasks, several tasks encode the inner chunks of one, which is then held twice.

Law: equals encoding the merged decoded shard; untouched inner chunks keep their bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tegula.codecs.shard import MISSING, Level, Sharding
from tegula.effects.control import All, Compute, Room
from tegula.effects.effect import Call
from tegula.effects.storage import WriteMany
from tegula.errors import TegulaError, annotated
from tegula.kernels.fill import all_equal
from tegula.kv.spec import describe, is_far
from tegula.plan.arena import Arena
from tegula.plan.blocks import BLOCK_BYTES, EXPANDED_ROWS, TASK_BYTES, far_width, written_rows
from tegula.plan.budget import writing_bytes
from tegula.plan.grid import on_grid
from tegula.plan.nested import Nested, nest
from tegula.plan.reach import reached
from tegula.plan.table import Block, Table, c_strides
from tegula.plan.transfer import abreast, collect, collect_abreast, collect_slab, memory, slab_pays
from tegula.programs.frontier import update_many
from tegula.programs.room import within
from tegula.programs.splicing import is_spliced, splice_shard
from tegula.programs.writing import Writing, encode_rows, merge_row, raise_placed, side_by_side
from tegula.record import Record
from tegula.row import NamedTuple
from tegula.source import Chunked, MemoryLimit
from tegula.view import View

__all__ = ["Edit", "ShardEdit", "Touched", "write_sharded"]

MOST_KEPT = 256 << 20
"""Bytes of a shard up to which its memory is used for the next one, too."""


async def write_sharded(
    source: Chunked, view: View, data: NDArray[Any], width: int, counted: MemoryLimit | None = None
) -> None:
    """Write `data` into a view of a sharded array, with at most `width` tasks at a time.

    `counted`: the caller has counted what this needs (`plan.budget`) under that limit.
    """
    layout = source.layout
    finest = layout.chain.finest
    if any(step % data.itemsize for step in data.strides) or not data.flags.aligned:
        data = np.ascontiguousarray(data)
    origin = memory(data)
    shape = finest.chunk_shape
    nested = nest(on_grid(view), layout.chunk_shape, shape, c_strides(shape, finest.order), origin.strides)
    slab = slab_pays(len(nested.table), finest.nbytes)
    axes = None if slab else abreast(nested.table, origin)
    job = Writing(source, finest, origin, nested.table, written_rows(finest.nbytes), slab, [], axes)
    room = None
    if source.memory is not None and counted is None:
        room = Room(source.memory.pool, source.memory.size, writing_bytes(layout.chain, 1))
    steps = layout.chain.levels
    steps[0].sharding.admit()
    idle: list[tuple[Arena, Arena]] = []
    if is_far(source.store):
        width = far_width(layout.chain.nbytes)
    spans = nested.spans(max(width, len(nested) // 4))
    shared = 1
    if room is None and not is_far(source.store):
        # who encodes keeps a processor busy; shards that a view cuts are not alike, the largest is the last
        shared = max(1, (width if finest.light else width - 1) // len(spans))
        if 1 < len(nested) < 2 * width:
            shared = max(2, shared)
    if len(spans) == 1:
        await within(room, Call(_write_span, job, steps, spans[0], idle, shared))
    else:
        calls = [Call(within, room, Call(_write_span, job, steps, span, idle, shared)) for span in spans]
        await All(calls, limit=width)


def as_chunks(source: Chunked, view: View) -> bool:
    """Whether a view is made of small shards from edge to edge, to be written as chunks are.

    Of one there is nothing to be shared by tasks.
    """
    chain = source.layout.chain
    if chain.nbytes > TASK_BYTES or chain.finest.field is not None or source.memory is not None:
        return False
    transform = on_grid(view)
    if transform._arrays or 0 in view.shape:
        return False
    dims = [dim for dim in transform._dims if dim >= 0]
    if len(set(dims)) < transform.input_rank or len(dims) > transform.input_rank:
        return False  # a diagonal, or elements that are written several times
    lower, upper = reached(transform)
    sides = source.layout.chunk_shape
    if any(at % side for at, side in zip((*lower, *upper), (*sides, *sides), strict=True)):
        return False
    extents = [end - at for at, end in zip(lower, upper, strict=True)]
    return prod(extents) == prod(view.shape)


async def _write_span(
    job: Writing, steps: Sequence[Level], nested: Nested, idle: list[tuple[Arena, Arena]], shared: int
) -> None:
    """Write shards one after the other; `shared`: how many tasks may encode the inner chunks of one."""
    source, top = job.source, steps[0]
    arena, shards = idle.pop() if idle else (Arena(largest=2 * BLOCK_BYTES), Arena(1, MOST_KEPT, MOST_KEPT))
    inner = prod(top.within)
    for number in range(len(nested)):
        table = nested.group(number)
        block = table.expand()
        corner = block.cells[:1] // np.array(top.within, np.int64)
        keys = source.layout.keys.keys(corner, source.path)
        edit = Edit(steps, describe(source.store, keys[0]), job, table, block)
        try:
            if job.chain.field is None and len(block) == inner and bool(block.whole.all()):
                parts = edit.parts(shared)
                if len(parts) > 1:
                    encoded = await All([Call(_encode, edit, part) for part in parts], limit=shared)
                    value = await Compute(Call(edit.packed, encoded, shards), source.compute)
                    del encoded
                else:
                    value = await Compute(Call(edit.whole, arena, shards), source.compute)
                await WriteMany(source.store, keys, [value])
                del value  # what it looks at is the next shard's
            elif is_spliced(source):
                await splice_shard(edit, keys[0], shared)
            else:
                await update_many(source.store, keys, edit, within=source.compute)
        except TegulaError as error:
            raise_placed(error, source, keys)
    idle.append((arena, shards))


async def _encode(edit: Edit, rows: NDArray[np.int64]) -> list[Any]:
    return await Compute(Call(edit.pieces, rows), edit.job.source.compute)


class Touched(NamedTuple):
    """Entries of a shard, ascending, and the rows that lie in them.

    Entry ``numbers[i]`` has ``rows[edges[i]:edges[i + 1]]``.
    """

    rows: NDArray[np.int64]
    numbers: NDArray[np.int64]
    edges: list[int]

    def __len__(self) -> int:
        return len(self.numbers)

    def part(self, first: int, stop: int) -> Touched:
        """Return some of the entries."""
        low = self.edges[first]
        edges = [edge - low for edge in self.edges[first : stop + 1]]
        return Touched(self.rows[low : self.edges[stop]], self.numbers[first:stop], edges)


class ShardEdit(Record, eq=False):
    """Replace some entries of a shard, down to inner chunks; what is put into those, others know."""

    levels: Sequence[Level]
    where: str

    def __call__(self, rows: Sequence[int], values: Sequence[Any]) -> list[Any]:
        """Return the new value of the shard for its stored one (None: missing), as `update_many` asks."""
        return [self.made(value, Arena()) for _, value in zip(rows, values, strict=True)]

    @property
    def cells(self) -> NDArray[np.int64]:
        """The cells of the inner chunks that are changed, int64[rows, rank]."""
        raise NotImplementedError

    def inner(
        self,
        rows: NDArray[np.int64],
        stored: Sequence[Any],
        numbers: NDArray[np.int64],
        where: str,
        arena: Arena,
    ) -> list[Any]:
        """Return the new bytes of inner chunks, one a row, None for those that equal the fill value."""
        raise NotImplementedError

    def made(self, value: Any, arena: Arena) -> Any:
        """Return the new value of the shard, None where nothing is left in it."""
        self.levels[0].sharding.admit()
        return self._replaced(0, value, np.arange(len(self.cells)), self.where, arena)

    def _replaced(self, depth: int, value: Any, rows: NDArray[np.int64], where: str, arena: Arena) -> Any:
        """Return the new value of a shard `depth` levels down, for the rows that lie in it."""
        sharding = self.levels[depth].sharding
        touched = self.touched(depth, rows)
        try:
            stored = [None] * len(touched) if value is None else sharding.pieces(value, touched.numbers)
            pieces = self.changed(depth, touched, stored, where, arena)
            return sharding.replaced(value, touched.numbers.tolist(), pieces)
        except TegulaError as error:
            if error.message.startswith("Error reading"):
                raise
            name = sharding.name(int(touched.numbers[0]))
            raise annotated(error, f"Error reading {name} in {where}: Error reading {where}: ") from None

    def touched(self, depth: int, rows: NDArray[np.int64]) -> Touched:
        """Return the entries of a shard `depth` levels down in which the rows lie that lie in it."""
        numbers = self.levels[depth].numbers(self.cells[rows])
        order = np.argsort(numbers, kind="stable")
        distinct, first = np.unique(numbers[order], return_index=True)
        return Touched(rows[order], distinct, [*first.tolist(), len(rows)])

    def changed(
        self, depth: int, touched: Touched, stored: Sequence[Any], where: str, arena: Arena
    ) -> list[Any]:
        """Return the new bytes of entries of a shard `depth` levels down, given what is stored of them."""
        if depth + 1 == len(self.levels):
            return self.inner(touched.rows, stored, touched.numbers, where, arena)
        sharding = self.levels[depth].sharding
        return [
            self._replaced(
                depth + 1,
                piece,
                touched.rows[touched.edges[i] : touched.edges[i + 1]],
                f"{sharding.name(int(touched.numbers[i]))} in {where}",
                arena,
            )
            for i, piece in enumerate(stored)
        ]


class Edit(ShardEdit, eq=False):
    """Replace inner chunks of one shard by those of a table: the pure half of read-modify-write."""

    job: Writing
    table: Table
    block: Block

    @property
    def cells(self) -> NDArray[np.int64]:
        return self.block.cells

    def whole(self, arena: Arena, shards: Arena) -> Any:
        """Return the value of a shard that is covered from edge to edge, in memory of `shards`."""
        if len(self.levels) > 1:
            return self.made(None, arena)
        top = self.levels[0].sharding
        top.admit()
        if self._copied:
            return self._raw(top, self._ordered, shards)
        return top.pack(self._encoded(self._ordered, arena), shards.take)

    @property
    def _ordered(self) -> NDArray[np.int64]:
        """The rows in the order of their inner chunks in the shard."""
        return np.argsort(self.levels[0].numbers(self.block.cells))

    @property
    def _copied(self) -> bool:
        """Whether inner chunks are stored as they are, so that they need only be copied to their places."""
        stored, fill = self.job.chain, self.job.source.layout.fill_value
        plain = stored.raw and not stored.swap and not self.levels[0].sharding.start
        return plain and (fill is None or not fill.ndim)

    def parts(self, most: int) -> list[NDArray[np.int64]]:
        """Return the rows of a whole shard in parts to be encoded at once, by at most so many tasks."""
        worth = len(self.block) * self.job.chain.nbytes // BLOCK_BYTES
        if min(most, worth) < 2 or len(self.levels) > 1 or self._copied:
            return [self._ordered]
        return np.array_split(self._ordered, min(4 * most, worth))

    def pieces(self, rows: NDArray[np.int64]) -> list[Any]:
        """Return the encoded inner chunks of some rows."""
        return list(self._encoded(rows, Arena(largest=2 * BLOCK_BYTES)))

    def packed(self, parts: Sequence[list[Any]], shards: Arena) -> Any:
        """Return the value of a shard that is covered from edge to edge, its `parts` encoded."""
        top = self.levels[0].sharding
        top.admit()
        return top.pack(chain.from_iterable(parts), shards.take)

    def _raw(self, top: Sharding, rows: NDArray[np.int64], shards: Arena) -> Any:
        """Return the same where inner chunks are stored as they are: they are copied to their places."""
        job = self.job
        size = job.chain.nbytes
        room = shards.take(top.entries * size + top.index_bytes)
        lengths = np.full(top.entries, MISSING, np.uint64)
        words = np.frombuffer(room, job.memory.words.dtype, top.entries * prod(job.chain.chunk_shape))
        chunks = words.reshape(top.entries, -1)
        fill = None if job.source.keep_fill else job.source.layout.fill_value
        unit = None if fill is None else fill.view(words.dtype)
        at, together = 0, True
        if job.slab:
            collect_slab(self.table, self.block, rows, chunks, job.memory)
        elif job.axes is not None and side_by_side(job, self.block, rows):
            collect_abreast(self.table, self.block, rows, chunks, job.memory, job.axes)
        else:
            together = False
        for number, row in enumerate(rows.tolist()):
            if not together:
                collect(self.table, self.block, row, chunks[at], job.memory)
            elif at < number:
                chunks[at] = chunks[number]
            if unit is None or not all_equal(chunks[at], unit):
                lengths[number] = size
                at += 1
        return top.packed(room, lengths)

    def _encoded(self, rows: NDArray[np.int64], arena: Arena) -> Iterator[Any]:
        """Encode inner chunks that are covered, block by block."""
        step = self.job.block_rows
        for at in range(0, len(rows), step):
            yield from encode_rows(self.job, self.table, self.block, rows[at : at + step].tolist(), arena)

    def partial(self, touched: Touched) -> NDArray[np.bool_]:
        """Return of which entries of the outermost shard what is stored must be known, a row each."""
        if len(self.levels) > 1 or self.job.chain.field is not None:
            return np.ones(len(touched), bool)
        return np.equal(self.block.whole[touched.rows], 0)

    def inner(
        self,
        rows: NDArray[np.int64],
        stored: Sequence[Any],
        numbers: NDArray[np.int64],
        where: str,
        arena: Arena,
    ) -> list[Any]:
        job = self.job
        sharding = self.levels[-1].sharding
        pieces: list[Any] = [None] * len(rows)
        full = self.block.whole[rows] != 0 if job.chain.field is None else np.zeros(len(rows), bool)
        for at in range(0, len(rows), EXPANDED_ROWS):
            whole = np.flatnonzero(full[at : at + EXPANDED_ROWS]) + at
            if len(whole):
                made = encode_rows(job, self.table, self.block, rows[whole].tolist(), arena)
                for position, piece in zip(whole.tolist(), made, strict=True):
                    pieces[position] = piece
        for position in np.flatnonzero(~full).tolist():
            name = f"{sharding.name(int(numbers[position]))} in {where}"
            row = int(rows[position])
            pieces[position] = merge_row(job, self.table, self.block, row, stored[position], name)
        return pieces
