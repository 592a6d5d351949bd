"""Formats whose array is one value: a JSON document, an image.

Knows what each is called, which members its specification has, its rank and data type, and by which first
bytes images are told.  Must not know how the value is fetched or decoded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tegula.binding import at_member, boolean, integer, text
from tegula.formats.json_pointer import checked
from tegula.record import Record
from tegula.schema.dtypes import DataType, uint8
from tegula.schema.dtypes import json as json_

__all__ = ["AVIF", "BMP", "JPEG", "JSON", "PNG", "SIGNED_BYTES", "TIFF", "WEBP", "WholeFormat", "signed"]

SIGNED_BYTES = 64
"""How many first bytes of a file `signed` looks at."""


class WholeFormat(Record):
    """A format whose array is one value; `members` are (name, default, parser) of a specification."""

    name: str
    rank: int
    dtype: DataType
    members: tuple[tuple[str, Any, Callable[[Any], Any]], ...] = ()

    @property
    def defaults(self) -> dict[str, Any]:
        """What the members are where they are not given, those that have a default."""
        return {name: default for name, default, _ in self.members if default is not None}

    def parse_members(self, rest: dict[str, Any]) -> dict[str, Any]:
        """Take the members out of `rest`; return those that differ from the defaults.

        Raises:
            InvalidArgument: one is malformed.
        """
        found = {}
        for name, default, parse in self.members:
            if name in rest:
                with at_member(name):
                    value = parse(rest.pop(name))
                if value != default:
                    found[name] = value
        return found


def _pointer(value: Any) -> str:
    return checked(text(value))


def _int32(value: Any) -> int:
    return integer(value, -(2**31), 2**31 - 1)


def _image(name: str, *members: tuple[str, Any, Callable[[Any], Any]]) -> WholeFormat:
    return WholeFormat(name, 3, uint8, members)


JSON = WholeFormat("json", 0, json_, (("json_pointer", "", _pointer),))
AVIF = _image("avif", ("quantizer", 0, _int32), ("speed", 6, _int32))
BMP = _image("bmp")
JPEG = _image("jpeg", ("quality", 75, _int32))
PNG = _image("png", ("compression_level", -1, _int32))
TIFF = _image("tiff", ("page", None, _int32))
WEBP = _image("webp", ("lossless", True, boolean), ("quality", 95, _int32))


def signed(head: bytes) -> str | None:
    """Return the image format that the first bytes of a file (`SIGNED_BYTES` of them) are of.

    >>> signed(b"BM" + bytes(60)), signed(b"{}")
    ('bmp', None)
    """
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(b"BM"):
        return "bmp"
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "tiff"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[4:8] == b"ftyp":
        size = min(int.from_bytes(head[:4], "big"), len(head))
        brands = [head[at : at + 4] for at in (8, *range(16, size - 3, 4))]
        if b"avif" in brands:
            return "avif"
    return None
