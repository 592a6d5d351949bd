"""Elements of zarr v3 that are more than one number: structures, raw bytes, text, times."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import tensorstore
import zarr

import tegula as ts
from tegula.errors import FailedPrecondition, InvalidArgument
from tests.api.both import assert_same

pytestmark = [
    pytest.mark.peers,
    pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning"),
]

FIELDS = [["x", "uint16"], ["y", "int8"], ["c", "complex64"]]
ITEM = np.dtype([("x", "<u2"), ("y", "i1"), ("c", "<c8")])
BIG = {"name": "bytes", "configuration": {"endian": "big"}}
FILL = {"x": 3, "y": -1, "c": [1, 2]}


def _transpose(*order: int) -> dict[str, Any]:
    return {"name": "transpose", "configuration": {"order": list(order)}}


def _shards(shape: list[int], *codecs: Any) -> dict[str, Any]:
    inner = {"codecs": list(codecs)} if codecs else {}
    return {"name": "sharding_indexed", "configuration": {"chunk_shape": shape, **inner}}


CODECS: dict[str, list[Any] | None] = {
    "plain": None,
    "big-endian": [BIG],
    "gzip": ["gzip"],
    "summed": ["gzip", "crc32c"],
    "transposed": [_transpose(1, 0), "blosc", "zstd"],
    "shards": [_shards([2, 3])],
    "transposed shards": [_transpose(1, 0), _shards([3, 2], BIG, "zstd")],
    "nested shards": [_shards([4, 3], _shards([2, 1]))],
    "compressed shards": [_shards([2, 3]), "gzip"],  # the wheel has none of these
}


def spec(path: Path, **members: Any) -> dict[str, Any]:
    return {"driver": "zarr3", "kvstore": f"file://{path}/", **members}


def opened(library: ModuleType, path: Path, **members: Any) -> Any:
    context = library.Context({"cache_pool": {"total_bytes_limit": members.pop("pool", 0)}})
    return library.open(spec(path, **members), context=context).result()


@pytest.mark.parametrize("pool", [0, 10**6])
@pytest.mark.parametrize("fill", [None, FILL], ids=["zero", "filled"])
@pytest.mark.parametrize("name", CODECS)
def test_fields_beside_tensorstore_0_1_86(tmp_path: Path, name: str, fill: Any, pool: int) -> None:
    """Parts of fields are written by either library, and all fields are what both then read."""
    metadata: dict[str, Any] = {
        "shape": [6, 5],
        "data_type": FIELDS,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [4, 3]}},
    }
    if CODECS[name] is not None:
        metadata["codecs"] = CODECS[name]
    if fill:
        metadata["fill_value"] = fill
    random = np.random.default_rng(len(name))
    libraries = (ts, ts) if name == "compressed shards" else (ts, tensorstore)
    maker = libraries[random.integers(2)]
    maker.open(spec(tmp_path, metadata=metadata, field="x"), create=True).result()
    item = np.zeros((6, 5), ITEM)
    if fill:
        item[...] = np.array((3, -1, 1 + 2j), ITEM)
    blank = item[0, 0].copy()
    for _ in range(10):
        library, field = libraries[random.integers(2)], "xyc"[random.integers(3)]
        top, bottom = sorted(random.integers(0, 7, 2))
        left, right = sorted(random.integers(0, 6, 2))
        if random.random() < 0.3:
            top, bottom, left, right = 0, 6, 0, 5
        values = (random.random((bottom - top, right - left)) * 100).astype(ITEM[field])
        if random.random() < 0.2:
            values[...] = blank[field]
        opened(library, tmp_path, field=field, pool=pool)[top:bottom, left:right] = values
        item[field][top:bottom, left:right] = values
    for library in libraries:
        for field in "xyc":
            assert np.array_equal(opened(library, tmp_path, field=field).read().result(), item[field])
    void = opened(ts, tmp_path, open_as_void=True, pool=pool)
    assert (void.dtype, void.shape) == (ts.byte, (6, 5, 11))
    big = "big" in name or name == "transposed shards"
    stored = item.astype([("x", ">u2"), ("y", "i1"), ("c", ">c8")]) if big else item
    found = void.read().result()
    assert found.tobytes() == np.ascontiguousarray(stored).tobytes()
    assert void[5, 4, 2].read().result() == found[5, 4, 2]
    void[1, 2] = found[0, 0]
    item[1, 2] = item[0, 0]
    for field in "xyc":
        assert np.array_equal(opened(libraries[1], tmp_path, field=field).read().result(), item[field])
    for field in "xyc":
        opened(ts, tmp_path, field=field)[...] = blank[field]
    assert sorted(each.name for each in tmp_path.rglob("*") if each.is_file()) == ["zarr.json"]


def test_documents_and_errors_are_those_of_tensorstore_0_1_86() -> None:
    assert_same("""
