"""Keeps threads that work at once on processors of their own, where the system puts them on one.

Linux wakes a thread beside the one that wakes it, or where it ran last, unless another processor looks idle.
Under a hypervisor none does: a virtual processor that sleeps is taken for one that was taken away.  Two
threads that hand the interpreter to each other then take turns on one processor, for tens of milliseconds,
while another sleeps.

Who works says so before each step (`enter`).  Where another of the threads works on the same processor, it is
bound to one that is free of them until it has nothing more to do (`leave`), or for `LONGEST`; and once that
was so, who is woken (`send`) is bound before.  So nothing is bound where the system does well by itself.
What a bound thread starts would be bound, too: only work that calls nothing of a user's may be done so.

Law: a thread may run on the same processors before `enter` or `send` and after `leave`.  Where the system
cannot be asked, nothing is done.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections.abc import Callable
from typing import Protocol

__all__ = ["LONGEST", "Apart", "Working"]

LONGEST = 0.02  # seconds after which the system may put a thread elsewhere


class Working(Protocol):
    """A thread: the processor that it works on (-1: none), and where it may run when it is not bound."""

    at: int
    bound: set[int] | None
    since: float

    @property
    def native_id(self) -> int | None:
        """What the system calls it."""


def _asks() -> Callable[[], int] | None:
    """Return what tells the processor that the caller runs on, None where nothing does."""
    if sys.platform != "linux" or not hasattr(os, "sched_setaffinity"):
        return None
    try:
        return ctypes.PyDLL(None).sched_getcpu
    except (OSError, AttributeError):
        return None


_processor = _asks()


class Apart:
    """Who works on which processor, of the threads of one pool."""

    __slots__ = ("_at", "_met")

    def __init__(self) -> None:
        self._at: dict[int, Working] = {}
        self._met = False  # whether two have met on one processor

    def enter(self, who: Working) -> None:
        """Say that the calling thread, which is `who`, works from now on."""
        if _processor is None:
            return
        if who.bound is not None:
            if time.perf_counter() - who.since < LONGEST:
                return
            self.leave(who)
        here = _processor()
        if here == who.at:
            return
        self.leave(who)
        if self._at.setdefault(here, who) is who:
            who.at = here
        else:
            self._met = True
            self._bind(who, here)

    def spare(self) -> None:
        """Say that the calling thread was woken, and that others have done what it was woken for."""
        if not self._met and _processor is not None:
            self._met = _processor() in self._at

    def send(self, who: Working) -> None:
        """Say that a thread that sleeps, `who`, is about to be woken to work."""
        if self._met and _processor is not None:
            self._bind(who, _processor())

    def leave(self, who: Working) -> None:
        """Say that the calling thread does not work any more."""
        if who.bound is not None:
            allowed, who.bound = who.bound, None
            _allow(0, allowed)
        at, who.at = who.at, -1
        if self._at.get(at) is who:
            self._at.pop(at, None)

    def _bind(self, who: Working, taken: int) -> None:
        """Bind a thread to a processor on which none works, if there is one but the `taken` one."""
        thread = who.native_id
        if thread is None:  # it has not begun
            return
        allowed = _allowed(thread)
        for free in allowed:
            if free != taken and self._at.setdefault(free, who) is who:
                if _allow(thread, {free}):
                    who.at, who.bound, who.since = free, allowed, time.perf_counter()
                else:
                    self._at.pop(free, None)
                return


if sys.platform == "linux":

    def _allowed(thread: int) -> set[int]:
        try:
            return os.sched_getaffinity(thread)
        except OSError:
            return set()

    def _allow(thread: int, processors: set[int]) -> bool:
        try:
            os.sched_setaffinity(thread, processors)
        except OSError:  # they were taken away meanwhile: what the system has set instead is right
            return False
        return True

else:

    def _allowed(thread: int) -> set[int]:
        del thread
        return set()

    def _allow(thread: int, processors: set[int]) -> bool:
        del thread, processors
        return False
