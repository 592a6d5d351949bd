"""What one element of a zarr v3 array is stored as: an item of fields, of which a handle sees one.

What this file knows: how `data_type` spells numbers, raw bytes, structures and NumPy's types, which fill
values they have, and what the codecs are told of them.  What it must not know: chunks, schemas.

What NumPy has and the data types here have not is seen as in zarr v2 (`zarr2_item.py`): text as its code
points or bytes, times and spans of time as their numbers of units.

Laws: as of `zarr2_item.py`; an item of fill values is native, its fields one after the other.
"""

from __future__ import annotations

import json
from base64 import b64encode
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tegula import binding
from tegula.codecs.bytes import in_byte_order
from tegula.codecs.field import Part
from tegula.errors import FailedPrecondition, InvalidArgument, Unimplemented
from tegula.formats import fill
from tegula.formats.layout import element
from tegula.formats.zarr2_item import Field, Item, selected
from tegula.row import NamedTuple
from tegula.schema import dtypes
from tegula.schema.dtypes import DataType

__all__ = ["NAMES", "Kind", "named", "parse"]

NAMES = tuple(name for name in dtypes.NAMES if name not in ("char", "byte", "string", "ustring", "json"))
"""The data types that the format has names for."""
_TIMES = ("numpy.datetime64", "numpy.timedelta64")
_UNITS = ("Y", "M", "W", "D", "h", "m", "s", "ms", "us", "μs", "ns", "ps", "fs", "as", "generic")
_SIZED = ("raw_bytes", "null_terminated_bytes", "fixed_length_utf32")
_LARGEST = 2**31 - 1


class Kind(NamedTuple):
    """A data type: what a document calls it, as JSON text, and the item that this means."""

    text: str
    item: Item

    def to_json(self) -> Any:
        """Return the JSON form."""
        return json.loads(self.text)

    @property
    def told(self) -> np.dtype[Any]:
        """What the codecs are told of an item: a number, raw bytes, or a structure."""
        first = self.item.fields[0]
        if self.item.plain:
            return first.dtype.array_dtype
        if not self.item.named and first.dtype.itemsize == 1:
            return np.dtype((np.void, self.item.nbytes))
        return np.dtype([(f"f{i}", _word(each), each.inner) for i, each in enumerate(self.item.fields)])

    def default(self, members: Any) -> Field | None:
        """Return the field that members choose, of numbers always; None where none of several is chosen."""
        try:
            return self.selected(members)
        except FailedPrecondition:
            return self.item.fields[0] if self.item.plain else None

    def selected(self, members: Any) -> Field:
        """Return the field that members choose.

        Raises:
            FailedPrecondition: there is no such field, or none is chosen of several.
        """
        return selected(self.item, members.field, members.open_as_void)

    def part(self, field: Field, item: bytes) -> Part | None:
        """Return what the codecs are told of a field of an `item` of fill values, None for a number."""
        if self.item.plain and field.dtype is self.item.fields[0].dtype:
            return None
        return Part(field.dtype.array_dtype, field.inner, field.offset, item)

    def stored(self, item: bytes, big: bool) -> bytes:
        """Return an item in the byte order of a document."""
        told = self.told
        if told.fields is None:
            return (
                np.frombuffer(item, np.uint8)
                .view(told)
                .view(_native(told))
                .astype(_order(told, big))
                .tobytes()
            )
        return np.frombuffer(item, told).astype(told.newbyteorder(">" if big else "<")).tobytes()

    def filling(self, field: Field, item: bytes, big: bool) -> NDArray[Any]:
        """Return a field of an item of fill values, with its own dimensions; of raw bytes as stored."""
        if field.dtype is dtypes.byte:
            item = self.stored(item, big)
        return element(item[field.offset : field.offset + field.nbytes], field.dtype, field.inner)

    def parse_fill(self, value: Any) -> bytes:
        """Return the native item that a fill value states.

        Raises:
            InvalidArgument: it states none.
        """
        item = self.item
        if item.plain:
            if value == "NaT" and self._name in _TIMES:
                value = -(2**63)
            return fill.parse3(value, item.fields[0].dtype).tobytes()
        if not item.named:
            return self._parse_bytes(value)
        if isinstance(value, str):  # as zarr-python has it: the item as NumPy has it in memory
            data = fill.packed(value, item.nbytes)
            told = self.told
            return np.frombuffer(data, told.newbyteorder("<")).astype(told).tobytes()
        if len(item.fields) == 1 and not isinstance(value, dict):
            value = {item.fields[0].name: value}
        found = binding.mapping(value)
        parts = []
        for field, kind in zip(item.fields, self._members, strict=True):
            if field.name not in found:
                raise InvalidArgument(
                    f"Missing required field {binding.quoted(field.name)} in fill_value object"
                )
            with binding.at_member(field.name):
                given = found[field.name]
                zero = not kind.item.plain and given == 0 and not isinstance(given, (bool, str))
                parts.append(bytes(kind.item.nbytes) if zero else kind.parse_fill(given))
        return b"".join(parts)

    def _parse_bytes(self, value: Any) -> bytes:
        first, size = self.item.fields[0], self.item.nbytes
        if first.dtype is dtypes.uint32:
            points = [ord(each) for each in binding.text(value)]
            if len(points) > first.inner[0]:
                raise binding.expected(f"text of at most {first.inner[0]} characters", value)
            return np.array(points, np.uint32).tobytes().ljust(size, b"\0")
        if not isinstance(value, str):
            raise InvalidArgument("Expected base64-encoded string for raw_bytes fill_value")
        if first.dtype is dtypes.char and len(value) // 4 * 3 - value[-2:].count("=") <= size:
            size = len(value) // 4 * 3 - value[-2:].count("=")  # the zeros at the end may be left out
        return fill.packed(value, size).ljust(self.item.nbytes, b"\0")

    def show_fill(self, data: bytes) -> Any:
        """Return the fill value of a native item as JSON."""
        item = self.item
        if item.plain:
            return fill.show3(element(data, item.fields[0].dtype), item.fields[0].dtype)
        if not item.named:
            if item.fields[0].dtype is dtypes.uint32:
                return "".join(map(chr, np.frombuffer(data, np.uint32))).rstrip("\0")
            if item.fields[0].dtype is dtypes.char:
                data = data.rstrip(b"\0")
            return b64encode(data).decode()
        if self._name == "structured":
            return b64encode(self.stored(data, False)).decode()
        return {
            field.name: kind.show_fill(data[field.offset : field.offset + field.nbytes])
            for field, kind in zip(item.fields, self._members, strict=True)
        }

    @property
    def _name(self) -> str:
        found = self.to_json()
        return str(found["name"]) if isinstance(found, dict) else str(found)

    @property
    def _members(self) -> list[Kind]:
        fields = self.to_json()["configuration"]["fields"]
        return [parse(each["data_type"] if isinstance(each, dict) else each[1]) for each in fields]


