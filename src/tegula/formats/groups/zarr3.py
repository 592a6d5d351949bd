"""Groups of zarr v3: one document `zarr.json` a node, consolidated metadata inside the group's own.

What this file knows: that document.  What it must not know: what an array's means.

Laws: those of `group.py`; members of a document that mean nothing here are kept.
"""

from __future__ import annotations

from typing import Any

from tegula import binding
from tegula.errors import InvalidArgument
from tegula.formats.groups.group import Documents, GroupFormat, Node, encode, members

__all__ = ["ZARR3"]

KEY = "zarr.json"


def node(found: Documents, where: str) -> Node | None:
    """Return the node that a document describes."""
    data = found.get(KEY)
    return None if data is None else _node(members(data, where))


def _node(found: dict[str, Any]) -> Node:
    with binding.at_member("zarr_format"):
        binding.integer(found.get("zarr_format"), 3, 3)
    kind = found.get("node_type")
    if kind not in ("array", "group"):
        with binding.at_member("node_type"):
            raise binding.expected('"array" or "group"', kind)
    with binding.at_member("attributes"):
        attributes = dict(binding.mapping(found.get("attributes", {})))
    if kind == "array":
        return Node("array", attributes, found)
    return Node("group", attributes, {}, _below(found.get("consolidated_metadata")))


def below(data: bytes | None) -> dict[str, Node] | None:
    """Return the nodes of consolidated metadata by path."""
    return None if data is None else _below(members(data, KEY).get("consolidated_metadata"))


def _below(consolidated: Any) -> dict[str, Node] | None:
    if consolidated is None:
        return None
    with binding.at_member("consolidated_metadata"):
        kept = binding.mapping(consolidated)
        if kept.get("kind") != "inline":
            return None  # of a kind that nobody must understand
        with binding.at_member("metadata"):
            entries = binding.mapping(kept.get("metadata", {}))
            found = {}
            for path, entry in entries.items():
                with binding.at_member(path):
                    found[path] = _node(binding.mapping(entry))
            return found


def created(attributes: dict[str, Any]) -> dict[str, bytes]:
    """Return the document of a new group."""
    return {KEY: encode({"zarr_format": 3, "node_type": "group", "attributes": attributes})}


def attributed(kind: str) -> str:  # noqa: ARG001
    """Return where attributes are kept: in the one document."""
    return KEY


def with_attributes(data: bytes | None, attributes: dict[str, Any], merge: bool) -> bytes:
    """Return the document with other attributes, or with more."""
    found = members(_there(data), KEY)
    kept = found.get("attributes", {}) if merge else {}
    return encode({**found, "attributes": {**kept, **attributes}})


def with_below(data: bytes | None, nodes: dict[str, Node] | None) -> bytes | None:
    """Return the document of a group with consolidated metadata, or without any."""
    found = members(_there(data), KEY)
    found.pop("consolidated_metadata", None)
    if nodes is not None:
        entries = {path: _entry(each) for path, each in sorted(nodes.items()) if path}
        found["consolidated_metadata"] = {"kind": "inline", "must_understand": False, "metadata": entries}
    return encode(found)


def _entry(each: Node) -> dict[str, Any]:
    if each.kind == "array":
        return {**each.array, "attributes": each.attributes}
    return {"zarr_format": 3, "node_type": "group", "attributes": each.attributes}


def _there(data: bytes | None) -> bytes:
    if data is None:
        raise InvalidArgument(f'"{KEY}" was deleted')
    return data


ZARR3 = GroupFormat(
    "zarr3", (KEY,), node, False, created, attributed, with_attributes, KEY, below, with_below
)
