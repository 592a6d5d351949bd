"""Futures behave as those of tensorstore 0.1.86: each rule is asked of both."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

import tegula.runtime.future as ours

ts = pytest.importorskip("tensorstore")

pytestmark = pytest.mark.peers
LIBRARIES = pytest.mark.parametrize("lib", [ours, ts], ids=["tegula", "tensorstore 0.1.86"])


@LIBRARIES
def test_values_and_futures_become_futures(lib):
    future = lib.Future(3)
    assert future.result() == 3
    assert future.done()
    assert not future.cancelled()
    assert lib.Future(future) is future
    assert lib.Future(None).result() is None
    assert lib.Future(1, loop=None).result() == 1


@LIBRARIES
@pytest.mark.parametrize(
    "bounds",
    [
        {"timeout": 0},
        {"timeout": 0.01},
        {"timeout": -1},
        {"timeout": float("nan")},
        {"deadline": 0},
        {"timeout": 100, "deadline": 1.0},
        {"timeout": 0.01, "deadline": 1e11},
    ],
)
def test_time_that_passes_is_a_timeout_error(lib, bounds):
    promise, future = lib.Promise.new()
    for wait in (future.result, future.exception):
        with pytest.raises(TimeoutError):
            wait(**bounds)
    assert not future.done()
    promise.set_result(None)


@LIBRARIES
def test_a_deadline_is_in_seconds_since_the_epoch(lib):
    promise, future = lib.Promise.new()
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        future.result(deadline=time.time() + 0.05)
    assert 0.03 < time.monotonic() - started < 5
    promise.set_result(None)


@LIBRARIES
def test_what_is_ready_needs_no_time(lib):
    assert lib.Future(1).result(timeout=0, deadline=0) == 1


@LIBRARIES
def test_cancelled_futures_raise_and_stay_cancelled(lib):
    promise, future = lib.Promise.new()
    assert future.cancel() is True
    assert future.cancelled()
    assert future.done()
    for wait in (future.result, future.exception):
        with pytest.raises(asyncio.CancelledError):
            wait()
    assert future.cancel() is False
    promise.set_result(5)
    assert future.cancelled()


@LIBRARIES
def test_the_first_outcome_holds(lib):
    promise, future = lib.Promise.new()
    promise.set_result(5)
    promise.set_result(6)
    promise.set_exception(ValueError("x"))
    assert future.result() == 5
    assert future.cancel() is False
    assert future.exception() is None


@LIBRARIES
def test_an_error_is_raised_as_itself_each_time(lib):
    error = KeyError("q")
    promise, future = lib.Promise.new()
    promise.set_exception(error)
    assert future.exception() is error
    for _ in range(2):
        with pytest.raises(KeyError) as info:
            future.result()
        assert info.value is error
    assert not future.cancelled()


@LIBRARIES
def test_an_asyncio_cancelled_error_is_an_error_like_others(lib):
    promise, future = lib.Promise.new()
    promise.set_exception(asyncio.CancelledError())
    assert not future.cancelled()
    assert future.done()
    with pytest.raises(asyncio.CancelledError):
        future.result()


@LIBRARIES
def test_callbacks_are_counted_and_removed_by_equality(lib):
    promise, future = lib.Promise.new()
    calls = []

    def callback(done):
        calls.append(done)

    future.add_done_callback(callback)
    future.add_done_callback(callback)
    future.add_done_callback(calls.append)
    assert future.remove_done_callback(callback) == 2
    assert future.remove_done_callback(callback) == 0
    promise.set_result(1)
    assert calls == [future]
    future.add_done_callback(callback)
    assert calls == [future, future]
    assert future.remove_done_callback(callback) == 0


@LIBRARIES
def test_cancelling_calls_back(lib):
    _promise, future = lib.Promise.new()
    calls = []
    future.add_done_callback(calls.append)
    future.cancel()
    assert calls == [future]


@LIBRARIES
def test_forcing_returns_nothing(lib):
    assert lib.Future(1).force() is None


@LIBRARIES
def test_the_kinds_can_not_be_made_otherwise(lib):
    with pytest.raises(TypeError):
        lib.Future()
    with pytest.raises(TypeError):
        lib.Future(1, 2)
    with pytest.raises(TypeError):
        lib.Promise()


@LIBRARIES
def test_no_new_attributes_and_identity_for_equality(lib):
    future = lib.Future(1)
    with pytest.raises(AttributeError):
        future.extra = 1
    assert future != lib.Future(1)


@LIBRARIES
def test_a_timeout_of_wait_for_cancels(lib):
    async def main():
        _promise, future = lib.Promise.new()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(future, 0.02)
        return future

    assert asyncio.run(main()).cancelled()


@LIBRARIES
def test_cancelling_one_who_awaits_cancels_for_all(lib):
    async def main():
        _promise, future = lib.Promise.new()

        async def wait():
            return await future

        tasks = [asyncio.ensure_future(wait()) for _ in range(2)]
        await asyncio.sleep(0)
        tasks[0].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    assert [type(answer) for answer in asyncio.run(main())] == [asyncio.CancelledError] * 2


@LIBRARIES
def test_asyncio_wait_takes_ensured_futures(lib):
    async def main():
        done, waiting = await asyncio.wait([asyncio.ensure_future(lib.Future(i)) for i in range(3)])
        assert not waiting
        return sorted(task.result() for task in done)

    assert asyncio.run(main()) == [0, 1, 2]


@LIBRARIES
def test_an_asyncio_future_is_a_value_like_others(lib):
    async def main():
        inner = asyncio.get_running_loop().create_future()
        outer = lib.Future(inner)
        inner.set_result(4)
        return await outer is inner

    assert asyncio.run(main())


@LIBRARIES
def test_a_coroutine_runs_on_the_loop_that_is_named(lib):
    async def answer():
        return 7

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    assert lib.Future(answer(), loop=loop).result(timeout=10) == 7
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@LIBRARIES
def test_a_coroutine_with_no_loop_is_a_value_error(lib):
    async def answer():
        return 7

    program = answer()
    with pytest.raises(
        ValueError, match=r"^no event loop specified and thread does not have a default event"
    ):
        lib.Future(program)
    program.close()
