"""The compressor of a zarr v2 array: at most one byte codec, named by its `id`.

What this file knows: how such a document spells a codec.  What it must not know: any one codec.

Law: parse(c.to_json) == c; a compressor has no member without a value.
"""

from __future__ import annotations

from typing import Any

from tegula import binding
from tegula.codecs.codec import ByteCodec
from tegula.codecs.declare import Constraint
from tegula.errors import InvalidArgument
from tegula.registry import lookup

__all__ = ["DEFAULT", "parse", "step", "to_json"]


def parse(value: Any) -> Constraint | None:
    """Return the compressor that a JSON value states, None for none.

    >>> to_json(parse({"id": "gzip"}))
    {'id': 'gzip', 'level': 1}

    Raises:
        InvalidArgument: it is unknown or malformed.
    """
    if value is None:
        return None
    found = dict(binding.mapping(value))
    with binding.at_member("id"):
        if "id" not in found:
            raise InvalidArgument("Expected string, but member is missing")
        name = binding.text(found.pop("id"))
        try:
            declaration = lookup("codecs.zarr2", name)
        except KeyError:
            raise InvalidArgument(f"{binding.quoted(name)} is not registered") from None
    given = dict(declaration.parse(found).members)
    members = {member.name: given.get(member.name, member.default) for member in declaration.members}
    return Constraint(name, tuple(sorted(members.items())))


def to_json(compressor: Constraint | None) -> dict[str, Any] | None:
    """Return the JSON form."""
    return None if compressor is None else {"id": compressor.name, **dict(compressor.members)}


def step(compressor: Constraint, itemsize: int) -> ByteCodec:
    """Return the codec, for elements of `itemsize` bytes."""
    made: ByteCodec = lookup("codecs.zarr2", compressor.name).resolve(compressor, itemsize)[1]
    return made


DEFAULT = Constraint("blosc", (("blocksize", 0), ("clevel", 5), ("cname", "lz4"), ("shuffle", -1)))
