"""The simulated interpreter: one world of processes and stores in which everything that can happen is drawn.

Knows how real systems misbehave; must not know what the programs are for.  Requests that are out wait
in a list.  At each step a *draw* says which of them completes; how much time has passed; whether the
store fails before acting (`Unavailable`), or the answer is lost (`Indeterminate`): then the write has
landed, or never will, or is still under way and lands at some later step, even after its process has
ended; whether a process crashes: its programs stop where they are and each of its writes in flight
meets one of those three fates.  Clocks of processes differ by a drawn skew.

A source of draws is any function ``draw(n) -> 0 <= number < n``: `seeded`, or a Hypothesis strategy,
so that a failure shrinks; 0 is always the tame choice.  Batched and optimisation effects are taken by
their definition (`tegula.effects.handler.expanded`); with ``native=True`` blocks of keys go to the
stores as they are, in one step.

A program that waits for a signal goes on at some step after it was given; programs that all wait for signals
that nobody gives any more are an error, since they would wait for ever.

Law: equal draws give equal traces.  `World.script` prints what happened, one line an event.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from tegula.effects.control import Compute, Memo, Room, Wait
from tegula.effects.effect import Effect, Program
from tegula.effects.handler import expanded, expansion, handled
from tegula.effects.storage import (
    DeleteRange,
    ListPage,
    ReadColumns,
    ReadMany,
    Splice,
    Tried,
    TriedColumns,
    Write,
    WriteColumns,
    WriteMany,
)
from tegula.effects.world import Entropy, Now, Sleep
from tegula.errors import Indeterminate, Internal, ResourceExhausted, TegulaError, Unavailable
from tegula.kv.generation import UNKNOWN
from tegula.kv.spec import StoreRef
from tegula.row import NamedTuple
from tegula.runtime.machine import Machine, Requests, Task
from tegula.runtime.model_store import ModelStore

__all__ = ["Draw", "Event", "Faults", "Run", "World", "seeded"]

Draw: TypeAlias = Callable[[int], int]


_NATIVE: Mapping[type, str] = {ReadMany: "read_many", WriteMany: "write_many", Splice: "splice"}


def seeded(seed: int) -> Draw:
    """Return a source of draws that is the same for equal seeds."""
    from random import Random

    return Random(seed).randrange


@dataclass(frozen=True, slots=True)
class Faults:
    """How unkind the world is: chances in a hundred, a number of crashes, and times.

    `before`: the store does not act (`Unavailable`).  `lost`: the answer of a write is lost
    (`Indeterminate`).  `crash`: at a step, one process crashes, at most `crashes` in all.
    `latency`: most that the clock moves in a step, in milliseconds.  `skew`: most that the clock of
    a process is off, in seconds either way.
    """

    before: int = 0
    lost: int = 0
    crash: int = 0
    crashes: int = 1
    latency: int = 20
    skew: int = 0


class Event(NamedTuple):
    """One thing that happened: when, to which program of which process, and what."""

    clock: float
    process: str
    program: int
    what: str
    effect: Effect[Any] | None
    answer: str

    def __str__(self) -> str:
        shown = "" if self.effect is None else f" {self.effect!r}"
        answer = f" -> {self.answer}" if self.answer else ""
        return f"{self.clock:9.3f} {self.process}.{self.program} {self.what}{shown}{answer}"


class Storage(Protocol):
    """What a store must do here: answer one storage effect at once."""

    def perform(self, effect: Any, /) -> Any:
        """Return the answer, or raise."""


class Run:
    """One program in the world; `state` is "running", "returned", "raised" or "crashed"."""

    __slots__ = ("error", "machine", "number", "process", "state", "value")

    def __init__(self, process: str, number: int, machine: Machine) -> None:
        self.process = process
        self.number = number
        self.machine = machine
        self.state = "running"
        self.value: Any = None
        self.error: BaseException | None = None

    def __repr__(self) -> str:
        return f"<Run {self.process}.{self.number} {self.state} {self.error or self.value!r}>"


class _Pending(NamedTuple):
    run: Run
    ticket: Task
    effect: Effect[Any]
    asked: float


class World:
    """Processes over shared stores, under one source of draws.

    `stores` maps references to leaves; a store that is not there is a new `ModelStore`.

    >>> from tegula.effects.storage import Read
    >>> async def look():
    ...     return (await Read(StoreRef("model"), "a")).state
    >>> world = World(seeded(1))
    >>> run = world.spawn(look(), "p")
    >>> world.run()
    >>> run.value
    'missing'
    >>> print(world.script())  # doctest: +ELLIPSIS
        0.000 p.0 asks Read(...
        0.0... p.0 done Read(... -> ReadOutcome(state='missing', ...
        0.0... p.0 returned -> 'missing'
    """

    def __init__(
        self,
        draw: Draw,
        *,
        faults: Faults | None = None,
        stores: Mapping[StoreRef, Storage] | None = None,
        steps: int = 20_000,
        native: bool = False,
    ) -> None:
        self.draw = draw
        self.faults = faults or Faults()
        self.stores: dict[StoreRef, Storage] = dict(stores or {})
        self.clock = 0.0
        self.trace: list[Event] = []
        self.runs: list[Run] = []
        self._steps = steps
        self._native = native
        self._crashes = self.faults.crashes
        self._pending: list[_Pending] = []
        self._limbo: list[_Pending] = []
        self._skew: dict[str, float] = {}

    def store(self, ref: StoreRef) -> Storage:
        """Return the store that `ref` names."""
        if ref not in self.stores:
            self.stores[ref] = ModelStore(lambda: self.clock)
        return self.stores[ref]

    def spawn(self, program: Program[Any], process: str = "p") -> Run:
        """Let a process run a program; all programs of a process crash together."""
        if process not in self._skew:
            skew = self.faults.skew
            self._skew[process] = float(self.draw(2 * skew + 1) - skew if skew else 0)
        number = sum(run.process == process for run in self.runs)
        defined = handled(_calls_only, program, deep=True) if self._native else expanded(program)
        run = Run(process, number, Machine(defined))
        self.runs.append(run)
        self._follow(run, run.machine.start())
        return run

    def run(self) -> None:
        """Let things happen until every program has ended and every write has met its fate.

        Raises:
            ResourceExhausted: it did not end within `steps` steps.
            Internal: every program that is left waits for a signal that nobody will give.
        """
        for _ in range(self._steps):
            if not self._pending and not self._limbo:
                return
            if not self._limbo and not self._ready():
                self._stuck()
            self._step()
        self.close()
        raise ResourceExhausted(f"the simulated programs did not end within {self._steps} steps")

    def close(self) -> None:
        """Stop every program where it is, closing its coroutines; nothing more happens."""
        self._limbo.clear()
        for run in self.runs:
            self._stop(run)

    def script(self) -> str:
        """Return the trace as text, one line an event."""
        return "\n".join(map(str, self.trace))

    def _ready(self) -> list[int]:
        """Return which pending requests may be answered now: all but those that wait for a signal."""
        return [
            place
            for place, one in enumerate(self._pending)
            if not isinstance(one.effect, Wait) or one.effect.signal.done()
        ]

    def _stuck(self) -> None:
        waiting = sorted({f"{one.run.process}.{one.run.number}" for one in self._pending})
        for one in self._pending:
            self._log(one.run, "waits for ever", one.effect)
        self.close()
        raise Internal(f"simulated programs wait for signals that nobody gives: {', '.join(waiting)}")

    def _chance(self, percent: int) -> bool:
        return bool(percent) and self.draw(100) >= 100 - percent

    def _log(self, run: Run, what: str, effect: Effect[Any] | None = None, answer: str = "") -> None:
        self.trace.append(Event(self.clock, run.process, run.number, what, effect, answer))

    def _step(self) -> None:
        self.clock += self.draw(self.faults.latency + 1) / 1000
        ready = self._ready()
        if self._limbo and (not ready or self.draw(4) == 3):
            self._land(self._limbo.pop(self.draw(len(self._limbo))))
        elif self._crashes and self._chance(self.faults.crash):
            self._crash()
        else:
            self._complete(self._pending.pop(ready[self.draw(len(ready))]))

    def _complete(self, one: _Pending) -> None:
        run, ticket, effect, _ = one
        try:
            answer = self._answer(one)
        except BaseException as error:
            self._log(run, "fails", effect, repr(error))
            self._follow(run, run.machine.feed(ticket, None, error))
        else:
            self._log(run, "done", effect, repr(answer))
            self._follow(run, run.machine.feed(ticket, answer))

    def _answer(self, one: _Pending) -> Any:
        effect = one.effect
        match effect:
            case Sleep():
                self.clock = max(self.clock, one.asked + effect.seconds)
                return None
            case Wait():
                return None
            case Now():
                return self.clock + self._skew[one.run.process]
            case Entropy():
                return bytes(self.draw(256) for _ in range(effect.size))
        if self._chance(self.faults.before):
            raise Unavailable("simulated: the store did not act")
        if isinstance(effect, (Write, WriteMany, Splice, DeleteRange)) and self._chance(self.faults.lost):
            self._meet_fate(one)
            raise Indeterminate("simulated: the answer was lost")
        return self._apply(effect)

    def _apply(self, effect: Any) -> Any:
        store = self.store(effect.store)
        name = _NATIVE.get(type(effect), "perform")
        native = getattr(store, name, None)
        if native is not None:
            return native(effect)
        # A store without a native form: by definition, in one step.
        machine = Machine(expansion(effect), width=1)  # type: ignore[arg-type]
        requests = machine.start()
        while requests:
            ticket, inner = requests[0]
            answer = self.clock if isinstance(inner, Now) else store.perform(inner)
            requests = machine.feed(ticket, answer)
        return machine.value

    def _meet_fate(self, one: _Pending) -> None:
        """Decide what becomes of a write whose answer nobody gets."""
        fate = self.draw(3)
        if fate == 0:
            self._land(one)
        elif fate == 1:
            self._log(one.run, "is lost", one.effect)
        else:
            self._log(one.run, "is under way", one.effect)
            self._limbo.append(one)

    def _land(self, one: _Pending) -> None:
        try:
            answer = repr(self._apply(one.effect))
        except Exception as error:
            answer = repr(error)
        self._log(one.run, "lands", one.effect, answer)

    def _crash(self) -> None:
        alive = sorted({run.process for run in self.runs if run.state == "running"})
        if not alive:
            return
        self._crashes -= 1
        process = alive[self.draw(len(alive))]
        for run in self.runs:
            if run.process == process and run.state == "running":
                self._log(run, "crashes")
                flying = [one for one in self._pending if one.run is run]
                self._stop(run)
                for one in flying:
                    if isinstance(one.effect, (Write, WriteMany, Splice, DeleteRange)):
                        self._meet_fate(one)

    def _stop(self, run: Run) -> None:
        if run.state != "running":
            return
        run.machine.abandon()
        tickets = [one.ticket for one in self._pending if one.run is run]
        self._pending = [one for one in self._pending if one.run is not run]
        for ticket in tickets:
            run.machine.feed(ticket, None)
        run.state = "crashed"

    def _follow(self, run: Run, requests: Requests) -> None:
        for ticket, effect in requests:
            self._log(run, "asks", effect)
            self._pending.append(_Pending(run, ticket, effect, self.clock))
        machine = run.machine
        if machine.finished and run.state == "running":
            run.value, run.error = machine.value, machine.error
            run.state = "returned" if machine.error is None else "raised"
            self._log(run, run.state, None, repr(machine.error or machine.value))


def _calls_only(effect: Effect[Any]) -> Program[Any] | None:
    if isinstance(effect, Tried):
        return _tried(effect)
    return expansion(effect) if isinstance(effect, (Compute, Memo, Room, ListPage)) else None


async def _tried(effect: Tried) -> TriedColumns:
    """A native block fails as a whole: then each of its rows has failed, as far as anybody can tell."""
    try:
        return TriedColumns(await effect.block, {})
    except TegulaError as error:
        rows = len(effect.block.keys)
        unknown = [UNKNOWN] * rows
        writes = isinstance(effect.block, WriteMany)
        columns = WriteColumns(unknown, 0.0) if writes else ReadColumns([None] * rows, unknown, 0.0)
        return TriedColumns(columns, dict.fromkeys(range(rows), error))
