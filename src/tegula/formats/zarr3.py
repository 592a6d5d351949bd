"""The zarr v3 format: regular grids, from a request to a document to a layout.

What this file knows: what each member defaults to, and how a schema and a document must agree.  What it
must not know: stores, and how a document is spelled (`zarr3_document.py`).

Laws: those of `format.py`.  Where chunks to read and chunks to write are of different shapes, the codecs
are those of shards; an inner order that the codecs do not have is made by one more transpose.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from tegula import binding
from tegula.codecs.declare import Constraint
from tegula.codecs.sequence import SHARDING, Sequence3, parse
from tegula.errors import DataLoss, FailedPrecondition, InvalidArgument, TegulaError
from tegula.formats import agreement, zarr2_item, zarr3_document, zarr3_item
from tegula.formats.agreement import CREATING
from tegula.formats.fill import show3
from tegula.formats.format import gathered
from tegula.formats.layout import ArrayLayout, element
from tegula.formats.zarr2_item import Field
from tegula.formats.zarr3_document import Constraints, Metadata
from tegula.formats.zarr3_item import Kind
from tegula.record import replace
from tegula.row import NamedTuple
from tegula.schema.choose import choose_read_write_chunk_shapes
from tegula.schema.codecspec import CodecSpec
from tegula.schema.dtypes import DataType
from tegula.schema.layout import ChunkLayout
from tegula.schema.schema import Schema, merge_domains
from tegula.schema.units import Unit
from tegula.space.domain import IndexDomain

__all__ = ["ZARR3", "Members"]


parse_document, document_json = zarr3_document.metadata, partial(zarr3_document.to_json, brief=True)


class Members(NamedTuple):
    """What a zarr3 spec says beyond the schema."""

    metadata: Constraints = Constraints()
    field: str = ""
    open_as_void: bool = False


def metadata_key(members: Members) -> str:  # noqa: ARG001
    """Return "zarr.json"."""
    return "zarr.json"


def parse_members(json: dict[str, Any], schema: Schema | None = None) -> Members:
    """Take the driver's own members out of a spec.

    Raises:
        InvalidArgument: one is malformed, or its chunks are not of the rank of `schema`.
    """
    metadata = Constraints()
    if "metadata" in json:
        with binding.at_member("metadata"):
            metadata = zarr3_document.constraints(json.pop("metadata"))
    made = Members(metadata, *zarr2_item.asked(json))
    if schema is not None and schema.rank is not None and not _names_dimensions(metadata):
        rank, field = metadata.rank, _field(made)
        if rank is not None and (
            rank > schema.rank if field is None else rank + len(field.inner) != schema.rank
        ):
            raise _incompatible(schema)
    return made


def members_json(members: Members, every: bool = False) -> dict[str, Any]:
    """Return the members of a spec; those that are unset are left out, and what goes without saying."""
    found: dict[str, Any] = {}
    metadata = zarr3_document.constraints_json(members.metadata, every=every)
    if metadata:
        found["metadata"] = metadata
    return found | zarr2_item.asked_json(members.field, members.open_as_void)


def _field(members: Members) -> Field | None:
    """Return the field that a request is of, as far as it says."""
    kind = members.metadata.dtype
    return None if kind is None else kind.default(members)


def _names_dimensions(parts: Constraints) -> bool:
    """Tell whether a request says of each dimension what it is: so many there are."""
    return parts.shape is not None or parts.names is not None


def _incompatible(schema: Schema) -> InvalidArgument:
    return InvalidArgument(f"Rank specified by schema ({schema.rank}) is not compatible with metadata")


def _domain(
    parts: Constraints, schema: Schema, total: int | None, inner: tuple[int, ...]
) -> IndexDomain | None:
    """Return what is known of the domain: from 0, to the shape where that is known; None for nothing.

    Names label it, those that repeat do not.  `total` is its rank, where that is known; `inner` are the sizes
    of the elements' own dimensions.
    """
    if total is None:
        return None
    rank = max(total - len(inner), parts.rank or 0)
    if rank and schema.domain is None and not _names_dimensions(parts):
        return None
    if total < len(inner):
        raise _incompatible(schema)
    names = (*agreement.unique(parts.names or ()), *("",) * len(inner))
    sizes = parts.shape if parts.shape is not None else (2**63,) * rank
    mine = agreement.sizes_domain(sizes, names if any(names) else None, inner)
    if schema.domain is None:
        return mine
    with binding.at("Mismatch between metadata and schema: "):
        try:
            return merge_domains(schema.domain, mine)
        except InvalidArgument as error:
            raise FailedPrecondition(error.message) from None


def known(members: Members, schema: Schema) -> Schema:
    """Return `schema` with what the members imply: data type, rank, domain.

    Raises:
        InvalidArgument: they contradict each other, or the format has no such type.
        FailedPrecondition: the domains do.
    """
    parts, field = members.metadata, _field(members)
    if field is None and members.open_as_void:
        return agreement.known(schema, None, None)  # of how many dimensions is not known
    if field is not None and schema.dtype is not None:
        schema = schema.copy()
        schema.set_dtype(field.dtype)  # a contradiction of types is told before one of domains
    if schema.dtype is not None and (field is None or field.dtype is not schema.dtype):
        _check_named(schema.dtype)
    inner = () if field is None else field.inner
    rank = schema.rank
    settled = field is not None or _names_dimensions(parts)  # else elements may have dimensions of their own
    if parts.rank is not None and settled:
        rank = parts.rank + len(inner)
    if _names_dimensions(parts) and schema.rank not in (None, rank):
        raise _other_rank(schema.rank, rank)
    wanted = _domain(parts, schema, rank, inner)
    return agreement.known(schema, None if field is None else field.dtype, wanted, rank, inner)


def _check_named(dtype: DataType) -> None:
    """Raise InvalidArgument unless the format has numbers of that type, or bytes to see others as."""
    if dtype.name not in zarr3_document.NAMES:
        raise _unsupported(dtype)


def wanted(members: Members, schema: Schema) -> Schema:
    """Return `schema` with all that the members imply.

    Raises:
        InvalidArgument, FailedPrecondition: they contradict each other.
    """
    parts = members.metadata
    made, field = known(members, schema), _field(members)
    if field is None and members.open_as_void:
        return made
    inner = () if field is None else field.inner
    rank, order, read, write = made.rank, None, None, None
    if rank is None and parts.rank is not None:
        rank = parts.rank + len(inner)
    outer = None if rank is None else rank - len(inner)
    own = () if rank is None or outer is None else tuple(range(outer, rank))
    # without codecs the chunks that are read are not known
    sharded = parts.codecs is None or parts.codecs.height > 0
    if parts.codecs is not None and outer is not None:
        parts.codecs.check_rank(outer)
        if parts.codecs.innermost.layout is not None:
            order = (*parts.codecs.order(outer), *own)
        # the drop-in tells of the chunks that are read only where there is a codec before the sharding
        if parts.chunk_shape is not None and parts.codecs.array:
            read = parts.codecs.read_shape(outer)
            read = None if read is None else (*read, *inner)
    if parts.chunk_shape is not None:
        write = (*parts.chunk_shape, *inner)
    codec = CodecSpec.of(_codec_json(parts.codecs))
    fill = (
        parts.fill
        if parts.dtype is not None and parts.dtype.item.plain and not members.open_as_void
        else None
    )
    units = None if parts.units is None else (*parts.units, *(None,) * len(inner))
    return agreement.implied(made, rank, write, order, codec, fill, units, read, sharded)


def _unsupported(dtype: DataType) -> InvalidArgument:
    names = ", ".join(zarr3_document.NAMES)
    return InvalidArgument(f"{dtype.name} data type is not one of the supported data types: {names}")


def _other_rank(schema: int | None, metadata: int | None) -> FailedPrecondition:
    return FailedPrecondition(
        f"Rank specified by schema ({schema}) does not match rank specified by metadata ({metadata})"
    )


# ---------------------------------------------------------------- a new array


def create(members: Members, schema: Schema) -> Metadata:
    """Return the metadata of a new array.

    Raises:
        InvalidArgument: something that has no default is not given, or constraints cannot be met.
        FailedPrecondition: members and schema contradict each other.
    """
    with binding.at(CREATING):
        for name in ("field", "open_as_void"):
            if getattr(members, name) and members.metadata.dtype is None:
                raise InvalidArgument(f'"dtype" must be specified in "metadata" if "{name}" is specified')
        if members.metadata.dtype is not None:
            members.metadata.dtype.selected(members)
        elif schema.dtype is not None and schema.dtype.name not in zarr3_document.NAMES:
            raise InvalidArgument(f"Data type not supported: {schema.dtype.name}")
        made = _created(members, known(members, schema))
    settled = known(members, schema).copy()
    settled._codec = None  # it is met; the inner order may have added to it
    check(made, members, settled)
    return made


def _created(members: Members, schema: Schema) -> Metadata:
    parts = members.metadata
    if schema.dtype is None:
        raise InvalidArgument("dtype must be specified")
    if parts.dtype is None:
        _check_named(schema.dtype)
    dtype = parts.dtype or zarr3_item.named(schema.dtype)
    field = dtype.selected(members)
    inner = field.inner
    wanted = schema.domain
    shape = agreement.shape_of(wanted)
    assert wanted is not None
    rank = len(shape) - len(inner)
    shape = shape[:rank]
    if parts.chunk_shape is not None and len(parts.chunk_shape) != rank:
        raise InvalidArgument(
            f"Rank of constraints ({len(parts.chunk_shape)}) does not match rank of domain ({rank})"
        )
    if parts.codecs is not None:
        parts.codecs.check_rank(rank)
    codecs = _requested(parts.codecs, schema.codec)
    read, chunk_shape, order = _chunks(parts, schema, wanted, codecs, inner)
    fill = _fill(parts, schema, dtype, field)
    codecs = _ordered(codecs, parts.codecs, schema, order, rank)
    if read != chunk_shape and not codecs.height:
        inside = (("chunk_shape", read), ("codecs", codecs))
        codecs = Sequence3(layout=Constraint(SHARDING, inside))
    part = dtype.part(field, fill)
    codecs, _ = codecs.resolve(dtype.told, chunk_shape, fill, read, part=part)
    names = parts.names
    if names is None and any(wanted.labels[:rank]):
        names = tuple(label or None for label in wanted.labels[:rank])
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
            _units(parts, schema, rank),
            parts.extra,
        )
    )


def _fill(parts: Constraints, schema: Schema, dtype: Kind, field: Field) -> bytes:
    """Return the item of fill values that members and schema settle together, zeros where neither does."""
    item = dtype.item
    if item.named and schema.fill is not None:
        raise InvalidArgument("Cannot specify fill_value through schema for structured zarr data type")
    if parts.fill is not None:
        _agree_fill(parts.fill, dtype, field, schema, False)
        return parts.fill
    if schema.fill is None:
        return bytes(item.nbytes)
    if field.inner:
        found = agreement.spread(schema, field.dtype, field.inner)
        return dtype.stored(found, False) if item.plain else found
    return agreement.new_fill(schema, field.dtype) or bytes(item.nbytes)


def _agree_fill(fill: bytes, dtype: Kind, field: Field, schema: Schema, big: bool) -> None:
    """Raise FailedPrecondition unless the schema's fill value is the field's of an item of fill values."""
    found = dtype.filling(field, fill, big).tobytes()
    if not field.inner:
        agreement.agree_fill(schema, field.dtype, found, FailedPrecondition, _shown_fill)
    elif schema.fill is not None and agreement.spread(schema, field.dtype, field.inner) != found:
        raise FailedPrecondition("Invalid fill_value: schema requires another than metadata specifies")


def _shown_fill(data: bytes, dtype: DataType) -> str:
    return binding.dumps(show3(element(data, dtype), dtype))


def _chunks(
    parts: Constraints, schema: Schema, wanted: IndexDomain, codecs: Sequence3, own: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...] | None]:
    """Return the shapes of chunks to read and to write, and the inner order where one is asked for.

    `own` are the sizes of the elements' own dimensions, which chunks are never cut along.
    """
    rank = wanted.rank
    outer = rank - len(own)
    asked: tuple[int | None, ...] | None = parts.chunk_shape
    if own:
        asked = (*(parts.chunk_shape or (None,) * outer), *own)
    layout = agreement.constrained(schema, asked, rank, sharded=True)
    inner = codecs.read_shape(outer)
    inner = None if inner is None else (*inner, *own)
    if not rank:
        return (), (), None
    if parts.codecs is not None and not codecs.height:
        if parts.chunk_shape is not None:
            layout.merge_grid("read", layout.grid("write"))
        layout.merge_grid("write", layout.grid("read"))
        layout.merge_grid("read", layout.grid("write"))
    hard = [size for size in layout.write_chunk.shape or () if size]
    stated = None if parts.codecs is None or not parts.codecs.states_all else parts.codecs.read_shape(outer)
    if stated is not None:
        layout.merge(ChunkLayout(read_chunk_shape=(*stated, *own)))
    if inner is not None and len(hard) == rank:
        choose_read_write_chunk_shapes(layout, wanted)  # what the layout alone contradicts is told first
    if inner is not None and len(hard) == rank and any(b % a for a, b in zip(inner, hard, strict=True)):
        read, write = inner, tuple(hard)  # the codecs say what is wrong with them
    else:
        if inner is not None:
            layout.merge(ChunkLayout(read_chunk_shape=inner))
        read, write = choose_read_write_chunk_shapes(layout, wanted)
    if own:
        read = (*read[:outer], *own)
    order = layout.inner_order or layout.inner_order_soft_constraint
    if order is not None and own:
        if order[outer:] != tuple(range(outer, rank)):
            if layout.inner_order is not None:
                raise InvalidArgument(f'Invalid "inner_order" constraint: {_braced(order)}')
            order = tuple(range(rank))
        order = order[:outer]
    return read[:outer], write[:outer], order


def _ordered(
    codecs: Sequence3, mine: Sequence3 | None, schema: Schema, order: tuple[int, ...] | None, rank: int
) -> Sequence3:
    """Return the codecs with a transpose more, where the inner order asks for one.

    What the members say is the order, `mine`, is all of it where they go on to the bytes.

    Raises:
        InvalidArgument: the members say another order.
    """
    if order is None or not rank:
        return codecs
    hard = schema.chunk_layout.inner_order
    if mine is not None and mine.innermost.layout is not None:
        stated = mine.order(rank)
        if hard not in (None, stated):
            raise InvalidArgument(
                "Error setting inner_order: New hard constraint "
                f"({_braced(stated)}) does not match existing hard constraint ({_braced(hard or ())})"
            )
        order = stated
    found = codecs.order(rank)
    if found == order:
        return codecs
    last = codecs.innermost
    more = Constraint("transpose", (("order", tuple(found.index(dim) for dim in order)),))
    return codecs.with_innermost(last._replace(array=(*last.array, more)))


def _braced(order: tuple[int, ...]) -> str:
    return "{" + ", ".join(map(str, order)) + "}"


def _requested(mine: Sequence3 | None, codec: CodecSpec | None) -> Sequence3:
    spec = CodecSpec.of(_codec_json(mine))
    if codec is not None:
        spec = spec.merge(codec)
    return parse(spec.to_json().get("codecs", []))


def _units(parts: Constraints, schema: Schema, rank: int) -> tuple[Unit | None, ...] | None:
    """Return the units of members and schema together, None where there are none."""
    found = schema.dimension_units
    if parts.units is not None:
        own = (None,) * ((schema.rank or rank) - len(parts.units))
        with binding.at("Invalid dimension_units: "):
            both = Schema()
            both.set_units((*parts.units, *own))
            if found is not None:
                both.set_units(found)
        found = both.dimension_units
    found = None if found is None else found[:rank]
    return found if found is not None and any(unit is not None for unit in found) else None


# ---------------------------------------------------------------- an existing array


def check(md: Metadata, members: Members, schema: Schema) -> None:
    """Raise unless the array is what members and schema ask for.

    Raises:
        FailedPrecondition: a member, the data type, domain, codec, units or fill value differs.
        InvalidArgument: the chunk layout does.
    """
    field = md.dtype.selected(members)
    if members.metadata != Constraints():
        _check_members(md, members.metadata)
    dtype, rank = schema.dtype, schema.rank
    if dtype is not None and dtype is not field.dtype:
        raise FailedPrecondition(
            f"data_type from metadata ({field.dtype.name}) does not match dtype in schema ({dtype.name})"
        )
    found = _layout(md, field)
    if rank is not None and rank != found.rank:
        raise _other_rank(rank, found.rank)
    if schema.domain is not None:
        _agree("Mismatch between metadata and schema: ", merge_domains, schema.domain, found.domain)
    if schema.layout is not None:
        finest = found.chain.finest
        layout = agreement.constrained(schema, found.chunk_shape, found.rank, sharded=True)
        layout.merge(agreement.precise(found.chunk_shape, finest.order, finest.chunk_shape))
    _agree_fill(md.fill, md.dtype, field, schema, md.big)
    if schema.codec is not None:
        with binding.at("codec from metadata does not match codec in schema: "):
            codec_spec(md).merge(schema.codec)
    if schema.dimension_units is not None and md.units is not None:
        held = Schema(dimension_units=found.units)
        prefix = "dimension_units from metadata does not match dimension_units in schema: "
        _agree(prefix, held.set_units, schema.dimension_units)


def _agree(prefix: str, function: Any, *arguments: Any) -> None:
    try:
        function(*arguments)
    except TegulaError as error:
        raise FailedPrecondition(prefix + error.message) from None


def _check_members(md: Metadata, parts: Constraints) -> None:
    stored, asked = zarr3_document.to_json(md), zarr3_document.constraints_json(parts)
    if parts.dtype is not None and parts.dtype.item != md.dtype.item:
        shown = (binding.dumps(each) for each in (parts.dtype.to_json(), md.dtype.to_json()))
        agreement.expect("data_type", *shown)
    if "shape" in asked:
        agreement.expect("shape", asked["shape"], stored["shape"])
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
        names = md.names or (None,) * len(md.shape)
        if parts.names != names:
            told = (
                "[" + ",".join("<discarded>" if name is None else binding.quoted(name) for name in each) + "]"
                for each in (parts.names, names)
            )
            raise FailedPrecondition('Expected "dimension_names" of {} but received: {}'.format(*told))
    if parts.units is not None:
        mine = md.units or (None,) * len(md.shape)
        if len(parts.units) != len(mine) or any(
            a is not None and a != b for a, b in zip(parts.units, mine, strict=True)
        ):
            units = zarr3_document.units_json
            agreement.expect("dimension_units", units(parts.units), units(mine))
    for name, value in (parts.attributes or {}).items():
        if name not in md.attributes or not binding.equal(md.attributes[name], value):
            raise FailedPrecondition(f'Mismatch in "attributes": {_differs(name, value, md.attributes)}')
    for name, value in (parts.extra or {}).items():
        if name not in md.extra or not binding.equal(md.extra[name], value):
            raise FailedPrecondition(_differs(name, value, md.extra))


def _differs(name: str, wanted: Any, found: dict[str, Any]) -> str:
    shown = binding.dumps(found[name]) if name in found else "<discarded>"
    return f'Expected "{name}" of {binding.dumps(wanted)} but received: {shown}'


# ---------------------------------------------------------------- what an array is


def _layout(md: Metadata, field: Field) -> ArrayLayout:
    own = len(field.inner)
    names = md.names or (None,) * len(md.shape)
    return ArrayLayout(
        (*md.shape, *field.inner),
        field.dtype,
        (*md.chunk_shape, *field.inner),
        md.key_rule(own),
        md.chain_of(field),
        md.filling(field).tobytes(),
        (*agreement.unique(names), *("",) * own),
        (*(md.units or (None,) * len(md.shape)), *(None,) * own),
        own,
    )


def layout(md: Metadata, members: Members, schema: Schema | None = None) -> ArrayLayout:  # noqa: ARG001
    """Return what planning works from.

    Raises:
        FailedPrecondition: the field that the members choose is not there.
    """
    return _layout(md, md.dtype.selected(members))


def schema(md: Metadata, members: Members, request: Schema | None = None) -> Schema:
    """Return the effective schema, finalised."""
    made = layout(md, members, request)
    return agreement.effective(made, made.chain.finest.order, codec_spec(md))


def metadata_json(md: Metadata, members: Members | None = None) -> dict[str, Any]:  # noqa: ARG001
    """Return the document as a JSON value."""
    return zarr3_document.to_json(md)


def resized(md: Metadata, shape: tuple[int, ...]) -> Metadata:
    """Return the metadata of another shape."""
    return replace(md, shape=shape[: len(md.shape)])


def url_refusal(members: Members) -> str | None:
    """Return why an array has no URL, None where it has one."""
    return zarr2_item.url_refusal("zarr3", members.field, members.open_as_void)


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


ZARR3 = gathered(globals(), "zarr3", "zarr3", {"node_type": "array"}, invalid=DataLoss)
