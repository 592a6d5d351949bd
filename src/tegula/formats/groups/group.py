"""What a format says of hierarchies: a record of pure functions between documents and nodes.

A hierarchy is groups that hold groups and arrays by name, each with attributes; a `Node` is one of
them, as its documents describe it.  A group may keep *consolidated* metadata: the documents of all that
is below it, in its own.

What this file knows: the shape of a node and of that record.  What it must not know: any one format,
and what an array's document means.

Laws: node(created(attributes)) is a group with those attributes; node(described(n)) == n; a node that
was put into consolidated metadata is found there, and one that was taken out is not.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from tegula.binding import mapping
from tegula.errors import FailedPrecondition, InvalidArgument, TegulaError
from tegula.formats.document import parse_json, writable
from tegula.record import Record
from tegula.row import NamedTuple

__all__ = ["Documents", "GroupFormat", "Inside", "Node", "check_name", "encode", "members"]

Documents = Mapping[str, bytes | None]
"""The documents of one node by name, None for those that are not there."""


class Node(Record):
    """A group or an array.

    kind         "group" or "array"
    attributes   what users say of it
    array        the document of an array, as JSON; empty for a group
    below        the nodes below a group by path, where its metadata is consolidated; else None
    """

    kind: str
    attributes: dict[str, Any]
    array: dict[str, Any]
    below: dict[str, Node] | None = None


class Inside(NamedTuple):
    """Functions of a format whose groups have their arrays in their own document, and hold no groups.

    address    (node) -> members of a specification that name the array; its store has the group's prefix
    beginning  (data, name, metadata) -> members of a specification of a new array in that document
    without    (data, name) -> the document without an array
    owned      (prefix, name, nodes by name) -> prefixes of the keys of one array and of no other
    part       (the rest of a key after such a prefix) -> whether a chunk, or a shard, is called so
    """

    address: Callable[[Node], dict[str, Any]]
    beginning: Callable[[bytes | None, str, dict[str, Any]], dict[str, Any]]
    without: Callable[[bytes | None, str], bytes]
    owned: Callable[[str, str, dict[str, Node]], list[str]]
    part: Callable[[str], bool]


class GroupFormat(NamedTuple):
    """One format of hierarchies.

    name           what it is called in a specification: the name of its arrays' driver
    documents      the names of the documents that a node may have, the one that marks a group first
    node           (documents, where) -> node, or None where there is none; `where` names it in errors
    implicit       whether a prefix without documents is a group as soon as something is below it
    created        (attributes) -> documents of a new group, by name
    attributed     where attributes are kept, for a kind of node
    with_attributes (data, attributes, merge) -> the document of that name with other attributes, or more
    consolidating  the document that consolidated metadata is kept in
    below          (data) -> the nodes in it by path, None where there are none; the group itself by ""
    with_below     (data, nodes by path) -> that document with the nodes, or without any (None)
    inside         for a format whose arrays are in their group's own document, by names of any form
    """

    name: str
    documents: tuple[str, ...]
    node: Callable[[Documents, str], Node | None]
    implicit: bool
    created: Callable[[dict[str, Any]], dict[str, bytes]]
    attributed: Callable[[str], str]
    with_attributes: Callable[[bytes | None, dict[str, Any], bool], bytes]
    consolidating: str
    below: Callable[[bytes | None], dict[str, Node] | None]
    with_below: Callable[[bytes | None, dict[str, Node] | None], bytes | None]
    inside: Inside | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return _named, (self.name,)

    def __repr__(self) -> str:
        return f"GroupFormat({self.name!r})"


def _named(name: str) -> GroupFormat:
    from tegula.registry import lookup

    found: GroupFormat = lookup("groups", name)
    return found


def check_name(name: object) -> str:
    """Return the path of a node below a group, in its normal form: names joined by single slashes.

    >>> check_name("/a//b/")
    'a/b'

    Raises:
        InvalidArgument: a name is ".", "..", or begins with two underscores; nothing is named.
    """
    if not isinstance(name, str):
        raise TypeError(f"the name of a node is a str, not {type(name).__name__}")
    parts = [part for part in name.split("/") if part]
    if not parts:
        raise InvalidArgument("The name of a node must not be empty")
    for part in parts:
        if part in (".", "..") or part.startswith("__") or "\0" in part:
            raise InvalidArgument(f'"{part}" is not the name of a node')
    return "/".join(parts)


def members(data: bytes, where: str) -> dict[str, Any]:
    """Return the members of a document; `where` names it in errors.

    Attributes often hold NaN, which JSON cannot: it is read as Python's own module writes it.

    Raises:
        FailedPrecondition: it is not a JSON object.
    """
    try:
        return dict(mapping(parse_json(data, nan=True)))
    except TegulaError as error:
        raise FailedPrecondition(f"Error reading {where}: {error.message}") from None


def encode(value: dict[str, Any]) -> bytes:
    """Return a document: UTF-8, members in the order given, since users order their attributes.

    >>> encode({"b": 1, "a": float("nan")})
    b'{"b":1,"a":NaN}'

    Raises:
        InvalidArgument: a value is not one of JSON, or the document could not be read again.
    """
    try:
        data = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidArgument(f"Attributes must be JSON: {error}") from None
    return writable(data)
