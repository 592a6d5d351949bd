"""Laws: what tegula writes, tensorstore and zarr read; what they write, tegula reads: values, domain, schema.

Drawn dtypes, shapes (zero extents and rank 0 included), chunks, codecs, orders, separators, fill values,
labels and units, on files.  ``TEGULA_SOAK=2000`` sets the number of examples.
"""

from __future__ import annotations

import json
import os
import tempfile
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import tegula as ts
from property_tests.arrays.making import FLOATS, NARROW, PLAIN, arrays, bits, data_for

tensorstore = pytest.importorskip("tensorstore")
zarr = pytest.importorskip("zarr")
pytestmark = pytest.mark.peers

SOAK = int(os.environ.get("TEGULA_SOAK", "0"))
MANY = settings(max_examples=max(SOAK, 100) if SOAK else 40, deadline=None)
UNITS = st.sampled_from([None, "4 nm", "30.5 s", ""])


@st.composite
def with_units(draw: st.DrawFn, dtypes: Any = PLAIN + FLOATS) -> Any:
    """An array as drawn; version 3 also with units."""
    made = draw(arrays(dtypes=dtypes))
    if made.driver == "zarr3" and made.shape and draw(st.booleans()):
        made.spec["schema"] = {"dimension_units": [draw(UNITS) for _ in made.shape]}
    return made


def described(store: Any) -> Any:
    """The schema and domain of a handle of either library, as JSON."""
    schema = store.schema.to_json()
    metadata = store.spec().to_json()["metadata"]
    return json.dumps([schema, store.domain.to_json(), metadata], sort_keys=True)  # as text: NaN equals NaN


def files(root: str) -> dict[str, bytes]:
    found = {}
    for folder, _, names in os.walk(root):
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                found[os.path.relpath(os.path.join(folder, name), root)] = file.read()
    return found


@MANY
@given(st.data(), with_units(PLAIN + FLOATS + NARROW))
def test_what_tegula_writes_tensorstore_reads_and_the_other_way_round(data, made):
    values = data.draw(data_for(made))
    stored = {}
    for writer, reader in ((ts, tensorstore), (tensorstore, ts)):
        with tempfile.TemporaryDirectory() as root:
            spec = made.on({"driver": "file", "path": root + "/a/"})
            store = writer.open(spec, create=True).result()
            store.write(values).result()
            bare = {"driver": made.driver, "kvstore": spec["kvstore"]}
            found = reader.open(bare).result()
            assert bits(found.read().result()) == bits(values)
            assert described(found) == described(store)
            names = files(root)
            stored[writer] = {
                name: value if name.endswith(("zarr.json", ".zarray")) else None
                for name, value in names.items()
            }
    assert stored[ts] == stored[tensorstore]  # the same chunks, and the same document to the byte


def zarr_can(codecs: list[dict[str, Any]], rank: int) -> bool:
    """Whether zarr 3.1 reads these codecs.

    It wants shards of rank 1 or more, with an index in C order, and not after a transpose: it compares the
    shape of inner chunks with that of the chunk before the transpose.
    """
    for position, codec in enumerate(codecs):
        if codec["name"] == "sharding_indexed":
            inner = codec["configuration"]
            return (
                rank > 0
                and position == 0
                and inner["index_codecs"][0]["name"] != "transpose"
                and zarr_can(inner["codecs"], rank)
            )
    return True


def in_zarr(made: Any, folder: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of types that are not in the specification
        return zarr.open_array(folder, mode="r+")


@MANY
@given(st.data(), arrays())
def test_what_tegula_writes_zarr_reads_and_the_other_way_round(data, made):
    assume(zarr_can(made.spec["metadata"].get("codecs", []), len(made.shape)))
    values = data.draw(data_for(made))
    with tempfile.TemporaryDirectory() as root:
        spec = made.on({"driver": "file", "path": root + "/a/"})
        store = ts.open(spec, create=True).result()
        store.write(values).result()
        theirs = in_zarr(made, root + "/a")
        assert theirs.shape == made.shape
        assert (theirs.shards or theirs.chunks) == made.chunks
        assert bits(np.asarray(theirs[...]).astype(values.dtype)) == bits(values)
        other = values[..., ::-1].copy() if values.ndim else values
        theirs[...] = other
        found = ts.open({"driver": made.driver, "kvstore": spec["kvstore"]}).result().read().result()
        # zarr drops a chunk of NaNs where the fill value is another NaN, and -0.0 where it is 0.0
        assert bits(_plain(found)) == bits(_plain(other))


def _plain(array: Any) -> Any:
    """One NaN and one zero for all of them; zarr holds complex numbers for one if a part of each is NaN."""
    if array.dtype.kind not in "fc":
        return array
    parts = (
        np.ascontiguousarray(array)
        .reshape(-1)
        .view(f"f{array.itemsize // (2 if array.dtype.kind == 'c' else 1)}")
    )
    parts = np.where(np.isnan(parts), np.array(np.nan, parts.dtype), parts) + np.array(0, parts.dtype)
    if array.dtype.kind == "c":
        pairs = parts.reshape(-1, 2)
        pairs[np.isnan(pairs).any(axis=1)] = np.nan
    return parts.astype(parts.dtype).view(array.dtype).reshape(array.shape)


@st.composite
def zarr_arguments(draw: st.DrawFn) -> dict[str, Any]:
    """Arguments of `zarr.create_array` that leave most choices to zarr."""
    shape = tuple(draw(st.lists(st.integers(0, 7), max_size=3)))
    chunks = tuple(draw(st.integers(1, 5)) for _ in shape)
    dtype = draw(st.sampled_from(PLAIN + FLOATS))
    found: dict[str, Any] = {
        "shape": shape,
        "chunks": chunks,
        "dtype": dtype,
        "zarr_format": draw(st.sampled_from([2, 3])),
    }
    if draw(st.booleans()):
        found["compressors"] = None
    if dtype != "bool" and draw(st.booleans()):
        found["fill_value"] = draw(st.sampled_from([0, 1]))
    if found["zarr_format"] == 2:
        found["order"] = draw(st.sampled_from("CF"))
    elif draw(st.booleans()):
        found["dimension_names"] = ["x", "y", "z"][: len(shape)]
    return found


@MANY
@given(st.data(), zarr_arguments())
def test_what_zarr_makes_tegula_reads_as_tensorstore_does(data, arguments):
    with tempfile.TemporaryDirectory() as root:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = zarr.create_array(root + "/a", **arguments)
        values = np.random.default_rng(data.draw(st.integers(0, 99))).integers(0, 3, arguments["shape"])
        values = values.astype(arguments["dtype"])
        theirs[...] = values
        bare = {
            "driver": "zarr" if arguments["zarr_format"] == 2 else "zarr3",
            "kvstore": {"driver": "file", "path": root + "/a/"},
        }
        found = ts.open(bare).result()
        assert bits(found.read().result()) == bits(values)
        assert described(found) == described(tensorstore.open(bare).result())
