"""Specifications of key-value stores: JSON or URL to a value, and to a bound store.

Knows: how a specification is read, printed, extended by a path and bound to a context.  Must not know:
how any store reads or writes.

Laws.  ``KvStoreSpec(spec.to_json()) == spec`` for an unbound one.  Binding does no I/O; a bound resource
stays the one it is.
"""

from __future__ import annotations

from typing import Any

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
from tegula.api.kvvalues import key_text
from tegula.binding import as_json, at, at_member, expected, pretty, text
from tegula.errors import InvalidArgument
from tegula.kv.drivers import KvDriver
from tegula.kv.paths import quoted
from tegula.kv.plugin import plugin_driver
from tegula.kv.resources import KINDS
from tegula.kv.spec import StoreRef, to_key
from tegula.kv.url import DRIVERS, SCHEMES, split_pipeline
from tegula.public import public
from tegula.registry import kind_of, lookup
from tegula.space.arguments import option

__all__ = ["KvStoreSpec", "bind", "driver_named", "is_store", "joined"]


def driver_named(name: str) -> KvDriver:
    """Return the record of a driver.

    Raises:
        InvalidArgument: no such driver is registered.
    """
    try:
        found = lookup("kvstores", name)
    except KeyError:
        if is_store(name):
            return plugin_driver(name)
        if kind_of(name, "formats", "wholes") is not None or name in ("array", "auto", "cast", "downsample"):
            fault = f"{quoted(name)} is a TensorStore driver, not a KvStore driver"
            raise InvalidArgument(fault) from None
        raise InvalidArgument(f"{quoted(name)} is not a registered KvStore driver") from None
    assert isinstance(found, KvDriver)
    return found


def is_store(name: str) -> bool:
    """Return whether a driver or URL scheme of this name is a key-value store."""
    return kind_of(name, "kvstores", "stores") is not None


def joined(path: str, component: str | bytes) -> str:
    """Return a path with a component behind it, and a slash between where there is none.

    >>> joined("a", "b"), joined("a/", "b"), joined("", "b"), joined("a", "")
    ('a/b', 'a/b', 'b', 'a')
    """
    end = to_key(component)
    return (
        path + "/" + end
        if path and end and not path.endswith("/") and not end.startswith("/")
        else path + end
    )


