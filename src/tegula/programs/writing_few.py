"""Write a view that lies in a few small chunks: piece by piece, by NumPy's own indexing, with no columns.

Planning columns costs as much as writing a small chunk.  Knows: how a piece of an array becomes the words of
its chunk.  What is then encoded, written, merged and told to a cache is decided in `tegula.programs.writing`.
A block of chunks (`write_block`) is that of one write, or of several (`tegula.programs.writing_jointly`).

Law: what is written is what `tegula.programs.writing` writes by columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tegula.codecs.chain import CodecChain
from tegula.effects.control import All, Compute
from tegula.effects.effect import Call
from tegula.effects.storage import DecodedColumns, WriteMany
from tegula.errors import TegulaError
from tegula.formats.layout import ArrayLayout, KeyRule
from tegula.kernels._jit import loaded
from tegula.kv.spec import describe, is_far
from tegula.plan.arena import Arena
from tegula.plan.blocks import (
    ALONE,
    BLOCK_BYTES,
    FEW,
    FEW_BYTES,
    FEW_COLD,
    MANY_BYTES,
    SPAN_BYTES,
    TASK_BYTES,
    block_rows,
    few_tasks,
)
from tegula.plan.gather import Pieces, covers, locate, pieces
from tegula.plan.grid import on_grid
from tegula.plan.transfer import slab_pays
from tegula.programs.frontier import update_many
from tegula.programs.pace import at_pace
from tegula.programs.splicing import is_spliced
from tegula.programs.writing import (
    Held,
    decoded_of,
    encoded,
    encoded_all,
    generations_of,
    known_words,
    raise_placed,
    remembered,
    stored_words,
    told,
)
from tegula.record import Record
from tegula.source import Chunked
from tegula.view import View

__all__ = ["Job", "borrowed", "few_writes", "given_back", "unit", "words_in", "write_block", "write_few"]

_idle: list[Arena] = []  # each is somebody's while it is not in here; after a fork both processes have copies


def few_writes(source: Chunked, view: View) -> Pieces | None:
    """Return the pieces of a view that is better written chunk by chunk than by columns, else None."""
    layout = source.layout
    chain = layout.chain.finest
    if source.memory is not None or layout.clipped is not None or layout.minishards is not None:
        return None
    if layout.chain.field is not None or chain.field is not None or not isinstance(layout.keys, KeyRule):
        return None
    if not 0 < chain.nbytes <= SPAN_BYTES or (layout.chain.levels and is_spliced(source)):
        return None
    placed = on_grid(view)
    if layout.chain.levels and not prod(view.shape) % prod(layout.chunk_shape):
        entire = _whole_shards(layout, placed)
        if entire is not None:
            return entire
    spot = locate(placed, layout.shape, chain.chunk_shape)
    if spot is not None:
        return Pieces([spot.cell], [spot.index], [(...,)], spot.axes)  # type: ignore[list-item]
    most = max(1, min(FEW if loaded() else FEW_COLD, FEW_BYTES // chain.nbytes))
    if not is_far(source.store) and not layout.chain.levels:
        most = max(most, min(FEW, (MANY_BYTES >> 2 if loaded() else MANY_BYTES) // chain.nbytes))
    parts = pieces(placed, layout.shape, chain.chunk_shape, most)
    if parts is not None and len(parts.cells) > FEW and slab_pays(len(parts.cells), chain.nbytes):
        return None  # the kernels, once that has been done often enough
    return parts


def _whole_shards(layout: ArrayLayout, placed: Any) -> Pieces | None:
    """Return the pieces of a view that is made of a few small shards from edge to edge, else None."""
    shape, size = layout.chunk_shape, layout.chain.nbytes
    if size > TASK_BYTES:
        return None
    parts = pieces(placed, layout.shape, shape, FEW_BYTES // size)
    if parts is None or not all(covers(index, shape) for index in parts.sources):
        return None
    return parts._replace(entire=True)


def unit(source: Chunked, parts: Pieces) -> CodecChain:
    """Return how the chunks are stored that pieces are of."""
    return source.layout.chain if parts.entire else source.layout.chain.finest


async def write_few(source: Chunked, parts: Pieces, data: NDArray[Any], width: int = 1) -> None:
    """Write `data` into a view that was taken apart: of its shape, or one element for all of it.

    At most about `width` tasks at a time, each a run of pieces.
    """
    chain, rows = unit(source, parts), len(parts.cells)
    words = data.view(chain.word)
    if chain is not source.layout.chain:
        await _write_shards(_Alone(source, chain, parts.cells, borrowed(), parts, words), width)
        return
    count = 1 if is_far(source.store) else few_tasks(rows, chain.nbytes, width, not chain.light, loaded())
    if count == 1:
        await _write_run(source, parts, words, range(rows))
    else:
        edges = [rows * part // count for part in range(count + 1)]
        await at_pace(
            [Call(_write_run, source, parts, words, range(a, b)) for a, b in pairwise(edges)], width
        )


async def _write_shards(job: Job, width: int) -> None:
    from tegula.programs.sharded_few import shard_blocks

    blocks, limit = shard_blocks(job.source, job.cells, width)
    if len(blocks) == 1:
        await write_block(job, blocks[0])
    else:
        await All([Call(write_block, job, rows) for rows in blocks], limit=limit)
    given_back(job.arena)


async def _write_run(source: Chunked, parts: Pieces, data: NDArray[Any], run: range) -> bool:
    """Write some pieces, block by block; return whether that was waiting, mostly."""
    arena = borrowed()
    job = _Alone(source, source.layout.chain, parts.cells, arena, parts, data)
    step = len(run) if is_far(source.store) else block_rows(source.layout.chain.nbytes)
    waited = False
    for at in range(run.start, run.stop, step):
        waited = await write_block(job, range(at, min(at + step, run.stop)))
    del job
    given_back(arena)
    return waited


def borrowed() -> Arena:
    """Return memory to work in, the caller's until it is given back."""
    try:
        return _idle.pop()
    except IndexError:
        return Arena(most=2 * BLOCK_BYTES)


