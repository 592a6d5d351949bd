"""The gzip codec: one deflate stream with a gzip header.

What this file knows: the gzip codec's configuration.  What a stream is, is `deflate.py`'s.

Law: as of `codec.py`.
"""

from __future__ import annotations

from typing import Any

from tegula import binding
from tegula.codecs.codec import Buffer, ByteCodec
from tegula.codecs.declare import BYTES, Declaration, Member, integer_member
from tegula.codecs.deflate import GZIP, deflate, inflate
from tegula.codecs.zlib import Zlib
from tegula.record import Record

__all__ = ["N5", "NUMCODECS", "ZARR2", "ZARR3", "Gzip"]


class Gzip(Record):
    """Deflate at `level` 0 to 9, with a gzip header.

    >>> Gzip(1).decode(Gzip(1).encode(b"abc"), 3, True, None)
    b'abc'
    """

    level: int = 6

    def encoded_size(self, size: int) -> int | None:  # noqa: ARG002
        """Return None: it depends on the bytes."""
        return None

    def encode(self, data: Buffer) -> bytes:
        """Return `data` as one gzip stream."""
        return deflate(data, self.level, GZIP)

    def decode(self, data: Buffer, size: int, exact: bool, out: Buffer | None) -> Buffer:  # noqa: ARG002
        """Return the bytes of one gzip stream; see `ByteCodec.decode`."""
        return inflate(data, size, exact, GZIP)


def _settle(members: dict[str, Any], given: object) -> tuple[dict[str, Any], Gzip]:  # noqa: ARG001
    return members, Gzip(**members)


ZARR3 = Declaration("gzip", BYTES, (integer_member("level", 0, 9, 6),), _settle)
ZARR2 = Declaration("gzip", BYTES, (integer_member("level", 0, 9, 1),), _settle)
NUMCODECS = Declaration("numcodecs.gzip", BYTES, (integer_member("level", 0, 9, 1, stored=False),), _settle)


def _settle5(members: dict[str, Any], given: object) -> tuple[dict[str, Any], ByteCodec]:  # noqa: ARG001
    """`useZlib` has the other header; level -1 is the library's own choice."""
    level = 6 if members["level"] < 0 else members["level"]
    return members, Zlib(level) if members["useZlib"] else Gzip(level)


N5 = Declaration(
    "gzip",
    BYTES,
    (integer_member("level", -1, 9, -1, stored=False), Member("useZlib", binding.boolean, False)),
    _settle5,
)
