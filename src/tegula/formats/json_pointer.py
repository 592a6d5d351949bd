"""JSON pointers (RFC 6901): the part of a document that one names, read and replaced.

Knows the syntax and what it means for objects and arrays.  Must not know where documents are stored.
Law: ``found(replaced(document, pointer, value), pointer) == value``, unless the pointer appends (``-``).
"""

from __future__ import annotations

from typing import Any

from tegula.binding import compact
from tegula.errors import FailedPrecondition, InvalidArgument, NotFound, OutOfRange
from tegula.kv.paths import quoted

__all__ = ["MISSING", "checked", "found", "replaced"]

MISSING: Any = object()
"""Stands for a document that is not there."""


def checked(pointer: str) -> str:
    """Return `pointer`, which is one.

    >>> checked("/a/0")
    '/a/0'

    Raises:
        InvalidArgument: it does not begin with a slash, or a tilde has no meaning.
    """
    if pointer and not pointer.startswith("/"):
        raise InvalidArgument(f"JSON Pointer does not start with '/': {quoted(pointer)}")
    if "~" in pointer.replace("~0", "").replace("~1", ""):
        raise InvalidArgument(f"JSON Pointer requires '~' to be followed by '0' or '1': {quoted(pointer)}")
    return pointer


def found(document: Any, pointer: str) -> Any:
    """Return the part of a document that a pointer names.

    >>> found({"a": [1, 2]}, "/a/1")
    2

    Raises:
        NotFound: an object has no such member.
        OutOfRange: an array is too short.
        FailedPrecondition: there is no such way through the document.
    """
    for said, token in _steps(pointer):
        if isinstance(document, dict):
            if token not in document:
                raise NotFound(f"JSON Pointer {quoted(said)} refers to non-existent object member")
            document = document[token]
        else:
            position = _position(document, said, token)
            if position is None:
                raise FailedPrecondition(f"JSON Pointer {quoted(said)} refers to non-existent array element")
            if position >= len(document):
                raise OutOfRange(_outside(said, document))
            document = document[position]
    return document


def replaced(document: Any, pointer: str, value: Any) -> Any:
    """Return a document in which a pointer names `value`; missing objects on the way are made.

    `document` may be `MISSING`, and is not changed.

    >>> replaced({"a": 1}, "/b/c", 2)
    {'a': 1, 'b': {'c': 2}}

    Raises:
        FailedPrecondition: there is no such way through the document.
    """
    return _replaced(document, _steps(pointer), value)


def _replaced(document: Any, steps: list[tuple[str, str]], value: Any) -> Any:
    if not steps:
        return value
    (said, token), *further = steps
    if document is MISSING:
        return {token: _replaced(MISSING, further, value)}
    if isinstance(document, dict):
        return {**document, token: _replaced(document.get(token, MISSING), further, value)}
    position = _position(document, said, token)
    if position is None:
        return [*document, _replaced(MISSING, further, value)]
    if position >= len(document):
        raise FailedPrecondition(_outside(said, document))
    changed = list(document)
    changed[position] = _replaced(document[position], further, value)
    return changed


def _steps(pointer: str) -> list[tuple[str, str]]:
    """Return, for each reference token, the pointer up to it and the token itself."""
    parts = pointer.split("/")
    return [
        ("/".join(parts[: end + 1]), parts[end].replace("~1", "/").replace("~0", "~"))
        for end in range(1, len(parts))
    ]


def _position(document: Any, said: str, token: str) -> int | None:
    """Return which element of an array a token names; None: the one after the last."""
    if not isinstance(document, list):
        kind = "null" if document is None else "boolean" if isinstance(document, bool) else "number"
        kind = "string" if isinstance(document, str) else kind
        raise FailedPrecondition(
            f"JSON Pointer reference {quoted(said)} cannot be applied to {kind} value: "
            f"{compact(document).decode()}"
        )
    if token == "-":
        return None
    if not (token.isascii() and token.isdigit() and len(token) < 20 and (token == "0" or token[0] != "0")):
        raise FailedPrecondition(f"JSON Pointer {quoted(said)} is invalid for array value")
    return int(token)


def _outside(said: str, document: list[Any]) -> str:
    return f"JSON Pointer {quoted(said)} is out-of-range for array of size {len(document)}"
