"""A process that reads in threads, writes, and forks all the while; run as a script by `test_forks.py`.

``fork_load.py <folder> <forks>``
    Each child reads arrays of every sort (in its own thread and on the pool, cached, in memory, on a store of
    a user), writes one, lists, and awaits, all within `LIMIT` seconds.  Prints one line: how many children
    were right, wrong, crashed or hanging, the slowest, and how many reads the parent made meanwhile.
"""

from __future__ import annotations

import asyncio
import faulthandler
import os
import random
import signal
import sys
import threading
import time
import traceback
import warnings
from typing import Any

import numpy as np

import tegula as ts

LIMIT = 5.0
SIDE, CHUNK = 256, 32


class Shelf:
    """A store of a user, with coroutines."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}

    async def get(self, key: str) -> bytes | None:
        await asyncio.sleep(0)
        return self.values.get(key)

    async def put(self, key: str, value: bytes) -> None:
        self.values[key] = value

    async def delete(self, key: str) -> None:
        self.values.pop(key, None)

    async def list(self, prefix: str) -> list[str]:
        return [key for key in self.values if key.startswith(prefix)]


def made(kvstore: Any, data: Any, **options: Any) -> Any:
    layout = ts.ChunkLayout(chunk_shape=[CHUNK, CHUNK])
    spec = {"driver": "zarr3", "kvstore": kvstore, **options}
    store = ts.open(
        spec, create=True, delete_existing=True, dtype="uint16", shape=[SIDE, SIDE], chunk_layout=layout
    ).result()
    store.write(data).result()
    return store


def stores(folder: str, data: Any) -> dict[str, Any]:
    warnings.simplefilter("ignore", ts.LostUpdates)
    ts.register_store("shelf", Shelf)
    pool = {"context": {"cache_pool": {"total_bytes_limit": SIDE * SIDE}}}
    return {
        "files": made(f"file://{folder}/a/", data),
        "cached": made(f"file://{folder}/b/", data, **pool),
        "memory": made("memory://", data),
        "user": made("shelf://a/", data),
        "array": ts.array(data),
    }


def look(views: dict[str, Any], data: Any, draw: random.Random) -> None:
    """Read a small and a large part of each store, and compare."""
    for name, store in views.items():
        top, left = draw.randrange(SIDE), draw.randrange(SIDE)
        assert int(store[top, left].read().result()) == data[top, left], name
        top, left = draw.randrange(SIDE // 2), draw.randrange(SIDE // 2)
        part = np.s_[top : top + SIDE // 2, left : left + SIDE // 2]
        assert np.array_equal(store[part].read().result(), data[part]), name


def child(folder: str, views: dict[str, Any], data: Any, number: int) -> None:
    draw = random.Random(number)
    look(views, data, draw)
    for name in ("memory", "user"):
        views[name][0:40, 0:40] = number
        assert int(views[name][39, 39].read().result()) == number % 65536
    own = made(f"file://{folder}/own{number % 7}/", data[::-1])
    assert np.array_equal(own.read().result(), data[::-1])
    assert len(views["files"].kvstore.list().result()) == (SIDE // CHUNK) ** 2 + 1

    async def rows() -> Any:
        return await asyncio.gather(*(_wait(views["files"][row].read()) for row in range(0, SIDE, 64)))

    assert np.array_equal(np.stack(asyncio.run(rows())), data[::64])


async def _wait(future: Any) -> Any:
    return await future


def ended(process: int) -> tuple[int | None, float]:
    """Return the exit code of a child, None where it did not end in time (it is killed), and the seconds.

    A machine that stands still for all, this process among them, is nobody's hang: of the time between two
    looks no more than a quarter of a second counts.
    """
    took, last = 0.0, time.monotonic()
    while True:
        found, status = os.waitpid(process, os.WNOHANG)
        now = time.monotonic()
        took, last = took + min(now - last, 0.25), now
        if found:
            return os.waitstatus_to_exitcode(status), took
        if took > LIMIT:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            return None, took
        time.sleep(0.001)


def main(folder: str, forks: int) -> None:
    warnings.simplefilter("ignore", DeprecationWarning)  # forking with threads is what this is about
    data = np.random.default_rng(0).integers(0, 60000, (SIDE, SIDE), np.uint16)
    views = stores(folder, data)
    over = threading.Event()
    reads = [0, 0, 0]
    errors: list[BaseException] = []

    def reader(number: int) -> None:
        draw = random.Random(-number)
        try:
            while not over.is_set():
                look(views, data, draw)
                reads[number] += 2 * len(views)
        except BaseException as error:
            errors.append(error)

    def writer() -> None:
        while not over.is_set():
            made(f"file://{folder}/parent/", data)

    threads = [threading.Thread(target=reader, args=(number,), daemon=True) for number in range(3)]
    threads.append(threading.Thread(target=writer, daemon=True))
    for thread in threads:
        thread.start()
    right = wrong = crashed = hanging = 0
    slowest = 0.0
    for number in range(forks):
        process = os.fork()
        if not process:
            code = 1
            faulthandler.dump_traceback_later(LIMIT - 0.5)  # where it hangs, for whoever has to find out
            try:
                child(folder, views, data, number)
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(code)
        code_, took = ended(process)
        slowest = max(slowest, took)
        right += code_ == 0
        hanging += code_ is None
        wrong += code_ == 1
        crashed += code_ is not None and code_ not in (0, 1)
    over.set()
    for thread in threads:
        thread.join(30)
    if errors:
        raise errors[0]
    print(
        f"right {right} wrong {wrong} crashed {crashed} hanging {hanging} of {forks}; "
        f"slowest {slowest:.2f} s; {sum(reads)} reads in the parent"
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
