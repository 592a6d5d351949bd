"""Resizing and storage statistics beside tensorstore 0.1.86, and what is ours: nothing comes back."""

# ruff: noqa: E501 - programs are lines
from __future__ import annotations

import tempfile
import threading
from typing import Any

import numpy as np
import pytest
import tensorstore

import tegula as ts
from tegula.errors import OutOfRange
from tests.api.both import assert_same, said

PROGRAM = """
def filled(shape=(10, 8), driver="zarr3", **options):
    chunks = ts.ChunkLayout(chunk_shape=[4, 3])
    spec = {"driver": driver, "kvstore": "memory://"}
    usual = {"create": True, "dtype": "int32", "shape": shape, "chunk_layout": chunks}
    d = ts.open(spec, **{**usual, **options}).result()
    d[...] = np.arange(shape[0] * shape[1], dtype="int32").reshape(shape) + 1
    return d
def keys(d):
    return sorted(k for k in d.kvstore.list().result())
def resized(how=None, shape=(10, 8), **options):
    d = filled(shape)
    r = (d if how is None else how(d)).resize(**options).result()
    return r.domain, keys(d), d.resolve().result().domain
resized(exclusive_max=[5, 8]), resized(), resized(exclusive_max=[None, 5]), resized(exclusive_max=[0, 0])
resized(inclusive_min=[0, 0])
resized(exclusive_max=[5])
resized(exclusive_max=[-1, 5])
resized(exclusive_max=[-2**63, 5])
resized(exclusive_max=[12, 9], expand_only=True), resized(exclusive_max=[5, 5], shrink_only=True)
resized(exclusive_max=[5, 9], expand_only=True)
resized(exclusive_max=[12, 9], shrink_only=True)
resized(exclusive_max=[12, 8], shrink_only=True, expand_only=True), resized(exclusive_max=[5, 8], shrink_only=True, expand_only=True)
resized(exclusive_max=[12, 5], shrink_only=True, expand_only=True), resized(exclusive_max=[10, 8], shrink_only=True, expand_only=True)
resized(exclusive_max=[5, 12], shrink_only=True, expand_only=True), resized(exclusive_max=[12, 8], shrink_only=True, resize_metadata_only=True)
resized(exclusive_max=[5, 8], shrink_only=True, expand_only=True)
resized(exclusive_max=[5, 12], shrink_only=True, expand_only=True)
resized(exclusive_max=[12, 8], shrink_only=True, resize_metadata_only=True)
resized(exclusive_max=[5, 8], expand_only=True, resize_metadata_only=True)
resized(exclusive_max=[5, 5], resize_metadata_only=True)
resized(exclusive_max=[2**62, 5])
resized(lambda d: d[2:8], exclusive_max=[5, None])
resized(lambda d: d[2:8].mark_bounds_implicit[True], exclusive_max=[5, None])
resized(lambda d: d[ts.d[0].translate_by[10]], exclusive_max=[15, None])
resized(lambda d: d.T, exclusive_max=[5, None])
resized(lambda d: d[::2], exclusive_max=[5, None])
resized(lambda d: d[::2], exclusive_max=[5, None], resize_tied_bounds=True)
resized(lambda d: d[3], exclusive_max=[5])
resized(lambda d: d[3], exclusive_max=[5], resize_tied_bounds=True)
resized(lambda d: d[[1, 2]], exclusive_max=[None, 5])
resized(lambda d: d[[1, 2]], exclusive_max=[None, 5], resize_tied_bounds=True)
resized(lambda d: d[ts.d[0, 1].diagonal], exclusive_max=[5], shape=(8, 8))
resized(lambda d: d[ts.d[0, 1].diagonal], exclusive_max=[5], shape=(8, 8), resize_tied_bounds=True)
resized(lambda d: d[ts.newaxis], exclusive_max=[5, None, None])
resized(lambda d: d.label["x", "y"], exclusive_max=[5, 5])
resized(lambda d: d.resolve(fix_resizable_bounds=True).result(), exclusive_max=[5, 5])
ts.array([1, 2]).resize(exclusive_max=[5]).result()
ts.cast(filled(), ts.float32).resize(exclusive_max=[5, 5]).result().domain
ts.downsample(filled(), [2, 2], "mean").resize(exclusive_max=[5, 4]).result()
d = filled()
d2 = d.resize(exclusive_max=[20, 20]).result()
d.resize(exclusive_max=[None, 5]).result().domain, d.domain
d.kvstore["zarr.json"] = None
d.resize(exclusive_max=[5, 5]).result()
a = ts.open(zarr3(), open=True, assume_metadata=True, dtype="int32", shape=[4]).result()
a.resize(exclusive_max=[5]).result()
[filled(driver=n).resize(exclusive_max=[5, 5]).result().spec().to_json()["metadata"] for n in ("zarr", "n5")]
def stats(d, **options):
    return d.storage_statistics(**options).result()
d = filled()
stats(d), stats(d, query_not_stored=True, query_fully_stored=True)
d.kvstore["c/1/1"] = None
views = d, d[:4], d[4:8, 3:6], d[[0, 1]], d[4:8], d.T, d[0:0], d[::3], d[ts.d[0].translate_by[5]]
[stats(v, query_not_stored=True, query_fully_stored=True) for v in views]
stats(d, query_not_stored=True), stats(d, query_fully_stored=True)
S = ts.TensorStore.StorageStatistics
S(not_stored=True), S() == S(), S(fully_stored=False) == S()
stats(ts.array([1]), query_not_stored=True), stats(ts.cast(d, ts.float32), query_not_stored=True)
stats(ts.downsample(d, [2, 2], "mean"), query_not_stored=True, query_fully_stored=True)
"""


