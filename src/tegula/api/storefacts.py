"""What a handle says of the array: rank, bounds, type, layout, where it is.

Knows: which value or function gives each.  Must not know: reading and writing.  Handles hold no logic.

Law: asking reads nothing and changes nothing; what may be changed is given as a copy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tegula.api import storejson
from tegula.api.opened import Opened
from tegula.api.wholebody import OpenedWhole
from tegula.record import Record, derived
from tegula.source import Source
from tegula.space.transform import IndexTransform
from tegula.view import View

if TYPE_CHECKING:
    import numpy as np

    from tegula.api.kvstore import KvStore
    from tegula.api.spec import Spec
    from tegula.api.store import TensorStore
    from tegula.schema.codecspec import CodecSpec
    from tegula.schema.dtypes import DataType
    from tegula.schema.layout import ChunkLayout
    from tegula.schema.schema import Schema
    from tegula.schema.units import Unit
    from tegula.space.domain import IndexDomain

__all__ = ["Root", "StoreFacts"]


class Root(Record, eq=False):
    """What all views of one array share: the source, how it was opened, and what is allowed.

    `settled` is the transform of the first of them, whose implicit bounds are those of the source.  `seen`
    and `fresh` are `newest`'s: when it was asked last whether bounds changed, and the whole array as it is
    then.
    """

    source: Source
    opened: Any
    readable: bool
    writable: bool
    settled: IndexTransform
    seen: int
    fresh: Any = None
    told: bytes | None = derived()
    """The JSON of the specification but for the transform, marshalled, once somebody asked."""

    shown: tuple[tuple[str, str], ...] | None = derived()
    """The members of the repr but for the transform, once somebody asked."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "told", None)
        object.__setattr__(self, "shown", None)


