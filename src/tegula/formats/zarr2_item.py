"""What one element of a zarr v2 array is stored as: an item of fields, of which a handle sees one.

What this file knows: how `dtype` spells scalars, strings of bytes and structures, and where each field
lies in an item.  What it must not know: chunks, fill values, schemas.

A dtype is a text, or a tuple of (name, text, shape) for a structure.  A field has dimensions of its own
(`inner`), which follow those of the array and are never cut into chunks.

What NumPy has and the data types here have not is seen as what is stored of it: text as its code points
(uint32), times and spans of time as their numbers of units (int64).

Laws: the fields follow each other without gaps; `to_json` is what was parsed.
"""

from __future__ import annotations

import re
from math import prod
from typing import Any, TypeAlias

import numpy as np

from tegula import binding
from tegula.errors import FailedPrecondition, InvalidArgument, Unimplemented
from tegula.row import NamedTuple
from tegula.schema import dtypes
from tegula.schema.constraint import braced
from tegula.schema.dtypes import DataType

__all__ = [
    "Field",
    "Item",
    "Spelled",
    "asked",
    "asked_json",
    "item",
    "parse",
    "scalar",
    "selected",
    "text_of",
    "to_json",
    "url_refusal",
]

Spelled: TypeAlias = str | tuple[tuple[str, str, tuple[int, ...] | None], ...]

_EXTENSIONS = frozenset(
    name for name in dtypes.NAMES if name in ("int2", "int4", "bfloat16") or name[:6] in ("float4", "float8")
)
_DTYPE = re.compile(r"([<>|])([bifucSV])(\d{1,9})", re.ASCII)
_TIME = re.compile(r"[<>][Mm]8(\[[1-9]?\d{0,8}(Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as|generic)\])?", re.ASCII)
_TEXT = re.compile(r"[<>]U(\d{1,9})", re.ASCII)
_CODES = frozenset(["b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16"])
_UNSUPPORTED = "Unsupported zarr dtype: "


class Field(NamedTuple):
    """One field: its elements' type and byte order, its own dimensions, and its first byte in the item."""

    name: str
    dtype: DataType
    big: bool
    inner: tuple[int, ...]
    offset: int = 0

    @property
    def nbytes(self) -> int:
        """How many bytes of the item are the field's."""
        return self.dtype.itemsize * prod(self.inner)


class Item(NamedTuple):
    """What is stored for one index of the array; `named`: it is a structure."""

    fields: tuple[Field, ...]
    nbytes: int
    named: bool

    @property
    def text(self) -> bool:
        """Whether it is text of code points, with a fill value that is text."""
        return not self.named and bool(self.fields[0].inner) and self.fields[0].dtype is dtypes.uint32

    @property
    def plain(self) -> bool:
        """Whether it is one scalar, with a fill value that is a number."""
        return not self.named and not self.fields[0].inner


def scalar(text: str) -> Field:
    """Return the field that the text of a document names.

    >>> scalar(">i2")
    Field(name='', dtype=dtype("int16"), big=True, inner=(), offset=0)
    >>> scalar("|S3")
    Field(name='', dtype=dtype("char"), big=False, inner=(3,), offset=0)
    >>> scalar("<U4").dtype, scalar("<U4").inner, scalar(">M8[ns]").dtype
    (dtype("uint32"), (4,), dtype("int64"))

    Raises:
        InvalidArgument: the format has no such type.
        Unimplemented: it has no bytes.
    """
    if text in _EXTENSIONS:
        return Field("", DataType(text), False, ())
    if _TIME.fullmatch(text):
        return Field("", dtypes.int64, text[0] == ">", ())
    points = _TEXT.fullmatch(text)
    if points is not None:
        if not int(points[1]):
            raise Unimplemented(f"zarr dtype {binding.quoted(text)} is not supported: it has no bytes")
        return Field("", dtypes.uint32, text[0] == ">", (int(points[1]),))
    found = _DTYPE.fullmatch(text)
    if found is None:
        raise InvalidArgument(_UNSUPPORTED + binding.quoted(text))
    order, kind, size = found.groups()
    if kind in "SV":
        if not int(size):
            raise Unimplemented(f"zarr dtype {binding.quoted(text)} is not supported: it has no bytes")
        return Field("", dtypes.char if kind == "S" else dtypes.byte, False, (int(size),))
    if kind + size not in _CODES or (order == "|" and size != "1"):
        raise InvalidArgument(_UNSUPPORTED + binding.quoted(text))
    return Field("", DataType(np.dtype(kind + size)), order == ">", ())


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


