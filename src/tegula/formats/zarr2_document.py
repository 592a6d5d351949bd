"""The zarr v2 array document, and the part of it that a request may state.

What this file knows: every member of `.zarray`.  What it must not know: schemas, and what a member
defaults to.

Laws: decoding what was encoded gives the same value; members of a stored document that mean nothing
here are kept.
"""

from __future__ import annotations

from base64 import b64encode
from math import prod
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tegula import binding
from tegula.codecs import compressor
from tegula.codecs.bytes import in_byte_order
from tegula.codecs.chain import CodecChain
from tegula.codecs.codec import ByteCodec
from tegula.codecs.declare import Constraint
from tegula.codecs.field import FieldStep
from tegula.errors import InvalidArgument, ResourceExhausted
from tegula.formats import document, fill, zarr2_item
from tegula.formats.layout import KeyRule, element
from tegula.formats.zarr2_item import Field, Item, Spelled
from tegula.record import Record
from tegula.row import NamedTuple
from tegula.schema.constraint import braced
from tegula.schema.dtypes import char

__all__ = ["UNSET", "Constraints", "Metadata", "constraints", "constraints_json", "metadata", "to_json"]


MOST = 2**31 - 1  # bytes of an item of which one field is read


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

    `dtype` is what the document spells.
    """

    zarr_format: int | None = None
    shape: tuple[int, ...] | None = None
    chunks: tuple[int, ...] | None = None
    dtype: Spelled | None = None
    compressor: Constraint | _Unset | None = UNSET
    fill: bytes | _Unset | None = UNSET
    order: str | None = None
    filters: tuple[Constraint, ...] | _Unset | None = UNSET
    separator: str | None = None
    extra: dict[str, Any] | None = None

    @property
    def rank(self) -> int | None:
        """The number of dimensions, where anything says."""
        part = self.shape if self.shape is not None else self.chunks
        return None if part is None else len(part)

    @property
    def item(self) -> Item | None:
        """The item that `dtype` describes."""
        return None if self.dtype is None else zarr2_item.item(self.dtype)


class Metadata(Record):
    """A whole document.

    `fill` is one item or None: a scalar in native byte order, anything else as stored; `separator` None
    where the document leaves it out; `extra` the members that mean nothing here.  `names` are those of the
    dimensions, which stand in another document (`zarr2_names.py`).
    """

    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    dtype: Spelled
    compressor: Constraint | None
    fill: bytes | None
    order: str
    filters: tuple[Constraint, ...] | None
    separator: str | None
    extra: dict[str, Any]
    item: Item
    names: tuple[str, ...] = ()

    def key_rule(self, inner: int, separator: str) -> KeyRule:
        """How chunks are called where the field has `inner` dimensions of its own."""
        return KeyRule("", separator, "0", inner)

    @property
    def axes(self) -> tuple[int, ...]:
        """The order in which items are stored."""
        axes = tuple(range(len(self.chunks)))
        return axes if self.order == "C" else axes[::-1]

    def chain(self, field: Field) -> CodecChain:
        """Return how a chunk is stored, of items that are one field."""
        rank, native = len(self.chunks), field.dtype.array_dtype
        order = (*self.axes, *range(rank, rank + len(field.inner)))
        stored = in_byte_order(native, field.big)
        whole = field.nbytes == self.item.nbytes and not field.inner
        steps: tuple[ByteCodec, ...] = ()
        if field.nbytes != self.item.nbytes:
            if self.item.nbytes > MOST:
                raise ResourceExhausted(f"Items of {self.item.nbytes} bytes exceed the limit of {MOST}")
            blank = bytes(self.item.nbytes) if self.fill is None else self.fill
            steps = (FieldStep(field.offset, field.nbytes, blank),)
        codecs = (*(self.filters or ()), *(() if self.compressor is None else (self.compressor,)))
        if codecs:
            steps = (
                *steps,
                *compressor.steps(codecs, stored if whole else np.dtype((np.void, self.item.nbytes))),
            )
        return CodecChain((*self.chunks, *field.inner), native, stored, order, steps)

    def filling(self, field: Field) -> NDArray[Any] | None:
        """Return a field of the fill value, of the shape of its own dimensions and native."""
        if self.fill is None:
            return None
        native = field.dtype.array_dtype
        data = self.fill
        if self.item.plain:
            if field.dtype is self.item.fields[0].dtype:
                return element(data, field.dtype)
            scalar = self.item.fields[0]
            native_scalar = scalar.dtype.array_dtype
            data = element(data, scalar.dtype).astype(in_byte_order(native_scalar, scalar.big)).tobytes()
        part = np.frombuffer(data[field.offset : field.offset + field.nbytes], np.uint8)
        stored = in_byte_order(native, field.big)
        part = part.view(stored).astype(stored.newbyteorder("=")).view(native)
        return part.reshape(field.inner)


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
    assert parts.dtype is not None
    text, chunks, order = parts.dtype, _given(parts.chunks), _given(parts.order)
    assert not isinstance(parts.compressor, _Unset)
    assert not isinstance(parts.fill, _Unset)
    assert not isinstance(parts.filters, _Unset)
    item = zarr2_item.item(text)
    if prod(chunks) > 2**63 - 1:
        raise InvalidArgument(f"Product of chunk dimensions {braced(chunks)} is too large")
    if prod(chunks) * item.nbytes > 2**63 - 1:
        raise InvalidArgument("Total number of bytes per chunk is too large")
    return Metadata(
        _given(parts.shape),
        chunks,
        text,
        parts.compressor,
        parts.fill,
        order,
        parts.filters,
        parts.separator,
        parts.extra or {},
        item,
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
    dtype = member("dtype", zarr2_item.parse, array)
    compression = member("compressor", compressor.parse, "Expected object, but member is missing", UNSET)
    if "fill_value" in rest and dtype is None:
        with binding.at_member("fill_value"):
            raise InvalidArgument('must be specified in conjunction with "dtype"')
    filled = member("fill_value", lambda value: _fill(value, dtype), _no_fill(dtype), UNSET)
    order = member("order", _one_of("C", "F"), 'Expected one of "C", "F", but member is missing')
    filters = member(
        "filters", compressor.parse_filters, "Expected null or array, but member is missing", UNSET
    )
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


def _fill(value: Any, spelled: Spelled) -> bytes | None:
    found = zarr2_item.item(spelled)
    if value is None:
        return None
    if found.text:
        return _points(value, found.fields[0])
    if value == "NaT" and isinstance(spelled, str) and spelled[1] in "Mm":
        value = -(2**63)
    if not found.plain:
        if value == "" and not found.named and found.fields[0].dtype is char:
            return bytes(found.nbytes)  # zarr-python's empty text
        return fill.packed(value, found.nbytes)
    return fill.parse2(value, found.fields[0].dtype, found.fields[0].big).tobytes()


def _points(value: Any, field: Field) -> bytes:
    """Return the code points of a text as they are stored, padded with zeros."""
    try:
        data = binding.text(value).encode("utf-32-be" if field.big else "utf-32-le")
    except UnicodeEncodeError:
        data = b"\0" * (field.nbytes + 1)
    if len(data) > field.nbytes:
        raise binding.expected(f"text of at most {field.inner[0]} characters", value)
    return data.ljust(field.nbytes, b"\0")


def _no_fill(text: Spelled | None) -> str:
    """Return the error of a document without a fill value: that of null, were null not allowed."""
    if text is None:
        return ""
    found = zarr2_item.item(text)
    if not found.plain:
        return f"Expected {found.nbytes} base64-encoded bytes, but received: <discarded>"
    try:
        fill.parse2(None, found.fields[0].dtype)
    except InvalidArgument as error:
        return error.message.removesuffix("null") + "<discarded>"
    return "Expected a fill value, but member is missing"


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
        found["dtype"] = zarr2_item.to_json(parts.dtype)
        if not isinstance(parts.fill, _Unset):
            found["fill_value"] = fill_json(parts.fill, zarr2_item.item(parts.dtype))
    if not isinstance(parts.compressor, _Unset):
        found["compressor"] = compressor.to_json(parts.compressor)
    if parts.order is not None:
        found["order"] = parts.order
    if not isinstance(parts.filters, _Unset):
        found["filters"] = filters_json(parts.filters)
    if parts.separator is not None:
        found["dimension_separator"] = parts.separator
    return found


def filters_json(filters: tuple[Constraint, ...] | None) -> list[Any] | None:
    """Return filters as JSON, None for none."""
    return None if filters is None else [compressor.to_json(each) for each in filters]


def fill_json(data: bytes | None, item: Item) -> Any:
    """Return a fill value as JSON, None for none."""
    if data is None:
        return None
    if item.text:
        text = data.decode("utf-32-be" if item.fields[0].big else "utf-32-le", "replace")
        return text.rstrip("\0")
    if not item.plain:
        return b64encode(data).decode()
    return fill.show2(element(data, item.fields[0].dtype), item.fields[0].dtype)


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
            md.filters,
            md.separator,
            md.extra,
        )
    )
