"""A store in memory: a dictionary of immutable bytes with a counter for generations.

Knows: keys, values, one lock.  Must not know: who shares it; `runtime.live` keeps one leaf for each
identity of a `StoreRef`.

Law: every value is an immutable `bytes` that is handed out without a copy; every write gives a
generation never given before (an 8-byte counter, as TensorStore's); a refused condition changes
nothing.  Readers take no lock: one dictionary look-up is atomic.  After a fork the child keeps the
data as it was, behind a new lock.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Sequence

from tegula.effects.storage import (
    UNCHANGED,
    Buffer,
    Listing,
    Read,
    ReadColumns,
    ReadMany,
    ReadOutcome,
    Unchanged,
    Write,
    WriteColumns,
    WriteMany,
    WriteOutcome,
)
from tegula.kv.generation import NO_VALUE, UNKNOWN
from tegula.kv.spec import KeyRange, StoreRef, from_key
from tegula.leaves.leaf import Single, span

__all__ = ["MemoryLeaf"]

_MISSING: tuple[bytes | None, bytes] = (None, NO_VALUE)


class MemoryLeaf(Single):
    """Key-value pairs in this process.

    >>> leaf = MemoryLeaf(StoreRef("memory"))
    >>> leaf.perform(Write(StoreRef("memory"), "a", b"1")).generation
    b'\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00'
    >>> leaf.perform(Read(StoreRef("memory"), "a")).value
    b'1'
    """

    local = True
    local_writes = True
    conditional_writes = True

    def __init__(self, ref: StoreRef) -> None:  # noqa: ARG002 - every memory store is alike
        self._data: dict[str, tuple[bytes, bytes]] = {}
        self._next = 0
        self._lock = threading.Lock()
        _LEAVES.add(self)

    def describe(self, key: str) -> str:
        return f'"{key}"'

    def _answer_write(self, effect: Write) -> WriteOutcome:
        columns = self._write((effect.key,), (effect.value,), (effect.if_equal,))
        return WriteOutcome(columns.generations[0], columns.time)

    def read_many(self, effect: ReadMany) -> ReadColumns:
        """Answer a block of reads; a whole value is handed out without a copy."""
        now = time.time()
        get = self._data.get
        rows = [get(key, _MISSING) for key in effect.keys]
        generations = [generation for _, generation in rows]
        values: list[Buffer | Unchanged | None] = [value for value, _ in rows]
        if effect.if_not_equal is not None:
            for i, known in enumerate(effect.if_not_equal):
                if values[i] is not None and known == generations[i]:
                    values[i] = UNCHANGED
        if effect.ranges is not None:
            for i, wanted in enumerate(effect.ranges):
                value = values[i]
                if wanted is not None and isinstance(value, bytes):
                    first, last = span(wanted, len(value))
                    values[i] = value[first:last]
        return ReadColumns(values, generations, now)

    def write_many(self, effect: WriteMany) -> WriteColumns:
        """Answer a block of writes under one lock."""
        return self._write(effect.keys, effect.values, effect.if_equal)

    def _answer_read(self, effect: Read) -> ReadOutcome:
        now = time.time()
        value, generation = self._data.get(effect.key, _MISSING)
        if value is None:
            return ReadOutcome("missing", b"", NO_VALUE, now)
        refused = effect.if_equal != UNKNOWN and effect.if_equal != generation
        if refused or generation == effect.if_not_equal:
            return ReadOutcome("unspecified", b"", generation, now)
        if effect.byte_range is not None:
            first, last = span(effect.byte_range, len(value))
            value = value[first:last]
        return ReadOutcome("value", value, generation, now)

    def _write(
        self, keys: Sequence[str], values: Sequence[Buffer | None], if_equal: Sequence[bytes] | None
    ) -> WriteColumns:
        frozen = [None if value is None else bytes(value) for value in values]
        conditions = if_equal or (UNKNOWN,) * len(frozen)
        data = self._data
        generations = []
        with self._lock:
            now = time.time()
            count = self._next
            for key, value, condition in zip(keys, frozen, conditions, strict=True):
                if condition and condition != data.get(key, _MISSING)[1]:
                    generations.append(UNKNOWN)
                elif value is None:
                    data.pop(key, None)
                    generations.append(NO_VALUE)
                else:
                    generation = b"\0" + count.to_bytes(8, "little")
                    self._next = count = count + 1
                    data[key] = (value, generation)
                    generations.append(generation)
        return WriteColumns(generations, now)

    def _keys(self, wanted: KeyRange) -> list[str]:
        with self._lock:
            keys = list(self._data)
        low, high = from_key(wanted.inclusive_min), from_key(wanted.exclusive_max)
        raw = sorted((from_key(key), key) for key in keys)
        return [key for name, key in raw if name >= low and (not high or name < high)]

    def _list(self, wanted: KeyRange) -> Listing:
        found = [(key, len(row[0])) for key in self._keys(wanted) if (row := self._data.get(key))]
        return Listing([key for key, _ in found], [size for _, size in found])

    def _delete_range(self, wanted: KeyRange) -> None:
        keys = self._keys(wanted)
        with self._lock:
            for key in keys:
                self._data.pop(key, None)


_LEAVES: weakref.WeakSet[MemoryLeaf] = weakref.WeakSet()


def _after_fork() -> None:
    for leaf in _LEAVES:
        leaf._lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
