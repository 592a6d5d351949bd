"""Stores of users: giving one a name, and saying what it lacks before it is written to.

Knows: the registry, and which promise needs which ability of a store.  Must not know: any store.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

from tegula.errors import InvalidArgument
from tegula.kv.plugin import Readable
from tegula.kv.spec import StoreRef
from tegula.public import public
from tegula.registry import kind_of, register
from tegula.runtime.live import leaf, renew

__all__ = ["LostUpdates", "deletes_chunks", "register_store", "warn_of_lost_updates"]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-_]*\Z")


@public("LostUpdates")
class LostUpdates(UserWarning):
    """A store was opened for writing on which concurrent writers may lose each other's work.

    To have it as an error, or not at all:

    >>> warnings.filterwarnings("error", category=LostUpdates)
    >>> warnings.filterwarnings("ignore", category=LostUpdates)
    """


def register_store(name: str, store: Readable | Callable[..., Readable]) -> None:
    """Give a store the name by which specifications and URLs find it, for this process.

    Args:
        name: the driver in JSON, ``{"driver": name, "path": ...}``, and the scheme in a URL, ``name://path``.
        store: a class, whose keywords are the other members of the JSON; or a store that is made already.
            What it must have is in `tegula.kv.plugin.Store`: ``get(key)``, and to be more than read,
            ``put(key, value)``, ``delete(key)`` and ``list(prefix)``.  Instances of equal options are one.

    A package registers a class for everybody by an entry point in the group ``tegula.stores``.

    Raises:
        InvalidArgument: the name is not one, or is taken by what is built in.
        TypeError: `store` has no ``get``.

    >>> class Shelf:
    ...     def __init__(self):
    ...         self.values = {}
    ...     def get(self, key):
    ...         return self.values.get(key)
    ...     def put(self, key, value):
    ...         self.values[key] = value
    >>> register_store("shelf", Shelf)
    >>> import tegula
    >>> store = tegula.KvStore.open("shelf://a/").result()
    >>> store["b"] = b"value"
    >>> store["b"], store.spec()
    (b'value', KvStore.Spec({'driver': 'shelf', 'path': 'a/'}))
    """
    if not _NAME.match(name):
        raise InvalidArgument(f"a store is named like a URL scheme: letters, digits, + . - _, not {name!r}")
    taken = kind_of(name, "kvstores", "formats")
    if taken is not None or name in ("auto", "array", "cast", "downsample"):
        raise InvalidArgument(f"the name {name!r} is taken")
    made = isinstance(store, type) or not callable(store)
    if made and not callable(getattr(store, "get", None)):
        raise TypeError(f"a store has a method `get`, and {store!r} has none")
    register("stores", name, store)
    renew(name)


def warn_of_lost_updates(ref: StoreRef) -> None:
    """Warn that concurrent writers of a store may lose each other's work, where that is so."""
    found = leaf(ref)
    if not found.conditional_writes and _writes(found):
        warnings.warn(
            f'the store "{ref.driver}" has no conditional writes, and cannot promise that nothing is '
            "lost where several processes write to one chunk",
            LostUpdates,
            stacklevel=4,
        )


def deletes_chunks(ref: StoreRef) -> bool:
    """Return whether a chunk that comes to equal the fill value may be deleted.

    Where a store writes on a condition, and cannot delete on one, it is kept: a deletion might take
    somebody's newer chunk with it.
    """
    return bool(getattr(leaf(ref), "conditional_deletes", True))


def _writes(found: Any) -> bool:
    return hasattr(getattr(found, "store", found), "put") or not hasattr(found, "store")
