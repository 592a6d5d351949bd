"""The performer: answers one leaf effect where it is called, and waits for it.

Knows which part of the world each type of effect asks: a store's leaf, the clock, the source of
randomness, or just a function to call.  Must not know programs, except that a `Memo` runs one.

Law: native equals expanded: a leaf's own `read_many`, `write_many` and `splice` answer as the single effects
do that they mean.  A block whose rows fail raises the error of the lowest row.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Hashable
from typing import Any, Protocol

from tegula.effects.control import Compute, Held, Memo, Room, Wait
from tegula.effects.effect import Effect
from tegula.effects.handler import (
    children_of,
    origin_of,
    page_of,
    read_each,
    splice_of,
    try_each,
    write_each,
)
from tegula.effects.storage import (
    Children,
    DeleteRange,
    List,
    ListPage,
    Origin,
    Page,
    Provenance,
    Read,
    ReadColumns,
    ReadMany,
    Splice,
    Tried,
    TriedColumns,
    Write,
    WriteColumns,
    WriteMany,
    WriteOutcome,
)
from tegula.effects.world import Entropy, Now, Sleep
from tegula.errors import Internal
from tegula.kv.spec import StoreRef
from tegula.runtime.future import Future, pending, settle
from tegula.runtime.inline import run
from tegula.runtime.limits import Gate, compute_gate, room, store_gate, wait

__all__ = ["Performer"]


_STORAGE = frozenset((Read, Write, List, Children, DeleteRange, ReadMany, WriteMany, Splice))


class Answering(Protocol):
    """What is asked of a leaf here: answer one storage effect, and wait for it."""

    def perform(self, effect: Effect[Any]) -> Any:
        """Return the answer of `effect`, or raise."""


class Performer:
    """Answers effects: storage by the leaf that `leaf_of` finds for a store, the rest from the system.

    >>> Performer(leaf_of=None)(Entropy(3)).__len__()
    3
    """

    __slots__ = ("_flights", "_leaf_of", "_lock", "_table")

    def __init__(self, leaf_of: Callable[[StoreRef], Answering]) -> None:
        self._leaf_of = leaf_of
        self._lock = threading.Lock()
        self._flights: dict[Hashable, tuple[float, int, Future[Any]]] = {}
        self._table: dict[type[Effect[Any]], Callable[[Any], Any]] = {
            Read: self._single,
            Write: self._single,
            List: self._single,
            DeleteRange: self._single,
            ReadMany: self._read_many,
            WriteMany: self._write_many,
            Splice: self._splice,
            Children: self._children,
            Tried: self._tried,
            Origin: self._origin,
            ListPage: self._page,
            Compute: _compute,
            Memo: self._memo,
            Room: _room,
            Wait: _wait,
            Now: _now,
            Sleep: _sleep,
            Entropy: _entropy,
        }

    def __call__(self, effect: Effect[Any]) -> Any:
        """Return the answer of one effect, or raise its error; wait here where a limit says so."""
        kind = type(effect)
        gate: Gate | None = None
        if kind in _STORAGE:
            gate = store_gate(effect.store)  # type: ignore[attr-defined]
        elif kind is Compute and effect.within is not None:  # type: ignore[attr-defined]
            gate = compute_gate(effect.within)  # type: ignore[attr-defined]
        return self._within(gate, self.answer, effect)

    @staticmethod
    def _within(gate: Gate | None, answer: Callable[[Any], Any], effect: Effect[Any]) -> Any:
        if gate is None:
            return answer(effect)
        if not gate.enter():
            wait(gate)
        try:
            return answer(effect)
        finally:
            gate.leave()

    def gate(self, effect: Effect[Any]) -> Gate | None:
        """Return the gate that has to be passed before `answer` is asked on a shared thread."""
        kind = type(effect)
        if kind in _STORAGE:
            return store_gate(effect.store)  # type: ignore[attr-defined]
        return compute_gate(effect.within) if kind is Compute else None  # type: ignore[attr-defined]

    def answer(self, effect: Effect[Any]) -> Any:
        """Return the answer of one effect, or raise its error; its gate has been passed."""
        try:
            answer = self._table[type(effect)]
        except KeyError:
            raise Internal(f"no leaf answers {effect!r}") from None
        return answer(effect)

    def _single(self, effect: Any) -> Any:
        return self._leaf_of(effect.store).perform(effect)

    def _read_many(self, effect: ReadMany) -> ReadColumns:
        leaf = self._leaf_of(effect.store)
        native: Callable[[ReadMany], ReadColumns] | None = getattr(leaf, "read_many", None)
        if native is not None:
            return native(effect)
        return run(read_each(effect), self.answer)

    def _write_many(self, effect: WriteMany) -> WriteColumns:
        leaf = self._leaf_of(effect.store)
        native: Callable[[WriteMany], WriteColumns] | None = getattr(leaf, "write_many", None)
        if native is not None:
            return native(effect)
        return run(write_each(effect), self.answer)

    def _splice(self, effect: Splice) -> WriteOutcome:
        leaf = self._leaf_of(effect.store)
        native: Callable[[Splice], WriteOutcome] | None = getattr(leaf, "splice", None)
        if native is not None:
            return native(effect)
        return run(splice_of(effect), self.answer)

    def _children(self, effect: Children) -> list[str]:
        native: Callable[[Children], list[str]] | None = getattr(
            self._leaf_of(effect.store), "children", None
        )
        if native is not None:
            return native(effect)
        return run(children_of(effect), self.answer)

    def _tried(self, effect: Tried) -> TriedColumns:
        leaf = self._leaf_of(effect.block.store)
        native: Callable[[Tried], TriedColumns] | None = getattr(leaf, "tried", None)
        tried: TriedColumns
        if native is not None:
            tried = self._within(store_gate(effect.block.store), native, effect)
        else:
            tried = leaf.perform(effect) if _far(leaf) else run(try_each(effect), self)
        return tried

    def _origin(self, effect: Origin) -> Provenance:
        leaf = self._leaf_of(effect.store)
        found: Provenance = leaf.perform(effect) if _far(leaf) else run(origin_of(effect), self)
        return found

    def _page(self, effect: ListPage) -> Page:
        leaf = self._leaf_of(effect.store)
        page: Page = leaf.perform(effect) if _far(leaf) else run(page_of(effect), self)
        return page

    def _memo(self, effect: Memo[Any]) -> Any:
        me = threading.get_ident()
        with self._lock:
            flight = self._flights.get(effect.key)
            if flight is not None and flight[0] >= effect.not_before:
                owner, future = flight[1], flight[2]
                if owner == me:
                    raise Internal(f"the program of the memo {effect.key!r} asks for itself")
                mine = None
            else:
                mine = future = pending()
                self._flights[effect.key] = (time.time(), me, mine)
        if mine is None:
            return future.result()
        try:
            value = run(effect.call(), self)
        except BaseException as error:
            self._land(effect.key, mine)
            settle(mine, None, error)
            raise
        self._land(effect.key, mine)
        settle(mine, value)
        return value

    def _land(self, key: Hashable, future: Future[Any]) -> None:
        with self._lock:
            flight = self._flights.get(key)
            if flight is not None and flight[2] is future:
                del self._flights[key]


def _far(leaf: Answering) -> bool:
    """Whether a leaf answers by itself what only stores far away are asked."""
    return getattr(leaf, "far", False)


def _room(effect: Room) -> Held:
    arrived = threading.Event()
    late: list[Held] = []

    def then(held: Held) -> None:
        late.append(held)
        arrived.set()

    held = room(effect, then)
    if held is None:
        arrived.wait()
        held = late.pop()
    return held


def _compute(effect: Compute[Any]) -> Any:
    return effect.call()


def _wait(effect: Wait) -> None:
    effect.signal.result()


def _now(_: Now) -> float:
    return time.time()


def _sleep(effect: Sleep) -> None:
    time.sleep(effect.seconds)


def _entropy(effect: Entropy) -> bytes:
    return os.urandom(effect.size)
