"""The blosc codec (version 1 of the format).

What this file knows: the blosc codec's configuration and the 16-byte header of a blosc buffer.  What
it must not know: chunks.

Law: as of `codec.py`.  The native decoder trusts the sizes in the header and has crashed on a
truncated buffer, so none of them reaches it unchecked.  Blosc's own threads are never used: threads
are the interpreter's business.  imagecodecs decodes: it is there in 2 ms, where numcodecs takes 65.  The
library of numcodecs encodes, which is called by itself where it can be, into memory that is there.
"""

from __future__ import annotations

import ctypes
from functools import partial
from struct import Struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tegula import binding
from tegula.codecs.codec import Buffer, Take, destination, not_enough, too_much
from tegula.codecs.declare import BYTES, Declaration, Member, integer_member
from tegula.codecs.native import INT, SIZE, WORD, address, functions
from tegula.errors import FailedPrecondition, Internal, InvalidArgument
from tegula.record import Record

__all__ = ["COMPRESSORS", "N5", "NUMCODECS", "ZARR2", "ZARR3", "Blosc"]

COMPRESSORS = ("blosclz", "lz4", "lz4hc", "snappy", "zlib", "zstd")
"""The inner compressors that metadata may name."""

_HEADER = Struct("<BBBBIII")
_OVERHEAD = 16
_MAXIMUM = 2**31 - 1 - _OVERHEAD
_MEMCPYED = 0x2
_SNAPPY = 2  # in the three highest bits of a header's flags
_KEPT = 4 << 20  # memory to encode into is used again up to this size
_rooms: list[NDArray[np.uint8]] = []  # it serves one call at a time; what is idle waits here
_blosc: Any = None
_images: Any = None
_native: Any = None  # the library's encoder, once it was looked for; False where it is hidden


def _find() -> Any:
    global _native
    whole = INT, [INT, INT, SIZE, SIZE, WORD, WORD, SIZE, ctypes.c_char_p, SIZE, INT]
    found = functions("blosc", {"blosc_compress_ctx": whole})
    _native = found is not None and found["blosc_compress_ctx"]
    return _native


def _load() -> Any:
    global _blosc
    from numcodecs import blosc

    blosc.use_threads = False
    _blosc = blosc
    return blosc


def _load_images() -> Any:
    global _images
    import imagecodecs

    _images = imagecodecs
    return imagecodecs


class Blosc(Record):
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

    @property
    def light(self) -> bool:
        """Whether decoding takes about as long as copying."""
        return self.cname in ("blosclz", "lz4", "lz4hc", "snappy")

    def encoded_size(self, size: int) -> int | None:  # noqa: ARG002
        """Return None: it depends on the bytes."""
        return None

    def working(self, size: int, encoding: bool) -> int:
        """Return about how many bytes the library works in: see `codec.working`."""
        streams = 2 * size if self.cname == "snappy" else 0
        return (1 << 19) + (2 * size if encoding else size) + streams

    def encode(self, data: Buffer) -> Buffer:
        """Return `data` as one blosc buffer.

        Raises:
            InvalidArgument: `data` exceeds what the format can hold.
        """
        taken: list[NDArray[np.uint8]] = []

        def take(size: int) -> memoryview:
            try:
                room = _rooms.pop()
            except IndexError:
                room = np.empty(0, np.uint8)
            taken.append(room if len(room) >= size else np.empty(size, np.uint8))
            return taken[0].data

        found = self.encode_into(data, take)
        if isinstance(found, memoryview):
            found = np.frombuffer(found, np.uint8).copy().data  # which lets other threads go on
        _rooms.extend(room for room in taken if len(room) <= _KEPT)
        return found

    def encode_into(self, data: Buffer, take: Take) -> Buffer:
        """Return the same, in memory that `take` gives where the library can encode into it."""
        native = _find() if _native is None else _native
        size, blocksize = len(data), min(self.blocksize, _MAXIMUM)
        if size > _MAXIMUM:
            raise InvalidArgument(
                f"Blosc compression input of {size} bytes exceeds maximum size of {_MAXIMUM}"
            )
        how = self.clevel, self.shuffle, self.typesize
        lacking = self.cname == "snappy"  # which the libraries are built without
        cname = b"lz4" if lacking else self.cname.encode()
        found: Buffer
        if native and size:
            most = size + _OVERHEAD  # what is given room for more may be stored larger than it is
            room = take(most)
            (source, _), (target, _) = address(data), address(room)
            count = native(*how, size, source, target, most, cname, blocksize, 1)
            if count <= 0:
                raise Internal(f"blosc cannot encode {size} bytes")
            found = room[:count]
        else:
            found = (_blosc or _load()).compress(data, cname, *how[:2], blocksize, self.typesize)
        if lacking:
            from tegula.codecs.blosc_streams import to_snappy

            return bytes(to_snappy(bytes(found)))
        return found

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
        if flags >> 5 == _SNAPPY and not flags & _MEMCPYED:
            from tegula.codecs.blosc_streams import from_snappy

            try:
                data = from_snappy(data)
            except ValueError:
                raise _invalid() from None
        if out is None:
            out = destination(size)
        try:
            (_images or _load_images()).blosc_decode(data, numthreads=1, out=out)
        except (RuntimeError, ValueError):
            raise _invalid() from None
        return out


