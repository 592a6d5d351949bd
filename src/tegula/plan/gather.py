"""Address one array through a transform, the NumPy way: no chunks, no columns.

`pick` gives the elements a transform selects from an array that begins at some origin: a strided view
where every input dimension is used at most once by plain maps, and otherwise a copy made by NumPy's
own advanced indexing.  `locate` decides whether a view lies in a single chunk, and `pieces` takes one apart
that lies in a few: the cases in which planning by columns would cost more than the read.

Laws: `pick(t, a)[i] == a[t(i)]` for every i of the domain, renumbered from zero; filling the pieces of a view
equals picking it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tegula.row import NamedTuple

__all__ = ["Pieces", "Spot", "covers", "indices", "locate", "pick", "pieces", "strided"]


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
    if not array.size and 0 in transform.input_shape:  # there is nothing to index
        return np.zeros(transform.input_shape, array.dtype)
    view = strided(transform, array, origin)
    if view is not None:
        return view
    found = array[indices(transform, origin)]
    return found if found.shape == transform.input_shape else np.broadcast_to(found, transform.input_shape)


class Spot(NamedTuple):
    """A view that lies in one chunk: `cell` of the grid, and how its elements are indexed in the chunk.

    ``chunk[index]``, transposed by `axes` unless that is None, is the view.
    """

    cell: tuple[int, ...]
    index: tuple[Any, ...]  # type: ignore[assignment]
    axes: tuple[int, ...] | None


def locate(transform: Any, shape: Sequence[int], chunk_shape: Sequence[int]) -> Spot | None:
    """Return where a view lies if that is a single chunk of an array of `shape`, else None.

    None also where the view is empty, leaves the array, or uses index arrays or one dimension twice: all
    that the general way is for.

    >>> from tegula.space.transform import IndexTransform
    >>> locate(IndexTransform(input_shape=[8, 8])[6:8, 3], (8, 8), (4, 4))
    Spot(cell=(1, 0), index=(slice(2, 4, 1), 3, Ellipsis), axes=None)
    """
    if transform._arrays:
        return None
    start, extents = transform.input_origin, transform.input_shape
    cell: list[int] = []
    index: list[Any] = []
    dims: list[int] = []
    for dim, offset, step, extent, chunk in zip(
        transform._dims, transform._offsets, transform._strides, shape, chunk_shape, strict=True
    ):
        if dim < 0:
            if not 0 <= offset < extent:
                return None
            here = offset // chunk
            index.append(offset - here * chunk)
        else:
            count = extents[dim]
            first = offset + step * start[dim]
            last = first + step * (count - 1)
            here = first // chunk
            if not (count and 0 <= first < extent and 0 <= last < extent and last // chunk == here):
                return None
            base = here * chunk
            stop = last - base + (1 if step > 0 else -1)
            index.append(slice(first - base, None if stop < 0 else stop, step))
            dims.append(dim)
        cell.append(here)
    index.append(...)  # so that the elements of a view without dimensions are an array too
    rank = len(extents)
    if len(dims) == rank:
        if dims == sorted(dims):
            return Spot(tuple(cell), tuple(index), None) if len(set(dims)) == rank else None
        if len(set(dims)) != rank:
            return None
        return Spot(tuple(cell), tuple(index), tuple(dims.index(dim) for dim in range(rank)))
    return None


def covers(index: Sequence[Any], shape: Sequence[int]) -> bool:
    """Whether a piece is all of its chunk."""
    for one, extent in zip(index, shape, strict=False):  # behind them is an ellipsis
        if isinstance(one, slice):
            step = one.step
            if step == 1:
                if one.start != 0 or one.stop != extent:
                    return False
            elif extent != 1 and not (step == -1 and one.start == extent - 1 and one.stop is None):
                return False
        elif extent != 1:
            return False
    return True


class Pieces(NamedTuple):
    """A view that lies in a few chunks: for each, the cell and how its elements are indexed on both sides.

    ``view[targets[i]] = chunk[sources[i]].transpose(axes)`` for each chunk i, without the transposition where
    `axes` is None.  `entire`: the chunks are whole shards, not the inner chunks of these.
    """

    cells: list[tuple[int, ...]]
    sources: list[tuple[Any, ...]]
    targets: list[tuple[slice, ...]]
    axes: tuple[int, ...] | None
    entire: bool = False


def pieces(transform: Any, shape: Sequence[int], chunk_shape: Sequence[int], most: int) -> Pieces | None:
    """Return where a view lies if that is in at most `most` chunks of an array of `shape`, else None.

    None also where the view is empty, leaves the array, or uses index arrays, or not each of its dimensions
    exactly once: all that the general way is for.

    >>> from tegula.space.transform import IndexTransform
    >>> found = pieces(IndexTransform(input_shape=[8])[1:7:2], (8,), (4,), 9)
    >>> found.cells, found.sources
    ([(0,), (1,)], [(slice(1, 4, 2), Ellipsis), (slice(1, 2, 2), Ellipsis)])
    >>> found.targets
    [(slice(0, 2, None),), (slice(2, 3, None),)]
    """
    if transform._arrays:
        return None
    start, extents = transform.input_origin, transform.input_shape
    lines: list[list[tuple[int, Any, slice | None]]] = []
    dims: list[int] = []
    count = 1
    for dim, offset, step, extent, chunk in zip(
        transform._dims, transform._offsets, transform._strides, shape, chunk_shape, strict=True
    ):
        if dim < 0:
            if not 0 <= offset < extent:
                return None
            here = offset // chunk
            lines.append([(here, offset - here * chunk, None)])
            continue
        length = extents[dim]
        first = offset + step * start[dim]
        last = first + step * (length - 1)
        if not (length and 0 <= first < extent and 0 <= last < extent):
            return None
        count *= min(length, abs(last // chunk - first // chunk) + 1)
        if count > most:
            return None
        lines.append(_line(first, step, length, chunk))
        dims.append(dim)
    if sorted(dims) != list(range(len(extents))):
        return None
    axes = None if dims == sorted(dims) else tuple(dims.index(dim) for dim in range(len(dims)))
    cells = list(product(*[[one[0] for one in line] for line in lines]))
    sources = list(product(*[[one[1] for one in line] for line in lines], (...,)))
    places = [[one[2] for one in line if one[2] is not None] for line in lines]
    ranges = [place for place in places if place]
    targets: list[tuple[slice, ...]] = list(product(*ranges))
    if axes is not None:
        targets = [tuple([target[axis] for axis in axes]) for target in targets]
    return Pieces(cells, sources, targets, axes)


def _line(first: int, step: int, length: int, chunk: int) -> list[tuple[int, Any, slice | None]]:
    """Cut the positions ``first + step * k``, k < length, where they go from one chunk to the next."""
    found: list[tuple[int, Any, slice | None]] = []
    done = 0
    while done < length:
        at = first + step * done
        here = at // chunk
        base = here * chunk
        room = (base + chunk - 1 - at) // step if step > 0 else (at - base) // -step
        count = min(length - done, room + 1)
        stop = at - base + step * (count - 1) + (1 if step > 0 else -1)
        found.append((here, slice(at - base, None if stop < 0 else stop, step), slice(done, done + count)))
        done += count
    return found
