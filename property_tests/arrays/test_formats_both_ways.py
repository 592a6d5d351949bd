"""Law: whoever creates an array, and whoever writes which part of it over what is there, all read the same.

Drawn arrays of each format (types, shapes, chunks, shards, codecs, orders, fill values, separators, labels,
units, origins) are created by tegula or tensorstore 0.1.86, written in part by turns, over old data, by
whole boxes and by strided ones, and read by both, schema, domain and specification equal too; then zarr
3.1.6 reads them, and writes a part that the other two read.

``TEGULA_SOAK=5000 pytest -s property_tests/arrays/test_formats_both_ways.py`` sets the number of arrays a
format and says how many were compared.
"""

from __future__ import annotations

import json
import os
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tegula as ts
from property_tests.arrays.making import (
    FLOATS,
    NARROW,
    PLAIN,
    Made,
    bits,
    filled,
    shapes_with_zero,
    zarr2_arrays,
    zarr3_arrays,
)
from property_tests.arrays.making_blocks import n5_arrays, volumes
from property_tests.arrays.test_disk_both_ways import UNITS, _plain, files, zarr_can

tensorstore = pytest.importorskip("tensorstore")
zarr = pytest.importorskip("zarr")
pytestmark = pytest.mark.peers

SOAK = int(os.environ.get("TEGULA_SOAK", "0"))
MANY = settings(max_examples=max(SOAK, 100) if SOAK else 25, deadline=None)
COUNT: Counter[str] = Counter()


@pytest.fixture(scope="module", autouse=True)
def told() -> Iterator[None]:
    COUNT.clear()
    yield
    if SOAK:
        print("\narrays compared:", dict(COUNT))


@st.composite
def zarr3_made(draw: st.DrawFn, shards: bool) -> Made:
    shape = draw(shapes_with_zero(4, 8))
    made = draw(zarr3_arrays(shape, PLAIN + FLOATS + NARROW, shards))
    if shape and draw(st.booleans()):
        made.spec["schema"] = {"dimension_units": [draw(UNITS) for _ in shape]}
    if draw(st.booleans()):
        made.spec["metadata"]["attributes"] = {"by": ["me", 1.5]}
    return made


@st.composite
def zarr2_made(draw: st.DrawFn) -> Made:
    return draw(zarr2_arrays(draw(shapes_with_zero(4, 8)), PLAIN + FLOATS + NARROW[:1]))


FORMATS = {
    "zarr2": zarr2_made(),
    "zarr3": zarr3_made(False),
    "zarr3 sharded": zarr3_made(True),
    "n5": n5_arrays(),
    "precomputed": volumes(),
}


def described(store: Any) -> str:
    """What a handle of either library says of itself, as text: NaN equals NaN."""
    spec = store.spec().to_json()
    for name in ("kvstore", "context", "driver"):
        spec.pop(name, None)
    told = [store.schema.to_json(), store.domain.to_json(), store.chunk_layout.to_json(), spec]
    return json.dumps(told, sort_keys=True)


@st.composite
def boxes(draw: st.DrawFn, shape: tuple[int, ...]) -> tuple[slice, ...]:
    """A part of an array from 0: all of it, a box, or a box with steps."""
    found = []
    whole = draw(st.integers(0, 4)) == 0
    for size in shape:
        if whole or not size:
            found.append(slice(0, size, 1))
            continue
        start = draw(st.integers(0, size - 1))
        found.append(slice(start, draw(st.integers(start + 1, size)), draw(st.sampled_from([1, 1, 1, 2, 3]))))
    return tuple(found)


def part_of(store: Any, box: tuple[slice, ...]) -> Any:
    """The view of a part: `box` counts from the origin of the array."""
    low = store.domain.inclusive_min
    return store[ts_at(low, box)] if low else store


def ts_at(low: tuple[int, ...], box: tuple[slice, ...]) -> tuple[slice, ...]:
    return tuple(slice(a + b.start, a + b.stop, b.step) for a, b in zip(low, box, strict=True))


