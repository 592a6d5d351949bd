"""The pool of decoded chunks: who goes first, what is kept, what many threads see; reads through it."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import tegula as ts
from tegula.chunkset import ChunkSet
from tegula.effects.storage import ReadColumns
from tegula.formats.layout import KeyRule
from tegula.kv.spec import KeyRange, StoreRef
from tegula.leaves.memory import MemoryLeaf
from tegula.runtime import live
from tegula.runtime.cache import OVERHEAD, ChunkPool, Flight, Kept
from tegula.runtime.future import pending
from tegula.runtime.session import pool_of

STORE = StoreRef("memory")
ARRAY = ChunkSet(STORE, "a/", KeyRule("c/", "/", "c"), "chain", (4, 4))
SIZE = 1000 + OVERHEAD


def put(pool: ChunkPool, *numbers: int, time: float = 1.0, array: ChunkSet = ARRAY, size: int = 1000) -> None:
    flight = Flight(pending(), time)
    pool.claim(array, numbers, float("inf"), (flight, flight))
    words = [np.full(size, number % 256, np.uint8) for number in numbers]
    pool.land(array, numbers, flight, words, [b"g"] * len(numbers), time)


def held(pool: ChunkPool, *numbers: int) -> list[int]:
    return [number for number in numbers if pool.recall_one(ARRAY, number, 0.0) is not None]


def test_the_least_recently_used_go_first() -> None:
    pool = ChunkPool(3 * SIZE)
    put(pool, 1, 2, 3)
    assert pool.recall(ARRAY, [1], 0.0) is not None
    put(pool, 4)
    assert pool.held == 3 * SIZE
    assert held(pool, 1, 2, 3, 4) == [1, 3, 4]
    put(pool, 5)
    assert held(pool, 1, 3, 4, 5) == [3, 4, 5]


def test_what_is_larger_than_the_limit_is_not_kept_and_drives_nothing_out() -> None:
    pool = ChunkPool(2 * SIZE)
    put(pool, 1)
    put(pool, 2, size=2 * SIZE)
    assert held(pool, 1, 2) == [1]
    put(pool, 1, time=2.0, size=2 * SIZE)  # a newer one that does not fit: the old one may not stay
    assert held(pool, 1) == []
    assert pool.held == 0


def test_a_pool_without_room_holds_nothing() -> None:
    pool = ChunkPool(0)
    put(pool, 1)
    assert (pool.held, len(pool), pool._tables, pool._places) == (0, 0, {}, {})


def test_a_piece_of_a_large_buffer_does_not_keep_it() -> None:
    pool = ChunkPool(10 * SIZE)
    buffer = np.zeros(1_000_000, np.uint8)
    flight = Flight(pending(), 1.0)
    pool.claim(ARRAY, [1], 0.0, (flight, flight))
    pool.land(ARRAY, [1], flight, [buffer[:1000]], [b"g"], 1.0)
    (words,) = pool.recall_one(ARRAY, 1, 0.0) or (None,)
    assert words is not None
    assert words.base is None
    assert not words.flags.writeable


def test_older_never_replaces_newer() -> None:
    pool = ChunkPool(10 * SIZE)
    put(pool, 1, time=5.0, size=10)
    put(pool, 1, time=4.0, size=20)
    (words,) = pool.recall_one(ARRAY, 1, 0.0) or (None,)
    assert words is not None
    assert words.size == 10


def test_a_write_takes_away_exactly_its_own_chunks() -> None:
    pool = ChunkPool(100 * SIZE)
    twin = ChunkSet(STORE, "a/", KeyRule("c/", "/", "c"), "another chain", (4, 4))
    other = ChunkSet(STORE, "b/", KeyRule("c/", "/", "c"), "chain", (4, 4))
    numbers = [ARRAY.number((0, 0)), ARRAY.number((1, 2))]
    for array in (ARRAY, twin, other):
        put(pool, *numbers, array=array)
    pool.end(STORE, ["a/c/1/2"], pool.begin(STORE, ["a/c/1/2"], None, []))
    kept = {
        array: [pool.recall_one(array, number, 0.0) is not None for number in numbers]
        for array in (ARRAY, twin, other)
    }
    assert kept == {ARRAY: [True, False], twin: [True, False], other: [True, True]}
    pool.end(STORE, ["a/zarr.json", "x"], pool.begin(STORE, ["a/zarr.json", "x"], None, []))
    pool.end(StoreRef("file"), ["a/c/0/0"], pool.begin(StoreRef("file"), ["a/c/0/0"], None, []))
    assert len(pool) == 4
    pool.forget(STORE, KeyRange.prefix("a/"))
    assert held(pool, *numbers) == []


def test_what_overlaps_another_write_or_a_deletion_is_not_kept() -> None:
    pool, one = ChunkPool(10 * SIZE), ARRAY.number((0, 0))
    kept = Kept(ARRAY, [one], [np.zeros(10, np.uint8)], [b"g"], 1.0)
    first = pool.begin(STORE, ["a/c/0/0"], ARRAY, [one])
    second = pool.begin(STORE, ["a/c/0/0"], ARRAY, [one])
    for marks in (first, second):
        pool.end(STORE, ["a/c/0/0"], marks, kept)
        assert held(pool, one) == []
    marks = pool.begin(STORE, ["a/c/0/0"], ARRAY, [one])
    pool.forget(STORE, KeyRange())
    pool.end(STORE, ["a/c/0/0"], marks, kept)
    assert held(pool, one) == []
    pool.end(STORE, ["a/c/0/0"], pool.begin(STORE, ["a/c/0/0"], ARRAY, [one]), kept)
    assert held(pool, one) == [one]


def test_numbers_name_cells() -> None:
    cells = np.array([[i, j] for i in range(16) for j in range(16)])
    numbers = ARRAY.numbers(cells)
    assert len(set(numbers)) == 256
    assert numbers == [ARRAY.number(tuple(cell)) for cell in cells.tolist()]
    wide = ChunkSet(STORE, "", KeyRule("", ".", "0"), None, (32, 32, 32))
    cell = (2**31, 5, 2**32 - 1)
    assert wide.numbers(np.array([cell])) == [wide.number(cell)]
    assert wide.numbers_of("2147483648.5.4294967295") == [wide.number(cell)]
    shards = ChunkSet(STORE, "a/", KeyRule("c/", "/", "c"), None, (8, 8), (2, 3))
    assert shards.cells_of("a/c/1/2") == ((2, 6), (2, 3))
    assert len(shards.numbers_of("a/c/1/2") or []) == 6
    scalar = ChunkSet(STORE, "a/", KeyRule("c/", "/", "c"), None, ())
    assert scalar.numbers(np.zeros((1, 0), np.int64)) == [0] == scalar.numbers_of("a/c")


# ---------------------------------------------------------------- through handles


def chunked(where: str, context: ts.Context, **more: object) -> ts.TensorStore:
    spec = {"driver": "zarr3", "kvstore": where, **more}
    layout = ts.ChunkLayout(chunk_shape=[8, 8])
    return ts.open(
        spec, create=True, open=True, dtype="int32", shape=[64, 64], chunk_layout=layout, context=context
    ).result()


def pooled(limit: int = 1 << 22) -> ts.Context:
    return ts.Context({"cache_pool": {"total_bytes_limit": limit}})


class Counting(MemoryLeaf):
    """A memory store that counts what is asked of it, takes its time, and is not local."""

    local = False
    local_writes = False

    def __init__(self, ref: StoreRef) -> None:
        super().__init__(ref)
        self.asked: list[str] = []
        self.pause = 0.0

    def read_many(self, effect: object) -> ReadColumns:
        self.asked += effect.keys
        found = super().read_many(effect)
        time.sleep(self.pause)
        return found

    def _answer_read(self, effect: object) -> object:
        self.asked.append(effect.key)
        time.sleep(self.pause)
        return super()._answer_read(effect)


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Counting:
    """The leaf of every memory store."""
    made = Counting(StoreRef("memory"))
    monkeypatch.setattr(live, "_make", lambda ref: made)
    return made


def test_an_all_hit_read_asks_nothing_and_makes_no_thread_hop(counting: Counting) -> None:
    store = chunked("memory://", pooled(), recheck_cached_data="open")
    whole = np.arange(4096, dtype=np.int32).reshape(64, 64)
    store.write(whole).result()
    counting.asked.clear()
    for view, expected in (
        (store, whole),
        (store[3, 5], whole[3, 5]),
        (store[::3, 60:1:-7], whole[::3, 60:1:-7]),
    ):
        future = view.read()
        assert future.done()
        assert (future.result() == expected).all()
    assert (store.oindex[[5, 1], 10:50].read(order="F").result() == whole[[5, 1], 10:50]).all()
    assert counting.asked == []


def test_what_was_written_is_kept_and_offered_to_the_store(counting: Counting) -> None:
    """With `recheck_cached_data` true each read asks whether the chunk is still that one."""
    store = chunked("memory://", pooled())
    store[:8, :8] = 5
    store[2, 2] = 6
    store[2, 3] = 0
    counting.asked.clear()
    assert store[2, 2].read().result() == 6
    assert store[:8, :8].read().result().sum() == 5 * 62 + 6
    assert counting.asked == ["c/0/0"] * 2


@pytest.mark.parametrize("bound", [True, False, "open"])
@pytest.mark.parametrize("index", [np.s_[1:3, 4], np.s_[[5, 2], 7]])
def test_a_part_is_written_into_a_cached_chunk_unread(
    counting: Counting, bound: object, index: object
) -> None:
    """As tensorstore 0.1.86 does: one conditional write, and a reading only where that is refused."""
    store = chunked("memory://", pooled(), recheck_cached_data=bound)
    other = chunked("memory://", ts.Context())
    whole = np.arange(4096, dtype=np.int32).reshape(64, 64)
    store.write(whole).result()
    counting.asked.clear()
    for value in (1, 2):
        store[index] = whole[index] = value
    assert counting.asked == []
    raw = np.frombuffer(counting._data["c/0/0"][0], np.int32).reshape(8, 8).copy()
    raw[6, 6] = whole[6, 6] = 99  # as another process would: no pool hears of it
    counting._data["c/0/0"] = (raw.tobytes(), b"somebody else's")
    store[index] = whole[index] = 3
    assert counting.asked == ["c/0/0"]
    assert (store.read().result() == whole).all()
    assert (other.read().result() == whole).all()


@pytest.mark.parametrize("limit", [0, 1 << 22])
@pytest.mark.parametrize(("bound", "most"), [("open", 1), (True, 2)])
def test_concurrent_reads_of_a_chunk_share_requests(
    counting: Counting, limit: int, bound: object, most: int
) -> None:
    """tensorstore 0.1.86 asks an HTTP server as often: once, or twice where an older answer will not do."""
    store = chunked("memory://", pooled(limit), recheck_cached_data=bound)
    counting.pause = 0.2
    counting.asked.clear()
    reads = [store[i % 8, 3].read() for i in range(40)]
    assert [int(read.result()) for read in reads] == [0] * 40
    assert 1 <= len(counting.asked) <= most


def test_a_failed_reading_is_nobody_elses_error(counting: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    store = chunked("memory://", pooled(), recheck_cached_data="open")
    once = iter([OSError("the first request is refused")])
    good = counting.read_many

    def refuse(effect: object) -> ReadColumns:
        time.sleep(0.2)
        for error in once:
            raise error
        return good(effect)

    monkeypatch.setattr(counting, "read_many", refuse)
    outcomes = [read.exception() for read in [store[0, i].read() for i in range(8)]]
    assert sum(outcome is not None for outcome in outcomes) == 1


def test_a_cancelled_reading_leaves_nobody_waiting(counting: Counting) -> None:
    store = chunked("memory://", pooled(), recheck_cached_data="open")
    counting.pause = 0.2
    first, second = store[0, 0].read(), store[0, 1].read()
    first.cancel()
    assert second.result(timeout=20) == 0


def test_every_way_of_writing_is_seen(tmp_path: Path) -> None:
    context = pooled()
    where = f"file://{tmp_path}/a/"
    store = chunked(where, context, recheck_cached_data=False)
    again = chunked(where, context, recheck_cached_data=False)
    store[:16, :16] = 1
    assert again[3, 3].read().result() == 1
    again[3, 3] = 2
    assert store[3, 3].read().result() == 2
    raw = store.kvstore
    raw["c/0/0"] = raw["c/1/1"]
    assert store[3, 3].read().result() == 1
    raw["c/0/0"] = None
    assert store[3, 3].read().result() == 0
    ts.open({"driver": "zarr3", "kvstore": where}).result()[3, 3] = 7  # another context
    assert store[3, 3].read().result() == 7
    raw.delete_range(ts.KvStore.KeyRange("c/0/", "c/00")).result()
    assert store[3, 3].read().result() == 0
    assert store[9, 9].read().result() == 1


def test_recheck_says_when_a_kept_chunk_is_asked_for_again(tmp_path: Path) -> None:
    """As tensorstore 0.1.86: true always, false never, "open" what is older than the opening, or a time."""
    where = f"file://{tmp_path}/a/"
    writer = chunked(where, ts.Context())
    context = pooled()
    handles = {}
    for name, bound in {"always": True, "never": False, "open": "open", "old": 0.0, "future": 4e9}.items():
        handles[name] = ts.open(
            {"driver": "zarr3", "kvstore": where, "recheck_cached_data": bound}, context=context
        ).result()
        assert handles[name][0, 0].read().result() == 0
    (chunk := tmp_path / "a" / "c" / "0").mkdir(parents=True)
    other = ts.open(
        {"driver": "zarr3", "kvstore": f"file://{tmp_path}/b/"}, create=True, schema=writer.schema
    ).result()
    other[0, 0] = 5
    os.replace(tmp_path / "b" / "c" / "0" / "0", chunk / "0")  # as another process would
    seen = {name: int(handles[name][0, 0].read().result()) for name in ("never", "open", "old")}
    assert seen == {"never": 0, "open": 0, "old": 0}
    late = ts.open(
        {"driver": "zarr3", "kvstore": where, "recheck_cached_data": "open"}, context=context
    ).result()
    assert late[0, 0].read().result() == 5
    assert handles["always"][0, 0].read().result() == handles["future"][0, 0].read().result() == 5


def test_threads_hammering_one_small_pool_see_only_what_was_written(tmp_path: Path) -> None:
    context = pooled(20 * (256 + OVERHEAD))
    where = f"file://{tmp_path}/a/"
    stores = [chunked(where, context, recheck_cached_data=bound) for bound in (False, "open", True)]
    pool = pool_of(stores[0]._view.source.cache)
    done, broken = threading.Event(), []

    def write(row: int) -> None:
        for value in range(1, 30):
            stores[row % 3][8 * row : 8 * row + 8, : 8 + value].write(value).result()
            if stores[0][8 * row, 0].read().result() != value:
                broken.append(f"row {row} does not read {value} back")

    def read() -> None:
        least = np.zeros(8, int)
        while not done.is_set():
            seen = stores[0][::8, 0].read().result()
            if (seen < least).any():
                broken.append(f"{seen} after {least}")
            least = np.maximum(least, seen)
            if pool.held > pool.limit:
                broken.append(f"{pool.held} bytes")

    readers = [threading.Thread(target=read) for _ in range(3)]
    writers = [threading.Thread(target=write, args=(row,)) for row in range(8)]
    for thread in readers + writers:
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in readers:
        thread.join()
    assert broken == []
    assert 0 < pool.held <= pool.limit
    assert (stores[2].read().result() == stores[0].read().result()).all()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_starts_with_an_empty_pool(counting: Counting) -> None:
    store = chunked("memory://", pooled(), recheck_cached_data="open")
    store.write(3).result()
    pool = pool_of(store._view.source.cache)
    counting.pause = 0.3
    under_way = chunked("memory://", pooled())[0, 0].read()
    child = os.fork()
    if not child:
        code = 1
        signal.alarm(30)
        try:
            code = int(not (pool.held == 0 and store[0, 0].read().result() == 3 and pool.held > 0))
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert under_way.result() == 3


# ---------------------------------------------------------------- metadata


@pytest.mark.parametrize("limit", [0, 1 << 22])
def test_concurrent_opens_share_requests(counting: Counting, limit: int) -> None:
    """tensorstore 0.1.86 asks an HTTP server twice for six opens at once, whatever the pool."""
    chunked("memory://", pooled())
    context = pooled(limit)
    counting.pause = 0.2
    counting.asked.clear()
    opens = [ts.open({"driver": "zarr3", "kvstore": "memory://"}, context=context) for _ in range(20)]
    assert len({str(opening.result().domain) for opening in opens}) == 1
    assert counting.asked in (["zarr.json"], ["zarr.json"] * 2)


def test_metadata_are_asked_for_again_as_often_as_the_bound_says(counting: Counting) -> None:
    """The figures of tensorstore 0.1.86 on an HTTP server: requests of opening, and of resolving."""
    chunked("memory://", pooled())
    context = pooled()
    spec = {"driver": "zarr3", "kvstore": "memory://"}
    counting.asked.clear()

    def requests(run: object) -> int:
        counting.asked.clear()
        run()
        return len(counting.asked)

    figures = {}
    for bound in (None, True, False, "open", 1.0e9):
        json = spec if bound is None else {**spec, "recheck_cached_metadata": bound}
        opened = ts.open(json, context=context).result()
        again = requests(lambda json=json: ts.open(json, context=context).result())
        figures[bound] = again, requests(lambda opened=opened: opened.resolve().result())
    assert figures == {None: (1, 0), True: (1, 1), False: (0, 0), "open": (1, 0), 1.0e9: (0, 0)}


def test_what_this_process_writes_over_metadata_is_seen(tmp_path: Path) -> None:
    context = pooled()
    where = f"file://{tmp_path}/a/"
    store = chunked(where, context, recheck_cached_metadata=False)
    raw = store.kvstore
    raw["zarr.json"] = raw["zarr.json"].replace(b"[64,64]", b"[72,64]")
    again = ts.open({"driver": "zarr3", "kvstore": where, "recheck_cached_metadata": False}, context=context)
    assert again.result().shape == (72, 64)
    assert store.resolve().result().shape == (72, 64)
    raw["zarr.json"] = None
    gone = ts.open({"driver": "zarr3", "kvstore": where, "recheck_cached_metadata": False}, context=context)
    with pytest.raises(ValueError, match="does not exist"):
        gone.result()
    (tmp_path / "a" / "zarr.json").write_bytes(b"{}")
    with pytest.raises(ValueError, match=r"zarr\.json"):
        ts.open({"driver": "zarr3", "kvstore": where}, context=context).result()


def test_without_a_pool_resolving_always_looks(tmp_path: Path) -> None:
    """tensorstore 0.1.86 keeps the metadata of open handles, and gives what it knew at opening."""
    where = f"file://{tmp_path}/a/"
    store = chunked(where, ts.Context())
    document = tmp_path / "a" / "zarr.json"
    document.write_bytes(document.read_bytes().replace(b"[64,64]", b"[72,64]"))
    assert store.resolve().result().shape == (72, 64)


def test_that_there_is_nothing_is_never_taken_from_a_cache(tmp_path: Path) -> None:
    context = pooled()
    spec = {"driver": "zarr3", "kvstore": f"file://{tmp_path}/a/", "recheck_cached_metadata": False}
    with pytest.raises(ValueError, match="does not exist"):
        ts.open(spec, context=context).result()
    chunked(f"file://{tmp_path}/b/", ts.Context())
    os.rename(tmp_path / "b", tmp_path / "a")
    assert ts.open(spec, context=context).result().shape == (64, 64)


def test_views_in_few_and_in_many_chunks_read_the_same(tmp_path: Path) -> None:
    """The short ways agree with the long one: cached, not cached, chunk by chunk, by columns."""
    where = f"file://{tmp_path}/a/"
    whole = np.random.default_rng(3).integers(0, 9, (64, 64), np.int32)
    whole[8:16, 8:40] = 0  # some chunks are missing
    chunked(where, ts.Context())[...] = whole
    plain = ts.open({"driver": "zarr3", "kvstore": where}).result()
    cached = chunked(where, pooled(), recheck_cached_data=False)
    views = [
        np.s_[3:20, 5:33:3],
        np.s_[::-5, 7],
        np.s_[9, ::-1],
        np.s_[:, :],
        np.s_[60:2:-9, 3:4],
        np.s_[30:31, 60:],
    ]
    for order in ("C", "F"):
        for index in views:
            for handle in (plain, cached, cached):
                found = handle[index].read(order=order).result()
                assert (found == whole[index]).all()
                assert found.flags.f_contiguous if order == "F" else found.flags.c_contiguous
                assert (handle[index].T.read(order=order).result() == whole[index].T).all()