def given_back(arena: Arena) -> None:
    """Keep memory for the next to work in."""
    _idle.append(arena)


async def write_block(job: Job, block: Sequence[int]) -> bool:
    """Write some chunks of a job; return whether that was waiting, mostly.

    Raises:
        TegulaError: one of them could not be written; of the others some are.
    """
    source, cells, rule = job.source, job.cells, job.source.layout.keys
    if job.chain is not source.layout.chain:
        from tegula.programs.sharded_few import write_shards

        return await write_shards(job, block)
    keys = {row: source.path + rule.key(cells[row]) for row in block}
    whole = [row for row in block if job.whole(row)]
    waited = False
    if whole:
        words: list[Any] | None = [] if told(source) else None
        values = await Compute(Call(_encode, job, whole, words), source.compute)
        named = [keys[row] for row in whole]
        meant = None if words is None else decoded_of(source, job.columns(whole), words)
        try:
            waited = (await WriteMany(source.store, named, values, decoded=meant)).waited
        except TegulaError as error:
            raise_placed(error, source, named)
        del values, meant
    if len(whole) < len(block):
        covered = set(whole)
        rows = [row for row in block if row not in covered]
        named = [keys[row] for row in rows]
        held = await remembered(source, job.columns(rows)) if source.chunks is not None else None
        merge = _Merge(job, named, rows, held, {})
        known = generations_of(held)
        try:
            done = await update_many(
                source.store,
                named,
                merge,
                known=known,
                decoded=merge.decoded,
                within=source.compute,
                unread=True,
            )
            waited = done.waited or waited
        except TegulaError as error:
            raise_placed(error, source, named)
    return waited


class Job(Record, eq=False):
    """Chunks to be written, by their cells, and the memory to work in.

    They are stored by `chain`: each by itself, or, where that is not the chain of the array, in shards.
    """

    source: Chunked
    chain: CodecChain
    cells: Sequence[tuple[int, ...]]
    arena: Arena

    def columns(self, rows: Sequence[int]) -> NDArray[np.int64]:
        """Return the cells of some chunks, int64[n, rank]."""
        cells = self.cells
        return np.array([cells[row] for row in rows], np.int64).reshape(
            len(rows), len(self.source.layout.chunk_shape)
        )

    def whole(self, row: int) -> bool:
        """Whether all of a chunk is written, so that it need not be read."""
        raise NotImplementedError

    def put(self, row: int, chunk: NDArray[Any]) -> None:
        """Copy what is written of a chunk into its words."""
        raise NotImplementedError

    def lying(self, row: int) -> NDArray[Any] | None:
        """Return the words of a chunk that is covered, where they lie somewhere as it stores them."""
        raise NotImplementedError


