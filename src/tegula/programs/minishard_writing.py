"""Write Neuroglancer shards: whole ones blindly, others on condition.

Writing groups the rows of a table by shard.  A shard that is covered entirely is written without being read;
any other is read, its chunks replaced or merged, and written back only if it is still what was read.

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
from tegula.plan.blocks import EXPANDED_ROWS
from tegula.plan.table import Block, Table
from tegula.programs.frontier import update_many
from tegula.programs.minishards import about_index, where
from tegula.programs.room import within
from tegula.programs.writing import Writing, encode_rows, merge_row, placed
from tegula.record import Record

__all__ = ["write_minishards"]


async def write_minishards(job: Writing, table: Table, width: int) -> None:
    """Write all rows of a table, shard by shard, at most `width` shards at a time."""
    source = job.source
    rule = source.layout.minishards
    assert rule is not None
    rule.admit()
    block = table.expand()
    numbers = rule.numbers(block.cells)
    shards, _ = rule.places(numbers)
    order = np.lexsort((numbers, shards))
    sorted_ = shards[order]
    edges = [0, *(np.flatnonzero(sorted_[1:] != sorted_[:-1]) + 1).tolist(), len(order)]
    calls = []
    for first, last in pairwise(edges):
        rows = order[first:last]
        shard = int(sorted_[first])
        edit = _Edit(job, rule, table, block[rows], numbers[rows], source.path + rule.key(shard))
        covers = len(rows) == rule.count(shard) and bool(edit.block.whole.all())
        calls.append(Call(within, job.room, Call(_write_shard, edit, covers)))
    await All(calls, limit=width)


async def _write_shard(edit: _Edit, covers: bool) -> None:
    source = edit.job.source
    try:
        if covers:
            value = await Compute(Call(edit.made, None), source.compute)
            await WriteMany(source.store, [edit.key], [value])
        else:
            await update_many(source.store, [edit.key], edit, within=source.compute)
    except TegulaError as error:
        raise placed(error, source, [edit.key]) from error


class _Edit(Record, eq=False):
    """Replace chunks of one shard: the pure half of read-modify-write."""

    job: Writing
    rule: Minishards
    table: Table
    block: Block
    numbers: NDArray[np.uint64]
    key: str

    def __call__(self, rows: Sequence[int], values: Sequence[Any]) -> list[Any]:
        """Return the new value of the shard for its stored one (None: missing), as `update_many` asks."""
        return [self.made(value) for _, value in zip(rows, values, strict=True)]

    def made(self, value: Any) -> Any:
        """Return the new value of the shard, None where nothing is in it."""
        job, arena = self.job, Arena()
        held: dict[int, Any] = {}
        if value is not None:
            try:
                held.update(self.rule.pieces(value))
            except TegulaError as error:
                raise about_index(job.source, self.key, error) from None
        numbers = self.numbers.tolist()
        full = self.block.whole != 0
        for at in range(0, len(numbers), EXPANDED_ROWS):
            whole = (np.flatnonzero(full[at : at + EXPANDED_ROWS]) + at).tolist()
            if whole:
                made = encode_rows(job, self.table, self.block, whole, arena)
                for row, piece in zip(whole, made, strict=True):
                    held[numbers[row]] = piece
        for row in np.flatnonzero(~full).tolist():
            number = numbers[row]
            name = where(job.source, self.key, number)
            held[number] = merge_row(job, self.table, self.block, row, held.get(number), name)
        return self.rule.pack({number: piece for number, piece in held.items() if piece is not None})
