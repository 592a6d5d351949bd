"""Choosing how the chunks of a new precomputed scale are put into shards.

What this file knows: the rule that turns constraints on what is written at once into numbers of bits.  What
it must not know: documents, stores.

The rule: a shard grows by doubling, along x, y, z in turn.  Of all sizes that satisfy the hard constraints
the one whose shape is nearest to the wanted one is taken, and among those the largest whose number of chunks
is not more than the power of two nearest to the wanted number of elements (the lower of two as near).

Law: the bits of preshift, minishards and shards are together those of the numbers of the chunks.
"""

from __future__ import annotations

from math import inf, prod

from tegula.errors import InvalidArgument
from tegula.formats.precomputed_document import Sharding
from tegula.kernels.morton import bits_of
from tegula.schema.chunkgrid import ChunkGrid

__all__ = ["choose_sharding"]

MOST_PRESHIFT = 9


def choose_sharding(wanted: ChunkGrid, size: tuple[int, ...], chunk: tuple[int, ...]) -> Sharding:
    """Return the sharding for a volume of `size` voxels in chunks of a shape, with raw data.

    >>> choose_sharding(ChunkGrid(elements=1 << 20), (100, 200, 300), (32, 32, 32))[:3]
    (5, 0, 4)

    Raises:
        InvalidArgument: a hard constraint on the shape cannot be met.
    """
    most = bits_of([-(-extent // step) for extent, step in zip(size, chunk, strict=True)])
    target = _target(wanted.elements or wanted.elements_soft_constraint or 0, prod(chunk), sum(most))
    within = [0, 0, 0]
    best, cost, bits = 0, _cost(wanted, chunk, most, within), 0
    turn = 0
    while bits < sum(most):
        dim, turn = turn % 3, turn + 1
        if within[dim] == most[dim]:
            continue
        within[dim] += 1
        bits += 1
        here = _cost(wanted, chunk, most, within)
        if here < cost or (here == cost and bits <= target):
            best, cost = bits, here
    if cost == inf:
        raise InvalidArgument("Cannot satisfy write chunk shape constraint")
    preshift = min(best, MOST_PRESHIFT)
    return Sharding(preshift, best - preshift, sum(most) - best, "identity", "gzip", "raw")


def _target(elements: int, chunk: int, most: int) -> int:
    chunks = (elements + chunk // 2) // chunk
    bits = 0
    while bits < most and 1 << bits < chunks:
        bits += 1
    if bits > 0 and (1 << bits) - chunks > chunks - (1 << (bits - 1)):
        bits -= 1
    return bits


def _cost(wanted: ChunkGrid, chunk: tuple[int, ...], most: tuple[int, ...], within: list[int]) -> float:
    cost = 0.0
    free = (None,) * 4
    hard, soft = wanted.shape or free, wanted.shape_soft_constraint or free
    for dim in range(3):
        size = hard[dim] or soft[dim]
        if not size:
            continue
        if size < 0:
            size = chunk[dim] << most[dim]
        here = chunk[dim] << within[dim]
        if hard[dim] and here != size:
            return inf
        cost += abs(here - size) / size
    return cost
