"""How many tasks write at a time: as many as there are processors, or more where they wait for a disk.

What is written into memory, or into a disk's cache, keeps a processor at work all the time; one task more
than there are processors costs more than it brings.  A disk that says when it has a value is waited
for most of the time, and several values can be on their way to it at once.  Which of the two it is, the
first tasks tell.

Law: the calls are run, whatever they answer; the number decides about the time only.
"""

from __future__ import annotations

from collections.abc import Sequence

from tegula.effects.control import All
from tegula.effects.effect import Call, Program

__all__ = ["at_pace"]

WAITING = 4  # tasks a processor where each mostly waits


async def at_pace(calls: Sequence[Call[Program[bool]]], width: int) -> None:
    """Run programs that answer whether they mostly waited; `width` is one more than there are processors."""
    few = max(1, width - 1)
    waited = await All(calls[:few], limit=few)
    if len(calls) > few:
        await All(calls[few:], limit=WAITING * few if all(waited) else few)
