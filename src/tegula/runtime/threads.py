"""The default interpreter: programs on a shared pool of plain daemon threads.

Knows how requests of a machine are spread over threads.  Must not know what they are.

A worker that answers an effect feeds the machine and goes on with the first request that follows, so
a straight line makes no hops; further requests (the children of an `All`) are queued for whoever is
idle.  A parent that waits for its children is data in the machine and holds no thread, so programs
of any nesting run in a pool of one.  A worker that blocks in `Future.result` lends its place to a
new thread meanwhile, so that user functions may wait for other operations.  A program that sleeps is
left to a timer, one that waits for another's signal to whoever gives it, and one that waits for a store far
away to the store's connections: waiting holds no thread, and keeps nobody from working.

Queue: a deque of requests, and a stack of idle workers each asleep on a lock of its own.  `deque` and
`list` operations are atomic, so the only lock is taken to start a thread.  As many workers are woken
as there is work for them, the last to fall asleep first.

Lifetime: threads start on first use.  At a normal interpreter exit what was accepted is finished,
except programs that may be abandoned (reads).  After ``os.fork`` the child has an empty pool that
starts on first use; futures of operations that run in the parent fail in the child with `Aborted`
instead of waiting for ever.

Law: same answers and errors as `inline.run`.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from _thread import allocate_lock
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeAlias, TypeVar
from weakref import WeakSet

from tegula.effects.control import Room, Signal, Wait
from tegula.effects.effect import Call, Effect, Program
from tegula.effects.world import Sleep
from tegula.errors import Aborted, InvalidArgument
from tegula.runtime import forks as forks  # a fork beside our threads waits for what they import
from tegula.runtime.apart import Apart
from tegula.runtime.future import Future, forget, pending, settle
from tegula.runtime.limits import Gate, room, wait
from tegula.runtime.machine import Machine, Requests, Task
from tegula.runtime.timer import Timer

__all__ = ["Pool", "shared_pool", "submit"]

ROUNDS = 8  # how often an interpreter that exits waits for what was accepted since it waited last
T = TypeVar("T")
Perform: TypeAlias = Callable[[Effect[Any]], Any]


class _Job(Machine):
    """A machine, who answers its effects, and the future that waits for it."""

    __slots__ = ("answer", "begin", "droppable", "future", "gate", "hosted", "ours", "programs")

    def __init__(
        self, program: Program[Any], perform: Perform, droppable: bool, hosted: bool, ours: bool
    ) -> None:
        super().__init__(program)
        # who answers may say which gate is to be passed first, and answer without passing it again
        self.gate: Callable[[Effect[Any]], Gate | None] | None = getattr(perform, "gate", None)
        self.answer: Perform = perform if self.gate is None else perform.answer  # type: ignore[attr-defined]
        # and may start what holds no thread while it is under way
        self.begin: Callable[..., bool] | None = getattr(perform, "begin", None)
        # and which effects may be answered by programs, which are then run as part of the job
        self.programs: dict[type[Effect[Any]], Callable[[Any], Call[Program[Any]] | None]] = getattr(
            perform, "programs", {}
        )
        self.droppable = droppable
        self.hosted = hosted  # whether it is run, as long as it is quick, by who serves its connections
        self.ours = ours  # whether nothing is called that a user has written
        # None once it has its outcome: the traceback of an error holds frames that hold the job
        self.future: Future[Any] | None = pending(self.abandon if droppable else None)

    def dropped(self) -> bool:
        """Whether nobody waits for the program any more."""
        return self.abandoned


class _Answered:
    """The answer of a request that had to wait: that its sleep is over, or the room it asked for."""

    __slots__ = ("value",)

    def __init__(self, value: Any = None) -> None:
        self.value = value


class _Ended:
    """The end of a request that was started: a function that returns the answer or raises."""

    __slots__ = ("end",)

    def __init__(self, end: Callable[[], Any]) -> None:
        self.end: Any = end


class _Admitted:
    """A request that may be answered: it passes no gate yet, or has waited at one and is in."""

    __slots__ = ("effect", "gate")

    def __init__(self, effect: Effect[Any], gate: Gate | None = None) -> None:
        self.effect: Effect[Any] | None = effect
        self.gate = gate


# A job to start (no ticket), a request to answer, or one that had to wait.  What is in these is taken out:
# who drives a straight line holds its first item until the end, and must hold no bytes with it.
_Work: TypeAlias = "tuple[_Job, Task | None, _Answered | _Ended | _Admitted | None]"


class _Worker(threading.Thread):
    """One thread of a pool; `lend` lets another take its place while it blocks."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(name="tegula-worker", daemon=True)
        self.pool = pool
        self.gate: Gate | None = None  # the one that we are in
        self.at, self.since = -1, 0.0  # see `runtime.apart`
        self.bound: set[int] | None = None
        self.wake = allocate_lock()
        self.wake.acquire()

    def run(self) -> None:
        self.pool._serve(self)

    @contextmanager
    def lend(self) -> Iterator[None]:
        """Give this worker's places, in the pool and in a gate, away for a while."""
        gate, self.gate = self.gate, None
        if gate is not None:
            gate.leave()
        self.pool._lend(+1)
        try:
            yield
        finally:
            self.pool._lend(-1)
            if gate is not None:
                wait(gate)
                self.gate = gate


