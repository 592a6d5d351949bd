"""The leaf of a store that a user wrote: from effects to its few methods.

Knows: what follows from the methods that are there and from those that are not.  Must not know: any
particular store.

Versions become generations and back: a zero byte, a letter for the type, the version.  A store without
versions has those of its contents, so the same bytes are the same generation.  What a store cannot do in
one step is done in several under a lock of this process, and `conditional_writes` says so: other
processes may come between.

An exception that the store calls transient becomes `Unavailable`, or `Indeterminate` where something may have
been written, so that the handlers above ask again.

Laws.  Any other exception of the store is raised as it is.  Native equals expanded: a block is its rows, some
of them at once; the error of a block is that of its lowest failing row.  After a fork the child has its own
threads, event loop and lock; the store itself is the one the parent had.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Iterable
from hashlib import blake2b
from inspect import isawaitable, iscoroutinefunction
from json import loads
from typing import Any, TypeAlias, TypeVar

from tegula.effects.storage import (
    UNCHANGED,
    Buffer,
    Listing,
    Read,
    ReadColumns,
    ReadMany,
    ReadOutcome,
    Tried,
    TriedColumns,
    Unchanged,
    Write,
    WriteColumns,
    WriteMany,
    WriteOutcome,
    outcome,
)
from tegula.errors import Indeterminate, TegulaError, Unavailable, Unimplemented
from tegula.kv.generation import NO_VALUE, UNKNOWN
from tegula.kv.paths import quoted
from tegula.kv.plugin import OPTIONS, Version, is_made
from tegula.kv.spec import ByteRange, KeyRange, StoreRef, from_key
from tegula.leaves.crowd import Crowd
from tegula.leaves.leaf import Single, span
from tegula.registry import lookup

__all__ = ["PluginLeaf", "generation_of", "version_of"]

T = TypeVar("T")
_CONTENT = b"\0#"
_STRIPES = 64
Row: TypeAlias = tuple[Buffer | Unchanged | None, bytes]


def generation_of(version: Version) -> bytes:
    """Return the generation that stands for a version of a store.

    >>> generation_of("v1"), version_of(generation_of(7))
    (b'\\x00sv1', 7)
    """
    if isinstance(version, bool) or not isinstance(version, (bytes, str, int)):
        raise TypeError(f"a version is bytes, str or int, not {version!r}")
    if isinstance(version, bytes):
        return b"\0b" + version
    return b"\0s" + from_key(version) if isinstance(version, str) else b"\0i%d" % version


def version_of(generation: bytes) -> Version | None:
    """Return the version that a generation stands for, or None where no store said it."""
    kind, rest = generation[:2], generation[2:]
    if kind == b"\0b":
        return rest
    if kind == b"\0s":
        return rest.decode("utf-8", "surrogateescape")
    return int(rest) if kind == b"\0i" else None


def _of_content(value: Buffer) -> bytes:
    return _CONTENT + blake2b(value, digest_size=16).digest()


class PluginLeaf(Single):
    """A registered store, made with the options of its reference."""

    local = False
    local_writes = False

    def __init__(self, ref: StoreRef) -> None:
        made = lookup("stores", ref.driver)
        if is_made(made):
            made = made(**loads(str(ref.option(OPTIONS, "{}"))))
        elif ref.option(OPTIONS) is not None:
            raise TypeError(f'the store "{ref.driver}" takes no options: it is registered as an instance')
        self.store = made
        self.name = ref.driver
        says = getattr(made, "conditional_writes", True)
        self.conditional_writes = bool(says) and hasattr(made, "put_if")
        self.conditional_deletes = not self.conditional_writes or hasattr(made, "delete_if")
        many = 32 if iscoroutinefunction(getattr(made, "get", None)) else 8
        self._crowd = Crowd(int(getattr(made, "concurrency", many)))
        self._transient = getattr(made, "transient", ()) if ref.option("again") else ()
        self._locks = [threading.Lock() for _ in range(_STRIPES)]
        _LEAVES.add(self)

    def describe(self, key: str) -> str:
        return quoted(key)

    def _answer_read(self, effect: Read) -> ReadOutcome:
        now = time.time()
        value, generation = self._read(effect.key, effect.byte_range, effect.if_not_equal, effect.if_equal)
        return outcome(value, NO_VALUE if value is None else generation, now)

    def _answer_write(self, effect: Write) -> WriteOutcome:
        now = time.time()
        return WriteOutcome(self._write(effect.key, effect.value, effect.if_equal), now)

    def read_many(self, effect: ReadMany) -> ReadColumns:
        """Answer a block of reads, some at once."""
        now = time.time()
        keys = effect.keys
        ranges = effect.ranges or (None,) * len(keys)
        known = effect.if_not_equal or (UNKNOWN,) * len(keys)
        rows: list[Row] = self._each(self._read, zip(keys, ranges, known, strict=True))
        return ReadColumns([value for value, _ in rows], [generation for _, generation in rows], now)

    def write_many(self, effect: WriteMany) -> WriteColumns:
        """Answer a block of writes, some at once."""
        now = time.time()
        conditions = effect.if_equal or (UNKNOWN,) * len(effect.keys)
        rows = zip(effect.keys, effect.values, conditions, strict=True)
        return WriteColumns(self._each(self._write, rows), now)

    def tried(self, effect: Tried) -> TriedColumns:
        """Answer a block row by row, some at once, with the errors of those that have one."""
        now, block = time.time(), effect.block
        if isinstance(block, ReadMany):
            count = len(block.keys)
            ranges, known = block.ranges or (None,) * count, block.if_not_equal or (UNKNOWN,) * count
            reads = zip(block.keys, ranges, known, strict=True)
            rows: list[Any] = self._each(_or_error, [(self._read, *row) for row in reads])
        else:
            conditions = block.if_equal or (UNKNOWN,) * len(block.keys)
            writes = zip(block.keys, block.values, conditions, strict=True)
            rows = self._each(_or_error, [(self._write, *row) for row in writes])
        errors = {row: found for row, found in enumerate(rows) if isinstance(found, TegulaError)}
        if not isinstance(block, ReadMany):
            generations = [UNKNOWN if row in errors else found for row, found in enumerate(rows)]
            return TriedColumns(WriteColumns(generations, now), errors)
        pairs = [(None, UNKNOWN) if row in errors else found for row, found in enumerate(rows)]
        columns = ReadColumns([value for value, _ in pairs], [generation for _, generation in pairs], now)
        return TriedColumns(columns, errors)

    def _each(self, function: Callable[..., T], rows: Iterable[tuple[Any, ...]]) -> list[T]:
        return self._crowd.each(function, list(rows))

    def _call(self, name: str, *arguments: Any) -> Any:
        method = getattr(self.store, name, None)
        if method is None:
            raise Unimplemented(f'The store "{self.name}" has no method `{name}`')
        try:
            if iscoroutinefunction(method):
                return self._crowd.wait(method, *arguments)
            answer = method(*arguments)
            return self._crowd.wait(_given, answer) if isawaitable(answer) else answer
        except Exception as error:
            if isinstance(error, TegulaError) or not self._passes(error):
                raise
            kind = Indeterminate if name in _WRITING else Unavailable
            raise kind(f"{type(error).__name__}: {error}") from error

    def _passes(self, error: Exception) -> bool:
        """Whether asking again may help, as the store says."""
        said = self._transient
        return isinstance(error, said) if isinstance(said, tuple) else bool(said(error))

    def _read(
        self, key: str, wanted: ByteRange | None, if_not_equal: bytes = UNKNOWN, if_equal: bytes = UNKNOWN
    ) -> Row:
        known = version_of(if_not_equal)
        if known is not None and callable(getattr(self.store, "version", None)):
            version = self._call("version", key)
            if version is not None and version == known:
                return UNCHANGED, if_not_equal
        partly = wanted is not None and hasattr(self.store, "get_range")
        found = self._call("get_range", key, *wanted) if partly and wanted else self._call("get", key)
        if found is None:
            return None, NO_VALUE
        if isinstance(found, tuple):
            value, version = found
            generation = generation_of(version)
        elif partly:
            raise TypeError(f"{type(self.store).__name__}.get_range returned no version")
        else:
            value, generation = found, _of_content(found)
        if generation == if_not_equal or if_equal not in (UNKNOWN, generation):
            return UNCHANGED, generation
        if wanted is not None and not partly:
            first, last = span(wanted, len(value))
            value = value[first:last]
        return value, generation

    def _write(self, key: str, value: Buffer | None, if_equal: bytes) -> bytes:
        if not self.conditional_writes:
            with self._locks[hash(key) % _STRIPES]:
                if if_equal != UNKNOWN and self._read(key, None)[1] != if_equal:
                    return UNKNOWN
                return self._put(key, value)
        if if_equal == UNKNOWN:
            return self._put(key, value)
        wanted = version_of(if_equal)
        if if_equal.startswith(_CONTENT):
            raise TypeError(f"{type(self.store).__name__} has `put_if`, and its `get` returned no version")
        if wanted is None and if_equal != NO_VALUE:
            return UNKNOWN
        if value is not None:
            version = self._call("put_if", key, bytes(value), wanted)
            return UNKNOWN if version is None else generation_of(version)
        if wanted is None:
            return NO_VALUE if self._read(key, None)[0] is None else UNKNOWN
        return NO_VALUE if self._call("delete_if", key, wanted) else UNKNOWN

    def _put(self, key: str, value: Buffer | None) -> bytes:
        if value is None:
            self._call("delete", key)
            return NO_VALUE
        whole = bytes(value)
        version = self._call("put", key, whole)
        if version is not None:
            return generation_of(version)
        # which version a value got that was not said cannot be found out: a generation that nothing has
        return b"\0?" + os.urandom(8) if self.conditional_writes else _of_content(whole)

    def _list(self, wanted: KeyRange) -> Listing:
        keys = self._keys(wanted)
        return Listing(keys, [-1] * len(keys))

    def _keys(self, wanted: KeyRange) -> list[str]:
        low, high = wanted
        if high and from_key(low) >= from_key(high):
            return []
        return [key for key in self._call("list", _common(low, high)) if key in wanted]

    def _delete_range(self, wanted: KeyRange) -> None:
        self._each(self._put, [(key, None) for key in self._keys(wanted)])


_WRITING = frozenset({"put", "put_if", "delete", "delete_if"})


def _or_error(function: Callable[..., T], *arguments: Any) -> T | TegulaError:
    try:
        return function(*arguments)
    except TegulaError as error:
        return error


async def _given(answer: Any) -> Any:
    return await answer


def _common(low: str, high: str) -> str:
    """Return the longest prefix of every key in a range.

    >>> _common("a/b", KeyRange.prefix("a/b").exclusive_max), _common("ab", "ad"), _common("a", "")
    ('a/b', 'a', '')
    """
    if not high:
        return ""
    if KeyRange.prefix(low).exclusive_max == high:
        return low
    same = 0
    while same < min(len(low), len(high)) and low[same] == high[same]:
        same += 1
    return low[:same]


_LEAVES: weakref.WeakSet[PluginLeaf] = weakref.WeakSet()


def _after_fork() -> None:
    for leaf in _LEAVES:
        leaf._locks = [threading.Lock() for _ in range(_STRIPES)]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
