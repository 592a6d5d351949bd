"""Memory that is used again once nobody looks at it.

A fresh buffer of half a megabyte costs more to fault in than to fill: the allocator gives such pieces
back to the system at once.  An arena keeps a few, and hands one out again when the only reference left
is its own.  Whoever keeps a value (a cache, a user's array, a store in memory) keeps its buffer, and
that one is let go.

An arena belongs to one line of control at a time; who shares one, and when, is not known here.

Law: a buffer that is handed out is referred to by nothing else, so a value never changes under its reader.
"""

from __future__ import annotations

import sys

__all__ = ["Arena"]

KEPT = 8
KEPT_BYTES = 16 << 20


def _references(held: list[bytearray], index: int) -> int:
    return sys.getrefcount(held[index])


# what an element counts that only its list refers to; without a global lock counts are not exact
_ALONE = _references([bytearray(1)], 0) if getattr(sys, "_is_gil_enabled", lambda: True)() else -1


class Arena:
    """A few buffers, each handed out while nothing else refers to it.

    >>> arena = Arena()
    >>> held, other = arena.take(100_000), arena.take(100_000)
    >>> held[:] = bytes(100_000); other[:] = b"x" * 100_000
    >>> bytes(held[:3])
    b'\\x00\\x00\\x00'
    """

    __slots__ = ("_held", "_turn")

    def __init__(self) -> None:
        self._held: list[bytearray] = []
        self._turn = 0

    def take(self, size: int) -> memoryview:
        """Return `size` bytes of writable memory that nothing else refers to; what is in it is undefined."""
        held = self._held
        if size > KEPT_BYTES // KEPT or _ALONE < 0:
            return memoryview(bytearray(size))
        for index in range(len(held)):
            if _references(held, index) == _ALONE:
                if len(held[index]) < size:
                    held[index] = bytearray(size)
                return memoryview(held[index])[:size]
        fresh = bytearray(size)
        if len(held) < KEPT:
            held.append(fresh)
        else:
            self._turn = (self._turn + 1) % KEPT
            held[self._turn] = fresh
        return memoryview(fresh)[:size]
