"""The base64 codec of numcodecs (zarr v2, and zarr v3 as numcodecs.base64): bytes as text.

Law: as of `codec.py`.
"""

from __future__ import annotations

from binascii import Error, a2b_base64, b2a_base64
from typing import Any

from tegula.codecs.codec import Buffer, not_enough, too_much
from tegula.codecs.declare import BYTES, Declaration
from tegula.errors import FailedPrecondition
from tegula.record import Record

__all__ = ["ZARR2", "ZARR3", "Base64"]


class Base64(Record):
    """The standard alphabet, padded, in one line.

    >>> Base64().encode(b"abcd")
    b'YWJjZA=='
    """

    def encoded_size(self, size: int) -> int:
        """Return four bytes for each three, the last ones whole."""
        return -(-size // 3) * 4

    def encode(self, data: Buffer) -> bytes:
        """Return the text."""
        return b2a_base64(data, newline=False)

    def decode(self, data: Buffer, size: int, exact: bool, out: Buffer | None) -> bytes:  # noqa: ARG002
        """Return what the text stands for; see `ByteCodec.decode`."""
        wanted = self.encoded_size(size)
        if len(data) > wanted:
            raise too_much(len(data) - wanted, f"; at byte {wanted}")
        try:
            found = a2b_base64(data, strict_mode=True)
        except Error as error:
            raise FailedPrecondition(f"Invalid base64: {error}") from None
        if exact and len(found) < size:
            raise not_enough(size, len(found), f"; at byte {len(data)}")
        if len(found) > size:
            raise too_much(len(found) - size, f"; at byte {len(data)}")
        return found


def _settle(members: dict[str, Any], given: object) -> tuple[dict[str, Any], Base64]:  # noqa: ARG001
    return members, Base64()


ZARR2 = Declaration("base64", BYTES, (), _settle)
ZARR3 = Declaration("numcodecs.base64", BYTES, (), _settle)
