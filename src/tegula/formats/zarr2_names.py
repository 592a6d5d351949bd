"""The names of a zarr v2 array's dimensions, as xarray keeps them: `_ARRAY_DIMENSIONS` among the attributes.

What this file knows: that member of `.zattrs`.  What it must not know: the array's own document.

They are a convention, not part of the format: attributes that say something else, or nothing that can be
read, name no dimension, and are no fault.

Law: decode(encode(names)) == names.
"""

from __future__ import annotations

import json
from typing import Any

from tegula.binding import compact
from tegula.formats.format import Beside
from tegula.formats.zarr2_document import Metadata
from tegula.record import replace
from tegula.schema.schema import Schema

__all__ = ["BESIDE", "decode", "encode"]

_MEMBER = "_ARRAY_DIMENSIONS"
_LARGEST = 16 << 20


def decode(data: bytes, where: str) -> tuple[str, ...]:
    """Return the names, none where the document has none.

    >>> decode(b'{"_ARRAY_DIMENSIONS": ["y", "x"], "units": "m"}', ".zattrs"), decode(b"[]", ".zattrs")
    (('y', 'x'), ())
    """
    del where
    if len(data) > _LARGEST or _MEMBER.encode() not in data:
        return ()
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return ()
    names = found.get(_MEMBER) if isinstance(found, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return ()
    return tuple(names)


def encode(names: tuple[str, ...]) -> bytes:
    """Return the document of an array without other attributes."""
    return compact({_MEMBER: list(names)})


def named(md: Metadata, names: Any) -> Metadata:
    """Return metadata with the names, where they are as many as the dimensions."""
    return replace(md, names=tuple(names)) if names and len(names) == len(md.shape) else md


def made(md: Metadata, schema: Schema) -> bytes | None:
    """Return the document of a new array, None where not every dimension has a label."""
    names = () if schema.domain is None else schema.domain.labels[: len(md.shape)]
    return encode(names) if names and all(names) else None


BESIDE = Beside("zarr.names", ".zattrs", decode, named, made)
