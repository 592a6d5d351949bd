"""The pool that remembers decoded chunks: the live half of the effect `Decoded`.

An entry is the words of a chunk (None: known to be missing), the generation they were read at and
the last time they were known to be current.  Whether an entry may answer is one comparison with
`recheck_before`; an entry that may not is offered to the store as a condition, so an unchanged chunk
is neither sent nor decoded again.

Law: with `recheck_before` at infinity a read through the pool equals a read without it; a write
through the same session is seen by every later read, whatever the bound.  The pool holds at most
`limit` bytes, the least recently used go first.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from tegula.effects.handler import decode
from tegula.effects.storage import UNCHANGED, Decoded, ReadMany
from tegula.kv.generation import UNKNOWN
from tegula.kv.spec import StoreRef

__all__ = ["ChunkPool", "answer"]

OVERHEAD = 256  # bytes an entry costs beside its words
REMEMBERED_DROPS = 4096

Key = tuple[StoreRef, str]


class _Entry(NamedTuple):
    words: Any
    chain: Any
    generation: bytes
    time: float
    size: int


class ChunkPool:
    """Decoded chunks under a limit of bytes; safe from any number of threads."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._reset()
        _POOLS.add(self)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._entries: OrderedDict[Key, _Entry] = OrderedDict()
        self._held = 0
        self._version = 0
        self._dropped: dict[Key, int] = {}
        self._forgotten = 0

    @property
    def held(self) -> int:
        """Bytes held, bookkeeping included."""
        return self._held

    @property
    def version(self) -> int:
        """A number that grows with every drop; take it before a read whose answer is to be `put`."""
        return self._version

    def get(self, key: Key, chain: Any) -> _Entry | None:
        """Return the entry of a chunk decoded by an equal chain, and mark it used."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None or (entry.chain is not chain and entry.chain != chain):
                return None
            self._entries.move_to_end(key)
            return entry

    def put(self, key: Key, entry: _Entry, version: int) -> None:
        """Remember an entry read at `version`, unless its key was dropped since."""
        if entry.size > self.limit:
            return
        with self._lock:
            if version < self._forgotten or self._dropped.get(key, -1) > version:
                return
            self._remove(key)
            self._entries[key] = entry
            self._held += entry.size
            while self._held > self.limit:
                _, last = self._entries.popitem(last=False)
                self._held -= last.size

    def drop(self, store: StoreRef, keys: Iterable[str]) -> None:
        """Forget keys that are about to change or have just changed."""
        with self._lock:
            self._version += 1
            if len(self._dropped) > REMEMBERED_DROPS:
                self._dropped.clear()
                self._forgotten = self._version
            for key in keys:
                self._dropped[(store, key)] = self._version
                self._remove((store, key))

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._version += 1
            self._forgotten = self._version
            self._entries.clear()
            self._held = 0

    def _remove(self, key: Key) -> None:
        old = self._entries.pop(key, None)
        if old is not None:
            self._held -= old.size


def answer(pool: ChunkPool, effect: Decoded, read: Callable[[ReadMany], Any]) -> list[Any]:
    """Answer `Decoded` from the pool, and by `read` for what it may not answer."""
    store, chain, bound = effect.store, effect.chain, effect.recheck_before
    result: list[Any] = []
    wanted: list[int] = []
    known: list[_Entry | None] = []
    for row, key in enumerate(effect.keys):
        entry = pool.get((store, key), chain)
        if entry is not None and entry.time >= bound:
            result.append(entry.words)
            continue
        result.append(None)
        wanted.append(row)
        known.append(entry)
    if not wanted:
        return result
    keys = [effect.keys[row] for row in wanted]
    version = pool.version
    found = read(
        ReadMany(store, keys, None, [UNKNOWN if entry is None else entry.generation for entry in known])
    )
    for row, key, entry, value, generation in zip(
        wanted, keys, known, found.values, found.generations, strict=True
    ):
        if value is UNCHANGED:
            assert entry is not None
            fresh = entry._replace(time=found.time)
        else:
            words = None if value is None else decode(chain, store, key, value)
            size = OVERHEAD + (0 if words is None else words.nbytes)
            fresh = _Entry(words, chain, generation, found.time, size)
        pool.put((store, key), fresh, version)
        result[row] = fresh.words
    return result


def _pools() -> Any:
    import weakref

    return weakref.WeakSet()


_POOLS: Any = _pools()


def _after_fork() -> None:
    for pool in list(_POOLS):
        pool._reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
