"""Requests and what they wait for: a server, a limit on how many are under way, a rate, an end.

Knows names, addresses and counts.  Must not know how bytes are sent: `connections` does that, and is the only
one to change `Limit.waiting` and `Origin.idle`.

Law: `Exchange.done` is called exactly once.
"""

from __future__ import annotations

import socket
import threading
import time
from _thread import allocate_lock
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from weakref import WeakSet

from tegula.effects.storage import Buffer
from tegula.leaves.wire.http1 import Reply

__all__ = ["LIMITS", "ORIGINS", "Exchange", "Limit", "NoReply", "Origin", "Pace", "Proxy"]

RESOLVED_SECONDS = 120.0


class NoReply(Exception):
    """There is no reply.  `sent` says whether the server may have seen the whole request."""

    def __init__(self, message: str, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class Limit:
    """How many requests may be under way at once.

    At most `base`; or, where `most` is given, up to that as far as latency asks for it.
    """

    __slots__ = ("__weakref__", "_lock", "active", "base", "most", "waiting")

    def __init__(self, base: int, most: int | None = None) -> None:
        self.base = base
        self.most = base if most is None else max(base, most)
        self.reset()
        LIMITS.add(self)

    def reset(self) -> None:
        """Forget what is under way: it is the parent's."""
        self._lock = allocate_lock()
        self.active = 0
        self.waiting: deque[Exchange] = deque()

    def enter(self, most: int) -> bool:
        """Count one more that is under way, if they are fewer than `most`.

        >>> limit = Limit(1)
        >>> limit.enter(1), limit.enter(1), limit.leave(), limit.enter(1)
        (True, False, None, True)
        """
        with self._lock:
            if self.active < most:
                self.active += 1
                return True
        return False

    def leave(self) -> None:
        """Count one less."""
        with self._lock:
            self.active -= 1


class Pace:
    """When requests may start: `rate` a second at first, twice that after each `doubling` seconds (0: never).

    >>> pace = Pace(1000.0)
    >>> 0.0009 < pace.next() * -1 + pace.next() < 0.0011
    True
    """

    __slots__ = ("_begun", "_lock", "_next", "doubling", "rate")

    def __init__(self, rate: float, doubling: float = 0.0) -> None:
        self.rate, self.doubling = rate, doubling
        self._begun = self._next = 0.0
        self._lock = allocate_lock()

    def next(self) -> float:
        """Return the moment, by the monotonic clock, at which one more request may start."""
        now = time.monotonic()
        with self._lock:
            if not self._begun:
                self._begun = now
            due = max(now, self._next)
            grown = 2.0 ** min(1000.0, (due - self._begun) / self.doubling) if self.doubling else 1.0
            self._next = due + 1.0 / (self.rate * grown)
        return due


class Proxy:
    """Whom to ask instead of a server: host and port, and the headers that say who asks (not to be shown)."""

    __slots__ = ("headers", "host", "port")

    def __init__(self, host: str, port: int, headers: Mapping[str, str]) -> None:
        self.host, self.port, self.headers = host, port, headers


class Origin:
    """A server: scheme, host and port, its idle connections, and how long to wait for it in seconds.

    With a `proxy` its connections go there: a server with TLS through a tunnel, another by its whole URL.
    """

    def __init__(
        self,
        scheme: str,
        host: str,
        port: int,
        *,
        connect_seconds: float = 20.0,
        silence_seconds: float = 60.0,
        tls: Callable[[], Any] | None = None,
        proxy: Proxy | None = None,
    ) -> None:
        self.scheme, self.host, self.port = scheme, host, port
        self.connect_seconds = connect_seconds
        self.silence_seconds = silence_seconds
        usual = port == (443 if scheme == "https" else 80)
        self.authority = _bracketed(host) if usual else f"{_bracketed(host)}:{port}"
        self._tls = tls
        self.proxy = proxy
        self.tunnelled = proxy is not None and scheme == "https"
        self._context: Any = None
        self.reset()
        ORIGINS.add(self)

    def reset(self) -> None:
        """Forget connections and addresses."""
        self.idle: list[Any] = []
        self._addresses: list[Any] = []
        self._resolved = 0.0
        self._lock = threading.Lock()

    def target(self, path: str) -> str:
        """Return how a request names a path: a proxy without a tunnel is told the whole URL."""
        return path if self.proxy is None or self.tunnelled else f"{self.scheme}://{self.authority}{path}"

    def more_headers(self) -> Mapping[str, str]:
        """Return the headers of every request that are for a proxy without a tunnel."""
        return {} if self.proxy is None or self.tunnelled else self.proxy.headers

    @property
    def is_at_hand(self) -> bool:
        """Whether a connection is begun without asking anybody for an address, or making a TLS context."""
        return (
            bool(self._addresses)
            and time.monotonic() - self._resolved <= RESOLVED_SECONDS
            and (self.scheme != "https" or self._context is not None)
        )

    def addresses(self) -> list[Any]:
        """Return what the name resolves to, or the proxy's; asked again every two minutes.

        Raises:
            OSError: it resolves to nothing.
        """
        if not self._addresses or time.monotonic() - self._resolved > RESOLVED_SECONDS:
            with self._lock:
                there: Proxy | Origin = self.proxy or self
                found = socket.getaddrinfo(there.host, there.port, type=socket.SOCK_STREAM)
                self._addresses, self._resolved = found, time.monotonic()
        return self._addresses

    def context(self) -> Any:
        """Return the TLS context, made on first use."""
        if self._context is None and self.scheme == "https":
            with self._lock:
                if self._context is None:
                    import ssl

                    self._context = ssl.create_default_context() if self._tls is None else self._tls()
        return self._context


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


class Exchange:
    """One request and who waits for its reply.

    `pieces` are the bytes to send, head first.  `again` says that sending it twice does no harm.
    `done` gets the reply or the `NoReply`, on the poller's thread: it must be quick.  When `dropped` answers
    true, a request that was not sent yet is not sent any more; none is sent before it is `due`.
    """

    __slots__ = ("again", "done", "dropped", "due", "limit", "method", "origin", "pieces", "replaced")

    def __init__(
        self,
        origin: Origin,
        limit: Limit,
        method: str,
        pieces: Sequence[Buffer],
        done: Callable[[Reply | NoReply], None],
        *,
        again: bool,
        dropped: Callable[[], bool] | None = None,
        due: float = 0.0,
    ) -> None:
        self.due = due
        self.origin, self.limit, self.method, self.pieces = origin, limit, method, pieces
        self.done, self.again, self.dropped = done, again, dropped
        self.replaced = False


ORIGINS: WeakSet[Origin] = WeakSet()
"""Every server that this process knows."""

LIMITS: WeakSet[Limit] = WeakSet()
"""Every limit of this process."""
