"""The specification and the schema of a handle: pure functions of its view and of what was opened."""

from __future__ import annotations

import marshal
from typing import TYPE_CHECKING, Any

from tegula.api.context import Context
from tegula.api.newest import printed
from tegula.api.opened import Opened
from tegula.api.spec import DOCUMENTS, Spec, made_spec
from tegula.api.specbody import ArrayBody, ChunkedBody, ComputedBody
from tegula.api.wholebody import OpenedWhole
from tegula.binding import pretty, pretty_member
from tegula.errors import TegulaError
from tegula.plan.gather import pick
from tegula.schema.layout import ChunkLayout
from tegula.schema.schema import Schema
from tegula.source import Cast, Chunked, Downsample, InMemory
from tegula.space.arguments import option
from tegula.space.bounds import check_bounds
from tegula.space.compose import compose
from tegula.space.domain import IndexDomain
from tegula.space.maps import OutputIndexMap
from tegula.space.transform import IndexTransform
from tegula.view import View, part_of_base

if TYPE_CHECKING:
    from tegula.api.store import TensorStore

__all__ = ["base", "bound_spec", "pickled", "schema", "show"]


def schema(view: View, opened: Any) -> Schema:
    """Return the schema of a view."""
    source = view.source
    transform = view.transform
    if isinstance(source, Chunked):
        assert isinstance(opened, Opened)
        found: Schema = opened.schema()[transform]
        found._domain = transform.domain
        return found
    if isinstance(opened, OpenedWhole):
        found = opened.schema(source)[transform]
    elif isinstance(source, InMemory):
        found = _in_memory_schema(source)[transform]
    elif isinstance(source, Downsample):
        below = schema(source.base, opened._opened)
        lower, upper = source.bounds
        whole = IndexDomain(inclusive_min=lower, exclusive_max=upper)
        found = below.reduced(source.factors, whole).through(transform)
    else:
        assert isinstance(source, Cast)
        found = schema(source.base, opened._opened).converted(source.dtype)[transform]
    found._domain = transform.domain
    return found


def base(view: View, below: TensorStore) -> TensorStore:
    """Return the part of the store under a computed view that the view is made of.

    All of it where the view goes through blocks in another way than forward and one after the other, or
    through index arrays.
    """
    source, transform = view.source, view.transform
    factors, method = (source.factors, source.method) if isinstance(source, Downsample) else ((), "")
    return below._with_transform(
        compose(below._transform, part_of_base(transform, factors, method, below.domain))
    )


def _in_memory_schema(source: InMemory) -> Schema:
    """Return the schema of an array in memory: its order of dimensions is that of its strides."""
    array = source.array
    found = Schema(dtype=source.dtype, domain=IndexDomain(shape=array.shape))
    order = sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))
    found.set_layout(ChunkLayout(rank=array.ndim, inner_order=order, grid_origin=[0] * array.ndim))
    if source.units is not None:
        found.set_units(source.units)
    return found


def bound_spec(store: TensorStore, minimal: bool = False) -> Spec:
    """Return the specification by which `open` gives the view again, in the same context."""
    store = printed(store)
    view, opened = store._view, store._opened
    source, dtype = view.source, Schema(dtype=view.source.dtype)
    if isinstance(source, Chunked):
        return _chunked(opened, dtype, view.transform, minimal)
    if isinstance(opened, OpenedWhole):
        return made_spec(opened.bound_body(), dtype, view.transform, dict(opened.resources))
    if isinstance(source, InMemory):
        return _in_memory(source, view.transform, dtype)
    base: TensorStore = opened
    if isinstance(source, Downsample):
        body = ComputedBody(bound_spec(base, minimal), source.factors, source.method)
        return made_spec(body, dtype, view.transform)
    # a cast has the coordinates of what is under its base: the base's transform becomes its own
    inner = bound_spec(base[view.transform], minimal)
    seen, inner._seen = inner._seen, None
    if seen is not None and inner._schema.rank is None:
        inner._schema.set_rank(seen.output_rank)
    return made_spec(ComputedBody(inner, (), ""), dtype, seen)


def spec_with(store: TensorStore, options: tuple[Any, ...]) -> Spec:
    """Return the specification of a handle, changed by the options of `TensorStore.spec`, in their order."""
    (
        open_mode,
        open_,
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
    ) = options
    unbind, retain = option(unbind_context, "unbind_context"), option(retain_context, "retain_context")
    found = bound_spec(store, option(minimal_spec, "minimal_spec"))
    found.update(
        open_mode=open_mode,
        open=open_,
        create=create,
        delete_existing=delete_existing,
        assume_metadata=assume_metadata,
        assume_cached_metadata=assume_cached_metadata,
        recheck_cached_metadata=recheck_cached_metadata,
        recheck_cached_data=recheck_cached_data,
        recheck_cached=recheck_cached,
        strip_context=not (retain or unbind),
        unbind_context=unbind,
    )
    return found


def plain_spec(store: TensorStore) -> Spec:
    """Return the specification of a handle without any context; of a chunked array made when looked at."""
    if not isinstance(store._root.source, Chunked):
        return _plain_spec(store)
    made: Spec = object.__new__(Spec)
    made._late = (_plain_spec, (printed(store),))
    return made


