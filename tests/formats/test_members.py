"""Each member of the documents of zarr v3, zarr v2 and N5, right and wrong: asked of a new array, and found.

Every answer (the document that is written, what is read of a stored one, the error) must be that of
tensorstore 0.1.86.  A member that is ``...`` is left out.
"""

from __future__ import annotations

import json
import re
from types import ModuleType
from typing import Any

import pytest
import tensorstore

import tegula

pytestmark = pytest.mark.peers

ZARR3: list[Any] = [
    {"data_type": "float8_e8m0fnu", "fill_value": 0.0},
    {"data_type": "float8_e8m0fnu", "fill_value": "NaN"},
    {"x": 1},
    {"x": {"must_understand": False}},
    {"x": {"must_understand": True}},
    {"storage_transformers": []},
    {"storage_transformers": [{"name": "a"}]},
    {"storage_transformers": None},
    {"node_type": "group"},
    {"zarr_format": 2},
    {"attributes": {"a": [1]}},
    {"attributes": None},
    {"attributes": []},
    {"shape": [-1]},
    {"shape": [4611686018427387903]},
    {"shape": [4611686018427387902]},
    {"shape": 4},
    {"shape": ...},
    {"data_type": ...},
    {"chunk_grid": ...},
    {"fill_value": ...},
    {"fill_value": None},
    {"codecs": []},
    {"codecs": ...},
    {"codecs": None},
    {"chunk_grid": {"name": "rectangular", "configuration": {"chunk_shape": [[2, 2]]}}},
    {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [0]}}},
    {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2, 2]}}},
    {"chunk_grid": {"name": "regular"}},
    {"chunk_grid": "regular"},
    {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2], "y": 1}}},
    {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2]}, "z": 1}},
    {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2]}, "must_understand": False}},
    {"chunk_key_encoding": "default"},
    {"chunk_key_encoding": "v2"},
    {"chunk_key_encoding": {"name": "v2"}},
    {"chunk_key_encoding": {"name": "v2", "configuration": {"separator": "/"}}},
    {"chunk_key_encoding": {"name": "default", "configuration": {"separator": "."}}},
    {"chunk_key_encoding": {"name": "default", "configuration": {"separator": "-"}}},
    {"chunk_key_encoding": {"name": "default", "configuration": {}}},
    {"chunk_key_encoding": {"name": "other"}},
    {"chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}}},
    {"chunk_key_encoding": ...},
    {"chunk_key_encoding": {}},
    {"dimension_names": ["x"]},
    {"dimension_names": [None]},
    {"dimension_names": [""]},
    {"dimension_names": ["x", "y"]},
    {"dimension_names": "x"},
    {"dimension_names": None},
    {"dimension_names": [1]},
    {"dimension_names": []},
    {"attributes": {"dimension_units": ["4nm"]}},
    {"attributes": {"dimension_units": [None]}},
    {"attributes": {"dimension_units": "nm"}},
    {"attributes": {"dimension_units": [[4, "nm"]]}},
    {"attributes": {"dimension_units": ["nm", "nm"]}},
    {"attributes": {"dimension_units": [5]}},
    {"attributes": {"dimension_units": None}},
    {"attributes": {"dimension_units": {}}},
    {"fill_value": 256},
    {"fill_value": -1},
    {"fill_value": 1.0},
    {"fill_value": 1.5},
    {"fill_value": "1"},
    {"fill_value": True},
    {"fill_value": "0x1"},
    {"data_type": "float32", "fill_value": "NaN"},
    {"data_type": "float32", "fill_value": "nan"},
    {"data_type": "float32", "fill_value": "Infinity"},
    {"data_type": "float32", "fill_value": "+Infinity"},
    {"data_type": "float32", "fill_value": "0x7fc00000"},
    {"data_type": "float32", "fill_value": "0x7fc0000"},
    {"data_type": "float32", "fill_value": "0x7FC00001"},
    {"data_type": "float32", "fill_value": "1"},
    {"data_type": "float32", "fill_value": True},
    {"data_type": "float32", "fill_value": 10000000000000000000000000000000000000000},
    {"data_type": "float32", "fill_value": 1e300},
    {"data_type": "float16", "fill_value": "0x7e00"},
    {"data_type": "float32", "fill_value": "0x0"},
    {"data_type": "complex64", "fill_value": [1, "NaN"]},
    {"data_type": "complex64", "fill_value": 1},
    {"data_type": "complex64", "fill_value": [1]},
    {"data_type": "complex64", "fill_value": ["0x7fc00000", 2]},
    {"data_type": "bool", "fill_value": 1},
    {"data_type": "bool", "fill_value": 0},
    {"data_type": "bool", "fill_value": "true"},
    {"data_type": "bool", "fill_value": True},
    {"data_type": "string"},
    {"data_type": "int128"},
    {"data_type": "uint4"},
    {"data_type": "float8_e8m0fnu"},
    {"data_type": "float8_e3m4"},
    {"data_type": 1},
    {"data_type": None},
    {"data_type": {"name": "uint8"}},
    {"data_type": {"name": "uint8", "configuration": {}}},
    {"data_type": ["uint8"]},
]

