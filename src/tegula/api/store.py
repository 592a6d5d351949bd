"""The handle: a view and what was opened, spelled as TensorStore's class of the same name.

A handle holds no logic: each method is one expression over a view function, a program or a value.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal, SupportsIndex

from numpy.typing import NDArray

from tegula.api import storejson
from tegula.api.newest import epoch
from tegula.api.openmode import no_transaction
from tegula.api.running import start, start_write
from tegula.api.statistics import StorageStatistics as Statistics
from tegula.api.storefacts import Root, StoreFacts
from tegula.public import public
from tegula.space.arguments import flag, option
from tegula.space.indexable import Indexable, Operations
from tegula.space.transform import IndexTransform
from tegula.view import View

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from tegula.api.attributes import Attributes
    from tegula.api.batch import Batch
    from tegula.api.openmode import OpenMode
    from tegula.api.spec import Spec
    from tegula.api.typing import RecheckCacheOption
    from tegula.runtime.future import Future
    from tegula.runtime.writefutures import WriteFutures
    from tegula.schema.keys import DTypeLike
    from tegula.space.keys import IndexKey

__all__ = ["TensorStore"]

_new = object.__new__
_NO_OPTIONS = (None,) * 12


@public("TensorStore")
class TensorStore(StoreFacts, Indexable):
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

    __slots__ = ("__weakref__", "_reversed")

    _root: Root
    """What all views of one array share."""
    _transform: IndexTransform
    _reversed: TensorStore | None
    """The handle with its dimensions in reverse order, once somebody asked."""

    def __init__(
        self,
        view: View,
        opened: object = None,
        readable: bool = True,
        writable: bool = True,
        seen: int | None = None,
    ) -> None:
        at = epoch() if seen is None else seen
        self._root = Root(view.source, opened, readable, writable, view.transform, at)
        self._transform = view.transform
        self._reversed = None

    # ---- the protocol of things with a transform

    def _with_transform(self, transform: IndexTransform) -> TensorStore:
        made: TensorStore = _new(TensorStore)
        made._root = self._root
        made._transform = transform
        made._reversed = None
        return made

    def _on_all(self, name: str, argument: object) -> TensorStore:
        made: TensorStore = _new(TensorStore)
        made._transform = Operations.on_all(self._transform, name, argument)
        made._root = self._root
        made._reversed = None
        return made

    def __getitem__(self, key: IndexKey) -> TensorStore:
        """Return the view through a NumPy-style expression, domain, transform or dimension expression.

        Nothing is read.

        Raises:
            IndexError: an expression that is wrong or leaves the explicit bounds.

        >>> import tegula
        >>> store = tegula.array([[1, 2, 3], [4, 5, 6]])
        >>> store[1, ::2].read().result(), store[..., [2, 0]].shape
        (array([4, 6]), (2, 2))
        """
        made: TensorStore = _new(TensorStore)
        made._transform = Operations.index(self._transform, key)
        made._root = self._root
        made._reversed = None
        return made

    @property
    def T(self) -> TensorStore:  # noqa: N802 - the name in NumPy and the drop-in
        """The view with the dimensions in reverse order; a handle remembers it.

        >>> import tegula
        >>> tegula.array([[1, 2, 3], [4, 5, 6]]).T.read().result()
        array([[1, 4],
               [2, 5],
               [3, 6]])
        """
        made = self._reversed
        if made is None:
            made = self._reversed = self._with_transform(Operations.reversed(self._transform))
        return made

    def with_transaction(self, transaction: None) -> TensorStore:
        """Return the handle bound to a transaction; None is the only one so far.

        Raises:
            TypeError: it is not None.

        >>> import tegula
        >>> store = tegula.array([1, 2])
        >>> store.with_transaction(None) is store
        True
        """
        no_transaction(transaction)
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

        Args:
            open_mode, open, create, delete_existing, assume_metadata, assume_cached_metadata: what opening it
                may do; by default open what is there.
            minimal_spec: leave out what opening reads anyway.
            retain_context, unbind_context: as said above.
            recheck_cached_metadata, recheck_cached_data, recheck_cached: how old a cached answer may be.

        Raises:
            TypeError: an option is of the wrong type.

        >>> import tegula
        >>> store = tegula.open({"driver": "zarr3", "kvstore": "memory://a/"}, create=True,
        ...                     dtype="uint16", shape=[100, 80]).result()
        >>> spec = store[10:20].spec(minimal_spec=True)
        >>> spec.domain, spec.to_json()["kvstore"]
        ({ [10, 20), [0, 80*) }, {'driver': 'memory', 'path': 'a/'})
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

    def read(self, *, order: Literal["C", "F"] = "C", batch: Batch | None = None) -> Future[np.ndarray]:
        """Read the elements into a new array.

        Args:
            order: ``"C"`` or ``"F"``: the memory layout of the result.
            batch: the `Batch` that starts it, together with others; by default it starts now.

        Returns:
            A future of an array of this view's shape, native byte order, never shared with a cache.

        Raises (from the future):
            InvalidArgument: the handle does not allow reading.
            DataLoss, FailedPrecondition: a stored chunk is damaged.
            NotFound: a chunk is missing, and `fill_missing_data_reads` is false.
            ResourceExhausted: a chunk is larger than memory.

        >>> import tegula
        >>> store = tegula.array([[1, 2, 3], [4, 5, 6]])
        >>> store[:, 1:].read(order="F").result().flags.f_contiguous
        True
        """
        return start(self, order, batch)

    def write(
        self,
        source: TensorStore | npt.ArrayLike,
        *,
        batch: Batch | None = None,
        can_reference_source_data_indefinitely: bool | None = None,
    ) -> WriteFutures:
        """Write an array, a scalar, nested lists or another store; broadcast to this view's shape.

        A chunk that is covered from edge to edge is written without being read; of any other the rest is
        kept, whoever else writes to it at the same time.

        Args:
            source: what to write.  An array is converted by NumPy's rule ``safe``.
            batch: the `Batch` that starts it, where `source` is a store.
            can_reference_source_data_indefinitely: accepted for compatibility.

        Returns:
            Futures of the copy (`source` may be changed) and of the commit (the data is stored).

        Raises:
            TypeError: the elements would have to be converted unsafely.

        Raises (from the future):
            InvalidArgument: the shapes do not broadcast, or the handle does not allow writing.

        >>> import tegula
        >>> store = tegula.array([[1, 2, 3], [4, 5, 6]])
        >>> store[:, 1:].write([[7], [8]]).result()
        >>> store.read().result()
        array([[1, 7, 7],
               [4, 8, 8]])
        """
        option(can_reference_source_data_indefinitely, "can_reference_source_data_indefinitely")
        return start_write(self, source, batch)

    def __setitem__(self, key: IndexKey, source: TensorStore | npt.ArrayLike) -> None:
        """Write into ``self[key]``, and wait until it is stored; errors are those of `write` and of indexing.

        >>> import tegula
        >>> store = tegula.array([[1, 2, 3], [4, 5, 6]])
        >>> store[0, 1:] = 0
        >>> store[tegula.d[1][2]] = [8, 9]
        >>> store.read().result()
        array([[1, 0, 8],
               [4, 5, 9]])
        """
        self[key].write(source).result()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Read everything, for NumPy: ``np.asarray(store)``.

        >>> import numpy as np
        >>> import tegula
        >>> float(np.mean(tegula.array([[1, 2, 3], [4, 5, 6]])[1]))
        5.0
        """
        del copy
        found = self.read().result()
        return found if dtype is None else found.astype(dtype, copy=False)

    def astype(self, dtype: DTypeLike) -> TensorStore:
        """Return a view whose elements are converted as they are read and written: `tegula.cast`.

        Raises:
            ValueError: there is no such conversion.

        >>> import tegula
        >>> tegula.array([1.5, 2.5]).astype("int8").read().result()
        array([1, 2], dtype=int8)
        """
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
        from tegula.api.opengroup import attributes_of

        return attributes_of(self)

    def resolve(self, fix_resizable_bounds: bool = False, batch: Batch | None = None) -> Future[TensorStore]:
        """Return a future of this view with its implicit bounds as the store has them now.

        Args:
            fix_resizable_bounds: make the bounds explicit: this handle then does not follow a later resize.
            batch: the `Batch` that starts it.

        Raises (from the future):
            FailedPrecondition, NotFound: the array is another one now, or gone.

        >>> import tegula
        >>> store = tegula.open({"driver": "zarr3", "kvstore": "memory://"}, create=True,
        ...                     dtype="uint8", shape=[4]).result()
        >>> larger = store.resize(exclusive_max=[6]).result()
        >>> store.domain, store.resolve().result().domain
        ({ [0, 4*) }, { [0, 6*) })
        """
        from tegula.api.running import resolve

        return resolve(self, flag(fix_resizable_bounds, "fix_resizable_bounds"), batch)

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

        flags = (resize_metadata_only, resize_tied_bounds, expand_only, shrink_only)
        way = Way(*[flag(one, "flags of resize") for one in flags])
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

        missing = flag(query_not_stored, "query_not_stored")
        return statistics(self, missing, flag(query_fully_stored, "query_fully_stored"))

    # ---- as a value

    def __repr__(self) -> str:
        return storejson.show(self)

    def __copy__(self) -> TensorStore:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return storejson.pickled(self)
