"""Contexts: who shares which pools, limits and memory stores.

Knows: how a resource is looked up, made once, named in JSON and pickled.  Must not know: what is
hung on a resource (a cache, a store): that is found through the resource's identity.

A resource is made when it is first asked for and belongs to the context whose specification names it, or
else to the outermost context.  Children inherit.  Contexts without a common ancestor share nothing.

Laws.  ``context[key]`` is always the same object.  Pickling a graph of contexts, resources and stores
keeps which of them are the same, and carries no live state.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, overload

from tegula.binding import ABSENT, as_json, expected, pretty
from tegula.errors import InvalidArgument
from tegula.kv.paths import quoted
from tegula.kv.resources import KINDS, Kind, parse_reference
from tegula.public import public
from tegula.row import NamedTuple

__all__ = ["Collector", "Context", "ContextResource", "ContextSpec", "or_context", "parse_bound"]

_lock = threading.RLock()


@public("Context.Resource")
class ContextResource:
    """Handle on one shared resource; *which* one it is matters, so it compares by identity.

    >>> context = Context({"cache_pool": {}, "cache_pool#b": {}})
    >>> context["cache_pool"] == context["cache_pool"], context["cache_pool"] == context["cache_pool#b"]
    (True, False)
    """

    __slots__ = {
        "__weakref__": None,
        "key": """How its context names it; None for one that was specified where it is used.

        >>> Context({"cache_pool#big": {"total_bytes_limit": 10**9}})["cache_pool#big"].key
        'cache_pool#big'
        """,
        "kind": """What kind of resource it is: the name of its default.

        >>> Context({"cache_pool#big": {"total_bytes_limit": 10**9}})["cache_pool#big"].kind
        'cache_pool'
        """,
        "value": """Its JSON, with every default.

        >>> Context()["file_io_concurrency"].value
        {'limit': 'shared'}
        """,
    }

    kind: str
    value: Any
    key: str | None

    def __init__(self, kind: str, value: Any, key: str | None = None) -> None:
        self.kind = kind
        self.value = value
        self.key = key

    @property
    def total_bytes_limit(self) -> int:
        """The limit of a pool in bytes.

        >>> Context({"cache_pool": {"total_bytes_limit": 10**6}})["cache_pool"].total_bytes_limit
        1000000
        """
        return int(self.value["total_bytes_limit"])

    @property
    def limit(self) -> int | None:
        """The limit of a concurrency resource, or None for the one that the process shares.

        >>> Context({"file_io_concurrency": {"limit": 8}})["file_io_concurrency"].limit
        8
        """
        limit = self.value["limit"]
        return None if limit == "shared" else int(limit)

    def to_json(self, include_defaults: bool = False) -> Any:
        """Return the JSON specification of the resource; with `include_defaults` every member of it.

        >>> context = Context()
        >>> context["cache_pool"].to_json(), context["cache_pool"].to_json(include_defaults=True)
        ({}, {'total_bytes_limit': 0})
        """
        return KINDS[self.kind].dump(self.value, include_defaults)

    def __repr__(self) -> str:
        return f"Context.Resource({pretty(self.to_json())})"

    def __copy__(self) -> ContextResource:
        return self

    def __deepcopy__(self, memo: Any) -> ContextResource:
        return self

    def __reduce__(self) -> tuple[type, tuple[str, Any, str | None]]:
        return ContextResource, (self.kind, self.value, self.key)


@public("Context.Spec")
class ContextSpec:
    """Parsed JSON specification of a context.

    >>> ContextSpec({"cache_pool": {"total_bytes_limit": 100}})
    Context.Spec({'cache_pool': {'total_bytes_limit': 100}})

    Raises:
        InvalidArgument: it is not one.
    """

    __slots__ = ("_entries",)

    _entries: dict[str, Any]

    def __init__(self, json: Any) -> None:
        found = as_json(json)
        if not isinstance(found, dict):
            raise expected("object", found)
        entries = {}
        for key, item in found.items():
            kind = KINDS.get(key.partition("#")[0])
            if kind is None:
                raise InvalidArgument(f"Invalid context resource identifier: {quoted(key)}")
            entries[key] = None if item is None else parse_member(kind, item)
        object.__setattr__(self, "_entries", entries)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a context specification is immutable: cannot set {name!r}")

    def to_json(self, include_defaults: bool = False) -> dict[str, Any]:
        """Return the JSON of the specification; with `include_defaults` every member of each resource.

        >>> ContextSpec({"cache_pool": {}, "cache_pool#b": "cache_pool"}).to_json(include_defaults=True)
        {'cache_pool': {'total_bytes_limit': 0}, 'cache_pool#b': 'cache_pool'}
        """
        return {
            key: item if item is None else dump_member(key.partition("#")[0], item, include_defaults)
            for key, item in self._entries.items()
        }

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ContextSpec):
            return NotImplemented
        return self._entries == other._entries

    def __hash__(self) -> int:
        return hash(frozenset(self._entries))

    def __repr__(self) -> str:
        return f"Context.Spec({pretty(self.to_json())})"

    def __reduce__(self) -> tuple[type, tuple[Any]]:
        return ContextSpec, (self.to_json(),)


class InPlace(NamedTuple):
    """The value of a resource that is specified where it is used."""

    value: Any


def parse_member(kind: Kind, json: Any) -> str | InPlace:
    """Return the reference or the value that JSON specifies for a resource.

    Raises:
        InvalidArgument: it is neither.
    """
    if json is None:
        raise expected("non-null value", json)
    reference = parse_reference(kind.name, json)
    if reference is not None:
        return reference
    try:
        return InPlace(kind.parse(json))
    except InvalidArgument as error:
        if isinstance(json, str):
            what = f'Invalid spec or reference to "{kind.name}" resource: {quoted(json)}'
            raise InvalidArgument(f"{what} ({error.message})") from None
        raise


def parse_bound(kind: Kind, json: Any) -> str | InPlace:
    """Return what JSON specifies for a resource where a bound one may stand, which is printed in a list.

    >>> parse_bound(KINDS["cache_pool"], ["cache_pool#a"])
    'cache_pool#a'

    Raises:
        InvalidArgument: it is neither a reference nor a value, or a list of other than one of them.
    """
    if isinstance(json, list):
        if len(json) != 1:
            raise expected("single-element array", json)
        json = json[0]
    return parse_member(kind, json)


def or_context(value: object) -> Context | None:
    """Return what was given as a context.

    Raises:
        TypeError: it is neither a context nor None.
    """
    if value is None or isinstance(value, Context):
        return value
    raise TypeError("Invalid context")


def dump_member(kind: str, item: str | InPlace, include_defaults: bool) -> Any:
    """Return the JSON of what `parse_member` gave."""
    return item if isinstance(item, str) else KINDS[kind].dump(item.value, include_defaults)


def _arguments(given: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, Context | None]:
    """Return the specification (`ABSENT` where there is none) and the parent that a context is made from.

    A specification that is named and None is none, as in the drop-in; as a position it is JSON's null.

    Raises:
        TypeError: the arguments fit no form.
    """
    named = {**dict(zip(("spec", "parent"), given, strict=False)), **named}
    form = [name for name in ("spec", "json") if name in named]
    wrong = named.keys() - {"spec", "json", "parent"} or len(given) > 2 or len(form) > 1
    if wrong or (named and not form):
        raise TypeError("a context is made from nothing, or from a specification and perhaps a parent")
    parent = named.get("parent")
    if parent is not None and not isinstance(parent, Context):
        raise TypeError(f"parent must be a Context, not {type(parent).__name__}")
    if not form or (not given and named.get("spec", form) is None):
        return ABSENT, parent
    return named[form[0]], parent


@public("Context")
class Context:
    """Resources that stores share: caches, limits on concurrency, stores in memory.

    ``Context()`` shares nothing with any other; ``Context(spec, parent)`` adds to `parent`.

    >>> context = Context({"cache_pool#a": {"total_bytes_limit": 10_000_000}})
    >>> context["cache_pool#a"]
    Context.Resource({'total_bytes_limit': 10000000})
    >>> context["cache_pool"] is context["cache_pool"]
    True

    Raises:
        InvalidArgument: the specification is not one.
    """

    __slots__ = ("__weakref__", "_alone", "_made", "_parent", "_spec")

    Spec = ContextSpec
    Resource = ContextResource

    @overload
    def __init__(self) -> None: ...
    @overload
    def __init__(self, spec: ContextSpec | Mapping[str, Any], parent: Context | None = None) -> None: ...
    @overload
    def __init__(self, *, json: Any, parent: Context | None = None) -> None: ...
    def __init__(self, *given: object, **named: object) -> None:
        spec, parent = _arguments(given, named) if given or named else (ABSENT, None)
        self._spec: ContextSpec | None = None
        self._parent = parent
        if spec is not ABSENT:
            self._spec = spec if isinstance(spec, ContextSpec) else ContextSpec(spec)
            self._parent = parent if parent is not None else Context()
        self._alone = parent is None
        self._made: dict[str, ContextResource] = {}

    @property
    def spec(self) -> ContextSpec | None:
        """The specification, or None for a default context.

        >>> Context({"cache_pool": {"total_bytes_limit": 100}}).spec, Context().spec
        (Context.Spec({'cache_pool': {'total_bytes_limit': 100}}), None)
        """
        return self._spec

    @property
    def parent(self) -> Context | None:
        """The context from which this one inherits, where one was given.

        >>> outer = Context({"cache_pool": {"total_bytes_limit": 100}})
        >>> inner = Context({"file_io_concurrency": {"limit": 8}}, outer)
        >>> inner.parent is outer, inner["cache_pool"] is outer["cache_pool"], outer.parent
        (True, True, None)
        """
        return None if self._alone else self._parent

    def __getitem__(self, key: str) -> ContextResource:
        """Return the resource named `key` (``kind`` or ``kind#id``), making it on first use.

        A resource that the specification does not name is the parent's; without a parent it is a default one.

        Raises:
            InvalidArgument: there is no such kind, no such name, or the references go in a circle.

        >>> context = Context({"cache_pool#big": {}, "cache_pool": "cache_pool#big"})
        >>> context["cache_pool"] is context["cache_pool#big"], context["data_copy_concurrency"]
        (True, Context.Resource({}))
        """
        found = self._made.get(key)
        if found is not None:
            return found
        if not isinstance(key, str):
            raise TypeError(f"a resource key is a str, not {type(key).__name__}")
        if self._spec is None and self._parent is None and key in KINDS:
            return self._made.setdefault(key, ContextResource(key, KINDS[key].missing(), key))
        with _lock:
            return self._resolve(key, [])

    __iter__ = None  # a context is no sequence of its resources

    def _resolve(self, key: str, trail: list[tuple[Context, str]]) -> ContextResource:
        found = self._made.get(key)
        if found is None:
            kind = KINDS.get(key.partition("#")[0])
            if kind is None:
                raise InvalidArgument(f"Invalid context resource identifier: {quoted(key.partition('#')[0])}")
            found = self._defined(key, kind, trail) or self._default(key, kind)
            self._made[key] = found
        return found

    def _defined(self, key: str, kind: Kind, trail: list[tuple[Context, str]]) -> ContextResource | None:
        """Return the resource that this context or an ancestor specifies as `key`, if any does."""
        found = self._made.get(key)
        if found is not None:
            return found
        entries = {} if self._spec is None else self._spec._entries
        if key not in entries:
            return None if self._parent is None else self._parent._defined(key, kind, trail)
        item = entries[key]
        if isinstance(item, str):
            if (self, key) in trail:
                circle = [name for _, name in trail[trail.index((self, key)) :]] + [key]
                links = pairwise(circle)
                shown = " -> ".join(f"{quoted(name)}:{quoted(to)}" for name, to in links)
                raise InvalidArgument(f"Context resource reference cycle: {shown}")
            found = self._resolve(item, [*trail, (self, key)])
        elif item is not None:
            found = ContextResource(kind.name, item.value, key)
        elif self._parent is not None:
            found = self._parent._resolve(kind.name, trail)
        else:
            found = ContextResource(kind.name, kind.missing(), key)
        self._made[key] = found
        return found

    def _default(self, key: str, kind: Kind) -> ContextResource:
        """Return what stands for a key that nobody specified: the outermost context's own."""
        if "#" in key:
            raise InvalidArgument(f"Resource not defined: {quoted(key)}")
        outermost = self
        while outermost._parent is not None:
            outermost = outermost._parent
        return outermost._made.setdefault(key, ContextResource(kind.name, kind.missing(), key))

    def __copy__(self) -> Context:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        with _lock:
            return _remake_context, (self._spec, self._parent, self._alone), dict(self._made)

    def __setstate__(self, made: dict[str, ContextResource]) -> None:
        self._made = made


def _remake_context(spec: ContextSpec | None, parent: Context | None, alone: bool) -> Context:
    made = Context() if spec is None else Context(spec, parent)
    made._alone = alone
    return made


class Collector:
    """Turns bound resources back into JSON: each shared one is specified once and referred to.

    `context` collects the ``context`` member.  With `marked`, what is bound is wrapped in a list, as the
    drop-in prints it.

    >>> collector = Collector()
    >>> collector.member(Context()["memory_key_value_store"]), collector.context
    (None, {'memory_key_value_store': {}})
    """

    __slots__ = ("_include_defaults", "_marked", "_names", "context")

    def __init__(self, include_defaults: bool = False, marked: bool = False) -> None:
        self._include_defaults = include_defaults
        self._marked = marked
        self._names: dict[ContextResource, str] = {}
        self.context: dict[str, Any] = {}

    def member(self, resource: ContextResource) -> Any:
        """Return the JSON of a member that is bound to `resource`, or None where it may be left out."""
        if not KINDS[resource.kind].shared or resource.key is None:
            value = resource.to_json(self._include_defaults)
            return [value] if self._marked else value
        key = self._names.get(resource)
        if key is None:
            key, number = resource.key, 0
            while key in self.context:
                key, number = f"{resource.kind}#{number}", number + 1
            self._names[resource] = key
            self.context[key] = resource.to_json(self._include_defaults)
        if self._marked:
            return [key]
        return None if key == resource.kind and not self._include_defaults else key


def _after_fork() -> None:
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
