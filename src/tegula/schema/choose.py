"""Choosing the chunk grid of a new array from what its layout asks for.

What this file knows: the rule that turns constraints into shapes.  What it must not know: formats;
a format says whether its read and write chunks may differ by the function it calls.

The rule for the dimensions that nothing fixes: chunks hold about the target number of elements
(1024 * 1024 unless asked otherwise) in the wanted aspect ratio, of which the largest part counts as 1.
A scale factor is searched by halving, of its logarithm while its bounds are far apart; dimension `i`
gets ``max(1, floor(min(ratio_i * factor, limit_i)))``, where the limit is the extent, or the target where
there is none.  The larger factor wins only if it hits the target exactly.

Law: the chosen shape satisfies every hard constraint, and is positive.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, sqrt
from sys import float_info

from tegula import binding
from tegula.errors import InvalidArgument
from tegula.schema.chunkgrid import ChunkGrid
from tegula.schema.layout import ChunkLayout
from tegula.space.domain import IndexDomain
from tegula.space.interval import INF, interval_text

__all__ = [
    "DEFAULT_ELEMENTS",
    "choose_chunk_grid",
    "choose_chunk_shape",
    "choose_read_write_chunk_grid",
    "choose_read_write_chunk_shapes",
]

DEFAULT_ELEMENTS = 1024 * 1024
_LIMIT = 2.0**62
_MOST = 2**63 - 1
_TINY, _HALF_OF_MOST = 5e-324, float_info.max / 4
_DIVISORS_TRIED = 1_000_000

_MapSize = Callable[[int, int], int]


def choose_chunk_shape(grid: ChunkGrid, domain: IndexDomain) -> tuple[int, ...]:
    """Return the chunk shape that a grid's constraints mean for a domain.

    >>> choose_chunk_shape(ChunkGrid(aspect_ratio=[1, 2, 2]), IndexDomain(shape=[1000, 2000, 3000]))
    (64, 128, 128)

    Raises:
        InvalidArgument: the ranks differ, or a size is to match a dimension without bounds.
    """
    return _completed(_fixed(grid, domain), grid, domain, _as_it_is)


def choose_chunk_grid(
    layout: ChunkLayout, domain: IndexDomain, usage: str = "write"
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the grid origin and the chunk shape that the constraints on one usage mean for a domain.

    The origin is what the layout says, hard or soft, and otherwise keeps a chunk boundary at the
    domain's own origin.

    >>> from tegula.space.domain import Dim
    >>> choose_chunk_grid(ChunkLayout(write_chunk_shape=[4]), IndexDomain([Dim(-5, 7)]))
    ((3,), (4,))

    Raises:
        InvalidArgument: the ranks differ, or a size is to match a dimension without bounds.
    """
    shape = choose_chunk_shape(layout.grid(usage), domain)
    row = layout.origin_row()
    given = (None,) * len(shape) if row is None else row.values
    if len(given) != len(shape):
        raise _rank_mismatch(len(given), len(shape))
    origin = tuple(
        [
            value if value is not None else 0 if low == -INF else low % size
            for value, low, size in zip(given, domain.inclusive_min, shape, strict=True)
        ]
    )
    return origin, shape


