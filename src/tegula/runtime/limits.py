"""Limits: how many operations, and how many bytes, may be under way at once.

Knows: gates, who waits at them, and which gate an effect has to pass.  Must not know how an effect is
answered, or on which threads.

A *gate* lets in so many at once.  One who comes when it is full leaves a function behind, which is
called, by whoever leaves next, when there is room: so a program that waits holds no thread, and a
thread that waits does so on a lock of its own.  Those who wait come in the order they came.

Which gate: storage effects pass that of their store: the resource that stands for a number, or else the
one that the process shares (for files 4, or as many as there are cores).  A store in memory has none;
one that sends many requests for one block of keys (a remote one) counts them itself.  `Compute` passes
that of its resource, or that of the shared threads: one a core.  `Room` counts bytes.

Law: never more than its number at once within one gate, whatever fails or is cancelled; and where
anybody waits, the gate is full.  What is answered in its caller's own thread passes every gate but that of
the shared threads.
"""

from __future__ import annotations

import os
import threading
from _thread import allocate_lock
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from tegula.effects.control import Held, Room
from tegula.kv.spec import StoreRef

__all__ = ["ByteGate", "Gate", "compute_gate", "keep_little", "room", "store_gate", "wait"]

COUNTED = 1 << 16  # a limit from here on is none: no process has so many under way
TRIMMED = 8  # what is free goes back to the system once this part of a limit was held and let go
KEPT = 16  # what the C library may keep, all threads together, is this part of a limit,
LEAST_KEPT, LARGEST_KEPT = 64 << 10, 4 << 20  # but so many bytes at least and at most for each
_TRIMMED_FROM, _MAPPED_FROM = -1, -3  # parameters of glibc's mallopt
_kept = 1 << 62
_CORES = os.cpu_count() or 1


