"""What a codec is: a frozen value from bytes to bytes and back, of exact size, in bounded memory.

What this file knows: the shape of a byte codec and the words of a decoding fault.  What it must not
know: any one codec, any metadata document, any store.

A codec here is *resolved*: every member of its configuration has a value.  How a metadata document
spells it, which members may be left out and how two declarations merge is said by the codec's
`Declaration`, next to it.

Laws:
    decode(encode(x), len(x)) == x
    decode never reads outside its input, never returns another size than was asked for, and never
    allocates more than the asked size plus 16 MiB, whatever the input: it raises a `TegulaError`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tegula.errors import FailedPrecondition, ResourceExhausted

__all__ = [
    "SLACK",
    "Buffer",
    "ByteCodec",
    "Take",
    "destination",
    "not_enough",
    "owned",
    "too_much",
    "working",
    "zeros",
]

Buffer: TypeAlias = bytes | bytearray | memoryview

Take: TypeAlias = Callable[[int], memoryview]
"""Gives so many bytes of memory, which is used again once nobody looks at it."""

SLACK = 16 << 20
"""How many bytes beyond the declared chunk a decoder may use when a size between two codecs is unknown."""

_UINT8 = np.dtype(np.uint8)


class ByteCodec(Protocol):
    """One bytes -> bytes step of a chain, resolved.  Values are frozen, compare, hash and pickle.

    A codec may have a method ``decode_all(values, size)``, which returns several decoded values of `size`
    bytes each, one behind the other in one array of bytes, where its library does that in one call: threads
    that decode small chunks one by one spend more time on taking turns than on decoding.  It returns None
    where any of the values is not exactly so.  A method ``decode_rows(values, size, targets)`` decodes each
    to an address of its own, of at least `size` bytes, or returns False.  Likewise ``encode_all(rows)``
    returns what `encode` returns for each row of a contiguous array of bytes, or None where it does not pay;
    and ``encode_into(data, take)`` returns what `encode` does, in memory that ``take(size)`` gives.
    """

    def encoded_size(self, size: int) -> int | None:
        """Return the exact encoded size of `size` bytes, or None where it depends on the bytes."""

    def encode(self, data: Buffer) -> Buffer:
        """Return the encoded form of contiguous `data`."""

    def decode(self, data: Buffer, size: int, exact: bool, out: Buffer | None) -> Buffer:
        """Return the decoded bytes: exactly `size` of them, or at most `size` where not `exact`.

        `out`, writable and `size` bytes long (only given where `exact`), is used where the native
        library can decode in place, and is then what is returned.

        Raises:
            FailedPrecondition: the bytes are not a valid encoding of that size.
            DataLoss: a checksum does not match.
        """


def working(step: ByteCodec, size: int, encoding: bool) -> int:
    """Return about how many bytes a codec works in, beside what it is given and what it returns.

    A codec whose library needs more than another copy of the `size` decoded bytes says so by a method
    `working`.

    >>> from tegula.codecs.bz2 import Bz2
    >>> working(Bz2(9), 1 << 20, True) >> 20
    8
    """
    says = getattr(step, "working", None)
    return size + (128 << 10) if says is None else int(says(size, encoding))


def destination(size: int) -> memoryview:
    """Return a fresh uninitialised writable buffer of `size` bytes.

    Raises:
        ResourceExhausted: there is no such memory (a document may declare chunks of any size).
    """
    try:
        return np.empty(size, _UINT8).data
    except (MemoryError, ValueError):
        raise ResourceExhausted(f"Cannot allocate {size} bytes for a decoded chunk") from None


def owned(value: Buffer) -> Buffer:
    """Return a value to keep: a copy where it is a look at a part of larger memory, which it would keep too.

    >>> whole = memoryview(b"abcdef")
    >>> owned(whole[2:4]), owned(whole) is whole
    (b'cd', True)
    """
    if isinstance(value, memoryview) and value.nbytes < memoryview(value.obj).nbytes:
        return bytes(value)
    return value


def zeros(size: int) -> NDArray[np.uint8]:
    """Return `size` zero bytes.

    Raises:
        ResourceExhausted: there is no such memory.
    """
    try:
        return np.zeros(size, _UINT8)
    except (MemoryError, ValueError):
        raise ResourceExhausted(f"Cannot allocate {size} bytes for a decoded chunk") from None


def not_enough(expected: int, got: int, note: str = "") -> FailedPrecondition:
    """Return the error of a stream that ended early.

    >>> str(not_enough(40, 3, "; at byte 3"))
    'FAILED_PRECONDITION: Not enough data: expected at least 40 or 37 more; at byte 3'
    """
    return FailedPrecondition(f"Not enough data: expected at least {expected} or {expected - got} more{note}")


def too_much(remaining: int | None, note: str = "") -> FailedPrecondition:
    """Return the error of bytes after the end; `remaining` is None where counting them would cost.

    >>> str(too_much(1, "; at byte 40"))
    'FAILED_PRECONDITION: End of data expected; remaining length: 1; at byte 40'
    """
    length = "" if remaining is None else f"; remaining length: {remaining}"
    return FailedPrecondition(f"End of data expected{length}{note}")
