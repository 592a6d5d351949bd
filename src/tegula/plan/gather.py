"""Address one array through a transform, the NumPy way: no chunks, no columns.

`pick` gives the elements a transform selects from an array that begins at some origin: a strided view
where every input dimension is used at most once by plain maps, and otherwise a copy made by NumPy's
own advanced indexing.  `locate` decides whether a view lies in a single chunk, the case in which
planning by columns would cost more than the read.

Law: `pick(t, a)[i] == a[t(i)]` for every i of the domain, renumbered from zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["indices", "locate", "pick", "strided"]


def strided(transform: Any, array: NDArray[Any], origin: Sequence[int] | None = None) -> NDArray[Any] | None:
    """Return the selected elements as a view of `array`, or None where that takes an index array.

    `array[0, 0, ...]` is at coordinate `origin` (default: zero) of the transform's output space.
    """
    start: tuple[int, ...] = transform.input_origin
    shape: tuple[int, ...] = transform.input_shape
    index: list[int | slice] = []
    dims: list[int] = []
    for axis, output in enumerate(transform.output):
        if output.index_array is not None:
            return None
        at = output.offset if origin is None else output.offset - origin[axis]
        dim = output.input_dimension
        if dim is None:
            index.append(at)
            continue
        if dim in dims:
            return None
        dims.append(dim)
        step, count = output.stride, shape[dim]
        first = at + step * start[dim]
        stop: int | None = first + step * count
        if count == 0:
            first, stop = 0, 0
        elif step < 0 and stop is not None and stop < 0:
            stop = None
        index.append(slice(first, stop, step))
    view = array[(*index, Ellipsis)] if index else array  # the ellipsis keeps a rank-0 result an array
    if len(dims) != len(shape):
        view = view[(..., *[None] * (len(shape) - len(dims)))]
        dims += [dim for dim in range(len(shape)) if dim not in dims]
    if dims != sorted(dims):
        view = view.transpose([dims.index(dim) for dim in range(len(shape))])
    return view if view.shape == shape else np.broadcast_to(view, shape)


def indices(transform: Any, origin: Sequence[int] | None = None) -> tuple[NDArray[np.int64], ...]:
    """Return one index array an output dimension, each of a shape that broadcasts to the input shape."""
    start, shape = transform.input_origin, transform.input_shape
    rank = len(shape)
    result = []
    for axis, output in enumerate(transform.output):
        at = output.offset if origin is None else output.offset - origin[axis]
        if output.index_array is not None:
            values = output.index_array * output.stride + at
        elif output.input_dimension is None:
            values = np.full((1,) * rank, at, np.int64)
        else:
            dim = output.input_dimension
            line = np.arange(shape[dim], dtype=np.int64) + start[dim]
            values = (line * output.stride + at).reshape([-1 if d == dim else 1 for d in range(rank)])
        result.append(values)
    return tuple(result)


def pick(transform: Any, array: NDArray[Any], origin: Sequence[int] | None = None) -> NDArray[Any]:
    """Return the selected elements, shape ``transform.input_shape``; a view where that is possible."""
    view = strided(transform, array, origin)
    if view is not None:
        return view
    found = array[indices(transform, origin)]
    return found if found.shape == transform.input_shape else np.broadcast_to(found, transform.input_shape)


def locate(transform: Any, chunk_shape: Sequence[int]) -> tuple[int, ...] | None:
    """Return the cell of the one chunk that a view lies in, or None where there may be several or none."""
    start, shape = transform.input_origin, transform.input_shape
    if 0 in shape:
        return None
    cell = []
    for output, chunk in zip(transform.output, chunk_shape, strict=True):
        if output.index_array is not None:
            return None
        dim = output.input_dimension
        if dim is None:
            cell.append(output.offset // chunk)
            continue
        first = output.offset + output.stride * start[dim]
        at = first // chunk
        if (first + output.stride * (shape[dim] - 1)) // chunk != at:
            return None
        cell.append(at)
    return tuple(cell)
