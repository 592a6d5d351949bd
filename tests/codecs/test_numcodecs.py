"""The codecs of numcodecs: what zarr 3.1.6 writes with them is read, and it reads what is written over it."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from struct import pack
from typing import Any

import numcodecs
import numpy as np
import pytest
import zarr
from numcodecs.checksum32 import CRC32C, JenkinsLookup3
from numcodecs.fletcher32 import Fletcher32
from numcodecs.pcodec import PCodec
from numcodecs.zfpy import ZFPY

import tegula as ts
from tegula.codecs import compressor
from tegula.codecs.blosc import Blosc
from tegula.codecs.lz4_stream import Lz4Stream
from tegula.errors import DataLoss, FailedPrecondition, InvalidArgument, TegulaError

pytestmark = pytest.mark.peers


@pytest.fixture(autouse=True)
def _no_warnings() -> Iterator[None]:
    """zarr warns of each of these codecs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def drawn(dtype: str, seed: int = 0) -> Any:
    random = np.random.default_rng(seed).random((7, 5))
    return random > 0.5 if "b" in dtype else (random * 1000).astype(dtype)


def agree(path: Path, driver: str, theirs: Any, dtype: str) -> None:
    """Both libraries read what either wrote, in whole and in part."""
    theirs[...] = drawn(dtype)
    spec = {"driver": driver, "kvstore": f"file://{path}/"}
    ours = ts.open(spec).result()
    assert np.array_equal(ours.read().result(), theirs[...])
    ours.write(drawn(dtype, 1)).result()
    ours[1:3, 4] = drawn(dtype, 2)[1:3, 4]
    found = ours.read().result()
    assert np.array_equal(zarr.open_array(path, mode="r")[...], found)
    # the same metadata make the same array anew
    again = {**spec, "kvstore": f"file://{path}-again/", "metadata": ours.spec().to_json()["metadata"]}
    copy = ts.open(again, create=True).result()
    copy.write(found).result()
    assert np.array_equal(zarr.open_array(f"{path}-again", mode="r")[...], copy.read().result())


VERSION_2: dict[str, tuple[str, list[Any] | None, Any]] = {
    "delta": ("<i4", [numcodecs.Delta("<i4")], None),
    "delta to small, big-endian": (">i4", [numcodecs.Delta(">i4", "<i2")], numcodecs.LZ4()),
    "delta of booleans": ("|b1", [numcodecs.AsType("u1", "b1"), numcodecs.Delta("u1")], None),
    "fixedscaleoffset": ("<f8", [numcodecs.FixedScaleOffset(1000, 10, "<f8", "u2")], numcodecs.LZMA()),
    "packbits": ("|b1", [numcodecs.PackBits()], numcodecs.Zlib()),
    "quantize": ("<f4", [numcodecs.Quantize(2, "<f4")], numcodecs.Blosc()),
    "bitround": ("<f4", [numcodecs.BitRound(5)], numcodecs.Zstd()),
    "astype": ("<i4", [numcodecs.AsType("<i8", "<i4")], None),
    "shuffle": ("<i4", [numcodecs.Shuffle(4)], numcodecs.LZ4(acceleration=3)),
    "shuffle as a compressor": ("<i4", None, numcodecs.Shuffle(4)),
    "four filters": (
        "<u2",
        [numcodecs.Delta("<u2"), numcodecs.Shuffle(2), numcodecs.Zlib(), numcodecs.CRC32()],
        None,
    ),
    "base64": ("<u2", [numcodecs.Base64()], None),
    "lzma without a container": ("<u2", None, numcodecs.LZMA(format=3, filters=[{"id": 33, "preset": 3}])),
    "lzma alone": ("<u2", None, numcodecs.LZMA(format=2)),
    "checksums": ("<u2", [Fletcher32()], numcodecs.Adler32()),
    "more checksums": ("<u2", [JenkinsLookup3()], CRC32C()),
    "a checksum at the end": ("<u2", [numcodecs.CRC32(location="end")], None),
    "pcodec": ("<f8", None, PCodec(level=4)),
    "zfpy": ("<f4", None, ZFPY(tolerance=0.001)),
}


ORDERS = [(name, order) for name in VERSION_2 for order in "CF"]
ORDERS.remove(("zfpy", "F"))  # zarr itself refuses it


@pytest.mark.parametrize(("name", "order"), ORDERS)
def test_what_zarr_wrote_in_version_2_is_read_and_rewritten(tmp_path: Path, name: str, order: str) -> None:
    dtype, filters, last = VERSION_2[name]
    path = tmp_path / "array"
    theirs = zarr.create_array(
        path,
        shape=(7, 5),
        chunks=(4, 3),
        dtype=dtype,
        zarr_format=2,
        filters=filters,  # type: ignore[arg-type]
        compressors=last,
        order=order,  # type: ignore[arg-type]
        fill_value=0,
    )
    agree(path, "zarr", theirs, dtype)


