"""Elements of zarr v2 that are more than one number: strings of bytes, structures of one field, raw bytes."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorstore
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tegula as ts
from tegula.errors import FailedPrecondition, InvalidArgument
from tests.api.both import assert_same

PAIR: list[Any] = [["x", ">u2", [2, 3]], ["y", "|i1"]]


def spec(path: Path, **members: Any) -> dict[str, Any]:
    return {"driver": "zarr", "kvstore": f"file://{path}/", **members}


def created(path: Path, dtype: Any, shape: list[int], **metadata: Any) -> ts.TensorStore:
    """Create an array of items, seen as its dtype has it."""
    found = {"dtype": dtype, "shape": shape, "compressor": None, **metadata}
    return ts.open(spec(path, metadata=found), create=True).result()


def shown(store: ts.TensorStore) -> tuple[Any, ...]:
    return (
        store.dtype.name,
        str(store.domain),
        store.chunk_layout.inner_order,
        store.chunk_layout.write_chunk.shape,
    )


def test_bytes_add_a_dimension_that_is_not_chunked(tmp_path: Path) -> None:
    store = created(tmp_path, "|S3", [2, 5], chunks=[2, 2], order="F")
    assert shown(store) == ("char", "{ [0, 2*), [0, 5*), [0, 3) }", (1, 0, 2), (2, 2, 3))
    words = np.array([[b"abc", b"d"], [b"", b"ef"]], "S3")
    store[:, 3:5] = words.view("S1").reshape(2, 2, 3)
    assert (tmp_path / "0.1").read_bytes() == b"\0" * 6 + b"abc\0\0\0"
    assert (tmp_path / "0.2").read_bytes() == b"d\0\0ef\0" + b"\0" * 6
    found = store.read().result()
    assert found.dtype == "S1"
    assert np.array_equal(np.ascontiguousarray(found).view("S3")[:, 3:, 0], words)
    assert store[0, 3, 1].read().result() == b"b"


def test_a_fill_value_of_several_elements(tmp_path: Path) -> None:
    store = created(tmp_path, [["x", ">u2", [2]]], [5], chunks=[2], fill_value="AAEAAg==")
    assert store.fill_value is not None
    assert store.fill_value.tolist() == [1, 2]
    assert store.read().result().tolist() == [[1, 2]] * 5
    assert store[4].read().result().tolist() == [1, 2]
    assert store[::-2, 1].read().result().tolist() == [2, 2, 2]
    store[0] = [7, 8]
    assert (tmp_path / "0").read_bytes() == bytes([0, 7, 0, 8, 0, 1, 0, 2])
    store[0, 0] = 9
    assert store.read().result().tolist() == [[9, 8], *[[1, 2]] * 4]
    store[:] = [1, 2]  # what equals the fill value is not stored
    assert sorted(each.name for each in tmp_path.iterdir()) == [".zarray"]
    assert store.schema.fill_value is not None


@pytest.mark.parametrize(
    ("dtype", "fill", "item"),
    [
        ("<i2", 258, b"\2\1"),
        (">i2", 258, b"\1\2"),
        ("|S2", "YWI=", b"ab"),
        ("<c8", [1, 2], np.complex64(1 + 2j).tobytes()),
    ],
    ids=str,
)
def test_the_bytes_of_any_type(tmp_path: Path, dtype: str, fill: Any, item: bytes) -> None:
    created(tmp_path, dtype, [3], fill_value=fill)
    void = ts.open(spec(tmp_path, open_as_void=True)).result()
    assert shown(void)[:2] == ("byte", f"{{ [0, 3*), [0, {len(item)}) }}")
    assert void.read().result().tobytes() == item * 3
    void[1] = np.frombuffer(bytes(len(item)), "V1")
    assert void.read().result().tobytes() == item + bytes(len(item)) + item
    assert void.spec().to_json()["open_as_void"] is True


def test_all_fields_of_a_structure_as_bytes(tmp_path: Path) -> None:
    kind = np.dtype([("x", ">u2"), ("z", "S3"), ("y", "<f8")])
    theirs: Any = zarr.create_array(
        tmp_path, shape=(5,), chunks=(2,), dtype=kind, zarr_format=2, compressors=None, filters=None
    )
    values = np.arange(5 * 13, dtype="u1").view(kind)
    theirs[:] = values
    void = ts.open(spec(tmp_path, open_as_void=True)).result()
    assert shown(void) == ("byte", "{ [0, 5*), [0, 13) }", (0, 1), (2, 13))
    assert void.read().result().tobytes() == values.tobytes()
    void[3] = void[0].read().result()
    values[3] = values[0]
    assert np.array_equal(zarr.open_array(tmp_path, mode="r")[:], values)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_what_zarr_wrote_is_read_and_the_other_way(
    tmp_path_factory: pytest.TempPathFactory, data: Any
) -> None:
    path = tmp_path_factory.mktemp("array")
    kind = data.draw(st.sampled_from(["S1", "S3", "V4", "S300"]))
    shape = tuple(data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=3)))
    chunks = tuple(data.draw(st.integers(1, size)) for size in shape)
    order = data.draw(st.sampled_from("CF"))
    theirs: Any = zarr.create_array(
        path, shape=shape, chunks=chunks, dtype=kind, zarr_format=2, order=order, filters=None
    )
    size = np.dtype(kind).itemsize
    seed = data.draw(st.integers(0, 99))
    values = np.random.default_rng(seed).integers(1, 256, (*shape, size), dtype="u1")
    theirs[...] = values.view(kind).reshape(shape)
    ours = ts.open(spec(path)).result()
    assert np.ascontiguousarray(ours.read().result()).tobytes() == values.tobytes()
    values[0] = 65
    ours[0] = values[0].view(ours.dtype.numpy_dtype.char + "1")
    assert zarr.open_array(path, mode="r")[...].tobytes() == values.tobytes()


def test_schemas_have_the_dimensions_of_items() -> None:
    assert_same("""
