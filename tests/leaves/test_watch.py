"""Waiting for sockets: epoll and what other systems have say the same."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

import pytest

from tegula.leaves import watch
from tegula.leaves.watch import READ, WRITE

KINDS = [watch._Selectors] + ([watch._Epoll] if watch.Watch is watch._Epoll else [])


@pytest.fixture(params=KINDS)
def watched(request: pytest.FixtureRequest) -> Any:
    made = request.param()
    yield made
    made.close()


def test_sockets_are_told_as_they_are(watched: Any) -> None:
    here, there = socket.socketpair()
    with here, there:
        here.setblocking(False)
        watched.register(here, READ, "here")
        assert watched.wait(0) == []
        watched.modify(here, READ | WRITE)
        assert watched.wait(1) == [("here", WRITE)]
        there.send(b"x")
        assert watched.wait(1) == [("here", READ | WRITE)]
        watched.modify(here, READ)
        assert watched.wait(1) == [("here", READ)]
        assert here.recv(10) == b"x"
        assert watched.wait(0) == []
        there.shutdown(socket.SHUT_RDWR)
        there.close()
        ((owner, events),) = watched.wait(1)
        assert owner == "here"
        assert events & READ
        watched.unregister(here)
        assert watched.wait(0) == []


def test_a_call_ends_the_wait_that_is_under_way_or_the_next(watched: Any) -> None:
    watched.wake()
    watched.wake()
    begun = time.monotonic()
    assert watched.wait(60) == []
    threading.Timer(0.02, watched.wake).start()
    assert watched.wait(60) == []
    assert watched.wait(0.01) == []
    assert time.monotonic() - begun < 50


def test_a_call_and_a_socket_at_once(watched: Any) -> None:
    here, there = socket.socketpair()
    with here, there:
        watched.register(here, READ, "here")
        there.send(b"x")
        watched.wake()
        assert watched.wait(60) == [("here", READ)]
