"""Neuroglancer precomputed volumes as groups: the scales of `info` are its members, the rest its attributes.

What this file knows: which members of that document are scales, and which make a volume.  What it must not
know: what a scale's mean, beyond its key.

Laws: those of `group.py`.  The members are in the order of the document, each by its key; a scale's place in
it is not changed by what is said of the volume, and what makes a volume is never changed as an attribute.
"""

from __future__ import annotations

from typing import Any

from tegula import binding
from tegula.errors import InvalidArgument, TegulaError, Unimplemented
from tegula.formats import document
from tegula.formats import precomputed_document as doc
from tegula.formats.groups.group import Documents, GroupFormat, Inside, Node, members
from tegula.formats.layout import resolved
from tegula.formats.precomputed_scales import directory, part
from tegula.schema.dtypes import dtype as data_type

__all__ = ["PRECOMPUTED"]

KEY = "info"
INDEX = "scale_index"
HIDDEN = ("@type", "scales")
FIXED = ("@type", "scales", "type", "data_type", "num_channels")


def node(found: Documents, where: str) -> Node | None:
    """Return the volume; None where the document is of something else (a mesh, a skeleton)."""
    data = found.get(KEY)
    if data is None:
        return None
    said = members(data, where + KEY)
    if said.get("@type", doc.TYPE) != doc.TYPE or not isinstance(said.get("scales"), list):
        return None
    return Node("group", {name: value for name, value in said.items() if name not in HIDDEN}, {})


def below(data: bytes | None) -> dict[str, Node] | None:
    """Return the scales by key, in the order of the document; a key that came before has its number added.

    The array of a node is the document with that scale alone, and `scale_index`.
    """
    if data is None:
        return None
    said = members(data, KEY)
    found: dict[str, Node] = {}
    for index, scale in enumerate(_scales(said)):
        with binding.at_member("scales"), binding.at_position(index):
            held = binding.mapping(scale)
            with binding.at_member("key"):
                key = binding.text(held.get("key"))
        name = f"{key} ({index})" if key in found else key
        found[name] = Node("array", {}, {**said, "scales": [held], INDEX: index})
    return found


def _scales(said: dict[str, Any]) -> list[Any]:
    with binding.at_member("scales"):
        return list(binding.array(said.get("scales", [])))


def created(attributes: dict[str, Any]) -> dict[str, bytes]:
    """Return the document of a volume without scales.

    Raises:
        InvalidArgument: the attributes do not say the data type, or contradict the format.
    """
    said = dict(attributes)
    if "data_type" not in said:
        raise InvalidArgument('A volume has a data type: the attribute "data_type" must be given')
    name = said["data_type"]
    try:
        dtype = data_type(name if isinstance(name, str) else "")
    except (TypeError, ValueError):
        raise InvalidArgument(f"Unsupported data type: {binding.dumps(name)}") from None
    kind = said.get("type", "segmentation" if name in ("uint32", "uint64") else "image")
    made = {**doc.new_info(kind, dtype, said.get("num_channels", 1)), **said}
    if any(name in said for name in HIDDEN):
        raise InvalidArgument('"@type" and "scales" are members of the format, not attributes')
    doc.info(made)  # refuses what is none
    return {KEY: _encoded(made)}


def _encoded(value: dict[str, Any]) -> bytes:
    try:
        return binding.compact(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidArgument(f"Attributes must be JSON: {error}") from None


def attributed(kind: str) -> str:  # noqa: ARG001
    """Return where attributes are kept: in the one document."""
    return KEY


def with_attributes(data: bytes | None, attributes: dict[str, Any], merge: bool) -> bytes:
    """Return the document with other attributes, or with more; what makes the volume stays.

    Raises:
        InvalidArgument: there is no document any more, or what makes the volume would change.
    """
    said = _there(data)
    for name, value in attributes.items():
        if name in FIXED and said.get(name) != value:
            raise InvalidArgument(f'"{name}" is a member of the format: it does not change')
    kept = said if merge else {name: said[name] for name in FIXED if name in said}
    return _encoded({**kept, **attributes})


def with_below(data: bytes | None, nodes: dict[str, Node] | None) -> bytes | None:  # noqa: ARG001
    """Refuse: the document of a volume is all there is."""
    raise Unimplemented("A precomputed volume has no consolidated metadata: all is in one document")


def _there(data: bytes | None) -> dict[str, Any]:
    if data is None:
        raise InvalidArgument(f'"{KEY}" was deleted')
    return members(data, KEY)


# ---------------------------------------------------------------- scales


def address(found: Node) -> dict[str, Any]:
    """Return the members of a specification that name a scale."""
    key = found.array["scales"][0]["key"]
    return {INDEX: found.array[INDEX], "scale_metadata": {"key": key}}


def beginning(data: bytes | None, name: str, metadata: dict[str, Any]) -> dict[str, Any]:
    """Return the members of a specification of a new scale in a volume; `metadata` are those of the scale."""
    scale = {"key": name, **metadata}
    if data is None:
        return {"scale_metadata": scale}
    try:
        found = document.read(data, KEY, doc.info, InvalidArgument)
    except TegulaError as error:
        raise InvalidArgument(f"Error reading {KEY}: {error.message}") from None
    volume = {"type": found.kind, "data_type": found.dtype.name, "num_channels": found.channels}
    return {"scale_metadata": scale, "multiscale_metadata": volume}


def without(data: bytes | None, name: str) -> bytes:
    """Return the document without a scale."""
    said = _there(data)
    found = (below(data) or {}).get(name)
    scales = list(said.get("scales", []))
    if found is not None:
        del scales[found.array[INDEX]]
    return _encoded({**said, "scales": scales})


def owned(prefix: str, name: str, nodes: dict[str, Node]) -> list[str]:
    """Return the prefixes of keys that may be chunks of a scale and of no other."""
    keys = {each: node.array["scales"][0]["key"] for each, node in nodes.items()}
    mine = keys.pop(name)
    return [] if mine in keys.values() else [resolved(prefix + directory(mine))]


PRECOMPUTED = GroupFormat(
    "neuroglancer_precomputed",
    (KEY,),
    node,
    False,
    created,
    attributed,
    with_attributes,
    KEY,
    below,
    with_below,
    Inside(address, beginning, without, owned, part),
)
