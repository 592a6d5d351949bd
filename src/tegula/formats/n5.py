"""The N5 format: regular grids of big-endian Fortran blocks, from a request to a document to a layout.

What this file knows: what each member defaults to, and how a schema and a document must agree.  What it
must not know: stores, how a document is spelled (`n5_document.py`), and what a block looks like.

Laws: those of `format.py`.  Missing blocks are zero, and zero blocks are not stored; yet the format has no
fill value to speak of.
"""

from __future__ import annotations

from typing import Any

from tegula import binding
from tegula.codecs import compressor
from tegula.codecs.compressor import N5 as FAMILY
from tegula.codecs.declare import Constraint
from tegula.errors import FailedPrecondition, InvalidArgument
from tegula.formats import agreement, n5_document
from tegula.formats.agreement import CREATING
from tegula.formats.format import gathered
from tegula.formats.layout import ArrayLayout, KeyRule
from tegula.formats.n5_document import Constraints, Metadata
from tegula.record import replace
from tegula.row import NamedTuple
from tegula.schema.choose import choose_read_write_chunk_grid
from tegula.schema.codecspec import CodecSpec, merge_members
from tegula.schema.constraint import braced
from tegula.schema.layout import ChunkLayout
from tegula.schema.schema import Schema, merge_domains, units_text
from tegula.schema.units import Unit
from tegula.space.domain import IndexDomain

__all__ = ["N5", "Members"]

_NO_FILL = "fill_value not supported by N5 format"
_KEYS = KeyRule("", "/", "0")


parse_document, document_json = n5_document.metadata, n5_document.to_json


class Members(NamedTuple):
    """What an N5 spec says beyond the schema."""

    metadata: Constraints = Constraints()


def metadata_key(members: Members) -> str:  # noqa: ARG001
    """Return the name of the document."""
    return "attributes.json"


def parse_members(json: dict[str, Any], schema: Schema | None = None) -> Members:
    """Take the driver's own members out of a spec.

    Raises:
        InvalidArgument: one is malformed, or is of another rank or data type than `schema`.
    """
    if schema is not None:
        _supported(schema)
    if "metadata" not in json:
        return Members()
    with binding.at_member("metadata"):
        parts = n5_document.constraints(json.pop("metadata"))
        if schema is not None:
            beside = schema.copy()
            if parts.dtype is not None:
                beside.set_dtype(parts.dtype)
            if parts.rank is not None:
                beside.set_rank(parts.rank)
        return Members(parts)


def members_json(members: Members, every: bool = False) -> dict[str, Any]:  # noqa: ARG001
    """Return the members of a spec; those that are unset are left out."""
    metadata = n5_document.constraints_json(members.metadata)
    return {"metadata": metadata} if metadata else {}


def _supported(schema: Schema) -> None:
    """Raise InvalidArgument where a schema wants a data type that the format has no name for."""
    if schema.dtype is not None and schema.dtype.name not in n5_document.NAMES:
        raise n5_document.unsupported(schema.dtype.name)


def _domain(parts: Constraints, schema: Schema) -> IndexDomain | None:
    """Return what is known of the domain: from 0, to the shape where that is known; None for nothing."""
    rank = parts.rank if parts.rank is not None else schema.rank
    if rank is None or (rank and (parts.shape, parts.axes, schema.domain) == (None, None, None)):
        return None
    sizes = parts.shape if parts.shape is not None else (2**63,) * rank
    mine = agreement.sizes_domain(sizes, parts.axes)
    if schema.domain is None:
        return mine
    with binding.at("Mismatch between metadata and schema: "):
        return merge_domains(schema.domain, mine)


def known(members: Members, schema: Schema) -> Schema:
    """Return `schema` with what the members imply: data type, rank, domain.

    Raises:
        InvalidArgument: they contradict each other, or the format has no such type.
    """
    parts = members.metadata
    _supported(schema)
    if parts.dtype is not None and schema.dtype is not None:
        schema = schema.copy()
        schema.set_dtype(parts.dtype)  # a contradiction of types is told before one of domains
    return agreement.known(schema, parts.dtype, _domain(parts, schema), parts.rank)