def parse(value: Any) -> Spelled:
    """Return the dtype that a JSON value spells.

    Raises:
        InvalidArgument, Unimplemented: it spells none.
    """
    if isinstance(value, str):
        scalar(value)
        return value
    if not isinstance(value, list):
        raise binding.expected("array", value)
    found = []
    for index, each in enumerate(value):
        with binding.at_position(index):
            found.append(_field(each))
    spelled = tuple(found)
    item(spelled)
    return spelled


def _field(value: Any) -> tuple[str, str, tuple[int, ...] | None]:
    if not isinstance(value, list):
        raise binding.expected("array", value)
    if len(value) not in (2, 3):
        raise binding.expected("array of size 2 or 3", value)
    with binding.at_position(0):
        if not isinstance(value[0], str) or not value[0]:
            raise binding.expected("non-empty string", value[0])
    with binding.at_position(1):
        text = binding.text(value[1])
        scalar(text)
    if len(value) == 2:
        return value[0], text, None
    with binding.at_position(2):
        if not isinstance(value[2], list):
            raise binding.expected("array", value[2])
        sizes = []
        for index, size in enumerate(value[2]):
            with binding.at_position(index):
                sizes.append(binding.integer(size, 1, 2**62 - 1))
    return value[0], text, tuple(sizes)


def to_json(spelled: Spelled) -> Any:
    """Return a dtype as JSON.

    >>> to_json((("x", "<u2", (2, 3)), ("y", "|i1", None)))
    [['x', '<u2', [2, 3]], ['y', '|i1']]
    """
    if isinstance(spelled, str):
        return spelled
    return [[name, text] if not shape else [name, text, list(shape)] for name, text, shape in spelled]


def item(spelled: Spelled) -> Item:
    """Return the item that a dtype describes.

    >>> item((("x", "<u2", (2, 3)), ("y", "|i1", None))).nbytes
    13

    Raises:
        InvalidArgument: two fields have one name, or it has more than 2**63 bytes.
    """
    if isinstance(spelled, str):
        field = scalar(spelled)
        return Item((field,), field.nbytes, False)
    fields: list[Field] = []
    at = 0
    for name, text, shape in spelled:
        if any(field.name == name for field in fields):
            raise InvalidArgument(f"Field name {binding.quoted(name)} occurs more than once")
        kind = scalar(text)
        field = Field(name, kind.dtype, kind.big, (*(shape or ()), *kind.inner), at)
        if field.nbytes > 2**63 - 1:
            raise InvalidArgument(f"Product of dimensions {braced(field.inner)} is too large")
        fields.append(field)
        at += field.nbytes
    if at > 2**63 - 1:
        raise InvalidArgument("Total number of bytes per chunk is too large")
    return Item(tuple(fields), at, True)


def asked(json: dict[str, Any]) -> tuple[str, bool]:
    """Take out of a specification which field is asked for, empty for none, and whether all bytes are.

    >>> asked({"field": "x"}), asked({"open_as_void": True})
    (('x', False), ('', True))

    Raises:
        InvalidArgument: a member is malformed, or both are asked for.
    """
    name, void = "", False
    if "field" in json:
        with binding.at_member("field"):
            name = binding.text(json.pop("field"))
    if "open_as_void" in json:
        with binding.at_member("open_as_void"):
            void = binding.boolean(json.pop("open_as_void"))
    if name and void:
        raise InvalidArgument('"field" and "open_as_void" are mutually exclusive')
    return name, void


def asked_json(name: str, void: bool) -> dict[str, Any]:
    """Return the members of a specification from which `asked` gives the same.

    >>> asked_json("x", False), asked_json("", True)
    ({'field': 'x'}, {'open_as_void': True})
    """
    return ({"field": name} if name else {}) | ({"open_as_void": True} if void else {})


def url_refusal(scheme: str, name: str, void: bool) -> str | None:
    """Return why what is asked for has no URL, None where it has one.

    >>> url_refusal("zarr3", "", True)
    'zarr3 URL syntax not supported with open_as_void specified'
    """
    told = "selected_field" if name else "open_as_void" if void else None
    return None if told is None else f"{scheme} URL syntax not supported with {told} specified"


def selected(found: Item, name: str, void: bool) -> Field:
    """Return the field that a handle sees: all bytes (`void`), the named one, or the only one.

    Raises:
        FailedPrecondition: there is no such field, or none is named where there are several.
    """
    if void:
        return Field("", dtypes.byte, False, (found.nbytes,))
    if not found.named:
        if name:
            raise FailedPrecondition(f'Requested field "{name}" but dtype does not have named fields')
        return found.fields[0]
    if not name and len(found.fields) == 1:
        return found.fields[0]
    names = binding.dumps([field.name for field in found.fields])
    if not name:
        raise FailedPrecondition(f'Must specify a "field" that is one of: {names}')
    for field in found.fields:
        if field.name == name:
            return field
    raise FailedPrecondition(f'Requested field "{name}" is not one of: {names}')
