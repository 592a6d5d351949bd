"""The specification of an array: what `open` takes and what a handle gives back.

A `Spec` is a mutable value in TensorStore's JSON form, already taken apart: a body (the driver and its
own members), schema constraints in the coordinates of the whole array, a transform, open flags and
context resources.  It does no I/O.

Laws.  ``Spec(spec.to_json()) == spec`` for one without bound resources.  A specification whose domain
is known has a transform.  `update` merges constraints: it never replaces one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, SupportsIndex

from tegula.api.context import (
    Collector,
    Context,
    ContextResource,
    ContextSpec,
    InPlace,
    dump_member,
    or_context,
    parse_bound,
)
from tegula.api.openmode import OpenMode
from tegula.api.specbody import (
    Body,
    ChunkedBody,
    ComputedBody,
    directory,
    parse_body,
    resource_kind,
    with_options,
)
from tegula.api.specfacts import SpecFacts
from tegula.api.specmembers import FLAGS, completed, flag, named_driver, staleness
from tegula.api.wholebody import WholeBody
from tegula.binding import as_json, at_member, expected, integer, members, ordered, pretty, quoted
from tegula.errors import InvalidArgument
from tegula.late import Late
from tegula.public import public
from tegula.schema.options import Naming
from tegula.schema.schema import Schema
from tegula.space import arguments
from tegula.space.domain import IndexDomain
from tegula.space.indexable import Indexable
from tegula.space.interval import MAX_RANK
from tegula.space.transform import IndexTransform, identity

if TYPE_CHECKING:
    import numpy.typing as npt

    from tegula.api.kvspec import KvStoreSpec
    from tegula.api.kvstore import KvStore
    from tegula.api.typing import RecheckCacheOption
    from tegula.schema.codecspec import CodecSpec
    from tegula.schema.keys import DTypeLike
    from tegula.schema.layout import ChunkLayout
    from tegula.schema.units import Unit
    from tegula.space.keys import IndexKey

__all__ = ["FLAGS", "Spec"]

CONSTRAINTS = (
    "rank",
    "dtype",
    "domain",
    "shape",
    "chunk_layout",
    "codec",
    "fill_value",
    "dimension_units",
    "schema",
)


DOCUMENTS: dict[Callable[..., Any], Callable[..., dict[str, Any]]] = {}
"""By what makes a late specification, what tells its JSON without making it; as long as nobody looked."""


@public("Spec")
class Spec(SpecFacts, Late, Indexable):
    """A specification from which an array is opened or created.

    Args:
        json: TensorStore JSON (a dict), a URL, or another Spec.

    Raises:
        InvalidArgument: a member is missing, unknown or malformed.

    >>> spec = Spec({"driver": "zarr3", "kvstore": "memory://a/", "dtype": "uint8"})
    >>> spec.dtype
    dtype("uint8")
    >>> spec.to_json()
    {'driver': 'zarr3', 'dtype': 'uint8', 'kvstore': {'driver': 'memory', 'path': 'a/'}}
    """

    __slots__ = ("_body", "_context", "_flags", "_late", "_resources", "_schema", "_seen")
    __hash__ = None  # type: ignore[assignment]

    _context: ContextSpec | None
    _resources: dict[str, str | InPlace | ContextResource]
    _parts = ("_body", "_context", "_flags", "_resources", "_schema", "_seen")

    def __init__(self, json: Any) -> None:
        if isinstance(json, Spec):
            self._take(json)
            return
        self._late = None
        if isinstance(json, str):
            from tegula.api.specurl import from_url

            json = from_url(json)
        else:
            json = as_json(json)
        if not isinstance(json, dict):
            raise expected("object", json)
        rest = dict(json)
        driver = named_driver(rest)
        if driver is None:
            driver, rest = "auto", {"kvstore": rest}
        self._context = None
        if "context" in rest:
            with at_member("context"):
                self._context = ContextSpec(rest.pop("context"))
        schema = Schema()
        if "schema" in rest:
            with at_member("schema"):
                schema = Schema(rest.pop("schema"))
        if "dtype" in rest:
            with at_member("dtype"):
                schema._parse_dtype(rest.pop("dtype"))
        said = None
        if "rank" in rest:
            with at_member("rank"):
                said = integer(rest.pop("rank"), 0, MAX_RANK)
                schema.set_rank(said)
        self._seen = None
        if "transform" in rest:
            with at_member("transform"):
                self._seen = IndexTransform(json=rest.pop("transform"))
            if said is not None and said != self._seen.domain.rank:
                with at_member("rank"):
                    raise InvalidArgument(
                        f"Specified rank ({said}) does not match input rank of transform "
                        f"({self._seen.domain.rank})"
                    )
            said = len(self._seen.maps)
        if said is not None:
            schema.set_rank(said)
        self._schema = schema
        self._body = body = parse_body(driver, rest, schema)
        flags = [name for name in FLAGS if name in rest and body.flagged and flag(rest, name)]
        self._flags = completed(flags) if isinstance(body, ChunkedBody) else frozenset(flags)
        self._resources = {}
        for name in (*body.resources, *body.further):
            if name in rest:
                with at_member(name):
                    self._resources[name] = parse_bound(resource_kind(name), rest.pop(name))
        if rest and body.name == "auto":
            name = min(rest)
            fault = 'Context resource identifier must not contain "#"' if "#" in name else ""
            raise InvalidArgument(f"{fault or 'Invalid context resource identifier'}: {quoted(name)}")
        members(rest, ())
        self._bounded()

    def _take(self, other: Spec) -> None:
        self._body, self._context, self._flags = other._body, other._context, other._flags
        self._resources, self._schema = dict(other._resources), other._schema.copy()
        self._seen = other._seen
        self._late = None

    def _bounded(self) -> None:
        """Give a specification whose domain is known its transform."""
        if self._seen is None:
            found = self._body.domain(self._schema)
            if found is not None:
                self._seen = identity(found)

    # ---- what it says

    @property
    def _transform(self) -> IndexTransform:
        if self._seen is not None:
            return self._seen
        if self._schema.rank is None:
            raise InvalidArgument("Cannot perform indexing operations on Spec with unspecified rank")
        return IndexTransform(input_rank=self._schema.rank)

    def __getitem__(self, key: IndexKey) -> Spec:
        """Return the specification seen through an expression, a domain or a transform.

        >>> whole = {"domain": {"shape": [9]}}
        >>> Spec({"driver": "zarr3", "kvstore": "memory://", "schema": whole})[2:5].domain
        { [2, 5) }
        """
        if self._seen is None and self._schema.rank is None:
            from tegula.space.dims import check_key

            check_key(key)
        return super().__getitem__(key)

    def _with_transform(self, transform: IndexTransform) -> Spec:
        made = self.copy()
        made._seen = transform
        return made

    # ---- changing

    def copy(self) -> Spec:
        """Return a copy: `update` changes only one of them.

        >>> spec = Spec("memory://a/|zarr3:")
        >>> other = spec.copy()
        >>> other.update(dtype="int8")
        >>> spec.dtype, other.dtype
        (None, dtype("int8"))
        """
        made = object.__new__(Spec)
        made._take(self)
        return made

    __copy__ = copy

    def __deepcopy__(self, memo: Any) -> Spec:
        return self.copy()

    def update(
        self,
        *,
        open_mode: OpenMode | None = None,
        open: bool | None = None,
        create: bool | None = None,
        delete_existing: bool | None = None,
        assume_metadata: bool | None = None,
        assume_cached_metadata: bool | None = None,
        unbind_context: bool | None = None,
        strip_context: bool | None = None,
        context: Context | None = None,
        kvstore: KvStore | KvStoreSpec | None = None,
        minimal_spec: bool | None = None,
        recheck_cached_metadata: RecheckCacheOption | None = None,
        recheck_cached_data: RecheckCacheOption | None = None,
        recheck_cached: RecheckCacheOption | None = None,
        rank: SupportsIndex | None = None,
        dtype: DTypeLike | None = None,
        domain: IndexDomain | None = None,
        shape: Iterable[SupportsIndex] | None = None,
        chunk_layout: ChunkLayout | None = None,
        codec: CodecSpec | None = None,
        fill_value: npt.ArrayLike | None = None,
        dimension_units: Sequence[Unit | str | float | None] | None = None,
        schema: Schema | None = None,
    ) -> None:
        """Merge constraints and options into this specification, in place; those left out stay as they are.

        Constraints are in the coordinates of the view.

        Args:
            open_mode, open, create, delete_existing, assume_metadata, assume_cached_metadata: what opening
                may do.  ``open`` or ``create`` replace all flags that were set, the others add to them.
            unbind_context, strip_context: specify bound resources by value; drop all.
            context: where unbound resources are looked up.
            kvstore: the key-value store, where none is specified yet.
            minimal_spec: drop the members that describe what is stored.
            recheck_cached_metadata, recheck_cached_data, recheck_cached: how old a cached answer may be.
            rank, dtype, domain, shape, chunk_layout, codec, fill_value, dimension_units, schema: constraints.

        Raises:
            InvalidArgument: a constraint contradicts what is said already.
            TypeError: an argument is of the wrong type.

        >>> spec = Spec("memory://a/|zarr3:")
        >>> spec.update(create=True, dtype="int8", shape=[100, 80], fill_value=7)
        >>> spec.domain, spec.fill_value
        ({ [0, 100*), [0, 80*) }, array(7, dtype=int8))
        """
        given = (open, create, delete_existing, assume_metadata, assume_cached_metadata)
        flags = {name for name, value in zip(FLAGS, given, strict=True) if arguments.option(value, name)}
        if open_mode is not None:
            with Naming("open_mode"):
                flags |= {name for name in FLAGS if getattr(open_mode, name)}
        wanted = Schema()
        values = (rank, dtype, domain, shape, chunk_layout, codec, fill_value, dimension_units, schema)
        constraints: dict[str, Any] = {
            name: value for name, value in zip(CONSTRAINTS, values, strict=True) if value is not None
        }
        if constraints:
            wanted.update(**constraints)
        bounds = (recheck_cached_metadata, recheck_cached_data, recheck_cached)
        if isinstance(self._body, ComputedBody):
            self._update_base(flags, kvstore, minimal_spec, bounds)
        elif flags and self._body.flagged:
            if not flags & {"open", "create"}:
                flags |= self._flags
            self._flags = completed(flags) if isinstance(self._body, ChunkedBody) else frozenset(flags)
        self._update_store(kvstore, arguments.option(minimal_spec, "minimal_spec"), bounds)
        if constraints:
            self._constrain(wanted)
        unbind = arguments.option(unbind_context, "unbind_context")
        self._update_context(unbind, arguments.option(strip_context, "strip_context"), context)

    def _update_base(self, flags: set[str], kvstore: Any, minimal: Any, recheck: tuple[Any, ...]) -> None:
        """Merge what is said of a computed view's store into the specification below it."""
        body = self._body
        assert isinstance(body, ComputedBody)
        base = body.base.copy()
        named: dict[str, Any] = dict.fromkeys(flags, True)
        base.update(
            **named,
            kvstore=kvstore,
            minimal_spec=minimal,
            recheck_cached_metadata=recheck[0],
            recheck_cached_data=recheck[1],
            recheck_cached=recheck[2],
        )
        self._body = body._replace(base=base)

    def _update_store(self, kvstore: Any, minimal: bool, recheck: tuple[Any, Any, Any]) -> None:
        from tegula.api.kvspec import KvStoreSpec
        from tegula.api.kvstore import KvStore

        changes: dict[str, Any] = {}
        names = ("recheck_cached_metadata", "recheck_cached_data", "recheck_cached")
        for name, value in zip(names, recheck, strict=True):
            if value is not None:
                with Naming(name):
                    bound = staleness(value)
                # `recheck_cached` is both, and set last
                changes |= dict.fromkeys(names[:2], bound) if name == names[2] else {name: bound}
        if kvstore is not None:
            if isinstance(kvstore, KvStore):
                kvstore = kvstore.spec(retain_context=True)
            if not isinstance(kvstore, KvStoreSpec):
                raise TypeError("Invalid kvstore")
        body = self._body
        if isinstance(body, WholeBody):
            if changes:
                body = body.rechecked(changes.get("recheck_cached_data", recheck[0]))
            if kvstore is not None:
                if body.kvstore is not None:
                    raise InvalidArgument('"kvstore" is already specified')
                body = body._replace(kvstore=kvstore)
            self._body = body
        if not isinstance(body, ChunkedBody):
            return
        if changes:
            body = with_options(body, **changes)
        if kvstore is not None:
            if body.kvstore is not None:
                raise InvalidArgument('"kvstore" is already specified')
            body = body._replace(kvstore=directory(kvstore))
        if minimal and body.form is not None:
            kept = {
                k: v for k, v in body.form.members_json(body.members).items() if k not in body.form.described
            }
            body = body._replace(members=body.form.parse_members(kept))
        self._body = body

    def _constrain(self, wanted: Schema) -> None:
        """Merge constraints that are in the coordinates of the view."""
        if self._seen is not None:
            from tegula.schema.through import schema_back

            wanted = schema_back(wanted, self._seen)
        merged = self._schema.copy()
        if isinstance(self._body, WholeBody):
            self._body.check(wanted)
        merged.set_schema(wanted)
        if isinstance(self._body, WholeBody):
            self._body.settle(merged)
        self._schema = merged
        if wanted.domain is not None:
            self._bounded()

    # ---- context

    def _update_context(self, unbind: bool, strip: bool, context: Context | None) -> None:
        context = or_context(context)
        if strip:
            self._resources, self._context = {}, None
        elif unbind:
            made = Spec(self.to_json())
            self._resources, self._context = made._resources, made._context
            self._body = _as_seen(made._body, self._body)
            return
        if context is not None:
            self._bind(context)
        elif strip:
            self._below(strip_context=True)

    def _below(self, **options: Any) -> None:
        """Update the context of what this specification is made of."""
        body = self._body
        if isinstance(body, ChunkedBody | WholeBody) and body.kvstore is not None:
            kvstore = body.kvstore.copy()
            kvstore.update(**options)
            self._body = body._replace(kvstore=kvstore)
        elif isinstance(body, ComputedBody):
            base = body.base.copy()
            base.update(**options)
            self._body = body._replace(base=base)

    def _bind(self, context: Context) -> None:
        """Look every resource up that is not bound yet: in the own context, then in `context`."""
        scope = context if self._context is None else Context(self._context, context)
        for name in self._named():
            kind = resource_kind(name).name
            item = self._resources.get(name, kind)
            if isinstance(item, InPlace):
                self._resources[name] = ContextResource(kind, item.value)
            elif not isinstance(item, ContextResource):
                self._resources[name] = scope[item]
        self._context = None
        self._below(context=scope)

    # ---- as a value

    def to_json(self, include_defaults: bool = False) -> dict[str, Any]:
        """Return the JSON form; bound resources are specified by value.

        Args:
            include_defaults: name every member, also those that say what goes without saying.

        >>> Spec("memory://a/|zarr3:").to_json()
        {'driver': 'zarr3', 'kvstore': {'driver': 'memory', 'path': 'a/'}}
        >>> Spec("memory://a/|zarr3:").to_json(include_defaults=True)["fill_missing_data_reads"]
        True
        """
        if self._late is not None and not include_defaults and self._late[0] in DOCUMENTS:
            plain: dict[str, Any] = DOCUMENTS[self._late[0]](*self._late[1])
            return plain
        found: dict[str, Any] = ordered(self._json(Collector(include_defaults), include_defaults))
        return found

    def _json(
        self, collector: Collector, include_defaults: bool = False, nested: bool = False
    ) -> dict[str, Any]:
        """Return JSON; a `nested` specification leaves its ``context`` to whoever owns the collector."""
        body, schema = self._body, self._schema.to_json()
        found: dict[str, Any] = {}
        found |= self._resources_json(collector, include_defaults)
        found |= body.dump(collector, include_defaults)
        found["driver"] = body.name
        found |= self._flags_json(include_defaults)
        rank, dtype = schema.pop("rank", None), schema.pop("dtype", None)
        if dtype is not None:
            found["dtype"] = dtype
        if self._seen is not None:
            found["transform"] = self._seen.to_json()
        elif rank is not None:
            found["rank"] = rank
        if include_defaults:
            said = {"dtype": dtype, "rank": self._seen.output_rank if self._seen is not None else rank}
            schema |= {name: value for name, value in said.items() if value is not None}
        if schema or include_defaults:
            found["schema"] = schema
        context = {} if self._context is None else self._context.to_json(include_defaults)
        if not nested:
            context = {**context, **collector.context}
        if context or include_defaults:
            found["context"] = context
        return {name: found[name] for name in sorted(found)}

    def _named(self) -> list[str]:
        """Return the members that are context resources: those always there, and those that were given."""
        further = [name for name in self._body.further if name in self._resources]
        return [*self._body.resources, *further]

    def _resources_json(self, collector: Collector, include_defaults: bool) -> dict[str, Any]:
        found = {}
        every = include_defaults and self._body.name != "auto"
        for name in self._named():
            made = resource_kind(name)
            kind = made.name
            item = self._resources.get(name, kind)
            if made.own and (item == kind or getattr(item, "value", None) == made.missing()):
                continue  # unknown to the drop-in
            if isinstance(item, ContextResource):
                shown = collector.member(item)
            elif item == kind and not every:
                continue
            else:
                shown = dump_member(kind, item, include_defaults)
            if shown is not None:
                found[name] = shown
        return found

    def _flags_json(self, include_defaults: bool) -> dict[str, bool]:
        found = dict.fromkeys(self._flags, True)
        if isinstance(self._body, ChunkedBody):
            if "create" not in found:
                del found["open"]
            if include_defaults and self._body.form is not None:
                found = dict.fromkeys(FLAGS[2:], False) | found
        return found

    def _bindings(self) -> tuple[Any, ...]:
        return tuple(
            [item for _, item in sorted(self._resources.items()) if isinstance(item, ContextResource)]
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Spec):
            return NotImplemented
        return (
            self._bindings() == other._bindings()
            and self._body.kvstore == other._body.kvstore
            and self._body.base == other._body.base
            and self.to_json() == other.to_json()
        )

    def __repr__(self) -> str:
        return f"Spec({pretty(self._json(Collector(marked=True)))})"

    def __reduce__(self) -> tuple[Any, ...]:
        body: Any = self._body
        if isinstance(body, ChunkedBody) and body.form is not None:
            # members are remade from their JSON; the key-value store keeps what it is bound to
            state: tuple[Any, ...] = (
                body.form,
                body.form.members_json(body.members),
                body.kvstore,
                body.options,
            )
        else:
            state = tuple(body)
        return _remade, (
            type(body),
            state,
            self._context,
            self._flags,
            self._resources,
            self._schema,
            self._seen,
        )


