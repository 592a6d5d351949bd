"""Retry: what may be asked again after a failure, and how long to wait before.

Two errors say that asking again may help.  `Unavailable`: the store surely did not act, so anything
may be sent again.  `Indeterminate`: it may have acted, so only what does no harm twice may be: reads
and listings, and writes and deletions without a condition.  A *conditional* write is not sent again
here after `Indeterminate`: its second answer would be about itself (`tegula.programs.update` settles
it by reading back).  A block of conditional writes passes through untouched, since an error of one
row says nothing about the others (`tegula.programs.frontier` settles those).

Limit: an unconditional write that is still under way when its repetition is acknowledged may land
later, over somebody's newer value.  Only conditions protect from that.

The waits double from `first` to `longest` seconds, each times a random factor from one half to one,
so that processes which failed together do not come back together.
"""

from __future__ import annotations

from typing import Any, TypeVar

from tegula.effects.effect import Effect, Program
from tegula.effects.storage import Children, DeleteRange, List, Read, ReadMany, Write, WriteMany
from tegula.effects.world import Entropy, Sleep
from tegula.errors import Indeterminate, Unavailable, annotated
from tegula.kv.generation import UNKNOWN
from tegula.record import Record

__all__ = ["Retry", "pause"]

T = TypeVar("T")


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
                return self._persist(effect, (Unavailable,))
            case WriteMany() if effect.if_equal is not None:
                return None
            case Read() | ReadMany() | List() | Children() | Write() | WriteMany() | DeleteRange():
                return self._persist(effect, (Unavailable, Indeterminate))
        return None

    async def _persist(self, effect: Effect[T], passing: tuple[type[Exception], ...]) -> T:
        attempt = 1
        while True:
            try:
                return await effect
            except passing as error:
                if attempt >= self.attempts:
                    if attempt == 1:
                        raise
                    raise annotated(error, suffix=f" (after {attempt} attempts)") from error  # type: ignore[arg-type]
            await pause(attempt, self.first, self.longest)
            attempt += 1


async def pause(attempt: int, first: float, longest: float) -> None:
    """Wait before the next attempt, after `attempt` (from 1) have failed; times in seconds."""
    drawn = int.from_bytes(await Entropy(2), "little") / 65535
    await Sleep(min(longest, first * 2.0 ** min(attempt - 1, 60)) * (0.5 + 0.5 * drawn))
