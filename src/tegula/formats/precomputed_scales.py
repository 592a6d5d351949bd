"""The scales of a precomputed volume: which one is meant, and a document with one more or one other.

What this file knows: how scales are addressed, added and replaced, and which keys are one scale's.  What it
must not know: schemas, what a chunk is made of, stores.

Laws: with a scale added or put, every other scale and all other members of the document are what they were;
`part` holds of no key that is not a chunk's or a shard's.
"""

from __future__ import annotations

import re
from typing import Any

from tegula import binding
from tegula.errors import AlreadyExists, FailedPrecondition, InvalidArgument
from tegula.formats import precomputed_document as doc
from tegula.formats.agreement import expect
from tegula.formats.layout import resolved
from tegula.formats.precomputed_document import AXES, Constraints, Info, Scale
from tegula.record import Record
from tegula.row import NamedTuple
from tegula.schema.dtypes import DataType
from tegula.space.domain import IndexDomain, domain

__all__ = [
    "Members",
    "Metadata",
    "added",
    "agree",
    "beside",
    "directory",
    "members_json",
    "owned",
    "part",
    "pinned",
    "put",
    "url_refusal",
]


class Members(NamedTuple):
    """What a spec says beyond the schema; `number` None: which scale is not said by number."""

    metadata: Constraints = Constraints()
    number: int | None = None


class Metadata(Record):
    """One scale: `info` is the document that it is in, `chunk` the one of its chunk shapes that is used."""

    info: Info
    index: int
    chunk: tuple[int, int, int]

    @property
    def scale(self) -> Scale:
        """The scale."""
        return self.info.scales[self.index]

    @property
    def domain(self) -> IndexDomain:
        """The domain, explicit."""
        scale = self.scale
        low = (*scale.offset, 0)
        high = tuple([a + b for a, b in zip(low, (*scale.size, self.info.channels), strict=True)])
        return domain(low, high, AXES)


def _listed(values: tuple[Any, ...] | None) -> list[Any] | None:
    return None if values is None else list(values)


def members_json(members: Members, every: bool = False) -> dict[str, Any]:
    """Return the members of a spec; those that are unset are left out."""
    parts = members.metadata
    found: dict[str, Any] = {}
    volume: dict[str, Any] = {"num_channels": parts.channels, "type": parts.kind}
    if every and parts.dtype is not None:
        volume["data_type"] = parts.dtype.name
    scale: dict[str, Any] = {
        "key": parts.key,
        "size": _listed(parts.size),
        "voxel_offset": _listed(parts.offset),
        "chunk_size": _listed(parts.chunk),
        "resolution": _listed(parts.resolution),
        "encoding": parts.encoding,
    }
    for name, members_ in (("multiscale_metadata", volume), ("scale_metadata", scale)):
        said = {key: value for key, value in members_.items() if value is not None}
        if name == "scale_metadata":
            said |= doc.options_json(parts.options)
            if parts.sharding is not None:
                said["sharding"] = doc.sharding_json(parts.sharding[0] if parts.sharding else None)
        if said:
            found[name] = said
    if members.number is not None:
        found["scale_index"] = members.number
    return found


def added(info: Info | None, md: Metadata, members: Members) -> Metadata:
    """Return the metadata of a new scale behind those of a document.

    Raises:
        AlreadyExists: there is a scale of that number or key.
        FailedPrecondition: the volume is another, or the number is not the next.
    """
    if info is None:
        return _placed(None, md, members.number or 0, members)
    count = len(info.scales)
    if members.number is not None and members.number < count:
        raise AlreadyExists(f"Scale index {members.number} already exists")
    for scale in info.scales:
        if scale.key == md.scale.key:
            raise AlreadyExists(f"Scale with key {binding.quoted(scale.key)} already exists")
    return _placed(info, md, count if members.number is None else members.number, members)


def agree(info: Info, members: Members) -> None:
    """Raise FailedPrecondition unless a volume is what the members ask for."""
    parts = members.metadata
    if parts.dtype is not None:
        expect("data_type", parts.dtype.name, info.dtype.name)
    for name, value, stored in (
        ("num_channels", parts.channels, info.channels),
        ("type", parts.kind, info.kind),
    ):
        if value is not None:
            expect(name, value, stored)


