"""Futures by themselves: one outcome, seen by threads, callbacks and asyncio alike."""

from __future__ import annotations

import asyncio
import gc
import os
import pickle
import signal
import sys
import threading
import time
import weakref

import pytest

from tegula.errors import Aborted, InvalidArgument, NotFound
from tegula.runtime.future import Future, Promise, pending, ready, settle
from tegula.runtime.writefutures import WriteFutures


def later(action, *arguments, seconds=0.05):
    timer = threading.Timer(seconds, action, arguments)
    timer.start()
    return timer


def test_a_blocked_thread_gets_the_answer_of_another():
    promise, future = Promise.new()
    timer = later(promise.set_result, 5)
    assert future.result(timeout=10) == 5
    assert future.exception() is None
    timer.join()


def test_many_threads_wait_for_one_answer():
    promise, future = Promise.new()
    got = []
    threads = [threading.Thread(target=lambda: got.append(future.result(timeout=10))) for _ in range(20)]
    for thread in threads:
        thread.start()
    promise.set_result("x")
    for thread in threads:
        thread.join()
    assert got == ["x"] * 20


def test_waiting_leaves_nothing_behind_when_time_is_up():
    future = pending()
    with pytest.raises(TimeoutError):
        future.result(timeout=0.01)
    assert future._callbacks == []


@pytest.mark.usefixtures("interrupts")
def test_ctrl_c_wakes_a_waiting_main_thread():
    promise, future = Promise.new()
    timer = later(os.kill, os.getpid(), signal.SIGINT)
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        future.result(timeout=30)
    assert time.monotonic() - started < 10
    assert not future.done()
    promise.set_result(1)
    timer.join()


def test_an_error_keeps_its_identity_and_its_traceback_does_not_grow():
    def fail():
        raise NotFound("gone")

    try:
        fail()
    except NotFound as caught:
        error = caught
    future = pending()
    settle(future, None, error)
    lengths = set()
    for _ in range(3):
        with pytest.raises(NotFound) as info:
            future.result()
        assert info.value is error
        lengths.add(len(info.traceback))
    assert len(lengths) == 1
    assert any(entry.name == "fail" for entry in info.traceback)


def test_callbacks_run_in_order_once_and_after_the_fact_at_once():
    promise, future = Promise.new()
    log = []
    first, second = (lambda _: log.append("first")), (lambda _: log.append("second"))
    future.add_done_callback(first)
    future.add_done_callback(second)
    promise.set_result(None)
    future.add_done_callback(first)
    assert log == ["first", "second", "first"]


def test_an_error_in_a_callback_goes_to_the_hook_and_no_further(monkeypatch):
    seen = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, error, trace: seen.append(error))
    promise, future = Promise.new()
    log = []

    def bad(_):
        raise KeyError("callback")

    future.add_done_callback(bad)
    future.add_done_callback(log.append)
    promise.set_result(1)
    assert log == [future]
    assert [repr(one) for one in seen] == ["KeyError('callback')"]


def test_a_callback_may_use_the_future_and_others():
    promise, future = Promise.new()
    other_promise, other = Promise.new()
    future.add_done_callback(lambda done: other_promise.set_result(done.result() + 1))
    promise.set_result(1)
    assert other.result() == 2


def test_forcing_starts_an_operation_once():
    log = []
    promise, future = Promise.new(on_force=lambda: (log.append("forced"), promise.set_result(3)))
    future.add_done_callback(log.append)
    assert log == []  # a callback does not force
    assert future.result() == 3
    future.force()
    assert log == ["forced", future]


def test_cancelling_tells_the_maker_once():
    log = []
    _promise, future = Promise.new(on_cancel=lambda: log.append("cancelled"))
    assert future.cancel()
    assert not future.cancel()
    assert log == ["cancelled"]


def test_a_dropped_promise_fails_its_future():
    promise, future = Promise.new()
    del promise
    gc.collect()
    with pytest.raises(Aborted, match="dropped without a result"):
        future.result(timeout=5)


