"""Copy into Neuroglancer shards: shard by shard, each written once, whatever its size.

A shard is larger than a tile.  So a shard is made of tiles: each is read and its chunks are encoded; what is
held until the shard is written are the encoded chunks, and of the source only what covers a chunk in part.
Where a hash deals the chunks out, the tiles of a shard are single chunks.

Law: equals `tegula.programs.copying.copy` tile by tile.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tegula.effects.control import All, Compute, Room
from tegula.effects.effect import Call
from tegula.errors import TegulaError
from tegula.plan.arena import give_back
from tegula.plan.blocks import Box, cut_line, shards_at_once, tile_bytes, tiles
from tegula.plan.budget import need, shard_size
from tegula.plan.grid import on_grid
from tegula.plan.reach import grains
from tegula.programs.copying import Job, fetched
from tegula.programs.minishard_writing import Part, part_of, write_shard
from tegula.programs.room import within
from tegula.programs.writing import laid_out, raise_placed
from tegula.record import Record
from tegula.source import Chunked
from tegula.view import View

__all__ = ["Lot", "copy_shards", "lots_of"]


AT_A_TIME = 1024  # boxes of a shard that are listed at once


class Lot(Record, eq=False):
    """What is copied into one shard: boxes of the target's domain, each of whole grains.

    `lines` are the first and last coordinates of the boxes along each dimension, `rows` int64[n] the numbers
    of the shard's boxes in their product.  `chunks`: how many chunks the shard may have in all, None where
    that is not known.
    """

    shard: int
    lines: Sequence[Sequence[tuple[int, int]]]
    rows: NDArray[np.int64]
    chunks: int | None

    def boxes(self, first: int) -> list[Box]:
        """Return the boxes from number `first` on, `AT_A_TIME` of them."""
        places = np.unravel_index(self.rows[first : first + AT_A_TIME], [len(line) for line in self.lines])
        found = []
        for at in zip(*(place.tolist() for place in places), strict=True):
            box = [line[i] for line, i in zip(self.lines, at, strict=True)]
            found.append((tuple(low for low, _ in box), tuple(high for _, high in box)))
        return found


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
    edges = grains(target)
    box = rule.box
    if box is not None:
        for output, count in zip(outputs, box, strict=False):
            if output.input_dimension is not None:
                period, _ = edges[output.input_dimension]
                edges[output.input_dimension] = (period * count, -output.offset % (period * count))
    low, high = target.transform.input_origin, target.transform.input_exclusive_max
    lines = [cut_line(a, b, grain) for a, b, grain in zip(low, high, edges, strict=True)]
    numbers = rule.numbers(_cells(outputs, source.layout.chunk_shape, lines))
    shards, _ = rule.places(numbers)
    order = np.argsort(shards, kind="stable")
    ends = (np.flatnonzero(np.diff(shards[order])) + 1).tolist()
    every = len(numbers) == rule.chunks
    found = []
    for first, last in pairwise([0, *ends, len(order)]):
        rows = order[first:last]
        shard = int(shards[rows[0]])
        chunks = rule.count(shard) if box is not None else len(rows) if every else None
        found.append(Lot(shard, lines, rows, chunks))
    return found


def _cells(
    outputs: Any, chunk: Sequence[int], lines: Sequence[Sequence[tuple[int, int]]]
) -> NDArray[np.int64]:
    """Return the cells of the grid that the boxes begin in, int64[n, 3]."""
    shape = [len(line) for line in lines]
    found = np.empty((prod(shape), 3), np.int64)
    for column, (output, size) in enumerate(zip(outputs[:3], chunk, strict=False)):
        dim = output.input_dimension
        if dim is None:
            found[:, column] = output.offset // size
        else:
            cells = np.array([(output.offset + first) // size for first, _ in lines[dim]], np.int64)
            along = cells.reshape([-1 if d == dim else 1 for d in range(len(shape))])
            found[:, column] = np.broadcast_to(along, shape).reshape(-1)
    return found


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
    pieces: dict[int, Any] = {}
    rests: list[Part] = []
    for first in range(0, len(lot.rows), AT_A_TIME):
        parts = [tile for box in lot.boxes(first) for tile in tiles(*box, size, edges, limit and limit.size)]
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
        raise_placed(error, source, [source.shard_key(lot.shard)])
    rest = part.rest()
    if rest is None:
        give_back(job.spare, held)
    else:
        rests.append(rest)
