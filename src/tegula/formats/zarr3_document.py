"""The zarr v3 array document, and the part of it that a request may state.

What this file knows: every member of `zarr.json`.  What it must not know: schemas, and what a member
defaults to.

Laws: decoding what was encoded gives the same value; members that nobody must understand are kept.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

from tegula import binding
from tegula.codecs import sequence
from tegula.codecs.chain import CodecChain
from tegula.codecs.sequence import Sequence3
from tegula.errors import InvalidArgument, Unimplemented
from tegula.formats import document, fill
from tegula.formats.layout import KeyRule, element
from tegula.record import Record
from tegula.schema import dtypes
from tegula.schema.dtypes import DataType
from tegula.schema.units import Unit

__all__ = ["NAMES", "Constraints", "Metadata", "constraints", "constraints_json", "metadata", "to_json"]

NAMES = tuple(name for name in dtypes.NAMES if name not in ("char", "byte", "string", "ustring", "json"))
"""The data types that the format has names for."""
_SEPARATORS = {"default": "/", "v2": "."}


class Constraints(NamedTuple):
    """What a request states of the document; None for what it does not."""

    zarr_format: int | None = None
    shape: tuple[int, ...] | None = None
    dtype: DataType | None = None
    chunk_shape: tuple[int, ...] | None = None
    keys: tuple[str, str] | None = None
    codecs: Sequence3 | None = None
    fill: bytes | None = None
    attributes: dict[str, Any] | None = None
    names: tuple[str | None, ...] | None = None
    units: tuple[Unit | None, ...] | None = None
    extra: dict[str, Any] | None = None

    @property
    def rank(self) -> int | None:
        """The number of dimensions, where anything says."""
        for part in (self.shape, self.chunk_shape, self.names, self.units):
            if part is not None:
                return len(part)
        return None


class Metadata(Record):
    """A whole document.

    `keys` is the name of the key encoding and its separator; `fill` one native element; `attributes` are
    those besides the units; `extra` the members that nobody must understand.
    """

    shape: tuple[int, ...]
    dtype: DataType
    chunk_shape: tuple[int, ...]
    keys: tuple[str, str]
    codecs: Sequence3
    fill: bytes
    attributes: dict[str, Any]
    names: tuple[str | None, ...] | None
    units: tuple[Unit | None, ...] | None
    extra: dict[str, Any]
    chain: CodecChain

    @property
    def key_rule(self) -> KeyRule:
        """How chunks are called."""
        name, separator = self.keys
        if name == "default":
            return KeyRule(f"c{separator}", separator, "c")
        return KeyRule("", separator, "0")


# ---------------------------------------------------------------- parsing


def constraints(value: Any) -> Constraints:
    """Return what a request's `metadata` states.

    Raises:
        InvalidArgument: it is malformed.
    """
    found = binding.mapping(value)
    return _parsed(found, stored=False)


def metadata(found: dict[str, Any]) -> Metadata:
    """Return the metadata that a stored document states.

    Raises:
        InvalidArgument: it is malformed or incomplete.
    """
    return complete(_parsed(found, stored=True), stored=True)


def complete(parts: Constraints, stored: bool = False) -> Metadata:
    """Return the metadata of constraints in which shape, type, chunks, keys, codecs and fill are given."""
    dtype, chunk_shape, codecs = _given(parts.dtype), _given(parts.chunk_shape), _given(parts.codecs)
    chain = codecs.resolve(dtype.array_dtype, chunk_shape, parts.fill, stored=stored)[1]
    names = parts.names
    return Metadata(
        _given(parts.shape),
        dtype,
        chunk_shape,
        _given(parts.keys),
        codecs,
        _given(parts.fill),
        parts.attributes or {},
        names if names is not None and any(name is not None for name in names) else None,
        parts.units,
        parts.extra or {},
        chain,
    )


_T = TypeVar("_T")


def _given(part: _T | None) -> _T:
    assert part is not None
    return part


def _parsed(found: dict[str, Any], stored: bool) -> Constraints:
    rest = dict(found)

    def member(name: str, parse: Any, absent: str = "") -> Any:
        """Return a member through `parse`; `absent` is the error of a stored document without it."""
        if name not in rest:
            if stored and absent:
                with binding.at_member(name):
                    raise InvalidArgument(absent)
            return None
        with binding.at_member(name):
            return parse(rest.pop(name))

    zarr_format = member(
        "zarr_format",
        lambda value: binding.integer(value, 3, 3),
        "Expected integer in the range [3, 3], but received: <discarded>",
    )
    member("node_type", _node_type, 'Expected "array", but member is missing')
    shape = member("shape", document.shape, "Expected array, but member is missing")
    dtype = member("data_type", parse_dtype, "Expected array, but member is missing")
    ranks = [] if shape is None else [len(shape)]

    def ranked(parse: Any) -> Any:
        def parse_ranked(value: Any) -> Any:
            result = parse(value, ranks[0] if ranks else None)
            if result is not None and not ranks:
                ranks.append(len(result))
            return result

        return parse_ranked

    names = member("dimension_names", ranked(_names))
    chunks = member("chunk_grid", ranked(_chunk_grid), "Expected object, but member is missing")
    keys = member("chunk_key_encoding", _key_encoding, "Expected object, but member is missing")
    codecs = member(
        "codecs", lambda value: sequence.parse(value, stored), "Expected array, but member is missing"
    )
    if "fill_value" in rest and dtype is None:
        with binding.at_member("fill_value"):
            raise InvalidArgument('must be specified in conjunction with "data_type"')
    if stored and "fill_value" not in rest:
        with binding.at_member("fill_value"):
            raise _no_fill(dtype)
    filled = member("fill_value", lambda value: fill.parse3(value, dtype).tobytes())
    attributes, units = member("attributes", ranked_attributes(ranks)) or (None, None)
    member("storage_transformers", _transformers)
    for name, value in sorted(rest.items()):
        if not isinstance(value, dict) or value.get("must_understand") is not False:
            raise InvalidArgument(
                f"Unsupported metadata field {binding.quoted(name)} "
                'is not marked {"must_understand": false}'
            )
    return Constraints(
        zarr_format, shape, dtype, chunks, keys, codecs, filled, attributes, names, units, rest or None
    )


def _no_fill(dtype: DataType) -> InvalidArgument:
    """Return the error of a document without a fill value: the one that no value of the type escapes."""
    try:
        fill.parse3(None, dtype)
    except InvalidArgument as error:
        return InvalidArgument(error.message.removesuffix("null") + "<discarded>")
    raise AssertionError("null is no fill value")


def _node_type(value: Any) -> str:
    if value != "array":
        raise binding.expected('"array"', value)
    return "array"


def parse_dtype(value: Any) -> DataType:
    """Return the data type of a document; a name, or an object with a name and a configuration.

    Raises:
        InvalidArgument: the format has no such type.
        Unimplemented: it is raw or structured.
    """
    if isinstance(value, dict):
        if "name" not in value or "configuration" not in value:
            raise InvalidArgument(
                "Expected string, array, or object with 'name' and 'configuration', but received: "
                + binding.dumps(value)
            )
        if value["name"] in ("struct", "structured", "raw_bytes"):
            raise Unimplemented(f"{value['name']} data types are not supported yet")
        value = value["name"]
    if isinstance(value, list):
        raise Unimplemented("structured data types are not supported yet")
    if not isinstance(value, str):
        raise binding.expected("array", value)
    if value not in NAMES:
        if value[:1] == "r" and value[1:].isdecimal():
            if int(value[1:6]) % 8 or not int(value[1:6]) or len(value) > 6:
                raise InvalidArgument(
                    f"{value} data type is invalid; expected r<N> where N is a positive multiple of 8"
                )
            raise Unimplemented("raw data types are not supported yet")
        raise InvalidArgument(
            f"{value} data type is not one of the supported data types: {', '.join(NAMES)}, r<N>"
        )
    return DataType(value)


def _chunk_grid(value: Any, rank: int | None) -> tuple[int, ...]:
    found = binding.mapping(value)
    with binding.at_member("name"):
        if "name" not in found:
            raise document.missing('"regular"')
        if found["name"] != "regular":
            raise binding.expected('"regular"', found["name"])
    with binding.at_member("configuration"):
        if "configuration" not in found:
            raise document.missing("object")
        inner = binding.mapping(found["configuration"])
        with binding.at_member("chunk_shape"):
            if "chunk_shape" not in inner:
                raise document.missing("array")
            shape = document.shape(inner["chunk_shape"], 1, rank)
        binding.members(inner, ("chunk_shape",))
    binding.members(found, ("name", "configuration"))
    return shape


def _key_encoding(value: Any) -> tuple[str, str]:
    found = binding.mapping(value)
    with binding.at_member("name"):
        if "name" not in found:
            raise document.missing('one of "default", "v2"')
        name = found["name"]
        if not isinstance(name, str) or name not in _SEPARATORS:
            raise binding.expected('one of "default", "v2"', name)
    separator = _SEPARATORS[name]
    with binding.at_member("configuration"):
        inner = binding.mapping(found.get("configuration", {}))
        if "separator" in inner:
            with binding.at_member("separator"):
                separator = inner["separator"]
                if separator not in (".", "/"):
                    raise binding.expected('one of ".", "/"', separator)
        binding.members(inner, ("separator",))
    binding.members(found, ("name", "configuration"))
    return name, separator


def _name(value: Any) -> str | None:
    return None if value is None else binding.text(value)


def _names(value: Any, rank: int | None) -> tuple[str | None, ...]:
    return document.sequence(value, rank, _name)


def _unit(value: Any) -> Unit | None:
    return None if value is None else Unit(binding.text(value))


def ranked_attributes(ranks: list[int]) -> Any:
    """Return the parser of attributes for a rank that may be known."""

    def parse(value: Any) -> tuple[dict[str, Any], tuple[Unit | None, ...] | None]:
        found = dict(binding.mapping(value))
        units = None
        if "dimension_units" in found:
            with binding.at_member("dimension_units"):
                rank = ranks[0] if ranks else None
                units = document.sequence(found.pop("dimension_units"), rank, _unit)
        return found, units

    return parse


def _transformers(value: Any) -> None:
    if binding.array(value):
        raise InvalidArgument("No storage transformers supported")


# ---------------------------------------------------------------- printing


def constraints_json(parts: Constraints, brief: bool = False) -> dict[str, Any]:
    """Return the JSON form of constraints; what is not stated is left out.

    `brief` leaves out what a stored document leaves out.
    """
    found: dict[str, Any] = dict(parts.extra or {})
    if parts.zarr_format is not None:
        found["zarr_format"] = parts.zarr_format
    if parts.shape is not None:
        found["shape"] = list(parts.shape)
    if parts.dtype is not None:
        found["data_type"] = parts.dtype.name
        if parts.fill is not None:
            found["fill_value"] = fill.show3(element(parts.fill, parts.dtype), parts.dtype)
    if parts.chunk_shape is not None:
        grid = {"chunk_shape": list(parts.chunk_shape)}
        found["chunk_grid"] = {"name": "regular", "configuration": grid}
    if parts.keys is not None:
        found["chunk_key_encoding"] = keys_json(parts.keys)
    if parts.codecs is not None:
        found["codecs"] = parts.codecs.to_json(brief)
    if parts.names is not None and any(name is not None for name in parts.names):
        found["dimension_names"] = list(parts.names)
    attributes = dict(parts.attributes or {})
    if parts.units is not None:
        attributes["dimension_units"] = units_json(parts.units)
    if attributes:
        found["attributes"] = attributes
    if found:
        found["node_type"] = "array"
    return found


def to_json(md: Metadata, brief: bool = False) -> dict[str, Any]:
    """Return the document; `brief` as it is stored."""
    parts = Constraints(
        3,
        md.shape,
        md.dtype,
        md.chunk_shape,
        md.keys,
        md.codecs,
        md.fill,
        md.attributes,
        md.names,
        md.units,
        md.extra,
    )
    return constraints_json(parts, brief)


def keys_json(keys: tuple[str, str]) -> dict[str, Any]:
    """Return a key encoding; the separator is left out where it is the usual one.

    >>> keys_json(("v2", "/"))
    {'name': 'v2', 'configuration': {'separator': '/'}}
    """
    name, separator = keys
    if separator == _SEPARATORS[name]:
        return {"name": name}
    return {"name": name, "configuration": {"separator": separator}}


def units_json(units: tuple[Unit | None, ...]) -> list[str | None]:
    """Return units as texts."""
    return [None if unit is None else str(unit) for unit in units]
