"""Codecs that users write or take from numcodecs: registered by name, in a process or by an entry point."""

from __future__ import annotations

import pickle
import textwrap
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest

import tegula as ts
from tegula.errors import FailedPrecondition, InvalidArgument
from tests.children import printed


class Xor:
    """Every byte by a key; the size stays."""

    def __init__(self, key: int, table: list[int] | None = None) -> None:
        if not 0 <= key < 256:
            raise ValueError("a key is a byte")
        self.key = key
        self.table = table

    def encoded_size(self, size: int) -> int:
        return size

    def encode(self, data: bytes) -> bytes:
        return bytes(each ^ self.key for each in data)

    def decode(self, data: bytes, size: int) -> bytes:
        del size
        return self.encode(data)


ts.register_codec("test-xor", Xor)
SPECS: dict[str, dict[str, Any]] = {
    "zarr3": {
        "shape": [5],
        "data_type": "int16",
        "codecs": ["bytes", {"name": "test-xor", "configuration": {"key": 7, "table": [1, 2]}}, "crc32c"],
    },
    "zarr": {"shape": [5], "dtype": "<i2", "compressor": {"id": "test-xor", "key": 7}, "filters": None},
    "n5": {
        "dimensions": [5],
        "blockSize": [5],
        "dataType": "int16",
        "compression": {"type": "test-xor", "key": 7},
    },
}


@pytest.mark.parametrize("driver", SPECS)
def test_a_class_is_a_codec_of_each_format(driver: str, tmp_path: Path) -> None:
    spec = {"driver": driver, "kvstore": f"file://{tmp_path}/"}
    store = ts.open({**spec, "metadata": SPECS[driver]}, create=True).result()
    store.write(np.arange(5, dtype="i2")).result()
    found = ts.open(spec).result()
    assert found.read().result().tolist() == [0, 1, 2, 3, 4]
    assert (
        '"key":7'
        in (tmp_path / {"zarr3": "zarr.json", "zarr": ".zarray", "n5": "attributes.json"}[driver]).read_text()
    )
    assert pickle.loads(pickle.dumps(found)).read().result().tolist() == [0, 1, 2, 3, 4]
    assert found.codec is not None
    assert "test-xor" in repr(found.codec)
    value = next(each for each in tmp_path.rglob("0"))
    value.write_bytes(value.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"Not enough data|Digest mismatch|truncated|DATA_LOSS"):
        found.read().result()


def test_filters_and_shards(tmp_path: Path) -> None:
    spec = {"driver": "zarr", "kvstore": f"file://{tmp_path}/a/"}
    xor = {"id": "test-xor", "key": 255}
    metadata = {
        "shape": [5],
        "dtype": "<i2",
        "compressor": {"id": "zlib"},
        "filters": [{"id": "shuffle"}, xor],
    }
    metadata["filters"][0]["elementsize"] = 2  # type: ignore[index]
    ts.open({**spec, "metadata": metadata}, create=True).result().write([1, 2, 3, 4, 5]).result()
    assert ts.open(spec).result().read().result().tolist() == [1, 2, 3, 4, 5]
    inner = {"name": "test-xor", "configuration": {"key": 1}}
    shards = {"chunk_shape": [2], "codecs": ["bytes", inner], "index_codecs": ["bytes", inner]}
    codecs = [{"name": "sharding_indexed", "configuration": shards}]
    store = ts.open(
        {"driver": "zarr3", "kvstore": f"file://{tmp_path}/b/", "metadata": {"codecs": codecs}},
        create=True,
        dtype="int16",
        shape=[6],
    ).result()
    store[1:4] = [1, 2, 3]
    assert store.read().result().tolist() == [0, 1, 2, 3, 0, 0]


