"""Frames decoded where they belong are those that the library's wrapper decodes; nothing else is touched.

Frames lie against the end of a page that must not be touched, and so does what they are decoded to.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import random
from collections.abc import Sequence

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from tegula.codecs import zstd, zstd_native
from tegula.codecs.chain import CodecChain
from tegula.codecs.zstd import Zstd
from tegula.errors import TegulaError
from tegula.kernels import _jit

pytestmark = pytest.mark.skipif(not zstd_native.available(), reason="the library hides its functions")
SOAK = bool(os.environ.get("TEGULA_SOAK"))
SIZE = 5000
WAYS = ["compiled", "plain"]


class Walled:
    """Memory between two pages that nobody may touch: what is put there ends at the second."""

    def __init__(self, size: int) -> None:
        page = mmap.PAGESIZE
        self.size = -(-size // page) * page
        self.map = mmap.mmap(-1, self.size + 2 * page)
        self.start = ctypes.addressof(ctypes.c_char.from_buffer(self.map)) + page
        self.view = memoryview(self.map)[page : page + self.size]
        libc = ctypes.CDLL(None, use_errno=True)
        for wall in (self.start - page, self.start + self.size):
            if libc.mprotect(ctypes.c_void_p(wall), ctypes.c_size_t(page), 0):
                pytest.skip("no guard pages here")

    def put(self, data: bytes) -> memoryview:
        part = self.view[self.size - len(data) :]
        part[:] = data
        return part


FRAMES = [Walled(8 << 10) for _ in range(6)]
ROOMS = [Walled(SIZE) for _ in range(6)]


def frame(seed: int, size: int = SIZE, checksum: bool = False) -> tuple[bytes, bytes]:
    data = bytes(np.random.default_rng(seed).integers(0, 3, size, np.uint8))
    return data, bytes(Zstd(1 + seed % 3, checksum).encode(data))


def unsized(data: bytes) -> bytes:
    encoder = zstandard.ZstdCompressor().compressobj()
    return bytes(encoder.compress(data) + encoder.flush())


SKIPPABLE = b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc"


def damaged(whole: bytes, how: str, seed: int) -> bytes:
    draw = random.Random(seed)
    if how == "flipped":
        place = draw.randrange(len(whole))
        return whole[:place] + bytes([whole[place] ^ 1 << draw.randrange(8)]) + whole[place + 1 :]
    return {
        "cut": whole[: draw.randrange(len(whole))],
        "longer": whole + draw.randbytes(1 + seed % 20),
        "twice": whole * 2,
        "skippable": SKIPPABLE + whole,
        "followed": whole + SKIPPABLE,
        "other size": frame(seed, SIZE + draw.choice([-1, 1, 3000]))[1],
        "unsized": unsized(bytes(SIZE)),
        "empty": b"",
        "nothing": bytes(Zstd().encode(b"")),
        "any": draw.randbytes(draw.randrange(100)),
    }[how]


HOWS = ["flipped", "cut", "longer", "twice", "skippable", "followed", "other size", "unsized", "empty"]
HOWS += ["nothing", "any"]


def told(data: Sequence[int] | bytes | memoryview) -> bytes | None:
    """Return what the general way makes of a frame that stands for `SIZE` bytes, None for an error."""
    try:
        return bytes(Zstd().decode(bytes(data), SIZE, True, None))
    except TegulaError:
        return None


@settings(max_examples=20_000 if SOAK else 300, deadline=None)
@given(seed=st.integers(0, 2**32), how=st.sampled_from(["sound", *HOWS]), checksum=st.booleans())
def test_a_frame_is_decoded_to_its_place_or_refused(seed: int, how: str, checksum: bool) -> None:
    """Law: `decode_into` fills the place with what `decode` returns, or says False; never anything else."""
    _, whole = frame(seed % 50, checksum=checksum)
    data = FRAMES[0].put(whole if how == "sound" else damaged(whole, how, seed))
    out = ROOMS[0].put(bytes(SIZE))
    known = told(data)
    if zstd_native.decode_into(data, out):
        assert bytes(out) == known
    else:
        assert how != "sound"
        assert known is None or how == "unsized"


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=20_000 if SOAK else 200, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    count=st.integers(0, 6),
    damage=st.lists(st.tuples(st.integers(0, 5), st.sampled_from(HOWS)), max_size=2),
)
def test_frames_decoded_by_one_call_are_each_in_its_place(
    way: str, seed: int, count: int, damage: list[tuple[int, str]]
) -> None:
    """Law: `decode_rows` puts each frame where it belongs, or says False, and writes nowhere else."""
    frames = [frame(seed % 50 + number)[1] for number in range(count)]
    hurt = {row for row, _ in damage if row < count}
    for row, how in damage:
        if row < count:
            frames[row] = damaged(frame(seed % 50 + row)[1], how, seed)
    views = [where.put(data) for where, data in zip(FRAMES, frames, strict=False)]
    rooms = ROOMS[:count]
    for room in rooms:
        room.view[:] = b"\x55" * room.size
    targets = np.array([room.start + room.size - SIZE for room in rooms], np.int64)
    kernel = zstd_native._decode_rows
    if way == "plain" and not _jit.plain():
        zstd_native._decode_rows = kernel.python  # type: ignore[assignment]
    try:
        found = zstd_native.decode_rows(views, SIZE, targets)
    finally:
        zstd_native._decode_rows = kernel
    known = [told(view) for view in views]
    if found:
        assert [bytes(room.view[-SIZE:]) for room in rooms] == known
    else:
        assert hurt
        assert any(each is None for each in known) or any(how == "unsized" for _, how in damage)
    assert all(bytes(room.view[:-SIZE]) == b"\x55" * (room.size - SIZE) for room in rooms)


@pytest.mark.parametrize("hidden", [False, True])
def test_a_chunk_is_the_same_whether_the_library_shows_its_functions(
    hidden: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law: where the functions are hidden, chunks are decoded all the same, singly and together."""
    if hidden:
        monkeypatch.setattr(zstd_native, "_functions", {})
        monkeypatch.setattr(zstd_native, "_missing", True)
    monkeypatch.setattr(zstd, "worthwhile", lambda work, warm, cold: True)
    assert zstd_native.available() is not hidden
    word = np.dtype("u2")
    chain = CodecChain((100, 100), word, word, (0, 1), (Zstd(1),))
    chunks = [np.random.default_rng(n).integers(0, 9, (100, 100), np.uint16) for n in range(4)]
    values = [chain.encode(chunk) for chunk in chunks]
    slab = chain.slab(values)
    assert slab is not None
    assert np.array_equal(slab.reshape(4, 100, 100), chunks)
    for value, chunk in zip(values, chunks, strict=True):
        out = np.zeros((100, 100), word)
        found = chain.decode(value, out)
        assert np.array_equal(found, chunk)
        assert np.shares_memory(found, out)  # either way there is room enough for it to be worth it
    rooms = np.zeros((4, 100, 100), word)
    targets = rooms.ctypes.data + chain.nbytes * np.arange(4, dtype=np.int64)
    assert chain.decode_rows(values, targets) is not hidden
    assert hidden or np.array_equal(rooms, chunks)