CODECS: list[Any] = [
    [],
    ...,
    None,
    ["bytes"],
    [],
    ["gzip"],
    ["bytes", "gzip"],
    ["bytes", "zstd"],
    ["bytes", "blosc"],
    ["bytes", "crc32c"],
    ["crc32c"],
    ["gzip", "bytes"],
    ["bytes", "bytes"],
    ["transpose"],
    ["zlib"],
    ["bytes", "lz4"],
    ["bytes", {"name": "gzip", "configuration": {"level": 10}}],
    ["bytes", {"name": "gzip", "configuration": {"level": -1}}],
    ["bytes", {"name": "gzip", "configuration": {"level": 9}}],
    ["bytes", {"name": "gzip", "configuration": {"x": 1}}],
    ["bytes", {"name": "zstd", "configuration": {"level": 23}}],
    ["bytes", {"name": "zstd", "configuration": {"level": 22}}],
    ["bytes", {"name": "zstd", "configuration": {"level": -131072}}],
    ["bytes", {"name": "zstd", "configuration": {"level": -131073}}],
    ["bytes", {"name": "zstd", "configuration": {"checksum": 1}}],
    ["bytes", {"name": "blosc", "configuration": {"cname": "snappy"}}],
    ["bytes", {"name": "blosc", "configuration": {"cname": "x"}}],
    ["bytes", {"name": "blosc", "configuration": {"clevel": 10}}],
    ["bytes", {"name": "blosc", "configuration": {"shuffle": 1}}],
    ["bytes", {"name": "blosc", "configuration": {"shuffle": "x"}}],
    ["bytes", {"name": "blosc", "configuration": {"typesize": 0}}],
    ["bytes", {"name": "blosc", "configuration": {"typesize": 255}}],
    ["bytes", {"name": "blosc", "configuration": {"typesize": 256}}],
    ["bytes", {"name": "blosc", "configuration": {"blocksize": -1}}],
    ["bytes", {"name": "blosc", "configuration": {"blocksize": 7}}],
    [{"name": "bytes", "configuration": {"endian": "big"}}],
    [{"name": "bytes", "configuration": {"endian": "x"}}],
    [{"name": "bytes", "configuration": {}}],
    [{"name": "bytes", "configuration": {"endian": None}}],
    [{"name": "transpose", "configuration": {"order": "C"}}, "bytes"],
    [{"name": "transpose", "configuration": {"order": "F"}}, "bytes"],
    [{"name": "transpose", "configuration": {"order": [0]}}, "bytes"],
    [{"name": "transpose", "configuration": {"order": [1]}}, "bytes"],
    [{"name": "transpose", "configuration": {"order": "X"}}, "bytes"],
    [{"name": "transpose", "configuration": {}}, "bytes"],
    [{"name": "transpose"}, "bytes"],
    ["bytes", {"name": "transpose", "configuration": {"order": [0]}}],
    [{"name": "sharding_indexed", "configuration": {"chunk_shape": [1]}}],
    [{"name": "sharding_indexed", "configuration": {"chunk_shape": [1], "codecs": []}}],
    [{"name": "sharding_indexed", "configuration": {"chunk_shape": [1], "codecs": ["bytes"]}}],
    [{"name": "sharding_indexed", "configuration": {"chunk_shape": [3], "codecs": ["bytes"]}}],
    [{"name": "sharding_indexed", "configuration": {"chunk_shape": [0], "codecs": ["bytes"]}}],
    [{"name": "sharding_indexed", "configuration": {"chunk_shape": [1, 1], "codecs": ["bytes"]}}],
    [
        {
            "name": "sharding_indexed",
            "configuration": {"chunk_shape": [1], "codecs": ["bytes"], "index_location": "middle"},
        }
    ],
    [
        {
            "name": "sharding_indexed",
            "configuration": {"chunk_shape": [1], "codecs": ["bytes"], "index_location": "start"},
        }
    ],
    [
        {
            "name": "sharding_indexed",
            "configuration": {"chunk_shape": [1], "codecs": ["bytes"], "index_codecs": ["bytes", "gzip"]},
        }
    ],
    [
        {
            "name": "sharding_indexed",
            "configuration": {"chunk_shape": [1], "codecs": ["bytes"], "index_codecs": ["bytes"]},
        }
    ],
    [
        {
            "name": "sharding_indexed",
            "configuration": {"chunk_shape": [1], "codecs": ["bytes"], "index_codecs": []},
        }
    ],
    [
        {
            "name": "sharding_indexed",
            "configuration": {
                "chunk_shape": [1],
                "codecs": ["bytes"],
                "index_codecs": [{"name": "bytes", "configuration": {"endian": "big"}}, "crc32c", "crc32c"],
            },
        }
    ],
    [{"name": "sharding_indexed", "configuration": {"codecs": ["bytes"]}}],
    [{"name": "sharding_indexed"}],
    ["bytes", {"name": "sharding_indexed", "configuration": {"chunk_shape": [1], "codecs": ["bytes"]}}],
    "gzip",
    {"name": "gzip"},
    [1],
    [{"name": 1}],
    [{}],
    [{"name": "gzip", "x": 1}, "bytes"],
    [{"name": "bytes", "must_understand": False}],
    ["bytes", {"name": "foo", "must_understand": False}],
    ["bytes", {"name": "foo", "configuration": {}, "must_understand": False}],
]

