"""Effects of control: run programs together, run a pure function elsewhere, share an answer.

`All` is structural and has no definition in simpler terms.  The others are optimisations:
``Compute(call)`` means ``call()``; ``Memo(key, call)`` means ``await call()``; `Room` means nothing.  `Wait`
is how one program waits for another that it did not start.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, Generic, Protocol, Self, TypeVar

from tegula.effects.effect import Call, Effect, Program

__all__ = ["All", "Compute", "Held", "Memo", "Room", "Signal", "Wait"]

T = TypeVar("T")


class All(Effect[list[Any]]):
    """Run the programs that `calls` make, at most `limit` at a time (None: no bound); answer in order.

    When one fails, nothing new starts, what has started finishes, and the error of the lowest
    number is raised.
    """

    calls: Sequence[Call[Program[Any]]]
    limit: int | None = None


class Compute(Effect[T], Generic[T]):
    """Run a pure function; it may run on another thread.

    `within` stands for the limit on how many run at once (None: the one that the process shares).
    """

    call: Call[T]
    within: object = None


class Memo(Effect[T], Generic[T]):
    """Run a program whose answer may be shared with everyone who asks for the same `key`.

    An answer obtained before `not_before` (seconds since the epoch) may not be used.
    """

    key: Hashable
    call: Call[Program[T]]
    not_before: float = 0.0


class Held:
    """What `Room` answers: bytes that are counted until it is closed, at the latest when it is dropped."""

    __slots__ = ()

    def close(self) -> None:
        """Count the bytes no more."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Room(Effect[Held]):
    """Wait until `size` bytes more may be in flight under a limit, and count them until the answer is closed.

    `pool` stands for the limit, `limit` is its size in bytes.  What is larger than the limit is let
    through when nothing else is held.  A program that holds room must not ask for more: it would wait
    for itself.
    """

    pool: object
    limit: int
    size: int


class Signal(Protocol):
    """Something that happens once, by another program's doing; a pending future is one."""

    def done(self) -> bool:
        """Whether it has happened."""
        ...

    def result(self) -> object:
        """Block until it has happened."""
        ...

    def add_done_callback(self, callback: Any, /) -> None:
        """Have `callback` called with the signal when it happens, or now."""
        ...


class Wait(Effect[None], eq=False):
    """Go on when `signal` has happened.

    Whoever is to give the signal must not be waiting for the asker.
    """

    signal: Signal

    def __repr__(self) -> str:
        return f"Wait({'done' if self.signal.done() else 'pending'})"
