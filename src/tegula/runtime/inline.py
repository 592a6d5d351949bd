"""The inline interpreter: runs a program in the caller's thread and returns its answer.

A program is stepped directly: each effect is answered where it is awaited, and the children of an `All`
run one after another, in order.  No machine, no thread, no lock that anybody waits for, no event loop:
the fast lane of small reads, the interpreter of a distributed worker, and the plainest statement of
what a program means.

Law: for programs whose leaves answer alike, `run` and every other interpreter give the same answer
or the same error; it is what `tegula.runtime.machine` means at width one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from tegula.effects.control import All
from tegula.effects.effect import Effect, Program
from tegula.errors import InvalidArgument
from tegula.runtime.machine import foreign

__all__ = ["run"]

T = TypeVar("T")


def run(program: Program[T], perform: Callable[[Effect[Any]], Any]) -> T:
    """Run `program` to its end here, with `perform` to answer each effect; return its answer.

    Raises what the program raises.

    >>> from tegula.effects.world import Entropy
    >>> async def two():
    ...     return [await Entropy(1), await Entropy(2)]
    >>> run(two(), lambda effect: b"x" * effect.size)
    [b'x', b'xx']
    """
    value: Any = None
    error: BaseException | None = None
    try:
        while True:
            effect = program.send(value) if error is None else program.throw(error)
            try:
                error = None
                if isinstance(effect, All):
                    value = _each(effect, perform)
                elif isinstance(effect, Effect):
                    value = perform(effect)
                else:
                    raise foreign(effect)
            except BaseException as caught:
                error = caught
    except StopIteration as stop:
        found: T = stop.value
        return found
    finally:
        error = None  # or its traceback, which holds this frame, would keep itself alive


def _each(effect: All, perform: Callable[[Effect[Any]], Any]) -> list[Any]:
    if effect.limit is not None and effect.limit < 1:
        raise InvalidArgument(f"limit must be at least 1, not {effect.limit}")
    return [run(call(), perform) for call in effect.calls]
