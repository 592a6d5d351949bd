"""The effect and the program: two ideas everything above the purity line is written with.

An `Effect[T]` is a frozen value.  Awaiting it inside an ``async def`` program hands it to whoever
drives the program and gives back its answer, a `T`.  No event loop is involved: an interpreter in
`tegula.runtime` drives programs through a sans-IO machine.

Rules, each kept by a test: a program awaits effects and other programs, nothing else; effects and
the values in them print, compare and pickle, so they hold no closures (`Call` names a function
and its arguments); a fast path is an effect *defined* by a program over simpler effects.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from typing import Any, Generic, TypeVar

from tegula.record import Record

__all__ = ["Call", "Effect", "Program"]

T = TypeVar("T")
Program = Coroutine[Any, Any, T]


class Effect(Record, Generic[T]):
    """Something wanted of the world, whose answer is a `T`."""

    def __await__(self) -> Generator[Any, Any, T]:
        answer: T = yield self
        return answer


class Call(Generic[T]):
    """A function and its arguments, kept as data: prints, compares, pickles; called with no arguments."""

    __slots__ = ("arguments", "function")

    def __init__(self, function: Callable[..., T], *arguments: Any) -> None:
        self.function = function
        self.arguments = arguments

    def __call__(self) -> T:
        return self.function(*self.arguments)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Call):
            return NotImplemented
        return self.function is other.function and self.arguments == other.arguments

    def __hash__(self) -> int:
        return hash((self.function, self.arguments))

    def __repr__(self) -> str:
        name = getattr(self.function, "__qualname__", repr(self.function))
        return f"Call({', '.join([name, *map(repr, self.arguments)])})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Call, (self.function, *self.arguments)
