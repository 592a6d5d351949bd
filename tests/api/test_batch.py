"""Batches: what they defer, what they join, and what they say, as tensorstore 0.1.86."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import numpy as np
import pytest

import tegula as ts
from tegula.kv.spec import ByteRange, StoreRef
from tegula.leaves.memory import MemoryLeaf
from tegula.runtime import live
from tegula.runtime.together import _Row, join
from tests.api.both import assert_same

PROGRAM = """
a = ts.open(zarr2(metadata={"shape": [8], "chunks": [4], "dtype": "<i4"}), create=True).result()
a[...] = np.arange(8, dtype="i4")
batch = ts.Batch()
waiting = a[1].read(batch=batch)
waiting.done()
batch.submit()
waiting.result()
batch.submit()
a.read(batch=batch)
a.resolve(batch=batch)
a.kvstore.read("a", batch=batch)
a[:4].write(a[4:], batch=batch).result()
ts.open(zarr3(metadata={"shape": [3], "data_type": "int8"}), create=True, batch=batch).result().shape
a[...] = np.arange(8, dtype="i4")
with ts.Batch() as batch:
    several = [a[i].read(batch=batch) for i in (0, 5, 2)]
    resolved = a.resolve(batch=batch)
    before = [one.done() for one in several]
before
[int(one.result()) for one in several]
resolved.result().shape
batch = ts.Batch()
dropped = a.read(batch=batch)
dropped.result(timeout=0.1)
del batch
dropped.result()
try:
    with ts.Batch() as batch:
        left = a[3].read(batch=batch)
        raise KeyError("out")
except KeyError:
    pass
left.result()
a[0].write(5, batch=ts.Batch())
with ts.Batch() as batch:
    copied = a[:2].write(a[4:6].translate_to[0], batch=batch)
copied.result()
a.read().result()
with ts.Batch() as batch:
    gone = ts.open(zarr2(), batch=batch)
isinstance(gone.exception(), ValueError)
ts.Batch() == ts.Batch()
with ts.Batch() as batch:
    pass
