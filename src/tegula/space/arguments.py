"""What callers may pass as a number, a flag, a label or a row of these.

What this file knows: which Python and NumPy objects the drop-in's bindings take for each, and what of them
is a `TypeError`.  What it must not know: what the arguments are for.

A bound is whatever has `__index__`; a plain number also what converts to int and is no float (`np.float32`
does, as in the drop-in).  A flag is whatever has `__bool__`, a label a string or bytes of UTF-8, a row any
iterable but text, bytes, a mapping, a set or a single dimension.
Law: each function is idempotent.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import index
from typing import Any

from tegula.space.interval import MAX_INT64, MIN_INT64

__all__ = ["flag", "int64", "is_row", "is_whole", "label_of", "number", "option", "row"]


def is_whole(value: object) -> bool:
    """Tell whether `value` is taken for an integer.

    >>> import numpy as np
    >>> [is_whole(one) for one in (3, np.int8(3), np.float32(3), 3.0, np.array(3), np.array([3]), "3")]
    [True, True, True, False, True, False, False]
    """
    if isinstance(value, (float, str)) or not hasattr(value, "__int__"):
        return hasattr(value, "__index__")
    dimensions: Any = getattr(value, "ndim", 0)
    return not dimensions


def int64(value: Any, what: str) -> int:
    """Return `value` as an int of 64 bits; raise `TypeError` for anything else (floats included)."""
    try:
        number = index(value)
    except TypeError:
        raise TypeError(f"{what} must be an integer, not {type(value).__name__}") from None
    if not MIN_INT64 <= number <= MAX_INT64:
        raise TypeError(f"{what} {number} does not fit into 64 bits")
    return number


def number(value: Any, what: str) -> int:
    """Return `value` as an int of 64 bits, what `is_whole` takes included; raise `TypeError`."""
    if not hasattr(value, "__index__") and is_whole(value):
        value = int(value)
    return int64(value, what)


def flag(value: object, what: str) -> bool:
    """Return a flag; None is False; raise `TypeError` for what says neither yes nor no.

    >>> flag(1, "implicit"), flag(None, "implicit")
    (True, False)
    """
    if value is None or hasattr(type(value), "__bool__"):
        return bool(value)
    raise TypeError(f"{what} must be True or False, not {type(value).__name__}")


def option(value: object, name: str) -> bool:
    """Return a flag that is one option of several, told by its name as in the drop-in; None is False.

    >>> option(True, "create"), option(None, "create")
    (True, False)
    """
    if value is None or hasattr(type(value), "__bool__"):
        return bool(value)
    raise TypeError(f"Invalid {name}")


def label_of(value: object) -> str:
    """Return a label given as a string, bytes of UTF-8 or None; raise `TypeError`."""
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.decode()
    if not isinstance(value, str):
        raise TypeError(f"label must be a string, not {type(value).__name__}")
    try:
        if not value.isascii():
            value.encode()
    except UnicodeEncodeError:
        raise TypeError("label must be a string of whole characters") from None
    return str(value)


def is_row(value: object) -> bool:
    """Tell whether `value` is taken for a row of values.

    >>> [is_row(one) for one in ([1], (), range(3), "ab", {}, 3)]
    [True, True, True, False, False, False]
    """
    if isinstance(value, (list, tuple)):
        return True
    single = isinstance(value, (str, bytes, Mapping)) or hasattr(value, "implicit_lower")
    return not single and hasattr(value, "__iter__") and not isinstance(value, set)


def row(values: Any, what: str) -> tuple[Any, ...]:
    """Return the values of a row; raise `TypeError` for what is none."""
    if not is_row(values):
        raise TypeError(f"{what} must be a sequence, not {type(values).__name__}")
    return tuple(values)