def wanted(members: Members, schema: Schema) -> Schema:
    """Return `schema` with all that the members imply.

    Raises:
        InvalidArgument, FailedPrecondition: they contradict each other.
    """
    parts = members.metadata
    made = known(members, schema)
    rank = made.rank
    order = None if rank is None else tuple(range(rank))[::-1]
    codec = CodecSpec.of(_codec_json(parts.compression))
    return agreement.implied(made, rank, parts.block, order, codec, None, parts.scaled)


# ---------------------------------------------------------------- a new array


def create(members: Members, schema: Schema) -> Metadata:
    """Return the metadata of a new array.

    Raises:
        InvalidArgument: something that has no default is not given, or constraints cannot be met.
    """
    with binding.at(CREATING):
        schema = known(members, schema)
        made = _created(members.metadata, schema)
    check(made, members, schema)
    return made


def _created(parts: Constraints, schema: Schema) -> Metadata:
    wanted = schema.domain
    shape = agreement.shape_of(wanted)
    assert wanted is not None
    dtype = schema.dtype
    if dtype is None:
        raise InvalidArgument("dtype must be specified")
    block = _block(parts, schema, wanted)
    compression = _compression(parts, schema, dtype.itemsize)
    units, resolution = _scales(parts, schema)
    if schema.fill is not None:
        raise InvalidArgument(_NO_FILL)
    return n5_document.complete(
        Constraints(
            shape,
            block,
            dtype,
            compression,
            wanted.labels if any(wanted.labels) else None,
            units,
            resolution,
            parts.extra,
        )
    )


def _block(parts: Constraints, schema: Schema, wanted: IndexDomain) -> tuple[int, ...]:
    rank = wanted.rank
    layout = agreement.constrained(schema, parts.block, rank)
    if not rank:
        return ()
    layout.merge(ChunkLayout(inner_order=tuple(range(rank))[::-1]))
    return choose_read_write_chunk_grid(layout, wanted)[1]


def _scales(parts: Constraints, schema: Schema) -> tuple[tuple[str, ...] | None, tuple[float, ...] | None]:
    """Return units and resolution that members and schema state together."""
    found = schema.dimension_units
    if parts.scaled is not None:
        both = Schema()
        both.set_units(parts.scaled)
        if found is not None:
            both.set_units(found)
        found = both.dimension_units
    if parts.units is None and (found is None or all(unit is None for unit in found)):
        return None, parts.resolution
    found = found or ()
    numbers = parts.resolution or (1.0,) * len(found)
    scaled = [Unit(n, "") if unit is None else unit for unit, n in zip(found, numbers, strict=True)]
    if parts.resolution is not None and any(
        unit.multiplier != n for unit, n in zip(scaled, numbers, strict=True)
    ):
        raise InvalidArgument(
            f'"resolution" from metadata {braced(f"{n:g}" for n in numbers)} '
            f"does not match dimension units from schema {units_text(found)}"
        )
    if not scaled:
        return (), parts.resolution
    return tuple(unit.base_unit for unit in scaled), tuple(unit.multiplier for unit in scaled)


def _compression(parts: Constraints, schema: Schema, itemsize: int) -> Constraint:
    """Return the compression asked for, or the usual one."""
    spec = CodecSpec.of(_codec_json(parts.compression))
    if schema.codec is not None:
        spec = spec.merge(schema.codec)
    found = spec.to_json()
    usual = {"type": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 2 if itemsize == 1 else 1}
    return n5_document.parse_compression(found.get("compression", usual))


# ---------------------------------------------------------------- an existing array


