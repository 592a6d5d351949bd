"""The compressor of a zarr v2 or N5 array: at most one byte codec, named by its `id` or `type`.

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

__all__ = ["DEFAULT", "N5", "ZARR2", "parse", "step", "to_json"]


ZARR2 = ("id", "codecs.zarr2")
N5 = ("type", "codecs.n5")


def parse(value: Any, family: tuple[str, str] = ZARR2) -> Constraint | None:
    """Return the compressor that a JSON value states, None for none.

    >>> to_json(parse({"id": "gzip"}))
    {'id': 'gzip', 'level': 1}

    Raises:
        InvalidArgument: it is unknown or malformed.
    """
    member, kind = family
    if value is None and family is ZARR2:
        return None
    found = dict(binding.mapping(value))
    with binding.at_member(member):
        if member not in found:
            raise InvalidArgument("Expected string, but member is missing")
        name = binding.text(found.pop(member))
        try:
            declaration = lookup(kind, name)
        except KeyError:
            raise InvalidArgument(f"{binding.quoted(name)} is not registered") from None
    given = dict(declaration.parse(found).members)
    members = {each.name: given.get(each.name, each.default) for each in declaration.members}
    return Constraint(name, tuple(sorted(members.items())))


def to_json(compressor: Constraint | None, family: tuple[str, str] = ZARR2) -> dict[str, Any] | None:
    """Return the JSON form."""
    if compressor is None:
        return None
    found = {family[0]: compressor.name, **dict(compressor.members)}
    return found if family is ZARR2 else dict(sorted(found.items()))


def step(compressor: Constraint, itemsize: int, family: tuple[str, str] = ZARR2) -> ByteCodec:
    """Return the codec, for elements of `itemsize` bytes; of an N5 array that is raw, None."""
    made: ByteCodec = lookup(family[1], compressor.name).resolve(compressor, itemsize)[1]
    return made


DEFAULT = Constraint("blosc", (("blocksize", 0), ("clevel", 5), ("cname", "lz4"), ("shuffle", -1)))