def _invalid() -> FailedPrecondition:
    return FailedPrecondition("Invalid blosc-compressed data; at byte 0")


# ---------------------------------------------------------------- what documents say

_SHUFFLES = ("noshuffle", "shuffle", "bitshuffle")


def _shuffle(value: Any) -> str:
    if value in _SHUFFLES and isinstance(value, str):
        return value
    raise binding.expected("one of " + ", ".join(f'"{name}"' for name in _SHUFFLES), value)


def _cname3(value: Any) -> str:
    if binding.text(value) in COMPRESSORS:
        return str(value)
    raise InvalidArgument(f"Expected one of {','.join(COMPRESSORS)} but received: {binding.dumps(value)}")


def _cname2(value: Any) -> str:
    if binding.text(value) in COMPRESSORS:
        return str(value)
    raise binding.expected(f"one of {','.join(COMPRESSORS)}", value)


def _blocksize(value: Any) -> int:
    return binding.integer(value, 0, 2**64 - 1)


def _settle3(members: dict[str, Any], itemsize: int | None) -> tuple[dict[str, Any], Blosc]:
    """Fill in the element size from the input, and the shuffle from the element size.

    `itemsize` is None where the input is not elements but the output of another codec.
    """
    typesize, shuffle = members["typesize"], members["shuffle"]
    if typesize is None and itemsize is not None and itemsize <= 255:
        typesize = itemsize
    if shuffle is None:
        shuffle = "noshuffle" if typesize is None else "bitshuffle" if typesize == 1 else "shuffle"
    if shuffle == "noshuffle":
        typesize = None
    elif typesize is None:
        size = "-1/8" if itemsize is None else str(itemsize)
        raise InvalidArgument(
            "typesize must be specified explicitly because inferred itemsize "
            f"{size} is not supported by Blosc"
        )
    settled = {**members, "typesize": typesize, "shuffle": shuffle}
    made = Blosc(
        members["cname"], members["clevel"], _SHUFFLES.index(shuffle), typesize or 1, members["blocksize"]
    )
    return settled, made


def _settle2(members: dict[str, Any], given: Any) -> tuple[dict[str, Any], Blosc]:
    """Resolve shuffle -1 (by element size): bits for single bytes, bytes otherwise."""
    shuffle, itemsize = members["shuffle"], given.itemsize
    if shuffle == -1:
        shuffle = 2 if itemsize == 1 else 1
    typesize = itemsize if itemsize <= 255 else 1
    return members, Blosc(members["cname"], members["clevel"], shuffle, typesize, members["blocksize"])


ZARR3 = Declaration(
    "blosc",
    BYTES,
    (
        Member("cname", _cname3, "lz4", "Expected string, but member is missing"),
        integer_member("clevel", 0, 9, 5),
        Member(
            "shuffle",
            _shuffle,
            None,
            'Expected one of "noshuffle", "shuffle", "bitshuffle", but member is missing',
        ),
        integer_member("typesize", 1, 255, None, stored=False),
        integer_member("blocksize", 0, 715827542, 0),
    ),
    _settle3,
)
ZARR2 = Declaration(
    "blosc",
    BYTES,
    (
        Member("cname", _cname2, "lz4"),
        integer_member("clevel", 0, 9, 5),
        integer_member("shuffle", -1, 2, -1),
        Member("blocksize", _blocksize, 0),
    ),
    _settle2,
)


def _settle_numcodecs(members: dict[str, Any], itemsize: int | None) -> tuple[dict[str, Any], Blosc]:
    """Fill in the element size, 1 where the input is not elements, and the shuffle -1 as for zarr v2."""
    typesize = members["typesize"] or (itemsize if itemsize is not None and itemsize <= 255 else 1)
    shuffle = members["shuffle"]
    if shuffle == -1:
        shuffle = 2 if typesize == 1 else 1
    made = Blosc(members["cname"], members["clevel"], shuffle, typesize, members["blocksize"])
    return members, made


NUMCODECS = Declaration(
    "numcodecs.blosc",
    BYTES,
    (
        Member("cname", _cname2, "lz4"),
        integer_member("clevel", 0, 9, 5, stored=False),
        integer_member("shuffle", -1, 2, 1, stored=False),
        Member("blocksize", _blocksize, 0),
        integer_member("typesize", 1, 255, None, stored=False),
    ),
    _settle_numcodecs,
)
_RANGE = "Expected integer in the range [0, {}], but received: <discarded>"
N5 = Declaration(
    "blosc",
    BYTES,
    (
        Member("cname", _cname2, None, "Expected string, but member is missing", required=True),
        Member("clevel", partial(binding.integer, low=0, high=9), None, _RANGE.format(9), required=True),
        Member("shuffle", partial(binding.integer, low=0, high=2), None, _RANGE.format(2), required=True),
        Member("blocksize", _blocksize, 0),
    ),
    _settle2,
)
