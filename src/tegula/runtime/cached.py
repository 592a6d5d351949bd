"""How `Decoded` is answered from a pool, and what a write tells it: the handlers of the cache.

Knows what effects mean and when to ask the pool; every decision about what may be answered, kept or shared is
the pool's.  The programs run under every interpreter, so the simulator attacks the very code that users run.

Law: with `recheck_before` at infinity, `Decoded` equals its definition; with any bound, an answer was current
at the bound or later, or is what this process has just written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tegula.effects.control import Wait
from tegula.effects.effect import Effect, Program
from tegula.effects.handler import handled
from tegula.effects.storage import (
    UNCHANGED,
    Decoded,
    DeleteRange,
    Loaded,
    Remembered,
    Splice,
    Write,
    WriteMany,
)
from tegula.effects.world import Now
from tegula.kv.generation import UNKNOWN
from tegula.runtime.cache import ChunkPool, Entry, Flight, Kept, Marks
from tegula.runtime.future import pending, settle

__all__ = ["answered", "handler", "hearing"]


async def answered(pool: ChunkPool, effect: Decoded) -> list[Any]:
    """Answer `Decoded` from the pool, by loading what it may not answer, or by what others load."""
    array, bound = effect.array, effect.recheck_before
    numbers = array.numbers(effect.cells)
    found = pool.recall(array, numbers, bound)
    if found is not None:
        return found
    start = await Now()
    claim = pool.claim(array, numbers, bound, (_flight(start), _flight(start)))
    answers = claim.answers
    wanted = [numbers[row] for row in claim.later]
    if claim.mine:
        try:
            await _bring(pool, effect, numbers, claim.mine, claim.known, claim.flight, answers)
        except BaseException:
            _crash(pool, effect, wanted, claim.queued)
            raise
    if claim.later:
        try:
            for flight in claim.after:
                await Wait(flight.signal)
            known = pool.depart(array, wanted, claim.queued, await Now())
        except BaseException:
            _crash(pool, effect, wanted, claim.queued)
            raise
        await _bring(pool, effect, numbers, claim.later, known, claim.queued, answers)
    alone = []
    for row, flight in claim.shared:
        await Wait(flight.signal)
        if flight.failed:
            alone.append(row)
        else:
            answers[row] = flight.words[numbers[row]]
    if alone:  # whoever was to bring them could not: an error of theirs is not ours
        loaded = await _load(effect, alone, None)
        for row, words in zip(alone, loaded.words, strict=True):
            answers[row] = words
    return answers


def _flight(start: float) -> Flight:
    return Flight(pending(), start)


async def _load(effect: Decoded, rows: Sequence[int], known: Sequence[Entry | None] | None) -> Loaded:
    cells = effect.cells if len(rows) == len(effect.cells) else effect.cells[np.array(rows, np.intp)]
    generations = None
    if known is not None and any(entry is not None for entry in known):
        generations = [UNKNOWN if entry is None else entry.generation for entry in known]
    loaded: Loaded = await effect.load.function(*effect.load.arguments, cells, generations)
    return loaded


async def _bring(
    pool: ChunkPool,
    effect: Decoded,
    numbers: Sequence[int],
    rows: Sequence[int],
    known: Sequence[Entry | None],
    flight: Flight,
    answers: list[Any],
) -> None:
    """Load some rows in a flight of our own, and let everyone have them."""
    wanted = [numbers[row] for row in rows]
    try:
        loaded = await _load(effect, rows, known)
        words = [
            entry.words if entry is not None and found is UNCHANGED else found
            for entry, found in zip(known, loaded.words, strict=True)
        ]
        pool.land(effect.array, wanted, flight, words, loaded.generations, loaded.time)
    except BaseException:
        _crash(pool, effect, wanted, flight)
        raise
    settle(flight.signal, None)  # type: ignore[arg-type]
    for row, found in zip(rows, words, strict=True):
        answers[row] = found


def _crash(pool: ChunkPool, effect: Decoded, numbers: Sequence[int], flight: Flight) -> None:
    pool.fail(effect.array, numbers, flight)
    settle(flight.signal, None)  # type: ignore[arg-type]


def hearing(
    pools: Sequence[ChunkPool], effect: Any, pool_of: Callable[[Any], ChunkPool]
) -> Callable[[Any], None]:
    """Tell pools that a writing effect begins; return what tells them that it has ended, and how.

    What is returned is to be called once with the outcome, or with None where there is none.
    """
    if isinstance(effect, DeleteRange):
        for pool in pools:
            pool.forget(effect.store, effect.range)
        return _Deleted(pools, effect)
    keys: Sequence[str] = (effect.key,) if isinstance(effect, Write | Splice) else effect.keys
    decoded: Any = getattr(effect, "decoded", None)
    keeper: ChunkPool | None = None
    numbers: list[int] = []
    if decoded is not None:
        keeper, numbers = pool_of(decoded.cache), decoded.array.numbers(decoded.cells)
        if all(pool is not keeper for pool in pools):  # it was made just now
            pools = [*pools, keeper]
    marks = [
        (pool, pool.begin(effect.store, keys, decoded.array if pool is keeper else None, numbers))
        for pool in pools
    ]
    return _Written(effect, keys, marks, keeper, numbers)


class _Deleted:
    """The end of a `DeleteRange`."""

    __slots__ = ("effect", "pools")

    def __init__(self, pools: Sequence[ChunkPool], effect: DeleteRange) -> None:
        self.pools = pools
        self.effect = effect

    def __call__(self, _: Any) -> None:
        for pool in self.pools:
            pool.forget(self.effect.store, self.effect.range)


class _Written:
    """The end of a `Write`, `WriteMany` or `Splice`."""

    __slots__ = ("effect", "keeper", "keys", "marks", "numbers")

    def __init__(
        self,
        effect: Any,
        keys: Sequence[str],
        marks: list[tuple[ChunkPool, Marks]],
        keeper: ChunkPool | None,
        numbers: list[int],
    ) -> None:
        self.effect = effect
        self.keys = keys
        self.marks = marks
        self.keeper = keeper
        self.numbers = numbers

    def __call__(self, outcome: Any) -> None:
        kept = None
        decoded: Any = getattr(self.effect, "decoded", None)
        if outcome is not None and decoded is not None:
            kept = Kept(decoded.array, self.numbers, decoded.words, outcome.generations, outcome.time)
        for pool, marks in self.marks:
            pool.end(self.effect.store, self.keys, marks, kept if pool is self.keeper else None)


async def _told(pool: ChunkPool, effect: Remembered) -> list[tuple[Any, bytes] | None]:
    return pool.remembered(effect.array, effect.array.numbers(effect.cells))


def handler(pool: ChunkPool) -> Callable[[Effect[Any]], Program[Any] | None]:
    """Return a handler that puts one pool in front of everything: for the simulator and for tests."""
    return _Handler(pool)


class _Handler:
    __slots__ = ("pool",)

    def __init__(self, pool: ChunkPool) -> None:
        self.pool = pool

    def __call__(self, effect: Effect[Any]) -> Program[Any] | None:
        if isinstance(effect, Decoded):
            return handled(self, answered(self.pool, effect))  # what is loaded may need what is kept, too
        if isinstance(effect, Remembered):
            return _told(self.pool, effect)
        if isinstance(effect, (Write, WriteMany, Splice, DeleteRange)):
            return self._write(effect)
        return None

    async def _write(self, effect: Any) -> Any:
        ended = hearing([self.pool], effect, lambda _: self.pool)
        outcome = None
        try:
            outcome = await effect
        finally:
            ended(outcome)
        return outcome
