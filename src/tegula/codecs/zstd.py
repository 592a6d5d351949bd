"""The zstd codec.

What this file knows: the zstd codec's configuration, and as much of a frame header as it takes to know
the decoded size before any memory is asked for.  What it must not know: chunks.

Law: as of `codec.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tegula import binding
from tegula.codecs.codec import Buffer, destination, not_enough, too_much
from tegula.codecs.declare import BYTES, Declaration, Member, integer_member
from tegula.errors import FailedPrecondition

__all__ = ["ZARR2", "ZARR3", "Zstd", "declared_size"]

_MAGIC = b"\x28\xb5\x2f\xfd"
_BLOCK = 128 << 10
_zstd: Any = None


def _load() -> Any:
    global _zstd
    from numcodecs import zstd

    _zstd = zstd
    return zstd


@dataclass(frozen=True, slots=True)
class Zstd:
    """Zstandard at `level` -131072 to 22, with or without a frame `checksum`.

    >>> bytes(Zstd(1).decode(Zstd(1).encode(b"abc"), 3, True, None))
    b'abc'
    """

    level: int = 3
    checksum: bool = False

    def encoded_size(self, size: int) -> int | None:  # noqa: ARG002
        """Return None: it depends on the bytes."""
        return None

    def encode(self, data: Buffer) -> bytes:
        """Return `data` as one frame that declares its size."""
        result: bytes = (_zstd or _load()).compress(data, self.level, self.checksum)
        return result

    def decode(self, data: Buffer, size: int, exact: bool, out: Buffer | None) -> Buffer:
        """Return the bytes of one frame; see `ByteCodec.decode`."""
        declared = declared_size(data)
        if declared is None:
            if not exact:
                return _stream(data, size)
        elif declared != size:
            if declared > size:
                raise too_much(declared - size, f"; at byte {len(data)}; at uncompressed byte {size}")
            if exact:
                raise not_enough(size, declared, f"; at byte {len(data)}; at uncompressed byte {declared}")
            size = declared
        if out is None:
            out = destination(size)
        try:
            (_zstd or _load()).decompress(data, out)
        except (RuntimeError, ValueError) as error:
            raise _fault(error, data) from None
        return out


def declared_size(data: Buffer) -> int | None:
    """Return the decoded size that the first frame declares, or None where it declares none.

    >>> declared_size(Zstd().encode(b"abc"))
    3

    Raises:
        FailedPrecondition: this is not the beginning of a zstd frame.
    """
    if len(data) < 6:
        raise FailedPrecondition(
            f"Truncated Zstd-compressed stream; at byte {len(data)}; at uncompressed byte 0"
        )
    if data[:4] != _MAGIC:
        raise FailedPrecondition(
            "ZSTD_decompressStream() failed: Unknown frame descriptor; at byte 0; at uncompressed byte 0"
        )
    descriptor = data[4]
    flag = descriptor >> 6
    single = descriptor & 0x20
    if not flag and not single:
        return None
    start = 5 + (not single) + (0, 1, 2, 4)[descriptor & 3]
    field = data[start : start + (1, 2, 4, 8)[flag]]
    return int.from_bytes(field, "little") + (256 if flag == 1 else 0)


def _stream(data: Buffer, limit: int) -> bytes:
    """Decode a frame of undeclared size, once its block headers have shown that it cannot pass `limit`."""
    view = memoryview(data)
    position = 6 + (0, 1, 2, 4)[view[4] & 3]
    bound = 0
    last = 0
    while not last and position + 3 <= len(view) and bound <= limit + _BLOCK:
        header = int.from_bytes(view[position : position + 3], "little")
        last, kind, length = header & 1, header >> 1 & 3, header >> 3
        bound += _BLOCK if kind == 2 else length
        position += 3 + (1 if kind == 1 else length)
    if bound > limit + _BLOCK:
        raise too_much(None, f"; at uncompressed byte {limit}")
    if len(view) - position > 4:
        raise too_much(len(view) - position, f"; at byte {position}")
    try:
        result: bytes = (_zstd or _load()).decompress(data)
    except (RuntimeError, ValueError) as error:
        raise _fault(error, data) from None
    return result


def _fault(error: Exception, data: Buffer) -> FailedPrecondition:
    reason = str(error).partition("error: ")[2]
    if reason.startswith(("b'", 'b"')):
        reason = reason[2:-1]
    if "Src size" in reason or reason == "invalid input data":
        return FailedPrecondition(f"Truncated Zstd-compressed stream; at byte {len(data)}")
    return FailedPrecondition(f"ZSTD_decompressStream() failed: {reason or error}")


def _settle(members: dict[str, Any], given: object) -> tuple[dict[str, Any], Zstd]:  # noqa: ARG001
    return members, Zstd(**members)


ZARR3 = Declaration(
    "zstd",
    BYTES,
    (
        integer_member("level", -131072, 22, 3),
        Member("checksum", binding.boolean, False),
    ),
    _settle,
)
ZARR2 = Declaration("zstd", BYTES, (integer_member("level", -131072, 22, 1),), _settle)
