"""Large values: cut in the middle while they are sent or read, and what they take of memory."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tegula as ts
from tests.gcs.stores import Running, gcs

SIZE = 24 << 20


class Cutter:
    """Stands between, and cuts so many connections after so many bytes in one direction."""

    def __init__(self, port: int) -> None:
        self.port, self.cuts, self.after, self.way = port, 0, 0, "up"
        self.held: list[socket.socket] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                here = self.listener.accept()[0]
            except OSError:
                return
            there = socket.create_connection(("127.0.0.1", self.port))
            self.held += [here, there]
            for ends in ((here, there, "up"), (there, here, "down")):
                threading.Thread(target=self.pump, args=ends, daemon=True).start()

    def pump(self, here: socket.socket, there: socket.socket, way: str) -> None:
        passed = 0
        try:
            while data := here.recv(1 << 18):
                there.sendall(data)
                passed += len(data)
                if way == self.way and self.cuts and passed > self.after:
                    self.cuts -= 1
                    break
            for end in (here, there):
                end.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    def cut(self, way: str, times: int, after: int) -> None:
        self.way, self.cuts, self.after = way, times, after

    def close(self) -> None:
        self.listener.close()
        for sock in self.held:
            sock.close()


@pytest.fixture
def cutter(server: Running, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cutter]:
    made = Cutter(int(server.url.rsplit(":", 1)[1]))
    monkeypatch.setenv("TENSORSTORE_GCS_HTTP_URL", made.url)
    yield made
    made.close()


@pytest.mark.parametrize("condition", [b"", b"\x02"], ids=["always", "where there is none"])
def test_a_value_that_is_cut_on_its_way_is_sent_again(
    server: Running, cutter: Cutter, path: str, condition: bytes
) -> None:
    value = np.random.default_rng(1).bytes(SIZE)
    store = ts.KvStore.open(gcs(path)).result()
    cutter.cut("up", 2, SIZE // 2)
    stamp = store.write("a", value, if_equal=condition).result()
    assert cutter.cuts == 0
    assert [name for name, _, _ in server.commits()] == [f"{path}a"]
    cutter.cut("down", 2, SIZE // 2)
    found = store.read("a").result()
    assert cutter.cuts == 0
    assert (found.value, found.stamp.generation) == (value, stamp.generation)
    cutter.cut("down", 1, SIZE // 2)
    assert store.read("a", byte_range=slice(7, SIZE - 7)).result().value == value[7:-7]
    assert cutter.cuts == 0


TAKEN = """
import os, sys, tegula as ts
def peak():
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM"))
def rise(do):
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    before = peak()
    kept = do()
    print(peak() - before)
    return kept
size = int(sys.argv[2])
store = ts.KvStore.open(f"gs://bucket/{sys.argv[1]}").result()
store["small"] = bytes(1 << 20)
assert len(store["small"]) == 1 << 20
value = os.urandom(size)
rise(lambda: store.write("a", value, if_equal=b"\\x02").result())
assert rise(lambda: store["a"]) == value
assert rise(lambda: store.read("a", byte_range=slice(1, None)).result()).value == value[1:]
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="asks the kernel of Linux")
def test_what_a_large_value_takes_of_memory(server: Running, path: str) -> None:
    """Sending takes nothing beside the value, and receiving no more than the value that is given back."""
    size = 128 << 20
    done = subprocess.run([sys.executable, "-c", TAKEN, path, str(size)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    written, read, part = map(int, done.stdout.split())
    assert written < 8 << 20
    assert read < size + (8 << 20)
    assert part < size + (8 << 20)
    assert [name for name, _, _ in server.commits()][-1] == f"{path}a"


def test_a_whole_shard_is_written_and_read_though_it_is_cut(
    server: Running, cutter: Cutter, path: str
) -> None:
    layout = ts.ChunkLayout(read_chunk_shape=[64, 64, 64], write_chunk_shape=[256, 256, 256])
    spec: dict[str, Any] = {"driver": "zarr3", "kvstore": gcs(path)}
    made = ts.open(spec, create=True, dtype="uint8", shape=[256, 256, 256], chunk_layout=layout).result()
    data = np.random.default_rng(2).integers(0, 255, (256, 256, 256), np.uint8)
    cutter.cut("up", 1, 4 << 20)
    made.write(data).result()
    cutter.cut("down", 1, 1 << 20)
    np.testing.assert_array_equal(ts.open(spec).result().read().result(), data)
    assert cutter.cuts == 0
