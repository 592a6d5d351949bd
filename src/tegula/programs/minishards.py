"""Read chunks of Neuroglancer shards by ranges, and write shards: whole ones blindly, others on condition.

Reading is staged, one effect a stage however many chunks are wanted: the entries of the shard indices, the
indices of the minishards, the chunks.  The stages of one shard must be about one value: where a later answer
is of another generation than the first, the shard was replaced in between, and its chunks are taken from
its whole value instead.

Writing groups the rows of a table by shard.  A shard that is covered entirely is written without being read;
any other is read, its chunks replaced or merged, and written back only if it is still what was read.

Law: equals reading and writing whole shards (`Minishards.pieces`, `pack`), whatever else writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tegula.codecs.codec import SLACK
from tegula.codecs.minishard import ENTRY, Minishards
from tegula.effects.control import All, Compute
from tegula.effects.effect import Call
from tegula.effects.storage import ReadMany, WriteMany
from tegula.errors import FailedPrecondition, OutOfRange, TegulaError, annotated
from tegula.kv.spec import ByteRange, describe
from tegula.plan.arena import Arena
from tegula.plan.blocks import BLOCK_BYTES, EXPANDED_ROWS
from tegula.plan.ranges import GAP, coalesce
from tegula.plan.table import Block, Table
from tegula.programs.frontier import update_many
from tegula.programs.room import within
from tegula.programs.writing import Writing, encode_rows, merge_row, placed
from tegula.record import Record
from tegula.source import Chunked

__all__ = ["Located", "ShardNames", "fetch", "locate_chunks", "where", "write_minishards"]

_NONE = np.zeros(0, np.int64)


class Located(NamedTuple):
    """Where chunks are: the shard of each row (`owners`, a number in `keys`), and its bytes, -1 for missing.

    `generations` are those of the shards as their indices were read.
    """

    keys: list[str]
    generations: list[bytes]
    numbers: NDArray[np.uint64]
    owners: NDArray[np.int64]
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]


class ShardNames(Record, eq=False):
    """How errors call the rows of located chunks from `first` on; `cells` int64[n, rank] are theirs."""

    source: Chunked
    found: Located
    first: int
    cells: NDArray[np.int64]

    def where(self, row: int) -> str:
        """Return how errors call the value of a row."""
        row += self.first
        return where(self.source, self.found.keys[int(self.found.owners[row])], int(self.found.numbers[row]))

    def cell(self, row: int) -> list[int]:
        """Return the cell of a row."""
        found: list[int] = self.cells[row].tolist()
        return found


def where(source: Chunked, key: str, number: int) -> str:
    """Return how errors call a chunk of a shard."""
    return f"chunk {number} in {describe(source.store, key)}"


async def locate_chunks(source: Chunked, cells: NDArray[np.int64]) -> Located:
    """Return where the chunks at `cells` int64[n, rank] are.

    Raises:
        DataLoss, FailedPrecondition: an index is damaged.
    """
    rule = source.layout.minishards
    assert rule is not None
    numbers = rule.numbers(cells)
    shards, minis = rule.places(numbers)
    distinct, owners = np.unique(shards, return_inverse=True)
    owners = owners.reshape(-1).astype(np.int64)
    keys = [source.path + rule.key(shard) for shard in distinct.tolist()]
    pairs, group = np.unique(np.stack([owners, minis]), axis=1, return_inverse=True)
    group = group.reshape(-1)
    of = pairs[0]
    found = Located(
        keys,
        [b""] * len(keys),
        numbers,
        owners,
        np.full(len(cells), -1, np.int64),
        np.full(len(cells), -1, np.int64),
    )
    entries = await _ranges(source, found, of, pairs[1] * ENTRY, (pairs[1] + 1) * ENTRY, True)
    spans = np.full((len(of), 2), -1, np.int64)
    for at, stored in enumerate(entries):
        if stored is None:
            continue
        try:
            spans[at] = rule.entry(stored)
        except TegulaError as error:
            raise _about_index(source, keys[of[at]], error) from None
    there = np.flatnonzero(spans[:, 0] < spans[:, 1])
    indices = await _ranges(source, found, of[there], spans[there, 0], spans[there, 1], False)
    rows_of: dict[int, NDArray[np.int64]] = {}
    order = np.argsort(group, kind="stable")
    edges = np.searchsorted(group[order], np.arange(len(of) + 1))
    for at, stored in zip(there.tolist(), indices, strict=True):
        rows_of[at] = rows = order[edges[at] : edges[at + 1]]
        if stored is None:
            continue
        try:
            index = await Compute(Call(rule.index, stored), source.compute)
        except TegulaError as error:
            raise _about_index(source, keys[of[at]], error) from None
        found.starts[rows], found.stops[rows] = rule.within(index, numbers[rows])
    return found


def _about_index(source: Chunked, key: str, error: TegulaError) -> TegulaError:
    return annotated(error, f"Error reading shard index in {describe(source.store, key)}: ")


async def _ranges(
    source: Chunked,
    found: Located,
    owners: NDArray[np.int64],
    starts: NDArray[np.int64],
    stops: NDArray[np.int64],
    first: bool,
) -> list[Any]:
    """Return ranges of bytes of shards, None where the shard is missing (`first`), or was replaced.

    `first`: the generations are learnt here.  Replaced shards have their generation set to None.
    """
    if not len(owners):
        return []
    requests = coalesce(owners, starts, stops, GAP, BLOCK_BYTES)
    keys = [found.keys[owner] for owner in requests.owners]
    ranges = list(map(ByteRange, requests.starts, requests.stops))
    try:
        answers = await ReadMany(source.store, keys, ranges)
    except OutOfRange:
        # replaced by a smaller one, or not to be believed: the whole value will tell
        for owner in requests.owners:
            found.generations[owner] = REPLACED
        return [None] * len(owners)
    for owner, generation in zip(requests.owners, answers.generations, strict=True):
        if first and not found.generations[owner]:
            found.generations[owner] = generation
    values: list[Any] = []
    for row, request in enumerate(requests.request.tolist()):
        owner, value = requests.owners[request], answers.values[request]
        if value is None:
            values.append(None)
        elif answers.generations[request] != found.generations[owner]:
            found.generations[owner] = REPLACED
            values.append(None)
        else:
            begin = int(starts[row]) - requests.starts[request]
            values.append(memoryview(value)[begin : begin + int(stops[row] - starts[row])])
    return values


REPLACED = b"\0replaced"


async def fetch(source: Chunked, found: Located, rows: slice) -> list[Any]:
    """Return the stored bytes of some of the located chunks, None for those that are missing.

    Raises:
        DataLoss, FailedPrecondition: an index is damaged.
    """
    rule = source.layout.minishards
    assert rule is not None
    owners, starts, stops = found.owners[rows], found.starts[rows], found.stops[rows]
    most = source.layout.chain.most + SLACK
    long = np.flatnonzero(stops - starts > most)
    if len(long):
        at = int(long[0])
        name = where(source, found.keys[int(owners[at])], int(found.numbers[rows][at]))
        raise FailedPrecondition(
            f"Error reading {name}: {int((stops - starts)[at])} bytes exceed the limit of {most} bytes"
        )
    values: list[Any] = [None] * len(owners)
    there = np.flatnonzero(starts >= 0)
    got = await _ranges(source, found, owners[there], starts[there], stops[there], False)
    for row, value in zip(there.tolist(), got, strict=True):
        values[row] = value
    torn = [owner for owner in set(owners.tolist()) if found.generations[owner] == REPLACED]
    for owner in torn:
        answer = await ReadMany(source.store, [found.keys[owner]])
        value = answer.values[0]
        held: dict[int, Any] = {}
        if value is not None:
            try:
                held = await Compute(Call(rule.pieces, value), source.compute)
            except TegulaError as error:
                raise _about_index(source, found.keys[owner], error) from None
        for row in np.flatnonzero(owners == owner).tolist():
            values[row] = held.get(int(found.numbers[rows][row]))
    return values


# ---------------------------------------------------------------- writing


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
                raise _about_index(job.source, self.key, error) from None
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
