"""The pcodec codec (zarr v2, and zarr v3 as numcodecs.pcodec): numbers to bytes by the library of that name.

What this file knows: how the library is told what to do, and how to decode into memory of the declared size.
What it must not know: chunks.

Law: as of `codec.py`; every bit of every number comes back.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any

import numpy as np

from tegula import binding
from tegula.codecs.codec import Buffer, destination, not_enough, too_much
from tegula.codecs.declare import BYTES, LAYOUT, Declaration, Member, integer_member
from tegula.errors import FailedPrecondition, InvalidArgument, Unimplemented
from tegula.record import Record

__all__ = ["ZARR2", "ZARR3", "Pcodec"]


class Pcodec(Record):
    """Numbers of type `decoded`; `options` are those of ``numcodecs.pcodec.PCodec``."""

    decoded: str
    options: tuple[tuple[str, Any], ...] = ()

    def encoded_size(self, size: int) -> int | None:  # noqa: ARG002
        """Return None: it depends on the numbers."""
        return None

    def encode(self, data: Buffer) -> bytes:
        """Return the numbers in the library's stand-alone format.

        Raises:
            InvalidArgument: the library does not take the options.
        """
        _library()
        try:
            result: bytes = _codec(self.options).encode(np.frombuffer(data, self.decoded))
        except (ValueError, TypeError, RuntimeError) as error:
            raise InvalidArgument(f"pcodec: {error}") from None
        return result

    def decode(self, data: Buffer, size: int, exact: bool, out: Buffer | None) -> Buffer:  # noqa: ARG002
        """Return the numbers; see `ByteCodec.decode`."""
        standalone = _library()
        found = np.frombuffer(destination(size), np.uint8)
        count = size // np.dtype(self.decoded).itemsize
        numbers = found[: count * np.dtype(self.decoded).itemsize].view(self.decoded)
        try:
            progress = standalone.simple_decompress_into(bytes(data), numbers)
        except Exception as error:
            raise FailedPrecondition(f"Invalid pcodec data: {error}") from None
        except BaseException as error:
            if type(error).__name__ != "PanicException":  # how the library's language tells of its own faults
                raise
            raise FailedPrecondition(f"Invalid pcodec data: {error}") from None
        if not progress.finished:
            raise too_much(None, f"; at uncompressed byte {size}")
        if exact and progress.n_processed != count:
            raise not_enough(size, progress.n_processed * numbers.itemsize)
        return numbers[: progress.n_processed].view(np.uint8).data


def _library() -> Any:
    try:
        from pcodec import standalone
    except ImportError:
        raise Unimplemented("this codec needs the package pcodec (tegula[codecs])") from None
    return standalone


@lru_cache(maxsize=16)
def _codec(options: tuple[tuple[str, Any], ...]) -> Any:
    from numcodecs.pcodec import PCodec

    return PCodec(**dict(options))


# ---------------------------------------------------------------- what documents say


def _one_of(names: tuple[str, ...], value: Any) -> str:
    if value in names and isinstance(value, str):
        return value
    raise binding.expected("one of " + ", ".join(f'"{name}"' for name in names), value)


def _order(value: Any) -> int | None:
    return None if value is None else binding.integer(value, 0, 7)


def _settle(members: dict[str, Any], given: Any) -> tuple[dict[str, Any], Pcodec]:
    dtype = getattr(given, "dtype", given)
    if dtype.kind not in "iuf" or dtype.itemsize < 2:
        raise InvalidArgument(f"pcodec applies to numbers of 16 to 64 bits, not to {dtype}")
    if not dtype.isnative:
        raise InvalidArgument("pcodec applies to numbers in native byte order")
    return members, Pcodec(dtype.str, tuple(sorted(members.items())))


_MEMBERS = (
    integer_member("level", 0, 12, 8, stored=False),
    Member("mode_spec", partial(_one_of, ("auto", "classic")), "auto"),
    Member("delta_spec", partial(_one_of, ("auto", "none", "try_consecutive", "try_lookback")), "auto"),
    Member("paging_spec", partial(_one_of, ("equal_pages_up_to",)), "equal_pages_up_to"),
    Member("delta_encoding_order", _order),
    integer_member("equal_pages_up_to", 1, 2**24, 262144, stored=False),
)
ZARR2 = Declaration("pcodec", BYTES, _MEMBERS, _settle)
ZARR3 = Declaration("numcodecs.pcodec", LAYOUT, _MEMBERS, _settle)
