"""The memory leaf and the table of live leaves: sharing, order, forks."""

from __future__ import annotations

import gc
import os
import signal
import threading
import weakref

import pytest

from tegula.effects.storage import UNCHANGED, DeleteRange, List, Read, ReadMany, Write, WriteMany
from tegula.effects.world import Now
from tegula.errors import InvalidArgument, OutOfRange
from tegula.kv.generation import NO_VALUE, UNKNOWN
from tegula.kv.spec import ByteRange, KeyRange, StoreRef
from tegula.leaves.file import FileLeaf
from tegula.leaves.leaf import reads_many, writes_many
from tegula.leaves.memory import MemoryLeaf
from tegula.runtime import live

REF = StoreRef("memory")


class Token:
    pass


def test_values_are_immutable_and_handed_out_without_a_copy() -> None:
    leaf = MemoryLeaf(REF)
    value = b"x" * 1000
    leaf.perform(Write(REF, "a", value))
    assert leaf.perform(Read(REF, "a")).value is value
    assert leaf.read_many(ReadMany(REF, ["a"])).values[0] is value
    changing = bytearray(b"before")
    leaf.perform(Write(REF, "b", changing))
    changing[:] = b"after!"
    assert leaf.perform(Read(REF, "b")).value == b"before"


def test_generations_count() -> None:
    leaf = MemoryLeaf(REF)
    first = leaf.perform(Write(REF, "a", b"")).generation
    assert first == b"\0" + bytes(8)
    assert leaf.perform(Write(REF, "a", b"", b"\0other")).generation == UNKNOWN
    assert leaf.perform(Write(REF, "a", None)).generation == NO_VALUE
    assert leaf.perform(Write(REF, "a", b"")).generation == b"\0\1" + bytes(7)


def test_listings_are_sorted_by_bytes() -> None:
    leaf = MemoryLeaf(REF)
    keys = ["\udcff", "é", "b", "\uffff", "\U00010000", "a/", "a"]
    for key in keys:
        leaf.perform(Write(REF, key, b"12"))
    listing = leaf.perform(List(REF, KeyRange()))
    assert listing.keys == sorted(keys, key=lambda key: key.encode("utf-8", "surrogateescape"))
    assert listing.sizes == [2] * len(keys)
    leaf.perform(DeleteRange(REF, KeyRange("a", "c")))
    assert set(leaf.perform(List(REF, KeyRange())).keys) == set(keys) - {"a", "a/", "b"}


def test_blocks_answer_row_by_row() -> None:
    leaf = MemoryLeaf(REF)
    written = leaf.write_many(
        WriteMany(REF, ["a", "b", "a"], [b"0123", b"x", b"45"], [UNKNOWN, b"\0no", UNKNOWN])
    )
    assert [generation == UNKNOWN for generation in written.generations] == [False, True, False]
    found = leaf.read_many(
        ReadMany(
            REF,
            ["a", "b", "a", "a"],
            [None, None, ByteRange(1), None],
            [UNKNOWN] * 3 + written.generations[2:],
        )
    )
    assert found.values == [b"45", None, b"5", UNCHANGED]
    with pytest.raises(OutOfRange, match=r"\[3, \?\) is not valid for value of size 2"):
        leaf.read_many(ReadMany(REF, ["b", "a", "a"], [ByteRange(9), ByteRange(3), ByteRange(4)]))


def test_threads_lose_no_update() -> None:
    leaf = MemoryLeaf(REF)
    barrier = threading.Barrier(4)

    def add() -> None:
        barrier.wait()
        for _ in range(500):
            while True:
                found = leaf.perform(Read(REF, "n"))
                value = str(int(found.value or b"0") + 1).encode()
                if leaf.perform(Write(REF, "n", value, found.generation)).applied:
                    break

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert leaf.perform(Read(REF, "n")).value == b"2000"


def test_only_storage_effects_are_answered() -> None:
    for leaf in (MemoryLeaf(REF), FileLeaf(REF)):
        with pytest.raises(TypeError, match="cannot answer"):
            leaf.perform(Now())
        assert reads_many(leaf) is not None
        assert writes_many(leaf) is not None


def test_errors_name_values() -> None:
    assert MemoryLeaf(REF).describe("zarr.json") == '"zarr.json"'
    assert FileLeaf(StoreRef("file")).describe("/tmp/x/zarr.json") == 'local file "/tmp/x/zarr.json"'


def test_equal_names_give_one_leaf() -> None:
    token, other = Token(), Token()
    assert live.leaf(StoreRef("memory", (), token)) is live.leaf(StoreRef("memory", (), token))
    assert live.leaf(StoreRef("memory", (), token)) is not live.leaf(StoreRef("memory", (), other))
    assert live.leaf(StoreRef("file")) is live.leaf(StoreRef("file"))
    assert live.leaf(StoreRef("file")) is not live.leaf(StoreRef("file", (("file_io_sync", False),)))
    with pytest.raises(InvalidArgument, match='"nothing" is not registered'):
        live.leaf(StoreRef("nothing"))


def test_a_memory_store_lives_as_long_as_its_identity() -> None:
    token = Token()
    gone = weakref.ref(live.leaf(StoreRef("memory", (), token)))
    gc.collect()
    assert gone() is not None
    del token
    gc.collect()
    assert gone() is None


def test_the_table_of_leaves_is_bounded() -> None:
    for number in range(600):
        live.leaf(StoreRef("file", (("acquire_timeout", float(number)),)))
    assert len(live._plain) <= 256


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_keeps_the_data_and_can_write() -> None:
    """R12: also where another thread of the parent held the locks at the moment of the fork."""
    token = Token()
    ref = StoreRef("memory", (), token)
    leaf = live.leaf(ref)
    assert isinstance(leaf, MemoryLeaf)
    leaf.perform(Write(ref, "a", b"parent"))
    with leaf._lock, live._lock:
        child = os.fork()
        if not child:
            code = 1
            signal.alarm(10)
            try:
                same = live.leaf(ref)
                kept = same.perform(Read(ref, "a")).value == b"parent"
                generation = same.perform(Write(ref, "a", b"child")).generation
                fresh = live.leaf(StoreRef("memory", (), Token())).perform(Read(ref, "a")).state == "missing"
                code = 0 if kept and fresh and generation == b"\0\1" + bytes(7) else 2
            finally:
                os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert leaf.perform(Read(ref, "a")).value == b"parent"
