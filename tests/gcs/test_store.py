"""Google Cloud Storage as a key-value store: the same on our loopback server and on fake-gcs-server."""

from __future__ import annotations

import asyncio
import pickle
from typing import Any

import numpy as np
import pytest

import tegula as ts
from tegula.errors import Indeterminate
from tegula.kv.generation import NO_VALUE
from tests.gcs.stores import Running, gcs

NAMES = ["a", "a/b", "a b", "100%", "q?x=1", "h#h", "é/日本", "x//y", "plus+and&amp", "t/", "..x", "z" * 900]


@pytest.fixture
def store(service: str, path: str) -> ts.KvStore:
    return ts.KvStore.open(gcs(path)).result()


@pytest.mark.parametrize("name", NAMES)
def test_names_are_exact(store: ts.KvStore, name: str) -> None:
    store[name] = name.encode()
    assert store[name] == name.encode()
    assert store.list().result() == [name.encode()]
    del store[name]
    assert name not in store
    assert store.list().result() == []


@pytest.mark.parametrize("size", [0, 1, 1000, 65536, 3_000_001])
def test_values_are_exact(store: ts.KvStore, size: int) -> None:
    value = np.random.default_rng(size).bytes(size)
    stamp = store.write("v", value).result()
    found = store.read("v").result()
    assert found.value == value
    assert found.stamp.generation == stamp.generation


def test_values_that_look_like_the_wire(store: ts.KvStore) -> None:
    for number, value in enumerate([b"\r\n--", b"--\r\n\r\n", b"HTTP/1.1 404 Not Found\r\n\r\n", b"\0" * 9]):
        store[str(number)] = value
        assert store[str(number)] == value


def test_ranges(store: ts.KvStore) -> None:
    store["v"] = b"0123456789"
    value = b"0123456789"
    for wanted in [
        slice(2, 5),
        slice(0, 10),
        slice(7, None),
        slice(-3, None),
        slice(-10, None),
        slice(0, None),
    ]:
        assert store.read("v", byte_range=wanted).result().value == value[wanted]
    for wanted in [slice(3, 3), slice(0, 0), slice(10, 10), slice(10, None)]:
        found = store.read("v", byte_range=wanted).result()
        assert (found.state, found.value) == ("value", b"")
    for wanted in [slice(5, 50), slice(50, 60), slice(11, None), slice(-11, None), slice(11, 11)]:
        with pytest.raises(ValueError, match="OUT_OF_RANGE: Requested byte range"):
            store.read("v", byte_range=wanted).result()
    assert store.read("none", byte_range=slice(1, 2)).result().state == "missing"
    assert store.read("none", byte_range=slice(1, 1)).result().state == "missing"


def test_conditional_writes(store: ts.KvStore) -> None:
    first = store.write("v", b"1", if_equal=NO_VALUE).result().generation
    assert store.write("v", b"2", if_equal=NO_VALUE).result().generation == b""
    second = store.write("v", b"2", if_equal=first).result().generation
    assert second not in (b"", first)
    assert store.write("v", b"3", if_equal=first).result().generation == b""
    assert store.write("none", b"3", if_equal=first).result().generation == b""
    assert store["v"] == b"2"


@pytest.mark.gap("deletions with a condition")
def test_conditional_deletions(store: ts.KvStore) -> None:
    first = store.write("v", b"1").result().generation
    second = store.write("v", b"2").result().generation
    assert store.write("v", None, if_equal=first).result().generation == b""
    assert store["v"] == b"2"
    assert store.write("v", None, if_equal=second).result().generation == NO_VALUE
    assert store.write("v", None, if_equal=second).result().generation == b""
    assert store.write("v", None, if_equal=NO_VALUE).result().generation == NO_VALUE
    assert store.write("v", None).result().generation == NO_VALUE


@pytest.mark.gap("reads with a condition")
def test_conditional_reads(store: ts.KvStore) -> None:
    first = store.write("v", b"1").result().generation
    assert store.read("v", if_not_equal=first).result().state == "unspecified"
    store["v"] = b"2"
    assert store.read("v", if_not_equal=first).result().value == b"2"
    assert store.read("none", if_not_equal=NO_VALUE).result().state == "missing"


