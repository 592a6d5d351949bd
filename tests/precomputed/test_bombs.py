"""R9 of volumes: little that would become much, or take for ever, is refused before it does."""

from __future__ import annotations

import io
import json
import struct
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tegula as ts
from tegula.codecs.minishard import Minishards
from tegula.errors import FailedPrecondition, ResourceExhausted

MIB = 1 << 20


def volume(folder: Path, encoding: str, size: list[int], chunk: list[int], **more: Any) -> Any:
    scale = {"key": "k", "size": size, "chunk_sizes": [chunk], "resolution": [1, 1, 1], "encoding": encoding}
    info = {"type": "image", "data_type": "uint8", "num_channels": 1, "scales": [{**scale, **more}]}
    (folder / "k").mkdir()
    (folder / "info").write_text(json.dumps(info))
    return ts.open(f"file://{folder}/").result()


@contextmanager
def at_most(mib: int) -> Iterator[None]:
    """The block may hold so much at once that Python and NumPy know of."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] <= mib * MIB
    finally:
        tracemalloc.stop()


def zeros(mib: int, wbits: int) -> bytes:
    """Return a stream of so many zeros whose checksum is wrong: who sees that has inflated all of it."""
    stream = zlib.compressobj(9, zlib.DEFLATED, wbits)
    first, other = (stream.compress(bytes(MIB)) + stream.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    return first + other * (mib - 1) + stream.flush()


@pytest.mark.parametrize("hashing", ["identity", "murmurhash3_x86_128"])
def test_the_index_of_a_minishard(hashing: str, tmp_path: Path) -> None:
    sharding = {
        "@type": "neuroglancer_uint64_sharded_v1",
        "hash": hashing,
        "preshift_bits": 0,
        "minishard_bits": 0,
        "shard_bits": 0,
        "minishard_index_encoding": "gzip",
    }
    store = volume(tmp_path, "raw", [MIB] * 3, [1, 1, 1], sharding=sharding)
    bomb = zeros(64, 31)
    (tmp_path / "k/0.shard").write_bytes(struct.pack("<QQ", 0, len(bomb)) + bomb)
    with at_most(32), pytest.raises(ResourceExhausted, match="longer than"):
        store[0, 0, 0, 0].read().result()
    with at_most(32), pytest.raises(ResourceExhausted, match="longer than"):
        store[0, 0, 0, 0].write(1).result()


def test_an_index_that_could_not_be_read_again_is_not_written() -> None:
    rule = Minishards((1 << 10, 1 << 10, 1), 0, 0, 0, False, True, "")
    piece = b"1234"
    read = rule.pieces(rule.pack(dict.fromkeys(range(170_000), piece)) or b"")
    assert len(read) == 170_000
    with pytest.raises(ResourceExhausted, match="longer than"):
        rule.pack(dict.fromkeys(range(180_000), piece))


def png(width: int, height: int, body: bytes) -> bytes:
    def part(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head) + part(b"IDAT", body) + part(b"IEND", b"")


@pytest.mark.parametrize("side", [4, 512])
def test_a_png_that_inflates_to_more_than_its_pixels(side: int, tmp_path: Path) -> None:
    store = volume(tmp_path, "png", [side, side, 1], [side, side, 1])
    chunk = tmp_path / f"k/0-{side}_0-{side}_0-1"
    chunk.write_bytes(png(side, side, zeros(768, 15)))
    with at_most(32), pytest.raises(FailedPrecondition, match=r"too long|Failed to decode PNG"):
        store.read().result()
    pixels = np.random.default_rng(1).integers(0, 255, (side, side + 1)).astype("u1")
    pixels[:, 0] = 0
    chunk.write_bytes(png(side, side, zlib.compress(pixels.tobytes(), 0)))
    np.testing.assert_array_equal(store.read().result()[..., 0, 0], pixels[:, 1:].T)


def test_a_jpeg_of_many_scans(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    store = volume(tmp_path, "jpeg", [256, 256, 1], [256, 256, 1])
    file = io.BytesIO()
    image.fromarray(np.zeros((256, 256), "u1")).save(file, "jpeg", progressive=True)
    whole = file.getvalue()
    chunk = tmp_path / "k/0-256_0-256_0-1"
    chunk.write_bytes(whole)
    assert store.read().result().max() <= 1
    last = whole[whole.rindex(b"\xff\xda") : -2]
    chunk.write_bytes(whole[:-2] + last * 2000 + whole[-2:])
    with pytest.raises(FailedPrecondition, match="more than 100 scans"):
        store.read().result()
    chunk.write_bytes(whole[:-2] + last * 100_000 + whole[-2:])
    with pytest.raises(FailedPrecondition, match="too long"):
        store.read().result()
