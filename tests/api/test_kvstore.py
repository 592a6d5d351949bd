"""Key-value stores as handles: sharing, pickling, futures; where they differ from the drop-in, and why."""

from __future__ import annotations

import asyncio
import copy
import os
import pickle
import signal
from pathlib import Path

import pytest

from tegula.api.context import Collector, Context
from tegula.api.kvstore import KvStore, kv_open
from tegula.errors import InvalidArgument, OutOfRange
from tegula.kv.spec import StoreRef

ts = pytest.importorskip("tensorstore")


def memory(path: str = "", context: Context | None = None) -> KvStore:
    return KvStore.open(f"memory://{path}", context=context).result()


# ------------------------------------------------------------------ what is shared


def test_stores_share_memory_where_they_share_a_context() -> None:
    context = Context()
    one, other, alone = memory("a/", context), memory("", context), memory("")
    one["k"] = b"1"
    assert other.list().result() == [b"a/k"]
    assert alone.list().result() == []
    child = memory("", Context({"cache_pool": {}}, context))
    assert child["a/k"] == b"1"


def test_named_memory_stores_are_apart() -> None:
    context = Context({"memory_key_value_store#x": {}, "memory_key_value_store#y": {}})
    stores = [
        kv_open({"driver": "memory", "memory_key_value_store": f"memory_key_value_store#{name}"}, context)
        for name in "xyx"
    ]
    stores[0]["k"] = b"1"
    assert ["k" in store for store in stores] == [True, False, True]


def test_a_specification_that_retains_its_context_opens_the_same_store() -> None:
    store = memory("a/")
    store["k"] = b"1"
    bound = store.spec(retain_context=True)
    assert kv_open(bound)["k"] == b"1"
    assert kv_open(bound, Context())["k"] == b"1"
    assert "k" not in kv_open(store.spec())
    assert "k" not in kv_open(store.spec(unbind_context=True))


def test_pickling_keeps_what_is_the_same_and_no_data() -> None:
    store = memory("a/")
    store["k"] = b"1"
    assert pickle.loads(pickle.dumps(store)).list().result() == []
    one, other, spec = pickle.loads(pickle.dumps((store, store / "q", store.spec(retain_context=True))))
    one["w"] = b"2"
    assert kv_open(spec)["w"] == b"2"
    other["r"] = b"3"
    assert sorted(one.list().result()) == [b"qr", b"w"]


def test_a_pickled_reference_names_the_same_store_as_its_handle() -> None:
    store = memory("a/")
    ref, other = pickle.loads(pickle.dumps((store._ref, store)))
    assert ref == other._ref
    assert hash(ref) == hash(other._ref)


def test_copies_are_handles_on_the_same_store() -> None:
    store = memory("a/")
    for twin in (store.copy(), store.with_transaction(None), copy.copy(store), copy.deepcopy(store)):
        twin["k"] = b"1"
        assert store["k"] == b"1"
        del store["k"]


def test_contexts_make_each_resource_once() -> None:
    context = Context({"cache_pool": "cache_pool#a", "cache_pool#a": {"total_bytes_limit": 5}})
    assert context["cache_pool"] is context["cache_pool#a"]
    assert context["cache_pool"].total_bytes_limit == 5
    assert Context()["data_copy_concurrency"].limit is None
    for twin in (copy.copy(context), copy.deepcopy(context["cache_pool"])):
        assert twin is context or twin is context["cache_pool"]


def test_a_circle_of_references_is_named() -> None:
    context = Context(
        {"cache_pool": "cache_pool#a", "cache_pool#a": "cache_pool#b", "cache_pool#b": "cache_pool#a"}
    )
    with pytest.raises(InvalidArgument) as error:
        context["cache_pool"]
    circle = '"cache_pool#a":"cache_pool#b" -> "cache_pool#b":"cache_pool#a"'
    assert str(error.value) == f"Context resource reference cycle: {circle}"


def test_a_collector_names_each_resource_once() -> None:
    context, other = Context(), Context()
    collector = Collector()
    one, two = memory("a", context), memory("b", other)
    assert one._spec_json(collector) == {"driver": "memory", "path": "a"}
    assert two._spec_json(collector) == {
        "driver": "memory",
        "memory_key_value_store": "memory_key_value_store#0",
        "path": "b",
    }
    assert memory("c", context)._spec_json(collector) == {"driver": "memory", "path": "c"}
    assert collector.context == {"memory_key_value_store": {}, "memory_key_value_store#0": {}}
    assert one._spec_json() == {"driver": "memory", "path": "a"}


# ------------------------------------------------------------------ references


def test_references_hold_what_changes_the_store(tmp_path: Path) -> None:
    plain = kv_open(f"file://{tmp_path}/")
    assert plain._ref == StoreRef("file")
    assert plain._path == f"{tmp_path}/"
    assert kv_open({"driver": "file", "path": "/x", "file_io_concurrency": {"limit": 2}})._ref == plain._ref
    special = {
        "driver": "file",
        "path": "/x",
        "file_io_sync": False,
        "file_io_locking": {"mode": "lockfile", "acquire_timeout": "1.5s"},
        "file_io_mode": {"mode": "memmap"},
    }
    assert kv_open(special)._ref == StoreRef(
        "file",
        (
            ("acquire_timeout", 1.5),
            ("file_io_locking", "lockfile"),
            ("file_io_mode", "memmap"),
            ("file_io_sync", False),
        ),
    )