batch.__enter__() is batch
"""


def test_a_program_of_batches_says_the_same_under_both_libraries() -> None:
    assert_same(PROGRAM)


def test_a_batch_is_no_value() -> None:
    with pytest.raises(TypeError, match="cannot pickle"):
        pickle.dumps(ts.Batch())
    with pytest.raises(TypeError, match="cannot pickle"):
        copy.copy(ts.Batch())
    store = ts.array([1, 2])
    with pytest.raises(TypeError, match="batch is a Batch"):
        store.read(batch=5)  # type: ignore[arg-type]
    with ts.Batch() as batch:
        found = store.read(batch=batch)
    assert found.result().tolist() == [1, 2]


class Counting(MemoryLeaf):
    """A memory store that counts requests: (key, range) each."""

    def __init__(self, ref: StoreRef) -> None:
        super().__init__(ref)
        self.asked: list[object] = []

    def read_many(self, effect: object) -> object:
        self.asked += zip(effect.keys, effect.ranges or [None] * len(effect.keys), strict=True)
        return super().read_many(effect)

    def _answer_read(self, effect: object) -> object:
        self.asked.append((effect.key, effect.byte_range))
        return super()._answer_read(effect)


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Counting:
    made = Counting(StoreRef("memory"))
    monkeypatch.setattr(live, "_make", lambda ref: made)
    return made


def test_reads_of_one_chunk_are_one_request(counting: Counting) -> None:
    layout = ts.ChunkLayout(chunk_shape=[4])
    store = ts.open(
        {"driver": "zarr3", "kvstore": "memory://"},
        create=True,
        dtype="int32",
        shape=[16],
        chunk_layout=layout,
    ).result()
    store[...] = np.arange(16, dtype=np.int32)
    counting.asked.clear()
    with ts.Batch() as batch:
        several = [store[i].read(batch=batch) for i in (0, 1, 2, 5)] + [store[:8].read(batch=batch)]
    assert [one.result().tolist() for one in several] == [0, 1, 2, 5, list(range(8))]
    assert sorted(counting.asked) == [("c/0", None), ("c/1", None)]


def test_neighbouring_ranges_of_a_value_are_one_request(counting: Counting) -> None:
    kv = ts.KvStore.open("memory://").result()
    kv["a"] = data = bytes(range(256)) * 64
    counting.asked.clear()
    slices = [slice(i, i + 5) for i in range(0, 50, 5)] + [slice(16000, 16010), slice(-3, None)]
    with ts.Batch() as batch:
        several = [kv.read("a", byte_range=wanted, batch=batch) for wanted in slices]
        missing = kv.read("b", byte_range=slice(3, 9), batch=batch)
    assert [one.result().value for one in several] == [data[wanted] for wanted in slices]
    assert missing.result().state == "missing"
    assert len(counting.asked) == 4
    assert ("a", ByteRange(0, 50)) in counting.asked


def test_an_error_is_that_of_the_read_that_has_it(tmp_path: Path) -> None:
    kv = ts.KvStore.open(f"file://{tmp_path}/").result()
    kv["a"] = b"xyz" * 10
    with ts.Batch() as batch:
        bad = kv.read("a", byte_range=slice(5, 5000), batch=batch)
        good = kv.read("a", byte_range=slice(0, 3), batch=batch)
        gone = ts.open({"driver": "zarr", "kvstore": f"file://{tmp_path}/none/"}, batch=batch)
    assert good.result().value == b"xyz"
    with pytest.raises(ValueError, match="OUT_OF_RANGE"):
        bad.result()
    with pytest.raises(ValueError, match="does not exist"):
        gone.result()


def test_a_cancelled_read_of_a_batch_is_not_started(counting: Counting) -> None:
    kv = ts.KvStore.open("memory://").result()
    kv["a"] = b"1"
    counting.asked.clear()
    with ts.Batch() as batch:
        kv.read("b", batch=batch).cancel()
        kept = kv.read("a", batch=batch)
    assert kept.result().value == b"1"
    assert counting.asked == [("a", None)]


@pytest.mark.parametrize("limit", [0, 1 << 20])
def test_what_a_pool_keeps_is_joined_too(tmp_path: Path, limit: int) -> None:
    where = f"file://{tmp_path}/a/"
    whole = np.arange(64, dtype=np.int32)
    layout = ts.ChunkLayout(chunk_shape=[4])
    ts.open(
        {"driver": "zarr3", "kvstore": where}, create=True, dtype="int32", shape=[64], chunk_layout=layout
    ).result()[...] = whole
    context = ts.Context({"cache_pool": {"total_bytes_limit": limit}})
    store = ts.open(
        {"driver": "zarr3", "kvstore": where, "recheck_cached_data": "open"}, context=context
    ).result()
    for _ in range(2):
        with ts.Batch() as batch:
            several = [store[low : low + 9].read(batch=batch) for low in range(0, 50, 3)]
        assert all(
            (one.result() == whole[low : low + 9]).all()
            for one, low in zip(several, range(0, 50, 3), strict=True)
        )


def test_joined_requests_bring_every_row() -> None:
    """Law: each row lies in its request, and no value is asked for twice."""
    store = StoreRef("memory")
    random = np.random.default_rng(1)
    for _ in range(200):
        rows = []
        for _ in range(random.integers(1, 12)):
            start = int(random.integers(0, 20_000))
            kind = random.integers(0, 8)
            part = (
                None
                if kind == 0
                else ByteRange(-4)
                if kind == 1
                else ByteRange(start, start + int(random.integers(0, 99)))
            )
            rows.append(_Row(store, "abc"[random.integers(0, 3)], part, b""))
        requests, places = join(rows)
        assert set(places) == set(range(len(requests)))
        for row, place in zip(rows, places, strict=True):
            asked = requests[place].row
            assert (asked.store, asked.key, asked.known) == (row.store, row.key, row.known)
            if asked.range != row.range and asked.range is not None:
                assert asked.range.start == requests[place].start <= row.range.start
                assert row.range.stop <= asked.range.stop
        assert len({request.row for request in requests}) == len(requests)
