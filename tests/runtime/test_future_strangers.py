"""Futures in hands that they were not made for: interrupts in callbacks and waits, races, drops, exits."""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import random
import signal
import subprocess
import sys
import threading
import time
import weakref

import pytest

import tegula as ts

_fresh = itertools.count()
pytestmark = pytest.mark.filterwarnings("ignore::tegula.LostUpdates")


class Slow:
    """A store that takes its time."""

    def __init__(self, pause=0.005):
        self.data = {}
        self.pause = pause

    def get(self, key):
        time.sleep(self.pause)
        return self.data.get(key)

    def put(self, key, value):
        time.sleep(self.pause)
        self.data[key] = value

    def delete(self, key):
        self.data.pop(key, None)

    def list(self, prefix):
        return [key for key in self.data if key.startswith(prefix)]


@pytest.fixture
def slow():
    return Slow()


@pytest.fixture
def store(slow):
    name = f"strangers{next(_fresh)}"
    ts.register_store(name, slow)
    layout = ts.ChunkLayout(chunk_shape=[1])
    spec = {"driver": "zarr3", "kvstore": {"driver": name, "path": "a/"}}
    return ts.open(spec, create=True, dtype="int32", shape=[32], chunk_layout=layout).result()


def test_threads_race_results_against_a_cancellation(store):
    wrong = []

    def wait(future):
        try:
            assert future.result(timeout=20) == 0
        except asyncio.CancelledError:
            pass
        except BaseException as error:
            wrong.append(error)

    for number in range(40):
        future = store[number % 32].read()
        threads = [threading.Thread(target=wait, args=(future,)) for _ in range(3)]
        threads.append(threading.Thread(target=future.cancel))
        random.Random(number).shuffle(threads)
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
            assert not thread.is_alive()
    assert wrong == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_a_callback_that_is_interrupted_harms_nobody(store, monkeypatch, error):
    told, called = [], []
    monkeypatch.setattr(sys, "unraisablehook", told.append)

    def interrupt(_):
        raise error

    for _ in range(20):  # more than there are threads
        future = store[0].read()
        future.add_done_callback(interrupt)
        future.add_done_callback(called.append)
        assert future.result(timeout=20) == 0
    assert [int(read.result(timeout=20)) for read in [store[i].read() for i in range(32)]] == [0] * 32
    assert len(called) == 20


def test_a_dropped_read_is_collected_and_one_with_a_callback_is_told(store):
    future = store[0].read()
    dead = weakref.ref(future)
    del future
    told = threading.Event()
    store[1].read().add_done_callback(lambda _: told.set())
    gc.collect()
    assert told.wait(20)
    deadline = time.monotonic() + 20
    while dead() is not None and time.monotonic() < deadline:
        gc.collect()
        time.sleep(0.01)
    assert dead() is None


@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.usefixtures("interrupts")
def test_ctrl_c_while_waiting_for_a_write_leaves_the_write_to_land(store, slow):
    slow.pause = 1.0
    future = store[3].write(7)
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        future.result()
    assert not future.done()
    future.result(timeout=20)
    slow.pause = 0
    assert store[3].read().result() == 7


@pytest.mark.parametrize("code", [0, 3])
def test_writes_that_are_under_way_at_the_exit_land(tmp_path, code):
    program = f"""
import time, tegula as ts, warnings
warnings.simplefilter("ignore")
class Slow:
    def get(self, key):
        try:
            return open("{tmp_path}/" + key.replace("/", "_"), "rb").read()
        except OSError:
            return None
    def put(self, key, value):
        time.sleep(0.02)
        open("{tmp_path}/" + key.replace("/", "_"), "wb").write(value)
    def delete(self, key): pass
    def list(self, prefix): return []
ts.register_store("slow", Slow())
spec = {{"driver": "zarr3", "kvstore": {{"driver": "slow", "path": "a/"}}}}
layout = ts.ChunkLayout(chunk_shape=[1])
store = ts.open(spec, create=True, dtype="int8", shape=[40], chunk_layout=layout).result()
for number in range(40):
    store[number].write(number + 1)
raise SystemExit({code})
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (code, "")
    assert [(tmp_path / f"a_c_{number}").read_bytes() for number in range(40)] == [
        bytes([number + 1]) for number in range(40)
    ]
