"""Which box of a source a view reaches, and which box of the base a computed view needs for it.

Law: every coordinate that `transform` gives lies in `reached(transform)`; the box is tight for maps
without index arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import lt
from typing import Any

from tegula.plan.blocks import Box, Grain
from tegula.plan.grid import on_grid
from tegula.source import Cast, Chunked, Downsample, InMemory, Whole
from tegula.view import View

__all__ = ["base_of", "grains", "is_translation", "meet", "reached", "restrict"]


def reached(transform: Any) -> Box:
    """Return the box, lower and exclusive upper, of the output coordinates a transform reaches."""
    lower, upper = [], []
    start, shape = transform.input_origin, transform.input_shape
    for output in transform.output:
        if output.index_array is not None:
            values = output.index_array * output.stride + output.offset
            ends = (int(values.min()), int(values.max()))
        elif output.input_dimension is None:
            ends = (output.offset, output.offset)
        else:
            first = output.offset + output.stride * start[output.input_dimension]
            ends = (first, first + output.stride * (shape[output.input_dimension] - 1))
        lower.append(min(ends))
        upper.append(max(ends) + 1)
    return tuple(lower), tuple(upper)


def meet(one: Box, other: Box) -> bool:
    """Return whether two boxes have a coordinate in common.

    >>> meet(((0, 2), (4, 3)), ((3, 0), (9, 9))), meet(((0,), (4,)), ((4,), (5,)))
    (True, False)
    """
    return all(map(lt, one[0], other[1])) and all(map(lt, other[0], one[1]))


def is_translation(transform: Any) -> bool:
    """Whether dimension d goes to dimension d by steps of one, for every d."""
    return transform.input_rank == transform.output_rank and all(
        output.input_dimension == dim and output.stride == 1 for dim, output in enumerate(transform.output)
    )


def restrict(view: View, lower: Sequence[int], upper: Sequence[int]) -> View:
    """Return a view narrowed to a box of its own coordinates."""
    if not lower:
        return view
    narrowed: View = view[tuple(map(slice, lower, upper))]
    return narrowed


def grains(view: View) -> list[Grain]:
    """Return, for each dimension of a view, where edges of chunks fall on it; period one where nowhere."""
    source = view.source
    found: list[Grain] = [(1, 0)] * view.transform.input_rank
    if isinstance(source, Chunked):
        for output, chunk in zip(on_grid(view).output, source.layout.chunk_shape, strict=True):
            if output.input_dimension is not None and output.stride == 1:
                found[output.input_dimension] = (chunk, -output.offset % chunk)
    elif not isinstance(source, InMemory | Whole):
        inner = grains(source.base)
        factors = source.factors if isinstance(source, Downsample) else (1,) * len(inner)
        for output, (period, phase), factor in zip(view.transform.output, inner, factors, strict=True):
            if output.input_dimension is not None and output.stride == 1:
                period = max(1, period // factor)
                found[output.input_dimension] = (period, (phase // factor - output.offset) % period)
    return found


def base_of(source: Downsample | Cast, low: Sequence[int], high: Sequence[int]) -> View:
    """Return the part of the base that the box `low`..`high` of a computed source is made from."""
    if isinstance(source, Cast):
        return restrict(source.base, low, high)
    base = source.base.transform
    bounds = zip(low, high, source.factors, base.input_origin, base.input_exclusive_max, strict=True)
    cut = [(max(a * f, first), min(b * f, last)) for a, b, f, first, last in bounds]
    return restrict(source.base, [a for a, _ in cut], [b for _, b in cut])
