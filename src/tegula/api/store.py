"""The handle: a view and what was opened, spelled as TensorStore's class of the same name.

A handle holds no logic: each method is one expression over a view function, a program or a value.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal, SupportsIndex

from numpy.typing import NDArray

from tegula.api import storejson
from tegula.api.opened import Opened
from tegula.api.running import start, start_write
from tegula.api.statistics import StorageStatistics as Statistics
from tegula.api.wholebody import OpenedWhole
from tegula.record import Record
from tegula.source import Source
from tegula.space.indexable import Indexable, Operations
from tegula.space.transform import IndexTransform
from tegula.view import View

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from tegula.api.attributes import Attributes
    from tegula.api.kvstore import KvStore
    from tegula.api.openmode import OpenMode
    from tegula.api.spec import Spec
    from tegula.api.typing import RecheckCacheOption
    from tegula.runtime.future import Future, WriteFutures
    from tegula.schema.codecspec import CodecSpec
    from tegula.schema.dtypes import DataType
    from tegula.schema.keys import DTypeLike
    from tegula.schema.layout import ChunkLayout
    from tegula.schema.schema import Schema
    from tegula.schema.units import Unit
    from tegula.space.domain import IndexDomain
    from tegula.space.keys import IndexKey

__all__ = ["TensorStore"]

_new = object.__new__
_NO_OPTIONS = (None,) * 12


class Root(Record, eq=False):
    """What all views of one array share: the source, how it was opened, and what is allowed."""

    source: Source
    opened: Any
    readable: bool
    writable: bool


class TensorStore(Indexable):
    """An array that is read and written asynchronously, seen through a lazy index transform.

    Made by `tegula.open`, `tegula.array`, `tegula.downsample` and `tegula.cast`; indexing gives another
    handle over the same data and touches nothing.

    >>> import tegula
    >>> store = tegula.open({"driver": "zarr3", "kvstore": "memory://"}, create=True,
    ...                     dtype="uint16", shape=[4, 6]).result()
    >>> store[1, 2:4] = [7, 8]
    >>> store[1].read().result()
    array([0, 0, 7, 8, 0, 0], dtype=uint16)
    """

    StorageStatistics = Statistics

    __slots__ = ("__weakref__", "_reversed", "_root", "_schema", "_transform")

    _root: Root
    """What all views of one array share."""
    _transform: IndexTransform
    _reversed: TensorStore | None
    """The handle with its dimensions in reverse order, once somebody asked."""
    _schema: Schema
    """The schema, once somebody asked; what is given away is a copy."""

    def __init__(self, view: View, opened: Any = None, readable: bool = True, writable: bool = True) -> None:
        self._root = Root(view.source, opened, readable, writable)
        self._transform = view.transform
        self._reversed = None

    # ---- the protocol of things with a transform

    def _with_transform(self, transform: IndexTransform) -> TensorStore:
        made: TensorStore = _new(TensorStore)
        made._root = self._root
        made._transform = transform
        made._reversed = None
        return made

    @property
    def T(self) -> TensorStore:  # noqa: N802 - the name in NumPy and the drop-in
        """The view with the dimensions in reverse order; a handle remembers it."""
        made = self._reversed
        if made is None:
            made = self._reversed = self._with_transform(Operations.reversed(self._transform))
        return made

    @property
    def _view(self) -> View:
        return View(self._root.source, self._transform)

    @property
    def _opened(self) -> Any:
        return self._root.opened

    @property
    def _readable(self) -> bool:
        return self._root.readable

    @property
    def _writable(self) -> bool:
        return self._root.writable

    # ---- what it is

    @property
    def rank(self) -> int:
        """The number of dimensions."""
        return self._transform.domain.rank

    @property
    def ndim(self) -> int:
        """The number of dimensions: `rank`."""
        return self._transform.domain.rank

    @property
    def domain(self) -> IndexDomain:
        """The domain: bounds and labels of every dimension."""
        return self._transform.domain

    @property
    def origin(self) -> tuple[int, ...]:
        """The inclusive lower bounds."""
        return self._transform.domain.inclusive_min

    @property
    def shape(self) -> tuple[int, ...]:
        """The extents."""
        return self._transform.domain.shape

    @property
    def size(self) -> int:
        """The number of elements."""
        return self._transform.domain.size

    @property
    def nbytes(self) -> int:
        """The size of the elements in bytes, as an array in memory."""
        return self.size * self.dtype.array_dtype.itemsize

    @property
    def dtype(self) -> DataType:
        """The data type."""
        return self._root.source.dtype

    @property
    def mode(self) -> str:
        """``"r"``, ``"w"`` or ``"rw"``."""
        return "r" * self._readable + "w" * self._writable

    @property
    def readable(self) -> bool:
        """Whether reading is allowed."""
        return self._readable

    @property
    def writable(self) -> bool:
        """Whether writing is allowed."""
        return self._writable

    @property
    def schema(self) -> Schema:
        """The schema: dtype, domain, chunk layout, codec, fill value and units of this view."""
        try:
            return self._schema.copy()
        except AttributeError:
            self._schema = storejson.schema(self._view, self._opened)
            return self._schema.copy()

    @property
    def chunk_layout(self) -> ChunkLayout:
        """The chunk layout of this view."""
        return self.schema.chunk_layout

    @property
    def codec(self) -> CodecSpec | None:
        """The codec, None where there is none."""
        return self.schema.codec

    @property
    def fill_value(self) -> np.ndarray | None:
        """The fill value, None where there is none."""
        return self.schema.fill_value

    @property
    def dimension_units(self) -> tuple[Unit | None, ...]:
        """The unit of every dimension of this view, None where unknown."""
        return self.schema.dimension_units or (None,) * self.rank

    @property
    def kvstore(self) -> KvStore | None:
        """The key-value store of the array, None where there is none."""
        if isinstance(self._opened, TensorStore):
            return self._opened.kvstore
        return self._opened.kvstore if isinstance(self._opened, Opened | OpenedWhole) else None

    @property
    def base(self) -> TensorStore | None:
        """The store under an adapter (cast, downsample), None for others; of a view, the part it reads."""
        return storejson.base(self._view, self._opened) if isinstance(self._opened, TensorStore) else None

    @property
    def url(self) -> str:
        """The URL of the array; the transform is not part of it."""
        return self.spec(minimal_spec=True).url

    @property
    def transaction(self) -> None:
        """The transaction the handle is bound to: none."""
        return

    def with_transaction(self, transaction: Any) -> TensorStore:
        """Return the handle bound to a transaction; None is the only one so far."""
        if transaction is not None:
            raise TypeError("Invalid transaction")
        return self

    def spec(
        self,
        *,
        open_mode: OpenMode | None = None,
        open: bool | None = None,
        create: bool | None = None,
        delete_existing: bool | None = None,
        assume_metadata: bool | None = None,
        assume_cached_metadata: bool | None = None,
        minimal_spec: bool | None = None,
        retain_context: bool | None = None,
        unbind_context: bool | None = None,
        recheck_cached_metadata: RecheckCacheOption | None = None,
        recheck_cached_data: RecheckCacheOption | None = None,
        recheck_cached: RecheckCacheOption | None = None,
    ) -> Spec:
        """Return the specification by which `tegula.open` gives this view again.

        By default without any context; with `retain_context` bound to the same resources; with
        `unbind_context` specifying equal ones.  With `minimal_spec` without the stored metadata.
        """
        options = (
            open_mode,
            open,
            create,
            delete_existing,
            assume_metadata,
            assume_cached_metadata,
            minimal_spec,
            retain_context,
            unbind_context,
            recheck_cached_metadata,
            recheck_cached_data,
            recheck_cached,
        )
        return storejson.plain_spec(self) if options == _NO_OPTIONS else storejson.spec_with(self, options)

    # ---- reading and writing

    def read(self, *, order: Literal["C", "F"] = "C", batch: Any = None) -> Future[np.ndarray]:
        """Read the elements into a new array.

        Args:
            order: ``"C"`` or ``"F"``: the memory layout of the result.
            batch: the `Batch` that starts it, together with others; by default it starts now.

        Returns:
            A future of an array of this view's shape, native byte order, never shared with a cache.
        """
        return start(self, order, batch)

    def write(
        self,
        source: TensorStore | npt.ArrayLike,
        *,
        batch: Any = None,
        can_reference_source_data_indefinitely: bool | None = None,
    ) -> WriteFutures:
        """Write an array, a scalar, nested lists or another store; broadcast to this view's shape.

        Args:
            source: what to write.  An array is converted by NumPy's rule ``safe``.
            batch: the `Batch` that starts it, where `source` is a store.
            can_reference_source_data_indefinitely: accepted for compatibility.

        Returns:
            Futures of the copy (`source` may be changed) and of the commit (the data is stored).
        """
        del can_reference_source_data_indefinitely
        return start_write(self, source, batch)

    def __setitem__(self, key: IndexKey, source: TensorStore | npt.ArrayLike) -> None:
        self[key].write(source).result()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        del copy
        found = self.read().result()
        return found if dtype is None else found.astype(dtype, copy=False)

    def astype(self, dtype: DTypeLike) -> TensorStore:
        """Return a view whose elements are converted as they are read and written."""
        from tegula.api.functions import cast

        made: TensorStore = cast(self, dtype)
        return made

    @property
    def attrs(self) -> Attributes:
        """The attributes of the stored array, as a mapping whose assignments write; read anew each time.

        Raises:
            Unimplemented: its format has none.
            NotFound: the array is gone.

        >>> import tegula
        >>> store = tegula.open({"driver": "zarr3", "kvstore": "memory://"}, create=True,
        ...                     dtype="uint8", shape=[4]).result()
        >>> store.attrs["title"] = "heights"
        >>> store.attrs
        {'title': 'heights'}
        """
        from tegula.api.group import attributes_of

        return attributes_of(self)

    def resolve(self, fix_resizable_bounds: bool = False, batch: Any = None) -> Future[TensorStore]:
        """Return a future of this view with its implicit bounds as the store has them now."""
        from tegula.api.running import resolve

        return resolve(self, fix_resizable_bounds, batch)

    def resize(
        self,
        inclusive_min: Iterable[SupportsIndex | None] | None = None,
        exclusive_max: Iterable[SupportsIndex | None] | None = None,
        resize_metadata_only: bool = False,
        resize_tied_bounds: bool = False,
        expand_only: bool = False,
        shrink_only: bool = False,
    ) -> Future[TensorStore]:
        """Change the bounds of the stored array; return a future of the view as it is then.

        The metadata is changed first, and what is then outside is taken away, so that it does not come back
        when the array grows again.

        Args:
            inclusive_min, exclusive_max: new bounds of the view's dimensions; None leaves one as it is.
            resize_metadata_only: leave the stored chunks as they are.
            resize_tied_bounds: allow what also changes what the view does not show.
            expand_only, shrink_only: fail where the array would do the other.

        Raises (from the future):
            InvalidArgument: a bound is explicit, or can not be changed through this view.
            FailedPrecondition: the array is gone or another one, or must not change so.
            Unimplemented: it is no stored array.

        >>> import tegula
        >>> store = tegula.open({"driver": "zarr3", "kvstore": "memory://"}, create=True,
        ...                     dtype="uint8", shape=[4]).result()
        >>> store.resize(exclusive_max=[6]).result().domain
        { [0, 6*) }
        """
        from tegula.api.changing import Way, resize

        way = Way(resize_metadata_only, resize_tied_bounds, expand_only, shrink_only)
        return resize(self, inclusive_min, exclusive_max, way)

    def storage_statistics(
        self, *, query_not_stored: bool = False, query_fully_stored: bool = False
    ) -> Future[Statistics]:
        """Return a future of what of the view is stored, as asked: nothing, all of it.

        Only keys are looked at; a chunk that was left out because it equals the fill value is not stored.

        >>> import tegula
        >>> store = tegula.open({"driver": "zarr3", "kvstore": "memory://"}, create=True,
        ...                     dtype="uint8", shape=[4]).result()
        >>> store.storage_statistics(query_not_stored=True).result()
        TensorStore.StorageStatistics(not_stored=True, fully_stored=None)
        """
        from tegula.api.changing import statistics

        return statistics(self, query_not_stored, query_fully_stored)

    # ---- as a value

    def __repr__(self) -> str:
        return storejson.show(self)

    def __copy__(self) -> TensorStore:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return storejson.pickled(self)
