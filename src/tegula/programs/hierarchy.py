"""Hierarchies: find, list, make, describe and remove the groups and arrays below a prefix.

A node is what its documents say (`formats.groups`); which names a group holds is asked of the store, or of
the group's consolidated metadata.  Documents are changed by conditional writes, so writers of different
attributes never lose each other's.

What this file knows: the order in which documents are read and written.  What it must not know: any format.

Laws: what was created is found, by listing and by consolidated metadata; of any number of concurrent
creators of a group exactly one makes it; a group is there before anything that is made in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tegula.effects.control import All
from tegula.effects.effect import Call
from tegula.effects.storage import (
    UNCHANGED,
    Buffer,
    Children,
    DeleteRange,
    Read,
    ReadMany,
    Unchanged,
    Write,
)
from tegula.errors import AlreadyExists, FailedPrecondition, NotFound, TegulaError, Unimplemented
from tegula.formats.groups.group import Documents, GroupFormat, Node
from tegula.kv.generation import NO_VALUE
from tegula.kv.spec import KeyRange, StoreRef, describe
from tegula.programs.several import delete_parts
from tegula.programs.update import same, update
from tegula.record import Record

__all__ = [
    "Place",
    "change_attributes",
    "children",
    "consolidate",
    "create_group",
    "descend",
    "document",
    "find",
    "no_group",
    "note",
    "read_node",
    "remove",
    "remove_inside",
    "walk",
]


AT_ONCE = 16  # groups looked into at a time


class Place(Record):
    """Where a node is: a format, a store, and a prefix that ends in a slash or is empty."""

    form: GroupFormat
    store: StoreRef
    prefix: str

    def below(self, path: str) -> Place:
        """Return the place of a node below, by its path."""
        return Place(self.form, self.store, f"{self.prefix}{path}/")

    def describe(self) -> str:
        """Return how an error names the node."""
        return describe(self.store, self.prefix)


async def find(forms: Sequence[GroupFormat], store: StoreRef, prefix: str) -> tuple[Place, Node]:
    """Return the node at a prefix, of the first format that has one.

    Raises:
        NotFound: there is none.
        FailedPrecondition: there is one, but its documents can not be read.
    """
    names = [name for form in forms for name in form.documents]
    columns = await ReadMany(store, [prefix + name for name in names])
    found = dict(zip(names, (_bytes(value) for value in columns.values), strict=True))
    for form in forms:
        place = Place(form, store, prefix)
        node = _described(place, found)
        if node is not None and not (form.implicit and _bare(form, found)):
            return place, node
    # any directory would do for a format of implicit groups, so only where nothing else was asked for
    if len(forms) == 1 and forms[0].implicit and await Children(store, prefix):
        return Place(forms[0], store, prefix), Node("group", {}, {})
    raise NotFound(f"There is no group at {describe(store, prefix)}")


def _bytes(value: Any) -> bytes | None:
    return None if value is None else bytes(value)


def _bare(form: GroupFormat, found: Documents) -> bool:
    return all(found.get(name) is None for name in form.documents)


def _described(place: Place, found: Documents) -> Node | None:
    try:
        return place.form.node(found, place.prefix)
    except TegulaError as error:
        if error.message.startswith("Error reading "):
            raise
        raise FailedPrecondition(f"Error reading metadata at {place.describe()}: {error.message}") from None


async def read_node(place: Place) -> Node | None:
    """Return the node at a place, None where there is none."""
    return (await _read_nodes(place, [place.prefix], [False]))[0]


async def _read_nodes(place: Place, prefixes: Sequence[str], filled: Sequence[bool]) -> list[Node | None]:
    """Return the nodes at prefixes; `filled`: something is known to be below."""
    form = place.form
    width = len(form.documents)
    columns = await ReadMany(place.store, [prefix + name for prefix in prefixes for name in form.documents])
    nodes: list[Node | None] = []
    for row, (prefix, full) in enumerate(zip(prefixes, filled, strict=True)):
        values = columns.values[row * width : (row + 1) * width]
        found = dict(zip(form.documents, (_bytes(value) for value in values), strict=True))
        if form.implicit and _bare(form, found) and not (full or await Children(place.store, prefix)):
            nodes.append(None)
        else:
            nodes.append(_described(Place(form, place.store, prefix), found))
    return nodes


async def _inside(place: Place) -> dict[str, Node]:
    """Return the arrays that a group's own document describes, in its order; nothing where it is gone."""
    data = await document(place)
    try:
        return place.form.below(data) or {}
    except TegulaError as error:
        raise FailedPrecondition(f"Error reading metadata at {place.describe()}: {error.message}") from None


