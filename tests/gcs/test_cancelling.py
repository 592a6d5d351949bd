"""R14 and single flight, by a server that counts: what is asked after a cancellation, and by many at once.

Quick here; ``TEGULA_SOAK=1 pytest -s tests/gcs/test_cancelling.py`` cancels a thousand times and prints more.
"""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tegula as ts
from tegula.leaves.exchange import LIMITS
from tegula.runtime.threads import shared_pool
from tests.gcs.stores import Running, gcs

SOAK = bool(os.environ.get("TEGULA_SOAK"))
CHUNKS = 1500

pytestmark = pytest.mark.timeout(0 if SOAK else 120)


@pytest.fixture
def array(server: Running, path: str) -> Callable[..., Any]:
    """An array of many chunks; call it to open it again, in a context of its own unless one is given."""
    layout = ts.ChunkLayout(chunk_shape=[1])
    spec = {"driver": "zarr3", "kvstore": gcs(path)}
    made = ts.open(spec, create=True, dtype="int32", shape=[CHUNKS], chunk_layout=layout).result()
    made.write(range(1, CHUNKS + 1)).result()
    server.reset()
    return lambda context=None, **more: ts.open(
        {"driver": "zarr3", "kvstore": gcs(path, **more)}, context=context or ts.Context()
    ).result()


def _quiet() -> None:
    """Wait until nothing is under way any more."""
    ends = time.monotonic() + 30
    while shared_pool()._jobs or any(limit.active or limit.waiting for limit in tuple(LIMITS)):
        assert time.monotonic() < ends, "something is still under way"
        time.sleep(0.002)


def _settled(server: Running) -> int:
    """How many requests there were once none is under way."""
    _quiet()
    while server.counts()["in_flight"]:
        time.sleep(0.002)
    return server.counts()["requests"]


@pytest.mark.parametrize("limit", [8, None])
def test_after_a_cancellation_no_more_than_what_is_under_way(
    server: Running, array: Callable[..., Any], limit: int | None
) -> None:
    """tensorstore 0.1.86 goes on to its end: there 16 requests became 144 in three seconds."""
    opened = array(**({} if limit is None else {"gcs_request_concurrency": {"limit": limit}}))
    server.faults(delay=0.15)
    figures = []
    for _ in range(20 if SOAK else 3):
        server.reset()
        future = opened.read()
        while not server.counts()["in_flight"]:
            time.sleep(0.001)
        future.cancel()
        begun = time.perf_counter()
        counts = server.counts()
        more = _settled(server) - counts["requests"]
        figures.append((counts["requests"], more, time.perf_counter() - begun))
        # what was handed to the sockets before the cancellation may arrive after it
        assert more <= (limit or 512)
        assert counts["requests"] + more < CHUNKS or limit is None
    print(f"limit {limit}: asked, asked afterwards, seconds to the last answer: {figures}")


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts open files by /proc")
def test_cancellations_leave_nothing_behind(server: Running, array: Callable[..., Any]) -> None:
    opened = array(gcs_request_concurrency={"limit": 16})
    count = 1000 if SOAK else 40

    def cancel(times: int) -> None:
        for number in range(times):
            futures = [opened.read(), opened.kvstore.read(str(number)), opened[3].write(number)]
            time.sleep(0.001 * (number % 3))
            for future in futures:
                future.cancel()
        _quiet()

    def left() -> tuple[int, int, int]:
        gc.collect()
        pool = shared_pool()
        return threading.active_count(), len(os.listdir("/proc/self/fd")), len(pool._jobs) + len(pool._work)

    opened.read().result()
    cancel(20)
    before = left()
    cancel(count)
    after = left()
    print(f"{count} cancellations: threads, files, programs before {before}, after {after}")
    assert (after[0], after[2]) == (before[0], before[2])
    assert after[1] <= max(before[1], 20 + 3 * 16)  # connections that are kept: as many as were at once
    server.faults()
    assert opened[:3].read().result().tolist() == [1, 2, 3]


@pytest.mark.parametrize("pool", [0, 1 << 24], ids=["no pool", "pool"])
def test_readers_who_ask_together_share_a_request(
    server: Running, array: Callable[..., Any], pool: int
) -> None:
    """Single flight: a hundred readers of one chunk are two requests, and so are overlapping views.

    The first reader's request had begun before the others asked, and what it brings may be older than a write
    that ended in between; one more is for all of them together.  tensorstore 0.1.86: as many, 2 and 88 or 89.
    """
    opened = array(ts.Context({"cache_pool": {"total_bytes_limit": pool}}))
    readers = 100
    server.faults(delay=0.3)
    server.reset()
    futures = [opened[7].read() for _ in range(readers)]
    assert [int(future.result()) for future in futures] == [8] * readers
    one = server.counts()["requests"]
    server.reset()
    begun = threading.Barrier(8)

    def read(number: int) -> Any:
        begun.wait()
        return opened[10 : 60 + number].read().result()

    with ThreadPoolExecutor(8) as threads:
        for number, found in enumerate(threads.map(read, range(8))):
            np.testing.assert_array_equal(found, np.arange(11, 61 + number))
    many = server.counts()["requests"]
    print(f"{readers} readers of one chunk: {one} requests; 8 readers of 50 to 57 chunks: {many}")
    assert one <= 2
    assert many <= 2 * 57