def beside(info: Info | None, members: Members, dtype: DataType | None) -> Members:
    """Return the members of a new scale with the data type and the channels of its volume.

    Raises:
        FailedPrecondition: they ask for another volume.
        InvalidArgument: `dtype`, which is asked for, is another.
    """
    if info is None:
        return members
    agree(info, members)
    if dtype is not None and dtype is not info.dtype:
        raise InvalidArgument(
            f"Specified dtype ({info.dtype.name}) does not match existing value ({dtype.name})"
        )
    return members._replace(metadata=members.metadata._replace(dtype=info.dtype, channels=info.channels))


def put(info: Info | None, md: Metadata, members: Members) -> Metadata:
    """Return the metadata of a scale in the place of the one that is addressed, or behind the others.

    Raises:
        FailedPrecondition: the volume is another, or the number is more than the next.
    """
    index = _addressed(info, md, members)
    if index is None:
        return added(info, md, members)
    return _placed(info, md, index, members)


def _addressed(info: Info | None, md: Metadata, members: Members) -> int | None:
    """Return the number of the scale that a new one takes the place of, None for none."""
    scales = () if info is None else info.scales
    if members.number is not None:
        return members.number if members.number < len(scales) else None
    return next((at for at, scale in enumerate(scales) if scale.key == md.scale.key), None)


def _placed(info: Info | None, md: Metadata, index: int, members: Members) -> Metadata:
    if info is None:
        json, count = doc.new_info(md.info.kind, md.info.dtype, md.info.channels), 0
    else:
        json, count = dict(info.json), len(info.scales)
        agree(info, members)
        for at, scale in enumerate(info.scales):
            if scale.key == md.scale.key and at != index:
                raise AlreadyExists(f"Scale with key {binding.quoted(scale.key)} already exists")
    if index and info is None:
        raise FailedPrecondition(f"Cannot create scale {index} in new multiscale volume")
    if index > count:
        raise FailedPrecondition(
            f"Scale index to create ({index}) must equal the existing number of scales ({count})"
        )
    json["scales"] = [*json["scales"][:index], doc.scale_json(md.scale), *json["scales"][index + 1 :]]
    return Metadata(doc.info(json), index, md.chunk)


def owned(info: Info | None, md: Metadata, members: Members, path: str) -> list[str]:
    """Return the prefixes of keys that may be chunks of the scale to be replaced, and of the new one."""
    index = _addressed(info, md, members)
    keys = {md.scale.key}
    if info is not None and index is not None:
        keys.add(info.scales[index].key)
    others = () if info is None else [scale.key for at, scale in enumerate(info.scales) if at != index]
    return sorted({resolved(path + directory(key)) for key in keys if key not in others})


_PART = re.compile(r"-?\d+--?\d+_-?\d+--?\d+_-?\d+--?\d+|[0-9a-f]*\.shard")


def part(rest: str) -> bool:
    """Whether a chunk or a shard is called so.

    >>> part("0-64_0-64_64-100"), part("0f.shard"), part("2_2_2/0-1_0-1_0-1"), part("info")
    (True, True, False, False)
    """
    return _PART.fullmatch(rest) is not None


def pinned(members: Members, md: Metadata) -> Members:  # noqa: ARG001
    """Return members that name this scale, with all that its metadata says."""
    scale, info = md.scale, md.info
    parts = Constraints(
        info.kind,
        info.dtype,
        info.channels,
        scale.key,
        scale.size,
        scale.offset,
        md.chunk,
        scale.resolution,
        scale.encoding,
        scale.options,
        () if scale.sharding is None else (scale.sharding,),
    )
    return Members(parts, md.index)


def url_refusal(members: Members) -> str | None:
    """Return why a scale has no URL: only the first has."""
    if members.number:
        return "neuroglancer-precomputed URL syntax not supported with non-zero scale_index"
    return None


def directory(key: str) -> str:
    """Return the prefix of the keys of a scale, relative to the volume's."""
    return key + "/" if key else ""
