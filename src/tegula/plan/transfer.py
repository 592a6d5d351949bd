"""Move the elements of a block between chunks and an array: the last step of a read, the first of a write.

A chunk here is its *stored words*: one dimension, native byte order, in the order of its bytes, one word
an element.  The array is its memory as words and the offset of its first element (`Memory`).  Rows
and columns come from `tegula.plan.table`.

What this file must not know: where chunks come from and go to.  Law: `place` after `collect` is the
identity on the elements of the view; large rows, slabs of small rows and NumPy's twin give the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tegula.kernels._jit import loaded, worthwhile
from tegula.kernels.copy import copy_abreast, copy_boxes, copy_tables, strided_copy, words
from tegula.kernels.stream import LARGE, LINE, pays, stream_boxes
from tegula.plan.table import Block, Table
from tegula.row import NamedTuple

__all__ = [
    "Memory",
    "abreast",
    "collect",
    "collect_abreast",
    "collect_grid",
    "collect_slab",
    "empty",
    "fill",
    "memory",
    "place",
    "place_slab",
    "place_stream",
    "slab_pays",
    "stream_of",
    "stream_rows",
]

SLAB_CHUNK = 16 << 10
DIRECT = 16 << 10
MOST_AXES = 32
ABREAST = 16  # chunks: more would touch more pages at a time than a processor has at hand

Words = NDArray[Any]


class Memory(NamedTuple):
    """An array as one-dimensional words: `words[offset]` is its first element; strides in words.

    `large`: it is larger than the caches, and is written past them where that can be done.
    """

    words: Words
    offset: int
    strides: tuple[int, ...]
    large: bool = False


def memory(array: NDArray[Any]) -> Memory:
    """Return the memory of `array`, whose strides must be multiples of its item size."""
    flat, offset, strides = words(array, array.dtype.itemsize)
    return Memory(flat, offset, tuple(strides.tolist()), array.nbytes >= LARGE)


def empty(shape: Sequence[int], dtype: np.dtype[Any], order: str = "C") -> NDArray[Any]:
    """Return a new array, not initialised; a large one begins at a cache line, to be written by lines.

    >>> empty((2, 3), np.dtype("u2"), "F").flags.f_contiguous
    True
    """
    size = prod(shape) * dtype.itemsize
    if size < LARGE or dtype.hasobject:
        return np.empty(shape, dtype, order="F" if order == "F" else "C")
    held = np.empty(size + LINE, np.uint8)
    start = -held.__array_interface__["data"][0] % LINE
    return np.ndarray(tuple(shape), dtype, held.data, start, order="F" if order == "F" else "C")


def place(table: Table, block: Block, row: int, chunk: Words, array: Memory) -> None:
    """Copy one row from the words of its chunk into the array."""
    if not table.partition.affine:
        _follow(table, block, row, chunk, block.chunk_offsets, table.chunk_deltas, array, outward=True)
        return
    if _direct(table, block, row, chunk, array):
        copy_boxes(
            chunk,
            block.chunk_offsets[row : row + 1],
            table.chunk_strides,
            array.words,
            block.array_offsets[row : row + 1] + array.offset,
            table.array_strides,
            block.counts[row : row + 1],
        )
        return
    target, source = _boxes(table, block, row, chunk, array)
    strided_copy(target, source)


class Stream(NamedTuple):
    """A transfer of whole cache lines into a large array, prepared: all in words of eight bytes.

    `axes` are the factors of the table with the one that runs along both sides last.
    """

    words: Words
    axes: list[int]
    chunk_strides: NDArray[np.int64]
    array_strides: NDArray[np.int64]
    item: int


def stream_of(table: Table, array: Memory) -> Stream | None:
    """Return how rows of a table are written into a large array by whole lines, None where they cannot be."""
    item = array.words.itemsize
    if not (array.large and table.partition.affine and pays(array.words.nbytes)):
        return None
    chunk, target = (table.chunk_strides * item).tolist(), (table.array_strides * item).tolist()
    runs = [f for f, (x, y) in enumerate(zip(chunk, target, strict=True)) if x == y == item]
    if not runs or array.words.__array_interface__["data"][0] % LINE:
        return None
    axes = [f for f in range(len(chunk)) if f != runs[-1]]
    if any(target[f] % LINE or chunk[f] % 8 for f in axes):
        return None
    whole = array.words[: array.words.nbytes // 8 * 8 // item].view(np.uint64)
    return Stream(
        whole,
        [*axes, runs[-1]],
        np.array([chunk[f] // 8 for f in axes] + [1], np.int64),
        np.array([target[f] // 8 for f in axes] + [1], np.int64),
        item,
    )


def stream_rows(stream: Stream, block: Block, array: Memory) -> list[Any]:
    """Return, for each row of a block, (chunk offset, array offset, shape) in words, or None for `place`."""
    item = stream.item
    shapes = np.ascontiguousarray(block.counts[:, stream.axes])
    shapes[:, -1] *= item
    targets = (block.array_offsets + array.offset) * item
    sources = block.chunk_offsets * item
    fits = (targets % LINE == 0) & (shapes[:, -1] % LINE == 0) & (sources % 8 == 0)
    shapes[:, -1] //= 8
    rows = zip(fits.tolist(), (sources // 8).tolist(), (targets // 8).tolist(), shapes, strict=True)
    return [(source, target, shape) if fit else None for fit, source, target, shape in rows]


def place_stream(stream: Stream, row: tuple[int, int, Any], chunk: Words) -> bool:
    """Copy one row from the words of its chunk into the array, past the cache; False where it cannot be."""
    source, target, shape = row
    words64 = chunk.view(np.uint64)
    if not words64.flags.aligned:
        return False
    stream_boxes(words64, source, stream.chunk_strides, stream.words, target, stream.array_strides, shape)
    return True


def collect(table: Table, block: Block, row: int, chunk: Words, array: Memory) -> None:
    """Copy one row from the array into the words of its chunk."""
    if not table.partition.affine:
        _follow(table, block, row, chunk, block.chunk_offsets, table.chunk_deltas, array, outward=False)
        return
    if _direct(table, block, row, chunk, array):
        copy_boxes(
            array.words,
            block.array_offsets[row : row + 1] + array.offset,
            table.array_strides,
            chunk,
            block.chunk_offsets[row : row + 1],
            table.chunk_strides,
            block.counts[row : row + 1],
        )
        return
    source, target = _boxes(table, block, row, chunk, array)
    strided_copy(target, source)


def fill(table: Table, block: Block, row: int, value: NDArray[Any], array: Memory) -> None:
    """Set every element of one row of the array to the word of `value`."""
    place_value = value.reshape(1).view(array.words.dtype)
    if table.partition.affine:
        _box(block, row, array.words, array.offset + int(block.array_offsets[row]), table.array_strides)[
            ...
        ] = place_value[0]
        return
    here, still = np.zeros_like(block.chunk_offsets), np.zeros_like(table.chunk_deltas)
    _follow(table, block, row, place_value, here, still, array, outward=True)  # each element is the one word


def slab_pays(rows: int, chunk_bytes: int) -> bool:
    """Whether a transfer of so many chunks should go by `place_slab`, a kernel call a block.

    Large chunks are copied one by one as fast; little work does not pay for loading the kernel.
    """
    return chunk_bytes <= SLAB_CHUNK and worthwhile(rows * (chunk_bytes + 2048), 1 << 14, 1 << 22)


def place_slab(table: Table, block: Block, slab: Words, size: int, array: Memory) -> None:
    """Copy all rows from a slab of chunks of `size` words each, in their order, by one kernel call."""
    sources = np.arange(len(block), dtype=np.int64) * size + block.chunk_offsets
    targets = block.array_offsets + array.offset
    if table.partition.affine:
        copy_boxes(
            slab, sources, table.chunk_strides, array.words, targets, table.array_strides, block.counts
        )
    else:
        copy_tables(
            slab,
            sources,
            table.chunk_deltas,
            array.words,
            targets,
            table.array_deltas,
            table.axes,
            block.begins,
            block.counts,
        )


def abreast(table: Table, array: Memory) -> list[int] | None:
    """Return how rows are collected side by side: the factors, the one that runs along both sides last.

    None where nothing does, or the compiler is not loaded: NumPy collects them one by one not much slower.
    """
    if not (table.partition.affine and loaded()):
        return None
    chunk, steps = table.chunk_strides.tolist(), table.array_strides.tolist()
    runs = [f for f, (x, y) in enumerate(zip(chunk, steps, strict=True)) if x == y == 1]
    if not runs or not array.words.flags.aligned:
        return None
    return [*sorted((f for f in range(len(steps)) if f != runs[-1]), key=lambda f: -abs(steps[f])), runs[-1]]


def collect_abreast(
    table: Table, block: Block, rows: NDArray[np.int64], slab: Words, array: Memory, axes: list[int]
) -> None:
    """Do what `collect_slab` does for rows of one shape, some at a time; `axes` are what `abreast` says."""
    targets = np.arange(len(rows), dtype=np.int64) * slab.shape[1] + block.chunk_offsets[rows]
    sources = block.array_offsets[rows] + array.offset
    shape, flat = block.counts[rows[0], axes], slab.reshape(-1)
    steps, strides = table.array_strides[axes], table.chunk_strides[axes]
    for at in range(0, len(rows), ABREAST):
        some = slice(at, at + ABREAST)
        copy_abreast(array.words, sources[some], steps, flat, targets[some], strides, shape)


def collect_slab(table: Table, block: Block, rows: NDArray[np.int64], slab: Words, array: Memory) -> None:
    """Copy some rows from the array into a slab of chunks, shape (rows, words a chunk), by one kernel call.

    What the rows do not cover of their chunks is left as it is.
    """
    targets = np.arange(len(rows), dtype=np.int64) * slab.shape[1] + block.chunk_offsets[rows]
    sources = block.array_offsets[rows] + array.offset
    counts, flat = block.counts[rows], slab.reshape(-1)
    if table.partition.affine:
        copy_boxes(array.words, sources, table.array_strides, flat, targets, table.chunk_strides, counts)
    else:
        copy_tables(
            array.words,
            sources,
            table.array_deltas,
            flat,
            targets,
            table.chunk_deltas,
            table.axes,
            block.begins[rows],
            counts,
        )


def collect_grid(table: Table, block: Block, rows: NDArray[np.int64], slab: Words, array: Memory) -> bool:
    """Do what `collect_slab` does by one copy of NumPy's; False, with nothing done, where it cannot be one.

    It can where the rows are alike and lie in the array as a grid: the whole chunks of a box.
    """
    if not table.partition.affine:
        return False
    counts, here, starts = block.counts[rows], block.array_offsets[rows], block.chunk_offsets[rows]
    if (counts != counts[0]).any() or (starts != starts[0]).any():
        return False
    grid = _grid(here)
    if grid is None or len(grid) + counts.shape[1] > MOST_AXES:
        return False
    size, flat = slab.itemsize, slab.reshape(-1)
    numbers = [prod(count for count, _ in grid[axis + 1 :]) * slab.shape[1] for axis in range(len(grid))]
    shape = [*(count for count, _ in grid), *counts[0].tolist()]
    source = [*(step for _, step in grid), *table.array_strides.tolist()]
    target = [*numbers, *table.chunk_strides.tolist()]
    first = (array.offset + int(here[0])) * size
    words = array.words
    into = np.ndarray(shape, flat.dtype, flat.data, int(starts[0]) * size, [each * size for each in target])
    into[...] = np.ndarray(shape, words.dtype, words.data, first, [each * size for each in source])
    return True


def _grid(places: NDArray[np.int64]) -> list[tuple[int, int]] | None:
    """Return how places are the sums of one step an axis, (count, step) each, the last axis the innermost.

    >>> _grid(np.array([5, 7, 9, 105, 107, 109]))
    [(2, 100), (3, 2)]
    >>> _grid(np.array([1, 2, 4])) is None
    True
    """
    found: list[tuple[int, int]] = []
    while len(places) > 1 or not found:
        step = int(places[1] - places[0]) if len(places) > 1 else 0
        breaks = np.flatnonzero(np.diff(places) != step)
        count = int(breaks[0]) + 1 if len(breaks) else len(places)
        if len(places) % count:
            return None
        lines = places.reshape(-1, count)
        if (np.diff(lines, axis=1) != step).any():
            return None
        found.insert(0, (count, step))
        places = lines[:, 0]
        if len(found) > MOST_AXES:
            return None
    return found


def _direct(table: Table, block: Block, row: int, chunk: Words, array: Memory) -> bool:
    """Whether the kernel copies a row as it is; `strided_copy` makes arrays of its words first."""
    words = array.words
    if not (loaded() and chunk.dtype == words.dtype and chunk.flags.aligned and words.flags.aligned):
        return False
    extents = block.counts[row].tolist()
    if prod(extents) * words.itemsize < DIRECT:
        return False
    strides = zip(extents, table.chunk_strides.tolist(), table.array_strides.tolist(), strict=True)
    return not any(x == y == 1 and n >= 4 for n, x, y in strides)


def _boxes(table: Table, block: Block, row: int, chunk: Words, array: Memory) -> tuple[Words, Words]:
    """Return the box of a row in the array and in its chunk, as views with one axis a factor."""
    at = array.offset + int(block.array_offsets[row])
    return (
        _box(block, row, array.words, at, table.array_strides),
        _box(block, row, chunk, int(block.chunk_offsets[row]), table.chunk_strides),
    )


def _box(block: Block, row: int, flat: Words, offset: int, strides: NDArray[np.int64]) -> Words:
    size = flat.dtype.itemsize
    shape = tuple(block.counts[row].tolist())
    return np.ndarray(shape, flat.dtype, flat.data, offset * size, tuple((strides * size).tolist()))


def _follow(
    table: Table,
    block: Block,
    row: int,
    chunk: Words,
    chunk_offsets: NDArray[np.int64],
    chunk_deltas: NDArray[np.int64],
    array: Memory,
    outward: bool,
) -> None:
    one = slice(row, row + 1)
    counts = block.counts[one]
    targets = block.array_offsets[one] + array.offset
    if worthwhile(int(counts.prod()), 64, 1 << 17):
        left = (chunk, chunk_offsets[one], chunk_deltas)
        right = (array.words, targets, table.array_deltas)
        arguments = (*left, *right) if outward else (*right, *left)
        copy_tables(*arguments, table.axes, block.begins[one], counts)
        return
    at, to = chunk_offsets[one], targets
    for axis, (begin, count) in enumerate(zip(block.begins[row].tolist(), counts[0].tolist(), strict=True)):
        first = int(table.axes[axis]) + begin
        at = (at[:, None] + chunk_deltas[first : first + count]).reshape(-1)
        to = (to[:, None] + table.array_deltas[first : first + count]).reshape(-1)
    if outward:
        array.words[to] = chunk[at]
    else:
        chunk[at] = array.words[to]
