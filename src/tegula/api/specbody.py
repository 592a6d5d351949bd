"""The drivers of specifications: what each takes out of the JSON, implies, and puts back.

A body is a value: chunked arrays (`ChunkedBody`), documents and images (`WholeBody`), an array in memory
(`ArrayBody`), and views computed from another specification (`ComputedBody`).  It knows its own members, no
transform, no flags and no context: those are the specification's.

Law: parsing what `dump` gave gives the body again.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from tegula.api.body import COPYING, POOL, Alone, bound, shown, taken
from tegula.api.opened import Options
from tegula.api.wholebody import WholeBody, parse_whole
from tegula.binding import array, at_member, at_position, boolean, expected, integer
from tegula.errors import InvalidArgument, Unimplemented
from tegula.kernels.methods import METHODS
from tegula.kv.resources import KINDS, Kind
from tegula.record import replace
from tegula.registry import kind_of, lookup
from tegula.row import NamedTuple
from tegula.schema.fill import Fill, array_of_json
from tegula.schema.fill import to_json as elements_json
from tegula.schema.layout import ChunkLayout
from tegula.schema.schema import Schema
from tegula.space.compose import compose
from tegula.space.domain import IndexDomain
from tegula.view import check_method, part_of_base, reduced_domain

if TYPE_CHECKING:
    from tegula.api.context import Collector
    from tegula.api.kvspec import KvStoreSpec
    from tegula.api.spec import Spec
    from tegula.space.transform import IndexTransform

__all__ = ["ArrayBody", "Body", "ChunkedBody", "ComputedBody", "directory", "parse_body", "resource_kind"]

METADATA_POOL = "metadata_cache_pool"


def resource_kind(name: str) -> Kind:
    """Return the kind of context resource that a member of a specification names.

    >>> resource_kind("metadata_cache_pool").name
    'cache_pool'
    """
    return KINDS[POOL if name == METADATA_POOL else name]


def directory(kvstore: KvStoreSpec) -> KvStoreSpec:
    """Return a key-value store specification whose path is a prefix of an array: it ends in a slash.

    A slash alone is the root: of a file system, else the empty prefix.
    """
    path = kvstore.path
    if path == "/" and kvstore._driver.name != "file":
        root = kvstore.copy()
        root.path = ""
        return root
    return kvstore if not path or path.endswith("/") else kvstore + "/"


class _Chunked(NamedTuple):
    form: Any
    members: Any
    kvstore: KvStoreSpec | None
    options: Options


class ChunkedBody(_Chunked, Alone):
    """An array of a format on a key-value store; `form` None: the format is found out by opening."""

    __slots__ = ()

    @property
    def resources(self) -> tuple[str, ...]:
        """The context resources that a specification of this kind names."""
        return (POOL, COPYING, "memory_limit")

    @property
    def further(self) -> tuple[str, ...]:
        """The context resources that it may name, and goes without otherwise."""
        if self.form is not None:
            return (METADATA_POOL,)
        return tuple([name for name in KINDS if name not in self.resources])

    @property
    def flagged(self) -> bool:
        """Whether it has open flags."""
        return True

    @property
    def name(self) -> str:
        """The driver's name."""
        return "auto" if self.form is None else str(self.form.name)

    def implied(self, schema: Schema) -> Schema:
        """Return `schema` with all that the members imply."""
        if self.form is None:
            return schema.copy()
        found: Schema = self.form.wanted(self.members, schema)
        return found

    def domain(self, schema: Schema) -> IndexDomain | None:
        """Return the domain of the whole, None where it is not known."""
        if self.form is None:
            return schema.domain
        untyped = schema.copy()
        untyped._dtype = None  # a type that the format does not have is told when an array is made
        known: Schema = self.form.known(self.members, untyped)
        return known.domain

    def settle(self, schema: Schema) -> None:
        """Merge into `schema` what the members say of it; raise where they contradict."""
        if self.form is None:
            return
        known = self.form.known(self.members, schema)
        if known.dtype is not None:
            schema.set_dtype(known.dtype)
        if known.rank is not None:
            schema.set_rank(known.rank)

    def url(self, schema: Schema) -> str:  # noqa: ARG002 - one signature for all bodies
        """Return the URL."""
        if self.kvstore is None:
            raise InvalidArgument("Invalid kvstore spec")
        scheme = "auto" if self.form is None else self.form.url_scheme
        refusal = None if self.form is None else self.form.url_refusal(self.members)
        if refusal is not None:
            raise InvalidArgument(refusal)
        return f"{self.kvstore.url}|{scheme}:"

    def dump(self, collector: Collector, include_defaults: bool) -> dict[str, Any]:
        """Return the members."""
        found: dict[str, Any] = {}
        if self.form is not None:
            found = self.form.members_json(self.members, include_defaults)
        found |= self.options.to_json(include_defaults and self.form is not None)
        if include_defaults and self.form is not None and self.form.defaults is not None:
            found["metadata"] = {**self.form.defaults, **found.get("metadata", {})}
        return found | shown(self.kvstore, collector, include_defaults)