def test_a_codec_of_numcodecs(tmp_path: Path) -> None:
    class Half(numcodecs.abc.Codec):  # type: ignore[misc]
        codec_id = "test-half"

        def __init__(self, fill: int = 0) -> None:
            self.fill = fill

        def encode(self, buf: Any) -> Any:
            return np.ascontiguousarray(buf).view("u1")[::2]

        def decode(self, buf: Any, out: Any = None) -> Any:
            found = np.frombuffer(buf, "u1")
            return np.stack([found, np.full_like(found, self.fill)], 1).reshape(-1)

    ts.register_codec("numcodecs.test-half", Half)
    codecs = ["bytes", {"name": "numcodecs.test-half", "configuration": {}}]
    spec = {"driver": "zarr3", "kvstore": f"file://{tmp_path}/", "metadata": {"codecs": codecs}}
    store = ts.open(spec, create=True, dtype="uint16", shape=[4]).result()
    store.write([1, 2, 3, 255]).result()
    assert store.read().result().tolist() == [1, 2, 3, 255]
    assert (tmp_path / "c/0").read_bytes() == b"\1\2\3\xff"


def test_what_a_codec_does_wrong_is_told(tmp_path: Path) -> None:
    class Wrong:
        def __init__(self, how: str = "short") -> None:
            self.how = how

        def encode(self, data: bytes) -> bytes:
            if self.how == "encode":
                raise RuntimeError("no")
            return data

        def decode(self, data: bytes, size: int) -> bytes:
            if self.how == "raise":
                raise RuntimeError("bad luck")
            return data[:-1] if self.how == "short" else data + data

    ts.register_codec("test-wrong", Wrong)
    for how, why in [("short", "Not enough data"), ("long", "End of data"), ("raise", "bad luck")]:
        codecs = ["bytes", {"name": "test-wrong", "configuration": {"how": how}}]
        spec = {"driver": "zarr3", "kvstore": f"file://{tmp_path}/{how}/", "metadata": {"codecs": codecs}}
        store = ts.open(spec, create=True, dtype="uint16", shape=[4]).result()
        store.write([1, 2, 3, 4]).result()
        with pytest.raises(FailedPrecondition, match=why):
            store.read().result()
    codecs = ["bytes", {"name": "test-wrong", "configuration": {"how": "encode"}}]
    spec = {"driver": "zarr3", "kvstore": "memory://encode/", "metadata": {"codecs": codecs}}
    with pytest.raises(InvalidArgument, match="did not encode"):
        ts.open(spec, create=True, dtype="uint16", shape=[4]).result().write([1, 2, 3, 4]).result()


def test_what_a_document_says_is_checked() -> None:
    def said(**members: Any) -> None:
        codecs = ["bytes", {"name": "test-xor", "configuration": members}]
        spec = {"driver": "zarr3", "kvstore": "memory://said/", "metadata": {"codecs": codecs}}
        ts.open(spec, create=True, dtype="uint16", shape=[4]).result()

    with pytest.raises(InvalidArgument, match="a key is a byte"):
        said(key=256)
    with pytest.raises(InvalidArgument, match="member is missing"):
        said()
    with pytest.raises(InvalidArgument, match="extra members"):
        said(key=1, other=2)


def test_names_and_classes_are_checked() -> None:
    for name in ("gzip", "zstd", "lz4", "numcodecs.lz4", "bytes", ""):
        with pytest.raises(InvalidArgument):
            ts.register_codec(name, Xor)
    for codec in (object, Xor(1), "numcodecs:Zlib"):
        with pytest.raises(TypeError, match="a codec is a class"):
            ts.register_codec("test-none", codec)


def test_an_entry_point_names_a_codec(tmp_path: Path) -> None:
    """As pip would install it: a module, and its entry points beside it."""
    (tmp_path / "scrambled.py").write_text(
        textwrap.dedent(
            """
            class Reversed:
                def encode(self, data):
                    return data[::-1]

                def decode(self, data, size):
                    return data[::-1]
            """
        )
    )
    info = tmp_path / "scrambled-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: scrambled\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[tegula.codecs]\nreversed = scrambled:Reversed\n")
    code = """
        import sys, tegula as ts
        spec = {"driver": "zarr3", "kvstore": "memory://a/", "metadata": {"codecs": ["bytes", "reversed"]}}
        assert "scrambled" not in sys.modules
        store = ts.open(spec, create=True, dtype="uint8", shape=[3]).result()
        store.write([1, 2, 3]).result()
        print(store.kvstore["c/0"], store.read().result().tolist())
        """
    assert printed(code, tmp_path) == "b'\\x03\\x02\\x01' [1, 2, 3]\n"
