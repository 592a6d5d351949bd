"""Reading and writing one metadata document, whatever it says.

What this file knows: JSON as the drop-in reads it, how large and how deep a document may be, and the
checks that every chunked format makes.  What it must not know: the members of any one format.

Law: bytes of any kind give a value or a `TegulaError`, in memory proportional to their number.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from tegula import binding
from tegula.errors import DataLoss, FailedPrecondition, InvalidArgument, TegulaError, Unimplemented
from tegula.space.interval import MAX_RANK

__all__ = ["MAX_BYTES", "MAX_DEPTH", "extent", "parse_json", "read", "shape", "writable"]

MAX_BYTES = 16 << 20
"""The largest document that is read, and so that is written."""
MAX_DEPTH = 200
"""The deepest nesting that is read."""
_EXTENT = 2**63 - 2


class _InvalidJsonError(ValueError):
    pass


def _constant(name: str) -> Any:
    raise _InvalidJsonError(name)


def _integer(text: str) -> int | float:
    if len(text) < 19:
        return int(text)
    if len(text) > 400:
        raise _InvalidJsonError(text[:40])
    number = int(text)
    return number if -(2**63) <= number < 2**64 else float(number)


def _float(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise _InvalidJsonError(text[:40])
    return number


def parse_json(data: bytes, nan: bool = False) -> Any:
    """Return the JSON value of UTF-8 text; integers beyond 64 bits become floats.

    `nan`: ``NaN`` and ``Infinity`` are numbers, as Python's own module writes them.

    >>> parse_json(b'{"a": [1, 18446744073709551616]}')
    {'a': [1, 1.8446744073709552e+19]}

    Raises:
        DataLoss: it is not JSON, too large or nested too deeply.
    """
    data = bytes(data)
    if len(data) > MAX_BYTES:
        raise DataLoss(f"Invalid JSON: {len(data)} bytes exceed the limit of {MAX_BYTES}")
    try:
        text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
        constant = float if nan else _constant
        value = json.loads(text, parse_int=_integer, parse_float=_float, parse_constant=constant)
        if "\\ud" in text or "\\uD" in text:
            binding.dumps(value).encode("utf-8")  # half of a surrogate pair is no text
    except (ValueError, OverflowError):
        raise DataLoss("Invalid JSON") from None
    except RecursionError:
        raise DataLoss("Invalid JSON") from None
    if data.count(b"[") + data.count(b"{") > MAX_DEPTH and _depth_exceeds(value, MAX_DEPTH):
        raise DataLoss("Invalid JSON: nested too deeply")
    return value


def writable(data: bytes) -> bytes:
    """Return the bytes of a document that can be read again.

    >>> writable(b"{}")
    b'{}'

    Raises:
        InvalidArgument: it is larger than what is read.
    """
    if len(data) > MAX_BYTES:
        raise InvalidArgument(f"A document of {len(data)} bytes exceeds the limit of {MAX_BYTES}")
    return data


def _depth_exceeds(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit + 1):
        inner: list[Any] = []
        for item in level:
            inner.extend(item.values() if isinstance(item, dict) else item)
        level = [item for item in inner if isinstance(item, (dict, list))]
        if not level:
            return False
    return True


REMEMBERED = 16 << 10  # bytes of a document up to which its meaning is kept


@lru_cache(maxsize=128)
def _parsed(data: bytes, parse: Callable[[dict[str, Any]], Any]) -> Any:
    # documents are values, and many arrays (and every open of one) have the same
    return parse(binding.mapping(parse_json(data)))


def read(
    data: bytes, where: str, parse: Callable[[dict[str, Any]], Any], invalid: type[TegulaError] = DataLoss
) -> Any:
    """Return what `parse` makes of a stored document; `where` names it in errors.

    Raises:
        FailedPrecondition: it is not what the format says.
        Unimplemented: it is, but is not supported.
        DataLoss: it is not JSON (`invalid` may name another class).
    """
    prefix = f"Error reading {where}: "
    if len(data) <= REMEMBERED:
        try:
            return _parsed(bytes(data), parse)
        except TegulaError:
            pass  # told below, where it is
    try:
        value = parse_json(data)
    except DataLoss as error:
        raise invalid(prefix + error.message) from None
    try:
        return parse(binding.mapping(value))
    except Unimplemented as error:
        raise Unimplemented(prefix + error.message) from None
    except TegulaError as error:
        raise FailedPrecondition(prefix + error.message) from None


def extent(value: Any, low: int = 0) -> int:
    """Return one size of a shape or (with `low` 1) of a chunk."""
    return binding.integer(value, low, _EXTENT)


def shape(value: Any, low: int = 0, rank: int | None = None) -> tuple[int, ...]:
    """Return a JSON array of sizes.

    >>> shape([2, 3])
    (2, 3)

    Raises:
        InvalidArgument: a size is less than `low`, there are too many, or not `rank`.
    """
    items = binding.array(value, rank)
    if len(items) > MAX_RANK:
        raise InvalidArgument(f"Rank {len(items)} is outside valid range [0, {MAX_RANK}]")
    found = []
    for index, item in enumerate(items):
        with binding.at_position(index):
            found.append(extent(item, low))
    return tuple(found)


def sequence(value: Any, rank: int | None, parse: Callable[[Any], Any]) -> tuple[Any, ...]:
    """Return a JSON array, each item through `parse`."""
    found = []
    for index, item in enumerate(binding.array(value, rank)):
        with binding.at_position(index):
            found.append(parse(item))
    return tuple(found)


def missing(what: str) -> InvalidArgument:
    """Return the error of a member that is not there."""
    return InvalidArgument(f"Expected {what}, but member is missing")
