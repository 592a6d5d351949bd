"""The Neuroglancer precomputed format: one scale of a volume, from a request to a document to a layout.

What this file knows: what each member defaults to, which scale is meant, and how a schema and a document
must agree.  What it must not know: stores, and how a document is spelled (`precomputed_document.py`).

The dimensions are x, y, z in voxels from the scale's offset on, and channel from 0.  Chunks hold all channels
and are stored clipped where the volume ends.  There is no fill value to speak of: missing chunks read as 0,
and chunks of zeros are not stored.

Laws: those of `format.py`.
"""

from __future__ import annotations

from typing import Any

from tegula import binding
from tegula.errors import FailedPrecondition, InvalidArgument, NotFound
from tegula.formats import precomputed_document as doc
from tegula.formats.agreement import expect
from tegula.formats.format import Several, gathered
from tegula.formats.precomputed_document import AXES, Constraints, Info, Scale, Sharding, Three
from tegula.formats.precomputed_layout import (
    DRIVER,
    ORDER,
    codec_json,
    codec_spec,
    constraint_codec,
    precise,
    units,
    written,
)
from tegula.formats.precomputed_layout import layout as layout  # a function of the format
from tegula.formats.precomputed_scales import (
    Members,
    Metadata,
    added,
    agree,
    beside,
    members_json,
    owned,
    part,
    pinned,
    put,
)
from tegula.formats.precomputed_scales import url_refusal as url_refusal  # a function of the format
from tegula.formats.precomputed_sharding import choose_sharding
from tegula.schema.choose import choose_chunk_grid, choose_chunk_shape
from tegula.schema.codecspec import CodecSpec
from tegula.schema.dtypes import DataType
from tegula.schema.layout import ChunkLayout
from tegula.schema.schema import Schema, merge_domains
from tegula.schema.units import Unit
from tegula.space.domain import IndexDomain, domain
from tegula.space.interval import END, INF

__all__ = ["PRECOMPUTED", "Members", "Metadata"]

_UNITS = f"{DRIVER} format"


def metadata_key(members: Members) -> str:  # noqa: ARG001
    """Return "info"."""
    return "info"


def parse_members(json: dict[str, Any], schema: Schema | None = None) -> Members:
    """Take the driver's own members out of a spec; the data type of `schema` is one of them.

    Raises:
        InvalidArgument: one is malformed, or the data types differ.
    """
    index = None
    if "scale_index" in json:
        with binding.at_member("scale_index"):
            value = json.pop("scale_index")
            try:
                index = binding.integer(value, 0, 2**63 - 1)
            except InvalidArgument:
                raise binding.expected("64-bit unsigned integer", value) from None
    dtype = None if schema is None else schema.dtype
    parts = doc.constraints(json.pop("multiscale_metadata", None), json.pop("scale_metadata", None), dtype)
    return Members(parts, index)


# ---------------------------------------------------------------- what a request implies


def _domain(parts: Constraints) -> IndexDomain:
    """Return what is known of the domain."""
    low, high, open_ = [-INF] * 3, [END] * 3, 0b111
    if parts.size is not None and parts.offset is not None:
        low = list(parts.offset)
        high = [a + b for a, b in zip(parts.offset, parts.size, strict=True)]
        open_ = 0
    channels = parts.channels
    upper = open_ | (0b1000 if channels is None else 0)
    return domain((*low, 0), (*high, END if channels is None else channels), AXES, open_, upper)


def known(members: Members, schema: Schema) -> Schema:
    """Return `schema` with what the members imply: data type, rank, domain.

    Raises:
        InvalidArgument: they contradict each other.
    """
    parts = members.metadata
    made = schema.copy()
    if parts.dtype is not None:
        made.set_dtype(parts.dtype)
    elif made.dtype is not None:
        doc.supported(made.dtype)
    if schema.rank not in (None, 4):
        raise InvalidArgument(
            f"Rank specified by rank (4) does not match existing rank specified by schema ({schema.rank})"
        )
    mine = _domain(parts)
    if schema.domain is not None:
        prefix = 'Error applying domain constraints from "multiscale_metadata" and "scale_metadata": '
        with binding.at(prefix):
            mine = merge_domains(schema.domain, mine)
    made.set_rank(4)
    made._domain = mine
    return made


