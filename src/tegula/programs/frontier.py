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
from tegula.effects.storage import Buffer, ReadMany, Unchanged, WriteColumns, WriteMany
from tegula.errors import Aborted, Indeterminate, TegulaError, Unavailable
from tegula.kv.generation import UNKNOWN
from tegula.kv.spec import StoreRef
from tegula.programs.retry import pause
from tegula.programs.update import ATTEMPTS, FIRST_PAUSE, LONGEST_PAUSE, Landed, applied_to, same

__all__ = ["Merge", "Values", "update_many"]

Values: TypeAlias = list[Buffer | Unchanged | None]
Merge: TypeAlias = Callable[[list[int], Values], Values]


async def update_many(
    store: StoreRef,
    keys: Sequence[str],
    merge: Merge | Call[Values],
    *,
    known: Sequence[bytes] | None = None,
    landed: Landed = same,
    attempts: int = ATTEMPTS,
) -> WriteColumns:
    """Replace the values of `keys` (distinct) by ``merge(rows, values)``; return a generation a row.

    `rows` number the keys that are wanted, `values` are theirs (None where missing); the pure
    function returns a new value for each: None deletes, `UNCHANGED` leaves the row as it is.  A
    `Call` gets `rows` and `values` before its own arguments.  With `known` (a generation a row,
    `UNKNOWN` for none) the value of a row whose generation still is that one is not read: `merge`
    gets `UNCHANGED` for it.

    Raises:
        Aborted: some rows were refused `attempts` times; the others are written.
        Indeterminate: whether some rows are written can not be told.
        TegulaError: what the store or `merge` raises; some rows may be written.
    """
    generations = [UNKNOWN] * len(keys)
    rows = list(range(len(keys)))
    doubts: dict[int, tuple[bytes, Buffer | None]] = {}  # row -> its condition and the value sent
    time = 0.0
    attempt = 0
    while rows:
        if attempt == attempts:
            if doubts:
                raise _in_doubt(keys, doubts)
            raise Aborted(f"updating {len(rows)} keys lost the race against other writers {attempts} times")
        try:
            if attempt:
                await pause(attempt, FIRST_PAUSE, LONGEST_PAUSE)
            seen = await ReadMany(
                store,
                [keys[row] for row in rows],
                if_not_equal=_conditions(known, rows, doubts),
            )
        except TegulaError as error:
            if doubts:
                raise _in_doubt(keys, doubts) from error
            raise
        attempt += 1
        time = seen.time
        # Settle the rows in doubt; sort the others from those whose write is only to be sent again.
        fresh: list[int] = []
        values: Values = []
        block: list[int] = []
        sent: list[Buffer | None] = []
        conditions: list[bytes] = []
        for row, value, generation in zip(rows, seen.values, seen.generations, strict=True):
            if row in doubts:
                condition, written = doubts[row]
                if generation == condition:
                    block.append(row)
                    sent.append(written)
                    conditions.append(condition)
                    continue
                verdict = landed(cast("Buffer | None", value), written)
                if verdict is None:
                    raise _in_doubt(keys, doubts)
                del doubts[row]
                if verdict:
                    generations[row] = generation
                    continue
            fresh.append(row)
            values.append(value)
            generations[row] = generation
        if fresh:
            merged: Values = await Compute(applied_to(merge, fresh, values))
            for row, new in zip(fresh, merged, strict=True):
                if not isinstance(new, Unchanged):
                    block.append(row)
                    sent.append(new)
                    conditions.append(generations[row])
        if not block:
            break
        try:
            written_columns = await WriteMany(store, [keys[row] for row in block], sent, conditions)
        except (Unavailable, Indeterminate):
            for row, condition, value in zip(block, conditions, sent, strict=True):
                doubts[row] = condition, value
            rows = block
            continue
        time = written_columns.time
        rows = []
        for row, generation in zip(block, written_columns.generations, strict=True):
            generations[row] = generation
            if generation == UNKNOWN:
                rows.append(row)
            else:
                doubts.pop(row, None)
    return WriteColumns(generations, time)


def _conditions(
    known: Sequence[bytes] | None, rows: list[int], doubts: dict[int, tuple[bytes, Buffer | None]]
) -> list[bytes] | None:
    """Which values need not be sent: those that the caller knows, and those that settle no doubt."""
    if known is None and not doubts:
        return None
    return [doubts[row][0] if row in doubts else UNKNOWN if known is None else known[row] for row in rows]


def _in_doubt(keys: Sequence[str], doubts: dict[int, tuple[bytes, Buffer | None]]) -> Indeterminate:
    first = keys[min(doubts)]
    return Indeterminate(f"whether {len(doubts)} updates took place can not be told, that of {first!r} first")
