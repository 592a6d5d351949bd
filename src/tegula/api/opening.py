"""`open`: from a specification to a handle."""

from __future__ import annotations

import time
from typing import Any

from tegula.api.opened import Opened, view_of
from tegula.api.spec import FLAGS, Spec
from tegula.api.store import TensorStore
from tegula.binding import compact
from tegula.errors import InvalidArgument, TegulaError, annotated
from tegula.programs.opening import OpenFlags, open_metadata
from tegula.api.running import failed
from tegula.runtime.future import Future, ready
from tegula.runtime.live import leaf
from tegula.runtime.session import run, submit
from tegula.schema.schema import Schema
from tegula.space.transform import IndexTransform

__all__ = ["open", "reopened"]


def open(
    spec: Any,
    *,
    read: bool | None = None,
    write: bool | None = None,
    open_mode: Any = None,
    open: bool | None = None,
    create: bool | None = None,
    delete_existing: bool | None = None,
    assume_metadata: bool | None = None,
    assume_cached_metadata: bool | None = None,
    context: Any = None,
    transaction: Any = None,
    batch: Any = None,
    kvstore: Any = None,
    recheck_cached_metadata: Any = None,
    recheck_cached_data: Any = None,
    recheck_cached: Any = None,
    rank: int | None = None,
    dtype: Any = None,
    domain: Any = None,
    shape: Any = None,
    chunk_layout: Any = None,
    codec: Any = None,
    fill_value: Any = None,
    dimension_units: Any = None,
    schema: Any = None,
) -> Future[TensorStore]:
    """Open or create an array; return a future of its handle.

    Args:
        spec: TensorStore JSON, a URL pipeline such as ``"file:///tmp/a/|zarr3:"``, or a Spec.
        read, write: require the mode; by default whatever is possible.
        open_mode, open, create, delete_existing, assume_metadata, assume_cached_metadata: what may be
            done; by default an existing array is opened.
        context: shared resources; by default a fresh context.
        recheck_cached_metadata, recheck_cached_data, recheck_cached: staleness bounds.
        rank, dtype, domain, shape, chunk_layout, codec, fill_value, dimension_units, schema: constraints
            on what is opened, and choices for what is created.

    Raises (from the future):
        NotFound, AlreadyExists, FailedPrecondition, InvalidArgument, DataLoss, PermissionDenied.

    >>> import tegula
    >>> store = tegula.open({"driver": "zarr", "kvstore": "memory://"}, create=True,
    ...                     dtype="int32", shape=[3]).result()
    >>> store.domain
    { [0, 3*) }
    """
    del batch
    if transaction is not None:
        raise InvalidArgument("transactions are not supported yet")
    asked = Spec(spec)
    if isinstance(spec, Spec):
        asked._bound = spec._bound
    if kvstore is not None:
        asked.update(kvstore=kvstore)
    asked.update(
        recheck_cached_metadata=recheck_cached_metadata,
        recheck_cached_data=recheck_cached_data,
        recheck_cached=recheck_cached,
    )
    given = {
        "open": open,
        "create": create,
        "delete_existing": delete_existing,
        "assume_metadata": assume_metadata,
        "assume_cached_metadata": assume_cached_metadata,
    }
    if open_mode is not None:
        given |= {name: True for name in FLAGS if getattr(open_mode, name)}
    flags = _flags(asked._flags, given)
    constraints = Schema(
        **{
            name: value
            for name, value in (
                ("rank", rank),
                ("dtype", dtype),
                ("domain", domain),
                ("shape", shape),
                ("chunk_layout", chunk_layout),
                ("codec", codec),
                ("fill_value", fill_value),
                ("dimension_units", dimension_units),
                ("schema", schema),
            )
            if value is not None
        }
    )
    return _start(asked, flags, constraints, context, read, write)


def _flags(stored: dict[str, bool], given: dict[str, bool | None]) -> OpenFlags:
    """Return the open mode: a flag given as True adds to the stored ones; `open` and `create` replace them all."""
    said = {name for name, value in given.items() if value}
    if not said & {"open", "create"}:
        said |= {name for name, value in stored.items() if value}
    if not said & {"open", "create"}:
        said.add("create" if stored.get("open") is False else "open")
    return OpenFlags(**{name: name in said for name in FLAGS})


