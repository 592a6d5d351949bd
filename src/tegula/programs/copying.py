"""Copy a view into a view: tile by tile, so that memory is bounded by the tiles in flight.

Tiles are boxes of the target's domain whose edges fall on its chunk edges where the target is a plain
view of a chunked array, so that whole chunks are written without being read.  The memory of a tile is
used again by the next one: there are as many as tasks, however large the array.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from tegula.effects.control import All, Room
from tegula.effects.effect import Call
from tegula.plan.arena import array, give_back
from tegula.plan.blocks import tiles
from tegula.plan.budget import limit_of, need
from tegula.plan.reach import grains, restrict
from tegula.programs.reading import read_into
from tegula.programs.writing import write
from tegula.record import Record
from tegula.source import MemoryLimit
from tegula.view import View

__all__ = ["copy"]


class _Job(Record, eq=False):
    """What every tile of one copy shares; `spare` is memory that no tile is using."""

    source: View
    target: View
    spare: list[Any]
    limit: MemoryLimit | None


async def copy(source: View, target: View, width: int = 4) -> None:
    """Write the elements of `source` into `target`, of the same shape and dtype."""
    if prod(target.shape) == 0:
        return
    low, high = target.transform.input_origin, target.transform.input_exclusive_max
    limit = limit_of(target, source)
    boxes = tiles(low, high, target.dtype.array_dtype.itemsize, grains(target), limit and limit.size)
    job = _Job(source, target, [], limit)
    if len(boxes) == 1:
        await _copy_box(job, *boxes[0])
    else:
        await All([Call(_copy_box, job, *box) for box in boxes], limit=width)


async def _copy_box(job: _Job, low: Sequence[int], high: Sequence[int]) -> None:
    limit = job.limit
    if limit is None:
        await _copy_tile(job, low, high)
        return
    held = prod(b - a for a, b in zip(low, high, strict=True)) * job.target.dtype.array_dtype.itemsize
    # what one half worked in is kept for the next tile while the other half works
    needed = need(job.source, limit) + need(job.target, limit, writing=True)
    with await Room(limit.pool, limit.size, held + needed):
        await _copy_tile(job, low, high)


async def _copy_tile(job: _Job, low: Sequence[int], high: Sequence[int]) -> None:
    source, target = job.source, job.target
    origins = zip(source.transform.input_origin, target.transform.input_origin, strict=True)
    shift = [a - b for a, b in origins]
    there = restrict(
        source,
        [a + s for a, s in zip(low, shift, strict=True)],
        [b + s for b, s in zip(high, shift, strict=True)],
    )
    here = restrict(target, low, high)
    width = 2 if job.limit is None else 1
    held = array(job.spare, here.shape, here.dtype.array_dtype)
    await read_into(there, held, width, job.limit)
    await write(here, held, width, job.limit)
    give_back(job.spare, held)
