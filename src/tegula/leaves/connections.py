"""Connections: many requests at once over kept-alive HTTP/1.1, by one thread that waits for all of them.

Knows sockets, TLS and deadlines.  Must not know what a request is for: who asks gets the `Reply`, or why
there is none, and decides what that means.

One poller thread serves the process.  It sends, receives and parses; a thousand requests under way need no
thousand threads, and a request costs some tens of microseconds.  A lone request is sent by whoever asks,
where a connection is idle and the limit has room: the poller sleeps until the reply is there.  `Limit` says
how many may be under way at once.  One that adapts starts at a number that suits a near server and goes
beyond it only while nothing has come back meanwhile: that is what waiting for latency looks like, and not
what a busy processor does.

A connection that closes while idle is forgotten at once; one that turns out closed when it is used again,
before a byte of the reply is replaced, once, where the request may be sent twice.

A connection is the poller's, but for the moment in which another thread that took it out of `Origin.idle`
holds its `lock` and sends.

Law: `done` is called exactly once for each request.  After a fork the child has no connections and no thread
until it asks for something; what is under way belongs to the parent.
"""

from __future__ import annotations

import errno
import os
import socket
import threading
import time
from _thread import allocate_lock
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from heapq import heappop, heappush
from itertools import count
from math import inf
from typing import Any

from tegula.leaves.exchange import LIMITS, ORIGINS, Exchange, Limit, NoReply, Origin
from tegula.leaves.watch import READ, WRITE, Watch
from tegula.leaves.wire.http1 import Reader, Reply, head

__all__ = ["submit"]

SCRATCH = 1 << 18
PIECES = 16  # sendmsg takes at most so many
STEP = 16  # requests more at a look that finds nothing come back
IDLE_SECONDS = 50.0  # servers close after a minute or more


