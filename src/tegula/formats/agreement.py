"""Where a request and a document must agree: what all chunked formats settle in the same way.

What this file knows: domains from 0 up, regular grids from 0 up, one element as fill value.  What it
must not know: how a format writes any of it down.

Law: what these functions settle satisfies every hard constraint of the schema, or they raise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tegula import binding
from tegula.errors import FailedPrecondition, InvalidArgument, TegulaError
from tegula.formats.layout import ArrayLayout, element
from tegula.schema import dtypes
from tegula.schema.codecspec import CodecSpec
from tegula.schema.constraint import braced
from tegula.schema.convert import cast
from tegula.schema.dtypes import DataType
from tegula.schema.fill import fill_of
from tegula.schema.layout import ChunkLayout
from tegula.schema.schema import Schema
from tegula.schema.units import Unit
from tegula.space.domain import IndexDomain, domain
from tegula.space.interval import END

__all__ = ["constrained", "expect", "fill_bytes", "implied", "known", "precise", "shape_of", "sizes_domain"]

CREATING = 'Cannot create using specified "metadata" and schema: '


def sizes_domain(
    sizes: tuple[int, ...], labels: tuple[str, ...] | None = None, inner: tuple[int, ...] = ()
) -> IndexDomain:
    """Return the domain from 0, explicit, to `sizes`, implicit, and to the `inner` sizes of elements,
    explicit.

    >>> sizes_domain((3, 4), inner=(2,))
    { [0, 3*), [0, 4*), [0, 2) }
    """
    ends = (*[min(size, END) for size in sizes], *inner)
    return domain((0,) * len(ends), ends, labels, 0, (1 << len(sizes)) - 1)


def unique(names: tuple[str | None, ...]) -> tuple[str, ...]:
    """Return the labels of dimensions with names: a name that several have labels none of them.

    >>> unique(("x", "x", "y", None))
    ('', '', 'y', '')
    """
    return tuple([name if name and names.count(name) == 1 else "" for name in names])


def shape_of(wanted: IndexDomain | None) -> tuple[int, ...]:
    """Return the shape that a merged domain means for a new array.

    Raises:
        InvalidArgument: there is none, or a dimension is unbounded.
    """
    if wanted is None or any(end >= END for end in wanted.exclusive_max):
        raise InvalidArgument("domain must be specified")
    return wanted.exclusive_max


def known(
    schema: Schema,
    dtype: DataType | None,
    wanted: IndexDomain | None,
    rank: int | None = None,
    inner: tuple[int, ...] = (),
) -> Schema:
    """Return `schema` with what members imply merged in; `wanted` is the domain of both.

    Its upper bounds are implicit, whatever the schema says, but for `inner`: arrays are resized there.
    """
    made = schema.copy()
    if dtype is not None:
        made.set_dtype(dtype)
    if rank is not None:
        made.set_rank(rank)
    if wanted is not None:
        made.set_rank(wanted.rank)
        outer = wanted.rank - len(inner)
        made._domain = sizes_domain(wanted.exclusive_max[:outer], wanted.labels, inner)
    return made


def constrained(
    schema: Schema, chunk_shape: tuple[int | None, ...] | None, rank: int, sharded: bool = False
) -> ChunkLayout:
    """Return the schema's chunk layout with the grid's origin at 0 and, where given, its chunk shape.

    `sharded`: the shape is only that of the chunks that are written.

    Raises:
        InvalidArgument: they contradict each other, or chunks within chunks within those are wanted.
    """
    layout = schema.chunk_layout
    codec_shape = layout.codec_chunk.shape
    if codec_shape is not None and any(size is not None for size in codec_shape):
        layout.set_rank(rank)
        raise InvalidArgument("codec_chunk_shape not supported")
    return _on_origin(layout, chunk_shape, rank, sharded)


def _on_origin(
    layout: ChunkLayout, chunk_shape: tuple[int | None, ...] | None, rank: int, sharded: bool
) -> ChunkLayout:
    """Return `layout`, which is changed, as `constrained` does, whatever it says of codec chunks."""
    layout.set_rank(rank)
    layout.merge(ChunkLayout(grid_origin=(0,) * rank))
    if chunk_shape is not None and rank:
        layout.merge(_chunks(chunk_shape, None if sharded else chunk_shape))
    return layout


def precise(
    chunk_shape: tuple[int, ...], order: tuple[int, ...], read: tuple[int, ...] | None = None
) -> ChunkLayout:
    """Return the finalised layout of a grid; `read` is the shape of the chunks that are read, if another."""
    rank = len(chunk_shape)
    if not rank:
        layout = ChunkLayout(rank=rank)
    else:
        layout = _chunks(chunk_shape, chunk_shape if read is None else read)
        layout.update(grid_origin=(0,) * rank, inner_order=order)
    layout.finalize()
    return layout


def _chunks(write: tuple[int | None, ...], read: tuple[int | None, ...] | None) -> ChunkLayout:
    """Return a layout of two shapes, whose faults are told as those of a document, not of a keyword."""
    layout = ChunkLayout()
    layout._apply("write_chunk_shape", write)
    if read is not None:
        layout._apply("read_chunk_shape", read)
    return layout


def fill_bytes(schema: Schema, dtype: DataType) -> bytes | None:
    """Return the one element that the schema's fill value is, None where it has none.

    Raises:
        InvalidArgument: it is not one element of the type.
    """
    found = schema.fill
    if found is None:
        return None
    if found.array.shape:
        raise InvalidArgument(
            f"Cannot broadcast array of shape {braced(found.array.shape)} to target shape {{}}"
        )
    with binding.at("Invalid fill_value: "):
        array = found.array
        if found.dtype is not dtype:
            array = cast(found.array, dtype, found.dtype)
        return np.asarray(array, dtype.array_dtype).tobytes()


def new_fill(schema: Schema, dtype: DataType) -> bytes | None:
    """Return `fill_bytes` for a new array, for which more of the errors name the fill value.

    Raises:
        InvalidArgument: it is not one element of the type.
    """
    broad = schema.fill is not None and schema.fill.array.shape
    with binding.at("Invalid fill_value: " if broad else ""):
        return fill_bytes(schema, dtype)


def shown_fill(data: bytes, dtype: DataType) -> str:
    """Return an element as error texts show it.

    >>> shown_fill(bytes([5]), dtypes.uint8)
    '5'
    """
    value = cast(element(data, dtype).reshape(1), dtypes.json, dtype)[0]
    return f"{value:g}" if isinstance(value, float) else binding.dumps(value)


def spread(schema: Schema, dtype: DataType, inner: tuple[int, ...]) -> bytes:
    """Return the schema's fill value over an element's own dimensions.

    Raises:
        InvalidArgument: it is of another type, or of a shape that does not fit.
    """
    found = schema.fill
    assert found is not None
    with binding.at("Invalid fill_value: "):
        if found.dtype is not dtype:
            raise InvalidArgument(f"a fill value of {dtype.name} is expected")
        try:
            array = np.broadcast_to(found.array, inner)
        except ValueError:
            raise InvalidArgument(
                f"Cannot broadcast array of shape {braced(found.array.shape)} to target shape {braced(inner)}"
            ) from None
        return np.asarray(array, dtype.array_dtype).tobytes()


def agree_fill(
    schema: Schema,
    dtype: DataType,
    stored: bytes | None,
    error: type[TegulaError],
    shown: Callable[[bytes, DataType], str] = shown_fill,
) -> None:
    """Raise `error` unless the schema's fill value is the stored one; `shown` are both as it tells them."""
    wanted = fill_bytes(schema, dtype)
    if wanted is None or wanted == stored:
        return
    received = "no fill value" if stored is None else f"fill value of {shown(stored, dtype)}"
    found = schema.fill
    asked = shown(wanted, dtype)
    if stored is None and found is not None and found.dtype is dtypes.json:
        asked = binding.dumps(found.array.item())  # as it was given
    raise error(
        f"Invalid fill_value: schema requires fill value of {asked}, but metadata specifies {received}"
    )


