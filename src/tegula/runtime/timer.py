"""The timer: calls functions at their times, so that a program that sleeps holds no worker.

Knows the monotonic clock and one daemon thread, started on first use.  Must not know programs.

Law: an action is called once, not before its time, in order of times.
"""

from __future__ import annotations

import threading
import time
from _thread import allocate_lock
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count

__all__ = ["Timer"]


class Timer:
    """Actions that wait for their time; they must be quick, since they share one thread."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = count()
        self._lock = allocate_lock()
        self._changed = threading.Event()
        self._started = False

    def after(self, seconds: float, action: Callable[[], object]) -> None:
        """Call `action` when `seconds` have passed.

        Raises:
            RuntimeError: no thread can be started (the interpreter is shutting down).
        """
        due = time.monotonic() + seconds
        with self._lock:
            if not self._started:
                threading.Thread(target=self._serve, name="tegula-timer", daemon=True).start()
                self._started = True
            heappush(self._waiting, (due, next(self._numbers), action))
            first = self._waiting[0][0] == due
        if first:
            self._changed.set()

    def _serve(self) -> None:
        while True:
            self._changed.clear()
            with self._lock:
                due = self._waiting[0][0] if self._waiting else None
            if due is None:
                self._changed.wait()
                continue
            seconds = due - time.monotonic()
            if seconds > 0:
                self._changed.wait(min(seconds, threading.TIMEOUT_MAX))
                continue
            with self._lock:
                _, _, action = heappop(self._waiting)
            action()
            del action
