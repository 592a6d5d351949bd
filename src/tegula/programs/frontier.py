"""The shrinking frontier: read, merge and conditionally write back a block of keys.

One round is three effects however many rows: `ReadMany` with generations, `Compute` of the merge,
`WriteMany` on condition.  Rows that were refused, somebody having been faster, are the next round's
block, after a pause.

Doubt is kept per row, by the reasoning of `tegula.programs.update`.  An error of the store in
`WriteMany` tells of one row only, so it puts every row of the block in doubt; the next round's read
settles each: generation as before, so it has not landed (send the same value again); or another, and
`landed` is asked about the values.  The default is `same`, for merges that do no harm twice, as
writing a part of a chunk is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias, cast

from tegula.effects.control import Compute
from tegula.effects.effect import Call
from tegula.effects.storage import (
    UNCHANGED,
    Buffer,
    DecodedColumns,
    ReadColumns,
    ReadMany,
    Unchanged,
    WriteColumns,
    WriteMany,
)
from tegula.errors import Aborted, Indeterminate, TegulaError, Unavailable, annotated
from tegula.kv.generation import UNKNOWN
from tegula.kv.spec import StoreRef, describe
from tegula.programs.retry import pause
from tegula.programs.update import ATTEMPTS, FIRST_PAUSE, LONGEST_PAUSE, Landed, applied_to, same
from tegula.row import NamedTuple

__all__ = ["Merge", "Values", "update_many"]

Values: TypeAlias = list[Buffer | Unchanged | None]
Doubts: TypeAlias = dict[
    int, tuple[bytes, Buffer | None]
]  # row -> the condition and the value it was sent with
Merge: TypeAlias = Callable[[list[int], Values], Values]


async def update_many(
    store: StoreRef,
    keys: Sequence[str],
    merge: Merge | Call[Values],
    *,
    known: Sequence[bytes] | None = None,
    landed: Landed = same,
    attempts: int = ATTEMPTS,
    within: object = None,
    decoded: Callable[[list[int]], DecodedColumns | None] | None = None,
    unread: bool = False,
) -> WriteColumns:
    """Replace the values of `keys` (distinct) by ``merge(rows, values)``; return a generation a row.

    `rows` number the keys that are wanted, `values` are theirs (None where missing); the pure
    function returns a new value for each: None deletes, `UNCHANGED` leaves the row as it is.  A
    `Call` gets `rows` and `values` before its own arguments.  With `known` (a generation a row,
    `UNKNOWN` for none) the value of a row whose generation still is that one is not read: `merge`
    gets `UNCHANGED` for it; with `unread` such a row is not even asked for at first, since the write on
    condition of that generation is refused if it is no longer the one.  ``decoded(rows)`` tells a cache what
    the values merged for some rows mean.

    Raises:
        Aborted: some rows were refused `attempts` times; the others are written.
        Indeterminate: whether some rows are written can not be told.
        TegulaError: what the store or `merge` raises; some rows may be written.
    """
    generations = [UNKNOWN] * len(keys)
    rows = list(range(len(keys)))
    doubts: Doubts = {}
    time, waited = 0.0, False
    for attempt in range(attempts):
        if not rows:
            break
        asked = _unknown(rows, known) if unread and not attempt else rows
        try:
            if attempt:
                await pause(attempt, FIRST_PAUSE, LONGEST_PAUSE)
            seen = ReadColumns([], [], time)
            if asked:
                wanted = [keys[row] for row in asked]
                seen = await ReadMany(store, wanted, if_not_equal=_conditions(known, asked, doubts))
        except TegulaError as error:
            if doubts:
                raise _in_doubt(keys, doubts) from error
            if error.row is None:
                raise
            raise annotated(error, f"Error reading {describe(store, keys[asked[error.row]])}: ") from None
        time = seen.time
        if known is not None and len(asked) < len(rows):
            seen = _assumed(rows, asked, seen, known)
        block = _Block([], [], [])
        fresh = _settle(rows, seen, doubts, landed, generations, block)
        if fresh is None:
            raise _in_doubt(keys, doubts)
        if fresh.rows:
            merged: Values = await Compute(applied_to(merge, fresh.rows, fresh.values), within)
            for row, new in zip(fresh.rows, merged, strict=True):
                if not isinstance(new, Unchanged):
                    block.add(row, new, generations[row])
        rows = block.rows
        if not rows:
            break
        values = cast("list[Buffer | None]", block.values)
        try:
            meant = None if decoded is None else decoded(rows)
            done = await WriteMany(
                store, [keys[row] for row in rows], values, block.conditions, decoded=meant
            )
        except (Unavailable, Indeterminate):
            doubts.update(zip(rows, zip(block.conditions, values, strict=True), strict=True))
            continue
        except TegulaError as error:
            if error.row is not None:
                error.row = rows[error.row]
            raise
        time, waited = done.time, done.waited
        refused = []
        for row, generation in zip(rows, done.generations, strict=True):
            if generation == UNKNOWN:
                refused.append(row)  # a doubt about it stays: the refusal may be its own doing
            else:
                generations[row] = generation
                doubts.pop(row, None)
        rows = refused
    if doubts:
        raise _in_doubt(keys, doubts)
    if rows:
        raise Aborted(f"updating {len(rows)} keys lost the race against other writers {attempts} times")
    return WriteColumns(generations, time, waited)


class _Block(NamedTuple):
    """Columns of rows: their numbers, values, and the generations they are written on condition of."""

    rows: list[int]
    values: Values
    conditions: list[bytes]

    def add(self, row: int, value: Buffer | Unchanged | None, condition: bytes) -> None:
        self.rows.append(row)
        self.values.append(value)
        self.conditions.append(condition)


def _unknown(rows: list[int], known: Sequence[bytes] | None) -> list[int]:
    return rows if known is None else [row for row in rows if known[row] == UNKNOWN]


def _assumed(rows: list[int], asked: list[int], seen: ReadColumns, known: Sequence[bytes]) -> ReadColumns:
    """Return the columns of `rows`: those `asked` as they were seen, the others as they were known."""
    found = dict(zip(asked, zip(seen.values, seen.generations, strict=True), strict=True))
    columns = [found.get(row, (UNCHANGED, known[row])) for row in rows]
    return ReadColumns([value for value, _ in columns], [generation for _, generation in columns], seen.time)


def _settle(
    rows: list[int],
    seen: ReadColumns,
    doubts: Doubts,
    landed: Landed,
    generations: list[bytes],
    block: _Block,
) -> _Block | None:
    """Sort the rows read: to be merged (returned), to be sent again as they were (into `block`), or done.

    None where a row's doubt can not be settled.
    """
    fresh = _Block([], [], [])
    for row, value, generation in zip(rows, seen.values, seen.generations, strict=True):
        generations[row] = generation
        if row in doubts:
            condition, written = doubts[row]
            if generation == condition:
                block.add(row, written, condition)
                continue
            verdict = landed(cast("Buffer | None", value), written)
            if verdict is None:
                return None
            del doubts[row]
            if verdict:
                continue
        fresh.add(row, value, generation)
    return fresh


def _conditions(known: Sequence[bytes] | None, rows: list[int], doubts: Doubts) -> list[bytes] | None:
    """Which values need not be sent: those that the caller knows, and those that settle no doubt."""
    if known is None and not doubts:
        return None
    return [doubts[row][0] if row in doubts else UNKNOWN if known is None else known[row] for row in rows]


def _in_doubt(keys: Sequence[str], doubts: Doubts) -> Indeterminate:
    first = keys[min(doubts)]
    return Indeterminate(f"whether {len(doubts)} updates took place can not be told, that of {first!r} first")