class _Array(NamedTuple):
    elements: NDArray[Any]
    dtype: Any


class ArrayBody(_Array, Alone):
    """An array in memory."""

    __slots__ = ()

    @property
    def resources(self) -> tuple[str, ...]:
        """The context resources that a specification of this kind names."""
        return (COPYING,)

    @property
    def kvstore(self) -> None:
        """The key-value store: none."""
        return

    @property
    def name(self) -> str:
        """The driver's name."""
        return "array"

    @property
    def strides(self) -> tuple[int, ...]:
        """The steps of the array in memory, in elements: 0 along a single element, as in the drop-in."""
        shape = self.elements.shape
        return tuple([0 if size == 1 else prod(shape[axis + 1 :]) for axis, size in enumerate(shape)])

    @property
    def layout(self) -> ChunkLayout:
        """The layout of the array: its order is that of its strides."""
        strides = self.strides
        order = sorted(range(len(strides)), key=lambda axis: -strides[axis])
        return ChunkLayout(grid_origin=[0] * len(order), inner_order=order)

    def implied(self, schema: Schema) -> Schema:
        """Return `schema` with the layout and domain of the array."""
        made = schema.copy()
        made._layout = None  # as with the domain, `open` looks at what is asked for
        if self.elements.ndim:
            made.set_layout(self.layout)
        made._domain = self.domain(schema)
        return made

    def domain(self, schema: Schema) -> IndexDomain:  # noqa: ARG002 - whatever it says: `open` looks at that
        """Return the domain of the whole."""
        return IndexDomain(shape=self.elements.shape)

    def settle(self, schema: Schema) -> None:
        """Merge the rank into `schema`."""
        schema.set_rank(self.elements.ndim)

    def url(self, schema: Schema) -> str:  # noqa: ARG002 - as above
        """Raise: an array in memory has no URL."""
        raise Unimplemented("URL representation not supported")

    def dump(self, collector: Collector, include_defaults: bool) -> dict[str, Any]:  # noqa: ARG002 - as above
        """Return the members."""
        if self.dtype.name in ("char", "byte"):
            fault = f"Conversion from {self.dtype.name} to JSON is not implemented"
            raise InvalidArgument(f'Error converting object member "array": {fault}')
        return {"array": elements_json(Fill(self.elements, self.dtype))}


class ComputedBody(NamedTuple):
    """A view of another specification: ``downsample``, or ``cast`` where `method` is empty."""

    base: Spec
    factors: tuple[int, ...]
    method: str

    @property
    def resources(self) -> tuple[str, ...]:
        """The context resources that a specification of this kind names: its base's alone."""
        return ()

    @property
    def further(self) -> tuple[str, ...]:
        """The context resources that it may name, and goes without otherwise: none."""
        return ()

    @property
    def flagged(self) -> bool:
        """Whether it has open flags: its base has."""
        return False

    @property
    def name(self) -> str:
        """The driver's name."""
        return "downsample" if self.method else "cast"

    @property
    def kvstore(self) -> KvStoreSpec | None:
        """The key-value store of the base."""
        return self.base.kvstore

    def part(self, seen: IndexTransform | None) -> Spec:
        """Return the specification of what a view is made of; `seen` is its transform."""
        base = self.base.copy()
        if seen is None:
            return base
        whole = base._seen
        domain = IndexDomain(len(seen._dims)) if whole is None else whole.domain
        part = part_of_base(seen, self.factors, self.method, domain)
        return base._with_transform(part if whole is None else compose(whole, part))

    def implied(self, schema: Schema) -> Schema:
        """Return `schema` with the domain, layout and units of the base as they are seen here."""
        below = self.base.schema
        if self.method:
            domain = below.domain
            made = below.reduced(
                self.factors, None if domain is None else reduced_domain(domain, self.factors, self.method)
            )
            made._fill = None
        elif schema.dtype is not None:
            made = below.converted(schema.dtype)
        else:
            made = below
        return _merged(made, schema)

    def domain(self, schema: Schema) -> IndexDomain | None:
        """Return the domain of the whole, None where it is not known."""
        return self.implied(schema).domain

    def settle(self, schema: Schema) -> None:
        """Merge the rank, and for ``downsample`` the data type, into `schema`."""
        if self.base.rank is not None:
            schema.set_rank(self.base.rank)
        if self.method:
            if self.base.dtype is not None:
                schema.set_dtype(self.base.dtype)
            if schema.rank is None or schema.rank != len(self.factors):
                with at_member("downsample_factors"):
                    schema.set_rank(len(self.factors))

    def url(self, schema: Schema) -> str:
        """Return the URL, which only ``cast`` has."""
        if self.method:
            raise Unimplemented("URL representation not supported")
        if schema.dtype is None:
            raise InvalidArgument("cast URL requires target dtype to be specified")
        return f"{self.base.url}|cast:{schema.dtype.name}"

    def dump(self, collector: Collector, include_defaults: bool) -> dict[str, Any]:
        """Return the members."""
        found: dict[str, Any] = {"base": self.base._json(collector, include_defaults, nested=True)}
        below = found["base"]
        if not include_defaults:
            below.pop("rank", None)  # it is said here, too
        if self.method:
            if not include_defaults:
                below.pop("dtype", None)
            found |= {"downsample_factors": list(self.factors), "downsample_method": self.method}
        return found