ZARR2: list[Any] = [
    {"x": 1},
    {"zarr_format": 3},
    {"zarr_format": ...},
    {"shape": ...},
    {"chunks": ...},
    {"chunks": [0]},
    {"chunks": [2, 2]},
    {"dtype": ...},
    {"order": "X"},
    {"order": None},
    {"order": ...},
    {"filters": []},
    {"filters": ...},
    {"filters": None},
    {"filters": 1},
    {"dimension_separator": "/"},
    {"dimension_separator": "-"},
    {"dimension_separator": None},
    {"compressor": ...},
    {"compressor": {"id": "x"}},
    {"compressor": {}},
    {"compressor": "gzip"},
    {"compressor": {"id": "zlib"}},
    {"compressor": {"id": "zlib", "level": 10}},
    {"compressor": {"id": "gzip", "level": 0}},
    {"compressor": {"id": "bz2", "level": 0}},
    {"compressor": {"id": "bz2"}},
    {"compressor": {"id": "zstd"}},
    {"compressor": {"id": "zstd", "level": 23}},
    {"compressor": {"id": "blosc"}},
    {"compressor": {"id": "blosc", "shuffle": 3}},
    {"compressor": {"id": "blosc", "shuffle": -1}},
    {"compressor": {"id": "blosc", "shuffle": -2}},
    {"compressor": {"id": "blosc", "cname": "x"}},
    {"compressor": {"id": "blosc", "blocksize": -1}},
    {"compressor": {"id": "blosc", "clevel": "5"}},
    {"compressor": {"id": "blosc", "x": 1}},
    {"dtype": "|b1", "fill_value": True},
    {"dtype": "|b1", "fill_value": 1},
    {"dtype": "<u2"},
    {"dtype": ">u2"},
    {"dtype": "u2"},
    {"dtype": "|u2"},
    {"dtype": "<u1"},
    {"dtype": "<i3"},
    {"dtype": "<f2"},
    {"dtype": "<f16"},
    {"dtype": "<c8"},
    {"dtype": "<c16"},
    {"dtype": "<c32"},
    {"dtype": "|O"},
    {"dtype": "|S"},
    {"dtype": "S3"},
    {"dtype": "<S3"},
    {"dtype": "|V4"},
    {"dtype": "bfloat16"},
    {"dtype": "<bfloat16"},
    {"dtype": "int4"},
    {"dtype": [["x", "<u2"]]},
    {"dtype": [["x", "<u2"], ["x", "<u2"]]},
    {"dtype": [["", "<u2"]]},
    {"dtype": [["x", "<u2", [0]]]},
    {"dtype": [["x", "<u2", 2]]},
    {"dtype": [["x"]]},
    {"dtype": [["x", "<u2", [2], 3]]},
    {"dtype": 1},
    {"fill_value": ...},
    {"fill_value": None},
    {"fill_value": 256},
    {"fill_value": 1.0},
    {"fill_value": "1"},
    {"dtype": "<f4", "fill_value": "NaN"},
    {"dtype": "<f4", "fill_value": "1.5"},
    {"dtype": "<f4", "fill_value": "nan"},
    {"dtype": "<f4", "fill_value": "Infinity"},
    {"dtype": "<f4", "fill_value": "inf"},
    {"dtype": "<f4", "fill_value": "x"},
    {"dtype": "<c8", "fill_value": [1, 2]},
    {"dtype": "<c8", "fill_value": "AACAPwAAAEA="},
    {"dtype": "<c8", "fill_value": 1},
    {"dtype": "<c8", "fill_value": "x"},
    {"dtype": [["x", "<u2"], ["y", "|i1"]], "fill_value": "AQAC"},
    {"dtype": "<f4", "fill_value": "1e400"},
    {"dtype": "<f4", "fill_value": "-1e400"},
    {"dtype": "<f4", "fill_value": "1e5"},
    {"dtype": "<f4", "fill_value": " 1"},
    {"dtype": "<f4", "fill_value": "1 "},
    {"dtype": "<f4", "fill_value": "0x10"},
    {"dtype": "<f4", "fill_value": "-0x1p3"},
    {"dtype": "<f4", "fill_value": "+1"},
    {"dtype": "<f4", "fill_value": "1_0"},
    {"dtype": "<f4", "fill_value": ".5"},
    {"dtype": "<f4", "fill_value": "5."},
    {"dtype": "<f4", "fill_value": "e5"},
    {"dtype": "<f4", "fill_value": "infinity"},
    {"dtype": "<f4", "fill_value": "INF"},
    {"dtype": "<f4", "fill_value": "NAN"},
    {"dtype": "<f4", "fill_value": "-NaN"},
    {"dtype": "<f4", "fill_value": "-inf"},
]

