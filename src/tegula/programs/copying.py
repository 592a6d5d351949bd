"""Copy a view into a view: tile by tile, so that memory is bounded by the tiles in flight.

Tiles are boxes of the target's domain whose edges fall on its chunk edges where the target is a plain
view of a chunked array, so that whole chunks are written without being read.  The memory of a tile is
used again by the next one: there are as many as tasks, however large the array.  What lies in Neuroglancer
shards, which are larger than tiles, is copied shard by shard (`tegula.programs.copying_shards`).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from numpy.typing import NDArray

from tegula.effects.control import All, Room
from tegula.effects.effect import Call
from tegula.plan.arena import array, give_back
from tegula.plan.blocks import shards_at_once, tile_bytes, tiles
from tegula.plan.budget import limit_of, need
from tegula.plan.reach import grains, restrict
from tegula.programs.reading import read_into
from tegula.programs.writing import write
from tegula.record import Record
from tegula.source import Cast, Chunked, MemoryLimit
from tegula.view import View, cast

__all__ = ["Job", "copy", "fetched"]


class Job(Record, eq=False):
    """What every tile of one copy shares; `spare` is memory that no tile is using."""

    source: View
    target: View
    spare: list[Any]
    limit: MemoryLimit | None


async def copy(source: View, target: View, width: int = 4) -> None:
    """Write the elements of `source` into `target`, of the same shape and dtype."""
    if prod(target.shape) == 0:
        return
    beneath = target.source
    if isinstance(beneath, Cast) and _into_shards(beneath.base):  # what is read is converted instead
        inner = View(beneath.base.source, beneath.base.transform[target.transform])
        await copy(cast(source, beneath.base.dtype), inner, width)
        return
    low, high = target.transform.input_origin, target.transform.input_exclusive_max
    limit = limit_of(target, source)
    item, edges = target.dtype.array_dtype.itemsize, grains(target)
    job = Job(source, target, [], limit)
    if _into_shards(target) and prod(target.shape) * item > tile_bytes(limit and limit.size):
        from tegula.programs.copying_shards import copy_shards, lots_of

        lots = lots_of(target)
        if lots is not None:
            await copy_shards(job, lots, width)
            return
    boxes = tiles(low, high, item, edges, limit and limit.size)
    if len(boxes) == 1:
        await _copy_box(job, *boxes[0])
    else:
        largest = max(prod(b - a for a, b in zip(*box, strict=True)) for box in (boxes[0], boxes[-1]))
        await All([Call(_copy_box, job, *box) for box in boxes], limit=shards_at_once(width, largest * item))


def _into_shards(target: View) -> bool:
    source = target.source
    return isinstance(source, Chunked) and source.layout.minishards is not None


async def _copy_box(job: Job, low: Sequence[int], high: Sequence[int]) -> None:
    limit = job.limit
    if limit is None:
        await _copy_tile(job, low, high)
        return
    held = prod(b - a for a, b in zip(low, high, strict=True)) * job.target.dtype.array_dtype.itemsize
    # what one half worked in is kept for the next tile while the other half works
    needed = need(job.source, limit) + need(job.target, limit, writing=True)
    with await Room(limit.pool, limit.size, held + needed):
        await _copy_tile(job, low, high)


async def _copy_tile(job: Job, low: Sequence[int], high: Sequence[int]) -> None:
    here, held = await fetched(job, low, high)
    await write(here, held, 2 if job.limit is None else 1, job.limit)
    give_back(job.spare, held)


async def fetched(job: Job, low: Sequence[int], high: Sequence[int]) -> tuple[View, NDArray[Any]]:
    """Return the box of the target from `low` to `high`, and what is to be written there."""
    source, target = job.source, job.target
    origins = zip(source.transform.input_origin, target.transform.input_origin, strict=True)
    shift = [a - b for a, b in origins]
    there = restrict(
        source,
        [a + s for a, s in zip(low, shift, strict=True)],
        [b + s for b, s in zip(high, shift, strict=True)],
    )
    here = restrict(target, low, high)
    held = array(job.spare, here.shape, here.dtype.array_dtype)
    await read_into(there, held, 2 if job.limit is None else 1, job.limit)
    return here, held
