"""Memory: what is in flight stays under `memory_limit`, and is no more for an array twice as large.

Each figure is taken in a process of its own (`memory_child.py`): how far its memory rises above the
result, once the same was done before.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import tegula
from tegula.errors import InvalidArgument
from tegula.kernels import _jit

CHILD = Path(__file__).with_name("memory_child.py")
linux = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="asks the kernel of Linux")


@pytest.fixture(autouse=True)
def _sparing(monkeypatch):
    """A small limit has the whole process do without the compiler: not the tests that follow."""
    monkeypatch.setattr(_jit, "_SPARING", False)


def rise(folder, what, limit, mib, chunk_kib=512, form="zarr3-raw"):
    command = [sys.executable, CHILD, folder, what, limit, mib, chunk_kib, form]
    try:
        done = subprocess.run([str(one) for one in command], capture_output=True, text=True, check=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # the soak would fill a disk
    return float(done.stdout)


FORMATS = [
    *["zarr3-raw", "zarr3-big", "zarr3-transpose", "zarr3-crc32c", "zarr3-zstd", "zarr3-gzip", "zarr3-blosc"],
    *["zarr3-shard_raw", "zarr3-shard_zstd", "zarr3-nested_zstd"],
    *["zarr2-raw", "zarr2-zlib", "zarr2-gzip", "zarr2-bz2", "zarr2-zstd", "zarr2-blosc", "zarr2-struct"],
    *["n5-raw", "n5-gzip", "n5-bzip2", "n5-xz", "n5-blosc"],
    *["pre-raw", "pre-png", "pre-jpeg", "pre-cseg", "pre-raw_raw", "pre-raw_gzip"],
]


@linux
@pytest.mark.parametrize(
    ("what", "form"),
    [
        ("read", "zarr3-raw"),
        ("write", "zarr3-raw"),
        ("read", "zarr2-blosc"),
        ("write", "zarr3-zstd"),
        ("copy", "zarr3-zstd"),
        ("copy", "zarr3-shard_zstd"),
        ("write", "zarr2-struct"),
        ("copy", "n5-gzip"),
        ("partial", "pre-raw"),
        ("read", "zarr3-shard_zstd"),
        ("several", "zarr3-raw"),
        ("shifted", "zarr3-zstd:n5-raw"),
    ],
)
def test_what_is_in_flight_stays_under_the_limit(tmp_path, what, form):
    assert rise(tmp_path, what, 4, 64, 256, form) <= 4 * 1.1


@linux
def test_a_neuroglancer_shard_that_is_changed_in_parts_is_counted_whole(tmp_path):
    """Shards of a quarter of the limit, tiles of an eighth of it: each shard is read and written again."""
    assert rise(tmp_path, "copy", 4, 32, 1024, "pre-raw_raw") <= 4 * 1.1


@linux
def test_what_the_compression_of_an_n5_block_works_in_is_counted(tmp_path):
    """Encoding xz takes some 3 MiB a task, whatever the chunk: one at a time has room."""
    assert rise(tmp_path, "write", 4, 16, 256, "n5-xz") <= 4 * 1.1


@linux
@pytest.mark.soak
@pytest.mark.parametrize("form", FORMATS)
def test_the_limit_holds_for_every_format(tmp_path, form):
    """Arrays 16 and 32 times the limit, with chunks (or shards) of a sixteenth of it."""
    limit, kinds = 8, ["read", "several", "write", "partial", "copy", "shifted"]
    figures = {
        what: [rise(tmp_path / f"{what}{mib}", what, limit, mib, 512, form) for mib in (128, 256)]
        for what in kinds
    }
    shown = ", ".join(f"{what} {small:.1f} {large:.1f}" for what, (small, large) in figures.items())
    print(f"{form}: {shown} MiB of {limit}")
    assert max(max(pair) for pair in figures.values()) <= limit * 1.1


ACROSS = [
    *["zarr3-zstd:n5-raw", "zarr3-zstd:pre-raw", "zarr3-zstd:zarr3-shard_zstd", "n5-blosc:zarr3-shard_raw"],
    *["pre-raw:zarr2-blosc", "zarr3-shard_zstd:pre-raw_raw", "zarr2-zstd:pre-raw_gzip"],
    *["pre-raw_raw:zarr3-nested_zstd", "zarr3-raw:n5-gzip", "zarr3-big:zarr2-raw"],
]


@linux
@pytest.mark.soak
@pytest.mark.parametrize("forms", ACROSS)
def test_the_limit_holds_from_format_to_format(tmp_path, forms):
    figures = [rise(tmp_path / what, what, 8, 128, 512, forms) for what in ("copy", "shifted")]
    print(f"{forms}: copy {figures[0]:.1f}, shifted {figures[1]:.1f} MiB of 8")
    assert max(figures) <= 8 * 1.1


@linux
def test_a_copy_of_an_array_twice_as_large_takes_no_more_memory(tmp_path):
    small, large = (rise(tmp_path / str(mib), "copy", 0, mib, 2048) for mib in (64, 128))
    # three tasks, each with a tile of 16 MiB and the blocks of a reader or a writer
    assert max(small, large) <= 3 * (16 + 2 * 4) + 8


@linux
@pytest.mark.parametrize("mib", [128, 256])
def test_writing_shards_holds_no_more_than_those_in_flight(tmp_path, mib):
    command = [sys.executable, CHILD.with_name("sharded_write_child.py"), tmp_path, mib, 8, "raw"]
    done = subprocess.run([str(one) for one in command], capture_output=True, text=True, check=True)
    tasks = (os.cpu_count() or 1) + 1
    # a shard for each task, and the inner chunks that it is made of, whatever the size of the array
    assert float(done.stdout) <= tasks * (8 + 4) + 12


@linux
@pytest.mark.soak
@pytest.mark.parametrize("codec", ["raw", "zstd"])
@pytest.mark.parametrize("chunk_kib", [64, 512, 2048])
@pytest.mark.parametrize("what", ["read", "write", "copy", "shifted", "cast", "downsample"])
def test_the_limit_holds_for_every_operation(tmp_path, what, chunk_kib, codec):
    limit = 32
    small, large = (
        rise(tmp_path / str(mib), what, limit, mib, chunk_kib, f"zarr3-{codec}") for mib in (512, 1024)
    )
    print(f"{what} {chunk_kib} KiB {codec}: {small:.1f} and {large:.1f} MiB of {limit}")
    assert max(small, large) <= limit * 1.1


@linux
@pytest.mark.parametrize("count", [1000, pytest.param(10_000, marks=pytest.mark.soak)])
def test_opening_many_times_takes_no_memory(tmp_path, count):
    program = f"""
