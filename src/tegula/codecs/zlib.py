"""The zlib codec: one deflate stream with a zlib header.

What this file knows: the zlib codec's configuration.  What a stream is, is `deflate.py`'s.

Law: as of `codec.py`.
"""

from __future__ import annotations

from typing import Any

from tegula.codecs.codec import Buffer
from tegula.codecs.declare import BYTES, Declaration, integer_member
from tegula.codecs.deflate import ZLIB, deflate, inflate
from tegula.record import Record

__all__ = ["NUMCODECS", "ZARR2", "Zlib"]


class Zlib(Record):
    """Deflate at `level` 0 to 9, with a zlib header.

    >>> Zlib(1).decode(Zlib(1).encode(b"abc"), 3, True, None)
    b'abc'
    """

    level: int = 1

    def encoded_size(self, size: int) -> int | None:  # noqa: ARG002
        """Return None: it depends on the bytes."""
        return None

    def encode(self, data: Buffer) -> bytes:
        """Return `data` as one zlib stream."""
        return deflate(data, self.level, ZLIB)

    def decode(self, data: Buffer, size: int, exact: bool, out: Buffer | None) -> Buffer:  # noqa: ARG002
        """Return the bytes of one zlib stream; see `ByteCodec.decode`."""
        return inflate(data, size, exact, ZLIB)


def _settle(members: dict[str, Any], given: object) -> tuple[dict[str, Any], Zlib]:  # noqa: ARG001
    return members, Zlib(**members)


ZARR2 = Declaration("zlib", BYTES, (integer_member("level", 0, 9, 1),), _settle)
NUMCODECS = Declaration("numcodecs.zlib", BYTES, (integer_member("level", 0, 9, 1, stored=False),), _settle)