def test_malformed_generations_are_refused(store: ts.KvStore) -> None:
    with pytest.raises(ValueError, match="Malformed StorageGeneration"):
        store.write("v", b"1", if_equal=b"zzz").result()
    with pytest.raises(ValueError, match="Malformed StorageGeneration"):
        store.read("v", if_not_equal=b"zzz").result()


@pytest.mark.parametrize("name", ["a\nb", "x" * 1025, b"\xff", "a\x7f"])
def test_names_that_no_object_has(service: str, name: Any) -> None:
    store = ts.KvStore.open(gcs()).result()
    for attempt in (store.read(name), store.write(name, b"")):
        with pytest.raises(ValueError, match=r"^Invalid GCS object name"):
            attempt.result()


def test_listing_over_several_pages(store: ts.KvStore) -> None:
    names = {f"{number:04}" for number in range(1203)}
    asyncio.run(_write_all(store, names))
    assert {name.decode() for name in store.list().result()} == names
    inner = ts.KvStore.KeyRange("0100", "0200")
    assert sorted(store.list(inner, 2).result()) == [b"%02d" % number for number in range(100)]
    store.delete_range(ts.KvStore.KeyRange("0001", "")).result()
    assert store.list().result() == [b"0000"]


async def _write_all(store: ts.KvStore, names: set[str]) -> None:
    await asyncio.gather(*[store.write(name, b"x") for name in names])


def test_a_bucket_that_is_not_there(service: str) -> None:
    store = ts.KvStore.open(gcs(bucket="no-such-bucket")).result()
    with pytest.raises(ValueError, match=r"^NOT_FOUND: "):
        store.write("v", b"1").result()
    with pytest.raises(ValueError, match=r"^NOT_FOUND: "):
        store.list().result()


@pytest.mark.parametrize("driver", ["zarr", "zarr3"])
def test_arrays(service: str, path: str, driver: str) -> None:
    spec = {"driver": driver, "kvstore": gcs(path)}
    chunks = ts.ChunkLayout(chunk_shape=[7, 16])
    array = ts.open(spec, create=True, dtype="int32", shape=[50, 60], chunk_layout=chunks).result()
    data = np.arange(3000, dtype="int32").reshape(50, 60)
    array.write(data).result()
    array[3:5, 10:50].write(-1).result()
    data[3:5, 10:50] = -1
    again = ts.open(spec, open=True).result()
    np.testing.assert_array_equal(again.read().result(), data)
    np.testing.assert_array_equal(again[::3, 5].read().result(), data[::3, 5])
    assert again.kvstore.path == path
    assert again.url.startswith(f"gs://bucket/{path}|zarr")
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(again)).read().result(), data)


def test_opening_asks_once(server: Running, path: str) -> None:
    """As tensorstore 0.1.86: one look at what is not there, and one write where it is created."""
    spec = {"driver": "zarr3", "kvstore": gcs(path)}
    server.reset()
    with pytest.raises(ValueError, match="does not exist"):
        ts.open(spec).result()
    assert server.counts()["requests"] == 1
    server.reset()
    ts.open(spec, open=True, create=True, dtype="int8", shape=[2]).result()
    assert [one["method"] for one in server.log()] == ["GET", "POST"]


def test_a_write_that_never_was_answered_is_in_doubt(server: Running, path: str) -> None:
    """tensorstore 0.1.86 says ABORTED, which claims that nothing was written."""
    store = ts.KvStore.open(
        gcs(path, gcs_request_retries={"max_retries": 1, "initial_delay": "1ms"})
    ).result()
    server.faults({"rate": 1.0, "kinds": ["503"]})
    for value in (b"1", None):
        with pytest.raises(Indeterminate, match=r"^UNAVAILABLE: All 1 retry attempts failed"):
            store.write("a", value).result()
