"""Fill values: the array that stands where nothing was written, as small as it can be.

What this file knows: how a fill value is read, printed, compared and broadcast, and what it looks like
through an index transform.  What it must not know: formats (which may restrict it to one element).

A fill value is an array with leading dimensions of size 1 left out, and dimensions along which it
was merely repeated (stride 0) kept at size 1.  Its type is that of the schema where one was known
when it was set, and otherwise its own: JSON for what came as JSON.

Law: ``np.broadcast_to(fill.array, shape)`` succeeds exactly where `check_fits` passes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tegula import binding
from tegula.errors import InvalidArgument
from tegula.row import NamedTuple
from tegula.schema import dtypes
from tegula.schema.constraint import braced
from tegula.schema.convert import cast
from tegula.schema.dtypes import DataType
from tegula.space.domain import IndexDomain
from tegula.space.interval import MAX_RANK

__all__ = [
    "Fill",
    "array_of_json",
    "check_fits",
    "check_rank",
    "checked",
    "fill_of",
    "fill_of_json",
    "same",
    "text",
    "to_json",
    "unbroadcast",
]


class Fill(NamedTuple):
    """A fill value: the array, the data type of its elements, and the shape it was given in, for errors."""

    array: np.ndarray[Any, Any]
    dtype: DataType
    given: tuple[int, ...] | None = None


def check_rank(array: np.ndarray[Any, Any]) -> None:
    """Raise InvalidArgument for an array of more dimensions than there may be."""
    if array.ndim > MAX_RANK:
        raise InvalidArgument(f"Array of rank {array.ndim} is not supported by tegula")


def unbroadcast(array: np.ndarray[Any, Any], dtype: DataType) -> Fill:
    """Return the fill value of an array, without what broadcasting would bring back."""
    given = array.shape
    check_rank(array)
    if array.ndim:
        repeated = [stride == 0 and size > 1 for stride, size in zip(array.strides, array.shape, strict=True)]
        array = array[tuple([slice(0, 1) if again else slice(None) for again in repeated])]
        lead = 0
        while lead < array.ndim and array.shape[lead] == 1:
            lead += 1
        array = array.reshape(array.shape[lead:])
    array = array.view()
    array.flags.writeable = False
    return Fill(array, dtype, given)


def fill_of(value: Any, dtype: DataType | None) -> Fill:
    """Return the fill value of what a user gives: a number, a sequence, an array, text, or JSON.

    >>> fill_of([[1, 2]], dtypes.int8).array
    array([1, 2], dtype=int8)

    Raises:
        TypeError, ValueError, OverflowError: NumPy cannot make elements of the type of it.
    """
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind not in "OU":
        array = np.asarray(value)
        source = DataType(array.dtype)
        array = array.astype(source.array_dtype, copy=False)
        if dtype is None or dtype is source:
            return unbroadcast(_frozen(array), source)
        if isinstance(value, np.generic):
            return unbroadcast(cast(array, dtype, source), dtype)
        return unbroadcast(array.astype(dtype.array_dtype, casting="safe"), dtype)
    if dtype is None:
        if isinstance(value, bytes):
            return unbroadcast(_scalar(value), dtypes.string)
        if isinstance(value, str):
            return unbroadcast(_scalar(value), dtypes.ustring)
        if isinstance(value, dict):
            return unbroadcast(_scalar(binding.as_json(value)), dtypes.json)
        array = np.asarray(value)
        if array.dtype.kind == "O":
            return fill_of_json(binding.as_json(value), dtypes.json)
        return unbroadcast(_frozen(array), DataType(array.dtype))
    if dtype is dtypes.json:
        return fill_of_json(binding.as_json(value), dtype)
    if dtype.kind == "o":
        return unbroadcast(checked(np.asarray(value, dtype=object), dtype), dtype)
    if isinstance(value, (bytes, str)) and dtype.kind == "r":
        return unbroadcast(np.array(value, dtype.array_dtype), dtype)
    return unbroadcast(np.array(value, dtype.array_dtype), dtype)


def _frozen(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return a private copy, repeated dimensions still repeated."""
    lead = tuple([slice(0, 1) if stride == 0 else slice(None) for stride in array.strides])
    return np.broadcast_to(array[lead].copy(), array.shape)


def _scalar(value: Any) -> np.ndarray[Any, Any]:
    array = np.empty((), object)
    array[()] = value
    return array


