"""Copy a view into a view: tile by tile, so that memory is bounded by the tiles in flight.

Tiles are boxes of the target's domain whose edges fall on its chunk edges where the target is a plain
view of a chunked array, so that whole chunks are written without being read.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from tegula.effects.control import All
from tegula.effects.effect import Call
from tegula.plan.reach import restrict
from tegula.programs.reading import read_into
from tegula.programs.writing import write
from tegula.source import Chunked
from tegula.view import View

__all__ = ["copy", "tiles"]

TILE_BYTES = 16 << 20


async def copy(source: View, target: View, width: int = 4) -> None:
    """Write the elements of `source` into `target`, of the same shape and dtype."""
    if prod(target.shape) == 0:
        return
    boxes = tiles(target)
    if len(boxes) == 1:
        await _copy_box(source, target, *boxes[0])
    else:
        await All([Call(_copy_box, source, target, low, high) for low, high in boxes], limit=width)


async def _copy_box(source: View, target: View, low: Sequence[int], high: Sequence[int]) -> None:
    origin = target.transform.input_origin
    start = source.transform.input_origin
    here = restrict(
        target,
        [a + o for a, o in zip(low, origin, strict=True)],
        [b + o for b, o in zip(high, origin, strict=True)],
    )
    there = restrict(
        source,
        [a + o for a, o in zip(low, start, strict=True)],
        [b + o for b, o in zip(high, start, strict=True)],
    )
    held = np.empty(here.shape, here.dtype.numpy_dtype)
    await read_into(there, held, 2)
    await write(here, held, 2)


def tiles(view: View) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Cut the positions of a view (from zero) into boxes of about `TILE_BYTES`, along chunk edges."""
    shape = view.shape
    grain = _grain(view)
    size = list(grain)
    budget = max(1, TILE_BYTES // view.dtype.numpy_dtype.itemsize)
    for dim in reversed(range(len(shape))):  # grow along the fastest dimension first
        room = budget // max(1, prod(size))
        if room > 1:
            size[dim] = min(shape[dim] + grain[dim], size[dim] * room)
    edges = [_edges(view, dim, size[dim], grain[dim]) for dim in range(len(shape))]
    boxes: list[tuple[tuple[int, ...], tuple[int, ...]]] = [((), ())]
    for line in edges:
        boxes = [((*low, a), (*high, b)) for low, high in boxes for a, b in zip(line, line[1:], strict=False)]
    return boxes


def _output(view: View, dim: int) -> Any:
    """Return (chunk extent, array index of position zero) of a dimension that walks a chunked array by ones."""
    if isinstance(view.source, Chunked):
        for axis, output in enumerate(view.transform.output):
            if output.input_dimension == dim and output.stride == 1:
                first = output.offset + view.transform.input_origin[dim]
                return view.source.layout.chunk_shape[axis], first
    return None


def _grain(view: View) -> list[int]:
    found = [_output(view, dim) for dim in range(len(view.shape))]
    return [1 if each is None else each[0] for each in found]


def _edges(view: View, dim: int, size: int, grain: int) -> list[int]:
    found = _output(view, dim)
    extent = view.shape[dim]
    size = max(grain, size - size % grain)
    first = size if found is None else size - found[1] % grain
    return [0, *range(first, extent, size), extent] if extent else [0]
