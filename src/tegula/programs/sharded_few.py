"""Write a few pieces into a shard, by NumPy's own indexing and no columns: those of one write or of several.

Knows: which inner chunks of a shard a job (`tegula.programs.writing_few`) writes to.  How a shard is read,
changed and written on condition is decided in `tegula.programs.sharded_writing`.

Law: what is written is what `tegula.programs.sharded_writing` writes by columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod
from operator import floordiv
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tegula.effects.control import Compute
from tegula.effects.effect import Call
from tegula.effects.storage import WriteMany
from tegula.errors import TegulaError
from tegula.kv.spec import describe
from tegula.plan.arena import Arena
from tegula.programs.frontier import update_many
from tegula.programs.sharded_writing import ShardEdit
from tegula.programs.writing import encoded, raise_placed, stored_words
from tegula.programs.writing_few import Job
from tegula.source import Chunked

__all__ = ["by_shard", "write_shard"]


def by_shard(source: Chunked, cells: Iterable[tuple[int, ...]]) -> dict[tuple[int, ...], list[int]]:
    """Return the numbers of the finest chunks at `cells` that lie in each shard, by the shard's cell."""
    within = source.layout.chain.levels[0].within
    found: dict[tuple[int, ...], list[int]] = {}
    for number, cell in enumerate(cells):
        found.setdefault(tuple(map(floordiv, cell, within)), []).append(number)
    return found


async def write_shard(job: Job, rows: Sequence[int]) -> bool:
    """Write some chunks of a job that lie in one shard; return whether that was waiting, mostly.

    Raises:
        TegulaError: the shard could not be written.
    """
    source, rule = job.source, job.source.layout.keys
    levels = source.layout.chain.levels
    corner = np.array([job.cells[rows[0]]], np.int64) // np.array(levels[0].within, np.int64)
    keys = rule.keys(corner, source.path)
    edit = _Edit(levels, describe(source.store, keys[0]), job, rows, job.columns(rows))
    try:
        if len(rows) == prod(levels[0].within) and all(map(job.whole, rows)):
            value = await Compute(Call(edit.made, None, Arena()), source.compute)
            done = await WriteMany(source.store, keys, [value])
        else:
            done = await update_many(source.store, keys, edit, within=source.compute)
    except TegulaError as error:
        raise_placed(error, source, keys)
    return done.waited


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
        finest = source.layout.chain.finest
        found = []
        for row, number, value in zip(rows.tolist(), numbers.tolist(), stored, strict=True):
            mine = self.numbers[row]
            if job.whole(mine):
                chunk: NDArray[Any] = np.empty(prod(finest.chunk_shape), finest.word)
            else:
                name = self.levels[-1].sharding.name(number)
                chunk = stored_words(source, finest, value, f"{name} in {where}")
            job.put(mine, chunk)
            found.append(encoded(source, chunk, finest))
        return found
