"""The asyncio interpreter: several loops, native coroutines, cancellation that leaves nothing behind."""

from __future__ import annotations

import asyncio
import logging
import threading
import warnings

import numpy as np
import pytest

import tegula
from tegula.effects.control import All, Compute, Room
from tegula.effects.effect import Call
from tegula.effects.storage import Read
from tegula.effects.world import Now, Sleep
from tegula.errors import NotFound
from tegula.kv.spec import StoreRef
from tegula.programs.reading import read
from tegula.programs.writing import write
from tegula.runtime import limits
from tegula.runtime.aio import run
from tegula.runtime.perform import Performer
from tegula.runtime.session import SESSION


def run_strictly(main):
    """Run under asyncio's debug mode; a warning, or a complaint of the loop, is a failure."""
    said = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())
    logger = logging.getLogger("asyncio")
    logger.addHandler(handler)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = asyncio.run(main, debug=True)
    finally:
        logger.removeHandler(handler)
    # how long a step took is the machine's affair
    assert [line for line in said if not line.startswith("Executing ") and "selector" not in line] == []
    return found


def array(folder):
    spec = {"driver": "zarr3", "kvstore": f"file://{folder}/"}
    layout = tegula.ChunkLayout(chunk_shape=[64, 64])
    options = {"dtype": "int32", "shape": [256, 256], "chunk_layout": layout}
    return tegula.open(spec, create=True, **options).result()


@pytest.mark.parametrize("threads", [True, False])
def test_the_programs_of_arrays_run_in_a_loop(tmp_path, threads):
    store = array(tmp_path)
    data = np.arange(256 * 256, dtype="int32").reshape(256, 256)

    async def main():
        await run(write(store._view, data), SESSION, threads=threads)
        both = [run(read(store[part]._view), SESSION, threads=threads) for part in (slice(0, 100), 7)]
        return await asyncio.gather(*both)

    rows, row = run_strictly(main())
    assert np.array_equal(rows, data[:100])
    assert np.array_equal(row, data[7])


def test_futures_are_awaited_from_several_loops_and_threads(tmp_path):
    store = array(tmp_path)
    store.write(3).result()
    sums = []

    def loop_of_its_own():
        async def main():
            found = await asyncio.gather(*[store[row * 8 : row * 8 + 64].read() for row in range(8)])
            sums.append(sum(int(one.sum()) for one in found))
            await store[0, 0].write(3)

        asyncio.run(main(), debug=True)

    threads = [threading.Thread(target=loop_of_its_own) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sums == [3 * 8 * 64 * 256] * 4


def test_a_debugging_loop_has_nothing_to_say_of_futures(tmp_path):
    store = array(tmp_path)

    async def main():
        await store.write(1)
        await asyncio.wait_for(store.read(), 30)
        task = asyncio.ensure_future(store.read())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(total()) for _ in range(4)]
        return [one.result() for one in tasks]

    async def total():
        return int((await store.read()).sum())

    assert run_strictly(main()) == [256 * 256] * 4


def test_an_effect_may_be_answered_by_a_coroutine():
    async def perform(effect):
        await asyncio.sleep(0)
        if effect.key == "missing":
            raise NotFound("missing")
        return effect.key.upper()

    async def program(keys):
        return await All([Call(one, key) for key in keys])

    async def one(key):
        return await Read(StoreRef("x"), key)

    assert run_strictly(run(program("abc"), perform)) == ["A", "B", "C"]
    with pytest.raises(NotFound):
        run_strictly(run(program(["a", "missing", "b"]), perform))


def test_sleeping_and_waiting_at_a_gate_holds_no_thread():
    class Token:
        limit = 1

    token = Token()

    async def program():
        return await All([Call(one, number) for number in range(100)])

    async def one(number):
        await Sleep(0.01)
        with await Room(token, 10, 6):
            before = await Now()
            await Sleep(0.0)
            return await Compute(Call(divmod, number, 7), token), await Now() >= before

    found = run_strictly(run(program(), Performer(None)))
    assert found == [(divmod(number, 7), True) for number in range(100)]
    assert limits._byte_gates[token].held == 0
    assert limits.compute_gate(token).enter()


def test_what_is_cancelled_starts_nothing_new_and_leaves_nothing():
    begun, go_on = [], threading.Event()

    def slow(number):
        begun.append(number)
        go_on.wait(30)

    async def program():
        await All([Call(one, number) for number in range(50)], limit=2)

    async def one(number):
        await Compute(Call(slow, number))

    async def main():
        task = asyncio.ensure_future(run(program(), Performer(None).answer))
        while len(begun) < 2:
            await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.sleep(0.01)
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        return len(asyncio.all_tasks())

    assert run_strictly(main()) == 1
    assert begun == [0, 1]


def test_stop_iteration_is_an_error_like_others():
    async def program():
        await Compute(Call(next, iter(())))

    with pytest.raises(RuntimeError, match="StopIteration"):
        asyncio.run(run(program(), Performer(None)))
