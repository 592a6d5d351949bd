"""Laws: reading a view is indexing the array with NumPy; writing a view is assigning to that index.

Over memory and files, zarr v2 and v3, drawn dtypes, chunks, orders, codecs, endianness and fill values,
in both orders of the result, with and without a pool of decoded chunks.
"""

from __future__ import annotations

import tempfile
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tegula as ts
from property_tests.arrays.making import arrays, bits, data_for, picked, positions
from property_tests.arrays.test_shard_laws import sharded_arrays
from property_tests.strategies import follow, view_steps
from tegula.plan import blocks
from tegula.programs import reading, writing, writing_few
from tegula.runtime.session import submit


@st.composite
def options(draw: st.DrawFn) -> dict[str, Any]:
    if draw(st.booleans()):
        return {}
    limit = draw(st.sampled_from([0, 600, 1_000_000]))
    found: dict[str, Any] = {"context": {"cache_pool": {"total_bytes_limit": limit}}}
    recheck = draw(st.sampled_from([None, True, False, "open", 0, 1.0]))
    if recheck is not None:
        found["recheck_cached_data"] = recheck
    if draw(st.booleans()):
        found["recheck_cached_metadata"] = draw(st.sampled_from([True, False, "open"]))
    return found


def kvstore(where: str, root: str) -> dict[str, str]:
    return {"driver": where, "path": f"{root}/a/" if where == "file" else "a/"}


@given(st.data(), arrays(), options(), st.sampled_from(["memory", "file"]))
def test_reading_a_view_is_indexing_with_numpy(data, made, options, where):
    values = data.draw(data_for(made))
    with tempfile.TemporaryDirectory() as root:
        store = ts.open({**made.on(kvstore(where, root)), **options}, create=True).result()
        store.write(values).result()
        assert bits(store.read().result()) == bits(values)
        for _ in range(2):
            steps = data.draw(view_steps(made.shape))
            order = data.draw(st.sampled_from("CF"))
            view = follow(store, steps)
            found = view.read(order=order).result()
            assert bits(found) == bits(picked(values, view))
            assert found.flags.c_contiguous if order == "C" else found.flags.f_contiguous
            assert found.flags.writeable
            assert found.dtype.isnative
            if found.size:  # the result is the caller's: changing it changes nothing
                found.fill(0)
                assert bits(view.read().result()) == bits(picked(values, view))


@given(st.data(), arrays(), options(), st.sampled_from(["memory", "file"]))
def test_writing_a_view_is_assigning_with_numpy(data, made, options, where):
    model = np.full(made.shape, made.fill, made.fill.dtype)
    keep = data.draw(st.booleans()) and data.draw(st.booleans())
    with tempfile.TemporaryDirectory() as root:
        spec = {**made.on(kvstore(where, root)), **options}
        if keep:
            spec["store_data_equal_to_fill_value"] = True
        store = ts.open(spec, create=True).result()
        for _ in range(3):
            view = follow(store, data.draw(view_steps(made.shape)))
            if len(set(zip(*(grid.ravel() for grid in positions(view, store.rank)), strict=True))) != (
                view.size if store.rank else 1
            ):
                continue  # elements written twice: which one stays is not said
            mine = np.random.default_rng(data.draw(st.integers(0, 99))).integers(0, 2, view.shape)
            mine = mine.astype(made.fill.dtype)
            if data.draw(st.booleans()):
                mine = np.full(view.shape, made.fill)
            shape = data.draw(st.sampled_from("CFS"))
            given_ = mine
            if shape == "F":
                given_ = np.array(mine, order="F")  # (np.asfortranarray would add a dimension to rank 0)
            elif shape == "S" and mine.ndim:
                given_ = np.repeat(mine, 2, axis=-1)[..., ::2]
            if store.rank:
                model[positions(view, store.rank)] = mine
            elif mine.size:
                model[...] = mine.reshape(-1)[-1]
            view.write(given_).result()
            assert bits(view.read().result()) == bits(mine)
            assert bits(store.read().result()) == bits(model)
        again = (
            ts.open({**spec, "kvstore": store.kvstore.spec().to_json()}, context=ts.Context()).result()
            if (where == "file")
            else store
        )
        assert bits(again.read().result()) == bits(model)
        if not keep and made.spec["metadata"]["fill_value"] is not None:
            assert stored_chunks(store) == chunks_that_differ(store, model, made)


def held_by(store: Any) -> dict[bytes, bytes]:
    return {key: store.kvstore[key] for key in store.kvstore.list().result()}


