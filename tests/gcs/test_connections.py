"""How requests travel: limits, latency, kept-alive connections, TLS, deadlines, forks."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import pickle
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

import tegula as ts
from tegula.leaves.connections import submit
from tegula.leaves.exchange import Exchange, Limit, NoReply, Origin, Pace
from tegula.leaves.wire.http1 import Reply, head
from tegula.plan.blocks import FAR_ROWS
from tests.gcs.stores import Running, free_port, gcs, running

CERTIFICATE = Path(__file__).parents[1] / "servers" / "loopback.pem"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def read_all(store: ts.KvStore, count: int) -> list[Any]:
    return await asyncio.gather(*[store.read(str(number)) for number in range(count)])


@pytest.fixture
def array(server: Running, path: str) -> Callable[..., Any]:
    """An array of 300 chunks; call it to open it again with other members of the store."""
    layout = ts.ChunkLayout(chunk_shape=[1])
    spec = {"driver": "zarr3", "kvstore": gcs(path)}
    made = ts.open(spec, create=True, dtype="int32", shape=[300], chunk_layout=layout).result()
    made.write(range(1, 301)).result()
    server.reset()
    return lambda **more: ts.open({"driver": "zarr3", "kvstore": gcs(path, **more)}).result()


def test_latency_is_answered_by_more_requests_at_once(server: Running, array: Callable[..., Any]) -> None:
    opened = array()
    server.faults(delay=0.1)
    assert opened.read().result().tolist() == list(range(1, 301))
    assert 32 < server.counts()["peak"] <= 512


def test_chunks_are_placed_while_others_are_under_way(
    array: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was one block once, of which nothing was placed until the last chunk was there."""
    from tegula.programs.reading_few import _Few

    blocks: list[int] = []
    place = _Few.place_stored

    def placed(self: _Few, rows: Any, *more: Any) -> None:
        blocks.append(len(rows))
        place(self, rows, *more)

    monkeypatch.setattr(_Few, "place_stored", placed)
    assert array().read().result().tolist() == list(range(1, 301))
    assert sum(blocks) in (0, 300)  # by columns, where the kernels are there
    assert max(blocks, default=0) <= FAR_ROWS


def test_a_limit_holds(server: Running, array: Callable[..., Any]) -> None:
    opened = array(gcs_request_concurrency={"limit": 5})
    server.faults(delay=0.005)
    assert opened.read().result().tolist() == list(range(1, 301))
    assert server.counts()["peak"] == 5


def _peak(server: Running, *stores: ts.KvStore, count: int = 40) -> int:
    """The most requests at once while all of some stores are read."""
    server.faults(delay=0.05)
    server.reset()
    futures = [store.read(str(number)) for number in range(count) for store in stores]
    for future in futures:
        assert future.result().state == "missing"
    return server.counts()["peak"]


def _opened(context: ts.Context, path: str, bucket: str = "bucket") -> ts.KvStore:
    return ts.KvStore.open(gcs(path, bucket), context=context).result()


def test_a_limit_is_that_of_all_stores_of_a_context(server: Running, path: str) -> None:
    """Of several buckets, of what is opened again or pickled; another context counts for itself."""
    server.bucket("other-bucket")
    context = ts.Context({"gcs_request_concurrency": {"limit": 3}})
    first, second = _opened(context, path), _opened(context, path, "other-bucket")
    again, below = _opened(context, path), first / "below/"
    assert _peak(server, first, second, again, below) == 3
    child = ts.Context({"cache_pool": {"total_bytes_limit": 10}}, context)
    assert _peak(server, first, _opened(child, path)) == 3
    here, there = pickle.loads(pickle.dumps((first, second)))
    assert _peak(server, here, there) == 3
    other = ts.Context({"gcs_request_concurrency": {"limit": 3}})
    assert _peak(server, first, _opened(other, path)) == 6
    named = ts.Context({"gcs_request_concurrency#a": {"limit": 2}, "gcs_request_concurrency": {"limit": 4}})
    lesser = ts.KvStore.open(gcs(path, gcs_request_concurrency="gcs_request_concurrency#a"), context=named)
    assert _peak(server, lesser.result(), _opened(named, path)) == 6


