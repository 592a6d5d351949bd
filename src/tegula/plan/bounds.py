"""Which bounds of an array a change of a view's bounds asks for, and which cells that touches.

What this file knows: transforms and grids.  What it must not know: metadata, stores.

Law: where the answer is not refused, the changed array seen through the transform has the bounds that were
asked for, and, unless tied bounds may be resized, nothing outside of the view is touched.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

from tegula.errors import FailedPrecondition, InvalidArgument
from tegula.row import NamedTuple
from tegula.space.interval import END, INF, MAX_FINITE, MIN_FINITE

__all__ = [
    "Resizing",
    "check_direction",
    "count_cut",
    "count_dropped",
    "cut_cells",
    "dropped_cells",
    "edge_of",
    "new_shape",
    "output_bounds",
]

Ends = tuple[int | None, ...]


class Resizing(NamedTuple):
    """What is asked of a resize: new ends of the array's dimensions, None to leave one, and its limits.

    `lower` and `upper` are what the view already has of the array, None where it has no say: other
    bounds would change what the view does not show.
    """

    ends: Ends
    lower: Ends = ()
    upper: Ends = ()
    expand_only: bool = False
    shrink_only: bool = False


def output_bounds(
    transform: Any, inclusive_min: Sequence[int | None], exclusive_max: Sequence[int | None], tied: bool
) -> Resizing | None:
    """Return what new bounds of a view mean for its array; None where they ask for nothing.

    Raises:
        InvalidArgument: a bound is explicit, invalid, or cannot be carried over.
    """
    domain = transform.domain
    for dim in range(transform.input_rank):
        _check(dim, domain[dim], inclusive_min[dim], exclusive_max[dim])
    ends: list[int | None] = []
    asked = False
    for out, output in enumerate(transform.output):
        dim = output.input_dimension
        end = None
        if output.index_array is None and dim is not None:
            low, high = inclusive_min[dim], exclusive_max[dim]
            if low is not None or high is not None:
                asked = True
                if abs(output.stride) != 1:
                    raise InvalidArgument(
                        f"Output dimension {out} depends on resized input dimension {dim} "
                        f"with non-unit stride of {output.stride}"
                    )
                if output.stride == 1 and high is not None:
                    end = END if high == END else output.offset + high
                elif output.stride == -1 and low is not None:
                    end = output.offset - low + 1
        ends.append(end)
    if not asked:
        return None
    lower, upper = ([None] * len(ends), [None] * len(ends)) if tied else _held(transform)
    return Resizing(tuple(ends), tuple(lower), tuple(upper))


def _check(dim: int, bounds: Any, low: int | None, high: int | None) -> None:
    reason = None
    if low is not None and not (low == -INF or MIN_FINITE <= low <= MAX_FINITE):
        reason = f"Invalid requested inclusive min value {low}"
    elif high is not None and not (high == END or MIN_FINITE <= high - 1 <= MAX_FINITE):
        reason = f"Invalid requested exclusive max value {high}"
    elif low is not None and high is not None and low > high:
        reason = f"Invalid requested bounds [{low}, {high})"
    elif low is not None and not bounds.implicit_lower:
        reason = "Cannot change explicit lower bound"
    elif high is not None and not bounds.implicit_upper:
        reason = "Cannot change explicit upper bound"
    if reason is not None:
        raise InvalidArgument(f"Invalid resize request for input dimension {dim}: {reason}")


def _held(transform: Any) -> tuple[list[int | None], list[int | None]]:
    """Return the bounds of the array that a view holds on to."""
    lower: list[int | None] = []
    upper: list[int | None] = []
    seen: set[int] = set()
    for out, output in enumerate(transform.output):
        dim = output.input_dimension
        low = high = None
        if output.index_array is not None:
            raise InvalidArgument(
                f"Output dimension {out} has index array map but `resize_tied_bounds` was not specified"
            )
        if dim is None:
            low, high = output.offset, output.offset + 1
        else:
            if dim in seen:
                raise InvalidArgument(
                    f"Input dimension {dim} corresponds to a diagonal but "
                    "`resize_tied_bounds` was not specified"
                )
            seen.add(dim)
            if abs(output.stride) != 1:
                raise InvalidArgument(
                    f"Output dimension {out} depends on input dimension {dim} with non-unit stride of "
                    f"{output.stride} but `resize_tied_bounds` was not specified"
                )
            bounds = transform.domain[dim]
            ends = (
                None if bounds.implicit_lower else bounds.inclusive_min,
                None if bounds.implicit_upper else bounds.exclusive_max,
            )
            if output.stride == 1:
                low, high = (None if end is None else output.offset + end for end in ends)
            else:
                low = None if ends[1] is None else output.offset - ends[1] + 1
                high = None if ends[0] is None else output.offset - ends[0] + 1
        lower.append(low)
        upper.append(high)
    return lower, upper


def new_shape(asked: Resizing, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape that an array of a shape gets.

    Raises:
        FailedPrecondition: it would grow or shrink though it must not, or beyond what the view shows.
    """
    made = []
    for dim, (size, end) in enumerate(zip(shape, asked.ends, strict=True)):
        low = asked.lower[dim] if asked.lower else None
        high = asked.upper[dim] if asked.upper else None
        if low is not None and low != 0:
            raise _tied(dim, 0, low)
        if high is not None and high != size:
            raise _tied(dim, min(high, size), max(high, size))
        made.append(size if end is None else max(0, min(end, END)))
    return tuple(made)