@given(st.data(), arrays(), options(), st.booleans())
def test_writing_piece_by_piece_is_writing_by_columns(data, made, options, several):
    """Law: the short way of writing, by one task or several, stores what the long one does, byte for byte."""
    spec = {**made.on({"driver": "memory", "path": "a/"}), **options}
    spec["store_data_equal_to_fill_value"] = data.draw(st.booleans())
    short, long = (ts.open(spec, create=True, context=ts.Context()).result() for _ in "ab")
    for _ in range(3):
        steps = data.draw(view_steps(made.shape))
        mine = np.random.default_rng(data.draw(st.integers(0, 99))).integers(0, 2, follow(short, steps).shape)
        mine = mine.astype(made.fill.dtype)
        with pytest.MonkeyPatch.context() as patch:
            if several:
                patch.setattr(blocks, "TASK_BYTES", 64)
                patch.setattr(blocks, "SHORT", 0)
            view = follow(short, steps)._view
            aligned = np.ascontiguousarray(mine) if mine.ndim else mine
            submit(writing.write(view, aligned, 3)).result()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(writing_few, "few_writes", lambda *_: None)
            follow(long, steps).write(mine).result()
        assert held_by(short) == held_by(long)
        assert bits(follow(short, steps).read().result()) == bits(follow(long, steps).read().result())


@given(st.data(), st.one_of(arrays(), sharded_arrays()), options(), st.sampled_from([64, 1 << 20]))
def test_reading_piece_by_piece_is_reading_by_columns(data, made, options, worth):
    """Law: the short way of reading, by one task or several, gives what the long one does."""
    store = ts.open({**made.on("memory://a/"), **options}, create=True).result()
    part = follow(store, data.draw(view_steps(made.shape)))
    part.write(np.random.default_rng(1).integers(0, 2, part.shape).astype(made.fill.dtype)).result()
    for _ in range(2):
        view = follow(store, data.draw(view_steps(made.shape)))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(blocks, "TASK_BYTES", worth)
            patch.setattr(blocks, "SHORT", 0)
            short = submit(reading.read(view._view, "C", 3)).result()
            patch.setattr(reading, "few", lambda *_: None)
            long = submit(reading.read(view._view, "C", 3)).result()
        assert bits(short) == bits(long)


def stored_chunks(store: Any) -> int:
    return sum(not key.endswith((b"zarr.json", b".zarray")) for key in store.kvstore.list().result())


def chunks_that_differ(store: Any, model: Any, made: Any) -> int:
    """How many chunks hold an element whose bits are not those of the fill value."""
    raw = np.frombuffer(model.tobytes(), np.uint8).reshape(*model.shape, model.itemsize)
    differs = (raw != np.frombuffer(made.fill.tobytes(), np.uint8)).any(axis=-1)
    grid = [range(0, extent, chunk) for extent, chunk in zip(made.shape, made.chunks, strict=True)]
    found = 0
    for corner in np.ndindex(*(len(line) for line in grid)):
        box = tuple(
            slice(line[at], line[at] + chunk)
            for at, line, chunk in zip(corner, grid, made.chunks, strict=True)
        )
        found += bool(differs[box].any())
    return found


@given(st.data(), arrays())
def test_of_an_element_written_twice_one_of_the_writes_stays(data, made):
    store = ts.open(made.on({"driver": "memory"}), create=True).result()
    if not store.rank or not store.size:
        return
    picks = data.draw(st.lists(st.integers(0, made.shape[0] - 1), min_size=1, max_size=6))
    view = store.oindex[(picks,)]
    mine = np.random.default_rng(0).integers(0, 2, view.shape).astype(made.fill.dtype)
    model = np.full(made.shape, made.fill, made.fill.dtype)
    model[picks] = mine  # NumPy: the last stays
    view.write(mine).result()
    assert bits(store.read().result()) == bits(model)


@pytest.mark.parametrize("driver", ["zarr", "zarr3"])
def test_a_missing_chunk_reads_as_the_fill_value_or_is_an_error(driver):
    kv = {"driver": "memory", "path": "f/"}
    store = ts.open(
        {"driver": driver, "kvstore": kv, "fill_missing_data_reads": False},
        create=True,
        dtype="int16",
        shape=[4, 4],
        fill_value=7,
    ).result()
    with pytest.raises(ValueError, match="missing"):
        store.read().result()
    with pytest.raises(ValueError, match="missing"):
        store[1, 1].read().result()
    store[...] = 7
    with pytest.raises(ValueError, match="missing"):
        store.read().result()


@given(st.data(), arrays())
def test_a_view_of_an_array_that_was_never_written_is_all_fill(data, made):
    """Missing chunks fill any view, index arrays over several dimensions too, and nothing beside it."""
    store = ts.open(made.on({"driver": "memory"}), create=True).result()
    view = follow(store, data.draw(view_steps(made.shape)))
    found = view.read(order=data.draw(st.sampled_from("CF"))).result()
    assert bits(found) == bits(np.full(view.shape, made.fill))