def test_programs_say_the_same() -> None:
    with tempfile.TemporaryDirectory() as folder:
        mine, theirs = (said(PROGRAM, library, folder) for library in (ts, tensorstore))
    assert mine == theirs


def _made(driver: str, sharded: bool, shape: tuple[int, ...] = (10, 10), **options: Any) -> Any:
    layout = {"read_chunk_shape": [2, 2], "write_chunk_shape": [4, 4]} if sharded else {"chunk_shape": [4, 4]}
    return ts.open(
        {"driver": driver, "kvstore": "memory://", **options},
        create=True,
        dtype="int16",
        shape=shape,
        chunk_layout=ts.ChunkLayout(**layout),
        fill_value=None if driver == "n5" else -1,
    ).result()


@pytest.mark.parametrize(
    ("driver", "sharded"), [("zarr3", False), ("zarr3", True), ("zarr", False), ("n5", False)]
)
@pytest.mark.parametrize("keep", [False, True])
def test_what_was_dropped_does_not_come_back(driver: str, sharded: bool, keep: bool) -> None:
    """LIM-08: tensorstore 0.1.86 shows the old elements of chunks that the edge had cut."""
    store = _made(driver, sharded, store_data_equal_to_fill_value=keep)
    values = np.arange(1, 101, dtype=np.int16).reshape(10, 10)
    store[...] = values
    small = store.resize(exclusive_max=[3, 6]).result()
    np.testing.assert_array_equal(small.read().result(), values[:3, :6])
    again = small.resize(exclusive_max=[10, 10]).result().read().result()
    wanted = np.full((10, 10), 0 if driver == "n5" else -1, np.int16)
    wanted[:3, :6] = values[:3, :6]
    np.testing.assert_array_equal(again, wanted)


def test_a_crash_between_document_and_chunks_leaves_the_new_array() -> None:
    store = _made("zarr3", False)
    store[...] = 1
    known = store.kvstore
    store.resize(exclusive_max=[3, 3], resize_metadata_only=True).result()  # what a crash leaves
    found = ts.open({"driver": "zarr3"}, kvstore=known).result()
    assert found.shape == (3, 3)
    assert (found.read().result() == 1).all()


def test_a_vast_array_is_made_small_at_once() -> None:
    store = _made("zarr3", False, (2**40, 2**40))
    store[2**39, 5] = 3
    store[0, 0] = 4
    small = store.resize(exclusive_max=[8, 8]).result()
    assert [key for key in small.kvstore.list().result() if key != b"zarr.json"] == [b"c/0/0"]
    assert small[0, 0].read().result() == 4


