"""Promises of docs/guarantees.md that belong to no single part: memory, and whose memory it is."""

from __future__ import annotations

from pathlib import Path

import tegula as ts
from tegula.runtime.session import pool_of


def pooled(folder: Path, limit: int) -> ts.TensorStore:
    """A hundred chunks of 1 KiB under a pool."""
    spec = {"driver": "zarr3", "kvstore": f"file://{folder}/a/"}
    layout = ts.ChunkLayout(chunk_shape=[1024])
    ts.open(spec, create=True, dtype="uint8", shape=[102_400], chunk_layout=layout).result().write(5).result()
    return ts.open({**spec, "context": {"cache_pool": {"total_bytes_limit": limit}}}).result()


def test_a_pool_holds_at_most_its_limit(tmp_path: Path) -> None:
    store = pooled(tmp_path, 20_000)
    pool = pool_of(store._view.source.cache)
    for start in range(0, 102_400, 1024):
        store[start : start + 10].read().result()
        assert pool.held <= 20_000
    assert store.read().result().sum() == 5 * 102_400
    assert 0 < pool.held <= 20_000


def test_what_was_read_belongs_to_the_reader(tmp_path: Path) -> None:
    store = pooled(tmp_path, 1_000_000)
    for view in (store, store[:10], store[3], store[:1024]):
        found = view.read().result()
        assert found.flags.writeable
        found[...] = 0
        assert (view.read().result() == 5).all()
