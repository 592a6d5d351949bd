"""Memory to read large values into: one arena for all threads.

Law: as of `plan.arena`.
"""

from __future__ import annotations

import os
import threading

from tegula.plan.arena import Arena

__all__ = ["LARGE", "buffer", "keep_little"]

LARGE = 64 << 10  # below this a fresh `bytes` is as cheap
KEPT = 64
LITTLE = 256 << 10
LARGEST = 4 << 20  # what a block of small values has together
_largest = LARGEST

_lock = threading.Lock()
_arena = Arena(KEPT, _largest)


def buffer(size: int) -> memoryview:
    """Return `size` bytes of writable memory that nothing else refers to; what is in it is undefined."""
    with _lock:
        return _arena.take(size)


def keep_little() -> None:
    """Have only small buffers kept from now on: those of a process that is to be content with less."""
    global _arena, _largest
    with _lock:
        if _largest == LARGEST:
            _largest = LITTLE
            _arena = Arena(KEPT, _largest)


def _after_fork() -> None:
    global _lock, _arena
    _lock, _arena = threading.Lock(), Arena(KEPT, _largest)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