def _version_3() -> dict[str, tuple[str, dict[str, Any]]]:
    from zarr.codecs import GzipCodec, TransposeCodec
    from zarr.codecs import numcodecs as n

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {
            "delta": ("int32", {"filters": [n.Delta(dtype="<i4")]}),
            "delta to small": (
                "int32",
                {"filters": [n.Delta(dtype="<i4", astype="<i2")], "compressors": [n.LZ4()]},
            ),
            "fixedscaleoffset": (
                "float64",
                {
                    "filters": [n.FixedScaleOffset(offset=1000, scale=10, dtype="<f8", astype="<u2")],
                    "compressors": [n.LZMA(preset=1)],
                },
            ),
            "types left out": (
                "float64",
                {"filters": [n.FixedScaleOffset(offset=1000, scale=10, astype="<u2")]},
            ),
            "packbits": ("bool", {"filters": [n.PackBits()], "compressors": [n.Zlib(level=3)]}),
            "quantize": (
                "float32",
                {
                    "filters": [n.Quantize(digits=2)],
                    "compressors": [n.Blosc(cname="zstd", clevel=3, shuffle=1)],
                },
            ),
            "bitround": ("float32", {"filters": [n.BitRound(keepbits=5)], "compressors": [n.Zstd(level=2)]}),
            "astype": ("int32", {"filters": [n.AsType(encode_dtype="<i8", decode_dtype="<i4")]}),
            "transpose, astype": (
                "int32",
                {"filters": [TransposeCodec(order=(1, 0)), n.AsType(encode_dtype="<i8", decode_dtype="<i4")]},
            ),
            "astype, transpose": (
                "int32",
                {"filters": [n.AsType(encode_dtype="<i8", decode_dtype="<i4"), TransposeCodec(order=(1, 0))]},
            ),
            "shuffle": ("int32", {"compressors": [n.Shuffle(), n.GZip(level=2)]}),
            "bz2": ("int32", {"compressors": [n.BZ2(level=2)]}),
            "checksums": ("int32", {"compressors": [n.CRC32(), n.Adler32()]}),
            "more checksums": ("int32", {"compressors": [n.CRC32C(), n.Fletcher32(), n.JenkinsLookup3()]}),
            "a checksum at the end": ("int32", {"compressors": [n.CRC32(location="end")]}),
            "in shards": (
                "int32",
                {"filters": [n.Delta(dtype="<i4")], "compressors": [n.LZ4()], "shards": (8, 6)},
            ),
            "pcodec": ("float32", {"serializer": n.PCodec(level=8)}),
            "pcodec, gzip": ("float64", {"serializer": n.PCodec(), "compressors": [GzipCodec()]}),
            "zfpy": ("float32", {"serializer": n.ZFPY(mode=4, tolerance=0.01)}),
            "zfpy at a rate": ("float64", {"serializer": n.ZFPY(mode=2, rate=48)}),
        }


VERSION_3 = _version_3()


@pytest.mark.parametrize("name", VERSION_3)
def test_what_zarr_wrote_in_version_3_is_read_and_rewritten(tmp_path: Path, name: str) -> None:
    dtype, options = VERSION_3[name]
    path = tmp_path / "array"
    theirs = zarr.create_array(
        path, shape=(7, 5), chunks=(4, 3), dtype=dtype, fill_value=0, **{"compressors": None, **options}
    )
    agree(path, "zarr3", theirs, dtype)


def test_zstd_of_version_2_may_have_a_checksum(tmp_path: Path) -> None:
    metadata = {"shape": [9], "dtype": "<i4", "compressor": {"id": "zstd", "level": 3, "checksum": True}}
    store = ts.open(
        {"driver": "zarr", "kvstore": f"file://{tmp_path}/", "metadata": metadata}, create=True
    ).result()
    store.write(np.arange(9, dtype="i4")).result()
    assert zarr.open_array(tmp_path, mode="r")[...].tolist() == list(range(9))
    value = bytearray((tmp_path / "0").read_bytes())
    value[-1] ^= 1
    (tmp_path / "0").write_bytes(value)
    with pytest.raises(TegulaError):
        store.read().result()


@pytest.mark.parametrize(
    "name", ["pickle", "json2", "msgpack2", "vlen-utf8", "vlen-bytes", "vlen-array", "categorize"]
)
def test_codecs_of_python_objects_are_named_as_such(name: str) -> None:
    with pytest.raises(InvalidArgument, match="stores Python objects"):
        compressor.parse_filters([{"id": name}])


