"""The `info` document of a Neuroglancer precomputed volume, and the constraints that a spec states on it.

What this file knows: how `multiscale_metadata`, `scale_metadata` and the members of `info` are spelled, and
which of them are believed.  What it must not know: schemas, layouts, stores.

A document describes several arrays, its *scales*, that share a data type and a number of channels.  Members
that mean nothing here (meshes, skeletons, whatever else tools keep in it) are kept as they are.

Laws: scale(scale_json(s)) == s; with one scale more, all else of a document is what it was.
Source: Neuroglancer's documentation of the precomputed format, "volume" and "sharded".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tegula import binding
from tegula.errors import FailedPrecondition, InvalidArgument
from tegula.formats import document
from tegula.record import Record
from tegula.row import NamedTuple
from tegula.schema.dtypes import DataType
from tegula.schema.dtypes import dtype as data_type

__all__ = [
    "AXES",
    "ENCODINGS",
    "NAMES",
    "OPTIONS",
    "Constraints",
    "Info",
    "Scale",
    "Sharding",
    "constraints",
    "encoding_options",
    "fits",
    "info",
    "new_info",
    "options_json",
    "scale_json",
    "sharding_json",
    "supported",
]

NAMES = ("uint8", "uint16", "uint32", "int8", "int16", "int32", "uint64", "float32")
ENCODINGS = ("raw", "png", "jpeg", "compressed_segmentation")
AXES = ("x", "y", "z", "channel")
TYPE = "neuroglancer_multiscale_volume"
SHARDED = "neuroglancer_uint64_sharded_v1"
_CHANNELS = 2**31 - 1
_FAR = 2**62 - 1

Three = tuple[int, int, int]


class Sharding(NamedTuple):
    """How chunks are put into shards; encodings are "raw" or "gzip"."""

    preshift_bits: int
    minishard_bits: int
    shard_bits: int
    hash: str
    minishard_index_encoding: str = "raw"
    data_encoding: str = "raw"


class Scale(NamedTuple):
    """One scale: sizes and offsets in voxels, the resolution in nanometres.

    `options` are those of the encoding: jpeg_quality, png_level or compressed_segmentation_block_size.
    """

    key: str
    size: Three
    offset: Three
    chunks: tuple[Three, ...]
    resolution: tuple[float, float, float]
    encoding: str
    options: tuple[tuple[str, Any], ...] = ()
    sharding: Sharding | None = None


class Info(Record):
    """A whole document; `json` is what is written."""

    kind: str
    dtype: DataType
    channels: int
    scales: tuple[Scale, ...]
    json: dict[str, Any]


class Constraints(NamedTuple):
    """What a spec says of a volume and one of its scales; None where nothing is said.

    `sharding`: None, or a tuple of the sharding asked for, empty for "not sharded".
    """

    kind: str | None = None
    dtype: DataType | None = None
    channels: int | None = None
    key: str | None = None
    size: Three | None = None
    offset: Three | None = None
    chunk: Three | None = None
    resolution: tuple[float, float, float] | None = None
    encoding: str | None = None
    options: tuple[tuple[str, Any], ...] = ()
    sharding: tuple[Sharding, ...] | None = None


# ---------------------------------------------------------------- members


class _Taking:
    """Takes members out of a JSON object, one after the other, in the order in which errors are told."""

    def __init__(self, value: Any) -> None:
        self.rest = dict(binding.mapping(value))

    def optional(self, name: str, parse: Callable[[Any], Any]) -> Any:
        if name not in self.rest:
            return None
        with binding.at_member(name):
            return parse(self.rest.pop(name))

    def required(self, name: str, what: str, parse: Callable[[Any], Any]) -> Any:
        if name not in self.rest:
            with binding.at_member(name):
                raise document.missing(what)
        return self.optional(name, parse)

    def integer(self, name: str, low: int, high: int) -> int:
        """Take a number that must be there."""
        if name not in self.rest:
            with binding.at_member(name):
                raise InvalidArgument(
                    f"Expected integer in the range [{low}, {high}], but received: <discarded>"
                )
        found: int = self.optional(name, lambda value: binding.integer(value, low, high))
        return found

    def end(self) -> None:
        binding.members(self.rest, ())


def supported(dtype: DataType) -> DataType:
    """Return a data type that the format has.

    Raises:
        InvalidArgument: it has not.
    """
    if dtype.name not in NAMES:
        names = ", ".join(NAMES)
        raise InvalidArgument(f"{dtype.name} data type is not one of the supported data types: {names}")
    return dtype


def _data_type(wanted: DataType | None = None) -> Callable[[Any], DataType]:
    """Return the parser of a data type that the format has; `wanted`: which one, None for any."""

    def parse(value: Any) -> DataType:
        name = binding.text(value)
        try:
            found = data_type(name)
        except (TypeError, ValueError):
            raise InvalidArgument(f"Unsupported data type: {binding.quoted(name)}") from None
        if wanted is not None and found is not wanted:
            raise InvalidArgument(f"Expected data type of {wanted.name} but received: {found.name}")
        return found if wanted is not None else supported(found)

    return parse


def _three(low: int, high: int) -> Callable[[Any], Three]:
    def parse(value: Any) -> Three:
        items = binding.array(value, 3)
        found = []
        for index, item in enumerate(items):
            with binding.at_position(index):
                found.append(binding.integer(item, low, high))
        return (found[0], found[1], found[2])

    return parse


_voxels = _three(-(2**63), 2**63 - 1)
_chunk = _three(1, 2**63 - 2)


def _resolution(value: Any) -> tuple[float, float, float]:
    found = []
    for index, item in enumerate(binding.array(value, 3)):
        with binding.at_position(index):
            found.append(_float(item))
    return (found[0], found[1], found[2])


def _float(value: Any) -> float:
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            pass
    return binding.number(value)


def _one_of(*values: str) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        if value not in values:
            raise binding.expected("one of " + ", ".join(map(binding.quoted, values)), value)
        return str(value)

    return parse


def _exactly(wanted: str) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        if value != wanted:
            raise binding.expected(binding.quoted(wanted), value)
        return wanted

    return parse


def _sharding(value: Any) -> tuple[Sharding, ...]:
    if value is None:
        return ()
    taking = _Taking(value)
    taking.required("@type", binding.quoted(SHARDED), _exactly(SHARDED))
    preshift = taking.integer("preshift_bits", 0, 64)
    mini = taking.integer("minishard_bits", 0, 32)
    shard = taking.integer("shard_bits", 0, 64 - mini)
    hashes = _one_of("identity", "murmurhash3_x86_128")
    found = taking.required("hash", 'one of "identity", "murmurhash3_x86_128"', hashes)
    encoding = _one_of("raw", "gzip")
    index = taking.optional("minishard_index_encoding", encoding) or "raw"
    data = taking.optional("data_encoding", encoding) or "raw"
    taking.end()
    return (Sharding(preshift, mini, shard, found, index, data),)


def sharding_json(sharding: Sharding | None) -> dict[str, Any] | None:
    """Return the JSON form of a sharding, None for none."""
    return None if sharding is None else {"@type": SHARDED, **sharding._asdict()}


OPTIONS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "jpeg_quality": ("jpeg", lambda value: binding.integer(value, 0, 100)),
    "png_level": ("png", lambda value: binding.integer(value, 0, 9)),
    "compressed_segmentation_block_size": ("compressed_segmentation", _three(1, 2**31 - 1)),
}


def encoding_options(
    rest: dict[str, Any], encoding: str | None, names: tuple[str, ...] = tuple(OPTIONS)
) -> tuple[tuple[str, Any], ...]:
    """Take the options of an encoding out of a JSON object.

    Raises:
        InvalidArgument: one is malformed, or of another encoding.
    """
    found = []
    for name in names:
        if name in rest:
            owner, parse = OPTIONS[name]
            with binding.at_member(name):
                if encoding != owner:
                    raise InvalidArgument(f'Only valid for "{owner}" encoding')
                found.append((name, parse(rest.pop(name))))
    return tuple(found)


def options_json(options: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
    """Return the JSON form of the options of an encoding."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in options}