def wanted(members: Members, schema: Schema) -> Schema:
    """Return `schema` with all that the members imply.

    Raises:
        InvalidArgument: they contradict each other.
    """
    parts = members.metadata
    made = known(members, schema)
    channels = parts.channels or 0
    options: dict[str, Any] = {
        "inner_order": ORDER,
        "grid_origin": (*(parts.offset or (None,) * 3), 0),
        "read_chunk_shape": (*(parts.chunk or (0, 0, 0)), channels),
    }
    if parts.chunk is not None and parts.sharding == ():
        options["write_chunk_shape"] = options["read_chunk_shape"]
    elif channels:
        options["write_chunk_shape"] = (0, 0, 0, channels)
    if parts.encoding == "compressed_segmentation":
        block = dict(parts.options).get("compressed_segmentation_block_size", (0, 0, 0))
        options["codec_chunk_shape"] = (*block, 1)
    made.set_layout(ChunkLayout(**options))
    codec = CodecSpec.of(constraint_codec(parts))
    made._codec = codec if schema.codec is None else codec.merge(schema.codec)
    if parts.resolution is not None:
        made.set_units(units(parts.resolution))
    return made


def _resolution(parts: Constraints, schema: Schema) -> tuple[float | None, ...] | None:
    """Return the resolution that is asked for, None for what is not said of it.

    Raises:
        InvalidArgument: units are not nanometres, or not those of the members.
    """
    units = schema.dimension_units
    if units is None:
        return parts.resolution
    shown = "[" + ", ".join("null" if u is None else binding.quoted(str(u)) for u in units) + "]"
    if units[3] is not None:
        raise InvalidArgument(
            f"Invalid dimension units {shown}: {_UNITS} does not allow units to be specified "
            "for channel dimension"
        )
    if any(unit is not None and unit.base_unit != "nm" for unit in units[:3]):
        raise InvalidArgument(
            f"Invalid dimension units {shown}: {_UNITS} requires a base unit of "
            '"nm" for the "x", "y", and "z" dimensions'
        )
    found = tuple([None if unit is None else unit.multiplier for unit in units[:3]])
    if parts.resolution is None:
        return found
    if any(a is not None and a != b for a, b in zip(found, parts.resolution, strict=True)):
        numbers = ", ".join(f"{each:g}" for each in parts.resolution)
        raise InvalidArgument(f'Dimension units {shown} do not match "resolution" in metadata: {{{numbers}}}')
    return parts.resolution


# ---------------------------------------------------------------- documents


parse_document = doc.info


def document_json(md: Metadata) -> dict[str, Any]:
    """Return the document that is stored: that of all scales."""
    return md.info.json


def found(info: Info, members: Members, schema: Schema) -> Metadata:
    """Return the scale that members and schema name: by its number, or the first that fits.

    Raises:
        NotFound: none does.
        FailedPrecondition: the scale of that number is not there, or not what is asked for.
        InvalidArgument: units are not nanometres.
    """
    agree(info, members)
    known(members, schema)
    parts = members.metadata
    resolution = _resolution(parts, schema)
    index = members.number
    if index is not None:
        if index >= len(info.scales):
            raise FailedPrecondition(f"Scale {index} does not exist, number of scales is {len(info.scales)}")
    else:
        for at, scale in enumerate(info.scales):
            if parts.key in (None, scale.key) and _same(resolution, scale.resolution):
                index = at
                break
        else:
            raise NotFound(f"No scale found matching {_asked(parts, resolution)}")
    chunks = info.scales[index].chunks
    chunk = parts.chunk if parts.chunk in chunks else chunks[0]
    md = Metadata(info, index, chunk)
    check(md, members, schema)
    return md


def _same(asked: tuple[float | None, ...] | None, stored: tuple[float, ...]) -> bool:
    return asked is None or all(a in (None, b) for a, b in zip(asked, stored, strict=True))


def _asked(parts: Constraints, resolution: tuple[float | None, ...] | None) -> str:
    said = []
    if resolution is not None and any(each is not None for each in resolution):
        units = ["null" if r is None else binding.quoted(str(Unit(r, "nm"))) for r in resolution]
        said.append(f"dimension_units=[{', '.join([*units, 'null'])}]")
    if parts.key is not None:
        said.append(f"key={binding.quoted(parts.key)}")
    return ", ".join(said)


# ---------------------------------------------------------------- a new scale