class Pool:
    """Runs programs on at most `size` threads (None: four a processor, from 4 to 32)."""

    def __init__(self, size: int | None = None) -> None:
        if size is not None and size < 1:
            raise InvalidArgument(f"a pool needs at least one thread, not {size}")
        self.size = size if size is not None else max(4, min(32, 4 * (os.cpu_count() or 1)))
        self._jobs: set[_Job] = set()
        self._reset()
        _pools.add(self)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._work: deque[_Work] = deque()
        self._idle: list[_Worker] = []
        self._timer = Timer()
        self._apart = Apart()
        self._threads = 0
        self._lent = 0

    def submit(
        self,
        program: Program[T],
        perform: Perform,
        *,
        abandon: bool = False,
        here: bool = False,
        ours: bool = False,
    ) -> Future[T]:
        """Run `program` on the pool, with `perform` to answer its effects from any of its threads.

        With `abandon` the program is dropped when its Future is cancelled or the interpreter exits;
        without, it runs to its end whatever becomes of the Future: an accepted write lands.

        `here` is for a program that does no more than ask a store far away for little: the caller begins it,
        and the thread that serves the store's connections ends it, with no worker between.

        `ours` says that the program calls nothing that a user has written: see `runtime.apart`.
        """
        if not self.size:
            program.close()
            raise InvalidArgument("the pool is closed")
        job = _Job(program, perform, abandon, here, ours)
        future = job.future
        assert future is not None
        self._jobs.add(job)
        if here:
            self._drive(None, job, None, None)
        else:
            self._enqueue([(job, None, None)])
        return future

    def _enqueue(self, work: list[_Work]) -> None:
        self._work.extend(work)
        for _ in work:
            try:
                worker = self._idle.pop()
            except IndexError:
                break
            if work[0][0].ours:
                self._apart.send(worker)
            worker.wake.release()
        else:
            return
        if self._threads < self.size + self._lent:
            self._grow()

    def _grow(self) -> None:
        with self._lock:
            if self._threads >= self.size + self._lent or not self._work:
                return
            self._threads += 1
        caller = threading.current_thread()
        if isinstance(caller, _Worker):
            caller.pool._free(caller)  # a thread runs where the one may that starts it
        try:
            _Worker(self).start()
        except RuntimeError:  # no thread can be started (the interpreter is shutting down)
            with self._lock:
                self._threads -= 1
                alone = not self._threads
            while alone and self._work:
                self._drive(None, *self._work.popleft())

    def _lend(self, places: int) -> None:
        with self._lock:
            self._lent += places
        if places > 0 and self._work and not self._idle:
            self._grow()

    def _serve(self, worker: _Worker) -> None:
        work = self._work
        while True:
            try:
                item = work.popleft()
            except IndexError:
                self._free(worker)
                if self._threads > self.size + self._lent and self._leave():
                    return
                self._idle.append(worker)
                if work:  # it came between the two lines above
                    try:
                        self._idle.remove(worker)
                        continue
                    except ValueError:
                        pass  # somebody is waking this worker already
                worker.wake.acquire()
                if not work:
                    self._apart.spare()
                continue
            if not item[0].ours:
                self._free(worker)
            if work and not self._idle and self._threads < self.size + self._lent:
                self._grow()
            self._drive(worker, *item)
            del item

    def _free(self, worker: _Worker | None) -> None:
        """Let the system put this thread on any processor: it stops, or begins what may be a user's."""
        if worker is not None and worker.at >= 0:
            self._apart.leave(worker)

    def _leave(self) -> bool:
        with self._lock:
            if self._threads > self.size + self._lent:
                self._threads -= 1
                return True
            return False

    def _drive(self, worker: _Worker | None, job: _Job, ticket: Task | None, item: Any) -> None:
        """Answer a request and those that follow in a straight line; queue the others."""
        feed, answer_of, gate_of, begin = job.feed, job.answer, job.gate, job.begin
        gate: Gate | None = None
        programs = job.programs
        requests: Requests
        if ticket is None:
            requests = [] if job.finished else job.start()
        elif type(item) is _Answered:
            value, item.value = item.value, None
            requests = feed(ticket, value)
            del value
        elif type(item) is _Ended:
            end, item.end = item.end, None
            try:
                answer = end()
            except BaseException as error:
                requests = feed(ticket, None, error)
            else:
                requests = feed(ticket, answer)
                del answer
            del end
        else:
            requests, gate = [(ticket, item.effect)], item.gate
            item.effect = None
        while requests:
            ticket, effect = requests[0]
            if len(requests) > 1:
                self._enqueue([(job, other, _Admitted(wanted)) for other, wanted in requests[1:]])
            requests = []
            if job.abandoned:
                if gate is not None:
                    gate.leave()
                    gate = None
                requests = feed(ticket, None)
                continue
            if gate is None and type(effect) in programs:
                call = programs[type(effect)](effect)
                if call is not None:
                    requests = job.call(ticket, call)
                    continue
            if gate is None and gate_of is not None:
                if type(effect) is Room:
                    held = room(effect, partial(self._resume, job, ticket))
                    if held is None:
                        return
                    requests = feed(ticket, held)
                    del held
                    continue
                gate = gate_of(effect)
                if gate is not None and not gate.enter():
                    gate.queue(partial(self._enqueue, [(job, ticket, _Admitted(effect, gate))]))
                    return
            if type(effect) is Sleep:
                self._free(worker)
                if self._sleep(job, ticket, effect.seconds):
                    return
            if type(effect) is Wait and self._park(job, ticket, effect.signal):
                return
            if worker is not None:
                worker.gate = gate
            try:
                if begin is not None and begin(effect, partial(self._ended, job, ticket), job.dropped):
                    return  # such an effect passes no gate: its store has limits of its own
                if job.ours and worker is not None:
                    self._apart.enter(worker)
                answer = answer_of(effect)
            except BaseException as error:
                if gate is not None:
                    gate.leave()
                    gate = None
                requests = feed(ticket, None, error)
            else:
                del effect  # what was written or decoded is let go before who waits for its room is let in
                if gate is not None:
                    gate.leave()
                    gate = None
                requests = feed(ticket, answer)
                del answer
        if job.finished:
            self._free(worker)  # callbacks are a user's
            self._finish(job, quickly=worker is None and job.hosted)

    def _ended(self, job: _Job, ticket: Task, end: Callable[[], Any], quick: bool = False) -> None:
        """Go on with a request that was started and has ended: here, if `quick` says that `end` is."""
        if quick and job.hosted:
            self._drive(None, job, ticket, _Ended(end))
        else:
            self._enqueue([(job, ticket, _Ended(end))])

    def _resume(self, job: _Job, ticket: Task, value: Any = None) -> None:
        """Go on with a ticket that had to wait for its answer."""
        self._enqueue([(job, ticket, _Answered(value))])

    def _sleep(self, job: _Job, ticket: Task, seconds: float) -> bool:
        """Leave a ticket to the timer; False where there is nothing to wait for, or no timer any more."""
        if not seconds > 0:
            return False
        try:
            self._timer.after(seconds, partial(self._resume, job, ticket))
        except RuntimeError:
            return False
        return True

    def _park(self, job: _Job, ticket: Task, signal: Signal) -> bool:
        """Leave a ticket until a signal is given; False where it was given already."""
        if signal.done():
            return False
        signal.add_done_callback(partial(self._resume, job, ticket))
        return True

    def _finish(self, job: _Job, quickly: bool) -> None:
        # Two workers may come here at once, each after feeding its last ticket: only the first settles.
        future = job.future
        if future is None:
            return
        if settle(future, job.value, job.error, quickly=quickly) is None:
            self._enqueue([(job, None, None)])  # a user's callback is for a worker
            return
        job.error = job.value = job.future = None
        self._jobs.discard(job)

    def drain(self) -> None:
        """Cancel what may be abandoned, and wait until everything else that was accepted is finished.

        What is accepted meanwhile (by a callback, by a daemon thread) is waited for, too, a few times over:
        not for ever, where somebody never stops.
        """
        for job in tuple(self._jobs):
            if job.droppable and (future := job.future) is not None:
                future.cancel()
        for _ in range(ROUNDS):
            accepted = {job for job in tuple(self._jobs) if not job.droppable}
            pause = 0.0005
            while not accepted.isdisjoint(tuple(self._jobs)):
                time.sleep(pause)
                pause = min(pause * 1.5, 0.02)
            if not accepted:
                return

    def close(self) -> None:
        """Finish what was accepted and let the threads end; nothing can be submitted any more."""
        self.drain()
        self.size = 0
        while self._idle:
            self._idle.pop().wake.release()

    def _after_fork(self) -> None:
        jobs = self._jobs
        self._jobs = set()
        self._reset()
        _orphans.extend(jobs)  # their suspended programs are the parent's: never closed here
        for job in jobs:
            if (future := job.future) is not None:
                forget(future, Aborted("the operation runs in the process that this one was forked from"))


_pools: WeakSet[Pool] = WeakSet()
_orphans: list[_Job] = []
_shared: Pool | None = None
_shared_lock = threading.Lock()


def shared_pool() -> Pool:
    """Return the pool that the process shares; it is made, and its threads start, on first use."""
    global _shared
    if _shared is None:
        with _shared_lock:
            if _shared is None:
                _shared = Pool()
    return _shared


def submit(
    program: Program[T],
    perform: Perform,
    *,
    abandon: bool = False,
    here: bool = False,
    ours: bool = False,
) -> Future[T]:
    """Run `program` on the shared pool: `Pool.submit`.

    >>> from tegula.effects.world import Entropy
    >>> async def one():
    ...     return await Entropy(1)
    >>> submit(one(), lambda effect: b"x" * effect.size).result()
    b'x'
    """
    return shared_pool().submit(program, perform, abandon=abandon, here=here, ours=ours)


def _drain_all() -> None:
    for pool in tuple(_pools):
        pool.drain()


def _after_fork() -> None:
    global _shared_lock
    _shared_lock = threading.Lock()
    for pool in tuple(_pools):
        pool._after_fork()


atexit.register(_drain_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
