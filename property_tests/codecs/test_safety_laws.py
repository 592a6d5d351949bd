"""Decoders meet arbitrary bytes: they decode or raise, in bounded memory, without reading past the end.

The input of each decode lies against the end of a page that must not be touched (`guarded`), so that a
read past the end ends the process instead of passing unnoticed.
"""

from __future__ import annotations

import ctypes
import gzip
import mmap
import os
import random
import subprocess
import sys
import textwrap
import zlib
from typing import Any

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from tegula.codecs.base64 import Base64
from tegula.codecs.blosc import Blosc
from tegula.codecs.bz2 import Bz2
from tegula.codecs.chain import CodecChain
from tegula.codecs.checksums import Checksum
from tegula.codecs.crc32c import Crc32c
from tegula.codecs.deflate import GZIP, ZLIB, inflate
from tegula.codecs.filters import Filter
from tegula.codecs.gzip import Gzip
from tegula.codecs.lz4 import Lz4
from tegula.codecs.lz4_stream import Lz4Stream
from tegula.codecs.lzma import Filters, Lzma
from tegula.codecs.n5_block import N5Block
from tegula.codecs.pcodec import Pcodec
from tegula.codecs.shuffle import Shuffle
from tegula.codecs.xz import Xz
from tegula.codecs.zfp import Zfp
from tegula.codecs.zlib import Zlib
from tegula.codecs.zstd import Zstd
from tegula.errors import InvalidArgument, TegulaError

SOAK = bool(os.environ.get("TEGULA_SOAK"))
DAMAGE = ["cut", "longer", "twice", "empty", "short", "flipped", "other", "unsized"]
MUTATIONS = 100_000 if SOAK else 1_500
STEPS = {
    "gzip": (Gzip(),),
    "zlib": (Zlib(),),
    "bz2": (Bz2(),),
    "zstd": (Zstd(),),
    "zstd_checked": (Zstd(3, True),),
    "blosc_lz4": (Blosc("lz4", 5, 1, 4),),
    "blosc_lz4hc": (Blosc("lz4hc", 5, 1, 4, 256),),
    "blosc_blosclz": (Blosc("blosclz", 5, 0, 4),),
    "blosc_zstd": (Blosc("zstd", 5, 2, 4),),
    "blosc_zlib": (Blosc("zlib", 5, 1, 4),),
    "blosc_stored": (Blosc("lz4", 0, 1, 4),),
    "crc32c": (Crc32c(),),
    "gzip_zstd": (Gzip(), Zstd()),
    "blosc_gzip": (Blosc(), Gzip()),
    "xz": (Xz(1),),
    "n5": (N5Block((100, 40), 4, None),),
    "n5_blosc": (N5Block((100, 40), 4, Blosc("lz4", 5, 1, 4)),),
    "n5_gzip": (N5Block((100, 40), 4, Gzip()),),
    "n5_lz4": (N5Block((100, 40), 4, Lz4Stream(1024)),),
    "lz4": (Lz4(),),
    "lz4_stream": (Lz4Stream(1024),),
    "lzma": (Lzma(),),
    "lzma_alone": (Lzma(2),),
    "lzma_raw": (Lzma(3, filters=Filters('[{"id": 33, "preset": 1}]')),),
    "base64": (Base64(),),
    "pcodec": (Pcodec("<i4"),),
    "zfp": (Zfp("<i4", 3, 32, (40, 100)),),
    "zfp_rate": (Zfp("<i4", 2, 40, (40, 100)),),
    "shuffle_lz4": (Shuffle(4), Lz4()),
    "delta_zlib": (Filter("delta", "<i4", "<i2"), Zlib()),
    "astype_lzma": (Filter("astype", "<i4", "<i8"), Lzma()),
    "scaled": (Filter("fixedscaleoffset", "<i4", "<f4", (("offset", 5), ("scale", 2))),),
    "packbits": (Filter("packbits", "|b1", "|u1"),),
    "crc32": (Checksum("crc32"),),
    "adler32_gzip": (Checksum("adler32", False), Gzip()),
    "fletcher32": (Checksum("fletcher32", False),),
    "jenkins": (Checksum("jenkins_lookup3", False, 7),),
}
CHECKED = {"gzip", "zlib", "bz2", "zstd_checked", "crc32c", "xz", "lz4_stream", "lzma", "crc32", "jenkins"}
INT32 = np.dtype("int32")
VALUES = (np.arange(4000, dtype="int32") // 7).reshape(40, 100)


def _chain(name: str) -> CodecChain:
    return CodecChain((40, 100), INT32, INT32, (0, 1), STEPS[name])


class Guarded:
    """Memory whose last byte is followed by a page that nobody may touch."""

    def __init__(self, size: int) -> None:
        page = mmap.PAGESIZE
        self.size = -(-size // page) * page
        self.map = mmap.mmap(-1, self.size + page)
        self.view = memoryview(self.map)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self.map))
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.mprotect(ctypes.c_void_p(start + self.size), ctypes.c_size_t(page), 0):
            pytest.skip("no guard pages here")

    def at_the_end(self, data: bytes) -> memoryview:
        part = self.view[self.size - len(data) : self.size]
        part[:] = data
        return part


