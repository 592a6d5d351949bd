"""A partition bound to memory: the columns of a transfer between chunks and one array.

A `Table` knows where every element of a view lies in its chunk and in the caller's array, still in
factored form.  `expand` turns a range of rows into a `Block` of columns by one kernel call; a table
slices by rows without being expanded, so it can be cut up for threads, processes or machines.

Units: offsets and strides are in *elements*, of the chunk as stored and of the array.  A strided
factor steps by ``chunk_strides[f]`` and ``array_strides[f]``; where index arrays take part, every
factor looks its positions up in tables: `chunk_deltas` and `array_deltas` from ``axes[f] + begin`` on.

What this file must not know: keys, codecs, effects.  Law: expanding slices equals slicing the
expansion; see `tegula.plan.partition` for the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import prod

import numpy as np
from numpy.typing import NDArray

from tegula.kernels import partition as kernel
from tegula.plan.partition import Factor, Ints, Partition
from tegula.record import Record, replace

__all__ = ["Block", "Table", "bind", "c_strides"]


def c_strides(shape: Sequence[int], order: Sequence[int] | None = None) -> tuple[int, ...]:
    """Return the element strides of a contiguous array whose dimensions are stored in `order`.

    >>> c_strides((2, 3, 4)), c_strides((2, 3, 4), order=(2, 1, 0))
    ((12, 4, 1), (1, 2, 6))
    """
    strides = [0] * len(shape)
    step = 1
    for dim in reversed(range(len(shape)) if order is None else list(order)):
        strides[dim] = step
        step *= shape[dim]
    return tuple(strides)


class Block(Record, eq=False):
    """The columns of some consecutive rows; n rows, r grid dimensions, f factors.

    `cells` int64[n, r]: grid coordinates.  `chunk_offsets`, `array_offsets` int64[n]: where the row
    begins.  `counts`, `begins` int64[n, f]: positions along each factor, and where an indexed factor's
    tables begin.  `whole` uint8[n]: the row covers its whole chunk.
    """

    cells: Ints
    chunk_offsets: Ints
    array_offsets: Ints
    counts: Ints
    begins: Ints
    whole: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.chunk_offsets)

    def __getitem__(self, rows: slice | Ints) -> Block:
        return Block(
            self.cells[rows],
            self.chunk_offsets[rows],
            self.array_offsets[rows],
            self.counts[rows],
            self.begins[rows],
            self.whole[rows],
        )


class Table(Record, eq=False):
    """The transfer between the chunks of a grid and one array, rows ``lo`` to ``hi``.

    `chunk_strides` int64[f] and `array_strides` int64[f] are the steps of the strided factors (0 for
    indexed ones).  `array_dims` are the input dimensions of the array in the order of the factors.
    """

    partition: Partition
    lo: int
    hi: int
    chunk_strides: Ints
    array_strides: Ints
    axes: Ints
    chunk_deltas: Ints
    array_deltas: Ints
    columns: kernel.Columns

    def __len__(self) -> int:
        return self.hi - self.lo

    def __getitem__(self, rows: slice) -> Table:
        lo, hi, step = rows.indices(len(self))
        if step != 1:
            raise IndexError("a table is sliced by consecutive rows")
        return replace(self, lo=self.lo + lo, hi=self.lo + max(lo, hi))

    def expand(self) -> Block:
        """Return the columns of all rows of this table."""
        return Block(*kernel.expand(self.columns, self.lo, self.hi))

    def blocks(self, rows: int) -> Iterator[Table]:
        """Cut into tables of at most `rows` rows."""
        for lo in range(self.lo, self.hi, rows):
            yield replace(self, lo=lo, hi=min(lo + rows, self.hi))

    def spans(self, parts: int) -> list[Table]:
        """Cut into at most `parts` tables of nearly equal length."""
        n = len(self)
        parts = max(1, min(parts, n))
        edges = [self.lo + n * part // parts for part in range(parts + 1)]
        return [replace(self, lo=a, hi=b) for a, b in pairwise(edges) if b > a]


def bind(part: Partition, chunk_strides: Sequence[int], array_strides: Sequence[int]) -> Table:
    """Bind a partition to the element strides of its chunks (grid order) and of an array (input order)."""
    chunk_shape = part.chunk_shape
    rank = len(chunk_shape)
    fixed_cells = np.zeros(rank, np.int64)
    fixed_offset = 0
    for grid_dim, index in part.fixed:
        cell = index // chunk_shape[grid_dim]
        fixed_cells[grid_dim] = cell
        fixed_offset += (index - cell * chunk_shape[grid_dim]) * chunk_strides[grid_dim]
    whole_fixed = all(part.extent(grid_dim, index) == 1 for grid_dim, index in part.fixed)

    sizes, chunk_base, array_base, begins, counts, whole, cells, grid_dims = [], [], [], [], [], [], [], []
    chunk_steps, array_steps = [], []
    chunk_deltas, array_deltas = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    affine = part.affine
    for factor in part.factors:
        k = len(factor)
        starts = factor.starts[:-1]
        sizes.append(k)
        counts.append(np.diff(factor.starts))
        whole.append(factor.whole)
        cells.append(factor.cells.reshape(-1))
        grid_dims.append(factor.grid_dims)
        if factor.positions is None:
            base = np.zeros(k, np.int64)
            step = 0
            for g, grid_dim in enumerate(factor.grid_dims):
                unit = chunk_strides[grid_dim]
                inside = factor.offsets[g] + factor.strides[g] * starts
                base += (inside - factor.cells[:, g] * chunk_shape[grid_dim]) * unit
                step += factor.strides[g] * unit
            (dim,) = factor.input_dims
            chunk_base.append(base)
            array_base.append(starts * array_strides[dim])
            begins.append(np.zeros(k, np.int64))
            chunk_steps.append(step)
            array_steps.append(array_strides[dim])
            if not affine:
                line = np.arange(counts[-1].max(initial=0), dtype=np.int64)
                chunk_deltas.append(line * step)
                array_deltas.append(line * array_strides[dim])
        else:
            assert factor.indices is not None
            deltas = np.zeros(len(factor.positions), np.int64)
            for g, grid_dim in enumerate(factor.grid_dims):
                corners = factor.cells[:, g] * chunk_shape[grid_dim]
                inside = factor.indices[g] - (corners if k == 1 else np.repeat(corners, counts[-1]))
                deltas += inside * chunk_strides[grid_dim]
            where = _offsets(factor, part.shape, array_strides)
            chunk_base.append(np.zeros(k, np.int64))
            array_base.append(np.zeros(k, np.int64))
            begins.append(starts)
            chunk_steps.append(0)
            array_steps.append(0)
            chunk_deltas.append(deltas)
            array_deltas.append(where)
    columns = kernel.columns(
        sizes,
        chunk_base,
        array_base,
        begins,
        counts,
        whole,
        cells,
        grid_dims,
        fixed_cells,
        fixed_offset,
        whole_fixed,
    )
    return Table(
        part,
        0,
        prod(sizes),
        np.array(chunk_steps, np.int64),
        np.array(array_steps, np.int64),
        np.cumsum([len(deltas) for deltas in chunk_deltas], dtype=np.int64),
        np.concatenate(chunk_deltas),
        np.concatenate(array_deltas),
        columns,
    )


def _offsets(factor: Factor, shape: Sequence[int], strides: Sequence[int]) -> Ints:
    """Return the array offset of each position of an indexed factor; int64[n]."""
    assert factor.positions is not None
    dims = factor.input_dims
    if all(strides[a] == strides[b] * shape[b] for a, b in pairwise(dims)):
        return factor.positions * strides[dims[-1]]  # the joint box is one run of the array
    found = np.zeros(len(factor.positions), np.int64)
    rest = factor.positions
    for dim in reversed(dims):
        rest, coordinate = np.divmod(rest, shape[dim])
        found += coordinate * strides[dim]
    return found
