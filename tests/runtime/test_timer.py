"""The timer: in order of times, never early, and every action once."""

from __future__ import annotations

import threading
import time

from tegula.runtime.timer import Timer


def test_actions_come_in_order_of_their_times_and_not_early():
    timer, done, log = Timer(), threading.Event(), []
    started = time.monotonic()

    def note(name, seconds):
        log.append((name, time.monotonic() - started >= seconds))
        if name == "last":
            done.set()

    for name, seconds in (("last", 0.06), ("first", 0.0), ("third", 0.04), ("second", 0.02)):
        timer.after(seconds, lambda name=name, seconds=seconds: note(name, seconds))
    assert done.wait(10)
    assert log == [("first", True), ("second", True), ("third", True), ("last", True)]


def test_actions_from_many_threads_all_come():
    timer, log, done = Timer(), [], threading.Event()

    def action():
        log.append(None)
        if len(log) == 400:
            done.set()

    def add():
        for number in range(100):
            timer.after(number % 7 / 1000, action)

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done.wait(10)
    time.sleep(0.02)
    assert len(log) == 400