def opened(dtype, **options):
    metadata = {"dtype": dtype, "compressor": None}
    metadata.update(options.pop("metadata", {}))
    store = ts.open(zarr2(metadata=metadata), create=True, **options).result()
    return store.dtype, store.domain, store.chunk_layout, store.spec().to_json()["metadata"]

opened("|S3", shape=[4, 5, 3])
opened("|S3", shape=[3])
opened("|S3", shape=[4, 3], chunk_layout=ts.ChunkLayout(chunk_shape=[2, 3]))
opened("|V4", shape=[4, 5, 4], chunk_layout=ts.ChunkLayout(inner_order=[1, 0, 2]))
opened([["x", "<u2", [2]]], shape=[4, 5, 2], metadata={"order": "F", "chunks": [3, 2]})
opened([["x", "|S3", [2]]], shape=[4, 2, 3])
ts.Spec({"driver": "zarr", "metadata": {"dtype": "|S3"}}).schema
ts.Spec({"driver": "zarr", "metadata": {"dtype": "|S3"}}).rank
ts.Spec({"driver": "zarr", "metadata": {"dtype": "|S3", "shape": [3]}}).domain
ts.Spec({"driver": "zarr", "metadata": {"dtype": "|S3", "chunks": [2], "order": "F"}}).chunk_layout
ts.Spec({"driver": "zarr", "open_as_void": True}).dtype
ts.Spec({"driver": "zarr", "metadata": {"dtype": [["x", "<u2"], ["y", "<u2"]]}}).dtype
""")


def test_malformed_types_are_refused_as_in_the_wheel() -> None:
    assert_same("""
def parsed(dtype, **more):
    return ts.Spec({"driver": "zarr", "metadata": {"dtype": dtype, **more}}).to_json()

