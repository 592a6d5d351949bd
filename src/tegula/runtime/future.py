"""Futures: the one thing that users hold while something happens elsewhere.

Knows how an outcome is handed from the thread that has it to whoever wants it: a blocked thread, a
callback, or an ``await`` in any asyncio loop.  Must not know what is computed, or how.

A future is *pending* and then, once, *ready*: a value, an error, or cancelled (which is an error
too: `asyncio.CancelledError`, raised by `result`).  Ready futures are never locked again, and one
that is born ready (the answer of a fast read) is two assignments: no lock, no condition.  Pending
ones share one re-entrant lock, held for a few assignments: re-entrant because the collector may drop
a `Promise` at any point.  Who blocks brings a lock of its own, so that Ctrl-C wakes it.

Law: the state changes once; every callback is called once, in order, outside the lock.
"""

from __future__ import annotations

import sys
import threading
import time
from _thread import LockType, RLock, allocate_lock
from collections.abc import Callable, Coroutine, Generator
from contextlib import suppress
from types import CoroutineType, GenericAlias, TracebackType
from typing import TYPE_CHECKING, Any, Generic, Never, SupportsFloat, SupportsIndex, TypeVar, cast, final

from tegula.errors import Aborted, InvalidArgument
from tegula.public import public

if TYPE_CHECKING:
    import asyncio

__all__ = ["Future", "Promise", "forget", "pending", "ready", "settle"]

T = TypeVar("T")

_PENDING, _VALUE, _ERROR, _CANCELLED = 0, 1, 2, 3
_lock = RLock()


def _after_fork() -> None:
    global _lock
    _lock = RLock()


