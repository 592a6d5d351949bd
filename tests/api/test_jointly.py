"""Reads that are done jointly, in a batch or because nobody waits for them yet: each as it would be alone."""

from __future__ import annotations

import gc
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tegula as ts
from tegula.api import joined
from tegula.runtime.session import submit

POOL = {"cache_pool": {"total_bytes_limit": 1 << 24}}
PACKED = [{"name": "bytes"}, {"name": "gzip", "configuration": {"level": 1}}]


def array(folder: Path, kind: str, **more: Any) -> tuple[ts.TensorStore, Any]:
    """An array of inner chunks of 64 x 64, half of them stored, and its data."""
    codecs: list[Any] = [{"name": "bytes"}] if "raw" in kind else PACKED
    outer = [64, 64]
    if "shard" in kind:
        codecs = [{"name": "sharding_indexed", "configuration": {"chunk_shape": [64, 64], "codecs": codecs}}]
        outer = [256, 256]
    if "nested" in kind:
        codecs = [
            {"name": "sharding_indexed", "configuration": {"chunk_shape": [256, 256], "codecs": codecs}}
        ]
        outer = [512, 512]
    spec = {
        "driver": "zarr3",
        "kvstore": f"file://{folder}/a/",
        "metadata": {
            "shape": [600, 500],
            "data_type": "uint32",
            "fill_value": 9,
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": outer}},
            "codecs": codecs,
        },
        **more,
    }
    context = ts.Context(POOL if "pool" in kind else {})
    store = ts.open(spec, create=True, open=True, context=context).result()
    data = np.full((600, 500), 9, np.uint32)
    data[:300, 100:] = np.arange(300 * 400, dtype=np.uint32).reshape(300, 400)
    store[:300, 100:] = data[:300, 100:]
    return store, data


def views(random: np.random.Generator) -> list[Any]:
    """Chunks, elements, boxes over many chunks, strides, columns by index arrays; some of them twice."""
    found: list[Any] = []
    for _ in range(30):
        x, y = int(random.integers(0, 9)) * 64, int(random.integers(0, 7)) * 64
        found.append((slice(x, min(600, x + 64)), slice(y, min(500, y + 64))))
        low = random.integers(0, [500, 400])
        size = random.integers(1, 100, 2)
        found.append(tuple(slice(int(a), int(a + n)) for a, n in zip(low, size, strict=True)))
        found.append(tuple(map(int, low)))
        found.append((slice(None, None, 7), int(low[1])))
        found.append(([int(low[0]), 5, 3],))
    return [found[at] for at in random.integers(0, len(found), 120)]


KINDS = ["chunks", "raw chunks", "shards", "raw shards", "nested shards", "chunks pool", "shards pool"]


@pytest.mark.parametrize("kind", KINDS)
def test_reads_of_a_batch_are_those_that_each_is_alone(tmp_path: Path, kind: str) -> None:
    store, data = array(tmp_path, kind)
    some = views(np.random.default_rng(1))
    for turn in range(2):
        order = "CF"[turn]
        with ts.Batch() as batch:
            futures = [store[view].read(order=order, batch=batch) for view in some]  # type: ignore[arg-type]
            turned = store.T[:64, 64:128].read(batch=batch)
        for view, future in zip(some, futures, strict=True):
            found = future.result()
            np.testing.assert_array_equal(found, data[view])
            assert found.flags.writeable
            assert found.flags.f_contiguous if order == "F" else found.flags.c_contiguous
        np.testing.assert_array_equal(turned.result(), data.T[:64, 64:128])


@pytest.mark.parametrize("kind", KINDS)
def test_reads_that_are_started_at_once_are_those_that_each_is_alone(tmp_path: Path, kind: str) -> None:
    store, data = array(tmp_path, kind)
    some = views(np.random.default_rng(2))
    futures = [store[view].read() for view in some]
    for view, future in zip(some, futures, strict=True):
        np.testing.assert_array_equal(future.result(), data[view])
    for view in some:  # and nobody waits for what is waited for
        np.testing.assert_array_equal(store[view].read().result(), data[view])


def test_reads_are_gathered_while_their_futures_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, data = array(tmp_path, "shards")
    gathered = []

    def counted(program: Any, **how: Any) -> Any:
        gathered.append(1)
        return submit(program, **how)

    monkeypatch.setattr(joined, "submit", counted)
    box = store[:64, 128:192]
    for _ in range(5):
        box.read().result()
    assert gathered == []
    kept = [box.read() for _ in range(50)]
    assert 1 <= len(gathered) < 50
    for future in kept:
        np.testing.assert_array_equal(future.result(), data[:64, 128:192])
    kept[3].result()[...] = 0  # the result is the caller's own
    np.testing.assert_array_equal(kept[4].result(), data[:64, 128:192])
    del kept, future
    gc.collect()
    del gathered[:]
    box.read().result()
    box.read().result()
    assert gathered == []