def test_a_vast_array_is_cut_at_once() -> None:
    # of the cells at the new edge, of which there are 2^38, only those are looked at that are stored
    store = _made("zarr3", False, (2**40, 2**40))
    store[2**39, 0:4] = 3
    store[5, 0:4] = 4
    small = store.resize(exclusive_max=[2**40, 2]).result()
    again = small.resize(exclusive_max=[2**40, 2**40]).result()
    assert again[2**39, 0:4].read().result().tolist() == [3, 3, -1, -1]
    assert again[5, 0:4].read().result().tolist() == [4, 4, -1, -1]


@pytest.mark.parametrize("inner", [[2, 2], [1, 4]])
def test_a_cut_shard_shows_nothing_old(inner: list[int]) -> None:
    layout = ts.ChunkLayout(write_chunk_shape=[4, 4], read_chunk_shape=inner)
    values = np.arange(1, 31, dtype="i2").reshape(6, 5)
    spec = {"driver": "zarr3", "kvstore": "memory://"}
    store = ts.open(
        spec, create=True, dtype="int16", shape=[6, 5], chunk_layout=layout, fill_value=7
    ).result()
    store.write(values).result()
    small = store.resize(exclusive_max=[5, 3]).result()
    np.testing.assert_array_equal(small.read().result(), values[:5, :3])
    wanted = np.full((6, 5), 7, "i2")
    wanted[:5, :3] = values[:5, :3]
    np.testing.assert_array_equal(small.resize(exclusive_max=[6, 5]).result().read().result(), wanted)


