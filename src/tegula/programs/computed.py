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

from tegula.effects.control import All, Compute
from tegula.effects.effect import Call
from tegula.kernels.copy import strided_copy
from tegula.plan.blocks import tiles
from tegula.plan.gather import pick, strided
from tegula.plan.reach import base_of, grains, is_translation, reached
from tegula.programs.reading import read_into
from tegula.source import Cast, Downsample, InMemory
from tegula.space.domain import IndexDomain
from tegula.space.transform import IndexTransform
from tegula.view import View

__all__ = ["read_computed"]


async def read_computed(view: View, out: NDArray[Any], width: int) -> None:
    """Read a view of a `Downsample` or `Cast` source into `out`."""
    source = view.source
    assert isinstance(source, Downsample | Cast)
    lower, upper = reached(view.transform)
    direct = is_translation(view.transform)
    target = out if direct else np.empty([b - a for a, b in zip(lower, upper, strict=True)], out.dtype)
    factors = source.factors if isinstance(source, Downsample) else ()
    cell_bytes = source.base.dtype.numpy_dtype.itemsize * prod(factors)
    # the source's own coordinates, in which the tiles are cut
    plain = View(source, IndexTransform(IndexDomain(inclusive_min=lower, exclusive_max=upper)))
    calls = []
    for low, high in tiles(lower, upper, cell_bytes, grains(plain)):
        region: Any = tuple(slice(a - o, b - o) for a, b, o in zip(low, high, lower, strict=True))
        calls.append(Call(_compute_tile, source, low, high, target[(*region, ...)]))
    if len(calls) == 1:
        await calls[0]()
    else:
        await All(calls, limit=width)
    if not direct:
        await Compute(Call(strided_copy, out, pick(view.transform, target, lower)))


async def _compute_tile(
    source: Downsample | Cast, low: tuple[int, ...], high: tuple[int, ...], out: NDArray[Any]
) -> None:
    part = base_of(source, low, high)
    held = None
    if isinstance(part.source, InMemory):  # what is in memory need not be held a second time
        held = strided(part.transform, part.source.array)
    if held is None:
        held = np.empty(part.shape, source.base.dtype.numpy_dtype)
        await read_into(part, held, 1)
    await Compute(Call(_reduce if isinstance(source, Downsample) else _convert, source, part, held, out))


def _reduce(source: Downsample, part: View, held: NDArray[Any], out: NDArray[Any]) -> None:
    from tegula.kernels.downsample import downsample

    downsample(held, source.factors, source.method, part.transform.input_origin, out=out)


def _convert(source: Cast, part: View, held: NDArray[Any], out: NDArray[Any]) -> None:
    from tegula.schema.convert import cast_into

    cast_into(out, held, source.dtype, part.dtype)
