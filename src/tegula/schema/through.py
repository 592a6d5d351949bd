"""Schemas through index transforms: what is true of an array, said of a view of it, and back.

What this file knows: how a grid origin, a shape, a ratio, an order, a unit and a fill value change when
coordinates do.  What it must not know: where the transform comes from.

A transform maps the coordinates of the view (input) to those of the array (output).  *Through* goes
from output to input: what says nothing about the view (an array dimension that is constant, picked by
an index array, or a diagonal) is dropped.  *Back* goes from input to output: there a hard constraint
that cannot be said of the array is an error.

Law: a constraint that survives both ways comes back as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from math import gcd
from typing import TYPE_CHECKING, Any

import numpy as np

from tegula import binding
from tegula.errors import InvalidArgument, OutOfRange
from tegula.schema.chunkgrid import ChunkGrid
from tegula.schema.constraint import Row, Scalar, braced
from tegula.schema.fill import Fill, unbroadcast
from tegula.schema.layout import USAGES, ChunkLayout
from tegula.schema.units import Unit
from tegula.space.domain import IndexDomain
from tegula.space.interval import INF

if TYPE_CHECKING:
    from tegula.schema.schema import Schema
    from tegula.space.transform import IndexTransform

__all__ = [
    "fill_through",
    "layout_back",
    "layout_reduced",
    "layout_through",
    "schema_back",
    "units_back",
    "units_through",
]

_Change = Callable[[Any, int, int], Any]


def one_to_one(transform: IndexTransform) -> list[tuple[int, int, int, int]]:
    """Return (output, input, offset, stride) of the outputs that alone depend on one input dimension."""
    singles = [(i, m) for i, m in enumerate(transform.maps) if m.input_dimension is not None and m.stride]
    uses = [m.input_dimension for _, m in singles]
    return [
        (i, m.input_dimension, m.offset, m.stride)
        for i, m in singles
        if m.input_dimension is not None and m.stride is not None and uses.count(m.input_dimension) == 1
    ]


# ---------------------------------------------------------------- how one number changes


def _origin_through(value: int, offset: int, stride: int) -> int:
    moved = value - offset
    if not -INF < moved < INF:
        raise OutOfRange(
            f"Integer overflow transforming output origin {value} by offset {offset} and stride {stride}"
        )
    # a chunk that began at `moved` begins, seen backward, one past its other end
    return -(-(moved if stride > 0 else moved - 1) // stride)


def _origin_back(value: int, offset: int, stride: int) -> int:
    moved = (value if stride > 0 else value - 1) * stride + offset
    if not -INF < moved < INF:
        raise OutOfRange(
            f"Integer overflow transforming input origin {value} by offset {offset} and stride {stride}"
        )
    return moved


def _shape_through(value: int, offset: int, stride: int) -> int:  # noqa: ARG001 - one signature for all changes
    return value if value == -1 else value // gcd(value, stride)


def _shape_back(value: int, offset: int, stride: int) -> int:  # noqa: ARG001 - one signature for all changes
    if value == -1:
        return value
    grown = value * abs(stride)
    if grown >= INF:
        raise OutOfRange(f"Integer overflow computing abs({stride}) * {value}")
    return grown


def _ratio_through(value: float, offset: int, stride: int) -> float:  # noqa: ARG001 - one signature for all changes
    return value / abs(stride)


def _ratio_back(value: float, offset: int, stride: int) -> float:  # noqa: ARG001 - one signature for all changes
    return value * abs(stride)


_THROUGH: dict[str, _Change] = {"shape": _shape_through, "aspect_ratio": _ratio_through}
_BACK: dict[str, _Change] = {"shape": _shape_back, "aspect_ratio": _ratio_back}


# ---------------------------------------------------------------- rows


def _row_through(row: Row, transform: IndexTransform, change: _Change) -> Row:
    values: list[Any] = [None] * transform.domain.rank
    hard = 0
    for out, into, offset, stride in one_to_one(transform):
        value = row.values[out]
        if value is not None:
            with binding.at(f"Error transforming output dimension {out} -> input dimension {into}: "):
                values[into] = change(value, offset, stride)
            hard |= (row.hard >> out & 1) << into
    return Row(tuple(values), hard)


def _row_back(row: Row, transform: IndexTransform, change: _Change) -> Row:
    values: list[Any] = [None] * len(transform.maps)
    hard, left = 0, row.hard
    for out, m in enumerate(transform.maps):
        into = m.input_dimension
        if into is None or not m.stride:
            continue
        left &= ~(1 << into)
        value = row.values[into]
        if value is not None:
            with binding.at(f"Error transforming input dimension {into} -> output dimension {out}: "):
                values[out] = change(value, m.offset, m.stride)
            hard |= (row.hard >> into & 1) << out
    if left:
        missing = (left & -left).bit_length() - 1
        raise InvalidArgument(f"No output dimension corresponds to input dimension {missing}")
    return Row(tuple(values), hard)


def _order_through(order: tuple[int, ...], transform: IndexTransform) -> tuple[int, ...]:
    first: dict[int, int] = {}
    for position, out in enumerate(order):
        into = transform.maps[out].input_dimension
        if into is not None:
            first.setdefault(into, position)
    return tuple(sorted(range(transform.domain.rank), key=lambda d: (first.get(d, len(order)), d)))


def _order_back(order: tuple[int, ...], transform: IndexTransform) -> tuple[int, ...]:
    def place(out: int) -> tuple[int, int]:
        into = transform.maps[out].input_dimension
        return (len(order) if into is None else order.index(into)), out

    return tuple(sorted(range(len(transform.maps)), key=place))


def _moved_layout(
    layout: ChunkLayout,
    transform: IndexTransform,
    rank: int,
    move: Callable[[Row, IndexTransform, _Change], Row],
    origin: _Change,
    changes: dict[str, _Change],
    order: Callable[[tuple[int, ...], IndexTransform], tuple[int, ...]],
) -> ChunkLayout:
    if layout.rank == -1:
        return layout
    made = ChunkLayout(rank=rank)
    found = layout.order_scalar()
    if found is not None:
        made.set_inner_order(Scalar(order(found.value, transform), found.hard))
    row = layout.origin_row()
    if row is not None:
        with binding.at("Error transforming grid_origin: "):
            made.set_grid_origin(move(row, transform, origin))
    for usage in USAGES:
        grid: ChunkGrid = layout.grid(usage)
        for name, change in changes.items():
            row = grid.row(name)
            if row is not None:
                with binding.at(f"Error transforming {usage}_chunk: Error transforming {name}: "):
                    made.set_grid_row(usage, name, move(row, transform, change))
        elements = grid.elements_scalar()
        if elements is not None:
            made.grid(usage).set_elements(elements)
    return made


def layout_through(layout: ChunkLayout, transform: IndexTransform) -> ChunkLayout:
    """Return the layout of a view; `layout` has the transform's output rank, or none.

    Raises:
        OutOfRange: an origin leaves the range of indices.
    """
    rank = transform.domain.rank
    return _moved_layout(layout, transform, rank, _row_through, _origin_through, _THROUGH, _order_through)


def layout_back(layout: ChunkLayout, transform: IndexTransform) -> ChunkLayout:
    """Return the layout of the array that a layout wanted of a view means; it has the input rank, or none.

    Raises:
        InvalidArgument: a hard constraint is on a dimension that the array does not have.
        OutOfRange: an origin or a size leaves the range of indices.
    """
    rank = len(transform.maps)
    return _moved_layout(layout, transform, rank, _row_back, _origin_back, _BACK, _order_back)


def layout_reduced(layout: ChunkLayout, factors: tuple[int, ...]) -> ChunkLayout:
    """Return the layout of an array reduced by one factor a dimension.

    Origins are divided and rounded up; a size that a factor does not divide stays as it is.

    >>> layout_reduced(ChunkLayout(chunk_shape=[4, 3]), (2, 2)).write_chunk.shape
    (2, 3)
    """
    made = ChunkLayout(rank=len(factors))
    order = layout.order_scalar()
    if order is not None:
        made.set_inner_order(order)
    row = layout.origin_row()
    if row is not None:
        made.set_grid_origin(_divided(row, factors, up=True))
    for usage in USAGES:
        sizes = layout.grid(usage).row("shape")
        if sizes is not None:
            made.set_grid_row(usage, "shape", _divided(sizes, factors))
    return made


def _divided(row: Row, factors: tuple[int, ...], up: bool = False) -> Row:
    values = [
        value if value is None or (value % factor and not up) else -(-value // factor)
        for value, factor in zip(row.values, factors, strict=True)
    ]
    return Row(tuple(values), row.hard)


# ---------------------------------------------------------------- units


def units_through(units: tuple[Unit | None, ...], transform: IndexTransform) -> tuple[Unit | None, ...]:
    """Return the units of a view: scaled by the stride, None where a dimension is not the array's."""
    found: list[Unit | None] = [None] * transform.domain.rank
    for out, into, _, stride in one_to_one(transform):
        unit = units[out]
        found[into] = None if unit is None else unit * abs(stride)
    return tuple(found)


