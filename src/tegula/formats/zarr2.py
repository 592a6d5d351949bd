"""The zarr v2 format: regular grids, from a request to a document to a layout.

What this file knows: what each member defaults to, and how a schema and a document must agree.  What it
must not know: stores, and how a document is spelled (`zarr2_document.py`).

Laws: those of `format.py`.  The format holds no units (refused), and labels only as names in the array's
attributes (`zarr2_names.py`); a request's own stay on its handle.
"""

from __future__ import annotations

from typing import Any

from tegula import binding
from tegula.codecs import compressor
from tegula.codecs.transpose import braced
from tegula.errors import FailedPrecondition, InvalidArgument
from tegula.formats import agreement, zarr2_document, zarr2_item
from tegula.formats.agreement import CREATING
from tegula.formats.format import gathered
from tegula.formats.layout import ArrayLayout
from tegula.formats.zarr2_document import UNSET, Constraints, Metadata
from tegula.formats.zarr2_item import Field
from tegula.formats.zarr2_names import BESIDE
from tegula.record import replace
from tegula.row import NamedTuple
from tegula.schema.codecspec import CodecSpec, merge_members
from tegula.schema.schema import Schema, merge_domains
from tegula.space.domain import IndexDomain

__all__ = ["ZARR2", "Members"]

_NO_UNITS = "Dimension units not supported by zarr driver"


parse_document, document_json = zarr2_document.metadata, zarr2_document.to_json


class Members(NamedTuple):
    """What a zarr spec says beyond the schema."""

    metadata: Constraints = Constraints()
    field: str = ""
    open_as_void: bool = False
    key: str = ".zarray"


def metadata_key(members: Members) -> str:
    """Return the name of the document, ".zarray" unless the spec says otherwise."""
    return members.key


def parse_members(json: dict[str, Any], schema: Schema | None = None) -> Members:  # noqa: ARG001
    """Take the driver's own members out of a spec.

    Raises:
        InvalidArgument: one is malformed.
    """
    found = Members()
    if "metadata" in json:
        with binding.at_member("metadata"):
            found = found._replace(metadata=zarr2_document.constraints(json.pop("metadata")))
    if "metadata_key" in json:
        with binding.at_member("metadata_key"):
            found = found._replace(key=binding.text(json.pop("metadata_key")))
    if "key_encoding" in json:
        with binding.at_member("key_encoding"):
            found = found._replace(metadata=_separated(found.metadata, json.pop("key_encoding")))
    field, void = zarr2_item.asked(json)
    return found._replace(field=field, open_as_void=void)


def _separated(parts: Constraints, value: Any) -> Constraints:
    """Return constraints with the separator that the deprecated member `key_encoding` states."""
    if value not in (".", "/"):
        raise binding.expected('one of ".", "/"', value)
    if parts.separator not in (None, value):
        raise InvalidArgument(f'value ("{value}") does not match value in metadata ("{parts.separator}")')
    return parts._replace(separator=value)


def members_json(members: Members, every: bool = False) -> dict[str, Any]:  # noqa: ARG001
    """Return the members of a spec; those that are unset are left out."""
    found: dict[str, Any] = {}
    metadata = zarr2_document.constraints_json(members.metadata)
    if metadata:
        found["metadata"] = metadata
    if members.key != ".zarray":
        found["metadata_key"] = members.key
    return found | zarr2_item.asked_json(members.field, members.open_as_void)


def _field(members: Members) -> Field | None:
    """Return the field that a request is of, as far as it says."""
    item = members.metadata.item
    return None if item is None else zarr2_item.selected(item, members.field, members.open_as_void)


def _rank(parts: Constraints, schema: Schema, typed: bool, inner: int) -> int | None:
    """Return the rank that members and schema settle together.

    The elements of a data type may have dimensions of their own: where it is not known (`typed`), the
    dimensions of the document are at most those of the array.
    """
    mine, theirs = parts.rank, schema.rank
    mine = None if mine is None else mine + inner
    if mine is None or (theirs is None and not typed):
        return theirs
    if theirs is None:
        return mine
    if mine > theirs or (typed and mine != theirs):
        raise InvalidArgument(f"Rank specified by schema ({theirs}) is not compatible with metadata")
    return theirs


