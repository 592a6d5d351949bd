"""Memory to read large values into, used again once nobody looks at it.

A fresh buffer of half a megabyte costs more to fault in than to fill: the allocator gives such pieces
back to the system at once.  Each thread keeps a few, and hands one out again when the only reference left
is its own.  Whoever keeps a value (a cache, a user's array) keeps its buffer, and that one is let go.

Law: a buffer that is handed out is referred to by nothing else, so a value never changes under its reader.
"""

from __future__ import annotations

import sys
import threading

__all__ = ["LARGE", "buffer"]

LARGE = 64 << 10  # below this a fresh `bytes` is as cheap
KEPT = 8
KEPT_BYTES = 16 << 20

_counted = getattr(sys, "_is_gil_enabled", lambda: True)()


class _Kept(threading.local):
    """The buffers of one thread."""

    def __init__(self) -> None:
        self.buffers: list[bytearray] = []
        self.turn = 0


_kept = _Kept()


def buffer(size: int) -> memoryview:
    """Return `size` bytes of writable memory that nothing else refers to; what is in it is undefined.

    >>> held = buffer(100_000)
    >>> other = buffer(100_000)
    >>> held[:] = bytes(100_000); other[:] = b"x" * 100_000
    >>> bytes(held[:3])
    b'\\x00\\x00\\x00'
    """
    if size > KEPT_BYTES // KEPT or not _counted:
        return memoryview(bytearray(size))
    kept = _kept.buffers
    for index in range(len(kept)):
        # one reference from the list, one from the call: no view of it is left anywhere
        if sys.getrefcount(kept[index]) == 2:
            if len(kept[index]) < size:
                kept[index] = bytearray(size)
            return memoryview(kept[index])[:size]
    fresh = bytearray(size)
    if len(kept) < KEPT:
        kept.append(fresh)
    else:
        _kept.turn = (_kept.turn + 1) % KEPT
        kept[_kept.turn] = fresh
    return memoryview(fresh)
