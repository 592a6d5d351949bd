"""The codecs of a zarr v2 or N5 array, named by their `id` or `type`: a compressor, in zarr v2 also filters.

What this file knows: how such a document spells a codec, and what the next one is given.  What it must not
know: any one codec.

Law: parse(c.to_json) == c.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tegula import binding
from tegula.codecs.codec import ByteCodec
from tegula.codecs.declare import Constraint, plain
from tegula.codecs.plugin import declaration
from tegula.errors import InvalidArgument

__all__ = ["DEFAULT", "N5", "ZARR2", "parse", "parse_filters", "step", "steps", "to_json"]


ZARR2 = ("id", "codecs.zarr2")
N5 = ("type", "codecs.n5")
_OF_OBJECTS = frozenset(
    ["categorize", "json", "json2", "msgpack", "msgpack2", "pickle", "vlen-array", "vlen-bytes", "vlen-utf8"]
)


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
            declared = declaration(kind, name)
        except KeyError:
            why = ": it stores Python objects, which no data type here is" if name in _OF_OBJECTS else ""
            raise InvalidArgument(f"{binding.quoted(name)} is not registered{why}") from None
    given = dict(declared.parse(found).members)
    members = {each.name: given.get(each.name, each.default) for each in declared.members}
    return Constraint(name, tuple(sorted(members.items())))


def to_json(compressor: Constraint | None, family: tuple[str, str] = ZARR2) -> dict[str, Any] | None:
    """Return the JSON form."""
    if compressor is None:
        return None
    members = {name: plain(value) for name, value in compressor.members if value is not None}
    found = {family[0]: compressor.name, **members}
    return found if family is ZARR2 else dict(sorted(found.items()))


def parse_filters(value: Any) -> tuple[Constraint, ...] | None:
    """Return the filters that a JSON value states, None for none.

    >>> parse_filters([{"id": "shuffle"}])
    (Constraint(name='shuffle', members=(('elementsize', 4),)),)

    Raises:
        InvalidArgument: one is unknown or malformed.
    """
    if value is None:
        return None
    if not isinstance(value, list):
        raise binding.expected("null or array", value)
    found = []
    for index, each in enumerate(value):
        with binding.at_position(index):
            made = parse(binding.mapping(each))
            assert made is not None
            found.append(made)
    return tuple(found) or None


def step(compressor: Constraint, dtype: np.dtype[Any], family: tuple[str, str] = ZARR2) -> ByteCodec:
    """Return the codec, for elements stored as `dtype`; of an N5 array that is raw, None."""
    made: ByteCodec = declaration(family[1], compressor.name).resolve(compressor, dtype)[1]
    return made


def steps(found: Sequence[Constraint], dtype: np.dtype[Any]) -> tuple[ByteCodec, ...]:
    """Return the codecs of an array, one after the other, for elements stored as `dtype`."""
    made = []
    for each in found:
        made.append(step(each, dtype))
        dtype = np.dtype(getattr(made[-1], "encoded", "u1"))  # a filter gives elements, anything else bytes
    return tuple(made)


DEFAULT = Constraint("blosc", (("blocksize", 0), ("clevel", 5), ("cname", "lz4"), ("shuffle", -1)))