def _domain(
    parts: Constraints, schema: Schema, rank: int | None, typed: bool, inner: tuple[int, ...]
) -> IndexDomain | None:
    """Return what is known of the domain: from 0, to the shape where that is known; None for nothing."""
    if rank is None:
        return None
    outer = rank - len(inner)
    if outer < 0:
        raise InvalidArgument(f"Rank specified by schema ({rank}) is not compatible with metadata")
    if schema.domain is None and (parts.rank not in (None, outer) or (not typed and parts.rank is None)):
        return None
    if schema.domain is None and parts.shape is None and outer:
        return None
    sizes = parts.shape if parts.shape is not None else ()
    mine = agreement.sizes_domain((*sizes, *(2**63,) * (outer - len(sizes))), None, inner)
    return mine if schema.domain is None else merge_domains(mine, schema.domain)


def known(members: Members, schema: Schema, typed: bool = False) -> Schema:
    """Return `schema` with what the members imply: data type, and rank and domain where they settle them.

    `typed`: the data type is known, whatever the members say of it.

    Raises:
        InvalidArgument: they contradict each other.
    """
    parts, field = members.metadata, _field(members)
    if field is not None and schema.dtype is not None:
        schema = schema.copy()
        schema.set_dtype(field.dtype)  # a contradiction of types is told before one of domains
    typed = (typed or parts.dtype is not None) and (field is not None or not members.open_as_void)
    inner = () if field is None else field.inner
    rank = _rank(parts, schema, typed, len(inner))
    wanted = _domain(parts, schema, rank, typed, inner)
    return agreement.known(schema, None if field is None else field.dtype, wanted, rank, inner)


def wanted(members: Members, schema: Schema) -> Schema:
    """Return `schema` with all that the members imply.

    Raises:
        InvalidArgument, FailedPrecondition: they contradict each other.
    """
    parts = members.metadata
    made, field = known(members, schema), _field(members)
    inner = () if field is None else field.inner
    order = None
    if parts.order is not None and made.rank is not None:
        order = _orders(made.rank, len(inner))[parts.order]
    chunks = parts.chunks if parts.chunks is None else (*parts.chunks, *inner)
    codec = CodecSpec.of(_codec_json(parts.compressor, parts.filters))
    fill: Any = None if parts.fill is UNSET else parts.fill
    fill = fill if field is not None and parts.item is not None and parts.item.plain else None
    fill = None if members.open_as_void else fill
    return agreement.implied(made, made.rank, chunks, order, codec, fill)


def _other_rank(metadata: int, schema: int | None) -> FailedPrecondition:
    return FailedPrecondition(f"Rank is {metadata}, but schema specifies rank of {schema}")


# ---------------------------------------------------------------- a new array


def create(members: Members, schema: Schema) -> Metadata:
    """Return the metadata of a new array.

    Raises:
        InvalidArgument: something that has no default is not given, or constraints cannot be met.
    """
    with binding.at(CREATING):
        for name in ("field", "open_as_void"):
            if getattr(members, name) and members.metadata.dtype is None:
                raise InvalidArgument(f'"dtype" must be specified in "metadata" if "{name}" is specified')
        if schema.dtype is None and members.metadata.dtype is None:
            raise InvalidArgument('"dtype" must be specified')
        schema = known(members, schema, typed=True)
        made = _created(members, schema)
    check(made, members, schema)
    return made


def _created(members: Members, schema: Schema) -> Metadata:
    parts, dtype = members.metadata, schema.dtype
    assert dtype is not None
    text = parts.dtype if parts.dtype is not None else zarr2_item.text_of(dtype)
    item = zarr2_item.item(text)
    field = zarr2_item.selected(item, members.field, members.open_as_void)
    inner = field.inner
    wanted = schema.domain
    shape = agreement.shape_of(wanted)
    shape = shape[: len(shape) - len(inner)]
    assert wanted is not None
    chunks, order = _chunks(parts, schema, wanted, inner)
    compression, filters = _codecs(parts, schema)
    filled: Any = parts.fill
    if schema.fill is not None and not item.plain:
        if item.named or members.open_as_void:
            shown = binding.dumps(zarr2_item.to_json(text))
            raise InvalidArgument(
                "Invalid fill_value: Cannot specify fill_value through schema for "
                f"structured zarr data type {shown}"
            )
        if filled is UNSET:
            filled = agreement.spread(schema, field.dtype, field.inner)
    elif filled is UNSET:
        filled = agreement.new_fill(schema, dtype)
    else:
        agreement.agree_fill(schema, dtype, filled, InvalidArgument)
    if _has_units(schema):
        raise InvalidArgument(_NO_UNITS)
    return zarr2_document.complete(
        Constraints(
            2,
            shape,
            chunks,
            text,
            compression,
            filled,
            order,
            filters,
            parts.separator or ".",
            None,
        )
    )


