"""The xz codec (N5 only).

What this file knows: how to hand one chunk to the standard library's LZMA and how much it may return.

Law: as of `codec.py`.
"""

from __future__ import annotations

from typing import Any

from tegula.codecs.codec import SLACK, Buffer, not_enough, too_much
from tegula.codecs.declare import BYTES, Declaration, integer_member
from tegula.errors import FailedPrecondition
from tegula.record import Record

__all__ = ["N5", "Xz", "preset_bytes"]


def preset_bytes(preset: int, encoding: bool) -> int:
    """Return how many bytes liblzma works in with a preset: the table of its manual.

    >>> preset_bytes(6, True) >> 20, preset_bytes(6, False) >> 20
    (94, 9)
    """
    return (_ENCODING if encoding else _DECODING)[preset & 15] << 20


_ENCODING = (3, 9, 17, 32, 48, 94, 94, 186, 370, 674)  # MiB, by preset
_DECODING = (1, 2, 3, 5, 5, 9, 9, 17, 33, 65)


class Xz(Record):
    """LZMA2 in the xz container, at `preset` 0 to 9.

    >>> Xz(1).decode(Xz(1).encode(b"abc"), 3, True, None)
    b'abc'
    """

    preset: int = 6

    def encoded_size(self, size: int) -> int | None:  # noqa: ARG002
        """Return None: it depends on the bytes."""
        return None

    def working(self, size: int, encoding: bool) -> int:
        """Return about how many bytes the library works in: see `codec.working`."""
        return size + preset_bytes(self.preset, encoding)

    def encode(self, data: Buffer) -> bytes:
        """Return `data` as one xz stream."""
        import lzma

        return lzma.compress(data, preset=self.preset)

    def decode(self, data: Buffer, size: int, exact: bool, out: Buffer | None) -> bytes:  # noqa: ARG002
        """Return the bytes of one xz stream; see `ByteCodec.decode`.

        The memory of the decoder is the dictionary that the stream asks for; one larger than the chunk and
        the usual slack is refused.
        """
        import lzma

        limit = max(size, 64 << 20) + SLACK  # preset 9 asks for 64 MiB whatever the size
        stream = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=limit)
        try:
            result = stream.decompress(data, size + 1)
        except (lzma.LZMAError, EOFError) as error:
            raise FailedPrecondition(f"lzma_code() failed: {error}") from error
        if len(result) > size:
            raise too_much(None, f"; at uncompressed byte {size}")
        unused = len(stream.unused_data) if stream.eof else 0
        at = f"; at byte {len(data) - unused}; at uncompressed byte {len(result)}"
        if not stream.eof:
            raise FailedPrecondition(f"Truncated Xz-compressed stream{at}")
        if exact and len(result) < size:
            raise not_enough(size, len(result), at)
        if unused:
            raise too_much(unused, f"; at byte {len(data) - unused}")
        return result


def _settle(members: dict[str, Any], given: object) -> tuple[dict[str, Any], Xz]:  # noqa: ARG001
    return members, Xz(**members)


N5 = Declaration("xz", BYTES, (integer_member("preset", 0, 9, 6, stored=False),), _settle)