def _start(
    asked: Spec, flags: OpenFlags, constraints: Schema, context: Any, read: bool | None, write: bool | None
) -> Future[TensorStore]:
    from tegula.api import functions
    from tegula.api.context import Context

    if context is None:
        context = asked._bound if asked._bound is not None else Context()
    if asked._context is not None:
        context = Context(Context.Spec(asked._context), parent=context)
    if asked._driver == "array":
        return ready(functions.array_of(asked))
    if asked._base is not None:
        base = _start(asked._base, OpenFlags(), Schema(), context, None, None)
        return ready(functions.computed(asked, base.result()))
    program = _opening(asked, flags, constraints, context, read, write)
    store = None if asked._kvstore is None else _bind(asked, context)._ref
    # looking at a local store costs less than a thread; writing to it may not
    here = store is None or (leaf(store).local and not flags.create) or leaf(store).local_writes
    if not here:
        return submit(program)
    try:
        return ready(run(program))
    except ValueError as error:
        return failed(error)
    except NotImplementedError as error:
        return failed(error)


def _bind(asked: Spec, context: Any) -> Any:
    from tegula.api.kvstore import kv_open

    kvstore = kv_open(asked._kvstore, context)
    return kvstore if not kvstore.path or kvstore.path.endswith("/") else kvstore + "/"


async def _opening(
    asked: Spec,
    flags: OpenFlags,
    constraints: Schema,
    context: Any,
    read: bool | None,
    write: bool | None,
) -> TensorStore:
    form = asked.form
    schema = asked.schema
    try:
        flags.validate()
        if asked._kvstore is None:
            raise InvalidArgument('"kvstore" must be specified')
        schema.update(schema=constraints)
        if schema.domain is None and asked.transform is not None and flags.create:
            reached = _reached(asked.transform)
            if reached is not None:
                schema.update(domain=reached)
        kvstore = _bind(asked, context)
        opened_at = time.time()
        metadata = await open_metadata(form, kvstore._ref, kvstore._path, asked._members, schema, flags)
    except TegulaError as error:
        shown = compact(_told(asked, flags, constraints, context)).decode().replace('"', '\\"')
        raise annotated(
            error, f'Error opening "{form.name}" driver: ', f" [tensorstore_spec='{shown}']"
        ) from error
    opened = Opened(
        form,
        asked._members,
        metadata,
        kvstore,
        context,
        asked._options,
        opened_at,
        form.layout(metadata, asked._members),
        {name: context[asked._resources.get(name, name)] for name in ("cache_pool", "data_copy_concurrency")},
    )
    view = view_of(opened)
    if asked.transform is not None:
        view = view[asked.transform]
    return TensorStore(
        view, opened, *_modes(read, write)
    )


def _modes(read: bool | None, write: bool | None) -> tuple[bool, bool]:
    """Return whether reading and writing are allowed: what is asked for, or both where neither is.

    >>> _modes(None, None), _modes(True, None), _modes(None, True), _modes(False, None)
    ((True, True), (True, False), (False, True), (True, True))
    """
    return bool(read or not write), bool(write or not read)


def _told(asked: Spec, flags: OpenFlags, constraints: Schema, context: Any) -> dict[str, Any]:
    """Return the specification that an error of opening names: what was asked for, as bound."""
    from tegula.api.context import Collector

    whole = asked.copy()
    try:
        whole._schema.update(schema=constraints)
        collector = Collector()
        told = whole.to_json()
        if asked._kvstore is not None:
            told["kvstore"] = _bind(asked, context)._spec_json(collector)
        for name in ("cache_pool", "data_copy_concurrency"):
            collector.member(context[asked._resources.get(name, name)])
        told["context"] = collector.context
    except TegulaError:  # what cannot be bound is told as it was asked
        told = asked.to_json()
    for name in FLAGS[1:]:
        if getattr(flags, name):
            told[name] = True
    return told


def _reached(transform: IndexTransform) -> Any:
    """Return the domain of the array that a translation views, None for any other transform."""
    from tegula.space.domain import Dim, IndexDomain

    dims = []
    for axis, output in enumerate(transform.output):
        if output.input_dimension != axis or output.stride != 1:
            return None
        dim = transform.domain[axis]
        dims.append(
            Dim(
                dim.inclusive_min + output.offset,
                dim.exclusive_max + output.offset,
                label=dim.label,
                implicit_lower=dim.implicit_lower,
                implicit_upper=False,
            )
        )
    return IndexDomain(dims) if len(dims) == transform.input_rank else None


async def reopened(store: TensorStore, fix_resizable_bounds: bool) -> TensorStore:
    """Return the handle with its implicit bounds refreshed from the stored metadata."""
    from tegula.record import replace

    opened: Opened = store._opened
    metadata = await open_metadata(
        opened.form, opened.kvstore._ref, opened.kvstore._path, opened.members, Schema(), OpenFlags()
    )
    fresh = replace(opened, metadata=metadata, layout=opened.form.layout(metadata, opened.members))
    view = view_of(fresh)
    whole = view.transform
    if fix_resizable_bounds:
        whole = whole.mark_bounds_implicit[False]
    view = view._with_transform(whole[store._view.transform])
    return TensorStore(view, fresh, store._readable, store._writable)