N5: list[Any] = [
    {"blockSize": [2147483649]},
    {"dataType": "string"},
    {"dataType": "float16"},
    {"x": 1},
    {"dimensions": ...},
    {"blockSize": ...},
    {"blockSize": [0]},
    {"blockSize": [2, 2]},
    {"blockSize": [2147483648]},
    {"blockSize": [4294967296]},
    {"dataType": "int128"},
    {"dataType": "bool"},
    {"dataType": ...},
    {"compression": ...},
    {"compression": {"type": "x"}},
    {"compression": {}},
    {"compression": "raw"},
    {"compression": {"type": "raw", "x": 1}},
    {"compression": {"type": "gzip"}},
    {"compression": {"type": "gzip", "level": 10}},
    {"compression": {"type": "gzip", "level": -1}},
    {"compression": {"type": "gzip", "level": -2}},
    {"compression": {"type": "gzip", "useZlib": 1}},
    {"compression": {"type": "gzip", "useZlib": True}},
    {"compression": {"type": "bzip2"}},
    {"compression": {"type": "bzip2", "blockSize": 0}},
    {"compression": {"type": "bzip2", "blockSize": 10}},
    {"compression": {"type": "xz"}},
    {"compression": {"type": "xz", "preset": 10}},
    {"compression": {"type": "xz", "preset": -1}},
    {"compression": {"type": "zstd"}},
    {"compression": {"type": "zstd", "level": 30}},
    {"compression": {"type": "blosc"}},
    {"compression": {"type": "blosc", "cname": "lz4", "clevel": 5}},
    {"compression": {"type": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1}},
    {"compression": {"type": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 3}},
    {"compression": {"type": "blosc", "cname": "lz4", "clevel": 5, "shuffle": -1}},
    {"compression": {"type": "blosc", "cname": "snappy", "clevel": 5, "shuffle": 1}},
    {"axes": ["x"]},
    {"axes": ["x", "y"]},
    {"axes": [""]},
    {"axes": [None]},
    {"axes": "x"},
    {"axes": ["x", "x"], "dimensions": [2, 2], "blockSize": [1, 1]},
    {"units": ["nm"]},
    {"units": ["nm"], "resolution": [4]},
    {"resolution": [4]},
    {"units": ["4nm"]},
    {"units": ["4nm"], "resolution": [2]},
    {"units": ["nm", "x"]},
    {"resolution": ["4"]},
    {"units": [None]},
    {"units": [""], "resolution": [0]},
    {"resolution": [-1], "units": ["m"]},
    {"n5": "2.0.0"},
    {"fill_value": 1},
    {"dimensions": [0]},
    {"dimensions": [-1]},
    {"dimensions": [4611686018427387904]},
    {"dimensions": [], "blockSize": []},
]