def create(members: Members, schema: Schema) -> Metadata:
    """Return the metadata of a new scale, alone in its document.

    Raises:
        InvalidArgument: something that has no default is not given, or constraints cannot be met.
        FailedPrecondition: the encoding can not hold such elements.
    """
    parts = members.metadata
    schema = known(members, schema)
    whole = schema.domain
    assert whole is not None
    if -INF in whole.inclusive_min or END in whole.exclusive_max:
        raise InvalidArgument("domain must be specified")
    dtype = schema.dtype
    if dtype is None:
        raise InvalidArgument("dtype must be specified")
    doc.supported(dtype)
    offset, size, channels = whole.inclusive_min[:3], whole.shape[:3], whole.shape[3]
    layout = _constrained(schema, whole.inclusive_min, channels)
    if parts.chunk is not None:
        layout.merge(ChunkLayout(read_chunk_shape=(*parts.chunk, 0)))
    resolution = tuple(1.0 if each is None else each for each in _resolution(parts, schema) or (None,) * 3)
    codec = CodecSpec.of(constraint_codec(parts))
    if schema.codec is not None:
        codec = codec.merge(schema.codec)
    _no_fill(schema)
    asked = codec.to_json()
    encoding = asked.get("encoding") or "raw"
    data = asked.get("shard_data_encoding")
    chunk, block, sharding = _chunks(parts, layout, whole, dtype, encoding, data)
    options = _options(encoding, asked, block)
    key = "_".join(f"{each:.6g}" for each in resolution) if parts.key is None else parts.key
    scale = Scale(key, size, offset, (chunk,), resolution, encoding, options, sharding)  # type: ignore[arg-type]
    kind = parts.kind or ("segmentation" if dtype.name in ("uint32", "uint64") else "image")
    json = doc.new_info(kind, dtype, channels)
    json["scales"] = [doc.scale_json(scale)]
    md = Metadata(Info(kind, dtype, channels, (scale,), json), 0, chunk)
    _check_layout(md, schema)
    return md


def _no_fill(schema: Schema) -> None:
    if schema.fill is not None:
        raise InvalidArgument(f"fill_value not supported by {DRIVER} format")


def _options(
    encoding: str, asked: dict[str, Any], block: tuple[int, ...] | None
) -> tuple[tuple[str, Any], ...]:
    if encoding == "jpeg":
        return (("jpeg_quality", asked.get("jpeg_quality", 75)),)
    if encoding == "png" and "png_level" in asked:
        return (("png_level", asked["png_level"]),)
    return () if block is None else (("compressed_segmentation_block_size", block),)


def _constrained(schema: Schema, origin: tuple[int, ...], channels: int) -> ChunkLayout:
    """Return the layout that the schema asks for with what the format fixes.

    Raises:
        InvalidArgument: it asks for something else.
    """
    layout = schema.chunk_layout
    layout.set_rank(4)
    with binding.at("Chunk grid origin must match domain origin: "):
        layout.merge(ChunkLayout(grid_origin=origin))
    with binding.at("Only lexicographic {channel, z, y, x} inner order is supported: "):
        order = ChunkLayout(inner_order=ORDER)
        if layout.inner_order is not None:
            layout.merge(order)
    with binding.at("Chunking of channel dimension is not supported: "):
        layout.merge(ChunkLayout(write_chunk_shape=(0, 0, 0, channels)))
        layout.merge(ChunkLayout(read_chunk_shape=(0, 0, 0, channels)))
    return layout


def _constrain_blocks(layout: ChunkLayout, encoding: str) -> None:
    """Add what an encoding fixes of the blocks in a chunk.

    Raises:
        InvalidArgument: the layout asks for something else.
    """
    if encoding == "compressed_segmentation":
        layout.merge(ChunkLayout(codec_chunk_shape=(0, 0, 0, 1)))
    elif any(size is not None for size in layout.codec_chunk.shape or ()):
        raise InvalidArgument(f"codec_chunk_shape not supported by {encoding} encoding")


def _chunks(
    parts: Constraints,
    layout: ChunkLayout,
    whole: IndexDomain,
    dtype: DataType,
    encoding: str,
    data: str | None,
) -> tuple[Three, Three | None, Sharding | None]:
    """Return the chunk shape, that of the blocks in it where the encoding has some, and the sharding.

    `data` is how chunks in shards are asked to be encoded.
    """
    settled = None not in (layout.read_chunk.shape or (None,))  # the shape is not ours to choose
    shape = choose_chunk_grid(layout, whole, "read")[1]
    sharding = parts.sharding[0] if parts.sharding else None
    if settled and sharding is not None:
        layout.merge(ChunkLayout(write_chunk_shape=written(whole.shape[:3], shape, sharding)))
    elif parts.chunk is not None and parts.sharding == ():
        layout.merge(ChunkLayout(write_chunk_shape=(*parts.chunk, 0)))
    elif parts.sharding is None:
        sharding = choose_sharding(layout.write_chunk, whole.shape[:3], shape[:3])
        if not sharding.preshift_bits and not sharding.minishard_bits and data is None:
            sharding = None
        else:
            images = encoding in ("jpeg", "png")
            sharding = sharding._replace(data_encoding=data or ("raw" if images else "gzip"))
    doc.fits(encoding, dtype, whole.shape[3])
    if data is not None and sharding is None:
        raise InvalidArgument("shard_data_encoding requires sharded format")
    block = None
    _constrain_blocks(layout, encoding)
    if encoding == "compressed_segmentation":
        said = dict(parts.options).get("compressed_segmentation_block_size")
        if said is not None:
            layout.merge(ChunkLayout(codec_chunk_shape=(*said, 0)))
        layout.merge(ChunkLayout(codec_chunk_elements_soft_constraint=512))
        found = choose_chunk_shape(layout.codec_chunk, domain((0,) * 4, shape))
        block = found[:3]
    return shape[:3], block, sharding  # type: ignore[return-value]