def check(md: Metadata, members: Members, schema: Schema) -> None:
    """Raise unless the array is what members and schema ask for.

    Raises:
        FailedPrecondition: a member, the data type, rank, codec or units differ.
        InvalidArgument: the domain or chunk layout does, or a fill value is asked for.
    """
    if members.metadata != Constraints():
        stored, asked = n5_document.to_json(md), n5_document.constraints_json(members.metadata)
        if members.metadata.axes is not None:
            asked["axes"] = list(members.metadata.axes)
            stored.setdefault("axes", [""] * len(md.shape))
        for name in sorted(asked, key=_rank):
            value = asked[name]
            found = binding.dumps(stored[name]) if name in stored else "<discarded>"
            if name not in stored or not binding.equal(value, stored[name]):
                raise FailedPrecondition(f'Expected "{name}" of {binding.dumps(value)} but received: {found}')
    dtype, rank = schema.dtype, schema.rank
    if rank is not None and rank != len(md.shape):
        raise FailedPrecondition(
            f"Rank specified by schema ({rank}) does not match rank specified by metadata ({len(md.shape)})"
        )
    if schema.domain is not None:
        with binding.at("Mismatch between metadata and schema: "):
            merge_domains(schema.domain, agreement.sizes_domain(md.shape, md.parts.axes))
    if dtype is not None and dtype is not md.dtype:
        raise FailedPrecondition(
            f"dtype from metadata ({md.dtype.name}) does not match dtype in schema ({dtype.name})"
        )
    if schema.codec is not None:
        with binding.at("codec from metadata does not match codec in schema: "):
            agreement.failing(codec_spec(md).merge, schema.codec)
    if schema.layout is not None:
        layout = agreement.constrained(schema, md.parts.block, len(md.shape))
        layout.merge(agreement.precise(md.chain.chunk_shape, md.chain.order))
    if schema.fill is not None:
        raise InvalidArgument(_NO_FILL)
    needed = schema.dimension_units
    if needed is not None and md.parts.scaled is not None:
        agreement.failing(schema.copy().set_units, md.parts.scaled)
    elif needed is not None and any(unit is not None for unit in needed):
        raise FailedPrecondition(
            f"Dimension units in metadata {units_text([None] * len(needed))} do not match "
            f"dimension units in schema {units_text(needed)}"
        )


_CHECKED = ("dimensions", "axes", "blockSize", "dataType", "compression", "units", "resolution")


def _rank(name: str) -> int:
    """Return when a member is looked at: what means nothing here, last."""
    return _CHECKED.index(name) if name in _CHECKED else len(_CHECKED)


# ---------------------------------------------------------------- what an array is


def layout(md: Metadata, members: Members, schema: Schema | None = None) -> ArrayLayout:  # noqa: ARG001
    """Return what planning works from."""
    rank = len(md.shape)
    return ArrayLayout(
        md.shape,
        md.dtype,
        md.chain.chunk_shape,
        _KEYS,
        md.chain,
        bytes(md.dtype.itemsize),
        md.parts.axes or ("",) * rank,
        md.parts.scaled or (None,) * rank,
    )


def schema(md: Metadata, members: Members, request: Schema | None = None) -> Schema:
    """Return the effective schema, finalised: the format has no fill value."""
    made = agreement.effective(layout(md, members, request), md.chain.order, codec_spec(md))
    made._fill = None
    return made


def metadata_json(md: Metadata, members: Members | None = None) -> dict[str, Any]:  # noqa: ARG001
    """Return the document as a JSON value."""
    return n5_document.to_json(md)


def resized(md: Metadata, shape: tuple[int, ...]) -> Metadata:
    """Return the metadata of another shape."""
    return replace(md, parts=md.parts._replace(shape=shape))


def url_refusal(members: Members) -> None:
    """Return None: every array has a URL."""


# ---------------------------------------------------------------- codec specs


def _codec_json(compression: Constraint | None) -> dict[str, Any]:
    found: dict[str, Any] = {"driver": "n5"}
    if compression is not None:
        found["compression"] = compressor.to_json(compression, FAMILY)
    return found


def codec_spec(md: Metadata) -> CodecSpec:
    """Return the codec spec of an array."""
    return CodecSpec.of(_codec_json(md.parts.compression))


def codec_parse(json: dict[str, Any]) -> dict[str, Any]:
    """Return an N5 codec spec, checked and spelled out."""
    compression = None
    if "compression" in json:
        with binding.at_member("compression"):
            compression = n5_document.parse_compression(json["compression"])
    binding.members(json, ("driver", "compression"))
    return _codec_json(compression)


codec_merge = merge_members
N5 = gathered(globals(), "n5", "n5", {})
