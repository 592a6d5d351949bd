"""The zarr v2 array document, and the part of it that a request may state.

What this file knows: every member of `.zarray`.  What it must not know: schemas, and what a member
defaults to.

Laws: decoding what was encoded gives the same value; members of a stored document that mean nothing
here are kept.  Types of more than one field, and raw ones, are refused, not ignored.
"""

from __future__ import annotations

import re
from math import prod
from typing import Any, NamedTuple, TypeVar

import numpy as np

from tegula import binding
from tegula.codecs import compressor
from tegula.codecs.bytes import in_byte_order
from tegula.codecs.chain import CodecChain
from tegula.codecs.declare import Constraint
from tegula.errors import InvalidArgument, Unimplemented
from tegula.formats import document, fill
from tegula.formats.layout import KeyRule, element
from tegula.record import Record
from tegula.schema import dtypes
from tegula.schema.dtypes import DataType

__all__ = ["UNSET", "Constraints", "Metadata", "constraints", "constraints_json", "metadata", "to_json"]

_EXTENSIONS = frozenset(
    name for name in dtypes.NAMES if name in ("int2", "int4", "bfloat16") or name[:6] in ("float4", "float8")
)
_DTYPE = re.compile(r"([<>|])([bifucSV])(\d{1,9})", re.ASCII)
_CODES = frozenset(["b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16"])
_UNSUPPORTED = "Unsupported zarr dtype: "


