"""Read a computed view: the base in tiles of bounded size, each reduced or converted into its place.

A tile is a box of the computed view's coordinates; the base elements it needs are held only while the
tile is computed, so memory is bounded by the tiles in flight and not by the array.  A view that does
more than translate (steps, index arrays, reversals) reads the box it reaches and picks from that.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tegula.effects.control import All, Compute, Room
from tegula.effects.effect import Call
from tegula.kernels.copy import strided_copy
from tegula.plan.arena import array, give_back
from tegula.plan.blocks import tiles
from tegula.plan.budget import cell_bytes, limit_of, need
from tegula.plan.gather import pick, strided
from tegula.plan.reach import base_of, grains, is_translation, reached
from tegula.programs.reading import read_into
from tegula.record import Record
from tegula.source import Cast, Downsample, InMemory, MemoryLimit
from tegula.space.domain import IndexDomain
from tegula.space.transform import IndexTransform
from tegula.view import View

__all__ = ["read_computed"]


async def read_computed(
    view: View, out: NDArray[Any], width: int, counted: MemoryLimit | None = None
) -> None:
    """Read a view of a `Downsample` or `Cast` source into `out`.

    `counted`: the caller has counted what this needs (`plan.budget.need`) under that limit.
    """
    source = view.source
    assert isinstance(source, Downsample | Cast)
    lower, upper = reached(view.transform)
    direct = is_translation(view.transform)
    target = out if direct else np.empty([b - a for a, b in zip(lower, upper, strict=True)], out.dtype)
    factors = source.factors if isinstance(source, Downsample) else ()
    cell = source.base.dtype.array_dtype.itemsize * prod(factors)
    # the source's own coordinates, in which the tiles are cut
    plain = View(source, IndexTransform(IndexDomain(inclusive_min=lower, exclusive_max=upper)))
    calls = []
    limit = counted or limit_of(source.base)
    if limit is not None:
        cell = cell_bytes(source)
    spare: list[Any] = []
    for low, high in tiles(lower, upper, cell, grains(plain), limit and limit.size):
        region: Any = tuple(slice(a - o, b - o) for a, b, o in zip(low, high, lower, strict=True))
        room = None
        if limit is not None and counted is None:
            cells = prod(b - a for a, b in zip(low, high, strict=True))
            room = Room(limit.pool, limit.size, cells * cell + need(source.base, limit))
        tile = _Tile(source, low, high, target[(*region, ...)], spare, limit)
        calls.append(Call(_compute_within, tile, room))
    if len(calls) == 1:
        await calls[0]()
    else:
        await All(calls, limit=width)
    if not direct:
        await Compute(Call(strided_copy, out, pick(view.transform, target, lower)))


class _Tile(Record, eq=False):
    """One box to compute into its place; `spare` is memory that no tile is using."""

    source: Downsample | Cast
    low: tuple[int, ...]
    high: tuple[int, ...]
    out: NDArray[Any]
    spare: list[Any]
    counted: MemoryLimit | None


async def _compute_within(tile: _Tile, room: Room | None) -> None:
    if room is None:
        await _compute_tile(tile)
    else:
        with await room:
            await _compute_tile(tile)


async def _compute_tile(tile: _Tile) -> None:
    source, out = tile.source, tile.out
    part = base_of(source, tile.low, tile.high)
    held = given = None
    if isinstance(part.source, InMemory):  # what is in memory need not be held a second time
        held = strided(part.transform, part.source.array)
    if held is None:
        held = given = array(tile.spare, part.shape, source.base.dtype.array_dtype)
        await read_into(part, held, 1, tile.counted)
    await Compute(Call(_reduce if isinstance(source, Downsample) else _convert, source, part, held, out))
    if given is not None:
        give_back(tile.spare, given)


def _reduce(source: Downsample, part: View, held: NDArray[Any], out: NDArray[Any]) -> None:
    from tegula.kernels.downsample import downsample

    downsample(held, source.factors, source.method, part.transform.input_origin, out=out)


def _convert(source: Cast, part: View, held: NDArray[Any], out: NDArray[Any]) -> None:
    from tegula.schema.convert import cast_into

    cast_into(out, held, source.dtype, part.dtype)
