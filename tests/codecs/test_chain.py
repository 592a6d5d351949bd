"""The chain: exact sizes, no copies where none are needed, and values that survive a pickle."""

from __future__ import annotations

import pickle

import ml_dtypes
import numcodecs.blosc
import numpy as np
import pytest

from tegula.codecs.blosc import Blosc
from tegula.codecs.bz2 import Bz2
from tegula.codecs.chain import CodecChain
from tegula.codecs.crc32c import Crc32c
from tegula.codecs.gzip import Gzip
from tegula.codecs.sequence import parse
from tegula.codecs.zlib import Zlib
from tegula.codecs.zstd import Zstd
from tegula.errors import DataLoss, FailedPrecondition, InvalidArgument, TegulaError

STEPS = {
    "raw": (),
    "gzip": (Gzip(),),
    "zlib": (Zlib(),),
    "bz2": (Bz2(),),
    "zstd": (Zstd(),),
    "zstd_checked": (Zstd(1, True),),
    "blosc": (Blosc("lz4", 5, 1, 4),),
    "blosc_bits": (Blosc("zstd", 3, 2, 4),),
    "blosc_plain": (Blosc("blosclz", 9, 0, 1),),
    "crc32c": (Crc32c(),),
    "gzip_crc32c": (Gzip(1), Crc32c()),
    "crc32c_gzip": (Crc32c(), Gzip(1)),
    "gzip_zstd": (Gzip(1), Zstd()),
    "blosc_gzip_crc32c": (Blosc(), Gzip(), Crc32c()),
}
INT32 = np.dtype("int32")
SHAPE = (8, 12, 10)


def chain(steps: tuple = (), order: tuple = (0, 1, 2), stored: str = "<i4") -> CodecChain:
    return CodecChain(SHAPE, INT32, np.dtype(stored), order, steps)


@pytest.fixture
def values() -> np.ndarray:
    return (np.arange(960, dtype="int32") // 3).reshape(SHAPE)


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("stored", ["<i4", ">i4"])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_decode_undoes_encode(name: str, stored: str, order: tuple, values: np.ndarray) -> None:
    made = chain(STEPS[name], order, stored)
    data = made.encode(values)
    assert len(made.decode_bytes(data)) == made.nbytes
    decoded = made.decode(data)
    assert decoded.shape == SHAPE
    assert decoded.dtype == INT32
    assert np.array_equal(decoded, values)


def test_any_strides_are_encoded(values: np.ndarray) -> None:
    made = chain()
    assert made.encode(np.asfortranarray(values)) == made.encode(values) == values.tobytes()
    wide = np.zeros((8, 24, 10), "int32")
    wide[:, ::2] = values
    assert made.encode(wide[:, ::2]) == values.tobytes()
    assert made.encode(values.astype(">i4")) == values.tobytes()


def test_stored_bytes_are_the_permuted_array(values: np.ndarray) -> None:
    assert chain(order=(1, 2, 0)).encode(values) == values.transpose(1, 2, 0).tobytes()


def test_raw_bytes_are_returned_as_they_are(values: np.ndarray) -> None:
    made = chain()
    data = bytes(values.tobytes())
    out = memoryview(bytearray(made.nbytes))
    assert made.raw
    assert made.decode_bytes(data) is data
    assert made.decode_bytes(data, out) is data
    assert np.shares_memory(made.decode(data), np.frombuffer(data, "u1"))


@pytest.mark.parametrize("name", ["blosc", "blosc_gzip_crc32c"])
def test_a_codec_that_can_decodes_into_the_buffer_given(name: str, values: np.ndarray) -> None:
    made = chain(STEPS[name])
    out = memoryview(bytearray(made.nbytes))
    assert made.decode_bytes(made.encode(values), out) is out
    assert bytes(out) == values.tobytes()


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
@pytest.mark.parametrize("name", STEPS)
def test_any_buffer_is_decoded(name: str, kind: type, values: np.ndarray) -> None:
    made = chain(STEPS[name])
    assert bytes(made.decode_bytes(kind(bytes(made.encode(values))))) == values.tobytes()


@pytest.mark.parametrize("name", STEPS)
def test_values_compare_hash_and_pickle(name: str) -> None:
    made = chain(STEPS[name], (2, 0, 1), ">i4")
    again = pickle.loads(pickle.dumps(made))
    assert again == made
    assert hash(again) == hash(made)
    assert repr(again) == repr(made)
    assert (again.nbytes, again.raw, again.swap) == (made.nbytes, made.raw, True)
    assert made != chain(STEPS[name], (2, 1, 0), ">i4")


def test_another_shape_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="Chunk of shape"):
        chain().encode(np.zeros((8, 12), "int32"))


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("wrong", ["short", "long", "empty"])
def test_an_encoding_of_another_size_is_an_error(name: str, wrong: str, values: np.ndarray) -> None:
    data = {"short": values.tobytes()[:-4], "long": values.tobytes() + b"1234", "empty": b""}[wrong]
    encoded: object = memoryview(np.frombuffer(data, "u1"))
    for step in STEPS[name]:
        encoded = step.encode(encoded)
    with pytest.raises((FailedPrecondition, DataLoss)):
        chain(STEPS[name]).decode_bytes(encoded)


