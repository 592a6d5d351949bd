"""Retry: what may be asked again after a failure, how long to wait before, and what became of a lost answer.

Two errors say that asking again may help.  `Unavailable`: the store surely did not act, so anything may be
sent again.  `Indeterminate`: it may have acted, so only what does no harm twice may be: reads and listings,
and writes and deletions without a condition.  A *conditional* write is not sent again blindly: its second
answer would be about itself.  It is stamped, and `Origin` tells what became of it:

- the generation is still the condition: it has not landed (it may be under way).  Send the same again; at
  most one of the two lands, since generations never come back;
- the value bears our stamp: applied, and this is its generation;
- the value was written on the very condition that ours had: then ours was not, and never will be: refused;
- otherwise something came in between that may have been ours: `Indeterminate`, since nobody can tell.

A refusal, too, may be the work of an earlier sending of the same write, and is settled in the same way.  A
conditional deletion leaves nothing that could bear a stamp: one in doubt whose key is missing counts as
applied.

A block is tried as a whole (`Tried`); only the rows that failed are asked for again, each for itself, so one
slow row keeps no other waiting.  Law: a block under `Retry` is all of its rows under `Retry`.

Limit: an unconditional write that is still under way when its repetition is acknowledged may land later, over
somebody's newer value.  Only conditions protect from that.

The waits double from `first` to `longest` seconds, each times a random factor from one half to one, so that
processes which failed together do not come back together; a store that names a time is given at least that.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeVar

from tegula.effects.control import All
from tegula.effects.effect import Call, Effect, Program
from tegula.effects.handler import handled
from tegula.effects.storage import (
    UNCHANGED,
    Children,
    DeleteRange,
    List,
    Listing,
    ListPage,
    Origin,
    Page,
    Provenance,
    Read,
    ReadColumns,
    ReadMany,
    ReadOutcome,
    Tried,
    TriedColumns,
    Write,
    WriteColumns,
    WriteMany,
    WriteOutcome,
)
from tegula.effects.world import Entropy, Sleep
from tegula.errors import Aborted, Indeterminate, TegulaError, Unavailable
from tegula.kv.generation import NO_VALUE, UNKNOWN
from tegula.kv.spec import KeyRange, StoreRef, from_key, is_far
from tegula.record import Record

__all__ = ["Retry", "far", "pause", "policy"]

T = TypeVar("T")
STAMP_BYTES = 12
Passing = (Unavailable, Indeterminate)


class Retry(Record):
    """A handler that sends storage effects again: at most `attempts` times in all.

    >>> Retry(attempts=3)
    Retry(attempts=3, first=1.0, longest=32.0)
    """

    attempts: int = 32
    first: float = 1.0
    longest: float = 32.0

    def __call__(self, effect: Effect[Any]) -> Program[Any] | None:
        """Return the program that asks for `effect` until it is answered; None where it is not ours."""
        match effect:
            case Write() if effect.if_equal != UNKNOWN:
                return self._settled(effect)
            case ReadMany():
                return self._reads(effect)
            case WriteMany():
                return self._writes(effect)
            case Read() | Write() | List() | Children() | DeleteRange() | ListPage() | Origin():
                return self._persist(effect)
        return None

    @staticmethod
    def may_begin(effect: Effect[Any]) -> bool:
        """Whether the first thing that answering an effect does is to ask for it, as it is."""
        return isinstance(effect, Read) or (isinstance(effect, Write) and effect.if_equal == UNKNOWN)

    def go_on(self, effect: Effect[T], failed: TegulaError) -> Program[T]:
        """Return the program that answers an effect that `may_begin`, after it was asked for once and failed.

        Raises:
            TegulaError: `failed`, where asking again does not help.
        """
        if not isinstance(failed, Passing):
            raise failed
        return self._persist(effect, failed)

    async def _persist(self, effect: Effect[T], failed: TegulaError | None = None) -> T:
        """Ask until there is an answer; `failed` is why a first attempt has none."""
        attempt, doubt = 0, False
        while True:
            if failed is not None:
                attempt += 1
                doubt = doubt or isinstance(failed, Indeterminate)
                await self._wait(attempt, failed, doubt)
            try:
                return await effect
            except Passing as error:
                failed = error

    async def _wait(self, attempt: int, error: TegulaError, doubt: bool) -> None:
        """Wait after `attempt` failures, or raise where there were enough.

        Raises:
            Aborted: they were enough, and nothing was done.
            Indeterminate: they were enough, and something may have been done.
        """
        if attempt >= self.attempts:
            message = f"All {attempt - 1} retry attempts failed: {error.message}"
            raise (Indeterminate if doubt else Aborted)(message) from error
        await pause(attempt, self.first, self.longest, getattr(error, "after", 0.0))

    async def _settled(
        self, write: Write, failed: TegulaError | None = None, stamp: bytes = b""
    ) -> WriteOutcome:
        """Make a conditional write and say truthfully what became of it."""
        if not (write.stamp or stamp):
            stamp = await Entropy(STAMP_BYTES)
        if not write.stamp:
            write = Write(write.store, write.key, write.value, write.if_equal, stamp)
        attempt, doubt = 0, False
        while True:
            if failed is not None:
                attempt += 1
                if isinstance(failed, Indeterminate):
                    doubt = True
                    outcome = await self._verdict(write)
                    if outcome is not None:
                        return outcome
                await self._wait(attempt, failed, doubt)
            try:
                outcome = await write
            except Passing as error:
                failed = error
                continue
            if outcome.applied or not doubt:
                return outcome
            outcome = await self._verdict(write)
            if outcome is None:  # refused, though the value is what it was: somebody else's came and went
                return WriteOutcome(UNKNOWN, 0.0)
            return outcome

    async def _verdict(self, write: Write) -> WriteOutcome | None:
        """Return what became of a write in doubt; None where the value still is what it was before.

        Raises:
            Indeterminate: nobody can tell.
        """
        try:
            seen: Provenance = await self._persist(Origin(write.store, write.key))
        except TegulaError as error:
            raise _in_doubt(write) from error
        if seen.generation == write.if_equal:
            return None
        if write.value is None:
            if seen.generation == NO_VALUE:
                return WriteOutcome(NO_VALUE, 0.0)
        elif seen.stamp == write.stamp:
            return WriteOutcome(seen.generation, 0.0)
        if seen.generation != NO_VALUE and seen.condition == write.if_equal:
            return WriteOutcome(UNKNOWN, 0.0)
        raise _in_doubt(write)

    async def _reads(self, block: ReadMany) -> ReadColumns:
        tried: TriedColumns = await Tried(block)
        columns: ReadColumns = tried.columns
        rows = _worth(tried)
        if not rows:
            return columns
        known, ranges = block.if_not_equal, block.ranges
        calls = [
            Call(
                _named,
                row,
                self._persist,
                Read(
                    block.store,
                    block.keys[row],
                    None if ranges is None else ranges[row],
                    UNKNOWN if known is None else known[row],
                ),
                tried.errors[row],
            )
            for row in rows
        ]
        values, generations = list(columns.values), list(columns.generations)
        outcomes: list[ReadOutcome] = await All(calls)
        for row, outcome in zip(rows, outcomes, strict=True):
            values[row] = outcome.value if outcome.state == "value" else None
            if outcome.state == "unspecified":
                values[row] = UNCHANGED
            generations[row] = outcome.generation
        return ReadColumns(values, generations, columns.time)

    async def _writes(self, block: WriteMany) -> WriteColumns:
        conditions, stamps = block.if_equal, block.stamps
        if conditions is not None and stamps is None:
            drawn = await Entropy(STAMP_BYTES)
            stamps = [drawn + row.to_bytes(4, "big") for row in range(len(block.keys))]
            block = WriteMany(block.store, block.keys, block.values, conditions, stamps)
        tried: TriedColumns = await Tried(block)
        columns: WriteColumns = tried.columns
        rows = _worth(tried)
        if not rows:
            return columns
        calls = []
        for row in rows:
            condition = UNKNOWN if conditions is None else conditions[row]
            stamp = b"" if stamps is None else stamps[row]
            write = Write(block.store, block.keys[row], block.values[row], condition, stamp)
            again: Any = self._persist if condition == UNKNOWN else self._settled
            calls.append(Call(_named, row, again, write, tried.errors[row]))
        generations = list(columns.generations)
        outcomes: list[WriteOutcome] = await All(calls)
        for row, outcome in zip(rows, outcomes, strict=True):
            generations[row] = outcome.generation
        return WriteColumns(generations, columns.time)


def _worth(tried: TriedColumns) -> Sequence[int]:
    """Return the rows to ask for again, or raise the error of the lowest row where asking does not help."""
    final = [row for row, error in tried.errors.items() if not isinstance(error, Passing)]
    if final:
        error = tried.errors[min(final)]
        error.row = min(final)
        raise error
    return sorted(tried.errors)


async def _named(row: int, again: Any, effect: Effect[T], failed: TegulaError) -> T:
    """Ask again for a row of a block; an error says which."""
    try:
        answer: T = await again(effect, failed)
    except TegulaError as error:
        error.row = row
        raise
    return answer


def _in_doubt(write: Write) -> Indeterminate:
    return Indeterminate(f"whether the write of {write.key!r} took place can not be told")


@lru_cache(4096)
def policy(store: StoreRef) -> Retry | None:
    """Return how often a store's effects are sent again; None where they are not.

    The option is `retries` for a store far away, and `again` for one that is not asked in another way for it:
    files, and what users write.

    >>> policy(StoreRef("gcs", (("retries", (2, 0.5, 4.0)),)))
    Retry(attempts=3, first=0.5, longest=4.0)
    """
    chosen = store.option("retries") or store.option("again")
    if not isinstance(chosen, tuple):
        return None
    retries, first, longest = chosen
    return Retry(retries + 1, first, longest)


def far(effect: Effect[T], retry: Retry) -> Program[T]:
    """Return the program that answers a storage effect of a store that is asked again by `retry`.

    What a store far away lists and removes page by page, each page asked for again, another does in one.
    """
    if not is_far(effect.store):  # type: ignore[attr-defined]
        program = retry(effect)
        assert program is not None
        return program
    if isinstance(effect, List):
        return handled(retry, list_by_pages(effect))  # type: ignore[arg-type]
    if isinstance(effect, DeleteRange):
        return handled(retry, delete_by_pages(effect))  # type: ignore[arg-type]
    if isinstance(effect, Children):
        return handled(retry, children_by_pages(effect))  # type: ignore[arg-type]
    program = retry(effect)
    assert program is not None
    return program


async def children_by_pages(effect: Children) -> list[str]:
    """What `Children` means where there are pages and folders."""
    found: set[str] = set()
    token = ""
    while True:
        page: Page = await ListPage(effect.store, KeyRange.prefix(effect.prefix), token, "/")
        for key in (*page.listing.keys, *page.folders):
            name, slash, _ = key[len(effect.prefix) :].partition("/")
            found.add(name + slash)
        token = page.token
        if not token:
            return sorted(found - {""}, key=from_key)


async def delete_by_pages(effect: DeleteRange) -> None:
    """What `DeleteRange` means where there are pages: list and delete, page by page."""
    token = ""
    while True:
        page: Page = await ListPage(effect.store, effect.range, token)
        keys = page.listing.keys
        if keys:
            await WriteMany(effect.store, keys, [None] * len(keys))
        token = page.token
        if not token:
            return


async def list_by_pages(effect: List) -> Listing:
    """What `List` means where there are pages: all of them."""
    keys: list[str] = []
    sizes: list[int] = []
    token = ""
    while True:
        page: Page = await ListPage(effect.store, effect.range, token)
        keys += page.listing.keys
        sizes += page.listing.sizes
        token = page.token
        if not token:
            return Listing(keys, sizes)


async def pause(attempt: int, first: float, longest: float, least: float = 0.0) -> None:
    """Wait before the next attempt, after `attempt` (from 1) have failed; times in seconds."""
    drawn = int.from_bytes(await Entropy(2), "little") / 65535
    await Sleep(max(least, min(longest, first * 2.0 ** min(attempt - 1, 60)) * (0.5 + 0.5 * drawn)))