async def document(place: Place) -> bytes | None:
    """Return the first document of a node, None where it is not there."""
    found = await Read(place.store, place.prefix + place.form.documents[0])
    return bytes(found.value) if found.state == "value" else None


async def children(place: Place, node: Node) -> dict[str, Node]:
    """Return the nodes directly below a group by name, in order of name, or of the group's document."""
    if place.form.inside is not None:
        return await _inside(place)
    if node.below is not None:
        return {path: _with_below(node, path) for path in sorted(node.below) if "/" not in path}
    names = [name for name in await Children(place.store, place.prefix) if _may_be(place.form, name)]
    plain = [name.removesuffix("/") for name in names]
    found = await _read_nodes(
        place, [f"{place.prefix}{name}/" for name in plain], [name.endswith("/") for name in names]
    )
    return {name: each for name, each in zip(plain, found, strict=True) if each is not None}


def _may_be(form: GroupFormat, name: str) -> bool:
    """Whether a name may be that of a node: a file may be a link to a directory."""
    if name.startswith((".", "__")) or name in form.documents:
        return False
    return name.endswith("/") or not form.implicit


def _with_below(node: Node, path: str) -> Node:
    """Return a node out of consolidated metadata, a group with the nodes below it."""
    assert node.below is not None
    found = node.below[path]
    if found.kind == "array":
        return found
    front = path + "/"
    below = {other[len(front) :]: each for other, each in node.below.items() if other.startswith(front)}
    return Node("group", found.attributes, {}, below)


async def descend(place: Place, node: Node, path: str | int) -> Node | None:
    """Return the node at a path below a group; None where there is none.

    Where arrays are in their group's document, a number is the place in it, negative from its end.
    """
    if place.form.inside is not None or isinstance(path, int):
        found = await _inside(place)
        if isinstance(path, str):
            return found.get(path)
        return list(found.values())[path] if -len(found) <= path < len(found) else None
    if node.below is not None:
        return _with_below(node, path) if path in node.below else None
    return await read_node(place.below(path))


async def walk(place: Place, node: Node, depth: int | None = None) -> dict[str, Node]:
    """Return all nodes below a group by path, a level at a time, at most `depth` levels."""
    found: dict[str, Node] = {}
    level = {"": node}
    while level and (depth is None or depth > 0):
        groups = [(path, each) for path, each in level.items() if each.kind == "group"]
        calls = [Call(children, place.below(path) if path else place, each) for path, each in groups]
        level = {}
        for (path, _), below in zip(groups, await All(calls, AT_ONCE), strict=True):
            front = path + "/" if path else ""
            level.update({front + name: each for name, each in below.items()})
        found.update(level)
        depth = None if depth is None else depth - 1
    return found


async def create_group(root: Place, path: str, attributes: dict[str, Any], open_existing: bool) -> Node:
    """Make a group, and the groups above it up to `root`; return it as it is then.

    Raises:
        AlreadyExists: there is a group and `open_existing` is False, or there is an array.
        FailedPrecondition: something above it is an array.
    """
    if path and root.form.inside is not None:
        raise Unimplemented(f"Groups of {root.form.name} hold arrays, no groups")
    names = path.split("/") if path else []
    for depth in range(len(names)):
        above = root.below("/".join(names[:depth])) if depth else root
        await _ensure(above, {}, FailedPrecondition(f"{above.describe()} is an array, not a group"))
    place = root.below(path) if path else root
    found = await read_node(place)
    if found is None or (place.form.implicit and found.kind == "group"):
        if await _make(place, attributes):
            made = _described(place, place.form.created(attributes))
            assert made is not None
            return made
        found = await read_node(place)
    if found is None or not open_existing or found.kind != "group":
        raise AlreadyExists(f"There is {'an array' if _array(found) else 'a group'} at {place.describe()}")
    return found


async def no_group(place: Place) -> None:
    """Raise AlreadyExists where there is a group: in zarr v2 an array could be made beside it."""
    found = None if place.form.implicit else await read_node(place)
    if found is not None and found.kind == "group":
        raise AlreadyExists(f"There is a group at {place.describe()}")


