"""How much goes into one task and one request: the numbers that cut work for running.

A *block* is one bulk request, one decode and one scatter, small enough to stay in a core's cache; a
*span* is the run of blocks that one task works through, large enough that starting it costs nothing.
A *tile* is the box of a view that is computed or copied at once; its edges fall on chunk edges where
they can, so that a chunk is read or written by one tile.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, product
from math import prod

__all__ = [
    "EXPANDED_ROWS",
    "TILE_BYTES",
    "Box",
    "Grain",
    "block_rows",
    "cut_line",
    "even_rows",
    "far_pace",
    "far_width",
    "shards_at_once",
    "span_count",
    "tile_bytes",
    "tiles",
    "work",
    "written_rows",
]

SPAN_BYTES = 4 << 20
ROW_BYTES = 32 << 10  # what is moved in the time that it takes to open and close a file
TASK_BYTES = 1 << 20  # what is worth another task
CODED = 4  # times longer takes decoding or encoding than copying, roughly
BLOCK_BYTES = 2 << 20
BLOCK_ROWS = 256
EXPANDED_ROWS = 2048  # rows whose columns are made by one kernel call, and stay in a core's cache
FEW, FEW_COLD = 128, 2048  # chunks that are taken one by one: with kernels, and where these are not loaded
FEW_BYTES = 1 << 20  # and so much of them by one task
MANY_BYTES = 64 << 20  # and by several
MANY_INNER = 16  # pieces of shards from which on columns are quicker, for one write
SHORT, SHORT_COMPILED = 256 << 10, 64 << 10  # less work a chunk than this is not worth another task
ALONE = 32 << 10  # what is placed chunk by chunk is decoded so, too, from here on: it is in the cache then
TILE_BYTES = 16 << 20
SHARD_FLIGHT = 256 << 20  # a shard is written at once: as many are made at a time as hold this together
FAR_ROWS = 128  # a far store is asked for many chunks at once: what a request costs is waiting
FAR_BYTES = 8 << 20
FAR_FLIGHT = 128 << 20

Box = tuple[tuple[int, ...], tuple[int, ...]]
Grain = tuple[int, int]
"""A period and a phase: the edges of chunks along a dimension are where ``(x - phase) % period == 0``."""


def block_rows(chunk_bytes: int, limit: int | None = None) -> int:
    """Return how many chunks of a size in bytes make a block, under a limit of bytes in flight.

    >>> block_rows(1024), block_rows(512 * 1024), block_rows(1 << 30), block_rows(1024, 1 << 20)
    (256, 4, 1, 64)
    """
    budget = BLOCK_BYTES if limit is None else min(BLOCK_BYTES, limit // 16)
    return max(1, min(BLOCK_ROWS, budget // max(1, chunk_bytes)))


def even_rows(rows: int, most: int, width: int) -> int:
    """Return how many of `rows` chunks, at most `most`, make a block, so that `width` tasks have alike much.

    >>> even_rows(171, 32, 2), even_rows(10, 32, 1), even_rows(10, 32, 2), even_rows(0, 32, 2)
    (29, 10, 5, 1)
    """
    blocks = -(-rows // (most * width)) * width
    return max(1, -(-rows // max(1, blocks)))


def written_rows(chunk_bytes: int, limit: int | None = None) -> int:
    """Return the same for chunks that are encoded and written, which are collected side by side.

    >>> written_rows(1024), written_rows(512 * 1024), written_rows(1 << 30), written_rows(1024, 1 << 20)
    (256, 8, 1, 64)
    """
    budget = 2 * BLOCK_BYTES if limit is None else min(2 * BLOCK_BYTES, limit // 16)
    return max(1, min(BLOCK_ROWS, budget // max(1, chunk_bytes)))


def far_pace(rows: int, chunk_bytes: int, limit: int | None = None) -> tuple[int, int, int]:
    """Return for `rows` chunks of a far store how many make a block, how many spans, how many at a time.

    A span is one block there.  As many are under way as hold 128 MiB of chunks, but 4 to 32.  Under a `limit`
    of bytes in flight blocks are smaller.

    >>> far_pace(1000, 64 << 10), far_pace(1000, 64 << 20), far_pace(3, 1 << 10)
    ((125, 8, 16), (1, 1000, 4), (3, 1, 32))
    """
    budget = FAR_BYTES if limit is None else min(FAR_BYTES, limit // 16)
    most = max(1, min(FAR_ROWS, budget // max(1, chunk_bytes)))
    spans = max(1, -(-rows // most))
    block = max(1, -(-rows // spans))
    return block, spans, far_width(block * chunk_bytes)


def far_width(task_bytes: int) -> int:
    """Return how many tasks that hold so many bytes each are under way at a far store.

    >>> far_width(64 << 10), far_width(8 << 20), far_width(1 << 30)
    (32, 16, 4)
    """
    return max(4, min(32, FAR_FLIGHT // max(1, task_bytes)))


def span_count(rows: int, chunk_bytes: int, width: int, coded: bool = False) -> int:
    """Return into how many spans to cut `rows` chunks for `width` tasks at a time.

    `coded`: decoding and encoding them takes longer than copying, and need not be alike for each.
    A chunk costs what it holds, and as much again as `ROW_BYTES`.

    >>> span_count(10, 1024, 8), span_count(512, 1 << 19, 8), span_count(512, 8 << 10, 2)
    (1, 68, 5)
    >>> span_count(2, 1 << 19, 2), span_count(8, 1 << 19, 2), span_count(8, 1 << 19, 2, coded=True)
    (1, 4, 8)
    """
    some = min(rows, (8 if coded else 2) * width, rows * work(chunk_bytes, coded) // TASK_BYTES)
    many = min(32 * width, rows * (chunk_bytes + ROW_BYTES) // SPAN_BYTES)
    return max(1, some, many)


def few_tasks(rows: int, chunk_bytes: int, width: int, coded: bool, compiled: bool) -> int:
    """Return into how many tasks to cut a few chunks that are taken one by one.

    Tasks that mostly wait for their turn in the interpreter are slower than one.  `compiled`: files are read
    and written without it.

    >>> few_tasks(64, 8 << 10, 2, False, False), few_tasks(64, 1 << 18, 2, False, False)
    (1, 4)
    """
    if work(chunk_bytes, coded) < (SHORT_COMPILED if compiled else SHORT):
        return 1
    return span_count(rows, chunk_bytes, width, coded)


def work(chunk_bytes: int, coded: bool) -> int:
    """Return how many bytes are copied in the time that a chunk of so many takes.

    >>> work(1 << 20, False) >> 10, work(1 << 20, True) >> 10
    (1056, 4128)
    """
    return (CODED if coded else 1) * chunk_bytes + ROW_BYTES


def shards_at_once(width: int, shard_bytes: int) -> int:
    """Return how many shards of that length, of at most `width`, are made at a time.

    >>> shards_at_once(3, 1 << 20), shards_at_once(3, 100 << 20), shards_at_once(3, 1 << 30)
    (3, 2, 1)
    """
    return max(1, min(width, SHARD_FLIGHT // max(1, shard_bytes)))


def tile_bytes(limit: int | None = None) -> int:
    """Return how large a tile should be, under a limit of bytes in flight.

    >>> tile_bytes() >> 20, tile_bytes(8 << 20) >> 20
    (16, 1)
    """
    return TILE_BYTES if limit is None else min(TILE_BYTES, limit // 8)


def tiles(
    lower: Sequence[int],
    upper: Sequence[int],
    cell_bytes: int,
    grains: Sequence[Grain],
    limit: int | None = None,
) -> list[Box]:
    """Cut a box into boxes of whole grains that need about `TILE_BYTES` each, and at least one grain.

    Under a `limit` of bytes in flight they are smaller.

    Tiles grow along the last dimension first, so that they are long runs of memory in C order.

    >>> tiles((0, 5), (4, 9), 4 << 20, ((1, 0), (2, 0)))[:2]
    [((0, 5), (1, 9)), ((1, 5), (2, 9))]
    """
    size = [period for period, _ in grains]
    budget = tile_bytes(limit) // max(1, cell_bytes)
    for dim in reversed(range(len(size))):
        period = size[dim]
        room = budget // max(1, prod(size))
        if room > 1:
            size[dim] = period * min(room, -(-(upper[dim] - lower[dim]) // period) + 1)
    steps = [
        (step, phase) if step < high - low else (max(1, high - low), low)
        for low, high, step, (_, phase) in zip(lower, upper, size, grains, strict=True)
    ]
    lines = [cut_line(low, high, step) for low, high, step in zip(lower, upper, steps, strict=True)]
    return [(tuple(a for a, _ in box), tuple(b for _, b in box)) for box in product(*lines)]


def cut_line(low: int, high: int, grain: Grain) -> list[tuple[int, int]]:
    """Cut a range at all edges of its grain.

    >>> cut_line(1, 9, (4, 0))
    [(1, 4), (4, 8), (8, 9)]
    """
    return list(pairwise(_edges(low, high, *grain)))


def _edges(low: int, high: int, step: int, phase: int) -> list[int]:
    first = low + step - (low - phase) % step
    return [low, *range(first, high, step), high]
