"""Threads that work at once are bound to processors of their own, and to none when they are done."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tegula as ts
from tegula.effects.control import Compute
from tegula.effects.effect import Call
from tegula.runtime import apart
from tegula.runtime.apart import Apart
from tegula.runtime.session import SESSION, is_ours
from tegula.runtime.threads import Pool

linux = sys.platform == "linux"
ALL = os.sched_getaffinity(0) if linux else {0}
pytestmark = pytest.mark.skipif(len(ALL) < 2, reason="there is one processor, or nobody says how many")


class Thread:
    """What `Apart` is told of a thread: here, whoever calls."""

    def __init__(self, native_id: int | None = None) -> None:
        self.at, self.since = -1, 0.0
        self.bound: set[int] | None = None
        self.native_id: int | None = native_id or threading.get_native_id()


@pytest.fixture
def one(monkeypatch: pytest.MonkeyPatch) -> int:
    """Every thread is found on one processor, whose number this is."""
    first = min(ALL)
    monkeypatch.setattr(apart, "_processor", lambda: first)
    return first


def allowed(thread: int = 0) -> set[int]:
    return os.sched_getaffinity(thread)


def test_who_is_alone_is_not_bound(one: int) -> None:
    both, me = Apart(), Thread()
    both.enter(me)
    both.enter(me)
    assert (me.at, me.bound, allowed()) == (one, None, ALL)
    both.leave(me)
    assert (me.at, both._at) == (-1, {})


def test_who_meets_another_is_bound_elsewhere_until_it_leaves(one: int) -> None:
    both, other, me = Apart(), Thread(), Thread()
    both.enter(other)
    both.enter(me)
    try:
        assert allowed() == {me.at}
        assert me.at != one
        both.enter(me)  # which changes nothing
        assert allowed() == {me.at}
    finally:
        both.leave(me)
    assert allowed() == ALL
    assert (me.at, me.bound) == (-1, None)
    both.leave(other)
    assert both._at == {}


def test_where_all_are_taken_nobody_is_bound(one: int) -> None:
    several, others, me = Apart(), [], Thread()
    for number in ALL:
        others.append(Thread())
        several._at[number] = others[-1]
    several.enter(me)
    assert (me.at, me.bound, allowed()) == (-1, None, ALL)
    del one


def test_nobody_is_bound_for_long(one: int, monkeypatch: pytest.MonkeyPatch) -> None:
    both, other, me = Apart(), Thread(), Thread()
    both.enter(other)
    both.enter(me)
    assert allowed() == {me.at}
    me.since -= apart.LONGEST
    monkeypatch.setattr(apart, "_processor", lambda: max(ALL - {one}))
    both.enter(me)
    assert (me.bound, allowed()) == (None, ALL)


def test_who_is_woken_is_bound_once_two_have_met(one: int) -> None:
    both, other, me = Apart(), Thread(), Thread()
    release, seen = threading.Event(), []
    sleeper = threading.Thread(target=lambda: (release.wait(), seen.append(allowed())))
    sleeper.start()
    woken = Thread(sleeper.native_id)
    both.send(woken)
    assert allowed(woken.native_id) == ALL
    both.enter(other)
    both.enter(me)
    both.leave(me)
    both.send(woken)
    assert allowed(woken.native_id) == {woken.at}
    assert woken.at != one
    release.set()
    sleeper.join()
    assert seen == [{woken.at}]


def test_a_thread_that_has_not_begun_is_left_alone(one: int) -> None:
    both = Apart()
    both._met = True
    never = threading.Thread(target=print)
    woken = Thread(1)
    woken.native_id = never.native_id
    both.send(woken)
    assert (woken.at, woken.bound, allowed(), both._at) == (-1, None, ALL, {})
    del one


def test_a_user_is_called_by_a_thread_that_is_not_bound(one: int) -> None:
    """Callbacks, and programs that call a user's functions, run where the process may."""
    pool, seen, within = Pool(3), [], []
    meet = threading.Barrier(2)

    async def program() -> None:
        await Compute(Call(met))

    def met() -> None:
        meet.wait(10)
        within.append(allowed())

    for _ in range(20):
        futures = [pool.submit(program(), SESSION, ours=True) for _ in range(2)]
        for future in futures:
            future.add_done_callback(lambda _: seen.append(allowed()))
        for future in futures:
            future.result()
    for _ in range(20):
        pool.submit(program(), SESSION)
        pool.submit(program(), SESSION).result()
    pool.close()
    assert {1, len(ALL)} == {len(each) for each in within[:40]}  # of the two that met, one was bound
    assert within[40:] == [ALL] * 40
    assert seen == [ALL] * 40
    del one


class Mine:
    """A codec as a user writes one."""

    def encode(self, data: bytes) -> bytes:
        return data[::-1]

    def decode(self, data: bytes, size: int) -> bytes:
        del size
        return data[::-1]


def sharded(folder: Path, codec: dict[str, Any]) -> Any:
    spec = {
        "driver": "zarr3",
        "kvstore": f"file://{folder}",
        "metadata": {
            "shape": [256, 256],
            "data_type": "uint16",
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [256, 256]}},
            "codecs": [
                {
                    "name": "sharding_indexed",
                    "configuration": {
                        "chunk_shape": [128, 128],
                        "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, codec],
                    },
                }
            ],
        },
    }
    return ts.open(spec, create=True, delete_existing=True).result()


def test_only_what_is_ours_may_be_bound(tmp_path: Path) -> None:
    ts.register_codec("mine", Mine)
    ours = sharded(tmp_path / "ours", {"name": "zstd", "configuration": {"level": 1}})
    theirs = sharded(tmp_path / "theirs", {"name": "mine"})
    assert is_ours(ours._view.source)
    assert not is_ours(theirs._view.source)


def test_after_reads_at_once_every_thread_may_run_everywhere(tmp_path: Path, one: int) -> None:
    store = sharded(tmp_path, {"name": "zstd", "configuration": {"level": 1}})
    data = np.random.default_rng(0).integers(0, 9, (256, 256), np.uint16)
    store.write(data).result()
    boxes = [np.s_[a : a + 128, b : b + 128] for a in (0, 64, 128) for b in (0, 64, 128)] * 20
    for _ in range(5):
        futures = [store[box].read() for box in boxes]
        for box, future in zip(boxes, futures, strict=True):
            assert np.array_equal(future.result(), data[box])
    for task in Path("/proc/self/task").iterdir():
        names = (task / "comm").read_text()
        for _ in range(200):
            if allowed(int(task.name)) == ALL:
                break
            threading.Event().wait(0.01)
        assert allowed(int(task.name)) == ALL, names
    del one
