"""The lz4 codec of N5: a stream of LZ4 blocks, each behind a header with its sizes and a checksum.

A block is the text ``LZ4Block``, a byte that says how it is stored and how large blocks may be, its stored
and decoded sizes and a checksum of what is decoded, little-endian; then its bytes.  A block of nothing ends
the stream.  The checksum is XXH32 of which the upper four bits are dropped.

What this file knows: those headers.  What it must not know: what a block is (`lz4.py`), N5's own header.

Law: as of `codec.py`.  No size of a header is believed beyond what was asked for.

Source: ``LZ4BlockOutputStream`` of lz4-java, which n5 writes its compression "lz4" with.
"""

from __future__ import annotations

from struct import Struct
from typing import Any

from tegula.codecs.codec import Buffer, destination, not_enough, too_much
from tegula.codecs.declare import BYTES, Declaration, integer_member
from tegula.codecs.lz4 import compress_block, decompress_block
from tegula.errors import DataLoss, FailedPrecondition
from tegula.record import Record

__all__ = ["N5", "Lz4Stream"]

_MAGIC = b"LZ4Block"
_HEADER = Struct("<8sBIII")
_STORED, _COMPRESSED = 0x10, 0x20
_SEED = 0x9747B28C


def _checksum(data: Buffer) -> int:
    from xxhash import xxh32_intdigest

    return int(xxh32_intdigest(data, _SEED)) & 0x0FFFFFFF


class Lz4Stream(Record):
    """Blocks of up to `block_size` decoded bytes.

    >>> stream = Lz4Stream(64)
    >>> bytes(stream.decode(stream.encode(b"abc" * 100), 300, True, None)) == b"abc" * 100
    True
    """

    block_size: int = 65536

    def encoded_size(self, size: int) -> int | None:  # noqa: ARG002
        """Return None: it depends on the bytes."""
        return None

    def encode(self, data: Buffer) -> bytes:
        """Return `data` as a stream."""
        level = max(0, (self.block_size - 1).bit_length() - 10)
        view, parts = memoryview(data), []
        for at in range(0, len(view), self.block_size):
            plain = view[at : at + self.block_size]
            packed: Buffer = compress_block(plain)
            method = _COMPRESSED
            if len(packed) >= len(plain):
                packed, method = plain, _STORED
            parts += [_HEADER.pack(_MAGIC, method | level, len(packed), len(plain), _checksum(plain)), packed]
        return b"".join((*parts, _HEADER.pack(_MAGIC, _STORED | level, 0, 0, 0)))

    def decode(self, data: Buffer, size: int, exact: bool, out: Buffer | None) -> Buffer:
        """Return the bytes of one stream; see `ByteCodec.decode`.

        Raises:
            DataLoss: the checksum of a block does not match.
        """
        view, at, done = memoryview(data), 0, 0
        found = destination(size) if out is None else memoryview(out)
        while True:
            if at + _HEADER.size > len(view):
                raise _truncated(at, done)
            magic, token, packed, plain, checksum = _HEADER.unpack_from(view, at)
            at += _HEADER.size
            if magic != _MAGIC:
                raise FailedPrecondition(f"Invalid lz4 stream; at byte {at - _HEADER.size}")
            if not plain:
                break
            if plain > size - done:
                raise too_much(plain - (size - done), f"; at uncompressed byte {done}")
            if packed > len(view) - at:
                raise _truncated(at, done)
            _block(view[at : at + packed], token & 0xF0, found[done : done + plain], checksum)
            at, done = at + packed, done + plain
        if at != len(view):
            raise too_much(len(view) - at, f"; at byte {at}")
        if exact and done < size:
            raise not_enough(size, done, f"; at byte {at}; at uncompressed byte {done}")
        return found[:done]


def _truncated(at: int, done: int) -> FailedPrecondition:
    return FailedPrecondition(f"Truncated lz4 stream; at byte {at}; at uncompressed byte {done}")


def _block(data: memoryview, method: int, out: memoryview, checksum: int) -> None:
    """Decode one block into `out`, which it must fill."""
    if method == _STORED:
        if len(data) != len(out):
            raise FailedPrecondition("Invalid lz4 stream: a block that is not compressed has two sizes")
        out[:] = data
    elif method == _COMPRESSED:
        decompress_block(data, len(out), out)
    else:
        raise FailedPrecondition(f"Invalid lz4 stream: no method is called {method:#x}")
    if _checksum(out) != checksum:
        raise DataLoss("Invalid lz4 stream: the checksum of a block does not match")


def _settle(members: dict[str, Any], given: object) -> tuple[dict[str, Any], Lz4Stream]:  # noqa: ARG001
    return members, Lz4Stream(members["blockSize"])


N5 = Declaration("lz4", BYTES, (integer_member("blockSize", 64, 1 << 25, 65536, stored=False),), _settle)