def _tied(dim: int, low: int, high: int) -> FailedPrecondition:
    return FailedPrecondition(
        f"Resize operation would also affect output dimension {dim} over the interval [{low}, {high}) "
        "but `resize_tied_bounds` was not specified"
    )


def check_direction(asked: Resizing, old: tuple[int, ...], new: tuple[int, ...]) -> None:
    """Raise where an array may only grow or only shrink, and would do the other.

    Raises:
        FailedPrecondition: it would.
    """
    for dim, (was, will) in enumerate(zip(old, new, strict=True)):
        for verb, refused, option in (
            ("expand", asked.shrink_only and will > was, "shrink_only"),
            ("shrink", asked.expand_only and will < was, "expand_only"),
        ):
            if refused:
                raise FailedPrecondition(
                    f"Resize operation would {verb} output dimension {dim} from [0, {was}) to [0, {will}) "
                    f"but `{option}` was specified"
                )


def dropped_cells(old: Sequence[int], new: Sequence[int], chunk: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Yield the cells of a grid that hold something of the old shape and nothing of the new one.

    >>> list(dropped_cells((5, 3), (2, 3), (2, 2)))
    [(1, 0), (1, 1), (2, 0), (2, 1)]
    """
    was = [-(-size // edge) for size, edge in zip(old, chunk, strict=True)]
    will = [min(a, -(-size // edge)) for a, size, edge in zip(was, new, chunk, strict=True)]
    for dim in range(len(was)):
        if will[dim] == was[dim]:
            continue  # and `product` would make a tuple of each of the other ranges
        # cells that are inside in the dimensions before, and outside in this one
        spans = [range(will[d]) if d < dim else range(was[d]) for d in range(len(was))]
        spans[dim] = range(will[dim], was[dim])
        yield from product(*spans)


def count_dropped(old: Sequence[int], new: Sequence[int], chunk: Sequence[int]) -> int:
    """Return how many cells `dropped_cells` yields."""
    was = will = 1
    for a, b, edge in zip(old, new, chunk, strict=True):
        cells = -(-a // edge)
        was *= cells
        will *= min(cells, -(-b // edge))
    return was - will


def edge_of(
    old: Sequence[int], new: Sequence[int], chunk: Sequence[int]
) -> tuple[list[int], list[int | None]]:
    """Return how many cells both shapes have, and the cell that the new edge cuts, None for none.

    >>> edge_of((5, 3), (3, 3), (2, 2))
    ([2, 2], [1, None])
    """
    inside = [-(-min(a, b) // edge) for a, b, edge in zip(old, new, chunk, strict=True)]
    edges = [b // edge if b < a and b % edge else None for a, b, edge in zip(old, new, chunk, strict=True)]
    return inside, edges


def count_cut(old: Sequence[int], new: Sequence[int], chunk: Sequence[int]) -> int:
    """Return how many cells `cut_cells` yields.

    >>> count_cut((5, 3), (3, 3), (2, 2))
    2
    """
    whole = uncut = 1
    for cells, cut in zip(*edge_of(old, new, chunk), strict=True):
        whole *= cells
        uncut *= cells - (cut is not None)
    return whole - uncut


def cut_cells(old: Sequence[int], new: Sequence[int], chunk: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Yield the cells that hold something of both shapes, and more of the old one.

    >>> list(cut_cells((5, 3), (3, 3), (2, 2)))
    [(1, 0), (1, 1)]
    """
    inside, edges = edge_of(old, new, chunk)
    for dim, edge in enumerate(edges):
        if edge is None:
            continue
        # at the edge in this dimension, and not at that of one before
        spans: list[Sequence[int]] = [range(cells) for cells in inside]
        for before in range(dim):
            cut = edges[before]
            spans[before] = [cell for cell in spans[before] if cell != cut]
        spans[dim] = (edge,)
        yield from product(*spans)
