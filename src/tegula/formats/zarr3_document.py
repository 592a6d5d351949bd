"""The zarr v3 array document, and the part of it that a request may state.

What this file knows: every member of `zarr.json`, and in which order they are looked at.  What it must not
know: schemas, and what a member defaults to.

Laws: decoding what was encoded gives the same value; members that nobody must understand are kept.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tegula import binding
from tegula.codecs import sequence
from tegula.codecs.chain import CodecChain
from tegula.codecs.field import Part
from tegula.codecs.sequence import Sequence3
from tegula.errors import InvalidArgument
from tegula.formats import document, zarr3_item
from tegula.formats.layout import KeyRule
from tegula.formats.zarr2_item import Field
from tegula.formats.zarr3_item import NAMES, Kind
from tegula.record import Record
from tegula.row import NamedTuple
from tegula.schema.units import Unit

__all__ = ["NAMES", "Constraints", "Metadata", "constraints", "constraints_json", "metadata", "to_json"]

_SEPARATORS = {"default": "/", "v2": "."}


class Constraints(NamedTuple):
    """What a request states of the document; None for what it does not."""

    zarr_format: int | None = None
    shape: tuple[int, ...] | None = None
    dtype: Kind | None = None
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

    `keys` is the name of the key encoding and its separator; `fill` one native item; `attributes` are
    those besides the units; `extra` the members that nobody must understand.
    """

    shape: tuple[int, ...]
    dtype: Kind
    chunk_shape: tuple[int, ...]
    keys: tuple[str, str]
    codecs: Sequence3
    fill: bytes
    attributes: dict[str, Any]
    names: tuple[str | None, ...] | None
    units: tuple[Unit | None, ...] | None
    extra: dict[str, Any]
    chain: CodecChain

    def key_rule(self, inner: int = 0) -> KeyRule:
        """How chunks are called where the field has `inner` dimensions of its own."""
        name, separator = self.keys
        if name == "default":
            return KeyRule(f"c{separator}", separator, "c", inner)
        return KeyRule("", separator, "0", inner)

    @property
    def big(self) -> bool:
        """Whether the elements are stored with their largest byte first; what a filter takes is native."""
        part = self.codecs
        while part.inner is not None:
            part = part.inner
        if any(each.name != "transpose" for each in part.array):
            return False
        return part.layout is not None and dict(part.layout.members).get("endian") == "big"

    def filling(self, field: Field) -> NDArray[Any]:
        """Return a field of the fill value, of the shape of its own dimensions and native."""
        return self.dtype.filling(field, self.fill, self.big)

    def chain_of(self, field: Field) -> CodecChain:
        """Return how a chunk is stored, of items that are one field."""
        if self.dtype.part(field, self.fill) is None:
            return self.chain
        return _seen(
            self.codecs, self.dtype, self.chunk_shape, self.fill, field, self.filling(field).tobytes()
        )


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
    fill = _given(parts.fill)
    # a structure without a chosen field is looked at whole
    part = None if dtype.item.plain else Part(_BYTE, (dtype.item.nbytes,), 0, fill)
    chain = codecs.resolve(dtype.told, chunk_shape, fill, stored=stored, part=part)[1]
    names = parts.names
    return Metadata(
        _given(parts.shape),
        dtype,
        chunk_shape,
        _given(parts.keys),
        codecs,
        fill,
        parts.attributes or {},
        names if names is not None and any(name is not None for name in names) else None,
        parts.units,
        parts.extra or {},
        chain,
    )


@lru_cache(maxsize=64)
def _seen(
    codecs: Sequence3, dtype: Kind, chunk_shape: tuple[int, ...], item: bytes, field: Field, fill: bytes
) -> CodecChain:
    part = dtype.part(field, item)
    return codecs.resolve(dtype.told, chunk_shape, fill, part=part)[1]


_T = TypeVar("_T")
_BYTE = np.dtype("V1")


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
    dtype = member("data_type", zarr3_item.parse, "Expected array, but member is missing")
    if "fill_value" in rest and dtype is None:
        with binding.at_member("fill_value"):
            raise InvalidArgument('must be specified in conjunction with "data_type"')
    if stored and "fill_value" not in rest:
        with binding.at_member("fill_value"):
            raise _no_fill(dtype)
    filled = member("fill_value", lambda value: _given(dtype).parse_fill(value))
    shape = member("shape", document.shape, "Expected array, but member is missing")
    ranks = [] if shape is None else [len(shape)]

    def ranked(parse: Any) -> Any:
        def parse_ranked(value: Any) -> Any:
            result = parse(value, ranks[0] if ranks else None)
            if result is not None and not ranks:
                ranks.append(len(result))
            return result

        return parse_ranked

    names = member("dimension_names", ranked(_names))
    keys = member("chunk_key_encoding", _key_encoding, "Expected object, but member is missing")
    chunks = member("chunk_grid", ranked(_chunk_grid), "Expected object, but member is missing")
    codecs = member(
        "codecs", lambda value: sequence.parse(value, stored), "Expected array, but member is missing"
    )
    member("storage_transformers", _transformers)
    attributes, units = member("attributes", ranked_attributes(ranks)) or (None, None)
    for name, value in sorted(rest.items()):
        if not isinstance(value, dict) or value.get("must_understand") is not False:
            raise InvalidArgument(
                f"Unsupported metadata field {binding.quoted(name)} "
                'is not marked {"must_understand": false}'
            )
    return Constraints(
        zarr_format, shape, dtype, chunks, keys, codecs, filled, attributes, names, units, rest or None
    )


def _no_fill(dtype: Kind) -> InvalidArgument:
    """Return the error of a document without a fill value: the one that no value of the type escapes."""
    try:
        dtype.parse_fill(None)
    except InvalidArgument as error:
        return InvalidArgument(error.message.removesuffix("null") + "<discarded>")
    raise AssertionError("null is no fill value")


def _node_type(value: Any) -> str:
    if value != "array":
        raise binding.expected('"array"', value)
    return "array"


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


def constraints_json(parts: Constraints, brief: bool = False, every: bool = False) -> dict[str, Any]:
    """Return the JSON form of constraints; what is not stated is left out.

    `brief` leaves out what a stored document leaves out; `every` names what goes without saying.
    """
    found: dict[str, Any] = dict(parts.extra or {})
    if parts.zarr_format is not None:
        found["zarr_format"] = parts.zarr_format
    if parts.shape is not None:
        found["shape"] = list(parts.shape)
    if parts.dtype is not None:
        found["data_type"] = parts.dtype.to_json()
        if parts.fill is not None:
            found["fill_value"] = parts.dtype.show_fill(parts.fill)
    if parts.chunk_shape is not None:
        grid = {"chunk_shape": list(parts.chunk_shape)}
        found["chunk_grid"] = {"name": "regular", "configuration": grid}
    if parts.keys is not None:
        found["chunk_key_encoding"] = keys_json(parts.keys, every)
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


def keys_json(keys: tuple[str, str], every: bool = False) -> dict[str, Any]:
    """Return a key encoding; the separator is left out where it is the usual one, unless `every`.

    >>> keys_json(("v2", "/"))
    {'name': 'v2', 'configuration': {'separator': '/'}}
    """
    name, separator = keys
    if separator == _SEPARATORS[name] and not every:
        return {"name": name}
    return {"name": name, "configuration": {"separator": separator}}


def units_json(units: tuple[Unit | None, ...]) -> list[str | None]:
    """Return units as texts."""
    return [None if unit is None else str(unit) for unit in units]