def _mutated(rng: random.Random, data: bytes) -> bytes:
    out = bytearray(data)
    kind = rng.randrange(6)
    if kind == 0:
        return bytes(out[: rng.randrange(len(out))])
    if kind == 1:
        for _ in range(rng.randrange(1, 4)):
            out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    elif kind == 2:
        place = rng.randrange(len(out))
        out[place : place + rng.randrange(1, 9)] = rng.randbytes(rng.randrange(9))
    elif kind == 3:
        out[rng.randrange(min(40, len(out)))] = rng.randrange(256)
    elif kind == 4:
        out += rng.randbytes(rng.randrange(1, 20))
    else:
        place = rng.randrange(min(40, len(out) - 4))
        out[place : place + 4] = rng.choice([b"\xff" * 4, b"\0" * 4, b"\xff\xff\xff\x7f", b"\1\0\0\0"])
    return bytes(out)


@pytest.mark.parametrize("name", STEPS)
def test_mutated_chunks_decode_or_raise(name: str) -> None:
    """Law: a mutated chunk gives `nbytes` bytes or a TegulaError; with a checksum, the right bytes."""
    chain = _chain(name)
    data = bytes(chain.encode(VALUES))
    rng = random.Random(name)
    guarded = Guarded(len(data) + 64)
    for _ in range(MUTATIONS):
        changed = _mutated(rng, data)
        try:
            found = chain.decode_bytes(guarded.at_the_end(changed))
        except TegulaError:
            continue
        assert len(found) == chain.nbytes
        if name in CHECKED:
            assert bytes(found) == VALUES.tobytes()


@settings(max_examples=20000 if SOAK else 300, deadline=None)
@given(name=st.sampled_from(sorted(STEPS)), data=st.binary(max_size=200))
def test_any_bytes_decode_or_raise(name: str, data: bytes) -> None:
    """Law: arbitrary bytes give a TegulaError, or bytes of the right size."""
    try:
        found = _chain(name).decode_bytes(data)
    except TegulaError:
        return
    assert len(found) == VALUES.nbytes


@settings(max_examples=5000 if SOAK else 200, deadline=None)
@given(
    data=st.binary(max_size=5000),
    level=st.integers(0, 9),
    wbits=st.sampled_from([GZIP, ZLIB]),
    cut=st.integers(0, 20),
)
def test_the_fast_inflation_agrees_with_its_definition(data: bytes, level: int, wbits: int, cut: int) -> None:
    """Law: what inflates quickly is what the standard library inflates, whole or cut short."""
    stream = zlib.compress(data, level, wbits)
    assert inflate(stream, len(data), True, wbits) == data
    assert inflate(stream, len(data) + 10, False, wbits) == data
    if cut:
        with pytest.raises(TegulaError):
            inflate(stream[:-cut], len(data), True, wbits)


