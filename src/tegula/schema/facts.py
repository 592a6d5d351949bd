"""What a schema says: each constraint as a property, None where it is not constrained.

What this file knows: what each constraint is when it is read.  What it must not know: how constraints are
given, merged or written down (`schema.py`).

Law: reading changes nothing, and what may be changed is given as a copy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tegula.errors import InvalidArgument
from tegula.schema.codecspec import CodecSpec
from tegula.schema.dtypes import DataType
from tegula.schema.fill import Fill
from tegula.schema.layout import ChunkLayout
from tegula.schema.units import Unit
from tegula.space.domain import IndexDomain

if TYPE_CHECKING:
    import numpy as np

__all__ = ["SchemaFacts"]


class SchemaFacts:
    """The constraints of a `Schema`, to be read.

    >>> from tegula import Schema
    >>> issubclass(Schema, SchemaFacts)
    True
    """

    __slots__ = ()

    _rank: int | None
    _dtype: DataType | None
    _domain: IndexDomain | None
    _layout: ChunkLayout | None
    _codec: CodecSpec | None
    _fill: Fill | None
    _units: tuple[Unit | None, ...] | None

    @property
    def rank(self) -> int | None:
        """The number of dimensions; None where nothing says.

        >>> from tegula import Schema
        >>> Schema(dimension_units=["4nm", None]).rank, Schema(dtype="int8").rank
        (2, None)
        """
        return self._rank

    ndim = rank

    @property
    def dtype(self) -> DataType | None:
        """The data type; None where it is not constrained.

        >>> from tegula import Schema
        >>> Schema(dtype=float).dtype, Schema(rank=3).dtype
        (dtype("float64"), None)
        """
        return self._dtype

    @property
    def domain(self) -> IndexDomain | None:
        """The domain: bounds and labels; None where it is not constrained.

        >>> from tegula import Schema
        >>> Schema(shape=[10, 20]).label["y", "x"].domain, Schema(rank=2).domain
        ({ "y": [0, 10), "x": [0, 20) }, None)
        """
        return self._domain

    @property
    def shape(self) -> tuple[int, ...]:
        """The extent of each dimension, in elements.

        Raises:
            ValueError: not even the rank is known.

        >>> from tegula import Schema
        >>> Schema(shape=[10, 20])[2:4].shape
        (2, 20)
        """
        return self._some_domain().shape

    @property
    def origin(self) -> tuple[int, ...]:
        """The lower bound of each dimension.

        Raises:
            ValueError: not even the rank is known.

        >>> from tegula import Schema
        >>> Schema(shape=[10, 20])[2:4].origin
        (2, 0)
        """
        return self._some_domain().inclusive_min

    @property
    def size(self) -> int:
        """The number of elements; 2**63 - 1 where that is too many to count.

        Raises:
            ValueError: not even the rank is known.

        >>> from tegula import Schema
        >>> Schema(shape=[10, 20])[2:4].size
        40
        """
        return self._some_domain().size

    @property
    def chunk_layout(self) -> ChunkLayout:
        """The chunk layout, as a copy; empty where it is not constrained.

        >>> from tegula import ChunkLayout, Schema
        >>> Schema(chunk_layout=ChunkLayout(chunk_shape=[64, 32])).T.chunk_layout.read_chunk.shape
        (32, 64)
        """
        return ChunkLayout() if self._layout is None else self._layout.copy()

    @property
    def codec(self) -> CodecSpec | None:
        """The codec; None where it is not constrained.

        >>> from tegula import CodecSpec, Schema
        >>> Schema(codec=CodecSpec({"driver": "zarr3", "codecs": ["gzip"]})).codec
        CodecSpec({'codecs': [{'name': 'gzip'}], 'driver': 'zarr3'})
        """
        return self._codec

    @property
    def fill_value(self) -> np.ndarray | None:
        """The fill value, as a read-only array; None where it is not constrained.

        Its shape broadcasts to that of the schema.

        >>> from tegula import Schema
        >>> Schema(dtype="int8", shape=[4, 2], fill_value=[1, 2])[:, 1:].fill_value
        array(2, dtype=int8)
        """
        return None if self._fill is None else self._fill.array

    @property
    def dimension_units(self) -> tuple[Unit | None, ...] | None:
        """The unit of each dimension, None where it is not known; None where not even the rank is known.

        >>> from tegula import Schema
        >>> Schema(shape=[10, 20], dimension_units=["4nm", None])[::2].dimension_units
        (Unit(8, "nm"), None)
        """
        if self._units is None:
            return None if self._rank is None else (None,) * self._rank
        return self._units

    @property
    def fill(self) -> Fill | None:
        """The fill value with the data type of its elements; None where it is not constrained.

        >>> from tegula import Schema
        >>> Schema(dtype="bfloat16", fill_value=0.5).fill.dtype
        dtype("bfloat16")
        """
        return self._fill

    @property
    def layout(self) -> ChunkLayout | None:
        """The chunk layout itself, not to be changed; None where it is not constrained.

        >>> from tegula import ChunkLayout, Schema
        >>> Schema(chunk_layout=ChunkLayout(inner_order=[1, 0])).layout, Schema(rank=2).layout
        (ChunkLayout({'inner_order': [1, 0]}), None)
        """
        return self._layout

    def _some_domain(self) -> IndexDomain:
        if self._domain is not None:
            return self._domain
        if self._rank is None:
            raise InvalidArgument("Schema has unknown rank")
        return IndexDomain(self._rank)
