"""The lz4 codec (zarr v2, and zarr v3 as numcodecs.lz4), and the blocks of LZ4 that other codecs are made of.

What this file knows: the four bytes before a block that say how large it will be, and how to hand a block to
the library.  What it must not know: chunks.

Law: as of `codec.py`.  The size before a block is not believed until it is the one that was asked for.
"""

from __future__ import annotations

from typing import Any

from tegula.codecs.codec import Buffer, destination, not_enough, too_much
from tegula.codecs.declare import BYTES, Declaration, integer_member
from tegula.errors import FailedPrecondition, InvalidArgument
from tegula.record import Record

__all__ = ["ZARR2", "ZARR3", "Lz4", "compress_block", "decompress_block"]

_MAXIMUM = 0x7E000000
"""The largest input of the format."""


def compress_block(data: Buffer, acceleration: int = 1) -> bytes:
    """Return `data` as one block, without its size.

    Raises:
        InvalidArgument: it is larger than a block may be.
    """
    return _compressed(data, acceleration)[4:]


def _compressed(data: Buffer, acceleration: int) -> bytes:
    from numcodecs import lz4

    if len(data) > _MAXIMUM:
        raise InvalidArgument(
            f"LZ4 compression input of {len(data)} bytes exceeds maximum size of {_MAXIMUM}"
        )
    if not len(data):
        return b"\0\0\0\0\0"  # of nothing: one token without literals
    result: bytes = lz4.compress(data, acceleration)
    return result


def decompress_block(data: Buffer, size: int, out: Buffer | None = None) -> Buffer:
    """Return the `size` bytes of one block, in `out` where it is given.

    >>> bytes(decompress_block(compress_block(b"abcabcabc"), 9))
    b'abcabcabc'

    Raises:
        FailedPrecondition: it is malformed, or of another size.
    """
    return _decompressed(b"".join((size.to_bytes(4, "little"), data)), size, out)


def _decompressed(framed: Buffer, size: int, out: Buffer | None) -> Buffer:
    from numcodecs import lz4

    if not size:
        if bytes(framed[4:]) not in (b"\0", b""):
            raise _invalid()
        return b""
    if len(framed) <= 4:
        raise _invalid()
    if out is None:
        out = destination(size)
    try:
        lz4.decompress(framed, out)
    except (RuntimeError, ValueError):
        raise _invalid() from None
    return out


def _invalid() -> FailedPrecondition:
    return FailedPrecondition("Invalid lz4-compressed data")


class Lz4(Record):
    """One LZ4 block behind its decoded size; more `acceleration` is faster and larger.

    >>> bytes(Lz4().decode(Lz4().encode(b"abc"), 3, True, None))
    b'abc'
    """

    acceleration: int = 1

    @property
    def light(self) -> bool:
        """Whether decoding takes about as long as copying: it does."""
        return True

    def encoded_size(self, size: int) -> int | None:  # noqa: ARG002
        """Return None: it depends on the bytes."""
        return None

    def encode(self, data: Buffer) -> bytes:
        """Return `data` as one block behind its size.

        Raises:
            InvalidArgument: it is larger than a block may be.
        """
        return _compressed(data, self.acceleration)

    def decode(self, data: Buffer, size: int, exact: bool, out: Buffer | None) -> Buffer:
        """Return the bytes of one block; see `ByteCodec.decode`."""
        if len(data) < 4:
            raise not_enough(4, len(data), f"; at byte {len(data)}")
        declared = int.from_bytes(data[:4], "little")
        if declared > size:
            raise too_much(declared - size, f"; at byte {size}")
        if exact and declared < size:
            raise not_enough(size, declared, f"; at byte {declared}")
        return _decompressed(data, declared, out if exact else None)


def _settle(members: dict[str, Any], given: object) -> tuple[dict[str, Any], Lz4]:  # noqa: ARG001
    return members, Lz4(**members)


_MEMBERS = (integer_member("acceleration", -(2**31), 2**31 - 1, 1, stored=False),)
ZARR2 = Declaration("lz4", BYTES, _MEMBERS, _settle)
ZARR3 = Declaration("numcodecs.lz4", BYTES, _MEMBERS, _settle)
