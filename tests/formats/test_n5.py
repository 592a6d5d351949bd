"""N5 beside tensorstore 0.1.86: documents, blocks and words, both ways."""

from __future__ import annotations

import json
import os
import struct
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorstore
from hypothesis import given, settings
from hypothesis import strategies as st

import tegula as ts
from tests.api.both import said

SOAK = int(os.environ.get("TEGULA_SOAK", "0"))
TYPES = ["uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "float32", "float64"]
COMPRESSIONS: list[dict[str, Any]] = [
    {"type": "raw"},
    {"type": "gzip"},
    {"type": "gzip", "level": 1, "useZlib": True},
    {"type": "bzip2", "blockSize": 1},
    {"type": "xz", "preset": 1},
    {"type": "zstd", "level": 3},
    {"type": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1},
    {"type": "blosc", "cname": "zstd", "clevel": 1, "shuffle": 2},
]

PROGRAM = """
def made(metadata=None, **options):
    spec = {"driver": "n5", "kvstore": "memory://"}
    if metadata is not None: spec["metadata"] = metadata
    return ts.open(spec, **{"create": True, **options}).result()
def document(*arguments, **options):
    return made(*arguments, **options).kvstore["attributes.json"]
def spec(**members):
    return ts.Spec({"driver": "n5", "kvstore": "memory://", **members})
raw, layout = {"compression": {"type": "raw"}}, ts.ChunkLayout(chunk_shape=[3, 4])
d = made(raw, dtype="uint16", shape=[5, 7], chunk_layout=layout)
d[...] = np.arange(35, dtype="uint16").reshape(5, 7)
d.schema, d.chunk_layout, d.codec, d.fill_value, d.dimension_units, d.domain, d.url
d.spec(), d.spec(minimal_spec=True)
sorted(d.kvstore.list().result()), d.kvstore["1/1"], d.kvstore["attributes.json"]
document(dtype="float32", shape=[100, 200, 300]), document(dtype="uint8", shape=[])
document(dtype="uint8", shape=[100], dimension_units=["4nm"])
document(dtype="uint8", shape=[100, 3], dimension_units=["4nm", None])
document(dtype="uint8", domain=ts.IndexDomain(labels=["x", ""], shape=[3, 4]))
made({"axes": ["x", "y"], "units": ["nm", "um"], "foo": {"a": 1}}, dtype="uint8", shape=[3, 4]).spec()
document({"resolution": [2.5]}, dtype="uint8", shape=[3])
document({"resolution": [5]}, dtype="uint8", shape=[3], dimension_units=["5nm"])
made(dtype="uint8", shape=[3], codec=ts.CodecSpec({"driver": "n5", "compression": {"type": "gzip"}})).codec
soft = ts.ChunkLayout(inner_order_soft_constraint=[0, 1])
made(dtype="uint8", shape=[3, 4], chunk_layout=soft).chunk_layout
made(dtype="uint8", shape=[3], fill_value=0)
made(dtype="uint8", shape=[3, 4], chunk_layout=ts.ChunkLayout(inner_order=[0, 1]))
made(dtype="uint8", domain=ts.IndexDomain(inclusive_min=[1], shape=[3]))
made(shape=[3])
made(dtype="uint8")
made(raw, dtype="uint8", shape=[3], codec=ts.CodecSpec({"driver": "n5", "compression": {"type": "gzip"}}))
made(dtype="uint8", shape=[3], codec=ts.CodecSpec({"driver": "zarr"}))
made({"axes": ["x"]}, dtype="uint8", domain=ts.IndexDomain(labels=["y"], shape=[3]))
made(dtype="uint8", shape=[30], chunk_layout=ts.ChunkLayout(read_chunk_shape=[3], write_chunk_shape=[6]))
names = ("raw", "gzip", "bzip2", "xz", "zstd")
[made({"compression": {"type": name}}, dtype="uint16", shape=[3]).codec for name in names]
ts.CodecSpec({"driver": "n5", "compression": {"type": "nothing"}})
made({"compression": {"type": "blosc", "cname": "zstd"}}, dtype="uint8", shape=[3])
made({"compression": {"type": "gzip", "level": 10}}, dtype="uint8", shape=[3])
made({"compression": {"type": "gzip", "foo": 1}}, dtype="uint8", shape=[3])
made({"compression": None}, dtype="uint8", shape=[3])
made({"compression": {}}, dtype="uint8", shape=[3])
made({"dimensions": [3, 4], "blockSize": [2], "dataType": "uint8"})
made({"dimensions": [-1], "dataType": "uint8"})
made({"dataType": "bool", "dimensions": [1]})
made({"axes": ["x", "x"]}, dtype="uint8", shape=[3, 4])
made({"units": [3]}, dtype="uint8", shape=[3])
scaled = {"units": ["nm", ""], "resolution": [4, 1]}
stated = {}, {"dimensions": [3, 4]}, {"blockSize": [3, 4]}, {"axes": ["x", "y"]}, scaled, {"dataType": "int8"}
[spec(metadata=each) for each in stated], [spec(metadata=each).schema for each in stated]
spec(metadata={"dimensions": [3]}).to_json(include_defaults=True)
z = made(dtype="uint8", shape=[3])
z.write(1).result().__class__, z.write(0).result().__class__, z.kvstore.list().result()
"""


def test_programs_say_the_same() -> None:
    with tempfile.TemporaryDirectory() as folder:
        mine, theirs = (said(PROGRAM, library, folder) for library in (ts, tensorstore))
    assert mine == theirs


@st.composite
def arrays(draw: st.DrawFn) -> tuple[dict[str, Any], np.ndarray]:
    shape = draw(st.lists(st.integers(0, 9), max_size=4))
    metadata = {
        "dimensions": shape,
        "blockSize": [draw(st.integers(1, 5)) for _ in shape],
        "dataType": draw(st.sampled_from(TYPES)),
        "compression": draw(st.sampled_from(COMPRESSIONS)),
    }
    if draw(st.booleans()):
        metadata["axes"] = list("xyzt"[: len(shape)])
    if draw(st.booleans()):
        metadata["units"] = [draw(st.sampled_from(["nm", "um", ""])) for _ in shape]
        metadata["resolution"] = [draw(st.sampled_from([1.0, 4.5])) for _ in shape]
    if draw(st.booleans()):
        metadata["said"] = {"by": "me"}
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return metadata, random.integers(0, draw(st.sampled_from([1, 2, 100])), shape).astype(
        metadata["dataType"]
    )


@settings(max_examples=max(SOAK, 60), deadline=None)
@given(arrays())
def test_what_one_writes_the_other_reads(drawn: tuple[dict[str, Any], np.ndarray]) -> None:
    """Law: arrays of either library are read by the other, with the same schema, document and keys."""
    metadata, values = drawn
    documents = []
    for writer, reader in ((ts, tensorstore), (tensorstore, ts)):
        with tempfile.TemporaryDirectory() as root:
            kvstore = {"driver": "file", "path": f"{root}/a/"}
            store = writer.open(
                {"driver": "n5", "kvstore": kvstore, "metadata": metadata}, create=True
            ).result()
            store.write(values).result()
            if values.ndim:
                # part of it over what is there
                part = tuple(slice(0, (size + 1) // 2) for size in values.shape)
                store[part] = values[part] + values.dtype.type(1)
            found = reader.open({"driver": "auto", "kvstore": kvstore}).result()
            np.testing.assert_array_equal(found.read().result(), store.read().result())
            assert json.dumps(found.schema.to_json()) == json.dumps(store.schema.to_json())
            assert found.domain.to_json() == store.domain.to_json()
            names = sorted(os.path.relpath(path, root) for path in Path(root).rglob("*") if path.is_file())
            documents.append((names, Path(f"{root}/a/attributes.json").read_bytes()))
    assert documents[0] == documents[1]


def _head(mode: int, *shape: int) -> bytes:
    return struct.pack(f">HH{len(shape)}I", mode, len(shape), *shape)


def _block(data: bytes, **metadata: Any) -> Any:
    made = {"dimensions": [5, 3], "blockSize": [4, 2], "dataType": "uint16", "compression": {"type": "raw"}}
    store = ts.open(
        {"driver": "n5", "kvstore": "memory://", "metadata": {**made, **metadata}}, create=True
    ).result()
    store.kvstore["1/1"] = data
    return store.read()


def test_a_truncated_block_is_read_into_its_corner() -> None:
    values = np.array([[7]], ">u2").tobytes()
    assert _block(_head(0, 1, 1) + values).result()[4, 2] == 7
    wide = np.array([[1, 2], [3, 4]], ">u2").tobytes()  # x is fastest
    found = _block(_head(0, 2, 2) + wide, dimensions=[6, 4]).result()
    assert found[4:, 2:].tolist() == [[1, 3], [2, 4]]


def test_a_block_of_varying_length_is_read() -> None:
    """tensorstore 0.1.86 refuses: varlength chunks not supported."""
    values = np.array([9, 8], ">u2").tobytes()
    found = _block(_head(1, 4, 2) + struct.pack(">I", 2) + values, dimensions=[8, 4]).result()
    assert found[4:, 2].tolist() == [9, 8, 0, 0]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "Expected header of length 12, but chunk has size 0"),
        (_head(2, 4, 2), "Unexpected N5 chunk mode: 2"),
        (_head(0, 4, 2, 1), "Received chunk with 3 dimensions but expected 2"),
        (_head(0, 5, 2), r"Received chunk of size \{5, 2\} which exceeds blockSize of \{4, 2\}"),
        (_head(0, 2**32 - 1, 1), "exceeds blockSize"),
        (_head(0, 4, 2) + bytes(15), "Not enough data"),
        (_head(0, 4, 2) + bytes(17), "End of data expected; remaining length: 1"),
        (_head(1, 4, 2), "Expected header of length 16"),
        (_head(1, 4, 2) + struct.pack(">I", 9) + bytes(18), "9 elements where 8 have a place"),
    ],
)
def test_bad_blocks_are_told(data: bytes, text: str) -> None:
    with pytest.raises(ValueError, match=f'FAILED_PRECONDITION: Error reading "1/1": .*{text}'):
        _block(data).result()


def test_arrays_are_in_groups(tmp_path: Path) -> None:
    group = ts.open_group({"driver": "n5", "kvstore": f"file://{tmp_path}/"}, create=True).result()
    group.create_array("s0", dtype="uint8", shape=[9, 9], chunks=[4, 4], attributes={"pixel": 4}).result()[
        ...
    ] = 3
    again = ts.open_group({"driver": "n5", "kvstore": f"file://{tmp_path}/"}).result()
    assert str(again.tree()) == "/\n└── s0 (9, 9) uint8"
    assert (again["s0"].read().result() == 3).all()
    assert json.loads((tmp_path / "s0" / "attributes.json").read_bytes())["pixel"] == 4