class _Connection:
    """One socket: connecting, shaking hands, at work on an exchange, or idle."""

    __slots__ = (
        "addresses",
        "deadline",
        "exchange",
        "fresh",
        "lock",
        "origin",
        "poller",
        "reader",
        "registered",
        "sending",
        "since",
        "sock",
        "state",
    )

    def __init__(self, poller: _Poller, origin: Origin, exchange: Exchange) -> None:
        self.poller, self.origin = poller, origin
        self.exchange: Exchange | None = exchange
        self.addresses = list(origin.addresses())
        self.fresh = True
        self.lock = allocate_lock()
        self.reader: Reader | None = None
        self.sending: list[memoryview] = []
        self.registered = 0
        self.since = 0.0
        self.sock: Any = None
        self.state = "new"
        self.deadline = 0.0

    def due(self, seconds: float) -> None:
        self.deadline = time.monotonic() + seconds
        self.poller.heed(self.deadline)

    # ------------------------------------------------------------ coming up

    def connect(self) -> None:
        family, kind, protocol, _, address = self.addresses.pop(0)
        sock = socket.socket(family, kind, protocol)
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = sock
        self.due(self.origin.connect_seconds)
        error = sock.connect_ex(address)
        self.state = "connecting"
        if error and error not in _UNDER_WAY:
            raise OSError(error, os.strerror(error))
        self.watch(WRITE)

    def connected(self) -> None:
        error = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise OSError(error, os.strerror(error))
        if self.origin.tunnelled:
            self.tunnel()
        else:
            self.secure()

    def tunnel(self) -> None:
        """Ask the proxy for a way to the server."""
        origin = self.origin
        assert origin.proxy is not None
        host = f"[{origin.host}]" if ":" in origin.host else origin.host
        there = f"{host}:{origin.port}"
        self.reader = Reader("HEAD")  # what it says has no body
        self.sending = [memoryview(head("CONNECT", there, {"Host": there, **origin.proxy.headers}))]
        self.state = "tunnel"
        self.push()

    def tunnelled(self) -> None:
        """Hear what the proxy says."""
        reader, scratch = self.reader, self.poller.scratch
        assert reader is not None
        try:
            got = self.sock.recv_into(scratch)
        except (BlockingIOError, InterruptedError):
            return
        if not got:
            raise OSError("the proxy closed the connection")
        if reader.feed(scratch[:got]):
            status = reader.reply().status
            if status != 200:
                raise OSError(f"the proxy answered with status {status}")
            self.reader = None
            self.secure()

    def secure(self) -> None:
        """Begin, with TLS where the server has it."""
        context = self.origin.context()
        if context is None:
            self.begin()
            return
        self.unwatch()
        self.sock = context.wrap_socket(
            self.sock, server_hostname=self.origin.host, do_handshake_on_connect=False
        )
        self.state = "handshake"
        self.handshake()

    def handshake(self) -> None:
        import ssl

        try:
            self.sock.do_handshake()
        except ssl.SSLWantReadError:
            self.watch(READ)
        except ssl.SSLWantWriteError:
            self.watch(WRITE)
        else:
            self.begin()

    # ------------------------------------------------------------ at work

    def use(self, exchange: Exchange) -> None:
        """Send an exchange over this connection, which was idle."""
        self.exchange = exchange
        self.deadline = time.monotonic() + self.origin.silence_seconds  # before anybody looks at it
        self.poller.busy.add(self)
        self.begin()

    def begin(self) -> None:
        """Send the request of the exchange."""
        exchange = self.exchange
        assert exchange is not None
        self.reader = Reader(exchange.method)
        self.sending = [view for piece in exchange.pieces if (view := memoryview(piece).cast("B")).nbytes]
        self.state = "active"
        self.push()

    def push(self) -> None:
        sending, sock = self.sending, self.sock
        self.due(self.origin.silence_seconds)
        while sending:
            try:
                if self.origin.scheme == "https":
                    sent = sock.send(sending[0][: 1 << 20])
                else:
                    sent = sock.sendmsg(sending[:PIECES])
            except (BlockingIOError, InterruptedError):
                break
            except OSError as error:
                if type(error).__name__ not in _WAITING:
                    raise
                break
            while sent:
                size = sending[0].nbytes
                if sent < size:
                    sending[0] = sending[0][sent:]
                    break
                sent -= size
                del sending[0]
        self.watch(READ | (WRITE if sending else 0))

    def pull(self) -> bool:
        """Receive what has come; return whether the reply is complete."""
        reader, sock, scratch = self.reader, self.sock, self.poller.scratch
        assert reader is not None
        encrypted = self.origin.scheme == "https"
        while True:
            room = reader.room()
            into: Any = scratch if room is None else room
            try:
                got = sock.recv_into(into)
            except (BlockingIOError, InterruptedError):
                return False
            except OSError as error:
                if type(error).__name__ not in _WAITING:
                    raise
                return False
            if not got:
                return reader.end()
            complete = reader.feed(scratch[:got]) if room is None else reader.filled(got)
            emptied = got < into.nbytes
            room = into = None  # while anybody looks into the body it is copied, not handed over
            if complete:
                return True
            self.due(self.origin.silence_seconds)
            if emptied and not encrypted:
                return False

    def finish(self) -> tuple[Exchange, Reply]:
        """Return what was asked and the reply; keep the connection where it may be used again."""
        exchange, reader = self.exchange, self.reader
        assert exchange is not None
        assert reader is not None
        self.exchange = self.reader = None
        kept = reader.reusable and not self.sending
        self.fresh = False
        if kept:
            self.state = "idle"
            self.since = time.monotonic()
            self.poller.busy.discard(self)
            self.origin.idle.append(self)
        else:
            self.close()
        return exchange, reader.reply()

    # ------------------------------------------------------------ events and ends

    def ready(self, events: int) -> None:
        """The socket may be read or written."""
        ended: tuple[Exchange, Reply] | None = None
        failed: Exception | None = None
        self.lock.acquire()  # the reply may be there before who sent the request is back from it
        try:
            if self.state == "active":
                if events & READ and self.pull():
                    ended = self.finish()
                elif events & WRITE:
                    self.push()
            elif self.state == "connecting":
                self.connected()
            elif self.state == "handshake":
                self.handshake()
            elif self.state == "tunnel":
                if events & READ:
                    self.tunnelled()
                elif self.sending:
                    self.push()
            elif self.state == "idle":  # it was closed, or says what nobody asked for
                self.forget()
        except Exception as error:  # whatever it is, it is this connection's: the thread serves all of them
            failed = error
        finally:
            self.lock.release()
        if failed is not None:
            self.fail(failed)
            failed = None  # its traceback knows this frame, and what was received
        elif ended is not None:
            self.poller.answer(*ended)

    def fail(self, error: BaseException) -> None:
        """Give the connection up: try another address or connection, or say that there is no reply."""
        exchange, reader = self.exchange, self.reader
        state = self.state
        self.exchange = self.reader = None
        self.close()
        if exchange is None:
            return
        if state in ("new", "connecting", "tunnel", "handshake"):
            if self.addresses and state in ("new", "connecting"):
                self.exchange = exchange
                self.poller.busy.add(self)
                self.attempt()
                return
            message = f"cannot connect to {self.origin.host}:{self.origin.port}: {_said(error)}"
            self.poller.answer(exchange, NoReply(message, False))
            return
        untouched = reader is not None and not reader.begun
        if untouched and not self.fresh and exchange.again and not exchange.replaced:
            exchange.replaced = True
            self.poller.start(exchange)
            return
        # until the last byte is handed to the system, no server can have the whole request
        self.poller.answer(exchange, NoReply(_said(error), not self.sending))

    def attempt(self) -> None:
        try:
            self.connect()
        except OSError as error:
            self.fail(error)

    def forget(self) -> None:
        """Drop an idle connection, unless somebody has taken it."""
        with suppress(ValueError):
            self.origin.idle.remove(self)
            self.close()

    def close(self) -> None:
        self.unwatch()
        self.state = "closed"
        self.poller.busy.discard(self)
        if self.sock is not None:
            self.sock.close()

    def watch(self, events: int) -> None:
        if self.registered != events:
            if self.registered:
                self.poller.watch.modify(self.sock, events)
            else:
                self.poller.watch.register(self.sock, events, self)
            self.registered = events

    def unwatch(self) -> None:
        if self.registered:
            self.registered = 0
            self.poller.watch.unregister(self.sock)