# ---------------------------------------------------------------- an existing scale


def check(md: Metadata, members: Members, schema: Schema) -> None:
    """Raise unless the scale is what members and schema ask for.

    Raises:
        FailedPrecondition: a member or the data type differs.
        InvalidArgument: the domain, chunk layout or codec does, or a fill value is asked for.
    """
    parts, scale, info = members.metadata, md.scale, md.info
    asked = members_json(members)
    wanted_ = asked.get("scale_metadata", {})
    agree(info, members)
    stored: dict[str, Any] = {"sharding": None, **doc.scale_json(scale)}
    for name in sorted(wanted_, key=_rank):
        value = wanted_[name]
        if name == "chunk_size":
            if parts.chunk not in scale.chunks:
                expect(name, value, stored["chunk_sizes"])
        else:
            expect(name, value, stored.get(name))
    dtype = schema.dtype
    if dtype is not None and dtype is not info.dtype:
        raise FailedPrecondition(
            f"data_type from metadata ({info.dtype.name}) does not match dtype in schema ({dtype.name})"
        )
    if schema.codec is not None:
        with binding.at("codec from metadata does not match codec in schema: "):
            codec_spec(md).merge(schema.codec)
    if schema.domain is not None:
        with binding.at("domain from metadata does not match domain in schema: "):
            merge_domains(md.domain, schema.domain)
    _check_layout(md, schema)
    _no_fill(schema)
    _resolution(Constraints(resolution=scale.resolution), schema)


_CHECKED = ("key", "encoding", *doc.OPTIONS, "resolution", "sharding", "size", "voxel_offset", "chunk_size")


def _rank(name: str) -> int:
    """Return when a member of a scale is looked at."""
    return _CHECKED.index(name)


def _check_layout(md: Metadata, schema: Schema) -> None:
    """Raise InvalidArgument unless the chunks of a scale are as the schema asks."""
    if schema.layout is None:
        return
    scale, stored = md.scale, precise(md, True)
    with binding.at("chunk layout from metadata does not match chunk layout in schema: "):
        layout = _constrained(schema, (*scale.offset, 0), md.info.channels)
        _constrain_blocks(layout, scale.encoding)
        layout.merge_grid("read", stored.grid("read"))
        layout.merge(stored)


def schema(md: Metadata, members: Members, request: Schema | None = None) -> Schema:  # noqa: ARG001
    """Return the effective schema, finalised."""
    made = Schema(dtype=md.info.dtype, domain=md.domain, codec=codec_spec(md))
    made._layout = precise(md)
    made.set_units(units(md.scale.resolution))
    return made


def metadata_json(md: Metadata, members: Members | None = None) -> dict[str, Any]:  # noqa: ARG001
    """Return the document as a JSON value."""
    return md.info.json


def resized(md: Metadata, shape: tuple[int, ...]) -> Metadata:  # noqa: ARG001
    """Refuse: a volume keeps its size."""
    raise FailedPrecondition("A precomputed volume cannot be resized")


# ---------------------------------------------------------------- codec specs


def codec_parse(json: dict[str, Any]) -> dict[str, Any]:
    """Return a codec spec, checked."""
    rest = {name: value for name, value in json.items() if name != "driver"}
    found: dict[str, Any] = {}
    for name, values in (("encoding", doc.ENCODINGS), ("shard_data_encoding", ("raw", "gzip"))):
        if name in rest:
            with binding.at_member(name):
                value = rest.pop(name)
                if value not in values:
                    raise binding.expected("one of " + ", ".join(map(binding.quoted, values)), value)
                found[name] = value
    encoding = found.get("encoding")
    options = doc.encoding_options(rest, encoding, ("jpeg_quality", "png_level"))
    binding.members(rest, ())
    return codec_json(encoding, options, found.get("shard_data_encoding"))


def codec_merge(existing: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Return the codec spec that satisfies both: members that both have must be equal."""
    for name in ("encoding", "jpeg_quality", "png_level", "shard_data_encoding"):
        if name in existing and name in new and existing[name] != new[name]:
            raise InvalidArgument(f"{binding.quoted(name)} mismatch")
    return {**existing, **new}


PRECOMPUTED = gathered(
    globals(),
    DRIVER,
    "neuroglancer-precomputed",
    None,
    Several(found, added, beside, put, owned, part, pinned),
    ("multiscale_metadata", "scale_metadata"),
)