Body = ChunkedBody | WholeBody | ArrayBody | ComputedBody


def _merged(found: Schema, wanted: Schema) -> Schema:
    """Return what is implied with what is wanted merged in, which says the same where it says anything."""
    if wanted.dtype is not None:
        found._dtype = wanted.dtype
    if wanted.layout is not None:
        found.set_layout(wanted.layout)
    if wanted._units is not None:
        found.set_units(wanted._units)
    if wanted.fill is not None:
        found._fill = wanted.fill
    return found


# ---------------------------------------------------------------- parsing


def parse_body(driver: str, rest: dict[str, Any], schema: Schema) -> Body:
    """Take the members of a driver out of `rest`, and merge what they say into `schema`.

    Raises:
        InvalidArgument: there is no such driver, or a member is missing or malformed.
    """
    body: Body
    if driver == "array":
        body = _array(rest, schema)
    elif driver in ("cast", "downsample"):
        body = _computed(driver, rest, schema)
    elif kind_of(driver, "wholes", "formats") == "wholes":
        body = parse_whole(lookup("wholes", driver), rest)
    else:
        body = _chunked(driver, rest, schema)
    body.settle(schema)
    return body


def _array(rest: dict[str, Any], schema: Schema) -> ArrayBody:
    if schema.dtype is None:
        raise InvalidArgument("dtype must be specified")
    with at_member("array"):
        if "array" not in rest:
            raise InvalidArgument("Expected array, but member is missing")
        return ArrayBody(array_of_json(rest.pop("array"), schema.dtype, schema.rank), schema.dtype)


def _computed(driver: str, rest: dict[str, Any], schema: Schema) -> ComputedBody:
    from tegula.api.spec import Spec

    with at_member("base"):
        if "base" not in rest:
            raise InvalidArgument("Expected object, but member is missing")
        given = rest.pop("base")
        if driver == "downsample" and schema.dtype is not None and isinstance(given, dict):
            given = {"dtype": schema.dtype.name, **given}
        base = Spec(given)
    if driver == "cast":
        return ComputedBody(base, (), "")
    with at_member("downsample_factors"):
        if "downsample_factors" not in rest:
            raise InvalidArgument("Expected array, but member is missing")
        factors = []
        for position, factor in enumerate(array(rest.pop("downsample_factors"))):
            with at_position(position):
                factors.append(integer(factor, 1))
    with at_member("downsample_method"):
        known = "one of " + ", ".join(f'"{name}"' for name in METHODS)
        if "downsample_method" not in rest:
            raise InvalidArgument(f"Expected {known}, but member is missing")
        method = rest.pop("downsample_method")
        if method not in METHODS:
            raise expected(known, method)
        if base.dtype is not None:
            check_method(base.dtype, method)
    return ComputedBody(base, tuple(factors), method)


def _chunked(driver: str, rest: dict[str, Any], schema: Schema) -> ChunkedBody:
    form: Any = None if driver == "auto" else lookup("formats", driver)
    kvstore = taken(rest)
    options = _options(rest)
    if kvstore is not None and form is not None:
        kvstore = directory(kvstore)
    members = None if form is None else form.parse_members(rest, schema)
    return ChunkedBody(form, members, kvstore, options)


def _options(rest: dict[str, Any]) -> Options:
    found: dict[str, Any] = {}
    names = ("recheck_cached_metadata", "recheck_cached_data")
    for name in names:
        if name in rest:
            with at_member(name):
                found[name] = bound(rest.pop(name))
    if "allow_metadata_mismatch" in rest:
        with at_member("allow_metadata_mismatch"):
            if rest.pop("allow_metadata_mismatch") is not False:
                raise InvalidArgument('"allow_metadata_mismatch" no longer supported')
    for name in ("fill_missing_data_reads", "store_data_equal_to_fill_value"):
        if name in rest:
            with at_member(name):
                found[name] = boolean(rest.pop(name))
    return Options(**found)


def with_options(body: ChunkedBody, **changes: Any) -> ChunkedBody:
    """Return the body with other options."""
    return body._replace(options=replace(body.options, **changes))
