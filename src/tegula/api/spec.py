"""The specification of an array: what `open` takes and what a handle gives back.

A `Spec` is a mutable value in TensorStore's JSON form, already taken apart: a driver and its own
members, a key-value store, open flags, staleness options, schema constraints, a transform.  It does
no I/O.  Law: ``Spec(spec.to_json()) == spec``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tegula.api.opened import Options
from tegula.binding import as_json, at_member, boolean, expected, members, pretty, text
from tegula.errors import FailedPrecondition, InvalidArgument, Unimplemented
from tegula.registry import lookup
from tegula.schema.dtypes import dtype as to_dtype
from tegula.schema.schema import Schema
from tegula.space.indexable import Indexable
from tegula.space.transform import IndexTransform

if TYPE_CHECKING:
    from tegula.api.store import TensorStore

__all__ = ["FLAGS", "RESOURCES", "Spec", "pickled", "spec_of"]

FLAGS = ("open", "create", "delete_existing", "assume_metadata", "assume_cached_metadata")
RESOURCES = ("cache_pool", "metadata_cache_pool", "data_copy_concurrency")
COMPUTED = ("downsample", "cast")


class Spec(Indexable):
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

    __slots__ = (
        "_array",
        "_base",
        "_bound",
        "_context",
        "_driver",
        "_flags",
        "_kvstore",
        "_members",
        "_method",
        "_options",
        "_resources",
        "_schema",
        "_view_transform",
    )
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, json: Any) -> None:
        if isinstance(json, Spec):
            json = json.to_json()
        if isinstance(json, str):
            json = _from_url(json)
        if not isinstance(json, dict):
            raise expected("object", json)
        rest = {name: value if name == "array" else as_json(value) for name, value in json.items()}
        self._bound: Any = None
        self._base: Spec | None = None
        self._array: Any = None
        self._method: dict[str, Any] = {}
        self._members: Any = None
        self._kvstore: Any = None
        self._driver = _driver(rest)
        self._context = rest.pop("context", None)
        self._resources = {name: rest.pop(name) for name in RESOURCES if name in rest}
        self._flags = {name: _taken(rest, name, boolean) for name in FLAGS if name in rest}
        self._schema: Schema = _taken(rest, "schema", Schema) if "schema" in rest else Schema()
        for name, parse in (("dtype", to_dtype), ("rank", int)):
            if name in rest:
                self._schema.update(**{name: _taken(rest, name, parse)})
        self._view_transform: IndexTransform | None = (
            _taken(rest, "transform", _transform_of) if "transform" in rest else None
        )
        self._options = _options(rest)
        _DRIVERS.get(self._driver, Spec._parse_chunked)(self, rest)
        members(rest, ())

    # ---- drivers

    def _parse_chunked(self, rest: dict[str, Any]) -> None:
        from tegula.api.kvstore import KvStore

        if "kvstore" in rest:
            self._kvstore = _taken(rest, "kvstore", KvStore.Spec)
        if "path" in rest:
            self._kvstore = self._kvstore / rest.pop("path")
        self._members = self.form.parse_members(rest)

    def _parse_array(self, rest: dict[str, Any]) -> None:
        self._array = rest.pop("array", None)
        if self._array is None:
            raise InvalidArgument(
                'Error parsing object member "array": Expected array, but member is missing'
            )
        if self._schema.dtype is None:
            raise InvalidArgument("dtype must be specified")

    def _parse_computed(self, rest: dict[str, Any]) -> None:
        if "base" in rest:
            self._base = _taken(rest, "base", Spec)
        else:
            raise InvalidArgument(
                'Error parsing object member "base": Expected object, but member is missing'
            )
        names = ("downsample_factors", "downsample_method") if self._driver == "downsample" else ()
        self._method = {name: rest.pop(name) for name in names if name in rest}

    @property
    def form(self) -> Any:
        """The format record of a chunked driver."""
        return lookup("formats", self._driver)

    # ---- what it says

    @property
    def _transform(self) -> IndexTransform:
        if self._view_transform is not None:
            return self._view_transform
        if self._schema.domain is not None:
            return IndexTransform(self._schema.domain)
        if self._schema.rank is not None:
            return IndexTransform(input_rank=self._schema.rank)
        raise InvalidArgument("IndexTransform is not specified")

    def _with_transform(self, transform: IndexTransform) -> Spec:
        made = self.copy()
        made._view_transform = transform
        return made

    @property
    def dtype(self) -> Any:
        """The data type, None where it is not said."""
        return self._schema.dtype

    @property
    def rank(self) -> int | None:
        """The rank, None where it is not said."""
        if self._view_transform is not None:
            return self._view_transform.input_rank
        return self._schema.rank

    @property
    def ndim(self) -> int | None:
        """The rank."""
        return self.rank

    @property
    def domain(self) -> Any:
        """The domain, None where it is not said."""
        if self._view_transform is not None:
            return self._view_transform.domain
        return self._schema.domain

    @property
    def transform(self) -> IndexTransform | None:
        """The transform, None where there is none."""
        return self._view_transform

    @property
    def schema(self) -> Schema:
        """The schema constraints."""
        return self._schema.copy()

    @property
    def kvstore(self) -> Any:
        """The specification of the key-value store, None where there is none."""
        return self._kvstore

    @property
    def base(self) -> Spec | None:
        """The specification under an adapter, None for others."""
        return self._base

    @property
    def url(self) -> str:
        """The URL of the array.

        Raises:
            Unimplemented: the specification has no URL.
        """
        if self._kvstore is not None:
            return f"{self._kvstore.url}|{self.form.url_scheme}:"
        if self._driver == "cast" and self._base is not None:
            return f"{self._base.url}|cast:{self._schema.dtype.name}"
        raise Unimplemented("URL representation not supported")

    # ---- as a value

    def copy(self) -> Spec:
        """Return a copy."""
        made = Spec(self.to_json())
        made._bound = self._bound
        return made

    def update(self, **changes: Any) -> None:
        """Merge further constraints and options into this specification.

        Raises:
            InvalidArgument: a constraint contradicts what is said already.
        """
        for name in FLAGS:
            if changes.get(name) is not None:
                self._flags[name] = bool(changes.pop(name))
        both = changes.pop("recheck_cached", None)
        for name in ("recheck_cached_metadata", "recheck_cached_data"):
            value = changes.pop(name, None)
            value = both if value is None else value
            if value is not None:
                self._options = _replace(self._options, name, value)
        if changes.get("kvstore") is not None:
            from tegula.api.kvstore import KvStore

            given = changes.pop("kvstore")
            self._kvstore = given if isinstance(given, KvStore.Spec) else given.spec()
        for name in ("unbind_context", "strip_context", "retain_context", "minimal_spec", "context"):
            changes.pop(name, None)
        changes = {name: value for name, value in changes.items() if value is not None}
        if changes:
            self._schema.update(**changes)

    def to_json(self, include_defaults: bool = False) -> dict[str, Any]:
        """Return the JSON form."""
        found: dict[str, Any] = {"driver": self._driver}
        if self._context is not None:
            found["context"] = self._context
        found |= self._resources
        found |= self._flags
        found |= self._options.to_json()
        schema = self._schema.to_json()
        for name in ("dtype", "rank"):
            if name in schema:
                found[name] = schema.pop(name)
        if "domain" in schema or self._view_transform is not None or "dtype" in found:
            implied = self._view_transform is not None or "domain" in schema
            if implied or self._driver == "array":
                found.pop("rank", None)
        if schema:
            found["schema"] = schema
        if self._view_transform is not None:
            found["transform"] = self._view_transform.to_json()
        if self._kvstore is not None:
            found["kvstore"] = self._kvstore.to_json(include_defaults)
        if self._members is not None:
            found |= self.form.members_json(self._members)
        if self._base is not None:
            found["base"] = self._base.to_json(include_defaults)
        if self._array is not None:
            found["array"] = self._array
        found |= self._method
        return {name: found[name] for name in sorted(found)}

    def __eq__(self, other: object) -> bool:
        return self.to_json() == other.to_json() if isinstance(other, Spec) else NotImplemented

    def __repr__(self) -> str:
        return f"Spec({pretty(self.to_json())})"

    def __copy__(self) -> Spec:
        return self.copy()

    def __reduce__(self) -> tuple[Any, ...]:
        return Spec, (self.to_json(),)


_DRIVERS: dict[str, Any] = {
    "array": Spec._parse_array,
    "downsample": Spec._parse_computed,
    "cast": Spec._parse_computed,
}


def _taken(rest: dict[str, Any], name: str, parse: Any) -> Any:
    """Take a member and parse it; errors name the member."""
    with at_member(name):
        return parse(rest.pop(name))


def _transform_of(json: Any) -> IndexTransform:
    return IndexTransform(json=json)


def _driver(rest: dict[str, Any]) -> str:
    with at_member("driver"):
        if "driver" not in rest:
            raise InvalidArgument("Expected string, but member is missing")
        name = text(rest.pop("driver"))
        if name in _DRIVERS:
            return name
        try:
            form = lookup("formats", name)
        except KeyError:
            raise InvalidArgument(f'"{name}" is not a registered TensorStore driver') from None
    return str(form.name)


def _options(rest: dict[str, Any]) -> Options:
    both = rest.pop("recheck_cached", None)
    found = {name: rest.pop(name, both) for name in ("recheck_cached_metadata", "recheck_cached_data")}
    for name in ("fill_missing_data_reads", "store_data_equal_to_fill_value"):
        if name in rest:
            found[name] = _taken(rest, name, boolean)
    return Options(**found)


def _replace(options: Options, name: str, value: Any) -> Options:
    from tegula.record import replace

    return replace(options, **{name: value})


def _from_url(url: str) -> dict[str, Any]:
    """Return the JSON form of a URL pipeline such as ``file:///tmp/a/|zarr3:``."""
    from tegula.kv.url import split_pipeline

    (first, *rest) = split_pipeline(url)
    kvstore = f"{first[0]}:{first[1]}"
    found: dict[str, Any] | None = None
    for scheme, path in rest:
        if scheme == "cast" and found is not None:
            found = {"driver": "cast", "base": found, "dtype": path}
            continue
        form = _SCHEMES.get(scheme)
        if form is None or found is not None:
            raise InvalidArgument(f'unsupported URL scheme: "{scheme}"')
        found = {"driver": form, "kvstore": kvstore, **({"path": path} if path else {})}
    if found is None:
        raise FailedPrecondition(
            f"Failed to detect format for {url}: format auto-detection is not supported yet"
        )
    return found


