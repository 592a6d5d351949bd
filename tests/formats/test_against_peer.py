"""Documents against tensorstore 0.1.86: byte for byte where one is written, word for word where refused.

Each case is a spec (or a stored document and a spec).  A refusal is compared without the names of driver
and place, which the opener puts in front.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tegula.registry import lookup
from tegula.schema.schema import Schema

tensorstore = pytest.importorskip("tensorstore")
pytestmark = pytest.mark.peers

KEYS = {"zarr3": "zarr.json", "zarr": ".zarray"}


def _stripped(text: str) -> str:
    text = re.sub(r'Error opening "zarr3?" driver: ', "", text)
    text = re.sub(r'Error (reading|writing) "[^"]*": ', "", text)
    text = re.sub(r'^(\w+: )?Error parsing object member "schema": ', r"\1", text)
    return re.sub(r" \[(tensorstore_spec|source locations)=.*", "", text, flags=re.DOTALL)


def _peer(driver: str, spec: dict[str, Any], stored: bytes | None) -> Any:
    context = tensorstore.Context()
    root = tensorstore.KvStore.open({"driver": "memory"}, context=context).result()
    key = f"a/{KEYS[driver]}"
    if stored is not None:
        root.write(key, stored).result()
    full = {"driver": driver, "kvstore": {"driver": "memory", "path": "a/"}, **spec}
    try:
        store = tensorstore.open(
            full, context=context, open=stored is not None, create=stored is None
        ).result()
    except (ValueError, NotImplementedError) as error:
        return _stripped(str(error))
    return {
        "stored": root.read(key).result().value.decode(),
        "metadata": store.spec().to_json()["metadata"],
        "schema": store.schema.to_json(),
        "codec": store.codec.to_json(),
    }


def _ours(driver: str, spec: dict[str, Any], stored: bytes | None) -> Any:
    made = lookup("formats", driver)
    rest = dict(spec)
    try:
        schema = Schema(rest.pop("schema", {}))
        if "dtype" in rest:
            schema.update(dtype=rest.pop("dtype"))
        members = made.parse_members(rest)
        assert not rest
        made.known(members, schema)
        if stored is None:
            metadata = made.create(members, schema)
            stored = made.encode_metadata(metadata)
            assert made.decode_metadata(stored, "it") == metadata
        metadata = made.decode_metadata(stored, "it")
        made.check(metadata, members, schema)
        effective = made.schema(metadata, members, schema)
        made.check(metadata, members, effective)
    except (ValueError, NotImplementedError) as error:
        return str(error).replace("Error reading it: ", "")
    return {
        "stored": stored.decode(),
        "metadata": made.metadata_json(metadata),
        "schema": effective.to_json(),
        "codec": made.codec_spec(metadata).to_json(),
    }


def _same(driver: str, spec: dict[str, Any], stored: bytes | None = None) -> None:
    theirs, ours = _peer(driver, spec, stored), _ours(driver, spec, stored)
    # as text: NaN is NaN
    assert json.dumps(ours, sort_keys=True) == json.dumps(theirs, sort_keys=True)


def _name(case: Any) -> str:
    return json.dumps(case)[:80]


# ---------------------------------------------------------------- new arrays

SCHEMAS: list[dict[str, Any]] = [
    {"domain": {"shape": [100, 200]}},
    {"domain": {"shape": [10], "labels": ["x"]}},
    {"domain": {"shape": []}},
    {"domain": {"shape": [0, 5]}},
    {"domain": {"shape": [2**62 - 2]}},
    {"domain": {"inclusive_min": [0]}},
    {"domain": {"inclusive_min": [1], "exclusive_max": [5]}},
    {"rank": 2},
    {"domain": {"shape": [1000, 2000]}, "chunk_layout": {"chunk": {"shape": [100, -1]}}},
    {"domain": {"shape": [1000, 2000]}, "chunk_layout": {"chunk": {"elements": 1000}}},
    {"domain": {"shape": [10**4, 10**4]}, "chunk_layout": {"chunk": {"aspect_ratio": [1, 4]}}},
    {"domain": {"shape": [1000, 2000]}, "chunk_layout": {"write_chunk": {"shape": [30, 40]}}},
    {"domain": {"shape": [1000, 2000]}, "chunk_layout": {"chunk": {"shape_soft_constraint": [30, 0]}}},
    {"domain": {"shape": [100, 200]}, "chunk_layout": {"inner_order": [1, 0]}},
    {"domain": {"shape": [9, 8, 3]}, "chunk_layout": {"inner_order": [1, 0, 2]}},
    {"domain": {"shape": [9, 8, 3]}, "chunk_layout": {"inner_order_soft_constraint": [1, 0, 2]}},
    {"domain": {"shape": [9, 8]}, "chunk_layout": {"inner_order_soft_constraint": [1, 0]}},
    {"domain": {"shape": [9, 8]}, "chunk_layout": {"grid_origin": [1, 0]}},
    {"domain": {"shape": [9, 8]}, "chunk_layout": {"codec_chunk": {"shape": [2, 2]}}},
    {"domain": {"shape": [10]}, "fill_value": 5},
    {"domain": {"shape": [10]}, "fill_value": [5]},
    {"domain": {"shape": [10]}, "fill_value": 100000},
    {"domain": {"shape": [10]}, "fill_value": 1.5},
    {"domain": {"shape": [10]}, "fill_value": "a"},
    {"domain": {"shape": [10]}, "dimension_units": ["4nm"]},
    {"domain": {"shape": [10]}, "dimension_units": [None]},
    {"domain": {"shape": [10]}, "codec": {"driver": "zarr3", "codecs": ["gzip"]}},
    {"domain": {"shape": [10]}, "codec": {"driver": "zarr3", "codecs": ["blosc", "crc32c"]}},
    {"domain": {"shape": [10]}, "codec": {"driver": "zarr3", "codecs": ["gzip", "blosc"]}},
    {"domain": {"shape": [10]}, "codec": {"driver": "zarr", "compressor": {"id": "zlib"}}},
    {"domain": {"shape": [10]}, "codec": {"driver": "zarr", "compressor": None}},
]


@pytest.mark.parametrize("driver", ["zarr3", "zarr"])
@pytest.mark.parametrize("schema", SCHEMAS, ids=_name)
def test_a_schema_makes_the_document_of_tensorstore_0_1_86(driver: str, schema: dict[str, Any]) -> None:
    _same(driver, {"dtype": "int16", "schema": schema})


DTYPES = [
    *("bool", "int2", "int4", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"),
    *("float8_e3m4", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e4m3b11fnuz", "float8_e5m2"),
    *("float8_e5m2fnuz", "float4_e2m1fn", "float16", "bfloat16", "float32", "float64"),
    *("complex64", "complex128", "byte", "char", "string", "ustring", "json"),
]


@pytest.mark.parametrize("driver", ["zarr3", "zarr"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_data_type(driver: str, dtype: str) -> None:
    _same(driver, {"dtype": dtype, "schema": {"domain": {"shape": [3]}}})


_V3 = {"shape": [10, 12], "data_type": "int16"}
_TRANSPOSE = {"name": "transpose", "configuration": {"order": [1, 0]}}
MEMBERS3: list[dict[str, Any]] = [
    {},
    {"metadata": {}},
    {"metadata": 5},
    {"metadata": {"shape": [5]}},
    {"metadata": {"data_type": "int8"}},
    {"metadata": _V3},
    {"metadata": {**_V3, "zarr_format": 3, "node_type": "array", "storage_transformers": []}},
    {"metadata": {**_V3, "zarr_format": 2}},
    {"metadata": {**_V3, "fill_value": 7}},
    {"metadata": {**_V3, "fill_value": 7}, "schema": {"fill_value": 7}},
    {"metadata": {**_V3, "fill_value": 7}, "schema": {"fill_value": 8}},
    {"metadata": {"shape": [5], "fill_value": 7}, "dtype": "int8"},
    {"metadata": _V3, "dtype": "int8"},
    {"metadata": {**_V3, "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [3, 4]}}}},
    {"metadata": {**_V3, "chunk_grid": {"name": "regular"}}},
    {
        "metadata": {**_V3, "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [3, 4]}}},
        "schema": {"chunk_layout": {"chunk": {"shape": [3, 5]}}},
    },
    {"metadata": {**_V3, "chunk_key_encoding": {"name": "v2"}}},
    {"metadata": {**_V3, "chunk_key_encoding": {"name": "v2", "configuration": {"separator": "/"}}}},
    {"metadata": {**_V3, "chunk_key_encoding": {"name": "default", "configuration": {"separator": "."}}}},
    {"metadata": {**_V3, "chunk_key_encoding": "v2"}},
    {"metadata": {**_V3, "codecs": [_TRANSPOSE, "gzip"]}},
    {"metadata": {**_V3, "codecs": [_TRANSPOSE, {"name": "transpose", "configuration": {"order": "F"}}]}},
    {"metadata": {**_V3, "codecs": [_TRANSPOSE]}, "schema": {"chunk_layout": {"inner_order": [1, 0]}}},
    {"metadata": {**_V3, "codecs": ["gzip"]}, "schema": {"codec": {"driver": "zarr3", "codecs": ["zstd"]}}},
    {"metadata": {**_V3, "codecs": [{"name": "bytes", "configuration": {"endian": "big"}}]}},
    {"metadata": {**_V3, "dimension_names": ["x", None]}},
    {"metadata": {**_V3, "dimension_names": ["", ""]}},
    {"metadata": {**_V3, "dimension_names": [None, None]}},
    {"metadata": {**_V3, "dimension_names": ["x", None]}, "schema": {"domain": {"labels": ["y", ""]}}},
    {"metadata": {**_V3, "attributes": {"b": [1.5, None], "a": {"z": "\u00e9\n"}}}},
    {"metadata": {**_V3, "attributes": {"dimension_units": ["nm", None]}}},
    {
        "metadata": {**_V3, "attributes": {"dimension_units": ["nm", None]}},
        "schema": {"dimension_units": ["nm", "s"]},
    },
    {"metadata": {**_V3, "extension": {"must_understand": False, "a": 1}}},
    {"metadata": {**_V3, "extension": {"must_understand": True}}},
    {"metadata": {**_V3, "shape": [5, 2**62]}},
    {"metadata": {**_V3, "shape": [-1]}},
    {"metadata": _V3, "field": "x"},
    {"field": 5},
    {"open_as_void": 5},
    {"field": "x", "open_as_void": True},
]


@pytest.mark.parametrize("spec", MEMBERS3, ids=_name)
def test_zarr3_members_make_the_document_of_tensorstore_0_1_86(spec: dict[str, Any]) -> None:
    _same("zarr3", spec)


_V2 = {"shape": [10, 12], "dtype": "<i2"}
MEMBERS2: list[dict[str, Any]] = [
    {},
    {"metadata": {"shape": [5]}},
    {"metadata": _V2},
    {"metadata": {**_V2, "dtype": ">i2", "order": "F"}},
    {"metadata": {**_V2, "order": "F"}, "schema": {"chunk_layout": {"inner_order": [0, 1]}}},
    {"metadata": {**_V2, "order": "F"}, "schema": {"chunk_layout": {"inner_order_soft_constraint": [0, 1]}}},
    {"metadata": {**_V2, "chunks": [3, 4]}},
    {"metadata": {**_V2, "chunks": [3]}},
    {"metadata": {**_V2, "chunks": [3, 4]}, "schema": {"chunk_layout": {"chunk": {"shape": [3, 5]}}}},
    {"metadata": {**_V2, "dimension_separator": "/"}},
    {"metadata": _V2, "key_encoding": "/"},
    {"metadata": {**_V2, "dimension_separator": "."}, "key_encoding": "/"},
    {"metadata": {**_V2, "fill_value": 3}},
    {"metadata": {**_V2, "fill_value": None}},
    {"metadata": {**_V2, "fill_value": None}, "schema": {"fill_value": 4}},
    {"metadata": {"shape": [4], "fill_value": 3}, "dtype": "int16"},
    {"metadata": {**_V2, "compressor": None}},
    {"metadata": {**_V2, "compressor": {"id": "bz2", "level": 3}}},
    {
        "metadata": {**_V2, "compressor": {"id": "zstd"}},
        "schema": {"codec": {"driver": "zarr", "compressor": {"id": "gzip"}}},
    },
    {"metadata": {**_V2, "filters": []}},
    {"metadata": {**_V2, "dtype": "|M8[ns]"}},
    {"metadata": {**_V2, "zarr_format": 2}},
    {"metadata": {**_V2, "more": 1}},
    {"metadata": _V2, "field": "x"},
    {"metadata_key": 5},
]


@pytest.mark.parametrize("spec", MEMBERS2, ids=_name)
def test_zarr2_members_make_the_document_of_tensorstore_0_1_86(spec: dict[str, Any]) -> None:
    _same("zarr", spec)


# ---------------------------------------------------------------- stored documents

_BYTES = {"name": "bytes", "configuration": {"endian": "little"}}
STORED3: dict[str, Any] = {
    "zarr_format": 3,
    "node_type": "array",
    "shape": [10],
    "data_type": "int32",
    "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [5]}},
    "chunk_key_encoding": {"name": "default"},
    "codecs": [_BYTES, {"name": "gzip", "configuration": {"level": 5}}],
    "fill_value": 0,
    "dimension_names": ["x"],
    "attributes": {"a": 1, "b": {"c": 2}, "dimension_units": ["4 nm"]},
}
STORED2: dict[str, Any] = {
    "zarr_format": 2,
    "shape": [10],
    "chunks": [5],
    "dtype": "<i4",
    "compressor": {"id": "gzip", "level": 5},
    "fill_value": 0,
    "order": "C",
    "filters": None,
    "dimension_separator": ".",
}


def _grid(shape: Any, **more: Any) -> dict[str, Any]:
    return {"name": "regular", "configuration": {"chunk_shape": shape}, **more}


def _codec(name: str, **configuration: Any) -> dict[str, Any]:
    return {"name": name, "configuration": configuration}


_BLOSC = {"cname": "lz4", "clevel": 5, "shuffle": "shuffle", "typesize": 4, "blocksize": 0}
CHANGES3: list[dict[str, Any]] = [
    *[{name: None} for name in STORED3],
    {"zarr_format": 2},
    {"node_type": "group"},
    *[{"shape": shape} for shape in ([-1], [2**62 - 2], ["a"], [1.0], [1.5], [1, 2], 5, [1] * 33, [])],
    {"shape": [], "chunk_grid": _grid([]), "dimension_names": [], "attributes": {}},
    *[{"data_type": name} for name in ("string", 5, "r7", "int128", {"name": "int32"}, _codec("int32"))],
    *[{"chunk_grid": grid} for grid in ("regular", {"name": "rectangular"}, {"name": "regular"}, _grid([0]))],
    *[{"chunk_grid": grid} for grid in (_grid([5, 5]), _grid([5], x=1), _grid(5), _grid([2**61]), {})],
    {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [5], "x": 1}}},
    *[{"chunk_key_encoding": name} for name in ("default", 5, {}, {"name": "v2", "x": 5}, {"name": "v2"})],
    *[{"chunk_key_encoding": _codec("v2", separator=separator)} for separator in (".", "/", "x", 5)],
    {"chunk_key_encoding": _codec("v2", sep=5)},
    *[{"more": more} for more in (1, {}, {"must_understand": False}, {"must_understand": True})],
    {"storage_transformers": []},
    {"storage_transformers": [{}]},
    *[{"attributes": attributes} for attributes in ({}, {"a": 1e300, "\u00e9": '\u00fc"\n'}, 5)],
    *[{"attributes": {"dimension_units": units}} for units in (["4nm"], [None], [""], "nm", ["a", "b"], [5])],
    *[{"dimension_names": names} for names in ([None], [""], [5], ["x", "y"])],
    *[{"codecs": codecs} for codecs in ([], ["gzip"], [{"name": "bytes"}], ["bytes"], [_BYTES, "crc32c"])],
    *[{"codecs": [_BYTES, codec]} for codec in ({"name": "gzip"}, _codec("gzip"), {"name": "crc32c"})],
    *[
        {"codecs": [_BYTES, _codec("zstd", **members)]}
        for members in ({}, {"level": 3}, {"level": 3, "x": 1})
    ],
    {"codecs": [_BYTES, _codec("blosc", **_BLOSC)]},
    *[
        {"codecs": [_BYTES, _codec("blosc", **{k: v for k, v in _BLOSC.items() if k != left})]}
        for left in ("cname", "clevel", "typesize", "blocksize")
    ],
    {"codecs": [_BYTES, _codec("blosc", cname="lz4", clevel=5, shuffle="noshuffle", blocksize=0)]},
    {"codecs": [_codec("transpose", order="F"), _BYTES]},
    {"codecs": [_codec("transpose", order=[0]), _codec("transpose", order=[0]), _BYTES]},
    {"codecs": [_codec("transpose", order=[0, 1]), _BYTES]},
    {"codecs": [_codec("transpose", order=[0])]},
    *[{"fill_value": fill} for fill in (True, 1.0, 1.5, "a", 2**31, -(2**31), [1], "0x0")],
    *[
        {"data_type": dtype, "fill_value": fill}
        for dtype in ("float16", "bfloat16", "float32", "float64", "float8_e4m3fn")
        for fill in (
            1,
            1.1,
            "NaN",
            "Infinity",
            "-Infinity",
            "nan",
            "1.5",
            True,
            1e15,
            1e-7,
            -0.0,
            123456789012345680,
        )
    ],
    *[
        {"data_type": "float32", "fill_value": fill}
        for fill in ("0x7fc00001", "0x7fc0", "0x7fc000000", "0x7fc00000", "0xffc00000", "0x")
    ],
    {"data_type": "float64", "fill_value": "0x7ff8000000000000"},
    *[{"data_type": "bool", "fill_value": fill} for fill in (0, True, "true")],
    *[
        {"data_type": "complex64", "fill_value": fill}
        for fill in (0, [1, 2], ["NaN", "0x7fc00001"], [1], ["a", 1])
    ],
    *[{"data_type": "uint64", "fill_value": fill} for fill in (2**64 - 1, 2**64, -1)],
    *[{"data_type": "int64", "fill_value": fill} for fill in (2**63, -(2**63), -(2**63) - 1, 1e18)],
    *[{"data_type": "int4", "fill_value": fill} for fill in (7, 8, -8, -9)],
]


@pytest.mark.parametrize("change", CHANGES3, ids=_name)
def test_a_stored_zarr3_document_is_read_as_by_tensorstore_0_1_86(change: dict[str, Any]) -> None:
    _same("zarr3", {}, json.dumps({**STORED3, **change}).encode())


CHANGES2: list[dict[str, Any]] = [
    *[{name: None} for name in STORED2],
    {"zarr_format": 3},
    *[{"shape": shape} for shape in ([1, 2], [-1], [2**63])],
    {"shape": [1] * 33, "chunks": [1] * 33},
    {"shape": [], "chunks": []},
    *[{"chunks": chunks} for chunks in ([0], [5, 5], "a", [2**62], [2**60])],
    *[
        {"dtype": dtype}
        for dtype in ("<i4", ">i4", "|i4", "=i4", "i4", "<i1", "|i1", ">i1", "|b2", "<u3", "<f16")
    ],
    *[{"dtype": dtype} for dtype in ("|U5", "|M8[ns]", "|O", "bfloat16", "int4", ">bfloat16", 5, "")],
    *[{"order": order} for order in ("F", "A", 5)],
    *[{"filters": filters} for filters in ([], "x")],
    *[{"dimension_separator": separator} for separator in ("/", "x", 5)],
    {"key_encoding": "/"},
    {"more": {"b": 1, "a": 2}},
    *[
        {"compressor": found}
        for found in (None, {}, {"id": "blosc"}, {"id": "snappy"}, {"id": "gzip", "level": 10})
    ],
    *[{"fill_value": fill} for fill in (5, 5.0, 5.5, "5", True, 2**31)],
    *[
        {"dtype": "<f4", "fill_value": fill}
        for fill in (1, 1.1, "NaN", "Infinity", "-Infinity", "1.5", "0x0", "nan", True, 1e300)
    ],
    *[{"dtype": "|b1", "fill_value": fill} for fill in (True, 0, "true")],
    *[
        {"dtype": "<c8", "fill_value": fill}
        for fill in (0, [1, 2], ["NaN", 1], "AAAAAAAAAAA=", "a", "AACAPwAAAEA=")
    ],
    {"dtype": ">c8", "fill_value": "P4AAAEAAAAA="},
    *[{"dtype": "<u8", "fill_value": fill} for fill in (2**64 - 1, -1, "1")],
]


@pytest.mark.parametrize("change", CHANGES2, ids=_name)
def test_a_stored_zarr2_document_is_read_as_by_tensorstore_0_1_86(change: dict[str, Any]) -> None:
    _same("zarr", {}, json.dumps({**STORED2, **change}).encode())


@pytest.mark.parametrize("driver", ["zarr3", "zarr"])
@pytest.mark.parametrize("name", sorted({*STORED3, *STORED2}))
def test_a_stored_document_without_a_member(driver: str, name: str) -> None:
    whole = {"zarr3": STORED3, "zarr": STORED2}[driver]
    _same(driver, {}, json.dumps({k: v for k, v in whole.items() if k != name}).encode())


@pytest.mark.parametrize("driver", ["zarr3", "zarr"])
@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "5",
        "null",
        '{"a":NaN}',
        "\ufeff{}",
        "{}x",
        '{"a":1e999}',
        "[" * 100000,
        '"\\ud800"',
        "01",
    ],
    ids=lambda text: repr(text[:12]),
)
def test_what_is_no_document(driver: str, text: str) -> None:
    _same(driver, {}, text.encode())


# ---------------------------------------------------------------- what is asked of an existing array

ASKED3: list[dict[str, Any]] = [
    *[{"metadata": {"shape": shape}} for shape in ([11], [10, 1])],
    {"metadata": {"data_type": "int16"}},
    {"metadata": {"chunk_grid": _grid([4])}},
    {"metadata": {"chunk_key_encoding": {"name": "v2"}}},
    *[{"metadata": {"codecs": codecs}} for codecs in ([], ["gzip"], ["bytes"], ["bytes", "gzip"], ["zstd"])],
    *[{"metadata": {"codecs": [_codec("gzip", level=level)]}} for level in (5, 6)],
    {"metadata": {"codecs": [_codec("transpose", order=[0]), "gzip"]}},
    {"metadata": {"codecs": [_codec("bytes", endian="big"), "gzip"]}},
    {"metadata": {"codecs": ["gzip", "crc32c"]}},
    {"metadata": {"fill_value": 5, "data_type": "int32"}},
    {"metadata": {"dimension_names": ["y"]}},
    *[{"metadata": {"attributes": a}} for a in ({"a": 1}, {"a": 2}, {"z": 1}, {"b": {}}, {"b": {"c": 2}})],
    *[{"metadata": {"attributes": {"dimension_units": units}}} for units in (["4nm"], ["5nm"], [None])],
    {"metadata": {"more": {"must_understand": False}}},
    {"dtype": "int16"},
    *[
        {"schema": {"domain": domain}}
        for domain in (
            {"shape": [11]},
            {"shape": [[11]]},
            {"labels": ["y"]},
            {"inclusive_min": [1]},
        )
    ],
    {"schema": {"rank": 2}},
    *[
        {"schema": {"chunk_layout": layout}}
        for layout in (
            {"chunk": {"shape": [4]}},
            {"read_chunk": {"shape": [4]}},
            {"grid_origin": [4]},
            {"inner_order": [0]},
            {"codec_chunk": {"shape": [4]}},
            {"chunk": {"elements": 4}},
        )
    ],
    *[{"schema": {"codec": {"driver": "zarr3", "codecs": codecs}}} for codecs in (["zstd"], ["gzip"], [])],
    {"schema": {"codec": {"driver": "zarr3", "codecs": [_codec("gzip", level=1)]}}},
    {"schema": {"codec": {"driver": "zarr"}}},
    *[{"schema": {"fill_value": fill}} for fill in (5, 0, [0] * 10)],
    *[{"schema": {"dimension_units": units}} for units in (["5nm"], ["4nm"], [None])],
    {"field": "x"},
]


@pytest.mark.parametrize("spec", ASKED3, ids=_name)
def test_an_existing_zarr3_array_is_checked_as_by_tensorstore_0_1_86(spec: dict[str, Any]) -> None:
    _same("zarr3", spec, json.dumps(STORED3).encode())


ASKED2: list[dict[str, Any]] = [
    *[
        {"metadata": metadata}
        for metadata in (
            {"shape": [11]},
            {"shape": [10, 1]},
            {"dtype": "<i2"},
            {"dtype": ">i4"},
            {"chunks": [4]},
            {"dimension_separator": "/"},
            {"compressor": None},
            {"compressor": {"id": "gzip"}},
            {"compressor": {"id": "gzip", "level": 5}},
            {"fill_value": 5, "dtype": "<i4"},
            {"fill_value": None, "dtype": "<i4"},
            {"order": "F"},
            {"filters": None},
            {"filters": []},
            {"zarr_format": 2},
        )
    ],
    {"dtype": "int16"},
    *[
        {"schema": schema}
        for schema in (
            {"domain": {"shape": [11]}},
            {"domain": {"labels": ["y"]}},
            {"domain": {"inclusive_min": [1]}},
            {"rank": 2},
            {"chunk_layout": {"chunk": {"shape": [4]}}},
            {"chunk_layout": {"inner_order": [0]}},
            {"codec": {"driver": "zarr", "compressor": {"id": "zstd"}}},
            {"codec": {"driver": "zarr", "compressor": {"id": "gzip", "level": 5}}},
            {"codec": {"driver": "zarr3"}},
            {"fill_value": 5},
            {"fill_value": 0},
            {"dimension_units": ["5nm"]},
            {"dimension_units": [None]},
        )
    ],
    {"field": "x"},
]


@pytest.mark.parametrize("spec", ASKED2, ids=_name)
def test_an_existing_zarr2_array_is_checked_as_by_tensorstore_0_1_86(spec: dict[str, Any]) -> None:
    _same("zarr", spec, json.dumps(STORED2).encode())


@pytest.mark.parametrize(
    ("driver", "stored", "spec"),
    [
        ("zarr", {**STORED2, "fill_value": None}, {"schema": {"fill_value": 0}}),
        (
            "zarr",
            {**STORED2, "shape": [9, 9], "chunks": [3, 4]},
            {"schema": {"chunk_layout": {"inner_order": [1, 0]}}},
        ),
        ("zarr3", {**STORED3, "attributes": {}}, {"schema": {"dimension_units": ["5nm"]}}),
        (
            "zarr3",
            {**STORED3, "codecs": [_codec("transpose", order=[0]), _BYTES]},
            {"metadata": {"codecs": ["bytes"]}},
        ),
    ],
)
def test_further_questions(driver: str, stored: dict[str, Any], spec: dict[str, Any]) -> None:
    _same(driver, spec, json.dumps(stored).encode())


@pytest.mark.parametrize("driver", ["zarr3", "zarr"])
def test_resizing_writes_the_document_of_tensorstore_0_1_86(driver: str) -> None:
    whole = {
        "zarr3": {**STORED3, "more": {"must_understand": False}},
        "zarr": {**STORED2, "more": {"b": 1, "a": 2}},
    }
    stored = json.dumps(whole[driver]).encode()
    context = tensorstore.Context()
    root = tensorstore.KvStore.open({"driver": "memory"}, context=context).result()
    root.write(f"a/{KEYS[driver]}", stored).result()
    spec = {"driver": driver, "kvstore": {"driver": "memory", "path": "a/"}}
    tensorstore.open(spec, context=context).result().resize(exclusive_max=[20]).result()
    made = lookup("formats", driver)
    ours = made.encode_metadata(made.resized(made.decode_metadata(stored, "it"), (20,)))
    assert ours == root.read(f"a/{KEYS[driver]}").result().value


@pytest.mark.parametrize(
    ("driver", "members"),
    [
        ("zarr3", {}),
        ("zarr3", {"metadata": {}}),
        ("zarr3", {"metadata": {"codecs": ["gzip"]}}),
        ("zarr3", {"metadata": {"zarr_format": 3}}),
        ("zarr3", {"metadata": {"data_type": "float32", "fill_value": "NaN"}}),
        ("zarr3", {"metadata": {"chunk_key_encoding": {"name": "default"}}}),
        ("zarr3", {"metadata": {"attributes": {"a": 1}, "more": {"must_understand": False}}}),
        ("zarr3", {"open_as_void": False, "field": ""}),
        ("zarr", {}),
        ("zarr", {"metadata": {"compressor": {"id": "gzip"}}}),
        ("zarr", {"metadata": {"compressor": None, "order": "F", "filters": None}}),
        ("zarr", {"metadata": {"dtype": "<i2", "fill_value": None}}),
        ("zarr", {"metadata_key": ".z", "field": "x"}),
        ("zarr", {"metadata_key": ".zarray", "open_as_void": True}),
        ("zarr", {"key_encoding": "/"}),
    ],
)
def test_members_print_as_in_tensorstore_0_1_86(driver: str, members: dict[str, Any]) -> None:
    theirs = tensorstore.Spec({"driver": driver, "kvstore": {"driver": "memory"}, **members}).to_json()
    for name in ("driver", "kvstore", "dtype", "transform"):
        theirs.pop(name, None)
    made = lookup("formats", driver)
    parsed = made.parse_members(dict(members))
    assert made.members_json(parsed) == theirs
    assert made.parse_members(made.members_json(parsed)) == parsed
