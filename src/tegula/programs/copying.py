"""Copy a view into a view: tile by tile, so that memory is bounded by the tiles in flight.

Tiles are boxes of the target's domain whose edges fall on its chunk edges where the target is a plain
view of a chunked array, so that whole chunks are written without being read.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from tegula.effects.control import All
from tegula.effects.effect import Call
from tegula.plan.blocks import tiles
from tegula.plan.reach import grains, restrict
from tegula.programs.reading import read_into
from tegula.programs.writing import write
from tegula.view import View

__all__ = ["copy"]


async def copy(source: View, target: View, width: int = 4) -> None:
    """Write the elements of `source` into `target`, of the same shape and dtype."""
    if prod(target.shape) == 0:
        return
    low, high = target.transform.input_origin, target.transform.input_exclusive_max
    boxes = tiles(low, high, target.dtype.numpy_dtype.itemsize, grains(target))
    if len(boxes) == 1:
        await _copy_box(source, target, *boxes[0])
    else:
        await All([Call(_copy_box, source, target, *box) for box in boxes], limit=width)


async def _copy_box(source: View, target: View, low: Sequence[int], high: Sequence[int]) -> None:
    origins = zip(source.transform.input_origin, target.transform.input_origin, strict=True)
    shift = [a - b for a, b in origins]
    there = restrict(
        source,
        [a + s for a, s in zip(low, shift, strict=True)],
        [b + s for b, s in zip(high, shift, strict=True)],
    )
    here = restrict(target, low, high)
    held = np.empty(here.shape, here.dtype.numpy_dtype)
    await read_into(there, held, 2)
    await write(here, held, 2)
