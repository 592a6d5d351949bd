"""Conversion of arrays between data types, element by element.

What this file knows: the value that each conversion gives, where C++ leaves it open too.  What it
must not know: which conversions may happen unasked (`dtypes.is_safe`).

    integer to integer   wraps: the low bits are kept
    float to integer     truncates toward zero, saturates at the bounds; NaN becomes 0
    number to bool       is it other than zero (NaN is)
    complex to real      the real part
    number to text       six significant digits where they read back as the same value, otherwise the
                         fewest that do
    JSON to number       numbers, and text that spells one; anything else is an error

Law: converting to a type that holds every value (`is_safe`) and back gives the same values.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from tegula import binding
from tegula.errors import InvalidArgument
from tegula.schema import dtypes
from tegula.schema.dtypes import DataType, can_convert

__all__ = ["cast", "cast_into"]


def cast(
    array: np.ndarray[Any, Any], target: DataType, source: DataType | None = None
) -> np.ndarray[Any, Any]:
    """Return `array` with its elements converted to `target`.

    `source` is the type of the elements; it may be left out unless they are Python objects.  An array
    that is of the target's type already is returned as it is.

    >>> cast(np.array([-1.9, 300.0, np.nan]), dtypes.uint8)
    array([  0, 255,   0], dtype=uint8)

    Raises:
        InvalidArgument: there is no such conversion, or an element does not allow it.
    """
    source = DataType(array.dtype) if source is None else source
    if source is target:
        return array
    if not can_convert(source, target):
        raise InvalidArgument(f"Cannot convert {source.name} -> {target.name}")
    if source.kind == "o" or target.kind == "o":
        return _through_objects(array, source, target)
    with np.errstate(all="ignore"):
        return _numeric(array, source, target)


def cast_into(
    out: np.ndarray[Any, Any], array: np.ndarray[Any, Any], target: DataType, source: DataType
) -> None:
    """Convert the elements of `array` from `source` to `target` into `out`, of the same shape.

    Law: ``out`` then equals ``cast(array, target, source)``.
    """
    plain = source.kind in "biu" and source.digits >= 1 and target.kind in "iuf" and target.itemsize >= 4
    if (plain and source.name not in ("int2", "int4")) or (
        source.kind == target.kind == "f" and min(source.itemsize, target.itemsize) >= 4
    ):  # NumPy's own conversion, without a second array
        with np.errstate(all="ignore"):
            np.copyto(out, array, casting="unsafe")
    else:
        out[...] = cast(array, target, source)


def _numeric(array: np.ndarray[Any, Any], source: DataType, target: DataType) -> np.ndarray[Any, Any]:
    wanted = target.array_dtype
    if source.kind == "r":
        return array.astype(array.dtype.newbyteorder("="), order="C").view(wanted)
    if source.kind == "c":
        if target.kind == "c":
            return array.astype(wanted)
        source = dtypes.float32 if source is dtypes.complex64 else dtypes.float64
        array = array.real
        if source is target:
            return array.copy()
    if source.kind == "i" and source.digits < 7:
        # int2 and int4 do not know every other type; int8 does
        array = array.astype(np.int8)
        if target is dtypes.int8:
            return array
    if source.kind == "f":
        # the narrow types do not know each other; float32 holds every value of each
        array = array if source.itemsize >= 4 else array.astype(np.float32)
        if target.kind == "b":
            return np.asarray(array != 0)
        if target.kind in "iu":
            return _saturated(array, target)
    if target.kind == "c" and source.itemsize == 1:
        array = array.astype(np.float32)
    if target.kind == "b" and source.itemsize == 1:
        return np.asarray(array.astype(np.int8) != 0)
    if wanted.type.__module__ == "ml_dtypes" and target.kind == "i":
        return _signed(array.astype(np.int8), target)
    found = array.astype(wanted)
    if target is dtypes.bfloat16 and source.kind == "f" and source.itemsize > 1:
        missing = array != array
        if missing.any():
            found.view(np.uint16)[missing] = _upper(array[missing])
    return found


def _upper(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the upper halves of NaNs as float32, with one bit more that says so, as the drop-in has them.

    >>> hex(_upper(np.array([np.nan], np.float32))[0])
    '0x7fe0'
    """
    bits = array.astype(np.float32).view(np.uint32)
    return (bits >> 16 | 0x20).astype(np.uint16)


def _signed(array: np.ndarray[Any, Any], target: DataType) -> np.ndarray[Any, Any]:
    """Return the low bits of an array of int8 as int2 or int4, sign-extended within each byte.

    The bytes are what is stored: NumPy's own conversion leaves the high bits at 0.

    >>> _signed(np.array([-1, 9], np.int8), dtypes.int4).tobytes()
    b'\xff\xf9'
    """
    shift = np.int8(7 - target.digits)
    return ((array << shift) >> shift).view(target.array_dtype)