_UNDER_WAY = frozenset({errno.EINPROGRESS, errno.EAGAIN, errno.EWOULDBLOCK, errno.EINTR})
_WAITING = ("SSLWantReadError", "SSLWantWriteError")


def _said(error: BaseException) -> str:
    return (error.strerror if isinstance(error, OSError) and error.strerror else str(error)) or type(
        error
    ).__name__


def _is_dropped(exchange: Exchange) -> bool:
    return exchange.dropped is not None and exchange.dropped()


class _Poller:
    """The thread that serves all connections of the process."""

    def __init__(self) -> None:
        self.watch = Watch()
        self.scratch = memoryview(bytearray(SCRATCH))
        self.busy: set[_Connection] = set()
        self.check = 0.0
        self._until = inf  # how long it sleeps, as far as it is known
        self._inbox: deque[Exchange | Callable[[], object]] = deque()
        self._crowded: set[Limit] = set()
        self._freed: deque[Limit] = deque()
        self._early: list[tuple[float, int, Exchange]] = []
        self._numbers = count()
        self._asleep = False
        threading.Thread(target=self._serve, name="tegula-connections", daemon=True).start()

    def send(self, exchange: Exchange) -> bool:
        """Send an exchange from the calling thread, if a connection is idle and nobody waits before it."""
        limit, idle = exchange.limit, exchange.origin.idle
        if exchange.due or limit.waiting or not idle or not limit.enter(limit.base):
            return False
        try:
            connection: _Connection = idle.pop()
        except IndexError:
            limit.leave()
            return False
        with connection.lock:
            if time.monotonic() - connection.since <= IDLE_SECONDS:
                try:
                    connection.use(exchange)
                except BaseException as error:
                    self.submit((partial(connection.fail, error),))
                    if not isinstance(error, OSError):
                        raise
                return True
        connection.close()
        limit.leave()
        return False

    def heed(self, deadline: float) -> None:
        """Look after what is due then; called from any thread."""
        if deadline < self.check:
            self.check = deadline
        if deadline < self._until:
            self.wake()

    def submit(self, exchanges: Sequence[Exchange | Callable[[], object]]) -> None:
        """Take exchanges, and functions to be called here, from any thread."""
        self._inbox.extend(exchanges)
        if self._asleep:
            self.wake()

    def wake(self) -> None:
        self._asleep = False
        self.watch.wake()

    def _serve(self) -> None:
        inbox, wait = self._inbox, self.watch.wait
        while True:
            if inbox:
                self._take()
            if self._early:
                self._ripen()
            events: Sequence[tuple[Any, int]] = ()
            if self._crowded:
                events = wait(0)
                while not events and self._widen():
                    events = wait(0)
            if not events:
                self._asleep = True
                self._until = inf  # whoever has an earlier deadline while this is found out wakes us
                pause = self._pause()
                self._until = time.monotonic() + pause
                events = wait(0 if inbox else pause)
                self._asleep = False
            for connection, mask in events:
                connection.ready(mask)
            del events
            if time.monotonic() >= self.check:
                self._expire()

    def _take(self) -> None:
        while self._inbox:
            exchange = self._inbox.popleft()
            if not isinstance(exchange, Exchange):
                exchange()
            elif exchange.due > time.monotonic():
                heappush(self._early, (exchange.due, next(self._numbers), exchange))
            else:
                self._queue(exchange)

    def _queue(self, exchange: Exchange) -> None:
        limit = exchange.limit
        limit.waiting.append(exchange)
        self._admit(limit, limit.base)
        if limit.waiting:
            self._crowded.add(limit)

    def _ripen(self) -> None:
        """Take those whose time has come, and those that nobody waits for any more."""
        while self._early and (self._early[0][0] <= time.monotonic() or _is_dropped(self._early[0][2])):
            self._queue(heappop(self._early)[2])

    def _widen(self) -> bool:
        """Start more than the base where nothing came back though that many are under way."""
        started = False
        for limit in tuple(self._crowded):
            started |= self._admit(limit, min(limit.most, max(limit.base, limit.active + STEP)))
        return started

    def _admit(self, limit: Limit, most: int) -> bool:
        started = False
        while limit.waiting and limit.enter(most):
            exchange = limit.waiting.popleft()
            started = True
            if _is_dropped(exchange):
                self.answer(exchange, NoReply("nobody waits for it any more", False))
            else:
                self.start(exchange)
        if not limit.waiting:
            self._crowded.discard(limit)
        return started

    def start(self, exchange: Exchange) -> None:
        """Send an exchange over an idle connection, or over a new one."""
        origin = exchange.origin
        while origin.idle:
            try:
                connection: _Connection = origin.idle.pop()
            except IndexError:
                break  # another thread was faster
            if time.monotonic() - connection.since > IDLE_SECONDS:
                connection.close()
                continue
            try:
                connection.use(exchange)
            except OSError as error:
                connection.fail(error)
            return
        connection = _Connection(self, origin, exchange)
        self.busy.add(connection)
        connection.attempt()

    def answer(self, exchange: Exchange, answer: Reply | NoReply) -> None:
        """Hand over the end of an exchange."""
        limit = exchange.limit
        limit.leave()
        exchange.done(answer)
        if limit.waiting:
            self._refill(limit)

    def _refill(self, limit: Limit) -> None:
        """Start another one for one that has ended: in a loop, since many may end as soon as they start."""
        self._freed.append(limit)
        if len(self._freed) > 1:
            return  # whoever looks at the first one goes on
        while self._freed:
            limit = self._freed[0]
            self._admit(limit, max(limit.base, min(limit.most, limit.active + 1)))
            self._freed.popleft()

    def _pause(self) -> float:
        if self._early:
            return max(0.0, min(self._early[0][0], self.check if self.busy else inf) - time.monotonic())
        if self.busy:
            return max(0.0, self.check - time.monotonic())
        return IDLE_SECONDS

    def _expire(self) -> None:
        """Give up connections that are past their deadline, and those that were idle for long."""
        now = time.monotonic()
        for connection in tuple(self.busy):
            if connection.deadline <= now:
                waited = "a connection" if connection.state != "active" else "progress"
                connection.fail(TimeoutError(f"timed out waiting for {waited}"))
        for origin in tuple(ORIGINS):
            for connection in tuple(origin.idle):
                if now - connection.since > IDLE_SECONDS:
                    connection.forget()
        self.check = now + IDLE_SECONDS
        for connection in tuple(self.busy):  # those that are added from now on are heeded by who adds them
            self.check = min(self.check, connection.deadline)

    def abandon(self) -> None:
        """Close what a forked child inherited; nothing is said to any server."""
        self.watch.close()
        for connection in tuple(self.busy):
            connection.sock.close()


_poller: _Poller | None = None
_lock = allocate_lock()


def submit(exchanges: Sequence[Exchange]) -> None:
    """Send requests; each one's `done` is called when it has ended.

    Raises:
        OSError: the name of a server resolves to nothing.
        RuntimeError: the interpreter is shutting down.
    """
    origins = {exchange.origin for exchange in exchanges} if len(exchanges) != 1 else (exchanges[0].origin,)
    for origin in origins:
        origin.addresses()
        origin.context()
    poller = _poller or _running()
    if len(exchanges) != 1 or not poller.send(exchanges[0]):
        poller.submit(exchanges)


def _running() -> _Poller:
    global _poller
    if _poller is None:
        with _lock:
            if _poller is None:
                _poller = _Poller()
    return _poller


def _after_fork() -> None:
    global _poller, _lock
    _lock = allocate_lock()
    poller, _poller = _poller, None
    for origin in tuple(ORIGINS):
        for connection in origin.idle:
            connection.sock.close()
        origin.reset()
    for limit in tuple(LIMITS):
        limit.reset()
    if poller is not None:
        poller.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
