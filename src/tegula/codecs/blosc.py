"""The blosc codec (version 1 of the format).

What this file knows: the blosc codec's configuration and the 16-byte header of a blosc buffer.  What
it must not know: chunks.

Law: as of `codec.py`.  The native decoder trusts the sizes in the header and has crashed on a
truncated buffer, so none of them reaches it unchecked.  Blosc's own threads are never used: threads
are the interpreter's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import Any

from ..errors import FailedPrecondition, InvalidArgument, Unimplemented
from .codec import Buffer, destination, not_enough, too_much

__all__ = ["COMPRESSORS", "Blosc"]

COMPRESSORS = ("blosclz", "lz4", "lz4hc", "snappy", "zlib", "zstd")
"""The inner compressors that metadata may name."""

_HEADER = Struct("<BBBBIII")
_OVERHEAD = 16
_MAXIMUM = 2**31 - 1 - _OVERHEAD
_MEMCPYED = 0x2
_blosc: Any = None


def _load() -> Any:
    global _blosc
    from numcodecs import blosc

    blosc.use_threads = False
    _blosc = blosc
    return blosc


@dataclass(frozen=True, slots=True)
class Blosc:
    """Blosc with inner compressor `cname` at `clevel` 0 to 9.

    `shuffle` is 0 (none), 1 (bytes) or 2 (bits) over elements of `typesize` bytes; `blocksize` 0 lets
    the library choose.

    >>> bytes(Blosc().decode(Blosc().encode(b"abc"), 3, True, None))
    b'abc'
    """

    cname: str = "lz4"
    clevel: int = 5
    shuffle: int = 1
    typesize: int = 1
    blocksize: int = 0

    def encoded_size(self, size: int) -> int | None:  # noqa: ARG002
        """Return None: it depends on the bytes."""
        return None

    def encode(self, data: Buffer) -> bytes:
        """Return `data` as one blosc buffer.

        Raises:
            InvalidArgument: `data` exceeds what the format can hold.
        """
        if len(data) > _MAXIMUM:
            raise InvalidArgument(
                f"Blosc compression input of {len(data)} bytes exceeds maximum size of {_MAXIMUM}"
            )
        blosc = _blosc or _load()
        if self.cname not in blosc.list_compressors():
            raise Unimplemented(f"Blosc compressor {self.cname!r} is not in the installed library")
        result: bytes = blosc.compress(
            data, self.cname.encode(), self.clevel, self.shuffle, self.blocksize, self.typesize
        )
        return result

    def decode(self, data: Buffer, size: int, exact: bool, out: Buffer | None) -> Buffer:
        """Return the bytes of one blosc buffer; see `ByteCodec.decode`."""
        if len(data) < _OVERHEAD:
            raise _invalid()
        version, _, flags, typesize, nbytes, blocksize, cbytes = _HEADER.unpack_from(data)
        if cbytes != len(data) or version != 2 or not typesize or not 0 < blocksize <= max(nbytes, 1):
            raise _invalid()
        if flags & _MEMCPYED:
            if cbytes != nbytes + _OVERHEAD:
                raise _invalid()
        elif cbytes < _OVERHEAD + 4 * -(-nbytes // blocksize):
            raise _invalid()
        if nbytes != size:
            if nbytes > size:
                raise too_much(nbytes - size, f"; at byte {size}")
            if exact:
                raise not_enough(size, nbytes, f"; at byte {nbytes}")
            size = nbytes
        if out is None:
            out = destination(size)
        try:
            (_blosc or _load()).decompress(data, out)
        except (RuntimeError, ValueError):
            raise _invalid() from None
        return out


def _invalid() -> FailedPrecondition:
    return FailedPrecondition("Invalid blosc-compressed data; at byte 0")