@settings(max_examples=3000 if SOAK else 150, deadline=None)
@given(
    count=st.integers(0, 3000),
    seed=st.integers(0, 99),
    options=st.tuples(
        st.sampled_from(["blosclz", "lz4", "lz4hc", "zlib", "zstd"]),
        st.integers(0, 9),
        st.integers(0, 2),
        st.sampled_from([1, 2, 3, 4, 8, 16, 32]),
        st.sampled_from([0, 1, 300, 70000]),
    ),
)
def test_blosc_is_encoded_to_the_bytes_that_its_library_makes(
    count: int, seed: int, options: tuple[str, int, int, int, int]
) -> None:
    """Law: how the library is called, and what memory it is given, is not to be seen in what is stored."""
    from numcodecs import blosc

    cname, level, shuffle, typesize, blocksize = options
    data = np.random.default_rng(seed).integers(0, 4, count * typesize // 2).astype("u1").tobytes()
    codec = Blosc(cname, level, shuffle, typesize, blocksize)
    blosc.use_threads = False
    whole = blosc.compress(data, cname.encode(), level, shuffle, blocksize, typesize)
    assert bytes(codec.encode(data)) == whole
    room = bytearray(b"\x55" * (len(data) + 100))
    assert bytes(codec.encode_into(data, lambda _: memoryview(room))) == whole
    assert room[len(data) + 16 :] == b"\x55" * 84
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tegula.codecs.blosc._native", False)  # a library that hides its functions
        assert bytes(codec.encode(data)) == whole


@settings(max_examples=3000 if SOAK else 150, deadline=None)
@given(
    dtype=st.sampled_from(["<u2", ">u2", "<f8", "|u1", "|b1", ">c8"]),
    count=st.integers(1, 9),
    seed=st.integers(0, 2**32),
    damage=st.lists(st.tuples(st.integers(0, 8), st.sampled_from(DAMAGE)), max_size=2),
)
def test_chunks_decoded_together_are_the_chunks_decoded_one_by_one(
    dtype: str, count: int, seed: int, damage: list[tuple[int, str]]
) -> None:
    """Law: `slab` is the words of each value, or nothing; never where one of them is not a chunk."""
    draw, stored = np.random.default_rng(seed), np.dtype(dtype)
    chain = CodecChain((5, 40), stored.newbyteorder("="), stored, (0, 1), (Zstd(1, bool(seed % 2)),))
    chunks = [draw.integers(0, 2, (5, 40)).astype(stored.newbyteorder("=")) for _ in range(count)]
    encoded = [bytes(chain.encode(chunk)) for chunk in chunks]
    values = list(encoded)
    for row, what in damage:
        whole = encoded[row % count]
        values[row % count] = {
            "cut": whole[:-1],
            "longer": whole + b"x",
            "twice": whole * 2,
            "empty": b"",
            "short": whole[:5],
            "flipped": whole[:9] + bytes([whole[9] ^ 0xFF]) + whole[10:],
            "other": bytes(Zstd().encode(bytes(chain.nbytes + 1))),
            "unsized": zstd_of_unknown_size(bytes(chain.nbytes)),
        }[what]
    try:
        alone = [chain.words(value).tolist() for value in values]
    except TegulaError:
        alone = None
    found = chain.slab(values)  # which raises nothing: the rows do, and say which
    if found is not None:
        assert found.tolist() == alone
    elif not damage:
        assert count == 1


@settings(max_examples=3000 if SOAK else 150, deadline=None)
@given(
    dtype=st.sampled_from(["<u2", ">u2", "<f8", "|u1", "|b1", ">c8"]),
    steps=st.sampled_from([(), (Zstd(1),), (Zstd(3, True),), (Gzip(),), (Zstd(1), Crc32c())]),
    rows=st.lists(st.sampled_from(["zero", "first", "last", "drawn"]), max_size=9),
    unit=st.booleans(),
)
def test_chunks_encoded_together_are_the_chunks_encoded_one_by_one(
    dtype: str, steps: tuple[Any, ...], rows: list[str], unit: bool
) -> None:
    """Law: `encode_all` is what is stored of each chunk, nothing for one that is all fill value."""
    stored = np.dtype(dtype)
    chain = CodecChain((5, 40), stored.newbyteorder("="), stored, (1, 0), steps)
    slab = np.zeros((len(rows), 200), chain.dtype)
    for number, (row, what) in enumerate(zip(slab, rows, strict=True)):
        if what == "drawn":
            row[:] = np.random.default_rng(number).integers(0, 2, 200)
        elif what != "zero":
            row[0 if what == "first" else -1] = 1
    words = slab.view(chain.word)
    found = chain.encode_all(words, np.zeros((), chain.word) if unit else None)
    empty = [unit and not row.any() for row in slab]
    assert [each is None for each in found] == empty
    for row, each in zip(words, found, strict=True):
        assert each is None or bytes(each) == bytes(chain.encode_words(row))


def zstd_of_unknown_size(data: bytes) -> bytes:
    """Return a frame that does not say how much it holds."""
    encoder = zstandard.ZstdCompressor().compressobj()
    return bytes(encoder.compress(data) + encoder.flush())


def test_more_than_blosc_can_hold_is_refused_however_it_is_asked() -> None:
    """Law: what the format cannot hold is a typed error, into memory that is there as into fresh memory."""
    with mmap.mmap(-1, 2**31) as much:  # never touched
        data = memoryview(much)
        for encode in (Blosc().encode, lambda data: Blosc().encode_into(data, lambda size: memoryview(b""))):
            with pytest.raises(InvalidArgument, match="exceeds maximum size"):
                encode(data)
        data.release()


BOMB = 256 << 20
_CHILD = """
import resource, sys, time
sys.path[:0] = {path!r}
import numpy as np
from tegula.codecs.chain import CodecChain
from tegula.codecs.{module} import {codec}
from tegula.errors import InvalidArgument, TegulaError
byte = np.dtype("u1")
chain = CodecChain((1024,), byte, byte, (0,), {steps})
chain.decode_bytes(chain.encode(np.zeros(1024, "u1")))
data = sys.stdin.buffer.read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.monotonic()
try:
    chain.decode_bytes(data)
except TegulaError:
    pass
else:
    raise SystemExit("a bomb was decoded")
taken = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
assert taken < 16 << 10, f"{{taken}} KiB"
assert time.monotonic() - start < 1
"""


def _zstd_bomb(declared: bool) -> bytes:
    blocks = BOMB >> 17
    headers = [(i == blocks - 1) | 1 << 1 | (128 << 10) << 3 for i in range(blocks)]
    size = BOMB.to_bytes(8, "little") if declared else b""
    frame = b"\x28\xb5\x2f\xfd" + (b"\xc0" if declared else b"\0") + b"\x70" + size
    return frame + b"".join(header.to_bytes(3, "little") + b"\0" for header in headers)


def _bz2_bomb() -> bytes:
    import bz2

    return bz2.compress(bytes(BOMB // 16), 9)


def _blosc_bomb() -> bytes:
    import numcodecs.blosc

    return numcodecs.blosc.compress(np.zeros(BOMB, "u1"), b"zstd", 9, 0, typesize=1)


def _lz4_bomb(declared: int) -> bytes:
    return declared.to_bytes(4, "little") + Lz4().encode(bytes(BOMB))[4:]


def _lz4_block(declared: int) -> bytes:
    head = Lz4Stream().encode(bytes(1024))
    return head[:13] + declared.to_bytes(4, "little") + head[17:]


BOMBS = {
    "gzip": ("gzip", "Gzip", "(Gzip(),)", lambda: gzip.compress(bytes(BOMB), 9)),
    "zlib": ("zlib", "Zlib", "(Zlib(),)", lambda: zlib.compress(bytes(BOMB), 9)),
    "bz2": ("bz2", "Bz2", "(Bz2(),)", _bz2_bomb),
    "zstd": ("zstd", "Zstd", "(Zstd(),)", lambda: _zstd_bomb(True)),
    "zstd undeclared": ("zstd", "Zstd", "(Zstd(),)", lambda: _zstd_bomb(False)),
    "zstd twice": ("zstd", "Zstd", "(Zstd(), Zstd())", lambda: _zstd_bomb(False)),
    "blosc": ("blosc", "Blosc", "(Blosc(),)", _blosc_bomb),
    "lz4": ("lz4", "Lz4", "(Lz4(),)", lambda: _lz4_bomb(BOMB)),
    "lz4 with a lying size": ("lz4", "Lz4", "(Lz4(),)", lambda: _lz4_bomb(1024)),
    "lz4 blocks": ("lz4_stream", "Lz4Stream", "(Lz4Stream(),)", lambda: Lz4Stream().encode(bytes(BOMB))),
    "lz4 block of a lying size": ("lz4_stream", "Lz4Stream", "(Lz4Stream(),)", lambda: _lz4_block(BOMB)),
    "lzma": ("lzma", "Lzma", "(Lzma(),)", lambda: Lzma(preset=0).encode(bytes(BOMB))),
    "lzma alone": ("lzma", "Lzma", "(Lzma(2),)", lambda: Lzma(2, preset=0).encode(bytes(BOMB))),
    "xz": ("xz", "Xz", "(Xz(),)", lambda: Xz(0).encode(bytes(BOMB))),
    "pcodec": ("pcodec", "Pcodec", "(Pcodec('<i4'),)", lambda: Pcodec("<i4").encode(bytes(BOMB))),
    "zfp": ("zfp", "Zfp", "(Zfp('<i4', 3, 4),)", lambda: Zfp("<i4", 3, 4).encode(bytes(BOMB))),
    "base64": ("base64", "Base64", "(Base64(),)", lambda: Base64().encode(bytes(BOMB // 16))),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_in_bounded_memory(name: str) -> None:
    """Law: a value that would decode to 256 MiB where 1 KiB is declared costs less than 16 MiB and 1 s."""
    module, codec, steps, made = BOMBS[name]
    code = textwrap.dedent(_CHILD).format(path=sys.path, module=module, codec=codec, steps=steps)
    done = subprocess.run(
        [sys.executable, "-c", code], input=made(), capture_output=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr.decode()
