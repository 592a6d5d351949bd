"""Groups of N5: any directory, with attributes in `attributes.json`; the format consolidates nothing.

What this file knows: which members of that document make an array.  What it must not know: what they mean.

Laws: those of `group.py`.  The members of an array's document are no attributes, and are never changed as
such.
"""

from __future__ import annotations

from typing import Any

from tegula.errors import InvalidArgument, Unimplemented
from tegula.formats.groups.group import Documents, GroupFormat, Node, encode, members

__all__ = ["N5"]

KEY = "attributes.json"
VERSION = "4.0.0"
RESERVED = ("dimensions", "blockSize", "dataType", "compression", "compressionType", "n5")


def node(found: Documents, where: str) -> Node | None:
    """Return the node that the document describes; one without a document is a group."""
    data = found.get(KEY)
    said = {} if data is None else members(data, where)
    array = "dimensions" in said and "dataType" in said
    attributes = {name: value for name, value in said.items() if name not in RESERVED}
    return Node("array" if array else "group", attributes, said if array else {})


def created(attributes: dict[str, Any]) -> dict[str, bytes]:
    """Return the document of a new group."""
    return {KEY: with_attributes(encode({"n5": VERSION}), attributes, False)}


def attributed(kind: str) -> str:  # noqa: ARG001
    """Return where attributes are kept: in the one document."""
    return KEY


def with_attributes(data: bytes | None, attributes: dict[str, Any], merge: bool) -> bytes:
    """Return the document with other attributes, or with more.

    Raises:
        InvalidArgument: one has the name of a member that makes an array.
    """
    for name in attributes:
        if name in RESERVED:
            raise InvalidArgument(f'"{name}" is a member of the format, not an attribute')
    said = {} if data is None else members(data, KEY)
    kept = said if merge else {name: said[name] for name in RESERVED if name in said}
    return encode({**kept, **attributes})


def below(data: bytes | None) -> dict[str, Node] | None:  # noqa: ARG001
    """Return None: there are none."""
    return None


def with_below(data: bytes | None, nodes: dict[str, Node] | None) -> bytes | None:  # noqa: ARG001
    """Refuse: there is nowhere to put it."""
    raise Unimplemented("N5 has no consolidated metadata")


N5 = GroupFormat("n5", (KEY,), node, True, created, attributed, with_attributes, KEY, below, with_below)
