"""Fill values: one element as JSON, in the words of zarr v3 and of zarr v2.

What this file knows: which JSON value stands for an element of a type.  What it must not know: where in
a document it stands, or which is the default.

An element is a read-only array without dimensions here.  Laws: parse(show(x)) is x bit for bit in zarr
v3 (a NaN with an unusual payload is spelled as bits), and up to the payload of a NaN in zarr v2.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tegula import binding
from tegula.errors import InvalidArgument
from tegula.schema.dtypes import DataType, float32, float64

__all__ = ["packed", "parse2", "parse3", "show2", "show3"]

_NAMED = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
_AS_BYTES = ("float4_e2m1fn",)
_POWERS = ("float8_e8m0fnu",)
"""Types without a zero: their smallest number, of no bit set, stands for it, as the drop-in has it."""
_HEX = re.compile(r"0x[0-9a-fA-F]+")


def parse3(value: Any, dtype: DataType) -> NDArray[Any]:
    """Return the element that a zarr v3 fill value states.

    >>> from tegula.schema import dtypes
    >>> parse3("0x7fc00001", dtypes.float32).view("u4")
    array(2143289345, dtype=uint32)

    Raises:
        InvalidArgument: it is none of the type's.
    """
    if dtype.kind == "f":
        return _float3(value, dtype)
    if dtype.kind == "c":
        return _complex(binding.array(value, 2), dtype, _float3)
    return _whole(value, dtype)


def parse2(value: Any, dtype: DataType, big: bool = False) -> NDArray[Any]:
    """Return the element that a zarr v2 fill value states; `big`: the array's byte order.

    Bytes in base64 stand for a number of four bits, as the drop-in has it.

    Raises:
        InvalidArgument: it is none of the type's.
    """
    if dtype.name in _AS_BYTES:
        return _encoded(value, dtype, big)
    if dtype.kind == "f":
        return _float2(value, dtype)
    if dtype.kind == "c":
        if isinstance(value, list):
            return _complex(binding.array(value, 2), dtype, _float2)
        return _encoded(value, dtype, big)
    return _whole(value, dtype)


def show3(element: NDArray[Any], dtype: DataType) -> Any:
    """Return the zarr v3 fill value of an element.

    >>> from tegula.schema import dtypes
    >>> show3(np.array(float("nan")), dtypes.float64), show3(np.array(1 + 2j), dtypes.complex128)
    ('NaN', [1.0, 2.0])
    """
    if dtype.kind == "c":
        return _parts(element, dtype, show3)
    if dtype.kind == "f":
        number = _number(element, dtype)
        if number != number and _bits(element) != _bits(_float_array(float("nan"), dtype)):
            return f"0x{_bits(element):0{2 * dtype.itemsize}x}"
        return _named(number)
    return bool(element) if dtype.kind == "b" else int(element)


def show2(element: NDArray[Any], dtype: DataType) -> Any:
    """Return the zarr v2 fill value of an element."""
    if dtype.name in _AS_BYTES:
        return b64encode(element.tobytes()).decode()
    if dtype.kind == "c":
        return _parts(element, dtype, show2)
    if dtype.kind == "f":
        return _named(_number(element, dtype))
    return bool(element) if dtype.kind == "b" else int(element)


def _number(element: NDArray[Any], dtype: DataType) -> float:
    return 0.0 if dtype.name in _POWERS and not _bits(element) else float(element)


# ---------------------------------------------------------------- integers and booleans


def _whole(value: Any, dtype: DataType) -> NDArray[Any]:
    if dtype.kind == "b":
        return np.array(binding.boolean(value))
    if dtype.kind not in "iu":
        raise InvalidArgument(f"fill_value not supported for data type {dtype.name}")
    low = -(1 << dtype.digits) if dtype.kind == "i" else 0
    high = (1 << dtype.digits) - 1
    number = binding.integer(value, low, high)
    if dtype.digits < 7:  # int2 and int4: a byte is stored, of which no bit is left to chance
        return np.array(number, np.int8).view(dtype.array_dtype)
    return _converted(np.array(number, np.uint64 if dtype.kind == "u" else np.int64), dtype)


# ---------------------------------------------------------------- floats


def _float3(value: Any, dtype: DataType) -> NDArray[Any]:
    if isinstance(value, str):
        if value in _NAMED:
            return _float_array(_NAMED[value], dtype)
        if _HEX.fullmatch(value) and len(value) - 2 <= 2 * dtype.itemsize:
            bits = int(value, 16).to_bytes(dtype.itemsize, "little")
            array: NDArray[Any] = np.frombuffer(bits, f"<u{dtype.itemsize}").astype(f"u{dtype.itemsize}")
            return array.view(dtype.array_dtype).reshape(())
        raise binding.expected('"Infinity", "-Infinity", "NaN", or hex string', value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise binding.expected("floating-point number", value)
    return _float_array(float(value), dtype)


def _float2(value: Any, dtype: DataType) -> NDArray[Any]:
    number: float | None = None
    if isinstance(value, str):
        number = _NAMED.get(value)
        if number is None:
            number = _spelled(value)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        number = float(value)
    if number is None:
        raise InvalidArgument(f"Invalid floating-point value: {binding.dumps(value)}")
    return _float_array(number, dtype)


def _spelled(text: str) -> float | None:
    try:
        number = float.fromhex(text) if text[:3].lstrip("-").startswith("0x") else float(text)
    except (ValueError, OverflowError):
        return None
    named = number != number or number in (float("inf"), float("-inf"))
    return None if named or "_" in text else number


def _float_array(number: float, dtype: DataType) -> NDArray[Any]:
    if dtype.name in _POWERS and not number:
        return np.zeros((), dtype.array_dtype)
    return _converted(np.array(number), dtype)


def _converted(array: NDArray[Any], dtype: DataType) -> NDArray[Any]:
    with np.errstate(all="ignore"):
        return array.astype(dtype.array_dtype)


def _bits(element: NDArray[Any]) -> int:
    return int(element.reshape(1).view(f"u{element.dtype.itemsize}")[0])


def _named(number: float) -> Any:
    if number != number:
        return "NaN"
    if number in (float("inf"), float("-inf")):
        return "Infinity" if number > 0 else "-Infinity"
    return number


# ---------------------------------------------------------------- complex numbers


def _part_type(dtype: DataType) -> DataType:
    return float32 if dtype.name == "complex64" else float64


def _complex(parts: list[Any], dtype: DataType, parse: Any) -> NDArray[Any]:
    found = []
    for index, part in enumerate(parts):
        with binding.at_position(index):
            found.append(parse(part, _part_type(dtype)).tobytes())
    array: NDArray[Any] = np.frombuffer(b"".join(found), np.uint8).view(dtype.array_dtype)
    return array.reshape(())


def _parts(element: NDArray[Any], dtype: DataType, show: Any) -> list[Any]:
    part = _part_type(dtype)
    both = element.reshape(1).view(part.array_dtype)
    return [show(both[i].reshape(()), part) for i in range(2)]


def packed(value: Any, size: int) -> bytes:
    """Return the `size` bytes that a zarr v2 fill value of bytes states.

    >>> packed("YWJj", 3)
    b'abc'

    Raises:
        InvalidArgument: it states none, or not so many.
    """
    try:
        data = b64decode(value, validate=True) if isinstance(value, str) else b""
    except ValueError:
        data = b""
    if len(data) != size:
        raise binding.expected(f"{size} base64-encoded bytes", value)
    return data


def _encoded(value: Any, dtype: DataType, big: bool) -> NDArray[Any]:
    data = packed(value, dtype.itemsize)
    stored = dtype.array_dtype.newbyteorder(">" if big else "<")
    array: NDArray[Any] = np.frombuffer(data, np.uint8).view(stored).astype(dtype.array_dtype)
    return array.reshape(())