class StoreFacts:
    """The properties of a `TensorStore` that say what it is.

    >>> from tegula import TensorStore
    >>> issubclass(TensorStore, StoreFacts)
    True
    """

    __slots__ = ("_root", "_schema", "_transform")

    _root: Root
    _transform: IndexTransform
    _schema: Schema
    """The schema, once somebody asked; what is given away is a copy."""

    if TYPE_CHECKING:

        def spec(self, *, minimal_spec: bool | None = None) -> Spec: ...

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

    @property
    def rank(self) -> int:
        """The number of dimensions of the view, at most 32.

        >>> import tegula
        >>> tegula.array([[1, 2], [3, 4]])[0].rank
        1
        """
        return self._transform.domain.rank

    @property
    def ndim(self) -> int:
        """The number of dimensions, as NumPy calls it: `rank`.

        >>> import tegula
        >>> tegula.array([[1, 2], [3, 4]])[:, None].ndim
        3
        """
        return self._transform.domain.rank

    @property
    def domain(self) -> IndexDomain:
        """The domain: bounds and labels of every dimension; coordinates are kept by slicing.

        An upper bound that is printed with a star may change: `resolve` asks for it again.

        >>> import tegula
        >>> store = tegula.open({"driver": "zarr3", "kvstore": "memory://a/"}, create=True,
        ...                     dtype="uint16", shape=[100, 80]).result()
        >>> store.domain, store[10:20, ::2].domain
        ({ [0, 100*), [0, 80*) }, { [10, 20), [0, 40*) })
        """
        return self._transform.domain

    @property
    def origin(self) -> tuple[int, ...]:
        """The lower bound of every dimension.

        >>> import tegula
        >>> tegula.array([1, 2, 3])[1:].origin, tegula.array([1, 2, 3])[1:].translate_to[0].origin
        ((1,), (0,))
        """
        return self._transform.domain.inclusive_min

    @property
    def shape(self) -> tuple[int, ...]:
        """The extent of every dimension, in elements: the shape of what is read.

        >>> import tegula
        >>> tegula.array([[1, 2, 3], [4, 5, 6]]).oindex[:, [0, 2, 2, 1]].shape
        (2, 4)
        """
        return self._transform.domain.shape

    @property
    def size(self) -> int:
        """The number of elements of the view.

        >>> import tegula
        >>> tegula.array([[1, 2, 3], [4, 5, 6]])[:, ::2].size
        4
        """
        return self._transform.domain.size

    @property
    def nbytes(self) -> int:
        """The size of the elements in bytes, as an array in memory; what is stored may be smaller.

        >>> import tegula
        >>> tegula.array([[1, 2, 3], [4, 5, 6]], dtype=tegula.uint16).nbytes
        12
        """
        return self.size * self.dtype.array_dtype.itemsize

    @property
    def dtype(self) -> DataType:
        """The data type of the elements.

        >>> import tegula
        >>> tegula.cast(tegula.array([1, 2, 3]), "bfloat16").dtype
        dtype("bfloat16")
        """
        return self._root.source.dtype

    @property
    def mode(self) -> str:
        """What the handle may do: ``"r"``, ``"w"`` or ``"rw"``.

        >>> import tegula
        >>> store = tegula.array([1, 2, 3])
        >>> store.mode, tegula.downsample(store, [2], "max").mode
        ('rw', 'r')
        """
        return "r" * self._readable + "w" * self._writable

    @property
    def readable(self) -> bool:
        """Whether reading is allowed.

        >>> import tegula
        >>> spec = {"driver": "zarr3", "kvstore": "memory://"}
        >>> tegula.open(spec, create=True, dtype="int8", shape=[4], read=False, write=True).result().readable
        False
        """
        return self._readable

    @property
    def writable(self) -> bool:
        """Whether writing is allowed; a write to a handle that is not fails in its future.

        >>> import tegula
        >>> tegula.downsample(tegula.array([1, 2, 3]), [2], "mean").writable
        False
        """
        return self._writable

    @property
    def schema(self) -> Schema:
        """The schema of this view, as a copy: dtype, domain, chunk layout, codec, fill value and units.

        By it another array like this one is created.

        >>> import tegula
        >>> store = tegula.open({"driver": "zarr3", "kvstore": "memory://a/"}, create=True,
        ...                     dtype="uint16", shape=[100, 80], dimension_units=["4nm", None]).result()
        >>> view = store[::2, 5]
        >>> view.schema.dimension_units
        (Unit(8, "nm"),)
        >>> other = tegula.open("memory://b/|zarr3:", create=True, schema=store.schema).result()
        >>> other.schema == store.schema
        True
        """
        return self._known().copy()

    def _known(self) -> Schema:
        """Return the schema itself, not to be changed."""
        try:
            return self._schema
        except AttributeError:
            self._schema = storejson.schema(self._view, self._opened)
            return self._schema

    @property
    def chunk_layout(self) -> ChunkLayout:
        """The chunk layout of this view, as a copy: shapes are in the view's dimensions and elements.

        >>> import tegula
        >>> layout = tegula.ChunkLayout(chunk_shape=[20, 10])
        >>> store = tegula.open({"driver": "zarr3", "kvstore": "memory://a/"}, create=True,
        ...                     dtype="uint16", shape=[100, 80], chunk_layout=layout).result()
        >>> store.T.chunk_layout.read_chunk.shape, store[::2].chunk_layout.grid_origin
        ((10, 20), (0, 0))
        """
        return self._known().chunk_layout

    @property
    def codec(self) -> CodecSpec | None:
        """The codec, None where there is none (arrays in memory).

        >>> import tegula
        >>> store = tegula.open({"driver": "zarr3", "kvstore": "memory://a/"}, create=True,
        ...                     dtype="uint16", shape=[100, 80]).result()
        >>> store.codec.driver, tegula.array([1]).codec
        ('zarr3', None)
        """
        return self._known().codec

    @property
    def fill_value(self) -> np.ndarray | None:
        """The fill value, an array that broadcasts to the view; None where there is none.

        >>> import tegula
        >>> store = tegula.open({"driver": "zarr3", "kvstore": "memory://a/"}, create=True,
        ...                     dtype="uint16", shape=[100, 80], fill_value=7).result()
        >>> store.fill_value, int(store[3, 4].read().result())
        (array(7, dtype=uint16), 7)
        """
        return self._known().fill_value

    @property
    def dimension_units(self) -> tuple[Unit | None, ...]:
        """The unit of every dimension of this view, None where unknown; a step of 2 doubles it.

        >>> import tegula
        >>> store = tegula.open({"driver": "zarr3", "kvstore": "memory://a/"}, create=True,
        ...                     dtype="uint16", shape=[100, 80], dimension_units=["4nm", None]).result()
        >>> store.dimension_units, store[::2].dimension_units
        ((Unit(4, "nm"), None), (Unit(8, "nm"), None))
        """
        return self._known().dimension_units or (None,) * self.rank

    @property
    def kvstore(self) -> KvStore | None:
        """The key-value store of the array, its path at the array; None where there is none.

        >>> import tegula
        >>> store = tegula.open({"driver": "zarr3", "kvstore": "memory://a/"}, create=True,
        ...                     dtype="uint16", shape=[100, 80]).result()
        >>> store.kvstore.path, store.kvstore.list().result(), tegula.array([1]).kvstore
        ('a/', [b'zarr.json'], None)
        """
        return self._opened.kvstore if isinstance(self._opened, Opened | OpenedWhole | StoreFacts) else None

    @property
    def base(self) -> TensorStore | None:
        """The store under an adapter (`cast`, `downsample`), None for others; of a view, the part it reads.

        >>> import tegula
        >>> small = tegula.downsample(tegula.array([1, 2, 3, 4, 5]), [2], "mean")
        >>> small.shape, small[1:].base.domain, small.base.base
        ((3,), { [2, 5) }, None)
        """
        from tegula.api.store import TensorStore

        return storejson.base(self._view, self._opened) if isinstance(self._opened, TensorStore) else None

    @property
    def url(self) -> str:
        """The URL of the array; the transform, and what else a URL cannot say, is left out.

        Raises:
            Unimplemented: it has none (arrays in memory, downsampling).

        >>> import tegula
        >>> store = tegula.open({"driver": "zarr3", "kvstore": "memory://a/"}, create=True,
        ...                     dtype="uint16", shape=[100, 80]).result()
        >>> store[5].url, tegula.cast(store, "int8").url
        ('memory://a/|zarr3:', 'memory://a/|zarr3:|cast:int8')
        """
        return self.spec(minimal_spec=True).url

    @property
    def transaction(self) -> None:
        """The transaction the handle is bound to: none, since there are none yet.

        >>> import tegula
        >>> tegula.array([1]).transaction is None
        True
        """
        return