GRID = {"name": "regular", "configuration": {"chunk_shape": [2]}}
NEW: dict[str, dict[str, Any]] = {
    "zarr3": {"shape": [4], "data_type": "uint8", "chunk_grid": GRID},
    "zarr": {"shape": [4], "chunks": [2], "dtype": "|u1"},
    "n5": {"dimensions": [4], "blockSize": [2], "dataType": "uint8"},
}
STORED: dict[str, dict[str, Any]] = {
    "zarr3": {
        **NEW["zarr3"],
        "zarr_format": 3,
        "node_type": "array",
        "chunk_key_encoding": {"name": "default"},
        "fill_value": 0,
        "codecs": [{"name": "bytes"}],
    },
    "zarr": {
        **NEW["zarr"],
        "zarr_format": 2,
        "compressor": None,
        "fill_value": 0,
        "order": "C",
        "filters": None,
    },
    "n5": {**NEW["n5"], "compression": {"type": "raw"}},
}
KEYS = {"zarr3": "zarr.json", "zarr": ".zarray", "n5": "attributes.json"}
CASES = [
    *(("zarr3", members) for members in ZARR3),
    *(("zarr3", {"codecs": codecs, **more}) for codecs in CODECS for more in ({}, {"data_type": "int16"})),
    *(("zarr", members) for members in ZARR2),
    *(("n5", members) for members in N5),
]


def told(function: Any, *arguments: Any) -> Any:
    """Return what a call returns, or the class and the text of its error."""
    try:
        return function(*arguments)
    except Exception as error:
        builtin = next(kind for kind in type(error).__mro__ if kind.__module__ == "builtins")
        return f"{builtin.__name__}: {re.sub(r' .tensorstore_spec=.*', '', str(error), flags=re.S)}"


def asked(ts: ModuleType, driver: str, members: dict[str, Any]) -> Any:
    """Return the document of a new array with such members, and how it shows itself."""
    metadata = {name: value for name, value in (NEW[driver] | members).items() if value is not ...}
    spec = {"driver": driver, "kvstore": "memory://", "metadata": metadata}
    store = ts.open(spec, create=True, context=ts.Context()).result()
    return store.kvstore[KEYS[driver]], repr(store.domain), repr(store.dimension_units)


def found(ts: ModuleType, driver: str, members: dict[str, Any]) -> Any:
    """Return what an array is whose document has such members."""
    document = {name: value for name, value in (STORED[driver] | members).items() if value is not ...}
    context = ts.Context()
    ts.KvStore.open("memory://", context=context).result()[KEYS[driver]] = json.dumps(document).encode()
    store = ts.open({"driver": driver, "kvstore": "memory://"}, context=context).result()
    fill = None if store.fill_value is None else store.fill_value.tolist()
    return store.spec().to_json()["metadata"], repr(store.domain), repr(fill), repr(store.dimension_units)


@pytest.mark.parametrize("driver", KEYS)
@pytest.mark.parametrize("how", [asked, found])
def test_each_member_is_taken_as_by_tensorstore_0_1_86(how: Any, driver: str) -> None:
    for kind, members in CASES:
        if kind == driver:
            assert told(how, tegula, driver, members) == told(how, tensorstore, driver, members), members


def codec(ts: ModuleType, codecs: Any) -> Any:
    """Return a specification of codecs, spelled out."""
    return ts.CodecSpec({"driver": "zarr3", "codecs": codecs}).to_json()


def test_codec_specifications_are_taken_as_by_tensorstore_0_1_86() -> None:
    for codecs in CODECS:
        assert told(codec, tegula, codecs) == told(codec, tensorstore, codecs), codecs