def _array(node: Node | None) -> bool:
    return node is not None and node.kind == "array"


async def _ensure(place: Place, attributes: dict[str, Any], refusal: TegulaError) -> None:
    found = await read_node(place)
    if found is None:
        await _make(place, attributes)
    elif found.kind != "group":
        raise refusal


async def _make(place: Place, attributes: dict[str, Any]) -> bool:
    """Write the documents of a group; return False where there was one."""
    (first, *others) = place.form.created(attributes).items()
    outcome = await Write(place.store, place.prefix + first[0], first[1], NO_VALUE)
    if outcome.applied:
        for name, data in others:
            await Write(place.store, place.prefix + name, data)
    return outcome.applied


async def change_attributes(place: Place, kind: str, attributes: dict[str, Any], merge: bool) -> Node:
    """Set the attributes of a node, with `merge` besides those that it has; return the node as it is then."""
    form = place.form
    edit: Call[Buffer | Unchanged | None] = Call(_attributed, form, attributes, merge)
    await update(place.store, place.prefix + form.attributed(kind), edit, landed=same)
    found = await read_node(place)
    if found is None:
        raise NotFound(f"There is no node at {place.describe()}")
    return found


def _attributed(
    data: Buffer | None, form: GroupFormat, attributes: dict[str, Any], merge: bool
) -> Buffer | Unchanged:
    before = _bytes(data)
    after = form.with_attributes(before, attributes, merge)
    return UNCHANGED if after == before else after


async def remove_inside(place: Place, path: str) -> None:
    """Remove an array of a group's own document: its chunks, then what the document says of it.

    In this order, so that after a crash the array is still there to be removed, and what is created by the
    same name later never shows old chunks.
    """
    inside = place.form.inside
    assert inside is not None
    nodes = await _inside(place)
    if path not in nodes:
        raise NotFound(f"There is no node at {place.below(path).describe()}")
    for prefix in inside.owned(place.prefix, path, nodes):
        await delete_parts(place.store, prefix, inside.part)
    edit: Call[Buffer | Unchanged | None] = Call(_without, place.form, path)
    await update(place.store, place.prefix + place.form.documents[0], edit, landed=same)


def _without(data: Buffer | None, form: GroupFormat, path: str) -> Buffer | Unchanged:
    assert form.inside is not None
    before = _bytes(data)
    return UNCHANGED if before is None else form.inside.without(before, path)


async def remove(place: Place) -> None:
    """Remove a node and all that is below it."""
    await DeleteRange(place.store, KeyRange.prefix(place.prefix))


async def consolidate(place: Place) -> Node:
    """Write the documents of all nodes below a group into its own; return the group as it is then."""
    node = await read_node(place)
    if node is None or node.kind != "group":
        raise FailedPrecondition(f"There is no group at {place.describe()}")
    found = await walk(place, Node("group", node.attributes, {}))
    edit: Call[Buffer | Unchanged | None] = Call(_consolidated, place.form, {"": node, **found})
    await update(place.store, place.prefix + place.form.consolidating, edit, landed=same)
    return Node("group", node.attributes, {}, found)


def _consolidated(data: Buffer | None, form: GroupFormat, nodes: dict[str, Node]) -> Buffer | None:
    return form.with_below(_bytes(data), nodes)


async def note(root: Place, path: str, node: Node | None) -> None:
    """Bring the consolidated metadata of `root` up to date with what is now at a path (None: nothing)."""
    edit: Call[Buffer | Unchanged | None] = Call(_noted, root.form, path, node)
    await update(root.store, root.prefix + root.form.consolidating, edit, landed=same)


def _noted(data: Buffer | None, form: GroupFormat, path: str, node: Node | None) -> Buffer | Unchanged | None:
    before = _bytes(data)
    nodes = form.below(before)
    if nodes is None:
        return UNCHANGED  # somebody took it away
    if node is None:
        nodes = {
            name: each for name, each in nodes.items() if name != path and not name.startswith(path + "/")
        }
    else:
        parts = path.split("/")
        for depth in range(1, len(parts)):
            nodes.setdefault("/".join(parts[:depth]), Node("group", {}, {}))
        nodes[path] = node
    return form.with_below(before, nodes)