def expect(name: str, wanted: Any, found: Any) -> None:
    """Raise FailedPrecondition unless a stored member is the one that was asked for.

    >>> expect("shape", [2], [3])
    Traceback (most recent call last):
        ...
    tegula.errors.FailedPrecondition: FAILED_PRECONDITION: Expected "shape" of [2] but received: [3]
    """
    if wanted != found:
        raise FailedPrecondition(
            f'Expected "{name}" of {binding.dumps(wanted)} but received: {binding.dumps(found)}'
        )


def failing(function: Callable[..., object], *arguments: Any) -> None:
    """Call a function that merges, and raise FailedPrecondition where the two do not agree."""
    try:
        function(*arguments)
    except TegulaError as error:
        raise FailedPrecondition(error.message) from None


def implied(
    schema: Schema,
    rank: int | None,
    chunk_shape: tuple[int, ...] | None,
    order: tuple[int, ...] | None,
    codec: CodecSpec,
    fill: bytes | None,
    units: tuple[Unit | None, ...] | None = None,
    read: tuple[int, ...] | None = None,
    sharded: bool = False,
) -> Schema:
    """Return `schema`, which knows of data type and domain, with the parts that members imply merged in.

    What the members say comes first: a fill value of theirs stands whatever the schema says.

    `sharded`: `chunk_shape` is only that of the chunks that are written, `read` of those that are read.

    Raises:
        InvalidArgument: they contradict each other.
    """
    made = schema.copy()
    if rank is not None:
        layout = _on_origin(schema.chunk_layout, chunk_shape, rank, sharded)
        if read is not None:
            layout.merge(ChunkLayout(read_chunk_shape=read))
        if order is not None:
            layout.merge(ChunkLayout(inner_order=order))
        made.set_layout(layout)
    made._codec = codec if schema.codec is None else codec.merge(schema.codec)
    if fill is not None and schema.dtype is not None:
        made._fill = fill_of(element(fill, schema.dtype), schema.dtype)
    if units is not None:
        made._units = None
        made.set_units(units)
        made.set_units(schema._units or ())
    return made


def effective(layout: ArrayLayout, order: tuple[int, ...], codec: CodecSpec) -> Schema:
    """Return the finalised schema of an open array."""
    made = Schema(dtype=layout.dtype, domain=layout.domain, codec=codec)
    made._layout = precise(layout.chunk_shape, order, layout.chain.finest.chunk_shape)
    if layout.fill_value is not None:
        made.update(fill_value=layout.fill_value)
    if any(unit is not None for unit in layout.units):
        made.set_units(layout.units)
    return made
