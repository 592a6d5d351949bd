"""Limits hold: never more than their number at once, whoever asks, fails or gives up."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest

import tegula
from tegula.effects.control import All, Compute, Room
from tegula.effects.effect import Call
from tegula.effects.storage import Read
from tegula.kv.spec import StoreRef
from tegula.leaves.file import FileLeaf
from tegula.runtime import limits
from tegula.runtime.limits import ByteGate, Gate, store_gate, wait
from tegula.runtime.perform import Performer
from tegula.runtime.threads import Pool


class Counting:
    """Counts how many are inside at once."""

    def __init__(self):
        self.lock = threading.Lock()
        self.inside = self.most = self.entries = 0

    @contextmanager
    def __call__(self):
        with self.lock:
            self.inside += 1
            self.entries += 1
            self.most = max(self.most, self.inside)
        try:
            time.sleep(0.002)
            yield
        finally:
            with self.lock:
                self.inside -= 1


@pytest.fixture
def counted(monkeypatch):
    """Count the operations of file stores that are under way."""
    counting = Counting()
    for name in ("perform", "read_many", "write_many"):
        native = getattr(FileLeaf, name)

        def wrapped(self, effect, native=native):
            with counting():
                return native(self, effect)

        monkeypatch.setattr(FileLeaf, name, wrapped)
    return counting


def array(folder, name, context, shape=(64, 64), chunk=(8, 8)):
    spec = {"driver": "zarr3", "kvstore": f"file://{folder}/{name}/"}
    options = {"dtype": "int32", "shape": shape, "chunk_layout": tegula.ChunkLayout(chunk_shape=chunk)}
    return tegula.open(spec, create=True, context=context, **options).result()


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_no_more_file_operations_at_once_than_a_resource_allows(tmp_path, counted, limit):
    context = tegula.Context({"file_io_concurrency": {"limit": limit}})
    stores = [array(tmp_path, str(number), context) for number in range(2)]
    data = np.arange(64 * 64, dtype="int32").reshape(64, 64)
    threads = [
        threading.Thread(target=lambda store=store, row=row: store[row].write(data[row]).result())
        for store in stores
        for row in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    futures = [stores[number % 2][8 * (number % 8) :].read() for number in range(24)]
    for future in futures:
        future.result()
    assert counted.entries > 10
    assert counted.most <= limit


def test_resources_of_their_own_do_not_wait_for_one_another(tmp_path, counted):
    stores = [
        array(tmp_path, str(number), tegula.Context({"file_io_concurrency": {"limit": 1}}))
        for number in range(2)
    ]
    counted.most = 0
    futures = [store[number : number + 1].write(1) for number in range(20) for store in stores]
    for future in futures:
        future.result()
    assert counted.most == 2


def test_the_shared_limit_holds_for_all_contexts_of_the_process(tmp_path, counted, monkeypatch):
    monkeypatch.setitem(limits._shared, "file", Gate(2))
    stores = [array(tmp_path, str(number), tegula.Context()) for number in range(4)]
    futures = [store.write(number) for number, store in enumerate(stores)]
    futures += [store.read() for store in stores]
    for future in futures:
        future.result()
    assert counted.most <= 2


def test_a_limit_is_no_part_of_what_a_store_is(tmp_path):
    limited = tegula.Context({"file_io_concurrency": {"limit": 1}})
    plain, other = (tegula.KvStore.open(f"file://{tmp_path}/", context=c).result() for c in (None, limited))
    assert plain._ref == other._ref
    assert store_gate(plain._ref) is not store_gate(other._ref)
    assert store_gate(StoreRef("memory")) is None


def test_no_more_encodes_and_decodes_at_once_than_a_resource_allows(tmp_path, monkeypatch):
    from tegula.programs import chunked, reading

    counting = Counting()
    native = chunked.place_encoded

    def wrapped(*arguments):
        with counting():
            return native(*arguments)

    monkeypatch.setattr(chunked, "place_encoded", wrapped)
    monkeypatch.setattr(reading, "few", lambda *_: None)  # by columns, whether the compiler is there or not
    context = tegula.Context({"data_copy_concurrency": {"limit": 1}})
    store = array(tmp_path, "a", context, shape=(2048, 2048), chunk=(128, 128))
    store.write(np.ones((2048, 2048), "int32")).result()
    for future in [store.read() for _ in range(6)]:
        future.result()
    assert counting.entries > 6
    assert counting.most == 1


def test_what_waits_holds_no_thread(tmp_path):
    """A pool of one thread, whose gate is taken from outside, goes on with what needs no gate."""
    pool, gate = Pool(1), Gate(1)
    performer = Performer(None)
    performer_gate = {Read: gate}

    class Gated:
        def gate(self, effect):
            return performer_gate.get(type(effect))

        def answer(self, effect):
            return performer.answer(effect) if isinstance(effect, Compute) else "read"

        def __call__(self, effect):
            raise AssertionError("asked without its gate")

    async def read():
        return await Read(StoreRef("x"), "key")

    async def compute():
        return await Compute(Call(divmod, 7, 2))

    assert gate.enter()
    waiting = [pool.submit(read(), Gated()) for _ in range(5)]
    assert pool.submit(compute(), Gated()).result(timeout=30) == (3, 1)
    assert not any(future.done() for future in waiting)
    gate.leave()
    assert [future.result(timeout=30) for future in waiting] == ["read"] * 5
    assert gate.enter()
    pool.close()


def test_a_user_function_that_waits_for_others_lends_its_place():
    pool = Pool(2)
    performer = Performer(None)

    async def one():
        return await Compute(Call(int, 1))

    def wait_for_another():
        return pool.submit(one(), performer).result(timeout=30)

    async def outer():
        return await All([Call(inner) for _ in range(8)])

    async def inner():
        return await Compute(Call(wait_for_another))

    assert pool.submit(outer(), performer).result(timeout=60) == [1] * 8
    pool.close()


def test_a_gate_loses_no_place_among_many_threads():
    gate, inside, most, lock = Gate(3), [0], [0], threading.Lock()

    def work():
        for _ in range(300):
            wait(gate)
            with lock:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
            with lock:
                inside[0] -= 1
            gate.leave()

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] <= 3
    assert [gate.enter() for _ in range(4)] == [True, True, True, False]


def test_bytes_come_in_order_and_what_is_too_large_comes_alone():
    gate, log = ByteGate(100), []
    assert gate.enter(60)
    assert not gate.enter(50)
    gate.queue(50, lambda: log.append(50))
    assert not gate.enter(10)  # it would overtake
    gate.queue(500, lambda: log.append(500))
    gate.leave(60)
    assert log == [50]
    gate.leave(50)
    assert log == [50, 500]
    assert not gate.enter(1)
    gate.leave(500)
    assert gate.held == 0


def test_room_is_given_back_by_programs_that_fail_or_are_abandoned():
    class Token:
        pass

    token, pool, started, go_on = Token(), Pool(4), threading.Event(), threading.Event()

    async def holds(fail):
        with await Room(token, 100, 80):
            started.set()
            await Compute(Call(go_on.wait, 30))
            if fail:
                raise KeyError("inside")
            return 1

    performer = Performer(None)
    first = pool.submit(holds(True), performer, abandon=True)
    started.wait(30)
    others = [pool.submit(holds(False), performer, abandon=True) for _ in range(6)]
    for future in others[:3]:
        future.cancel()
    go_on.set()
    with pytest.raises(KeyError):
        first.result(timeout=30)
    assert [future.result(timeout=30) for future in others[3:]] == [1, 1, 1]
    pool.close()
    assert limits._byte_gates[token].held == 0
