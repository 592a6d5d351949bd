"""Update: replace the value of one key by a function of it, though others may be doing the same.

Read, compute, write on the condition that the generation is still the one that was read; if that is
refused somebody was faster: wait a little and start again.

The delicate part is a write whose answer is `Indeterminate`.  Let it have carried the condition *g*.
Generations never come back, so of all writes with the condition *g* at most one ever lands: sending
*the same write* again is safe, but its refusal may be the work of its own first sending.  So a write
in doubt is remembered, and the next read decides:

- the generation is still *g*: it has not landed (it may be under way).  Send the same again;
- the generation is another: whatever is under way can not land any more, and either ours landed, and
  may have been overwritten since, or somebody else's did.  Only the value can tell, so `landed` is
  asked, a function of the value seen and the value written: True (it landed: done), False (it did
  not, or doing it twice does no harm: start again), None (nobody can tell: `Indeterminate`).

An error raised while a write is in doubt becomes `Indeterminate`, since `Unavailable` would claim that
nothing was done.  So: a return means applied exactly once; `Indeterminate`, at most once; any other
error, not at all.

Limits.  `landed` must be right: `same` is for edits that do no harm twice (setting a value, merging a
part of a chunk), `stamped` for values no other writer can produce, `unknowable` for all others; one
that finds a stamp in a value's history can always decide.  Stores whose generations come back (hashes
of the content, or `NO_VALUE` after a deletion) can let a write under way land late.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from tegula.effects.control import Compute
from tegula.effects.effect import Call
from tegula.effects.storage import Buffer, Read, ReadOutcome, Unchanged, Write, WriteOutcome
from tegula.errors import Aborted, Indeterminate, TegulaError
from tegula.kv.spec import StoreRef
from tegula.programs.retry import pause

__all__ = ["Landed", "same", "stamped", "unknowable", "update"]

Landed: TypeAlias = Callable[[Buffer | None, Buffer | None], bool | None]

ATTEMPTS = 64
FIRST_PAUSE = 0.002
LONGEST_PAUSE = 1.0


def same(seen: Buffer | None, written: Buffer | None) -> bool | None:
    """For edits that do no harm twice: landed if the value is there; otherwise do it again."""
    return seen == written


def stamped(seen: Buffer | None, written: Buffer | None) -> bool | None:
    """For values that no other writer can produce: there means landed; not there can not be told."""
    return True if seen == written else None


def unknowable(seen: Buffer | None, written: Buffer | None) -> bool | None:  # noqa: ARG001
    """For everything else: another value than before proves nothing."""
    return None


async def update(
    store: StoreRef,
    key: str,
    edit: Call[Buffer | Unchanged | None],
    *,
    landed: Landed = unknowable,
    attempts: int = ATTEMPTS,
) -> WriteOutcome:
    """Replace the value of `key` by ``edit.function(value, *edit.arguments)``; return its generation.

    The value is None where the key is missing.  The pure function returns the new value, None to
    delete, or `UNCHANGED` to leave it (then the answer is the generation read).  Where the write was
    recognised by `landed`, the generation is the one seen, which may be of a later value.

    Raises:
        Aborted: refused `attempts` times; nothing was written.
        Indeterminate: whether the write took place can not be told.
        TegulaError: what the store or `edit` raises; nothing was written.
    """
    doubt: Write | None = None
    for attempt in range(attempts):
        try:
            if attempt:
                await pause(attempt, FIRST_PAUSE, LONGEST_PAUSE)
            seen = await Read(store, key)
        except TegulaError as error:
            if doubt is None:
                raise
            raise _in_doubt(key) from error
        value = _value(seen)
        if doubt is not None and seen.generation != doubt.if_equal:
            verdict = landed(value, doubt.value)
            if verdict is None:
                raise _in_doubt(key)
            if verdict:
                return WriteOutcome(seen.generation, seen.time)
            doubt = None
        if doubt is None:
            new = await Compute(Call(edit.function, value, *edit.arguments))
            if isinstance(new, Unchanged):
                return WriteOutcome(seen.generation, seen.time)
            write = Write(store, key, new, seen.generation)
        else:
            write = doubt
        try:
            outcome = await write
        except Indeterminate:
            doubt = write
            continue
        except TegulaError as error:
            if doubt is None:
                raise
            raise _in_doubt(key) from error
        if outcome.applied:
            return outcome
    if doubt is not None:
        raise _in_doubt(key)
    raise Aborted(f"updating {key!r} lost the race against other writers {attempts} times")


def _value(seen: ReadOutcome) -> Buffer | None:
    return seen.value if seen.state == "value" else None


def _in_doubt(key: str) -> Indeterminate:
    return Indeterminate(f"whether the update of {key!r} took place can not be told")


def applied_to(function: Any, *front: Any) -> Call[Any]:
    """Return the call of `function` (or of a `Call`, before its own arguments) on `front`."""
    if isinstance(function, Call):
        return Call(function.function, *front, *function.arguments)
    return Call(function, *front)
