"""A hierarchy to be printed: a line a node, with the shape and type of arrays.

Knows: how nodes are drawn.  Must not know: how they were found.

Law: drawing reads nothing.
"""

from __future__ import annotations

from html import escape
from typing import Any

from tegula.errors import TegulaError
from tegula.formats.groups.group import Node
from tegula.registry import lookup
from tegula.schema.schema import Schema

__all__ = ["Tree"]


class Tree:
    """The nodes below a group; printed as a tree, in a notebook as nested lists.

    >>> import tegula
    >>> group = tegula.open_group("memory://a/", create=True).result()
    >>> made = group.create_array("raw/t1", dtype="int8", shape=[4, 4]).result()
    >>> group.tree()
    /
    └── raw
        └── t1 (4, 4) int8
    >>> sorted(group.tree().nodes)
    ['raw', 'raw/t1']
    """

    __slots__ = {
        "_driver": None,
        "_name": None,
        "nodes": """The nodes by path: kind, attributes, and of an array its document.

        >>> import tegula
        >>> group = tegula.open_group("memory://a/", create=True).result()
        >>> made = group.create_array("raw/t1", dtype="int8", shape=[4, 4]).result()
        >>> {path: node.kind for path, node in group.tree().nodes.items()}
        {'raw': 'group', 'raw/t1': 'array'}
        """,
    }

    nodes: dict[str, Node]

    def __init__(self, driver: str, path: str, nodes: dict[str, Node]) -> None:
        self._driver, self._name, self.nodes = driver, "/" + path, nodes

    def __repr__(self) -> str:
        below = _below(self.nodes)
        return "\n".join([self._name, *self._lines(below, "", "")])

    def _lines(self, below: dict[str, list[str]], path: str, front: str) -> list[str]:
        lines = []
        names = below.get(path, [])
        for index, name in enumerate(names):
            last = index == len(names) - 1
            inner = f"{path}/{name}" if path else name
            lines.append(f"{front}{'└── ' if last else '├── '}{self._line(name, self.nodes[inner])}")
            if self.nodes[inner].kind == "group":
                lines += self._lines(below, inner, front + ("    " if last else "│   "))
        return lines

    def _line(self, name: str, node: Node) -> str:
        return name if node.kind == "group" else f"{name} {described(self._driver, node.array)}"

    def _repr_html_(self) -> str:
        return f"<div><b>{escape(self._name)}</b>{self._items(_below(self.nodes), '')}</div>"

    def _items(self, below: dict[str, list[str]], path: str) -> str:
        items = []
        for name in below.get(path, []):
            inner = f"{path}/{name}" if path else name
            node = self.nodes[inner]
            if node.kind == "group":
                items.append(
                    f"<li><details open><summary>{escape(name)}</summary>"
                    f"{self._items(below, inner)}</details></li>"
                )
            else:
                items.append(f"<li>{escape(name)} <i>{escape(described(self._driver, node.array))}</i></li>")
        return f"<ul>{''.join(items)}</ul>" if items else ""


def _below(nodes: dict[str, Node]) -> dict[str, list[str]]:
    """Return the names directly below each path."""
    found: dict[str, list[str]] = {}
    for path in nodes:
        above, _, name = path.rpartition("/")
        if not above or above not in nodes or nodes[above].kind != "group":
            above, name = "", path  # the name of a scale may hold slashes
        found.setdefault(above, []).append(name)
    return found


def described(driver: str, array: dict[str, Any]) -> str:
    """Return the shape and data type that an array's document states, as far as it can be read.

    Of a scale of a volume the resolution, too: it is what tells it from the others.

    >>> described("n5", {"dimensions": [3, 4], "dataType": "uint8"})
    '(3, 4) uint8'
    """
    from tegula.binding import compact

    units = ""
    try:
        form = lookup("formats", driver)
        members = form.parse_members({})
        metadata = form.decode_metadata(compact(array), "metadata")
        if form.several is not None:  # the document says no more than this one
            metadata = form.several.found(metadata, members, Schema())
        schema = form.schema(metadata, members, None)
        shape, dtype = schema.domain.shape, schema.dtype.name
        if form.several is not None and any(schema.dimension_units):
            units = " " + " x ".join(str(unit) for unit in schema.dimension_units if unit is not None)
    except (KeyError, TegulaError):  # a format, a type or a codec that is not known here
        said = array.get("shape", array.get("dimensions", ()))
        shape = tuple(said) if isinstance(said, list) else ()
        dtype = array.get("data_type", array.get("dtype", array.get("dataType", "")))
        dtype = dtype if isinstance(dtype, str) else compact(dtype).decode()
    return f"{shape} {dtype}{units}"
