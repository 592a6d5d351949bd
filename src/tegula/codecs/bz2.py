"""The bz2 codec (zarr v2, and N5 as bzip2).

What this file knows: how to hand one chunk to the standard library's bzip2 and how much it may return.

Law: as of `codec.py`.
"""

from __future__ import annotations

from typing import Any

from tegula.codecs.codec import Buffer, not_enough, too_much
from tegula.codecs.declare import BYTES, Declaration, integer_member
from tegula.errors import FailedPrecondition
from tegula.record import Record

__all__ = ["N5", "NUMCODECS", "ZARR2", "Bz2"]


class Bz2(Record):
    """Bzip2 at `level` 1 to 9.

    >>> Bz2(1).decode(Bz2(1).encode(b"abc"), 3, True, None)
    b'abc'
    """

    level: int = 1

    def encoded_size(self, size: int) -> int | None:  # noqa: ARG002
        """Return None: it depends on the bytes."""
        return None

    def working(self, size: int, encoding: bool) -> int:
        """Return about how many bytes the library works in: see `codec.working`."""
        return size + (self.level * (800_000 if encoding else 400_000)) + 500_000

    def encode(self, data: Buffer) -> bytes:
        """Return `data` as one bzip2 stream."""
        import bz2

        return bz2.compress(data, self.level)

    def decode(self, data: Buffer, size: int, exact: bool, out: Buffer | None) -> bytes:  # noqa: ARG002
        """Return the bytes of one bzip2 stream; see `ByteCodec.decode`."""
        import bz2

        stream = bz2.BZ2Decompressor()
        try:
            result = stream.decompress(data, size + 1)
        except (OSError, ValueError) as error:
            reason = "data error (magic)" if bytes(data[:3]) != b"BZh"[: len(data)] else "data error"
            raise FailedPrecondition(f"BZ2_bzDecompress() failed: {reason}") from error
        if len(result) > size:
            raise too_much(None, f"; at uncompressed byte {size}")
        unused = len(stream.unused_data) if stream.eof else 0
        at = f"; at byte {len(data) - unused}; at uncompressed byte {len(result)}"
        if not stream.eof:
            if exact and len(result) < size:
                raise not_enough(size, len(result), f"; reading truncated Bzip2-compressed stream{at}")
            raise FailedPrecondition(f"Truncated Bzip2-compressed stream{at}")
        if exact and len(result) < size:
            raise not_enough(size, len(result), at)
        if unused:
            raise too_much(unused, f"; at byte {len(data) - unused}")
        return result


def _settle(members: dict[str, Any], given: object) -> tuple[dict[str, Any], Bz2]:  # noqa: ARG001
    return members, Bz2(**members)


ZARR2 = Declaration("bz2", BYTES, (integer_member("level", 1, 9, 1),), _settle)
NUMCODECS = Declaration("numcodecs.bz2", BYTES, (integer_member("level", 1, 9, 1, stored=False),), _settle)


def _settle5(members: dict[str, Any], given: object) -> tuple[dict[str, Any], Bz2]:  # noqa: ARG001
    return members, Bz2(members["blockSize"])


N5 = Declaration("bzip2", BYTES, (integer_member("blockSize", 1, 9, 9, stored=False),), _settle5)
