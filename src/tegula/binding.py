"""JSON to values and back: what every parser of a JSON document shares.

What this file knows: the shapes of JSON values, how they print (`compact`, `pretty`), and the texts
of the errors that say where in a document something is wrong.  What it must not know: any member
name of any document.

A JSON value is None, bool, int, float, str, or a list or str-keyed dict of JSON values.  The
parsers (`integer`, `number`, `text`, `array`, `mapping`, ...) take such a value and return it
checked; `at_member` and `at_position` put the place in front of errors that rise through them.

Laws: ``json.loads(compact(v)) == v``; ``eval(pretty(v)) == v`` for finite numbers; both are
independent of the order in which members were inserted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from types import TracebackType
from typing import Any, TypeAlias

from tegula.errors import InvalidArgument, TegulaError, annotated

__all__ = [
    "ABSENT",
    "Json",
    "array",
    "as_json",
    "at",
    "at_member",
    "at_position",
    "boolean",
    "compact",
    "expected",
    "integer",
    "mapping",
    "members",
    "number",
    "ordered",
    "pretty",
    "pretty_member",
    "quoted",
    "take",
    "text",
]

Json: TypeAlias = "dict[str, Any] | list[Any] | str | int | float | bool | None"
"""A JSON value."""

_INT_LOW, _INT_HIGH = -(2**63), 2**64 - 1


class _Absent:
    """Stands for an argument that was left out where None is a JSON value."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Any = _Absent()


# ---------------------------------------------------------------- Python values to JSON values


def as_json(value: Any) -> Any:
    """Return `value` as a JSON value: tuples and arrays become lists, `to_json` is asked.

    >>> import numpy as np
    >>> as_json({"shape": (np.int64(2), 3), 1: np.arange(2)})
    {'shape': [2, 3], '1': [0, 1]}

    Raises:
        TypeError: there is no JSON value for it.
        OverflowError: an integer does not fit 64 bits.
    """
    kind = type(value)
    if value is None or kind is bool or kind is float:
        return value
    if kind is str:
        return value
    if kind is int:
        if _INT_LOW <= value <= _INT_HIGH:
            return value
        raise OverflowError("int too big to convert")
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, bytes, bytearray, range)):
        return [as_json(item) for item in value]
    if isinstance(value, str):
        return str(value)
    if isinstance(value, type):  # what its values can do, it cannot
        raise TypeError(f"Object '{kind.__name__}' does not support conversion to JSON")
    if hasattr(value, "to_json"):
        return as_json(value.to_json())
    if hasattr(value, "dtype") and hasattr(value, "tolist"):
        return as_json(value.tolist())
    if hasattr(value, "__index__"):
        return as_json(value.__index__())
    if hasattr(value, "__float__") and kind is not complex:
        return float(value)
    raise TypeError(f"Object '{kind.__name__}' does not support conversion to JSON")


def ordered(json: Any) -> Any:
    """Return a JSON value with the members of every object in the order of their names.

    >>> ordered([{"b": 1, "a": {"d": 2, "c": 3}}])
    [{'a': {'c': 3, 'd': 2}, 'b': 1}]
    """
    if isinstance(json, dict):
        return {name: ordered(json[name]) for name in sorted(json)}
    return [ordered(item) for item in json] if isinstance(json, list) else json


# ---------------------------------------------------------------- JSON values as text

# what Python's own encoder prints otherwise: non-finite numbers, and the floats from 1e15 to 1e16
_UNUSUAL = re.compile(r"NaN|Infinity|\d{16}\.")
_ENCODE = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


def compact(value: Any) -> bytes:
    """Return the JSON text of a JSON value: no spaces, members sorted, UTF-8.

    A number that JSON cannot hold (an infinity or NaN) becomes null.

    >>> compact({"b": [1.0, 1e20], "a": None})
    b'{"a":null,"b":[1.0,1e+20]}'
    """
    return dumps(value).encode("utf-8", "surrogateescape")


def dumps(value: Any) -> str:
    """Return `compact` as str."""
    found = _ENCODE(value)
    return _slow(value) if _UNUSUAL.search(found) else found


