"""The N5 array document, and the part of it that a request may state.

What this file knows: every member of `attributes.json` that makes an array.  What it must not know: schemas,
and what a member defaults to.

Laws: decoding what was encoded gives the same value; members that mean nothing here are attributes, and are
kept.
"""

from __future__ import annotations

from math import prod
from typing import Any

from tegula import binding
from tegula.codecs import compressor
from tegula.codecs.bytes import in_byte_order
from tegula.codecs.chain import CodecChain
from tegula.codecs.compressor import N5
from tegula.codecs.declare import Constraint
from tegula.codecs.n5_block import N5Block
from tegula.errors import InvalidArgument
from tegula.formats import document
from tegula.record import Record
from tegula.row import NamedTuple
from tegula.schema import dtypes
from tegula.schema.constraint import braced
from tegula.schema.dtypes import DataType
from tegula.schema.units import Unit
from tegula.space.labels import check_labels

__all__ = ["NAMES", "Constraints", "Metadata", "constraints", "constraints_json", "metadata", "to_json"]

NAMES = ("uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "float32", "float64")
"""The data types that the format has names for."""


class Constraints(NamedTuple):
    """What a request states of the document; None for what it does not.

    `units` are names without numbers, which are in `resolution`; `extra` are the other members.
    """

    shape: tuple[int, ...] | None = None
    block: tuple[int, ...] | None = None
    dtype: DataType | None = None
    compression: Constraint | None = None
    axes: tuple[str, ...] | None = None
    units: tuple[str, ...] | None = None
    resolution: tuple[float, ...] | None = None
    extra: dict[str, Any] | None = None

    @property
    def rank(self) -> int | None:
        """The number of dimensions, where anything says."""
        for part in (self.shape, self.block, self.axes, self.units, self.resolution):
            if part is not None:
                return len(part)
        return None

    @property
    def scaled(self) -> tuple[Unit, ...] | None:
        """The units with their numbers; None where no unit is named."""
        if self.units is None:
            return None
        numbers = self.resolution or (1.0,) * len(self.units)
        return tuple(Unit(number, unit) for number, unit in zip(numbers, self.units, strict=True))


class Metadata(Record):
    """A whole document, and the chain that it means."""

    parts: Constraints
    chain: CodecChain

    @property
    def shape(self) -> tuple[int, ...]:
        """The size of the array."""
        assert self.parts.shape is not None
        return self.parts.shape

    @property
    def dtype(self) -> DataType:
        """The type of its elements."""
        assert self.parts.dtype is not None
        return self.parts.dtype


def constraints(value: Any) -> Constraints:
    """Return what a request's `metadata` states.

    Raises:
        InvalidArgument: it is malformed.
    """
    return _parsed(binding.mapping(value), stored=False)


def metadata(found: dict[str, Any]) -> Metadata:
    """Return the metadata that a stored document states.

    Raises:
        InvalidArgument: it is malformed or incomplete.
    """
    return complete(_parsed(found, stored=True))


def complete(parts: Constraints) -> Metadata:
    """Return the metadata of constraints in which shape, block, type and compression are given.

    Raises:
        InvalidArgument: a block has more than 2**31 bytes.
    """
    block, dtype, compression = parts.block, parts.dtype, parts.compression
    assert block is not None
    assert dtype is not None
    assert compression is not None
    native = dtype.array_dtype
    if prod(block) * native.itemsize > 2**31:
        raise InvalidArgument(
            f'"blockSize" of {braced(block)} with data type of {dtype.name} exceeds maximum chunk size of 2GB'
        )
    step = compressor.step(compression, native, N5)  # None where it is raw
    order = tuple(range(len(block)))[::-1]
    steps = (N5Block(block, native.itemsize, step),)
    return Metadata(parts, CodecChain(block, native, in_byte_order(native, True), order, steps))


# ---------------------------------------------------------------- parsing


def _parsed(found: dict[str, Any], stored: bool) -> Constraints:
    rest = dict(found)

    def member(name: str, parse: Any, absent: str = "") -> Any:
        if name not in rest:
            if stored and absent:
                with binding.at_member(name):
                    raise InvalidArgument(f"Expected {absent}, but member is missing")
            return None
        with binding.at_member(name):
            return parse(rest.pop(name))

    rank: int | None = None

    def sized(parse: Any) -> Any:
        """Return the parser of a list that has as many items as the lists before it."""

        def parsed(value: Any) -> Any:
            nonlocal rank
            made = parse(value, rank)
            rank = len(made)
            return made

        return parsed

    shape = member("dimensions", sized(lambda value, rank: document.shape(value, 0, rank)), "array")
    block = member("blockSize", sized(lambda value, rank: document.shape(value, 1, rank)), "array")
    dtype = member("dataType", _dtype, "string")
    compression = member("compression", parse_compression, "object")
    axes = member("axes", sized(_labels))
    units = member("units", sized(lambda value, rank: document.sequence(value, rank, binding.text)))
    resolution = member(
        "resolution", sized(lambda value, rank: document.sequence(value, rank, binding.number))
    )
    return Constraints(shape, block, dtype, compression, axes, units, resolution, rest or None)


def parse_compression(value: Any) -> Constraint:
    """Return the compression that a JSON object states.

    Raises:
        InvalidArgument: it is unknown or malformed.
    """
    found = compressor.parse(value, N5)
    assert found is not None
    return found


def _labels(value: Any, rank: int | None) -> tuple[str, ...]:
    labels = document.sequence(value, rank, binding.text)
    check_labels(labels)
    return labels


def _dtype(value: Any) -> DataType:
    name = binding.text(value)
    if name not in NAMES:
        known = name in dtypes.NAMES
        raise (
            unsupported(name) if known else InvalidArgument(f"Unsupported data type: {binding.quoted(name)}")
        )
    return DataType(name)


def unsupported(name: str) -> InvalidArgument:
    """Return the error of a data type that the format has no name for."""
    return InvalidArgument(f"{name} data type is not one of the supported data types: {', '.join(NAMES)}")


# ---------------------------------------------------------------- printing


def constraints_json(parts: Constraints) -> dict[str, Any]:
    """Return the JSON form of constraints; what is not stated is left out."""
    found: dict[str, Any] = dict(parts.extra or {})
    if parts.shape is not None:
        found["dimensions"] = list(parts.shape)
    if parts.block is not None:
        found["blockSize"] = list(parts.block)
    if parts.dtype is not None:
        found["dataType"] = parts.dtype.name
    if parts.compression is not None:
        found["compression"] = compressor.to_json(parts.compression, N5)
    if parts.axes is not None and any(parts.axes):
        found["axes"] = list(parts.axes)
    if parts.units is not None:
        found["units"] = list(parts.units)
    if parts.resolution is not None:
        found["resolution"] = list(parts.resolution)
    return found


def to_json(md: Metadata) -> dict[str, Any]:
    """Return the document."""
    return constraints_json(md.parts)