x = {"name": "x", "data_type": "uint16"}
y = {"name": "y", "data_type": "int8"}
def struct(*fields):
    return {"name": "struct", "configuration": {"fields": list(fields)}}

def opened(kind, metadata={}, **members):
    options = {name: members.pop(name) for name in ("dtype", "schema") if name in members}
    document = {"shape": [4, 5], "data_type": kind, **metadata}
    store = ts.open(zarr3(metadata=document, **members), create=True, **options).result()
    return store.schema, store.fill_value, store.spec().to_json()

opened([["x", "uint16"], ["y", "int8"]], field="x")
opened(struct(x, y), field="y", metadata={"fill_value": {"x": 1, "y": 2, "z": 5}})
opened(struct(y, {"name": "z", "data_type": "int8"}), field="z")
opened(struct(x, y), field="x", metadata={"codecs": ["blosc"]})
opened([["x", "bool"], ["c", "complex64"], ["f", "float16"]], field="c")
opened(struct(x, y), field="x", dtype="uint16")
opened(struct(x, y), field="x", dtype="int8")
opened("uint16", field="x")
opened("r12")
opened("r0")
opened([["x", 5]])
opened([["x", [["a", "int8"]]]])
opened([["x", "int8"], ["x", "int8"]])
opened([])
opened([["x", "uint16", [2]]])
opened(struct())
opened(struct({"name": "", "data_type": "uint16"}))
opened({"name": "struct", "configuration": {}})
opened({"name": "struct", "configuration": {"fields": {}}})
opened(struct(["x", "uint16"]))
opened({"name": "raw_bytes"})
ts.Spec(zarr3(metadata={"data_type": struct(x, y)}, field="y")).dtype
ts.Spec(zarr3(metadata={"data_type": struct(x, y), "shape": [4]}, field="y")).schema
ts.Spec(zarr3(metadata={"data_type": struct(x, y), "shape": [4]})).dtype
ts.Spec(zarr3(metadata={"data_type": struct(x, y), "shape": [4]}, open_as_void=True)).domain
ts.Spec(zarr3(metadata={"data_type": struct(x, y), "fill_value": 5}))
ts.Spec(zarr3(metadata={"data_type": struct(x, y), "fill_value": {"x": 1}}))
ts.Spec(zarr3(field="x", open_as_void=True))
""")


def test_raw_bytes(tmp_path: Path) -> None:
    metadata = {
        "shape": [5],
        "data_type": "r24",
        "fill_value": "AQID",
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2]}},
        "codecs": ["gzip"],
    }
    store = ts.open(spec(tmp_path, metadata=metadata), create=True).result()
    assert (store.dtype, str(store.domain)) == (ts.byte, "{ [0, 5*), [0, 3) }")
    assert store.chunk_layout.write_chunk.shape == (2, 3)
    assert store.fill_value is not None
    assert store.fill_value.tobytes() == b"\1\2\3"
    store[1] = np.frombuffer(b"abc", "V1")
    store[4, 1] = np.frombuffer(b"z", "V1")[0]
    assert store.read().result().tobytes() == b"\1\2\3abc\1\2\3\1\2\3\1z\3"
    assert {each.name for each in (tmp_path / "c").iterdir()} == {"0", "2"}
    assert json.loads((tmp_path / "zarr.json").read_text())["data_type"] == "r24"
    assert store.spec().to_json()["metadata"]["fill_value"] == "AQID"
    store.resize(exclusive_max=[7, None]).result()
    assert ts.open(spec(tmp_path)).result().shape == (7, 3)
    theirs = opened(tensorstore, tmp_path, open_as_void=True)
    assert theirs.domain.shape == (7, 3)
    # labels and units are those of the array's own dimensions
    labelled = ts.Schema(domain=ts.IndexDomain(labels=["a", ""], shape=[4, 3]), dimension_units=["4nm", None])
    made = ts.open(spec(tmp_path / "b", metadata={"data_type": "r24"}), create=True, schema=labelled).result()
    assert made.domain.labels == ("a", "")
    assert made.dimension_units == (ts.Unit("4nm"), None)
    assert json.loads((tmp_path / "b/zarr.json").read_text())["dimension_names"] == ["a"]


@pytest.mark.parametrize("codecs", [[BIG], ["gzip"], [{"name": "numcodecs.delta"}, BIG, "zstd"]], ids=str)
def test_the_bytes_of_numbers(tmp_path: Path, codecs: list[Any]) -> None:
    metadata = {"shape": [3], "data_type": "uint16", "codecs": codecs, "fill_value": 258}
    store = ts.open(spec(tmp_path, metadata=metadata), create=True).result()
    order = ">u2" if codecs[-1] is BIG else "<u2"  # what a filter takes is native
    void = ts.open(spec(tmp_path, open_as_void=True)).result()
    assert void.read().result().tobytes() == np.full(3, 258, order).tobytes()
    store.write([7, 8, 9]).result()
    assert void.read().result().tobytes() == np.array([7, 8, 9], order).tobytes()
    void[1] = void[0].read().result()
    assert store.read().result().tolist() == [7, 7, 9]
    assert void.spec().to_json()["open_as_void"] is True


def test_where_the_wheel_differs(tmp_path: Path) -> None:
    metadata = {"shape": [4], "data_type": FIELDS}
    opened(tensorstore, tmp_path, metadata=metadata, field="x", create=True)
    theirs, ours = (opened(library, tmp_path, open_as_void=True) for library in (tensorstore, ts))
    with pytest.raises(ValueError, match="Cannot transform constraints"):
        _ = theirs.chunk_layout
    assert ours.chunk_layout.write_chunk.shape == (4, 11)
    assert theirs.spec().to_json()["field"] == "x"
    assert "field" not in ours.spec().to_json()


KINDS = {
    "structure": ([("x", "<u2"), ("y", "i1")], {"field": "x"}),
    "raw": ("V3", {}),
    "bytes": ("S3", {}),
    "text": ("U3", {}),
    "times": ("M8[ns]", {}),
    "spans": ("m8[5s]", {}),
}


@pytest.mark.filterwarnings("ignore:The 'generic' unit for NumPy")  # zarr 3.1.6 under NumPy 2.5
@pytest.mark.parametrize("name", KINDS)
def test_what_zarr_wrote_is_read_and_the_other_way(tmp_path: Path, name: str) -> None:
    dtype, members = KINDS[name]
    kind = np.dtype(dtype)
    theirs: Any = zarr.create_array(tmp_path / "a", shape=(5,), chunks=(2,), dtype=kind, compressors=None)
    raw = np.random.default_rng(0).integers(0, 100, (3, kind.itemsize), dtype="u1")
    if name == "text":
        raw.reshape(3, 3, 4)[:, :, 1:] = 0
    theirs[:3] = raw.view(kind)[:, 0]
    stored = json.loads((tmp_path / "a/zarr.json").read_text())
    ours = opened(ts, tmp_path / "a", **members)
    if members:
        assert ours.read().result().tolist() == theirs[...]["x"].tolist()
        void = opened(ts, tmp_path / "a", open_as_void=True)
        assert void.read().result().tobytes() == theirs[...].tobytes()
    else:
        assert np.ascontiguousarray(ours.read().result()).tobytes() == theirs[...].tobytes()
    ours[4] = ours[0].read().result()
    again = zarr.open_array(tmp_path / "a", mode="r")[...]
    if members:
        assert again["x"][4] == again["x"][0]
    else:
        assert again[4].tobytes() == again[0].tobytes()
    metadata = ours.spec().to_json()["metadata"]
    assert {each: metadata[each] for each in ("data_type", "fill_value")} == {
        each: stored[each] for each in ("data_type", "fill_value")
    }
    copy = opened(ts, tmp_path / "b", metadata=metadata, create=True, **members)
    copy.write(ours.read().result()).result()
    assert zarr.open_array(tmp_path / "b", mode="r").dtype == kind


@pytest.mark.parametrize(
    ("kind", "fill", "found"),
    [
        ({"name": "numpy.datetime64", "configuration": {"unit": "D", "scale_factor": 1}}, "NaT", -(2**63)),
        ({"name": "fixed_length_utf32", "configuration": {"length_bytes": 8}}, "é", [233, 0]),
        ({"name": "null_terminated_bytes", "configuration": {"length_bytes": 2}}, "QQ==", [b"A", b""]),
        ([["a", "r16"], ["b", "uint8"]], {"a": 0, "b": 1}, None),
    ],
)
def test_fill_values(kind: Any, fill: Any, found: Any) -> None:
    metadata = {"shape": [2], "data_type": kind, "fill_value": fill}
    members = {"open_as_void": True} if found is None else {}
    request = {"driver": "zarr3", "kvstore": "memory://fills3/", "metadata": metadata, **members}
    store = ts.open(request, create=True, open=False, delete_existing=True).result()
    assert store.fill_value is not None
    if found is None:
        assert store.fill_value.tobytes() == b"\0\0\1"
    else:
        assert store.fill_value.tolist() == found


@pytest.mark.parametrize(
    ("metadata", "why"),
    [
        ({"data_type": "r16", "fill_value": 5}, "base64"),
        ({"data_type": "r16", "fill_value": "AAAA"}, "2 base64-encoded bytes"),
        ({"data_type": "r99999999999"}, "is invalid"),
        ({"data_type": {"name": "raw_bytes", "configuration": {"length_bytes": 0}}}, "integer in the range"),
        ({"data_type": {"name": "raw_bytes", "configuration": {}}}, "integer in the range"),
        (
            {"data_type": {"name": "fixed_length_utf32", "configuration": {"length_bytes": 5}}},
            "multiple of 4",
        ),
        ({"data_type": {"name": "numpy.datetime64", "configuration": {"unit": "x"}}}, "unit of time"),
        ({"data_type": {"name": "numpy.datetime64", "configuration": {}}}, "unit of time"),
        (
            {"data_type": "r16", "codecs": [{"name": "numcodecs.delta", "configuration": {"dtype": "<u2"}}]},
            "numbers",
        ),
        (
            {
                "data_type": {"name": "fixed_length_utf32", "configuration": {"length_bytes": 4}},
                "fill_value": "ab",
            },
            "text",
        ),
    ],
)
def test_what_is_malformed_is_refused(metadata: dict[str, Any], why: str) -> None:
    request = {"driver": "zarr3", "kvstore": "memory://no/", "metadata": {"shape": [2], **metadata}}
    with pytest.raises((InvalidArgument, FailedPrecondition), match=why):
        ts.open(request, create=True).result()


def test_a_field_of_large_items_through_two_compressors(tmp_path: Path) -> None:
    """The bytes between the codecs are bounded by the items, not by what is seen of them."""
    metadata = {
        "shape": [10],
        "data_type": [["few", "uint8"], ["many", "r16000000"]],
        "codecs": ["bytes", "zstd", "zstd"],
    }
    few = opened(ts, tmp_path, metadata=metadata, field="few", create=True)
    few.write(np.arange(10, dtype=np.uint8)).result()
    items = np.random.default_rng(0).integers(0, 256, (10, 2_000_000), dtype=np.uint8)
    opened(ts, tmp_path, field="many").write(items).result()
    few[2] = 99
    assert few.read().result()[:4].tolist() == [0, 1, 99, 3]
    assert opened(ts, tmp_path, field="many")[9].read().result().tobytes() == items[9].tobytes()