def _as_seen(made: Body, was: Body) -> Body:
    """Return a body made from JSON, whose bases are seen as they were: JSON gives each its domain."""
    if not isinstance(made, ComputedBody) or not isinstance(was, ComputedBody):
        return made
    base = made.base.copy()
    base._seen, base._body = was.base._seen, _as_seen(base._body, was.base._body)
    return made._replace(base=base)


def made_spec(
    body: Body,
    schema: Schema,
    seen: IndexTransform | None,
    resources: dict[str, Any] | None = None,
    flags: frozenset[str] = frozenset(),
    context: ContextSpec | None = None,
) -> Spec:
    """Return the specification of these parts; `schema` is not copied."""
    made = object.__new__(Spec)
    made._late = None
    made._body, made._schema, made._seen = body, schema, seen
    made._resources, made._context = resources or {}, context
    made._flags = flags
    return made


def _remade(
    kind: Any,
    state: tuple[Any, ...],
    context: ContextSpec | None,
    flags: frozenset[str],
    resources: dict[str, Any],
    schema: Schema,
    seen: IndexTransform | None,
) -> Spec:
    if kind is ChunkedBody and state[0] is not None:
        state = (state[0], state[0].parse_members(state[1], schema), *state[2:])
    return made_spec(kind(*state), schema, seen, resources, flags, context)