def units_back(units: tuple[Unit | None, ...], transform: IndexTransform) -> tuple[Unit | None, ...]:
    """Return the units of the array that the units of a view mean.

    Raises:
        InvalidArgument: a unit is on a dimension that the array does not have.
    """
    found: list[Unit | None] = [None] * len(transform.maps)
    used = set()
    for out, m in enumerate(transform.maps):
        if m.input_dimension is None or not m.stride:
            continue
        used.add(m.input_dimension)
        unit = units[m.input_dimension]
        found[out] = None if unit is None else unit / abs(m.stride)
    for into, unit in enumerate(units):
        if unit is not None and into not in used:
            raise InvalidArgument(
                f"No output dimension corresponds to input dimension {into} with unit {unit}"
            )
    return tuple(found)


# ---------------------------------------------------------------- fill values


def fill_through(fill: Fill, transform: IndexTransform, over: IndexDomain | None) -> Fill:
    """Return the fill value of a view; `over` is the domain of the array, None where it is not known.

    Raises:
        InvalidArgument: the value varies along a dimension, and nothing says which part is viewed.
    """
    if not fill.array.ndim:
        return fill
    array = fill.array.reshape((1,) * (len(transform.maps) - fill.array.ndim) + fill.array.shape)
    rank = transform.domain.rank
    picks: list[np.ndarray[Any, Any]] = []
    for out, size in enumerate(array.shape):
        m = transform.maps[out]
        if size == 1:
            index = np.zeros((1,) * rank, np.int64)
        elif over is not None and m.index_array is not None:
            index = m.index_array * (m.stride or 1) + (m.offset - over.inclusive_min[out])
        elif over is not None and m.input_dimension is None:
            index = np.full((1,) * rank, m.offset - over.inclusive_min[out], np.int64)
        elif m.input_dimension is None:
            raise _cannot_pick(fill, transform)
        else:
            d, stride = m.input_dimension, m.stride or 1
            low, extent = transform.domain.inclusive_min[d], transform.domain.shape[d]
            if over is not None:
                line = np.arange(low, low + extent, dtype=np.int64) * stride
                line += m.offset - over.inclusive_min[out]
            elif abs(stride) == 1 and (extent == size or not transform.domain.dim(d).finite):
                line = np.arange(size, dtype=np.int64)[::stride]
            else:
                raise _cannot_pick(fill, transform)
            index = line.reshape([-1 if axis == d else 1 for axis in range(rank)])
        picks.append(index)
    return unbroadcast(np.asarray(array[tuple(picks)]).reshape(_joint(picks, rank)), fill.dtype)


