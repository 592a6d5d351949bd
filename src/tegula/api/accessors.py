"""What a thing is, as functions: ``domain_of(x)`` is ``x.domain``, for the end of a pipe.

What this file knows: that each property of the handle which is not a view has a function, named after it.
What it must not know: where the answer comes from.
Law: ``name_of(x)`` is ``x.name``, for everything that has the property.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from tegula.api.steps import named

if TYPE_CHECKING:
    from tegula.api.kvspec import KvStoreSpec
    from tegula.api.kvstore import KvStore
    from tegula.api.spec import Spec
    from tegula.api.store import TensorStore
    from tegula.schema.codecspec import CodecSpec
    from tegula.schema.dtypes import DataType
    from tegula.schema.layout import ChunkLayout
    from tegula.schema.schema import Schema
    from tegula.schema.units import Unit
    from tegula.space.domain import IndexDomain
    from tegula.space.transform import IndexTransform

    class Shaped(Protocol):
        """What has dimensions: a store, `Spec`, `Schema`, `IndexTransform` or `IndexDomain`."""

        @property
        def rank(self) -> int | None: ...
        @property
        def shape(self) -> tuple[int, ...]: ...
        @property
        def origin(self) -> tuple[int, ...]: ...
        @property
        def size(self) -> int: ...


__all__ = [
    "base_of",
    "chunk_layout_of",
    "codec_of",
    "dimension_units_of",
    "domain_of",
    "dtype_of",
    "fill_value_of",
    "kvstore_of",
    "mode_of",
    "nbytes_of",
    "origin_of",
    "rank_of",
    "schema_of",
    "shape_of",
    "size_of",
    "url_of",
]


@named
def domain_of(view: TensorStore | Spec | Schema | IndexTransform) -> IndexDomain | None:
    """Return the domain: bounds and labels of every dimension; None where it is not known.

    >>> import tegula
    >>> tegula.pipe(tegula.array([1, 2, 3]), tegula.label["x"], tegula.domain_of)
    { "x": [0, 3) }
    """
    return view.domain


@named
def rank_of(view: Shaped) -> int | None:
    """Return the number of dimensions; None where it is not known.

    >>> import tegula
    >>> tegula.rank_of(tegula.Schema(rank=3))
    3
    """
    return view.rank


@named
def shape_of(view: Shaped) -> tuple[int, ...]:
    """Return the extents, in elements.

    Raises:
        ValueError: not even the rank is known.

    >>> import tegula
    >>> tegula.pipe(tegula.array([[1, 2, 3]]), tegula.transpose, tegula.shape_of)
    (3, 1)
    """
    return view.shape


@named
def origin_of(view: Shaped) -> tuple[int, ...]:
    """Return the inclusive lower bounds.

    Raises:
        ValueError: not even the rank is known.

    >>> import tegula
    >>> tegula.pipe(tegula.array([1, 2, 3]), tegula.at[1:], tegula.origin_of)
    (1,)
    """
    return view.origin


@named
def size_of(view: Shaped) -> int:
    """Return the number of elements.

    Raises:
        ValueError: not even the rank is known.

    >>> import tegula
    >>> tegula.size_of(tegula.IndexDomain(shape=[3, 4]))
    12
    """
    return view.size


@named
def nbytes_of(store: TensorStore) -> int:
    """Return the size of the elements in bytes, as an array in memory.

    >>> import tegula
    >>> tegula.pipe(tegula.array([1, 2, 3]), tegula.cast("int16"), tegula.nbytes_of)
    6
    """
    return store.nbytes


@named
def dtype_of(view: TensorStore | Spec | Schema) -> DataType | None:
    """Return the data type; None where it is not known.

    >>> import tegula
    >>> tegula.pipe(tegula.array([1, 2, 3]), tegula.cast("int16"), tegula.dtype_of)
    dtype("int16")
    """
    return view.dtype


@named
def mode_of(store: TensorStore) -> str:
    """Return what may be done with the handle: ``"r"``, ``"w"`` or ``"rw"``.

    >>> import tegula
    >>> tegula.mode_of(tegula.array([1, 2, 3]))
    'rw'
    """
    return store.mode


@named
def schema_of(view: TensorStore | Spec) -> Schema:
    """Return the schema: dtype, domain, chunk layout, codec, fill value and units.

    >>> import tegula
    >>> tegula.pipe(tegula.array([1, 2, 3]), tegula.at[1], tegula.schema_of).rank
    0
    """
    return view.schema


@named
def chunk_layout_of(view: TensorStore | Spec | Schema) -> ChunkLayout:
    """Return the chunk layout.

    >>> import tegula
    >>> tegula.chunk_layout_of(tegula.array([[1, 2, 3]])).inner_order
    (0, 1)
    """
    return view.chunk_layout


@named
def codec_of(view: TensorStore | Spec | Schema) -> CodecSpec | None:
    """Return the codec; None where there is none, or it is not known.

    >>> import tegula
    >>> tegula.codec_of(tegula.array([1, 2, 3])) is None
    True
    """
    return view.codec


@named
def fill_value_of(view: TensorStore | Spec | Schema) -> np.ndarray | None:
    """Return the fill value, an array that broadcasts to the view; None where there is none.

    >>> import tegula
    >>> tegula.fill_value_of(tegula.Schema(dtype="int8", fill_value=3))
    array(3, dtype=int8)
    """
    return view.fill_value


@named
def dimension_units_of(view: TensorStore | Spec | Schema) -> tuple[Unit | None, ...] | None:
    """Return the unit of every dimension, each None where unknown; None where not even the rank is known.

    >>> import tegula
    >>> tegula.dimension_units_of(tegula.Schema(dimension_units=["4nm", None]))
    (Unit(4, "nm"), None)
    """
    return view.dimension_units


@named
def kvstore_of(view: TensorStore | Spec) -> KvStore | KvStoreSpec | None:
    """Return the key-value store of an array (of a `Spec`, its specification); None where there is none.

    >>> import tegula
    >>> tegula.kvstore_of(tegula.Spec("memory://a/|zarr3:")).path
    'a/'
    """
    return view.kvstore


@named
def base_of(view: TensorStore | Spec) -> TensorStore | Spec | None:
    """Return the store under an adapter (`cast`, `downsample`); None for others.

    >>> import tegula
    >>> tegula.pipe(tegula.array([1, 2, 3]), tegula.cast("int8"), tegula.base_of).dtype
    dtype("int64")
    """
    return view.base


@named
def url_of(view: TensorStore | Spec) -> str:
    """Return the URL of the array; the transform is not part of it.

    Raises:
        Unimplemented: there is none.

    >>> import tegula
    >>> tegula.url_of(tegula.Spec({"driver": "zarr3", "kvstore": "memory://a/"}))
    'memory://a/|zarr3:'
    """
    return view.url