class Gate:
    """Lets in at most `limit` at once: `enter`, and `leave` once for each time that it was let in.

    >>> gate = Gate(1)
    >>> gate.enter(), gate.enter()
    (True, False)
    >>> gate.leave()
    >>> gate.enter()
    True
    """

    __slots__ = ("__weakref__", "_free", "_waiting", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._free: deque[None] = deque([None] * limit)
        self._waiting: deque[Callable[[], object]] = deque()

    def enter(self) -> bool:
        """Go in if there is room and nobody waits before; return whether we are in."""
        if self._waiting:
            return False
        try:
            self._free.pop()
        except IndexError:
            return False
        return True

    def queue(self, then: Callable[[], object]) -> None:
        """Go in as soon as there is room: `then` is called when we are in, from any thread, or at once."""
        self._waiting.append(then)
        self._admit()

    def leave(self) -> None:
        """Make room for another."""
        self._free.append(None)
        if self._waiting:
            self._admit()

    def _admit(self) -> None:
        # a place is taken before a waiter, so that of two threads here none takes what it cannot use
        while self._waiting:
            try:
                self._free.pop()
            except IndexError:
                return
            try:
                then = self._waiting.popleft()
            except IndexError:
                self._free.append(None)
                continue
            then()


class ByteGate:
    """Lets in at most `limit` bytes at once; what is larger than that, when nothing else is in."""

    __slots__ = ("__weakref__", "_lock", "_waiting", "freed", "held", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0
        self.freed = 0  # bytes that were held since the C library was last asked to give back what is free
        self._lock = allocate_lock()
        self._waiting: deque[tuple[int, Callable[[], object]]] = deque()

    def enter(self, size: int) -> bool:
        """Go in if there is room and nobody waits before; return whether we are in."""
        with self._lock:
            if self._waiting or (self.held and self.held + size > self.limit):
                return False
            self.held += size
            return True

    def queue(self, size: int, then: Callable[[], object]) -> None:
        """Go in as soon as there is room: `then` is called when we are in, from any thread, or at once."""
        with self._lock:
            self._waiting.append((size, then))
        self._admit()

    def leave(self, size: int) -> None:
        """Make room for others."""
        with self._lock:
            self.held -= size
            self.freed += size
            due = self.freed * TRIMMED > self.limit
            if due:
                self.freed = 0
            waiting = bool(self._waiting)
        if due:
            trim()
        if waiting:
            self._admit()

    def _admit(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    return
                size, then = self._waiting[0]
                if self.held and self.held + size > self.limit:
                    return
                self._waiting.popleft()
                self.held += size
            then()


def trim() -> None:
    """Have the C library give memory that nobody uses back to the system, where it can be asked to.

    It keeps some megabytes for each thread that has once used as much, which is no less in use than what
    somebody holds.
    """
    _trim()


def _trim() -> None:
    global _trim
    try:
        import ctypes

        found: Any = ctypes.CDLL(None).malloc_trim
        found.argtypes = [ctypes.c_size_t]
    except (ImportError, OSError, AttributeError, TypeError):

        def found(_: int) -> None:
            pass

    _trim = partial(found, 0)
    _trim()


def keep_little(limit: int) -> None:
    """Have the C library keep little of what is let go, beside a limit of so many bytes.

    It has a heap for each thread, keeps at the top of each up to twice the largest piece that was ever let
    go, and gives nothing of that back when it is asked to.  Told a size itself, it maps what is larger, which
    goes back at once.  That is for the whole process; the smallest limit counts.
    """
    global _kept
    threads = max(4, min(32, 4 * _CORES))  # of the shared pool
    size = min(LARGEST_KEPT, max(LEAST_KEPT, limit // (KEPT * threads)))
    if size >= _kept:
        return
    _kept = size
    try:
        import ctypes

        told: Any = ctypes.CDLL(None).mallopt
        told.argtypes = [ctypes.c_int, ctypes.c_int]
        told(_MAPPED_FROM, size)
        told(_TRIMMED_FROM, size)
    except (ImportError, OSError, AttributeError, TypeError):
        pass  # another C library


class _Bytes(Held):
    """Bytes that are in a gate until this is closed or dropped."""

    __slots__ = ("_gate", "_size")

    def __init__(self, gate: ByteGate, size: int) -> None:
        self._gate: ByteGate | None = gate
        self._size = size

    def close(self) -> None:
        gate, self._gate = self._gate, None
        if gate is not None:
            gate.leave(self._size)

    def __del__(self) -> None:
        self.close()


def room(effect: Room, then: Callable[[Held], object]) -> Held | None:
    """Return what answers `effect`, or None where there is no room now: then `then` is called with it."""
    gate = _byte_gates.get(effect.pool)
    if gate is None:
        gate = _byte_gates.setdefault(effect.pool, ByteGate(effect.limit))
    size = effect.size
    if gate.enter(size):
        return _Bytes(gate, size)
    gate.queue(size, lambda: then(_Bytes(gate, size)))
    return None


def store_gate(store: StoreRef) -> Gate | None:
    """Return the gate of what is asked of a store, None where there is none."""
    shared = _shared.get(store.driver)
    if shared is None or store.limit is None:
        return shared
    return _numbered(store.limit)


def compute_gate(within: Any) -> Gate:
    """Return the gate of `Compute` within a resource (None: that of the shared threads)."""
    return _computing if within is None else _numbered(within)


def _numbered(resource: Any) -> Gate:
    gate = _gates.get(resource)
    if gate is None:
        gate = _gates.setdefault(resource, Gate(min(resource.limit, COUNTED)))
    return gate


def wait(gate: Gate) -> None:
    """Go in, in the calling thread, however long it takes."""
    if gate.enter():
        return
    arrived = allocate_lock()
    arrived.acquire()
    gate.queue(arrived.release)
    try:
        arrived.acquire()
    except BaseException:  # Ctrl-C: whoever lets us in finds that we have left
        threading.Thread(target=_go_back, args=(gate, arrived), daemon=True).start()
        raise


def _go_back(gate: Gate, arrived: Any) -> None:
    arrived.acquire()
    gate.leave()


def _reset() -> None:
    """Make every gate anew: those of before count what runs in another process."""
    global _gates, _byte_gates, _computing
    _gates, _byte_gates, _computing = WeakKeyDictionary(), WeakKeyDictionary(), Gate(_CORES)
    _shared["file"] = Gate(max(4, _CORES))


_shared: dict[str, Gate] = {}
_gates: WeakKeyDictionary[Any, Gate]
_byte_gates: WeakKeyDictionary[Any, ByteGate]
_computing: Gate
_reset()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset)
