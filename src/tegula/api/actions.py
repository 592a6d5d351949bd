"""The pipe, and the functions that end one: they do something with a store and wait for it.

What this file knows: for each method of the handle that reads, writes or asks, the function of the same name.
What it must not know: how it is done; each calls the method.

Each has two spellings: with a store it acts; without one it returns the function of a store that acts with
the options given, a value (`Applied`).  Law: ``f(store, option=x)`` is ``f(option=x)(store)`` is
``store.f(option=x)``, waited for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar, Unpack, cast, overload

import numpy as np

from tegula.api.steps import Applied, named

if TYPE_CHECKING:
    import numpy.typing as npt

    from tegula.api.keywords import Bounds, ResizeFlags, SpecKeywords
    from tegula.api.openmode import OpenMode
    from tegula.api.spec import Spec
    from tegula.api.store import TensorStore
    from tegula.api.typing import RecheckCacheOption

__all__ = ["pipe", "read", "resize", "resolve", "spec", "storage_statistics", "write"]

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")
G = TypeVar("G")
H = TypeVar("H")

Order: TypeAlias = Literal["C", "F"]


def _with_options(function: Callable[..., object], options: Mapping[str, object]) -> Applied:
    """Return the step that calls `function` with the options that say something."""
    silent = (None, False, "")
    return Applied(function, (), tuple([item for item in options.items() if item[1] not in silent]))


@overload
def read(store: TensorStore, order: Order = "C") -> np.ndarray: ...
@overload
def read(*, order: Order = "C") -> Applied: ...


@named
def read(store: TensorStore | None = None, order: Order = "C") -> np.ndarray | Applied:
    """Read a store and wait for the array: the last step of a pipe.

    Args:
        store: a store, or any view of one.  Left out: the function of a store.
        order: ``"C"`` or ``"F"``: the memory layout of the result.

    Returns:
        A new array of the shape and data type of `store`.

    Raises:
        OutOfRange: the view leaves the array.
        DataLoss, FailedPrecondition: a stored chunk is damaged.

    >>> import tegula
    >>> tegula.read(tegula.array([[1, 2], [3, 4]])[1])
    array([3, 4])
    >>> tegula.pipe(tegula.array([[1, 2], [3, 4]]), tegula.read(order="F")).strides
    (8, 16)
    """
    if store is None:
        return _with_options(read, {"order": "" if order == "C" else order})
    return store.read(order=order).result()


@overload
def write(store: TensorStore, source: TensorStore | npt.ArrayLike, /) -> TensorStore: ...
@overload
def write(source: TensorStore | npt.ArrayLike, /) -> Applied: ...


@named
def write(*given: TensorStore | npt.ArrayLike) -> TensorStore | Applied:
    """Write into a store, wait, and give the store back: ``write(store, source)``, ``write(source)(store)``.

    Args:
        given: the store, which may be left out, and the source: an array, a number, nested lists or a
            store; broadcast to the shape of the store.

    Raises, when a store is written:
        InvalidArgument: the source does not fit.
        TypeError: it does not convert safely.

    >>> import numpy as np, tegula
    >>> target = tegula.array(np.zeros(3))
    >>> tegula.pipe(target, tegula.at[1:], tegula.write([1.0, 2.0]), tegula.read)
    array([1., 2.])
    """
    if len(given) == 1:
        return Applied(write, given)
    store: Any
    store, source = given
    store.write(source).result()
    return cast("TensorStore", store)


@overload
def resolve(store: TensorStore, fix_resizable_bounds: bool = False) -> TensorStore: ...
@overload
def resolve(*, fix_resizable_bounds: bool = False) -> Applied: ...


@named
def resolve(store: TensorStore | None = None, fix_resizable_bounds: bool = False) -> TensorStore | Applied:
    """Return the view with its implicit bounds as the store has them now; wait for the answer.

    Args:
        store: a store, or any view of one.  Left out: the function of a store.
        fix_resizable_bounds: make the bounds explicit.

    Raises:
        NotFound: the array is gone.
        DataLoss, FailedPrecondition: its metadata changed to another array's, or is damaged.

    >>> import tegula
    >>> store = tegula.open({"driver": "zarr3", "kvstore": "memory://"}, create=True,
    ...                     dtype="uint8", shape=[4]).result()
    >>> tegula.pipe(store, tegula.resolve(fix_resizable_bounds=True), tegula.domain_of)
    { [0, 4) }
    """
    if store is None:
        return _with_options(resolve, {"fix_resizable_bounds": fix_resizable_bounds})
    return store.resolve(fix_resizable_bounds=fix_resizable_bounds).result()


@overload
def resize(
    store: TensorStore,
    inclusive_min: Bounds | None = None,
    exclusive_max: Bounds | None = None,
    **flags: Unpack[ResizeFlags],
) -> TensorStore: ...
@overload
def resize(
    *,
    inclusive_min: Bounds | None = None,
    exclusive_max: Bounds | None = None,
    **flags: Unpack[ResizeFlags],
) -> Applied: ...


@named
def resize(
    store: TensorStore | None = None,
    inclusive_min: Bounds | None = None,
    exclusive_max: Bounds | None = None,
    resize_metadata_only: bool = False,
    resize_tied_bounds: bool = False,
    expand_only: bool = False,
    shrink_only: bool = False,
) -> TensorStore | Applied:
    """Change the bounds of a stored array, as the method of the handle does, and wait.

    Args:
        store: a store.  Left out: the function of a store.
        inclusive_min, exclusive_max: the new bounds, one for each dimension; None leaves one.
        resize_metadata_only, resize_tied_bounds, expand_only, shrink_only: as for the method.

    Raises:
        FailedPrecondition, InvalidArgument: the bounds cannot be those.
        Unimplemented: the store cannot be resized.

    >>> import tegula
    >>> tegula.resize(exclusive_max=[8])
    resize(exclusive_max=(8,))
    """
    options = {
        "inclusive_min": None if inclusive_min is None else tuple(inclusive_min),
        "exclusive_max": None if exclusive_max is None else tuple(exclusive_max),
        "resize_metadata_only": resize_metadata_only,
        "resize_tied_bounds": resize_tied_bounds,
        "expand_only": expand_only,
        "shrink_only": shrink_only,
    }
    if store is None:
        return _with_options(resize, options)
    return store.resize(
        inclusive_min, exclusive_max, resize_metadata_only, resize_tied_bounds, expand_only, shrink_only
    ).result()


@overload
def storage_statistics(
    store: TensorStore, *, query_not_stored: bool = False, query_fully_stored: bool = False
) -> object: ...
@overload
def storage_statistics(*, query_not_stored: bool = False, query_fully_stored: bool = False) -> Applied: ...


@named
def storage_statistics(
    store: TensorStore | None = None, *, query_not_stored: bool = False, query_fully_stored: bool = False
) -> object:
    """Ask whether the elements of a view are stored, as the method of the handle does, and wait.

    Args:
        store: a store, or any view of one.  Left out: the function of a store.
        query_not_stored, query_fully_stored: what is asked.

    Raises:
        Unimplemented: the store cannot tell.

    >>> import tegula
    >>> tegula.storage_statistics(query_not_stored=True)
    storage_statistics(query_not_stored=True)
    """
    options = {"query_not_stored": query_not_stored, "query_fully_stored": query_fully_stored}
    if store is None:
        return _with_options(storage_statistics, {**options})
    return store.storage_statistics(**options).result()


@overload
def spec(store: TensorStore, **options: Unpack[SpecKeywords]) -> Spec: ...
@overload
def spec(**options: Unpack[SpecKeywords]) -> Applied: ...


@named
def spec(
    store: TensorStore | None = None,
    *,
    open_mode: OpenMode | None = None,
    minimal_spec: bool | None = None,
    retain_context: bool | None = None,
    unbind_context: bool | None = None,
    recheck_cached_metadata: RecheckCacheOption | None = None,
    recheck_cached_data: RecheckCacheOption | None = None,
    recheck_cached: RecheckCacheOption | None = None,
) -> Spec | Applied:
    """Return the specification by which `tegula.open` gives this view again.

    Args:
        store: a store, or any view of one.  Left out: the function of a store.
        open_mode: what opening may do.
        minimal_spec: leave out the stored metadata.
        retain_context, unbind_context: keep the same resources; specify equal ones.
        recheck_cached_metadata, recheck_cached_data, recheck_cached: staleness bounds.

    >>> import tegula
    >>> tegula.pipe(tegula.array([[1, 2], [3, 4]]), tegula.at[1], tegula.spec).domain
    { [0, 2) }
    """
    options = {
        "open_mode": open_mode,
        "minimal_spec": minimal_spec,
        "retain_context": retain_context,
        "unbind_context": unbind_context,
        "recheck_cached_metadata": recheck_cached_metadata,
        "recheck_cached_data": recheck_cached_data,
        "recheck_cached": recheck_cached,
    }
    chosen = {name: value for name, value in options.items() if value is not None}
    if store is None:
        return Applied(spec, (), tuple(chosen.items()))
    handle: Any = store
    found: Spec = handle.spec(**chosen)
    return found


@overload
def pipe(value: A, /) -> A: ...
@overload
def pipe(value: A, f: Callable[[A], B], /) -> B: ...
@overload
def pipe(value: A, f: Callable[[A], B], g: Callable[[B], C], /) -> C: ...
@overload
def pipe(value: A, f: Callable[[A], B], g: Callable[[B], C], h: Callable[[C], D], /) -> D: ...
@overload
def pipe(
    value: A, f: Callable[[A], B], g: Callable[[B], C], h: Callable[[C], D], i: Callable[[D], E], /
) -> E: ...
@overload
def pipe(
    value: A,
    f: Callable[[A], B],
    g: Callable[[B], C],
    h: Callable[[C], D],
    i: Callable[[D], E],
    j: Callable[[E], G],
    /,
) -> G: ...
@overload
def pipe(value: object, /, *functions: Callable[[H], H]) -> H: ...


def pipe(value: object, /, *functions: Callable[..., object]) -> object:
    """Return `value` passed through `functions` from left to right.

    Args:
        value: anything; most often a store, or a `Spec`, which is then not opened.
        functions: each takes what the one before it returned.

    Returns:
        What the last function returns.

    >>> import tegula
    >>> from tegula import at, cast, d, downsample, pipe, read
    >>> image = tegula.array([[0, 2], [4, 6]])
    >>> pipe(image, d[0].label["y"], downsample([1, 2], "mean"), cast("float32"), read)
    array([[1.],
           [5.]], dtype=float32)
    """
    for function in functions:
        value = function(value)
    return value
