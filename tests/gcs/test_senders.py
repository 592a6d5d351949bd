"""Who sends: threads that ask at once, over connections that end; and what many that end at once do."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import tegula as ts
from tegula.leaves.connections import submit
from tegula.leaves.exchange import LIMITS, Exchange, Limit, NoReply, Origin
from tegula.leaves.wire.http1 import Reply, head
from tests.gcs.stores import Running, gcs, running

SOAK = bool(os.environ.get("TEGULA_SOAK"))


def _ask_all(origin: Origin, limit: Limit, count: int, dropped: bool) -> list[Reply | NoReply]:
    """Send requests one behind the other, wait for the ends of all, and return them."""
    ends: list[Reply | NoReply] = []
    over = threading.Event()

    def done(answer: Reply | NoReply) -> None:
        ends.append(answer)
        if len(ends) == count:
            over.set()

    pieces = [head("GET", "/", {"Host": "h"})]
    made = [
        Exchange(origin, limit, "GET", pieces, done, again=True, dropped=(lambda: True) if dropped else None)
        for _ in range(count)
    ]
    submit(made)
    assert over.wait(30)
    return ends


def test_threads_that_ask_at_once_get_their_own_answers(server: Running, path: str) -> None:
    """The limit holds, and what one asks no other is answered, though connections end in between."""
    store = ts.KvStore.open(gcs(path, gcs_request_concurrency={"limit": 3})).result()
    for number in range(40):
        store[f"{number}"] = b"%d" % number
    server.faults({"rate": 0.05, "kinds": ["reset", "cut", "503"]}, seed=5)
    server.reset()

    def work(worker: int) -> None:
        for turn in range(300 if SOAK else 40):
            number = (7 * worker + turn) % 40
            assert store[f"{number}"] == b"%d" % number
            if turn % 8 == 0:
                store[f"w{worker}"] = b"%d" % turn
                assert store[f"w{worker}"] == b"%d" % turn

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert server.counts()["peak"] <= 3
    assert not any(limit.active or limit.waiting for limit in tuple(LIMITS))


def test_a_thousand_that_nobody_waits_for_any_more() -> None:
    """They end in a loop: one call within the other would be too deep."""
    answers = _ask_all(Origin("http", "127.0.0.1", 9), Limit(1), 5000, dropped=True)
    assert {str(answer) for answer in answers} == {"nobody waits for it any more"}


def test_a_thousand_that_can_not_be_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no address that one could connect to: each fails as soon as it is begun."""
    origin = Origin("http", "127.0.0.1", 9)
    monkeypatch.setattr(origin, "addresses", lambda: [(-1, -1, -1, "", ("127.0.0.1", 9))])
    answers = _ask_all(origin, Limit(1), 5000, dropped=False)
    assert all(isinstance(answer, NoReply) and not answer.sent for answer in answers)
    assert len(answers) == 5000


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts open files by /proc")
def test_many_requests_leave_nothing_behind(path: str) -> None:
    """Sockets, threads and what is counted do not grow, though the server goes away in between."""
    monkey = pytest.MonkeyPatch()

    def left() -> tuple[int, int]:
        return threading.active_count(), len(os.listdir("/proc/self/fd"))

    try:
        seen = []
        for _ in range(3):
            with running() as there:
                monkey.setenv("STORAGE_EMULATOR_HOST", there.url)
                store = ts.KvStore.open(gcs(path)).result()
                store["a"] = b"1"
                for _ in range(3000 if SOAK else 100):
                    assert store["a"] == b"1"
                    assert "b" not in store
            ends = time.monotonic() + 10
            while time.monotonic() < ends and len(seen) and left() > seen[0]:
                time.sleep(0.01)  # until the poller has seen the connections end
            seen.append(left())
        assert seen[2] <= seen[1]
    finally:
        monkey.undo()
    assert not any(limit.active or limit.waiting for limit in tuple(LIMITS))
