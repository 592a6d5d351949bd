"""The box of an array that a view reaches: from the first to the last position along each dimension.

Law: every element of the view lies in its box.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["Reach", "meet", "reach"]

Reach = list[tuple[int, int]]
"""The first and the last position along each dimension."""


def reach(transform: Any) -> Reach | None:
    """Return the smallest box that holds all that a transform selects, None where that is nothing.

    >>> from tegula.space.transform import IndexTransform
    >>> reach(IndexTransform(input_shape=[8, 8])[1:7:2, 3]), reach(IndexTransform(input_shape=[0]))
    ([(1, 5), (3, 3)], None)
    """
    start, shape = transform.input_origin, transform.input_shape
    if 0 in shape:
        return None
    found: Reach = []
    for output in transform.output:
        if output.index_array is not None:
            ends = [output.offset + output.stride * int(end) for end in _ends(output.index_array)]
        elif output.input_dimension is None:
            ends = [output.offset, output.offset]
        else:
            first = output.offset + output.stride * start[output.input_dimension]
            ends = [first, first + output.stride * (shape[output.input_dimension] - 1)]
        found.append((min(ends), max(ends)))
    return found


def _ends(array: Any) -> tuple[Any, Any]:
    return array.min(), array.max()


def meet(one: Sequence[tuple[int, int]], other: Sequence[tuple[int, int]]) -> bool:
    """Return whether two boxes have a position in common.

    >>> meet([(0, 3), (2, 2)], [(3, 5), (0, 9)]), meet([(0, 3)], [(4, 5)])
    (True, False)
    """
    return all(low <= last and first <= high for (low, high), (first, last) in zip(one, other, strict=True))
