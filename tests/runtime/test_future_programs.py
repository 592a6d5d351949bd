"""Programs about futures say the same under tensorstore 0.1.86 and here, odd inputs included."""

from __future__ import annotations

import gc
import sys
import weakref

import pytest

import tegula
from tests.api.both import assert_same

pytest.importorskip("tensorstore")

pytestmark = pytest.mark.peers

PROGRAMS = {
    "odd numbers": """
def later(**bounds):
    promise, future = ts.Promise.new()
    thread = threading.Timer(0.05, promise.set_result, [3])
    thread.start()
    try:
        return future.result(**bounds)
    finally:
        thread.join()
later(timeout=float("inf"))
later(timeout=1e300)
later(timeout=np.float32(10))
later(timeout=True)
later(timeout=float("-inf"))
ts.Future(3).result(None)
ts.Future(3).result(1, 2)
ts.Future(3).exception(timeout=0)
kept, waiting = ts.Promise.new()
waiting.result(timeout=0.01)
ts.Promise.new()[0].set_result(result=1)
ts.Promise.new()[0].set_exception(exception=ValueError())
""",
    "callbacks": """
promise, future = ts.Promise.new()
got = []
future.add_done_callback(lambda done: got.append(done.cancel()))
future.add_done_callback(lambda done: done.add_done_callback(lambda _: got.append("inner")))
second = lambda _: got.append("second")
future.add_done_callback(lambda done: got.append(done.remove_done_callback(second)))
future.add_done_callback(second)
promise.set_result(1)
got
future.remove_done_callback(5)
def bad(_):
    raise KeyError("at once")
future.add_done_callback(bad)
future.add_done_callback(None) if False else 0
ts.Promise.new()[1].add_done_callback(5)
""",
    "a callback that exits": """
promise, future = ts.Promise.new()
got = []
def leave(_):
    raise SystemExit(3)
future.add_done_callback(leave)
future.add_done_callback(lambda _: got.append(1))
promise.set_result(1)
got
""",
    "errors of all kinds": """
def fails(error):
    promise, future = ts.Promise.new()
    promise.set_exception(error)
    return future.exception(timeout=5), future.cancelled(), future.result()
fails(ValueError("x"))
fails(StopIteration(3))
fails(asyncio.CancelledError("x"))
def leave():
    try:
        fails(SystemExit(3))
    except SystemExit as error:
        return repr(error)
leave()
""",
    "what a future can not": """
import pickle
pickle.dumps(ts.Future(1))
copy.copy(ts.Future(1))
pickle.dumps(ts.Promise.new()[0])
pickle.dumps(made().write(1))
hasattr(made().write(1), "force")
issubclass(ts.WriteFutures, ts.Future)
""",
    "one future for several loops and threads": """
promise, future = ts.Promise.new()
got = []
async def wait():
    got.append(await future)
threads = [threading.Thread(target=lambda: asyncio.run(wait())) for _ in range(4)]
[thread.start() for thread in threads] and 0
promise.set_result(7)
[thread.join() for thread in threads]
got
""",
    "cancelling what several wait for": """
promise, future = ts.Promise.new()
async def main():
    tasks = [asyncio.ensure_future(future) for _ in range(3)]
    await asyncio.sleep(0.01)
    tasks[0].cancel()
    return [type(one).__name__ for one in await asyncio.gather(*tasks, return_exceptions=True)]
asyncio.run(main())
future.cancelled()
promise.set_result(3)
future.cancelled()
""",
    "coroutines": """
async def answer():
    return 5
async def cancels():
    raise asyncio.CancelledError("mine")
async def fails():
    raise KeyError("k")
async def main(program):
    future = ts.Future(program)
    try:
        return await future
    except BaseException as error:
        return repr(error), future.cancelled(), future.done()
asyncio.run(main(answer()))
asyncio.run(main(fails()))
asyncio.run(main(cancels()))
""",
    "what asyncio makes of futures": """
store = made()
async def main():
    found = []
    found.append((await store.read()).shape)
    found.append(len(await asyncio.gather(*[store[i % 4].read() for i in range(20)])))
    found.append(await store[0, 0].write(5))
    found.append(await asyncio.wait_for(store.write(7).copy, 5))
    async with asyncio.timeout(5):
        found.append((await store.read()).shape)
    found.append((await asyncio.shield(asyncio.ensure_future(store.read()))).shape)
    found.append(asyncio.isfuture(store.read()))
    future = store.read()
    found.append([one.shape for one in await asyncio.gather(future, future)])
    for one in asyncio.as_completed([store.read(), store[0].read()]):
        found.append(len((await one).shape) > 0)
    return found
asyncio.run(main(), debug=True)
"""
    if sys.version_info >= (3, 11)
    else "",
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_says_the_same_under_tensorstore_0_1_86(name, capfd):
    assert_same(PROGRAMS[name])
    capfd.readouterr()  # what callbacks that fail print


def test_classes_can_not_be_derived_from():
    for kind in (tegula.Future, tegula.Promise, tegula.WriteFutures):
        with pytest.raises(TypeError, match="is not an acceptable base type"):
            type("Derived", (kind,), {})


def test_a_time_is_a_number():
    for call in (tegula.Future(1).result, tegula.Future(1).exception):
        for bounds in ({"timeout": "1"}, {"deadline": b"1"}, {"timeout": []}):
            with pytest.raises(TypeError):
                call(**bounds)


def test_futures_and_promises_are_collected_with_what_they_hold():
    promise, future = tegula.Promise.new()
    weak = [weakref.ref(promise), weakref.ref(future)]
    future.add_done_callback(lambda _, both=(promise, future): None)
    del promise, future
    gc.collect()
    assert [one() for one in weak] == [None, None]
    promise, future = tegula.Promise.new()
    weak = weakref.ref(future)
    promise.set_result([future])
    del promise, future
    gc.collect()
    assert weak() is None
