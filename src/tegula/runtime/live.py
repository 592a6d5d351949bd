"""The only place where the name of a store becomes a live store.

Knows: the registry and one table of leaves.  Must not know: any particular store.

Law: equal `StoreRef`s give the same leaf for as long as anyone could tell the difference.  A leaf
whose reference has an identity (a memory store's context resource) lives as long as that identity; one
that a user wrote is kept; the others hold no data of their own, and a bounded number of them is kept.
After a fork the locks are new, and each leaf looks after its own state.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Hashable
from typing import TypeAlias, cast

from tegula.errors import InvalidArgument
from tegula.kv.spec import StoreRef
from tegula.leaves.leaf import Leaf
from tegula.registry import kind_of, lookup

__all__ = ["leaf", "renew"]

_KEPT = 256
Table: TypeAlias = "dict[tuple[str, tuple[tuple[str, Hashable], ...]], Leaf]"

_plain: Table = {}
_plugins: Table = {}
_owned: weakref.WeakKeyDictionary[object, Table] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def leaf(ref: StoreRef) -> Leaf:
    """Return the live store that `ref` names, made on first use.

    Raises:
        InvalidArgument: no such store is registered.

    >>> token = type("Token", (), {})()
    >>> leaf(StoreRef("memory", (), token)) is leaf(StoreRef("memory", (), token))
    True
    """
    if ref.identity is None:
        name = (ref.driver, ref.options)
        found = _plain.get(name) or _plugins.get(name)
    else:
        found = _owned.get(ref.identity, {}).get((ref.driver, ref.options))
    return found if found is not None else _make(ref)


def _make(ref: StoreRef) -> Leaf:
    with _lock:
        # a table must not keep its own key alive: its entries are named without the identity
        table = _plain if ref.identity is None else _owned.setdefault(ref.identity, {})
        name = (ref.driver, ref.options)
        made = table.get(name)
        if made is None:
            kind = kind_of(ref.driver, "leaves", "stores")
            if kind is None:
                raise InvalidArgument(f'"{ref.driver}" is not registered')
            if kind == "stores":
                return _plugin(ref)
            made = cast("Leaf", lookup(kind, ref.driver)(StoreRef(*name)))
            while len(table) >= _KEPT:
                del table[next(iter(table))]
            table[name] = made
        return made


def _plugin(ref: StoreRef) -> Leaf:
    """Return a user's store; it may hold data, so it is kept until another takes its name."""
    from tegula.leaves.plugin import PluginLeaf

    name = (ref.driver, ref.options)
    if name not in _plugins:
        _plugins[name] = PluginLeaf(ref)
    return _plugins[name]


def renew(driver: str) -> None:
    """Forget the live stores of a driver that was registered anew."""
    with _lock:
        for name in [name for name in _plugins if name[0] == driver]:
            del _plugins[name]


def _after_fork() -> None:
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
