"""Write Neuroglancer shards: whole ones blindly, others on condition, each of them once.

What is written is grouped by shard.  A shard that is covered entirely is written without being read; any
other is read, its chunks replaced or merged, and written back only if it is still what was read.  Chunks that
are covered are encoded before that, and may come from several arrays (`tegula.programs.copying_shards`).

Law: equals writing whole shards (`Minishards.pieces`, `pack`), whatever else writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tegula.codecs.minishard import Minishards
from tegula.effects.control import All, Compute
from tegula.effects.effect import Call
from tegula.effects.storage import WriteMany
from tegula.errors import TegulaError
from tegula.plan.arena import Arena
from tegula.plan.blocks import BLOCK_BYTES, EXPANDED_ROWS, shards_at_once, span_count
from tegula.plan.budget import shard_size
from tegula.plan.table import Block
from tegula.programs.frontier import update_many
from tegula.programs.minishards import about_index, where
from tegula.programs.room import within
from tegula.programs.writing import Writing, encode_rows, merge_row, raise_placed
from tegula.record import Record, replace
from tegula.source import Chunked

__all__ = ["Part", "part_of", "write_minishards", "write_shard"]


async def write_minishards(job: Writing, width: int) -> None:
    """Write all rows of a job, shard by shard, at most `width` shards at a time."""
    source = job.source
    rule = source.layout.minishards
    assert rule is not None
    rule.admit()
    every = part_of(job)
    shards, _ = rule.places(every.numbers)
    order = np.lexsort((every.numbers, shards))
    sorted_ = shards[order]
    edges = [0, *(np.flatnonzero(sorted_[1:] != sorted_[:-1]) + 1).tolist(), len(order)]
    whole = covers_all(rule, every)
    calls = []
    tasks = max(1, width // (len(edges) - 1)) if job.room is None else 1
    for first, last in pairwise(edges):
        part = every.rows(order[first:last])
        shard = int(sorted_[first])
        covers = whole or covers_shard(rule, shard, part)
        calls.append(Call(within, job.room, Call(_write_part, source, shard, part, covers, tasks)))
    await All(calls, limit=shards_at_once(width, shard_size(source)))


async def _write_part(source: Chunked, shard: int, part: Part, covers: bool, tasks: int) -> None:
    """Write what is in one shard; `tasks`: how many may encode its chunks."""
    chain = part.job.chain
    count = 1 if tasks == 1 else span_count(len(part.numbers), chain.nbytes, tasks, not chain.light)
    edges = [len(part.numbers) * each // count for each in range(count + 1)]
    pieces: dict[int, Any] = {}
    try:
        for some in await All(
            [Call(_encode, part.rows(np.arange(a, b))) for a, b in pairwise(edges)], limit=tasks
        ):
            pieces.update(some)
    except TegulaError as error:
        raise_placed(error, source, [source.shard_key(shard)])
    rest = part.rest()
    await write_shard(source, shard, pieces, [] if rest is None else [rest], covers)


async def _encode(part: Part) -> dict[int, Any]:
    return await Compute(Call(part.encoded), part.job.source.compute)


async def write_shard(
    source: Chunked, shard: int, pieces: dict[int, Any], parts: Sequence[Part], covers: bool
) -> None:
    """Write one shard: encoded chunks by number (None: to be deleted), and parts of chunks to be merged.

    `covers`: those are all chunks that it may have, so that it need not be read.
    """
    rule, key = source.layout.minishards, source.shard_key(shard)
    assert rule is not None
    edit = _Edit(source, rule, key, pieces, parts)
    try:
        if covers:
            value = await Compute(Call(edit.made, None), source.compute)
            pieces.clear()  # they are in the value
            await WriteMany(source.store, [key], [value])
        else:
            await update_many(source.store, [key], edit, within=source.compute)
    except TegulaError as error:
        raise_placed(error, source, [key])


class Part(Record, eq=False):
    """Some rows of a job: chunks, or parts of them, with their `numbers` uint64[n]."""

    job: Writing
    block: Block
    numbers: NDArray[np.uint64]

    def rows(self, rows: NDArray[Any]) -> Part:
        """Return some of the rows."""
        return replace(self, block=self.block[rows], numbers=self.numbers[rows])

    def encoded(self) -> dict[int, Any]:
        """Return the stored bytes of the chunks that are covered, by number; None for the fill value."""
        arena = Arena(largest=2 * BLOCK_BYTES)
        found: dict[int, Any] = {}
        numbers = self.numbers.tolist()
        full = self.block.whole != 0
        for at in range(0, len(numbers), EXPANDED_ROWS):
            whole = (np.flatnonzero(full[at : at + EXPANDED_ROWS]) + at).tolist()
            if whole:
                made = encode_rows(self.job, self.job.table, self.block, whole, arena)
                found.update((numbers[row], piece) for row, piece in zip(whole, made, strict=True))
        return found

    def rest(self) -> Part | None:
        """Return the rows that are parts of chunks, None where there are none."""
        partial = np.flatnonzero(self.block.whole == 0)
        return self.rows(partial) if len(partial) else None

    def merge(self, held: dict[int, Any], key: str) -> None:
        """Merge all rows into the stored bytes of the chunks of a shard."""
        for row, number in enumerate(self.numbers.tolist()):
            name = where(self.job.source, key, number)
            held[number] = merge_row(self.job, self.job.table, self.block, row, held.get(number), name)


def part_of(job: Writing) -> Part:
    """Return all rows of a job."""
    rule = job.source.layout.minishards
    assert rule is not None
    block = job.table.expand()
    return Part(job, block, rule.numbers(block.cells))


def covers_all(rule: Minishards, part: Part) -> bool:
    """Return whether a part covers every chunk of the grid."""
    return len(part.numbers) == rule.chunks and bool(part.block.whole.all())


def covers_shard(rule: Minishards, shard: int, part: Part) -> bool:
    """Return whether a part, which lies in one shard, covers every chunk that the shard may have."""
    return len(part.numbers) == rule.count(shard) and bool(part.block.whole.all())


class _Edit(Record, eq=False):
    """Replace chunks of one shard: the pure half of read-modify-write."""

    source: Chunked
    rule: Minishards
    key: str
    pieces: dict[int, Any]
    parts: Sequence[Part]

    def __call__(self, rows: Sequence[int], values: Sequence[Any]) -> list[Any]:
        """Return the new value of the shard for its stored one (None: missing), as `update_many` asks."""
        return [self.made(value) for _, value in zip(rows, values, strict=True)]

    def made(self, value: Any) -> Any:
        """Return the new value of the shard, None where nothing is in it."""
        held: dict[int, Any] = {}
        if value is not None:
            try:
                held.update(self.rule.pieces(value))
            except TegulaError as error:
                raise about_index(self.source, self.key, error) from None
        held.update(self.pieces)
        for part in self.parts:
            part.merge(held, self.key)
        return self.rule.pack({number: piece for number, piece in held.items() if piece is not None})
