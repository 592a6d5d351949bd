"""The block of an N5 array: a header that says how large it is, then its elements, compressed or not.

A block at the edge of an array may be stored at the size of what is inside; it is put into the corner of
a whole one, and the rest is zero.  Elements are big-endian, the first dimension fastest: that is the
chain's business (`order`, `stored_dtype`).

What this file knows: the header.  What it must not know: any compression, any document.

Laws: as of `codec.py`; a block that is written is always whole.

Source: the N5 specification of its file format, version 2 and later.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from tegula.codecs.codec import Buffer, ByteCodec, not_enough, too_much, working, zeros
from tegula.codecs.declare import BYTES, Declaration
from tegula.errors import FailedPrecondition, InvalidArgument
from tegula.record import Record
from tegula.schema.constraint import braced

__all__ = ["RAW", "N5Block"]

DEFAULT, VARLENGTH = 0, 1


class N5Block(Record):
    """Blocks of `shape` of elements of `itemsize` bytes, through `compression` where there is one.

    >>> block = N5Block((2, 1), 1, None)
    >>> bytes(block.encode(b"ab")).hex()
    '0000000200000002000000016162'
    >>> bytes(block.decode(bytes.fromhex("000000020000000100000001") + b"a", 2, True, None))
    b'a\\x00'
    """

    shape: tuple[int, ...]
    itemsize: int
    compression: ByteCodec | None

    def encoded_size(self, size: int) -> int | None:
        """Return None: a block may be truncated."""
        del size
        return None

    def working(self, size: int, encoding: bool) -> int:
        """Return about how many bytes the compression works in, and its result before the header is put on.

        >>> from tegula.codecs.xz import Xz
        >>> N5Block((64, 64), 2, Xz(0)).working(8192, True) - Xz(0).working(8192, True)
        8192
        """
        if self.compression is None:
            return size
        return working(self.compression, size, encoding) + (size if encoding else 0)

    def encode(self, data: Buffer) -> Buffer:
        """Return a whole block.

        Raises:
            InvalidArgument: it has more than 2 GiB.
        """
        if len(data) > 2**31 - 1:
            raise InvalidArgument(f"An N5 block of {len(data)} bytes exceeds the limit of 2 GiB")
        head = np.array([DEFAULT, len(self.shape)], ">u2").tobytes() + np.array(self.shape, ">u4").tobytes()
        return head + (data if self.compression is None else self.compression.encode(data))

    def decode(self, data: Buffer, size: int, exact: bool, out: Buffer | None) -> Buffer:
        """Return the bytes of one whole block; see `ByteCodec.decode`."""
        rank = len(self.shape)
        length = 4 + 4 * rank
        if len(data) < length:
            raise FailedPrecondition(f"Expected header of length {length}, but chunk has size {len(data)}")
        mode, found = (int(each) for each in np.frombuffer(data, ">u2", 2))
        if mode not in (DEFAULT, VARLENGTH):
            raise FailedPrecondition(f"Unexpected N5 chunk mode: {mode}")
        if found != rank:
            raise FailedPrecondition(f"Received chunk with {found} dimensions but expected {rank}")
        shape = tuple(np.frombuffer(data, ">u4", rank, 4).tolist())
        if any(mine > whole for mine, whole in zip(shape, self.shape, strict=True)):
            raise FailedPrecondition(
                f"Received chunk of size {braced(shape)} which exceeds blockSize of {braced(self.shape)}"
            )
        count = prod(shape)
        if mode == VARLENGTH:
            length += 4
            count = self._counted(data, length, count)
        payload = memoryview(data)[length:]
        wanted = count * self.itemsize
        whole = shape == self.shape and count == prod(shape)
        if self.compression is not None:
            stored = self.compression.decode(payload, wanted, True, out if whole and exact else None)
        elif len(payload) == wanted:
            stored = payload
        elif len(payload) < wanted:
            raise not_enough(length + wanted, len(data), f"; at byte {len(data)}")
        else:
            raise too_much(len(payload) - wanted, f"; at byte {length + wanted}")
        return stored if whole else self._padded(stored, shape, size)

    def _counted(self, data: Buffer, length: int, most: int) -> int:
        """Return how many elements a block of varying length says that it has."""
        if len(data) < length:
            raise FailedPrecondition(f"Expected header of length {length}, but chunk has size {len(data)}")
        count = int(np.frombuffer(data, ">u4", 1, length - 4)[0])
        if count > most:
            raise FailedPrecondition(f"Received chunk of {count} elements where {most} have a place")
        return count

    def _padded(self, stored: Buffer, shape: tuple[int, ...], size: int) -> Buffer:
        """Return a whole block with elements, which fill `shape` as far as they go, in its corner."""
        element = np.dtype((np.void, self.itemsize))
        given = np.frombuffer(stored, element)
        if len(given) < prod(shape):
            given = np.concatenate([given, np.zeros(prod(shape) - len(given), element)])
        made = zeros(size).view(element)
        corner = tuple(slice(0, edge) for edge in shape[::-1])
        made.reshape(self.shape[::-1])[corner] = given.reshape(shape[::-1])
        return made.view(np.uint8).data


def _settle(members: dict[str, Any], given: object) -> tuple[dict[str, Any], None]:  # noqa: ARG001
    return members, None


RAW = Declaration("raw", BYTES, (), _settle)
"""No compression: the name is all there is."""