def _region(size: Three, offset: Three) -> None:
    for length, low in zip(size, offset, strict=True):
        if length < 0 or low < -_FAR or length > _FAR or low + length > _FAR:
            raise InvalidArgument(
                f'"size" of {binding.dumps(list(size))} and "voxel_offset" of {binding.dumps(list(offset))} '
                "do not specify a valid region"
            )


# ---------------------------------------------------------------- a spec's constraints


def constraints(multiscale: Any, scale: Any, dtype: DataType | None = None) -> Constraints:
    """Return what the members `multiscale_metadata` and `scale_metadata` (None for none) say.

    `dtype` is the data type that is given beside them.

    Raises:
        InvalidArgument: they are malformed, or name another data type.
    """
    found = Constraints(dtype=dtype)
    if multiscale is not None:
        with binding.at_member("multiscale_metadata"):
            taking = _Taking(multiscale)
            found = Constraints(
                taking.optional("type", binding.text),
                taking.optional("data_type", _data_type(dtype)) or found.dtype,
                taking.optional("num_channels", lambda value: binding.integer(value, 1, _CHANNELS)),
            )
            taking.end()
    if found.dtype is not None:
        supported(found.dtype)
    if scale is not None:
        with binding.at_member("scale_metadata"):
            found = _scale_constraints(scale, found)
            if found.encoding is not None:
                _check_encoding(found.encoding, found.dtype, found.channels)
    return found


