"""Shards: what a read asks for, what a write holds, and what a hostile index costs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tegula as ts
from tegula.effects.storage import Decoded, Read, ReadMany
from tegula.programs.reading import read
from tegula.runtime import inline
from tegula.runtime.cached import answered
from tegula.runtime.session import SESSION, pool_of


def sharded(folder: Path, shape: list[int], shard: list[int], inner: list[int], **more: Any) -> Any:
    configuration = {"chunk_shape": inner, "codecs": more.pop("codecs", [{"name": "bytes"}])}
    configuration |= more.pop("configuration", {})
    spec = {
        "driver": "zarr3",
        "kvstore": f"file://{folder}/a/",
        "metadata": {
            "shape": shape,
            "data_type": "uint16",
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": shard}},
            "codecs": [{"name": "sharding_indexed", "configuration": configuration}],
        },
    }
    return ts.open(spec, create=True, **more).result()


def asked(view: Any) -> list[Any]:
    """The ranges of bytes that reading a view asks for, one list an effect."""
    found: list[Any] = []

    def perform(effect: Any) -> Any:
        if isinstance(effect, Read):
            found.append([effect.byte_range])
        elif isinstance(effect, ReadMany):
            found.append(list(effect.ranges or [None] * len(effect.keys)))
        elif isinstance(effect, Decoded):
            return inline.run(answered(pool_of(effect.cache), effect), perform)
        return SESSION(effect)

    inline.run(read(view._view), perform)
    return found


def test_one_element_asks_for_the_index_and_one_inner_chunk(tmp_path: Path) -> None:
    store = sharded(tmp_path, [256, 256], [256, 256], [32, 32])
    store[...] = 7
    index, entry = asked(store[40, 70])
    assert index == [(-(64 * 16 + 4), None)]
    assert [stop - start for start, stop in entry] == [32 * 32 * 2]


def test_neighbours_are_asked_for_together(tmp_path: Path) -> None:
    store = sharded(tmp_path, [256, 256], [256, 256], [32, 32])
    store[...] = 7
    index, entries = asked(store[:64, 96:160])  # two rows of two inner chunks, six others between
    assert len(index) == 1
    assert [stop - start for start, stop in entries] == [2 * 2048, 2 * 2048]


def test_a_small_shard_is_asked_for_once(tmp_path: Path) -> None:
    store = sharded(tmp_path, [64, 64], [64, 64], [32, 32])
    store[...] = 7
    assert asked(store[1, 1]) == [[None]]
    assert asked(store) == [[None]]


def test_many_shards_need_two_effects(tmp_path: Path) -> None:
    store = sharded(tmp_path, [1024, 256], [256, 256], [32, 32])
    store[...] = 7
    index, entries = asked(store[::256, 0])
    assert len(index) == len(entries) == 4


def test_inner_chunks_that_are_missing_are_not_asked_for(tmp_path: Path) -> None:
    store = sharded(tmp_path, [256, 256], [256, 256], [32, 32])
    store[0, 0] = 1
    assert len(asked(store[100, 100])) == 1
    assert store[100, 100].read().result() == 0


def test_an_index_of_gigabytes_is_refused(tmp_path: Path) -> None:
    store = sharded(tmp_path, [2**20, 2**10], [2**20, 2**10], [1, 1])
    (tmp_path / "a" / "c" / "0").mkdir(parents=True)
    with open(tmp_path / "a" / "c" / "0" / "0", "wb") as file:
        file.truncate(2**35)  # a hole: no disk is used
    tracemalloc.start()
    for call in (
        lambda: store[0, 0].read().result(),
        lambda: store[:2, :2].read().result(),
        lambda: store[0, 0].write(1).result(),
    ):
        with pytest.raises(ValueError, match="RESOURCE_EXHAUSTED: A shard index of 1073741824 entries"):
            call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 << 20


@pytest.mark.parametrize("name", ["grid", "product", "zero"])
def test_absurd_shards_are_refused_at_once(tmp_path: Path, name: str) -> None:
    shard, inner = {
        "grid": ([2**31], [1]),
        "product": ([2**40, 2**40], [1, 1]),
        "zero": ([8], [0]),
    }[name]
    with pytest.raises(ValueError, match=r"more than 1073741824 entries|overflow|in the range"):
        sharded(tmp_path, [8] * len(shard), shard, inner)
    assert not (tmp_path / "a" / "zarr.json").exists()


@pytest.mark.parametrize("start", [0, 2**40, 2**62])
def test_a_hostile_index_costs_little(tmp_path: Path, start: int) -> None:
    """Entries of gigabytes, in a file with a hole of that size: refused before they are read."""
    plain = {"index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}]}
    store = sharded(
        tmp_path, [2048, 2048], [2048, 2048], [256, 256], codecs=[{"name": "gzip"}], configuration=plain
    )
    path = tmp_path / "a" / "c" / "0" / "0"
    path.parent.mkdir(parents=True)
    index = np.empty((64, 2), "<u8")
    index[:, 0], index[:, 1] = start, 2**33
    with open(path, "wb") as file:
        file.truncate(2**34)
        file.seek(2**34)
        file.write(index.tobytes())
    tracemalloc.start()
    for view in (store[0, 0], store[:300, :300], store[::9]):
        with pytest.raises(ValueError, match=r"DATA_LOSS|FAILED_PRECONDITION: .*exceeds the limit"):
            view.read().result()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 32 << 20


MEMORY = """
import resource, sys, numpy as np, tegula as ts
folder, edge = sys.argv[1], int(sys.argv[2])
zstd = {"name": "zstd", "configuration": {"level": 1}}
inner = {"chunk_shape": [64, 64, 64], "codecs": [{"name": "bytes"}, zstd]}
store = ts.open({"driver": "zarr3", "kvstore": f"file://{folder}/a/", "metadata": {
    "shape": [edge, 256, 256], "data_type": "uint16",
    "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [64, 256, 256]}},
    "codecs": [{"name": "sharding_indexed", "configuration": inner}]}}, create=True).result()