def _saturated(array: np.ndarray[Any, Any], target: DataType) -> np.ndarray[Any, Any]:
    high = 2**target.digits
    low = -high if target.kind == "i" else 0
    over, under = array >= float(high), array < float(low)
    inside = np.where(over | under | (array != array), array.dtype.type(0), array)
    if target.itemsize == 1:
        inside = inside.astype(np.int16)
    small = target.digits < 7
    found = inside.astype(np.int8 if small else target.array_dtype)
    found[over] = high - 1
    found[under] = low
    return found.view(target.array_dtype) if small else found


# ---------------------------------------------------------------- text and JSON


def _through_objects(array: np.ndarray[Any, Any], source: DataType, target: DataType) -> np.ndarray[Any, Any]:
    convert = _element_converter(source, target)
    small = target.kind == "i" and target.digits < 7  # whole bytes: see `_signed`
    out = np.empty(array.shape, np.int8 if small else target.array_dtype)
    flat = out.reshape(-1)
    for index, value in enumerate(_elements(array, source)):
        flat[index] = convert(value)
    if target is dtypes.bfloat16:
        out.view(np.uint16)[out != out] |= 0x20  # as `_upper` has them
    return out.view(target.array_dtype) if small else out


def _elements(array: np.ndarray[Any, Any], source: DataType) -> list[Any]:
    if source.kind == "f" and source.itemsize < 4:
        array = array.astype(np.float32)
    elif source.kind == "i" and source.digits < 7:
        array = array.astype(np.int8)
    return array.reshape(-1).tolist()


def _element_converter(source: DataType, target: DataType) -> Any:
    if source is dtypes.json:
        return _JSON_TO.get(target.name) or _FromJson(target)
    if source.kind == "o":
        return _TEXT_TO[source.name, target.name]
    if target is dtypes.json:
        return _complex_json if source.kind == "c" else _same
    write = _NumberText(source)
    return write if target is dtypes.ustring else _Utf8(write)


def _same(value: Any) -> Any:
    return value


def _complex_json(value: complex) -> list[float]:
    return [value.real, value.imag]


def _decoded(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise InvalidArgument("Invalid UTF-8 sequence encountered") from None


def _encoded(value: str) -> bytes:
    return value.encode()


def _json_text(value: Any) -> str:
    return binding.text(value)


def _json_bytes(value: Any) -> bytes:
    return binding.text(value).encode()


_TEXT_TO = {
    ("string", "ustring"): _decoded,
    ("string", "json"): _decoded,
    ("ustring", "string"): _encoded,
    ("ustring", "json"): _same,
}


def _json_bool(value: Any) -> bool:
    return value == "true" if value in ("true", "false") else binding.boolean(value)


_JSON_TO = {"string": _json_bytes, "ustring": _json_text, "bool": _json_bool}


class _FromJson:
    """A number of the target type from a JSON value, or from text that spells one."""

    def __init__(self, target: DataType) -> None:
        self.kind = target.kind
        self.convert = target.array_dtype.type
        self.high = 2**target.digits - 1
        self.low = -self.high - 1 if target.kind == "i" else 0

    def __call__(self, value: Any) -> Any:
        found = self.parsed(value)
        return found if self.kind == "i" else self.convert(found)

    def parsed(self, value: Any) -> int | float:
        if self.kind == "f":
            real = _spelled(value, float)
            return binding.number(value if real is None else real)
        whole = _spelled(value, int)
        if whole is None or not self.low <= whole <= self.high:
            return binding.integer(value, self.low, self.high)
        return whole


N = TypeVar("N", int, float)


def _spelled(value: Any, kind: type[N]) -> N | None:
    """Return the number that text spells, or None."""
    if not isinstance(value, str) or "_" in value or not value.isascii():
        return None
    try:
        if kind is float and value.strip().lower().lstrip("+-").startswith("0x"):
            return kind(float.fromhex(value))
        return kind(value)
    except ValueError:
        return None


class _NumberText:
    """Text of a number: six significant digits, or as many as it takes to read the value back."""

    def __init__(self, source: DataType) -> None:
        self.kind = source.kind
        narrow = source.itemsize < 8 or source is dtypes.complex64
        self.round = np.float32 if narrow else np.float64

    def __call__(self, value: Any) -> str:
        if self.kind in "iu":
            return str(value)
        if self.kind == "c":
            return f"({self.real(value.real)},{self.real(value.imag)})"
        return self.real(value)

    def real(self, value: float) -> str:
        for digits in range(6, 18):
            shown = f"{value:.{digits}g}"
            if self.round(float(shown)) == self.round(value) or value != value:
                break
        return shown


class _Utf8:
    """The bytes of the text that another converter writes."""

    def __init__(self, write: _NumberText) -> None:
        self.write = write

    def __call__(self, value: Any) -> bytes:
        return self.write(value).encode()