def _scale_constraints(value: Any, found: Constraints) -> Constraints:
    taking = _Taking(value)
    key = taking.optional("key", binding.text)
    resolution = taking.optional("resolution", _resolution)
    sharding = taking.optional("sharding", _sharding)
    encoding = taking.optional("encoding", _one_of(*ENCODINGS))
    options = encoding_options(taking.rest, encoding)
    size = taking.optional("size", _voxels)
    if size is None and "voxel_offset" in taking.rest:
        with binding.at_member("voxel_offset"):
            raise InvalidArgument('cannot be specified without "size"')
    offset = taking.optional("voxel_offset", _voxels)
    if size is not None:
        offset = offset or (0, 0, 0)
        _region(size, offset)
    chunk = taking.optional("chunk_size", _chunk)
    taking.end()
    return found._replace(
        key=key,
        size=size,
        offset=offset,
        chunk=chunk,
        resolution=resolution,
        encoding=encoding,
        options=options,
        sharding=sharding,
    )


# ---------------------------------------------------------------- the document


def info(json: dict[str, Any]) -> Info:
    """Return what a document says.

    Raises:
        InvalidArgument: it is not one of a volume.
    """
    taking = _Taking(json)
    taking.optional("@type", _exactly(TYPE))
    kind = taking.required("type", "string", binding.text)
    dtype = taking.required("data_type", "string", _data_type())
    channels = taking.integer("num_channels", 1, _CHANNELS)
    scales = taking.required("scales", "array", lambda value: document.sequence(value, None, _scale))
    for each in scales:
        fits(each.encoding, dtype, channels)
    return Info(kind, dtype, channels, scales, json)


def _scale(value: Any) -> Scale:
    taking = _Taking(value)
    key = taking.required("key", "string", binding.text)
    resolution = taking.required("resolution", "array", _resolution)
    (sharding,) = taking.optional("sharding", _sharding) or (None,)
    encodings = ", ".join(map(binding.quoted, ENCODINGS))
    encoding = taking.required("encoding", f"one of {encodings}", _one_of(*ENCODINGS))
    options = encoding_options(taking.rest, encoding)
    if encoding == "jpeg" and not options:
        options = (("jpeg_quality", 75),)
    if encoding == "compressed_segmentation" and not options:
        with binding.at_member("compressed_segmentation_block_size"):
            raise document.missing("array")
    size = taking.required("size", "array", _voxels)
    offset = taking.optional("voxel_offset", _voxels) or (0, 0, 0)
    _region(size, offset)
    chunks = taking.required("chunk_sizes", "array", lambda found: document.sequence(found, None, _chunk))
    if not chunks:
        raise InvalidArgument("At least one chunk size must be specified")
    if sharding is not None and len(chunks) != 1:
        raise InvalidArgument("Sharded format does not support more than one chunk size")
    return Scale(key, size, offset, chunks, resolution, encoding, options, sharding)


def fits(encoding: str, dtype: DataType, channels: int) -> None:
    """Raise FailedPrecondition where an encoding can not hold such elements."""
    try:
        _check_encoding(encoding, dtype, channels)
    except InvalidArgument as error:
        raise FailedPrecondition(error.message) from None


def _check_encoding(encoding: str, dtype: DataType | None, channels: int | None) -> None:
    """Raise InvalidArgument where an encoding can not hold such elements, as far as these are known."""
    name = None if dtype is None else dtype.name
    if encoding == "jpeg":
        if name not in (None, "uint8"):
            raise InvalidArgument(f'"jpeg" encoding only supported for uint8, not for {name}')
        if channels not in (None, 1, 3):
            raise InvalidArgument(f'"jpeg" encoding only supports 1 or 3 channels, not {channels}')
    if encoding == "png":
        if name not in (None, "uint8", "uint16"):
            raise InvalidArgument(f'"png" encoding only supported for uint8 and uint16, not for {name}')
        if channels is not None and not 1 <= channels <= 4:
            raise InvalidArgument(f'"png" encoding only supports 1 to 4 channels, not {channels}')
    if encoding == "compressed_segmentation" and name not in (None, "uint32", "uint64"):
        raise InvalidArgument(
            f"compressed_segmentation encoding only supported for uint32 and uint64, not for {name}"
        )


def scale_json(scale: Scale) -> dict[str, Any]:
    """Return the member of `scales` that a scale is."""
    found: dict[str, Any] = {
        "chunk_sizes": [list(chunk) for chunk in scale.chunks],
        "encoding": scale.encoding,
        "key": scale.key,
        "resolution": list(scale.resolution),
        "size": list(scale.size),
        "voxel_offset": list(scale.offset),
        **options_json(scale.options),
    }
    if scale.sharding is not None:
        found["sharding"] = sharding_json(scale.sharding)
    return found


def new_info(kind: str, dtype: DataType, channels: int) -> dict[str, Any]:
    """Return the document of a volume without scales.

    Raises:
        InvalidArgument: there is no such data type.
    """
    return {
        "@type": TYPE,
        "data_type": supported(dtype).name,
        "num_channels": channels,
        "scales": [],
        "type": kind,
    }
