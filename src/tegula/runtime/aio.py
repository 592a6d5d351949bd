"""The asyncio interpreter: a program as a coroutine of a running event loop.

Knows how requests of a machine become tasks of a loop.  Must not know what they are.

`await store.read()` needs none of this: a `Future` can be awaited in any loop, and its program runs on the
shared threads.  This is for who performs effects natively in a loop: `perform` may answer an effect with
an awaitable (a leaf that speaks asyncio).  What it answers by a plain function runs on a thread of the
loop's executor, one hop a *block* (a hop costs some 60 us, a file library with one hop a call several);
with ``threads=False``, for platforms without any, in the loop itself.

A straight line of requests stays in one task; the further ones (the children of an `All`) have tasks of
their own.  Sleeping, and waiting at a gate or for room, holds no thread.  When the awaiting task is
cancelled nothing new starts, and the cancellation goes on when what was under way is over: no task is
left behind.

Law: same answers and errors as `inline.run`.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from tegula.effects.control import Held, Room, Wait
from tegula.effects.effect import Effect, Program
from tegula.effects.world import Entropy, Now, Sleep
from tegula.runtime.limits import Gate, room
from tegula.runtime.machine import Machine, Requests, Task

__all__ = ["run"]

T = TypeVar("T")
_QUICK = (Now, Entropy)


async def run(program: Program[T], perform: Callable[[Effect[Any]], Any], *, threads: bool = True) -> T:
    """Run `program` in the running loop, with `perform` to answer each effect; return its answer.

    `perform` is called on a thread where it is a plain function (in the loop with ``threads=False``), and
    in the loop where it is a coroutine function.  Raises what the program raises.

    >>> from tegula.effects.world import Entropy
    >>> async def two():
    ...     return [await Entropy(1), await Entropy(2)]
    >>> asyncio.run(run(two(), lambda effect: b"x" * effect.size))
    [b'x', b'xx']
    """
    loop = asyncio.get_running_loop()
    driver = _Driver(program, perform, loop, threads)
    driver.follow(driver.machine.start())
    cancelled = False
    while driver.tasks:
        try:
            await asyncio.wait(driver.tasks)
        except asyncio.CancelledError:
            cancelled = True
            driver.machine.abandon()
    if cancelled:
        raise asyncio.CancelledError
    machine = driver.machine
    error, machine.error = machine.error, None
    if error is not None:
        try:
            raise error
        finally:
            del error, machine, driver  # the traceback holds this frame
    value: T = machine.value
    return value


class _Driver:
    """One program under way in one loop, and the tasks that answer its requests."""

    def __init__(
        self,
        program: Program[Any],
        perform: Callable[[Effect[Any]], Any],
        loop: asyncio.AbstractEventLoop,
        threads: bool,
    ) -> None:
        self.machine = Machine(program)
        self.loop = loop
        self.gate: Callable[[Effect[Any]], Gate | None] | None = getattr(perform, "gate", None)
        self.answer: Callable[[Effect[Any]], Any] = (
            perform if self.gate is None else perform.answer  # type: ignore[attr-defined]
        )
        called = self.answer if inspect.isroutine(self.answer) else type(self.answer).__call__
        self.threads = threads and not inspect.iscoroutinefunction(called)
        self.tasks: set[asyncio.Task[None]] = set()

    def follow(self, requests: Requests) -> None:
        """Start a task for each request."""
        for ticket, effect in requests:
            task = self.loop.create_task(self._line(ticket, effect))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def _line(self, ticket: Task, effect: Effect[Any]) -> None:
        """Answer a request and those that follow in a straight line."""
        machine = self.machine
        while True:
            value, error = None, None
            if not machine.abandoned:
                try:
                    value = await self._answered(effect)
                except BaseException as caught:
                    error = caught
            requests = machine.feed(ticket, value, error)
            del value, error
            if not requests:
                return
            ticket, effect = requests[0]
            self.follow(requests[1:])

    async def _answered(self, effect: Effect[Any]) -> Any:
        if type(effect) is Sleep:
            await asyncio.sleep(max(0.0, effect.seconds))
            return None
        if type(effect) is Wait:
            given: asyncio.Future[None] = self.loop.create_future()
            effect.signal.add_done_callback(lambda _: self.loop.call_soon_threadsafe(given.set_result, None))
            await given
            return None
        if self.gate is None:
            return await self._performed(effect)
        if type(effect) is Room:
            late: asyncio.Future[Held] = self.loop.create_future()
            held = room(effect, lambda one: self.loop.call_soon_threadsafe(late.set_result, one))
            return held if held is not None else await late
        gate = self.gate(effect)
        if gate is None:
            return await self._performed(effect)
        if not gate.enter():
            arrived: asyncio.Future[None] = self.loop.create_future()
            gate.queue(lambda: self.loop.call_soon_threadsafe(arrived.set_result, None))
            await arrived
        try:
            return await self._performed(effect)
        finally:
            gate.leave()

    async def _performed(self, effect: Effect[Any]) -> Any:
        if self.threads and not isinstance(effect, _QUICK):
            outcome, error = await self.loop.run_in_executor(None, _outcome, self.answer, effect)
            if error is not None:
                raise error
            return outcome
        found = self.answer(effect)
        return await found if inspect.isawaitable(found) else found


def _outcome(answer: Callable[[Effect[Any]], Any], effect: Effect[Any]) -> tuple[Any, BaseException | None]:
    """Return the answer of an effect, or its error: not every error passes through an executor."""
    try:
        return answer(effect), None
    except BaseException as error:
        return None, error
