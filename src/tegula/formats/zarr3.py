"""The zarr v3 format: regular grids, from a request to a document to a layout.

What this file knows: what each member defaults to, and how a schema and a document must agree.  What it
must not know: stores, and how a document is spelled (`zarr3_document.py`).

Laws: those of `format.py`.  Where chunks to read and chunks to write are of different shapes, the codecs
are those of shards; an inner order that the codecs do not have is made by one more transpose.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from tegula import binding
from tegula.codecs.declare import Constraint
from tegula.codecs.sequence import SHARDING, Sequence3, parse
from tegula.errors import FailedPrecondition, InvalidArgument, TegulaError, Unimplemented
from tegula.formats import agreement, document, zarr3_document
from tegula.formats.agreement import CREATING
from tegula.formats.format import Format
from tegula.formats.layout import ArrayLayout
from tegula.formats.zarr3_document import Constraints, Metadata
from tegula.record import replace
from tegula.schema.choose import choose_read_write_chunk_shapes
from tegula.schema.codecspec import CodecSpec
from tegula.schema.dtypes import DataType
from tegula.schema.layout import ChunkLayout
from tegula.schema.schema import Schema, merge_domains
from tegula.schema.units import Unit
from tegula.space.domain import IndexDomain

__all__ = ["ZARR3", "Members", "codec_merge", "codec_parse"]


class Members(NamedTuple):
    """What a zarr3 spec says beyond the schema."""

    metadata: Constraints = Constraints()
    field: str = ""
    open_as_void: bool = False


def metadata_key(members: Members) -> str:  # noqa: ARG001
    """Return "zarr.json"."""
    return "zarr.json"


def parse_members(json: dict[str, Any]) -> Members:
    """Take the driver's own members out of a spec.

    Raises:
        InvalidArgument: one is malformed.
    """
    metadata, field, void = Constraints(), "", False
    if "metadata" in json:
        with binding.at_member("metadata"):
            metadata = zarr3_document.constraints(json.pop("metadata"))
    if "field" in json:
        with binding.at_member("field"):
            field = binding.text(json.pop("field"))
    if "open_as_void" in json:
        with binding.at_member("open_as_void"):
            void = binding.boolean(json.pop("open_as_void"))
    if field and void:
        raise InvalidArgument('"field" and "open_as_void" are mutually exclusive')
    return Members(metadata, field, void)


def members_json(members: Members) -> dict[str, Any]:
    """Return the members of a spec; those that are unset are left out."""
    found: dict[str, Any] = {}
    metadata = zarr3_document.constraints_json(members.metadata)
    if metadata:
        found["metadata"] = metadata
    if members.field:
        found["field"] = members.field
    if members.open_as_void:
        found["open_as_void"] = True
    return found


def _domain(parts: Constraints, schema: Schema) -> IndexDomain | None:
    """Return what is known of the domain: from 0, to the shape where that is known; None for nothing.

    Names label it, those that repeat do not.
    """
    rank = parts.rank if parts.rank is not None else schema.rank
    if rank is None or (rank and (parts.shape, parts.names, schema.domain) == (None, None, None)):
        return None
    names = _labels(parts.names or ())
    sizes = parts.shape if parts.shape is not None else (2**63,) * rank
    mine = agreement.sizes_domain(sizes, names if any(names) else None)
    if schema.domain is None:
        return mine
    with binding.at("Mismatch between metadata and schema: "):
        try:
            return merge_domains(schema.domain, mine)
        except InvalidArgument as error:
            raise FailedPrecondition(error.message) from None


def _labels(names: tuple[str | None, ...]) -> tuple[str, ...]:
    """Return the labels of dimensions with names: a name that several have labels none of them.

    >>> _labels(("x", "x", "y", None))
    ('', '', 'y', '')
    """
    return tuple([name if name and names.count(name) == 1 else "" for name in names])


def known(members: Members, schema: Schema) -> Schema:
    """Return `schema` with what the members imply: data type, rank, domain.

    Raises:
        InvalidArgument: they contradict each other, or the format has no such type.
        FailedPrecondition: the domains do.
    """
    parts = members.metadata
    if schema.dtype is not None and schema.dtype.name not in zarr3_document.NAMES:
        raise _unsupported(schema.dtype)
    settled = parts.shape is not None or parts.names is not None
    if settled and schema.rank not in (None, parts.rank):
        raise _other_rank(schema.rank, parts.rank)
    return agreement.known(schema, parts.dtype, _domain(parts, schema))


def wanted(members: Members, schema: Schema) -> Schema:
    """Return `schema` with all that the members imply.

    Raises:
        InvalidArgument, FailedPrecondition: they contradict each other.
    """
    parts = members.metadata
    made = known(members, schema)
    rank, order, read = parts.rank if parts.rank is not None else made.rank, None, None
    # without codecs the chunks that are read are not known
    sharded = parts.codecs is None or parts.codecs.height > 0
    if parts.codecs is not None and rank is not None:
        if parts.codecs.innermost.layout is not None:
            order = parts.codecs.order(rank)
        # the drop-in tells of the chunks that are read only where there is a codec before the sharding
        if parts.chunk_shape is not None and parts.codecs.array:
            read = parts.codecs.read_shape(rank)
    codec = CodecSpec.of(_codec_json(parts.codecs))
    return agreement.implied(
        made, rank, parts.chunk_shape, order, codec, parts.fill, parts.units, read, sharded
    )


def _unsupported(dtype: DataType) -> InvalidArgument:
    names = ", ".join(zarr3_document.NAMES)
    return InvalidArgument(f"{dtype.name} data type is not one of the supported data types: {names}")


def _other_rank(schema: int | None, metadata: int | None) -> FailedPrecondition:
    return FailedPrecondition(
        f"Rank specified by schema ({schema}) does not match rank specified by metadata ({metadata})"
    )


def decode_metadata(data: bytes, where: str) -> Metadata:
    """Return the metadata of a stored document; `where` names it in errors.

    Raises:
        DataLoss: it is not JSON.
        FailedPrecondition: it is not a zarr v3 array that can be opened.
    """
    found: Metadata = document.read(data, where, zarr3_document.metadata)
    return found


def encode_metadata(md: Metadata) -> bytes:
    """Return the document, compact and sorted."""
    return binding.compact(zarr3_document.to_json(md, brief=True))


# ---------------------------------------------------------------- a new array


def create(members: Members, schema: Schema) -> Metadata:
    """Return the metadata of a new array.

    Raises:
        InvalidArgument: something that has no default is not given, or constraints cannot be met.
        FailedPrecondition: members and schema contradict each other.
    """
    schema = known(members, schema)
    with binding.at(CREATING):
        _no_views(members)
        made = _created(members.metadata, schema)
    check(made, members, schema)
    return made


def _no_views(members: Members) -> None:
    if members.open_as_void:
        raise Unimplemented("open_as_void is not supported yet")
    if members.field:
        raise FailedPrecondition(f'Requested field "{members.field}" but dtype does not have named fields')


def _created(parts: Constraints, schema: Schema) -> Metadata:
    dtype = schema.dtype
    if dtype is None:
        raise InvalidArgument("dtype must be specified")
    if dtype.name not in zarr3_document.NAMES:
        raise _unsupported(dtype)
    wanted = schema.domain
    shape = agreement.shape_of(wanted)
    assert wanted is not None
    rank = len(shape)
    if parts.fill is not None:
        agreement.agree_fill(schema, dtype, parts.fill, FailedPrecondition)
    fill = parts.fill or agreement.fill_bytes(schema, dtype) or bytes(dtype.itemsize)
    codecs = _requested(parts.codecs, schema.codec)
    read, chunk_shape, order = _chunks(parts, schema, wanted, codecs)
    codecs = _ordered(codecs, schema, order, rank)
    if read != chunk_shape and not codecs.height:
        members = (("chunk_shape", read), ("codecs", codecs))
        codecs = Sequence3(layout=Constraint(SHARDING, members))
    codecs, _ = codecs.resolve(dtype.array_dtype, chunk_shape, fill, read)
    names = parts.names
    if names is None and any(wanted.labels):
        names = tuple(label or None for label in wanted.labels)
    return zarr3_document.complete(
        Constraints(
            3,
            shape,
            dtype,
            chunk_shape,
            parts.keys or ("default", "/"),
            codecs,
            fill,
            parts.attributes,
            names,
            _units(parts, schema),
            parts.extra,
        )
    )


def _chunks(
    parts: Constraints, schema: Schema, wanted: IndexDomain, codecs: Sequence3
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...] | None]:
    """Return the shapes of chunks to read and to write, and the inner order where one is asked for."""
    rank = wanted.rank
    layout = agreement.constrained(schema, parts.chunk_shape, rank, sharded=True)
    inner = codecs.read_shape(rank)
    if not rank:
        return (), (), None
    if inner is not None:
        layout.merge(ChunkLayout(read_chunk_shape=inner))
    if parts.codecs is not None and not codecs.height:
        layout.merge_grid("write", layout.grid("read"))
        layout.merge_grid("read", layout.grid("write"))
    hard = [size for size in layout.write_chunk.shape or () if size]
    if inner is not None and len(hard) == rank and any(b % a for a, b in zip(inner, hard, strict=True)):
        read, write = inner, tuple(hard)  # the codecs say what is wrong with them
    else:
        read, write = choose_read_write_chunk_shapes(layout, wanted)
    return read, write, layout.inner_order or layout.inner_order_soft_constraint


def _ordered(codecs: Sequence3, schema: Schema, order: tuple[int, ...] | None, rank: int) -> Sequence3:
    """Return the codecs with a transpose more, where only the inner order asks for one.

    Raises:
        InvalidArgument: the codecs say another order.
    """
    if order is None or not rank:
        return codecs
    found = codecs.order(rank)
    if found == order:
        return codecs
    hard = schema.chunk_layout.inner_order
    last = codecs.innermost
    if last.array and (hard is None or not codecs.height):
        if hard is None:
            return codecs
        raise InvalidArgument(
            "Error setting inner_order: New hard constraint "
            f"({_braced(found)}) does not match existing hard constraint ({_braced(hard)})"
        )
    more = Constraint("transpose", (("order", tuple(found.index(dim) for dim in order)),))
    return codecs.with_innermost(last._replace(array=(*last.array, more)))


def _braced(order: tuple[int, ...]) -> str:
    return "{" + ", ".join(map(str, order)) + "}"


def _requested(mine: Sequence3 | None, codec: CodecSpec | None) -> Sequence3:
    spec = CodecSpec.of(_codec_json(mine))
    if codec is not None:
        spec = spec.merge(codec)
    return parse(spec.to_json().get("codecs", []))


def _units(parts: Constraints, schema: Schema) -> tuple[Unit | None, ...] | None:
    """Return the units of members and schema together, None where there are none."""
    units = schema.copy()
    if parts.units is not None:
        with binding.at("Invalid dimension_units: "):
            units.set_units(parts.units)
    found = units.dimension_units
    return found if found is not None and any(unit is not None for unit in found) else None


# ---------------------------------------------------------------- an existing array


def check(md: Metadata, members: Members, schema: Schema) -> None:
    """Raise unless the array is what members and schema ask for.

    Raises:
        FailedPrecondition: a member, the data type, domain, codec, units or fill value differs.
        InvalidArgument: the chunk layout does.
    """
    _no_views(members)
    if members.metadata != Constraints():
        _check_members(md, members.metadata)
    dtype, rank = schema.dtype, schema.rank
    if dtype is not None and dtype is not md.dtype:
        raise FailedPrecondition(
            f"data_type from metadata ({md.dtype.name}) does not match dtype in schema ({dtype.name})"
        )
    if rank is not None and rank != len(md.shape):
        raise _other_rank(rank, len(md.shape))
    found = _layout(md)
    if schema.domain is not None:
        _agree("Mismatch between metadata and schema: ", merge_domains, schema.domain, found.domain)
    if schema.layout is not None:
        finest = md.chain.finest
        layout = agreement.constrained(schema, md.chunk_shape, len(md.shape), sharded=True)
        layout.merge(agreement.precise(md.chunk_shape, finest.order, finest.chunk_shape))
    if schema.codec is not None:
        with binding.at("codec from metadata does not match codec in schema: "):
            codec_spec(md).merge(schema.codec)
    if schema.dimension_units is not None and md.units is not None:
        held = Schema(dimension_units=md.units)
        prefix = "dimension_units from metadata does not match dimension_units in schema: "
        _agree(prefix, held.set_units, schema.dimension_units)
    agreement.agree_fill(schema, md.dtype, md.fill, FailedPrecondition)


def _agree(prefix: str, function: Any, *arguments: Any) -> None:
    try:
        function(*arguments)
    except TegulaError as error:
        raise FailedPrecondition(prefix + error.message) from None


def _check_members(md: Metadata, parts: Constraints) -> None:
    stored, asked = zarr3_document.to_json(md), zarr3_document.constraints_json(parts)
    if "shape" in asked:
        agreement.expect("shape", asked["shape"], stored["shape"])
    if parts.dtype is not None:
        agreement.expect("data_type", f'"{parts.dtype.name}"', f'"{md.dtype.name}"')
    if parts.chunk_shape is not None:
        agreement.expect("chunk_shape", list(parts.chunk_shape), list(md.chunk_shape))
    if parts.keys is not None:
        agreement.expect("chunk_key_encoding", asked["chunk_key_encoding"], stored["chunk_key_encoding"])
    if parts.fill is not None and parts.fill != md.fill:
        agreement.expect("fill_value", asked["fill_value"], stored["fill_value"])
    if parts.codecs is not None:
        with binding.at('Mismatch in "codecs": '):
            # codecs are merged with the array's own first, as the error texts have it
            md.codecs.merge(parts.codecs, strict=True)
    if parts.names is not None:
        agreement.expect("dimension_names", list(parts.names), list(md.names or (None,) * len(md.shape)))
    if parts.units is not None:
        mine = md.units or (None,) * len(md.shape)
        if len(parts.units) != len(mine) or any(
            a is not None and a != b for a, b in zip(parts.units, mine, strict=True)
        ):
            units = zarr3_document.units_json
            agreement.expect("dimension_units", units(parts.units), units(mine))
    for name, value in (parts.attributes or {}).items():
        if name not in md.attributes or md.attributes[name] != value:
            raise FailedPrecondition(f'Mismatch in "attributes": {_differs(name, value, md.attributes)}')
    for name, value in (parts.extra or {}).items():
        if name not in md.extra or md.extra[name] != value:
            raise FailedPrecondition(_differs(name, value, md.extra))


def _differs(name: str, wanted: Any, found: dict[str, Any]) -> str:
    shown = binding.dumps(found[name]) if name in found else "<discarded>"
    return f'Expected "{name}" of {binding.dumps(wanted)} but received: {shown}'


# ---------------------------------------------------------------- what an array is


def _layout(md: Metadata) -> ArrayLayout:
    names = md.names or (None,) * len(md.shape)
    return ArrayLayout(
        md.shape,
        md.dtype,
        md.chunk_shape,
        md.key_rule,
        md.chain,
        md.fill,
        _labels(names),
        md.units or (None,) * len(md.shape),
    )


def layout(md: Metadata, members: Members, schema: Schema | None = None) -> ArrayLayout:  # noqa: ARG001
    """Return what planning works from.

    Raises:
        InvalidArgument: two dimensions have the same name.
    """
    _no_views(members)
    return _layout(md)


def schema(md: Metadata, members: Members, request: Schema | None = None) -> Schema:
    """Return the effective schema, finalised."""
    return agreement.effective(layout(md, members, request), md.chain.finest.order, codec_spec(md))


def metadata_json(md: Metadata) -> dict[str, Any]:
    """Return the document as a JSON value."""
    return zarr3_document.to_json(md)


def resized(md: Metadata, shape: tuple[int, ...]) -> Metadata:
    """Return the metadata of another shape."""
    return replace(md, shape=shape)


# ---------------------------------------------------------------- codec specs


def _codec_json(codecs: Sequence3 | None) -> dict[str, Any]:
    return {"driver": "zarr3"} if codecs is None else {"driver": "zarr3", "codecs": codecs.to_json()}


def codec_spec(md: Metadata) -> CodecSpec:
    """Return the codec spec of an array."""
    return CodecSpec.of(_codec_json(md.codecs))


def codec_parse(json: dict[str, Any]) -> dict[str, Any]:
    """Return a zarr3 codec spec, checked and spelled out."""
    codecs = None
    if "codecs" in json:
        with binding.at_member("codecs"):
            codecs = parse(json["codecs"])
    binding.members(json, ("driver", "codecs"))
    return _codec_json(codecs)


def codec_merge(existing: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Return the zarr3 codec spec that satisfies both.

    Raises:
        FailedPrecondition: there is none.
    """
    if "codecs" not in new or "codecs" not in existing:
        return {**existing, **new}
    return _codec_json(parse(existing["codecs"]).merge(parse(new["codecs"])))


ZARR3 = Format(
    "zarr3",
    "zarr3",
    metadata_key,
    parse_members,
    members_json,
    known,
    wanted,
    decode_metadata,
    encode_metadata,
    create,
    check,
    layout,
    schema,
    metadata_json,
    codec_spec,
    resized,
    {"node_type": "array"},
)