@pytest.mark.parametrize("name", STEPS)
def test_bytes_after_the_end_are_an_error(name: str, values: np.ndarray) -> None:
    made = chain(STEPS[name])
    data = bytes(made.encode(values))
    for extra in (b"\0", b"garbage", data):
        with pytest.raises(TegulaError):
            made.decode_bytes(data + extra)


def test_a_bool_is_0_or_1() -> None:
    made = CodecChain((4,), np.dtype(bool), np.dtype(bool), (0,))
    assert made.decode(b"\0\1\1\0").tolist() == [False, True, True, False]
    with pytest.raises(FailedPrecondition, match=r"^FAILED_PRECONDITION: Invalid bool value: 2; at byte 2$"):
        made.decode_bytes(b"\0\1\2\xff")


@pytest.mark.parametrize("endian", ["little", "big"])
@pytest.mark.parametrize(
    "dtype",
    [
        "bool",
        "i1",
        "u2",
        "i8",
        "f2",
        "f8",
        "c8",
        "c16",
        ml_dtypes.bfloat16,
        ml_dtypes.int4,
        ml_dtypes.float8_e5m2,
    ],
)
def test_every_type_in_both_byte_orders(dtype: object, endian: str) -> None:
    native = np.dtype(dtype)
    given = [{"name": "transpose", "configuration": {"order": "F"}}, _bytes(endian), "zstd"]
    made = parse(given).resolve(native, (3, 4))[1]
    values = np.arange(12).astype("float32").astype(native).reshape(3, 4)
    decoded = made.decode(made.encode(values))
    assert decoded.dtype == native
    assert decoded.tobytes() == values.tobytes()


def _bytes(endian: str) -> dict:
    return {"name": "bytes", "configuration": {"endian": endian}}


def test_a_stream_without_a_declared_size_is_decoded_and_bounded() -> None:
    def frame(blocks: int) -> bytes:
        # zstd, no content size: 128 KiB of zeros a block of four bytes (run-length)
        run = [(i == blocks - 1) | 1 << 1 | (128 << 10) << 3 for i in range(blocks)]
        return b"\x28\xb5\x2f\xfd\0\x50" + b"".join(header.to_bytes(3, "little") + b"\0" for header in run)

    assert Zstd().decode(frame(2), 256 << 10, True, None) == bytes(256 << 10)
    assert Zstd().decode(frame(2), 1 << 20, False, None) == bytes(256 << 10)
    with pytest.raises(FailedPrecondition, match="End of data expected"):
        Zstd().decode(frame(1000), 1 << 20, False, None)
    with pytest.raises(FailedPrecondition):
        Zstd().decode(frame(1000), 1 << 20, True, None)


def test_fast_inflation_falls_back_to_its_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    import zlib

    from tegula.codecs import deflate

    data = zlib.compress(b"abc" * 100)
    monkeypatch.setattr(deflate, "_fast", zlib.decompressobj)
    assert deflate.inflate(data, 300, True, deflate.ZLIB) == b"abc" * 100


@pytest.mark.parametrize("typesize", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_blosc_shuffles_elements_of_its_own_size_whatever_it_is_given(kind: type, typesize: int) -> None:
    data = (np.arange(6000, dtype="<u4") * 7919).tobytes()
    ours = Blosc("lz4", 5, 1, typesize).encode(kind(data))
    assert ours[3] == typesize
    assert ours == numcodecs.blosc.compress(data, b"lz4", 5, 1, 0, typesize)
