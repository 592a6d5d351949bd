"""Columns of maps: how one row of affine maps is seen through another.

What this file knows: a row of maps as three tuples, the input dimension of each output (-1 for none), its
offset and its stride (0 for a constant), and how two such rows join.  What it must not know: domains,
index arrays' values, syntax.

Output `k` is `offsets[k] + strides[k] * input[dims[k]]`.  Indexing, slicing, translating and transposing all
replace each input dimension by a constant or by an affine function of one new dimension: that is a row
of columns too, and each of these operations is `joined`.

Law: `joined(outer, inner)` evaluated at x is `outer` evaluated at `inner(x)`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tegula.space.interval import MAX_INT64 as MOST
from tegula.space.interval import MAX_RANK
from tegula.space.interval import MIN_INT64 as LEAST

if TYPE_CHECKING:
    from tegula.space.maps import IndexArray

    Looked = tuple[IndexArray, int, int]
    """An index array and the range `[lo, hi)` that its values must lie in."""
else:
    Looked = tuple
Columns = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]
"""`(dims, offsets, strides)`."""

COUNT = tuple(tuple(range(rank)) for rank in range(MAX_RANK + 1))
"""`(0, 1, ..., rank - 1)` for each rank; shared, so that an unchanged column costs nothing."""
BACKWARD = tuple(dims[::-1] for dims in COUNT)
ZEROS = tuple((0,) * rank for rank in range(MAX_RANK + 1))
ONES = tuple((1,) * rank for rank in range(MAX_RANK + 1))


def joined(
    dims: tuple[int, ...],
    offsets: tuple[int, ...],
    strides: tuple[int, ...],
    places: list[int],
    moves: list[int] | None,
    steps: list[int] | None,
) -> Columns | None:
    """Return the columns `dims, offsets, strides` seen through an inner row; None where 64 bits overflow.

    The inner row `places, moves, steps` has one entry for each input dimension and one more for none: -1, 0
    and 0.  `moves` or `steps` None stands for no offset anywhere, or for strides of 1.

    >>> joined((1, 0), (5, 0), (2, 1), [0, -1, -1], [0, 7, 0], [1, 0, 0])
    ((-1, 0), (19, 0), (0, 1))
    """
    rank = len(dims)
    if dims is COUNT[rank] and strides is ONES[rank] and offsets is ZEROS[rank]:
        return (
            tuple(places[:rank]),
            offsets if moves is None else tuple(moves[:rank]),
            strides if steps is None else tuple(steps[:rank]),
        )
    if moves is None and steps is None:
        return tuple([places[i] for i in dims]), offsets, strides
    new_dims, new_offsets, new_strides = [], [], []
    for k, i in enumerate(dims):
        offset, stride = offsets[k], strides[k]
        new_dims.append(places[i])
        if stride:
            if moves is not None:
                move = moves[i] * stride
                offset += move
                if not (LEAST <= offset <= MOST and LEAST <= move <= MOST):
                    return None
            if steps is not None:
                stride *= steps[i]
                if not LEAST <= stride <= MOST:
                    return None
        new_offsets.append(offset)
        new_strides.append(stride)
    return tuple(new_dims), tuple(new_offsets), tuple(new_strides)


def stepped(dims: tuple[int, ...], strides: tuple[int, ...], steps: list[int]) -> tuple[int, ...] | None:
    """Return the strides after input `i` became `steps[i] * input[i]`; None where 64 bits overflow."""
    found = tuple([strides[k] * steps[i] for k, i in enumerate(dims)])
    return found if not found or (min(found) >= LEAST and max(found) <= MOST) else None
