"""Laws of shards: reading by ranges is decoding whole values; untouched inner chunks keep their bytes.

Drawn codecs and index codecs, nested shards, codecs behind the sharding, either place of the index; on
shards that are written piece by piece, by tegula and by the wheel in turn.  ``TEGULA_SOAK=1000`` sets the
number of examples.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tegula as ts
from property_tests.arrays.making import bits, data_for, filled, picked, zarr3_arrays
from property_tests.arrays.test_disk_both_ways import _plain, in_zarr, zarr_can
from property_tests.strategies import follow, view_steps
from tegula.codecs import shard
from tegula.codecs.shard import MISSING
from tegula.errors import TegulaError
from tegula.programs import entries, sharded_writing, splicing, writing_few

SOAK = int(os.environ.get("TEGULA_SOAK", "0"))
MANY = settings(max_examples=max(SOAK, 60) if SOAK else 60, deadline=None)


@st.composite
def sharded_arrays(draw: st.DrawFn, behind: bool = True) -> Any:
    """A new sharded array of tegula; with `behind`, sometimes with byte codecs around the shards."""
    shape = tuple(draw(st.lists(st.integers(1, 9), max_size=3)))
    made = draw(zarr3_arrays(shape, shards=True))
    if behind and draw(st.integers(0, 3)) == 0:
        made.spec["metadata"]["codecs"].append(draw(st.sampled_from([{"name": "crc32c"}, {"name": "gzip"}])))
    return made


def opened(made: Any, library: Any = ts) -> Any:
    return library.open({**made.spec, "kvstore": "memory://"}, create=True).result()


def shards_of(store: Any) -> dict[bytes, bytes]:
    found = store.kvstore.list().result()
    return {key: store.kvstore.read(key).result().value for key in found if not key.endswith(b"zarr.json")}


@MANY
@given(st.data(), sharded_arrays(), st.sampled_from([0, 1 << 16]))
def test_reading_by_ranges_is_decoding_whole_shards(data, made, small):
    """Law: any view read by ranges, or from whole values, is NumPy's view of the decoded shards."""
    store = opened(made)
    values = data.draw(data_for(made))
    store.write(values).result()
    before, entries.SMALL = entries.SMALL, small
    try:
        for _ in range(3):
            view = follow(store, data.draw(view_steps(made.shape)))
            assert bits(view.read().result()) == bits(picked(values, view))
    finally:
        entries.SMALL = before
    chain = store._view.source.layout.chain
    decoded = np.full([-(-n // c) * c for n, c in zip(made.shape, made.chunks, strict=True)], made.fill)
    for key, value in shards_of(store).items():
        cell = [int(part) for part in key.decode().replace("c", "").replace(".", "/").split("/") if part]
        cell = cell[-len(made.shape) :] if made.shape else []
        box = tuple(slice(at * size, (at + 1) * size) for at, size in zip(cell, made.chunks, strict=True))
        decoded[box] = chain.decode(value)
    assert bits(decoded[tuple(map(slice, made.shape))]) == bits(values)


@contextmanager
def spliced(large: int) -> Iterator[None]:
    """Splice shards from `large` decoded bytes on."""
    before, splicing.LARGE = splicing.LARGE, large
    try:
        yield
    finally:
        splicing.LARGE = before


@MANY
@given(st.data(), sharded_arrays(), st.sampled_from([0, 1 << 60]))
def test_what_a_write_does_not_touch_keeps_its_bytes(data, made, large):
    """Law: after a write to part of an array every inner chunk outside it has the bytes it had."""
    store = opened(made)
    store.write(data.draw(data_for(made))).result()
    before = entries_of(store)
    view = follow(store, data.draw(view_steps(made.shape)))
    touched = cells_of(store, view)
    with spliced(large):
        view.write(filled(data.draw, made.fill.dtype, tuple(view.shape))).result()
    after = entries_of(store)
    for cell in before.keys() | after.keys():
        if cell not in touched:
            assert before.get(cell) == after.get(cell)


@MANY
@given(st.data(), sharded_arrays())
def test_whole_shards_are_what_is_made_inner_chunk_by_inner_chunk(data, made):
    """Law: shards that are written as chunks are have the bytes of those that are put together by columns."""
    values = data.draw(data_for(made))
    corners = [sorted(data.draw(st.tuples(*[st.integers(0, -(-n // c))] * 2))) for n, c in sizes(made)]
    box = tuple(
        slice(min(n, first * c), min(n, last * c))
        for (first, last), (n, c) in zip(corners, sizes(made), strict=True)
    )
    stored = []
    for least in (None, 0):  # bytes of shards that are written so
        with pytest.MonkeyPatch.context() as patch:
            if least is not None:
                patch.setattr(writing_few, "TASK_BYTES", least)
                patch.setattr(sharded_writing, "TASK_BYTES", least)
                patch.setattr(shard, "SMALL", least)
            pool = ts.Context(
                {"cache_pool": {"total_bytes_limit": 1 << 20 if data.draw(st.booleans()) else 0}}
            )
            spec = {**made.spec, "kvstore": "memory://"}
            store = ts.open(spec, create=True, context=pool).result()
            before = store.read().result()
            store[box].write(values[box]).result()
            before[box] = values[box]
            assert bits(store.read().result()) == bits(before)
            stored.append(shards_of(store))
    assert stored[0] == stored[1]


def sizes(made: Any) -> list[tuple[int, int]]:
    return list(zip(made.shape, made.chunks, strict=True))


@MANY
@given(st.data(), sharded_arrays(), st.booleans())
def test_what_is_spliced_is_what_is_merged(data, made, files):
    """Law: a shard that is changed without being read has the bytes of one that is read and merged."""
    with tempfile.TemporaryDirectory() as root:
        stores = [
            ts.open({**made.spec, "kvstore": where}, create=True).result()
            for where in (f"file://{root}/a/" if files else "memory://", "memory://")
        ]
        if data.draw(st.booleans()):
            values = data.draw(data_for(made))
            for store in stores:
                store.write(values).result()
        for _ in range(3):
            steps = data.draw(view_steps(made.shape))
            shape = follow(stores[0], steps).shape
            values = filled(data.draw, made.fill.dtype, tuple(shape))
            if data.draw(st.integers(0, 3)) == 0:
                values = np.full(values.shape, made.fill)
            for store, large in zip(stores, (0, 1 << 60), strict=True):
                with spliced(large):
                    follow(store, steps).write(values).result()
            assert shards_of(stores[0]) == shards_of(stores[1])


def cells_of(store: Any, view: Any) -> set[Any]:
    """The cells of the fine grid that a view touches."""
    from property_tests.arrays.making import positions

    size = store._view.source.layout.chain.finest.chunk_shape
    if not size:
        return {()}
    grids = positions(view, len(size))
    columns = [(grid // extent).ravel().tolist() for grid, extent in zip(grids, size, strict=True)]
    return set(zip(*columns, strict=True))


def entries_of(store: Any) -> dict[Any, bytes]:
    """The stored bytes of every inner chunk, by its cell, as `Sharding.pieces` has them level by level."""
    layout = store._view.source.layout
    finest = layout.chain.finest.chunk_shape
    found = {}
    for cell in np.ndindex(*(-(-n // c) for n, c in zip(layout.shape, finest, strict=True))):
        large = tuple(at * f // c for at, f, c in zip(cell, finest, layout.chunk_shape, strict=True))
        value = store.kvstore.read(layout.keys.key(large)).result().value
        for level in layout.chain.levels:
            if value:
                (value,) = level.sharding.pieces(value, np.array([level.number(cell)]))
        if value:
            found[cell] = bytes(value)
    return found


@pytest.mark.peers
@MANY
@given(st.data(), sharded_arrays(behind=False), st.sampled_from([0, 1 << 16]))
def test_all_libraries_write_into_the_same_shards(data, made, small):
    """Law: whoever writes what part, all read the same: handles that remember, and the wheels."""
    tensorstore = pytest.importorskip("tensorstore")
    model = np.full(made.shape, made.fill, made.fill.dtype)
    before, entries.SMALL = entries.SMALL, small
    try:
        with tempfile.TemporaryDirectory() as root, spliced(small and 1 << 60):
            spec = made.on({"driver": "file", "path": f"{root}/a/"})
            pool = ts.Context({"cache_pool": {"total_bytes_limit": 1 << 20}})
            stores = [
                ts.open(spec, create=True).result(),
                tensorstore.open(spec).result(),
                ts.open({"driver": "zarr3", "kvstore": spec["kvstore"]}, context=pool).result(),
            ]
            exact = True
            if zarr_can(made.spec["metadata"].get("codecs", []), len(made.shape)):
                stores.append(in_zarr(made, f"{root}/a"))
            for _ in range(5):
                who = data.draw(st.integers(0, len(stores) - 1))
                box = tuple(
                    slice(*sorted(data.draw(st.tuples(*[st.integers(0, n)] * 2)))) for n in made.shape
                )
                value = filled(data.draw, made.fill.dtype, model[box].shape)
                if data.draw(st.integers(0, 3)) == 0:
                    value = np.full(value.shape, made.fill)
                model[box] = value
                if who == 3:
                    exact = False  # zarr drops chunks of another NaN, or of -0.0 for 0.0
                    if value.size:
                        stores[who][box] = value
                else:
                    stores[who][box].write(value).result()
                for store in stores:
                    found = np.asarray(store[...]) if store is stores[-1] and len(stores) > 3 else None
                    found = store.read().result() if found is None else found.astype(model.dtype)
                    if exact:
                        assert bits(found) == bits(model)
                    else:
                        assert bits(_plain(found)) == bits(_plain(model))
    finally:
        entries.SMALL = before


@MANY
@given(st.data(), sharded_arrays())
def test_damaged_shards_are_errors_or_what_is_stored(data, made):
    """Law: whatever the bytes of a shard are, a read ends with elements or a typed error."""
    store = opened(made)
    store.write(data.draw(data_for(made))).result()
    shards = shards_of(store)
    if not shards:
        return
    key = data.draw(st.sampled_from(sorted(shards)))
    value = bytearray(shards[key])
    kind = data.draw(st.sampled_from(["cut", "flip", "word", "more"]))
    if kind == "cut":
        value = value[: data.draw(st.integers(0, len(value)))]
    elif kind == "flip" and value:
        at = data.draw(st.integers(0, len(value) - 1))
        value[at] ^= data.draw(st.integers(1, 255))
    elif kind == "word" and len(value) >= 8:
        at = data.draw(st.integers(0, len(value) - 8))
        number = data.draw(st.sampled_from([0, 1, 2**31, 2**63 - 1, 2**63, 2**64 - 2, MISSING]))
        value[at : at + 8] = number.to_bytes(8, data.draw(st.sampled_from(["little", "big"])))
    else:
        value += bytes(data.draw(st.integers(1, 40)))
    store.kvstore.write(key, bytes(value)).result()
    view = follow(store, data.draw(view_steps(made.shape)))
    for seen in (store, view):
        found = outcome(lambda seen=seen: seen.read().result())
        assert isinstance(found, TegulaError) or found.shape == tuple(seen.shape)
    outcome(lambda: view.write(np.zeros(view.shape, made.fill.dtype)).result())


def outcome(call: Any) -> Any:
    """The answer, or the error where it is one of ours; any other is raised."""
    try:
        return call()
    except TegulaError as error:
        return error