def choose_read_write_chunk_grid(
    layout: ChunkLayout, domain: IndexDomain
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the grid origin and chunk shape for a format whose read and write chunks are the same.

    Raises:
        InvalidArgument: as `choose_chunk_grid`; or read and write constraints contradict each other.
    """
    combined = layout.copy()
    with binding.at("write_chunk constraints not compatible with existing read_chunk constraints: "):
        combined.merge_grid("read", layout.grid("write"))
    return choose_chunk_grid(combined, domain, "read")


def choose_read_write_chunk_shapes(
    layout: ChunkLayout, domain: IndexDomain
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the read and the write chunk shape for a format whose write chunks hold several read chunks.

    The write shape is a multiple of the read shape in every dimension.

    >>> layout = ChunkLayout(read_chunk_elements=100, write_chunk_elements=50000)
    >>> choose_read_write_chunk_shapes(layout, IndexDomain(shape=[1000, 1000]))
    ((10, 10), (220, 220))

    Raises:
        InvalidArgument: the ranks differ, hard constraints are not multiples, or a size is to match a
            dimension without bounds.
    """
    read_grid, write_grid = layout.grid("read"), layout.grid("write")
    read, write = _fixed(read_grid, domain), _fixed(write_grid, domain)
    hard_read = read_grid.shape or (None,) * len(read)
    hard_write = write_grid.shape or (None,) * len(write)
    for i, (r, w) in enumerate(zip(read, write, strict=True)):
        if r and w and w % r:
            if hard_read[i] is None:
                read[i] = _nearest_divisor(w, r)
            elif hard_write[i] is None:
                write[i] = _nearest_multiple(r, w)
            else:
                raise InvalidArgument(
                    f"Incompatible chunk size constraints for dimension {i}: "
                    f"read size of {r}, write size of {w}"
                )

    def divisor(i: int, size: int) -> int:
        return _nearest_divisor(write[i], size) if write[i] else size

    chosen = _completed(read, read_grid, domain, divisor)

    def multiple(i: int, size: int) -> int:
        return _nearest_multiple(chosen[i], size)

    return chosen, _completed(write, write_grid, domain, multiple)


def _rank_mismatch(constraints: int, domain: int) -> InvalidArgument:
    return InvalidArgument(f"Rank of constraints ({constraints}) does not match rank of domain ({domain})")


def _fixed(grid: ChunkGrid, domain: IndexDomain) -> list[int]:
    """Return the sizes that constraints fix, 0 where none does."""
    row = grid.row("shape")
    if row is None:
        return [0] * domain.rank
    if len(row.values) != domain.rank:
        raise _rank_mismatch(len(row.values), domain.rank)
    sizes = []
    for i, size in enumerate(row.values):
        if size == -1:
            bounds = domain.dim(i)
            if not bounds.finite:
                raise InvalidArgument(
                    f"Cannot match chunk size for dimension {i} to unbounded domain "
                    f"{interval_text(bounds.inclusive_min, bounds.exclusive_max)}"
                )
            size = max(1, bounds.size)
        sizes.append(size or 0)
    return sizes


def _as_it_is(dimension: int, size: int) -> int:  # noqa: ARG001 - one signature for all maps of sizes
    return size


def _completed(sizes: list[int], grid: ChunkGrid, domain: IndexDomain, map_size: _MapSize) -> tuple[int, ...]:
    """Return the sizes with the open ones (0) chosen; `map_size` moves a chosen size to one that fits."""
    free = [i for i, size in enumerate(sizes) if not size]
    if not free:
        return tuple(sizes)
    row, scalar = grid.row("aspect_ratio"), grid.target()
    if row is not None and len(row.values) != domain.rank:
        raise _rank_mismatch(len(row.values), domain.rank)
    target = DEFAULT_ELEMENTS if scalar is None else scalar
    ratio = {i: 1.0 if row is None or row.values[i] is None else row.values[i] for i in free}
    largest = max(ratio.values())
    ratio = {i: value / largest or _TINY for i, value in ratio.items()}
    limit = {}
    for i in free:
        bounds = domain.dim(i)
        extent = max(1.0, float(bounds.size)) if bounds.finite else inf
        limit[i] = min(float(target), extent, _LIMIT)

    def sized(factor: float) -> list[int]:
        found = list(sizes)
        for i in free:
            found[i] = map_size(i, max(1, int(min(ratio[i] * factor, limit[i]))))
        return found

    def count(factor: float) -> int:
        total = 1
        for size in sized(factor):
            total *= size
        return min(total, _MOST)

    step = low = min(1.0 / ratio[i] for i in free) / 2
    high = 2 * min(_HALF_OF_MOST, max(limit[i] / ratio[i] for i in free))
    high_count = count(high)
    while low + step < high:
        middle = sqrt(low) * sqrt(high) if high > 4 * low else low + (high - low) / 2
        if not low < middle < high:
            break
        found = count(middle)
        if found >= target:
            high, high_count = middle, found
        if found <= target:
            low = middle
    return tuple(sized(high if high_count == target else low))


def _nearest_multiple(of: int, size: int) -> int:
    """Return the positive multiple of `of` nearest to `size`; the lower one of two.

    >>> _nearest_multiple(10, 25), _nearest_multiple(10, 26), _nearest_multiple(10, 3)
    (20, 30, 10)
    """
    below = size // of * of
    above = below + of
    return below if below and size - below <= above - size else above


def _nearest_divisor(of: int, size: int) -> int:
    """Return the divisor of `of` nearest to `size`; the lower one of two.

    >>> _nearest_divisor(50, 24), _nearest_divisor(60, 11), _nearest_divisor(7, 4)
    (25, 10, 1)
    """
    if size >= of:
        return of
    for distance in range(min(max(size, of - size), _DIVISORS_TRIED)):
        for candidate in (size - distance, size + distance):
            if 1 <= candidate <= of and of % candidate == 0:
                return candidate
    return 1