class _Unset:
    """What a request does not state, where null is something to state."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNSET"

    def __reduce__(self) -> str:
        return "UNSET"


UNSET = _Unset()


class Constraints(NamedTuple):
    """What a request states of the document; None (or `UNSET`, where None means null) for what it does not.

    `dtype` is the text of the document; `filters` can only be none.
    """

    zarr_format: int | None = None
    shape: tuple[int, ...] | None = None
    chunks: tuple[int, ...] | None = None
    dtype: str | None = None
    compressor: Constraint | _Unset | None = UNSET
    fill: bytes | _Unset | None = UNSET
    order: str | None = None
    filters: Any = UNSET
    separator: str | None = None
    extra: dict[str, Any] | None = None

    @property
    def rank(self) -> int | None:
        """The number of dimensions, where anything says."""
        part = self.shape if self.shape is not None else self.chunks
        return None if part is None else len(part)

    @property
    def data_type(self) -> DataType | None:
        """The data type that `dtype` names."""
        return None if self.dtype is None else data_type(self.dtype)[0]


class Metadata(Record):
    """A whole document.

    `fill` is one native element or None; `separator` None where the document leaves it out; `extra` the
    members that mean nothing here.
    """

    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    dtype: str
    compressor: Constraint | None
    fill: bytes | None
    order: str
    separator: str | None
    extra: dict[str, Any]
    chain: CodecChain

    @property
    def data_type(self) -> DataType:
        """The data type of the elements."""
        return data_type(self.dtype)[0]

    @property
    def key_rule(self) -> KeyRule:
        """How chunks are called."""
        return KeyRule("", self.separator or ".", "0")


def data_type(text: str) -> tuple[DataType, bool]:
    """Return the data type that the text of a document names, and whether it is big-endian.

    >>> data_type(">i2")
    (dtype("int16"), True)

    Raises:
        InvalidArgument: the format has no such type.
        Unimplemented: it is raw.
    """
    if text in _EXTENSIONS:
        return DataType(text), False
    found = _DTYPE.fullmatch(text)
    if found is None:
        raise InvalidArgument(_UNSUPPORTED + binding.quoted(text))
    order, kind, size = found.groups()
    if kind in "SV":
        raise Unimplemented(f"zarr dtype {binding.quoted(text)} is not supported yet")
    if kind + size not in _CODES or (order == "|" and size != "1"):
        raise InvalidArgument(_UNSUPPORTED + binding.quoted(text))
    return DataType(np.dtype(kind + size)), order == ">"


def text_of(dtype: DataType) -> str:
    """Return the text that names a data type, little-endian.

    >>> from tegula.schema import dtypes
    >>> text_of(dtypes.int16), text_of(dtypes.bool), text_of(dtypes.bfloat16)
    ('<i2', '|b1', 'bfloat16')

    Raises:
        InvalidArgument: the format has no such type.
    """
    if dtype.name in _EXTENSIONS:
        return dtype.name
    code = f"{dtype.kind}{dtype.itemsize}"
    if code not in _CODES:
        raise InvalidArgument(f"Data type not supported: {dtype.name}")
    return ("|" if dtype.itemsize == 1 else "<") + code


# ---------------------------------------------------------------- parsing


def constraints(value: Any) -> Constraints:
    """Return what a request's `metadata` states.

    Raises:
        InvalidArgument: it is malformed.
    """
    found = _parsed(binding.mapping(value), stored=False)
    binding.members(found.extra or {}, ())
    return found


def metadata(found: dict[str, Any]) -> Metadata:
    """Return the metadata that a stored document states.

    Raises:
        InvalidArgument: it is malformed or incomplete.
    """
    return complete(_parsed(found, stored=True))


_T = TypeVar("_T")


def _given(part: _T | None) -> _T:
    assert part is not None
    return part


def complete(parts: Constraints) -> Metadata:
    """Return the metadata of constraints in which all but the separator is given.

    Raises:
        InvalidArgument: a chunk has more than 2**63 bytes.
    """
    text, chunks, order = _given(parts.dtype), _given(parts.chunks), _given(parts.order)
    assert not isinstance(parts.compressor, _Unset)
    assert not isinstance(parts.fill, _Unset)
    dtype, big = data_type(text)
    if prod(chunks) * dtype.itemsize > 2**63 - 1:
        raise InvalidArgument("Total number of bytes per chunk is too large")
    steps = () if parts.compressor is None else (compressor.step(parts.compressor, dtype.itemsize),)
    native = dtype.array_dtype
    axes = tuple(range(len(chunks)))
    chain = CodecChain(
        chunks, native, in_byte_order(native, big), axes if order == "C" else axes[::-1], steps
    )
    return Metadata(
        _given(parts.shape),
        chunks,
        text,
        parts.compressor,
        parts.fill,
        order,
        parts.separator,
        parts.extra or {},
        chain,
    )


def _parsed(found: dict[str, Any], stored: bool) -> Constraints:
    rest = dict(found)

    def member(name: str, parse: Any, absent: str = "", unset: Any = None) -> Any:
        """Return a member through `parse`; `absent` is the error of a stored document without it."""
        if name not in rest:
            if stored and absent:
                with binding.at_member(name):
                    raise InvalidArgument(absent)
            return unset
        with binding.at_member(name):
            return parse(rest.pop(name))

    array = "Expected array, but member is missing"
    zarr_format = member(
        "zarr_format",
        lambda value: binding.integer(value, 2, 2),
        "Expected integer in the range [2, 2], but received: <discarded>",
    )
    shape = member("shape", document.shape, array)
    rank = None if shape is None else len(shape)
    chunks = member("chunks", lambda value: document.shape(value, 1, rank), array)
    dtype = member("dtype", _dtype, array)
    compression = member("compressor", compressor.parse, "Expected object, but member is missing", UNSET)
    if "fill_value" in rest and dtype is None:
        with binding.at_member("fill_value"):
            raise InvalidArgument('must be specified in conjunction with "dtype"')
    filled = member("fill_value", lambda value: _fill(value, dtype), _no_fill(dtype), UNSET)
    order = member("order", _one_of("C", "F"), 'Expected one of "C", "F", but member is missing')
    filters = member("filters", _filters, "Expected null or array, but member is missing", UNSET)
    separator = member("dimension_separator", _one_of(".", "/"))
    return Constraints(
        zarr_format, shape, chunks, dtype, compression, filled, order, filters, separator, rest or None
    )


def _one_of(*allowed: str) -> Any:
    def parse(value: Any) -> str:
        if value not in allowed:
            raise binding.expected("one of " + ", ".join(f'"{one}"' for one in allowed), value)
        return str(value)

    return parse


def _dtype(value: Any) -> str:
    if isinstance(value, list):
        raise Unimplemented("structured zarr dtypes are not supported yet")
    if not isinstance(value, str):
        raise binding.expected("array", value)
    data_type(value)
    return value


def _fill(value: Any, text: str) -> bytes | None:
    dtype, big = data_type(text)
    return None if value is None else fill.parse2(value, dtype, big).tobytes()


def _no_fill(text: str | None) -> str:
    """Return the error of a document without a fill value: that of null, were null not allowed."""
    if text is None:
        return ""
    try:
        fill.parse2(None, data_type(text)[0])
    except InvalidArgument as error:
        return error.message.removesuffix("null") + "<discarded>"
    return ""


def _filters(value: Any) -> None:
    if value is not None and not isinstance(value, list):
        raise binding.expected("null or array", value)
    if value:
        raise InvalidArgument("filters are not supported")


# ---------------------------------------------------------------- printing


def constraints_json(parts: Constraints) -> dict[str, Any]:
    """Return the JSON form of constraints; what is not stated is left out."""
    found: dict[str, Any] = dict(parts.extra or {})
    if parts.zarr_format is not None:
        found["zarr_format"] = parts.zarr_format
    if parts.shape is not None:
        found["shape"] = list(parts.shape)
    if parts.chunks is not None:
        found["chunks"] = list(parts.chunks)
    if parts.dtype is not None:
        found["dtype"] = parts.dtype
        if not isinstance(parts.fill, _Unset):
            found["fill_value"] = fill_json(parts.fill, data_type(parts.dtype)[0])
    if not isinstance(parts.compressor, _Unset):
        found["compressor"] = compressor.to_json(parts.compressor)
    if parts.order is not None:
        found["order"] = parts.order
    if not isinstance(parts.filters, _Unset):
        found["filters"] = None
    if parts.separator is not None:
        found["dimension_separator"] = parts.separator
    return found


def fill_json(data: bytes | None, dtype: DataType) -> Any:
    """Return a fill value as JSON, None for none."""
    return None if data is None else fill.show2(element(data, dtype), dtype)


def to_json(md: Metadata) -> dict[str, Any]:
    """Return the document."""
    return constraints_json(
        Constraints(
            2,
            md.shape,
            md.chunks,
            md.dtype,
            md.compressor,
            md.fill,
            md.order,
            None,
            md.separator,
            md.extra,
        )
    )
