"""Expand rows of a factored partition into columns: a mixed-radix counter over the factors.

Knows arrays and counts only.  `columns` packs the factors of a table into flat arrays once;
`expand` fills the columns of a range of rows, by the compiled kernel for many rows and by its NumPy
twin for few.  Law: both give the same columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tegula.kernels._jit import kernel, loaded, sparing
from tegula.row import NamedTuple

__all__ = ["Columns", "columns", "expand", "expand_rows"]

Ints = NDArray[np.int64]
FEW_ROWS = 4096  # below this the NumPy twin is cheaper than loading compiled code


class Columns(NamedTuple):
    """The factors of a table, packed: f factors of ``sizes[f]`` cells, side by side from ``first[f]``.

    `cells` holds, from ``cell_first[f]``, ``sizes[f]`` rows of ``widths[f]`` grid coordinates, whose
    grid dimensions are ``grid_dims[dim_first[f]:]``.
    """

    sizes: Ints
    first: Ints
    cell_first: Ints
    widths: Ints
    dim_first: Ints
    grid_dims: Ints
    chunk_base: Ints
    array_base: Ints
    begins: Ints
    counts: Ints
    whole: NDArray[np.uint8]
    cells: Ints
    fixed_cells: Ints
    fixed_offset: int
    fixed_whole: int


def _flat(parts: Sequence[Any], dtype: Any) -> NDArray[Any]:
    return np.concatenate([np.zeros(0, dtype), *parts]).astype(dtype, copy=False)


def _ends(sizes: Sequence[int]) -> Ints:
    return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])[: len(sizes)].astype(np.int64)


def columns(
    sizes: Sequence[int],
    chunk_base: Sequence[Ints],
    array_base: Sequence[Ints],
    begins: Sequence[Ints],
    counts: Sequence[Ints],
    whole: Sequence[NDArray[np.uint8]],
    cells: Sequence[Ints],
    grid_dims: Sequence[tuple[int, ...]],
    fixed_cells: Ints,
    fixed_offset: int,
    fixed_whole: bool,
) -> Columns:
    """Pack one entry a factor into flat arrays."""
    widths = [len(dims) for dims in grid_dims]
    return Columns(
        np.array(sizes, np.int64),
        _ends(sizes),
        _ends([size * width for size, width in zip(sizes, widths, strict=True)]),
        np.array(widths, np.int64),
        _ends(widths),
        np.array([d for dims in grid_dims for d in dims], np.int64),
        _flat(chunk_base, np.int64),
        _flat(array_base, np.int64),
        _flat(begins, np.int64),
        _flat(counts, np.int64),
        _flat(whole, np.uint8),
        _flat(cells, np.int64),
        fixed_cells,
        fixed_offset,
        int(fixed_whole),
    )


def expand(packed: Columns, lo: int, hi: int) -> tuple[Any, ...]:
    """Return (cells, chunk_offsets, array_offsets, counts, begins, whole) of rows lo to hi."""
    n, factors, rank = hi - lo, len(packed.sizes), len(packed.fixed_cells)
    if (n < FEW_ROWS and not loaded()) or sparing():
        return _expand_numpy(packed, lo, hi)
    out = (
        np.empty((n, rank), np.int64),
        np.empty(n, np.int64),
        np.empty(n, np.int64),
        np.empty((n, factors), np.int64),
        np.empty((n, factors), np.int64),
        np.empty(n, np.uint8),
    )
    expand_rows(
        lo,
        *packed,
        out[0].reshape(-1),
        out[1],
        out[2],
        out[3].reshape(-1),
        out[4].reshape(-1),
        out[5],
    )
    return out


def _expand_numpy(packed: Columns, lo: int, hi: int) -> tuple[Any, ...]:
    n, factors, rank = hi - lo, len(packed.sizes), len(packed.fixed_cells)
    cells = np.empty((n, rank), np.int64)
    cells[:] = packed.fixed_cells
    chunk_offsets = np.full(n, packed.fixed_offset, np.int64)
    array_offsets = np.zeros(n, np.int64)
    counts = np.empty((n, factors), np.int64)
    begins = np.empty((n, factors), np.int64)
    whole = np.full(n, packed.fixed_whole, np.uint8)
    rest = np.arange(lo, hi, dtype=np.int64)
    for f in reversed(range(factors)):
        size, width = int(packed.sizes[f]), int(packed.widths[f])
        rest, digit = np.divmod(rest, size)
        at = digit + packed.first[f]
        chunk_offsets += packed.chunk_base[at]
        array_offsets += packed.array_base[at]
        counts[:, f] = packed.counts[at]
        begins[:, f] = packed.begins[at]
        whole &= packed.whole[at]
        start, dims = int(packed.cell_first[f]), int(packed.dim_first[f])
        own = packed.cells[start : start + size * width].reshape(size, width)
        for w in range(width):
            cells[:, int(packed.grid_dims[dims + w])] = own[digit, w]
    return cells, chunk_offsets, array_offsets, counts, begins, whole


@kernel("i8, " + "<i8, " * 10 + "<u1, <i8, <i8, i8, i8, " + ">i8, " * 5 + ">u1")
def expand_rows(
    lo: Any,
    sizes: Any,
    first: Any,
    cell_first: Any,
    widths: Any,
    dim_first: Any,
    grid_dims: Any,
    chunk_base: Any,
    array_base: Any,
    begins: Any,
    counts: Any,
    whole: Any,
    cells: Any,
    fixed_cells: Any,
    fixed_offset: Any,
    fixed_whole: Any,
    out_cells: Any,
    out_chunk: Any,
    out_array: Any,
    out_counts: Any,
    out_begins: Any,
    out_whole: Any,
) -> Any:
    """Fill the columns of ``len(out_chunk)`` rows from row `lo` on; see `Columns`."""
    n = np.uint64(out_chunk.shape[0])
    factors = np.int64(sizes.shape[0])
    rank = np.int64(fixed_cells.shape[0])
    # the digits of a row in the mixed radix of the factors: divided out once, then counted on
    digits = np.empty(factors + 1, np.int64)
    rest = np.int64(lo)
    for back in range(factors):
        last = np.uint64(factors - 1 - back)
        digits[last] = rest % sizes[last]
        rest = rest // sizes[last]
    for i in range(n):
        row = np.uint64(i)
        chunk, array, full = np.int64(fixed_offset), np.int64(0), np.uint8(fixed_whole)
        cell_at = np.int64(i) * rank
        for d in range(rank):
            out_cells[np.uint64(cell_at + d)] = fixed_cells[np.uint64(d)]
        factor_at = np.int64(i) * factors
        for f in range(factors):
            u = np.uint64(f)
            digit = digits[u]
            at = np.uint64(first[u] + digit)
            chunk += chunk_base[at]
            array += array_base[at]
            full &= whole[at]
            out_counts[np.uint64(factor_at + f)] = counts[at]
            out_begins[np.uint64(factor_at + f)] = begins[at]
            width = widths[u]
            start = cell_first[u] + digit * width
            dim_at = dim_first[u]
            for w in range(width):
                target = cell_at + grid_dims[np.uint64(dim_at + w)]
                out_cells[np.uint64(target)] = cells[np.uint64(start + w)]
        out_chunk[row] = chunk
        out_array[row] = array
        out_whole[row] = full
        for back in range(factors):
            last = np.uint64(factors - 1 - back)
            digits[last] += 1
            if digits[last] < sizes[last]:
                break
            digits[last] = 0
