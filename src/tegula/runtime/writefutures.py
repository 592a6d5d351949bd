"""The two moments of a write, as one future.

What this file knows: that a write is copied, and then committed.  What it must not know: how.
Law: used as a future it is its `commit`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, SupportsFloat, SupportsIndex, final

from tegula.public import public
from tegula.runtime.future import Future

__all__ = ["WriteFutures"]


@public("WriteFutures")
@final
class WriteFutures:
    """The two moments of a write: `copy`, when the source may be changed; `commit`, when it is stored.

    Used as a future it is its `commit`: errors of either come out of `result`.

    >>> import tegula
    >>> futures = tegula.array([0, 0]).write([1, 2])
    >>> futures.copy.result(), futures.commit.result(), futures.done()
    (None, None, True)
    """

    __slots__ = ("__weakref__", "_commit", "_copy")

    def __init__(self, copy: Future[None], commit: Future[None]) -> None:
        self._copy = copy
        self._commit = commit

    @property
    def copy(self) -> Future[None]:
        """The future of the moment from which the source may be changed; None is its value.

        >>> import numpy as np
        >>> import tegula
        >>> source, target = np.array([1, 2]), tegula.array(np.zeros(2, int))
        >>> futures = target.write(source)
        >>> futures.copy.result()
        >>> source[:] = 9
        >>> futures.result(), target.read().result()
        (None, array([1, 2]))
        """
        return self._copy

    @property
    def commit(self) -> Future[None]:
        """The future of the moment from which the write is stored, for every other reader; None is its value.

        >>> import tegula
        >>> tegula.array([0, 0]).write([1, 2]).commit.done()
        True
        """
        return self._commit

    def result(
        self,
        timeout: SupportsFloat | SupportsIndex | None = None,
        deadline: SupportsFloat | SupportsIndex | None = None,
    ) -> None:
        """Wait until the write is stored; `timeout` and `deadline` as for `Future.result`.

        Raises:
            TimeoutError: the time has passed; the write goes on.
            Exception: what writing failed with.

        >>> import tegula
        >>> store = tegula.array([0, 0])
        >>> store[1].write(7).result()
        >>> store.read().result()
        array([0, 7])
        """
        try:
            return self._commit.result(timeout, deadline)
        finally:
            del self  # the traceback of an error holds this frame

    def exception(
        self,
        timeout: SupportsFloat | SupportsIndex | None = None,
        deadline: SupportsFloat | SupportsIndex | None = None,
    ) -> BaseException | None:
        """Wait until the write is stored; return its error or None, as `Future.exception` does.

        >>> import tegula
        >>> tegula.array([0, 0]).write([1, 2]).exception() is None
        True
        """
        return self._commit.exception(timeout, deadline)

    def done(self) -> bool:
        """Return whether the outcome of the write is known.

        >>> import tegula
        >>> tegula.array([0, 0]).write([1, 2]).done()
        True
        """
        return self._commit.done()

    def cancelled(self) -> bool:
        """Return whether the write was cancelled.

        >>> import tegula
        >>> tegula.array([0, 0]).write([1, 2]).cancelled()
        False
        """
        return self._commit.cancelled()

    def cancel(self) -> bool:
        """Stop waiting for the write; what was accepted is still written.  Return False where it had ended.

        >>> import tegula
        >>> tegula.array([0, 0]).write([1, 2]).cancel()
        False
        """
        return self._commit.cancel()

    def add_done_callback(self, callback: Callable[[Future[None]], object]) -> None:
        """Call `callback` with `commit` when the write is stored, from any thread; at once if it is.

        >>> import tegula
        >>> futures = tegula.array([0, 0]).write([1, 2])
        >>> futures.add_done_callback(lambda commit: print("stored", commit.exception()))
        stored None
        """
        self._commit.add_done_callback(callback)

    def remove_done_callback(self, callback: Callable[[Future[None]], object]) -> int:
        """Forget every registration of `callback`; return how many there were.

        >>> import tegula
        >>> tegula.array([0, 0]).write([1, 2]).remove_done_callback(print)
        0
        """
        return self._commit.remove_done_callback(callback)

    def __await__(self) -> Generator[object, None, None]:
        """Wait in an asyncio program until the write is stored.

        >>> import asyncio
        >>> import tegula
        >>> async def program(store):
        ...     await store.write([1, 2])
        ...     return (await store.read()).tolist()
        >>> asyncio.run(program(tegula.array([0, 0])))
        [1, 2]
        """
        return self._commit.__await__()

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("cannot pickle 'tegula.WriteFutures' object")

    def __init_subclass__(cls) -> None:
        raise TypeError("type 'tegula.WriteFutures' is not an acceptable base type")
