"""What metadata may say of codecs, in the words of tensorstore 0.1.86."""

from __future__ import annotations

import pytest

from tegula.codecs import compressor
from tegula.codecs.sequence import parse
from tegula.errors import FailedPrecondition, InvalidArgument, TegulaError
from tegula.schema.codecspec import CodecSpec

tensorstore = pytest.importorskip("tensorstore")
pytestmark = pytest.mark.peers


def _transpose(order: object) -> dict:
    return {"name": "transpose", "configuration": {"order": order}}


def _one(name: str, **configuration: object) -> dict:
    return {"name": name, "configuration": configuration}


CODECS = [
    [],
    ["bytes"],
    ["gzip"],
    ["bytes", "gzip"],
    ["gzip", "bytes"],
    ["bytes", "bytes"],
    ["transpose"],
    [_transpose([0, 1])],
    [_transpose("F"), "bytes"],
    [_transpose([0, 0])],
    [_transpose("X")],
    [_transpose([0, 1.5])],
    [_transpose([-1])],
    ["bytes", _transpose([0])],
    [_one("bytes", endian="medium")],
    [_one("bytes", endian="big")],
    [_one("bytes", x=1)],
    [_one("gzip", level=10)],
    [_one("gzip", level="a")],
    [_one("gzip", level=5.0)],
    [_one("gzip", level=5, q=1)],
    [{"name": "gzip", "extra": 1}],
    [{"name": "gzip", "must_understand": False}],
    [{"name": "nothing"}],
    [{}],
    [5],
    5,
    "gzip",
    [None],
    [{"name": "gzip", "configuration": 5}],
    [{"name": 5}],
    [_one("zstd", level=23)],
    [_one("zstd", level=-131072)],
    [_one("zstd", checksum=1)],
    [_one("zstd", checksum=True)],
    [_one("blosc", cname="nothing")],
    [_one("blosc", cname=5)],
    [_one("blosc", clevel=10)],
    [_one("blosc", shuffle="x")],
    [_one("blosc", shuffle=1)],
    [_one("blosc", typesize=300)],
    [_one("blosc", typesize=0)],
    [_one("blosc", blocksize=-1)],
    ["crc32c"],
    [_one("crc32c", a=1)],
    ["zlib"],
    ["bz2"],
]
COMPRESSORS = [
    None,
    {},
    {"id": "gzip"},
    {"id": "gzip", "level": 10},
    {"id": "gzip", "x": 1},
    {"id": "zlib"},
    {"id": "bz2"},
    {"id": "bz2", "level": 0},
    {"id": "zstd"},
    {"id": "zstd", "level": 23},
    {"id": "zstd", "checksums": False},
    {"id": "blosc"},
    {"id": "blosc", "cname": "nothing"},
    {"id": "blosc", "shuffle": 3},
    {"id": "blosc", "shuffle": 0, "cname": "zstd", "clevel": 9, "blocksize": 5},
    {"id": "blosc", "blocksize": -1},
    {"id": "blosc", "typesize": 4},
    {"id": "snappy"},
    "gzip",
    5,
    {"id": 5},
]


def _told(function: object, *arguments: object) -> object:
    try:
        return function(*arguments)  # type: ignore[operator]
    except (TegulaError, ValueError) as error:
        return str(error)


@pytest.mark.parametrize("codecs", CODECS, ids=repr)
def test_zarr3_codecs_are_read_as_by_tensorstore_0_1_86(codecs: object) -> None:
    json = {"driver": "zarr3", "codecs": codecs}
    theirs = _told(lambda: tensorstore.CodecSpec(json).to_json())
    ours = _told(lambda: CodecSpec(json).to_json())
    assert ours == theirs


@pytest.mark.parametrize("compression", COMPRESSORS, ids=repr)
def test_zarr2_compressors_are_read_as_by_tensorstore_0_1_86(compression: object) -> None:
    json = {"driver": "zarr", "compressor": compression}
    theirs = _told(lambda: tensorstore.CodecSpec(json).to_json())
    ours = _told(lambda: CodecSpec(json).to_json())
    assert ours == theirs


PAIRS = [
    (["gzip"], ["gzip"]),
    (["gzip"], [_one("gzip", level=3)]),
    ([_one("gzip", level=3)], [_one("gzip", level=4)]),
    (["gzip"], ["zstd"]),
    (["gzip"], []),
    ([_transpose([1, 0]), "gzip"], ["gzip"]),
    ([_transpose([1, 0]), "gzip"], [_transpose([0, 1]), "gzip"]),
    ([_transpose([1, 0])], [_transpose("F")]),
    ([_one("bytes", endian="big")], [_one("bytes", endian="little")]),
    ([_one("bytes", endian="big")], ["bytes"]),
    (["gzip", "crc32c"], ["gzip"]),
]


@pytest.mark.parametrize(("first", "second"), PAIRS, ids=repr)
def test_zarr3_codecs_merge_as_in_tensorstore_0_1_86(first: list, second: list) -> None:
    def merged(library: object) -> object:
        schema = library.Schema(codec=library.CodecSpec({"driver": "zarr3", "codecs": first}))  # type: ignore[attr-defined]
        schema.update(codec=library.CodecSpec({"driver": "zarr3", "codecs": second}))  # type: ignore[attr-defined]
        return schema.codec.to_json()

    from types import SimpleNamespace

    from tegula.schema.schema import Schema

    theirs = _told(merged, tensorstore)
    ours = _told(merged, SimpleNamespace(Schema=Schema, CodecSpec=CodecSpec))
    assert ours == theirs


def test_a_sequence_resolves_to_itself() -> None:
    import numpy as np

    found = parse(["blosc", "crc32c"])
    resolved, chain = found.resolve(np.dtype("int32"), (4,))
    assert resolved.resolve(np.dtype("int32"), (4,)) == (resolved, chain)
    assert parse(resolved.to_json(), stored=True) == resolved
    assert found.merge(resolved) == resolved


def test_contradictions_raise() -> None:
    with pytest.raises(FailedPrecondition, match='Incompatible "level": 1 vs 2'):
        parse([_one("gzip", level=1)]).merge(parse([_one("gzip", level=2)]))
    with pytest.raises(InvalidArgument, match='"snappy" is not registered'):
        compressor.parse({"id": "snappy"})
