"""What of a view is stored: asked of the keys of its chunks, without reading one.

What this file knows: which chunks a view touches.  What it must not know: what is in them.

Laws: a view of nothing is stored and, but in memory, not stored; what is `not_stored` reads as the fill
value.
"""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import NDArray

from tegula.effects.storage import ReadMany
from tegula.errors import Unimplemented
from tegula.kv.generation import NO_VALUE
from tegula.kv.spec import ByteRange
from tegula.plan.blocks import EXPANDED_ROWS
from tegula.plan.grid import on_grid
from tegula.plan.partition import partition
from tegula.plan.table import bind, c_strides
from tegula.source import Cast, Chunked, Downsample, InMemory, Whole
from tegula.view import View

__all__ = ["stored"]

BLOCK = 256


async def stored(view: View, missing: bool, there: bool) -> tuple[bool | None, bool | None]:
    """Return whether nothing of a view is stored, and whether all of it is; None for what is not asked.

    Of an array in shards it is the inner chunks that are asked for, in the indices.
    """
    source = view.source
    while isinstance(source, (Cast, Downsample)):
        if isinstance(source, Cast):
            view = View(source.base.source, source.base.transform[view.transform])
        else:
            from tegula.plan.reach import base_of, reached

            view = base_of(source, *reached(view.transform)) if prod(view.shape) else source.base[()]
        source = view.source
    memory = isinstance(source, InMemory)
    if memory or not prod(view.shape):
        return (not memory if missing else None), (True if there else None)
    if isinstance(source, Whole):
        raise Unimplemented("Storage statistics not supported")
    assert isinstance(source, Chunked)
    nothing, everything = await _seen(source, view, missing, there)
    return (nothing if missing else None), (everything if there else None)


async def _seen(source: Chunked, view: View, missing: bool, there: bool) -> tuple[bool, bool]:
    layout = source.layout
    shards = bool(layout.chain.levels)
    shape = layout.chain.finest.chunk_shape if shards else layout.chunk_shape
    # the table of a read, for its cells alone
    table = bind(partition(on_grid(view), shape), c_strides(shape), c_strides(view.shape))
    nothing = everything = True
    for rows in table.blocks(EXPANDED_ROWS):
        if shards or layout.minishards is not None:
            gone = await _gone(source, rows.expand().cells)
            nothing, everything = nothing and bool(gone.all()), everything and not gone.any()
            if not ((missing and nothing) or (there and everything)):
                return nothing, everything
            continue
        keys = layout.keys.keys(rows.expand().cells, source.path)
        for at in range(0, len(keys), BLOCK):
            names = keys[at : at + BLOCK]
            columns = await ReadMany(source.store, names, [ByteRange(0, 0)] * len(names))
            absent = columns.generations.count(NO_VALUE)
            nothing = nothing and absent == len(names)
            everything = everything and not absent
            # one answer is enough for each question
            if not ((missing and nothing) or (there and everything)):
                return nothing, everything
    return nothing, everything


async def _gone(source: Chunked, cells: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which chunks in shards are not stored."""
    if source.layout.minishards is not None:
        from tegula.programs.minishards import locate_chunks

        found: NDArray[np.bool_] = (await locate_chunks(source, cells)).starts < 0
        return found
    from tegula.programs.entries import stored_entries

    return ~await stored_entries(source, cells)
