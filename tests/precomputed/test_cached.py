"""Volumes behind a pool of decoded chunks, and handles that remember the indices of shards."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tegula as ts
from tests.precomputed.volumes import random_volume, spec_of

POOL = {"cache_pool": {"total_bytes_limit": 1 << 26}}
ENCODINGS = ("raw", "compressed_segmentation", "png")
MANY = 600 if os.environ.get("TEGULA_SOAK") else 25


def opened(folder: Path, pool: Any, bound: Any = True, library: Any = ts) -> Any:
    spec = spec_of(folder) | ({} if library is not ts else {"recheck_cached_data": bound})
    return library.open(spec, context=library.Context(pool)).result()


def boxes(rng: np.random.Generator, store: Any) -> Any:
    """A random box: in the array from 0, and in the volume."""
    low = np.array(store.domain.inclusive_min)
    start = [int(rng.integers(0, size)) for size in store.shape]
    stop = [int(rng.integers(a + 1, size + 1)) for a, size in zip(start, store.shape, strict=True)]
    here = tuple(map(slice, start, stop))
    there = tuple(slice(int(a + o), int(b + o)) for a, b, o in zip(start, stop, low, strict=True))
    return here, there


def check(store: Any, held: Any, rng: np.random.Generator) -> None:
    """Whole, element by element, in boxes, in a batch: all as NumPy says."""
    np.testing.assert_array_equal(store.read().result(), held)
    low = np.array(store.domain.inclusive_min)
    for _ in range(3):
        at = [int(rng.integers(0, size)) for size in held.shape]
        assert store[tuple(map(int, low + at))].read().result() == held[tuple(at)]
    some = [boxes(rng, store) for _ in range(6)]
    with ts.Batch() as batch:
        futures = [store[there].read(batch=batch) for _, there in some]
    for (here, _), future in zip(some, futures, strict=True):
        np.testing.assert_array_equal(future.result(), held[here])


@pytest.mark.parametrize("seed", range(MANY))
@pytest.mark.peers
def test_handles_see_what_each_writes_and_what_tensorstore_writes(tmp_path: Path, seed: int) -> None:
    tensorstore = pytest.importorskip("tensorstore")
    rng = np.random.default_rng(seed)
    members = random_volume(rng, ENCODINGS)
    ts.open(spec_of(tmp_path, **members), create=True).result()
    # what tensorstore writes no pool hears of: who has to know asks again
    ours = [opened(tmp_path, {}), opened(tmp_path, POOL)]
    writers = [*ours, opened(tmp_path, {}, library=tensorstore)]
    held = np.zeros(ours[0].shape, members["multiscale_metadata"]["data_type"])
    for turn in range(6):
        here, there = boxes(rng, ours[0])
        data = rng.integers(0, 7, held[here].shape).astype(held.dtype)
        held[here] = 0 if turn == 4 else data
        writers[rng.integers(0, 3)][there].write(held[here]).result()
        for store in ours:
            check(store, held, rng)


@pytest.mark.parametrize("seed", range(15))
@pytest.mark.parametrize("bound", [False, "open"])
def test_pools_hear_of_what_this_process_writes(tmp_path: Path, seed: int, bound: Any) -> None:
    rng = np.random.default_rng(seed)
    members = random_volume(rng, ENCODINGS)
    plain = ts.open(spec_of(tmp_path, **members), create=True).result()
    cached = [opened(tmp_path, POOL, bound), opened(tmp_path, POOL, bound)]
    held = np.zeros(plain.shape, members["multiscale_metadata"]["data_type"])
    for _ in range(5):
        here, there = boxes(rng, plain)
        held[here] = rng.integers(0, 7, held[here].shape)
        [plain, *cached][rng.integers(0, 3)][there].write(held[here]).result()
        for store in cached:
            check(store, held, rng)


def test_what_a_lossy_codec_makes_of_a_chunk_is_what_a_pool_says(tmp_path: Path) -> None:
    scale = {"size": [20, 30, 5], "chunk_size": [16, 16, 5], "resolution": [1, 1, 1], "encoding": "jpeg"}
    members = {"scale_metadata": scale, "multiscale_metadata": {"data_type": "uint8", "num_channels": 1}}
    plain = ts.open(spec_of(tmp_path, **members), create=True).result()
    cached = opened(tmp_path, POOL, False)
    data = np.random.default_rng(0).integers(0, 255, plain.shape).astype("uint8")
    cached.write(data).result()
    found = cached.read().result()
    assert (found != data).any()
    np.testing.assert_array_equal(found, plain.read().result())


SHARDED = {
    "scale_metadata": {
        "size": [256, 256, 64],
        "chunk_size": [32, 32, 32],
        "resolution": [1, 1, 1],
        "encoding": "raw",
        "sharding": {
            "@type": "neuroglancer_uint64_sharded_v1",
            "hash": "identity",
            "preshift_bits": 2,
            "minishard_bits": 2,
            "shard_bits": 3,
            "minishard_index_encoding": "gzip",
            "data_encoding": "raw",
        },
    },
    "multiscale_metadata": {"data_type": "uint16", "num_channels": 1},
}


@pytest.mark.parametrize("pool", [{}, POOL], ids=["handle", "pool"])
@pytest.mark.parametrize("bound", [True, False])
def test_what_others_write_into_a_shard_is_seen(tmp_path: Path, pool: Any, bound: Any) -> None:
    other = ts.open(spec_of(tmp_path / "other", **SHARDED), create=True).result()
    ts.open(spec_of(tmp_path / "a", **SHARDED), create=True).result()[:32, :32, :32] = 1
    ours = opened(tmp_path / "a", pool, bound)
    assert ours[0, 0, 0, 0].read().result() == 1
    assert ours[33, 0, 0, 0].read().result() == 0  # not there, says an index that is remembered
    now = np.random.default_rng(0).integers(2, 1000, (256, 256, 64, 1)).astype("uint16")
    other.write(now).result()
    for shard in (tmp_path / "other" / "1_1_1").iterdir():
        os.replace(shard, tmp_path / "a" / "1_1_1" / shard.name)
    old = bool(pool) and not bound
    assert ours[0, 0, 0, 0].read().result() == (1 if old else now[0, 0, 0, 0])
    assert ours[33, 0, 0, 0].read().result() == (0 if old else now[33, 0, 0, 0])
    assert ours[64, 0, 33, 0].read().result() == now[64, 0, 33, 0]
    np.testing.assert_array_equal(ours[64:, 40:].read().result(), now[64:, 40:])
    for shard in (tmp_path / "a" / "1_1_1").iterdir():
        shard.unlink()
    assert ours[64, 0, 33, 0].read().result() == (now[64, 0, 33, 0] if old else 0)
    assert not ours[:, :, :, 0][32:64, :32, 32:].read().result().any()
