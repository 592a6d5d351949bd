"""Checksums of four bytes before or after the data: crc32, crc32c, adler32, fletcher32, jenkins_lookup3.

They are codecs of zarr v2, and of zarr v3 as numcodecs.*; the crc32c of zarr v3 itself is `crc32c.py`.

What this file knows: where each sits and which function makes it.  What it must not know: what the bytes
mean.

Law: as of `codec.py`; a value whose checksum is another is `DataLoss`, never data.
"""

from __future__ import annotations

import zlib
from functools import partial
from typing import Any

import numpy as np

from tegula import binding
from tegula.codecs.codec import Buffer, not_enough, too_much
from tegula.codecs.declare import BYTES, Declaration, Member, integer_member
from tegula.errors import DataLoss, InvalidArgument
from tegula.record import Record

__all__ = ["ZARR2", "ZARR3", "Checksum"]


class Checksum(Record):
    """The checksum called `name` before the data (`start`) or after it; `seed` is for jenkins_lookup3.

    >>> Checksum("crc32").encode(b"abc").hex()
    'c2412435616263'
    """

    name: str
    start: bool = True
    seed: int = 0

    def encoded_size(self, size: int) -> int:
        """Return `size` + 4."""
        return size + 4

    def _of(self, data: Buffer) -> bytes:
        if self.name == "crc32":
            number = zlib.crc32(data)
        elif self.name == "adler32":
            number = zlib.adler32(data)
        elif self.name == "crc32c":
            import google_crc32c

            number = google_crc32c.value(bytes(data))
        elif self.name == "jenkins_lookup3":
            from numcodecs.jenkins import jenkins_lookup3

            number = int(jenkins_lookup3(np.frombuffer(data, np.uint8), self.seed))
        else:
            from numcodecs.fletcher32 import Fletcher32

            found: bytes = Fletcher32().encode(np.frombuffer(data, np.uint8))[-4:]
            return bytes(found)
        return number.to_bytes(4, "little")

    def encode(self, data: Buffer) -> bytes:
        """Return `data` with its checksum."""
        made = self._of(data)
        return b"".join((made, data) if self.start else (data, made))

    def decode(self, data: Buffer, size: int, exact: bool, out: Buffer | None) -> memoryview:  # noqa: ARG002
        """Return a view of `data` without its checksum, once that is verified; see `ByteCodec.decode`.

        Raises:
            DataLoss: the checksum does not match.
        """
        length = len(data)
        if length < 4:
            raise DataLoss(f"Input size of {length} is less than digest size of 4")
        if exact and length < size + 4:
            raise not_enough(size + 4, length, f"; at byte {length}")
        if length > size + 4:
            raise too_much(length - size - 4, f"; at byte {size + 4}")
        view = memoryview(data)
        plain, stored = (view[4:], view[:4]) if self.start else (view[:-4], view[-4:])
        made = self._of(plain)
        if made != stored:
            raise DataLoss(
                f"Digest mismatch, stored digest is 0x{int.from_bytes(stored, 'little'):08x}"
                f" but computed digest is 0x{int.from_bytes(made, 'little'):08x}"
            )
        return plain


# ---------------------------------------------------------------- what documents say


def _location(value: Any) -> str:
    if value in ("start", "end") and isinstance(value, str):
        return str(value)
    raise binding.expected('one of "start", "end"', value)


def _nothing(value: Any) -> None:
    if value is not None:
        raise InvalidArgument("a prefix is not supported")


def _settle(name: str, members: dict[str, Any], given: object) -> tuple[dict[str, Any], Checksum]:  # noqa: ARG001
    start = members.get("location", "end" if name in ("crc32c",) else "start")
    if name in ("fletcher32", "jenkins_lookup3"):
        start = "end"
    return members, Checksum(name, start == "start", members.get("initval", 0))


_MEMBERS: dict[str, tuple[Member, ...]] = {
    "adler32": (Member("location", _location, "start"),),
    "crc32": (Member("location", _location, "start"),),
    "crc32c": (Member("location", _location, "end"),),
    "fletcher32": (),
    "jenkins_lookup3": (
        integer_member("initval", 0, 2**32 - 1, 0, stored=False),
        Member("prefix", _nothing),
    ),
}
ZARR2 = {name: Declaration(name, BYTES, found, partial(_settle, name)) for name, found in _MEMBERS.items()}
ZARR3 = {
    name: Declaration(f"numcodecs.{name}", BYTES, found, partial(_settle, name))
    for name, found in _MEMBERS.items()
}
