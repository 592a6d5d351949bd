"""The regular chunk grid: cells of one shape, laid from one origin in every direction.

What this file knows: which cell holds an index, and which box a cell is.  What it must not know:
what a cell is called in a store, or that arrays end.  Law: ``index`` lies in ``cell_box(cell_of(index))``.
"""

from __future__ import annotations

from collections.abc import Iterable

from tegula.errors import InvalidArgument
from tegula.row import NamedTuple

__all__ = ["RegularGrid"]


class _Fields(NamedTuple):
    chunk_shape: tuple[int, ...]
    origin: tuple[int, ...]


class RegularGrid(_Fields):
    """A grid of cells of `chunk_shape`; cell ``(0, ..., 0)`` starts at `origin` (all zeros by default).

    >>> grid = RegularGrid((3, 5))
    >>> grid.cell_of((7, -1)), grid.shape_in_cells((10, 10))
    ((2, -1), (4, 2))

    Raises:
        InvalidArgument: a size is not positive, or the ranks differ.
    """

    __slots__ = ()

    def __new__(cls, chunk_shape: Iterable[int], origin: Iterable[int] | None = None) -> RegularGrid:  # noqa: PYI034
        """Check the sizes and make the grid."""
        shape = tuple(chunk_shape)
        start = (0,) * len(shape) if origin is None else tuple(origin)
        if len(start) != len(shape):
            raise InvalidArgument(f"Rank of origin ({len(start)}) does not match rank of grid ({len(shape)})")
        if any(size < 1 for size in shape):
            raise InvalidArgument(f"Chunk sizes must be positive: {shape}")
        return _Fields.__new__(cls, shape, start)

    @property
    def rank(self) -> int:
        """The number of dimensions."""
        return len(self.chunk_shape)

    def cell_of(self, index: Iterable[int]) -> tuple[int, ...]:
        """Return the cell that holds an index."""
        return tuple([(i - o) // n for i, o, n in zip(index, self.origin, self.chunk_shape, strict=True)])

    def cell_box(self, cell: Iterable[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the least index of a cell, and one more than its greatest in each dimension.

        >>> RegularGrid((3, 5), (1, 0)).cell_box((0, 2))
        ((1, 10), (4, 15))
        """
        low = tuple([o + c * n for c, o, n in zip(cell, self.origin, self.chunk_shape, strict=True)])
        return low, tuple([a + n for a, n in zip(low, self.chunk_shape, strict=True)])

    def shape_in_cells(self, array_shape: Iterable[int]) -> tuple[int, ...]:
        """Return how many cells, from cell 0 on, an array needs whose first index is the grid's origin."""
        return tuple([-(-size // n) for size, n in zip(array_shape, self.chunk_shape, strict=True)])

    def cells_of(self, low: Iterable[int], high: Iterable[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the box of the cells that a box of indices touches (half-open; empty stays empty).

        >>> RegularGrid((3,)).cells_of((2,), (7,)), RegularGrid((3,)).cells_of((2,), (2,))
        (((0,), (3,)), ((0,), (0,)))
        """
        first = self.cell_of(low)
        ends = []
        for f, a, b, o, n in zip(first, low, high, self.origin, self.chunk_shape, strict=True):
            ends.append(f if b <= a else (b - 1 - o) // n + 1)
        return first, tuple(ends)
