"""Small chunks within large ones: one table over the small, its rows grouped by the large.

A sharded array has two grids: one of stored values and, finer, one of inner chunks.  The view is factored
over the fine grid as over any other (`tegula.plan.partition`); since the coarse grid is a multiple of
it, each factor is a run of runs, one for every coarse cell, and the rows of one coarse cell are again a
product: a table that shares the columns of the whole.

What this file must not know: what a stored value looks like.  Laws: the groups partition the rows; all
rows of a group lie in its coarse cell, and no two groups in the same one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tegula.plan.partition import Ints, partition
from tegula.plan.table import Table, bind
from tegula.record import Record, replace

__all__ = ["Nested", "nest"]


class Nested(Record, eq=False):
    """A table over small chunks with its groups, `lo` to `hi`: one for each large chunk that is touched.

    `ratio` int64[r] is the number of small chunks in a large one along each dimension of the grid;
    `edges`, for each factor, are the positions in its cells at which the large cell changes, both ends
    included.
    """

    table: Table
    ratio: Ints
    edges: tuple[Ints, ...]
    lo: int
    hi: int

    def __len__(self) -> int:
        return self.hi - self.lo

    def spans(self, parts: int) -> list[Nested]:
        """Cut into at most `parts` runs of groups of nearly equal number."""
        n = len(self)
        parts = max(1, min(parts, n))
        marks = [self.lo + n * part // parts for part in range(parts + 1)]
        return [replace(self, lo=a, hi=b) for a, b in pairwise(marks) if b > a]

    def group(self, number: int) -> Table:
        """Return the rows of one group, from 0 on."""
        number += self.lo
        columns = self.table.columns
        firsts, sizes = [0] * len(self.edges), [0] * len(self.edges)
        for f in reversed(range(len(self.edges))):
            edges = self.edges[f]
            number, at = divmod(number, len(edges) - 1)
            firsts[f] = int(edges[at])
            sizes[f] = int(edges[at + 1]) - firsts[f]
        shift = np.array(firsts, np.int64)
        part = columns._replace(
            sizes=np.array(sizes, np.int64),
            first=columns.first + shift,
            cell_first=columns.cell_first + shift * columns.widths,
        )
        return replace(self.table, lo=0, hi=prod(sizes), columns=part)


def nest(
    transform: Any,
    coarse: Sequence[int],
    fine: Sequence[int],
    chunk_strides: Sequence[int],
    array_strides: Sequence[int],
) -> Nested:
    """Bind a view to memory over chunks of shape `fine`, grouped by chunks of shape `coarse`.

    Args:
        transform: an IndexTransform with a finite domain.
        coarse, fine: shapes of the large and the small chunks; the first a multiple of the second.
        chunk_strides: element strides of a small chunk (grid order).
        array_strides: element strides of the array (input order).

    >>> from tegula.space.transform import IndexTransform
    >>> nested = nest(IndexTransform(input_shape=[10]), [4], [2], [1], [1])
    >>> [nested.group(n).expand().cells[:, 0].tolist() for n in range(len(nested))]
    [[0, 1], [2, 3], [4]]
    """
    part = partition(transform, fine, coarse)
    ratio = np.array([large // small for large, small in zip(coarse, fine, strict=True)], np.int64)
    edges = []
    for factor in part.factors:
        cells = factor.cells // ratio[list(factor.grid_dims)]
        edges.append(_edges(cells))
    count = prod(len(each) - 1 for each in edges)
    return Nested(bind(part, chunk_strides, array_strides), ratio, tuple(edges), 0, count)


def _edges(cells: NDArray[np.int64]) -> Ints:
    """Return where the rows of `cells` change: 0, each first row of a run, and the number of rows."""
    n = len(cells)
    if not n:
        return np.zeros(1, np.int64)
    changed = np.flatnonzero((cells[1:] != cells[:-1]).any(axis=1)) + 1
    return np.concatenate([[0], changed, [n]]).astype(np.int64)
