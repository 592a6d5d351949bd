"""The zfpy codec (zarr v2; zarr v3 as numcodecs.zfpy): numbers to bytes by the zfp library, mostly with loss.

The library's decoder trusts its input: it reads as many bits as the header says that blocks may have,
whether they are there or not.  So the header is read here first.  It must describe the numbers that are
expected; each block must have at least the bits that the header says; and the input is followed by as many
zeros as the largest blocks could take.

What this file knows: that header.  What it must not know: chunks.

Law: as of `codec.py`; what a stream without loss holds comes back bit for bit.

Source: the header of zfp 1.0 streams, its documentation's "bit stream" section.
"""

from __future__ import annotations

from functools import partial
from math import prod
from typing import Any

import numpy as np

from tegula import binding
from tegula.codecs.codec import Buffer, not_enough, too_much
from tegula.codecs.declare import BYTES, LAYOUT, Declaration, Member, integer_member
from tegula.errors import FailedPrecondition, InvalidArgument, Unimplemented
from tegula.record import Record

__all__ = ["ZARR2", "ZARR3", "Zfp"]

_TYPES = ("<i4", "<i8", "<f4", "<f8")
_FIXED_RATE, _FIXED_PRECISION, _FIXED_ACCURACY = 2, 3, 4
_MAGIC = int.from_bytes(b"zfp\x05", "little")
_SHORT, _LONG = 32 + 52 + 12, 32 + 52 + 64


class Zfp(Record):
    """Numbers of type `decoded`, of up to four dimensions `shape` where it is known (else one).

    `mode` is 2 (fixed rate), 3 (fixed precision) or 4 (fixed accuracy), and `value` what is fixed.
    """

    decoded: str
    mode: int
    value: float
    shape: tuple[int, ...] | None = None

    @property
    def lossy(self) -> bool:
        """Whether what is decoded may be something else than what was encoded."""
        return True

    def encoded_size(self, size: int) -> int | None:  # noqa: ARG002
        """Return None: it depends on the numbers."""
        return None

    def encode(self, data: Buffer) -> bytes:
        """Return one stream with its header.

        Raises:
            InvalidArgument: the library does not take the options.
        """
        numbers = np.frombuffer(data, self.decoded)
        if self.shape is not None and 0 < len(self.shape) <= 4:
            numbers = numbers.reshape(self.shape)
        name = {_FIXED_RATE: "rate", _FIXED_PRECISION: "precision", _FIXED_ACCURACY: "tolerance"}[self.mode]
        try:
            result: bytes = _library().compress_numpy(numbers, write_header=True, **{name: self.value})
        except (ValueError, TypeError) as error:
            raise InvalidArgument(f"zfpy: {error}") from None
        return result

    def decode(self, data: Buffer, size: int, exact: bool, out: Buffer | None) -> memoryview:  # noqa: ARG002
        """Return the numbers; see `ByteCodec.decode`."""
        room = _checked(data, self.decoded, size, exact)
        padded = b"".join((data, bytes(max(0, room - len(data)))))
        try:
            found = _library().decompress_numpy(padded)
        except (ValueError, TypeError) as error:
            raise _invalid(str(error)) from None
        return np.ascontiguousarray(found).reshape(-1).view(np.uint8).data


def _checked(data: Buffer, decoded: str, size: int, exact: bool) -> int:
    """Return how many bytes the decoder may read of a stream that holds `size` bytes of numbers."""
    if len(data) * 8 < _SHORT:
        raise not_enough(_SHORT // 8, len(data), f"; at byte {len(data)}")
    head = int.from_bytes(data[: (_LONG + 7) // 8], "little")
    if head & 0xFFFFFFFF != _MAGIC:
        raise _invalid("no header")
    meta, mode = head >> 32 & (1 << 52) - 1, head >> 84
    if _TYPES[meta & 3] != decoded:
        raise _invalid("of another type")
    rank = (meta >> 2 & 3) + 1
    bits = 48 // rank
    shape = [(meta >> 4 + bits * dim & (1 << bits) - 1) + 1 for dim in range(rank)]
    itemsize = np.dtype(decoded).itemsize
    nbytes: int = prod(shape) * itemsize
    if nbytes > size:
        raise too_much(nbytes - size, f"; at byte {size}")
    if exact and nbytes < size:
        raise not_enough(size, nbytes, f"; at byte {nbytes}")
    blocks, cell = prod(-(-extent // 4) for extent in shape), 4**rank
    worst = cell * (8 * itemsize + 2) + 64
    least, header = 1, _SHORT
    short = mode & 0xFFF
    if short < 2048:
        least = short + 1
    elif short == 0xFFF:
        header = _LONG
        least = (mode >> 12 & 0x7FFF) + 1
        if len(data) * 8 < header:
            raise not_enough(header // 8, len(data), f"; at byte {len(data)}")
    needed = (header + blocks * least + 7) // 8
    if len(data) < needed:
        raise not_enough(needed, len(data), f"; at byte {len(data)}")
    room: int = (header + blocks * max(worst, least)) // 8 + 32
    return room


def _invalid(why: str) -> FailedPrecondition:
    return FailedPrecondition(f"Invalid zfp data: {why}")


def _library() -> Any:
    try:
        import zfpy
    except ImportError:
        raise Unimplemented("this codec needs the package zfpy (tegula[codecs])") from None
    return zfpy


# ---------------------------------------------------------------- what documents say


def _kwargs(value: Any) -> None:
    """Accept what numcodecs stores beside what it means again: {"tolerance": ...} and the like."""
    for each in binding.mapping({} if value is None else value).values():
        binding.number(each)


def _settle(members: dict[str, Any], given: Any) -> tuple[dict[str, Any], Zfp]:
    dtype = getattr(given, "dtype", given)
    if dtype.str not in _TYPES:
        raise InvalidArgument(f"zfpy applies to 32 and 64-bit integers and floats, not to {dtype}")
    shape = None
    if given is not dtype:
        shape = tuple(given.shape[axis] for axis in given.order)
    mode = members["mode"]
    name = {_FIXED_RATE: "rate", _FIXED_PRECISION: "precision", _FIXED_ACCURACY: "tolerance"}[mode]
    return members, Zfp(dtype.str, mode, members[name], shape)


_MEMBERS = (
    integer_member("mode", _FIXED_RATE, _FIXED_ACCURACY, _FIXED_ACCURACY, stored=False),
    Member("tolerance", binding.number, -1.0),
    Member("rate", binding.number, -1.0),
    Member("precision", partial(binding.integer, low=-1, high=64), -1),
    Member("compression_kwargs", _kwargs),
)
ZARR2 = Declaration("zfpy", BYTES, _MEMBERS, _settle)
ZARR3 = Declaration("numcodecs.zfpy", LAYOUT, _MEMBERS, _settle)