def _joint(picks: list[np.ndarray[Any, Any]], rank: int) -> tuple[int, ...]:
    return np.broadcast_shapes(*(index.shape for index in picks)) if picks else (1,) * rank


def _cannot_pick(fill: Fill, transform: IndexTransform) -> InvalidArgument:
    sizes = fill.array.shape
    target: list[int] = []
    for m, size in zip(
        transform.maps, (2**63 - 1,) * (len(transform.maps) - len(sizes)) + sizes, strict=True
    ):
        d = m.input_dimension
        if d is None and m.index_array is None:
            target.append(1)
        elif d is None or abs(m.stride or 0) != 1:
            target.append(2**63 - 1)  # nothing is known of it
        else:
            bounds = transform.domain.dim(d)
            target.append(bounds.size if bounds.finite else size)
    return InvalidArgument(
        f"Error transforming fill_value: Cannot broadcast array of shape {braced(fill.array.shape)} "
        f"to target shape {braced(target)}"
    )


# ---------------------------------------------------------------- whole schemas


def schema_back(wanted: Schema, transform: IndexTransform) -> Schema:
    """Return the constraints on the whole array that constraints on a view of it mean.

    Raises:
        InvalidArgument: the rank is not the view's, or a constraint has no meaning for the array.
    """
    from tegula.schema.schema import Schema
    from tegula.space.compose import inverse
    from tegula.space.transform import IndexTransform, identity

    rank = transform.domain.rank
    if wanted.rank is not None and wanted.rank != rank:
        raise InvalidArgument(
            f"Cannot inverse transform schema of rank {wanted.rank} by index transform of rank "
            f"{rank} -> {len(transform.maps)}"
        )
    if wanted.rank is None or transform == identity(transform.domain):
        return wanted
    made = Schema()
    made.set_rank(len(transform.maps))
    if wanted.dtype is not None:
        made.set_dtype(wanted.dtype)
    if wanted.layout is not None:
        made.set_layout(layout_back(wanted.layout, transform))
    if wanted._units is not None:
        made.set_units(units_back(wanted._units, transform))
    if wanted.codec is not None:
        made.set_codec(wanted.codec)
    if wanted.domain is not None or wanted.fill is not None:
        with binding.at("Error transforming domain: "):
            if any(m.input_dimension is None and m.index_array is None for m in transform.maps):
                raise InvalidArgument(
                    "Cannot specify domain through a transform with a constant output index map"
                )
            domain = wanted.domain or IndexDomain(rank)
            back = inverse(IndexTransform(domain, transform.output))
        if wanted.domain is not None:
            made.set_domain(back.domain)
        if wanted.fill is not None:
            made.set_fill(fill_through(wanted.fill, back, wanted.domain))
    return made
