"""Factor a view over a regular grid: which positions of the view lie in which cell of the grid.

A view maps an input box to indices of a chunked array, one output map a grid dimension.  The
dimensions fall into *connected sets*: input and grid dimensions that share an output map.  Cells of
different sets combine freely, so the partition of the whole view is the product of the partitions
of its sets, and only the factors are stored: their size is a sum where the number of cells is a
product.

A factor lists its cells in order of first appearance along the input: cell ``j`` covers the positions
``starts[j]:starts[j + 1]``.  There are two kinds.

- *Strided*: one input dimension and any number of grid dimensions (none: a broadcast; several: a
  diagonal), each ``offset + stride * position``.  Positions are coordinates along the dimension.
- *Indexed*: the input dimensions joined by index arrays.  Positions are C-order positions in their
  joint box, sorted by cell (stable, so that the last write of a duplicate stays last).

Grid dimensions with a constant map belong to no factor: they fix one coordinate of every cell.

What this file must not know: chunk bytes, strides in memory, keys.
Laws: rows partition the domain (disjoint, covering, inside their cells); a `whole` row covers every
element of its chunk; slices of the rows concatenate to the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tegula.record import Record

__all__ = ["Factor", "Partition", "partition"]

Ints = NDArray[np.int64]


class Factor(Record, eq=False):
    """The partition of one connected set of dimensions: k cells over g grid dimensions.

    `starts` int64[k + 1], `cells` int64[k, g], `whole` uint8[k]: whether the cell is covered from
    edge to edge.  Strided: `offsets` and `strides` give the array index of position p along each
    grid dimension as ``offset + stride * p``.  Indexed: `positions` int64[n] and `indices`
    int64[g, n] list, sorted by cell, the position in the joint input box and the array index.
    """

    input_dims: tuple[int, ...]
    grid_dims: tuple[int, ...]
    starts: Ints
    cells: Ints
    whole: NDArray[np.uint8]
    offsets: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()
    positions: Ints | None = None
    indices: Ints | None = None

    def __len__(self) -> int:
        return len(self.starts) - 1


class Partition(Record, eq=False):
    """A view over a grid in factored form; `rows` counts the cells it touches.

    `shape` is the input shape, `chunk_shape` the grid's; `fixed` holds (grid dimension, array index) of
    the constant maps; `limits` is the shape of an array whose chunks end where it does.  Rows are numbered
    with the last factor fastest.
    """

    shape: tuple[int, ...]
    chunk_shape: tuple[int, ...]
    fixed: tuple[tuple[int, int], ...]
    factors: tuple[Factor, ...]
    limits: tuple[int, ...] | None = None

    def extent(self, grid_dim: int, index: int) -> int:
        """Return how far the chunk that holds an index reaches along a dimension of the grid."""
        chunk = self.chunk_shape[grid_dim]
        return chunk if self.limits is None else min(chunk, self.limits[grid_dim] - index // chunk * chunk)

    @property
    def rows(self) -> int:
        """The number of cells touched."""
        return prod(len(factor) for factor in self.factors)

    @property
    def elements(self) -> int:
        """The number of positions of the view."""
        return prod(self.shape)

    @property
    def affine(self) -> bool:
        """Whether no index array takes part."""
        return all(factor.positions is None for factor in self.factors)


def partition(
    transform: Any,
    chunk_shape: Sequence[int],
    coarse: Sequence[int] | None = None,
    limits: Sequence[int] | None = None,
) -> Partition:
    """Factor `transform` (an IndexTransform with a finite domain) over a grid of `chunk_shape`.

    The domain is renumbered from zero: position 0 of each input dimension is its origin.  With `coarse`,
    the shape of larger chunks that hold whole ones of these, the cells of one larger chunk follow each
    other in every factor.  With `limits`, the shape of the array, a chunk at its edge is whole where the
    view covers what lies inside.
    """
    origin: tuple[int, ...] = transform.input_origin
    shape: tuple[int, ...] = transform.input_shape
    owner = list(range(len(shape)))

    def root(dim: int) -> int:
        while owner[dim] != dim:
            dim = owner[dim]
        return dim

    fixed: list[tuple[int, int]] = []
    maps: dict[int, tuple[Any, tuple[int, ...]]] = {}
    for grid_dim, output in enumerate(transform.output):
        array = output.index_array
        if array is not None:
            used = tuple(d for d, extent in enumerate(array.shape) if extent != 1)
            if not used:
                value = output.offset + output.stride * int(array.flat[0])
                fixed.append((grid_dim, value))
                continue
            for dim in used[1:]:
                owner[root(dim)] = root(used[0])
        elif output.input_dimension is None:
            fixed.append((grid_dim, output.offset))
            continue
        else:
            used = (output.input_dimension,)
        maps[grid_dim] = (output, used)

    groups: dict[int, tuple[list[int], list[int]]] = {}
    for dim in range(len(shape)):
        groups.setdefault(root(dim), ([], []))[0].append(dim)
    for grid_dim, (_, used) in maps.items():
        groups[root(used[0])][1].append(grid_dim)

    factors = []
    for dims, grid_dims in sorted(groups.values(), key=lambda group: group[1] or group[0]):
        outputs = [maps[g][0] for g in grid_dims]
        chunks = [chunk_shape[g] for g in grid_dims]
        if any(o.index_array is not None for o in outputs):
            large = chunks if coarse is None else [coarse[g] for g in grid_dims]
            factors.append(_indexed(dims, grid_dims, outputs, chunks, large, origin, shape))
        else:
            inside = None if limits is None else [limits[g] for g in grid_dims]
            factors.append(_strided(dims, grid_dims, outputs, chunks, origin, shape, inside))
    ends = None if limits is None else tuple(limits)
    return Partition(tuple(shape), tuple(chunk_shape), tuple(fixed), tuple(factors), ends)


def _strided(
    dims: list[int],
    grid_dims: list[int],
    outputs: list[Any],
    chunks: list[int],
    origin: tuple[int, ...],
    shape: tuple[int, ...],
    limits: list[int] | None = None,
) -> Factor:
    (dim,) = dims
    extent = shape[dim]
    strides = tuple(o.stride for o in outputs)
    offsets = tuple(o.offset + o.stride * origin[dim] for o in outputs)
    breaks = [
        _breaks(offset, stride, chunk, extent)
        for offset, stride, chunk in zip(offsets, strides, chunks, strict=True)
    ]
    if not breaks:
        starts = np.array([0, extent] if extent else [0], np.int64)
    elif len(breaks) == 1:
        starts = breaks[0]
    else:
        starts = np.unique(np.concatenate(breaks))
    first = starts[:-1]
    cells = np.empty((len(first), len(chunks)), np.int64)
    whole = np.ones(len(first), np.uint8)
    counts = np.diff(starts)
    for g, (offset, stride, chunk) in enumerate(zip(offsets, strides, chunks, strict=True)):
        cells[:, g] = (offset + stride * first) // chunk
        if abs(stride) != 1 or len(chunks) != 1:
            whole &= np.uint8(chunk == 1)
        elif limits is None:
            whole &= counts == chunk
        else:
            whole &= counts == np.minimum(chunk, limits[g] - cells[:, g] * chunk)
    return Factor(tuple(dims), tuple(grid_dims), starts, cells, whole, offsets, strides)


def _breaks(offset: int, stride: int, chunk: int, extent: int) -> Ints:
    """Return 0, each position whose cell differs from the one before, and `extent`; int64[k + 1]."""
    if extent == 0:
        return np.zeros(1, np.int64)
    if abs(stride) >= chunk:
        return np.arange(extent + 1, dtype=np.int64)
    low, high = offset // chunk, (offset + stride * (extent - 1)) // chunk
    starts = np.empty(abs(high - low) + 2, np.int64)
    starts[0], starts[-1] = 0, extent
    if stride > 0:  # the first position at or above the lower edge of each next cell
        edges = np.arange(low + 1, high + 1, dtype=np.int64) * chunk
        starts[1:-1] = -((offset - edges) // stride)
    else:  # the first position below the lower edge of the cell just left
        edges = np.arange(low, high, -1, dtype=np.int64) * chunk - 1
        starts[1:-1] = -((edges - offset) // -stride)
    return starts


def _indexed(
    dims: list[int],
    grid_dims: list[int],
    outputs: list[Any],
    chunks: list[int],
    large: list[int],
    origin: tuple[int, ...],
    shape: tuple[int, ...],
) -> Factor:
    box = tuple(shape[d] for d in dims)
    count = prod(box)
    indices = np.empty((len(outputs), count), np.int64)
    for g, output in enumerate(outputs):
        if output.index_array is None:
            axis = dims.index(output.input_dimension)
            line = origin[output.input_dimension] + np.arange(box[axis], dtype=np.int64)
            values = line.reshape([-1 if a == axis else 1 for a in range(len(box))])
        else:
            array = output.index_array
            values = array.reshape([array.shape[d] for d in dims])
        np.add(
            np.broadcast_to(values, box).reshape(-1) * output.stride,
            output.offset,
            out=indices[g],
        )
    positions, cells = _sorted_cells(indices, chunks, large)
    if positions is None:
        positions = np.arange(count, dtype=np.int64)
    else:
        indices = indices[:, positions]
    if cells is None:
        starts = np.array([0, count] if count else [0], np.int64)
    else:
        changed = np.flatnonzero(np.any(cells[:, 1:] != cells[:, :-1], axis=0)) + 1
        starts = np.concatenate([[0], changed, [count]]).astype(np.int64)
    firsts = indices[:, starts[:-1]]
    return Factor(
        tuple(dims),
        tuple(grid_dims),
        starts,
        np.ascontiguousarray((firsts // np.array(chunks, np.int64)[:, None]).T),
        np.full(len(starts) - 1, all(chunk == 1 for chunk in chunks), np.uint8),
        positions=positions,
        indices=indices,
    )


def _sorted_cells(indices: Ints, chunks: list[int], large: list[int]) -> tuple[Ints | None, Ints | None]:
    """Return the order of the positions by cell (None: as they are) and their cells (None: only one).

    By the cell of the `large` chunks first, where these are others: then the cells returned are both.
    """
    if indices.shape[1] == 0:
        return None, None
    ends = [
        (int(row.min()) // chunk, int(row.max()) // chunk) for row, chunk in zip(indices, chunks, strict=True)
    ]
    varying = [g for g, (low, high) in enumerate(ends) if low != high]
    if not varying:
        return None, None
    keys = [indices[g] // chunks[g] for g in varying]
    if len(varying) > 1 and large != chunks:
        keys = [indices[g] // large[g] for g in varying] + keys
    cells = np.stack(keys)
    positions = _order(cells)
    return positions, cells[:, positions]


def _order(cells: Ints) -> Ints:
    """Return the stable order of the columns of `cells` int64[g, n] as int64[n]."""
    if cells.shape[1] == 0:
        return np.zeros(0, np.int64)
    low = cells.min(axis=1)
    spans = [int(span) for span in cells.max(axis=1) - low + 1]
    if prod(spans) >= 1 << 62:
        return np.lexsort(cells[::-1]).astype(np.int64, copy=False)
    key = np.zeros(cells.shape[1], np.int64)
    for row, first, span in zip(cells, low, spans, strict=True):
        key = key * span + (row - first)
    if prod(spans) <= 1 << 16:  # NumPy sorts 16-bit keys by counting
        key = key.astype(np.uint16)
    return np.argsort(key, kind="stable").astype(np.int64, copy=False)