@pytest.mark.parametrize(
    ("found", "why"),
    [
        ({"id": "delta"}, "data type of numbers, but member is missing"),
        ({"id": "delta", "dtype": "O"}, "Expected data type of numbers"),
        ({"id": "delta", "dtype": "i4,(9999,9999)f8"}, "Expected data type of numbers"),
        ({"id": "astype", "encode_dtype": "i4"}, "data type of numbers, but member is missing"),
        ({"id": "bitround"}, "Expected number"),
        ({"id": "shuffle", "elementsize": 0}, "Expected integer"),
        ({"id": "lzma", "format": 9}, "Expected integer"),
        ({"id": "lzma", "filters": [{"id": 33, "x": 1}]}, "extra members"),
        ({"id": "crc32", "location": "middle"}, 'one of "start", "end"'),
        ({"id": "lz4", "level": 1}, "extra members"),
    ],
)
def test_malformed_filters_are_refused(found: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidArgument, match=why):
        compressor.parse_filters([found])


@pytest.mark.parametrize(
    ("codecs", "why"),
    [
        ([{"name": "numcodecs.bitround", "configuration": {"keepbits": 3}}], "floating-point"),
        ([{"name": "numcodecs.packbits"}], "booleans"),
        (
            [{"name": "numcodecs.delta"}, {"name": "transpose", "configuration": {"order": "F"}}],
            "no transpose",
        ),
        ([{"name": "numcodecs.delta"}, {"name": "sharding_indexed"}], "inner chunks"),
        ([{"name": "numcodecs.pickle"}], "not registered"),
    ],
)
def test_codecs_that_do_not_fit_are_refused(codecs: list[Any], why: str) -> None:
    metadata = {"shape": [4, 4], "data_type": "int32", "codecs": codecs}
    with pytest.raises(TegulaError, match=why):
        ts.open({"driver": "zarr3", "kvstore": "memory://fit/", "metadata": metadata}, create=True).result()


@pytest.mark.parametrize("typesize", [1, 2, 3, 4, 8, 16, 20])
@pytest.mark.parametrize("shuffle", [0, 1, 2])
def test_blosc_shuffles_elements(typesize: int, shuffle: int) -> None:
    """The header and the size are those of numcodecs; a remainder of an element is kept, too."""
    for data in (np.arange(20000, dtype="<i4").tobytes(), bytes(range(101))):
        ours = Blosc("lz4", 5, shuffle, typesize).encode(data)
        theirs = numcodecs.blosc.compress(data, b"lz4", 5, shuffle, typesize=typesize)
        assert ours[:4] == theirs[:4]
        assert abs(len(ours) - len(theirs)) < 16 + len(theirs) // 10
        assert bytes(Blosc().decode(ours, len(data), True, None)) == data


def test_lz4_of_n5(tmp_path: Path) -> None:
    metadata = {
        "dimensions": [300, 2],
        "blockSize": [200, 2],
        "dataType": "uint16",
        "compression": {"type": "lz4", "blockSize": 64},
    }
    spec = {"driver": "n5", "kvstore": f"file://{tmp_path}/"}
    store = ts.open({**spec, "metadata": metadata}, create=True).result()
    values = np.arange(600, dtype="u2").reshape(300, 2) // 9
    store.write(values).result()
    assert np.array_equal(ts.open(spec).result().read().result(), values)
    value = (tmp_path / "0/0").read_bytes()
    assert value[12:20] == b"LZ4Block"
    assert value[-21:] == b"LZ4Block\x10" + bytes(12)  # blocks of 64 bytes are of level 0
    assert json.loads((tmp_path / "attributes.json").read_text())["compression"] == metadata["compression"]


def test_a_stream_that_lz4_java_would_write() -> None:
    """By hand: 12 literals, XXH32 of "Hello, N5!!\\n" with lz4-java's seed, without its upper four bits."""
    from xxhash import xxh32

    text = b"Hello, N5!!\n"
    block = bytes([12 << 4]) + text
    digest = int(xxh32(text, seed=0x9747B28C).intdigest()) & 0x0FFFFFFF
    head = b"LZ4Block" + b"\x26" + pack("<III", len(block), len(text), digest)
    end = b"LZ4Block" + b"\x16" + bytes(12)
    stream = Lz4Stream()
    assert bytes(stream.decode(head + block + end, 12, True, None)) == text
    assert stream.encode(text)[8] == 0x16  # such a block is stored as it is
    assert stream.encode(bytes(1000))[8] == 0x26
    wrong = bytearray(head + block + end)
    wrong[17] ^= 1
    with pytest.raises(DataLoss, match="checksum"):
        stream.decode(bytes(wrong), 12, True, None)
    for size in (11, 13):
        with pytest.raises(FailedPrecondition):
            stream.decode(head + block + end, size, True, None)
    for cut in range(len(head + block + end)):
        with pytest.raises(FailedPrecondition):
            stream.decode((head + block + end)[:cut], 12, True, None)