row = np.random.default_rng(0).integers(0, 60000, (1, 256, 256), np.uint16)
store[:64].write(np.broadcast_to(row, (64, 256, 256))).result()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
store.write(np.broadcast_to(row, store.shape)).result()
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


def test_a_full_write_holds_no_more_than_the_shards_in_flight(tmp_path: Path) -> None:
    """The array is broadcast, so all memory is the write's own: the same for eight shards as for thirty."""
    grown = []
    for edge in (512, 1920):
        done = subprocess.run(
            [sys.executable, "-c", MEMORY, f"{tmp_path}/{edge}", str(edge)],
            capture_output=True,
            text=True,
            check=True,
        )
        grown.append(int(done.stdout))
    shard = 64 * 256 * 256 * 2
    assert max(grown) < 12 * shard
    assert grown[1] < grown[0] + 2 * shard


PART = """
import sys, tracemalloc, numpy as np, tegula as ts
inner = {"chunk_shape": [64, 64, 64], "codecs": [{"name": "bytes"}]}
store = ts.open({"driver": "zarr3", "kvstore": f"file://{sys.argv[1]}/a/", "metadata": {
    "shape": [256, 256, 512], "data_type": "uint16",
    "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [256, 256, 512]}},
    "codecs": [{"name": "sharding_indexed", "configuration": inner}]}}, create=True).result()
store.write(np.arange(1, 513, dtype=np.uint16)).result()
import mmap
made = []
real = mmap.mmap
mmap.mmap = lambda *a, **k: made.append(a[1]) or real(*a, **k)
tracemalloc.start()
store[5:9, 5:100, 5:9].write(7).result()
store[64:128, 64:128, 64:128].write(8).result()
print(tracemalloc.get_traced_memory()[1] + sum(made))
"""


