"""Memory to read large values into: one arena for all threads.

Law: as of `plan.arena`.
"""

from __future__ import annotations

import os
import threading

from tegula.plan.arena import Arena

__all__ = ["LARGE", "buffer"]

LARGE = 64 << 10  # below this a fresh `bytes` is as cheap
KEPT = 64

_lock = threading.Lock()
_arena = Arena(KEPT)


def buffer(size: int) -> memoryview:
    """Return `size` bytes of writable memory that nothing else refers to; what is in it is undefined."""
    with _lock:
        return _arena.take(size)


def _after_fork() -> None:
    global _lock, _arena
    _lock, _arena = threading.Lock(), Arena(KEPT)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