def words_in(
    chain: CodecChain, parts: Pieces, piece: int, data: NDArray[Any], own: bool
) -> NDArray[Any] | None:
    """Return the words of a chunk that a piece covers, where they lie in `data` as they are stored.

    Stored as they are they are only looked at where nobody else changes `data` later, which they are all of.
    """
    if parts.axes is not None or not data.ndim or chain.order != tuple(range(len(chain.order))):
        return None
    index = zip(parts.sources[piece], chain.chunk_shape, strict=False)  # behind the first is an ellipsis
    if any(extent > 1 and one.step != 1 for one, extent in index):
        return None  # backwards
    block = data[parts.targets[piece]]
    if not block.flags.c_contiguous or (chain.raw and not (own and block.size == data.size)):
        return None
    found: NDArray[Any] = block.reshape(-1).view()
    found.flags.writeable = False  # for a codec that works where its input lies
    return found


class _Alone(Job, eq=False):
    """A write: `data` as words, taken apart."""

    parts: Pieces
    data: NDArray[Any]

    def whole(self, row: int) -> bool:
        return covers(self.parts.sources[row], self.chain.chunk_shape)

    def put(self, row: int, chunk: NDArray[Any]) -> None:
        parts, chain = self.parts, self.chain
        place = chain.array_of(chunk).view(chain.word)[parts.sources[row]]
        if parts.axes is not None:
            place = place.transpose(parts.axes)
        place[...] = self.data[parts.targets[row]] if self.data.ndim else self.data

    def lying(self, row: int) -> NDArray[Any] | None:
        return words_in(self.chain, self.parts, row, self.data, False)


def _encode(job: Job, rows: Sequence[int], words: list[Any] | None) -> list[Any]:
    """Return the encoded values of chunks that are covered; `words` is filled with theirs."""
    chain = job.chain
    values: list[Any] = []
    if words is None and len(rows) > 1 and chain.nbytes <= ALONE and chain.joint_encoding:
        slab = np.frombuffer(job.arena.take(len(rows) * chain.nbytes), chain.word).reshape(len(rows), -1)
        for row, chunk in zip(rows, slab, strict=True):
            job.put(row, chunk)
        return encoded_all(job.source, slab, chain)
    for row in rows:
        lying = job.lying(row) if words is None else None
        if lying is not None:
            value = encoded(job.source, lying, chain)
            if (
                isinstance(value, memoryview)
                and not chain.raw
                and np.may_share_memory(lying, np.asarray(value))
            ):
                value = bytes(value)  # a codec that changed nothing
            values.append(value)
            continue
        count = prod(chain.chunk_shape)
        # what a pool keeps is its own
        held = None if words is not None else job.arena.take(count * chain.word.itemsize)
        chunk = np.empty(count, chain.word) if held is None else np.frombuffer(held, chain.word)
        job.put(row, chunk)
        values.append(encoded(job.source, chunk, chain, words))
    return values


class _Merge(Record, eq=False):
    """Merge pieces into what is stored: the pure half of read-modify-write.

    `rows` are the pieces, `keys` theirs, `held` what a pool knows of them; `words` is filled with the words
    last merged for each, for it.
    """

    job: Job
    keys: Sequence[str]
    rows: Sequence[int]
    held: Held | None
    words: dict[int, Any]

    def decoded(self, rows: Sequence[int]) -> DecodedColumns | None:
        """Return what a cache is told of some of the rows, merged before."""
        source = self.job.source
        if source.chunks is None:
            return None
        cells = self.job.columns([self.rows[row] for row in rows])
        return decoded_of(source, cells, [self.words.get(row) for row in rows])

    def __call__(self, rows: Sequence[int], values: Sequence[Any]) -> list[Any]:
        """Return the new values of some of the rows, given the stored ones (None: missing)."""
        return [self._merged(row, value) for row, value in zip(rows, values, strict=True)]

    def _merged(self, row: int, value: Any) -> Any:
        source = self.job.source
        chain = source.layout.chain
        words: list[Any] | None = None if source.chunks is None else []
        where = describe(source.store, self.keys[row])
        chunk = stored_words(source, chain, value, where, known_words(self.held, row, value))
        self.job.put(self.rows[row], chunk)
        found = encoded(source, chunk, chain, words)
        if words:
            (self.words[row],) = words
        return found
