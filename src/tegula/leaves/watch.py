"""Waiting for many sockets at once: which of them can be read or written.

Knows `epoll` where the system has it, and `selectors` elsewhere.  Must not know what the sockets are for.

Law: both say the same: each socket that is watched and ready, with what it was registered with.  `wake`, from
any thread, ends the wait that is under way, or else the next one.
"""

from __future__ import annotations

import os
import select
import selectors
import socket
from contextlib import suppress
from typing import Any

__all__ = ["READ", "WRITE", "Watch"]

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class _Epoll:
    """What `selectors` does, without an object for each event: half of what waiting costs."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._owners: dict[int, Any] = {}
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        # it is told of once each time that it rings, and so need not be read
        self._epoll.register(self._bell, select.EPOLLIN | select.EPOLLET)

    def wake(self) -> None:
        """End the wait that is under way, or the next one."""
        with suppress(BlockingIOError):
            os.eventfd_write(self._bell, 1)

    def register(self, sock: Any, events: int, owner: Any) -> None:
        """Watch a socket for READ, WRITE or both of them; `owner` stands for it."""
        number = sock.fileno()
        self._epoll.register(number, _ASKED[events])
        self._owners[number] = owner

    def modify(self, sock: Any, events: int) -> None:
        """Watch a socket for something else."""
        self._epoll.modify(sock.fileno(), _ASKED[events])

    def unregister(self, sock: Any) -> None:
        """Watch a socket no more."""
        number = sock.fileno()
        del self._owners[number]
        self._epoll.unregister(number)

    def wait(self, seconds: float) -> list[tuple[Any, int]]:
        """Return the owners of sockets that are ready, and for what; wait for one at most so long."""
        owners = self._owners
        # what is closed or broken is both readable and writable, and says so when it is used
        return [
            (owners[number], (event & ~_OUT != 0) * READ | (event & ~_IN != 0) * WRITE)
            for number, event in self._epoll.poll(seconds)
            if number in owners
        ]

    def close(self) -> None:
        """End it; the sockets stay as they are."""
        self._epoll.close()
        os.close(self._bell)


class _Selectors:
    """The same by whatever this system has."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._listen, self._call = socket.socketpair()
        self._listen.setblocking(False)
        self._call.setblocking(False)
        self._selector.register(self._listen, READ, self)

    def wake(self) -> None:
        with suppress(OSError):  # it is full: who waits is being woken already
            self._call.send(b"x")

    def register(self, sock: Any, events: int, owner: Any) -> None:
        self._selector.register(sock, events, owner)

    def modify(self, sock: Any, events: int) -> None:
        self._selector.modify(sock, events, self._selector.get_key(sock).data)

    def unregister(self, sock: Any) -> None:
        self._selector.unregister(sock)

    def wait(self, seconds: float) -> list[tuple[Any, int]]:
        found = [(key.data, events) for key, events in self._selector.select(seconds)]
        if any(owner is self for owner, _ in found):
            with suppress(OSError):
                self._listen.recv(4096)
        return [(owner, events) for owner, events in found if owner is not self]

    def close(self) -> None:
        self._selector.close()
        self._listen.close()
        self._call.close()


if hasattr(select, "epoll") and hasattr(os, "eventfd"):
    _IN, _OUT = select.EPOLLIN, select.EPOLLOUT
    _ASKED = {READ: _IN, WRITE: _OUT, READ | WRITE: _IN | _OUT}
    Watch: Any = _Epoll
else:
    Watch = _Selectors
