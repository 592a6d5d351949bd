"""Fetch inner chunks of one shard in the usual case: its index is at hand, and all of them are stored.

Most boxes lie in one shard.  Then the general way of `entries`, which is for any number of shards in shards,
takes longer to prepare than the store to answer.  What is not simply so is left to it: shards in shards, a
shard or an inner chunk that is not there, an index that is not to be believed, a shard that was replaced.

Law: what is handed over is what `entries` hands over; rows that are left are handed over by nobody yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tegula.effects.control import All, Compute
from tegula.effects.effect import Call
from tegula.effects.storage import ReadMany
from tegula.errors import OutOfRange, TegulaError
from tegula.kv.spec import ByteRange
from tegula.plan.blocks import BLOCK_BYTES, block_rows, even_rows
from tegula.plan.ranges import GAP
from tegula.programs.entries import Lot, Pace, Sink
from tegula.programs.shard_index import ANY, ShardNames, indices_of
from tegula.record import Record
from tegula.source import Chunked

__all__ = ["fetch_from_one"]

Ints = NDArray[np.int64]


async def fetch_from_one(
    source: Chunked, cells: Ints, corner: Ints, key: str, sink: Sink, pace: Pace
) -> Ints | None:
    """Hand over what is stored of inner chunks, `cells` int64[n, r], of the shard at `corner` int64[1, r].

    Returns the rows that are left, None for none.
    """
    chain = source.layout.chain
    (index,) = await indices_of(source, corner, ANY)
    count = len(cells)
    level = chain.levels[0]
    if index.spans is None:
        return np.arange(count)
    try:
        starts, stops = level.sharding.checked(index.spans, level.numbers(cells))
    except TegulaError:
        return np.arange(count)
    if starts.min() < 0 or (stops - starts).max() > chain.finest.most:
        return np.arange(count)
    order = starts.argsort()
    job = _Job(source, cells, [key], corner, [index.generation], sink, starts, stops, [])
    most = block_rows(chain.finest.nbytes)
    step = min(most, pace.rows or even_rows(count, most, pace.width))
    blocks = [order[at : at + step] for at in range(0, count, step)]
    tasks = min(len(blocks), 4 * pace.width) if pace.width > 1 else 1
    if tasks == 1:
        await _fetch(job, blocks)
    else:
        edges = [len(blocks) * part // tasks for part in range(tasks + 1)]
        await All([Call(_fetch, job, blocks[a:b]) for a, b in pairwise(edges)], limit=pace.width)
    return np.concatenate(job.left) if job.left else None


class _Job(Record, eq=False):
    """What the tasks share; they add to `left`."""

    source: Chunked
    cells: Ints
    keys: list[str]
    corner: Ints
    generations: Sequence[bytes]
    sink: Sink
    starts: Ints
    stops: Ints
    left: list[Ints]


async def _fetch(job: _Job, blocks: Sequence[Ints]) -> None:
    """Fetch blocks of rows, which lie in the shard one behind the other."""
    source = job.source
    scratch = job.sink.scratch()
    for rows in blocks:
        ranges, places = _ranges(job.starts[rows].tolist(), job.stops[rows].tolist())
        try:
            answers = await ReadMany(source.store, job.keys * len(ranges), ranges)
        except OutOfRange:
            job.left.append(rows)
            continue
        if any(generation != job.generations[0] for generation in answers.generations):
            job.left.append(rows)
            continue
        views = [memoryview(value) for value in answers.values]  # type: ignore[arg-type]
        stored = [views[request][first:last] for request, first, last in places]
        cells = job.cells[rows]
        owners = np.zeros(len(rows), np.int64)
        lot = Lot(rows, cells, owners, job.keys, job.corner, job.generations)
        names = ShardNames(source.store, job.keys, owners, cells, source.layout.chain.levels)
        await Compute(Call(job.sink.put, lot, names, stored, scratch), source.compute)
        del stored, views, answers  # so that the store may read the next block into the same memory


def _ranges(
    starts: Sequence[int], stops: Sequence[int]
) -> tuple[list[ByteRange], list[tuple[int, int, int]]]:
    """Join ranges, in the order of where they begin; return the requests and where in them each range is.

    It is `plan.ranges.coalesce` of one value.

    >>> _ranges([0, 10, 90000], [10, 20, 90005])
    ([ByteRange(start=0, stop=20), ByteRange(start=90000, stop=90005)], [(0, 0, 10), (0, 10, 20), (1, 0, 5)])
    """
    requests: list[ByteRange] = []
    places = []
    first, last = starts[0], stops[0]
    for start, stop in zip(starts, stops, strict=True):
        if start > last + GAP or (stop > last and stop - first > BLOCK_BYTES and start > first):
            requests.append(ByteRange(first, last))
            first, last = start, stop
        elif stop > last:
            last = stop
        places.append((len(requests), start - first, stop - first))
    requests.append(ByteRange(first, last))
    return requests, places
