"""Read a computed view: the base in tiles of bounded size, each reduced or converted into its place.

A tile is a box of the computed view's coordinates; the base elements it needs are held only while the
tile is computed, so memory is bounded by the tiles in flight and not by the array.  A view that does
more than translate (steps, index arrays, reversals) reads the box it reaches and picks from that.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tegula.effects.control import All, Compute
from tegula.effects.effect import Call
from tegula.kernels.copy import strided_copy
from tegula.plan.gather import pick
from tegula.programs.reading import read_into
from tegula.source import Cast, Downsample
from tegula.view import View

__all__ = ["read_computed"]

TILE_BYTES = 16 << 20

Box = tuple[tuple[int, ...], tuple[int, ...]]


async def read_computed(view: View, out: NDArray[Any], width: int) -> None:
    """Read a view of a `Downsample` or `Cast` source into `out`."""
    source = view.source
    assert isinstance(source, Downsample | Cast)
    factors = source.factors if isinstance(source, Downsample) else ()
    lower, upper = reached(view.transform)
    direct = _is_translation(view.transform)
    target = out if direct else np.empty([b - a for a, b in zip(lower, upper, strict=True)], out.dtype)
    run = _reduce if isinstance(source, Downsample) else _convert
    cell_bytes = source.base.dtype.numpy_dtype.itemsize * prod(factors)
    calls = [
        Call(run, source, low, high, target[tuple(map(slice, _minus(low, lower), _minus(high, lower)))])
        for low, high in _tiles(lower, upper, cell_bytes)
    ]
    if len(calls) == 1:
        await calls[0]()
    else:
        await All(calls, limit=width)
    if not direct:
        await Compute(Call(strided_copy, out, pick(view.transform, target, lower)))


async def _reduce(source: Downsample, low: tuple[int, ...], high: tuple[int, ...], out: NDArray[Any]) -> None:
    from tegula.kernels.downsample import downsample

    base = source.base.transform
    bounds = zip(low, high, source.factors, base.input_origin, base.input_exclusive_max, strict=True)
    cut = [(max(a * f, first), min(b * f, last)) for a, b, f, first, last in bounds]
    part = restrict(source.base, [a for a, _ in cut], [b for _, b in cut])
    held = np.empty(part.shape, source.dtype.numpy_dtype)
    await read_into(part, held, 1)
    origin = part.transform.input_origin
    await Compute(Call(downsample, held, source.factors, source.method, origin, out))


async def _convert(source: Cast, low: tuple[int, ...], high: tuple[int, ...], out: NDArray[Any]) -> None:
    from tegula.schema.convert import cast

    part = restrict(source.base, low, high)
    held = np.empty(part.shape, source.base.dtype.numpy_dtype)
    await read_into(part, held, 1)
    out[...] = await Compute(Call(cast, held, source.base.dtype, source.dtype))


def restrict(view: View, lower: Sequence[int], upper: Sequence[int]) -> View:
    """Return a view narrowed to a box of its own coordinates."""
    if not lower:
        return view
    narrowed: View = view[tuple(map(slice, lower, upper))]
    return narrowed


def reached(transform: Any) -> Box:
    """Return the box, lower and exclusive upper, of the output coordinates a transform reaches."""
    lower, upper = [], []
    start, shape = transform.input_origin, transform.input_shape
    for output in transform.output:
        if output.index_array is not None:
            values = output.index_array * output.stride + output.offset
            ends = (int(values.min()), int(values.max()))
        elif output.input_dimension is None:
            ends = (output.offset, output.offset)
        else:
            first = output.offset + output.stride * start[output.input_dimension]
            ends = (first, first + output.stride * (shape[output.input_dimension] - 1))
        lower.append(min(ends))
        upper.append(max(ends) + 1)
    return tuple(lower), tuple(upper)


def _is_translation(transform: Any) -> bool:
    return transform.input_rank == transform.output_rank and all(
        output.input_dimension == dim and output.stride == 1 for dim, output in enumerate(transform.output)
    )


def _minus(left: Sequence[int], right: Sequence[int]) -> list[int]:
    return [a - b for a, b in zip(left, right, strict=True)]


def _tiles(lower: tuple[int, ...], upper: tuple[int, ...], cell_bytes: int) -> list[Box]:
    """Cut a box into boxes that need at most about `TILE_BYTES` each, halving the longest side."""
    boxes, done = [(lower, upper)], []
    while boxes:
        low, high = boxes.pop()
        extents = _minus(high, low)
        if prod(extents) * cell_bytes <= TILE_BYTES or max(extents, default=1) <= 1:
            done.append((low, high))
            continue
        dim = extents.index(max(extents))
        middle = low[dim] + extents[dim] // 2
        boxes.append(((*low[:dim], middle, *low[dim + 1 :]), high))
        boxes.append((low, (*high[:dim], middle, *high[dim + 1 :])))
    return done