def _has_units(schema: Schema) -> bool:
    return any(unit is not None for unit in schema.dimension_units or ())


def _orders(rank: int, inner: int) -> dict[str, tuple[int, ...]]:
    axes = tuple(range(rank - inner))
    own = tuple(range(rank - inner, rank))
    return {"C": (*axes, *own), "F": (*axes[::-1], *own)}


def _chunks(
    parts: Constraints, schema: Schema, wanted: IndexDomain, inner: tuple[int, ...]
) -> tuple[tuple[int, ...], str]:
    """Return the chunk shape and the order, "C" or "F"."""
    rank = wanted.rank
    outer = rank - len(inner)
    asked: tuple[int | None, ...] | None = parts.chunks
    if inner:
        asked = (*(parts.chunks or (None,) * outer), *inner)
    layout = agreement.constrained(schema, asked, rank)
    orders = _orders(rank, len(inner))
    if parts.order is not None:
        _agree_order(schema, orders[parts.order])
        order = parts.order
    else:
        hard, soft = layout.inner_order, layout.inner_order_soft_constraint
        if hard is not None and hard not in orders.values():
            raise InvalidArgument(f'Invalid "inner_order" constraint: {braced(hard)}')
        order = "F" if (hard or soft) == orders["F"] and outer > 1 else "C"
    from tegula.schema.choose import choose_read_write_chunk_grid

    return (choose_read_write_chunk_grid(layout, wanted)[1][:outer] if rank else ()), order


def _agree_order(schema: Schema, order: tuple[int, ...]) -> None:
    hard = schema.chunk_layout.inner_order
    if hard is not None and hard != order:
        raise InvalidArgument(
            f"Error setting inner_order: New hard constraint ({braced(order)}) "
            f"does not match existing hard constraint ({braced(hard)})"
        )


def _codecs(parts: Constraints, schema: Schema) -> tuple[Any, Any]:
    """Return the compressor asked for, or the usual one, and the filters."""
    spec = CodecSpec.of(_codec_json(parts.compressor, parts.filters))
    if schema.codec is not None:
        spec = spec.merge(schema.codec)
    found = spec.to_json()
    compression = compressor.parse(found["compressor"]) if "compressor" in found else compressor.DEFAULT
    return compression, compressor.parse_filters(found.get("filters"))


# ---------------------------------------------------------------- an existing array


def _seen(md: Metadata, members: Members) -> Field:
    """Return the field of an array that the members choose."""
    return zarr2_item.selected(md.item, members.field, members.open_as_void)


def check(md: Metadata, members: Members, schema: Schema) -> None:
    """Raise unless the array is what members and schema ask for.

    Raises:
        FailedPrecondition: a member, the data type or the rank differs.
        InvalidArgument: the domain, chunk layout, codec or fill value does, or units are asked for.
    """
    field = _seen(md, members)
    shape, chunks = (*md.shape, *field.inner), (*md.chunks, *field.inner)
    if members.metadata != Constraints():
        stored = zarr2_document.to_json(md)
        asked = zarr2_document.constraints_json(members.metadata)
        for name in _CHECKED:
            if name in asked and name in stored:
                agreement.expect(name, asked[name], stored[name])
    dtype, rank = schema.dtype, schema.rank
    if dtype is not None and dtype is not field.dtype:
        raise FailedPrecondition(
            f"dtype from metadata ({field.dtype.name}) does not match dtype in schema ({dtype.name})"
        )
    if rank is not None and rank != len(shape):
        raise _other_rank(len(shape), rank)
    if schema.domain is not None:
        with binding.at("domain from metadata does not match domain in schema: "):
            merge_domains(agreement.sizes_domain(md.shape, None, field.inner), schema.domain)
    if schema.codec is not None:
        with binding.at("codec from metadata does not match codec in schema: "):
            codec_spec(md).merge(schema.codec)
    _agree_fill(md, field, schema)
    if schema.layout is not None:
        layout = agreement.constrained(schema, chunks, len(shape))
        layout.merge(agreement.precise(chunks, md.chain(field).order))
    if _has_units(schema):
        raise InvalidArgument(_NO_UNITS)


