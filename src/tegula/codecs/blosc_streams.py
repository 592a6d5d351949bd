"""The streams within a blosc buffer: for an inner compressor that the installed library is built without.

What this file knows: a buffer is a header, where each block begins, and blocks of one stream, or of one a
byte of the elements; a stream is its length and as many bytes, raw where they are as many as they decode to.
What it must not know: what a document says, and shuffling, which the library does.

So snappy needs nothing of the library: to decode is to put raw streams in the place of compressed ones, and
to encode is to put snappy's in the place of LZ4's.

Law: `from_snappy(to_snappy(b))` decodes to what `b` does, for every buffer `b` of LZ4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from struct import Struct, error
from typing import Any

import numpy as np

from tegula.codecs.codec import Buffer

__all__ = ["from_snappy", "to_snappy"]

_HEADER = Struct("<BBBBIII")
_LENGTH = Struct("<i")
_MEMCPYED, _UNSPLIT, _SHUFFLES = 0x2, 0x10, 0x1F
_LZ4, _SNAPPY = 1, 2
"""The inner compressors as a header says them, in the three highest bits of its flags."""
_SPLITS, _LEAST = 16, 128


def _blocks(data: Buffer) -> Iterator[list[tuple[memoryview, int]]]:
    """Yield the streams of each block, with how many bytes each decodes to.

    Raises:
        ValueError, struct.error: one is not within the buffer.
    """
    view = memoryview(data).cast("B")
    _, _, flags, typesize, nbytes, blocksize, _ = _HEADER.unpack_from(view)
    starts = np.frombuffer(view, "<i4", -(-nbytes // blocksize), _HEADER.size).tolist()
    splits = not flags & _UNSPLIT and typesize <= _SPLITS and blocksize // typesize >= _LEAST
    for number, at in enumerate(starts):
        size = min(blocksize, nbytes - number * blocksize)
        parts = typesize if splits and size == blocksize else 1
        found = []
        for _ in range(parts):
            if at < 0:
                raise ValueError("a block begins outside")
            (length,) = _LENGTH.unpack_from(view, at)
            at += _LENGTH.size
            if not 0 <= length <= min(len(view) - at, size // parts):
                raise ValueError("a stream ends outside")
            found.append((view[at : at + length], size // parts))
            at += length
        yield found


def _replaced(data: Buffer, kind: int, stream: Callable[[memoryview, int], Buffer]) -> Buffer:
    """Return a buffer with other streams, of another inner compressor."""
    version, inner, flags, typesize, nbytes, blocksize, _ = _HEADER.unpack_from(data)
    starts: list[int] = []
    parts: list[Buffer] = []
    at = _HEADER.size
    if flags & _MEMCPYED:
        parts.append(memoryview(data)[at:])
        at = len(data)
    else:
        at += _LENGTH.size * -(-nbytes // blocksize)
        for block in _blocks(data):
            starts.append(at)
            for given, size in block:
                made = stream(given, size)
                parts += [_LENGTH.pack(len(made)), made]
                at += _LENGTH.size + len(made)
    head = _HEADER.pack(version, inner, flags & _SHUFFLES | kind << 5, typesize, nbytes, blocksize, at)
    return b"".join([head, np.array(starts, "<i4").tobytes(), *parts])


def from_snappy(data: Buffer) -> Buffer:
    """Return a buffer whose streams are raw, of one whose streams are snappy's.

    Its header's sizes are those of the buffer.

    Raises:
        ValueError: a stream is not within the buffer, or not what it is said to be.
    """
    from imagecodecs import SnappyError, snappy_decode

    def raw(given: memoryview, size: int) -> Buffer:
        if len(given) == size:
            return given
        if _announced(given) != size:
            raise ValueError("a stream is of another size")
        try:
            found = snappy_decode(bytes(given))
        except SnappyError as fault:
            raise ValueError("a stream is damaged") from fault
        if len(found) != size:
            raise ValueError("a stream is of another size")
        return found

    try:
        return _replaced(data, _LZ4, raw)
    except error as fault:
        raise ValueError("a stream is cut") from fault


def to_snappy(data: Buffer) -> Buffer:
    """Return a buffer whose streams are snappy's, of one of LZ4 that the library has made."""
    from imagecodecs import lz4_decode, snappy_encode

    encode: Callable[..., Any] = snappy_encode

    def packed(given: memoryview, size: int) -> Buffer:
        found = bytes(given) if len(given) == size else lz4_decode(bytes(given), out=size)
        try:
            made = encode(found)
        except TypeError:  # imagecodecs 2026.10 wants the second argument, earlier ones refuse it
            made = encode(found, None)
        return made if len(made) < size else found

    return _replaced(data, _SNAPPY, packed)


def _announced(stream: memoryview) -> int:
    """Return how many bytes a stream of snappy says that it decodes to."""
    found = 0
    for index, byte in enumerate(stream[:5]):
        found |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return found
    return -1
