"""From rows of inner chunks to ranges of bytes, one index after the other: the data-dependent step, pure.

A row of the fine grid lies in one entry of its shard; where shards are nested, in one entry of that
entry, and so on.  `Level` says which; `refine` looks the entries up once the indices are known.

What this file must not know: who reads the indices.  Law: following the levels of a row ends at the bytes
that `Sharding.pieces`, applied level by level to the whole value, gives for it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tegula.codecs.shard import Sharding, Spans
from tegula.errors import TegulaError
from tegula.plan.partition import Ints
from tegula.row import NamedTuple

__all__ = ["Entries", "RowError", "index_ranges", "refine"]


class RowError(Exception):
    """What is wrong with what is stored for one row: its number, and the error without a place."""

    def __init__(self, row: int, error: TegulaError) -> None:
        super().__init__(row, error)
        self.row = row
        self.error = error


class Entries(NamedTuple):
    """Distinct ranges of bytes in stored values: the value's number, first and last byte; int64[k] each.

    `stops` are -1 where the whole value is meant and its size is not known.  `rows` int64[n] gives the range
    of each row, -1 where nothing is stored for it.
    """

    owners: Ints
    starts: Ints
    stops: Ints
    rows: Ints


def index_ranges(sharding: Sharding, entries: Entries) -> tuple[Ints, Ints]:
    """Return the ranges of bytes at which the indices of shards lie, int64[k] each.

    Raises:
        RowError: one is too short to hold an index.
    """
    size = sharding.index_bytes
    short = np.flatnonzero(entries.stops - entries.starts < size)
    if len(short):
        length = int(entries.stops[short[0]] - entries.starts[short[0]])
        row = int((entries.rows == short[0]).argmax())
        raise RowError(row, sharding.too_short(length))
    starts = entries.starts if sharding.start else entries.stops - size
    return starts, starts + size


def refine(sharding: Sharding, entries: Entries, indices: Sequence[Spans | None], numbers: Ints) -> Entries:
    """Return the entries that rows are in, one level further down.

    Args:
        sharding: how the `entries` are cut.
        entries: the shards that the rows are in.
        indices: the index of each of them, None for a shard that is not there.
        numbers: int64[n], in which entry of its shard each row is.

    Raises:
        RowError: an index names bytes outside its shard.
    """
    rows = np.full(len(numbers), -1, np.int64)
    parts: list[tuple[Ints, Ints, Ints]] = []
    count = 0
    order = np.argsort(entries.rows, kind="stable")
    edges = np.searchsorted(entries.rows[order], np.arange(len(indices) + 1))
    for shard, spans in enumerate(indices):
        mine = order[edges[shard] : edges[shard + 1]]
        if spans is None or not len(mine):
            continue
        distinct, where = np.unique(numbers[mine], return_inverse=True)
        base, stop = int(entries.starts[shard]), int(entries.stops[shard])
        try:
            first, last = sharding.checked(spans, distinct, None if stop < 0 else stop - base)
        except TegulaError as error:
            raise RowError(int(mine[0]), error) from None
        there = first >= 0
        rows[mine] = np.where(there, np.cumsum(there) - 1 + count, -1)[where]
        found = int(there.sum())
        count += found
        parts.append((np.full(found, entries.owners[shard]), first[there] + base, last[there] + base))
    none = np.zeros(0, np.int64)
    owners, starts, stops = (
        (np.concatenate([none, *column]) for column in zip(*parts, strict=True)) if parts else (none,) * 3
    )
    return Entries(owners, starts, stops, rows)
