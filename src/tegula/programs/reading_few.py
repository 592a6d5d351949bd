"""Read a view of a few chunks without columns: what `read_chunked` does, for less than that costs to plan.

The view is taken apart into the pieces of chunks that it is made of.  What is little is read by one task, the
rest by several, each a run of pieces.

Law: equals `read_chunked`, which is the definition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise, repeat
from math import prod
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tegula.effects.control import All, Compute
from tegula.effects.effect import Call
from tegula.errors import TegulaError, annotated
from tegula.kernels._jit import loaded
from tegula.kv.spec import is_far
from tegula.plan.blocks import (
    ALONE,
    CODED,
    EXPANDED_ROWS,
    FAR_BYTES,
    FEW,
    FEW_BYTES,
    FEW_COLD,
    MANY_BYTES,
    SHORT,
    block_rows,
    far_pace,
    few_tasks,
    work,
)
from tegula.plan.gather import Pieces, pieces
from tegula.plan.grid import on_grid
from tegula.plan.transfer import empty, slab_pays
from tegula.programs.chunked import (
    CellNames,
    Names,
    Naming,
    columns_of,
    decoded,
    fill_words,
    missing,
    missing_place,
    place_decoded,
    reading,
)
from tegula.record import Record
from tegula.source import Chunked
from tegula.view import View

__all__ = ["Recall", "few", "known", "read_few"]

Recall: TypeAlias = Callable[[NDArray[np.int64], bool], "list[Any] | None"]
KNOWN_BYTES = 8 << 20  # more than this is better copied by several threads


def few(source: Chunked, view: View, tasks: bool = True) -> Pieces | None:
    """Return the pieces of a view that is better read chunk by chunk than by columns, else None.

    `tasks`: that may be done by several tasks.
    """
    layout = source.layout
    alike = layout.clipped is None and layout.minishards is None
    if source.memory is not None or not (alike or source.chunks is not None):
        return None
    finest = layout.chain.finest
    size = max(1, finest.nbytes)
    taken = size if source.chunks is not None or finest.light else CODED * size
    most = min(FEW if loaded() else FEW_COLD, FEW_BYTES // taken)
    if tasks and not loaded() and work(size, not finest.light) < SHORT:
        most = FEW_COLD  # several tasks, which columns are for, would be no quicker
    if tasks and not is_far(source.store):
        most = max(most, min(FEW, MANY_BYTES // size))
    parts = pieces(on_grid(view), layout.shape, finest.chunk_shape, most) if most > 1 else None
    if parts is not None and len(parts.cells) > FEW:
        rows = len(parts.cells)
        return None if slab_pays(rows, size) else parts  # the kernels, once that has been done often enough
    return parts


async def read_few(source: Chunked, parts: Pieces, out: NDArray[Any], width: int = 1) -> None:
    """Read a view, taken apart, into `out`, with at most `width` tasks at a time."""
    cells = np.array(parts.cells, np.int64).reshape(len(parts.cells), len(source.layout.shape))
    chain = source.layout.chain.finest
    few = _Few(source, parts, cells, out, {})
    step = block_rows(chain.nbytes)
    count = few_tasks(len(cells), chain.nbytes, width, not chain.light, loaded())
    width = max(1, width - 1)
    if source.layout.chain.levels and source.chunks is None:
        await _read_entries(few, count, width)
        return
    if is_far(source.store):
        step, count, width = far_pace(len(cells), chain.nbytes)
        if source.layout.chain.levels:
            step, count = len(cells), 1  # blocks would cut shards, whose chunks are asked for together
    if count == 1:
        await _read_run(few, 0, len(cells), step)
    else:
        edges = [len(cells) * part // count for part in range(count + 1)]
        await All([Call(_read_run, few, a, b, step) for a, b in pairwise(edges)], limit=width)


async def _read_run(few: _Few, first: int, stop: int, step: int) -> None:
    """Read some pieces, so many at a time."""
    source = few.source
    scratch = few.scratch()
    for at in range(first, stop, step):
        rows = range(at, min(at + step, stop))
        cells = few.cells[rows.start : rows.stop]
        if source.chunks is not None:
            words = await decoded(source, cells)
            await Compute(Call(few.place_words, rows, words), source.compute)
        else:
            keys = source.layout.keys.keys(cells, source.path)
            values = (await columns_of(source, keys)).values
            named = Names(source.store, keys, cells)
            await Compute(Call(few.place_stored, rows, named, values, scratch), source.compute)
            del values  # so that the store may read the next block into the same memory


async def _read_entries(few: _Few, count: int, width: int) -> None:
    """Read pieces of inner chunks of shards by `count` tasks."""
    from tegula.programs.entries import Pace, fetch_entries, shards_of

    source, cells = few.source, few.cells
    count = min(count, 4 * width)
    pace = Pace() if count == 1 else Pace(-(-len(cells) // count), None, width)
    if is_far(source.store):
        most, _, far = far_pace(len(cells), source.layout.chain.finest.nbytes)
        pace = Pace(most, FAR_BYTES, far)
    await fetch_entries(source, cells, *shards_of(source, cells), few, pace)
    if few.lacking:
        await Compute(Call(few.place, list(few.lacking), repeat(None)), source.compute)


class _Few(Record, eq=False):
    """What the tasks of one read share: a view taken apart, and the array that it is read into.

    `lacking` are the inner chunks that are not stored.
    """

    source: Chunked
    parts: Pieces
    cells: NDArray[np.int64]
    out: NDArray[Any]
    lacking: dict[int, None]

    def scratch(self) -> NDArray[np.uint8]:
        """Return memory to decode into."""
        chain = self.source.layout.chain.finest
        return np.empty(0 if chain.raw or self.source.chunks is not None else chain.nbytes, np.uint8)

    def put(self, lot: Any, names: Naming, stored: Sequence[Any], scratch: NDArray[np.uint8]) -> None:
        """Take the stored bytes of inner chunks of shards."""
        rows = lot.rows.tolist()
        self.place_stored(rows, names, stored, scratch)
        for row in rows:
            self.lacking.pop(row, None)

    def absent(self, lot: Any, names: Naming) -> None:  # noqa: ARG002
        """Hear which inner chunks are not stored: so far; what comes of them later counts."""
        self.lacking.update(dict.fromkeys(lot.rows.tolist()))

    def place_stored(
        self, rows: Sequence[int], names: Naming, values: Sequence[Any], scratch: NDArray[np.uint8]
    ) -> None:
        """Decode stored chunks, None for a missing one, and copy the pieces of those numbers to `out`."""
        chain = self.source.layout.chain.finest
        slab = None if chain.nbytes > ALONE or None in values else chain.slab(values)
        if slab is not None:
            self.place_words(rows, slab)
            return
        for at, (row, value) in enumerate(zip(rows, values, strict=True)):
            words = None
            if value is not None:
                try:
                    words = chain.words(value, scratch)
                except TegulaError as error:
                    raise annotated(error, f"Error reading {names.where(at)}: ") from None
            self.place_words((row,), (words,))

    def place_words(self, rows: Iterable[int], words: Iterable[Any]) -> None:
        """Copy the pieces of decoded chunks, None for a missing one, to `out`."""
        shaped = self.source.layout.chain.finest.array_of
        self.place(rows, (None if each is None else shaped(each) for each in words))

    def place(self, rows: Iterable[int], chunks: Iterable[Any]) -> None:
        """Do the same with chunks that have their shape."""
        parts, out, source = self.parts, self.out, self.source
        for row, chunk in zip(rows, chunks, strict=False):
            target = parts.targets[row]
            if chunk is None:
                value = missing(source, *missing_place(source, parts.cells[row]))
                if not value.ndim:
                    out[target] = value
                    continue
                chunk = source.layout.chain.finest.array_of(fill_words(source))
            part = chunk[parts.sources[row]]
            out[target] = part if parts.axes is None else part.transpose(parts.axes)


def known(source: Chunked, view: View, order: str, recall: Recall) -> NDArray[Any] | None:
    """Return the elements of a view if `recall` gives the words of all its chunks, else None.

    `recall` gets cells, int64[n, rank], and whether to shape them.  It returns a list of words, or of arrays
    of the chunk's shape (None: missing), or None.  None also where there is so much to copy that several
    threads do it faster.
    """
    if not 0 < prod(view.shape) * source.dtype.numpy_dtype.itemsize <= KNOWN_BYTES:
        return None
    parts = few(source, view, tasks=False)
    if parts is not None:
        cells = np.array(parts.cells, np.int64).reshape(len(parts.cells), len(source.layout.shape))
        found = recall(cells, True)
        if found is None:
            return None
        out = empty(view.shape, source.dtype.numpy_dtype, order)
        _Few(source, parts, cells, out, {}).place(range(len(cells)), found)
        return out
    out = empty(view.shape, source.dtype.numpy_dtype, order)
    job = reading(source, view, out)
    for rows in job.table.blocks(EXPANDED_ROWS):
        columns = rows.expand()
        for at in range(0, len(columns), job.block_rows):
            block = columns[at : at + job.block_rows]
            chunks = recall(block.cells, False)
            if chunks is None:
                return None
            place_decoded(job, block, CellNames(source, block.cells), chunks, None)
    return out
