"""Write a few pieces into a shard, by NumPy's own indexing and no columns: those of one write or of several.

Knows: which inner chunks of a shard a job (`tegula.programs.writing_few`) writes to.  How a shard is read,
changed and written on condition is decided in `tegula.programs.sharded_writing`.

Law: what is written is what `tegula.programs.sharded_writing` writes by columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from math import prod
from operator import floordiv
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tegula.effects.control import Compute
from tegula.effects.effect import Call
from tegula.effects.storage import WriteMany
from tegula.errors import TegulaError
from tegula.kv.spec import describe, is_far
from tegula.plan.arena import Arena
from tegula.plan.blocks import ALONE, block_rows, far_width, shards_at_once
from tegula.programs.frontier import update_many
from tegula.programs.sharded_writing import ShardEdit
from tegula.programs.writing import encoded_all, raise_placed, stored_words
from tegula.programs.writing_few import Job
from tegula.source import Chunked

__all__ = ["shard_blocks", "write_shards"]


def shard_blocks(
    source: Chunked, cells: Sequence[tuple[int, ...]], width: int
) -> tuple[list[list[int]], int]:
    """Return the numbers of the finest chunks at `cells` in blocks of a few shards, and how many at a time.

    By at most `width` tasks; from afar each shard is a block.
    """
    shards = list(by_shard(source, cells, range(len(cells))).values())
    size = source.layout.chain.nbytes
    if is_far(source.store):
        return shards, far_width(size)
    limit = shards_at_once(width, size)
    step = min(block_rows(size), -(-len(shards) // limit))
    blocks = [list(chain.from_iterable(shards[at : at + step])) for at in range(0, len(shards), step)]
    return blocks, limit


def by_shard(
    source: Chunked, cells: Sequence[tuple[int, ...]], rows: Iterable[int]
) -> dict[tuple[int, ...], list[int]]:
    """Return which rows of `cells`, of the finest chunks, lie in each shard, by the shard's cell."""
    within = source.layout.chain.levels[0].within
    found: dict[tuple[int, ...], list[int]] = {}
    for row in rows:
        found.setdefault(tuple(map(floordiv, cells[row], within)), []).append(row)
    return found


async def write_shards(job: Job, rows: Sequence[int]) -> bool:
    """Write some chunks of a job that lie in a few shards; return whether that was waiting, mostly.

    Raises:
        TegulaError: one of the shards could not be written; of the others some are.
    """
    source, rule = job.source, job.source.layout.keys
    levels = source.layout.chain.levels
    inner = prod(levels[0].within)
    covered: tuple[list[str], list[_Edit]] = ([], [])
    changed: tuple[list[str], list[_Edit]] = ([], [])
    shards = by_shard(source, job.cells, rows)
    keys = rule.keys(np.array(list(shards), np.int64).reshape(len(shards), -1), source.path)
    for key, mine in zip(keys, shards.values(), strict=True):
        edit = _Edit(levels, describe(source.store, key), job, mine, job.columns(mine))
        named, edits = covered if len(mine) == inner and all(map(job.whole, mine)) else changed
        named.append(key)
        edits.append(edit)
    waited = False
    try:
        keys, edits = covered
        if edits:
            values = await Compute(Call(_made, edits), source.compute)
            waited = (await WriteMany(source.store, keys, values)).waited
            del values
        keys, edits = changed
        if edits:
            merge = Call(_merged, edits)
            waited = (await update_many(source.store, keys, merge, within=source.compute)).waited or waited
    except TegulaError as error:
        raise_placed(error, source, keys)
    return waited


def _made(edits: Sequence[_Edit]) -> list[Any]:
    return [edit.made(None, Arena()) for edit in edits]


def _merged(rows: Sequence[int], values: Sequence[Any], edits: Sequence[_Edit]) -> list[Any]:
    return [edits[row].made(value, Arena()) for row, value in zip(rows, values, strict=True)]


class _Edit(ShardEdit, eq=False):
    """Put pieces into inner chunks of one shard: the pure half of read-modify-write."""

    job: Job
    numbers: Sequence[int]
    cells: NDArray[np.int64]

    def inner(
        self,
        rows: NDArray[np.int64],
        stored: Sequence[Any],
        numbers: NDArray[np.int64],
        where: str,
        arena: Arena,  # noqa: ARG002
    ) -> list[Any]:
        job, source = self.job, self.job.source
        finest = job.chain
        size = prod(finest.chunk_shape)
        together = finest.nbytes <= ALONE and finest.joint_encoding
        found: list[Any] = []
        most = block_rows(finest.nbytes) if together else 1
        for at in range(0, len(rows), most):
            some = slice(at, at + most)
            slab = np.empty((len(rows[some]), size), finest.word)
            for place, row, number, value in zip(
                slab, rows[some].tolist(), numbers[some].tolist(), stored[some], strict=True
            ):
                mine = self.numbers[row]
                if not job.whole(mine):
                    name = self.levels[-1].sharding.name(number)
                    place[...] = stored_words(source, finest, value, f"{name} in {where}")
                job.put(mine, place)
            found += encoded_all(source, slab, finest)
        return found
