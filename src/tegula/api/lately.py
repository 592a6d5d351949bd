"""Whether a thread starts reads without waiting for each.

Knows the last two reads of every thread that were done at once.  Must not know how several are done together:
`joined` does, and is loaded when there are several.
"""

from __future__ import annotations

import threading
from typing import Any
from weakref import ref

from tegula.runtime.future import Future

__all__ = ["several", "started"]


class _Recent(threading.local):
    """The futures of the last two reads of a thread that were done at once."""

    futures: tuple[Any, Any] = (None, None)


_recent = _Recent()


def started(future: Future[Any]) -> None:
    """Note that a read was done at once, in the thread of the caller."""
    _recent.futures = (_recent.futures[1], ref(future))


def several() -> bool:
    """Return whether the caller keeps the futures of its last two reads.

    One that does not seems to wait for each before the next, and reading at once is quicker.
    """
    first, last = _recent.futures
    return not (first is None or first() is None or last() is None)
