"""What the bodies of specifications share: a place in a key-value store, and nothing below it.

Knows: how a specification says where an array is, and how old an answer may be.  Must not know: any driver.

Law: ``taken(shown(kvstore))`` is the key-value store again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tegula.binding import at_member, expected, text
from tegula.errors import InvalidArgument

if TYPE_CHECKING:
    from tegula.api.context import Collector
    from tegula.api.kvspec import KvStoreSpec

__all__ = ["COPYING", "LAST", "POOL", "Alone", "bound", "shown", "taken"]

LAST = 2.0**63
"""Seconds since the epoch: what is later is for ever."""

POOL, COPYING = "cache_pool", "data_copy_concurrency"


class Alone:
    """What a body says that has no specification below it, and no open flags."""

    __slots__ = ()

    @property
    def further(self) -> tuple[str, ...]:
        """The context resources that it may name, and goes without otherwise: none."""
        return ()

    @property
    def flagged(self) -> bool:
        """Whether it has open flags."""
        return False

    @property
    def base(self) -> None:
        """The specification below: none."""
        return


def taken(rest: dict[str, Any]) -> KvStoreSpec | None:
    """Take the key-value store out of a specification: ``kvstore``, and a ``path`` below it.

    >>> taken({"kvstore": "memory://a/", "path": "b"}).path
    'a/b'

    Raises:
        InvalidArgument: one is malformed, or there is a path and no store.
    """
    from tegula.api.kvspec import KvStoreSpec

    kvstore = None
    if "kvstore" in rest:
        with at_member("kvstore"):
            kvstore = KvStoreSpec._of(rest.pop("kvstore"))
    if "path" in rest:
        with at_member("path"):
            path = text(rest.pop("path"))
            if kvstore is None:
                raise InvalidArgument('"path" must be specified in conjunction with "kvstore"')
            kvstore = kvstore / path
    return kvstore


def shown(kvstore: KvStoreSpec | None, collector: Collector, include_defaults: bool) -> dict[str, Any]:
    """Return the member ``kvstore`` of a specification, where there is a store.

    >>> from tegula.api.context import Collector
    >>> shown(taken({"kvstore": "memory://a/"}), Collector(), False)
    {'kvstore': {'driver': 'memory', 'path': 'a/'}}
    """
    if kvstore is None:
        return {}
    found = kvstore._json(collector, include_defaults, nested=True)
    return {"kvstore": dict(sorted({"context": {}, **found}.items())) if include_defaults else found}


def bound(value: Any) -> Any:
    """Return a staleness bound: True, False, ``"open"`` or seconds since the epoch.

    What is later than any time is True; what is earlier, or no time, is False.

    >>> bound("open"), bound(5), bound(float("inf")), bound(float("nan"))
    ('open', 5.0, True, False)

    Raises:
        InvalidArgument: it is none.
    """
    if isinstance(value, bool) or value == "open":
        return value
    if isinstance(value, (int, float)):
        seconds = float(value)
        return seconds if abs(seconds) < LAST else seconds > 0
    raise expected('boolean, number, or "open"', value)