@pytest.mark.parametrize("form", FORMATS)
@MANY
@given(data=st.data())
def test_whoever_writes_which_part_all_read_the_same(form: str, data: st.DataObject) -> None:
    made = data.draw(FORMATS[form])
    dtype = made.fill.dtype
    model = np.full(made.shape, made.fill, dtype)
    libraries = (ts, tensorstore)
    first = data.draw(st.integers(0, 1))
    with tempfile.TemporaryDirectory(dir=os.environ.get("TEGULA_SOAK_FOLDER")) as root:
        kvstore = {"driver": "file", "path": root + "/a/"}
        created = libraries[first].open(made.on(kvstore), create=True).result()
        bare = {"driver": made.driver, "kvstore": kvstore}
        stores = [library.open(bare).result() for library in libraries]
        assert described(created) == described(stores[0]) == described(stores[1])
        turns = data.draw(st.integers(1, 4))
        for turn in range(turns):
            who = data.draw(st.integers(0, 1))
            box = data.draw(boxes(made.shape))
            value = filled(data.draw, dtype, model[box].shape)
            if turn and data.draw(st.integers(0, 4)) == 0:
                value = np.full(value.shape, made.fill)
            if who and "sharding" in made.spec.get("scale_metadata", {}):
                # tensorstore 0.1.86 does not write zeros over a whole shard: docs/parity.md
                value = np.where(value == 0, np.array(1, dtype), value)
            model[box] = value
            part_of(stores[who], box).write(value).result()
            if data.draw(st.booleans()):
                seen = data.draw(boxes(made.shape))
                for store in stores:
                    assert bits(part_of(store, seen).read().result()) == bits(model[seen])
        for store in stores:
            assert bits(store.read().result()) == bits(model)
        if form.startswith("zarr"):
            zarr_too(data, made, model, root + "/a", bare)
    COUNT[form] += 1


@pytest.mark.parametrize("form", ["n5", "precomputed"])
@MANY
@given(data=st.data())
def test_both_store_the_same_document_and_chunks(form: str, data: st.DataObject) -> None:
    """Law: what either library stores has the same names, and the document the same bytes."""
    made = data.draw(FORMATS[form])
    values = filled(data.draw, made.fill.dtype, made.shape)
    stored = []
    for library in (ts, tensorstore):
        with tempfile.TemporaryDirectory(dir=os.environ.get("TEGULA_SOAK_FOLDER")) as root:
            store = library.open(made.on({"driver": "file", "path": root + "/"}), create=True).result()
            store.write(values).result()
            stored.append(
                {
                    name: value if name in ("info", "attributes.json") else None
                    for name, value in files(root).items()
                }
            )
    assert stored[0] == stored[1]
    COUNT[f"{form}, files"] += 1


def zarr_too(data: st.DataObject, made: Made, model: Any, folder: str, bare: dict[str, Any]) -> None:
    """Zarr reads what there is, and both read what zarr writes into it."""
    if made.dtype in NARROW or not zarr_can(made.spec["metadata"].get("codecs", []), len(made.shape)):
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of types that are not in the specification
        theirs = zarr.open_array(folder, mode="r+")
    assert theirs.shape == made.shape
    assert (theirs.shards or theirs.chunks) == made.chunks
    names = made.spec["metadata"].get("dimension_names")
    if names is not None and made.shape:
        assert list(theirs.metadata.dimension_names or [None] * len(names)) == names
    assert bits(_plain(np.asarray(theirs[...]).astype(model.dtype))) == bits(_plain(model))
    box = data.draw(boxes(made.shape))
    value = filled(data.draw, model.dtype, model[box].shape)
    model[box] = value
    theirs[box] = value
    for library in (ts, tensorstore):
        assert bits(_plain(library.open(bare).result().read().result())) == bits(_plain(model))
    COUNT[f"{'zarr3' if made.driver == 'zarr3' else 'zarr2'} with zarr 3.1.6"] += 1