@public("KvStore.Spec")
class KvStoreSpec:
    """Specification from which a key-value store is opened; `json` may also be a URL.

    >>> KvStoreSpec("file:///tmp/x/") / "y"
    KvStore.Spec({'driver': 'file', 'path': '/tmp/x/y'})

    Raises:
        InvalidArgument: it is not one.
    """

    __slots__ = ("_context", "_driver", "_members", "_own", "_path")

    _driver: KvDriver
    _path: str
    _own: dict[str, Any]
    _members: dict[str, str | InPlace | ContextResource]
    _context: ContextSpec | None

    def __init__(self, json: Any) -> None:
        self._context = None
        self._own = {}
        self._members = {}
        if isinstance(json, KvStoreSpec):
            for name in self.__slots__:
                setattr(self, name, getattr(json, name))
        elif isinstance(json, str):
            self._from_url(json)
        else:
            self._from_json(as_json(json))

    @classmethod
    def _of(cls, json: Any) -> KvStoreSpec:
        """Return the specification that a JSON value is, as `as_json` has it."""
        if not isinstance(json, dict):
            return cls(json)
        made = object.__new__(cls)
        made._context, made._own, made._members = None, {}, {}
        made._from_json(json)
        return made

    def _from_url(self, url: str) -> None:
        if not url:
            raise InvalidArgument("URL must be non-empty")
        with at(f"Parsing spec from url: {quoted(url)}: "):
            pipeline = split_pipeline(url)
            scheme, rest = next(pipeline)
            component = url.partition("|")[0]
            name = DRIVERS.get(scheme, scheme)
            if not is_store(name) or (name == scheme and scheme in DRIVERS.values()):
                raise _unsupported(scheme, component)
            self._driver = driver_named(name)
            with at(f"Invalid kvstore URL component {quoted(component)}: "):
                self._path, self._own = self._driver.from_url(rest)
            for (scheme, _), component in zip(pipeline, url.split("|")[1:], strict=False):
                raise _unsupported(scheme, component)
        self._driver.check_path(self._path)

    def _from_json(self, json: Any) -> None:
        if not isinstance(json, dict):
            raise expected("object", json)
        with at_member("driver"):
            if "driver" not in json:
                raise InvalidArgument("Expected string, but member is missing")
            self._driver = driver = driver_named(text(json["driver"]))
        with at_member("path"):
            self._path = text(json.get("path", ""))
        if "context" in json:
            with at_member("context"):
                self._context = ContextSpec(json["context"])
        for name in driver.resources:
            if name in json:
                with at_member(name):
                    self._members[name] = parse_bound(KINDS[name], json[name])
        common = ("driver", "path", "context", *driver.resources)
        self._own = driver.parse_own({name: json[name] for name in json if name not in common})
        driver.check_path(self._path)

    def _with_path(self, path: str) -> KvStoreSpec:
        made = self.copy()
        made._path = path
        return made

    @property
    def path(self) -> str:
        """The path, which stands in front of every key without a separator; it may be set.

        >>> spec = KvStoreSpec("file:///tmp/scans/")
        >>> spec.path = "/tmp/other/"
        >>> spec.url
        'file:///tmp/other/'
        """
        return self._path

    @path.setter
    def path(self, path: str | bytes) -> None:
        self._path = key_text(path)

    @property
    def base(self) -> KvStoreSpec | None:
        """The specification of the store below, for an adapter; None for a store of its own.

        >>> KvStoreSpec("memory://").base is None
        True
        """
        return None

    @property
    def url(self) -> str:
        """The URL; what it cannot say is left out.

        >>> KvStoreSpec({"driver": "gcs", "bucket": "scans", "path": "left brain/"}).url
        'gs://scans/left%20brain/'
        """
        return self._driver.to_url(self._path, self._own)

    def copy(self) -> KvStoreSpec:
        """Return a copy: `update` and a new path change only one of them.

        >>> spec = KvStoreSpec("memory://a/")
        >>> other = spec.copy()
        >>> other.path = "b/"
        >>> spec.path
        'a/'
        """
        made = object.__new__(KvStoreSpec)
        made._context, made._driver, made._path = self._context, self._driver, self._path
        made._members, made._own = dict(self._members), dict(self._own)
        return made

    def to_json(self, include_defaults: bool = False) -> dict[str, Any]:
        """Return the JSON specification; bound resources are specified by value.

        Args:
            include_defaults: name every member, also those that say what goes without saying.

        >>> KvStoreSpec("memory://a/").to_json()
        {'driver': 'memory', 'path': 'a/'}
        >>> KvStoreSpec("memory://a/").to_json(include_defaults=True)["atomic"]
        True
        """
        return self._json(Collector(include_defaults), include_defaults)

    def _json(
        self, collector: Collector, include_defaults: bool = False, nested: bool = False
    ) -> dict[str, Any]:
        """Return JSON; a `nested` specification leaves its ``context`` to whoever owns the collector."""
        json: dict[str, Any] = {}
        if include_defaults:
            json.update(self._driver.own_defaults)
        json.update(self._own)
        for name in self._driver.resources:
            item = self._members.get(name, name)
            if isinstance(item, ContextResource):
                shown = collector.member(item)
            elif item == name and not (include_defaults and name not in self._driver.optional):
                continue
            else:
                shown = dump_member(name, item, include_defaults)
            if shown is not None:
                json[name] = shown
        context = {} if self._context is None else self._context.to_json(include_defaults)
        if not nested:
            context = {**context, **collector.context}
        if context or (include_defaults and not nested):
            json["context"] = context
        json["driver"] = self._driver.name
        if self._path or include_defaults:
            json["path"] = self._path
        return {name: json[name] for name in sorted(json)}

    def update(
        self,
        *,
        unbind_context: bool | None = None,
        strip_context: bool | None = None,
        context: Context | None = None,
    ) -> None:
        """Change this specification in place.

        Args:
            unbind_context: turn bound resources into specifications of equal ones.
            strip_context: drop every resource.
            context: where resources that are unbound are looked up; they are bound then.

        Raises:
            InvalidArgument: `context` lacks a resource that is referred to.

        >>> from tegula import KvStore
        >>> context, spec = Context(), KvStoreSpec("memory://a/")
        >>> KvStore.open("memory://a/", context=context).result()["b"] = b"shared"
        >>> spec.update(context=context)
        >>> KvStore.open(spec).result()["b"]
        b'shared'
        """
        unbind, context = option(unbind_context, "unbind_context"), or_context(context)
        if option(strip_context, "strip_context"):
            self._members = {}
            self._context = None
        elif unbind:
            self._from_unbound(self.to_json())
        if context is not None:
            self._members = dict(self._bound(context))
            self._context = None

    def _from_unbound(self, json: dict[str, Any]) -> None:
        made = KvStoreSpec(json)
        self._members, self._context = made._members, made._context

    def _bound(self, context: Context | None) -> dict[str, ContextResource]:
        """Return every resource, looked up in the specification's own context and then in `context`."""
        scope = context
        if self._context is not None:
            scope = Context(self._context, Context() if scope is None else scope)
        found = {}
        for name in self._driver.resources:
            if name in self._driver.optional and name not in self._members:
                continue
            item = self._members.get(name, name)
            if isinstance(item, ContextResource):
                found[name] = item
            elif isinstance(item, InPlace):
                found[name] = ContextResource(name, item.value)
            else:
                if scope is None:
                    scope = Context()
                found[name] = scope[item]
        return found

    def __add__(self, suffix: str | bytes) -> KvStoreSpec:
        """Return the specification with text behind its path, as it is.

        >>> (KvStoreSpec("memory://a") + "b").path
        'ab'
        """
        return self._with_path(self._path + key_text(suffix))

    def __truediv__(self, component: str | bytes) -> KvStoreSpec:
        """Return the specification with a component behind its path, and a slash between where there is none.

        >>> (KvStoreSpec("memory://a") / "b").path
        'a/b'
        """
        return self._with_path(joined(self._path, key_text(component)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, KvStoreSpec):
            return NotImplemented
        bound = {name: item for name, item in self._members.items() if isinstance(item, ContextResource)}
        theirs = {name: item for name, item in other._members.items() if isinstance(item, ContextResource)}
        return bound == theirs and self.to_json() == other.to_json()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"KvStore.Spec({pretty(self._json(Collector(marked=True)))})"

    def __reduce__(self) -> tuple[Any, ...]:
        state = (self._driver.name, self._path, self._own, self._members, self._context)
        return _remake_spec, state


def _remake_spec(
    driver: str,
    path: str,
    own: dict[str, Any],
    members: dict[str, str | InPlace | ContextResource],
    context: ContextSpec | None,
) -> KvStoreSpec:
    made = object.__new__(KvStoreSpec)
    made._driver, made._path, made._own = driver_named(driver), path, own
    made._members, made._context = members, context
    return made


def bind(spec: KvStoreSpec, context: Context | None) -> tuple[StoreRef, dict[str, ContextResource]]:
    """Return the store that a specification names in a context, and the resources it is bound to.

    Raises:
        InvalidArgument: the context lacks a resource that is referred to.
    """
    resources = spec._bound(context)
    driver = spec._driver
    options = driver.options({name: resource.value for name, resource in resources.items()}, spec._own)
    identity = None if driver.identity is None else resources[driver.identity]
    limit = None if driver.concurrency is None else resources[driver.concurrency]
    if limit is not None and limit.limit is None:
        limit = None
    pace = None if driver.pace is None else resources.get(driver.pace)
    return StoreRef(driver.name, options, identity, limit, pace), resources


def _unsupported(scheme: str, component: str) -> InvalidArgument:
    shown = component if ":" in component else component + ":"
    message = f"unsupported URL scheme {quoted(scheme)} in {quoted(shown)}"
    if scheme in SCHEMES:
        message += f": {quoted(scheme)} is a {SCHEMES[scheme]}"
    return InvalidArgument(message)
