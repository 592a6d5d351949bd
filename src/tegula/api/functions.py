"""The functions that make handles from arrays and from other handles.

What this file knows: `array`, and the computed views `downsample` and `cast`, which have two spellings: with
a store (or a `Spec`) they return one; without, they return the function of a store, for `tegula.pipe`.  What
it must not know: how elements are converted or reduced.
Law: ``cast(dtype)(x) == cast(x, dtype)``, and the same for `downsample`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, SupportsIndex, overload
from typing import cast as cast_type

import numpy as np

from tegula import view as views
from tegula.api.steps import Applied, named
from tegula.api.store import TensorStore
from tegula.errors import InvalidArgument
from tegula.schema.dtypes import DataType, can_convert
from tegula.schema.dtypes import dtype as to_dtype
from tegula.schema.dtypes import json as json_
from tegula.schema.fill import check_rank, checked
from tegula.schema.schema import Schema
from tegula.source import InMemory
from tegula.space.bounds import propagate_bounds
from tegula.space.compose import compose
from tegula.space.domain import IndexDomain
from tegula.space.transform import IndexTransform
from tegula.view import View

if TYPE_CHECKING:
    import numpy.typing as npt

    from tegula.api.context import Context
    from tegula.api.opening import Access
    from tegula.api.spec import Spec
    from tegula.api.specbody import ArrayBody, ComputedBody
    from tegula.kernels.methods import DownsampleMethod
    from tegula.plan.explain import Explanation
    from tegula.schema.keys import DTypeLike
    from tegula.schema.units import Unit

__all__ = ["array", "array_of", "cast", "computed", "downsample", "explain"]


def array(
    array: npt.ArrayLike,
    dtype: DTypeLike | None = None,
    *,
    context: Context | None = None,
    copy: bool | None = None,
    write: bool | None = None,
) -> TensorStore:
    """Return a handle over an array in memory.

    Args:
        array: anything NumPy takes as an array; shared, not copied, where possible.
        dtype: the data type; the array's own by default.  Arrays are converted by NumPy's rule ``safe``.
        context: what specifications of the array name.
        copy: True: always copy; False: never.
        write: whether writing through the handle is allowed; by default if the array is writable.

    Returns:
        A handle of the array's shape, its coordinates from 0.

    Raises:
        InvalidArgument: no data type corresponds to the array's, or it may not be written.
        TypeError: an array has elements that `dtype` may not hold.

    >>> import tegula
    >>> tegula.array([[1, 2], [3, 4]])[1].read().result()
    array([3, 4])
    """
    copying = None if context is None else context["data_copy_concurrency"]
    kind = None if dtype is None else to_dtype(dtype)
    if kind is not None and isinstance(array, np.ndarray):
        converted = array.astype(kind.array_dtype, casting="safe", copy=False)  # as what is written
        array = array if copy is False else converted
    data = np.array(array, None if kind is None else kind.array_dtype, copy=False if copy is False else None)
    if kind is None:
        kind = json_ if data.dtype == object else to_dtype(data.dtype)
    if kind.kind == "o":
        data = checked(data, kind)
    check_rank(data)
    if not data.dtype.isnative:
        data = data.astype(data.dtype.newbyteorder("="))
    if copy or (write and copy is None and not data.flags.writeable):
        data = data.copy()
    writable = data.flags.writeable if write is None else write
    if writable and not data.flags.writeable:
        raise InvalidArgument("Unable to avoid copy while creating an array that can be written.")
    return TensorStore(
        View(InMemory(data, kind, None, copying), IndexTransform(IndexDomain(shape=data.shape))),
        None,
        True,
        writable,
    )


def array_of(
    body: ArrayBody,
    units: tuple[Unit | None, ...] | None,
    seen: IndexTransform,
    readable: bool,
    writable: bool,
    copying: object = None,
) -> TensorStore:
    """Return a handle of its own over the array of a specification, through the transform `seen`.

    `units` are those of the array's dimensions, None where none is known; `copying` is a context resource.
    """
    elements = np.array(body.elements, body.dtype.array_dtype)
    if not all(size > 1 for size in elements.shape):
        steps = [step * elements.itemsize for step in body.strides]
        elements = np.lib.stride_tricks.as_strided(elements, elements.shape, steps)
    bounds = IndexDomain(shape=elements.shape)
    view = View(InMemory(elements, body.dtype, units, copying), propagate_bounds(bounds, seen))
    return TensorStore(view, None, readable, writable)


def computed(body: ComputedBody, asked: Spec, base: TensorStore, access: Access) -> TensorStore:
    """Return the handle of a ``downsample`` or ``cast`` specification over its opened base.

    Raises:
        InvalidArgument: it would not be for what is asked of it, or for nothing.
    """
    made: TensorStore
    if body.method:
        made = downsample(base, body.factors, cast_type("DownsampleMethod", body.method))
    else:
        assert asked.dtype is not None
        made = cast(base, asked.dtype)
        for needed, given, told in (
            (access.read, made.readable, (True, False)),
            (access.write, made.writable, (False, True)),
        ):
            if needed and not given:
                raise _no_conversion(base.dtype, asked.dtype, *told)
    if asked._seen is None:
        return made
    return made._with_transform(compose(made._transform, propagate_bounds(made.domain, asked._seen)))


@overload
def downsample(
    base: TensorStore, downsample_factors: Sequence[SupportsIndex], method: DownsampleMethod
) -> TensorStore: ...
@overload
def downsample(base: Spec, downsample_factors: Sequence[SupportsIndex], method: DownsampleMethod) -> Spec: ...
@overload
def downsample(downsample_factors: Sequence[SupportsIndex], method: DownsampleMethod) -> Applied: ...


@named
def downsample(*arguments: Any, **options: Any) -> TensorStore | Spec | Applied:
    """Return a view reduced by integer factors: ``downsample(base, factors, method)``.

    Args:
        base: a store, or a specification, which gives one of the view.  Left out: the function of a store.
        factors: one integer (>= 1) a dimension; blocks are aligned to coordinate zero.
        method: ``"stride" "mean" "median" "mode" "min" "max"``.

    Raises:
        InvalidArgument: wrong factors, an unknown method, one that does not support the data type, or a base
            that is only written.

    >>> import tegula
    >>> tegula.downsample(tegula.array([1.0, 3.0, 5.0]), [2], "mean").read().result()
    array([2., 5.])
    """
    names = ("base", "factors", "method")
    given = dict(zip(names if len(arguments) + len(options) > 2 else names[1:], arguments, strict=False))
    given |= {name.removeprefix("downsample_"): value for name, value in options.items()}
    if "base" not in given:
        return Applied(downsample, (views.factors_of(given["factors"]), given["method"]))
    store = _based(given["base"])
    if not isinstance(store, TensorStore):
        return downsampled_spec(store, given["factors"], given["method"])
    made = views.downsample(store._view, given["factors"], given["method"])
    if not store.readable:
        raise InvalidArgument("Cannot downsample write-only TensorStore")
    return TensorStore(made, store, store.readable, False, -1)


@overload
def cast(base: TensorStore, dtype: DTypeLike) -> TensorStore: ...
@overload
def cast(base: Spec, dtype: DTypeLike) -> Spec: ...
@overload
def cast(dtype: DTypeLike) -> Applied: ...


@named
def cast(*arguments: Any, **options: Any) -> TensorStore | Spec | Applied:
    """Return a view whose elements are converted: ``cast(base, dtype)``.

    Args:
        base: a store, or a specification, which gives one of the view.  Left out: the function of a store.
        dtype: the data type read; writing converts the other way.

    Returns:
        A handle of the same domain; or the function of a store that gives one.

    Raises:
        InvalidArgument: one data type does not convert to the other.

    >>> import tegula
    >>> tegula.cast(tegula.array([1, 2]), "float32").read().result()
    array([1., 2.], dtype=float32)
    """
    given = dict(
        zip(("base", "dtype") if len(arguments) + len(options) > 1 else ("dtype",), arguments, strict=False)
    )
    given |= options
    if "base" not in given:
        return Applied(cast, (to_dtype(given["dtype"]).name,))
    store = _based(given["base"])
    if not isinstance(store, TensorStore):
        return cast_spec(store, to_dtype(given["dtype"]))
    source, target = store.dtype, to_dtype(given["dtype"])
    readable = store.readable and can_convert(source, target)
    writable = store.writable and can_convert(target, source)
    if not (readable or writable):
        raise _no_conversion(source, target, store.readable, store.writable)
    return TensorStore(views.cast(store._view, target), store, readable, writable, -1)


def _no_conversion(source: DataType, target: DataType, reads: bool, writes: bool) -> InvalidArgument:
    if reads and writes:
        return InvalidArgument(f"Cannot convert {source.name} <-> {target.name}")
    if reads:
        return InvalidArgument(f"Read access requires unsupported {source.name} -> {target.name} conversion")
    return InvalidArgument(f"Write access requires unsupported {target.name} -> {source.name} conversion")


def downsampled_spec(base: Spec, factors: Iterable[SupportsIndex], method: str) -> Spec:
    """Return the specification of a reduced view."""
    from tegula.api.spec import made_spec
    from tegula.api.specbody import ComputedBody

    views.check_named(method)
    if base.dtype is not None:
        views.check_method(base.dtype, method)
    body, schema = ComputedBody(base.copy(), views.factors_of(factors), method), Schema()
    if any(factor < 1 for factor in body.factors):
        raise InvalidArgument(
            f"Downsample factors {{{', '.join(map(str, body.factors))}}} are not all positive"
        )
    body.settle(schema)
    made = made_spec(body, schema, None)
    made._bounded()
    return made


def cast_spec(base: Spec, dtype: DataType) -> Spec:
    """Return the specification of a converted view; the base's transform becomes its own."""
    from tegula.api.spec import made_spec
    from tegula.api.specbody import ComputedBody

    inner = base.copy()
    seen, inner._seen = inner._seen, None
    body, schema = ComputedBody(inner, (), ""), Schema(dtype=dtype)
    body.settle(schema)
    return made_spec(body, schema, seen)


def _based(base: Any) -> TensorStore | Spec:
    """Return `base`, which is a store or a specification."""
    from tegula.api.spec import Spec

    if isinstance(base, (TensorStore, Spec)):
        return base
    raise TypeError(f"base is a TensorStore or a Spec, not {type(base).__name__}")


@named
def explain(store: TensorStore) -> Explanation:
    """Say what reading a view would do, without doing it: chunks, requests, bytes and memory.

    Args:
        store: a store, or any view of one.

    Returns:
        An explanation: counts, and sizes in bytes; printed, a table.

    >>> import tegula
    >>> store = tegula.open({"driver": "zarr3", "kvstore": "memory://"}, create=True, dtype="uint8",
    ...                     shape=[100, 100], chunk_layout=tegula.ChunkLayout(chunk_shape=[10, 10])).result()
    >>> tegula.explain(store[:25, 5]).chunks
    3
    """
    from tegula.api.running import WIDTH
    from tegula.plan.explain import explain as explained

    return explained(store._view, WIDTH)
