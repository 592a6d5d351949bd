"""The machine: what it means to run a program, without doing any of it (sans-IO, in the style of h11).

A *program* is an ``async def`` coroutine that awaits effects.  A *task* is a program under way.  The
machine turns answers into new requests and touches nothing else:

    machine = Machine(program)
    requests = machine.start()               # [(ticket, effect), ...]
    ...answer an effect, anywhere, in any order, on any thread...
    requests = machine.feed(ticket, value)   # or machine.feed(ticket, None, error)

until `machine.finished`.  Every interpreter (inline, threads, simulated) is a way to choose which
request is answered next, so they can not disagree about anything that is decided here:

- a straight line: every task has at most one request out; its answer steps it to its next one;
- fork and join: `All` starts its calls in order, at most `limit` at a time; the parent is parked as
  data (it holds no thread) until all that started have finished; the answers come in order;
- failure: when a child fails nothing new starts, what has started finishes, and the error of the
  lowest number is raised.  Since children start in order, that is the lowest number that fails at
  all, whatever the schedule: failures are as deterministic as answers;
- abandonment: after `abandon`, starting, or feeding a ticket, closes the program instead of stepping
  it, and so on up to the root.  When all tickets are back every coroutine is closed: nothing leaks;
- a foreign awaitable (an asyncio future, say) is an error raised at the ``await`` that is wrong.

`limit` is an upper bound and there is no lower one: a program must not wait for its sibling.
`width` bounds every limit further; with ``width=1`` there is never more than one request out.

Tickets may be fed from several threads at once.  A task is touched only by who holds its ticket; a
join is the only state that tasks share, and it has a lock that is held for a few assignments.
"""

from __future__ import annotations

from _thread import allocate_lock
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, TypeAlias

from tegula.effects.control import All
from tegula.effects.effect import Call, Effect, Program
from tegula.errors import InvalidArgument

__all__ = ["Machine", "Requests", "Task", "foreign"]


class Task:
    """One program under way; also the ticket of its one outstanding request."""

    __slots__ = ("join", "number", "program")

    def __init__(self, program: Program[Any], join: _Join | None, number: int) -> None:
        self.program = program
        self.join = join
        self.number = number


Requests: TypeAlias = list[tuple[Task, Effect[Any]]]


class _Join:
    """The children of one `All`: which are to start, how many run, what they answered."""

    __slots__ = (
        "answers",
        "calls",
        "error",
        "failed",
        "limit",
        "lock",
        "over",
        "parent",
        "running",
        "single",
        "started",
    )

    def __init__(
        self, parent: Task, calls: Sequence[Call[Program[Any]]], limit: int, single: bool = False
    ) -> None:
        self.parent = parent
        self.calls = calls
        self.limit = limit
        self.lock = allocate_lock()
        self.answers: list[Any] = [None] * len(calls)
        self.started = 0
        self.running = 0
        self.failed = -1
        self.error: BaseException | None = None
        self.over = False
        self.single = single

    @property
    def value(self) -> Any:
        """What the parent is answered."""
        return self.answers[0] if self.single else self.answers

    def claim(self) -> int:
        """Take the number of the next child to start, or -1 where none may start now."""
        with self.lock:
            number = self.started
            if self.error is not None or number == len(self.answers) or self.running >= self.limit:
                return -1
            self.started = number + 1
            self.running += 1
            return number

    def finish(self, number: int, value: Any, error: BaseException | None) -> bool:
        """Record the end of a child; return whether it was the last one (true exactly once)."""
        with self.lock:
            self.running -= 1
            if error is None:
                self.answers[number] = value
            elif self.error is None or number < self.failed:
                self.failed, self.error = number, error
            return self._over()

    def stop(self) -> bool:
        """Start no more children, the program is abandoned; return whether none is left (true once)."""
        with self.lock:
            if self.error is None and self.started < len(self.answers):
                self.failed, self.error = len(self.answers), GeneratorExit("abandoned")
            return self._over()

    def _over(self) -> bool:
        if self.over or self.running or (self.error is None and self.started < len(self.answers)):
            return False
        self.over = True
        return True


