"""Effects of control: run programs together, run a pure function elsewhere, share an answer.

`All` is structural and has no definition in simpler terms.  The others are optimisations:
``Compute(call)`` means ``call()``; ``Memo(key, call)`` means ``await call()``.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, Generic, TypeVar

from tegula.effects.effect import Call, Effect, Program

__all__ = ["All", "Compute", "Memo"]

T = TypeVar("T")


class All(Effect[list[Any]]):
    """Run the programs that `calls` make, at most `limit` at a time (None: no bound); answer in order.

    When one fails, nothing new starts, what has started finishes, and the error of the lowest
    number is raised.
    """

    calls: Sequence[Call[Program[Any]]]
    limit: int | None = None


class Compute(Effect[T], Generic[T]):
    """Run a pure function; it may run on another thread."""

    call: Call[T]


class Memo(Effect[T], Generic[T]):
    """Run a program whose answer may be shared with everyone who asks for the same `key`.

    An answer obtained before `not_before` (seconds since the epoch) may not be used.
    """

    key: Hashable
    call: Call[Program[T]]
    not_before: float = 0.0
