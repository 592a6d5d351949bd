"""Stores that users write: what one has to offer, and how a specification names one.

Knows: the protocol, the members of the JSON, the URL.  Must not know: any live store, nor how methods
are called (`leaves.plugin`).

A store is a class that is registered by a name (an entry point in the group ``tegula.stores``, or
`tegula.register_store`).  In JSON, ``{"driver": name, "path": ..., **options}``: the options are the
keywords of the class.  In a URL, ``name://path``, unless the class has `from_url` and `to_url`.  What is
registered may also be an instance; it has no options.

Law: equal options give one live store.
"""

from __future__ import annotations

from collections.abc import Awaitable, Hashable, Iterable, Mapping
from functools import partial
from json import dumps
from typing import Any, Protocol, TypeAlias

from tegula.binding import at_member, members, pretty
from tegula.errors import InvalidArgument, Unimplemented
from tegula.kv.drivers import KvDriver
from tegula.kv.url import decoded_path, quoted_path
from tegula.registry import kind_of, lookup

__all__ = [
    "OPTIONS",
    "RETRIES",
    "Conditional",
    "Found",
    "Readable",
    "Store",
    "Version",
    "is_made",
    "plugin_driver",
    "retries_of",
]

Version: TypeAlias = bytes | str | int
"""What a store calls the state of one value; it must differ whenever the value was replaced."""

Found: TypeAlias = "bytes | tuple[bytes, Version] | None"
"""A value, or a value and its version; None where there is none."""

RETRIES = (6, 0.1, 10.0)
"""How often a store of a user is asked again, and the first and the longest wait in seconds."""

OPTIONS = "options"
"""The option of a `StoreRef` that holds the keywords of the class, as JSON text."""


class Readable(Protocol):
    """The least that a store of a user has to offer: to give the value of a key."""

    def get(self, key: str, /) -> Found | Awaitable[Found]:
        """Return the value of a key."""
        ...


class Store(Protocol):
    """What a store of a user has to offer; methods may also be ``async def``.

    Only `get` is required.  Without `put` the store is read-only; without `delete` or `list`, what needs
    them is an error.  Methods are called from several threads at once, up to ``concurrency`` (an
    attribute of the class; 8, and 32 where `get` is ``async def``) for one block of keys.  Their exceptions
    reach the caller as they are, but for those that say that asking again may help:
    `tegula.errors.Unavailable`, and what the attribute `transient` names, a tuple of exception classes or a
    method from an exception to a bool.  After these tegula asks again, as often as the attribute `retries`
    says: a number, or the number with the first and the longest wait in seconds (6, 0.1, 10; 0: never).
    After a transient exception of a writing method the write may have landed; `Unavailable` says that
    it has not.

    A store that gives no versions has those of its contents.  Further methods make it better, and none
    changes what it means: `Conditional`, and

    - ``get_range(key, start, stop)``: a part of the value, with the version of the whole, as `get`; `start`
      may be negative (the last bytes) where `stop` is None, which means to the end;
    - ``version(key)``: the version without the value, or None, so that what is cached is not sent again.
    """

    def get(self, key: str) -> Found | Awaitable[Found]:
        """Return the value of a key."""
        ...

    def put(self, key: str, value: bytes) -> Version | Awaitable[Version | None] | None:
        """Store a value, and return its version where the store has any."""
        ...

    def delete(self, key: str) -> Awaitable[None] | None:
        """Remove a key; one that is not there is fine."""
        ...

    def list(self, prefix: str) -> Iterable[str] | Awaitable[Iterable[str]]:
        """Return the keys that start with `prefix`, in any order; more do no harm."""
        ...


class Conditional(Store, Protocol):
    """A store on which concurrent writers lose nothing of each other's: it compares and writes in one step.

    `version` is what the store said of the value, and None where there must be none.
    """

    def put_if(
        self, key: str, value: bytes, version: Version | None
    ) -> Version | Awaitable[Version | None] | None:
        """Store a value if the version still is that one; return the new version, or None where it is not."""
        ...

    def delete_if(self, key: str, version: Version) -> bool | Awaitable[bool]:
        """Remove a key if its version still is that one; return whether it was."""
        ...


def plugin_driver(name: str) -> KvDriver:
    """Return the record of the store that is registered as `name`."""
    return KvDriver(
        name=name,
        resources=(),
        identity=None,
        check_path=_any_path,
        options=partial(_options, name),
        from_url=partial(_from_url, name),
        to_url=partial(_to_url, name),
        parse_own=partial(_members, name),
    )


def _any_path(path: str) -> None:
    del path


def _members(name: str, json: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a store: the keywords that its class can be called with.

    Raises:
        InvalidArgument: there is one that it does not have, or one that it needs is missing.
    """
    made = lookup("stores", name) if kind_of(name, "stores") else dict
    if not is_made(made):
        members(json, ())
        return {}
    from inspect import signature

    try:
        expected = signature(made).parameters.values()
    except (TypeError, ValueError):  # what is written in C may not say
        return dict(json)
    named = [one for one in expected if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
    if not any(one.kind is one.VAR_KEYWORD for one in expected):
        members(json, tuple([one.name for one in named]))
    for one in named:
        if one.default is one.empty and one.name not in json:
            with at_member(one.name):
                raise InvalidArgument("Expected value, but member is missing")
    return dict(json)


def _options(
    name: str, values: Mapping[str, Any], own: Mapping[str, Any]
) -> tuple[tuple[str, Hashable], ...]:
    del values
    again = retries_of(lookup("stores", name) if kind_of(name, "stores") else None, name)
    options = ((OPTIONS, dumps(own, sort_keys=True)),) if own else ()
    return (("again", again), *options) if again[0] else options


def is_made(store: Any) -> bool:
    """Return whether what is registered makes stores (a class, a function) and is none itself.

    >>> is_made(dict), is_made({})
    (True, False)
    """
    return isinstance(store, type) or not hasattr(store, "get")


def retries_of(store: Any, name: str) -> tuple[int, float, float]:
    """Return how often a store is asked again, and the first and the longest wait in seconds.

    Raises:
        InvalidArgument: what its attribute `retries` says is none of these.

    >>> retries_of(object(), "x"), retries_of(type("Store", (), {"retries": 2}), "x")
    ((6, 0.1, 10.0), (2, 0.1, 10.0))
    """
    said = getattr(store, "retries", RETRIES)
    found = (said, *RETRIES[1:]) if isinstance(said, int) else said
    right = isinstance(found, tuple) and len(found) == 3 and isinstance(found[0], int)
    if not right or not all(isinstance(part, (int, float)) and part >= 0 for part in found):
        raise InvalidArgument(
            f'`retries` of the store "{name}" is a number, or (number, first wait, longest wait): {said!r}'
        )
    return found[0], float(found[1]), float(found[2])


def _from_url(name: str, rest: str) -> tuple[str, dict[str, Any]]:
    hook = getattr(lookup("stores", name), "from_url", None)
    if hook is not None:
        members = dict(hook(rest))
        return str(members.pop("path", "")), members
    if not rest.startswith("//"):
        raise InvalidArgument(f'Scheme "{name}://" not present in url')
    return decoded_path(rest[2:]), {}


def _to_url(name: str, path: str, own: Mapping[str, Any]) -> str:
    hook = getattr(lookup("stores", name), "to_url", None)
    if hook is not None:
        return f"{name}:{hook({**own, 'path': path})}"
    if own:
        raise Unimplemented(f"URL representation not supported: {pretty(dict(own))} is not in the path")
    return f"{name}://{quoted_path(path)}"