import tegula
spec = {{"driver": "zarr3", "kvstore": "file://{tmp_path}/"}}
tegula.open(spec, create=True, dtype="int32", shape=[10, 10]).result()
def resident():
    with open("/proc/self/statm") as line:
        return int(line.read().split()[1]) * 4096
def opened(count):
    for number in range(count):
        context = tegula.Context({{"cache_pool": {{"total_bytes_limit": 1000}}}})
        tegula.open(spec, context=context).result()[0].read().result()
opened(500)
before = resident()
opened({count})
print(resident() - before)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(done.stdout) <= 1 << 20


def test_the_limit_is_a_resource_like_others():
    context = tegula.Context({"memory_limit": {"limit": 1 << 20}, "memory_limit#small": 4096})
    assert context["memory_limit"].to_json() == {"limit": 1 << 20}
    assert context["memory_limit#small"].to_json() == {"limit": 4096}
    assert tegula.Context()["memory_limit"].to_json() == {}
    for bad in ({"limit": 0}, {"limit": "all"}, {"bytes": 5}, "x", -5):
        with pytest.raises(InvalidArgument):
            tegula.Context({"memory_limit": bad})


def test_a_limit_that_is_not_set_is_not_shown_to_other_readers_of_a_specification():
    spec = {"driver": "zarr3", "kvstore": "memory://"}
    store = tegula.open(spec, create=True, dtype="int32", shape=[10]).result()
    for shown in (store.spec(), store.spec(retain_context=True), store.spec(unbind_context=True)):
        assert "memory_limit" not in str(shown.to_json(include_defaults=True))
    context = tegula.Context({"memory_limit": 1 << 20})
    store = tegula.open(spec, create=True, dtype="int32", shape=[10], context=context).result()
    assert store.spec(unbind_context=True).to_json()["context"]["memory_limit"] == {"limit": 1 << 20}
    assert "memory_limit" not in str(store.spec().to_json())


def test_a_limit_smaller_than_a_chunk_lets_one_through_at_a_time():
    context = tegula.Context({"memory_limit": 100})
    layout = tegula.ChunkLayout(chunk_shape=[100, 100])
    options = {"dtype": "int32", "shape": [2000, 2000], "chunk_layout": layout, "context": context}
    source, target = (
        tegula.open({"driver": "zarr3", "kvstore": f"memory://{name}/"}, create=True, **options).result()
        for name in "ab"
    )
    source.write(7).result()
    target[1:, 1:].write(source[:1999, :1999]).result()
    futures = [target[row * 100 :].read() for row in range(10)]
    assert all((future.result()[1:, 1:] == 7).all() for future in futures)
