"""Sharded arrays in Google Cloud Storage: as much at once as of arrays without shards, right under faults."""

from __future__ import annotations

import numpy as np
import pytest

import tegula as ts
from tests.gcs.stores import Running, gcs

SIDE = 64


def sharded(path: str, rows: int, per: int, side: int = SIDE):
    """An array of one row an inner chunk, `per` of them a shard."""
    layout = ts.ChunkLayout(read_chunk_shape=[1, side], write_chunk_shape=[per, side])
    spec = {"driver": "zarr3", "kvstore": gcs(path)}
    return ts.open(spec, create=True, dtype="int32", shape=[rows, side], chunk_layout=layout).result()


def elements(rows: int, side: int = SIDE) -> np.ndarray:
    return np.arange(rows * side, dtype="int32").reshape(rows, side) + 1


@pytest.mark.parametrize("per", [390, 130])
def test_scattered_inner_chunks_are_asked_for_at_once(server: Running, path: str, per: int) -> None:
    """Chunks of 64 KiB: with the blocks of a near store at most 80 were under way."""
    array, data = sharded(path, 390, per, 16384), elements(390, 16384)
    array.write(data).result()
    server.faults(delay=0.3)
    server.reset()
    np.testing.assert_array_equal(array[::3].read().result(), data[::3])
    counts = server.counts()
    assert counts["requests"] == 390 // per + 130
    assert counts["peak"] > 100


def test_shards_that_are_wanted_are_each_read_once(server: Running, path: str) -> None:
    """Though the chunks of a block are neither as many as a shard has, nor a multiple of it."""
    array, data = sharded(path, 320, 40, 16384), elements(320, 16384)
    array.write(data).result()
    for view, shards in ((slice(None), 8), (slice(10, 300), 8), (slice(0, 320, 2), 8), (slice(85, 110), 1)):
        server.reset()
        np.testing.assert_array_equal(array[view].read().result(), data[view])
        assert server.counts()["requests"] == shards


def test_shards_are_written_at_once(server: Running, path: str) -> None:
    array, data = sharded(path, 160, 10), elements(160)
    server.faults(delay=0.2)
    server.reset()
    array.write(data).result()
    counts = server.counts()
    assert counts["requests"] == 16
    assert counts["peak"] == 16
    np.testing.assert_array_equal(array.read().result(), data)


@pytest.mark.parametrize("limit", [None, 1 << 20])
def test_shards_under_faults_are_right(server: Running, path: str, limit: int | None) -> None:
    more = {} if limit is None else {"context": {"memory_limit": limit}}
    layout = ts.ChunkLayout(read_chunk_shape=[1, SIDE], write_chunk_shape=[30, SIDE])
    spec = {"driver": "zarr3", "kvstore": gcs(path), **more}
    shape, data = [300, SIDE], elements(300)
    array = ts.open(spec, create=True, dtype="int32", shape=shape, chunk_layout=layout).result()
    server.faults({"rate": 0.2, "kinds": ["503", "429", "reset", "cut", "short", "lost"]}, seed=4)
    array.write(data).result()
    array[7:291:3].write(5).result()
    data[7:291:3] = 5
    for view in (slice(None), slice(1, None, 7), slice(40, 50)):
        np.testing.assert_array_equal(array[view].read().result(), data[view])
    assert any(entry["fault"] for entry in server.log())
