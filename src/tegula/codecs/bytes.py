"""The bytes codec: elements in C order, one after the other, in one byte order.

What this file knows: how a zarr v3 document names a byte order.  What it must not know: what the
elements mean.

Law: a type of single bytes has no byte order, and its document says none.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from tegula import binding
from tegula.codecs.codec import Buffer, not_enough, too_much
from tegula.codecs.declare import LAYOUT, Declaration, Member
from tegula.errors import InvalidArgument
from tegula.record import Record

__all__ = ["ZARR3", "Swap", "in_byte_order"]


class Swap(Record):
    """Words of `size` bytes in the other byte order: what filters leave where a document says another.

    >>> bytes(Swap(2).encode(b"abcd"))
    b'badc'
    """

    size: int

    def encoded_size(self, size: int) -> int:
        """Return `size`."""
        return size

    def encode(self, data: Buffer) -> memoryview:
        """Return the swapped words."""
        return np.frombuffer(data, f"u{self.size}").byteswap().view(np.uint8).data

    def decode(self, data: Buffer, size: int, exact: bool, out: Buffer | None) -> memoryview:  # noqa: ARG002
        """Return the words; see `ByteCodec.decode`."""
        if len(data) > size:
            raise too_much(len(data) - size, f"; at byte {size}")
        if len(data) % self.size or (exact and len(data) < size):
            raise not_enough(size, len(data), f"; at byte {len(data)}")
        return self.encode(data)


def _endian(value: Any) -> str:
    if value in ("little", "big"):
        return str(value)
    raise binding.expected('one of "little", "big"', value)


def _settle(members: dict[str, Any], given: Any) -> tuple[dict[str, Any], np.dtype[Any]]:
    """Return the byte order to store and the element type that has it."""
    dtype: np.dtype[Any] = given.dtype
    if (dtype.itemsize == 1 or dtype.type is np.void) and not dtype.fields:
        return {}, dtype
    if (
        members["endian"] is None and given.stored and not dtype.fields
    ):  # zarr-python says none for structures
        raise InvalidArgument(
            f'"bytes" codec requires that "endian" option is specified for data type {dtype.name}'
        )
    endian = members["endian"] or "little"
    return {"endian": endian}, in_byte_order(dtype, endian == "big")


def in_byte_order(dtype: np.dtype[Any], big: bool) -> np.dtype[Any]:
    """Return `dtype` as it is stored; an extension type knows no byte order, so an integer stands for it.

    >>> in_byte_order(np.dtype("int16"), True)
    dtype('>i2')
    """
    if dtype.itemsize == 1 or big == (sys.byteorder == "big"):
        return dtype
    if dtype.kind == "V" and dtype.type is not np.void:
        dtype = np.dtype(f"u{dtype.itemsize}")
    return dtype.newbyteorder(">" if big else "<")


ZARR3 = Declaration("bytes", LAYOUT, (Member("endian", _endian),), _settle)
