"""The inline interpreter: runs a program in the caller's thread and returns its answer.

It knows nothing but the machine, which it runs one request at a time (``width=1``): the children of
an `All` run one after another, in order.  No thread, no lock that anybody waits for, no event loop:
the fast lane of small reads, the interpreter of a distributed worker, and the plainest statement of
what a program means.

Law: for programs whose leaves answer alike, `run` and every other interpreter give the same answer
or the same error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from tegula.effects.effect import Effect, Program
from tegula.runtime.machine import Machine

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
    machine = Machine(program, width=1)
    feed = machine.feed
    requests = machine.start()
    while requests:
        ticket, effect = requests[0]
        try:
            answer = perform(effect)
        except BaseException as error:
            requests = feed(ticket, None, error)
        else:
            requests = feed(ticket, answer)
    if machine.error is not None:
        failure, machine.error = machine.error, None
        try:
            raise failure
        finally:
            del failure  # or the traceback, which holds this frame, would keep itself alive
    return cast("T", machine.value)
