"""Run a program within its room: what it needs is counted before it starts and no more when it has ended.

Law: the answer and the errors are the program's own; the bytes are given back however it ends.
"""

from __future__ import annotations

from typing import Any, TypeVar

from tegula.effects.control import Room
from tegula.effects.effect import Call, Program

__all__ = ["within"]

T = TypeVar("T")


async def within(room: Room | None, call: Call[Program[Any]]) -> Any:
    """Run the program that `call` makes, within `room` where there is one."""
    if room is None:
        return await call()
    with await room:
        return await call()