_SCHEMES = {"zarr2": "zarr", "zarr3": "zarr3"}


def spec_of(store: TensorStore, **options: Any) -> Spec:
    """Return the specification of a handle."""
    from tegula.api.storejson import spec_json

    minimal = bool(options.pop("minimal_spec", False))
    retain = bool(options.pop("retain_context", False))
    mode = options.pop("open_mode", None)
    if mode is not None:
        options |= {name: True for name in FLAGS if getattr(mode, name, False)}
    made = Spec(spec_json(store, minimal))
    if retain:
        made._bound = getattr(store._opened, "context", None)
    made.update(**options)
    return made


def pickled(store: TensorStore) -> tuple[Any, ...]:
    """Return how a handle is made again from a pickle: from its metadata, without I/O."""
    from tegula.api.storejson import spec_json
    from tegula.source import InMemory

    source = store._view.source
    if isinstance(source, InMemory):
        return _restore_array, (source.array, source.dtype, store._view.transform, store._writable)
    if store._opened is not None and hasattr(store._opened, "_view"):
        return _restore_computed, (store._opened, source_members(store), store._view.transform)
    return _restore, (spec_json(store), store._opened.context, store._readable, store._writable)


def source_members(store: TensorStore) -> tuple[Any, ...]:
    """Return the members of a computed source beside its base."""
    source: Any = store._view.source
    if hasattr(source, "factors"):
        return ("downsample", source.factors, source.method)
    return ("cast", source.dtype)


def _restore(json: dict[str, Any], context: Any, readable: bool, writable: bool) -> TensorStore:
    from tegula.api.opening import open as open_

    return open_(
        json, context=context, read=readable, write=writable, open=True, assume_cached_metadata=True
    ).result()


def _restore_array(array: Any, dtype: Any, transform: IndexTransform, writable: bool) -> TensorStore:
    from tegula.api.store import TensorStore
    from tegula.source import InMemory
    from tegula.view import View

    return TensorStore(View(InMemory(array, dtype), transform), None, writable=writable)


def _restore_computed(base: TensorStore, members: tuple[Any, ...], transform: IndexTransform) -> TensorStore:
    from tegula.api import functions

    made: TensorStore = getattr(functions, members[0])(base, *members[1:])
    return made._with_transform(transform)