def test_a_promise_takes_exceptions_only():
    promise, future = Promise.new()
    with pytest.raises(TypeError, match="not an exception: 3"):
        promise.set_exception(3)
    assert not future.done()
    promise.set_result(None)


def test_a_race_to_settle_has_one_winner():
    for _ in range(50):
        future, won = pending(), []

        def race(future=future, won=won):
            won.append(settle(future, 1))

        threads = [threading.Thread(target=race) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(won) == [False, False, False, True]


def test_ready_takes_a_value_as_it_is():
    inner = ready(1)
    assert ready(inner).result() is inner


def test_futures_are_typed_generically_and_can_be_weakly_referenced():
    future = Future(1)
    assert weakref.ref(future)() is future
    assert Future[int] == Future[int]
    assert repr(future) == "<tegula.Future value>"
    with pytest.raises(TypeError, match="cannot pickle"):
        pickle.dumps(future)


def test_write_futures_are_their_commit():
    (copied, copy), (committed, commit) = Promise.new(), Promise.new()
    writing = WriteFutures(copy, commit)
    copied.set_result(None)
    assert writing.copy.done()
    assert not writing.done()
    log = []
    writing.add_done_callback(log.append)
    committed.set_exception(NotFound("x"))
    assert log == [commit]
    assert isinstance(writing.exception(), NotFound)
    with pytest.raises(NotFound):
        writing.result()


# asyncio


def test_await_hands_over_from_another_thread():
    async def main():
        promise, future = Promise.new()
        timer = later(promise.set_result, 9)
        assert await future == 9
        timer.join()
        assert await future == 9  # again, ready
        return await asyncio.gather(Future(1), Future(2))

    assert asyncio.run(main()) == [1, 2]


def test_await_raises_what_failed():
    async def main():
        promise, future = Promise.new()
        timer = later(promise.set_exception, NotFound("x"))
        with pytest.raises(NotFound):
            await future
        timer.join()

    asyncio.run(main())


def test_the_loop_goes_on_while_a_future_is_awaited():
    async def main():
        promise, future = Promise.new()
        ticks = 0

        async def tick():
            nonlocal ticks
            while not future.done():
                ticks += 1
                await asyncio.sleep(0.001)

        ticking = asyncio.ensure_future(tick())
        timer = later(promise.set_result, None)
        await future
        await ticking
        timer.join()
        return ticks

    assert asyncio.run(main()) > 3


def test_a_loop_that_closed_meanwhile_is_left_alone():
    promise, future = Promise.new()
    loop = asyncio.new_event_loop()

    async def wait():
        await future

    task = loop.create_task(wait())
    loop.run_until_complete(asyncio.sleep(0))
    callbacks = list(future._callbacks)
    task.cancel()
    loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
    loop.close()
    for callback in callbacks:
        callback(future)  # what another thread may be about to do
    promise.set_result(1)


def test_a_coroutine_becomes_a_future_of_the_running_loop():
    async def answer():
        return 7

    async def fail():
        raise KeyError("k")

    async def main():
        future = Future(answer())
        assert not future.done()
        assert await future == 7
        with pytest.raises(KeyError):
            await Future(fail())

    asyncio.run(main())


def test_cancelling_the_future_of_a_coroutine_cancels_the_coroutine():
    log = []

    async def long():
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            log.append("cancelled")
            raise

    async def main():
        future = Future(long())
        await asyncio.sleep(0.01)
        future.cancel()
        await asyncio.sleep(0.01)

    asyncio.run(main())
    assert log == ["cancelled"]


def test_a_coroutine_without_a_loop_is_refused():
    async def answer():
        return 7

    program = answer()
    with pytest.raises(InvalidArgument, match=r"^no event loop specified and thread does not have a default"):
        Future(program)
    program.close()


def test_importing_futures_imports_no_asyncio():
    import subprocess

    code = (
        "import sys, tegula.runtime.threads, tegula.runtime.perform\n"
        "assert not {'asyncio', 'concurrent.futures', 'numba'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
