"""Write an array into a view: whole chunks blindly, partial chunks by conditional read-modify-write.

A chunk that the view covers from edge to edge is encoded and written without being read.  Any other
is read with its generation, merged, and written back only if it is still what was read; the rows that
lost that race are read and merged again, so writers of disjoint elements never lose each other's.  A
chunk that comes to equal the fill value, bit by bit, is deleted instead of stored.  Where a pool knows the
chunk, its words are merged unread, and written on condition that the chunk still is of their generation.

A view in few chunks takes `tegula.programs.writing_few`, which needs no columns; its definition is what is
here, and the two agree (tested).

Law: writing then reading gives what was written, and elements outside the view keep their values.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, NoReturn, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tegula.codecs.chain import CodecChain
from tegula.codecs.codec import destination
from tegula.effects.control import All, Compute, Room
from tegula.effects.effect import Call
from tegula.effects.storage import UNCHANGED, DecodedColumns, Remembered, WriteMany
from tegula.errors import Aborted, Indeterminate, InvalidArgument, TegulaError, annotated
from tegula.kernels.copy import strided_copy
from tegula.kernels.fill import all_equal
from tegula.kv.generation import UNKNOWN
from tegula.kv.spec import describe, is_far
from tegula.plan.arena import Arena
from tegula.plan.blocks import ALONE, BLOCK_BYTES, far_pace, span_count, written_rows
from tegula.plan.budget import shard_bytes, writing_bytes
from tegula.plan.gather import indices, strided
from tegula.plan.grid import on_grid
from tegula.plan.partition import partition
from tegula.plan.table import Block, Table, bind, c_strides
from tegula.plan.transfer import (
    Memory,
    abreast,
    collect,
    collect_abreast,
    collect_grid,
    collect_slab,
    memory,
    slab_pays,
)
from tegula.programs.chunked import fill_value, fill_words
from tegula.programs.frontier import update_many
from tegula.programs.pace import at_pace
from tegula.programs.room import within
from tegula.record import Record, replace
from tegula.source import Cast, Chunked, Downsample, InMemory, MemoryLimit, Whole
from tegula.view import View

__all__ = [
    "Held",
    "Writing",
    "decoded_of",
    "encode_rows",
    "encoded",
    "generations_of",
    "known_words",
    "laid_out",
    "merge_row",
    "raise_placed",
    "remembered",
    "side_by_side",
    "stored_words",
    "told",
    "write",
]

Held: TypeAlias = "list[tuple[Any, bytes] | None]"
"""What a pool knows of some chunks: words and a generation each."""
IDLE = 4  # arenas that wait for the next span, or the next write
_idle: list[Arena] = []
ROOMS = 32  # a block, and what its chunks are encoded to, lie in so many buffers at most that are used again


async def write(view: View, data: NDArray[Any], width: int = 8, counted: MemoryLimit | None = None) -> None:
    """Write `data`, of the view's shape and dtype, into the view; at most `width` tasks at a time.

    `data` must not change until the program has ended.  `counted`: the caller has counted what this
    needs (`plan.budget.need`) under that limit.
    """
    source = view.source
    if prod(view.shape) == 0:
        return
    match source:
        case Chunked():
            await _write_chunked(source, view, data, width, counted)
        case InMemory():
            await Compute(Call(_write_memory, view, data))
        case Whole():
            from tegula.programs.whole import write_whole

            await write_whole(source, data.flat[data.size - 1])
        case Cast():
            from tegula.schema.convert import cast

            converted = await Compute(Call(cast, data, source.base.dtype, source.dtype))
            inner = View(source.base.source, source.base.transform[view.transform])
            await write(inner, converted, width, counted)
        case Downsample():
            raise InvalidArgument("Destination does not support writing.")


def _write_memory(view: View, data: NDArray[Any]) -> None:
    source = view.source
    assert isinstance(source, InMemory)
    if not data.size:
        return  # there may be nothing to index
    if np.may_share_memory(source.array, data):
        data = data.copy()  # a view of the very array: what is read must not change under the copy
    target = strided(view.transform, source.array)
    if target is not None and target.flags.writeable:
        strided_copy(target, data)
    else:
        source.array[indices(view.transform)] = data


class Writing(Record, eq=False):
    """What every task of one write shares; the rows of `table` are chunks that `chain` encodes."""

    source: Chunked
    chain: CodecChain
    memory: Memory
    table: Table
    block_rows: int
    slab: bool
    arenas: list[Arena]
    axes: list[int] | None = None
    room: Room | None = None
    clipped: bool = False


async def _write_chunked(
    source: Chunked, view: View, data: NDArray[Any], width: int, counted: MemoryLimit | None
) -> None:
    layout = source.layout
    chain = layout.chain
    if chain.levels:
        from tegula.programs.sharded_writing import as_chunks, write_sharded

        if counted is not None or not as_chunks(source, view):
            await write_sharded(source, view, data, width, counted)
            return
    if counted is None:
        from tegula.programs.writing_few import few_writes, write_few

        parts = few_writes(source, view)
        if parts is not None:
            await write_few(source, parts, data, width)
            return
    limit = counted or source.memory
    job = laid_out(source, view, data, limit)
    table, chunk_bytes = job.table, chain.nbytes
    if limit is not None and counted is None:
        needed = writing_bytes(chain, min(job.block_rows, len(table))) + shard_bytes(source)
        job = replace(job, room=Room(limit.pool, limit.size, needed))
    if layout.minishards is not None:
        from tegula.programs.minishard_writing import write_minishards

        await write_minishards(job, width)
        return
    count = span_count(len(table), chunk_bytes, width, not chain.light)
    if is_far(source.store):
        _, count, width = far_pace(len(table), chunk_bytes, limit and limit.size)
    spans = table.spans(count)
    if len(spans) == 1:
        await _write_span(job, spans[0])
    elif is_far(source.store):
        await All([Call(_write_span, job, span) for span in spans], limit=width)
    else:
        await at_pace([Call(_write_span, job, span) for span in spans], width)


def laid_out(source: Chunked, view: View, data: NDArray[Any], limit: MemoryLimit | None) -> Writing:
    """Return the rows by which `data` is written into a view of chunks that are stored one by one."""
    layout, chain = source.layout, source.layout.chain
    if any(step % data.itemsize for step in data.strides) or not data.flags.aligned:
        data = np.ascontiguousarray(data)
    origin = memory(data)
    part = partition(on_grid(view), layout.chunk_shape, limits=layout.limits)
    table = bind(part, c_strides(layout.chunk_shape, chain.order), origin.strides)
    rows = written_rows(chain.nbytes, limit and limit.size)
    if is_far(source.store):
        rows, _, _ = far_pace(len(table), chain.nbytes, limit and limit.size)
    slab = slab_pays(len(table), chain.nbytes)
    axes = None if slab else abreast(table, origin)
    arenas = _idle if limit is None else []  # which a limit does not count, once they are idle
    return Writing(source, chain, origin, table, rows, slab, arenas, axes, None, layout.clipped is not None)


async def _write_span(job: Writing, span: Table) -> bool:
    waited: bool = await within(job.room, Call(_write_rows, job, span))
    return waited


async def _write_rows(job: Writing, span: Table) -> bool:
    """Write the chunks of some rows, block by block; return whether that was waiting, mostly."""
    source = job.source
    try:
        arena = job.arenas.pop()
    except IndexError:
        arena = Arena(ROOMS, 2 * BLOCK_BYTES)
    waited = False
    for rows in span.blocks(job.block_rows):
        block = rows.expand()
        keys = source.layout.keys.keys(block.cells, source.path)
        covered = block.whole if job.chain.field is None else np.zeros_like(block.whole)  # fields merge
        whole = np.flatnonzero(covered).tolist()
        if whole:
            words: list[Any] = []
            values = await Compute(Call(encode_rows, job, rows, block, whole, arena, words), source.compute)
            named = [keys[row] for row in whole]
            decoded = decoded_of(source, block.cells[whole], words)
            try:
                waited = (await WriteMany(source.store, named, values, decoded=decoded)).waited
            except TegulaError as error:
                raise_placed(error, source, named)
            del values, words, decoded  # what they look at is the arena's again
        if len(whole) != len(block):
            partial = np.flatnonzero(covered == 0).tolist()
            held = await remembered(source, block.cells[partial])
            merge = _Merge(job, rows, block, keys, partial, held, {})
            named = [keys[row] for row in partial]
            try:
                await update_many(
                    source.store,
                    named,
                    merge,
                    known=generations_of(held),
                    decoded=merge.decoded,
                    within=source.compute,
                    unread=True,
                )
            except TegulaError as error:
                raise_placed(error, source, named)
    if len(job.arenas) < IDLE:
        job.arenas.append(arena)
    return waited


def raise_placed(error: TegulaError, source: Chunked, keys: Sequence[str]) -> NoReturn:
    """Raise an error of writing chunks, with the name of the chunk where it is known and not yet said."""
    try:
        row = 0 if len(keys) == 1 else error.row
        if row is None or error.message.startswith("Error ") or isinstance(error, Aborted | Indeterminate):
            raise error
        raise annotated(error, f"Error writing {describe(source.store, keys[row])}: ") from error
    finally:
        del error  # the traceback holds this frame


async def remembered(source: Chunked, cells: NDArray[np.int64]) -> Held | None:
    """Return the words and generations that a pool knows of `cells`, None where it is of no use."""
    if source.chunks is None or source.layout.chain.field is not None:  # words are not all of such a chunk
        return None
    return await Remembered(source.chunks, cells, source.cache)


def generations_of(held: Held | None) -> list[bytes] | None:
    """Return the generation of each chunk that is known."""
    if held is None or not any(held):
        return None
    return [UNKNOWN if one is None else one[1] for one in held]


def told(source: Chunked) -> bool:
    """Whether a cache is told what is written: it keeps chunks, and of a shard only inner ones."""
    return source.chunks is not None and not source.layout.chain.levels


def decoded_of(source: Chunked, cells: NDArray[np.int64], words: Sequence[Any]) -> DecodedColumns | None:
    """Return what a cache is told of chunks that are about to be written."""
    if not told(source) or any(getattr(step, "lossy", False) for step in source.layout.chain.steps):
        return None  # what is read back is something else
    return DecodedColumns(source.chunks, cells, words, source.cache)


def encode_rows(
    job: Writing,
    rows: Table,
    block: Block,
    whole: Sequence[int],
    arena: Arena,
    words: list[Any] | None = None,
) -> list[Any]:
    """Return the encoded values of whole chunks, None where the chunk equals the fill value.

    Where a cache keeps chunks, `words` is filled with theirs.
    """
    source = job.source
    keep = words if told(source) else None
    chain = job.chain
    chains = source.layout.chains_of(block.cells[whole]) if job.clipped else None
    if not job.slab or chains is not None:
        each = chains or [chain] * len(whole)
        joint = keep is None and chains is None and chain.nbytes <= ALONE and chain.joint_encoding
        values: list[Any] = []
        slab: Any
        for at in range(0, len(whole), job.block_rows):
            some = np.array(whole[at : at + job.block_rows], np.int64)
            if keep is None and side_by_side(job, block, some):
                slab = _together(job, rows, block, some, arena)
            elif joint:
                slab = _one_by_one(job, rows, block, some, arena)
            else:
                slab = (_gathered(job, rows, block, row, arena) for row in some.tolist())
            if isinstance(slab, np.ndarray) and keep is None and chains is None:
                values += encoded_all(source, slab, chain, arena)
                continue
            of = each[at : at + job.block_rows]
            values += [encoded(source, chunk, one, keep, arena) for chunk, one in zip(slab, of, strict=True)]
        return values
    slab = np.empty((len(whole), prod(chain.chunk_shape)), job.memory.words.dtype)
    collect_slab(rows, block, np.array(whole, np.int64), slab, job.memory)
    if keep is not None:
        return [encoded(source, chunk, chain, keep) for chunk in slab]
    if not (chain.raw and not chain.swap):
        return encoded_all(source, slab, chain)
    size, data = chain.nbytes, slab.tobytes()
    values = [data[at : at + size] for at in range(0, len(data), size)]
    value = source.layout.fill_value
    if value is not None and not source.keep_fill:
        unit = value.tobytes()
        empty = unit * (size // len(unit))
        values = [None if each == empty else each for each in values]
    return values


def side_by_side(job: Writing, block: Block, rows: NDArray[np.int64]) -> bool:
    """Whether some whole chunks should be collected by `collect_abreast`: most have a neighbour there."""
    if job.axes is None:
        return False
    run = int(block.counts[rows[0], job.axes[-1]])
    adjacent = int(np.count_nonzero(np.diff(block.array_offsets[rows]) == run))
    return 2 * adjacent >= len(rows) and not (block.counts[rows] != block.counts[rows[0]]).any()


def _together(
    job: Writing, table: Table, block: Block, rows: NDArray[np.int64], arena: Arena
) -> NDArray[Any]:
    """Return the words of some whole chunks, which are collected side by side: shape (chunks, words)."""
    assert job.axes is not None
    slab = _slab(job, len(rows), arena)
    collect_abreast(table, block, rows, slab, job.memory, job.axes)
    return slab


def _one_by_one(
    job: Writing, table: Table, block: Block, rows: NDArray[np.int64], arena: Arena
) -> NDArray[Any]:
    """Return the same of small whole chunks that NumPy collects."""
    slab = _slab(job, len(rows), arena)
    if not collect_grid(table, block, rows, slab, job.memory):
        for chunk, row in zip(slab, rows.tolist(), strict=True):
            collect(table, block, row, chunk, job.memory)
    return slab


def _slab(job: Writing, count: int, arena: Arena) -> NDArray[Any]:
    dtype, size = job.memory.words.dtype, prod(job.chain.chunk_shape)
    return np.frombuffer(arena.take(count * size * dtype.itemsize), dtype).reshape(count, size)


def _gathered(job: Writing, rows: Table, block: Block, row: int, arena: Arena) -> NDArray[Any]:
    dtype = job.memory.words.dtype
    chunk = np.frombuffer(arena.take(prod(job.chain.chunk_shape) * dtype.itemsize), dtype)
    collect(rows, block, row, chunk, job.memory)
    return chunk


def encoded(
    source: Chunked,
    chunk: NDArray[Any],
    chain: CodecChain,
    words: list[Any] | None = None,
    arena: Arena | None = None,
) -> Any:
    """Return the encoded value of a chunk, None where it equals the fill value; add its words to `words`.

    The value may lie in memory of `arena`.
    """
    value, keep = source.layout.fill_value, source.keep_fill
    of, stored = (chain, chunk) if chain.corner is None else (chain.corner, chain.kept(chunk))
    if value is not None and not keep:
        same = np.array_equal(chunk, fill_words(source)) if value.ndim else None
        if all_equal(stored, value.view(chunk.dtype)) if same is None else same:
            if words is not None:
                words.append(None)
            return None
    if words is not None:
        words.append(chunk)
    return of.encode_words(stored, keep, None if arena is None else arena.take)


def encoded_all(
    source: Chunked, slab: NDArray[Any], chain: CodecChain, arena: Arena | None = None
) -> list[Any]:
    """Return the encoded values of chunks, shape (chunks, words), None where one equals the fill value."""
    value, keep = source.layout.fill_value, source.keep_fill
    if chain.corner is not None or (value is not None and value.ndim):
        return [encoded(source, chunk, chain) for chunk in slab]
    unit = None if value is None or keep else value.reshape(1).view(slab.dtype)[0]
    take = None if arena is None else arena.take
    return chain.encode_all(slab, None if unit is None else np.asarray(unit), keep, take)


class _Merge(Record, eq=False):
    """Merge the elements of partial rows into what is stored: the pure half of read-modify-write.

    `held` is what a pool knows of the rows; `words` is filled with the words last merged for each, for it.
    """

    job: Writing
    table: Table
    block: Block
    keys: Sequence[str]
    partial: Sequence[int]
    held: Held | None
    words: dict[int, Any]

    def decoded(self, rows: Sequence[int]) -> DecodedColumns | None:
        """Return what a cache is told of some of the partial rows, merged before."""
        where = [self.partial[row] for row in rows]
        return decoded_of(self.job.source, self.block.cells[where], [self.words.get(row) for row in where])

    def __call__(self, rows: Sequence[int], values: Sequence[Any]) -> list[Any]:
        """Return the new values of some of the partial rows, given the stored ones (None: missing)."""
        return [self._merged(row, value) for row, value in zip(rows, values, strict=True)]

    def _merged(self, at: int, value: Any) -> Any:
        row = self.partial[at]
        where = describe(self.job.source.store, self.keys[row])
        words: list[Any] | None = None if self.job.source.chunks is None else []
        held = known_words(self.held, at, value)
        found = merge_row(self.job, self.table, self.block, row, value, where, words, held)
        if words:
            (self.words[row],) = words
        return found


def known_words(held: Held | None, row: int, value: Any) -> Any:
    """Return the words that are known of a row whose `value` was not read, else `UNCHANGED`."""
    if value is not UNCHANGED or held is None:
        return UNCHANGED
    known = held[row]
    return UNCHANGED if known is None else known[0]


def merge_row(
    job: Writing,
    table: Table,
    block: Block,
    row: int,
    value: Any,
    where: str,
    words: list[Any] | None = None,
    held: Any = UNCHANGED,
) -> Any:
    """Return the new value of a chunk that one row changes a part of, None where it equals the fill value.

    `value` is what is stored, None where nothing is; `where` is how errors call its place.  The new words
    are added to `words`.  `held`, unless it is `UNCHANGED`, are the words to start from instead (None:
    nothing is stored).
    """
    source = job.source
    chain = source.layout.chain_of(block.cells[row].tolist()) if job.clipped else job.chain
    chunk = stored_words(source, chain, value, where, held)
    collect(table, block, row, chunk, job.memory)
    if chain.field is None:
        return encoded(source, chunk, chain, words)
    if words is not None:
        words.append(chunk)
    drop = source.layout.fill_value is not None and not source.keep_fill
    return chain.encode_into(chunk, value, drop)


def stored_words(
    source: Chunked, chain: CodecChain, value: Any, where: str, held: Any = UNCHANGED
) -> NDArray[Any]:
    """Return the words of a stored chunk, or of what a missing one reads as, to be written to.

    The arguments are those of `merge_row`.
    """
    if value is None or held is None:
        filled = fill_value(source)
        if filled.ndim:
            return fill_words(source)
        word = filled.reshape(1).view(chain.word)
        chunk = np.frombuffer(destination(prod(chain.chunk_shape) * word.itemsize), word.dtype)
        chunk[...] = word[0]
        return chunk
    if held is not UNCHANGED:
        return np.array(held)
    try:
        return np.array(chain.words(value, None))
    except TegulaError as error:
        raise annotated(error, f"Error reading {where}: ") from None