def test_appending_threads_never_lose_each_others_rows(tmp_path: Any) -> None:
    spec = {"driver": "zarr3", "kvstore": f"file://{tmp_path}/"}
    layout = ts.ChunkLayout(chunk_shape=[4, 3])
    ts.open(spec, create=True, dtype="int32", shape=[0, 3], chunk_layout=layout).result()
    threads, rows = 4, 8
    taken = iter(range(threads * rows))
    lock = threading.Lock()

    def append() -> None:
        store = ts.open(spec).result()
        for _ in range(rows):
            with lock:
                row = next(taken)
            written = False
            while not written:  # another may make it smaller than this in between: once more
                size = max(row + 1, store.resolve().result().shape[0])
                wide = store.resize(exclusive_max=[size, None]).result()
                try:
                    wide[row] = row + 1
                    written = True
                except OutOfRange:
                    pass

    workers = [threading.Thread(target=append) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    found = ts.open(spec).result().read().result()
    wanted = np.arange(1, len(found) + 1)
    # a row that was cut off by a slower appender and written before is gone by that order; none is another's
    assert ((found[:, 0] == wanted) | (found[:, 0] == 0)).all()
    assert (found == found[:, :1]).all()


MOVED = """
t = made(shape=[6, 5], fill_value=7, chunk_layout=ts.ChunkLayout(chunk_shape=[4, 2]))
part, turned, wider = t[1:4], t.T, ts.cast(t, "int64")
small = ts.downsample(t, [2, 2], "max")
t.resize(exclusive_max=[3, 4]).result().domain
t.domain, part.domain, t.schema.domain
t, t.spec(), turned.spec(), wider.spec(), part.spec()
t.read().result(), turned.read().result().shape, wider.read().result().shape, small.read().result()
t[2:].read().result().shape, t[..., 0].read().result().shape, t[ts.d[1].translate_to[9]].read().result().shape
t.oindex[[0, 2]].read().result().shape, t[[True, False, True]].read().result().shape
part.read().result()
part.write(1).result()
t[4].read().result()
t[4, 4] = 1
t[4:6].storage_statistics(query_not_stored=True).result()
t.write(np.zeros((6, 5), "int16")).result()
t.write(np.ones((3, 4), "int16")).result()
wider.write(np.full((3, 4), 2)).result()
t.read().result()
t.write(made(shape=[3, 4])).result()
made(shape=[3, 4]).write(t).result()
t.resize(exclusive_max=[9, 5]).result().domain
t[8] = [1, 2, 3, 4, 5]
t[6:, :] = np.full((3, 5), 4, "int16")
t.read().result(), part.read().result(), small.read().result(), turned.read().result().shape
pickle.loads(pickle.dumps(t)).domain, t.resolve().result().domain
other = ts.open(t.spec(retain_context=True)).result()
other.resize(exclusive_max=[2, None]).result().domain
t.read().result().shape, other.read().result().shape
again = ts.open(t.spec(retain_context=True)).result()
again.domain, again.read().result().shape
"""

MARKED = """
t = made(shape=[6, 5], fill_value=7)
wide = t[2:4].mark_bounds_implicit[True]
wide.domain, wide.spec().transform, wide.read().result().shape
moved = t.translate_to[10, 20].mark_bounds_implicit[True]
moved.domain, moved.spec().transform, moved[:].read().result().shape
t[1:3, 2].mark_bounds_implicit[True].spec().transform
t.T[1:3].mark_bounds_implicit[:True].spec().transform
t[::2].mark_bounds_implicit[True].read().result().shape
ts.array([1, 2, 3]).mark_bounds_implicit[True].spec()
ts.downsample(t, [2, 2], "mean").mark_bounds_implicit[True].spec()
wide.write(np.zeros((6, 5), "int16")).result()
t.read().result().any()
"""

APPENDING = """
def appended(driver):
    chunks = ts.ChunkLayout(chunk_shape=[4, 2])
    spec = {"driver": driver, "kvstore": "memory://"}
    t = ts.open(spec, create=True, dtype="uint8", shape=[0, 2], chunk_layout=chunks).result()
    for row in range(6):
        t.resize(exclusive_max=[row + 1, 2]).result()
        t[row] = [row, row + 1]
    return t.shape, t.read().result().tolist(), t.resolve().result().shape
appended("zarr3"), appended("zarr"), appended("n5")
"""


RESOLVED = """
t = ts.open(zarr2(metadata={"shape": [3, 3], "chunks": [1, 1], "dtype": "<i2"}), create=True).result()
t.resize(exclusive_max=[3, 2]).result().domain
t.resize().result().domain, t.resolve().result().domain
grid = {"name": "regular", "configuration": {"chunk_shape": [2]}}
z = ts.open(zarr3(metadata={"shape": [3], "data_type": "int8", "chunk_grid": grid}), create=True).result()
z.resize(exclusive_max=[5]).result().domain, z.resolve().result().domain, z.spec(minimal_spec=True)
same = ts.Context()
old = ts.open(zarr3(), create=True, dtype="int8", shape=[4], context=same).result()
new = ts.open(zarr3(), create=True, delete_existing=True, dtype="int16", shape=[4], context=same).result()
old.resolve().result()
old.resize(exclusive_max=[2]).result()
old = ts.open(zarr2(), create=True, dtype="int8", shape=[4], context=same).result()
new = ts.open(zarr2(), create=True, delete_existing=True, dtype="int16", shape=[4], context=same).result()
old.resize(exclusive_max=[2]).result()
n5 = {"driver": "n5", "kvstore": "memory://n/"}
old = ts.open(n5, create=True, dtype="int8", shape=[4], context=same).result()
new = ts.open(n5, create=True, delete_existing=True, dtype="int16", shape=[4], context=same).result()
old.resize(exclusive_max=[2]).result()
"""


@pytest.mark.parametrize("program", [MOVED, MARKED, APPENDING, RESOLVED])
def test_handles_follow_the_bounds_of_their_array(program: str) -> None:
    assert_same(program)


def test_handles_of_other_contexts_follow_too(tmp_path: Any) -> None:
    """In the wheel each context has bounds of its own until they are resolved."""
    spec = {"driver": "zarr3", "kvstore": f"file://{tmp_path}/"}
    one = ts.open(spec, create=True, dtype="int8", shape=[4], context=ts.Context()).result()
    other = ts.open(spec, context=ts.Context()).result()
    one.resize(exclusive_max=[2]).result()
    assert other.shape == (4,)
    assert other.read().result().shape == (2,)
    # an array that is another by now is not taken for this one
    ts.open(spec, create=True, delete_existing=True, dtype="int16", shape=[9]).result()
    assert one.spec().dtype == "int8"


def test_what_is_not_known_to_have_changed_is_the_same_handle() -> None:
    from tegula.api.newest import now

    store = ts.open(
        {"driver": "zarr3", "kvstore": "memory://"}, create=True, dtype="int8", shape=[4, 3]
    ).result()
    for view in (store, store[1:], store[:, 2], store.T, store[::2], store[[1, 2]], store[ts.newaxis]):
        assert now(view) is view
    store.resize(exclusive_max=[5, None]).result()
    moved = now(store[1:])
    assert now(moved) is moved
    assert moved.domain == store.resolve().result()[1:].domain


def test_a_downsampled_view_of_what_became_smaller() -> None:
    """In the wheel its specification says three by three blocks still."""
    spec = {"driver": "zarr3", "kvstore": "memory://"}
    store = ts.open(spec, create=True, dtype="int8", shape=[6, 6]).result()
    small = ts.downsample(store, [2, 2], "max")
    store.resize(exclusive_max=[3, 4]).result()
    assert small.shape == (3, 3)
    assert small.read().result().shape == small.spec().shape == (2, 2)


STALE = """
d = ts.open(zarr3(), create=True, dtype="int8", shape=[8, 6]).result()
rows, lines = d[2:7], d[:, [1, 5]]
d.resize(exclusive_max=[5, 3]).result().domain
d.resize(exclusive_max=[6, None], shrink_only=True).result()
d.resize(exclusive_max=[20, 3]).result().domain
d.resize(exclusive_max=[10, None], shrink_only=True).result().domain
d.resize(exclusive_max=[8, None], expand_only=True).result()
d.resize(exclusive_max=[4, 3]).result().domain
rows.resolve().result().domain
rows.resolve(fix_resizable_bounds=True).result()
rows.read().result()
lines.resolve(fix_resizable_bounds=True).result()
"""


def test_what_is_asked_of_an_old_handle_is_measured_by_the_newest_bounds() -> None:
    """tensorstore 0.1.86: `shrink_only` to 10 rows of 20, by a handle that was made when there were 8."""
    assert_same(STALE)


EMPTIED = """
def told(f, views):
    found = []
    for view in views:
        try: found.append(f(view))
        except Exception as error: found.append(str(error).split(" [")[0] if "size=" not in str(error) else str(error)[:98])
    return found
grid = {"name": "regular", "configuration": {"chunk_shape": [2, 2]}}
d = ts.open(zarr3(metadata={"shape": [8, 8], "data_type": "int16", "chunk_grid": grid}), create=True, context=ts.Context()).result()
views = [d[1:2], d[7], d[:, 7], d[[1, 7]], d[[1, 7], [1, 7]], d[::2], d[1:7:2], d[5, 5], d[5:5], d[1:2, 3:4], d[ts.newaxis, 1:2], d.T[1:2], d[ts.d[0].translate_to[3]], d[1:2].mark_bounds_implicit[True], d[3:3, 4], d[[True] * 8]]
d.resize(exclusive_max=[0, 0]).result().domain
told(lambda view: view.read().result().tolist(), views)
told(lambda view: view.write(1).result(), views)
told(lambda view: view.resolve().result().domain, views)
d.resize(exclusive_max=[0, 8]).result().domain
told(lambda view: view.read().result().tolist(), views)
told(lambda view: view.write(1).result(), views)
d.resize(exclusive_max=[8, 0]).result().domain
told(lambda view: view.read().result().tolist(), views)
told(lambda view: view.write(1).result(), views)
d.resize(exclusive_max=[4, 4]).result().domain
told(lambda view: view.write(1).result(), views)
told(lambda view: view.read().result().tolist(), views)
"""


def test_views_of_an_array_that_was_emptied_say_the_same() -> None:
    assert_same(EMPTIED)


def test_a_handle_whose_fill_value_the_document_cannot_say_resizes() -> None:
    """zarr v2 has one NaN; what is known as another is that one in the document."""
    metadata = {"shape": [4], "chunks": [2], "dtype": "float8_e4m3fn", "fill_value": "-Infinity"}
    store = ts.open({"driver": "zarr", "kvstore": "memory://", "metadata": metadata}, create=True).result()
    assert store.resize(exclusive_max=[6]).result().shape == (6,)
