"""Whether a thread starts reads, or writes, without waiting for each.

Knows the last two reads, and the last two writes, of every thread that were done at once.  Must not know how
several are done together: `joined` and `joined_writes` do, and are loaded when there are several.
"""

from __future__ import annotations

import threading
from typing import Any
from weakref import ref

from tegula.runtime.future import Future

__all__ = ["queued", "queues", "several", "several_written", "started", "written"]

PATIENT = 16  # writes that are done at once after one that was waited for, though others are kept


class _Recent(threading.local):
    """The futures of the last two operations of a thread that were done at once."""

    futures: tuple[Any, Any] = (None, None)


class _RecentWrites(_Recent):
    """The same of writes; the last one that was not done at once, how many were not since one of them had
    ended, and how many are done so come what may."""

    last: Any = None
    row: int = 0
    patient: int = 0


queues: dict[int, Any] = {}
"""The arrays, by their identities, to which there are writes that were left to others and are not done."""

_recent = _Recent()
_writes = _RecentWrites()


def started(future: Future[Any]) -> None:
    """Note that a read was done at once, in the thread of the caller."""
    _recent.futures = (_recent.futures[1], ref(future))


def several() -> bool:
    """Return whether the caller keeps the futures of its last two reads.

    One that does not seems to wait for each before the next, and reading at once is quicker.
    """
    first, last = _recent.futures
    return not (first is None or first() is None or last() is None)


def written(future: Future[Any]) -> None:
    """Note that a write was done at once, in the thread of the caller."""
    _writes.futures = (_writes.futures[1], ref(future))


def queued(future: Future[Any]) -> None:
    """Note that a write was left to others."""
    _writes.last = ref(future)
    _writes.row += 1


def several_written() -> bool:
    """Return whether the caller keeps the futures of its last two writes, and does not wait for each.

    One of whom a single write was left to others, and has ended before the next, seems to wait though it
    keeps all futures.
    """
    first, last = _writes.futures
    if first is None or first() is None or last() is None:
        return False
    if _writes.row:
        future = _writes.last()
        if future is None or future.done():
            if _writes.row == 1:
                _writes.patient = PATIENT
            _writes.row = 0
    if _writes.patient:
        _writes.patient -= 1
        return False
    return True