def _slow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{_ENCODE(key)}:{_slow(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(_slow, value)) + "]"
    return _float(value, "null") if isinstance(value, float) else _ENCODE(value)


def _float(value: float, unrepresentable: str) -> str:
    size = abs(value)
    if not size < float("inf"):
        return unrepresentable
    shown = repr(value)
    if not 1e15 <= size < 1e16:
        return shown
    sign, digits = "-" * (value < 0), shown.lstrip("-").removesuffix(".0").replace(".", "").rstrip("0")
    return f"{sign}{digits[0]}{'.' * (len(digits) > 1)}{digits[1:]}e+15"


_ESCAPES = {"\\": "\\\\", '"': '\\"', "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_TO_ESCAPE = re.compile(r"[\\\"'\x00-\x1f\x7f]")


def _escaped(text: str) -> str:
    if text.isascii() and text.isprintable() and not ("'" in text or '"' in text or "\\" in text):
        return text
    return _TO_ESCAPE.sub(lambda m: _ESCAPES.get(m[0]) or f"\\x{ord(m[0]):02x}", text)


def quoted(text: str) -> str:
    r"""Return text in double quotes, with escapes, as error texts show it.

    >>> print(quoted('a"b'))
    "a\"b"
    """
    return f'"{_escaped(text)}"'


def _atom(value: Any) -> str:
    if isinstance(value, str):
        return f"'{_escaped(value)}'"
    if isinstance(value, float):
        return _float(value, repr(value))
    return repr(value)


_WIDTH = 80


def pretty(value: Any, *, indent: int = 0, used: int = 0) -> str:
    """Return a JSON value as Python literals, on one line where it fits 80 columns.

    `indent` is the column of the closing bracket, `used` what the first line and what follows it take.

    >>> print(pretty({"b": [1, True], "a": None}))
    {'a': None, 'b': [1, True]}
    >>> print(pretty({"path": "x" * 70, "driver": "memory"}))
    {
      'driver': 'memory',
      'path': 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx',
    }
    """
    if not isinstance(value, (dict, list, tuple)):
        return _atom(value)
    line = _one_line(value, _WIDTH - used)
    if line is not None:
        return line
    if isinstance(value, dict):
        items = [pretty_member(key, value[key], indent=indent) for key in sorted(value)]
        opening, closing = "{", "}"
    else:
        # one column for the comma after each bracket that this item is in
        pad, commas = " " * (indent + 2), indent // 2 + 1
        items = [pad + pretty(item, indent=indent + 2, used=indent + 2 + commas) for item in value]
        opening, closing = "[", "]"
    body = "".join(f"{item},\n" for item in items)
    return f"{opening}\n{body}{' ' * indent}{closing}"


def pretty_member(name: str, value: Any, *, indent: int = 0) -> str:
    """Return a member of an object that takes several lines, as `pretty` shows it; without the comma.

    >>> pretty_member("shape", [3, 4])
    "  'shape': [3, 4]"
    """
    part = f"{' ' * (indent + 2)}'{_escaped(name)}': "
    return part + pretty(value, indent=indent + 2, used=len(part) + indent // 2 + 1)


def _one_line(value: Any, room: int) -> str | None:
    """Return `value` on one line, or None where that takes more than `room` columns."""
    if not isinstance(value, (dict, list, tuple)):
        shown = _atom(value)
        return shown if len(shown) <= room else None
    if type(value) is list and {int}.issuperset(map(type, value)):
        shown = repr(value)
        return shown if len(shown) <= room else None
    left = room - 2
    parts: list[str] = []
    for item in sorted(value) if isinstance(value, dict) else value:
        head, inner = (f"'{_escaped(item)}': ", value[item]) if isinstance(value, dict) else ("", item)
        left -= len(head) + (2 if parts else 0)
        found = _one_line(inner, left)
        if found is None:
            return None
        left -= len(found)
        parts.append(head + found)
    if left < 0:
        return None
    line = ", ".join(parts)
    return f"{{{line}}}" if isinstance(value, dict) else f"[{line}]"


# ---------------------------------------------------------------- checked parsing


def expected(what: str, value: Any) -> InvalidArgument:
    """Return the error that something else than `what` was found.

    >>> str(expected("string", {"a": 1}))
    'Expected string, but received: {"a":1}'
    """
    return InvalidArgument(f"Expected {what}, but received: {dumps(value)}")


def boolean(value: Any) -> bool:
    """Return a JSON boolean."""
    if isinstance(value, bool):
        return value
    raise expected("boolean", value)


def text(value: Any) -> str:
    """Return a JSON string."""
    if isinstance(value, str):
        return value
    raise expected("string", value)


def number(value: Any) -> float:
    """Return a JSON number as a float."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    raise expected("64-bit floating-point number", value)


def integer(value: Any, low: int = -(2**63), high: int = 2**63 - 1) -> int:
    """Return a JSON integer within bounds; a float with an integral value is one.

    >>> integer(3.0), integer(7, 0, 10)
    (3, 7)
    """
    whole = value
    if isinstance(value, float) and value.is_integer():
        whole = int(value) if abs(value) < 2.0**64 else value
    if isinstance(whole, int) and not isinstance(whole, bool) and low <= whole <= high:
        return whole
    raise expected(_WORDS.get((low, high)) or f"integer in the range [{low}, {high}]", value)


_WORDS = {(-(2**63), 2**63 - 1): "64-bit signed integer", (0, 2**64 - 1): "64-bit unsigned integer"}


def equal(a: Any, b: Any) -> bool:
    """Whether two JSON values are one: numbers by what they are worth, true and 1 are two.

    >>> equal({"a": [1, 2.0]}, {"a": [1.0, 2]}), equal([True], [1])
    (True, False)
    """
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(equal(value, b[name]) for name, value in a.items())
    return bool(a == b)


def array(value: Any, length: int | None = None) -> list[Any]:
    """Return a JSON array, of the given length where there is one."""
    if not isinstance(value, list):
        raise expected("array", value)
    if length is not None and len(value) != length:
        raise InvalidArgument(f"Array has length {len(value)} but should have length {length}")
    return value


def mapping(value: Any) -> dict[str, Any]:
    """Return a JSON object."""
    if isinstance(value, dict):
        return value
    raise expected("object", value)


def members(value: Any, allowed: Collection[str]) -> dict[str, Any]:
    """Return a JSON object all of whose members are `allowed`.

    >>> members({"a": 1}, ("a", "b"))
    {'a': 1}

    Raises:
        InvalidArgument: it is not an object, or has other members.
    """
    found = mapping(value)
    extra = [key for key in found if key not in allowed]
    if extra:
        listed = ",".join(_ENCODE(key) for key in sorted(extra))
        raise InvalidArgument(f"Object includes extra members: {listed}")
    return found


def take(value: Any, parsers: Mapping[str, Callable[[Any], None]]) -> None:
    """Hand the members of a JSON object to their parsers, in the order of the parsers.

    Raises:
        InvalidArgument: it is not an object, a parser refuses its member, or there are other members.
    """
    found = mapping(value)
    for name, parse in parsers.items():
        if name in found:
            with at_member(name):
                parse(found[name])
    members(found, parsers)


class at:  # noqa: N801 - reads as a statement: with at("Error setting shape: "): ...
    """A context that puts a place in front of the errors that leave it."""

    __slots__ = ("_place",)

    def __init__(self, place: str) -> None:
        self._place = place

    def prefix(self) -> str:
        """Return what is put in front."""
        return self._place

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, TegulaError):
            raise annotated(error, self.prefix()).with_traceback(trace) from None


class at_member(at):  # noqa: N801
    """A context whose errors name the member that was being parsed.

    >>> with at_member("rank"):
    ...     text(3)
    Traceback (most recent call last):
        ...
    tegula.errors.InvalidArgument: Error parsing object member "rank": Expected string, but received: 3
    """

    __slots__ = ()

    def prefix(self) -> str:
        return f"Error parsing object member {quoted(self._place)}: "


def at_position(index: int) -> at:
    """Return a context whose errors name the position in an array that was being parsed."""
    return at(f"Error parsing value at position {index}: ")
