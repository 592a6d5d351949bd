"""Memory to read large values into: an arena a thread.

Law: as of `plan.arena`.
"""

from __future__ import annotations

import threading

from tegula.plan.arena import Arena

__all__ = ["LARGE", "buffer"]

LARGE = 64 << 10  # below this a fresh `bytes` is as cheap


class _Kept(threading.local):
    """The arena of one thread."""

    def __init__(self) -> None:
        self.arena = Arena()


_kept = _Kept()


def buffer(size: int) -> memoryview:
    """Return `size` bytes of writable memory that nothing else refers to; what is in it is undefined."""
    return _kept.arena.take(size)
