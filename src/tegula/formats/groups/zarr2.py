"""Groups of zarr v2: `.zgroup`, `.zarray` and `.zattrs` beside each other, consolidated in `.zmetadata`.

What this file knows: those documents.  What it must not know: what an array's means.

Laws: those of `group.py`.  A node with both `.zarray` and `.zgroup` is an array.
"""

from __future__ import annotations

from typing import Any

from tegula import binding
from tegula.formats.groups.group import Documents, GroupFormat, Node, encode, members

__all__ = ["ZARR2"]

GROUP, ARRAY, ATTRIBUTES, CONSOLIDATED = ".zgroup", ".zarray", ".zattrs", ".zmetadata"


def node(found: Documents, where: str) -> Node | None:
    """Return the node that documents describe."""
    parts = {
        name: members(data, f"{where}{name}")
        for name in (GROUP, ARRAY, ATTRIBUTES)
        if (data := found.get(name)) is not None
    }
    made = _node(parts)
    if made is None or made.kind == "array":
        return made
    nodes = below(found.get(CONSOLIDATED))
    if nodes is not None:
        nodes.pop("", None)
    return Node("group", made.attributes, {}, nodes)


def _node(parts: dict[str, dict[str, Any]]) -> Node | None:
    attributes = dict(parts.get(ATTRIBUTES, {}))
    for name, kind in ((ARRAY, "array"), (GROUP, "group")):
        if name in parts:
            with binding.at_member("zarr_format"):
                binding.integer(parts[name].get("zarr_format"), 2, 2)
            return Node(kind, attributes, parts[name] if kind == "array" else {})
    return None


def below(data: bytes | None) -> dict[str, Node] | None:
    """Return the nodes of consolidated metadata by path, the group itself by the path ""."""
    if data is None:
        return None
    with binding.at_member("metadata"):
        entries = binding.mapping(members(data, CONSOLIDATED).get("metadata", {}))
    nodes: dict[str, dict[str, dict[str, Any]]] = {}
    for key, entry in entries.items():
        path, _, name = key.rpartition("/")
        if name in (GROUP, ARRAY, ATTRIBUTES):
            with binding.at_member(key):
                nodes.setdefault(path, {})[name] = binding.mapping(entry)
    made = {path: _node(parts) for path, parts in nodes.items()}
    return {path: each for path, each in made.items() if each is not None}


def created(attributes: dict[str, Any]) -> dict[str, bytes]:
    """Return the documents of a new group."""
    made = {GROUP: encode({"zarr_format": 2})}
    if attributes:
        made[ATTRIBUTES] = encode(attributes)
    return made


def attributed(kind: str) -> str:  # noqa: ARG001
    """Return where attributes are kept."""
    return ATTRIBUTES


def with_attributes(data: bytes | None, attributes: dict[str, Any], merge: bool) -> bytes:
    """Return the document of attributes."""
    kept = members(data, ATTRIBUTES) if merge and data is not None else {}
    return encode({**kept, **attributes})


def with_below(data: bytes | None, nodes: dict[str, Node] | None) -> bytes | None:  # noqa: ARG001
    """Return the document of consolidated metadata, or none; `nodes` has the group itself by the path ""."""
    if nodes is None:
        return None
    entries: dict[str, Any] = {}
    for path, each in sorted(nodes.items()):
        front = f"{path}/" if path else ""
        entries[front + (ARRAY if each.kind == "array" else GROUP)] = each.array or {"zarr_format": 2}
        if each.attributes:
            entries[front + ATTRIBUTES] = each.attributes
    return encode({"metadata": entries, "zarr_consolidated_format": 1})


ZARR2 = GroupFormat(
    "zarr",
    (GROUP, ARRAY, ATTRIBUTES, CONSOLIDATED),
    node,
    False,
    created,
    attributed,
    with_attributes,
    CONSOLIDATED,
    below,
    with_below,
)