def _plain_spec(store: TensorStore) -> Spec:
    found = bound_spec(store)
    found.update(strip_context=True)
    return found


def _plain_document(store: TensorStore) -> dict[str, Any]:
    """Return `_plain_spec(store).to_json()`; but for the transform it is one of all views, kept as bytes."""
    root = store._root
    if root.told is None:
        whole = _plain_spec(store).to_json()
        del whole["transform"]
        object.__setattr__(root, "told", marshal.dumps(whole))
    found: dict[str, Any] = marshal.loads(root.told)  # type: ignore[arg-type]
    found["transform"] = store._transform.to_json()
    return found


DOCUMENTS[_plain_spec] = _plain_document


def _chunked(opened: Opened, dtype: Schema, transform: IndexTransform, minimal: bool) -> Spec:
    form = opened.form
    members = form.members_json(opened.members)
    if minimal:
        members = {name: value for name, value in members.items() if name not in form.described}
    elif form.several is None:
        members["metadata"] = form.metadata_json(opened.metadata, opened.members)
    kvstore = opened.kvstore.spec(retain_context=True)
    body = ChunkedBody(form, form.parse_members(members), kvstore, opened.options)
    flags = frozenset(("open", "assume_metadata") if opened.assumed else ("open",))
    return made_spec(body, dtype, transform, dict(opened.resources), flags)


def _in_memory(source: InMemory, transform: IndexTransform, dtype: Schema) -> Spec:
    """Return an array as it is seen and now is, without the dimensions along which it does not change."""
    check_bounds(transform, *source.bounds, told="In index array map for output dimension {}: ".format)
    shown = pick(transform, source.array)
    domain = transform.domain
    if shown.size:
        kept = [axis for axis, size in enumerate(shown.shape) if size != 1 and shown.strides[axis]]
        shown = shown[(*[slice(None) if axis in kept else 0 for axis in range(shown.ndim)], ...)]
        if source.units is not None and len(kept) == source.array.ndim:
            units = _in_memory_schema(source).through(transform).dimension_units or (None,) * shown.ndim
            dtype.set_units(tuple([units[axis] for axis in kept]))
            dtype._rank = None  # the array says it
        output = [OutputIndexMap(axis, -domain.inclusive_min[axis]) for axis in kept]
    else:
        shown, output = shown.reshape(-1), [OutputIndexMap()]
    copying = Context()["data_copy_concurrency"] if source.copying is None else source.copying
    resources: dict[str, Any] = {"data_copy_concurrency": copying}
    return made_spec(
        ArrayBody(shown.copy(), source.dtype), dtype, IndexTransform(domain=domain, output=output), resources
    )


def show(store: TensorStore) -> str:
    """Return the repr of a handle."""
    if isinstance(store._root.source, Chunked):
        return _show_chunked(printed(store))
    try:
        return f"TensorStore({pretty(bound_spec(store).to_json())})"
    except TegulaError:  # elements that JSON cannot hold
        return "TensorStore(...)"


def _show_chunked(store: TensorStore) -> str:
    """Return the repr of a chunked array, which takes several lines; views differ in the transform alone."""
    root = store._root
    known = root.shown
    if known is None:
        whole = bound_spec(store).to_json()
        del whole["transform"]
        known = tuple([(name, pretty_member(name, whole[name])) for name in sorted(whole)])
        object.__setattr__(root, "shown", known)
    members = sorted([*known, ("transform", pretty_member("transform", store._transform.to_json()))])
    lines = "".join([f"{line},\n" for _, line in members])
    return f"TensorStore({{\n{lines}}})"


# ---------------------------------------------------------------- pickling


def pickled(store: TensorStore) -> tuple[Any, ...]:
    """Return how a handle is made again from a pickle: from its metadata, without I/O (an image: with)."""
    source: Any = store._view.source
    seen = store._view.transform
    if isinstance(source, InMemory) and store._opened is None:
        return _restore_array, (source, seen, store._readable, store._writable)
    if isinstance(source, Downsample):
        return _restore_computed, (store._opened, "downsample", (source.factors, source.method), seen)
    if isinstance(source, Cast):
        return _restore_computed, (store._opened, "cast", (source.dtype,), seen)
    return _restore, (bound_spec(store), store._readable, store._writable)


def _restore(spec: Spec, readable: bool, writable: bool) -> TensorStore:
    from tegula.api.opening import open as open_

    return open_(spec, read=readable, write=writable, open=True, assume_cached_metadata=True).result()


def _restore_array(
    source: InMemory, transform: IndexTransform, readable: bool, writable: bool
) -> TensorStore:
    from tegula.api.store import TensorStore

    return TensorStore(View(source, transform), None, readable, writable)


def _restore_computed(
    base: TensorStore, name: str, members: tuple[Any, ...], transform: IndexTransform
) -> TensorStore:
    from tegula.api import functions

    made: TensorStore = getattr(functions, name)(base, *members)
    return made._with_transform(transform)
