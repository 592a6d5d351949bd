"""The crc32c codec: the bytes, then their CRC-32C in four little-endian bytes.

What this file knows: where the checksum sits and what a mismatch is called.  What it must not know:
what the bytes mean.

Law: as of `codec.py`.  The checksum of data followed by its own checksum is a constant, so one pass
over the stored bytes, without a copy, verifies them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tegula.codecs.codec import Buffer, not_enough, too_much
from tegula.codecs.declare import BYTES, Declaration
from tegula.errors import DataLoss
from tegula.record import Record

__all__ = ["ZARR3", "Crc32c"]

_RESIDUE = 0x48674BC7
_value: Any = None


def _checksum(data: Buffer) -> int:
    global _value
    if _value is None:
        import google_crc32c

        _value = google_crc32c.value
    # the library refuses a memoryview but takes an array over the same memory
    result: int = _value(data if type(data) is bytes else np.frombuffer(data, np.uint8))
    return result


class Crc32c(Record):
    """A four-byte checksum after the data.

    >>> bytes(Crc32c().decode(Crc32c().encode(b"abc"), 3, True, None))
    b'abc'
    """

    def encoded_size(self, size: int) -> int | None:
        """Return `size` + 4."""
        return size + 4

    def encode(self, data: Buffer) -> bytes:
        """Return `data` followed by its checksum."""
        return b"".join((data, _checksum(data).to_bytes(4, "little")))

    def decode(self, data: Buffer, size: int, exact: bool, out: Buffer | None) -> Buffer:  # noqa: ARG002
        """Return a view of `data` without its checksum, once that is verified; see `ByteCodec.decode`."""
        length = len(data)
        if length < 4 and not exact:
            raise DataLoss(f"Input size of {length} is less than digest size of 4")
        if exact and length != size + 4:
            if length < size:
                raise not_enough(size, length, f"; at byte {length}")
            if length < size + 4:
                raise DataLoss(f"Unexpected end of input; at byte {size}")
        view = memoryview(data)[:-4]
        if _checksum(data) != _RESIDUE:
            stored = int.from_bytes(data[-4:], "little")
            raise DataLoss(
                f"Digest mismatch, stored digest is 0x{stored:08x}"
                f" but computed digest is 0x{_checksum(view):08x}"
            )
        if length > size + 4:
            raise too_much(length - size - 4, f"; at byte {size}")
        return view


def _settle(members: dict[str, Any], given: object) -> tuple[dict[str, Any], Crc32c]:  # noqa: ARG001
    return members, Crc32c()


ZARR3 = Declaration("crc32c", BYTES, (), _settle)