@pytest.mark.parametrize("kind", ["chunks", "shards", "shards pool"])
def test_a_damaged_chunk_fails_whom_it_concerns(tmp_path: Path, kind: str) -> None:
    store, data = array(tmp_path, kind)
    key = tmp_path / "a" / "c" / "0" / ("0" if "shard" in kind else "2")
    stored = bytearray(key.read_bytes())
    at = stored.find(b"\x1f\x8b\x08")
    stored[at : at + 3] = b"BAD"
    key.write_bytes(stored)
    boxes = [(slice(64 * i, 64 * i + 64), slice(64 * j, 64 * j + 64)) for i in range(4) for j in range(4)]
    alone = [store[box].read().exception() for box in boxes]
    assert sum(error is not None for error in alone) == 1
    with ts.Batch() as batch:
        together = [store[box].read(batch=batch) for box in boxes]
    started = [store[box].read() for box in boxes]
    for futures in (together, started):
        for box, future, error in zip(boxes, futures, alone, strict=True):
            if error is None:
                np.testing.assert_array_equal(future.result(), data[box])
            else:
                assert str(future.exception()) == str(error)


@pytest.mark.parametrize("kind", ["chunks", "shards", "shards pool"])
def test_where_a_missing_chunk_is_an_error_it_is_one_of_its_readers(tmp_path: Path, kind: str) -> None:
    store, data = array(tmp_path, kind, fill_missing_data_reads=False)
    with ts.Batch() as batch:
        here, gone = store[:64, 128:192].read(batch=batch), store[:64, :64].read(batch=batch)
        both = store[:64, :128].read(batch=batch)
    np.testing.assert_array_equal(here.result(), data[:64, 128:192])
    for future, view in ((gone, store[:64, :64]), (both, store[:64, :128])):
        assert "is missing" in str(future.exception())
        assert str(future.exception()) == str(view.read().exception())


def test_a_cancelled_read_is_left_out(tmp_path: Path) -> None:
    store, data = array(tmp_path, "shards")
    with ts.Batch() as batch:
        futures = [store[:64, 128:192].read(batch=batch) for _ in range(4)]
        futures[1].cancel()
    assert futures[1].cancelled()
    np.testing.assert_array_equal(futures[2].result(), data[:64, 128:192])


def test_many_threads_at_once(tmp_path: Path) -> None:
    store, data = array(tmp_path, "shards")
    wrong: list[Any] = []

    def work(seed: int) -> None:
        some = views(np.random.default_rng(seed))
        futures = [store[view].read() for view in some]
        wrong.extend(
            view
            for view, future in zip(some, futures, strict=True)
            if not np.array_equal(future.result(), data[view])
        )

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_child_does_not_wait_for_what_its_parent_reads(tmp_path: Path) -> None:
    store, data = array(tmp_path, "shards")
    boxes = [(slice(64 * i, 64 * i + 64), slice(64 * j, 64 * j + 64)) for i in range(4) for j in range(4)]
    futures = [store[box].read() for box in boxes * 4]
    pid = os.fork()
    if not pid:
        status = 1
        try:
            for future in futures:
                future.exception(timeout=10)  # done, or failed by the fork: it ends
            again = [store[box].read() for box in boxes]
            good = all(
                np.array_equal(f.result(timeout=10), data[b]) for f, b in zip(again, boxes, strict=True)
            )
            status = 0 if good else 2
        finally:
            os._exit(status)
    for box, future in zip(boxes * 4, futures, strict=True):
        np.testing.assert_array_equal(future.result(), data[box])
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@pytest.mark.parametrize("kind", ["chunks pool", "shards pool"])
def test_batches_beside_each_other_do_not_wait_for_one_another_in_a_circle(tmp_path: Path, kind: str) -> None:
    """Reads that are joined and reads that are not share what they bring into the pool, both ways."""
    for seed in range(12):
        store, data = array(tmp_path / str(seed), kind)
        some = views(np.random.default_rng(seed))
        with ts.Batch() as batch:
            futures = [store[view].read(batch=batch) for view in some]
        for view, future in zip(some, futures, strict=True):
            np.testing.assert_array_equal(future.result(timeout=60), data[view])
