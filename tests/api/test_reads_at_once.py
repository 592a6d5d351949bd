"""Reads that are started at once are done together: what each gets, and what may be done when one ends."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import tegula as ts

SIDE, CHUNK = 512, 128


@pytest.fixture(params=["raw", "zstd", "cached"])
def store(request, tmp_path):
    codecs = [{"name": "bytes", "configuration": {"endian": "little"}}]
    if request.param == "zstd":
        codecs.append({"name": "zstd", "configuration": {"level": 1}})
    spec = {
        "driver": "zarr3",
        "kvstore": f"file://{tmp_path}/",
        "metadata": {
            "shape": [SIDE, SIDE],
            "data_type": "uint32",
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [CHUNK, CHUNK]}},
            "codecs": codecs,
        },
    }
    pool = {"cache_pool": {"total_bytes_limit": 1 << 20}} if request.param == "cached" else {}
    made = ts.open(spec, create=True, context=ts.Context(pool)).result()
    made.write(DATA).result()
    return made


DATA = np.arange(SIDE * SIDE, dtype="u4").reshape(SIDE, SIDE)
CORNERS = np.random.default_rng(1).integers(0, SIDE - 300, (60, 2)).tolist()


def boxes(size=300):
    return [np.s_[top : top + size, left : left + size] for top, left in CORNERS]


def test_each_gets_its_own(store):
    futures = [store[box].read() for box in boxes()]
    for box, future in zip(boxes(), futures, strict=True):
        assert np.array_equal(future.result(), DATA[box])


def test_a_callback_may_read_the_same_array_and_wait(store):
    """No thread that reads for others is held up by what a user has written."""
    seen, over = [], threading.Event()

    def again(future, box):
        found = store[box].read().result(timeout=20)
        seen.append(np.array_equal(found, DATA[box]) and np.array_equal(future.result(), DATA[box]))
        if len(seen) == len(CORNERS):
            over.set()

    for box in boxes():
        store[box].read().add_done_callback(lambda future, box=box: again(future, box))
    assert over.wait(60)
    assert all(seen)


def test_a_callback_may_wait_for_a_read_that_was_started_with_it(store):
    held, over = {}, threading.Event()
    first, last = store[boxes()[0]].read(), None

    def wait(_):
        held["last"] = last.result(timeout=20)
        over.set()

    futures = [store[box].read() for box in boxes()[1:]]
    last = futures[-1]
    first.add_done_callback(wait)
    assert over.wait(60)
    assert np.array_equal(held["last"], DATA[boxes()[-1]])


def test_one_that_is_cancelled_and_one_that_fails_leave_the_others_alone(store, tmp_path):
    (tmp_path / "c" / "0" / "0").write_bytes(b"?")
    whole = ts.open(store.spec(), open=True, context=ts.Context()).result()
    futures = [whole[box].read() for box in boxes()]
    futures[7].cancel()
    for number, (box, future) in enumerate(zip(boxes(), futures, strict=True)):
        top, left = CORNERS[number]
        if number == 7:
            continue
        if top < CHUNK and left < CHUNK:
            with pytest.raises(ValueError, match="c/0/0"):
                future.result()
        else:
            assert np.array_equal(future.result(), DATA[box])
