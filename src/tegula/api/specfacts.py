"""What a specification says: each constraint as far as it is known, and where the array is.

Knows: which part of a specification says what.  Must not know: how one is read, changed or written down.

Law: asking changes nothing; what may be changed is given as a copy.  What an array that is opened from the
specification says of itself, the specification says too, or says None.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tegula.api.openmode import OpenMode
from tegula.api.specbody import Body, ComputedBody
from tegula.api.wholebody import WholeBody
from tegula.schema.codecspec import CodecSpec
from tegula.schema.dtypes import DataType
from tegula.schema.layout import ChunkLayout
from tegula.schema.schema import Schema
from tegula.schema.units import Unit
from tegula.space.domain import IndexDomain
from tegula.space.transform import IndexTransform

if TYPE_CHECKING:
    import numpy as np

    from tegula.api.kvspec import KvStoreSpec
    from tegula.api.spec import Spec

__all__ = ["SpecFacts"]


class SpecFacts:
    """The properties of a `Spec` that say what is known of the array.

    >>> from tegula import Spec
    >>> issubclass(Spec, SpecFacts)
    True
    """

    __slots__ = ()

    _body: Body
    _flags: frozenset[str]
    _schema: Schema
    _seen: IndexTransform | None

    if TYPE_CHECKING:

        @property
        def _transform(self) -> IndexTransform: ...

    @property
    def dtype(self) -> DataType | None:
        """The data type, None where it is not said.

        >>> from tegula import Spec
        >>> Spec("memory://a/|zarr3:|cast:int8").dtype, Spec("memory://a/|zarr3:").dtype
        (dtype("int8"), None)
        """
        return self._schema.dtype

    @property
    def rank(self) -> int | None:
        """The rank, None where it is not said.

        >>> from tegula import Spec
        >>> Spec({"driver": "zarr3", "kvstore": "memory://", "schema": {"rank": 3}})[5].rank
        2
        """
        return self._schema.rank if self._seen is None else self._seen.domain.rank

    @property
    def ndim(self) -> int | None:
        """The rank, as NumPy calls it; None where it is not said.

        >>> from tegula import Spec
        >>> Spec({"driver": "array", "array": [[1, 2]], "dtype": "int8"}).ndim
        2
        """
        return self.rank

    @property
    def domain(self) -> IndexDomain | None:
        """The domain of the view that is opened; None where it is not said.

        >>> from tegula import Spec
        >>> spec = Spec({"driver": "zarr3", "kvstore": "memory://", "metadata": {"shape": [100, 80]}})
        >>> spec.domain, spec[10:20].domain
        ({ [0, 100*), [0, 80*) }, { [10, 20), [0, 80*) })
        """
        return None if self._seen is None else self._seen.domain

    @property
    def shape(self) -> tuple[int, ...]:
        """The extent of each dimension, in elements.

        Raises:
            InvalidArgument: not even the rank is said.

        >>> from tegula import Spec
        >>> Spec({"driver": "array", "array": [[1, 2, 3]], "dtype": "int8"}).T.shape
        (3, 1)
        """
        return self._transform.domain.shape

    @property
    def origin(self) -> tuple[int, ...]:
        """The lower bound of each dimension.

        Raises:
            InvalidArgument: not even the rank is said.

        >>> from tegula import Spec
        >>> Spec({"driver": "array", "array": [1, 2, 3], "dtype": "int8"})[1:].origin
        (1,)
        """
        return self._transform.domain.inclusive_min

    @property
    def size(self) -> int:
        """The number of elements.

        Raises:
            InvalidArgument: not even the rank is said.

        >>> from tegula import Spec
        >>> Spec({"driver": "array", "array": [1, 2, 3], "dtype": "int8"})[1:].size
        2
        """
        return self._transform.domain.size

    @property
    def transform(self) -> IndexTransform | None:
        """The transform from the view to the array; None where the array is seen as it is.

        >>> from tegula import Spec
        >>> Spec({"driver": "array", "array": [1, 2, 3], "dtype": "int8"})[::2].transform.output
        [OutputIndexMap(offset=0, stride=2, input_dimension=0)]
        """
        return self._seen

    @property
    def schema(self) -> Schema:
        """All that is known of the view: what is asked for, and what the driver's members imply.

        >>> from tegula import Spec
        >>> metadata = {"dimensions": [100, 80], "blockSize": [20, 10], "resolution": [4, 1]}
        >>> metadata["units"] = ["nm", "s"]
        >>> spec = Spec({"driver": "n5", "kvstore": "memory://", "metadata": metadata})
        >>> spec[::2, 5].schema.dimension_units, spec[::2, 5].schema.chunk_layout.write_chunk.shape
        ((Unit(8, "nm"),), (10,))
        """
        if self._seen is None:
            return self._body.implied(self._schema)
        whole = self._schema.copy()
        whole.set_rank(len(self._seen.maps))
        found = self._body.implied(whole)
        made = found.through(self._seen)
        made._domain = self._seen.domain
        return made

    @property
    def chunk_layout(self) -> ChunkLayout:
        """The chunk layout of the view, as far as it is known.

        >>> from tegula import Spec
        >>> metadata = {"shape": [100, 80], "chunks": [20, 10], "order": "F", "dtype": "<u2"}
        >>> spec = Spec({"driver": "zarr", "kvstore": "memory://", "metadata": metadata})
        >>> spec.chunk_layout.read_chunk.shape, spec.chunk_layout.inner_order
        ((20, 10), (1, 0))
        """
        return self.schema.chunk_layout

    @property
    def codec(self) -> CodecSpec | None:
        """The codec as far as it is known; None where nothing is.

        >>> from tegula import Spec
        >>> Spec({"driver": "zarr", "kvstore": "memory://", "metadata": {"compressor": None}}).codec
        CodecSpec({'compressor': None, 'driver': 'zarr', 'filters': None})
        """
        return self.schema.codec

    @property
    def fill_value(self) -> np.ndarray | None:
        """The fill value as an array, None where it is not known.

        >>> from tegula import Spec
        >>> metadata = {"fill_value": 7, "dtype": "<u2"}
        >>> Spec({"driver": "zarr", "kvstore": "memory://", "metadata": metadata}).fill_value
        array(7, dtype=uint16)
        """
        return self.schema.fill_value

    @property
    def dimension_units(self) -> tuple[Unit | None, ...] | None:
        """The unit of every dimension, None where it is not known; None where the rank is not.

        >>> from tegula import Spec
        >>> metadata = {"units": ["nm", ""], "resolution": [4, 1]}
        >>> Spec({"driver": "n5", "kvstore": "memory://", "metadata": metadata}).dimension_units
        (Unit(4, "nm"), Unit(1, ""))
        """
        return self.schema.dimension_units

    @property
    def kvstore(self) -> KvStoreSpec | None:
        """The specification of the key-value store, as a copy; None where there is none.

        >>> from tegula import Spec
        >>> Spec("file:///tmp/scan/|zarr3:").kvstore
        KvStore.Spec({'driver': 'file', 'path': '/tmp/scan/'})
        """
        found = self._body.kvstore
        return None if found is None else found.copy()

    @property
    def base(self) -> Spec | None:
        """The specification under an adapter (`cast`, `downsample`), as it is seen; None for others.

        >>> from tegula import Spec
        >>> Spec("file:///tmp/scan/|zarr3:|cast:int8").base
        Spec({'driver': 'zarr3', 'kvstore': {'driver': 'file', 'path': '/tmp/scan/'}})
        """
        body = self._body
        return body.part(self._seen) if isinstance(body, ComputedBody) else None

    @property
    def url(self) -> str:
        """The URL of the array; what it cannot say is left out.

        Raises:
            Unimplemented: the driver has no URL.

        >>> from tegula import Spec
        >>> Spec({"driver": "n5", "kvstore": {"driver": "file", "path": "/tmp/a"}}).url
        'file:///tmp/a/|n5:'
        """
        return self._body.url(self._schema)

    @property
    def open_mode(self) -> OpenMode:
        """What opening may do.

        >>> from tegula import Spec
        >>> spec = Spec("memory://a/|zarr3:")
        >>> spec.update(create=True, delete_existing=True)
        >>> spec.open_mode
        OpenMode(create=True, delete_existing=True)
        """
        body = self._body
        if isinstance(body, ComputedBody):
            return body.base.open_mode
        if isinstance(body, WholeBody):
            return OpenMode(open=True)  # there are no others
        return OpenMode(**dict.fromkeys(self._flags, True))
