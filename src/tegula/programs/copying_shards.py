"""Copy into Neuroglancer shards: shard by shard, each written once, whatever its size.

A shard is larger than a tile.  So a shard is made of tiles: each is read and its chunks are encoded; what is
held until the shard is written are the encoded chunks, and of the source only what covers a chunk in part.
Where a hash deals the chunks out, the tiles of a shard are single chunks.

Law: equals `tegula.programs.copying.copy` tile by tile.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tegula.effects.control import All, Compute, Room
from tegula.effects.effect import Call
from tegula.errors import TegulaError
from tegula.plan.arena import give_back
from tegula.plan.blocks import Box, cut, shards_at_once, tile_bytes, tiles
from tegula.plan.budget import need, shard_size
from tegula.plan.grid import on_grid
from tegula.plan.reach import grains
from tegula.programs.copying import Job, fetched
from tegula.programs.minishard_writing import Part, part_of, write_shard
from tegula.programs.room import within
from tegula.programs.writing import laid_out, placed
from tegula.record import Record
from tegula.source import Chunked
from tegula.view import View

__all__ = ["Lot", "copy_shards", "lots_of"]


class Lot(Record, eq=False):
    """What is copied into one shard: boxes of the target's domain, each of whole grains.

    `chunks`: how many chunks the shard may have in all, None where that is not known.
    """

    shard: int
    boxes: Sequence[Box]
    chunks: int | None


def lots_of(target: View) -> list[Lot] | None:
    """Return what is copied into which shard, None where a view does not show chunks as boxes.

    The view is of chunks in Neuroglancer shards.
    """
    source = target.source
    assert isinstance(source, Chunked)
    rule = source.layout.minishards
    assert rule is not None
    outputs = on_grid(target).output
    used = [output.input_dimension for output in outputs if output.input_dimension is not None]
    if any(output.index_array is not None for output in outputs) or len(set(used)) < len(used):
        return None
    if any(output.stride != 1 for output in outputs if output.input_dimension is not None):
        return None
    low, high = target.transform.input_origin, target.transform.input_exclusive_max
    edges = grains(target)
    box = rule.box
    if box is not None:
        for output, count in zip(outputs, box, strict=False):
            if output.input_dimension is not None:
                period, _ = edges[output.input_dimension]
                edges[output.input_dimension] = (period * count, -output.offset % (period * count))
    boxes = cut(low, high, edges)
    cells = np.array([_cell(outputs, source.layout.chunk_shape, first) for first, _ in boxes], np.int64)
    shards, _ = rule.places(rule.numbers(cells))
    if box is not None:
        pairs = zip(shards.tolist(), boxes, strict=True)
        return [Lot(shard, [region], rule.count(shard)) for shard, region in pairs]
    order = np.argsort(shards, kind="stable")
    ends = np.flatnonzero(np.diff(shards[order], append=shards[order[-1:]] + np.uint64(1))) + 1
    found, first = [], 0
    for last in ends.tolist():
        rows: NDArray[Any] = order[first:last]
        mine = [boxes[row] for row in rows.tolist()]
        found.append(Lot(int(shards[rows[0]]), mine, len(mine) if len(boxes) == rule.chunks else None))
        first = last
    return found


def _cell(outputs: Any, chunk: Sequence[int], first: Sequence[int]) -> list[int]:
    """Return the cell of the grid that a box begins in, given its lower corner."""
    at = [
        output.offset if output.input_dimension is None else output.offset + first[output.input_dimension]
        for output in outputs
    ]
    return [position // size for position, size in zip(at, chunk, strict=True)]


async def copy_shards(job: Job, lots: Sequence[Lot], width: int) -> None:
    """Copy into some shards, with at most `width` tasks at a time."""
    source, limit = job.target.source, job.limit
    assert isinstance(source, Chunked)
    rule = source.layout.minishards
    assert rule is not None
    rule.admit()
    at_once = shards_at_once(min(width, len(lots)), shard_size(source))
    inner, room = max(1, width // at_once), None
    if limit is not None:
        # what one half worked in is kept for the next tile while the other half works
        held = tile_bytes(limit.size) + need(job.source, limit) + need(job.target, limit, writing=True)
        inner, room = 1, Room(limit.pool, limit.size, held)
    await All([Call(within, room, Call(_copy_lot, job, lot, inner)) for lot in lots], limit=at_once)


async def _copy_lot(job: Job, lot: Lot, width: int) -> None:
    source, limit = job.target.source, job.limit
    assert isinstance(source, Chunked)
    edges, size = grains(job.target), job.target.dtype.array_dtype.itemsize
    parts = [tile for box in lot.boxes for tile in tiles(*box, size, edges, limit and limit.size)]
    pieces: dict[int, Any] = {}
    rests: list[Part] = []
    await All([Call(_gather, job, lot, pieces, rests, *part) for part in parts], limit=width)
    await write_shard(source, lot.shard, pieces, rests, not rests and len(pieces) == lot.chunks)


async def _gather(
    job: Job, lot: Lot, pieces: dict[int, Any], rests: list[Part], low: Sequence[int], high: Sequence[int]
) -> None:
    """Read one tile; add its chunks to `pieces`, encoded, and what is only a part of a chunk to `rests`."""
    source = job.target.source
    assert isinstance(source, Chunked)
    here, held = await fetched(job, low, high)
    part = part_of(laid_out(source, here, held, job.limit))
    try:
        pieces.update(await Compute(Call(part.encoded), source.compute))
    except TegulaError as error:
        raise placed(error, source, [source.shard_key(lot.shard)]) from error
    rest = part.rest()
    if rest is None:
        give_back(job.spare, held)
    else:
        rests.append(rest)