@public("Future")
@final
class Future(Generic[T]):
    """Handle on the answer of an operation that may still be under way.

    ``Future(value)`` is ready; ``Future(future)`` is that future; ``Future(coroutine)`` runs the
    coroutine on `loop`, or on the running asyncio loop (InvalidArgument where there is none).

    >>> Future(3).result()
    3
    """

    __slots__ = ("__weakref__", "_callbacks", "_on_cancel", "_on_force", "_outcome", "_state")

    if not TYPE_CHECKING:
        __class_getitem__ = classmethod(GenericAlias)

    _state: int
    _outcome: Any
    _callbacks: list[Callable[[Future[T]], object]]
    _on_cancel: Callable[[], object] | None
    _on_force: Callable[[], object] | None

    def __new__(
        cls,
        future: Future[T] | Coroutine[object, Never, T] | T,
        *,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> Future[T]:
        if isinstance(future, Future):
            return future
        if isinstance(future, (CoroutineType, Coroutine)):
            return _scheduled(future, loop)
        return ready(future)

    def result(
        self,
        timeout: SupportsFloat | SupportsIndex | None = None,
        deadline: SupportsFloat | SupportsIndex | None = None,
    ) -> T:
        """Wait for the answer and return it, or raise the error.

        Ctrl-C interrupts the wait; the operation goes on.

        Args:
            timeout: how long to wait, in seconds.
            deadline: until when to wait, in seconds since the epoch.

        Raises:
            TimeoutError: the sooner of the two has passed.
            asyncio.CancelledError: the future was cancelled.
            Exception: what the operation failed with.

        >>> import tegula
        >>> tegula.array([[1, 2], [3, 4]])[1].read().result()
        array([3, 4])
        >>> promise, future = Promise.new()
        >>> future.result(timeout=0)
        Traceback (most recent call last):
            ...
        TimeoutError
        """
        if self._state == _VALUE and timeout is None and deadline is None:
            return self._outcome  # type: ignore[no-any-return]  # a cast would cost as much again
        self._wait(timeout, deadline)
        if self._state == _VALUE:
            return cast("T", self._outcome)
        error, traceback = self._failure()
        try:
            raise error.with_traceback(traceback)
        finally:
            del error, traceback, self  # the traceback holds this frame

    def exception(
        self,
        timeout: SupportsFloat | SupportsIndex | None = None,
        deadline: SupportsFloat | SupportsIndex | None = None,
    ) -> BaseException | None:
        """Wait for the answer and return the error, or None where there is none.

        Args:
            timeout: how long to wait, in seconds.
            deadline: until when to wait, in seconds since the epoch.

        Raises:
            TimeoutError: the sooner of the two has passed.
            asyncio.CancelledError: the future was cancelled.

        >>> import tegula
        >>> missing = tegula.open({"driver": "zarr3", "kvstore": "memory://"})
        >>> type(missing.exception()).__name__, tegula.array([1]).read().exception()
        ('NotFound', None)
        """
        self._wait(timeout, deadline)
        if self._state == _VALUE:
            return None
        error, _ = self._failure()
        if self._state == _CANCELLED:
            raise error
        return error

    def done(self) -> bool:
        """Return whether the outcome is known: a value, an error, or cancelled.

        >>> promise, future = Promise.new()
        >>> before = future.done()
        >>> promise.set_result(1)
        >>> before, future.done()
        (False, True)
        """
        return self._state != _PENDING

    def cancelled(self) -> bool:
        """Return whether the future was cancelled.

        >>> promise, future = Promise.new()
        >>> future.cancel(), future.cancelled(), Future(3).cancelled()
        (True, True, False)
        """
        return self._state == _CANCELLED

    def cancel(self) -> bool:
        """Cancel: no one will see an answer; return False where there already was one.

        A read stops: what is in flight ends, and nothing more is asked.  What has been accepted for
        writing is still written.

        >>> promise, future = Promise.new(on_cancel=lambda: print("stopped"))
        >>> future.cancel()
        stopped
        True
        >>> Future(3).cancel()
        False
        """
        if self._state != _PENDING:
            return False
        on_cancel = self._on_cancel
        if not settle(self, None, None, _CANCELLED):
            return False
        if on_cancel is not None:
            on_cancel()
        return True

    def force(self) -> None:
        """Start the operation if it waits to be asked for; `result` and ``await`` do it themselves.

        >>> promise, future = Promise.new(on_force=lambda: promise.set_result("asked for"))
        >>> future.done()
        False
        >>> future.force()
        >>> future.done(), future.result()
        (True, 'asked for')
        """
        if self._state != _PENDING:
            return
        with _lock:
            if self._state != _PENDING:
                return
            on_force, self._on_force = self._on_force, None
        if on_force is not None:
            on_force()

    def add_done_callback(self, callback: Callable[[Future[T]], object]) -> None:
        """Call `callback` with this future when it is ready, from any thread; at once if it is.

        Callbacks are called once each, in order.  An exception that one raises later is printed
        (`sys.excepthook`) and goes no further; one that it raises at once is the caller's.

        >>> promise, future = Promise.new()
        >>> future.add_done_callback(lambda done: print("got", done.result()))
        >>> promise.set_result(5)
        got 5
        """
        if self._state == _PENDING:
            with _lock:
                if self._state == _PENDING:
                    self._callbacks.append(callback)
                    return
        callback(self)

    def remove_done_callback(self, callback: Callable[[Future[T]], object]) -> int:
        """Forget every registration of `callback`; return how many there were.

        >>> promise, future = Promise.new()
        >>> future.add_done_callback(print)
        >>> future.add_done_callback(print)
        >>> future.remove_done_callback(print), future.remove_done_callback(print)
        (2, 0)
        """
        if self._state != _PENDING:
            return 0
        with _lock:
            if self._state != _PENDING:
                return 0
            kept = [one for one in self._callbacks if one != callback]
            removed = len(self._callbacks) - len(kept)
            self._callbacks = kept
            return removed

    def __await__(self) -> Generator[object, None, T]:
        """Wait in an asyncio program, in whichever loop runs; other tasks go on.

        Cancelling the task that waits cancels the future.

        Raises:
            Exception: what the operation failed with.

        >>> import asyncio
        >>> import tegula
        >>> async def total(store):
        ...     rows = await asyncio.gather(*[store[i].read() for i in range(2)])
        ...     return int(sum(row.sum() for row in rows))
        >>> asyncio.run(total(tegula.array([[1, 2], [3, 4]])))
        10
        """
        if self._state == _PENDING:
            yield from self._awaited()
        try:
            return self.result()
        finally:
            del self  # the traceback of an error holds this frame

    def _awaited(self) -> Generator[object, None, None]:
        import asyncio

        loop = asyncio.get_running_loop()
        arrival: asyncio.Future[None] = loop.create_future()
        hand_over = _HandOver(loop, arrival)
        self.add_done_callback(hand_over)
        self.force()
        try:
            yield from arrival
        except asyncio.CancelledError:
            self.remove_done_callback(hand_over)
            self.cancel()
            raise

    def _wait(
        self, timeout: SupportsFloat | SupportsIndex | None, deadline: SupportsFloat | SupportsIndex | None
    ) -> None:
        seconds = _seconds(timeout, deadline)
        if self._state != _PENDING:
            return
        self.force()
        arrived = allocate_lock()
        arrived.acquire()
        arrive = _Arrive(arrived)
        self.add_done_callback(arrive)
        lend = getattr(threading.current_thread(), "lend", None)
        try:
            if self._state == _PENDING:
                if lend is None:
                    came = arrived.acquire(timeout=seconds)
                else:
                    with lend():  # a worker that waits for other work lends its place in the pool
                        came = arrived.acquire(timeout=seconds)
                if not came and self._state == _PENDING:
                    raise TimeoutError
        finally:
            self.remove_done_callback(arrive)

    def _failure(self) -> tuple[BaseException, TracebackType | None]:
        if self._state == _CANCELLED:
            from asyncio import CancelledError

            return CancelledError(), None
        error: tuple[BaseException, TracebackType | None] = self._outcome
        return error

    def __repr__(self) -> str:
        state = ("pending", "value", "error", "cancelled")[self._state]
        return f"<tegula.Future {state}>"

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("cannot pickle 'tegula.Future' object")

    def __init_subclass__(cls) -> None:
        raise TypeError("type 'tegula.Future' is not an acceptable base type")


class _Arrive:
    """Wakes a thread that waits."""

    __slots__ = ("_arrived",)

    def __init__(self, arrived: LockType) -> None:
        self._arrived = arrived

    def __call__(self, _: object) -> None:
        self._arrived.release()


class _HandOver:
    """Wakes a task of an event loop that waits."""

    __slots__ = ("_arrival", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop, arrival: asyncio.Future[None]) -> None:
        self._loop, self._arrival = loop, arrival

    def __call__(self, _: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits there any more
            self._loop.call_soon_threadsafe(self._arrive)

    def _arrive(self) -> None:
        if not self._arrival.done():
            self._arrival.set_result(None)


_OWN = (_Arrive, _HandOver)


def ready(value: T) -> Future[T]:
    """Return a future that is ready with `value`, as it is."""
    future: Future[T] = object.__new__(Future)
    future._state = _VALUE
    future._outcome = value
    return future


def pending(
    on_cancel: Callable[[], object] | None = None, on_force: Callable[[], object] | None = None
) -> Future[Any]:
    """Return a pending future, to be settled by `settle`.

    `on_cancel` is called when it is cancelled, `on_force` when its answer is first asked for.
    """
    future: Future[Any] = object.__new__(Future)
    future._state = _PENDING
    future._outcome = None
    future._callbacks = []
    future._on_cancel = on_cancel
    future._on_force = on_force
    return future


def settle(
    future: Future[T],
    value: Any,
    error: BaseException | None = None,
    state: int = _VALUE,
    *,
    quickly: bool = False,
) -> bool | None:
    """Give a pending future its outcome and call its callbacks; False where it had one already.

    `quickly` is for a thread that nobody may hold up: None, and nothing is done, where that would call what a
    user has written.
    """
    if error is not None:
        state, value = _ERROR, (error, error.__traceback__)
    with _lock:
        if future._state != _PENDING:
            return False
        if quickly and any(type(callback) not in _OWN for callback in future._callbacks):
            return None
        future._outcome = value
        future._state = state
        callbacks = future._callbacks
        future._callbacks = []
        future._on_cancel = future._on_force = None
    for callback in callbacks:
        _call(callback, future)
    return True


def forget(future: Future[Any], error: BaseException) -> None:
    """Fail a future whose maker is gone (after a fork), calling nobody."""
    with _lock:
        if future._state == _PENDING:
            future._callbacks = []
            settle(future, None, error)


def _call(callback: Callable[[Future[T]], object], future: Future[T]) -> None:
    try:
        callback(future)
    except BaseException as error:
        # nobody waits for a callback: say it where uncaught errors of threads are said
        sys.excepthook(type(error), error, error.__traceback__)


def _seconds(
    timeout: SupportsFloat | SupportsIndex | None, deadline: SupportsFloat | SupportsIndex | None
) -> float:
    """Return how long to wait: -1 for ever, as locks have it."""
    if timeout is None and deadline is None:
        return -1
    bounds = []
    if timeout is not None:
        bounds.append(_number("timeout", timeout))
    if deadline is not None:
        bounds.append(_number("deadline", deadline) - time.time())
    seconds = min(bounds)
    return min(seconds, threading.TIMEOUT_MAX) if seconds > 0 else 0  # not a number: do not wait


def _number(name: str, value: Any) -> float:
    if isinstance(value, str | bytes | bytearray):
        raise TypeError(f"{name} must be a real number, not {type(value).__name__}")
    return float(value)


def _scheduled(program: Coroutine[object, Never, T], loop: asyncio.AbstractEventLoop | None) -> Future[T]:
    import asyncio

    if loop is None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise InvalidArgument(
                "no event loop specified and thread does not have a default event loop"
            ) from None
    task = asyncio.run_coroutine_threadsafe(program, loop)
    future = pending(on_cancel=task.cancel)

    def finish(_: object) -> None:
        if task.cancelled():  # from within; where it is the future that was, this comes too late
            settle(future, None, asyncio.CancelledError())
        elif (error := task.exception()) is not None:
            settle(future, None, error)
        else:
            settle(future, task.result())

    task.add_done_callback(finish)
    return future


@public("Promise")
@final
class Promise(Generic[T]):
    """The other end of a future: who holds it owes an answer.  Made by `Promise.new`.

    >>> promise, future = Promise.new()
    >>> promise.set_result(5)
    >>> future.result()
    5
    """

    __slots__ = ("__weakref__", "_future")

    if not TYPE_CHECKING:
        __class_getitem__ = classmethod(GenericAlias)

    _future: Future[T]

    def __init__(self) -> None:
        raise TypeError("cannot create 'tegula.Promise' instances")

    @staticmethod
    def new(
        *, on_cancel: Callable[[], object] | None = None, on_force: Callable[[], object] | None = None
    ) -> tuple[Promise[T], Future[T]]:
        """Return a promise and its future.

        Args:
            on_cancel: called when the future is cancelled.
            on_force: called when its answer is first asked for.

        >>> promise, future = Promise.new()
        >>> promise.set_result([1, 2])
        >>> future.result()
        [1, 2]
        """
        promise: Promise[T] = object.__new__(Promise)
        promise._future = pending(on_cancel, on_force)
        return promise, promise._future

    def set_result(self, result: T) -> None:
        """Make the future ready with a value; does nothing where it is ready or cancelled.

        >>> promise, future = Promise.new()
        >>> promise.set_result(5)
        >>> promise.set_result(6)
        >>> future.result()
        5
        """
        settle(self._future, result)

    def set_exception(self, exception: BaseException) -> None:
        """Make the future fail; does nothing where it is ready or cancelled.

        Raises:
            TypeError: it is no exception.

        >>> promise, future = Promise.new()
        >>> promise.set_exception(KeyError("gone"))
        >>> future.exception()
        KeyError('gone')
        """
        if not isinstance(exception, BaseException):
            raise TypeError(f"not an exception: {exception!r}")
        settle(self._future, None, exception)

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("cannot pickle 'tegula.Promise' object")

    def __init_subclass__(cls) -> None:
        raise TypeError("type 'tegula.Promise' is not an acceptable base type")

    def __del__(self) -> None:
        future: Future[T] | None = getattr(self, "_future", None)
        if future is not None and not future.done():
            settle(future, None, Aborted("the promise was dropped without a result"))


def _install_fork_hook() -> None:
    import os

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_after_fork)


_install_fork_hook()
