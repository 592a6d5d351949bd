"""The pool: what runs where, what waits for what, and that accepted work is finished."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

from tegula.effects.control import All, Compute
from tegula.effects.effect import Call
from tegula.effects.world import Entropy, Sleep
from tegula.errors import InvalidArgument
from tegula.runtime.perform import Performer
from tegula.runtime.threads import Pool, shared_pool, submit

PERFORM = Performer(lambda _: None)


@pytest.fixture
def pool():
    pool = Pool(2)
    yield pool
    pool.close()


async def ask(size):
    return await Entropy(size)


async def nest(depth):
    return await All([Call(nest, depth - 1)] * 3) if depth else len(await Entropy(1))


async def where(seconds):
    return await Compute(Call(sleep_and_tell, seconds))


def sleep_and_tell(seconds):
    time.sleep(seconds)
    return threading.get_ident()


def test_a_straight_line_stays_on_one_thread_of_the_pool(pool):
    async def line():
        return {await where(0) for _ in range(100)}

    [ident] = pool.submit(line(), PERFORM).result(timeout=10)
    assert ident != threading.get_ident()


def test_children_spread_over_the_threads(pool):
    async def program():
        return await All([Call(where, 0.02)] * 8)

    assert len(set(pool.submit(program(), PERFORM).result(timeout=10))) == 2


def test_nesting_needs_no_more_threads_than_one():
    pool = Pool(1)
    answer = pool.submit(nest(4), PERFORM).result(timeout=20)
    assert str(answer).count("1") == 81
    assert pool._threads == 1
    pool.close()


def test_threads_start_on_first_use_and_are_used_again():
    pool = Pool(4)
    assert pool._threads == 0
    for _ in range(50):
        pool.submit(ask(1), PERFORM).result(timeout=10)
        time.sleep(0.0005)
    assert 1 <= pool._threads <= 2
    pool.close()


def test_a_worker_that_waits_for_other_work_lends_its_place():
    pool = Pool(1)

    def wait():
        return pool.submit(nest(2), PERFORM).result(timeout=20)

    async def program():
        return await Compute(Call(wait))

    futures = [pool.submit(program(), PERFORM) for _ in range(3)]
    for future in futures:
        assert str(future.result(timeout=20)).count("1") == 9
    pool.close()


def test_cancelling_abandons_what_may_be_abandoned(pool):
    log = []

    async def program():
        try:
            for number in range(1000):
                log.append(number)
                await Sleep(0.01)
        finally:
            log.append("closed")

    future = pool.submit(program(), PERFORM, abandon=True)
    while not log:
        time.sleep(0.001)
    assert future.cancel()
    while log[-1] != "closed":
        time.sleep(0.001)
    assert len(log) < 1000


def test_cancelling_what_may_not_be_abandoned_lets_it_land(pool):
    log = []

    async def program():
        await Sleep(0.05)
        log.append("landed")

    future = pool.submit(program(), PERFORM)
    assert future.cancel()
    pool.drain()
    assert log == ["landed"]
    assert future.cancelled()


def test_programs_that_sleep_hold_no_thread():
    pool = Pool(1)

    async def nap():
        await Sleep(0.1)
        return len(await Entropy(1))

    async def naps():
        return await All([Call(nap)] * 50)

    started = time.monotonic()
    assert pool.submit(naps(), PERFORM).result(timeout=10) == [1] * 50
    assert 0.09 < time.monotonic() - started < 2
    assert pool._threads == 1
    pool.close()


def test_a_dropped_future_does_not_stop_its_program(pool):
    log = []

    async def program():
        await Sleep(0.01)
        log.append("landed")

    pool.submit(program(), PERFORM)
    pool.drain()
    assert log == ["landed"]


def test_errors_come_out_of_the_future(pool):
    def fail():
        raise KeyError("leaf")

    async def program():
        await All([Call(ask, 1), Call(program_of, fail)])

    async def program_of(function):
        await Compute(Call(function))

    with pytest.raises(KeyError, match="leaf"):
        pool.submit(program(), PERFORM).result(timeout=10)


def test_many_programs_from_many_threads(pool):
    answers = []

    def user():
        futures = [pool.submit(nest(2), PERFORM) for _ in range(20)]
        answers.extend(future.result(timeout=30) for future in futures)

    users = [threading.Thread(target=user) for _ in range(4)]
    for thread in users:
        thread.start()
    for thread in users:
        thread.join()
    assert len(answers) == 80
    assert all(answer == [[1] * 3] * 3 for answer in answers)


def test_a_pool_has_a_size():
    with pytest.raises(InvalidArgument, match="at least one thread"):
        Pool(0)
    assert 4 <= Pool().size <= 32
    assert shared_pool() is shared_pool()


def test_a_closed_pool_takes_nothing():
    pool = Pool(1)
    pool.close()
    with pytest.raises(InvalidArgument, match="closed"):
        pool.submit(ask(1), PERFORM)


def test_the_shared_pool_answers():
    assert len(submit(ask(3), PERFORM).result(timeout=10)) == 3


def script(text):
    """Run a script that has `submit`, `PERFORM` and effects; return what it prints."""
    prelude = (
        "import os, sys, time, threading\n"
        "from tegula.effects.control import All, Compute\n"
        "from tegula.effects.effect import Call\n"
        "from tegula.effects.world import Entropy, Sleep\n"
        "from tegula.runtime.perform import Performer\n"
        "from tegula.runtime.threads import submit, shared_pool\n"
        "PERFORM = Performer(lambda _: None)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", prelude + text],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    assert done.returncode == 0
    return done.stdout.split()


def test_accepted_work_is_finished_at_exit_and_reads_are_dropped():
    printed = script(
        "async def write():\n"
        "    for _ in range(3): await Sleep(0.05)\n"
        "    print('landed', flush=True)\n"
        "async def read():\n"
        "    await Sleep(0.05)\n"
        "    await Sleep(1000)\n"
        "submit(write(), PERFORM)\n"
        "submit(read(), PERFORM, abandon=True)\n"
        "time.sleep(0.1)\n"
        "submit(read(), PERFORM, abandon=True).cancel()\n"
    )
    assert printed == ["landed"]


def test_work_accepted_at_exit_is_finished():
    printed = script(
        "import atexit\n"
        "async def write():\n"
        "    await Sleep(0.01)\n"
        "    print('landed', flush=True)\n"
        "atexit.register(lambda: submit(write(), PERFORM).result(timeout=20))\n"
    )
    assert printed == ["landed"]


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="no fork on this platform")
def test_a_child_of_a_busy_process_has_a_pool_of_its_own():
    printed = script(
        "async def tick(n):\n"
        "    for _ in range(n): await Sleep(0.001)\n"
        "    return n\n"
        "async def many():\n"
        "    return await All([Call(tick, 20)] * 30)\n"
        "busy = [submit(many(), PERFORM) for _ in range(10)]\n"
        "children = []\n"
        "for _ in range(5):\n"
        "    pid = os.fork()\n"
        "    if not pid:\n"
        "        ok = submit(many(), PERFORM).result(timeout=20) == [20] * 30\n"
        "        try: busy[-1].result(timeout=20); ok = False\n"
        "        except ValueError as error: ok = ok and str(error).startswith('ABORTED')\n"
        "        os._exit(0 if ok else 1)\n"
        "    children.append(pid)\n"
        "print(*[os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children])\n"
        "print(all(future.result(timeout=30) == [20] * 30 for future in busy))\n"
    )
    assert printed == ["0"] * 5 + ["True"]


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="no fork on this platform")
def test_a_forked_child_exits_cleanly():
    printed = script(
        "async def tick():\n"
        "    await Sleep(0.2)\n"
        "    print(os.getpid() == parent, flush=True)\n"
        "parent = os.getpid()\n"
        "submit(tick(), PERFORM)\n"
        "pid = os.fork()\n"
        "if pid: print(os.waitpid(pid, 0)[1], flush=True)\n"
    )
    assert sorted(printed) == ["0", "True"]
