"""The zstd codec.

What this file knows: the zstd codec's configuration, and as much of a frame header as it takes to know
the decoded size before any memory is asked for.  What it must not know: chunks.

Law: as of `codec.py`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from tegula import binding
from tegula.codecs import zstd_native as native
from tegula.codecs.codec import SLACK, Buffer, not_enough, too_much
from tegula.codecs.declare import BYTES, Declaration, Member, integer_member
from tegula.errors import FailedPrecondition
from tegula.kernels._jit import loaded, worthwhile
from tegula.record import Record

__all__ = ["N5", "NUMCODECS", "ZARR2", "ZARR3", "Zstd", "declared_size"]

_MAGIC = b"\x28\xb5\x2f\xfd"
_BLOCK = 128 << 10
LARGEST = 128 << 10  # what is larger takes so long to decode that other threads have their turn
LARGE = 16 << 10  # from here on decoding to where the bytes belong is worth looking for the end of the frame
WARM, COLD = 32 << 10, 1 << 26  # bytes from which on several frames are worth the kernel: see `worthwhile`

# Contexts cost more than a small frame; they serve one call at a time, so idle ones wait here.
_decoders: list[Any] = []
_faults: tuple[type[Exception], ...] = (MemoryError,)  # and the library's own, once it is loaded
_encoders: dict[tuple[int, bool], list[Any]] = {}


def _decoder() -> Any:
    try:
        return _decoders.pop()
    except IndexError:
        global _faults
        from zstandard import ZstdDecompressor, ZstdError

        _faults = (MemoryError, ZstdError)
        return ZstdDecompressor()


def _encoder(idle: list[Any], level: int, checksum: bool) -> Any:
    try:
        return idle.pop()
    except IndexError:
        from zstandard import ZstdCompressor

        return ZstdCompressor(level=level, write_checksum=checksum)


def _decompress(data: Buffer, size: int) -> bytes:
    """Decode one frame of at most `size` bytes and nothing behind it."""
    decoder = _decoder()
    try:
        found: bytes = decoder.decompress(data, max_output_size=size, allow_extra_data=False)
    except _faults as error:
        raise _fault(error, data) from None
    finally:
        _decoders.append(decoder)
    return found


class Zstd(Record):
    """Zstandard at `level` -131072 to 22, with or without a frame `checksum`.

    >>> bytes(Zstd(1).decode(Zstd(1).encode(b"abc"), 3, True, None))
    b'abc'
    """

    level: int = 3
    checksum: bool = False

    def encoded_size(self, size: int) -> int | None:  # noqa: ARG002
        """Return None: it depends on the bytes."""
        return None

    def working(self, size: int, encoding: bool) -> int:
        """Return about how many bytes the library works in: see `codec.working`."""
        return (1 << 20) + size * (1 if self.level < 10 else 8) if encoding else 1 << 18

    def encode(self, data: Buffer) -> bytes:
        """Return `data` as one frame that declares its size."""
        idle = _encoders.setdefault((self.level, self.checksum), [])
        encoder = _encoder(idle, self.level, self.checksum)
        try:
            result: bytes = encoder.compress(data)
        finally:
            idle.append(encoder)
        return result

    def encode_all(self, rows: NDArray[np.uint8]) -> list[bytes] | None:
        """Return each row as a frame, all made in one call without the interpreter; see `ByteCodec`."""
        count, size = rows.shape
        if count < 2 or not 0 < size <= LARGEST:
            return None
        idle = _encoders.setdefault((self.level, self.checksum), [])
        encoder = _encoder(idle, self.level, self.checksum)
        try:
            from zstandard import BufferWithSegments

            spans = np.empty((count, 2), np.uint64)
            spans[:, 0] = np.arange(0, count * size, size, dtype=np.uint64)
            spans[:, 1] = size
            joined = BufferWithSegments(rows.reshape(-1).data, spans.reshape(-1).view(np.uint8).data)
            found = encoder.multi_compress_to_buffer(joined, threads=1)
            return [each.tobytes() for each in found]
        finally:
            idle.append(encoder)

    def decode(self, data: Buffer, size: int, exact: bool, out: Buffer | None) -> Buffer:
        """Return the bytes of one frame; see `ByteCodec.decode`."""
        declared = declared_size(data)
        if out is not None and declared == size and size >= LARGE and _decompress_into(data, out):
            return out
        found = None
        if declared is None:
            found = _stream(data, size)
            declared = len(found)
        if declared > size:
            raise too_much(declared - size, f"; at byte {len(data)}; at uncompressed byte {size}")
        if exact and declared < size:
            raise not_enough(size, declared, f"; at byte {len(data)}; at uncompressed byte {declared}")
        return _decompress(data, max(declared, 1)) if found is None else found

    def decode_all(self, frames: Sequence[Buffer], size: int) -> NDArray[np.uint8] | None:
        """Return what several frames hold, one behind the other, decoded in one call without the interpreter.

        None where that is not `size` bytes each, or not worth it: see `ByteCodec`.
        """
        count = len(frames)
        if count < 2 or not 0 < size <= LARGEST or count * size > SLACK:
            return None
        if loaded() and native.available():
            made = np.empty(count * size, np.uint8)
            first = made.__array_interface__["data"][0]
            targets = first + size * np.arange(count, dtype=np.int64)
            return made if native.decode_rows(frames, size, targets) else None
        try:
            if any(declared_size(data) != size or _extent(data) != len(data) for data in frames):
                return None
        except FailedPrecondition:
            return None
        decoder = _decoder()
        try:
            sizes = np.full(count, size, np.uint64)
            found = decoder.multi_decompress_to_buffer(list(frames), decompressed_sizes=sizes, threads=1)
            if found[count - 1].offset == (count - 1) * size:  # else the library has made several pieces
                return as_strided(np.frombuffer(found[0], np.uint8), (count * size,), (1,), writeable=False)
            return np.concatenate([np.frombuffer(each, np.uint8) for each in found])
        except _faults:
            return None
        finally:
            _decoders.append(decoder)

    def decode_rows(self, frames: Sequence[Buffer], size: int, targets: NDArray[np.int64]) -> bool:
        """Decode several frames, each to its address, by one call; see `ByteCodec`."""
        if not 0 < size <= LARGEST or not native.available():
            return False
        return worthwhile(len(frames) * size, WARM, COLD) and native.decode_rows(frames, size, targets)


def _decompress_into(data: Buffer, out: Buffer) -> bool:
    """Decode a frame that fills `out` and ends there; False, with `out` spoilt, where it is not one."""
    if native.available():
        return native.decode_into(data, out)
    if _extent(data) != len(data):
        return False
    decoder = _decoder()
    try:
        # given room for all of it, the library decodes the frame straight into `out`
        count: int = decoder.stream_reader(data, read_size=len(data)).readinto(out)
    except _faults:
        return False
    finally:
        _decoders.append(decoder)
    return count == len(out)


def _extent(data: Buffer) -> int:
    """Return where the first frame ends by the sizes of its blocks, or -1 where it is cut short."""
    descriptor = data[4]
    field = (1 if descriptor & 0x20 else 0, 2, 4, 8)[descriptor >> 6]
    position = 5 + (not descriptor & 0x20) + (0, 1, 2, 4)[descriptor & 3] + field
    end = len(data)
    last = 0
    while not last:
        if position + 3 > end:
            return -1
        header = data[position] | data[position + 1] << 8 | data[position + 2] << 16
        last = header & 1
        position += 3 + (1 if header >> 1 & 3 == 1 else header >> 3)
    return position + (4 if descriptor & 4 else 0)


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
    return _decompress(data, max(bound, 1))


_EXTRA = re.compile(r"contains (\d+) bytes? of unused data")


def _fault(error: Exception, data: Buffer) -> FailedPrecondition:
    said = str(error)
    extra = _EXTRA.search(said)
    if extra is not None:
        count = int(extra[1])
        return too_much(count, f"; at byte {len(data) - count}")
    if "full frame" in said:
        return FailedPrecondition(f"Truncated Zstd-compressed stream; at byte {len(data)}")
    return FailedPrecondition(f"ZSTD_decompressStream() failed: {said.partition('error: ')[2] or said}")


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


def _settle2(members: dict[str, Any], given: object) -> tuple[dict[str, Any], Zstd]:  # noqa: ARG001
    return members, Zstd(members["level"], bool(members["checksum"]))


ZARR2 = Declaration(
    "zstd", BYTES, (integer_member("level", -131072, 22, 1), Member("checksum", binding.boolean)), _settle2
)
NUMCODECS = Declaration(
    "numcodecs.zstd",
    BYTES,
    (integer_member("level", -131072, 22, 0, stored=False), Member("checksum", binding.boolean, False)),
    _settle,
)
N5 = Declaration("zstd", BYTES, (integer_member("level", -131072, 22, 0, stored=False),), _settle)
