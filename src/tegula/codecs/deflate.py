"""Deflation, and bounded inflation, of zlib and gzip streams: what the two codecs share.

What this file knows: how to inflate at most so many bytes, twice as fast with ISA-L as with the
standard library; how to deflate, three times as fast with libdeflate; what to say of a bad stream.
What it must not know: configuration, chunks.

Law: ISA-L is a fast path, the standard library its definition.  Where ISA-L accepts, both give the
same bytes; where it refuses, the standard library decides and words the error.  What libdeflate
writes, the standard library inflates to what was given.
"""

from __future__ import annotations

from typing import Any

from tegula.codecs.codec import Buffer, not_enough, too_much
from tegula.errors import FailedPrecondition

__all__ = ["GZIP", "ZLIB", "deflate", "inflate"]

ZLIB = 15
"""`wbits` of a stream with a zlib header."""
GZIP = 31
"""`wbits` of a stream with a gzip header."""

_fast: Any = None
_deflaters: tuple[Any, Any] | None = None


def _load() -> Any:
    global _fast
    try:
        from isal import isal_zlib as library
    except ImportError:
        import zlib as library  # type: ignore[no-redef]
    _fast = library.decompressobj
    return _fast


def _load_deflaters() -> tuple[Any, Any]:
    global _deflaters
    from deflate import gzip_compress, zlib_compress

    _deflaters = (gzip_compress, zlib_compress)
    return _deflaters


def inflate(data: Buffer, size: int, exact: bool, wbits: int) -> Buffer:
    """Return the inflated `data`, exactly `size` bytes of it (at most `size` where not `exact`).

    Raises:
        FailedPrecondition: the stream is malformed, ends early, is followed by other bytes, or
            inflates to another size.
    """
    try:
        stream = (_fast or _load())(wbits)
        result: bytes = stream.decompress(data, size + 1)
        if len(result) == size and stream.eof and not stream.unused_data:
            return result
    except Exception:
        pass
    return _inflate_strictly(data, size, exact, wbits)


def _inflate_strictly(data: Buffer, size: int, exact: bool, wbits: int) -> Buffer:
    """Do what `inflate` does, with the standard library and an exact account of every fault."""
    import zlib

    stream = zlib.decompressobj(wbits)
    try:
        result = stream.decompress(data, size + 1)
    except zlib.error as error:
        reason = str(error).partition(": ")[2] or str(error)
        raise FailedPrecondition(f"inflate() failed: {reason}") from None
    read = len(data) - len(stream.unused_data)
    at = f"; at byte {read}; at uncompressed byte {len(result)}"
    if len(result) > size:
        raise too_much(None, f"; at uncompressed byte {size}")
    if not stream.eof:
        if exact and len(result) < size:
            raise not_enough(size, len(result), f"; reading truncated Zlib-compressed stream{at}")
        raise FailedPrecondition(f"Truncated Zlib-compressed stream{at}")
    if exact and len(result) < size:
        raise not_enough(size, len(result), at)
    if stream.unused_data:
        raise too_much(len(stream.unused_data), f"; at byte {read}")
    return result


def deflate(data: Buffer, level: int, wbits: int) -> bytes:
    """Return `data` as one deflate stream at `level` 0 to 9.

    A level says how hard to try.  libdeflate's first three find no long repeats, and leave a
    segmentation three times the size that zlib's first does; its fourth is no slower than that one.
    """
    if level == 0:
        import zlib

        return zlib.compress(data, level, wbits)
    gzip, plain = _deflaters or _load_deflaters()
    result: bytes = (gzip if wbits == GZIP else plain)(data, max(level, 4))
    return result
