"""How much goes into one task and one request: the numbers that cut a table for running.

A *block* is one bulk request, one decode and one scatter, small enough to stay in a core's cache; a
*span* is the run of blocks that one task works through, large enough that starting it costs nothing.
A *tile* is the box of a computed view that is worked on at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

__all__ = ["Box", "block_rows", "span_count", "tiles"]

SPAN_BYTES = 4 << 20
BLOCK_BYTES = 1 << 20
BLOCK_ROWS = 256
TILE_BYTES = 16 << 20

Box = tuple[tuple[int, ...], tuple[int, ...]]


def block_rows(chunk_bytes: int) -> int:
    """Return how many chunks of a size in bytes make a block.

    >>> block_rows(1024), block_rows(512 * 1024), block_rows(1 << 30)
    (256, 2, 1)
    """
    return max(1, min(BLOCK_ROWS, BLOCK_BYTES // max(1, chunk_bytes)))


def span_count(rows: int, chunk_bytes: int, width: int) -> int:
    """Return into how many spans to cut `rows` chunks for `width` tasks at a time.

    >>> span_count(10, 1024, 8), span_count(512, 1 << 19, 8)
    (1, 32)
    """
    return max(1, min(4 * width, rows * chunk_bytes // SPAN_BYTES))


def tiles(lower: Sequence[int], upper: Sequence[int], cell_bytes: int) -> list[Box]:
    """Cut a box into boxes that need at most about `TILE_BYTES` each, halving the longest side.

    >>> tiles((0,), (3,), 1)
    [((0,), (3,))]
    """
    boxes: list[Box] = [(tuple(lower), tuple(upper))]
    done: list[Box] = []
    while boxes:
        low, high = boxes.pop()
        extents = [b - a for a, b in zip(low, high, strict=True)]
        if prod(extents) * cell_bytes <= TILE_BYTES or max(extents, default=1) <= 1:
            done.append((low, high))
            continue
        dim = extents.index(max(extents))
        middle = low[dim] + extents[dim] // 2
        boxes.append(((*low[:dim], middle, *low[dim + 1 :]), high))
        boxes.append((low, (*high[:dim], middle, *high[dim + 1 :])))
    return done