def test_a_limit_is_that_of_arrays_and_stores_together(server: Running, array: Callable[..., Any]) -> None:
    context = ts.Context({"gcs_request_concurrency": {"limit": 4}})
    spec = array().spec()
    one, other = (ts.open(spec, context=context).result() for _ in range(2))
    server.faults(delay=0.01)
    server.reset()
    reads = [one.read(), other.read(), one[::2].read(), one[5].read()]
    writes = [other[:50].write(7), one[200:].write(8)]
    for future in (*reads, *writes):
        future.result()
    assert server.counts()["peak"] == 4


def test_the_shared_limit_is_the_environments(server: Running, path: str) -> None:
    program = (
        "import tegula as ts, asyncio\n"
        "async def main(store):\n"
        "    await asyncio.gather(*[store.read(str(n)) for n in range(60)])\n"
        "asyncio.run(main(ts.KvStore.open('gs://bucket/').result()))\n"
    )
    server.faults(delay=0.02)
    server.reset()
    env = {**os.environ, "TENSORSTORE_GCS_REQUEST_CONCURRENCY": "3"}
    subprocess.run([sys.executable, "-c", program], env=env, check=True, timeout=60)
    assert server.counts() == {"requests": 60, "peak": 3, "in_flight": 0}


def test_connections_are_used_again(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted([OK] * 40) as (url, accepted):
        origin = Origin("http", "127.0.0.1", int(url.rsplit(":", 1)[1]))
        for _ in range(20):
            assert bytes(ask(origin).body) == b"ok"
        assert len(accepted) == 1


@contextmanager
def scripted(*connections: list[bytes | None]) -> Iterator[tuple[str, list[int]]]:
    """A server whose n-th connection answers by the n-th list: bytes, or None to close unanswered."""
    listener = socket.create_server(("127.0.0.1", 0))
    accepted: list[int] = []
    held: list[socket.socket] = []

    def serve() -> None:
        with suppress(OSError):  # the test is over, and everything was closed
            answer_all()

    def answer_all() -> None:
        for answers in connections:
            sock, _ = listener.accept()
            held.append(sock)
            accepted.append(len(accepted))
            for answer in answers:
                got = b""
                while b"\r\n\r\n" not in got:
                    more = sock.recv(65536)
                    if not more:
                        return
                    got += more
                if answer is None:
                    break
                sock.sendall(answer)
            sock.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", accepted
    finally:
        listener.close()
        for sock in held:
            sock.close()
        thread.join(5)


def ask(origin: Origin, again: bool = True, limit: Limit | None = None) -> Any:
    """Send one request and wait for what becomes of it."""
    ended = threading.Event()
    answers: list[Reply | NoReply] = []

    def done(answer: Reply | NoReply) -> None:
        answers.append(answer)
        ended.set()

    pieces = [head("GET", "/x", {"Host": origin.authority})]
    submit([Exchange(origin, limit or Limit(4), "GET", pieces, done, again=again)])
    assert ended.wait(20)
    return answers[0]


def origin_at(url: str, **options: float) -> Origin:
    return Origin("http", "127.0.0.1", int(url.rsplit(":", 1)[1]), **options)


def test_a_connection_that_was_closed_while_idle_is_replaced() -> None:
    with scripted([OK], [OK], [OK]) as (url, accepted):
        origin = origin_at(url)
        for _ in range(3):
            assert bytes(ask(origin, again=False).body) == b"ok"
            deadline = time.monotonic() + 5
            while origin.idle and time.monotonic() < deadline:
                time.sleep(0.002)  # until the poller has seen the end
        assert len(accepted) == 3


def test_a_connection_that_turns_out_closed_is_replaced_where_asking_twice_is_harmless() -> None:
    with scripted([OK, None], [OK]) as (url, accepted):
        origin = origin_at(url)
        assert bytes(ask(origin).body) == b"ok"
        assert bytes(ask(origin).body) == b"ok"
        assert len(accepted) == 2


def test_what_may_not_be_asked_twice_is_in_doubt() -> None:
    with scripted([OK, None], [OK]) as (url, _):
        origin = origin_at(url)
        assert bytes(ask(origin, again=False).body) == b"ok"
        answer = ask(origin, again=False)
        assert isinstance(answer, NoReply)
        assert answer.sent


def test_a_new_connection_that_is_closed_unanswered_is_not_asked_again() -> None:
    with scripted([None], [OK]) as (url, accepted):
        assert isinstance(ask(origin_at(url)), NoReply)
        assert len(accepted) == 1


@pytest.mark.parametrize(
    "sent", [b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", OK + b"more", OK[:-1]]
)
def test_what_is_no_reply_is_said_to_be_none(sent: bytes) -> None:
    with scripted([sent]) as (url, _):
        assert isinstance(ask(origin_at(url)), NoReply)


def test_silence_ends_at_the_deadline() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    try:
        begun = time.monotonic()
        answer = ask(Origin("http", "127.0.0.1", listener.getsockname()[1], silence_seconds=0.2))
        assert isinstance(answer, NoReply)
        assert "timed out" in str(answer)
        assert answer.sent
        assert time.monotonic() - begun < 10
    finally:
        listener.close()


def test_nobody_listens() -> None:
    store = ts.KvStore.open
    port = free_port()
    answer = ask(Origin("http", "127.0.0.1", port))
    assert isinstance(answer, NoReply)
    assert not answer.sent
    assert f"cannot connect to 127.0.0.1:{port}" in str(answer)
    del store


def test_a_host_that_does_not_exist(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENSORSTORE_GCS_HTTP_URL", "http://no-such-host.invalid")
    store = ts.KvStore.open(gcs(path, gcs_request_retries={"max_retries": 0})).result()
    with pytest.raises(ValueError, match=r"cannot find no-such-host\.invalid"):
        store.read("a").result()


def test_tls(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    with running(certificate=str(CERTIFICATE)) as server:
        monkeypatch.setenv("TENSORSTORE_GCS_HTTP_URL", server.url)
        monkeypatch.setenv("GOOGLE_AUTH_TOKEN_FOR_TESTING", "token")
        monkeypatch.setenv("TENSORSTORE_CA_BUNDLE", str(CERTIFICATE))
        store = ts.KvStore.open(gcs(path)).result()
        values = {str(number): bytes([number]) * 70_001 for number in range(40)}
        for name, value in values.items():
            store[name] = value
        server.faults({"rate": 0.3, "kinds": ["503", "reset", "cut"]}, seed=1)
        found = asyncio.run(read_all(store, 40))
        assert [result.value for result in found] == list(values.values())


def test_a_server_that_is_not_who_it_says(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    with running(certificate=str(CERTIFICATE)) as server:
        url = server.url.replace("127.0.0.1", "localhost")
        monkeypatch.setenv("TENSORSTORE_GCS_HTTP_URL", url)
        monkeypatch.setenv("GOOGLE_AUTH_TOKEN_FOR_TESTING", "token")
        store = ts.KvStore.open(gcs(path, gcs_request_retries={"max_retries": 0})).result()
        with pytest.raises(ValueError, match=r"certificate verify failed|self-signed|self signed"):
            store.read("a").result()
        assert server.log() == []


def _in_child(path: str, queue: Any) -> None:
    store = ts.KvStore.open(gcs(path)).result()
    queue.put([result.value for result in asyncio.run(read_all(store, 20))])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_has_connections_of_its_own(server: Running, path: str) -> None:
    store = ts.KvStore.open(gcs(path)).result()
    for number in range(20):
        store[str(number)] = str(number).encode()
    expected = [str(number).encode() for number in range(20)]
    server.faults(delay=0.05)
    busy = [store.read(str(number)) for number in range(20)]
    fork = multiprocessing.get_context("fork")
    queue = fork.Queue()
    children = [fork.Process(target=_in_child, args=(path, queue)) for _ in range(3)]
    for child in children:
        child.start()
    for child in children:
        assert queue.get(timeout=30) == expected
        child.join(30)
        assert child.exitcode == 0
    assert [future.result().value for future in busy] == expected
    assert store["3"] == b"3"


def test_cancelling_stops_requests(server: Running, array: Callable[..., Any]) -> None:
    """R14: what is under way finishes, and nothing more is asked; of reads of arrays and of single keys."""
    opened = array(gcs_request_concurrency={"limit": 6})
    server.faults(delay=0.2)
    server.reset()
    future = opened.read()
    singles = [opened.kvstore.read(str(number)) for number in range(100)]
    time.sleep(0.1)
    for each in [future, *singles]:
        each.cancel()
    asked = server.counts()["requests"]
    assert asked <= 12
    time.sleep(0.8)
    assert server.counts()["requests"] <= asked + 6
    server.faults()
    assert opened.read().result().tolist() == list(range(1, 301))


def test_waiting_holds_no_thread(server: Running, path: str) -> None:
    """More requests are under way than there are threads in the pool, each an operation of its own."""
    store = ts.KvStore.open(gcs(path)).result()
    server.faults(delay=0.3)
    server.reset()
    asyncio.run(read_all(store, 120))
    assert server.counts()["peak"] > 32


def test_a_single_value_takes_no_thread_of_the_pool(server: Running, path: str) -> None:
    """What is asked of a store far away and is small is asked and answered by the connections' thread."""
    program = (
        "import sys, tegula as ts\n"
        "store = ts.KvStore.open(f'gs://bucket/{sys.argv[1]}').result()\n"
        "store['a'] = b'1'\n"  # the first looks for the service and who asks
        "def woken(*_):\n"
        "    raise AssertionError\n"
        "from tegula.runtime.threads import shared_pool\n"
        "shared_pool()._enqueue = woken\n"
        "now = store.read('a').result().stamp.generation\n"
        "first = store.write('a', b'2', if_equal=now).result().generation\n"
        "assert store.write('a', b'3', if_equal=first).result().generation\n"
        "assert store.write('a', b'4', if_equal=first).result().generation == b''\n"
        "assert (store['a'], 'b' in store) == (b'3', False)\n"
        "del store['a']\n"
        "assert 'a' not in store\n"
    )
    subprocess.run([sys.executable, "-c", program, path], check=True, timeout=60)


def test_what_users_call_back_never_runs_where_connections_are_served(server: Running, path: str) -> None:
    """So a callback may wait for other operations, and fail, and nobody else notices."""
    store = ts.KvStore.open(gcs(path)).result()
    store["a"] = b"1"
    store["b"] = b"2"
    seen: list[Any] = []
    server.faults(delay=0.02)

    def follow(done: ts.Future[Any]) -> None:
        seen.append((threading.current_thread().name, done.result().value, store["b"]))

    futures = [store.read("a") for _ in range(5)]
    for future in futures:
        future.add_done_callback(follow)
    for future in futures:
        assert future.result().value == b"1"
    deadline = time.monotonic() + 30
    while len(seen) < 5 and time.monotonic() < deadline:
        time.sleep(0.005)
    assert [found[1:] for found in seen] == [(b"1", b"2")] * 5
    assert "tegula-connections" not in {found[0] for found in seen}


@pytest.mark.parametrize("bound", [True, "open"])
def test_waiting_through_a_pool_holds_no_thread(server: Running, path: str, bound: object) -> None:
    """The same for cached reads that must ask, for those who share their answers, and for partial writes."""
    layout = ts.ChunkLayout(chunk_shape=[2])
    spec = {"driver": "zarr3", "kvstore": gcs(path), "recheck_cached_data": bound}
    context = ts.Context({"cache_pool": {"total_bytes_limit": 1 << 24}})
    made = ts.open(spec, create=True, dtype="int32", shape=[240], chunk_layout=layout).result()
    made.write(range(1, 241)).result()
    store = ts.open(spec, context=context).result()
    server.faults(delay=0.3)
    server.reset()
    twice = [store[number].read() for number in range(240)]
    assert [int(future.result()) for future in twice] == list(range(1, 241))
    assert server.counts()["peak"] > 40
    assert len(server.log()) <= (120 if bound == "open" else 240)
    server.reset()
    for done in [store[number].write(number) for number in range(0, 240, 2)]:
        done.result()
    assert server.counts()["peak"] > 40
    assert [entry["method"] for entry in server.log()] == ["POST"] * 120  # merged unread
    server.faults()
    wanted = [number if number % 2 == 0 else number + 1 for number in range(240)]
    assert store.read().result().tolist() == made.read().result().tolist() == wanted


def test_waiting_to_ask_again_keeps_nobody_from_working(server: Running, path: str) -> None:
    slow = {"max_retries": 3, "initial_delay": "30s", "max_delay": "30s"}
    stuck = ts.KvStore.open(gcs(path + "stuck/", gcs_request_retries=slow)).result()
    store = ts.KvStore.open(gcs(path)).result()
    server.faults({"rate": 1.0, "kinds": ["503"], "names": "stuck"})
    waiting = [stuck.read(str(number)) for number in range(50)]
    time.sleep(0.2)
    store["a"] = b"1"
    assert store["a"] == b"1"
    for future in waiting:
        future.cancel()


def test_rates_hold(server: Running, path: str) -> None:
    rates = {"read_rate": 40, "write_rate": 20}
    store = ts.KvStore.open(gcs(path, experimental_gcs_rate_limiter=rates)).result()
    begun = time.monotonic()
    asyncio.run(read_all(store, 21))
    assert time.monotonic() - begun > 0.45  # the first at once, twenty more at 40 a second
    begun = time.monotonic()
    for number in range(5):
        store[str(number)] = b""
    assert time.monotonic() - begun > 0.18


def test_rates_are_those_of_a_context(server: Running, path: str) -> None:
    context = ts.Context({"experimental_gcs_rate_limiter": {"read_rate": 40}})
    spec = gcs(path, experimental_gcs_rate_limiter="experimental_gcs_rate_limiter")
    stores = [ts.KvStore.open(spec, context=context).result() for _ in range(2)]
    stores.append(stores[0] / "below/")
    begun = time.monotonic()
    for future in [store.read(str(number)) for number in range(7) for store in stores]:
        future.result()
    assert time.monotonic() - begun > 0.45  # 21 together, as of one store


def test_a_rate_that_doubles(server: Running, path: str) -> None:
    pace = Pace(10.0, doubling=1.0)
    first = pace.next()
    for _ in range(70):
        last = pace.next()
    assert 2.5 < last - first < 3.5  # 10, 20 and 40 in the first three seconds


def test_what_waits_for_its_turn_can_be_cancelled(server: Running, path: str) -> None:
    store = ts.KvStore.open(gcs(path, experimental_gcs_rate_limiter={"read_rate": 1})).result()
    futures = [store.read(str(number)) for number in range(30)]
    time.sleep(0.2)
    for future in futures:
        future.cancel()
    other = ts.KvStore.open(gcs(path)).result()
    other["a"] = b"1"
    assert server.counts()["requests"] <= 4


def test_what_came_before_a_connection_broke_is_let_go_at_once(server: Running, path: str) -> None:
    """It was held by the traceback of the error until the garbage collector came."""
    store = ts.KvStore.open(gcs(path)).result()
    store["a"] = bytes(1 << 20)
    gc.collect()
    gc.disable()
    try:
        known = {id(each) for each in gc.get_objects() if isinstance(each, BytesIO)}
        server.faults({"script": ["cut"] * 3})
        assert len(store["a"]) == 1 << 20
        assert [
            each for each in gc.get_objects() if isinstance(each, BytesIO) and id(each) not in known
        ] == []
    finally:
        gc.enable()
