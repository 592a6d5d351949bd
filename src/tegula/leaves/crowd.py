"""Doing a block of slow calls, some at once: by threads, and by an event loop for coroutines.

Knows: threads, one event loop in a thread of its own.  Must not know: what is called.

Law: `each` is ``[function(*row) for row in rows]``, but for the time it takes; where calls fail, the error
of the lowest row is raised, after all that had begun have ended.  After a fork the child starts its own.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from concurrent.futures import ThreadPoolExecutor

__all__ = ["Crowd"]

T = TypeVar("T")


class Crowd:
    """At most `width` calls at once for each block.

    >>> Crowd(4).each(divmod, [(7, 2), (9, 5)])
    [(3, 1), (1, 4)]
    """

    def __init__(self, width: int) -> None:
        if width < 1:
            raise ValueError(f"concurrency is at least 1, not {width}")
        self.width = width
        self._reset()
        _CROWDS.add(self)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._loop: AbstractEventLoop | None = None
        self._threads: ThreadPoolExecutor | None = None

    def each(self, function: Callable[..., T], rows: Sequence[tuple[Any, ...]]) -> list[T]:
        """Return the answers of a function for each row of arguments."""
        if len(rows) < 2 or self.width == 1:
            return [function(*row) for row in rows]
        # a helper takes the next row that nobody has; the caller is one of the helpers
        answers: list[Any] = [None] * len(rows)
        errors: list[tuple[int, BaseException]] = []
        numbers = iter(range(len(rows)))

        def help_out() -> None:
            for number in numbers:
                if errors:
                    return
                try:
                    answers[number] = function(*rows[number])
                except BaseException as error:
                    errors.append((number, error))
                    return

        others = []
        with suppress(RuntimeError):  # the interpreter is shutting down: the caller does it alone
            others = [self._pool().submit(help_out) for _ in range(min(self.width, len(rows)) - 1)]
        help_out()
        for other in others:
            if not other.cancel():
                other.result()
        if errors:
            raise min(errors, key=lambda found: found[0])[1]
        return answers

    def wait(self, function: Callable[..., Coroutine[Any, Any, T]], *arguments: Any) -> T:
        """Return the answer of a coroutine function, run on the event loop of this crowd."""
        import asyncio

        return asyncio.run_coroutine_threadsafe(function(*arguments), self._running()).result()

    def _pool(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._threads is None:
                from concurrent.futures import ThreadPoolExecutor

                self._threads = ThreadPoolExecutor(self.width, thread_name_prefix="tegula-store")
            return self._threads

    def _running(self) -> AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                import asyncio

                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="tegula-store-loop", daemon=True).start()
            return self._loop


_CROWDS: weakref.WeakSet[Crowd] = weakref.WeakSet()


def _after_fork() -> None:
    for crowd in _CROWDS:
        crowd._reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
