"""Memory that is used again once nobody looks at it.

A fresh buffer of half a megabyte costs more to fault in than to fill: the allocator gives such pieces
back to the system at once.  An arena keeps a few, and hands one out again when the only reference left
is its own.  Whoever keeps a value (a cache, a user's array, a store in memory) keeps its buffer, and
that one is let go.

An arena belongs to one line of control at a time; who shares one, and when, is not known here.

Law: a buffer that is handed out is referred to by nothing else, so a value never changes under its reader.
"""

from __future__ import annotations

import mmap
import sys
from collections.abc import Sequence
from contextlib import suppress
from math import prod
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Arena", "array", "fresh", "give_back"]

KEPT = 8
KEPT_BYTES = 16 << 20
MAPPED = 1 << 18  # from here on memory is mapped
HUGE = 4 << 20  # and from here on in large pages, where there are any: a fault for each small one costs more
Held: TypeAlias = "bytearray | mmap.mmap"


def fresh(size: int) -> Held:
    """Return `size` bytes of writable memory; what is in it is undefined.

    A large piece is mapped, so that it goes back to the system when it is let go: the C library keeps
    what it was given back in each thread's heap once it has seen a few large pieces.

    >>> len(fresh(5)), len(fresh(5 << 20))
    (5, 5242880)
    """
    if size < MAPPED:
        return bytearray(size)
    try:
        made = mmap.mmap(-1, size, **_PRIVATE)
    except OSError:  # too many pieces
        return bytearray(size)
    if size >= HUGE and _LARGE_PAGES is not None:
        with suppress(OSError):  # a system without them
            made.madvise(_LARGE_PAGES)
    return made


_LARGE_PAGES: int | None = getattr(mmap, "MADV_HUGEPAGE", None)
_PRIVATE: dict[str, int] = (
    {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_ANONYMOUS") else {}
)


def _references(held: list[Held], index: int) -> int:
    return sys.getrefcount(held[index])


# what an element counts that only its list refers to; without a global lock counts are not exact
_ALONE = _references([bytearray(1)], 0) if getattr(sys, "_is_gil_enabled", lambda: True)() else -1


class Arena:
    """A few buffers, each handed out while nothing else refers to it: at most `kept`, and 16 MiB.

    A buffer larger than `largest` bytes is not kept; `most` is another bound than 16 MiB.

    >>> arena = Arena()
    >>> held, other = arena.take(100_000), arena.take(100_000)
    >>> held[:] = bytes(100_000); other[:] = b"x" * 100_000
    >>> bytes(held[:3])
    b'\\x00\\x00\\x00'
    """

    __slots__ = ("_held", "_kept", "_largest", "_most", "_size", "_turn")

    def __init__(self, kept: int = KEPT, largest: int = KEPT_BYTES // KEPT, most: int = KEPT_BYTES) -> None:
        self._held: list[Held] = []
        self._kept = kept
        self._largest = largest
        self._most = most
        self._size = 0
        self._turn = 0

    def take(self, size: int) -> memoryview:
        """Return `size` bytes of writable memory that nothing else refers to; what is in it is undefined."""
        held = self._held
        if size > self._largest or _ALONE < 0:
            return memoryview(fresh(size))
        small = -1
        for index in range(len(held)):
            if _references(held, index) == _ALONE:
                if len(held[index]) >= size:
                    return memoryview(held[index])[:size]
                small = index
        made = fresh(size)
        if small < 0:
            if len(held) < self._kept and self._size + size <= self._most:
                held.append(made)
                self._size += size
                return memoryview(made)[:size]
            if not held:
                return memoryview(made)[:size]
            # all are looked at by somebody, who may never let go: one of them is his from now on
            small = self._turn = (self._turn + 1) % len(held)
        self._size += size - len(held[small])
        held[small] = made
        return memoryview(made)[:size]


def array(spare: list[Any], shape: Sequence[int], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return an array in memory from `spare`, or in fresh memory; what is in it is undefined.

    >>> spare = []
    >>> give_back(spare, array(spare, (2, 3), np.dtype("u2")))
    >>> array(spare, (4,), np.dtype("u1")).shape, spare
    ((4,), [])
    """
    if dtype.hasobject:
        return np.empty(shape, dtype)
    size = max(1, prod(shape) * dtype.itemsize)
    memory = spare.pop() if spare else None
    if memory is None or len(memory) < size:
        memory = None  # let it go first
        memory = fresh(size)
    return np.ndarray(tuple(shape), dtype, memory)


def give_back(spare: list[Any], used: NDArray[Any]) -> None:
    """Put the memory of an array that `array` gave, and that nobody looks at any more, into `spare`."""
    if used.base is not None:
        spare.append(used.base)