def _native(told: np.dtype[Any]) -> np.dtype[Any]:
    """Return the words that have a byte order where a type has none that NumPy knows of."""
    if told.kind != "V" or told.type is np.void:
        return told
    return np.dtype(f"u{told.itemsize}")


def _order(told: np.dtype[Any], big: bool) -> np.dtype[Any]:
    return told if told.type is np.void else in_byte_order(told, big)


def _word(field: Field) -> np.dtype[Any]:
    return _native(field.dtype.array_dtype)


def named(dtype: DataType) -> Kind:
    """Return the type of numbers of a data type, one of `NAMES`."""
    return _simple(dtype.name)


@lru_cache(maxsize=64)
def _simple(name: str) -> Kind:
    field = Field("", DataType(name), False, ())
    return Kind(json.dumps(name), Item((field,), field.nbytes, False))


def parse(value: Any) -> Kind:
    """Return the data type that a JSON value spells.

    >>> parse("r16").item.fields[0].inner, parse("uint8").item.plain
    ((2,), True)

    Raises:
        InvalidArgument: the format has no such type.
        Unimplemented: it is a structure in a structure.
    """
    if isinstance(value, list):
        if not value:
            raise InvalidArgument("structured data type requires at least one field")
        return _structure("struct", value, pairs=True)
    if isinstance(value, dict):
        return _object(value)
    if not isinstance(value, str):
        raise binding.expected("array", value)
    if value in NAMES:
        return _simple(value)
    if value[:1] == "r":
        number = value[1:].isascii() and value[1:].isdecimal() and len(value) <= 10
        if not number or not int(value[1:]) or int(value[1:]) % 8:
            raise InvalidArgument(
                f"{value} data type is invalid; expected r<N> where N is a positive multiple of 8"
            )
        return _bytes(value, dtypes.byte, int(value[1:]) // 8)
    raise InvalidArgument(
        f"{value} data type is not one of the supported data types: {', '.join(NAMES)}, r<N>"
    )


def _bytes(spelled: Any, dtype: DataType, count: int) -> Kind:
    field = Field("", dtype, False, (count,))
    return Kind(json.dumps(spelled, sort_keys=True), Item((field,), field.nbytes, False))


def _object(value: dict[str, Any]) -> Kind:
    if "name" not in value or "configuration" not in value:
        raise InvalidArgument(
            "Expected string, array, or object with 'name' and 'configuration', but received: "
            + binding.dumps(value)
        )
    name = value["name"]
    if name in ("struct", "structured"):
        found = value["configuration"]
        if not isinstance(found, dict) or "fields" not in found:
            raise InvalidArgument(f"{name} data type requires 'configuration' object with 'fields' array")
        return _structure(name, binding.array(found["fields"]), pairs=name == "structured")
    if name in _SIZED:
        with binding.at_member("configuration"):
            found = binding.members(value["configuration"], ("length_bytes",))
            with binding.at_member("length_bytes"):
                size = binding.integer(found.get("length_bytes"), 1, _LARGEST)
                if name == "fixed_length_utf32" and size % 4:
                    raise binding.expected("multiple of 4", size)
        kept = {"name": name, "configuration": {"length_bytes": size}}
        if name == "fixed_length_utf32":
            return _bytes(kept, dtypes.uint32, size // 4)
        return _bytes(kept, dtypes.byte if name == "raw_bytes" else dtypes.char, size)
    if name in _TIMES:
        return _time(name, value["configuration"])
    return parse(binding.text(name))


def _time(name: str, configuration: Any) -> Kind:
    with binding.at_member("configuration"):
        found = binding.members(configuration, ("unit", "scale_factor"))
        with binding.at_member("unit"):
            if found.get("unit") not in _UNITS:
                raise binding.expected("unit of time", found.get("unit"))
        with binding.at_member("scale_factor"):
            factor = binding.integer(found.get("scale_factor", 1), 1, _LARGEST)
    spelled = {"name": name, "configuration": {"unit": found["unit"], "scale_factor": factor}}
    field = Field("", dtypes.int64, False, ())
    return Kind(json.dumps(spelled, sort_keys=True), Item((field,), 8, False))


def _structure(name: str, value: list[Any], pairs: bool) -> Kind:
    if not value:
        raise InvalidArgument(f"{name} data type requires at least one field")
    fields: list[Field] = []
    spelled: list[tuple[str, Any]] = []
    at = 0
    for index, each in enumerate(value):
        with binding.at_position(index):
            called, kind = _pair(each) if pairs else _member(each)
        if any(field.name == called for field in fields):
            raise InvalidArgument(f"Field name {binding.quoted(called)} occurs more than once")
        field = kind.item.fields[0]._replace(name=called, offset=at)
        fields.append(field)
        spelled.append((called, kind.to_json()))
        at += field.nbytes
    if name == "structured":
        found: list[Any] = [list(each) for each in spelled]
    else:
        found = [{"name": called, "data_type": kind} for called, kind in spelled]
    text = json.dumps({"name": name, "configuration": {"fields": found}}, sort_keys=True)
    return Kind(text, Item(tuple(fields), at, True))


def _pair(value: Any) -> tuple[str, Kind]:
    if not isinstance(value, list):
        raise InvalidArgument(
            "structured dtype requires fields as arrays, but received: " + binding.dumps(value)
        )
    if len(value) != 2:
        raise binding.expected("array of size 2", value)
    with binding.at_position(0):
        if not isinstance(value[0], str) or not value[0]:
            raise binding.expected("non-empty string", value[0])
    with binding.at_position(1):
        return value[0], _scalar(value[1])


def _member(value: Any) -> tuple[str, Kind]:
    if not isinstance(value, dict):
        raise InvalidArgument(
            "struct dtype requires fields as objects, but received: " + binding.dumps(value)
        )
    if not isinstance(value.get("name"), str) or not value["name"]:
        raise InvalidArgument("Field 'name' must be non-empty")
    return value["name"], _scalar(value.get("data_type"))


def _scalar(value: Any) -> Kind:
    if not isinstance(value, (str, dict)):
        raise binding.expected("string", value)
    kind = parse(value)
    if kind.item.named:
        raise Unimplemented("structures in structures are not supported")
    return kind
