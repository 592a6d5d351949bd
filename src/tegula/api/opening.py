"""`open`: from a specification to a handle."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, SupportsIndex

from tegula.api.context import Context, ContextResource
from tegula.api.kvstore import KvStore, kv_open
from tegula.api.newest import epoch, note, seen
from tegula.api.opened import Opened, metadata_before, metadata_cache, view_of
from tegula.api.openmode import no_transaction
from tegula.api.running import failed
from tegula.api.spec import FLAGS, Spec
from tegula.api.specbody import ArrayBody, Body, ChunkedBody, ComputedBody, directory
from tegula.api.store import TensorStore
from tegula.api.stores import warn_of_lost_updates
from tegula.api.wholebody import WholeBody, open_whole, parse_whole
from tegula.binding import compact
from tegula.effects.effect import Program
from tegula.errors import IndexingError, InvalidArgument, OutOfRange, TegulaError, annotated
from tegula.formats.format import remembered_layout
from tegula.programs.opening import OpenFlags, open_metadata
from tegula.registry import kind_of, lookup
from tegula.row import NamedTuple
from tegula.runtime.future import Future, ready
from tegula.runtime.live import leaf
from tegula.runtime.session import run, submit
from tegula.schema.schema import Schema
from tegula.space.arguments import option
from tegula.space.bounds import propagate_bounds
from tegula.view import View

if TYPE_CHECKING:
    import numpy.typing as npt

    from tegula.api.batch import Batch
    from tegula.api.kvspec import KvStoreSpec
    from tegula.api.openmode import OpenMode
    from tegula.api.typing import RecheckCacheOption
    from tegula.schema.codecspec import CodecSpec
    from tegula.schema.keys import DTypeLike
    from tegula.schema.layout import ChunkLayout
    from tegula.schema.units import Unit
    from tegula.space.domain import IndexDomain

__all__ = ["open", "opening", "reopened"]


def open(
    spec: Spec | str | Mapping[str, Any],
    *,
    read: bool | None = None,
    write: bool | None = None,
    open_mode: OpenMode | None = None,
    open: bool | None = None,
    create: bool | None = None,
    delete_existing: bool | None = None,
    assume_metadata: bool | None = None,
    assume_cached_metadata: bool | None = None,
    context: Context | None = None,
    transaction: None = None,
    batch: Batch | None = None,
    kvstore: KvStore | KvStoreSpec | None = None,
    recheck_cached_metadata: RecheckCacheOption | None = None,
    recheck_cached_data: RecheckCacheOption | None = None,
    recheck_cached: RecheckCacheOption | None = None,
    rank: int | None = None,
    dtype: DTypeLike | None = None,
    domain: IndexDomain | None = None,
    shape: Iterable[SupportsIndex] | None = None,
    chunk_layout: ChunkLayout | None = None,
    codec: CodecSpec | None = None,
    fill_value: npt.ArrayLike | None = None,
    dimension_units: Sequence[Unit | str | float | None] | None = None,
    schema: Schema | None = None,
) -> Future[TensorStore]:
    """Open or create an array; return a future of its handle.

    Args:
        spec: TensorStore JSON, a URL pipeline such as ``"file:///tmp/a/|zarr3:"``, or a Spec.
        read, write: require the mode; by default whatever is possible.
        open_mode, open, create, delete_existing, assume_metadata, assume_cached_metadata: what may be
            done; by default an existing array is opened.
        context: shared resources; by default a fresh context.
        transaction: not there yet: None.
        batch: the `Batch` that starts it, together with others; by default it starts now.
        kvstore: the key-value store, where `spec` does not name it.
        recheck_cached_metadata, recheck_cached_data, recheck_cached: staleness bounds.
        rank, dtype, domain, shape, chunk_layout, codec, fill_value, dimension_units, schema: constraints
            on what is opened, and choices for what is created.

    Returns:
        A future of a handle whose domain is the array's, or the part that `spec` names.

    Raises (at once):
        InvalidArgument, Unimplemented: `spec` is no specification, or names what is not there.
        TypeError: an argument is of another type.

    Raises (from the future):
        NotFound, AlreadyExists, FailedPrecondition, InvalidArgument, DataLoss, PermissionDenied.

    >>> import tegula
    >>> store = tegula.open({"driver": "zarr", "kvstore": "memory://"}, create=True,
    ...                     dtype="int32", shape=[3]).result()
    >>> store.domain
    { [0, 3*) }
    """
    no_transaction(transaction)
    collected = None
    if batch is not None:
        from tegula.api.batch import still

        collected = still(batch)
    asked = Spec(spec)
    options: dict[str, Any] = {
        "open_mode": open_mode,
        "open": open,
        "create": create,
        "delete_existing": delete_existing,
        "assume_metadata": assume_metadata,
        "assume_cached_metadata": assume_cached_metadata,
        "context": context,
        "kvstore": kvstore,
        "recheck_cached_metadata": recheck_cached_metadata,
        "recheck_cached_data": recheck_cached_data,
        "recheck_cached": recheck_cached,
        "rank": rank,
        "dtype": dtype,
        "domain": domain,
        "shape": shape,
        "chunk_layout": chunk_layout,
        "codec": codec,
        "fill_value": fill_value,
        "dimension_units": dimension_units,
        "schema": schema,
    }
    given = {name: value for name, value in options.items() if value is not None}
    if given:
        asked.update(**given)
    if context is None:
        asked._bind(Context())
    access = Access.asked(option(read, "read"), option(write, "write"))
    if collected is not None and isinstance(asked._body, ChunkedBody):
        return collected._defer(_opening(asked, asked._body, access))
    return _start(asked, access)


class Access(NamedTuple):
    """Which of reading and writing is wanted: True where it is required, None where it is left open."""

    read: bool | None = None
    write: bool | None = None

    @classmethod
    def asked(cls, read: bool | None, write: bool | None) -> Access:
        """Return what the arguments of `open` mean: where neither is wanted, both are possible."""
        if not read and not write:
            return cls()
        return cls(bool(read), bool(write))

    @property
    def readable(self) -> bool:
        """Whether the handle may read."""
        return self.read is not False

    @property
    def writable(self) -> bool:
        """Whether the handle may write."""
        return self.write is not False


def _start(asked: Spec, access: Access) -> Future[TensorStore]:
    """Open a bound specification."""
    body = asked._body
    if _detects(body):
        mode = asked.open_mode
        if mode.create and not mode.open:
            return failed(InvalidArgument("create mode not compatible with format auto-detection"))
    if isinstance(body, ArrayBody):
        return _at_once(asked, access, _array)
    if isinstance(body, ComputedBody):
        return _computed(asked, body, access)
    if isinstance(body, WholeBody):
        return submit(_whole(asked, body, access)) if body.form.rank else _json(asked, body, access)
    kvstore = None if body.kvstore is None else _bound(body)
    program = _opening(asked, body, access, kvstore)
    # looking at a local store costs less than a thread; writing to it may not
    if kvstore is not None:
        store = kvstore._ref
        if access.writable:
            warn_of_lost_updates(store)
        if not ((leaf(store).local and "create" not in asked._flags) or leaf(store).local_writes):
            return submit(program)
    try:
        return ready(run(program))
    except (ValueError, NotImplementedError) as error:
        return failed(error)


def _detects(body: Body) -> bool:
    """Return whether the format below is found out by opening it."""
    while isinstance(body, ComputedBody):
        body = body.base._body
    return isinstance(body, ChunkedBody) and body.form is None


def opening(spec: dict[str, Any], options: dict[str, Any]) -> Program[TensorStore]:
    """Return the program of `open` for an array of a format; `options` are the arguments of `open`."""
    asked = Spec(spec)
    options = {"read": None, "write": None, **options}
    access = Access.asked(options.pop("read"), options.pop("write"))
    asked.update(**options)
    if options.get("context") is None:
        asked._bind(Context())
    assert isinstance(asked._body, ChunkedBody)
    return _opening(asked, asked._body, access)


def _at_once(asked: Spec, access: Access, make: Any) -> Future[TensorStore]:
    try:
        return ready(make(asked, access))
    except TegulaError as error:
        return failed(_told(error, asked))


def _array(asked: Spec, access: Access) -> TensorStore:
    from tegula.api.functions import array_of

    schema, body = asked._schema, asked._body
    assert isinstance(body, ArrayBody)
    assert asked._seen is not None
    if schema.fill is not None:
        raise InvalidArgument("fill_value not supported")
    if schema.codec is not None:
        raise InvalidArgument("codec not supported")
    asks = schema.chunk_layout
    grids = asks.read_chunk, asks.write_chunk, asks.codec_chunk
    if any(size for grid in grids for size in grid.shape or ()):
        raise InvalidArgument("chunking not supported")
    if schema.layout is not None and body.elements.ndim:
        body.layout.merge(asks)
    wanted = schema.domain
    if wanted is not None and (wanted.shape != body.elements.shape or any(wanted.inclusive_min)):
        origin, shape = "0, " * body.elements.ndim, ", ".join(map(str, body.elements.shape))
        raise InvalidArgument(
            f"Mismatch between domain in schema {{ {schema.domain!r} }} and array "
            f"{{ {{origin={{{origin[:-2]}}}, shape={{{shape}}}}} }}"
        )
    copying = asked._resources.get("data_copy_concurrency")
    return array_of(body, schema.dimension_units, asked._seen, access.readable, access.writable, copying)


def _computed(asked: Spec, body: ComputedBody, access: Access) -> Future[TensorStore]:
    from tegula.api.functions import computed

    base = body.base.copy()
    if body.method and base._schema.rank is None:
        base._schema.set_rank(len(body.factors))
    try:
        if not body.method and asked.dtype is None:
            raise InvalidArgument("dtype must be specified")
        if body.method and access.write:
            raise InvalidArgument("only reading is supported")
    except TegulaError as error:
        return failed(_told(error, asked))
    below = _start(base, Access(True, False) if body.method else access)

    def finish() -> TensorStore:
        try:
            opened = below.result()
        except TegulaError as error:
            raise _told(error, asked, 1) from error
        try:
            return computed(body, asked, opened, access)
        except TegulaError as error:
            raise _told(error, asked) from error

    return _failing(finish) if below.done() else submit(_waiting(finish))


def _failing(finish: Any) -> Future[TensorStore]:
    try:
        return ready(finish())
    except TegulaError as error:
        return failed(error)


async def _waiting(finish: Any) -> TensorStore:
    made: TensorStore = finish()
    return made


def _json(asked: Spec, body: WholeBody, access: Access) -> Future[TensorStore]:
    # opening reads nothing
    try:
        found: TensorStore = run(_whole(asked, body, access))
    except TegulaError as error:
        return failed(error)
    if access.writable:
        warn_of_lost_updates(found._opened.kvstore._ref)
    return ready(found)


async def _whole(asked: Spec, body: WholeBody, access: Access) -> TensorStore:
    try:
        return await _opened_whole(asked, body, access)
    except TegulaError as error:
        raise _told(error, asked) from error


async def _opened_whole(asked: Spec, body: WholeBody, access: Access) -> TensorStore:
    resources = {name: found for name, found in _resources(asked).items() if name in body.resources}
    view, opened = await open_whole(body, asked._schema, asked._seen, resources, access.write)
    return TensorStore(view, opened, access.readable, access.writable and not body.form.rank)


def _bound(body: ChunkedBody) -> KvStore:
    return kv_open(body.kvstore)


async def _opening(
    asked: Spec, body: ChunkedBody, access: Access, kvstore: KvStore | None = None
) -> TensorStore:
    schema = asked._schema
    driver = ""
    try:
        if body.kvstore is None:
            raise InvalidArgument('"kvstore" must be specified')
        flags = _flags(asked._flags)
        if flags.create and not access.writable:
            raise InvalidArgument("Cannot specify an open mode of `create` without `write`")
        if kvstore is None:
            kvstore = _bound(body)
        if body.form is None:
            found = await _detected(body, kvstore)
            driver = found.name
            if isinstance(found, WholeBody):
                found.settle(schema.copy())
                return await _opened_whole(asked, found, access)
            body, kvstore = found, _bound(found)
        opened_at = time.time()
        resources = _resources(asked)
        before = epoch()
        metadata = await open_metadata(
            body.form,
            kvstore._ref,
            kvstore._path,
            body.members,
            schema,
            flags,
            metadata_cache(kvstore._ref, resources),
            metadata_before(body.options, opened_at),
            opened_at,
        )
        layout = remembered_layout(body.form, metadata, body.members, schema)
        several = body.form.several
        opened = Opened(
            body.form,
            body.members if several is None else several.pinned(body.members, metadata),
            metadata,
            kvstore,
            body.options,
            opened_at,
            layout,
            resources,
            flags.assume_metadata,
        )
        view = view_of(opened)
        if asked._seen is not None:
            view = View(view.source, propagate_bounds(view.transform.domain, asked._seen))
    except TegulaError as error:
        if driver:
            error = annotated(error, f'Error opening "{driver}" driver: ')
        raise _told(error, asked) from error
    return TensorStore(view, opened, access.readable, access.writable, seen(opened, before))


@lru_cache(maxsize=32)
def _flags(named: frozenset[str]) -> OpenFlags:
    flags = OpenFlags(**{name: name in named for name in FLAGS})
    flags.validate()
    return flags


def _resources(asked: Spec) -> dict[str, ContextResource]:
    """Return the resources of a bound specification; a metadata pool that is the cache pool is left out."""
    found: dict[str, ContextResource] = {}
    for name in asked._named():
        item = asked._resources[name]
        assert isinstance(item, ContextResource)
        if name == item.kind or item is not found.get(item.kind):
            found[name] = item
    return found


async def _detected(body: ChunkedBody, kvstore: KvStore) -> ChunkedBody | WholeBody:
    """Return the body with the format that the store shows: an image by its first bytes, a directory by
    its documents.

    Raises:
        FailedPrecondition: there is no format, or several that do not go together.
        Unimplemented: there is one that cannot be read yet.
    """
    assert body.kvstore is not None
    from tegula.programs.detect import detect

    path = body.kvstore.path
    name = await detect(kvstore._ref, path if path != "/" else directory(body.kvstore).path)
    if kind_of(name, "wholes") is not None:
        return parse_whole(lookup("wholes", name), {})._replace(kvstore=body.kvstore)
    form: Any = lookup("formats", name)
    return body._replace(form=form, members=form.parse_members({}), kvstore=directory(body.kvstore))


def _told(error: TegulaError, asked: Spec, level: int = 0) -> TegulaError:
    """Return an error of opening with what was asked for, as bound, where that can be said in JSON."""
    name = f"tensorstore_spec[{level}]" if level else "tensorstore_spec"
    try:
        shown = compact(asked.to_json()).decode().replace('"', '\\"')
        asked_for = f" [{name}='{shown}']"
    except TegulaError:  # a fill value that has no form in it
        asked_for = ""
    return annotated(error, f'Error opening "{asked._body.name}" driver: ', asked_for)


async def reopened(store: TensorStore, fix_resizable_bounds: bool) -> TensorStore:
    """Return the handle with its implicit bounds refreshed from the stored metadata."""
    from tegula.record import replace

    opened: Opened = store._opened
    metadata = opened.metadata
    if not opened.assumed:
        metadata = await open_metadata(
            opened.form,
            opened.kvstore._ref,
            opened.kvstore._path,
            _undescribed(opened.form, opened.members),
            Schema(),
            OpenFlags(),
            metadata_cache(opened.kvstore._ref, opened.resources),
            metadata_before(opened.options, opened.opened_at),
        )
    if opened.form.several is None and metadata is not opened.metadata:
        from tegula.programs.resizing import check_compatible

        check_compatible(opened.form, opened.metadata, metadata, opened.members)
    fresh = replace(opened, metadata=metadata, layout=opened.form.layout(metadata, opened.members))
    note(opened, metadata)
    view = view_of(fresh)
    whole = view.transform
    if fix_resizable_bounds:
        whole = whole.mark_bounds_implicit[False]
    try:
        transform = whole[store._view.transform]
    except IndexingError as error:  # nobody indexes here: the array became smaller
        raise OutOfRange(error.message) from None
    return TensorStore(view._with_transform(transform), fresh, store._readable, store._writable)


def _undescribed(form: Any, members: Any) -> Any:
    """Return members without what they say of the metadata: that was checked, and may have changed since."""
    if form.several is not None:
        return members
    said = form.members_json(members).items()
    return form.parse_members({name: value for name, value in said if name not in form.described})