parsed("|S3", fill_value="YWI=")
parsed("|S3", fill_value=3)
parsed("|S3", fill_value="YWJj")["metadata"]
parsed([["x", "<u2", [2]], ["x", "<u2"]])
parsed([["", "<u2"]])
parsed([])
parsed([["x", "<u2", [0]]])
parsed([["x", "<u2", 3]])
parsed([["x", "<u2", [2], 1]])
parsed(["x"])
parsed([["x", [["y", "<i2"]]]])
parsed([[1, "<i2"]])
parsed([["x", "<u2", [2]], ["y", "<q2"]])
parsed([["x", "<u2", [-1]]])
parsed([["x", "<u2", [2**40, 2**40]]])
""")


def test_fields_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(FailedPrecondition, match="does not have named fields"):
        ts.open(spec(tmp_path, field="x", metadata={"dtype": "|S3", "shape": [2]}), create=True).result()
    metadata = {"dtype": PAIR, "shape": [2]}
    with pytest.raises(FailedPrecondition, match='Requested field "z" is not one of: \\["x","y"\\]'):
        ts.open(spec(tmp_path, field="z", metadata=metadata), create=True).result()
    with pytest.raises(InvalidArgument, match='"dtype" must be specified in "metadata" if "field" is'):
        ts.open(spec(tmp_path, field="x"), create=True, dtype="int8", shape=[2]).result()
    assert not list(tmp_path.iterdir())  # nothing of what was refused is there


def test_where_the_wheel_differs(tmp_path: Path) -> None:
    """TensorStore 0.1.86 refuses the first two and the last, and names the field in the third."""
    void = {"metadata": {"dtype": "<i2", "shape": [2], "fill_value": 1}, "open_as_void": True}
    assert ts.open(spec(tmp_path / "a", **void), create=True).result().shape == (2, 2)
    store = created(tmp_path / "b", [["x", "<u2", [2]]], [4], chunks=[3], order="F")
    assert store.chunk_layout.inner_order == (0, 1)
    assert "field" not in store.spec().to_json()
    assert "field" not in ts.open(spec(tmp_path / "b")).result().spec().to_json()
    assert created(tmp_path / "c", "|S2", [2], fill_value="").read().result().tobytes() == bytes(4)


def test_resizing_leaves_the_dimensions_of_items(tmp_path: Path) -> None:
    store = created(tmp_path, [["x", "<u2", [2]]], [5], chunks=[2], fill_value="AQACAA==")
    values = np.arange(10, dtype="<u2").reshape(5, 2)
    store[:] = values
    smaller = store.resize(exclusive_max=[3, None]).result()
    assert str(smaller.domain) == "{ [0, 3*), [0, 2) }"
    assert sorted(each.name for each in tmp_path.iterdir()) == [".zarray", "0", "1"]
    larger = smaller.resize(exclusive_max=[5, None]).result()
    assert larger.read().result().tolist() == [*values[:3].tolist(), [1, 2], [1, 2]]
    with pytest.raises(InvalidArgument, match="Cannot change explicit upper bound"):
        larger.resize(exclusive_max=[5, 3]).result()


def test_a_cache_finds_the_chunks_of_items(tmp_path: Path) -> None:
    created(tmp_path, "|S3", [5], chunks=[2])
    pool = {"context": {"cache_pool": {"total_bytes_limit": 10**6}}}
    store = ts.open(spec(tmp_path, **pool)).result()
    other = ts.open(spec(tmp_path)).result()
    for value in (b"abc", b"xyz"):
        other[3] = np.frombuffer(value, "S1")
        store[4] = np.frombuffer(value, "S1")
        assert store[3:].read().result().tobytes() == 2 * value


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_fields_of_a_structure_are_separate_arrays(
    tmp_path_factory: pytest.TempPathFactory, data: Any
) -> None:
    """Random writes of random fields by tegula and TensorStore are what both, and zarr, read."""
    path = tmp_path_factory.mktemp("array")
    inner = data.draw(st.sampled_from([None, [1], [2, 3]]))
    first = ["x", data.draw(st.sampled_from([">u2", "<u2", "<f8"]))] + ([inner] if inner else [])
    fields = [first, ["y", "|i1"], ["z", ">i4"]]
    shape, chunks = [data.draw(st.integers(1, 6)), 3], [2, 2]
    items = np.dtype([tuple(each) for each in fields]).itemsize
    fill = data.draw(st.sampled_from([None, b64encode(bytes(range(1, items + 1))).decode()]))
    compressor = data.draw(st.sampled_from([None, {"id": "zlib", "level": 1}]))
    metadata = {
        "dtype": fields,
        "shape": shape,
        "chunks": chunks,
        "fill_value": fill,
        "compressor": compressor,
        "order": data.draw(st.sampled_from("CF")),
    }
    ts.open(spec(path, metadata=metadata, field="y"), create=True).result()
    kind = np.dtype([(each[0], each[1], tuple(each[2]) if len(each) > 2 else ()) for each in fields])
    whole = bytes(items) if fill is None else bytes(range(1, items + 1))
    expected = np.full(shape, np.frombuffer(whole, kind)[0])
    for turn in range(data.draw(st.integers(1, 5))):
        library: Any = data.draw(st.sampled_from([ts, tensorstore]))
        name = data.draw(st.sampled_from("xyz"))
        low = data.draw(st.integers(0, shape[0] - 1))
        opened = library.open(spec(path, field=name)).result()
        opened[low:, :2] = turn + 1
        expected[name][low:, :2] = turn + 1
    for name in "xyz":
        for library in (ts, tensorstore):
            found = library.open(spec(path, field=name)).result().read().result()
            assert np.array_equal(found, expected[name])
    void = ts.open(spec(path, open_as_void=True)).result()
    assert np.ascontiguousarray(void.read().result()).tobytes() == expected.tobytes()


def test_writers_of_different_fields_lose_nothing(tmp_path: Path) -> None:
    metadata = {"dtype": [["x", "<u2"], ["y", "|i1"]], "shape": [40], "chunks": [8]}
    x = ts.open(spec(tmp_path, field="x", metadata=metadata), create=True).result()
    pool = {"context": {"cache_pool": {"total_bytes_limit": 10**6}}}
    y = ts.open(spec(tmp_path, field="y", **pool)).result()
    writes = [store[at : at + 5].write(at + 1) for at in range(0, 40, 5) for store in (x, y)]
    for write in writes:
        write.result()
    wanted = np.repeat(np.arange(1, 41, 5), 5)
    assert np.array_equal(x.read().result(), wanted)
    assert np.array_equal(y.read().result(), wanted)


def test_a_field_keeps_the_others_when_it_becomes_the_fill_value(tmp_path: Path) -> None:
    metadata = {"dtype": [["x", "<u2"], ["y", "|i1"]], "shape": [4], "fill_value": "AQAC", "compressor": None}
    x = ts.open(spec(tmp_path, field="x", metadata=metadata), create=True).result()
    y = ts.open(spec(tmp_path, field="y")).result()
    assert x.fill_value is not None
    assert (int(x.fill_value), x.read().result().tolist(), y.read().result().tolist()) == (
        1,
        [1] * 4,
        [2] * 4,
    )
    x[:] = 9
    y[:] = 2
    assert (tmp_path / "0").read_bytes() == b"\t\0\2" * 4
    x[:] = 1
    assert not (tmp_path / "0").exists()
    (tmp_path / "0").write_bytes(bytes(11))
    with pytest.raises(FailedPrecondition, match="Not enough data"):
        x.read().result()
    with pytest.raises(FailedPrecondition, match="Not enough data"):
        x[0] = 3
    with pytest.raises(FailedPrecondition, match="would affect other fields"):
        x.resize(exclusive_max=[2]).result()