# ------------------------------------------------------------------ futures


def test_errors_of_an_operation_are_in_its_future(tmp_path: Path) -> None:
    store = kv_open(f"file://{tmp_path}/")
    store["f"] = b"12"
    for future in (store.read("../x"), store.write("a//b", b""), store.read("f", byte_range=slice(0, 9))):
        assert isinstance(future.exception(), InvalidArgument | OutOfRange)
    opening = KvStore.open({"driver": "memory", "memory_key_value_store": "memory_key_value_store#a"})
    with pytest.raises(InvalidArgument, match=r'^Resource not defined: "memory_key_value_store#a"$'):
        opening.result()


@pytest.mark.parametrize("sync", [False, True])
def test_operations_are_awaited(tmp_path: Path, sync: bool) -> None:
    async def program() -> bytes:
        store = await KvStore.open({"driver": "file", "path": f"{tmp_path}/", "file_io_sync": sync})
        await asyncio.gather(*(_await(store.write(str(n), str(n))) for n in range(20)))
        assert len(await store.list()) == 20
        await store.delete_range(KvStore.KeyRange("1", "2"))
        assert len(await store.list()) == 9
        return (await store.read("7")).value

    assert asyncio.run(program()) == b"7"


async def _await(future: object) -> object:
    return await future  # type: ignore[misc]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_reads_and_writes(tmp_path: Path) -> None:
    store, file = memory("a/"), kv_open(f"file://{tmp_path}/")
    store["k"] = b"1"
    file["k"] = b"1"
    child = os.fork()
    if not child:
        code = 1
        signal.alarm(20)
        try:
            file["child"] = store["k"] + file["k"]
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert file["child"] == b"11"


# ------------------------------------------------------------------ different on purpose


@pytest.mark.peers
def test_a_missing_key_is_named() -> None:
    """tensorstore 0.1.86 raises KeyError('')."""
    with pytest.raises(KeyError, match="nothing"):
        memory()["nothing"]


@pytest.mark.peers
def test_handles_on_one_store_are_equal() -> None:
    """tensorstore 0.1.86 compares handles by identity."""
    context = Context()
    assert memory("a", context) == memory("a", context)
    assert len({memory("a", context), memory("a", context), memory("b", context), memory("a")}) == 3
    assert ts.KvStore.open("memory://").result() != ts.KvStore.open("memory://").result()
    theirs = ts.Context()
    assert (
        ts.KvStore.open("memory://", context=theirs).result()
        != ts.KvStore.open("memory://", context=theirs).result()
    )


@pytest.mark.peers
def test_stripping_more_than_a_key_has_gives_an_empty_key() -> None:
    """tensorstore 0.1.86 aborts the process."""
    store = memory()
    store["ab"] = b""
    store["abcd"] = b""
    assert store.list(strip_prefix_length=3).result() == [b"", b"d"]


@pytest.mark.peers
def test_a_range_that_ends_before_it_begins_is_empty() -> None:
    """tensorstore 0.1.86 fails in memory stores ("basic_string::_M_create") where the range is far apart."""
    store = memory("p/")
    store["c"] = b""
    assert store.list(KvStore.KeyRange("d", "b")).result() == []
    store.delete_range(KvStore.KeyRange("d", "b")).result()
    assert store["c"] == b""


@pytest.mark.peers
def test_badly_encoded_urls_say_where() -> None:
    """tensorstore 0.1.86 says "position -1"."""
    with pytest.raises(InvalidArgument, match='Invalid percent-encoding at position 1: "a%zz"'):
        kv_open("memory://a%zz")


@pytest.mark.peers
def test_deleting_a_missing_key_makes_no_directories(tmp_path: Path) -> None:
    """tensorstore 0.1.86 makes the directories of the key first."""
    ours, theirs = kv_open(f"file://{tmp_path}/ours/"), ts.KvStore.open(f"file://{tmp_path}/theirs/").result()
    assert ours.write("a/b", None).result().generation == theirs.write("a/b", None).result().generation
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == ["theirs", "theirs/a"]


@pytest.mark.peers
def test_a_dead_writers_rest_is_no_part_of_the_next_value(tmp_path: Path) -> None:
    """tensorstore 0.1.86 gives back the value followed by what the dead writer left."""
    values = []
    for name, store in (
        ("ours", kv_open(f"file://{tmp_path}/ours/")),
        ("theirs", ts.KvStore.open(f"file://{tmp_path}/theirs/").result()),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "f.__lock").write_bytes(b"0123456789")
        store["f"] = b"new"
        values.append(store["f"])
    assert values == [b"new", b"new3456789"]


def test_transactions_are_not_there_yet() -> None:
    with pytest.raises(TypeError, match="transaction"):
        KvStore.open("memory://", transaction=object())  # type: ignore[arg-type]
