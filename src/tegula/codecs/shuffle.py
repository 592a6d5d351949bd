"""The shuffle codec (zarr v2; zarr v3 as numcodecs.shuffle): the first bytes of all elements, then the
second.

What this file knows: how large an element is.  What it must not know: chunks.

Law: as of `codec.py`; the size does not change.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tegula.codecs.codec import Buffer, not_enough, too_much
from tegula.codecs.declare import BYTES, Declaration, integer_member
from tegula.errors import FailedPrecondition, InvalidArgument
from tegula.record import Record

__all__ = ["ZARR2", "ZARR3", "Shuffle"]


class Shuffle(Record):
    """Elements of `elementsize` bytes.

    >>> bytes(Shuffle(2).encode(b"a1b2c3"))
    b'abc123'
    """

    elementsize: int = 4

    def encoded_size(self, size: int) -> int:
        """Return `size`."""
        return size

    def encode(self, data: Buffer) -> memoryview:
        """Return the shuffled bytes.

        Raises:
            InvalidArgument: they are no whole number of elements.
        """
        if len(data) % self.elementsize:
            raise InvalidArgument(f"shuffle: {len(data)} bytes are no elements of {self.elementsize}")
        return _transposed(data, self.elementsize, len(data) // self.elementsize)

    def decode(self, data: Buffer, size: int, exact: bool, out: Buffer | None) -> memoryview:  # noqa: ARG002
        """Return the bytes in their order; see `ByteCodec.decode`."""
        if exact and len(data) < size:
            raise not_enough(size, len(data), f"; at byte {len(data)}")
        if len(data) > size:
            raise too_much(len(data) - size, f"; at byte {size}")
        if len(data) % self.elementsize:
            raise FailedPrecondition(f"shuffle: {len(data)} bytes are no elements of {self.elementsize}")
        return _transposed(data, len(data) // self.elementsize, self.elementsize)


def _transposed(data: Buffer, columns: int, rows: int) -> memoryview:
    """Return the bytes of a matrix of shape (rows, columns), column by column."""
    table = np.frombuffer(data, np.uint8).reshape(rows, columns)
    return np.ascontiguousarray(table.T).reshape(-1).data


def _settle2(members: dict[str, Any], given: object) -> tuple[dict[str, Any], Shuffle]:  # noqa: ARG001
    return members, Shuffle(**members)


def _settle3(members: dict[str, Any], itemsize: int | None) -> tuple[dict[str, Any], Shuffle]:
    settled = {"elementsize": members["elementsize"] or itemsize or 4}
    return settled, Shuffle(**settled)


ZARR2 = Declaration("shuffle", BYTES, (integer_member("elementsize", 1, 2**16, 4, stored=False),), _settle2)
ZARR3 = Declaration(
    "numcodecs.shuffle", BYTES, (integer_member("elementsize", 1, 2**16, None, stored=False),), _settle3
)