class Machine:
    """Runs one program: hand it answers, it hands back requests.

    `finished` becomes true once, and then `value` and `error` (None where it succeeded) say how.
    """

    __slots__ = ("_program", "abandoned", "error", "finished", "value", "width")

    def __init__(self, program: Program[Any], width: int | None = None) -> None:
        self._program: Program[Any] | None = program
        self.width = width
        self.abandoned = False
        self.finished = False
        self.value: Any = None
        self.error: BaseException | None = None

    def start(self) -> Requests:
        """Start the program and return its first requests."""
        program, self._program = self._program, None
        if program is None:
            raise RuntimeError("a machine starts once")
        if self.abandoned:
            with suppress(BaseException):
                program.send(None)  # a program that wraps another takes hold of it, so that both are closed
        return self.feed(Task(program, None, 0), None)

    def abandon(self) -> None:
        """Ask that nothing more is done; `start`, or a last `feed` of each ticket out, closes all."""
        self.abandoned = True

    def call(self, ticket: Task, call: Call[Program[Any]]) -> Requests:
        """Answer one request by a program, run under this machine; return the requests that follow."""
        join = _Join(ticket, (call,), 1, single=True)
        join.started = join.running = 1
        try:
            program = call()
        except BaseException as error:
            return self.feed(ticket, None, error)
        return self.feed(Task(program, join, 0), None)

    def feed(self, ticket: Task, value: Any, error: BaseException | None = None) -> Requests:
        """Give the answer (or the error) of one request; return the requests that follow from it."""
        requests: Requests = []
        waiting: list[_Join] = []  # joins that may have room for one more child, innermost last
        task = ticket
        join: _Join | None = None
        following: tuple[Task, Any, BaseException | None] | None = None
        try:
            while True:
                # Step one task: to its next request, to a fork, or to its end.
                try:
                    if self.abandoned:
                        task.program.close()
                        raise GeneratorExit("abandoned")
                    effect = task.program.send(value) if error is None else task.program.throw(error)
                except StopIteration as stop:
                    value, error = stop.value, None
                except BaseException as caught:
                    value, error = None, caught
                else:
                    if isinstance(effect, All):
                        value, error = None, None
                        if effect.limit is not None and effect.limit < 1:
                            error = InvalidArgument(f"limit must be at least 1, not {effect.limit}")
                            continue
                        if not effect.calls:
                            value = []
                            continue
                        limit = min(effect.limit or len(effect.calls), self.width or len(effect.calls))
                        waiting.append(_Join(task, effect.calls, limit))
                    elif isinstance(effect, Effect):
                        requests.append((task, effect))
                        if not waiting:
                            return requests
                    else:
                        value, error = None, foreign(effect)
                        continue
                    following = self._next(waiting)
                    if following is None:
                        return requests
                    task, value, error = following
                    continue
                # The task has ended: tell its join, or the world.
                join = task.join
                if join is None:
                    self.value, self.error = value, error
                    self.finished = True
                    return requests
                if join.finish(task.number, value, error):
                    if waiting and waiting[-1] is join:
                        waiting.pop()
                    task, value, error = join.parent, join.value, join.error
                    continue
                if not (waiting and waiting[-1] is join):
                    waiting.append(join)
                following = self._next(waiting)
                if following is None:
                    return requests
                task, value, error = following
        finally:
            error = join = following = None  # or the traceback of an error, which holds this frame, would
            del task, ticket  # keep itself alive

    def _next(self, waiting: list[_Join]) -> tuple[Task, Any, BaseException | None] | None:
        """Return the next step to take for the joins in `waiting`: a child's first, or a parent's next."""
        while waiting:
            join = waiting[-1]
            if self.abandoned:
                waiting.pop()
                if join.stop():
                    return join.parent, None, join.error
                continue
            number = join.claim()
            if number < 0:
                waiting.pop()
                continue
            try:
                return Task(join.calls[number](), join, number), None, None
            except BaseException as error:
                if join.finish(number, None, error):
                    waiting.pop()
                    return join.parent, join.value, join.error
        return None


def foreign(thing: object) -> TypeError:
    """Return the error of awaiting something that is no effect."""
    return TypeError(
        f"a program awaits effects and other programs only, not {type(thing).__module__}."
        f"{type(thing).__qualname__}: {thing!r}; no event loop runs here"
    )
