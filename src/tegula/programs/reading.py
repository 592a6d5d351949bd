"""Read a view: one way for each shape of source.

Law: reading a view equals reading its whole source and indexing the result with NumPy.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tegula.effects.control import Compute
from tegula.effects.effect import Call
from tegula.kernels.copy import strided_copy
from tegula.plan.gather import locate, pick, strided
from tegula.plan.grid import on_grid
from tegula.plan.partition import partition
from tegula.plan.table import bind
from tegula.plan.transfer import empty, memory, place
from tegula.programs.chunked import read_chunked, read_one
from tegula.programs.reading_few import few, read_few
from tegula.source import Cast, Chunked, Downsample, InMemory, MemoryLimit, Whole
from tegula.view import View

__all__ = ["blank", "read", "read_into"]

SMALL = 1 << 16  # bytes of a result for which NumPy's own indexing is the quickest way


def blank(view: View, order: str = "C") -> NDArray[Any] | None:
    """Return an array to be given to `read`, not initialised; None for a view that lies in one chunk.

    Who calls this, and not a shared thread, is then whom the allocator counts the memory to.
    """
    source = view.source
    if isinstance(source, Chunked):
        layout = source.layout
        if locate(on_grid(view), layout.shape, layout.chain.finest.chunk_shape) is not None:
            return None
    return empty(view.shape, source.dtype.array_dtype, order)


async def read(view: View, order: str = "C", width: int = 8, out: NDArray[Any] | None = None) -> NDArray[Any]:
    """Return the elements of a view as a new array of its shape, at most `width` tasks at a time.

    `out`, where given, is that array: what `blank` made.
    """
    source = view.source
    if out is not None:
        await read_into(view, out, width)
        return out
    if isinstance(source, Chunked):
        layout = source.layout
        spot = locate(on_grid(view), layout.shape, layout.chain.finest.chunk_shape)
        if spot is not None:
            return await read_one(source, spot, view.shape, order)
    elif isinstance(source, InMemory) and prod(view.shape) * source.array.itemsize <= SMALL:
        return np.array(pick(view.transform, source.array), order="F" if order == "F" else "C")
    out = empty(view.shape, source.dtype.array_dtype, order)
    await read_into(view, out, width)
    return out


async def read_into(
    view: View, out: NDArray[Any], width: int = 8, counted: MemoryLimit | None = None
) -> None:
    """Read the elements of a view into `out`, an array of its shape and dtype.

    `counted`: the caller has counted what this needs (`plan.budget.need`) under that limit.
    """
    source = view.source
    if prod(view.shape) == 0:
        return
    match source:
        case Chunked():
            parts = few(source, view)
            if parts is not None:
                await read_few(source, parts, out, width)
            elif source.layout.chain.levels and source.chunks is None:
                from tegula.programs.sharded import read_sharded

                await read_sharded(source, view, out, width, counted)
            else:
                await read_chunked(source, view, out, width, counted)
        case InMemory():
            await Compute(Call(_read_memory, view, out))
        case Whole():
            from tegula.programs.whole import read_whole

            out.fill(await read_whole(source))
        case Downsample() | Cast():
            from tegula.programs.computed import read_computed

            await read_computed(view, out, width, counted)


def _read_memory(view: View, out: NDArray[Any]) -> None:
    source = view.source
    assert isinstance(source, InMemory)
    found = strided(view.transform, source.array)
    if found is not None:
        strided_copy(out, found)
    elif source.array.dtype.hasobject or any(step % source.array.itemsize for step in source.array.strides):
        out[...] = pick(view.transform, source.array)
    else:  # index arrays: the whole array is one chunk
        held, target = memory(source.array), memory(out)
        part = partition(view.transform, [max(1, extent) for extent in source.array.shape])
        table = bind(part, held.strides, target.strides)
        block = table.expand()
        for row in range(len(block)):
            place(table, block, row, held.words[held.offset :], target)