def test_a_part_of_a_shard_is_written_without_holding_the_rest(tmp_path: Path) -> None:
    """Counted are all large pieces of memory that were ever asked for."""
    done = subprocess.run(
        [sys.executable, "-c", PART, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 16 << 20 < (tmp_path / "a" / "c" / "0" / "0" / "0").stat().st_size // 3
    model = np.broadcast_to(np.arange(1, 513, dtype=np.uint16), (256, 256, 512)).copy()
    model[5:9, 5:100, 5:9], model[64:128, 64:128, 64:128] = 7, 8
    store = ts.open({"driver": "zarr3", "kvstore": f"file://{tmp_path}/a/"}).result()
    np.testing.assert_array_equal(store.read().result(), model)


def test_the_document_of_a_sharded_array_is_as_the_wheel_writes_it(tmp_path: Path) -> None:
    store = sharded(tmp_path, [8], [4], [2], configuration={"index_location": "end"})
    document = json.loads((tmp_path / "a" / "zarr.json").read_bytes())
    assert "index_location" not in document["codecs"][0]["configuration"]
    assert store.spec().to_json()["metadata"]["codecs"][0]["configuration"]["index_location"] == "end"


POOL = {"cache_pool": {"total_bytes_limit": 1 << 20}}


@pytest.mark.parametrize("pool", [{}, POOL], ids=["handle", "pool"])
@pytest.mark.parametrize("bound", [True, False, "open"])
def test_what_others_write_into_a_shard_is_seen(tmp_path: Path, pool: Any, bound: Any) -> None:
    """A handle that remembers an index sees what another process writes, as its bound says."""
    codecs = [{"name": "bytes"}, {"name": "gzip"}]
    other = sharded(tmp_path / "other", [256, 256], [256, 256], [32, 32], codecs=codecs)
    sharded(tmp_path, [256, 256], [256, 256], [32, 32], codecs=codecs)[:32, :32] = 1
    spec = {"driver": "zarr3", "kvstore": f"file://{tmp_path}/a/", "recheck_cached_data": bound}
    ours = ts.open(spec, context=ts.Context(pool)).result()
    assert ours[0, 0].read().result() == 1
    assert not ours[64:128, 64:128].read().result().any()  # not there, says an index that is remembered
    now = np.random.default_rng(0).integers(2, 1000, (256, 256)).astype("uint16")
    other[...] = now  # every inner chunk moves
    os.replace(tmp_path / "other" / "a" / "c" / "0" / "0", tmp_path / "a" / "c" / "0" / "0")
    old = bool(pool) and bound is not True  # what is cached may be answered
    assert ours[0, 0].read().result() == (1 if old else now[0, 0])
    assert (ours[64:128, 64:128].read().result() == (0 if old else now[64:128, 64:128])).all()
    assert ours[100, 200].read().result() == now[100, 200]  # never seen before: as it is stored
    assert (ours[128:, :96].read().result() == now[128:, :96]).all()
    os.unlink(tmp_path / "a" / "c" / "0" / "0")
    assert ours[100, 200].read().result() == (now[100, 200] if old else 0)
    assert not ours[200, 200].read().result()
    assert not ours[160:, 160:].read().result().any()


def test_an_index_is_read_once(tmp_path: Path) -> None:
    """As long as a shard stays as it is, a handle reads its index once; what is not there is asked after."""
    store = sharded(tmp_path, [256, 256], [256, 256], [32, 32])
    store[:128] = 7
    assert [len(each) for each in asked(store[0, 0])] == [1, 1]
    assert [stop - start for ((start, stop),) in asked(store[40, 70])] == [2048]
    (entries,) = asked(store[:64, :64])
    assert [stop - start for start, stop in entries] == [4096, 4096]
    assert asked(store[200, 200]) == [[(-(64 * 16 + 4), None)]]


def test_the_index_of_a_shard_in_a_shard_is_read_once(tmp_path: Path) -> None:
    """So are those of the shards in it, neighbours together; those of a replaced shard are read again."""
    inner = {"chunk_shape": [32, 32], "codecs": ["bytes"]}
    codecs = [{"name": "sharding_indexed", "configuration": inner}]
    store = sharded(tmp_path, [256, 256], [256, 256], [128, 128], codecs=codecs)
    store[...] = 7
    outer, middle, entry = (each[0] for each in asked(store[0, 0]))
    assert outer == (-(4 * 16 + 4), None)
    assert [stop - start for start, stop in (middle, entry)] == [16 * 16 + 4, 2048]
    assert [stop - start for ((start, stop),) in asked(store[40, 70])] == [2048]
    indices, entries = asked(store[:96, 120:136])  # the two upper ones: of one the index is known
    assert [stop - start for start, stop in indices] == [16 * 16 + 4]
    assert len(asked(store[:96, 120:136])) == 1
    indices, entries = asked(store[96:160, 96:160])
    assert len(indices) == 2  # of the two lower ones, and they do not touch
    assert len(entries) == 4
    assert len(asked(store[96:160, 96:160])) == 1
    other = sharded(tmp_path / "other", [256, 256], [256, 256], [128, 128], codecs=codecs)
    now = np.arange(256 * 256, dtype=np.uint16).reshape(256, 256)
    other[:, :160] = now[:, :160]
    os.replace(tmp_path / "other" / "a" / "c" / "0" / "0", tmp_path / "a" / "c" / "0" / "0")
    assert store[40, 70].read().result() == now[40, 70]
    assert (store[96:160, 96:160].read().result() == now[96:160, 96:160]).all()
    assert not store[:, 160:].read().result().any()  # what an index that is remembered has, and the shard not
    os.unlink(tmp_path / "a" / "c" / "0" / "0")
    assert not store[40, 70].read().result()
    assert not store.read().result().any()


def test_indices_of_shards_in_shards_share_a_pool(tmp_path: Path) -> None:
    """A cache pool keeps them for all handles of its context, three levels down."""
    codecs: Any = ["bytes", "gzip"]
    for shape in ([8, 8], [32, 32]):
        codecs = [{"name": "sharding_indexed", "configuration": {"chunk_shape": shape, "codecs": codecs}}]
    context = ts.Context({"cache_pool": {"total_bytes_limit": 10_000_000}})
    store = sharded(tmp_path, [300, 300], [256, 256], [128, 128], codecs=codecs, context=context)
    values = np.random.default_rng(1).integers(0, 1000, (300, 300)).astype(np.uint16)
    store.write(values).result()
    spec = {"driver": "zarr3", "kvstore": f"file://{tmp_path}/a/", "recheck_cached_data": False}
    first, second = (ts.open(spec, context=context).result() for _ in range(2))
    assert len(asked(first[5, 5])) == 4
    assert len(asked(second[9, 20])) == 1
    assert len(asked(second[40, 5])) == 2
    assert (second[3:290:7, 250:270].read().result() == values[3:290:7, 250:270]).all()
    assert (first.read().result() == values).all()


@pytest.mark.parametrize("location", ["start", "end"])
@pytest.mark.parametrize("codec", ["zstd", "bytes"])
def test_a_shard_encoded_by_several_tasks_is_the_one_encoded_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, location: str, codec: str
) -> None:
    """Shard by shard and part by part, with inner chunks of fill values among them; several shards a task."""
    inner: list[Any] = [{"name": "bytes", "configuration": {"endian": "big"}}]
    if codec == "zstd":
        inner.append({"name": "zstd", "configuration": {"level": 1}})
    sharding = {"chunk_shape": [8, 8], "codecs": inner, "index_location": location}
    data = np.random.default_rng(4).integers(0, 9, (64, 128)).astype("uint16")
    data[8:16, 16:40] = 0
    made = {}
    for block in (1 << 30, 1, 700):
        monkeypatch.setattr("tegula.programs.sharded_writing.BLOCK_BYTES", block)
        folder = tmp_path / str(block)
        metadata = {
            "shape": [64, 128],
            "data_type": "uint16",
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [64, 64]}},
            "codecs": [{"name": "sharding_indexed", "configuration": sharding}],
        }
        spec = {"driver": "zarr3", "kvstore": f"file://{folder}/", "metadata": metadata}
        for shards in (1, 2):
            store = ts.open(spec, open=True, create=True).result()
            store[:, : 64 * shards].write(data[:, : 64 * shards]).result()
        made[block] = [(folder / "c" / "0" / str(shard)).read_bytes() for shard in (0, 1)]
        np.testing.assert_array_equal(store.read().result(), data)
    assert made[1] == made[700] == made[1 << 30]