def checked(array: np.ndarray[Any, Any], dtype: DataType) -> np.ndarray[Any, Any]:
    """Return an array of objects as elements of `dtype`: text as it is, JSON as JSON values.

    Raises:
        TypeError: an object is no such element.
    """
    if dtype is dtypes.json:
        made = np.empty(array.shape, object)
        for position in np.ndindex(array.shape):
            made[position] = binding.as_json(array[position])
        return made
    kind = dtype.type
    for item in array.reshape(-1).tolist():
        if not isinstance(item, kind):
            raise TypeError(f"expected {kind.__name__}, {type(item).__name__} found")
    return array


def fill_of_json(value: Any, dtype: DataType | None) -> Fill:
    """Return the fill value of a JSON document: nested arrays of elements.

    Raises:
        InvalidArgument: the arrays do not form a box, or an element is not of the type.
    """
    wanted = dtype or dtypes.json
    return unbroadcast(array_of_json(value, wanted), wanted)


def array_of_json(value: Any, wanted: DataType, rank: int | None = None) -> np.ndarray[Any, Any]:
    """Return the array of a JSON document: nested arrays of elements; json elements nest below `rank`.

    Raises:
        InvalidArgument: the arrays do not form a box, or an element is not of the type.
    """
    if wanted.kind in "cr":
        raise InvalidArgument(f"Conversion from JSON to {wanted.name} is not implemented")
    shape = _json_shape(value)
    array = np.empty(shape, object)
    _fill_nested(array, value, (), shape)
    if rank is not None and rank != len(shape):
        raise InvalidArgument(f"Array rank ({len(shape)}) does not match expected rank ({rank})")
    if wanted is dtypes.json:
        return array
    out = np.empty(shape, wanted.array_dtype)
    for position in np.ndindex(shape):
        element = _scalar(array[position])
        with binding.at(f"Error parsing array element at position {braced(position)}: "):
            out[position] = cast(element, wanted, dtypes.json)[()]
    return out


def _json_shape(value: Any) -> tuple[int, ...]:
    shape: tuple[int, ...] = ()
    while isinstance(value, list):
        shape += (len(value),)
        if not value:
            break
        value = value[0]
    return shape


def _fill_nested(
    array: np.ndarray[Any, Any], value: Any, at: tuple[int, ...], shape: tuple[int, ...]
) -> None:
    if len(at) == len(shape):
        if isinstance(value, list) and shape:
            shown = f"array element {binding.dumps(value)}"
            raise InvalidArgument(
                f"Expected rank-{len(shape)} array, but found {shown} at position {braced(at)}."
            )
        array[at] = value
        return
    if not isinstance(value, list):
        shown = f"non-array element {binding.dumps(value)}"
        raise InvalidArgument(
            f"Expected rank-{len(shape)} array, but found {shown} at position {braced(at)}."
        )
    if len(value) != shape[len(at)]:
        raise InvalidArgument(
            f"Expected array of shape {braced(shape)}, but found array element {binding.dumps(value)} "
            f"of length {len(value)} at position {braced(at)}."
        )
    for i, item in enumerate(value):
        _fill_nested(array, item, (*at, i), shape)


def to_json(fill: Fill) -> Any:
    """Return the JSON form: nested lists of elements, complex numbers as pairs."""
    return cast(fill.array, dtypes.json, fill.dtype).tolist()


def same(a: Fill, b: Fill) -> bool:
    """Tell whether two fill values are of one type and equal; NaN equals NaN.

    >>> same(fill_of(3, dtypes.int8), fill_of(3, dtypes.int16))
    False
    """
    if a.dtype is not b.dtype or a.array.shape != b.array.shape:
        return False
    with np.errstate(invalid="ignore"):
        equal = a.array == b.array
        if a.dtype.kind in "fc":
            equal = equal | ((a.array != a.array) & (b.array != b.array))
    return bool(np.all(equal))


def text(fill: Fill) -> str:
    """Return the value as error texts show it."""

    def nested(value: Any) -> str:
        if isinstance(value, list):
            return "{" + ", ".join(map(nested, value)) + "}"
        if isinstance(value, bool) and fill.dtype is dtypes.bool:
            return str(int(value))
        return binding.dumps(value) if not isinstance(value, float) else f"{value:g}"

    return nested(to_json(fill))


def check_fits(fill: Fill, domain: IndexDomain, what: str) -> None:
    """Raise InvalidArgument unless the value can be broadcast to a domain; `what` is said to be at fault."""
    shape, wanted = fill.array.shape, domain.shape
    lead = len(wanted) - len(shape)
    if lead < 0 or any(n not in (1, m) for n, m in zip(shape, wanted[max(lead, 0) :], strict=False)):
        stated = braced(shape if fill.given is None else fill.given)
        raise InvalidArgument(
            f"{what}: Cannot broadcast array of shape {stated} to target shape {braced(wanted)}"
        )