def _agree_fill(md: Metadata, field: Field, schema: Schema) -> None:
    stored = md.filling(field)
    if not field.inner:
        agreement.agree_fill(
            schema, field.dtype, None if stored is None else stored.tobytes(), InvalidArgument
        )
    elif schema.fill is not None and (
        stored is None or agreement.spread(schema, field.dtype, field.inner) != stored.tobytes()
    ):
        raise InvalidArgument("Invalid fill_value: schema requires another than metadata specifies")


_CHECKED = ("shape", "chunks", "compressor", "order", "filters", "dtype", "fill_value", "dimension_separator")
"""In the order in which they are looked at; what the document leaves out (the separator) is free."""


# ---------------------------------------------------------------- what an array is


def layout(md: Metadata, members: Members, schema: Schema | None = None) -> ArrayLayout:
    """Return what planning works from, with the labels of the schema where one is given."""
    field = _seen(md, members)
    shape = (*md.shape, *field.inner)
    rank, own = len(shape), len(field.inner)
    wanted = None if schema is None else schema.domain
    labels = (*agreement.unique(md.names or ("",) * (rank - own)), *("",) * own)
    if wanted is not None and any(wanted.labels):
        labels = wanted.labels
    fill = md.filling(field)
    return ArrayLayout(
        shape,
        field.dtype,
        (*md.chunks, *field.inner),
        md.key_rule(own, _separator(md, members)),
        md.chain(field),
        None if fill is None else fill.tobytes(),
        labels,
        (None,) * rank,
        own,
    )


def schema(md: Metadata, members: Members, request: Schema | None = None) -> Schema:
    """Return the effective schema, finalised."""
    made = layout(md, members, request)
    return agreement.effective(made, made.chain.order, codec_spec(md))


def metadata_json(md: Metadata, members: Members | None = None) -> dict[str, Any]:
    """Return the document as a JSON value, without the members that mean nothing here."""
    return zarr2_document.to_json(replace(md, extra={}, separator=_separator(md, members)))


def _separator(md: Metadata, members: Members | None) -> str:
    """Return what stands between the numbers of a chunk's key: where the document leaves it out, what the
    request says, as documents are older than that member.
    """
    return md.separator or (members and members.metadata.separator) or "."


def resized(md: Metadata, shape: tuple[int, ...]) -> Metadata:
    """Return the metadata of another shape."""
    return replace(md, shape=shape[: len(md.shape)])


def url_refusal(members: Members) -> str | None:
    """Return why an array has no URL, None where it has one."""
    if members.key != ".zarray":
        return "zarr2 URL syntax not supported with non-default metadata_key"
    return zarr2_item.url_refusal("zarr2", members.field, members.open_as_void)


# ---------------------------------------------------------------- codec specs


def _codec_json(compression: Any, filters: Any = None) -> dict[str, Any]:
    found: dict[str, Any] = {"driver": "zarr", "filters": None}
    if filters is not UNSET:
        found["filters"] = zarr2_document.filters_json(filters)
    if compression is not UNSET:
        found["compressor"] = compressor.to_json(compression)
    return found


def codec_spec(md: Metadata) -> CodecSpec:
    """Return the codec spec of an array."""
    return CodecSpec.of(_codec_json(md.compressor, md.filters))


def codec_parse(json: dict[str, Any]) -> dict[str, Any]:
    """Return a zarr codec spec, checked and spelled out."""
    compression: Any = UNSET
    filters: Any = UNSET
    if "compressor" in json:
        with binding.at_member("compressor"):
            compression = compressor.parse(json["compressor"])
    if "filters" in json:
        with binding.at_member("filters"):
            # a constraint tells no filters from an empty list of them, a document does not
            filters = () if json["filters"] == [] else compressor.parse_filters(json["filters"])
    binding.members(json, ("driver", "compressor", "filters"))
    return _codec_json(compression, filters)


def codec_merge(existing: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Return the zarr codec spec that satisfies both: members that both have must be equal."""
    filters = new["filters"] if existing["filters"] is None else existing["filters"]  # None leaves them open
    return merge_members({**existing, "filters": filters}, {**new, "filters": filters})


ZARR2 = gathered(globals(), "zarr", "zarr2", {}, beside=BESIDE)
